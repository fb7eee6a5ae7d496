"""Several domains of deprivation as one score, by the rule that the Indices share.

Source: domain reference 6.10, for the exponential transformation and the weights, which were
verified there against published scores.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from indicators.statistics.rank import Floats

# About 10% of areas score above 50, so that little deprivation in one domain cancels little of
# much in another.
SPREAD = 23.0

# Weights are used as given, in percent: those of England are published to one place, and add up
# to 99.9.
_ENGLAND = {
    "income": 22.5,
    "employment": 22.5,
    "education": 13.5,
    "health": 13.5,
    "crime": 9.3,
    "barriers": 9.3,
    "living-environment": 9.3,
}
WEIGHTS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "imd-2019": _ENGLAND,
        "imd-2025": _ENGLAND,
        "wimd-2019": {
            "income": 22.0,
            "employment": 22.0,
            "health": 15.0,
            "education": 14.0,
            "access": 10.0,
            "housing": 7.0,
            "community-safety": 5.0,
            "physical-environment": 5.0,
        },
    }
)


def exponential(rank: Floats, out_of: int) -> Floats:
    """Turn ranks of a domain into scores from 0 (least deprived) to 100 (most).

    `rank`: shape (n,), 1 the most deprived of `out_of`, NaN where unknown. With
    R = 1 − (rank − 1) / out_of, the score is −23 ln(1 − R (1 − e^(−100/23))).

    Raises ValueError for a rank that is not from 1 to `out_of`.
    """
    if np.any((rank < 1) | (rank > out_of)):
        raise ValueError(f"A rank is not between 1 and {out_of:,}: check the ranks of the domain.")
    share = 1 - (rank - 1) / out_of
    return np.asarray(-SPREAD * np.log1p(-share * -np.expm1(-100 / SPREAD)), dtype=np.float64)


def composite(ranks: Mapping[str, Floats], weights: Mapping[str, float], out_of: int) -> Floats:
    """Return the weighted sum of the domains' exponential scores, shape (n,).

    `ranks`: shape (n,) for each domain, 1 the most deprived of `out_of`. `weights`: percent,
    used as given and never made to add up to 100. An area without one of the domains has no
    composite: NaN.

    Raises ValueError when the domains are not those of the weights.
    """
    if not weights or set(ranks) != set(weights):
        lacking = ", ".join(sorted(set(weights) - set(ranks))) or "none"
        beyond = ", ".join(sorted(set(ranks) - set(weights))) or "none"
        raise ValueError(
            f"The domains are not those of the weights (lacking: {lacking}; without a weight: "
            f"{beyond}): give each domain one weight."
        )
    parts = [weights[d] / 100 * exponential(ranks[d], out_of) for d in sorted(weights)]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)
