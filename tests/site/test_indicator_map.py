"""The map of a whole level, and the home page's choice of figures, as a browser meets them."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.site.test_walk import classes_painted, readout, settle, the_map

pytestmark = pytest.mark.browser

NEIGHBOURHOODS = "/indicators/household-size/?level=lsoa-2011"
MOST_AT_FIRST, MOST_TO_SWITCH = 1_000_000, 150_000


class Meter:
    """Counts the bytes that come over the wire, by what they are, as the browser sees them."""

    def __init__(self, page: Page) -> None:
        self.bytes: dict[str, int] = {}
        self._urls: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.responseReceived", self._named)
        session.on("Network.loadingFinished", self._weighed)

    def _named(self, event: Any) -> None:
        self._urls[event["requestId"]] = event["response"]["url"]

    def _weighed(self, event: Any) -> None:
        url = self._urls.get(event["requestId"], "")
        kind = next((k for k in ("/tiles/", "/map/", "/static/") if k in url), "page")
        self.bytes[kind] = self.bytes.get(kind, 0) + int(event["encodedDataLength"])

    def read(self) -> dict[str, int]:
        """Return what came since the last reading."""
        found, self.bytes = self.bytes, {}
        return found


def test_every_neighbourhood_is_under_a_megabyte_and_another_figure_much_less(page):
    meter = Meter(page)
    page.goto(NEIGHBOURHOODS)
    settle(page)
    first = meter.read()
    assert first["/tiles/"] > 0
    assert sum(first.values()) < MOST_AT_FIRST, first
    assert classes_painted(page) == {1, 2, 3, 4, 5}
    page.goto("/indicators/communal-residents/?level=lsoa-2011")
    settle(page)
    second = meter.read()
    assert sum(second.values()) < MOST_TO_SWITCH, second


def test_a_pointer_a_row_and_the_keyboard_say_the_same_of_a_neighbourhood(page):
    page.goto(NEIGHBOURHOODS)
    settle(page)
    the_map(page).focus()
    with page.expect_response(lambda r: "/areas.json" in r.url and r.ok):
        page.keyboard.press("ArrowDown")
    expect(readout(page)).to_contain_text("Enter opens its page.")
    said = readout(page).text_content() or ""
    tip = page.locator("[data-map-tip]")
    expect(tip).to_be_visible()
    assert said.startswith(tip.locator("[data-tip-name]").text_content() or "?")
    page.keyboard.press("Enter")
    page.wait_for_url("**/areas/*/")
    expect(page.get_by_role("heading", level=1)).to_contain_text(said.split(",")[0].split(":")[0])


def test_a_row_of_the_authorities_lights_its_area_and_the_area_its_row(page):
    page.goto("/indicators/taxpayer-income/")
    settle(page)
    row = page.locator("[data-map-rows] tbody tr").nth(30)
    with page.expect_response(lambda r: "/areas.json" in r.url and r.ok):
        row.hover()
    expect(row).to_have_class("is-lit")


def test_the_figure_on_the_home_page_changes_without_fetching_outlines_again(page):
    page.goto("/")
    settle(page)
    meter = Meter(page)
    page.get_by_text("Choose another figure").click()
    with page.expect_response(lambda r: "/map/" in r.url and r.ok):
        page.get_by_role("link", name="Residents aged 65 and over").click()
    expect(page.locator("#home-map-title")).to_contain_text("Residents aged 65 and over ran from")
    settle(page)
    spent = meter.read()
    assert spent["/map/"] > 0
    assert "/tiles/" not in spent
    assert sum(spent.values()) < MOST_TO_SWITCH
    assert page.url.endswith("/?show=older-residents")


def test_the_list_narrows_as_the_reader_types(page):
    page.goto("/indicators/")
    page.get_by_label("Name, definition or source").press_sequentially("stroke")
    expect(page.get_by_role("status").filter(has_text="shown")).to_have_text("4 of 15 shown")
    expect(page.locator("[data-words]:visible")).to_have_count(4)
    page.get_by_label("Name, definition or source").fill("zzz")
    expect(page.get_by_text("No indicator answers to all of that.")).to_be_visible()


def test_without_javascript_the_page_has_every_level_and_the_whole_table(visit):
    page = visit(java_script_enabled=False)
    page.goto("/indicators/taxpayer-income/")
    expect(page.locator("[data-map-rows] tbody tr")).to_have_count(361)
    page.get_by_role("link", name="Regions", exact=True).click()
    expect(page.locator("[data-map-rows] tbody tr")).to_have_count(9)
    page.get_by_label("Name or code").fill("london")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("[data-map-rows] tbody tr")).to_have_count(1)
