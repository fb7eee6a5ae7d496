"""What is held: the datasets with figures live, the editions of areas, and who is covered."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import NamedTuple

import numpy as np
from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection
from django.db.models import Count, Max, Min, Q, Sum

from areas.models import Area, AreaType, Edition
from indicators.insight.kept import Kept
from indicators.insight.live import at_time
from indicators.models import Dataset, Indicator, Licence, PackedArray, Release

# The first letter of a GSS code names the nation; the 2011 areas of Northern Ireland begin with 9.
NATIONS = {"England": "E", "Wales": "W", "Scotland": "S", "Northern Ireland": "N9"}
# Arrays read at a time: 50 of every neighbourhood are 20 MB.
CHUNK = 50
MOST_REMEMBERED = 50_000


@dataclass(frozen=True)
class HeldDataset:
    """A dataset that has something live. `levels` are types of area, the widest first."""

    dataset: Dataset
    release: Release
    licence: Licence
    n_indicators: int
    n_figures: int
    levels: list[AreaType]
    first: date
    last: date


@dataclass(frozen=True)
class HeldEdition:
    """An edition, and how many areas it has in all and in each nation."""

    edition: Edition
    n_areas: int
    by_nation: dict[str, int]


class Reach(NamedTuple):
    """The smallest kind of area with figures in a nation: how many have one, of how many."""

    kind: AreaType
    known: int
    of: int


@dataclass(frozen=True)
class HeldIndicator:
    """An indicator with something live, its latest period, and its reach in each nation."""

    indicator: Indicator
    period: str
    reach: dict[str, Reach | None]


@dataclass(frozen=True)
class Holdings:
    """Everything held, for whoever asks what this site knows."""

    datasets: list[HeldDataset]
    editions: list[HeldEdition]
    indicators: list[HeldIndicator]
    n_areas: int
    n_figures: int


class LatestSeries(NamedTuple):
    """The live series of the latest period of an indicator at one edition."""

    series_id: int
    indicator_id: int
    edition_id: int
    period: str
    end: date


def holdings() -> Holdings:
    """Return what is held and live now.

    Figures are values of areas, whole series at every period; reach is of the latest period.
    """
    editions = held_editions()
    datasets = held_datasets()
    return Holdings(
        datasets=datasets,
        editions=editions,
        indicators=held_indicators(editions),
        n_areas=sum_of_areas(),
        n_figures=sum(one.n_figures for one in datasets),
    )


_lasting: Kept[date, int] = Kept(2)


def areas_that_last(on: date, version: int) -> int:
    """Return how many areas have not ended on a day. One query, or none where it is kept."""

    def read(_: list[date]) -> dict[date, int]:
        lasting = Q(valid_to__isnull=True) | Q(valid_to__gt=on)
        return {on: Area.objects.filter(lasting).count()}

    return _lasting.get(version, [on], read)[on]


def sum_of_areas() -> int:
    """Return how many different areas are in at least one edition."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT area_id) FROM areas_member")
        return int(cursor.fetchone()[0])


def held_editions() -> list[HeldEdition]:
    """Return every edition that has areas, the widest areas first. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.edition_id, left(a.code, 1), count(*) FROM areas_member m "
            "JOIN areas_area a ON a.id = m.area_id GROUP BY 1, 2"
        )
        counts = cursor.fetchall()
    found = []
    for edition in Edition.objects.select_related("area_type").order_by("area_type__rank", "-date"):
        mine = {letter: n for pk, letter, n in counts if pk == edition.pk}
        if not mine:
            continue
        by_nation = {
            nation: sum(mine.get(letter, 0) for letter in letters)
            for nation, letters in NATIONS.items()
        }
        found.append(HeldEdition(edition, sum(mine.values()), by_nation))
    return found


def held_datasets() -> list[HeldDataset]:
    """Return datasets with something live, by publisher and name. Four queries."""
    rows = (
        at_time(None)
        .values("series__release__dataset")
        .annotate(
            n_indicators=Count("indicator", distinct=True),
            n_figures=Sum("series__n_values"),
            levels=ArrayAgg("edition__area_type", distinct=True),
            first=Min("period__start"),
            last=Max("period__end"),
        )
        .order_by("series__release__dataset__publisher", "series__release__dataset__name")
    )
    found = list(rows)
    kinds = {kind.slug: kind for kind in AreaType.objects.all()}
    datasets = Dataset.objects.in_bulk([row["series__release__dataset"] for row in found])
    releases = newest_releases()
    held = []
    for row in found:
        release = releases.get(row["series__release__dataset"])
        if release is None:
            continue  # Withdrawn since the first of these queries.
        held.append(
            HeldDataset(
                dataset=datasets[row["series__release__dataset"]],
                release=release,
                licence=release.licence,
                n_indicators=row["n_indicators"],
                n_figures=row["n_figures"],
                levels=sorted((kinds[slug] for slug in row["levels"]), key=lambda k: k.rank),
                first=row["first"],
                last=row["last"],
            )
        )
    return held


def newest_releases() -> dict[int, Release]:
    """Return, by dataset, the release with something live that its publisher issued last."""
    live = (
        Release.objects.filter(pk__in=at_time(None).values("series__release"))
        .select_related("licence")
        .order_by("dataset_id", "-publisher_date", "-pk")
        .distinct("dataset_id")
    )
    return {release.dataset_id: release for release in live}


def held_indicators(editions: list[HeldEdition]) -> list[HeldIndicator]:
    """Return every indicator with something live, by theme and name, and whom it covers."""
    latest = latest_series()
    counts = counts_by_nation({one.series_id: one.edition_id for one in latest})
    by_edition = {one.edition.pk: one for one in editions}
    of_indicator: dict[int, list[LatestSeries]] = {}
    for one in latest:
        of_indicator.setdefault(one.indicator_id, []).append(one)
    indicators = (
        Indicator.objects.filter(pk__in=of_indicator)
        .select_related("theme")
        .order_by("theme__order", "theme__name", "name")
    )
    return [
        HeldIndicator(
            indicator=indicator,
            period=max(of_indicator[indicator.pk], key=lambda one: one.end).period,
            reach={
                nation: reach(nation, of_indicator[indicator.pk], counts, by_edition)
                for nation in NATIONS
            },
        )
        for indicator in indicators
    ]


def latest_series() -> list[LatestSeries]:
    """Return the series of the latest period of each indicator at each edition. One query."""
    rows = (
        at_time(None)
        .filter(breakdown="")
        .order_by("indicator_id", "edition_id", "-period__end", "-period__start", "-series_id")
        .distinct("indicator_id", "edition_id")
        .values_list("series_id", "indicator_id", "edition_id", "period__label", "period__end")
    )
    return [LatestSeries(*row) for row in rows]


def reach(
    nation: str,
    latest: list[LatestSeries],
    counts: dict[int, dict[str, int]],
    by_edition: dict[int, HeldEdition],
) -> Reach | None:
    """Return the smallest kind of area in `nation` that has a figure, or None."""
    candidates = [
        Reach(held.edition.area_type, known, held.by_nation[nation])
        for one in latest
        if (known := counts[one.series_id][nation]) and (held := by_edition.get(one.edition_id))
    ]
    return max(candidates, key=lambda r: (r.kind.rank, r.known), default=None)


_counted: dict[int, dict[str, int]] = {}


def counts_by_nation(edition_of: dict[int, int]) -> dict[int, dict[str, int]]:
    """Return how many areas of each nation have a value in each of these series.

    A series never changes, nor do the areas of its edition, so each is counted once a process.
    """
    lacking = [pk for pk in edition_of if pk not in _counted]
    if lacking:
        masks = nation_masks({edition_of[pk] for pk in lacking})
        for row in in_chunks(lacking):
            known = ~np.isnan(np.frombuffer(row.values, dtype="<f8"))
            mine = masks[edition_of[row.pk]]
            _counted[row.pk] = {n: int((known & mask).sum()) for n, mask in mine.items()}
    nothing = dict.fromkeys(NATIONS, 0)
    found = {pk: _counted.get(pk, nothing) for pk in edition_of}
    while len(_counted) > MOST_REMEMBERED:
        _counted.pop(next(iter(_counted), 0), None)
    return found


def in_chunks(series_ids: Collection[int]) -> Iterator[PackedArray]:
    """Yield packed arrays, a bounded number in memory at a time."""
    ids = iter(series_ids)
    while chunk := list(islice(ids, CHUNK)):
        yield from PackedArray.objects.filter(series__in=chunk).only("values")


def nation_masks(editions: Collection[int]) -> dict[int, dict[str, np.ndarray]]:
    """Return, by edition and nation, which ordinals belong to it. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.edition_id, string_agg(left(a.code, 1), '' ORDER BY m.ordinal) "
            "FROM areas_member m JOIN areas_area a ON a.id = m.area_id "
            "WHERE m.edition_id = ANY(%s) GROUP BY 1",
            (list(editions),),
        )
        letters = {pk: np.array(list(text)) for pk, text in cursor.fetchall()}
    return {
        pk: {nation: np.isin(found, list(first)) for nation, first in NATIONS.items()}
        for pk, found in letters.items()
    }
