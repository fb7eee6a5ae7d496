"""Opening what somebody gave us: what it is by its first bytes, unpacked under limits.

Nothing here trusts a file's name. Archives are unpacked into a folder of our own by names of
our own, so that no path in them can reach outside, and no more than `MOST_BYTES` is written for
all that one file holds, however its archives lie in one another.
"""

from __future__ import annotations

import gzip
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from areas.importing.report import Refused, some

MOST_BYTES = 4_000_000_000
MOST_FILES = 4_000
# Sheets are read into memory whole: a million rows of ten columns are some 400 MB.
MOST_WORKBOOK_BYTES = 600_000_000
DEEPEST = 3
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


@dataclass
class Room:
    """What one file may still unpack to: bytes and files, over all its archives."""

    most: int
    left: int
    files: int = MOST_FILES

    def refusal(self, name: str, says: str = "") -> Refused:
        """Return the sentence for a file, or one in it, that is larger than there is room for."""
        return Refused(
            f"{name} {says}unpacks to more than {self.most // 1_000_000:,} MB, the most we "
            "read of one file. If it is genuine, give it in parts."
        )

    def take_files(self, n: int, name: str) -> None:
        """Count `n` files of an archive. Raises Refused beyond `MOST_FILES` in all."""
        if n > self.files:
            raise Refused(f"{name} holds {n:,} files; {MOST_FILES:,} is the most.")
        self.files -= n


@contextmanager
def opened(path: Path, *, most_bytes: int = MOST_BYTES, name: str = "") -> Iterator[list[Source]]:
    """Yield the files that `path` holds, unpacked where they were packed, until the block ends.

    `name` is what its giver calls it, where that is not the name it is kept under. Raises Refused
    with a sentence for what is empty, broken, too large, unsafe or unknown.
    """
    with tempfile.TemporaryDirectory(prefix="levelup-import-") as folder:
        room = Room(most_bytes, most_bytes)
        yield unpack(path, Path(folder), name or path.name, room, ())


def only_one(sources: list[Source], name: str) -> Source:
    """Return the one file that was given. Raises Refused where `name` holds several."""
    if len(sources) > 1:
        raise Refused(
            f"{name} holds {len(sources)} files ({some(s.name for s in sources)}). Give one of "
            "them."
        )
    return sources[0]


def unpack(
    path: Path, folder: Path, name: str, room: Room, within: tuple[str, ...]
) -> list[Source]:
    """Return the sources in `path`, writing what has to be unpacked into `folder`.

    `within` is what it was packed in, the outermost first; `room` is shared by all of it.
    """
    if not path.is_file():
        raise Refused(f"{name} is not a file that can be read here.")
    size = path.stat().st_size
    if size == 0:
        raise Refused(f"{name} is empty (0 bytes). Download it again.")
    if size > room.most:
        raise Refused(f"{name} is larger than {room.most // 1_000_000:,} MB, the most we read.")
    with path.open("rb") as file:
        head = file.read(65_536)
    if head[:2] == b"\x1f\x8b":
        if within[-1:] == ("gzip",):
            raise Refused(f"{name} is compressed twice. Uncompress it once and try again.")
        not_too_deep(name, within)
        inner = Path(tempfile.mkdtemp(dir=folder)) / "unpacked"
        try:
            with gzip.open(path) as packed:
                copy_bounded(packed, inner, name, room)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Refused(
                f"{name} is cut short or damaged: its gzip does not unpack to the end. "
                "Download it again."
            ) from error
        return unpack(inner, folder, name.removesuffix(".gz"), room, (*within, "gzip"))
    if head[:4] == b"PK\x03\x04":
        return unzip(path, folder, name, room, within)
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


def not_too_deep(name: str, within: tuple[str, ...]) -> None:
    """Raise Refused for an archive that lies in `DEEPEST` others."""
    if len(within) >= DEEPEST:
        raise Refused(
            f"{name[:200]} is packed more than {DEEPEST} times over. Unpack it and give what is "
            "inside."
        )


def copy_bounded(packed: IO[bytes] | gzip.GzipFile, to: Path, name: str, room: Room) -> None:
    """Copy until the end, taking it from `room`. Raises Refused where that is too little."""
    with to.open("wb") as out:
        while block := packed.read(BLOCK):
            room.left -= len(block)
            if room.left < 0:
                raise room.refusal(name)
            out.write(block)


def unzip(path: Path, folder: Path, name: str, room: Room, within: tuple[str, ...]) -> list[Source]:
    """Return the sources in a zip. An Excel file is a zip too and stays whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) > room.left:
                raise room.refusal(name, "says it ")
            room.take_files(len(entries), name)
            if any(entry.filename == "xl/workbook.xml" for entry in entries):
                measure_workbook(archive, entries, name, room)
                return [Source(name, path, "xlsx")]
            not_too_deep(name, within)
            inner = Path(tempfile.mkdtemp(dir=folder))
            return unzip_entries(archive, entries, inner, name, room, within)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise Refused(
            f"{name} is cut short or damaged: its zip does not open. Download it again."
        ) from error


def measure_workbook(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], name: str, room: Room
) -> None:
    """Unpack an Excel file to nowhere, so that its reader, which trusts it, need not find out.

    Raises Refused beyond `MOST_WORKBOOK_BYTES` or `room`, and BadZipFile where a part is not of
    the size that it says.
    """
    left = min(MOST_WORKBOOK_BYTES, room.left)
    for entry in entries:
        if entry.flag_bits & 1:
            raise Refused(f"{name} is locked with a password. Give it unlocked.")
        if entry.file_size > left:
            raise too_large_a_workbook(name)
        with archive.open(entry) as part:
            while block := part.read(BLOCK):
                left -= len(block)
                room.left -= len(block)
                if left < 0:
                    raise too_large_a_workbook(name)


def too_large_a_workbook(name: str) -> Refused:
    """Return the sentence for an Excel file that is larger than we read."""
    return Refused(
        f"{name} is an Excel file that unpacks to more than {MOST_WORKBOOK_BYTES // 1_000_000:,} "
        "MB, the most we read of one. Save the sheet as CSV and give that."
    )


def unzip_entries(
    archive: zipfile.ZipFile,
    entries: list[zipfile.ZipInfo],
    folder: Path,
    name: str,
    room: Room,
    within: tuple[str, ...],
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
    for entry, inside in wanted:
        number = numbers.setdefault(inside.with_suffix(""), len(numbers))
        to = folder / f"{number}{inside.suffix.lower()}"
        if to.exists():
            raise Refused(f"{name} holds {inside.name} twice in one folder.")
        with archive.open(entry) as packed:
            copy_bounded(packed, to, name, room)
        if inside.suffix.lower() not in {".shx", ".dbf", ".prj", ".cpg"}:
            sources.append((inside, to))
    found = []
    for inside, to in sources:
        if inside.suffix.lower() == ".txt" and len(sources) > 1:
            continue  # A note beside the data.
        found += unpack(to, folder, f"{name}: {inside}", room, (*within, "zip"))
    if not found:
        raise Refused(f"{name} holds no file we can read. We read {OFFERS}.")
    return found
