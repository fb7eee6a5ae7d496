"""Loading the demo pack: real geography and real releases, through the same doors as any other."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from areas import tiles
from areas.history import load_history
from areas.importing import load
from areas.models import Area, Edition, OverlapSet
from indicators.models import Dataset, Indicator, Licence, Release, Theme
from indicators.releases.publish import publish
from indicators.releases.stage import stage

PACK = settings.BASE_DIR / "demo"
CATALOGUE = Path(__file__).parent / "catalogue"
SMALL_EDITION = "lsoa-2011"
WARD_EDITION = "ward-2025"

Tell = Callable[[str], None]


class DemoError(RuntimeError):
    """The demo pack cannot be loaded; the message says why and what to do."""


def steps(pack: dict[str, Any]) -> int:
    """Return how many times `load_demo` will call `tell`."""
    return 4 + 2 * len(pack["edition"]) + len(pack["release"])


def read_pack() -> dict[str, Any]:
    """Return the manifest of the pack. Raises DemoError when it is not there."""
    try:
        return tomllib.loads((PACK / "pack.toml").read_text())
    except FileNotFoundError as error:
        raise DemoError("demo/pack.toml is not there: check out the whole project.") from error


def is_loaded(pack: dict[str, Any]) -> bool:
    """Return whether the last release of the pack has been published here."""
    return Release.objects.filter(slug=pack["release"][-1]["slug"]).exists()


def load_demo(pack: dict[str, Any], tell: Tell) -> None:
    """Load the whole pack in one transaction. `tell` hears of each step.

    Raises DemoError when the database already holds areas that are not the pack's.
    """
    with transaction.atomic():
        if Area.objects.exists():
            raise DemoError("This database already holds areas. The demo needs an empty one.")
        load_geography(pack, tell)
        load_catalogue(pack)
        for entry in pack["release"]:
            tell(f"Publishing {entry['name']}")
            load_release(entry, pack)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def draw_maps(tell: Tell) -> None:
    """Bake the tiles of every edition that has outlines and no maps yet."""
    for edition in Edition.objects.filter(tile_hash="", boundary__isnull=False).distinct():
        tell(f"Drawing maps of {edition.name}")
        tiles.bake(edition)


def load_geography(pack: dict[str, Any], tell: Tell) -> dict[str, Edition]:
    """Load areas, editions, outlines, overlaps, code history and postcodes."""
    tell("Loading areas")
    load.load_areas(pl.read_parquet(PACK / "areas.parquet"))
    members = pl.read_parquet(PACK / "members.parquet").partition_by("edition", as_dict=True)
    editions = {}
    for entry in pack["edition"]:
        tell(f"Loading outlines of {entry['name']}")
        edition = Edition.objects.create(
            slug=entry["slug"],
            name=entry["name"],
            area_type_id=entry["area_type"],
            date=entry["date"],
            approximate=entry["approximate"],
            boundary_note=entry["boundary_note"],
            source=entry["source"],
        )
        editions[edition.slug] = edition
        load.load_members(edition, members[(edition.slug,)]["code"])
        outlines = pl.read_parquet(PACK / "boundaries" / f"{edition.slug}.parquet")
        load.load_boundaries(edition, outlines["code"], outlines["geometry"])
    tell("Loading what lies in what")
    for entry in pack["overlap_set"]:
        overlap_set = OverlapSet.objects.create(
            slug=entry["slug"],
            from_edition=editions[entry["from_edition"]],
            to_edition=editions[entry["to_edition"]],
            kind=entry["kind"],
            weight_source=entry["weight_source"],
        )
        load.load_overlaps(
            overlap_set, pl.read_parquet(PACK / "overlaps" / f"{overlap_set.slug}.parquet")
        )
    load.name_small_areas(editions[SMALL_EDITION], editions[WARD_EDITION])
    tell("Loading code history")
    load_history()
    tell("Loading postcodes")
    load.load_postcodes(pl.read_parquet(PACK / "postcodes.parquet").rename({"lsoa": "small_area"}))
    return editions


def load_catalogue(pack: dict[str, Any]) -> None:
    """Load licences, themes, indicators and datasets."""
    licences = tomllib.loads((CATALOGUE / "licences.toml").read_text())
    for slug, entry in licences.items():
        Licence.objects.update_or_create(slug=slug, defaults=entry)
    Theme.objects.bulk_create(Theme(**entry) for entry in pack["theme"])
    scopes = {
        area.code: area
        for area in Area.objects.filter(code__in=[entry["scope"] for entry in pack["indicator"]])
    }
    Indicator.objects.bulk_create(
        Indicator(
            **{k: v for k, v in entry.items() if k not in {"scope", "theme"}},
            scope=scopes[entry["scope"]],
            theme_id=entry["theme"],
        )
        for entry in pack["indicator"]
    )
    Dataset.objects.bulk_create(
        Dataset(**{k: v for k, v in entry.items() if k != "licence"}, licence_id=entry["licence"])
        for entry in pack["dataset"]
    )


def load_release(entry: dict[str, Any], pack: dict[str, Any]) -> Release:
    """Stage and publish one release of the pack."""
    file = PACK / entry["file"]
    dataset = Dataset.objects.select_related("licence").get(slug=entry["dataset"])
    now = timezone.now()
    release = Release.objects.create(
        dataset=dataset,
        slug=entry["slug"],
        name=entry["name"],
        publisher_version=entry["publisher_version"],
        publisher_date=entry["published"],
        file_name=file.name,
        file_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        note=entry["note"],
        licence=dataset.licence,
        redistributable=dataset.licence.redistributable,
        received_at=now,
    )
    stage(release=release, table=pl.read_parquet(file), at=now)
    publish(release=release, by=None, at=timezone.now())
    return release
