"""With several editions side by side, an area has one parent of each type, of its own time."""

from datetime import date
from importlib import import_module

import numpy as np
import polars as pl
import pytest
import shapely
from django.db import connection

from areas.hierarchy import benchmarks, children, levels, neighbours, parents
from areas.importing import borders, load
from areas.models import Area, AreaType, Border, Edition, OverlapSet
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, START, WARDS

pytestmark = pytest.mark.django_db

OLD_COUNTY = "E10000901"
OLD_DISTRICTS = ("E07000901", "E07000903")
OLD_WARDS = ("E05000981", "E05000982")


def area(code: str) -> Area:
    return Area.objects.select_related("area_type").get(code=code)


def add(code: str, name: str, kind: str, ended: date | None = None) -> None:
    Area.objects.create(code=code, name=name, area_type_id=kind, valid_from=START, valid_to=ended)


def edition(slug: str, kind: str, day: date, codes: list[str]) -> Edition:
    made = Edition.objects.create(slug=slug, name=slug, area_type_id=kind, date=day)
    load.load_members(made, pl.Series(codes))
    return made


def link(below: Edition, above: Edition, pairs: dict[str, str], kind: str = "exact") -> None:
    made = OverlapSet.objects.create(
        slug=f"{below.slug}-{above.slug}",
        from_edition=below,
        to_edition=above,
        kind=kind,
        weight_source=f"Look-up of {below.slug} in {above.slug}",
    )
    load.load_overlaps(
        made,
        pl.DataFrame(
            {"from_code": list(pairs), "to_code": list(pairs.values()), "weight": 1.0},
            schema_overrides={"weight": pl.Float64},
        ),
    )


@pytest.fixture
def old_times() -> dict[str, Edition]:
    """Before 2019 Cedar was a county of two districts, with two wards, over the same ground."""
    ended = date(2019, 4, 1)
    add(OLD_COUNTY, "Cedarshire", "county", ended)
    add(OLD_DISTRICTS[1], "East Cedar", "authority", ended)
    for ward, name in zip(OLD_WARDS, ("West End", "East End"), strict=True):
        add(ward, name, "ward", ended)
    day = date(2017, 5, 1)
    homes = list(NEIGHBOURHOODS[8:12])
    made = {
        "county": edition("county-2017", "county", day, [OLD_COUNTY]),
        # Ashby and Birch were there before and after; the edition of now is the newer.
        "authority": edition("authority-2017", "authority", day, [*COUNCILS[:2], *OLD_DISTRICTS]),
        "ward": edition("ward-2017", "ward", day, [*WARDS[:4], *OLD_WARDS]),
    }
    Edition.objects.filter(slug__in=["authority", "ward"]).update(date=date(2025, 5, 1))
    link(made["county"], Edition.objects.get(slug="region"), {OLD_COUNTY: "E12000902"})
    link(
        made["authority"],
        made["county"],
        dict.fromkeys(OLD_DISTRICTS, OLD_COUNTY),
    )
    link(
        made["authority"],
        Edition.objects.get(slug="country"),
        dict.fromkeys([*COUNCILS[:2], *OLD_DISTRICTS], "E92000001"),
    )
    link(
        made["ward"],
        made["authority"],
        {
            **dict.fromkeys(WARDS[:2], COUNCILS[0]),
            **dict.fromkeys(WARDS[2:4], COUNCILS[1]),
            OLD_WARDS[0]: OLD_DISTRICTS[0],
            OLD_WARDS[1]: OLD_DISTRICTS[1],
        },
    )
    lsoa = Edition.objects.get(slug="lsoa")
    old_fit = {code: WARDS[i // 2] for i, code in enumerate(NEIGHBOURHOODS[:8])}
    old_fit |= {code: OLD_WARDS[i // 2] for i, code in enumerate(homes)}
    link(lsoa, made["ward"], old_fit, "best-fit")
    made["lsoa"] = lsoa
    return made


def test_a_neighbourhood_has_the_newest_parent_of_each_type(old_times):
    found = {p.area.area_type_id: p.area.code for p in parents(area(NEIGHBOURHOODS[8]))}
    assert found == {
        "uk": "K02000001",
        "country-group": "K03000001",
        "country": "E92000001",
        "region": "E12000902",
        "authority": COUNCILS[2],
        "ward": WARDS[4],
    }, "and no county, which ended with its districts"


def test_an_area_of_an_old_edition_has_the_parents_of_its_time(old_times):
    found = {p.area.area_type_id: p.area.code for p in parents(area(OLD_WARDS[0]))}
    assert found["authority"] == OLD_DISTRICTS[0]
    assert found["county"] == OLD_COUNTY
    assert found["region"] == "E12000902"
    assert found["uk"] == "K02000001"


def test_a_code_in_two_editions_is_one_parent(old_times):
    codes = [p.area.code for p in parents(area(WARDS[0]))]
    assert len(codes) == len(set(codes))
    assert codes.count(COUNCILS[0]) == 1


@pytest.mark.parametrize("code", [*NEIGHBOURHOODS, *WARDS, *OLD_WARDS, *COUNCILS])
def test_no_type_has_two_parents(old_times, code):
    kinds = [p.area.area_type_id for p in parents(area(code))]
    assert len(kinds) == len(set(kinds))
    assert [p.area.area_type.rank for p in parents(area(code))] == sorted(
        AreaType.objects.get(slug=kind).rank for kind in kinds
    )


def test_every_group_of_countries_is_a_parent():
    add("K04000009", "England and Dale", "country-group")
    group = edition("dale", "country-group", date(2001, 1, 1), ["K04000009"])
    link(
        Edition.objects.get(slug="country"),
        group,
        {"E92000001": "K04000009", "S92000003": "K04000009"},
    )
    found = [p.area.code for p in parents(area(WARDS[0])) if p.area.area_type_id == "country-group"]
    assert found == ["K03000001", "K04000009"]


def test_a_parent_says_whether_it_nests_and_who_says_so(old_times):
    by_type = {p.area.area_type_id: p for p in parents(area(NEIGHBOURHOODS[8]))}
    assert by_type["authority"].exact
    assert by_type["authority"].sources == ("Drawn by hand",)
    assert not by_type["ward"].exact
    # Reached by nesting: a neighbourhood's country does not hang on the ward it is counted in.
    assert by_type["country"].exact
    old = {p.area.area_type_id: p for p in parents(area(OLD_WARDS[0]))}
    assert old["region"].sources == (
        "Look-up of ward-2017 in authority-2017",
        "Look-up of authority-2017 in county-2017",
        "Look-up of county-2017 in region",
    )


def test_each_edition_inside_is_a_level_that_says_how_it_fits(old_times):
    found = {level.edition.slug: level for level in levels(area(COUNCILS[0]))}
    assert list(found) == ["ward", "ward-2017", "lsoa"]
    assert [a.code for a in children(area(COUNCILS[0]), old_times["ward"])] == list(WARDS[:2])
    assert found["ward-2017"].exact
    assert found["ward-2017"].sources == ("Look-up of ward-2017 in authority-2017",)
    assert found["lsoa"].exact
    (inside_ward,) = levels(area(OLD_WARDS[1]))
    assert not inside_ward.exact
    assert children(area(OLD_WARDS[1]), old_times["lsoa"]) == [
        area(NEIGHBOURHOODS[10]),
        area(NEIGHBOURHOODS[11]),
    ]
    assert children(area(OLD_WARDS[1]), old_times["county"]) == []


def test_parents_and_levels_take_one_query_however_many_editions(
    old_times, django_assert_num_queries
):
    here, council = area(NEIGHBOURHOODS[8]), area(COUNCILS[0])
    with django_assert_num_queries(1):
        parents(here)
    with django_assert_num_queries(1):
        levels(council)


def test_benchmarks_are_the_region_the_country_and_the_widest():
    found = [(key, a.code) for key, a in benchmarks(area(NEIGHBOURHOODS[0]))]
    assert found == [
        ("region", "E12000901"),
        ("country", "E92000001"),
        ("widest", "K02000001"),
    ]
    assert benchmarks(area("K02000001")) == []
    assert [key for key, _ in benchmarks(area(COUNCILS[3]))] == ["country", "widest"]


# Neighbours


def slow_neighbours(code: str) -> set[str]:
    """Of the four by four grid, the squares beside this one, not those at its corners."""
    row, column = divmod(NEIGHBOURHOODS.index(code), 4)
    beside = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    return {NEIGHBOURHOODS[4 * r + c] for r, c in beside if 0 <= r < 4 and 0 <= c < 4}


@pytest.mark.parametrize("code", NEIGHBOURHOODS)
def test_neighbours_share_a_side_and_not_only_a_corner(code):
    found = neighbours(area(code))
    assert {a.code for a in found.areas} == slow_neighbours(code)
    assert [a.name for a in found.areas] == sorted(a.name for a in found.areas)
    assert found.edition.slug == "lsoa"


def test_neighbours_are_known_at_every_level():
    assert [a.name for a in neighbours(area(COUNCILS[1])).areas] == ["Ashby", "Cedar"]
    assert [a.name for a in neighbours(area("E92000001")).areas] == ["Scotland"]
    metres = Border.objects.get(area__code="E92000001", edition__slug="country").metres
    assert metres == pytest.approx(4000)


def test_where_there_are_no_neighbours_a_sentence_says_why(old_times, django_assert_num_queries):
    assert neighbours(area("K02000001")).reason == (
        "No other United Kingdom shares a border with United Kingdom."
    )
    old = area(OLD_COUNTY)
    with django_assert_num_queries(1):
        found = neighbours(old)
    assert (found.areas, found.edition) == ([], None)
    assert found.reason == "No outline of Cedarshire is held here."
    assert neighbours(area(COUNCILS[0]), old_times["authority"]).reason == (
        "No outline of Ashby is held in authority-2017."
    )


def test_the_old_migration_draws_the_same_borders_from_what_is_held():
    columns = ("edition__slug", "area__code", "neighbour__code")
    before = {b[:3]: b[3] for b in Border.objects.values_list(*columns, "metres")}
    assert len(before) > 40
    kept = Border.objects.filter(edition__slug="country")
    untouched = set(kept.values_list("pk", flat=True))
    Border.objects.exclude(edition__slug="country").delete()
    with connection.cursor() as cursor:
        cursor.execute(import_module("areas.migrations.0007_draw_borders").DRAW)
    after = {b[:3]: b[3] for b in Border.objects.values_list(*columns, "metres")}
    assert after == pytest.approx(before)
    assert set(kept.values_list("pk", flat=True)) == untouched


def box(west: float, south: float, east: float, north: float) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([shapely.box(west, south, east, north)])


def pairs(*shapes: shapely.Geometry) -> list[tuple[int, int]]:
    return borders.find_borders(np.array(shapes, dtype=object)).select("i", "j").rows()


def test_a_sliver_between_outlines_is_a_border_and_a_river_is_not():
    assert pairs(box(0, 0, 1000, 1000), box(1002, 0, 2000, 1000)) == [(0, 1)]
    assert pairs(box(0, 0, 1000, 1000), box(998, 0, 2000, 1000)) == [(0, 1)], "overlapping"
    assert pairs(box(0, 0, 1000, 1000), box(1060, 0, 2000, 1000)) == []


def test_a_corner_is_no_border_even_where_outlines_are_a_little_apart():
    assert pairs(box(0, 0, 1000, 1000), box(1000, 1000, 2000, 2000)) == []
    assert pairs(box(0, 0, 1000, 1000), box(1002, 1002, 2000, 2000)) == []


def test_a_short_line_in_common_is_a_border():
    assert pairs(box(0, 0, 1000, 1000), box(1000, 990, 2000, 2000)) == [(0, 1)]


def test_an_island_and_an_enclave():
    sea = box(0, 0, 1000, 1000)
    hole = shapely.MultiPolygon([sea.geoms[0].difference(shapely.box(400, 400, 600, 600))])
    assert pairs(hole, box(400, 400, 600, 600), box(5000, 0, 6000, 1000)) == [(0, 1)]
    assert pairs() == []
