"""A table as it leaves the site: typed columns, and the notes that must travel with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

Kind = Literal["text", "number", "whole", "date"]
CODE = "code"


@dataclass(frozen=True)
class Column:
    """One column: its name in files, its heading for readers, and how its numbers are printed.

    `unit` stands in the heading. `decimals` are those of the page; files hold the whole value.
    """

    key: str
    heading: str
    kind: Kind = "text"
    decimals: int = 0
    unit: str = ""
    # What a reader of one figure needs: put in the notes sheet, a line each.
    period: str = ""
    source: str = ""
    licence: str = ""

    @property
    def title(self) -> str:
        """The heading with its unit and period: “Taxpayer income (£), 2021–22”."""
        unit = f" ({self.unit})" if self.unit else ""
        period = f", {self.period}" if self.period else ""
        return f"{self.heading}{unit}{period}"

    @property
    def key_in_full(self) -> str:
        """The key with its unit and period: “taxpayer-income (£, 2021–22)”."""
        about = ", ".join(part for part in (self.unit, self.period) if part)
        return f"{self.key} ({about})" if about else self.key


@dataclass(frozen=True)
class Table:
    """Rows and columns for any file format.

    `frame` has one column for each of `columns`, of that name, codes first. Null is missing, and
    never nought. `notes` are (heading, words) about the whole: sources, licences, as at, address.
    `withheld` names what was left out because its licence does not let us pass it on.
    `each_row` are (key, words) that are the same for every row: where all figures are of one
    period and release, formats without a place for notes say so on each row. Without it, such
    formats say the unit and period of each column in its heading.
    """

    title: str
    columns: Sequence[Column]
    frame: pl.DataFrame
    notes: Sequence[tuple[str, str]] = field(default_factory=tuple)
    withheld: Sequence[str] = field(default_factory=tuple)
    # The edition that the areas of column `code` are drawn in, for formats with outlines.
    edition: str = ""
    each_row: Sequence[tuple[str, str]] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        """Refuse a frame whose columns are not those described."""
        if self.frame.columns != [c.key for c in self.columns]:
            raise ValueError(f"{self.frame.columns} are not the columns of “{self.title}”.")
