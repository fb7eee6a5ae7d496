"""What may be wrong in the rows a mapping gives: small checks, each a function.

A check takes a Case and returns a frame with a row for each finding. All are run; findings of one
kind are counted together, so that ten thousand of them are one line with examples to a reader, and
a table with the rows to whoever mends the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import polars as pl

from indicators.releases.problems import SCHEMA
from indicators.releases.recognising.applying import COLUMNS, NUMBERS
from indicators.releases.recognising.known import Known, plain_names
from indicators.releases.recognising.mapping import Mapping
from indicators.statistics.periods import parse_period

KEY = ["indicator", "breakdown", "edition", "period", "code"]
SERIES = KEY[:-1]
MOST_EACH = 100_000  # Findings of one check that are kept, and counted, of one part.
EXAMPLES = 5
JUMP = 8.0  # Times the usual movement, and
LEAST_JUMP = 0.25  # at least this share of the earlier value.
FEW = 0.1  # Of the areas of a table: as many may be unknown, and the rest is sound.
PSEUDO = r"^[EWSNLM]9{8}$"
# What a spreadsheet shows where a code was that it took for a number: 9E+06, 6000001.
AS_NUMBER = r"^[-+]?\d[\d.,]*(?:[eE][-+]?\d+)?$"
# And where a range of ages or sizes was that it took for a date: 10-14, as Oct-14 or 2014-10-01.
MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
AS_DATE = rf"=(?:\d{{1,2}}-{MONTH}|{MONTH}-\d{{1,2}}|\d{{4}}-\d\d-\d\d)$"
RANGE = r"=(?:\d+-(?:to-)?\d+|\d+-plus|under-\d+|over-\d+)$"


@dataclass(frozen=True)
class Group:
    """Findings of one kind: how many, a sentence that stands for them, and a few examples."""

    kind: str
    code: str
    count: int
    sentence: str
    examples: list[dict[str, object]]


@dataclass
class Case:
    """What is checked: rows in the form of applying.COLUMNS, and what is known.

    `live` are the values that readers see now, in the same form; `definitions` tells unit,
    multiplier and aggregation of each indicator.
    """

    frame: pl.DataFrame
    known: Known
    live: pl.DataFrame | None = None
    mapping: Mapping = field(default_factory=Mapping)
    today: date = field(default_factory=date.today)

    @cached_property
    def definitions(self) -> pl.DataFrame:
        """Slug, unit, multiplier, aggregation of the indicators held and proposed."""
        asked = {"slug": pl.String, "unit": pl.String, "decimals": pl.Int64,
                 "multiplier": pl.Float64, "aggregation": pl.String}  # fmt: skip
        new = [
            {"slug": d.slug, "unit": d.unit, "decimals": d.decimals, "multiplier": d.multiplier,
             "aggregation": d.aggregation} for d in self.mapping.definitions
        ]  # fmt: skip
        held = self.known.indicators.select(pl.col(c).cast(t) for c, t in asked.items())
        return pl.concat([held, pl.DataFrame(new, schema=asked)]).unique("slug", keep="first")

    @cached_property
    def rows(self) -> pl.DataFrame:
        """The rows with an index, and the unit, multiplier and aggregation of their indicator."""
        return self.frame.with_row_index("_at").join(
            self.definitions,
            left_on="indicator",
            right_on="slug",
            how="left",
            maintain_order="left",
        )

    @cached_property
    def placed(self) -> pl.DataFrame:
        """The rows with the type and dates of their area; type is null for unknown codes."""
        areas = self.known.areas.unique("code", keep="first", maintain_order=True).select(
            "code", "type", "name", "name_cy", "valid_from", "valid_to"
        )
        return self.rows.join(areas, on="code", how="left", maintain_order="left")

    @cached_property
    def dates(self) -> pl.DataFrame:
        """Each period with its first and last day; null where it is none."""
        texts = self.frame["period"].unique().drop_nulls().to_list()
        starts: list[date | None] = []
        ends: list[date | None] = []
        for text in texts:
            try:
                parsed = parse_period(text)
                starts.append(parsed.start)
                ends.append(parsed.end)
            except ValueError:
                starts.append(None)
                ends.append(None)
        return pl.DataFrame(
            {"period": texts, "_start": starts, "_end": ends},
            schema={"period": pl.String, "_start": pl.Date, "_end": pl.Date},
        )


Check = Callable[[Case], pl.DataFrame]


def findings(
    rows: pl.DataFrame, kind: str, code: str, sentence: str | pl.Expr, *, value: str = "value",
    column: str = "",
) -> pl.DataFrame:  # fmt: skip
    """Return rows of the case as findings."""
    if rows.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    said = pl.lit(sentence) if isinstance(sentence, str) else sentence
    return rows.select(
        pl.lit(kind).alias("kind"),
        pl.lit(code).alias("code"),
        "file",
        "sheet",
        pl.col("row").cast(pl.Int64),
        pl.lit(column or value).alias("column"),
        pl.coalesce("given", "code").fill_null("").str.slice(0, 120).alias("area"),
        pl.col(value).cast(pl.String).fill_null("").str.slice(0, 120).alias("value"),
        said.alias("sentence"),
    )


def per_area(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row of each area of a file: what is wrong with a code is said once."""
    return rows.unique(["file", "sheet", "given"], keep="first", maintain_order=True)


# --- Areas ----------------------------------------------------------------------------------------


def unknown_codes(case: Case) -> pl.DataFrame:
    """Codes of no area here, whose rows are left out.

    They are errors where their kind is held, or they are numbers, and more than a few of a table's
    areas are unknown: it is then of other areas than those held, or a spreadsheet has been at it.
    Publishers mix counties and combined authorities of all years into tables that are sound, and a
    kind that is not held may be loaded later. Where a file says itself which edition a code is of,
    one that is not is an error.
    """
    areas = per_area(case.placed.filter(pl.col("code").is_not_null()))
    pseudo = pl.col("code").str.contains(PSEUDO)
    held = pl.col("code").str.slice(0, 3).is_in(list(case.known.prefixes)) & ~pseudo
    number = pl.col("code").str.contains(AS_NUMBER)
    shown = pl.col("code").str.slice(0, 40)  # A cell may hold anything.
    unknown = pl.col("type").is_null()
    lost = areas.with_columns(
        (unknown & (held | number)).sum().over("file", "sheet").alias("_lost"),
        pl.len().over("file", "sheet").alias("_all"),
    ).filter(unknown)
    many = (pl.col("_lost") > FEW * pl.col("_all")) | (pl.col("edition") != "")
    as_number = pl.format(
        "“{}” is a number where the code of an area should be, as spreadsheets make of codes. {}"
        "Format that column as text, put the code back, and give the file again.",
        shown, pl.when(many).then(pl.lit("")).otherwise(pl.lit("Its rows are left out. ")),
    )  # fmt: skip
    return pl.concat(
        [
            findings(lost.filter(number & many), "error", "code-as-number", as_number,
                     value="code"),
            findings(lost.filter(number & ~many), "warning", "code-as-number", as_number,
                     value="code"),
            findings(
                lost.filter(held & many), "error", "unknown-code",
                pl.format("{} is the code of no area held here, though others that begin like it "
                          "are. Correct it, or load the areas it is from.", shown),
                value="code",
            ),
            findings(
                lost.filter(held & ~many), "warning", "unknown-code",
                pl.format("{}, “{}” in the file, is no area held here, though others that begin "
                          "like it are. Its rows are left out. Correct it, or load it first.",
                          shown, pl.col("name_given").fill_null(pl.col("code"))),
                value="code",
            ),
            findings(
                lost.filter(~held & ~number), "warning", "kind-not-held",
                pl.format("{} is of a kind of area that is not held here. It is left out.", shown),
                value="code",
            ),
        ]
    )  # fmt: skip


def no_codes(case: Case) -> pl.DataFrame:
    """A file none of whose rows can be placed."""
    each = case.frame.group_by("file", "sheet", maintain_order=True).agg(
        (pl.col("edition") != "").sum().alias("placed"), pl.len(), pl.col("row").min(),
        pl.col("given").first(), pl.col("code").first(),
    )  # fmt: skip
    return findings(
        each.filter(pl.col("placed") == 0), "error", "no-areas",
        pl.format("None of the {} rows of {} is of an area held here. Load the areas first, or say "
                  "in the mapping which column holds them.", "len", "file"),
        value="code",
    )  # fmt: skip


def in_no_edition(case: Case) -> pl.DataFrame:
    """Areas that are known and in none of the editions the mapping names."""
    rows = case.placed.filter(pl.col("type").is_not_null() & (pl.col("edition") == ""))
    return findings(
        per_area(rows), "warning", "in-no-edition",
        pl.format("{} ({}) is in none of the editions that the mapping names, and is left out. Add "
                  "its edition there, or load one that holds it.",
                  "code", pl.col("name").fill_null("no name")),
        value="code",
    )  # fmt: skip


def miscased_codes(case: Case) -> pl.DataFrame:
    """Codes that stood in the file in other letters."""
    odd = case.placed.filter(
        (pl.col("given").str.to_uppercase() == pl.col("code")) & (pl.col("given") != pl.col("code"))
    )
    return findings(
        per_area(odd), "warning", "code-in-small-letters",
        pl.format("“{}” is read as {}. Codes are written in capitals.", "given", "code"),
        value="given",
    )  # fmt: skip


def ended_codes(case: Case) -> pl.DataFrame:
    """Areas that ended before a period began, or began after it ended."""
    rows = case.placed.join(case.dates, on="period", how="left", maintain_order="left")
    ended = rows.filter(pl.col("valid_to") <= pl.col("_start"))
    future = rows.filter(pl.col("valid_from") > pl.col("_end"))
    one = ["file", "sheet", "given"]
    return pl.concat(
        [
            findings(
                ended.unique(one, maintain_order=True), "warning", "ended-code",
                pl.format("{} ended on {}, before the period of its figures. They are kept at its "
                          "own edition.", "code", pl.col("valid_to").cast(pl.String)),
                value="period",
            ),
            findings(
                future.unique(one, maintain_order=True), "warning", "code-of-later",
                pl.format("{} began on {}, after the period of its figures: the publisher has "
                          "recast them.", "code", pl.col("valid_from").cast(pl.String)),
                value="period",
            ),
        ]
    )  # fmt: skip


def future_periods(case: Case) -> pl.DataFrame:
    """Periods that have not begun, or are none."""
    rows = case.rows.join(case.dates, on="period", how="left", maintain_order="left")
    series = ["file", "sheet", "indicator", "period"]
    late = rows.filter(pl.col("_start") > pl.lit(case.today) + pl.duration(days=366))
    none = rows.filter(pl.col("_start").is_null())
    return pl.concat(
        [
            findings(late.unique(series, maintain_order=True), "warning", "future-period",
                     "The period has not begun. Say whether these are forecasts.", value="period"),
            findings(none.unique(series, maintain_order=True), "error", "no-period",
                     "These rows have no period we can read. Say it in the mapping.",
                     value="period"),
        ]
    )  # fmt: skip


def mangled_dates(case: Case) -> pl.DataFrame:
    """Years and ranges that a spreadsheet took for dates, among others that it did not.

    It shows 2010/11 as Nov-10 and 10-14 as Oct-14, and leaves 2013/14 and 15-19 alone.
    """
    series = ["file", "sheet", "indicator", "period"]
    periods = case.rows.unique(series, keep="first", maintain_order=True).with_columns(
        pl.col("period").str.ends_with("/P1M").alias("_month"),
        pl.col("period").str.ends_with("/P1Y").alias("_year"),
        (pl.col("period").str.slice(2, 2).cast(pl.Int32, strict=False) + 1
         == pl.col("period").str.slice(5, 2).cast(pl.Int32, strict=False)).alias("_next"),
    )  # fmt: skip
    table = ["file", "sheet", "indicator"]
    months = periods.filter(
        pl.col("_month")
        & pl.col("_year").any().over(table)
        & (~pl.col("_month") | pl.col("_next")).all().over(table)
    )
    dimension = ["file", "sheet", "_dimension"]
    bands = (
        case.rows.filter(pl.col("breakdown") != "")
        .unique(["file", "sheet", "breakdown"], keep="first", maintain_order=True)
        .with_columns(pl.col("breakdown").str.split("|").alias("_part"))
        .explode("_part")
        .with_columns(pl.col("_part").str.extract("^([^=]*)=", 1).alias("_dimension"))
        .filter(pl.col("_part").str.contains(RANGE).any().over(dimension))
        .filter(pl.col("_part").str.contains(AS_DATE))
    )
    return pl.concat(
        [
            findings(months, "error", "year-as-month",
                     pl.format("{} is a month among years, as a spreadsheet makes of {}/{}. Write "
                               "the years out as text, and give the file again.",
                               "period", pl.col("period").str.slice(0, 4),
                               pl.col("period").str.slice(5, 2)),
                     value="period"),
            findings(bands, "error", "range-as-date",
                     pl.format("“{}” is a date among ranges, as a spreadsheet makes of 10-14. "
                               "Write the ranges out as text, and give the file again.", "_part"),
                     value="breakdown"),
        ]
    )  # fmt: skip


def names_disagree(case: Case) -> pl.DataFrame:
    """Names beside codes that are of another area. Needs `name` in the frame."""
    if "name_given" not in case.frame.columns:
        return pl.DataFrame(schema=SCHEMA)
    rows = per_area(
        case.placed.filter(pl.col("name_given").is_not_null() & pl.col("type").is_not_null())
    )
    told = rows.with_columns(
        plain_names(pl.col("name_given")).alias("_said"),
        plain_names(pl.col("name")).alias("_name"),
        plain_names(pl.col("name_cy")).alias("_cy"),
    )
    # Another area's name, not merely another spelling of this one's.
    others = case.known.names.select(
        pl.col("plain"), pl.col("code").alias("_other"), pl.col("type")
    )
    wrong = told.filter(
        (pl.col("_said") != pl.col("_name")) & (pl.col("_said") != pl.col("_cy").fill_null(""))
    ).join(others, left_on=["_said", "type"], right_on=["plain", "type"], how="semi")
    return findings(
        wrong, "warning", "name-disagrees",
        pl.format("{} is {} here and “{}” in the file, which is another area's name. Look whether "
                  "rows have slipped.", "code", "name", "name_given"),
        value="name_given",
    )  # fmt: skip


def missing_areas(case: Case) -> pl.DataFrame:
    """Areas of an edition that its series lack, nation by nation; one line for series alike.

    A nation none of whose areas are given is not what the file is about.
    """
    nation = pl.col("code").str.slice(0, 1).replace("9", "N").alias("_nation")
    here = (
        case.frame.filter(pl.col("edition") != "")
        .with_columns(nation)
        .group_by([*SERIES, "_nation"], maintain_order=True)
        .agg(
            pl.col("code").n_unique().alias("here"), pl.col("file").first(),
            pl.col("sheet").first(), pl.col("row").first(),
        )
    )  # fmt: skip
    sizes = case.known.members.group_by("edition", nation).agg(
        pl.col("code").n_unique().alias("size")
    )
    few = here.join(sizes, on=["edition", "_nation"], maintain_order="left").filter(
        (pl.col("here") < pl.col("size")) & (pl.col("here") >= 0.5 * pl.col("size"))
    )
    each = few.group_by(
        "file", "sheet", "edition", "_nation", "here", "size", maintain_order=True
    ).agg(pl.len().alias("n"), pl.col("indicator").first(), pl.col("row").first())
    lost = pl.col("size") - pl.col("here")
    return findings(
        each.with_columns(pl.lit("").alias("given"), pl.lit("").alias("code")),
        "warning", "areas-missing",
        pl.format("{} of the {} areas of {} whose codes begin with {} are not in {} series ({} …). "
                  "They are shown as not available.",
                  lost, "size", "edition", "_nation", "n", "indicator"),
        value="here", column="area",
    )  # fmt: skip


# --- Rows and values ------------------------------------------------------------------------------


def duplicates(case: Case) -> pl.DataFrame:
    """Figures given more than once: errors where they differ, warnings where they do not."""
    placed = case.rows.filter((pl.col("edition") != "") & pl.col("code").is_not_null())
    if placed.select(KEY).n_unique() == placed.height:
        return pl.DataFrame(schema=SCHEMA)
    told = placed.with_columns(pl.len().over(KEY).alias("_times")).filter(pl.col("_times") > 1)
    # Nine digits: more are what is left of working with binary numbers.
    values = pl.struct(pl.col("value").round_sig_figs(9), "marker")
    told = told.with_columns(values.n_unique().over(KEY).alias("_kinds"))
    later = told.filter(pl.col("_at") != pl.col("_at").min().over(KEY))
    return pl.concat(
        [
            findings(later.filter(pl.col("_kinds") > 1), "error", "conflicting-rows",
                     pl.format("{} of {} has another figure for {} as well. Say in the mapping "
                               "what tells the rows apart, or take one out.", "indicator", "code",
                               "period")),
            findings(later.filter(pl.col("_kinds") == 1), "warning", "repeated-rows",
                     "The same figure is given more than once. It is kept once."),
        ]
    )  # fmt: skip


def impossible_values(case: Case) -> pl.DataFrame:
    """Percentages beyond 0 to 100, counts below 0, infinite and immense numbers."""
    rows = case.rows
    unit = pl.col("unit").fill_null("")
    percent = unit.is_in(["%", "percent"])
    # Changes in percent go below 0 and above 100.
    change = pl.col("indicator").str.contains("change|growth|increase|variance|difference")
    odd = rows.filter(
        percent & ~change & ((pl.col("value") < -1e-9) | (pl.col("value") > 100 + 1e-6))
    )
    below = rows.filter((pl.col("aggregation") == "sum") & ~change & (pl.col("value") < 0))
    parts = rows.filter((pl.col("denominator") < 0) | (pl.col("numerator") < 0) & ~change)
    order = rows.filter(
        unit.is_in(["rank", "decile", "quintile", "quartile"]) & (pl.col("value") < 1)
    )
    decile = rows.filter((unit == "decile") & (pl.col("value") > 10))
    endless = rows.filter(
        pl.any_horizontal(
            (~pl.col(c).is_finite() | (pl.col(c).abs() > 1e15)).fill_null(False) for c in NUMBERS
        )
    )
    return pl.concat(
        [
            findings(odd, "error", "percent-beyond",
                     "A percentage is from 0 to 100. Correct it, or the indicator's unit."),
            findings(below, "error", "count-below-zero",
                     "A count cannot be below 0. Correct it, or the indicator's aggregation."),
            findings(parts, "error", "part-below-zero",
                     "A numerator or denominator cannot be below 0.", value="numerator"),
            findings(pl.concat([order, decile]), "error", "order-beyond",
                     "Ranks, deciles and the like begin at 1; deciles end at 10."),
            findings(endless, "error", "endless-number",
                     "This is no number that can be kept: infinite, none, or beyond 10^15."),
        ]
    )  # fmt: skip


def limits_apart(case: Case) -> pl.DataFrame:
    """Limits that do not contain their value, beyond what rounding explains.

    A few may be the publisher's; many say that columns were taken for each other.
    """
    rows = case.rows.drop_nulls(["value", "lower", "upper"])
    slack = 1e-6 + 0.006 * pl.max_horizontal(
        pl.col("value").abs(), pl.col("upper").abs(), pl.lit(1.0)
    )
    odd = rows.filter(
        (pl.col("lower") > pl.col("value") + slack)
        | (pl.col("upper") < pl.col("value") - slack)
        | (pl.col("lower") > pl.col("upper") + slack)
    )
    return findings(
        odd, "error" if odd.height > 0.05 * rows.height else "warning", "limits-apart",
        pl.format("The limits {} and {} do not contain the value. Look whether columns were taken "
                  "for each other.", pl.col("lower").round(4).cast(pl.String),
                  pl.col("upper").round(4).cast(pl.String)),
    )  # fmt: skip


def parts_disagree(case: Case) -> pl.DataFrame:
    """Numerators over denominators that do not give the rate.

    Only indicators that are ratios are asked; rounding of the rate is allowed.
    """
    rows = case.rows.filter(pl.col("aggregation") == "ratio").drop_nulls(
        ["value", "numerator", "denominator", "multiplier"]
    )
    zero = rows.filter((pl.col("denominator") == 0) & (pl.col("value") != 0))
    made = rows.filter(pl.col("denominator") > 0).with_columns(
        (pl.col("multiplier") * pl.col("numerator") / pl.col("denominator")).alias("_made")
    )
    # As strict as staging: nothing is added up from parts that are not those of the rate.
    allowed = 0.505 * pl.lit(10.0).pow(-pl.col("decimals").fill_null(1))
    off = made.filter((pl.col("_made") - pl.col("value")).abs() > allowed)
    return pl.concat(
        [
            findings(off, "warning", "parts-disagree",
                     pl.format("The parts give {}, not the rate in the file, which is kept without "
                               "them.",
                               pl.col("_made").round(4).cast(pl.String))),
            findings(zero, "warning", "rate-of-nothing",
                     "The denominator is 0 and there is a rate."),
        ]
    )  # fmt: skip


def totals_disagree(case: Case) -> pl.DataFrame:
    """Counts of an area that are not those of its parts, where all its parts are given."""
    rows = case.rows.filter((pl.col("aggregation") == "sum") & (pl.col("edition") != "")).select(
        "indicator",
        "breakdown",
        "period",
        "edition",
        "code",
        "value",
        "file",
        "sheet",
        "row",
        "given",
    )
    parents = case.known.members.drop_nulls("parent_code").select("edition", "code", "parent_code")
    if rows.is_empty() or parents.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    sizes = parents.group_by("edition", "parent_code").agg(pl.len().alias("_all"))
    parts = (
        rows.join(parents, on=["edition", "code"])
        .unique(KEY)
        .group_by("indicator", "breakdown", "period", "edition", "parent_code")
        .agg(
            pl.col("value").sum().alias("_sum"),
            pl.col("value").count().alias("_n"),
        )
        .join(sizes, on=["edition", "parent_code"])
        .filter(pl.col("_n") == pl.col("_all"))
        .rename({"edition": "_parts"})
    )
    both = rows.drop_nulls("value").join(
        parts,
        left_on=["indicator", "breakdown", "period", "code"],
        right_on=["indicator", "breakdown", "period", "parent_code"],
    )
    # Counts are often rounded, or changed a little to protect people.
    off = both.filter(
        (pl.col("_sum") - pl.col("value")).abs()
        > 5 + 2.5 * pl.col("_n").sqrt() + 0.005 * pl.col("value").abs()
    )
    return findings(
        off, "warning", "total-disagrees",
        pl.format("Its {} parts ({}) add up to {}.", "_n", "_parts",
                  pl.col("_sum").round(2).cast(pl.String)),
    )  # fmt: skip


def jumps(case: Case) -> pl.DataFrame:
    """Values that moved far more than the indicator's usual, since the latest live period.

    The usual movement is the median of all areas' in the same series; where a release repeats a
    period that is live, its own values are compared.
    """
    live = case.live
    if live is None or live.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    key = ["indicator", "breakdown", "edition", "code"]
    new = case.rows.drop_nulls("value").filter(pl.col("edition") != "")
    old = (
        live.drop_nulls("value")
        .select(*key, pl.col("period").alias("_before"), pl.col("value").alias("_was"))
        .filter(pl.col("indicator").is_in(new["indicator"].unique().implode()))
    )
    pairs = (
        new.select("_at", *key, "period", "value", "file", "sheet", "row", "given", "unit")
        .join(old, on=key)
        .filter(pl.col("_before") <= pl.col("period"))
        .sort("_before")
        .unique("_at", keep="last", maintain_order=True)
        .with_columns((pl.col("value") - pl.col("_was")).alias("_moved"))
    )
    if pairs.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    series = ["indicator", "breakdown", "edition", "period", "_before"]
    middle = pl.col("_moved").median().over(series)
    spread = (pl.col("_moved") - middle).abs().median().over(series)
    level = pl.col("_was").abs().median().over(series)
    far = pairs.filter(
        (pl.len().over(series) >= 10)
        & ((pl.col("_moved") - middle).abs() > JUMP * 1.4826 * spread + 0.05 * level)
        & (
            (pl.col("_moved") - middle).abs()
            > LEAST_JUMP * pl.max_horizontal(pl.col("_was").abs(), level)
        )
    )
    return findings(
        far, "warning", "jump",
        pl.format("It was {} in {}: the move is far beyond what is usual for this indicator.",
                  pl.col("_was").round(4).cast(pl.String), "_before"),
    )  # fmt: skip


CHECKS: tuple[Check, ...] = (
    no_codes,
    unknown_codes,
    in_no_edition,
    miscased_codes,
    ended_codes,
    future_periods,
    mangled_dates,
    names_disagree,
    missing_areas,
    duplicates,
    impossible_values,
    limits_apart,
    parts_disagree,
    totals_disagree,
    jumps,
)


def check(
    frame: pl.DataFrame,
    known: Known,
    *,
    mapping: Mapping | None = None,
    live: pl.DataFrame | None = None,
    today: date | None = None,
    checks: Sequence[Check] = CHECKS,
) -> pl.DataFrame:
    """Return all findings in rows of the form of applying.COLUMNS, with SCHEMA.

    `live`, if given, has the same columns: what readers see now. Never raises for what rows hold.
    """
    lacking = [c for c in COLUMNS if c not in frame.columns]
    if lacking:
        raise ValueError(f"The rows to check lack the columns {', '.join(lacking)}.")
    case = Case(frame, known, live, mapping or Mapping(), today or date.today())
    found = [one(case).head(MOST_EACH) for one in checks] if frame.height else []
    if not frame.height:
        found.append(
            pl.DataFrame(
                [{"kind": "error", "code": "no-rows", "file": "", "sheet": "", "row": None,
                  "column": "", "area": "", "value": "",
                  "sentence": "Nothing is left to publish: no row is of an area and a figure. "
                              "Look at the mapping."}],
                schema=SCHEMA,
            )
        )  # fmt: skip
    return pl.concat(found) if found else pl.DataFrame(schema=SCHEMA)


def grouped(problems: pl.DataFrame, examples: int = EXAMPLES) -> list[Group]:
    """Return findings by kind and code, errors first, then by how many; each with examples."""
    if problems.is_empty():
        return []
    groups = problems.group_by("kind", "code", maintain_order=True).agg(
        pl.len().alias("n"),
        pl.struct(pl.all().exclude("kind", "code")).head(examples).alias("some"),
        pl.col("sentence").first(),
    )
    out = [
        Group(row["kind"], row["code"], row["n"], row["sentence"], row["some"])
        for row in groups.iter_rows(named=True)
    ]
    return sorted(out, key=lambda g: (g.kind != "error", -g.count, g.code))
