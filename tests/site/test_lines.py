"""A figure line in a reader's hands: quoted, printed, taken away, doubted."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

MIDDLESBROUGH = "/areas/E06000002/"
# /Type /Page, but not /Type /Pages: one a page, in the form that Chromium writes.
ONE_PAGE = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")


A_WARD = "SELECT min(code) FROM areas_area WHERE area_type_id = 'ward' AND valid_to IS NULL"


@pytest.mark.parametrize(
    "code",
    [
        "E06000002",  # 86 neighbourhoods
        "E08000025",  # Birmingham, whose list is cut short on paper
        "E10000016",  # a county
        "ward",
        "S12000049",
        "E92000001",
    ],
)
def test_a_printed_profile_is_at_most_four_pages(page: Page, site, code):
    code = site.value(A_WARD) if code == "ward" else code
    page.goto(f"/areas/{code}/")
    page.wait_for_load_state("networkidle")
    pages = len(ONE_PAGE.findall(page.pdf(prefer_css_page_size=True)))
    assert 1 <= pages <= 4


def test_a_reader_copies_a_sentence_that_can_be_quoted(visit):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.goto(MIDDLESBROUGH)
    line = page.locator("#children")
    line.get_by_role("button", name="Copy sentence").click()
    # What the button is called changes with what it says.
    expect(line.locator(".line-tools button")).to_contain_text("Copied")
    said = page.evaluate("navigator.clipboard.readText()")
    shown = line.locator(".figure").inner_text()
    assert said.startswith(f"Children under 16, Middlesbrough, 30 June 2023: {shown}")
    assert "Source: Office for National Statistics" in said
    assert said.endswith(f"{MIDDLESBROUGH}?show=children#children")
    # The address in the sentence leads to the very line.
    page.goto(said.split(", ")[-1])
    expect(page.locator("#children")).to_be_in_viewport()


def test_without_javascript_the_sentence_and_the_files_are_there_to_take(visit, site):
    page = visit(java_script_enabled=False)
    page.goto(MIDDLESBROUGH)
    line = page.locator("#children")
    assert not line.get_by_role("button", name="Copy sentence").is_visible()
    line.locator("summary").click()
    assert "Source: Office for National Statistics" in line.locator(".line-said").inner_text()
    for name in ("CSV", "SVG", "PNG"):
        address = line.locator(".line-files").get_by_role("link", name=name).get_attribute("href")
        reply = site.get(address)
        assert reply.status == 200
        assert len(reply.body) > 500


def test_a_reader_says_that_a_figure_looks_wrong(visit, site):
    page = visit(java_script_enabled=False)
    page.goto(MIDDLESBROUGH)
    page.locator("#children").get_by_role("link", name="Looks wrong?").first.click()
    assert "Children under 16, Middlesbrough, 30 June 2023" in page.locator("main").inner_text()
    page.get_by_label("What looks wrong?").fill("It was 21% last year.")
    page.get_by_role("button", name="Send").click()
    reference = re.search(r"reference is ([0-9A-Z]{8})", page.locator("main").inner_text())[1]
    kept = "SELECT message FROM indicators_feedback WHERE reference = %s"
    assert site.value(kept, reference) == "It was 21% last year."
