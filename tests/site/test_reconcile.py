"""The figures on the site add up: to published totals, to each other, to a slow second count."""

from __future__ import annotations

import bisect
import gzip
import html
import random
import re
from collections import Counter, defaultdict
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.site.conftest import Reply, Site

RESIDENTS_OF_ENGLAND_AND_WALES = 56_075_912  # census 2011, as published by ONS
SEED = 20_260_101
HTML_BUDGET = 60_000
SUPPRESSED = 1  # the positions of markers c, x, z, w: no value, and why
MISSING = (1, 2, 3, 4)
LIVE = """
    SELECT l.series_id, i.slug, e.slug, p.label, s.origin, s.n_values
    FROM indicators_liveseries l
    JOIN indicators_series s ON s.id = l.series_id
    JOIN indicators_indicator i ON i.id = l.indicator_id
    JOIN areas_edition e ON e.id = l.edition_id JOIN indicators_period p ON p.id = l.period_id
    WHERE upper_inf(l.live) ORDER BY l.series_id
"""
UNDER = """
    WITH RECURSIVE down(area_id) AS (
        SELECT %s::int
      UNION
        SELECT o.from_area_id FROM down
        JOIN areas_areaoverlap o ON o.to_area_id = down.area_id
        JOIN areas_overlapset s ON s.id = o.overlap_set_id AND s.kind <> 'apportioned'
    )
    SELECT m.area_id FROM down
    JOIN areas_member m ON m.area_id = down.area_id AND m.edition_id = %s
"""


def series_of(site: Site, indicator: str, edition: str) -> int:
    """Return the live series of an indicator that has one period only."""
    (found,) = [row[0] for row in site.rows(LIVE) if row[1:3] == (indicator, edition)]
    return int(found)


def a_sample(site: Site, size: int, biggest: int = 3) -> list[int]:
    """Return ids of live series: the biggest, and others by lot."""
    rows = sorted(site.rows(LIVE), key=lambda row: (-row[5], row[0]))
    rest = random.Random(SEED).sample(rows[biggest:], min(size, len(rows) - biggest))
    return [row[0] for row in rows[:biggest] + rest]


# Totals


@pytest.mark.parametrize(
    "editions",
    [
        ["lsoa-2011"],
        ["msoa-2011"],
        ["ward-2025"],
        ["authority-2025"],
        ["country-2025"],
        ["country-group-ew"],
    ],
    ids=lambda editions: editions[0],
)
def test_residents_of_every_level_sum_to_england_and_wales(site: Site, editions):
    total = sum(
        site.value(
            "SELECT sum(numerator) FROM indicators_observation WHERE series_id = %s",
            series_of(site, "population-density", edition),
        )
        for edition in editions
    )
    assert total == pytest.approx(RESIDENTS_OF_ENGLAND_AND_WALES, abs=0.5)


def test_residents_of_the_regions_and_wales_sum_to_england_and_wales(site: Site):
    regions = site.value(
        "SELECT sum(numerator) FROM indicators_observation WHERE series_id = %s",
        series_of(site, "population-density", "region-2025"),
    )
    wales = site.value(
        "SELECT numerator FROM indicators_observation o JOIN areas_area a ON a.id = o.area_id "
        "WHERE series_id = %s AND a.code = 'W92000004'",
        series_of(site, "population-density", "country-2025"),
    )
    assert regions + wales == pytest.approx(RESIDENTS_OF_ENGLAND_AND_WALES, abs=0.5)


def test_every_authority_is_there_once(site: Site):
    current = site.rows(
        "SELECT code FROM areas_area WHERE area_type_id = 'authority' AND valid_to IS NULL"
    )
    members = site.rows(
        "SELECT a.code FROM areas_member m JOIN areas_area a ON a.id = m.area_id "
        "JOIN areas_edition e ON e.id = m.edition_id WHERE e.slug = 'authority-2025'"
    )
    assert len(current) == 361
    assert set(current) == set(members)


POSTCODES = """
    SELECT w.to_area_id, s.to_area_id, count(*) FROM areas_postcode p
    JOIN areas_areaoverlap w ON w.from_area_id = p.ward_id
        AND w.overlap_set_id = (SELECT id FROM areas_overlapset WHERE slug = %s)
    JOIN areas_areaoverlap s ON s.from_area_id = p.small_area_id
        AND s.overlap_set_id = (SELECT id FROM areas_overlapset WHERE slug = %s)
    GROUP BY 1, 2
"""


def test_the_postcodes_of_wards_sum_to_those_of_their_authority(site: Site):
    by_ward: Counter[int] = Counter()
    by_small_area: Counter[int] = Counter()
    agreed = 0
    found = site.rows(POSTCODES, "ward-2025-to-authority-2025", "lsoa-2011-to-authority-2025")
    for ward_in, small_area_in, n in found:
        by_ward[ward_in] += n
        by_small_area[small_area_in] += n
        agreed += n if ward_in == small_area_in else 0
    assert len(by_ward) == 350  # Great Britain: Northern Ireland's are not open
    assert set(by_ward) == set(by_small_area)
    # Two independent lookups: borders that moved since 2011 shift a few postcodes.
    assert all(abs(n / by_small_area[area] - 1) < 0.02 for area, n in by_ward.items())
    assert agreed > 0.999 * by_ward.total()


SUMS_OF_PARTS = """
    SELECT o.to_area_id, sum(part.numerator), sum(part.denominator)
    FROM indicators_observation part
    JOIN areas_areaoverlap o ON o.from_area_id = part.area_id
        AND o.overlap_set_id = (SELECT id FROM areas_overlapset WHERE slug = %s)
    WHERE part.series_id = %s GROUP BY 1
"""


def test_live_postcodes_counted_in_wards_sum_to_those_of_their_authority(site: Site):
    series = {row[2:4]: row[0] for row in site.rows(LIVE) if row[1] == "new-postcodes"}
    years = {period for _, period in series}
    assert years == {"2019", "2020", "2021"}
    for year in years:
        wards = site.rows(SUMS_OF_PARTS, "ward-2025-to-authority-2025", series["ward-2025", year])
        authorities = site.rows(
            "SELECT area_id, numerator, denominator FROM indicators_observation "
            "WHERE series_id = %s AND value IS NOT NULL",
            series["authority-2025", year],
        )
        assert len(authorities) == 350
        assert sorted(wards) == sorted(authorities)


# Arrays, rows and ranks say the same


@pytest.mark.parametrize("half", [0, 1])
def test_a_map_and_a_profile_read_the_same_figures(site: Site, half):
    for series in a_sample(site, 36)[half::2]:
        ((values, markers, edition),) = site.rows(
            "SELECT k.values, k.markers, s.edition_id FROM indicators_packedarray k "
            "JOIN indicators_series s ON s.id = k.series_id WHERE k.series_id = %s",
            series,
        )
        packed = np.frombuffer(values, dtype="<f8")
        reasons = np.frombuffer(markers, dtype=np.int8)
        rows = site.rows(
            "SELECT m.ordinal, o.value, coalesce(o.marker, 0), o.area_id IS NOT NULL "
            "FROM areas_member m LEFT JOIN indicators_observation o "
            "ON o.area_id = m.area_id AND o.series_id = %s "
            "WHERE m.edition_id = %s ORDER BY m.ordinal",
            series,
            edition,
        )
        assert [row[0] for row in rows] == list(range(len(packed))), series
        expected = np.array([np.nan if row[1] is None else row[1] for row in rows])
        np.testing.assert_array_equal(packed, expected, err_msg=f"series {series}")
        there = np.array([row[3] for row in rows])
        marks = np.array([row[2] for row in rows])
        np.testing.assert_array_equal(reasons[there], marks[there], err_msg=f"series {series}")
        # No row belongs to an area outside the edition.
        n_rows = site.value(
            "SELECT count(*) FROM indicators_observation WHERE series_id = %s", series
        )
        assert n_rows == there.sum()


def test_ranks_are_those_of_a_plain_count(site: Site):
    lots = random.Random(SEED)
    checked = 0
    for series in a_sample(site, 9, biggest=1):
        edition = site.value("SELECT edition_id FROM indicators_series WHERE id = %s", series)
        values = dict(
            site.rows(
                "SELECT area_id, value FROM indicators_observation "
                "WHERE series_id = %s AND value IS NOT NULL",
                series,
            )
        )
        ranked: dict[int, dict[int, tuple[int, ...]]] = defaultdict(dict)
        for group, area, *rank in site.rows(
            "SELECT group_area_id, area_id, rank, tied, out_of FROM indicators_standing "
            "WHERE series_id = %s",
            series,
        ):
            ranked[group][area] = tuple(rank)
        groups = sorted(ranked, key=lambda g: -len(ranked[g]))
        for group in groups[:2] + lots.sample(groups[2:], min(4, len(groups[2:]))):
            inside = [area for (area,) in site.rows(UNDER, group, edition) if area in values]
            order = sorted(values[area] for area in inside)
            ties = Counter(order)
            expected = {
                area: (
                    bisect.bisect_left(order, values[area]) + 1,
                    ties[values[area]],
                    len(order),
                )
                for area in inside
            }
            assert ranked[group] == expected, (series, group)
            checked += len(expected)
    assert checked > 10_000


DERIVED = """
    SELECT l.series_id, n.input_id, n.overlap_set_id, i.aggregation, i.multiplier
    FROM indicators_liveseries l
    JOIN indicators_series s ON s.id = l.series_id AND s.origin = 'aggregate'
    JOIN indicators_seriesinput n ON n.series_id = s.id
    JOIN indicators_indicator i ON i.id = l.indicator_id
    JOIN areas_edition e ON e.id = l.edition_id
    WHERE upper_inf(l.live) AND e.area_type_id = %s ORDER BY l.series_id
"""
PARTS = """
    SELECT o.to_area_id, o.weight, part.value, part.numerator, part.denominator,
        coalesce(part.marker, 0)
    FROM areas_areaoverlap o
    LEFT JOIN indicators_observation part
        ON part.area_id = o.from_area_id AND part.series_id = %s
    WHERE o.overlap_set_id = %s AND o.to_area_id = ANY(%s)
"""


def added_up(rule: str, multiplier: float, parts: list[tuple[Any, ...]]) -> float | None:
    """Add parts (weight, value, numerator, denominator, marker) by a rule, the slow way."""
    top = bottom = 0.0
    for weight, value, numerator, denominator, _ in parts:
        if value is None:
            continue
        if rule == "sum":
            top += weight * value
        elif rule == "ratio":
            top += weight * numerator
            bottom += weight * denominator
        else:
            top += weight * value * denominator
            bottom += weight * denominator
    if rule == "sum":
        return top
    return (multiplier if rule == "ratio" else 1) * top / bottom if bottom else None


@pytest.mark.parametrize("kind", ["authority", "ward", "msoa", "county", "region", "country"])
def test_figures_of_larger_areas_are_their_parts_added_up(site: Site, kind):
    lots = random.Random(SEED)
    members = site.rows(
        "SELECT m.area_id FROM areas_member m JOIN areas_edition e ON e.id = m.edition_id "
        "WHERE e.area_type_id = %s ORDER BY 1",
        kind,
    )
    checked = 0
    derived = site.rows(DERIVED, kind)
    assert derived
    for series, below, overlap_set, rule, multiplier in derived:
        areas = [pk for (pk,) in lots.sample(members, min(40, len(members)))]
        parts: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for area, *part in site.rows(PARTS, below, overlap_set, areas):
            parts[area].append(tuple(part))
        have = dict(
            site.rows(
                "SELECT area_id, value FROM indicators_observation "
                "WHERE series_id = %s AND area_id = ANY(%s)",
                series,
                areas,
            )
        )
        for area in areas:
            here = parts[area]
            known = [part for part in here if part[1] is not None]
            hidden = any(part[4] == SUPPRESSED for part in here)
            value = have.get(area)
            if value is not None:
                assert value == pytest.approx(added_up(rule, multiplier, here), rel=1e-9), (
                    series,
                    area,
                )
                assert not hidden, (series, area)
                checked += 1
            elif area in have:
                # Refused: something is hidden, or too little is known.
                assert hidden or len(known) < len(here), (series, area)
            else:
                assert not known, (series, area)
    assert checked > 20


# Missing is never zero


def test_no_area_has_nought_where_its_figure_is_missing(site: Site):
    live = [row[0] for row in site.rows(LIVE)]
    contradictions = site.value(
        "SELECT count(*) FROM indicators_observation WHERE series_id = ANY(%s) "
        "AND ((marker = ANY(%s)) <> (value IS NULL) AND marker IS NOT NULL "
        "OR value IS NULL AND marker IS NULL OR value = 'NaN')",
        live,
        list(MISSING),
    )
    assert contradictions == 0


def test_street_crime_is_known_for_west_yorkshire_and_nowhere_else(site: Site):
    found = site.rows(
        "SELECT DISTINCT a.code FROM indicators_observation o "
        "JOIN areas_area a ON a.id = o.area_id JOIN indicators_series s ON s.id = o.series_id "
        "JOIN indicators_indicator i ON i.id = s.indicator_id "
        "WHERE i.slug = 'street-crime' AND o.value IS NOT NULL AND a.area_type_id = 'authority'"
    )
    assert {code for (code,) in found} == {
        "E08000032",  # Bradford
        "E08000033",  # Calderdale
        "E08000034",  # Kirklees
        "E08000035",  # Leeds
        "E08000036",  # Wakefield
    }


def line(page: str, slug: str) -> str:
    """Return the words of one figure of a page, or of its place among those not published."""
    found = re.search(
        rf'<article class="line[^"]*" id="{slug}".*?</article>|<li id="{slug}">.*?</li>', page, re.S
    )
    assert found, slug
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0])))


@pytest.mark.parametrize("code", ["E10000016", "E07000105", "E12000008", "E06000002"])
def test_street_crime_outside_west_yorkshire_is_said_to_be_missing_and_not_nought(site: Site, code):
    words = line(site.get(f"/areas/{code}/").text, "street-crime")
    assert "No data: not held for" in words
    assert "added up" not in words.split("Definition, table")[0]
    assert not re.search(r"\b0(\.0+)?\b", words.split("Definition, table")[0])


@pytest.mark.parametrize(
    ("code", "slug", "reason"),
    [
        ("S12000049", "population-density", "No data: not held for Scotland"),
        ("S12000049", "children", "No data: not held for Scotland"),
        ("S12000049", "stroke-travel-time", "No data: not held for Scotland"),
        ("S12000049", "stroke-admissions", "No data: not held for Scotland"),
        ("S12000017", "street-crime", "No data: not held for Scotland"),
        ("W06000015", "stroke-admissions", "No data: not held for Wales"),
        ("N09000003", "household-size", "No data: not held for Northern Ireland"),
        ("N09000003", "new-postcodes", "No data: not held for Northern Ireland"),
        ("E06000002", "stroke-travel-time-ni", "No data: not held for England"),
    ],
)
def test_a_page_says_plainly_what_is_not_published_for_its_country(site: Site, code, slug, reason):
    assert reason in line(site.get(f"/areas/{code}/").text, slug)


def test_a_scottish_authority_has_the_figures_that_are_published_for_it(site: Site):
    page = site.get("/areas/S12000049/").text
    for slug in ("household-size", "communal-residents", "taxpayer-income", "new-postcodes"):
        assert re.search(r"\d", line(page, slug).split("Definition")[0]), slug
        assert "No data" not in line(page, slug).split("Definition")[0], slug


@pytest.mark.parametrize("code", ["N09000003", "S12000049", "N92000002", "S92000003", "W06000023"])
def test_the_map_of_a_profile_begins_with_a_figure_that_is_known_inside(site: Site, code):
    page = site.get(f"/areas/{code}/").text
    assert 'id="inside"' in page
    assert "No figure is published for" not in page


@pytest.mark.parametrize(
    ("code", "slug"),
    [
        ("E06000002", "stroke-travel-time-ni"),
        ("E06000002", "street-crime"),
        ("S12000049", "population-density"),
        ("N09000003", "household-size"),
    ],
)
def test_a_figure_that_is_known_nowhere_inside_is_not_offered_on_the_map(site: Site, code, slug):
    page = site.get(f"/areas/{code}/").text
    assert "Show on map" not in line(page, slug)
    assert f"?show={slug}&amp;inside=" not in page


def test_money_is_written_with_its_sign_once(site: Site):
    for code in ("E06000002", "K02000001"):
        assert not re.search(
            r"£[\d,]*\d £", line(site.get(f"/areas/{code}/").text, "taxpayer-income")
        )


def test_a_rank_that_most_areas_share_is_not_called_the_lowest_hundredth(site: Site):
    code, tied, out_of = site.rows(
        "SELECT a.code, n.tied, n.out_of FROM indicators_standing n "
        "JOIN areas_area a ON a.id = n.area_id JOIN areas_area g ON g.id = n.group_area_id "
        "WHERE n.series_id = %s AND g.code = 'K03000001' AND n.rank = 1 ORDER BY a.code LIMIT 1",
        next(
            row[0]
            for row in site.rows(LIVE)
            if row[1:4] == ("ended-postcodes", "ward-2025", "2021")
        ),
    )[0]
    assert tied > 0.5 * out_of
    assert "lowest 1%" not in line(site.get(f"/areas/{code}/").text, "ended-postcodes")


# Codes that ended


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("E07000163", "E06000065", "North Yorkshire"),
        ("S12000046", "S12000049", "Glasgow City"),
        ("E08000016", "E08000038", "Barnsley"),
        ("E08000019", "E08000039", "Sheffield"),
        ("E06000028", "E06000058", "Bournemouth, Christchurch and Poole"),
    ],
)
def test_an_ended_code_leads_to_the_area_it_became_which_says_so(site: Site, old, new, name):
    reply = site.get(f"/areas/{old}/")
    assert reply.status in {301, 302}
    assert reply.headers["location"].split("?")[0] == f"/areas/{new}/"
    page = site.get(reply.headers["location"])
    assert page.status == 200
    assert f">{name}" in page.text
    assert old in page.text


def test_every_ended_code_leads_somewhere_that_answers(site: Site):
    ended = site.rows(
        "SELECT code FROM areas_area a WHERE valid_to IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM areas_member m WHERE m.area_id = a.id)"
    )
    assert len(ended) > 50
    for (code,) in ended:
        reply = site.get(f"/areas/{code}/")
        if reply.status == 200:
            assert "This area ended on" in reply.text, code
            successors = re.findall(r'href="/areas/(\w+)/"', reply.text)
            assert successors, code
        else:
            assert reply.status == 302, code
            assert reply.headers["location"].startswith("/areas/"), code


# Every kind of page answers, and is small

KINDS = ["lsoa", "msoa", "ward", "authority", "county"]
WIDE = ["region", "country", "country-group", "uk"]
# The authorities with most neighbourhoods, wards and larger neighbourhoods: the longest pages.
LARGEST = """
    SELECT DISTINCT code FROM (
        SELECT a.code, rank() OVER (PARTITION BY o.overlap_set_id ORDER BY count(*) DESC) AS place
        FROM areas_areaoverlap o JOIN areas_area a ON a.id = o.to_area_id
        WHERE a.area_type_id = 'authority' GROUP BY a.code, o.overlap_set_id
    ) x WHERE place <= 3 ORDER BY code
"""


def codes(site: Site, kind: str) -> list[str]:
    """Return thirty areas of a kind by lot, or all of a wide one."""
    if kind == "the largest authorities":
        return [code for (code,) in site.rows(LARGEST)]
    found = site.rows(
        "SELECT code FROM areas_area WHERE area_type_id = %s AND valid_to IS NULL ORDER BY code",
        kind,
    )
    every = [code for (code,) in found]
    return every if kind in WIDE else random.Random(SEED).sample(every, min(30, len(every)))


@pytest.fixture(scope="module")
def answers(site: Site) -> Any:
    """Ask once for the pages of a kind: {code: reply}."""

    @cache
    def ask(kind: str) -> dict[str, Reply]:
        return {code: site.get(f"/areas/{code}/") for code in codes(site, kind)}

    return ask


@pytest.mark.parametrize("kind", [*KINDS, *WIDE, "the largest authorities"])
def test_every_kind_of_area_has_a_page(answers, kind):
    found = answers(kind)
    assert found
    assert {code: reply.status for code, reply in found.items() if reply.status != 200} == {}
    assert [code for code, reply in found.items() if code not in reply.text] == []


@pytest.mark.parametrize("kind", [*KINDS, *WIDE, "the largest authorities"])
def test_every_page_of_an_area_is_under_60_kilobytes(answers, kind):
    sizes = {code: len(gzip.compress(r.text.encode())) for code, r in answers(kind).items()}
    print(kind, max(sizes.values()))
    assert {code: size for code, size in sizes.items() if size >= HTML_BUDGET} == {}


@pytest.mark.parametrize("kind", [*KINDS, *WIDE, "the largest authorities"])
def test_no_page_shows_the_seams_of_its_making(answers, kind):
    for code, reply in answers(kind).items():
        words = html.unescape(re.sub(r"<script.*?</script>|<[^>]+>", " ", reply.text, flags=re.S))
        for seam in (r"\bNone\b", r"\bnan\b", r"\binf\b", r"\{\{", r"\{%", r"\bTrue\b", r"\[\]"):
            assert not re.search(seam, words), (code, seam)
