"""SIGKILL of honcho, then of script/server itself: nothing goes on unwatched, both recover."""

import os
import signal

from script._levelup import processes
from tests.faults import _site as sites


def main() -> None:
    """Kill the process manager, then the script, and look."""
    with sites.started() as site:
        below = processes.below(site.script.pid)
        os.kill(site.named("honcho")[0], signal.SIGKILL)
        site.expect_stopped()
    sites.expect_nothing_left(below)
    with sites.started() as site:
        below = processes.below(site.script.pid)
        site.script.kill()
        site.wait_until_ended()
        left = [pid for pid in below if not processes.wait_until_gone(pid, 10)]
        sites.expect(not left, "web, worker and beat end when script/server is killed")
    sites.expect_recovery()


if __name__ == "__main__":
    main()
