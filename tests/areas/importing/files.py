"""Small files as publishers would issue them, of three squares that share borders."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely

CODES = ("E05000951", "E05000952", "E05000953")
NAMES = ("Elm", "Fir", "Gorse")


def square(i: int) -> shapely.Polygon:
    """Return the square kilometre at place `i` of a row."""
    return shapely.box(400_000 + 1000 * i, 300_000, 401_000 + 1000 * i, 301_000)


SHAPES = tuple(square(i) for i in range(3))


def geojson(
    shapes: Any = SHAPES,
    codes: Any = CODES,
    names: Any = NAMES,
    *,
    code: str = "WD25CD",
    name: str = "WD25NM",
    crs: int | None = 27700,
    **columns: list[Any],
) -> str:
    """Return a FeatureCollection; `crs` None leaves it unsaid, which means degrees."""
    features = [
        {
            "type": "Feature",
            "properties": {code: c, name: n, **{k: v[i] for k, v in columns.items()}},
            "geometry": None if shape is None else json.loads(shapely.to_geojson(shape)),
        }
        for i, (shape, c, n) in enumerate(zip(shapes, codes, names, strict=True))
    ]
    collection: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs:
        collection["crs"] = {
            "type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{crs}"}
        }  # fmt: skip
    return json.dumps(collection)


def degrees(shapes: Any = SHAPES) -> list[Any]:
    """Return shapes in longitude and latitude."""
    move = pyproj.Transformer.from_crs(27700, 4326, always_xy=True)
    return list(shapely.transform(np.array(shapes), move.transform, interleaved=False))


def write(folder: Path, kind: str) -> Path:
    """Write the three squares as one of the kinds of file that are read."""
    plain = folder / "wards.geojson"
    plain.write_text(geojson())
    if kind == "geojson":
        return plain
    if kind == "geojson.gz":
        path = folder / "wards.geojson.gz"
        path.write_bytes(gzip.compress(plain.read_bytes()))
        return path
    if kind == "geojson in degrees":
        plain.write_text(geojson(degrees(), crs=None))
        return plain
    columns = [np.array(CODES, dtype=object), np.array(NAMES, dtype=object)]
    wkb = np.array(shapely.to_wkb(np.array(SHAPES)), dtype=object)
    if kind == "geoparquet":
        path = folder / "wards.parquet"
        geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": {
            "encoding": "WKB", "geometry_types": ["Polygon"],
            "crs": pyproj.CRS(27700).to_json_dict()}}}  # fmt: skip
        table = pa.table({"WD25CD": CODES, "WD25NM": NAMES, "geometry": list(wkb)})
        pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
        return path
    path = folder / {"gpkg": "wards.gpkg"}.get(kind, "wards.shp")
    pyogrio.raw.write(
        path, wkb, columns, ["WD25CD", "WD25NM"], geometry_type="Polygon", crs="EPSG:27700",
        driver="GPKG" if kind == "gpkg" else "ESRI Shapefile",
    )  # fmt: skip
    if kind in {"gpkg", "shapefile"}:
        return path
    packed = folder / "wards.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for part in folder.glob("wards.*"):
            if part.suffix in {".shp", ".shx", ".dbf", ".prj", ".cpg"}:
                archive.write(part, f"Boundaries/{part.name}")
    return packed
