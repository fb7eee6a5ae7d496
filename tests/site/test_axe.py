"""Every kind of page has nothing that axe-core objects to, in light and in dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.site.conftest import PROJECT, Site

pytestmark = pytest.mark.browser

AXE = PROJECT / "node_modules" / "axe-core" / "axe.min.js"
PAGES = {
    "home": "/",
    "an authority": "/areas/E06000002/",
    "a ward": "/areas/E05009854/",
    "a neighbourhood": "/areas/E01012007/",
    "a Scottish authority": "/areas/S12000049/",
    "a region": "/areas/E12000001/",
    "the UK": "/areas/K02000001/",
    "search with results": "/search/?q=newton",
    "search without results": "/search/?q=nowhere+at+all",
    "an unknown code": "/areas/E06000999/",
    "an unknown page": "/no/such/page",
    "a table of parts": "/areas/E06000002/parts/?level=lsoa-2011&rank=1&with=neighbours",
    "a comparison": "/compare/?areas=E06000002,S12000049,W06000015&with=neighbours",
    "an empty comparison": "/compare/",
    "a form for a group": "/groups/",
    "about": "/about/",
    "about the data": "/about/data/",
    "method": "/about/method/",
    "status codes": "/about/status-codes/",
    "accessibility": "/about/accessibility/",
    "privacy": "/about/privacy/",
}
ENDED_WITH_SEVERAL = """
    SELECT a.code FROM areas_area a JOIN areas_areachange c ON c.from_area_id = a.id
    WHERE a.valid_to IS NOT NULL AND c.kind = 'split'
    GROUP BY a.code HAVING count(DISTINCT c.to_area_id) > 1 ORDER BY a.code LIMIT 1
"""


def objections(page: Page) -> list[str]:
    """Return what axe-core objects to, with every part of the page opened."""
    if not AXE.exists():
        pytest.fail("node_modules/axe-core is missing: run script/test or npm ci.", pytrace=False)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    # Evaluated, not added as a script: the content security policy stays as it is.
    page.evaluate(Path(AXE).read_text())
    result: dict[str, Any] = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{found['id']} ({found['impact']}): {found['help']}: "
        + "; ".join(
            f"{node['target'][0]} {node['any'][0]['message'] if node['any'] else ''}"
            for node in found["nodes"][:4]
        )
        + f" ({len(found['nodes'])} in all)"
        for found in result["violations"]
    ]


def look(page: Page, path: str) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", PAGES)
def test_axe_objects_to_nothing(visit, kind, scheme):
    page = visit(color_scheme=scheme)
    look(page, PAGES[kind])
    assert objections(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_objects_to_nothing_on_an_ended_code_with_several_successors(site: Site, visit, scheme):
    code = site.value(ENDED_WITH_SEVERAL)
    page = visit(color_scheme=scheme)
    look(page, f"/areas/{code}/")
    assert page.get_by_text("This area ended on").is_visible()
    assert objections(page) == []


def test_axe_objects_to_nothing_on_a_phone_with_the_suggestions_open(visit):
    page = visit(viewport={"width": 375, "height": 812})
    look(page, "/")
    page.get_by_label("Place name, postcode or area code").press_sequentially("newc", delay=20)
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    assert objections(page) == []
