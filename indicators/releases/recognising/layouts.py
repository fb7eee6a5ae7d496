"""Layouts: how a publisher lays out its tables, as data, and layouts saved from mappings.

A shipped layout names headings it needs, as patterns, and says what columns are where their words
alone would not tell. A saved one is a confirmed mapping, used again for tables with its headings.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from indicators.releases.reading.model import Table
from indicators.releases.recognising.mapping import Definition, Mapping, TableMapping

FOLDER = Path(__file__).resolve().parents[2] / "catalogue" / "layouts"


@dataclass(frozen=True)
class Layout:
    """A way to lay out tables.

    `needs` are patterns that must each fit a heading; `file`, if given, one that must fit the name
    of the file or sheet. `roles` give the columns that fit a pattern a role (see words.ROLES; also
    "area", "dimension", "attribute" and "ignored: why"). `period` is text of a period, or "" to
    find it. `missing` tells the publisher's markers as our letters. `named` replaces parts of the
    headings, by pattern, before they name an indicator; `prefix` comes before all names. `units`
    give headings that fit a pattern their unit. `keep` filters rows. `record` counts rows as an
    indicator of that name, by the column `categories`. `aggregation` is of all its figures.
    `named["aged"]` names figures by age. `saved` are tables of a confirmed mapping.
    """

    name: str
    title: str = ""
    needs: tuple[str, ...] = ()
    file: str = ""
    roles: dict[str, str] = field(default_factory=dict)
    period: str = ""
    period_kind: str = ""
    missing: dict[str, str] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    prefix: str = ""
    units: dict[str, str] = field(default_factory=dict)
    keep: dict[str, list[str]] = field(default_factory=dict)
    record: str = ""
    categories: str = ""
    aggregation: str = ""
    saved: tuple[TableMapping, ...] = ()
    definitions: tuple[Definition, ...] = ()

    def fits(self, table: Table) -> bool:
        """Say whether a table is laid out so."""
        if self.saved:
            return self.saved_for(table) is not None
        if self.file and not any(
            re.search(self.file, text, re.IGNORECASE) for text in (table.file, table.sheet)
        ):
            return False
        headings = [" ".join(h.split()) for h in table.headings]
        return bool(self.needs) and all(
            any(re.search(need, heading, re.IGNORECASE) for heading in headings)
            for need in self.needs
        )

    def role(self, heading: str) -> str:
        """Return the role this layout gives a column, or ""."""
        even = " ".join(heading.split())
        for form, role in self.roles.items():
            if re.search(form, even, re.IGNORECASE):
                return role
        return ""

    def saved_for(self, table: Table) -> TableMapping | None:
        """Return the saved mapping of a table with these headings, of this sheet if any is."""
        fitting = [one for one in self.saved if sorted(one.headings) == sorted(table.headings)]
        same = [one for one in fitting if one.sheet == table.sheet]
        chosen = next(iter(same or fitting), None)
        return (
            replace(chosen, file=table.file, sheet=table.sheet, first_row=table.first_row)
            if chosen
            else None
        )


@cache
def shipped() -> tuple[Layout, ...]:
    """Return the layouts that come with the site, in the order they are tried."""
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        for one in tomllib.loads(path.read_text(encoding="utf-8"))["layout"]:
            one["needs"] = tuple(one.get("needs", ()))
            found.append(Layout(**one))
    return tuple(found)


def layout_of(name: str, mapping: Mapping, title: str = "") -> Layout:
    """Return a confirmed mapping as a layout, to recognise the next release by.

    A period that was written out, or taken from a title or a file's name, is found anew each time.
    """
    return Layout(
        name=name,
        title=title,
        saved=tuple(replace(table) for table in mapping.tables),
        definitions=tuple(mapping.definitions),
    )


def first_fitting(table: Table, layouts: Sequence[Layout]) -> Layout | None:
    """Return the first layout that fits a table: saved ones before shipped ones."""
    for saved in (True, False):
        for layout in layouts:
            if bool(layout.saved) is saved and layout.fits(table):
                return layout
    return None
