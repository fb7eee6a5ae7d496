"""`manage.py releases`: what was received, the newest first, and where each of them stands."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Count

from indicators.management.commands._release import ReleaseCommand
from indicators.models import Release
from indicators.releases import findings
from indicators.releases.progress import progress_of


class Command(ReleaseCommand):
    """List releases."""

    help = "List releases, the newest first: status, series, problems and what is being done."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to list."""
        super().add_arguments(parser)
        parser.add_argument("--dataset", metavar="SLUG")
        parser.add_argument("--status", choices=Release.Status.values)
        parser.add_argument("--most", type=int, default=50, help="how many at most (50)")

    def handle(self, *args: Any, **options: Any) -> None:
        """List them."""
        if options["most"] < 1:
            raise CommandError("--most has to be 1 or more.")
        chosen = Release.objects.select_related("dataset").annotate(n_series=Count("series"))
        if options["dataset"]:
            chosen = chosen.filter(dataset__slug=options["dataset"])
        if options["status"]:
            chosen = chosen.filter(status=options["status"])
        found: list[dict[str, Any]] = []
        for release in chosen.order_by("-received_at", "-pk")[: options["most"]]:
            errors, warnings = findings.numbers(release.problems)
            found.append(
                {
                    "release": release.slug,
                    "dataset": release.dataset.slug,
                    "name": release.name,
                    "status": release.status,
                    "received": release.received_at.isoformat(),
                    "published": release.published_at.isoformat() if release.published_at else None,
                    "archived": release.archived_at.isoformat() if release.archived_at else None,
                    "series": release.n_series,
                    "errors": errors,
                    "warnings": warnings,
                    "todo": release.todo,
                    "progress": progress_of(release.pk) if release.todo else {},
                    "failure": release.failure,
                }
            )
        lines = [
            f"{r['received'][:10]}  {r['status']:<10}  {r['release']}  ({r['series']:,} series"
            + (f", archived {r['archived'][:10]}" if r["archived"] else "")
            + (f", {r['errors']:,} errors" if r["errors"] else "")
            + (f", {r['warnings']:,} warnings" if r["warnings"] else "")
            + ")"
            + (f"  {r['failure']}" if r["failure"] else "")
            for r in found
        ]
        self.answer({"releases": found}, lines or ["There is no release."], options["format"])
