"""A task that waits for a file, for tests of workers; a worker is told of it by `--include`."""

from __future__ import annotations

import time
from pathlib import Path

from celery import shared_task

LONGEST = 120


@shared_task
def wait(place: str) -> None:
    """Add a line to `begun` in a folder, wait for `end` to be there, and write `done`."""
    folder = Path(place)
    with (folder / "begun").open("a") as out:
        out.write("begun\n")
    until = time.monotonic() + LONGEST
    while not (folder / "end").exists() and time.monotonic() < until:
        time.sleep(0.02)
    (folder / "done").touch()
