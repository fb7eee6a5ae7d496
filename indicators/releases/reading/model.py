"""What reading gives: tables, documents and problems. Plain data, and rows that come in batches."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl

from indicators.releases.problems import Problem

BATCH = 200_000
ROW = "row"
KIND = "kind"
# Characters that do not show, or turn text about: a NUL among them is refused by databases.
HIDDEN = (
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
# What a row is: of data, of totals, the label of a section below it, or a remark.
KINDS = ("data", "total", "section", "note")


@dataclass(frozen=True)
class Limits:
    """The most that is read of what one person gives at once.

    Bytes are those after unpacking, of all files together. `memory` (bytes) and `seconds` hold
    where parsing runs in a process of its own. A file of text up to `grid_bytes` is looked at
    whole, for several tables; a longer one is one table, read in batches.
    """

    bytes: int = 4_000_000_000
    files: int = 2_000
    depth: int = 3
    columns: int = 16_384
    cells: int = 60_000_000
    sheets: int = 1_000
    grid_bytes: int = 48_000_000
    json_bytes: int = 200_000_000
    problems: int = 1_000
    seconds: int = 900
    memory: int = 3_000_000_000
    threads: int = 2


class Unreadable(Exception):
    """A file, or a part of one, cannot be read; the problem says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


class Interrupted(Exception):
    """The process that reads was told to end, as when all is stopped: no fault of the file."""


class Rows(Protocol):
    """Where a table's rows come from."""

    def batches(self, rows: int) -> Iterator[pl.DataFrame]:
        """Yield frames of text with `row` and `kind`, at most `rows` rows each."""
        ...


@dataclass(frozen=True)
class FrameRows:
    """Rows held in memory."""

    frame: pl.DataFrame

    def batches(self, rows: int) -> Iterator[pl.DataFrame]:
        """Yield the frame in slices."""
        yield from self.frame.iter_slices(rows)


@dataclass(frozen=True)
class Table:
    """One rectangular table found in a file.

    `headings` name the columns, levels joined by " | ", repeated ones made unique by " (2)", and
    those without one called "column 5" after their place. `levels` are the heading rows as they
    stood, merged cells filled along, one text for each column. `above` and `below` are the titles
    and footnotes around it, a line each, cells joined by " | ".
    """

    file: str  # As uploaded; members of archives as "outer.zip/inner.csv".
    sheet: str  # "" for text files.
    headings: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    first_row: int
    above: tuple[str, ...]
    below: tuple[str, ...]
    n_rows: int | None  # None while unknown: a long file of text.
    rows: Rows = field(repr=False, compare=False)
    folder: object = field(default=None, repr=False, compare=False)  # Kept while the table is.

    def batches(self, rows: int = BATCH) -> Iterator[pl.DataFrame]:
        """Yield frames of at most `rows` rows, every heading a column of text, empty cells null.

        Also "row", its number in the source (Int64), and "kind", one of KINDS. Raises Unreadable
        where a long file turns out to be broken further down.
        """
        yield from self.rows.batches(rows)

    def frame(self) -> pl.DataFrame:
        """Return all rows at once: for tables known to be small."""
        frames = list(self.batches())
        if not frames:
            text = dict.fromkeys(self.headings, pl.String)
            return pl.DataFrame(schema={**text, ROW: pl.Int64, KIND: pl.String})
        return pl.concat(frames)


@dataclass(frozen=True)
class Document:
    """Words that came with the data: a sheet of notes, a cover, a text file."""

    file: str
    sheet: str
    lines: tuple[str, ...]


@dataclass
class Reading:
    """All that was found in the files given. Broken files are problems; the rest is still read."""

    tables: list[Table] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    folder: tempfile.TemporaryDirectory[str] | Path | None = field(default=None, repr=False)

    @property
    def refused(self) -> bool:
        """Say whether anything given could not be read."""
        return any(problem.kind == "error" for problem in self.problems)


def hidden_characters(name: str, sheet: str, rows: int, first: int) -> Problem:
    """Return the warning for characters that do not show, in some rows, and were left out."""
    where = f"{name}, sheet {sheet}" if sheet else name
    return Problem(
        "warning",
        "hidden-characters",
        f"{where} holds control or text-turning characters that do not show, in {rows:,} "
        f"{'row' if rows == 1 else 'rows'} (the first in row {first:,}). They were left out; look "
        "at that row.",
        name,
        sheet,
        first,
    )


# Names of columns that applying a mapping adds to a table's own.
OURS = tuple(
    f"_{name}"
    for name in ("given", "name", "code", "edition", "period", "breakdown", "area", "value", "at")
)


def unique(names: list[str], taken: tuple[str, ...] = (ROW, KIND, *OURS)) -> tuple[str, ...]:
    """Return the names with " (2)", " (3)" after those that came before, or are ours.

    A name that polars would take as a pattern (“*”, “^a$”) gets a space behind it.
    """
    patterns = [n == "*" or (n.startswith("^") and n.endswith("$")) for n in names]
    names = [f"{n} " if pattern else n for n, pattern in zip(names, patterns, strict=True)]
    seen = dict.fromkeys(taken, 1)
    given = set(taken)
    out = []
    for name in names:
        count = seen.get(name, 0) + 1
        new = name if count == 1 else f"{name} ({count})"
        while new in given:
            count += 1
            new = f"{name} ({count})"
        seen[name] = count
        given.add(new)
        out.append(new)
    return tuple(out)
