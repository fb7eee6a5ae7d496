"""Frames of columns → areas, editions, boundaries, overlaps, changes and postcodes.

Every function takes a whole table at once, refuses it with a sentence when a code is not
known, and runs inside the caller's transaction.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import shapely
from django.db import connection

from areas.importing.borders import draw_borders
from areas.importing.copy import copy_frame, fetch_frame
from areas.models import BRITISH_NATIONAL_GRID, Edition, OverlapSet


class LoadError(ValueError):
    """A table cannot be loaded; the message says what, where and what to do."""


def area_ids() -> pl.DataFrame:
    """Return every area's `code` and `area_id`."""
    return fetch_frame(
        "SELECT code, id FROM areas_area", (), {"code": pl.String, "area_id": pl.Int64}
    )


def with_id(frame: pl.DataFrame, column: str, ids: pl.DataFrame, what: str) -> pl.DataFrame:
    """Replace `column` of codes by `column`_id; null stays null.

    Raises LoadError naming the first codes that are not known.
    """
    joined = frame.join(
        ids.rename({"code": column, "area_id": f"{column}_id"}), on=column, how="left"
    )
    lost = joined.filter(pl.col(column).is_not_null() & pl.col(f"{column}_id").is_null())[column]
    if len(lost):
        first = ", ".join(lost.unique(maintain_order=True)[:5])
        raise LoadError(f"{what}: {lost.n_unique():,} unknown codes ({first}). Load them first.")
    return joined.drop(column)


def load_areas(frame: pl.DataFrame) -> None:
    """Insert areas: code, name, name_cy, area_type, valid_from, valid_to (null while it lasts)."""
    copy_frame("areas_area", frame.rename({"area_type": "area_type_id"}))


def load_members(edition: Edition, codes: pl.Series) -> None:
    """Make the areas of `codes`, in that order, the whole of `edition`."""
    frame = with_id(pl.DataFrame({"area": codes}), "area", area_ids(), edition.name)
    copy_frame(
        "areas_member",
        frame.with_columns(
            pl.lit(edition.pk).alias("edition_id"), pl.int_range(pl.len()).alias("ordinal")
        ),
    )


def load_boundaries(edition: Edition, codes: pl.Series, wkb: pl.Series) -> None:
    """Insert outlines of `edition`, given as WKB on the British National Grid.

    Works out which of its areas share a border, from all outlines that it then has.
    """
    shapes = shapely.from_wkb(wkb.to_numpy())
    single = shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
    shapes[single] = shapely.multipolygons(shapes[single], indices=np.arange(int(single.sum())))
    shapes = shapely.set_srid(shapes, BRITISH_NATIONAL_GRID)
    frame = pl.DataFrame(
        {"area": codes, "geometry": shapely.to_wkb(shapes, hex=True, include_srid=True)},
        schema={"area": pl.String, "geometry": pl.String},
    )
    copy_frame(
        "areas_boundary",
        with_id(frame, "area", area_ids(), edition.name).with_columns(
            pl.lit(edition.pk).alias("edition_id")
        ),
    )
    draw_borders(edition.pk)


def load_overlaps(overlap_set: OverlapSet, frame: pl.DataFrame) -> None:
    """Insert the links of a set: from_code, to_code, weight."""
    ids = area_ids()
    frame = with_id(frame.rename({"from_code": "from_area"}), "from_area", ids, overlap_set.slug)
    frame = with_id(frame.rename({"to_code": "to_area"}), "to_area", ids, overlap_set.slug)
    copy_frame(
        "areas_areaoverlap", frame.with_columns(pl.lit(overlap_set.pk).alias("overlap_set_id"))
    )


def load_changes(frame: pl.DataFrame) -> None:
    """Insert code history: from_code, to_code (null when abolished), kind, effective, weight."""
    ids = area_ids()
    frame = with_id(frame.rename({"from_code": "from_area"}), "from_area", ids, "Code history")
    frame = with_id(frame.rename({"to_code": "to_area"}), "to_area", ids, "Code history")
    copy_frame("areas_areachange", frame)


def load_postcodes(frame: pl.DataFrame) -> None:
    """Insert postcodes: postcode, ward, small_area (codes or null), easting, northing (metres)."""
    ids = area_ids()
    frame = with_id(frame, "ward", ids, "Postcodes")
    frame = with_id(frame, "small_area", ids, "Postcodes")
    copy_frame("areas_postcode", frame)


def name_small_areas(small: Edition, ward: Edition) -> None:
    """Give numbered areas the wards people know, from the best fit of `small` to `ward`.

    Also names the areas that `small` nests in (MSOAs), by up to two wards that hold most of
    them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH fit AS (
                SELECT o.from_area_id, o.to_area_id FROM areas_areaoverlap o
                JOIN areas_overlapset s ON s.id = o.overlap_set_id
                WHERE s.from_edition_id = %(small)s AND s.to_edition_id = %(ward)s
            )
            UPDATE areas_area a SET known_as = w.name
            FROM fit JOIN areas_area w ON w.id = fit.to_area_id WHERE a.id = fit.from_area_id
            """,
            {"small": small.pk, "ward": ward.pk},
        )
        cursor.execute(
            """
            WITH counted AS (
                SELECT o.to_area_id AS area_id, a.known_as, count(*) AS n,
                       row_number() OVER (PARTITION BY o.to_area_id
                                          ORDER BY count(*) DESC, a.known_as) AS place
                FROM areas_areaoverlap o
                JOIN areas_overlapset s ON s.id = o.overlap_set_id AND s.kind = 'exact'
                JOIN areas_area a ON a.id = o.from_area_id
                JOIN areas_edition e ON e.id = s.to_edition_id AND e.area_type_id = 'msoa'
                WHERE s.from_edition_id = %(small)s AND a.known_as <> ''
                GROUP BY o.to_area_id, a.known_as
            ), named AS (
                SELECT area_id, string_agg(known_as, ' and ' ORDER BY place) AS known_as
                FROM counted WHERE place <= 2 GROUP BY area_id
            )
            UPDATE areas_area a SET known_as = named.known_as
            FROM named WHERE a.id = named.area_id
            """,
            {"small": small.pk},
        )
