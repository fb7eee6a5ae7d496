"""Files made to do harm, and files that are merely broken: each a sentence, and nothing else."""

import io
import signal
import struct
import time
import zipfile
from dataclasses import replace

import polars as pl
import pytest

from indicators.releases.reading import Interrupted, Limits, in_subprocess, read
from tests.indicators.reading.making import (
    codes,
    given,
    gzipped,
    old_excel,
    opendocument,
    read_bytes,
    repacked,
    values,
    workbook,
    zipped,
)

CSV = b"code,n\nE06000001,1\nE06000002,2\n"
BOOK = workbook({"Data": [["code", "n"], ["E06000001", 1], ["E06000002", 2]]})
SMALL = replace(Limits(), bytes=2_000_000)


def refused(reading, code):
    """One error, of this kind, that names the file and says what to do; nothing read."""
    assert codes(reading) == [code]
    (problem,) = reading.problems
    assert problem.kind == "error"
    assert problem.sentence.startswith(problem.file)
    assert problem.sentence.endswith(".")
    assert reading.tables == []
    return problem


@pytest.mark.parametrize("content", [b"", b"   \n \t\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\n\n\n"])
def test_empty_files(tmp_path, content):
    refused(read_bytes(tmp_path, "a.csv", content), "empty-file")


def test_headings_only(tmp_path):
    problem = refused(read_bytes(tmp_path, "a.csv", "Things\n\narea code,name,n\n"), "no-rows")
    assert "headings and no rows" in problem.sentence
    refused(read_bytes(tmp_path, "a.xlsx", workbook({"Data": [["code", "n"]]})), "no-table")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"%PDF-1.7\n%...", "unknown-kind"),
        (b"\x89PNG\r\n\x1a\n", "unknown-kind"),
        (b"7z\xbc\xaf\x27\x1c", "unknown-kind"),
        (b"<!DOCTYPE html><html><table><tr><td>1</td></tr></table></html>", "web-page"),
        (b'<?xml version="1.0"?><Workbook/>', "web-page"),
        (zipped({"word/document.xml": b"<x/>", "[Content_Types].xml": b"<x/>"}), "unknown-kind"),
        (zipped({}), "empty-archive"),
        (zipped({"a/": b""}), "empty-archive"),
    ],
)
def test_files_of_another_kind(tmp_path, content, code):
    refused(read_bytes(tmp_path, "a.xls", content), code)


def test_nul_bytes_are_refused_with_their_line(tmp_path):
    problem = refused(read_bytes(tmp_path, "a.csv", b"code,n\nE06000001,\x001\n"), "nul-bytes")
    assert problem.row == 2
    late = CSV + b"E06000003,3\n" * 100_000 + b"E06\x00,4\n"
    assert refused(read_bytes(tmp_path, "b.csv", late), "nul-bytes").row == 100_004


def test_control_and_text_turning_characters_are_left_out_and_warned_of(tmp_path):
    content = "code,name,n\nE06000001,Harte\u202epool\x07,1\nE06000002,Middles\u200bbrough,2\n"
    for name, given_content in (
        ("a.csv", content.encode()),
        ("b.csv", content.encode("utf-16")),
        (
            "c.xlsx",
            workbook({"S": [r.split(",") for r in content.replace("\x07", "").split("\n")]}),
        ),
    ):
        reading = read_bytes(tmp_path, name, given_content)
        assert values(reading.tables[0]) == [
            ("E06000001", "Hartepool", "1"), ("E06000002", "Middlesbrough", "2"),
        ]  # fmt: skip
        assert [(p.kind, p.code, p.row) for p in reading.problems] == [
            ("warning", "hidden-characters", 2)
        ]


def test_a_million_columns(tmp_path):
    content = b",".join([b"x"] * 1_000_000) + b"\n" + b",".join([b"1"] * 1_000_000)
    refused(read_bytes(tmp_path, "a.csv", content), "too-many-columns")


def test_html_and_formulas_in_names_are_only_text(tmp_path):
    names = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "@SUM(A1)", "+1+1"]
    text = "code,name\n" + "\n".join(f'E0600000{i},"{n}"' for i, n in enumerate(names))
    reading = read_bytes(tmp_path, "a.csv", text)
    assert [row[1] for row in values(reading.tables[0])] == names


# --- Archives -------------------------------------------------------------------------------------


def test_a_gzip_bomb(tmp_path):
    refused(read_bytes(tmp_path, "a.csv.gz", gzipped(b"0" * 3_000_000), limits=SMALL), "too-large")
    bomb = read_bytes(tmp_path, "b.csv.gz", gzipped(b"0" * 150_000_000))
    refused(bomb, "bomb")


def test_a_zip_bomb_by_many_members_shares_one_budget(tmp_path):
    many = zipped({f"{i}.csv": CSV + b"\n" * 500_000 for i in range(20)})
    reading = read_bytes(tmp_path, "a.zip", many, limits=SMALL)
    assert codes(reading) == ["too-large"]


def test_zips_within_zips_are_opened_only_so_deep(tmp_path):
    content = zipped({"a.csv": CSV})
    for _ in range(4):
        content = zipped({"a.zip": content})
    refused(read_bytes(tmp_path, "a.zip", content), "nested-archives")


def test_more_files_than_anybody_reads(tmp_path):
    many = zipped({f"{i}.csv": CSV for i in range(12)})
    refused(read_bytes(tmp_path, "a.zip", many, limits=replace(SMALL, files=10)), "too-many-files")


def test_sizes_that_are_declared_falsely_are_not_believed(tmp_path):
    content = bytearray(zipped({"a.csv": b"0" * 3_000_000}))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(mark) + offset
        content[at : at + 4] = struct.pack("<I", 10)
    reading = read_bytes(tmp_path, "a.zip", bytes(content), limits=SMALL)
    assert reading.tables == []
    assert codes(reading) == ["truncated"]


@pytest.mark.parametrize(
    "path", ["../a.csv", "/etc/a.csv", "x/../../a.csv", "C:\\a.csv", "..\\a.csv"]
)
def test_members_whose_path_leads_outside(tmp_path, path):
    refused(read_bytes(tmp_path, "a.zip", zipped({"b.csv": CSV, path: CSV})), "unsafe-path")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip"]


def test_an_archive_locked_with_a_password(tmp_path):
    content = bytearray(zipped({"a.csv": CSV}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    refused(read_bytes(tmp_path, "a.zip", bytes(content)), "encrypted")


@pytest.mark.parametrize("keep", [30, 60, 200])
def test_archives_cut_short(tmp_path, keep):
    noise = b"".join(f"E06{i * 7919 % 999983:06d},{i}\n".encode() for i in range(2_000))
    refused(read_bytes(tmp_path, "a.zip", zipped({"a.csv": noise})[:keep]), "truncated")
    refused(read_bytes(tmp_path, "a.csv.gz", gzipped(noise)[:keep]), "truncated")


def test_two_members_of_one_name_are_both_read(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zipped([("a.csv", CSV), ("a.csv", CSV)])
    assert [t.file for t in read_bytes(tmp_path, "z.zip", content).tables] == [
        "z.zip/a.csv", "z.zip/a.csv (2)",
    ]  # fmt: skip


# --- Workbooks ------------------------------------------------------------------------------------


def sheet_xml(cells: str) -> bytes:
    return (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f"{cells}</sheetData></worksheet>"
    ).encode()


def test_a_workbook_that_unpacks_to_far_more_than_it_is(tmp_path):
    big = sheet_xml('<row r="1"><c r="A1"><v>1</v></c></row>' * 200_000)
    book = repacked(BOOK, {"xl/worksheets/sheet1.xml": big})
    refused(read_bytes(tmp_path, "a.xlsx", book, limits=SMALL), "too-large")


def test_two_cells_at_the_ends_of_a_sheet_do_not_fill_the_memory(tmp_path):
    far = sheet_xml(
        '<row r="1"><c r="A1"><v>1</v></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    )
    book = repacked(BOOK, {"xl/worksheets/sheet1.xml": far})
    refused(read_bytes(tmp_path, "a.xlsx", book), "sheet-too-large")


def test_a_cell_repeated_without_end(tmp_path):
    book = opendocument({"S": [["code", "n"], ["E06000001", 1]]})
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        content = archive.read("content.xml")
    again = b'<table:table-cell table:number-columns-repeated="99999999" '
    content = content.replace(b"<table:table-cell ", again, 1)
    refused(
        read_bytes(tmp_path, "a.ods", repacked(book, {"content.xml": content})), "sheet-too-large"
    )


def test_entities_in_the_xml(tmp_path):
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>' + sheet_xml("")
    book = repacked(BOOK, {"xl/worksheets/sheet1.xml": bomb})
    refused(read_bytes(tmp_path, "a.xlsx", book), "xml-entities")


def test_a_workbook_locked_with_a_password(tmp_path):
    content = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")
    )
    refused(read_bytes(tmp_path, "a.xlsx", content), "encrypted")


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_workbooks_cut_short(tmp_path, keep):
    reading = read_bytes(tmp_path, "a.xlsx", BOOK[: int(len(BOOK) * keep)])
    refused(reading, "truncated")
    old = old_excel([["code", "n"], ["E06000001", 1.0]])
    refused(read_bytes(tmp_path, "a.xls", old[: int(1_000 * keep)]), "broken-workbook")


def test_macros_formulas_and_links_are_not_followed_and_said(tmp_path):
    cells = (
        '<row r="1"><c r="A1" t="str"><v>code</v></c><c r="B1" t="str"><v>n</v></c></row>'
        '<row r="2"><c r="A2" t="str"><v>E06000001</v></c><c r="B2"><f>1+2</f><v>3</v></c></row>'
        '<row r="3"><c r="A3" t="str"><v>E06000002</v></c><c r="B3"><v>4</v></c></row>'
    )
    book = repacked(
        BOOK,
        {
            "xl/worksheets/sheet1.xml": sheet_xml(cells),
            "xl/vbaProject.bin": b"macros",
            "xl/externalLinks/externalLink1.xml": b"<externalLink/>",
        },
    )
    reading = read_bytes(tmp_path, "a.xlsm", book)
    assert values(reading.tables[0]) == [("E06000001", "3"), ("E06000002", "4")]
    assert sorted(codes(reading)) == ["external-links", "formulas", "macros"]
    assert {problem.kind for problem in reading.problems} == {"warning"}


def test_names_that_turn_text_about_are_shown_without(tmp_path):
    book = workbook({"Da\u202eta": [["code", "n"], ["E06000001", 1], ["E06000002", 2]]})
    path = given(tmp_path, "x", zipped({"a\u202evsc.xlsx": book}))
    (table,) = read([path], names=["b\nc\u202e.zip"]).tables
    assert table.sheet == "Da\ufffdta"
    assert table.file == "b\ufffdc\ufffd.zip/a\ufffdvsc.xlsx"


def test_a_hidden_sheet_is_read_and_said(tmp_path):
    with zipfile.ZipFile(io.BytesIO(BOOK)) as archive:
        xml = archive.read("xl/workbook.xml").replace(b'sheetId="1"', b'sheetId="1" state="hidden"')
    reading = read_bytes(tmp_path, "a.xlsx", repacked(BOOK, {"xl/workbook.xml": xml}))
    assert len(reading.tables) == 1
    assert codes(reading) == ["hidden-sheet"]


def test_a_sheet_of_alternating_blank_rows_is_not_quadratic(tmp_path):
    rows = [["code", "n"]] + [[f"E{i:08d}", i] if i % 2 else [] for i in range(30_000)]
    begun = time.monotonic()
    reading = read_bytes(tmp_path, "a.xlsx", workbook({"Data": rows}))
    assert time.monotonic() - begun < 20
    assert sum(t.n_rows for t in reading.tables) == 15_000


# --- In a process of its own ----------------------------------------------------------------------


def test_a_process_of_its_own_finds_what_reading_here_finds(tmp_path):
    paths = [
        given(tmp_path, "a.csv", CSV),
        given(tmp_path, "b.xlsx", BOOK),
        given(tmp_path, "c", b""),
    ]
    names = ["A.csv", "B.xlsx", "C"]
    folder = tmp_path / "kept"
    folder.mkdir()
    heard: list[str] = []
    apart = in_subprocess(paths, folder, names=names, tell=heard.append)
    here = read(paths, names=names)
    assert apart.tables == here.tables
    assert [t.frame().rows() for t in apart.tables] == [t.frame().rows() for t in here.tables]
    assert apart.problems == here.problems
    assert apart.documents == here.documents
    assert heard[:2] == ["A.csv", "B.xlsx"]
    assert sorted(p.name for p in folder.iterdir()) == [
        "asked.json", "reading.json", "table-0000.parquet", "table-0001.parquet",
    ]  # fmt: skip


def test_it_knows_no_secret_of_the_site(tmp_path, monkeypatch):
    from indicators.releases.reading import apart

    seen = {}

    class Stopped(Exception):
        pass

    def look(*_, env, **__):
        seen.update(env)
        raise Stopped

    monkeypatch.setenv("LEVELUP_SECRET_KEY", "secret")
    monkeypatch.setattr(apart.subprocess, "Popen", look)
    with pytest.raises(Stopped):
        in_subprocess([given(tmp_path, "a.csv", CSV)], tmp_path)
    assert not {key for key in seen if key.startswith(("LEVELUP", "DATABASE", "REDIS", "DJANGO"))}


def test_what_takes_too_long_is_ended(tmp_path):
    path = given(tmp_path, "a.csv", CSV)
    limits = replace(Limits(), seconds=0)
    reading = in_subprocess([path], tmp_path, limits=limits)
    assert codes(reading) == ["too-slow"]
    assert reading.tables == []


def test_what_needs_too_much_memory_is_ended(tmp_path):
    path = given(tmp_path, "a.csv", CSV)
    reading = in_subprocess([path], tmp_path, limits=replace(Limits(), memory=1_000_000))
    assert codes(reading) == ["too-large"]
    assert "a.csv" in reading.problems[0].sentence


def test_parquet_that_says_one_value_over_and_over_is_ended(tmp_path):
    out = io.BytesIO()
    pl.DataFrame({"code": ["x" * 1_000] * 100_000}).write_parquet(out)
    assert len(out.getvalue()) < 100_000
    path = given(tmp_path, "a.parquet", out.getvalue())
    reading = in_subprocess([path], tmp_path, limits=SMALL)
    assert codes(reading) == ["too-large"]
    assert reading.tables == []


def test_a_cube_of_cells_in_a_sheet_of_a_few_bytes_is_ended(tmp_path):
    book = opendocument({"S": [["code", "n"], ["E06000001", 1]]})
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        content = archive.read("content.xml")
    content = content.replace(
        b"<table:table-row>", b'<table:table-row table:number-rows-repeated="1000000">'
    ).replace(b"<table:table-cell ", b'<table:table-cell table:number-columns-repeated="16000" ')
    path = given(tmp_path, "a.ods", repacked(book, {"content.xml": content}))
    reading = in_subprocess([path], tmp_path, limits=replace(Limits(), memory=1_500_000_000))
    assert [problem.kind for problem in reading.problems] == ["error"]
    assert reading.tables == []


def test_a_reader_that_dies_is_a_problem_of_the_file_it_was_at(tmp_path, monkeypatch):
    from indicators.releases.reading import apart

    (tmp_path / "indicators").mkdir()
    monkeypatch.setattr(apart, "ROOT", tmp_path)  # Nothing to run there.
    reading = in_subprocess([given(tmp_path, "a.csv", CSV)], tmp_path)
    assert codes(reading) == ["reader-failed"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_reader_that_is_told_to_end_is_no_fault_of_the_file_but_one_that_is_killed_may_be(
    tmp_path, monkeypatch, number
):
    from indicators.releases.reading import apart

    begin = apart.subprocess.Popen

    def begun_and_ended(*args, **kwargs):
        process = begin(*args, **kwargs)
        process.send_signal(number)
        return process

    monkeypatch.setattr(apart.subprocess, "Popen", begun_and_ended)
    if number == signal.SIGTERM:
        with pytest.raises(Interrupted):
            in_subprocess([given(tmp_path, "a.csv", CSV)], tmp_path)
    else:
        reading = in_subprocess([given(tmp_path, "a.csv", CSV)], tmp_path)
        assert codes(reading) == ["reader-failed"]


def test_a_full_disk_is_no_fault_of_the_file(tmp_path):
    (tmp_path / "table-0000.parquet").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        in_subprocess([given(tmp_path, "a.csv", CSV)], tmp_path)
