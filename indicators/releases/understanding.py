"""From tables as they were read to canonical rows, by a mapping that a person can edit.

A mapping is JSON. `{"columns": {…}}` gives each column of `stage.COLUMNS` a heading of the file,
or the same text for every row; it is what canonical tables are read by. Any other comes from, and
goes to, `recognising`, which knows the layouts of publishers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from indicators.releases import recognising
from indicators.releases.problems import Problem
from indicators.releases.reading.model import KIND, ROW, Table
from indicators.releases.reading.numbers import parse_numbers
from indicators.releases.stage import COLUMNS, NUMBERS

NEEDED = ("indicator", "edition", "period", "code")


class CannotMap(ValueError):
    """The mapping does not fit the tables; the message says how and what to do."""


@dataclass
class Understood:
    """How tables are to be read, and what stands in the way."""

    mapping: dict[str, Any]
    layout: str = ""
    problems: list[Problem] = field(default_factory=list)


def understand(
    tables: Sequence[Table], known: recognising.Known, *, indicator: str = "", layout: str = ""
) -> Understood:
    """Return what the columns of the tables are read as, found by looking at them.

    `indicator` is that of every row, where the file does not say. `layout` names the one to use.
    """
    plain = canonical(tables, indicator)
    if plain is not None and not layout:
        return Understood(plain, "canonical")
    if layout:
        chosen = [one for one in known.layouts if one.name == layout]
        if not chosen:
            return Understood(
                {},
                problems=[
                    Problem("error", "layout", f"There is no layout “{layout}”. Leave it out, or "
                            "give one that was saved here.")
                ],
            )  # fmt: skip
        known = replace(known, layouts=chosen)
    found = recognising.recognise(tables, known)
    return Understood(json.loads(found.mapping.to_json()), found.layout or "", list(found.problems))


def canonical(tables: Sequence[Table], indicator: str) -> dict[str, Any] | None:
    """Return the mapping of tables whose headings are those of `stage.COLUMNS`, else None."""
    fixed = {"indicator": {"text": indicator}} if indicator else {}
    if not tables:
        return None
    every = set.intersection(*(set(table.headings) for table in tables))
    if any(set(table.headings) - set(COLUMNS) for table in tables):
        return None
    columns = {name: {"heading": name} for name in COLUMNS if name in every} | fixed
    enough = "value" in columns or {"numerator", "denominator"} <= set(columns)
    return {"columns": columns} if enough and set(NEEDED) <= set(columns) else None


def rows_of(
    tables: Sequence[Table], mapping: dict[str, Any], known: recognising.Known
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame | None]]:
    """Yield canonical rows in batches, each with a frame of problems or None.

    Raises CannotMap where the mapping does not fit the tables.
    """
    if "columns" in mapping:
        yield from by_columns(tables, mapping)
        return
    try:
        parsed = recognising.Mapping.from_json(json.dumps(mapping))
        applied = recognising.apply(parsed, tables, known)
        nothing = None
        for batch in applied:
            nothing = batch.head(0)
            yield batch, None
        if nothing is not None:
            yield nothing, applied.problems
    except recognising.MappingError as error:
        raise CannotMap(str(error)) from error


def plan(mapping: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return canonical column → ("heading" or "text", words). Raises CannotMap."""
    columns = mapping.get("columns")
    if strange := sorted(set(mapping) - {"columns"}):
        raise CannotMap(
            f"A mapping of “columns” has nothing beside them; take out {', '.join(strange)}."
        )
    if not isinstance(columns, dict):
        raise CannotMap("“columns” of the mapping has to be an object: column → heading or text.")
    if strange := sorted(set(map(str, columns)) - set(COLUMNS)):
        raise CannotMap(f"The mapping has columns we do not know: {', '.join(strange)}.")
    found = {}
    for name, source in columns.items():
        ways = [w for w in ("heading", "text") if isinstance(source, dict) and w in source]
        if len(ways) != 1 or not isinstance(source[ways[0]], str):
            raise CannotMap(
                f'Column {name} of the mapping has to be {{"heading": "…"}} or {{"text": "…"}}.'
            )
        found[name] = (ways[0], source[ways[0]])
    if lacking := [name for name in NEEDED if name not in found]:
        raise CannotMap(f"The mapping does not say where {', '.join(lacking)} comes from: add it.")
    if "value" not in found and not {"numerator", "denominator"} <= set(found):
        raise CannotMap("The mapping says neither where the value is nor where both its parts are.")
    return found


def by_columns(
    tables: Sequence[Table], mapping: dict[str, Any]
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame | None]]:
    """Yield canonical rows of tables read by a mapping of columns. Raises CannotMap."""
    columns = plan(mapping)
    headings = [words for way, words in columns.values() if way == "heading"]
    fitting = [table for table in tables if set(headings) <= set(table.headings)]
    if not fitting:
        best = max(tables, key=lambda t: len(set(headings) & set(t.headings)), default=None)
        lost = [h for h in headings if best is None or h not in best.headings]
        raise CannotMap(
            f"No table has every heading of the mapping: {', '.join(f'“{h}”' for h in lost)} "
            "not found. Headings have to be as they stand in the file."
        )
    for table in fitting:
        for batch in table.batches():
            data = batch.filter(pl.col(KIND) == "data")
            frame = data.select(
                *(
                    (pl.col(words) if way == "heading" else pl.lit(words))
                    .cast(pl.String)
                    .str.strip_chars()
                    .alias(name)
                    for name, (way, words) in columns.items()
                ),
                pl.lit(table.file).alias("file"),
                pl.lit(table.sheet).alias("sheet"),
                pl.col(ROW).alias("row"),
            ).with_columns(pl.col("code").alias("given"))
            yield with_numbers(frame, columns)


def with_numbers(
    frame: pl.DataFrame, columns: dict[str, tuple[str, str]]
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Turn the columns of numbers from text; what is none becomes a problem with its row."""
    wrong: list[pl.DataFrame] = []
    for name in NEEDED:
        blank = frame.filter(pl.col(name).is_null() | (pl.col(name) == ""))
        if blank.height:
            wrong.append(
                blank.select(
                    pl.lit("error").alias("kind"),
                    pl.lit("blank").alias("code"),
                    "file",
                    "sheet",
                    "row",
                    pl.lit(columns[name][1]).alias("column"),
                    pl.col("code").fill_null("").alias("area"),
                    pl.lit("").alias("value"),
                    pl.lit(f"This row has no {name}: fill it in, or take the row out.").alias(
                        "sentence"
                    ),
                )
            )
    for name in (n for n in NUMBERS if n in columns):
        read = parse_numbers(frame[name])
        value, marker, bad = read.values, read.markers, read.problems
        heading = columns[name][1]
        if bad.any():
            wrong.append(
                frame.filter(bad).select(
                    pl.lit("error").alias("kind"),
                    pl.lit("not-a-number").alias("code"),
                    "file",
                    "sheet",
                    "row",
                    pl.lit(heading).alias("column"),
                    pl.col("code").alias("area"),
                    pl.col(name).alias("value"),
                    pl.format(
                        "“{}” in column “{}” is not a number. Mend it, or leave it empty and say "
                        "why in the marker.",
                        pl.col(name),
                        pl.lit(heading),
                    ).alias("sentence"),
                )
            )
        frame = frame.with_columns(value.alias(name))
        if name == "value":
            own = pl.col("marker").fill_null("") if "marker" in frame.columns else pl.lit("")
            frame = frame.with_columns(
                pl.when(own == "").then(marker.fill_null("")).otherwise(own).alias("marker")
            )
    return frame, pl.concat(wrong) if wrong else None
