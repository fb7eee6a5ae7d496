"""Problems of a release as a frame: kept as Parquet, counted by code, read a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from indicators.releases.keeping import CHECKED, folder_of
from indicators.releases.problems import SCHEMA, Problem

FILE = "problems.parquet"
LONGEST = 1_000  # Characters of a sentence.


def as_frame(problems: Iterable[Problem]) -> pl.DataFrame:
    """Return problems as a frame with the columns of `SCHEMA`."""
    return pl.DataFrame([p.as_dict() for p in problems], schema=SCHEMA)


def gather(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return frames of problems as one, errors first, each code together, in the files' order."""
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
        .str.replace_all(r"[\s\p{Cc}\p{Cf}]+", " ")
        .str.replace_all(r"“([^”]{100})[^”]{20,}”", "“${1}…”")
    )
    short = pl.when(told.str.len_chars() > LONGEST).then(
        told.str.slice(0, LONGEST) + pl.lit("….")
    ).otherwise(told)  # fmt: skip
    return every.with_columns(short.alias("sentence")).sort("kind", "code", maintain_order=True)


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
