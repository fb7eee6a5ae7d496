"""Areas and the catalogue through the API, and how it answers: tags, problems, other sites."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit

import pytest
import shapely
from django.core.cache import cache
from redis.exceptions import ConnectionError as RedisGone

from areas.groups import make_group
from areas.hierarchy import parents
from areas.models import Area
from indicators.api.places import AreaList
from indicators.api.schema import schema
from indicators.api.throttles import ReaderThrottle
from tests.conftest import NOON, shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, START, WARDS, members, overlaps

pytestmark = pytest.mark.django_db


def every(ask, path, **query):
    """Return the results of every page."""
    rows = []
    while True:
        answer = ask(path, **query)
        rows += answer["results"]
        if answer["next"] is None:
            assert answer["count"] == len(rows)
            return rows
        query = dict(parse_qsl(urlsplit(answer["next"]).query))


def codes(rows):
    return [r["code"] for r in rows]


# Areas


def test_every_area_is_there_once_page_by_page(ask):
    expected = sorted(Area.objects.values_list("code", flat=True))
    assert sorted(codes(ask("areas")["results"])) == expected
    assert sorted(codes(every(ask, "areas", limit=4))) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"code": f"{COUNCILS[1]},{WARDS[0]}"}, {COUNCILS[1], WARDS[0]}),
        ({"code": COUNCILS[1].lower()}, {COUNCILS[1]}),
        ({"type": "region"}, {"E12000901", "E12000902"}),
        ({"edition": "ward"}, set(WARDS)),
        ({"parent": COUNCILS[0], "type": "ward"}, set(WARDS[:2])),
        ({"parent": COUNCILS[0], "type": "lsoa"}, set(NEIGHBOURHOODS[:4])),
        ({"parent": "S92000003"}, {COUNCILS[3], *WARDS[6:], *NEIGHBOURHOODS[12:]}),
        ({"parent": "K02000001", "type": "authority"}, set(COUNCILS)),
        ({"type": "authority", "current": "false"}, {"E07000901", "E07000902"}),
        ({"postcode": "ab1 1aa", "type": "ward"}, {WARDS[0]}),
        ({"q": "Ashby", "type": "authority"}, {COUNCILS[0]}),
        ({"q": "an dail", "type": "authority"}, {COUNCILS[3]}),
        ({"type": "ward", "parent": COUNCILS[0], "q": "birch"}, set()),
    ],
)
def test_areas_are_found_by_what_is_known_of_them(ask, query, expected):
    answer = ask("areas", **query)
    assert set(codes(answer["results"])) == expected
    assert answer["count"] == len(expected)


def test_areas_are_found_by_a_point(ask):
    outline = ask(f"areas/{NEIGHBOURHOODS[5]}/boundary.geojson")
    middle = shapely.geometry.shape(outline["geometry"]).centroid
    found = ask("areas", point=f"{middle.y:.6f},{middle.x:.6f}")
    assert {NEIGHBOURHOODS[5], COUNCILS[1], "E12000901", "E92000001", "K02000001"} <= set(
        codes(found["results"])
    )
    assert COUNCILS[0] not in codes(found["results"])
    for far in ("0,0", "-90,180", "90,-180", "89.999,0"):
        assert ask("areas", point=far)["results"] == []


def test_an_answer_to_a_question_that_finds_nothing_says_why(ask):
    answer = ask("areas", postcode="ZZ99 9ZZ")
    assert answer["results"] == []
    assert "ZZ99 9ZZ is not held" in answer["message"]


def test_words_find_everything_that_answers_and_what_else_is_asked_narrows_all_of_it(ask, client):
    made = [("ward", f"E0599{n:04}", f"Newton {n}st") for n in range(230)]
    made += [("lsoa", f"E0199{n:04}", f"Newton 00{n}A") for n in range(5)]
    Area.objects.bulk_create(
        Area(code=code, name=name, area_type_id=kind, valid_from=START) for kind, code, name in made
    )
    rows = every(ask, "areas", q="newton", limit=90)
    assert sorted(codes(rows)) == sorted(code for _, code, _ in made)
    text = b"".join(client.get("/api/v1/areas.csv?q=newton")).decode()
    assert codes(csv.DictReader(io.StringIO(text))) == codes(rows)
    numbered = ask("areas", q="newton", type="lsoa")
    assert numbered["count"] == len(numbered["results"]) == 5
    assert "message" not in numbered


def test_names_like_the_question_are_sought_among_the_types_that_are_asked_for(ask):
    near = ask("areas", q="Ashbey", type="authority")
    assert codes(near["results"]) == [COUNCILS[0]]
    assert "showing names like it" in near["message"]
    none = ask("areas", q="Ashbey", type="region")
    assert (none["results"], none["count"]) == ([], 0)
    assert "“q”" in none["message"]


def test_an_area_says_what_it_is_part_of_and_by_which_fit(ask):
    detail = ask(f"areas/{NEIGHBOURHOODS[3]}")
    kinds = {p["code"]: (p["kind"], p["direct"]) for p in detail["parents"]}
    # Counted in a ward of the next council, but part of its own.
    assert kinds[WARDS[2]] == ("best-fit", True)
    assert kinds[COUNCILS[0]] == ("exact", True)
    assert COUNCILS[1] not in kinds
    assert kinds["E12000901"] == ("exact", False)
    (region,) = [p for p in detail["parents"] if p["code"] == "E12000901"]
    assert len(region["sources"]) == len(set(region["sources"])) > 0
    whole = parents(Area.objects.select_related("area_type").get(code=NEIGHBOURHOODS[3]))
    assert [p["code"] for p in detail["parents"]] == [w.area.code for w in reversed(whole)]
    assert [p["sources"] for p in detail["parents"]] == [list(w.sources) for w in reversed(whole)]
    assert [e["slug"] for e in detail["editions"]] == ["lsoa"]
    assert sum(a == "E92000001" for _, a in overlaps()[("authority", "country", "exact")]) == 3


@pytest.mark.parametrize("code", ["K02000001", "E92000001", "E12000901", COUNCILS[0], WARDS[2]])
def test_what_lies_inside_is_one_answer_as_a_count_a_list_and_a_table(ask, client, code, live):
    detail = ask(f"areas/{code}")
    for child in detail["children"]:
        inside = every(ask, "areas", parent=code, edition=child["edition"])
        assert child["count"] == len(inside) > 0
        table = client.get(f"/areas/{code}/parts.csv?level={child['edition']}&show=share")
        rows = list(csv.DictReader(io.StringIO(b"".join(table).decode("utf-8-sig"))))
        wider = {code, *codes(detail["parents"])}
        assert {r["code"] for r in rows} - wider == set(codes(inside))
    listed = {c["type"] for c in detail["children"]}
    assert listed == {a["type"] for a in every(ask, "areas", parent=code)} - {"country-group"}


def test_what_lies_inside_says_how_that_is_known(ask):
    council = ask(f"areas/{COUNCILS[0]}")
    known = {(c["edition"], c["count"], c["kind"], c["direct"]) for c in council["children"]}
    assert known == {("ward", 2, "exact", True), ("lsoa", 4, "exact", True)}
    assert [c["overlap_sets"] for c in council["children"]] == [
        ["ward-authority"],
        ["lsoa-authority"],
    ]
    ward = ask(f"areas/{WARDS[2]}")
    assert [(c["count"], c["kind"]) for c in ward["children"]] == [(3, "best-fit")]
    country = ask("areas/E92000001")
    assert {c["edition"]: c["direct"] for c in country["children"]} == {
        "region": True, "authority": True, "ward": False, "lsoa": False,
    }  # fmt: skip


def test_code_history_leads_both_ways(ask):
    old = ask("areas/E07000902/changes")
    assert [(c["to"], c["weight"]) for c in old["to"]] == [(COUNCILS[0], 0.5), (COUNCILS[1], 0.5)]
    assert codes(old["successors"]) == [COUNCILS[0], COUNCILS[1]]
    assert old["current"] is False
    new = ask(f"areas/{COUNCILS[2]}/changes")
    assert [(c["from"], c["kind"], c["effective"]) for c in new["from"]] == [
        ("E07000901", "recode", "2019-04-01")
    ]
    assert new["successors"] == []


def test_outlines_are_drawn_as_held_and_as_simply_as_is_asked(ask, client):
    whole = ask(f"areas/{COUNCILS[0]}/boundary.geojson", edition="authority")
    shape = shapely.geometry.shape(whole["geometry"])
    assert shape.is_valid
    west, south, east, north = shape.bounds
    assert -8 < west < east < 2
    assert 49 < south < north < 61
    simple = ask(f"areas/{COUNCILS[0]}/boundary.geojson", precision=10_000)
    assert len(str(simple["geometry"])) <= len(str(whole["geometry"]))
    missing = ask("areas/E07000901/boundary.geojson", 404)
    assert "No outline of Old Cedar" in missing["detail"]
    ask(f"areas/{COUNCILS[0]}/boundary.geojson", 404, edition="ward")


def test_a_list_with_outlines_keeps_shared_borders_shared(client):
    reply = client.get(
        "/api/v1/areas?edition=authority&precision=200", headers={"Accept": "application/geo+json"}
    )
    assert reply["Content-Type"] == "application/geo+json"
    found = reply.json()
    shapes = [shapely.geometry.shape(f["geometry"]) for f in found["features"]]
    assert [f["id"] for f in found["features"]] == members()["authority"]
    for above, below in pairwise(shapes):
        assert above.intersection(below).area == pytest.approx(0, abs=1e-12)
        assert above.intersection(below).length > 0.01
    first = client.get("/api/v1/areas.geojson?edition=authority&limit=2").json()
    second = client.get(first["next"].split("testserver")[1]).json()
    assert [f["id"] for f in first["features"] + second["features"]] == members()["authority"]
    ended = client.get("/api/v1/areas.geojson?code=E07000901").json()
    assert ended["features"][0]["geometry"] is None


def test_lists_are_files_too(live, client, ask):
    for path in ("areas", "area-types", "editions", "indicators", "datasets", "releases", "series"):
        rows = every(ask, path, limit=5)
        text = b"".join(client.get(f"/api/v1/{path}.csv")).decode()
        lines = list(csv.DictReader(io.StringIO(text)))
        assert len(lines) == len(rows) > 0
        assert list(lines[0]) == list(rows[0])
        key = next(iter(rows[0]))
        assert [line[key] for line in lines] == [str(r[key]) for r in rows]
    (line,) = csv.DictReader(
        io.StringIO(b"".join(client.get("/api/v1/series.csv?edition=lsoa")).decode())
    )
    assert json.loads(line["quantiles"])[-1] == 16.0
    assert json.loads(line["missing"]) == {"c": 0, "x": 0, "z": 0, "w": 0}


def test_text_that_a_spreadsheet_would_run_is_made_harmless(client):
    Area.objects.filter(code=COUNCILS[0]).update(name="=HYPERLINK(1)")
    text = b"".join(client.get(f"/api/v1/areas.csv?code={COUNCILS[0]}")).decode()
    assert ",'=HYPERLINK(1)," in text


# The catalogue


def test_an_indicator_says_what_it_has_figures_for(live, ask):
    detail = ask("indicators/share")
    assert {a["edition"] for a in detail["available"]} >= {"lsoa", "ward", "authority", "uk"}
    assert detail["scope"] == "K02000001"
    listed = ask("indicators", edition="lsoa", theme="people", dataset="census")["results"]
    assert [i["slug"] for i in listed] == ["share"]
    assert ask("indicators", 404, theme="nope")["status"] == 404


def test_a_release_says_where_it_came_from_but_not_who_published_it(live, ask):
    release = ask("releases/first")
    assert (release["status"], release["dataset"]) == ("published", "census")
    assert release["attribution"] == "Thank us."
    assert not [name for name in release if name.endswith("_by")]
    assert ask("datasets/census")["releases"] == [release]


# How it answers


def test_an_answer_is_kept_until_something_goes_live(live, put_live, client):
    for path in ("observations", "observations.csv", "series", "areas", "", "schema.json"):
        tag = client.get(f"/api/v1/{path}")["ETag"]
        again = client.get(f"/api/v1/{path}", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b""), path
        assert again["ETag"] == tag
        assert again["Cache-Control"] == "public, no-cache"
    old = client.get("/api/v1/observations.csv")["ETag"]
    put_live(shares([n + 1.0 for n in range(16)]), "second")
    fresh = client.get("/api/v1/observations.csv", headers={"If-None-Match": old})
    assert fresh.status_code == 200
    assert fresh["ETag"] != old
    gone = client.get("/api/v1/areas/E99999999", headers={"If-None-Match": old})
    assert gone.status_code == 404


def test_formats_have_tags_of_their_own_and_vary_by_accept(live, client):
    json_, csv_ = client.get("/api/v1/series"), client.get("/api/v1/series.csv")
    assert json_["ETag"] != csv_["ETag"]
    assert "Accept" in json_["Vary"]


def test_any_site_may_read_it_without_cookies(live, client):
    for path, status in (("areas", 200), ("nope", 404), ("areas?x=1", 400)):
        reply = client.get(f"/api/v1/{path}", headers={"Origin": "https://example.org"})
        assert reply.status_code == status
        assert reply["Access-Control-Allow-Origin"] == "*"
        assert "ETag" in reply["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in reply
        assert not reply.cookies
        assert "Cookie" not in reply.get("Vary", "")
    asked = client.options(
        "/api/v1/areas",
        headers={"Origin": "https://example.org", "Access-Control-Request-Method": "GET"},
    )
    assert asked.status_code == 204
    assert asked["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "trace"])
def test_nothing_is_written(live, client, method):
    for path in ("areas", "observations", "series/1", "nope", ""):
        reply = getattr(client, method)(f"/api/v1/{path}")
        assert reply.status_code == 405, path
        assert reply["Content-Type"] == "application/problem+json"
        assert reply["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["areas", "observations.csv", "observations", "docs/", "nope"])
def test_head_is_get_without_its_body(live, client, path):
    get, head = client.get(f"/api/v1/{path}"), client.head(f"/api/v1/{path}")
    assert (head.status_code, b"".join(head)) == (get.status_code, b"")
    assert head["Content-Type"] == get["Content-Type"]
    assert head.get("ETag") == get.get("ETag")


def test_head_of_what_is_streamed_does_not_say_that_it_is_empty(live, client):
    series = client.get("/api/v1/series").json()["results"][0]["id"]
    for path in (f"series/{series}/observations.csv", "observations.parquet"):
        for accepted in ("identity", "gzip"):
            head = client.head(f"/api/v1/{path}", headers={"Accept-Encoding": accepted})
            assert head.status_code == 200
            assert b"".join(head) == b""
            assert "Content-Length" not in head, path
            assert "Content-Encoding" not in head
    whole = client.head("/api/v1/areas")
    assert int(whole["Content-Length"]) == len(client.get("/api/v1/areas").content)


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("application/json;q=0", 406, "application/problem+json"),
        ("application/json;q=0, text/csv", 200, "text/csv; charset=utf-8"),
        ("application/json;q=0, */*", 200, "text/csv; charset=utf-8"),
        ("application/json;q=0.1, text/csv;q=0.9", 200, "text/csv; charset=utf-8"),
        ("*/*;q=0", 406, "application/problem+json"),
        ("text/csv, */*", 200, "text/csv; charset=utf-8"),
        ("text/html, */*;q=0.8", 200, "application/json"),
        ("application/json; charset=utf-8", 200, "application/json"),
        ("application/*", 200, "application/json"),
        ("", 200, "application/json"),
    ],
)
def test_a_format_is_chosen_as_the_reader_weighs_them(client, accept, status, kind):
    reply = client.get("/api/v1/areas", headers={"Accept": accept})
    assert (reply.status_code, reply["Content-Type"]) == (status, kind)
    assert client.get("/api/v1/", headers={"Accept": "application/json;q=0"}).status_code == 406


def test_an_area_says_what_touches_it(ask):
    near = ask(f"areas/{COUNCILS[1]}")["neighbours"]
    assert near["edition"] == "authority"
    assert [a["code"] for a in near["areas"]] == [COUNCILS[0], COUNCILS[2]]
    assert near["reason"] is None
    alone = ask("areas/E07000901")["neighbours"]
    assert (alone["areas"], alone["edition"]) == ([], None)
    assert "No outline of Old Cedar" in alone["reason"]


def test_areas_of_a_group_are_had_by_its_token(ask):
    ids = list(Area.objects.filter(code__in=COUNCILS[1:3]).values_list("pk", flat=True))
    group = make_group(name="Both", area_ids=ids, at=NOON)
    assert codes(ask("areas", group=group.token)["results"]) == list(COUNCILS[1:3])
    assert codes(ask("areas", group=group.token, q="cedar")["results"]) == [COUNCILS[2]]
    assert "No group is called" in ask("areas", 404, group="x" * 16)["detail"]
    assert "the token of a group" in ask("areas", 400, group="nope")["detail"]


def test_as_many_codes_may_be_asked_for_as_an_address_has_room_for(ask):
    most = next(p for p in AreaList.params if p.name == "code").most
    longest = f"GET /api/v1/observations.parquet?parent={'%2C'.join(['E06000901'] * most)} HTTP/1.1"
    assert len(longest) < 8190
    assert "group" in ask("areas", 400, code=",".join([COUNCILS[0]] * (most + 1)))["detail"]


def test_a_format_that_is_not_offered_is_refused(live, client):
    reply = client.get("/api/v1/areas", headers={"Accept": "image/png"})
    assert reply.status_code == 406
    assert "text/csv" in reply.json()["detail"]
    assert client.get("/api/v1/areas", headers={"Accept": "text/html"}).status_code == 406
    assert client.get("/api/v1/indicators/share.csv").status_code == 404
    assert client.get("/api/v1/areas.xml").status_code == 404
    assert "contradicts" in str(client.get("/api/v1/areas.csv?format=json").json()["errors"])


@pytest.mark.parametrize(
    "path",
    [
        "areas/%00", "areas/E0600%000901", "areas/..", "areas/../../etc", "series/-1", "series/1e9",
        "series/99999999999", "series/2147483648", "series/2147483647", "indicators/%00",
        "indicators/no such", "areas/E06000901/boundary.kml", "%00", "areas/é", "areas//changes",
        "areas/E06000901/boundary.geojson?precision=-1", "areas/E06000901?x=%00",
        "areas?q=%00", "areas?q=%20", "areas?q=" + "x" * 200, "areas?point=54", "areas?point=x,y",
        "areas?point=91,0", "areas?point=nan,inf", "areas?postcode=nope", "areas?current=perhaps",
        "areas?cursor=WzEsImEiXQ", "areas?code=%ED%A0%80",
    ],
)  # fmt: skip
def test_addresses_that_make_no_sense_get_a_sentence(live, client, path):
    reply = client.get(f"/api/v1/{path}")
    assert reply.status_code in {400, 404}, (path, reply.status_code)
    assert reply["Content-Type"] == "application/problem+json"
    assert reply.json()["detail"]


def test_a_last_slash_leads_to_the_address_without_it(client):
    reply = client.get("/api/v1/areas/?type=ward")
    assert (reply.status_code, reply["Location"]) == (301, "/api/v1/areas?type=ward")


def test_one_address_may_ask_so_often_and_is_told_when_to_ask_again(client, monkeypatch):
    monkeypatch.setattr(ReaderThrottle, "THROTTLE_RATES", {"api": "2/min"})
    statuses = [client.get("/api/v1/").status_code for _ in range(2)]
    assert statuses == [200, 200]
    refused = client.get("/api/v1/", headers={"X-Forwarded-For": "10.0.0.1"})
    assert refused.status_code == 429, "what a reader says of its own address is not believed"
    assert 0 < int(refused["Retry-After"]) <= 60
    assert refused["Content-Type"] == "application/problem+json"
    assert client.get("/api/v1/", REMOTE_ADDR="10.0.0.2").status_code == 200


def test_a_limit_counts_addresses_that_cannot_be_read_from_what_it_keeps(client, monkeypatch):
    monkeypatch.setattr(ReaderThrottle, "THROTTLE_RATES", {"api": "2/min"})
    client.get("/api/v1/", REMOTE_ADDR="203.0.113.9")
    (key,) = (k for k in cache._cache if "api-rate" in k)
    assert re.search(r"api-rate-[0-9a-f]{24}$", key)


def test_pages_of_many_outlines_are_limited_apart(client, monkeypatch):
    monkeypatch.setattr("indicators.api.places.MANY_OUTLINES", 3)
    monkeypatch.setattr("indicators.api.places.MOST_MANY_OUTLINES", 1)
    address = "/api/v1/areas.geojson?edition=authority"
    assert [client.get(address).status_code for _ in range(2)] == [200, 429]
    assert client.get(f"{address}&limit=3").status_code == 200


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"type": "ward", "edition": "lsoa"}, "“type” and “edition” at once"),
        ({"point": "10,10"}, "10, 10 is outside the United Kingdom."),
        ({"point": "-1.2,54.5"}, "Was 54.5, −1.2 meant? Latitude comes first."),
        ({"point": "60.9,1.9"}, "in the sea"),
        ({"point": "48.8,2.3", "type": "ward"}, "outside the United Kingdom"),
    ],
)
def test_an_empty_list_says_why_as_json_and_as_geojson(ask, query, words):
    for path, rows in (("areas", "results"), ("areas.geojson", "features")):
        answer = ask(path, **query)
        assert (answer[rows], answer["count"], answer["next"]) == ([], 0, None)
        assert words in answer["message"]


def test_outlines_come_with_how_many_there_are(ask):
    answer = ask("areas.geojson", edition="authority", limit=1)
    assert answer["count"] == ask("areas", edition="authority")["count"] > 1
    assert "message" not in answer


def test_an_empty_catalogue_says_why(live, ask):
    assert "“theme”" not in ask("indicators")
    empty = ask("series", edition="lsoa", type="ward")
    assert "“type”" in empty["message"]
    assert "“edition”" in empty["message"]


def test_the_reference_shows_how_to_take_a_series_that_is_held_here(live, client):
    page = client.get("/api/v1/docs/").content.decode()
    address = re.search(r"/api/v1/series/[0-9]+/observations\.csv", page)
    assert address
    assert client.get(address[0]).status_code == 200


def test_without_redis_everyone_is_answered(client, monkeypatch):
    monkeypatch.setattr(ReaderThrottle, "THROTTLE_RATES", {"api": "2/min"})

    def gone(*args, **kwargs):
        raise RedisGone("gone")

    with monkeypatch.context() as here:
        here.setattr(ReaderThrottle.cache, "get", gone)
        assert [client.get("/api/v1/").status_code for _ in range(4)] == [200] * 4


def test_a_fault_of_ours_is_a_problem_without_its_traceback(client, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("secret of the database")

    monkeypatch.setattr("indicators.api.endpoint.data_version", broken)
    reply = client.get("/api/v1/areas")
    assert reply.status_code == 500
    assert "secret" not in reply.content.decode()
    assert reply["Content-Type"] == "application/problem+json"


# The reference


def test_the_schema_is_openapi_3_1_and_names_every_address_once(client):
    found = client.get("/api/v1/schema.json").json()
    assert found["openapi"] == "3.1.0"
    assert len(found["paths"]) == 17
    operations = [o["get"]["operationId"] for o in found["paths"].values()]
    assert len(set(operations)) == len(operations)
    for path, methods in found["paths"].items():
        assert list(methods) == ["get"]
        operation = methods["get"]
        assert operation["summary"]
        assert operation["description"]
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (path, parameter["name"])
        assert {"200", "304", "400", "404", "406", "429"} <= set(operation["responses"])
    assert client.get("/api/v1/schema.yaml")["Content-Type"] == "application/yaml"


def test_the_reference_page_describes_every_parameter_and_runs_no_script_of_its_own(live, client):
    reply = client.get("/api/v1/docs/")
    page = reply.content.decode()
    assert "unsafe" not in reply["Content-Security-Policy"]
    assert not re.search(r"\sstyle=|<style|\son\w+=", page)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert anchor in ids
    for methods in schema()["paths"].values():
        operation = methods["get"]
        assert f'id="{operation["operationId"]}"' in page
        for parameter in operation.get("parameters", []):
            assert f"<code>{parameter['name']}</code>" in page
    for kind in ("bad-parameters", "too-many-requests"):
        assert f'id="problem-{kind}"' in page


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("areas", 3),
        ("areas?type=ward&limit=1", 4),
        ("areas?parent=E92000001&type=lsoa", 10),
        ("areas.geojson?edition=authority", 6),
        ("areas/E06000901", 9),
        ("areas/E06000901/changes", 5),
        ("areas/E06000901/boundary.geojson", 4),
        ("area-types", 3),
        ("editions", 3),
        ("indicators", 3),
        ("indicators/share", 3),
        ("datasets", 3),
        ("datasets/census", 3),
        ("releases", 3),
        ("releases/first", 2),
        ("", 1),
        ("schema.json", 1),
        ("docs/", 2),
    ],
)
def test_an_address_costs_so_many_queries(live, client, path, queries, django_assert_num_queries):
    with django_assert_num_queries(queries):
        assert client.get(f"/api/v1/{path}").status_code == 200
