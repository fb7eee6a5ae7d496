"""Areas beside each other: one period for all, against a slow second version; and bad addresses."""

import csv
import io
import re
from urllib.parse import urlencode

import pytest

from areas.groups import make_group
from areas.models import Area
from indicators.insight.comparison import comparison, places_of
from indicators.insight.live import key_of
from indicators.models import Indicator, LiveSeries, Observation
from indicators.views.compare import MOST_IN_TABLE
from indicators.views.queries import MOST_INDICATORS
from tests.conftest import NOON, shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, WARDS

pytestmark = pytest.mark.django_db
SIXTEEN = [float(n) for n in range(1, 17)]
FOUR = ",".join(COUNCILS)


@pytest.fixture
def several(make_indicator, put_live):
    """A share with a newer year for three councils only, and pay of England only."""
    make_indicator("share", polarity="lower")
    make_indicator("pay", scope="E92000001", aggregation="none", unit="£", prefix="£", decimals=0)
    make_indicator("far", aggregation="none")
    put_live(shares(SIXTEEN, period="2020-03-21"), "old")
    put_live(
        shares([50.0, 60.0, 70.0], codes=COUNCILS[:3], edition="authority", period="2021-03-21"),
        "new",
    )
    put_live(
        shares([5.0, 6.0, 7.0], codes=COUNCILS[:3], edition="authority", indicator="pay"), "pay"
    )


def slow_period(codes: list[str], slug: str) -> tuple | None:
    """The latest period that most of the areas have a row in."""
    best = None
    lives = LiveSeries.objects.filter(live__endswith__isnull=True, indicator__slug=slug)
    periods = {live.period for live in lives.select_related("period")}
    for period in sorted(periods, key=lambda p: (p.end, p.start), reverse=True):
        ids = [live.series_id for live in lives if live.period_id == period.pk]
        count = sum(
            Observation.objects.filter(series__in=ids, area__code=c).exists() for c in codes
        )
        if count and (best is None or count > best[0]):
            best = (count, (period.start, period.end, period.kind))
    return best[1] if best else None


@pytest.mark.parametrize(
    "codes",
    [
        COUNCILS,
        COUNCILS[:3],
        COUNCILS[3:],
        (COUNCILS[0], WARDS[0], NEIGHBOURHOODS[15]),
        ("K02000001", "E92000001", "E12000901"),
        (*NEIGHBOURHOODS, *WARDS),
    ],
)
def test_all_areas_are_in_the_latest_period_that_most_have(several, codes):
    ids = [Area.objects.get(code=c).pk for c in codes]
    indicators = list(Indicator.objects.select_related("scope__area_type"))
    for column in comparison(places_of(ids), indicators).columns:
        slug = column.indicator.slug
        expected = slow_period(list(codes), slug)
        if column.held.any():
            assert column.period is not None
            assert key_of(column.period) == expected
        for row, code in enumerate(codes):
            there = Observation.objects.filter(area__code=code, series=column.series_ids[row])
            if column.held[row]:
                assert there.get().value == column.values[row]
            elif expected:
                lives = LiveSeries.objects.filter(
                    indicator__slug=slug, period__start=expected[0], period__end=expected[1]
                )
                assert not Observation.objects.filter(
                    area__code=code, series__in=lives.values("series")
                ).exists()


def get(client, query: str) -> str:
    response = client.get(f"/compare/{query}")
    assert response.status_code == 200, response.content.decode()[:2000]
    return response.content.decode()


def words(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


def test_a_newer_period_that_some_lack_is_said(several, client):
    page = words(get(client, f"?areas={FOUR}&show=share"))
    said = "21 March 2020 is shown, which is held for 4 of them; 21 March 2021 is held for 3."
    assert said in page
    page = words(get(client, f"?areas={','.join(COUNCILS[:3])}&show=share"))
    assert "21 March 2020" not in page
    assert "From 50.0% in Ashby to 70.0% in Cedar." in page


def test_a_period_that_few_have_is_not_said_to_be_that_of_most(make_indicator, put_live, client):
    make_indicator("few", aggregation="none")
    for n, period in ((2, "2020-03-21"), (1, "2021-03-21")):
        at = {"codes": COUNCILS[:n], "edition": "authority", "indicator": "few"}
        put_live(shares([5.0, 6.0][:n], period=period, **at), f"few-{n}")
    page = words(get(client, f"?areas={FOUR}&show=few"))
    assert (
        "21 March 2020 is shown, which is held for 2 of them; 21 March 2021 is held for 1." in page
    )


def test_a_few_areas_are_on_charts_with_a_mark_each(several, client):
    page = get(client, f"?areas={FOUR}&show=share,pay")
    for n in range(1, 5):
        assert f'href="#cmp-{n}"' in page
    assert 'href="#cmp-5"' not in page
    assert "no data: not held" in page
    assert page.count('class="multiple"') == 2


def test_many_areas_are_in_a_table_and_the_page_says_why_not_on_charts(several, client):
    page = get(client, f"?areas={','.join(NEIGHBOURHOODS)}&show=share")
    assert "Charts show at most 10 areas" in page
    assert 'class="multiple"' not in page
    assert page.count("<tr data-n=") == 16


def test_areas_of_several_types_are_warned_of_and_not_ranked(several, client):
    put = f"?areas={NEIGHBOURHOODS[0]},{COUNCILS[0]}&show=share"
    page = words(get(client, put))
    assert "These are local authorities and neighbourhoods." in page
    assert "not ranked" in page
    assert "lowest of" not in page
    alike = words(get(client, f"?areas={NEIGHBOURHOODS[0]},{NEIGHBOURHOODS[1]}&show=share"))
    assert "lowest of 16" in alike.lower()


def test_without_areas_there_are_examples_and_no_table(client):
    page = get(client, "")
    assert "Compare areas" in page
    assert 'data-sheet"' not in page
    Area.objects.filter(code=COUNCILS[0]).update(code="E06000002")
    assert "Middlesbrough" not in get(client, "")  # Only examples that are all held.


def test_an_area_is_added_by_code_name_or_choice(several, client):
    def add(text: str):
        return client.get("/compare/", {"areas": COUNCILS[0], "show": "share", "add": text})

    to = f"/compare/?areas={COUNCILS[0]},{COUNCILS[1]}&show=share"
    for text in (COUNCILS[1].lower(), "Birch", "birch", f"Birch, {COUNCILS[1]}"):
        assert (add(text).status_code, add(text).url) == (302, to)
    Area.objects.filter(code=COUNCILS[2]).update(name="Birch")
    response = add("Birch")
    assert response.status_code == 200
    page = response.content.decode()
    assert "Which “Birch” do you mean?" in page
    assert f'href="/compare/?areas={COUNCILS[0]},{COUNCILS[2]}&amp;show=share"' in page
    postcode = add("AB1 1AA").content.decode()
    assert f'href="/compare/?areas={COUNCILS[0]},{WARDS[0]}&amp;show=share"' in postcode
    for text, said in (("Atlantis", "No place was found"), ("E06999999", "No area has the code"),
                       ("<script>x", "No place was found")):  # fmt: skip
        page = add(text).content.decode()
        assert said in page
        assert "<script>x" not in page


def test_an_area_is_left_out_by_its_link(several, client):
    page = get(client, f"?areas={COUNCILS[0]},{COUNCILS[1]}&show=share")
    assert f'href="/compare/?areas={COUNCILS[1]}&amp;show=share"' in page


def test_ended_codes_give_way_to_what_followed_with_a_note(several, client):
    page = words(get(client, "?areas=E07000901,E07000902&show=share"))
    assert "Old Cedar (E07000901) ended on 1 April 2019: shown is what it became, Cedar." in page
    assert "Old Pine (E07000902) ended on 1 April 2019: shown is what it became, Ashby and Birch." \
        in page  # fmt: skip


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("?areas=NOPE9", 404, "No area has the code NOPE9"),
        ("?areas=NOPE", 404, "No place was found for “NOPE”"),
        ("?areas=%3Cscript%3E", 404, "No place was found for “&lt;script&gt;”"),
        ("?areas=%3Cscript%3E,E06000901&show=share", 200, "No place was found for “&lt;script"),
        (f"?areas={FOUR},E06999999&show=share", 200, "No area has the code E06999999: it is left"),
        (f"?areas={FOUR}&show=nope", 400, "“nope” is not the name of a figure"),
        (f"?areas={FOUR}&show=share,nope", 200, "“nope” is not the name of a figure"),
        (f"?areas={FOUR}&show=share&sort=-pay", 200, "cannot be sorted by “pay”"),
        (f"?areas={FOUR}&with=AAAAAAAAAAAAAAAA", 200, "There is no group at"),
        ("?areas=" + ",".join(f"E05{n:06}" for n in range(501)), 400, "at most 500"),
        ("?areas=" + ",".join(f"Place {chr(97 + n % 26)}{n}" for n in range(501)), 400, "most 500"),
        ("?areas=" + "x" * 5_000, 404, "No place was found"),
        ("?areas=" + "E06000901," * 3_000, 400, "too long"),
        (f"?areas={FOUR}&show=" + ",".join(f"i{n}" for n in range(51)), 400, "at most 50"),
        (f"?areas={FOUR},{FOUR},{FOUR}&show=share", 200, "4 local authorities compared"),
    ],
)
def test_addresses_that_make_no_sense_get_a_sentence(several, client, query, status, said):
    response = client.get(f"/compare/{query}")
    assert response.status_code == status
    page = response.content.decode()
    assert said in page
    assert "<script>" not in page


def test_a_form_is_led_to_the_address_that_says_the_same(several, client):
    response = client.get(f"/compare/?areas={FOUR}&show=share&show=pay")
    assert (response.status_code, response.url) == (
        302,
        f"/compare/?areas={FOUR}&show=share,pay",
    )


def test_places_may_be_named_in_the_address(several, client):
    response = client.get("/compare/?areas=Ashby,e06000902,%20cedar&show=share")
    assert (response.status_code, response.url) == (
        302,
        f"/compare/?areas={COUNCILS[0]},{COUNCILS[1]},{COUNCILS[2]}&show=share",
    )
    file = client.get("/compare.csv?areas=Ashby,Cedar&show=share").content.decode()
    assert [row.split(",")[0] for row in file.splitlines()[1:]] == [COUNCILS[0], COUNCILS[2]]


def test_a_name_that_is_not_one_place_is_asked_about_and_the_others_wait(several, client):
    Area.objects.filter(code=COUNCILS[2]).update(name="Birch")
    page = get(client, "?areas=Birch,Ashby,Atlantis&show=share")
    assert "Which “Birch” do you mean?" in page
    assert "Still to be asked about: “Atlantis”." in words(page)
    chosen = f"/compare/?areas={COUNCILS[0]},{COUNCILS[2]},Atlantis&show=share"
    assert f'href="{chosen.replace("&", "&amp;")}"' in page
    assert "No place was found for “Atlantis”" in client.get(chosen).content.decode()
    file = client.get("/compare.csv?areas=Birch,Ashby&show=share")
    assert file.status_code == 400
    assert "“Birch” is not the code or the name of just one place" in file.content.decode()


def test_forms_at_the_stated_limits_send_what_a_server_takes(several, client):
    page = get(client, f"?areas={FOUR}&show=share,pay")
    hidden = dict(re.findall(r'type="hidden" name="(areas|show)" value="([^"]*)"', page))
    assert urlencode(hidden) == f"areas={FOUR.replace(',', '_')}&show=share_pay"
    sent = client.get("/compare/", hidden)
    assert (sent.status_code, sent.url) == (302, f"/compare/?areas={FOUR}&show=share,pay")
    codes = "_".join(f"E05{n:06}" for n in range(MOST_IN_TABLE))
    figures = [("show", "x" * 50)] * MOST_INDICATORS
    line = f"GET /compare/?{urlencode([('areas', codes), ('with', 'A' * 16)])} HTTP/1.1\r\n"
    assert len(line) + sum(len(f"&{k}={v}") for k, v in figures) <= 8190


def test_the_middle_of_the_peers_has_its_unit(make_indicator, put_live, client):
    make_indicator("pay", aggregation="none", unit="£", prefix="£", decimals=0)
    put_live(shares(SIXTEEN, indicator="pay"), "pay")
    page = words(get(client, f"?areas={NEIGHBOURHOODS[0]},{NEIGHBOURHOODS[1]}&show=pay"))
    assert re.search(r"half of them at £\d+ or less", page)


def test_a_group_has_a_lane_of_its_own(several, client):
    ids = [Area.objects.get(code=c).pk for c in COUNCILS[:2]]
    group = make_group(name="Both", area_ids=ids, at=NOON)
    page = get(client, f"?areas={COUNCILS[2]}&show=share,pay&with={group.token}")
    assert 'href="#cmp-group"' in page
    assert "55.0" in page
    assert "middle of 2 of 2 areas" in page


def test_queries_do_not_grow_with_areas_or_figures(several, client, django_assert_max_num_queries):
    for codes in (COUNCILS[:2], COUNCILS, NEIGHBOURHOODS):
        for show in ("share", "share,pay,far"):
            address = f"/compare/?areas={','.join(codes)}&show={show}"
            client.get(address)
            with django_assert_max_num_queries(12):
                client.get(address)


@pytest.mark.parametrize("extension", ["csv", "xlsx", "parquet", "geojson", "gpkg"])
def test_every_format_is_answered(several, client, extension):
    response = client.get(f"/compare.{extension}?areas={FOUR}&show=share,pay")
    assert response.status_code == 200
    assert len(response.content) > 100


def test_the_file_holds_what_the_page_shows(several, client):
    text = client.get(f"/compare.csv?areas={FOUR}&show=share,pay&sort=-share").content.decode()
    heads, *cells = csv.reader(io.StringIO(text))
    assert heads[4] == "share (%, 21 March 2020)", "the latest that most of them have"
    rows = [dict(zip([h.split(" (")[0] for h in heads], row, strict=True)) for row in cells]
    assert [r["code"] for r in rows] == list(COUNCILS[::-1])
    assert [float(r["share"]) for r in rows] == [14.5, 10.5, 6.5, 2.5]
    assert [r["pay"] for r in rows] == ["", "7.0", "6.0", "5.0"]


def test_files_that_cannot_be_get_a_sentence(several, client):
    assert client.get("/compare.csv").status_code == 400
    assert client.get(f"/compare.exe?areas={FOUR}").status_code == 404
    mixed = client.get(f"/compare.geojson?areas={COUNCILS[0]},{WARDS[0]}&show=share")
    assert mixed.status_code == 404
    assert "choose CSV" in mixed.content.decode()
