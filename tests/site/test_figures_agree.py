"""A number on a page is the same number in the API, in the page's CSV and in its workbook.

Table-driven: a row of PAGES says where a page's figures are and how its files lay them out.
Whoever adds a page with figures adds a row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

from tests.site.conftest import Site

NUMBER = re.compile(r"[−-]?[0-9][0-9,]*(?:\.[0-9]+)?")


@dataclass(frozen=True)
class Shown:
    """A figure as a page prints it: of which area and indicator, of when, and from what."""

    code: str
    indicator: str
    text: str
    period: str
    source: str

    @property
    def number(self) -> float:
        """The printed number."""
        found = NUMBER.search(self.text)
        assert found, f"“{self.text}” has no number"
        return float(found[0].replace(",", "").replace("−", "-"))


@dataclass(frozen=True)
class Kept:
    """A figure as a file holds it; period and release where the row says them."""

    value: float
    period: str = ""
    release: str = ""


@dataclass
class Node:
    """An element of a page."""

    tag: str
    has: dict[str, str]
    parts: list[Any] = field(default_factory=list)

    @property
    def text(self) -> str:
        words = "".join(p if isinstance(p, str) else p.text for p in self.parts)
        return " ".join(words.split())

    def find(self, wanted: Callable[[Node], bool]) -> list[Node]:
        """Return every element inside that is wanted, in the order of the page."""
        found = []
        for part in self.parts:
            if isinstance(part, Node):
                found += [part] if wanted(part) else []
                found += part.find(wanted)
        return found

    def classed(self, name: str) -> list[Node]:
        """Return every element inside with a class."""
        return self.find(lambda node: name in node.has.get("class", "").split())


class Tree(HTMLParser):
    """A page as elements."""

    VOID = frozenset({"area", "br", "hr", "img", "input", "link", "meta", "path", "use", "circle"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = Node("page", {})
        self.open = [self.root]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].parts.append(node)
        if tag not in self.VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].parts.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        for at in range(len(self.open) - 1, 0, -1):
            if self.open[at].tag == tag:
                del self.open[at:]
                return

    def handle_data(self, data: str) -> None:
        self.open[-1].parts.append(data)


def code_in(node: Node) -> str:
    """Return the code of the area that an element links to."""
    links = [a.has.get("href", "") for a in node.find(lambda n: n.tag == "a")]
    codes = [m[1] for link in links if (m := re.match(r"^/areas/([A-Z0-9]+)/", link))]
    return codes[0] if codes else ""


def on_profile(page: Node, address: str) -> list[Shown]:
    """Return the figure lines of a profile."""
    own = urlsplit(address).path.split("/")[2]
    found = []
    for line in page.classed("line"):
        values = line.classed("line-value")
        if not values:
            continue
        (value,) = values
        inherited = line.classed("line-inherited")
        period = value.classed("line-period")[0].text.split(", ")[0]
        source = " ".join(n.text for n in line.classed("source-line"))
        code = code_in(inherited[0]) if inherited else own
        found.append(Shown(code, line.has["id"], value.classed("figure")[0].text, period, source))
    return found


def on_sheet(page: Node, address: str) -> list[Shown]:
    """Return the cells of a table of areas by figures, in which a column is an indicator."""
    slugs = parse_qs(urlsplit(address).query)["show"][0].split(",")
    (sheet,) = page.find(lambda n: n.tag == "table" and "data-sheet" in n.has)
    head, *_ = sheet.find(lambda n: n.tag == "thead")
    periods = [n.text for n in head.classed("sheet-period")]
    assert len(periods) == len(slugs)
    found = []
    for row in sheet.find(lambda n: n.tag == "tr"):
        names = row.find(lambda n: n.tag == "th" and n.has.get("scope") == "row")
        cells = row.find(lambda n: n.tag == "td")
        if not names or not (code := code_in(names[0])):
            continue
        assert len(cells) == len(slugs)
        for slug, cell, period in zip(slugs, cells, periods, strict=True):
            if NUMBER.search(cell.text):
                found.append(Shown(code, slug, cell.text, period, page.text))
    return found


def on_indicator(page: Node, address: str) -> list[Shown]:
    """Return the rows of an indicator's table."""
    slug = urlsplit(address).path.split("/")[2]
    (table,) = page.find(lambda n: n.tag == "table" and "data-map-rows" in n.has)
    (caption,) = table.find(lambda n: n.tag == "caption")
    found = []
    for row in table.find(lambda n: n.tag == "tr"):
        code, cells = code_in(row), row.classed("num")
        if code and cells and NUMBER.search(cells[0].text):
            found.append(Shown(code, slug, cells[0].text, caption.text, page.text))
    return found


def long_rows(rows: list[dict[str, Any]], address: str) -> dict[tuple[str, str], Kept]:
    """Return the figures of a file with a row a figure."""
    found = {}
    for row in rows:
        for before in ("", "wider_"):
            if row[f"{before}value"] not in {None, ""}:
                key = row[f"{before}code"], row["indicator"]
                found[key] = Kept(float(row[f"{before}value"]), row["period"], row["release"])
    return found


def wide_rows(rows: list[dict[str, Any]], address: str) -> dict[tuple[str, str], Kept]:
    """Return the figures of a file with a column an indicator, headed “slug (unit, period)”."""
    slugs = parse_qs(urlsplit(address).query)["show"][0].split(",")
    rows = [{key.split(" (")[0]: cell for key, cell in row.items()} for row in rows]
    return {
        (row["code"], slug): Kept(float(row[slug]))
        for row in rows
        for slug in slugs
        if row[slug] not in {None, ""}
    }


def one_column(rows: list[dict[str, Any]], address: str) -> dict[tuple[str, str], Kept]:
    """Return the figures of a file of one indicator."""
    slug = urlsplit(address).path.split("/")[2]
    return {
        (row["code"], slug): Kept(float(row["value"]))
        for row in rows
        if row["value"] not in {None, ""}
    }


# What the CSV of one indicator says on each row, and a workbook in its notes.
EACH_ROW = {"period", "unit", "release", "source", "licence"}
Reader = Callable[[Node, str], list[Shown]]
Layout = Callable[[list[dict[str, Any]], str], dict[tuple[str, str], Kept]]
TWO = "show=household-size,population-density"
# The address of a page, the most that may be asked, where its files are, how both are read.
PAGES: list[tuple[str, str, Reader, Layout]] = [
    *(
        (f"/areas/{code}/?theme=all", f"/areas/{code}/figures.{{}}", on_profile, long_rows)
        for code in (
            "E06000002",
            "E05009854",
            "E01012007",
            "S12000049",
            "W06000015",
            "N09000003",
            "K02000001",
        )
    ),
    (
        f"/areas/E06000002/parts/?level=ward-2025&{TWO}",
        f"/areas/E06000002/parts.{{}}?level=ward-2025&{TWO}",
        on_sheet,
        wide_rows,
    ),
    (
        f"/compare/?areas=E06000002,W06000015,S12000036&{TWO},taxpayer-income",
        f"/compare.{{}}?areas=E06000002,W06000015,S12000036&{TWO},taxpayer-income",
        on_sheet,
        wide_rows,
    ),
    (
        "/indicators/taxpayer-income/?level=authority-2025",
        "/indicators/taxpayer-income/table.{}?level=authority-2025",
        on_indicator,
        one_column,
    ),
]


def api_rows(site: Site, shown: list[Shown]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return every figure that the API has of the areas and indicators of a page."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    codes, slugs = sorted({s.code for s in shown}), sorted({s.indicator for s in shown})
    for start in range(0, len(codes), 100):
        path = (
            f"/api/v1/observations?area={','.join(codes[start : start + 100])}"
            f"&indicator={','.join(slugs)}&limit=10000"
        )
        answer = site.get(path).json
        assert answer["next"] is None
        lines = list(csv.DictReader(io.StringIO(site.get(path.replace("?", ".csv?")).text)))
        assert len(lines) == len(answer["results"]) == answer["count"]
        for row, line in zip(answer["results"], lines, strict=True):
            assert (line["code"], line["indicator"], line["period"], line["release"]) == (
                row["code"], row["indicator"], row["period"], row["release"],
            )  # fmt: skip
            assert line["value"] == ("" if row["value"] is None else line["value"])
            assert row["value"] is None or float(line["value"]) == row["value"]
            found.setdefault((row["code"], row["indicator"]), []).append(row)
    return found


def workbook(body: bytes, names: list[str]) -> tuple[list[dict[str, Any]], str]:
    """Return the rows of the first sheet under the names of the CSV, and everything as text."""
    figures = pl.read_excel(io.BytesIO(body), sheet_name="Figures")
    notes = pl.read_excel(io.BytesIO(body), sheet_name="Notes", has_header=False)
    words = " ".join([*figures.columns, *(str(cell) for row in notes.rows() for cell in row)])
    names = [n for n in names if n not in EACH_ROW] if "wider_code" not in names else names
    return figures.rename(dict(zip(figures.columns, names, strict=True))).to_dicts(), words


def of_period(rows: list[dict[str, Any]], words: str) -> list[dict[str, Any]]:
    """Return the rows whose period is `words`, or else is named in them."""
    return [r for r in rows if r["period_label"] == words] or [
        r for r in rows if r["period_label"] in words
    ]


@pytest.mark.parametrize(("address", "files", "read", "laid_out"), PAGES)
def test_a_figure_is_the_same_on_the_page_in_the_api_and_in_both_files(
    site: Site, address: str, files: str, read: Reader, laid_out: Layout
):
    page = site.get(address)
    assert page.status == 200
    shown = read(Tree(page.text).root, address)
    assert shown, "the walk has something to compare"
    assert len({(s.code, s.indicator) for s in shown}) == len(shown)
    by_api = api_rows(site, shown)
    decimals = {
        i["slug"]: i["decimals"] for i in site.get("/api/v1/indicators?limit=1000").json["results"]
    }
    releases = {
        r["slug"]: r["name"] for r in site.get("/api/v1/releases?limit=1000").json["results"]
    }
    text = site.get(files.format("csv")).text
    lines = list(csv.DictReader(io.StringIO(text)))
    sheet, words = workbook(site.get(files.format("xlsx")).body_unzipped, list(lines[0]))
    for rows in (lines, sheet):
        kept = laid_out(rows, files.format("csv"))
        for one in shown:
            (row,) = of_period(by_api[one.code, one.indicator], one.period)
            half = 0.5 * 10 ** -decimals[one.indicator]
            assert abs(one.number - row["value"]) <= half * 1.000001, (one, row)
            assert releases[row["release"]] in one.source, (one, row)
            held = kept[one.code, one.indicator]
            assert held.value == pytest.approx(row["value"], rel=1e-12, abs=1e-12), (one, row)
            if held.period:
                assert held.period == row["period"]
                assert held.release == releases[row["release"]]
            else:
                assert row["period_label"] in words
                assert releases[row["release"]] in words
