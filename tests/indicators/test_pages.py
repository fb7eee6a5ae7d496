"""What a reader is answered at every address, and how the server protects them."""

import gzip
import json
import re
import subprocess
import sys

import pytest
from django.db import OperationalError

from areas.importing.report import moved
from areas.models import Area, Edition
from indicators.presenters.map import class_labels, shades
from indicators.presenters.words import listed, number, ordinal
from indicators.views import pages
from tests.conftest import shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS

pytestmark = pytest.mark.django_db
SIXTEEN = [float(n) for n in range(1, 17)]


@pytest.fixture
def live(make_indicator, put_live):
    make_indicator()
    return put_live(shares(SIXTEEN))


def test_a_worker_has_read_every_address_before_it_is_ready():
    """Else the first reader of each process waits for all that pages are made by."""
    ask = "import sys, levelup_site.wsgi; print('indicators.views.pages' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "True"


def test_home_answers_before_anything_is_loaded(client):
    page = client.get("/").content.decode()
    assert "Place name, postcode or area code" in page


def test_home_shows_a_map_once_incomes_are_live(make_indicator, put_live, client):
    make_indicator("taxpayer-income", multiplier=1.0, prefix="£", unit="")
    put_live(
        shares([4.0, 2, 3, 1], [1.0] * 4, codes=COUNCILS, edition="authority",
               indicator="taxpayer-income").with_columns(value="numerator")
    )  # fmt: skip
    assert "ran from" not in client.get("/").content.decode()  # Until its map is drawn.
    Edition.objects.filter(slug="authority").update(tile_hash="0" * 32)
    moved()  # As baking does.
    page = client.get("/").content.decode()
    assert "ran from £1.0 in Dale to £4.0 in Ashby" in page


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([4.0, 2, 3, 1], "Pay ran from 1.0% in Dale to 4.0% in Ashby"),
        # As printed, Birch and Dale are the same: neither is the lowest.
        ([4.0, 1.01, 3, 1.02], "Pay ran from 1.0% in 2 local authorities to 4.0% in Ashby"),
        ([2.0, 2, 2, 2], "Pay was 2.0% in 4 local authorities"),
        ([2.0, None, None, None], "Pay was 2.0% in Ashby"),
    ],
)
def test_the_map_names_the_ends_only_where_one_area_has_them(
    make_indicator, put_live, client, values, said
):
    make_indicator("pay")
    put_live(shares(values, codes=COUNCILS, edition="authority", indicator="pay"))
    found = client.get("/map/authority/pay.json?within=K02000001").json()
    assert found["sentence"] == said


def test_home_counts_what_is_held_and_asks_little_once_it_is_warm(
    live, make_indicator, client, django_assert_max_num_queries
):
    make_indicator("draft")  # Defined, and nothing is live of it.
    Edition.objects.filter(slug="authority").update(tile_hash="0" * 32)
    moved()
    page = client.get("/").content.decode()
    lasting = Area.objects.filter(valid_to__isnull=True).count()
    assert f"{lasting} areas and 1 indicator are held here." in page
    with django_assert_max_num_queries(6):
        assert client.get("/").content.decode() == page


def test_a_lower_case_code_leads_to_the_true_address(client):
    response = client.get(f"/areas/{COUNCILS[0].lower()}/")
    assert (response.status_code, response.url) == (301, f"/areas/{COUNCILS[0]}/")


def test_an_ended_code_leads_to_its_successor(live, client):
    response = client.get("/areas/E07000901/", follow=True)
    assert response.redirect_chain == [(f"/areas/{COUNCILS[2]}/?was=E07000901", 302)]
    assert "E07000901" in response.content.decode()


def test_an_ended_code_with_several_successors_lists_them(client):
    page = client.get("/areas/E07000902/").content.decode()
    assert "ended on 1 April 2019" in page
    assert "Ashby" in page
    assert "Birch" in page


@pytest.mark.parametrize("code", ["E99999999", "NOPE", "E0600090", "%00", "..", "=1+1", "x" * 500])
def test_an_unknown_code_gets_a_helpful_404(client, code):
    response = client.get(f"/areas/{code}/", follow=True)
    assert response.status_code == 404
    assert "Place name, postcode or area code" in response.content.decode()


def test_a_nearly_right_code_is_offered_its_neighbours(client):
    # Of codes that begin alike, one that is no number is no neighbour.
    Area.objects.create(
        code="E06ABC", name="Elsewhere", area_type_id="authority", valid_from="2020-01-01"
    )
    page = client.get("/areas/E06000909/").content.decode()
    assert "Ashby (E06000901)" in page


def test_the_map_is_told_what_the_table_says(live, client):
    address = f"/map/lsoa/share.json?within={COUNCILS[0]}"
    found = client.get(address).json()
    assert found["codes"] == list(NEIGHBOURHOODS[:4])
    assert found["ordinals"] == [0, 1, 2, 3]
    assert found["texts"] == ["1.0%", "2.0%", "3.0%", "4.0%"]
    assert sum(c["count"] for c in found["legend"]["classes"]) == 4
    page = client.get(f"/areas/{COUNCILS[0]}/?show=share&inside=lsoa").content.decode()
    for text in found["texts"]:
        assert text in page


def test_map_values_are_kept_until_something_goes_live(live, put_live, client):
    address = f"/map/lsoa/share.json?within={COUNCILS[0]}"
    tag = client.get(address)["ETag"]
    for sent in (tag, f"W/{tag}", f'"other", {tag}'):
        assert client.get(address, headers={"If-None-Match": sent}).status_code == 304
    put_live(shares([n + 1 for n in SIXTEEN]), "second")
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/map/lsoa/share.json",
        "/map/lsoa/share.json?within=NOPE",
        f"/map/lsoa/nope.json?within={COUNCILS[0]}",
        f"/map/nope/share.json?within={COUNCILS[0]}",
        f"/map/uk/share.json?within={COUNCILS[0]}",
        "/tiles/00000000000000000000000000000000/1/1/1.mvt",
        "/tiles/00000000000000000000000000000000/5/99999/1.mvt",
        # More digits than Python reads as a number.
        f"/tiles/{'0' * 32}/1/{'9' * 4400}/1.mvt",
        "/tiles/../../etc/passwd",
        "/nowhere/",
    ],
)
def test_addresses_with_nothing_behind_them_answer_404(live, client, address):
    assert client.get(address).status_code == 404


def test_figures_that_are_not_asked_for_sensibly_fall_back(live, client):
    for query in ("?show=nope", "?inside=nope", "?show=share&inside=uk", "?was=nope"):
        assert client.get(f"/areas/{COUNCILS[0]}/{query}").status_code == 200


def test_markup_in_a_question_is_only_text(client):
    page = client.get("/search/", {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in page


def test_suggestions_are_the_first_of_the_results(client):
    found = client.get("/search/suggest", {"q": "ashby"}).json()["results"]
    assert found[0]["url"] == f"/areas/{COUNCILS[0]}/"
    assert len(found) <= 8


def test_suggestions_say_when_there_are_none(client):
    said = client.get("/search/suggest", {"q": "Atlantis"}).json()
    assert said["results"] == []
    assert said["message"].startswith("No place was found for “Atlantis”.")
    assert client.get("/search/suggest", {"q": " "}).json()["message"] == ""


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?show=nope", "“nope” is not the name of a figure that is held, and was passed over."),
        ("?theme=nope", "“nope” is not the name of a theme"),
        ("?inside=nope", "“nope” is not a size of area that is held inside Ashby"),
        ("?show=%3Cb%3E", "“&lt;b&gt;” is not the name of a figure"),
        ("?show=share&show=nope", "gives “show” more than once, and not the same: “nope” is taken"),
        ("?with=neighbours&with=neighbours&show=share", ""),
    ],
)
def test_an_address_that_names_nothing_is_told_so(live, client, query, said):
    page = client.get(f"/areas/{COUNCILS[0]}/{query}").content.decode()
    assert said in page
    assert ("passed over" in page or "is taken" in page) == bool(said)


def test_a_part_of_a_page_that_is_not_there_is_not_another_part(live, client):
    assert client.get(f"/areas/{COUNCILS[0]}/?part=theme&theme=nope").status_code == 404
    assert client.get(f"/areas/{COUNCILS[0]}/?part=theme&theme=people").status_code == 200


@pytest.mark.parametrize(
    "address", ["/", f"/areas/{COUNCILS[0]}/", "/search/?q=ashby", "/areas/NOPE/"]
)
def test_no_page_holds_inline_script_or_style(live, client, address):
    response = client.get(address)
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    page = response.content.decode()
    assert not re.search(r"\sstyle=|<style|\son\w+=", page)
    for attributes in re.findall(r"<script([^>]*)>", page):
        assert "src=" in attributes or 'type="application/json"' in attributes
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"]
    assert response["X-Request-Id"]


def test_pages_only_read(client):
    for address in ("/", f"/areas/{COUNCILS[0]}/", "/search/", "/search/suggest"):
        assert client.post(address).status_code == 405


def test_health_and_readiness(client, settings):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "check REDIS_URL" in response.json()["redis"]


def test_a_fault_of_ours_is_a_plain_page_that_asks_the_database_nothing(
    client, monkeypatch, django_assert_num_queries
):
    def broken(*args):
        raise OperationalError("the database is away")

    monkeypatch.setattr(pages.Area.objects, "select_related", broken)
    client.raise_request_exception = False
    with django_assert_num_queries(0):
        response = client.get(f"/areas/{COUNCILS[0]}/")
    page = response.content.decode()
    assert response.status_code == 500
    assert "<title>Something went wrong – Levelup</title>" in page
    assert "The fault is on our side" in page
    assert "database is away" not in page


def test_what_is_too_large_to_be_read_is_answered_with_a_sentence(client):
    response = client.post("/groups/", {"name": "Mine", "text": "E06000901\n" * 300_000})
    page = response.content.decode()
    assert response.status_code == 400
    assert "larger than any form here takes" in page
    assert 'class="wordmark"' in page


def test_a_profile_is_small(live, client):
    page = client.get(f"/areas/{COUNCILS[0]}/").content
    assert len(gzip.compress(page)) < 60_000
    config = re.search(rb'<script id="map-config" type="application/json">(.*?)</script>', page)
    assert config is None or json.loads(config[1])["tiles"]["layer"] == "areas"


# Words


def test_numbers_are_written_once_and_the_same_everywhere():
    assert number(1234.56, 1) == "1,234.6"
    assert number(-0.04, 1) == "0.0"
    assert number(-1.5, 1) == "−1.5"
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 1011)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "1,011th",
    ]  # fmt: skip
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_legend_words_leave_no_gap_and_no_overlap(make_indicator):
    share = make_indicator()
    assert class_labels([1.0, 2.5, 2.6], share, 0.2) == [
        "1.0 or less",
        "1.1 to 2.5",
        "2.6",
        "more than 2.6",
    ]
    assert class_labels([], share, 0.0) == ["every value"]
    assert class_labels([0.0], share, 0.0) == ["0.0", "more than 0.0"]
    assert shades(5) == [1, 2, 3, 4, 5]
    assert shades(2) == [1, 5]
    assert shades(1) == [3]


def test_words_with_a_character_that_no_name_has_are_refused_with_a_sentence(client):
    response = client.get("/search/?q=%00abc")
    assert response.status_code == 400
    page = response.content.decode()
    assert "NUL, written %00" in page
    assert "There is no such page" not in page
