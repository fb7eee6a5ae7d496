"""`manage.py import_changes`: code history."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from areas.importing.changes import ChangeOptions, import_changes
from areas.management.commands._command import ImportCommand, a_date


class Command(ImportCommand):
    """Load which codes became which; a second run of the same file changes nothing."""

    help = "Load code history (Code History Database, lookups between years, or our own form)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which columns to take and the date, where the file has none."""
        super().add_arguments(parser)
        parser.add_argument("--from-column", default="", help="Old codes.")
        parser.add_argument("--to-column", default="", help="New codes.")
        parser.add_argument("--date", type=a_date, help="Day of every step, if the file has none.")
        parser.add_argument("--shares-of", default="", help="People or homes, for weights.")
        parser.add_argument("--sheet", default="")

    def handle(self, *args: Any, **given: Any) -> None:
        """Load or rehearse."""
        options = ChangeOptions(
            **{name: given[name] for name in ChangeOptions.__dataclass_fields__}
        )
        self.report(
            lambda tell: import_changes(
                file=given["file"], options=options, commit=given["commit"], tell=tell
            ),
            given["commit"],
        )
