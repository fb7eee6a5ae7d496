"""How areas fit together: what an area is part of, and what lies inside it."""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

import numpy as np
from django.db import connection
from django.db.models import F, Func, TextField
from django.db.models.expressions import RawSQL
from numpy.typing import NDArray

from areas.models import Area, Edition, Member, OverlapSet

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
BOX = re.compile(r"-?[0-9.]+(?:e-?[0-9]+)?")  # Each number of BOX(west south,east north).

# An area follows every exact and best-fit set upwards, to wider types only: apportioned sets say
# how numbers are shared out, and sets between vintages say what became of an area, not what it
# is part of. Of two areas of one edition the nearer counts: a neighbourhood is in the council
# that it is looked up in, whatever its best-fit ward says.
ANCESTORS = """
WITH RECURSIVE up(area_id, edition_id, depth) AS (
    SELECT %s::int, 0, 0
  UNION
    SELECT o.to_area_id, s.to_edition_id, up.depth + 1 FROM up
    JOIN areas_areaoverlap o ON o.from_area_id = up.area_id
    JOIN areas_overlapset s ON s.id = o.overlap_set_id AND s.kind <> 'apportioned'
    JOIN areas_edition f ON f.id = s.from_edition_id
    JOIN areas_areatype ft ON ft.slug = f.area_type_id
    JOIN areas_edition t ON t.id = s.to_edition_id
    JOIN areas_areatype tt ON tt.slug = t.area_type_id AND tt.rank < ft.rank
), nearest AS (
    SELECT DISTINCT ON (edition_id) area_id FROM up WHERE depth > 0
    ORDER BY edition_id, depth, area_id
)
SELECT area_id FROM nearest
"""


class Links(NamedTuple):
    """Every link of an overlap set as positions: arrays of equal length.

    `member` and `parent` are ordinals in the two editions; `weight` is in (0, 1].
    """

    member: Ints
    parent: Ints
    weight: Floats


class Outline(NamedTuple):
    """Where an area lies: in an edition, at an ordinal, within west, south, east, north degrees."""

    edition: Edition
    ordinal: int
    bounds: tuple[float, float, float, float]


def ancestors(area: Area) -> list[Area]:
    """Return every area that `area` is part of, the widest first. One query."""
    return list(
        Area.objects.filter(pk__in=RawSQL(ANCESTORS, (area.pk,)))  # noqa: S611
        .select_related("area_type")
        .order_by("area_type__rank", "code")
    )


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


def successors(area: Area) -> list[Area]:
    """Return the areas that an ended one became, followed on until they are current. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE onward(area_id) AS (
                SELECT %s::int
              UNION
                SELECT c.to_area_id FROM onward
                JOIN areas_areachange c ON c.from_area_id = onward.area_id
                WHERE c.to_area_id IS NOT NULL AND c.kind <> 'rename'
            )
            SELECT a.id FROM onward JOIN areas_area a ON a.id = onward.area_id
            WHERE a.valid_to IS NULL AND a.id <> %s ORDER BY a.name
            """,
            (area.pk, area.pk),
        )
        ids = [pk for (pk,) in cursor.fetchall()]
    by_pk = Area.objects.select_related("area_type").in_bulk(ids)
    return [by_pk[pk] for pk in ids]
