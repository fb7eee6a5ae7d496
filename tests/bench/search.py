"""Are places found at once? Names, codes and postcodes, whole and by their beginning.

    python -m tests.bench.search [--n 100] [--explain]

`areas.search.search` in process on the demo's areas and postcodes, warm, each kind of question
in turns with a look-up by primary key. `--explain` prints the plans of the slowest question of
each kind.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from tests.bench import _database
from tests.bench._figures import Figure, in_turns, quantiles, save, say, show, timed, verdict

MOST_MS = 50  # While someone types: a tenth of a second with the network's share.


def questions(n: int) -> dict[str, list[str]]:
    """Return `n` questions of each kind, from names, codes and postcodes that exist."""
    from areas.models import Area, Postcode

    rng = np.random.default_rng(1)
    areas = list(Area.objects.order_by("pk").values_list("name", "code", "area_type"))
    known = [name for name, _, kind in areas if kind in {"authority", "ward", "county", "region"}]
    picked = [known[i] for i in rng.integers(0, len(known), n)]
    lengths = rng.integers(3, 7, n).tolist()
    every = Postcode.objects.order_by("pk").values_list("pk", flat=True)
    count = Postcode.objects.count()
    codes = [every[int(i)] for i in rng.integers(0, count, n)]
    return {
        "exact name": picked,
        "beginning of a name, 3 to 6 letters": [
            name[:length] for name, length in zip(picked, lengths, strict=True)
        ],
        "beginning of a name, 2 letters": [name[:2] for name in picked],
        "name that is not there": [name[::-1] for name in picked],
        "GSS code": [areas[i][1] for i in rng.integers(0, len(areas), n)],
        "beginning of a GSS code": [areas[i][1][:5] for i in rng.integers(0, len(areas), n)],
        "whole postcode": [f"{code[:-3]} {code[-3:]}" for code in codes],
        "outward postcode": [code[:-3] for code in codes],
        "outward postcode and digit": [f"{code[:-3]} {code[-3]}" for code in codes],
    }


def measure(n: int, explain: bool) -> list[Figure]:
    """Return the figures of every kind of question."""
    from areas.models import Area, Postcode
    from areas.search import search

    ids = list(Area.objects.values_list("pk", flat=True)[: n * 10 : 10])
    figures: list[Figure] = [
        {
            "measure": "store",
            "areas": Area.objects.count(),
            "postcodes": Postcode.objects.count(),
        }
    ]
    for kind, asked in questions(n).items():
        answers = [search(question) for question in asked]
        works: dict[str, list[Callable[[], object]]] = {
            "search": [partial(search, question) for question in asked],
            "baseline": [partial(Area.objects.get, pk=pk) for pk in ids],
        }
        seconds = in_turns(works)
        base, here = quantiles(seconds["baseline"]), quantiles(seconds["search"])
        figures.append(
            {
                "measure": kind,
                "state": "warm",
                **here,
                "baseline_p50_ms": base["p50_ms"],
                "baseline_p95_ms": base["p95_ms"],
                "ratio": round(here["p50_ms"] / base["p50_ms"], 1),
                "found_mean": round(float(np.mean([len(a.found) for a in answers])), 1),
                "slowest": asked[int(np.argmax(seconds["search"]))],
            }
        )
        show(figures[-1:])
        if explain:
            plans(figures[-1]["slowest"])
    worst = max(f["p50_ms"] for f in figures[1:])
    figures.append(verdict("p50 of the slowest kind", worst, MOST_MS, "ms"))
    return figures


def plans(question: str) -> None:
    """Print the plan of every query behind a question that takes more than a few milliseconds."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from areas.search import search

    with CaptureQueriesContext(connection) as queries:
        seconds = timed(partial(search, question))
    say(f"“{question}”: {len(queries)} queries, {seconds * 1000:.1f} ms")
    for query in queries.captured_queries:
        if float(query["time"]) >= 0.005:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {query['sql']}")
                say("\n".join(f"    {line}" for (line,) in cursor.fetchall()))


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="search", description=__doc__)
    parser.add_argument("--n", type=int, default=100, help="questions of each kind")
    parser.add_argument("--explain", action="store_true", help="print the plans of the slowest")
    args = parser.parse_args(argv)
    say(f"On {_database.database(_database.demo())}")
    save("search", measure(args.n, args.explain))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
