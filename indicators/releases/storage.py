"""Where observations and standings are kept: partitions by bucket (docs/decisions.md).

A large release has a bucket of its own, loaded before it is attached, so that COPY pays for
neither indexes nor foreign keys row by row. Small releases share a bucket, so that thousands
of them do not become thousands of partitions.
"""

from __future__ import annotations

import polars as pl
from django.db import connection
from psycopg import sql

from areas.importing.copy import copy_frame
from indicators.models import Bucket as BucketRecord
from indicators.models import Release

OWN_BUCKET_ROWS = 200_000
SHARED_BUCKET_ROWS = 2_000_000
TABLES = ("indicators_observation", "indicators_standing")
LOCK_SPACE = 0x1E7E1  # Tells our advisory locks from anyone else's in the same database.


def lock_dataset(dataset_id: int) -> None:
    """Hold the one lock that writers of a dataset queue for, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", (LOCK_SPACE, dataset_id))


class Bucket:
    """A partition of both tables that is being written to in this transaction."""

    def __init__(self, record: BucketRecord, *, attached: bool) -> None:
        self.number: int = record.pk
        self._attached = attached
        if not attached:
            self._create()
            if record.shared:
                self.attach()

    def _table(self, parent: str) -> str:
        return parent if self._attached else f"{parent}_b{self.number}"

    def _create(self) -> None:
        # Not CREATE … PARTITION OF, which would lock every reader out until we commit.
        with connection.cursor() as cursor:
            for parent in TABLES:
                cursor.execute(
                    sql.SQL(
                        "CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS, "
                        "CHECK (bucket = {}))"
                    ).format(
                        sql.Identifier(f"{parent}_b{self.number}"),
                        sql.Identifier(parent),
                        sql.Literal(self.number),
                    )
                )

    def copy_observations(self, frame: pl.DataFrame) -> None:
        """COPY rows whose columns are those of the observation table."""
        copy_frame(self._table(TABLES[0]), frame)

    def copy_standings(self, frame: pl.DataFrame) -> None:
        """COPY rows whose columns are those of the standing table."""
        copy_frame(self._table(TABLES[1]), frame)

    def attach(self) -> None:
        """Make the partition part of its tables; indexes and foreign keys are built in bulk."""
        if self._attached:
            return
        with connection.cursor() as cursor:
            for parent in TABLES:
                child = sql.Identifier(f"{parent}_b{self.number}")
                cursor.execute(
                    sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
                        sql.Identifier(parent), child, sql.Literal(self.number)
                    )
                )
                cursor.execute(sql.SQL("ANALYZE {}").format(child))
        self._attached = True


def bucket_for(*, rows: int, release: Release) -> Bucket:
    """Return the bucket that `rows` observations of `release` should go to, ready for COPY."""
    if rows >= OWN_BUCKET_ROWS:
        record = BucketRecord.objects.create(shared=False, rows=rows, release=release)
        return Bucket(record, attached=False)
    record_or_none = (
        BucketRecord.objects.select_for_update()
        .filter(shared=True, rows__lt=SHARED_BUCKET_ROWS)
        .order_by("pk")
        .last()
    )
    if record_or_none is None:
        return Bucket(BucketRecord.objects.create(shared=True, rows=rows), attached=False)
    record_or_none.rows += rows
    record_or_none.save(update_fields=["rows"])
    return Bucket(record_or_none, attached=True)
