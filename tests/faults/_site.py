"""A site started by script/server in LEVELUP_HOME, for fault runs to break."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from script._levelup import processes
from script._levelup.home import PROJECT

HOME = Path(os.environ.get("LEVELUP_HOME", ""))


def expect(true: bool, sentence: str) -> None:
    """Print `sentence` when it is true; end the run with code 1 when it is not."""
    print(f"{'ok' if true else 'NOT SO'}: {sentence}", flush=True)
    if not true:
        sys.exit(1)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


class Site:
    """One run of script/server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.said = HOME / "said.txt"
        self.started = time.monotonic()
        with self.said.open("wb") as output:
            self.script = subprocess.Popen(
                [PROJECT / "script" / "server", "--no-demo", "--port", str(port)],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_until_ready(self, seconds: float = 120) -> float:
        """Wait for the line that says so; return the seconds since the start."""
        until = time.monotonic() + seconds
        while "Ready: " not in self.said.read_text():
            if self.script.poll() is not None or time.monotonic() > until:
                expect(False, f"script/server became ready; it said:\n{self.said.read_text()}")
            time.sleep(0.1)
        return time.monotonic() - self.started

    def status(self, path: str) -> int:
        """Return the status of a page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        return connection.getresponse().status

    def named(self, words: str) -> list[int]:
        """Return the processes of script/server whose command line holds `words`, in order."""
        return processes.named(self.script.pid, words)

    def wait_until_ended(self, seconds: float = 30) -> tuple[int, float]:
        """Return script/server's exit code and the seconds it took to end."""
        began = time.monotonic()
        try:
            code = self.script.wait(seconds)
        except subprocess.TimeoutExpired:
            expect(
                False, f"script/server ended within {seconds} s; it said:\n{self.said.read_text()}"
            )
        return code, time.monotonic() - began

    def expect_stopped(self) -> str:
        """Expect that script/server ends by itself, with code 1; return what it said."""
        code, seconds = self.wait_until_ended()
        expect(code == 1 and seconds < 15, f"script/server ends with code 1 in {seconds:.1f} s")
        return self.said.read_text()

    def interrupt(self) -> tuple[int, float]:
        """Press Ctrl-C, which a terminal sends to the whole foreground group."""
        os.killpg(self.script.pid, signal.SIGINT)
        return self.wait_until_ended()


def server_pid(name: str) -> int:
    """Return the process id of this home's "postgres" or "redis"."""
    path = {"postgres": "postgres/data/postmaster.pid", "redis": "redis/redis.pid"}[name]
    pid = processes.pid_in(HOME / path)
    if pid is None:
        expect(False, f"{name} runs in {HOME}")
    return pid or 0


@contextmanager
def started() -> Iterator[Site]:
    """A site that is ready, ended if the run leaves it standing."""
    site = Site(free_port())
    try:
        site.wait_until_ready()
        yield site
    finally:
        if site.script.poll() is None:
            site.script.terminate()
            site.script.wait(60)


def expect_nothing_left(below: list[int]) -> None:
    """Expect that the processes `below` have gone, and the private servers with them."""
    left = [pid for pid in below if not processes.wait_until_gone(pid, 5)]
    expect(not left, "no process is left behind")
    for folder in ("postgres/data", "redis"):
        expect(not processes.living_in(HOME / folder), f"nothing works in {folder}")


def expect_recovery() -> None:
    """Expect that the next start serves, and that Ctrl-C ends it cleanly."""
    with started() as site:
        expect(site.status("/readyz") == 200, "the next start serves")
        below = processes.below(site.script.pid)
        code, seconds = site.interrupt()
        expect(code == 0 and seconds < 10, f"Ctrl-C ends it with code 0 in {seconds:.1f} s")
    expect_nothing_left(below)
