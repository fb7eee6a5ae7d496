"""What a group of areas is as a benchmark: its combined figure, or the middle of its members."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, product
from typing import NamedTuple

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from areas.hierarchy import neighbours
from areas.models import Area, AreaGroup, AreaType
from indicators.insight.live import by_bucket
from indicators.models import Bucket, Coverage, Indicator, Series
from indicators.statistics.aggregate import CannotAggregate, RolledUp, roll_up
from indicators.statistics.markers import MARKERS, POSITION
from indicators.statistics.rank import Floats

NEIGHBOURS = "neighbours"
FEWEST_IN_MIDDLE = 2
COMBINED, MIDDLE, NOTHING = "combined", "middle", "nothing"


@dataclass(frozen=True)
class Group:
    """Areas of one type to compare with. `url` is empty for a group that nobody saved."""

    token: str
    name: str
    area_type: AreaType
    area_ids: tuple[int, ...]
    url: str = ""
    made_by: str = ""
    created_at: datetime | None = None


class GroupReading(NamedTuple):
    """A group in one series.

    `kind` is `combined` (the figure of all its people or premises, by the indicator's rule),
    `middle` (the median of the members that have a figure, `low` and `high` being their range:
    never the group's own figure) or `nothing` (`value` is None). `reason` says why it is not
    combined. `n_data` of `n_members` have a figure; `coverage` is the share (0 to 1) of the
    smaller areas that are in a combined one.
    """

    kind: str
    value: float | None
    low: float | None
    high: float | None
    n_data: int
    n_members: int
    numerator: float | None = None
    denominator: float | None = None
    coverage: float = 1.0
    reason: str = ""
    # Whether the release that members' figures come from may be passed on as files.
    passed_on: bool = True


def benchmark_group(token: str, area: Area | None = None) -> Group | None:
    """Return the group that `?with=<token>` names, or None where there is none.

    `neighbours` are the areas that touch `area`. Two queries.
    """
    if token == NEIGHBOURS:
        return neighbours_of(area) if area is not None else None
    if len(token) != 16 or not token.isascii():
        return None
    found = AreaGroup.objects.select_related("area_type").filter(token=token).first()
    if found is None:
        return None
    ids = found.groupmember_set.order_by("pk").values_list("area_id", flat=True)
    return Group(
        token=found.token,
        name=found.name,
        area_type=found.area_type,
        area_ids=tuple(ids),
        url=f"/groups/{found.token}/",
        made_by=found.made_by,
        created_at=found.created_at,
    )


def neighbours_of(area: Area) -> Group | None:
    """Return the areas of its own type that touch `area`, or None where none do."""
    near = neighbours(area).areas
    ids = tuple(a.pk for a in near if a.area_type_id == area.area_type_id)
    if not ids:
        return None
    return Group(NEIGHBOURS, f"Areas that touch {area.name}", area.area_type, ids)


@dataclass
class Rows:
    """Members' rows by series and member: shape (series, members), NaN where there is none.

    `row` where there is a row at all; `share` is the coverage of each figure.
    """

    value: Floats
    numerator: Floats
    denominator: Floats
    marker: NDArray[np.int8]
    share: Floats
    row: NDArray[np.bool_]


def group_readings(group: Group, series_ids: Collection[int]) -> dict[int, GroupReading]:
    """Return the reading of `group` in each series, which are of an edition of its type.

    Members that are not in a series' edition, or beyond its indicator's scope, count as without a
    figure. Two queries, three where some members' figures are of part of them only.
    """
    every = Series.objects.select_related("indicator", "release__licence").filter(
        pk__in=series_ids, edition__area_type=group.area_type
    )
    series = {s.pk: s.indicator for s in every}
    passed_on = {s.pk: s.release.may_be_passed_on for s in every}
    if not series:
        return {}
    order = list(series)
    rows = member_rows(order, group.area_ids)
    whole = combine([series[pk] for pk in order], rows)
    found = {}
    for i, pk in enumerate(order):
        known = rows.value[i][~np.isnan(rows.value[i])]
        n_data, n_members = len(known), len(group.area_ids)
        low, high = (float(known.min()), float(known.max())) if n_data else (None, None)
        if not np.isnan(whole.value[i]):
            found[pk] = GroupReading(
                COMBINED,
                float(whole.value[i]),
                low,
                high,
                n_data,
                n_members,
                none_for_nan(whole.numerator[i]),
                none_for_nan(whole.denominator[i]),
                float(whole.coverage[i]),
            )
            continue
        reason = why_not(series[pk], rows, i)
        if n_data >= FEWEST_IN_MIDDLE:
            middle = float(np.median(known))
            found[pk] = GroupReading(MIDDLE, middle, low, high, n_data, n_members, reason=reason)
        else:
            found[pk] = GroupReading(NOTHING, None, low, high, n_data, n_members, reason=reason)
    return {pk: reading._replace(passed_on=passed_on[pk]) for pk, reading in found.items()}


def group_reading(group: Group, series_id: int) -> GroupReading | None:
    """Return the reading of `group` in one series, None where it is of another type of area."""
    return group_readings(group, [series_id]).get(series_id)


def none_for_nan(value: float) -> float | None:
    """Return a plain float, or None."""
    return None if np.isnan(value) else float(value)


def member_rows(series_ids: list[int], area_ids: Collection[int]) -> Rows:
    """Read the rows of every member in every series. One query, and one of partial coverage."""
    shape = (len(series_ids), len(area_ids))
    rows = Rows(
        value=np.full(shape, np.nan),
        numerator=np.full(shape, np.nan),
        denominator=np.full(shape, np.nan),
        marker=np.zeros(shape, np.int8),
        share=np.ones(shape),
        row=np.zeros(shape, np.bool_),
    )
    at_series = {pk: i for i, pk in enumerate(series_ids)}
    at_area = {pk: i for i, pk in enumerate(area_ids)}
    first = next(iter(area_ids))
    # Every series once and every area once in each bucket is enough for `by_bucket`.
    pairs = chain(((pk, first) for pk in series_ids), product(one_a_bucket(series_ids), area_ids))
    columns = "series_id, area_id, value, numerator, denominator, coalesce(marker, 0)"
    with connection.cursor() as cursor:
        cursor.execute(by_bucket(columns, "indicators_observation", pairs))
        fetched = cursor.fetchall()
    if fetched:
        series, areas, values, tops, bottoms, markers = zip(*fetched, strict=True)
        i = np.fromiter((at_series[pk] for pk in series), np.int64, len(series))
        j = np.fromiter((at_area[pk] for pk in areas), np.int64, len(areas))
        rows.value[i, j] = np.array(values, dtype=np.float64)
        rows.numerator[i, j] = np.array(tops, dtype=np.float64)
        rows.denominator[i, j] = np.array(bottoms, dtype=np.float64)
        rows.marker[i, j] = markers
        rows.row[i, j] = True
    for s, a, share in Coverage.objects.filter(
        area__in=area_ids, series__in=series_ids
    ).values_list("series_id", "area_id", "share"):
        rows.share[at_series[s], at_area[a]] = share
    return rows


def one_a_bucket(series_ids: list[int]) -> list[int]:
    """Return one of the series in each bucket."""
    return list({pk // Bucket.BLOCK: pk for pk in series_ids}.values())


def combine(indicators: list[Indicator], rows: Rows) -> RolledUp:
    """Add the members up in each series by its indicator's rule; NaN where that is refused."""
    n = len(indicators)
    nothing = np.full(n, np.nan)
    whole = RolledUp(
        nothing, nothing.copy(), nothing.copy(), np.zeros(n), np.zeros(n), np.zeros(n, np.bool_)
    )
    by_rule: dict[tuple[str, float], list[int]] = {}
    for i, indicator in enumerate(indicators):
        by_rule.setdefault((indicator.aggregation, indicator.multiplier), []).append(i)
    letters = np.array([m.letters for m in MARKERS])
    for (rule, multiplier), some in by_rule.items():
        pick = np.array(some)
        n_members = rows.value.shape[1]
        size = len(some) * n_members
        try:
            part = roll_up(
                rule=rule,
                multiplier=multiplier,
                value=rows.value[pick].ravel(),
                numerator=rows.numerator[pick].ravel(),
                denominator=rows.denominator[pick].ravel(),
                marker=letters[rows.marker[pick].ravel()],
                expected=np.ones(size),
                present=rows.share[pick].ravel(),
                member=np.arange(size),
                parent=np.repeat(np.arange(len(some)), n_members),
                weight=np.ones(size),
                n_parents=len(some),
            )
        except CannotAggregate:
            continue
        for target, source in zip(whole, part, strict=True):
            target[pick] = source
    return whole


def why_not(indicator: Indicator, rows: Rows, i: int) -> str:
    """Return why a group has no combined figure, as a clause that ends a sentence."""
    if not rows.row[i].any():
        return "none of its members has a figure"
    if indicator.aggregation == Indicator.Aggregation.NONE:
        return "this measure cannot be added up"
    if (rows.marker[i] == POSITION["c"]).any():
        return "a member's figure is suppressed, and a total would give it away"
    known = ~np.isnan(rows.value[i])
    needs_parts = indicator.aggregation != Indicator.Aggregation.SUM
    if needs_parts and known.any() and np.isnan(rows.denominator[i][known]).all():
        return "what it is a share of is not published for its members"
    return f"too few of its members have a figure ({int(known.sum())} of {len(known)})"
