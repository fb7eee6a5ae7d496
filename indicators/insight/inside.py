"""What an area hides: the smaller areas inside it, and one indicator for each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from areas.hierarchy import Level, Part, levels, named
from indicators.insight.live import arrays, described
from indicators.models import Series
from indicators.statistics.classes import classify
from indicators.statistics.rank import Floats

__all__ = ["Inside", "Level", "inside", "levels"]


@dataclass
class Inside:
    """One indicator for the areas of a level. `classes` are 1 to 5, 0 where there is no value."""

    level: Level
    series: Series
    values: Floats
    classes: NDArray[np.int8]
    markers: NDArray[np.int8]
    areas: list[Part]


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
