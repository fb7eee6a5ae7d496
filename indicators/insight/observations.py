"""Figures for any mix of areas, indicators, periods and moments, as columns and in order.

Rows come in frames of a bounded size, so that a million of them need no more memory than
fifty thousand, and each page costs what it shows. A row is there where a series says something
of an area: a value, or the reason that there is none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import polars as pl
from django.db import connection
from django.db.models import QuerySet
from psycopg import sql

from areas.importing.copy import streamed
from areas.models import Area, AreaGroup, AreaType, Edition, GroupMember
from areas.within import ids_within
from indicators.insight.kept import Kept
from indicators.insight.live import at_time, by_bucket, here, literal_ids, version_and_time
from indicators.models import (
    Bucket,
    Dataset,
    Indicator,
    LiveSeries,
    Period,
    Release,
    Series,
)
from indicators.statistics.markers import MARKERS
from indicators.statistics.periods import ParsedPeriod, period_text

CHUNK_ROWS = 50_000
MOST_SERIES_AT_ONCE = 2_000
# Up to this many pairs of series and area are counted; beyond, only whole series are.
MOST_COUNTED = 20_000
# Of more areas than this, reading whole series is quicker than asking for each.
MOST_LISTED = 5_000

ROWS = {
    "series": pl.Int32,
    "area_id": pl.Int32,
    "value": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "marker_at": pl.Int16,
}
SHARES = {"series": pl.Int32, "area_id": pl.Int32, "coverage": pl.Float64}
DERIVED = [Series.Origin.AGGREGATE.value, Series.Origin.CONVERTED.value]
PLACES = {
    "edition_id": pl.Int32,
    "ordinal": pl.Int32,
    "area_id": pl.Int32,
    "code": pl.String,
    "name": pl.String,
}
# What a row says, in this order, in every format.
COLUMNS = {
    "code": pl.String,
    "name": pl.String,
    "type": pl.String,
    "edition": pl.String,
    "indicator": pl.String,
    "breakdown": pl.String,
    "period": pl.String,
    "period_label": pl.String,
    "value": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "coverage": pl.Float64,
    "marker": pl.String,
    "missing": pl.String,
    "origin": pl.String,
    "series": pl.Int32,
    "release": pl.String,
    "licence": pl.String,
    "withdrawn_at": pl.String,
}
MARKS = pl.DataFrame(
    [(i, m.letters, m.meaning if m.missing else None) for i, m in enumerate(MARKERS)],
    schema={"marker_at": pl.Int16, "marker": pl.String, "missing": pl.String},
    orient="row",
)
PLACES_OF = """
SELECT m.edition_id, m.ordinal, a.id, a.code, a.name FROM areas_member m
JOIN areas_area a ON a.id = m.area_id WHERE {} ORDER BY m.edition_id, m.ordinal
"""


class Unknown(LookupError):
    """Something was asked for by a name that nothing has; the message says what."""


class Withheld(NamedTuple):
    """A release whose figures may be shown but not passed on, and which indicators it has."""

    release: str
    name: str
    licence: str
    indicators: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Why these figures are not here, in a sentence."""
        return (
            f"The licence of “{self.name}” ({self.licence}) lets these figures be shown but not "
            "passed on."
        )


class Withdrawn(NamedTuple):
    """A release that has been taken back since, when (RFC 3339) and why, if that was said."""

    release: str
    withdrawn_at: str
    reason: str


@dataclass(frozen=True)
class Wanted:
    """Which figures: whatever is empty is not restricted. Rows meet every condition.

    `areas`, `parents` (what lies inside them, at `types` or `editions`) and the members of
    `groups` (by token) are added together.
    `latest` keeps the last period of each indicator and edition. `as_at` None is now.
    """

    areas: Sequence[str] = ()
    parents: Sequence[str] = ()
    groups: Sequence[str] = ()
    types: Sequence[str] = ()
    editions: Sequence[str] = ()
    indicators: Sequence[str] = ()
    datasets: Sequence[str] = ()
    releases: Sequence[str] = ()
    periods: Sequence[ParsedPeriod] = ()
    series: int | None = None
    as_at: datetime | None = None
    latest: bool = False
    # Leave out, rather than name, what may not be passed on.
    redistributable: bool = False


class Chosen(NamedTuple):
    """A series that is wanted, with what its rows say of themselves; `rows` of them in all."""

    series: int
    edition_id: int
    rows: int
    type: str
    edition: str
    indicator: str
    breakdown: str
    period: str
    period_label: str
    origin: str
    release: str
    licence: str
    withdrawn_at: str | None


@dataclass
class Selection:
    """The series and areas that were wanted, before any figure is read.

    `places` has the columns of PLACES, or is None where areas are not restricted. `at` is the
    moment that all pages of one answer are read at, `past` whether one was asked for.
    """

    series: list[Chosen]
    places: pl.DataFrame | None
    withheld: list[Withheld]
    withdrawn: list[Withdrawn]
    at: datetime
    version: int
    past: bool = False
    _by_edition: dict[int, pl.DataFrame] = field(default_factory=dict)

    def places_of(self, edition: int) -> pl.DataFrame:
        """Return the wanted areas of an edition by ordinal, with the columns of PLACES."""
        if edition not in self._by_edition:
            self._by_edition[edition] = (
                members(edition, self.version)
                if self.places is None
                else self.places.filter(pl.col("edition_id") == edition)
            )
        return self._by_edition[edition]

    def candidates(self) -> int:
        """Return the most rows that there can be. No query where areas are restricted."""
        if self.places is None:
            return sum(one.rows for one in self.series)
        return sum(min(one.rows, self.places_of(one.edition_id).height) for one in self.series)

    def count(self) -> int | None:
        """Return how many rows there are, or None where counting would cost as much as reading."""
        if self.places is None:
            return sum(one.rows for one in self.series)
        if sum(self.places_of(one.edition_id).height for one in self.series) > MOST_COUNTED:
            return None
        pairs = {
            (one.series, area)
            for one in self.series
            for area in self.places_of(one.edition_id)["area_id"].to_list()
        }
        if not pairs:
            return 0
        query = by_bucket("1", "indicators_observation", pairs)
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("SELECT count(*) FROM ({}) every").format(query))
            (n,) = cursor.fetchone()
        return int(n)


def select(wanted: Wanted) -> Selection:
    """Return the series and areas of `wanted`. At most eight queries, however many figures.

    Raises Unknown for a code, slug or type that nothing has, and InArchive where what was public
    then is archived; so does reading what was selected, where that came meanwhile.
    """
    version, moved_at = version_and_time()
    known("type of area", AreaType.objects.all(), "slug", wanted.types)
    known("edition", Edition.objects.all(), "slug", wanted.editions)
    known("indicator", Indicator.objects.all(), "slug", wanted.indicators)
    known("dataset", Dataset.objects.all(), "slug", wanted.datasets)
    known("release", public_releases(), "slug", wanted.releases)
    places = places_wanted(wanted)
    live = chosen(wanted, None if places is None else places["edition_id"].unique().to_list())
    series: list[Chosen] = []
    left_out: dict[tuple[str, str, str], set[str]] = {}
    withdrawn: dict[str, Withdrawn] = {}
    for one, about in live:
        if about.may_pass_on:
            series.append(one)
            if one.withdrawn_at:
                taken = Withdrawn(one.release, one.withdrawn_at, about.reason)
                withdrawn.setdefault(one.release, taken)
        elif not wanted.redistributable:
            key = (one.release, about.name, about.licence)
            left_out.setdefault(key, set()).add(one.indicator)
    withheld = [Withheld(*key, tuple(sorted(slugs))) for key, slugs in left_out.items()]
    at = wanted.as_at or moved_at
    past = wanted.as_at is not None or wanted.series is not None
    if past:
        here([one.series for one in series])
    return Selection(series, places, withheld, list(withdrawn.values()), at, version, past)


def instant(at: datetime | None) -> str | None:
    """Return a moment as RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def public_releases() -> QuerySet[Release]:
    """Return the releases that are, or were, public."""
    status = Release.Status
    return Release.objects.filter(
        status__in=[status.PUBLISHED, status.SUPERSEDED, status.WITHDRAWN]
    )


def known(what: str, held: QuerySet[Any], column: str, asked: Collection[str]) -> dict[str, int]:
    """Return the id of each name that was asked for. One query, none if nothing was.

    Raises Unknown, naming the first few that are not held.
    """
    if not asked:
        return {}
    found = dict(held.filter(**{f"{column}__in": set(asked)}).values_list(column, "pk"))
    if lacking := sorted(set(asked) - found.keys()):
        few = ", ".join(f"“{name[:40]}”" for name in lacking[:5])
        more = f" (and {len(lacking) - 5:,} more)" if len(lacking) > 5 else ""
        raise Unknown(f"No {what} is called {few}{more} here.")
    return found


def places_wanted(wanted: Wanted) -> pl.DataFrame | None:
    """Return the areas that `wanted` names or that lie inside what it names, or None for all."""
    if not (wanted.areas or wanted.parents or wanted.groups):
        return None
    ids = set(known("area", Area.objects.all(), "code", wanted.areas).values())
    parents = known("area", Area.objects.all(), "code", wanted.parents)
    if parents:
        ids |= ids_within(parents.values(), types=wanted.types, editions=wanted.editions)
    ids |= members_of(wanted.groups)
    return frame_of(PLACES_OF, sql.SQL("m.area_id = ANY({})").format(literal_ids(ids)), PLACES)


def members_of(tokens: Collection[str]) -> set[int]:
    """Return ids of the areas of groups. Two queries, none without any.

    Raises Unknown for a token that no group has.
    """
    groups = known("group", AreaGroup.objects.all(), "token", tokens)
    if not groups:
        return set()
    held = GroupMember.objects.filter(group__in=groups.values())
    return set(held.values_list("area_id", flat=True))


class _About(NamedTuple):
    """Of the release of a series: its name and licence, whether it may be passed on.

    And why it was withdrawn, if it was.
    """

    name: str
    licence: str
    may_pass_on: bool
    reason: str


def chosen(wanted: Wanted, editions: list[int] | None) -> list[tuple[Chosen, _About]]:
    """Return the live series that are wanted, in order of id, and their releases. One query."""
    if wanted.series is not None:
        # Whatever was ever public may be asked for by its number.
        rows: QuerySet[LiveSeries] = LiveSeries.objects.filter(series=wanted.series)
    else:
        rows = at_time(wanted.as_at)
    if editions is not None:
        rows = rows.filter(edition__in=editions)
    if wanted.types:
        rows = rows.filter(edition__area_type__in=wanted.types)
    if wanted.editions:
        rows = rows.filter(edition__slug__in=wanted.editions)
    if wanted.indicators:
        rows = rows.filter(indicator__slug__in=wanted.indicators)
    if wanted.datasets:
        rows = rows.filter(series__release__dataset__slug__in=wanted.datasets)
    if wanted.releases:
        rows = rows.filter(series__release__slug__in=wanted.releases)
    if wanted.periods:
        rows = rows.filter(period__in=periods_held(wanted.periods))
    every = rows.order_by("series_id").distinct("series_id").values_list(
        "series_id", "edition_id", "indicator_id", "period__start", "period__end",
        "series__n_values", "series__missing", "edition__area_type", "edition__slug",
        "indicator__slug", "breakdown", "period__label", "series__origin",
        "series__release__slug",
        "series__release__licence", "series__release__name", "series__release__licence__name",
        "series__release__redistributable", "series__release__licence__redistributable",
        "series__release__withdrawn_at", "series__release__withdrawn_reason",
    )  # fmt: skip
    found: list[tuple[Chosen, _About]] = []
    last: dict[tuple[int, int, str], tuple[date, date, int]] = {}
    orders: list[tuple[tuple[int, int, str], tuple[date, date, int]]] = []
    for (
        pk, edition_id, indicator_id, start, end, n_values, missing, kind, edition, indicator,
        breakdown, label, origin, release, licence, release_name, licence_name, may, licence_may,
        withdrawn_at, reason,
    ) in every:  # fmt: skip
        n_rows = n_values + sum(missing.values())
        text = period_text(start, end)
        one = Chosen(
            pk, edition_id, n_rows, kind, edition, indicator, breakdown, text, label, origin,
            release, licence, instant(withdrawn_at),
        )  # fmt: skip
        found.append((one, _About(release_name, licence_name, may and licence_may, reason)))
        key, order = (indicator_id, edition_id, breakdown), (end, start, pk)
        last[key] = max(order, last.get(key, order))
        orders.append((key, order))
    if wanted.latest:
        found = [f for f, (key, order) in zip(found, orders, strict=True) if last[key] == order]
    return found


def periods_held(periods: Collection[ParsedPeriod]) -> list[int]:
    """Return ids of the periods that begin and end as these do. One query."""
    ends = {(p.start, p.end) for p in periods}
    rows = Period.objects.filter(start__in=[p.start for p in periods])
    return [pk for pk, *both in rows.values_list("pk", "start", "end") if tuple(both) in ends]


_members: Kept[int, pl.DataFrame] = Kept(60)


def members(edition: int, version: int) -> pl.DataFrame:
    """Return every area of an edition by ordinal, with the columns of PLACES.

    Kept in the process until the data version moves. One query otherwise.
    """

    def read(editions: list[int]) -> dict[int, pl.DataFrame]:
        where = sql.SQL("m.edition_id = {}").format(sql.Literal(editions[0]))
        return {editions[0]: frame_of(PLACES_OF, where, PLACES)}

    return _members.get(version, [edition], read)[edition]


def frame_of(query: str, where: sql.Composable, schema: dict[str, Any]) -> pl.DataFrame:
    """Return the rows of `query`, whose {} is `where`, as a frame. One query."""
    return copied(sql.SQL(query).format(where), schema)


def copied(query: sql.Composable, schema: dict[str, Any]) -> pl.DataFrame:
    """Return the rows of a query by COPY, which makes no Python object of a row. One query."""
    return next(streamed(sql.SQL("({})").format(query), schema), pl.DataFrame(schema=schema))


def frames(
    selection: Selection, *, after: tuple[int, int] | None = None, first: int = CHUNK_ROWS
) -> Iterator[pl.DataFrame]:
    """Yield rows with COLUMNS and `ordinal`, in order of series and then ordinal.

    `after` is the (series, ordinal) to go on from. A frame looks at `first` areas, each later
    one at four times as many up to CHUNK_ROWS, and may be empty where a series says nothing of
    them. Two queries a frame.
    """
    batch: list[pl.DataFrame] = []
    whole = selection.places is None
    size, bucket, chunk = 0, -1, first
    about = described(selection.series)
    for one in selection.series:
        if after and one.series < after[0]:
            continue
        places = selection.places_of(one.edition_id)
        start = 0
        if after and one.series == after[0]:
            start = int(places["ordinal"].search_sorted(after[1], side="right"))
        while start < places.height:
            here = one.series // Bucket.BLOCK
            if batch and (size >= chunk or here != bucket or len(batch) >= MOST_SERIES_AT_ONCE):
                yield rows_of(selection, batch, about, whole)
                batch, size, whole = [], 0, selection.places is None
                chunk = min(4 * chunk, CHUNK_ROWS)
            bucket = here
            part = places.slice(start, chunk - size)
            whole = whole and part.height == places.height
            batch.append(part.with_columns(series=pl.lit(one.series, dtype=pl.Int32)))
            size += part.height
            start += part.height
    if batch:
        yield rows_of(selection, batch, about, whole)


def described(series: list[Chosen]) -> pl.DataFrame:
    """Return what the rows of each series say of themselves, a row a series."""
    names = [n for n in Chosen._fields if n not in {"edition_id", "rows"}]
    at = [Chosen._fields.index(n) for n in names]
    return pl.DataFrame(
        [[one[i] for i in at] for one in series],
        schema={n: COLUMNS[n] for n in names},
        orient="row",
    )


def rows_of(
    selection: Selection, batch: list[pl.DataFrame], about: pl.DataFrame, whole: bool
) -> pl.DataFrame:
    """Return the rows of (series, area) candidates that there are, in their order.

    Two queries, and one more of the past.
    """
    candidates = pl.concat(batch)
    ids = candidates["series"].unique().to_list()
    where = sql.SQL("series_id = ANY({})").format(literal_ids(ids))
    if len(ids) == 1:
        where = sql.SQL("series_id = {}").format(sql.Literal(ids[0]))
    areas = candidates["area_id"].unique()
    if not whole and areas.len() <= MOST_LISTED:
        where = sql.SQL("area_id = ANY({}) AND {}").format(literal_ids(areas.to_list()), where)
    rows = frame_of(
        "SELECT series_id, area_id, value, lower, upper, numerator, denominator, "
        "coalesce(marker, 0) FROM indicators_observation WHERE {}",
        where,
        ROWS,
    )
    shares = pl.DataFrame(schema=SHARES)
    if added_up := set(about.filter(pl.col("origin").is_in(DERIVED))["series"]) & set(ids):
        shares = frame_of(
            "SELECT series_id, area_id, share FROM indicators_coverage WHERE {}",
            sql.SQL("series_id = ANY({})").format(literal_ids(added_up)),
            SHARES,
        )
    if selection.past:
        here(ids)
    return (
        candidates.join(rows, on=["series", "area_id"], how="inner", maintain_order="left")
        .join(shares, on=["series", "area_id"], how="left", maintain_order="left")
        .join(about, on="series", how="left", maintain_order="left")
        .join(MARKS, on="marker_at", how="left", maintain_order="left")
        .with_columns(
            coverage=pl.when(pl.col("value").is_not_null()).then(pl.col("coverage").fill_null(1.0))
        )
        .select(*COLUMNS, "ordinal")
    )


def page(
    selection: Selection, *, after: tuple[int, int] | None, limit: int
) -> tuple[pl.DataFrame, tuple[int, int] | None]:
    """Return up to `limit` rows with COLUMNS, and where the next page goes on from, if any."""
    found: list[pl.DataFrame] = []
    height = 0
    # Further each time: a series may say nothing of thousands of areas.
    for frame in frames(selection, after=after, first=limit + 1):
        found.append(frame)
        height += frame.height
        if height > limit:
            break
    if not found:
        return pl.DataFrame(schema=COLUMNS), None
    every = pl.concat(found)
    shown = every.head(limit)
    onward = None
    if every.height > limit:
        onward = (int(shown["series"][-1]), int(shown["ordinal"][-1]))
    return shown.select(*COLUMNS), onward
