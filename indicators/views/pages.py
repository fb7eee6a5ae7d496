"""The home page, the profile of a place, search, and what is said when nothing is there."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.db.models import IntegerField
from django.db.models.functions import Abs, Cast, Substr
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponsePermanentRedirect,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from areas.hierarchy import outline, successors
from areas.models import Area, Edition, Member
from indicators.insight.inside import Inside, Level, inside, levels
from indicators.insight.live import data_version, latest
from indicators.insight.profile import Profile, profile
from indicators.models import Indicator, Release
from indicators.presenters import map as map_presenter
from indicators.presenters import pages
from indicators.presenters.words import long_date, url, with_prefix

UK = "K02000001"
ENGLAND = "E92000001"
GSS_CODE = re.compile(r"^[A-Z][0-9]{8}$")
HOME_INDICATOR = "taxpayer-income"
EXAMPLES = (
    ("Middlesbrough", "/areas/E06000002/"),
    ("Glasgow City", "/areas/S12000049/"),
    ("postcode CF10 4AT", "/search/?q=CF10+4AT"),
)
DOORS = (
    {
        "label": "Look at a place",
        "url": "/search/",
        "text": "Every figure for a council, a ward or a neighbourhood, and what lies inside it.",
    },
    {
        "label": "Sort the councils of a country",
        "url": f"/areas/{ENGLAND}/#inside",
        "text": "Map and sort England's local authorities by any figure. Other countries alike.",
    },
    {
        "label": "See what is held",
        "url": f"/areas/{ENGLAND}/",
        "text": "Each figure for England with its definition, method, cautions and source.",
    },
)
# Where the map of what lies inside begins: the smallest areas that the figure is known for, unless
# there are more than can be told apart, or fetched, at first sight.
FINEST_FIRST = ("lsoa", "msoa", "ward", "authority", "region", "country")
MOST_AT_FIRST = 300
WIDEST = frozenset({"uk", "country-group", "country"})


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what this is, the ways in, and one map of the whole country."""
    context: dict[str, Any] = {
        "page_title": "",
        "description": "Granular figures about places in the United Kingdom, with their sources.",
        "canonical": request.build_absolute_uri("/"),
        "examples": [{"label": label, "url": address} for label, address in EXAMPLES],
        "doors": DOORS,
        "counts": {
            "areas": f"{Area.objects.filter(valid_to__isnull=True).count():,}",
            "indicators": f"{Indicator.objects.count():,}",
        },
        "releases": pages.latest_releases(
            Release.objects.filter(status=Release.Status.PUBLISHED)
            .select_related("dataset")
            .order_by("-publisher_date", "-pk")[:5]
        ),
    }
    context |= home_map()
    return render(request, "home.html", context)


def home_map() -> dict[str, Any]:
    """Return the map of the UK by local authority, or nothing while its figures are not held."""
    uk = Area.objects.select_related("area_type").filter(code=UK).first()
    if uk is None:
        return {}
    level = next((x for x in levels(uk) if x.edition.area_type_id == "authority"), None)
    series = latest(level.edition.pk, HOME_INDICATOR) if level else None
    around = outline(uk)
    if level is None or series is None or around is None or not level.edition.tile_hash:
        return {}
    result = inside(level, series)
    indicator = result.series.indicator
    known = [(v, a) for v, a in zip(result.values.tolist(), result.areas, strict=True) if v == v]
    if not known:
        return {}
    low, high = min(known, key=lambda k: k[0]), max(known, key=lambda k: k[0])
    return {
        "map": map_presenter.config(
            edition=level.edition,
            values_url=map_presenter.values_url(level.edition, indicator.slug, uk),
            bounds=around.bounds,
        ),
        "legend": map_presenter.legend(result),
        "map_line": {
            "label": indicator.name,
            "period": result.series.period.label,
            "unit": map_presenter.unit_of(result.series),
            "sentence": (
                f"{indicator.name} runs from {with_prefix(low[0], indicator)} in {low[1].name} to "
                f"{with_prefix(high[0], indicator)} in {high[1].name}"
            ),
        },
        "map_rows": map_presenter.rows(result),
        "sources": pages.attributions([result.series.release], [level.edition]),
    }


@require_safe
def area_profile(request: HttpRequest, code: str) -> HttpResponse:
    """Show everything known about a place; an ended code leads to what it became."""
    if code != code.upper():
        return HttpResponsePermanentRedirect(f"/areas/{code.upper()}/")
    area = Area.objects.select_related("area_type").filter(code=code).first()
    if area is None:
        return unknown_code(request, code)
    if area.valid_to and not Member.objects.filter(area=area).exists():
        return ended_area(request, area)

    found = levels(area)
    result = profile(area, levels=found)
    context: dict[str, Any] = {
        "page_title": area.name,
        "canonical": request.build_absolute_uri(url(area)),
        "permalink": request.build_absolute_uri(url(area)),
        "as_at": long_date(timezone.localdate()),
        "area": pages.area_head(area, result),
        "breadcrumb": pages.breadcrumb(result.part_of),
        "comparators": pages.comparators(result),
        "answer": pages.answer(result),
        "inside": None,
    }
    was = request.GET.get("was", "")
    old = Area.objects.filter(code=was, valid_to__isnull=False).first() if was else None
    if old and area in successors(old):
        context["was"] = {"code": old.code, "name": old.name, "date": pages.ended(old, [])["date"]}
    if area.valid_to and area.valid_to <= timezone.localdate():
        context["area"]["ended"] = pages.ended(area, successors(area))
    editions: list[Edition] = []
    with_map: dict[str, str] = {}
    selected, level_slug = "", ""
    if shown := choose_inside(request, found, result):
        level, section_inside, choices = shown
        selected, level_slug = section_inside.series.indicator.slug, level.edition.slug
        with_map = {
            slug: map_presenter.values_url(level.edition, slug, area) for slug, _ in choices
        }
        context["inside"] = pages.inside_section(
            area=area,
            levels=found,
            level=level,
            inside=section_inside,
            choices=choices,
            map_config=area_map(area, level, selected),
        )
        editions.append(level.edition)
    context["themes"] = pages.themes(result, area, selected, with_map, level_slug)
    context["sources"] = pages.attributions(pages.profile_releases(result), editions)
    return render(request, "profile.html", context)


def choose_inside(
    request: HttpRequest, found: list[Level], result: Profile
) -> tuple[Level, Inside, list[tuple[str, str]]] | None:
    """Return the level and figure that the address asks for, or the first that has anything."""
    by_indicator = result.inside
    # What has no figure for the place itself has none for what is inside it.
    indicators = [
        f.indicator
        for f in result.figures
        if f.holder is result.area and f.indicator.pk in by_indicator
    ]
    if not indicators:
        return None
    levels_with = {level.edition.slug: level for level in found}
    asked = next((i for i in indicators if i.slug == request.GET.get("show")), None)
    level = levels_with.get(request.GET.get("inside", ""))
    if level is None or (asked and level.edition.pk not in by_indicator[asked.pk]):
        wanted = by_indicator[(asked or indicators[0]).pk]
        level = min((one for one in found if one.edition.pk in wanted), key=first_choice)
    here = [i for i in indicators if level.edition.pk in by_indicator[i.pk]]
    indicator = asked or (here[0] if here else None)
    if indicator is None:
        return None
    choices = [(i.slug, i.name) for i in here]
    return level, inside(level, by_indicator[indicator.pk][level.edition.pk]), choices


def first_choice(level: Level) -> tuple[bool, int]:
    """Return the order in which levels are chosen when the address does not say."""
    kind = level.edition.area_type_id
    small = kind in {"lsoa", "msoa", "ward"}
    place = FINEST_FIRST.index(kind) if kind in FINEST_FIRST else len(FINEST_FIRST)
    return (small and len(level.area_ids) > MOST_AT_FIRST, place)


def area_map(area: Area, level: Level, slug: str) -> dict[str, Any] | None:
    """Return the map of a level inside an area, or None when either has no outline."""
    around = outline(area)
    if around is None or not level.edition.tile_hash:
        return None
    return map_presenter.config(
        edition=level.edition,
        values_url=map_presenter.values_url(level.edition, slug, area),
        bounds=around.bounds,
        # The coast needs no second line, and a country has nothing around it.
        outline=None if area.area_type_id in WIDEST else around.edition,
        ordinal=around.ordinal,
    )


def ended_area(request: HttpRequest, area: Area) -> HttpResponse:
    """Lead from an ended code to its one successor, or list several."""
    onward = successors(area)
    if len(onward) == 1:
        return HttpResponseRedirect(f"{url(onward[0])}?was={area.code}")
    head = pages.area_head(area, None) | {"ended": pages.ended(area, onward)}
    context: dict[str, Any] = {
        "page_title": area.name,
        "canonical": request.build_absolute_uri(url(area)),
        "area": head,
        "themes": [],
        "inside": None,
    }
    return render(request, "profile.html", context)


def unknown_code(request: HttpRequest, code: str) -> HttpResponse:
    """Say that no area has this code, and offer the nearest that do."""
    near: list[Area] = []
    if GSS_CODE.match(code):
        number = Cast(Substr("code", 4), IntegerField())
        near = list(
            Area.objects.filter(code__startswith=code[:3])
            .annotate(distance=Abs(number - int(code[3:])))
            .order_by("distance")[:5]
        )
    context = {
        "page_title": f"No area has the code {code}",
        "message": (
            "It may be mistyped, or belong to a kind of area that is not held here. GSS codes "
            "have a letter and eight digits, such as E06000002."
        ),
        "suggestions": [{"label": f"{a.name} ({a.code})", "url": url(a)} for a in near],
        "q": code,
    }
    return render(request, "404.html", context, status=404)


@require_safe
def map_values(request: HttpRequest, edition: str, indicator: str) -> HttpResponse:
    """Answer one indicator for the areas of an edition inside another area, for the map."""
    # Read before the figures, so that a tag never promises more than what it came with.
    etag = f'"{data_version()}-{settings.CODE_VERSION}"'
    within = Area.objects.filter(code=request.GET.get("within", "")).first()
    if within is None:
        raise Http404("No such area.")
    level = next((x for x in levels(within) if x.edition.slug == edition), None)
    series = latest(level.edition.pk, indicator) if level else None
    if level is None or series is None:
        raise Http404("Nothing is published there.")
    response = get_conditional_response(request, etag=etag)
    if response is None:
        response = JsonResponse(map_presenter.values(inside(level, series)))
    response["ETag"] = etag
    response["Cache-Control"] = "no-cache"
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is no such page."""
    return render(request, "404.html", {"page_title": "There is no such page"}, status=404)
