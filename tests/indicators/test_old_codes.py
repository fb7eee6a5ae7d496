"""Figures at an earlier edition are moved to the current one, and totals are reconciled."""

from datetime import date

import polars as pl
import pytest
from django.urls import reverse

from areas.importing import load
from areas.models import Edition, OverlapSet
from indicators.insight.live import readings
from indicators.models import LiveSeries, Series, SeriesInput
from indicators.releases import preview
from indicators.releases.publish import withdraw
from indicators.releases.stage import stage
from tests.conftest import shares
from tests.tiny_uk import COUNCILS, START

pytestmark = pytest.mark.django_db
# Old Cedar became Cedar; Old Pine was divided between Ashby and Birch; Dale never changed.
OLD = ("E07000901", "E07000902", "S12000901")
WEIGHTED = [
    ("E07000901", "E06000903", 1.0),
    ("E07000902", "E06000901", 0.25),
    ("E07000902", "E06000902", 0.75),
    ("S12000901", "S12000901", 1.0),
]
WHOLE = [(OLD[0], COUNCILS[0], 1.0), (OLD[1], COUNCILS[0], 1.0), (OLD[2], COUNCILS[3], 1.0)]


@pytest.fixture
def old():
    """Make an edition of authorities older than the current one, without a lookup."""
    edition = Edition.objects.create(
        slug="authority-old", area_type_id="authority", name="the old authorities",
        date=date(START.year - 1, 1, 1), source="Made up for tests",
    )  # fmt: skip
    load.load_members(edition, pl.Series(OLD))
    return edition


def lookup(old, links, kind):
    """Declare how the old authorities became the current ones."""
    found = OverlapSet.objects.create(
        slug=f"old-{kind}", from_edition=old, kind=kind, weight_source="Drawn by hand",
        to_edition=Edition.objects.get(slug="authority"),
    )  # fmt: skip
    load.load_overlaps(
        found, pl.DataFrame(links, schema=["from_code", "to_code", "weight"], orient="row")
    )
    return found


def at_old(numerators, denominators=None, **more):
    """Return a table of the old authorities."""
    return shares(numerators, denominators, codes=OLD, edition="authority-old", **more)


def held(edition="authority", origin="converted"):
    """Return code → (value, marker) of the one series at an edition, the long way round."""
    series = Series.objects.get(edition__slug=edition, origin=origin)
    areas = {a.pk: a.code for a in series.edition.areas.all()}
    rows = readings([(series.pk, pk) for pk in areas])
    return {areas[pk]: (r.value, r.marker) for (_, pk), r in rows.items()}


def slowly(links, numerators, denominators):
    """Return code → rate by adding shares of the parts one link at a time."""
    top, bottom = {}, {}
    for a, b, w in links:
        top[b] = top.get(b, 0) + w * numerators[OLD.index(a)]
        bottom[b] = bottom.get(b, 0) + w * denominators[OLD.index(a)]
    return {code: 100 * top[code] / bottom[code] for code in top}


@pytest.mark.parametrize(("links", "kind"), [(WEIGHTED, "apportioned"), (WHOLE, "exact")])
def test_rates_are_ratios_of_the_parts_moved(old, make_indicator, put_live, links, kind):
    lookup(old, links, kind)
    make_indicator()
    parts = [7.0, 11.0, 13.0], [50.0, 80.0, 130.0]
    put_live(at_old(*parts))
    expected = slowly(links, *parts)
    assert {c: v for c, (v, _) in held().items()} == pytest.approx(expected)
    made = SeriesInput.objects.get(series__origin="converted")
    assert made.input.edition == old
    assert made.overlap_set.kind == kind
    assert (made.total_before, made.total_after) == pytest.approx((31.0, 31.0))


def test_wider_areas_are_added_up_from_what_was_moved(old, make_indicator, put_live):
    lookup(old, WHOLE, "exact")
    make_indicator()
    put_live(at_old([7.0, 11.0, 13.0], [50.0, 80.0, 130.0]))
    scotland = held("country", "aggregate")["S92000003"]
    assert scotland[0] == pytest.approx(10.0)


def test_a_suppressed_part_makes_the_new_area_unknown_and_shows_in_the_residual(
    old, make_indicator, make_release, clock
):
    lookup(old, WHOLE, "exact")
    make_indicator()
    release = make_release()
    table = at_old([None, 11.0, 13.0], markers=["c", "", ""])
    stage(release=release, table=table, at=clock())
    assert held()[COUNCILS[0]][0] is None
    (row,) = preview.moved(release)
    assert (row["from"], row["lookup"]) == ("the old authorities", "Drawn by hand")
    assert (row["before"], row["after"], row["residual"]) == (24.0, 13.0, -11.0)
    assert row["share"] == pytest.approx(-11 / 24)


@pytest.mark.parametrize("kind", ["apportioned", "best-fit"])
def test_a_score_moves_only_where_an_area_is_the_whole_of_one_old_one(
    old, make_indicator, make_release, clock, kind
):
    links = WEIGHTED if kind == "apportioned" else [*WEIGHTED[:1], *WEIGHTED[3:]]
    lookup(old, links, kind)
    make_indicator(aggregation="none")
    release = make_release()
    stage(release=release, table=at_old([7.0, 11.0, 13.0]), at=clock())
    if kind == "best-fit":
        assert not Series.objects.filter(origin="converted").exists()
        return
    values = {code: value for code, (value, _) in held().items()}
    assert values == {COUNCILS[0]: None, COUNCILS[1]: None, COUNCILS[2]: 7.0, COUNCILS[3]: 13.0}
    assert preview.moved(release)[0]["residual"] is None


def test_a_published_figure_beats_a_moved_one(old, make_indicator, put_live):
    lookup(old, WHOLE, "exact")
    make_indicator()
    current = shares([1.0, 2.0, 3.0, 4.0], codes=COUNCILS, edition="authority")
    put_live(pl.concat([current, at_old([7.0, 11.0, 13.0])]))
    assert not Series.objects.filter(origin="converted").exists()


def test_a_newer_release_replaces_what_was_moved_and_withdrawing_brings_it_back(
    old, make_indicator, put_live, clock
):
    lookup(old, WHOLE, "exact")
    make_indicator()
    first = put_live(at_old([7.0, 11.0, 13.0]))
    second = put_live(at_old([8.0, 12.0, 14.0]), slug="second")
    moved = LiveSeries.objects.filter(live__endswith__isnull=True, series__origin="converted")
    assert moved.get().series.release == second
    withdraw(release=second, by=None, at=clock())
    assert moved.get().series.release == first


def test_without_a_lookup_nothing_is_moved(old, make_indicator, put_live):
    make_indicator()
    put_live(at_old([7.0, 11.0, 13.0]))
    assert not Series.objects.filter(origin="converted").exists()


def test_a_page_says_which_areas_a_figure_was_moved_from(old, make_indicator, put_live, client):
    lookup(old, WHOLE, "exact")
    make_indicator()
    put_live(at_old([7.0, 11.0, 13.0]))
    page = client.get(reverse("indicator", args=["share"])).content.decode()
    assert "moved from the old authorities (Drawn by hand)" in page
