"""Small tables, and a small country to know: two regions, four towns, six wards."""

from datetime import date

import polars as pl

from indicators.releases.reading.model import FrameRows, Table, unique
from indicators.releases.recognising import Applied, Known, Mapping, apply, recognise
from indicators.releases.recognising.known import AREAS, INDICATORS, MEMBERS

TOWNS = {
    "E06000001": ("Aldton", "E12000001"),
    "E06000002": ("Brigham", "E12000001"),
    "E06000003": ("Carbury", "E12000002"),
    "W06000001": ("Drefach", "W92000004"),
}
REGIONS = {"E12000001": "North", "E12000002": "South"}
WARDS = {
    "E05000001": ("Castle", "E06000001"),
    "E05000002": ("Castle", "E06000002"),
    "E05000003": ("Mill", "E06000001"),
    "E05000004": ("Priory", "E06000002"),
    "E05000005": ("Quay", "E06000003"),
    "E05000006": ("Castle", "E06000003"),
}
SMALL = [f"E0100000{n}" for n in range(1, 7)]
OLD = "E06000009"  # Aldton, before it was recoded.


def country() -> Known:
    """Return what is known of the small country."""
    rows: list[tuple[str, str, int, str, str, str | None]] = [
        ("uk-2025", "uk", 2025, "K02000001", "United Kingdom", None)
    ]
    rows += [("region-2025", "region", 2025, code, name, None) for code, name in REGIONS.items()]
    for year in (2019, 2025):
        for code, (name, region) in TOWNS.items():
            given = OLD if (year, code) == (2019, "E06000001") else code
            rows.append((f"authority-{year}", "authority", year, given, name, region))
    rows += [("ward-2025", "ward", 2025, c, n, t) for c, (n, t) in WARDS.items()]
    for year in (2011, 2021):
        rows += [
            (f"lsoa-{year}", "lsoa", year, c, c, "E06000001") for c in SMALL[: 6 - (year == 2021)]
        ]
    frame = pl.DataFrame(
        rows, schema=["edition", "type", "year", "code", "name", "parent_code"], orient="row"
    ).with_columns(pl.date(pl.col("year"), 1, 1).alias("edition_date"))
    areas = frame.unique("code", maintain_order=True).with_columns(
        pl.when(pl.col("code") == "W06000001").then(pl.lit("Y Drefach")).alias("name_cy"),
        pl.when(pl.col("code") == "E06000001").then(pl.date(2020, 4, 1)).alias("valid_from"),
        pl.when(pl.col("code") == OLD).then(pl.date(2020, 4, 1)).alias("valid_to"),
    )
    held = [{"slug": "jobless", "name": "Unemployment rate", "unit": "%", "decimals": 1,
             "multiplier": 100.0, "aggregation": "none", "scope_code": "K02000001",
             "aliases": ["Jobless rate"]}]  # fmt: skip
    return Known(
        areas=areas.select(list(AREAS)),
        members=frame.select(list(MEMBERS)),
        indicators=pl.DataFrame(held, schema=INDICATORS),
    )


def table(
    text: str, *, file: str = "figures.csv", sheet: str = "", above=(), headings=None
) -> Table:
    """Return a table from lines of cells with bars between; empty cells are null."""
    lines = [
        [cell.strip() or None for cell in line.split("|")] for line in text.strip().split("\n")
    ]
    names = unique([name or f"column {i + 1}" for i, name in enumerate(headings or lines.pop(0))])
    frame = pl.DataFrame(lines, schema=dict.fromkeys(names, pl.String), orient="row").with_columns(
        pl.int_range(2, len(lines) + 2, dtype=pl.Int64).alias("row"), pl.lit("data").alias("kind")
    )
    return Table(file, sheet, names, (names,), 2, tuple(above), (), frame.height, FrameRows(frame))


def understood(*tables: Table, known: Known | None = None) -> tuple[Mapping, Applied, pl.DataFrame]:
    """Return the mapping of tables, what applying it is, and its rows."""
    known = known or country()
    mapping = recognise(tables, known).mapping
    applied = apply(mapping, tables, known)
    return mapping, applied, applied.frame()


def day(text: str) -> date:
    """Return a date."""
    return date.fromisoformat(text)
