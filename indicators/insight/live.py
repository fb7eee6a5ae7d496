"""What is public: the light list of live series that every read starts from, and their arrays."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from itertools import product
from typing import NamedTuple

import numpy as np
from django.db import connection
from django.db.models import F, Prefetch, QuerySet, prefetch_related_objects
from django.utils.timezone import localtime
from numpy.typing import NDArray
from psycopg import sql

from indicators.insight.kept import Kept
from indicators.models import (
    Bucket,
    Indicator,
    LiveSeries,
    PackedArray,
    Release,
    Series,
    SeriesInput,
)
from indicators.statistics.rank import Floats

# Releases that a sentence names.
MOST_NAMED = 3


class Live(NamedTuple):
    """A live series, as little of it as choosing needs."""

    series_id: int
    indicator_id: int
    edition_id: int
    kind: str
    start: date
    end: date
    period: str


# What makes two periods the same: both ends and the kind.
PeriodKey = tuple[date, date, str]


def key_of(one: Live) -> PeriodKey:
    """Return the period of a series, to be compared with others."""
    return one.start, one.end, one.kind


def make_one_trend(one: PeriodKey, other: PeriodKey) -> bool:
    """Return whether two periods are of one kind and length, and so stand in one line."""
    months = [round((end - start).days / 30.44) for start, end, _ in (one, other)]
    return one[2] == other[2] and months[0] == months[1]


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


class InArchive(LookupError):
    """Figures are asked for as they once stood, and were archived; the message says which."""


def here(series_ids: Collection[int]) -> None:
    """Raise InArchive where figures of any of these series lie in an archive. One query.

    Whoever reads the past asks this last: what was archived meanwhile is then told too, and never
    passes for figures that there were none of. What is live now is never archived.
    """
    of = Series.objects.filter(pk__in=series_ids, release__archived_at__isnull=False)
    releases = Release.objects.filter(pk__in=of.values("release")).order_by("pk")
    if found := list(releases[: MOST_NAMED + 1]):
        named = [
            f"“{one.name}” ({one.slug}, archived on {localtime(one.archived_at):%-d %B %Y})"
            for one in found[:MOST_NAMED]
        ]
        more = " and others" if len(found) > MOST_NAMED else ""
        raise InArchive(
            f"These figures were public, but have been moved to an archive: {', '.join(named)}"
            f"{more}. Ask whoever runs this site to restore them, naming what stands in brackets; "
            "what is public now can be read as ever."
        )


def data_version() -> int:
    """Return the number that moves with figures, geography and what describes them. One query."""
    return version_and_time()[0]


def version_and_time() -> tuple[int, datetime]:
    """Return the data version, and when figures last moved. One query.

    Each of the numbers that it adds only ever grows, so their sum never comes again.
    """
    # Asked by every page and reply: composing it afresh would take twice as long as asking it.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.version + g.version + c.version, d.moved_at FROM indicators_dataversion d, "
            "areas_geographyversion g, indicators_catalogueversion c"
        )
        version, moved_at = cursor.fetchone()
    return version, moved_at


def at_time(at: datetime | None) -> QuerySet[LiveSeries]:
    """Return what was live at `at`, or is live now."""
    if at is None:
        return LiveSeries.objects.filter(live__endswith__isnull=True)
    return LiveSeries.objects.filter(live__contains=at)


OF_LIVE = (
    "series_id",
    "indicator_id",
    "edition_id",
    "period__kind",
    "period__start",
    "period__end",
    "period__label",
)


def live_series(
    editions: Collection[int],
    at: datetime | None = None,
    indicators: Collection[int] | None = None,
) -> list[Live]:
    """Return the live series of these editions, the latest period of each last. One query.

    Of every indicator, unless the ids of some are given. Breakdowns are left out.
    """
    rows = at_time(at).filter(edition__in=editions, breakdown="")
    if indicators is not None:
        rows = rows.filter(indicator__in=indicators)
    rows = rows.order_by(F("period__end"), F("period__start"), F("series_id"))
    return [Live(*row) for row in rows.values_list(*OF_LIVE)]


_lives: Kept[tuple[int, int], list[Live]] = Kept(20_000)


def kept_live_series(
    editions: Collection[int], indicators: Collection[int], version: int | None
) -> list[Live]:
    """Return what `live_series` says now, in the same order. One query if any of it is not kept."""

    def read(lacking: list[tuple[int, int]]) -> dict[tuple[int, int], list[Live]]:
        found: dict[tuple[int, int], list[Live]] = {key: [] for key in lacking}
        of_editions, of_indicators = {e for e, _ in lacking}, {i for _, i in lacking}
        for one in live_series(of_editions, indicators=of_indicators):
            if (key := (one.edition_id, one.indicator_id)) in found:
                found[key].append(one)
        return found

    found = _lives.get(version, product(editions, indicators), read)
    return sorted(
        (one for some in found.values() for one in some),
        key=lambda one: (one.end, one.start, one.series_id),
    )


_latest: Kept[int, list[Live]] = Kept(100)


def latest_series(
    editions: Collection[int], at: datetime | None = None, version: int | None = None
) -> list[Live]:
    """Return the latest live series of each indicator in each of these editions.

    One query, or none where what is live now (`at` None) is kept under `version`.
    """

    def read(lacking: list[int]) -> dict[int, list[Live]]:
        found: dict[int, list[Live]] = {edition: [] for edition in lacking}
        for one in _latest_series(lacking, at):
            found[one.edition_id].append(one)
        return found

    found = _latest.get(version if at is None else None, editions, read)
    return [one for edition in editions for one in found[edition]]


def _latest_series(editions: Collection[int], at: datetime | None) -> list[Live]:
    rows = (
        at_time(at)
        .filter(edition__in=editions, breakdown="")
        .order_by("edition_id", "indicator_id", "-period__end", "-period__start", "-series_id")
        .distinct("edition_id", "indicator_id")
        .values_list(*OF_LIVE)
    )
    return [Live(*row) for row in rows]


_series: Kept[int, Series] = Kept(2_000)


def described(ids: Collection[int], version: int | None = None) -> dict[int, Series]:
    """Return series with their indicator, period, edition, release, dataset and licence.

    One query if any of them is not kept, and one more for what those were moved from that were
    moved from an earlier edition.
    """

    def read(lacking: list[int]) -> dict[int, Series]:
        found = Series.objects.filter(pk__in=lacking).select_related(
            "indicator__theme",
            "indicator__scope__area_type",
            "period",
            "edition__area_type",
            "release__dataset",
            "release__licence",
        )
        moved = [series for series in found if series.origin == Series.Origin.CONVERTED]
        inputs = SeriesInput.objects.select_related("input__edition", "overlap_set")
        prefetch_related_objects(moved, Prefetch("inputs", inputs))
        return {series.pk: series for series in found}

    return _series.get(version, ids, read) if ids else {}


_indicators: Kept[int, Indicator] = Kept(2_000)


def indicators_of(ids: Collection[int], version: int | None = None) -> dict[int, Indicator]:
    """Return indicators with their theme and scope. One query if any of them is not kept."""

    def read(lacking: list[int]) -> dict[int, Indicator]:
        found = Indicator.objects.filter(pk__in=lacking)
        return {i.pk: i for i in found.select_related("theme", "scope__area_type")}

    return _indicators.get(version, ids, read) if ids else {}


def live_series_of(edition: int) -> QuerySet[LiveSeries]:
    """Return what is live of one edition, breakdowns left out."""
    return at_time(None).filter(edition=edition, breakdown="")


def latest(edition: int, indicator: str) -> int | None:
    """Return the live series of the latest period, as `live_series` would order it. One query."""
    return (
        at_time(None)
        .filter(edition=edition, indicator__slug=indicator, breakdown="")
        .order_by("-period__end", "-period__start", "-series_id")
        .values_list("series_id", flat=True)
        .first()
    )


def by_bucket(columns: str, table: str, pairs: Iterable[tuple[int, int]]) -> sql.Composed:
    """Return the query that reads `columns` of `table` for (series id, area id) pairs.

    One branch for each partition that holds some of the series, with the ids as literals: the
    one form whose planning does not grow with the store (docs/decisions.md). It may also bring
    rows of other pairs among the same series and areas.
    """
    wanted: dict[int, tuple[set[int], set[int]]] = {}
    for series, area in pairs:
        some_series, some_areas = wanted.setdefault(series // Bucket.BLOCK, (set(), set()))
        some_series.add(series)
        some_areas.add(area)
    branch = f"SELECT {columns} FROM {table} WHERE area_id = ANY({{}}) AND series_id = ANY({{}})"  # noqa: S608
    return sql.SQL(" UNION ALL ").join(
        sql.SQL(branch).format(literal_ids(areas), literal_ids(series))
        for _, (series, areas) in sorted(wanted.items())
    )


def literal_ids(ids: Iterable[int]) -> sql.Composable:
    """Return ids as one array literal. Raises TypeError or ValueError for what is no number."""
    # A page asks for a thousand, and wrapping each on its own would take longer than reading them.
    digits = ",".join([str(int(pk)) for pk in sorted(ids)])
    return sql.SQL(f"'{{{digits}}}'::int[]")


def readings(pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], Reading]:
    """Return the rows of (series id, area id) pairs that have one. One query."""
    if not pairs:
        return {}
    rows = by_bucket(
        "series_id, area_id, value, lower, upper, numerator, denominator, marker",
        "indicators_observation",
        pairs,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT o.series_id, o.area_id, o.value, o.lower, o.upper, o.numerator, "
                "o.denominator, coalesce(o.marker, 0), coalesce(c.share, 1) FROM ({}) o "
                "LEFT JOIN indicators_coverage c USING (series_id, area_id)"
            ).format(rows)
        )
        return {(row[0], row[1]): Reading(*row[2:]) for row in cursor.fetchall()}


def standings(
    pairs: Collection[tuple[int, int]], groups: Collection[int] | None = None
) -> dict[tuple[int, int], list[tuple[int, int, int, int]]]:
    """Return (group area id, rank, tied, out of) for (series id, area id) pairs. One query.

    Among every group there is, or those alone whose ids are given.
    """
    found: dict[tuple[int, int], list[tuple[int, int, int, int]]] = {}
    if not pairs:
        return found
    columns = "series_id, area_id, group_area_id, rank, tied, out_of"
    with connection.cursor() as cursor:
        rows = by_bucket(columns, "indicators_standing", pairs)
        if groups is not None:
            rows = sql.SQL("SELECT * FROM ({}) r WHERE group_area_id = ANY({})").format(
                rows, literal_ids(groups)
            )
        cursor.execute(rows)
        for series, area, group, rank, tied, out_of in cursor.fetchall():
            found.setdefault((series, area), []).append((group, rank, tied, out_of))
    return found


_kept: dict[int, Packed] = {}
_MOST_KEPT = 128 * 2**20  # Bytes: three hundred series of every neighbourhood.


def arrays(series_ids: Collection[int]) -> dict[int, Packed]:
    """Return series as packed arrays by ordinal.

    Arrays never change, so each process keeps some; one query brings the rest.
    """
    found = {pk: kept for pk in series_ids if (kept := _kept.get(pk)) is not None}
    if lacking := [pk for pk in series_ids if pk not in found]:
        for row in PackedArray.objects.filter(series__in=lacking):
            values = np.frombuffer(row.values, dtype="<f8")
            found[row.pk] = Packed(values, np.frombuffer(row.markers, dtype=np.int8))
            _kept[row.pk] = found[row.pk]
    # Threads share the cache: whatever another has dropped meanwhile is not missed.
    while sum(kept.values.nbytes for kept in list(_kept.values())) > _MOST_KEPT:
        _kept.pop(next(iter(_kept), 0), None)
    return found
