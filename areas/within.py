"""Everything that lies inside some areas at chosen levels, however many there are."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from django.db import connection
from django.db.models import F, QuerySet
from numpy.typing import NDArray

from areas.hierarchy import MANY_AT_ONCE, Level
from areas.models import Area, Edition, Member, OverlapSet

Ints = NDArray[np.int64]
# OFFSET 0 keeps Postgres on one index scan an area, as in what lies inside a profile's place.
BELOW = """
SELECT l.overlap_set_id, l.from_area_id FROM unnest(%s::int[]) up (area_id)
CROSS JOIN LATERAL (
    SELECT o.overlap_set_id, o.from_area_id FROM areas_areaoverlap o
    WHERE o.to_area_id = up.area_id AND o.overlap_set_id = ANY(%s::int[])
      AND o.from_area_id <> up.area_id OFFSET 0
) l
"""


class Step(NamedTuple):
    """An overlap set as a way down, between editions by id; `exact` where its areas nest."""

    pk: int
    below: int
    above: int
    exact: bool


class Reached(NamedTuple):
    """The areas of one edition inside a parent, by id, and the sets of the last step down to them.

    `exact` is False where a best-fit set is on the way; `direct` where it is one step down.
    """

    ids: Ints
    exact: bool
    direct: bool
    sets: tuple[int, ...]


class Within(NamedTuple):
    """One edition inside an area: how much of it, and how that is known.

    `sets` are slugs and `sources` where the weights of the last step down came from.
    """

    edition: Edition
    ids: Ints
    exact: bool
    direct: bool
    sets: tuple[str, ...]
    sources: tuple[str, ...]


def ids_within(
    parents: Collection[int], *, types: Collection[str] = (), editions: Collection[str] = ()
) -> set[int]:
    """Return ids of the areas inside any of `parents`, of these types and editions.

    Without either, of every level. Each edition is reached by the shortest way that leads to it
    from a parent, following exact and best-fit sets to narrower types only. A query a step down
    and parent, and two.
    """
    ways = [step(one) for one in sets_down()]
    levels = Edition.objects.all()
    if types:
        levels = levels.filter(area_type__in=types)
    if editions:
        levels = levels.filter(slug__in=editions)
    wanted = set(levels.values_list("pk", flat=True))
    found: set[int] = set()
    for parent in parents:
        for reached in _within(parent, ways, wanted).values():
            found.update(reached.ids.tolist())
    return found


def editions_within(area: Area) -> list[Within]:
    """Return every edition that has areas inside `area`, the widest first, as `ids_within` does.

    Of groups of countries none: those are not parts of the United Kingdom. A query a step down,
    and one.
    """
    sets = {
        one.pk: one
        for one in sets_down()
        .filter(from_edition__area_type__rank__gt=area.area_type.rank)
        .exclude(from_edition__area_type__in=MANY_AT_ONCE)
        .select_related("from_edition__area_type")
    }
    editions = {one.from_edition_id: one.from_edition for one in sets.values()}
    reached = _within(area.pk, [step(one) for one in sets.values()], set(editions))
    found = []
    for pk, one in reached.items():
        last = sorted((sets[s] for s in one.sets), key=lambda s: s.slug)
        slugs = tuple(s.slug for s in last)
        sources = tuple(dict.fromkeys(s.weight_source for s in last))
        found.append(Within(editions[pk], one.ids, one.exact, one.direct, slugs, sources))
    return sorted(
        found,
        key=lambda i: (i.edition.area_type.rank, -i.edition.date.toordinal(), i.edition.slug),
    )


def as_level(one: Within) -> Level:
    """Return an edition inside an area with the ordinals of what is inside. One query."""
    rows = list(
        Member.objects.filter(edition=one.edition, area__in=one.ids.tolist())
        .order_by("ordinal")
        .values_list("area_id", "ordinal")
    )
    return Level(
        one.edition,
        [pk for pk, _ in rows],
        np.array([ordinal for _, ordinal in rows], dtype=np.int64),
        one.exact,
        one.sources,
    )


def sets_down() -> QuerySet[OverlapSet]:
    """Return the exact and best-fit sets that lead to a narrower type."""
    return OverlapSet.objects.exclude(kind=OverlapSet.Kind.APPORTIONED).filter(
        from_edition__area_type__rank__gt=F("to_edition__area_type__rank")
    )


def step(one: OverlapSet) -> Step:
    """Return a set as a way down."""
    exact = one.kind == OverlapSet.Kind.EXACT
    return Step(one.pk, one.from_edition_id, one.to_edition_id, exact)


def _within(parent: int, ways: list[Step], wanted: set[int]) -> dict[int, Reached]:
    """Return the areas of each of the `wanted` editions inside one parent, where there are any."""
    found: dict[int, Reached] = {}
    lacking = set(wanted)
    # Which editions a parent is in is not asked: its links say so.
    here: Ints = np.array([parent], dtype=np.int64)
    above: dict[int, Reached] | None = None
    reached: set[int] = set()
    while here.size and lacking:
        open_ways = [
            w for w in ways if w.below not in reached and (above is None or w.above in above)
        ]
        direct = {w.below for w in open_ways} & lacking
        rest = lacking - direct
        useful = [w for w in open_ways if w.below in lacking or leads_to(w.below, rest, ways)]
        got = _below(here, useful, above)
        if direct - got.keys():
            # What seemed a step away was not, for this place: go round.
            others = [w for w in open_ways if w not in useful]
            round_ = [w for w in others if leads_to(w.below, direct - got.keys(), ways)]
            got |= _below(here, round_, above)
        reached |= got.keys()
        found |= {edition: one for edition, one in got.items() if edition in lacking}
        lacking -= got.keys()
        above = got
        here = np.unique(
            np.concatenate([*(one.ids for one in got.values()), np.empty(0, dtype=np.int64)])
        )
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


def _below(here: Ints, ways: list[Step], above: dict[int, Reached] | None) -> dict[int, Reached]:
    """Return the areas directly below `here` by edition. One query, none without a way.

    `above` are the editions that `here` is of, or None where it is the parent itself.
    """
    if not ways:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(BELOW, (here.tolist(), [w.pk for w in ways]))
        rows = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, 2)
    found: dict[int, Reached] = {}
    for edition in {w.below for w in ways}:
        taken = [w for w in ways if w.below == edition and np.any(rows[:, 0] == w.pk)]
        if not taken:
            continue
        nesting = [w.pk for w in taken if w.exact and (above is None or above[w.above].exact)]
        ids = np.unique(rows[np.isin(rows[:, 0], [w.pk for w in taken]), 1])
        sure = np.unique(rows[np.isin(rows[:, 0], nesting), 1])
        found[edition] = Reached(
            ids, sure.size == ids.size, above is None, tuple(w.pk for w in taken)
        )
    return found
