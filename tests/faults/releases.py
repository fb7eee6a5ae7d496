"""Releases through SIGKILL, restarts, full disks, two at once and readers: live stays whole.

    script/faults releases [killed|restarted|full|twice|readers …] [--indicators 5]

Each fault is put where a lock in Postgres, a statement, a file or a process says that the work has
come to, not after some seconds. After each: what is live is compared row by row with before,
housekeeping leaves no row, file or partition of nothing, and the same work is done again to its
end. The last thing printed is the table of docs/faults.md.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tests.bench.staging import make_dataset, make_table
from tests.faults._site import HOME, expect
from tests.faults._system import System, expect_quietly, system, wait

if TYPE_CHECKING:
    from indicators.models import Dataset, Release

AREAS_AT_ONCE = 2_000
AREA = "E01000001"
BEAT_SECONDS = 60
# Indicators of 42,619 areas each: over half a million rows, which have a partition of their own.
OWN_PARTITION = 12
TABLESPACE_MB, MEDIA_MB = 24, 300
MB = 1 << 20


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


# Cases


@dataclass(frozen=True)
class Moment:
    """When a fault comes: while a release is in `stage`, when `here` says so or at a gate."""

    stage: str
    what: str
    here: Callable[[System, Release], Any] | None = None
    gate: str = ""

    @property
    def hides(self) -> bool:
        """Whether what is live cannot be compared then: it cannot be read, or has changed."""
        return self.gate == "todo" or self.gate.endswith("ACCESS EXCLUSIVE")

    @contextmanager
    def reached(self, on: System, release: Release, begin: Callable[[], Any]) -> Iterator[None]:
        """Begin the work and give way when it has come to this moment."""
        what = f"{self.stage}: {self.what}"
        if self.gate:
            with on.gate(self.gate) as waiting:
                begin()
                wait(waiting, what)
                yield
        else:
            begin()
            wait(lambda: self.here and self.here(on, release), what)
            yield


def folder(release: Release) -> Path:
    """Return the folder of what was made of a release."""
    return HOME / "media" / "releases" / str(release.pk)


def is_there(pattern: str) -> Callable[[System, Release], Any]:
    """Return what says whether the folder of a release has something."""
    return lambda on, release: any(folder(release).glob(pattern))


def saying(words: str, *, least: int = 0) -> Callable[[System, Release], Any]:
    """Return what says whether the work has told that it is at a stage."""

    def look(on: System, release: Release) -> bool:
        from indicators.releases.progress import progress_of

        found = progress_of(release.pk)
        return str(found.get("stage", "")).startswith(words) and found.get("done", 0) >= least

    return look


def doing(statement: str) -> Callable[[System, Release], Any]:
    """Return what says whether a statement runs in Postgres."""
    return lambda on, release: on.running_statement(statement)


PARSING = Moment("read", "the file is being parsed", lambda on, r: on.readers())
HALF_READ = Moment("read", "some tables are written", is_there("draft-read-*/*.parquet"))
READ_KEPT = Moment("read", "what was read is in its place", is_there("read"))
RECOGNISING = Moment("recognise", "half-way", saying("Recognising", least=1))
ROWS_WRITTEN = Moment("recognise", "rows are being written", is_there("draft-checked-*/rows*"))
CHECKING = Moment("check", "rows are being checked", saying("Checking"))
LIVE_COMPARED = Moment(
    "check", "it asks what is live", gate="indicators_packedarray ACCESS EXCLUSIVE"
)
FOUND = Moment("check", "all is found, not recorded", gate="indicators_release")
OPENING = Moment("stage", "a partition is about to be made", gate="indicators_bucket")
SERIES = Moment("stage", "series are written, arrays are not", gate="indicators_packedarray")
COPYING = Moment("stage", "observations are being copied", doing("COPY %_observation%"))
STANDINGS = Moment("stage", "standings are being copied", doing("COPY %_standing%"))
KEYS = Moment("stage", "keys are being built", doing("ALTER TABLE %_observation% ADD %"))
ATTACHING = Moment(
    "stage", "the partition is about to be attached",
    gate="indicators_observation SHARE UPDATE EXCLUSIVE",
)  # fmt: skip
STAGED = Moment("stage", "all is written, not committed", gate="indicators_auditentry")
COMPARING = Moment("preview", "the preview is being made", is_there("draft-preview-*"))
QUEUE = Moment("publish", "it waits for other publishers", gate="indicators_dataversion")
CLOSING = Moment("publish", "nothing is closed or opened yet", gate="indicators_liveseries")
PUBLISHED = Moment("publish", "all is closed and opened", gate="indicators_auditentry")


def committing(stage: str) -> Moment:
    """Return the moment at which a stage is being committed."""
    return Moment(stage, "COMMIT is under way", gate="commit")


def over(stage: str) -> Moment:
    """Return the moment after a stage is committed and before its order is struck off."""
    return Moment(stage, "it is committed, the order is not struck off", gate="todo")


@dataclass(frozen=True)
class Fault:
    """What befalls the work. `sent` when its message is sent anew, and not left for beat."""

    name: str
    strike: Callable[[System], None]
    sent: bool = False


SIGKILLED = Fault("worker SIGKILLed", System.kill_workers, sent=True)
POSTGRES = Fault("PostgreSQL restarted (immediate)", System.restart_postgres)
REDIS = Fault("Redis SIGKILLed, started empty", System.restart_redis)

CHECKS = (PARSING, HALF_READ, READ_KEPT, RECOGNISING, ROWS_WRITTEN, CHECKING, LIVE_COMPARED, FOUND,
          committing("check"), over("check"))  # fmt: skip
STAGES = (OPENING, SERIES, COPYING, STAGED, COMPARING, committing("preview"), over("preview"))
# Those that a release with a partition of its own has.
OWN_STAGES = (STANDINGS, KEYS, ATTACHING)
PUBLISHES = (QUEUE, CLOSING, PUBLISHED, committing("publish"), over("publish"))


class Runs:
    """The releases that faults befall, and what came of it."""

    def __init__(self, on: System, indicators: int) -> None:
        self.on = on
        self.rows: list[tuple[str, str, str, str, float]] = []
        # Replaced by the others; large enough for a partition of its own; and two of one sort.
        self.base, self.file, self.large, self.few, self.fewer = (
            HOME / f"{name}.csv" for name in ("base", "release", "large", "few", "fewer")
        )
        write_csv(self.base, indicators, turned=False)
        write_csv(self.file, indicators, turned=True)
        write_csv(self.large, OWN_PARTITION, turned=True)
        write_csv(self.few, 2, turned=True)
        write_csv(self.fewer, 2, turned=False)
        self.dataset = dataset_of(max(indicators, OWN_PARTITION))
        self.base_release = self.bring(self.base, "published")
        on.since = on.ask(
            "SELECT min(id) FROM indicators_series WHERE release_id = %s", [self.base_release.pk]
        )[0][0]
        self.everything = on.open_now(since=0)
        self.at_base = on.open_now()

    # Bringing a release somewhere, without a fault

    def receive(self, path: Path, dataset: Dataset | None = None) -> Release:
        """Receive a file as a person would."""
        from indicators.releases import pipeline

        return pipeline.receive(
            paths=[path], by=None, at=now(), dataset=dataset or self.dataset
        )  # fmt: skip

    def send(self, release: Release) -> None:
        """Send the message that there is something to do."""
        from indicators.tasks import work_on

        work_on.delay(release.pk)

    def ask(self, release: Release, todo: str) -> None:
        """Write down which step a worker is to take, with the warnings accepted if to publish."""
        from indicators.releases import pipeline

        if todo == "publish":
            why = dict.fromkeys(pipeline.unaccepted(release), "Made up.")
            pipeline.accept_warnings(release=release, why=why, by=None, at=now())
        pipeline.ask(release=release, todo=todo, by=None, at=now())

    def order(self, release: Release, todo: str) -> None:
        """Have a worker take a step."""
        self.ask(release, todo)
        self.send(release)

    def ended(self, release: Release, *, nudge: bool = True, seconds: float = 900) -> str:
        """Wait until nothing is left to do for a release; return why it gave up, if it did.

        `nudge` sends the message again now and then, as beat does each minute.
        """
        until, sent = time.monotonic() + seconds, time.monotonic()
        while True:
            with suppress(Exception):
                release.refresh_from_db()
                if not release.todo:
                    return release.failure
            if time.monotonic() > until:
                expect(False, f"the work ended within {seconds:g} s (it is {release.status})")
            if nudge and time.monotonic() - sent > 4:
                sent = time.monotonic()
                with suppress(Exception):
                    self.send(release)
            time.sleep(0.05)

    def step(self, release: Release, todo: str, status: str) -> None:
        """Have a worker take a step to its end."""
        self.order(release, todo)
        failure = self.ended(release)
        expect_quietly(release.status == status, f"{todo} led to {status}: {failure}")

    def bring(self, path: Path, status: str, dataset: Dataset | None = None) -> Release:
        """Return a release of a file in the state that is asked for."""
        from indicators.models import Release
        from indicators.releases import keeping, pipeline

        try:
            release = self.receive(path, dataset)
        except pipeline.CannotGoOn:
            if status == "published":
                return Release.objects.filter(files__name=path.name).latest("pk")
            self.withdraw(path)
            release = self.receive(path, dataset)
        if status in {"received", "checked"} and release.status == "staged":
            pipeline.unstage(release=release, by=None, at=now())
        if status == "received":
            keeping.drop(release.pk, keeping.READ, keeping.CHECKED)
            return release
        if release.status == "received":
            self.step(release, "check", "checked")
        if status in {"staged", "published"} and release.status == "checked":
            self.step(release, "stage", "staged")
        if status == "published":
            self.step(release, "publish", "published")
        return release

    def ready(self) -> Release:
        """Return the release of the file, ready to be published.

        One that was taken back is made ready again by a stroke of the pen, all its rows being
        there still: to read and stage it again would show nothing of publishing.
        """
        from indicators.models import Release

        self.withdraw(self.file)
        query = Release.objects.filter(files__name=self.file.name)
        undone = query.filter(status="withdrawn").order_by("pk").last()
        if undone is None or query.filter(status__in=["checked", "staged"]).exists():
            return self.bring(self.file, "staged")
        Release.objects.filter(pk=undone.pk).update(
            status="staged", published_at=None, withdrawn_at=None, withdrawn_reason=""
        )
        undone.refresh_from_db()
        return undone

    def withdraw(self, path: Path) -> None:
        """Take back whatever is public of a file."""
        from indicators.models import Release
        from indicators.releases import pipeline

        public = Release.objects.filter(
            files__name=path.name, status__in=["published", "superseded"]
        )
        for release in public:
            pipeline.withdraw_release(release=release, by=None, at=now())

    # Afterwards

    def note(self, fault: str, stage: str, moment: str, seen: str, began: float) -> None:
        """Write down what came of a fault."""
        seconds = time.monotonic() - began
        self.rows.append((fault, stage, moment, seen, seconds))
        print(f"ok: {fault}; {stage}: {moment}: {seen} ({seconds:.1f} s)", flush=True)

    def expect_clean(self, what: str) -> None:
        """Expect that nothing is left that belongs to nothing."""
        left = self.on.orphans()
        expect_quietly(not left, f"{what}: nothing is left, but there is {', '.join(left)}")

    def expect_live(self, before: list[Any], found: list[Any], what: str) -> None:
        """Expect that what is live is as it was."""
        expect_quietly(found == before, f"{what}: live is as before:\n{before}\n{found}")

    # Killed

    def killed(self) -> None:
        """SIGKILL at every stage."""
        self.receive_killed()
        self.befallen(SIGKILLED, CHECKS, STAGES, OWN_STAGES)
        for moment in PUBLISHES:
            release = self.ready()
            self.befall(SIGKILLED, moment, release, "publish", "published")
            self.withdraw_killed(moment, release)
        self.whole_worker_killed()

    def befallen(
        self,
        fault: Fault,
        checks: Sequence[Moment],
        stages: Sequence[Moment],
        own_stages: Sequence[Moment] = (),
    ) -> None:
        """Have checking, staging, and staging to a partition of its own, befallen at moments."""
        for moment in checks:
            self.befall(fault, moment, self.bring(self.file, "received"), "check", "checked")
        for moment in stages:
            self.befall(fault, moment, self.bring(self.file, "checked"), "stage", "staged")
        for moment in own_stages:
            self.befall(fault, moment, self.bring(self.large, "checked"), "stage", "staged")
        if own_stages:
            self.reject(self.bring(self.large, "checked"))
            self.expect_clean("a partition of its own is taken down")

    def befall(
        self, fault: Fault, moment: Moment, release: Release, todo: str, status: str
    ) -> None:
        """Have a step befallen at a moment, look, see it done by whoever follows, look again."""
        from django.db import connection

        what = f"{fault.name} in {moment.stage}, {moment.what}"
        before, published = self.on.live(), self.publications(release)
        worker, began = self.on.workers()[0], time.monotonic()
        self.ask(release, todo)
        with moment.reached(self.on, release, lambda: self.send(release)):
            fault.strike(self.on)
            if not moment.hides:
                self.expect_live(before, self.on.live(), what)
        connection.close()  # Which the fault may have broken.
        failure = self.ended(release, nudge=fault.sent)
        expect_quietly(
            release.status == status and not failure,
            f"{what}: in the end it is {status}, not {release.status}: {failure}",
        )
        expect_quietly(self.on.workers()[0] == worker, f"{what}: the worker itself lives on")
        if todo == "publish":
            self.expect_whole(release, what, published)
            seen = "published whole, once"
        else:
            self.expect_live(before, self.on.live(), what)
            seen = f"live as before; then {status}"
        self.expect_clean(what)
        self.note(fault.name, moment.stage, moment.what, seen, began)

    def publications(self, release: Release) -> int:
        """Return how many times the log says that a release was published."""
        return int(release.audit.filter(action="publish").count())

    def expect_whole(self, release: Release, what: str, published: int) -> None:
        """Expect that all series of a release are live, each once, with one more line in the log.

        `published` is how many such lines there were.
        """
        query = (
            "SELECT count(*), count(DISTINCT s.id), count(l.id) FROM indicators_series s "
            "LEFT JOIN indicators_liveseries l ON l.series_id = s.id AND upper_inf(l.live) "
            "WHERE s.release_id = %s"
        )
        ((n, series, live),) = self.on.ask(query, [release.pk])
        log = self.publications(release) - published
        expect_quietly(
            n == series == live and n > 0 and log == 1,
            f"{what}: all {series} series are live once, not {live}; published {log} times",
        )

    def withdraw_killed(self, like: Moment, release: Release) -> None:
        """Kill the command that takes a release back, look, and take it back."""
        if like.gate == "todo":
            self.withdraw(self.file)
            return
        moment = Moment("withdraw", like.what, gate=like.gate)
        what = f"SIGKILL in withdraw, {moment.what}"
        before, began = self.on.live(), time.monotonic()
        with self.command_killed(moment, release, "withdraw_release", release.slug):
            self.expect_live(before, self.on.live(), what)
        if moment.gate != "commit":
            code, said = self.on.run("withdraw_release", release.slug)
            expect_quietly(code == 0, f"{what}: taking it back again succeeds: {said}")
        release.refresh_from_db()
        expect_quietly(release.status == "withdrawn", f"{what}: it is withdrawn")
        self.expect_live(self.at_base, self.on.open_now(), what)
        self.expect_clean(what)
        self.note("command SIGKILLed", "withdraw", moment.what, "whole; then taken back", began)

    @contextmanager
    def command_killed(self, moment: Moment, release: Release, *arguments: str) -> Iterator[None]:
        """SIGKILL a command at a moment; gives way before what it waits for may happen."""
        commands: list[subprocess.Popen[str]] = []
        with moment.reached(self.on, release, lambda: commands.append(self.on.command(*arguments))):
            commands[0].kill()
            commands[0].communicate()
            yield
        wait(lambda: not self.on.commands_connected(), "Postgres has noticed", every=0.05)

    def receive_killed(self) -> None:
        """Kill the command that receives a file."""
        from indicators.models import Release

        files = HOME / "media" / "releases" / "files"
        arguments = ("import_release", str(self.few), "--dataset", "bench", "--format", "json")
        moments = (
            Moment("receive", "bytes are being copied", lambda on, r: any(files.glob("draft-*"))),
            Moment("receive", "bytes are kept, not recorded", gate="indicators_releasefile"),
        )
        for moment in moments:
            what = f"SIGKILL in receive, {moment.what}"
            before, n = self.on.live(), Release.objects.count()
            began = time.monotonic()
            with self.command_killed(moment, self.base_release, *arguments):
                self.expect_live(before, self.on.live(), what)
            expect_quietly(Release.objects.count() == n, f"{what}: no release is recorded")
            self.expect_live(before, self.on.live(), what)
            self.expect_clean(what)
            code, said = self.on.run(*arguments)
            expect_quietly(code == 0, f"{what}: the same command succeeds: {said[-500:]}")
            release = Release.objects.latest("pk")
            expect_quietly(release.status == "staged", f"{what}: it is staged")
            self.reject(release)
            self.expect_live(before, self.on.live(), what)
            self.note("command SIGKILLed", "receive", moment.what, "live as before; then staged",
                      began)  # fmt: skip

    def whole_worker_killed(self) -> None:
        """Kill the worker's first process and its pool at once, as when memory runs out."""
        release = self.bring(self.file, "checked")
        before, began = self.on.live(), time.monotonic()
        self.ask(release, "stage")
        with COPYING.reached(self.on, release, lambda: self.send(release)):
            for pid in self.on.workers():
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)
        self.expect_live(before, self.on.live(), "the whole worker is killed")
        self.on.stop()
        self.on.start()
        failure = self.ended(release, nudge=False, seconds=10 * BEAT_SECONDS)
        expect_quietly(release.status == "staged", f"beat had it staged: {failure}")
        self.expect_live(before, self.on.live(), "the whole worker is killed")
        self.expect_clean("the whole worker is killed")
        self.note("worker SIGKILLed, all of it; started again", "stage", COPYING.what,
                  "live as before; staged, found by beat", began)  # fmt: skip

    def reject(self, release: Release) -> None:
        """Turn a release down."""
        from indicators.releases import pipeline

        pipeline.reject(release=release, by=None, at=now())

    # Restarted

    def restarted(self) -> None:
        """Restart PostgreSQL and Redis under the work."""
        self.befallen(
            POSTGRES, (PARSING, RECOGNISING, CHECKING), (COPYING, STAGED, COMPARING), (ATTACHING,)
        )
        self.befallen(REDIS, (RECOGNISING,), (COPYING,))
        for fault, moment in ((POSTGRES, CLOSING), (POSTGRES, PUBLISHED), (REDIS, PUBLISHED)):
            self.befall(fault, moment, self.ready(), "publish", "published")
            self.withdraw(self.file)
        self.message_lost()

    def message_lost(self) -> None:
        """Empty Redis while an order waits that no message is left of."""
        from indicators.releases import pipeline

        release = self.bring(self.few, "received")
        before, began = self.on.live(), time.monotonic()
        self.on.restart_redis()
        pipeline.ask(release=release, todo="check", by=None, at=now())
        failure = self.ended(release, nudge=False, seconds=10 * BEAT_SECONDS)
        expect_quietly(release.status == "checked", f"beat had it checked: {failure}")
        self.reject(release)
        self.expect_live(before, self.on.live(), "the message is lost")
        self.expect_clean("the message is lost")
        self.note("Redis killed and emptied", "all", "the message had not been taken",
                  "found by beat; checked", began)  # fmt: skip

    # Full

    def full(self) -> None:
        """Fill the disk of the files, then that of the database."""
        if os.getuid() != 0:
            print("   left out: a small file system can be mounted by root alone", flush=True)
            return
        place = HOME / "media" / "releases"
        with mounted(place, MEDIA_MB):
            (place / "files").mkdir()
            self.media_full()
            place_clean = self.on.orphans()
            expect_quietly(not place_clean, f"full disk: nothing is left: {place_clean}")
        self.database_full()

    def media_full(self) -> None:
        """Let MEDIA_ROOT be full when receiving, reading, checking and staging."""
        from indicators.models import Release
        from indicators.releases import pipeline

        filler = HOME / "media" / "releases" / "files" / "filler"
        before, n = self.on.live(), Release.objects.count()
        began = time.monotonic()
        fill(filler, 2 * MB)
        try:
            self.receive(self.few)
            expect(False, "receiving on a full disk is refused")
        except pipeline.CannotGoOn as error:
            said = str(error)
        expect_quietly("No space left" in said, f"it says that the disk is full: {said}")
        expect_quietly(Release.objects.count() == n, "no release is recorded")
        filler.unlink()
        release = self.receive(self.few)
        self.note("disk full (files)", "receive", "2 MB left", "a sentence; then received", began)
        for todo, status, left, what in (
            ("check", "received", 0, "none left"),
            ("check", "received", MB // 32, "32 KB left"),
            ("check", "received", MB // 4, "256 KB left"),
            ("stage", "checked", 0, "none left, at the preview"),
        ):
            began = time.monotonic()
            if todo == "stage":
                self.step(release, "check", "checked")
            fill(filler, left)
            self.order(release, todo)
            failure = self.ended(release)
            expect_quietly(
                release.status == status and "No space left" in failure,
                f"{todo} with {what} gives up with a sentence, as {release.status}: {failure}",
            )
            drafts = list(folder(release).glob("draft-*"))
            expect_quietly(not drafts, f"{todo} with {what} leaves no drafts: {drafts}")
            self.expect_live(before, self.on.live(), f"{todo} with {what}")
            filler.unlink()
            self.note("disk full (files)", todo, what, f"“{failure}”", began)
        self.step(release, "stage", "staged")
        self.reject(release)
        self.expect_live(before, self.on.live(), "the disk was full")

    def database_full(self) -> None:
        """Let the disk of the database be full while observations are copied."""
        from django.db import connection

        release = self.bring(self.large, "checked")  # With a partition of its own.
        before, began = self.on.live(), time.monotonic()
        place = HOME / "small"
        with mounted(place, TABLESPACE_MB):
            account = self.on.postgres.account
            os.chown(place, account.uid, account.gid)
            with self.on.connect() as plain:
                plain.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
                plain.execute("ALTER ROLE levelup SET default_tablespace = small")
            self.on.kill_workers()  # For them to connect anew.
            wait(lambda: len(self.on.workers()) > 2, "the worker has its pool")
            try:
                self.order(release, "stage")
                failure = self.ended(release)
            finally:
                with self.on.connect() as plain:
                    plain.execute("ALTER ROLE levelup RESET default_tablespace")
                connection.close()
                self.on.kill_workers()
                wait(lambda: len(self.on.workers()) > 2, "the worker has its pool")
            expect_quietly(
                release.status == "checked" and "disk" in failure,
                f"staging gives up with a sentence, as {release.status}: {failure}",
            )
            self.expect_live(before, self.on.live(), "the database's disk was full")
            with self.on.connect() as plain:
                plain.execute("DROP TABLESPACE small")
        self.step(release, "stage", "staged")
        self.expect_live(before, self.on.live(), "the database's disk was full")
        self.reject(release)
        self.expect_clean("the database's disk was full")
        self.note("disk full (database)", "stage", f"{TABLESPACE_MB} MB for its partition",
                  f"“{failure}”; then staged", began)  # fmt: skip

    # Twice

    def twice(self) -> None:
        """Two publishers, and the same file, at once."""
        self.same_file()
        for other in (self.dataset, dataset_of(0, "bench-2")):
            self.two_publishers(other)

    def two_publishers(self, other: Dataset) -> None:
        """Publish two releases of the same series at the same moment."""
        which = "one dataset" if other == self.dataset else "two datasets, same dependants"
        first = self.bring(self.few, "staged")
        second = self.bring(self.fewer, "staged", other)
        began = time.monotonic()
        accept = ["--accept", "jump=Made up."]
        with self.on.gate("indicators_dataversion") as waiting:
            commands = [
                self.on.command(
                    "publish_release", r.slug, *(accept if "jump" in r.problems else [])
                )
                for r in (first, second)
            ]
            query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
            wait(
                lambda: self.on.ask(query, ["indicators_dataversion"])[0][0] == 2,
                "both wait to publish", every=0.05,
            )  # fmt: skip
            expect_quietly(waiting(), "both wait")
        said = [c.communicate(timeout=120) for c in commands]
        codes = [c.returncode for c in commands]
        expect_quietly(codes == [0, 0] or sorted(codes) == [0, 1], f"one or both: {codes} {said}")
        for r in (first, second):
            r.refresh_from_db()
        public = [r for r in (first, second) if r.status in {"published", "superseded"}]
        query = (
            "SELECT s.release_id, count(*) FROM indicators_liveseries l JOIN indicators_series s "
            "ON s.id = l.series_id WHERE upper_inf(l.live) AND s.release_id = ANY(%s) GROUP BY 1"
        )
        live = self.on.ask(query, [[r.pk for r in public]])
        expect_quietly(len(live) == 1, f"what is live is of one of them: {live}")
        winner = next(r for r in public if r.pk == live[0][0])
        self.expect_whole(winner, which, 0)
        for path in (self.few, self.fewer):
            self.withdraw(path)
        for r in (first, second):
            r.refresh_from_db()
            if r.status == "staged":
                self.reject(r)
        self.expect_live(self.at_base, self.on.open_now(), which)
        self.expect_clean(which)
        refused = [s for (_, s), c in zip(said, codes, strict=True) if c]
        seen = f"“{refused[0].strip()}”" if refused else "both public, the later live, whole"
        self.note("two publishers at once", "publish", which, f"{seen}; withdrawn: as before",
                  began)  # fmt: skip

    def same_file(self) -> None:
        """Import the same file by two commands at once, then once more, then once it is public."""
        from indicators.models import Release

        n, began = Release.objects.count(), time.monotonic()
        before = self.on.live()
        arguments = ("import_release", str(self.few), "--dataset", "bench")
        commands = [self.on.command(*arguments) for _ in range(2)]
        said = [c.communicate(timeout=300) for c in commands]
        codes = [c.returncode for c in commands]
        expect_quietly(sorted(codes) in ([0, 0], [0, 1]), f"one at least succeeds: {said}")
        words = " ".join(err.strip() for _, err in said)
        expect_quietly("Traceback" not in words, f"neither says more than a sentence: {said}")
        expect_quietly(Release.objects.count() == n + 1, "it is one release")
        self.expect_live(before, self.on.live(), "the same file at once")
        self.note("the same file twice", "receive", "by two commands at the same moment",
                  f"one release; the other: “{words}”" if words else "one release, both succeed",
                  began)  # fmt: skip
        began = time.monotonic()
        code, text = self.on.run(*arguments)
        expect_quietly(code == 0 and Release.objects.count() == n + 1, f"again: {text}")
        code, text = self.on.run(*arguments, "--publish", "--accept", "all=Made up.")
        expect_quietly(code == 0, f"it is published: {text}")
        code, text = self.on.run(*arguments)
        expect_quietly(code == 1 and "Nothing new" in text, f"it is refused: {text}")
        self.withdraw(self.few)
        self.expect_live(self.at_base, self.on.open_now(), "the same file twice")
        self.expect_clean("the same file twice")
        self.note("the same file twice", "receive", "once staged, and once public",
                  f"the same release; “{text.strip()}”", began)  # fmt: skip

    # Readers

    def readers(self) -> None:
        """Publish and withdraw while pages and the API are read: no answer is of both."""
        release = self.bring(self.file, "staged")
        paths = (
            f"/areas/{AREA}/",
            f"/areas/{AREA}/figures.csv",
            f"/compare/?areas={AREA},E01000002",
            "/indicators/bench-0/",
            f"/api/v1/observations?area={AREA}&limit=1000",
            "/api/v1/observations?indicator=bench-0&type=region&limit=1000",
        )
        self.step(release, "publish", "published")
        after = {path: self.read(path) for path in paths}
        self.withdraw(self.file)
        before = {path: self.read(path) for path in paths}
        same = [path for path in paths if before[path] == after[path]]
        expect_quietly(not same, f"what is read differs before and after: {same}")
        again = [path for path in paths if before[path] != self.read(path)]
        expect_quietly(not again, f"what is read stands still while nothing is published: {again}")
        began = time.monotonic()
        stop, mixed, n = threading.Event(), [], {path: [0, 0] for path in paths}

        def loop(path: str) -> None:
            while not stop.is_set():
                text = self.read(path)
                if text in (before[path], after[path]):
                    n[path][text == after[path]] += 1
                else:
                    mixed.append((path, text))

        threads = [threading.Thread(target=loop, args=[path]) for path in paths]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                release = self.ready()
                self.step(release, "publish", "published")
                time.sleep(3)
                self.withdraw(self.file)
                time.sleep(3)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        for path, text in mixed[:1]:
            (HOME / "mixed.txt").write_text(
                f"{path}\n{before[path]}\n=====\n{after[path]}\n=====\n{text}"
            )
        expect_quietly(not mixed, f"no reader saw a mix: {len(mixed)} did, of {mixed[:1]}"[:2000])
        expect_quietly(all(min(seen) > 0 for seen in n.values()), f"both were read: {n}")
        self.expect_live(self.at_base, self.on.open_now(), "readers")
        self.expect_clean("readers")
        total = sum(map(sum, n.values()))
        self.note("readers meanwhile", "publish, withdraw", f"{len(paths)} addresses in a loop",
                  f"{total:,} answers, each wholly of before or of after", began)  # fmt: skip

    def read(self, path: str) -> str:
        """Return what a reader gets, without what says when and by which release."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.on.port}{path}") as reply:
            return steady(reply.read().decode())


def steady(text: str) -> str:
    """Return an answer without what differs at each publication of the same figures."""
    import re

    text = re.sub(r'nonce="[^"]*"|csrfmiddlewaretoken" value="[^"]*"', "", text)
    text = re.sub(r"bench-\d{4}-\d\d-\d\d(-\d+)?", "RELEASE", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?", "MOMENT", text)
    text = re.sub(r"\d\d:\d\d(:\d\d)?", "TIME", text)
    return re.sub(r'("series(?:_id)?"\s*:\s*|series[/=])\d+', r"\1N", text)


@contextmanager
def mounted(place: Path, megabytes: int) -> Iterator[None]:
    """Have a small file system at a folder."""
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(place)]
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def fill(filler: Path, left: int) -> None:
    """Fill a disk up to `left` bytes."""
    with suppress(OSError), filler.open("wb", buffering=0) as out:
        while True:
            out.write(bytes(MB))
    free = os.statvfs(filler.parent)
    size = filler.stat().st_size + free.f_bavail * free.f_frsize
    # Closed again: a file that is held open takes up its place also once it is taken away.
    with filler.open("r+b") as out, suppress(OSError):
        os.posix_fallocate(out.fileno(), 0, size)
    if left:
        os.truncate(filler, size - left)


def write_csv(path: Path, indicators: int, *, turned: bool) -> None:
    """Write the long CSV, area by area; `turned` has the other part of each whole."""
    base = make_table(1).sort("code")
    if turned:
        base = base.with_columns(
            (pl.col("denominator") - pl.col("numerator")).alias("numerator"),
            (100 - pl.col("value")).alias("value"),
        )
    names = pl.DataFrame({"indicator": [f"bench-{i}" for i in range(indicators)]})
    with path.open("wb") as out:
        for n, some in enumerate(base.iter_slices(AREAS_AT_ONCE)):
            rows = some.drop("indicator").join(names, how="cross", maintain_order="left")
            rows.write_csv(out, include_header=n == 0)


def dataset_of(indicators: int, slug: str = "bench") -> Dataset:
    """Return the dataset of a slug, made with its indicators where it is not there."""
    from indicators.models import Dataset, Licence

    if found := Dataset.objects.filter(slug=slug).first():
        return found
    if indicators:
        return make_dataset(indicators)
    return Dataset.objects.create(
        slug=slug, name=slug, publisher="Bench", licence=Licence.objects.all()[0]
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Do the runs that are asked for, and print the table of what came of them."""
    parser = argparse.ArgumentParser(prog="releases", description=__doc__)
    kinds = ["killed", "restarted", "full", "twice", "readers"]
    parser.add_argument("kind", nargs="*", choices=[*kinds, []], help="all of them where none")
    parser.add_argument("--indicators", type=int, default=5, help="of 42,619 areas each")
    args = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with system() as on:
        runs = Runs(on, args.indicators)
        try:
            for kind in args.kind or kinds:
                getattr(runs, kind)()
                expect(
                    on.open_now(since=0) == runs.everything,
                    f"after all of {kind} everything live, the demo's too, is row by row as before",
                )
        finally:
            for row in runs.rows:
                print("| {} | {} | {} | {} | {:.1f} |".format(*row))
            print(f"   load {os.getloadavg()[0]:.1f}, {datetime.now(UTC):%d %B %Y}")


if __name__ == "__main__":
    main(sys.argv[1:])
