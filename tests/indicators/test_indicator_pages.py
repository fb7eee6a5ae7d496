"""One indicator everywhere: what its pages say, against a slow second way of counting it."""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from itertools import product
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from areas.importing import load
from areas.models import Area, AreaOverlap, Edition
from areas.roster import folded, roster
from indicators.exports.files import FORMATS
from indicators.insight import indicator as insight
from indicators.insight.live import data_version
from indicators.models import Dataset, Indicator, Licence, Observation
from indicators.presenters import indicator as presenter
from indicators.presenters.words import number, numbers
from indicators.views import downloads
from tests.conftest import shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, WARDS

pytestmark = pytest.mark.django_db
SIXTEEN = [float(n) for n in range(1, 17)]
# Two areas share the lowest value, one has none.
UNEVEN: list[float | None] = [3, 1, 1, 7, 9, 4, None, 12, 16, 5, 8, 2, 30, 6, 10, 11]


@pytest.fixture
def live(make_indicator, put_live) -> Any:
    make_indicator()
    return put_live(shares(UNEVEN))


def page_of(client: Any, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status, f"{address}: {response.status_code}"
    text: str = response.content.decode()
    return text


def across(slug: str = "share", level: str = "lsoa", period: str = "") -> insight.Across:
    indicator = Indicator.objects.select_related("scope__area_type").get(slug=slug)
    version = data_version()
    found = insight.held(indicator, version)
    return insight.across(indicator, found, insight.choose(found, level, period), version)


def words(html: str) -> str:
    """Return the text of a page with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@functools.cache  # The tiny UK never changes.
def slow_parent(code: str, edition: str, to: str) -> str | None:
    """Walk the overlaps of the database upwards, one at a time, to the area of another edition."""
    seen = [(code, edition)]
    while seen:
        here, at = seen.pop(0)
        if at == to:
            return here
        up = AreaOverlap.objects.filter(
            from_area__code=here, overlap_set__from_edition__slug=at
        ).select_related("to_area", "overlap_set__to_edition")
        seen += [(o.to_area.code, o.overlap_set.to_edition.slug) for o in up]
    return None


def slow_values(indicator: str, edition: str) -> dict[str, float | None]:
    """Return value by code from the rows of the live series, not from its packed array."""
    chosen = across(indicator, edition).chosen
    ids = Edition.objects.get(slug=edition).areas.values_list("pk", "code")
    rows = dict(
        Observation.objects.filter(series_id=chosen.series_id).values_list("area_id", "value")
    )
    return {code: rows.get(pk) for pk, code in ids}


# Rosters


def test_a_roster_knows_the_parents_that_a_walk_up_the_overlaps_finds():
    for edition, to in (
        ("lsoa", "authority"), ("lsoa", "region"), ("lsoa", "country"), ("lsoa", "uk"),
        ("ward", "country"), ("authority", "region"),
    ):  # fmt: skip
        here = roster(Edition.objects.get(slug=edition), 0)
        wider, at = next((e, at) for e, at in here.parents.items() if e.slug == to)
        above = roster(wider, 0).frame["code"].to_list()
        found = [above[i] if i >= 0 else None for i in at.tolist()]
        codes = here.frame["code"].to_list()
        assert found == [slow_parent(code, edition, to) for code in codes], f"{edition} in {to}"


def test_a_roster_says_which_areas_lie_within_another():
    here = roster(Edition.objects.get(slug="lsoa"), 0)
    assert here.within(Area.objects.get(code="S92000003")).tolist() == [False] * 12 + [True] * 4
    assert here.within(Area.objects.get(code=COUNCILS[1])).sum() == 4
    assert here.within(Area.objects.get(code="K02000001")).all()
    assert here.within(Area.objects.get(code=NEIGHBOURHOODS[2])).sum() == 1


def test_names_are_folded_as_the_database_folds_them():
    with connection.cursor() as cursor:
        for text in ("St. Helens", "Ynys Môn", "King's Lynn", "Stoke-on-Trent", "Bute, Isle of"):
            cursor.execute("SELECT levelup_fold(%s)", (text,))
            assert (folded(text),) == cursor.fetchone()


def test_many_numbers_are_written_as_one_is():
    values = np.array([0.0, -0.04, -1.5, -1.55, 12.35, 1234.567, -98765.4321, 1e9, 0.05, 0.5, 2.5])
    for decimals in range(5):
        assert numbers(values, decimals) == [number(v, decimals) for v in values.tolist()]


# The answer


def test_the_answer_is_the_figure_of_the_widest_area_and_the_spread_of_the_level(live, client):
    page = words(page_of(client, "/indicators/share/?level=authority"))
    by_council = {c: v for c, v in slow_values("share", "authority").items() if v is not None}
    assert set(by_council) == {COUNCILS[0], COUNCILS[2], COUNCILS[3]}  # Birch lacks a quarter.
    low, high = min(by_council, key=by_council.get), max(by_council, key=by_council.get)
    name = dict(Area.objects.values_list("code", "name"))
    assert (
        f"ran from {by_council[low]:.1f}% in {name[low]} to {by_council[high]:.1f}% in "
        f"{name[high]} among the 3 of 4 local authorities with a figure; half were at or below "
        f"{median(by_council.values()):.1f}%." in page
    )


def test_the_whole_is_said_where_it_is_known(make_indicator, put_live, client):
    make_indicator()
    put_live(shares(SIXTEEN))
    page = words(page_of(client, "/indicators/share/"))
    assert "Share stood at 8.5% in the United Kingdom on 21 March 2021." in page
    assert "It ran from 2.5% in Ashby to 14.5% in Dale among 4 local authorities" in page
    assert "half were at or below 8.5%" in page


def test_a_value_that_many_share_names_no_one_of_them(live):
    said = " ".join(presenter.answer(across()))
    assert "from 1.0% (in 2 of them) to 30.0% in Dale 001" in said
    assert "among the 15 of 16 neighbourhoods with a figure" in said


def test_where_the_whole_is_unknown_the_page_says_so(make_indicator, put_live, client):
    make_indicator(aggregation="none")
    put_live(shares(SIXTEEN))
    page = words(page_of(client, "/indicators/share/?level=lsoa"))
    assert "No figure is held for the United Kingdom as a whole on 21 March 2021." in page
    assert "Share ran from 1.0%" in page


def test_ones_that_are_all_the_same_are_not_said_to_run(make_indicator, put_live):
    make_indicator()
    put_live(shares([4.0] * 16))
    assert "Every one of 16 neighbourhoods has the same: 4.0%." in presenter.answer(across())


def test_a_level_without_any_figure_says_so(make_indicator, put_live, client):
    make_indicator()
    put_live(shares([None] * 16))
    page = words(page_of(client, "/indicators/share/"))
    assert "None of its 16 neighbourhoods has a figure." in page


# Countries, ranks, table


def test_countries_and_regions_are_summed_up_as_by_hand(live):
    found = across()
    values = slow_values("share", "lsoa")
    assert [g.area.code for g in found.groups] == [
        "E92000001", "S92000003", "E12000901", "E12000902",
    ]  # fmt: skip
    for group in found.groups:
        to = "country" if group.area.code[1:3] == "92" else "region"
        inside = [c for c in values if slow_parent(c, "lsoa", to) == group.area.code]
        known = [v for c in inside if (v := values[c]) is not None]
        assert (group.n_members, group.n_values) == (len(inside), len(known))
        assert group.median == pytest.approx(median(known))
        assert group.lowest is not None
        assert group.highest is not None
        assert (group.lowest.value, group.highest.value) == (min(known), max(known))
        codes = found.roster.frame["code"].to_list()
        assert {codes[i] for i in group.lowest.ordinals} == {
            c for c in inside if values[c] == min(known)
        }


def test_ranks_are_counted_from_the_highest_among_the_scope(live):
    found = across()
    rows = presenter.table_rows(found, np.arange(16))
    values = slow_values("share", "lsoa")
    known = [v for v in values.values() if v is not None]
    for row in rows:
        value = values[row["code"]]
        if value is None:
            assert (row["text"], row["rank"]) == ("", "")
            assert row["missing"] == "not available"
        else:
            place = 1 + sum(other > value for other in known)
            assert row["rank"] == f"{place}{'=' if known.count(value) > 1 else ''}"
            assert row["text"] == f"{value:.1f}%"


def test_an_area_that_the_series_says_nothing_of_is_said_to_be_not_held(
    make_indicator, put_live, client
):
    make_indicator()
    put_live(shares([3.0, 1.0, 2.0], codes=COUNCILS[:3], edition="authority"))
    assert "Dale Scotland no data: not held" in words(
        page_of(client, "/indicators/share/?level=authority")
    )
    block = client.get("/map/authority/share/areas.json?block=0").json()
    assert block["missing"] == ["", "", "", "not held"]
    listed = client.get("/map/authority/share.json?within=K02000001").json()
    assert listed["missing"] == block["missing"]


def test_no_data_always_says_why(make_indicator, put_live, client):
    make_indicator(scope="E92000001", aggregation="none")
    for year in ("2020", "2021"):
        at = {"codes": COUNCILS[:2], "edition": "authority", "period": f"{year}-03-21"}
        put_live(shares([3.0, 1.0], **at), f"s{year}")
    at = {"codes": ("E12000901", "E12000902"), "edition": "region", "period": "2021-03-21"}
    put_live(shares([None, 2.0], **at, markers=["c", ""]), "regions")
    text = words(page_of(client, "/indicators/share/?level=authority"))
    assert "Held for 2 of the 3 local authorities of England, and comparable in England" in text
    assert "no data: not held" in text
    assert "no data: none has a figure" in text
    assert "no data: suppressed to protect people's privacy" in text.replace("&#39;", "'")
    assert text.count("no data") == text.count("no data: ")
    reply = client.get("/indicators/share/table.csv?level=authority")
    rows = list(csv.DictReader(io.StringIO(reply.content.decode())))
    assert [(r["value"], r["marker"]) for r in rows] == [("3.0", ""), ("1.0", ""), ("", "not held")]
    notes = client.get("/indicators/share/table.notes.csv?level=authority").content.decode()
    assert "what is held here says nothing of the area" in notes


def test_words_of_the_page_keep_capitals_and_grammar(live, client):
    text = words(page_of(client, "/indicators/share/?in=E99", 404))
    assert "No country, region or authority that holds local authorities has the code “E99”" in text
    Dataset.objects.update(cadence="Irregular")
    text = words(page_of(client, "/indicators/share/"))
    assert "How often it is issued: irregular." in text


def test_an_address_that_says_two_things_is_told_which_is_taken(live, client):
    text = words(page_of(client, "/indicators/share/?level=ward&level=lsoa"))
    assert "The address gives “level” more than once, and not the same: “lsoa” is taken." in text
    assert "more than once" not in page_of(client, "/indicators/share/?level=lsoa&level=lsoa")


def test_the_map_is_told_where_its_figures_are_from(live, client):
    for address in ("share/all.json", f"share.json?within={COUNCILS[0]}"):
        said = client.get(f"/map/lsoa/{address}").json()["source"]
        assert re.fullmatch(r"Source: Office for Tests, .*The first.*\. Thank us\.", said)


def test_ranks_and_the_table_stop_at_the_scope(make_indicator, put_live, client):
    make_indicator(scope="E92000001")
    put_live(shares(SIXTEEN[:12], codes=NEIGHBOURHOODS[:12]))
    page = page_of(client, "/indicators/share/?level=lsoa")
    assert "Published for England only." in words(page)
    assert NEIGHBOURHOODS[12] not in page
    assert "All 12 neighbourhoods" in page
    found = client.get("/map/lsoa/share/all.json").json()
    assert found["classes"][12:] == "----"
    assert "-" not in found["classes"][:12]


def test_areas_without_a_lookup_are_in_the_nation_that_their_codes_say(
    make_indicator, put_live, client
):
    """An edition may be loaded as it was issued, before anything says what it lies in."""
    old = Edition.objects.create(
        slug="authority-old", name="Old authorities", area_type_id="authority",
        date=date(2011, 3, 27),
    )  # fmt: skip
    load.load_members(old, pl.Series(COUNCILS))
    make_indicator(scope="E92000001", aggregation="none")
    put_live(shares([3.0, 1.0, 2.0], codes=COUNCILS[:3], edition="authority-old"))
    page = page_of(client, "/indicators/share/?level=authority-old")
    assert ordered_codes(page) == [COUNCILS[0], COUNCILS[2], COUNCILS[1]]
    assert "among 3 local authorities" in words(page)
    assert client.get("/map/authority-old/share/all.json").json()["classes"][3] == "-"
    here = roster(old, data_version())
    assert here.within(Area.objects.get(code="S92000003")).tolist() == [False] * 3 + [True]
    assert here.within(Area.objects.get(code="K03000001")).all()
    # A region has no letter of its own: nothing says what lies in it.
    assert not here.within(Area.objects.get(code="E12000901")).any()


def ordered_codes(html: str) -> list[str]:
    return re.findall(r'<tr data-code="([^"]+)"', html)


def slow_table(sort: str, within: str, q: str) -> list[str]:
    """Return the codes that the table of neighbourhoods should list, in order, by plain sorting."""
    values = slow_values("share", "lsoa")
    areas = {a.code: a for a in Area.objects.filter(code__in=values)}
    names = dict(Area.objects.values_list("code", "name"))
    codes = [
        c
        for c in values
        if (not within or within in (slow_parent(c, "lsoa", e) for e in
                                     ("authority", "region", "country")))
        and (
            q.lower() in areas[c].name.lower()
            or q.lower() in areas[c].known_as.lower()
            or c.startswith(q.upper())
        )
    ]  # fmt: skip
    codes.sort(key=lambda c: (areas[c].name.lower(), c))
    key, down = sort.lstrip("-"), sort.startswith("-")
    if key == "name":
        return codes[::-1] if down else codes
    if key == "place":
        place = {c: names[slow_parent(c, "lsoa", "authority") or ""].lower() for c in codes}
        return sorted(codes, key=lambda c: place[c], reverse=down) if not down else [
            c for p in sorted(set(place.values()), reverse=True) for c in codes if place[c] == p
        ]  # fmt: skip
    known = [c for c in codes if values[c] is not None]
    known.sort(key=lambda c: (values[c] or 0.0) * (-1 if down else 1))
    return known + [c for c in codes if values[c] is None]


def test_the_table_sorts_and_filters_as_a_plain_sort_does(live, client):
    for sort, within, q in product(
        ("", "value", "-value", "name", "-name", "place", "-place"),
        ("", COUNCILS[1], "S92000003"),
        ("", "birch", "00", "E010009"),
    ):
        page = page_of(client, f"/indicators/share/?level=lsoa&sort={sort}&in={within}&q={q}")
        wanted = slow_table(sort or "-value", within, q)
        assert ordered_codes(page) == wanted, f"{sort=} {within=} {q=}"


def test_a_long_table_comes_a_page_at_a_time(live, client, monkeypatch):
    monkeypatch.setattr("indicators.views.indicators.PAGE_ROWS", 5)
    whole = slow_table("-value", "", "")
    got = []
    for n in range(1, 5):
        page = page_of(client, f"/indicators/share/?level=lsoa&page={n}")
        got += ordered_codes(page)
    assert got == whole
    assert "16 to 16 on this page" in page
    assert "It has 4 pages." in page_of(client, "/indicators/share/?level=lsoa&page=5", 404)


def test_a_filter_that_finds_nothing_says_how_to_see_all(live, client):
    page = words(page_of(client, "/indicators/share/?level=lsoa&q=zzz"))
    assert "None of the neighbourhoods answers to that. Show all of them" in page


# Levels and periods


def test_levels_are_links_and_the_authorities_come_first(live, client):
    page = page_of(client, "/indicators/share/")
    assert 'href="/indicators/share/?level=lsoa"' in page
    assert re.search(r'level=authority" aria-current="true"', page)
    assert "country-group" not in page
    assert "/indicators/share/?level=gb" not in page


def test_the_latest_period_is_shown_and_earlier_ones_are_a_click_away(
    make_indicator, put_live, client
):
    make_indicator()
    put_live(shares(SIXTEEN, period="2019-01-01/P1Y"), "older")
    put_live(shares([n + 1 for n in SIXTEEN], period="2020-01-01/P1Y"), "newer")
    page = words(page_of(client, "/indicators/share/"))
    assert "stood at 9.5% in the United Kingdom in 2020" in page
    page = words(page_of(client, "/indicators/share/?period=2019-01-01/P1Y"))
    assert "stood at 8.5% in the United Kingdom in 2019" in page
    assert "Over time" in page
    history = presenter.history(across(level="authority"))
    assert history is not None
    assert [r["label"] for r in history["rows"]] == ["2020", "2019"]
    assert history["names"] == ["United Kingdom", "England", "Scotland"]
    assert history["rows"][1]["values"] == ["8.5%", "6.5%", "14.5%"]


def test_a_break_in_the_series_is_said(make_indicator, put_live, client):
    make_indicator(aggregation="none")
    for year, marker in (("2019", ""), ("2020", "b")):
        put_live(
            shares([5.0, 6.0], codes=("E92000001", "S92000003"), edition="country",
                   period=f"{year}-01-01/P1Y", markers=[marker, ""]), f"y{year}",
        )  # fmt: skip
    page = words(page_of(client, "/indicators/share/?level=country"))
    assert "There is a break in the series at 2020." in page
    assert "5.0% [b]" in page


def test_a_level_or_period_that_is_not_held_says_which_are(live, client):
    page = words(page_of(client, "/indicators/share/?level=nope", 404))
    assert "Neighbourhoods" in page
    assert "Local authorities" in page
    page = words(page_of(client, "/indicators/share/?period=2001-01-01/P1Y", 404))
    assert "It is not held for 2001. It is held for: 21 March 2021." in page
    page = words(page_of(client, "/indicators/share/?level=lsoa&period=2001-01-01/P1Y", 404))
    assert "not held for Neighbourhoods for 2001" in page
    page = words(page_of(client, "/indicators/share/?period=yesterday", 400))
    assert "“yesterday” is not a period" in page


def test_an_unknown_indicator_is_offered_the_nearest(live, client):
    page = page_of(client, "/indicators/shar/", 404)
    assert 'href="/indicators/share/"' in page


HOSTILE = ["'\"><script>alert(1)</script>", "%27%22%3E", "=1+1", "[", "\\", "ü" * 500, "x" * 5000]


def test_no_hostile_query_breaks_a_page_or_is_run(live, client):
    own = product(
        ("/indicators/share/", "/indicators/share/table.csv"),
        ("level", "period", "sort", "in", "q", "page"),
        HOSTILE,
    )
    lists = product(("/indicators/",), ("q", "theme", "level", "scope"), HOSTILE)
    for address, key, text in (*own, *lists):
        response = client.get(address, {key: text})
        assert response.status_code in {200, 400, 404}, f"{address} {key}={text[:40]}"
        assert "<script>alert" not in response.content.decode()


def test_a_page_number_that_means_nothing_is_refused_with_a_sentence(live, client):
    for page in ("0", "-1", "1.5", "one", "9" * 30, "٣"):
        assert client.get("/indicators/share/", {"page": page}).status_code == 400


def test_the_pages_only_read(live, client):
    for address in ("/indicators/", "/indicators/share/", "/indicators/share/table.csv",
                    "/map/lsoa/share/all.json", "/map/lsoa/share/areas.json?block=0"):  # fmt: skip
        assert client.post(address).status_code == 405


# Nations apart


def test_a_twin_for_another_nation_is_linked_and_an_unlike_name_is_not(
    make_indicator, put_live, client
):
    make_indicator("waits", scope="E92000001", name="Waits")
    make_indicator("waits-s", scope="S92000003", name="Waits (Scotland)")
    make_indicator("beds", scope="S92000003", name="Beds")
    put_live(shares(SIXTEEN[:12], codes=NEIGHBOURHOODS[:12], indicator="waits"), "a")
    put_live(shares([1.0] * 4, codes=NEIGHBOURHOODS[12:], indicator="waits-s"), "b")
    put_live(shares([1.0] * 4, codes=NEIGHBOURHOODS[12:], indicator="beds"), "c")
    page = page_of(client, "/indicators/waits/")
    apart = re.search(r'<div class="notice">.*?</div>', page, re.S)
    assert apart
    assert "Waits (Scotland)" in apart[0]
    assert "Beds" not in apart[0]


# The list


def test_the_list_says_where_and_when_each_is_held(live, make_indicator, client):
    make_indicator("empty")
    page = words(page_of(client, "/indicators/"))
    assert "2 indicators are held here" in page
    assert "21 March 2021" in page
    assert "local authorities, wards and neighbourhoods" in page
    assert "Defined, but no figures are published yet." in page


@pytest.mark.parametrize(
    ("query", "n"),
    [("q=census+tests", 1), ("q=residents", 2), ("q=zzz", 0), ("theme=people", 2),
     ("level=ward", 1), ("level=ward&q=empty", 0), ("scope=K02000001", 2)],
)  # fmt: skip
def test_the_list_is_cut_down_by_its_form(live, make_indicator, client, query, n):
    make_indicator("empty")
    page = page_of(client, f"/indicators/?{query}")
    assert page.count("data-words=") == n
    assert (f"{n} of 2 shown" in page) == (n < 2)


def test_a_filter_that_does_not_exist_is_named(live, client):
    assert "There is no theme “nope”" in page_of(client, "/indicators/?theme=nope", 404)


def test_an_empty_site_and_an_empty_indicator_have_their_words(make_indicator, client):
    assert "No indicator has been defined yet." in page_of(client, "/indicators/")
    make_indicator()
    assert "No figures are published yet." in page_of(client, "/indicators/share/")
    assert client.get("/indicators/share/table.csv").status_code == 404


# The map


def test_the_map_of_a_level_has_a_digit_for_each_area_and_its_legend_counts_them(live, client):
    found = client.get("/map/lsoa/share/all.json?period=2021-03-21").json()
    assert len(found["classes"]) == 16
    values = slow_values("share", "lsoa")
    codes = across().roster.frame["code"].to_list()
    assert [i for i, c in enumerate(found["classes"]) if c == "0"] == [
        i for i, code in enumerate(codes) if values[code] is None
    ]
    for entry in found["legend"]["classes"]:
        assert found["classes"].count(str(entry["n"])) == entry["count"]
    by_value = sorted((values[c], found["classes"][i]) for i, c in enumerate(codes) if values[c])
    assert [c for _, c in by_value] == sorted(c for _, c in by_value)


def test_names_and_figures_come_by_the_block(live, client):
    found = client.get("/map/lsoa/share/areas.json?block=0").json()
    assert found["codes"] == list(NEIGHBOURHOODS)
    assert found["texts"][0] == "3.0%"
    assert (found["texts"][6], found["missing"][6]) == ("", "not available")
    assert client.get("/map/lsoa/share/areas.json?block=9").json()["codes"] == []
    for block in ("", "-1", "x", "9" * 20):
        assert client.get(f"/map/lsoa/share/areas.json?block={block}").status_code == 404


def test_what_the_map_fetches_is_kept_until_the_data_move(live, put_live, client):
    for address in ("/map/lsoa/share/all.json", "/map/lsoa/share/areas.json?block=0"):
        tag = client.get(address)["ETag"]
        assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
    put_live(shares(SIXTEEN), "second")
    response = client.get("/map/lsoa/share/all.json", headers={"If-None-Match": tag})
    assert response.status_code == 200
    assert "0" not in response.json()["classes"]


def test_a_map_of_what_is_not_held_is_not_found(live, client):
    for address in ("/map/lsoa/nope/all.json", "/map/nope/share/all.json",
                    "/map/lsoa/share/all.json?period=2001-01-01",
                    "/map/lsoa/share/all.json?period=x"):  # fmt: skip
        assert client.get(address).status_code == 404


def test_the_page_carries_the_map_once_its_outlines_are_drawn(live, client):
    assert "No outlines are held" in page_of(client, "/indicators/share/?level=lsoa")
    Edition.objects.filter(slug="lsoa").update(tile_hash="0" * 32)
    page = page_of(client, "/indicators/share/?level=lsoa")
    config = json.loads(re.search(r'id="map-config"[^>]*>(.*?)</script>', page, re.S)[1])
    assert config["values"] == "/map/lsoa/share/all.json?period=2021-03-21"
    assert client.get(config["values"]).status_code == 200


# Files


def test_the_csv_holds_every_area_of_the_scope_with_its_place_value_and_rank(live, client):
    response = client.get("/indicators/share/table.csv?level=lsoa")
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    values = slow_values("share", "lsoa")
    assert [r["code"] for r in rows] == list(NEIGHBOURHOODS)
    known = [v for v in values.values() if v is not None]
    for row in rows:
        value = values[row["code"]]
        assert (float(row["value"]) if row["value"] else None) == value
        assert row["authority_code"] == slow_parent(row["code"], "lsoa", "authority")
        assert row["country_code"] == slow_parent(row["code"], "lsoa", "country")
        assert row["rank"] == ("" if value is None else str(1 + sum(o > value for o in known)))
        assert row["marker"] == ("x" if value is None else "")
    scots = [r for r in rows if r["code"][0] == "S"]
    assert {r["region_code"] for r in scots} == {""}
    whence = ("2021-03-21", "%", "first", "Office for Tests, The first", "Open licence")
    assert {tuple(r.values())[-5:] for r in rows} == {whence}
    notes = client.get("/indicators/share/table.notes.csv?level=lsoa").content.decode()
    assert "Thank us." in notes
    assert client.get("/indicators/share/table.notes.csv?level=nope").status_code == 404


def test_every_format_is_had_for_every_level(live, client):
    for extension, level in product(FORMATS, ("lsoa", "ward", "authority", "country")):
        response = client.get(f"/indicators/share/table.{extension}?level={level}")
        assert response.status_code == 200, response.content[:500]
        assert f'share-{level}-2021-03-21.{extension}"' in response["Content-Disposition"]


def test_parquet_agrees_with_the_page(live, client):
    response = client.get("/indicators/share/table.parquet?level=lsoa")
    frame = pl.read_parquet(io.BytesIO(response.content))
    assert frame["value"].null_count() == 1
    assert dict(zip(frame["code"], frame["value"], strict=True)) == slow_values("share", "lsoa")


def test_a_file_is_cut_down_as_the_table_is(live, client):
    response = client.get(f"/indicators/share/table.csv?level=lsoa&in={COUNCILS[3]}")
    assert len(response.content.decode().strip().splitlines()) == 5
    assert client.get("/indicators/share/table.csv?level=lsoa&q=zzz").status_code == 404


def links(page: str) -> list[str]:
    """Return where the links of a page lead."""
    return [unescape(href) for href in re.findall(r'href="([^"]+)"', page)]


def test_a_table_that_is_cut_down_offers_files_of_just_that(live, client):
    whole = page_of(client, "/indicators/share/?level=lsoa")
    assert not [link for link in links(whole) if "table." in link and "in=" in link]
    page = page_of(client, f"/indicators/share/?level=lsoa&in={COUNCILS[3]}")
    assert "Download the 4 neighbourhoods in Dale" in words(page)
    (address,) = [x for x in links(page) if "table.csv" in x and f"in={COUNCILS[3]}" in x]
    lines = client.get(address).content.decode().strip().splitlines()
    assert len(lines) == 5
    named = page_of(client, "/indicators/share/?level=lsoa&q=dale%20001")
    (address,) = [x for x in links(named) if "table.csv" in x and "q=" in x]
    assert len(client.get(address).content.decode().strip().splitlines()) == 2


def test_every_period_of_a_table_is_had_as_a_file(live, put_live, client):
    page = page_of(client, f"/indicators/share/?level=lsoa&in={COUNCILS[3]}")
    assert not [link for link in links(page) if "/api/v1/observations" in link], "there is but one"
    put_live(shares(SIXTEEN, period="2020-03-21"), "before")
    page = page_of(client, f"/indicators/share/?level=lsoa&in={COUNCILS[3]}")
    (address,) = [link for link in links(page) if "/api/v1/observations.csv" in link]
    rows = list(csv.DictReader(io.StringIO(b"".join(client.get(address)).decode())))
    assert {r["code"] for r in rows} == set(NEIGHBOURHOODS[12:])
    assert {r["period"] for r in rows} == {"2020-03-21", "2021-03-21"}
    assert len(rows) == 8
    page = page_of(client, "/indicators/share/?level=lsoa")
    (address,) = [link for link in links(page) if "/api/v1/observations.parquet" in link]
    assert pl.read_parquet(io.BytesIO(b"".join(client.get(address)))).height == 32


def test_files_that_take_long_are_limited_with_when_to_come_again(
    live, client, monkeypatch, settings
):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    monkeypatch.setattr(downloads, "MANY_AREAS", 10)
    monkeypatch.setattr(downloads, "HEAVY_FILES", 2)
    at = "/indicators/share/table"
    replies = [client.get(f"{at}.{e}?level=lsoa") for e in ("xlsx", "geojson", "gpkg")]
    assert [r.status_code for r in replies] == [200, 200, 429]
    assert 3500 < int(replies[2]["Retry-After"]) <= 3600
    assert "Come again in 60 minutes" in words(replies[2].content.decode())
    assert client.get(f"{at}.csv?level=lsoa").status_code == 200
    assert client.get(f"{at}.xlsx?level=authority").status_code == 200, "few areas are quick"
    cache.clear()


def test_an_unknown_format_is_refused_with_those_there_are(live, client):
    page = words(page_of(client, "/indicators/share/table.docx", 404))
    assert "csv, xlsx, parquet, geojson, gpkg" in page


def test_figures_that_may_not_be_passed_on_are_shown_but_not_had_as_files(
    make_indicator, put_live, client
):
    make_indicator()
    put_live(shares(SIXTEEN), redistributable=False)
    page = page_of(client, "/indicators/share/?level=lsoa")
    assert "may be shown here but not passed on" in page
    assert "table.csv" not in page
    assert "16.0%" in page
    for extension in FORMATS:
        response = client.get(f"/indicators/share/table.{extension}?level=lsoa")
        assert response.status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "lsoa/share.json?within=E06000901",
        "lsoa/share/all.json",
        "lsoa/share/areas.json?block=0",
    ],
)
def test_what_a_map_fetches_of_a_closed_licence_is_drawn_but_not_kept_and_has_no_exact_figure(
    make_indicator, put_live, client, path
):
    make_indicator()
    put_live(shares([n + 0.23456 for n in SIXTEEN]))
    free = client.get(f"/map/{path}")
    assert (free["Cache-Control"], free["X-Robots-Tag"]) == ("no-cache", "noindex")
    again = client.get(f"/map/{path}", headers={"If-None-Match": free["ETag"]})
    assert again.status_code == 304
    Licence.objects.update(redistributable=False)
    # The tag from before is of no use: what it stood for may not be kept either.
    closed = client.get(f"/map/{path}", headers={"If-None-Match": free["ETag"]})
    assert closed.status_code == 200
    assert closed["Cache-Control"] == "private, no-store"
    assert closed["X-Robots-Tag"] == "noindex"
    assert "ETag" not in closed
    assert closed.json() == free.json()
    assert not re.search(r"[0-9]\.[0-9]{2,}", closed.content.decode()), "rounded as it is shown"


def test_a_licence_that_is_tightened_counts_at_once(live, client):
    assert client.get("/indicators/share/table.csv").status_code == 200
    Licence.objects.update(redistributable=False)
    assert client.get("/indicators/share/table.csv").status_code == 403


# How much is asked of the database


@pytest.fixture
def fresh() -> Iterator[None]:
    for kept in (insight._held, insight._bases, insight._wholes):
        kept.clear()
    yield


@pytest.mark.parametrize(
    ("address", "most"),
    [
        ("/indicators/", 4),
        ("/indicators/share/", 4),
        ("/indicators/share/?level=lsoa", 4),
        (f"/indicators/share/?level=lsoa&in={COUNCILS[0]}&q=a&sort=place", 4),
        ("/map/lsoa/share/all.json", 3),
        ("/map/lsoa/share/areas.json?block=0", 3),
        ("/indicators/share/table.csv?level=lsoa", 3),
    ],
)
def test_a_page_asks_few_questions_once_it_is_warm(
    live, client, fresh, django_assert_num_queries, address, most
):
    client.get(address)
    with django_assert_num_queries(most):
        client.get(address)


def test_a_cold_page_asks_no_more_where_more_is_held(live, make_indicator, put_live, client, fresh):
    def cold() -> int:
        for kept in (insight._held, insight._bases, insight._wholes):
            kept.clear()
        with CaptureQueriesContext(connection) as queries:
            page_of(client, "/indicators/share/?level=lsoa")
        return len(queries)

    cold()
    before = cold()
    for i in range(3):
        make_indicator(f"other-{i}")
        put_live(shares(SIXTEEN, indicator=f"other-{i}"), f"other-{i}")
        put_live(shares(SIXTEEN, period=f"20{i + 10}-03-21"), f"older-{i}")
    cold()
    assert cold() <= before + 1  # The data version moved: the rosters are read once more.


def test_wards_are_listed_with_the_authority_they_are_in(live):
    rows = presenter.table_rows(across(level="ward"), np.arange(len(WARDS)))
    assert [r["parent_code"] for r in rows] == [slow_parent(w, "ward", "authority") for w in WARDS]
