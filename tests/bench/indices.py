"""Do the Indices of 2019, as issued, become ready to publish for three times a bare load?

    python -m tests.bench.indices [--times 2] [--cost]

The domains (File 2, a CSV of the publisher) and the sub-domains, over a million observations, go
from files on disk to ready to publish: receive, check, stage, preview. The baseline takes turns
with it: the very rows that came of it (observations, sums, standings, packed arrays, coverage), as
`tests.bench.staging` loads them, by COPY into bare tables whose keys, indexes and foreign keys are
built afterwards. `--cost` prints where the time goes instead.

Needs the shared pack beside the project. Works in a copy of the kept demo database, and drops it.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import shutil
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.bench import _database
from tests.bench._figures import Figure, quantiles, save, say, show, timed, verdict
from tests.bench.staging import FORMATS, START, baseline

if TYPE_CHECKING:
    from indicators.models import Dataset, Release

FOLDER = _database.ROOT.parent / "shared" / "data" / "releases" / "iod2019_england"
FILES = (
    FOLDER / "File_2_-_IoD2019_Domains_of_Deprivation.csv",
    FOLDER / "iod2019_subdomains_lsoa11_converted.csv.gz",
)
MOST_TIMES, MOST_SECONDS = 3.0, 1.0


def make_ready(dataset: Dataset, turn: int, seconds: dict[str, list[float]]) -> Release:
    """Take the files to ready to publish, and return the release. Raises SystemExit on an error."""
    from indicators.releases import findings, pipeline

    at = START + timedelta(days=turn)
    release: Release | None = None

    def receive() -> None:
        nonlocal release
        release = pipeline.receive(paths=list(FILES), by=None, at=at, dataset=dataset)

    seconds["receive"].append(timed(receive))
    assert release is not None
    seconds["check"].append(timed(partial(pipeline.check_release, release=release, at=at)))
    if findings.numbers(release.problems)[0]:
        raise SystemExit(f"The Indices have errors: {release.problems}")
    seconds["stage"].append(timed(partial(pipeline.stage_release, release=release, at=at)))
    return release


def measure(url: str, dataset: Dataset, times: int) -> list[Figure]:
    """Return the figures of every step, in turns with the baselines."""
    from indicators.releases import pipeline

    seconds: dict[str, list[float]] = {
        name: [] for name in ("receive", "check", "stage", "publish", "withdraw", *FORMATS)
    }
    counts: dict[str, int] = {}
    with _database.connect(url) as plain:
        for turn in range(times):
            plain.execute("CHECKPOINT")
            release = make_ready(dataset, turn, seconds)
            at = START + timedelta(days=turn)
            why = {
                code: "The bench takes what is issued as it is."
                for code, kind in release.problems.items()
                if kind["kind"] == "warning"
            }
            pipeline.accept_warnings(release=release, why=why, by=None, at=at)
            public = partial(pipeline.publish_release, release=release, by=None)
            seconds["publish"].append(timed(partial(public, at=at + timedelta(hours=1))))
            counts = baseline(plain, release, seconds)
            back = partial(pipeline.withdraw_release, release=release, by=None)
            seconds["withdraw"].append(timed(partial(back, at=at + timedelta(hours=2))))
            say("  ".join(f"{name} {taken[-1]:.2f} s" for name, taken in seconds.items()))
    base = min(FORMATS, key=lambda form: float(np.median(seconds[form])))
    whole = np.array(seconds["receive"]) + seconds["check"] + seconds["stage"]
    ratio = float(np.median(whole / np.array(seconds[base])))
    figures: list[Figure] = [
        {"measure": "rows made", **counts},
        *({"measure": name, **quantiles(taken)} for name, taken in seconds.items()),
        {"measure": f"ratio to {base} COPY", "ratio": round(ratio, 2)},
    ]
    show(figures)
    return [
        *figures,
        verdict("the Indices of 2019 to ready, times COPY with keys", ratio, MOST_TIMES),
        verdict("publishing them", max(seconds["publish"]), MOST_SECONDS, "s"),
        verdict("withdrawing them", max(seconds["withdraw"]), MOST_SECONDS, "s"),
    ]


def cost(dataset: Dataset) -> None:
    """Print where the time goes."""
    profiler = cProfile.Profile()
    seconds: dict[str, list[float]] = {"receive": [], "check": [], "stage": []}
    profiler.runcall(make_ready, dataset, 0, seconds)
    say(str(seconds))
    for order in ("cumulative", "tottime"):
        pstats.Stats(profiler).sort_stats(order).print_stats(70)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="indices", description=__doc__)
    parser.add_argument("--times", type=int, default=2, help="turns")
    parser.add_argument("--cost", action="store_true", help="print where the time goes instead")
    args = parser.parse_args(argv)
    if not all(path.is_file() for path in FILES):
        say("The shared pack is not beside the project: there are no Indices to load.")
        return 0
    template = _database.kept_demo()
    _database.close()
    folder = Path(tempfile.mkdtemp(prefix="levelup-indices-"))
    try:
        with _database.copy_of(template, "bench_indices") as url:
            _database.switch(url)
            from django.conf import settings

            from indicators.models import Dataset, Licence

            settings.MEDIA_ROOT = folder / "media"
            dataset = Dataset.objects.create(
                slug="bench", name="Bench", publisher="Bench", licence=Licence.objects.all()[0]
            )
            if args.cost:
                cost(dataset)
            else:
                save("indices", measure(url, dataset, args.times))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
