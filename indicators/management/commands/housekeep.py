"""`manage.py housekeep`: take away what interrupted imports left, archive what is not kept."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from areas.importing.report import counted
from indicators.releases.housekeeping import housekeep, strays


class Command(BaseCommand):
    """Take away files, folders and partitions that no release has."""

    help = (
        "Take away files that no release has, drafts of interrupted work and emptied partitions. "
        "Where LEVELUP_KEEP_DAYS is set, also archive the figures of releases that have not been "
        "live for so long. Beat does this every six hours."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how old what is left has to be."""
        parser.add_argument(
            "--hours", type=float, default=24.0, help="leave what is younger (24 hours)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say what went."""
        if not 0 <= options["hours"] <= 1e6:
            raise CommandError("--hours has to be a number from 0 to 1,000,000.")
        cleared = housekeep(at=timezone.now(), older_than=timedelta(hours=options["hours"]))
        self.stdout.write(
            f"{counted(len(cleared.paths), 'file or folder', 'files and folders')} "
            f"({cleared.bytes / 1e6:,.1f} MB) and {counted(len(cleared.buckets), 'partition')} "
            "taken away."
        )
        for one in cleared.archived:
            self.stdout.write(
                f"“{one.release.name}” was archived: {one.rows:,} rows in "
                f"{one.bytes / 1e6:,.1f} MB. Bring it back with: manage.py restore_release "
                f"{one.release.slug}"
            )
        for sentence in cleared.refused:
            self.stderr.write(sentence)
        for name in strays():
            self.stdout.write(f"{name} belongs to no release. Look into it before dropping it.")
