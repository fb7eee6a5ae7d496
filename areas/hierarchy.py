"""How areas fit together: what an area is part of, and what lies inside it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from django.db import connection
from django.db.models import F, Func, TextField
from django.utils import timezone
from numpy.typing import NDArray

from areas.models import Area, AreaType, Boundary, Edition, Member, OverlapSet

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
BOX = re.compile(r"-?[0-9.]+(?:e-?[0-9]+)?")  # Each number of BOX(west south,east north).

# Of these, an area may be part of several at once: Great Britain, and England and Wales.
MANY_AT_ONCE = frozenset({"country-group"})

# An area follows every exact and best-fit set upwards, to wider types only: apportioned sets say
# how numbers are shared out, and sets between vintages say what became of an area, not what it
# is part of. `newest` is the date of the newest edition that the wider area is in, whichever
# edition the link itself leads to: most codes are in several.
UP = """
WITH RECURSIVE up(from_id, area_id, set_id, rank) AS (
    SELECT 0, %s::int, 0, %s::int
  UNION
    SELECT o.from_area_id, o.to_area_id, o.overlap_set_id, o.rank FROM up CROSS JOIN LATERAL (
        SELECT o.from_area_id, o.to_area_id, o.overlap_set_id, t.rank::int
        FROM areas_areaoverlap o
        JOIN areas_overlapset s ON s.id = o.overlap_set_id AND s.kind <> 'apportioned'
        JOIN areas_area a ON a.id = o.to_area_id
        JOIN areas_areatype t ON t.slug = a.area_type_id
        WHERE o.from_area_id = up.area_id AND t.rank < up.rank OFFSET 0
    ) o
)
SELECT up.from_id, s.kind, s.weight_source, (
        SELECT max(e.date) FROM areas_member m JOIN areas_edition e ON e.id = m.edition_id
        WHERE m.area_id = a.id
    ) AS newest,
    a.id, a.code, a.name, a.name_cy, a.known_as, a.area_type_id, a.valid_from, a.valid_to,
    t.slug, t.name, t.name_plural, t.abbreviation, t.rank
FROM up
JOIN areas_overlapset s ON s.id = up.set_id
JOIN areas_area a ON a.id = up.area_id
JOIN areas_areatype t ON t.slug = a.area_type_id
ORDER BY t.rank DESC, a.code, s.slug
"""
AREA_FIELDS = (
    "id", "code", "name", "name_cy", "known_as", "area_type_id", "valid_from", "valid_to",
)  # fmt: skip
TYPE_FIELDS = ("slug", "name", "name_plural", "abbreviation", "rank")

# OFFSET 0 keeps Postgres from guessing that hundreds of areas are inside and reading every link
# there is: index scans of one area each take 1 ms where that took 70. Sets are looked at after it:
# within, each area would be looked up once for every set that is held. Nor is anything looked up
# below areas that no wanted set leads down from. An edition is reached by its
# shortest way only, as upwards: not neighbourhoods of the next council through a ward.
DOWN = """
WITH RECURSIVE step AS MATERIALIZED (
    SELECT s.id, s.kind, t.slug AS below, wider.slug AS above
    FROM areas_overlapset s
    JOIN areas_edition e ON e.id = s.from_edition_id
    JOIN areas_areatype t ON t.slug = e.area_type_id
    JOIN areas_edition above ON above.id = s.to_edition_id
    JOIN areas_areatype wider ON wider.slug = above.area_type_id AND wider.rank < t.rank
    JOIN areas_areatype here ON here.slug = %(type)s
    JOIN areas_areatype deepest ON deepest.slug = %(deepest)s
    WHERE s.kind <> 'apportioned' AND (here.rank >= deepest.rank OR t.rank <= deepest.rank)
), wanted AS MATERIALIZED (
    SELECT array_agg(id) AS sets,
        array_agg(id) FILTER (WHERE kind = 'exact') AS exact_sets,
        array_agg(id) FILTER (WHERE below IN (SELECT above FROM step)) AS onward
    FROM step
), down(area_id, set_id, depth, exact) AS (
    SELECT %(area)s::int, 0, 0, true
  UNION
    SELECT o.from_area_id, o.overlap_set_id, down.depth + 1,
        down.exact AND o.overlap_set_id = ANY((SELECT exact_sets FROM wanted)::int[])
    FROM down CROSS JOIN LATERAL (
        SELECT o.from_area_id, o.overlap_set_id FROM areas_areaoverlap o
        WHERE o.to_area_id = down.area_id AND o.from_area_id <> down.area_id
          AND (down.depth = 0 OR down.set_id = ANY((SELECT onward FROM wanted)::int[])) OFFSET 0
    ) o
    WHERE o.overlap_set_id = ANY((SELECT sets FROM wanted)::int[])
), nearest AS (
    SELECT area_id, edition_id, bool_or(exact) AS exact, min(set_id) AS set_id FROM (
        SELECT down.area_id, down.set_id, down.exact, s.from_edition_id AS edition_id, depth,
            min(depth) OVER (PARTITION BY s.from_edition_id) AS least
        FROM down JOIN areas_overlapset s ON s.id = down.set_id
    ) every WHERE depth = least GROUP BY area_id, edition_id
), grouped AS (
    SELECT m.edition_id, bool_and(nearest.exact) AS exact,
        array_agg(DISTINCT nearest.set_id) AS set_ids,
        array_agg(m.area_id ORDER BY m.ordinal) AS area_ids,
        array_agg(m.ordinal ORDER BY m.ordinal) AS ordinals
    FROM nearest CROSS JOIN LATERAL (
        SELECT m.edition_id, m.area_id, m.ordinal FROM areas_member m
        WHERE m.area_id = nearest.area_id AND m.edition_id = nearest.edition_id OFFSET 0
    ) m
    GROUP BY m.edition_id
)
SELECT e.*, t.name AS type_name, t.name_plural, t.abbreviation, t.rank, g.exact, g.area_ids,
    g.ordinals, (
        SELECT array_agg(s.weight_source ORDER BY s.slug) FROM areas_overlapset s
        WHERE s.id = ANY(g.set_ids)
    ) AS sources
FROM grouped g
JOIN areas_edition e ON e.id = g.edition_id AND e.area_type_id <> ALL(%(many)s)
JOIN areas_areatype t ON t.slug = e.area_type_id
ORDER BY t.rank, e.date DESC, e.slug
"""
AREAS = """
SELECT a.id, a.code, a.name, a.name_cy, a.known_as, a.area_type_id, a.valid_from, a.valid_to,
    t.slug, t.name, t.name_plural, t.abbreviation, t.rank
FROM areas_area a JOIN areas_areatype t ON t.slug = a.area_type_id WHERE a.id = ANY(%s)
"""
# What each ended area became, followed on until it is current.
BECAME = """
WITH RECURSIVE onward(start_id, area_id) AS (
    SELECT id, id FROM unnest(%s::int[]) AS id
  UNION
    SELECT onward.start_id, c.to_area_id FROM onward
    JOIN areas_areachange c ON c.from_area_id = onward.area_id
    WHERE c.to_area_id IS NOT NULL AND c.kind <> 'rename'
)
SELECT o.start_id, a.id, a.name FROM onward o JOIN areas_area a ON a.id = o.area_id
WHERE (a.valid_to IS NULL OR a.valid_to > current_date) AND a.valid_from <= current_date
    AND a.id <> o.start_id
ORDER BY o.start_id, a.name, a.code
"""
# Of wide areas only wide parts are listed: 42,000 neighbourhoods of the UK are a map of their own.
DEEPEST_OF_WIDE = "authority"


class Links(NamedTuple):
    """Every link of an overlap set as positions: arrays of equal length.

    `member` and `parent` are ordinals in the two editions; `weight` is in (0, 1].
    """

    member: Ints
    parent: Ints
    weight: Floats


class Parent(NamedTuple):
    """A wider area that an area is part of, and how it is known.

    `exact` is False where a best-fit set is on the way; `sources` are where the links came from,
    the nearest first; `direct` where it is one step away.
    """

    area: Area
    exact: bool
    sources: tuple[str, ...]
    direct: bool


@dataclass
class Level:
    """The areas of one edition that lie inside: ids and ordinals, in the same order.

    `exact` is False where any of them is counted inside by a best fit; `sources` are where the
    last step down came from.
    """

    edition: Edition
    area_ids: list[int]
    ordinals: NDArray[np.int64]
    exact: bool = True
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """An area as tables and maps name it: a thousandth of a second for hundreds of them."""

    pk: int
    code: str
    name: str
    known_as: str
    area_type: AreaType

    @property
    def area_type_id(self) -> str:
        """The slug of its type."""
        return self.area_type.slug


class Neighbours(NamedTuple):
    """The areas of `edition` that share a border with one, by name, or the `reason` for none."""

    edition: Edition | None
    areas: list[Area]
    reason: str


class Outline(NamedTuple):
    """Where an area lies: in an edition, at an ordinal, within west, south, east, north degrees."""

    edition: Edition
    ordinal: int
    bounds: tuple[float, float, float, float]


class _Link(NamedTuple):
    """One step up: from an area, to an area, whether it nests, and where that is from."""

    from_id: int
    to_id: int
    exact: bool
    source: str


class _Way(NamedTuple):
    """How an area was reached: in how many steps, by nesting throughout, and from which sources."""

    depth: int
    exact: bool
    sources: tuple[str, ...]


def parents(area: Area) -> list[Parent]:
    """Return every area that `area` is part of, the widest first, and how. One query.

    One parent of each type (of groups of countries, all), chosen from the narrowest type upwards
    among those that the area itself or a parent already chosen has a link to: so all are of one
    time, and a county that ended with its districts does not come back through an old ward. Of
    rivals the newest wins, by the newest edition it is in; then the nearest (a neighbourhood is in
    the council that it is looked up in, whatever its best-fit ward says); then the one reached by
    nesting throughout. An area whose links lead only to its own time stays there. A type that no
    chosen parent leads to is taken from the rivals' links, if that area still lasts.
    """
    with connection.cursor() as cursor:
        cursor.execute(UP, (area.pk, area.area_type.rank))
        rows = cursor.fetchall()
    types: dict[str, AreaType] = {}
    areas: dict[int, Area] = {}
    newest: dict[int, date] = {}
    by_type: dict[str, list[_Link]] = {}
    for from_id, kind, source, day, *rest in rows:
        found = areas.get(rest[0])
        if found is None:
            found = areas[rest[0]] = _area(rest, types)
            newest[found.pk] = day
        link = _Link(from_id, found.pk, kind == "exact", source)
        by_type.setdefault(found.area_type_id, []).append(link)
    today = timezone.localdate()
    chosen: dict[int, _Way] = {area.pk: _Way(0, True, ())}
    every: dict[int, _Way] = dict(chosen)
    # Rows come with the narrowest type first, so all that leads to a type is known before it.
    for slug, up in by_type.items():
        through_chosen = _ways(up, chosen)
        every |= _ways(up, every)
        lasting = {pk: every[pk] for _, pk, *_ in up if not areas[pk].has_ended(today)}
        rivals = sorted(
            (through_chosen or lasting).items(),
            key=lambda rival: (
                -newest[rival[0]].toordinal(),
                rival[1].depth,
                not rival[1].exact,
                areas[rival[0]].code,
            ),
        )
        chosen |= dict(rivals if slug in MANY_AT_ONCE else rivals[:1])
    del chosen[area.pk]
    found_parents = [
        Parent(areas[pk], way.exact, way.sources, way.depth == 1) for pk, way in chosen.items()
    ]
    return sorted(found_parents, key=lambda p: (p.area.area_type.rank, p.area.code))


def _ways(up: list[_Link], known: dict[int, _Way]) -> dict[int, _Way]:
    """Return the shortest way to each area that `up` leads to from a known one, nesting first."""
    ways: dict[int, _Way] = {}
    for link in up:
        if link.from_id not in known:
            continue
        below = known[link.from_id]
        told = tuple(dict.fromkeys((*below.sources, link.source)))
        way = _Way(below.depth + 1, below.exact and link.exact, told)
        rival = ways.get(link.to_id)
        if rival is None or (way.depth, not way.exact) < (rival.depth, not rival.exact):
            ways[link.to_id] = way
    return ways


def ancestors(area: Area) -> list[Area]:
    """Return every area that `area` is part of, the widest first. One query. See `parents`."""
    return [parent.area for parent in parents(area)]


def levels(area: Area, deepest: str = DEEPEST_OF_WIDE) -> list[Level]:
    """Return the levels inside `area`, the widest first, one edition each. One query.

    Editions of one type stand side by side, the newest first. A level is reached by its shortest
    way. Inside an area wider than type `deepest`, nothing smaller than that is listed.
    """
    found = []
    parameters = {
        "area": area.pk,
        "type": area.area_type_id,
        "deepest": deepest,
        "many": list(MANY_AT_ONCE),
    }
    for row in Edition.objects.raw(DOWN, parameters):
        extra = vars(row)
        row.area_type = AreaType(
            slug=row.area_type_id,
            name=extra["type_name"],
            **{name: extra[name] for name in ("name_plural", "abbreviation", "rank")},
        )
        found.append(
            Level(
                row,
                extra["area_ids"],
                np.asarray(extra["ordinals"]),
                extra["exact"],
                tuple(dict.fromkeys(extra["sources"])),
            )
        )
    return found


def areas_of(ids: Collection[int]) -> dict[int, Area]:
    """Return areas, with their types, by id. One query, none for none.

    As `in_bulk` does, in plain SQL: to compose the query afresh would take longer than to ask it.
    """
    found: dict[int, Area] = {}
    if not ids:
        return found
    types: dict[str, AreaType] = {}
    with connection.cursor() as cursor:
        cursor.execute(AREAS, (list(ids),))
        for row in cursor.fetchall():
            found[row[0]] = _area(row, types)
    return found


def _area(row: Sequence[Any], types: dict[str, AreaType]) -> Area:
    """Return the area of a row of AREA_FIELDS and TYPE_FIELDS; `types` holds those made before."""
    n = len(AREA_FIELDS)
    area = Area.from_db(connection.alias, AREA_FIELDS, row[:n])
    if row[n] not in types:
        types[row[n]] = AreaType.from_db(connection.alias, TYPE_FIELDS, row[n:])
    area.area_type = types[row[n]]
    return area


def named(level: Level) -> list[Part]:
    """Return the areas of a level, in its order. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, code, name, known_as FROM areas_area WHERE id = ANY(%s)", (level.area_ids,)
        )
        kind = level.edition.area_type
        found = {row[0]: Part(row[0], row[1], row[2], row[3], kind) for row in cursor.fetchall()}
    return [found[pk] for pk in level.area_ids]


def children(area: Area, edition: Edition) -> list[Area]:
    """Return the areas of `edition` inside `area`, in its order; none where it is not inside.

    Two queries.
    """
    level = next((one for one in levels(area) if one.edition.pk == edition.pk), None)
    if level is None:
        return []
    by_pk = areas_of(level.area_ids)
    return [by_pk[pk] for pk in level.area_ids]


def benchmarks(area: Area, chain: Sequence[Area] | None = None) -> list[tuple[str, Area]]:
    """Return the wider areas that anything in `area` may be compared with, the nearest first.

    Pairs of region, country or widest and the area. `chain` is what `ancestors` returned, where
    that is known already; else one query.
    """
    above = list(chain) if chain is not None else ancestors(area)
    keys = {"region": "region", "country": "country", "uk": "widest"}
    return [
        (keys[a.area_type_id], a)
        for a in reversed(above)
        if a.area_type_id in keys and a.area_type.rank < area.area_type.rank
    ]


def routes_up(edition: Edition) -> dict[Edition, list[OverlapSet]]:
    """Return the shortest chain of overlap sets from `edition` to every wider edition.

    Chains of equal length are settled by the order of slugs, so that the answer is always
    the same. One query.
    """
    onward: dict[int, list[OverlapSet]] = {}
    for step in OverlapSet.objects.select_related(
        "from_edition__area_type", "to_edition__area_type"
    ).order_by("slug"):
        onward.setdefault(step.from_edition_id, []).append(step)
    routes: dict[Edition, list[OverlapSet]] = {edition: []}
    queue = deque([edition])
    while queue:
        here = queue.popleft()
        for step in onward.get(here.pk, []):
            wider = step.to_edition.area_type.rank < step.from_edition.area_type.rank
            if wider and step.to_edition not in routes:
                routes[step.to_edition] = [*routes[here], step]
                queue.append(step.to_edition)
    del routes[edition]
    return routes


def route_onward(edition: Edition) -> list[OverlapSet]:
    """Return the chain of sets from `edition` to the newest later edition of its type.

    The shortest; of sets between the same two editions the exact one, else the apportioned. Empty
    where no set leads to a later edition. One query.
    """
    order = [OverlapSet.Kind.EXACT, OverlapSet.Kind.APPORTIONED, OverlapSet.Kind.BEST_FIT]
    steps = OverlapSet.objects.filter(
        from_edition__area_type=edition.area_type_id,
        to_edition__area_type=edition.area_type_id,
        to_edition__date__gt=F("from_edition__date"),
    ).select_related("from_edition__area_type", "to_edition__area_type")
    routes: dict[Edition, list[OverlapSet]] = {edition: []}
    queue = deque([edition])
    ordered = sorted(steps, key=lambda s: (order.index(OverlapSet.Kind(s.kind)), s.slug))
    while queue:
        here = queue.popleft()
        for step in ordered:
            if step.from_edition == here and step.to_edition not in routes:
                routes[step.to_edition] = [*routes[here], step]
                queue.append(step.to_edition)
    return routes[max(routes, key=lambda e: (e.date, e.slug))]


def links(overlap_set: OverlapSet) -> Links:
    """Return the links of a set as ordinals in its two editions. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT f.ordinal, t.ordinal, o.weight FROM areas_areaoverlap o
            JOIN areas_member f ON f.area_id = o.from_area_id AND f.edition_id = %s
            JOIN areas_member t ON t.area_id = o.to_area_id AND t.edition_id = %s
            WHERE o.overlap_set_id = %s ORDER BY f.ordinal, t.ordinal
            """,
            (overlap_set.from_edition_id, overlap_set.to_edition_id, overlap_set.pk),
        )
        rows = np.array(cursor.fetchall(), dtype=np.float64).reshape(-1, 3)
    return Links(rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), rows[:, 2])


def member_ids(edition: Edition) -> Ints:
    """Return the ids of the areas of `edition`, in the order of their ordinals. One query."""
    ids = Member.objects.filter(edition=edition).order_by("ordinal").values_list("area_id")
    return np.fromiter((pk for (pk,) in ids), dtype=np.int64)


def outline(area: Area) -> Outline | None:
    """Return the newest outline of an area, or None where it has none. One query."""
    member = (
        Member.objects.filter(area=area, edition__boundary__area=area)
        .annotate(
            extent=Func(
                F("edition__boundary__geometry"),
                template="box2d(ST_Transform(ST_Envelope(%(expressions)s), 4326))::text",
                output_field=TextField(),
            )
        )
        .select_related("edition__area_type")
        .order_by("-edition__date")
        .first()
    )
    if member is None:
        return None
    west, south, east, north = map(float, BOX.findall(member.extent))
    return Outline(member.edition, member.ordinal, (west, south, east, north))


def neighbours(area: Area, edition: Edition | None = None) -> Neighbours:
    """Return the areas of an edition that share a border with `area`, in order of name.

    Without `edition`, of the newest that has an outline of the area. What sharing a border means
    is said in areas.importing.borders, which worked it out. Two queries.
    """
    outlines = Boundary.objects.filter(area=area).select_related("edition__area_type")
    if edition is not None:
        outlines = outlines.filter(edition=edition)
    own = outlines.order_by("-edition__date", "edition__slug").defer("geometry").first()
    if own is None:
        where = f"in {edition.name}" if edition else "here"
        return Neighbours(edition, [], f"No outline of {area.name} is held {where}.")
    kind = own.edition.area_type
    found = list(
        Area.objects.filter(borders_back__area=area, borders_back__edition=own.edition)
        .select_related("area_type")
        .order_by("name", "code")
    )
    reason = "" if found else f"No other {kind.name} shares a border with {area.name}."
    return Neighbours(own.edition, found, reason)


def became(area_ids: Iterable[int]) -> dict[int, list[tuple[int, str]]]:
    """Return the id and name of the current areas that each ended one became, by name.

    Only of areas that became something. One query, none for none.
    """
    ids = list(area_ids)
    found: dict[int, list[tuple[int, str]]] = {}
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(BECAME, (ids,))
            for start, pk, name in cursor.fetchall():
                found.setdefault(start, []).append((pk, name))
    return found


def successors_of(area_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return the ids of the current areas that each ended one became, by name. As `became`."""
    return {start: [pk for pk, _ in after] for start, after in became(area_ids).items()}


def successors(area: Area) -> list[Area]:
    """Return the current areas that an ended one became, by name. Two queries."""
    ids = successors_of([area.pk]).get(area.pk, [])
    by_pk = areas_of(ids)
    return [by_pk[pk] for pk in ids]
