"""Which areas of an edition share a border, worked out once from their outlines.

Sharing a border is having a line in common, or running within NEAR metres of each other for LONG
or more: outlines of an edition are mostly simplified together, so that neighbours share the very
line, but rounding to whole metres and files whose borders never matched leave slivers. Areas that
meet in a point, or across water, are not neighbours.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import shapely
from django.db import connection
from numpy.typing import NDArray

from areas.importing.copy import copy_frame, fetch_frame

Shapes = NDArray[np.object_]
NEAR = 5.0
LONG = 40.0  # Around a point where several areas meet, borders are near for a few times NEAR.
SHORTEST = 1.0  # A line in common of under a metre comes of rounding.
PAIRS = 20_000


def find_borders(shapes: Shapes) -> pl.DataFrame:
    """Return the pairs of `shapes` (metres) that share a border: i < j, and its metres.

    Metres are those of the line in common; where there is only a sliver between two areas, of
    what runs within NEAR.
    """
    if len(shapes) == 0:
        return pl.DataFrame(schema={"i": pl.Int64, "j": pl.Int64, "metres": pl.Float64})
    i, j = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=NEAR)
    i, j = i[i < j], j[i < j]
    lines = shapely.boundary(shapes)
    metres = np.zeros(len(i))
    for start in range(0, len(i), PAIRS):
        part = slice(start, start + PAIRS)
        metres[part] = _in_common(lines[i[part]], lines[j[part]])
    keep = metres >= SHORTEST
    return pl.DataFrame({"i": i[keep], "j": j[keep], "metres": metres[keep]})


def _in_common(one: Shapes, other: Shapes) -> NDArray[np.float64]:
    """Return the metres that each outline of `one` has in common with its fellow of `other`."""
    metres: NDArray[np.float64] = shapely.length(shapely.intersection(one, other))
    doubt = np.flatnonzero(metres < LONG)
    around = shapely.bounds(one[doubt]) + np.array([-NEAR, -NEAR, NEAR, NEAR])
    close = shapely.box(*around.T)
    band = shapely.buffer(shapely.intersection(other[doubt], close), NEAR, quad_segs=2)
    near = shapely.length(shapely.intersection(one[doubt], band))
    metres[doubt] = np.where(near >= LONG, np.maximum(near, metres[doubt]), metres[doubt])
    return metres


def load_borders(edition_id: int, area_ids: NDArray[np.int64], shapes: Shapes) -> int:
    """Replace the borders of an edition by those of `shapes`; return how many there are.

    `shapes` are in step with `area_ids`, in metres.
    """
    pairs = find_borders(shapes)
    both = pl.concat([pairs, pairs.select(i="j", j="i", metres="metres")])
    frame = pl.DataFrame(
        {
            "edition_id": np.full(len(both), edition_id),
            "area_id": area_ids[both["i"].to_numpy()],
            "neighbour_id": area_ids[both["j"].to_numpy()],
            "metres": both["metres"].to_numpy(),
        }
    ).sort("area_id", "neighbour_id")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM areas_border WHERE edition_id = %s", (edition_id,))
    copy_frame("areas_border", frame)
    return len(pairs)


def draw_borders(edition_id: int) -> int:
    """Work out the borders of an edition from the outlines that are held; return how many."""
    rows = fetch_frame(
        "SELECT area_id, ST_AsBinary(geometry) FROM areas_boundary WHERE edition_id = %s",
        (edition_id,),
        {"area_id": pl.Int64, "wkb": pl.Binary},
    )
    shapes = shapely.from_wkb(rows["wkb"].to_numpy())
    return load_borders(edition_id, rows["area_id"].to_numpy(), shapes)
