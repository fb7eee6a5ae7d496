"""What was meant by what was typed: a place on the map, a postcode, a code or a name."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from areas.reading import (
    LONGEST,
    POSTCODE,
    clean,
    read_point,
    repaired_postcode,
    wrong_postcode,
)


@pytest.mark.parametrize(
    "question",
    [
        "54.57, -1.23",
        "54.57 -1.23",
        "54.57,-1.23",
        "54.57; -1.23",
        "54.57N 1.23W",
        "N54.57 W1.23",
        "54.57° N, 1.23° W",
        "1.23W 54.57N",
        "lat 54.57 lon -1.23",
        "Latitude: 54.57, Longitude: -1.23",
        "54°34'12\"N 1°13'48\"W",
        "54° 34′ 12″ N, 1° 13′ 48″ W",
        "54°34.2'N, 1°13.8'W",
        "54.57, −1.23",
    ],
)
def test_a_point_is_read_however_it_is_written(question):
    point = read_point(clean(question))
    assert point is not None
    assert (point.y, point.x) == pytest.approx((54.57, -1.23))
    assert not point.problem


def test_a_point_the_other_way_round_is_turned_and_said_so():
    point = read_point("-1.23, 54.57")
    assert (point.y, point.x) == (54.57, -1.23)
    assert "the other way round" in point.remark


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("40.7, -74", "40.7, −74 is outside the United Kingdom."),
        ("54.57, 1.99999", ""),
        ("54.57, 5.5", "Was 54.57, −5.5 meant?"),
        ("91.5, 0", "not a place on Earth"),
        ("54.57, 200.0", "not a place on Earth"),
        ("54.57S, 1.23W", "−54.57, −1.23 is outside"),
        ("XA 495 205", None),
        ("JN 495 205", "outside Great Britain"),
    ],
)
def test_a_point_that_cannot_be_here_is_answered_with_a_sentence(question, said):
    point = read_point(question)
    if said is None:
        assert point is None
    else:
        assert said in point.problem
        assert bool(said) == bool(point.problem)


@pytest.mark.parametrize(
    "question",
    ["12 34", "Newcastle", "TS1 2PA", "SE11", "E06000002", "1", "5,", "54.57", "N 1", "a, b",
     "54.57N 1.23N 2.0E", "NN54.57N, W1.2", "SE1 111A"],
)  # fmt: skip
def test_what_is_not_a_point_is_left_to_the_rest(question):
    assert read_point(clean(question)) is None


@pytest.mark.parametrize(
    ("question", "x", "y"),
    [
        ("NZ 495 205", 449_550, 520_550),
        ("nz4952020500", 449_520.5, 520_500.5),
        ("TQ 3080", 530_500, 180_500),
        ("HU 47 41", 447_500, 1_141_500),
        ("SV9010", 90_500, 10_500),
        ("449500 520500", 449_500, 520_500),
    ],
)
def test_a_reference_of_the_national_grid_is_the_middle_of_its_square(question, x, y):
    point = read_point(question)
    assert (point.x, point.y) == (x, y)


@settings(deadline=None)
@given(st.floats(50, 58), st.floats(-5, 1))
def test_a_point_and_its_grid_reference_are_the_same_place(lat, lon):
    x, y = Transformer.from_crs(4326, 27700).transform(lat, lon)
    letters = "VQLFAWRMGBXSNHCYTOJDZUPKE"
    if not (0 < x < 500_000 and 0 < y < 500_000):
        return
    square = letters[int(x // 100_000) * 5 + int(y // 100_000)]
    point = read_point(f"S{square} {int(x) % 100_000:05} {int(y) % 100_000:05}")
    assert math.hypot(point.x - x, point.y - y) < 1.5


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("SW1AOAA", "SW1A0AA"), ("TSI2PA", "TS12PA"), ("TS12P0", "TS12PO"), ("TS12PA", None),
     ("TS1", None), ("HELLO", None), ("ЖЖ12PA", None)],
)  # fmt: skip
def test_letters_and_digits_mistaken_for_each_other_in_a_postcode(typed, meant):
    assert repaired_postcode(typed) == meant


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("TS12P1", True), ("TS12PAA", True), ("TS12PA", False), ("TS1", False), ("E06000002", False),
     ("MIDDLESBROUGH", False)],
)  # fmt: skip
def test_what_is_nearly_a_postcode_is_told_from_what_is_not(text, wrong):
    assert wrong_postcode(text) is wrong


@settings(deadline=None)
@given(st.text(max_size=2000))
def test_whatever_is_typed_is_read_without_fault(text):
    cleaned = clean(text)
    assert len(cleaned) <= LONGEST
    assert cleaned == clean(cleaned)
    assert "\0" not in cleaned
    point = read_point(cleaned)
    assert point is None or point.written
    repaired = repaired_postcode(cleaned.upper())
    assert repaired is None or POSTCODE.match(repaired)
