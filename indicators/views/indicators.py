"""The list of indicators, the page of one, its files, and what its map fetches."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from areas.hierarchy import outline
from areas.models import Area, AreaType
from areas.roster import roster
from indicators.exports.files import EVERY_FORMAT, FORMATS
from indicators.insight.groups import (
    NEIGHBOURS,
    Group,
    GroupReading,
    benchmark_group,
    group_reading,
)
from indicators.insight.indicator import (
    SORTS,
    Across,
    Held,
    NotHeld,
    across,
    choose,
    every_indicator,
    held,
    listed,
    relatives,
    values_at,
)
from indicators.insight.live import data_version
from indicators.models import Indicator, Release
from indicators.presenters import indicator as presenter
from indicators.presenters import map as map_presenter
from indicators.presenters.indicator import PAGE_ROWS, address
from indicators.presenters.pages import attributions
from indicators.views.downloads import MANY_AREAS, file_response, for_display, refused
from indicators.views.queries import Refused, refusing, said_twice

LONGEST = 80
HIGHEST_FIRST = "-value"


@dataclass(frozen=True)
class Query:
    """What the address of an indicator's page asks for; empty where it does not say."""

    level: str
    period: str
    sort: str
    within: str
    q: str
    page: int
    group: str

    @classmethod
    def read(cls, request: HttpRequest, slug: str) -> Query:
        """Read the query string; raises Refused for a sort or page that means nothing."""
        named = ("level", "period", "sort", "in", "q", "with")
        get = {k: request.GET.get(k, "").strip() for k in named}
        clean = [("The indicator's page", address(slug))]
        sort = get["sort"] or HIGHEST_FIRST
        if sort.removeprefix("-") not in SORTS:
            raise Refused(
                "The table cannot be sorted so",
                f"It sorts by {', '.join(SORTS)}, with a minus before it for the other way round.",
                400,
                clean,
            )
        page = request.GET.get("page", "") or "1"
        if not page.isascii() or not page.isdigit() or len(page) > 6 or int(page) < 1:
            message = "A page of the table is a number from 1."
            raise Refused("There is no such page of the table", message, 400, clean)
        return cls(
            get["level"], get["period"], sort, get["in"].upper()[:LONGEST], get["q"][:LONGEST],
            int(page), get["with"][:LONGEST],
        )  # fmt: skip


@require_safe
@refusing
def indicator_list(request: HttpRequest) -> HttpResponse:
    """Show every indicator by theme, cut down to what the reader asks for."""
    asked = {k: request.GET.get(k, "").strip()[:LONGEST] for k in ("q", "theme", "level", "scope")}
    kinds = {k.slug: k for k in AreaType.objects.all()}
    entries = every_indicator()
    shown = presenter.indicator_list(entries, kinds, **asked)
    unknown = [
        f"There is no {name} “{asked[key]}”: choose one from the list."
        for key, name in (("theme", "theme"), ("level", "size of area"), ("scope", "country"))
        if asked[key] and asked[key] not in {c["value"] for c in shown["choices"][key]}
    ]
    context = {
        "page_title": "Indicators",
        "description": "Every figure held here, with its source and the areas it is held for.",
        "canonical": request.build_absolute_uri("/indicators/"),
        "asked": asked,
        "unknown": unknown,
        **shown,
    }
    return render(request, "indicators.html", context, status=404 if unknown else 200)


def find_indicator(slug: str) -> Indicator:
    """Return the indicator; raises Refused with the nearest names where there is none."""
    found = Indicator.objects.select_related("theme", "scope__area_type").filter(slug=slug).first()
    if found is not None:
        return found
    every = dict(Indicator.objects.values_list("slug", "name"))
    near = difflib.get_close_matches(slug[:LONGEST], every, n=5, cutoff=0.5)
    raise Refused(
        "There is no such indicator",
        f"No indicator is called “{slug[:LONGEST]}”. Look through the list of all of them.",
        404,
        [(every[s], address(s)) for s in near] + [("All indicators", "/indicators/")],
    )


def find_held(
    indicator: Indicator, level: str, period: str, version: int
) -> tuple[list[Held], Held | None]:
    """Return what is live and what of it is asked for; raises Refused where that is not held."""
    found = held(indicator, version)
    if not found:
        return [], None
    try:
        return found, choose(found, level, period)
    except NotHeld as no:
        offers = [
            (label, address(indicator.slug, level=slug, period=text))
            for label, slug, text in no.offers
        ]
        raise Refused(f"{indicator.name} is not held there", str(no), 404, offers) from no
    except ValueError as no:
        offers = [(indicator.name, address(indicator.slug))]
        raise Refused("That is not a period", str(no), 400, offers) from no


def find_group(token: str, slug: str) -> Group | None:
    """Return the group to compare with; raises Refused where there is none at that address."""
    if not token:
        return None
    if token == NEIGHBOURS:
        message = "Neighbours are those of a place: open the place and compare it with them there."
        raise Refused("No place is named here", message, 404, [("Without them", address(slug))])
    group = benchmark_group(token)
    if group is None:
        raise Refused(
            "There is no such group",
            f"No group of areas is kept at “{token}”: check its address, or make it again.",
            404,
            [("The indicator without it", address(slug)), ("Make a group", "/groups/")],
        )
    return group


def find_within(result: Across, code: str) -> Area | None:
    """Return the wider area that a table is cut down to; raises Refused where there is none."""
    if not code:
        return None
    for wider in result.roster.parents:
        row = roster(wider, result.roster.version)
        if code in row.ordinal_of and wider.area_type_id != "country-group":
            at = row.frame.row(row.ordinal_of[code], named=True)
            return Area(id=at["id"], code=code, name=at["name"], area_type=wider.area_type)
    raise Refused(
        "The table cannot be cut down to that",
        f"No country, region or authority that holds "
        f"{result.chosen.edition.area_type.name_plural} has the code “{code}”.",
        404,
        [("The whole table", address(result.indicator.slug, level=result.chosen.edition.slug))],
    )


@lru_cache(maxsize=512)
def bounds(area_id: int, version: int) -> tuple[float, float, float, float] | None:
    """Return west, south, east and north of an area in degrees, kept for each data version."""
    around = outline(Area(pk=area_id))
    return around.bounds if around else None


@require_safe
@refusing
def indicator_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one indicator: its answer, map, distribution, countries, history, table, method."""
    query = Query.read(request, slug)
    indicator = find_indicator(slug)
    version = data_version()
    found, chosen = find_held(indicator, query.level, query.period, version)
    others = relatives(indicator)
    context: dict[str, Any] = {
        "page_title": indicator.name,
        "description": indicator.definition,
        "canonical": request.build_absolute_uri(address(slug)),
        "indicator": {"slug": slug, "name": indicator.name, "theme": indicator.theme.name,
                      "theme_slug": indicator.theme_id},
        "others": presenter.same_theme(others),
    }  # fmt: skip
    if chosen is None:
        context["definition"] = indicator.definition
        return render(request, "indicator.html", context)
    result = across(indicator, found, chosen, version)
    within = find_within(result, query.within)
    group = find_group(query.group, slug)
    reading = group_reading(group, chosen.series_id) if group else None
    context |= shown(result, within, group, reading)
    context["apart"] = presenter.apart_note(result, others)
    context["notices"] = said_twice(
        request.GET, "level", "period", "sort", "in", "q", "page", "with"
    )
    context["table"] = table(result, query, within)
    if context["files"]:
        drawn = bool(context["map"])
        context |= further_files(result, query, within, context["table"]["n"], drawn=drawn)
    context["permalink"] = request.build_absolute_uri(
        address(slug, level=chosen.edition.slug, period=chosen.text)
    )
    return render(request, "indicator.html", context)


def shown(
    result: Across, within: Area | None, group: Group | None, reading: GroupReading | None
) -> dict[str, Any]:
    """Return what the page says but for its table."""
    token = group.token if group else ""
    indicator, chosen, series = result.indicator, result.chosen, result.series
    edition = series.edition  # Read with the series: its tiles may be newer than what is kept.
    around = bounds((within or indicator.scope).pk, result.roster.version)
    config = None
    if around and edition.tile_hash:
        config = map_presenter.config(
            edition=edition,
            values_url=presenter.values_url(indicator.slug, chosen),
            bounds=around,
        )
    files = []
    if series.release.may_be_passed_on:
        at = {"level": chosen.edition.slug, "period": chosen.text}
        files = [
            {"name": f.name, "url": address_of_file(indicator.slug, f.extension, at)}
            for f in FORMATS.values()
            if not f.drawn or config
        ]
    return {
        "answer": presenter.answer(result),
        "method": presenter.method(result),
        "levels": presenter.levels(result, token),
        "periods": presenter.periods(result, token),
        "level_name": presenter.level_names([edition])[edition.pk],
        "edition": edition.name,
        "boundary_note": edition.boundary_note if edition.approximate else "",
        "map_note": presenter.map_note(result),
        "map": config,
        "legend": map_presenter.legend(result.as_inside()),
        "map_line": {
            "label": indicator.name,
            "period": series.period.label,
            "unit": map_presenter.unit_of(series),
        },
        "distribution": presenter.distribution(result, group, reading),
        "against": presenter.against(result, group, reading) if group else None,
        "summary": presenter.summary(result),
        "history": presenter.history(result, token),
        "files": files,
        "slow_files": result.inside.sum() > MANY_AREAS,
        "withheld": ""
        if files
        else f"{indicator.name} may be shown here but not passed on as a file: the licence of "
        f"{series.release.dataset.publisher} does not allow it.",
        "sources": attributions([series.release], [edition]),
    }


def further_files(
    result: Across, query: Query, within: Area | None, n: int, *, drawn: bool
) -> dict[str, Any]:
    """Return the files of the `n` areas that a table is cut down to, and those of all periods.

    `drawn` where there are outlines.
    """
    slug, edition = result.indicator.slug, result.chosen.edition.slug
    part, periods = [], []
    if n and (within or query.q):
        asked = {
            "level": edition,
            "period": result.chosen.text,
            "in": within.code if within else "",
            "q": query.q,
        }
        part = [
            {"name": f.name, "url": address_of_file(slug, f.extension, asked)}
            for f in FORMATS.values()
            if drawn or not f.drawn
        ]
    if sum(h.edition == result.chosen.edition for h in result.held) > 1:
        wanted = {"indicator": slug, "edition": edition}
        if within:
            wanted["parent"] = within.code
        periods = [
            {"name": name, "url": f"/api/v1/observations.{extension}?{urlencode(wanted)}"}
            for name, extension in (("CSV", "csv"), ("Parquet", "parquet"))
        ]
    kind = result.chosen.edition.area_type
    return {
        "part_files": part,
        "part": f"the {n:,} {kind.name_plural}" if n != 1 else f"the one {kind.name}",
        "period_files": periods,
    }


def address_of_file(slug: str, extension: str, query: dict[str, str]) -> str:
    """Return where a whole level is had as a file."""
    page, _, asked = address(slug, **query).partition("?")
    return f"{page}table.{extension}?{asked}"


def table(result: Across, query: Query, within: Area | None) -> dict[str, Any]:
    """Return one page of the table of areas; raises Refused for a page beyond the last."""
    order = listed(result, sort=query.sort, within=within, q=query.q)
    last = max(1, -(-len(order) // PAGE_ROWS))
    slug = result.indicator.slug
    kept = {
        "level": query.level and result.chosen.edition.slug,
        "period": query.period and result.chosen.text,
        "in": query.within,
        "q": query.q,
        "with": query.group,
    }
    plain = "" if query.sort == HIGHEST_FIRST else query.sort

    def page_at(number: int) -> str:
        return address(slug, **kept, sort=plain, page=number if number > 1 else "") + "#table"

    if query.page > last:
        raise Refused(
            "There is no such page of the table",
            f"It has {last:,} page{'s' if last > 1 else ''}.",
            404,
            [("The last page", page_at(last))],
        )
    first = (query.page - 1) * PAGE_ROWS
    part = order[first : first + PAGE_ROWS]
    heads = []
    place_name = presenter.parent_of(result)
    for key, label in (
        ("name", "Area"),
        ("place", place_name[0].area_type.name.capitalize() if place_name else ""),
        ("value", "value"),
    ):
        current = query.sort.removeprefix("-") == key
        down = query.sort.startswith("-")
        # Figures begin with the highest, names with A.
        turned = (key if down else f"-{key}") if current else ("-value" if key == "value" else key)
        heads.append(
            {
                "key": key,
                "label": label,
                "sort": ("descending" if down else "ascending") if current else "",
                "url": address(slug, **kept, sort="" if turned == HIGHEST_FIRST else turned)
                + "#table",
            }
        )
    plural = result.chosen.edition.area_type.name_plural
    n = len(order)
    words = f"{n:,} of {int(result.inside.sum()):,} {plural}"
    if n == result.inside.sum():
        words = f"All {n:,} {plural}"
    if last > 1:
        words += f", {first + 1:,} to {first + len(part):,} on this page"
    return {
        "rows": len(part),
        "body": presenter.table_body(result, part),
        "heads": {h["key"]: h for h in heads},
        "words": words,
        "n": n,
        "within": {"code": within.code, "name": within.name} if within else None,
        "q": query.q,
        "level": kept["level"],
        "period": kept["period"],
        "sort": plain,
        "group": query.group,
        "options": presenter.filter_options(result, query.within),
        "clear": address(
            slug,
            level=kept["level"],
            period=kept["period"],
            sort=plain,
            **{"with": query.group},
        )
        + "#table",
        "pages": [
            {"number": k, "url": page_at(k), "selected": k == query.page}
            for k in near_pages(query.page, last)
        ]
        if last > 1
        else [],
        "previous": page_at(query.page - 1) if query.page > 1 else "",
        "next": page_at(query.page + 1) if query.page < last else "",
    }


def near_pages(page: int, last: int) -> list[int]:
    """Return the first, the last and those round `page`."""
    return sorted({1, last, *range(max(1, page - 2), min(last, page + 2) + 1)})


@require_safe
@refusing
def indicator_file(request: HttpRequest, slug: str, extension: str) -> HttpResponse:
    """Answer a whole level of an indicator as a file."""
    if extension not in EVERY_FORMAT:
        raise Refused(
            "There is no download in that format",
            f"Figures are had as {', '.join(FORMATS)}.",
            404,
            [(f.name, address_of_file(slug, f.extension, {})) for f in FORMATS.values()],
        )
    indicator = find_indicator(slug)
    result = asked_for(request, indicator)
    query = Query.read(request, slug)
    within = find_within(result, query.within)
    # A file is in the order of codes unless the reader sorts it.
    sort = query.sort if request.GET.get("sort") else ""
    order = listed(result, sort=sort, within=within, q=query.q)
    if not len(order):
        return refused(request, "No area of that level answers to what you asked for.", 404)
    page = request.build_absolute_uri(
        address(slug, level=result.chosen.edition.slug, period=result.chosen.text)
    )
    name = f"{slug}-{result.chosen.edition.slug}-{result.chosen.text.replace('/', '-')}"
    return file_response(request, presenter.files_table(result, order, page), extension, name)


def asked_for(request: HttpRequest, indicator: Indicator) -> Across:
    """Return the level and period that an address asks for; raises Refused where there is none."""
    level = request.GET.get("level", "").strip()
    version = data_version()
    period = request.GET.get("period", "").strip()
    _, chosen = find_held(indicator, level, period, version)
    if chosen is None:
        raise Refused(
            f"{indicator.name} is not published yet",
            "There are no figures to download.",
            404,
            [("All indicators", "/indicators/")],
        )
    return values_at(indicator, chosen, version)


def map_whole(request: HttpRequest, edition: str, indicator: str) -> HttpResponse:
    """Answer the class of every area of a level, for the map."""
    return map_reply(request, edition, indicator, lambda a: presenter.whole_values(a))


def map_areas(request: HttpRequest, edition: str, indicator: str) -> HttpResponse:
    """Answer names and figures of one block of areas, for the map."""
    block = request.GET.get("block", "")
    if not block.isascii() or not block.isdigit() or len(block) > 6:
        raise Http404("A block is a number from 0.")
    return map_reply(request, edition, indicator, lambda a: presenter.block_values(a, int(block)))


@require_safe
def map_reply(
    request: HttpRequest, edition: str, slug: str, say: Callable[[Across], dict[str, Any]]
) -> HttpResponse:
    """Answer what `say` makes of one level as JSON, for the map."""
    # Read before the figures, so that a tag never promises more than what it came with.
    version = data_version()
    etag = f'"{version}-{settings.CODE_VERSION}"'
    indicator = (
        Indicator.objects.select_related("theme", "scope__area_type").filter(slug=slug).first()
    )
    if indicator is None:
        raise Http404("No such indicator.")
    try:
        found = held(indicator, version)
        chosen = choose(found, edition, request.GET.get("period", ""))
    except (NotHeld, ValueError) as error:
        raise Http404(str(error)) from error

    def answer() -> tuple[dict[str, Any], Release]:
        found_at = values_at(indicator, chosen, version)
        return say(found_at), found_at.series.release

    return for_display(request, etag, answer)
