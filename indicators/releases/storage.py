"""Where observations and standings are kept: partitions by blocks of series ids, or buckets.

A large release has a bucket of its own, loaded before it is attached, so that COPY pays for
neither indexes nor foreign keys row by row. Small releases share a bucket, so that thousands
of them do not become thousands of partitions. Measured in docs/decisions.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from django.db import connection
from psycopg import sql

from areas.importing.copy import copy_frame
from indicators.models import Bucket, Release, Series

OWN_BUCKET_ROWS = 500_000
SHARED_BUCKET_ROWS = 8_000_000
OBSERVATION, STANDING = "indicators_observation", "indicators_standing"
KEYS = {OBSERVATION: "area_id, series_id", STANDING: "area_id, series_id, group_area_id"}
# A standing never stands without its observation, whose keys to area and series guard both.
GUARDED = {OBSERVATION: {"series_id": "indicators_series", "area_id": "areas_area"}, STANDING: {}}
# What else a series has rows in, beside those of its bucket.
BESIDE = ("indicators_coverage", "indicators_packedarray")
# How long taking a partition out of its tables may wait for their readers.
PATIENCE = "2s"
LOCK_SPACE = 0x1E7E1  # Tells our advisory locks from anyone else's in the same database.


def lock_dataset(dataset_id: int) -> None:
    """Hold the one lock that writers of a dataset queue for, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", (LOCK_SPACE, dataset_id))


def lock_buckets() -> None:
    """Hold the one lock for attaching and detaching partitions, until the transaction ends.

    Both take locks that two at once would each hold of the other's.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", (LOCK_SPACE,))


class OpenBucket:
    """A bucket that this transaction writes to."""

    def __init__(self, record: Bucket, *, attached: bool) -> None:
        self.record = record
        self._attached = attached
        if not attached:
            self._create()
            if record.shared:
                self.attach()

    def give_ids(self, n: int) -> range:
        """Return `n` series ids that lie in this bucket.

        Raises ValueError where a release in parts turns out to have more series than a block.
        """
        if self.record.n_series + n > Bucket.BLOCK:
            raise ValueError(
                f"The release has more than {Bucket.BLOCK:,} series, which is the most that one "
                "holds. Split the file by indicator."
            )
        start = self.record.first + self.record.n_series
        self.record.n_series += n
        self.record.save(update_fields=["n_series"])
        return range(start, start + n)

    def _name(self, parent: str) -> str:
        return parent if self._attached else f"{parent}_b{self.record.pk}"

    def _create(self) -> None:
        # Not CREATE … PARTITION OF, which would lock every reader out until we commit. The
        # CHECK spares ATTACH a scan of the rows.
        with connection.cursor() as cursor:
            for parent in KEYS:
                cursor.execute(
                    sql.SQL(
                        "CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS, "
                        "CONSTRAINT bound CHECK (series_id >= {} AND series_id < {}))"
                    ).format(sql.Identifier(f"{parent}_b{self.record.pk}"), *self._bounds(parent))
                )

    def _bounds(self, parent: str) -> tuple[sql.Composable, sql.Composable, sql.Composable]:
        first = self.record.first
        return sql.Identifier(parent), sql.Literal(first), sql.Literal(first + Bucket.BLOCK)

    def copy_observations(self, frame: pl.DataFrame) -> None:
        """COPY rows whose columns are those of the observation table."""
        copy_frame(self._name(OBSERVATION), frame, fresh=not self._attached)

    def copy_standings(self, frame: pl.DataFrame) -> None:
        """COPY rows whose columns are those of the standing table."""
        copy_frame(self._name(STANDING), frame, fresh=not self._attached)

    def attach(self) -> None:
        """Make the bucket part of its tables; keys and indexes are built after the rows."""
        if self._attached:
            return
        with connection.cursor() as cursor:
            for parent, key in KEYS.items():
                child = sql.Identifier(f"{parent}_b{self.record.pk}")
                for statement in (
                    f"ALTER TABLE {{child}} ADD PRIMARY KEY ({key})",
                    *(
                        f"ALTER TABLE {{child}} ADD FOREIGN KEY ({column}) REFERENCES {table}"
                        for column, table in GUARDED[parent].items()
                    ),
                    "ALTER TABLE {parent} ATTACH PARTITION {child} "
                    "FOR VALUES FROM ({lo}) TO ({hi})",
                    "ALTER TABLE {child} DROP CONSTRAINT bound",
                    "ANALYZE {child}",
                ):
                    name, low, high = self._bounds(parent)
                    cursor.execute(
                        sql.SQL(statement).format(child=child, parent=name, lo=low, hi=high)
                    )
        self._attached = True


def take_rows_back(release: Release, series: Sequence[int]) -> None:
    """Take away every row of a release that is not live, in the transaction of the caller.

    `series` are the ids of its series, which stay. A bucket of its own is emptied at once and taken
    down by housekeeping, as taking it out of its tables locks their readers out for a moment.
    """
    own = list(Bucket.objects.filter(shared=False, release=release).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        for pk in own:
            for parent in KEYS:
                cursor.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(f"{parent}_b{pk}")))
        if series and not own:
            for parent in KEYS:
                cursor.execute(
                    sql.SQL("DELETE FROM {} WHERE series_id = ANY(%s)").format(
                        sql.Identifier(parent)
                    ),
                    [list(series)],
                )
        # Not by Django, which would look for rows of each in every partition.
        for table in BESIDE:
            cursor.execute(
                sql.SQL("DELETE FROM {} WHERE series_id = ANY(%s)").format(sql.Identifier(table)),
                [list(series)],
            )
    Bucket.objects.filter(pk__in=own).update(rows=0)


def open_bucket(*, rows: int, n_series: int, release: Release) -> OpenBucket:
    """Return the bucket that `rows` observations in `n_series` series should go to.

    Raises ValueError when the release has more series than a block holds.
    """
    if n_series > Bucket.BLOCK:
        raise ValueError(
            f"“{release.name}” has {n_series:,} series; one release holds {Bucket.BLOCK:,} at "
            "most. Split the file by indicator."
        )
    lock_buckets()
    if rows >= OWN_BUCKET_ROWS:
        own = Bucket.objects.create(shared=False, release=release, rows=rows)
        return OpenBucket(own, attached=False)
    shared = (
        Bucket.objects.filter(
            shared=True, rows__lt=SHARED_BUCKET_ROWS, n_series__lte=Bucket.BLOCK - n_series
        )
        .order_by("pk")
        .last()
    )
    if shared is None:
        return OpenBucket(Bucket.objects.create(shared=True, rows=rows), attached=False)
    shared.rows += rows
    shared.save(update_fields=["rows"])
    return OpenBucket(shared, attached=True)


def take_down(bucket: Bucket) -> bool:
    """Detach and drop the partitions of a bucket that has no rows; return whether it had any.

    The bucket itself is forgotten with them, unless it has series: those of an archived release,
    which come back to it. Waits for readers for as long as PATIENCE, then raises OperationalError.
    """
    children = {parent: f"{parent}_b{bucket.pk}" for parent in KEYS}
    taken = False
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(PATIENCE)))
        lock_buckets()
        in_use = Series.objects.filter(
            pk__gte=bucket.first, pk__lt=bucket.first + Bucket.BLOCK
        ).exists()
        archived = Bucket.objects.filter(pk=bucket.pk, release__archived_at__isnull=False)
        if in_use and not archived.exists():
            return False
        for parent, child in children.items():
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [child])
            (there,) = cursor.fetchone()
            if not there:
                continue
            taken = True
            cursor.execute(
                sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(
                    sql.Identifier(parent), sql.Identifier(child)
                )
            )
            cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(child)))
    if not in_use:
        bucket.delete()
    return taken


def reopen_bucket(release: Release, series_id: int) -> OpenBucket:
    """Return the bucket that rows of an archived release go back to: where their ids lie.

    One of its own is made anew, and has to have been taken down before.
    """
    lock_buckets()
    own = Bucket.objects.filter(shared=False, release=release).first()
    if own is not None:
        return OpenBucket(own, attached=False)
    return OpenBucket(Bucket.objects.get(pk=series_id // Bucket.BLOCK), attached=True)
