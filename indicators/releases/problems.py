"""What is wrong in a release, one finding at a time: reading and checking both yield these."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl

Kind = Literal["error", "warning"]


# The columns of problems as a frame.
SCHEMA: dict[str, type[pl.DataType]] = {
    "kind": pl.String,
    "code": pl.String,
    "file": pl.String,
    "sheet": pl.String,
    "row": pl.Int64,
    "column": pl.String,
    "area": pl.String,
    "value": pl.String,
    "sentence": pl.String,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: an error forbids publishing, a warning has to be looked at.

    `code` is the slug of the check that found it, by which findings are grouped. `row` counts
    from 1 as a spreadsheet does. `area` and `value` are as they stand in the file. The sentence
    says what, where and what to do.
    """

    kind: Kind
    code: str
    sentence: str
    file: str = ""
    sheet: str = ""
    row: int | None = None
    column: str = ""
    area: str = ""
    value: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, to keep and to send between processes."""
        return asdict(self)
