"""Summaries of deprivation are staged beside the scores they sum up, and a published one wins."""

import math

import polars as pl
import pytest
from django.db import IntegrityError, transaction

from indicators.insight.live import arrays
from indicators.models import LiveSeries, SeriesInput
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS

pytestmark = pytest.mark.django_db
ENGLISH = NEIGHBOURHOODS[:12]
# Twelve scores; the highest, of the third neighbourhood of Ashby, is the most deprived tenth.
SCORES = [5.0, 8.0, 90.0, 70.0, 60.0, 4.0, 3.0, 20.0, 10.0, 30.0, 40.0, 50.0]
PEOPLE = [100.0, 300.0, 200.0, 400.0] * 3


def scores(values=SCORES, people=PEOPLE, codes=ENGLISH, indicator="score", edition="lsoa"):
    return pl.DataFrame(
        {
            "indicator": [indicator] * len(codes),
            "edition": [edition] * len(codes),
            "period": ["2021-03-21"] * len(codes),
            "code": list(codes),
            "value": values,
            "denominator": people,
            "marker": ["c" if v is None else "" for v in values],
        },
        schema_overrides={"value": pl.Float64, "denominator": pl.Float64},
    )


@pytest.fixture
def make_summaries(make_indicator):
    """A score, comparable across England, and indicators that sum it up."""

    def make(*kinds):
        score = make_indicator("score", "E92000001", aggregation="weighted-mean", multiplier=1.0)
        for kind in kinds:
            make_indicator(
                kind, "E92000001", aggregation="none", multiplier=100.0, decimals=2,
                summary=kind, summary_of=score,
            )  # fmt: skip

    return make


def live(indicator, edition="authority"):
    """Return the public figures of an indicator by ordinal, None when it has none."""
    one = LiveSeries.objects.filter(
        indicator__slug=indicator, edition__slug=edition, live__endswith__isnull=True
    ).first()
    return None if one is None else arrays([one.series_id])[one.series_id][0].tolist()


def ranks_the_slow_way():
    """Return each neighbourhood's rank, 12 the most deprived."""
    return [1 + sum(other < score for other in SCORES) for score in SCORES]


def test_summaries_of_councils_are_staged_and_name_what_they_were_made_from(
    make_summaries, put_live
):
    make_summaries("average-rank", "proportion", "extent", "local-concentration")
    put_live(scores())
    ranks = ranks_the_slow_way()
    for council in range(3):
        mine = range(4 * council, 4 * council + 4)
        mean = sum(ranks[i] * PEOPLE[i] for i in mine) / 1000
        assert live("average-rank")[council] == pytest.approx(mean)
        worst = max(mine, key=lambda i: ranks[i])  # Each holds a tenth of the council or more.
        assert live("local-concentration")[council] == pytest.approx(ranks[worst])
        tenth = sum(10 * (13 - ranks[i]) <= 12 for i in mine)
        assert live("proportion")[council] == pytest.approx(25 * tenth)
    # Of twelve, ranks 1 to 3 from the top are the 9th, 17th and 25th percentiles.
    assert live("extent")[0] == pytest.approx(100 * (200 + 400 * (0.95 - 6 * 0.9 / 19)) / 1000)
    assert all(math.isnan(live(kind)[3]) for kind in ("average-rank", "extent"))  # Scotland.
    made = SeriesInput.objects.filter(
        series__indicator__slug="extent", series__edition__slug="authority"
    ).get()
    assert made.input.indicator.slug == "score"
    assert made.overlap_set.to_edition.slug == "authority"


def test_without_residents_only_the_proportion_of_areas_is_told(make_summaries, put_live):
    make_summaries("proportion", "extent")
    put_live(scores(people=[None] * 12))
    assert live("proportion")[:3] == [25.0, 0.0, 0.0]
    assert live("extent") is None


def test_a_suppressed_member_makes_the_summary_unknown(make_summaries, put_live):
    make_summaries("extent")
    put_live(scores(values=[*SCORES[:11], None]))
    assert math.isnan(live("extent")[2])
    assert not math.isnan(live("extent")[0])


def test_a_published_summary_beats_ours_in_the_same_release_or_another(make_summaries, put_live):
    make_summaries("extent")
    theirs = scores([11.0, 12.0, 13.0], [None] * 3, COUNCILS[:3], "extent", "authority")
    put_live(pl.concat([scores(), theirs]))
    assert live("extent")[:3] == [11.0, 12.0, 13.0]
    put_live(scores(), slug="second")
    assert live("extent")[:3] == [11.0, 12.0, 13.0]


def test_a_rule_without_its_score_is_refused_by_the_database(make_indicator):
    with pytest.raises(IntegrityError, match="indicator_summary"), transaction.atomic():
        make_indicator("extent", aggregation="none", summary="extent")
