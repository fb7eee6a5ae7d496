"""Programs we look after: whether they live, and waiting for them to end."""

import os
import select
import time
from contextlib import suppress
from pathlib import Path

# What would lead libpq or Python astray if it came from the caller's shell.
MISLEADING = ("PG", "PYTHON", "LC_", "LANGUAGE")


def plain_environment(**extra: str) -> dict[str, str]:
    """Return the caller's environment without what would mislead PostgreSQL's programs."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(MISLEADING)}
    return {**kept, "LANG": "C.UTF-8", **extra}


def state(pid: int) -> str | None:
    """Return the kernel's letter for the state of process `pid`, or None when there is none."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return line.rpartition(")")[2].split()[0]


def lives(pid: int) -> bool:
    """Return True while process `pid` runs; one that has ended but was not collected does not."""
    return state(pid) not in {None, "Z", "X"}


def works_in(pid: int, folder: Path) -> bool:
    """Return True when process `pid` lives and its working folder is `folder`.

    PostgreSQL and Redis both work in their data folder, which tells them from a stranger
    that was given the same number after a crash or a restart.
    """
    try:
        return lives(pid) and Path(f"/proc/{pid}/cwd").samefile(folder)
    except OSError:
        return False


def living_in(folder: Path) -> list[int]:
    """Return the processes whose working folder is `folder`."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if works_in(pid, folder)]


def below(pid: int) -> list[int]:
    """Return the living processes that `pid` has started, and those that they have, and so on."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                letter, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if letter not in "ZX":
                    parents[int(entry.name)] = int(parent)
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found[1:]


def named(pid: int, words: str) -> list[int]:
    """Return the processes below `pid` whose command line holds `words`, parents before children.

    Not by their numbers, which begin again from the lowest once all were given.
    """
    found = []
    for child in below(pid):
        with suppress(OSError):
            line = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            if words in line:
                found.append(child)
    return found


def pid_in(path: Path) -> int | None:
    """Return the process id on the first line of the file at `path`, or None."""
    try:
        first = path.read_text().splitlines()[0]
        return int(first)
    except (OSError, IndexError, ValueError):
        return None


def wait_until_gone(pid: int, seconds: float) -> bool:
    """Wait at most `seconds` for process `pid` to end; return whether it did."""
    until = time.monotonic() + seconds
    while lives(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


class Watch:
    """Notice at once when a process that is not our child ends."""

    def __init__(self, pid: int) -> None:
        """Watch process `pid`, which may already have ended."""
        self.pid = pid
        try:
            self.descriptor: int | None = os.pidfd_open(pid)
        except OSError:
            self.descriptor = None

    def ended(self) -> bool:
        """Return True once the process has ended."""
        if self.descriptor is None:
            return not lives(self.pid)
        return bool(select.select([self.descriptor], [], [], 0)[0])
