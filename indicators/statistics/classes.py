"""Map classes and the shape of a distribution."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indicators.statistics.rank import Floats

N_CLASSES = 5
N_BINS = 64
QUANTILES = np.linspace(0, 1, 21)


class Summary(NamedTuple):
    """The shape of a series; every part is empty or None when no area has a value.

    `quantiles` are at 0, 5 … 100% (linear between areas, unweighted). `class_breaks` are the
    highest values of every map class but the last. `histogram` counts `N_BINS` equal bins
    from `plot_low` to `plot_high`, with areas beyond an end counted in its bin.
    """

    n_values: int
    quantiles: list[float]
    class_breaks: list[float]
    plot_low: float | None
    plot_high: float | None
    histogram: list[int]


def class_breaks(values: Floats, decimals: int) -> list[float]:
    """Return the upper ends of all map classes but the last, for classes of a fifth each.

    `values` holds no NaN. Values are first rounded to `decimals`, as readers see them, so
    that a class, its legend and a printed value always agree. Where many areas share one value
    there are fewer than five classes rather than two with the same label.
    """
    if not len(values):
        return []
    rounded = np.round(values, decimals)
    breaks = np.unique(
        np.quantile(rounded, np.arange(1, N_CLASSES) / N_CLASSES, method="inverted_cdf")
    )
    return [float(b) for b in breaks if b < rounded.max()]


def classify(values: Floats, breaks: list[float], decimals: int) -> NDArray[np.int8]:
    """Return each value's class, 1 to len(breaks) + 1, or 0 where there is no value."""
    rounded = np.round(values, decimals)
    classes = np.searchsorted(np.asarray(breaks), rounded, side="left") + 1
    return np.where(np.isnan(values), 0, classes).astype(np.int8)


def summarise(values: Floats, decimals: int) -> Summary:
    """Summarise a series given as an array by ordinal, NaN where there is no value.

    The plot runs from the lowest to the highest value unless a few extremes would squeeze the
    rest into less than a third of it; then from the 1st to the 99th percentile.
    """
    present = values[~np.isnan(values)]
    if not len(present):
        return Summary(0, [], [], None, None, [])
    quantiles = np.quantile(present, QUANTILES)
    low, high = float(present.min()), float(present.max())
    p1, p99 = np.quantile(present, [0.01, 0.99])
    if len(present) > 100 and high - low > 3 * (p99 - p1) > 0:
        low, high = float(p1), float(p99)
    if high > low:
        scaled = (present - low) / (high - low) * N_BINS
        bins = np.clip(scaled.astype(np.int64), 0, N_BINS - 1)
    else:
        bins = np.zeros(len(present), dtype=np.int64)
    return Summary(
        n_values=len(present),
        quantiles=quantiles.tolist(),
        class_breaks=class_breaks(present, decimals),
        plot_low=low,
        plot_high=high,
        histogram=np.bincount(bins, minlength=N_BINS).tolist(),
    )
