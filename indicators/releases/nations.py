"""Which nations codes are of, as the first letter of an ONS code tells, and what covers them."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

# Nations and their groups, the narrowest first, with the letters of the codes within.
NATIONS = {
    "E92000001": "E",
    "W92000004": "W",
    "S92000003": "S",
    "N92000002": "N",
    "K04000001": "EW",
    "K03000001": "EWS",
    "K02000001": "EWSN",
}
NAMES = {
    "E": "England",
    "W": "Wales",
    "S": "Scotland",
    "N": "Northern Ireland",
    "EW": "England and Wales",
    "EWS": "Great Britain",
    "EWSN": "United Kingdom",
}
# Northern Ireland's super output areas have codes of their own, 95AA01S1.
LETTERS = {**{letter: letter for letter in "EWSN"}, "9": "N"}


def told_by(code: pl.Expr) -> pl.Expr:
    """Return as much of codes as `nations_of` needs: few different texts for many areas."""
    return pl.when(code.str.starts_with("K")).then(code).otherwise(code.str.head(1))


def nations_of(codes: Iterable[str]) -> frozenset[str]:
    """Return the letters of the nations that codes are of; a group stands for all of its nations.

    Codes of no nation (statistical regions of Europe, for instance) tell nothing.
    """
    found: set[str] = set()
    for code in codes:
        found.update(NATIONS.get(code) or LETTERS.get(code[:1], ""))
    return frozenset(found)


def covers(scope: str, nations: frozenset[str]) -> bool:
    """Say whether the area of a code holds nations; true where it is none of those we know."""
    return nations <= set(NATIONS.get(scope, nations))


def narrowest(nations: frozenset[str], held: Iterable[str]) -> str | None:
    """Return the code of the narrowest nation or group, of those held, that holds nations."""
    among = set(held)
    fitting = (code for code in NATIONS if code in among and covers(code, nations))
    return next(fitting, None)


def name_of(nations: frozenset[str]) -> str:
    """Return what the narrowest nation or group that holds some nations is called."""
    return NAMES[NATIONS[narrowest(nations, NATIONS) or "K02000001"]]
