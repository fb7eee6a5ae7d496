"""Problems of a release as a frame: kept as Parquet, counted by code, read a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from indicators.releases import reading
from indicators.releases.keeping import CHECKED, READ, folder_of
from indicators.releases.problems import SCHEMA, Problem
from indicators.releases.reading.model import ROW, Table

FILE = "problems.parquet"
LONGEST = 1_000  # Characters of a sentence.
# A problem as it leaves the site: where, which, what stands there, what is wrong, and the row.
LISTED: dict[str, type[pl.DataType]] = {
    name: SCHEMA[name]
    for name in ("file", "sheet", "row", "column", "kind", "code", "area", "value", "sentence")
} | {"original_row": pl.String}


def as_frame(problems: Iterable[Problem]) -> pl.DataFrame:
    """Return problems as a frame with the columns of `SCHEMA`."""
    return pl.DataFrame([p.as_dict() for p in problems], schema=SCHEMA)


def gather(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return frames of problems as one: errors first, each code together, by file and row."""
    conformed = [
        frame.with_columns(
            pl.lit(None, dtype=kind).alias(name)
            for name, kind in SCHEMA.items()
            if name not in frame.columns
        ).select(
            pl.col(name).cast(kind).fill_null("") if kind == pl.String else pl.col(name).cast(kind)
            for name, kind in SCHEMA.items()
        )
        for frame in frames
    ]
    every = pl.concat([pl.DataFrame(schema=SCHEMA), *conformed])
    # A cell may hold a book, or what moves a terminal's cursor: sentences are for people.
    told = (
        pl.col("sentence")
        .str.replace_all(r"[\p{C}\p{Z}\s]+", " ")
        .str.replace_all(r"“([^”]{100})[^”]{20,}”", "“${1}…”")
    )
    short = pl.when(told.str.len_chars() > LONGEST).then(
        told.str.slice(0, LONGEST) + pl.lit("….")
    ).otherwise(told)  # fmt: skip
    # Wholly in order, so that the same files are always told of in the same words.
    return every.with_columns(short.alias("sentence")).sort(
        ["kind", "code", "file", "sheet", "row", "column", "area", "value", "sentence"],
        nulls_last=True,
    )


def counted(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return code → kind, n, and where the first stands and what it says.

    A code of both kinds counts as an error.
    """
    grouped = frame.group_by("code", maintain_order=True).agg(
        pl.col("kind").first(),
        pl.len().alias("n"),
        pl.col("sentence", "file", "sheet", "row").first(),
    )
    return {row.pop("code"): row for row in grouped.to_dicts()}


def told(first: dict[str, Any]) -> str:
    """Return the first finding of a kind as a sentence that says where it stands.

    `first` is a value of `counted`. Sentences of readers begin with the file by themselves.
    """
    sentence, file = str(first["sentence"]), str(first.get("file") or "")
    if not file or sentence.startswith(file):
        return sentence
    sheet = f", sheet {first['sheet']}" if first.get("sheet") else ""
    row = f", row {first['row']:,}" if first.get("row") is not None else ""
    return f"{file}{sheet}{row}: {sentence}"


def problems_of(release_id: int) -> pl.LazyFrame:
    """Return the problems of a release that was checked, to be filtered and sliced."""
    path: Path = folder_of(release_id) / CHECKED / FILE
    return pl.scan_parquet(path) if path.exists() else pl.LazyFrame(schema=SCHEMA)


def numbers(problems: dict[str, dict[str, Any]]) -> tuple[int, int]:
    """Return how many errors and warnings there are in counts by code."""
    errors = sum(p["n"] for p in problems.values() if p["kind"] == "error")
    return errors, sum(p["n"] for p in problems.values()) - errors


def listed(release_id: int) -> Iterator[pl.DataFrame]:
    """Yield every problem of a release that was checked, with the columns of LISTED.

    First those of no row, then each table's in the order of its rows. `original_row` is the row as
    it stands in the file, as JSON of headings and cells, empty where what was read is not kept.
    Memory grows with the problems, not with the rows or what stands in them.
    """
    every = problems_of(release_id).collect().with_row_index("_n")
    lost = pl.lit(None, dtype=pl.String).alias("original_row")
    kept = folder_of(release_id) / READ
    tables = reading.load(kept).tables if kept.exists() else []
    yield every.filter(pl.col("row").is_null()).with_columns(lost).select(list(LISTED))
    left = every.filter(pl.col("row").is_not_null())
    for place in dict.fromkeys((t.file, t.sheet) for t in tables):
        there = [t for t in tables if (t.file, t.sheet) == place]
        for table in there:
            own = left.filter(in_table(table, there))
            for frame in with_rows(own, table):
                left = left.filter(~pl.col("_n").is_in(frame["_n"].implode()))
                yield frame.select(list(LISTED))
    yield left.with_columns(lost).select(list(LISTED))


def in_table(table: Table, there: Sequence[Table]) -> pl.Expr:
    """Say which problems may be of a table: its file and sheet, and a column that it has.

    Tables that stand side by side (`there`) share the numbers of rows.
    """
    elsewhere = {heading for one in there for heading in one.headings}
    return (
        (pl.col("file") == table.file)
        & (pl.col("sheet") == table.sheet)
        & (pl.col("column").is_in(table.headings) | ~pl.col("column").is_in(list(elsewhere)))
    )


def with_rows(problems: pl.DataFrame, table: Table) -> Iterator[pl.DataFrame]:
    """Yield the problems whose row is in a table, with `original_row`, a batch at a time."""
    if problems.is_empty():
        return
    asked = problems["row"].unique().implode()
    cells = pl.struct(table.headings).struct.json_encode().alias("original_row")
    for batch in table.batches():
        rows = batch.filter(pl.col(ROW).is_in(asked))
        if rows.height:
            # Of a number that stands twice, the first: a problem is listed once.
            text = rows.select(pl.col(ROW), cells).unique(ROW, keep="first", maintain_order=True)
            yield problems.join(text, on=ROW, how="inner").sort("row", "_n")
