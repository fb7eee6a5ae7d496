"""What an area hides: the smaller areas inside it, and one indicator for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from areas.models import Area, Edition
from indicators.insight.live import arrays, at_time
from indicators.models import PackedArray, Series
from indicators.statistics.classes import classify
from indicators.statistics.rank import Floats

# Of wide areas only wide parts are listed: 42,000 neighbourhoods of the UK are a map of their own.
DEEPEST_OF_WIDE = "authority"
DOWN = """
WITH RECURSIVE limits AS (
    SELECT t.rank AS here, a.rank AS authority FROM areas_areatype t, areas_areatype a
    WHERE t.slug = %(type)s AND a.slug = %(deepest)s
), down(area_id) AS (
    SELECT %(area)s::int
  UNION
    SELECT o.from_area_id FROM down
    JOIN areas_areaoverlap o ON o.to_area_id = down.area_id
    JOIN areas_overlapset s ON s.id = o.overlap_set_id AND s.kind <> 'apportioned'
    JOIN areas_edition e ON e.id = s.from_edition_id
    JOIN areas_areatype t ON t.slug = e.area_type_id
    CROSS JOIN limits
    WHERE limits.here >= limits.authority OR t.rank <= limits.authority
)
SELECT m.edition_id, array_agg(m.area_id ORDER BY m.ordinal),
    array_agg(m.ordinal ORDER BY m.ordinal)
FROM down JOIN areas_member m ON m.area_id = down.area_id
WHERE down.area_id <> %(area)s
GROUP BY m.edition_id
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


def levels(area: Area) -> list[Level]:
    """Return the levels inside `area`, the widest first, one edition each. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(
            DOWN, {"area": area.pk, "type": area.area_type_id, "deepest": DEEPEST_OF_WIDE}
        )
        found = {edition: (ids, ordinals) for edition, ids, ordinals in cursor.fetchall()}
    editions = Edition.objects.filter(pk__in=found).select_related("area_type")
    return [
        Level(e, found[e.pk][0], np.asarray(found[e.pk][1], dtype=np.int64))
        for e in sorted(editions, key=lambda e: (e.area_type.rank, e.date))
        if e.area_type_id != "country-group"
    ]


def available(editions: list[int], at: datetime | None = None) -> dict[int, dict[int, int]]:
    """Return, by indicator and edition, the live series of the latest period. One query."""
    found: dict[int, dict[int, int]] = {}
    rows = (
        at_time(at)
        .filter(edition__in=editions, breakdown="")
        .order_by("period__end", "period__start", "series_id")
        .values_list("indicator_id", "edition_id", "series_id")
    )
    for indicator, edition, series in rows:
        found.setdefault(indicator, {})[edition] = series
    return found


def inside(level: Level, series_id: int) -> Inside:
    """Return a series for the areas of `level`. At most four queries."""
    series = Series.objects.select_related(
        "indicator__scope", "period", "edition__area_type", "release__dataset", "release__licence"
    ).get(pk=series_id)
    values = arrays([series_id])[series_id][level.ordinals]
    packed = PackedArray.objects.values_list("markers", flat=True).get(pk=series_id)
    markers = np.frombuffer(packed, dtype=np.int8)[level.ordinals]
    by_pk = Area.objects.in_bulk(level.area_ids)
    return Inside(
        level=level,
        series=series,
        values=values,
        classes=classify(values, series.class_breaks, series.indicator.decimals),
        markers=markers,
        areas=[by_pk[pk] for pk in level.area_ids],
    )
