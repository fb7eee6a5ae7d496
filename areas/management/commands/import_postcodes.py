"""`manage.py import_postcodes`: a directory of postcodes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from areas.importing.postcodes import PostcodeOptions, import_postcodes
from areas.management.commands._command import ImportCommand


class Command(ImportCommand):
    """Load postcodes; a second run of the same file changes nothing."""

    help = "Load ONSPD or NSPL of any year, Code-Point Open, or a plain table of postcodes."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which columns to take and what becomes of postcodes the file leaves out."""
        super().add_arguments(parser)
        parser.add_argument("--ward-column", default="")
        parser.add_argument("--small-area-column", default="")
        parser.add_argument("--part", action="store_true", help="The file is part of the country.")
        parser.add_argument("--replace", action="store_true", help="Those it leaves out may go.")

    def handle(self, *args: Any, **given: Any) -> None:
        """Load or rehearse."""
        options = PostcodeOptions(
            **{name: given[name] for name in PostcodeOptions.__dataclass_fields__}
        )
        self.report(
            lambda tell: import_postcodes(
                file=given["file"], options=options, commit=given["commit"], tell=tell
            ),
            given["commit"],
        )
