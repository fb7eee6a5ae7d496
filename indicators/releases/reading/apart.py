"""Reading in a process of its own, so that a hostile file can take down nothing but itself.

The process knows no setting or secret of the site, may use so much memory and so many seconds, and
ends when its parent does. It writes each table as Parquet and the rest as JSON into a folder; the
parent reads only those.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from indicators.releases.problems import Problem
from indicators.releases.reading.model import (
    BATCH,
    Document,
    Interrupted,
    Limits,
    Reading,
    Table,
    Unreadable,
)
from indicators.releases.reading.parquet import KeptRows

ROOT = Path(__file__).resolve().parents[3]
ASKED = "asked.json"
ANSWER = "reading.json"
# Address space that libraries reserve and never fill, beyond the memory that may be used.
RESERVED = 8_000_000_000
LOOK_EVERY = 0.05
GROWN = 3  # Columns of text in memory are larger than the text of a file.
# How whoever stops the machine, or the site, tells a process to end.
TOLD_TO_END = {-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}
# How the process says that what it read found no room.
DISK_FULL = 28
# What the process may know of its surroundings.
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")


def in_subprocess(
    paths: Sequence[Path],
    folder: Path,
    *,
    names: Sequence[str] | None = None,
    limits: Limits | None = None,
    tell: Callable[[str], None] | None = None,
) -> Reading:
    """Return what `read` finds in `paths`, parsed in a process with limits on time and memory.

    Its tables lie in `folder`, which has to be there and outlive them, as Parquet. `tell` hears the
    name of each file as it is begun. What exceeds a limit, or takes the process down, is a problem
    of the file that was being read, and nothing of the reading is kept.

    Raises Interrupted where the process was told to end from outside, and OSError where the disk
    was full: to be read another time.
    """
    limits = limits or Limits()
    names = list(names or [path.name for path in paths])
    asked = {"paths": [str(p.resolve()) for p in paths], "names": names, "limits": asdict(limits)}
    (folder / ASKED).write_text(json.dumps(asked), encoding="utf-8")
    environment = {key: os.environ[key] for key in KEPT if key in os.environ}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": "utf-8:replace",
        "PYTHONDONTWRITEBYTECODE": "1",
        "POLARS_MAX_THREADS": str(limits.threads),
        "OMP_NUM_THREADS": str(limits.threads),
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "indicators.releases.reading", str(folder.resolve())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment,
        encoding="utf-8",
        errors="replace",
    )
    try:
        ended = watched(process, limits, names[0] if names else "", tell)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
    if ended:
        return Reading(problems=[ended], folder=folder)
    return load(folder)


def watched(
    process: subprocess.Popen[str], limits: Limits, name: str, tell: Callable[[str], None] | None
) -> Problem | None:
    """Wait for the process and return the problem that ended it, if one did."""
    at = [name]

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            at[0] = line.rstrip("\n")[:300]
            if tell is not None:
                tell(at[0])

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    begun = time.monotonic()
    while process.poll() is None:
        if time.monotonic() - begun > limits.seconds:
            process.kill()
            listener.join(5)
            return stopped(
                "too-slow", at[0], f"took longer than {limits.seconds:,} seconds to read"
            )
        if used(process.pid) > limits.memory:
            process.kill()
            listener.join(5)
            return stopped(
                "too-large",
                at[0],
                f"needs more memory than the {limits.memory / 1e9:.1f} GB that reading may use",
            )
        time.sleep(LOOK_EVERY)
    listener.join(5)
    if process.returncode == 0:
        return None
    if process.returncode in TOLD_TO_END:
        raise Interrupted
    if process.returncode == DISK_FULL:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return stopped("reader-failed", at[0], "made its reader fail")


def stopped(code: str, name: str, what: str) -> Problem:
    """Return the problem of a file whose reading was ended."""
    return Problem(
        "error",
        code,
        f"{name} {what}, and was not read. Save it again as CSV, or give it in parts.",
        file=name,
    )


def used(pid: int) -> int:
    """Return the bytes of memory that are a process's own, or 0 where that cannot be known."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
        return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


# --- In the process -------------------------------------------------------------------------------


def confine(limits: Limits) -> None:
    """Limit this process: memory, processor seconds, what it may write, no core dumps."""
    import resource

    wanted = (
        (resource.RLIMIT_AS, limits.memory + RESERVED),
        (resource.RLIMIT_CPU, limits.seconds * max(limits.threads, 1)),
        (resource.RLIMIT_FSIZE, limits.bytes * 2),
        (resource.RLIMIT_NOFILE, 512),
        (resource.RLIMIT_CORE, 0),
    )
    for what, most in wanted:
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def end_with_parent() -> None:
    """End this process when whoever started it does: its end of our input closes."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(3)

    threading.Thread(target=wait, daemon=True).start()


def serve(folder: Path) -> None:
    """Read what is asked for in a folder and write what was found there."""
    from indicators.releases.reading.files import read

    asked = json.loads((folder / ASKED).read_text(encoding="utf-8"))
    limits = Limits(**asked["limits"])
    confine(limits)
    end_with_parent()
    begun = time.monotonic()
    unpacked = folder / "unpacked"
    unpacked.mkdir(exist_ok=True)
    reading = read(
        [Path(p) for p in asked["paths"]],
        names=asked["names"],
        limits=limits,
        folder=unpacked,
        tell=lambda name: print(name.replace("\n", " "), flush=True),
    )
    tables: list[dict[str, Any]] = []
    for table in reading.tables:
        print(table.file.replace("\n", " "), flush=True)
        to = folder / f"table-{len(tables):04d}.parquet"
        try:
            rows = keep(table, to, limits)
        except Unreadable as error:
            reading.problems.append(error.problem)
            to.unlink(missing_ok=True)
            continue
        if not rows:
            continue
        plain = {
            key: getattr(table, key)
            for key in ("file", "sheet", "headings", "levels", "first_row", "above", "below")
        }
        tables.append({**plain, "n_rows": rows, "kept": to.name})
    for path in unpacked.iterdir():
        path.unlink()
    unpacked.rmdir()
    answer = {
        "tables": tables,
        "documents": [asdict(document) for document in reading.documents],
        "problems": [problem.as_dict() for problem in reading.problems],
        "seconds": round(time.monotonic() - begun, 3),
    }
    part = folder / f"{ANSWER}.part"
    part.write_text(json.dumps(answer), encoding="utf-8")
    part.replace(folder / ANSWER)


def keep(table: Table, to: Path, limits: Limits) -> int:
    """Write a table as Parquet, a batch at a time, and return its rows.

    Raises Unreadable where it comes to far more than a file of the most bytes could hold: Parquet
    can say one value a thousand million times in a few bytes.
    """
    import polars as pl

    writer: pq.ParquetWriter | None = None
    rows = size = 0
    try:
        for frame in table.batches(BATCH):
            arrow = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            size += arrow.nbytes
            if size > GROWN * limits.bytes:
                raise Unreadable(
                    stopped("too-large", table.file, "holds more than we read at once")
                )
            if writer is None:
                writer = pq.ParquetWriter(to, arrow.schema, compression="zstd")
            writer.write_table(arrow)
            rows += frame.height
    finally:
        if writer is not None:
            writer.close()
    return rows


def load(folder: Path) -> Reading:
    """Return the reading that a process left in a folder. Raises FileNotFoundError without one."""
    answer = json.loads((folder / ANSWER).read_text(encoding="utf-8"))
    tables = [
        Table(
            file=kept["file"],
            sheet=kept["sheet"],
            headings=tuple(kept["headings"]),
            levels=tuple(tuple(level) for level in kept["levels"]),
            first_row=kept["first_row"],
            above=tuple(kept["above"]),
            below=tuple(kept["below"]),
            n_rows=kept["n_rows"],
            rows=KeptRows(folder / kept["kept"]),
        )
        for kept in answer["tables"]
    ]
    documents = [replace(Document(**one), lines=tuple(one["lines"])) for one in answer["documents"]]
    problems = [Problem(**one) for one in answer["problems"]]
    return Reading(tables, documents, problems, folder)
