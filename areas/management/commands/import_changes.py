"""`manage.py import_changes`: code history."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from areas.history import load_history
from areas.importing.changes import ChangeOptions, import_changes
from areas.importing.report import Report, carry_out, counted
from areas.management.commands._command import ImportCommand, a_date


def builtin(*, commit: bool) -> Report:
    """Load or rehearse the history that comes with Levelup, for the areas that are held."""

    def work(report: Report) -> None:
        loaded = load_history()
        report.fact("Steps of code history", loaded.changes)
        report.fact("Ended areas they need", loaded.areas)
        report.fact("Areas given their end", loaded.ended)
        report.changed = bool(loaded.changes or loaded.areas or loaded.ended)
        if loaded.left_out:
            report.note(
                f"{counted(loaded.left_out, 'step leads', 'steps lead')} to areas that are not "
                "held; run this again once they are."
            )

    return carry_out(Report("Code history of Levelup"), work, commit=commit)


class Command(ImportCommand):
    """Load which codes became which; a second run of the same file changes nothing."""

    file_may_be_absent = True
    help = "Load code history (Code History Database, lookups between years, or our own form)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which columns to take and the date, where the file has none."""
        super().add_arguments(parser)
        parser.add_argument(
            "--builtin",
            action="store_true",
            help="The history that comes with Levelup (areas/history), in place of a file.",
        )
        parser.add_argument("--from-column", default="", help="Old codes.")
        parser.add_argument("--to-column", default="", help="New codes.")
        parser.add_argument("--date", type=a_date, help="Day of every step, if the file has none.")
        parser.add_argument("--shares-of", default="", help="People or homes, for weights.")
        parser.add_argument("--sheet", default="")

    def handle(self, *args: Any, **given: Any) -> None:
        """Load or rehearse."""
        if given["builtin"] == bool(given["file"]):
            raise CommandError("Name one file, or give --builtin: one of the two.")
        if given["builtin"]:
            self.report(lambda tell: builtin(commit=given["commit"]), given["commit"])
            return
        options = ChangeOptions(
            **{name: given[name] for name in ChangeOptions.__dataclass_fields__}
        )
        self.report(
            lambda tell: import_changes(
                file=given["file"], options=options, commit=given["commit"], tell=tell
            ),
            given["commit"],
        )
