"""`manage.py publish_release SLUG`: put a release that is ready live, whole."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from indicators.management.commands._release import ReleaseCommand, add_accept, reasons
from indicators.releases import pipeline


class Command(ReleaseCommand):
    """Publish a release, perhaps as the correction of another."""

    help = "Put every figure of a release that is ready live, in one moment."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the release, reasons, and what it corrects."""
        super().add_arguments(parser)
        parser.add_argument("slug", help="of the release; `manage.py releases` lists them")
        add_accept(parser)
        parser.add_argument("--corrects", metavar="SLUG", help="the release that it puts right")
        parser.add_argument("--note", default="", help="with --corrects: what was wrong, in public")

    def handle(self, *args: Any, **options: Any) -> None:
        """Publish it and say so."""
        release, by, at = self.release(options["slug"]), self.user(options["by"]), timezone.now()
        with self.working(release.pk):
            why = reasons(options["accept"], release)
            pipeline.accept_warnings(release=release, why=why, by=by, at=at)
            if options["corrects"]:
                of = self.release(options["corrects"])
                pipeline.correct(release=release, of=of, note=options["note"], by=by, at=at)
            else:
                pipeline.publish_release(release=release, by=by, at=at)
        release.refresh_from_db()
        self.answer(
            {"release": release.slug, "status": release.status},
            [f"“{release.name}” is live."],
            options["format"],
        )
