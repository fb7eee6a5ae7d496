"""What an area is part of, what is inside it, and what became of it."""

import numpy as np
import pytest

from areas.hierarchy import ancestors, links, member_ids, outline, routes_up, successors
from areas.models import Area, Edition, OverlapSet
from indicators.insight.inside import levels
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, WARDS, members, overlaps

pytestmark = pytest.mark.django_db


def area(code: str) -> Area:
    return Area.objects.select_related("area_type").get(code=code)


def slow_ancestors(code: str) -> set[str]:
    """Follow every link upwards a step at a time; of each edition the first area reached counts."""
    edition_of = {c: slug for slug, codes in members().items() for c in codes}
    found: dict[str, str] = {}
    step = [code]
    while step:
        above = [
            parent for pairs in overlaps().values() for child, parent in pairs if child in step
        ]
        for parent in above:
            found.setdefault(edition_of[parent], parent)
        step = above
    return set(found.values())


EVERY_CODE = [code for codes in members().values() for code in codes]


@pytest.mark.parametrize("code", EVERY_CODE)
def test_an_area_is_part_of_all_that_its_links_lead_to(code):
    assert {a.code for a in ancestors(area(code))} == slow_ancestors(code)


def test_what_an_area_is_part_of_runs_from_the_widest_in_one_query(django_assert_num_queries):
    here = area(NEIGHBOURHOODS[0])
    with django_assert_num_queries(1):
        found = ancestors(here)
    assert found[0].name == "United Kingdom"
    assert found[-1].name == "Ashby Upper"


@pytest.mark.parametrize("code", [c for c in EVERY_CODE if c not in NEIGHBOURHOODS])
def test_an_area_holds_every_area_that_is_part_of_it(code):
    found = {Area.objects.get(pk=pk).code for level in levels(area(code)) for pk in level.area_ids}
    part_of_it = {c for c in EVERY_CODE if code in slow_ancestors(c)}
    wide = code[:3] in {"K02", "K03", "E92", "S92", "E12"}
    smallest = set(NEIGHBOURHOODS) | set(WARDS) if wide else set()
    assert found == part_of_it - smallest - {"K03000001"}


def test_a_level_gives_ordinals_in_step_with_its_areas():
    for level in levels(area(COUNCILS[1])):
        codes = members()[level.edition.slug]
        assert [codes[o] for o in level.ordinals] == [
            Area.objects.get(pk=pk).code for pk in level.area_ids
        ]


def test_the_shortest_chain_of_sets_leads_up():
    routes = routes_up(Edition.objects.get(slug="lsoa"))
    chains = {edition.slug: [s.slug for s in chain] for edition, chain in routes.items()}
    assert chains["uk"] == ["lsoa-authority", "authority-country", "country-uk"]
    assert chains["ward"] == ["lsoa-ward"]


def test_links_are_the_positions_of_areas_in_their_editions():
    found = links(OverlapSet.objects.get(slug="lsoa-ward"))
    lower, upper = members()["lsoa"], members()["ward"]
    pairs = {(lower[m], upper[p]) for m, p in zip(found.member, found.parent, strict=True)}
    assert pairs == set(overlaps()[("lsoa", "ward", "best-fit")])
    assert np.all(found.weight == 1)


def test_member_ids_are_in_the_order_of_ordinals():
    ids = member_ids(Edition.objects.get(slug="ward"))
    assert [Area.objects.get(pk=pk).code for pk in ids] == list(WARDS)


def test_ended_codes_lead_to_what_they_became():
    assert [a.code for a in successors(area("E07000901"))] == [COUNCILS[2]]
    assert {a.code for a in successors(area("E07000902"))} == set(COUNCILS[:2])
    assert successors(area(COUNCILS[0])) == []


def test_an_outline_is_in_degrees_at_the_ordinal_of_the_area():
    found = outline(area(COUNCILS[1]))
    west, south, east, north = found.bounds
    assert -3 < west < east < -1
    assert 54 < south < north < 55
    assert (found.edition.slug, found.ordinal) == ("authority", 1)
    assert outline(area("E07000901")) is None


def test_numbered_areas_carry_the_ward_people_know():
    assert area(NEIGHBOURHOODS[0]).known_as == "Ashby Upper"
    assert area(NEIGHBOURHOODS[3]).known_as == "Birch Upper"
