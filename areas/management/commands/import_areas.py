"""`manage.py import_areas`: a file of areas, with or without outlines, as an edition."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from areas import tiles
from areas.importing.places import AreaOptions, import_areas
from areas.management.commands._command import ImportCommand, a_date, metres
from areas.models import Edition


class Command(ImportCommand):
    """Load areas and their outlines; a second run of the same file changes nothing."""

    help = "Load a file of areas (GeoJSON, GeoPackage, Shapefile, GeoParquet, CSV) as an edition."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what the file is about and which columns to take."""
        super().add_arguments(parser)
        parser.add_argument("--edition", required=True, help="Short name, such as ward-2025-ons.")
        parser.add_argument("--type", required=True, help="Type of area, such as ward.")
        parser.add_argument("--date", required=True, type=a_date, help="The date they were so.")
        parser.add_argument("--name", default="", help="The edition's name, for readers.")
        parser.add_argument("--source", default="", help="Who published the file.")
        parser.add_argument("--note", default="", help="What a reader should know of outlines.")
        parser.add_argument("--approximate", action="store_true", help="Outlines are rough.")
        parser.add_argument("--code-column", default="")
        parser.add_argument("--code-prefix", default="", help="Put before codes of a class (A1).")
        parser.add_argument("--name-column", default="")
        parser.add_argument("--welsh-column", default="")
        parser.add_argument("--known-as-column", default="")
        parser.add_argument("--layer", default="", help="Layer of a GeoPackage, sheet of a book.")
        parser.add_argument("--crs", default="", help="Coordinates, if not as the file says.")
        parser.add_argument("--parent-column", default="", help="Codes of the areas they lie in.")
        parser.add_argument("--parent-edition", default="")
        parser.add_argument("--simplify", type=metres, default=0.0, metavar="METRES")
        parser.add_argument("--no-outlines", action="store_true", help="Take only the codes.")
        parser.add_argument("--set-aside", action="store_true", help="Leave other types out.")
        parser.add_argument("--valid-from", type=a_date, help="First day of areas that are new.")
        parser.add_argument("--new-type", default="", metavar="NAME,PLURAL,RANK")
        parser.add_argument("--replace", action="store_true", help="Replace what is held.")
        parser.add_argument("--no-tiles", action="store_true", help="Do not draw the maps now.")

    def handle(self, *args: Any, **given: Any) -> None:
        """Load or rehearse, then draw the maps of what was loaded."""
        options = AreaOptions(
            area_type=given["type"],
            **{
                name: given[name]
                for name in AreaOptions.__dataclass_fields__
                if name != "area_type"
            },
        )
        report = self.report(
            lambda tell: import_areas(
                file=given["file"], options=options, commit=given["commit"], tell=tell
            ),
            given["commit"],
        )
        edition = Edition.objects.filter(slug=options.edition).first()
        if not report.committed or given["no_tiles"] or edition is None or edition.tile_hash:
            return
        if not edition.boundary_set.exists():
            return
        self.stdout.write(f"Drawing maps of {edition.name}")
        try:
            tiles.bake(edition)
        except (RuntimeError, OSError) as error:
            raise CommandError(
                f"The areas are loaded but their maps are not drawn ({error}). "
                "Run manage.py draw_maps to try again."
            ) from error
