"""Periods as data write them, and as people read them."""

import re
from datetime import date, timedelta
from typing import NamedTuple

FORM = re.compile(r"^(\d{4}-\d{2}-\d{2})(?:/P(\d{1,4})([YM]))?$", re.ASCII)
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class ParsedPeriod(NamedTuple):
    """Both ends included; `kind` is one of Period.Kind; `label` is for a reader."""

    start: date
    end: date
    kind: str
    label: str


def parse_period(text: str) -> ParsedPeriod:
    """Read `2011-03-27`, `2017-07-01/P1M`, `2022-04-01/P1Y` or `2017-01-01/P3Y`.

    Raises ValueError with a sentence for any other form.
    """
    refusal = ValueError(
        f"“{text}” is not a period: write a date such as 2011-03-27, or a start and a length "
        "such as 2017-07-01/P1M or 2022-04-01/P1Y."
    )
    found = FORM.match(text)
    try:
        start = date.fromisoformat(found[1]) if found else None
    except ValueError:
        start = None
    if not found or start is None or (found[2] and start.day > 28):
        raise refusal
    if not found[2]:
        return ParsedPeriod(
            start, start, "point", f"{start.day} {MONTHS[start.month - 1]} {start.year}"
        )
    months = int(found[2]) * (12 if found[3] == "Y" else 1)
    last = start.year * 12 + start.month - 1 + months
    try:
        end = date(last // 12, last % 12 + 1, start.day) - timedelta(days=1)
    except ValueError:
        raise refusal from None
    if months == 1 and start.day == 1:
        return ParsedPeriod(start, end, "month", f"{MONTHS[start.month - 1]} {start.year}")
    if months == 12 and (start.month, start.day) == (1, 1):
        return ParsedPeriod(start, end, "calendar-year", str(start.year))
    if months == 12 and (start.month, start.day) in {(4, 1), (4, 6)}:
        return ParsedPeriod(start, end, "financial-year", f"{start.year}–{end.year % 100:02d}")
    if months % 12 == 0 and (start.month, start.day) == (1, 1):
        return ParsedPeriod(start, end, "span", f"{start.year}–{end.year}")
    return ParsedPeriod(
        start,
        end,
        "span",
        f"{MONTHS[start.month - 1]} {start.year} to {MONTHS[end.month - 1]} {end.year}",
    )


def period_text(start: date, end: date) -> str:
    """Write a period as `parse_period` reads it: `2011-03-27`, `2017-07-01/P1M`, `2022-04-01/P1Y`.

    Whole months only, as `parse_period` makes them; ValueError for any other span of days.
    """
    if end == start:
        return start.isoformat()
    after = end + timedelta(days=1)
    months = 12 * (after.year - start.year) + after.month - start.month
    if after.day != start.day or months < 1:
        raise ValueError(f"{start} to {end} is not a whole number of months.")
    return f"{start.isoformat()}/P{months // 12}Y" if months % 12 == 0 else f"{start}/P{months}M"
