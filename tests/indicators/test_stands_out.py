"""What stands out, sought among all figures at once, is what a whole profile would say."""

from __future__ import annotations

import pytest

from areas.models import Area
from indicators.insight import stands_out
from indicators.insight.profile import contents, profile, standpoint
from tests.conftest import shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS

pytestmark = pytest.mark.django_db
SIXTEEN = [float(n) for n in range(1, 17)]


def area(code: str) -> Area:
    return Area.objects.select_related("area_type").get(code=code)


@pytest.fixture
def several(make_indicator, put_live, monkeypatch):
    """Four figures: one reversed, one of no polarity, one of England's latest year alone."""
    # Sixteen neighbourhoods are few: let the ends of a league of so few stand out.
    monkeypatch.setattr(stands_out, "FEWEST_PEERS", 10)
    make_indicator("up", polarity="higher")
    make_indicator("down", polarity="lower")
    make_indicator("neither")
    make_indicator("quiet", polarity="lower", headline=False)
    put_live(shares(SIXTEEN, indicator="up"), "up")
    put_live(shares(SIXTEEN[::-1], indicator="down"), "down")
    put_live(shares(SIXTEEN, indicator="neither"), "neither")
    put_live(shares(SIXTEEN, indicator="quiet"), "quiet")
    put_live(shares(SIXTEEN, indicator="up", period="2020-03-21"), "up-before")
    put_live(
        shares(SIXTEEN[:12], codes=NEIGHBOURHOODS[:12], indicator="up", period="2022-03-21"),
        "up-england",
    )


@pytest.mark.parametrize("code", [*NEIGHBOURHOODS, *COUNCILS, "E12000901", "K02000001"])
def test_all_at_once_says_what_the_whole_profile_says(several, code):
    here = area(code)
    slow = stands_out.among_figures(profile(here).figures, here.pk)
    quick = stands_out.among_all(standpoint(here), contents())
    assert [(f.series.pk, f.reading, f.ranks) for f in quick] == [
        (f.series.pk, f.reading, f.ranks[:1]) for f in slow
    ]


def test_both_ends_stand_out_and_what_has_no_better_end_comes_last(several):
    lowest = stands_out.among_all(standpoint(area(NEIGHBOURHOODS[0])), contents())
    # Last of sixteen is nearer an end than first of England's twelve.
    assert [f.indicator.slug for f in lowest] == ["down", "up", "neither"]
    assert stands_out.among_all(standpoint(area(NEIGHBOURHOODS[7])), contents()) == []


def test_an_earlier_period_stands_out_where_the_latest_is_another_nations(several):
    highest = stands_out.among_all(standpoint(area(NEIGHBOURHOODS[15])), contents())
    up = next(f for f in highest if f.indicator.slug == "up")
    assert up.series.period.label == "21 March 2021"
    assert up.ranks[0].rank == 16


def test_many_areas_on_one_value_do_not_stand_out(make_indicator, put_live, monkeypatch):
    monkeypatch.setattr(stands_out, "FEWEST_PEERS", 10)
    make_indicator()
    put_live(shares([0.0] * 8 + SIXTEEN[8:]))
    assert stands_out.among_all(standpoint(area(NEIGHBOURHOODS[0])), contents()) == []


def test_of_few_peers_it_is_not_said_that_nothing_stands_out(several, client):
    """North has the lowest of two: that is no distinction, and it is not the middle either."""
    said = "is among the highest or the lowest tenth of"
    assert said in client.get(f"/areas/{NEIGHBOURHOODS[7]}/").content.decode()
    assert said not in client.get("/areas/E12000901/").content.decode()
    assert said not in client.get(f"/areas/{COUNCILS[1]}/").content.decode()
