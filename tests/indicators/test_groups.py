"""A group as a benchmark, against a slow second version; and the pages that make and show one."""

import re
from random import Random

import polars as pl
import pytest
from django.core.cache import cache
from django.test import Client

from areas.groups import make_group
from areas.models import Area, AreaGroup, GroupMember
from indicators.insight.groups import Group, benchmark_group, group_reading, group_readings
from indicators.models import LiveSeries, Observation, Series
from indicators.presenters.groups import group_figure
from indicators.views import groups as views
from tests.conftest import NOON, shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS

pytestmark = pytest.mark.django_db
SIXTEEN = [float(n) for n in range(1, 17)]


@pytest.fixture(autouse=True)
def no_limits():
    cache.clear()
    yield
    cache.clear()


def group_of(*codes: str, name: str = "Mine"):
    ids = [Area.objects.get(code=c).pk for c in codes]
    return benchmark_group(make_group(name=name, area_ids=ids, at=NOON).token)


def live(slug: str, edition: str) -> Series:
    return Series.objects.get(
        pk__in=LiveSeries.objects.filter(live__endswith__isnull=True).values("series"),
        indicator__slug=slug,
        edition__slug=edition,
    )


def slow_combined(group, series):
    """The rule of the indicator, read off the page of the domain reference, row by row."""
    rows = [Observation.objects.filter(series=series, area=pk).first() for pk in group.area_ids]
    rows = [r for r in rows if r is None or r.marker != 3]  # Not applicable is left out.
    if any(r is not None and r.marker == 1 for r in rows):
        return None
    rule = series.indicator.aggregation
    if rule == "none" or not rows:
        return None
    if rule == "sum":
        if any(r is None or r.value is None for r in rows):
            return None
        return sum(r.value for r in rows)
    known = [r for r in rows if r is not None and r.value is not None and r.denominator]
    if len(known) < 0.9 * len(rows):
        return None
    bottom = sum(r.denominator for r in known)
    if rule == "ratio":
        return series.indicator.multiplier * sum(r.numerator for r in known) / bottom
    return sum(r.value * r.denominator for r in known) / bottom


@pytest.mark.parametrize("rule", ["sum", "ratio", "weighted-mean", "none"])
def test_a_group_is_its_members_by_the_rule_of_the_measure(make_indicator, put_live, rule):
    make_indicator(aggregation=rule)
    gaps = {3: "c", 7: "x", 11: "z"}
    put_live(
        shares(
            [None if i in gaps else n for i, n in enumerate(SIXTEEN)],
            [100.0 + 10 * i for i in range(16)],
            markers=[gaps.get(i, "") for i in range(16)],
        )
    )
    ids = [Area.objects.get(code=c).pk for c in NEIGHBOURHOODS]
    kind = Area.objects.get(code=NEIGHBOURHOODS[0]).area_type
    kinds = set()
    chance = Random(1)
    for _ in range(40):
        members = chance.sample(range(16), chance.choice([2, 3, 5, 10, 12, 16]))
        group = Group("t", "Some", kind, tuple(ids[i] for i in members))
        kinds.add(agrees(group, live("share", "lsoa")))
    assert kinds >= ({"middle"} if rule == "none" else {"combined", "middle"})


def agrees(group, series):
    """Assert that a reading is what the slow way says; return its kind."""
    found = group_reading(group, series.pk)
    assert found is not None
    expected = slow_combined(group, series)
    values = [
        r.value
        for r in Observation.objects.filter(series=series, area__in=group.area_ids)
        if r.value is not None
    ]
    assert (found.n_data, found.n_members) == (len(values), len(group.area_ids))
    if expected is not None:
        assert found.kind == "combined"
        assert found.value == pytest.approx(expected)
    elif len(values) >= 2:
        ordered = sorted(values)
        half = len(ordered) // 2
        middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
        assert (found.kind, found.low, found.high) == ("middle", ordered[0], ordered[-1])
        assert found.value == pytest.approx(middle)
        assert found.reason
    else:
        assert (found.kind, found.value) == ("nothing", None)
        assert found.reason
    return found.kind


def test_a_middle_is_never_called_the_groups_own_figure(make_indicator, put_live):
    make_indicator(aggregation="none")
    put_live(shares(SIXTEEN))
    reading = group_reading(group_of(*NEIGHBOURHOODS[:3]), live("share", "lsoa").pk)
    words = group_figure(reading, live("share", "lsoa").indicator)
    assert words["text"] == "2.0"
    assert words["words"] == (
        "middle of 3 of 3 areas, which run from 1.0 to 3.0; not combined: this measure cannot be "
        "added up"
    )


def test_a_suppressed_member_keeps_the_whole_unknown(make_indicator, put_live):
    make_indicator()
    put_live(shares([None, *SIXTEEN[1:]], markers=["c"] + [""] * 15))
    reading = group_reading(group_of(*NEIGHBOURHOODS[:4]), live("share", "lsoa").pk)
    assert (reading.kind, reading.n_data) == ("middle", 3)
    assert "suppressed" in reading.reason


def test_a_group_says_nothing_of_series_of_other_types(make_indicator, put_live):
    make_indicator()
    put_live(shares(SIXTEEN))
    group = group_of(*COUNCILS[:2])
    assert group_reading(group, live("share", "lsoa").pk) is None
    reading = group_reading(group, live("share", "authority").pk)
    assert (reading.kind, reading.value) == ("combined", 4.5)


def test_readings_take_three_queries_however_many(
    make_indicator, put_live, django_assert_num_queries
):
    for n in range(6):
        make_indicator(f"share-{n}")
        put_live(shares(SIXTEEN, indicator=f"share-{n}"), f"r{n}")
    group = group_of(*NEIGHBOURHOODS)
    ids = [s.pk for s in Series.objects.filter(edition__slug="lsoa")]
    with django_assert_num_queries(3):
        assert len(group_readings(group, ids)) == 6


@pytest.mark.parametrize(
    "token", ["", "x", "neighbours", "A" * 16, "é" * 16, "A" * 5_000, "' OR 1=1 --'"]
)
def test_an_unknown_token_is_no_group(token):
    assert benchmark_group(token) is None


# Pages


def post(client, **fields):
    return client.post("/groups/", {"name": "Mine", "text": "Ashby\nBirch"} | fields)


def test_a_pasted_list_becomes_a_group_with_an_address_of_its_own(client, make_indicator, put_live):
    make_indicator()
    put_live(shares(SIXTEEN))
    response = post(client, made_by="The team")
    assert response.status_code == 302
    token = re.fullmatch(r"/groups/([A-Za-z0-9_-]{16})/", response.url)[1]
    page = client.get(response.url)
    text = page.content.decode()
    assert page["X-Robots-Tag"] == "noindex"
    for said in ("Mine", "by The team", "2 local authorities", "Ashby", "Birch", "4.5", token,
                 "all 2 areas taken together"):  # fmt: skip
        assert said in text


def test_what_is_not_clear_is_asked_and_nothing_is_kept(client):
    Area.objects.filter(code=COUNCILS[1]).update(name="Ashby")
    response = post(client, text="Ashby\nCedar\nAtlantis\nE07000902")
    page = response.content.decode()
    assert response.status_code == 422
    assert not AreaGroup.objects.exists()
    assert "Which “Ashby”?" in page
    assert "<b>Atlantis</b> was not found" in page
    assert "“E07000902” has ended" in page
    assert "E06000903 Cedar" in page
    answered = post(
        client,
        **{"text": "E06000903 Cedar\nAtlantis", "pick-0": COUNCILS[1], "ask-0": "Ashby",
           "pick-1": [COUNCILS[0], COUNCILS[1]], "leave_out": "1"},
    )  # fmt: skip
    assert answered.status_code == 302
    members = GroupMember.objects.values_list("area__code", flat=True)
    assert sorted(members) == sorted(COUNCILS[:3])


def test_the_beginning_of_a_name_is_offered_as_a_choice(client):
    Area.objects.filter(code=COUNCILS[1]).update(name="Birch and Cleveland-on-Sea")
    page = post(client, text="Ashby, Birch, Cedar").content.decode()
    assert "Nothing is called “Birch”. Did you mean one of these?" in page
    # Only of the type that the others are: the wards begin so too.
    assert re.findall(r'name="pick-0" value="([^"]*)"', page) == [COUNCILS[1], ""]
    assert "2 areas were understood" in page
    assert "1 area was understood." in post(client, text="Ashby, Atlantis").content.decode()
    answered = post(client, **{"text": "Ashby, Cedar", "ask-0": "Birch", "pick-0": COUNCILS[1]})
    assert answered.status_code == 302


def test_a_code_of_another_type_than_was_chosen_is_said_to_be_so(client):
    fields = {"text": f"{COUNCILS[0]}\n{COUNCILS[1]}", "area_type": "ward"}
    response = post(client, **fields)
    said = f"<b>{COUNCILS[0]}</b> is Ashby, of another type (local authority) than you said"
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not AreaGroup.objects.exists()
    assert post(client, **fields | {"area_type": "authority"}).status_code == 302


def test_a_question_without_an_answer_is_asked_again(client):
    Area.objects.filter(code=COUNCILS[1]).update(name="Ashby")
    response = post(client, **{"text": "E06000903 Cedar", "ask-0": "Ashby"})
    assert response.status_code == 422
    assert "Which “Ashby”?" in response.content.decode()
    none = post(client, **{"text": "Cedar\nDale", "ask-0": "Ashby", "pick-0": ""})
    assert none.status_code == 302


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "no name"),
        ({"name": "<b>x</b>"}, "plain words"),
        ({"name": "x" * 300}, "longer than 120"),
        ({"text": ""}, "at least two"),
        ({"text": "Ashby"}, "at least two"),
        ({"text": "x," * 100_001}, "longer than"),
        ({"text": "x\n" * 5_000}, "at most 2,000"),
        (
            {"text": "E06000901\nE05000901\nE05000902"},
            "one type, and these are 2 wards, 1 local authority",
        ),
    ],
)
def test_a_list_that_cannot_be_a_group_gets_a_sentence(client, fields, said):
    response = post(client, **fields)
    assert response.status_code == 400
    assert said in response.content.decode()
    assert not AreaGroup.objects.exists()


def test_markup_is_only_text_wherever_it_is_shown(client):
    for fields in ({"text": "<script>x</script>"}, {"name": "<script>x</script>"},
                   {"made_by": "<script>x"}, {"area_type": "<script>x"}):  # fmt: skip
        assert "<script>x" not in post(client, **fields).content.decode()
    page = client.get("/groups/", {"areas": "<script>x</script>"}).content.decode()
    assert "<script>x" not in page


def test_a_form_without_its_token_changes_nothing_and_is_told_why(db):
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/groups/", {"name": "Mine", "text": "Ashby\nBirch"})
    assert response.status_code == 403
    assert "out of date" in response.content.decode()
    assert not AreaGroup.objects.exists()


def test_only_so_many_lists_an_hour(client, monkeypatch):
    monkeypatch.setattr(views, "MOST_AN_HOUR", 2)
    assert [post(client).status_code for _ in range(3)] == [302, 302, 429]
    assert AreaGroup.objects.count() == 2


def test_a_cache_that_is_away_refuses_nobody(client, monkeypatch):
    def away(*args, **kwargs):
        raise ConnectionError("no Redis")

    monkeypatch.setattr(cache, "incr", away)
    assert post(client).status_code == 302


@pytest.mark.parametrize("token", ["x", "A" * 16, "a" * 3_000, "..", "%3Cb%3E", "é" * 16])
def test_an_unknown_group_gets_a_helpful_404(client, token):
    response = client.get(f"/groups/{token}/")
    assert response.status_code == 404
    assert "Place name, postcode or area code" in response.content.decode()


def test_a_group_page_takes_so_many_queries_however_large(
    client, make_indicator, put_live, django_assert_num_queries
):
    make_indicator()
    put_live(shares(SIXTEEN))
    for codes in (NEIGHBOURHOODS[:2], NEIGHBOURHOODS):
        group = group_of(*codes)
        client.get(group.url)
        with django_assert_num_queries(13):
            client.get(group.url)


def test_a_group_of_figures_with_values_only(make_indicator, put_live):
    """Values without the parts they were made of cannot be combined: the middle is given."""
    make_indicator()
    put_live(
        shares(SIXTEEN).with_columns(
            numerator=pl.lit(None, pl.Float64), denominator=pl.lit(None, pl.Float64)
        )
    )
    reading = group_reading(group_of(*NEIGHBOURHOODS[:4]), live("share", "lsoa").pk)
    assert (reading.kind, reading.value) == ("middle", 2.5)
    assert "is a share of" in reading.reason


def test_an_indicators_page_says_what_a_group_has(make_indicator, put_live, client):
    make_indicator()
    put_live(shares(SIXTEEN))
    group = group_of(*COUNCILS[:2], name="North councils")
    page = client.get(f"/indicators/share/?level=authority&with={group.token}").content.decode()
    # Eight neighbourhoods of a hundred residents each, 1% to 8% of them.
    assert "<b>4.5%</b>, all 2 areas taken together" in page
    assert f"with={group.token}" in page.split('id="table"')[1]
    other = client.get(f"/indicators/share/?level=lsoa&with={group.token}").content.decode()
    assert "is a group of local authorities" in other
    assert f"/indicators/share/?level=authority&amp;with={group.token}" in other


@pytest.mark.parametrize("token", ["nothing", "neighbours", "x" * 16, "ü" * 16, "%00", "<b>"])
def test_an_indicators_page_refuses_a_group_that_is_not_there(
    make_indicator, put_live, client, token
):
    make_indicator()
    put_live(shares(SIXTEEN))
    response = client.get("/indicators/share/", {"with": token})
    assert response.status_code == 404
    assert "<b>" not in response.content.decode().split("<h1>")[1].split("</h1>")[0]


def test_a_group_form_with_a_nul_in_its_type_is_answered(client):
    sent = {"name": "Mine", "text": ", ".join(COUNCILS[:2]), "area_type": "auth\x00ority"}
    assert client.post("/groups/", sent).status_code in {302, 422}
