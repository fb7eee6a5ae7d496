"""Are tables of parts and comparisons fast, however much is stored?

    python -m tests.bench.tables [--times 10] [--n 20]

On a copy of the demo's database with 50 made-up indicators of authorities and 20 of neighbourhoods:
first one release of each, then as many again `--times` over (older periods of the same). Asked in
process through every middleware, DEBUG off: Birmingham's 639 neighbourhoods by 20 indicators, and
10 authorities by 50. The fixed piece of work (`calibration`) takes turns with them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

from tests.bench import _database
from tests.bench._figures import (
    Figure,
    calibration,
    in_turns,
    quantiles,
    save,
    say,
    show,
    timed,
    verdict,
)
from tests.bench.profile import ask, size_and_queries

WIDE, DEEP = 50, 20
COMPARED = (
    "E06000002,W06000015,S12000036,E06000023,E08000025,E08000035,E06000001,E09000007,E07000041,"
    "S12000049"
)
PARTS = "/areas/E08000025/parts/?level=lsoa-2011&show=" + ",".join(f"deep-{n}" for n in range(DEEP))
COMPARE = f"/compare/?areas={COMPARED}&show=" + ",".join(f"wide-{n}" for n in range(WIDE))
MOST_PARTS_MS, MOST_COMPARE_MS, MOST_GROWTH = 150, 80, 1.3


def fill(years: Sequence[int]) -> None:
    """Publish a release a year of every made-up indicator, of random values."""
    from datetime import UTC, datetime

    import numpy as np
    import polars as pl

    from areas.models import Area, Edition
    from indicators.models import Dataset, Indicator, Release, Theme
    from indicators.releases.publish import publish
    from indicators.releases.stage import stage

    dataset = Dataset.objects.select_related("licence").order_by("pk")[0]
    scope, theme = Area.objects.get(code="K02000001"), Theme.objects.order_by("pk")[0]
    for kind, slug, many in (("wide", "authority-2025", WIDE), ("deep", "lsoa-2011", DEEP)):
        edition = Edition.objects.get(slug=slug)
        codes = list(
            edition.areas.order_by("member__ordinal").distinct().values_list("code", flat=True)
        )
        for n in range(many):
            name = f"{kind}-{n}"
            Indicator.objects.get_or_create(
                slug=name,
                defaults={"name": name, "short_name": name, "theme": theme, "definition": name,
                          "scope": scope, "aggregation": "none"},
            )  # fmt: skip
        for year in years:
            at = datetime.now(UTC)
            release = Release.objects.create(
                dataset=dataset, slug=f"bench-{kind}-{year}", name=f"{kind} {year}",
                licence=dataset.licence, received_at=at,
            )  # fmt: skip
            values = np.random.default_rng(year).gamma(2.0, 10.0, many * len(codes))
            table = pl.DataFrame(
                {"indicator": np.repeat([f"{kind}-{n}" for n in range(many)], len(codes)),
                 "code": codes * many, "value": values}
            ).with_columns(edition=pl.lit(slug), period=pl.lit(f"{year}-01-01/P1Y"))  # fmt: skip
            seconds = timed(partial(stage, release=release, table=table, at=at))
            publish(release=release, by=None, at=datetime.now(UTC))
            say(f"{kind} {year}: {len(table):,} rows staged in {seconds:.0f} s")


def measure(stored: str, n: int) -> list[Figure]:
    """Return the figures of both pages, cold (a process with no arrays kept) and warm."""
    from indicators.insight import live

    figures: list[Figure] = []
    for name, path in (("parts: 639 rows by 20", PARTS), ("compare: 10 areas by 50", COMPARE)):
        ask(path)
        live._kept.clear()
        cold = timed(partial(ask, path)) * 1000
        asks: list[Callable[[], object]] = [partial(ask, path)] * n
        fixed: list[Callable[[], object]] = [calibration] * n
        turns = in_turns({"page": asks, "calibration": fixed})
        started = time.process_time()
        for each in asks:
            each()
        zipped, whole, queries = size_and_queries(path)
        figures.append(
            {
                "measure": name,
                "stored": stored,
                "state": "warm",
                **quantiles(turns["page"]),
                "cpu_python_ms": round((time.process_time() - started) / n * 1000, 1),
                "cold_ms": round(cold, 1),
                "calibration_p50_ms": quantiles(turns["calibration"])["p50_ms"],
                "queries": queries,
                "gzip": zipped,
                "html": whole,
            }
        )
        show(figures[-1:])
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="tables", description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="how much more is stored at last")
    parser.add_argument("--n", type=int, default=20, help="times each page is asked for")
    args = parser.parse_args(argv)
    demo = _database.demo()
    _database.close()
    with _database.copy_of(demo, "bench_tables") as url:
        _database.switch(url)
        fill([2024])
        figures = measure("1×", args.n)
        fill(range(2024 - args.times + 1, 2024))
        figures += measure(f"{args.times}×", args.n)
    once, more = figures[:2], figures[2:]
    for most, first, last in zip((MOST_PARTS_MS, MOST_COMPARE_MS), once, more, strict=True):
        figures.append(verdict(f"p50 of {first['measure']}", last["p50_ms"], most, "ms"))
        growth = (last["p50_ms"] / last["calibration_p50_ms"]) / (
            first["p50_ms"] / first["calibration_p50_ms"]
        )
        figures.append(verdict(f"growth of {first['measure']}", growth, MOST_GROWTH, "times"))
    save("tables", figures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
