"""Files as people give them, made in the test."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter

from indicators.releases.reading import Reading, Table, read

CODES = [f"E0600000{i}" for i in range(1, 6)]


def given(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read_bytes(folder: Path, name: str, content: bytes | str, **options: Any) -> Reading:
    return read([given(folder, name, content)], **options)


def only(reading: Reading) -> Table:
    assert reading.problems == []
    (table,) = reading.tables
    return table


def values(table: Table) -> list[tuple[Any, ...]]:
    """The rows without their numbers and kinds."""
    return table.frame().select(table.headings).rows()


def kinds(table: Table) -> list[tuple[int, str]]:
    return table.frame().select("row", "kind").rows()


def codes(reading: Reading) -> list[str]:
    return [problem.code for problem in reading.problems]


def zipped(members: dict[str, bytes] | Sequence[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, content)
    return out.getvalue()


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content)


def workbook(
    sheets: dict[str, list[list[Any]]], merges: dict[str, Iterable[str]] | None = None
) -> bytes:
    """An .xlsx whose cells are as given: numbers as numbers, None as nothing at all."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "dd/mm/yyyy"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                if cell is not None:
                    sheet.write(at, column, cell)
        for place in (merges or {}).get(name, ()):
            sheet.merge_range(place, "")
            first = place.split(":")[0]
            column, at = ord(first[0]) - 65, int(first[1:]) - 1
            sheet.write(at, column, rows[at][column])
    book.close()
    return out.getvalue()


def repacked(book: bytes, change: dict[str, bytes]) -> bytes:
    """A workbook with some parts replaced or added."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return zipped({**parts, **change})


def opendocument(sheets: dict[str, list[list[Any]]]) -> bytes:
    """An .ods, of the parts that a reader needs."""
    tables = ""
    for name, rows in sheets.items():
        lines = ""
        for row in rows:
            cells = ""
            for cell in row:
                if cell is None:
                    cells += "<table:table-cell/>"
                elif isinstance(cell, int | float):
                    cells += (
                        f'<table:table-cell office:value-type="float" office:value="{cell}">'
                        f"<text:p>{cell}</text:p></table:table-cell>"
                    )
                else:
                    cells += (
                        '<table:table-cell office:value-type="string">'
                        f"<text:p>{escape(str(cell))}</text:p></table:table-cell>"
                    )
            lines += f"<table:table-row>{cells}</table:table-row>"
        tables += f'<table:table table:name="{name}">{lines}</table:table>'
    content = (
        '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2">'
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    manifest = (
        '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest '
        'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    )
    return zipped(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content.encode(),
            "META-INF/manifest.xml": manifest.encode(),
        }
    )


def old_excel(rows: list[list[str | float | None]]) -> bytes:
    """An .xls (BIFF 8 in an OLE container) with one sheet: what a reader of it needs."""

    def record(kind: int, body: bytes) -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    name = b"Data"
    start = record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 6))
    sheet = record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 6))
    width = max(map(len, rows))
    sheet += record(0x200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            place = struct.pack("<HHH", at, column, 0)
            if isinstance(cell, str):
                text = cell.encode("utf-16-le")
                sheet += record(0x204, place + struct.pack("<HB", len(cell), 1) + text)
            elif cell is not None:
                sheet += record(0x203, place + struct.pack("<d", cell))
    sheet += record(0x0A, b"")
    length = len(record(0x85, struct.pack("<IHBB", 0, 0, len(name), 0) + name)) + 4
    position = len(start) + length
    globals_ = start + record(0x85, struct.pack("<IHBB", position, 0, len(name), 0) + name)
    stream = globals_ + record(0x0A, b"") + sheet
    stream += b"\0" * (max(4096, -(-len(stream) // 512) * 512) - len(stream))
    sectors = len(stream) // 512
    total = sectors + 2  # The directory and the table of sectors stand before the stream.
    table = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, total), 0xFFFFFFFE]
    table += [0xFFFFFFFF] * (128 - len(table))
    assert len(table) == 128, "one sector of the table is enough for a test"

    def entry(called: str, kind: int, child: int, first: int, size: int) -> bytes:
        encoded = (called + "\0").encode("utf-16-le")
        return (
            encoded.ljust(64, b"\0")
            + struct.pack("<HBBIII", len(encoded), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
            + b"\0" * 36
            + struct.pack("<IQ", first, size)
        )

    directory = entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + entry(
        "Workbook", 2, 0xFFFFFFFF, 2, len(stream)
    )
    directory += b"\0" * 256
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 6
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<I", 0) + struct.pack("<I", 0xFFFFFFFF) * 108
    return header + struct.pack("<128I", *table) + directory + stream
