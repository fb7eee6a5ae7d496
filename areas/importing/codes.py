"""What a GSS code says of itself: the type of area, by its first three characters.

The tables are data (`data/entities.csv`, `data/stems.csv`), after the Register of Geographic
Codes of the Office for National Statistics. Codes of Northern Ireland's super output areas
(`95AA01S1`) are older than the register and are told by their first two characters.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl

DATA = Path(__file__).parent / "data"
CODE_FORM = r"^[A-Z0-9]{3,12}$"
# Codes that stand for “no such level here” in directories of postcodes.
PSEUDO = r"^[A-Z]9{8}$"


@cache
def entities() -> pl.DataFrame:
    """Return every known `prefix` with its `area_type` and the `entity` it stands for."""
    return pl.read_csv(DATA / "entities.csv", infer_schema=False)


@cache
def stems() -> dict[str, str]:
    """Return the type of area that each stem of a column's heading (WD, LAD …) speaks of."""
    return dict(pl.read_csv(DATA / "stems.csv", infer_schema=False).iter_rows())


def type_of(code: pl.Expr) -> pl.Expr:
    """Return the slug of the area type that a code's prefix means; null when it is not known."""
    known = dict(entities().select("prefix", "area_type").iter_rows())
    prefix = pl.when(code.str.starts_with("95")).then(pl.lit("95")).otherwise(code.str.slice(0, 3))
    return prefix.replace_strict(known, default=None, return_dtype=pl.String)


def prefixed(code: pl.Expr, prefix: str) -> pl.Expr:
    """Return codes of a classification (A1, 2.0) made into codes of areas: RUC11A1, RUC162.

    Workbooks turn whole numbers into 2.0, which is 2.
    """
    return pl.lit(prefix) + code.str.replace(r"\.0$", "") if prefix else code
