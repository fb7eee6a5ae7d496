"""An edition as columns: who is in it, by ordinal, and which wider area each belongs to."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from django.db import connection

from areas.hierarchy import Ints, links, routes_up
from areas.models import Area, Edition, OverlapSet

# The types that areas are sorted into on pages and in files.
WIDER = ("authority", "county", "region", "country", "country-group", "uk")
COLUMNS = {
    "id": pl.Int64,
    "code": pl.String,
    "name": pl.String,
    "known_as": pl.String,
    "folded": pl.String,
}
MEMBERS = """
SELECT a.id, a.code, a.name, a.known_as, a.folded
FROM areas_member m JOIN areas_area a ON a.id = m.area_id
WHERE m.edition_id = %s ORDER BY m.ordinal
"""
# The first letters of the codes within each nation, and within a group of nations. Codes of
# Northern Ireland's areas before 2021 begin with 9.
NATIONS = {
    "E92000001": ("E",),
    "W92000004": ("W",),
    "S92000003": ("S",),
    "N92000002": ("N", "9"),
    "K04000001": ("E", "W"),
    "K03000001": ("E", "W", "S"),
}
_MOST_KEPT = 400_000  # Areas in all rosters of a process: some 60 MB.
_kept: dict[tuple[int, int], Roster] = {}


@dataclass(eq=False)
class Roster:
    """The areas of an edition: `frame` has a row for each ordinal, with the columns `COLUMNS`."""

    edition: Edition
    frame: pl.DataFrame
    version: int

    @cached_property
    def ids(self) -> Ints:
        """Area ids by ordinal."""
        return self.frame["id"].to_numpy()

    @cached_property
    def ordinal_of(self) -> dict[str, int]:
        """Ordinals by code."""
        return {code: at for at, code in enumerate(self.frame["code"].to_list())}

    @cached_property
    def by_name(self) -> Ints:
        """Ordinals in the order of names, and of codes where names are the same."""
        return (self.frame.select(pl.arg_sort_by("folded", "code")).to_series().to_numpy()).astype(
            np.int64
        )

    @cached_property
    def parents(self) -> dict[Edition, Ints]:
        """For each wider edition, the widest type first: its ordinal of each area, or -1.

        The newest edition of each type in `WIDER`, and every group of countries. A chain with an
        apportioned step gives no one parent, and so is left out.
        """
        found: dict[Edition, Ints] = {}
        known: dict[int, tuple[Ints, Ints]] = {}
        for wider, route in self._routes():
            position = np.arange(self.frame.height)
            for step in route:
                if step.pk not in known:
                    link = links(step)
                    known[step.pk] = (link.member, link.parent)
                member, parent = known[step.pk]
                table = np.full(max(position.max(initial=0), member.max(initial=0)) + 1, -1)
                table[member] = parent
                position = np.where(position >= 0, table[position], -1)
            found[wider] = position
        return found

    def _routes(self) -> Iterator[tuple[Edition, list[OverlapSet]]]:
        taken: set[str] = set()
        for wider, route in sorted(
            routes_up(self.edition).items(),
            key=lambda pair: (
                pair[0].area_type.rank, -pair[0].date.toordinal(), len(pair[1]), pair[0].pk,
            ),
        ):  # fmt: skip
            kind = wider.area_type_id
            if kind not in WIDER or any(s.kind == OverlapSet.Kind.APPORTIONED for s in route):
                continue
            if kind in taken and kind != "country-group":
                continue
            taken.add(kind)
            yield wider, route

    def parent(self, kind: str) -> tuple[Edition, Ints] | None:
        """Return the wider edition of a type and each area's ordinal in it, where there is one."""
        return next(((e, at) for e, at in self.parents.items() if e.area_type_id == kind), None)

    def within(self, area: Area) -> np.ndarray:
        """Return which areas lie in `area` (or are it), as booleans by ordinal.

        Overlaps tell. Where none leads so far (an edition that was loaded without a lookup), the
        first letter of a code says which nation an area is in, as when its figures were staged.
        """
        if area.area_type_id == "uk":
            return np.ones(self.frame.height, dtype=bool)
        if area.code in self.ordinal_of:
            return np.asarray(self.ids == area.pk)
        inside = np.zeros(self.frame.height, dtype=bool)
        told = np.zeros(self.frame.height, dtype=bool)
        for wider, at in self.parents.items():
            if wider.area_type_id == area.area_type_id:
                here = roster(wider, self.version).ordinal_of.get(area.code)
                if here is not None:
                    inside, told = at == here, at >= 0
                    break
        letters = NATIONS.get(area.code)
        if letters and not told.all():
            first = self.frame["code"].str.head(1).is_in(letters).to_numpy()
            inside = inside | (~told & first)
        return np.asarray(inside)


def roster(edition: Edition, version: int) -> Roster:
    """Return the roster of `edition`, kept by this process for each `version` of the data.

    One query when it is not kept; its parents take one more for each step upwards, when first
    asked for.
    """
    key = (edition.pk, version)
    if (found := _kept.get(key)) is not None:
        return found
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS, (edition.pk,))
        frame = pl.DataFrame(cursor.fetchall(), schema=COLUMNS, orient="row")
    for old in [k for k in list(_kept) if k[0] == edition.pk]:
        _kept.pop(old, None)
    found = _kept[key] = Roster(edition, frame, version)
    # Threads share what is kept: whatever another has dropped meanwhile is not missed.
    while len(_kept) > 1 and sum(r.frame.height for r in list(_kept.values())) > _MOST_KEPT:
        _kept.pop(next(iter(_kept)), None)
    return found


def folded(text: str) -> str:
    """Return `text` as names are compared: no capitals, accents or punctuation (migration 0001)."""
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c)
    )
    return plain.translate(str.maketrans("-", " ", "’'.,"))
