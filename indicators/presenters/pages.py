"""Whole pages as plain dicts: the home page and the profile of a place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from areas.models import Area, Edition
from indicators.insight import stands_out
from indicators.insight.groups import NEIGHBOURS
from indicators.insight.inside import Inside, Level, Within
from indicators.insight.profile import Entry, Figure, Profile
from indicators.models import Release, Series
from indicators.presenters import map as map_presenter
from indicators.presenters.asked import Asked
from indicators.presenters.figure import (
    Reader,
    figure_address,
    figure_line,
    moved_from,
    rank_words,
)
from indicators.presenters.words import (
    amount,
    known_as,
    listed,
    long_date,
    place,
    type_name,
    url,
)

OS_ROYAL_MAIL = (
    "Contains OS data © Crown copyright and database right 2025. "
    "Contains Royal Mail data © Royal Mail copyright and database right 2025. "
    "Contains National Statistics data © Crown copyright and database right 2025."
)


def area_head(area: Area, profile: Profile | None) -> dict[str, Any]:
    """Return what stands at the top of a profile: name, type, code, what it is part of."""
    part_of = [] if profile is None else profile.part_of
    return {
        "code": area.code,
        "name": area.name,
        "name_cy": area.name_cy,
        "type": type_name(area),
        "known_as": known_as(area),
        # The nearest first; groups of countries are benchmarks, not places one is in.
        "part_of": [
            {"name": a.name, "type": type_name(a), "url": url(a)}
            for a in reversed(part_of)
            if a.area_type_id not in {"country-group", "uk"}
        ],
        "ended": None,
    }


def breadcrumb(part_of: Iterable[Area]) -> list[dict[str, str]]:
    """Return the way down from the UK."""
    steps = ("uk", "country", "region", "county", "authority")
    return [{"name": a.name, "url": url(a)} for a in part_of if a.area_type_id in steps]


def answer(figures: Iterable[Figure], token: str = "") -> list[dict[str, str]]:
    """Return what stands out, in sentences with the address of each figure's line."""
    sentences = []
    for figure in figures:
        if figure.series is None or figure.reading is None or figure.reading.value is None:
            continue
        words = rank_words(figure.ranks[0], figure.series, figure.indicator)
        value = amount(figure.reading.value, figure.indicator)
        sentences.append(
            {
                "label": figure.indicator.name,
                "url": figure_address(figure.indicator.slug, token),
                "text": (
                    f", {figure.series.period.label}: {value}, "
                    f"{words['text'][0].lower()}{words['text'][1:]} {words['group']}."
                ),
            }
        )
    return sentences


def nothing_striking(area: Area, figures: Iterable[Figure]) -> list[dict[str, str]]:
    """Return that nothing stands out, where there are figures that might have; else nothing.

    The highest of nine regions does not stand out, but is no less the highest: among so few
    nothing is said.
    """
    ranked = any(
        f.holder is area
        and f.indicator.headline
        and f.ranks
        and f.ranks[0].out_of >= stands_out.FEWEST_PEERS
        for f in figures
    )
    if not ranked:
        return []
    text = (
        f"No main figure of {place(area)} is among the highest or the lowest tenth of "
        f"{area.area_type.name_plural}."
    )
    return [{"label": "", "url": "", "text": text}]


def themes(
    profile: Profile,
    entries: Sequence[Entry],
    asked: Asked,
    with_map: dict[str, str],
    level: str,
    reader: Reader,
) -> list[dict[str, Any]]:
    """Return the figure lines by theme; what is not published here at all is listed apart.

    Themes whose figures were not read are closed: the names of their figures alone. `with_map`
    gives the address of the map's values by the slug of each indicator that has them, at `level`.
    """
    area = profile.area
    country = next((a for a in profile.part_of if a.area_type_id == "country"), None)
    if area.area_type_id == "country":
        country = area
    read = {f.indicator.pk: f for f in profile.figures}
    found = []
    for (slug, name), group in groupby(entries, key=lambda e: (e.theme, e.theme_name)):
        listed_here = list(group)
        figures = [read[e.indicator_id] for e in listed_here if e.indicator_id in read]
        theme: dict[str, Any] = {
            "slug": slug,
            "name": name,
            "count": len(listed_here),
            "url": Asked(theme=slug, group=reader.token).address(slug),
            "closed": not figures,
            "names": "",
            "lines": [],
            "absent": [],
            "absent_words": "",
        }
        found.append(theme)
        if not figures:
            theme["names"] = names(listed_here, reader.token)
            continue
        lines = [figure_line(figure, area, country, reader) for figure in figures]
        for line in lines:
            line["selected"] = line["id"] == asked.show
            if line["id"] in with_map:
                line["values_url"] = with_map[line["id"]]
                line["map_url"] = asked.address("inside", show=line["id"], inside=level)
        lines.sort(key=lambda line: line["value"] is None)
        theme["lines"] = [line for line in lines if line["source"]]
        theme["absent"] = [line for line in lines if not line["source"]]
        theme["count"] = len(theme["lines"])
        theme["absent_words"] = absent_words(len(theme["absent"]), bool(theme["lines"]))
    found.sort(key=lambda theme: not (theme["lines"] or theme["closed"]))
    return found


def names(entries: Iterable[Entry], token: str) -> SafeString:
    """Return the items of a list of figures' names, each a link to its line.

    Written here rather than in the template, which would take as long over hundreds of them as
    over all else on the page.
    """
    return mark_safe(  # noqa: S308
        "".join(
            f'<li id="{e.slug}"><a href="{escape(figure_address(e.slug, token))}">'
            f"{escape(e.name)}</a></li>"
            for e in entries
        )
    )


def absent_words(n: int, some_here: bool) -> str:
    """Return how many figures of a theme are not held for this place."""
    figures = "figure is" if n == 1 else "figures are"
    return f"{n} {'more ' if some_here else ''}{figures} not held for this place"


def inside_section(
    *,
    area: Area,
    levels: list[Level],
    level: Level,
    inside: Inside,
    choices: list[tuple[str, str]],
    map_config: dict[str, Any] | None,
    asked: Asked,
) -> dict[str, Any]:
    """Return the part of a profile that shows what lies inside: levels, map, legend, table.

    `choices` are (slug, name) of the indicators that this level has.
    """
    kind = level.edition.area_type
    slug = inside.series.indicator.slug
    plural = kind.name_plural
    notes = []
    if level.edition.approximate:
        notes.append(f"These outlines are approximate. {level.edition.boundary_note}")
    if inside.series.origin == Series.Origin.AGGREGATE:
        fit = " by best fit" if inside.series.best_fit else ""
        notes.append(f"Figures are added up{fit} from smaller areas.")
    elif inside.series.origin == Series.Origin.CONVERTED:
        notes.append(f"Figures are {moved_from(inside.series)}.")
    if area.area_type_id == "ward":
        notes.append(
            "Neighbourhoods are counted in the ward that holds most of their postcodes, so they "
            "may reach beyond the ward's outline or leave part of it empty."
        )
    empty = not inside.classes.any()
    return {
        "level": level.edition.slug,
        "heading": f"{plural[0].upper()}{plural[1:]} in {place(area)}",
        "levels": [
            {
                "name_plural": level_name(other, levels),
                "count": len(other.area_ids),
                "url": asked.address("inside", show=slug, inside=other.edition.slug),
                "selected": other is level,
            }
            for other in levels
        ],
        "line": {
            "label": inside.series.indicator.name,
            "period": inside.series.period.label,
            "unit": map_presenter.unit_of(inside.series),
        },
        "choices": [
            {
                "label": name,
                "url": asked.address("inside", show=other, inside=level.edition.slug),
                "selected": other == slug,
            }
            for other, name in choices
        ],
        "map": map_config,
        "legend": map_presenter.legend(inside),
        "rows": map_presenter.rows(inside),
        "note": " ".join(notes),
        "csv_url": None,
        "parts_url": f"/areas/{area.code}/parts/?"
        + urlencode({"level": level.edition.slug, "show": slug}),
        "partial": (
            f"{inside.series.indicator.name} is not published for the {plural} of {place(area)}."
            if empty
            else ""
        ),
    }


def level_name(level: Level | Within, levels: Sequence[Level | Within]) -> str:
    """Return “wards”, with the year where several editions of them are offered."""
    kind = level.edition.area_type
    several = sum(other.edition.area_type_id == kind.slug for other in levels) > 1
    return f"{kind.name_plural} {level.edition.date.year}" if several else kind.name_plural


def attributions(releases: Iterable[Release], editions: Iterable[Edition]) -> list[str]:
    """Return the distinct sentences that the licences of what is shown ask for."""
    sentences = {
        f"{release.dataset.name}: {release.dataset.publisher}. {release.licence.attribution}": None
        for release in releases
    }
    for edition in editions:
        sentences[f"Outlines of {edition.name}: {edition.source}."] = None
    return [*sentences, OS_ROYAL_MAIL]


def profile_releases(profile: Profile) -> list[Release]:
    """Return the releases whose figures a profile shows."""
    return [figure.series.release for figure in profile.figures if figure.series is not None]


def comparators(profile: Profile, asked: Asked) -> list[dict[str, str]]:
    """Return the areas that the whole page compares with, and the group that the reader chose."""
    found = [
        {
            "key": key,
            # Where a figure cannot be compared across the UK, its mark stands for less.
            "name": f"{area.name}, or the most that a figure covers"
            if key == "widest"
            else area.name,
            "url": url(area),
            "type": type_name(area),
        }
        for key, area in profile.comparators
    ]
    if profile.group is not None:
        found.append(
            {
                "key": "group",
                "name": profile.group.name,
                "url": profile.group.url,
                "type": f"{len(profile.group.area_ids)} {profile.group.area_type.name_plural}",
                "without": asked.address(group="") if asked != Asked(group=asked.group) else "?",
            }
        )
    return found


def group_choices(profile: Profile, asked: Asked) -> list[dict[str, str]]:
    """Return what else a place can be compared with: its neighbours, or a group of one's own."""
    area = profile.area
    kind = area.area_type.name_plural
    choices = []
    if asked.group != NEIGHBOURS and area.area_type_id not in {"uk", "country-group"}:
        choices.append(
            {
                "label": f"The {kind} that touch {area.name}",
                "url": asked.address(group=NEIGHBOURS),
            }
        )
    choices.append({"label": f"A group of {kind} of your own", "url": "/groups/"})
    return choices


def profile_downloads(area: Area, token: str = "") -> list[dict[str, str]]:
    """Return the files of a whole profile, with the group that it is compared with."""
    formats = (("csv", "CSV"), ("xlsx", "Excel"), ("parquet", "Parquet"), ("geojson", "GeoJSON"))
    query = f"?with={token}" if token else ""
    return [
        {"name": name, "url": f"{url(area)}figures.{extension}{query}"}
        for extension, name in formats
    ]


def ended(area: Area, successors: list[Area]) -> dict[str, Any]:
    """Return when an area ended and what it became."""
    day = area.valid_to or date.min
    reason = (
        f"It was replaced by {listed([s.name for s in successors])}."
        if successors
        else "Nothing is recorded as replacing it."
    )
    return {
        "date": long_date(day),
        "reason": reason,
        "successors": [{"name": s.name, "code": s.code, "url": url(s)} for s in successors],
    }


def latest_releases(releases: Iterable[Release]) -> list[dict[str, str]]:
    """Return releases for the home page."""
    return [
        {
            "name": release.name,
            "publisher": release.dataset.publisher,
            "published": long_date(release.publisher_date) if release.publisher_date else "",
            "url": "",
        }
        for release in releases
    ]
