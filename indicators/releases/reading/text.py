"""Separated text: its encoding, its separator, and its rows in batches.

A file is first written out again as plain UTF-8 with a first line of our own that names as many
columns as it has and one more, so that a line longer than the rest shows. Everything after that
is polars, which keeps blank lines: a row's number is its record in the file, from 1, a line break
within quotation marks not counted, as a spreadsheet shows it.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from indicators.releases.problems import Problem
from indicators.releases.reading import layout
from indicators.releases.reading.model import (
    BATCH,
    ROW,
    Document,
    Limits,
    Reading,
    Table,
    Unreadable,
)
from indicators.releases.reading.unpack import Source, refusal

BLOCK = 4 << 20
SAMPLE = 512 << 10
WIDEST = 64 << 20  # The longest line that is looked for a line break.
SEPARATORS = ",;\t|"
FIRST_RECORDS = 400
LAST_BYTES = 128 << 10
LAST_RECORDS = 200
# Control characters, but for tab, line feed and carriage return.
CONTROLS = bytes([*range(1, 9), 11, 12, *range(14, 32), 127])
# Marks that turn or hide text, and the same as UTF-8: zero-width, left-to-right and its like.
HIDDEN = re.compile("[\u0080-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
HIDDEN_STARTS = (b"\xe2\x80", b"\xe2\x81", b"\xef\xbb\xbf", b"\xc2")
# What each byte is in Windows-1252, and in Latin-1 where Windows has nothing.
WINDOWS = "".join(
    bytes([b]).decode("cp1252", errors="ignore") or bytes([b]).decode("latin-1") for b in range(256)
)


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Decode the bytes that are no UTF-8 as Windows-1252."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return codecs.charmap_decode(wrong, "strict", WINDOWS)[0], error.end


codecs.register_error("levelup-windows", _as_windows)


@dataclass
class Plain:
    """Text as plain UTF-8 on disk, with a first line of column names of ours."""

    name: str
    path: Path
    separator: str
    quote: str | None
    width: int  # Columns found so far; the file's first line names one more.
    encoding: str
    size: int = 0
    problems: list[Problem] = field(default_factory=list)

    def names(self) -> list[str]:
        """Return our names of its columns."""
        return [f"c{i}" for i in range(self.width + 1)]

    def options(self) -> dict[str, object]:
        """Return what polars has to know to read it."""
        return {
            "separator": self.separator,
            "quote_char": self.quote,
            "schema": dict.fromkeys(self.names(), pl.String),
            "truncate_ragged_lines": True,
            "raise_if_empty": False,
        }


def read_text(source: Source, folder: Path, limits: Limits, reading: Reading) -> None:
    """Add the tables, documents and problems of one file of text. Raises Unreadable."""
    plain = plainly(source, folder, limits)
    small = plain.size <= limits.grid_bytes
    found = whole(plain, limits) if small else long(plain, limits)
    reading.tables += found.tables
    reading.documents += found.documents
    reading.problems += [*plain.problems, *found.problems]


# --- To plain UTF-8 -------------------------------------------------------------------------------


def encoding_of(path: Path, name: str) -> str:
    """Return "utf-16-le", "utf-16-be" or "utf-8" by mark or, without one, by where NULs stand."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    if head.startswith(codecs.BOM_UTF16_LE) and not head.startswith(codecs.BOM_UTF32_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    if b"\x00" in head:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        half = len(head) // 2
        if half and odd > 0.4 * half and even < 0.05 * half:
            return "utf-16-le"
        if half and even > 0.4 * half and odd < 0.05 * half:
            return "utf-16-be"
        raise nul(name, head.index(0), head)
    return "utf-8"


def nul(name: str, at: int, block: bytes, lines: int = 0) -> Unreadable:
    """Return the exception that says where the first NUL stands."""
    line = lines + block.count(b"\n", 0, at) + 1
    return Unreadable(
        Problem(
            "error",
            "nul-bytes",
            f"{name} holds NUL bytes (the first in line {line:,}): it is damaged, or not text. "
            "Download it again or save it as CSV.",
            file=name,
            row=line,
        )
    )


def blocks(path: Path, encoding: str) -> Iterator[tuple[bytes, str]]:
    """Yield pieces as bytes of UTF-8, each ending with a line, and how each was encoded.

    "ascii", "utf-8", "utf-16", "cp1252" or "mixed", the last where lines in UTF-8 and in
    Windows-1252 stand together.
    """
    with path.open("rb") as file:
        if encoding.startswith("utf-16"):
            decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
            first = True
            while True:
                piece = file.read(BLOCK)
                text = decoder.decode(piece, final=not piece)
                if first:
                    text = text.removeprefix("\ufeff")
                    first = False
                if text:
                    yield text.encode("utf-8", errors="replace"), "utf-16"
                if not piece:
                    return
        carry = b""
        first = True
        while True:
            piece = file.read(BLOCK)
            block = carry + piece
            if piece and len(block) < WIDEST:
                cut = block.rfind(b"\n") + 1 or block.rfind(b"\r") + 1
                block, carry = block[:cut], block[cut:]
                if not block:
                    continue
            else:
                carry = b""
            if first:
                block = block.removeprefix(codecs.BOM_UTF8)
                first = False
            if block:
                yield decoded(block)
            if not piece:
                return


def decoded(block: bytes) -> tuple[bytes, str]:
    """Return a piece as UTF-8 and how it was encoded."""
    if block.isascii():
        return block, "ascii"
    try:
        block.decode("utf-8")
        return block, "utf-8"
    except UnicodeDecodeError:
        pass
    if block.decode("utf-8", errors="ignore").isascii():
        return codecs.charmap_decode(block, "strict", WINDOWS)[0].encode(), "cp1252"
    return block.decode("utf-8", errors="levelup-windows").encode(), "mixed"


def plainly(source: Source, folder: Path, limits: Limits) -> Plain:
    """Write a file of text as plain UTF-8 and return it with what was learned on the way."""
    name = source.name
    encoding = encoding_of(source.path, name)
    handle, made = tempfile.mkstemp(".utf8", "text-", folder)
    os.close(handle)
    to = Path(made)
    kinds: set[str] = set()
    plain: Plain | None = None
    removed = lines = 0
    where = 0
    old_mac = False
    with to.open("wb") as out:
        for block, kind in blocks(source.path, encoding):
            kinds.add(kind)
            at = block.find(b"\x00")
            if at >= 0:
                raise nul(name, at, block, lines)
            clean = block.translate(None, CONTROLS)
            if kind != "ascii" and any(start in clean for start in HIDDEN_STARTS):
                clean = HIDDEN.sub("", clean.decode()).encode()
            if len(clean) != len(block):
                removed += len(block.decode()) - len(clean.decode())
                where = where or lines + first_odd(block)
            if plain is None:
                old_mac = b"\r" in clean and b"\n" not in clean
            if old_mac:
                clean = clean.replace(b"\r", b"\n")
            lines += clean.count(b"\n")
            if plain is None:
                plain = start(name, to, clean, limits)
                out.write((plain.separator.join(plain.names()) + "\n").encode())
            out.write(clean)
            plain.size += len(clean)
    if plain is None or plain.size == 0:
        raise refusal("empty-file", name, f"{name} holds nothing but blank space.")
    plain.encoding = (
        "mixed" if "mixed" in kinds or {"utf-8", "cp1252"} <= kinds else
        max(kinds, key=["ascii", "utf-8", "utf-16", "cp1252"].index)
    )  # fmt: skip
    if plain.encoding == "mixed":
        plain.problems.append(
            Problem(
                "warning",
                "mixed-encodings",
                f"{name} is partly UTF-8 and partly Windows-1252; each letter was read as what it "
                "can be. Look at names with accents before publishing.",
                file=name,
            )
        )
    if removed:
        plain.problems.append(
            Problem(
                "warning",
                "hidden-characters",
                f"{name} holds {removed:,} control or text-turning characters that do not show "
                f"(the first in line {where:,}). They were left out; look at that line.",
                file=name,
                row=where,
            )
        )
    return plain


def first_odd(block: bytes) -> int:
    """Return the line, from 1, of the first character that does not show."""
    for number, line in enumerate(block.split(b"\n"), 1):
        if line.translate(None, CONTROLS) != line or HIDDEN.search(line.decode()):
            return number
    return 1


def start(name: str, path: Path, block: bytes, limits: Limits) -> Plain:
    """Return what the first piece of a file says of its separator and width."""
    cut = block.rfind(b"\n", 0, SAMPLE) + 1 or block.find(b"\n") + 1 or len(block)
    sample = block[:cut].decode()
    separator, width = separated(sample)
    check_width(name, width, limits)
    return Plain(name, path, separator, '"', width, "")


def check_width(name: str, width: int, limits: Limits) -> None:
    """Refuse a table that is wider than any that people make."""
    if width > limits.columns:
        raise refusal(
            "too-many-columns",
            name,
            f"{name} has {width:,} columns; {limits.columns:,} is the most we read. If areas are "
            "its columns, turn it so that they are its rows.",
        )


def records(sample: str, separator: str, most: int = FIRST_RECORDS) -> list[list[str]]:
    """Return the first records of some text as a lenient reader sees them."""
    found: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(sample, newline=""), delimiter=separator):
            found.append(record)
            if len(found) >= most:
                break
    except csv.Error:
        pass
    return found


def separated(sample: str) -> tuple[str, int]:
    """Return the separator of some text and its widest record.

    It is the one by which most lines have the same number of fields, from as far up as can be: a
    comma within numbers begins only below the headings.
    """
    best: tuple[float, ...] = (0.0,)
    chosen, width = ",", 1
    for separator in SEPARATORS:
        if separator not in sample:
            continue
        widths = [len(r) for r in records(sample, separator) if any(f.strip() for f in r)]
        many = [w for w in widths if w > 1]
        if not many:
            continue
        usual = max(set(many), key=lambda w: (many.count(w), w))
        share = many.count(usual) / len(widths)
        score = (float(share >= 0.5), -widths.index(usual), share, usual)
        if score > best:
            best, chosen, width = score, separator, max(widths)
    return chosen, width


# --- Reading --------------------------------------------------------------------------------------


def whole(plain: Plain, limits: Limits) -> Reading:
    """Read a file that fits in memory as one grid, and find the tables in it."""
    grid = eager(plain)
    overflow = grid.columns[-1]
    if grid[overflow].is_not_null().any():
        plain.width = widest(plain)
        check_width(plain.name, plain.width, limits)
        grid = eager(plain)
    grid = layout.trimmed(grid.drop(grid.columns[-1]))
    if is_prose(plain, grid):
        lines = layout.lines_of(grid, list(range(min(grid.height, 10 * layout.MOST_LINES))))
        return Reading(documents=[Document(plain.name, "", tuple(lines))])
    reading = layout.grid_reading(grid, plain.name, "", text=True)
    shifted(plain, reading)
    return reading


def is_prose(plain: Plain, grid: pl.DataFrame) -> bool:
    """Say whether a file named as text is words with commas rather than a table."""
    if not plain.name.lower().endswith((".txt", ".md")):
        return False
    head = grid.head(FIRST_RECORDS)
    filled = head.select(pl.sum_horizontal(pl.all().is_not_null().cast(pl.Int32)).alias("n"))["n"]
    filled = filled.filter(filled > 0)
    if filled.is_empty():
        return True
    usual = filled.filter(filled > 1).mode()
    return usual.is_empty() or float((filled == usual.max()).mean() or 0) < 0.6  # type: ignore[arg-type]


def shifted(plain: Plain, reading: Reading) -> None:
    """Make errors of values beyond the last field of the headings: their row is out of step.

    A value under a heading that is there and blank stays a warning.
    """
    wanted = {p.column for p in reading.problems if p.code == "value-without-heading"}
    if not wanted:
        return
    width = max(len(t.levels[-1]) for t in reading.tables if t.levels)
    with plain.path.open(encoding="utf-8", newline="") as source:
        next(source)
        first = list(islice(csv.reader(source, delimiter=plain.separator), FIRST_RECORDS))
    heads = [
        len(record)
        for record in first
        if [" ".join(v.split()) for v in record if v.strip()][:3]
        in [[v for v in t.levels[-1] if v][:3] for t in reading.tables if t.levels]
    ]
    width = max(heads, default=width)
    for at, problem in enumerate(reading.problems):
        digits = problem.column.removeprefix("column ")
        if problem.code == "value-without-heading" and digits.isdigit() and int(digits) > width:
            reading.problems[at] = too_long(plain.name, problem.row or 0, problem.value)


def too_long(name: str, row: int, value: str = "") -> Problem:
    """Return the problem of a row with more values than there are columns."""
    return Problem(
        "error",
        "ragged-row",
        f"{name}, row {row:,} has more values than there are headings: perhaps a comma stands in "
        "a value without quotation marks. Mend that row.",
        file=name,
        row=row,
        value=value,
    )


def eager(plain: Plain) -> pl.DataFrame:
    """Return all of it as text. Raises Unreadable where quotation marks make no sense."""
    for last in (False, True):
        content = plain.path.read_bytes()
        body = content[content.index(b"\n") + 1 :]
        header = (plain.separator.join(plain.names()) + "\n").encode()
        try:
            return pl.read_csv(io.BytesIO(header + body), **plain.options())  # type: ignore[arg-type]
        except PolarsError as error:
            if last:
                raise broken(plain.name) from error
            repair(plain)
    raise AssertionError("not reached")


def broken(name: str) -> Unreadable:
    """Return the exception that says that fields cannot be told apart."""
    return refusal(
        "broken-quotes",
        name,
        f"{name} cannot be cut into columns: a quotation mark is opened and never closed, or "
        "stands inside a value. Save it again as CSV from a spreadsheet.",
    )


def repair(plain: Plain) -> None:
    """Write a file whose quotation marks are out of place again with them in place.

    A quotation mark within a value is a mark like any other. Raises Unreadable where one is opened
    and never closed, as that swallows all that follows.
    """
    to = plain.path.with_suffix(".repaired")
    last: list[str] = []
    marks = 0
    try:
        with (
            plain.path.open(encoding="utf-8", newline="") as source,
            to.open("w", encoding="utf-8", newline="") as out,
        ):
            reader = csv.reader(source, delimiter=plain.separator)
            writer = csv.writer(out, delimiter=plain.separator, lineterminator="\n")
            for last in reader:
                writer.writerow(last)
    except csv.Error as error:
        raise broken(plain.name) from error
    with plain.path.open("rb") as file:
        while block := file.read(BLOCK):
            marks += block.count(b'"')
    if marks % 2 and any("\n" in value for value in last):
        raise broken(plain.name)
    plain.path.unlink()
    plain.path = to
    plain.problems.append(
        Problem(
            "warning",
            "stray-quotes",
            f"{plain.name} has quotation marks inside values that are not written twice. They were "
            "kept as they stand; look at names with quotation marks.",
            file=plain.name,
        )
    )


def widest(plain: Plain) -> int:
    """Return the number of fields of the longest record."""
    try:
        with plain.path.open(encoding="utf-8", newline="") as source:
            next(source)
            return max(map(len, csv.reader(source, delimiter=plain.separator)), default=1)
    except csv.Error as error:
        raise broken(plain.name) from error


@dataclass(frozen=True)
class LongRows:
    """The rows of a long file of text, read from disk in batches as they are asked for."""

    plain: Plain
    columns: tuple[int, ...]
    headings: tuple[str, ...]
    skip: int  # Records above the data.
    leave: int  # Records below it.

    def batches(self, rows: int = BATCH) -> Iterator[pl.DataFrame]:
        """Yield frames of at most `rows` rows. Raises Unreadable where the file is broken."""
        after = self.skip
        while True:
            try:
                for frame in self.frames(rows, after):
                    yield frame
                    after = int(frame[ROW][-1])
                return
            except PolarsError as error:
                if self.plain.path.suffix == ".repaired":
                    raise broken(self.plain.name) from error
                repair(self.plain)

    def frames(self, rows: int, after: int) -> Iterator[pl.DataFrame]:
        """Yield frames of the rows after one, holding back what lies below the data."""
        scan = pl.scan_csv(
            self.plain.path,
            row_index_name="row number",
            row_index_offset=1,
            low_memory=True,
            **self.plain.options(),  # type: ignore[arg-type]
        )
        held: pl.DataFrame | None = None
        for raw in scan.collect_batches(chunk_size=rows, maintain_order=True):
            frame = raw if held is None or held.is_empty() else pl.concat([held, raw])
            keep = max(frame.height - self.leave, 0)
            held = frame.slice(keep) if self.leave else None
            frame = frame.slice(0, keep).filter(pl.col("row number") > after)
            if frame.height:
                shaped = self.shape(frame)
                if shaped.height:
                    yield from shaped.iter_slices(rows)

    def shape(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a batch with its headings. Raises Unreadable for a row with too many values."""
        over = frame.filter(pl.col(f"c{self.plain.width}").is_not_null())
        if over.height:
            row = over["row number"][0]
            raise Unreadable(too_long(self.plain.name, row))
        return layout.shaped(
            layout.trimmed(frame.drop("row number")),
            frame["row number"],
            self.columns,
            self.headings,
        )


def long(plain: Plain, limits: Limits) -> Reading:
    """Read the beginning and the end of a file and leave what lies between on disk."""
    try:
        head = pl.read_csv(plain.path, n_rows=FIRST_RECORDS, **plain.options())  # type: ignore[arg-type]
    except PolarsError:
        repair(plain)
        head = pl.read_csv(plain.path, n_rows=FIRST_RECORDS, **plain.options())  # type: ignore[arg-type]
    grid = layout.trimmed(head.drop(head.columns[-1]))
    first = layout.grid_reading(grid, plain.name, "", text=True)
    if not first.tables:
        return first
    table = first.tables[-1]
    below, leave = ending(plain, len(table.headings))
    block = layout.blocks_of(grid, text=True)[0][-1]
    rows = LongRows(plain, block.columns, table.headings, table.first_row - 1, leave)
    whole_table = Table(
        table.file,
        "",
        table.headings,
        table.levels,
        table.first_row,
        table.above,
        below,
        None,
        rows,
    )
    problems = [p for p in first.problems if p.row is None or p.row < table.first_row]
    if len(first.tables) > 1:
        problems.append(
            Problem(
                "warning",
                "long-and-stacked",
                f"{plain.name} is larger than {limits.grid_bytes // 1_000_000} MB and begins with "
                f"{len(first.tables)} tables; only the last of these is read on to the end. Give "
                "the tables as files of their own.",
                file=plain.name,
            )
        )
    return Reading([*first.tables[:-1], whole_table], first.documents, problems)


def ending(plain: Plain, width: int) -> tuple[tuple[str, ...], int]:
    """Return the footnotes of a long file and how many records from the end they take."""
    with plain.path.open("rb") as file:
        file.seek(max(0, plain.path.stat().st_size - LAST_BYTES))
        text = file.read().decode("utf-8", errors="ignore")
    text = text[text.find("\n") + 1 :]
    found = records(text, plain.separator, 1_000_000)
    if not found or sum(len(r) >= width for r in found) < len(found) / 2:
        return (), 0
    leave = 0
    for record in reversed(found[-LAST_RECORDS:]):
        cells = [value.strip() for value in record if value.strip()]
        if not (len(cells) == 0 or (len(cells) == 1 and layout.is_words(cells[0]) and width > 2)):
            break
        leave += 1
    lines = [" | ".join(v.strip() for v in r if v.strip()) for r in found[len(found) - leave :]]
    return tuple(line for line in lines if line), leave
