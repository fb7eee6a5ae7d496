"""What every benchmark prints and keeps: rows, state, p50, p95, beside a baseline of the same run.

The machine may be busy with other things, so what is compared is measured in turns, and a fixed
piece of work (`calibration`) is measured beside it, so that machines can be compared.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tests.bench._database import ROOT

# How much longer than at rest the fixed work may take before the processor counts as shared.
SLOWER = 1.2
AT_REST = 0.1  # The quantile of the fixed work that counts as the processor to itself.
# Fewer undisturbed turns than this say nothing.
FEWEST_CALM = 6
Figure = dict[str, Any]
Seconds = list[float]


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def quantiles(seconds: Sequence[float]) -> Figure:
    """Return how many times, and the median and 95th percentile in milliseconds."""
    p50, p95 = np.quantile(seconds, [0.5, 0.95]) * 1000
    return {"n": len(seconds), "p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2)}


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds `work` took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(works: Mapping[str, Sequence[Callable[[], object]]]) -> dict[str, Seconds]:
    """Time the n-th piece of each kind of work, then the next, so that all share the weather."""
    found: dict[str, Seconds] = {name: [] for name in works}
    for turn in range(max(len(pieces) for pieces in works.values())):
        for name, pieces in works.items():
            if turn < len(pieces):
                found[name].append(timed(pieces[turn]))
    return found


def undisturbed(work: Sequence[float], fixed: Sequence[float], at_rest: float) -> Seconds:
    """Return the seconds of `work` that had the processor to themselves.

    That is where the fixed work, before and after, took what it takes at rest. A shared machine
    gives its processor to others for a second at a time, and everything then takes twice as long.
    `work` and `fixed` are of the same turns; `at_rest` is in seconds.
    """
    calm = np.asarray(fixed) <= at_rest * SLOWER
    before = np.concatenate([[False], calm[:-1]])
    return np.asarray(work)[: len(calm)][calm & before].tolist()


def calibration() -> None:
    """Do a fixed piece of work, half Python and half NumPy; about 20 ms on a 2020s server."""
    numbers = np.random.default_rng(1).normal(size=100_000)
    np.sort(numbers)
    words = [f"{n:,.1f}" for n in numbers[:20_000].tolist()]
    "".join(words)


def show(figures: Sequence[Figure]) -> None:
    """Print figures, one line each."""
    for figure in figures:
        rest = "  ".join(f"{k}={v}" for k, v in figure.items() if k != "measure")
        say(f"{figure['measure']:34} {rest}")


def verdict(what: str, found: float, most: float, unit: str = "") -> Figure:
    """Return whether a target is met: `found` is at most `most`."""
    return {
        "measure": f"target: {what}",
        "found": round(found, 3),
        "at_most": most,
        "unit": unit,
        "met": bool(found <= most),
    }


def save(name: str, figures: list[Figure]) -> None:
    """Write docs/bench/NAME.json: this run, stamped, in place of the last."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    run = {
        "commit": commit,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load_average": [round(x, 1) for x in os.getloadavg()],
        "figures": figures,
    }
    path = ROOT / "docs" / "bench" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(run, indent=1) + "\n")
    for figure in figures:
        if figure["measure"].startswith("target: "):
            words = "met" if figure["met"] else "NOT MET"
            what = figure["measure"].removeprefix("target: ")
            say(
                f"{words}: {what}: {figure['found']:g} {figure['unit']} "
                f"(at most {figure['at_most']:g})"
            )
    say(f"Written to {path.relative_to(ROOT)}")
