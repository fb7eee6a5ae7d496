"""Code history since 2012: which old code became which, when, and how much of it went where.

`changes.csv` has a line for each step and `areas.csv` the codes that have ended (or, like the
combined authority of 2024, follow from one). Both hold facts typed in from the Register of
Geographic Codes and the Code History Database (Office for National Statistics, Open Government
Licence v3.0), checked against lists of every district code since 2011. Weights are shares of the
residents of the old area: 1 where all of it went to one place; of counties that were split, from
the Census of 2011; empty where the share is not published with the codes, as for land exchanged
between neighbours, of a few hundred people at most. An exchange is a break in a series and not a
new name.

`names.csv` has other names that people know areas by, which those codes never had: those that the
areas had in law before there were codes, each with the law.

Authorities, counties and combined authorities are covered. Wards change every May and come with
their editions; small areas with the lookups from one census to the next.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import polars as pl
from django.db import connection, transaction

from areas.importing import load
from areas.importing.copy import fetch_frame
from areas.models import AreaType

CHANGES = Path(__file__).parent / "changes.csv"
AREAS = Path(__file__).parent / "areas.csv"
NAMES = Path(__file__).parent / "names.csv"
CHANGE_COLUMNS = ["from_code", "to_code", "kind", "effective", "weight"]


class Loaded(NamedTuple):
    """What loading the history did. `left_out` counts steps towards areas that are not held."""

    areas: int
    ended: int
    changes: int
    left_out: int


@cache
def read_changes() -> pl.DataFrame:
    """Return every step: from_code, to_code, kind, effective, weight, names before and after."""
    return pl.read_csv(CHANGES, schema_overrides={"effective": pl.Date, "weight": pl.Float64}).sort(
        "effective", "from_code", "to_code"
    )


@cache
def read_areas() -> pl.DataFrame:
    """Return the areas that steps need: code, name, area_type, valid_from, valid_to or null."""
    return pl.read_csv(AREAS, schema_overrides={"valid_from": pl.Date, "valid_to": pl.Date})


@cache
def former_names() -> dict[str, str]:
    """Return names that areas no longer have under the same code, and the code: “Shepway”."""
    renamed = read_changes().filter(pl.col("kind") == "rename")
    return dict(renamed.select("from_name", "from_code").iter_rows())


@cache
def other_names() -> tuple[tuple[str, str], ...]:
    """Return names that areas had before there were codes, and the code: “Western Isles”."""
    return tuple(pl.read_csv(NAMES).select("name", "code").iter_rows())


def leading_to(held: set[str], types: set[str]) -> pl.DataFrame:
    """Return the steps that lead, in the end, to an area that is `held`, of types known here."""
    known = set(read_areas().filter(pl.col("area_type").is_in(list(types)))["code"])
    # A code that has not ended, and that steps lead to, stands on its own.
    lasting = set(read_areas().filter(pl.col("valid_to").is_null())["code"]) & known
    reached = held | lasting
    steps = read_changes().filter(pl.col("from_code").is_in(list(held | known)))
    while True:
        useful = steps.filter(pl.col("to_code").is_in(list(reached)))
        further = reached | set(useful["from_code"])
        if further == reached:
            return useful
        reached = further


@transaction.atomic
def load_history() -> Loaded:
    """Load the code history of all areas that are held; what is held already is left alone.

    Ended areas are made where a step leads from them to an area that is held; those that came in
    an old edition, without their end, are given it. May be run again at any time, and should be
    after areas are loaded. Four queries and the writing.
    """
    types = set(AreaType.objects.values_list("slug", flat=True))
    held = set(load.area_ids()["code"])
    steps = leading_to(held, types)
    needed = pl.concat([steps["from_code"], steps["to_code"]]).unique()
    missing = read_areas().filter(
        pl.col("code").is_in(needed.implode()) & ~pl.col("code").is_in(list(held))
    )
    if missing.height:
        load.load_areas(missing.with_columns(pl.lit("").alias("name_cy")))
    done = fetch_frame(
        "SELECT f.code, t.code FROM areas_areachange c JOIN areas_area f ON f.id = c.from_area_id "
        "JOIN areas_area t ON t.id = c.to_area_id",
        (),
        {"from_code": pl.String, "to_code": pl.String},
    )
    new = steps.join(done, on=["from_code", "to_code"], how="anti")
    if new.height:
        load.load_changes(new.select(CHANGE_COLUMNS))
    return Loaded(
        areas=missing.height,
        ended=end_areas(),
        changes=new.height,
        left_out=read_changes().height - steps.height,
    )


def end_areas() -> int:
    """Give ended areas that are held without an end the one they had; return how many."""
    ended = read_areas().filter(pl.col("valid_to").is_not_null())
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE areas_area a SET valid_to = e.valid_to,
                valid_from = least(a.valid_from, e.valid_from)
            FROM unnest(%s::text[], %s::date[], %s::date[]) AS e(code, valid_from, valid_to)
            WHERE a.code = e.code AND a.valid_to IS NULL
            """,
            (ended["code"].to_list(), ended["valid_from"].to_list(), ended["valid_to"].to_list()),
        )
        return int(cursor.rowcount)
