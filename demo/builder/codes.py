"""GSS codes that no source in the wheels carries: top levels, regions' names, the code history.

Source: ONS Register of Geographic Codes and Code History Database (Open Government Licence v3).
"""

import csv
from datetime import date
from pathlib import Path

GSS_START = date(2009, 1, 1)
ENGLISH_REORGANISATION = date(2009, 4, 1)
CENSUS_DAY = date(2011, 3, 27)
SCOTTISH_ZONES_START = date(2014, 11, 6)
NI_COUNCILS_START = date(2015, 4, 1)
WARDS_SEEN = date(2025, 4, 22)

UK = ("K02000001", "United Kingdom", "")
COUNTRY_GROUPS = {
    "country-group-gb": ("K03000001", "Great Britain", ""),
    "country-group-ew": ("K04000001", "England and Wales", "Cymru a Lloegr"),
}
COUNTRIES = {
    "E": ("E92000001", "England", ""),
    "W": ("W92000004", "Wales", "Cymru"),
    "S": ("S92000003", "Scotland", ""),
    "N": ("N92000002", "Northern Ireland", ""),
}
GROUP_MEMBERS = {"country-group-gb": "EWS", "country-group-ew": "EW"}
REGIONS = {
    "E12000001": "North East",
    "E12000002": "North West",
    "E12000003": "Yorkshire and The Humber",
    "E12000004": "East Midlands",
    "E12000005": "West Midlands",
    "E12000006": "East of England",
    "E12000007": "London",
    "E12000008": "South East",
    "E12000009": "South West",
}

# Authorities that came into being since May 2022, the date of the postcode lookup.
NEW_AUTHORITIES = {
    "E06000063": "Cumberland",
    "E06000064": "Westmorland and Furness",
    "E06000065": "North Yorkshire",
    "E06000066": "Somerset",
    "E08000038": "Barnsley",
    "E08000039": "Sheffield",
}

HISTORY = Path(__file__).parents[2] / "areas" / "history" / "changes.csv"


def authority_changes() -> list[tuple[str, date, str, dict[str, str]]]:
    """What became of authorities of Great Britain, from the code history of the project itself.

    (kind, effective date, new code, {old code: its name}). Northern Ireland's districts of before
    2015 are in no source of the pack.
    """
    found: dict[tuple[str, date, str], dict[str, str]] = {}
    for row in history():
        if row["from_code"][:3] in {"E06", "E07", "E08", "S12"} and row["kind"] != "rename":
            key = (row["kind"], date.fromisoformat(row["effective"]), row["to_code"])
            found.setdefault(key, {})[row["from_code"]] = row["from_name"]
    return [(*key, olds) for key, olds in found.items()]


def ended_counties() -> list[tuple[str, str, date]]:
    """(code, name, day on which it was no more) of counties that ended, in order of their end."""
    found = {
        row["from_code"]: (row["from_name"], date.fromisoformat(row["effective"]))
        for row in history()
        if row["from_code"].startswith("E10")
    }
    return [(code, name, day) for code, (name, day) in found.items()]


def history() -> list[dict[str, str]]:
    """Every step of the code history, as text."""
    with HISTORY.open(newline="") as file:
        return list(csv.DictReader(file))


AUTHORITY_CHANGES = authority_changes()


def current_codes() -> dict[str, str]:
    """Every ended authority code and the code of today's authority in its place."""
    step = {old: new for _, _, new, olds in AUTHORITY_CHANGES for old in olds}
    today = {}
    for old in step:
        new = step[old]
        while new in step:
            new = step[new]
        today[old] = new
    return today
