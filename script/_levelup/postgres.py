"""A PostgreSQL cluster of our own with PostGIS, reached through a Unix socket only."""

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from script._levelup import home as homes
from script._levelup import processes
from script._levelup.home import Account
from script._levelup.sentences import Stop, last_lines, say

PORT = 5432  # only part of the socket's name
ROLE = DATABASE = "levelup"
EXTENSIONS = ("postgis", "pg_trgm", "btree_gist", "unaccent")
MEGABYTE = 1024 * 1024


def program_folders() -> dict[int, Path]:
    """Return the folder of PostgreSQL's programs by major version, those with PostGIS only."""
    found = {}
    for initdb in Path("/usr/lib/postgresql").glob("*/bin/initdb"):
        version = initdb.parent.parent.name
        control = Path(f"/usr/share/postgresql/{version}/extension/postgis.control")
        if version.isdigit() and control.exists():
            found[int(version)] = initdb.parent
    return found


def memory_bytes() -> int:
    """Return the machine's memory in bytes, or the control group's limit where that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def between(low: int, value: int, high: int) -> int:
    """Return `value` kept within `low` and `high`."""
    return max(low, min(value, high))


def settings_for(memory: int, sockets: Path, *, throwaway: bool) -> dict[str, str]:
    """Return the cluster's settings for a machine with `memory` bytes that also runs the site.

    `throwaway` trades durability for speed: a crash may lose the data.
    """
    megabytes = memory // MEGABYTE
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "max_connections": "120",
        # A fifth, not the usual quarter: web, workers and Redis share the machine.
        "shared_buffers": f"{between(128, megabytes // 5, 8192)}MB",
        "effective_cache_size": f"{between(256, megabytes * 6 // 10, 262_144)}MB",
        "work_mem": f"{between(8, megabytes // 512, 64)}MB",
        "maintenance_work_mem": f"{between(64, megabytes // 16, 1024)}MB",
        "autovacuum_work_mem": f"{between(64, megabytes // 32, 512)}MB",
        # Compiling a query costs more than our short queries take.
        "jit": "off",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
        # Imports write gigabytes: fewer, larger checkpoints.
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C.UTF-8",
        "log_line_prefix": "%m [%p] ",
        "log_min_duration_statement": "5s",
        "log_lock_waits": "on",
    }
    if throwaway:
        settings |= {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "log_min_duration_statement": "-1",
        }
    return settings


def database_url(sockets: Path) -> str:
    """Return the address of the database behind the socket in `sockets`.

    The folder is percent-encoded as the host, which dj_database_url decodes keeping
    its letters' case.
    """
    return f"postgis://{ROLE}@{quote(str(sockets), safe='')}:{PORT}/{DATABASE}"


@dataclass(frozen=True)
class Postgres:
    """The cluster of one home."""

    home: Path
    account: Account
    throwaway: bool = False

    name = "PostgreSQL"

    @property
    def data(self) -> Path:
        """The cluster's data folder."""
        return self.home / "postgres" / "data"

    @property
    def log(self) -> Path:
        """What the server has to say."""
        return self.home / "postgres" / "server.log"

    @property
    def sockets(self) -> Path:
        """The folder of its socket."""
        return homes.socket_folder(self.home)

    @property
    def url(self) -> str:
        """The address for DATABASE_URL."""
        return database_url(self.sockets)

    def pid(self) -> int | None:
        """Return the server's process id while it runs, else None."""
        pid = processes.pid_in(self.data / "postmaster.pid")
        return pid if pid is not None and processes.works_in(pid, self.data) else None

    def programs(self) -> Path:
        """Return the folder of the programs that fit the data, or the newest for new data.

        Raises Stop when they are not installed.
        """
        installed = program_folders()
        try:
            made_by = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            if not installed:
                raise Stop(
                    "PostgreSQL with PostGIS is not installed: run script/bootstrap."
                ) from None
            return installed[max(installed)]
        except PermissionError:
            raise Stop(
                f"{self.data} belongs to another account: run this as the account that made it, "
                "or set LEVELUP_HOME to a folder of your own."
            ) from None
        if not made_by.isdigit() or int(made_by) not in installed:
            raise Stop(
                f"The data in {self.data} were made by PostgreSQL {made_by}, which is not "
                f"installed with PostGIS: install postgresql-{made_by}-postgis-3, or move that "
                "folder away to start empty."
            )
        return installed[int(made_by)]

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the servers' account and return what it said."""
        return subprocess.run(
            [self.programs() / program, *arguments],
            cwd="/",
            env=processes.plain_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **self.account.popen(),
        )

    def sql(self, database: str, *statements: str) -> str:
        """Run `statements` in `database` as its superuser and return their bare output.

        Raises Stop with PostgreSQL's own message when one fails.
        """
        commands = [part for statement in statements for part in ("-c", statement)]
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        done = self.run(
            "psql",
            *options,
            "-h",
            str(self.sockets),
            "-p",
            str(PORT),
            "-U",
            ROLE,
            "-d",
            database,
            *commands,
        )
        if done.returncode != 0:
            raise Stop(f"The private database refused a command: {done.stderr.strip()}")
        return done.stdout

    def make_cluster(self) -> None:
        """Make the cluster, in a folder that takes its name only when it is complete."""
        say("Making the private PostgreSQL cluster")
        unfinished = self.data.with_name("data.unfinished")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        # ICU's British English orders names as readers expect (Ynys Môn among the Y's, "St." by
        # "St"); it does not depend on the system's locales, which a clean machine lacks.
        done = self.run(
            "initdb",
            "--pgdata", str(unfinished),
            "--username", ROLE,
            "--encoding", "UTF8",
            "--locale", "C.UTF-8",
            "--locale-provider", "icu",
            "--icu-locale", "en-GB",
            "--data-checksums",
            # Only the servers' account and root can reach the socket, so no password guards it.
            "--auth", "trust",
            *(["--no-sync"] if self.throwaway else []),
        )  # fmt: skip
        if done.returncode != 0:
            raise Stop(
                f"PostgreSQL could not make its data in {self.data.parent}: {done.stderr.strip()}"
            )
        with (unfinished / "postgresql.conf").open("a") as file:
            file.write("\n# Written afresh at every start by script/_levelup/postgres.py:\n")
            file.write("include_if_exists = 'levelup.conf'\n")
            file.write("# Your own settings, kept:\ninclude_if_exists = 'own.conf'\n")
        unfinished.rename(self.data)

    def write_settings(self) -> None:
        """Write levelup.conf for this machine as it is today."""
        settings = settings_for(memory_bytes(), self.sockets, throwaway=self.throwaway)
        quoted = {name: value.replace("'", "''") for name, value in settings.items()}
        lines = [f"{name} = '{value}'\n" for name, value in quoted.items()]
        (self.data / "levelup.conf").write_text("".join(lines))

    def clear_stale_files(self) -> None:
        """Make way after a crash.

        PostgreSQL clears its own pid file unless another process has been given the number
        since; only then we remove it, once no process of the old server is left.
        Raises Stop when some stay.
        """
        pid_file = self.data / "postmaster.pid"
        pid = processes.pid_in(pid_file)
        if pid_file.exists():
            say("PostgreSQL was not stopped properly last time; it recovers now")
            until = time.monotonic() + 15
            while left := processes.living_in(self.data):
                if time.monotonic() > until:
                    raise Stop(
                        f"Processes of an earlier PostgreSQL still use {self.data}: "
                        f"end them with 'kill {' '.join(map(str, left))}', then start again."
                    )
                time.sleep(0.2)
            if pid is None or processes.lives(pid):
                pid_file.unlink(missing_ok=True)
        socket_lock = self.sockets / f".s.PGSQL.{PORT}.lock"
        holder = processes.pid_in(socket_lock)
        if socket_lock.exists() and (holder is None or not processes.works_in(holder, self.data)):
            socket_lock.unlink()

    def start(self) -> None:
        """Start the server, making the cluster and the database where there are none.

        Raises Stop with the end of the server's log when it does not start.
        """
        self.programs()  # stops early when the data are not ours or need another version
        homes.make_folder(self.home)
        homes.make_folder(self.data.parent, 0o700, self.account)
        homes.make_socket_folder(self.home, self.account)
        if not self.data.exists():
            self.make_cluster()
        self.clear_stale_files()
        self.write_settings()
        if self.log.exists() and self.log.stat().st_size > 20 * MEGABYTE:
            self.log.replace(self.log.with_suffix(".log.1"))
        # A recovery after a crash may replay max_wal_size of log.
        done = self.run(
            "pg_ctl", "start", "-w", "-t", "300", "-s", "-D", str(self.data), "-l", str(self.log)
        )
        if done.returncode != 0:
            raise Stop(
                f"PostgreSQL did not start: {done.stderr.strip()} "
                f"The end of its log, {self.log}:\n{last_lines(self.log)}"
            )
        self.make_database()

    def make_database(self) -> None:
        """Make the database and its extensions where they are missing."""
        names = self.sql("postgres", "SELECT datname FROM pg_database").split()
        if DATABASE not in names:
            self.sql("postgres", f"CREATE DATABASE {DATABASE}")
        present = set(re.findall(r"\S+", self.sql(DATABASE, "SELECT extname FROM pg_extension")))
        if missing := [name for name in EXTENSIONS if name not in present]:
            self.sql(DATABASE, *[f"CREATE EXTENSION {name}" for name in missing])

    def stop(self) -> None:
        """Stop the server with SIGINT, which ends its sessions and writes its data out.

        Raises Stop when it does not end within a minute.
        """
        if self.pid() is None:
            return
        done = self.run(
            "pg_ctl", "stop", "-m", "fast", "-w", "-t", "60", "-s", "-D", str(self.data)
        )
        if done.returncode != 0:
            raise Stop(f"PostgreSQL did not stop: {done.stderr.strip()} See {self.log}.")
