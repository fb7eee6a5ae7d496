"""Ctrl-C at many moments of a first start: nothing is left running, the next start works."""

import shutil
import time

from script._levelup import processes
from tests.faults import _site as sites

MOMENTS = [0.3, 0.8, 1.5, 2.5, 3.5, 5, 7, 9, 11]


def main() -> None:
    """Interrupt first starts, each in an empty home, and look."""
    for moment in MOMENTS:
        for entry in sites.HOME.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
        site = sites.Site(sites.free_port())
        time.sleep(moment)
        below = processes.below(site.script.pid)
        code, seconds = site.interrupt()
        done = "Ready: " in site.said.read_text()
        sites.expect(
            code in {0, 130} and seconds < 15,
            f"Ctrl-C after {moment} s ({'ready' if done else 'starting'}) ends it, {seconds:.1f} s",
        )
        sites.expect_nothing_left(below)
        sites.expect_recovery()


if __name__ == "__main__":
    main()
