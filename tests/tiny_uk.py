"""A United Kingdom small enough to check by hand, on the British National Grid.

Sixteen square-kilometre neighbourhoods in a four by four grid. Each row is a council of two
wards of two neighbourhoods:

    row 0  Ashby   (region North, England)
    row 1  Birch   (region North, England)
    row 2  Cedar   (region South, England)
    row 3  Dale    (Scotland, which has no regions)

Ward fit is exact but for one neighbourhood: E01000904 of Ashby is counted in a ward of Birch,
so that a best fit crosses a border as real ones do.
"""

from datetime import date

import polars as pl
import shapely

from areas.importing import load
from areas.models import AreaType, Edition, OverlapSet

START = date(2009, 1, 1)
COUNCILS = ("E06000901", "E06000902", "E06000903", "S12000901")
COUNCIL_NAMES = ("Ashby", "Birch", "Cedar", "Dale")
WARDS = (*tuple(f"E0500090{n}" for n in range(1, 7)), "S13000901", "S13000902")
NEIGHBOURHOODS = tuple(f"E010009{n:02}" for n in range(1, 13)) + tuple(
    f"S010009{n:02}" for n in range(1, 5)
)
ENDED = ("E07000901", "E07000902")

WIDE = [
    ("K02000001", "United Kingdom", "uk"),
    ("K03000001", "Great Britain", "country-group"),
    ("E92000001", "England", "country"),
    ("S92000003", "Scotland", "country"),
    ("E12000901", "North", "region"),
    ("E12000902", "South", "region"),
]
EDITIONS = [
    ("uk", "uk", "United Kingdom"),
    ("gb", "country-group", "Great Britain"),
    ("country", "country", "Countries"),
    ("region", "region", "Regions"),
    ("authority", "authority", "Local authorities"),
    ("ward", "ward", "Wards"),
    ("lsoa", "lsoa", "Neighbourhoods"),
]


def square(column: int, row: int) -> shapely.Polygon:
    """Return the square of a neighbourhood, rows running south from the first."""
    x, y = 400_000 + 1000 * column, 500_000 - 1000 * row
    return shapely.box(x, y, x + 1000, y + 1000)


def overlaps() -> dict[tuple[str, str, str], list[tuple[str, str]]]:
    """Return (from edition, to edition, kind) → (area, parent) pairs."""
    ward_of = {code: WARDS[i // 2] for i, code in enumerate(NEIGHBOURHOODS)}
    ward_of["E01000904"] = WARDS[2]
    return {
        ("lsoa", "ward", "best-fit"): list(ward_of.items()),
        ("lsoa", "authority", "exact"): [
            (code, COUNCILS[i // 4]) for i, code in enumerate(NEIGHBOURHOODS)
        ],
        ("ward", "authority", "exact"): [(w, COUNCILS[i // 2]) for i, w in enumerate(WARDS)],
        ("authority", "region", "exact"): [
            (COUNCILS[0], "E12000901"),
            (COUNCILS[1], "E12000901"),
            (COUNCILS[2], "E12000902"),
        ],
        ("authority", "country", "exact"): [
            (c, "E92000001" if c[0] == "E" else "S92000003") for c in COUNCILS
        ],
        ("region", "country", "exact"): [("E12000901", "E92000001"), ("E12000902", "E92000001")],
        ("country", "gb", "exact"): [("E92000001", "K03000001"), ("S92000003", "K03000001")],
        ("country", "uk", "exact"): [("E92000001", "K02000001"), ("S92000003", "K02000001")],
    }


def members() -> dict[str, list[str]]:
    """Return the codes of each edition, in ordinal order."""
    return {
        "uk": ["K02000001"],
        "gb": ["K03000001"],
        "country": ["E92000001", "S92000003"],
        "region": ["E12000901", "E12000902"],
        "authority": list(COUNCILS),
        "ward": list(WARDS),
        "lsoa": list(NEIGHBOURHOODS),
    }


def build() -> None:
    """Load the tiny UK into an empty database that has its area types."""
    assert AreaType.objects.exists(), "migrations bring the area types"
    rows = [
        *WIDE,
        *((c, n, "authority") for c, n in zip(COUNCILS, COUNCIL_NAMES, strict=True)),
        *((w, f"{COUNCIL_NAMES[i // 2]} {'Upper' if i % 2 == 0 else 'Lower'}", "ward")
          for i, w in enumerate(WARDS)),
        *((c, f"{COUNCIL_NAMES[i // 4]} 00{1 + i % 4}", "lsoa")
          for i, c in enumerate(NEIGHBOURHOODS)),
    ]  # fmt: skip
    areas = pl.DataFrame(rows, schema=["code", "name", "area_type"], orient="row")
    areas = areas.with_columns(
        pl.when(pl.col("code") == "S12000901").then(pl.lit("An Dail")).otherwise(pl.lit(""))
        .alias("name_cy"),
        pl.lit(START).alias("valid_from"),
        pl.lit(None, dtype=pl.Date).alias("valid_to"),
    )  # fmt: skip
    ended = pl.DataFrame(
        {
            "code": ENDED,
            "name": ["Old Cedar", "Old Pine"],
            "area_type": ["authority", "authority"],
            "name_cy": ["", ""],
            "valid_from": [START, START],
            "valid_to": [date(2019, 4, 1), date(2019, 4, 1)],
        }
    )
    load.load_areas(pl.concat([areas, ended.select(areas.columns)]))

    editions: dict[str, Edition] = {}
    squares = {c: square(i % 4, i // 4) for i, c in enumerate(NEIGHBOURHOODS)}
    pairs = overlaps()
    shapes = dict(squares)
    for below, above, kind in [
        ("lsoa", "authority", "exact"),
        ("authority", "region", "exact"),
        ("authority", "country", "exact"),
        ("country", "gb", "exact"),
        ("country", "uk", "exact"),
    ]:
        parts: dict[str, list[shapely.Geometry]] = {}
        for child, parent in pairs[(below, above, kind)]:
            parts.setdefault(parent, []).append(shapes[child])
        shapes |= {parent: shapely.union_all(p) for parent, p in parts.items()}
    for i, ward in enumerate(WARDS):
        shapes[ward] = shapely.union_all([squares[c] for c in NEIGHBOURHOODS[2 * i : 2 * i + 2]])
    codes_of = members()
    for slug, kind, name in EDITIONS:
        editions[slug] = Edition.objects.create(
            slug=slug, area_type_id=kind, name=name, date=START, source="Made up for tests"
        )
        codes = pl.Series(codes_of[slug])
        load.load_members(editions[slug], codes)
        wkb = pl.Series([shapely.to_wkb(shapes[c]) for c in codes], dtype=pl.Binary)
        load.load_boundaries(editions[slug], codes, wkb)
    for (below, above, kind), links in pairs.items():
        overlap_set = OverlapSet.objects.create(
            slug=f"{below}-{above}",
            from_edition=editions[below],
            to_edition=editions[above],
            kind=kind,
            weight_source="Drawn by hand",
        )
        load.load_overlaps(
            overlap_set,
            pl.DataFrame(links, schema=["from_code", "to_code"], orient="row").with_columns(
                pl.lit(1.0).alias("weight")
            ),
        )
    load.load_changes(
        pl.DataFrame(
            {
                "from_code": ["E07000901", "E07000902", "E07000902"],
                "to_code": ["E06000903", "E06000901", "E06000902"],
                "kind": ["recode", "split", "split"],
                "effective": [date(2019, 4, 1)] * 3,
                "weight": [1.0, 0.5, 0.5],
            }
        )
    )
    load.load_postcodes(
        pl.DataFrame(
            {
                "postcode": ["AB11AA", "AB11AB", "AB12AA", "DA11AA"],
                "ward": [WARDS[0], WARDS[0], WARDS[2], WARDS[7]],
                "small_area": [
                    NEIGHBOURHOODS[0], NEIGHBOURHOODS[1], NEIGHBOURHOODS[4], NEIGHBOURHOODS[15],
                ],
                "easting": [400_500, 401_500, 400_500, 403_500],
                "northing": [500_500, 500_500, 499_500, 497_500],
            }
        )
    )  # fmt: skip
    load.name_small_areas(editions["lsoa"], editions["ward"])
