"""Where the tables stand in a sheet or a small file of text, and which rows are their headings.

A grid is a frame of text, empty cells null, a column for each column of the sheet. It is cut at
blank rows into segments. A segment begins a table when it has headings: rows whose cells are words
where the cells below are numbers or codes. One without headings goes on with the table before, if
its columns hold the same kind of thing. What is left are titles, footnotes and labels of sections.

Only a bounded number of rows is looked at cell by cell; the rest is columnar.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise

import numpy as np
import polars as pl

from indicators.releases.problems import Problem
from indicators.releases.reading.model import (
    KIND,
    ROW,
    Document,
    FrameRows,
    Reading,
    Table,
    unique,
)

LOOKED_AT = 60  # Rows of a segment that are looked at cell by cell.
MOST_LEVELS = 6
MOST_KEYS = 8
TITLE = 40  # A longer cell over the first column is a title.
MOST_SEGMENTS = 5_000
MOST_LINES = 200
LONG_CELL = 400
FEW_TOTALS = 0.02
Row = Sequence[str | None]

CODE = re.compile(
    r"(?:[EWSNKJLM]\d{8}|95[A-Z]{2}\d\d[A-Z]\d|\d\d[A-Z]{2}[A-Z\d]{0,6}|"
    r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})",
    re.IGNORECASE,
)
CODES = r"(?i)^(?:[EWSNKJLM]\d{8}|95[A-Z]{2}\d\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})$"
SCIENTIFIC = re.compile(r"[-+]?\d+(?:\.\d+)?[eE][-+]?\d+")
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ].*|\d{4}-\d\d(?:-\d\d)?/P\w+")
MARKER = re.compile(
    r"\[\w{1,4}\]|\.{1,3}|[:*\-–—!#~†‡]{1,2}|[cxzuw]|n/?a|#n/a|null|low|nan|true|false|<\s?\d+",
    re.IGNORECASE,
)
RANGE = re.compile(r"\d{1,3}\s?[-–]\s?\d{1,3}|\d{1,3}\+")  # Of ages, as headings have them.
YEAR = re.compile(r"(?:19|20)\d\d(?:\D.*)?")
TOTAL = r"(?i)^(?:(?:grand|overall|sub)[ -]?)?totals?\s*(?:$|(?:[:,(\[*]|for\b).{0,40}$)"
NOTEWORDS = re.compile(
    r"\s*(?:notes?\b|sources?\b|footnotes?\b|©|\(c\)|copyright|crown copyright|\*|†|‡|\[|\(?\d+\)|"
    r"#|//|in order to|this (?:table|data|worksheet) |figures |totals? may|contains |released|"
    r"last updated|contact|for more|see |data (?:are|is) |statistical disclosure)",
    re.IGNORECASE,
)
NOTESHEET = re.compile(
    r"notes?|covers?|contents?|metadata|guidance|read ?me|terms|about|information|info|glossary|"
    r"definitions?|methodology|related|titles?|copyright|licen[cs]e|publications?|introduction",
    re.IGNORECASE,
)


@dataclass
class Block:
    """A table's place in a grid: rows from `start` up to `end`, by position."""

    start: int
    end: int
    headings: list[int]  # Positions of the heading rows.
    kinds: dict[int, str]  # What its columns hold: value, code or text.
    above: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    columns: tuple[int, ...] = ()


def trimmed(grid: pl.DataFrame) -> pl.DataFrame:
    """Return a grid with blanks at the ends of its cells gone and empty cells null."""
    stripped = grid.select(pl.all().str.strip_chars())
    return stripped.select(
        pl.when(pl.col(name).str.len_bytes() > 0).then(pl.col(name)) for name in grid.columns
    )


# --- What a cell is -------------------------------------------------------------------------------


def kind_of(cell: str | None) -> str:
    """Return blank, code, value (a number, date or period), marker or text."""
    if cell is None:
        return "blank"
    if len(cell) > 60 or RANGE.fullmatch(cell):
        return "text"
    if CODE.fullmatch(cell):
        return "code"
    if MARKER.fullmatch(cell):
        return "marker"
    if any(c.isdigit() for c in cell) and (
        not any(c.isalpha() for c in cell)
        or SCIENTIFIC.fullmatch(cell)
        or INSTANT.fullmatch(cell)
        or re.fullmatch(r"[\d,. ]+\s?(?:\[\w+\]|[uperbf])", cell)
    ):
        return "value"
    return "text"


def is_words(cell: str) -> bool:
    """Say whether a lone cell is a remark or a label, not a code or number of a row."""
    return kind_of(cell) in ("text", "marker") and any(c.isalpha() for c in cell)


def kinds_of(rows: list[Row], width: int) -> dict[int, str]:
    """Return what each column mostly holds, judged by the fuller of some rows."""
    filled = [sum(cell is not None for cell in row) for row in rows]
    enough = max(filled, default=0) * 0.5
    full = [row for row, count in zip(rows, filled, strict=True) if count and count >= enough]
    out = {}
    for column in range(width):
        kinds = [kind_of(row[column]) for row in full]
        known = [kind for kind in kinds if kind != "blank"]
        if not known:
            continue
        values = known.count("value")
        markers = known.count("marker")
        if values and values + markers >= 0.6 * len(known):
            out[column] = "value"
        elif known.count("code") >= 0.6 * len(known):
            out[column] = "code"
        elif markers == len(known):
            out[column] = "marker"
        else:
            out[column] = "text"
    return out


def is_sequence(row: Row, columns: list[int], body: list[Row]) -> bool:
    """Say whether the numbers of a row are years or ages in order, where those below are not."""
    cells = [str(row[c]) for c in columns if row[c] is not None and kind_of(row[c]) == "value"]
    if not cells:
        return False

    def years(values: list[str]) -> float:
        return sum(bool(YEAR.fullmatch(v)) for v in values) / len(values) if values else 0.0

    def steps(values: list[str]) -> bool:
        digits = [re.match(r"\d+", v) for v in values]
        whole = [int(d[0][:9]) for d in digits if d]
        return len(whole) == len(values) >= 3 and all(b > a for a, b in pairwise(whole))

    below = [
        [str(r[c]) for c in columns if r[c] is not None and kind_of(r[c]) == "value"] for r in body
    ]
    if years(cells) == 1.0 and len(set(cells)) == len(cells):
        flat = [value for values in below for value in values]
        return years(flat) < 0.5
    return steps(cells) and sum(steps(values) for values in below) < 0.2 * len(below)


def is_data(row: Row, kinds: dict[int, str], body: list[Row]) -> bool:
    """Say whether a row holds numbers or codes where the rows below do."""
    known = [c for c, kind in kinds.items() if kind in ("value", "code") and row[c] is not None]
    if not known:
        return False
    keys = [c for c, kind in kinds.items() if kind in ("code", "text")]
    if keys and all(row[c] is None for c in keys):
        return False  # Percentiles or years over their columns: nothing says whose it is.
    agreeing = 0
    for column in known:
        kind = kind_of(row[column])
        agreeing += kind == kinds[column] or (kind == "marker" and kinds[column] == "value")
    named = any(kinds[c] == "code" and kind_of(row[c]) == "text" for c in known)
    if agreeing < (0.8 if named else 0.5) * len(known):
        return False
    if any(kinds[c] == "code" and kind_of(row[c]) == "code" for c in known):
        return True
    return not is_sequence(row, [c for c in known if kinds[c] == "value"], body)


# --- Finding tables -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What a segment is: positions within it of its headings and of its first row of data."""

    headings: list[int]
    start: int  # Its length, where no row is data.
    kinds: dict[int, str]


def looked_into(rows: list[Row], width: int, *, text: bool) -> Found:
    """Return the headings of a segment, and where its data begin."""
    filled = [sum(cell is not None for cell in row) for row in rows]
    half = rows[(len(rows) + 1) // 2 :] or rows
    kinds = kinds_of(half, width)
    first = next((i for i, row in enumerate(rows) if is_data(row, kinds, half)), len(rows))
    if first == len(rows):
        typed = any(kind in ("value", "code") for kind in kinds.values())
        if typed:  # Only what was taken for headings is typed: a single row, or all in order.
            first = 0 if is_data(rows[0], kinds, []) else len(rows)
        if first == len(rows):
            return worded(rows, filled, kinds, text=text)
    if first == 0:
        return Found([], 0, kinds)
    at = first - 1
    while at >= 0 and filled[at] == 1 and max(filled) > 2 and rows[at][0] is not None:
        at -= 1
    if at < 0 or (filled[at] == 1 and max(filled) > 1):
        return Found([], first, kinds)
    headings = [at]
    while headings[0] > 0 and len(headings) < MOST_LEVELS:
        above = headings[0] - 1
        if not is_level(rows[above], rows[headings[0]], filled[above], set(kinds)):
            break
        headings.insert(0, above)
    return Found(headings, at + 1, kinds)


def is_level(row: Row, below: Row, filled: int, columns: set[int]) -> bool:
    """Say whether a row above a heading is a level of it, not a title or a key and its value.

    `columns` are those that hold data. A title cut at its commas reaches beyond them, or is long
    and stands over a heading of its own.
    """
    cells = [(i, cell) for i, cell in enumerate(row) if cell is not None]
    if not cells or any(len(cell) > LONG_CELL for _, cell in cells):
        return False
    width = sum(cell is not None for cell in below)
    if cells[0][1].startswith(("#", "//")):
        return False
    if any(i not in columns and below[i] is None for i, _ in cells):
        return False
    at, first = cells[0]
    if filled <= 2 and width > 3 and at == 0 and below[0] is not None and len(first) > TITLE:
        return False
    if filled == 1:
        return cells[0][0] > 0 and width > 1 and below[cells[0][0]] is not None
    if [i for i, _ in cells] == [0, 1] and width > 2:
        # A key and its value, unless two headings that are merged over two rows.
        return below[0] is None and below[1] is None
    return True


def worded(rows: list[Row], filled: list[int], kinds: dict[int, str], *, text: bool) -> Found:
    """Return the headings of a table without any numbers: the first full row, if it is one."""
    nothing = Found([], len(rows), kinds)
    if not text or len(rows) < 2:
        return nothing
    usual = max(set(filled), key=lambda count: (filled.count(count), count))
    if usual < 2:
        return nothing
    at = next(i for i, count in enumerate(filled) if count >= usual)
    cells = [cell for cell in rows[at] if cell is not None]
    if len(set(cells)) < len(cells) or at + 1 >= len(rows) or max(map(len, cells)) > LONG_CELL:
        return nothing
    return Found([at], at + 1, kinds)


def segments(filled: np.ndarray) -> list[tuple[int, int]]:
    """Return the runs of rows that are not blank, as (from, up to)."""
    there = np.concatenate(([False], filled > 0, [False]))
    edges = np.flatnonzero(there[1:] != there[:-1])
    runs = list(zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True))
    if len(runs) > MOST_SEGMENTS:
        return [*runs[: MOST_SEGMENTS - 1], (runs[MOST_SEGMENTS - 1][0], runs[-1][1])]
    return runs


def line(row: Row) -> str:
    """Return a row of titles or notes as a line."""
    return " | ".join(" ".join(cell.split()) for cell in row if cell is not None)


def blocks_of(grid: pl.DataFrame, *, text: bool) -> tuple[list[Block], list[str]]:
    """Return the tables of a grid, and the lines that stand in none where it has none.

    A file of text without any numbers or codes is a table all the same, if it looks like one.
    """
    blocks, loose = typed_blocks(grid, text=text, words=False)
    if not blocks and text:
        blocks, loose = typed_blocks(grid, text=text, words=True)
    return blocks, loose


def typed_blocks(grid: pl.DataFrame, *, text: bool, words: bool) -> tuple[list[Block], list[str]]:
    """Return the tables of a grid, those of words alone only where `words` says so."""
    if grid.is_empty() or not grid.width:
        return [], []
    filled = grid.select(pl.sum_horizontal(pl.all().is_not_null().cast(pl.Int32)).alias("filled"))[
        "filled"
    ].to_numpy()
    blocks: list[Block] = []
    loose: list[tuple[int, int]] = []  # Segments of words that are not yet anyone's.
    lone: tuple[int, list[int]] | None = None  # Headings whose data are in the next segment.
    runs = segments(filled)
    widths = [int(filled[a:b].max()) for a, b in runs]
    wider = [0] * len(runs)  # How wide the next segment of more than one column is.
    for number in range(len(runs) - 2, -1, -1):
        wider[number] = widths[number + 1] if widths[number + 1] > 1 else wider[number + 1]
    for number, (begin, end) in enumerate(runs):
        count = filled[begin:end]
        rows: list[Row] = list(grid.slice(begin, min(end - begin, LOOKED_AT)).rows())
        widest = widths[number]
        single = widest == 1 and not (text and grid.width == 1)
        if single:
            loose.append((begin, end))
            continue
        found = looked_into(rows, grid.width, text=words)
        if found.start >= len(rows):  # Words only.
            if widest > 1 and len(rows) <= MOST_LEVELS and len(rows) == end - begin:
                lone = (begin, [begin + i for i in range(len(rows)) if count[i] > 1])
            loose.append((begin, end))
            continue
        if widest == 2 and end - begin <= MOST_KEYS and "code" not in found.kinds.values():
            after = wider[number]
            if after > 2:  # Keys and values above a table.
                loose.append((begin, end))
                continue
        begins = bool(found.headings)
        if not begins and lone is not None and fits_under(grid, lone[1], rows, found):
            block = Block(begin, end, lone[1], found.kinds)
            share(grid, blocks, [s for s in loose if s[0] != lone[0]], block)
            titles = list(range(lone[0], lone[1][0]))
            block.above += lines_of(grid, titles)
            blocks.append(block)
        elif not begins and blocks and goes_on(blocks[-1], rows, found):
            blocks[-1].end = end
        elif (
            begins
            or "code" in found.kinds.values()
            or (not blocks and "value" in found.kinds.values())
        ):
            start = begin + found.start
            block = Block(start, end, [begin + i for i in found.headings], found.kinds)
            share(grid, blocks, loose, block)
            top = found.headings[0] if found.headings else found.start
            block.above += lines_of(grid, list(range(begin, begin + top)))
            blocks.append(block)
        else:
            loose.append((begin, end))
            continue
        loose, lone = [], None
    if not blocks:
        return [], lines_of(grid, [i for a, b in loose for i in range(a, b)])
    for a, b in loose:
        blocks[-1].below += lines_of(grid, list(range(a, b)))
    for block in blocks:
        finish(grid, block, filled)
    return blocks, []


def lines_of(grid: pl.DataFrame, positions: list[int]) -> list[str]:
    """Return some rows as lines, each line once, and not more than anybody reads."""
    rows = grid[positions[: 10 * MOST_LINES]].rows() if positions else []
    return list(dict.fromkeys(text for row in rows if (text := line(row))))[:MOST_LINES]


def share(
    grid: pl.DataFrame, blocks: list[Block], loose: list[tuple[int, int]], block: Block
) -> None:
    """Give words between two tables to the one above or the one below.

    They are split at the widest gap of blank rows; with no such gap, what reads like a footnote
    is one.
    """
    if not blocks:
        for a, b in loose:
            block.above += lines_of(grid, list(range(a, b)))
        return
    edges = [blocks[-1].end, *[edge for pair in loose for edge in pair], block.start]
    gaps = [edges[i + 1] - edges[i] for i in range(0, len(edges), 2)]
    widest = max(gaps)
    if widest > min(gaps):
        cut = gaps.index(widest)
    else:
        cut = 0
        for a, _ in loose:
            if not NOTEWORDS.match(line(grid.row(a))):
                break
            cut += 1
    for number, (a, b) in enumerate(loose):
        whose = blocks[-1].below if number < cut else block.above
        whose += lines_of(grid, list(range(a, b)))


def fits_under(grid: pl.DataFrame, headings: list[int], rows: list[Row], found: Found) -> bool:
    """Say whether headings on their own stand over most of the columns of data below."""
    named = {i for at in headings for i, cell in enumerate(grid.row(at)) if cell is not None}
    return len(named & set(found.kinds)) >= 0.6 * len(found.kinds) and found.start <= 2


def goes_on(block: Block, rows: list[Row], found: Found) -> bool:
    """Say whether a segment without headings is more of the table before it."""
    if not set(found.kinds) <= set(block.kinds):
        return False
    if len(found.kinds) < 0.5 * len(block.kinds):
        return False
    typed = [c for c in found.kinds if block.kinds[c] in ("value", "code")]
    same = sum(found.kinds[c] == block.kinds[c] or found.kinds[c] == "marker" for c in typed)
    return same >= 0.6 * len(typed)


def finish(grid: pl.DataFrame, block: Block, filled: np.ndarray) -> None:
    """Settle a table's columns, and turn remarks at its end into footnotes."""
    named = {i for at in block.headings for i, cell in enumerate(grid.row(at)) if cell is not None}
    part = grid.slice(block.start, block.end - block.start)
    held = part.select(pl.all().is_not_null().any()).row(0) if part.height else ()
    wide = len(named) or sum(held)
    end = block.end
    for at in range(block.end - 1, max(block.start, block.end - MOST_LINES) - 1, -1):
        if filled[at] == 0:
            end = at
            continue
        row = grid.row(at)
        cells = [cell for cell in row if cell is not None]
        remark = len(cells) == 1 and row[0] == cells[0] and is_words(cells[0])
        if not remark or (wide <= 2 and not (NOTEWORDS.match(cells[0]) or len(cells[0]) > 80)):
            break
        if wide == 1 and not NOTEWORDS.match(cells[0]):
            break
        end = at
    if end < block.end:
        block.below = [*lines_of(grid, list(range(end, block.end))), *block.below]
        block.end = end
        part = grid.slice(block.start, block.end - block.start)
        held = part.select(pl.all().is_not_null().any()).row(0) if part.height else ()
    block.columns = tuple(i for i in range(grid.width) if i in named or (part.height and held[i]))


def sideways(block: Block) -> list[Block]:
    """Return the tables that stand side by side, each with codes of its own, or the one."""
    groups: list[list[int]] = []
    for column in block.columns:
        if not groups or column != groups[-1][-1] + 1:
            groups.append([])
        groups[-1].append(column)
    if len(groups) < 2 or any("code" not in [block.kinds.get(c) for c in g] for g in groups):
        return [block]
    return [
        replace(block, columns=tuple(g), kinds={c: k for c, k in block.kinds.items() if c in g})
        for g in groups
    ]


# --- Headings and rows ----------------------------------------------------------------------------


def levels_of(grid: pl.DataFrame, block: Block) -> tuple[tuple[str, ...], ...]:
    """Return the heading rows over a table's columns, merged cells filled along.

    A blank cell belongs to the heading on its left where both stand over a heading below, and no
    blank column lies between.
    """
    raw = [grid.row(at) for at in block.headings]
    cells = [[" ".join((row[c] or "").split()) for c in block.columns] for row in raw]
    for level in range(len(cells) - 2, -1, -1):
        below = cells[level + 1]
        last = ""
        for place, column in enumerate(block.columns):
            if place and column != block.columns[place - 1] + 1:
                last = ""
            if cells[level][place]:
                last = cells[level][place] if below[place] else ""
            elif below[place] and last:
                cells[level][place] = last
            else:
                last = ""
    return tuple(tuple(row) for row in cells)


def headings_of(levels: tuple[tuple[str, ...], ...], columns: tuple[int, ...]) -> tuple[str, ...]:
    """Return one name for each column, each different."""
    names = []
    for place, column in enumerate(columns):
        parts = list(dict.fromkeys(level[place] for level in levels if level[place]))
        names.append(" | ".join(parts).lstrip("#").strip() or f"column {column + 1}")
    return unique(names)


def shaped(
    grid: pl.DataFrame, numbers: pl.Series, columns: tuple[int, ...], headings: tuple[str, ...]
) -> pl.DataFrame:
    """Return rows of a grid as rows of a table: named, numbered, each told what it is.

    Blank rows go, and rows that repeat the headings.
    """
    names = [f"v{i}" for i in range(len(columns))]
    frame = grid.select(
        pl.col(grid.columns[c]).alias(name) for c, name in zip(columns, names, strict=True)
    ).with_columns(numbers.cast(pl.Int64).alias("row number"))
    filled = frame.select(
        pl.sum_horizontal(pl.col(name).is_not_null().cast(pl.Int32) for name in names)
    ).to_series()
    if filled.min() == 0:
        frame = frame.filter(filled > 0)
        filled = filled.filter(filled > 0)
    repeated = repeats(frame, headings)
    if repeated is not None:
        frame = frame.filter(~repeated)
        filled = filled.filter(~repeated)
    return frame.with_columns(what_rows_are(frame, filled, headings).alias("what it is")).rename(
        dict(zip(names, headings, strict=True)) | {"row number": ROW, "what it is": KIND}
    )


def repeats(frame: pl.DataFrame, headings: tuple[str, ...]) -> pl.Series | None:
    """Return which rows repeat the headings, or nothing where none does."""
    compared = [i for i, name in enumerate(headings) if not name.startswith("column ")][:3]
    if len(compared) < 2:
        return None
    words = headings[compared[0]].split()
    if not words or not frame[f"v{compared[0]}"].str.starts_with(words[0]).any():
        return None
    same = frame.select(
        pl.all_horizontal(
            (pl.col(f"v{i}").str.replace_all(r"\s+", " ") == headings[i]).fill_null(False)
            for i in compared
        )
    ).to_series()
    return same if same.any() else None


def what_rows_are(frame: pl.DataFrame, filled: pl.Series, headings: tuple[str, ...]) -> pl.Series:
    """Return the kind of each row: remarks, labels of sections, totals, and else data.

    A lone word in the first column is the label of what follows. Totals are few: where many rows
    are of totals, the column tells categories apart and "total" is one of them.
    """
    first = frame["v0"]
    kinds = pl.repeat("data", frame.height, dtype=pl.String, eager=True)

    def mark(rows: pl.Series, kind: str) -> None:
        nonlocal kinds
        kinds = pl.select(
            pl.when(rows.fill_null(False)).then(pl.lit(kind)).otherwise(kinds)
        ).to_series()

    leads = [first, frame["v1"].filter(first.is_null())] if len(headings) > 1 else [first]
    if any(lead.str.contains_any(["total"], ascii_case_insensitive=True).any() for lead in leads):
        lead = first if len(headings) == 1 else frame.select(pl.coalesce("v0", "v1")).to_series()
        total = lead.str.contains(TOTAL).fill_null(False)
        if 0 < int(total.sum()) <= max(1.0, FEW_TOTALS * frame.height):
            mark(total, "total")
    if len(headings) > 2:
        lone = (filled == 1) & first.is_not_null()
        if lone.any():
            mark(lone & first.str.contains(r"\p{L}") & ~first.str.contains(CODES), "section")
    comment = first.str.starts_with("#") | first.str.starts_with("//")
    if comment.any() and not comment.all():
        mark(comment, "note")
    return kinds


def grid_reading(grid: pl.DataFrame, name: str, sheet: str, *, text: bool) -> Reading:
    """Return the tables, documents and problems of a grid, which `trimmed` has been over."""
    reading = Reading()
    blocks, loose = blocks_of(grid, text=text)
    if blocks and not text and is_document(blocks, grid, sheet):
        lines = lines_of(grid, list(range(min(grid.height, 10 * MOST_LINES))))
        reading.documents.append(Document(name, sheet, tuple(lines)))
        return reading
    if not blocks:
        if loose:
            reading.documents.append(Document(name, sheet, tuple(loose)))
        filled = [sum(cell is not None for cell in row) for row in grid.head(LOOKED_AT).rows()]
        if text and 0 < sum(count > 1 for count in filled) <= 2 and grid.height < LOOKED_AT:
            reading.problems.append(no_rows(name, name, sheet))
        return reading
    for block in chain.from_iterable(map(sideways, blocks)):
        levels = levels_of(grid, block)
        headings = headings_of(levels, block.columns)
        part = grid.slice(block.start, block.end - block.start)
        numbers = pl.int_range(block.start + 1, block.end + 1, eager=True)
        frame = shaped(part, numbers, block.columns, headings)
        where = f"{name}, sheet {sheet}" if sheet else name
        if frame.is_empty():
            reading.problems.append(no_rows(where, name, sheet))
            continue
        if not block.headings:
            reading.problems.append(
                Problem(
                    "warning",
                    "no-headings",
                    f"{where} has no headings over the data that begin in row "
                    f"{block.start + 1:,}. Its columns are called by their place; say what each "
                    "one is, or give the file with headings.",
                    name,
                    sheet,
                    block.start + 1,
                )
            )
        reading.problems += ragged(frame, headings, levels, where, name, sheet)
        reading.tables.append(
            Table(
                name,
                sheet,
                headings,
                levels,
                int(frame[ROW][0]),
                tuple(block.above),
                tuple(block.below),
                frame.height,
                FrameRows(frame),
            )
        )
    return reading


def no_rows(where: str, name: str, sheet: str) -> Problem:
    """Return the problem of headings with nothing below them."""
    return Problem(
        "error",
        "no-rows",
        f"{where} has headings and no rows. Give the file with its data.",
        name,
        sheet,
    )


def ragged(
    frame: pl.DataFrame,
    headings: tuple[str, ...],
    levels: tuple[tuple[str, ...], ...],
    where: str,
    name: str,
    sheet: str,
) -> list[Problem]:
    """Return warnings for columns without a heading that only a few rows have values in."""
    found = []
    for place, heading in enumerate(headings):
        if not levels or any(level[place] for level in levels):
            continue
        there = frame.filter(pl.col(heading).is_not_null())
        if there.height <= max(1, 0.05 * frame.height):
            row, value = int(there[ROW][0]), str(there[heading][0])[:80]
            found.append(
                Problem(
                    "warning",
                    "value-without-heading",
                    f"{where}, row {row:,} has a value ({value}) in a column without a heading. "
                    "Look whether it belongs there.",
                    name,
                    sheet,
                    row,
                    heading,
                    value=value,
                )
            )
    return found[:5]


def is_document(blocks: list[Block], grid: pl.DataFrame, sheet: str) -> bool:
    """Say whether the tables of a sheet are only lists within notes, a cover or a contents page."""
    for block in blocks:
        kinds = set(block.kinds.values())
        if "code" in kinds:
            return False
        numbers = [c for c, kind in block.kinds.items() if kind == "value"]
        if len(block.columns) > 2 and any(c != block.columns[0] for c in numbers):
            continue
        if numbers and any(c != block.columns[0] for c in numbers):
            continue
        if len(blocks) == 1:
            return True
    words = re.sub(r"[_\W]+", " ", sheet)
    return any(NOTESHEET.fullmatch(word) for word in words.split()) or bool(
        NOTESHEET.fullmatch(words.strip())
    )
