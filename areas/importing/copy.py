"""Bulk loading: a frame of columns into a table by COPY."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from django.db import connection
from psycopg import sql

CHUNK_ROWS = 500_000
Params = Sequence[Any] | Mapping[str, Any]


def copy_frame(table: str, frame: pl.DataFrame, *, fresh: bool = False) -> None:
    """COPY `frame` into `table`; its column names are the table's.

    Nulls arrive as NULL and empty strings as empty strings. Runs inside the caller's
    transaction, in chunks so that memory stays flat. Binary columns travel as hexadecimal.
    `fresh` tables, made in this transaction, are written frozen, which spares a later vacuum.
    """
    columns = sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, FREEZE {})").format(
        sql.Identifier(table), columns, sql.Literal(fresh)
    )
    binary = [name for name, dtype in frame.schema.items() if dtype == pl.Binary]
    frame = frame.with_columns(
        pl.concat_str(pl.lit("\\x"), pl.col(name).bin.encode("hex")).alias(name) for name in binary
    )
    # Django does not wrap what COPY raises: whoever looks for its OperationalError would miss one.
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for chunk in frame.iter_slices(CHUNK_ROWS):
            buffer = io.BytesIO()
            chunk.write_csv(buffer, include_header=False, float_precision=None)
            copy.write(buffer.getvalue())


def fetch_frame(query: str, params: Params, schema: dict[str, Any]) -> pl.DataFrame:
    """Run `query` and return its rows as a frame with the columns and types of `schema`."""
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return pl.DataFrame(cursor.fetchall(), schema=schema, orient="row")


def streamed(
    source: sql.Composable, schema: dict[str, Any], *, most: int | None = None
) -> Iterator[pl.DataFrame]:
    """Yield the rows of a table with its columns, or of a query in parentheses, by COPY.

    Frames have the columns and types of `schema` and are of about `most` bytes of text each, or
    one of all rows, so that memory need not grow with them; no Python object is made of a value.
    """
    text = io.BytesIO()
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} TO STDOUT (FORMAT csv)").format(source)) as copy,
    ):
        # Postgres sends each row as a block of its own, so no block ends within one.
        for block in copy:
            text.write(block)
            if most is not None and text.tell() >= most:
                yield csv_frame(text, schema)
                text = io.BytesIO()
    if text.tell():
        yield csv_frame(text, schema)


def csv_frame(text: io.BytesIO, schema: dict[str, Any]) -> pl.DataFrame:
    """Return lines of CSV that were written to `text` as a frame; there is at least one."""
    text.seek(0)
    return pl.read_csv(text, has_header=False, schema=schema)


def refresh(*tables: str) -> None:
    """Tell the planner how large tables have become; triggers on the next load depend on it.

    Without it a set of nine links, loaded after a million others, took 14 seconds.
    """
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
