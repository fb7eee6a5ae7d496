"""`manage.py import_release FILE…`: a publisher's files, checked, made ready and published."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from areas.importing.report import counted, some
from indicators.exports.streams import csv_pieces
from indicators.management.commands._release import ReleaseCommand, add_accept, reasons
from indicators.models import Dataset, Indicator, Licence, LiveSeries, Release, SavedLayout
from indicators.releases import findings, pipeline, preview

SHOWN = 12


class Command(ReleaseCommand):
    """Import files as one release. Nothing is published without --publish."""

    help = (
        "Read FILEs as a release of a dataset, say what is wrong with it, and make it ready to be "
        "published. The same files given again go on from where an interrupted import stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take files and how they are to be read."""
        super().add_arguments(parser)
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--dataset", metavar="SLUG", help="the dataset it is a release of")
        parser.add_argument("--publisher", help="with a --dataset that is new: who publishes it")
        parser.add_argument("--licence", metavar="SLUG", help="with a --dataset that is new")
        parser.add_argument("--slug", default="", help="what addresses call the release")
        parser.add_argument("--name", default="", help="what readers call the release")
        parser.add_argument("--layout", default="", metavar="NAME", help="read it as this layout")
        parser.add_argument("--mapping", type=Path, metavar="FILE", help="a mapping, as JSON")
        parser.add_argument(
            "--indicator", default="", metavar="SLUG", help="where the file does not say it"
        )
        parser.add_argument(
            "--complete",
            action="store_true",
            help="it replaces everything live from the dataset, not only the series it has",
        )
        parser.add_argument(
            "--problems",
            type=Path,
            metavar="FILE.csv",
            help="also write every problem there, each with its row as it stands in the file",
        )
        parser.add_argument(
            "--publish",
            action="store_true",
            help="also put it live; with warnings, only if --accept says why of each kind. Without "
            "that it stays ready, and the same command again goes on from there",
        )
        add_accept(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, and answer with what was found, also when it was refused."""
        began = time.monotonic()
        found: dict[str, Any] = {"seconds": {}}
        try:
            self.work(found, options)
        except CommandError as error:
            found["seconds"]["all"] = round(time.monotonic() - began, 2)
            found["error"] = str(error)
            if options["format"] == "json":
                self.stdout.write(json.dumps(found, indent=2, ensure_ascii=False))
            elif "problems" in found:
                self.stdout.write("\n".join(problem_lines(found)))
            raise
        found["seconds"]["all"] = round(time.monotonic() - began, 2)
        self.answer(found, lines(found), options["format"])

    def work(self, found: dict[str, Any], options: dict[str, Any]) -> None:
        """Take the steps, writing down each in `found`. Raises CommandError."""
        by = self.user(options["by"])
        mapping = read_mapping(options["mapping"]) if options["mapping"] else None
        indicator = options["indicator"]
        if indicator and not Indicator.objects.filter(slug=indicator).exists():
            raise CommandError(f"There is no indicator “{indicator}” here: define it first.")
        problems: Path | None = options["problems"]
        if problems is not None and not problems.absolute().parent.is_dir():
            raise CommandError(
                f"{problems} cannot be written: there is no folder {problems.absolute().parent}."
            )
        dataset = self.dataset(options, mapping)
        with self.plainly(), clock(found, "receive"):
            release = pipeline.receive(
                paths=options["files"],
                by=by,
                at=timezone.now(),
                dataset=dataset,
                name=options["name"],
                slug=options["slug"],
                complete=options["complete"],
            )
        found["release"], found["dataset"] = release.slug, dataset.slug
        found["files"] = [
            {"name": f.name, "sha256": f.sha256, "bytes": f.size} for f in release.files.all()
        ]
        with self.working(release.pk), self.bar(options["format"]) as tell:
            with clock(found, "check"):
                if release.status != Release.Status.STAGED or mapping is not None:
                    pipeline.check_release(
                        release=release,
                        at=timezone.now(),
                        mapping=mapping,
                        layout=options["layout"],
                        indicator=indicator,
                        by=by,
                        tell=tell,
                    )
            note_check(found, release)
            if problems is not None:
                write_problems(problems, release)
                found["problems"]["file"] = str(problems)
            if release.status != Release.Status.STAGED:
                with clock(found, "stage"):
                    pipeline.stage_release(release=release, at=timezone.now(), by=by, tell=tell)
            note_staged(found, release)
            why = reasons(options["accept"], release)
            pipeline.accept_warnings(release=release, why=why, by=by, at=timezone.now())
            if options["publish"]:
                with clock(found, "publish"):
                    pipeline.publish_release(release=release, by=by, at=timezone.now())
        release.refresh_from_db()
        found["status"] = release.status

    def dataset(self, options: dict[str, Any], mapping: dict[str, Any] | None) -> Dataset:
        """Return the dataset that is named, made anew where publisher and licence are given.

        Without a name it is that of the layout, or of the indicator's live series. Raises
        CommandError where none can be told.
        """
        slug = options["dataset"] or guess(options, mapping)
        if not slug:
            held = list(Dataset.objects.order_by("slug").values_list("slug", flat=True))
            raise CommandError(
                "Say with --dataset which dataset this is a release of"
                + (f": {some(held)}." if held else "; there is none yet, so with --publisher too.")
            )
        found = Dataset.objects.select_related("licence").filter(slug=slug).first()
        if found is not None:
            return found
        licences = list(Licence.objects.order_by("slug").values_list("slug", flat=True))
        if not options["publisher"] or options["licence"] not in licences:
            raise CommandError(
                f"There is no dataset “{slug}” here. To make it, give --publisher and --licence, "
                f"one of {', '.join(licences) or 'none yet'}."
            )
        return Dataset.objects.create(
            slug=slug,
            name=slug.replace("-", " ").capitalize(),
            publisher=options["publisher"],
            licence=Licence.objects.get(slug=options["licence"]),
        )


class clock:
    """Write down under a name how many seconds the block took."""

    def __init__(self, found: dict[str, Any], name: str) -> None:
        self.found, self.name = found, name

    def __enter__(self) -> None:
        self.began = time.monotonic()

    def __exit__(self, *error: object) -> None:
        self.found["seconds"][self.name] = round(time.monotonic() - self.began, 2)


def guess(options: dict[str, Any], mapping: dict[str, Any] | None) -> str:
    """Return the slug of the only dataset that it can be, or nothing."""
    if options["layout"]:
        layout = SavedLayout.objects.filter(slug=options["layout"]).first()
        if layout is not None and layout.dataset is not None:
            return layout.dataset.slug
    slug = options["indicator"] or str(
        (mapping or {}).get("columns", {}).get("indicator", {}).get("text", "")
        if isinstance((mapping or {}).get("columns"), dict)
        else ""
    )
    of = set(
        LiveSeries.objects.filter(indicator__slug=slug, live__endswith__isnull=True).values_list(
            "series__release__dataset__slug", flat=True
        )
    )
    return of.pop() if len(of) == 1 else ""


def read_mapping(path: Path) -> dict[str, Any]:
    """Return a mapping from a file of JSON. Raises CommandError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)
        # As the database takes it: no NUL, no half of a character.
        if "\\u0000" in json.dumps(found):
            raise ValueError("it holds NUL characters")
        json.dumps(found, ensure_ascii=False).encode()
    except OSError as error:
        raise CommandError(f"{path.name} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path.name} is not JSON that can be kept: {error}.") from error
    if not isinstance(found, dict):
        raise CommandError(f"{path.name} has to hold an object, in braces.")
    return found


def refuse_constant(text: str) -> None:
    """Refuse NaN and infinity, which are no JSON though Python reads them."""
    raise ValueError(f"it holds {text}")


def note_check(found: dict[str, Any], release: Release) -> None:
    """Write down what checking found."""
    errors, warnings = findings.numbers(release.problems)
    found["layout"], found["mapping"] = release.layout, release.mapping
    found["problems"] = {
        "errors": errors,
        "warnings": warnings,
        "by_code": [{"code": code, **p} for code, p in release.problems.items()],
    }


def write_problems(path: Path, release: Release) -> None:
    """Write every problem of a release as CSV, whole or not at all. Raises CommandError."""
    draft = path.with_name(f"{path.name}.part")
    try:
        with draft.open("wb") as out:
            for piece in csv_pieces(findings.listed(release.pk), findings.LISTED):
                out.write(piece)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CommandError(
            f"The problems could not be written to {path}: {error.strerror or error}. The release "
            "stays checked; give the same command again with another place for them."
        ) from error


def note_staged(found: dict[str, Any], release: Release) -> None:
    """Write down what was made ready."""
    entry = release.audit.filter(action="stage").order_by("-pk").first()
    detail = entry.detail if entry else {}
    found["series"] = {"published": detail.get("series"), "added_up": detail.get("derived")}
    found["observations"] = detail.get("rows")
    found["status"] = release.status
    try:
        whole = preview.read(release)
    except preview.NoPreview:
        return
    names = ("rows", "published", "dependants", "areas", "moved")
    found["preview"] = {name: whole[name] for name in names}


def problem_lines(found: dict[str, Any]) -> list[str]:
    """Return what is wrong as lines, each kind once."""
    some_of = found["problems"]["by_code"]
    told = [
        f"  {p['kind'].capitalize()} {p['code']} ({p['n']:,}): {findings.told(p)}"
        for p in some_of[:SHOWN]
    ]
    more = len(some_of) - SHOWN
    written = found["problems"].get("file")
    return [
        *told,
        *([f"  … and {counted(more, 'more kind')}"] if more > 0 else []),
        *([f"  Every problem, with its row: {written}"] if written else []),
    ]


def moved_lines(found: dict[str, Any]) -> list[str]:
    """Return what was moved from earlier editions as lines: before, after and what is left over."""
    moved = found.get("preview", {}).get("moved", [])
    told = [
        f"  {m['indicator']} moved from {m['from']} to {m['to']}: "
        + (
            "nothing to add up, only areas that did not change"
            if m["before"] is None
            else f"{m['before']:,.10g} before, {m['after']:,.10g} after, "
            f"residual {m['residual']:,.10g}"
            + (f" ({m['share']:.3%})" if m["share"] is not None else "")
        )
        for m in moved[:SHOWN]
    ]
    more = len(moved) - SHOWN
    return told + ([f"  … and {counted(more, 'more move')}"] if more > 0 else [])


def lines(found: dict[str, Any]) -> list[str]:
    """Return the answer for a reader."""
    series = found["series"]
    return [
        f"{found['release']} of {found['dataset']}: {found['status']}",
        f"  Files: {some(f['name'] for f in found['files'])}",
        *([f"  Layout: {found['layout']}"] if found["layout"] else []),
        f"  Series: {series['published']:,} as published, {series['added_up']:,} added up",
        f"  Observations: {found['observations']:,}",
        *moved_lines(found),
        *problem_lines(found),
        f"  {found['seconds']['all']:,} seconds",
        *(
            []
            if found["status"] == Release.Status.PUBLISHED
            else [f"Ready. Publish it with: manage.py publish_release {found['release']}"]
        ),
    ]
