"""Summaries of a deprivation index for larger areas, as the Indices of Deprivation publish them.

Source: domain reference 6.5, after what the Indices of 2015, 2019 and 2025 publish for authorities
(File 10). How the publisher breaks ties and rounds residents is not told there, and not known
here. Ranks run from the least deprived here (the highest rank is the most deprived),
because the published averages of ranks do.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indicators.statistics.aggregate import MINIMUM_COVERAGE
from indicators.statistics.rank import Floats, Ints, standings

MOST_DEPRIVED = 0.1  # The share of areas, and of residents, that the summaries look at.
EXTENT_FULL, EXTENT_LAST = 10, 30  # Percentiles: counted whole up to one, not beyond the other.
EXTENT_FIRST_PARTIAL, EXTENT_LAST_PARTIAL = 0.95, 0.05


class Summaries(NamedTuple):
    """One entry a larger area, NaN where unknown.

    `average_score` in the unit of the score; `average_rank` and `local_concentration` in ranks,
    where the highest is the most deprived; `proportion` and `extent` from 0 to 1.
    """

    average_score: Floats
    average_rank: Floats
    proportion: Floats
    extent: Floats
    local_concentration: Floats


def reversed_rank(score: Floats, inside: NDArray[np.bool_] | None = None) -> Floats:
    """Rank areas so that the highest score has the highest rank; NaN where there is no score.

    `score`: shape (n,), higher is more deprived. `inside`: which areas may be compared, all
    unless told; the others get no rank. Equal scores share the lower rank.
    """
    group = np.zeros(len(score), dtype=np.int64)
    if inside is not None:
        group[~inside] = -1
    standing = standings(score, group)
    return np.where(standing.rank > 0, standing.rank.astype(np.float64), np.nan)


def extent_weight(rank: Floats, out_of: int) -> Floats:
    """Return how much of an area's residents count as living in deprivation, from 0 to 1.

    `rank`: shape (n,), the highest of `out_of` the most deprived. All in the most deprived 10%
    of areas; 0.95 in the 11th percentile, less by the same step down to 0.05 in the 30th.
    """
    from_the_top = out_of - rank + 1
    percentile = np.ceil(100 * from_the_top / out_of)
    step = (EXTENT_FIRST_PARTIAL - EXTENT_LAST_PARTIAL) / (EXTENT_LAST - EXTENT_FULL - 1)
    partial = EXTENT_FIRST_PARTIAL - step * (percentile - EXTENT_FULL - 1)
    weight = np.where(percentile <= EXTENT_FULL, 1.0, partial)
    return np.where(percentile > EXTENT_LAST, 0.0, np.where(np.isnan(rank), np.nan, weight))


def summaries(
    *,
    score: Floats,
    rank: Floats,
    population: Floats,
    member: Ints,
    parent: Ints,
    n_parents: int,
) -> Summaries:
    """Summarise a deprivation index of small areas for `n_parents` larger ones.

    `score`, `rank`, `population`: shape (n,), NaN where unknown; the highest rank is the most
    deprived, and ranks run over all areas that may be compared. `member`, `parent`: shape (m,),
    one entry an area of a larger one, each area in one only. A larger area is unknown where less
    than 90% of its areas have figures, and where they have no residents.

    The mean of scores and of ranks is weighted by population. The proportion is of areas, not of
    residents. Local concentration is the mean rank of the most deprived areas that hold exactly
    10% of the residents, the last of them counted in part.
    """
    n_ranked = int(np.count_nonzero(~np.isnan(rank)))
    all_known = ~np.isnan(score) & ~np.isnan(rank) & ~np.isnan(population)
    known = all_known[member]
    expected = np.bincount(parent, minlength=n_parents)
    m, p = member[known], parent[known]
    people = population[m]

    def total(of: Floats) -> Floats:
        return np.bincount(p, weights=of, minlength=n_parents).astype(np.float64)

    residents, present = total(people), np.bincount(p, minlength=n_parents)
    refused = (present < MINIMUM_COVERAGE * expected) | (residents <= 0)

    def divided(top: Floats, bottom: Floats) -> Floats:
        out = np.full(n_parents, np.nan)
        np.divide(top, bottom, out=out, where=~refused)
        return out

    r = rank[m]
    most = np.ceil(100 * (n_ranked - r + 1) / max(n_ranked, 1)) <= 100 * MOST_DEPRIVED
    # From the most deprived of each larger area on: how many residents come before each area.
    order = np.lexsort((-r, p))
    ends = np.cumsum(people[order])
    starts = ends - people[order]
    first = np.r_[0.0, np.cumsum(residents)[:-1]][p[order]]
    quota = MOST_DEPRIVED * residents[p[order]]
    taken = np.zeros(len(m))
    taken[order] = np.clip(quota - (starts - first), 0.0, people[order])
    return Summaries(
        average_score=divided(total(score[m] * people), residents),
        average_rank=divided(total(r * people), residents),
        proportion=divided(total(most.astype(np.float64)), present.astype(np.float64)),
        extent=divided(total(extent_weight(r, n_ranked) * people), residents),
        local_concentration=divided(total(r * taken), MOST_DEPRIVED * residents),
    )
