"""JSON-stat 2: a cube of values, made a long table of codes and labels.

Source of the format: json-stat.org/full (version 2.0). Each dimension becomes a column of codes
and one of labels, and one of units where it has them; then value and status. Numbers keep the
digits they have in the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from indicators.releases.problems import Problem
from indicators.releases.reading.model import (
    HIDDEN,
    KIND,
    ROW,
    Document,
    FrameRows,
    Limits,
    Reading,
    Table,
    Unreadable,
    unique,
)
from indicators.releases.reading.unpack import Source, refusal

MOST_CUBES = 200
# Where text may have characters that do not show, or halves of ones, as they are or as \u200f.
ODD = re.compile(rf"{HIDDEN}|\\u(?:00[0189]|007f|20[0-6]|feff|d[89a-f])", re.IGNORECASE)
HALVES = re.compile(rf"{HIDDEN}|[\ud800-\udfff]")


def read_json(source: Source, limits: Limits, reading: Reading) -> None:
    """Add the cubes in a JSON-stat file. Raises Unreadable."""
    name = source.name
    if source.path.stat().st_size > limits.json_bytes:
        raise refusal(
            "too-large",
            name,
            f"{name} is JSON of more than {limits.json_bytes // 1_000_000} MB. Ask its source for "
            "CSV, or for a part.",
        )
    try:
        text = source.path.read_bytes().decode("utf-8-sig")
        content = json.loads(text, parse_float=str, parse_int=str)
        if ODD.search(text):
            odd: list[str] = []
            content = without_hidden(content, odd)
            if odd:
                reading.problems.append(hidden(name, odd))
    except (ValueError, RecursionError) as error:
        raise refusal(
            "truncated", name, f"{name} is not whole JSON; it may be cut short. Download it again."
        ) from error
    cubes = datasets(content)
    if not cubes:
        raise refusal(
            "unknown-kind",
            name,
            f"{name} is JSON but not a JSON-stat dataset (version 2.0 with its values). Ask its "
            "source for JSON-stat 2 or CSV.",
        )
    for number, cube in enumerate(cubes[:MOST_CUBES], 1):
        label = str(cube.get("label") or f"dataset {number}") if len(cubes) > 1 else ""
        sheet = " ".join(label.split())[:200]
        reading.tables.append(table(cube, name, sheet, limits))
        notes = [str(note) for note in listed(cube.get("note"))]
        if notes:
            reading.documents.append(Document(name, sheet, tuple(notes)))


def without_hidden(content: Any, odd: list[str]) -> Any:
    """Return JSON without characters that do not show; texts that had some are added to `odd`."""
    if isinstance(content, str):
        clean = HALVES.sub("", content)
        if clean != content:
            odd.append(clean)
        return clean
    if isinstance(content, list):
        return [without_hidden(item, odd) for item in content]
    if isinstance(content, dict):
        return {
            without_hidden(key, odd): without_hidden(value, odd) for key, value in content.items()
        }
    return content


def hidden(name: str, odd: Sequence[str]) -> Problem:
    """Return the warning for texts that had characters that do not show."""
    return Problem(
        "warning",
        "hidden-characters",
        f"{name} holds control or text-turning characters that do not show, in {len(odd):,} "
        f"{'text' if len(odd) == 1 else 'texts'} (the first reads “{odd[0][:60]}” without). They "
        "were left out; look at that text.",
        file=name,
    )


def datasets(content: object) -> list[dict[str, Any]]:
    """Return the datasets in a JSON-stat response: one, or those within a collection."""
    if not isinstance(content, dict):
        return []
    if content.get("class") == "collection":
        link = content.get("link")
        items = listed(link.get("item")) if isinstance(link, dict) else []
        return [item for item in items if isinstance(item, dict) and "value" in item]
    if "dimension" in content and "value" in content and "id" in content:
        return [content]
    return []


def listed(value: object) -> list[Any]:
    """Return a list, or nothing."""
    return value if isinstance(value, list) else []


def wrong(name: str, what: str) -> Unreadable:
    """Return the exception for a cube that does not agree with itself."""
    return refusal(
        "broken-json-stat", name, f"{name} is JSON-stat that does not hold together: {what}."
    )


def categories(dimension: object, size: int, of: str, name: str) -> tuple[list[str], list[str]]:
    """Return a dimension's codes in their order, and their labels."""
    category = dimension.get("category") if isinstance(dimension, dict) else None
    if not isinstance(category, dict):
        raise wrong(name, f"dimension {of} has no categories")
    index, label = category.get("index"), category.get("label")
    labels = label if isinstance(label, dict) else {}
    if isinstance(index, list):
        codes = [str(code) for code in index]
    elif isinstance(index, dict):
        try:
            codes = sorted(index, key=lambda code: int(index[code]))
        except (TypeError, ValueError) as error:
            raise wrong(name, f"the order of dimension {of} is not in numbers") from error
    else:
        codes = [str(code) for code in labels]
    if len(codes) != size:
        raise wrong(name, f"dimension {of} has {len(codes)} categories and should have {size}")
    return codes, [str(labels.get(code, code)) for code in codes]


def table(cube: dict[str, Any], name: str, sheet: str, limits: Limits) -> Table:
    """Return one cube as a long table, empty cells left out. Raises Unreadable."""
    ids = [str(i) for i in listed(cube.get("id"))]
    try:
        sizes = [int(size) for size in listed(cube.get("size"))]
    except (TypeError, ValueError) as error:
        raise wrong(name, "its sizes are not numbers") from error
    dimensions = cube.get("dimension")
    if not ids or len(ids) != len(sizes) or not isinstance(dimensions, dict) or min(sizes) < 0:
        raise wrong(name, "it names dimensions and sizes that do not match")
    cells = 1
    for size in sizes:
        cells *= size
    if cells > limits.cells or len(ids) > 100:
        raise refusal(
            "too-large",
            name,
            f"{name} is a cube of more than {limits.cells // 1_000_000} million cells. "
            "Give a part.",
        )
    at, values, statuses = filled(cube, cells, name)
    columns: list[pl.Series] = []
    top: list[str] = []
    under: list[str] = []
    step = cells
    for number, (key, size) in enumerate(zip(ids, sizes, strict=True)):
        dimension = dimensions.get(key)
        codes, labels = categories(dimension, size, key, name)
        step //= max(size, 1)
        place = pl.Series(((at // max(step, 1)) % max(size, 1)).astype(np.uint32))
        label = str((dimension or {}).get("label") or key)
        told: list[tuple[str, list[str | None]]] = [("code", list(codes)), ("label", list(labels))]
        units = (dimension["category"].get("unit") or {}) if isinstance(dimension, dict) else {}
        if isinstance(units, dict) and units:
            told.append(("unit", [unit_of(units.get(code)) for code in codes]))
        for what, words in told:
            columns.append(pl.Series(f"{number} {what}", words, dtype=pl.String).gather(place))
            top.append(" ".join(label.split()))
            under.append(what)
    columns += [pl.Series("value", values, dtype=pl.String), statuses.alias("status")]
    top += ["value", "status"]
    under += ["", ""]
    headings = unique([f"{a} | {b}" if b else a for a, b in zip(top, under, strict=True)])
    frame = pl.DataFrame(
        [series.rename(heading) for series, heading in zip(columns, headings, strict=True)]
    ).with_columns(pl.Series(ROW, at + 1, dtype=pl.Int64), pl.lit("data").alias(KIND))
    frame = frame.filter(pl.col(headings[-2]).is_not_null() | pl.col(headings[-1]).is_not_null())
    if frame.is_empty():
        raise refusal("no-rows", name, f"{name} is a cube without any values.")
    above = [f"{key} | {cube[key]}" for key in ("label", "source", "updated") if cube.get(key)]
    roles = cube.get("role")
    for role, keys in roles.items() if isinstance(roles, dict) else ():
        ones = (dimensions.get(str(key)) for key in listed(keys))
        above += [
            f"role {role} | {(one.get('label') if isinstance(one, dict) else None) or key}"
            for key, one in zip(listed(keys), ones, strict=True)
        ]
    return Table(
        name, sheet, headings, (tuple(top), tuple(under)), int(frame[ROW][0]), tuple(above), (),
        frame.height, FrameRows(frame),
    )  # fmt: skip


def unit_of(unit: object) -> str | None:
    """Return a unit in words."""
    if isinstance(unit, dict):
        return str(unit.get("label") or unit.get("base") or unit.get("symbol") or "") or None
    return str(unit) if unit else None


def filled(
    cube: dict[str, Any], cells: int, name: str
) -> tuple[np.ndarray, list[str | None], pl.Series]:
    """Return the places that hold something, their values as text and their status."""
    value, status = cube["value"], cube.get("status")
    if isinstance(value, list):
        if len(value) != cells:
            raise wrong(name, f"it holds {len(value):,} values and should hold {cells:,}")
        at = np.arange(cells, dtype=np.int64)
        values = [None if v is None else str(v) for v in value]
    elif isinstance(value, dict):
        try:
            keys = {int(k) for k in value}
            keys |= {int(k) for k in status} if isinstance(status, dict) else set()
        except (TypeError, ValueError) as error:
            raise wrong(name, "its values are not numbered") from error
        if keys and (min(keys) < 0 or max(keys) >= cells):
            raise wrong(name, f"a value is numbered {max(keys):,} and it has {cells:,} cells")
        at = np.fromiter(sorted(keys), np.int64, len(keys))
        found = [value.get(str(k)) for k in at.tolist()]
        values = [None if v is None else str(v) for v in found]
    else:
        raise wrong(name, "it has no list of values")
    if isinstance(status, list) and len(status) == cells:
        said = [None if status[k] is None else str(status[k]) for k in at.tolist()]
    elif isinstance(status, dict):
        said = [None if status.get(str(k)) is None else str(status[str(k)]) for k in at.tolist()]
    elif isinstance(status, str):
        said = [status] * len(at)
    else:
        said = [None] * len(at)
    return at, values, pl.Series("status", said, dtype=pl.String)
