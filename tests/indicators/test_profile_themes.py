"""A profile of many figures: one theme in full, all others a link away, and nothing lost."""

from __future__ import annotations

import re

import pytest

from areas.groups import make_group
from areas.models import Area
from indicators.models import Theme
from indicators.views import pages
from tests.conftest import NOON, shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS

pytestmark = pytest.mark.django_db
SIXTEEN = [float(n) for n in range(1, 17)]
HERE = f"/areas/{COUNCILS[0]}/"


@pytest.fixture
def many(make_indicator, put_live, monkeypatch):
    """Six figures in three themes, where more than four are too many for one page."""
    monkeypatch.setattr(pages, "ALL_ON_ONE_PAGE", 4)
    for order, theme in enumerate(("people", "health", "crime")):
        Theme.objects.create(slug=theme, name=theme.capitalize(), order=order)
        for n in (1, 2):
            slug = f"{theme}-{n}"
            make_indicator(slug, theme=Theme.objects.get(slug=theme))
            put_live(shares([x * n for x in SIXTEEN], indicator=slug), slug)


def lines(page: str) -> list[str]:
    return re.findall(r'<article class="line[^"]*" id="([^"]*)"', page)


def test_the_first_theme_is_whole_and_the_others_are_named_with_links(many, client):
    page = client.get(HERE).content.decode()
    assert lines(page) == ["people-1", "people-2"]
    for slug in ("health-1", "health-2", "crime-1", "crime-2"):
        # An older link to a figure finds it by name, and that is a link to all of it.
        assert f'<li id="{slug}"><a href="?show={slug}#{slug}">' in page
    assert 'href="?theme=health#health"' in page
    assert "theme=all" in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?theme=health", ["health-1", "health-2"]),
        ("?show=crime-2", ["crime-1", "crime-2"]),
        # A theme and a figure of another: both, rather than either.
        ("?theme=health&show=crime-2", ["health-1", "health-2", "crime-1", "crime-2"]),
        ("?theme=all", ["people-1", "people-2", "health-1", "health-2", "crime-1", "crime-2"]),
        ("?theme=nope", ["people-1", "people-2"]),
        ("?theme=%3Cb%3E&show=" + "x" * 3000, ["people-1", "people-2"]),
        ("?theme=health&theme=crime", ["crime-1", "crime-2"]),
    ],
)
def test_every_theme_is_an_address_away(many, client, query, expected):
    response = client.get(HERE + query)
    assert response.status_code == 200
    assert lines(response.content.decode()) == expected


def test_every_link_to_a_figure_lands_on_its_line(many, client):
    page = client.get(HERE).content.decode()
    found = re.findall(r'href="(\?show=([a-z]+-\d)#\2)"', page)
    assert {slug for _, slug in found} >= {"health-1", "health-2", "crime-1", "crime-2"}
    for address, slug in set(found):
        assert slug in lines(client.get(HERE + address).content.decode())


def test_a_theme_alone_is_the_same_lines_without_the_page_round_them(many, client):
    whole = client.get(HERE + "?theme=health&inside=lsoa").content.decode()
    alone = client.get(HERE + "?theme=health&inside=lsoa&part=theme").content.decode()
    assert lines(alone) == lines(whole) == ["health-1", "health-2"]
    assert "<html" not in alone
    assert alone.count("data-values=") == 2

    def values(page: str) -> list[str]:
        return re.findall(r'<span class="figure">([^<]*)', page)

    assert values(alone) == values(whole)


def test_few_figures_are_all_on_one_page(make_indicator, put_live, client):
    make_indicator()
    put_live(shares(SIXTEEN))
    page = client.get(HERE).content.decode()
    assert "is-closed" not in page
    assert "theme=all" not in page


@pytest.mark.parametrize("query", ["", "?theme=health", "?show=crime-1"])
def test_one_theme_of_many_takes_as_many_queries_however_many_there_are(
    many, make_indicator, put_live, client, django_assert_max_num_queries, query
):
    client.get(HERE + query)
    with django_assert_max_num_queries(25) as few:
        assert client.get(HERE + query).status_code == 200
        count = len(few)
    for n in range(6):
        make_indicator(f"more-{n}", theme=Theme.objects.get(slug="crime"))
        put_live(shares(SIXTEEN, indicator=f"more-{n}"), f"more-{n}")
    client.get(HERE + query)
    with django_assert_max_num_queries(count):
        assert client.get(HERE + query).status_code == 200


def test_a_group_is_a_mark_a_row_and_a_chip_that_can_be_left_out(many, client):
    page = client.get(HERE + "?with=neighbours").content.decode()
    if "There is no such group" in page:
        pytest.skip("the tiny UK has no borders worked out")
    assert "Compare with" in page
    assert "mark-group" in page


@pytest.mark.parametrize("token", ["nope", "x" * 16, "é" * 16, "'; DROP TABLE", "x" * 5000])
def test_an_unknown_group_is_said_to_be_unknown(many, client, token):
    response = client.get(HERE, {"with": token})
    assert response.status_code == 404
    assert "There is no such group" in response.content.decode()


def test_a_group_of_ones_own_stands_beside_the_other_benchmarks(many, client):
    ids = list(Area.objects.filter(code__in=COUNCILS[1:3]).values_list("pk", flat=True))
    group = make_group(name="Both ends", area_ids=ids, at=NOON)
    page = client.get(HERE, {"with": group.token}).content.decode()
    # Ashby's four neighbourhoods have 1 to 4 of a hundred; the group's eight have 5 to 12.
    assert "6.0 percentage points lower than Both ends" in page
    assert page.count('data-key="group"') >= 3
    assert f"?theme=health&amp;with={group.token}#health" in page
    rows = client.get(f"{HERE}figures/people-1.csv", {"with": group.token}).content.decode()
    assert "benchmark: group" in rows
    # The files beside the page hold what the page shows, and paper names an address that works.
    for extension in ("csv", "xlsx", "parquet", "geojson"):
        assert f'href="{HERE}figures.{extension}?with={group.token}"' in page
    assert f"http://testserver{HERE}?theme=all&amp;with={group.token}</p>" in page


def test_a_neighbourhood_has_the_same_themes(many, client):
    page = client.get(f"/areas/{NEIGHBOURHOODS[0]}/?theme=crime").content.decode()
    assert lines(page) == ["crime-1", "crime-2"]
