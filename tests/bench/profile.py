"""Is the profile of a place fast and small enough? Server time, queries and bytes by type.

    python -m tests.bench.profile [--n 60] [--indicators 300] [--cost E06000002]

Requests go through every middleware (gzip too) in process, DEBUG off; nothing caches pages. Each
area is asked for twice: first, and again (warm). The baseline takes turns with them: as many
trivial queries and an empty template through the same middleware. Processor time is printed too,
since the time on the clock is also that of whatever else the machine is doing. `--cost CODE`
prints instead where the time of one area goes, by cProfile.

`--indicators 300` asks the same of a copy of the demo in which each figure of the wide areas and
of the wards asked for stands twenty times over, as indicators of their own in ten themes: the page
then shows one theme, and the names of the figures of the others.
"""

from __future__ import annotations

import argparse
import cProfile
import gzip
import os
import pstats
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from django.test import Client

TYPES = ("authority", "ward", "msoa", "lsoa", "county", "region", "country", "uk")
TARGETED = ("authority", "ward")
MOST_MS, MOST_QUERIES, MOST_BYTES = 60, 15, 60 * 1024
TRIVIAL_QUERIES = 15
# With more figures than are shown at once, what stands out is sought among all of them.
MOST_QUERIES_MANY = 25
MANY_TYPES = ("authority", "ward", "region", "country")
THEMES = 10
# Series ids of a copy are so far from those that they are copies of, in the same partition.
STRIDE = 1000


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


@cache
def client() -> Client:
    """Return the one that asks. A site sets its middleware up once, and so does this."""
    from django.test import Client

    return Client(headers={"accept-encoding": "gzip"})


def ask(path: str) -> bytes:
    """Return the body, gzipped, that the site answers `path` with."""
    response = client().get(path)
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


COPIES = """
INSERT INTO indicators_theme
    SELECT 'bench-' || n, 'Theme ' || n, 10 + n FROM generate_series(1, {themes}) n;
CREATE TEMP TABLE copies AS
    SELECT i.id AS old, i.slug || '-' || k AS slug, k, row_number() OVER (ORDER BY k, i.id) AS at
    FROM indicators_indicator i, generate_series(1, {times} - 1) k;
INSERT INTO indicators_indicator (slug, name, short_name, theme_id, {columns})
    SELECT c.slug, i.name || ' ' || c.k, i.short_name,
        'bench-' || 1 + (c.at - 1) * {themes} / (SELECT count(*) FROM copies), {columns}
    FROM copies c JOIN indicators_indicator i ON i.id = c.old ORDER BY c.at;
CREATE TEMP TABLE series_copies AS
    SELECT s.*, s.id + {stride} * c.k AS new, n.id AS new_indicator
    FROM indicators_series s JOIN copies c ON c.old = s.indicator_id
    JOIN indicators_indicator n ON n.slug = c.slug;
INSERT INTO indicators_series (id, indicator_id, {of_series})
    SELECT new, new_indicator, {of_series} FROM series_copies;
INSERT INTO indicators_liveseries (indicator_id, breakdown, edition_id, period_id, series_id, live)
    SELECT c.new_indicator, l.breakdown, l.edition_id, l.period_id, c.new, l.live
    FROM indicators_liveseries l JOIN series_copies c ON c.id = l.series_id;
INSERT INTO indicators_packedarray (series_id, values, markers)
    SELECT c.new, p.values, p.markers FROM indicators_packedarray p
    JOIN series_copies c ON c.id = p.series_id WHERE c.n_members <= 400;
INSERT INTO indicators_observation
    (series_id, area_id, value, lower, upper, numerator, denominator, marker)
    SELECT c.new, o.area_id, o.value, o.lower, o.upper, o.numerator, o.denominator, o.marker
    FROM indicators_observation o JOIN series_copies c ON c.id = o.series_id
    WHERE o.area_id = ANY(%s);
INSERT INTO indicators_standing (series_id, area_id, group_area_id, rank, tied, out_of)
    SELECT c.new, t.area_id, t.group_area_id, t.rank, t.tied, t.out_of
    FROM indicators_standing t JOIN series_copies c ON c.id = t.series_id
    WHERE t.area_id = ANY(%s);
"""


def multiply(indicators: int, codes: list[str]) -> None:
    """Copy every indicator until there are `indicators`, with the figures of `codes` alone."""
    from django.db import connection

    from areas.models import Area
    from indicators.models import Indicator, Series

    def fields(model: type, *but: str) -> str:
        names = [f.column for f in model._meta.concrete_fields]  # type: ignore[attr-defined]
        return ", ".join(n for n in names if n not in {"id", *but})

    held = Indicator.objects.count()
    areas = list(Area.objects.filter(code__in=codes).values_list("pk", flat=True))
    of_indicator = fields(Indicator, "slug", "name", "short_name", "theme_id")
    script = COPIES.format(
        themes=THEMES,
        times=-(-indicators // held),
        stride=STRIDE,
        columns=of_indicator,
        of_series=fields(Series, "indicator_id"),
    )
    with connection.cursor() as cursor:
        for statement in script.split(";\n"):
            if statement.strip():
                cursor.execute(statement, (areas,) if "%s" in statement else None)
        cursor.execute("VACUUM ANALYZE")


def measure_many(n: int) -> list[Figure]:
    """Return the figures of a page that shows one theme of many, and of every theme at once."""
    from areas.models import Area
    from indicators.models import Indicator, Theme

    figures: list[Figure] = []
    themes = Theme.objects.filter(indicator__isnull=False).distinct().count()
    by_type = {kind: codes for kind, codes in codes_by_type(n).items() if kind in MANY_TYPES}
    last = Theme.objects.order_by("-order")[0].slug
    for kind, codes in by_type.items():
        works: dict[str, list[Callable[[], object]]] = {
            "first theme": [partial(ask, f"/areas/{code}/") for code in codes],
            "theme alone": [
                partial(ask, f"/areas/{code}/?theme={last}&part=theme") for code in codes
            ],
            "every theme": [partial(ask, f"/areas/{code}/?theme=all") for code in codes[:10]],
            "baseline": [partial(ask, "/baseline")] * n,
            "calibration": [calibration] * n,
        }
        in_turns(works)
        warm = in_turns(works)
        python, postgres = cpu(works["first theme"])
        base = quantiles(warm["baseline"])
        for name in ("first theme", "theme alone", "every theme"):
            query = {"first theme": "", "theme alone": f"?theme={last}&part=theme"}.get(
                name, "?theme=all"
            )
            weights = [size_and_queries(f"/areas/{c}/{query}") for c in dict.fromkeys(codes[:10])]
            figures.append(
                {
                    "measure": f"{kind}, {name}",
                    "indicators": Indicator.objects.count(),
                    "themes": themes,
                    "areas": Area.objects.filter(code__in=codes).count(),
                    "state": "warm",
                    **quantiles(warm[name]),
                    **({"cpu_python_ms": python, "cpu_postgres_ms": postgres}
                       if name == "first theme" else {}),
                    "baseline_p50_ms": base["p50_ms"],
                    "calibration_p50_ms": quantiles(warm["calibration"])["p50_ms"],
                    "queries_max": max(w[2] for w in weights),
                    "gzip_max": max(w[0] for w in weights),
                    "html_max": max(w[1] for w in weights),
                }
            )  # fmt: skip
            show(figures[-1:])
    firsts = {f["measure"]: f for f in figures if "first" in f["measure"]}
    figures += [
        verdict(
            f"p50 of {kind}, first theme", firsts[f"{kind}, first theme"]["p50_ms"], MOST_MS, "ms"
        )
        for kind in TARGETED
    ]
    figures.append(
        verdict("queries", max(f["queries_max"] for f in firsts.values()), MOST_QUERIES_MANY)
    )
    return figures


def many(indicators: int, n: int, cost_of: str) -> list[Figure]:
    """Return the figures of a store of many indicators, made from the demo and dropped again."""
    template = _database.kept_demo()
    from areas.models import Area

    _database.close()
    with _database.copy_of(template, f"bench_profile_{indicators}") as url:
        _database.switch(url)
        codes = {c for kind, found in codes_by_type(n).items() if kind in MANY_TYPES for c in found}
        wide = ("authority", "county", "region", "country", "country-group", "uk")
        codes |= set(Area.objects.filter(area_type__in=wide).values_list("code", flat=True))
        multiply(indicators, sorted(codes))
        add_baseline()
        if cost_of:
            cost(cost_of)
            return []
        return measure_many(n)


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
    parser.add_argument("--indicators", type=int, default=0, help="on a store of so many")
    parser.add_argument("--cost", default="", metavar="CODE", help="profile one area instead")
    args = parser.parse_args(argv)
    if args.indicators:
        if figures := many(args.indicators, args.n, args.cost):
            save(f"profile-{args.indicators}", figures)
        return 0
    say(f"On {_database.database(_database.demo())}")
    if args.cost:
        cost(args.cost)
    else:
        save("profile", measure(args.n))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
