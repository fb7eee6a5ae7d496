"""The profile of a place against a slow, obvious second version."""

import math
from datetime import date

import polars as pl
import pytest

from areas.models import Area, AreaType, Edition
from indicators.insight.live import Live
from indicators.insight.profile import matching, profile
from indicators.models import LiveSeries, Observation, Series
from indicators.presenters.figure import peers
from tests.conftest import shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, WARDS, members, overlaps

pytestmark = pytest.mark.django_db
SIXTEEN = [float(n) for n in range(1, 17)]
PERIODS = {
    "2019-03-21": "21 March 2019",
    "2020-03-21": "21 March 2020",
    "2021-03-21": "21 March 2021",
}


@pytest.fixture
def several(make_indicator, put_live):
    """A share everywhere for three years, income of councils only, and pay of England only."""
    make_indicator("share", polarity="lower")
    make_indicator("income", multiplier=1.0, unit="", prefix="£", decimals=0)
    make_indicator("pay", scope="E92000001", aggregation="none")
    for year, period in enumerate(PERIODS):
        put_live(shares([n + year for n in SIXTEEN], period=period), f"shares-{year}")
    put_live(
        shares([500.0, 700, 900, 300], codes=COUNCILS, edition="authority", indicator="income")
        .with_columns(pl.col("value") / 100),
        "income",
    )  # fmt: skip
    put_live(shares(SIXTEEN[:12], codes=NEIGHBOURHOODS[:12], indicator="pay"), "pay")


def area(code: str) -> Area:
    return Area.objects.select_related("area_type").get(code=code)


def slow_value(code: str, indicator: str, period: str) -> float | None:
    for live in LiveSeries.objects.filter(indicator__slug=indicator, period__label=period):
        row = Observation.objects.filter(series=live.series_id, area__code=code).first()
        if row:
            return row.value
    return None


@pytest.mark.parametrize(
    "code", [COUNCILS[0], WARDS[2], NEIGHBOURHOODS[5], "E12000901", "S12000901"]
)
def test_every_figure_is_the_latest_live_one_and_so_are_its_benchmarks(several, code):
    found = {f.indicator.slug: f for f in profile(area(code)).figures}
    share = found["share"]
    assert share.holder.code == code
    assert share.reading.value == slow_value(code, "share", "21 March 2021")
    assert share.benchmarks
    for benchmark in share.benchmarks:
        assert benchmark.reading.value == slow_value(benchmark.area.code, "share", "21 March 2021")
    assert [p.live.period for p in share.trend] == list(PERIODS.values())
    for point in share.trend:
        assert point.reading.value == slow_value(code, "share", point.live.period)


def test_a_place_is_compared_with_its_region_country_and_the_widest_area(several):
    found = profile(area(COUNCILS[0]))
    assert [(k, a.code) for k, a in found.comparators] == [
        ("region", "E12000901"),
        ("country", "E92000001"),
        ("widest", "K02000001"),
    ]
    figures = {f.indicator.slug: f for f in found.figures}
    assert [b.key for b in figures["pay"].benchmarks] == []
    scottish = profile(area(COUNCILS[3]))
    assert [k for k, _ in scottish.comparators] == ["country", "widest"]


def test_a_region_is_not_compared_with_itself(several):
    assert [k for k, _ in profile(area("E12000901")).comparators] == ["country", "widest"]
    assert profile(area("K02000001")).comparators == []


def test_what_only_a_parent_has_is_the_parents(several):
    figures = {f.indicator.slug: f for f in profile(area(NEIGHBOURHOODS[1])).figures}
    income = figures["income"]
    assert income.holder.code == COUNCILS[0]
    assert income.reading.value == slow_value(COUNCILS[0], "income", "21 March 2021")
    assert income.ranks[0].out_of == 4


def test_a_country_never_speaks_for_a_place_inside_it(make_indicator, put_live):
    make_indicator("gdp", aggregation="none")
    put_live(
        shares([5.0, 6.0], codes=("E92000001", "S92000003"), edition="country", indicator="gdp")
    )
    (figure,) = profile(area(COUNCILS[0])).figures
    assert figure.holder is None
    assert profile(area("E92000001")).figures[0].holder.code == "E92000001"


def test_what_is_not_published_for_a_nation_says_so(several, client):
    figures = {f.indicator.slug: f for f in profile(area(COUNCILS[3])).figures}
    assert figures["pay"].holder is None
    assert not figures["pay"].in_scope
    page = client.get(f"/areas/{COUNCILS[3]}/").content.decode()
    assert "No data: not held for Scotland" in page


def test_peers_are_every_area_of_the_edition(several):
    figures = {f.indicator.slug: f for f in profile(area(COUNCILS[1])).figures}
    assert figures["share"].peers.tolist() == [
        slow_value(code, "share", "21 March 2021") for code in members()["authority"]
    ]


def test_ranks_never_cross_the_scope(several):
    figures = {f.indicator.slug: f for f in profile(area(NEIGHBOURHOODS[2])).figures}
    assert [r.group.code for r in figures["pay"].ranks] == ["E92000001", COUNCILS[0]]
    assert figures["pay"].ranks[0].out_of == 12


@pytest.mark.parametrize(
    ("kind", "group", "words"),
    [
        ("county", ("South East", "region"), "counties in the South East"),
        ("county", ("England", "country"), "counties in England"),
        ("county", ("Great Britain", "country-group"), "counties in England"),
        ("region", ("United Kingdom", "uk"), "regions in England"),
        ("authority", ("United Kingdom", "uk"), "authorities in the United Kingdom"),
        ("authority", ("South East", "region"), "authorities in the South East"),
    ],
)
def test_a_rank_names_the_group_that_it_is_in(kind, group, words):
    """What only England has is ranked in England; in a region of it, in that region."""
    plural = {"county": "counties", "region": "regions", "authority": "authorities"}[kind]
    series = Series(
        edition=Edition(area_type=AreaType(slug=kind, name_plural=plural)), n_values=6, n_members=6
    )
    name, slug = group
    assert peers(series, Area(name=name, area_type=AreaType(slug=slug))) == words


def test_a_benchmark_is_of_the_very_same_period_its_kind_included():
    year = (date(2022, 4, 1), date(2023, 3, 31), "2022–23")
    fiscal, rolling = (
        Live(n, 1, 1, kind, *year) for n, kind in ((1, "financial-year"), (2, "span"))
    )
    assert matching([rolling, fiscal], fiscal) is fiscal
    assert matching([rolling], fiscal) is None


def test_a_best_fit_ward_says_how_it_was_made(several, client):
    page = client.get(f"/areas/{WARDS[2]}/").content.decode()
    assert "added up by best fit from smaller areas" in page


def test_an_earlier_period_stands_where_the_latest_is_another_nations(make_indicator, put_live):
    make_indicator()
    put_live(shares(SIXTEEN, period="2020-03-21"), "all")
    put_live(shares(SIXTEEN[:12], codes=NEIGHBOURHOODS[:12], period="2021-03-21"), "england")
    (scottish,) = profile(area(COUNCILS[3])).figures
    assert scottish.series.period.label == "21 March 2020"
    assert scottish.reading.value == pytest.approx(14.5)
    (english,) = profile(area(COUNCILS[0])).figures
    assert english.series.period.label == "21 March 2021"


def test_what_is_not_live_anywhere_is_not_on_any_page(make_indicator):
    make_indicator("draft")
    assert profile(area(COUNCILS[0])).figures == []


def test_a_profile_can_be_read_as_at_an_earlier_moment(make_indicator, put_live, clock):
    make_indicator()
    put_live(shares(SIXTEEN), "first")
    then = clock()
    put_live(shares([n + 5 for n in SIXTEEN]), "second")
    here = area(NEIGHBOURHOODS[0])
    assert profile(here, at=then).figures[0].reading.value == 1
    assert profile(here).figures[0].reading.value == 6


def test_a_suppressed_figure_is_a_reason_and_never_nought(make_indicator, put_live, client):
    make_indicator()
    put_live(shares([None, *SIXTEEN[1:]], markers=["c"] + [""] * 15))
    page = client.get(f"/areas/{NEIGHBOURHOODS[0]}/").content.decode()
    assert "No data: suppressed to protect people" in page


def test_a_line_over_time_says_where_its_series_breaks(make_indicator, put_live, client):
    make_indicator(aggregation="none")
    for n, (period, marker) in enumerate(zip(PERIODS, ("", "b", ""), strict=True)):
        values = [x + n for x in SIXTEEN]
        put_live(shares(values, period=period, markers=[marker, *[""] * 15]), f"year-{n}")
    said = "There is a break in the series at 21 March 2020."
    here, other = (client.get(f"/areas/{c}/").content.decode() for c in NEIGHBOURHOODS[:2])
    assert here.count(said) == 2  # In the words for those who see no line, and below it.
    assert said not in other
    assert said in client.get(f"/areas/{NEIGHBOURHOODS[0]}/figures/share.svg").content.decode()


@pytest.mark.parametrize("code", [COUNCILS[0], WARDS[0], NEIGHBOURHOODS[0], "K02000001"])
def test_a_profile_takes_few_queries_however_many_indicators(
    several, make_indicator, put_live, client, django_assert_max_num_queries, code
):
    client.get(f"/areas/{code}/")
    with django_assert_max_num_queries(15) as few:
        assert client.get(f"/areas/{code}/").status_code == 200
        count = len(few)
    for n in range(5):
        make_indicator(f"more-{n}")
        put_live(shares(SIXTEEN, indicator=f"more-{n}"), f"more-{n}")
    client.get(f"/areas/{code}/")
    with django_assert_max_num_queries(count):
        assert client.get(f"/areas/{code}/").status_code == 200


def test_sums_of_links_hold_for_the_slow_version_itself():
    """The slow versions above stand on `overlaps`: every neighbourhood has one of each parent."""
    for (_, _, _), pairs in overlaps().items():
        children = [child for child, _ in pairs]
        assert len(children) == len(set(children))
    assert not math.isnan(sum(SIXTEEN))
