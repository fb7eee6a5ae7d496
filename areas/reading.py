"""What a question to the search box is: a place on the map, a postcode, a code, or a name. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

LONGEST = 120
POSTCODE = re.compile(r"^[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}$")
OUTWARD = re.compile(r"^[A-Z]{1,2}[0-9][A-Z0-9]?$")
# Enough of a postcode to mean one: an outward code, or that and a digit.
POSTCODE_START = re.compile(r"^[A-Z]{1,2}[0-9][A-Z0-9]?([0-9][A-Z]?)?$")
POSTCODE_GONE_WRONG = re.compile(r"^[A-Z]{1,2}[0-9][A-Z0-9]{2,6}$")
CODE_START = re.compile(r"^([A-Z][0-9]{2,8}|95[A-Z]{1,2}[0-9]{0,2}([A-Z][0-9]?)?)$")
WHOLE_CODE = re.compile(r"^([A-Z][0-9]{8}|95[A-Z]{2}[0-9]{2}[A-Z][0-9])$")

# A little more than the United Kingdom, in degrees.
SOUTH, NORTH, WEST, EAST = 49.8, 61.0, -8.8, 2.0
WGS84, NATIONAL_GRID = 4326, 27700
GRID_REFERENCE = re.compile(r"^([HJNOST])([A-HJ-Z])((?:[0-9]{2}){2,5})$")
EASTING_NORTHING = re.compile(r"^([0-9]{5,6})(?:[, ]+)([0-9]{5,7})$")
LABELS = re.compile(r"\b(?:latitude|longitude|lat|long|lon|lng)\b[:=]?", re.IGNORECASE)
DECIMAL = re.compile(
    r"^(?P<a1>[NSEW])? ?(?P<a>[-+]?[0-9]{1,3}(?:\.[0-9]{0,15})?) ?°? ?(?P<a2>[NSEW])?"
    r"(?P<between> ?[,;] ?| )"
    r"(?P<b1>[NSEW])? ?(?P<b>[-+]?[0-9]{1,3}(?:\.[0-9]{0,15})?) ?°? ?(?P<b2>[NSEW])?$"
)
SEXAGESIMAL = re.compile(
    r"^([0-9]{1,3}) ?° ?([0-9]{1,2}(?:\.[0-9]{1,9})?) ?['′’](?: ?([0-9]{1,2}(?:\.[0-9]{1,9})?)"
    r" ?(?:[\"″”]|''|′′))? ?([NSEW])$"
)


class Point(NamedTuple):
    """A place on the map: `x` and `y` in the units of `srid`, and how it is written.

    `remark` says how it was read, `problem` why it cannot be looked for, `hint` what else may have
    been meant when nothing is there.
    """

    x: float
    y: float
    srid: int
    written: str
    remark: str = ""
    problem: str = ""
    hint: str = ""


def clean(question: str) -> str:
    """Return a question on one line, without what cannot be seen or stored, cut to LONGEST."""
    text = question[: LONGEST * 8].encode("utf-8", "ignore").decode()
    text = unicodedata.normalize("NFKC", text).replace("−", "-").replace("–", "-")
    text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())[:LONGEST].strip()


def tight(text: str) -> str:
    """Return codes and postcodes as they are kept: without spaces, in capitals."""
    return text.replace(" ", "").upper()


def repaired_postcode(text: str) -> str | None:
    """Return the postcode meant where O stands for 0 or I for 1, or the reverse; else None."""
    if not 5 <= len(text) <= 7 or not text.isascii():
        return None
    digits, letters = str.maketrans("OIL", "011"), str.maketrans("01", "OI")
    inward = text[-3].translate(digits) + text[-2:].translate(letters)
    for outward in (text[:-3], text[0] + text[1:-3].translate(digits)):
        if POSTCODE.match(outward + inward) and outward + inward != text:
            return outward + inward
    return None


def wrong_postcode(text: str) -> bool:
    """Return whether `text` (tight) looks meant as a postcode but is not in the form of one."""
    return bool(
        POSTCODE_GONE_WRONG.match(text)
        and not POSTCODE.match(text)
        and not POSTCODE_START.match(text)
        and not CODE_START.match(text)
    )


def read_point(text: str) -> Point | None:
    """Return the point that a question gives, or None when it gives none.

    “54.57, -1.23”, with N and W, degrees and minutes, the other way round, a reference of the
    National Grid (NZ 495 205) or an easting and a northing. `problem` says what is wrong with one.
    """
    if grid := GRID_REFERENCE.match(tight(text)):
        return from_grid(*grid.groups())
    if metres := EASTING_NORTHING.match(text):
        return in_metres(int(metres[1]), int(metres[2]))
    text = " ".join(LABELS.sub(" ", text).split()).upper()
    if match := DECIMAL.match(text):
        letters = [match["a1"] or match["a2"] or "", match["b1"] or match["b2"] or ""]
        twice = (match["a1"] and match["a2"]) or (match["b1"] and match["b2"])
        meant = "." in text or any(letters) or match["between"].strip()
        if twice or not meant:
            return None
        return in_degrees(float(match["a"]), float(match["b"]), letters)
    for between in (",", ";", " "):
        halves = text.split(between) if between != " " else halves_of(text)
        if len(halves) == 2:
            read = [SEXAGESIMAL.match(half.strip()) for half in halves]
            if read[0] and read[1]:
                values = [
                    float(m[1]) + float(m[2]) / 60 + float(m[3] or 0) / 3600 for m in read if m
                ]
                return in_degrees(values[0], values[1], [read[0][4], read[1][4]])
    return None


def halves_of(text: str) -> list[str]:
    """Return the two halves of degrees and minutes parted by nothing but a hemisphere."""
    found = re.match(r"^(.{3,40}?[NSEW]) (.{3,40})$", text)
    return [found[1], found[2]] if found else []


def in_degrees(first: float, second: float, letters: list[str]) -> Point:
    """Return the point of two numbers of degrees and their hemispheres, empty where not given."""
    signed = [
        -abs(value) if letter in {"S", "W"} else value
        for value, letter in zip((first, second), letters, strict=True)
    ]
    remark = ""
    turned = letters[0] in {"E", "W"} or letters[1] in {"N", "S"}
    lat, lon = reversed(signed) if turned else signed
    if not any(letters) and not in_uk(lat, lon) and in_uk(lon, lat):
        lat, lon = lon, lat
        remark = "The two were the other way round: latitude comes first. "
    written = f"{degrees(lat)}, {degrees(lon)}"
    if abs(lat) > 90 or abs(lon) > 180:
        problem = (
            f"{written} is not a place on Earth: latitudes run from −90 to 90 and longitudes from "
            "−180 to 180. Write them as in 54.57, −1.23."
        )
        return Point(lon, lat, WGS84, written, problem=problem)
    hint = ""
    if lon > 0 and in_uk(lat, -lon):
        hint = (
            f" Was {degrees(lat)}, {degrees(-lon)} meant? West of Greenwich longitudes have a "
            "minus sign."
        )
    problem = "" if in_uk(lat, lon) else f"{written} is outside the United Kingdom.{hint}"
    return Point(lon, lat, WGS84, written, remark, problem, hint)


def in_uk(lat: float, lon: float) -> bool:
    """Return whether a point is in the box around the United Kingdom."""
    return SOUTH <= lat <= NORTH and WEST <= lon <= EAST


def degrees(value: float) -> str:
    """Return degrees as written for a reader: at most five decimals, a metre, and a true minus."""
    text = f"{value:.5f}".rstrip("0").rstrip(".")
    return ("0" if text == "-0" else text).replace("-", "−")


def from_grid(first: str, second: str, digits: str) -> Point:
    """Return the middle of the square that a National Grid reference names."""
    letters = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
    one, two = letters.index(first), letters.index(second)
    east = ((one - 2) % 5) * 5 + two % 5
    north = 19 - (one // 5) * 5 - two // 5
    half = len(digits) // 2
    size = 10 ** (5 - half)
    x = east * 100_000 + int(digits[:half]) * size + size / 2
    y = north * 100_000 + int(digits[half:]) * size + size / 2
    written = f"{first}{second} {digits[:half]} {digits[half:]}"
    if not (0 <= east < 7 and 0 <= north < 13):
        return Point(x, y, NATIONAL_GRID, written, problem=f"{written} is outside Great Britain.")
    return Point(x, y, NATIONAL_GRID, written)


def in_metres(easting: int, northing: int) -> Point:
    """Return the point of an easting and a northing of the National Grid."""
    written = f"easting {easting:,}, northing {northing:,}"
    problem = ""
    if easting >= 700_000 or northing >= 1_300_000:
        problem = f"{written[0].upper()}{written[1:]} is outside the National Grid."
    return Point(easting, northing, NATIONAL_GRID, written, problem=problem)
