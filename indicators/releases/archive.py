"""Rows of releases that nobody sees any more: out of the database into Parquet, and back.

A release is archived whole, with what was added up from it, once none of its series has been live
for as long as the site keeps them (`LEVELUP_KEEP_DAYS`). Its series with their summaries, when each
was live, and the log stay in the database; observations, standings, coverage and packed arrays go.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
from django.db import OperationalError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from psycopg import sql
from psycopg.errors import DiskFull, LockNotAvailable

from areas.importing.copy import copy_frame, streamed
from indicators.models import Bucket, LiveSeries, Release, Series
from indicators.releases import keeping
from indicators.releases.pipeline import CannotGoOn, User, audit, in_hand
from indicators.releases.progress import Tell, teller
from indicators.releases.storage import (
    KEYS,
    OBSERVATION,
    PATIENCE,
    STANDING,
    reopen_bucket,
    take_down,
    take_rows_back,
)

# Of text that is held at a time: some 300,000 observations.
PIECE_BYTES = 16 << 20
COVERAGE, PACKED = "indicators_coverage", "indicators_packedarray"
NUMBERS = ("value", "lower", "upper", "numerator", "denominator")
# What is archived of each table. Bytes travel as hexadecimal.
TABLES: dict[str, dict[str, type[pl.DataType]]] = {
    OBSERVATION: {
        "series_id": pl.Int32,
        "area_id": pl.Int32,
        **dict.fromkeys(NUMBERS, pl.Float64),
        "marker": pl.Int16,
    },
    STANDING: dict.fromkeys(
        ("series_id", "area_id", "group_area_id", "rank", "tied", "out_of"), pl.Int32
    ),
    COVERAGE: {"series_id": pl.Int32, "area_id": pl.Int32, "share": pl.Float64},
    PACKED: {"series_id": pl.Int32, "values": pl.Binary, "markers": pl.Binary},
}


@dataclass(frozen=True)
class Archived:
    """A release whose rows were moved to its archive, with how many, and the bytes of its files."""

    release: Release
    rows: int
    bytes: int


def due(before: datetime) -> QuerySet[Release]:
    """Return the releases of which nothing is live, nor was since `before`.

    One that was restored since is left for as long again.
    """
    lately = LiveSeries.objects.filter(
        Q(live__endswith__isnull=True) | Q(live__endswith__gt=before),
        series__release=OuterRef("pk"),
    )
    return (
        Release.objects.filter(
            ~Exists(lately),
            status__in=[Release.Status.SUPERSEDED, Release.Status.WITHDRAWN],
            archived_at__isnull=True,
            published_at__lt=before,
        )
        .exclude(withdrawn_at__gte=before)
        .exclude(restored_at__gte=before)
        .order_by("pk")
    )


def archive_due(*, at: datetime, days: int) -> Iterator[Archived | str]:
    """Archive every release that was last live more than `days` before `at`, and yield each.

    One that cannot be is left as it is; a sentence says why. One that a worker has in hand waits
    for the next time.
    """
    before = at - timedelta(days=days)
    for release in due(before):
        try:
            if found := archive(release, at=at, before=before):
                yield found
        except OSError as error:
            yield f"{not_archived(release)}: {error.strerror or error}. Make room or mend the disk."
        except CannotGoOn as error:
            yield str(error)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            yield f"{not_archived(release)}: it is being read. It is tried again the next time."


def not_archived(release: Release) -> str:
    """Return the beginning of a sentence that says that a release stays as it is."""
    return f"“{release.name}” was not archived, and its figures are all here still"


def archive(release: Release, *, at: datetime, before: datetime) -> Archived | None:
    """Move the rows of a release that is due to its archive; None where it is in hand or is not.

    The archive is whole, and on the disk, before a row goes. Killed at any moment, the rows are in
    the database, or in the archive that it knows of.
    """
    with in_hand(release.pk) as alone:
        if not alone or not due(before).filter(pk=release.pk).exists():
            return None
        ids = series_of(release)
        with keeping.making(release.pk, keeping.ARCHIVE) as draft:
            files = {f"{table}.parquet": write(table, release, ids, draft) for table in TABLES}
        settle(keeping.folder_of(release.pk))
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(PATIENCE)))
            # Whoever makes it live again holds its row, or waits for this one.
            now = Release.objects.select_for_update(of=("self",)).get(pk=release.pk)
            if not due(before).filter(pk=now.pk).exists():
                return None
            held = {f"{table}.parquet": count(table, ids) for table in TABLES}
            if held != {name: file["rows"] for name, file in files.items()}:
                raise CannotGoOn(f"{not_archived(release)}: its rows changed meanwhile.")
            take_rows_back(now, ids)
            now.archived_at, now.archive = at, files
            now.save(update_fields=["archived_at", "archive"])
            audit("archive", now, None, at, files=files)
    return Archived(
        now, sum(f["rows"] for f in files.values()), sum(f["bytes"] for f in files.values())
    )


def series_of(release: Release) -> list[int]:
    """Return the ids of the series of a release, in order."""
    return list(Series.objects.filter(release=release).order_by("pk").values_list("pk", flat=True))


def write(table: str, release: Release, ids: list[int], folder: Path) -> dict[str, Any]:
    """Write the rows of series as Parquet; return how many, and the file's bytes and SHA-256.

    Memory does not grow with them.
    """
    path = folder / f"{table}.parquet"
    schema = (
        pl.DataFrame(schema=TABLES[table]).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    )
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for frame in streamed(source_of(table, release, ids), as_text(table), most=PIECE_BYTES):
            rows += frame.height
            whole = frame.with_columns(
                pl.col(name).str.decode("hex") for name in binary_columns(table)
            )
            writer.write_table(whole.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema))
    with path.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"rows": rows, "bytes": path.stat().st_size, "sha256": digest}


def source_of(table: str, release: Release, ids: list[int]) -> sql.Composable:
    """Return what COPY reads: a partition of the release's own as it lies there, or a query.

    Rows lie in the order that areas are read in, and so they will again.
    """
    own = Bucket.objects.filter(shared=False, release=release).first()
    columns = sql.SQL(", ").join(map(sql.Identifier, TABLES[table]))
    if own is not None and table in KEYS:
        return sql.SQL("{} ({})").format(sql.Identifier(f"{table}_b{own.pk}"), columns)
    shown = sql.SQL(", ").join(
        sql.SQL("encode({}, 'hex')").format(sql.Identifier(name))
        if name in binary_columns(table)
        else sql.Identifier(name)
        for name in TABLES[table]
    )
    return sql.SQL("(SELECT {} FROM {} WHERE series_id = ANY({}) ORDER BY {})").format(
        shown, sql.Identifier(table), listed(ids), sql.SQL(KEYS.get(table, "series_id"))
    )


def listed(ids: list[int]) -> sql.Composable:
    """Return ids as a literal, by which Postgres tells the partitions before it begins."""
    return sql.SQL("{}::int[]").format(sql.Literal(ids))


def as_text(table: str) -> dict[str, type[pl.DataType]]:
    """Return the columns of a table as they come, where bytes are text."""
    return {name: pl.String if kind == pl.Binary else kind for name, kind in TABLES[table].items()}


def binary_columns(table: str) -> list[str]:
    """Return which columns of a table hold bytes."""
    return [name for name, kind in TABLES[table].items() if kind == pl.Binary]


def count(table: str, ids: list[int]) -> int:
    """Return how many rows series have in a table."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT count(*) FROM {} WHERE series_id = ANY({})").format(
                sql.Identifier(table), listed(ids)
            )
        )
        (n,) = cursor.fetchone()
    return int(n)


def settle(folder: Path) -> None:
    """Have the names in a folder on the disk, and not only on their way there."""
    for place in (folder / keeping.ARCHIVE, folder):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def restore(*, release: Release, by: User, at: datetime, tell: Tell | None = None) -> int:
    """Bring the rows of an archived release back as they were; return how many.

    What is live stays as it is. Rows of a large release are loaded as staging loads them, and
    their keys and indexes built afterwards. The archive is kept. The caller has the release in
    hand. Raises CannotGoOn, having changed nothing, where it is not archived, or its archive is
    not what was written.
    """
    say = teller(release.pk, tell)
    release.refresh_from_db()
    if release.archived_at is None:
        raise CannotGoOn(f"“{release.name}” is not archived: its figures are here.")
    folder = keeping.folder_of(release.pk) / keeping.ARCHIVE
    check(release, folder, say)
    ids = series_of(release)
    empty_own(release)
    total = sum(file["rows"] for file in release.archive.values())
    done = 0
    try:
        with transaction.atomic():
            bucket = reopen_bucket(release, ids[0])
            loads = {
                OBSERVATION: bucket.copy_observations,
                STANDING: bucket.copy_standings,
                COVERAGE: lambda frame: copy_frame(COVERAGE, frame),
                PACKED: lambda frame: copy_frame(PACKED, frame),
            }
            for table, load in loads.items():
                for frame in frames(folder / f"{table}.parquet"):
                    say("Bringing rows back", done, total)
                    load(frame)
                    done += frame.height
            say("Building keys and indexes", 0, 1)
            bucket.attach()
            held = {f"{table}.parquet": count(table, ids) for table in TABLES}
            if held != {name: file["rows"] for name, file in release.archive.items()}:
                raise damaged(release, "it holds rows of other series")
            if not bucket.record.shared:
                bucket.record.rows = release.archive[f"{OBSERVATION}.parquet"]["rows"]
                bucket.record.save(update_fields=["rows"])
            Release.objects.filter(pk=release.pk).update(archived_at=None, restored_at=at)
            audit("restore", release, by, at, rows=total)
    except OperationalError as error:
        if not isinstance(error.__cause__, DiskFull):
            raise
        raise CannotGoOn(
            f"“{release.name}” was not restored: the disk of the database is full. Nothing was "
            "changed; make room, and try again."
        ) from error
    release.refresh_from_db()
    return total


def check(release: Release, folder: Path, tell: Tell) -> None:
    """Raise CannotGoOn unless every file of an archive is, to the byte, what was written."""
    for done, (name, file) in enumerate(release.archive.items()):
        tell("Checking the archive", done, len(release.archive))
        try:
            with (folder / name).open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise damaged(release, f"{name}: {error.strerror or error}") from error
        if digest != file["sha256"]:
            raise damaged(release, f"{name} is not what was written")


def damaged(release: Release, why: str) -> CannotGoOn:
    """Return the refusal of an archive that is not whole."""
    return CannotGoOn(
        f"“{release.name}” was not restored, and nothing was changed: its archive is damaged "
        f"({why}). Put the folder releases/{release.pk}/{keeping.ARCHIVE} back from a backup of "
        "the media, and try again."
    )


def empty_own(release: Release) -> None:
    """Take down the emptied partitions of a release of its own, which are made anew."""
    own = Bucket.objects.filter(shared=False, release=release).first()
    if own is None:
        return
    try:
        with transaction.atomic():
            take_down(own)
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise CannotGoOn(
            f"“{release.name}” was not restored: the tables it goes back to are in use just now. "
            "Try again in a moment."
        ) from error


def frames(path: Path) -> Iterator[pl.DataFrame]:
    """Yield the rows of a file of an archive, as many at a time as were written at once."""
    with pq.ParquetFile(path) as file:
        for n in range(file.num_row_groups):
            yield pl.DataFrame(pl.from_arrow(file.read_row_group(n)))
