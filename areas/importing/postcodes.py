"""Directories of postcodes, old and new, → postcodes with their ward, neighbourhood and point.

ONS Postcode Directory and National Statistics Postcode Lookup under the headings of any year
(`data/postcode_columns.csv`), Code-Point Open (Ordnance Survey: a zip of files without
headings), and plain tables. Rows pass through in blocks, so memory stays flat at any length.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv
import pyproj
from django.db import connection

from areas.importing.codes import DATA, PSEUDO
from areas.importing.copy import fetch_frame
from areas.importing.files import MOST_BYTES, Source, opened
from areas.importing.report import Refused, Report, Tell, carry_out, counted, silent, some

FORM = r"^[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}$"
BLOCK = 16 << 20
# Columns of Code-Point Open, which has no headings (OS user guide, 2023).
CODE_POINT = ["postcode", "quality", "easting", "northing", "country", "nhs_region", "nhs_area",
              "county", "district", "ward"]  # fmt: skip
NO_POINT = {"9", "90"}  # ONS and OS for “no grid reference”.
MOST_MALFORMED = 0.001
MOST_GONE = 0.2
ENOUGH_KNOWN = 0.5
TABLE = """
DROP TABLE IF EXISTS new_postcodes, merged_postcodes;
CREATE TEMPORARY TABLE new_postcodes (
    postcode text, ward_id integer, small_area_id integer, easting integer, northing integer,
    ended date
) ON COMMIT DROP
"""


@dataclass(frozen=True)
class PostcodeOptions:
    """What to make of a directory. Empty text means “find it in the file”."""

    ward_column: str = ""
    small_area_column: str = ""
    part: bool = False
    replace: bool = False


@dataclass(frozen=True)
class Layout:
    """Which column of a file is which of our fields; `names` when the file has no headings."""

    columns: dict[str, str]
    names: list[str] | None = None


@cache
def aliases() -> list[tuple[str, re.Pattern[str]]]:
    """Return our fields with the headings that mean them, the preferred ones first."""
    rows = pl.read_csv(DATA / "postcode_columns.csv", infer_schema=False)
    return [
        (field, re.compile(f"^{heading.replace('##', '([0-9][0-9])')}$"))
        for field, heading in rows.select("field", "heading").iter_rows()
    ]


def import_postcodes(
    *,
    file: Path,
    options: PostcodeOptions,
    commit: bool,
    tell: Tell = silent,
    most_bytes: int = MOST_BYTES,
    name: str = "",
) -> Report:
    """Load a directory of postcodes; report what it found and changed.

    What the file does not say (a ward, a neighbourhood, a point) stays as it is held. Ended
    postcodes that the file leaves out stay; live ones go, unless the file is only a part.
    """
    called = name or file.name
    report = Report(f"{called}: postcodes")

    def work(report: Report) -> None:
        with opened(file, most_bytes=most_bytes, name=name) as sources:
            tell("Reading the file")
            chosen = choose_files(sources)
            with connection.cursor() as cursor:
                cursor.execute(TABLE)
            fill(chosen, options, report, tell)
        if report.problems:
            return
        tell("Comparing with what is held")
        apply(options, report, commit=commit)

    return carry_out(report, work, commit=commit)


def layout_of(source: Source) -> Layout | None:
    """Return where our fields are in a file, or None when it is no directory of postcodes."""
    with source.path.open("rb") as file:
        line = file.readline(100_000).decode("utf-8-sig", errors="replace").strip()
    cells = [cell.strip().strip('"') for cell in line.split(",")]
    if len(cells) == len(CODE_POINT) and re.match(FORM, cells[0].replace(" ", "").upper()):
        return Layout({name: name for name in CODE_POINT}, CODE_POINT)
    columns: dict[str, str] = {}
    for field, pattern in aliases():
        # Of several vintages (lsoa11, lsoa21) all are kept for the choice by what is held.
        for cell in sorted(cells, reverse=True):
            if pattern.match(cell.lower()):
                columns.setdefault(field, cell)
                if field in {"ward", "small_area"}:
                    columns.setdefault(f"{field}:{cell}", cell)
    return Layout(columns) if "postcode" in columns else None


def choose_files(sources: list[Source]) -> list[tuple[Source, Layout]]:
    """Return the files that hold postcodes.

    The ONS zip holds the whole directory, the same again in pieces in a folder `multi_csv`, and
    tables of names: the pieces are left where the whole is there.
    """
    found = []
    for source in sources:
        if source.kind == "csv" and (layout := layout_of(source)):
            found.append((source, layout))
    if not found:
        raise Refused(
            f"{sources[0].name} is not a directory of postcodes: no heading such as pcds, pcd7 "
            "or postcode, and not in the form of Code-Point Open."
        )
    return [f for f in found if "multi_csv" not in f[0].name] or found


def blocks(source: Source, layout: Layout, wanted: dict[str, str]) -> Iterator[pl.DataFrame]:
    """Yield blocks of rows with our fields as text (null where empty)."""
    read = pacsv.ReadOptions(block_size=BLOCK, column_names=layout.names, encoding="latin-1")
    columns = sorted(set(wanted.values()))
    if layout.names is None:
        with source.path.open("rb") as file:
            head = file.readline(100_000)
        # The mark before the first heading would be read as part of it, so we read them.
        names = head.decode("utf-8-sig", errors="replace").strip().split(",")
        names = [cell.strip().strip('"') for cell in names]
        read = pacsv.ReadOptions(
            block_size=BLOCK, column_names=names, skip_rows=1, encoding="latin-1"
        )
    convert = pacsv.ConvertOptions(
        include_columns=columns,
        column_types={c: pa.string() for c in columns},
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        null_values=["", " "],
    )
    try:
        with pacsv.open_csv(source.path, read_options=read, convert_options=convert) as reader:
            for batch in reader:
                if not batch.num_rows:
                    continue
                block = pl.DataFrame(pl.from_arrow(batch))
                yield block.select(
                    pl.col(c).str.strip_chars().alias(field) for field, c in wanted.items()
                )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise Refused(
            f"{source.name} does not read as a table ({str(error).splitlines()[0][:160]}). "
            "It may be cut short: download it again."
        ) from error


def choose_columns(
    source: Source, layout: Layout, options: PostcodeOptions, held: pl.DataFrame, report: Report
) -> dict[str, str]:
    """Return our fields and their columns, with ward and neighbourhood of the vintage held.

    Of several vintages the newest is taken whose codes are mostly held here.
    """
    wanted = {f: c for f, c in layout.columns.items() if ":" not in f}
    for field, asked in (("ward", options.ward_column), ("small_area", options.small_area_column)):
        if asked:
            with source.path.open("rb") as file:
                line = file.readline(100_000).decode("utf-8-sig", errors="replace").strip()
            if asked not in [cell.strip().strip('"') for cell in line.split(",")]:
                raise Refused(f"{source.name} has no column {asked!r}.")
            wanted[field] = asked
            continue
        choices = [c for f, c in layout.columns.items() if f.startswith(f"{field}:")]
        if not choices:
            continue
        sample = {c: c for c in choices}
        shares: dict[str, float] = dict.fromkeys(choices, 0.0)
        for block in blocks(source, layout, sample):
            for column in choices:
                codes = block[column].drop_nulls()
                codes = codes.filter(~codes.str.contains(PSEUDO)).head(200_000)
                if len(codes):
                    shares[column] = int(codes.is_in(held["code"].implode()).sum()) / len(codes)
            break
        # The newest (lsoa21 before lsoa11) of those that are held; 01 to 11 sort as years do.
        good = [c for c in sorted(choices, reverse=True) if shares[c] >= ENOUGH_KNOWN]
        if good:
            wanted[field] = good[0]
        else:
            wanted.pop(field, None)
            report.note(
                f"Most codes of {some(choices)} are not held here: its {field.replace('_', ' ')} "
                "is not taken. Load those areas first to have it."
            )
    return wanted


def fill(
    chosen: list[tuple[Source, Layout]], options: PostcodeOptions, report: Report, tell: Tell
) -> None:
    """COPY every row into the temporary table, and report what the files have and lack."""
    held = fetch_frame(
        "SELECT code, id, area_type_id FROM areas_area",
        (),
        {"code": pl.String, "id": pl.Int64, "kind": pl.String},
    )
    wanted = choose_columns(*chosen[0], options, held, report)
    report.fact("Columns", ", ".join(f"{f} {c}" for f, c in wanted.items()))
    rows = malformed = 0
    unknown: dict[str, int] = {"ward": 0, "small_area": 0}
    shown: list[str] = []
    copy = "COPY new_postcodes FROM STDIN (FORMAT csv)"
    with connection.cursor() as cursor, cursor.copy(copy) as out:
        for source, layout in chosen:
            own = wanted if layout.names or source is chosen[0][0] else {
                f: c for f, c in layout.columns.items() if f in wanted
            }  # fmt: skip
            for block in blocks(source, layout, own):
                ready, bad, lost = prepared(block, held)
                rows += ready.height
                malformed += len(bad)
                shown += bad.head(3).to_list() if len(shown) < 3 else []
                for field, n in lost.items():
                    unknown[field] += n
                buffer = io.BytesIO()
                ready.write_csv(buffer, include_header=False)
                out.write(buffer.getvalue())
                tell(f"Read {rows:,} postcodes")
    report.fact("Postcodes read", rows)
    if malformed:
        sentence = (
            f"{counted(malformed, 'row has', 'rows have')} no postcode in the right form "
            f"({', '.join(repr(s[:12]) for s in shown)})"
        )
        if malformed > MOST_MALFORMED * (rows + malformed):
            report.refuse(f"{sentence}. Check that the column of postcodes is the right one.")
        else:
            report.fact("Set aside", sentence)
    for field, n in unknown.items():
        if n:
            label = "ward" if field == "ward" else "neighbourhood"
            report.note(
                f"{counted(n, 'postcode names', 'postcodes name')} a {label} that is not held "
                "here; what is held of them stays."
            )
    if not rows and not report.problems:
        report.refuse("The file holds no postcodes.")
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX ON new_postcodes (postcode)")
        cursor.execute("ANALYZE new_postcodes")
        cursor.execute(
            "SELECT postcode FROM new_postcodes GROUP BY postcode HAVING count(*) > 1 "
            "ORDER BY postcode LIMIT 1000"
        )
        if twice := [postcode for (postcode,) in cursor.fetchall()]:
            report.refuse(
                f"{counted(len(twice), 'postcode stands', 'postcodes stand')} in the file more "
                f"than once ({some(twice)}). Give a directory with one row for each."
            )


def prepared(
    block: pl.DataFrame, held: pl.DataFrame
) -> tuple[pl.DataFrame, pl.Series, dict[str, int]]:
    """Return rows ready to COPY, malformed postcodes, and how many codes of areas are unknown."""
    postcode = pl.col("postcode").fill_null("").str.replace_all(r"\s", "").str.to_uppercase()
    block = block.with_columns(postcode.alias("postcode"))
    good = block["postcode"].str.contains(FORM)
    bad = block.filter(~good)["postcode"]
    block = block.filter(good)
    lost = {}
    for field, kinds in (("ward", ["ward", "electoral-area"]), ("small_area", ["lsoa"])):
        if field not in block.columns:
            block = block.with_columns(pl.lit(None, pl.Int64).alias(f"{field}_id"))
            continue
        ids = held.filter(pl.col("kind").is_in(kinds)).select(
            pl.col("code").alias(field), pl.col("id").alias(f"{field}_id")
        )
        block = block.join(ids, on=field, how="left", maintain_order="left")
        code = pl.col(field)
        lost[field] = block.filter(
            code.is_not_null() & ~code.str.contains(PSEUDO) & pl.col(f"{field}_id").is_null()
        ).height
    block = with_points(block)
    ended = pl.lit(None, pl.Date)
    if "ended" in block.columns:
        month = pl.col("ended").str.replace_all("[^0-9]", "").str.slice(0, 6)
        ended = (month + "01").str.to_date("%Y%m%d", strict=False)
    return (
        block.select(
            "postcode", "ward_id", "small_area_id", "easting", "northing", ended.alias("ended")
        ),
        bad,
        lost,
    )


def with_points(block: pl.DataFrame) -> pl.DataFrame:
    """Return rows with whole metres on the National Grid, null where there is no point."""
    if {"easting", "northing"} <= set(block.columns):
        metres = [
            pl.col(c).cast(pl.Float64, strict=False).round(0).cast(pl.Int32, strict=False).alias(c)
            for c in ("easting", "northing")
        ]
        block = block.with_columns(metres)
    elif {"lat", "lon"} <= set(block.columns):
        degrees = block.select(pl.col("lon", "lat").cast(pl.Float64, strict=False))
        move = pyproj.Transformer.from_crs(4326, 27700, always_xy=True)
        lon = degrees["lon"].fill_null(float("nan")).to_numpy()
        lat = degrees["lat"].fill_null(float("nan")).to_numpy()
        x, y = move.transform(lon, np.where(lat > 90, np.nan, lat))
        real = np.isfinite(x) & np.isfinite(y)
        block = block.with_columns(
            pl.when(pl.Series(real)).then(pl.Series(np.where(real, np.round(v), 0)).cast(pl.Int32))
            .alias(name)
            for name, v in (("easting", x), ("northing", y))
        )  # fmt: skip
    else:
        none = pl.lit(None, pl.Int32)
        return block.with_columns(none.alias("easting"), none.alias("northing"))
    nowhere = (pl.col("easting") == 0) & (pl.col("northing") == 0)
    if "quality" in block.columns:
        nowhere = nowhere | pl.col("quality").is_in(sorted(NO_POINT)).fill_null(False)
    return block.with_columns(
        pl.when(~nowhere).then(pl.col(c)).alias(c) for c in ("easting", "northing")
    )


def apply(options: PostcodeOptions, report: Report, *, commit: bool) -> None:
    """Compare the temporary table with what is held and, if `commit`, write what differs."""
    # What a file does not say stays as it is; so does an area that the file names but we lack.
    merged = """
        SELECT n.postcode, coalesce(n.ward_id, p.ward_id) AS ward_id,
               coalesce(n.small_area_id, p.small_area_id) AS small_area_id,
               coalesce(n.easting, p.easting) AS easting,
               coalesce(n.northing, p.northing) AS northing,
               n.ended, p.postcode AS held,
               (p.ward_id, p.small_area_id, p.easting, p.northing, p.ended) AS before
        FROM new_postcodes n LEFT JOIN areas_postcode p ON p.postcode = n.postcode
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE TEMPORARY TABLE merged_postcodes ON COMMIT DROP AS
            SELECT postcode, ward_id, small_area_id, easting, northing, ended, held IS NULL AS new
            FROM ({merged}) m
            WHERE held IS NULL
               OR (ward_id, small_area_id, easting, northing, ended) IS DISTINCT FROM before
            """  # noqa: S608
        )
        cursor.execute(
            "SELECT count(*) FILTER (WHERE new), count(*) FILTER (WHERE NOT new) "
            "FROM merged_postcodes"
        )
        new, changed = cursor.fetchone()
        cursor.execute("SELECT count(*) FILTER (WHERE ended IS NULL), count(*) FROM new_postcodes")
        live, every = cursor.fetchone()
        gone = held = 0
        if not options.part:
            cursor.execute(
                "SELECT count(*) FILTER (WHERE n.postcode IS NULL), count(*) "
                "FROM areas_postcode p LEFT JOIN new_postcodes n ON n.postcode = p.postcode "
                "WHERE p.ended IS NULL"
            )
            gone, held = cursor.fetchone()
        report.fact("Live and ended", f"{live:,} and {every - live:,}")
        report.fact("New postcodes", new)
        report.fact("Postcodes that change", changed)
        report.fact("Live postcodes that go", gone)
        if gone > MOST_GONE * held and not options.replace:
            report.refuse(
                f"The file lacks {gone:,} of the {held:,} live postcodes held. If it covers part "
                "of the country, add --part; if it is whole, and they are to go, add --replace."
            )
            return
        report.changed = bool(new or changed or gone)
        if not commit or not report.changed:
            return
        if gone:
            cursor.execute(
                "DELETE FROM areas_postcode p WHERE p.ended IS NULL AND NOT EXISTS "
                "(SELECT FROM new_postcodes n WHERE n.postcode = p.postcode)"
            )
        if changed:
            cursor.execute(
                "DELETE FROM areas_postcode p USING merged_postcodes m "
                "WHERE m.postcode = p.postcode AND NOT m.new"
            )
        cursor.execute(
            "INSERT INTO areas_postcode (postcode, ward_id, small_area_id, easting, northing, "
            "ended) SELECT postcode, ward_id, small_area_id, easting, northing, ended "
            "FROM merged_postcodes ORDER BY postcode"
        )
        cursor.execute("ANALYZE areas_postcode")
