"""`manage.py restore_release SLUG`: bring the rows of an archived release back."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from indicators.management.commands._release import ReleaseCommand
from indicators.releases import archive


class Command(ReleaseCommand):
    """Restore an archived release."""

    help = (
        "Bring the figures of an archived release back into the database, as they were. What is "
        "live stays as it is; “as at” answers for it again, and what replaced it can be withdrawn."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the release."""
        super().add_arguments(parser)
        parser.add_argument(
            "release", help="its slug, or its number; `manage.py releases` lists them"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Bring it back and say so."""
        release, by = self.release(options["release"]), self.user(options["by"])
        with self.working(release.pk), self.bar(options["format"]) as tell:
            rows = archive.restore(release=release, by=by, at=timezone.now(), tell=tell)
        self.answer(
            {"release": release.slug, "status": release.status, "rows": rows},
            [f"“{release.name}” is here again: {rows:,} rows. What is live is as it was."],
            options["format"],
        )
