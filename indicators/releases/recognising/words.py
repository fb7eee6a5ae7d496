"""What headings and category labels say, in words: roles of columns, units, ages, sexes, slugs."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import NamedTuple

NOT_TIER = r"(?! ?(?:tier|super|layer|quartile|secondary|level|output|decile|limb|rate of))"
# How far the limits of an estimate are from it, written as a sign.
PLUS_MINUS = re.compile(r"±|\+ ?/ ?[-–−]|\+ ?[-–−](?!\d)")
# The first that fits tells the role; the order matters.
ROLES: tuple[tuple[str, str], ...] = (
    ("longitude", r"^(?:longitude|long?|lng|x long|x coordinate)$"),
    ("latitude", r"^(?:latitude|lat|y lat|y coordinate)$"),
    ("postcode", r"^(?:post ?codes?|pcds?|pcd ?[78s]?|postal code)$"),
    ("lower", rf"\b(?:lci|lcl|ll|lo|lower{NOT_TIER}|low ?ci|ci ?low)\b|\blci ?\d"),
    ("upper", rf"\b(?:uci|ucl|ul|upper{NOT_TIER}|high ?ci|ci ?high|up ?ci)\b|\buci ?\d"),
    ("half", r"\b(?:plus (?:or )?minus|margins? of error|moe|half (?:width|interval)s?)\b"),
    ("error", r"\b(?:standard error|std err|coefficient of variation|cv)\b"
     r"|^(?:\d\d ?%? ?)?(?:confidence interval|ci)(?: \d\d ?%?)?$"),
    ("numerator", r"\bnumerator\b|^(?:count|n|num|number)$"),
    ("denominator", r"\bdenominator\b|^(?:base|denom|population base|sample size)$"),
    ("period-kind", r"^(?:time identifier|time period (?:type|range)|period type|date type)$"),
    ("ignored", r"sortable|^(?:record (?:offset|count)|fid|object ?id|global ?id|shape.*)$"),
    ("ignored", r"^(?:urn|uid|crime id|id|index|row|no|sort ?order|indicator id)$"),
    ("ignored", r"^(?:recent trend|compared to .*|new data|.*percentiles?)$"),
    ("marker", r"^(?:obs(?:ervation)? ?)?(?:status|conf|markers?|flags?|symbols?|marking)$"),
    ("note", r"^(?:value |foot)?notes?(?: \d)?$|^remarks?$|^comments?$|status name|conf name"),
    ("unit", r"^(?:units?(?: of measure(?:ment)?)?|uom|prefix|suffix|unit multiplier)$"),
    ("period", r"^(?:calendar |financial |fiscal |academic |tax |school |survey |reporting )?"
     r"(?:date|period|years?|time|months?|quarters?)(?: (?:code|name|period|ending|ended|yyyy))?$"),
    ("period", r"^(?:time period|reference period|year ending|data year|yyyy mm|mmm yy)$"),
    ("sex", r"^(?:sex|gender)(?: (?:name|code|label))?$"),
    ("age", r"^ages?(?: ?(?:groups?|bands?|range|name|code|label|in years|category))*$"),
    ("level", r"^(?:geograph(?:y|ic|ical)(?: ?(?:type|level|type code))?|area type|geo level)$"),
    ("level", r"^(?:geographical level presented|level|geog type|region type|nation)$"),
    ("parent", r"\bparent\b"),
    ("indicator", r"^(?:indicators?|variables?|measures?|measurement|statistic|metric|topic|series|"
     r"data item|cell|estimate type|indices of deprivation|c \d{4} .*|measures)(?: name)?$"),
    ("value", r"^(?:values?|observation|obs ?value|estimate|figure|amount|data(?: ?values?)?|"
     r"v4(?: \d)?)$"),
    ("name", r"(?:\bnames?(?: (?:eng(?:lish)?|welsh|\d{2,4}|cym\w*))?|nmw?)$|^(?:area|geography)$"
     r"|\bname\b"),
    ("code", r"(?:\bcodes?(?: \d{2,4})?|cd)$|\bcode\b"),
    ("class", r"\b(?:class|classification|urban rural|rural urban|category code)\b|class$"),
)  # fmt: skip
COMPILED = tuple((role, re.compile(form)) for role, form in ROLES)

PERCENT = re.compile(r"%|\bper ?cent(?:age)?s?\b|\bproportions?\b|\bshare\b")
ORDER = re.compile(r"\b(rank|decile|quintile|quartile|vigintile|percentile|ventile)s?\b")
PER = re.compile(
    r"(?:\bper |(?<!\d)/)(?:one )?(hundred thousand|million|thousand|\d[\d, ]*\d|\d+)\b"
)
POUNDS = re.compile(r"£|\bpounds?\b|\bgbp\b")
COUNTED = re.compile(
    r"\b(?:counts?|numbers?|total|population|people|persons|pupils?|headcount|households?|homes|"
    r"residents?|dwellings|addresses|births|deaths|crimes?|offences?|claimants?|scale|numerator|"
    r"denominator|children|premises|enterprises|enrolments|starts|completions|jobs|usual residents)"
    r"\b"
)
NOT_COUNTED = re.compile(
    r"\b(?:rates?|ratio|averages?|mean|median|index|score|proportions?|percent(?:age)?s?|rank|"
    r"deciles?|quintiles?|density|per|median|quartile|vigintile|indicator|extent|concentration|"
    r"price|pay|size|length|minutes|expectancy|share|likelihood)\b|%"
)
# What rows call the half width beside an estimate of a survey; “95% CI” may be the whole of it.
HALF_WIDTH = re.compile(r"conf(?:idence)?")
GENERIC = re.compile(
    r"^(?:value|observation|obs ?value|count|score|rank|decile|quintile|proportion|extent|total|"
    r"percent(?:age)?|%|rate|number|n|all|estimate|figure|amount|average|mean|median|index|pop|"
    r"persons|all ages|measure|measures?[: ]+value|scale|)$"
)
TOTALS = re.compile(
    r"^(?:total|totals|all|persons?|people|both|both sexes|all (?:people|persons|ages|sexes|"
    r"categories|pupils|types?|groups|households|crimes?|usual residents)|any|overall|combined|"
    r"t|_t|-|all categories.*|total:? ?all.*)$"
)
SEXES = {
    **dict.fromkeys(("male", "males", "m", "men", "man", "boys"), "male"),
    **dict.fromkeys(("female", "females", "f", "women", "woman", "girls"), "female"),
}
# Words of file names that tell of geography, time or form, not of what is measured.
FILE_WORDS = re.compile(
    r"\b(?:lsoas?|msoas?|ltlas?|utlas?|lads?|wards?|wd|dz|iz|sdz|soas?|lgd|oas?|ctry|rgn|region|"
    r"country|england|wales|scotland|northern|ireland|uk|gb|ew|converted|data|figures|csv|xlsx?|ods|final|"
    r"file|table|sheet|release|by|the|and|of|local|authority|authorities|districts?|summaries|"
    r"super|output|list|ons|sape|nomis|to|v|extract|lower|upper|tier|small|area|areas|total|estimates)\d*\b|\b[a-z]*\d+\b|\d+"
)


class Age(NamedTuple):
    """A heading that is an age, or a sex and an age: parts of a breakdown, and what is left."""

    breakdown: str
    rest: str


def plain(text: str) -> str:
    """Return a heading as words: lower case, without underscores, brackets or camel case."""
    text = unicodedata.normalize("NFKC", text[:400])
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    text = re.sub(r"[^\w%£ ]|_", " ", text.lower())
    return re.sub(r"\bitem ?names?\b(?: (?:eng|english))?", "name", " ".join(text.split()))


def role_of(heading: str) -> str:
    """Return the role that a heading's words give its column, or ""."""
    heading = PLUS_MINUS.sub(" plus minus ", heading)
    last = plain(heading.split(" | ")[-1])
    last = re.sub(r" \d$", "", last) if re.search(r"\(\d+\)$", heading) else last
    for words in dict.fromkeys((last, plain(heading))):
        for role, form in COMPILED:
            if form.search(words):
                return role
    return ""


def part_of(text: str) -> str:
    """Return which part of a figure a row holds, by what it calls its measure; "" for a value."""
    even = plain(text)
    role = role_of(text)
    if role in ("lower", "upper") or (role in ("numerator", "denominator") and role in even):
        return role
    return "half-width" if role == "half" or HALF_WIDTH.fullmatch(even) else ""


def slug(text: str, most: int = 60) -> str:
    """Return words as a slug of at most `most` characters; longer ones end in a mark of theirs."""
    even = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    even = even.lower().replace("%", " percent ").replace("+", " plus ").replace("<", " under ")
    even = re.sub(r"[^a-z0-9]+", "-", even).strip("-")
    if even and len(even) <= most:
        return even
    mark = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:7]
    return f"{even[: most - 8].strip('-')}-{mark}".strip("-")


def pounds(text: str) -> str:
    """Return money as text tells it: £, £ thousand, £ million; "" where it tells none."""
    even = text.lower()
    if not POUNDS.search(even):
        return ""
    money, many = r"(?:£|pounds?|gbp)", r"(thousand|million|billion|000s?|m|bn|k)\b"
    found = re.search(rf"{money} ?{many}|\b{many}.{{0,6}}{money}", even)
    names = {"m": "million", "bn": "billion", "k": "thousand", "000": "thousand"}
    word = (found[1] or found[2]).rstrip("s") if found else ""
    return f"£ {names.get(word, word)}".strip()


def is_total(text: str) -> bool:
    """Say whether a category is all of them together."""
    return bool(TOTALS.match(" ".join(text.lower().split())))


def age_words(text: str) -> str | None:
    """Return an age or a band of ages as data write it: 16-64, 90-plus, 0; "" for all ages."""
    even = " ".join(text.lower().replace("–", "-").replace("_", " ").split())
    even = re.sub(r"^(?:aged?|ages) ?:?", "", even).strip()
    even = re.sub(r"\b(?:years?(?: old)?|yrs?|aged)\b", "", even).strip()
    if even in ("all", "all ages", "total", "all persons"):
        return ""
    for form, new in (
        (r"(\d{1,3})", r"\1"),
        (r"(\d{1,3}) ?(?:-|to|–) ?(\d{1,3})", r"\1-\2"),
        (r"(\d{1,3}) ?(?:\+|plus|and over|or over|and above|\+ plus)", r"\1-plus"),
        (r"(?:under|less than|below|<) ?(\d{1,3})", r"under-\1"),
        (r"(?:over|>) ?(\d{1,3})", r"over-\1"),
        (r"(\d{1,3}) (?:and|or) under", r"to-\1"),
    ):
        if re.fullmatch(form, even):
            return re.sub(form, new, even)
    return None


def age_heading(heading: str) -> Age | None:
    """Return what a heading says of age, and of sex: “F16”, “M90 and over”, “37”, “Aged 16-64”."""
    even = heading.strip()
    sexed = re.fullmatch(r"([FMfm]) ?_?(\d{1,3}.*)", even)
    if sexed and (age := age_words(sexed[2])):
        return Age(f"age={age}|sex={SEXES[sexed[1].lower()]}", "")
    if re.fullmatch(
        r"(?:(?:aged?|ages)[ _:]*)?(?:under )?\d{1,3}.{0,14}", even, re.IGNORECASE
    ) and (age := age_words(even)):
        return Age(f"age={age}", "")
    return None


def category(text: str, dimension: str) -> str:
    """Return a row's part of its breakdown: "" for totals, else dimension=value."""
    even = " ".join(text.lower().split())
    if not even:
        return ""
    if dimension == "sex" and even in SEXES:
        return f"sex={SEXES[even]}"
    if dimension == "age":
        age = age_words(text)
        if age is not None:
            return f"age={age}" if age else ""
    if is_total(text):
        return ""
    value = slug(text, 48)
    return f"{dimension}={value}" if value else ""


def breakdown_text(parts: list[str]) -> str:
    """Return the parts of a breakdown in order, at most 120 characters."""
    text = "|".join(sorted({part for part in "|".join(parts).split("|") if part}))
    if len(text) <= 120:
        return text
    mark = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:7]
    return f"{text[:112]}-{mark}"


# Written so wherever a heading has them in other letters: imd_rank, lso_as.
ACRONYMS = {
    word.lower(): word
    for word in ("IMD", "IoD", "WIMD", "SIMD", "NIMDM", "IDACI", "IDAOPI", "LSOA", "LSOAs", "MSOA",
                 "MSOAs", "UK", "GB", "NI", "GVA", "GDP", "GDHI", "GP", "GPs", "FSM", "NHS", "GCSE",
                 "GCSEs", "SEN", "NEET")
}  # fmt: skip


def acronyms(text: str) -> str:
    """Return words with acronyms as they are written; “10 percent” is 10%."""
    text = re.sub(r"\b[Ll][Ss][Oo] [Aa]s\b", "LSOAs", text)
    text = re.sub(r"(?<=\d) percent\b", "%", text)
    return re.sub(
        r"\b[A-Za-z]+(?=\b|\d\d\b)",
        lambda m: (
            ACRONYMS.get(m[0].lower(), m[0]) if m[0] in (m[0].lower(), m[0].title()) else m[0]
        ),
        text,
    )


def tidy(text: str) -> str:
    """Return a heading as the name of an indicator, at most 160 characters."""
    text = unicodedata.normalize("NFKC", text)
    text = " ".join(text.replace("_", " ").split())
    text = re.sub(r"\s*\(where 1 is [^)]*\)?", "", text)
    text = re.sub(r"[;,]? ?measures?: ?values?$", "", text, flags=re.IGNORECASE)
    # Marks of footnotes: [note 3], and numbers that hang on a word, assessments1,2.
    text = re.sub(r"\s*[\[(]notes? ?\d+(?:,? ?(?:and )?\d+)*[\])]", "", text, flags=re.IGNORECASE)
    text = re.sub(r"(?<=[a-z]{3})\d(?:, ?\d)+$", "", text)
    text = re.sub(r"\(\s*\)|\[\s*\]", "", text)
    text = re.sub(r"\s+([,;:)])", r"\1", text)
    text = re.sub(r"^[\s:;,\-–|]+|[\s:;,\-–|]+$", "", text)
    text = " ".join(text.split())
    text = acronyms(text)
    if len(text) > 160:
        text = text[:159].rsplit(" ", 1)[0] + "…"
    return text[:1].upper() + text[1:]


def context(texts: list[str]) -> str:
    """Return what a title, a sheet or a file's name say is measured, or "" where they do not."""
    for text in texts:
        even = re.sub(r"(?:\.(?:csv|xlsx?|ods|gz|zip|json|parquet|tsv|txt))+$", "", text.lower())
        even = re.sub(r"[^\w]|_", " ", even.rsplit("/", 1)[-1])
        kept = " ".join(FILE_WORDS.sub(" ", even).split())
        if not kept:
            year_and_word = re.findall(r"[a-z]{3,}(?=\d{2,4}\b)", even)
            kept = " ".join(w for w in year_and_word if not FILE_WORDS.fullmatch(w))
        if len(kept) >= 3 and re.search(r"[a-z]{3}", kept):
            return kept[:100]
        found = re.match(r"\s*([a-z]{3,})\d", even)
        if found and not FILE_WORDS.fullmatch(found[1]):
            return found[1]
    return ""
