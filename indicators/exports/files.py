"""A table as a file, in each format that we offer."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pyogrio
import xlsxwriter
from django.db import connection

from indicators.presenters.table import CODE, Column, Table

# A spreadsheet would run a cell that begins so (OWASP, “CSV injection”).
DANGEROUS = r"^[=+\-@\t\r\n]"
LONGEST_SHEET_NAME = 31
NOTES = ("column", "name", "unit", "period", "source", "licence", "note")
WGS84 = 4326
# Six decimals of a degree are about a tenth of a metre: finer than any outline we hold.
PRECISION = 6
OUTLINES = """
SELECT a.code, {shape} FROM areas_boundary b
JOIN areas_edition e ON e.id = b.edition_id JOIN areas_area a ON a.id = b.area_id
WHERE e.slug = %s AND a.code = ANY(%s)
"""


class NoOutlines(ValueError):
    """The table has no areas with outlines, so it cannot be a map; the message says so."""


@dataclass(frozen=True)
class Format:
    """A format: its extension, what it is called on a page, its media type, its writer."""

    extension: str
    name: str
    media_type: str
    write: Callable[[Table], bytes]
    # Whether it needs the outlines of the areas.
    drawn: bool = False


def harmless(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with an apostrophe before text that a spreadsheet would run as a formula."""
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(DANGEROUS))
        .then(pl.concat_str(pl.lit("'"), pl.col(name)))
        .otherwise(pl.col(name))
        .alias(name)
        for name, kind in frame.schema.items()
        if kind == pl.String
    )


def csv(table: Table) -> bytes:
    """Return UTF-8 CSV: codes first, keys as headings, missing empty, no formulas.

    Unit and period are said on each row where they are the same for all, or else in headings.
    """
    return (
        harmless(table.frame)
        .rename(csv_headings(table))
        .with_columns(repeated(table))
        .write_csv()
        .encode()
    )


def csv_headings(table: Table) -> dict[str, str]:
    """Return the heading in CSV of each column that has another than its key."""
    if table.each_row:
        return {}
    return {c.key: c.key_in_full for c in table.columns if c.kind in {"number", "whole"}}


def repeated(table: Table) -> list[pl.Expr]:
    """Return the columns that say the same on every row; nothing is said by nothing."""
    words = pl.DataFrame(dict(table.each_row), schema=[k for k, _ in table.each_row])
    safe = harmless(words).row(0, named=True) if table.each_row else {}
    return [pl.lit(text or None, dtype=pl.String).alias(key) for key, text in safe.items()]


def notes_csv(table: Table) -> bytes:
    """Return what must travel with a CSV file as a CSV file beside it.

    A row a column (its heading, name, unit, period, source and licence), then a row a note.
    """
    headings = csv_headings(table)
    columns = [
        (headings.get(c.key, c.key), c.heading, c.unit, c.period, c.source, c.licence, "")
        for c in table.columns
    ]
    same = [(key, "", "", "", "", "", words) for key, words in table.each_row]
    notes = [("", name, "", "", "", "", words) for name, words in [*table.notes, *left_out(table)]]
    schema = dict.fromkeys(NOTES, pl.String)
    rows = pl.DataFrame([*columns, *same, *notes], schema=schema, orient="row")
    return harmless(rows).with_columns(pl.all().replace("", None)).write_csv().encode()


def parquet(table: Table) -> bytes:
    """Return Parquet (zstd), with headings, units and sources as metadata of each column."""
    arrow = table.frame.with_columns(repeated(table)).to_arrow()
    fields = [
        arrow.schema.field(c.key).with_metadata(
            {
                "heading": c.heading,
                "unit": c.unit,
                "period": c.period,
                "source": c.source,
                "licence": c.licence,
            }
        )
        for c in table.columns
    ]
    fields += [arrow.schema.field(key) for key, _ in table.each_row]
    notes = by_heading([*table.notes, *left_out(table)])
    metadata = {"title": table.title, **{f"note: {k}": v for k, v in notes.items()}}
    target = io.BytesIO()
    pyarrow.parquet.write_table(
        arrow.cast(pa.schema(fields, metadata=metadata)), target, compression="zstd"
    )
    return target.getvalue()


def xlsx(table: Table) -> bytes:
    """Return a workbook: a sheet of typed figures, and a sheet of notes."""
    target = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(target, options) as book:
        book.set_properties({"title": table.title, "comments": "Made by Levelup"})
        heading = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        sheet = book.add_worksheet(sheet_name("Figures"))
        for at, column in enumerate(table.columns):
            form = book.add_format({"num_format": number_format(column)})
            sheet.set_column(at, at, 34 if column.key == "name" else 14, form)
            sheet.write_string(0, at, column.title, heading)
            values = table.frame[column.key]
            if values.dtype == pl.Date:
                sheet.write_column(1, at, values.dt.to_string("%Y-%m-%d").to_list())
            else:
                sheet.write_column(1, at, values.to_list())
        sheet.freeze_panes(1, min(2, len(table.columns)))
        sheet.autofilter(0, 0, max(1, table.frame.height), len(table.columns) - 1)
        notes = book.add_worksheet(sheet_name("Notes"))
        notes.set_column(0, 0, 30)
        notes.set_column(1, 1, 110, book.add_format({"text_wrap": True, "valign": "top"}))
        bold = book.add_format({"bold": True, "valign": "top"})
        notes.write_string(0, 0, table.title, bold)
        for row, (name, words) in enumerate(note_lines(table), start=2):
            notes.write_string(row, 0, name, bold)
            notes.write_string(row, 1, words)
    return target.getvalue()


def note_lines(table: Table) -> list[tuple[str, str]]:
    """Return everything that must travel with the figures, a line each."""
    columns = [
        (c.title, " ".join(part for part in (c.source, c.licence) if part))
        for c in table.columns
        if c.source or c.licence
    ]
    return [*table.notes, *columns, *left_out(table)]


def left_out(table: Table) -> list[tuple[str, str]]:
    """Return a note of each figure that is not in the file."""
    return [
        ("Left out", f"{name}: its licence does not let us pass it on.") for name in table.withheld
    ]


def by_heading(notes: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return notes by their headings, those of one heading a line each, so that none is lost."""
    found: dict[str, str] = {}
    for name, words in notes:
        found[name] = f"{found[name]}\n{words}" if name in found else words
    return found


def sheet_name(text: str) -> str:
    """Return a name that a workbook accepts for a sheet."""
    return "".join(" " if c in "[]:*?/\\" else c for c in text)[:LONGEST_SHEET_NAME]


def number_format(column: Column) -> str:
    """Return how a spreadsheet prints the numbers of a column: as the page does."""
    if column.kind in {"text", "date"}:
        return "@"
    return "#,##0" + ("." + "0" * column.decimals if column.decimals else "")


def geojson(table: Table) -> bytes:
    """Return GeoJSON (RFC 7946) with a feature an area, its geometry null where none is held.

    “title” and “notes” (pairs of a heading and words) stand beside the features. Raises NoOutlines
    when no area of the table has an outline.
    """
    shapes = outlines(table, f"ST_AsGeoJSON(ST_Transform(b.geometry, {WGS84}), {PRECISION})")
    rows = table.frame.join(shapes, on=CODE, how="left", maintain_order="left")
    features = rows.select(
        pl.concat_str(
            pl.lit('{"type":"Feature","geometry":'),
            pl.col("shape").fill_null("null"),
            pl.lit(',"properties":'),
            pl.struct(table.frame.columns).struct.json_encode(),
            pl.lit("}"),
        )
    ).to_series()
    about = {"type": "FeatureCollection", "title": table.title, "notes": note_lines(table)}
    head = json.dumps(about, ensure_ascii=False)[:-1]
    return f'{head},"features":[{",".join(features)}]}}'.encode()


def geopackage(table: Table) -> bytes:
    """Return a GeoPackage with one layer of areas, in longitude and latitude (EPSG:4326).

    Raises NoOutlines when no area of the table has an outline.
    """
    shapes = outlines(table, f"ST_AsBinary(ST_Transform(b.geometry, {WGS84}))")
    rows = table.frame.join(shapes, on=CODE, how="left", maintain_order="left")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "areas.gpkg"
        pyogrio.write_arrow(
            rows.to_arrow(),
            path,
            layer="areas",
            driver="GPKG",
            geometry_name="shape",
            geometry_type="MultiPolygon",
            crs=f"EPSG:{WGS84}",
            layer_options={"DESCRIPTION": table.title},
            dataset_metadata=by_heading(note_lines(table)),
        )
        return path.read_bytes()


def outlines(table: Table, shape: str) -> pl.DataFrame:
    """Return `code` and `shape` (SQL of a boundary `b`) of the areas in the table. One query."""
    codes = table.frame[CODE].to_list() if CODE in table.frame.columns else []
    with connection.cursor() as cursor:
        cursor.execute(OUTLINES.format(shape=shape), (table.edition, codes))
        rows = cursor.fetchall()
    if not rows:
        raise NoOutlines(f"No outlines are held for the areas of “{table.title}”: choose CSV.")
    return pl.DataFrame(rows, schema=[CODE, "shape"], orient="row")


FORMATS = {
    f.extension: f
    for f in (
        Format("csv", "CSV", "text/csv; charset=utf-8", csv),
        Format(
            "xlsx",
            "Excel",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            xlsx,
        ),
        Format("parquet", "Parquet", "application/vnd.apache.parquet", parquet),
        Format("geojson", "GeoJSON", "application/geo+json", geojson, drawn=True),
        Format("gpkg", "GeoPackage", "application/geopackage+sqlite3", geopackage, drawn=True),
    )
}
# What is had beside a file: CSV has no place for notes of its own.
BESIDE = {"csv": Format("notes.csv", "Notes", "text/csv; charset=utf-8", notes_csv)}
EVERY_FORMAT = {**FORMATS, **{f.extension: f for f in BESIDE.values()}}
