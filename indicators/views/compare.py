"""Areas beside each other: charts of a few, a table of any number, and files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, QueryDict
from django.http import HttpResponseRedirect as Redirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from areas.groups import CODE, GroupRefused, read_pasted
from areas.hierarchy import ancestors, areas_of, successors_of
from areas.models import Area, AreaGroup
from areas.search import LONGEST, search
from indicators.exports.files import FORMATS
from indicators.insight.comparison import (
    Comparison,
    comparison,
    group_columns,
    indicators_at,
    indicators_named,
    places_of,
    types_of,
)
from indicators.insight.groups import NEIGHBOURS, Group, benchmark_group
from indicators.insight.live import arrays, data_version, standings
from indicators.insight.profile import MOST_TICKS, Rank
from indicators.models import Indicator
from indicators.presenters import comparison as presenter
from indicators.presenters import groups as group_presenter
from indicators.presenters import pages
from indicators.presenters.figure import FEWEST_RANKED, rank_words
from indicators.presenters.search import search_result
from indicators.presenters.words import listed as in_words
from indicators.presenters.words import long_date, place, type_name, url
from indicators.views.downloads import file_response
from indicators.views.queries import (
    AREA_CODE,
    IN_FORMS,
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

MOST_ON_CHARTS = 10
# As many codes as fit into an address that servers take (8,190 characters), with room for the
# names of as many figures as a table holds.
MOST_IN_TABLE = 500
FIRST_SHOWN, FIRST_TRIED = 6, 14
BASE = "/compare/"
CODE_IN_TEXT = re.compile(CODE.pattern, re.IGNORECASE)
EXAMPLES = (
    ("Middlesbrough, Hartlepool and Sunderland", "E06000002,E06000001,E08000024"),
    ("Cardiff, Edinburgh, Belfast and Bristol", "W06000015,S12000036,N09000003,E06000023"),
    ("The regions of England", ",".join(f"E1200000{n}" for n in range(1, 10))),
)


@dataclass(frozen=True)
class Asked:
    """What an address asks to be compared. `names` are places that it gives by name."""

    codes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    nonsense: tuple[str, ...] = ()
    group: str = ""
    sort: str = "given"
    descending: bool = False
    add: str = ""

    def address(self, base: str = BASE, **changes: Any) -> str:
        """Return the address that asks this, with some of it changed."""
        one = replace(self, **changes)
        sort = "" if one.sort == "given" else ("-" if one.descending else "") + one.sort
        parts = [
            ("areas", ",".join([*one.codes, *one.names])),
            ("show", ",".join(one.show)),
            ("sort", sort),
            ("with", one.group),
        ]
        query = "&".join(f"{k}={quote(v, safe=',')}" for k, v in parts if v)
        return f"{base}?{query}" if query else base


def asked(request: HttpRequest) -> Asked:
    """Read the query string. Raises Refused."""
    query = request.GET
    codes = listed(query, "areas", AREA_CODE, upper=True)
    show = listed(query, "show", SLUG)
    n = len(codes.items) + len(codes.nonsense)
    if n > MOST_IN_TABLE:
        raise Refused(
            "That is too many areas at once",
            f"The address asks for {n:,} areas, and a table here holds at most "
            f"{MOST_IN_TABLE:,}. For all the parts of a place, open its table of parts; for other "
            "lists, make a group or use the downloads.",
            400,
            [("Make a group", "/groups/")],
        )
    if len(show.items) > MOST_INDICATORS:
        raise Refused(
            "That is too many figures at once",
            f"The address asks for {len(show.items):,} figures and a comparison holds at most "
            f"{MOST_INDICATORS}. Leave some out.",
        )
    sort = query.get("sort", "").strip()[:81] or "given"
    return Asked(
        codes=tuple(codes.items),
        names=tuple(codes.nonsense),
        show=tuple(show.items),
        nonsense=tuple(show.nonsense[:3]),
        group=group_token(query.get("with", "")),
        sort=sort.removeprefix("-"),
        descending=sort.startswith("-"),
        add=query.get("add", "").strip()[:LONGEST],
    )


@dataclass
class Found:
    """Everything that page and file are made of."""

    asked: Asked
    areas: list[Area]
    sheet: presenter.Sheet
    choices: list[Indicator]
    notices: list[str] = field(default_factory=list)
    mixed: bool = False
    editions: list[Any] = field(default_factory=list)


@require_safe
@refusing
def compare(request: HttpRequest) -> HttpResponse:
    """Show areas beside each other, and let more be added."""
    query = asked(request)
    plain = query.group == request.GET.get("with", "")
    if not query.add and (is_repeated(request.GET, "show", "areas") or not plain):
        return Redirect(query.address())
    choices: list[dict[str, Any]] = []
    message = ""
    by_name = bool(query.names)
    if by_name:
        query = places_named(query, request.GET)
        if not query.add:
            return Redirect(query.address())
    if query.add:
        onward, choices, message = added(query)
        if onward is not None:
            return Redirect(onward)
    if not query.codes:
        context = empty(request, query, choices, message)
        return render(request, "compare.html", context, status=404 if by_name else 200)
    found = build(query)
    found.notices[:0] = said_twice(request.GET, "sort", "with", "add")
    context = page(request, found)
    context["adding"] = {"q": query.add, "choices": choices, "message": message}
    return render(request, "compare.html", context)


@require_safe
@refusing
def compare_file(request: HttpRequest, extension: str) -> HttpResponse:
    """Answer the table as a file."""
    query = asked(request)
    if query.names:
        query = places_named(query, request.GET)
        if query.add:
            raise Refused(
                "A file is of places that are certain",
                f"{shortened(query.add)} is not the code or the name of just one place. Choose it "
                "on the page, then download.",
                400,
                [("Compare areas", query.address(names=(query.add, *query.names)))],
            )
    if not query.codes:
        raise Refused(
            "No areas to compare",
            "The address names no areas: choose some on the page, then download.",
            400,
            [("Compare areas", BASE)],
        )
    found = build(query)
    slugs = {e.slug: e for e in found.editions}
    edition = next(iter(slugs)) if len(slugs) == 1 else ""
    table = presenter.file_table(
        found.sheet,
        title=title(found),
        address=request.build_absolute_uri(found.asked.address()),
        as_at=long_date(timezone.localdate()),
        edition=edition,
        notes=[("Areas", f"{e.name}. {e.source}".strip()) for e in slugs.values()],
    )
    return file_response(request, table, extension, "comparison")


def added(query: Asked) -> tuple[str | None, list[dict[str, Any]], str]:
    """Return where adding an area leads, or the places that its name may mean, or why not."""
    if code := CODE.search(query.add.upper()):
        if Area.objects.filter(code=code[1]).exists():
            return query.address(codes=with_code(query, code[1]), add=""), [], ""
        return None, [], f"No area has the code {code[1]}."
    answer = search(query.add, limit=20)
    kinds = set(
        Area.objects.filter(code__in=query.codes[:MOST_ON_CHARTS]).values_list(
            "area_type", flat=True
        )
    )
    folded = query.add.casefold()
    today = timezone.localdate()
    exact = [
        f.area
        for f in answer.found
        if folded in {f.area.name.casefold(), f.area.name_cy.casefold()}
        and not f.area.has_ended(today)
    ]
    alike = [a for a in exact if a.area_type_id in kinds] or exact
    if len(alike) == 1:
        return query.address(codes=with_code(query, alike[0].code), add=""), [], ""
    if len(answer.found) == 1 and not answer.guess:
        return query.address(codes=with_code(query, answer.found[0].area.code), add=""), [], ""
    choices = [
        {
            **search_result(f),
            "url": query.address(codes=with_code(query, f.area.code), add=""),
        }
        for f in answer.found
    ]
    message = answer.message or (
        "" if choices else f"No place was found for {shortened(query.add)}. Check the spelling."
    )
    return None, choices, message


def places_named(query: Asked, given: QueryDict) -> Asked:
    """Return what is asked with the codes of the places that the address gives by name.

    The first name that is not one place is asked about as if it were being added, and the others
    stay for later. Raises Refused for more than a list of areas can be.
    """
    text = ",".join(given.getlist("areas")).replace(IN_FORMS, ",")
    try:
        # A code takes the whole line that it stands in, so each has one to itself.
        pasted = read_pasted(CODE_IN_TEXT.sub(r"\n\1\n", text))
    except GroupRefused as refused:
        raise Refused("These areas cannot be read", str(refused)) from refused
    codes = dict(Area.objects.filter(pk__in=pasted.area_ids).values_list("pk", "code"))
    unclear = [one.text for one in pasted.unresolved if not AREA_CODE.match(one.text.upper())]
    kept = [one.text.upper() for one in pasted.unresolved if AREA_CODE.match(one.text.upper())]
    return replace(
        query,
        codes=(*(codes[pk] for pk in pasted.area_ids), *kept),
        names=tuple(unclear[1:]),
        add=unclear[0][:LONGEST] if unclear else query.add,
    )


def with_code(query: Asked, code: str) -> tuple[str, ...]:
    """Return the codes with one more, once."""
    return tuple(dict.fromkeys([*query.codes, code]))


def areas_asked(query: Asked) -> tuple[list[Area], list[str]]:
    """Return the areas of the codes asked for, in their order, and notices about the rest.

    A code that has ended, and has no figures of its own, gives way to what followed it.
    Three queries at most. Raises Refused where there is nothing to compare.
    """
    by_code = {
        a.code: a for a in Area.objects.filter(code__in=query.codes).select_related("area_type")
    }
    notices = []
    unknown = [c for c in query.codes if c not in by_code]
    if unknown:
        some = in_words([*unknown[:3], *([f"{len(unknown) - 3:,} more"] if unknown[3:] else [])])
        notices.append(f"No area has the code {some}: {'they are' if unknown[1:] else 'it is'} "
                       "left out.")  # fmt: skip
    past = [a for a in by_code.values() if a.has_ended(timezone.localdate())]
    held = set(
        Area.objects.filter(pk__in=[a.pk for a in past], editions__isnull=False).values_list(
            "pk", flat=True
        )
    ) if past else set()  # fmt: skip
    gone = [a for a in past if a.pk not in held]
    became = successors_of([a.pk for a in gone])
    onward = areas_of([pk for some in became.values() for pk in some])
    found: dict[int, Area] = {}
    for code in query.codes:
        area = by_code.get(code)
        if area is None:
            continue
        if area in gone:
            now = [onward[pk] for pk in became.get(area.pk, [])]
            found.update({a.pk: a for a in now})
            day = long_date(area.valid_to) if area.valid_to else ""
            if now:
                notices.append(
                    f"{area.name} ({area.code}) ended on {day}: shown is what it became, "
                    f"{in_words([a.name for a in now])}."
                )
            else:
                notices.append(
                    f"{area.name} ({area.code}) ended on {day}, and nothing is recorded as "
                    "replacing it: it is left out."
                )
        else:
            found[area.pk] = area
    notices += [f"{shortened(bad)} is not the name of a figure." for bad in query.nonsense]
    if query.names:
        some = in_words([shortened(name) for name in query.names[:3]])
        notices.append(f"Still to be asked about: {some}.")
    if not found:
        raise Refused(
            "There is nothing to compare",
            " ".join(notices[:3]) or "The address names no areas.",
            404,
            [("Compare areas", BASE)],
        )
    return list(found.values()), notices


def build(query: Asked) -> Found:
    """Return the comparison that is asked for. Raises Refused where there is none."""
    areas, notices = areas_asked(query)
    kinds = types_of(areas)
    mixed = len(kinds) > 1
    places = places_of([a.pk for a in areas])
    version = data_version()
    choices = indicators_at(list(places.editions), version)
    wanted, lacking = chosen(query, choices)
    notices += lacking
    result = comparison(places, wanted, version=version)
    if not query.show:
        full = [c for c in result.columns if c.held.any()]
        if mixed:
            # Of several types, begin with what each of them has.
            rows_of = [[i for i, a in enumerate(areas) if a.area_type == k] for k in kinds]
            shared = [c for c in full if all(c.held[rows].any() for rows in rows_of)]
            full = shared or full
        result.columns = (full or result.columns)[:FIRST_SHOWN]
    if mixed:
        plurals = ["the United Kingdom" if k.slug == "uk" else k.name_plural for k in kinds]
        notices.append(
            f"These are {in_words(plurals)}. Areas of different types are "
            "shown side by side only where each has the figure, and are not ranked: larger areas "
            "vary less."
        )
    query = replace(
        query,
        codes=tuple(a.code for a in areas),
        show=tuple(c.indicator.slug for c in result.columns),
        add="",
        nonsense=(),
    )
    column = next((c for c in result.columns if c.indicator.slug == query.sort), None)
    if column is None and query.sort not in {"given", "name"}:
        notices.append(
            f"The table cannot be sorted by {shortened(query.sort)}, which is not one of its "
            "columns."
        )
        query = replace(query, sort="given", descending=False)
    names = [a.name for a in areas]
    if query.sort == "given":
        order = list(range(len(areas)))
    else:
        order = presenter.in_order(column, names, len(areas), query.descending)
    group = group_of(areas, query, notices)
    sheet = presenter.Sheet(
        comparison=result,
        areas=areas,
        order=order,
        group=group,
        readings=group_columns(group, result.columns) if group else {},
    )
    editions = list({s.edition_id: s.edition for s in result.series.values()}.values())
    return Found(query, areas, sheet, choices, notices, mixed, editions)


def chosen(query: Asked, choices: list[Indicator]) -> tuple[list[Indicator], list[str]]:
    """Return the indicators asked for, or some to begin with, and notices. Raises Refused."""
    if not query.show:
        headline = [i for i in choices if i.headline]
        rest = [i for i in choices if not i.headline]
        return [*headline, *rest][:FIRST_TRIED], []
    held = {i.slug: i for i in choices}
    lacking = [slug for slug in query.show if slug not in held]
    others = {i.slug: i for i in indicators_named(lacking)} if lacking else {}
    notices = [
        f"{others[slug].name} is not held for any of these areas."
        if slug in others
        else f"{shortened(slug)} is not the name of a figure."
        for slug in lacking[:3]
    ]
    known = [i for slug in query.show if (i := held.get(slug) or others.get(slug))]
    if not known:
        raise Refused(
            "There are no such figures",
            f"{shortened(query.show[0])} is not the name of a figure. Choose from the list on "
            "the page.",
            400,
            [("The same areas with their first figures", query.address(show=()))],
        )
    return known, notices


def group_of(areas: list[Area], query: Asked, notices: list[str]) -> Group | None:
    """Return the group to compare with, or None with a notice that says why not."""
    if not query.group:
        return None
    group = benchmark_group(query.group, areas[0])
    if group is None and query.group == NEIGHBOURS:
        notices.append(f"No areas are held that touch {place(areas[0])}.")
    elif group is None:
        notices.append(
            f"There is no group at {shortened(query.group)}: check its address. The comparison "
            "is shown without it."
        )
    return group


def title(found: Found) -> str:
    """Return “Hartlepool, Leeds and York compared”, or how many are."""
    names = [a.name for a in found.areas]
    if len(names) == 1 and found.sheet.group is not None:
        group = found.sheet.group
        what = "the areas that touch it" if group.token == NEIGHBOURS else group.name
        return f"{names[0]} beside {what}"
    if len(names) == 1:
        return f"{names[0]} alone"
    if len(names) <= 3:
        return f"{in_words(names)} compared"
    kinds = types_of(found.areas)
    what = kinds[0].name_plural if len(kinds) == 1 else "areas"
    return f"{len(names):,} {what} compared"


def ranks(found: Found) -> dict[int, dict[int, str]]:
    """Return where each area stands, in words, by series and row. Two queries at most."""
    if found.mixed:
        return {}
    columns = found.sheet.comparison.columns
    pairs = {
        (int(pk), found.areas[row].pk) for c in columns for row, pk in enumerate(c.series_ids) if pk
    }
    known = standings(pairs)
    row_of = {a.pk: row for row, a in enumerate(found.areas)}
    scopes = {c.indicator.pk: c.indicator for c in columns}
    words: dict[int, dict[int, str]] = {}
    for (series_id, area_id), some in known.items():
        series = found.sheet.comparison.series.get(series_id)
        if series is None or area_id not in row_of:
            continue
        indicator = scopes[series.indicator_id]
        for group, rank, tied, out_of in some:
            if group == indicator.scope_id and out_of >= FEWEST_RANKED:
                told = rank_words(Rank(indicator.scope, rank, tied, out_of), series, indicator)
                words.setdefault(series_id, {})[row_of[area_id]] = told["text"]
    return words


def drawn(result: Comparison) -> list[int]:
    """Return the series whose peers are few enough to draw, one edition a column."""
    return [
        shown[0].pk
        for c in result.columns
        if len(shown := presenter.series_of(c, result)) == 1 and shown[0].n_members <= MOST_TICKS
    ]


def page(request: HttpRequest, found: Found) -> dict[str, Any]:
    """Return the context of the page."""
    query, sheet, areas = found.asked, found.sheet, found.areas
    here = request.build_absolute_uri(query.address())
    on_charts = len(areas) <= MOST_ON_CHARTS
    charts = (
        presenter.charts(sheet, arrays(drawn(sheet.comparison)), ranks(found)) if on_charts else []
    )
    columns = []
    for column in sheet.comparison.columns:
        slug = column.indicator.slug
        mine = query.sort == slug
        down = not (mine and query.descending)
        columns.append(
            {
                **presenter.heading(column),
                "sort_url": query.address(sort=slug, descending=down) + "#table",
                "sorted": ("descending" if query.descending else "ascending") if mine else "",
            }
        )
    by_name = query.sort == "name"
    return {
        "page_title": title(found),
        "canonical": here,
        "permalink": here,
        "as_at": long_date(timezone.localdate()),
        "heading": title(found),
        "notices": found.notices,
        "areas": [
            {
                "name": a.name,
                "url": url(a),
                "type": type_name(a),
                "mark": i + 1 if on_charts else 0,
                "without": query.address(codes=tuple(c for c in query.codes if c != a.code)),
            }
            for i, a in enumerate(areas[:MOST_ON_CHARTS])
        ],
        "n_more": max(0, len(areas) - MOST_ON_CHARTS),
        "too_many": (
            ""
            if on_charts
            else f"Charts show at most {MOST_ON_CHARTS} areas, since more cannot be told apart; "
            f"these are {len(areas):,}, so they are in the table only."
        ),
        "full": len(areas) >= MOST_ON_CHARTS,
        "charts": charts,
        "columns": columns,
        "name_sort": {
            "url": query.address(sort="name", descending=by_name and not query.descending)
            + "#table",
            "sorted": ("descending" if query.descending else "ascending") if by_name else "",
        },
        "table": presenter.body(sheet),
        "themes": presenter.chooser(found.choices, query.show),
        "n_choices": len(found.choices),
        "form": {
            "areas": IN_FORMS.join([*query.codes, *query.names]),
            "show": IN_FORMS.join(query.show),
            "group": query.group if sheet.group is not None else "",
        },
        "ready": ready(query, areas) if on_charts else [],
        "group": group_presenter.group_head(sheet.group) if sheet.group else None,
        "without_group": query.address(group=""),
        "about": presenter.about(sheet),
        "downloads": [
            {
                "name": form.name,
                "url": query.address(f"/compare.{form.extension}"),
                "notes": query.address("/compare.notes.csv") if form.extension == "csv" else "",
            }
            for form in FORMATS.values()
            if not form.drawn or len(found.editions) == 1
        ],
        "withheld": [
            c.indicator.name
            for c in sheet.comparison.columns
            if any(not s.release.may_be_passed_on for s in presenter.series_of(c, sheet.comparison))
        ],
        "sources": pages.attributions(
            [s.release for s in sheet.comparison.series.values()], found.editions
        ),
    }


def ready(query: Asked, areas: Sequence[Area]) -> list[dict[str, str]]:
    """Return areas to add in one step: what the first is part of, and what touches it."""
    found = [
        {"label": a.name if a.area_type_id == "uk" else f"{a.name} ({a.area_type.name})",
         "url": query.address(codes=with_code(query, a.code))}
        for a in reversed(ancestors(areas[0]))
        if a.area_type_id in {"authority", "region", "country", "uk"} and a.code not in query.codes
    ]  # fmt: skip
    if query.group != NEIGHBOURS:
        found.append(
            {"label": f"areas that touch {areas[0].name}, together",
             "url": query.address(group=NEIGHBOURS)}
        )  # fmt: skip
    return found if len(areas) < MOST_ON_CHARTS else []


def empty(
    request: HttpRequest, query: Asked, choices: list[dict[str, Any]], message: str
) -> dict[str, Any]:
    """Return the page before anything is chosen: what it does, and three real examples."""
    examples = [
        {"label": label, "url": f"{BASE}?areas={codes}"}
        for label, codes in EXAMPLES
        if Area.objects.filter(code__in=codes.split(",")).count() == len(codes.split(","))
    ]
    notices = [f"{shortened(bad)} is not the name of a figure." for bad in query.nonsense]
    return {
        "page_title": "Compare areas",
        "canonical": request.build_absolute_uri(BASE),
        "heading": "Compare areas",
        "examples": examples,
        "notices": notices,
        "form": {
            "areas": IN_FORMS.join(query.names),
            "show": IN_FORMS.join(query.show),
            "group": query.group,
        },
        "adding": {"q": query.add, "choices": choices, "message": message},
        "most": {"charts": MOST_ON_CHARTS, "table": f"{MOST_IN_TABLE:,}",
                 "group": f"{AreaGroup.MOST:,}"},
    }  # fmt: skip
