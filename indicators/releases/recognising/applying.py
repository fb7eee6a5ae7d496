"""Applying a mapping: a publisher's tables to frames of one form, batch by batch.

Columnar throughout: only different texts (periods, categories, names) are looked at one by one.
Memory is bounded by a batch, whatever the length of a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from indicators.releases.problems import SCHEMA
from indicators.releases.reading.model import KIND, ROW, Table
from indicators.releases.reading.numbers import parse_numbers
from indicators.releases.recognising import words
from indicators.releases.recognising.columns import LEADING_SIGN, clean_codes, read_periods
from indicators.releases.recognising.known import Known, plain_names
from indicators.releases.recognising.mapping import (
    Figure,
    Mapping,
    MappingError,
    PeriodFrom,
    TableMapping,
)
from indicators.statistics.markers import MARKERS, POSITION

CELLS = 2_000_000
MOST_SCHEMA = 100_000
OUT = 400_000
NUMBERS = ("value", "lower", "upper", "numerator", "denominator")
# The columns that staging asks for, and where each row comes from.
COLUMNS: dict[str, type[pl.DataType]] = {
    "indicator": pl.String,
    "breakdown": pl.String,
    "edition": pl.String,
    "period": pl.String,
    "code": pl.String,
    **dict.fromkeys(NUMBERS, pl.Float64),
    "marker": pl.String,
    "file": pl.String,
    "sheet": pl.String,
    "row": pl.Int64,
    "given": pl.String,
    "name_given": pl.String,
}
# What records are counted by.
TALLY = ["_code", "_edition", "_period", "_category"]
QUARTER = re.compile(r"\bquarters?\b|\bqtrs?\b")
MISSING_LETTERS = [marker.letters for marker in MARKERS if marker.missing]
# Markers of rows that hold a part of another row's figure, until they are put beside it.
PART, HALF = "(part)", "(half-width)"
# Status letters that say a value is an ordinary one.
ORDINARY = ("a", "n", "normal", "normal value", "free", "f (free)", "v", "0", "ns", "t")


@dataclass
class Applied:
    """The frames a mapping gives. `problems` is complete when all batches have been taken."""

    mapping: Mapping
    tables: Sequence[Table]
    known: Known
    found: list[pl.DataFrame] = field(default_factory=list)
    counted: dict[tuple[str, str], int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return self.batches()

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield frames with the columns of COLUMNS; `completed` joins parts in rows of their own.

        `code` is null where the area could not be told, `edition` "" where no edition listed holds
        it; `period` is "" where it could not be read. Raises MappingError where a table of the
        mapping is not among the tables, or lacks a column.
        """
        self.found.clear()
        self.counted.clear()
        pairs = [(one, table_for(one, self.tables)) for one in self.mapping.tables]
        editions: dict[tuple[str, ...], pl.DataFrame] = {}
        tallies: dict[str, list[pl.DataFrame]] = {}
        for one, table in pairs:
            key = tuple(one.editions)
            if key not in editions:
                editions[key] = edition_of(one.editions, self.known)
            rows = TableRows(self, one, table, editions[key])
            if one.count is None:
                yield from rows.batches()
            elif (part := rows.tally()) is not None:
                # Records of one kind may be spread over files, by month or by force.
                tallies.setdefault(one.count.indicator, []).append(part)
        for indicator, parts in tallies.items():
            yield from counts(indicator, parts)

    def frame(self) -> pl.DataFrame:
        """Return all rows at once: for what is known to be small."""
        frames = list(self.batches())
        return completed(pl.concat(frames)) if frames else pl.DataFrame(schema=COLUMNS)

    @property
    def problems(self) -> pl.DataFrame:
        """What could not be read, a row each."""
        return pl.concat(self.found) if self.found else pl.DataFrame(schema=SCHEMA)

    def add(
        self, kind: str, code: str, sentence: str, rows: pl.DataFrame, one: TableMapping
    ) -> None:
        """Keep problems: `rows` have row, column, area and value; no more than a person takes."""
        key = (one.file, code)
        left = MOST_SCHEMA - self.counted.get(key, 0)
        self.counted[key] = self.counted.get(key, 0) + rows.height
        if rows.is_empty() or left <= 0:
            return
        self.found.append(
            rows.head(left).select(
                pl.lit(kind).alias("kind"),
                pl.lit(code).alias("code"),
                pl.lit(one.file).alias("file"),
                pl.lit(one.sheet).alias("sheet"),
                pl.col("row").cast(pl.Int64),
                pl.col("column").cast(pl.String),
                pl.col("area").cast(pl.String).fill_null("").str.slice(0, 120),
                pl.col("value").cast(pl.String).fill_null("").str.slice(0, 120),
                pl.lit(sentence).alias("sentence"),
            )
        )


def apply(mapping: Mapping, tables: Sequence[Table], known: Known) -> Applied:
    """Return the rows that a mapping gives of some tables; iterate it for batches."""
    return Applied(mapping, tables, known)


def table_for(one: TableMapping, tables: Sequence[Table]) -> Table:
    """Return the table a mapping is of. Raises MappingError where there is none."""
    same = [t for t in tables if (t.file, t.sheet) == (one.file, one.sheet)]
    for table in same:
        if one.first_row == table.first_row or len(same) == 1:
            missing = [h for h in one.headings if h not in table.headings]
            if missing:
                raise MappingError(
                    f"{one.file} has no column “{missing[0][:120]}” that the mapping names. "
                    "Recognise the file again, or mend the mapping."
                )
            return table
    raise MappingError(
        f"The mapping names {one.file}" + (f", sheet {one.sheet}" if one.sheet else "")
        + f", row {one.first_row}, and no table given is that. Give the file it was made for."
    )  # fmt: skip


def edition_of(editions: Sequence[str], known: Known) -> pl.DataFrame:
    """Return code, _edition: the first edition listed that holds the code."""
    order = pl.DataFrame(
        {"edition": list(editions), "place": range(len(editions))},
        schema={"edition": pl.String, "place": pl.Int64},
    )
    return (
        known.members.select("code", "edition")
        .join(order, on="edition")
        .sort("place")
        .unique("code", keep="first", maintain_order=True)
        .select("code", pl.col("edition").alias("_edition"))
    )


class TableRows:
    """One table as it is applied."""

    def __init__(
        self, applied: Applied, one: TableMapping, table: Table, editions: pl.DataFrame
    ) -> None:
        self.applied, self.one, self.table, self.editions = applied, one, table, editions
        self.known = applied.known
        self.periods: dict[tuple[str, str], str | None] = {}
        self.kept_kind: str | None = None
        figures = max(len(one.figures), 1)
        if one.area.across:
            figures = max(len(one.area.columns), 1)
        width = figures if not any(f.where for f in one.figures) else 1
        self.rows = max(2_000, min(200_000, CELLS // width))
        self.names: pl.DataFrame | None = None

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the table's rows in the form of COLUMNS."""
        waiting: list[pl.DataFrame] = []
        height = 0
        for frame in self.table.batches(self.rows):
            rows = self.wanted(frame)
            if rows.is_empty():
                continue
            for out in self.figures(rows):
                waiting.append(out)
                height += out.height
                if height >= OUT:
                    yield self.finished(pl.concat(waiting))
                    waiting, height = [], 0
        if height:
            yield self.finished(pl.concat(waiting))

    def wanted(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows that hold data, filtered as the mapping says.

        Rows of totals are kept where they name an area by its code.
        """
        one = self.one
        rows = frame.filter(pl.col(KIND).is_in(["data", "total"]))
        for column, kept in one.keep.items():
            rows = rows.filter(pl.col(column).fill_null("").is_in(kept))
        if rows.is_empty() or one.area.across or one.area.by == "point":
            return rows
        given = pl.coalesce(pl.col(c) for c in one.area.columns)
        if one.area.by == "code":
            held = rows.select(clean_codes(given)).to_series().is_in(self.known.codes.implode())
            rows = rows.filter((pl.col(KIND) == "data") | held)
        else:
            rows = rows.filter(pl.col(KIND) == "data")
        return rows

    # --- What each row is of

    def placed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows with `given`, `code` and `edition`."""
        one, known = self.one, self.known
        area = one.area
        if area.by == "point":
            code = self.located(rows, area.columns)
            given = rows.select(pl.concat_str(area.columns, separator=", ")).to_series()
            rows = rows.with_columns(given.alias("_given"), code.alias("_code"))
        else:
            columns = ["_area"] if area.across else area.columns
            rows = rows.with_columns(pl.coalesce(pl.col(c) for c in columns).alias("_given"))
            if area.by == "code":
                code = rows.select(clean_codes(pl.col("_given"))).to_series()
                if known.aliases:
                    code = code.replace(dict(known.aliases))
            elif area.by == "postcode":
                code = self.of_postcodes(rows["_given"])
            else:
                code = self.of_names(rows)
            rows = rows.with_columns(code.alias("_code"))
            if area.points and known.locate is not None and rows["_code"].null_count():
                lost = self.located(rows, area.points)
                told = rows["_code"]
                rows = rows.with_columns(told.zip_with(told.is_not_null(), lost).alias("_code"))
        named = pl.col(area.names) if area.names and not area.across else pl.lit(None, pl.String)
        rows = rows.with_columns(named.alias("_name"))
        if one.editions:
            rows = rows.join(
                self.editions, left_on="_code", right_on="code", how="left", maintain_order="left"
            )
        else:
            rows = rows.join(
                self.newest(), left_on="_code", right_on="code", how="left", maintain_order="left"
            )
        lost_rows = rows.filter(pl.col("_code").is_null())
        if lost_rows.height:
            slug, sentence, kind = {
                "name": ("name-unknown", "This is the name of no area here, or of several. Give "
                         "codes, or a column of the authorities around.", "error"),
                "postcode": ("postcode-unknown", "This postcode is not known here. It is left out.",
                             "warning"),
                "point": ("point-outside", "This point is in no area held here. It is left out.",
                          "warning"),
            }.get(
                area.by, ("no-area", "This row names no area. It is left out.", "warning")
            )  # fmt: skip
            self.applied.add(
                kind, slug, sentence,
                lost_rows.select("row", pl.lit(area.columns[0]).alias("column"),
                                 pl.col("_given").alias("area"), pl.lit("").alias("value")),
                one,
            )  # fmt: skip
        return rows.with_columns(pl.col("_edition").fill_null(""))

    def newest(self) -> pl.DataFrame:
        """Return code, _edition: the newest that holds each code."""
        if self.names is None:
            self.names = (
                self.known.members.sort("edition_date", descending=True, nulls_last=True)
                .unique("code", keep="first", maintain_order=True)
                .select("code", pl.col("edition").alias("_edition"))
            )
        return self.names

    def located(self, rows: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
        """Return the codes of the areas that points are in, null where none is known."""
        if self.known.locate is None:
            return pl.Series([None] * rows.height, dtype=pl.String)
        lon, lat = (parse_numbers(rows[c]).values for c in columns)
        return self.known.locate(lon, lat).cast(pl.String)

    def of_postcodes(self, given: pl.Series) -> pl.Series:
        """Return the codes of the areas that postcodes are in."""
        if self.known.postcodes is None:
            return pl.Series([None] * len(given), dtype=pl.String)
        plain = given.str.to_uppercase().str.replace_all(r"\s+", "")
        return self.known.postcodes(plain).cast(pl.String)

    def of_names(self, rows: pl.DataFrame) -> pl.Series:
        """Return the codes of areas by name: those of the edition first, unique within parent."""
        area = self.one.area
        asked = rows.select(
            pl.col("_given"),
            (pl.col(area.parents) if area.parents else pl.lit(None, dtype=pl.String)).alias("_in"),
        )
        different = asked.unique()
        found = different.with_columns(plain_names(pl.col("_given")).alias("plain")).join(
            names_of(self.known, area.type), on="plain", how="inner"
        )
        if area.parents:
            parents = self.parent_codes(different["_in"])
            found = found.join(parents, on="_in", how="left").filter(
                pl.col("parent_code") == pl.col("_parent")
            )
        single = (
            found.group_by("_given", "_in")
            .agg(pl.col("code").n_unique().alias("n"), pl.col("code").first())
            .filter(pl.col("n") == 1)
        )
        return asked.join(
            single, on=["_given", "_in"], how="left", nulls_equal=True, maintain_order="left"
        )["code"]

    def parent_codes(self, texts: pl.Series) -> pl.DataFrame:
        """Return _in, _parent: the codes of parents given by code or by name."""
        frame = texts.drop_nulls().unique().to_frame("_in")
        frame = frame.with_columns(
            clean_codes(pl.col("_in")).alias("as_code"), plain_names(pl.col("_in")).alias("plain")
        )
        held = self.known.members["parent_code"].drop_nulls().unique()
        by_code = frame.filter(pl.col("as_code").is_in(held.implode())).select(
            "_in", pl.col("as_code").alias("_parent")
        )
        by_name = (
            frame.join(by_code, on="_in", how="anti")
            .join(self.known.names.filter(pl.col("code").is_in(held.implode())), on="plain")
            .select("_in", pl.col("code").alias("_parent"))
            .unique()
        )
        return pl.concat([by_code, by_name])

    def dated(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows with `_period`: "" where it could not be read."""
        period = self.one.period
        if period.source != "column":
            return rows.with_columns(pl.lit(period.text).alias("_period"))
        kinds = pl.col(period.kind_column) if period.kind_column else pl.lit(period.kind)
        asked = rows.select(
            period_text_of(period).alias("_text"), kinds.fill_null("").alias("_kind")
        )
        for kind, texts in asked.unique(maintain_order=True).group_by("_kind", maintain_order=True):
            said = str(kind[0])
            if not said and self.kept_kind:
                said = self.kept_kind
            new = [t for t in texts["_text"].drop_nulls() if (t, str(kind[0])) not in self.periods]
            if not new:
                continue
            read = read_periods(new, said)
            self.periods |= {(t, str(kind[0])): read.get(t) for t in new}
        table = pl.DataFrame(
            {
                "_text": [t for t, _ in self.periods],
                "_kind": [k for _, k in self.periods],
                "_period": list(self.periods.values()),
            },
            schema={"_text": pl.String, "_kind": pl.String, "_period": pl.String},
        )
        got = asked.join(table, on=["_text", "_kind"], how="left", maintain_order="left")["_period"]
        rows = rows.with_columns(got.fill_null("").alias("_period"))
        lost = rows.filter(got.is_null())
        if lost.height:
            self.applied.add(
                "error",
                "period-unreadable",
                "This is no period we can read. Write 2019, 2019/20, 2019-07, 2019 Q3, or a start "
                "and a length such as 2019-04-01/P1Y.",
                lost.select(
                    "row",
                    pl.lit(period.column).alias("column"),
                    pl.col("_given").alias("area"),
                    pl.col(period.column).alias("value"),
                ),
                self.one,
            )
        return rows

    def broken_down(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows with `_breakdown`, from the columns of categories."""
        columns = self.one.breakdowns
        if not columns:
            return rows.with_columns(pl.lit("").alias("_breakdown"))
        different = rows.select(list(columns)).unique()
        texts = [
            words.breakdown_text(
                [
                    words.category(text or "", name)
                    for text, name in zip(row, columns.values(), strict=True)
                ]
            )
            for row in different.iter_rows()
        ]
        told = different.with_columns(pl.Series("_breakdown", texts, dtype=pl.String))
        return rows.join(
            told, on=list(columns), how="left", nulls_equal=True, maintain_order="left"
        )

    # --- Figures

    def figures(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Yield the figures of some rows, one frame for each column of values."""
        one = self.one
        if one.area.across:
            rows = self.across(rows)
            if rows.is_empty():
                return
        rows = self.broken_down(self.dated(self.placed(rows)))
        groups: dict[tuple[str, ...], list[Figure]] = {}
        for figure in one.figures:
            value = "_value" if one.area.across else figure.value
            columns = (value, figure.lower, figure.upper, figure.half_width, figure.numerator,
                       figure.denominator, figure.marker, figure.part)  # fmt: skip
            key = (*columns, *sorted(figure.where)) if figure.where else (
                *columns, "|", figure.indicator, figure.breakdown, figure.period
            )  # fmt: skip
            groups.setdefault(key, []).append(figure)
        read: dict[str, pl.DataFrame] = {}
        matched = pl.Series([False] * rows.height)
        for figures in groups.values():
            first = figures[0]
            value = "_value" if one.area.across else first.value
            frame = rows.select(
                pl.col("_code").alias("code"), "_edition", "_period", "_breakdown", "row", "_given",
                "_name",
                *(pl.col(c).alias(f"_where {c}") for c in first.where),
            )  # fmt: skip
            parts = {
                name: self.numbers(rows, column, read)
                for name, column in zip(
                    NUMBERS,
                    (value, first.lower, first.upper, first.numerator, first.denominator),
                    strict=True,
                )
            }
            if first.part:
                held = "upper" if first.part == "half-width" else first.part
                nothing = self.numbers(rows, "", read)
                parts = {**dict.fromkeys(NUMBERS, nothing), held: parts["value"]}
            if first.half_width:
                parts |= self.around(rows, first.half_width, parts["value"], read)
            frame = frame.with_columns(
                *(parts[name]["values"].alias(name) for name in NUMBERS),
                parts["value"]["markers"].alias("_cell"),
                self.statuses(rows, first.marker).alias("_status"),
                pl.int_range(0, rows.height).alias("_at"),
            )  # fmt: skip
            if first.where:
                asked = sorted(first.where)
                table = pl.DataFrame(
                    {
                        **{f"_where {c}": [f.where[c] for f in figures] for c in asked},
                        "indicator": [f.indicator for f in figures],
                        "_own": [f.breakdown for f in figures],
                        "_when": [f.period for f in figures],
                        "_scale": [f.scale for f in figures],
                    },
                    schema_overrides={"_scale": pl.Float64},
                )
                frame = frame.join(
                    table, on=[f"_where {c}" for c in asked], how="inner", maintain_order="left"
                )
                hit = pl.Series([False] * rows.height)
                if frame.height:
                    hit = hit.scatter(frame["_at"].unique(), True)
                matched = matched | hit
            else:
                matched = ~matched | True
                frame = frame.with_columns(
                    pl.lit(first.indicator).alias("indicator"),
                    pl.lit(first.breakdown).alias("_own"),
                    pl.lit(first.period).alias("_when"),
                    pl.lit(first.scale).alias("_scale"),
                )
            yield frame.select(
                "indicator", "_own", "_when", "_scale", "code", "_edition", "_period",
                "_breakdown", "row", "_given", "_name", *NUMBERS, "_cell", "_status",
                pl.lit(first.value).alias("_column"), pl.lit(first.part).alias("_part"),
            )  # fmt: skip
        lost = rows.filter(~matched)
        if lost.height:
            column = next((c for f in one.figures for c in f.where), "")
            self.applied.add(
                "warning",
                "row-of-no-figure",
                "This row is of no figure that the mapping names. It is left out.",
                lost.select(
                    "row", pl.lit(column).alias("column"), pl.col("_given").alias("area"),
                    (pl.col(column) if column else pl.lit("")).alias("value"),
                ),
                one,
            )  # fmt: skip

    def around(
        self, rows: pl.DataFrame, column: str, value: pl.DataFrame, read: dict[str, pl.DataFrame]
    ) -> dict[str, pl.DataFrame]:
        """Return the limits that lie a half width below and above the values."""
        bare = rows.with_columns(pl.col(column).str.replace(LEADING_SIGN, ""))
        half = self.numbers(bare, column, read)["values"]
        # Sums of decimals differ from what they are in their last bits.
        return {
            name: pl.DataFrame({"values": (value["values"] + way * half).round(9)})
            for name, way in (("lower", -1), ("upper", 1))
        }

    def statuses(self, rows: pl.DataFrame, column: str) -> pl.Series:
        """Return a column of markers, null where there is none."""
        if not column:
            return pl.repeat(None, rows.height, dtype=pl.String, eager=True)
        return rows[column]

    def across(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows with an area each, from rows with a column for each area."""
        area = self.one.area
        rest = [c for c in (*self.table.headings,) if c not in area.columns]
        long = rows.unpivot(
            on=area.columns, index=[*rest, ROW], variable_name="_area", value_name="_value"
        )
        return long

    def numbers(
        self, rows: pl.DataFrame, column: str, read: dict[str, pl.DataFrame]
    ) -> pl.DataFrame:
        """Return values and markers of a column; what cannot be read is a problem."""
        if not column:
            return pl.DataFrame(
                {
                    "values": pl.repeat(None, rows.height, dtype=pl.Float64, eager=True),
                    "markers": pl.repeat("", rows.height, dtype=pl.String, eager=True),
                }
            )
        if column not in read:
            got = parse_numbers(rows[column], decimal_comma=self.one.decimal_comma)
            # What a spreadsheet could not divide by nothing is not applicable.
            divided = rows[column].str.strip_chars().eq("#DIV/0!").fill_null(False)
            bad = rows.filter(got.problems & ~divided)
            if bad.height:
                self.applied.add(
                    "error",
                    "not-a-number",
                    "This is neither a number nor a marker we know. Mend the cell, or say in the "
                    "mapping what it means.",
                    bad.select(
                        "row",
                        pl.lit(column if column != "_value" else "").alias("column"),
                        pl.col("_given").alias("area"),
                        pl.col(column).alias("value"),
                    ),
                    self.one,
                )
            markers = got.markers.scatter(divided.arg_true(), "z") if divided.any() else got.markers
            read[column] = pl.DataFrame({"values": got.values, "markers": markers})
        return read[column]

    def finished(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a frame in the form of COLUMNS: markers told, values scaled, breakdowns joined."""
        one = self.one
        meanings = {k.lower(): v for k, v in one.missing.items()}
        letters = {m: m for m in POSITION} | meanings
        # A longer mark that stands for a bound, such as <5, is told by its sign.
        cell = pl.col("_cell").str.to_lowercase()
        status = pl.col("_status").fill_null("").str.strip_chars().str.to_lowercase()
        status = status.str.strip_chars("[]")
        frame = frame.with_columns(
            cell.replace_strict(letters, default=None, return_dtype=pl.String).alias("_marker"),
            status.replace_strict(
                {**dict.fromkeys(ORDINARY, ""), **letters}, default=None, return_dtype=pl.String
            ).alias("_said"),
        )
        odd = frame.filter(pl.col("_marker").is_null() | pl.col("_said").is_null())
        if odd.height:
            for where, text, code, sentence in (
                ("_said", "_status", "status-in-words",
                 "This status is none of the markers we know; the value is kept without one."),
                ("_marker", "_cell", "marker-unknown",
                 "This marker is not known; where there is no value it is taken as [x]."),
            ):  # fmt: skip
                some = odd.filter(pl.col(where).is_null())
                self.applied.add(
                    "warning", code, sentence,
                    some.select("row", pl.col("_column").alias("column"),
                                pl.col("_given").alias("area"), pl.col(text).alias("value")),
                    one,
                )  # fmt: skip
        said = pl.col("_said").fill_null("")
        marker = pl.when(said != "").then(said).otherwise(pl.col("_marker").fill_null(""))
        frame = frame.with_columns(marker.alias("marker"))
        hidden = pl.col("marker").is_in(MISSING_LETTERS)
        both = frame.filter(hidden & pl.col("value").is_not_null())
        if both.height:
            self.applied.add(
                "warning",
                "value-with-missing-marker",
                "The marker says there is no value, and one stands here. The value is left out.",
                both.select(
                    "row", pl.col("_column").alias("column"), pl.col("_given").alias("area"),
                    pl.col("value"),
                ),
                one,
            )  # fmt: skip
        value = pl.when(~hidden).then(pl.col("value"))
        scaled = [
            (value * pl.col("_scale")).alias("value"),
            *(
                pl.when(~hidden).then(pl.col(name) * pl.col("_scale")).alias(name)
                for name in ("lower", "upper")
            ),
        ]
        breakdown = joined_breakdown(frame)
        frame = frame.with_columns(scaled).with_columns(
            pl.when(pl.col("value").is_null() & ~pl.col("marker").is_in(MISSING_LETTERS))
            .then(pl.lit("x"))
            .otherwise("marker")
            .alias("marker"),
            pl.when(pl.col("_when") != "").then("_when").otherwise("_period").alias("period"),
            breakdown.alias("breakdown"),
            pl.col("_edition").alias("edition"),
            pl.col("_given").alias("given"),
            pl.col("_name").alias("name_given"),
            pl.lit(one.file).alias("file"),
            pl.lit(one.sheet).alias("sheet"),
        )
        if (frame["_part"] != "").any():
            mark = (
                pl.when(pl.col("_part") == "half-width").then(pl.lit(HALF)).otherwise(pl.lit(PART))
            )
            there = pl.any_horizontal(pl.col(NUMBERS).is_not_null())
            frame = frame.with_columns(
                pl.when(pl.col("_part") != "").then(mark).otherwise("marker").alias("marker")
            ).filter((pl.col("_part") == "") | there)
        return frame.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items())

    # --- Records

    def tally(self) -> pl.DataFrame | None:
        """Return how many rows each area, period and category has; None for a table without any.

        The columns are those of TALLY, `n`, and where the first of the rows stands.
        """
        count = self.one.count
        assert count is not None
        total: pl.DataFrame | None = None
        for frame in self.table.batches(200_000):
            rows = self.wanted(frame)
            if rows.is_empty():
                continue
            rows = self.dated(self.placed(rows)).filter(pl.col("_code").is_not_null())
            if count.span:
                rows = rows.with_columns(spanned(pl.col("_period"), count.span).alias("_period"))
            category = pl.col(count.categories) if count.categories else pl.lit("")
            part = (
                rows.with_columns(category.fill_null("not stated").alias("_category"))
                .group_by(TALLY)
                .agg(
                    pl.len().cast(pl.Int64).alias("n"),
                    pl.col("row").min(),
                    pl.col("_given").first(),
                )
            )
            total = part if total is None else pl.concat([total, part])
            if total.height > 500_000:
                total = summed(total)
        if total is None or total.is_empty():
            return None
        told = {
            name: words.category(name, count.dimension) if count.categories else ""
            for name in total["_category"].unique()
        }
        return summed(total).with_columns(
            pl.col("_category").replace_strict(told, return_dtype=pl.String),
            pl.lit(self.one.file).alias("file"),
            pl.lit(self.one.sheet).alias("sheet"),
        )


def period_text_of(period: PeriodFrom) -> pl.Expr:
    """Return the text that tells a row's period, with the quarter or month of its year if apart."""
    text = pl.col(period.column)
    if not period.within:
        return text
    within = pl.col(period.within).str.strip_chars()
    number = within.str.extract(r"^(?:[A-Za-z]+ ?)?(\d{1,2})$", 1)
    if QUARTER.search(words.plain(period.within)):
        return pl.concat_str(text, pl.lit(" Q"), number)
    return (
        pl.when(number.is_null())
        .then(pl.concat_str(text, pl.lit(" "), within))
        .otherwise(pl.concat_str(text, pl.lit("-"), number.str.zfill(2)))
    )


def spanned(period: pl.Expr, span: str) -> pl.Expr:
    """Return days (2022-03-05) as the month or year that they are in; other periods stay."""
    first = {"P1M": period.str.slice(0, 7) + "-01", "P1Y": period.str.slice(0, 4) + "-01-01"}[span]
    return (
        pl.when(period.str.contains(r"^\d{4}-\d\d-\d\d$"))
        .then(first + f"/{span}")
        .otherwise(period)
    )


def completed(frame: pl.DataFrame) -> pl.DataFrame:
    """Put limits and parts that stood in rows of their own beside the values they belong to.

    `frame` has the columns of COLUMNS, with all rows of a series. Where no value stands, both
    parts of a rate are kept as one row, and anything else as a value that is not available.
    """
    apart = pl.col("marker").is_in([PART, HALF])
    if not frame.select(apart.any()).item():
        return frame
    key = ["indicator", "breakdown", "edition", "period", "code"]
    half = pl.col("upper").filter(pl.col("marker") == HALF).first().alias("_half")
    rest = [c for c in frame.columns if c not in (*key, *NUMBERS, "marker")]
    parts = (
        frame.filter(apart)
        .group_by(key, maintain_order=True)
        .agg(
            half,
            *(pl.col(n).filter(pl.col("marker") == PART).drop_nulls().first() for n in NUMBERS[1:]),
            pl.col(rest).first(),
        )
    )
    own = frame.filter(~apart)
    both = own.join(
        parts.drop(rest), on=key, how="left", nulls_equal=True, maintain_order="left",
        suffix="_apart",
    )  # fmt: skip
    there = pl.col("value").is_not_null()
    way = {"lower": pl.col("value") - pl.col("_half"), "upper": pl.col("value") + pl.col("_half")}
    both = both.with_columns(
        pl.coalesce(
            name,
            pl.when(there | pl.lit(name in NUMBERS[3:])).then(f"{name}_apart"),
            *([way[name].round(9)] if name in way else []),
        ).alias(name)
        for name in NUMBERS[1:]
    ).select(frame.columns)
    alone = parts.join(own.select(key).unique(), on=key, how="anti", nulls_equal=True)
    rate = pl.col("numerator").is_not_null() & pl.col("denominator").is_not_null()
    alone = alone.with_columns(
        pl.lit(None, dtype=pl.Float64).alias("value"),
        *(pl.lit(None, dtype=pl.Float64).alias(name) for name in ("lower", "upper")),
        pl.when(rate).then(pl.lit("")).otherwise(pl.lit("x")).alias("marker"),
    )
    return pl.concat([both, alone.select(frame.columns)])


def counts(indicator: str, tallies: Sequence[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the counts of one indicator's records in the form of COLUMNS: of all, and by category.

    Areas without any are not given: whether they had none, or were not asked, a list of records
    does not say.
    """
    whole = pl.concat(tallies)
    frames = [summed(whole.with_columns(pl.lit("").alias("_category")))]
    by_kind = whole.filter(pl.col("_category") != "")
    if by_kind.height:
        frames.append(summed(by_kind))
    for out in frames:
        yield out.select(
            pl.lit(indicator).alias("indicator"),
            pl.col("_category").alias("breakdown"),
            pl.col("_edition").alias("edition"),
            pl.col("_period").alias("period"),
            pl.col("_code").alias("code"),
            pl.col("n").cast(pl.Float64).alias("value"),
            *(pl.lit(None, dtype=pl.Float64).alias(name) for name in NUMBERS[1:]),
            pl.lit("").alias("marker"),
            "file",
            "sheet",
            "row",
            pl.col("_given").alias("given"),
            pl.lit(None, dtype=pl.String).alias("name_given"),
        ).cast(pl.Schema(COLUMNS))


def names_of(known: Known, kind: str) -> pl.DataFrame:
    """Return plain, code, parent_code of a type's areas: of the newest edition where it has one."""
    names = known.names.filter(pl.col("type") == kind) if kind else known.names
    newest = (
        names.sort("edition_date", descending=True, nulls_last=True)
        .with_columns(pl.col("edition_date").max().over("plain").alias("latest"))
        .filter(pl.col("edition_date").eq_missing(pl.col("latest")))
    )
    return newest.select("plain", "code", "parent_code")


def joined_breakdown(frame: pl.DataFrame) -> pl.Series:
    """Return the rows' breakdowns with the figures' own, sorted."""
    different = frame.select("_breakdown", "_own").unique()
    texts = [words.breakdown_text(list(row)) for row in different.iter_rows()]
    table = different.with_columns(pl.Series("b", texts, dtype=pl.String))
    return frame.select("_breakdown", "_own").join(
        table, on=["_breakdown", "_own"], how="left", maintain_order="left"
    )["b"]


def summed(frame: pl.DataFrame) -> pl.DataFrame:
    """Return tallies added up."""
    rest = [name for name in frame.columns if name not in (*TALLY, "n")]
    return frame.group_by(TALLY, maintain_order=True).agg(pl.col("n").sum(), pl.col(rest).first())
