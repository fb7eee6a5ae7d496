"""Groups of areas in words: what they are, and what they say of an indicator."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from areas.models import Area
from indicators.insight.groups import COMBINED, MIDDLE, Group, GroupReading
from indicators.models import Indicator
from indicators.presenters.words import known_as, long_date, number, type_name, url


def group_figure(reading: GroupReading | None, indicator: Indicator) -> dict[str, Any]:
    """Return what a group says of an indicator.

    `text` is the number alone, empty where there is none; `kind` is combined, middle or nothing;
    `part` where some members have no figure;
    `words` say what it is, and are shown beside it: a middle is never the group's own figure.
    """
    if reading is None:
        words = "no data: not held for areas of this type in this period"
        return {"kind": "nothing", "text": "", "prefix": "", "part": False, "words": words}

    def show(value: float) -> str:
        return f"{indicator.prefix}{number(value, indicator.decimals)}"

    of = f"{reading.n_data:,} of {reading.n_members:,}"
    if reading.kind == COMBINED:
        everyone = reading.n_data == reading.n_members
        who = f"all {reading.n_members:,} areas" if everyone else f"{of} areas"
        words = f"{who} taken together"
    elif reading.kind == MIDDLE and reading.low is not None and reading.high is not None:
        words = (
            f"middle of {of} areas, which run from {show(reading.low)} to {show(reading.high)}; "
            f"not combined: {reading.reason}"
        )
    else:
        words = f"no data: {reading.reason}"
    text = "" if reading.value is None else number(reading.value, indicator.decimals)
    prefix = indicator.prefix if text else ""
    return {
        "kind": reading.kind,
        "text": text,
        "prefix": prefix,
        "part": reading.n_data < reading.n_members,
        "words": words,
    }


def group_head(group: Group) -> dict[str, Any]:
    """Return a group as pages name it."""
    made = ""
    if group.created_at is not None:
        who = f" by {group.made_by}" if group.made_by else ""
        made = f"Made on {long_date(timezone.localdate(group.created_at))}{who}."
    n = len(group.area_ids)
    kind = group.area_type
    return {
        "token": group.token,
        "name": group.name,
        "url": group.url,
        "count": f"{n:,} {kind.name if n == 1 else kind.name_plural}",
        "made": made,
    }


def member(area: Area, parent: str) -> dict[str, str]:
    """Return one area of a group, or one that a text may mean."""
    verb = "ended" if area.has_ended(timezone.localdate()) else "ends"
    return {
        "code": area.code,
        "name": area.name,
        "type": type_name(area),
        "parent": parent,
        "known_as": known_as(area),
        "url": url(area),
        "ended": f"{verb} on {long_date(area.valid_to)}" if area.valid_to else "",
    }
