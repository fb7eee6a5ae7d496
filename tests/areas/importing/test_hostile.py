"""Files that are broken, huge or hostile: a sentence each, and nothing loaded."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from datetime import date
from pathlib import Path

import pytest

from areas.importing.changes import ChangeOptions, import_changes
from areas.importing.files import opened
from areas.importing.names import NameOptions, import_names
from areas.importing.overlaps import OverlapOptions, import_overlaps
from areas.importing.places import AreaOptions, import_areas
from areas.importing.postcodes import PostcodeOptions, import_postcodes
from areas.importing.report import Refused
from tests.areas.importing.files import geojson
from tests.areas.importing.test_areas import everything
from tests.tiny_uk import WARDS


def packed(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def locked() -> bytes:
    content = bytearray(packed(**{"a.csv": b"a,b\n1,2\n"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    return bytes(content)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty (0 bytes)"),
    "blank": (b"\n  \n", "nothing but blank space"),
    "a web page": (b"<!DOCTYPE html><html><body>Not found</body></html>", "is a web page or XML"),
    "XML entities": (
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "is a web page or XML",
    ),
    "a virtual raster": (b'<OGRVRTDataSource><SrcDataSource>/vsicurl/http://x</SrcDataSource>'
                         b"</OGRVRTDataSource>", "is a web page or XML"),
    "truncated gzip": (gzip.compress(geojson().encode())[:200], "cut short or damaged"),
    "gzip of rubbish": (b"\x1f\x8b" + bytes(range(60)), "cut short or damaged"),
    "gzip twice": (gzip.compress(gzip.compress(b"a,b\n1,2\n")), "compressed twice"),
    "truncated zip": (packed(**{"a.csv": b"a,b\n" * 99})[:-30], "cut short or damaged"),
    "an empty zip": (packed(), "is a zip with nothing in it"),
    "a zip of pictures": (packed(**{"a.png": b"\x89PNG"}), "holds no file we can read"),
    "a path outside": (packed(**{"../../etc/x.csv": b"a,b\n1,2\n"}), "unsafe path"),
    "an absolute path": (packed(**{"/etc/x.csv": b"a,b\n1,2\n"}), "unsafe path"),
    "a locked zip": (locked(), "locked with a password"),
    "NUL bytes": (b"code,name\nE05\x00,x\n", "not a kind of file we read"),
    "late NUL bytes": (b"code,name\n" + b"E05000951,x\n" * 9000 + b"\x00,y\n", "NUL bytes"),
    "UTF-16": ("code,name\nE05000951,x\n".encode("utf-16"), "UTF-16"),
    "a PDF": (b"%PDF-1.7 ...", "not a kind of file we read"),
    "old Excel": (b"\xd0\xcf\x11\xe0" + bytes(600), "Save it as .xlsx or CSV"),
    "a lone shp": (b"\x00\x00\x27\x0a" + bytes(96), "must lie beside it"),
    "a false GeoPackage": (b"SQLite format 3\x00" + bytes(900), ""),
    "a false Parquet": (b"PAR1" + bytes(90) + b"PAR1", "Parquet"),
    "a cut GeoJSON": (geojson().encode()[:150], ""),
    "JSON of something else": (b'{"type": "Topology", "objects": {}}', ""),
    "deep JSON": (b'{"a":' + b"[" * 100_000, ""),
    "a pointer to elsewhere": (
        b'{"type":"FeatureCollection","features":[],"href":"/vsicurl/http://localhost:1/x"}',
        "",
    ),
    "no features": (b'{"type":"FeatureCollection","features":[]}', "holds no outlines"),
    "one column": (b"code\nE05000951\n", "has one column"),
    "headings only": (b"LSOA11CD,WD17CD\n", "headings and no rows"),
    "ragged": (b"LSOA11CD,WD17CD\nE01000901,E05000901,x,y\n", "does not read as a table"),
    "an open quote": (b'LSOA11CD,WD17CD\n"E01000901,E05000901\n' * 3, ""),
    "a heading twice": (b"WD17CD,WD17CD\nE05000951,E05000951\n", "more than once"),
    "a false workbook": (packed(**{"xl/workbook.xml": b"<x/>"}), ""),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("what", HOSTILE)
def test_each_is_refused_by_every_importer_in_a_sentence(what, tmp_path):
    content, sentence = HOSTILE[what]
    file = tmp_path / "given.geojson"
    file.write_bytes(content)
    before = everything()
    common = {"edition": "w", "area_type": "ward", "date": date(2025, 5, 1)}
    reports = [
        import_areas(file=file, options=AreaOptions(**common), commit=True),
        import_areas(file=file, options=AreaOptions(**common, no_outlines=True), commit=True),
        import_overlaps(
            file=file,
            options=OverlapOptions(from_edition="lsoa", to_edition="ward", kind="best-fit"),
            commit=True,
        ),
        import_changes(file=file, options=ChangeOptions(), commit=True),
        import_postcodes(file=file, options=PostcodeOptions(), commit=True),
        import_names(file=file, options=NameOptions(), commit=True),
    ]
    for report in reports:
        assert report.problems
        assert all(problem.endswith(".") for problem in report.problems), report.problems
        assert str(tmp_path) not in report.text()
        assert "Traceback" not in report.text()
    assert any(sentence in p for report in reports for p in report.problems), reports
    assert everything() == before


@pytest.mark.django_db
def test_of_several_files_in_a_zip_none_is_taken_in_silence(tmp_path):
    """Each says so by the name that its giver knows, not by that under which it is kept."""
    kept = tmp_path / ("f" * 64)
    names = f"code,name_cy\n{WARDS[0]},Aberonnen\n".encode()
    kept.write_bytes(packed(**{"a.csv": names, "b.csv": names}))
    areas = AreaOptions(edition="new", area_type="ward", date=date(2025, 5, 1), no_outlines=True)
    overlaps = OverlapOptions(from_edition="ward", to_edition="authority", kind="exact")
    for do, options in (
        (import_names, NameOptions()), (import_areas, areas), (import_overlaps, overlaps)
    ):  # fmt: skip
        report = do(file=kept, options=options, commit=True, name="given.zip")
        (problem,) = report.problems
        assert problem.startswith("given.zip holds 2 files (given.zip: a.csv, given.zip: b.csv)")
        assert "fff" not in problem


def test_a_bomb_is_stopped_at_the_limit(tmp_path):
    gz, zipped = tmp_path / "bomb.gz", tmp_path / "bomb.zip"
    gz.write_bytes(gzip.compress(b"0" * 5_000_000))
    zipped.write_bytes(packed(**{"a.csv": b"0" * 5_000_000}))
    for bomb in (gz, zipped):
        with pytest.raises(Refused, match="the most we read"), opened(bomb, most_bytes=1_000_000):
            pass


def test_a_zip_that_lies_about_its_size_is_stopped_while_it_unpacks(tmp_path):
    content = bytearray(packed(**{"a.csv": b"0" * 5_000_000}))
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")
    path = tmp_path / "liar.zip"
    path.write_bytes(bytes(content))
    with pytest.raises(Refused), opened(path, most_bytes=1_000_000):
        pass


def test_thousands_of_files_in_a_zip_are_refused(tmp_path):
    path = tmp_path / "many.zip"
    path.write_bytes(packed(**{f"{i}.csv": b"" for i in range(4001)}))
    with pytest.raises(Refused, match="holds 4,001 files"), opened(path):
        pass


def test_archives_in_an_archive_share_one_allowance(tmp_path):
    """Each inner zip fits alone; three of them, or what lies in them, do not fit together."""
    inner = packed(**{"a.csv": b"0" * 600_000})
    two_deep = packed(**{"b.csv": inner, "c.csv": inner})
    for name, content in {
        "beside": packed(**{"a.csv": inner, "b.csv": inner}),
        "nested": packed(**{"a.csv": two_deep}),
        "gzips": packed(**{f"{i}.csv": gzip.compress(b"0" * 600_000) for i in range(2)}),
        "gzip of zip": gzip.compress(two_deep),
    }.items():
        path = tmp_path / f"{name}.zip"
        path.write_bytes(content)
        with pytest.raises(Refused, match="the most we read of one file"), opened(
            path, most_bytes=1_000_000
        ):  # fmt: skip
            pass
        with opened(path, most_bytes=3_000_000) as sources:
            assert [s.path.stat().st_size for s in sources] == [600_000, 600_000]


def test_a_zip_bomb_of_gigabytes_in_a_few_kilobytes_leaves_the_disk_alone(tmp_path, monkeypatch):
    """Ten zips of ten files of 10 MB, of 100 kB in all: a gigabyte, were it unpacked."""
    ten = packed(**{f"{i}.csv": b"0" * 10_000_000 for i in range(10)})
    path = tmp_path / "bomb.zip"
    path.write_bytes(packed(**{f"{i}.csv": ten for i in range(10)}))
    assert path.stat().st_size < 200_000
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(Refused, match="more than 150 MB"), opened(path, most_bytes=150_000_000):
        pass
    assert list(tmp_path.iterdir()) == [path]


def test_a_zip_in_a_zip_in_a_zip_comes_to_an_end(tmp_path):
    content = b"a,b\n1,2\n"
    for _ in range(2000):
        content = packed(**{"a.csv": content})
        if len(content) > 100_000:
            break
    path = tmp_path / "deep.zip"
    path.write_bytes(content)
    with pytest.raises(Refused, match="packed more than 3 times over"), opened(path):
        pass


def test_files_are_counted_over_all_archives(tmp_path):
    path = tmp_path / "many.zip"
    inner = packed(**{f"{i}.csv": b"a,b\n" for i in range(1_999)})
    path.write_bytes(packed(**{"a.csv": inner, "b.csv": inner, "c.csv": inner}))
    with pytest.raises(Refused, match="4,000 is the most"), opened(path):
        pass


def workbook(sheet: bytes) -> bytes:
    return packed(**{"xl/workbook.xml": b"<workbook/>", "xl/worksheets/sheet1.xml": sheet})


def test_a_workbook_that_unpacks_to_more_than_memory_holds_is_refused(tmp_path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/workbook.xml", b"<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for _ in range(601):
                sheet.write(b" " * 1_000_000)
    assert path.stat().st_size < 4_000_000
    with pytest.raises(Refused, match="is an Excel file that unpacks to more than 600 MB"), opened(
        path
    ):  # fmt: skip
        pass
    inside = tmp_path / "inside.zip"
    inside.write_bytes(packed(**{"a.xlsx": path.read_bytes(), "b.csv": b"a,b\n1,2\n"}))
    with pytest.raises(Refused, match="more than 600 MB"), opened(inside):
        pass


def test_a_workbook_that_lies_about_its_size_is_refused(tmp_path):
    content = bytearray(workbook(b" " * 5_000_000))
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")
    path = tmp_path / "liar.xlsx"
    path.write_bytes(bytes(content))
    with pytest.raises(Refused, match="cut short or damaged"), opened(path):
        pass


def test_workbooks_in_a_zip_share_its_allowance(tmp_path):
    path = tmp_path / "two.zip"
    book = workbook(b" " * 700_000)
    path.write_bytes(packed(**{"a.xlsx": book, "b.xlsx": book}))
    with pytest.raises(Refused, match="the most we read"), opened(path, most_bytes=1_000_000):
        pass
    with opened(path, most_bytes=2_000_000) as sources:
        assert [s.kind for s in sources] == ["xlsx", "xlsx"]


def test_what_is_unpacked_is_gone_afterwards_and_nothing_else_is_touched(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(packed(**{"deep/down/a.csv": b"a,b\n1,2\n"}))
    with opened(path) as sources:
        unpacked = sources[0].path
        assert unpacked.read_bytes() == b"a,b\n1,2\n"
    assert not unpacked.exists()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["/vsicurl/http://localhost:1/x.geojson", "/vsizip/x", "missing"])
@pytest.mark.django_db
def test_a_path_that_is_no_file_is_refused_without_a_look_at_the_network(name):
    options = AreaOptions(edition="w", area_type="ward", date=date(2025, 5, 1))
    report = import_areas(file=Path(name), options=options, commit=True)
    assert "is not a file that can be read here" in report.problems[0]


def test_nested_features_of_every_wrong_kind_do_not_raise(tmp_path):
    from areas.importing import outlines
    from areas.importing.files import Source

    for geometry in ({}, {"type": "Polygon", "coordinates": "x"}, {"type": "Nothing"}, [], 5):
        path = tmp_path / "w.geojson"
        path.write_text(
            json.dumps({"type": "FeatureCollection", "features": [
                {"type": "Feature", "properties": {"WD25CD": "E05000951"}, "geometry": geometry}
            ]})
        )  # fmt: skip
        try:
            layer = outlines.read(Source("w.geojson", path, "geojson"))
        except Refused:
            continue
        assert all(shape is None or shape.is_empty for shape in layer.shapes)
