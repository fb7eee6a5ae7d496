"""Do reads cost the same in a store of 100 million observations as in one of 1 million?

    python -m tests.bench.reads [--rows 1000000 --rows 10000000] [--n 60] [--own N]

Geography and code are the product's: real areas, its tables and buckets (`OpenBucket`), its read
functions. Values are synthetic: 500 indicators in 60 datasets, 4 periods of each, a release for
each dataset and period. Both stores have the same series, all live, and cover every authority
and wider area; of smaller areas a larger store covers more, and always those that are asked for,
so that the answers are the same size. Two indicators cover every area in their last period.
Rows have one standing each, not three, to spare the disk. Rows come by binary COPY, which is
faster than staging; tables, keys and indexes are those that staging makes.

Reads are warm and take turns: the first size is the baseline of the others. Works in copies of
the kept demo database, and drops them. 100 million need about 25 GB and half an hour; with
`--own 25000` 10 million lie in as many partitions (240) as 100 million do.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tests.bench import _database
from tests.bench._figures import Figure, in_turns, quantiles, save, say, show, timed, verdict

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from areas.models import Area, Edition
    from indicators.models import Dataset, Indicator, Period, Release

Ints = NDArray[np.int32]

INDICATORS, DATASETS, PERIODS, EVERYWHERE = 500, 60, 4, 2
SMALL, KNOWN_BY = "lsoa-2011", ("msoa-2011", "ward-2025")
SAMPLED = (SMALL, *KNOWN_BY)
PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)
MOST_TIMES = 1.3
CHUNK = 200_000
FLOATS = ("value", "lower", "upper", "numerator", "denominator")


@dataclass
class World:
    """Which areas each series of a store of about `rows` observations covers."""

    rows: int
    members: dict[str, Ints]
    samples: dict[str, Ints] = field(default_factory=dict)
    subjects: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Choose small areas at random, and before all others the wards and MSOAs they are in."""
        first = np.random.default_rng(1).permutation(self.members[SMALL])
        series = INDICATORS * PERIODS
        small = sum(len(self.members[slug]) for slug in SAMPLED)
        wide = sum(len(ids) for slug, ids in self.members.items() if slug not in SAMPLED)
        each = (self.rows - EVERYWHERE * small) / series - wide
        share = min(1.0, max(each, 3 * 12) / small)
        counts = {slug: round(len(self.members[slug]) * share) for slug in SAMPLED}
        fewest = max(12, int(max(each, 0) // len(SAMPLED))) if share < 0.01 else 0
        parents = parents_of(first[:200].tolist())
        self.subjects = [pk for pk in first[:200].tolist() if len(parents[pk]) == len(KNOWN_BY)][
            :12
        ]
        for slug in SAMPLED:
            ahead = (
                np.array(self.subjects, np.int32)
                if slug == SMALL
                else np.unique([parents[pk][slug] for pk in self.subjects]).astype(np.int32)
            )
            rest = np.setdiff1d(self.members[slug], ahead)
            rest = np.random.default_rng(2).permutation(rest)
            n = max(counts[slug], fewest)
            self.samples[slug] = np.sort(np.concatenate([ahead, rest])[:n])

    def areas(self, slug: str, *, everywhere: bool) -> Ints:
        """Return the ids that one series of an edition covers."""
        if everywhere or slug not in SAMPLED:
            return self.members[slug]
        return self.samples[slug]


def parents_of(ids: list[int]) -> dict[int, dict[str, int]]:
    """Return the MSOA and the ward of each small area."""
    from areas.models import AreaOverlap

    found: dict[int, dict[str, int]] = {pk: {} for pk in ids}
    rows = AreaOverlap.objects.filter(
        from_area__in=ids, overlap_set__to_edition__slug__in=KNOWN_BY
    ).values_list("from_area_id", "overlap_set__to_edition__slug", "to_area_id")
    for pk, slug, parent in rows:
        found[pk][slug] = parent
    return found


def packed(fields: Sequence[tuple[str, str]], columns: dict[str, np.ndarray]) -> bytes:
    """Return rows as the body of a binary COPY; a masked entry of a column is null."""
    layout: list[tuple[str, str]] = [("count", ">i2")]
    for name, kind in fields:
        layout += [(f"{name}_size", ">i4"), (name, kind)]
    dtype = np.dtype(layout)
    n = len(columns[fields[0][0]])
    row = np.zeros(n, dtype)
    row["count"] = len(fields)
    keep = np.ones((n, dtype.itemsize), bool)
    for name, kind in fields:
        size = np.dtype(kind).itemsize
        column = columns[name]
        row[name] = np.ma.getdata(column)
        null = np.ma.getmaskarray(column)
        row[f"{name}_size"] = np.where(null, -1, size)
        at = dtype.fields[name][1]  # type: ignore[index]
        keep[:, at : at + size] = ~null[:, None]
    body: bytes = row.view(np.uint8).reshape(n, -1)[keep].tobytes()
    return body


OBSERVATION = [
    ("series_id", ">i4"),
    ("area_id", ">i4"),
    *((name, ">f8") for name in FLOATS),
    ("marker", ">i2"),
]
STANDING = [(n, ">i4") for n in ("series_id", "area_id", "group_area_id", "rank", "tied", "out_of")]


def observations(series: Ints, areas: Ints, rng: np.random.Generator) -> bytes:
    """Return observations: 2% missing, half with numerator and denominator, 30% with limits."""
    n = len(series)
    value = rng.normal(50, 15, n)
    missing = rng.random(n) < 0.02
    no_limits, no_parts = missing | (rng.random(n) > 0.3), missing | (rng.random(n) > 0.5)
    return packed(
        OBSERVATION,
        {
            "series_id": series,
            "area_id": areas,
            "value": np.ma.array(value, mask=missing),
            "lower": np.ma.array(value - 3, mask=no_limits),
            "upper": np.ma.array(value + 3, mask=no_limits),
            "numerator": np.ma.array(np.round(value * 15), mask=no_parts),
            "denominator": np.ma.array(np.full(n, 1500.0), mask=no_parts),
            "marker": np.ma.array(np.full(n, 2), mask=~missing),
        },
    )


def ranks(series: Ints, areas: Ints, uk: int, out_of: int) -> bytes:
    """Return one standing an observation, in the United Kingdom."""
    n = len(series)
    columns = {
        "series_id": series,
        "area_id": areas,
        "group_area_id": np.full(n, uk),
        "rank": areas % out_of + 1,
        "tied": np.ones(n),
        "out_of": np.full(n, out_of),
    }
    return packed(STANDING, columns)


@contextlib.contextmanager
def binary_copy(table: str, *, fresh: bool) -> Iterator[Callable[[bytes], None]]:
    """Give the writer of a binary COPY on Django's connection."""
    from django.db import connection

    freeze = ", FREEZE" if fresh else ""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary{freeze})") as copy,
    ):
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        yield copy.write
        copy.write(b"\xff\xff")


def fill(rows: int) -> World:
    """Fill the database that Django is on with a store of about `rows` observations."""
    from django.db import connection, transaction

    from areas.hierarchy import member_ids
    from areas.models import Area, Edition
    from indicators.models import Dataset, Indicator, Licence, Period, Theme

    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM indicators_bucket")
        for (pk,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE indicators_observation_b{pk}, indicators_standing_b{pk}")
        cursor.execute("TRUNCATE indicators_release, indicators_indicator CASCADE")
    editions = {e.slug: e for e in Edition.objects.select_related("area_type")}
    world = World(rows, {slug: member_ids(e).astype(np.int32) for slug, e in editions.items()})
    uk = Area.objects.get(code="K02000001")
    theme, licence = Theme.objects.all()[0], Licence.objects.all()[0]
    indicators = Indicator.objects.bulk_create(
        Indicator(
            slug=f"bench-{i}",
            name=f"Bench {i}",
            short_name=f"Bench {i}",
            theme=theme,
            definition="Synthetic",
            aggregation="ratio",
            scope=uk,
        )
        for i in range(INDICATORS)
    )
    datasets = Dataset.objects.bulk_create(
        Dataset(slug=f"bench-{d}", name=f"Bench {d}", publisher="Bench", licence=licence)
        for d in range(DATASETS)
    )
    periods = Period.objects.bulk_create(
        Period(start=date(y, 7, 2), end=date(y, 7, 2), kind="point", label=f"2 July {y}")
        for y in range(2021, 2021 + PERIODS)
    )
    batches = [
        Batch(dataset, period, [i for n, i in enumerate(indicators) if n % DATASETS == d])
        for period in periods
        for d, dataset in enumerate(datasets)
    ]
    for batch in batches:
        full = indicators[:EVERYWHERE] if batch.period is periods[-1] else []
        batch.cover(world, full)
    for together in shared_out(batches):
        with transaction.atomic():
            fill_bucket(together, editions, world, uk.pk)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    return world


@dataclass
class Batch:
    """One dataset at one period: a release to be, and the areas that each series covers."""

    dataset: Dataset
    period: Period
    indicators: list[Indicator]
    covered: dict[tuple[str, Indicator], Ints] = field(default_factory=dict)

    def cover(self, world: World, full: Sequence[Indicator]) -> None:
        """Choose the areas of each series. `full` indicators cover every area."""
        self.covered = {
            (slug, i): world.areas(slug, everywhere=i in full)
            for slug in world.members
            for i in self.indicators
        }

    @property
    def rows(self) -> int:
        """Observations in this release."""
        return sum(map(len, self.covered.values()))


def shared_out(batches: list[Batch]) -> list[list[Batch]]:
    """Return the batches of each bucket, by the product's rule for releases as they arrive."""
    from indicators.models import Bucket
    from indicators.releases import storage

    found: list[list[Batch]] = []
    shared: list[Batch] = []
    for batch in batches:
        if batch.rows >= storage.OWN_BUCKET_ROWS:
            found.append([batch])
            continue
        rows = sum(other.rows for other in shared)
        series = sum(len(other.covered) for other in [*shared, batch])
        if not shared or rows >= storage.SHARED_BUCKET_ROWS or series > Bucket.BLOCK:
            shared = []
            found.append(shared)
        shared.append(batch)
    return found


def fill_bucket(batches: list[Batch], editions: dict[str, Edition], world: World, uk: int) -> None:
    """Write releases into a bucket, publish them, and only then attach it, shared or not.

    The product loads a shared bucket attached; ours ends in the same form, sooner.
    """
    from indicators.models import Bucket, Release
    from indicators.releases.storage import OBSERVATION, OWN_BUCKET_ROWS, STANDING, OpenBucket

    releases = Release.objects.bulk_create(
        Release(
            dataset=batch.dataset,
            slug=f"{batch.dataset.slug}-{batch.period.start}",
            name=f"{batch.dataset.name}, {batch.period}",
            licence=batch.dataset.licence,
            received_at=PUBLISHED,
            published_at=PUBLISHED,
            status=Release.Status.PUBLISHED,
        )
        for batch in batches
    )
    record = Bucket.objects.create(
        shared=False, release=releases[0], rows=sum(batch.rows for batch in batches)
    )
    bucket = OpenBucket(record, attached=False)
    ids: list[dict[tuple[str, Indicator], int]] = []
    for batch, release in zip(batches, releases, strict=True):
        ids.append(dict(zip(batch.covered, bucket.give_ids(len(batch.covered)), strict=True)))
        write_series(batch, release, ids[-1], editions, world)
    rng = np.random.default_rng(record.pk)
    for table, make in (
        (OBSERVATION, partial(observations, rng=rng)),
        (STANDING, partial(ranks, uk=uk, out_of=50_000)),
    ):
        with binary_copy(f"{table}_b{record.pk}", fresh=True) as write:
            for batch, pks in zip(batches, ids, strict=True):
                for series, areas in laid_down(batch, pks):
                    write(make(series, areas))
    bucket.attach()
    if record.rows < OWN_BUCKET_ROWS or len(batches) > 1:
        Bucket.objects.filter(pk=record.pk).update(shared=True, release=None)


def write_series(
    batch: Batch,
    release: Release,
    ids: dict[tuple[str, Indicator], int],
    editions: dict[str, Edition],
    world: World,
) -> None:
    """Insert the series of a release, live, with their packed arrays."""
    from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

    from indicators.models import LiveSeries, Series

    histogram, quantiles_ = [700] * 64, [float(q) for q in range(21)]
    Series.objects.bulk_create(
        Series(
            id=ids[slug, i],
            release=release,
            indicator=i,
            edition=editions[slug],
            period=batch.period,
            n_members=len(world.members[slug]),
            n_values=len(areas),
            quantiles=quantiles_,
            class_breaks=[30.0, 40.0, 50.0, 60.0],
            plot_low=0.0,
            plot_high=100.0,
            histogram=histogram,
        )
        for (slug, i), areas in batch.covered.items()
    )
    LiveSeries.objects.bulk_create(
        LiveSeries(
            indicator=i,
            edition=editions[slug],
            period=batch.period,
            series_id=ids[slug, i],
            live=DateTimeTZRange(PUBLISHED, None),
        )
        for slug, i in batch.covered
    )
    rng = np.random.default_rng(release.pk)
    with binary_copy("indicators_packedarray", fresh=False) as write:
        for (slug, i), areas in batch.covered.items():
            members = world.members[slug]
            values = np.where(np.isin(members, areas), rng.normal(50, 15, len(members)), np.nan)
            body, marks = values.astype("<f8").tobytes(), bytes(len(members))
            sizes = [n.to_bytes(4, "big") for n in (4, ids[slug, i], len(body), len(marks))]
            write(b"\0\x03" + sizes[0] + sizes[1] + sizes[2] + body + sizes[3] + marks)


def laid_down(batch: Batch, ids: dict[tuple[str, Indicator], int]) -> Iterator[tuple[Ints, Ints]]:
    """Yield series and areas of rows in chunks, by area and then by series, as staging sorts."""
    for slug in dict.fromkeys(slug for slug, _ in batch.covered):
        mine = [(ids[s, i], areas) for (s, i), areas in batch.covered.items() if s == slug]
        series = np.concatenate([np.full(len(areas), pk, np.int32) for pk, areas in mine])
        areas = np.concatenate([areas for _, areas in mine])
        order = np.lexsort((series, areas))
        for start in range(0, len(order), CHUNK):
            part = order[start : start + CHUNK]
            yield series[part], areas[part]


# --- reading -------------------------------------------------------------------------------------


@dataclass
class Store:
    """A filled database, with a connection of its own."""

    rows: int
    world: World
    wrapper: BaseDatabaseWrapper

    def reads(self, n: int) -> dict[str, list[Callable[[], object]]]:
        """Return the product's reads of `n` places, and of `n` series."""
        from areas.models import Area

        with self:
            small = list(Area.objects.filter(pk__in=self.world.subjects).select_related())
            wide = list(Area.objects.filter(area_type="authority", valid_to=None)[: n // 2])
            places = [self.place(area) for area in (small * n + wide)[-n:]]
            full = self.series(SMALL, EVERYWHERE)
            league = self.series("authority-2025", INDICATORS)
        last = len(league) - 20
        works: dict[str, list[Callable[[], object]]] = {}
        for name in places[0]:
            works[name] = [place[name] for place in places]
        works["series read: array of 42,619"] = [
            partial(self.array, [full[k % 2]]) for k in range(n)
        ]
        works["series read: arrays of 20 by 361"] = [
            partial(self.array, league[k * 7 % last :][:20]) for k in range(n)
        ]
        works["series read: rows of 361"] = [
            partial(self.rows_of, league[k * 7 % last]) for k in range(n)
        ]
        works["series read: rows of 42,619"] = [
            partial(self.rows_of, full[k % 2]) for k in range(min(n, 10))
        ]
        return works

    def place(self, area: Area) -> dict[str, Callable[[], object]]:
        """Return the reads behind the profile of one place, and the whole of it."""
        from areas.hierarchy import ancestors
        from indicators.insight.live import live_series, readings, standings
        from indicators.insight.profile import editions_of, profile

        chain = [area.pk, *(a.pk for a in ancestors(area))]
        holders = {e: pk for pk, found in editions_of(chain).items() for e in found}
        live = live_series(holders)
        latest = {(one.edition_id, one.indicator_id): one for one in live}
        own = {edition for edition, pk in holders.items() if pk == area.pk}
        wanted = {one for one in live if one.edition_id in own} | set(latest.values())
        pairs = [(one.series_id, holders[one.edition_id]) for one in wanted]
        ranked = [(one.series_id, area.pk) for one in latest.values() if one.edition_id in own]
        return {
            "live series": partial(self.run, live_series, list(holders)),
            "profile read: rows": partial(self.run, readings, pairs),
            "profile read: standings": partial(self.run, standings, ranked),
            "whole profile": partial(self.run, profile, area),
        }

    def series(self, edition: str, n: int) -> list[int]:
        """Return the last period's series of the first `n` indicators at one level."""
        from indicators.models import Series

        return list(
            Series.objects.filter(edition__slug=edition, period__start__year=2020 + PERIODS)
            .order_by("indicator_id")
            .values_list("pk", flat=True)[:n]
        )

    def run(self, read: Callable[..., object], *args: object) -> object:
        """Read from this store."""
        with self:
            return read(*args)

    def array(self, ids: list[int]) -> object:
        """Read packed arrays that this process does not hold yet."""
        from indicators.insight import live

        live._kept.clear()
        return self.run(live.arrays, ids)

    def rows_of(self, series: int) -> object:
        """Read every observation of a series, as an export does."""
        from indicators.models import Observation

        rows = Observation.objects.filter(series=series).values_list("area_id", "value", "marker")
        with self:
            return list(rows.using("default"))

    def __enter__(self) -> None:
        """Turn Django to this store."""
        from django.db import connections

        connections["default"] = self.wrapper

    def __exit__(self, *error: object) -> None:
        """Leave it there: the next store turns Django to itself."""


def open_store(url: str, rows: int) -> Store:
    """Fill the database of `url` and return it open."""
    from django.db import connection, connections

    _database.switch(url)
    worlds: list[World] = []
    seconds = timed(lambda: worlds.append(fill(rows)))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT parent, count(*) - 1, sum(pg_table_size(t.relid)),"
            " sum(pg_indexes_size(t.relid)),"
            " sum(c.reltuples) FILTER (WHERE t.isleaf)"
            " FROM unnest(%s::text[]) parent, pg_partition_tree(parent::regclass) t"
            " JOIN pg_class c ON c.oid = t.relid GROUP BY parent",
            (["indicators_observation", "indicators_standing"],),
        )
        for table, partitions, heap, indexes, held in cursor.fetchall():
            say(
                f"{rows:,}: {table} {held:,.0f} rows in {partitions} partitions, bytes a row"
                f" {float(heap) / held:.1f} + {float(indexes) / held:.1f} of indexes"
            )
    say(f"{rows:,}: filled in {seconds:.0f} s")
    wrapper = connections["default"]
    connections["default"] = connections.create_connection("default")
    wrapper.settings_dict = dict(wrapper.settings_dict)
    return Store(rows, worlds[0], wrapper)


def compare(base: Store, large: Store, n: int) -> list[Figure]:
    """Return the figures of each read in `large`, beside those in `base` in turns."""
    figures: list[Figure] = []
    here, there = large.reads(n), base.reads(n)
    for name, works in here.items():
        pair = {"base": there[name], "large": works}
        in_turns(pair)  # warm
        seconds = in_turns(pair)
        found, baseline = quantiles(seconds["large"]), quantiles(seconds["base"])
        figures.append(
            {
                "measure": name,
                "rows": large.rows,
                "state": "warm",
                **found,
                "baseline_rows": base.rows,
                "baseline_p50_ms": baseline["p50_ms"],
                "baseline_p95_ms": baseline["p95_ms"],
                "ratio": round(found["p50_ms"] / baseline["p50_ms"], 2),
            }
        )
        show(figures[-1:])
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="reads", description=__doc__)
    parser.add_argument("--rows", type=int, action="append", help="sizes; the first is the base")
    parser.add_argument("--n", type=int, default=60, help="places and series to read")
    parser.add_argument(
        "--own", type=int, help="rows that earn a release a partition, if not the product's number"
    )
    args = parser.parse_args(argv)
    sizes = args.rows or [1_000_000, 10_000_000]
    template = _database.kept_demo()
    _database.close()
    if args.own:
        from indicators.releases import storage

        storage.OWN_BUCKET_ROWS = args.own
    figures: list[Figure] = []
    with contextlib.ExitStack() as stack:
        base: Store | None = None
        for rows in sizes:
            url = stack.enter_context(_database.copy_of(template, f"bench_reads_{rows}"))
            store = open_store(url, rows)
            stack.callback(store.wrapper.close)
            if base is None:
                base = store
                continue
            figures += (found := compare(base, store, args.n))
            figures += [
                verdict(f"{f['measure']}, {rows:,} to {base.rows:,}", f["ratio"], MOST_TIMES)
                for f in found
                if f["measure"].startswith(("profile", "series"))
            ]
            save("reads", figures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
