"""Figures through the API are those that are live, whole, in order, and none that is not."""

from __future__ import annotations

import csv
import io
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit

import polars as pl
import pytest
from django.utils import timezone

from areas.groups import make_group
from areas.models import Area
from indicators.insight.observations import COLUMNS
from indicators.models import Licence, LiveSeries, Observation
from indicators.releases.publish import withdraw
from indicators.releases.stage import stage
from indicators.statistics.markers import MARKERS
from indicators.statistics.periods import period_text
from tests.api.conftest import SIXTEEN
from tests.conftest import NOON, shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, WARDS, overlaps

pytestmark = pytest.mark.django_db


def slowly(**conditions):
    """Return what is live the long way round: a row at a time, by Django's models."""
    found = {}
    lives = LiveSeries.objects.filter(live__endswith__isnull=True, **conditions)
    for one in lives.select_related("indicator", "edition", "period", "series__release"):
        for row in Observation.objects.filter(series_id=one.series_id).select_related("area"):
            text = period_text(one.period.start, one.period.end)
            key = (row.area.code, one.edition.slug, one.indicator.slug, text)
            letters = MARKERS[row.marker or 0].letters
            found[key] = (row.value, row.numerator, row.denominator, letters,
                          one.series.release.slug, one.series.origin)  # fmt: skip
    return found


def keyed(rows):
    """Return rows of the API as `slowly` has them."""
    keys = [(r["code"], r["edition"], r["indicator"], r["period"]) for r in rows]
    assert len(keys) == len(set(keys)), "no figure is there twice"
    return {
        key: (r["value"], r["numerator"], r["denominator"], r["marker"], r["release"], r["origin"])
        for key, r in zip(keys, rows, strict=True)
    }


@pytest.fixture
def mixed(make_indicator, put_live):
    """Two indicators, two periods of one, some figures missing or marked."""
    make_indicator()
    make_indicator("other")
    put_live(shares([None, *SIXTEEN[1:]], markers=["c", *[""] * 14, "p"]), "first")
    put_live(shares(SIXTEEN, period="2022-04-01/P1Y"), "second")
    put_live(shares(SIXTEEN[:4], codes=COUNCILS, edition="authority", indicator="other"), "third")


def test_everything_is_what_is_live(mixed, ask):
    answer = ask("observations")
    assert keyed(answer["results"]) == slowly()
    assert answer["count"] == len(answer["results"]) > 60
    assert answer["next"] is None
    assert answer["withheld"] == []


@pytest.mark.parametrize(
    ("query", "conditions"),
    [
        ({"indicator": "other"}, {"indicator__slug": "other"}),
        ({"edition": "ward"}, {"edition__slug": "ward"}),
        ({"type": "authority"}, {"edition__area_type": "authority"}),
        ({"period": "2022-04-01/P1Y"}, {"period__label": "2022–23"}),
        ({"release": "third"}, {"series__release__slug": "third"}),
        ({"dataset": "census"}, {}),
        (
            {"indicator": "share,other", "type": "uk,authority"},
            {"edition__area_type__in": ["uk", "authority"]},
        ),
    ],
)
def test_conditions_narrow_it_down(mixed, ask, query, conditions):
    answer = ask("observations", **query)
    assert keyed(answer["results"]) == slowly(**conditions)
    assert answer["count"] == len(answer["results"]) > 0


def test_areas_are_those_named_and_what_lies_inside_those_named(mixed, ask):
    every = slowly()
    of_two = ask("observations", area=f"{COUNCILS[0]},{NEIGHBOURHOODS[6]}")
    assert keyed(of_two["results"]) == {
        k: v for k, v in every.items() if k[0] in {COUNCILS[0], NEIGHBOURHOODS[6]}
    }
    assert of_two["count"] == len(of_two["results"])
    inside = ask("observations", parent=COUNCILS[0], type="lsoa")
    assert keyed(inside["results"]) == {
        k: v for k, v in every.items() if k[0] in NEIGHBOURHOODS[:4]
    }
    # A ward's neighbourhoods are those that are counted in it, across the border of its council.
    crossing = {a for a, ward in overlaps()[("lsoa", "ward", "best-fit")] if ward == WARDS[2]}
    inside = ask("observations", parent=WARDS[2], edition="lsoa")
    assert {r["code"] for r in inside["results"]} == crossing
    assert NEIGHBOURHOODS[3] in crossing
    both = ask("observations", parent="E12000901", type="authority", area="K02000001")
    assert {r["code"] for r in both["results"]} == {COUNCILS[0], COUNCILS[1]}, (
        "types restrict areas too"
    )
    all_levels = ask("observations", parent="E92000001")
    assert {r["type"] for r in all_levels["results"]} == {"region", "authority", "ward", "lsoa"}


def test_the_latest_period_of_each_alone(mixed, ask):
    rows = ask("observations", latest="true", area=COUNCILS[1])["results"]
    assert {(r["indicator"], r["period"]) for r in rows} == {
        ("share", "2022-04-01/P1Y"),
        ("other", "2021-03-21"),
    }


def test_series_of_the_latest_period_alone(mixed, ask):
    rows = ask("series", latest="true")["results"]
    found = {(r["indicator"], r["edition"]): r["period"] for r in rows}
    assert len(found) == len(rows)
    assert found["share", "lsoa"] == "2022-04-01/P1Y"
    assert found["other", "authority"] == "2021-03-21"
    assert set(found.values()) == {"2022-04-01/P1Y", "2021-03-21"}


def test_a_file_of_what_nothing_has_is_a_problem_and_not_half_a_file(mixed, client):
    for path in ("series.csv?edition=nope", "indicators.parquet?theme=nope", "areas.csv?code=NOPE"):
        reply = client.get(f"/api/v1/{path}")
        assert reply.status_code == 404
        assert reply["Content-Type"] == "application/problem+json"


def test_what_is_missing_says_why_and_is_never_nought(mixed, ask):
    rows = ask("observations", area=NEIGHBOURHOODS[0], period="2021-03-21")["results"]
    (row,) = rows
    assert (row["value"], row["marker"]) == (None, "c")
    assert row["missing"] == "suppressed to protect people's privacy"
    assert row["coverage"] is None
    (marked,) = ask("observations", area=NEIGHBOURHOODS[15], period="2021-03-21")["results"]
    assert (marked["value"], marked["marker"], marked["missing"]) == (16.0, "p", None)


@pytest.mark.parametrize("limit", [1, 3, 7, 50])
def test_pages_are_the_whole_in_order_with_nothing_twice(mixed, ask, limit):
    whole = ask("observations")["results"]
    rows, query = [], {"limit": limit}
    for _ in range(len(whole) + 1):
        answer = ask("observations", **query)
        assert len(answer["results"]) <= limit
        assert answer["count"] == len(whole)
        rows += answer["results"]
        if answer["next"] is None:
            break
        query = dict(parse_qsl(urlsplit(answer["next"]).query))
    assert rows == whole
    assert all(a["series"] <= b["series"] for a, b in pairwise(rows))


def test_pages_are_of_one_moment_whatever_is_published_meanwhile(live, put_live, ask):
    before = ask("observations")["results"]
    first = ask("observations", limit=20)
    put_live(shares([n + 50 for n in SIXTEEN]), "second")
    rows, query = first["results"], dict(parse_qsl(urlsplit(first["next"]).query))
    while True:
        answer = ask("observations", **query)
        rows += answer["results"]
        if answer["next"] is None:
            break
        query = dict(parse_qsl(urlsplit(answer["next"]).query))
    assert rows == before
    assert ask("observations")["results"] != before


def test_as_at_is_what_was_public_then(live, put_live, clock, ask):
    then = live.published_at
    old = ask("observations", area=COUNCILS[0])["results"]
    second = put_live(shares([n + 50 for n in SIXTEEN]), "second")
    new = ask("observations", area=COUNCILS[0])["results"]
    assert old[0]["value"] + 50 == pytest.approx(new[0]["value"])
    assert ask("observations", area=COUNCILS[0], as_at=then.isoformat())["results"] == old
    earlier = (then - timedelta(seconds=1)).isoformat()
    assert ask("observations", area=COUNCILS[0], as_at=earlier)["results"] == []
    withdraw(release=second, by=None, at=clock())
    assert ask("observations", area=COUNCILS[0])["results"] == old
    at = second.published_at.isoformat()
    as_it_was = ask("observations", area=COUNCILS[0], as_at=at)["results"]
    assert [r | {"withdrawn_at": None} for r in as_it_was] == new
    assert ask("releases/second")["status"] == "withdrawn"


def test_what_was_withdrawn_is_read_as_it_stood_and_says_so_wherever_it_is_read(
    live, put_live, clock, client, ask
):
    second = put_live(shares([n + 50 for n in SIXTEEN]), "second")
    (series,) = ask("series", edition="lsoa")["results"]
    assert (series["withdrawn_at"], series["withdrawn_reason"]) == (None, "")
    path = f"series/{series['id']}/observations"
    assert ask(path)["withdrawn"] == []
    when = clock()
    why = "The publisher counted twice."
    withdraw(release=second, by=None, at=when, reason=why)
    moment = when.isoformat().replace("+00:00", "Z")
    told = [{"release": "second", "withdrawn_at": moment, "reason": why}]
    then = second.published_at.isoformat()
    for answer in (ask(path), ask("observations", edition="lsoa", as_at=then)):
        assert answer["withdrawn"] == told
        assert {r["withdrawn_at"] for r in answer["results"]} == {moment}
        assert [r["value"] for r in answer["results"]] == [n + 50 for n in SIXTEEN]
    one = ask(f"series/{series['id']}")
    assert (one["withdrawn_at"], one["withdrawn_reason"]) == (moment, why)
    assert ask("releases/second")["withdrawn_reason"] == why
    assert ask("observations")["withdrawn"] == [], "what stands now says nothing of it"
    header = f'second; at="{moment}"'
    for file in (f"{path}.csv", f"{path}.parquet", f"observations.csv?as_at={then[:-6]}Z"):
        reply = client.get(f"/api/v1/{file}")
        assert reply["Levelup-Withdrawn"] == header
        assert "Levelup-Withdrawn" in reply["Access-Control-Expose-Headers"]
    rows = csv.DictReader(io.StringIO(b"".join(client.get(f"/api/v1/{path}.csv")).decode()))
    assert {r["withdrawn_at"] for r in rows} == {moment}
    assert "Levelup-Withdrawn" not in client.get("/api/v1/observations.csv")
    Licence.objects.update(redistributable=False)
    refused = ask(path, 403)
    assert "passed on" in refused["detail"]
    ask("observations", 403, as_at=then)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"area": COUNCILS[0], "type": "ward"}, "“area” and “type” at once"),
        ({"indicator": "other", "edition": "lsoa"}, "“edition” and “indicator” at once"),
        ({"period": "1999-01-01", "type": "ward"}, "meets “period” together with the rest"),
        ({"period": "1999-01-01"}, "Nothing is published of this “period”."),
        ({"as_at": "2001-01-01T00:00:00Z"}, "Nothing is published of this “as_at”."),
        ({"parent": NEIGHBOURHOODS[0]}, "Nothing is published of this “parent”."),
        (
            {"period": "1999-01-01", "area": COUNCILS[0], "type": "ward"},
            "nor all but one of them",
        ),
    ],
)
def test_conditions_that_nothing_meets_are_named(mixed, ask, query, words):
    answer = ask("observations", **query)
    assert (answer["results"], answer["count"]) == ([], 0)
    assert words in answer["message"]
    assert "message" not in ask("observations", type="ward")


def test_long_files_are_limited_apart_with_when_to_come_again(live, client, monkeypatch):
    monkeypatch.setattr("indicators.api.observations.LONG_FILE", 10)
    monkeypatch.setattr("indicators.api.observations.MOST_LONG_FILES", 2)
    replies = [client.get("/api/v1/observations.csv") for _ in range(3)]
    assert [r.status_code for r in replies] == [200, 200, 429]
    assert 3500 < int(replies[2]["Retry-After"]) <= 3600
    assert "Ask again in 60 minutes." in replies[2].json()["detail"]
    assert client.get("/api/v1/observations.csv?type=uk").status_code == 200, "short ones are not"
    assert client.get("/api/v1/observations?limit=1").status_code == 200


def test_what_is_staged_or_rejected_is_nowhere(live, make_release, make_indicator, clock, ask):
    make_indicator("secret")
    release = make_release("staged-only")
    stage(release=release, table=shares(SIXTEEN, indicator="secret"), at=clock())
    for path in ("observations", "series", "indicators", "releases", "datasets"):
        assert "secret" not in str(ask(path))
        assert "staged-only" not in str(ask(path))
    assert ask("indicators/secret", 404)["status"] == 404
    assert ask("releases/staged-only", 404)["status"] == 404
    hidden = release.series.order_by("pk").first().pk
    assert ask(f"series/{hidden}", 404)["status"] == 404
    assert ask(f"series/{hidden}/observations", 404)["status"] == 404
    assert ask("observations", indicator="secret")["results"] == []
    assert ask("observations", 404, release="staged-only")["status"] == 404


def test_csv_and_parquet_say_what_json_says(mixed, client, ask):
    rows = ask("observations")["results"]
    reply = client.get("/api/v1/observations.csv")
    assert reply["Content-Type"] == "text/csv; charset=utf-8"
    assert reply["Content-Disposition"] == 'attachment; filename="observations.csv"'
    lines = list(csv.DictReader(io.StringIO(b"".join(reply).decode())))
    assert list(lines[0]) == list(COLUMNS)
    for line, row in zip(lines, rows, strict=True):
        for name, kind in COLUMNS.items():
            if row[name] is None or row[name] == "":
                assert line[name] == ""
            elif kind == pl.Float64:
                assert float(line[name]) == row[name]
            else:
                assert line[name] == str(row[name])
    reply = client.get("/api/v1/observations", headers={"Accept": "application/vnd.apache.parquet"})
    assert pl.read_parquet(b"".join(reply)).to_dicts() == rows


def test_a_whole_series_comes_in_one_answer_in_every_format(live, client, ask):
    (series,) = ask("series", edition="lsoa")["results"]
    path = f"series/{series['id']}/observations"
    whole = ask(path)
    assert whole["count"] == len(whole["results"]) == 16
    assert whole["series"] == series
    assert {r["code"]: r["value"] for r in whole["results"]} == dict(
        zip(NEIGHBOURHOODS, SIXTEEN, strict=True)
    )
    parquet = pl.read_parquet(b"".join(client.get(f"/api/v1/{path}.parquet")))
    assert parquet.to_dicts() == whole["results"]
    text = b"".join(client.get(f"/api/v1/{path}?format=csv")).decode()
    assert text.count("\n") == 17


def test_a_series_says_how_it_is_spread_and_what_it_was_made_from(mixed, ask):
    (own,) = ask("series", edition="lsoa", period="2021-03-21")["results"]
    assert own["missing"] == {"c": 1, "x": 0, "z": 0, "w": 0}
    assert (own["n_members"], own["n_values"]) == (16, 15)
    assert own["quantiles"][0] == 2.0
    assert sum(own["histogram"]) == 15
    (wider,) = ask("series", edition="ward", period="2021-03-21")["results"]
    detail = ask(f"series/{wider['id']}")
    assert detail["origin"] == "aggregate"
    assert [i["kind"] for i in detail["inputs"]] == ["best-fit"]
    assert detail["inputs"][0]["series"] == own["id"]
    assert [life["to"] for life in detail["live"]] == [None]


def test_a_figure_of_some_parts_only_says_so(make_indicator, put_live, ask):
    make_indicator()
    put_live(shares([*SIXTEEN[:15], None], [100.0] * 15 + [1.0]))
    from indicators.models import Coverage

    kept = {(c.area.code, c.series_id): c.share for c in Coverage.objects.select_related("area")}
    rows = ask("observations")["results"]
    assert {(r["code"], r["series"]): r["coverage"] for r in rows if r["coverage"]} == {
        (r["code"], r["series"]): kept.get((r["code"], r["series"]), 1.0)
        for r in rows
        if r["value"] is not None
    }


def test_what_may_not_be_passed_on_is_refused_or_named_and_never_just_absent(
    live, put_live, make_indicator, client, ask
):
    make_indicator("closed")
    put_live(
        shares(SIXTEEN[:4], codes=COUNCILS, edition="authority", indicator="closed"),
        "not-ours",
        redistributable=False,
    )
    refused = ask("observations", 403, indicator="closed")
    assert "“The not-ours”" in refused["detail"]
    assert refused["withheld"][0]["indicators"] == ["closed"]
    mixed = ask("observations", type="authority")
    assert {r["indicator"] for r in mixed["results"]} == {"share"}
    assert [(w["release"], w["indicators"]) for w in mixed["withheld"]] == [
        ("not-ours", ["closed"])
    ]
    for suffix in (".csv", ".parquet"):
        refused = ask(f"observations{suffix}", 403, type="authority")
        assert "redistributable=true" in refused["detail"]
        reply = client.get(f"/api/v1/observations{suffix}?type=authority&redistributable=true")
        assert reply.status_code == 200
    (series,) = ask("series", indicator="closed", edition="authority")["results"]
    assert series["quantiles"] is series["histogram"] is series["plot_high"] is None
    assert "passed on" in series["withheld"]
    assert series["n_values"] == 4
    ask(f"series/{series['id']}/observations", 403)
    assert ask("releases/not-ours")["redistributable"] is False


def test_a_file_that_would_be_too_long_is_refused_with_what_to_do(live, settings, ask):
    settings.LEVELUP_API_MOST_ROWS = 10
    refused = ask("observations.csv", 413)
    assert "10 at most" in refused["detail"]
    assert ask("observations", limit=5)["count"] > 10, "pages have no such end"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("area=NOPE123", 404),
        ("parent=NOPE123", 404),
        ("indicator=nope", 404),
        ("type=nope&edition=nope", 404),
        ("as_at=2999-01-01T00:00:00Z", 404),
        ("as_at=yesterday", 400),
        ("as_at=2021-01-01", 400),
        ("as_at=0001-01-01T00:00:00%2B14:00", 200),
        ("as_at=9999-12-31T23:59:59-14:00", 404),
        ("period=2021-99-99", 400),
        ("period=9999-01-01/P99999999999999999Y", 400),
        ("period=2021-02-30", 400),
        ("cursor=AAAA", 400),
        ("cursor=" + "A" * 500, 400),
        ("cursor=bnVsbA", 400),
        ("cursor=W10", 400),
        ("limit=0", 400),
        ("limit=10001", 400),
        ("limit=99999999999999999999999", 400),
        ("limit=1e3", 400),
        ("limit=１", 400),
        ("limit=1&limit=2", 400),
        ("latest=maybe", 400),
        ("area=%00", 400),
        ("area=", 400),
        ("area=" + ",".join(["E06000901"] * 10_000), 400),
        ("&".join(["area=E06000901"] * 2_000), 400),
        ("who=me", 400),
        ("format=xml", 400),
        ("%ff%fe=%ff", 400),
        ("indicator=' OR 1=1--", 400),
        ("type=uk&edition=ward", 200),
        ("latest=true&period=2021-03-21&area=E06000901&area=E06000902", 200),
    ],
)
def test_whatever_is_asked_there_is_a_sentence_and_never_a_fault(live, client, query, status):
    reply = client.get(f"/api/v1/observations?{query}")
    assert reply.status_code == status, reply.content[:500]
    if status != 200:
        assert reply["Content-Type"] == "application/problem+json"
        body = reply.json()
        assert body["status"] == status
        assert len(body["detail"]) > 20
        assert len(reply.content) < 5_000


def test_a_cursor_of_another_question_or_another_shape_leads_nowhere(live, ask):
    first = ask("observations", limit=3)
    cursor = dict(parse_qsl(urlsplit(first["next"]).query))["cursor"]
    problem = ask("observations", 400, cursor=cursor, type="uk")
    assert "another question" in problem["detail"]
    assert [e["parameter"] for e in problem["errors"]] == ["cursor"]
    assert ask("series", 400, cursor=cursor)["status"] == 400
    assert ask("observations", cursor=cursor, limit=5)["results"]


@pytest.mark.parametrize(
    "at",
    [
        "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2999-01-01T00:00:00+00:00",
        "2026-01-01T12:00:00", "yesterday", 5, None,
    ],
)  # fmt: skip
def test_a_cursor_of_a_moment_that_there_is_not_leads_nowhere(live, ask, at):
    first = ask("observations", limit=3)
    cursor = dict(parse_qsl(urlsplit(first["next"]).query))["cursor"]
    question, (_, *place) = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    made_up = json.dumps([question, [at, *place]]).encode()
    cursor = urlsafe_b64encode(made_up).decode().rstrip("=")
    problem = ask("observations", 400, limit=3, cursor=cursor)
    assert [e["parameter"] for e in problem["errors"]] == ["cursor"]


def test_figures_of_the_areas_of_a_group(mixed, ask):
    ids = list(Area.objects.filter(code__in=COUNCILS[1:3]).values_list("pk", flat=True))
    group = make_group(name="Both", area_ids=ids, at=NOON)
    rows = ask("observations", group=group.token)["results"]
    named = ask("observations", area=",".join(COUNCILS[1:3]))["results"]
    assert rows == named != []
    both = ask("observations", group=group.token, area=COUNCILS[0], type="authority")["results"]
    assert {r["code"] for r in both} == set(COUNCILS[:3])


def test_one_fault_after_another_is_named_at_once(live, ask):
    problem = ask("observations", 400, limit="x", wrong="1", latest="perhaps")
    assert {e["parameter"] for e in problem["errors"]} == {"limit", "wrong", "latest"}
    assert "indicator" in problem["allowed"]


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("observations", 5),
        ("observations?area=E06000901,E06000902&indicator=share&type=authority", 10),
        ("observations?parent=E92000001&type=lsoa", 13),
        ("observations.csv", 5),
        ("series", 3),
        ("series?indicator=share&edition=ward&limit=1", 5),
    ],
)
def test_a_question_costs_the_same_queries_however_many_figures(
    mixed, put_live, client, path, queries, django_assert_num_queries
):
    def read():
        reply = client.get(f"/api/v1/{path}")
        assert reply.status_code == 200
        return b"".join(reply) if reply.streaming else reply.content

    read()  # The process then keeps the areas of each edition.
    with django_assert_num_queries(queries):
        short = read()
    put_live(shares(SIXTEEN, period="2023-04-01/P1Y"), "fourth")
    read()
    with django_assert_num_queries(queries):
        longer = read()
    if "limit=1" in path:
        assert [len(json.loads(text)["results"]) for text in (short, longer)] == [1, 1]
        assert json.loads(longer)["count"] > json.loads(short)["count"]
    else:
        assert len(longer) > len(short)


def test_the_future_is_not_known(live, ask):
    at = (timezone.now() + timedelta(days=1)).isoformat()
    assert "has passed" in ask("observations", 404, as_at=at)["detail"]
