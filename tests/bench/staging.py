"""Does staging cost little more than COPY and the indexes? And are publish and withdraw instant?

    python -m tests.bench.staging [--indicators 47 --indicators 2] [--times 3] [--cost]

Synthetic ratios (numerator and denominator, 2% not available) of every 2011 neighbourhood of the
demo's real geography go through `stage`, `publish` and `withdraw`: 47 indicators make 2 million
observations; 2 make a release small enough to share a bucket. The baseline takes turns with it:
exactly the rows that staging ended up with (observations, aggregates, standings, packed arrays,
coverage) from ready buffers, CSV or binary, by COPY into bare tables with the same columns, whose
primary keys, indexes and foreign keys are built afterwards. `--cost` prints where staging's time
goes instead.

Works in a copy of the kept demo database, and drops it.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import re
import resource
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import psycopg

from tests.bench import _database
from tests.bench._figures import (
    Figure,
    calibration,
    quantiles,
    save,
    say,
    show,
    timed,
    verdict,
)

if TYPE_CHECKING:
    from indicators.models import Dataset, Release

EDITION = "lsoa-2011"
PERIOD = "2024-06-30"
START = datetime(2026, 1, 1, tzinfo=UTC)
MOST_TIMES, MOST_SECONDS, TARGETED_ROWS = 3.0, 1.0, 2_000_000
TABLES = (
    "indicators_observation",
    "indicators_standing",
    "indicators_packedarray",
    "indicators_coverage",
)
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = %(table)s"
FOREIGN_KEYS = """
SELECT DISTINCT pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'f' AND (conrelid = %(table)s::regclass
    OR conrelid IN (SELECT relid FROM pg_partition_tree(%(table)s::regclass)))
"""
FORMATS = ("csv", "binary")

Plain = psycopg.Connection[tuple[object, ...]]


def make_table(indicators: int) -> pl.DataFrame:
    """Return the table that staging is given: every neighbourhood, for each indicator."""
    from areas.models import Member

    codes = list(
        Member.objects.filter(edition__slug=EDITION)
        .order_by("ordinal")
        .values_list("area__code", flat=True)
    )
    rng = np.random.default_rng(1)
    n = len(codes) * indicators
    denominator = rng.integers(800, 2500, n).astype(float)
    numerator = np.round(denominator * rng.beta(2, 5, n))
    known = pl.Series(rng.random(n) >= 0.02)
    return (
        pl.DataFrame(
            {
                "indicator": np.repeat([f"bench-{i}" for i in range(indicators)], len(codes)),
                "code": codes * indicators,
                "value": 100 * numerator / denominator,
                "numerator": numerator,
                "denominator": denominator,
            }
        )
        .with_columns(
            pl.lit(EDITION).alias("edition"),
            pl.lit(PERIOD).alias("period"),
            pl.when(known).then(pl.lit("")).otherwise(pl.lit("x")).alias("marker"),
            *(
                pl.when(known).then(pl.col(name)).alias(name)
                for name in ("value", "numerator", "denominator")
            ),
        )
        .sample(fraction=1.0, shuffle=True, seed=1)
    )


def make_dataset(indicators: int) -> Dataset:
    """Define the indicators, and the dataset that the releases are of."""
    from areas.models import Area
    from indicators.models import Dataset, Indicator, Licence, Theme

    theme, uk = Theme.objects.first(), Area.objects.get(code="K02000001")
    assert theme is not None
    Indicator.objects.bulk_create(
        Indicator(
            slug=f"bench-{i}",
            name=f"Bench {i}",
            short_name=f"Bench {i}",
            theme=theme,
            definition="Synthetic",
            unit="%",
            multiplier=100,
            aggregation=Indicator.Aggregation.RATIO,
            scope=uk,
        )
        for i in range(indicators)
    )
    return Dataset.objects.create(
        slug="bench", name="Bench", publisher="Bench", licence=Licence.objects.all()[0]
    )


def receive(dataset: Dataset, number: str, at: datetime) -> Release:
    """Return a fresh release to stage."""
    from indicators.models import Release

    return Release.objects.create(
        dataset=dataset,
        slug=f"bench-{number}",
        name=f"Bench {number}",
        licence=dataset.licence,
        received_at=at,
    )


def made_by(release: Release) -> dict[str, str]:
    """Return, for each table, the query that gives the rows staging made, as they lie."""
    from indicators.models import Series

    ids = Series.objects.filter(release=release).values_list("pk", flat=True)
    return {
        table: f"SELECT * FROM {table} WHERE series_id BETWEEN {min(ids)} AND {max(ids)}"
        for table in TABLES
    }


def buffers(plain: Plain, queries: dict[str, str], form: str) -> dict[str, list[bytes]]:
    """Return those rows ready for COPY."""
    found = {}
    for table, query in queries.items():
        with plain.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT {form})") as copy:
            found[table] = [bytes(block) for block in copy]
    return found


def load_bare(plain: Plain, rows: dict[str, list[bytes]], form: str) -> None:
    """COPY rows into bare tables, and build keys and indexes afterwards, in one transaction."""
    with plain.transaction():
        for table, blocks in rows.items():
            bare = f"bare_{table}"
            plain.execute(f"CREATE TABLE {bare} (LIKE {table})")
            copying = f"COPY {bare} FROM STDIN (FORMAT {form}, FREEZE)"
            with plain.cursor().copy(copying) as copy:
                for start in range(0, len(blocks), 5_000):
                    copy.write(b"".join(blocks[start : start + 5_000]))
            for (made,) in plain.execute(INDEXES, {"table": table}).fetchall():
                plain.execute(
                    re.sub(r" INDEX \S+ ON (ONLY )?\S+ ", f" INDEX ON {bare} ", str(made))
                )
            for (key,) in plain.execute(FOREIGN_KEYS, {"table": table}).fetchall():
                plain.execute(f"ALTER TABLE {bare} ADD {key}")


def baseline(plain: Plain, release: Release, seconds: dict[str, list[float]]) -> dict[str, int]:
    """Load the rows that a release ended up with, bare and in each form, and time it.

    Adds to the `seconds` of each form; returns how many rows each table has.
    """
    counts: dict[str, int] = {}
    queries = made_by(release)
    for form in FORMATS:
        rows = buffers(plain, queries, form)
        plain.execute("CHECKPOINT")
        seconds[form].append(timed(partial(load_bare, plain, rows, form)))
        for name in rows:
            counted = plain.execute(f"SELECT count(*) FROM bare_{name}").fetchone()
            counts[name.removeprefix("indicators_")] = int(str((counted or (0,))[0]))
            plain.execute(f"DROP TABLE bare_{name}")
    return counts


def measure(
    url: str, dataset: Dataset, indicators: int, times: int, start: datetime
) -> list[Figure]:
    """Return the figures of staging, publishing and withdrawing, in turns with the baselines."""
    from indicators.releases.publish import publish, withdraw
    from indicators.releases.stage import stage

    table = make_table(indicators)
    seconds: dict[str, list[float]] = {
        name: [] for name in ("stage", "publish", "withdraw", "calibration", *FORMATS)
    }
    counts: dict[str, int] = {}
    with _database.connect(url) as plain:
        for turn in range(times):
            at = start + timedelta(days=turn)
            release = receive(dataset, f"{indicators}-{turn}", at)
            plain.execute("CHECKPOINT")
            seconds["stage"].append(timed(partial(stage, release=release, table=table, at=at)))
            by_publish = partial(publish, release=release, by=None, at=at + timedelta(hours=1))
            by_withdraw = partial(withdraw, release=release, by=None, at=at + timedelta(hours=2))
            seconds["publish"].append(timed(by_publish))
            seconds["withdraw"].append(timed(by_withdraw))
            counts = baseline(plain, release, seconds)
            seconds["calibration"].append(timed(calibration))
            say("  ".join(f"{name} {taken[-1]:.2f} s" for name, taken in seconds.items()))
    base = min(FORMATS, key=lambda form: float(np.median(seconds[form])))
    ratio = float(np.median(np.array(seconds["stage"]) / np.array(seconds[base])))
    figures: list[Figure] = [
        {"measure": "rows given", "indicators": indicators, "observations": len(table)},
        {"measure": "rows made", **counts},
        {
            "measure": "memory of the process",
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        },
    ]
    for name, taken in seconds.items():
        label = f"baseline, COPY of {name}" if name in FORMATS else name
        figures.append({"measure": label, "state": "warm", **quantiles(taken)})
    figures.append({"measure": f"ratio to {base} COPY", "ratio": round(ratio, 2)})
    show(figures)
    size = f"{len(table):,} observations"
    targets = [
        verdict(f"publishing {size}", max(seconds["publish"]), MOST_SECONDS, "s"),
        verdict(f"withdrawing {size}", max(seconds["withdraw"]), MOST_SECONDS, "s"),
    ]
    if len(table) >= TARGETED_ROWS:
        targets.insert(0, verdict(f"staging {size}, times COPY with keys", ratio, MOST_TIMES))
    return figures + targets


def cost(dataset: Dataset, indicators: int) -> None:
    """Print where the time of one staging goes: Python's functions, then SQL's statements."""
    from django.db import connection

    from indicators.releases.stage import stage

    table = make_table(indicators)
    release = receive(dataset, "cost", START)
    statements: list[tuple[float, str]] = []

    def watch(execute, sql, params, many, context):
        result = []
        seconds = timed(lambda: result.append(execute(sql, params, many, context)))
        text = sql if isinstance(sql, str) else sql.as_string(context["cursor"].cursor)
        statements.append((seconds, " ".join(text.split())[:110]))
        return result[0]

    profiler = cProfile.Profile()
    with connection.execute_wrapper(watch):
        profiler.runcall(stage, release=release, table=table, at=START)
    for order in ("cumulative", "tottime"):
        pstats.Stats(profiler).sort_stats(order).print_stats(45)
    for seconds, text in sorted(statements, reverse=True)[:30]:
        say(f"{seconds:8.3f} s  {text}")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="staging", description=__doc__)
    parser.add_argument("--indicators", type=int, action="append", help="of 42,619 areas each")
    parser.add_argument("--times", type=int, default=3, help="turns")
    parser.add_argument("--cost", action="store_true", help="print where the time goes instead")
    args = parser.parse_args(argv)
    template = _database.kept_demo()
    _database.close()
    with _database.copy_of(template, "bench_staging") as url:
        _database.switch(url)
        sizes = args.indicators or [47, 2]
        dataset = make_dataset(max(sizes))
        if args.cost:
            cost(dataset, sizes[0])
        else:
            starts = [START + timedelta(days=args.times * n) for n in range(len(sizes))]
            found = [
                measure(url, dataset, n, args.times, start)
                for n, start in zip(sizes, starts, strict=True)
            ]
            save("staging", [figure for figures in found for figure in figures])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
