"""Tables read as text from CSV (UTF-8 or Windows-1252), Excel, Parquet and JSON of columns.

Pure: files in, frames out. Values are trimmed and empty ones null; nothing is read as a number,
so that no code loses a nought.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import fastexcel
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars.exceptions import PolarsError

from areas.importing.columns import read_heading
from areas.importing.files import Source
from areas.importing.report import Refused, some

MOST_TABLE_BYTES = 800_000_000
TITLE_ROWS = 30  # How far down the headings of a sheet may stand.


def read_table(source: Source, sheet: str = "") -> pl.DataFrame:
    """Return a table as trimmed text. Raises Refused when it is none, or has no rows."""
    if source.path.stat().st_size > MOST_TABLE_BYTES:
        raise Refused(f"{source.name} is larger than {MOST_TABLE_BYTES // 1_000_000} MB.")
    readers = {"csv": read_csv, "parquet": read_parquet, "geojson": read_json}
    if source.kind == "xlsx":
        frame = read_xlsx(source, sheet)
    elif source.kind in readers:
        frame = readers[source.kind](source)
    else:
        raise Refused(f"{source.name} is a {source.kind}, not a table. Give CSV or Excel.")
    if frame.width < 2:
        raise Refused(
            f"{source.name} has one column ({frame.columns[0] if frame.width else 'none'}). "
            "Columns must be separated by commas, semicolons or tabs."
        )
    frame = frame.select(
        pl.when(pl.col(c).str.strip_chars().str.len_chars() > 0)
        .then(pl.col(c).str.strip_chars())
        .alias(c.strip().lstrip("\ufeff"))
        for c in frame.columns
    )
    frame = frame.filter(pl.any_horizontal(pl.all().is_not_null()))
    if frame.is_empty():
        raise Refused(f"{source.name} has headings and no rows.")
    return frame


def decoded(content: bytes) -> str:
    """Return text in UTF-8 or, failing that, Windows-1252, without a byte-order mark."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read_csv(source: Source) -> pl.DataFrame:
    """Read text with a line of headings."""
    content = source.path.read_bytes()
    if b"\x00" in content:
        raise Refused(f"{source.name} holds NUL bytes: it is not text. Download it again.")
    text = decoded(content)
    first = text[: text.find("\n") if "\n" in text else len(text)]
    separator = max(",;\t|", key=first.count)
    names = next(csv.reader([first], delimiter=separator), [])
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Refused(f"{source.name} has the heading {some(twice)} more than once.")
    try:
        return pl.read_csv(
            io.StringIO(text), separator=separator, infer_schema=False, null_values=[""]
        )
    except PolarsError as error:
        words = str(error).splitlines()[0][:160]
        raise Refused(
            f"{source.name} does not read as a table with {len(names)} columns ({words}). "
            "Look for a line with more or fewer columns, or a quotation mark left open."
        ) from error


def read_xlsx(source: Source, sheet: str) -> pl.DataFrame:
    """Read the sheet named, or the one with most rows; headings may stand below a title."""
    try:
        book = fastexcel.read_excel(source.path)
        names = book.sheet_names
        if sheet and sheet not in names:
            raise Refused(f"{source.name} has no sheet {sheet!r}. It has: {some(names)}.")
        sheets = [
            book.load_sheet(name, header_row=None, dtypes="string")
            for name in ([sheet] if sheet else names)
        ]
        best = max(sheets, key=lambda one: one.height)
        raw = best.to_polars()
    except fastexcel.FastExcelError as error:
        raise Refused(f"{source.name} does not open as an Excel file. Save it again.") from error
    top = raw.head(TITLE_ROWS).rows()
    if not top:
        raise Refused(f"{source.name} has no rows in its sheet {best.name!r}.")

    def understood(row: tuple[Any, ...]) -> tuple[int, int]:
        cells = [str(cell) for cell in row if cell is not None]
        return sum(read_heading(cell.strip()) is not None for cell in cells), len(cells)

    at = max(range(len(top)), key=lambda i: (*understood(top[i]), -i))
    headings = [str(cell).strip() if cell is not None else "" for cell in top[at]]
    keep = [i for i, name in enumerate(headings) if name and headings.index(name) == i]
    frame = raw.slice(at + 1)
    return frame.select(pl.col(frame.columns[i]).cast(pl.String).alias(headings[i]) for i in keep)


def read_parquet(source: Source) -> pl.DataFrame:
    """Read Parquet, geometry left out."""
    try:
        frame = pl.DataFrame(pl.from_arrow(pq.read_table(source.path)))
    except (pa.ArrowException, OSError, PolarsError) as error:
        raise Refused(f"{source.name} does not read as Parquet; download it again.") from error
    plain = [
        name for name, kind in frame.schema.items() if not kind.is_nested() and kind != pl.Binary
    ]
    return frame.select(pl.col(name).cast(pl.String, strict=False) for name in plain)


def read_json(source: Source) -> pl.DataFrame:
    """Read JSON of columns: {"areacd": [...], "start": {"24": 2024}}, or a list of rows.

    A column given as an object holds only some rows, by their number.
    """
    try:
        content = json.loads(decoded(source.path.read_bytes()))
    except (ValueError, RecursionError) as error:
        raise Refused(f"{source.name} is not whole JSON; it may be cut short.") from error
    try:
        if isinstance(content, dict) and content.get("type") == "FeatureCollection":
            rows = [dict(feature["properties"]) for feature in content["features"]]
            return pl.from_dicts(rows, infer_schema_length=None).cast(pl.String, strict=False)
        if isinstance(content, list):
            return pl.from_dicts(content, infer_schema_length=None).cast(pl.String, strict=False)
        length = max(len(v) for v in content.values() if isinstance(v, list))
        columns = {}
        for name, values in content.items():
            if isinstance(values, dict):
                at = [int(k) for k in values]
                sparse = pl.DataFrame({"at": at, name: [str(v) for v in values.values()]})
                whole = pl.DataFrame({"at": range(length)}).join(sparse, on="at", how="left")
                columns[name] = whole[name]
            elif isinstance(values, list) and len(values) == length:
                columns[name] = pl.Series(name, values, strict=False).cast(pl.String)
        return pl.DataFrame(columns)
    except (KeyError, TypeError, ValueError, AttributeError, PolarsError) as error:
        raise Refused(
            f"{source.name} is JSON but not a table: give a list of rows, or columns of equal "
            "length by name."
        ) from error
