"""What is held here, as frames: recognising and checking are pure and are told it."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import polars as pl
from django.db import connection

from areas.importing.copy import fetch_frame
from indicators.models import Indicator, LiveSeries, PackedArray, SavedLayout
from indicators.releases import recognising
from indicators.releases.stage import SERIES_KEY, Geography
from indicators.statistics.markers import MARKERS
from indicators.statistics.periods import period_text

AREAS = """
SELECT code, name, name_cy, area_type_id AS type, valid_from, valid_to FROM areas_area ORDER BY id
"""
# One row for each edition: as a row each, half a million members take seconds to fetch.
MEMBERS = """
SELECT e.slug, e.area_type_id, e.date, string_agg(a.code, ' ' ORDER BY m.ordinal)
FROM areas_member m JOIN areas_edition e ON e.id = m.edition_id
JOIN areas_area a ON a.id = m.area_id
GROUP BY e.id ORDER BY e.id
"""
# The newest neighbourhood around each point. OFFSET 0 keeps Postgres from the index of dates.
LOCATE = """
SELECT p.lon, p.lat, (
    SELECT f.code FROM (
        SELECT a.code, e.date FROM areas_boundary b JOIN areas_edition e ON e.id = b.edition_id
        JOIN areas_area a ON a.id = b.area_id
        WHERE e.area_type_id = 'lsoa' AND ST_Covers(
            b.geometry, ST_Transform(ST_SetSRID(ST_Point(p.lon, p.lat), 4326), 27700))
        OFFSET 0
    ) f ORDER BY f.date DESC LIMIT 1
) FROM unnest(%s::float8[], %s::float8[]) AS p (lon, lat)
"""
PARENTS = ("authority", "region", "country", "uk")


def fetch_columns(query: str, schema: dict[str, Any]) -> pl.DataFrame:
    """Return the rows of a query that takes no parameters, by COPY: no object for each row."""
    buffer = io.BytesIO()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") as copy,
    ):
        for block in copy:
            buffer.write(block)
    buffer.seek(0)
    return pl.read_csv(buffer, schema=schema).with_columns(pl.col(pl.String).fill_null(""))


def areas() -> pl.DataFrame:
    """Return every area: code, name, name_cy, type, valid_from, valid_to (null while it stands)."""
    text = dict.fromkeys(("code", "name", "name_cy", "type"), pl.String)
    return fetch_columns(AREAS, {**text, "valid_from": pl.Date, "valid_to": pl.Date})


def members(geography: Geography | None = None) -> pl.DataFrame:
    """Return every area of every edition: edition, type, edition_date, code, parent_code.

    The parent is the authority, else the region, country or kingdom, that it lies in whole; null
    where there is none.
    """
    geography = geography or Geography()
    frame = (
        fetch_frame(
            MEMBERS,
            [],
            {
                "edition": pl.String, "type": pl.String, "edition_date": pl.Date,
                "code": pl.String,
            },
        )
        .with_columns(pl.col("code").str.split(" "))
        .explode("code")
    )  # fmt: skip
    codes = {
        str(slug): rows["code"].to_numpy()
        for (slug,), rows in frame.partition_by(
            "edition", as_dict=True, maintain_order=True
        ).items()
    }
    pieces = []
    for slug, own in codes.items():
        parent = np.full(len(own), None, dtype=object)
        groups = geography.groups(geography.editions[slug])
        for kind in reversed(PARENTS):
            for wider in sorted(
                (e for e in groups if e.area_type_id == kind and e.slug in codes),
                key=lambda e: e.date,
            ):
                at = groups[wider]
                inside = at >= 0
                parent[inside] = codes[wider.slug][at[inside]]
        pieces.append(
            pl.DataFrame(
                {"edition": [slug] * len(own), "code": own, "parent_code": parent},
                schema=dict.fromkeys(("edition", "code", "parent_code"), pl.String),
            )
        )
    parents = (
        pl.concat(pieces)
        if pieces
        else pl.DataFrame(schema=dict.fromkeys(("edition", "code", "parent_code"), pl.String))
    )
    return frame.join(parents, on=["edition", "code"], how="left")


def indicators() -> pl.DataFrame:
    """Return every indicator: slug, name, unit, decimals, multiplier, aggregation, scope_code.

    `aliases` (list of text) holds other words that a heading may call it by: its short name.
    """
    rows = [
        (i.slug, i.name, i.unit, i.decimals, i.multiplier, i.aggregation, i.scope.code,
         [i.short_name])
        for i in Indicator.objects.select_related("scope").order_by("slug")
    ]  # fmt: skip
    return pl.DataFrame(
        rows,
        schema={
            "slug": pl.String, "name": pl.String, "unit": pl.String, "decimals": pl.Int64,
            "multiplier": pl.Float64, "aggregation": pl.String, "scope_code": pl.String,
            "aliases": pl.List(pl.String),
        },
        orient="row",
    )  # fmt: skip


def live_rows(part: pl.DataFrame, periods: int = 2) -> pl.DataFrame:
    """Return what is live of the indicators, breakdowns and editions in some rows, as values.

    Of each, the newest few periods; the columns are those that name a series and `code`, `value`.
    """
    wanted = set(part.select("indicator", "breakdown", "edition").unique().iter_rows())
    rows = (
        LiveSeries.objects.filter(
            live__endswith__isnull=True,
            indicator__slug__in={slug for slug, _, _ in wanted},
            edition__slug__in={slug for _, _, slug in wanted},
        )
        .select_related("indicator", "edition", "period")
        .order_by("-period__end", "-period__start")
    )
    taken: dict[tuple[str, str, str], list[LiveSeries]] = {}
    for row in rows:
        key = (row.indicator.slug, row.breakdown, row.edition.slug)
        if key in wanted and len(taken.setdefault(key, [])) < periods:
            taken[key].append(row)
    empty = pl.DataFrame(
        schema={**dict.fromkeys((*SERIES_KEY, "code"), pl.String), "value": pl.Float64}
    )
    codes: dict[int, pl.Series] = {}
    frames = [empty]
    for (slug, breakdown, edition), some in taken.items():
        packed = dict(
            PackedArray.objects.filter(series__in=[row.series_id for row in some]).values_list(
                "series_id", "values"
            )
        )
        for row in some:
            if row.edition_id not in codes:
                codes[row.edition_id] = fetch_frame(
                    "SELECT a.code FROM areas_member m JOIN areas_area a ON a.id = m.area_id "
                    "WHERE m.edition_id = %s ORDER BY m.ordinal",
                    [row.edition_id],
                    {"code": pl.String},
                )["code"]
            try:
                period = period_text(row.period.start, row.period.end)
            except ValueError:
                continue
            values = np.frombuffer(packed[row.series_id], "<f8")
            frames.append(
                pl.select(
                    pl.lit(slug).alias("indicator"),
                    pl.lit(breakdown).alias("breakdown"),
                    pl.lit(edition).alias("edition"),
                    pl.lit(period).alias("period"),
                    codes[row.edition_id].alias("code"),
                    pl.Series("value", values).fill_nan(None),
                )
            )
    return pl.concat(frames)


def postcodes(given: pl.Series) -> pl.Series:
    """Return the code of the smallest area of each postcode, null for one that is not known."""
    found = fetch_frame(
        "SELECT p.postcode, a.code FROM areas_postcode p JOIN areas_area a ON a.id = "
        "p.small_area_id WHERE p.postcode = ANY(%s)",
        [given.drop_nulls().unique().to_list()],
        {"postcode": pl.String, "code": pl.String},
    )
    table = given.cast(pl.String).to_frame("postcode")
    return table.join(found, on="postcode", how="left", maintain_order="left")["code"]


def locate(longitude: pl.Series, latitude: pl.Series) -> pl.Series:
    """Return the code of the smallest area of the newest edition around each point, or null."""
    points = pl.DataFrame({"lon": longitude, "lat": latitude})
    wanted = points.unique().drop_nulls()
    found = fetch_frame(
        LOCATE,
        [wanted["lon"].to_list(), wanted["lat"].to_list()],
        {"lon": pl.Float64, "lat": pl.Float64, "code": pl.String},
    )
    return points.join(found, on=["lon", "lat"], how="left", maintain_order="left")["code"]


def numbers() -> dict[str, str]:
    """Return the official code of every number of another numbering that was loaded."""
    frame = fetch_columns(
        "SELECT n.number, a.code FROM areas_areanumber n JOIN areas_area a ON a.id = n.area_id",
        {"number": pl.String, "code": pl.String},
    )
    return dict(frame.iter_rows())


def known(geography: Geography) -> recognising.Known:
    """Return all of it as recognising and checking want it, saved layouts with shipped ones."""
    saved = [
        recognising.layout_of(
            layout.slug, recognising.Mapping.from_json(json.dumps(layout.mapping)), layout.name
        )
        for layout in SavedLayout.objects.order_by("slug")
        if "columns" not in layout.mapping
    ]
    return recognising.Known(
        areas=areas(),
        members=members(geography),
        indicators=indicators(),
        markers={m.letters: (m.missing, m.meaning) for m in MARKERS if m.letters},
        layouts=[*recognising.shipped(), *saved],
        aliases=numbers(),
        postcodes=postcodes,
        locate=locate,
    )
