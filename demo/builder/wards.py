"""Approximate ward outlines: the nearest-postcode (Voronoi) cells of each ward's postcodes, joined
and cut to the local authority, so that an authority's wards tile it.
"""

from pathlib import Path

import geopandas as gpd
import numpy as np
import polars as pl
import shapely

from builder.boundaries import Polygons, save, union, whole_metres
from builder.sources import Sources

# Metres; the square root of the smallest triangle kept (Visvalingam-Whyatt).
TOLERANCE = 60.0


def build(sources: Sources, out: Path) -> None:
    """Write boundaries/ward-2025.parquet from the postcodes and authority outlines of the pack."""
    authorities = gpd.read_parquet(out / "boundaries" / "authority-2025.parquet")
    outlines = dict(zip(authorities["code"], authorities.geometry, strict=True))
    codes, wards = [], []
    for (authority,), points in ward_points(out).group_by("authority", maintain_order=True):
        names, polygons = wards_of(outlines[str(authority)], points)
        codes.append(names)
        wards.append(polygons)
    names = np.concatenate(codes)
    order = np.argsort(names)
    expected = pl.read_parquet(out / "members.parquet").filter(pl.col("edition") == "ward-2025")
    if set(names) != set(expected["code"]):
        raise ValueError(f"wards without an outline: {set(expected['code']) - set(names)}")
    save(out, "ward-2025", names[order], np.concatenate(wards)[order])


def ward_points(out: Path) -> pl.DataFrame:
    """authority, ward, easting, northing: each place with a postcode once. Where postcodes of
    several wards share one place, the ward with the fewest postcodes has it, so none is lost.
    """
    parents = pl.read_parquet(out / "overlaps" / "ward-2025-to-authority-2025.parquet")
    return (
        pl.read_parquet(out / "postcodes.parquet")
        .drop_nulls(["ward", "easting"])
        .with_columns(size=pl.len().over("ward"))
        .sort("size", "ward")
        .unique(["easting", "northing"], keep="first", maintain_order=True)
        .join(parents.select(pl.col("from_code").alias("ward"), authority="to_code"), on="ward")
        .sort("authority", "ward", "easting", "northing")
    )


def wards_of(authority: shapely.Geometry, points: pl.DataFrame) -> tuple[np.ndarray, Polygons]:
    """Wards of one authority that tile its outline: codes and polygons."""
    wards = points["ward"].to_numpy()
    names, starts = np.unique(wards, return_index=True)
    if len(names) == 1:
        return names, np.array([authority], dtype=object)
    cells = shapely.get_parts(
        shapely.voronoi_polygons(
            shapely.multipoints(points.select("easting", "northing").to_numpy().astype(float)),
            extend_to=authority,
            ordered=True,
        )
    )
    joined = np.array([union(part) for part in np.split(cells, starts[1:])], dtype=object)
    # Only the borders between wards are thinned; the authority's outline is cut out afterwards.
    thinned = shapely.coverage_simplify(joined, TOLERANCE, simplify_boundary=False)
    cut = shapely.intersection(shapely.make_valid(thinned), authority)
    return names, whole_metres(cut)
