"""What is public: the light list of live series that every read starts from, and their arrays."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
from django.db import connection
from django.db.models import F, QuerySet
from numpy.typing import NDArray

from indicators.models import DataVersion, LiveSeries, PackedArray
from indicators.statistics.rank import Floats


class Live(NamedTuple):
    """A live series, as little of it as choosing needs."""

    series_id: int
    indicator_id: int
    edition_id: int
    kind: str
    start: date
    end: date
    period: str


class Reading(NamedTuple):
    """A row of a series: a value, or a marker that says why there is none.

    `coverage` is the share (0 to 1) of its parts that the value was added up from.
    """

    value: float | None
    lower: float | None
    upper: float | None
    numerator: float | None
    denominator: float | None
    marker: int
    coverage: float


class Packed(NamedTuple):
    """A series by ordinal: NaN where there is no value, and each area's marker position."""

    values: Floats
    markers: NDArray[np.int8]


def data_version() -> int:
    """Return the number that moves whenever anything goes live. One query."""
    return DataVersion.objects.values_list("version", flat=True).get(pk=1)


def at_time(at: datetime | None) -> QuerySet[LiveSeries]:
    """Return what was live at `at`, or is live now."""
    if at is None:
        return LiveSeries.objects.filter(live__endswith__isnull=True)
    return LiveSeries.objects.filter(live__contains=at)


def live_series(
    editions: Collection[int], at: datetime | None = None, breakdown: str = ""
) -> list[Live]:
    """Return the live series of these editions, the latest period of each last. One query."""
    rows = (
        at_time(at)
        .filter(edition__in=editions, breakdown=breakdown)
        .order_by(F("period__end"), F("period__start"), F("series_id"))
        .values_list(
            "series_id",
            "indicator_id",
            "edition_id",
            "period__kind",
            "period__start",
            "period__end",
            "period__label",
        )
    )
    return [Live(*row) for row in rows]


def readings(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Reading]:
    """Return the rows of (series id, area id) pairs that have one. One query.

    Pairs, and not two lists, because Postgres then plans one index scan a pair, whatever the
    number of partitions (docs/decisions.md).
    """
    wanted = list(pairs)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT o.series_id, o.area_id, o.value, o.lower, o.upper, o.numerator, "
            "o.denominator, coalesce(o.marker, 0), coalesce(c.share, 1) "
            "FROM unnest(%s::int[], %s::int[]) AS w (series_id, area_id) "
            "JOIN indicators_observation o USING (series_id, area_id) "
            "LEFT JOIN indicators_coverage c USING (series_id, area_id)",
            ([s for s, _ in wanted], [a for _, a in wanted]),
        )
        return {(row[0], row[1]): Reading(*row[2:]) for row in cursor.fetchall()}


_kept: dict[int, Packed] = {}
_MOST_KEPT = 512


def arrays(series_ids: Collection[int]) -> dict[int, Packed]:
    """Return series as packed arrays by ordinal.

    Arrays never change, so each process keeps the last few hundred; one query brings the rest.
    """
    lacking = [pk for pk in series_ids if pk not in _kept]
    if lacking:
        for row in PackedArray.objects.filter(series__in=lacking):
            values = np.frombuffer(row.values, dtype="<f8")
            _kept[row.pk] = Packed(values, np.frombuffer(row.markers, dtype=np.int8))
    found = {pk: _kept[pk] for pk in series_ids}
    while len(_kept) > _MOST_KEPT:
        _kept.pop(next(iter(_kept)))
    return found
