"""`manage.py withdraw_release SLUG`: take a public release back whole, or turn one down."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from indicators.management.commands._release import ReleaseCommand
from indicators.models import Release
from indicators.releases import pipeline


class Command(ReleaseCommand):
    """Withdraw a release; one that was never public is rejected."""

    help = (
        "Take a public release back: live is then what it would be had it never been published. "
        "One that was never public is rejected instead."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the release and why."""
        super().add_arguments(parser)
        parser.add_argument("slug", help="of the release; `manage.py releases` lists them")
        parser.add_argument("--reason", default="", help="why, for the log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take it back and say so."""
        release, by, at = self.release(options["slug"]), self.user(options["by"]), timezone.now()
        with self.working(release.pk):
            if release.status in pipeline.NOT_PUBLIC:
                pipeline.reject(release=release, by=by, at=at, why=options["reason"])
            else:
                pipeline.withdraw_release(release=release, by=by, at=at, reason=options["reason"])
        release.refresh_from_db()
        self.answer(
            {"release": release.slug, "status": release.status},
            [f"“{release.name}” is {release.get_status_display()}."],
            options["format"],
        )
        if release.status == Release.Status.REJECTED and options["format"] == "text":
            self.stdout.write("It was never public, so no reader saw it.")
