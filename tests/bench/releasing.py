"""What does a row cost from a CSV on disk to ready to publish, and does memory grow with rows?

    python -m tests.bench.releasing [--indicators 24 --indicators 47 --indicators 470]

One long CSV of synthetic ratios of every 2011 neighbourhood of the demo's real geography, area by
area (the order that suits staging least), goes through receive, check, stage, publish and withdraw,
then to its archive and back. Of each step: seconds, microseconds a row, and the most memory that
this process held during it. Reading runs in a process of its own, whose own memory is looked at 20
times a second.

By default a million rows, two million (which is one part, see docs/releases.md) and twenty million
(ten parts). The last may cost a fifth more a row than the first, and hold a fifth more memory than
that of one whole part.

Of the first file, when it is of a million rows or so, also how long readers wait while another
process publishes and withdraws it again and again, in turns with readers whom nobody disturbs.

Works in a copy of the kept demo database, and drops it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import polars as pl

from tests.bench import _database
from tests.bench._figures import Figure, quantiles, save, say, show, timed, verdict
from tests.bench.staging import START, make_dataset, make_table

AREAS_AT_ONCE = 2_000
# Turns of publishing and withdrawing, reads once either is done, and times idle readers' wait.
TURNS, AFTER, MOST_TIMES = 40, 2, 2.0
# How many times the cost of a row of the smallest file, and the memory of the one before the last,
# the largest may take.
SAME = 1.2


def peak() -> int:
    """Return the most megabytes this process held since `begin`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


def begin() -> None:
    """Forget how much memory was held before."""
    Path("/proc/self/clear_refs").write_text("5")


@contextmanager
def reader_watched() -> Iterator[list[int]]:
    """Give a list of the most bytes that the process that reads held of its own."""
    from indicators.releases.reading import apart

    used, most = apart.used, [0]

    def noting(pid: int) -> int:
        now = used(pid)
        most[0] = max(most[0], now)
        return now

    apart.used = noting
    try:
        yield most
    finally:
        apart.used = used


def write_csv(path: Path, indicators: int) -> int:
    """Write the long CSV, area by area; return its rows. Memory does not grow with them."""
    base = make_table(1)
    names = pl.DataFrame({"indicator": [f"bench-{i}" for i in range(indicators)]})
    with path.open("wb") as out:
        for n, some in enumerate(base.iter_slices(AREAS_AT_ONCE)):
            rows = some.drop("indicator").join(names, how="cross", maintain_order="left")
            rows.write_csv(out, include_header=n == 0)
    return base.height * indicators


def measure(folder: Path, dataset: Any, indicators: int, turn: int) -> list[Figure]:
    """Take one file through every step; of the first, see how readers fare too."""
    from indicators.releases import archive, pipeline

    path = folder / f"long-{indicators}.csv"
    rows = write_csv(path, indicators)
    figures: list[Figure] = []
    at = START + timedelta(days=turn)

    def step(name: str, work: Callable[[], Any]) -> Any:
        begin()
        before = time.monotonic()
        found = work()
        seconds = time.monotonic() - before
        figures.append(
            {
                "measure": name,
                "rows": rows,
                "seconds": round(seconds, 2),
                "microseconds_a_row": round(1e6 * seconds / rows, 2),
                "peak_mb": peak(),
            }
        )
        say(str(figures[-1]))
        return found

    release = step(
        "receive",
        lambda: pipeline.receive(paths=[path], by=None, at=at, dataset=dataset),
    )
    path.unlink()
    with reader_watched() as most:
        step("check", lambda: pipeline.check_release(release=release, at=at))
    figures[-1]["reader_peak_mb"] = most[0] >> 20
    if release.problems:
        raise SystemExit(f"The bench's own file has problems: {release.problems}")
    step("stage", lambda: pipeline.stage_release(release=release, at=at))
    step(
        "publish",
        lambda: pipeline.publish_release(release=release, by=None, at=at + timedelta(hours=1)),
    )
    step(
        "withdraw",
        lambda: pipeline.withdraw_release(release=release, by=None, at=at + timedelta(hours=2)),
    )
    moved = at + timedelta(hours=4)
    step("archive", lambda: archive.archive(release, at=moved, before=at + timedelta(hours=3)))
    step("restore", lambda: archive.restore(release=release, by=None, at=moved))
    if turn == 0:
        figures += readers(release.pk, at + timedelta(hours=3))
    return figures


def publisher(told: Connection, pk: int, start: datetime) -> None:
    """Publish a release, and withdraw it, whenever told; in a process of its own.

    What was withdrawn is made ready again by a stroke of the pen: all its rows are there still.
    """
    from indicators.models import Release
    from indicators.releases import pipeline

    turn = 0
    while told.recv():
        turn += 1
        Release.objects.filter(pk=pk).update(
            status="staged", published_at=None, withdrawn_at=None, withdrawn_reason=""
        )
        release = Release.objects.get(pk=pk)
        told.send(True)
        for step in (pipeline.publish_release, pipeline.withdraw_release):
            told.recv()
            step(release=release, by=None, at=start + timedelta(minutes=2 * turn))
            turn += 1
            told.send(True)


def pages(n: int) -> list[str]:
    """Return addresses of three kinds in turn, each of other areas."""
    from areas.models import Member

    codes = list(
        Member.objects.filter(edition__slug="lsoa-2011")
        .order_by("ordinal")
        .values_list("area__code", flat=True)[: 97 * 2 * n : 97]
    )
    return [
        address
        for one, two in zip(codes[::2], codes[1::2], strict=True)
        for address in (
            f"/areas/{one}/",
            f"/compare/?areas={one},{two}",
            f"/api/v1/observations?area={two}",
        )
    ]


def readers(pk: int, start: datetime) -> list[Figure]:
    """Return how long readers wait while a release is published and withdrawn, and while not."""
    from django.test import Client

    client, addresses, n = Client(), pages(40), 0

    def read() -> float:
        nonlocal n
        n += 1
        return timed(lambda: client.get(addresses[n % len(addresses)]).getvalue())

    for _ in addresses:
        read()
    _database.close()
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    other = multiprocessing.get_context("fork").Process(target=publisher, args=(theirs, pk, start))
    other.start()
    idle: list[float] = []
    meanwhile: list[float] = []
    for _ in range(TURNS):
        ours.send(True)
        ours.recv()
        for _ in ("publish", "withdraw"):
            before = len(meanwhile)
            ours.send(True)
            while not ours.poll():
                meanwhile.append(read())
            ours.recv()
            meanwhile += [read() for _ in range(AFTER)]
            # What is kept in this process is kept anew before anybody is called undisturbed.
            for _ in range(3):
                read()
            idle += [read() for _ in range(len(meanwhile) - before)]
    ours.send(False)
    other.join(60)
    found = {"idle": quantiles(idle), "meanwhile": quantiles(meanwhile)}
    figures: list[Figure] = [
        {"measure": f"readers, {name}", "state": "warm", **f} for name, f in found.items()
    ]
    times = found["meanwhile"]["p95_ms"] / found["idle"]["p95_ms"]
    return [
        *figures,
        verdict("readers' p95 while publishing and withdrawing, times idle", times, MOST_TIMES),
    ]


def compared(figures: Sequence[Figure]) -> list[Figure]:
    """Return whether a row costs the same in the largest file, and memory stays what it was."""
    found = []
    for step in ("check", "stage"):
        of = sorted((f for f in figures if f["measure"] == step), key=lambda f: f["rows"])
        times = of[-1]["microseconds_a_row"] / of[0]["microseconds_a_row"]
        rows = f"{of[-1]['rows']:,} rows"
        found.append(verdict(f"{step}: a row of {rows}, times of {of[0]['rows']:,}", times, SAME))
        for what in ("peak_mb", "reader_peak_mb"):
            if what in of[-1]:
                times = of[-1][what] / of[-2][what]
                label = f"{step}: {what} of {rows}, times of {of[-2]['rows']:,}"
                found.append(verdict(label, times, SAME))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="releasing", description=__doc__)
    parser.add_argument("--indicators", type=int, action="append", help="of 42,619 areas each")
    args = parser.parse_args(argv)
    template = _database.kept_demo()
    _database.close()
    folder = Path(tempfile.mkdtemp(prefix="levelup-releasing-"))
    try:
        with _database.copy_of(template, "bench_releasing") as url:
            _database.switch(url)
            from django.conf import settings

            settings.MEDIA_ROOT = folder / "media"
            sizes = args.indicators or [24, 47, 470]
            dataset = make_dataset(max(sizes))
            found = [
                figure
                for turn, n in enumerate(sizes)
                for figure in measure(folder, dataset, n, turn)
            ]
            if len(sizes) > 1:
                found += compared(found)
            show(found)
            save("releasing", found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
