"""`manage.py import_names`: Welsh names and the names people know."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from areas.importing.names import NameOptions, import_names
from areas.management.commands._command import ImportCommand


class Command(ImportCommand):
    """Set names on areas that are held, by their codes."""

    help = "Load names: in Welsh, or as people know small areas (House of Commons Library)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which columns to take."""
        super().add_arguments(parser)
        parser.add_argument("--code-column", default="")
        parser.add_argument("--name-column", default="", help="Only if names are to be replaced.")
        parser.add_argument("--welsh-column", default="")
        parser.add_argument("--known-as-column", default="")
        parser.add_argument("--sheet", default="")

    def handle(self, *args: Any, **given: Any) -> None:
        """Load or rehearse."""
        options = NameOptions(**{name: given[name] for name in NameOptions.__dataclass_fields__})
        self.report(
            lambda tell: import_names(
                file=given["file"], options=options, commit=given["commit"], tell=tell
            ),
            given["commit"],
        )
