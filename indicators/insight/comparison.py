"""Any areas beside each other, in any indicators: one period for all of them, said plainly.

Rows of few areas are read from observations, of many from packed arrays, so that the cost is that
of the answer. Queries do not grow with areas or indicators.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from numpy.typing import NDArray

from areas.models import Area, AreaType, Member
from indicators.insight.groups import Group, GroupReading, group_readings
from indicators.insight.inside import Level
from indicators.insight.kept import Kept
from indicators.insight.live import (
    Live,
    PeriodKey,
    arrays,
    at_time,
    described,
    kept_live_series,
    key_of,
    readings,
)
from indicators.models import Indicator, Series
from indicators.statistics.rank import Floats, Ints

# Up to this many areas of one edition are read row by row: fewer bytes than whole arrays.
FEW_ROWS = 40
# Periods that are read at once: sixty of all neighbourhoods are 23 MB.
PERIODS_AT_ONCE = 60


class Places(NamedTuple):
    """Where each row stands: for each edition, newest first, rows and ordinals of equal length."""

    area_ids: list[int]
    editions: dict[int, tuple[Ints, Ints]]


@dataclass
class Column:
    """One indicator, in the period that was chosen for all rows.

    `values`, `markers`, `held`, `series_ids`: shape (rows,). `held` where the series has a row at
    all. Where a later period is held for fewer rows, `later` is its label and `n_later` how many
    of the rows that choose have it, where `n_held` have this one.
    """

    indicator: Indicator
    values: Floats
    markers: NDArray[np.int8]
    held: NDArray[np.bool_]
    series_ids: Ints
    period: Live | None = None
    later: str = ""
    n_later: int = 0
    n_held: int = 0


@dataclass
class Comparison:
    """Rows of areas by columns of indicators. The first `n_choosing` rows chose the periods."""

    places: Places
    n_choosing: int
    columns: list[Column]
    series: dict[int, Series] = field(default_factory=dict)


def places_of(area_ids: Sequence[int]) -> Places:
    """Return where areas stand in every edition they are in. One query."""
    at = {pk: i for i, pk in enumerate(area_ids)}
    found: dict[int, tuple[list[int], list[int]]] = {}
    rows = (
        Member.objects.filter(area__in=list(area_ids))
        .order_by("-edition__date", "edition")
        .values_list("edition_id", "area_id", "ordinal")
    )
    for edition, area, ordinal in rows:
        at_rows, ordinals = found.setdefault(edition, ([], []))
        at_rows.append(at[area])
        ordinals.append(ordinal)
    return Places(
        list(area_ids),
        {
            edition: (np.array(at_rows, np.int64), np.array(ordinals, np.int64))
            for edition, (at_rows, ordinals) in found.items()
        },
    )


def places_in(level: Level, wider: Sequence[int]) -> Places:
    """Return the rows of a level, in its own edition alone, then `wider` areas. One query."""
    n = len(level.area_ids)
    editions = {level.edition.pk: (np.arange(n), level.ordinals.astype(np.int64))}
    if wider:
        for edition, (rows, ordinals) in places_of(wider).editions.items():
            mine, here = editions.get(edition, (rows[:0], ordinals[:0]))
            editions[edition] = (np.r_[mine, rows + n], np.r_[here, ordinals])
    return Places([*level.area_ids, *wider], editions)


def comparison(
    places: Places,
    indicators: Sequence[Indicator],
    *,
    n_choosing: int | None = None,
    common: bool = True,
    version: int | None = None,
) -> Comparison:
    """Return every indicator for every row, each in one period.

    The period of a column is chosen by the first `n_choosing` rows (all unless told): with
    `common`, the latest of those that most of them have; else the latest that any has. Other
    rows are shown in the same period or not at all. Four queries at most and one of series; of
    these, what is the same for all areas is kept under `version`. Two more for every sixty earlier
    periods that have to be looked at.
    """
    n = len(places.area_ids)
    n_choosing = n if n_choosing is None else n_choosing
    by_indicator = periods_of(places, indicators, version)
    choosers = {e for e, (rows, _) in places.editions.items() if (rows < n_choosing).any()}
    orders = {
        pk: sorted(
            (key for key, some in periods.items() if choosers & some.keys()),
            key=lambda key: (key[1], key[0], key[2]),
            reverse=True,
        )
        for pk, periods in by_indicator.items()
    }
    by_id = {i.pk: i for i in indicators}

    def columns_of(wanted: list[tuple[int, PeriodKey]]) -> dict[tuple[int, PeriodKey], Column]:
        """Read some periods; of many, a few at a time, so that few whole arrays are held."""
        made = {}
        for some in batched(wanted, PERIODS_AT_ONCE):
            lives = [s for pk, key in some for s in by_indicator[pk][key].values()]
            known = read(places, {s.series_id: s for s in lives})
            for pk, key in some:
                made[pk, key] = fill(by_id[pk], by_indicator[pk][key], places, known)
        return made

    newest = columns_of([(pk, order[0]) for pk, order in orders.items() if order])
    first = {pk: column for (pk, _), column in newest.items()}
    unsettled = [
        pk
        for pk, found in first.items()
        if len(orders[pk]) > 1
        and not (found.held[:n_choosing].all() if common else found.held[:n_choosing].any())
    ]
    earlier = columns_of([(pk, key) for pk in unsettled for key in orders[pk][1:]])
    columns = []
    for indicator in indicators:
        if indicator.pk not in first:
            columns.append(fill(indicator, {}, places, {}))
            continue
        chosen = first[indicator.pk]
        if indicator.pk in unsettled:
            tried = [chosen, *(earlier[indicator.pk, k] for k in orders[indicator.pk][1:])]
            counts = [int(c.held[:n_choosing].sum()) for c in tried]
            wanted = max(counts) if common else min(1, max(counts))
            at = next(i for i, count in enumerate(counts) if count >= wanted)
            if at > 0 and counts[0] > 0 and chosen.period is not None:
                tried[at].later, tried[at].n_later = chosen.period.period, counts[0]
                tried[at].n_held = counts[at]
            chosen = tried[at]
        columns.append(chosen)
    found = Comparison(places, n_choosing, columns)
    ids = list(dict.fromkeys(int(pk) for c in columns for pk in np.unique(c.series_ids) if pk))
    found.series = described(ids, version)
    return found


def batched(items: list[tuple[int, PeriodKey]], n: int) -> Iterable[list[tuple[int, PeriodKey]]]:
    """Yield `items` in lists of at most `n`. Python has it from 3.12."""
    for start in range(0, len(items), n):
        yield items[start : start + n]


def periods_of(
    places: Places, indicators: Sequence[Indicator], version: int | None
) -> dict[int, dict[PeriodKey, dict[int, Live]]]:
    """Return, by indicator and period, the live series of each edition. One query."""
    found: dict[int, dict[PeriodKey, dict[int, Live]]] = {}
    wanted = [i.pk for i in indicators]
    for one in kept_live_series(places.editions.keys(), wanted, version):
        found.setdefault(one.indicator_id, {}).setdefault(key_of(one), {})[one.edition_id] = one
    return found


def read(places: Places, wanted: dict[int, Live]) -> dict[int, tuple[Floats, NDArray[np.int8]]]:
    """Return values and markers of each series for the rows of its edition. Two queries at most."""
    found: dict[int, tuple[Floats, NDArray[np.int8]]] = {}
    many = [pk for pk, s in wanted.items() if len(places.editions[s.edition_id][0]) > FEW_ROWS]
    packed = arrays(many) if many else {}
    for pk in many:
        ordinals = places.editions[wanted[pk].edition_id][1]
        found[pk] = packed[pk].values[ordinals], packed[pk].markers[ordinals]
    few = {pk: s for pk, s in wanted.items() if pk not in found}
    pairs = {
        (pk, places.area_ids[row])
        for pk, s in few.items()
        for row in places.editions[s.edition_id][0].tolist()
    }
    rows = readings(pairs)
    for pk, s in few.items():
        here = [
            rows.get((pk, places.area_ids[row]))
            for row in places.editions[s.edition_id][0].tolist()
        ]
        found[pk] = (
            np.array(
                [np.nan if r is None or r.value is None else r.value for r in here], np.float64
            ),
            np.array([r.marker if r else 0 for r in here], np.int8),
        )
    return found


def fill(
    indicator: Indicator,
    some: dict[int, Live],
    places: Places,
    known: dict[int, tuple[Floats, NDArray[np.int8]]],
) -> Column:
    """Return one period of an indicator for all rows; of two editions the newer counts."""
    n = len(places.area_ids)
    found = Column(
        indicator,
        np.full(n, np.nan),
        np.zeros(n, np.int8),
        np.zeros(n, np.bool_),
        np.zeros(n, np.int64),
        next(iter(some.values()), None),
    )
    for edition in reversed(places.editions):
        if edition not in some:
            continue
        values, markers = known[some[edition].series_id]
        # A row without a value has a marker that says why: neither is no row at all.
        held = ~np.isnan(values) | (markers > 0)
        rows = places.editions[edition][0][held]
        found.values[rows], found.markers[rows] = values[held], markers[held]
        found.held[rows] = True
        found.series_ids[rows] = some[edition].series_id
    return found


def group_columns(group: Group, columns: Sequence[Column]) -> dict[int, GroupReading]:
    """Return, by indicator id, the reading of a group in the period of each column.

    Of several editions of the group's type, the one with most data of its members counts.
    Three queries or four.
    """
    periods = {c.indicator.pk: key_of(c.period) for c in columns if c.period is not None}
    lives = (
        at_time(None)
        .filter(edition__area_type=group.area_type, indicator__in=list(periods), breakdown="")
        .values_list("series_id", "indicator_id", "period__start", "period__end", "period__kind")
        .order_by("edition__date", "series_id")
    )
    series: dict[int, int] = {
        pk: indicator
        for pk, indicator, start, end, kind in lives
        if periods[indicator] == (start, end, kind)
    }
    found: dict[int, GroupReading] = {}
    for pk, reading in group_readings(group, list(series)).items():
        best = found.get(series[pk])
        if best is None or reading.n_data >= best.n_data:
            found[series[pk]] = reading
    return found


_at: Kept[tuple[int, ...], list[Indicator]] = Kept(200)


def indicators_at(editions: Collection[int], version: int | None = None) -> list[Indicator]:
    """Return the indicators with anything live in some editions, by theme and then as added.

    One query, or none where they are kept under `version`.
    """

    def read(lacking: list[tuple[int, ...]]) -> dict[tuple[int, ...], list[Indicator]]:
        live = at_time(None).filter(indicator=OuterRef("pk"), breakdown="")
        return {key: list(by_theme(Exists(live.filter(edition__in=key)))) for key in lacking}

    key = tuple(sorted(editions))
    return _at.get(version, [key], read)[key]


def indicators_named(slugs: Collection[str]) -> list[Indicator]:
    """Return the indicators of some slugs, by theme and then as added. One query."""
    return list(by_theme(Q(slug__in=list(slugs))))


def by_theme(condition: Q | Exists) -> QuerySet[Indicator]:
    """Return the indicators that meet a condition, with theme and scope, by theme."""
    return (
        Indicator.objects.select_related("theme", "scope__area_type")
        .filter(condition)
        .order_by(F("theme__order"), "theme__name", "pk")
    )


def types_of(areas: Sequence[Area]) -> list[AreaType]:
    """Return the distinct types of some areas, the widest first."""
    return sorted({a.area_type for a in areas}, key=lambda kind: kind.rank)
