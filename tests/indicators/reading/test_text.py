"""Separated text is read in any common encoding and separator, and in batches when it is long."""

import csv
import io
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indicators.releases.reading import Limits, read
from tests.indicators.reading.making import (
    codes,
    gzipped,
    kinds,
    only,
    read_bytes,
    values,
    zipped,
)
from tests.indicators.reading.making import given as file_given

WELSH = "Sir y Fflint, “Ynys Môn”, Caffè £5"
TEXT = f'code,name,n\nW06000001,"{WELSH}",1\nW06000002,Conwy,2\n'


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_every_common_encoding_gives_the_same(tmp_path, encoding):
    table = only(read_bytes(tmp_path, "a.csv", TEXT.encode(encoding)))
    assert table.headings == ("code", "name", "n")
    assert values(table)[0] == ("W06000001", WELSH, "1")


def test_latin_1_is_read_as_its_letters(tmp_path):
    table = only(read_bytes(tmp_path, "a.csv", "code,name,n\nW06000001,Môn,1\n".encode("latin-1")))
    assert values(table) == [("W06000001", "Môn", "1")]


def test_mixed_encodings_are_read_letter_by_letter_and_warned_of(tmp_path):
    content = b"code,name,n\nW06000001,M\xf4n,1\nW06000002,M\xc3\xb4n,2\n"
    reading = read_bytes(tmp_path, "a.csv", content)
    assert [row[1] for row in values(reading.tables[0])] == ["Môn", "Môn"]
    assert codes(reading) == ["mixed-encodings"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_separator_and_kind_of_line_end(tmp_path, separator, end):
    lines = ["code,name,n", 'E06000001,"A name, with; all | of\tthem",1', "E06000002,B,2"]
    fields = list(csv.reader(lines))
    text = end.join(separator.join(f'"{v}"' for v in record) for record in fields)
    table = only(read_bytes(tmp_path, "a.csv", text))
    assert values(table) == [tuple(record) for record in fields[1:]]


def test_semicolons_with_decimal_commas_are_told_from_commas(tmp_path):
    lines = [f"E0600000{i};1,{i};2,{i}" for i in range(1, 9)]
    table = only(read_bytes(tmp_path, "a.csv", "code;low;high\n" + "\n".join(lines)))
    assert table.headings == ("code", "low", "high")
    assert values(table)[0] == ("E06000001", "1,1", "2,1")


def test_gzip_and_zip_are_unpacked_and_members_named(tmp_path):
    members = {
        "data/a.csv": b"code,n\nE06000001,1\n",
        "data/b.csv.gz": gzipped(b"code,n\nE06000002,2\n"),
        "inner.zip": zipped({"c.csv": b"code,n\nE06000003,3\n"}),
        "readme.txt": b"What this is, and how it was made.\n\nBy us.\n",
        "__MACOSX/._a.csv": b"\x00\x05\x16",
    }
    reading = read_bytes(tmp_path, "all.zip", zipped(members))
    assert reading.problems == []
    assert [t.file for t in reading.tables] == [
        "all.zip/data/a.csv", "all.zip/data/b.csv", "all.zip/inner.zip/c.csv",
    ]  # fmt: skip
    assert [d.file for d in reading.documents] == ["all.zip/readme.txt"]


def test_pictures_beside_the_data_in_a_zip_are_no_error(tmp_path):
    reading = read_bytes(
        tmp_path,
        "a.zip",
        zipped({"a.csv": b"code,n\nE06000001,1\n", "b.png": b"\x89PNG\r\n\x1a\n00"}),
    )
    assert len(reading.tables) == 1
    assert [(p.kind, p.code) for p in reading.problems] == [("warning", "unknown-kind")]


def test_values_stand_as_in_the_file(tmp_path):
    cells = ["1,234.5", "12%", "(12)", "–", "£1,200", "007", "1e5", "[c]", "<5", "5.10"]
    text = "code,value\n" + "\n".join(f'E{i:08d},"{cell}"' for i, cell in enumerate(cells))
    assert [v for _, v in values(only(read_bytes(tmp_path, "a.csv", text)))] == cells


@pytest.mark.parametrize("name", ['King"s Lynn', '5" pipe', 'The "Crown" ward'])
def test_quotation_marks_inside_values_are_kept(tmp_path, name):
    reading = read_bytes(tmp_path, "a.csv", f"code,name,n\nE06000001,{name},1\nE06000002,B,2\n")
    assert values(reading.tables[0])[0] == ("E06000001", name, "1")
    assert all(problem.kind == "warning" for problem in reading.problems)


def test_a_quotation_mark_that_is_never_closed_is_an_error(tmp_path):
    rest = "\n".join(f"E06{i:06d},Name {i},{i}" for i in range(2, 50))
    reading = read_bytes(tmp_path, "a.csv", f'code,name,n\nE06000001,"A,1\n{rest}\n')
    assert codes(reading) == ["broken-quotes"]
    assert reading.tables == []


# --- Long files -----------------------------------------------------------------------------------

LONG = replace(Limits(), grid_bytes=2_000)


def long_text(rows: int, foot: str = "") -> str:
    body = "".join(f'E06{i:06d},"Name, {i}",{i}.50\n' for i in range(rows))
    return f"Things by area\n\ncode,name,n\n{body}{foot}"


def test_a_long_file_is_read_in_batches_with_its_titles_and_footnotes(tmp_path):
    text = long_text(25_000, "\nNotes\n1. Counted once.\n")
    table = only(read_bytes(tmp_path, "a.csv", text, limits=LONG))
    assert (table.headings, table.n_rows) == (("code", "name", "n"), None)
    assert table.above == ("Things by area",)
    assert table.below == ("Notes", "1. Counted once.")
    frames = list(table.batches(4_000))
    assert max(frame.height for frame in frames) <= 4_000
    whole = pl.concat(frames)
    assert whole.height == 25_000
    assert whole["row"].to_list() == list(range(4, 25_004))
    assert whole.row(-1) == ("E06024999", "Name, 24999", "24999.50", 25_003, "data")


def test_long_and_short_are_read_the_same(tmp_path):
    text = long_text(3_000, "Grand total,,4\n")
    short = only(read_bytes(tmp_path, "a.csv", text))
    long = only(read_bytes(tmp_path, "a.csv", text, limits=LONG))
    assert long.frame().equals(short.frame())
    assert short.frame()["kind"][-1] == "total"
    assert (long.headings, long.levels, long.above, long.first_row) == (
        short.headings, short.levels, short.above, short.first_row,
    )  # fmt: skip


def test_a_row_out_of_step_deep_in_a_long_file_is_found(tmp_path):
    text = long_text(9_000).replace('"Name, 7000"', "Name, 7000")
    (table,) = read_bytes(tmp_path, "a.csv", text, limits=LONG).tables
    with pytest.raises(Exception, match=r"row 7,004 has more values"):
        list(table.batches())


def test_stray_quotation_marks_deep_in_a_long_file_do_not_lose_or_double_rows(tmp_path):
    text = long_text(9_000).replace('"Name, 7000"', 'Name "seven" thousand')
    (table,) = read_bytes(tmp_path, "a.csv", text, limits=LONG).tables
    whole = pl.concat(list(table.batches(1_000)))
    assert whole["row"].to_list() == list(range(4, 9_004))
    assert whole["name"][7000] == 'Name "seven" thousand'


# --- Anything at all ------------------------------------------------------------------------------

FEW = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FEW
@given(content=st.one_of(st.binary(max_size=400), st.text(max_size=300).map(str.encode)))
def test_no_bytes_crash_the_reader(tmp_path, content):
    reading = read([file_given(tmp_path, "a", content)])
    assert reading.tables or reading.documents or reading.problems
    for table in reading.tables:
        assert table.frame().columns == [*table.headings, "row", "kind"]


@FEW
@given(text=st.text(alphabet='a1,;\t|"\n\r E06[c]–.%', max_size=200))
def test_no_arrangement_of_separators_and_quotation_marks_crashes_it(tmp_path, text):
    for limits in (Limits(), replace(Limits(), grid_bytes=0)):
        for table in read([file_given(tmp_path, "a.csv", text)], limits=limits).tables:
            try:
                list(table.batches(7))
            except Exception as error:
                assert type(error).__name__ == "Unreadable", error


CELL = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Zs", "Zl", "Zp"]),
    max_size=12,
).filter(lambda cell: not cell.startswith(("#", "//")))


@FEW
@given(
    rows=st.lists(st.tuples(CELL, CELL), min_size=2, max_size=20),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_is_written_as_csv_is_read_back(tmp_path, rows, separator, encoding):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator)
    writer.writerow(["area code", "words", "more words"])
    written = [(f"E06{i:06d}", *row) for i, row in enumerate(rows)]
    writer.writerows(written)
    table = only(read_bytes(tmp_path, "a.csv", out.getvalue().encode(encoding)))
    assert values(table) == [tuple(cell or None for cell in row) for row in written]
    assert kinds(table) == [(i + 2, "data") for i in range(len(rows))]
