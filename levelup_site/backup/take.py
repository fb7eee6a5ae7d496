"""Making a backup."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings

from areas.models import Edition
from areas.tiles import archive_path
from levelup_site.backup import BackupError, postgres
from levelup_site.backup.archive import FORMAT, MEDIA, TILES, Header, Manifest, Writer

Tell = Callable[[str], None]


def backup(*, to: Path, at: datetime, tell: Tell) -> Manifest:
    """Write the database, the uploads and the tiles in use to `to`, and return what it holds.

    The database is read as of one moment, whatever is published meanwhile. The file takes its name
    only when it is whole. Raises BackupError, leaving nothing, when it cannot be made.
    """
    if to.exists():
        raise BackupError(f"{to} is already there: choose another name, or move it away.")
    if not to.parent.is_dir():
        raise BackupError(f"The folder {to.parent} is not there: make it first.")
    draft = to.with_name(f".{to.name}.{os.getpid()}.unfinished")
    try:
        manifest = write(draft, at, tell)
        draft.rename(to)
    except OSError as error:
        raise BackupError(f"{to} could not be written: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return manifest


def write(path: Path, at: datetime, tell: Tell) -> Manifest:
    """Write the archive to `path`."""
    with postgres.connect() as plain:
        plain.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        migrations = postgres.migrations(plain)
        if not migrations:
            raise BackupError("The database is empty: there is nothing to back up.")
        header = Header(FORMAT, at.isoformat(), plain.info.server_version // 10_000, migrations)
        (snapshot,) = plain.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        with Writer(path, header) as archive:
            archive.manifest.tables = postgres.tables(plain)
            tell(f"Dumping {sum(archive.manifest.tables.values()):,} rows")
            with postgres.dumping(snapshot) as dump:
                size = archive.add_stream(dump)
            tell(f"The database is {size / 1e6:,.1f} MB before compression")
            hashes = plain.execute("SELECT tile_hash FROM areas_edition WHERE tile_hash <> ''")
            for place, root, file in files([str(row[0]) for row in hashes]):
                archive.add_file(place, root, file)
            tell(f"{len(archive.manifest.files):,} files")
            plain.execute("COMMIT")
    with path.open("rb+") as written:
        os.fsync(written.fileno())
    return archive.manifest


def files(tile_hashes: list[str]) -> Iterator[tuple[str, Path, Path]]:
    """Yield uploads, and the archives of tiles that editions refer to: folder and path.

    Raises BackupError for tiles that are not there: the backup would not be whole.
    """
    root = Path(settings.MEDIA_ROOT)
    for path in sorted(root.rglob("*")) if root.is_dir() else []:
        # What is being restored or written has a leading dot, and is nobody's yet.
        if path.is_file() and not path.is_symlink() and not hidden(path, root):
            yield MEDIA, root, path
    for tile_hash in sorted(set(tile_hashes)):
        path = archive_path(tile_hash)
        if not path.is_file():
            name = Edition.objects.filter(tile_hash=tile_hash).values_list("name", flat=True)[0]
            raise BackupError(
                f"The map tiles of “{name}” ({path}) are not there: bring them back or bake them "
                "again, so that the backup is whole."
            )
        yield TILES, path.parent, path


def hidden(path: Path, root: Path) -> bool:
    """Return whether a file or a folder above it begins with a dot."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)
