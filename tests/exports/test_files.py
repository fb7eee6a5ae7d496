"""Every format holds the same figures, and none of them runs anything."""

import csv
import io
import json
import sqlite3
from dataclasses import replace

import polars as pl
import pyarrow.parquet
import pytest

from indicators.exports.files import BESIDE, FORMATS, NoOutlines, harmless, number_format
from indicators.presenters.table import Column, Table
from tests.tiny_uk import COUNCILS


@pytest.fixture
def table():
    return Table(
        title="Shares of councils",
        columns=[
            Column("code", "Code"),
            Column("name", "Name"),
            Column("share", "Share", "number", 1, "%", "2021", "Office for Tests.", "Open."),
        ],
        frame=pl.DataFrame(
            {"code": [*COUNCILS[:2], "X99"], "name": ["Ashby", "=1+1", "Gone"],
             "share": [12.345, None, 0.0]}
        ),
        notes=[("As at", "1 January 2026")],
        withheld=["Secret share"],
        edition="authority",
    )  # fmt: skip


def test_csv_has_codes_first_and_no_formula(table):
    lines = FORMATS["csv"].write(table).decode().splitlines()
    assert lines == [
        'code,name,"share (%, 2021)"',
        "E06000901,Ashby,12.345",
        "E06000902,'=1+1,",
        "X99,Gone,0.0",
    ]


def test_what_is_the_same_for_all_is_said_on_each_row_of_csv_and_parquet_alone(table):
    same = [("period", "2021"), ("unit", ""), ("licence", "=Open"), ("source", "A “b”, c")]
    told = replace(table, each_row=same)
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"].write(told).decode())))
    assert list(rows[0]) == ["code", "name", "share", "period", "unit", "licence", "source"]
    assert [r["share"] for r in rows] == ["12.345", "", "0.0"]
    assert {tuple(r.values())[3:] for r in rows} == {("2021", "", "'=Open", "A “b”, c")}
    found = pl.read_parquet(FORMATS["parquet"].write(told))
    assert found["period"].to_list() == ["2021"] * 3
    assert found["unit"].to_list() == [None] * 3
    book = pl.read_excel(io.BytesIO(FORMATS["xlsx"].write(told)), sheet_name="Figures")
    assert book.columns == ["Code", "Name", "Share (%), 2021"]


def test_the_notes_beside_a_csv_file_describe_each_column_and_what_is_left_out(table):
    notes = BESIDE["csv"].write(table).decode()
    rows = list(csv.DictReader(io.StringIO(notes)))
    assert rows[2] == {
        "column": "share (%, 2021)", "name": "Share", "unit": "%", "period": "2021",
        "source": "Office for Tests.", "licence": "Open.", "note": "",
    }  # fmt: skip
    assert ("As at", "1 January 2026") in {(r["name"], r["note"]) for r in rows}
    assert "Secret share" in notes


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\n=1"])
def test_every_dangerous_beginning_is_made_harmless(text):
    assert harmless(pl.DataFrame({"a": [text]}))["a"].item() == f"'{text}"


def test_negative_numbers_stay_numbers():
    assert harmless(pl.DataFrame({"a": [-1.5]}))["a"].item() == -1.5


def test_xlsx_is_typed_and_brings_its_notes(table):
    book = FORMATS["xlsx"].write(table)
    figures = pl.read_excel(io.BytesIO(book), sheet_name="Figures")
    assert figures.columns == ["Code", "Name", "Share (%), 2021"]
    assert figures["Share (%), 2021"].to_list() == [12.345, None, 0.0]
    assert figures["Name"].to_list() == ["Ashby", "=1+1", "Gone"]
    notes = pl.read_excel(io.BytesIO(book), sheet_name="Notes", has_header=False)
    words = " ".join(str(cell) for row in notes.rows() for cell in row)
    for part in ("As at 1 January 2026", "Office for Tests. Open.", "Secret share"):
        assert part in words


def test_spreadsheets_print_the_decimals_of_the_page():
    assert number_format(Column("a", "A", "number", 2)) == "#,##0.00"
    assert number_format(Column("a", "A", "whole")) == "#,##0"
    assert number_format(Column("a", "A")) == "@"


def test_parquet_keeps_types_and_says_where_figures_are_from(table):
    found = pyarrow.parquet.read_table(io.BytesIO(FORMATS["parquet"].write(table)))
    assert found["share"].to_pylist() == [12.345, None, 0.0]
    assert found.schema.field("share").metadata[b"source"] == b"Office for Tests."
    assert found.schema.metadata[b"title"] == b"Shares of councils"


@pytest.mark.django_db
def test_no_format_leaves_a_note_out_because_another_has_its_heading(table, tmp_path):
    said = [("Areas", "Councils of 2021."), ("Areas", "Councils of 2025."), ("As at", "1 May")]
    more = replace(table, notes=said, withheld=["Secret share", "Secret pay"])
    path = tmp_path / "areas.gpkg"
    path.write_bytes(FORMATS["gpkg"].write(more))
    with sqlite3.connect(path) as found:
        package = " ".join(row[0] for row in found.execute("SELECT metadata FROM gpkg_metadata"))
    parquet = pyarrow.parquet.read_table(io.BytesIO(FORMATS["parquet"].write(more)))
    columns = b" ".join(parquet.schema.metadata.values()).decode()
    features = json.loads(FORMATS["geojson"].write(more))["notes"]
    beside = BESIDE["csv"].write(more).decode()
    for text in (package, columns, str(features), beside):
        for part in ("Councils of 2021.", "Councils of 2025.", "Secret share", "Secret pay"):
            assert part in text


@pytest.mark.django_db
def test_geojson_has_a_feature_an_area_and_null_for_what_is_not_drawn(table):
    found = json.loads(FORMATS["geojson"].write(table))
    features = found["features"]
    assert [f["properties"]["code"] for f in features] == [*COUNCILS[:2], "X99"]
    assert features[0]["geometry"]["type"] == "MultiPolygon"
    longitude, latitude = features[0]["geometry"]["coordinates"][0][0][0]
    assert -9 < longitude < 2
    assert 49 < latitude < 61
    assert features[1]["properties"]["share"] is None
    assert features[2]["geometry"] is None


@pytest.mark.django_db
def test_geopackage_is_one_layer_with_the_figures(table, tmp_path):
    path = tmp_path / "areas.gpkg"
    path.write_bytes(FORMATS["gpkg"].write(table))
    with sqlite3.connect(path) as found:
        rows = found.execute("SELECT code, share, geom IS NULL FROM areas").fetchall()
    assert rows == [("E06000901", 12.345, 0), ("E06000902", None, 0), ("X99", 0.0, 1)]


@pytest.mark.django_db
def test_areas_without_outlines_have_no_map(table):
    lost = Table(table.title, table.columns, table.frame, edition="nowhere")
    with pytest.raises(NoOutlines, match="choose CSV"):
        FORMATS["geojson"].write(lost)
