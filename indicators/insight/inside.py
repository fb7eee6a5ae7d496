"""What an area hides: the smaller areas inside it, and one indicator for each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from areas.hierarchy import Level, Outline, Part, levels, named, outline
from areas.models import Area
from areas.within import Within, editions_within
from indicators.insight.kept import Kept
from indicators.insight.live import arrays, described
from indicators.models import Series
from indicators.statistics.classes import classify
from indicators.statistics.rank import Floats

__all__ = [
    "Inside",
    "Level",
    "Within",
    "inside",
    "levels",
    "levels_in",
    "outline_of",
    "within",
]


@dataclass
class Inside:
    """One indicator for the areas of a level. `classes` are 1 to 5, 0 where there is no value."""

    level: Level
    series: Series
    values: Floats
    classes: NDArray[np.int8]
    markers: NDArray[np.int8]
    areas: list[Part]


_levels: Kept[int, list[Level]] = Kept(200)
_within: Kept[int, list[Within]] = Kept(200)
_outlines: Kept[int, tuple[Outline | None]] = Kept(1_000)


def levels_in(area: Area, version: int) -> list[Level]:
    """Return what `levels` says of `area`. One query, or none where it is kept."""
    return _levels.get(version, [area.pk], lambda _: {area.pk: levels(area)})[area.pk]


def within(area: Area, version: int) -> list[Within]:
    """Return what `editions_within` says of `area`. As many queries, or none where it is kept."""
    return _within.get(version, [area.pk], lambda _: {area.pk: editions_within(area)})[area.pk]


def outline_of(area: Area, version: int) -> Outline | None:
    """Return what `outline` says of `area`. One query, or none where it is kept."""
    (found,) = _outlines.get(version, [area.pk], lambda _: {area.pk: (outline(area),)})[area.pk]
    return found


def inside(level: Level, series_id: int, version: int | None = None) -> Inside:
    """Return a series for the areas of `level`. Three queries, two once its array is kept.

    One less where the series is kept under `version`.
    """
    series = described([series_id], version)[series_id]
    packed = arrays([series_id])[series_id]
    values, markers = packed.values[level.ordinals], packed.markers[level.ordinals]
    return Inside(
        level=level,
        series=series,
        values=values,
        classes=classify(values, series.class_breaks, series.indicator.decimals),
        markers=markers,
        areas=named(level),
    )
