"""Adding small areas up to larger ones, by the rule of the measure."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indicators.statistics.rank import Floats, Ints

MINIMUM_COVERAGE = 0.9
SUPPRESSED = "c"
NOT_APPLICABLE = "z"


class CannotAggregate(ValueError):
    """The measure cannot be added up: medians, ranks, standardised rates, averages of rates."""


class RolledUp(NamedTuple):
    """One entry a larger area; NaN where the whole is unknown.

    `expected` counts the finest areas that belong to it and `present` those whose figures are
    in `value`, so that coverage holds through several steps. `suppressed` where a member is, so
    that the next step knows it too.
    """

    value: Floats
    numerator: Floats
    denominator: Floats
    expected: Floats
    present: Floats
    suppressed: NDArray[np.bool_]

    @property
    def coverage(self) -> Floats:
        """The share (0 to 1) of the finest areas that are in the figure; 0 where there are none."""
        return np.divide(
            self.present, self.expected, out=np.zeros_like(self.present), where=self.expected > 0
        )


def roll_up(
    *,
    rule: str,
    multiplier: float,
    value: Floats,
    numerator: Floats,
    denominator: Floats,
    marker: NDArray[np.str_],
    expected: Floats,
    present: Floats,
    member: Ints,
    parent: Ints,
    weight: Floats,
    n_parents: int,
) -> RolledUp:
    """Add areas up to `n_parents` larger ones.

    `value`, `numerator`, `denominator`, `marker`: shape (n,), NaN where unknown. `expected`
    and `present`: shape (n,), as in RolledUp; 1 and 1 for a published figure. `member`,
    `parent`, `weight`: shape (m,), one entry a link: the share `weight` of area `member`
    belongs to `parent`.

    Rules (domain reference 6.5): `sum` adds values; `ratio` is multiplier × Σ numerator /
    Σ denominator; `weighted-mean` is Σ value × denominator / Σ denominator. A member that is
    not applicable (`z`) is left out; one suppressed member makes the whole unknown, since a
    total would disclose it; below 90% of the finest areas the whole is refused, and a sum as
    soon as any is missing.

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
        weights = of[member[where]] * weight[where]
        return np.bincount(parent[where], weights=weights, minlength=n_parents).astype(np.float64)

    whole_expected, whole_present = total(expected, counts), total(present, known)
    sum_top, sum_bottom = total(top, known), total(bottom, known)
    any_suppressed = np.bincount(parent[suppressed], minlength=n_parents) > 0
    if rule == "sum":
        result = sum_top.copy()
    else:
        scale = multiplier if rule == "ratio" else 1.0
        result = np.full(n_parents, np.nan)
        np.divide(scale * sum_top, sum_bottom, out=result, where=sum_bottom > 0)
    nothing = np.full(n_parents, np.nan)
    whole = RolledUp(
        value=result,
        numerator=nothing if rule == "sum" else sum_top,
        denominator=nothing if rule == "sum" else sum_bottom,
        expected=whole_expected,
        present=whole_present,
        suppressed=any_suppressed,
    )
    refused = any_suppressed | (whole.coverage < MINIMUM_COVERAGE) | np.isnan(result)
    if rule == "sum":
        # A total of some is not the total: what is missing is not nought.
        refused |= whole_present < whole_expected
    for column in (whole.value, whole.numerator, whole.denominator):
        column[refused] = np.nan
    return whole
