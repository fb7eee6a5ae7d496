"""What the accessibility statement says was tested, beyond what other tests here do."""

from __future__ import annotations

import pytest

from indicators.views.about import PAGES

pytestmark = pytest.mark.browser
ADDRESSES = [address for address, _ in PAGES]
WIDER_THAN_THE_WINDOW = (
    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
)
EVERYWHERE = ["/", "/areas/E06000002/", "/search/?q=newton", *ADDRESSES]


@pytest.mark.parametrize("address", EVERYWHERE)
def test_at_twice_the_size_no_page_scrolls_sideways(visit, address):
    # A window of 1,280 by 1,024 at 200% zoom lays out as one of half that size.
    page = visit(viewport={"width": 640, "height": 512}, device_scale_factor=2)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert page.evaluate(WIDER_THAN_THE_WINDOW) == 0


@pytest.mark.parametrize("address", ADDRESSES)
def test_on_a_phone_the_pages_about_the_site_scroll_down_alone(visit, address):
    page = visit(viewport={"width": 375, "height": 812})
    page.goto(address)
    assert page.evaluate(WIDER_THAN_THE_WINDOW) == 0
    nav = page.locator(".site-nav a")
    tops = {round(box["y"]) for box in (one.bounding_box() for one in nav.all()) if box}
    assert len(tops) == 1, "the header's links stand in one row"
    assert all(one.bounding_box()["height"] >= 24 for one in nav.all())


@pytest.mark.parametrize("address", ADDRESSES)
def test_in_forced_colours_links_can_be_told_from_text(visit, address):
    page = visit(forced_colors="active")
    page.goto(address)
    assert page.evaluate("matchMedia('(forced-colors: active)').matches")
    link = page.locator(".about-words a").first
    words = page.locator(".about-words p").first
    colour = "e => getComputedStyle(e).color"
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert words.evaluate(colour) != paper
    if link.count():
        assert link.evaluate(colour) != words.evaluate(colour)
        assert "underline" in link.evaluate("e => getComputedStyle(e).textDecorationLine")


def test_the_header_is_walked_by_keyboard_from_the_first_key(page):
    page.goto("/about/method/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert reached == ["Levelup", "Places", "Indicators", "Compare", "API", "About"]
    page.keyboard.press("Enter")
    page.wait_for_url("**/about/")
