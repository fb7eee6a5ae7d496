"""The home page, the profile of a place, search, and what is said when nothing is there."""

from __future__ import annotations

import re
from dataclasses import replace
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
)
from django.shortcuts import render
from django.urls import Resolver404
from django.utils import timezone
from django.views.decorators.http import require_safe

from areas.hierarchy import successors
from areas.models import Area, Edition, Member
from indicators.insight import stands_out
from indicators.insight.groups import Group, benchmark_group
from indicators.insight.holdings import areas_that_last
from indicators.insight.inside import Inside, Level, inside, levels, levels_in, outline_of
from indicators.insight.live import data_version, latest, live_series_of
from indicators.insight.profile import Entry, Profile, Standpoint, contents, profile, standpoint
from indicators.models import Indicator, Release
from indicators.presenters import map as map_presenter
from indicators.presenters import pages
from indicators.presenters.asked import EVERYTHING, WORD, Asked
from indicators.presenters.figure import Reader
from indicators.presenters.words import long_date, place, url
from indicators.views.downloads import for_display
from indicators.views.queries import group_token, said_twice, shortened

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
        "label": "Explore an indicator",
        "url": "/indicators/",
        "text": "One figure for every place: mapped, sorted, and had as a file.",
    },
)
# Where the map of what lies inside begins: the smallest areas that the figure is known for, unless
# there are more than can be told apart, or fetched, at first sight.
FINEST_FIRST = ("lsoa", "msoa", "ward", "authority", "region", "country")
MOST_AT_FIRST = 300
# Up to this many figures are all shown at once; of more, one theme, and the names of the others.
ALL_ON_ONE_PAGE = 30
WIDEST = frozenset({"uk", "country-group", "country"})


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what this is, the ways in, and one map of the whole country."""
    version = data_version()
    n_indicators = len(contents(version=version))
    context: dict[str, Any] = {
        "page_title": "",
        "description": "Granular figures about places in the United Kingdom, with their sources.",
        "canonical": request.build_absolute_uri("/"),
        "examples": [{"label": label, "url": address} for label, address in EXAMPLES],
        "doors": DOORS,
        "counts": {
            "areas": f"{areas_that_last(timezone.localdate(), version):,}",
            "indicators": f"{n_indicators:,} indicator{'' if n_indicators == 1 else 's'}",
        },
        "releases": pages.latest_releases(
            Release.objects.filter(status=Release.Status.PUBLISHED)
            .select_related("dataset")
            .order_by("-publisher_date", "-pk")[:5]
        ),
    }
    context |= home_map(request.GET.get("show", ""), version)
    return render(request, "home.html", context)


def home_map(show: str, version: int) -> dict[str, Any]:
    """Return the map of the UK by local authority, or nothing while no figures are held.

    `show` is the slug of another indicator than the usual one; one that is not held is passed over.
    """
    uk = Area.objects.select_related("area_type").filter(code=UK).first()
    if uk is None:
        return {}
    level = next((x for x in levels_in(uk, version) if x.edition.area_type_id == "authority"), None)
    around = outline_of(uk, version)
    if level is None or around is None or not level.edition.tile_hash:
        return {}
    choices = dict(
        live_series_of(level.edition.pk)
        .order_by("indicator__theme__order", "indicator__name")
        .values_list("indicator__slug", "indicator__name")
    )
    slug = next((s for s in (show, HOME_INDICATOR, *choices) if s in choices), None)
    series = latest(level.edition.pk, slug) if slug else None
    if series is None:
        return {}
    result = inside(level, series, version)
    indicator = result.series.indicator
    sentence = map_presenter.range_sentence(result)
    if not sentence:
        return {}
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
            "sentence": sentence,
        },
        "map_rows": map_presenter.rows(result),
        "choices": [
            {
                "label": name,
                "url": f"/?show={other}",
                "values": map_presenter.values_url(level.edition, other, uk),
                "selected": other == slug,
            }
            for other, name in choices.items()
        ],
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
    today = timezone.localdate()
    if area.has_ended(today) and not Member.objects.filter(area=area).exists():
        return ended_area(request, area)

    given = request.GET.get("with", "")
    if "/" in given and WORD.match(token := group_token(given)):
        # Somebody pasted the address of a group's page.
        return HttpResponseRedirect(f"{url(area)}?with={token}")
    asked = Asked.of(request.GET)
    group = benchmark_group(asked.group, area) if asked.group else None
    if request.GET.get("with") and group is None:
        return unknown_group(request, area)
    reader = reader_of(request, group)
    version = data_version()
    where, entries = standpoint(area, version), contents(version=version)
    shown_ids = chosen_figures(entries, asked)
    if request.GET.get("part") == "theme":
        if asked.theme not in {"", EVERYTHING, *(e.theme for e in entries)}:
            raise Http404(f"There is no theme {shortened(asked.theme)}.")
        return theme_alone(request, where, entries, shown_ids, asked, reader, version)
    found = levels_in(area, version)
    notices = not_meant(request, area, entries, found)
    result = profile(
        area, levels=found, where=where, indicators=shown_ids, group=group, version=version
    )
    if shown_ids is None:
        striking = stands_out.among_figures(result.figures, area.pk)
    else:
        striking = stands_out.among_all(where, entries, version=version)
    permalink = url(area) + (f"?with={reader.token}" if group else "")
    context: dict[str, Any] = {
        "page_title": area.name,
        "canonical": reader.site + url(area),
        "permalink": reader.site + permalink,
        "as_at": long_date(reader.on),
        "area": pages.area_head(area, result),
        "breadcrumb": pages.breadcrumb(result.part_of),
        "comparators": pages.comparators(result, asked),
        "group_choices": pages.group_choices(result, asked),
        "answer": pages.answer(striking, reader.token)
        or pages.nothing_striking(area, result.figures),
        "notices": notices,
        "inside": None,
        "downloads": pages.profile_downloads(area, reader.token),
        "everything_url": asked.address(theme=EVERYTHING) if shown_ids is not None else "",
        "compare_url": f"/compare/?areas={area.code}"
        + (f"&with={reader.token}" if reader.token else ""),
        "feedback_url": f"/feedback/?about={url(area)}",
    }
    was = request.GET.get("was", "")
    old = Area.objects.filter(code=was, valid_to__isnull=False).first() if was else None
    if old and area in successors(old):
        context["was"] = {"code": old.code, "name": old.name, "date": pages.ended(old, [])["date"]}
    if area.has_ended(today):
        context["area"]["ended"] = pages.ended(area, successors(area))
    editions: list[Edition] = []
    with_map: dict[str, str] = {}
    level_slug = ""
    if shown := choose_inside(asked, found, result, version):
        level, section_inside, choices = shown
        asked = replace(asked, show=section_inside.series.indicator.slug)
        level_slug = level.edition.slug
        with_map = map_addresses(level, choices, area)
        context["inside"] = pages.inside_section(
            area=area,
            levels=found,
            level=level,
            inside=section_inside,
            choices=choices,
            map_config=area_map(area, level, asked.show, version),
            asked=asked,
        )
        editions.append(level.edition)
    context["themes"] = pages.themes(result, entries, asked, with_map, level_slug, reader)
    context["sources"] = pages.attributions(pages.profile_releases(result), editions)
    return render(request, "profile.html", context)


def reader_of(request: HttpRequest, group: Group | None = None) -> Reader:
    """Return the address of the site as the reader reached it, the day, and their group."""
    site = request.build_absolute_uri("/").rstrip("/")
    return Reader(site=site, on=timezone.localdate(), group=group)


def unknown_group(request: HttpRequest, area: Area) -> HttpResponse:
    """Say that there is no such group, and lead on to the place without it."""
    context = {
        "page_title": "There is no such group to compare with",
        "message": "The address may be mistyped, or the place may have no neighbours held here.",
        "suggestions": [
            {"label": f"{area.name} without a group", "url": url(area)},
            {"label": "Make a group", "url": "/groups/"},
        ],
    }
    return render(request, "404.html", context, status=404)


def not_meant(
    request: HttpRequest, area: Area, entries: list[Entry], found: list[Level]
) -> list[str]:
    """Return a sentence for each part of the address that names nothing, or two things at once."""
    query = request.GET
    known = {
        "show": ({e.slug for e in entries}, "the name of a figure that is held"),
        "theme": ({EVERYTHING} | {e.theme for e in entries}, "the name of a theme"),
        "inside": (
            {level.edition.slug for level in found},
            f"a size of area that is held inside {place(area)}",
        ),
    }
    return [
        *said_twice(query, *known, "with"),
        *(
            f"{shortened(query[name])} is not {what}, and was passed over."
            for name, (slugs, what) in known.items()
            if query.get(name) and query[name] not in slugs
        ),
    ]


def chosen_figures(entries: list[Entry], asked: Asked) -> list[int] | None:
    """Return the ids of the indicators to show in full, or None for every one.

    All where there are few. Otherwise the theme that is asked for and the theme of the figure that
    is asked for, or the first.
    """
    if len(entries) <= ALL_ON_ONE_PAGE or asked.theme == EVERYTHING:
        return None
    slugs = {e.theme for e in entries if e.theme == asked.theme or e.slug == asked.show}
    slugs = slugs or {entries[0].theme}
    return [e.indicator_id for e in entries if e.theme in slugs]


def theme_alone(
    request: HttpRequest,
    where: Standpoint,
    entries: list[Entry],
    shown_ids: list[int] | None,
    asked: Asked,
    reader: Reader,
    version: int,
) -> HttpResponse:
    """Answer the sections that are asked for and nothing round them, for a page that is open."""
    found = levels_in(where.area, version)
    result = profile(
        where.area,
        levels=found,
        where=where,
        indicators=shown_ids,
        group=reader.group,
        version=version,
    )
    with_map: dict[str, str] = {}
    # The map of the page that is open stays at its level.
    level = next((one for one in found if one.edition.slug == asked.inside), None)
    if level is not None:
        with_map = map_addresses(
            level,
            [(i.slug, i.name) for i in on_map(result) if level.edition.pk in result.inside[i.pk]],
            where.area,
        )
    wanted = set(shown_ids or [e.indicator_id for e in entries])
    themes = pages.themes(
        result,
        [e for e in entries if e.indicator_id in wanted],
        replace(asked, theme=""),
        with_map,
        asked.inside,
        reader,
    )
    response = render(
        request, "_themes.html", {"themes": themes, "area": pages.area_head(where.area, result)}
    )
    response["X-Robots-Tag"] = "noindex"
    return response


def map_addresses(level: Level, choices: list[tuple[str, str]], area: Area) -> dict[str, str]:
    """Return the address of the map's values by the slug of each figure that a level has."""
    return {slug: map_presenter.values_url(level.edition, slug, area) for slug, _ in choices}


def choose_inside(
    asked: Asked, found: list[Level], result: Profile, version: int
) -> tuple[Level, Inside, list[tuple[str, str]]] | None:
    """Return the level and figure that the address asks for, or the first that has anything."""
    if (chosen := choose_level(asked, found, result)) is None:
        return None
    level, here = chosen
    indicator = next((i for i in here if i.slug == asked.show), here[0])
    series = result.inside[indicator.pk][level.edition.pk]
    return level, inside(level, series, version), [(i.slug, i.name) for i in here]


def choose_level(
    asked: Asked, found: list[Level], result: Profile
) -> tuple[Level, list[Indicator]] | None:
    """Return the level of the map and the indicators that it has, or None for no map."""
    by_indicator, indicators = result.inside, on_map(result)
    if not indicators:
        return None
    levels_with = {level.edition.slug: level for level in found}
    show = next((i for i in indicators if i.slug == asked.show), None)
    level = levels_with.get(asked.inside)
    if level is None or (show and level.edition.pk not in by_indicator[show.pk]):
        wanted = by_indicator[(show or indicators[0]).pk]
        level = min((one for one in found if one.edition.pk in wanted), key=first_choice)
    here = [i for i in indicators if level.edition.pk in by_indicator[i.pk]]
    return (level, here) if here else None


def on_map(result: Profile) -> list[Indicator]:
    """Return the indicators that have a map of what lies inside.

    What has no figure for the place itself has none for what is inside it.
    """
    return [
        f.indicator
        for f in result.figures
        if f.holder is result.area and f.indicator.pk in result.inside
    ]


def first_choice(level: Level) -> tuple[bool, int]:
    """Return the order in which levels are chosen when the address does not say."""
    kind = level.edition.area_type_id
    small = kind in {"lsoa", "msoa", "ward"}
    place = FINEST_FIRST.index(kind) if kind in FINEST_FIRST else len(FINEST_FIRST)
    return (small and len(level.area_ids) > MOST_AT_FIRST, place)


def area_map(area: Area, level: Level, slug: str, version: int) -> dict[str, Any] | None:
    """Return the map of a level inside an area, or None when either has no outline."""
    around = outline_of(area, version)
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
            Area.objects.filter(code__startswith=code[:3], code__regex=r"^.{3}[0-9]{6}$")
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
    here, series_id = level, series

    def say() -> tuple[dict[str, Any], Release]:
        found = inside(here, series_id)
        return map_presenter.values(found), found.series.release

    return for_display(request, etag, say)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is no such page, and what is wrong with the address where a view knew."""
    context = {"page_title": "There is no such page"}
    if not isinstance(exception, Resolver404) and exception.args:
        context["message"] = str(exception)
    return render(request, "404.html", context, status=404)
