"""A release from its files to the public: receive, check, stage, publish, or reject, withdraw.

Each step may be killed and begun again. What it makes is made beside its place and renamed, or
written in one transaction; what is to be done next lies in Postgres (`Release.todo`), and one
worker at a time has a release in hand. Nothing that is live is touched before `publish`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import structlog
from django.contrib.auth.models import AbstractBaseUser
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from django.utils.text import slugify
from psycopg.errors import DiskFull

from areas.importing.report import some
from areas.models import Area
from indicators.models import (
    AcceptedWarning,
    AuditEntry,
    Dataset,
    DataVersion,
    Indicator,
    Release,
    ReleaseFile,
    SavedLayout,
    Series,
    Theme,
)
from indicators.releases import (
    checks,
    findings,
    keeping,
    known,
    preview,
    publish,
    reading,
    recognising,
)
from indicators.releases.nations import NATIONS, narrowest, nations_of, told_by
from indicators.releases.parts import Parts, load_parts, write_parts
from indicators.releases.problems import Problem
from indicators.releases.progress import Tell, another_try, forget, forget_tries, teller
from indicators.releases.publish import CannotPublish
from indicators.releases.reading.model import Interrupted, Limits, Reading
from indicators.releases.stage import (
    COLUMNS,
    SERIES_KEY,
    Geography,
    StagingError,
    fit,
    stage,
    without_wrong_parts,
)
from indicators.releases.storage import lock_dataset, take_rows_back
from indicators.releases.understanding import CannotMap, Understood, rows_of, understand

Status, Todo = Release.Status, Release.Todo
User = AbstractBaseUser | None
# Tells our locks of releases in hand from any others in the same database.
IN_HAND = 0x4E1EA5
RECEIVING = 0x4ECE1E
# Held together by all who receive, and alone by housekeeping of the bytes of files.
KEEPING = 0x4EE91
# What made a release, kept with it: raise it when the same file would give other figures.
VERSION = 1
# What begins the slug of an indicator that a mapping defines.
NEW = "new:"
# A step that workers die of this many times in a row is not begun again by itself.
MOST_TRIES = 5
NOT_PUBLIC = (Status.RECEIVED, Status.CHECKED, Status.STAGED)
log = structlog.get_logger(__name__)


class CannotGoOn(ValueError):
    """A step cannot be taken; the message says why and what to do. Nothing was changed."""


class NotAccepted(CannotPublish):
    """A release has warnings that nobody has said a reason for."""


@dataclass(frozen=True)
class Given:
    """A file as it was given: its bytes kept, and the name it came with."""

    name: str
    sha256: str
    size: int


def audit(action: str, release: Release, by: User, at: datetime, **detail: Any) -> None:
    """Add a line to the log of who did what."""
    AuditEntry.objects.create(
        at=at, by_id=by.pk if by else None, action=action, release=release, detail=detail
    )


# Receive


def receive(
    *,
    paths: Sequence[Path],
    by: User,
    at: datetime,
    dataset: Dataset,
    names: Sequence[str] | None = None,
    name: str = "",
    slug: str = "",
    complete: bool = False,
    note: str = "",
    todo: str = "",
) -> Release:
    """Keep the bytes of files and return the release that they are, to be checked.

    The same files given again for the same dataset are the same release, while it is not public
    and was not rejected: whatever was interrupted goes on from there. Files that are public
    already are refused.

    Raises CannotGoOn, having recorded nothing, where a file cannot be read or kept.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # Before the first byte is kept, and until all are recorded, for housekeeping to wait.
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", (KEEPING,))
        given = keep_all(paths, names)
        # Not the lock of writers, which whoever stages holds for as long as that takes.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", (RECEIVING, dataset.pk))
        before = same_files(given, dataset)
        if before is not None:
            if before.status not in NOT_PUBLIC:
                raise CannotGoOn(
                    f"Nothing new: {some(g.name for g in given)} came on "
                    f"{before.received_at:%d %B %Y} as “{before.name}” ({before.slug}), "
                    f"which is {before.get_status_display()}."
                )
            if todo:
                Release.objects.filter(pk=before.pk).update(todo=todo, failure="")
            if complete != before.complete and before.status != Status.STAGED:
                Release.objects.filter(pk=before.pk).update(complete=complete)
            before.refresh_from_db()
            return before
        release = Release.objects.create(
            dataset=dataset,
            slug=free_slug(slug or f"{dataset.slug}-{at:%Y-%m-%d}"),
            name=name or f"{dataset.name}, received {at.day} {at:%B %Y}",
            file_name=given[0].name if len(given) == 1 else "",
            file_sha256=given[0].sha256 if len(given) == 1 else "",
            note=note,
            licence=dataset.licence,
            redistributable=dataset.licence.redistributable,
            complete=complete,
            received_at=at,
            received_by_id=by.pk if by else None,
            todo=todo,
        )
        ReleaseFile.objects.bulk_create(
            ReleaseFile(release=release, position=n, name=g.name, sha256=g.sha256, size=g.size)
            for n, g in enumerate(given)
        )
        audit("receive", release, by, at, files=[[g.name, g.sha256, g.size] for g in given])
    return release


def keep_all(paths: Sequence[Path], names: Sequence[str] | None) -> list[Given]:
    """Keep the bytes of every file. Raises CannotGoOn."""
    if not paths:
        raise CannotGoOn("There is no file: give at least one.")
    names = names or [path.name for path in paths]
    given = []
    for path, name in zip(paths, names, strict=True):
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
        shown = Path(shown).name[-255:] or "file"
        try:
            if not path.is_file():
                raise CannotGoOn(f"{shown} is not a file that can be read here. Check its path.")
            if path.stat().st_size > Limits().bytes:
                raise CannotGoOn(
                    f"{shown} is larger than {Limits().bytes // 1_000_000:,} MB, the most we read. "
                    "Give it in parts."
                )
            given.append(Given(shown, *keeping.keep(path)))
        except OSError as error:
            raise CannotGoOn(
                f"{shown} could not be kept: {error.strerror or error}. Nothing was received."
            ) from error
    twice = [g.name for n, g in enumerate(given) if g.sha256 in {o.sha256 for o in given[:n]}]
    if twice:
        raise CannotGoOn(f"{some(twice)}: the same file is given twice. Give it once.")
    return given


def same_files(given: Sequence[Given], dataset: Dataset) -> Release | None:
    """Return the newest release of a dataset that is of exactly these bytes, and is not undone."""
    hashes = sorted(g.sha256 for g in given)
    candidates = (
        Release.objects.filter(dataset=dataset, files__sha256=hashes[0])
        .exclude(status__in=[Status.REJECTED, Status.WITHDRAWN])
        .prefetch_related("files")
        .order_by("-pk")
    )
    for release in candidates:
        if sorted(f.sha256 for f in release.files.all()) == hashes:
            return release
    return None


def free_slug(wanted: str) -> str:
    """Return a slug for a release that no other has."""
    base = slugify(wanted)[:110] or "release"
    taken = set(Release.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    tries = (base, *(f"{base}-{n}" for n in range(2, len(taken) + 3)))
    return next(slug for slug in tries if slug not in taken)


# One worker at a time


@contextmanager
def in_hand(pk: int) -> Iterator[bool]:
    """Hold a release for as long as the work lasts; false where another worker has it.

    Postgres lets go of it when a worker is killed.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", (IN_HAND, pk))
        (alone,) = cursor.fetchone()
    try:
        yield alone
    finally:
        if alone:
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s, %s)", (IN_HAND, pk))
            except (OperationalError, InterfaceError):
                connection.close()  # The lock went with the connection.
            forget(pk)


def waiting() -> list[int]:
    """Return the ids of releases that have work to do, the oldest first."""
    todo = Release.objects.exclude(todo="").order_by("received_at", "pk")
    return list(todo.values_list("pk", flat=True))


def work_on(pk: int) -> None:
    """Take the steps that a release waits for. One that another worker has in hand is left to it.

    What cannot go on is said in `Release.failure`. Where Postgres went away, or all is being
    stopped, the work stays to be done, and is taken up again; so it is when a worker is killed, but
    not for ever.
    """
    with in_hand(pk) as alone:
        if not alone:
            return
        while release := Release.objects.filter(pk=pk).exclude(todo="").first():
            step = release.todo
            try:
                if another_try(pk) > MOST_TRIES:
                    raise CannotGoOn(
                        f"The worker ended in the middle of this {MOST_TRIES} times, perhaps for "
                        "want of memory. Nothing that is live was changed; give the file in "
                        "parts, or ask for it again on a larger machine."
                    )
                take_step(release)
                after = "", ""
            except (OperationalError, InterfaceError, Interrupted):
                forget_tries(pk)
                raise
            except (CannotGoOn, StagingError, CannotPublish) as error:
                after = "", str(error)
            except Exception:
                # A bug of ours: whoever waits gets a sentence, the log gets the rest.
                log.exception("release_step_failed", release=pk, step=step)
                after = (
                    "",
                    (
                        "Something went wrong on our side. Nothing that is live was changed; the "
                        "details are in the log of the worker."
                    ),
                )
            forget_tries(pk)
            # Only what we did is done: another step may have been asked for meanwhile.
            Release.objects.filter(pk=pk, todo=step).update(todo=after[0], failure=after[1])


def take_step(release: Release) -> None:
    """Take the step that a release waits for.

    Where it was taken by a worker that was killed before it could say so, nothing is left to do.
    """
    at = timezone.now()
    if release.todo == Todo.CHECK:
        check_release(release=release, at=at)
    elif release.todo == Todo.STAGE and release.status != Status.STAGED:
        stage_release(release=release, at=at)
    elif release.todo == Todo.PUBLISH and release.status not in {
        Status.PUBLISHED,
        Status.SUPERSEDED,
    }:
        asked = release.audit.filter(action="ask to publish").order_by("-pk").first()
        publish_release(release=release, by=asked.by if asked else None, at=at)


def ask(*, release: Release, todo: str, by: User, at: datetime) -> None:
    """Let a worker take a step; the caller sends the task, or beat finds it within a minute."""
    with transaction.atomic():
        Release.objects.filter(pk=release.pk).update(todo=todo, failure="")
        audit(f"ask to {todo}", release, by, at)


# Check


def check_release(
    *,
    release: Release,
    at: datetime,
    mapping: Mapping[str, Any] | None = None,
    layout: str = "",
    indicator: str = "",
    by: User = None,
    tell: Tell | None = None,
) -> pl.DataFrame:
    """Read and recognise the files of a release, keep its canonical rows and say what is wrong.

    `mapping` is used instead of what would be recognised. A release that is staged is taken back
    to be checked. Returns the problems, which are kept and counted; errors do not raise. Raises
    CannotGoOn where the release is public or undone.
    """
    say = teller(release.pk, tell)
    if Release.objects.get(pk=release.pk).status == Status.STAGED:
        unstage(release=release, by=by, at=at)
    release.refresh_from_db()
    if release.status not in {Status.RECEIVED, Status.CHECKED}:
        raise CannotGoOn(
            f"“{release.name}” cannot be checked: it is {release.get_status_display()}."
        )
    try:
        found = read_files(release, say)
        understood, parts, problems = make_rows(
            release, found, dict(mapping) if mapping is not None else None, layout, indicator, say
        )
    except OSError as error:
        raise CannotGoOn(
            f"“{release.name}” could not be checked: {error.strerror or error}. Nothing was "
            "changed; make room or mend the disk, and check it again."
        ) from error
    with transaction.atomic():
        now = Release.objects.select_for_update(of=("self",)).get(pk=release.pk)
        if now.status not in {Status.RECEIVED, Status.CHECKED}:
            raise CannotGoOn(f"“{now.name}” was {now.get_status_display()} meanwhile.")
        release.mapping, release.layout = understood.mapping, understood.layout
        release.problems = findings.counted(problems)
        release.status = Status.CHECKED
        release.save(update_fields=["mapping", "layout", "problems", "status"])
        AcceptedWarning.objects.filter(release=release).delete()
        errors, warnings = findings.numbers(release.problems)
        audit(
            "check", release, by, at, rows=parts.rows, errors=errors, warnings=warnings,
            layout=understood.layout, mapping=understood.mapping, version=VERSION,
        )  # fmt: skip
    return problems


def read_files(release: Release, tell: Tell) -> Reading:
    """Return what is in the files of a release, read in a process with limits, or kept from then.

    What failed to be read is not kept: the limits may be others next time.
    """
    place = keeping.folder_of(release.pk) / keeping.READ
    if not place.exists():
        given = list(release.files.all())
        lost = [f.name for f in given if not keeping.kept_at(f.sha256).is_file()]
        if lost:
            raise CannotGoOn(f"The bytes of {some(lost)} are not kept here. Give the files again.")
        done = 0

        def hear(name: str) -> None:
            nonlocal done
            tell(f"Reading {name}", min(done, len(given)), len(given))
            done += 1

        with keeping.making(release.pk, keeping.READ) as draft:
            found = reading.in_subprocess(
                [keeping.kept_at(f.sha256) for f in given],
                draft,
                names=[f.name for f in given],
                tell=hear,
            )
            if not (draft / "reading.json").exists():
                (draft / "failed").touch()
        if (place / "failed").exists():
            keeping.drop(release.pk, keeping.READ)
            return found
    return reading.load(place)


def make_rows(
    release: Release,
    found: Reading,
    mapping: dict[str, Any] | None,
    layout: str,
    indicator: str,
    tell: Tell,
) -> tuple[Understood, Parts, pl.DataFrame]:
    """Write the canonical rows of tables in parts, with all that is wrong with them."""
    tell("Recognising", 0, 1)
    geography = Geography()
    held = known.known(geography)
    understood = Understood(mapping or {})
    if mapping is None and found.tables:
        understood = understand(found.tables, held, indicator=indicator, layout=layout)
    wrong = [findings.as_frame([*found.problems, *understood.problems])]
    with keeping.making(release.pk, keeping.CHECKED) as draft:
        expected = sum(t.n_rows or 0 for t in found.tables)

        def batches() -> Iterator[pl.DataFrame]:
            done = 0
            if not found.tables or not understood.mapping:
                return
            for frame, problems in rows_of(found.tables, understood.mapping, held):
                tell("Recognising", min(done, expected), expected)
                done += frame.height
                if problems is not None and not problems.is_empty():
                    wrong.append(problems)
                yield frame

        try:
            parts = write_parts(batches(), draft)
        except CannotMap as error:
            wrong.append(findings.as_frame([Problem("error", "mapping", str(error))]))
            for path in draft.iterdir():
                path.unlink()
            parts = write_parts([], draft)
        wrong += check_parts(
            parts, held, geography, tell, mapping=understood.mapping, said=has_errors(wrong)
        )
        problems = findings.gather(wrong)
        problems.write_parquet(draft / findings.FILE)
        place = keeping.folder_of(release.pk) / keeping.CHECKED
    return understood, load_parts(place), problems


def has_errors(frames: Sequence[pl.DataFrame]) -> bool:
    """Say whether any of these problems is an error."""
    return any((frame["kind"] == "error").any() for frame in frames)


def check_parts(
    parts: Parts,
    held: recognising.Known,
    geography: Geography,
    tell: Tell,
    *,
    mapping: Mapping[str, Any],
    said: bool,
) -> list[pl.DataFrame]:
    """Return what is wrong with the rows, a part at a time.

    What staging would refuse is an error here too, in its words, where no check has said it.
    """
    if not parts.rows:
        if said:
            return []
        return [
            findings.as_frame(
                [Problem("error", "no-rows", "No row of data was found. Give the file of figures.")]
            )
        ]
    indicators = {i.slug: i for i in Indicator.objects.select_related("scope__area_type")}
    indicators |= {i.slug: i for i in proposed(mapping, parts) if i.slug not in indicators}
    wrong: list[pl.DataFrame] = []
    for done, part in enumerate(parts.frames()):
        tell("Checking", done, len(parts))
        own = checks.check(
            part.with_columns(pl.when(pl.col("code") != "").then("code").alias("code")),
            held,
            mapping=parsed(mapping),
            live=known.live_rows(part),
        )
        wrong.append(own)
        if said or has_errors([own]):
            continue
        try:
            with transaction.atomic():
                fit(bare(part, indicators), indicators, geography)
                transaction.set_rollback(True)  # Checking writes nothing, not even periods.
        except StagingError as error:
            files = part["file"].unique()
            file = str(files[0]) if len(files) == 1 else ""
            wrong.append(
                findings.as_frame(
                    [Problem("error", "not-fit", s, file=file) for s in error.sentences]
                )
            )
    return wrong


def parsed(mapping: Mapping[str, Any]) -> recognising.Mapping | None:
    """Return a mapping as the recogniser has it; None for one of columns."""
    if "columns" in mapping:
        return None
    return recognising.Mapping.from_json(json.dumps(mapping))


def save_layout(*, release: Release, name: str, by: User, at: datetime) -> SavedLayout:
    """Keep the mapping of a release, to be recognised when files like it come again."""
    if not release.mapping:
        raise CannotGoOn(f"“{release.name}” has no mapping to keep: check it first.")
    layout, _ = SavedLayout.objects.update_or_create(
        slug=slugify(name)[:80],
        defaults={
            "name": name[:160],
            "dataset": release.dataset,
            "mapping": release.mapping,
            "saved_at": at,
            "saved_by_id": by.pk if by else None,
        },
    )
    return layout


# Stage, and back


def stage_release(
    *, release: Release, at: datetime, by: User = None, tell: Tell | None = None
) -> list[Series]:
    """Make a checked release ready to be published, with a preview of what that would change.

    Raises CannotGoOn or StagingError, having changed nothing, where it has errors or is not fit.
    """
    say = teller(release.pk, tell)
    release.refresh_from_db()
    if release.status != Status.CHECKED:
        raise CannotGoOn(
            f"“{release.name}” cannot be made ready: it is {release.get_status_display()}."
        )
    errors, _ = findings.numbers(release.problems)
    if errors:
        raise CannotGoOn(
            f"“{release.name}” has {errors:,} error{'s' if errors > 1 else ''}: "
            f"{first_sentence(release)} Mend the file or the mapping."
        )
    try:
        parts = load_parts(keeping.folder_of(release.pk) / keeping.CHECKED)
    except FileNotFoundError as error:
        raise CannotGoOn(f"The rows of “{release.name}” are not kept: check it again.") from error
    try:
        with transaction.atomic():
            define_new(release, parts, by, at)
            held = {i.slug: i for i in Indicator.objects.all()}
            series = stage(release=release, table=Bare(parts, held), at=at, progress=say)
            # Before it is committed: a release that is staged has a preview.
            preview.make(release, say)
    except StagingError:
        raise
    except ValueError as error:
        raise CannotGoOn(str(error)) from error
    except OperationalError as error:
        if not isinstance(error.__cause__, DiskFull):
            raise  # Postgres went away: the same work will do.
        raise CannotGoOn(
            f"“{release.name}” was not made ready: the disk of the database is full. Nothing was "
            "changed; make room, and try again."
        ) from error
    except OSError as error:
        raise CannotGoOn(
            f"“{release.name}” was not made ready: {error.strerror or error}. Nothing was changed."
        ) from error
    return series


def bare(frame: pl.DataFrame, indicators: dict[str, Indicator]) -> pl.DataFrame:
    """Return rows as staging wants them, new indicators by the slug they will have.

    Left out, as checking has said of each, are rows whose area, edition or period could not be
    told, rows given again, and parts of a rate that do not give it.
    """
    rows = (
        frame.select(list(COLUMNS))
        .filter((pl.col("code") != "") & (pl.col("edition") != "") & (pl.col("period") != ""))
        .with_columns(pl.col("indicator").str.strip_prefix(NEW))
    )
    if rows.select([*SERIES_KEY, "code"]).n_unique() < rows.height:
        # Only what is the same: figures that differ are an error.
        same = [*SERIES_KEY, "code", "marker", "_nine_digits"]
        rows = (
            rows.with_columns(pl.col("value").round_sig_figs(9).alias("_nine_digits"))
            .unique(same, keep="first", maintain_order=True)
            .drop("_nine_digits")
        )
    return without_wrong_parts(rows, indicators)


def proposed(mapping: Mapping[str, Any], parts: Parts) -> list[Indicator]:
    """Return the indicators that a mapping defines and that rows have, not saved yet.

    Each may be compared across the narrowest nation, or group of nations, that all of its areas lie
    in, and is no headline: a person makes more of it.
    """
    definitions = {d["slug"]: d for d in mapping.get("definitions", []) if d.get("slug")}
    if not definitions:
        return []
    nations: dict[str, frozenset[str]] = {}
    for frame in parts.frames():
        rows = (
            frame.filter(pl.col("edition") != "")
            .with_columns(told_by(pl.col("code")).alias("code"))
            .group_by("indicator")
            .agg(pl.col("code").unique())
        )
        for slug, codes in rows.iter_rows():
            nations[slug] = nations.get(slug, frozenset()) | nations_of(codes)
    scopes = {
        area.code: area
        for area in Area.objects.filter(code__in=NATIONS).select_related("area_type")
    }
    found = []
    for slug in (slug for slug in definitions if slug in nations):
        told = definitions[slug]
        scope = scopes.get(narrowest(nations[slug], scopes) or "")
        if scope is None:
            continue
        name = str(told.get("name") or slug.removeprefix(NEW))[:160]
        found.append(
            Indicator(
                slug=slug.removeprefix(NEW)[:80],
                name=name,
                short_name=name[:60],
                definition=f"{name}, as its publisher gives it.",
                unit=str(told.get("unit", ""))[:60],
                decimals=int(told.get("decimals", 1)),
                multiplier=float(told.get("multiplier", 1.0)),
                aggregation=str(told.get("aggregation", Indicator.Aggregation.NONE)),
                scope=scope,
                headline=False,
            )
        )
    return found


def define_new(release: Release, parts: Parts, by: User, at: datetime) -> None:
    """Make the indicators that the mapping of a release defines, with what is known of them.

    Raises CannotGoOn where another indicator has the slug of a new one.
    """
    new = proposed(release.mapping, parts)
    held = dict(
        Indicator.objects.filter(slug__in=[i.slug for i in new]).values_list("slug", "name")
    )
    if others := [i.slug for i in new if held.get(i.slug, i.name) != i.name]:
        raise CannotGoOn(
            f"Another indicator is already called {some(others)}: give the new one another slug "
            "in the mapping, or take the one that is held."
        )
    new = [i for i in new if i.slug not in held]
    if not new:
        return
    theme, _ = Theme.objects.get_or_create(slug="other", defaults={"name": "Other", "order": 99})
    for indicator in new:
        indicator.theme = theme
    Indicator.objects.bulk_create(new)
    audit("define", release, by, at, indicators=[i.slug for i in new])


@dataclass(frozen=True)
class Bare:
    """The parts of a release without where each row stood."""

    parts: Parts
    indicators: dict[str, Indicator]

    @property
    def rows(self) -> int:
        """The rows of all parts."""
        return self.parts.rows

    def __len__(self) -> int:
        return len(self.parts)

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield each part."""
        for frame in self.parts.frames():
            yield bare(frame, self.indicators)


def first_sentence(release: Release) -> str:
    """Return what the first error of a release says, and where it stands."""
    errors = [findings.told(p) for p in release.problems.values() if p["kind"] == "error"]
    return errors[0] if errors else ""


def unstage(*, release: Release, by: User, at: datetime) -> None:
    """Take a staged release back to being checked, with all of its rows. Raises CannotGoOn."""
    with transaction.atomic():
        _take_back(release, Status.CHECKED)
        audit("unstage", release, by, at)


def reject(*, release: Release, by: User, at: datetime, why: str = "") -> None:
    """Turn a release down that was never public; its files and the log are kept.

    Raises CannotGoOn, having changed nothing, when it is public or was undone already.
    """
    with transaction.atomic():
        _take_back(release, Status.REJECTED)
        audit("reject", release, by, at, why=why)
    keeping.drop(release.pk)


def _take_back(release: Release, to: Release.Status) -> None:
    lock_dataset(release.dataset_id)
    now = Release.objects.select_for_update(of=("self",)).get(pk=release.pk)
    allowed = (Status.STAGED,) if to == Status.CHECKED else NOT_PUBLIC
    if now.status not in allowed:
        raise CannotGoOn(f"“{now.name}” cannot be taken back: it is {now.get_status_display()}.")
    series = list(Series.objects.filter(release=now).values_list("pk", flat=True))
    take_rows_back(now, series)
    with connection.cursor() as cursor:
        for table, column in (("indicators_seriesinput", "series_id"), ("indicators_series", "id")):
            cursor.execute(
                f"DELETE FROM {table} WHERE {column} = ANY(%s)",  # noqa: S608
                [series],
            )
    Release.objects.filter(pk=now.pk).update(status=to, staged_at=None, todo="", failure="")
    release.refresh_from_db()


# Publish, correct, withdraw


def accept_warnings(*, release: Release, why: Mapping[str, str], by: User, at: datetime) -> None:
    """Record why kinds of warning (by code) do not keep a release from being published.

    Raises CannotGoOn for a code that it has no warning of, and for an empty reason.
    """
    codes = {code for code, p in release.problems.items() if p["kind"] == "warning"}
    if strange := sorted(set(why) - codes):
        raise CannotGoOn(f"“{release.name}” has no warning {', '.join(strange)} to accept.")
    if empty := sorted(code for code, words in why.items() if not words.strip()):
        raise CannotGoOn(f"Say why {', '.join(empty)} may be accepted.")
    with transaction.atomic():
        for code, words in why.items():
            AcceptedWarning.objects.update_or_create(
                release=release,
                code=code,
                defaults={"why": words.strip(), "at": at, "by_id": by.pk if by else None},
            )
        if why:
            audit("accept", release, by, at, why=dict(why))


def unaccepted(release: Release) -> list[str]:
    """Return the codes of warnings that nobody has accepted yet."""
    held = set(release.accepted.values_list("code", flat=True))
    return [c for c, p in release.problems.items() if p["kind"] == "warning" and c not in held]


def publish_release(*, release: Release, by: User, at: datetime) -> None:
    """Put a staged release live at `at`. Raises CannotPublish, having changed nothing.

    A warning says that something of a file is left out or may be untrue, so each kind needs a
    reason first (`accept_warnings`), which is kept with the release: otherwise NotAccepted.
    """
    release.refresh_from_db()
    if left := unaccepted(release):
        told = ", ".join(f"{code} ({release.problems[code]['n']:,})" for code in left)
        raise NotAccepted(
            f"“{release.name}” was not published: say first why these warnings may be accepted: "
            f"{told}."
        )
    publish.publish(release=release, by=by, at=at)
    release.refresh_from_db()


def queue_to_publish() -> None:
    """Wait for other publishers before holding any release, as they do: no two wait in a ring."""
    DataVersion.objects.select_for_update().get(pk=1)


def correct(*, release: Release, of: Release, note: str, by: User, at: datetime) -> None:
    """Publish a staged release in the place of one that was wrong, with a note for the public.

    Raises CannotPublish, having changed nothing, without a note, or where `of` is not public or
    is of another dataset.
    """
    if not note.strip():
        raise CannotPublish("A correction says what was wrong: add a note for the public.")
    with transaction.atomic():
        queue_to_publish()
        of = Release.objects.select_for_update(of=("self",)).get(pk=of.pk)
        if of.dataset_id != release.dataset_id or of.pk == release.pk:
            raise CannotPublish(f"“{of.name}” is not another release of the same dataset.")
        if of.status not in {Status.PUBLISHED, Status.SUPERSEDED}:
            raise CannotPublish(
                f"“{of.name}” cannot be corrected: it is {of.get_status_display()}."
            )
        Release.objects.filter(pk=release.pk).update(corrects=of, note=note.strip())
        publish_release(release=release, by=by, at=at)
        audit("correct", release, by, at, corrects=of.slug, note=note.strip())


def withdraw_release(*, release: Release, by: User, at: datetime, reason: str = "") -> None:
    """Take a public release back whole at `at`. Raises CannotPublish, having changed nothing."""
    with transaction.atomic():
        queue_to_publish()
        publish.withdraw(release=release, by=by, at=at, reason=reason)
    release.refresh_from_db()
