"""A whole system for fault runs on releases: private servers, web, worker and beat, real places.

Servers and processes are started by what script/server starts them with, but not watched by it,
as PostgreSQL and Redis are to be restarted under them, which script/server answers by stopping.
A gate is a lock held in Postgres that the work runs into: it tells that a step has come to a
certain statement, and keeps it there. Import nothing of Django before `system`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from script._levelup import processes, servers
from script._levelup.commands import server as site
from script._levelup.home import PROJECT, make_folder
from script._levelup.postgres import Postgres
from script._levelup.redis_server import Redis
from tests.bench import _database
from tests.faults._site import HOME, expect, free_port

GATE_KEY = 0xFA017
# By what name Postgres knows management commands.
COMMANDS = "faults-command"
# What is public, and what readers see of it.
LIVE = """
SELECT count(*), md5(string_agg(l::text, ',' ORDER BY id)) FROM indicators_liveseries l
"""
OPEN = """
SELECT count(*), md5(string_agg(series_id::text, ',' ORDER BY series_id))
FROM indicators_liveseries WHERE upper_inf(live)
"""
ROWS = """
SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {table} t
WHERE series_id >= {since} AND
    series_id = ANY(SELECT series_id FROM indicators_liveseries WHERE upper_inf(live))
"""
OF_SERIES = (
    "indicators_observation", "indicators_standing", "indicators_packedarray",
    "indicators_coverage", "indicators_seriesinput",
)  # fmt: skip
STRAY_ROWS = """
SELECT count(*) FROM {table} t WHERE series_id >= {since} AND NOT EXISTS
    (SELECT FROM indicators_series s WHERE s.id = t.series_id)
"""
UNFINISHED = """
SELECT count(*) FROM indicators_series s JOIN indicators_release r ON r.id = s.release_id
WHERE r.status NOT IN ('staged', 'published', 'superseded', 'withdrawn')
"""
DEAD_BUCKETS = """
SELECT count(*) FROM indicators_bucket b WHERE NOT shared AND NOT EXISTS
    (SELECT FROM indicators_series s WHERE s.release_id = b.release_id)
"""
COMMIT_GATE = f"""
CREATE OR REPLACE FUNCTION fault_gate() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock({GATE_KEY}); RETURN NEW; END $$;
CREATE CONSTRAINT TRIGGER fault_commit AFTER UPDATE OF status ON indicators_release
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fault_gate();
CREATE TRIGGER fault_todo BEFORE UPDATE OF todo ON indicators_release
    FOR EACH ROW WHEN (NEW.todo = '' AND OLD.todo <> '') EXECUTE FUNCTION fault_gate();
ALTER TABLE indicators_release DISABLE TRIGGER fault_commit;
ALTER TABLE indicators_release DISABLE TRIGGER fault_todo;
"""


def wait(true: Callable[[], Any], what: str, seconds: float = 400, every: float = 0.002) -> Any:
    """Return what `true` gives as soon as that counts as true; the run fails when it never does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := true():
            return found
        time.sleep(every)
    expect(False, f"within {seconds:g} s: {what}")
    return None


class System:
    """What runs, and how to break it."""

    def __init__(self, running: servers.Running) -> None:
        self.running = running
        self.port = free_port()
        self.honcho: subprocess.Popen[bytes] | None = None
        self.postgres = next(s for s in running.servers if isinstance(s, Postgres))
        self.redis = next(s for s in running.servers if isinstance(s, Redis))
        # The first series that faults can touch: the demo's are looked at before and after all.
        self.since = 0

    def start(self) -> None:
        """Start web, worker and beat, and wait until the site answers and the worker waits."""
        log = make_folder(self.running.home / "log") / "server.log"
        self.honcho = site.start_processes(self.running, "127.0.0.1", self.port, log)
        wait(
            lambda: site.answer("127.0.0.1", self.port, self.running.environ)[0] == 200,
            "the site is ready", every=0.2,
        )  # fmt: skip
        wait(lambda: len(self.workers()) > 1, "the worker has its pool", every=0.1)
        wait(lambda: "celery@" in log.read_text(errors="replace"), "the worker waits", every=0.1)

    def stop(self) -> None:
        """End web, worker and beat."""
        if self.honcho is not None:
            site.stop_processes(self.honcho)
            self.honcho = None

    def named(self, words: str) -> list[int]:
        """Return the processes of web, worker and beat whose command line holds `words`."""
        return processes.named(self.honcho.pid, words) if self.honcho else []

    def workers(self) -> list[int]:
        """Return the worker's first process, and then those of its pool."""
        return self.named("celery:app worker")

    def readers(self) -> list[int]:
        """Return the processes that parse files for the worker."""
        return self.named("indicators.releases.reading")

    def kill_workers(self) -> None:
        """SIGKILL the processes that do the work; the worker's first process makes new ones.

        What they had begun to parse files ends by itself.
        """
        gone, parsing = self.workers()[1:], self.readers()
        for pid in gone:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in gone + parsing:
            expect_quietly(processes.wait_until_gone(pid, 10), "what was killed is gone")

    def restart_postgres(self) -> None:
        """Restart PostgreSQL at once, as after a crash."""
        done = self.postgres.run(
            "pg_ctl", "restart", "-m", "immediate", "-w", "-t", "120", "-s",
            "-D", str(self.postgres.data), "-l", str(self.postgres.log),
        )  # fmt: skip
        expect_quietly(done.returncode == 0, f"PostgreSQL came back: {done.stderr}")

    def restart_redis(self) -> None:
        """SIGKILL Redis and start it again, empty."""
        pid = self.redis.pid()
        expect_quietly(pid is not None, "Redis runs")
        os.kill(int(pid or 0), signal.SIGKILL)
        processes.wait_until_gone(int(pid or 0), 10)
        self.redis.start()

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a management command as a person would."""
        return subprocess.Popen(
            [str(PROJECT / ".venv" / "bin" / "python"), "manage.py", *arguments],
            cwd=PROJECT,
            env={**self.running.environ, "PGAPPNAME": COMMANDS},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def commands_connected(self) -> bool:
        """Say whether Postgres still does something for a management command."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        return bool(self.ask(query, [COMMANDS])[0][0])

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a management command; return its exit code and all it said."""
        command = self.command(*arguments)
        out, err = command.communicate(timeout=600)
        return command.returncode, out + err

    def connect(self, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """Return a plain connection, each statement committed unless told otherwise."""
        url = self.postgres.url.replace("postgis://", "postgresql://")
        return psycopg.connect(url, **{"autocommit": True, **options})

    def ask(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.connect() as plain:
            return plain.execute(query, parameters or None).fetchall()

    # Gates

    @contextmanager
    def gate(self, where: str) -> Iterator[Callable[[], bool]]:
        """Hold the work where it comes to `where`; gives a function that says whether it is there.

        `where` is a table that it would write, with a mode of lock where EXCLUSIVE is not it; or
        "commit", once the status of a release was changed; or "todo", once the step is over and
        what is to be done next is written.
        """
        with self.connect(autocommit=False) as holder:
            if where in {"commit", "todo"}:
                with self.connect() as plain:
                    plain.execute(f"ALTER TABLE indicators_release ENABLE TRIGGER fault_{where}")
                holder.execute("SELECT pg_advisory_xact_lock(%s)", [GATE_KEY])
                waiting = (
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' "
                    f"AND objid = {GATE_KEY}"
                )
            else:
                table, _, mode = where.partition(" ")
                holder.execute(f"LOCK TABLE {table} IN {mode or 'EXCLUSIVE'} MODE")
                waiting = (
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND "
                    f"relation = '{table}'::regclass"
                )
            try:
                yield lambda: bool(self.ask(waiting)[0][0])
            finally:
                with suppress(psycopg.OperationalError):  # PostgreSQL was restarted under us.
                    holder.rollback()
                if where in {"commit", "todo"}:
                    # Whoever was waiting goes on, or finds that nobody listens, first.
                    with self.connect() as plain:
                        plain.execute(
                            f"ALTER TABLE indicators_release DISABLE TRIGGER fault_{where}"
                        )

    def running_statement(self, words: str) -> bool:
        """Say whether a statement that is like `words` runs now."""
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s "
            "AND pid <> pg_backend_pid()"
        )
        return bool(self.ask(query, [words])[0][0])

    # What is there

    def open_now(self, since: int | None = None) -> list[Any]:
        """Return what is live now, and a checksum of the rows of each table that stand for it."""
        found: list[Any] = [self.ask(OPEN)[0]]
        since = self.since if since is None else since
        return found + [self.ask(ROWS.format(table=t, since=since))[0] for t in OF_SERIES]

    def live(self) -> list[Any]:
        """Return the same with every row of LiveSeries as it stands, closed ones too."""
        return [self.ask(LIVE)[0], *self.open_now()]

    def orphans(self) -> list[str]:
        """Return what is left that belongs to nothing, after housekeeping."""
        from indicators.releases.housekeeping import housekeep, strays

        housekeep(at=datetime.now(UTC), older_than=timedelta(0))
        found = [f"the table {name}" for name in strays()]
        for table in OF_SERIES:
            (n,) = self.ask(STRAY_ROWS.format(table=table, since=self.since))[0]
            found += [f"{n} rows of {table} have no series"] if n else []
        for what, query in (("series of no staged release", UNFINISHED),
                            ("partitions of nothing", DEAD_BUCKETS)):  # fmt: skip
            (n,) = self.ask(query)[0]
            found += [f"{n} {what}"] if n else []
        root = HOME / "media" / "releases"
        ids = {str(pk) for (pk,) in self.ask("SELECT id FROM indicators_release")}
        hashes = {s for (s,) in self.ask("SELECT sha256 FROM indicators_releasefile")}
        for path in root.iterdir() if root.exists() else ():
            if path.name != "files" and path.name not in ids:
                found.append(f"the folder {path.name}")
            found += [f"{path.name}/{p.name}" for p in path.glob("draft-*")]
        files = root / "files"
        found += [f"files/{p.name}" for p in files.iterdir() if p.name not in hashes]
        return found


def expect_quietly(true: bool, sentence: str) -> None:
    """End the run when `sentence` is not so, and say nothing when it is."""
    if not true:
        expect(False, sentence)


@contextmanager
def system() -> Iterator[System]:
    """A system in LEVELUP_HOME that has the demo's places and figures, with Django set up on it."""
    environ = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    # Without a limit for readers, who ask as fast as they can.
    environ |= {
        "LEVELUP_LOG_LEVEL": "INFO",
        "LEVELUP_TASK_WORKERS": "2",
        "LEVELUP_API_RATE": "",
    }
    with servers.running(HOME, environ) as running:
        os.environ.update(running.environ)
        found = System(running)
        _database.use(found.postgres.url)
        if not _database.has_demo(found.postgres.url):
            began = time.monotonic()
            _database.load_demo()
            print(f"   the demo loaded in {time.monotonic() - began:.0f} s", flush=True)
        site.collect_static(running)
        with found.connect() as plain:
            plain.execute("DROP TRIGGER IF EXISTS fault_commit ON indicators_release")
            plain.execute("DROP TRIGGER IF EXISTS fault_todo ON indicators_release")
            plain.execute(COMMIT_GATE)
        found.start()
        try:
            yield found
        finally:
            _database.close()
            found.stop()
