"""SIGKILL of the Celery worker while the site runs: all stops with a sentence, nothing is left."""

import os
import signal

from script._levelup import processes
from tests.faults import _site as sites


def main() -> None:
    """Kill the worker's first process and look."""
    with sites.started() as site:
        below = processes.below(site.script.pid)
        os.kill(site.named("celery:app worker")[0], signal.SIGKILL)
        said = site.expect_stopped()
        sites.expect("One of web, worker and beat ended" in said, "it says so")
    sites.expect_nothing_left(below)
    sites.expect_recovery()


if __name__ == "__main__":
    main()
