"""Are ten thousand problems of a kind neither slow nor a flood?

    python -m tests.bench.problems [--rows 100000] [--each 10000] [--times 3]

Two long CSVs of synthetic ratios of 2011 neighbourhoods, one in columns that need no mapping and
one as a publisher would give it, each also with many rows of every kind of fault that can be put
into it. Of each, in turns: seconds of reading, recognising and checking, times those of the same
file without faults; the most memory that this process held; what the command says, in lines and
bytes; what is kept. Reading runs in a process of its own, whose memory is not in that.

Works in a copy of the kept demo database, and drops it.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tests.bench import _database
from tests.bench._figures import Figure, save, say, show, verdict
from tests.bench.releasing import begin, peak
from tests.bench.staging import START, make_dataset, make_table

MOST_TIMES, MOST_MEMORY, MOST_LINES, MOST_BYTES = 2.0, 1.5, 40, 100_000
PLAIN_FAULTS: dict[str, dict[str, pl.Expr]] = {
    "not-a-number": {"value": pl.format("about {}", "n")},
    "unknown-code": {"code": pl.format("E0199{}", pl.col("n").cast(pl.String).str.zfill(6))},
    "percent-beyond": {"value": pl.lit("150.5")},
    "part-below-zero": {"numerator": pl.lit("-1")},
    "limits-apart": {"lower": pl.lit("101"), "upper": pl.lit("102")},
    "blank": {"period": pl.lit(None, dtype=pl.String)},
    "no-period": {"period": pl.format("2021-13-{}", "n")},
    "unknown marker": {"marker": pl.format("m{}", "n")},
    "endless-number": {"value": pl.format("{}e30", pl.col("n") + 1)},
}
GIVEN_FAULTS: dict[str, dict[str, pl.Expr]] = {
    "not-a-number": {"Share (%)": pl.format("about {}", "n")},
    "unknown-code": {
        "LSOA code (2011)": pl.format("E0199{}", pl.col("n").cast(pl.String).str.zfill(6))
    },
    "kind-not-held": {
        "LSOA code (2011)": pl.format("J0199{}", pl.col("n").cast(pl.String).str.zfill(6))
    },
    "code-as-number": {"LSOA code (2011)": pl.format("{}E+06", pl.col("n") + 1)},
    "code-in-small-letters": {"LSOA code (2011)": pl.col("LSOA code (2011)").str.to_lowercase()},
    "period-unreadable": {"Year": pl.format("week {}", "n")},
    "limits-apart": {"Lower CI": pl.lit("101"), "Upper CI": pl.lit("102")},
    "marker-unknown": {"Share (%)": pl.format("[q{}]", "n")},
    "percent-beyond": {"Share (%)": pl.lit("150.5")},
}


def plain_table(rows: int) -> pl.DataFrame:
    """Return so many rows in the columns that need no mapping, as text."""
    areas = 42_000
    table = make_table(rows // areas + 1).sort("indicator", maintain_order=True).head(rows)
    value = pl.col("value")
    return table.with_columns(
        (value - 1).alias("lower"), (value + 1).alias("upper")
    ).select(pl.all().cast(pl.String))  # fmt: skip


def given_table(plain: pl.DataFrame) -> pl.DataFrame:
    """Return the same rows as a publisher would give them, a year for each indicator."""
    return plain.select(
        pl.col("code").alias("LSOA code (2011)"),
        (2010 + pl.col("indicator").str.extract(r"(\d+)$", 1).cast(pl.Int64))
        .cast(pl.String).alias("Year"),
        pl.coalesce("value", pl.lit("[x]")).alias("Share (%)"),
        pl.col("lower").alias("Lower CI"),
        pl.col("upper").alias("Upper CI"),
    )  # fmt: skip


def faulty(table: pl.DataFrame, faults: dict[str, dict[str, pl.Expr]], each: int) -> pl.DataFrame:
    """Return a table with every kind of fault in rows of its own, `each` of them, spread evenly."""
    n = len(faults)
    if each * n > table.height:
        raise SystemExit(f"{table.height:,} rows do not hold {n} times {each:,} faults.")
    place = pl.int_range(pl.len())
    kind = pl.when(place < each * n).then(place % n).otherwise(-1)
    out = table.sample(fraction=1.0, shuffle=True, seed=2).with_columns(
        kind.alias("kind"), (place // n).alias("n")
    )
    for number, change in enumerate(faults.values()):
        out = out.with_columns(
            pl.when(pl.col("kind") == number).then(new).otherwise(pl.col(name)).alias(name)
            for name, new in change.items()
        )
    return out.sample(fraction=1.0, shuffle=True, seed=3).drop("kind", "n")


def checked(release: Any) -> Figure:
    """Read, recognise and check the file of a release anew; return seconds and memory."""
    from indicators.releases import keeping, pipeline

    keeping.drop(release.pk, keeping.READ, keeping.CHECKED)
    begin()
    before = time.monotonic()
    pipeline.check_release(release=release, at=START)
    return {"seconds": time.monotonic() - before, "peak_mb": peak()}


def said(path: Path, form: str) -> str:
    """Return all that the command says of a file that it refuses, or takes."""
    from django.core.management import CommandError, call_command

    out = io.StringIO()
    try:
        call_command("import_release", str(path), dataset="bench", format=form, stdout=out)
    except CommandError as error:
        out.write(f"\n{error}")
    return out.getvalue()


def measure(folder: Path, dataset: Any, form: str, tables: dict[str, pl.DataFrame],
            times: int) -> list[Figure]:  # fmt: skip
    """Measure a file with and without faults, in turns."""
    from indicators.releases import findings, keeping, pipeline

    paths, releases, taken = {}, {}, {}
    for name, table in tables.items():
        paths[name] = folder / f"{form}-{name}.csv"
        table.write_csv(paths[name])
        releases[name] = pipeline.receive(paths=[paths[name]], by=None, at=START, dataset=dataset)
        taken[name] = [checked(releases[name])]  # Cold, and not counted.
    for _ in range(times):
        for name, release in releases.items():
            taken[name].append(checked(release))
    figures: list[Figure] = []
    for name, release in releases.items():
        release.refresh_from_db()
        errors, warnings = findings.numbers(release.problems)
        kept = keeping.folder_of(release.pk) / keeping.CHECKED / findings.FILE
        seconds = [one["seconds"] for one in taken[name][1:]]
        figures.append(
            {
                "measure": f"{form}, {name}: check", "rows": tables[name].height, "n": times,
                "seconds": round(statistics.median(seconds), 2),
                "peak_mb": max(one["peak_mb"] for one in taken[name][1:]),
                "errors": errors, "warnings": warnings,
                "kinds": {code: p["n"] for code, p in release.problems.items()},
                "kept_rows": findings.problems_of(release.pk).collect().height,
                "kept_bytes": kept.stat().st_size,
                "database_bytes": len(json.dumps(release.problems)),
            }
        )  # fmt: skip
        say(str(figures[-1]))
    sound, wrong = figures
    lines, whole = said(paths["faults"], "text"), said(paths["faults"], "json")
    say(lines)
    figures += [
        {"measure": f"{form}: what the command says", "lines": lines.count("\n") + 1,
         "text_bytes": len(lines.encode()), "json_bytes": len(whole.encode())},
        verdict(f"{form}: seconds with faults, times without", wrong["seconds"] / sound["seconds"],
                MOST_TIMES),
        verdict(f"{form}: memory with faults, times without", wrong["peak_mb"] / sound["peak_mb"],
                MOST_MEMORY),
        verdict(f"{form}: lines on the screen", lines.count("\n") + 1, MOST_LINES),
        verdict(f"{form}: JSON", len(whole.encode()), MOST_BYTES, "bytes"),
    ]  # fmt: skip
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="problems", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=10_000, help="rows of each kind of fault")
    parser.add_argument("--times", type=int, default=3)
    args = parser.parse_args(argv)
    template = _database.kept_demo()
    _database.close()
    folder = Path(tempfile.mkdtemp(prefix="levelup-problems-"))
    try:
        with _database.copy_of(template, "bench_problems") as url:
            _database.switch(url)
            from django.conf import settings

            settings.MEDIA_ROOT = folder / "media"
            dataset = make_dataset(args.rows // 42_000 + 1)
            plain = plain_table(args.rows)
            given = given_table(plain)
            found: list[Figure] = []
            for form, table, faults in (
                ("plain columns", plain, PLAIN_FAULTS),
                ("as given", given, GIVEN_FAULTS),
            ):
                tables = {"sound": table, "faults": faulty(table, faults, args.each)}
                found += measure(folder, dataset, form, tables, args.times)
            show(found)
            save("problems", found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
