"""Tables are found among titles, footnotes and each other, whatever a publisher put around them."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from indicators.releases.reading import read
from indicators.releases.reading.layout import grid_reading, trimmed
from indicators.releases.reading.model import KINDS
from tests.indicators.reading.making import (
    codes,
    given,
    kinds,
    old_excel,
    only,
    opendocument,
    read_bytes,
    values,
    workbook,
)

PLAIN: list[list[Any]] = [
    ["Area code", "Area name", "Value"],
    ["E06000001", "Hartlepool", 12.5],
    ["E06000002", "Middlesbrough", 7],
]
ROWS = [("E06000001", "Hartlepool", "12.5"), ("E06000002", "Middlesbrough", "7")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xlsx", workbook({"Data": PLAIN})),
        ("a.ods", opendocument({"Data": PLAIN})),
        ("a.xls", old_excel(PLAIN)),
        ("any name at all", workbook({"Data": PLAIN})),
    ],
)
def test_a_plain_table_is_read_from_each_kind_of_workbook(tmp_path, name, content):
    table = only(read_bytes(tmp_path, name, content))
    assert table.headings == ("Area code", "Area name", "Value")
    assert values(table) == ROWS
    assert (table.file, table.sheet, table.first_row, table.n_rows) == (name, "Data", 2, 2)


def test_titles_stand_above_and_footnotes_below(tmp_path):
    table = only(
        read_bytes(
            tmp_path,
            "a.csv",
            "Table 1: Things by area, 2023\nSource: Office for Tests\n\n"
            "Area code,Area name,Value\nE06000001,Hartlepool,1\nE06000002,Middlesbrough,2\n\n"
            "Notes\n1. Things are counted twice.\n© Crown copyright\n",
        )
    )
    assert table.above == ("Table 1: Things by area | 2023", "Source: Office for Tests")
    assert table.below == ("Notes", "1. Things are counted twice.", "© Crown copyright")
    assert [row for row, _ in kinds(table)] == [5, 6]


def test_a_footnote_right_under_the_data_is_no_row(tmp_path):
    table = only(
        read_bytes(
            tmp_path,
            "a.csv",
            "code,name,n\nE06000001,Hartlepool,1\nE06000002,Middlesbrough,2\n"
            "Source: Office for Tests,,\n",
        )
    )
    assert (table.n_rows, table.below) == (2, ("Source: Office for Tests",))


def test_a_code_with_no_values_is_a_row_and_not_a_footnote(tmp_path):
    table = only(read_bytes(tmp_path, "a.csv", "code,name,n\nE06000001,H,1\nE06000002,,\n"))
    assert values(table)[-1] == ("E06000002", None, None)
    assert kinds(table)[-1] == (3, "data")


def test_merged_headings_of_two_rows_are_filled_along(tmp_path):
    rows = [
        ["Code", "Name", "Houses", None, "Flats", None],
        [None, None, "Count", "Share", "Count", "Share"],
        ["E06000001", "Hartlepool", 1, 0.5, 2, 0.25],
        ["E06000002", "Middlesbrough", 3, 0.5, 4, 0.75],
    ]
    book = workbook({"Data": rows}, {"Data": ["C1:D1", "E1:F1", "A1:A2", "B1:B2"]})
    for name, content in (("a.xlsx", book), ("a.ods", opendocument({"Data": rows}))):
        table = only(read_bytes(tmp_path, name, content))
        assert table.headings == (
            "Code", "Name", "Houses | Count", "Houses | Share", "Flats | Count", "Flats | Share",
        )  # fmt: skip
        assert table.levels[0] == ("Code", "Name", "Houses", "Houses", "Flats", "Flats")
        assert table.levels[1] == ("", "", "Count", "Share", "Count", "Share")
        assert table.first_row == 3


def test_three_levels_of_headings_are_joined(tmp_path):
    table = only(
        read_bytes(
            tmp_path,
            "a.csv",
            ",,2020,,2021,\n,,Males,Females,Males,Females\nCode,Name,n,n,n,n\n"
            "E06000001,Hartlepool,1,2,3,4\nE06000002,Middlesbrough,5,6,7,8\n",
        )
    )
    assert table.headings[2:] == (
        "2020 | Males | n", "2020 | Females | n", "2021 | Males | n", "2021 | Females | n",
    )  # fmt: skip


def test_line_breaks_in_headings_are_spaces_and_rows_are_still_counted_right(tmp_path):
    table = only(
        read_bytes(tmp_path, "a.csv", 'code,"Rank\n(1 is\nmost)",n\nE06000001,4,5\nE06000002,3,6\n')
    )
    assert table.headings == ("code", "Rank (1 is most)", "n")
    assert kinds(table) == [(2, "data"), (3, "data")]


def test_repeated_and_missing_headings_and_our_own_are_told_apart(tmp_path):
    table = only(
        read_bytes(
            tmp_path,
            "a.csv",
            "code,LCI,UCI,LCI,UCI,row,,LCI (2)\nE06000001,1,2,3,4,5,6,7\nE06000002,1,2,3,4,5,6,7\n",
        )
    )
    assert table.headings == (
        "code", "LCI", "UCI", "LCI (2)", "UCI (2)", "row (2)", "column 7", "LCI (2) (2)",
    )  # fmt: skip
    assert table.frame().columns == [*table.headings, "row", "kind"]


def test_blank_columns_and_a_blank_first_column_go(tmp_path):
    rows = [
        [None, "Code", None, "n"],
        [None, "E06000001", None, 1],
        [None, "E06000002", None, 2],
    ]
    table = only(read_bytes(tmp_path, "a.xlsx", workbook({"Data": [[], [], *rows]})))
    assert table.headings == ("Code", "n")
    assert kinds(table) == [(4, "data"), (5, "data")]


@pytest.mark.parametrize(
    "heading",
    [
        ["Area", "2019", "2020", "2021"],
        ["Area", 2019, 2020, 2021],
        ["Area", "2018/19", "2019/20", "2020/21"],
        ["Area", "0", "1", "2"],
        ["Area", date(2019, 1, 1), date(2020, 1, 1), date(2021, 1, 1)],
    ],
)
def test_years_and_ages_as_columns_are_headings(tmp_path, heading):
    rows = [heading, ["Hartlepool", 93, 92, 87], ["Middlesbrough", 140, 139, 130]]
    table = only(read_bytes(tmp_path, "a.xlsx", workbook({"Data": rows})))
    expected = [h.isoformat() if isinstance(h, date) else str(h) for h in heading]
    assert list(table.headings) == expected
    assert table.n_rows == 2


def test_stacked_tables_each_have_their_own_titles_headings_and_notes(tmp_path):
    block = [
        ["Population {}"],
        ["Nomis, 1 May 2024"],
        [],
        ["sex", "{}"],
        ["date", 2021],
        [],
        ["area", "0-15", "16+"],
        ["E06000001 : Hartlepool", 10, 80],
        ["E06000002 : Middlesbrough", 20, 120],
        [],
        ["In order to protect people, counts are changed a little."],
        [],
        [],
    ]
    rows = [
        [cell.format(sex) if isinstance(cell, str) else cell for cell in row]
        for sex in ("Males", "Females")
        for row in block
    ]
    reading = read_bytes(tmp_path, "a.xlsx", workbook({"Data": rows}))
    assert reading.problems == []
    first, second = reading.tables
    assert first.above == ("Population Males", "Nomis, 1 May 2024", "sex | Males", "date | 2021")
    assert second.above[2] == "sex | Females"
    assert first.below == second.below
    assert first.below[0].startswith("In order to protect")
    assert (first.first_row, second.first_row) == (8, 21)
    assert values(first) == values(second)


def test_a_wider_table_below_in_text_is_read_whole(tmp_path):
    reading = read_bytes(
        tmp_path,
        "a.csv",
        "code,n\nE06000001,1\nE06000002,2\n\n\ncode,a,b,c,d\n"
        "E06000001,1,2,3,4\nE06000002,5,6,7,8\n",
    )
    assert reading.problems == []
    assert [t.headings for t in reading.tables] == [("code", "n"), ("code", "a", "b", "c", "d")]
    assert values(reading.tables[1])[1] == ("E06000002", "5", "6", "7", "8")


def test_blank_rows_and_labels_of_sections_do_not_end_a_table(tmp_path):
    rows = [
        ["Code", "Name", "n"],
        [],
        ["E92000001", "England", 3],
        ["English regions:"],
        ["E12000001", "North East", 1],
        [],
        ["London boroughs"],
        [],
        ["E09000001", "City of London", 1],
        ["E09000002", "Barking and Dagenham", 1],
    ]
    table = only(read_bytes(tmp_path, "a.xlsx", workbook({"Data": rows})))
    assert kinds(table) == [
        (3, "data"), (4, "section"), (5, "data"), (7, "section"), (9, "data"), (10, "data"),
    ]  # fmt: skip


def test_totals_are_kept_and_marked(tmp_path):
    table = only(
        read_bytes(
            tmp_path, "a.csv", 'lsoa,pop\nE01000001,"1,954"\nE01000002,3\nGrand Total,1957\n'
        )
    )
    assert kinds(table) == [(2, "data"), (3, "data"), (4, "total")]
    assert values(table)[0] == ("E01000001", "1,954")


def test_a_column_in_which_total_is_a_category_has_no_totals(tmp_path):
    lines = [f"{sex},E0600000{i},{i}" for i in range(1, 6) for sex in ("Total", "Male", "Female")]
    table = only(read_bytes(tmp_path, "a.csv", "sex,code,n\n" + "\n".join(lines)))
    assert {kind for _, kind in kinds(table)} == {"data"}


def test_headings_that_are_repeated_further_down_are_no_rows(tmp_path):
    table = only(
        read_bytes(
            tmp_path,
            "a.csv",
            "code,name,n\nE06000001,Hartlepool,1\ncode,name,n\nE06000002,Middlesbrough,2\n",
        )
    )
    assert [row for row, _ in kinds(table)] == [2, 4]


def test_comments_are_remarks(tmp_path):
    table = only(
        read_bytes(
            tmp_path,
            "a.csv",
            "# Made by a machine, in 2023\n# Do not edit\ncode,n\nE06000001,1\n# late, very\n"
            "E06000002,2\nE06000003,3\n",
        )
    )
    assert table.headings == ("code", "n")
    assert table.above == ("# Made by a machine | in 2023", "# Do not edit")
    assert kinds(table)[1] == (5, "note")


def test_notes_covers_and_contents_are_documents(tmp_path):
    reading = read_bytes(
        tmp_path,
        "a.xlsx",
        workbook(
            {
                "Cover": [["Statistics of things"], [], ["Published in 2024"]],
                "Contents": [["Sheet", "Title"], ["1", "Things"], ["2", "Other things"]],
                "Notes": [["Note", "Text"], [1, "Rounded to five"], [2, "Not all counted"]],
                "1": PLAIN,
            }
        ),
    )
    assert [d.sheet for d in reading.documents] == ["Cover", "Contents", "Notes"]
    assert reading.documents[2].lines[1] == "1 | Rounded to five"
    assert [t.sheet for t in reading.tables] == ["1"]
    assert reading.problems == []


def test_a_table_of_words_alone_is_read_from_text(tmp_path):
    table = only(
        read_bytes(
            tmp_path, "a.csv", "Town,County,Kind\nYarm,Durham,market\nGuisborough,York,market\n"
        )
    )
    assert table.headings == ("Town", "County", "Kind")
    assert table.n_rows == 2


def test_a_list_of_postcodes_is_a_table(tmp_path):
    table = only(read_bytes(tmp_path, "a.csv", "postcode\nTS1 2AZ\nTS24 8AA\nYO1 7HH\n"))
    assert table.headings == ("postcode",)
    assert values(table)[0] == ("TS1 2AZ",)


def test_data_without_headings_get_names_and_a_warning(tmp_path):
    reading = read_bytes(tmp_path, "a.csv", "E06000001,Hartlepool,5\nE06000002,Middlesbrough,6\n")
    (table,) = reading.tables
    assert table.headings == ("column 1", "column 2", "column 3")
    assert table.n_rows == 2
    assert codes(reading) == ["no-headings"]


def test_a_first_row_of_data_that_is_missing_is_no_heading(tmp_path):
    table = only(
        read_bytes(tmp_path, "a.csv", "code,name,n\nE06000001,Hartlepool,[c]\nE06000002,M,6\n")
    )
    assert values(table)[0] == ("E06000001", "Hartlepool", "[c]")


def test_dates_are_iso_and_whole_numbers_have_no_point(tmp_path):
    rows = [
        ["code", "when", "n", "long"],
        ["E06000001", date(2023, 4, 1), 3.0, 123456789012],
        ["E06000002", date(2024, 4, 1), 2.5, 1e15],
    ]
    table = only(read_bytes(tmp_path, "a.xlsx", workbook({"Data": rows})))
    assert values(table) == [
        ("E06000001", "2023-04-01", "3", "123456789012"),
        ("E06000002", "2024-04-01", "2.5", "1000000000000000"),
    ]


def test_a_value_in_a_column_without_heading_is_pointed_at(tmp_path):
    lines = [f"E0600000{i},{i},{'' if i != 3 else 'x'}" for i in range(1, 8)]
    reading = read_bytes(tmp_path, "a.csv", "code,n,\n" + "\n".join(lines))
    (problem,) = reading.problems
    assert (problem.kind, problem.code, problem.row) == ("warning", "value-without-heading", 4)


def test_a_row_out_of_step_is_an_error(tmp_path):
    lines = [f"E0600000{i},Name {i},{i}" for i in range(1, 8)]
    lines[3] = "E06000004,King, Queen,4"
    reading = read_bytes(tmp_path, "a.csv", "code,name,n\n" + "\n".join(lines))
    (problem,) = reading.problems
    assert (problem.kind, problem.code, problem.row) == ("error", "ragged-row", 5)


def test_percentiles_over_their_columns_are_a_level_of_the_headings(tmp_path):
    rows = [
        ["Table 8.1a   Weekly pay - Gross (£) - For all employee jobs: United Kingdom, 2023"],
        [],
        [None, None, "Number of jobs", None, "Percentiles"],
        ["Description", "Code", "(thousand)", "Median", 10, 20, 25],
        ["United Kingdom", "K02000001", "26,000", 574.9, 191.3, 306.5, 351.1],
        ["Darlington", "E06000005", "45", "x", 180.2, "..", 340],
        [],
        [],
        ["a", "Employees on adult rates."],
        ["Key", "Statistical robustness"],
    ]
    table = only(read_bytes(tmp_path, "a.xlsx", workbook({"All": rows})))
    assert table.headings == (
        "Description", "Code", "Number of jobs | (thousand)", "Number of jobs | Median",
        "Percentiles | 10", "Percentiles | 20", "Percentiles | 25",
    )  # fmt: skip
    assert table.n_rows == 2
    assert table.below == ("a | Employees on adult rates.", "Key | Statistical robustness")


def test_years_over_a_blank_corner_are_headings(tmp_path):
    rows = [[None, 2019, 2020], ["Hartlepool", 1950, 1960], ["Middlesbrough", 2001, 2002]]
    table = only(read_bytes(tmp_path, "a.xlsx", workbook({"S": rows})))
    assert table.headings == ("column 1", "2019", "2020")


def test_numbered_notes_below_are_no_table(tmp_path):
    rows = [*PLAIN, [], [1, "Rounded."], [2, "Not all areas answered."]]
    table = only(read_bytes(tmp_path, "a.xlsx", workbook({"S": rows})))
    assert table.below == ("1 | Rounded.", "2 | Not all areas answered.")


def test_tables_side_by_side_are_two(tmp_path):
    rows = [
        ["Highest", None, None, None, "Lowest"],
        ["Code", "Name", "n", None, "Code", "Name", "n"],
        ["E06000001", "Hartlepool", 9, None, "E06000002", "Middlesbrough", 1],
        ["E06000003", "Redcar", 8, None, "E06000004", "Stockton", 2],
        ["E06000005", "Darlington", 7],
    ]
    reading = read_bytes(tmp_path, "a.xlsx", workbook({"S": rows}))
    assert reading.problems == []
    first, second = reading.tables
    assert first.headings == ("Highest | Code", "Highest | Name", "Highest | n")
    assert values(second) == [("E06000002", "Middlesbrough", "1"), ("E06000004", "Stockton", "2")]
    assert first.n_rows == 3


def test_a_title_with_commas_or_a_link_beside_it_is_no_heading(tmp_path):
    text = "Population, by age, sex, and area, 2023\ncode,name,n\nE06000001,Hartlepool,1\n"
    table = only(read_bytes(tmp_path, "a.csv", text))
    assert table.headings == ("code", "name", "n")
    rows = [
        ["Table 3: Things that were counted in every area of the country", None, None, "Back"],
        ["Code", "Name", "n", "m"],
        ["E06000001", "Hartlepool", 1, 2],
        ["E06000002", "Middlesbrough", 3, 4],
    ]
    table = only(read_bytes(tmp_path, "a.xlsx", workbook({"S": rows})))
    assert table.headings == ("Code", "Name", "n", "m")
    assert table.above == ("Table 3: Things that were counted in every area of the country | Back",)


def test_a_query_saved_from_nomis_as_text(tmp_path):
    text = (
        '"annual population survey"\n"ONS Crown Copyright Reserved [from Nomis on 1 May 2024]"\n'
        '"date","Jan 2023-Dec 2023"\n"variable","Employment rate - aged 16-64"\n\n'
        '"local authority: district / unitary","mnemonic","numerator","denominator","percent",'
        '"conf"\n"Darlington","E06000005",52000,63000,82.1,4.2\n'
        '"Hartlepool","E06000001",38000,56000,"!","!"\n\n"! Estimate is not available."\n'
    )
    table = only(read_bytes(tmp_path, "a.csv", text))
    assert table.above[-1] == "variable | Employment rate - aged 16-64"
    assert table.below == ("! Estimate is not available.",)
    assert values(table)[1] == ("Hartlepool", "E06000001", "38000", "56000", "!", "!")


def test_a_table_saved_from_stat_xplore_as_text(tmp_path):
    text = (
        '"Households on Universal Credit"\n"Counting: Households on Universal Credit"\n\n'
        '"Filters:"\n"Default Summation","Households on Universal Credit"\n\n'
        '"Month","Nov-23","Dec-23"\n"National - Regional - LA - OAs"\n'
        '"Darlington",8123,"8,150"\n"Hartlepool",9001,".."\n"Total",17124,17160\n\n'
        '"INFO","Cells have been randomly adjusted"\n'
    )
    table = only(read_bytes(tmp_path, "a.csv", text))
    assert table.headings == ("Month", "Nov-23", "Dec-23")
    assert [kind for _, kind in kinds(table)][-3:] == ["data", "data", "total"]
    assert table.below[-1] == "INFO | Cells have been randomly adjusted"


CELLS = st.sampled_from(
    ["E06000001", "E06000002", "Total", "12", "3.5", "[c]", "2019", "Note", "a name", "#x", None]
) | st.text(alphabet="aZ 09\u00e9-", max_size=6)


@settings(max_examples=200, deadline=None)
@drawn(
    rows=st.integers(1, 6).flatmap(
        lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=30)
    ),
    text=st.booleans(),
)
def test_no_arrangement_of_cells_crashes_and_rows_are_those_of_the_sheet(rows, text):
    width = max(map(len, rows), default=1)
    grid = trimmed(
        pl.DataFrame(
            {f"c{i}": pl.Series([r[i] for r in rows], dtype=pl.String) for i in range(width)}
        )
    )
    reading = grid_reading(grid, "a", "S", text=text)
    for table in reading.tables:
        frame = table.frame()
        assert frame.columns == [*table.headings, "row", "kind"]
        assert set(frame["kind"]) <= set(KINDS)
        assert table.first_row == frame["row"][0]
        assert frame["row"].is_sorted()
        assert all(len(level) == len(table.headings) for level in table.levels)
        for row in frame.select(*table.headings, "row").rows():
            held = [cell for cell in row[:-1] if cell is not None]
            source = [cell for cell in grid.row(row[-1] - 1) if cell is not None]
            # In order, and nothing that is not there.
            left = iter(source)
            assert all(cell in left for cell in held)
    assert reading.tables or reading.documents or grid.drop_nulls().is_empty() or reading.problems


def test_several_files_are_read_together_and_a_broken_one_does_not_stop_the_rest(tmp_path):
    paths = [
        given(tmp_path, "one", "code,n\nE06000001,1\n"),
        given(tmp_path, "two", b""),
        given(tmp_path, "three", "code,n\nE06000002,1\n"),
    ]
    reading = read(paths, names=["a.csv", "b.csv", "c.csv"])
    assert [t.file for t in reading.tables] == ["a.csv", "c.csv"]
    assert codes(reading) == ["empty-file"]
    assert "b.csv" in reading.problems[0].sentence


def test_what_was_unpacked_goes_with_the_reading(tmp_path):
    reading = read_bytes(tmp_path, "a.csv", "code,n\nE06000001,1\n")
    folder = Path(reading.folder.name)
    assert folder.is_dir()
    del reading
    assert not folder.exists()
