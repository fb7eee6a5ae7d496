"""One box finds a place by its name, its code or its postcode."""

from collections import Counter
from datetime import date

import polars as pl
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from areas.importing import load
from areas.models import Area, Edition, Postcode
from areas.search import search, slips_between
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, START, WARDS, square

pytestmark = pytest.mark.django_db


def add(code: str, name: str, kind: str, ended: date | None = None) -> None:
    Area.objects.create(code=code, name=name, area_type_id=kind, valid_from=START, valid_to=ended)


def codes(question: str) -> list[str]:
    return [found.area.code for found in search(question).found]


@pytest.mark.parametrize("question", ["Ashby", "ashby", " ASHBY ", "ash", "Ashby,"])
def test_a_name_or_its_beginning_finds_the_council_before_what_is_inside_it(question):
    found = codes(question)
    assert found[0] == COUNCILS[0]
    assert found.index(WARDS[0]) < found.index(NEIGHBOURHOODS[0])


def test_a_whole_name_comes_first():
    assert codes("Ashby Upper")[0] == WARDS[0]


def test_a_later_word_of_a_name_finds_it_too():
    assert set(codes("Lower")) == {WARDS[1], WARDS[3], WARDS[5], WARDS[7]}


def test_a_welsh_or_gaelic_name_finds_it():
    assert codes("an dail")[0] == COUNCILS[3]


def test_a_code_or_its_beginning_finds_the_area():
    assert codes(COUNCILS[2].lower()) == [COUNCILS[2]]
    assert codes("S0100") == list(NEIGHBOURHOODS[12:])


def test_an_ended_code_is_found_and_says_so():
    (found,) = search("E07000901").found
    assert found.note == "ended on 1 April 2019, followed by Cedar"
    (other,) = search("e0700 0902").found
    assert other.note == "ended on 1 April 2019, followed by Ashby and Birch"
    assert codes("Old")[:2] == ["E07000901", "E07000902"]


def test_an_ended_area_says_since_when_where_that_is_known():
    Area.objects.filter(code="E07000901").update(valid_from=date(2015, 5, 7))
    (found,) = search("Old Cedar").found
    assert found.note == "from 7 May 2015 to 1 April 2019, followed by Cedar"


def test_places_that_last_come_before_ended_ones_of_the_same_name():
    Area.objects.filter(code="E07000901").update(name="Cedar")
    add("E05000999", "Cedar", "ward", ended=date(2020, 1, 1))
    found = codes("Cedar")
    assert found[:2] == [COUNCILS[2], "E07000901"]
    assert found[-1] == "E05000999", "an ended ward is last, whatever its name"


def test_a_code_that_nobody_has_is_said_to_be_so():
    assert "has or had the code E06999999" in search("E06999999").message


@pytest.mark.parametrize("question", ["AB1 1AA", "ab11aa", "A B 1 1 A A"])
def test_a_postcode_finds_what_holds_it_from_the_smallest(question):
    assert codes(question) == [NEIGHBOURHOODS[0], WARDS[0], COUNCILS[0]]
    assert search(question).found[0].note == "holds AB1 1AA"


def test_the_beginning_of_a_postcode_finds_its_wards():
    assert codes("AB1") == [WARDS[0], WARDS[2]]
    assert [f.note for f in search("AB1").found] == [
        "2 postcodes begin AB1",
        "1 postcode begins AB1",
    ]


def test_a_postcode_that_is_not_held_is_answered_with_a_sentence():
    assert "ZE9 9ZZ is not held here" in search("ZE9 9ZZ").message
    assert "Northern Ireland" in search("BT1 1AA").message


def test_a_result_says_where_it_is():
    by_code = {f.area.code: f.parent for f in search("Ashby").found}
    assert by_code[WARDS[0]] == "Ashby"
    assert by_code[COUNCILS[0]] == "North"


# Names in part, in other words, misspelt


def test_numbered_names_are_found_in_welsh_and_as_many_as_are_counted():
    Area.objects.filter(code=COUNCILS[0]).update(name_cy="Onnen")
    Area.objects.filter(code=NEIGHBOURHOODS[0]).update(name_cy="Onnen 001A")
    Area.objects.filter(code=NEIGHBOURHOODS[1]).update(name_cy="Ynys Onnen 001B")
    Area.objects.filter(code=NEIGHBOURHOODS[2]).update(name_cy="Onnen 001C", valid_to="2020-01-01")
    wanted = [COUNCILS[0], *NEIGHBOURHOODS[:3]]
    assert codes("onnen") == codes("Onnen") == wanted
    assert codes("Onnen 001") == list(NEIGHBOURHOODS[:3])
    for question in ("Onnen", "onn", "Ashby", "Onnen 001", "Upper", "Birch"):
        answer = search(question, 1000, counting=True)
        of_kind = Counter(f.area.area_type_id for f in answer.found)
        assert {c.kind: c.n for c in answer.counts} == of_kind
    assert [f.area.code for f in search("onnen", kind="lsoa").found] == list(NEIGHBOURHOODS[:3])


def test_a_council_with_the_very_word_comes_before_wards_that_only_begin_so():
    add("E06000999", "Kingston upon Mull", "authority")
    add("E05000998", "Mullion", "ward")
    assert codes("mull") == ["E06000999", "E05000998"]


def test_words_are_found_in_any_order():
    assert codes("upper ashby") == [WARDS[0]]


def test_a_place_is_found_in_the_place_that_holds_it():
    assert codes("Ashby Upper, Ashby") == [WARDS[0]]
    assert codes("Lower, Cedar") == [WARDS[5]]
    assert codes("Upper, Nowhere") == []
    assert set(codes("Ashby 001, Ashby")) == {NEIGHBOURHOODS[0]}


def test_a_ward_is_found_in_the_country_of_its_authority():
    assert codes("Dale Upper, Scotland") == [WARDS[6]]
    assert codes("Upper, England") == [WARDS[0], WARDS[2], WARDS[4]]
    assert codes("Dale 001, Scotland") == [NEIGHBOURHOODS[12]]
    assert WARDS[6] not in codes("Upper, South")


def test_names_that_areas_had_in_law_lead_to_them():
    add("S12000013", "Na h-Eileanan Siar", "authority")
    add("N09000005", "Derry City and Strabane", "authority")
    assert codes("Western Isles") == ["S12000013"]
    assert codes("londonderry") == ["N09000005"]
    add("E07000999", "West Ash", "authority")
    assert codes("west") == ["E07000999", "S12000013"]


@pytest.mark.parametrize(
    ("question", "name", "name_cy"),
    [
        ("Middlesboro", "Middlesbrough", ""),
        ("Edinborough", "City of Edinburgh", ""),
        ("Caredydd", "Cardiff", "Caerdydd"),
    ],
)
def test_a_borough_however_it_is_written_and_a_welsh_name_misspelt(question, name, name_cy):
    # More of these are alike, letter for letter, than are looked at one by one.
    Area.objects.bulk_create(
        Area(code=f"E05009{i:03}", name=f"{first}borough", area_type_id="ward", valid_from=START)
        for i, first in enumerate(f"{a}{b}n{c}" for a in "BDGHL" for b in "aeiou" for c in "bdt")
    )
    add("E06000997", name, "authority")
    Area.objects.filter(code="E06000997").update(name_cy=name_cy)
    answer = search(question)
    assert answer.guess
    assert answer.found[0].area.code == "E06000997"


def test_and_is_written_as_one_likes_and_saint_too():
    add("E06000998", "Rust and Oak", "authority")
    add("E05000997", "St. Ives & Sea", "ward")
    assert codes("rust & oak") == codes("Rust and Oak") == ["E06000998"]
    assert codes("Saint Ives and Sea") == ["E05000997"]


def test_a_name_that_was_given_up_leads_to_the_place():
    add("E07000112", "Folkestone and Hythe", "authority")
    assert codes("Shepway") == ["E07000112"]


@pytest.mark.parametrize(
    ("question", "code"),
    [("Aishby", COUNCILS[0]), ("Asbhy", COUNCILS[0]), ("Cedr", COUNCILS[2]),
     ("Ashby Uper", WARDS[0]), ("Brich Lower", WARDS[3])],
)  # fmt: skip
def test_a_misspelt_name_is_guessed_and_said_to_be_a_guess(question, code):
    answer = search(question)
    assert answer.guess
    assert answer.found[0].area.code == code
    assert answer.message == f"No place is called “{question}”; showing names like it."


def test_a_name_that_is_there_is_not_guessed_at():
    assert not search("Ashby").guess
    assert search("Ashby").message == ""


@settings(deadline=None)
@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_slips_are_counted_as_the_textbook_counts_them(one, other):
    assert slips_between(one, other) == slow_slips(one, other)


def slow_slips(one: str, other: str) -> int:
    """Damerau's distance without a second change to a pair, by its definition."""
    if not one or not other:
        return len(one) + len(other)
    found = [
        slow_slips(one[:-1], other) + 1,
        slow_slips(one, other[:-1]) + 1,
        slow_slips(one[:-1], other[:-1]) + (one[-1] != other[-1]),
    ]
    if len(one) > 1 and len(other) > 1 and one[-1] == other[-2] and one[-2] == other[-1]:
        found.append(slow_slips(one[:-2], other[:-2]) + 1)
    return min(found)


# Postcodes


def test_an_ended_postcode_says_when_it_ended():
    Postcode.objects.filter(pk="AB11AB").update(ended=date(2019, 5, 1))
    answer = search("AB1 1AB")
    assert answer.message == "The postcode AB1 1AB ended in May 2019. These areas held it."
    assert answer.found[0].note == "held AB1 1AB"
    assert [f.note for f in search("AB1").found] == ["1 postcode begins AB1"] * 2


def test_an_outward_code_is_not_the_beginning_of_a_longer_one():
    Postcode.objects.create(postcode="AB109ZZ", ward=Area.objects.get(code=WARDS[5]))
    assert codes("AB1") == [WARDS[0], WARDS[2]]
    assert codes("AB10") == [WARDS[5]]
    assert codes("AB1 1") == [WARDS[0]]


def test_wards_of_a_postcode_are_counted_beyond_those_on_the_page():
    Postcode.objects.create(postcode="AB19ZZ", ward=Area.objects.get(code=WARDS[5]))
    answer = search("AB1", limit=1, counting=True)
    assert [(c.kind, c.n) for c in answer.counts] == [("ward", 3)]
    assert (len(answer.found), answer.more) == (1, True)


def test_a_letter_taken_for_a_digit_is_mended():
    answer = search("ABl IAA")
    assert answer.message == "Read as the postcode AB1 1AA."
    assert answer.found[0].area.code == NEIGHBOURHOODS[0]


def test_a_malformed_postcode_is_said_to_be_so():
    assert "“AB1 1A1” is not in the form of a postcode" in search("AB1 1A1").message


# Places on the map


@pytest.mark.parametrize("question", ["400500 500500", "NZ 005 005", "NZ0050000500"])
def test_a_point_finds_what_is_around_it_from_the_smallest(question):
    found = codes(question)
    assert found[:3] == [NEIGHBOURHOODS[0], WARDS[0], COUNCILS[0]]
    assert found[3:] == ["E12000901", "E92000001", "K03000001", "K02000001"]
    assert search(question).found[0].note.startswith("contains ")


def test_degrees_find_the_same_places_as_metres():
    x, y = 402_500, 498_500
    lat, lon = Transformer.from_crs(27700, 4326).transform(x, y)
    assert codes(f"{lat:.5f}, {lon:.5f}") == codes(f"{x} {y}")
    assert codes(f"{lon:.5f} {lat:.5f}") == codes(f"{x} {y}")
    assert codes(f"{x} {y}")[0] == NEIGHBOURHOODS[10]


def test_the_newest_outlines_count():
    new = Edition.objects.create(
        slug="ward-new", name="New wards", area_type_id="ward", date=date(2030, 1, 1)
    )
    load.load_members(new, pl.Series([WARDS[7]]))
    load.load_boundaries(new, pl.Series([WARDS[7]]), pl.Series([shapely.to_wkb(square(0, 0))]))
    assert codes("400500 500500")[1] == WARDS[7]


def test_a_point_in_the_sea_or_abroad_is_answered_with_a_sentence():
    assert "is in the sea" in search("54.0, -8.0").message
    assert "outside the United Kingdom" in search("48.85, 2.35").message


# All of them, a page at a time


def test_answers_are_counted_by_type_and_narrowed_to_one():
    answer = search("Ashby", counting=True)
    assert [(c.kind, c.name, c.n) for c in answer.counts] == [
        ("authority", "local authority", 1),
        ("ward", "wards", 2),
        ("lsoa", "neighbourhoods", 4),
    ]
    assert len(answer.found) == 7
    wards = search("Ashby", kind="ward")
    assert [f.area.code for f in wards.found] == [WARDS[1], WARDS[0]]
    assert [f.area.code for f in search("AB1 1AA", kind="authority").found] == [COUNCILS[0]]


@pytest.mark.parametrize("question", ["Ashby", "S0100", "a", "lower"])
def test_pages_make_up_the_whole_and_nothing_twice(question):
    whole = codes(question)
    paged: list[str] = []
    start, more = 0, True
    while more:
        answer = search(question, 2, start=start)
        paged += [f.area.code for f in answer.found]
        start, more = start + 2, answer.more
    assert paged[: len(whole)] == whole
    assert len(paged) == len(set(paged))


# Whatever is typed

STRANGE = [
    "", "   ", "%", "_", "\\", "'; DROP TABLE areas_area; --", "x" * 10_000, "0", "...", "-",
    "😀🏴󠁧󠁢󠁳󠁣󠁴󠁿", "\u202eyhsA", "%_%_%", "(.*)+$", "[a-z", "{", "\0", "a\0b" * 50, "1" * 500,
    "'" * 99, "\ud800", "ŁÉ" * 400, "null", "None", "<script>", "${7*7}", "%s", "%(limit)s",
    ",,,,", "{named}", "É,É", "1,1,1", "NZ" + "9" * 40, "°'\"N", " ".join("abcdefghij"),
    "-" * 120, "9" * 30 + "." + "9, 1",
]  # fmt: skip


@pytest.mark.parametrize("question", STRANGE)
def test_strange_questions_find_nothing_and_break_nothing(question):
    before = Area.objects.count()
    answer = search(question, counting=True)
    assert answer.found == []
    assert Area.objects.count() == before


@given(question=st.text(max_size=150))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_is_answered(db, question):
    answer = search(question, 5, counting=True)
    assert len(answer.found) <= 5
    assert isinstance(answer.message, str)


def test_search_takes_few_queries(django_assert_max_num_queries):
    for question, most in {
        "Ashby": 4, "AB1": 5, "AB1 1AA": 4, COUNCILS[0]: 3, "Aishby": 6, "400500 500500": 6,
        "zzzz": 5,
    }.items():  # fmt: skip
        with django_assert_max_num_queries(most):
            search(question, 8)
