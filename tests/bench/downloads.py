"""Does a download of twenty times the rows need more memory? It should not: files are streamed.

    python -m tests.bench.downloads [--series 20]

Synthetic ratios of every 2011 neighbourhood are put live in a copy of the kept demo database. A
fresh process for each question asks the API, as CSV and as Parquet, for one series (42,619 rows)
and for all of them at once, throws the pieces away as they come, and says the most memory that it
ever held. The copy is dropped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tests.bench import _database
from tests.bench._figures import Figure, save, say, show, verdict
from tests.bench.staging import START, make_dataset, make_table, receive

FORMATS = ("csv", "parquet")
# Of the whole process, which is Django and polars first of all.
MOST_TIMES = 1.25


def peak() -> float:
    """Return the most memory in MB that this process ever held.

    Not from getrusage, which begins with what the parent held when it started this process.
    """
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x)
    return int(line.split()[1]) / 1024


def ask(url: str, path: str) -> None:
    """Read an address piece by piece and print what it took, as JSON on one line."""
    _database.use(url)
    from django.test import Client

    client = Client()
    assert client.get("/api/v1/").status_code == 200
    before, start, size = peak(), time.perf_counter(), 0
    reply = client.get(path, headers={"Accept-Encoding": "identity"})
    assert reply.status_code == 200, reply.content
    for piece in reply:
        size += len(piece)
    seconds = time.perf_counter() - start
    found = {"before_mb": before, "peak_mb": peak(), "file_mb": size / 2**20, "seconds": seconds}
    say(json.dumps({name: round(value, 1) for name, value in found.items()}))


def asked(url: str, path: str) -> Figure:
    """Return what a fresh process says of an address."""
    command = [sys.executable, "-m", "tests.bench.downloads", "--ask", url, path]
    said = subprocess.run(command, cwd=_database.ROOT, capture_output=True, text=True, check=True)
    found: Figure = json.loads(said.stdout.splitlines()[-1])
    return found


def measure(url: str, n: int) -> list[Figure]:
    """Return the memory of one series and of `n`, in each format, and whether it is flat."""
    from indicators.models import LiveSeries
    from indicators.releases.publish import publish
    from indicators.releases.stage import stage

    release = receive(make_dataset(n), "downloads", START)
    stage(release=release, table=make_table(n), at=START)
    publish(release=release, by=None, at=START + timedelta(hours=1))
    wide = LiveSeries.objects.filter(series__release=release, edition__area_type="lsoa")
    pks = list(wide.order_by("series_id").values_list("series_id", flat=True))
    assert len(pks) == n, "a series an indicator"
    _database.close()
    figures: list[Figure] = []
    for form in FORMATS:
        one = asked(url, f"/api/v1/series/{pks[0]}/observations.{form}")
        every = asked(url, f"/api/v1/observations.{form}?dataset=bench&type=lsoa")
        figures += [
            {"measure": f"one series as {form}", **one},
            {"measure": f"{n} series as {form}", **every},
            verdict(
                f"memory of {n} series as {form}, times that of one",
                every["peak_mb"] / one["peak_mb"],
                MOST_TIMES,
            ),
        ]
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="downloads", description=__doc__)
    parser.add_argument("--series", type=int, default=20, help="how many, of 42,619 rows each")
    parser.add_argument("--ask", nargs=2, metavar=("URL", "PATH"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.ask:
        ask(*args.ask)
        return 0
    template = _database.kept_demo()
    _database.close()
    with _database.copy_of(template, "bench_downloads") as url:
        _database.switch(url)
        figures = measure(url, args.series)
    show(figures)
    save("downloads", figures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
