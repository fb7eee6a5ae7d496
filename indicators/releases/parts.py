"""The checked rows of a release as Parquet, in parts small enough to be staged one at a time.

Every series of one indicator, breakdown and period lies in one part, whatever the order of the
file, as its editions are added up together. Long files are passed through twice, in batches.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from indicators.releases.recognising.applying import HALF, PART, completed
from indicators.releases.stage import COLUMNS, SERIES_KEY

PART_ROWS = 2_000_000
BATCH_ROWS = 500_000
GROUP = ["indicator", "breakdown", "period"]
# Where a row stood in the files that were given.
# `given` and `name_given` are the area as the file calls it.
PLACE: dict[str, type[pl.DataType]] = {
    "file": pl.String,
    "sheet": pl.String,
    "row": pl.Int64,
    "given": pl.String,
    "name_given": pl.String,
}
SCHEMA = {**COLUMNS, **PLACE}
INDEX = "index.json"
KEYS = "series.parquet"


@dataclass(frozen=True)
class Parts:
    """What lies in a folder: rows by part, and the series with the rows of each."""

    folder: Path
    rows: int
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield each part with the columns of `SCHEMA`."""
        for name in self.names:
            yield pl.read_parquet(self.folder / name)

    def keys(self) -> pl.DataFrame:
        """Return the columns of SERIES_KEY and `rows`, one row for each series."""
        return pl.read_parquet(self.folder / KEYS)


def load_parts(folder: Path) -> Parts:
    """Return the parts in a folder. Raises FileNotFoundError where none were finished."""
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    return Parts(folder, index["rows"], tuple(index["names"]))


def conform(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a batch with exactly the columns of `SCHEMA`; text is never null, numbers may be."""
    return frame.with_columns(
        pl.lit(None, dtype=kind).alias(name)
        for name, kind in SCHEMA.items()
        if name not in frame.columns
    ).select(
        pl.col(name).cast(kind).fill_null("") if kind == pl.String else pl.col(name).cast(kind)
        for name, kind in SCHEMA.items()
    )


def write_parts(
    batches: Iterable[pl.DataFrame], folder: Path, *, most_rows: int = PART_ROWS
) -> Parts:
    """Write batches of rows into `folder` and return its parts. Memory does not grow with rows.

    `index.json` comes last: a folder without it was not finished.
    """
    whole = folder / "rows.parquet"
    counts, apart = write_whole(batches, whole)
    rows = int(counts["rows"].sum())
    if rows <= most_rows:
        names = ["part-0000.parquet"]
        whole.rename(folder / names[0])
    else:
        names = spread(whole, share_out(counts, most_rows), folder)
        whole.unlink()
    if apart:
        counts = pl.concat([complete(folder / name) for name in names])
        rows = int(counts["rows"].sum())
    counts.write_parquet(folder / KEYS)
    draft = folder / f"{INDEX}.part"
    draft.write_text(json.dumps({"rows": rows, "names": names}), encoding="utf-8")
    draft.replace(folder / INDEX)
    return Parts(folder, rows, tuple(names))


def complete(path: Path) -> pl.DataFrame:
    """Put parts in rows of their own beside their values in a file; return how many rows remain.

    All rows of a series lie in one file, which is small enough to be held.
    """
    frame = completed(pl.read_parquet(path))
    draft = path.with_suffix(".draft")
    frame.write_parquet(draft, compression="zstd", compression_level=1)
    draft.replace(path)
    return frame.group_by(SERIES_KEY, maintain_order=True).agg(pl.len().alias("rows"))


def write_whole(batches: Iterable[pl.DataFrame], to: Path) -> tuple[pl.DataFrame, bool]:
    """Write rows in the order they come; return how many there are of each series.

    Also whether some hold parts of other rows' figures.
    """
    empty = pl.DataFrame(schema=SCHEMA)
    schema = empty.to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    counts = empty.group_by(SERIES_KEY, maintain_order=True).agg(pl.len().alias("rows"))
    apart = False
    with pq.ParquetWriter(to, schema, compression="zstd", compression_level=1) as writer:
        for batch in batches:
            frame = conform(batch)
            apart = apart or bool(frame["marker"].is_in([PART, HALF]).any())
            writer.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
            new = frame.group_by(SERIES_KEY, maintain_order=True).agg(pl.len().alias("rows"))
            counts = (
                pl.concat([counts, new])
                .group_by(SERIES_KEY, maintain_order=True)
                .agg(pl.col("rows").sum())
            )
    return counts, apart


def share_out(counts: pl.DataFrame, most_rows: int) -> pl.DataFrame:
    """Return the columns of GROUP and `part`: groups in order, about `most_rows` to a part."""
    groups = counts.group_by(GROUP, maintain_order=True).agg(pl.col("rows").sum())
    before = groups["rows"].cum_sum().to_numpy() - groups["rows"].to_numpy()
    part = before // most_rows
    # A part that no group begins in is left out of the count.
    _, part = np.unique(part, return_inverse=True)
    return groups.select(GROUP).with_columns(pl.Series("part", part.astype(np.int64)))


def spread(whole: Path, part_of: pl.DataFrame, folder: Path) -> list[str]:
    """Copy rows to the part that their group belongs to; return the names of the parts."""
    names = [f"part-{n:04d}.parquet" for n in range(int(part_of["part"].n_unique()))]
    with pq.ParquetFile(whole) as file:
        writers = [
            pq.ParquetWriter(
                folder / name, file.schema_arrow, compression="zstd", compression_level=1
            )
            for name in names
        ]
        try:
            for batch in file.iter_batches(BATCH_ROWS):
                frame = pl.DataFrame(pl.from_arrow(batch)).join(part_of, on=GROUP, how="left")
                for (n,), rows in frame.partition_by("part", as_dict=True).items():
                    writers[int(str(n))].write_table(
                        rows.drop("part")
                        .to_arrow(compat_level=pl.CompatLevel.oldest())
                        .cast(file.schema_arrow)
                    )
        finally:
            for writer in writers:
                writer.close()
    return names
