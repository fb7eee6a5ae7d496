"""What an area hides: the smaller areas inside it, and one indicator for each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from areas.models import Area, AreaType, Edition
from indicators.insight.live import arrays
from indicators.models import Series
from indicators.statistics.classes import classify
from indicators.statistics.rank import Floats

# Of wide areas only wide parts are listed: 42,000 neighbourhoods of the UK are a map of their own.
DEEPEST_OF_WIDE = "authority"
# OFFSET 0 keeps Postgres from guessing that hundreds of areas are inside and reading every link
# there is: index scans of one area each take 1 ms where that took 70. An edition is reached by its
# shortest way only, as in areas.hierarchy: not neighbourhoods of the next council through a ward.
DOWN = """
WITH RECURSIVE wanted AS MATERIALIZED (
    SELECT array_agg(s.id) AS sets
    FROM areas_overlapset s
    JOIN areas_edition e ON e.id = s.from_edition_id
    JOIN areas_areatype t ON t.slug = e.area_type_id
    JOIN areas_edition above ON above.id = s.to_edition_id
    JOIN areas_areatype wider ON wider.slug = above.area_type_id AND wider.rank < t.rank
    JOIN areas_areatype here ON here.slug = %(type)s
    JOIN areas_areatype deepest ON deepest.slug = %(deepest)s
    WHERE s.kind <> 'apportioned' AND (here.rank >= deepest.rank OR t.rank <= deepest.rank)
), down(area_id, set_id, depth) AS (
    SELECT %(area)s::int, 0, 0
  UNION
    SELECT o.from_area_id, o.overlap_set_id, down.depth + 1 FROM down CROSS JOIN LATERAL (
        SELECT o.from_area_id, o.overlap_set_id FROM areas_areaoverlap o
        WHERE o.to_area_id = down.area_id
          AND o.overlap_set_id = ANY((SELECT sets FROM wanted)::int[]) OFFSET 0
    ) o
), nearest AS (
    SELECT DISTINCT area_id, edition_id FROM (
        SELECT down.area_id, s.from_edition_id AS edition_id, depth,
            min(depth) OVER (PARTITION BY s.from_edition_id) AS least
        FROM down JOIN areas_overlapset s ON s.id = down.set_id
    ) every WHERE depth = least
)
SELECT e.*, t.name AS type_name, t.name_plural, t.abbreviation, t.rank,
    array_agg(m.area_id ORDER BY m.ordinal) AS area_ids,
    array_agg(m.ordinal ORDER BY m.ordinal) AS ordinals
FROM nearest CROSS JOIN LATERAL (
    SELECT m.edition_id, m.area_id, m.ordinal FROM areas_member m
    WHERE m.area_id = nearest.area_id AND m.edition_id = nearest.edition_id OFFSET 0
) m
JOIN areas_edition e ON e.id = m.edition_id AND e.area_type_id <> 'country-group'
JOIN areas_areatype t ON t.slug = e.area_type_id
GROUP BY e.id, t.slug ORDER BY t.rank, e.date DESC
"""


@dataclass
class Level:
    """The areas of one edition that lie inside: ids and ordinals, in the same order."""

    edition: Edition
    area_ids: list[int]
    ordinals: NDArray[np.int64]


@dataclass
class Inside:
    """One indicator for the areas of a level. `classes` are 1 to 5, 0 where there is no value."""

    level: Level
    series: Series
    values: Floats
    classes: NDArray[np.int8]
    markers: NDArray[np.int8]
    areas: list[Area]


def levels(area: Area, deepest: str = DEEPEST_OF_WIDE) -> list[Level]:
    """Return the levels inside `area`, the widest first, one edition each. One query.

    Of an area wider than type `deepest`, none narrower than that.
    """
    found = []
    parameters = {"area": area.pk, "type": area.area_type_id, "deepest": deepest}
    for row in Edition.objects.raw(DOWN, parameters):
        extra = vars(row)
        row.area_type = AreaType(
            slug=row.area_type_id,
            name=extra["type_name"],
            **{name: extra[name] for name in ("name_plural", "abbreviation", "rank")},
        )
        found.append(Level(row, extra["area_ids"], np.asarray(extra["ordinals"])))
    return found


def inside(level: Level, series_id: int) -> Inside:
    """Return a series for the areas of `level`. Three queries, two once its array is kept."""
    series = Series.objects.select_related(
        "indicator__scope__area_type",
        "period",
        "edition__area_type",
        "release__dataset",
        "release__licence",
    ).get(pk=series_id)
    packed = arrays([series_id])[series_id]
    values, markers = packed.values[level.ordinals], packed.markers[level.ordinals]
    by_pk = Area.objects.only("code", "name", "known_as").in_bulk(level.area_ids)
    return Inside(
        level=level,
        series=series,
        values=values,
        classes=classify(values, series.class_breaks, series.indicator.decimals),
        markers=markers,
        areas=[by_pk[pk] for pk in level.area_ids],
    )
