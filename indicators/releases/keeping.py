"""Where the files of releases lie: what was given, under its hash, and what was made of it.

    MEDIA_ROOT/releases/files/<sha256>   the bytes as they came, once however often they are given
    MEDIA_ROOT/releases/<id>/read/       tables as Parquet, as reading left them
    MEDIA_ROOT/releases/<id>/checked/    canonical rows in parts, and what was found wrong
    MEDIA_ROOT/releases/<id>/preview/    what publishing would change
    MEDIA_ROOT/releases/<id>/archive/    its rows, once nobody sees them any more

Each folder is made beside its place and renamed into it, so one that is there is whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

BLOCK = 1 << 20
READ, CHECKED, PREVIEW, ARCHIVE = "read", "checked", "preview", "archive"
# Folders and files that are not finished; housekeeping takes them when nobody works on them.
DRAFT = "draft-"


def root() -> Path:
    """Return the folder of all releases."""
    return Path(settings.MEDIA_ROOT) / "releases"


def files() -> Path:
    """Return the folder of the bytes that were given."""
    return root() / "files"


def kept_at(sha256: str) -> Path:
    """Return where the bytes with a hash lie."""
    return files() / sha256


def folder_of(release_id: int) -> Path:
    """Return the folder of what was made of a release."""
    return root() / str(release_id)


def keep(path: Path) -> tuple[str, int]:
    """Copy the bytes of a file to their place; return their SHA-256 and how many there are.

    Raises OSError where they cannot be read or written; then nothing is kept.
    """
    files().mkdir(parents=True, exist_ok=True)
    draft = files() / f"{DRAFT}{uuid.uuid4().hex}"
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as given, draft.open("wb") as out:
            while block := given.read(BLOCK):
                digest.update(block)
                out.write(block)
                size += len(block)
            out.flush()
            os.fsync(out.fileno())
        # The same bytes over the same bytes: whoever reads them notices nothing.
        draft.replace(kept_at(digest.hexdigest()))
    finally:
        draft.unlink(missing_ok=True)
    return digest.hexdigest(), size


@contextmanager
def making(release_id: int, name: str) -> Iterator[Path]:
    """Give an empty folder that takes the place of `name` when all went well, and else goes."""
    place = folder_of(release_id) / name
    draft = place.with_name(f"{DRAFT}{name}-{uuid.uuid4().hex}")
    draft.mkdir(parents=True)
    try:
        yield draft
        if place.exists():
            old = place.with_name(f"{DRAFT}old-{uuid.uuid4().hex}")
            place.rename(old)
            draft.rename(place)
            shutil.rmtree(old, ignore_errors=True)
        else:
            draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def drop(release_id: int, *names: str) -> None:
    """Take away what was made of a release: the named folders, or all of them."""
    folder = folder_of(release_id)
    for path in [folder / name for name in names] if names else [folder]:
        shutil.rmtree(path, ignore_errors=True)
