"""How the scripts speak: plain lines for progress, one sentence when they stop."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Stop(Exception):
    """The script cannot go on; the message is one sentence: what, where, what to do."""


def say(line: str) -> None:
    """Print `line` for the person at the terminal, at once."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say `what` when it starts, and the seconds it took when it is done."""
    say(f"{what} …")
    started = time.monotonic()
    yield
    say(f"  done in {time.monotonic() - started:.1f} s")


def last_lines(path: Path, count: int = 15) -> str:
    """Return the last `count` lines of the text file at `path`, or an empty string."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(f"  | {line}" for line in lines[-count:])
