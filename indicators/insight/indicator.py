"""One indicator everywhere: what is held of it, the answer for the widest area, and each area's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from django.db.models import F, Max, QuerySet
from numpy.typing import NDArray

from areas.models import Area, Edition
from areas.roster import Roster, folded, roster
from indicators.insight.inside import Inside, Level
from indicators.insight.live import Packed, PeriodKey, arrays, at_time, make_one_trend
from indicators.models import Indicator, LiveSeries, Period, Series
from indicators.statistics.classes import classify
from indicators.statistics.periods import parse_period, period_text
from indicators.statistics.rank import Floats, Ints, standings

T = TypeVar("T")
# Where a page begins unless its address says otherwise: areas that people know and can tell apart.
FIRST_LEVELS = ("authority", "region", "country", "uk", "ward", "msoa", "lsoa")
# Beyond this many periods a history is a wall; the last are shown, and the page says so.
MOST_PERIODS = 40


class NotHeld(LookupError):
    """Nothing is held there. Its message says what is; `offers` are (label, level, period)."""

    def __init__(self, message: str, offers: list[tuple[str, str, str]]) -> None:
        super().__init__(message)
        self.offers = offers


class Held(NamedTuple):
    """A live series of the indicator: for which areas and when."""

    series_id: int
    edition: Edition
    period: Period

    @property
    def text(self) -> str:
        """The period as addresses write it."""
        return period_text(self.period.start, self.period.end)

    @property
    def key(self) -> PeriodKey:
        """The period, to be compared with others."""
        return self.period.start, self.period.end, self.period.kind


class Value(NamedTuple):
    """A figure, None where there is none, and the position of its marker."""

    value: float | None
    marker: int


class End(NamedTuple):
    """The lowest or highest value of a group and the areas (ordinals) that have it."""

    value: float
    ordinals: list[int]


class Group(NamedTuple):
    """The areas of the level that lie in a wider area, summed up; `own` is that area's figure."""

    area: Area
    own: Value
    n_members: int
    n_values: int
    median: float | None
    lowest: End | None
    highest: End | None


class Moment(NamedTuple):
    """One period of the level: its series, and the figure of each wider area by its code."""

    held: Held
    series: Series
    wider: dict[str, Value]


@dataclass
class Across:
    """One indicator at one level and period, across its scope; arrays are by ordinal.

    `inside` says which areas lie in the scope. `classes` are 1 to 5, 0 where there is no value.
    `rank` counts from the lowest value, and is 0 where there is none.
    """

    indicator: Indicator
    held: list[Held]
    chosen: Held
    series: Series
    roster: Roster
    values: Floats
    markers: NDArray[np.int8]
    inside: NDArray[np.bool_]
    classes: NDArray[np.int8]
    rank: Ints
    tied: Ints
    out_of: int
    widest: Value | None = None
    whole: Group | None = None
    groups: list[Group] = field(default_factory=list)
    history: list[Moment] = field(default_factory=list)
    n_periods: int = 0
    wider: list[Area] = field(default_factory=list)
    moments: dict[int, dict[str, Value]] = field(default_factory=dict)

    def as_inside(self) -> Inside:
        """The areas of the scope in the form that legends are made of, without their names."""
        at = np.flatnonzero(self.inside)
        return Inside(
            level=Level(self.chosen.edition, [], at),
            series=self.series,
            values=self.values[at],
            classes=self.classes[at],
            markers=self.markers[at],
            areas=[],
        )


def held(indicator: Indicator, version: int) -> list[Held]:
    """Return what is live of `indicator`: the widest type and newest edition first.

    Periods of an edition are in order, the latest last. One query, none when this process has
    kept the answer for this `version` of the data.
    """
    key = (indicator.pk, version)
    if (known := _held.get(key)) is None:
        rows = (
            at_time(None)
            .filter(indicator=indicator, breakdown="")
            .select_related("edition__area_type", "period")
            .order_by(
                "edition__area_type__rank", "-edition__date", "edition", "period__end",
                "period__start",
            )
        )  # fmt: skip
        known = [Held(row.series_id, row.edition, row.period) for row in rows]
        keep(_held, key, known, _MOST_HELD)
    return known


# Answers that this process keeps, the oldest first: keys hold the version of the data.
_held: dict[tuple[int, ...], list[Held]] = {}
_bases: dict[tuple[int, ...], Across] = {}
_wholes: dict[tuple[int, ...], Across] = {}
_MOST_HELD, _MOST_KEPT = 512, 24


def keep(store: dict[tuple[int, ...], T], key: tuple[int, ...], value: T, most: int) -> None:
    """Keep an answer, in place of the oldest where there are more than `most`."""
    store[key] = value
    # Threads share what is kept: whatever another has dropped meanwhile is not missed.
    while len(store) > most:
        store.pop(next(iter(store)), None)


def levels_of(found: Iterable[Held]) -> list[Edition]:
    """Return the editions that have anything, the widest first, groups of countries left out."""
    return list(
        dict.fromkeys(h.edition for h in found if h.edition.area_type_id != "country-group")
    )


def choose(found: list[Held], level: str, period: str) -> Held:
    """Return the series at `level` (an edition's slug) and `period`, each free where empty.

    The first of `FIRST_LEVELS`, its newest edition and its latest period unless told otherwise.
    Raises NotHeld with what is held instead, and ValueError for a period that cannot be read.
    """
    if period:
        parse_period(period)
    editions = levels_of(found)
    if not editions:
        raise NotHeld("Nothing is published of it yet.", [])
    if level and level not in {e.slug for e in editions}:
        names = ", ".join(dict.fromkeys(e.name for e in editions))
        raise NotHeld(
            f"It is not held for the areas “{level[:80]}”. It is held for: {names}.",
            [(e.name, e.slug, "") for e in editions],
        )
    here = [h for h in found if h.edition in editions and level in {"", h.edition.slug}]
    there = [h for h in here if period in {"", h.text}]
    if not there:
        labels = list(dict.fromkeys(h.period.label for h in here))
        where = f" for {here[0].edition.name}" if level else ""
        raise NotHeld(
            f"It is not held{where} for {parse_period(period).label}. "
            f"It is held for: {', '.join(labels)}.",
            [(h.period.label, level, h.text) for h in reversed(here)][:MOST_PERIODS],
        )

    def order(one: Held) -> tuple[int, int]:
        kind = one.edition.area_type_id
        at = FIRST_LEVELS.index(kind) if kind in FIRST_LEVELS else len(FIRST_LEVELS)
        return at, -one.edition.date.toordinal()

    first = min(there, key=order).edition
    return [h for h in there if h.edition == first][-1]


def values_at(indicator: Indicator, chosen: Held, version: int) -> Across:
    """Return the values, classes and ranks of one series. Two queries, or one when it is kept."""
    series = series_of([chosen.series_id]).get()
    return _across(indicator, chosen, series, version)


def across(indicator: Indicator, found: list[Held], chosen: Held, version: int) -> Across:
    """Return everything that the page of an indicator says of one level and period.

    Two queries, some more when this process has not kept its arrays and rosters. What is said
    about the indicator, the release and its licence is read anew each time.
    """
    alike = [h for h in found if h.edition == chosen.edition and make_one_trend(h.key, chosen.key)]
    shown = alike[-MOST_PERIODS:]
    if chosen not in shown:
        shown = [chosen, *shown]
    rows = {s.pk: s for s in series_of([h.series_id for h in shown])}
    base = _across(indicator, chosen, rows[chosen.series_id], version)
    key = base_key(indicator, chosen, version)
    if (whole := _wholes.get(key)) is None:
        whole = replace(base)
        moments = _add_wider(whole, found, shown, version)
        whole.moments = moments
        keep(_wholes, key, whole, _MOST_KEPT)
    return replace(
        whole,
        indicator=indicator,
        held=found,
        series=rows[chosen.series_id],
        n_periods=len(alike),
        history=[Moment(h, rows[h.series_id], whole.moments[h.series_id]) for h in shown],
    )


def _add_wider(
    result: Across, found: list[Held], shown: list[Held], version: int
) -> dict[int, dict[str, Value]]:
    """Fill in the wider areas of `result`; return their figures in each period `shown`."""
    indicator, chosen = result.indicator, result.chosen
    moments = {h.key for h in shown}
    kinds = {indicator.scope.area_type_id, "country", "region"}
    # Regions are summed up for the chosen period only.
    wide = [
        h
        for h in found
        if h.edition.area_type_id in kinds
        and h.key in moments
        and h.edition.area_type.rank <= chosen.edition.area_type.rank
        and (
            h.edition.area_type_id != "region"
            or indicator.scope.area_type_id == "region"
            or h.period == chosen.period
        )
    ]
    kept = arrays([h.series_id for h in wide])
    result.wider, readings = _wider(indicator, wide, kept, version)
    now = chosen.key
    result.widest = readings.get((indicator.scope.code, now))
    result.whole = summed_up(result, indicator.scope, result.inside, result.widest)
    for area, mask in parted(result):
        own = readings.get((area.code, now))
        result.groups.append(summed_up(result, area, mask, own))
    by_period: dict[PeriodKey, dict[str, Value]] = {}
    for (code, period), value in readings.items():
        by_period.setdefault(period, {})[code] = value
    return {h.series_id: by_period.get(h.key, {}) for h in shown}


def parted(across: Across) -> Iterable[tuple[Area, NDArray[np.bool_]]]:
    """Yield the countries and regions that part the scope, with which areas of it lie in each."""
    who, scope = across.roster, across.indicator.scope
    for kind in ("country", "region"):
        up = who.parent(kind)
        if up is None or up[0].area_type.rank >= across.chosen.edition.area_type.rank:
            continue
        wider = roster(up[0], who.version)
        for at in np.unique(up[1][across.inside & (up[1] >= 0)]).tolist():
            row = wider.frame.row(at, named=True)
            if row["id"] != scope.pk:
                area = Area(
                    id=row["id"], code=row["code"], name=row["name"], area_type=up[0].area_type
                )
                yield area, across.inside & (up[1] == at)


def series_of(ids: Iterable[int]) -> QuerySet[Series]:
    """Return series with what their pages say of them."""
    return Series.objects.filter(pk__in=list(ids)).select_related(
        "indicator__scope__area_type",
        "period",
        "edition__area_type",
        "release__dataset",
        "release__licence",
    )


def base_key(indicator: Indicator, chosen: Held, version: int) -> tuple[int, ...]:
    """Return what the numbers of one series depend on."""
    return indicator.pk, indicator.scope_id, indicator.decimals, chosen.series_id, version


def _across(indicator: Indicator, chosen: Held, series: Series, version: int) -> Across:
    key = base_key(indicator, chosen, version)
    if (base := _bases.get(key)) is None:
        who = roster(chosen.edition, version)
        packed = arrays([chosen.series_id])[chosen.series_id]
        inside = who.within(indicator.scope)
        standing = standings(packed.values, np.where(inside, 0, -1))
        base = Across(
            indicator=indicator,
            held=[],
            chosen=chosen,
            series=series,
            roster=who,
            values=packed.values,
            markers=packed.markers,
            inside=inside,
            classes=classify(packed.values, series.class_breaks, indicator.decimals),
            rank=standing.rank,
            tied=standing.tied,
            out_of=int(standing.out_of.max(initial=0)),
        )
        keep(_bases, key, base, _MOST_KEPT)
    return replace(base, indicator=indicator, series=series, groups=[])


def _wider(
    indicator: Indicator, wide: list[Held], kept: dict[int, Packed], version: int
) -> tuple[list[Area], dict[tuple[str, PeriodKey], Value]]:
    """Return the scope, countries and regions that have a figure, and their figures by period."""
    areas: dict[str, Area] = {indicator.scope.code: indicator.scope}
    readings: dict[tuple[str, PeriodKey], Value] = {}
    for h in wide:
        who = roster(h.edition, version)
        packed = kept[h.series_id]
        inside = who.within(indicator.scope)
        for at in np.flatnonzero(inside).tolist():
            row = who.frame.row(at, named=True)
            if row["code"] not in areas:
                areas[row["code"]] = Area(
                    id=row["id"], code=row["code"], name=row["name"],
                    area_type=h.edition.area_type,
                )  # fmt: skip
            value = float(packed.values[at])
            key = (row["code"], h.key)
            # Of several editions the newest comes first and counts, unless it has no value here.
            if key not in readings or readings[key].value is None:
                new = Value(None if np.isnan(value) else value, int(packed.markers[at]))
                if key not in readings or new.value is not None:
                    readings[key] = new
    return sorted(areas.values(), key=lambda a: (a.area_type.rank, a.code)), readings


def summed_up(across: Across, area: Area, mask: NDArray[np.bool_], own: Value | None) -> Group:
    """Return the areas in `mask` summed up: how many, their median, their lowest and highest."""
    at = np.flatnonzero(mask & ~np.isnan(across.values))
    present = across.values[at]
    lowest = highest = None
    if len(present):
        # As printed: two areas that read the same are not set apart.
        shown = np.round(present, across.indicator.decimals)
        ends = [End(float(end), at[shown == end].tolist()) for end in (shown.min(), shown.max())]
        lowest, highest = ends
    return Group(
        area=area,
        own=own or Value(None, 0),
        n_members=int(mask.sum()),
        n_values=len(present),
        median=float(np.median(present)) if len(present) else None,
        lowest=lowest,
        highest=highest,
    )


SORTS = ("value", "name", "place")


def listed(across: Across, *, sort: str, within: Area | None, q: str) -> Ints:
    """Return the ordinals of the areas of the scope that a table lists, in its order.

    `sort` is one of `SORTS`, with a minus for the other way round, or empty for the order of
    ordinals; areas without a value stand last either way. `within` and `q` (part of a name, or the
    start of a code) leave others out.
    """
    who = across.roster
    mask = across.inside.copy()
    if within is not None:
        mask &= who.within(within)
    if q.strip():
        words = folded(q.strip())
        found = who.frame["folded"].str.contains(words, literal=True) | who.frame[
            "code"
        ].str.starts_with(q.strip().upper())
        known = (
            who.frame["known_as"].str.to_lowercase().str.contains(q.strip().lower(), literal=True)
        )
        mask &= (found | known).to_numpy()
    if not sort:
        return np.flatnonzero(mask)
    order = who.by_name
    order = order[mask[order]]
    key, down = sort.lstrip("-"), sort.startswith("-")
    if key == "value":
        values = across.values[order]
        missing = np.isnan(values)
        known_first = order[~missing]
        ranked = known_first[
            np.argsort(-values[~missing] if down else values[~missing], kind="stable")
        ]
        return np.concatenate([ranked, order[missing]])
    if key == "place" and (up := parent_of(across)):
        wider, at = up
        names = roster(wider, who.version).by_name
        position = np.full(len(names) + 1, len(names))
        position[names] = np.arange(len(names))
        where = position[at[order]]
        return order[np.argsort(-where if down else where, kind="stable")]
    return order[::-1] if down else order


def parent_of(across: Across) -> tuple[Edition, Ints] | None:
    """Return the edition that places the areas of the level for a reader, and their ordinals in it.

    The authority of anything smaller, else the country.
    """
    rank = across.chosen.edition.area_type.rank
    for kind in ("authority", "country"):
        up = across.roster.parent(kind)
        if up and up[0].area_type.rank < rank:
            return up
    return None


@dataclass
class Entry:
    """An indicator in the list: where and when it is held, and from which release last."""

    indicator: Indicator
    levels: list[str] = field(default_factory=list)
    period: str = ""
    publisher: str = ""
    dataset: str = ""
    released: Any = None


def every_indicator() -> list[Entry]:
    """Return every indicator by theme and name, with what is live of it. Three queries."""
    now: QuerySet[LiveSeries] = at_time(None).filter(breakdown="")
    kinds = list(
        now.exclude(edition__area_type="country-group")
        .values_list("indicator", "edition__area_type")
        .annotate(released=Max("series__release__publisher_date"))
        .order_by("edition__area_type__rank")
    )
    latest = list(
        now.order_by("indicator", F("period__end").desc(), F("period__start").desc(), "-series")
        .distinct("indicator")
        .values_list(
            "indicator",
            "period__label",
            "series__release__dataset__publisher",
            "series__release__dataset__name",
        )
    )
    # Read last, so that all that anything live is of are among them, whatever goes live meanwhile.
    entries = {
        i.pk: Entry(i)
        for i in Indicator.objects.select_related("theme", "scope__area_type").order_by(
            "theme__order", "theme__name", "name", "pk"
        )
    }
    for pk, kind, released in kinds:
        entries[pk].levels.append(kind)
        if released and (entries[pk].released is None or released > entries[pk].released):
            entries[pk].released = released
    for pk, period, publisher, dataset in latest:
        entry = entries[pk]
        entry.period, entry.publisher, entry.dataset = period, publisher, dataset
    return list(entries.values())


def relatives(indicator: Indicator) -> list[Indicator]:
    """Return the other indicators of its theme that have anything live, by name. One query."""
    return list(
        Indicator.objects.filter(theme=indicator.theme_id)
        .exclude(pk=indicator.pk)
        .filter(pk__in=at_time(None).values("indicator"))
        .select_related("scope__area_type")
        .order_by("name")
    )
