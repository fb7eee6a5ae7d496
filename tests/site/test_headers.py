"""What the server says round its pages: policies, caching, sizes."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.site.conftest import Reply, Site

PAGES = [
    "/",
    "/areas/E06000002/",
    "/areas/E05009854/",
    "/areas/E01012007/",
    "/areas/E12000001/",
    "/areas/K02000001/",
    "/areas/N09000003/",
    "/search/",
    "/search/?q=newton",
    "/search/?q=%3Cscript%3Ealert(1)%3C/script%3E",
    "/areas/E06000999/",
    "/no/such/page",
    "/about/data/",
    "/about/privacy/",
]
# The first view of a map: its script and style, figures and tiles, as they cross the wire.
MAP_BUDGET = 200_000


class Inline(HTMLParser):
    """Collects whatever a page says that a strict policy would refuse to run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        data = has.get("type") == "application/json"
        if (
            tag == "style"
            or (tag == "script" and "src" not in has and not data)
            or "style" in has
            or any(name.startswith("on") for name in has)
            or any((v or "").strip().lower().startswith("javascript:") for v in has.values())
        ):
            self.found.append(self.get_starttag_text() or tag)


def policy(reply: Reply) -> dict[str, str]:
    """Return the directives of a reply's content security policy."""
    parts = reply.headers["content-security-policy"].split(";")
    return {p.split()[0]: " ".join(p.split()[1:]) for p in parts if p.strip()}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_nothing_that_is_not_the_site_s_own(site: Site, path):
    reply = site.get(path)
    assert reply.headers["content-type"].startswith("text/html")
    directives = policy(reply)
    assert "unsafe" not in reply.headers["content-security-policy"]
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["object-src"] == directives["base-uri"] == "'none'"
    inline = Inline()
    inline.feed(reply.text)
    assert inline.found == []
    assert "<script>alert" not in reply.text


@pytest.mark.parametrize("path", PAGES)
def test_a_page_cannot_be_framed_sniffed_or_leak_where_a_reader_came_from(site: Site, path):
    reply = site.get(path)
    assert policy(reply)["frame-ancestors"] in {"'self'", "'none'"}
    assert reply.headers["x-frame-options"] in {"SAMEORIGIN", "DENY"}
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] in {"strict-origin-when-cross-origin", "same-origin"}
    assert reply.headers["cross-origin-opener-policy"] == "same-origin"
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("path", PAGES)
def test_a_page_travels_gzipped_and_names_its_language_and_one_heading(site: Site, path):
    reply = site.get(path)
    assert reply.zipped
    assert '<html lang="en-GB">' in reply.text
    assert len(re.findall(r"<h1[ >]", reply.text)) == 1
    assert re.search(r"<title>[^<]+</title>", reply.text)


def test_an_unknown_page_or_code_answers_404_and_offers_the_search(site: Site):
    for path in ("/no/such/page", "/areas/E06000999/", "/areas/nonsense!/", "/areas/e06000999/"):
        reply = site.get(path)
        while reply.status in {301, 302}:
            reply = site.get(reply.headers["location"])
        assert reply.status == 404, path
        assert 'action="/search/"' in reply.text


def test_health_checks_answer_in_json_and_are_never_kept(site: Site):
    for path in ("/healthz", "/readyz"):
        reply = site.get(path)
        assert (reply.status, reply.json) == (200, {"status": "ok"})
        assert "max-age" not in reply.headers.get("cache-control", "")


def tile_addresses(site: Site) -> list[str]:
    """Return one tile that has something in it for every edition's archive."""
    hashes = site.rows("SELECT tile_hash FROM areas_edition ORDER BY slug")
    return [f"/tiles/{tile_hash}/5/15/10.mvt" for (tile_hash,) in hashes]


def test_tiles_are_kept_for_ever_and_travel_gzipped(site: Site):
    addresses = tile_addresses(site)
    assert len(addresses) == 10
    for address in addresses:
        reply = site.get(address)
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/vnd.mapbox-vector-tile"
        assert "immutable" in reply.headers["cache-control"]
        assert "max-age=31536000" in reply.headers["cache-control"]
        assert reply.zipped
        # Once, not twice.
        assert gzip.decompress(reply.body)[:2] != b"\x1f\x8b"
        assert "set-cookie" not in reply.headers


def test_a_tile_of_open_sea_is_empty_and_one_of_no_archive_is_not_there(site: Site):
    (address, *_) = tile_addresses(site)
    assert site.get(address.replace("/5/15/10.", "/5/0/0.")).status == 204
    assert site.get(f"/tiles/{'0' * 32}/5/15/10.mvt").status == 404


def test_scripts_styles_and_fonts_are_named_by_their_content_and_kept_for_ever(site: Site):
    html = site.get("/areas/E06000002/").text
    addresses = re.findall(r'(?:href|src|data-map-script)="(/static/[^"]+)"', html)
    assert len(addresses) >= 5
    for address in addresses:
        assert re.search(r"\.[0-9a-f]{12}\.", address), address
        reply = site.get(address)
        assert reply.status == 200
        assert "immutable" in reply.headers["cache-control"]
        assert reply.zipped or address.endswith((".woff2", ".svg"))


VALUES = "/map/lsoa-2011/household-size.json?within=E06000002"


def test_figures_of_a_map_are_asked_for_again_but_sent_once(site: Site):
    first = site.get(VALUES)
    assert first.status == 200
    assert first.json["codes"]
    tag = first.headers["etag"]
    # As a browser does it: the tag it was given, gzip accepted.
    again = site.get(VALUES, {"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")
    stale = site.get(VALUES, {"If-None-Match": '"nothing of ours"'})
    assert stale.status == 200
    plain = site.get(VALUES, {"Accept-Encoding": "identity"})
    again = site.get(
        VALUES, {"Accept-Encoding": "identity", "If-None-Match": plain.headers["etag"]}
    )
    assert again.status == 304


@pytest.mark.parametrize(
    "address",
    [
        "/map/lsoa-2011/household-size.json",
        "/map/lsoa-2011/household-size.json?within=E06000999",
        "/map/lsoa-2011/nothing.json?within=E06000002",
        "/map/nothing/household-size.json?within=E06000002",
    ],
)
def test_figures_that_are_not_there_answer_404_even_to_a_browser_that_has_others(
    site: Site, address
):
    assert site.get(address).status == 404
    tag = site.get(VALUES).headers["etag"]
    assert site.get(address, {"If-None-Match": tag}).status == 404


@pytest.mark.browser
@pytest.mark.parametrize(
    "code",
    ["E06000002", "E08000025", "E06000052", "E06000063", "S12000017", "W06000023", "N09000003"],
)
def test_the_first_map_of_an_authority_costs_under_200_kilobytes(visit, code):
    page = visit(viewport={"width": 1440, "height": 900})
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    asked: dict[str, str] = {}
    bytes_of: dict[str, int] = {}
    network.on("Network.requestWillBeSent", lambda e: asked.update({e["requestId"]: _url(e)}))
    network.on(
        "Network.loadingFinished",
        lambda e: bytes_of.update({asked[e["requestId"]]: int(e["encodedDataLength"])}),
    )
    page.goto(f"/areas/{code}/")
    page.locator("[data-map].has-map:not([aria-busy])").wait_for()
    page.wait_for_load_state("networkidle")
    parts = {"script": 0, "style": 0, "values": 0, "tiles": 0}
    for url, size in bytes_of.items():
        if kind := _kind(url):
            parts[kind] += size
    parts["tiles fetched"] = sum("/tiles/" in url for url in bytes_of)
    print(code, parts)
    total = sum(size for kind, size in parts.items() if kind != "tiles fetched")
    assert parts["script"] > 10_000
    assert parts["tiles"] > 0
    assert parts["values"] > 0
    assert total < MAP_BUDGET, (total, parts)


def _url(event: dict[str, Any]) -> str:
    return str(event["request"]["url"])


def _kind(url: str) -> str:
    """Return what part of a map a request was for, or nothing."""
    if url.endswith(".js"):
        return "script"
    if url.endswith(".css"):
        return "style"
    return "values" if "/map/" in url else "tiles" if "/tiles/" in url else ""
