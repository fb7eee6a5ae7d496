"""From tables to a mapping: what each column is, and why what is left out is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping as Mapping_
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from indicators.releases.nations import covers, name_of, nations_of
from indicators.releases.problems import Problem
from indicators.releases.reading.model import BATCH, Table
from indicators.releases.reading.numbers import parse_numbers
from indicators.releases.recognising import words
from indicators.releases.recognising.applying import period_text_of
from indicators.releases.recognising.columns import (
    Column,
    clean_codes,
    column_of,
    columns_of,
    data_rows,
    first_rows,
    period_share,
    read_periods,
    sampled,
)
from indicators.releases.recognising.known import Known
from indicators.releases.recognising.layouts import Layout, first_fitting, shipped
from indicators.releases.recognising.mapping import (
    NEW,
    AreaColumns,
    Count,
    Definition,
    Figure,
    Ignored,
    Mapping,
    PeriodFrom,
    TableMapping,
)
from indicators.releases.recognising.places import area_of, editions_for, vintage
from indicators.statistics.periods import period_in, read_period

Floats = NDArray[np.float64]

MOST_FIGURES = 5_000
MOST_CATEGORIES = 400
LINK_ROWS = 2_000
MOST_LINKED = 40
MOST_LOOKED_AT = 300  # Figures of a long table whose own rows are looked at for what they hold.


@dataclass
class Recognition:
    """A mapping as proposed, what is unclear about it, and how sure it is (0 to 1)."""

    mapping: Mapping
    problems: list[Problem] = field(default_factory=list)
    confidence: float = 0.0

    @property
    def layout(self) -> str:
        """The layout recognised, or ""."""
        return self.mapping.layout


class NotData(Exception):
    """A table gives no figures of areas; the text says why."""


@dataclass
class Found:
    """A table as it is being recognised."""

    table: Table
    layout: Layout | None
    frame: pl.DataFrame
    columns: list[Column]
    known: Known
    problems: list[Problem] = field(default_factory=list)
    ignored: dict[str, str] = field(default_factory=dict)
    names: dict[str, Definition] = field(default_factory=dict)
    stacked: list[str] = field(default_factory=list)  # Parts of a breakdown told above it.
    nations: frozenset[str] = frozenset()  # Whose areas it has, where codes tell.

    @property
    def where(self) -> str:
        """The file, and the sheet if there is one."""
        return (
            f"{self.table.file}, sheet {self.table.sheet}" if self.table.sheet else self.table.file
        )

    def with_role(self, *roles: str) -> list[Column]:
        """Return the columns of some roles, in their order."""
        return [c for c in self.columns if c.role in roles]

    def warn(self, code: str, sentence: str, column: str = "", kind: str = "warning") -> None:
        """Add a problem of this table."""
        self.problems.append(
            Problem(
                "error" if kind == "error" else "warning",
                code, f"{self.where}: {sentence}", self.table.file, self.table.sheet, None, column,
            )
        )  # fmt: skip


def recognise(tables: Sequence[Table], known: Known) -> Recognition:
    """Return a mapping of some tables by what is known. Never raises for what tables hold.

    Nothing is dropped silently: tables and columns left out are listed with the reason. Where no
    table gives a figure the problems say what is missing.
    """
    mapping = Mapping()
    problems: list[Problem] = []
    definitions: dict[str, Definition] = {}
    layouts = list(known.layouts) or list(shipped())
    used: list[str] = []
    sure: list[float] = []
    samples: dict[tuple[str, ...], list[tuple[Definition, pl.DataFrame]]] = {}
    for table in tables:
        layout = first_fitting(table, layouts)
        saved = layout.saved_for(table) if layout else None
        frame = first_rows(table)
        columns = columns_of(frame, table.headings, known)
        found = Found(table, layout, frame, columns, known)
        found.stacked = told_above(table, tables)
        try:
            if saved and layout:
                one = refreshed(found, saved)
                definitions |= {d.slug: d for d in layout.definitions}
            else:
                one = recognise_table(found)
        except NotData as reason:
            mapping.ignored.append(Ignored(table.file, table.sheet, str(reason)))
            problems += found.problems
            continue
        if layout:
            used.append(layout.name)
        apart(found, one, samples)
        definitions |= {d.slug: d for d in found.names.values()}
        mapping.tables.append(one)
        problems += found.problems
        sure.append((1.0 if layout else 0.8) - 0.1 * min(4, len(found.problems)))
    wanted = {f.indicator for t in mapping.tables for f in t.figures}
    wanted |= {t.count.indicator for t in mapping.tables if t.count}
    mapping.definitions = [d for slug, d in definitions.items() if slug in wanted]
    share_editions([t for t in mapping.tables if t.count and t.editions])
    mapping.layout = max(dict.fromkeys(used), key=used.count) if used else ""
    if not mapping.tables:
        whys = "; ".join(dict.fromkeys(one.why for one in mapping.ignored)) or "it has no table"
        files = ", ".join(dict.fromkeys(t.file for t in tables)) or "What was given"
        problems.append(
            Problem(
                "error",
                "not-understood",
                f"{files} could not be understood: {whys}. Give a table with a column of codes "
                "or names of areas and columns of numbers, or a mapping that says what they are.",
                tables[0].file if tables else "",
            )
        )
    else:
        problems += [
            Problem("warning", "table-left-out", f"{one.file}"
                    + (f", sheet {one.sheet}" if one.sheet else "") + f" is left out: {one.why}.",
                    one.file, one.sheet)
            for one in mapping.ignored
        ]  # fmt: skip
    return Recognition(mapping, problems, round(min(sure, default=0.0), 2))


def share_editions(tables: Sequence[TableMapping]) -> None:
    """Let tables of records, which are counted together, place an area in one edition alike."""
    first = [one.editions[0] for one in tables]
    every = dict.fromkeys(edition for one in tables for edition in one.editions)
    for one in tables:
        one.editions = sorted(every, key=lambda edition: -first.count(edition))


def pairs_above(table: Table) -> dict[str, str]:
    """Return what is said above a table by name: “gender | Total”, “Age: 16-64”."""
    found = {}
    for line in table.above:
        name, mark, text = line.partition(" | ")
        if mark and " | " not in text and len(name) <= 60:
            found[name.strip().rstrip(":")] = text.strip()
    return found


def told_above(table: Table, tables: Sequence[Table]) -> list[str]:
    """Return the parts of a breakdown that are said above a table.

    Sex and age are, and whatever differs between tables with the same headings on one sheet.
    """
    mine = pairs_above(table)
    others = [
        pairs_above(t) for t in tables
        if t is not table and (t.file, t.headings) == (table.file, table.headings)
    ]  # fmt: skip
    parts = []
    for name, text in mine.items():
        role = words.role_of(name)
        if role in ("sex", "age"):
            parts.append(words.category(text, role))
        elif role not in ("period", "unit", "level") and any(
            other.get(name, text) != text for other in others
        ):
            parts.append(words.category(text, words.slug(name, 40)))
    # Sheets of one form for all, men and women.
    if words.plain(table.sheet) in words.SEXES and any(
        (t.file, t.headings) == (table.file, table.headings) for t in tables if t is not table
    ):
        parts.append(words.category(table.sheet, "sex"))
    return [part for part in parts if part]


def recognise_table(found: Found) -> TableMapping:
    """Return the mapping of one table. Raises NotData where it gives no figures of areas."""
    table = found.table
    if found.frame.is_empty():
        raise NotData("it has no rows of data")
    shaped_by_layout(found)
    area = given_area(found) or area_of(found.frame, found.columns, found.known)
    if area is None:
        raise NotData(no_area(found))
    keep = found.layout.keep if found.layout else {}
    one = TableMapping(
        file=table.file,
        sheet=table.sheet,
        headings=list(table.headings),
        area=area,
        period=PeriodFrom(),
        first_row=table.first_row,
        keep={h: v for h, v in keep.items() if h in table.headings},
        missing=dict(found.layout.missing) if found.layout else {},
    )
    area_columns = {*area.columns, area.names, area.parents, *area.points} - {""}
    if area.across:
        area_columns -= set(area.columns)
    one.period = period_of(found, area_columns, area)
    one.editions = editions_of(found, one)
    if area.across:
        figures_across(found, one)
    else:
        figures_of(found, one, area_columns)
    one.decimal_comma = any(
        c.comma for c in found.columns if any(c.heading == f.value for f in one.figures)
    )
    mark_markers(found, one)
    undated(found, one)
    if (
        one.period.source == "text"
        and not one.period.text
        and not all(figure.period for figure in one.figures)
    ):
        found.warn(
            "period-missing",
            "no column, heading, title or file name tells the period. Say in the mapping which "
            "it is, such as 2021-01-01/P1Y.",
            kind="error",
        )
    one.ignored = found.ignored
    return one


def undated(found: Found, one: TableMapping) -> None:
    """Leave out figures that nothing dates, where others have years of their own: “Change”."""
    if one.period.source != "text" or one.period.text:
        return
    lost = [f for f in one.figures if not f.period]
    if lost and len(lost) < len(one.figures):
        one.figures = [f for f in one.figures if f.period]
        why = "nothing tells its period, as the headings of other columns do"
        found.ignored |= {f.value: why for f in lost}
        shown = ", ".join(f"“{f.value[:60]}”" for f in lost[:5])
        found.warn(
            "column-without-period",
            f"{shown} {'are' if len(lost) > 1 else 'is'} left out: no heading tells the period, as "
            "those of other columns do. Say it in the mapping to keep them.",
        )


def refreshed(found: Found, saved: TableMapping) -> TableMapping:
    """Return a saved mapping for a new table: its period and editions found anew."""
    one = replace(saved, editions=[])
    if saved.period.source not in ("column",):
        fresh = period_of(
            found, {*saved.area.columns} if not saved.area.across else set(), saved.area
        )
        if fresh.text:
            one.period = fresh
    one.editions = editions_of(found, one) or saved.editions
    return one


def no_area(found: Found) -> str:
    """Say why a table's areas could not be told."""
    likes = [c for c in found.columns if c.role in ("code", "name") and c.filled]
    if likes:
        examples = found.frame[likes[0].heading].drop_nulls().unique(maintain_order=True).head(3)
        shown = ", ".join(text[:40] for text in examples)
        return (
            f"what stands under “{likes[0].heading[:60]}” ({shown}) are neither codes nor names "
            "of areas held here"
        )
    return "no column holds codes, names, postcodes or points of areas held here"


def shaped_by_layout(found: Found) -> None:
    """Give columns the roles that a layout says."""
    if not found.layout:
        return
    for place, column in enumerate(found.columns):
        role = found.layout.role(column.heading)
        if role.startswith("ignored"):
            found.ignored[column.heading] = role.partition(":")[2].strip() or "by the layout"
            role = "ignored"
        if role:
            found.columns[place] = replace(column, role=role)


def given_area(found: Found) -> AreaColumns | None:
    """Return the area columns that a layout names, in its order."""
    columns = [c for c in found.with_role("area") if c.filled]
    if not columns or not found.layout:
        return None
    points = [c.heading for role in ("longitude", "latitude") for c in found.with_role(role)]
    names = next((c.heading for c in found.with_role("area-name")), "")
    forms = list(found.layout.roles)
    columns.sort(
        key=lambda c: next(i for i, form in enumerate(forms) if re.search(form, c.heading, re.I))
    )
    by = "postcode" if columns[0].postcodes > 0.8 else "code"
    return AreaColumns(
        [c.heading for c in columns], by, names=names, points=points if len(points) == 2 else []
    )


# --- Periods and editions -------------------------------------------------------------------------


def period_of(found: Found, area_columns: set[str], area: AreaColumns) -> PeriodFrom:
    """Return where the period comes from: a column, a title, a sheet's or a file's name."""
    layout = found.layout
    if layout and layout.period:
        return PeriodFrom("text", layout.period)
    kind_column = next((c.heading for c in found.with_role("period-kind") if c.filled), "")
    candidates = [
        c
        for c in found.columns
        if c.filled and c.heading not in area_columns
        and not (area.across and c.heading in area.columns)
        and (c.role == "period" or (c.role in ("", "code", "name") and looks_dated(c)))
    ]  # fmt: skip
    candidates.sort(key=lambda c: (c.role != "period", c.place))
    for column in candidates:
        kind = layout.period_kind if layout else ""
        cells = sampled(found.frame)[column.heading]
        if period_share(cells, kind or "financial") >= 0.9:
            if kind_column == column.heading:
                continue
            within = part_of_year(found, column, cells, kind)
            return PeriodFrom("column", "", column.heading, kind, kind_column, within)
    titles = [line for line in found.table.above if "copyright" not in line.lower()]
    for source, texts in (
        ("title", [found.table.sheet, *titles]),
        ("file name", list(reversed(found.table.file.split("/")))),
    ):
        for text in texts:
            told = period_in(loosened(text) if source == "file name" else text)
            if told:
                return PeriodFrom(source, on_census_day(told[0], titles))
    return PeriodFrom()


def part_of_year(found: Found, year: Column, cells: pl.Series, kind: str) -> str:
    """Return the column of quarters or months beside one of years, or "" where there is none."""
    if not all(p.endswith("P1Y") for p in read_periods(cells.unique(), kind).values()):
        return ""
    for column in found.columns:
        if column.heading == year.heading or not column.filled or column.distinct > 12:
            continue
        if not re.search(r"\bquarters?\b|\bqtrs?\b|\bmonths?\b", column.words):
            continue
        period = PeriodFrom("column", "", year.heading, kind, "", column.heading)
        rows = sampled(found.frame).drop_nulls([year.heading, column.heading])
        texts = rows.select(period_text_of(period).alias("t"))["t"]
        if period_share(texts, kind or "financial") >= 0.9:
            return column.heading
    return ""


def on_census_day(period: str, titles: Sequence[str]) -> str:
    """Return a year as the day of its census, where a title is that of a census table."""
    census = any(re.match(r"\s*(?:TS|RM|KS|QS|DC|LC|UV)\d{3,4}\b", title) for title in titles)
    return (
        read_period(period[:4], "census") if census and period.endswith("P1Y") else ""
    ) or period


def looks_dated(column: Column) -> bool:
    """Say whether a column without a telling heading may hold periods: years, months, dates."""
    return (column.numbers < 0.5 and column.codes < 0.1) or (
        column.whole == 1 and 1950 <= column.low <= column.high <= 2060 and column.distinct < 120
        and bool(re.search(r"year|date|period|time", column.words))
    )  # fmt: skip


def loosened(name: str) -> str:
    """Return a file's name with its parts apart, so that a year within can be seen."""
    name = re.sub(r"(?:lsoa|msoa|oa|ltla|utla|lad|ward|wd|soa|sdz|dz|iz|lgd|dea|rgn)[-_ ]?\d+", " ",
                  name.lower())  # fmt: skip
    name = re.sub(r"(?<=[a-z])(?=(?:19|20)\d\d)|(?<=(?:19|20)\d\d)(?=[a-z])", " ", name)
    # 202401 is January; 202223 is a year from one into the next, and 201112 may be either.
    name = re.sub(r"(?<![a-z0-9])(20\d\d)(\d\d)(?![0-9])", month_or_years, name)
    name = re.sub(r"(?<=[a-z])(?=(?:0\d|1\d|2\d)\b|(?:0\d|1\d|2\d)_)", " 20", name) \
        if not re.search(r"(?:19|20)\d\d", name) else name  # fmt: skip
    name = re.sub(r"\b20 (\d\d)\b", r"20\1", name)
    return re.sub(r"[+]", " ", name)


def month_or_years(digits: re.Match[str]) -> str:
    """Return six digits as a month or as two years, where they can only be one of them."""
    into_next = (int(digits[1]) + 1) % 100 == int(digits[2])
    month = 1 <= int(digits[2]) <= 12
    if month and not into_next:
        return f"{digits[1]}-{digits[2]}"
    return f"{digits[1]}/{digits[2]}" if into_next and not month else digits[0]


def editions_of(found: Found, one: TableMapping) -> list[str]:
    """Return the editions that hold a table's areas, by all its rows."""
    known, area = found.known, one.area
    if area.by in ("postcode", "point"):
        return []  # Told when they are placed.
    if area.across:
        if area.by == "code":
            heads = pl.Series(area.columns).to_frame("c").select(clean_codes(pl.col("c")))
            return editions_for(heads.to_series(), known)
        return named_editions(known, area)
    if area.by == "name":
        return named_editions(known, area)
    codes = distinct(found, area.columns)
    texts = pl.concat([codes[c].drop_nulls() for c in area.columns]).unique(maintain_order=True)
    clean = texts.to_frame("c").select(clean_codes(pl.col("c"))).to_series()
    if known.aliases:
        clean = clean.replace(dict(known.aliases))
    found.nations = nations_of(clean.filter(clean.is_in(known.codes.implode())))
    editions = editions_for(clean, known, vintage([*area.columns, found.table.sheet]))
    if not editions:
        held = clean.is_in(known.codes.implode()).sum()
        shown = ", ".join(clean.head(3).to_list())
        if not held:
            raise NotData(
                f"the {len(clean):,} areas under “{area.columns[0][:60]}” ({shown} …) are of no "
                "kind held here; load their boundaries or a lookup first"
            )
        raise NotData(f"no edition holds the areas under “{area.columns[0][:60]}” ({shown} …)")
    return editions


def named_editions(known: Known, area: AreaColumns) -> list[str]:
    """Return the newest edition of a type first, then older ones.

    Of those of one year, the one whose areas are known to lie in wider ones.
    """
    linked = known.members.group_by("edition").agg(pl.col("parent_code").is_not_null().mean())
    of_type = (
        known.editions.filter(pl.col("type") == area.type)
        .join(linked, on="edition")
        .sort(
            pl.col("edition_date").dt.year(),
            pl.col("parent_code").round(1),
            "edition_date",
            "edition",
            descending=[True, True, True, False],
            nulls_last=True,
        )
    )
    return of_type["edition"].to_list()


def distinct(found: Found, columns: Sequence[str]) -> pl.DataFrame:
    """Return the different rows of some columns, over the whole table."""
    asked = list(dict.fromkeys(columns))
    if found.table.n_rows is not None and found.table.n_rows <= BATCH:
        return data_rows(found.table.frame()).select(asked).unique(maintain_order=True)
    parts = [data_rows(b).select(asked).unique(maintain_order=True) for b in found.table.batches()]
    return pl.concat(parts).unique(maintain_order=True) if parts else pl.DataFrame(schema=asked)


# --- Figures --------------------------------------------------------------------------------------


def figures_of(found: Found, one: TableMapping, area_columns: set[str]) -> None:
    """Fill in the figures of a table whose areas are in a column."""
    taken = {*area_columns, one.period.column, one.period.kind_column, one.period.within} - {""}
    free = [c for c in found.columns if c.heading not in taken and c.heading not in found.ignored]
    empty = [c for c in free if not c.filled]
    found.ignored |= {c.heading: "it is empty" for c in empty}
    free = [c for c in free if c.filled]
    values = [c for c in free if is_value(c, found)]
    if found.layout and found.layout.record:
        values = []
    main = [c for c in values if c.role == "value"]
    others = [c for c in free if c not in values]
    if one.area.by in ("postcode", "point"):
        whys = "figures of single postcodes or points are not those of the areas around"
        found.ignored |= {c.heading: whys for c in values}
        values = []
    if not values or are_records(found, one, values):
        counted(found, one, others)
        return
    indicators = [c for c in others if c.role == "indicator"]
    if main and (indicators or len(main) == len([c for c in values if c.role in ("", "value")])):
        extra = [c for c in values if c.role == "" and c not in main]
        values = [c for c in values if c not in extra]
        found.ignored |= {c.heading: "the values are in another column" for c in extra}
    groups = categories(found, one, others, values, indicators)
    dims = [c for c in groups if c not in indicators]
    indicators = [c for c in indicators if c in groups or c.distinct == 1]
    for column in dims:
        name = dimension(column)
        taken_names = set(one.breakdowns.values())
        if name in taken_names:
            name = words.slug(column.words, 40)
        one.breakdowns[column.heading] = (
            name if name not in taken_names else f"{name}-{column.place}"
        )
    marker = marker_of(others)
    for column in others:
        if column not in dims and column not in indicators and column is not marker:
            found.ignored.setdefault(column.heading, why_not(column, found))
    bare = with_parts(found, values, marker)
    if indicators:
        long_figures(found, one, bare, indicators, others)
    else:
        wide_figures(found, one, bare)
    if len(one.figures) > MOST_FIGURES:
        raise NotData(
            f"it would give {len(one.figures):,} figures, more than {MOST_FIGURES:,}; say in a "
            "mapping which columns are categories"
        )
    if not one.figures:
        raise NotData("none of its columns holds numbers that tell something of areas")


IDENTIFIER = re.compile(r"\b(?:id|index|ref|reference|urn|uprn|uid|identifier)\b")


def are_records(found: Found, one: TableMapping, values: Sequence[Column]) -> bool:
    """Say whether rows are of things in areas, each with a number of its own: to be counted.

    Their numbers (an accident's severity, a school's grade) are of the thing and not of the area.
    """
    rows = found.frame
    if any(c.role == "value" for c in values) or one.area.across or rows.height < 20:
        return False
    own = [c for c in found.columns if c.role == "ignored" or IDENTIFIER.search(c.words)]
    key = [*one.area.columns, one.period.within]
    if not span_of(found, one):
        key.append(one.period.column)
    apart = rows.select(list(dict.fromkeys(k for k in key if k))).n_unique()
    return apart < 0.9 * rows.height and any(
        c.distinct == rows.height and c.heading not in one.area.columns for c in own
    )


def is_value(column: Column, found: Found) -> bool:
    """Say whether a column holds figures, limits or parts, not codes, classes or categories."""
    if column.role == "dimension" or column.role == "attribute":
        return False
    if column.role in ("value", "lower", "upper", "half", "numerator", "denominator", "error",
                       "figure"):  # fmt: skip
        return column.is_number or column.numbers > 0
    if column.role in ("ignored", "period", "period-kind", "longitude", "latitude", "postcode",
                       "level", "sex", "unit", "marker", "note", "parent"):  # fmt: skip
        return False
    if not column.is_number:
        return column.numbers >= 0.6 and column.values >= 0.5 and column.codes < 0.1
    if column.role in ("code", "class"):
        return False
    if column.role == "age":
        return False
    if column.codes >= 0.5 or column.code_like >= 0.5:
        return False
    words_of = column.words
    if column.heading.startswith("column ") and found.table.levels:
        return False  # A column without a heading, beside ones with.
    return not re.search(
        r"\b(?:easting|northing|bng [en]|sort order|area ?id|geography id)\b", words_of
    )


def why_not(column: Column, found: Found) -> str:
    """Return why a column gives no figure."""
    if column.role == "note":
        return "it holds remarks"
    if column.role in ("name", "code", "parent", "level") or column.codes > 0.5:
        return "it tells of other areas, or of the same ones in other words"
    if column.role == "unit":
        return "it tells the unit"
    if column.role in ("longitude", "latitude", "postcode"):
        return "it tells a place"
    if column.role == "marker":
        return "another column holds the markers"
    if column.role == "error":
        return "errors of estimates are not kept; limits are"
    if column.role == "period":
        return "another column tells the period"
    if column.heading.startswith("column ") and found.table.levels:
        return "it has no heading"
    if column.distinct <= 1:
        return "it holds the same in every row"
    return "it describes the area or the row, and holds no figure"


def marker_of(columns: Sequence[Column]) -> Column | None:
    """Return the column of markers: of status before confidentiality, and only if it is short."""
    markers = [c for c in columns if c.role == "marker" and c.filled]
    markers.sort(key=lambda c: ("status" not in c.words, c.place))
    return markers[0] if markers else None


def dimension(column: Column) -> str:
    """Return the name of a breakdown's dimension."""
    if column.role in ("sex", "age"):
        return column.role
    text = re.sub(r"\b(?:name|type|label)$", "", column.words).strip() or column.words
    return words.slug(text, 40) or f"column-{column.place + 1}"


def categories(
    found: Found,
    one: TableMapping,
    others: Sequence[Column],
    values: Sequence[Column],
    indicators: Sequence[Column],
) -> list[Column]:
    """Return the columns by which rows of one area and period differ.

    Where area and period are enough, columns of words only describe. Whole numbers of few kinds
    are categories where nothing else tells rows apart.
    """
    key = [*one.area.columns, *([one.area.parents] if one.area.parents else [])]
    key += [c for c in (one.period.column, one.period.kind_column) if c]
    rows = found.frame
    for name, kept in one.keep.items():
        rows = rows.filter(pl.col(name).is_in(kept))
    if rows.is_empty():
        return list(indicators)
    named = [c for c in values if c.role == "dimension"]
    chosen = [c for c in [*others, *named] if c.role in ("sex", "age", "dimension")
              and (c.distinct > 1 or only_some(c, rows))]  # fmt: skip
    chosen = [c for c in indicators if c.distinct > 1] + [c for c in chosen if c not in indicators]

    def repeated(columns: list[str]) -> int:
        return rows.height - rows.select(columns).n_unique()

    def told_by(column: Column, by: list[str]) -> bool:
        """Whether a column says no more than others do."""
        return rows.select([*by, column.heading]).n_unique() == rows.select(by).n_unique()

    left = repeated(key + [c.heading for c in chosen])
    possible = [
        c
        for c in others
        if c not in chosen
        and c.role not in ("ignored", "note", "marker", "unit", "parent", "error", "attribute")
        and (1 < c.distinct <= MOST_CATEGORIES or (c.distinct == 1 and c.filled < len(rows)))
        and (c.role not in ("name", "code", "level") or c.codes < 0.5)
        and not told_by(c, one.area.columns)
    ]
    if left > 0:
        # Labels before codes of the same thing.
        possible.sort(key=lambda c: (c.is_number, c.role == "code", -c.distinct, c.place))
        for column in possible:
            names = [c.heading for c in chosen]
            if chosen and told_by(column, names):
                continue
            now = repeated([*key, *names, column.heading])
            if now < left:
                chosen.append(column)
                left = now
            if left == 0:
                break
    if left > 0 and len(values) > 1:
        # A whole number of few kinds: households by number of dimensions, for example.
        whole = [
            c for c in values
            if c.role in ("", "age") and c.whole == 1 and 1 < c.distinct <= 120 and c.low >= 0
        ]  # fmt: skip
        for column in whole:
            now = repeated([*key, *(c.heading for c in chosen), column.heading])
            if now == 0:
                chosen.append(column)
                if isinstance(values, list):
                    values.remove(column)
                break
    return chosen


def only_some(column: Column, rows: pl.DataFrame) -> bool:
    """Say whether all of a table is of one sex or one age, and not of everybody."""
    texts = rows[column.heading].drop_nulls().unique()
    return column.role in ("sex", "age") and any(words.category(t, column.role) for t in texts)


@dataclass
class Bare:
    """A column of values with those of its limits, parts and marker."""

    value: Column
    lower: str = ""
    upper: str = ""
    half_width: str = ""
    numerator: str = ""
    denominator: str = ""
    marker: str = ""
    times: float = 0.0  # value = times x numerator / denominator, where that is so.


def with_parts(found: Found, values: Sequence[Column], marker: Column | None) -> list[Bare]:
    """Return the figures among columns of numbers, each with its limits and parts.

    Limits belong to the nearest value on their left, or to the one whose heading they share, and so
    do half widths, that give both at once. Where several are given, those of 95% are taken. Parts
    are told by their words where there is one value, and by their content where a column is, row
    for row, another divided by a third.
    """
    bare: list[Bare] = []
    mains = [c for c in values if c.role not in ("lower", "upper", "half", "error")]
    limits = [c for c in values if c.role in ("lower", "upper")]
    found.ignored |= {c.heading: why_not(c, found) for c in values if c.role == "error"}
    parts = [c for c in mains if c.role in ("numerator", "denominator")]
    rates = [c for c in mains if c.role not in ("numerator", "denominator")]
    if len(rates) != 1:
        rates, parts = mains, []
    marks = marker.heading if marker else ""
    bare = [Bare(c, marker=marks if len(rates) == 1 or c.role == "value" else "") for c in rates]
    if marker and not any(b.marker for b in bare):
        for one in bare:
            one.marker = marks
    for column in sorted(limits, key=lambda c: (not re.search(r"\b95\b", c.words), c.place)):
        owner = owner_of(column, bare)
        if owner is None:
            found.ignored[column.heading] = "it is a limit of no value we see"
        elif column.role == "lower" and not owner.lower:
            owner.lower = column.heading
        elif column.role == "upper" and not owner.upper:
            owner.upper = column.heading
        else:
            found.ignored[column.heading] = "other limits of the same value are taken"
    for one in bare:
        if bool(one.lower) != bool(one.upper):
            found.ignored[one.lower or one.upper] = "the limit on the other side is not given"
            one.lower = one.upper = ""
    halves = [c for c in values if c.role == "half"]
    for column in sorted(halves, key=lambda c: (not re.search(r"\b95\b", c.words), c.place)):
        owner = owner_of(column, bare)
        if owner is None:
            found.ignored[column.heading] = "it is a margin of no value we see"
        elif owner.lower or owner.half_width:
            found.ignored[column.heading] = "other limits of the same value are taken"
        elif of_the_value(column, owner.value):
            found.ignored[column.heading] = "it is a share of the value, and not in its unit"
        else:
            owner.half_width = column.heading
    for column in parts:
        setattr(bare[0], column.role, column.heading)
    if bare and bare[0].numerator and bare[0].denominator:
        bare[0].times = rebuilt(found, bare[0])
    if not parts and 2 < len(bare) <= MOST_LINKED:
        linked(found, bare)
    return bare


def owner_of(limit: Column, bare: Sequence[Bare]) -> Bare | None:
    """Return the value a limit belongs to."""
    if not bare:
        return None
    stem = limit_stem(limit.heading)
    if stem:
        same = [b for b in bare if limit_stem(b.value.heading) == stem]
        if same:
            return same[0]
    before = [b for b in bare if b.value.place < limit.place]
    return max(before, key=lambda b: b.value.place) if before else bare[0]


def of_the_value(half: Column, value: Column) -> bool:
    """Say whether a half width is in percent of a value that is in something else."""
    said = re.sub(r"\b\d\d(?:\.\d)? ?%", " ", half.words)
    in_percent = half.percent or bool(words.PERCENT.search(said))
    return in_percent and not (value.percent or words.PERCENT.search(value.words))


def limit_stem(heading: str) -> str:
    """Return a heading without the words for limits."""
    text = re.sub(r"\b(?:lci|uci|lcl|ucl|lower|upper|ci|limit|confidence|interval|95|998?|8|0|"
                  r"value|%|percent|low|high|bound|level|margins?|of|error|half|width|plus|minus|or|"
                  r"moe)\b", " ",
                  words.plain(heading))  # fmt: skip
    return " ".join(text.split())


TIMES = (1.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0)


def rebuilt(found: Found, bare: Bare) -> float:
    """Return by what a numerator over its denominator is multiplied to be the value, or 0."""
    rows = sampled(found.frame)
    value, over, under = (
        parse_numbers(rows[c]).values.to_numpy()
        for c in (bare.value.heading, bare.numerator, bare.denominator)
    )
    return ratio_of(value, over, under, bare.value.decimals)


def ratio_of(value: Floats, over: Floats, under: Floats, decimals: int) -> float:
    """Return the multiplier by which value = multiplier x over / under, or 0.

    Arrays of one length; NaN where there is none. Told by what is above nothing.
    """
    ok = np.isfinite(value) & np.isfinite(over) & np.isfinite(under) & (under > 0) & (over > 0)
    if ok.sum() < 5 or np.unique(value[ok]).size < 3:
        return 0.0
    close = 0.6 * 10.0 ** -min(decimals, 6)
    for times in TIMES:
        off = np.abs(value[ok] - times * over[ok] / under[ok])
        if (off <= close + 1e-6 * times).mean() >= 0.95:
            return times
    return 0.0


def linked(found: Found, bare: list[Bare]) -> None:
    """Tell numerators and denominators by content: rate = multiplier x numerator / denominator.

    The counts keep their own figures as well: they can be added up, and rates cannot.
    """
    rows = sampled(found.frame).head(LINK_ROWS)
    numbers = {
        b.value.heading: parse_numbers(rows[b.value.heading]).values.to_numpy() for b in bare
    }
    counts = [b for b in bare if b.value.whole > 0.9 and b.value.low >= 0 and b.value.high > 1
              and not words.ORDER.search(b.value.words)]  # fmt: skip
    rates = [
        b for b in bare
        if words.PERCENT.search(b.value.words) or re.search(r"\brate\b", b.value.words)
    ]  # fmt: skip
    for rate in rates:
        values = numbers[rate.value.heading]
        for over in counts:
            for under in counts:
                names = {over.value.heading, under.value.heading, rate.value.heading}
                if len(names) < 3:
                    continue
                n, d = numbers[over.value.heading], numbers[under.value.heading]
                times = ratio_of(values, n, d, rate.value.decimals)
                if times:
                    rate.numerator, rate.denominator = over.value.heading, under.value.heading
                    rate.times = times
                if rate.numerator:
                    break
            if rate.numerator:
                break


Owned = tuple[tuple[str, ...], str]


def long_figures(
    found: Found,
    one: TableMapping,
    bare: Sequence[Bare],
    indicators: Sequence[Column],
    others: Sequence[Column],
) -> None:
    """Fill in a figure for each different name in the columns of indicators."""
    units = [c for c in others if c.role == "unit" and c.filled]
    asked = [c.heading for c in [*indicators, *units]]
    rows = distinct(found, asked)
    if rows.height > MOST_FIGURES:
        raise NotData(f"it names {rows.height:,} indicators, more than {MOST_FIGURES:,}")
    several = {c.heading for c in indicators if rows[c.heading].n_unique() > 1}
    units_of: dict[tuple[str, ...], str] = {}
    for row in rows.iter_rows(named=True):
        key = tuple(str(row[c.heading] or "") for c in indicators)
        if any(key):
            units_of.setdefault(key, " ".join(str(row[c.heading]) for c in units if row[c.heading]))
    parts = parts_in_rows(list(units_of))
    with_parts_apart = {owner for owner, _ in parts.values()}
    made: dict[tuple[str, ...], list[Figure]] = {}
    for key, unit in units_of.items():
        if key in parts:
            continue
        measure = measure_at(key, parts) if key in with_parts_apart else None
        told = [
            (c, words.tidy(text))
            for n, (c, text) in enumerate(zip(indicators, key, strict=True))
            if text and n != measure
        ]
        first = [text for c, text in told
                 if c.heading in several or c.words.startswith("indicator")]  # fmt: skip
        name = ": ".join(dict.fromkeys(first)) or ": ".join(text for _, text in told)
        name = name or words.tidy(key[measure or 0])
        generic = bool(words.GENERIC.match(words.plain(name)))
        where = {c.heading: text for c, text in zip(indicators, key, strict=True) if text}
        for b in bare:
            full = name if len(bare) == 1 or b.value.role == "value" \
                else f"{name}: {words.tidy(b.value.heading)}"  # fmt: skip
            own = b if len(units_of) > MOST_LOOKED_AT else replace(
                b, value=narrowed(found, b.value, where)
            )  # fmt: skip
            if generic and key in with_parts_apart:
                # “Count”, beside its limits: what is measured is said elsewhere.
                full = ""
            figure = figure_for(found, own, full, where=where, unit=unit, long=bool(full))
            made.setdefault(key, []).append(figure)
            one.figures.append(figure)
    for key, (owner, part) in parts.items():
        where = {c.heading: text for c, text in zip(indicators, key, strict=True) if text}
        one.figures += [replace(f, where=where, part=part, marker="") for f in made[owner]]


def measure_at(key: tuple[str, ...], parts: Mapping_[tuple[str, ...], Owned]) -> int:
    """Return at which place in `key` its measure is told, where other rows hold its parts."""
    part = next(part for part, (owner, _) in parts.items() if owner == key)
    return next(n for n, (own, other) in enumerate(zip(key, part, strict=True)) if own != other)


def parts_in_rows(keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], Owned]:
    """Return which names of measures are parts of the figure of another: (that other, part).

    `keys` are the different texts in the columns of indicators. A limit belongs to the one measure
    that differs from it in that word alone; where there are several, to the one that is a rate or
    a mean and not a count; where that tells none, the rows stay figures of their own.
    """
    found: dict[tuple[str, ...], Owned] = {}
    told = {key: [words.part_of(text) for text in key] for key in keys}
    mains = [key for key in keys if not any(told[key])]
    for key in keys:
        if sum(map(bool, told[key])) != 1:
            continue
        at = next(n for n, part in enumerate(told[key]) if part)
        beside = [m for m in mains if (*m[:at], *m[at + 1 :]) == (*key[:at], *key[at + 1 :])]
        if len(beside) > 1:
            beside = [m for m in beside if not words.COUNTED.search(words.plain(m[at]))]
        if len(beside) == 1:
            found[key] = beside[0], told[key][at]
    return found


def narrowed(found: Found, column: Column, where: Mapping_[str, str]) -> Column:
    """Return what a column of values holds in the rows of one figure."""
    rows = found.frame.filter(pl.all_horizontal(pl.col(c) == text for c, text in where.items()))
    if rows.is_empty():
        return column
    cells = sampled(rows)[column.heading]
    new = column_of(cells, rows[column.heading], column.heading, column.place, found.known)
    return replace(new, role=column.role) if new.values else column


def wide_figures(found: Found, one: TableMapping, bare: Sequence[Bare]) -> None:
    """Fill in a figure for each column of values: years and ages within headings are told."""
    by_column = one.period.source == "column"
    told = {b.value.heading: period_in(b.value.heading) for b in bare}
    ages = {b.value.heading: words.age_heading(b.value.heading) for b in bare}
    aged = sum(a is not None for a in ages.values())
    years = {t[0] for t in told.values() if t}
    # What most headings of a table say goes for the rest, before what the file is called.
    named = one.period.source == "file name" and sum(map(bool, told.values())) > len(bare) / 2
    if not by_column and (named or not one.period.text) and len(years) == 1:
        one.period = PeriodFrom("heading", next(iter(years)))
    total = next(
        (
            b.value.heading
            for b in bare
            if ages[b.value.heading] is None and words.COUNTED.search(b.value.words)
        ),
        "",
    )
    # Where a column for all of them stands among ones for each age, they are of one indicator.
    aged_name = words.tidy(total) if total and not words.GENERIC.match(words.plain(total)) else ""
    given_name = found.layout.named.get("aged", "") if found.layout else ""
    aged_name = given_name or aged_name or titled(found) or "People"
    pairs = pairs_above(found.table).items()
    unit = next((text for name, text in pairs if words.role_of(name) == "unit"), "")
    for b in bare:
        heading, period, breakdown = b.value.heading, "", ""
        name = re.sub(r" \(\d+\)$", "", heading)
        if aged >= 5 and ages[heading] is not None:
            age = ages[heading]
            assert age is not None
            breakdown, name = age.breakdown, aged_name
        elif aged >= 5 and heading == total:
            name = aged_name
        elif not by_column and told[heading]:
            given = told[heading]
            assert given is not None
            even = heading.replace(given[1], " ", 1)
            several = len(years) > 1
            period = given[0] if several or given[0] != one.period.text else ""
            if words.tidy(re.sub(r"[\d\W_]+", "", even)):
                name = even
            elif several:
                name = titled(found) or "Value"
        figure = figure_for(found, b, name, period=period, breakdown=breakdown, unit=unit)
        one.figures.append(figure)
    uniquely_named(found, one)


def uniquely_named(found: Found, one: TableMapping) -> None:
    """Tell figures apart whose names came out the same, by their headings."""
    seen: dict[tuple[str, str, str], int] = {}
    for figure in one.figures:
        key = (figure.indicator, figure.breakdown, figure.period)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] > 1:
            definition = found.names.get(figure.indicator)
            name = words.tidy(figure.value) + f" ({seen[key]})" * (seen[key] > 1)
            base = definition or Definition("", name)
            new = replace(base, slug=NEW + words.slug(name, 70), name=name[:160])
            found.names[new.slug] = new
            figure.indicator = new.slug


def figures_across(found: Found, one: TableMapping) -> None:
    """Fill in the one figure of a table whose columns are areas and rows periods or categories."""
    rest = [c for c in found.columns if c.heading not in one.area.columns and c.filled
            and c.heading not in (one.period.column, one.period.kind_column)]  # fmt: skip
    titles = [line for line in found.table.above if " | " not in line and "copyright" not in
              line.lower()]  # fmt: skip
    name = words.tidy(titles[0]) if titles else titled(found) or "Value"
    for column in rest:
        if column.role == "indicator" or (column.distinct > 1 and not column.is_number):
            one.breakdowns[column.heading] = dimension(column)
        else:
            found.ignored[column.heading] = why_not(column, found)
    sample = next(c for c in found.columns if c.heading == one.area.columns[0])
    figure = figure_for(found, Bare(sample), name)
    figure.value = ""
    one.figures.append(figure)


def titled(found: Found) -> str:
    """Return what a table's title, sheet or file says is measured."""
    titles = [t for t in found.table.above if " | " not in t and len(t) < 120]
    sheet = "" if re.fullmatch(r"(?:sheet|data|table)\s*\d*", found.table.sheet.lower()) \
        else found.table.sheet  # fmt: skip
    return words.tidy(words.context([found.table.file.rsplit("/", 1)[-1], sheet, *titles[:1]]))


def figure_for(
    found: Found,
    bare: Bare,
    name: str,
    *,
    period: str = "",
    breakdown: str = "",
    where: dict[str, str] | None = None,
    unit: str = "",
    long: bool = False,
) -> Figure:
    """Return a figure: of a known indicator, or of one to describe."""
    column = bare.value
    layout = found.layout
    heading = name
    for form, new in layout.named.items() if layout else ():
        heading = re.sub(form, new, heading, flags=re.IGNORECASE)
    clean = words.tidy(heading)
    if not long and (words.GENERIC.match(words.plain(clean)) or not clean):
        about = titled(found)
        if clean and clean.lower() not in about.lower():
            clean = f"{about}: {clean[:1].lower()}{clean[1:]}" if about else clean
        else:
            clean = about or clean
        clean = words.tidy(clean)
    if layout and layout.prefix:
        clean = f"{layout.prefix} {clean}" if not clean.lower().startswith(
            layout.prefix.lower()) else clean  # fmt: skip
    clean = clean or "Value"
    known, clean = held_indicator(found, clean)
    definition = described(column, clean, unit, bare, layout, heading)
    if known is not None:
        scale = 100.0 if known["unit"] in ("%", "percent") and fraction(column) else 1.0
        indicator = str(known["slug"])
    else:
        scale = 100.0 if definition.unit == "%" and fraction(column) else 1.0
        indicator = definition.slug
        held = found.names.setdefault(indicator, definition)
        if held.decimals < definition.decimals:
            found.names[indicator] = replace(held, decimals=definition.decimals)
    return Figure(
        indicator=indicator,
        value=column.heading,
        breakdown=words.breakdown_text([breakdown, *found.stacked]),
        period=period,
        lower=bare.lower,
        upper=bare.upper,
        half_width=bare.half_width,
        numerator=bare.numerator,
        denominator=bare.denominator,
        marker=bare.marker,
        scale=scale,
        where=where or {},
    )


def fraction(column: Column) -> bool:
    """Say whether a column of shares is written as parts of 1."""
    return not column.percent and column.inside >= 0.999 and column.high <= 1.0 and (
        column.decimals > 0 or column.high == 0
    )  # fmt: skip


# Of what is in order by so many classes; the heading of a higher number tells something else.
HIGHEST = {"percentile": 100, "ventile": 20, "vigintile": 20, "decile": 10, "quintile": 5,
           "quartile": 4}  # fmt: skip


def described(
    column: Column, name: str, unit: str, bare: Bare, layout: Layout | None, heading: str
) -> Definition:
    """Return a new indicator as far as its words and values tell."""
    text = words.plain(f"{name} {unit}").replace(" percentage points", " ")
    said = f"{name} {unit}"
    decimals = min(column.decimals, 3)
    order = words.ORDER.search(words.plain(name))
    out = Definition(NEW + words.slug(name, 70), name)
    for form, given in layout.units.items() if layout else ():
        if re.search(form, heading, re.IGNORECASE):
            out.unit = given
            break
    layout_unit = out.unit
    if out.unit:
        pass
    elif order and (order[1] not in HIGHEST or column.high <= HIGHEST[order[1]]):
        out.unit = order[1]
    elif "%" in said or words.PERCENT.search(text) or column.percent:
        out.unit = "%" if not words.ORDER.search(text) else out.unit
    elif re.search(r"\bextent\b", text) and fraction(column):
        out.unit = "%"  # Of the people who live in the most deprived areas.
    elif words.PER.search(said.lower()):
        pass
    elif words.POUNDS.search(said.lower()):
        out.unit = words.pounds(unit) or words.pounds(name)
    elif unit:
        out.unit = words.tidy(unit)[:60].lower() if len(unit) > 2 else unit[:60]
    elif re.search(r"\bscore\b", text):
        out.unit = "score"
    if out.unit == "%":
        out.multiplier = 100.0
        decimals = max(decimals - 2, 0) if fraction(column) else decimals
    elif per := words.PER.search(said.lower()):
        digits = re.sub(r"[^\d]", "", per[1])
        named = {"hundred thousand": 1e5, "thousand": 1e3, "million": 1e6}.get(per[1])
        out.multiplier = min(max(named or float(digits or 1), 1.0), 1e9)
        if not layout_unit:
            out.unit = f"per {out.multiplier:,.0f}"
    if layout and layout.aggregation and not order:
        out.aggregation = layout.aggregation
    if bare.times:
        out.multiplier = bare.times * (100.0 if out.unit == "%" and fraction(column) else 1.0)
        out.aggregation = "ratio"
    elif out.aggregation == "none" and (
        column.whole == 1
        and column.low >= 0
        and out.unit in ("", "count", "number", "people", "persons", "households")
        and words.COUNTED.search(text)
        and not words.NOT_COUNTED.search(text)
    ):
        out.aggregation = "sum"
    out.decimals = 0 if order and column.whole == 1 else min(decimals, 6)
    return out


def held_indicator(found: Found, name: str) -> tuple[dict[str, object] | None, str]:
    """Return the indicator held of a name, or None, and what to call the figure.

    One that may not be compared across all nations that a table has areas of is another, which is
    named for them: scores of each nation's own index, for instance.
    """
    held = same_indicator(found.known, name)
    if held is None or covers(str(held["scope_code"]), found.nations):
        return held, name
    place = f" ({name_of(found.nations)})"
    name = name[: 160 - len(place)].rstrip() + place
    return same_indicator(found.known, name), name


def same_indicator(known: Known, name: str) -> dict[str, object] | None:
    """Return the indicator of a name, alias or slug, or None."""
    if known.indicators.is_empty():
        return None
    even = words.plain(name)
    for row in known.indicators.iter_rows(named=True):
        names = [row["name"], row["slug"].replace("-", " "), row["slug"], *(row["aliases"] or [])]
        if even in {words.plain(text) for text in names if text}:
            return row
    return None


# --- Records --------------------------------------------------------------------------------------


def counted(found: Found, one: TableMapping, others: Sequence[Column]) -> None:
    """Count a table's rows to areas: records such as crimes, or a list of postcodes."""
    layout = found.layout
    record = layout.record if layout else ""
    ids = any(
        c.role in ("ignored", "longitude", "postcode") or IDENTIFIER.search(c.words)
        for c in found.columns
    )
    rows = found.frame
    many = rows.select(one.area.columns).n_unique() < rows.height
    place = one.area.by in ("postcode", "point")
    if not (record or place or (ids and many)):
        raise NotData("it has no column of numbers, and its rows do not look like records to count")
    wanted = layout.categories if layout else ""
    columns = [c for c in others if 1 <= c.distinct <= 60 and not c.is_number
               and c.role not in ("name", "code", "level", "parent", "note", "marker", "ignored")
               and c.codes < 0.5]  # fmt: skip
    chosen = next((c for c in columns if wanted and re.search(wanted, c.heading, re.I)), None)
    if chosen is None and not wanted:
        typed = [c for c in columns if re.search(r"\b(?:type|category|kind)\b", c.words)]
        chosen = typed[0] if typed else None
    name = record or titled(found) or "Records"
    about = chosen.words.removesuffix(" type") if chosen else ""
    if not record and about and about not in name.lower():
        name = f"Records: {about}"
    known, name = held_indicator(found, words.tidy(name))
    definition = Definition(NEW + words.slug(name, 70), name, "", 0, 1.0, "sum")
    if known is None:
        found.names[definition.slug] = definition
    one.count = Count(
        indicator=str(known["slug"]) if known else definition.slug,
        categories=chosen.heading if chosen else "",
        dimension=dimension(chosen) if chosen else "",
        span=span_of(found, one),
    )
    for column in found.columns:
        used = {*one.area.columns, *one.area.points, one.area.names, one.period.column}
        if column.heading not in used and column is not chosen:
            found.ignored.setdefault(column.heading, "rows are counted, and it tells no more")
    if one.area.points and found.known.locate is None and one.area.by != "point":
        missing = float(rows[one.area.columns[0]].is_null().mean() or 0)  # type: ignore[arg-type]
        if missing:
            found.warn("no-points", "rows without a code cannot be placed by their point here.")


def span_of(found: Found, one: TableMapping) -> str:
    """Return by what days are counted: a year where all are of one and fill it, else months."""
    if one.period.source != "column":
        return ""
    texts = found.frame[one.period.column].unique()
    days = sorted(p for p in read_periods(texts, one.period.kind).values() if len(p) == 10)
    if not days:
        return ""
    long = (date.fromisoformat(days[-1]) - date.fromisoformat(days[0])).days >= 300
    return "P1Y" if long and days[0][:4] == days[-1][:4] else "P1M"


# --- Markers, and names that mean two things ------------------------------------------------------


USUAL_MARKERS = {
    "..": "x", "...": "x", ".": "x", ":": "z", "*": "c", "**": "c", "-": "x", "–": "x", "—": "x",
    "--": "x", "!": "x", "#": "c", "~": "low", "n/a": "x", "$": "x", "†": "", "‡": "",
    "k": "low", "ns": "", "s": "", "ss": "", "sss": "", "a": "", "t": "",
}  # fmt: skip


def mark_markers(found: Found, one: TableMapping) -> None:
    """Say what a publisher's markers are taken to mean, where they could mean several things."""
    headings = {name for f in one.figures for name in (f.value, f.lower, f.numerator) if name}
    seen = sorted({m for c in found.columns if c.heading in headings for m in c.markers})
    unclear = []
    for marker in seen:
        if marker in one.missing or marker in (
            "c",
            "x",
            "z",
            "w",
            "u",
            "p",
            "e",
            "r",
            "b",
            "f",
            "low",
        ):
            continue
        if marker in USUAL_MARKERS:
            one.missing[marker] = USUAL_MARKERS[marker]
            if marker in ("-", "–", "—", "--", ".", "..", "*", ":"):
                unclear.append(f"“{marker}” is taken as [{USUAL_MARKERS[marker]}]")
        elif marker[:1] in "<>≤≥":
            one.missing[marker] = "c"
            unclear.append(f"“{marker}” is taken as [c]")
        else:
            one.missing[marker] = "x"
            unclear.append(f"“{marker}” is not known and taken as [x]")
    if unclear:
        found.warn(
            "markers", f"{'; '.join(unclear[:6])}. Change it in the mapping if it is not so."
        )


def apart(
    found: Found,
    one: TableMapping,
    samples: dict[tuple[str, ...], list[tuple[Definition, pl.DataFrame]]],
) -> None:
    """Tell new indicators apart that have one name and different values in two tables.

    Ranks and scores, for instance, that two sheets or files both call “Income”.
    """
    if one.area.across or one.count:
        return
    for figure in one.figures:
        if not figure.indicator.startswith(NEW) or figure.where:
            continue
        key = (
            figure.indicator,
            figure.breakdown,
            figure.period or one.period.text,
            *one.editions[:1],
        )
        rows = found.frame.select(one.area.columns[0], figure.value).head(5_000)
        known = samples.setdefault(key, [])
        here = pl.DataFrame(
            {"c": rows[one.area.columns[0]], "v": parse_numbers(rows[figure.value]).values}
        ).unique("c", keep="last")
        other = found.names.get(figure.indicator)
        if other is None:
            continue
        for definition, kept in known:
            both = here.join(kept, on="c", how="inner", suffix="_2").drop_nulls()
            if both.height < 5:
                continue
            close = ((both["v"] - both["v_2"]).abs() <= 1e-3 * both["v_2"].abs() + 1e-9).mean()
            if float(close or 0) >= 0.8:  # type: ignore[arg-type]
                figure.indicator = definition.slug
                found.names.setdefault(definition.slug, definition)
                break
        else:
            if known:
                about = words.tidy(found.table.sheet or found.table.file.rsplit("/", 1)[-1])
                name = f"{other.name} ({about})"[:160]
                definition = replace(other, slug=NEW + words.slug(name, 70), name=name)
                found.names[definition.slug] = definition
                figure.indicator = definition.slug
                known.append((definition, here))
            else:
                known.append((other, here))
