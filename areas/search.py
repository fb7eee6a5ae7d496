"""Finding areas: by name, by code, by postcode; exact and by their beginning."""

from __future__ import annotations

import re
from typing import NamedTuple

from django.db import connection

from areas.models import Area, Postcode

POSTCODE = re.compile(r"^[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}$")
# Enough of a postcode to mean one: an outward code, or that and a first digit.
POSTCODE_START = re.compile(r"^[A-Z]{1,2}[0-9][A-Z0-9]?([0-9][A-Z]?)?$")
CODE_START = re.compile(r"^([A-Z][0-9]{2,8}|95[A-Z]{2}[0-9]{0,2}([A-Z][0-9]?)?)$")
LONGEST = 120

# Whole name first, then names that begin so, then names with a word that begins so; wide areas
# before the small ones inside them.
BY_NAME = """
WITH matches AS (
    SELECT id, 1 AS how FROM areas_area WHERE folded LIKE %(begins)s
  UNION ALL
    SELECT id, 1 FROM areas_area WHERE folded_cy <> '' AND folded_cy LIKE %(begins)s
  UNION ALL
    SELECT id, 2 FROM areas_area WHERE %(long)s AND folded LIKE %(word)s
)
SELECT a.id
FROM (SELECT id, min(how) AS how FROM matches GROUP BY id) m
JOIN areas_area a ON a.id = m.id JOIN areas_areatype t ON t.slug = a.area_type_id
ORDER BY (%(folded)s IN (a.folded, a.folded_cy)) DESC, (a.valid_to IS NOT NULL), how, t.rank,
    a.name, a.code
LIMIT %(limit)s
"""
PARENTS = """
SELECT DISTINCT ON (o.from_area_id) o.from_area_id, p.name
FROM areas_areaoverlap o
JOIN areas_overlapset s ON s.id = o.overlap_set_id AND s.kind <> 'apportioned'
JOIN areas_area p ON p.id = o.to_area_id
JOIN areas_areatype t ON t.slug = p.area_type_id
WHERE o.from_area_id = ANY(%s)
  AND t.rank <= (SELECT rank FROM areas_areatype WHERE slug = 'authority')
ORDER BY o.from_area_id, t.rank DESC
"""


class Found(NamedTuple):
    """An area that answers the question, where it is, and a note when that needs a word."""

    area: Area
    parent: str
    note: str


class Answer(NamedTuple):
    """What was found, and a sentence when the question could not be answered.

    `more` when there are others that the limit left out.
    """

    found: list[Found]
    message: str
    more: bool = False


def search(question: str, limit: int = 20) -> Answer:
    """Find areas by name, GSS code or GB postcode, whole or from its beginning.

    A whole postcode gives the areas that hold it, the smallest first. Four queries at most.
    """
    text = " ".join(question.split())[:LONGEST]
    if not text:
        return Answer([], "")
    tight = text.replace(" ", "").upper()
    if POSTCODE.match(tight):
        return by_postcode(tight)
    ids: list[int] = []
    notes: dict[int, str] = {}
    if CODE_START.match(tight):
        codes = Area.objects.filter(code__startswith=tight).order_by("code")
        ids += codes.values_list("pk", flat=True)[: limit + 1]
    if len(tight) >= 3 and POSTCODE_START.match(tight) and not ids:
        wards = wards_of_postcodes(tight, limit + 1)
        ids += wards
        notes = {
            pk: f"{n:,} {'postcode begins' if n == 1 else 'postcodes begin'} {text.upper()}"
            for pk, n in wards.items()
        }
    if len(ids) <= limit:
        ids += [pk for pk in by_name(text, limit + 1) if pk not in ids]
    return Answer(describe(ids[:limit], notes), "", more=len(ids) > limit)


def by_name(text: str, limit: int) -> list[int]:
    """Return ids of areas whose name, or a word of it, begins so. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT levelup_fold(%s)", (text,))
        (folded,) = cursor.fetchone()
        if not folded.strip():
            return []
        pattern = re.sub(r"([%_\\])", r"\\\1", folded)
        cursor.execute(
            BY_NAME,
            {
                "folded": folded,
                "begins": f"{pattern}%",
                "word": f"% {pattern}%",
                "long": len(folded) >= 3,
                "limit": limit,
            },
        )
        return [pk for (pk,) in cursor.fetchall()]


def wards_of_postcodes(start: str, limit: int) -> dict[int, int]:
    """Return the wards with most postcodes that begin with `start`, and how many. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ward_id, count(*) AS n FROM areas_postcode "
            "WHERE postcode LIKE %s AND ward_id IS NOT NULL "
            "GROUP BY ward_id ORDER BY n DESC, ward_id LIMIT %s",
            (f"{start}%", limit),
        )
        return dict(cursor.fetchall())


def by_postcode(tight: str) -> Answer:
    """Return the areas that hold a whole postcode, the smallest first."""
    written = f"{tight[:-3]} {tight[-3:]}"
    try:
        postcode = Postcode.objects.get(pk=tight)
    except Postcode.DoesNotExist:
        northern = (
            " Northern Ireland's postcodes are not open data: search by name there."
            if tight.startswith("BT")
            else " It may have ended, or be very new: try its first half, or the name of the place."
        )
        return Answer([], f"The postcode {written} is not held here.{northern}")
    start = [pk for pk in (postcode.small_area_id, postcode.ward_id) if pk]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT a.id, t.rank FROM (
                SELECT unnest(%(start)s::int[]) AS id
              UNION
                SELECT o.to_area_id FROM areas_areaoverlap o
                JOIN areas_overlapset s ON s.id = o.overlap_set_id AND s.kind = 'exact'
                WHERE o.from_area_id = ANY(%(start)s)
            ) held JOIN areas_area a ON a.id = held.id
            JOIN areas_areatype t ON t.slug = a.area_type_id ORDER BY t.rank DESC
            """,
            {"start": start},
        )
        ids = [pk for pk, _ in cursor.fetchall()]
    return Answer(describe(ids, dict.fromkeys(ids, f"holds {written}")), "")


def describe(ids: list[int], notes: dict[int, str]) -> list[Found]:
    """Return areas in the order of `ids`, with the authority or wider area they are in."""
    areas = Area.objects.select_related("area_type").in_bulk(ids)
    with connection.cursor() as cursor:
        cursor.execute(PARENTS, (ids,))
        parents = dict(cursor.fetchall())
    found = []
    for pk in ids:
        area = areas[pk]
        note = notes.get(pk, "")
        if area.valid_to:
            note = f"ended on {area.valid_to.day} {area.valid_to:%B %Y}"
        found.append(Found(area, parents.get(pk, ""), note))
    return found
