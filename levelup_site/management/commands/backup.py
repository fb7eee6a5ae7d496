"""`manage.py backup FILE`: the database, uploads and tiles in one file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from levelup_site.backup import BackupError
from levelup_site.backup.take import backup


class Command(BaseCommand):
    """Write everything that cannot be made again to one file."""

    help = (
        "Write the database, uploads and map tiles to FILE (a tar compressed by Zstandard), with "
        "their hashes. The site may go on running. Keep secret-key of the home beside it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the name of the file."""
        parser.add_argument(
            "file", type=Path, help="a file that is not there yet, such as x.tar.zst"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the backup and say how large it is."""
        to = options["file"].expanduser().absolute()
        try:
            manifest = backup(to=to, at=timezone.now(), tell=self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        size = to.stat().st_size
        self.stdout.write(
            f"{to}: {sum(manifest.tables.values()):,} rows of {len(manifest.tables)} tables and "
            f"{len(manifest.files):,} files in {size / 1e6:,.1f} MB"
        )
