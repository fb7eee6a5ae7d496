"""Everything that lies inside some areas at chosen levels, however many there are."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from django.db import connection
from django.db.models import F
from numpy.typing import NDArray

from areas.models import Edition, OverlapSet

Ints = NDArray[np.int64]
# OFFSET 0 keeps Postgres on one index scan an area, as in what lies inside a profile's place.
BELOW = """
SELECT l.overlap_set_id, l.from_area_id FROM unnest(%s::int[]) up (area_id)
CROSS JOIN LATERAL (
    SELECT o.overlap_set_id, o.from_area_id FROM areas_areaoverlap o
    WHERE o.to_area_id = up.area_id AND o.overlap_set_id = ANY(%s::int[]) OFFSET 0
) l
"""


class Step(NamedTuple):
    """An overlap set as a way down."""

    pk: int
    below: int
    above: int


def ids_within(
    parents: Collection[int], *, types: Collection[str] = (), editions: Collection[str] = ()
) -> set[int]:
    """Return ids of the areas inside any of `parents`, of these types and editions.

    Without either, of every level. Each edition is reached by the shortest way that leads to it
    from a parent, following exact and best-fit sets to narrower types only. A query a step down
    and parent, and two.
    """
    ways = [
        Step(*row)
        for row in OverlapSet.objects.exclude(kind=OverlapSet.Kind.APPORTIONED)
        .filter(from_edition__area_type__rank__gt=F("to_edition__area_type__rank"))
        .values_list("pk", "from_edition_id", "to_edition_id")
    ]
    levels = Edition.objects.all()
    if types:
        levels = levels.filter(area_type__in=types)
    if editions:
        levels = levels.filter(slug__in=editions)
    wanted = set(levels.values_list("pk", flat=True))
    found: set[int] = set()
    for parent in parents:
        found |= _within(parent, ways, wanted)
    return found


def _within(parent: int, ways: list[Step], wanted: set[int]) -> set[int]:
    """Return ids of areas of the `wanted` editions inside one parent."""
    found: set[int] = set()
    lacking = set(wanted)
    # Which editions a parent is in is not asked: its links say so.
    here: Ints = np.array([parent], dtype=np.int64)
    above: set[int] | None = None
    reached: set[int] = set()
    while here.size and lacking:
        open_ways = [
            w for w in ways if w.below not in reached and (above is None or w.above in above)
        ]
        direct = {w.below for w in open_ways} & lacking
        rest = lacking - direct
        useful = [w for w in open_ways if w.below in lacking or leads_to(w.below, rest, ways)]
        got = _below(here, useful)
        if direct - got.keys():
            # What seemed a step away was not, for this place: go round.
            others = [w for w in open_ways if w not in useful]
            got |= _below(here, [w for w in others if leads_to(w.below, direct - got.keys(), ways)])
        reached |= got.keys()
        for edition, ids in got.items():
            if edition in lacking:
                found.update(ids.tolist())
        lacking -= got.keys()
        above = set(got)
        here = np.unique(np.concatenate([*got.values(), np.empty(0, dtype=np.int64)]))
    return found


def leads_to(edition: int, wanted: Collection[int], ways: list[Step]) -> bool:
    """Return whether any of `wanted` can be reached downwards from `edition`."""
    below = {edition}
    while True:
        more = {w.below for w in ways if w.above in below} - below
        if more & set(wanted):
            return True
        if not more:
            return False
        below |= more


def _below(here: Ints, ways: list[Step]) -> dict[int, Ints]:
    """Return the areas directly below `here` by edition. One query, none without a way."""
    if not ways:
        return {}
    edition_of = {w.pk: w.below for w in ways}
    with connection.cursor() as cursor:
        cursor.execute(BELOW, (here.tolist(), list(edition_of)))
        rows = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, 2)
    found: dict[int, Ints] = {}
    for pk in np.unique(rows[:, 0]).tolist():
        ids = rows[rows[:, 0] == pk, 1]
        edition = edition_of[pk]
        found[edition] = np.unique(np.concatenate([found.get(edition, ids), ids]))
    return found
