"""Is what a release would change read in no time, once it was worked out when it was staged?

    python -m tests.bench.preview [--indicators 24] [--times 40]

A release of 24 made-up ratios of every 2011 neighbourhood (a million observations) is live, and
another that changes every one of them is staged. How long working the preview out takes, and then
how long reading it takes: the whole, a page of its series, pages of the diff (the first, the
middle, one area's, the largest changes), how many there are, and all of it as CSV. The fixed piece
of work (`calibration`) takes turns with what a page of review would read.

Works in a copy of the kept demo database, and drops it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path

import polars as pl

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
from tests.bench.staging import START, make_dataset, make_table, receive

PAGE = 100
MOST_READ_MS = 200


def prepare(indicators: int) -> tuple[object, list[Figure]]:
    """Publish a release and stage another; return that one and what its preview cost."""
    from indicators.models import Series
    from indicators.releases import preview
    from indicators.releases.publish import publish
    from indicators.releases.stage import stage

    dataset = make_dataset(indicators)
    table = make_table(indicators)
    live = receive(dataset, "live", START)
    stage(release=live, table=table, at=START)
    publish(release=live, by=None, at=START + timedelta(hours=1))
    changed = table.with_columns(
        value=100 * (pl.col("numerator") + 1) / pl.col("denominator"),
        numerator=pl.col("numerator") + 1,
    )
    new = receive(dataset, "new", START + timedelta(hours=2))
    stage(release=new, table=changed, at=START + timedelta(hours=3))
    seconds = timed(lambda: preview.make(new, lambda stage, done, total: None))
    found: Figure = {
        "measure": "preview worked out",
        "rows": table.height,
        "series": Series.objects.filter(release=new).count(),
        "seconds": round(seconds, 2),
    }
    return new, [found]


def reads(release: object) -> dict[str, Callable[[], object]]:
    """Return what a page of review reads, by name."""
    from indicators.models import Release
    from indicators.releases import preview

    assert isinstance(release, Release)
    diff = preview.diff_of(release)
    n = int(diff.select(pl.len()).collect().item())
    code = str(diff.select("code").slice(n // 2, 1).collect().item())

    def page(frame: pl.LazyFrame, rows: int) -> None:
        assert frame.collect().height == rows

    def largest() -> None:
        ordered = preview.diff_of(release).top_k(PAGE, by=pl.col("difference").abs())
        page(ordered, PAGE)

    def of_one_area() -> None:
        assert preview.diff_of(release).filter(pl.col("code") == code).collect().height > 0

    return {
        "the whole": lambda: preview.read(release),
        "a page of series": lambda: list(islice(preview.series_of(release), PAGE)),
        "first page of the diff": lambda: page(preview.diff_of(release).slice(0, PAGE), PAGE),
        "middle page of the diff": lambda: page(preview.diff_of(release).slice(n // 2, PAGE), PAGE),
        "one area's part of the diff": of_one_area,
        "largest changes of the diff": largest,
        "how many the diff has": lambda: preview.diff_of(release).select(pl.len()).collect(),
    }


def whole_diff(release: object) -> Figure:
    """Return how long the whole diff takes as CSV, as whoever takes it away gets it."""
    from indicators.exports.files import csv
    from indicators.models import Release
    from indicators.presenters.release import diff_table

    assert isinstance(release, Release)
    size = 0

    def take() -> None:
        nonlocal size
        size = len(csv(diff_table(release)))

    seconds = timed(take)
    return {"measure": "whole diff as CSV", "seconds": round(seconds, 2), "bytes": size}


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="preview", description=__doc__)
    parser.add_argument("--indicators", type=int, default=24, help="of 42,619 areas each")
    parser.add_argument("--times", type=int, default=40, help="each read")
    args = parser.parse_args(argv)
    template = _database.kept_demo()
    _database.close()
    folder = Path(tempfile.mkdtemp(prefix="levelup-preview-"))
    try:
        with _database.copy_of(template, "bench_preview") as url:
            _database.switch(url)
            from django.conf import settings

            settings.MEDIA_ROOT = folder / "media"
            release, found = prepare(args.indicators)
            say(str(found[0]))
            works = reads(release)
            turns = {"calibration": [calibration] * args.times} | {
                name: [work] * args.times for name, work in works.items()
            }
            for name, seconds in in_turns(turns).items():
                found.append({"measure": name, "state": "warm", **quantiles(seconds)})
            found.append(whole_diff(release))
            found += [
                verdict(f"{f['measure']} of a preview, p95", f["p95_ms"], MOST_READ_MS, "ms")
                for f in found
                if f["measure"] in works
            ]
            show(found)
            save("preview", found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
