"""What is known about one place: a figure for every indicator, beside the places it is part of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import NamedTuple

from django.db.models import Exists, OuterRef

from areas.hierarchy import ancestors
from areas.models import Area, Member
from indicators.insight.groups import Group, GroupReading, group_readings
from indicators.insight.inside import Level
from indicators.insight.kept import Kept
from indicators.insight.live import (
    Live,
    Reading,
    arrays,
    at_time,
    described,
    here,
    indicators_of,
    kept_live_series,
    key_of,
    live_series,
    make_one_trend,
    readings,
    standings,
)
from indicators.models import Indicator, Release, Series
from indicators.statistics.rank import Floats

# Up to this many peers a strip plot draws one tick each; beyond it, bins.
MOST_TICKS = 400
# A county or an authority may speak for a place inside it; a whole country may not.
MAY_STAND_IN = frozenset({"msoa", "ward", "authority", "county", "region"})


class Benchmark(NamedTuple):
    """A wider area to compare with. `key` is region, country or widest."""

    key: str
    area: Area
    reading: Reading | None
    series_id: int | None = None


class Rank(NamedTuple):
    """Where the area stands in `group`, counted from the lowest value; ties share a rank."""

    group: Area
    rank: int
    tied: int
    out_of: int


class TrendPoint(NamedTuple):
    """One period of the same kind; `reading` is None when the series has no row here."""

    live: Live
    reading: Reading | None


@dataclass
class Figure:
    """One indicator here. `holder` is the area that the figure belongs to, here or a parent.

    Without a series there is no figure at all: the indicator is not published for this place.
    `peers` are the values of every area of the holder's edition, when few enough to draw.
    """

    indicator: Indicator
    holder: Area | None = None
    series: Series | None = None
    reading: Reading | None = None
    benchmarks: list[Benchmark] = field(default_factory=list)
    ranks: list[Rank] = field(default_factory=list)
    trend: list[TrendPoint] = field(default_factory=list)
    peers: Floats | None = None
    in_scope: bool = True
    group: GroupReading | None = None


class Entry(NamedTuple):
    """An indicator as a list of contents needs it: no more than its name and where it stands."""

    indicator_id: int
    slug: str
    name: str
    theme: str
    theme_name: str
    headline: bool
    polarity: str
    scope_id: int


@dataclass
class Standpoint:
    """Where a place stands: what it is part of, the widest first, and the editions of each."""

    area: Area
    part_of: list[Area]
    editions: dict[int, list[int]]

    @property
    def chain(self) -> list[Area]:
        """The place, then what it is part of, the nearest first."""
        return [self.area, *reversed(self.part_of)]


@dataclass
class Profile:
    """Everything the page of a place says, before any wording.

    `inside` gives, by indicator and edition, the live series of the latest period at the levels
    inside the place.
    """

    area: Area
    part_of: list[Area]
    comparators: list[tuple[str, Area]]
    figures: list[Figure]
    inside: dict[int, dict[int, int]]
    group: Group | None = None


_standpoints: Kept[int, Standpoint] = Kept(500)


def standpoint(area: Area, version: int | None = None) -> Standpoint:
    """Return what `area` is part of, and the editions that each is in.

    Two queries, or none where it is kept under `version`.
    """

    def read(_: list[int]) -> dict[int, Standpoint]:
        part_of = ancestors(area)
        editions = editions_of([area.pk, *(a.pk for a in part_of)])
        return {area.pk: Standpoint(area, part_of, editions)}

    kept = _standpoints.get(version, [area.pk], read)[area.pk]
    return Standpoint(area, kept.part_of, kept.editions)


_contents: Kept[None, list[Entry]] = Kept(1)


def contents(at: datetime | None = None, version: int | None = None) -> list[Entry]:
    """Return every indicator that has anything live, by theme and then as added.

    One query, or none where what is live now (`at` None) is kept under `version`.
    """

    def read(_: list[None]) -> dict[None, list[Entry]]:
        rows = (
            Indicator.objects.filter(Exists(at_time(at).filter(indicator=OuterRef("pk"))))
            .order_by("theme__order", "theme__name", "pk")
            .values_list(
                "pk", "slug", "name", "theme_id", "theme__name", "headline", "polarity", "scope_id"
            )
        )
        return {None: [Entry(*row) for row in rows]}

    return _contents.get(version if at is None else None, [None], read)[None]


def profile(
    area: Area,
    *,
    levels: Collection[Level] = (),
    at: datetime | None = None,
    where: Standpoint | None = None,
    indicators: Collection[int] | None = None,
    group: Group | None = None,
    version: int | None = None,
) -> Profile:
    """Return the profile of `area`, from what is live now or was at `at`.

    Every indicator that has anything live is there, by theme and then as added; or those alone
    whose ids are given, in the order they are given, at the cost of those. The latest period is
    shown; others of the same kind make the trend. `where` saves two queries when it is known
    already. `group` is one more thing to compare with, for the figures of areas of its own type;
    it costs three queries at most.
    What is the same for every place is kept under `version`.

    Raises InArchive where what was live at `at`, of these indicators here, is archived.
    """
    where = where or standpoint(area)
    part_of, chain, editions = where.part_of, where.chain, where.editions
    by_place: dict[tuple[int, int], list[Live]] = {}
    places = {edition: a.pk for a in chain for edition in editions.get(a.pk, [])}
    inside: dict[int, dict[int, int]] = {}
    below = {level.edition.pk for level in levels}
    if indicators is None:
        indicators = [entry.indicator_id for entry in contents(at, version)]
    if at is None:
        lives = kept_live_series(places.keys() | below, indicators, version)
    else:
        lives = live_series(places.keys() | below, at, indicators)
    for one in lives:
        if one.edition_id in below:
            inside.setdefault(one.indicator_id, {})[one.edition_id] = one.series_id
        if one.edition_id in places:
            by_place.setdefault((places[one.edition_id], one.indicator_id), []).append(one)
    for (place_id, indicator_id), series in by_place.items():
        # Two editions of one place are two vintages of its data: the newest alone is shown.
        held_in = {one.edition_id for one in series}
        if len(held_in) > 1:
            newest = next(e for e in editions[place_id] if e in held_in)
            by_place[place_id, indicator_id] = [s for s in series if s.edition_id == newest]

    by_id = indicators_of(indicators, version)
    figures = [Figure(by_id[pk]) for pk in indicators]

    by_pk = {a.pk: a for a in chain}
    may_hold = [
        (a.pk, a) for a in chain if a is area or a.area_type_id in MAY_STAND_IN
    ]  # The nearest first.

    scopes = {i.scope_id: i.scope for i in by_id.values()}

    @cache
    def wider_of(holder: int, scope: int) -> list[tuple[str, int]]:
        return [(k, a.pk) for k, a in comparators(by_pk[holder], chain, scopes[scope])]

    def asked(pk: int, holder: int, figure: Figure, own: Live) -> set[tuple[int, int]]:
        """Return (series id, area id) of all that stands beside a figure, in its period."""
        return {
            (twin.series_id, wider)
            for _, wider in wider_of(holder, figure.indicator.scope_id)
            if (twin := matching(by_place.get((wider, pk), []), own)) is not None
        }

    candidates: dict[int, list[tuple[int, list[Live]]]] = {}
    nearest: set[tuple[int, int]] = set()
    for pk, figure in zip(indicators, figures, strict=True):
        figure.in_scope = figure.indicator.scope_id in by_pk
        some = [(a, own) for a, _ in may_hold if (own := by_place.get((a, pk)))]
        if not some:
            continue
        candidates[pk] = some
        holder, own = some[0]
        # Most say something of the nearest place in its latest period, and no more is read.
        nearest.update((s.series_id, holder) for s in own)
        nearest |= asked(pk, holder, figure, own[-1])
    rows = readings(nearest)
    # A live series may say nothing of this place at all: crime in West Yorkshire, of Kent. Then
    # an earlier period may, and after that a wider place.
    lacking = [
        some[1:]
        for some in candidates.values()
        if not any((s.series_id, some[0][0]) in rows for s in some[0][1])
    ]
    rows |= readings({(s.series_id, a) for some in lacking for a, own in some for s in own})
    chosen: dict[int, list[Live]] = {}
    others: set[tuple[int, int]] = set()
    for pk, figure in zip(indicators, figures, strict=True):
        for holder, series in candidates.get(pk, []):
            held = [s for s in series if (s.series_id, holder) in rows]
            if held:
                figure.holder = by_pk[holder]
                latest_held = key_of(held[-1])
                chosen[pk] = [s for s in held if make_one_trend(key_of(s), latest_held)]
                others |= asked(pk, holder, figure, held[-1])
                break
    rows |= readings(others - rows.keys() - nearest)
    shown = described([c[-1].series_id for c in chosen.values()], version)
    ranked = standings(latest(figures, chosen))
    few = [s.pk for s in shown.values() if s.n_members <= MOST_TICKS]
    packed = arrays(few)

    for pk, figure in zip(indicators, figures, strict=True):
        if figure.holder is None:
            continue
        own = chosen[pk]
        figure.series = shown[own[-1].series_id]
        figure.reading = rows.get((figure.series.pk, figure.holder.pk))
        figure.trend = [TrendPoint(s, rows.get((s.series_id, figure.holder.pk))) for s in own]
        if figure.series.pk in packed:
            figure.peers = packed[figure.series.pk].values
        figure.ranks = [
            Rank(by_pk[group], rank, tied, out_of)
            for group, rank, tied, out_of in ranked.get((figure.series.pk, figure.holder.pk), [])
            if group in by_pk
        ]
        figure.ranks.sort(key=lambda r: r.group.area_type.rank)
        for key, wider in wider_of(figure.holder.pk, figure.indicator.scope_id):
            twin = matching(by_place.get((wider, pk), []), own[-1])
            reading = rows.get((twin.series_id, wider)) if twin else None
            figure.benchmarks.append(
                Benchmark(key, by_pk[wider], reading, twin.series_id if twin else None)
            )
    if group is not None:
        alike = {
            f.series.pk: f
            for f in figures
            if f.series and f.holder and f.holder.area_type_id == group.area_type.pk
        }
        for pk, of_group in group_readings(group, alike).items():
            alike[pk].group = of_group
    if at is not None:
        here({one.series_id for one in lives})
    return Profile(area, part_of, page_comparators(area, chain), figures, inside, group)


def sources(figures: Sequence[Figure], version: int | None = None) -> dict[int, Release]:
    """Return the release of every series that `figures` show, trend and benchmarks too. One query.

    An earlier period, or a country's own figure, may be from another release than the figure is.
    """
    ids = {point.live.series_id for f in figures for point in f.trend}
    ids |= {b.series_id for f in figures for b in f.benchmarks if b.series_id is not None}
    return {pk: series.release for pk, series in described(ids, version).items()}


def latest(figures: list[Figure], chosen: dict[int, list[Live]]) -> set[tuple[int, int]]:
    """Return (series id, area id) of every figure that there is, at its latest period."""
    return {
        (chosen[f.indicator.pk][-1].series_id, f.holder.pk) for f in figures if f.holder is not None
    }


def matching(candidates: list[Live], own: Live) -> Live | None:
    """Return the series of the very same period as `own`: figures of others do not compare."""
    return next((c for c in candidates if key_of(c) == key_of(own)), None)


def comparators(holder: Area, chain: Sequence[Area], scope: Area) -> list[tuple[str, Area]]:
    """Return the wider areas that `holder` is compared with, never wider than `scope`.

    Its region, its country, and the widest area that the indicator may be compared across when
    that is wider than a country.
    """
    found: list[tuple[str, Area]] = []
    for area in chain:
        kind = area.area_type
        if kind.rank >= holder.area_type.rank or kind.rank < scope.area_type.rank:
            continue
        if area.pk == scope.pk and kind.slug not in {"region", "country"}:
            found.append(("widest", area))
        elif kind.slug in {"region", "country"} and (
            kind.rank > scope.area_type.rank or area.pk == scope.pk
        ):
            found.append((kind.slug, area))
    return sorted(found, key=lambda pair: -pair[1].area_type.rank)


def page_comparators(area: Area, chain: list[Area]) -> list[tuple[str, Area]]:
    """Return the comparators of the whole page: region, country and the United Kingdom."""
    uk = next((a for a in chain if a.area_type_id == "uk"), None)
    return comparators(area, chain, uk) if uk else []


def editions_of(area_ids: Collection[int]) -> dict[int, list[int]]:
    """Return the ids of the editions that each area is in, the newest first. One query."""
    found: dict[int, list[int]] = {}
    rows = (
        Member.objects.filter(area__in=area_ids)
        .order_by("-edition__date", "edition")
        .values_list("area_id", "edition_id")
    )
    for area_id, edition_id in rows:
        found.setdefault(area_id, []).append(edition_id)
    return found
