"""The pages about the site say what is true of the data, the code and the settings."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pytest
from django.db import connection
from django.test import Client

from areas.models import Area, Edition, Member
from indicators.insight import holdings as held
from indicators.insight.holdings import holdings
from indicators.models import LiveSeries, Observation
from indicators.presenters import about
from indicators.releases.publish import withdraw
from indicators.statistics.aggregate import roll_up
from indicators.statistics.markers import MARKERS
from indicators.statistics.rank import standings
from indicators.views.about import PAGES, SITEMAP
from tests.conftest import shares
from tests.tiny_uk import COUNCILS

pytestmark = pytest.mark.django_db
SIXTEEN = [float(n) for n in range(1, 17)]
ADDRESSES = [address for address, _ in PAGES]


@pytest.fixture
def live(make_indicator, put_live):
    make_indicator()
    numerators = [*SIXTEEN[:12], *[None] * 4]
    return put_live(shares(numerators), publisher_date=date(2022, 6, 28))


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_answers_before_anything_is_loaded(client, address):
    Member.objects.all().delete()
    reply = client.get(address)
    assert reply.status_code == 200
    assert reply.content.decode().count("<h1") == 1


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_links_to_every_other_and_says_which_it_is(client, address):
    page = client.get(f"{address}?nonsense=%FF&show=x&show=y").content.decode()
    for other in ADDRESSES:
        assert f'href="{other}"' in page
    assert f'<a href="{address}" aria-current="page">' in page


@pytest.mark.parametrize("address", ADDRESSES)
def test_only_reading_is_allowed(client, address):
    assert client.post(address).status_code == 405


@pytest.mark.parametrize(
    ("address", "label"),
    [("/search/", "Places"), (f"/areas/{COUNCILS[0]}/", "Places"), ("/about/data/", "About")],
)
def test_the_header_marks_where_the_reader_is(client, address, label):
    page = client.get(address).content.decode()
    nav = page.partition('class="site-nav"')[2].partition("</nav>")[0]
    assert re.findall(r"aria-current=\"\w+\">([^<]+)<", nav) == [label]


def test_an_unknown_page_has_the_header_too(client):
    page = client.get("/no/such/page").content.decode()
    assert 'class="site-nav"' in page
    assert "aria-current" not in page.partition('class="site-nav"')[2].partition("</nav>")[0]


def test_the_data_page_counts_what_is_live(live, client):
    found = holdings()
    # The slow, obvious way: every row of every live series.
    ids = list(LiveSeries.objects.values_list("series_id", flat=True))
    figures = Observation.objects.filter(series__in=ids, value__isnull=False).count()
    assert found.n_figures == figures > 16
    assert found.n_areas == Area.objects.filter(editions__isnull=False).distinct().count()
    (dataset,) = found.datasets
    assert dataset.n_indicators == 1
    assert [kind.slug for kind in dataset.levels][-1] == "lsoa"
    page = client.get("/about/data/").content.decode()
    assert f"{figures:,} figures of 1 indicator" in page
    assert "The first, issued 28 June 2022" in page
    assert "Office for Tests" in page


def test_reach_is_the_smallest_area_with_a_figure_in_each_nation(live):
    (one,) = holdings().indicators
    assert one.reach["England"] is not None
    assert (one.reach["England"].kind.slug, one.reach["England"].known) == ("lsoa", 12)
    assert one.reach["England"].of == 12
    assert one.reach["Scotland"] is None
    assert one.reach["Wales"] is one.reach["Northern Ireland"] is None


def test_a_nation_covered_in_part_says_how_far(make_indicator, put_live, client):
    make_indicator()
    put_live(shares([1.0, None, *SIXTEEN[2:]]))
    assert "11 of 12" in client.get("/about/data/").content.decode()


def test_a_withdrawn_release_is_no_longer_held(live, client, clock):
    withdraw(release=live, by=None, at=clock())
    assert holdings().datasets == []
    page = client.get("/about/data/").content.decode()
    assert "No dataset has been published here yet" in page


@pytest.mark.parametrize("after", range(1, 8))
@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("address", ["/about/data/", "/indicators/"])
def test_a_reader_is_answered_whatever_goes_live_or_is_withdrawn_meanwhile(
    live, make_indicator, put_live, client, clock, address, new, after
):
    """After one statement or another the first figures of an indicator go live, or all go."""
    done = 0

    def meanwhile(execute, *arguments):
        nonlocal done
        found = execute(*arguments)
        done += 1
        if done == after and new:
            make_indicator("other")
            put_live(shares(SIXTEEN, indicator="other"), "other")
        elif done == after:
            withdraw(release=live, by=None, at=clock())
        return found

    with connection.execute_wrapper(meanwhile):
        assert client.get(address).status_code == 200
    assert done >= after


def test_what_may_not_be_passed_on_is_named(make_indicator, put_live, client, licence):
    make_indicator()
    put_live(shares(SIXTEEN), redistributable=False)
    assert "not passed on" in client.get("/about/data/").content.decode()


def test_an_edition_is_counted_by_nation():
    wards = next(e for e in holdings().editions if e.edition.slug == "ward")
    assert wards.n_areas == 8
    assert wards.by_nation == {"England": 6, "Wales": 0, "Scotland": 2, "Northern Ireland": 0}
    assert {e.edition.pk for e in holdings().editions} == set(
        Edition.objects.values_list("pk", flat=True)
    )


def test_the_data_page_asks_a_fixed_number_of_questions(
    live, client, make_indicator, put_live, django_assert_num_queries
):
    held._counted.clear()
    client.get("/about/data/")
    with django_assert_num_queries(9):
        client.get("/about/data/")
    make_indicator("other")
    put_live(shares(SIXTEEN, indicator="other"), "second")
    client.get("/about/data/")
    with django_assert_num_queries(9):
        client.get("/about/data/")


@pytest.mark.parametrize("address", [a for a in ADDRESSES if a != "/about/data/"])
def test_the_other_pages_ask_the_database_nothing(client, address, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get(address)


# Status codes


@pytest.mark.parametrize("position", range(1, len(MARKERS)))
def test_what_the_page_says_of_sums_and_ranks_is_what_they_do(position):
    marker = MARKERS[position]
    said = next(c for c in about.status_codes() if c["letters"] == f"[{marker.letters}]")
    one = np.nan if marker.missing else 5.0

    def whole(rule: str, n: int) -> tuple[float, float]:
        """Return the figure of `n` areas, the first with this marker, and without it at all."""
        value = np.r_[one, np.full(n - 1, 5.0)]
        letters = np.array([marker.letters, *[""] * (n - 1)])
        found = roll_up(
            rule=rule,
            multiplier=1.0,
            value=value,
            numerator=value,
            denominator=np.where(np.isnan(value), np.nan, 10.0),
            marker=letters,
            expected=np.ones(n),
            present=np.ones(n),
            member=np.arange(n),
            parent=np.zeros(n, dtype=np.int64),
            weight=np.ones(n),
            n_parents=1,
        )
        return float(found.value[0]), float(found.coverage[0])

    count, _ = whole("sum", 20)
    rate, coverage = whole("ratio", 20)
    few, _ = whole("ratio", 2)
    kind = said["in_sums"]["short"]
    if kind == "makes the whole unknown":
        assert np.isnan(count)
        assert np.isnan(rate)
    elif kind == "left out":
        assert (count, rate, coverage) == (95.0, 0.5, 1.0)
    elif kind == "counts as missing":
        assert np.isnan(count)
        assert rate == 0.5
        assert coverage == 0.95
        assert np.isnan(few)
    else:
        assert kind == "counted"
        assert (count, rate, coverage) == (100.0, 0.5, 1.0)
    ranked = standings(np.array([one, 7.0]), np.zeros(2, dtype=np.int64))
    assert (ranked.rank[0] > 0) == said["in_ranks"].startswith("Ranked")
    assert ranked.out_of[1] == (1 if marker.missing else 2)


def test_the_page_lists_every_marker(client):
    page = client.get("/about/status-codes/").content.decode()
    for marker in MARKERS[1:]:
        assert f"<b>[{marker.letters}]</b>" in page


# Privacy and accessibility


def test_reading_sets_no_cookie(live):
    reader = Client()
    for address in ("/", "/search/?q=Ashby", f"/areas/{COUNCILS[0]}/", *ADDRESSES):
        reply = reader.get(address)
        assert reply.status_code == 200
        assert not reply.cookies, address


def test_the_privacy_page_names_every_cookie_of_the_administrators_pages(client, admin_user):
    page = client.get("/about/privacy/").content.decode()
    named = set(re.findall(r'<th scope="row"><code>([^<]+)</code>', page))
    seen = set(client.get("/admin/login/").cookies)
    client.force_login(admin_user)
    seen |= set(client.cookies)
    assert seen == {"csrftoken", "sessionid"}
    assert seen < named == {"csrftoken", "sessionid", "messages"}
    assert "364 days" in page
    assert "14 days" in page


def test_the_log_holds_what_the_privacy_page_says_and_no_more(client, caplog):
    with caplog.at_level("INFO", logger="levelup.request"):
        client.get("/search/?q=secret", headers={"user-agent": "Netscape"}, REMOTE_ADDR="192.0.2.7")
    (line,) = [r.msg for r in caplog.records if r.name == "levelup.request"]
    kept = {"event", "method", "path", "status", "ms", "request_id", "level", "logger", "timestamp"}
    assert set(line) <= kept
    assert "secret" not in str(line)
    assert "192.0.2.7" not in str(line)


def test_a_base_map_is_named_where_one_is_on(client, settings):
    assert "None. Fonts, scripts" in client.get("/about/privacy/").content.decode()
    settings.BASEMAP_URL = "https://tiles.example.org/{z}/{x}/{y}.png"
    assert "<b>tiles.example.org</b>" in client.get("/about/privacy/").content.decode()


@pytest.mark.parametrize("address", ["/about/", "/about/accessibility/", "/about/privacy/"])
def test_whom_to_write_to_is_a_setting(client, settings, address):
    assert "no address has been set" in client.get(address).content.decode()
    settings.CONTACT_EMAIL = "data@council.example"
    assert 'href="mailto:data@council.example"' in client.get(address).content.decode()


# Robots


def test_robots_are_led_to_the_list_of_pages(client):
    robots = client.get("/robots.txt")
    assert robots["Content-Type"].startswith("text/plain")
    assert "Sitemap: http://testserver/sitemap.xml" in robots.content.decode()
    found = client.get("/sitemap.xml")
    assert found["Content-Type"].startswith("application/xml")
    listed = re.findall(r"<loc>http://testserver([^<]+)</loc>", found.content.decode())
    assert listed == list(SITEMAP)
