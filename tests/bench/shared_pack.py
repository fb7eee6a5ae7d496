"""Load every boundary and lookup of the shared pack beside the demo, and say what happened.

Run as `python -m tests.bench.shared_pack --data ../shared/data [--only TEXT] [--json FILE]` in
the environment that `script/manage` gives. It commits into that environment's database: an
edition, an overlap set or code history for each entry of PLAN. Not part of the test suite.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import django

django.setup()

from areas import tiles  # noqa: E402
from areas.importing.changes import ChangeOptions, import_changes  # noqa: E402
from areas.importing.names import NameOptions, import_names  # noqa: E402
from areas.importing.numbers import NumberOptions, import_numbers  # noqa: E402
from areas.importing.overlaps import OverlapOptions, import_overlaps  # noqa: E402
from areas.importing.places import AreaOptions, import_areas  # noqa: E402
from areas.importing.postcodes import PostcodeOptions, import_postcodes  # noqa: E402
from areas.importing.report import Report  # noqa: E402
from areas.models import Edition  # noqa: E402


class Entry(NamedTuple):
    """One run of a command: which, on which file, with which options."""

    command: str
    file: str
    options: dict[str, Any]


# What readers call editions whose type and year do not say it all.
NAMES = {
    "lsoa-2011-ew": "LSOAs 2011 (England and Wales)",
    "dz-2011": "Data zones 2011 (Scotland)",
    "soa-2011": "Super output areas 2011 (Northern Ireland)",
    "msoa-2011-ew": "MSOAs 2011 (England and Wales)",
    "iz-2011": "Intermediate zones 2011 (Scotland)",
    "ward-2017-england": "Wards 2017 (England)",
    "lsoa-2021-ew": "LSOAs 2021 (England and Wales)",
    "sdz-2021": "Super data zones 2021 (Northern Ireland)",
    "msoa-2021-ew": "MSOAs 2021 (England and Wales)",
    "authority-2019": "Local authorities, from April 2019",
    "authority-2021": "Local authorities, from April 2021",
    "authority-2024": "Local authorities, May 2024",
    "authority-2025-ons": "Local authorities, May 2025 (ONS outlines)",
    "ward-2025-ons": "Wards, May 2025 (United Kingdom)",
    "country-2025-ons": "Countries (ONS outlines)",
    "region-2025-ons": "English regions (ONS outlines)",
    "country-2025-admin": "Countries (outlines to 100 m)",
    "region-2025-admin": "English regions (outlines to 100 m)",
    "authority-2025-admin": "Local authorities, May 2025 (outlines to 100 m)",
    "dz-2001": "Data zones 2001 (Scotland)",
    "lsoa-2001-ew": "LSOAs 2001 (England and Wales)",
    "soa-2001": "Super output areas 2001 (Northern Ireland)",
    "output-area-2011-gb": "Output areas 2011 (Great Britain)",
    "small-area-2011": "Small areas 2011 (Northern Ireland)",
    "ward-2017-ew": "Wards with a best-fit LSOA, December 2017",
    "ward-2019-ew": "Wards with a best-fit LSOA, December 2019",
    "ward-2024-ew": "Wards with a best-fit LSOA, May 2024",
    "authority-2017-gb": "Local authorities 2017 (Great Britain)",
    "council-2020": "Councils 2020 (Scotland)",
    "dz-2021-ni": "Data zones 2021 (Northern Ireland)",
    "country-2025-codes": "Countries (list of codes)",
    "region-2025-codes": "English regions (list of codes)",
}


def areas(file: str, edition: str, kind: str, day: str, **more: Any) -> Entry:
    said = {"name": NAMES[edition]} if edition in NAMES else {}
    return Entry("import_areas", file, {"edition": edition, "area_type": kind,
                 "date": date.fromisoformat(day), **said, **more})  # fmt: skip


def listed(file: str, edition: str, kind: str, day: str, **more: Any) -> Entry:
    return areas(f"lookups/{file}", edition, kind, day, no_outlines=True, **more)


def overlap(file: str, below: str, above: str, kind: str, **more: Any) -> Entry:
    return Entry("import_overlaps", f"lookups/{file}",
                 {"from_edition": below, "to_edition": above, "kind": kind, **more})  # fmt: skip


def changes(file: str, **more: Any) -> Entry:
    return Entry("import_changes", f"lookups/{file}", more)


B = "boundaries/"
PUBLISHED = "boundaries/as_published/"
LSOA11 = "lsoa11_msoa11_ward17_ward19_lad19_lad21.csv.gz"
LSOA21 = "lsoa21_msoa21_ward24_lad25_region_country.csv.gz"
OA11 = "ons_oa11_lsoa11_msoa11_lad17_region_as_published.csv.gz"
WARD25 = "ward25_lad25_region_country.csv"
NI21 = "ni_dz21_sdz21_dea14_lgd14.csv"
DZ11 = "scotland_dz11_lookup_as_published.csv.gz"
MIXED = "Put together from wards of several years; good for maps, not for measuring."
RURAL = [
    ("ruc11_lsoa11.csv.gz", "lsoa-2011-ew", "2011", "2011-03-27"),
    ("ruc16_dz11.csv", "dz-2011", "2016", "2016-12-31"),
    ("ruc21_lsoa21.csv.gz", "lsoa-2021-ew", "2021", "2021-03-21"),
]
PLAN = [
    # Outlines, the oldest first.
    areas(f"{B}lsoa_2011.geojson.gz", "lsoa-2011-ew", "lsoa", "2011-03-27"),
    areas(f"{B}dz_2011_scotland.geojson.gz", "dz-2011", "lsoa", "2011-03-27"),
    areas(f"{B}soa_2011_ni.geojson.gz", "soa-2011", "lsoa", "2011-03-27"),
    areas(f"{B}msoa_2011.geojson.gz", "msoa-2011-ew", "msoa", "2011-03-27"),
    areas(f"{B}iz_2011_scotland.geojson.gz", "iz-2011", "msoa", "2011-03-27"),
    areas(f"{B}ward_2017_england.geojson.gz", "ward-2017-england", "ward", "2017-05-04",
          approximate=True, note=MIXED),
    areas(f"{B}lad_2019.geojson.gz", "authority-2019", "authority", "2019-04-01"),
    areas(f"{B}lsoa_2021.geojson.gz", "lsoa-2021-ew", "lsoa", "2021-03-21"),
    areas(f"{B}sdz_2021_ni.geojson.gz", "sdz-2021", "msoa", "2021-03-21"),
    areas(f"{B}msoa_2021.geojson.gz", "msoa-2021-ew", "msoa", "2021-03-21"),
    areas(f"{B}lad_2021.geojson.gz", "authority-2021", "authority", "2021-04-01"),
    areas(f"{B}utla_2021.geojson.gz", "upper-tier-2021", "upper-tier", "2021-04-01"),
    areas(f"{PUBLISHED}Combined_Authorities_December_2023_Boundaries_EN_BUC.geojson",
          "combined-authority-2023", "combined-authority", "2023-12-01"),
    areas(f"{PUBLISHED}Regions_December_2023_Boundaries_EN_BUC.geojson", "region-2023",
          "region", "2023-12-01"),
    areas(f"{PUBLISHED}Local_Authority_Districts_May_2024_Boundaries_UK_BSC.geojson",
          "authority-2024", "authority", "2024-05-02"),
    areas(f"{B}country_2025.geojson.gz", "country-2025-ons", "country", "2025-05-01"),
    areas(f"{B}region_2025.geojson.gz", "region-2025-ons", "region", "2025-05-01",
          parent_column="country_code", parent_edition="country-2025-ons"),
    areas(f"{B}lad_2025.geojson.gz", "authority-2025-ons", "authority", "2025-05-01",
          parent_column="country_code", parent_edition="country-2025-ons"),
    areas(f"{B}ward_2025.geojson.gz", "ward-2025-ons", "ward", "2025-05-01",
          parent_column="lad_code", parent_edition="authority-2025-ons"),
    *[areas(f"{B}uk_admin_2025.gpkg", f"{kind}-2025-admin", kind, "2025-05-01", layer=layer)
      for kind, layer in [("country", "country"), ("region", "region"), ("authority", "lad")]],
    # Sets of areas that only lookups hold.
    Entry("import_areas", "lookups/dz01_dz11.csv", {
        "edition": "dz-2001", "area_type": "lsoa", "date": date(2001, 4, 29),
        "name": NAMES["dz-2001"],
        "no_outlines": True, "code_column": "dz01_code"}),
    listed("lsoa01_lsoa11.csv.gz", "lsoa-2001-ew", "lsoa", "2001-04-29"),
    listed("ni_soa01_lgd14.csv", "soa-2001", "lsoa", "2001-04-29"),
    listed(OA11, "output-area-2011-gb", "output-area", "2011-03-27"),
    listed("ni_sa11_soa11_lgd18.csv", "small-area-2011", "output-area", "2011-03-27"),
    listed("ons_lsoa11_ward17_lad17_lookup_as_published.csv.gz", "ward-2017-ew", "ward",
           "2017-12-01"),
    listed(OA11, "authority-2017-gb", "authority", "2017-04-01"),
    listed("ons_lsoa11_ward19_lad19_lookup_as_published.csv.gz", "ward-2019-ew", "ward",
           "2019-12-01"),
    listed("scotland_dz11_iz11_ltla20.csv", "council-2020", "authority", "2020-04-01"),
    listed("ward21_ltla21.csv", "ward-2021", "ward", "2021-05-06"),
    listed("lad22_lad23.csv", "authority-2022", "authority", "2022-04-01"),
    listed("pcon22_codes.csv", "constituency-2022", "constituency", "2022-05-05"),
    listed("lad22_lad23.csv", "authority-2023", "authority", "2023-04-01"),
    listed("ltla23_utla23.csv", "upper-tier-2023", "upper-tier", "2023-04-01",
           code_column="utla23_code", name_column="utla23_name"),
    listed(LSOA21, "ward-2024-ew", "ward", "2024-05-02"),
    listed(NI21, "dz-2021-ni", "lsoa", "2021-03-21"),
    listed(NI21, "electoral-area-2014", "electoral-area", "2014-04-01"),
    listed("combined_authority_codes.csv", "combined-authority-2025", "combined-authority",
           "2025-04-01"),
    listed("utla_codes.csv", "upper-tier-2025", "upper-tier", "2025-04-01"),
    listed("country_codes.csv", "country-2025-codes", "country", "2025-04-22"),
    listed("region_codes.csv", "region-2025-codes", "region", "2025-04-22"),
    # Which area lies in which.
    overlap(OA11, "output-area-2011-gb", "lsoa-2011", "exact"),
    overlap(OA11, "output-area-2011-gb", "authority-2017-gb", "exact"),
    overlap("ni_sa11_soa11_lgd18.csv", "small-area-2011", "soa-2011", "exact"),
    overlap("ons_lsoa11_ward17_lad17_lookup_as_published.csv.gz", "lsoa-2011-ew",
            "ward-2017-ew", "best-fit"),
    overlap("ons_lsoa11_ward17_lad17_lookup_as_published.csv.gz", "lsoa-2011-ew",
            "ward-2017-england", "best-fit", partial=True, set_aside=True),
    overlap("ons_lsoa11_ward19_lad19_lookup_as_published.csv.gz", "lsoa-2011-ew",
            "ward-2019-ew", "best-fit"),
    overlap(LSOA11, "lsoa-2011-ew", "msoa-2011-ew", "exact"),
    overlap(LSOA11, "lsoa-2011-ew", "authority-2019", "exact"),
    overlap(LSOA11, "lsoa-2011-ew", "authority-2021", "exact"),
    overlap(DZ11, "dz-2011", "iz-2011", "exact"),
    overlap("scotland_dz11_iz11_ltla20.csv", "dz-2011", "council-2020", "exact"),
    overlap("ni_soa01_lgd14.csv", "soa-2001", "authority-2019", "best-fit"),
    overlap("ward21_ltla21.csv", "ward-2021", "authority-2021", "exact"),
    overlap("msoa11_msoa21_ltla22.csv", "msoa-2011-ew", "msoa-2021-ew", "best-fit"),
    overlap("msoa11_msoa21_ltla22.csv", "msoa-2011-ew", "authority-2022", "best-fit"),
    overlap("lsoa11_lsoa21_lad22_change.csv.gz", "lsoa-2011-ew", "lsoa-2021-ew", "apportioned",
            shares_of="lsoa21_usual_residents_2021"),
    overlap(LSOA21, "lsoa-2021-ew", "msoa-2021-ew", "exact"),
    overlap(LSOA21, "lsoa-2021-ew", "ward-2024-ew", "best-fit"),
    overlap(LSOA21, "lsoa-2021-ew", "authority-2025-ons", "exact"),
    overlap(LSOA21, "lsoa-2021-ew", "region-2025-ons", "exact", partial=True),
    overlap(LSOA21, "msoa-2021-ew", "authority-2025-ons", "exact"),
    overlap(LSOA21, "ward-2024-ew", "authority-2024", "exact"),
    overlap(NI21, "dz-2021-ni", "sdz-2021", "exact"),
    overlap(NI21, "sdz-2021", "electoral-area-2014", "exact"),
    overlap(NI21, "electoral-area-2014", "authority-2025-ons", "exact"),
    overlap(NI21, "sdz-2021", "authority-2025-ons", "exact"),
    overlap("lad22_lad23.csv", "authority-2022", "authority-2023", "exact"),
    overlap("ltla23_utla23.csv", "authority-2023", "upper-tier-2023", "exact", partial=True,
            from_column="ltla23_code", to_column="utla23_code"),
    overlap("ltla24_region24.csv", "authority-2024", "region-2023", "exact", partial=True),
    overlap(WARD25, "ward-2025-ons", "region-2025-ons", "exact", partial=True),
    overlap(WARD25, "authority-2025-ons", "region-2025-ons", "exact", partial=True),
    overlap("utla_codes.csv", "upper-tier-2025", "region-2025-ons", "exact", partial=True),
    overlap("utla_codes.csv", "upper-tier-2025", "combined-authority-2025", "exact",
            partial=True),
    overlap("combined_authority_codes.csv", "combined-authority-2025", "region-2025-ons",
            "exact", partial=True),
    overlap("region_codes.csv", "region-2025-codes", "country-2025-codes", "exact"),
    overlap("country_codes.csv", "country-2025-codes", "uk-2025", "exact"),
    # Code history.
    changes("lad_code_changes_2016_2024.csv"),
    changes("lad_codes_2011_onwards.csv"),
    changes("lad22_lad23.csv", date=date(2023, 4, 1)),
    changes("lsoa11_lsoa21_lad22_change.csv.gz", date=date(2021, 3, 21),
            shares_of="lsoa21_usual_residents_2021"),
    changes("msoa11_msoa21_ltla22.csv", date=date(2021, 3, 21)),
    changes("lsoa01_lsoa11.csv.gz", date=date(2011, 3, 27)),
    changes("dz01_dz11.csv", date=date(2014, 11, 6)),
    changes("ward_codes_2015_onwards.csv.gz"),
    # Names and postcodes.
    Entry("import_names", "lookups/welsh_names.csv", {}),
    Entry("import_names", "lookups/msoa_names.csv.gz", {"code_column": "MSOACD"}),
    Entry("import_names", "lookups/ons_explore_local_statistics_areas_list.json", {
        "code_column": "areacd", "name_column": "areanm"}),
    Entry("import_numbers", "releases/dfe_free_school_meals_2020_21/fsm_time_series.csv",
          {"scheme": "DfE"}),
    Entry("import_postcodes", "lookups/trafford_postcodes_sample.csv.gz", {"part": True}),
    # Classes of places: an edition of classes, and which class each neighbourhood is of.
    *[entry for f, below, year, day in RURAL for entry in (
        listed(f, f"rural-urban-{year}", "rural-urban", day, code_column=f"ruc{year[2:4]}_code",
               name_column="classification", code_prefix=f"RUC{year[2:4]}",
               new_type="rural-urban class,rural-urban classes,95"),
        overlap(f, below, f"rural-urban-{year}", "exact", to_column=f"ruc{year[2:4]}_code",
                to_prefix=f"RUC{year[2:4]}"))],
]  # fmt: skip
IMPORTERS: dict[str, tuple[Any, Any]] = {
    "import_areas": (import_areas, AreaOptions),
    "import_overlaps": (import_overlaps, OverlapOptions),
    "import_changes": (import_changes, ChangeOptions),
    "import_postcodes": (import_postcodes, PostcodeOptions),
    "import_names": (import_names, NameOptions),
    "import_numbers": (import_numbers, NumberOptions),
}


def run(entry: Entry, data: Path, *, commit: bool = True) -> tuple[Report, float]:
    """Do one entry and return its report and how many seconds it took."""
    importer, options = IMPORTERS[entry.command]
    began = time.perf_counter()
    report = importer(file=data / entry.file, options=options(**entry.options), commit=commit)
    return report, time.perf_counter() - began


def main() -> None:
    """Load everything, print a line for each, and keep the reports if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--no-tiles", action="store_true")
    given = parser.parse_args()
    kept = []
    for entry in PLAN:
        if given.only not in f"{entry.command} {entry.file} {entry.options}":
            continue
        report, seconds = run(entry, given.data)
        kept.append(
            {
                "command": entry.command,
                "file": entry.file,
                "options": {k: str(v) for k, v in entry.options.items()},
                "seconds": round(seconds, 1),
                **report.as_dict(),
            }
        )
        print(f"{seconds:6.1f} s {entry.command} {entry.file} {entry.options}", flush=True)
        for label, value in report.facts:
            print(f"         {label}: {value}")
        for sentence in [*report.notes, *report.problems, report.outcome()]:
            print(f"         {sentence}", flush=True)
        if given.json:
            given.json.write_text(json.dumps(kept, indent=1, ensure_ascii=False))
    if not given.no_tiles:
        for edition in Edition.objects.filter(tile_hash="", boundary__isnull=False).distinct():
            began = time.perf_counter()
            tiles.bake(edition)
            print(f"{time.perf_counter() - began:6.1f} s maps of {edition.slug}", flush=True)


if __name__ == "__main__":
    main()
