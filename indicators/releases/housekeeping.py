"""Taking away what interrupted work left: drafts, files of no release, emptied partitions.

Nothing that a release has, or that someone works on, is touched: whatever is younger than a day
is left, a release in hand is passed over, and so are all bytes while a file is being received.
Rows that the site keeps no longer go to archives.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from indicators.models import Bucket, Release, ReleaseFile, Series
from indicators.releases import keeping
from indicators.releases.archive import Archived, archive_due
from indicators.releases.pipeline import KEEPING, in_hand
from indicators.releases.storage import OBSERVATION, take_down

LEFT_ALONE = timedelta(days=1)
TABLES = """
SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relname ~ '^{parent}_b[0-9]+$'
"""


@dataclass
class Cleared:
    """What was taken away: names of files and folders, buckets, and bytes.

    And the releases whose rows were archived, and a sentence for each that could not be.
    """

    paths: list[str] = field(default_factory=list)
    buckets: list[int] = field(default_factory=list)
    bytes: int = 0
    archived: list[Archived] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def housekeep(*, at: datetime, older_than: timedelta = LEFT_ALONE) -> Cleared:
    """Take away all that no release needs, left before `at` less `older_than`.

    And archive what has not been live for `LEVELUP_KEEP_DAYS` at `at`.
    """
    cleared = Cleared()
    before = (at - older_than).timestamp()
    files(cleared, before)
    folders(cleared, before)
    if settings.LEVELUP_KEEP_DAYS > 0:
        for found in archive_due(at=at, days=settings.LEVELUP_KEEP_DAYS):
            if isinstance(found, Archived):
                cleared.archived.append(found)
            else:
                cleared.refused.append(found)
    buckets(cleared)
    return cleared


def remove(path: Path, cleared: Cleared) -> None:
    """Take away a file or a folder, and count it."""
    inside = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    cleared.bytes += sum(p.stat().st_size for p in inside)
    cleared.paths.append(str(path.relative_to(keeping.root())))
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def old(path: Path, before: float) -> bool:
    """Say whether nothing was written to it since a moment (seconds since 1970)."""
    try:
        return path.stat().st_mtime < before
    except FileNotFoundError:
        return False


def files(cleared: Cleared, before: float) -> None:
    """Take away bytes that no release has, and drafts; none while someone receives a file.

    What is being received lies there before it is recorded, and may be what lay there before.
    """
    if not keeping.files().is_dir():
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", (KEEPING,))
        (alone,) = cursor.fetchone()
        for path in keeping.files().iterdir() if alone else ():
            if old(path, before) and not ReleaseFile.objects.filter(sha256=path.name).exists():
                remove(path, cleared)


def folders(cleared: Cleared, before: float) -> None:
    """Take away folders of releases that there are not, and drafts within those that there are."""
    if not keeping.root().is_dir():
        return
    for folder in keeping.root().iterdir():
        if not folder.name.isdigit() or not folder.is_dir():
            continue
        release = Release.objects.filter(pk=int(folder.name)).first()
        if release is None or release.status == Release.Status.REJECTED:
            if old(folder, before):
                remove(folder, cleared)
            continue
        drafts = [p for p in folder.glob(f"{keeping.DRAFT}*") if old(p, before)]
        if drafts:
            with in_hand(release.pk) as alone:
                for path in drafts if alone else []:
                    remove(path, cleared)


def buckets(cleared: Cleared) -> None:
    """Take down the partitions of releases that have no rows: taken back, or archived.

    Each in a transaction of its own, that gives up when readers keep it waiting.
    """
    empty = Bucket.objects.filter(shared=False).exclude(
        Q(release__in=Series.objects.values("release")) & Q(release__archived_at__isnull=True)
    )
    for bucket in empty:
        pk = bucket.pk
        try:
            with transaction.atomic():
                taken = take_down(bucket)
        except DatabaseError:
            continue  # Someone reads, or stages into it: next time.
        if taken:
            cleared.buckets.append(pk)


def strays() -> list[str]:
    """Return the tables of observations that belong to no bucket: there ought to be none."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES.format(parent=OBSERVATION))
        found = [name for (name,) in cursor.fetchall()]
    known = {f"{OBSERVATION}_b{pk}" for pk in Bucket.objects.values_list("pk", flat=True)}
    return sorted(set(found) - known)
