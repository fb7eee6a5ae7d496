"""The demo pack is what pack.toml and SOURCES.md say it is. Plain reading of the files."""

import csv
import gzip
import io
import tomllib
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
import shapely

from areas.history import read_areas

PACK = Path(__file__).parents[2] / "demo"
MANIFEST = tomllib.loads((PACK / "pack.toml").read_text())
EDITIONS = [edition["slug"] for edition in MANIFEST["edition"]]
SETS = {overlap["slug"]: overlap for overlap in MANIFEST["overlap_set"]}
RELEASES = [release["slug"] for release in MANIFEST["release"]]
INDICATORS = {indicator["slug"]: indicator for indicator in MANIFEST["indicator"]}
MISSIONS = {
    "living-standards",
    "research-and-development",
    "transport",
    "digital-connectivity",
    "education",
    "skills",
    "health",
    "wellbeing",
    "pride-in-place",
    "housing",
    "crime",
    "local-leadership",
}
CAPITALS = {"physical", "human", "intangible", "financial", "social", "institutional"}
MARKERS = {"", "c", "x", "z", "u", "p", "e", "low"}
MISSING = {"c", "x", "z"}


@cache
def table(path: str) -> pl.DataFrame:
    return pl.read_parquet(PACK / f"{path}.parquet")


@cache
def members(edition: str) -> list[str]:
    return table("members").filter(pl.col("edition") == edition)["code"].to_list()


@cache
def observations() -> pl.DataFrame:
    return pl.concat(
        [table(f"releases/{slug}").with_columns(release=pl.lit(slug)) for slug in RELEASES]
    )


@cache
def outlines(edition: str) -> tuple[list[str], np.ndarray]:
    layer = pq.read_table(PACK / "boundaries" / f"{edition}.parquet")
    return layer["code"].to_pylist(), shapely.from_wkb(layer["geometry"].to_numpy())


def outline_of(edition: str) -> dict[str, shapely.Geometry]:
    return dict(zip(*outlines(edition), strict=True))


def parents(slug: str) -> dict[str, str]:
    overlaps = table(f"overlaps/{slug}")
    return dict(zip(overlaps["from_code"], overlaps["to_code"], strict=True))


# The manifest


def test_the_pack_is_at_most_25_megabytes():
    files = [p for p in PACK.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(p.stat().st_size for p in files) <= 25_000_000


def test_every_slug_in_the_manifest_is_given_once():
    for name, entries in MANIFEST.items():
        slugs = Counter(entry["slug"] for entry in entries)
        assert max(slugs.values()) == 1, name


def test_every_text_in_the_manifest_says_something():
    may_be_empty = {"boundary_note", "source_url", "prefix"}
    for entries in MANIFEST.values():
        for entry in entries:
            for field, value in entry.items():
                if isinstance(value, str) and field not in may_be_empty:
                    assert value.strip(), (entry["slug"], field)


def test_every_indicator_is_fully_defined():
    themes = {theme["slug"] for theme in MANIFEST["theme"]}
    codes = set(table("areas")["code"])
    for slug, indicator in INDICATORS.items():
        assert len(indicator["short_name"]) <= 40, slug
        assert indicator["theme"] in themes
        assert indicator["polarity"] in {"higher", "lower", "none"}
        assert indicator["aggregation"] in {"sum", "ratio", "weighted-mean", "none"}
        assert indicator["scope"] in codes
        assert set(indicator["missions"]) <= MISSIONS
        assert set(indicator["capitals"]) <= CAPITALS
        assert isinstance(indicator["decimals"], int)
        assert indicator["multiplier"] > 0


def test_every_release_belongs_to_a_dataset_and_has_its_file():
    datasets = {dataset["slug"] for dataset in MANIFEST["dataset"]}
    assert {release["dataset"] for release in MANIFEST["release"]} == datasets
    for release in MANIFEST["release"]:
        assert release["file"] == f"releases/{release['slug']}.parquet"
        assert isinstance(release["published"], date)
    assert {p.stem for p in (PACK / "releases").glob("*.parquet")} == set(RELEASES)
    assert {p.stem for p in (PACK / "overlaps").glob("*.parquet")} == set(SETS)
    assert {p.stem for p in (PACK / "boundaries").glob("*.parquet")} == set(EDITIONS)


# Areas


def test_area_codes_are_unique_named_and_dated():
    areas = table("areas")
    assert areas["code"].is_unique().all()
    assert (areas["name"].str.strip_chars().str.len_chars() > 0).all()
    assert not areas["name"].str.contains("\ufffd").any()
    assert areas["name_cy"].null_count() == 0
    assert areas["valid_from"].null_count() == 0
    assert areas.filter(pl.col("valid_to") <= pl.col("valid_from")).is_empty()


def test_members_are_live_areas_of_the_edition_s_type_in_order_of_code():
    types = dict(
        table("areas").filter(pl.col("valid_to").is_null()).select("code", "area_type").rows()
    )
    assert set(table("members")["edition"]) == set(EDITIONS)
    for edition in MANIFEST["edition"]:
        codes = members(edition["slug"])
        assert codes == sorted(set(codes))
        assert {types[code] for code in codes} == {edition["area_type"]}


def test_the_counts_of_areas_are_the_published_ones():
    def by_prefix(edition: str, length: int) -> dict[str, int]:
        return dict(Counter(code[:length] for code in members(edition)))

    assert by_prefix("authority-2025", 1) == {"E": 296, "S": 32, "W": 22, "N": 11}
    assert by_prefix("authority-2025", 3) == {
        "E06": 63,
        "E07": 164,
        "E08": 36,
        "E09": 33,
        "S12": 32,
        "W06": 22,
        "N09": 11,
    }
    assert by_prefix("lsoa-2011", 2) == {"E0": 32_844, "W0": 1_909, "S0": 6_976, "95": 890}
    assert by_prefix("msoa-2011", 1) == {"E": 6_791, "W": 410, "S": 1_279}
    assert by_prefix("ward-2025", 1) == {"E": 6_817, "W": 762, "S": 355}
    assert len(members("county-2025")) == 21
    assert len(members("region-2025")) == 9
    assert len(members("country-2025")) == 4
    assert members("country-group-gb") == ["K03000001"]
    assert members("country-group-ew") == ["K04000001"]
    assert members("uk-2025") == ["K02000001"]


@pytest.mark.parametrize("slug", SETS)
def test_an_overlap_set_gives_each_area_one_parent_of_its_editions(slug):
    overlaps = table(f"overlaps/{slug}")
    assert SETS[slug]["kind"] in {"exact", "best-fit"}
    assert overlaps["from_code"].is_unique().all()
    assert (overlaps["weight"] == 1.0).all()
    assert set(overlaps["from_code"]) <= set(members(SETS[slug]["from_edition"]))
    assert set(overlaps["to_code"]) <= set(members(SETS[slug]["to_edition"]))


def test_every_level_can_be_rolled_up():
    for slug, absent in {
        "lsoa-2011-to-authority-2025": "",
        "lsoa-2011-to-msoa-2011": "9",
        "lsoa-2011-to-ward-2025": "9",
        "msoa-2011-to-authority-2025": "",
        "ward-2025-to-authority-2025": "",
        "authority-2025-to-region-2025": "WSN",
        "authority-2025-to-country-2025": "",
        "country-2025-to-uk-2025": "",
        "country-2025-to-country-group-gb": "N",
        "country-2025-to-country-group-ew": "NS",
    }.items():
        expected = {c for c in members(SETS[slug]["from_edition"]) if c[0] not in absent}
        assert set(parents(slug)) == expected, slug
    assert set(parents("lsoa-2011-to-authority-2025").values()) == set(members("authority-2025"))


def test_the_ways_up_agree():
    to_authority = parents("lsoa-2011-to-authority-2025")
    msoa_authority = parents("msoa-2011-to-authority-2025")
    ward_authority = parents("ward-2025-to-authority-2025")
    for lsoa, msoa in parents("lsoa-2011-to-msoa-2011").items():
        assert msoa_authority[msoa] == to_authority[lsoa]
    for lsoa, ward in parents("lsoa-2011-to-ward-2025").items():
        assert ward_authority[ward] == to_authority[lsoa]
    region = parents("authority-2025-to-region-2025")
    for authority, county in parents("authority-2025-to-county-2025").items():
        assert region[authority] == parents("county-2025-to-region-2025")[county]


def test_the_ended_codes_of_the_pack_are_those_of_the_code_history():
    ended = table("areas").filter(pl.col("valid_to").is_not_null())
    held = read_areas().filter(pl.col("code").is_in(ended["code"].implode()))
    columns = ["code", "name", "area_type", "valid_from", "valid_to"]
    assert ended.select(columns).sort("code").equals(held.select(columns).sort("code"))


# Postcodes


def test_postcodes_are_live_british_ones_in_order():
    postcodes = table("postcodes")["postcode"]
    assert postcodes.is_unique().all()
    assert postcodes.is_sorted()
    assert postcodes.str.contains(r"^[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}$").all()
    assert not postcodes.str.contains(r"^(BT|GY|IM|JE)\d").any()


def test_postcodes_lie_in_areas_of_the_pack():
    postcodes = table("postcodes")
    assert set(postcodes["ward"].drop_nulls()) == set(members("ward-2025"))
    assert set(postcodes["lsoa"].drop_nulls()) <= set(members("lsoa-2011"))
    assert not postcodes["lsoa"].drop_nulls().str.starts_with("95").any()
    assert (postcodes["easting"].drop_nulls().is_between(1, 700_000)).all()
    assert (postcodes["northing"].drop_nulls().is_between(1, 1_300_000)).all()


def test_the_postcodes_of_wards_sum_to_those_of_their_authority():
    to_authority = parents("ward-2025-to-authority-2025")
    lsoa_authority = parents("lsoa-2011-to-authority-2025")
    placed = (
        table("postcodes")
        .drop_nulls(["ward", "lsoa"])
        .with_columns(
            by_ward=pl.col("ward").replace_strict(to_authority),
            by_lsoa=pl.col("lsoa").replace_strict(lsoa_authority),
        )
    )
    wards = placed.group_by("by_ward").len().sort("by_ward")
    neighbourhoods = placed.group_by("by_lsoa").len().sort("by_lsoa")
    assert wards["by_ward"].to_list() == neighbourhoods["by_lsoa"].to_list()
    # Two independent lookups: borders that moved since 2011 shift a few postcodes.
    assert ((wards["len"] / neighbourhoods["len"]) - 1).abs().max() < 0.02
    assert (placed["by_ward"] == placed["by_lsoa"]).mean() > 0.999


# Figures


def test_every_release_has_the_columns_of_the_contract():
    for slug in RELEASES:
        assert table(f"releases/{slug}").columns == [
            "indicator",
            "breakdown",
            "edition",
            "period",
            "code",
            "value",
            "lower",
            "upper",
            "numerator",
            "denominator",
            "marker",
        ]


def test_every_observation_names_things_that_are_defined():
    assert set(observations()["indicator"]) == set(INDICATORS)
    for (edition,), rows in observations().group_by("edition"):
        assert set(rows["code"]) <= set(members(str(edition)))
    assert observations()["period"].str.contains(r"^\d{4}-\d{2}-\d{2}(/P\d+[YM])?$").all()


def test_no_observation_is_given_twice():
    keys = observations().select("indicator", "breakdown", "edition", "period", "code")
    assert keys.is_unique().all()


def test_a_row_has_a_value_or_says_why_not():
    rows = observations()
    numbers = ["value", "lower", "upper", "numerator", "denominator"]
    for name in numbers:
        assert rows[name].drop_nulls().is_finite().all(), name
    assert set(rows["marker"]) <= MARKERS
    missing = pl.col("marker").is_in(MISSING)
    assert rows.filter(pl.col("value").is_null() != missing).is_empty()
    assert rows.filter(missing).select(pl.col(numbers).is_null().all()).row(0) == (True,) * 5


def test_a_ratio_is_its_parts():
    multiplier = {slug: float(i["multiplier"]) for slug, i in INDICATORS.items()}
    ratios = [slug for slug, i in INDICATORS.items() if i["aggregation"] == "ratio"]
    rows = observations().filter(pl.col("indicator").is_in(ratios) & pl.col("value").is_not_null())
    expected = (
        pl.col("indicator").replace_strict(multiplier) * pl.col("numerator") / pl.col("denominator")
    )
    assert rows.select((pl.col("value") - expected).abs().max()).item() < 1e-9


def test_shares_lie_between_0_and_100():
    shares = [slug for slug, i in INDICATORS.items() if i["unit"] == "%"]
    values = observations().filter(pl.col("indicator").is_in(shares))["value"].drop_nulls()
    assert values.is_between(0, 100).all()


def parts_of(indicator: str, prefix: str = "") -> tuple[float, float]:
    rows = observations().filter(
        (pl.col("indicator") == indicator) & pl.col("code").str.contains(f"^({prefix})")
    )
    return rows["numerator"].sum(), rows["denominator"].sum()


def test_census_totals_are_the_published_ones():
    residents, _ = parts_of("population-density")
    assert residents == 56_075_912
    communal, everyone = parts_of("communal-residents", "E|W")
    assert (communal, everyone) == (1_004_799, 56_075_912)
    assert parts_of("household-size", "E|W") == (55_071_113, 23_366_044)
    assert parts_of("household-size", "S") == (5_196_386, 2_372_777)
    assert parts_of("communal-residents", "S")[1] == 5_295_403
    density = observations().filter(pl.col("indicator") == "population-density")
    assert set(density["code"].str.slice(0, 1)) == {"E", "W"}


def test_ages_are_the_318_authorities_of_england_and_wales_only():
    for indicator in ("children", "working-age", "older-residents", "dependency-ratio"):
        rows = observations().filter(pl.col("indicator") == indicator)
        assert rows.height == 318
        assert set(rows["code"].str.slice(0, 1)) == {"E", "W"}
    assert parts_of("children", "E")[1] == 57_690_323
    assert parts_of("children", "W")[1] == 3_164_404
    ages = [parts_of(name)[0] for name in ("children", "working-age", "older-residents")]
    assert sum(ages) == parts_of("children")[1]


def test_income_leaves_out_the_filler():
    rows = observations().filter(pl.col("indicator") == "taxpayer-income")
    assert rows.height == 361
    missing = rows.filter(pl.col("marker") == "x")["code"].to_list()
    assert set(missing) == {
        "E06000027",
        "E06000053",
        "E06000063",
        "E06000064",
        "E06000065",
        "E06000066",
        "N09000011",
    }
    assert (rows["denominator"].drop_nulls() % 1000 == 0).all()
    assert rows.filter(pl.col("code") == "E09000020")["value"].item() == 208_000


def test_stroke_admissions_are_english_and_not_below_msoa():
    rows = observations().filter(pl.col("indicator") == "stroke-admissions")
    assert set(rows["code"].str.slice(0, 1)) == {"E"}
    assert "lsoa-2011" not in set(rows["edition"])
    small = rows.filter((pl.col("edition") == "msoa-2011") & pl.col("value").is_not_null())
    assert (small["numerator"] * 3).round(6).min() >= 5
    to_authority = parents("msoa-2011-to-authority-2025")
    hidden = rows.filter(pl.col("marker") == "c")["code"].replace_strict(to_authority)
    assert min(Counter(hidden).values()) >= 2


@pytest.mark.parametrize(
    ("indicator", "count", "missing"),
    [("stroke-travel-time", 34_753, ["E01019077"]), ("stroke-travel-time-ni", 890, [])],
)
def test_travel_times_cover_their_country(indicator, count, missing):
    rows = observations().filter(pl.col("indicator") == indicator)
    assert rows.height == count
    assert rows.filter(pl.col("value").is_null())["code"].to_list() == missing


def test_west_yorkshire_s_crimes_are_those_of_the_raw_file():
    raw = gzip.decompress((PACK / "try" / "2018-07-west-yorkshire-street.csv.gz").read_bytes())
    records = list(csv.DictReader(io.StringIO(raw.decode())))
    assert len(records) == 31_635
    rows = table("releases/street-crime-2018-07")
    by_neighbourhood = Counter(record["LSOA code"] for record in records)
    published = dict(rows.select("code", "numerator").rows())
    assert len(published) == 1_388
    assert all(by_neighbourhood[code] == count for code, count in published.items())
    outside = sum(n for code, n in by_neighbourhood.items() if code and code not in published)
    assert (by_neighbourhood[""], outside) == (883, 13)
    assert sum(published.values()) == len(records) - 883 - 13


def test_crime_covers_five_authorities_in_three_julys():
    to_authority = parents("lsoa-2011-to-authority-2025")
    five = {"E08000032", "E08000033", "E08000034", "E08000035", "E08000036"}
    totals = {2016: 25_758, 2017: 26_987, 2018: 30_739}
    for year, total in totals.items():
        rows = table(f"releases/street-crime-{year}-07")
        assert {to_authority[code] for code in rows["code"]} == five
        assert rows["numerator"].sum() == total
        assert rows["value"].null_count() == 0


# Outlines


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_member_has_a_valid_outline(edition):
    codes, shapes = outlines(edition)
    assert codes == members(edition)
    assert (shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOLYGON).all()
    assert shapely.is_valid(shapes).all()
    assert not shapely.is_empty(shapes).any()
    west, south, east, north = shapely.total_bounds(shapes)
    assert west > -200_000 and east < 700_000 and south > 0 and north < 1_300_000


def test_outlines_state_the_national_grid():
    for edition in EDITIONS:
        metadata = pq.read_metadata(PACK / "boundaries" / f"{edition}.parquet").metadata
        assert b'"code": 27700' in metadata[b"geo"] or b'"code":27700' in metadata[b"geo"]


def overlap_area(shapes: np.ndarray) -> float:
    """Square metres that belong to two outlines at once."""
    left, right = shapely.STRtree(shapes).query(shapes, predicate="overlaps")
    once = left < right
    return shapely.area(shapely.intersection(shapes[left[once]], shapes[right[once]])).sum()


@pytest.mark.parametrize(
    "edition", ["country-2025", "region-2025", "county-2025", "authority-2025"]
)
def test_outlines_of_one_edition_hardly_overlap(edition):
    _, shapes = outlines(edition)
    assert overlap_area(shapes) < 1e-6 * shapely.area(shapes).sum()


def test_neighbourhoods_hardly_overlap():
    codes, shapes = outlines("lsoa-2011")
    picked = [i for i, code in enumerate(codes) if code[:6] in {"E01010", "S01008", "W01000"}]
    picked += [i for i, code in enumerate(codes) if code.startswith("95GG")]
    assert len(picked) > 2_000
    assert overlap_area(shapes[picked]) < 1e-5 * shapely.area(shapes[picked]).sum()


def test_larger_areas_are_the_sum_of_their_neighbourhoods():
    area = {code: shape.area for code, shape in outline_of("lsoa-2011").items()}
    for slug, edition in [
        ("lsoa-2011-to-msoa-2011", "msoa-2011"),
        ("lsoa-2011-to-authority-2025", "authority-2025"),
    ]:
        sums: Counter[str] = Counter()
        for lsoa, parent in parents(slug).items():
            sums[parent] += area[lsoa]
        for code, shape in outline_of(edition).items():
            # Holes of up to a tenth of a hectare between neighbourhoods are filled.
            assert sums[code] == pytest.approx(shape.area, rel=1e-4, abs=1_000), code


def test_wards_tile_their_authority():
    wards: dict[str, list[shapely.Geometry]] = {}
    shapes = outline_of("ward-2025")
    for ward, authority in parents("ward-2025-to-authority-2025").items():
        wards.setdefault(authority, []).append(shapes[ward])
    for authority, shape in outline_of("authority-2025").items():
        if authority.startswith("N"):
            continue
        assert sum(w.area for w in wards[authority]) == pytest.approx(shape.area, rel=1e-4)
    for authority in ("E06000002", "E09000001", "E07000076", "W06000015", "S12000036"):
        together = np.array(wards[authority])
        assert overlap_area(together) < 1e-4 * shapely.area(together).sum()


def test_most_postcodes_lie_in_their_ward_s_outline():
    shapes = outline_of("ward-2025")
    sample = table("postcodes").drop_nulls(["ward", "easting"]).sample(5_000, seed=1)
    points = shapely.points(sample.select("easting", "northing").to_numpy().astype(float))
    inside = shapely.contains(np.array([shapes[ward] for ward in sample["ward"]]), points)
    assert inside.mean() > 0.95
