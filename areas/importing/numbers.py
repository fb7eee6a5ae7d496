"""A lookup of another numbering of areas → the official codes of those that are held."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from areas.importing.copy import copy_frame, fetch_frame
from areas.importing.files import MOST_BYTES, only_one, opened
from areas.importing.places import held_areas
from areas.importing.report import Refused, Report, Tell, carry_out, counted, silent, some
from areas.importing.tables import read_table
from areas.models import AreaNumber

# The Department for Education's old numbers of authorities, and Nomis's own of every area.
NUMBERS = re.compile(
    r"old_?la_?code|(?:old )?la (?:code|number)|lea(?:_?| )(?:code|number|no)|dfe.*(?:code|number)"
    r"|geography|nomis.*(?:code|number|id)",
    re.IGNORECASE,
)
CODE = r"^[A-Za-z]\d{8}$"
LONGEST = 40


@dataclass(frozen=True)
class NumberOptions:
    """Whose numbering it is, and which columns to take; empty text means: find it in the file."""

    scheme: str
    number_column: str = ""
    code_column: str = ""
    sheet: str = ""


def import_numbers(
    *,
    file: Path,
    options: NumberOptions,
    commit: bool,
    tell: Tell = silent,
    most_bytes: int = MOST_BYTES,
    name: str = "",
) -> Report:
    """Load which area each number of `options.scheme` stands for; report what changed.

    A number stands for one area: of several codes of the same place the one that still stands is
    taken. Codes that are not held are set aside and counted. A number given before for another
    area is moved, and the report says so.
    """
    report = Report(f"{name or file.name}: numbers of {options.scheme}")

    def work(report: Report) -> None:
        if not options.scheme.strip():
            raise Refused("Say with --scheme whose numbers these are, such as DfE or Nomis.")
        with opened(file, most_bytes=most_bytes, name=name) as sources:
            tell("Reading the file")
            table = read_table(only_one(sources, name or file.name), options.sheet)
        number, code = columns_of(table, options)
        report.fact("Rows read", table.height)
        report.fact("Columns", f"number {number}, code {code}")
        pairs = (
            table.select(
                pl.col(number).str.to_uppercase().alias("number"),
                pl.col(code).str.to_uppercase().alias("code"),
            )
            .drop_nulls()
            .unique(maintain_order=True)
        )
        long = pairs.filter(pl.col("number").str.len_chars() > LONGEST)["number"]
        if len(long):
            raise Refused(f"{counted(len(long), 'number')} longer than {LONGEST} ({some(long)}).")
        tell("Comparing with what is held")
        held = held_areas(pairs["code"].unique()).select("id", "code", "valid_from", "valid_to")
        if held.is_empty():
            raise Refused("None of the file's codes is held here. Load its areas first.")
        both = pairs.join(held, on="code")
        if aside := pairs["code"].n_unique() - both["code"].n_unique():
            report.fact("Codes not held, set aside", aside)
        # What still stands first, then what was made last.
        both = both.with_columns(pl.col("valid_to").is_null().alias("stands")).sort(
            ["number", "stands", "valid_from", "code"], descending=[False, True, True, False]
        )
        clash = (
            both.filter("stands").filter(pl.col("number").is_duplicated())["number"].unique()
        ).sort()
        if len(clash):
            report.refuse(
                f"{counted(len(clash), 'number stands', 'numbers stand')} for two areas that both "
                f"exist today ({some(clash)}). Keep one row for each."
            )
            return
        write(both.unique("number", keep="first", maintain_order=True), options.scheme, report)

    return carry_out(report, work, commit=commit)


def columns_of(table: pl.DataFrame, options: NumberOptions) -> tuple[str, str]:
    """Return the columns of numbers and of codes: those given, or found. Raises Refused.

    Of several columns of codes that with the most different ones beside the numbers is taken:
    the others hold the regions or countries of the same areas.
    """
    numbers = [c for c in table.columns if NUMBERS.fullmatch(c.strip())]
    number = options.number_column or (numbers[0] if len(numbers) == 1 else "")
    code = options.code_column
    if number in table.columns and not code:
        beside = table.filter(pl.col(number).is_not_null())
        found = {
            c: beside.filter(pl.col(c).str.contains(CODE))[c].n_unique()
            for c in table.columns
            if c != number
        }
        code = max(found, key=lambda c: found[c])
        code = code if found[code] else ""
    if number not in table.columns or code not in table.columns or number == code:
        raise Refused(
            "Say which columns hold the numbers and the official codes with --number-column and "
            f"--code-column. The file has: {', '.join(table.columns[:14])}."
        )
    return number, code


def write(rows: pl.DataFrame, scheme: str, report: Report) -> None:
    """Put numbers (number, id of the area) in the place of what was held of the same numbers."""
    held = fetch_frame(
        "SELECT number, area_id, scheme FROM areas_areanumber WHERE number = ANY(%s)",
        [rows["number"].to_list()],
        {"number": pl.String, "was": pl.Int64, "scheme": pl.String},
    )
    others = held.filter(pl.col("scheme") != scheme)
    if len(others):
        report.refuse(
            f"{counted(len(others), 'number is', 'numbers are')} held already as those of "
            f"{some(others['scheme'].unique().sort())} ({some(others['number'])}): a number cannot "
            "stand for two things."
        )
        return
    changes = rows.join(held.select("number", "was"), on="number", how="left").filter(
        pl.col("was").is_null() | (pl.col("was") != pl.col("id"))
    )
    moved = changes.filter(pl.col("was").is_not_null())["number"]
    report.fact("New numbers", changes.height - len(moved))
    if len(moved):
        report.fact("Numbers that now stand for another area", f"{len(moved):,} ({some(moved)})")
    if changes.is_empty():
        return
    AreaNumber.objects.filter(number__in=moved.to_list()).delete()
    copy_frame(
        "areas_areanumber",
        changes.select("number", pl.col("id").alias("area_id"), pl.lit(scheme).alias("scheme")),
    )
    report.changed = True
