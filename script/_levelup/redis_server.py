"""A Redis of our own on a Unix socket: cache and messages, nothing that must survive."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from script._levelup import home as homes
from script._levelup import processes
from script._levelup.home import Account
from script._levelup.sentences import Stop, last_lines


@dataclass(frozen=True)
class Redis:
    """The Redis of one home."""

    home: Path
    account: Account

    name = "Redis"

    @property
    def data(self) -> Path:
        """Its working folder, which stays all but empty."""
        return self.home / "redis"

    @property
    def log(self) -> Path:
        """What the server has to say."""
        return self.data / "server.log"

    @property
    def socket(self) -> Path:
        """Its socket."""
        return homes.socket_folder(self.home) / "redis.sock"

    @property
    def url(self) -> str:
        """The address for REDIS_URL, as Django's cache wants it."""
        return f"unix://{self.socket}?db=0"

    def pid(self) -> int | None:
        """Return the server's process id while it runs, else None."""
        pid = processes.pid_in(self.data / "redis.pid")
        return pid if pid is not None and processes.works_in(pid, self.data) else None

    def start(self) -> None:
        """Start the server. Raises Stop with the end of its log when it does not answer."""
        program = shutil.which("redis-server")
        if program is None:
            raise Stop("Redis is not installed: run script/bootstrap.")
        homes.make_folder(self.home)
        homes.make_folder(self.data, 0o700, self.account)
        homes.make_socket_folder(self.home, self.account)
        self.socket.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        done = subprocess.run(
            [
                program,
                "--port", "0",
                "--unixsocket", str(self.socket),
                "--unixsocketperm", "700",
                "--dir", str(self.data),
                "--daemonize", "yes",
                "--pidfile", str(self.data / "redis.pid"),
                "--logfile", str(self.log),
                "--save", "",
                "--appendonly", "no",
                # When memory is short, cached pages go; messages, which have no expiry, stay.
                "--maxmemory", "512mb",
                "--maxmemory-policy", "volatile-lru",
            ],
            cwd="/",
            env=processes.plain_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **self.account.popen(),
        )  # fmt: skip
        until = time.monotonic() + 15
        while done.returncode == 0 and time.monotonic() < until:
            if self.pid() is not None and self.socket.exists():
                return
            time.sleep(0.02)
        raise Stop(f"Redis did not start; the end of its log, {self.log}:\n{last_lines(self.log)}")

    def stop(self) -> None:
        """Stop the server. Raises Stop when it does not end within 10 seconds."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        if not processes.wait_until_gone(pid, 10):
            raise Stop(f"Redis (process {pid}) did not stop: see {self.log}.")
