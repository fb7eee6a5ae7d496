"""Outlines read from GeoJSON, GeoPackage, Shapefile and GeoParquet, brought to the National Grid.

Pure: files in, columns and Shapely arrays out. Shared borders stay shared, because every step
treats equal coordinates equally and simplification works on the whole coverage at once.
"""

from __future__ import annotations

import json
import warnings
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataSourceError
from pyproj.exceptions import CRSError, ProjError

from areas.importing.files import Source
from areas.importing.report import Refused, counted, some

NATIONAL_GRID = 27_700
# Metres on the National Grid that hold the whole United Kingdom and its waters.
LEAST = (-350_000.0, -200_000.0)
MOST = (800_000.0, 1_400_000.0)
MOST_POINTS = 3_000_000
MOST_POINTS_ALL = 60_000_000
DRIVERS = {"geojson": "GeoJSON", "gpkg": "GPKG", "shapefile": "ESRI Shapefile"}
Shapes = NDArray[np.object_]


class Outlines(NamedTuple):
    """The rows of a layer: attributes as text (null where missing), shapes, and their CRS."""

    columns: pl.DataFrame
    shapes: Shapes
    crs: str | None  # as PROJ reads it; None when the file does not say


def read(source: Source, layer: str = "") -> Outlines:
    """Return the outlines in a file. Raises Refused when it has none that can be read."""
    if source.kind == "parquet":
        return read_parquet(source)
    if source.kind not in DRIVERS:
        raise Refused(
            f"{source.name} holds no outlines: it is a table. Give GeoJSON, GeoPackage, "
            "Shapefile or GeoParquet, or add --no-outlines to load the areas it lists."
        )
    try:
        return read_layer(source, layer)
    except (DataSourceError, pa.ArrowInvalid, UnicodeError, RuntimeError) as error:
        words = str(error).replace(str(source.path), source.name).split("; use")[0].strip()
        what = {"geojson": "GeoJSON"}.get(source.kind, source.kind.capitalize())
        raise Refused(
            f"{source.name} does not read as {what}; it may be cut short or hold something "
            f"else ({words[:200]}). Download it again."
        ) from error


def read_layer(source: Source, layer: str) -> Outlines:
    """Read one layer by GDAL, which is held to the driver that the file's first bytes mean."""
    path = str(source.path.resolve())
    layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    if not layers:
        raise Refused(f"{source.name} holds no layer of outlines.")
    if layer and layer not in layers:
        raise Refused(f"{source.name} has no layer {layer!r}. It has: {some(layers)}.")
    if not layer and len(layers) > 1:
        raise Refused(
            f"{source.name} has {len(layers)} layers ({some(layers)}). Say which with --layer."
        )
    info = pyogrio.read_info(path, layer=layer or layers[0])
    if info["driver"] != DRIVERS[source.kind]:
        raise Refused(f"{source.name} is opened as {info['driver']}, which we do not read.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        meta, table = pyogrio.read_arrow(path, layer=layer or layers[0])
    # The name GDAL gives the geometry where the format has none.
    column = meta["geometry_name"] or "wkb_geometry"
    if column not in table.column_names or table.num_rows == 0:
        raise Refused(f"{source.name} holds no outlines: {table.num_rows:,} rows without shapes.")
    return Outlines(text_columns(table.drop([column])), shapes_of(table[column]), meta["crs"])


def read_parquet(source: Source) -> Outlines:
    """Read GeoParquet by its own metadata (geoparquet.org, version 1)."""
    try:
        table = pq.read_table(source.path)
        geo = json.loads((table.schema.metadata or {})[b"geo"])
        column = geo["primary_column"]
        described = geo["columns"][column]
    except KeyError as error:
        raise Refused(
            f"{source.name} is Parquet without outlines (it has no “geo” metadata). "
            "Give GeoParquet, or add --no-outlines to load the areas it lists."
        ) from error
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise Refused(f"{source.name} does not read as Parquet; download it again.") from error
    if described.get("encoding") != "WKB":
        raise Refused(f"{source.name} holds shapes as {described.get('encoding')}; save as WKB.")
    crs: Any = described.get("crs", "OGC:CRS84")
    try:
        written = pyproj.CRS.from_user_input(crs).to_wkt() if crs else None
    except CRSError:
        written = None
    return Outlines(text_columns(table.drop([column])), shapes_of(table[column]), written)


def shapes_of(column: pa.ChunkedArray) -> Shapes:
    """Return Shapely shapes; what is not well-formed WKB becomes None and is counted as empty."""
    wkb = np.array(column.to_pylist(), dtype=object)
    with np.errstate(invalid="ignore"):
        shapes: Shapes = shapely.from_wkb(wkb, on_invalid="ignore")
    return shapes


def text_columns(table: pa.Table) -> pl.DataFrame:
    """Return attributes as trimmed text; empty text is null. Nested columns are left out."""
    frame = pl.DataFrame(pl.from_arrow(table))
    keep = [name for name, kind in frame.schema.items() if not kind.is_nested()]
    text = frame.select(
        pl.col(name).cast(pl.String, strict=False).str.strip_chars() for name in keep
    )
    return text.with_columns(pl.when(pl.all().str.len_chars() > 0).then(pl.all()).otherwise(None))


def crs_of(outlines: Outlines, given: str, name: str) -> pyproj.CRS:
    """Return the CRS given, or the file's own. Raises Refused when there is neither."""
    wanted = given or outlines.crs
    if not wanted:
        raise Refused(
            f"{name} does not say which coordinates it uses. Say so with --crs: EPSG:27700 for "
            "metres on the British National Grid, EPSG:4326 for degrees."
        )
    try:
        return pyproj.CRS.from_user_input(wanted)
    except CRSError as error:
        what = f"--crs {given}" if given else "its coordinate system"
        raise Refused(f"{name}: {what} is not known. Give one such as EPSG:27700.") from error


def to_grid(shapes: Shapes, crs: pyproj.CRS) -> Shapes:
    """Return flat shapes in metres on the National Grid; equal points stay equal.

    A coordinate that has no place there becomes infinite, which `problems` reports.
    """
    flat: Shapes = shapely.force_2d(shapes)
    if crs.to_epsg() == NATIONAL_GRID:
        return flat
    try:
        move = pyproj.Transformer.from_crs(crs, NATIONAL_GRID, always_xy=True, only_best=False)
    except ProjError as error:
        raise Refused(f"There is no way from {crs.name} to the National Grid.") from error

    def moved(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[Any, Any]:
        return move.transform(x, y)

    result: Shapes = shapely.transform(flat, moved, interleaved=False)
    return result


def problems(original: Shapes, moved: Shapes, codes: NDArray[np.object_], crs: str) -> list[str]:
    """Return a sentence for each thing that is wrong with outlines before they are repaired.

    `moved` are those of `original` on the National Grid; `codes` names them in the sentences.
    """
    found = []
    empty = shapely.is_missing(original) | shapely.is_empty(original)
    if empty.any():
        found.append(
            f"{counted(int(empty.sum()), 'area has', 'areas have')} no outline "
            f"({some(codes[empty])}). Mend the file or leave them out."
        )
    kinds = shapely.get_type_id(original)
    wrong = ~empty & ~np.isin(
        kinds, (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON,
                shapely.GeometryType.GEOMETRYCOLLECTION)
    )  # fmt: skip
    if wrong.any():
        found.append(
            f"{counted(int(wrong.sum()), 'area is', 'areas are')} a point or a line, not an "
            f"outline ({some(codes[wrong])}). Use the publisher's file of boundaries."
        )
    points = shapely.get_num_coordinates(original)
    if points.max(initial=0) > MOST_POINTS or points.sum() > MOST_POINTS_ALL:
        most = int(points.argmax())
        found.append(
            f"The outlines are too detailed: {int(points.sum()):,} points, {codes[most]} alone "
            f"{int(points[most]):,}. Use the generalised file (BGC or BSC)."
        )
    drawn = np.flatnonzero(~empty)
    held, owner = shapely.get_coordinates(original[drawn], return_index=True)
    finite = np.isfinite(held).all(axis=1)
    if not finite.all():
        names = codes[drawn[np.unique(owner[~finite])]]
        found.append(
            f"{counted(len(names), 'outline has', 'outlines have')} coordinates that are not "
            f"numbers ({some(names)})."
        )
    if not finite.any():
        return found
    new, owner = shapely.get_coordinates(moved[drawn], return_index=True)
    with np.errstate(invalid="ignore"):
        inside = ((new >= LEAST) & (new <= MOST)).all(axis=1)
        # The grid's first metres are open sea: numbers so small are degrees.
        inside &= ~(np.abs(new) <= (180.0, 90.0)).all(axis=1)
        inside |= ~finite
    if not inside.all():
        names = codes[drawn[np.unique(owner[~inside])]]
        found.append(outside(held[finite], names, crs))
    return found


def outside(held: NDArray[np.float64], names: NDArray[np.object_], crs: str) -> str:
    """Return a sentence about outlines that lie outside the UK, with the likely reason."""
    low, high = held.min(axis=0), held.max(axis=0)
    sentence = (
        f"{counted(len(names), 'area lies', 'areas lie')} outside the United Kingdom when read "
        f"as {crs} ({some(names)}; the file's coordinates run from {low[0]:.6g}, {low[1]:.6g} to "
        f"{high[0]:.6g}, {high[1]:.6g})."
    )
    if low[0] >= 49 and high[0] <= 62 and low[1] >= -10 and high[1] <= 3:
        return sentence + " Latitude stands before longitude: swap them."
    if (low >= (-10, 49)).all() and (high <= (3, 62)).all():
        return sentence + " They look like degrees: add --crs EPSG:4326."
    if (low >= LEAST).all() and (high <= MOST).all() and high.max() > 1000:
        return sentence + " They look like metres on the National Grid: add --crs EPSG:27700."
    return sentence + " Say which coordinates the file uses with --crs."


def repair(shapes: Shapes) -> tuple[Shapes, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return valid multipolygons, which of them were mended, and which were lost in mending.

    Parts of a mended outline that are lines or points have no extent and are dropped.
    """
    mended = ~shapely.is_valid(shapes)
    result: Shapes = shapes.copy()
    if mended.any():
        result[mended] = shapely.make_valid(
            result[mended], method="structure", keep_collapsed=False
        )
    result = polygons(result)
    return result, mended, np.asarray(shapely.is_empty(result))


def polygons(shapes: Shapes) -> Shapes:
    """Return each shape as a multipolygon of its polygons (empty when it has none)."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    # A collection may hold multipolygons: a second look takes them apart too.
    inner, which = shapely.get_parts(parts, return_index=True)
    owner = owner[which]
    keep = (shapely.get_type_id(inner) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(inner)
    result: Shapes = np.full(len(shapes), shapely.MultiPolygon(), dtype=object)
    if keep.any():
        kept = np.unique(owner[keep])
        result[kept] = shapely.multipolygons(
            inner[keep], indices=np.searchsorted(kept, owner[keep])
        )
    return result


def simplify(shapes: Shapes, metres: float) -> Shapes:
    """Return outlines with small bends taken out, borders between areas still shared.

    `metres` is about the side of the square of the smallest bend that is kept (Visvalingam and
    Whyatt 1993, over the whole coverage: GEOS CoverageSimplifier).
    """
    simple: Shapes = shapely.coverage_simplify(shapes, metres)
    valid, _, lost = repair(simple)
    valid[lost] = shapes[lost]
    return valid
