"""Publishers' own files, where the shared pack is beside the project: every table, by its shape."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from django.conf import settings

from indicators.releases.reading import read
from tests.indicators.reading.making import values

DATA = settings.BASE_DIR.parent / "shared" / "data" / "releases"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the shared pack is not beside the project"
)

# A file, then a line for each table: rows x columns, the row its data begin in, sheet or member.
SHAPES: dict[str, list[str]] = {}
for line in (Path(__file__).parent / "shapes.txt").read_text(encoding="utf-8").splitlines():
    if line.startswith("  "):
        SHAPES[list(SHAPES)[-1]].append(line.strip())
    else:
        SHAPES[line] = []


def test_every_file_of_the_pack_is_known_here():
    held = {str(p.relative_to(DATA)) for p in DATA.glob("*/*") if p.name != "SOURCE.md"}
    assert held == set(SHAPES)


@pytest.mark.parametrize("folder", sorted({name.split("/")[0] for name in SHAPES}))
def test_every_table_has_its_shape(folder):
    for name in (name for name in SHAPES if name.startswith(f"{folder}/")):
        path = DATA / name
        reading = read([path])
        found = []
        for table in reading.tables:
            where = (
                table.file.removeprefix(path.name).lstrip("/") if "/" in table.file else table.sheet
            )
            size = f"{table.n_rows} x {len(table.headings)} from {table.first_row}"
            found.append(f"{size} {where}".strip())
        assert found == SHAPES[name], name
        errors = [p.sentence for p in reading.problems if p.kind == "error"]
        assert not errors or SHAPES[name] == [], name


PLAIN = sorted(
    path
    for name in SHAPES
    if (path := DATA / name).name.endswith((".csv", ".csv.gz"))
    and path.is_file()
    and path.stat().st_size < 900_000
)


def test_every_value_is_what_a_plain_reader_of_csv_finds():
    """A slow and obvious second reader: the first line is headings, the rest are rows."""
    compared = 0
    for path in PLAIN:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
        width = len(rows[0])
        kept = [
            tuple(value.strip() or None for value in row) + (None,) * (width - len(row))
            for row in rows[1:]
            if any(value.strip() for value in row)
        ]
        (table,) = read([path]).tables
        if len(table.levels) > 1:
            kept = kept[1:]
        assert len(table.headings) == width, path
        assert values(table) == kept, path
        compared += len(kept) * width
    assert compared > 1_000_000


def test_stacked_tables_of_nomis_keep_what_each_is_about():
    folder = DATA / "nomis_query_exports"
    tables = read([folder / "RM006_age_of_youngest_dependent_child_by_household_type.xlsx"]).tables
    assert [t.above[-1] for t in tables][:2] == [
        "household type | One-person household",
        "household type | Married or civil partnership couple household",
    ]
    assert all(t.below[0].startswith("In order to protect") for t in tables)


def test_headings_of_two_rows_are_joined():
    (table,) = read([DATA / "ons_private_outdoor_space_lad" / "access_to_green_space.csv"]).tables
    assert table.headings[5:7] == ("LAD name", "Property type: Houses | Address count")
    assert "Property type: Total | Average size of private outdoor space (m2)" in table.headings


def test_notes_in_sheets_and_text_boxes_are_documents():
    book = "File_1_-_IMD2019_Index_of_Multiple_Deprivation.xlsx"
    (document,) = read([DATA / "iod2019_england" / book]).documents
    assert document.lines[0] == "English Indices of Deprivation 2019"
    extract = "ons_sape_lsoa21_mid2022_to_mid2024_westminster_extract.xlsx"
    found = read([DATA / "population_estimates_small_area" / extract])
    assert [d.sheet for d in found.documents] == [
        "Cover sheet", "Contents", "Notes", "Related publications",
    ]  # fmt: skip
