"""What is wrong in rows, found and said."""

import time
from datetime import date

import polars as pl
import pytest

from indicators.releases.checks import check, grouped
from indicators.releases.problems import SCHEMA
from indicators.releases.recognising import Definition, Mapping
from indicators.releases.recognising.applying import COLUMNS
from tests.indicators.recognising.small import SMALL, country

KNOWN = country()
KINDS = Mapping(
    definitions=[
        Definition("new:share", "Share", "%", 1, 100.0, "ratio"),
        Definition("new:people", "People", "", 0, 1.0, "sum"),
        Definition("new:score", "Score", "score", 2, 1.0, "none"),
    ]
)
EDITIONS = {"E05": "ward-2025", "E06": "authority-2025", "E12": "region-2025", "E01": "lsoa-2011"}


def frame(*rows: dict) -> pl.DataFrame:
    """Return rows in the form that checks take, with what is not said filled in."""
    full = []
    for number, row in enumerate(rows, 2):
        code = row.get("code", "E06000001")
        full.append(
            {**dict.fromkeys(COLUMNS), "indicator": "new:score", "breakdown": "", "code": code,
             "edition": EDITIONS.get(code[:3], ""), "period": "2020-01-01/P1Y", "value": 1.0,
             "marker": "", "file": "f.csv", "sheet": "", "row": number, "given": code} | row
        )  # fmt: skip
    return pl.DataFrame(full, schema=COLUMNS)


def codes(*rows: dict, live=None) -> set[tuple[str, str, int | None]]:
    """Return the kind, code and row of what is found, areas missing aside."""
    found = check(frame(*rows), KNOWN, mapping=KINDS, live=live, today=date(2026, 1, 1))
    assert dict(found.schema) == SCHEMA
    assert found["sentence"].str.ends_with(".").all()
    kept = found.filter(pl.col("code") != "areas-missing")
    return set(kept.select("kind", "code", "row").rows())


def test_rows_without_fault_have_no_problem():
    assert codes({}, {"code": "E06000002", "value": 2.0}) == set()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"code": "E06009999", "edition": ""}, ("error", "unknown-code")),
        ({"code": "TLC31", "edition": ""}, ("warning", "kind-not-held")),
        ({"code": "9E+06", "edition": ""}, ("error", "code-as-number")),
        ({"code": "E99999999", "edition": ""}, ("warning", "kind-not-held")),
        ({"edition": "", "code": "E06000009"}, ("warning", "in-no-edition")),
        ({"given": "e06000001"}, ("warning", "code-in-small-letters")),
        ({"code": "E06000009", "edition": "authority-2019", "period": "2021-01-01/P1Y"},
         ("warning", "ended-code")),
        ({"period": "2015-01-01/P1Y"}, ("warning", "code-of-later")),
        ({"period": "2040-01-01/P1Y"}, ("warning", "future-period")),
        ({"period": ""}, ("error", "no-period")),
        ({"name_given": "Brigham"}, ("warning", "name-disagrees")),
        ({"indicator": "new:share", "value": 101.0}, ("error", "percent-beyond")),
        ({"indicator": "new:share", "value": -1.0}, ("error", "percent-beyond")),
        ({"indicator": "new:people", "value": -1.0}, ("error", "count-below-zero")),
        ({"value": float("inf")}, ("error", "endless-number")),
        ({"value": float("nan")}, ("error", "endless-number")),
        ({"lower": 2.0, "upper": 3.0}, ("error", "limits-apart")),
        ({"lower": 0.0, "upper": 0.5}, ("error", "limits-apart")),
        ({"indicator": "new:share", "value": 50.0, "numerator": 30.0, "denominator": 100.0},
         ("warning", "parts-disagree")),
    ],
)  # fmt: skip
def test_each_fault_is_found_in_its_row(row, expected):
    assert codes({"code": "E06000003"}, row) == {(*expected, 3)}


def test_few_unknown_codes_are_left_out_and_many_are_an_error():
    sound = [{"code": code} for code in (*SMALL[:5], "E06000001", "E06000002", "E06000003",
             "E12000001", "E12000002")]  # fmt: skip
    few = {"code": "E06009999", "edition": "", "name_given": "Elham"}
    assert codes(*sound, few) == {("warning", "unknown-code", 12)}
    assert codes(*sound, few, {**few, "code": "E06009998"}) == {
        ("error", "unknown-code", 12), ("error", "unknown-code", 13),
    }  # fmt: skip


def test_a_code_that_is_not_of_the_edition_it_is_said_to_be_of_is_an_error():
    sound = [{"code": code} for code in (*SMALL, "E06000001", "E06000002",
             "E06000003", "E12000001", "E12000002")]  # fmt: skip
    wrong = {"code": "E06009999", "edition": "authority-2025"}
    assert codes(*sound, wrong) == {("error", "unknown-code", 13)}


def test_a_code_that_a_spreadsheet_made_a_number_of_is_left_out_with_a_word():
    sound = [{"code": code} for code in (*SMALL, "E06000001", "E06000002", "E06000003",
             "E12000001", "E12000002")]  # fmt: skip
    assert codes(*sound, {"code": "9.00E+06", "edition": ""}) == {("warning", "code-as-number", 13)}


def test_years_and_ranges_that_a_spreadsheet_made_dates_of_are_found():
    town = {"code": "E06000002"}
    november, december = {**town, "period": "2010-11-01/P1M"}, {**town, "period": "2010-12-01/P1M"}
    year = {**town, "period": "2012-04-01/P1Y"}
    assert codes(november, year) == {("error", "year-as-month", 2)}
    assert codes(november, december, year) == set()
    assert codes(november) == set()
    october, later = {**town, "breakdown": "age=oct-14"}, {**town, "breakdown": "age=15-19"}
    assert codes(october, later) == {("error", "range-as-date", 2)}
    assert codes({**town, "breakdown": "month=oct-14"}, later) == set()


def test_limits_and_parts_that_agree_within_rounding_are_no_fault():
    assert codes(
        {"indicator": "new:share", "value": 33.3, "numerator": 1.0, "denominator": 3.0,
         "lower": 30.1, "upper": 36.0},
    ) == set()  # fmt: skip


def test_another_spelling_of_a_name_is_no_fault():
    assert codes({"name_given": "Aldton Council"}, {"code": "W06000001", "edition":
                 "authority-2025", "name_given": "Y Drefach"}) == set()  # fmt: skip


def test_repeated_rows_are_told_from_conflicting_ones():
    assert codes({}, {}, {"code": "E06000002"}, {"code": "E06000002", "value": 9.0}) == {
        ("warning", "repeated-rows", 3),
        ("error", "conflicting-rows", 5),
    }


def test_areas_missing_from_an_edition_are_counted_by_nation():
    found = check(frame({}, {"code": "E06000002"}), KNOWN, mapping=KINDS, today=date(2026, 1, 1))
    assert found["code"].to_list() == ["areas-missing"]
    assert "1 of the 3 areas of authority-2025" in found["sentence"][0]


def test_parts_that_do_not_add_up_to_their_parent_are_found():
    people = {"indicator": "new:people"}
    parts = [{**people, "code": "E06000001", "value": 100.0},
             {**people, "code": "E06000002", "value": 200.0}]  # fmt: skip
    assert codes(*parts, {**people, "code": "E12000001", "value": 303.0}) == set()
    assert codes(*parts, {**people, "code": "E12000001", "value": 400.0}) == {
        ("warning", "total-disagrees", 4)
    }


def test_jumps_beyond_the_usual_are_found_and_a_general_rise_is_none():
    codes_of = [f"E0{n}" for n in range(1000, 1030)]
    base = {"edition": "lsoa-2011"}
    live = frame(*({**base, "code": c, "value": 100.0 + n} for n, c in enumerate(codes_of)))
    new = [{**base, "code": c, "value": 120.0 + n + n % 3, "period": "2021-01-01/P1Y"}
           for n, c in enumerate(codes_of)]  # fmt: skip
    new[7]["value"] = 900.0
    found = check(frame(*new), KNOWN, mapping=KINDS, live=live, today=date(2026, 1, 1))
    assert found.filter(pl.col("code") == "jump")["row"].to_list() == [9]


def test_nothing_left_is_an_error():
    assert check(frame(), KNOWN)["code"].to_list() == ["no-rows"]


def test_ten_thousand_problems_are_one_group_and_quick():
    many = frame(*({"value": float("inf"), "code": SMALL[n % 6], "breakdown": str(n)}
                   for n in range(10_000)))  # fmt: skip
    begun = time.perf_counter()
    found = check(many, KNOWN, mapping=KINDS, today=date(2026, 1, 1))
    groups = grouped(found)
    assert time.perf_counter() - begun < 5
    endless = next(g for g in groups if g.code == "endless-number")
    assert endless.count == 10_000
    assert len(endless.examples) == 5
    assert found.filter(pl.col("code") == "endless-number").height == 10_000
    assert groups[0].kind == "error"
