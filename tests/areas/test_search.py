"""One box finds a place by its name, its code or its postcode."""

import pytest

from areas.search import search
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, WARDS

pytestmark = pytest.mark.django_db


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
    assert found.note == "ended on 1 April 2019"
    assert codes("Old")[:2] == ["E07000901", "E07000902"]


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


@pytest.mark.parametrize(
    "question",
    ["", "   ", "%", "_", "\\", "'; DROP TABLE areas_area; --", "x" * 5000, "0", "...", "-"],
)
def test_strange_questions_find_nothing_and_break_nothing(question):
    assert search(question).found == []


def test_search_takes_few_queries(django_assert_max_num_queries):
    for question in ("Ashby", "AB1", "AB1 1AA", COUNCILS[0]):
        with django_assert_max_num_queries(6):
            search(question)
