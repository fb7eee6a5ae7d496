"""Whole pages as plain dicts: the home page and the profile of a place."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import groupby
from typing import Any

from areas.models import Area, Edition
from indicators.insight.inside import Inside, Level
from indicators.insight.profile import Figure, Profile
from indicators.models import Indicator, Release, Series
from indicators.presenters import map as map_presenter
from indicators.presenters.figure import figure_line, rank_words
from indicators.presenters.words import (
    known_as,
    listed,
    long_date,
    place,
    type_name,
    unit_beside,
    url,
    with_prefix,
)

# A figure stands out when it is among this share of areas at either end.
STANDS_OUT = 0.1
MOST_SENTENCES = 3
FEWEST_PEERS = 20
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


def answer(profile: Profile) -> list[str]:
    """Return what stands out, in sentences: the most extreme ranks among many peers."""
    extremes: list[tuple[float, Figure]] = []
    for figure in profile.figures:
        own = figure.holder is not None and figure.holder.pk == profile.area.pk
        if (
            not own
            or not figure.indicator.headline
            or not figure.ranks
            or figure.ranks[0].out_of < FEWEST_PEERS
        ):
            continue
        rank = figure.ranks[0]
        middle = (rank.rank + (rank.tied - 1) / 2 - 0.5) / rank.out_of
        # Many areas on one value (no crime, no postcode ended) is not standing out.
        if min(middle, 1 - middle) <= STANDS_OUT and rank.tied / rank.out_of <= STANDS_OUT:
            extremes.append((min(middle, 1 - middle), figure))
    sentences = []
    # What is better one way than the other comes before what is only different.
    extremes.sort(key=lambda e: (e[1].indicator.polarity == Indicator.Polarity.NONE, e[0]))
    for _, figure in extremes[:MOST_SENTENCES]:
        if figure.series is None or figure.reading is None or figure.reading.value is None:
            continue
        words = rank_words(figure.ranks[0], figure.series, figure.indicator)
        unit = "" if figure.indicator.unit == "%" else f" {unit_beside(figure.indicator)}".rstrip()
        value = f"{with_prefix(figure.reading.value, figure.indicator)}{unit}"
        sentences.append(
            f"{figure.indicator.name}, {figure.series.period.label}: {value}, "
            f"{words['text'][0].lower()}{words['text'][1:]} {words['group']}."
        )
    return sentences


def themes(
    profile: Profile, area: Area, selected: str, with_map: dict[str, str], level: str
) -> list[dict[str, Any]]:
    """Return the figure lines by theme; what is not published here at all is listed apart."""
    country = next((a for a in profile.part_of if a.area_type_id == "country"), None)
    if area.area_type_id == "country":
        country = area
    found = []
    by_theme = groupby(profile.figures, key=lambda f: f.indicator.theme)
    for theme, figures in by_theme:
        lines = [figure_line(figure, area, country) for figure in figures]
        for line in lines:
            line["selected"] = line["id"] == selected
            if line["id"] in with_map:
                line["values_url"] = with_map[line["id"]]
                line["map_url"] = f"?show={line['id']}&inside={level}#inside"
        lines.sort(key=lambda line: line["value"] is None)
        here = [line for line in lines if line["source"]]
        absent = [line for line in lines if not line["source"]]
        found.append(
            {
                "slug": theme.slug,
                "name": theme.name,
                "lines": here,
                "absent": absent,
                "absent_words": absent_words(len(absent), bool(here)),
            }
        )
    found.sort(key=lambda theme: not theme["lines"])
    return found


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
    if area.area_type_id == "ward":
        notes.append(
            "Neighbourhoods are counted in the ward that holds most of their postcodes, so they "
            "may reach beyond the ward's outline or leave part of it empty."
        )
    empty = not inside.classes.any()
    return {
        "heading": f"{plural[0].upper()}{plural[1:]} in {place(area)}",
        "levels": [
            {
                "name_plural": level_name(other, levels),
                "count": len(other.area_ids),
                "url": f"?show={slug}&inside={other.edition.slug}#inside",
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
                "url": f"?show={other}&inside={level.edition.slug}#inside",
                "selected": other == slug,
            }
            for other, name in choices
        ],
        "map": map_config,
        "legend": map_presenter.legend(inside),
        "rows": map_presenter.rows(inside),
        "note": " ".join(notes),
        "csv_url": None,
        "partial": (
            f"{inside.series.indicator.name} is not published for the {plural} of {place(area)}."
            if empty
            else ""
        ),
    }


def level_name(level: Level, levels: list[Level]) -> str:
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


def comparators(profile: Profile) -> list[dict[str, str]]:
    """Return the areas that the whole page compares with."""
    return [
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
