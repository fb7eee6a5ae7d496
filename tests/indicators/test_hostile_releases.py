"""Hostile and broken files through the command: a sentence, nothing staged, nothing live touched.

Reading by itself is tested file by file in `reading/test_hostile.py`; here each goes the whole way,
with another release of the same indicator live, which must be as it was afterwards. Archives and
workbooks are read in a process of their own, as ever; text is read here, to save the second that
one takes to begin.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from indicators.insight.live import arrays
from indicators.models import (
    Coverage,
    DataVersion,
    Indicator,
    LiveSeries,
    Observation,
    PackedArray,
    Period,
    Release,
    ReleaseFile,
    Series,
    SeriesInput,
    Standing,
)
from indicators.releases import housekeeping
from tests.conftest import shares
from tests.indicators.reading.making import gzipped, repacked, workbook, zipped
from tests.tiny_uk import NEIGHBOURHOODS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
FIGURES = [n + 0.5 for n in range(16)]
ROWS = list(zip(NEIGHBOURHOODS, FIGURES, strict=True))
CSV = "LSOA code,Share\n" + "".join(f"{code},{value}\n" for code, value in ROWS)
HEADINGS = "indicator,edition,period,code,value,numerator,denominator,marker\n"
BOOK = workbook({"Data": [["LSOA code", "Share"], *map(list, ROWS)]})
SHEET = "xl/worksheets/sheet1.xml"


def of(value: str = "1", *, code: str = NEIGHBOURHOODS[0], indicator: str = "share",
       period: str = "2021-03-21") -> str:  # fmt: skip
    """Return a file of one row, in the columns that need no mapping."""
    return f"{HEADINGS}{indicator},lsoa,{period},{code},{value},,,\n"


def with_cell(row: int, code: str | None = None, value: str | None = None) -> str:
    """Return the CSV with another code or value in one of its rows, from 1."""
    lines = CSV.splitlines()
    old_code, old_value = lines[row].split(",")
    lines[row] = f"{code or old_code},{old_value if value is None else value}"
    return "\n".join(lines)


def long(columns: str, *rows: str) -> str:
    """Return a CSV of every neighbourhood for each of some rows of other columns."""
    lines = [f"LSOA code,{columns},Share"]
    lines += [
        f"{code},{row},{n + 0.5}" for row in rows for n, code in enumerate(NEIGHBOURHOODS)
    ]  # fmt: skip
    return "\n".join(lines)


def sheet_xml(cells: str) -> bytes:
    return (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f"{cells}</sheetData></worksheet>"
    ).encode()


def typed_sheet(last: str) -> bytes:
    """Return the workbook with its cells written out, the last one as given."""
    cells = (
        '<row r="1"><c r="A1" t="str"><v>LSOA code</v></c><c r="B1" t="str"><v>Share</v></c></row>'
    )
    for n, (code, value) in enumerate(ROWS, 2):
        held = f"<v>{value}</v>" if n < 17 else last
        cells += f'<row r="{n}"><c r="A{n}" t="str"><v>{code}</v></c><c r="B{n}">{held}</c></row>'
    return repacked(BOOK, {SHEET: sheet_xml(cells)})


def flagged(content: bytes, offsets: tuple[int, int], change: Callable[[int], int]) -> bytes:
    """Return a zip with a byte changed in the first entry, in both its headers."""
    out = bytearray(content)
    for mark, offset in zip((b"PK\x03\x04", b"PK\x01\x02"), offsets, strict=True):
        at = out.index(mark) + offset
        out[at] = change(out[at])
    return bytes(out)


def locked(content: bytes) -> bytes:
    return flagged(content, (6, 8), lambda byte: byte | 1)


def belied(content: bytes) -> bytes:
    """Return a zip whose first entry says that it unpacks to ten bytes."""
    out = bytearray(content)
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = out.index(mark) + offset
        out[at : at + 4] = struct.pack("<I", 10)
    return bytes(out)


def zeros(megabytes: int) -> bytes:
    """Return a zip of a member of so many megabytes of noughts."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros.csv", "w", force_zip64=True) as member,
    ):
        for _ in range(megabytes):
            member.write(b"0" * 1_000_000)
    return out.getvalue()


def swollen_book() -> bytes:
    """Return a workbook whose sheet unpacks to half a gigabyte."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(BOOK)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            if name != SHEET:
                new.writestr(name, old.read(name))
        with new.open(SHEET, "w", force_zip64=True) as member:
            for _ in range(500):
                member.write(b" " * 1_000_000)
    return out.getvalue()


def nested(content: bytes, times: int) -> bytes:
    for _ in range(times):
        content = zipped({"a.zip": content})
    return content


def parquet(values: list[Any], codes: list[str] | None = None) -> bytes:
    out = io.BytesIO()
    pl.DataFrame({"LSOA code": codes or list(NEIGHBOURHOODS), "Share": values}).write_parquet(out)
    return out.getvalue()


def cube(label: str) -> bytes:
    """Return the figures as JSON-stat, the label of the first area as given in JSON."""
    labels = {code: code for code in NEIGHBOURHOODS} | {NEIGHBOURHOODS[0]: "LABEL"}
    return json.dumps(
        {
            "version": "2.0", "class": "dataset", "id": ["geography", "measures"],
            "size": [16, 1], "value": FIGURES, "label": "Share",
            "dimension": {
                "geography": {
                    "label": "LSOA",
                    "category": {"index": list(NEIGHBOURHOODS), "label": labels},
                },
                "measures": {"label": "Indicator", "category": {"label": {"share": "Share"}}},
            },
        }
    ).replace("LABEL", label).encode()  # fmt: skip


def noise() -> bytes:
    return b"".join(f"{i * 7919 % 999983:06d},{i}\n".encode() for i in range(2_000))


def one_bad_row() -> str:
    """Return a hundred thousand rows, of which the 77,777th has words for a number."""
    rows = [
        f"share,age={age},lsoa,{year}-{month:02}-01/P1M,{code},1.5\n"
        for year in range(2000, 2011) for month in range(1, 13) for age in range(48)
        for code in NEIGHBOURHOODS
    ]  # fmt: skip
    rows[77_775] = rows[77_775].replace("1.5", "about one")
    return "indicator,breakdown,edition,period,code,value\n" + "".join(rows[:100_000])


@dataclass(frozen=True)
class Case:
    """A file, the kind of problem that it has to be told, and words that have to be in it."""

    name: str
    content: bytes | str | Callable[[], bytes | str]
    code: str
    words: str = ""

    def write(self, folder: Path) -> Path:
        """Make the file."""
        content = self.content() if callable(self.content) else self.content
        path = folder / self.name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


# Nothing of these may be staged.
REFUSED = {
    "empty": Case("a.csv", b"", "empty-file", "0 bytes"),
    "blank": Case("a.csv", b" \n\t\n", "empty-file", "blank space"),
    "headings only": Case("a.csv", HEADINGS, "no-rows", "headings and no rows"),
    "headings only in a workbook": Case("a.xlsx", workbook({"S": [["code", "n"]]}), "no-table"),
    "a web page": Case("a.csv", b"<html><body>Log in</body></html>", "web-page", "web page"),
    "another kind": Case("a.xls", b"%PDF-1.7\n%...", "unknown-kind", "a PDF"),
    "words": Case("a.txt", "Dear all,\nthe figures are late.\n", "no-table", "words and no table"),
    "a zip bomb": Case("a.zip", lambda: zeros(120), "bomb", "made to do harm"),
    "a gzip bomb": Case("a.csv.gz", lambda: gzipped(b"0" * 150_000_000), "bomb", "made to do harm"),
    "a workbook bomb": Case("a.xlsx", swollen_book, "bomb", "made to do harm"),
    "zips in zips": Case("a.zip", nested(zipped({"a.csv": CSV.encode()}), 4), "nested-archives"),
    "many members": Case(
        "a.zip", lambda: zipped({f"{n}.csv": b"a,1" for n in range(2_001)}), "too-many-files"
    ),
    "a false size": Case("a.zip", belied(zipped({"a.csv": b"0" * 3_000_000})), "truncated"),
    "a false size in a workbook": Case("a.xlsx", belied(BOOK), "truncated|broken-workbook"),
    "a path up": Case("a.zip", zipped({"../a.csv": CSV.encode()}), "unsafe-path", "outside"),
    "an absolute path": Case("a.zip", zipped({"/etc/a.csv": CSV.encode()}), "unsafe-path"),
    "a locked zip": Case("a.zip", locked(zipped({"a.csv": CSV.encode()})), "encrypted", "password"),
    "a locked workbook": Case(
        "a.xlsx",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
        "encrypted", "password",
    ),
    "a zip cut short": Case("a.zip", zipped({"a.csv": noise()})[:200], "truncated"),
    "a gzip cut short": Case("a.csv.gz", gzipped(noise())[:200], "truncated"),
    "a workbook cut short": Case("a.xlsx", BOOK[: len(BOOK) // 2], "truncated"),
    "Parquet cut short": Case("a.parquet", parquet(FIGURES)[:-20], "truncated"),
    "JSON cut short": Case("a.json", cube("Ashby")[:-20], "truncated"),
    "XML entities": Case(
        "a.xlsx",
        repacked(BOOK, {SHEET: b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>' + sheet_xml("")}),
        "xml-entities", "entities",
    ),
    "far-flung cells": Case(
        "a.xlsx",
        repacked(BOOK, {SHEET: sheet_xml(
            '<row r="1"><c r="A1"><v>1</v></c></row>'
            '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')}),
        "sheet-too-large",
    ),
    "a million columns": Case(
        "a.csv", lambda: "\n".join([",".join("x" * 1_000_000), ",".join("1" * 1_000_000)]),
        "too-many-columns", "1,000,000 columns",
    ),
    "NUL bytes": Case("a.csv", with_cell(3, value="\x001"), "nul-bytes", "line 4"),
    "no text": Case("a.csv", b"\x00\x01\x02" * 100, "nul-bytes"),
    "open quotation marks": Case("a.csv", with_cell(2, value='"1.5'), "broken-quotes"),
    "a comma too many": Case("a.csv", with_cell(5, value="1,954,3"), "ragged-row", "row 6"),
    "NaN": Case("a-2021.csv", with_cell(4, value="NaN"), "not-a-number", "row 5"),
    "infinity": Case("a-2021.csv", with_cell(4, value="inf"), "not-a-number"),
    "1e999": Case("a-2021.csv", with_cell(4, value="1e999"), "not-a-number"),
    "1e999 in plain columns": Case("a.csv", of("1e999"), "not-a-number", "row 2.*“1e999”"),
    "NaN in a workbook": Case(
        "a-2021.xlsx", typed_sheet("<v>NaN</v>"), "not-a-number|broken-sheet"
    ),
    "1e999 in a workbook": Case("a-2021.xlsx", typed_sheet("<v>1e999</v>"), "not-a-number"),
    "infinity in Parquet": Case(
        "a-2021.parquet", parquet([*FIGURES[:15], float("inf")]), "not-a-number", "row 16"
    ),
    "NaN in Parquet": Case("a-2021.parquet", parquet([float("nan"), *FIGURES[1:]]), "not-a-number"),
    "beyond what is kept": Case(
        "a-2021.csv", with_cell(4, value="1e300"), "percent-beyond|endless"
    ),
    "all codes unknown": Case(
        "a-2021.csv", CSV.replace("E010009", "E019999").replace("S010009", "S019999"),
        "not-understood", "held here",
    ),
    "an unknown code in plain columns": Case(
        "a.csv", of(code="E01999999"), "unknown-code", "E01999999"
    ),
    "codes as numbers": Case(
        "a-2021.csv", re.sub(r"E0100090([1-4])", r"\1E+06", CSV), "code-as-number", "row 2.*“1E"
    ),
    "years as months": Case(
        "a.csv", long("Year", "Nov-10", "Dec-11", "2012/13", "2013/14"), "year-as-month", "2010/11"
    ),
    "ranges as dates": Case(
        "a-2021.csv", long("Age", "0-4", "05-Sep", "Oct-14", "15-19"), "range-as-date",
        "row 18: “age=05-sep”",
    ),
    "dates as numbers": Case(
        "a.csv", long("Date", "43831", "44197", "44562"), "period-missing|period-unreadable"
    ),
    "an impossible period": Case(
        "a.csv", of(period="2021-13-41"), "no-period|not-fit", "row 2|2021-13-41"
    ),
    "a formula for an indicator": Case(
        "a.csv", of(indicator="=cmd|'/c calc'!A1"), "not-fit", "cmd"
    ),
    "markup for an indicator": Case(
        "a.csv", of(indicator="<script>alert(1)</script>"), "not-fit", "Unknown indicator"
    ),
    "two figures for one area": Case(
        "a-2021.csv", f"{CSV}{NEIGHBOURHOODS[0]},9.5\n", "conflicting-rows", "row 18"
    ),
    "one bad row in a hundred thousand": Case(
        "a.csv", one_bad_row, "not-a-number", "row 77,777: “about one”"
    ),
    "a cell of a million letters": Case("a.csv", of("x" * 1_000_000), "not-a-number"),
    "a breakdown of a million letters": Case(
        "a.csv",
        f"indicator,breakdown,edition,period,code,value\n"
        f"share,{'x' * 1_000_000},lsoa,2021-03-21,E01000901,1\n",
        "not-fit", "longer than 120",
    ),
}  # fmt: skip
# These may be read, but something of them is left out or in doubt: they wait for a reason.
DOUBTFUL = {
    "macros": Case("a-2021.xlsm", repacked(BOOK, {"xl/vbaProject.bin": b"x"}), "macros", "not run"),
    "formulas": Case(
        "a-2021.xlsx", typed_sheet("<f>10+5.5</f><v>15.5</v>"), "formulas", "not worked out"
    ),
    "external links": Case(
        "a-2021.xlsx", repacked(BOOK, {"xl/externalLinks/externalLink1.xml": b"<externalLink/>"}),
        "external-links", "not followed",
    ),
    "mixed encodings": Case(
        "a-2021.csv",
        CSV.encode().replace(b"Share\n", b"Share,Caf\xe9\n").replace(b"0.5\n", "0.5,é\n".encode()),
        "mixed-encodings", "Windows-1252",
    ),
    "control characters": Case(
        "a-2021.csv", with_cell(2, "E010\u202e00902\x07"), "hidden-characters", "line 3"
    ),
    "control characters in a workbook": Case(
        "a-2021.xlsx",
        workbook({"S": [["LSOA code", "Share"], ["E0100\u200b0901", 0.5], *map(list, ROWS[1:])]}),
        "hidden-characters", "row 2",
    ),
    "control characters in Parquet": Case(
        "a-2021.parquet", parquet(FIGURES, [*NEIGHBOURHOODS[:15], f"{NEIGHBOURHOODS[15]}\x00"]),
        "hidden-characters", "row 16",
    ),
    "control characters in JSON": Case(
        "a-2021.json", cube(r"\u202eAs\u0000hby\ud800"), "hidden-characters", "Ashby"
    ),
    "one mistyped code": Case(
        "a-2021.csv", f"{CSV}E01000999,7.5\n", "unknown-code", "row 18: E01000999.*left out"
    ),
    "one code as a number": Case(
        "a-2021.csv", f"{CSV}9E+06,7.5\n", "code-as-number", "row 18: “9E\\+06”.*left out"
    ),
}  # fmt: skip
# These are strange and sound: taken as they stand, without a word.
SOUND = {
    "markup and formulas for names": Case(
        "a-2021.csv",
        "LSOA code,Name,Share\n" + "".join(
            f"{code},{name},{value}\n" for (code, value), name in zip(
                ROWS, ["=1+1", "<script>alert(1)</script>", "@SUM(A1)", "'; DROP TABLE--"] * 4,
                strict=True)),
        "",
    ),
    "a byte order mark": Case("a-2021.csv", "\ufeff" + CSV, ""),
    "another encoding": Case("a-2021.csv", CSV.encode("utf-16"), ""),
}  # fmt: skip


@pytest.fixture
def taken_up(request, tmp_path) -> tuple[Case, Path]:
    """A case and its file, made."""
    case: Case = request.param
    if case.name.endswith((".csv", ".txt", ".json")):
        request.getfixturevalue("read_here")
    return case, case.write(tmp_path)


def each(cases: dict[str, Case]) -> pytest.MarkDecorator:
    """Give a test every case of a table."""
    return pytest.mark.parametrize("taken_up", cases.values(), ids=cases.keys(), indirect=True)


@pytest.fixture
def live(make_indicator, put_live) -> None:
    """A release of the same indicator, which readers see now."""
    make_indicator()
    put_live(shares([float(n) for n in range(1, 17)], period="2021-01-01/P1Y"), "now")


def standing() -> dict[str, Any]:
    """Return all that readers see, and how much there is of everything that staging writes."""
    rows = LiveSeries.objects.order_by("pk").values_list("pk", "series_id", "live")
    held = arrays([series for _, series, _ in rows])
    return {
        "live": list(rows),
        "values": {
            series: hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
            for series, parts in held.items()
        },
        "version": list(DataVersion.objects.values_list()),
        "rows": {
            model.__name__: model._default_manager.count()
            for model in (Series, Observation, Standing, PackedArray, Coverage, SeriesInput,
                          Indicator, Period)
        },
    }  # fmt: skip


def imported(path: Path) -> tuple[str, dict[str, Any]]:
    """Import and publish a file by the command, which refuses; return its sentence and its JSON."""
    out = io.StringIO()
    with pytest.raises(CommandError) as refusal:
        call_command(
            "import_release", str(path), dataset="census", publish=True, format="json", stdout=out
        )
    assert refusal.value.returncode == 1
    answer = json.loads(out.getvalue())
    assert answer["error"] == str(refusal.value)
    return str(refusal.value), answer


def expect_a_sentence(said: str, answer: dict[str, Any], case: Case) -> None:
    """Of the kind expected, it says what and where, is short, and does nothing to a terminal."""
    kinds = {p["code"]: p for p in answer["problems"]["by_code"]}
    found = next((kinds[code] for code in kinds if re.fullmatch(f"(?:{case.code}).*", code)), None)
    assert found, f"expected {case.code}, found {kinds}"
    told = f"{found['file']}, row {found['row'] or 0:,}: {found['sentence']}"
    assert re.search(case.words, told), told
    assert found["file"].startswith(case.name.removesuffix(".gz"))
    for text in (said, found["sentence"]):
        assert text.endswith(".")
        assert text.isprintable()
        assert len(text) < 1_500
        assert "Traceback" not in text
    assert len(json.dumps(answer)) < 100_000


def expect_no_orphans(media: Path) -> None:
    """After housekeeping there is no file but those of releases, and no table of no release."""
    housekeeping.housekeep(at=timezone.now() + timedelta(days=2), older_than=timedelta(0))
    kept = set(ReleaseFile.objects.values_list("sha256", flat=True))
    folders = {str(pk) for pk in Release.objects.values_list("pk", flat=True)}
    for path in (media / "releases").rglob("*"):
        parts = path.relative_to(media / "releases").parts
        assert parts[0] in folders or parts[0] == "files", path
        assert parts[0] != "files" or len(parts) == 1 or parts[1] in kept, path
        assert not any(part.startswith("draft-") or "unpacked" in part for part in parts), path
    assert housekeeping.strays() == []


@each(REFUSED)
def test_a_hostile_file_is_a_sentence_and_leaves_all_as_it_was(live, tmp_path, media, taken_up):
    case, path = taken_up
    given = hashlib.sha256(path.read_bytes()).hexdigest()
    before = standing()
    said, answer = imported(path)
    expect_a_sentence(said, answer, case)
    assert answer["problems"]["errors"] > 0
    assert path.name.removesuffix(".gz") in said
    assert standing() == before
    expect_no_orphans(media)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["media", path.name])
    # Nothing is lost either: the bytes are there, for whoever looks into it.
    release = Release.objects.get(slug=answer["release"])
    assert release.status in {"received", "checked"}
    assert (media / "releases" / "files" / given).stat().st_size == path.stat().st_size


@each(DOUBTFUL)
def test_a_doubtful_file_waits_for_a_reason_and_leaves_what_is_live_as_it_was(
    live, media, taken_up
):
    case, path = taken_up
    before = standing()
    said, answer = imported(path)
    expect_a_sentence(said, answer, case)
    assert answer["problems"]["errors"] == 0
    assert re.search(rf"accepted: .*{case.code} \(1\)", said)
    after = standing()
    for what_is_seen in ("live", "values", "version"):
        assert after[what_is_seen] == before[what_is_seen]
    release = Release.objects.get(slug=answer["release"])
    assert release.status == "staged"
    expect_figures(release)
    expect_no_orphans(media)


@each(SOUND)
def test_a_strange_file_that_is_sound_is_taken_as_it_stands(live, media, taken_up):
    _, path = taken_up
    call_command("import_release", str(path), dataset="census", stdout=io.StringIO())
    release = Release.objects.latest("pk")
    assert not release.problems
    expect_figures(release)
    expect_no_orphans(media)


def expect_figures(release: Release) -> None:
    """The figures of the sixteen neighbourhoods are those in the file, to the last digit."""
    series = Series.objects.get(release=release, origin="published")
    held = Observation.objects.filter(series=series).order_by("area__code")
    assert list(held.values_list("area__code", "value")) == ROWS


def test_markup_in_the_name_of_an_indicator_is_text_on_its_page(live, read_here, tmp_path, client):
    name = "<script>alert(1)</script> share"
    path = tmp_path / "b-2021.csv"
    path.write_text(CSV.replace("Share", f'"{name}"'), encoding="utf-8")
    call_command(
        "import_release", str(path), dataset="census", publish=True, stdout=io.StringIO(),
        accept=[("all", "Made up.")],
    )  # fmt: skip
    indicator = Indicator.objects.latest("pk")
    assert "script" in indicator.name
    page = client.get(f"/indicators/{indicator.slug}/")
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()
    assert "&lt;script&gt;alert" in page.content.decode()
