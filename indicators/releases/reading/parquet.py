"""Parquet, in batches, every value as the text that a CSV would hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from indicators.releases.problems import Problem
from indicators.releases.reading.model import (
    BATCH,
    HIDDEN,
    KIND,
    ROW,
    Limits,
    Reading,
    Table,
    hidden_characters,
    unique,
)
from indicators.releases.reading.unpack import Source, refusal

EXACT = 2**53


@dataclass(frozen=True)
class ParquetRows:
    """Rows of a Parquet file on disk."""

    path: Path
    columns: tuple[str, ...]
    headings: tuple[str, ...]

    def batches(self, rows: int = BATCH) -> Iterator[pl.DataFrame]:
        """Yield frames of text; the first row has number 1."""
        done = 0
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(rows, columns=list(self.columns)):
                raw = pl.DataFrame(pl.from_arrow(batch))
                frame = raw.select(
                    as_text(raw[old]).alias(new)
                    for old, new in zip(self.columns, self.headings, strict=True)
                ).with_columns(
                    pl.int_range(done + 1, done + raw.height + 1, dtype=pl.Int64).alias(ROW),
                    pl.lit("data").alias(KIND),
                )
                done += raw.height
                yield frame


@dataclass(frozen=True)
class KeptRows:
    """Rows that were written with `row` and `kind` beside them, as they came from a reader."""

    path: Path

    def batches(self, rows: int = BATCH) -> Iterator[pl.DataFrame]:
        """Yield frames as they were written."""
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(rows):
                yield pl.DataFrame(pl.from_arrow(batch))


def as_text(values: pl.Series) -> pl.Series:
    """Return a column as text: whole floats without ".0", no exponents, dates in ISO."""
    kind = values.dtype
    if kind.is_float():
        wide = values.cast(pl.Float64)
        whole = (wide.round(0) == wide) & (wide.abs() < EXACT)
        return pl.select(
            pl.when(whole)
            .then(wide.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(values.cast(pl.String))
        ).to_series()
    if kind == pl.Boolean:
        return values.cast(pl.String)
    if kind == pl.Datetime:
        return values.dt.strftime("%Y-%m-%d %H:%M:%S").str.replace(r" 00:00:00$", "")
    text = values.cast(pl.String, strict=False).str.replace_all(HIDDEN, "").str.strip_chars()
    return text.replace("", None)


def hidden(file: pq.ParquetFile, columns: Sequence[str]) -> tuple[int, int]:
    """Return how many rows have characters that do not show, and the first of them, from 1."""
    found = first = done = 0
    for batch in file.iter_batches(BATCH, columns=list(columns)) if columns else ():
        frame = pl.DataFrame(pl.from_arrow(batch))
        odd = frame.select(
            pl.any_horizontal(pl.all().cast(pl.String).str.contains(HIDDEN).fill_null(False))
        ).to_series()
        if not found and odd.any():
            first = done + int(odd.arg_true()[0]) + 1
        found += int(odd.sum())
        done += frame.height
    return found, first


def read_parquet(source: Source, limits: Limits, reading: Reading) -> None:
    """Add the table in a Parquet file. Raises Unreadable."""
    name = source.name
    try:
        with pq.ParquetFile(source.path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise refusal(
            "truncated",
            name,
            f"{name} does not read as Parquet: it is cut short, damaged or locked. Download it "
            "again.",
        ) from error
    if len(schema) > limits.columns:
        raise refusal(
            "too-many-columns",
            name,
            f"{name} has {len(schema):,} columns; {limits.columns:,} is the most we read.",
        )
    if sum(group.total_byte_size for group in groups) > limits.bytes:
        raise refusal("too-large", name, f"{name} is larger than we read. Give it in parts.")
    nested = [
        field.name for field in schema
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type)
        or pa.types.is_large_binary(field.type)
    ]  # fmt: skip
    plain = [field.name for field in schema if field.name not in nested]
    if nested:
        reading.problems.append(
            Problem(
                "warning",
                "nested-columns",
                f"{name} has columns of lists or bytes, which were left out: "
                f"{', '.join(nested[:5])}.",
                name,
                column=nested[0],
            )
        )
    if rows == 0 or not plain:
        raise refusal(
            "no-rows", name, f"{name} has headings and no rows. Give the file with its data."
        )
    if len(set(plain)) < len(plain):
        raise refusal("repeated-headings", name, f"{name} has two columns of one name. Rename one.")
    worded = [
        field.name for field in schema
        if field.name in plain and not pa.types.is_primitive(field.type)
    ]  # fmt: skip
    try:
        with pq.ParquetFile(source.path) as file:
            odd, first = hidden(file, worded)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise refusal(
            "truncated", name, f"{name} is cut short or damaged further down. Download it again."
        ) from error
    if odd:
        reading.problems.append(hidden_characters(name, "", odd, first))
    named = [
        re.sub(HIDDEN, "", " ".join(heading.split())) or f"column {n}"
        for n, heading in enumerate(plain, 1)
    ]
    headings = unique(named)
    source_rows = ParquetRows(source.path, tuple(plain), headings)
    reading.tables.append(Table(name, "", headings, (tuple(named),), 1, (), (), rows, source_rows))
