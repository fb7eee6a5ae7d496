"""Putting a backup back, wholly or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from levelup_site.backup import BackupError, postgres
from levelup_site.backup.archive import (
    MEDIA,
    TILES,
    Header,
    KeptFile,
    Manifest,
    check,
    sha256_of,
    unpack,
)

Tell = Callable[[str], None]
# What makes a database somebody's: what migrations bring along does not.
OWN = {
    "public.areas_area": "areas",
    "public.indicators_dataset": "datasets",
    "public.auth_user": "accounts",
}
OUR_TABLES = re.compile(r"public\.(areas|indicators|auth|django)_\w+")
SECONDS_TO_LEAVE = 5


@dataclass(frozen=True)
class Restored:
    """What a restore put back. `waiting` names migrations that are newer than the backup."""

    header: Header
    manifest: Manifest
    waiting: list[str]


def restore(*, source: Path, replace: bool, at: datetime, tell: Tell) -> Restored:
    """Put the backup `source` back as the site's database, uploads and tiles.

    The file is read to its end first. Then the database is restored beside the present one,
    counted, and takes its name in one transaction; `replace` lets it drop one that holds
    something. Raises BackupError, with everything as it was, when any of that fails.
    """
    tell(f"Checking {source}")
    header, manifest = check(source)
    waiting = compare_schema(source, header)
    if postgres.server_version() < header.postgres:
        raise BackupError(
            f"{source} was made from PostgreSQL {header.postgres}, and this server is "
            f"{postgres.server_version()}: restore to a server at least as new."
        )
    postgres.program("pg_restore", header.postgres)
    connections.close_all()
    if hasattr(connection, "close_pool"):
        connection.close_pool()
    name = str(connection.settings_dict["NAME"])
    with postgres.maintenance() as server:
        refuse_unless_free(server, name, replace)
        token = secrets.token_hex(4)
        fresh = f"{name[:40]}_restoring_{token}"
        tell(f"Restoring {sum(manifest.tables.values()):,} rows beside the present database")
        postgres.create_like(server, fresh, name)
        try:
            with staged(manifest, token, replace=replace) as stage:
                with postgres.restoring(fresh, header.postgres) as take:
                    unpack(source, database=take.write, file=stage.write)
                tell("Counting what was restored")
                verify(fresh, header, manifest)
                move_version(fresh, name, header, at)
                with stage.placed():
                    swap(server, name, fresh, token)
                stage.overwrite()
        finally:
            drop(server, fresh)
        drop(server, replaced_name(name, token))
    return Restored(header, manifest, waiting)


def compare_schema(source: Path, header: Header) -> list[str]:
    """Return the migrations of this version that the backup lacks.

    Raises BackupError when it has some that this version does not know.
    """
    disk = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    # A migration that was squashed away is known by the one that replaced it.
    known = set(disk) | {old for new in disk.values() for old in new.replaces}
    held = {(app, name) for app, names in header.migrations.items() for name in names}
    if newer := sorted(held - known):
        app, name = newer[-1]
        raise BackupError(
            f"{source} was made by a newer version of Levelup (it has the migration {app}.{name}, "
            "which is not known here): upgrade this one first. Nothing was changed."
        )
    return [f"{app}.{name}" for app, name in sorted(set(disk) - held)]


def refuse_unless_free(server: postgres.Plain, name: str, replace: bool) -> None:
    """Raise BackupError when the database is in use, or holds something we may not replace."""
    until = time.monotonic() + SECONDS_TO_LEAVE
    while (users := connected(server, name)) and time.monotonic() < until:
        time.sleep(0.1)  # Those of this very command take a moment to be gone.
    if users:
        raise BackupError(
            f"{users} connections use the database “{name}”: stop web, worker and beat (and "
            "anything else that uses it) first. Nothing was changed."
        )
    if replace:
        return
    with postgres.connect() as plain:
        held = postgres.tables(plain)
    found = [f"{held[t]:,} {word}" for t, word in OWN.items() if held.get(t)]
    if strange := [table for table in held if not OUR_TABLES.fullmatch(table)]:
        found.append(f"tables of something else ({', '.join(strange[:3])})")
    if found:
        raise BackupError(
            f"The database “{name}” already holds {', '.join(found)}: restore into an empty one, "
            "or add --replace to drop it for the backup. Nothing was changed."
        )


def connected(server: postgres.Plain, name: str) -> int:
    """Return how many clients are connected to a database."""
    row = server.execute(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = %s AND backend_type = 'client backend'",
        (name,),
    ).fetchone()
    return int(row[0]) if row else 0


def verify(database: str, header: Header, manifest: Manifest) -> None:
    """Raise BackupError unless every table has the rows it had; then gather statistics."""
    with postgres.connect(database) as plain:
        found = postgres.tables(plain)
        for table, rows in manifest.tables.items():
            if found.get(table) != rows:
                had = f"{found[table]:,}" if table in found else "no"
                raise BackupError(
                    f"{table} has {had} rows after the restore, not {rows:,}: "
                    "use another copy of the backup. Nothing was changed."
                )
        if postgres.migrations(plain) != header.migrations:
            raise BackupError("The migrations restored are not those of the backup's header.")
        plain.execute("ANALYZE")


def move_version(fresh: str, name: str, header: Header, at: datetime) -> None:
    """Move the data version past any that a reader may have seen, so that no cache is believed.

    Since the backup was made, fewer releases than seconds can have gone live.
    """
    # Readers see the sum of all, so the figures' alone must pass it.
    seen = 0
    for table in (
        "indicators_dataversion",
        "areas_geographyversion",
        "indicators_catalogueversion",
    ):
        with postgres.connect(name) as plain, suppress(psycopg.errors.UndefinedTable):
            query = sql.SQL("SELECT version FROM {} WHERE id = 1").format(sql.Identifier(table))
            row = plain.execute(query).fetchone()
            seen += int(row[0]) if row else 0
    since = max(1, int((at - datetime.fromisoformat(header.made_at)).total_seconds()))
    with postgres.connect(fresh) as plain:
        plain.execute(
            "UPDATE indicators_dataversion SET version = greatest(version + %s, %s + 1), "
            "moved_at = %s",
            (since, seen, at),
        )


def replaced_name(name: str, token: str) -> str:
    """Return what the replaced database is called until it is dropped."""
    return f"{name[:40]}_replaced_{token}"


def swap(server: postgres.Plain, name: str, fresh: str, token: str) -> None:
    """Give the restored database the site's name, in one transaction."""
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    old = replaced_name(name, token)
    try:
        with server.transaction():
            server.execute(rename.format(sql.Identifier(name), sql.Identifier(old)))
            server.execute(rename.format(sql.Identifier(fresh), sql.Identifier(name)))
    except psycopg.errors.ObjectInUse:
        raise BackupError(
            f"Something connected to the database “{name}” meanwhile: stop web, worker and beat, "
            "then restore again. Nothing was changed."
        ) from None
    except psycopg.Error as error:
        raise BackupError(
            f"The restored database could not take the name “{name}” ({str(error).strip()}). "
            "Nothing was changed."
        ) from error


def drop(server: postgres.Plain, database: str) -> None:
    """Drop a database if it is there."""
    server.execute(
        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
    )


class Stage:
    """Files of a backup, written beside where they belong, until the database is restored."""

    def __init__(self, manifest: Manifest, token: str, *, replace: bool) -> None:
        self._replace = replace
        self._roots = {MEDIA: Path(settings.MEDIA_ROOT), TILES: Path(settings.TILE_DIR)}
        self._folders = {place: root / f".restoring-{token}" for place, root in self._roots.items()}
        self._wanted: dict[str, list[KeptFile]] = {}
        for kept in manifest.files:
            self._wanted.setdefault(kept.sha256, []).append(kept)
        self._later: list[tuple[Path, Path]] = []

    def write(self, sha256: str, blocks: Iterable[bytes]) -> None:
        """Write one file for every folder that it belongs to.

        Raises BackupError when its content is not that of its hash.
        """
        folders = {self._folders[kept.place] for kept in self._wanted[sha256]}
        first, *others = sorted(folders)
        first.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with (first / sha256).open("xb") as file:
            for block in blocks:
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != sha256:
            raise BackupError(
                "A file of the backup changed while it was read. Nothing was changed."
            )
        for other in others:
            other.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(first / sha256, other / sha256)

    @contextmanager
    def placed(self) -> Iterator[None]:
        """Put files where there are none; take them away again if the block fails."""
        added: list[Path] = []
        try:
            for kept in (k for several in self._wanted.values() for k in several):
                place = self._roots[kept.place] / kept.path
                staged = self._folders[kept.place] / kept.sha256
                if place.exists():
                    if sha256_of(place) == kept.sha256:
                        continue
                    if not self._replace:
                        raise BackupError(
                            f"{place} is there already, and is not the file of the backup: move "
                            "it away, or add --replace. Nothing was changed."
                        )
                    self._later.append((staged, place))
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                os.link(staged, place)
                added.append(place)
            yield
        except BaseException:
            for place in added:
                place.unlink(missing_ok=True)
            raise

    def overwrite(self) -> None:
        """Put the other files in the place of what differs from them."""
        for staged, place in self._later:
            try:
                staged.replace(place)
            except OSError as error:
                raise BackupError(
                    f"The database is restored, but {place} could not be written "
                    f"({error.strerror or error}): give leave and restore again with --replace."
                ) from error

    def remove(self) -> None:
        """Remove what was written beside."""
        for folder in self._folders.values():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def staged(manifest: Manifest, token: str, *, replace: bool) -> Iterator[Stage]:
    """Give a place for files, which is removed in the end."""
    stage = Stage(manifest, token, replace=replace)
    try:
        yield stage
    except OSError as error:
        raise BackupError(
            f"A file could not be written ({error.strerror or error}): make room or give leave. "
            "Nothing was changed."
        ) from error
    finally:
        stage.remove()
