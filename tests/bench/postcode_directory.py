"""Time `import_postcodes` on a directory as long as the real one, and watch its memory.

Run as `python -m tests.bench.postcode_directory --folder DIR [--rows 2700000]` in the
environment that `script/manage` gives, on a database that holds the demo. The file is written
under ONSPD headings from the postcodes held, each moved by a metre, and made-up ended ones.
What is loaded is taken back at the end.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import django

django.setup()

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402
from django.db import transaction  # noqa: E402

from areas.importing.copy import fetch_frame  # noqa: E402
from areas.importing.postcodes import PostcodeOptions, import_postcodes  # noqa: E402

# The headings of the directory of 2023, in their order.
HEADINGS = [
    "pcd",
    "pcd2",
    "pcds",
    "dointr",
    "doterm",
    "oscty",
    "ced",
    "oslaua",
    "osward",
    "parish",
    "usertype",
    "oseast1m",
    "osnrth1m",
    "osgrdind",
    "oshlthau",
    "nhser",
    "ctry",
    "rgn",
    "streg",
    "pcon",
    "eer",
    "teclec",
    "ttwa",
    "pct",
    "itl",
    "statsward",
    "oa01",
    "casward",
    "park",
    "lsoa01",
    "msoa01",
    "ur01ind",
    "oac01",
    "oa11",
    "lsoa11",
    "msoa11",
    "wz11",
    "sicbl",
    "bua11",
    "buasd11",
    "ru11ind",
    "oac11",
    "lat",
    "long",
    "lep1",
    "lep2",
    "pfa",
    "imd",
    "calncv",
    "icb",
    "oa21",
    "lsoa21",
    "msoa21",
]
FILLER = "E99999999"


def write(path: Path, rows: int) -> int:
    """Write the file and return how many of its postcodes have ended."""
    held = fetch_frame(
        "SELECT p.postcode, w.code, s.code, p.easting, p.northing FROM areas_postcode p "
        "LEFT JOIN areas_area w ON w.id = p.ward_id "
        "LEFT JOIN areas_area s ON s.id = p.small_area_id WHERE p.ended IS NULL",
        (),
        {"pcds": pl.String, "osward": pl.String, "lsoa11": pl.String, "oseast1m": pl.Int64,
         "osnrth1m": pl.Int64},
    )  # fmt: skip
    more = max(rows - held.height, 0)
    n = np.arange(more)
    letters = np.array(list("ABCDEFGHJKLMNPQRSTUWXYZ"))
    side = len(letters)
    # QA1 to QZ99 are no postcodes of the United Kingdom.
    made = pl.DataFrame(
        {"a": letters[n // (side**2 * 990) % side], "b": (n // (side**2 * 10) % 99 + 1).astype(str),
         "c": (n // side**2 % 10).astype(str), "d": letters[n // side % side],
         "e": letters[n % side]}
    )  # fmt: skip
    ended = made.select(
        pl.concat_str(pl.lit("Q"), "a", "b", "c", "d", "e").alias("pcds"),
        pl.lit("201905").alias("doterm"),
    )
    frame = pl.concat(
        [held.with_columns(pl.col("oseast1m") + 1), ended], how="diagonal"
    ).with_columns(pl.lit("1").alias("osgrdind"))
    frame = frame.with_columns(pl.col("pcds").alias("pcd"), pl.col("pcds").alias("pcd2"))
    frame.select(
        pl.col(h) if h in frame.columns else pl.lit(FILLER).alias(h) for h in HEADINGS
    ).write_csv(path)
    return more


def peak() -> int:
    """Return the most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Write the file, then rehearse and load it; print times and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=2_700_000)
    parser.add_argument("--write", action="store_true", help="Only write the file.")
    given = parser.parse_args()
    path = given.folder / "ONSPD_synthetic.csv"
    if given.write:
        more = write(path, given.rows)
        print(f"{path.name}: {path.stat().st_size / 1e6:,.0f} MB, {more:,} ended")
        return
    print(f"before: {peak()} MB")
    for commit in (False, True):
        began = time.perf_counter()
        with transaction.atomic():
            report = import_postcodes(file=path, options=PostcodeOptions(), commit=commit)
            taken = time.perf_counter() - began
            transaction.set_rollback(True)
        print(report.text())
        print(f"{'load' if commit else 'rehearse'}: {taken:.1f} s, most memory {peak()} MB")


if __name__ == "__main__":
    main()
