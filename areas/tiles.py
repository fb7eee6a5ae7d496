"""Boundary editions baked once into vector tile archives, and single tiles read from them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from pmtiles.reader import MmapSource, Reader
from psycopg import sql

from areas.models import Edition, GeographyVersion

LAYER = "areas"
# The deepest zoom baked; maps stretch it further in. Small areas need more than wide ones.
MAX_ZOOM = {"lsoa": 12, "msoa": 11, "ward": 11}
DEFAULT_MAX_ZOOM = 10
# Read by COPY so that a line of GeoJSON leaves Postgres for each area and none waits in Python.
FEATURES = """
COPY (
    SELECT json_build_object('type', 'Feature', 'properties', json_build_object('o', m.ordinal),
                             'geometry', ST_AsGeoJSON(ST_Transform(b.geometry, 4326), 6)::json)
    FROM areas_boundary b
    JOIN areas_member m ON m.area_id = b.area_id AND m.edition_id = b.edition_id
    WHERE b.edition_id = {edition} ORDER BY m.ordinal
) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')
"""


def max_zoom(edition: Edition) -> int:
    """Return the deepest zoom that `edition` is baked to."""
    return MAX_ZOOM.get(edition.area_type_id, DEFAULT_MAX_ZOOM)


def archive_path(tile_hash: str) -> Path:
    """Return where the archive with this hash is kept."""
    return settings.TILE_DIR / f"{tile_hash}.pmtiles"


def bake(edition: Edition) -> str:
    """Bake the outlines of `edition` into an archive named by its hash, and remember the hash.

    Each feature has one property, `o`: the area's ordinal in the edition. Borders shared by
    areas stay shared when simplified. Raises RuntimeError with tippecanoe's words if it fails.
    """
    settings.TILE_DIR.mkdir(parents=True, exist_ok=True)
    draft = settings.TILE_DIR / f"draft-{edition.slug}.pmtiles"
    command = [
        str(Path(sys.executable).parent / "tippecanoe"),
        f"--output={draft}",
        "--force",
        "--quiet",
        f"--layer={LAYER}",
        "--minimum-zoom=3",
        f"--maximum-zoom={max_zoom(edition)}",
        "--no-simplification-of-shared-nodes",
        "--simplification=2",
        # Half a pixel (512 steps for a tile of 256) is fine enough until the reader is as close
        # as the tiles go. Areas smaller than that become a few squares that stand for them.
        "--low-detail=9",
        "--no-feature-limit",
        "--no-tile-size-limit",
        "--no-tile-stats",
        "--projection=EPSG:4326",
    ]
    tippecanoe = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    if tippecanoe.stdin is None or tippecanoe.stderr is None:
        raise RuntimeError("tippecanoe was started without pipes.")
    features = sql.SQL(FEATURES).format(edition=sql.Literal(edition.pk))
    with connection.cursor() as cursor, cursor.copy(features) as rows:
        for block in rows:
            tippecanoe.stdin.write(block)
    tippecanoe.stdin.close()
    words = tippecanoe.stderr.read().decode()
    if tippecanoe.wait() != 0:
        raise RuntimeError(f"The tiles of {edition.name} were not baked: {words.strip()}")
    with draft.open("rb") as file:
        tile_hash = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    draft.rename(archive_path(tile_hash))
    with transaction.atomic():
        Edition.objects.filter(pk=edition.pk).update(tile_hash=tile_hash)
        # Pages that are kept for a version name the old tiles, or none.
        GeographyVersion.objects.filter(pk=1).update(version=F("version") + 1)
    edition.tile_hash = tile_hash
    return tile_hash


@lru_cache(maxsize=32)
def _reader(path: Path) -> Reader:
    return Reader(MmapSource(path.open("rb")))


def read_tile(tile_hash: str, z: int, x: int, y: int) -> bytes | None:
    """Return one gzipped vector tile, or None when the archive has nothing there.

    Raises FileNotFoundError when there is no archive with this hash.
    """
    tile: bytes | None = _reader(archive_path(tile_hash)).get(z, x, y)
    return tile
