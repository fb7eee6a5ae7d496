"""Columns of numbers: what is read, what is a marker, and what is neither."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.releases.reading.numbers import parse_numbers


def one(cell: str | None) -> tuple[float | None, str, bool, bool]:
    return tuple(series[0] for series in parse_numbers(pl.Series([cell], dtype=pl.String)))


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1,234.5", 1234.5), ("1 234", 1234), ("1\u202f234\u202f567", 1234567), ("1'234", 1234),
        ("12", 12), ("007", 7), (" 5.10 ", 5.1), (".5", 0.5), ("5.", 5), ("+3", 3), ("(12)", -12),
        ("(£1,200)", -1200), ("£1,200", 1200), ("-£3", -3), ("£-3", -3), ("€ 4", 4),
        ("1.2e5", 120_000),
        ("1E-3", 0.001), ("−5", -5), ("–5.2", -5.2), ("0", 0), ("(0)", 0),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(cell, value):
    assert one(cell) == (value, "", False, False)


@pytest.mark.parametrize(("cell", "value"), [("12%", 12), ("95.5 %", 95.5), ("(3%)", -3)])
def test_a_percent_sign_is_told_and_does_not_change_the_number(cell, value):
    assert one(cell) == (value, "", False, True)


@pytest.mark.parametrize(
    ("cell", "marker"),
    [
        ("[c]", "c"), ("c", "c"), ("C", "c"), ("[x]", "x"), ("z", "z"), ("low", "low"),
        ("k", "low"),
        ("[w]", "w"), ("..", ".."), (":", ":"), ("*", "*"), ("-", "-"), ("–", "–"), ("~", "~"),
        ("<5", "<5"), ("n/a", "n/a"), ("#N/A", "n/a"), ("Suppressed", "c"), ("not applicable", "z"),
        ("[note 3]", "note 3"), ("!", "!"), ("#", "#"),
    ],
)  # fmt: skip
def test_markers_alone(cell, marker):
    assert one(cell) == (None, marker, False, False)


@pytest.mark.parametrize(
    ("cell", "value", "marker"),
    [
        ("12.3 [u]", 12.3, "u"), ("12.3[u]", 12.3, "u"), ("45 p", 45, "p"), ("1,234r", 1234, "r"),
        ("7*", 7, "*"), ("5e", 5, "e"), ("3 [note 3]", 3, "note 3"), ("12% [p]", 12, "p"),
    ],
)  # fmt: skip
def test_markers_after_a_value(cell, value, marker):
    assert one(cell)[:3] == (value, marker, False)


@pytest.mark.parametrize(
    "cell",
    [
        "NaN", "nan", "inf", "-inf", "Infinity", "1e999", "-1e999", "1,23", "1,2345", "1,234 567",
        "12k", "1.2.3", "abc", "1_000", "0x10", "٣", "=1+1", "#DIV/0!", "()", "(-5)", "12 (3)",
        "1/2", "2020-01-01", "[c", "--5", "+", "e5", "½", "TRUE",
    ],
)  # fmt: skip
def test_what_is_neither_is_a_problem(cell):
    assert one(cell)[:3] == (None, "", True)


@pytest.mark.parametrize("cell", [None, "", "  ", "\u00a0"])
def test_blank_is_missing_and_no_problem(cell):
    assert one(cell) == (None, "", False, False)


def test_decimal_commas_are_read_only_when_asked_for():
    cells = pl.Series(["1.234,5", "3,5", "12", "1.000.000", "1.5"])
    assert parse_numbers(cells, decimal_comma=True).values.to_list() == [
        1234.5, 3.5, 12, 1_000_000, None,
    ]  # fmt: skip
    assert parse_numbers(cells).values.to_list() == [None, None, 12, None, 1.5]


def test_no_rows_give_no_rows():
    assert [len(s) for s in parse_numbers(pl.Series([], dtype=pl.String))] == [0, 0, 0, 0]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_floats_come_back_as_they_went(numbers):
    texts = pl.Series([repr(number) for number in numbers])
    assert parse_numbers(texts).values.to_list() == numbers


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-(10**14), 10**14), min_size=1, max_size=30), st.sampled_from(", '"))
def test_grouped_whole_numbers_come_back(numbers, mark):
    texts = pl.Series([f"{number:,}".replace(",", mark) for number in numbers])
    assert parse_numbers(texts).values.to_list() == numbers


PRINTED = st.characters(exclude_categories=["Cc", "Cs"])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.text(PRINTED, max_size=12),
            st.text(alphabet="0123456789.,-+()%£[]eEcx <", max_size=8),
        ),
        max_size=40,
    )
)
def test_every_cell_is_a_value_a_marker_a_problem_or_blank(cells):
    read = parse_numbers(pl.Series(cells, dtype=pl.String))
    for cell, value, marker, problem, percent in zip(cells, *read, strict=True):
        assert value is None or math.isfinite(value)
        assert problem is (value is None and marker == "" and bool((cell or "").strip()))
        assert value is not None or not percent
