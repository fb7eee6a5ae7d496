"""Numbers and places in words. Rounding happens here and nowhere after."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from areas.hierarchy import Part
from areas.models import Area
from indicators.models import Indicator, Release
from indicators.statistics.markers import MARKERS

MINUS = "−"
WHOLE = 2.0**53  # A float from here on has no decimals to round.
NOT_HELD = "not held"
NOT_HELD_NOTE = (
    f"Marker {NOT_HELD}",
    "what is held here says nothing of the area",
)
COMPASS = ("North", "South", "East", "West")


def rounded(value: float, decimals: int) -> float:
    """Return `value` as it is printed, classed and compared: as np.round does, for one number."""
    if abs(value) >= WHOLE:
        return value
    scale = 10.0**decimals
    return round(value * scale) / scale


def number(value: float, decimals: int) -> str:
    """Return `value` rounded, with thousands separated and a true minus sign.

    Rounded as map classes are, so that 12.35 is 12.4 in both.
    """
    # Nothing is minus nought: adding 0.0 takes the sign away.
    shown = rounded(value, decimals) + 0.0
    return f"{shown:,.{decimals}f}".replace("-", MINUS)


def numbers(values: NDArray[np.float64], decimals: int) -> list[str]:
    """Return each of `values` as `number` writes it; none of them may be NaN."""
    shown = (np.round(values, decimals) + 0.0).tolist()
    return [f"{value:,.{decimals}f}".replace("-", MINUS) for value in shown]


def with_prefix(value: float, indicator: Indicator) -> str:
    """Return a value as it stands alone: £31,400 or 12.5%. Longer units stay outside."""
    unit = "%" if indicator.unit == "%" else ""
    return f"{indicator.prefix}{number(value, indicator.decimals)}{unit}"


def amount(value: float, indicator: Indicator) -> str:
    """Return a value with its whole unit, as it stands in a sentence: 11.6 minutes, £31,400."""
    unit = "" if indicator.unit == "%" else f" {unit_beside(indicator)}".rstrip()
    return f"{with_prefix(value, indicator)}{unit}"


def unit_beside(indicator: Indicator) -> str:
    """Return the unit to set beside a number that has its prefix; £ is not said twice."""
    return "" if indicator.unit == indicator.prefix else indicator.unit


def ordinal(n: int) -> str:
    """Return 1st, 2nd, 3rd, 4th … with thousands separated."""
    ending = "th" if n % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{ending}"


@lru_cache(maxsize=1_000)
def long_date(day: date) -> str:
    """Return 23 November 2026."""
    return f"{day.day} {day:%B %Y}"


def place(area: Area | Part) -> str:
    """Return the name of an area as it stands in a sentence: the North East, England."""
    the = area.area_type_id == "uk" or (
        area.area_type_id == "region" and area.name.startswith(COMPASS)
    )
    return f"the {area.name}" if the else area.name


def type_name(area: Area | Part) -> str:
    """Return the type of an area, with the official name of small ones in brackets."""
    kind = area.area_type
    if kind.slug in {"lsoa", "msoa"}:
        larger = kind.slug == "msoa"
        nation = {"S": "intermediate zone" if larger else "data zone", "9": "SOA"}
        return f"{kind.name} ({nation.get(area.code[0], 'MSOA' if larger else 'LSOA')})"
    return kind.name


def known_as(area: Area | Part) -> str:
    """Return the ward people know a numbered area by: “in West Clacton and Jaywick Sands”."""
    return f"in {area.known_as}" if area.known_as else ""


def why_missing(marker: int) -> str:
    """Return why there is no figure, by its marker; without one the series has no row at all."""
    return MARKERS[marker].meaning or NOT_HELD


def url(area: Area | Part) -> str:
    """Return the address of an area's profile."""
    return f"/areas/{area.code}/"


def cited(release: Release) -> str:
    """Return where figures are from and what their licence asks to be said, in two sentences."""
    names = list(dict.fromkeys([release.dataset.publisher, release.dataset.name, release.name]))
    issued = f", published {long_date(release.publisher_date)}" if release.publisher_date else ""
    attribution = release.licence.attribution or f"Licence: {release.licence.name}"
    return f"Source: {', '.join(names)}{issued}. {attribution.rstrip('.')}."


def listed(names: list[str]) -> str:
    """Return “a”, “a and b” or “a, b and c”."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
