"""What the map, its legend and its table say of the areas inside a place."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from django.conf import settings
from django.urls import reverse

from areas.models import Area, Edition
from areas.tiles import LAYER, max_zoom
from indicators.insight.inside import Inside
from indicators.models import Indicator, Series
from indicators.presenters.words import (
    cited,
    known_as,
    number,
    place,
    rounded,
    unit_beside,
    url,
    why_missing,
    with_prefix,
)
from indicators.statistics.classes import N_CLASSES
from indicators.statistics.markers import MARKERS

Bounds = tuple[float, float, float, float]


def class_labels(breaks: list[float], indicator: Indicator, lowest: float) -> list[str]:
    """Return the words of each class, from the lowest, in the same rounding as the values.

    `lowest` is the lowest value there is: a class that holds only that is named by it.
    """
    if not breaks:
        return ["every value"]
    step = 10.0**-indicator.decimals

    def show(value: float) -> str:
        return f"{indicator.prefix}{number(value, indicator.decimals)}"

    between = [
        show(high) if high - low < 1.5 * step else f"{show(low + step)} to {show(high)}"
        for low, high in pairwise(breaks)
    ]
    only = rounded(lowest, indicator.decimals) >= breaks[0]
    first = show(breaks[0]) if only else f"{show(breaks[0])} or less"
    return [first, *between, f"more than {show(breaks[-1])}"]


def shades(n_classes: int) -> list[int]:
    """Return which of the five shades each class takes, so that few classes still span the ramp."""
    if n_classes == 1:
        return [3]
    return [round(1 + i * (N_CLASSES - 1) / (n_classes - 1)) for i in range(n_classes)]


def legend(inside: Inside) -> dict[str, Any]:
    """Return the classes, how many of the areas inside are in each, and what a class is."""
    series, indicator = inside.series, inside.series.indicator
    lowest = series.quantiles[0] if series.quantiles else 0.0
    labels = class_labels(series.class_breaks, indicator, lowest)
    counts = np.bincount(inside.classes, minlength=len(labels) + 1)
    plural = series.edition.area_type.name_plural
    unit = f" ({unit_beside(indicator)})" if unit_beside(indicator) else ""
    peers = f"{plural} in {place(indicator.scope)}"
    if series.n_values < series.n_members:
        peers += " with a figure"
    if len(labels) == N_CLASSES:
        basis = f"Each class holds about a fifth of the {peers}."
    else:
        basis = f"Classes of the {peers}; many share one value."
    return {
        "title": f"{indicator.short_name}, {series.period.label}{unit}",
        "classes": [
            {"n": shade, "label": label, "count": int(count)}
            for shade, label, count in zip(shades(len(labels)), labels, counts[1:], strict=True)
        ],
        "missing": {"count": int(counts[0]), "label": "no data"},
        "basis": basis,
    }


def rows(inside: Inside) -> list[dict[str, Any]]:
    """Return one row an area: code, name, address, finished text, class or why there is none."""
    indicator = inside.series.indicator
    ramp = [0, *shades(len(inside.series.class_breaks) + 1)]
    return [
        {
            "code": area.code,
            "name": area.name,
            "known_as": known_as(area),
            "url": url(area),
            "text": "" if np.isnan(value) else with_prefix(value, indicator) + flag(marker),
            "class": ramp[shade] or None,
            "missing": why_missing(marker) if np.isnan(value) else "",
        }
        for area, value, shade, marker in zip(
            inside.areas,
            inside.values.tolist(),
            inside.classes.tolist(),
            inside.markers.tolist(),
            strict=True,
        )
    ]


def range_sentence(inside: Inside) -> str:
    """Return “Mean income ran from £21,300 in Ashby to £34,000 in Birch”, or nothing.

    By the values as they are printed: where several areas share one, none of them is named.
    """
    indicator = inside.series.indicator
    values = np.round(inside.values, indicator.decimals)
    known = values[~np.isnan(values)]
    if not len(known):
        return ""

    def at(end: float) -> str:
        same = np.flatnonzero(values == end)
        where = inside.areas[int(same[0])].name
        if len(same) > 1:
            where = f"{len(same):,} {inside.series.edition.area_type.name_plural}"
        return f"{with_prefix(end, indicator)} in {where}"

    low, high = float(known.min()), float(known.max())
    if low == high:
        return f"{indicator.name} was {at(low)}"
    return f"{indicator.name} ran from {at(low)} to {at(high)}"


def flag(marker: int) -> str:
    """Return “ [e]” beside a value that carries a marker."""
    return f" [{MARKERS[marker].letters}]" if marker else ""


def values(inside: Inside) -> dict[str, Any]:
    """Return what the map fetches when the reader turns to another figure."""
    series, indicator = inside.series, inside.series.indicator
    table = rows(inside)
    return {
        "indicator": indicator.slug,
        "label": indicator.name,
        "unit": unit_of(series),
        "period": series.period.label,
        "sentence": range_sentence(inside),
        "edition": series.edition.slug,
        "ordinals": inside.level.ordinals.tolist(),
        "codes": [row["code"] for row in table],
        "names": [row["name"] for row in table],
        "texts": [row["text"] for row in table],
        "classes": [row["class"] for row in table],
        "missing": [row["missing"] for row in table],
        "legend": legend(inside),
        "source": cited(series.release),
    }


def tile_source(edition: Edition) -> dict[str, Any]:
    """Return where the map finds the outlines of an edition."""
    return {
        "url": f"/tiles/{edition.tile_hash}/{{z}}/{{x}}/{{y}}.mvt",
        "layer": LAYER,
        "maxDataZoom": max_zoom(edition),
    }


def config(
    *,
    edition: Edition,
    values_url: str,
    bounds: Bounds,
    outline: Edition | None = None,
    ordinal: int | None = None,
) -> dict[str, Any]:
    """Return the configuration of a map. `bounds` are west, south, east, north in degrees."""
    west, south, east, north = bounds
    basemap = None
    if settings.BASEMAP_URL:
        basemap = {"url": settings.BASEMAP_URL, "attribution": settings.BASEMAP_ATTRIBUTION}
    around = None
    if outline is not None and outline.tile_hash:
        around = {**tile_source(outline), "ordinal": ordinal}
    return {
        "tiles": tile_source(edition),
        "outline": around,
        "bounds": [[south, west], [north, east]],
        "values": values_url,
        "basemap": basemap,
        "attribution": f"Outlines: {edition.source}.",
    }


def values_url(edition: Edition, indicator_slug: str, within: Area) -> str:
    """Return the address of one indicator's values for the areas of `edition` in `within`."""
    path = reverse("map-values", args=[edition.slug, indicator_slug])
    return f"{path}?within={within.code}"


def unit_of(series: Series) -> str:
    """Return the unit that stands in a table's heading; £ and % stand with each number."""
    return "" if series.indicator.unit == "%" else unit_beside(series.indicator)
