"""What the import commands share: the file, the dry run, the printing and the progress."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from areas.importing.report import Report


def a_date(text: str) -> date:
    """Return a date written as 2025-05-01."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a date written as 2025-05-01.") from error


def metres(text: str) -> float:
    """Return a length above 0 and at most 5,000 m."""
    try:
        length = float(text)
    except ValueError:
        length = 0.0
    if not 0 < length <= 5000:
        raise ArgumentTypeError(f"{text!r} is not a number of metres above 0 and at most 5,000.")
    return length


class ImportCommand(BaseCommand):
    """A command that reads one file, says what it would change and changes it with --commit."""

    requires_system_checks: Any = []
    file_may_be_absent = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file and --commit."""
        parser.add_argument(
            "file",
            type=Path,
            nargs="?" if self.file_may_be_absent else None,
            help="The file as the publisher issued it.",
        )
        parser.add_argument(
            "--commit", action="store_true", help="Keep the changes; otherwise only say them."
        )

    def report(self, work: Callable[[Callable[[str], None]], Report], commit: bool) -> Report:
        """Do `work` with a line of progress, print its report, and fail if it was refused."""
        with tqdm(bar_format="{desc}", leave=False, disable=not sys.stderr.isatty()) as bar:
            report = work(lambda step: bar.set_description_str(step))
        self.stdout.write(report.text())
        if report.problems:
            raise CommandError("Nothing was changed. Mend what is said above and try again.")
        if report.changed and not commit:
            self.stdout.write("Add --commit to make these changes.")
        return report
