"""Reading what was given, from paths to tables."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from indicators.releases.problems import Problem
from indicators.releases.reading.books import read_book
from indicators.releases.reading.jsonstat import read_json
from indicators.releases.reading.model import Limits, Reading, Unreadable
from indicators.releases.reading.parquet import read_parquet
from indicators.releases.reading.text import read_text
from indicators.releases.reading.unpack import Source, Unpacker, refusal, shown


def read(
    paths: Sequence[Path],
    *,
    names: Sequence[str] | None = None,
    limits: Limits | None = None,
    folder: Path | None = None,
    tell: Callable[[str], None] | None = None,
) -> Reading:
    """Return the tables, documents and problems in the files at `paths`.

    `names` are what their giver calls them, where they are kept under others. What is unpacked
    lies in `folder`, or in one of our own that goes with the Reading. `tell` hears the name of
    each file before it is read. Never raises for what a file holds: what cannot be read is a
    problem, and the rest is read. Hostile files belong in `in_subprocess`.
    """
    limits = limits or Limits()
    reading = Reading()
    if folder is None:
        reading.folder = tempfile.TemporaryDirectory(prefix="levelup-reading-")
        folder = Path(reading.folder.name)
    else:
        reading.folder = folder
    unpacker = Unpacker(folder, limits)
    sources = unpacker.unpack(paths, [shown(name) for name in names or [p.name for p in paths]])
    reading.problems += unpacker.problems
    for source in sources:
        if tell is not None:
            tell(source.name)
        try:
            read_one(source, unpacker, reading)
        except Unreadable as error:
            reading.problems.append(error.problem)
        except MemoryError:
            reading.problems.append(
                Problem(
                    "error",
                    "too-large",
                    f"{source.name} needs more memory than it may have. Give it as CSV or Parquet, "
                    "or in parts.",
                    source.name,
                )
            )
    if not reading.tables and not reading.refused:
        for source in sources[:1]:
            reading.problems.append(
                Problem(
                    "error",
                    "no-table",
                    f"{source.name} holds words and no table: we look for headings with rows of "
                    "values or codes below. Give the file that holds the data.",
                    source.name,
                )
            )
    reading.tables = [replace(table, folder=reading.folder) for table in reading.tables]
    del reading.problems[limits.problems :]
    return reading


def read_one(source: Source, unpacker: Unpacker, reading: Reading) -> None:
    """Add what one file holds. Raises Unreadable."""
    if source.kind == "text":
        read_text(source, unpacker.folder, unpacker.limits, reading)
    elif source.kind in ("xlsx", "xls", "ods"):
        read_book(source, unpacker.budget, unpacker.limits, reading)
    elif source.kind == "parquet":
        read_parquet(source, unpacker.limits, reading)
    elif source.kind == "json":
        read_json(source, unpacker.limits, reading)
    else:
        raise refusal("unknown-kind", source.name, f"{source.name} is not a kind that we read.")
