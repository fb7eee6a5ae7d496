"""`manage.py restore FILE`: a backup put back, wholly or not at all."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from levelup_site.backup import BackupError
from levelup_site.backup.put_back import restore


class Command(BaseCommand):
    """Put back what `backup` wrote."""

    help = (
        "Put the backup FILE back: the database, uploads and map tiles. Stop web, worker and beat "
        "first. Either all of it is put back, or nothing is changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the name of the file, and leave to replace what is there."""
        parser.add_argument("file", type=Path, help="a file that backup has written")
        parser.add_argument(
            "--replace", action="store_true", help="drop the present database for the backup"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore, and say what is left to do."""
        source = options["file"].expanduser().absolute()
        try:
            done = restore(
                source=source,
                replace=options["replace"],
                at=timezone.now(),
                tell=self.stdout.write,
            )
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Restored {sum(done.manifest.tables.values()):,} rows and "
            f"{len(done.manifest.files):,} files as of {done.header.made_at}"
        )
        if done.waiting:
            self.stdout.write(
                f"The backup is of an older version: {len(done.waiting)} migrations wait. "
                "Run the command migrate (script/server does so by itself)."
            )
