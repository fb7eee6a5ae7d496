"""Where each area stands among the areas of its group."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Standings(NamedTuple):
    """One entry an area; all three are 0 where the area has no value or no group."""

    rank: Ints
    tied: Ints
    out_of: Ints


def standings(values: Floats, groups: Ints) -> Standings:
    """Rank `values` from the lowest within each group; ties share a rank (1, 2, 2, 4).

    `values`: shape (n,), NaN where there is none. `groups`: shape (n,), any integer for a
    group, -1 for none. Areas without a value are left out of `out_of`, as the producers of
    official ranks do.
    """
    rank, tied, out_of = (np.zeros(len(values), dtype=np.int64) for _ in range(3))
    index = np.flatnonzero(~np.isnan(values) & (groups >= 0))
    if not len(index):
        return Standings(rank, tied, out_of)
    order = index[np.lexsort((values[index], groups[index]))]
    g, v = groups[order], values[order]
    position = np.arange(len(order))
    new_group = np.r_[True, g[1:] != g[:-1]]
    new_value = new_group | np.r_[True, v[1:] != v[:-1]]
    group_start = position[new_group][np.cumsum(new_group) - 1]
    run = np.cumsum(new_value) - 1
    run_start = position[new_value]
    rank[order] = run_start[run] - group_start + 1
    tied[order] = np.bincount(run)[run]
    out_of[order] = np.bincount(np.cumsum(new_group) - 1)[np.cumsum(new_group) - 1]
    return Standings(rank, tied, out_of)
