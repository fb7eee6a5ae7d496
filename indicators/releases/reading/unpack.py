"""From what somebody gave to files on disk, each known by its first bytes, under one budget.

Names are never trusted: archives are unpacked into a folder of our own by names of our own, and
what their directories declare of sizes is not believed but counted.
"""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from indicators.releases.problems import Problem
from indicators.releases.reading.model import Limits, Unreadable

BLOCK = 1 << 20
HEAD = 65_536
# A file that grows by more than this when unpacked, and is large, is made to do harm.
MOST_RATIO = 400
RATIO_FROM = 100_000_000
OFFERS = (
    "CSV or other separated text, Excel (.xlsx, .xls), OpenDocument (.ods), Parquet or "
    "JSON-stat 2, also compressed with gzip or zip"
)
SPREADSHEET = b"application/vnd.oasis.opendocument.spreadsheet"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
FOREIGN = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"SQLite format 3\x00", "a database (SQLite or GeoPackage)"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"\x00\x00\x27\x0a", "a Shapefile"),
    (b"ARROW1", "an Arrow file"),
)


@dataclass(frozen=True)
class Source:
    """One file to read: its name as given, where it lies, what it is."""

    name: str
    path: Path
    kind: str  # text, xlsx, ods, xls, parquet or json


@dataclass
class Budget:
    """What may still be unpacked, of all files together."""

    bytes: int
    files: int

    def spend(self, size: int, name: str) -> None:
        """Take `size` bytes off. Raises Unreadable when there are none left."""
        self.bytes -= size
        if self.bytes < 0:
            raise refusal(
                "too-large",
                name,
                f"{name} unpacks to more than we read at once. If it is genuine, give it in parts.",
            )


def refusal(code: str, name: str, sentence: str) -> Unreadable:
    """Return the exception that says why a whole file is not read."""
    return Unreadable(Problem("error", code, sentence, file=name))


@dataclass
class Unpacker:
    """Unpacks into `folder`; what cannot be read becomes a problem and the rest goes on."""

    folder: Path
    limits: Limits
    budget: Budget = field(init=False)
    problems: list[Problem] = field(default_factory=list)
    made: int = 0

    def __post_init__(self) -> None:
        self.budget = Budget(self.limits.bytes, self.limits.files)

    def unpack(self, paths: Sequence[Path], names: Sequence[str]) -> list[Source]:
        """Return the files to read in what was given."""
        found: list[Source] = []
        for path, name in zip(paths, names, strict=True):
            try:
                found += self.one(path, name, 0)
            except Unreadable as error:
                self.problems.append(error.problem)
        return found

    def new(self) -> Path:
        """Return a path in our folder that nothing lies at."""
        self.made += 1
        return self.folder / f"unpacked-{self.made}"

    def one(self, path: Path, name: str, depth: int) -> list[Source]:
        """Return the sources in one file. Raises Unreadable."""
        if not path.is_file():
            raise refusal("not-a-file", name, f"{name} is not a file that can be read here.")
        size = path.stat().st_size
        if size == 0:
            raise refusal(
                "empty-file", name, f"{name} is empty (0 bytes). Download it again from its source."
            )
        if size > self.limits.bytes:
            raise refusal(
                "too-large",
                name,
                f"{name} is larger than {self.limits.bytes // 1_000_000:,} MB, the most we read. "
                "Give it in parts.",
            )
        self.budget.files -= 1
        if self.budget.files < 0:
            raise refusal(
                "too-many-files",
                name,
                f"{name} and what came before hold more than {self.limits.files:,} files, the "
                "most we read at once. Give fewer.",
            )
        with path.open("rb") as file:
            head = file.read(HEAD)
        if head[:2] == b"\x1f\x8b":
            return self.gunzip(path, name, depth)
        if head[:4] == b"PK\x05\x06":
            raise refusal("empty-archive", name, f"{name} is a zip with nothing in it.")
        if head[:4] == b"PK\x03\x04":
            return self.unzip(path, name, depth)
        return [Source(name, path, recognise(path, head, name))]

    def deeper(self, name: str, depth: int) -> int:
        """Return the depth one archive further in. Raises Unreadable beyond the limit."""
        if depth >= self.limits.depth:
            raise refusal(
                "nested-archives",
                name,
                f"{name} lies in archives within archives, deeper than the {self.limits.depth} "
                "we open. Unpack it and give the files.",
            )
        return depth + 1

    def copy(self, packed: IO[bytes] | gzip.GzipFile, size: int, name: str) -> Path:
        """Write what is packed to a new file, counting as it comes out."""
        to = self.new()
        written = 0
        with to.open("wb") as out:
            while block := packed.read(BLOCK):
                written += len(block)
                self.budget.spend(len(block), name)
                if written > RATIO_FROM and written > MOST_RATIO * max(size, 1):
                    raise refusal(
                        "bomb",
                        name,
                        f"{name} unpacks to more than {MOST_RATIO} times its size, as files made "
                        "to do harm are. It was not read. If it is genuine, give it unpacked.",
                    )
                out.write(block)
        return to

    def gunzip(self, path: Path, name: str, depth: int) -> list[Source]:
        """Return the sources in a gzip."""
        depth = self.deeper(name, depth)
        try:
            with gzip.open(path) as packed:
                inner = self.copy(packed, path.stat().st_size, name)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise refusal(
                "truncated",
                name,
                f"{name} is cut short or damaged: its gzip does not unpack to the end. "
                "Download it again.",
            ) from error
        return self.one(inner, name.removesuffix(".gz"), depth)

    def unzip(self, path: Path, name: str, depth: int) -> list[Source]:
        """Return the sources in a zip; workbooks are zips too and stay whole."""
        try:
            with zipfile.ZipFile(path) as archive:
                entries = [entry for entry in archive.infolist() if not entry.is_dir()]
                kind = package(archive, entries, name)
                if kind:
                    return [Source(name, path, kind)]
                return self.members(archive, entries, name, self.deeper(name, depth))
        except (
            zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError,
            lzma.LZMAError, RuntimeError,
        ) as error:  # fmt: skip
            raise refusal(
                "truncated",
                name,
                f"{name} is cut short or damaged: its zip does not open. Download it again.",
            ) from error

    def members(
        self, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], name: str, depth: int
    ) -> list[Source]:
        """Return the sources among a zip's members, unpacked under names of our own."""
        if len(entries) > self.limits.files:
            raise refusal(
                "too-many-files",
                name,
                f"{name} holds {len(entries):,} files; {self.limits.files:,} is the most we read. "
                "Give fewer.",
            )
        found: list[Source] = []
        seen: dict[str, int] = {}
        for entry in entries:
            inside = PurePosixPath(entry.filename.replace("\\", "/"))
            if inside.is_absolute() or ".." in inside.parts or ":" in entry.filename:
                raise refusal(
                    "unsafe-path",
                    name,
                    f"{name} holds a file whose path leads outside of it "
                    f"({entry.filename[:80]!r}). It was not read; ask its maker for another.",
                )
            if entry.flag_bits & 1:
                raise refusal(
                    "encrypted", name, f"{name} is locked with a password. Give it unlocked."
                )
        for entry in entries:
            inside = PurePosixPath(entry.filename.replace("\\", "/"))
            if any(part.startswith((".", "__MACOSX")) for part in inside.parts):
                continue
            seen[str(inside)] = seen.get(str(inside), 0) + 1
            again = f" ({seen[str(inside)]})" if seen[str(inside)] > 1 else ""
            inner = f"{name}/{shown(str(inside))}{again}"
            try:
                with archive.open(entry) as packed:
                    to = self.copy(packed, entry.compress_size, inner)
                found += self.one(to, inner, depth)
            except Unreadable as error:
                self.problems.append(beside(error.problem))
                if self.budget.bytes < 0 or self.budget.files < 0:
                    break
        if not found and not any(p.file.startswith(f"{name}/") for p in self.problems):
            raise refusal("empty-archive", name, f"{name} holds no file we can read: {OFFERS}.")
        return found


def beside(problem: Problem) -> Problem:
    """Return a warning for what often lies beside data in an archive and is none."""
    if problem.code not in ("unknown-kind", "empty-file"):
        return problem
    return Problem("warning", problem.code, problem.sentence, file=problem.file)


def shown(text: str) -> str:
    """Return a name of a file, a member or a sheet, without what does not print."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:200]


def package(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], name: str) -> str:
    """Return the kind of document that a zip is, or "" where it is an archive of files."""
    names = {entry.filename for entry in entries}
    if "xl/workbook.xml" in names or "xl/workbook.bin" in names:
        return "xlsx"
    if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
        with archive.open("mimetype") as member:
            mime = member.read(200).strip()
        if mime == SPREADSHEET or mime == SPREADSHEET + b"-template":
            return "ods"
        if mime.startswith(b"application/vnd.oasis"):
            raise refusal(
                "unknown-kind",
                name,
                f"{name} is a text or slides, not a spreadsheet. Give {OFFERS}.",
            )
    if "word/document.xml" in names or "ppt/presentation.xml" in names:
        raise refusal(
            "unknown-kind",
            name,
            f"{name} is a Word or PowerPoint document. Copy its tables into a spreadsheet.",
        )
    return ""


def recognise(path: Path, head: bytes, name: str) -> str:
    """Return what a file is by its first bytes. Raises Unreadable when it is none we read."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        if holds(path, ENCRYPTED):
            raise refusal(
                "encrypted",
                name,
                f"{name} is a workbook locked with a password. Save it without one.",
            )
        return "xls"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text"
    for magic, what in FOREIGN:
        if head.startswith(magic):
            raise refusal("unknown-kind", name, f"{name} is {what}, which we do not read. {give()}")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<"):
        raise refusal(
            "web-page",
            name,
            f"{name} is a web page or XML, though it may be named otherwise: perhaps the download "
            f"went to a page instead of the file. Open it and save it as .xlsx or CSV. {give()}",
        )
    if text.startswith(b"{") or (text.startswith(b"[") and text[1:].lstrip()[:1] in (b"{", b"[")):
        return "json"
    if not text and path.stat().st_size <= HEAD:
        raise refusal("empty-file", name, f"{name} holds nothing but blank space.")
    return "text"


def give() -> str:
    """Return the sentence that says what is read."""
    return f"Give {OFFERS}."


def holds(path: Path, wanted: bytes) -> bool:
    """Say whether a file holds these bytes, without holding it."""
    carry = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if wanted in carry + block:
                return True
            carry = block[-len(wanted) :]
    return False
