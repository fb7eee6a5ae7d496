"""Files of code history → ended areas and the steps that led from old codes to new.

Five forms are read: our own (from_code, to_code, kind, effective, weight); the Code History
Database's `Changes.csv` and `ChangeHistory.csv` (Office for National Statistics); a code for
each of several years side by side (`ltla16_code` … `ltla24_code`); and two columns of codes,
old and new, with a date given for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import polars as pl

from areas.importing import load
from areas.importing.codes import CODE_FORM, PSEUDO, type_of
from areas.importing.columns import Heading, headings, partner
from areas.importing.copy import fetch_frame
from areas.importing.files import MOST_BYTES, opened
from areas.importing.places import LONGEST_NAME, update_areas
from areas.importing.report import Refused, Report, Tell, carry_out, counted, silent, some
from areas.importing.tables import read_table
from areas.models import AreaChange

# The Register of Geographic Codes began with 2009: codes older than our records start there.
REGISTER_BEGAN = date(2009, 1, 1)
KINDS = AreaChange.Kind.values
LETTERS = {"S": "split", "M": "merge", "X": "exchange", "U": "unchanged"}
STEP = {"from_code": pl.String, "to_code": pl.String, "kind": pl.String, "effective": pl.Date,
        "weight": pl.Float64, "from_name": pl.String, "to_name": pl.String}  # fmt: skip


@dataclass(frozen=True)
class ChangeOptions:
    """What to make of a file of code history. Empty means “find it in the file”."""

    from_column: str = ""
    to_column: str = ""
    date: date | None = None
    shares_of: str = ""
    sheet: str = ""


def import_changes(
    *,
    file: Path,
    options: ChangeOptions,
    commit: bool,
    tell: Tell = silent,
    most_bytes: int = MOST_BYTES,
    name: str = "",
) -> Report:
    """Load code history; report what it found and changed.

    Areas that are not held are made, with their dates, where the prefix of the code tells the
    type; others are set aside and counted. A step that is held already, whatever its date, is
    not loaded twice.
    """
    called = name or file.name
    report = Report(f"{called}: code history")

    def work(report: Report) -> None:
        with opened(file, most_bytes=most_bytes, name=name) as sources:
            tell("Reading the file")
            for source in sources:
                table = read_table(source, options.sheet)
                names = {column.lower(): column for column in table.columns}
                report.fact("Rows read", table.height)
                if {"geogcd", "term_date"} <= names.keys():
                    tell("Writing areas and their dates")
                    write_lives(lives(table.rename({v: k for k, v in names.items()})), report)
                else:
                    write_steps(find_steps(table, options, report), report, tell)

    return carry_out(report, work, commit=commit)


def as_date(column: str) -> pl.Expr:
    """Return a column of text as dates: 2021-04-01, 01/04/2021, with or without a time."""
    text = pl.col(column).str.slice(0, 10)
    return pl.coalesce(
        text.str.to_date("%Y-%m-%d", strict=False), text.str.to_date("%d/%m/%Y", strict=False)
    )


def find_steps(table: pl.DataFrame, options: ChangeOptions, report: Report) -> pl.DataFrame:
    """Return the steps in a table, in the columns of STEP; kind null where it is to be told."""
    lower = {column.lower(): column for column in table.columns}
    if {"from_code", "to_code", "effective"} <= lower.keys():
        return plain_steps(table.rename({v: k for k, v in lower.items()}), report)
    if {"geogcd", "geogcd_p", "oper_date"} <= lower.keys():
        table = table.rename({v: k for k, v in lower.items()})
        bad = table.filter(as_date("oper_date").is_null())
        if bad.height:
            raise Refused(
                f"{counted(bad.height, 'row has', 'rows have')} no date in OPER_DATE that can be "
                f"read ({some(bad['geogcd'].fill_null('no code'))}). Write 01/04/2021."
            )
        return steps_from(
            table.select(
                pl.col("geogcd_p").alias("from_code"),
                pl.col("geogcd").alias("to_code"),
                as_date("oper_date").alias("effective"),
                pl.col("geognm_p" if "geognm_p" in lower else "geogcd_p").alias("from_name"),
                pl.col("geognm" if "geognm" in lower else "geogcd").alias("to_name"),
            )
        )
    codes = [h for h in headings(table.columns) if h.role == "code"]
    yearly = [h for h in codes if h.stem == codes[0].stem and h.vintage] if codes else []
    if len(yearly) > 2 and not options.from_column:
        return yearly_steps(table, yearly)
    return two_columns(table, codes, options)


def steps_from(frame: pl.DataFrame) -> pl.DataFrame:
    """Return steps with every column of STEP, missing ones null."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None, dtype=kind).alias(name)).cast(kind)
        for name, kind in STEP.items()
    )


def plain_steps(table: pl.DataFrame, report: Report) -> pl.DataFrame:
    """Read our own form."""
    when = as_date("effective")
    bad = table.filter(when.is_null())
    if bad.height:
        report.refuse(
            f"{counted(bad.height, 'row has', 'rows have')} no date of effect that can be read "
            f"({some(bad['from_code'].fill_null('no code'))}). Write 2021-04-01 or 01/04/2021."
        )
    kind = pl.col("kind").str.to_lowercase() if "kind" in table.columns else pl.lit(None, pl.String)
    wrong = table.filter(~kind.is_in(KINDS))
    if wrong.height:
        report.refuse(
            f"{counted(wrong.height, 'row has', 'rows have')} a kind that is not known "
            f"({some(wrong['kind'].unique().sort())}). The kinds are {', '.join(KINDS)}."
        )
    weight = pl.lit(None, pl.Float64)
    if "weight" in table.columns:
        weight = pl.col("weight").cast(pl.Float64, strict=False)
        off = table.filter(
            pl.col("weight").is_not_null() & ~(weight.is_between(0, 1, closed="right"))
            | (pl.col("weight").is_not_null() & weight.is_null())
        )
        if off.height:
            report.refuse(
                f"{counted(off.height, 'row has', 'rows have')} a weight that is not above 0 "
                f"and at most 1 ({some(off['from_code'].fill_null('no code'))})."
            )
    return steps_from(
        table.with_columns(kind.alias("kind"), when.alias("effective"), weight.alias("weight"))
    )


def yearly_steps(table: pl.DataFrame, yearly: list[Heading]) -> pl.DataFrame:
    """Read a code for each year: a row is one place's line of codes.

    Local government in the United Kingdom changes on 1 April; the date is that of the later
    year's column.
    """
    yearly = sorted(yearly, key=lambda h: h.vintage)
    known = headings(table.columns)
    frames = []
    for before, after in pairwise(yearly):
        frames.append(
            table.select(
                pl.col(before.column).alias("from_code"),
                pl.col(after.column).alias("to_code"),
                pl.lit(date(2000 + int(after.vintage), 4, 1)).alias("effective"),
                pl.col(partner(before, "name", known) or before.column).alias("from_name"),
                pl.col(partner(after, "name", known) or after.column).alias("to_name"),
            ).filter(pl.col("from_code") != pl.col("to_code"))
        )
    return steps_from(pl.concat(frames).unique(maintain_order=True))


def two_columns(table: pl.DataFrame, codes: list[Heading], options: ChangeOptions) -> pl.DataFrame:
    """Read old codes and new codes side by side."""
    found = [h.column for h in codes]
    active = [h for h in codes if h.stem.endswith("_ACTIVE")]
    start = options.from_column
    end = options.to_column
    if not start and not end and active:
        end = active[0].column
        stem = active[0].stem.removesuffix("_ACTIVE")
        start = next((h.column for h in codes if h.stem == stem and not h.vintage), "")
    if not start and not end:
        same = [h for h in codes if h.area_type == codes[0].area_type] if codes else []
        pair = sorted(same, key=lambda h: int(h.vintage or 0))
        if len(pair) == 2 and pair[0].vintage != pair[1].vintage:
            start, end = pair[0].column, pair[1].column
    missing = [c for c in (start, end) if c not in table.columns]
    if missing:
        raise Refused(
            "The old and the new codes were not found by their headings "
            f"({some(found) or 'no column of codes'}). Say which with --from-column and "
            "--to-column."
        )
    known = headings(table.columns)
    heads = {h.column: h for h in known}

    def name_of(column: str) -> pl.Expr:
        named = partner(heads[column], "name", known) if column in heads else None
        return pl.col(named) if named else pl.lit(None, pl.String)

    letters = next((c for c in table.columns if c.lower() in {"change_code", "chgind"}), "")
    columns = [
        pl.col(start).alias("from_code"),
        pl.col(end).alias("to_code"),
        pl.lit(options.date, dtype=pl.Date).alias("effective"),
        name_of(start).alias("from_name"),
        name_of(end).alias("to_name"),
    ]
    if letters:
        columns.append(
            pl.col(letters).replace_strict(LETTERS, default=None, return_dtype=pl.String)
            .alias("kind")
        )  # fmt: skip
    if options.shares_of:
        if options.shares_of not in table.columns:
            raise Refused(f"The file has no column {options.shares_of!r}.")
        people = pl.col(options.shares_of).cast(pl.Float64, strict=False)
        share = people / people.sum().over(start)
        columns.append(pl.when(share > 0).then(share.clip(upper_bound=1.0)).alias("weight"))
    steps = steps_from(table.select(columns))
    return steps.filter(
        (pl.col("from_code") != pl.col("to_code")) & pl.col("kind").fill_null("").ne("unchanged")
    ).unique(maintain_order=True)


def write_steps(steps: pl.DataFrame, report: Report, tell: Tell) -> None:
    """Check steps, make the areas they name, and write those that are not held."""
    upper = [pl.col(c).str.to_uppercase() for c in ("from_code", "to_code")]
    steps = steps.with_columns(upper).filter(
        pl.col("from_code").is_not_null() & ~pl.col("from_code").str.contains(PSEUDO)
    )
    # A code that follows itself is a change of name when the names differ, otherwise nothing.
    itself = pl.col("from_code") == pl.col("to_code")
    renamed = (pl.col("from_name") != pl.col("to_name")).fill_null(False) | (
        pl.col("kind") == "rename"
    ).fill_null(False)
    steps = steps.filter(~(itself & ~renamed).fill_null(False)).with_columns(
        pl.when(itself).then(pl.lit("rename")).otherwise("kind").alias("kind")
    )
    check_steps(steps, report)
    if steps.is_empty():
        report.note("No code in the file changes.")
    if report.problems or steps.is_empty():
        return
    steps = only_known(steps, report)
    steps = with_kinds(steps)
    tell("Comparing with what is held")
    held = held_steps()
    reached = reachable(held)
    already = steps.join(reached, on=["from_code", "to_code"], how="semi", nulls_equal=True)
    report.fact("Steps held already", already.height)
    steps = steps.join(reached, on=["from_code", "to_code"], how="anti", nulls_equal=True)
    steps = dated(steps, report)
    if report.problems or steps.is_empty():
        return
    make_areas(steps, report)
    tell("Writing steps")
    load.load_changes(steps.select("from_code", "to_code", "kind", "effective", "weight"))
    for kind, n in steps["kind"].value_counts().sort("kind").iter_rows():
        report.fact(f"New steps: {kind}", n)
    end_areas(steps, report)
    report.changed = True


def check_steps(steps: pl.DataFrame, report: Report) -> None:
    """Add a problem for codes that are malformed, steps that are twice or lack a successor."""
    codes = pl.concat([steps["from_code"], steps["to_code"]]).drop_nulls().unique()
    bad = codes.filter(~codes.str.contains(CODE_FORM)).sort()
    if len(bad):
        report.refuse(
            f"{counted(len(bad), 'code is', 'codes are')} not written as codes are "
            f"({some(c[:20] for c in bad)})."
        )
    abolished = pl.col("kind").fill_null("") == "abolish"
    lost = steps.filter(pl.col("to_code").is_null() & ~abolished)
    if lost.height:
        report.refuse(
            f"{counted(lost.height, 'old code has', 'old codes have')} no new code "
            f"({some(lost['from_code'])}). Give one, or the kind abolish."
        )
    both = steps.filter(pl.col("to_code").is_not_null() & abolished)
    if both.height:
        report.refuse(
            f"{counted(both.height, 'code is', 'codes are')} abolished and yet has a successor "
            f"({some(both['from_code'])}). Leave to_code empty, or give another kind."
        )
    twice = steps.filter(pl.struct("from_code", "to_code", "effective").is_duplicated())
    if twice.height:
        report.refuse(
            f"{counted(twice.height, 'row')} give the same step more than once "
            f"({some(twice['from_code'].unique(maintain_order=True))})."
        )


def only_known(steps: pl.DataFrame, report: Report) -> pl.DataFrame:
    """Return steps between areas that are held or whose type the code tells; count the rest."""
    held = load.area_ids()["code"].implode()

    def ok(column: str) -> pl.Expr:
        code = pl.col(column)
        return code.is_null() | code.is_in(held) | type_of(code).is_not_null()

    kept = steps.filter(ok("from_code") & ok("to_code"))
    if kept.height < steps.height:
        rest = steps.join(kept, on=steps.columns, how="anti", nulls_equal=True)
        prefixes = rest["from_code"].str.slice(0, 3).unique().sort()
        report.fact(
            "Steps of types not known here, set aside", f"{rest.height:,} ({some(prefixes)})"
        )
    return kept


def with_kinds(steps: pl.DataFrame) -> pl.DataFrame:
    """Return steps with the kind told by how many codes go in and come out on the same day."""
    day = ["effective"]
    out = pl.col("to_code").n_unique().over(["from_code", *day])
    into = pl.col("from_code").n_unique().over(["to_code", *day])
    told = (
        pl.when((out > 1) & (into > 1)).then(pl.lit("exchange"))
        .when(out > 1).then(pl.lit("split"))
        .when(into > 1).then(pl.lit("merge"))
        .otherwise(pl.lit("recode"))
    )  # fmt: skip
    return steps.with_columns(pl.coalesce("kind", told).alias("kind"))


def held_steps() -> pl.DataFrame:
    """Return every step that is held: from_code, to_code (null when abolished)."""
    return fetch_frame(
        "SELECT f.code, t.code FROM areas_areachange c JOIN areas_area f ON f.id = c.from_area_id "
        "LEFT JOIN areas_area t ON t.id = c.to_area_id",
        (),
        {"from_code": pl.String, "to_code": pl.String},
    )


def reachable(steps: pl.DataFrame) -> pl.DataFrame:
    """Return every pair of an old code and a later one that steps lead to, however many.

    A file that gives only today's successor says nothing new where a chain already leads there.
    """
    pairs = steps.unique()
    while True:
        further = (
            pairs.join(steps, left_on="to_code", right_on="from_code", suffix="_next")
            .select("from_code", pl.col("to_code_next").alias("to_code"))
            .join(pairs, on=["from_code", "to_code"], how="anti", nulls_equal=True)
            .unique()
        )
        if further.is_empty():
            return pairs
        pairs = pl.concat([pairs, further])


def dated(steps: pl.DataFrame, report: Report) -> pl.DataFrame:
    """Return steps with a date: the file's, or else the end of the old area that is held."""
    if steps["effective"].null_count() == 0:
        return steps
    held = fetch_frame(
        "SELECT code, valid_to FROM areas_area WHERE code = ANY(%s) AND valid_to IS NOT NULL",
        [steps["from_code"].to_list()],
        {"from_code": pl.String, "valid_to": pl.Date},
    )
    steps = (
        steps.join(held, on="from_code", how="left")
        .with_columns(pl.coalesce("effective", "valid_to").alias("effective"))
        .drop("valid_to")
    )
    lost = steps.filter(pl.col("effective").is_null())
    if lost.height:
        report.refuse(
            f"The file gives no date for {counted(lost.height, 'step')} "
            f"({some(lost['from_code'] + ' → ' + lost['to_code'])}) and none is held. Give one "
            "for all of them with --date, or a column named effective."
        )
    return steps


def make_areas(steps: pl.DataFrame, report: Report) -> None:
    """Make the areas that steps name and that are not held, with the dates steps give them."""
    sides = []
    for side in ("from", "to"):
        sides.append(
            steps.filter(pl.col(f"{side}_code").is_not_null()).select(
                pl.col(f"{side}_code").alias("code"),
                pl.col(f"{side}_name").alias("name"),
                (pl.col("effective") if side == "to" else pl.lit(None, pl.Date)).alias("begins"),
                (pl.col("effective") if side == "from" else pl.lit(None, pl.Date)).alias("ends"),
                (pl.col("kind") == "rename").alias("renamed"),
            )
        )  # fmt: skip
    named = (
        pl.concat(sides)
        .sort("begins", "ends", nulls_last=True)
        .group_by("code", maintain_order=True)
        .agg(
            pl.col("name").drop_nulls().last(),
            pl.col("begins").filter(~pl.col("renamed")).drop_nulls().min(),
            pl.col("ends").filter(~pl.col("renamed")).drop_nulls().max(),
        )
    )
    new = named.join(load.area_ids(), on="code", how="anti")
    if new.is_empty():
        return
    before_all = pl.min_horizontal(
        pl.lit(REGISTER_BEGAN), pl.col("ends").dt.offset_by("-1y"), pl.col("begins")
    )
    load.load_areas(
        new.select(
            "code",
            pl.coalesce("name", "code").str.slice(0, LONGEST_NAME).alias("name"),
            pl.lit("").alias("name_cy"),
            type_of(pl.col("code")).alias("area_type"),
            pl.coalesce("begins", before_all).alias("valid_from"),
            pl.when(pl.col("ends") > pl.coalesce("begins", before_all)).then("ends")
            .otherwise(None).alias("valid_to"),
        )
    )  # fmt: skip
    report.fact("Areas made", f"{new.height:,} ({some(new['code'])})")


def end_areas(steps: pl.DataFrame, report: Report) -> None:
    """Set the end of old areas where it was not known, or only from a later edition's lack.

    A day set only from an edition's date is known to be inexact: it equals that edition's.
    """
    ended = steps.filter(pl.col("kind") != "rename").group_by("from_code").agg(
        pl.col("effective").max()
    )  # fmt: skip
    held = fetch_frame(
        """
        SELECT a.id, a.code, a.valid_from, a.valid_to, EXISTS (
            SELECT FROM areas_edition e WHERE e.area_type_id = a.area_type_id
            AND e.date = a.valid_to) FROM areas_area a WHERE a.code = ANY(%s)
        """,
        [ended["from_code"].to_list()],
        {"id": pl.Int64, "from_code": pl.String, "valid_from": pl.Date, "valid_to": pl.Date,
         "inferred": pl.Boolean},
    )  # fmt: skip
    changes = (
        held.join(ended, on="from_code")
        .filter(pl.col("effective") > pl.col("valid_from"))
        .filter(
            pl.col("valid_to").is_null()
            | (pl.col("inferred") & (pl.col("effective") < pl.col("valid_to")))
        )
        .select("id", pl.col("effective").alias("valid_to"))
    )
    if changes.height:
        update_areas(changes)
        report.fact("Areas ended", changes.height)


def lives(table: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each code of `ChangeHistory.csv`: name, first day, last day, or null.

    The register has a row for each legal instrument: the earliest begins a code's life and the
    latest, if it is terminated, ends it.
    """
    return (
        table.with_columns(as_date("oper_date"), as_date("term_date"))
        .filter(pl.col("geogcd").str.contains(CODE_FORM) & ~pl.col("geogcd").str.contains(PSEUDO))
        .sort("oper_date", nulls_last=False)
        .group_by("geogcd", maintain_order=True)
        .agg(
            pl.col("geognm").drop_nulls().last().alias("name"),
            (pl.col("geognmw") if "geognmw" in table.columns else pl.lit(None, pl.String))
            .drop_nulls().last().alias("name_cy"),
            pl.col("oper_date").min().alias("valid_from"),
            pl.col("term_date").last().alias("valid_to"),
        )
        .rename({"geogcd": "code"})
    )  # fmt: skip


def write_lives(rows: pl.DataFrame, report: Report) -> None:
    """Make areas that are not held; give known dates to those whose dates are not known."""
    known = rows.filter(type_of(pl.col("code")).is_not_null())
    if known.height < rows.height:
        report.fact("Codes of types not known here, set aside", rows.height - known.height)
    first = known["valid_from"].fill_null(REGISTER_BEGAN)
    known = known.with_columns(
        first,
        pl.when(pl.col("valid_to") > first).then("valid_to").otherwise(None).alias("valid_to"),
    )
    held = fetch_frame(
        """
        SELECT a.id, a.code, a.valid_from, a.valid_to, coalesce(bool_or(e.date = a.valid_from),
               false) FROM areas_area a LEFT JOIN areas_member m ON m.area_id = a.id
        LEFT JOIN areas_edition e ON e.id = m.edition_id GROUP BY a.id
        """,
        (),
        {"id": pl.Int64, "code": pl.String, "valid_from_held": pl.Date, "valid_to_held": pl.Date,
         "first_seen": pl.Boolean},
    )  # fmt: skip
    new = known.join(held, on="code", how="anti")
    if new.height:
        load.load_areas(
            new.select(
                "code",
                pl.coalesce("name", "code").str.slice(0, LONGEST_NAME).alias("name"),
                pl.col("name_cy").fill_null("").str.slice(0, LONGEST_NAME),
                type_of(pl.col("code")).alias("area_type"),
                "valid_from",
                "valid_to",
            )
        )
        report.changed = True
    report.fact("Areas made", f"{new.height:,}" + (f" ({some(new['code'])})" if new.height else ""))
    after = known.join(held, on="code").select(
        "id",
        pl.when("first_seen").then("valid_from").otherwise("valid_from_held").alias("valid_from"),
        pl.coalesce("valid_to_held", "valid_to").alias("valid_to"),
        "valid_from_held",
        "valid_to_held",
    )
    changes = after.filter(
        (pl.col("valid_from") != pl.col("valid_from_held"))
        | pl.col("valid_to").ne_missing(pl.col("valid_to_held"))
    ).filter(pl.col("valid_to").is_null() | (pl.col("valid_to") > pl.col("valid_from")))
    if changes.height:
        update_areas(changes.select("id", "valid_from", "valid_to"))
        report.changed = True
    report.fact("Areas given their dates", changes.height)
