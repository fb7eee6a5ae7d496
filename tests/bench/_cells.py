"""Single cells of publishers' files, read without anything of the site: csv, zipfile, XML.

A cell is called as a spreadsheet calls it, B17; with its sheet, or its file within a ZIP, before
it: IMD!B17. In a file of text the records are counted, not the lines, the first being 1.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
LINKED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
csv.field_size_limit(10_000_000)


def column_of(letters: str) -> int:
    """Return the place of a column, the first being 0."""
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    return place - 1


def letters_of(place: int) -> str:
    """Return what a spreadsheet calls a column, the first being 0."""
    text = ""
    while place >= 0:
        text, place = chr(65 + place % 26) + text, place // 26 - 1
    return text


def split(ref: str) -> tuple[str, int, str]:
    """Return sheet or member, row and column of a cell's name."""
    sheet, _, cell = ref.rpartition("!")
    found = re.fullmatch(r"([A-Z]+)(\d+)", cell)
    if not found:
        raise ValueError(f"{ref} is no cell: write C12, or Sheet!C12.")
    return sheet, int(found[2]), found[1]


def cells(path: Path, refs: Iterable[str]) -> dict[str, str]:
    """Return the text of cells of a file; one that is not there is an empty text."""
    wanted: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    found = dict.fromkeys(refs, "")
    for ref in found:
        sheet, row, _ = split(ref)
        wanted[sheet][row].append(ref)
    for sheet, rows in wanted.items():
        last = max(rows)
        for number, record in records(path, sheet):
            for ref in rows.get(number, ()):
                found[ref] = record.get(column_of(split(ref)[2]), "").strip()
            if number >= last:
                break
    return found


def records(path: Path, sheet: str = "") -> Iterator[tuple[int, dict[int, str]]]:
    """Yield each record of a file with its number: place of column → text."""
    if path.suffix == ".xlsx":
        yield from of_workbook(path, sheet)
    elif path.suffix == ".xls":
        yield from of_old_workbook(path, sheet)
    else:
        for number, row in enumerate(csv.reader(io.StringIO(text_of(path, sheet), "")), 1):
            yield number, dict(enumerate(row))


def text_of(path: Path, member: str) -> str:
    """Return a file of text, unpacked."""
    raw = path.read_bytes()
    if path.suffix == ".gz":
        raw = gzip.decompress(raw)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as packed:
            raw = packed.read(member)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252")


def of_workbook(path: Path, sheet: str) -> Iterator[tuple[int, dict[int, str]]]:
    """Yield the rows of a sheet of an Excel workbook as its XML has them."""
    with zipfile.ZipFile(path) as book:
        shared = []
        if "xl/sharedStrings.xml" in book.namelist():
            tree = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
            shared = ["".join(t.text or "" for t in item.iter(f"{MAIN}t")) for item in tree]
        names = {
            one.get("name"): one.get(LINKED)
            for one in ElementTree.fromstring(book.read("xl/workbook.xml")).iter(f"{MAIN}sheet")
        }
        links = {
            one.get("Id"): str(one.get("Target"))
            for one in ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))
        }
        target = links[names[sheet]].removeprefix("/xl/")
        with book.open(f"xl/{target}") as part:
            for _, row in ElementTree.iterparse(part):
                if row.tag != f"{MAIN}row":
                    continue
                out = {}
                for cell in row.iter(f"{MAIN}c"):
                    value = cell.find(f"{MAIN}v")
                    text = (value.text or "") if value is not None else ""
                    if cell.get("t") == "s":
                        text = shared[int(text)]
                    elif cell.get("t") == "inlineStr":
                        text = "".join(t.text or "" for t in cell.iter(f"{MAIN}t"))
                    out[column_of(re.sub(r"\d", "", str(cell.get("r"))))] = text
                yield int(str(row.get("r"))), out
                row.clear()


def of_old_workbook(path: Path, sheet: str) -> Iterator[tuple[int, dict[int, str]]]:
    """Yield the rows of a sheet of a workbook from before 2007, which only calamine reads here."""
    import fastexcel

    table = fastexcel.read_excel(path).load_sheet(sheet, header_row=None, dtypes="string")
    frame = table.to_polars()
    first = 1 + (table.total_height - frame.height)
    for number, row in enumerate(frame.iter_rows(), first):
        yield number, {place: text or "" for place, text in enumerate(row)}
