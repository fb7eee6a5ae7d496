"""SIGKILL of PostgreSQL while the site runs: it stops with a sentence, the next start recovers."""

import os
import signal

from script._levelup import processes
from tests.faults import _site as sites


def main() -> None:
    """Kill the postmaster and look."""
    with sites.started() as site:
        below = processes.below(site.script.pid)
        os.kill(sites.server_pid("postgres"), signal.SIGKILL)
        said = site.expect_stopped()
        sites.expect("PostgreSQL ended unexpectedly" in said, "it says that PostgreSQL ended")
    sites.expect_nothing_left(below)
    sites.expect_recovery()
    said = site.said.read_text()
    sites.expect("it recovers now" in said, "the next start says that it recovers")


if __name__ == "__main__":
    main()
