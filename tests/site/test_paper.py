"""Pages on paper, and in a window as narrow as four times enlarged: nothing lost, nothing aside."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

INDICATOR = "/indicators/stroke-travel-time/"
PARTS = "/areas/E07000076/parts/?level=ward-2025&show=stroke-travel-time"
# Rows as they are printed: how many take up room, where each begins, and cells under each other.
PRINTED = """() => {
  const rows = [...document.querySelectorAll('.area-table.rows tbody tr')];
  const boxes = rows.map((row) => [...row.cells].map((cell) => cell.getBoundingClientRect()));
  const under = boxes.flatMap((row) =>
    row.slice(1).map((box, i) => box.left - row[i].right)).filter((gap) => gap < -1);
  return {
    rows: rows.length,
    seen: boxes.filter(([first]) => first.height > 0).length,
    starts: new Set(boxes.map(([first]) => Math.round(first.left))).size,
    under: under.length,
    right: Math.max(...boxes.map((row) => row.at(-1).right)),
    width: document.documentElement.clientWidth,
  };
}"""


@pytest.fixture
def paper(page: Page) -> Page:
    """A page as wide as A4 between its margins, in the print style."""
    page.set_viewport_size({"width": 695, "height": 1000})
    page.emulate_media(media="print")
    return page


def test_every_row_of_an_indicator_is_printed_and_can_be_read(paper: Page):
    paper.goto(INDICATOR)
    found = paper.evaluate(PRINTED)
    assert found["rows"] > 300
    assert found["seen"] == found["rows"]
    assert (found["starts"], found["under"]) == (1, 0), "rows one below the other, cells apart"
    assert found["right"] <= found["width"]
    expect(paper.locator(".area-table thead")).to_be_visible()
    # Without the map there is nothing that its heading and legend could be about.
    expect(paper.locator(".indicator-map")).to_be_hidden()


@pytest.mark.parametrize("address", [PARTS, "/compare/?areas=E06000002,E06000001"])
def test_what_figures_are_is_printed_with_them(paper: Page, address: str):
    paper.goto(address)
    expect(paper.locator(".about-figures dl")).to_be_visible()
    foot = paper.locator(".sheet-foot").inner_text()
    assert "Choose a heading" not in foot
    assert ". ." not in foot


def test_a_list_that_is_cut_short_on_paper_says_so(paper: Page):
    paper.goto("/")
    expect(paper.get_by_text("The first 120 of")).to_be_visible()


@pytest.mark.parametrize("code", ["E06000002", "E01021988"])
def test_a_profile_four_times_enlarged_scrolls_one_way_only(page: Page, code: str):
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"/areas/{code}/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_picture_of_a_map_says_where_its_figures_are_from(page: Page):
    page.add_init_script(
        """const write = CanvasRenderingContext2D.prototype.fillText;
        window.written = [];
        CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
          window.written.push(text);
          return write.call(this, text, ...rest);
        };"""
    )
    for address in ("/areas/E06000002/?show=children#inside", "/indicators/children/"):
        with page.expect_response(lambda r: "/map/" in r.url and r.ok):
            page.goto(address)
        expect(page.locator("[data-map].has-map:not([aria-busy])")).to_have_count(1)
        with page.expect_download():
            page.get_by_role("button", name="Download picture").click()
        said = " ".join(page.evaluate("window.written"))
        for words in ("Source: Office for National Statistics", "Open Government Licence",
                      "Levelup, as at", "Outlines:", address.split("#")[0]):  # fmt: skip
            assert words in said
