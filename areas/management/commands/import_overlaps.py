"""`manage.py import_overlaps`: a lookup of which area lies in which."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from areas.importing.overlaps import OverlapOptions, import_overlaps
from areas.management.commands._command import ImportCommand
from areas.models import OverlapSet


class Command(ImportCommand):
    """Load one pair of columns; run it again for the next pair of the same file."""

    help = "Load a lookup (CSV, Excel, Parquet or JSON) of which area lies in which."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the two editions, the kind and which columns to take."""
        super().add_arguments(parser)
        parser.add_argument("--from", dest="from_edition", required=True, metavar="EDITION")
        parser.add_argument("--to", dest="to_edition", required=True, metavar="EDITION")
        parser.add_argument("--kind", required=True, choices=OverlapSet.Kind.values)
        parser.add_argument("--from-column", default="")
        parser.add_argument("--to-column", default="")
        parser.add_argument("--to-prefix", default="", help="Put before codes of a class (A1).")
        parser.add_argument("--weight-column", default="", help="Shares that sum to 1.")
        parser.add_argument("--shares-of", default="", help="People or homes to share by.")
        parser.add_argument("--source", default="", help="Where the lookup comes from.")
        parser.add_argument("--sheet", default="")
        parser.add_argument("--partial", action="store_true", help="Some areas have no parent.")
        parser.add_argument("--set-aside", action="store_true", help="Leave unknown codes out.")
        parser.add_argument("--replace", action="store_true", help="Replace a set that is held.")

    def handle(self, *args: Any, **given: Any) -> None:
        """Load or rehearse."""
        options = OverlapOptions(
            **{name: given[name] for name in OverlapOptions.__dataclass_fields__}
        )
        self.report(
            lambda tell: import_overlaps(
                file=given["file"], options=options, commit=given["commit"], tell=tell
            ),
            given["commit"],
        )
