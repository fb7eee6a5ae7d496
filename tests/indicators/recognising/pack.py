"""What is known of UK geography, from the lookups of the shared pack, without a database."""

from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
from django.conf import settings

from indicators.releases.recognising import Known
from indicators.releases.recognising.known import AREAS, MEMBERS

SHARED = settings.BASE_DIR.parent / "shared" / "data"


def read(name: str) -> pl.DataFrame:
    """Return a lookup, all text, its byte-order mark aside."""
    path = SHARED / "lookups" / name
    frame = pl.read_csv(path, infer_schema_length=0, encoding="utf8-lossy")
    return frame.rename({c: c.lstrip("\ufeff") for c in frame.columns})


def part(frame: pl.DataFrame, kind: str, year: int, code: str, name="", parent="") -> pl.DataFrame:
    """Return some areas of an edition of a lookup."""
    none = pl.lit(None, dtype=pl.String)
    return frame.select(
        pl.lit(f"{kind}-{year}").alias("edition"),
        pl.lit(kind).alias("type"),
        pl.lit(date(year, 4, 1)).alias("edition_date"),
        pl.col(code).alias("code"),
        (pl.col(name) if name else none).alias("name"),
        (pl.col(parent) if parent else none).alias("parent_code"),
    )


@cache
def known_of_pack() -> Known:
    """Return areas and editions as the pack's lookups have them."""
    ward25, spine21 = read("ward25_lad25_region_country.csv"), read(
        "lsoa21_msoa21_ward24_lad25_region_country.csv.gz")  # fmt: skip
    spine11 = read("lsoa11_msoa11_ward17_ward19_lad19_lad21.csv.gz")
    scotland, ni21 = read("scotland_dz11_iz11_ltla20.csv"), read("ni_dz21_sdz21_dea14_lgd14.csv")
    ni11, changes = read("ni_sa11_soa11_lgd18.csv"), read("lad_code_changes_2016_2024.csv")
    lads = read("lad_codes_2011_onwards.csv")
    regions, upper = read("region_codes.csv"), read("utla_codes.csv")
    msoa = read("msoa11_msoa21_ltla22.csv")
    ward17 = read("ons_lsoa11_ward17_lad17_lookup_as_published.csv.gz")
    countries = read("country_codes.csv")
    parts = [
        part(countries, "uk", 2025, "UKCD", "UKNM"),
        part(countries, "country-group", 2025, "GBCD", "GBNM"),
        part(countries, "country-group", 2025, "EWCD", "EWNM"),
        part(countries, "country", 2025, "CTRYCD", "CTRYNM"),
        part(regions, "region", 2025, "RGNCD", "RGNNM", "CTRYCD"),
        part(
            upper.filter(pl.col("UTLACD").str.starts_with("E10")),
            "county", 2025, "UTLACD", "UTLANM", "RGNCD",
        ),
        part(
            read("combined_authority_codes.csv"), "combined-authority", 2025, "CAUTHCD", "CAUTHNM"
        ),
        part(read("ltla23_utla23.csv"), "upper-tier", 2023, "utla23_code", "utla23_name"),
        part(ward25, "authority", 2025, "lad25_code", "lad25_name", "region_code"),
        part(ward25, "ward", 2025, "ward25_code", "ward25_name", "lad25_code"),
        part(read("ward21_ltla21.csv"), "ward", 2021, "ward21_code", "ward21_name", "ltla21_code"),
        part(ward17, "ward", 2017, "WD17CD", "WD17NM", "LAD17CD"),
        part(msoa, "msoa", 2011, "msoa11_code", "msoa11_name", "ltla22_code"),
        part(scotland, "msoa", 2011, "iz11_code", "iz11_name", "ltla20_code"),
        part(msoa, "msoa", 2021, "msoa21_code", "msoa21_name", "ltla22_code"),
        part(spine21, "msoa", 2021, "msoa21_code", "msoa21_name", "lad25_code"),
        part(ni21, "msoa", 2021, "sdz21_code", "sdz21_name", "lgd14_code"),
        part(read("lsoa01_lsoa11.csv.gz"), "lsoa", 2001, "lsoa01_code", "lsoa01_name"),
        part(spine11, "lsoa", 2011, "lsoa11_code", "lsoa11_name", "ltla21_code"),
        part(scotland, "lsoa", 2011, "dz11_code", "dz11_name", "ltla20_code"),
        part(ni11, "lsoa", 2011, "soa11_code", "soa11_name", "lgd18_code"),
        part(spine21, "lsoa", 2021, "lsoa21_code", "lsoa21_name", "lad25_code"),
        part(ni21, "lsoa", 2021, "dz21_code", "dz21_name", "lgd14_code"),
    ]  # fmt: skip
    region_of = ward25.select("lad25_code", "region_code").unique("lad25_code")
    for year in range(2016, 2025):
        code, name = f"ltla{year - 2000}_code", f"ltla{year - 2000}_name"
        with_region = changes.join(region_of, left_on=code, right_on="lad25_code", how="left")
        parts.append(part(with_region, "authority", year, code, name, "region_code"))
    old = lads.filter(~pl.col("LADCD").is_in(changes["ltla16_code"].implode()))
    parts.append(part(old, "authority", 2011, "LADCD", "LADNM", "RGNCD"))
    members = pl.concat(parts).drop_nulls("code").unique(["edition", "code"], maintain_order=True)
    areas = members.sort("edition_date", descending=True).unique("code", maintain_order=True)
    # A county or unitary authority is of its own type, wherever it stands.
    areas = areas.with_columns(
        pl.when(pl.col("type") == "upper-tier")
        .then(
            pl.when(pl.col("code").str.starts_with("E10")).then(pl.lit("county"))
            .otherwise(pl.lit("authority"))
        )
        .otherwise("type")
        .alias("type"),
    )  # fmt: skip
    welsh = read("welsh_names.csv").select("code", "name_cy").unique("code")
    areas = areas.join(welsh, on="code", how="left").with_columns(
        pl.lit(None, dtype=pl.Date).alias("valid_from"),
        pl.lit(None, dtype=pl.Date).alias("valid_to"),
        pl.col("name").fill_null(pl.col("code")),
    )
    return Known(areas=areas.select(list(AREAS)), members=members.select(list(MEMBERS)))


def files_of(folder: Path) -> list[Path]:
    """Return a release's files, without the note on its source."""
    return sorted(p for p in folder.iterdir() if p.name != "SOURCE.md")
