"""The file of a backup: a tar compressed by Zstandard, written and read as a stream.

First `levelup.json` (what made it), then the database's dump in parts (`database/000000` …), then
files under their SHA-256 (`files/<hash>`), last `manifest.json` (what must have been there). A file
that is cut short therefore has no manifest, and one that is damaged does not agree with it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any, NamedTuple

import pyarrow as pa

from levelup_site.backup import BackupError

FORMAT = 1
HEADER, MANIFEST = "levelup.json", "manifest.json"
PART = 16 * 2**20
BLOCK = 2**20
MOST_JSON = 256 * 2**20
KNOWN_NAMES = re.compile(r"levelup\.json|manifest\.json|database/\d{6}|files/[0-9a-f]{64}")
MEDIA, TILES = "media", "tiles"
TILE_NAME = re.compile(r"[0-9a-f]{32}\.pmtiles")


class KeptFile(NamedTuple):
    """A file of the installation: below which folder, its path there, its SHA-256 and bytes."""

    place: str
    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Header:
    """What made a backup. `migrations` are those applied, by app."""

    format: int
    made_at: str
    postgres: int
    migrations: dict[str, list[str]]


@dataclass
class Manifest:
    """What a whole backup holds: members of the archive, rows by table, and files."""

    members: dict[str, list[Any]] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)
    files: list[KeptFile] = field(default_factory=list)


class Writer:
    """An archive being written. Leave the block without an error and the manifest is added."""

    def __init__(self, path: Path, header: Header) -> None:
        self.manifest = Manifest()
        self._raw = path.open("xb")
        path.chmod(0o600)
        self._stream = pa.CompressedOutputStream(pa.PythonFile(self._raw, mode="w"), "zstd")
        self._tar = tarfile.open(fileobj=self._stream, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self.add(HEADER, json.dumps(asdict(header)).encode())

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._write(MANIFEST, json.dumps(asdict(self.manifest)).encode())
                self._tar.close()
                self._stream.close()
        finally:
            self._raw.close()

    def add(self, name: str, content: bytes) -> None:
        """Add one member."""
        self._write(name, content)
        self.manifest.members[name] = [hashlib.sha256(content).hexdigest(), len(content)]

    def _write(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self._tar.addfile(member, io.BytesIO(content))

    def add_stream(self, stream: IO[bytes]) -> int:
        """Add a stream of any length as the parts of the database, and return its bytes."""
        total = 0
        for number in range(10**6):
            part = stream.read(PART)
            if not part:
                return total
            self.add(f"database/{number:06}", part)
            total += len(part)
        raise BackupError("The database is larger than 16 TB, the most that a backup can hold.")

    def add_file(self, place: str, root: Path, path: Path) -> None:
        """Add a file under its hash, once however often it is there.

        Raises BackupError when it changes meanwhile.
        """
        digest = sha256_of(path)
        size = path.stat().st_size
        name = f"files/{digest}"
        if name not in self.manifest.members:
            member = tarfile.TarInfo(name)
            member.size = size
            with path.open("rb") as source:
                hashing = Hashing(source)
                self._tar.addfile(member, hashing)
            if hashing.digest() != digest:
                raise BackupError(f"{path} changed while it was copied: try again.")
            self.manifest.members[name] = [digest, size]
        self.manifest.files.append(KeptFile(place, path.relative_to(root).as_posix(), digest, size))


class Hashing:
    """A file that is hashed as it is read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._hash = hashlib.sha256()

    def read(self, n: int = -1) -> bytes:
        """Read up to `n` bytes."""
        content = self._source.read(n)
        self._hash.update(content)
        return content

    def digest(self) -> str:
        """Return the SHA-256 of what has been read."""
        return self._hash.hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def damaged_is_said(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file makes of its readers into a BackupError."""
    try:
        yield
    except FileNotFoundError:
        raise BackupError(f"{path} is not there: check its name.") from None
    except IsADirectoryError:
        raise BackupError(f"{path} is a folder: name the file of a backup.") from None
    except PermissionError:
        raise BackupError(f"{path} may not be read by this account: give it leave.") from None
    except (
        tarfile.TarError,
        EOFError,
        RecursionError,
        pa.ArrowException,
        OSError,
        ValueError,
    ) as error:
        raise damaged(path, f"{error}" or type(error).__name__) from error


def damaged(path: Path, why: str) -> BackupError:
    """Return the error for a file that is not a whole backup."""
    return BackupError(
        f"{path} is not a whole backup ({why.strip().rstrip('.')}): use another copy. "
        "Nothing was changed."
    )


def members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and content of every member in order.

    Raises BackupError for names and kinds of member that no backup has, such as `../x` or links.
    """
    with path.open("rb") as raw:
        stream = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                if not member.isreg() or not KNOWN_NAMES.fullmatch(member.name):
                    raise damaged(path, f"it holds “{member.name[:80]}”, which no backup has")
                content = tar.extractfile(member)
                if content is None:
                    raise damaged(path, f"“{member.name}” cannot be read")
                yield member.name, content


def read_json(path: Path, content: IO[bytes]) -> dict[str, Any]:
    """Return a member of JSON, which must be an object."""
    text = content.read(MOST_JSON)
    found = json.loads(text)
    if not isinstance(found, dict):
        raise damaged(path, "its description is not one")
    return found


def check(path: Path) -> tuple[Header, Manifest]:
    """Read a backup to its end, and return what made it and what it holds.

    Raises BackupError unless every byte of every member is as its manifest says.
    """
    header: Header | None = None
    manifest: Manifest | None = None
    seen: dict[str, list[Any]] = {}
    with damaged_is_said(path):
        for name, content in members(path):
            if manifest is not None:
                raise damaged(path, "something follows its manifest")
            if name == MANIFEST:
                manifest = as_manifest(path, read_json(path, content))
                continue
            hashing = Hashing(content)
            if name == HEADER:
                if seen:
                    raise damaged(path, "its header does not come first")
                header = as_header(path, read_json(path, hashing))  # type: ignore[arg-type]
            size = drain(hashing, lambda block: None) if name != HEADER else 0
            seen[name] = [hashing.digest(), size]
            if name.startswith("files/") and name != f"files/{seen[name][0]}":
                raise damaged(path, f"{name} does not have the hash it is named by")
    if header is None or manifest is None:
        raise damaged(path, "it is cut short")
    expected = {name: entry[0] for name, entry in manifest.members.items()}
    if expected != {name: entry[0] for name, entry in seen.items()}:
        raise damaged(path, "its content does not agree with its manifest")
    wanted = {f"files/{kept.sha256}" for kept in manifest.files}
    if wanted != {name for name in seen if name.startswith("files/")}:
        raise damaged(path, "files are missing from it")
    return header, manifest


def drain(stream: Hashing, take: Callable[[bytes], object]) -> int:
    """Give everything in `stream` to `take`, a block at a time, and return how many bytes."""
    total = 0
    while block := stream.read(BLOCK):
        take(block)
        total += len(block)
    return total


def as_header(path: Path, found: dict[str, Any]) -> Header:
    """Return the header in a member of JSON. Raises BackupError for a newer format."""
    if not isinstance(found.get("format"), int):
        raise damaged(path, "its header does not say what it is")
    if found["format"] > FORMAT:
        raise BackupError(
            f"{path} was made by a newer version of Levelup (format {found['format']}): "
            "upgrade this one first. Nothing was changed."
        )
    try:
        migrations = {
            str(app): [str(n) for n in names] for app, names in found["migrations"].items()
        }
        return Header(found["format"], str(found["made_at"]), int(found["postgres"]), migrations)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise damaged(path, "its header lacks something") from None


def as_manifest(path: Path, found: dict[str, Any]) -> Manifest:
    """Return the manifest in a member of JSON.

    Raises BackupError for paths that would leave the folders of the installation.
    """
    try:
        files = [KeptFile(str(f[0]), str(f[1]), str(f[2]), int(f[3])) for f in found["files"]]
        tables = {str(table): int(n) for table, n in found["tables"].items()}
        members_ = {str(name): list(entry) for name, entry in found["members"].items()}
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        raise damaged(path, "its manifest lacks something") from None
    for kept in files:
        if not is_safe(kept):
            raise damaged(path, f"it would write to “{kept.path[:80]}”, outside its folders")
    return Manifest(members_, tables, files)


def is_safe(kept: KeptFile) -> bool:
    """Return whether a file stays inside the folder that it is for."""
    if kept.place == TILES:
        return bool(TILE_NAME.fullmatch(kept.path))
    parts = PurePosixPath(kept.path).parts
    return (
        kept.place == MEDIA
        and bool(parts)
        and "\0" not in kept.path
        and "\\" not in kept.path
        and not kept.path.startswith("/")
        and all(part not in {".", ".."} for part in parts)
    )


def unpack(
    path: Path, *, database: Callable[[bytes], object], file: Callable[[str, Iterable[bytes]], None]
) -> None:
    """Give the database's dump and each file (its hash, its blocks) to whoever takes them.

    The archive has been checked; what goes wrong here is the takers' own.
    """
    for name, content in members(path):
        if name.startswith("database/"):
            drain(Hashing(content), database)
        elif name.startswith("files/"):
            file(name.removeprefix("files/"), blocks_of(content))


def blocks_of(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield a stream in blocks."""
    while block := stream.read(BLOCK):
        yield block
