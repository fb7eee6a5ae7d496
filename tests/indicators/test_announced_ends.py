"""A code whose end is announced lasts until that day, on every page and in every list."""

from datetime import date

import pytest

from areas.groups import read_pasted
from areas.hierarchy import successors
from areas.models import Area, AreaChange
from areas.search import search
from tests.conftest import shares
from tests.tiny_uk import COUNCILS

pytestmark = pytest.mark.django_db
END = date(2099, 4, 1)
HERE = f"/areas/{COUNCILS[0]}/"


@pytest.fixture
def announced(make_indicator, put_live):
    """Ashby is to become New Ashby on a day far off, as orders of Parliament say beforehand."""
    make_indicator()
    put_live(shares([float(n) for n in range(1, 17)]))
    old = Area.objects.get(code=COUNCILS[0])
    Area.objects.filter(pk=old.pk).update(valid_to=END)
    new = Area.objects.create(
        code="E06000999", name="New Ashby", area_type_id="authority", valid_from=END
    )
    AreaChange.objects.create(from_area=old, to_area=new, kind="recode", effective=END, weight=1)
    return Area.objects.select_related("area_type").get(pk=old.pk)


def test_it_has_no_successor_before_that_day(announced):
    assert not announced.has_ended(date(2099, 3, 31))
    assert announced.has_ended(END)
    assert successors(announced) == []
    # What became of an older code is Ashby still.
    old = Area.objects.select_related("area_type").get(code="E07000902")
    assert [a.code for a in successors(old)] == list(COUNCILS[:2])


def test_search_finds_it_among_those_that_last_and_says_when_it_ends(announced, client):
    found = search("Ashby").found[0]
    assert (found.area.code, found.note) == (COUNCILS[0], "ends on 1 April 2099")
    page = client.get("/search/?q=Ashby").content.decode()
    assert "Ends on 1 April 2099" in page
    assert "is-ended" not in page
    assert "ended on" not in page


@pytest.mark.parametrize("entry", ["Ashby", COUNCILS[0]])
def test_a_pasted_list_takes_it_as_it_is(announced, entry):
    pasted = read_pasted(f"{entry}\nBirch")
    assert (pasted.unresolved, pasted.replaced) == ([], [])
    assert [Area.objects.get(pk=pk).code for pk in pasted.area_ids] == list(COUNCILS[:2])


def test_a_name_with_a_slip_is_led_to_it(announced):
    (asked,) = read_pasted("Ashbyy", "authority").unresolved
    assert announced.pk in asked.choices


def test_its_pages_say_nothing_of_an_end(announced, client):
    for address in (HERE, f"{HERE}parts/", f"/compare/?areas={COUNCILS[0]},{COUNCILS[1]}"):
        page = client.get(address)
        assert page.status_code == 200
        assert "2099" not in page.content.decode()
    assert client.get(f"/api/v1/areas/{COUNCILS[0]}").json()["current"] is True
