"""Finding areas: by name, code, postcode or place on the map; whole, in part, or misspelt."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone

from areas.hierarchy import ancestors, areas_of, became
from areas.history import former_names, other_names
from areas.models import Area, AreaType
from areas.reading import (
    CODE_START,
    LONGEST,
    OUTWARD,
    POSTCODE,
    POSTCODE_START,
    WHOLE_CODE,
    Point,
    clean,
    read_point,
    repaired_postcode,
    tight,
    wrong_postcode,
)

__all__ = ["LONGEST", "MOST", "Answer", "Count", "Found", "search", "search_ids"]

EVERY = 2**31 - 1  # A limit that leaves nothing out.
MOST = 1000  # As many as can be leafed through; beyond that more must be written.
MOST_WORDS = 8
LIKE_ENOUGH = 0.3  # Of letters in threes: “Glagsow” shares no more than 3 of 8 with Glasgow.
CANDIDATES = 60  # Names with enough letters in common, of which those with few slips are kept.
LETTERS_A_SLIP = 3.5  # One slip is believed in four letters, two in seven, three in eleven.
# One old word, “burh”, that names are written with in four ways: no slip, whichever it is.
BOROUGH = re.compile(r"(?:borough|brough|burgh|boro)\b")

PLAIN = str.maketrans("-", " ", "'.,")

# A name of its own does not end in a number, as “Middlesbrough 001A” does. In these words, since
# indexes stand on it (migration 0011).
NAMED = "a.folded !~ '[0-9][a-z]?$'"
NUMBERED = "a.folded ~ '[0-9][a-z]?$'"
# What is to end lasts until then.
LASTS = "(a.valid_to IS NULL OR a.valid_to > current_date)"
MATCHES = """(
    a.folded LIKE %(begins)s OR (%(long)s AND a.folded LIKE %(word)s)
    OR (a.folded_cy <> '' AND a.folded_cy LIKE %(begins)s)
    OR (%(long)s AND a.folded_cy <> '' AND a.folded_cy LIKE %(word)s)
    OR a.id = ANY(%(former)s)
)"""
OF_KIND = "(%(kind)s = '' OR a.area_type_id = %(kind)s)"
# Whole names first, then those that last, then the ended; of these authorities with the very word
# (“Hull” in Kingston upon Hull), names that begin so, names with a word that begins so; wide areas
# before the small ones inside them. An ended ward does not come before a place that lasts only
# because it has the very name; an ended authority does.
BY_NAME = f"""
SELECT a.id, CASE WHEN exact AND {LASTS} THEN 0 WHEN exact AND wide THEN 1
    WHEN {LASTS} THEN 2 ELSE 3 END AS turn
FROM areas_area a JOIN areas_areatype t ON t.slug = a.area_type_id
CROSS JOIN LATERAL (
    SELECT %(folded)s IN (a.folded, a.folded_cy) OR a.id = ANY(%(renamed)s) AS exact,
        t.rank <= (SELECT rank FROM areas_areatype WHERE slug = 'authority') AS wide,
        a.folded LIKE %(begins)s OR a.folded_cy LIKE %(begins)s AS begins,
        ' ' || a.folded || ' ' LIKE %(whole_word)s AS whole_word
) AS how
WHERE {NAMED} AND {MATCHES} AND {OF_KIND}
ORDER BY turn, CASE WHEN wide AND whole_word THEN 0 WHEN begins THEN 1 ELSE 2 END, t.rank,
    a.name, a.code
LIMIT %(limit)s
"""  # noqa: S608
# The numbered in order of name, which an index has ready, those that begin so and those with a
# later word that does, or that do so in Welsh only; then the same of the ended.
BY_NUMBERED_NAME = f"""
SELECT id, turn FROM (
    (SELECT a.id, 0 AS turn, a.folded, a.code FROM areas_area a
     WHERE {NUMBERED} AND a.folded LIKE %(begins)s AND {LASTS} AND {OF_KIND}
     ORDER BY a.folded USING ~<~, a.code LIMIT %(limit)s)
  UNION ALL
    (SELECT a.id, 2, a.folded, a.code FROM areas_area a
     WHERE {NUMBERED} AND a.folded LIKE %(begins)s AND NOT {LASTS} AND {OF_KIND}
     ORDER BY a.folded USING ~<~, a.code LIMIT %(limit)s)
  UNION ALL
    (SELECT a.id, CASE WHEN {LASTS} THEN 1 ELSE 3 END, a.folded, a.code
     FROM areas_area a
     WHERE {NUMBERED} AND %(long)s AND a.folded LIKE %(word)s AND NOT a.folded LIKE %(begins)s
       AND {OF_KIND}
     ORDER BY (NOT {LASTS}), a.folded USING ~<~, a.code LIMIT %(limit)s)
  UNION ALL
    (SELECT a.id, CASE WHEN {LASTS} THEN 1 ELSE 3 END, a.folded, a.code
     FROM areas_area a
     WHERE {NUMBERED} AND a.folded_cy <> ''
       AND (a.folded_cy LIKE %(begins)s OR (%(long)s AND a.folded_cy LIKE %(word)s))
       AND NOT (a.folded LIKE %(begins)s OR (%(long)s AND a.folded LIKE %(word)s)) AND {OF_KIND}
     ORDER BY (NOT {LASTS}), a.folded USING ~<~, a.code LIMIT %(limit)s)
) found ORDER BY turn, folded USING ~<~, code LIMIT %(limit)s
"""  # noqa: S608
BY_EVERY_WORD = f"""
SELECT a.id FROM areas_area a JOIN areas_areatype t ON t.slug = a.area_type_id
WHERE {{every}} AND {OF_KIND}
ORDER BY (NOT {LASTS}), t.rank, a.name, a.code LIMIT %(limit)s
"""  # noqa: S608
COUNTS = f"""
SELECT a.area_type_id, count(*) FROM areas_area a WHERE {MATCHES} GROUP BY a.area_type_id
"""  # noqa: S608
# The threshold is set for this one statement, before the index is asked: the only way in is
# through `setting`.
#
# Names that begin as the question does come before others as much alike: few people get the first
# letters wrong, and “Edinborough” has more in common with a hundred boroughs than with Edinburgh.
LIKE_IT = f"""
WITH setting AS MATERIALIZED (
    SELECT set_config('pg_trgm.word_similarity_threshold', %(enough)s, true) AS set
)
SELECT near.id, near.name, coalesce(near.valid_to <= current_date, false), t.rank
FROM setting CROSS JOIN LATERAL (
    SELECT a.id, a.area_type_id, a.valid_to, a.{{column}} AS name, a.code,
        word_similarity(%(folded)s, a.{{column}}) + similarity(%(folded)s, a.{{column}})
        + CASE WHEN ' ' || a.{{column}} LIKE %(first)s THEN 0.5 ELSE 0 END AS likeness
    FROM areas_area a
    WHERE setting.set <> '' AND a.{{column}} %%> %(folded)s AND {{named}} AND {OF_KIND} OFFSET 0
) near
JOIN areas_areatype t ON t.slug = near.area_type_id
ORDER BY near.likeness DESC, t.rank, near.code LIMIT %(limit)s
"""  # noqa: S608
IN_PARENT = """
WITH up AS (
    SELECT DISTINCT o.from_area_id AS area, o.to_area_id AS parent FROM areas_areaoverlap o
    JOIN areas_overlapset s ON s.id = o.overlap_set_id AND s.kind <> 'apportioned'
    WHERE o.from_area_id = ANY(%(ids)s)
), further AS (
    SELECT DISTINCT o.from_area_id AS area, o.to_area_id AS parent FROM areas_areaoverlap o
    JOIN areas_overlapset s ON s.id = o.overlap_set_id AND s.kind <> 'apportioned'
    WHERE o.from_area_id IN (SELECT parent FROM up)
), called AS (
    SELECT id FROM areas_area WHERE id IN (SELECT parent FROM up UNION SELECT parent FROM further)
        AND (starts_with(folded, %(folded)s) OR starts_with(folded_cy, %(folded)s))
)
SELECT area FROM up WHERE parent IN (SELECT id FROM called)
UNION SELECT up.area FROM up JOIN further ON further.area = up.parent
WHERE further.parent IN (SELECT id FROM called)
"""
BY_CODE = f"""
SELECT a.id FROM areas_area a WHERE a.code LIKE %(code)s AND {OF_KIND}
ORDER BY a.code USING ~<~ LIMIT %(limit)s
"""  # noqa: S608
HOLDERS = """
SELECT p.ended, h.what, a.id, t.slug, t.rank FROM areas_postcode p
CROSS JOIN LATERAL (VALUES ('small', p.small_area_id), ('ward', p.ward_id)) AS h(what, area_id)
LEFT JOIN areas_area a ON a.id = h.area_id LEFT JOIN areas_areatype t ON t.slug = a.area_type_id
WHERE p.postcode = %s
"""
COUNTS_BY_CODE = """
SELECT a.area_type_id, count(*) FROM areas_area a WHERE a.code LIKE %(code)s
GROUP BY a.area_type_id
"""
# Of authorities and smaller areas by their outlines, wider ones from what those are part of: the
# outline of a country is a megabyte. OFFSET 0 keeps Postgres from reading those all the same.
AT_POINT = """
WITH point AS MATERIALIZED (
    SELECT ST_Transform(ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), %(srid)s), 27700) AS place
), boxed AS (
    SELECT b.id, b.area_id, e.date, e.slug, t.rank, point.place FROM point
    JOIN areas_boundary b ON b.geometry && point.place
    JOIN areas_edition e ON e.id = b.edition_id
    JOIN areas_areatype t ON t.slug = e.area_type_id
    WHERE t.rank >= (SELECT rank FROM areas_areatype WHERE slug = %(widest)s) OFFSET 0
)
SELECT DISTINCT ON (boxed.rank) boxed.area_id FROM boxed
JOIN areas_boundary b ON b.id = boxed.id AND ST_Covers(b.geometry, boxed.place)
ORDER BY boxed.rank DESC, boxed.date DESC, boxed.slug, boxed.area_id
"""
PARENTS = """
SELECT DISTINCT ON (o.from_area_id) o.from_area_id, p.name
FROM areas_areaoverlap o
JOIN areas_overlapset s ON s.id = o.overlap_set_id AND s.kind <> 'apportioned'
JOIN areas_edition e ON e.id = s.to_edition_id
JOIN areas_area p ON p.id = o.to_area_id
JOIN areas_areatype t ON t.slug = p.area_type_id
WHERE o.from_area_id = ANY(%s) AND o.to_area_id <> o.from_area_id
  AND t.rank <= (SELECT rank FROM areas_areatype WHERE slug = 'authority')
ORDER BY o.from_area_id, t.rank DESC, p.valid_to IS NOT NULL, e.date DESC, s.kind DESC, p.name
"""


class Found(NamedTuple):
    """An area that answers the question, where it is, and a note when that needs a word."""

    area: Area
    parent: str
    note: str


class Count(NamedTuple):
    """How many areas of a type answer the question."""

    kind: str
    name: str
    n: int


class Answer(NamedTuple):
    """What was found, and a sentence when the question needs one.

    `more` when there are others that the limit left out; `counts` by type, the widest first, when
    they were asked for; `guess` when nothing is called so and only names like it were found.
    """

    found: list[Found]
    message: str
    more: bool = False
    counts: tuple[Count, ...] = ()
    guess: bool = False


class _Ids(NamedTuple):
    """Areas in order before they are described, with what is to be said of them."""

    ids: list[int]
    notes: dict[int, str]
    message: str = ""
    counts: dict[str, int] | None = None
    guess: bool = False


def search(
    question: str, limit: int = 20, *, start: int = 0, kind: str = "", counting: bool = False
) -> Answer:
    """Find areas by name, code, postcode or place on the map; `limit` of them from `start` on.

    `kind` keeps to one type of area; `counting` counts what there is of each. A whole postcode or
    a point gives the areas that hold it, the smallest first. Names that are only like the question
    are given when there is nothing else. Eight queries at most.
    """
    text = clean(question)
    start = max(0, min(start, MOST - limit))
    found = _find(text, start + limit + 1, kind, counting) if text else _Ids([], {})
    counts = _named_counts(found.counts) if counting and found.counts else ()
    return Answer(
        describe(found.ids[start : start + limit], found.notes),
        found.message,
        more=len(found.ids) > start + limit and start + limit < MOST,
        counts=counts,
        guess=found.guess,
    )


def search_ids(question: str, kinds: Collection[str] = ()) -> tuple[list[int], str]:
    """Return ids of everything that a question finds, the best first, and a sentence if needed.

    As `search`, but all of it, and without a word of each. `kinds` are the types that the reader
    keeps to: names that are only like the question are then sought among those. What is found by
    its name is of any type. Four queries at most, and as many for each of `kinds`.
    """
    text = clean(question)
    if not text:
        return [], ""
    found = _find(text, EVERY, "", counting=False)
    if not (found.guess and kinds):
        return found.ids, found.message
    near = (_find(text, EVERY, kind, counting=False) for kind in dict.fromkeys(kinds))
    ids = [pk for one in near for pk in one.ids]
    return ids, found.message if ids else ""


def _find(text: str, limit: int, kind: str, counting: bool) -> _Ids:
    """Return areas for a question that is clean and not empty."""
    if point := read_point(text):
        return _only(by_point(point), kind, counting)
    close = tight(text)
    if POSTCODE.match(close):
        return _only(by_postcode(close), kind, counting)
    ids: list[int] = []
    notes: dict[int, str] = {}
    counts: dict[str, int] = {}
    if CODE_START.match(close):
        ids += by_code(close, limit, kind)
        if counting and ids:
            counts = _rows(COUNTS_BY_CODE, {"code": f"{close}%"})
        if WHOLE_CODE.match(close):
            missing = "" if ids else f"No area that is held here has or had the code {close}."
            return _Ids(ids, {}, missing, counts)
    if POSTCODE_START.match(close) and not ids and kind in {"", "ward"}:
        wards, every, begins = wards_of_postcodes(text.upper(), limit)
        ids += wards
        notes = {
            pk: f"{n:,} {'postcode begins' if n == 1 else 'postcodes begin'} {begins}"
            for pk, n in wards.items()
        }
        counts = {"ward": every} if wards else {}
    if not ids and (mended := repaired_postcode(close)):
        held = by_postcode(mended)
        if held.ids:
            remark = f"Read as the postcode {mended[:-3]} {mended[-3:]}. {held.message}".strip()
            return _only(held._replace(message=remark), kind, counting)
    # Nothing is called as the first half of a postcode is, so no name is sought beside its wards.
    if len(ids) < limit and not (notes and any(c.isdigit() for c in close)):
        names = _pattern(text, kind)
        known = set(ids)
        ids += [pk for pk in by_name(names, limit) if pk not in known] if names else []
        if counting and names:
            for slug, n in _rows(COUNTS, names).items():
                counts[slug] = counts.get(slug, 0) + n
        if not ids and names:
            return _without_name(text, close, names, limit, kind, counting)
    return _Ids(ids, notes, "", counts)


def _without_name(
    text: str, close: str, names: dict[str, Any], limit: int, kind: str, counting: bool
) -> _Ids:
    """Return what there is when no name, code or postcode begins as the question does."""
    if "," in text:
        first, _, rest = text.partition(",")
        inside = in_parent(first, rest, limit, kind)
        if inside:
            return _Ids(inside, {}, "", _kinds(inside) if counting else None)
    ids = by_every_word(names, limit)
    if ids:
        return _Ids(ids, {}, "", _kinds(ids) if counting else None)
    if wrong_postcode(close):
        return _Ids(
            [],
            {},
            f"“{text}” is not in the form of a postcode, which ends in a digit and two letters, as "
            "in TS1 2PA. Its first half is enough to find the wards there.",
        )
    ids = like_it(names, limit)
    if ids:
        message = f"No place is called “{text}”; showing names like it."
        return _Ids(ids, {}, message, _kinds(ids) if counting else None, guess=True)
    return _Ids([], {}, "")


def _only(found: _Ids, kind: str, counting: bool) -> _Ids:
    """Count a short list by type, and keep to one, where either was asked for."""
    if not found.ids or not (kind or counting):
        return found
    kinds = dict(Area.objects.filter(pk__in=found.ids).values_list("pk", "area_type_id"))
    counts: dict[str, int] = {}
    for slug in kinds.values():
        counts[slug] = counts.get(slug, 0) + 1
    ids = [pk for pk in found.ids if not kind or kinds[pk] == kind]
    return found._replace(ids=ids, counts=counts)


def _kinds(ids: list[int]) -> dict[str, int]:
    """Return how many of `ids` there are of each type. One query."""
    counts: dict[str, int] = {}
    for slug in Area.objects.filter(pk__in=ids).values_list("area_type_id", flat=True):
        counts[slug] = counts.get(slug, 0) + 1
    return counts


def _named_counts(counts: dict[str, int]) -> tuple[Count, ...]:
    """Return counts with the names of their types, the widest first. One query."""
    kinds = AreaType.objects.filter(slug__in=counts).order_by("rank")
    return tuple(
        Count(k.slug, k.name if counts[k.slug] == 1 else k.name_plural, counts[k.slug])
        for k in kinds
    )


def _rows(query: str, params: dict[str, Any]) -> dict[Any, Any]:
    """Run a query of two columns and return them as a dictionary."""
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return dict(cursor.fetchall())


def _column(query: str, params: dict[str, Any]) -> list[int]:
    """Run a query whose first column is ids, and return it."""
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return [row[0] for row in cursor.fetchall()]


def _fold(text: str) -> str:
    """Return a name as search compares it: as levelup_fold does, whose words Postgres alone knows.

    One query, or none for plain letters, which have no accents to lose.
    """
    if text.isascii():
        return " ".join(text.lower().translate(PLAIN).split())
    with connection.cursor() as cursor:
        cursor.execute("SELECT levelup_fold(%s)", (text,))
        (folded,) = cursor.fetchone()
    return " ".join(folded.split())


def _pattern(text: str, kind: str) -> dict[str, Any] | None:
    """Return the parameters of a search by name, or None when nothing is left to look for.

    “&” and “and” stand for each other, and “Saint” for “St”. One query.
    """
    folded = _fold(text)
    if not re.search(r"\w", folded):
        return None
    words = ["st" if word == "saint" else word for word in folded.split(" ")]
    folded = " ".join(words)
    safe = [re.sub(r"([%_\\])", r"\\\1", word) for word in words]
    pattern = " ".join("%" if word in {"and", "&"} and i > 0 else word for i, word in
                       enumerate(safe))  # fmt: skip
    known = [*former_names().items(), *other_names()]
    former = {}
    if len(folded) >= 3:
        begun = [(n.casefold(), code) for n, code in known if n.casefold().startswith(folded)]
        ids = dict(
            Area.objects.filter(code__in=[c for _, c in begun]).values_list("code", "pk")
        ) if begun else {}  # fmt: skip
        former = {ids[code]: name for name, code in begun if code in ids}
    return {
        "folded": folded,
        "begins": f"{pattern}%",
        "word": f"% {pattern}%",
        "whole_word": f"% {pattern} %",
        "words": safe,
        "long": len(folded) >= 3,
        "former": list(former),
        # The beginning of a name of old is not as good as the whole: “West” is no Western Isles.
        "renamed": [pk for pk, name in former.items() if name == folded],
        "kind": kind,
        "enough": str(LIKE_ENOUGH),
    }


def by_name(names: dict[str, Any], limit: int) -> list[int]:
    """Return ids of areas whose name, or a word of it, begins so. One or two queries.

    Those with a name of their own, the numbered, and after both the ended of each.
    """
    named = _rows(BY_NAME, names | {"limit": limit})
    lasting = [pk for pk, turn in named.items() if turn < 3]
    if len(lasting) >= limit:
        return lasting
    numbered = _rows(BY_NUMBERED_NAME, names | {"limit": limit})
    ids = [
        *lasting,
        *(pk for pk, turn in numbered.items() if turn < 2),
        *(pk for pk, turn in named.items() if turn == 3),
        *(pk for pk, turn in numbered.items() if turn >= 2),
    ]
    return ids[:limit]


def by_every_word(names: dict[str, Any], limit: int) -> list[int]:
    """Return ids of areas whose name has all the words, in any order. One query."""
    words = names["words"]
    if not 2 <= len(words) <= MOST_WORDS or max(map(len, words)) < 3:
        return []
    # The index knows three letters in a row; that a word begins so is looked at in what it finds.
    every = " AND ".join(
        f"a.folded LIKE %(inside{i})s AND ' ' || a.folded LIKE %(word{i})s"
        for i in range(len(words))
    )
    params = {f"inside{i}": f"%{word}%" for i, word in enumerate(words)}
    params |= {f"word{i}": f"% {word}%" for i, word in enumerate(words)}
    return _column(BY_EVERY_WORD.format(every=every), names | params | {"limit": limit})


def in_parent(first: str, rest: str, limit: int, kind: str) -> list[int]:
    """Return ids of areas called `first` in an area called `rest`, directly or by one between.

    A ward is known to lie in its authority, and that in its region and country. Four queries at
    most.
    """
    names = _pattern(first, kind)
    folded = _fold(rest)
    if names is None or not folded:
        return []
    ids = by_name(names, max(limit, MOST))
    with connection.cursor() as cursor:
        cursor.execute(IN_PARENT, {"ids": ids, "folded": folded})
        inside = {pk for (pk,) in cursor.fetchall()}
    return [pk for pk in ids if pk in inside][:limit]


def like_it(names: dict[str, Any], limit: int) -> list[int]:
    """Return ids of areas whose name is the question with a few slips, the fewest first.

    Of names with enough letters in common those are kept that differ by few letters added, left
    out, changed or turned round; of Welsh ones where no English one does. Numbered names are looked
    through only for a question with a number in it: all others are like the place that they are
    named after. Two queries, three with a number.
    """
    folded = names["folded"]
    if not re.search(r"[^\W\d_]{4}", folded):
        return []
    most = int(len(folded) / LETTERS_A_SLIP + 0.25)
    question = BOROUGH.sub("boro", folded)
    params = names | {"limit": CANDIDATES, "first": f"% {names['words'][0][:3]}%"}
    found: list[tuple[int, bool, int, str, int]] = []
    passes = [("folded", NAMED), ("folded_cy", f"{NAMED} AND a.folded_cy <> ''")]
    if re.search(r"\d", folded):
        passes.append(("folded", "true"))
    for column, named in passes:
        with connection.cursor() as cursor:
            cursor.execute(LIKE_IT.format(column=column, named=named), params)
            for pk, name, ended, rank in cursor.fetchall():
                slips = fewest_slips(question, BOROUGH.sub("boro", name), most)
                if slips <= most:
                    found.append((slips, ended, rank, name, pk))
        if found:
            break
    best = min((slips for slips, *_ in found), default=0)
    near = [one for one in found if one[0] <= best + 1]
    near.sort(key=lambda one: (one[1], one[0], *one[2:]))
    return [pk for *_, pk in near][: min(limit, 20)]


def fewest_slips(question: str, name: str, most: int) -> int:
    """Return by how many slips `question` differs from `name` or as many of its words in a row."""
    words = name.split(" ")
    n = question.count(" ") + 1
    runs = {name, *(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))}
    close = [run for run in runs if abs(len(run) - len(question)) <= most]
    return min((slips_between(question, run) for run in close), default=most + 1)


def slips_between(one: str, other: str) -> int:
    """Return the letters to add, leave out, change or turn round to get from one to the other.

    The optimal string alignment distance (Damerau 1964, without a second change to a pair).
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, mate in enumerate(other, 1):
            step = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != mate))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == mate:
                step = min(step, before[j - 2] + 1)
            row.append(step)
        before, last = last, row
    return last[-1]


def by_code(close: str, limit: int, kind: str) -> list[int]:
    """Return ids of areas whose code begins so, in order of code. One query."""
    return _column(BY_CODE, {"code": f"{close}%", "limit": limit, "kind": kind})


def wards_of_postcodes(text: str, limit: int) -> tuple[dict[int, int], int, str]:
    """Return the wards with most live postcodes that begin so, and how many each has.

    Then how many wards there are in all, and the beginning. “B1” means the postcodes of B1, not
    those of B10 to B19, unless there are none. Up to two queries.
    """
    close = tight(text)
    patterns = [f"{close}%"]
    outward = text.split(" ")[0]
    if OUTWARD.match(outward):
        patterns.insert(0, close + "_" * (len(outward) + 3 - len(close)))
    rows: list[tuple[int, int, int]] = []
    for pattern in patterns:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT ward_id, count(*) AS n, count(*) OVER () FROM areas_postcode "
                "WHERE postcode LIKE %(like)s AND ward_id IS NOT NULL AND ended IS NULL "
                "GROUP BY ward_id ORDER BY n DESC, ward_id LIMIT %(limit)s",
                {"like": pattern, "limit": limit},
            )
            rows = cursor.fetchall()
        if rows:
            break
    return {ward: n for ward, n, _ in rows}, rows[0][2] if rows else 0, text


def by_postcode(close: str) -> _Ids:
    """Return the areas that hold a whole postcode, or held it, the smallest first."""
    written = f"{close[:-3]} {close[-3:]}"
    # Plain SQL and as little of each area as `ancestors` asks: composing the query and two areas
    # with their types took as long as all the rest.
    with connection.cursor() as cursor:
        cursor.execute(HOLDERS, (close,))
        rows = cursor.fetchall()
    if not rows:
        northern = (
            " Northern Ireland's postcodes are not open data: search by name there."
            if close.startswith("BT")
            else " It may have ended, or be very new: try its first half, or the name of the place."
        )
        return _Ids([], {}, f"The postcode {written} is not held here.{northern}")
    ended = rows[0][0]
    of_kind = {
        what: Area(pk=pk, area_type=AreaType(slug=slug, rank=rank))
        for _, what, pk, slug, rank in rows
        if pk is not None
    }
    ward = of_kind.get("ward")
    holders = []
    if small := of_kind.get("small"):
        # A ward by best fit gives way to the postcode's own.
        above = (a for a in ancestors(small) if ward is None or a.area_type_id != "ward")
        holders = [small, *above]
    if ward is not None:
        known = {a.area_type_id for a in holders}
        holders.append(ward)
        if "authority" not in known:
            holders += [a for a in ancestors(ward) if a.area_type_id not in known]
    verb, message = "holds", ""
    if ended:
        verb, month = "held", f"{ended:%B %Y}"
        message = f"The postcode {written} ended in {month}. These areas held it."
    if not holders:
        message = f"The postcode {written} is held here, but not which areas it lies in."
    ids = _narrow(holders)
    return _Ids(ids, dict.fromkeys(ids, f"{verb} {written}"), message)


def _narrow(areas: Iterable[Area]) -> list[int]:
    """Return ids of areas no wider than a county, the smallest first."""
    wide = {"uk", "country-group", "country", "region"}
    kept = {a.pk: a for a in areas if a.area_type_id not in wide}
    return sorted(kept, key=lambda pk: -kept[pk].area_type.rank)


def by_point(point: Point) -> _Ids:
    """Return the areas around a point, by the newest outlines, the smallest first.

    Three queries at most.
    """
    if point.problem:
        return _Ids([], {}, point.problem)
    where = {"x": point.x, "y": point.y, "srid": point.srid, "widest": "authority"}
    ids = _column(AT_POINT, where) or _column(AT_POINT, where | {"widest": "uk"})
    if not ids:
        return _Ids(
            [],
            {},
            f"{point.remark}{point.written[0].upper()}{point.written[1:]} is in the sea, or "
            f"outside the areas whose outlines are held here.{point.hint}",
        )
    smallest = Area.objects.select_related("area_type").get(pk=ids[0])
    kept = Area.objects.filter(pk__in=ids).values_list("area_type_id", flat=True)
    known = set(kept)
    ids += [a.pk for a in reversed(ancestors(smallest)) if a.area_type_id not in known]
    return _Ids(ids, dict.fromkeys(ids, f"contains {point.written}"), point.remark.strip())


def describe(ids: list[int], notes: dict[int, str]) -> list[Found]:
    """Return areas in the order of `ids`, with the authority or wider area they are in.

    Two queries, and one for what followed the ended.
    """
    if not ids:
        return []
    areas = areas_of(ids)
    with connection.cursor() as cursor:
        cursor.execute(PARENTS, (ids,))
        parents = dict(cursor.fetchall())
    today = timezone.localdate()
    after = became(pk for pk, area in areas.items() if area.has_ended(today))
    followed = {pk: list(dict.fromkeys(name for _, name in some)) for pk, some in after.items()}
    found = []
    for pk in ids:
        area = areas[pk]
        note = ended_note(area, followed.get(pk, []), today) if area.valid_to else ""
        note = "; ".join(part for part in (notes.get(pk, ""), note) if part)
        found.append(Found(area, parents.get(pk, ""), note))
    return found


def ended_note(area: Area, followed: list[str], today: date) -> str:
    """Return when an area ended, since when it had been where that is known, and what followed.

    Of one that is to end, when.
    """
    if area.valid_to is None:
        return ""
    day = f"{area.valid_to.day} {area.valid_to:%B %Y}"
    if not area.has_ended(today):
        return f"ends on {day}"
    note = f"ended on {day}"
    # Codes older than the system of codes are given its first day: it says nothing.
    if (area.valid_from.month, area.valid_from.day, area.valid_from.year) != (1, 1, 2009):
        note = f"from {area.valid_from.day} {area.valid_from:%B %Y} to {day}"
    if len(followed) > 3:
        return f"{note}, followed by {len(followed)} areas"
    names = followed if len(followed) < 2 else [", ".join(followed[:-1]), followed[-1]]
    return f"{note}, followed by {' and '.join(names)}" if names else note
