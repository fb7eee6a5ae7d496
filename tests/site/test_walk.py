"""A reader's way through the site, with a keyboard, a pointer, without JavaScript, on a phone."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

MIDDLESBROUGH = "/areas/E06000002/"
PHONE: dict[str, Any] = {
    "viewport": {"width": 375, "height": 812},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}
# How many pixels of each opaque colour are on the map, read back from its canvases.
COLOURS = """() => {
  const counts = {};
  for (const canvas of document.querySelectorAll('.leaflet-tile canvas:first-child')) {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] === 255) {
        const colour = data.slice(i, i + 3).join(',');
        counts[colour] = (counts[colour] ?? 0) + 1;
      }
  }
  return counts;
}"""
# The five colours of the classes, as the browser writes them: "12,34,56".
RAMP = """() => [1, 2, 3, 4, 5].map((n) => {
  const context = document.createElement('canvas').getContext('2d');
  const style = getComputedStyle(document.querySelector('[data-map]'));
  context.fillStyle = style.getPropertyValue(`--class-${n}`).trim();
  context.fillRect(0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data.slice(0, 3).join(',');
})"""


def search_box(page: Page) -> Locator:
    return page.get_by_label("Place name, postcode or area code")


def open_with_map(page: Page, path: str) -> None:
    """Open a page and wait until its map has its figures and its tiles."""
    with page.expect_response(lambda r: "/map/" in r.url and r.ok):
        page.goto(path)
    settle(page)


def settle(page: Page) -> None:
    """Wait until every tile of the map is drawn and no figures are on their way."""
    expect(page.locator("[data-map].has-map:not([aria-busy])")).to_have_count(1)
    expect(page.locator(".leaflet-tile-loaded").first).to_be_attached()
    page.wait_for_function(
        "() => !document.querySelector('.leaflet-tile:not(.leaflet-tile-loaded)')"
    )
    page.wait_for_timeout(400)  # tiles beyond the edges are painted after those in sight


def classes_painted(page: Page) -> set[int]:
    """Return which of the five classes have at least fifty pixels on the map."""
    counts = page.evaluate(COLOURS)
    ramp = page.evaluate(RAMP)
    assert len(set(ramp)) == 5
    return {n for n, colour in enumerate(ramp, 1) if counts.get(colour, 0) >= 50}


def the_map(page: Page) -> Locator:
    return page.locator("[data-map-canvas]")


def readout(page: Page) -> Locator:
    return page.locator("[data-map-readout]")


def other_figure(page: Page) -> Locator:
    """Return the second figure line that can be shown on the map and is not on it."""
    return page.locator("article.line:not(.is-shown):has([data-show])").nth(1)


def test_a_reader_types_a_name_picks_a_suggestion_by_keyboard_and_lands_on_its_profile(page):
    page.goto("/")
    search_box(page).press_sequentially("middlesb", delay=20)
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("Middlesbrough")
    expect(search_box(page)).to_have_attribute("aria-expanded", "true")
    expect(page.locator("[data-search-status]")).to_have_text(re.compile(r"\d+ places? found\."))
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    chosen = options.first.get_attribute("id")
    expect(search_box(page)).to_have_attribute("aria-activedescendant", chosen or "")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{MIDDLESBROUGH}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Middlesbrough")


def test_a_reader_types_a_postcode_and_is_offered_the_places_that_hold_it(page):
    page.goto("/")
    search_box(page).press_sequentially("cf10 4at", delay=20)
    options = page.get_by_role("option")
    expect(options.filter(has_text="Cardiff").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(search_box(page)).to_have_value("cf10 4at")


def test_the_map_of_a_profile_fetches_its_figures_and_tiles_and_is_really_painted(page):
    arrived: list[Any] = []
    page.on("response", lambda r: arrived.append(r))
    open_with_map(page, MIDDLESBROUGH)
    tiles = [r for r in arrived if "/tiles/" in r.url]
    assert tiles
    assert all(r.ok for r in tiles)
    assert len(classes_painted(page)) >= 3


def test_the_map_of_the_home_page_is_really_painted(page):
    open_with_map(page, "/")
    assert classes_painted(page) == {1, 2, 3, 4, 5}


def test_a_reader_walks_the_map_by_keyboard_hears_each_name_and_opens_one(page):
    open_with_map(page, MIDDLESBROUGH)
    names = dict(
        page.locator("[data-area-table] tbody tr").evaluate_all(
            "rows => rows.map(r => [r.querySelector('[data-name]').textContent, r.dataset.code])"
        )
    )
    the_map(page).focus()
    page.keyboard.press("ArrowRight")
    expect(readout(page)).to_have_text(re.compile(r"^.+: .+ Enter opens its page\.$"))
    first = readout(page).inner_text()
    expect(page.locator("[data-map-tip]")).to_be_visible()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        if readout(page).inner_text() != first:
            break
    said = readout(page).inner_text()
    assert said != first
    name = said.split(": ")[0]
    assert name in names
    expect(page.locator("[data-tip-name]")).to_have_text(name)
    expect(page.locator("[data-area-table] tr.is-lit")).to_have_attribute("data-code", names[name])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/areas/{names[name]}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


@pytest.mark.parametrize("figure", ["population-density", "ended-postcodes"])
def test_a_reader_hears_the_class_of_an_area_in_the_words_of_the_legend(page, figure):
    open_with_map(page, f"{MIDDLESBROUGH}?show={figure}&inside=lsoa-2011")
    classes = page.locator("[data-legend] [data-class]:not([data-class='0']):not([hidden])")
    words = [re.escape(label) for label in classes.locator("[data-label]").all_inner_texts()]
    the_map(page).focus()
    page.keyboard.press("ArrowRight")
    expect(readout(page)).to_have_text(re.compile(rf"Class: ({'|'.join(words)})\."))


def test_a_reader_points_at_the_map_sees_a_name_and_a_figure_and_opens_it_by_a_click(page):
    open_with_map(page, MIDDLESBROUGH)
    box = the_map(page).bounding_box()
    assert box is not None
    tip = page.locator("[data-map-tip]")
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(middle[0] - 9, middle[1])
    page.mouse.move(*middle)
    expect(tip).to_be_visible()
    expect(page.locator("[data-tip-text]")).to_have_text(re.compile(r"\d|no data"))
    name = page.locator("[data-tip-name]").inner_text()
    assert name
    page.mouse.click(*middle)
    page.wait_for_url("**/areas/E01*/")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def test_show_on_map_swaps_legend_table_and_heading_and_keeps_the_page(page):
    open_with_map(page, MIDDLESBROUGH)
    page.evaluate("window.sameDocument = true")
    line = other_figure(page)
    slug = line.get_attribute("id") or ""
    label = line.locator(".line-label").inner_text()
    line = page.locator(f"#{slug}")
    legend, unit = page.locator("[data-legend-title]"), page.locator("[data-unit]")
    legend_before, unit_before = legend.inner_text(), unit.text_content()
    cells = page.locator("[data-area-table] [data-text]")
    cells_before = cells.all_text_contents()
    with page.expect_response(lambda r: f"/{slug}.json" in r.url):
        line.locator("[data-show]").click()
    expect(page.locator("[data-map-label]")).to_have_text(label)
    settle(page)
    assert parse_qs(urlsplit(page.url).query)["show"] == [slug]
    assert page.evaluate("window.sameDocument") is True
    assert legend.inner_text() != legend_before
    assert unit.text_content() != unit_before
    assert label in (unit.text_content() or "")
    assert cells.all_text_contents() != cells_before
    expect(readout(page)).to_contain_text(f"The map now shows {label}")
    expect(the_map(page)).to_have_attribute("aria-label", re.compile(re.escape(label)))
    expect(page.locator("article.line.is-shown")).to_have_count(1)
    expect(line).to_have_class(re.compile("is-shown"))
    assert classes_painted(page)


def test_the_address_after_show_on_map_gives_another_reader_the_same_map(page):
    open_with_map(page, MIDDLESBROUGH)
    line = other_figure(page)
    slug, label = line.get_attribute("id"), line.locator(".line-label").inner_text()
    line.locator("[data-show]").click()
    expect(page.locator("[data-map-label]")).to_have_text(label)
    legend = page.locator("[data-legend-title]").inner_text()
    table = page.locator("[data-area-table] [data-text]").all_text_contents()
    open_with_map(page, page.url)
    expect(page.locator("[data-map-label]")).to_have_text(label)
    expect(page.locator("[data-legend-title]")).to_have_text(legend)
    assert page.locator("[data-area-table] [data-text]").all_text_contents() == table
    expect(page.locator("article.line.is-shown")).to_have_id(slug or "")


def test_a_class_of_the_legend_shows_its_areas_alone_and_pressing_it_again_shows_all(page):
    open_with_map(page, "/")
    everything = classes_painted(page)
    switch = page.locator("[data-legend] [data-class='5'] button")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(500)
    assert classes_painted(page) == {5}
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "false")
    page.wait_for_timeout(500)
    assert classes_painted(page) == everything


def numbers(cells: Locator) -> list[float | None]:
    found = []
    for text in cells.all_text_contents():
        figure = re.search(r"[−-]?[\d,]+(\.\d+)?", text)
        bare = figure[0].replace(",", "").replace("−", "-") if figure else ""
        found.append(float(bare) if figure and "no data" not in text else None)
    return found


def test_the_table_sorts_by_figure_and_by_name_and_missing_stays_last(page):
    open_with_map(page, "/")
    page.locator("[data-map-table] > summary").click()
    by_value = page.locator("[data-area-table] th[data-sort=value]")
    cells = page.locator("[data-area-table] [data-text]")
    by_value.get_by_role("button").click()
    expect(by_value).to_have_attribute("aria-sort", "descending")
    found = numbers(cells)
    known = [n for n in found if n is not None]
    assert known == sorted(known, reverse=True)
    assert found[len(known) :] == [None] * (len(found) - len(known))
    assert len(known) < len(found)  # seven authorities have no figure
    by_value.get_by_role("button").click()
    expect(by_value).to_have_attribute("aria-sort", "ascending")
    found = numbers(cells)
    assert found[: len(known)] == sorted(known)
    page.locator("[data-area-table] th[data-sort=name]").get_by_role("button").click()
    names = page.locator("[data-area-table] [data-name]").all_text_contents()
    assert names[0] == "Aberdeen City"
    assert names[-1] == "York"


def test_a_reader_goes_back_from_an_area_to_the_same_map_and_on_to_the_first_page(page):
    page.goto("/")
    page.get_by_role("link", name="Middlesbrough", exact=True).first.click()
    page.wait_for_url(f"**{MIDDLESBROUGH}")
    settle(page)
    line = other_figure(page)
    label = line.locator(".line-label").inner_text()
    line.locator("[data-show]").click()
    expect(page.locator("[data-map-label]")).to_have_text(label)
    shown = page.url
    page.locator("[data-map-table] > summary").click()
    page.locator("[data-area-table] [data-name]").first.click()
    page.wait_for_url("**/areas/E01*/")
    page.go_back()
    page.wait_for_url(shown)
    expect(page.locator("[data-map-label]")).to_have_text(label)
    page.go_back()
    expect(search_box(page)).to_be_visible()
    assert urlsplit(page.url).path == "/"


def test_levels_lead_from_neighbourhoods_to_wards_and_keep_the_figure(page):
    open_with_map(page, f"{MIDDLESBROUGH}?show=household-size")
    label = page.locator("[data-map-label]").inner_text()
    page.locator("nav.levels").get_by_role("link", name=re.compile("^wards", re.I)).click()
    page.wait_for_url("**inside=ward-2025**")
    settle(page)
    expect(page.locator("[data-map-label]")).to_have_text(label)
    expect(page.locator("#inside-title")).to_have_text("Wards in Middlesbrough")
    assert classes_painted(page)


def test_without_javascript_a_reader_searches_reads_a_profile_and_turns_the_map_table(visit):
    page = visit(java_script_enabled=False)
    page.goto("/")
    search_box(page).fill("middlesbrough")
    page.get_by_role("button", name="Find").click()
    assert urlsplit(page.url).path == "/search/"
    page.locator("ol.results").get_by_role("link", name="Middlesbrough", exact=True).first.click()
    assert urlsplit(page.url).path == MIDDLESBROUGH
    assert page.locator(".map-without").is_visible()
    assert "JavaScript" in page.locator(".map-without").inner_text()
    table = page.locator("[data-area-table]")
    assert table.is_visible()
    before = table.inner_text()
    line = other_figure(page)
    slug, label = line.get_attribute("id"), line.locator(".line-label").inner_text()
    line.get_by_role("link", name="Show on map").click()
    assert parse_qs(urlsplit(page.url).query)["show"] == [slug]
    assert page.locator("[data-map-label]").inner_text() == label
    assert table.inner_text() != before
    assert page.locator("article.line.is-shown").get_attribute("id") == slug
    assert page.locator(".legend-count").first.is_visible()
    page.locator("nav.levels").get_by_role("link", name=re.compile("^wards", re.I)).click()
    assert parse_qs(urlsplit(page.url).query)["inside"] == ["ward-2025"]
    assert page.locator("#inside-title").inner_text() == "Wards in Middlesbrough"
    assert page.locator("[data-map-label]").inner_text() == label
    assert page.locator("[data-area-table] tbody tr").count() == 20
    page.locator("[data-area-table] a").first.click()
    assert page.get_by_text("ward", exact=True).first.is_visible()


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        MIDDLESBROUGH,
        "/areas/K02000001/",
        "/areas/E12000001/",
        "/areas/E01012007/",
        "/search/",
        "/search/?q=newton",
        "/search/?q=nowhere+at+all",
        "/no/such/page",
        "/areas/E06000999/",
    ],
)
def test_nothing_on_a_phone_scrolls_sideways(visit, path, script):
    page = visit(**PHONE, java_script_enabled=script)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    if script:
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    wide = page.evaluate(
        """() => [document.documentElement.scrollWidth, innerWidth, ...[...document.body
             .querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > 376
             && !e.closest('.table-scroll, .map-canvas, .unseen, svg'))
             .slice(0, 5).map((e) => e.outerHTML.slice(0, 120))]"""
    )
    assert wide[:2] == [375, 375], wide[2:]


def test_on_a_phone_the_table_of_areas_scrolls_inside_itself(visit):
    page = visit(**PHONE)
    page.goto(MIDDLESBROUGH)
    page.locator("#inside").scroll_into_view_if_needed()
    settle(page)
    page.locator("[data-map-table] > summary").click()
    scroller = page.locator(".table-scroll:has([data-area-table])")
    size = scroller.evaluate(
        "e => [e.clientWidth, e.clientHeight, e.scrollHeight, getComputedStyle(e).overflowY]"
    )
    assert size[0] <= 375
    assert size[1] < 812
    assert size[2] > size[1]
    at = page.evaluate("scrollY")
    scroller.evaluate("e => { e.scrollTop = 200 }")
    assert scroller.evaluate("e => e.scrollTop") == 200
    assert page.evaluate("scrollY") == at
    head = scroller.locator("thead th").first.bounding_box()
    frame = scroller.bounding_box()
    assert head is not None
    assert frame is not None
    assert abs(head["y"] - frame["y"]) < 3  # the heading stays


def test_on_a_phone_a_tap_names_an_area_and_a_second_tap_opens_it(visit):
    page = visit(**PHONE)
    page.goto(MIDDLESBROUGH)
    the_map(page).scroll_into_view_if_needed()
    settle(page)
    box = the_map(page).bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.touchscreen.tap(*middle)
    expect(page.locator("[data-map-tip]")).to_be_visible()
    name = page.locator("[data-tip-name]").inner_text()
    expect(readout(page)).to_contain_text(name)
    assert urlsplit(page.url).path == MIDDLESBROUGH
    page.wait_for_timeout(600)
    page.touchscreen.tap(*middle)
    page.wait_for_url("**/areas/E01*/")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
