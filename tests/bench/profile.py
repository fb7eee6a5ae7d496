"""Is the profile of a place fast and small enough? Server time, queries and bytes by type.

    python -m tests.bench.profile [--n 60] [--cost E06000002]

Requests go through every middleware (gzip too) in process, DEBUG off; nothing caches pages. Each
area is asked for twice: first, and again (warm). The baseline takes turns with them: as many
trivial queries and an empty template through the same middleware. Processor time is printed too,
since the time on the clock is also that of whatever else the machine is doing. `--cost CODE`
prints instead where the time of one area goes, by cProfile.
"""

from __future__ import annotations

import argparse
import cProfile
import gzip
import os
import pstats
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from tests.bench import _database
from tests.bench._figures import (
    Figure,
    calibration,
    in_turns,
    quantiles,
    save,
    say,
    show,
    verdict,
)

TYPES = ("authority", "ward", "msoa", "lsoa", "county", "region", "country", "uk")
TARGETED = ("authority", "ward")
MOST_MS, MOST_QUERIES, MOST_BYTES = 60, 15, 60 * 1024
TRIVIAL_QUERIES = 15


def codes_by_type(n: int) -> dict[str, list[str]]:
    """Return `n` codes of each type, spread over its newest edition; fewer areas come round."""
    from areas.models import Area

    found = {}
    for kind in TYPES:
        codes = list(
            Area.objects.filter(area_type=kind, editions__isnull=False, valid_to__isnull=True)
            .order_by("code")
            .values_list("code", flat=True)
            .distinct()
        )
        step = max(1, len(codes) // n)
        found[kind] = list(islice(cycle(codes[::step]), n))
    return found


def ask(path: str) -> bytes:
    """Return the body, gzipped, that the site answers `path` with."""
    from django.test import Client

    response = Client(headers={"accept-encoding": "gzip"}).get(path)
    if response.status_code != 200:
        raise RuntimeError(f"{path} answered {response.status_code}")
    return bytes(response.content)


def add_baseline() -> None:
    """Serve /baseline: as many trivial queries as a profile may have, and an empty template."""
    from django.db import connection
    from django.http import HttpRequest, HttpResponse
    from django.template import engines
    from django.urls import path

    from levelup_site import urls

    empty = engines["django"].from_string("")

    def baseline(request: HttpRequest) -> HttpResponse:
        with connection.cursor() as cursor:
            for _ in range(TRIVIAL_QUERIES):
                cursor.execute("SELECT 1")
                cursor.fetchall()
        return HttpResponse(empty.render({}, request))

    urls.urlpatterns.append(path("baseline", baseline))


def size_and_queries(path: str) -> tuple[int, int, int]:
    """Return bytes of HTML as sent and whole, and the number of queries behind them."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        body = ask(path)
    return len(body), len(gzip.decompress(body)), len(queries)


def database_cpu() -> float:
    """Return the processor seconds that our connection's PostgreSQL process has used.

    0 where it runs on another machine.
    """
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if not stat.exists() or "postgres" not in stat.read_text():
        return 0.0
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def cpu(asks: Sequence[Callable[[], object]]) -> tuple[float, float]:
    """Return the processor milliseconds of each request, ours and PostgreSQL's: the mean.

    Unlike the time on the clock, it hardly changes when other things run beside it.
    """
    python, postgres = time.process_time(), database_cpu()
    for work in asks:
        work()
    spent = time.process_time() - python, database_cpu() - postgres
    return round(spent[0] * 1000 / len(asks), 1), round(spent[1] * 1000 / len(asks), 1)


def measure(n: int) -> list[Figure]:
    """Return the figures of every type, and of the whole."""
    from indicators.models import Indicator, Observation

    figures: list[Figure] = [
        {
            "measure": "store",
            "indicators": Indicator.objects.count(),
            "observations": Observation.objects.count(),
        }
    ]
    add_baseline()
    by_type = codes_by_type(n)
    for codes in by_type.values():
        ask(f"/areas/{codes[-1]}/")
    for kind, codes in by_type.items():
        asks: list[Callable[[], object]] = [partial(ask, f"/areas/{code}/") for code in codes]
        bases: list[Callable[[], object]] = [partial(ask, "/baseline")] * n
        fixed: list[Callable[[], object]] = [calibration] * n
        first = in_turns({"profile": asks, "baseline": bases})
        warm = in_turns({"profile": asks, "baseline": bases, "calibration": fixed})
        python, postgres = cpu(asks)
        weights = [size_and_queries(f"/areas/{code}/") for code in dict.fromkeys(codes)]
        base, here = quantiles(warm["baseline"]), quantiles(warm["profile"])
        figures.append(
            {
                "measure": kind,
                "areas": len(weights),
                "state": "warm",
                **here,
                "cpu_python_ms": python,
                "cpu_postgres_ms": postgres,
                "first_p50_ms": quantiles(first["profile"])["p50_ms"],
                "baseline_p50_ms": base["p50_ms"],
                "baseline_p95_ms": base["p95_ms"],
                "ratio": round(here["p50_ms"] / base["p50_ms"], 2),
                "calibration_p50_ms": quantiles(warm["calibration"])["p50_ms"],
                "queries_max": max(w[2] for w in weights),
                "gzip_max": max(w[0] for w in weights),
                "html_max": max(w[1] for w in weights),
            }
        )
        show(figures[-1:])
    by_measure = {f["measure"]: f for f in figures}
    figures += [
        verdict(f"p50 of {kind}", by_measure[kind]["p50_ms"], MOST_MS, "ms") for kind in TARGETED
    ]
    worst = [by_measure[kind] for kind in TYPES]
    figures.append(verdict("queries", max(f["queries_max"] for f in worst), MOST_QUERIES))
    figures.append(verdict("HTML, gzipped", max(f["gzip_max"] for f in worst), MOST_BYTES, "bytes"))
    return figures


def cost(code: str, times: int = 20) -> None:
    """Print where the time of one area goes."""
    path = f"/areas/{code}/"
    ask(path)
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(times):
        ask(path)
    profiler.disable()
    for order in ("cumulative", "tottime"):
        pstats.Stats(profiler).sort_stats(order).print_stats(60)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="profile", description=__doc__)
    parser.add_argument("--n", type=int, default=60, help="areas of each type")
    parser.add_argument("--cost", default="", metavar="CODE", help="profile one area instead")
    args = parser.parse_args(argv)
    say(f"On {_database.database(_database.demo())}")
    if args.cost:
        cost(args.cost)
    else:
        save("profile", measure(args.n))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
