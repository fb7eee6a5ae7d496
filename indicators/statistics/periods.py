"""Periods as data write them, as publishers write them, and as people read them."""

import re
from collections.abc import Callable
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


# --- Periods as publishers write them -------------------------------------------------------------

MONTH_NUMBERS = {
    **{name.lower(): number for number, name in enumerate(MONTHS, 1)},
    **{name.lower()[:3]: number for number, name in enumerate(MONTHS, 1)},
    "sept": 9,
}
MONTH = "(?:" + "|".join(sorted(MONTH_NUMBERS, key=len, reverse=True)) + r")\.?"
YEAR = r"(?:18|19|20)\d\d"
DASH = r"(?:\s?-\s?|\s+to\s+)"
# A year and the one after: 2019/20, 2019-20, 2019/2020.
PAIR = rf"({YEAR})\s?[/-]\s?((?:{YEAR})|\d\d)"
CENSUS_DAYS = {1991: "1991-04-21", 2001: "2001-04-29", 2011: "2011-03-27", 2021: "2021-03-21"}
TERMS = {"autumn": (0, 9, 4), "spring": (1, 1, 4), "summer": (1, 5, 4)}
FIRST_MONTHS = {"financial": (4, 1), "tax": (4, 6), "academic": (9, 1)}
QUARTER_WORDS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
EARLIEST, LATEST = 1800, 2100


def span_text(year: int, month: int, months: int, day: int = 1) -> str:
    """Write a period of whole months as `parse_period` reads it."""
    while month > 12:
        year, month = year + 1, month - 12
    while month < 1:
        year, month = year - 1, month + 12
    start = date(year, month, day)
    return f"{start}/P{months // 12}Y" if months % 12 == 0 else f"{start}/P{months}M"


def months_between(y1: int, m1: int, y2: int, m2: int) -> str | None:
    """Write the span from one month to another, both included, or None where it ends first."""
    months = 12 * (y2 - y1) + m2 - m1 + 1
    return span_text(y1, m1, months) if 1 <= months <= 1200 else None


def next_year(first: str, second: str) -> bool:
    """Say whether the second year, perhaps of two digits, follows the first."""
    return (int(first) + 1) % 100 == int(second) % 100 and (
        len(second) == 2 or int(second) == int(first) + 1
    )


def full_year(first: str, second: str) -> int:
    """Return a year of two digits as the first such year after another."""
    if len(second) == 4:
        return int(second)
    year = int(first) // 100 * 100 + int(second)
    return year if year >= int(first) else year + 100


def year_kind(text: str) -> str:
    """Return which kind of year some words speak of: financial, tax, academic, calendar or ""."""
    if re.search(r"\b(?:academic|school|pupil)\b", text):
        return "academic"
    if re.search(r"\btax\b", text):
        return "tax"
    if re.search(r"\b(?:financial|fiscal|fy|fye|reporting)\b", text):
        return "financial"
    if re.search(r"\bcalendar\b", text):
        return "calendar"
    return ""


def year_from(first: int, kind: str, years: int = 1) -> str:
    """Write years that begin in `first`, of a kind of year that `year_kind` returns."""
    month, day = FIRST_MONTHS.get(kind, (1, 1))
    return span_text(first, month, 12 * years, day)


def _pair(found: re.Match[str], kind: str) -> str | None:
    first, second = found[1], found[2]
    if kind in ("calendar", "rolling") or not next_year(first, second):
        years = full_year(first, second) - int(first) + 1
        return year_from(int(first), "calendar", years) if 2 <= years <= 60 else None
    return year_from(int(first), kind or "financial")


def _pairs(found: re.Match[str], kind: str) -> str | None:
    """2016/17 - 18/19, 2016/17 to 2018/19."""
    if not next_year(found[1], found[2]):
        return None
    last = full_year(found[1], found[3])  # The last pair begins in it.
    years = last - int(found[1]) + 1
    return year_from(int(found[1]), kind or "financial", years) if 1 <= years <= 60 else None


def _quarter(year: int, quarter: int, kind: str) -> str:
    first = FIRST_MONTHS["academic" if kind == "academic" else "financial"][0] if kind else 1
    return span_text(year, first + 3 * (quarter - 1), 3)


def _day(year: str, month: str | int, day: str) -> str:
    return date(int(year), int(month), int(day)).isoformat()


def _days(y1: int, m1: int, d1: int, y2: int, m2: int, d2: int) -> str | None:
    """A span of days that is whole months."""
    try:
        return period_text(date(y1, m1, d1), date(y2, m2, d2))
    except ValueError:
        return None


def _six(found: re.Match[str], kind: str) -> str | None:
    """201920 is a year and the next, 201912 a month; where both could be, the kind tells."""
    first, second = found[1], found[2]
    if kind and kind != "month" and next_year(first, second):
        return year_from(int(first), "financial" if kind == "calendar" else kind)
    if 1 <= int(second) <= 12:
        return span_text(int(first), int(second), 1)
    return year_from(int(first), kind or "financial") if next_year(first, second) else None


def _month(text: str) -> int:
    return MONTH_NUMBERS[text.strip(". ")]


def _ending(months: int, month: int, year: int) -> str:
    return span_text(year, month - months + 1, months)


Rule = tuple[re.Pattern[str], Callable[[re.Match[str], str], str | None]]


def _rules() -> list[Rule]:
    """Return the forms there are, each with what it means; the first that fits is it."""
    y, mon, day = f"({YEAR})", f"({MONTH})", r"(\d{1,2})(?:st|nd|rd|th)?"
    # Words that say a kind of year, which `year_kind` has heard already, and that add nothing.
    word = r"(?:(?:financial|fiscal|tax|academic|school|calendar|reporting)?\s?years?|fye?|in)"
    forms: list[tuple[str, Callable[[re.Match[str], str], str | None]]] = [
        # Data: ISO dates, months and quarters; Fingertips' 20150000; SDMX.
        (
            rf"{y}-(\d\d)-(\d\d)(?:[t ]00:00(?::00)?(?:\.0+)?z?)?",
            lambda m, k: _day(m[1], m[2], m[3]),
        ),
        (rf"{y}-(\d\d)-(\d\d)(?:t00:00:00)?/p(\d+)([ym])", _iso_span),
        (rf"{y}-(0[1-9]|1[0-2])/(\d{{4}})-(0[1-9]|1[0-2])", _iso_months),
        (rf"{y}0000", lambda m, k: year_from(int(m[1]), "calendar")),
        (rf"{y}\s?[-/]?\s?m\s?(\d\d?)", lambda m, k: span_text(int(m[1]), _twelve(m[2]), 1)),
        (
            rf"{y}\s?[-/ ]?\s?(?:q|quarter )\s?([1-4])",
            lambda m, k: _quarter(int(m[1]), int(m[2]), k),
        ),
        (rf"(?:q|quarter )\s?([1-4])[\s,/-]*{y}", lambda m, k: _quarter(int(m[2]), int(m[1]), k)),
        (rf"(first|second|third|fourth) quarter(?: of)? {y}",
         lambda m, k: _quarter(int(m[2]), QUARTER_WORDS[m[1]], k)),
        (rf"{PAIR}\s?[-,]?\s?(?:q|quarter )\s?([1-4])", _pair_quarter),
        (rf"(?:q|quarter )\s?([1-4])[\s,-]*{PAIR}", _quarter_pair),
        (rf"{y}-(0[1-9]|1[0-2])", _iso_month),
        (rf"{y}(\d\d)", _six),
        # Years of any kind.
        (rf"{word}?\s?(?:to |ending |ended )?{y}(?:\.0+)?\s?{word}?",
         lambda m, k: year_from(int(m[1]) - (1 if "end" in m[0] or "fye" in m[0] else 0)
                                if k in FIRST_MONTHS else int(m[1]), k)),
        (rf"{word}?\s?{PAIR}\s?{word}?", _pair),
        (rf"{word}?\s?{y}{DASH}({YEAR}|\d\d)\s?{word}?", _pair),
        (
            rf"{word}?\s?{PAIR}{DASH}({YEAR}|\d\d)(?:\s?[/-]\s?\d\d(?:\d\d)?)?\s?{word}?",
            _pairs,
        ),
        (rf"mid[- ]?(?:year )?(?:estimates? )?{y}", lambda m, k: f"{m[1]}-06-30"),
        (rf"{y} mid[- ]?year", lambda m, k: f"{m[1]}-06-30"),
        (rf"census(?: day)?[ -]{y}", lambda m, k: CENSUS_DAYS.get(int(m[1]))),
        (rf"{y} census", lambda m, k: CENSUS_DAYS.get(int(m[1]))),
        # Months.
        (rf"{mon}[\s,/-]*{y}", lambda m, k: span_text(int(m[2]), _month(m[1]), 1)),
        (rf"{y}[\s,/-]*{mon}", lambda m, k: span_text(int(m[1]), _month(m[2]), 1)),
        (rf"{mon}[ '-](\d\d)", lambda m, k: span_text(_century(m[2]), _month(m[1]), 1)),
        (rf"(0?[1-9]|1[0-2])[/-]{y}", lambda m, k: span_text(int(m[2]), int(m[1]), 1)),
        (rf"{mon}{DASH}{mon}[\s,]*{y}", _months_of_year),
        (rf"{y}\s+{mon}{DASH}{mon}", lambda m, k: months_between(
            int(m[1]), _month(m[2]), int(m[1]) + (_month(m[3]) < _month(m[2])), _month(m[3]))),
        (rf"{mon}[\s,-]*{y}{DASH}{mon}[\s,-]*{y}", lambda m, k: months_between(
            int(m[2]), _month(m[1]), int(m[4]), _month(m[3]))),
        (rf"{mon} (\d\d){DASH}{mon} (\d\d)", lambda m, k: months_between(
            _century(m[2]), _month(m[1]), _century(m[4]), _month(m[3]))),
        (rf"(?:(?:financial |fiscal |tax |academic )?(?:rolling )?year|12 months|twelve months)"
         rf"(?: to(?: the)?(?: end(?: of)?)?| ending| ended|[- ]end)(?: the)?"
         rf"(?: {day})? {mon},? {y}",
         lambda m, k: _ending(12, _month(m[2]), int(m[3]))),
        (rf"(\d{{1,2}}) months(?: to| ending| ended)(?: the)?(?: {day})? {mon},? {y}",
         lambda m, k: _ending(_upto(m[1], 120), _month(m[3]), int(m[4]))),
        (rf"quarter(?: to| ending| ended)(?: the)?(?: {day})? {mon},? {y}",
         lambda m, k: _ending(3, _month(m[2]), int(m[3]))),
        # Days.
        (rf"{day} {mon},? {y}", lambda m, k: _day(m[3], _month(m[2]), m[1])),
        (rf"{day}-{mon}-{y}", lambda m, k: _day(m[3], _month(m[2]), m[1])),
        (rf"{mon} {day},? {y}", lambda m, k: _day(m[3], _month(m[1]), m[2])),
        (rf"(\d\d?)[/.](\d\d?)[/.]{y}(?: 00:00(?::00)?)?", lambda m, k: _day(m[3], m[2], m[1])),
        (rf"{day} {mon} {y}{DASH}{day} {mon} {y}", lambda m, k: _days(
            int(m[3]), _month(m[2]), int(m[1]), int(m[6]), _month(m[5]), int(m[4]))),
        (rf"(\d\d?)/(\d\d?)/{y}{DASH}(\d\d?)/(\d\d?)/{y}", lambda m, k: _days(
            int(m[3]), int(m[2]), int(m[1]), int(m[6]), int(m[5]), int(m[4]))),
        (rf"{y}-(\d\d)-(\d\d)(?: to |/){y}-(\d\d)-(\d\d)", lambda m, k: _days(
            *(int(part) for part in m.groups()))),
        # Terms of a school year.
        (rf"(autumn|spring|summer)(?: term)?[\s,]*{PAIR}", lambda m, k: _term(m[1], m[2], m[3])),
        (rf"{PAIR}[\s,]*(autumn|spring|summer)(?: term)?", lambda m, k: _term(m[3], m[1], m[2])),
        (rf"(autumn|spring|summer)(?: term)?[\s,]*({YEAR})(\d\d)",
         lambda m, k: _term(m[1], m[2], m[3])),
    ]  # fmt: skip
    return [(re.compile(form, re.ASCII), meaning) for form, meaning in forms]


def _upto(text: str, most: int) -> int:
    if not 1 <= int(text) <= most:
        raise ValueError(text)
    return int(text)


def _twelve(text: str) -> int:
    return _upto(text, 12)


def _century(text: str) -> int:
    return int(text) + (2000 if int(text) < 50 else 1900)


def _iso_span(found: re.Match[str], kind: str) -> str:
    del kind
    parsed = parse_period(f"{found[1]}-{found[2]}-{found[3]}/P{int(found[4])}{found[5].upper()}")
    return period_text(parsed.start, parsed.end)


def _iso_months(found: re.Match[str], kind: str) -> str | None:
    """2010-12/2012-01. Dates are told apart by their form; a month is never beyond 12."""
    del kind
    return months_between(int(found[1]), int(found[2]), int(found[3]), int(found[4]))


def _iso_month(found: re.Match[str], kind: str) -> str | None:
    """2018-11 is a month; 2010-11 is one only where that is said."""
    if next_year(found[1], found[2]) and kind != "month":
        return None
    return span_text(int(found[1]), int(found[2]), 1)


def _pair_quarter(found: re.Match[str], kind: str) -> str | None:
    if not next_year(found[1], found[2]):
        return None
    return _quarter(int(found[1]), int(found[3]), kind or "financial")


def _quarter_pair(found: re.Match[str], kind: str) -> str | None:
    if not next_year(found[2], found[3]):
        return None
    return _quarter(int(found[2]), int(found[1]), kind or "financial")


def _months_of_year(found: re.Match[str], kind: str) -> str | None:
    """Jan-Mar 2019; Dec-Feb 2019 ends in the year named."""
    del kind
    first, last, year = _month(found[1]), _month(found[2]), int(found[3])
    return months_between(year - (first > last), first, year, last)


def _term(term: str, first: str, second: str) -> str | None:
    later, month, months = TERMS[term]
    return span_text(int(first) + later, month, months) if next_year(first, second) else None


RULES = _rules()
DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-") | {"_": " "})


def read_period(text: str, kind: str = "") -> str | None:
    """Return a publisher's period as `parse_period` reads it, or None where it is none we know.

    `kind` is what is said beside it ("Academic year", "Financial year Q1", "Autumn term",
    "January"); "census" gives the day of that year's, "month" the month of a first day. 2019/20
    without a word is a financial year, and so is 201920 where it cannot be a month; 2017-19 is a
    span of calendar years. Weeks are not known.
    """
    if len(text) > 80 or len(kind) > 80:
        return None
    said = " ".join(kind.translate(DASHES).lower().split())
    clean = " ".join(text.translate(DASHES).lower().split()).strip(" .,;:()[]*")
    if not clean or not any(c.isdigit() for c in clean):
        return None
    term = re.search(r"\b(autumn|spring|summer)\b", said)
    quarter = re.search(r"\bq(?:uarter )?([1-4])\b", said)
    tries = [clean]
    if term and not re.search(r"autumn|spring|summer", clean):
        tries = [f"{term[1]} term {clean}"]
    elif quarter and "q" not in clean:
        year = re.sub(f"^({YEAR})([0-9][0-9])$", r"\1/\2", clean)
        tries = [f"{year} q{quarter[1]}"]
    elif said.strip(".") in MONTH_NUMBERS and re.fullmatch(YEAR, clean):
        tries = [f"{said} {clean}"]
    elif said.startswith("week"):
        return None
    kind_of_year = year_kind(said) or year_kind(clean) or ("month" if "month" in said else "")
    for trial in tries:
        for form, meaning in RULES:
            found = form.fullmatch(trial)
            if not found:
                continue
            try:
                new = meaning(found, kind_of_year)
                if new is None:
                    continue
                start = parse_period(new).start
            except ValueError:
                continue
            if EARLIEST <= start.year <= LATEST:
                if said == "census" and re.fullmatch(rf"{YEAR}-01-01/P1Y", new):
                    return CENSUS_DAYS.get(start.year, new)
                if said == "month" and re.fullmatch(rf"{YEAR}-\d\d-01", new):
                    return f"{new}/P1M"
                return new
    return None


IN_WORDS = re.compile(
    rf"(?:mid[- ]?(?:year )?{YEAR}|census(?: day)? {YEAR}|{YEAR} census"
    rf"|(?:year|quarter|\d+ months) (?:ending|ended|to)(?: \d{{1,2}})? {MONTH} {YEAR}"
    rf"|(?:\d{{1,2}} )?{MONTH} {YEAR}{DASH}(?:\d{{1,2}} )?{MONTH} {YEAR}"
    rf"|{MONTH}{DASH}{MONTH} {YEAR}|\d{{1,2}} {MONTH} {YEAR}|{MONTH} {YEAR}"
    rf"|{YEAR}-\d\d-\d\d|{YEAR}\s?q[1-4]|q[1-4] {YEAR}"
    rf"|{YEAR}[/-](?:{YEAR}|\d\d){DASH}{YEAR}[/-](?:{YEAR}|\d\d)"
    rf"|{YEAR}\s?/\s?(?:{YEAR}|\d\d)|{YEAR}(?:-| - | to )(?:{YEAR}|\d\d)|{YEAR}-(?:0[1-9]|1[0-2])"
    rf"|{YEAR})(?![\d])",
    re.ASCII,
)


def period_in(text: str) -> tuple[str, str] | None:
    """Return the first period within words, and the words as they stood, or None.

    For titles, headings and file names: “Population: mid 2015 (excluding prisoners)” gives
    ("2015-06-30", "mid 2015").
    """
    even = text.translate(DASHES).lower()[:2000]
    at = 0
    while found := IN_WORDS.search(even, at):
        before = even[found.start() - 1] if found.start() else " "
        if not before.isalnum():
            trial = " ".join(found[0].split())
            new = read_period(trial, year_kind(even))
            if new is not None and 1900 <= int(new[:4]) <= LATEST:
                return new, text[found.start() : found.end()]
        at = found.start() + 1
    return None
