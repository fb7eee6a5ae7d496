"""`manage.py import_numbers`: what other numberings call areas."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from areas.importing.numbers import NumberOptions, import_numbers
from areas.management.commands._command import ImportCommand


class Command(ImportCommand):
    """Load numbers, so that files that have no official codes can be read."""

    help = (
        "Load a lookup of another numbering (the Department for Education's, Nomis's) to official "
        "codes: any table with both, such as a release of the Department's that has old_la_code "
        "and new_la_code. Files that have the numbers alone are then understood."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add whose numbers they are, and which columns to take."""
        super().add_arguments(parser)
        parser.add_argument("--scheme", required=True, help="Whose numbers: DfE, Nomis …")
        parser.add_argument("--number-column", default="")
        parser.add_argument("--code-column", default="")
        parser.add_argument("--sheet", default="")

    def handle(self, *args: Any, **given: Any) -> None:
        """Load or rehearse."""
        options = NumberOptions(
            **{name: given[name] for name in NumberOptions.__dataclass_fields__}
        )
        self.report(
            lambda tell: import_numbers(
                file=given["file"], options=options, commit=given["commit"], tell=tell
            ),
            given["commit"],
        )
