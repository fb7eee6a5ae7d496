"""Groups of areas that readers make: reading what they pasted, and keeping it."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from areas.hierarchy import successors_of
from areas.models import Area, AreaGroup, GroupMember

# As areas are coded: GSS, and the small areas of Northern Ireland that came before it.
CODE = re.compile(r"(?<![A-Z0-9])([A-Z][0-9]{8}|95[A-Z]{2}[0-9]{2}[A-Z][0-9])(?![A-Z0-9])")
LONGEST_TEXT = 200_000
LONGEST_NAME = 120
LONGEST_MAKER = 80
# “Bristol, City of” is one name, so runs of up to this many parts of a line are tried as one.
MOST_PARTS = 3
SPACE = re.compile(r"\s+")
AND = re.compile(r"\s*&\s*|\s+and\s+", re.IGNORECASE)
# Names that were not found for which near ones are looked up, how many, and how much alike: of
# letters in threes, “Hartelpool” shares 0.47 with Hartlepool.
MOST_NEAR_TEXTS, MOST_NEAR, NEAR_ENOUGH = 20, 3, 0.4
# Control characters, and marks that documents bring along and nobody sees.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2060\ufeff]")

# Each text against whole names, in English and Welsh, as search compares them. A name is written
# with “and” or with “&”: both are tried, as its place among the texts says.
BY_NAME = """
SELECT DISTINCT t.position, a.id, a.area_type_id, k.rank,
    a.valid_to IS NULL OR a.valid_to > current_date,
    EXISTS (SELECT FROM areas_member m WHERE m.area_id = a.id)
FROM unnest(%s::text[], %s::int[]) AS t(text, position)
CROSS JOIN LATERAL (
    SELECT id, area_type_id, valid_to FROM areas_area
    WHERE folded = levelup_fold(t.text)
  UNION
    SELECT id, area_type_id, valid_to FROM areas_area
    WHERE folded_cy <> '' AND folded_cy = levelup_fold(t.text)
) a JOIN areas_areatype k ON k.slug = a.area_type_id
WHERE levelup_fold(t.text) <> ''
ORDER BY t.position, a.id
"""
# The names most like each text, of areas that are current and in an edition. Numbered names are
# left out, as areas.search leaves them out (its NAMED, which an index stands on).
NEAR = """
SELECT t.position, near.id FROM unnest(%(texts)s::text[]) WITH ORDINALITY AS t(text, position)
CROSS JOIN LATERAL (
    SELECT a.id, k.rank, a.code, similarity(a.folded, levelup_fold(t.text)) AS likeness
    FROM areas_area a JOIN areas_areatype k ON k.slug = a.area_type_id
    WHERE a.folded %% levelup_fold(t.text) AND a.folded !~ '[0-9][a-z]?$'
        AND (a.valid_to IS NULL OR a.valid_to > current_date)
        AND (%(kind)s = '' OR a.area_type_id = %(kind)s)
        AND similarity(a.folded, levelup_fold(t.text)) >= %(enough)s
        AND EXISTS (SELECT FROM areas_member m WHERE m.area_id = a.id)
    ORDER BY likeness DESC, k.rank, a.code LIMIT %(most)s
) near ORDER BY t.position, near.likeness DESC, near.rank, near.code
"""
CANDIDATES = """
SELECT a.code, a.id, a.area_type_id, k.rank, a.valid_to IS NULL OR a.valid_to > current_date,
    EXISTS (SELECT FROM areas_member m WHERE m.area_id = a.id)
FROM areas_area a JOIN areas_areatype k ON k.slug = a.area_type_id
"""
BY_CODE = f"{CANDIDATES} WHERE a.code = ANY(%s)"
BY_ID = f"{CANDIDATES} WHERE a.id = ANY(%s)"


class Unresolved(NamedTuple):
    """Something pasted that is not one area: why, and the ids of areas it may mean.

    `reason` is `unknown`, `near` (nothing is called so, and `choices` are called nearly so),
    `several` (areas of this name), `ended` (`choices` followed it) or `other-type` (a code of
    another type than was asked for; `choices` is that area).
    """

    text: str
    reason: str
    choices: list[int]


class Replaced(NamedTuple):
    """A code that has ended, and the code of the one area that followed it, which was taken."""

    text: str
    became: str


class Pasted(NamedTuple):
    """What a pasted text says: ids of areas in its order, each once, and what is not clear.

    `replaced` says which codes were taken as the area that followed them.
    """

    area_ids: list[int]
    unresolved: list[Unresolved]
    repeated: int
    replaced: list[Replaced]


class Candidate(NamedTuple):
    """An area that a text may mean. `held` where it is in an edition, and so may have figures."""

    area_id: int
    area_type: str
    type_rank: int
    current: bool
    held: bool


class GroupRefused(ValueError):
    """The group cannot be made; the message is a sentence that says why and what to do."""


def pieces(text: str) -> list[str]:
    """Return the entries of a pasted text, before names with commas in them are put together.

    Lines and semicolons part entries. A line with a code in it is that code, or those codes,
    whatever else it holds: lists from spreadsheets have the name beside the code.
    """
    found: list[str] = []
    for line in re.split(r"[\r\n;\v\f\x85\u2028\u2029]+", text):
        plain = SPACE.sub(" ", UNPRINTABLE.sub(" ", line.replace("\t", ","))).strip(" ,\"'|•*-")
        if not plain:
            continue
        codes = CODE.findall(plain.upper())
        found += codes or [plain]
    return found


def runs(piece: str) -> list[tuple[int, int, str]]:
    """Return (from, to, text) of every run of up to `MOST_PARTS` parts between commas.

    And the whole, where it has more.
    """
    parts = [p.strip() for p in piece.split(",")]
    n = len(parts)
    lengths = {*range(1, min(n, MOST_PARTS) + 1), n}
    return [
        (start, start + length, ", ".join(parts[start : start + length]))
        for length in sorted(lengths, reverse=True)
        for start in range(n - length + 1)
        if any(parts[start : start + length])
    ]


def read_pasted(text: str, area_type: str = "", *, keep_ended: bool = False) -> Pasted:
    """Read codes and names, in any mix of lines and commas, as areas. Five queries at most.

    `area_type` holds names and codes to one type; without it, the widest type that every entry may
    be is taken. An ended area that one area of its type followed is taken as that; `keep_ended`
    takes those that have ended as they were, where they have figures.
    Raises GroupRefused where the text is longer than a list of areas can be.
    """
    if len(text) > LONGEST_TEXT:
        raise GroupRefused(
            f"The list is longer than {LONGEST_TEXT:,} characters: paste codes or names only."
        )
    entries = pieces(text)
    if len(entries) > 2 * AreaGroup.MOST:
        raise GroupRefused(
            f"The list has {len(entries):,} entries; a group holds at most {AreaGroup.MOST:,} "
            "areas. Paste fewer."
        )
    if sum(e.count(",") for e in entries) > 4 * AreaGroup.MOST:
        raise GroupRefused(
            f"The list has too many commas for {AreaGroup.MOST:,} areas: paste one area a line."
        )
    by_code = candidates_by_code({e for e in entries if CODE.fullmatch(e)})
    names = {run[2]: None for e in entries if not CODE.fullmatch(e) for run in runs(e)}
    by_name = candidates_by_name(list(names))
    wanted: list[tuple[str, list[Candidate]]] = []
    for entry in entries:
        if CODE.fullmatch(entry):
            wanted.append((entry, by_code.get(entry, [])))
        else:
            wanted += split_names(entry, by_name)
    kind = area_type or common_type([c for _, c in wanted])
    chosen: list[tuple[int, int]] = []
    unclear: list[tuple[int, str, str, list[Candidate]]] = []
    for at, (label, candidates) in enumerate(wanted):
        is_code = CODE.fullmatch(label) is not None
        fit = candidates if is_code else fitting(candidates, kind, strict=bool(area_type))
        if is_code and area_type and fit and fit[0].area_type != area_type:
            unclear.append((at, label, "other-type", fit))
        elif len(fit) == 1 and fit[0].held and (fit[0].current or keep_ended):
            chosen.append((at, fit[0].area_id))
        elif not fit:
            unclear.append((at, label, "unknown", []))
        else:
            unclear.append((at, label, "several" if len(fit) > 1 else "ended", fit))
    became = successors_of([c[0].area_id for _, _, reason, c in unclear if reason == "ended"])
    one_each = candidates_by_id([ids[0] for ids in became.values() if len(ids) == 1])
    once: dict[str, Unresolved] = {}
    replaced: dict[str, Replaced] = {}
    for at, label, reason, fit in unclear:
        ids = became.get(fit[0].area_id, []) if reason == "ended" else [c.area_id for c in fit]
        if reason == "ended" and len(ids) == 1 and ids[0] in one_each:
            code, after = one_each[ids[0]]
            if after.held and after.area_type == fit[0].area_type:
                chosen.append((at, after.area_id))
                replaced.setdefault(label, Replaced(label, code))
                continue
        once.setdefault(label, Unresolved(label, reason, ids))
    near = nearest([u.text for u in once.values() if u.reason == "unknown"], area_type or kind)
    unresolved = [
        Unresolved(u.text, "near", near[u.text]) if u.text in near else u for u in once.values()
    ]
    in_order = [pk for _, pk in sorted(chosen)]
    distinct = list(dict.fromkeys(in_order))
    return Pasted(distinct, unresolved, len(chosen) - len(distinct), list(replaced.values()))


def nearest(texts: Sequence[str], area_type: str) -> dict[str, list[int]]:
    """Return the current areas with names most like each of the first texts that are no codes.

    Of `area_type`, where one is given. One query, none for none.
    """
    names = [t for t in texts if not CODE.fullmatch(t)][:MOST_NEAR_TEXTS]
    found: dict[str, list[int]] = {}
    if names:
        with connection.cursor() as cursor:
            cursor.execute(
                NEAR,
                {
                    "texts": [t[:LONGEST_NAME] for t in names],
                    "kind": area_type,
                    "enough": NEAR_ENOUGH,
                    "most": MOST_NEAR,
                },
            )
            for position, pk in cursor.fetchall():
                found.setdefault(names[position - 1], []).append(pk)
    return found


def candidates_by_id(area_ids: Sequence[int]) -> dict[int, tuple[str, Candidate]]:
    """Return the code of each area and what it is. One query, none for none."""
    if not area_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(BY_ID, (list(area_ids),))
        return {
            pk: (code, Candidate(pk, kind, rank, current, held))
            for code, pk, kind, rank, current, held in cursor.fetchall()
        }


def candidates_by_code(codes: set[str]) -> dict[str, list[Candidate]]:
    """Return the area of each code that there is. One query."""
    if not codes:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(BY_CODE, (sorted(codes),))
        return {
            code: [Candidate(pk, kind, rank, current, held)]
            for code, pk, kind, rank, current, held in cursor.fetchall()
        }


def candidates_by_name(names: Sequence[str]) -> dict[str, list[Candidate]]:
    """Return the areas of each name, held ones only where there are any. One query."""
    found: dict[str, list[Candidate]] = {}
    if not names:
        return found
    spellings = [
        (spelling, at) for at, name in enumerate(names, 1) for spelling in spellings_of(name)
    ]
    with connection.cursor() as cursor:
        cursor.execute(BY_NAME, ([s for s, _ in spellings], [at for _, at in spellings]))
        for position, pk, kind, rank, current, held in cursor.fetchall():
            candidate = Candidate(pk, kind, rank, current, held)
            found.setdefault(names[position - 1], []).append(candidate)
    return {name: usable(candidates) for name, candidates in found.items()}


def spellings_of(name: str) -> list[str]:
    """Return a name as it is written, with every “and” and with every “&”, each once."""
    return list(dict.fromkeys([name, AND.sub(" and ", name), AND.sub(" & ", name)]))


def usable(candidates: list[Candidate]) -> list[Candidate]:
    """Return those that are current and held; else those held; else all."""
    for keep in (
        [c for c in candidates if c.held and c.current],
        [c for c in candidates if c.held],
    ):
        if keep:
            return keep
    return candidates


def split_names(
    entry: str, by_name: dict[str, list[Candidate]]
) -> list[tuple[str, list[Candidate]]]:
    """Return the names of an entry, the longest runs that are names first, in its order.

    “Leeds, Bristol, City of, Derby” is Leeds, Bristol, City of, and Derby.
    """
    parts = [p.strip() for p in entry.split(",")]
    taken = [False] * len(parts)
    found: list[tuple[int, str, list[Candidate]]] = []
    for start, end, label in runs(entry):
        if label in by_name and not any(taken[start:end]):
            taken[start:end] = [True] * (end - start)
            found.append((start, label, by_name[label]))
    found += [(i, part, []) for i, part in enumerate(parts) if part and not taken[i]]
    return [(label, candidates) for _, label, candidates in sorted(found, key=lambda f: f[0])]


def common_type(candidates: list[list[Candidate]]) -> str:
    """Return the widest type that every entry with candidates may be, or nothing."""
    counts: Counter[tuple[int, str]] = Counter()
    known = [c for c in candidates if c]
    for each in known:
        counts.update({(c.type_rank, c.area_type) for c in each})
    fits = [kind for kind, n in counts.items() if n == len(known)]
    return min(fits)[1] if fits else ""


def fitting(candidates: list[Candidate], kind: str, *, strict: bool) -> list[Candidate]:
    """Return the candidates of a type; all of them where there are none, unless `strict`."""
    if not kind:
        return candidates
    of_kind = [c for c in candidates if c.area_type == kind]
    return of_kind if of_kind or strict else candidates


def new_token() -> str:
    """Return sixteen characters of 96 random bits, fit for an address."""
    return secrets.token_urlsafe(12)


def plain_words(text: str, longest: int, what: str) -> str:
    """Return `text` on one line; raise GroupRefused for markup, or more than `longest`."""
    plain = SPACE.sub(" ", UNPRINTABLE.sub(" ", text)).strip()
    if "<" in plain or ">" in plain:
        raise GroupRefused(f"The {what} holds < or >: write it in plain words.")
    if any(not c.isprintable() for c in plain):
        raise GroupRefused(f"The {what} holds characters that cannot be shown: type it again.")
    if len(plain) > longest:
        raise GroupRefused(f"The {what} is longer than {longest} characters: shorten it.")
    return plain


@transaction.atomic
def make_group(*, name: str, area_ids: Sequence[int], at: datetime, made_by: str = "") -> AreaGroup:
    """Keep a group of areas of one type under a new token.

    Raises GroupRefused for a name that is empty or not plain, for fewer than two areas or more
    than `AreaGroup.MOST`, and for areas of several types.
    """
    name = plain_words(name, LONGEST_NAME, "name")
    made_by = plain_words(made_by, LONGEST_MAKER, "maker's name")
    if not name:
        raise GroupRefused("The group has no name: give it one that others will understand.")
    ids = list(dict.fromkeys(area_ids))
    if len(ids) < 2:
        raise GroupRefused("A group needs at least two areas: add more.")
    if len(ids) > AreaGroup.MOST:
        raise GroupRefused(
            f"That is {len(ids):,} areas; a group holds at most {AreaGroup.MOST:,}. Leave some out."
        )
    kinds = Counter(
        Area.objects.filter(pk__in=ids).values_list(
            "area_type__name", "area_type__name_plural", "area_type"
        )
    )
    if sum(kinds.values()) != len(ids):
        raise GroupRefused("Some of the areas are no longer held: paste the list again.")
    if len(kinds) > 1:
        listed = ", ".join(
            f"{n:,} {one if n == 1 else plural}" for (one, plural, _), n in kinds.most_common()
        )
        raise GroupRefused(
            f"A group holds areas of one type, and these are {listed}: keep one type."
        )
    ((*_, kind),) = kinds
    group = AreaGroup.objects.create(
        token=new_token(),
        name=name,
        made_by=made_by,
        area_type_id=kind,
        n_members=len(ids),
        created_at=at,
    )
    GroupMember.objects.bulk_create(GroupMember(group=group, area_id=pk) for pk in ids)
    return group
