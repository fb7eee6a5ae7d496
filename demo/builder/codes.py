"""GSS codes that no source in the wheels carries: top levels, regions' names, the code history.

Source: ONS Register of Geographic Codes and Code History Database (Open Government Licence v3).
"""

from datetime import date

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

# (kind, effective date, new code, {old code: its name})
AUTHORITY_CHANGES: list[tuple[str, date, str, dict[str, str]]] = [
    ("exchange", date(2012, 4, 1), "E07000240", {"E07000100": "St Albans"}),
    ("exchange", date(2012, 4, 1), "E07000241", {"E07000104": "Welwyn Hatfield"}),
    ("exchange", date(2013, 4, 1), "E07000242", {"E07000097": "East Hertfordshire"}),
    ("exchange", date(2013, 4, 1), "E07000243", {"E07000101": "Stevenage"}),
    ("exchange", date(2013, 4, 1), "E06000057", {"E06000048": "Northumberland"}),
    ("exchange", date(2013, 4, 1), "E08000037", {"E08000020": "Gateshead"}),
    ("exchange", date(2018, 2, 1), "S12000047", {"S12000015": "Fife"}),
    ("exchange", date(2018, 2, 1), "S12000048", {"S12000024": "Perth and Kinross"}),
    ("exchange", date(2019, 4, 1), "S12000049", {"S12000046": "Glasgow City"}),
    ("exchange", date(2019, 4, 1), "S12000050", {"S12000044": "North Lanarkshire"}),
    (
        "merge",
        date(2019, 4, 1),
        "E06000058",
        {"E06000028": "Bournemouth", "E06000029": "Poole", "E07000048": "Christchurch"},
    ),
    (
        "merge",
        date(2019, 4, 1),
        "E06000059",
        {
            "E07000049": "East Dorset",
            "E07000050": "North Dorset",
            "E07000051": "Purbeck",
            "E07000052": "West Dorset",
            "E07000053": "Weymouth and Portland",
        },
    ),
    (
        "merge",
        date(2019, 4, 1),
        "E07000244",
        {"E07000205": "Suffolk Coastal", "E07000206": "Waveney"},
    ),
    (
        "merge",
        date(2019, 4, 1),
        "E07000245",
        {"E07000201": "Forest Heath", "E07000204": "St Edmundsbury"},
    ),
    (
        "merge",
        date(2019, 4, 1),
        "E07000246",
        {"E07000190": "Taunton Deane", "E07000191": "West Somerset"},
    ),
    (
        "merge",
        date(2020, 4, 1),
        "E06000060",
        {
            "E07000004": "Aylesbury Vale",
            "E07000005": "Chiltern",
            "E07000006": "South Bucks",
            "E07000007": "Wycombe",
        },
    ),
    (
        "merge",
        date(2021, 4, 1),
        "E06000061",
        {
            "E07000150": "Corby",
            "E07000152": "East Northamptonshire",
            "E07000153": "Kettering",
            "E07000156": "Wellingborough",
        },
    ),
    (
        "merge",
        date(2021, 4, 1),
        "E06000062",
        {
            "E07000151": "Daventry",
            "E07000154": "Northampton",
            "E07000155": "South Northamptonshire",
        },
    ),
    (
        "merge",
        date(2023, 4, 1),
        "E06000063",
        {"E07000026": "Allerdale", "E07000028": "Carlisle", "E07000029": "Copeland"},
    ),
    (
        "merge",
        date(2023, 4, 1),
        "E06000064",
        {"E07000027": "Barrow-in-Furness", "E07000030": "Eden", "E07000031": "South Lakeland"},
    ),
    (
        "merge",
        date(2023, 4, 1),
        "E06000065",
        {
            "E07000163": "Craven",
            "E07000164": "Hambleton",
            "E07000165": "Harrogate",
            "E07000166": "Richmondshire",
            "E07000167": "Ryedale",
            "E07000168": "Scarborough",
            "E07000169": "Selby",
        },
    ),
    (
        "merge",
        date(2023, 4, 1),
        "E06000066",
        {
            "E07000187": "Mendip",
            "E07000188": "Sedgemoor",
            "E07000189": "South Somerset",
            "E07000246": "Somerset West and Taunton",
        },
    ),
    ("exchange", date(2025, 4, 1), "E08000038", {"E08000016": "Barnsley"}),
    ("exchange", date(2025, 4, 1), "E08000039", {"E08000019": "Sheffield"}),
]

# (old county, name, effective date, {new authority: its districts of 2011 in that county})
COUNTY_CHANGES: list[tuple[str, str, date, dict[str, list[str]]]] = [
    (
        "E10000009",
        "Dorset",
        date(2019, 4, 1),
        {
            "E06000058": ["E07000048"],
            "E06000059": ["E07000049", "E07000050", "E07000051", "E07000052", "E07000053"],
        },
    ),
    ("E10000002", "Buckinghamshire", date(2020, 4, 1), {"E06000060": []}),
    (
        "E10000021",
        "Northamptonshire",
        date(2021, 4, 1),
        {
            "E06000061": ["E07000150", "E07000152", "E07000153", "E07000156"],
            "E06000062": ["E07000151", "E07000154", "E07000155"],
        },
    ),
    (
        "E10000006",
        "Cumbria",
        date(2023, 4, 1),
        {
            "E06000063": ["E07000026", "E07000028", "E07000029"],
            "E06000064": ["E07000027", "E07000030", "E07000031"],
        },
    ),
    ("E10000023", "North Yorkshire", date(2023, 4, 1), {"E06000065": []}),
    ("E10000027", "Somerset", date(2023, 4, 1), {"E06000066": []}),
]


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
