"""Which columns of a table tell its areas, and which editions hold them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from indicators.releases.recognising.columns import Column, clean_codes
from indicators.releases.recognising.known import Known, plain_names
from indicators.releases.recognising.mapping import AreaColumns

ENOUGH = 0.5
VINTAGE = re.compile(r"(?:\b|[a-z])((?:20)?(?:0[1-9]|1\d|2\d))(?=\b|_| ?code|cd)", re.IGNORECASE)


def area_of(frame: pl.DataFrame, columns: Sequence[Column], known: Known) -> AreaColumns | None:
    """Return where a table's areas are, or None where nothing tells."""
    points = [c.heading for role in ("longitude", "latitude") for c in columns if c.role == role]
    if len(points) != 2:
        points = []
    by_code = coded(frame, columns)
    if by_code:
        return AreaColumns(by_code, "code", names=names_beside(by_code[0], columns), points=points)
    aliased = [
        c
        for c in columns
        if c.filled
        and known.aliases
        and c.role in ("code", "", "ignored")
        and float(frame[c.heading].is_in(list(known.aliases)).mean() or 0) >= 0.8  # type: ignore[arg-type]
        and re.search(r"\b(?:code|la|lea|dfe|estab|geography|nomis)\b", c.words)
    ]
    if aliased:
        number = aliased[0].heading
        return AreaColumns([number], "code", names=names_beside(number, columns), points=points)
    posts = [c for c in columns if c.postcodes >= 0.8 and c.filled]
    if posts:
        return AreaColumns([posts[0].heading], "postcode", points=points)
    across = headings_across(columns, known)
    if across:
        return across
    named = by_name(frame, columns, known)
    if named:
        return named
    if points:
        return AreaColumns(points, "point")
    return None


def coded(frame: pl.DataFrame, columns: Sequence[Column]) -> list[str]:
    """Return the columns that hold codes: the finest first, then those that fill its gaps."""
    found = [
        c
        for c in columns
        if c.filled
        and (c.codes >= ENOUGH or c.code_like >= 0.8)
        and c.role not in ("parent", "ignored")
    ]
    if not found:
        return []
    # The finest has the most different codes; of equals, the first.
    found.sort(key=lambda c: (-(c.distinct if c.codes >= ENOUGH else c.distinct / 2), c.place))
    chosen = [found[0]]
    rest = frame.filter(pl.col(found[0].heading).is_null())
    for column in found[1:]:
        if rest.is_empty():
            break
        gained = rest[column.heading].is_not_null()
        if gained.sum() > 0 and gained.sum() >= 0.2 * rest.height:
            chosen.append(column)
            rest = rest.filter(~gained)
    return [c.heading for c in chosen]


def names_beside(code: str, columns: Sequence[Column]) -> str:
    """Return the column of the names of the areas in a column of codes, or ""."""
    place = next(c.place for c in columns if c.heading == code)
    stem = stem_of(code)
    names = [c for c in columns if c.role in ("name", "level") and not c.is_number and c.filled]
    for column in names:
        if stem and stem_of(column.heading) == stem:
            return column.heading
    for step in (1, -1):
        for column in names:
            if column.place == place + step and column.codes < ENOUGH:
                return column.heading
    return ""


def stem_of(heading: str) -> str:
    """Return a heading without the words for code and name."""
    return re.sub(r"[^a-z0-9]|code|name|nmw?$|cd$", "", re.sub(r"[\s_()]", "", heading.lower()))


def headings_across(columns: Sequence[Column], known: Known) -> AreaColumns | None:
    """Return the areas that are the headings of a table's columns, where most are."""
    numbers = [c for c in columns if c.is_number or c.filled == 0]
    if len(numbers) < 2:
        return None
    heads = pl.DataFrame({"heading": [c.heading for c in numbers]})
    as_codes = heads.select(clean_codes(pl.col("heading"))).to_series().is_in(known.codes.implode())
    if as_codes.sum() >= max(2, 0.6 * len(numbers)):
        kept = heads.filter(as_codes)["heading"].to_list()
        return AreaColumns(kept, "code", across=True)
    named = best_type(heads["heading"], known)
    if named is None:
        return None
    kind, matched = named
    if len(matched) < max(2, 0.6 * len(numbers)):
        return None
    kept = [c.heading for c in numbers if c.heading in matched]
    return AreaColumns(kept, "name", across=True, type=kind)


def best_type(texts: pl.Series, known: Known, parents: bool = False) -> tuple[str, set[str]] | None:
    """Return the type of area that most texts name, and which do; each has to name one area.

    With `parents`, a name may be of several areas, which their parents tell apart.
    """
    frame = (
        texts.drop_nulls()
        .unique()
        .to_frame("text")
        .with_columns(plain_names(pl.col("text")).alias("plain"))
    )
    found = frame.join(known.names, on="plain", how="inner")
    if found.is_empty():
        return None
    each = found.group_by("type", "text").agg(pl.col("code").n_unique().alias("n"))
    if not parents:
        # An area that was recoded is still one place: the newest code of a name is taken, but not
        # where several hold the name at once.
        newest = known.editions.unique("type", keep="first", maintain_order=True)["edition"]
        now = known.members.filter(pl.col("edition").is_in(newest.implode()))["code"]
        current = (
            found.filter(pl.col("code").is_in(now.implode()))
            .group_by("type", "text")
            .agg(pl.col("code").n_unique().alias("now"))
        )
        each = each.join(current, on=["type", "text"], how="left").filter(
            pl.col("now").fill_null(pl.col("n")) == 1
        )
    if each.is_empty():
        return None
    ranks = (
        each.group_by("type")
        .agg(pl.len(), pl.col("text").alias("texts"))
        .join(known.types.group_by("type").len("size"), on="type")
    ).sort(["len", "size", "type"], descending=[True, False, False])
    return ranks["type"][0], set(ranks["texts"][0].to_list())


def by_name(frame: pl.DataFrame, columns: Sequence[Column], known: Known) -> AreaColumns | None:
    """Return a column whose texts are names of areas; with one of parents, where they repeat."""
    if known.names.is_empty():
        return None
    found = []
    for column in columns:
        if column.filled == 0 or column.is_number or column.role in ("parent", "ignored", "period"):
            continue
        texts = frame[column.heading]
        distinct = max(column.distinct, 1)
        alone = best_type(texts, known)
        within = best_type(texts, known, parents=True)
        n_alone, n_within = len(alone[1]) if alone else 0, len(within[1]) if within else 0
        if alone and n_alone >= 0.6 * distinct and (n_alone == distinct or n_within <= n_alone):
            found.append((False, -distinct, column.place, column.heading, alone[0]))
        elif within and n_within >= 0.6 * distinct:
            found.append((True, -distinct, column.place, column.heading, within[0]))
    if not found:
        return None
    finest = min(found, key=lambda one: (one[1], one[2]))
    parents, _, _, heading, kind = finest
    others = [one for one in found if one[3] != heading and one[1] >= finest[1]]
    coded_parents = [c.heading for c in columns if c.codes >= ENOUGH]
    parent = (
        coded_parents[0]
        if coded_parents
        else (max(others, key=lambda o: -o[1])[3] if others else "")
    )
    if parents and not parent:
        alone = best_type(frame[heading], known)
        if alone is None or len(alone[1]) < 0.6 * -finest[1]:
            return None
        return AreaColumns([heading], "name", type=alone[0])
    return AreaColumns([heading], "name", parents=parent if parents else "", type=kind)


def vintage(headings: Sequence[str]) -> int | None:
    """Return the year of the areas that headings tell: “LSOA code (2011)”, lad19_code, WD24CD."""
    for heading in headings:
        found = VINTAGE.search(heading.replace(" ", "_"))
        if found:
            year = int(found[1])
            return year if year > 99 else 2000 + year
    return None


def editions_for(codes: pl.Series, known: Known, hint: int | None = None) -> list[str]:
    """Return editions that hold some different codes: the one that holds most first.

    Of those that hold as many, the one of the areas' own type, then the one of the year hinted at,
    then the one most of whose areas are here, then the one whose areas are known to lie in wider
    ones, then the newest. What it does not hold goes to another, and so on.
    """
    left = codes.drop_nulls().unique().to_frame("code")
    own = known.types.rename({"type": "own"})
    out: list[str] = []
    while left.height and len(out) < 40:
        held = (
            known.members.join(left, on="code", how="semi")
            .join(own, on="code", how="left")
            .group_by("edition")
            .agg(
                pl.col("code").n_unique().alias("held"),
                (pl.col("type") == pl.col("own")).mean().round(2).alias("of_type"),
                pl.col("parent_code").is_not_null().mean().round(2).alias("linked"),
            )
            .join(known.editions, on="edition")
            .with_columns(
                (
                    (pl.col("edition_date").dt.year() - hint).abs() == 0
                    if hint is not None
                    else pl.lit(False)
                ).alias("hinted"),
                (pl.col("held") / pl.col("size")).round(2).alias("covered"),
            )
            .sort(
                ["held", "of_type", "hinted", "covered", "linked", "edition_date", "edition"],
                descending=[True, True, True, True, True, True, False],
                nulls_last=True,
            )
        )
        if held.is_empty():
            break
        chosen = held["edition"][0]
        out.append(chosen)
        holds = known.members.filter(pl.col("edition") == chosen).select("code")
        left = left.join(holds, on="code", how="anti")
    return out
