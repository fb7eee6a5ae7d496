"""A mapping says what every column of a release's tables is. It is data: a person may edit it."""

from __future__ import annotations

import json
import types
import typing
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from typing import Any

AREA_BY = ("code", "name", "postcode", "point")
PERIOD_FROM = ("text", "column", "heading", "title", "file name")
PARTS = ("", "lower", "upper", "half-width", "numerator", "denominator")
SPANS = ("", "P1M", "P1Y")
AGGREGATIONS = ("sum", "ratio", "weighted-mean", "none")
NEW = "new:"


class MappingError(ValueError):
    """A mapping cannot be used; the message is a sentence that says where and what to do."""


@dataclass
class AreaColumns:
    """Where the areas stand.

    `columns` are tried in order in each row: the first that holds something tells the area. With
    `across`, areas are the headings of those columns and each row holds their values. `parents`
    hold names or codes of the authority around each area, by which repeated names are told apart;
    `names` is the column of names beside codes. For points, `columns` are longitude and latitude;
    they are used by `postcode` and `code` too where `points` are given and a code is missing.
    """

    columns: list[str]
    by: str = "code"
    names: str = ""
    parents: str = ""
    points: list[str] = field(default_factory=list)
    across: bool = False
    type: str = ""  # Of the areas named, where they are told by name.


@dataclass
class PeriodFrom:
    """Where the period comes from.

    `text` is a period (2021-01-01/P1Y) unless `source` is "column", when `column` holds periods as
    the publisher writes them and `kind` (or the column `kind_column`) says of what kind they are.
    `within` is a column of the quarter or month of the year in `column`.
    """

    source: str = "text"
    text: str = ""
    column: str = ""
    kind: str = ""
    kind_column: str = ""
    within: str = ""


@dataclass
class Figure:
    """One figure: its indicator, and the columns of its value, limits, parts and marker.

    `where` tells the rows that hold it in a long table; `period` is its own where years are
    columns. Values and limits are multiplied by `scale`. `half_width` is a column of how far both
    limits are from the value, where it is given in their place. Where limits and parts stand in
    rows of their own, `part` says which of them the rows of `where` hold.
    """

    indicator: str
    value: str
    breakdown: str = ""
    period: str = ""
    lower: str = ""
    upper: str = ""
    half_width: str = ""
    numerator: str = ""
    denominator: str = ""
    marker: str = ""
    scale: float = 1.0
    where: dict[str, str] = field(default_factory=dict)
    part: str = ""


@dataclass
class Count:
    """Rows are records, counted to areas; also for each value of `categories`, if given.

    Where they have days, they are counted by the month or year of `span` (P1M, P1Y).
    """

    indicator: str
    categories: str = ""
    dimension: str = ""
    span: str = ""


@dataclass
class TableMapping:
    """What one table gives. `editions` in order: a code goes to the first that holds it."""

    file: str
    sheet: str
    headings: list[str]
    area: AreaColumns
    period: PeriodFrom
    figures: list[Figure] = field(default_factory=list)
    first_row: int = 0
    editions: list[str] = field(default_factory=list)
    keep: dict[str, list[str]] = field(default_factory=dict)
    breakdowns: dict[str, str] = field(default_factory=dict)
    count: Count | None = None
    decimal_comma: bool = False
    missing: dict[str, str] = field(default_factory=dict)  # A publisher's markers → our letters.
    ignored: dict[str, str] = field(default_factory=dict)  # Columns, and why.


@dataclass
class Definition:
    """An indicator not held yet, as proposed; its slug begins with “new:”."""

    slug: str
    name: str
    unit: str = ""
    decimals: int = 1
    multiplier: float = 1.0
    aggregation: str = "none"


@dataclass
class Ignored:
    """A table, or a whole file, that gives nothing, and why."""

    file: str
    sheet: str
    why: str


@dataclass
class Mapping:
    """What a release's tables give. JSON both ways."""

    tables: list[TableMapping] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    layout: str = ""

    def to_json(self) -> str:
        """Return the mapping as JSON a person can read and edit."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Mapping:
        """Return the mapping in a text. Raises MappingError with a sentence for anything else."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise MappingError(
                f"The mapping is not JSON: {error}. Give one that was saved here, or mend it."
            ) from None
        mapping = build(cls, data, "the mapping")
        mapping.refuse()
        return mapping

    def refuse(self) -> None:
        """Raise MappingError for what cannot be: unknown words, columns a table does not have."""
        for number, table in enumerate(self.tables, 1):
            table_refusals(table, f"table {number} ({table.file or 'no file'})")
        known = {definition.slug for definition in self.definitions}
        for definition in self.definitions:
            where = f"the definition “{definition.slug}”"
            if not definition.slug.startswith(NEW) or len(definition.slug) == len(NEW):
                wrong(where, "its slug has to begin with “new:” and a word")
            if definition.aggregation not in AGGREGATIONS:
                wrong(where, f"“{definition.aggregation}” is no aggregation; {AGGREGATIONS} are")
            if not 0 <= definition.decimals <= 6 or not 0 < definition.multiplier <= 1e9:
                wrong(where, "decimals are 0 to 6, and the multiplier is above 0")
        for table in self.tables:
            used = [figure.indicator for figure in table.figures]
            used += [table.count.indicator] if table.count else []
            for slug in used:
                if slug.startswith(NEW) and slug not in known:
                    wrong(table.file, f"“{slug}” is not among the mapping's definitions")


def wrong(where: str, what: str) -> typing.NoReturn:
    """Raise MappingError with a sentence."""
    raise MappingError(f"In {where}, {what}. Mend the mapping and give it again.")


def table_refusals(table: TableMapping, where: str) -> None:
    """Raise MappingError for what a table's mapping cannot be."""
    if table.area.by not in AREA_BY:
        wrong(where, f"areas are told by “{table.area.by}”, which is none of {', '.join(AREA_BY)}")
    if table.period.source not in PERIOD_FROM:
        wrong(where, f"the period comes from “{table.period.source}”, which we do not know")
    if not table.area.columns:
        wrong(where, "no column is said to hold areas")
    if (table.area.by == "point" and len(table.area.columns) != 2) or (
        table.area.points and len(table.area.points) != 2
    ):
        wrong(where, "a point needs two columns, longitude and latitude")
    if not table.figures and table.count is None:
        wrong(where, "no figure is said to be in it; list it under “ignored” or give it figures")
    if table.period.source == "column" and not table.period.column:
        wrong(where, "the period's column is not named")
    asked = [*table.area.columns, table.area.names, table.area.parents, *table.area.points]
    asked += [table.period.column, table.period.kind_column, table.period.within]
    asked += [*table.keep, *table.breakdowns]
    for figure in table.figures:
        if not figure.value and not table.area.across:
            wrong(where, f"no column is said to hold the values of “{figure.indicator}”")
        if not figure.indicator:
            wrong(where, "a figure has no indicator")
        if figure.part not in PARTS or (figure.part and not figure.where):
            wrong(
                where,
                f"“{figure.part}” is not a part that rows can hold; they are "
                f"{', '.join(PARTS[1:])}, and `where` has to tell the rows",
            )
        asked += [figure.value, figure.lower, figure.upper, figure.numerator]
        asked += [figure.denominator, figure.marker, figure.half_width, *figure.where]
        if figure.half_width and (figure.lower or figure.upper):
            wrong(where, f"“{figure.indicator}” has both limits and a half width; keep one of them")
    if table.count:
        asked.append(table.count.categories)
        if table.count.span not in SPANS:
            wrong(where, f"“{table.count.span}” is no span; P1M (months) and P1Y (years) are")
    for column in asked:
        if column and column not in table.headings:
            wrong(where, f"the column “{column[:120]}” is not among its headings")


def build(kind: Any, data: Any, where: str) -> Any:
    """Return data as a dataclass or a plain type, or raise MappingError saying where it is not."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if data is None:
            return None
        return build(next(k for k in typing.get_args(kind) if k is not type(None)), data, where)
    if is_dataclass(kind):
        if not isinstance(data, dict):
            wrong(where, "something other than an object with names and values stands")
        hints = typing.get_type_hints(kind)
        names = {one.name for one in fields(kind)}
        for name in data:
            if name not in names:
                wrong(where, f"“{str(name)[:60]}” is not a name we know")
        for one in fields(kind):
            needed = one.default is MISSING and one.default_factory is MISSING
            if needed and one.name not in data:
                wrong(where, f"“{one.name}” is missing")
        return kind(  # type: ignore[operator]
            **{name: build(hints[name], value, f"{where}, {name}") for name, value in data.items()}
        )
    if origin is list:
        if not isinstance(data, list):
            wrong(where, "a list is needed")
        inner = typing.get_args(kind)[0]
        return [build(inner, item, f"{where} {n}") for n, item in enumerate(data, 1)]
    if origin is dict:
        if not isinstance(data, dict):
            wrong(where, "an object with names and values is needed")
        inner = typing.get_args(kind)[1]
        return {str(name): build(inner, value, f"{where}, {name}") for name, value in data.items()}
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        data = float(data)
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        wrong(where, f"“{str(data)[:60]}” is not of the kind that is needed ({kind.__name__})")
    if kind is float and not abs(data) < 1e300:
        wrong(where, "a number is too large, or none")
    return data
