"""A file of names → Welsh names and the names people know, on areas that are held."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from areas.importing.columns import headings
from areas.importing.files import MOST_BYTES, only_one, opened
from areas.importing.places import LONGEST_NAME, held_areas, update_areas
from areas.importing.report import Refused, Report, Tell, carry_out, counted, silent, some
from areas.importing.tables import read_table

FIELDS = {"name": "names", "name_cy": "names in Welsh", "known_as": "names people know"}


@dataclass(frozen=True)
class NameOptions:
    """Which columns to take. Empty text means: not this one, or find the codes in the file."""

    code_column: str = ""
    name_column: str = ""
    welsh_column: str = ""
    known_as_column: str = ""
    sheet: str = ""


def import_names(
    *,
    file: Path,
    options: NameOptions,
    commit: bool,
    tell: Tell = silent,
    most_bytes: int = MOST_BYTES,
    name: str = "",
) -> Report:
    """Set names on areas by their codes; report what it found and changed.

    Codes that are not held are set aside and counted: a file of names is often wider than what
    is loaded. An empty name never replaces one that is held.
    """
    report = Report(f"{name or file.name}: names")

    def work(report: Report) -> None:
        wanted = {
            "name": options.name_column,
            "name_cy": options.welsh_column,
            "known_as": options.known_as_column,
        }
        wanted = {field: column for field, column in wanted.items() if column}
        with opened(file, most_bytes=most_bytes, name=name) as sources:
            tell("Reading the file")
            table = read_table(only_one(sources, name or file.name), options.sheet)
        known = headings(table.columns)
        code = options.code_column or next((h.column for h in known if h.role == "code"), "")
        if not wanted:
            roles = {"welsh": "name_cy", "known_as": "known_as"}
            wanted = {roles[h.role]: h.column for h in known if h.role in roles}
        missing = [c for c in (code, *wanted.values()) if c not in table.columns]
        if missing or not wanted:
            raise Refused(
                f"{'No column ' + some(missing) if missing else 'No column of names'} was found. "
                "Say which with --code-column and --welsh-column, --known-as-column or "
                f"--name-column. The file has: {', '.join(table.columns[:12])}."
            )
        report.fact("Rows read", table.height)
        report.fact(
            "Columns", ", ".join([f"code {code}", *(f"{f} {c}" for f, c in wanted.items())])
        )
        rows = table.select(
            pl.col(code).str.to_uppercase().alias("code"),
            *(pl.col(column).alias(field) for field, column in wanted.items()),
        ).filter(pl.col("code").is_not_null())
        clash = (
            rows.unique().filter(pl.col("code").is_duplicated())["code"].unique(maintain_order=True)
        )
        if len(clash):
            report.refuse(
                f"{counted(len(clash), 'code has', 'codes have')} two different names "
                f"({some(clash)}). Keep one row for each."
            )
        rows = rows.unique("code", keep="first", maintain_order=True)
        for field in wanted:
            most = 200 if field == "known_as" else LONGEST_NAME
            long = rows.filter(pl.col(field).str.len_chars() > most)["code"]
            if len(long):
                report.refuse(f"{counted(len(long), 'name')} longer than {most} ({some(long)}).")
        if report.problems:
            return
        tell("Comparing with what is held")
        held = held_areas(rows["code"])
        both = rows.join(held, on="code", suffix="_held")
        unknown = rows.height - both.height
        if both.is_empty():
            raise Refused("None of the file's codes is held here. Load its areas first.")
        if unknown:
            report.fact("Codes not held, set aside", unknown)
        after = both.select(
            "id",
            *(
                pl.coalesce(field, f"{field}_held" if field in rows.columns else field).alias(field)
                for field in wanted
            ),
        )
        before = both.select("id", *(pl.col(f"{field}_held").alias(field) for field in wanted))
        for field in wanted:
            changed = after.select("id", field).join(
                before.select("id", field), on=["id", field], how="anti"
            )
            report.fact(f"{FIELDS[field].capitalize()} set", changed.height)
        changes = after.join(before, on=after.columns, how="anti")
        if changes.height:
            update_areas(changes)
            report.changed = True

    return carry_out(report, work, commit=commit)
