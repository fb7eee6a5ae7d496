"""Adding small areas up to larger ones, by the rule of the measure."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indicators.statistics.rank import Floats, Ints

MINIMUM_COVERAGE = 0.9
SUPPRESSED = "c"
NOT_APPLICABLE = "z"
NOT_AVAILABLE = "x"


class CannotAggregate(ValueError):
    """The measure cannot be added up: medians, ranks, standardised rates, averages of rates."""


class RolledUp(NamedTuple):
    """One entry a larger area. `coverage` is the share (0 to 1) of its members with a value.

    `marker` is `x` (not available) where `value` is NaN, otherwise empty.
    """

    value: Floats
    numerator: Floats
    denominator: Floats
    coverage: Floats
    marker: NDArray[np.str_]


def roll_up(
    *,
    rule: str,
    multiplier: float,
    value: Floats,
    numerator: Floats,
    denominator: Floats,
    marker: NDArray[np.str_],
    member: Ints,
    parent: Ints,
    weight: Floats,
    n_parents: int,
) -> RolledUp:
    """Add areas up to `n_parents` larger ones.

    `value`, `numerator`, `denominator`, `marker`: shape (n,), NaN where unknown. `member`,
    `parent`, `weight`: shape (m,), one entry a link: the share `weight` of area `member`
    belongs to `parent`.

    Rules (domain reference 6.5): `sum` adds values; `ratio` is multiplier × Σ numerator /
    Σ denominator; `weighted-mean` is Σ value × denominator / Σ denominator. A member that is
    not applicable (`z`) is left out; one suppressed member makes the whole unknown, since a
    total would disclose it; below 90% of members (by weight of links) the whole is refused.

    Raises CannotAggregate for rule `none`.
    """
    if rule == "sum":
        top, bottom = value, np.zeros_like(value)
    elif rule == "ratio":
        top, bottom = numerator, denominator
    elif rule == "weighted-mean":
        top, bottom = value * denominator, denominator
    else:
        raise CannotAggregate(f"A measure with the rule “{rule}” is published at its own levels.")

    counts = marker[member] != NOT_APPLICABLE
    known = counts & ~np.isnan(top[member]) & ~np.isnan(bottom[member])
    suppressed = marker[member] == SUPPRESSED

    def total(of: Floats, where: NDArray[np.bool_]) -> Floats:
        return np.bincount(
            parent[where], weights=of[member[where]] * weight[where], minlength=n_parents
        )

    ones = np.ones(len(value))
    expected, present = total(ones, counts), total(ones, known)
    sum_top, sum_bottom = total(top, known), total(bottom, known)
    any_suppressed = np.bincount(parent[suppressed], minlength=n_parents) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        coverage = np.where(expected > 0, present / expected, 0.0)
        if rule == "sum":
            result = sum_top.copy()
        else:
            scale = multiplier if rule == "ratio" else 1.0
            result = np.where(sum_bottom > 0, scale * sum_top / sum_bottom, np.nan)
    refused = any_suppressed | (coverage < MINIMUM_COVERAGE)
    nothing = np.full(n_parents, np.nan)
    result[refused] = np.nan
    unknown = np.isnan(result)
    parts = rule != "sum"
    return RolledUp(
        value=result,
        numerator=np.where(unknown, np.nan, sum_top) if parts else nothing,
        denominator=np.where(unknown, np.nan, sum_bottom) if parts else nothing,
        coverage=coverage,
        marker=np.where(unknown, NOT_AVAILABLE, ""),
    )
