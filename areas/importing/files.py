"""Opening what somebody gave us: what it is by its first bytes, unpacked under limits.

Nothing here trusts a file's name. Archives are unpacked into a folder of our own by names of
our own, so that no path in them can reach outside, and no more than `MOST_BYTES` is written.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from areas.importing.report import Refused

MOST_BYTES = 4_000_000_000
MOST_FILES = 4_000
BLOCK = 1 << 20
WANTED = {
    ".shp", ".shx", ".dbf", ".prj", ".cpg", ".geojson", ".json", ".gpkg", ".csv", ".txt",
    ".parquet", ".xlsx",
}  # fmt: skip
OFFERS = (
    "GeoJSON, GeoPackage, Shapefile, GeoParquet, CSV or Excel (.xlsx), or one of these "
    "compressed with gzip or zip"
)


class Source(NamedTuple):
    """One file to read: its name as given, where it lies and what it is by its first bytes."""

    name: str
    path: Path
    kind: str  # geojson, gpkg, shapefile, parquet, xlsx or csv


@contextmanager
def opened(path: Path, *, most_bytes: int = MOST_BYTES, name: str = "") -> Iterator[list[Source]]:
    """Yield the files that `path` holds, unpacked where they were packed, until the block ends.

    `name` is what its giver calls it, where that is not the name it is kept under. Raises Refused
    with a sentence for what is empty, broken, too large, unsafe or unknown.
    """
    with tempfile.TemporaryDirectory(prefix="levelup-import-") as folder:
        yield unpack(path, Path(folder), name or path.name, most_bytes)


def unpack(path: Path, folder: Path, name: str, most_bytes: int) -> list[Source]:
    """Return the sources in `path`, writing what has to be unpacked into `folder`."""
    if not path.is_file():
        raise Refused(f"{name} is not a file that can be read here.")
    size = path.stat().st_size
    if size == 0:
        raise Refused(f"{name} is empty (0 bytes). Download it again.")
    if size > most_bytes:
        raise Refused(f"{name} is larger than {most_bytes // 1_000_000:,} MB, the most we read.")
    with path.open("rb") as file:
        head = file.read(65_536)
    if head[:2] == b"\x1f\x8b":
        inner = folder / "unpacked"
        if inner.exists():
            raise Refused(f"{name} is compressed twice. Uncompress it once and try again.")
        try:
            with gzip.open(path) as packed:
                copy_bounded(packed, inner, name, most_bytes)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Refused(
                f"{name} is cut short or damaged: its gzip does not unpack to the end. "
                "Download it again."
            ) from error
        return unpack(inner, folder, name.removesuffix(".gz"), most_bytes)
    if head[:4] == b"PK\x03\x04":
        return unzip(path, folder, name, most_bytes)
    if head[:4] == b"PK\x05\x06":
        raise Refused(f"{name} is a zip with nothing in it.")
    kind = recognise(head, name)
    if kind == "shapefile":
        missing = [
            suffix
            for suffix in (".shx", ".dbf")
            if not any(path.with_suffix(s).is_file() for s in (suffix, suffix.upper()))
        ]
        if missing:
            raise Refused(
                f"{name} is one part of a Shapefile; {' and '.join(missing)} must lie beside it. "
                "Give the zip with all its parts."
            )
    return [Source(name, path, kind)]


def recognise(head: bytes, name: str) -> str:
    """Return what a file is by its first bytes. Raises Refused when it is none we read."""
    if head.startswith(b"SQLite format 3\x00"):
        return "gpkg"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"\x00\x00\x27\x0a"):
        return "shapefile"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise Refused(f"{name} is an Excel file of the old kind (.xls). Save it as .xlsx or CSV.")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refused(f"{name} is text in UTF-16. Save it as UTF-8 and try again.")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<"):
        raise Refused(
            f"{name} is a web page or XML, not data: the download went to a page instead of "
            f"the file. We read {OFFERS}."
        )
    if b"\x00" in head or head.startswith((b"%PDF", b"Rar!", b"7z\xbc\xaf")):
        raise Refused(f"{name} is not a kind of file we read. We read {OFFERS}.")
    if not text:
        raise Refused(f"{name} holds nothing but blank space.")
    return "geojson" if text.startswith((b"{", b"[")) else "csv"


def copy_bounded(packed: IO[bytes] | gzip.GzipFile, to: Path, name: str, most_bytes: int) -> int:
    """Copy until the end and return the bytes written. Raises Refused beyond `most_bytes`."""
    written = 0
    with to.open("wb") as out:
        while block := packed.read(BLOCK):
            written += len(block)
            if written > most_bytes:
                raise Refused(
                    f"{name} unpacks to more than {most_bytes // 1_000_000:,} MB, the most we "
                    "read. If it is genuine, give it in parts."
                )
            out.write(block)
    return written


def unzip(path: Path, folder: Path, name: str, most_bytes: int) -> list[Source]:
    """Return the sources in a zip. An Excel file is a zip too and stays whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) > most_bytes:
                raise Refused(
                    f"{name} says it unpacks to more than {most_bytes // 1_000_000:,} MB, "
                    "the most we read. If it is genuine, give it in parts."
                )
            if len(entries) > MOST_FILES:
                raise Refused(f"{name} holds {len(entries):,} files; {MOST_FILES:,} is the most.")
            if any(entry.filename == "xl/workbook.xml" for entry in entries):
                return [Source(name, path, "xlsx")]
            return unzip_entries(archive, entries, folder, name, most_bytes)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise Refused(
            f"{name} is cut short or damaged: its zip does not open. Download it again."
        ) from error


def unzip_entries(
    archive: zipfile.ZipFile,
    entries: list[zipfile.ZipInfo],
    folder: Path,
    name: str,
    most_bytes: int,
) -> list[Source]:
    """Write the files we can read under names of our own and return them, parts together."""
    wanted = []
    for entry in entries:
        inside = PurePosixPath(entry.filename.replace("\\", "/"))
        if inside.is_absolute() or ".." in inside.parts or ":" in entry.filename:
            raise Refused(f"{name} holds a file with an unsafe path ({entry.filename[:80]!r}).")
        if entry.flag_bits & 1:
            raise Refused(f"{name} is locked with a password. Give it unlocked.")
        if inside.suffix.lower() in WANTED and not inside.name.startswith((".", "__MACOSX")):
            wanted.append((entry, inside))
    # Parts of one Shapefile share their path but for the suffix and must share our name too.
    numbers: dict[PurePosixPath, int] = {}
    sources = []
    left = most_bytes
    for entry, inside in wanted:
        number = numbers.setdefault(inside.with_suffix(""), len(numbers))
        to = folder / f"{number}{inside.suffix.lower()}"
        if to.exists():
            raise Refused(f"{name} holds {inside.name} twice in one folder.")
        with archive.open(entry) as packed:
            left -= copy_bounded(packed, to, name, left)
        if inside.suffix.lower() not in {".shx", ".dbf", ".prj", ".cpg"}:
            sources.append((inside, to))
    found = []
    for inside, to in sources:
        if inside.suffix.lower() == ".txt" and len(sources) > 1:
            continue  # A note beside the data.
        found += unpack(to, folder, f"{name}: {inside}", most_bytes)
    if not found:
        raise Refused(f"{name} holds no file we can read. We read {OFFERS}.")
    return found


def keep_copy(path: Path, to: Path) -> None:
    """Copy a file without holding it in memory."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as source, to.open("wb") as target:
        shutil.copyfileobj(source, target, BLOCK)
