"""Which column is which, by the headings that publishers use.

`WD24CD`, `LAD24NMW` (Office for National Statistics), `ward24_code`, `msoa11_name_cy`,
`DZ2011_Code` (Scottish Government), and plain `code`, `name`, `name_cy`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from areas.importing.codes import stems

ONS = re.compile(r"^([A-Z]+?)(\d\d)?(CD|NMW|NM)(_ACTIVE)?$", re.IGNORECASE)
YEAR = r"(?:20(?=\d\d))?(\d\d)"  # 2011 or 11, and 20 is the year 2020.
PLAIN = re.compile(rf"^(?:([A-Z]+?)(?:{YEAR})?_)?(code|name_cy|name)(?:_{YEAR})?$", re.I)
ROLES = {"CD": "code", "NM": "name", "NMW": "welsh", "CODE": "code", "NAME": "name",
         "NAME_CY": "welsh"}  # fmt: skip
HOUSE_OF_COMMONS = re.compile(r"^(?:name_hcl|[A-Z]*HCLNM)(_cy|W)?$", re.IGNORECASE)


class Heading(NamedTuple):
    """What a column's heading says: stem (`WD`, or empty), type, two figures of a year, role."""

    column: str
    stem: str
    area_type: str | None
    vintage: str
    role: str  # code, name, welsh or known_as


def read_heading(column: str) -> Heading | None:
    """Return what the heading of `column` says, or None when it follows no known pattern."""
    if match := HOUSE_OF_COMMONS.match(column):
        return None if match[1] else Heading(column, "", None, "", "known_as")
    if match := ONS.match(column):
        stem, vintage, role, active = match.groups()
        stem = stem.upper() + ("_ACTIVE" if active else "")
    elif match := PLAIN.match(column):
        stem, vintage, role, later = match.groups()
        stem, vintage = (stem or "").upper(), vintage or later
    else:
        return None
    known = stems().get(stem.removesuffix("_ACTIVE"))
    return Heading(column, stem, known, vintage or "", ROLES[role.upper()])


def headings(columns: Iterable[str]) -> list[Heading]:
    """Return what is understood of `columns`, in their order."""
    return [heading for column in columns if (heading := read_heading(column.strip()))]


def partner(of: Heading, role: str, among: list[Heading]) -> str | None:
    """Return the column with the name (or Welsh name) of the areas whose code column is `of`."""
    for heading in among:
        if (heading.stem, heading.vintage, heading.role) == (of.stem, of.vintage, role):
            return heading.column
    return None
