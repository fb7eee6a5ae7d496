"""How should Observation rows be stored? Measured, so that docs/decisions.md can say why.

Values are synthetic; the shape is the real one: the UK's area counts by level, 500 indicators in
60 datasets, one series per indicator, level and period, and releases that arrive in an order where
some datasets lag. The first ten indicators cover every area at every size, so that a series read
returns the same rows from a store of 1 million as from one of 100 million; the others cover every
authority and above and as many smaller areas as the size allows.

    DATABASE_URL=postgresql:///bench?host=/tmp/spike \
        python -m tests.bench.storage --rows 1000000 --layouts one,dataset,bucket,range

For each layout and size it loads the store, then measures a further release of 2 million rows
(staged three ways, published, withdrawn, dropped) and the three reads. `--planning` measures the
planning time of those reads against many empty partitions. It works in its own schema,
`bench_storage`, which it drops; results go to docs/bench/storage.json, one entry per run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "bench" / "storage.json"

LEVELS = {
    "small": 34_753 + 6_976 + 890,
    "middle": 8_480,
    "ward": 7_900,
    "authority": 361,
    "county": 21,
    "region": 9,
    "country": 4,
    "widest": 3,
}
SAMPLED = ("small", "middle", "ward")
PROFILE = ("small", "middle", "ward", "authority", "region", "country", "widest")
SCHEMA = "bench_storage"
INDICATORS, DATASETS, EVERYWHERE = 500, 60, 10
CHUNK = 200_000
EXTRA_SERIES, EXTRA_AREAS = 50, 40_000

COLUMNS = "series_id, area_id, value, lower, upper, numerator, denominator, marker"
COLUMN_DDL = """
    series_id integer NOT NULL, area_id integer NOT NULL,
    value float8, lower float8, upper float8, numerator float8, denominator float8,
    marker smallint
"""
FLOATS = ("value", "lower", "upper", "numerator", "denominator")
CHECKS = "CHECK (value IS NOT NULL OR marker IS NOT NULL), CHECK ({})".format(
    " AND ".join(f"{c} > '-Infinity' AND {c} < 'Infinity'" for c in FLOATS)  # NaN sorts above all
)
INDEXES = {
    "area": ["UNIQUE (area_id, series_id)", "(series_id)"],
    "series": ["UNIQUE (series_id, area_id)"],
    "both": ["UNIQUE (series_id, area_id)", "(area_id, series_id)"],
    "cover": [
        f"UNIQUE (area_id, series_id) INCLUDE ({', '.join(FLOATS)}, marker)",
        "(series_id)",
    ],
    "brin": ["UNIQUE (area_id, series_id)", "USING brin (series_id) WITH (pages_per_range = 32)"],
}
FOREIGN_KEYS = [
    "ADD CONSTRAINT {t}_series_fk FOREIGN KEY (series_id) REFERENCES series",
    "ADD CONSTRAINT {t}_area_fk FOREIGN KEY (area_id) REFERENCES area",
]


# --- the synthetic country -----------------------------------------------------------------------


@dataclass(frozen=True)
class Release:
    """One dataset at one period: a run of series ids and the areas each of them covers."""

    number: int
    dataset: int
    period: int
    series: list[tuple[int, int, str]]  # series id, indicator, level

    def covered(self, world: World) -> int:
        """Rows in this release."""
        return sum(len(world.areas(indicator, level)) for _, indicator, level in self.series)


@dataclass
class World:
    """Areas, series and releases for a store of about `rows` observations."""

    rows: int
    every: dict[str, np.ndarray] = field(default_factory=dict)
    sample: dict[str, np.ndarray] = field(default_factory=dict)
    releases: list[Release] = field(default_factory=list)

    def __post_init__(self) -> None:
        total = sum(LEVELS.values())
        self.periods = max(1, round(self.rows / 25_000_000))
        each = (self.rows / self.periods - EVERYWHERE * total) / (INDICATORS - EVERYWHERE)
        upper = sum(n for level, n in LEVELS.items() if level not in SAMPLED)
        share = min(1.0, (each - upper) / (total - upper))
        rng, first = np.random.default_rng(1), 1
        for level, n in LEVELS.items():
            ids = np.arange(first, first + n, dtype=np.int32)
            shuffled = rng.permutation(ids)  # a smaller store's sample lies inside a larger one's
            self.every[level] = ids
            self.sample[level] = np.sort(shuffled[: round(n * share)]) if level in SAMPLED else ids
            first += n
        lag = np.random.default_rng(2).uniform(0, 1.5, (self.periods, DATASETS))
        arrivals = sorted(
            (p + lag[p, d], p, d) for p in range(self.periods) for d in range(DATASETS)
        )
        series_id = 0
        for number, (_, period, dataset) in enumerate(arrivals, 1):
            series = []
            for level in LEVELS:
                for indicator in self.indicators(dataset):
                    series_id += 1
                    series.append((series_id, indicator, level))
            self.releases.append(Release(number, dataset, period, series))
        self.last_series = series_id

    @staticmethod
    def indicators(dataset: int) -> range:
        """Dataset 0 holds the indicators that cover every area; the rest share the others."""
        if dataset == 0:
            return range(EVERYWHERE)
        edges = np.linspace(EVERYWHERE, INDICATORS, DATASETS).astype(int)
        return range(edges[dataset - 1], edges[dataset])

    def areas(self, indicator: int, level: str) -> np.ndarray:
        """Ids of the areas that one indicator covers at one level."""
        return self.every[level] if indicator < EVERYWHERE else self.sample[level]

    def keys(self, release: Release, order: str) -> tuple[np.ndarray, np.ndarray]:
        """Series and area of each row, in the order COPY is to lay them down."""
        pieces = []
        for level in LEVELS:
            ids = np.array([s for s, _, lv in release.series if lv == level], np.int32)
            areas = self.areas(release.series[0][1], level)
            if order == "series":
                pieces.append((np.repeat(ids, len(areas)), np.tile(areas, len(ids))))
            else:
                pieces.append((np.tile(ids, len(areas)), np.repeat(areas, len(ids))))
        return np.concatenate([s for s, _ in pieces]), np.concatenate([a for _, a in pieces])

    def subjects(self, n: int) -> list[dict[str, int]]:
        """`n` small areas that have every indicator, each with its benchmarks."""
        smallest = World(1_000_000) if self.rows != 1_000_000 else self
        picks = np.random.default_rng(3).permutation(smallest.sample["small"])[:n]
        last = self.every["small"][-1]
        return [
            {
                level: int(ids[int(pick / (last + 1) * len(ids))]) if level != "small" else pick
                for level, ids in smallest.sample.items()
                if level in PROFILE
            }
            for pick in map(int, picks)
        ]


def binary(series: np.ndarray, area: np.ndarray, part: int | None, seed: int) -> Iterator[bytes]:
    """Rows as PostgreSQL's binary COPY: all have a value but 2% (a marker instead), 30% have
    limits, half have both numerator and denominator.
    """
    fields = [("series_id", ">i4"), ("area_id", ">i4")]
    fields += [(c, ">f8") for c in FLOATS] + [("marker", ">i2")]
    if part is not None:
        fields.append(("part", ">i2"))
    layout = [("fields", ">i2")]
    for name, kind in fields:
        layout += [(f"{name}_len", ">i4"), (name, kind)]
    dtype = np.dtype(layout)
    rng = np.random.default_rng(seed)
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for start in range(0, len(series), CHUNK):
        stop = min(start + CHUNK, len(series))
        n = stop - start
        row = np.zeros(n, dtype)
        row["fields"] = len(fields)
        row["series_id"], row["area_id"] = series[start:stop], area[start:stop]
        row["value"] = value = rng.normal(50, 15, n)
        row["lower"], row["upper"] = value - 3, value + 3
        row["numerator"], row["denominator"] = np.round(value * 15), 1500
        row["marker"] = 1
        if part is not None:
            row["part"] = part
        missing = rng.random(n) < 0.02
        no_limits = (rng.random(n) >= 0.3) | missing
        no_parts = (rng.random(n) >= 0.5) | missing
        absent = {
            "value": missing,
            "lower": no_limits,
            "upper": no_limits,
            "numerator": no_parts,
            "denominator": no_parts,
            "marker": ~missing,
        }
        keep = np.ones((n, dtype.itemsize), bool)
        for name, kind in fields:
            size = np.dtype(kind).itemsize
            null = absent.get(name)
            row[f"{name}_len"] = size if null is None else np.where(null, -1, size)
            if null is not None:
                at = dtype.fields[name][1]  # type: ignore[index]
                keep[:, at : at + size] = ~null[:, None]
        yield row.view(np.uint8).reshape(n, -1)[keep].tobytes()
    yield b"\xff\xff"


# --- the layouts ---------------------------------------------------------------------------------


@dataclass
class Layout:
    """One way to store the rows: which partition a release's rows go to, and the DDL for it."""

    name: str
    indexes: str
    order: str
    big: int  # rows from which a release has a bucket of its own
    share: int  # rows that smaller releases fill a bucket up to
    bounds: dict[int, tuple[int, int]] = field(
        default_factory=dict, init=False
    )  # part → series id range
    part_of: dict[int, int] = field(default_factory=dict, init=False)  # series id → part

    @property
    def part_column(self) -> bool:
        """LIST partitions need a ninth column; RANGE partitions by series id need none."""
        return self.name in ("dataset", "bucket")

    @property
    def columns(self) -> str:
        """Columns in the order of the binary rows."""
        return COLUMNS + (", part" if self.part_column else "")

    def parts(self, world: World) -> dict[int, list[Release]]:
        """Releases by partition. A big release has a bucket; small ones share until it is full."""
        grouped: dict[int, list[Release]] = {}
        shared, held, last = 0, self.share, 0
        for release in world.releases:
            if self.name in ("one", "dataset"):
                grouped.setdefault(release.dataset * self.part_column, []).append(release)
                continue
            rows = release.covered(world)
            # A range of series ids cannot be interrupted: a big release starts a new bucket and
            # closes the shared one. (The product reserves a block of ids per bucket instead.)
            if rows >= self.big or held + rows > self.share:
                last += 1
                shared, held = last, 0
            grouped.setdefault(shared, []).append(release)
            held = self.share if rows >= self.big else held + rows
        for part, releases in grouped.items():
            self.bounds[part] = (releases[0].series[0][0], releases[-1].series[-1][0] + 1)
            self.part_of |= {series: part for r in releases for series, _, _ in r.series}
        return grouped

    def create(self, cur: Cursor) -> None:
        """The parent table (or the only one), without indexes."""
        how = {"one": "", "dataset": "LIST (part)", "bucket": "LIST (part)"}
        by = how.get(self.name, "RANGE (series_id)")
        part = ", part smallint NOT NULL" if self.part_column else ""
        cur.execute(
            f"CREATE TABLE observation ({COLUMN_DDL}{part}, {CHECKS})"
            + (f" PARTITION BY {by}" if by else "")
        )

    def table(self, part: int) -> str:
        """Name of the table that holds a partition."""
        return "observation" if self.name == "one" else f"observation_{part}"

    def create_part(self, cur: Cursor, part: int) -> None:
        """A partition, not attached yet. Its bound as a CHECK spares ATTACH the scan."""
        if self.name == "one":
            return
        cur.execute(f"CREATE TABLE {self.table(part)} (LIKE observation INCLUDING CONSTRAINTS)")
        low, high = self.bounds.get(part, (0, 0))
        bound = (
            f"part = {part}" if self.part_column else f"series_id >= {low} AND series_id < {high}"
        )
        cur.execute(f"ALTER TABLE {self.table(part)} ADD CONSTRAINT bound CHECK ({bound})")

    def attach(self, cur: Cursor, part: int) -> None:
        """Make a filled and indexed partition part of the whole."""
        if self.name == "one":
            return
        low, high = self.bounds.get(part, (0, 0))
        values = f"IN ({part})" if self.part_column else f"FROM ({low}) TO ({high})"
        cur.execute(
            f"ALTER TABLE observation ATTACH PARTITION {self.table(part)} FOR VALUES {values}"
        )
        cur.execute(f"ALTER TABLE {self.table(part)} DROP CONSTRAINT bound")

    def index(self, cur: Cursor, table: str) -> None:
        """Build the index set on a table."""
        for spec in INDEXES[self.indexes]:
            unique = "UNIQUE " if spec.startswith("UNIQUE ") else ""
            cur.execute(f"CREATE {unique}INDEX ON {table} {spec.removeprefix('UNIQUE ')}")

    def copy(self, cur: Cursor, table: str, rows: list[bytes], freeze: bool = False) -> float:
        """COPY rows that are already encoded; seconds taken."""
        start = time.perf_counter()
        options = "FORMAT binary, FREEZE" if freeze else "FORMAT binary"
        with cur.copy(f"COPY {table} ({self.columns}) FROM STDIN WITH ({options})") as copy:
            for chunk in rows:
                copy.write(chunk)
        return time.perf_counter() - start


# --- measuring -----------------------------------------------------------------------------------

Cursor = psycopg.Cursor[Any]
Figure = dict[str, Any]


def quantiles(seconds: Sequence[float]) -> Figure:
    """Median and 95th percentile, in milliseconds."""
    return {
        "n": len(seconds),
        "p50_ms": round(float(np.quantile(seconds, 0.5)) * 1000, 2),
        "p95_ms": round(float(np.quantile(seconds, 0.95)) * 1000, 2),
    }


@contextlib.contextmanager
def timed(into: Figure, name: str) -> Iterator[None]:
    """Seconds of a block, into a figure."""
    start = time.perf_counter()
    yield
    into[name] = round(time.perf_counter() - start, 3)


def fill(conn: psycopg.Connection[Any], layout: Layout, world: World) -> Figure:
    """Load the whole store the fastest way the layout has. Rows per second of COPY alone, seconds
    of index building, bytes per observation.
    """
    cur = conn.cursor()
    rows, copying, indexing = 0, 0.0, 0.0
    layout.create(cur)
    for part, releases in layout.parts(world).items():
        with conn.transaction():
            layout.create_part(cur, part)
            for release in releases:
                series, area = world.keys(release, layout.order)
                column = part if layout.part_column else None
                data = list(binary(series, area, column, release.number))
                rows += len(series)
                copying += layout.copy(cur, layout.table(part), data, layout.name != "one")
            start = time.perf_counter()
            if layout.name != "one":
                layout.index(cur, layout.table(part))
                layout.attach(cur, part)
            indexing += time.perf_counter() - start
    if layout.name == "one":
        start = time.perf_counter()
        layout.index(cur, "observation")
        indexing += time.perf_counter() - start
    elif layout.name == "range":
        layout.index(cur, "observation")  # adopts the partitions' indexes
    cur.execute("VACUUM (ANALYZE) observation")
    cur.execute("CHECKPOINT")
    cur.execute(
        """SELECT sum(pg_table_size(t)), sum(pg_indexes_size(t)), count(*)
           FROM (SELECT relid AS t FROM pg_partition_tree('observation') WHERE isleaf
                 UNION SELECT 'observation'::regclass) p"""
    )
    heap, indexes, tables = cur.fetchone() or (0, 0, 0)
    return {
        "rows": rows,
        "partitions": tables - 1,
        "copy_rows_per_s": round(rows / copying),
        "index_s": round(indexing, 1),
        "heap_bytes_per_row": round(float(heap) / rows, 1),
        "index_bytes_per_row": round(float(indexes) / rows, 1),
    }


def catalogue(cur: Cursor, world: World) -> None:
    """Areas, series and the live ranges that say which series are published."""
    cur.execute("CREATE TABLE area (id integer PRIMARY KEY, level text NOT NULL)")
    with cur.copy("COPY area FROM STDIN") as copy:
        for level, ids in world.every.items():
            copy.write("".join(f"{i}\t{level}\n" for i in ids))
    cur.execute(
        "CREATE TABLE series (id integer PRIMARY KEY, indicator_id integer NOT NULL,"
        " level text NOT NULL, period integer NOT NULL, release_id integer NOT NULL)"
    )
    extra = [
        (world.last_series + 1 + i, 450 + i, "small", world.periods) for i in range(EXTRA_SERIES)
    ]
    with cur.copy("COPY series FROM STDIN") as copy:
        for release in world.releases:
            for series, indicator, level in release.series:
                copy.write_row((series, indicator, level, release.period, release.number))
        for series, indicator, level, period in extra:
            copy.write_row((series, indicator, level, period, 0))
    cur.execute(
        """CREATE TABLE live_series (
               id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
               indicator_id integer NOT NULL, breakdown_id integer NOT NULL, level text NOT NULL,
               period integer NOT NULL, series_id integer NOT NULL REFERENCES series,
               live tstzrange NOT NULL CHECK (NOT isempty(live)),
               EXCLUDE USING gist (indicator_id WITH =, breakdown_id WITH =, level WITH =,
                                   period WITH =, live WITH &&));
           INSERT INTO live_series (indicator_id, breakdown_id, level, period, series_id, live)
               SELECT indicator_id, 0, level, period, id, tstzrange('2026-01-01', NULL)
               FROM series WHERE release_id > 0;
           CREATE INDEX ON live_series (level, indicator_id, breakdown_id, period DESC)
               INCLUDE (series_id) WHERE upper_inf(live);
           CREATE INDEX ON live_series (series_id);
           ANALYZE"""
    )


LATEST = """
    SELECT DISTINCT ON (level, indicator_id, breakdown_id) level, series_id
    FROM live_series WHERE upper_inf(live) AND level = ANY(%s)
    ORDER BY level, indicator_id, breakdown_id, period DESC
"""


def latest(cur: Cursor) -> dict[str, list[int]]:
    """Live series of the latest period, by level. What a page would keep per data version."""
    cur.execute(LATEST, (list(PROFILE),))
    found: dict[str, list[int]] = {level: [] for level in PROFILE}
    for level, series in cur:
        found[level].append(series)
    return found


def literal(ids: Sequence[int]) -> str:
    """Ids as an array constant, which the planner can prune by (the ids are our own integers)."""
    return "'{" + ",".join(map(str, ids)) + "}'::int[]"


Wanted = dict[str, list[int]]


def also(layout: Layout, series: Sequence[int]) -> str:
    """LIST partitions are pruned only by a query that names them."""
    if not layout.part_column:
        return ""
    return f" AND part = ANY({literal(sorted({layout.part_of[s] for s in series}))})"


def by_union(layout: Layout, areas: dict[str, int], live: Wanted) -> str:
    """One branch per area: its own id and its own level's series."""
    return " UNION ALL ".join(
        f"SELECT {COLUMNS} FROM observation WHERE area_id = {area}"
        f" AND series_id = ANY({literal(live[level])}){also(layout, live[level])}"
        for level, area in areas.items()
    )


def by_areas(layout: Layout, areas: dict[str, int], live: Wanted) -> str:
    """All areas and all series at once: an area has rows in the series of its own level only."""
    ids = [series for level in areas for series in live[level]]
    return (
        f"SELECT {COLUMNS} FROM observation WHERE area_id = ANY({literal(list(areas.values()))})"
        f" AND series_id = ANY({literal(ids)}){also(layout, ids)}"
    )


def by_pairs(layout: Layout, areas: dict[str, int], live: Wanted) -> str:
    """A list of (series, area) pairs, probed one by one."""
    series = [s for level in areas for s in live[level]]
    area = [a for level, a in areas.items() for _ in live[level]]
    lists, names = [literal(series), literal(area)], "series_id, area_id"
    if layout.part_column:
        lists.append(literal([layout.part_of[s] for s in series]))
        names += ", part"
    return (
        f"SELECT {COLUMNS} FROM unnest({', '.join(lists)}) w ({names})"
        f" JOIN observation o USING ({names})"
    )


def by_bucket(layout: Layout, areas: dict[str, int], live: Wanted) -> str:
    """One branch per partition that holds a wanted series, pruned to it when planned: what a read
    costs then depends on the partitions in the answer, not on those in the store.
    """
    held: dict[int, list[int]] = {}
    for level in areas:
        for series in live[level]:
            held.setdefault(layout.part_of[series], []).append(series)
    some = literal(list(areas.values()))
    return " UNION ALL ".join(
        f"SELECT {COLUMNS} FROM observation WHERE area_id = ANY({some})"
        f" AND series_id = ANY({literal(ids)}){also(layout, ids)}"
        for ids in held.values()
    )


def runs(series: list[int]) -> list[tuple[int, int]]:
    """Runs of consecutive ids, first and last: a release's series of one level lie together."""
    ids = np.unique(series)
    breaks = np.flatnonzero(np.diff(ids) > 1)
    first, last = ids[np.r_[0, breaks + 1]], ids[np.r_[breaks, len(ids) - 1]]
    return [(int(a), int(b)) for a, b in zip(first, last, strict=True)]


def by_runs(layout: Layout, areas: dict[str, int], live: Wanted) -> str:
    """As pairs, but (area, first series, last series): one probe for a release's run of ids."""
    wanted = [(area, *run) for level, area in areas.items() for run in runs(live[level])]
    lists = ", ".join(literal(column) for column in zip(*wanted, strict=True))
    return (
        f"SELECT {COLUMNS} FROM unnest({lists}) w (area, low, high) JOIN observation o"
        " ON o.area_id = w.area AND o.series_id BETWEEN w.low AND w.high"
    )


def by_branches(layout: Layout, areas: dict[str, int], live: Wanted) -> str:
    """One branch per run of wanted ids, whatever their level, with all areas."""
    some = literal(list(areas.values()))
    return " UNION ALL ".join(
        f"SELECT {COLUMNS} FROM observation WHERE area_id = ANY({some})"
        f" AND series_id BETWEEN {low} AND {high}"
        for low, high in runs([s for level in areas for s in live[level]])
    )


def by_join(layout: Layout, areas: dict[str, int], live: Wanted) -> str:
    """No ids known beforehand: everything in one statement over live_series."""
    wanted = ", ".join(f"('{level}', {area})" for level, area in areas.items())
    return f"""
        WITH latest AS MATERIALIZED (
            SELECT DISTINCT ON (level, indicator_id, breakdown_id) level, series_id
            FROM live_series WHERE upper_inf(live)
            ORDER BY level, indicator_id, breakdown_id, period DESC)
        SELECT o.* FROM (VALUES {wanted}) w (level, area_id)
        JOIN latest USING (level) JOIN observation o USING (series_id, area_id)"""


PROFILES: dict[str, Callable[[Layout, dict[str, int], Wanted], str]] = {
    "union": by_union,
    "areas": by_areas,
    "pairs": by_pairs,
    "bucket": by_bucket,
    "runs": by_runs,
    "branches": by_branches,
    "join": by_join,
}


@dataclass
class Store:
    """A filled schema: one layout at one size."""

    conn: psycopg.Connection[Any]
    layout: Layout
    world: World

    @property
    def cur(self) -> Cursor:
        """A fresh cursor."""
        return self.conn.cursor()


def questions(store: Store, forms: Sequence[str], n: int) -> dict[str, list[str]]:
    """Statements for each read: the profile in each form, the series of an authority and of every
    small area, the history of an indicator. The same areas and indicators at every size.
    """
    layout, live, subjects = store.layout, latest(store.cur), store.world.subjects(n)

    def series(one: int) -> str:
        where = f"series_id = {one}{also(layout, [one])}"
        return f"SELECT {COLUMNS} FROM observation WHERE {where}"

    asked = {
        f"profile {form}": [PROFILES[form](layout, areas, live) for areas in subjects]
        for form in forms
    }
    picks = np.random.default_rng(4).permutation(INDICATORS)[:n]
    asked["series 361"] = [series(live["authority"][i]) for i in picks]
    asked["series 42,619"] = [series(s) for s in live["small"][:EVERYWHERE]]
    asked["history"] = []
    for areas, indicator in zip(subjects, picks, strict=False):
        periods = store.cur.execute(
            "SELECT series_id FROM live_series WHERE level = 'small' AND indicator_id = %s"
            " AND upper_inf(live)",
            (int(indicator),),
        )
        ids = [series for (series,) in periods]
        asked["history"].append(by_union(layout, {"small": areas["small"]}, {"small": ids}))
    return asked


def ask(cur: Cursor, sql: str) -> tuple[float, int]:
    """Seconds from asking to the last row in Python, and rows."""
    start = time.perf_counter()
    cur.execute(sql, binary=True)
    rows = len(cur.fetchall())
    return time.perf_counter() - start, rows


def look(cur: Cursor, sql: str) -> Figure:
    """One plan: time to plan, buffers touched, kinds of scan."""
    cur.execute(f"EXPLAIN (ANALYZE, BUFFERS, SUMMARY) {sql}")
    plan = "\n".join(line for (line,) in cur)
    planning = re.search(r"Planning Time: ([\d.]+)", plan)
    buffers = re.search(r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?", plan)
    return {
        "planning_ms": float(planning[1]) if planning else None,
        "buffers": sum(int(h or 0) for h in buffers.groups()) if buffers else None,
        "scans": sorted(
            set(re.findall(r"((?:Index Only|Index|Bitmap Heap|Seq) Scan)(?! on live)", plan))
        ),
    }


def reads(store: Store, base: Store | None, forms: Sequence[str], n: int) -> list[Figure]:
    """Time each read warm (every statement was run once before), turn and turn about with the
    same read of the baseline store, so that a busy machine slows both.
    """
    found = []
    mine = questions(store, forms, n)
    theirs = questions(base, forms, n) if base else {}
    for name, statements in mine.items():
        cold = [ask(store.cur, sql)[0] for sql in statements]
        for sql in theirs.get(name, ()):
            ask(base.cur, sql)  # type: ignore[union-attr]
        seconds: list[float] = []
        baseline: list[float] = []
        rows = []
        for _ in range(3):
            for at, sql in enumerate(statements):
                took, returned = ask(store.cur, sql)
                seconds.append(took)
                rows.append(returned)
                if base:
                    baseline.append(ask(base.cur, theirs[name][at])[0])
        figure: Figure = {"measure": name, "rows_returned": int(np.median(rows)), "state": "warm"}
        figure |= quantiles(seconds) | {"first_p50_ms": quantiles(cold)["p50_ms"]}
        if base:
            before = quantiles(baseline)
            figure |= {"baseline_rows": base.world.rows, "baseline_p50_ms": before["p50_ms"]}
            figure |= {"baseline_p95_ms": before["p95_ms"]}
            figure["ratio"] = round(figure["p50_ms"] / before["p50_ms"], 2)
        found.append(figure | look(store.cur, statements[len(statements) // 2]))
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        latest(store.cur)
        seconds.append(time.perf_counter() - start)
    return [*found, {"measure": "live catalogue", "state": "warm", **quantiles(seconds)}]


def stage(conn: psycopg.Connection[Any], layout: Layout, world: World) -> Figure:
    """A further release: 50 series over 40,000 small areas, 2 million rows. Staged with indexes
    present, and (partitions) into a fresh table that is indexed, given its foreign keys and
    attached; against a bare COPY in the same run. Then dropped both ways.
    """
    cur = conn.cursor()
    first = world.last_series + 1
    ids = np.arange(first, first + EXTRA_SERIES, dtype=np.int32)
    areas = world.every["small"][:EXTRA_AREAS]
    if layout.order == "series":
        series, area = np.repeat(ids, len(areas)), np.tile(areas, len(ids))
    else:
        series, area = np.tile(ids, len(areas)), np.repeat(areas, len(ids))
    part = {"one": 0, "dataset": 1}.get(layout.name, 9_999)
    layout.bounds[part] = (first, first + EXTRA_SERIES)
    data = list(binary(series, area, part if layout.part_column else None, 99))
    found: Figure = {"measure": "stage 2M", "rows": len(series)}
    column = ", part smallint" if layout.part_column else ""
    for run in ("bare_copy_first_s", "bare_copy_s"):
        cur.execute(f"CREATE TABLE bare ({COLUMN_DDL}{column})")
        found[run] = round(layout.copy(cur, "bare", data), 2)
        if run == "bare_copy_first_s":
            cur.execute("DROP TABLE bare")
    with timed(found, "bare_index_s"):
        layout.index(cur, "bare")
    with timed(found, "bare_fk_s"):
        for key in FOREIGN_KEYS:
            cur.execute("ALTER TABLE bare " + key.format(t="bare"))
    cur.execute("DROP TABLE bare; CHECKPOINT")
    if layout.name in ("bucket", "range"):
        layout.create_part(cur, part)
        layout.index(cur, layout.table(part))
        layout.attach(cur, part)
    found["indexes_present_s"] = round(layout.copy(cur, "observation", data), 2)
    with timed(found, "delete_s"), conn.transaction():
        where = f"series_id >= {first} AND series_id < {first + EXTRA_SERIES}"
        cur.execute(f"DELETE FROM observation WHERE {where}")
    with timed(found, "vacuum_after_delete_s"):
        cur.execute(f"VACUUM {layout.table(part)}")
    if layout.name == "one":
        for key in FOREIGN_KEYS:
            cur.execute(f"ALTER TABLE observation {key.format(t='observation')} NOT VALID")
        found["indexes_and_fk_present_s"] = round(layout.copy(cur, "observation", data), 2)
        for key in ("series", "area"):
            cur.execute(f"ALTER TABLE observation DROP CONSTRAINT observation_{key}_fk")
        cur.execute(f"DELETE FROM observation WHERE {where}")
        cur.execute("VACUUM observation")
    if layout.name not in ("bucket", "range"):
        return found
    cur.execute(f"DROP TABLE {layout.table(part)}; CHECKPOINT")
    with timed(found, "fresh_total_s"):
        with conn.transaction():
            layout.create_part(cur, part)
            found["fresh_copy_s"] = round(layout.copy(cur, layout.table(part), data, True), 2)
            with timed(found, "fresh_index_s"):
                layout.index(cur, layout.table(part))
            with timed(found, "fresh_fk_s"):
                for key in FOREIGN_KEYS:
                    cur.execute(
                        f"ALTER TABLE {layout.table(part)} " + key.format(t=layout.table(part))
                    )
            with timed(found, "fresh_analyse_s"):
                cur.execute(f"ANALYZE {layout.table(part)}")
        with timed(found, "attach_s"), conn.transaction():
            cur.execute("SET LOCAL lock_timeout = '2s'")
            layout.attach(cur, part)
    with timed(found, "drop_s"), conn.transaction():
        cur.execute("SET LOCAL lock_timeout = '2s'")
        cur.execute(f"DROP TABLE {layout.table(part)}")
    return found


def publish(conn: psycopg.Connection[Any], world: World, times: int = 20) -> list[Figure]:
    """Publish 50 series over 50 live ones and take them back, each in one transaction."""
    cur = conn.cursor()
    ids = [world.last_series + 1 + i for i in range(EXTRA_SERIES)]
    keys = "indicator_id, breakdown_id, level, period"
    cur.execute(  # what the release replaces
        f"""INSERT INTO live_series ({keys}, series_id, live)
            SELECT indicator_id, 0, level, period, id - 50, tstzrange('2026-01-01', NULL)
            FROM series WHERE id = ANY(%s)""",
        (ids,),
    )
    close = """UPDATE live_series l SET live = tstzrange(lower(live), clock.at)
               FROM series s, clock WHERE s.id = ANY(%s) AND upper_inf(l.live)
                AND (l.indicator_id, l.breakdown_id, l.level, l.period)
                  = (s.indicator_id, 0, s.level, s.period)"""
    seconds: dict[str, list[float]] = {"publish": [], "withdraw": []}
    for _ in range(times):
        for action, opened in (("publish", 0), ("withdraw", -50)):
            start = time.perf_counter()
            with conn.transaction():
                cur.execute("SELECT pg_advisory_xact_lock(1)")
                cur.execute("CREATE TEMP TABLE clock ON COMMIT DROP AS SELECT now() AS at")
                cur.execute(close, (ids,))
                cur.execute(
                    f"""INSERT INTO live_series ({keys}, series_id, live)
                        SELECT indicator_id, 0, level, period, id + %s, tstzrange(now(), NULL)
                        FROM series WHERE id = ANY(%s)""",
                    (opened, ids),
                )
            seconds[action].append(time.perf_counter() - start)
    cur.execute("DELETE FROM live_series WHERE period = %s", (world.periods,))
    return [{"measure": name, "state": "warm", **quantiles(s)} for name, s in seconds.items()]


def standing(cur: Cursor) -> Figure:
    """Two standings an observation for the fifty series of the extra release: load and bytes."""
    cur.execute(
        """CREATE TABLE standing (series_id integer NOT NULL, area_id integer NOT NULL,
               group_area_id integer NOT NULL, rank integer NOT NULL, tied integer NOT NULL,
               out_of integer NOT NULL)"""
    )
    found: Figure = {"measure": "standing", "rows": 2 * EXTRA_SERIES * EXTRA_AREAS}
    with timed(found, "insert_s"):
        cur.execute(
            """INSERT INTO standing SELECT s, a, g, a, 1, 40000
               FROM generate_series(1, %s) s, generate_series(1, %s) a, generate_series(1, 2) g""",
            (EXTRA_SERIES, EXTRA_AREAS),
        )
    with timed(found, "index_s"):
        cur.execute("CREATE UNIQUE INDEX ON standing (area_id, series_id, group_area_id)")
    cur.execute("SELECT pg_table_size('standing'), pg_indexes_size('standing')")
    heap, index = cur.fetchone() or (0, 0)
    found["heap_bytes_per_row"] = round(heap / found["rows"], 1)
    found["index_bytes_per_row"] = round(index / found["rows"], 1)
    cur.execute("DROP TABLE standing")
    return found


def planning(dsn: str, partitions: int) -> list[Figure]:
    """Planning time of the profile over so many partitions by release, each of 40 series: ids as
    literals, through a join, and as a parameter with a custom and with a generic plan. The ids
    are 500 series for each of 7 levels, spread over 60 partitions.
    """
    found = []
    with psycopg.connect(dsn, autocommit=True) as conn:
        cur = conn.cursor()
        fresh_schema(cur)
        cur.execute(f"CREATE TABLE observation ({COLUMN_DDL}) PARTITION BY RANGE (series_id)")
        cur.execute("CREATE UNIQUE INDEX ON observation (area_id, series_id)")
        for part in range(partitions):
            low, high = part * 64, part * 64 + 64
            cur.execute(
                f"CREATE TABLE observation_{part} PARTITION OF observation"
                f" FOR VALUES FROM ({low}) TO ({high})"
            )
            cur.execute(
                f"INSERT INTO observation_{part} SELECT s, a, 1"
                f" FROM generate_series({low}, {high} - 1) s, generate_series(1, 20) a"
            )
        cur.execute("CREATE TABLE live_series (level integer, series_id integer, ok boolean)")
        step = partitions // 60
        ids = [part * step * 64 + i for part in range(60) for i in range(59)][:3500]
        cur.execute(
            "INSERT INTO live_series SELECT i %% 7, i, true FROM unnest(%s::int[]) i", (ids,)
        )
        cur.execute("ANALYZE")
    select = f"SELECT {COLUMNS} FROM observation WHERE area_id = ANY"
    join = (
        "SELECT o.* FROM live_series l JOIN observation o USING (series_id)"
        " WHERE l.ok AND o.area_id = ANY('{1,2,3,4,5,6,7}')"
    )
    areas = [i % 7 + 1 for i in range(len(ids))]
    pairs = (
        f"SELECT o.* FROM unnest({literal(ids)}, {literal(areas)}) w (series_id, area_id)"
        " JOIN observation o USING (series_id, area_id)"
    )
    param = "PREPARE p (int[], int[]) AS " + select + "($1) AND series_id = ANY($2)"
    run = f"EXECUTE p ('{{1,2,3,4,5,6,7}}', {literal(ids)})"
    blocks = [[i for i in ids if i // 64 == part * step] for part in range(60)]
    branches = " UNION ALL ".join(
        f"{select}('{{1,2,3,4,5,6,7}}') AND series_id BETWEEN {block[0]} AND {block[-1]}"
        for block in blocks
        if block
    )
    cases = {
        "one branch a partition": ([], branches),
        "literal ids": ([], f"{select}('{{1,2,3,4,5,6,7}}') AND series_id = ANY({literal(ids)})"),
        "join": ([], join),
        "unnest pairs": ([], pairs),
        "param, custom plan": (["SET plan_cache_mode = force_custom_plan", param], run),
        "param, generic plan": (["SET plan_cache_mode = force_generic_plan", param], run),
    }
    for name, (setup, sql) in cases.items():
        with psycopg.connect(dsn, autocommit=True) as conn:
            cur = conn.cursor()
            cur.execute("SET search_path = bench_storage, public")
            for statement in setup:
                cur.execute(statement)
            walls, plans = [], []
            for _ in range(6):
                start = time.perf_counter()
                cur.execute(f"EXPLAIN (ANALYZE, SUMMARY, TIMING OFF) {sql}")
                walls.append(time.perf_counter() - start)
                plan = "\n".join(line for (line,) in cur)
                plans.append(float(re.findall(r"Planning Time: ([\d.]+)", plan)[0]))
            found.append(
                {
                    "measure": f"planning, {name}",
                    "partitions": partitions,
                    "first_ms": plans[0],
                    "p50_ms": round(float(np.median(plans[1:])), 2),
                    "wall_first_ms": round(walls[0] * 1000, 1),
                    "wall_p50_ms": round(float(np.median(walls[1:])) * 1000, 1),
                }
            )
    return found


# --- the run -------------------------------------------------------------------------------------


def fresh_schema(cur: Cursor, schema: str = SCHEMA) -> None:
    """An empty schema, alone on the search path but for extensions in public."""
    cur.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
    cur.execute("CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public")
    cur.execute(f"SET search_path = {schema}, public")


def build(dsn: str, schema: str, layout: Layout, rows: int) -> tuple[Store, Figure]:
    """A filled store in a schema of its own, and what filling it took."""
    store = Store(psycopg.connect(dsn, autocommit=True), layout, World(rows))
    fresh_schema(store.cur, schema)
    catalogue(store.cur, store.world)
    return store, {"measure": "fill", **fill(store.conn, layout, store.world)}


def measure(store: Store, base: Store | None, args: argparse.Namespace) -> list[Figure]:
    """Everything about one layout at one size but its filling."""
    found: list[Figure] = []
    for step in (
        lambda: reads(store, base, args.forms.split(","), args.n),
        lambda: [stage(store.conn, store.layout, store.world)],
        lambda: publish(store.conn, store.world),
        lambda: [standing(store.cur)],
    ):
        found += (fresh := step())
        show(fresh, store.layout)
    return found


def compare(
    dsn: str, layout: Layout, sizes: Sequence[int], args: argparse.Namespace
) -> list[Figure]:
    """One layout at each size; reads of the larger stores beside those of the first."""
    about: Figure = {"layout": layout.name, "indexes": layout.indexes, "order": layout.order}
    if layout.name in ("bucket", "range"):
        about |= {"own_bucket_from_rows": layout.big, "shared_bucket_rows": layout.share}
    figures: list[Figure] = []
    base: Store | None = None
    for rows in sizes:
        schema = f"{SCHEMA}_base" if base is None and len(sizes) > 1 else SCHEMA
        store, filled = build(dsn, schema, replace(layout), rows)
        show([filled], layout)
        found = [filled, *measure(store, base, args)]
        figures += [{**about, "store": rows, **figure} for figure in found]
        if schema == SCHEMA:
            store.cur.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
            store.conn.close()
        else:
            base = store
    if base:
        base.cur.execute(f"DROP SCHEMA {SCHEMA}_base CASCADE")
        base.conn.close()
    return figures


def show(figures: Sequence[Figure], layout: Layout | None = None) -> None:
    """Print figures, one line each."""
    label = f"{layout.name}/{layout.indexes}/{layout.order}" if layout else "-"
    for figure in figures:
        rest = "  ".join(f"{k}={v}" for k, v in figure.items() if k != "measure")
        print(f"{label:22} {figure['measure']:22} {rest}", flush=True)


def save(figures: list[Figure], dsn: str) -> None:
    """Add this run to docs/bench/storage.json, stamped."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    with psycopg.connect(dsn) as conn:
        settings = {
            name: conn.execute("SELECT current_setting(%s)", (name,)).fetchone()
            for name in ("server_version", "shared_buffers", "fsync", "synchronous_commit")
        }
    run = {
        "commit": commit,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "postgres": {name: row[0] if row else None for name, row in settings.items()},
        "figures": figures,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    runs = json.loads(RESULTS.read_text())["runs"] if RESULTS.exists() else []
    RESULTS.write_text(json.dumps({"runs": [*runs, run]}, indent=1) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="storage", description=__doc__)
    parser.add_argument(
        "--rows", default="1000000", help="sizes of the store; the first is the baseline"
    )
    parser.add_argument("--layouts", default="one,dataset,bucket,range")
    parser.add_argument("--indexes", default="area", help=", ".join(INDEXES))
    parser.add_argument("--order", default="area", help="heap order within a release: area, series")
    parser.add_argument("--forms", default="pairs", help=", ".join(PROFILES))
    parser.add_argument("--big", type=int, default=250_000, help="rows that earn an own bucket")
    parser.add_argument("--share", type=int, default=2_000_000, help="rows in a shared bucket")
    parser.add_argument("--n", type=int, default=60, help="areas and series to read")
    parser.add_argument("--planning", default="", help="numbers of partitions: 100,500,2000")
    args = parser.parse_args(argv)
    dsn = os.environ.get("DATABASE_URL")
    if not dsn:
        print("Set DATABASE_URL to a PostgreSQL database this may write to.", file=sys.stderr)
        return 2
    dsn = re.sub(r"^postgis:", "postgresql:", dsn)
    figures: list[Figure] = []
    for partitions in filter(None, args.planning.split(",")):
        figures += (found := planning(dsn, int(partitions)))
        show(found)
    sizes = [int(rows) for rows in filter(None, args.rows.split(","))]
    for name in filter(None, args.layouts.split(",")):
        for indexes in args.indexes.split(","):
            for order in args.order.split(","):
                figures += compare(
                    dsn, Layout(name, indexes, order, args.big, args.share), sizes, args
                )
    save(figures, dsn)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
