"""`manage.py draw_maps`: bake the tiles of every edition that has outlines and no maps yet."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from areas import tiles
from areas.models import Edition


class Command(BaseCommand):
    """Draw what is missing, such as after an import with --no-tiles."""

    help = "Draw the maps of every edition that has outlines and no maps yet."

    def handle(self, *args: Any, **options: Any) -> None:
        """Draw one edition after the other."""
        waiting = Edition.objects.filter(tile_hash="", boundary__isnull=False).distinct()
        for edition in waiting:
            self.stdout.write(f"Drawing maps of {edition.name}")
            try:
                tiles.bake(edition)
            except (RuntimeError, OSError) as error:
                raise CommandError(str(error)) from error
