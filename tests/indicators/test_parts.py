"""Every part of an area by chosen figures: the page and the files against a slow second version."""

import csv
import io
import re
from html import unescape

import numpy as np
import polars as pl
import pytest

from areas.groups import make_group
from areas.models import Area, Border
from indicators.insight.comparison import FEW_ROWS, comparison, places_in, places_of
from indicators.insight.inside import levels
from indicators.models import Indicator, LiveSeries, Observation
from indicators.presenters import comparison as presenter
from indicators.presenters.words import number
from tests.conftest import NOON, shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, WARDS

pytestmark = pytest.mark.django_db
SIXTEEN = [float(n) for n in range(1, 17)]


@pytest.fixture
def several(make_indicator, put_live):
    """A share for three years, one with gaps in England only, and income of councils only."""
    make_indicator("share")
    make_indicator("pay", scope="E92000001", unit="£", prefix="£", decimals=0, multiplier=1000.0)
    make_indicator("income", multiplier=1.0, unit="", decimals=0)
    for year in (2019, 2020, 2021):
        put_live(shares([n + year - 2019 for n in SIXTEEN], period=f"{year}-03-21"), f"s{year}")
    put_live(
        shares(
            [None, 2.0, 2.0, 9.0, *SIXTEEN[4:12]],
            codes=NEIGHBOURHOODS[:12],
            indicator="pay",
            markers=["c", "u", "", ""] + [""] * 8,
        ).with_columns(value=pl.col("value") * 10),
        "pay",
    )
    put_live(
        shares([5.0, 7, 9, 3], codes=COUNCILS, edition="authority", indicator="income")
        .with_columns(pl.col("value") / 100),
        "income",
    )  # fmt: skip


def slow(code: str, slug: str) -> tuple[float | None, int] | None:
    """The latest live row of one area in one indicator, looked up by itself."""
    found = None
    for live in (
        LiveSeries.objects.filter(live__endswith__isnull=True, indicator__slug=slug)
        .select_related("period")
        .order_by("period__end")
    ):
        row = Observation.objects.filter(series=live.series_id, area__code=code).first()
        if row:
            found = (row.value, row.marker or 0)
    return found


def rows_of(page: str) -> list[list[str]]:
    """The rows of the table as a reader sees them, the pinned ones too."""
    found = []
    for row in re.findall(r"<tr[^>]*>(<th scope=\"row\".*?)</tr>", page, re.S):
        cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        found.append([" ".join(unescape(re.sub(r"<[^>]+>", " ", c)).split()) for c in cells])
    return found


def get(client, query: str = "", code: str = COUNCILS[0]) -> str:
    response = client.get(f"/areas/{code}/parts/{query}")
    assert response.status_code == 200, response.content.decode()[:2000]
    return response.content.decode()


@pytest.mark.parametrize("few", [0, FEW_ROWS])
@pytest.mark.parametrize("code", [COUNCILS[0], COUNCILS[3], "E92000001", WARDS[2]])
def test_rows_and_arrays_say_what_each_row_says_by_itself(several, monkeypatch, few, code):
    monkeypatch.setattr("indicators.insight.comparison.FEW_ROWS", few)
    area = Area.objects.select_related("area_type").get(code=code)
    indicators = list(Indicator.objects.select_related("scope__area_type").order_by("slug"))
    for level in levels(area):
        found = comparison(
            places_in(level, [area.pk]), indicators, n_choosing=len(level.area_ids), common=False
        )
        codes = [Area.objects.get(pk=pk).code for pk in [*level.area_ids, area.pk]]
        for column in found.columns:
            for row, each in enumerate(codes):
                expected = slow(each, column.indicator.slug)
                if row == len(codes) - 1 and not column.held[:row].any():
                    continue  # Its period was never chosen: no part has any.
                assert column.held[row] == (expected is not None)
                if expected is not None:
                    value, marker = expected
                    assert column.markers[row] == marker
                    if value is None:
                        assert np.isnan(column.values[row])
                    else:
                        assert column.values[row] == value


def test_the_page_shows_every_ward_with_wider_areas_on_top(several, client):
    page = get(client, "?level=ward&show=share,pay")
    suppressed = "no data: suppressed to protect people's privacy"
    assert rows_of(page) == [
        ["Ashby council", "4.5", suppressed],
        ["North region", "6.5", suppressed],
        ["England country", "8.5", "no data: not held"],
        ["United Kingdom the whole", "10.5", "no data: not held"],
        ["Ashby Lower", "5.0", "20"],
        ["Ashby Upper", "3.5", suppressed],
    ]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("slug", ["share", "pay", "name"])
def test_sorting_agrees_with_a_slow_way_and_missing_is_last(several, client, slug, descending):
    sign = "-" if descending else ""
    page = get(client, f"?level=lsoa&show=share,pay&sort={sign}{slug}", code="E06000901")
    names = [row[0].split(" in ")[0] for row in rows_of(page)][4:]
    known = []
    for code in NEIGHBOURHOODS[:4]:
        value = (slow(code, slug) or (None, 0))[0] if slug != "name" else 0.0
        known.append((value, Area.objects.get(code=code).name))
    there = sorted(k for k in known if k[0] is not None)
    if slug == "name":
        there = there[::-1] if descending else there
    elif descending:
        there = sorted(there, key=lambda k: (-k[0], k[1]))
    assert names == [name for _, name in there] + [n for v, n in known if v is None]
    mark = "descending" if descending else "ascending"
    assert page.count(f'aria-sort="{mark}"') == 1


def test_ranks_count_from_the_highest_among_the_rows(several, client):
    rows = rows_of(get(client, "?level=lsoa&show=pay&rank=1&sort=-pay"))[2:]
    assert [row[1:] for row in rows] == [
        ["90", "1"],
        ["20 [u]", "=2"],
        ["20", "=2"],
        ["no data: suppressed to protect people's privacy", ""],
    ]


@pytest.mark.parametrize("descending", [False, True])
def test_figures_printed_alike_are_sorted_as_they_are_ranked(several, put_live, client, descending):
    # By name, which broke such ties before, these would stand the other way round.
    codes = sorted(NEIGHBOURHOODS[:4], key=lambda c: Area.objects.get(code=c).name)
    values = [2.04, 1.96, 2.0, 5.0] if descending else [2.0, 1.96, 1.4, 2.04]
    value_of = dict(zip(codes, values, strict=True))
    close = [value_of.get(code, 9.0) for code in NEIGHBOURHOODS]
    put_live(shares(close, period="2023-03-21"), "close")
    query = f"?level=lsoa&show=share&rank=1&sort={'-' if descending else ''}share"
    shown = [row for row in rows_of(get(client, query)) if row[-1]]
    ranks = [int(row[-1].lstrip("=")) for row in shown]
    assert [row[1] for row in shown].count("2.0") == 3
    assert ranks == sorted(ranks, reverse=not descending)
    filed = [r["share_rank"] for r in table(client, query) if r["share_rank"]]
    assert filed == [str(rank) for rank in ranks]
    # The browser sorts by what is printed, then by this.
    told = re.findall(r'data-t="(\d)">2\.0<', get(client, query))
    assert told == sorted(told, reverse=descending)
    assert len(set(told)) == 3


def test_columns_to_begin_with_are_those_that_have_figures(several, client):
    page = get(client, "?level=lsoa")
    assert "Share" in page
    assert 'value="share" checked' in page
    assert "£" in page
    assert 'value="income"' not in page  # Councils only.


def test_a_form_is_led_to_the_address_that_says_the_same(several, client):
    response = client.get(f"/areas/{COUNCILS[0]}/parts/?level=lsoa&show=share&show=pay&with=")
    assert response.status_code == 302
    assert response.url == f"/areas/{COUNCILS[0]}/parts/?level=lsoa&show=share,pay"


def test_codes_in_small_letters_and_ended_ones_lead_on(several, client):
    response = client.get(f"/areas/{COUNCILS[0].lower()}/parts/?show=share")
    assert (response.status_code, response.url) == (
        301,
        f"/areas/{COUNCILS[0]}/parts/?show=share",
    )
    response = client.get("/areas/E07000901/parts/?show=share")
    assert (response.status_code, response.url) == (
        302,
        f"/areas/{COUNCILS[2]}/parts/?show=share",
    )
    response = client.get("/areas/E07000902/parts/")
    assert response.status_code == 404
    assert "Birch (E06000902)" in response.content.decode()


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("?level=nope", 404, "“nope” is not a kind of area"),
        ("?level=uk", 404, "“uk” is not a kind of area"),
        ("?show=nope", 400, "“nope” is not the name of a figure"),
        ("?show=%3Cscript%3E", 400, "is not the name of a figure"),
        ("?show=" + "a," * 15_000, 400, "too long"),
        ("?show=" + ",".join(f"i{n}" for n in range(51)), 400, "at most 50"),
        ("?show=share,nope", 200, "“nope” is not the name of a figure"),
        ("?level=lsoa&show=share,income", 200, "Income is not held for neighbourhoods here"),
        ("?show=share&sort=-nope", 200, "cannot be sorted by “nope”"),
        ("?show=share&sort=pay", 200, "cannot be sorted by “pay”"),
        ("?with=AAAAAAAAAAAAAAAA", 200, "There is no group at “AAAAAAAAAAAAAAAA”"),
        ("?with=neighbours", 200, "areas are held that touch"),
        ("?level=ward&level=lsoa", 200, "gives “level” more than once, and not the same: “lsoa”"),
        ("?rank=maybe&sort=--share&show=,,,share,,", 200, "Share"),
    ],
)
def test_addresses_that_make_no_sense_get_a_sentence(several, client, query, status, said):
    Border.objects.all().delete()
    response = client.get(f"/areas/{COUNCILS[0]}/parts/{query}")
    assert response.status_code == status
    assert said in response.content.decode()
    assert "<script>" not in response.content.decode().replace("<script type", "")


@pytest.mark.parametrize("code", ["NOPE", "E06999999", "x" * 400, NEIGHBOURHOODS[0], "é"])
def test_areas_without_parts_get_a_helpful_404(several, client, code):
    response = client.get(f"/areas/{code}/parts/")
    assert response.status_code == 404
    assert "Place name, postcode or area code" in response.content.decode()


def test_a_country_has_every_part_that_a_table_can_hold(several, client, monkeypatch):
    table = client.get("/areas/E92000001/parts.csv?level=lsoa&show=share").content
    rows = csv.DictReader(io.StringIO(table.decode("utf-8-sig")))
    assert set(NEIGHBOURHOODS[:12]) <= {r["code"] for r in rows}
    assert "authority" in get(client, "", "E92000001")
    assert "level=lsoa" in get(client, "", "E92000001")
    monkeypatch.setattr("indicators.views.parts.MOST_ROWS", 11)
    refused = client.get("/areas/E92000001/parts/?level=lsoa")
    assert refused.status_code == 400
    words = " ".join(unescape(refused.content.decode()).split())
    assert "England has 12 " in words
    assert "/areas/E92000001/parts/?level=ward" in words
    assert "no lookup" not in words
    assert "level=lsoa" not in get(client, "", "E92000001")
    assert client.get("/areas/E92000001/parts.csv?level=lsoa").status_code == 400


@pytest.mark.parametrize("wide", ["E06000901", "E92000001", "K02000001"])
def test_queries_do_not_grow_with_rows_or_columns(
    several, client, wide, django_assert_max_num_queries
):
    for show in ("share", "share,pay,income"):
        client.get(f"/areas/{wide}/parts/?show={show}")
        with django_assert_max_num_queries(11):
            client.get(f"/areas/{wide}/parts/?show={show}")


def test_a_group_stands_on_top_combined(several, client):
    ids = [Area.objects.get(code=c).pk for c in NEIGHBOURHOODS[8:12]]
    group = make_group(name="South", area_ids=ids, at=NOON)
    page = get(client, f"?level=lsoa&show=share&with={group.token}")
    (row,) = [r for r in rows_of(page) if r[0].startswith("South")]
    assert row == ["South group of 4, taken together where they can be", "12.5"]
    response = client.get(
        f"/areas/{COUNCILS[0]}/parts/?show=share&with=http://x/groups/{group.token}/"
    )
    assert response.url.endswith(f"with={group.token}")


# Files


def test_a_figure_that_is_not_held_is_not_an_empty_cell_without_a_reason(several, client):
    rows = table(client, "?level=lsoa&show=pay", code="S12000901")
    assert {(r["pay"], r["pay_marker"]) for r in rows} == {("", "not held")}
    query = "level=lsoa&show=pay"
    notes = client.get(f"/areas/S12000901/parts.notes.csv?{query}").content.decode()
    assert "what is held here says nothing of the area" in notes


def table(client, query: str = "", code: str = COUNCILS[0]) -> list[dict[str, str]]:
    response = client.get(f"/areas/{code}/parts.csv{query}")
    assert response.status_code == 200
    heads, *rows = csv.reader(io.StringIO(response.content.decode()))
    # A heading is the slug, and then the unit and period in brackets.
    return [dict(zip([h.split(" (")[0] for h in heads], row, strict=True)) for row in rows]


def test_headings_say_unit_and_period_and_the_notes_beside_the_file_the_rest(several, client):
    query = "level=lsoa&show=share,pay"
    reply = client.get(f"/areas/{COUNCILS[0]}/parts.csv?{query}")
    heads = next(csv.reader(io.StringIO(reply.content.decode())))
    assert "share (%, 21 March 2021)" in heads
    notes = f"/areas/{COUNCILS[0]}/parts.notes.csv?{query}"
    assert reply["Link"] == f'<http://testserver{notes}>; rel="describedby"; type="text/csv"'
    told = client.get(notes)
    assert told["Content-Disposition"].endswith('.notes.csv"')
    rows = list(csv.DictReader(io.StringIO(told.content.decode())))
    assert [r["column"] for r in rows if r["column"]] == heads
    (share,) = [r for r in rows if r["column"] == "share (%, 21 March 2021)"]
    assert (share["unit"], share["period"]) == ("%", "21 March 2021")
    assert "Office for Tests" in share["source"]
    assert share["licence"] == "Open licence. Thank us."
    assert {"Address", "As at", "Areas"} <= {r["name"] for r in rows if not r["column"]}


def test_the_file_holds_the_figures_of_the_page_in_its_order(several, client):
    query = "?level=lsoa&show=share,pay&sort=-share&rank=1"
    rows = table(client, query)
    page = rows_of(get(client, query))
    assert list(rows[0]) == [
        "code", "name", "known_as", "level", "share", "share_rank", "pay", "pay_marker", "pay_rank",
    ]  # fmt: skip
    assert [r["name"] for r in rows] == [
        re.split(r" (?:council|region|country|the whole|in )", r[0])[0] for r in page
    ]
    for row, shown in zip(rows, page, strict=True):
        assert number(float(row["share"]), 1) == shown[1]
        assert (row["share_rank"] or "") == shown[2]
        expected = slow(row["code"], "pay")
        if expected is None or expected[0] is None:
            assert row["pay"] == ""
            assert shown[3].startswith("no data")
        else:
            assert float(row["pay"]) == expected[0]
            assert shown[3].split(" [")[0] == number(expected[0], 0)
            assert row["pay_marker"] == ("u" if expected[1] else "")


@pytest.mark.parametrize("extension", ["csv", "xlsx", "parquet", "geojson", "gpkg"])
def test_every_format_is_answered(several, client, extension):
    response = client.get(f"/areas/{COUNCILS[0]}/parts.{extension}?level=lsoa")
    assert response.status_code == 200
    assert "Ashby-lsoa" in response["Content-Disposition"]
    assert len(response.content) > 100
    if extension == "geojson":
        found = response.json()["features"]
        assert [f["properties"]["code"] for f in found] == list(NEIGHBOURHOODS[:4])
        assert all(f["geometry"] for f in found)


def test_there_is_no_file_in_a_format_that_is_not_offered(several, client):
    assert client.get(f"/areas/{COUNCILS[0]}/parts.exe").status_code == 404
    assert client.get("/areas/NOPE/parts.csv").status_code == 404
    assert client.get(f"/areas/{COUNCILS[0]}/parts.csv?level=nope").status_code == 404


def test_what_may_not_be_passed_on_is_left_out_of_files_and_named(several, put_live, client):
    put_live(shares([n + 5 for n in SIXTEEN], period="2022-03-21"), "closed", redistributable=False)
    page = get(client, "?level=lsoa&show=share,pay")
    assert "does not let us pass it on: Share" in page
    assert "share" not in table(client, "?level=lsoa&show=share,pay")[0]
    alone = client.get(f"/areas/{COUNCILS[0]}/parts.csv?level=lsoa&show=share")
    assert alone.status_code == 403
    assert "may be shown here but not passed on" in alone.content.decode()


def test_bars_run_from_nought_and_only_where_that_is_honest(several):
    area = Area.objects.select_related("area_type").get(code=COUNCILS[0])
    level = next(one for one in levels(area) if one.edition.slug == "lsoa")
    share = Indicator.objects.select_related("scope__area_type").get(slug="share")
    (column,) = comparison(places_of(level.area_ids), [share]).columns
    column.values = column.values * 0 + [0.0, 1.0, 10.0, 20.0]
    assert presenter.bars(column, 4) == [0, 1, 10, 20]
    column.values = column.values - 5
    assert presenter.bars(column, 4) is None
