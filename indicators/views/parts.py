"""Every part of an area by chosen indicators: the table, and the same as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http import HttpResponseRedirect as Redirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from areas.hierarchy import Part, ancestors, named, successors
from areas.models import Area
from areas.within import as_level
from indicators.exports.files import FORMATS
from indicators.insight.comparison import (
    Column,
    Comparison,
    comparison,
    group_columns,
    indicators_at,
    indicators_named,
    places_in,
)
from indicators.insight.groups import NEIGHBOURS, Group, benchmark_group
from indicators.insight.inside import Level, Within, within
from indicators.insight.live import data_version
from indicators.models import Indicator, Series
from indicators.presenters import comparison as presenter
from indicators.presenters import groups as group_presenter
from indicators.presenters import pages
from indicators.presenters.words import amount, long_date, place, url
from indicators.views.downloads import file_response
from indicators.views.queries import (
    MOST_INDICATORS,
    SLUG,
    Refused,
    group_token,
    is_repeated,
    listed,
    refusing,
    said_twice,
    shortened,
)

# What a reader sees who asked for nothing in particular, and how many are tried for it.
FIRST_SHOWN, FIRST_TRIED = 6, 14
# More rows than this are a file, not a page: the neighbourhoods of Wales are 1,909.
MOST_ROWS = 2_000
# Where the parts begin: what a council deals in, and of what is wider than a region its councils.
FIRST_LEVELS = ("ward", "authority", "msoa", "lsoa", "county", "region", "country")
FIRST_OF_WIDE = ("authority", *(kind for kind in FIRST_LEVELS if kind != "authority"))
WIDE = ("uk", "country-group", "country")
WHAT = {"country-group": "group of countries", "uk": "the whole", "authority": "council"}


@dataclass(frozen=True)
class Asked:
    """What an address asks of the parts of an area."""

    level: str
    show: tuple[str, ...]
    nonsense: tuple[str, ...]
    sort: str
    descending: bool
    group: str
    ranked: bool

    def address(self, base: str, **changes: Any) -> str:
        """Return the address that asks this, with some of it changed."""
        show = changes.get("show", self.show)
        sort = changes.get("sort", ("-" if self.descending else "") + self.sort)
        parts = [
            ("level", changes.get("level", self.level)),
            ("show", ",".join(show)),
            ("sort", "" if sort == "name" else sort),
            ("rank", "1" if changes.get("ranked", self.ranked) else ""),
            ("with", changes.get("group", self.group)),
        ]
        query = "&".join(f"{k}={quote(v, safe=',')}" for k, v in parts if v)
        return f"{base}?{query}" if query else base


def asked(request: HttpRequest) -> Asked:
    """Read the query string. Raises Refused."""
    query = request.GET
    show = listed(query, "show", SLUG)
    if len(show.items) > MOST_INDICATORS:
        raise Refused(
            "That is too many figures at once",
            f"The address asks for {len(show.items):,} figures and a table holds at most "
            f"{MOST_INDICATORS}. Leave some out.",
        )
    sort = query.get("sort", "name").strip()[:81]
    return Asked(
        level=query.get("level", "").strip()[:80],
        show=tuple(show.items),
        nonsense=tuple(show.nonsense),
        sort=sort.removeprefix("-") or "name",
        descending=sort.startswith("-"),
        group=group_token(query.get("with", "")),
        ranked=query.get("rank", "") not in {"", "0"},
    )


@require_safe
@refusing
def parts(request: HttpRequest, code: str) -> HttpResponse:
    """Show every part of an area as a row and chosen indicators as columns."""
    query = asked(request)
    area = area_of(code)
    base = f"/areas/{area.code}/parts/"
    if area.code != code:
        return HttpResponsePermanentRedirect(query.address(base))
    if isinstance(onward := ended(area, query), HttpResponse):
        return onward
    if is_repeated(request.GET, "show") or query.group != request.GET.get("with", ""):
        return Redirect(query.address(base))
    found = build(area, query)
    found.notices[:0] = said_twice(request.GET, "level", "sort", "rank", "with")
    return render(request, "parts.html", page(request, found))


@require_safe
@refusing
def parts_file(request: HttpRequest, code: str, extension: str) -> HttpResponse:
    """Answer the same table as a file."""
    query = asked(request)
    area = area_of(code.upper())
    if isinstance(onward := ended(area, query, f".{extension}"), HttpResponse):
        return onward
    found = build(area, query)
    form = FORMATS.get(extension)
    address = request.build_absolute_uri(found.asked.address(f"/areas/{area.code}/parts/"))
    table = presenter.file_table(
        found.sheet,
        title=title(found),
        address=address,
        as_at=long_date(timezone.localdate()),
        edition=found.level.edition.slug,
        with_pinned=not (form and form.drawn),
        notes=[("Areas", f"{found.level.edition.name}. {found.level.edition.source}".strip())],
    )
    kind = found.level.edition.area_type_id
    return file_response(request, table, extension, f"{area.name}-{kind}")


@dataclass
class Found:
    """Everything that page and file are made of."""

    area: Area
    asked: Asked
    levels: list[Within]
    level: Level
    choices: list[Indicator]
    sheet: presenter.Sheet
    notices: list[str]


def area_of(code: str) -> Area:
    """Return the area of a code, in either case. Raises Refused."""
    found = Area.objects.select_related("area_type").filter(code=code.upper()[:12]).first()
    if found is None or len(code) > 12:
        raise Refused(
            f"No area has the code {shortened(code)}",
            "GSS codes have a letter and eight digits, such as E06000002. Search for the place.",
            404,
        )
    return found


def ended(area: Area, query: Asked, tail: str = "/") -> HttpResponse | None:
    """Lead from an ended code without parts to its successor. Raises Refused for several."""
    day = area.valid_to
    if day is None or not area.has_ended(timezone.localdate()) or area.editions.exists():
        return None
    onward = successors(area)
    if len(onward) == 1:
        return Redirect(query.address(f"/areas/{onward[0].code}/parts{tail}"))
    raise Refused(
        f"{area.name} has ended",
        f"The code {area.code} ended on {long_date(day)}.",
        404,
        [(f"{a.name} ({a.code})", f"{url(a)}parts/") for a in onward],
    )


def build(area: Area, query: Asked) -> Found:
    """Return the table that is asked for. Raises Refused where there is none."""
    version = data_version()
    every = within(area, version)
    if not every:
        raise Refused(
            f"{area.name} has no parts",
            f"Nothing smaller than {place(area)} is held, so there is no table of its parts.",
            404,
            [(area.name, url(area))],
        )
    level = level_of(area, every, query)
    chain = [area, *reversed(ancestors(area))]
    ids = {a.pk for a in chain}
    choices = [
        i
        for i in indicators_at([level.edition.pk], version)
        # What compares across England says something of its parts, and of those of the UK.
        if i.scope_id in ids or area.area_type.rank < i.scope.area_type.rank
    ]
    notices = [f"{shortened(bad)} is not the name of a figure." for bad in query.nonsense[:3]]
    wanted = chosen(query, choices, level, notices)
    defaults = not query.show
    n = len(level.area_ids)
    inside = set(level.area_ids)
    wider = [a for a in chain if a.pk not in inside]
    places = places_in(level, [a.pk for a in wider])
    found = comparison(places, wanted, n_choosing=n, common=False, version=version)
    if defaults:
        full = [c for c in found.columns if c.held[:n].any()]
        found.columns = (full or found.columns)[:FIRST_SHOWN]
    query = Asked(
        level=level.edition.slug,
        show=tuple(c.indicator.slug for c in found.columns),
        nonsense=(),
        sort=query.sort,
        descending=query.descending,
        group=query.group,
        ranked=query.ranked,
    )
    query = sorted_by(query, found.columns, notices)
    areas: list[Area | Part] = [*named(level), *wider]
    group = group_of(area, query, notices)
    column = next((c for c in found.columns if c.indicator.slug == query.sort), None)
    sheet = presenter.Sheet(
        comparison=found,
        areas=areas,
        order=presenter.in_order(column, [a.name for a in areas], n, query.descending),
        pinned=pinned(area, wider, found, n),
        group=group,
        readings=group_columns(group, found.columns) if group else {},
        ranked=query.ranked,
    )
    return Found(area, query, every, level, choices, sheet, notices)


def level_of(area: Area, every: list[Within], query: Asked) -> Level:
    """Return the level that is asked for, or the first. Raises Refused."""
    fitting = [one for one in every if one.ids.size <= MOST_ROWS]
    if fitting and not query.level:
        order = FIRST_OF_WIDE if area.area_type_id in WIDE else FIRST_LEVELS
        return as_level(min(fitting, key=lambda one: place_among(one.edition.area_type_id, order)))
    named_so = next((one for one in every if query.level in {"", one.edition.slug}), None)
    if named_so and named_so.ids.size <= MOST_ROWS:
        return as_level(named_so)
    base = f"/areas/{area.code}/parts/"
    others = [
        (pages.level_name(one, every), query.address(base, level=one.edition.slug))
        for one in fitting
    ]
    if named_so:
        plural = named_so.edition.area_type.name_plural
        raise Refused(
            f"{area.name} has {named_so.ids.size:,} {plural}",
            f"A table of parts holds {MOST_ROWS:,} rows at most. Choose wider parts, or a smaller "
            f"area to see the {plural} of. Figures for all of them are a file of the API.",
            400,
            [
                *others,
                ("How to take figures from the API", "/api/v1/docs/#observationList"),
            ],
        )
    raise Refused(
        f"{area.name} has no such parts",
        f"{shortened(query.level)} is not a kind of area known to lie inside "
        f"{place(area)}: no lookup that is held says so.",
        404,
        others,
    )


def place_among(kind: str, order: Sequence[str]) -> int:
    """Return where a type of area comes in the order that readers most want."""
    return order.index(kind) if kind in order else len(order)


def chosen(
    query: Asked, choices: list[Indicator], level: Level, notices: list[str]
) -> list[Indicator]:
    """Return the indicators that are asked for, or some to begin with. Raises Refused."""
    plural = level.edition.area_type.name_plural
    if not query.show:
        if query.nonsense:
            raise Refused(
                "There are no such figures",
                f"{shortened(query.nonsense[0])} is not the name of a figure. Choose from the "
                "list on the page.",
                400,
                [("The table with its first figures", "?")],
            )
        headline = [i for i in choices if i.headline] or choices
        rest = [i for i in choices if i not in headline]
        return [*headline, *rest][:FIRST_TRIED]
    held = {i.slug: i for i in choices}
    lacking = [slug for slug in query.show if slug not in held]
    others = {i.slug: i for i in indicators_named(lacking)} if lacking else {}
    for slug in lacking[:3]:
        if slug in others:
            notices.append(f"{others[slug].name} is not held for {plural} here.")
        else:
            notices.append(f"{shortened(slug)} is not the name of a figure.")
    found = [held.get(slug) or others.get(slug) for slug in query.show]
    known = [i for i in found if i is not None]
    if not known:
        raise Refused(
            "There are no such figures",
            f"{shortened(query.show[0])} is not the name of a figure. Choose from the list on "
            "the page.",
            400,
            [("The table with its first figures", "?")],
        )
    return known


def sorted_by(query: Asked, columns: list[Column], notices: list[str]) -> Asked:
    """Return the query with a sort that there is."""
    if query.sort == "name" or any(c.indicator.slug == query.sort for c in columns):
        return query
    notices.append(
        f"The table cannot be sorted by {shortened(query.sort)}, which is not one of its columns."
    )
    return Asked(query.level, query.show, query.nonsense, "name", False, query.group, query.ranked)


def group_of(area: Area, query: Asked, notices: list[str]) -> Group | None:
    """Return the group to compare with, or None with a notice that says why not."""
    if not query.group:
        return None
    group = benchmark_group(query.group, area)
    if group is None:
        if query.group == NEIGHBOURS:
            notices.append(f"No areas are held that touch {place(area)}.")
        else:
            notices.append(
                f"There is no group at {shortened(query.group)}: check its address. The table is "
                "shown without it."
            )
    return group


def pinned(area: Area, wider: list[Area], found: Comparison, n: int) -> list[tuple[int, str]]:
    """Return the rows on top: the area, and wider ones that have any of the figures.

    Groups of countries only where a figure compares across just that.
    """
    scopes = {c.indicator.scope_id for c in found.columns}
    rows = []
    for i, one in enumerate(wider):
        row = n + i
        has = any(c.held[row] for c in found.columns)
        fits = one.area_type_id != "country-group" or one.pk in scopes
        if one is area or (has and fits):
            rows.append((row, WHAT.get(one.area_type_id, one.area_type.name)))
    return rows


def title(found: Found) -> str:
    """Return “Wards in Birmingham”."""
    plural = found.level.edition.area_type.name_plural
    return f"{plural[0].upper()}{plural[1:]} in {place(found.area)}"


def answer(found: Found) -> str:
    """Return the span of the column that the table is sorted by, or of its first."""
    columns = found.sheet.comparison.columns
    column = next((c for c in columns if c.indicator.slug == found.asked.sort), None)
    column = column or next(iter(columns), None)
    if column is None:
        return ""
    n = found.sheet.comparison.n_choosing
    words = presenter.span(column, found.sheet.areas, n)
    if not words:
        return ""
    period = f", {column.period.period}" if column.period else ""
    whole = ""
    row = next((r for r, _ in found.sheet.pinned if found.sheet.areas[r] is found.area), None)
    if row is not None and column.values[row] == column.values[row]:
        value = amount(float(column.values[row]), column.indicator)
        whole = f" {place(found.area)} as a whole: {value}."
    return f"{column.indicator.name}{period}. {words}{whole[:1]}{whole[1:2].upper()}{whole[2:]}"


def page(request: HttpRequest, found: Found) -> dict[str, Any]:
    """Return the context of the page."""
    query, area, sheet = found.asked, found.area, found.sheet
    base = f"/areas/{area.code}/parts/"
    here = query.address(base)
    columns = []
    for column in sheet.comparison.columns:
        slug = column.indicator.slug
        mine = query.sort == slug
        down = not (mine and query.descending)
        columns.append(
            {
                **presenter.heading(column),
                "sort_url": query.address(base, sort=f"-{slug}" if down else slug),
                "sorted": ("descending" if query.descending else "ascending") if mine else "",
            }
        )
    by_name = query.sort == "name"
    name_up = by_name and not query.descending
    shown: list[Series] = list(sheet.comparison.series.values())
    kind = found.level.edition.area_type
    return {
        "page_title": title(found),
        "canonical": request.build_absolute_uri(here),
        "permalink": request.build_absolute_uri(here),
        "as_at": long_date(timezone.localdate()),
        "description": f"Figures for all {kind.name_plural} in {place(area)}, as a table.",
        "heading": title(found),
        "area": {"name": area.name, "url": url(area), "code": area.code},
        "count": f"{len(sheet.order):,} {kind.name_plural if len(sheet.order) != 1 else kind.name}",
        "answer": answer(found),
        "notices": found.notices,
        "levels": [
            {
                "name": pages.level_name(one, found.levels),
                "count": f"{one.ids.size:,}",
                "url": query.address(base, level=one.edition.slug, sort="name"),
                "selected": one.edition == found.level.edition,
            }
            for one in found.levels
            if one.ids.size <= MOST_ROWS
        ],
        "columns": columns,
        "ranked": query.ranked,
        "name_sort": {
            "url": query.address(base, sort="-name" if name_up else "name"),
            "sorted": ("descending" if query.descending else "ascending") if by_name else "",
        },
        "table": presenter.body(sheet),
        "themes": presenter.chooser(found.choices, query.show),
        "n_choices": len(found.choices),
        "form": {
            "level": query.level,
            "sort": "" if by_name else ("-" if query.descending else "") + query.sort,
            "group": query.group if sheet.group is not None else "",
        },
        "group": group_presenter.group_head(sheet.group) if sheet.group else None,
        "without_group": query.address(base, group=""),
        "about": presenter.about(sheet),
        "downloads": [
            {
                "name": form.name,
                "url": query.address(f"/areas/{area.code}/parts.{form.extension}"),
                "notes": query.address(f"/areas/{area.code}/parts.notes.csv")
                if form.extension == "csv"
                else "",
            }
            for form in FORMATS.values()
        ],
        "withheld": withheld(sheet),
        "sources": pages.attributions([s.release for s in shown], [found.level.edition]),
        "compare_url": f"/compare/?areas={','.join(sheet.areas[r].code for r in sheet.order[:2])}",
    }


def withheld(sheet: presenter.Sheet) -> list[str]:
    """Return the names of figures that are shown here but not in files."""
    return [
        c.indicator.name
        for c in sheet.comparison.columns
        if any(not s.release.may_be_passed_on for s in presenter.series_of(c, sheet.comparison))
    ]
