"""Pages about the site: the data, the method, status codes, accessibility, privacy."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from indicators.insight.holdings import holdings
from indicators.presenters import about
from indicators.presenters.words import long_date
from indicators.statistics.classes import N_CLASSES

# When the accessibility statement was last gone through by hand. Change it only after doing so.
ACCESSIBILITY_REVIEWED = date(2026, 11, 24)
PAGES = (
    ("/about/", "About Levelup"),
    ("/about/data/", "About the data"),
    ("/about/method/", "Method"),
    ("/about/status-codes/", "Status codes"),
    ("/about/accessibility/", "Accessibility"),
    ("/about/privacy/", "Cookies and privacy"),
)
SITEMAP = ("/", "/search/", "/indicators/", "/compare/", "/api/v1/docs/", *(p for p, _ in PAGES))
SECONDS_IN_DAY = 86_400


def page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    """Render a page of this section, with the list of its pages beside it."""
    here = f"/about/{template}/" if template != "index" else "/about/"
    shared = {
        "page_title": title,
        "canonical": request.build_absolute_uri(here),
        "about_pages": [
            {"url": address, "label": label, "current": address == here} for address, label in PAGES
        ],
        "contact": settings.CONTACT_EMAIL,
    }
    return render(request, f"about/{template}.html", shared | context)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Say what this site is, whom it is for and who answers for it."""
    return page(
        request,
        "index",
        "About Levelup",
        description="What Levelup is, who it is for, and how its figures can be used.",
    )


@require_safe
def data(request: HttpRequest) -> HttpResponse:
    """Show what is held: datasets, areas, and which nation has which figure how finely."""
    return page(
        request,
        "data",
        "About the data",
        description="Every dataset held here: publisher, licence, dates and the areas it covers.",
        **about.data_page(holdings()),
    )


@require_safe
def method(request: HttpRequest) -> HttpResponse:
    """Explain gaps, ranks, map classes, adding up, best fit and missing figures."""
    return page(
        request,
        "method",
        "Method",
        description="How gaps, ranks, map classes and added-up figures are worked out.",
        coverage=about.COVERAGE_PERCENT,
        n_classes=N_CLASSES,
    )


@require_safe
def status_codes(request: HttpRequest) -> HttpResponse:
    """Explain the letters in brackets."""
    return page(
        request,
        "status-codes",
        "Status codes",
        description="What [c], [x], [u] and the other letters in brackets mean.",
        codes=about.status_codes(),
        coverage=about.COVERAGE_PERCENT,
    )


@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    """Say how far the site meets WCAG 2.2 AA, what was tested and what is known to fall short."""
    return page(
        request,
        "accessibility",
        "Accessibility statement",
        description="How far this site meets WCAG 2.2 AA, and what is known to fall short.",
        reviewed=long_date(ACCESSIBILITY_REVIEWED),
    )


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Say which cookies are set, what is logged, and who else hears of a visit."""
    return page(
        request,
        "privacy",
        "Cookies and privacy",
        description="Which cookies this site sets, what it logs, and what it passes on.",
        cookies={
            "form": settings.CSRF_COOKIE_NAME,
            "form_days": settings.CSRF_COOKIE_AGE // SECONDS_IN_DAY,
            "session": settings.SESSION_COOKIE_NAME,
            "session_days": settings.SESSION_COOKIE_AGE // SECONDS_IN_DAY,
        },
        basemap=urlsplit(settings.BASEMAP_URL).netloc,
    )


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Let robots read the pages, but not the doors that make work and no sense to them."""
    lines = [
        "User-agent: *",
        "Disallow: /admin/",
        "Disallow: /search/suggest",
        "Disallow: /map/",
        f"Sitemap: {request.build_absolute_uri('/sitemap.xml')}",
        "",
    ]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")


@require_safe
def sitemap(request: HttpRequest) -> HttpResponse:
    """List the fixed pages; places and indicators are reached from them."""
    places = [request.build_absolute_uri(path) for path in SITEMAP]
    return render(request, "about/sitemap.xml", {"places": places}, content_type="application/xml")
