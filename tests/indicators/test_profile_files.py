"""What leaves a profile as a file or a sentence says what the page says, and whence it is."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import polars as pl
import pytest

from areas.groups import make_group
from areas.models import Area
from indicators.exports import picture
from indicators.models import Indicator, Observation, Release
from tests.conftest import NOON, shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS

pytestmark = pytest.mark.django_db
SIXTEEN = [float(n) for n in range(1, 17)]
HERE = f"/areas/{COUNCILS[0]}/"


@pytest.fixture
def live(make_indicator, put_live):
    """A share over two years with limits, and income of councils only."""
    make_indicator("share", name="Share <of> & 'all'", polarity="lower")
    make_indicator("income", multiplier=1.0, unit="", prefix="£", decimals=0)
    put_live(shares(SIXTEEN, period="2020-03-21"), "before")
    put_live(shares([n + 1 for n in SIXTEEN]), "now")
    put_live(
        shares([5.0, 7, 9, 3], [1.0] * 4, codes=COUNCILS, edition="authority", indicator="income")
        .with_columns(value="numerator"),
        "income",
    )  # fmt: skip


def table(client, address: str) -> pl.DataFrame:
    response = client.get(address)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return pl.read_csv(response.content, infer_schema_length=None)


def test_the_csv_of_a_figure_holds_place_benchmarks_peers_and_trend(live, client):
    rows = table(client, f"{HERE}figures/share.csv")
    here = rows.filter(pl.col("role") == "this place")
    assert here["period"].to_list() == ["2020-03-21", "2021-03-21"]
    assert here["value"].to_list() == pytest.approx([2.5, 3.5])
    assert here["release"].to_list() == ["The before", "The now"]
    assert here["out_of"].to_list() == [None, 4]
    marks = rows.filter(pl.col("role").str.starts_with("benchmark"))
    expected = {"E12000901": 5.5, "E92000001": 7.5, "K02000001": 9.5}
    assert dict(marks.select("code", "value").iter_rows()) == pytest.approx(expected)
    peers = rows.filter(pl.col("role") == "peers")
    assert peers["statistic"].to_list() == [
        "lowest", "lower quartile", "median", "upper quartile", "highest",
    ]  # fmt: skip
    assert peers["value"][0] == pytest.approx(3.5)
    assert peers["value"][4] == pytest.approx(15.5)
    assert set(rows["licence"]) == {"Open licence"}


def test_what_only_a_parent_has_is_the_parents_in_files_too(live, client):
    address = f"/areas/{NEIGHBOURHOODS[0]}/figures/income.csv"
    row = table(client, address).row(0, named=True)
    assert (row["code"], row["role"]) == (COUNCILS[0], "a place that Ashby 001 is in")
    whole = table(client, f"/areas/{NEIGHBOURHOODS[0]}/figures.csv")
    row = whole.filter(pl.col("indicator") == "income").row(0, named=True)
    assert row["code"] == NEIGHBOURHOODS[0]
    of_own = ("value", "lower", "upper", "numerator", "denominator", "made", "rank", "out_of")
    assert [row[key] for key in of_own] == [None] * len(of_own)
    assert row["note"] == (
        "No data: not held for Ashby 001; that of Ashby is in the columns of a wider place"
    )
    stored = Observation.objects.get(area__code=COUNCILS[0], series__indicator__slug="income")
    of_wider = ("code", "name", "value", "numerator", "denominator")
    assert [row[f"wider_{key}"] for key in of_wider] == [
        COUNCILS[0], "Ashby", stored.value, stored.numerator, stored.denominator,
    ]  # fmt: skip
    share = whole.filter(pl.col("indicator") == "share").row(0, named=True)
    assert share["value"] is not None
    assert {share[key] for key in share if key.startswith("wider_")} == {None}


def test_the_whole_profile_is_a_row_a_figure_and_agrees_with_the_store(live, client):
    rows = table(client, f"{HERE}figures.csv")
    assert rows["indicator"].to_list() == ["share", "income"]
    share = rows.row(0, named=True)
    stored = Observation.objects.get(
        area__code=COUNCILS[0],
        series__indicator__slug="share",
        series__period__label="21 March 2021",
    )
    assert (share["value"], share["numerator"], share["denominator"]) == (
        stored.value, stored.numerator, stored.denominator,
    )  # fmt: skip
    assert share["country_value"] == pytest.approx(7.5)
    assert share["url"].endswith(f"{HERE}?show=share#share")
    for extension in ("xlsx", "parquet", "geojson", "gpkg"):
        assert client.get(f"{HERE}figures.{extension}").status_code == 200
    same = pl.read_parquet(io.BytesIO(client.get(f"{HERE}figures.parquet").content))
    assert same["value"].to_list() == rows["value"].to_list()
    features = client.get(f"{HERE}figures.geojson").json()["features"]
    assert [f["properties"]["share"] for f in features] == pytest.approx([3.5])


def test_the_middle_of_a_group_is_never_passed_off_as_its_figure(make_indicator, put_live, client):
    make_indicator("pay", aggregation="none")
    make_indicator("share")
    at = {"codes": COUNCILS, "edition": "authority"}
    put_live(shares([5.0, 7, 9, 3], indicator="pay", **at), "pay")
    put_live(shares([5.0, 7, 9, 3], indicator="share", **at), "share")
    ids = list(Area.objects.filter(code__in=COUNCILS[1:3]).values_list("pk", flat=True))
    group = make_group(name="Both", area_ids=ids, at=NOON)
    rows = table(client, f"{HERE}figures.csv?with={group.token}")
    said = {r["indicator"]: (r["group_value"], r["group_is"]) for r in rows.iter_rows(named=True)}
    assert said["pay"][0] == pytest.approx(8.0)
    assert said["pay"][1].startswith("middle of 2 of 2 areas, which run from 7.0 to 9.0")
    assert said["share"] == (pytest.approx(8.0), "all 2 areas taken together")


def test_what_is_not_held_is_a_row_with_its_reason(make_indicator, put_live, client):
    make_indicator("pay", scope="E92000001", aggregation="none")
    put_live(shares(SIXTEEN[:12], codes=NEIGHBOURHOODS[:12], indicator="pay"))
    row = table(client, f"/areas/{NEIGHBOURHOODS[15]}/figures.csv").row(0, named=True)
    assert row["value"] is None
    assert row["note"] == "No data: not held for Scotland"


def test_a_suppressed_figure_is_empty_in_files_and_has_no_sentence(
    make_indicator, put_live, client
):
    make_indicator()
    put_live(shares([None, *SIXTEEN[1:]], markers=["c"] + [""] * 15))
    here = f"/areas/{NEIGHBOURHOODS[0]}/"
    row = table(client, f"{here}figures.csv").row(0, named=True)
    assert (row["value"], row["marker"]) == (None, "[c]")
    assert "Copy sentence" not in client.get(here).content.decode()
    drawing = client.get(f"{here}figures/share.svg").content.decode()
    assert "suppressed to protect people" in drawing


def test_limits_and_markers_are_in_words_and_in_files(make_indicator, put_live, client):
    make_indicator()
    rows = shares(SIXTEEN, markers=["p"] + [""] * 15).with_columns(
        lower=pl.col("value") - 0.5, upper=pl.col("value") + 0.5
    )
    put_live(rows)
    here = f"/areas/{NEIGHBOURHOODS[0]}/"
    page = client.get(here).content.decode()
    assert "between 0.5% and 1.5%" in page
    assert "1.0% (provisional; between 0.5% and 1.5%)" in page
    row = table(client, f"{here}figures.csv").row(0, named=True)
    assert (row["lower"], row["upper"], row["marker"]) == (0.5, 1.5, "[p]")


def test_the_sentence_says_what_where_when_whence_and_under_what_licence(live, client):
    page = client.get(HERE).content.decode()
    said = re.search(r'id="income-said">([^<]*)<', page)[1]
    assert said.startswith("Income, Ashby, 21 March 2021: £5, ")
    assert "Source: Office for Tests, Census, The income. Thank us. Levelup, as at " in said
    assert said.endswith(f"http://testserver{HERE}?show=income#income")


def test_the_svg_stands_alone_and_is_well_formed(live, client):
    response = client.get(f"{HERE}figures/share.svg")
    assert response["Content-Type"] == "image/svg+xml"
    root = ET.fromstring(response.content)
    words = " ".join(root.itertext())
    for part in ("Share <of> & 'all'", "Ashby", "21 March 2021", "3.5%", "England", "Thank us."):
        assert part in words
    text = response.content.decode()
    assert "style=" not in text
    assert "<script" not in text
    assert 'href="http' not in text
    # Every text begins inside the picture, and ends there by our measure of it.
    width = float(root.get("width"))
    for item in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 <= float(item.get("x")) <= width


def test_the_png_is_the_svg_at_twice_its_size(live, client):
    drawing = ET.fromstring(client.get(f"{HERE}figures/share.svg").content)
    response = client.get(f"{HERE}figures/share.png")
    assert response["Content-Type"] == "image/png"
    assert response.content[:8] == b"\x89PNG\r\n\x1a\n"
    size = [int.from_bytes(response.content[at : at + 4], "big") for at in (16, 20)]
    assert size == [2 * int(drawing.get("width")), 2 * int(drawing.get("height"))]


def test_letters_are_drawn_in_the_typeface_of_the_pages_welsh_ones_too():
    def drawn(text: str) -> bytes:
        svg = '<svg xmlns="http://www.w3.org/2000/svg" width="99" height="40">{}</svg>'
        words = f"<text y='30' font-family='Atkinson Hyperlegible Next'>{text}</text>"
        return picture.png(svg.format(words))

    assert len({drawn(text) for text in ("", "w", "ŵ", "y", "ŷ")}) == 5


def test_without_the_typeface_it_is_said_what_to_do(live, client, monkeypatch):
    monkeypatch.setattr(picture, "FOLDER", "nowhere")
    response = client.get(f"{HERE}figures/share.png")
    assert response.status_code == 503
    assert "run script/bootstrap" in response.content.decode()


def test_what_may_not_be_passed_on_is_shown_but_never_a_file(live, client):
    Release.objects.filter(slug="now").update(redistributable=False)
    page = client.get(HERE).content.decode()
    assert "not pass it on as a file" in page
    assert "figures/share.csv" not in page
    for extension in ("csv", "svg", "png"):
        assert client.get(f"{HERE}figures/share.{extension}").status_code == 403
    assert table(client, f"{HERE}figures.csv")["indicator"].to_list() == ["income"]
    assert "share" not in client.get(f"{HERE}figures.geojson").json()["features"][0]["properties"]


def test_an_earlier_period_that_may_not_be_passed_on_is_left_out_alone(live, client):
    Release.objects.filter(slug="before").update(redistributable=False)
    rows = table(client, f"{HERE}figures/share.csv").filter(pl.col("role") == "this place")
    assert rows["period"].to_list() == ["2021-03-21"]
    assert "21 March 2020" not in client.get(f"{HERE}figures/share.svg").content.decode()


@pytest.mark.parametrize(
    "address",
    [
        f"{HERE}figures.exe",
        f"{HERE}figures/share.exe",
        f"{HERE}figures/share.xlsx",
        f"{HERE}figures/nope.csv",
        "/areas/NOPE/figures.csv",
        "/areas/NOPE/figures/share.png",
        f"{HERE}figures/share.csv?with=abcdefghijklmnop",
        f"{HERE}figures/.csv",
    ],
)
def test_files_that_are_not_there_answer_404(live, client, address):
    assert client.get(address).status_code == 404


def test_a_formula_in_a_name_is_only_text(live, client):
    Indicator.objects.filter(slug="share").update(name="=1+1")
    rows = client.get(f"{HERE}figures/share.csv").content.decode()
    assert ",=1+1" not in rows
    assert "'=1+1" in rows
