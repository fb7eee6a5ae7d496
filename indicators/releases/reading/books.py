"""Workbooks: Excel (.xlsx, .xlsb, .xls) and OpenDocument (.ods), by calamine through fastexcel.

Formulas are not worked out: a cell has the result it was last saved with. Dates come as ISO text
and whole numbers without ".0". A number format cannot be seen, so a cell that shows 12.3% is read
as 0.123, which is what it holds.
"""

from __future__ import annotations

import re
import zipfile
import zlib

import fastexcel
import polars as pl

from indicators.releases.problems import Problem
from indicators.releases.reading import layout
from indicators.releases.reading.model import (
    HIDDEN,
    Document,
    Limits,
    Reading,
    Unreadable,
    hidden_characters,
)
from indicators.releases.reading.unpack import (
    BLOCK,
    Budget,
    Source,
    holds,
    refusal,
    shown,
)

PROLOG = 16_384
MACROS = "_VBA_PROJECT".encode("utf-16-le")
ROWS = re.compile(rb' r="([0-9]{1,9})"')
WIDE = re.compile(rb' r="([A-Z]{2,3})[0-9]')
FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
REPEATED = re.compile(rb'number-(rows|columns)-repeated="([0-9]{1,9})"')
PARAGRAPH = re.compile(rb"<a:p>(.*?)</a:p>|<a:p [^>]*>(.*?)</a:p>", re.DOTALL)
WORDS = re.compile(rb"<a:t(?: [^>]*)?>([^<]*)</a:t>")
MIDNIGHT = r"^(\d{4}-\d\d-\d\d) 00:00:00$"


def read_book(source: Source, budget: Budget, limits: Limits, reading: Reading) -> None:
    """Add the tables, documents and problems of one workbook. Raises Unreadable."""
    if source.kind in ("xlsx", "ods"):
        inspect(source, budget, limits, reading)
    elif holds(source.path, MACROS):
        reading.problems.append(macros(source.name))
    try:
        book = fastexcel.read_excel(source.path.read_bytes())
        names = book.sheet_names
    except BaseException as error:
        raise unopened(source.name, error) from error
    if len(names) > limits.sheets:
        raise refusal(
            "too-many-sheets",
            source.name,
            f"{source.name} has {len(names):,} sheets; {limits.sheets:,} is the most we read.",
        )
    for name in names:
        try:
            read_sheet(source, book, name, limits, reading)
        except Unreadable as error:
            reading.problems.append(error.problem)
    if not any(t.file == source.name for t in reading.tables) and not any(
        p.file == source.name and p.kind == "error" for p in reading.problems
    ):
        reading.problems.append(
            Problem(
                "error",
                "no-table",
                f"{source.name} has no sheet with a table in it: we look for headings with rows of "
                "values or codes below. Give the workbook that holds the data.",
                source.name,
            )
        )


def unopened(name: str, error: BaseException) -> Unreadable:
    """Return the exception for a workbook that does not open. Lets interrupts through."""
    if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
        raise error
    if "password" in str(error).lower() or "encrypted" in str(error).lower():
        return refusal(
            "encrypted", name, f"{name} is a workbook locked with a password. Save it without one."
        )
    return refusal(
        "broken-workbook",
        name,
        f"{name} does not open as a workbook: it is damaged, or of a kind too old. Open it in a "
        "spreadsheet and save it again as .xlsx.",
    )


def read_sheet(
    source: Source, book: fastexcel.ExcelReader, name: str, limits: Limits, reading: Reading
) -> None:
    """Add what one sheet holds."""
    called, name = name, shown(name)
    try:
        sheet = book.load_sheet(called, header_row=None, skip_rows=0, dtypes="string")
        if sheet.width > limits.columns or sheet.width * sheet.height > limits.cells:
            raise sheet_too_large(source.name, name, limits)
        grid = sheet.to_polars()
        visible = sheet.visible
    except Unreadable:
        raise
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
            raise
        if "no sheet data" in str(error).lower():
            return
        raise Unreadable(
            Problem(
                "error",
                "broken-sheet",
                f"{source.name}, sheet {name} cannot be read. Open it in a spreadsheet and save it "
                "again as .xlsx.",
                source.name,
                name,
            )
        ) from error
    if not grid.width or not grid.height:
        return
    grid = layout.trimmed(cleaned(grid.cast(pl.String), source.name, name, reading))
    found = layout.grid_reading(grid, source.name, name, text=False)
    if visible != "visible" and found.tables:
        found.problems.append(
            Problem(
                "warning",
                "hidden-sheet",
                f"{source.name}, sheet {name} is hidden and was read all the same. Leave its table "
                "out if it is not meant to be published.",
                source.name,
                name,
            )
        )
    reading.tables += found.tables
    reading.documents += found.documents
    reading.problems += found.problems


def cleaned(grid: pl.DataFrame, name: str, sheet: str, reading: Reading) -> pl.DataFrame:
    """Return a grid with dates as ISO and without characters that do not show."""
    odd = grid.select(pl.all().str.contains(HIDDEN).fill_null(False))
    at = odd.select(pl.any_horizontal(pl.all()).alias("odd"))["odd"].arg_true()
    if len(at):
        reading.problems.append(hidden_characters(name, sheet, len(at), int(at[0]) + 1))
        grid = grid.with_columns(pl.all().str.replace_all(HIDDEN, ""))
    return grid.with_columns(pl.all().str.replace(MIDNIGHT, "$1"))


def sheet_too_large(name: str, sheet: str, limits: Limits) -> Unreadable:
    """Return the exception for a sheet that reaches too far."""
    where = f"{name}, sheet {sheet}" if sheet else name
    return Unreadable(
        Problem(
            "error",
            "sheet-too-large",
            f"{where} reaches over more than {limits.cells // 1_000_000} million cells or "
            f"{limits.columns:,} columns, most of them empty perhaps. Copy the table into a new "
            "workbook, or save it as CSV.",
            name,
            sheet,
        )
    )


def macros(name: str) -> Problem:
    """Return the problem of a workbook with macros."""
    return Problem(
        "warning",
        "macros",
        f"{name} holds macros. They were not run; only values were read.",
        name,
    )


def inspect(source: Source, budget: Budget, limits: Limits, reading: Reading) -> None:
    """Unpack every part of a workbook once, to count it and to see what it would have us do.

    Raises Unreadable for a bomb, an entity, a locked part or a sheet of far-flung cells: all that
    calamine would believe.
    """
    name = source.name
    size = source.path.stat().st_size
    formulas = False
    written = 0
    try:
        with zipfile.ZipFile(source.path) as archive:
            entries = archive.infolist()
            if len(entries) > limits.files * 5:
                raise refusal("too-many-files", name, f"{name} has too many parts to be genuine.")
            names = [entry.filename for entry in entries]
            for entry in entries:
                if entry.flag_bits & 1:
                    raise refusal(
                        "encrypted", name, f"{name} is locked with a password. Save it without one."
                    )
                sheet = "worksheets/" in entry.filename or entry.filename == "content.xml"
                marked = entry.filename.lower().endswith((".xml", ".rels", ".vml"))
                highest = 1
                widest = 1
                carry = b""
                with archive.open(entry) as part:
                    first = True
                    while block := part.read(BLOCK):
                        written += len(block)
                        budget.spend(len(block), name)
                        if written > 400_000_000 and written > 250 * size:
                            raise refusal(
                                "bomb",
                                name,
                                f"{name} unpacks to more than 250 times its size, as files made to "
                                "do harm are. It was not read. If it is genuine, give it as CSV.",
                            )
                        if first and marked and declares(block[:PROLOG]):
                            raise refusal(
                                "xml-entities",
                                name,
                                f"{name} declares entities in its XML, which no spreadsheet does. "
                                "It was not read; open it in a spreadsheet and save it again.",
                            )
                        first = False
                        if not sheet:
                            continue
                        joined = carry + block
                        formulas = formulas or bool(FORMULA.search(joined))
                        highest = max([highest, *map(int, ROWS.findall(joined))])
                        widest = max([widest, *map(column_number, set(WIDE.findall(joined)))])
                        if entry.filename == "content.xml":
                            check_repeats(joined, name, limits)
                        carry = block[-300:]
                if highest * widest > limits.cells * 2 or widest > limits.columns:
                    raise sheet_too_large(name, "", limits)
            drawn(archive, names, name, reading)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError,
            RuntimeError) as error:  # fmt: skip
        raise refusal(
            "truncated",
            name,
            f"{name} is cut short or damaged: not all of it unpacks. Download it again.",
        ) from error
    if any(part.endswith("vbaProject.bin") or part.startswith("Basic/") for part in names):
        reading.problems.append(macros(name))
    if any(part.startswith("xl/externalLinks/") for part in names):
        reading.problems.append(
            Problem(
                "warning",
                "external-links",
                f"{name} is linked to other workbooks. The links were not followed; cells have the "
                "values it was last saved with.",
                name,
            )
        )
    if formulas:
        reading.problems.append(
            Problem(
                "warning",
                "formulas",
                f"{name} holds formulas. They were not worked out; cells have the results it was "
                "last saved with. Compare a few with what you see.",
                name,
            )
        )


def declares(head: bytes) -> bool:
    """Say whether the beginning of some XML declares a document type or an entity."""
    return b"<!DOCTYPE" in head or b"<!ENTITY" in head or "<!DOCTYPE".encode("utf-16-le") in head


def column_number(letters: bytes) -> int:
    """Return the number, from 1, of a column by its letters."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def check_repeats(xml: bytes, name: str, limits: Limits) -> None:
    """Refuse a row or cell that says it is repeated beyond what a sheet holds."""
    for _, times in REPEATED.findall(xml):
        if int(times) > 1_048_576:
            raise sheet_too_large(name, "", limits)


def drawn(archive: zipfile.ZipFile, names: list[str], name: str, reading: Reading) -> None:
    """Add the words in text boxes, where publishers of Excel files often put their notes."""
    lines: list[str] = []
    for part in names:
        if not re.fullmatch(r"xl/drawings/drawing\d+\.xml", part) or len(lines) > 500:
            continue
        with archive.open(part) as file:
            xml = file.read(2_000_000)
        for paragraph in PARAGRAPH.findall(xml):
            words = b"".join(WORDS.findall(b"".join(paragraph))).decode("utf-8", errors="replace")
            for entity, letter in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
                words = words.replace(entity, letter)
            if words.strip():
                lines.append(" ".join(words.split()))
    if lines:
        reading.documents.append(Document(name, "text boxes", tuple(lines[:500])))
