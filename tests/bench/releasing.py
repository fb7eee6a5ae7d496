"""What does a row cost from a CSV on disk to ready to publish, and does memory grow with rows?

    python -m tests.bench.releasing [--indicators 24 --indicators 470]

One long CSV of synthetic ratios of every 2011 neighbourhood of the demo's real geography, area by
area (the order that suits staging least), goes through receive, check, stage and publish. Of each
step: seconds, microseconds a row, and the most memory that this process held during it. Reading
runs in a process of its own, whose memory is not in that.

Works in a copy of the kept demo database, and drops it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from tests.bench import _database
from tests.bench._figures import Figure, save, say, show
from tests.bench.staging import START, make_dataset, make_table

AREAS_AT_ONCE = 2_000


def peak() -> int:
    """Return the most megabytes this process held since `begin`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


def begin() -> None:
    """Forget how much memory was held before."""
    Path("/proc/self/clear_refs").write_text("5")


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
    """Take one file through every step."""
    from indicators.releases import pipeline

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
    step("check", lambda: pipeline.check_release(release=release, at=at))
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
    return figures


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
            sizes = args.indicators or [24, 470]
            dataset = make_dataset(max(sizes))
            found = [
                figure
                for turn, n in enumerate(sizes)
                for figure in measure(folder, dataset, n, turn)
            ]
            show(found)
            save("releasing", found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
