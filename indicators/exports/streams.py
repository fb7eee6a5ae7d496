"""Files of any length, a piece at a time, from frames of the same columns."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from indicators.exports.files import harmless

UNIQUE = ("code", "name")


class Pieces(io.RawIOBase):
    """A file that is given away as it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, data: Any) -> int:
        """Keep some bytes until they are taken."""
        piece = bytes(data)
        self._written.append(piece)
        self._at += len(piece)
        return len(piece)

    def tell(self) -> int:
        """Return how many bytes have been written since the beginning."""
        return self._at

    def take(self) -> bytes:
        """Return what has been written since it was last asked."""
        piece = b"".join(self._written)
        self._written.clear()
        return piece


def nested_as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with lists and structs written as JSON, which CSV has no other place for."""
    return frame.with_columns(
        pl.when(pl.col(name).is_not_null())
        .then(pl.struct(name).struct.json_encode().str.slice(len(name) + 4).str.strip_suffix("}"))
        .alias(name)
        for name, kind in frame.schema.items()
        if kind.is_nested()
    )


def csv_pieces(frames: Iterable[pl.DataFrame], schema: dict[str, Any]) -> Iterator[bytes]:
    """Yield UTF-8 CSV with one line of headings: missing is empty, and no cell is a formula."""
    yield (",".join(schema) + "\n").encode()
    for frame in frames:
        if frame.height:
            text = io.BytesIO()
            rows = harmless(nested_as_text(frame.select(*schema)))
            # Else nothing would be written as two quotation marks.
            blank = pl.col(pl.String).replace("", None)
            rows.with_columns(blank).write_csv(text, include_header=False)
            yield text.getvalue()


def parquet_pieces(
    frames: Iterable[pl.DataFrame], schema: dict[str, Any], notes: dict[str, str]
) -> Iterator[bytes]:
    """Yield Parquet (zstd), a row group a frame, with `notes` as metadata of the file."""
    target = Pieces()
    shape = pl.DataFrame(schema=schema).to_arrow().schema.with_metadata(notes)
    # Few distinct words are worth a dictionary; codes, names and figures are not.
    repeated = [n for n, kind in schema.items() if kind == pl.String and n not in UNIQUE]
    with pa.parquet.ParquetWriter(
        target, shape, compression="zstd", use_dictionary=repeated, write_statistics=False
    ) as writer:
        for frame in frames:
            if frame.height:
                writer.write_table(frame.select(*schema).to_arrow().cast(shape))
                if piece := target.take():
                    yield piece
    yield target.take()


def json_pieces(frames: Iterable[pl.DataFrame], schema: dict[str, Any]) -> Iterator[bytes]:
    """Yield the members of a JSON array, an object a row, without its brackets."""
    between = b""
    for frame in frames:
        if frame.height:
            yield between + json_rows(frame.select(*schema))
            between = b",\n"


def json_rows(frame: pl.DataFrame) -> bytes:
    """Return a JSON object a row, with commas between them."""
    rows = frame.select(pl.struct(pl.all()).struct.json_encode()).to_series()
    return ",\n".join(rows).encode()
