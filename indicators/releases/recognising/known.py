"""What is held here, as far as recognising and checking ask: frames that callers build."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from indicators.releases.recognising.layouts import Layout

AREAS = {
    "code": pl.String,
    "name": pl.String,
    "name_cy": pl.String,
    "type": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
}
MEMBERS = {
    "edition": pl.String,
    "type": pl.String,
    "edition_date": pl.Date,
    "code": pl.String,
    "parent_code": pl.String,
}
INDICATORS: dict[str, pl.DataType | type[pl.DataType]] = {
    "slug": pl.String,
    "name": pl.String,
    "unit": pl.String,
    "decimals": pl.Int64,
    "multiplier": pl.Float64,
    "aggregation": pl.String,
    "scope_code": pl.String,
    "aliases": pl.List(pl.String),
}


def plain_names(names: pl.Expr) -> pl.Expr:
    """Return names as they are compared: case, accents of punctuation and small words aside."""
    return (
        names.str.to_lowercase()
        .str.replace_all("&", " and ", literal=True)
        .str.replace_all(r"\bst\.?\s", "st ")
        .str.replace_all(r"[’'`.]", "")
        .str.replace_all(r"[^\p{L}\p{N}]+", " ")
        .str.strip_chars()
        .str.replace(r"^(.*?) (?:city|county) of$", "$1")
        .str.replace(r"^(?:the )?(?:city|county|royal borough|london borough) of ", "")
        .str.replace(r" (?:county council|city council|borough council|council|ua|lb|cc)$", "")
        .str.replace(r"^the ", "")
    )


@dataclass(frozen=True)
class Known:
    """Areas, the editions that hold them, indicators and layouts.

    `areas`, `members` and `indicators` have the columns of AREAS, MEMBERS and INDICATORS.
    `parent_code` is of the nearest authority or region. `aliases` are other codes in use (the
    Department for Education's, Nomis's own numbering) and ours. `postcodes` gives the codes of
    areas for a series of postcodes in capitals without spaces; `locate` those for longitudes and
    latitudes; both null where there is none.
    """

    areas: pl.DataFrame
    members: pl.DataFrame
    indicators: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=INDICATORS))
    markers: Mapping[str, tuple[bool, str]] = field(default_factory=dict)
    layouts: Sequence[Layout] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    postcodes: Callable[[pl.Series], pl.Series] | None = None
    locate: Callable[[pl.Series, pl.Series], pl.Series] | None = None

    @cached_property
    def types(self) -> pl.DataFrame:
        """Each code once, with its type."""
        return self.areas.select("code", "type").unique("code", keep="first", maintain_order=True)

    @cached_property
    def codes(self) -> pl.Series:
        """Every code there is."""
        return self.types["code"]

    @cached_property
    def prefixes(self) -> set[str]:
        """The first three characters of every code: the entities that are held."""
        return set(self.codes.str.slice(0, 3).unique().to_list())

    @cached_property
    def editions(self) -> pl.DataFrame:
        """Edition, type, edition_date, size: newest first."""
        return (
            self.members.group_by("edition", "type", "edition_date")
            .len("size")
            .sort(["edition_date", "edition"], descending=[True, False], nulls_last=True)
        )

    @cached_property
    def names(self) -> pl.DataFrame:
        """Every way to write an area's name: plain, code, type, parent_code (may be null)."""
        both = pl.concat(
            [
                self.areas.select("code", "type", plain_names(pl.col("name")).alias("plain")),
                self.areas.select("code", "type", plain_names(pl.col("name_cy")).alias("plain")),
            ]
        ).filter(pl.col("plain").is_not_null() & (pl.col("plain") != ""))
        parents = self.members.sort("edition_date", descending=True, nulls_last=True).unique(
            "code", keep="first", maintain_order=True
        )
        return both.unique().join(
            parents.select("code", "parent_code", "edition_date"), on="code", how="left"
        )
