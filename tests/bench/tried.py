"""Does every file of the shared pack import and publish, and are its figures those in the file?

    python -m tests.bench.tried [--data FOLDER] [--only TEXT] [--write] [--show]

Each release goes through `manage.py import_release FILE --publish` in a copy of a database that
holds the demo and the whole geography of the pack (made once and kept). Then the figures of
`tried_figures.toml`, which were chosen by eye in the publishers' files, are looked up in the file
by a reader of its own and in the release as published. `--write` renews docs/releases-tried.md,
with what earlier runs found of files that `--only` leaves out; `--show` prints what was made.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import re
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.bench import _database
from tests.bench._cells import cells, column_of, records
from tests.bench._figures import say

PACK = "bench_pack"
FIGURES = Path(__file__).with_name("tried_figures.toml")
TABLE = _database.ROOT / "docs" / "releases-tried.md"
# Folders whose files are parts of one release: months and forces, and data with its guidance.
WHOLE = ("police_uk_street_crime", "dfe_free_school_meals_2020_21")
LICENCES = {
    "Open Government": "ogl-uk-3",
    "CC BY 4.0": "cc-by-4",
    "Creative Commons Attribution 4.0": "cc-by-4",
}
INTRO = """# Releases tried

Every file of the shared pack, as its publisher gives it, imported and published by
`manage.py import_release FILE --publish`, without a line of code for that file. `script/bench tried
--write` does it and writes this page: in a copy of a database with the demo and the geography of
the pack (but its output areas, which no release is of). A release is one file, but where a folder
holds the parts of one. Releases stay public while the next are imported.

- *Layout* is the one recognised; without one the columns were told by their words and content.
- *Series* are as published, and added up to larger areas by us; *observations* are of both.
- *Warnings* were accepted (`--accept all=…`); each is told with how many findings there were.
- *Seconds* are of reading, recognising and checking; of making ready (series, sums, standings,
  arrays, preview); and of publishing. Two cores, shared with others.
- *Figures* were chosen in the file (`tests/bench/tried_figures.toml` says in which cell): by eye,
  but at fixed places in the 62 files of Explore Local Statistics. They are read there anew with
  nothing but csv, zipfile and XML, and compared with the observation published, to seven digits.

"""
HEAD = (
    "| File | Layout | Indicators | Series | Observations | Warnings | Seconds | Figures |\n"
    "|---|---|--:|--:|--:|---|--:|--:|"
)
FIGURE = """
SELECT o.value, o.marker, s.breakdown, i.name FROM indicators_series s
JOIN indicators_indicator i ON i.id = s.indicator_id JOIN indicators_period p ON p.id = s.period_id
JOIN indicators_observation o ON o.series_id = s.id JOIN areas_area a ON a.id = o.area_id
WHERE s.release_id = %s AND s.origin = 'published' AND s.breakdown = %s
  AND p.start = %s AND p.end = %s AND a.code = %s
"""


def kept_pack(data: Path) -> str:
    """Set Django up on a database with the demo and the pack's geography, made once, then kept."""
    demo = _database.kept_demo()
    url = _database.beside(PACK)
    if _database.exists(url) and _database.is_of_today(url):
        _database.switch(url)
        return url
    say(f"Loading the pack's geography into {_database.database(url)}, once")
    _database.close()
    _database.drop(url)
    _database.create(url, demo)
    _database.switch(url)
    from django.db import connection

    from tests.bench import shared_pack

    for entry in shared_pack.PLAN:
        if re.search("output-area|small-area", str(entry.options)):
            continue  # No release is of output areas.
        report, seconds = shared_pack.run(entry, data)
        say(f"{seconds:6.1f} s {entry.command} {entry.file}: {report.outcome()}")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute(
            f"COMMENT ON DATABASE {_database.database(url)} IS '{_database.fingerprint()}'"
        )
    return url


def once(work: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does its work the first time, whatever it is asked, and keeps it."""
    kept: list[Any] = []

    def again(*asked: Any) -> Any:
        if not kept:
            kept.append(work(*asked))
        return kept[0]

    return again


def releases(folder: Path, only: str) -> list[tuple[str, list[Path]]]:
    """Return name and files of each release of the pack, the largest last."""
    found = []
    for one in sorted(p for p in folder.iterdir() if p.is_dir()):
        files = sorted(p for p in one.iterdir() if p.name != "SOURCE.md")
        if one.name in WHOLE:
            found.append((f"{one.name} ({len(files)} files)", files))
        else:
            found += [(f"{one.name}/{path.name}", [path]) for path in files]
    found = [r for r in found if re.search(only, r[0])]
    return sorted(found, key=lambda r: sum(unpacked(p) for p in r[1]))


def unpacked(path: Path) -> int:
    """Return about how large a file is to read."""
    return path.stat().st_size * (8 if path.suffix in {".gz", ".zip", ".xlsx"} else 1)


def dataset_of(folder: Path) -> Any:
    """Return the dataset of a folder, with the publisher and licence that its note names."""
    from indicators.models import Dataset, Licence

    note = (folder / "SOURCE.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| (Publisher|Licence) \| (.+?) \|$", note, re.MULTILINE))
    slug = next((s for words, s in LICENCES.items() if words in told["Licence"]), "not-stated")
    licence, _ = Licence.objects.get_or_create(
        slug=slug, defaults={"name": told["Licence"], "redistributable": slug != "not-stated"}
    )
    title = note.splitlines()[0].lstrip("# ")
    dataset, _ = Dataset.objects.get_or_create(
        slug=folder.name.replace("_", "-")[:80],
        defaults={"name": title, "publisher": told["Publisher"], "licence": licence},
    )
    return dataset


def publish(files: Sequence[Path]) -> dict[str, Any]:
    """Import and publish files as the command does; return what it answers."""
    from django.core.management import CommandError, call_command

    out = io.StringIO()
    began = time.monotonic()
    try:
        call_command(
            "import_release", *map(str, files), "--publish", "--format", "json",
            "--accept", "all=Tried with every file of the pack; the page lists the warnings.",
            "--dataset", dataset_of(files[0].parent).slug, stdout=out, stderr=io.StringIO(),
        )  # fmt: skip
    except CommandError:
        pass  # The sentence is in the answer.
    except Exception as error:  # A bug: the others are still to be tried.
        return {
            "error": f"BUG {type(error).__name__}: {error}",
            "seconds": {"all": round(time.monotonic() - began, 1)},
        }
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def figures_of(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the figures that were chosen by eye in some files."""
    if not FIGURES.is_file():
        return []
    chosen = tomllib.loads(FIGURES.read_text(encoding="utf-8"))
    names = {f"{path.parent.name}/{path.name}": path for path in files}
    found = []
    for one in chosen["file"]:
        path = names.get(one["path"])
        for figure in one["figures"] if path else ():
            found.append({**dict(zip(FIELDS, figure, strict=False)), "path": path})
    return found


FIELDS = ("cell", "text", "indicator", "breakdown", "code", "period", "value")


def verified(files: Sequence[Path], slug: str) -> tuple[int, list[str]]:
    """Return how many chosen figures hold, and a sentence for each that does not."""
    from django.db import connection

    from indicators.models import Release
    from indicators.releases.recognising import words
    from indicators.statistics.periods import parse_period

    release = Release.objects.filter(slug=slug).first()
    held, wrong = 0, []
    for figure in figures_of(files):
        where = f"{figure['path'].name} {figure['cell']}"
        period = parse_period(figure["period"])
        if not figure["cell"].startswith("rows "):
            there = cells(figure["path"], [figure["cell"]])[figure["cell"]]
        else:
            there = str(counted(files, figure["cell"]))
        if there != figure["text"]:
            wrong.append(f"{where}: the file has {there!r}, not {figure['text']!r}.")
            continue
        wanted = figure.get("value", number(there))
        with connection.cursor() as cursor:
            cursor.execute(
                FIGURE,
                [release.pk if release else None, figure["breakdown"],
                 period.start, period.end, figure["code"]],
            )  # fmt: skip
            names = {words.plain(name) for name in named(figure["indicator"])}
            rows = [row for row in cursor.fetchall() if words.plain(row[3]) in names]
        if len(rows) != 1:
            wrong.append(f"{where}: {len(rows)} observations of {figure['indicator']!r}.")
        elif wanted is None or rows[0][0] is None:
            held += wanted is rows[0][0]
            if wanted is not rows[0][0]:
                wrong.append(f"{where}: published is {rows[0][0]}, and {wanted} in the file.")
        elif not math.isclose(float(rows[0][0]), float(wanted), rel_tol=1e-7, abs_tol=1e-12):
            wrong.append(f"{where}: published is {rows[0][0]}, and {wanted} in the file.")
        else:
            held += 1
    return held, wrong


def named(name: str) -> list[str]:
    """Return what an indicator may be called: by its name, or for a nation whose own it is."""
    from indicators.releases.nations import NAMES

    return [name, *(f"{name} ({place})" for place in NAMES.values())]


def counted(files: Sequence[Path], asked: str) -> int:
    """Return how many records of some files hold what is asked: “rows H=E01011952 & J=Burglary”."""
    parts = [part.partition("=") for part in asked.removeprefix("rows ").split(" & ")]
    wanted = {column_of(letters): text for letters, _, text in parts}
    return sum(
        all(row.get(place, "") == text for place, text in wanted.items())
        for path in files
        for _, row in records(path)
    )


def number(text: str) -> float | None:
    """Return the number in a cell; None where it holds a marker or nothing."""
    try:
        return float(text.replace(",", "").rstrip("%"))
    except ValueError:
        return None


def told(found: dict[str, Any], slug: str) -> list[str]:
    """Return what was made, for whoever looks: indicators with units and examples of figures."""
    from django.db import connection

    lines = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.name, i.slug, i.unit, i.decimals, i.aggregation, count(*), "
            "array_agg(DISTINCT e.slug), min(p.start), max(p.end), "
            "min(s.quantiles[1]), max(s.quantiles[array_upper(s.quantiles, 1)]), "
            "array_agg(DISTINCT s.breakdown) "
            "FROM indicators_series s JOIN indicators_release r ON r.id = s.release_id "
            "JOIN indicators_indicator i ON i.id = s.indicator_id "
            "JOIN areas_edition e ON e.id = s.edition_id "
            "JOIN indicators_period p ON p.id = s.period_id "
            "WHERE r.slug = %s AND s.origin = 'published' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1",
            [slug],
        )
        for name, key, unit, decimals, rule, n, editions, start, end, low, high, some in cursor:
            lines.append(
                f"    {name} [{unit}, {decimals} dp, {rule}] {n} series {start}–{end} "
                f"{low}…{high} {editions} {some[:4]} ({key})"
            )
    for problem in found.get("problems", {}).get("by_code", []):
        lines.append(
            f"    {problem['kind']} {problem['code']} {problem['n']}: {problem['sentence']}"
        )
    return lines


def line(name: str, found: dict[str, Any]) -> str:
    """Return a row of the table."""
    seconds = found.get("seconds", {})
    problems = found.get("problems", {}).get("by_code", [])
    warnings = ", ".join(f"{p['code']} {p['n']:,}" for p in problems if p["kind"] == "warning")
    if found.get("status") != "published":
        said = f"not published: {found.get('error', '')}"
        took = f"{seconds.get('all', 0):.1f}"
        return f"| {name} | {found.get('layout') or ''} | | | | {said} | {took} | |"
    series = found["series"]
    shown = " + ".join(f"{seconds.get(step, 0):.1f}" for step in ("check", "stage", "publish"))
    made = f"{series['published']:,} + {series['added_up']:,}"
    layout = found["layout"] or ""
    return (
        f"| {name} | {layout} | {found['indicators']:,} | {made} | {found['observations']:,} "
        f"| {warnings} | {shown} | {found['held']} of {found['asked']} |"
    )


def write(kept: dict[str, dict[str, Any]], every: Sequence[str]) -> None:
    """Write the page of all that was tried."""
    done = [f for f in kept.values() if f.get("status") == "published"]
    total = (
        f"{len(done)} of {len(kept)} releases are public, with "
        f"{sum(f['observations'] for f in done):,} observations; "
        f"{sum(f['held'] for f in done):,} of {sum(f['asked'] for f in done):,} figures are those "
        "in the files.\n\n"
    )
    if left := sorted(set(every) - set(kept)):
        total += f"Not run through the database yet: {', '.join(left)}.\n\n"
    rows = "\n".join(line(name, kept[name]) for name in sorted(kept))
    TABLE.write_text(f"{INTRO}{total}{HEAD}\n{rows}\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="tried", description=__doc__)
    parser.add_argument("--data", type=Path, default=_database.ROOT.parent / "shared" / "data")
    parser.add_argument("--only", default="", help="a pattern that names of releases must fit")
    parser.add_argument("--left", action="store_true", help="what did not succeed before")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args(argv)
    if not args.data.is_dir():
        raise SystemExit(f"{args.data} is not there: say with --data where the shared pack is.")
    results = Path(os.environ["LEVELUP_HOME"]) / "tried.json"
    kept = json.loads(results.read_text()) if results.is_file() else {}
    template = kept_pack(args.data)
    from indicators.releases import known

    # Geography does not change here; each command reads it anew, which takes it five seconds.
    known.areas, known.members = cache(known.areas), once(known.members)
    _database.close()
    media = Path(tempfile.mkdtemp(prefix="levelup-tried-"))
    failed = 0
    try:
        with _database.copy_of(template, "bench_tried") as url:
            _database.switch(url)
            from django.conf import settings

            from indicators.models import Series

            settings.MEDIA_ROOT = media
            for name, files in releases(args.data / "releases", args.only):
                before = kept.get(name, {})
                if (
                    args.left
                    and before.get("status") == "published"
                    and (before["held"] == before["asked"])
                ):
                    continue
                found = publish(files)
                slug = found.get("release", "")
                found["held"], wrong = verified(files, slug)
                found["asked"] = len(figures_of(files))
                found["indicators"] = (
                    Series.objects.filter(release__slug=slug).values("indicator").distinct().count()
                )
                failed += bool(wrong) or found.get("status") != "published"
                mapping = found.pop("mapping", None)
                kept[name] = found
                say(line(name, found))
                for sentence in wrong:
                    say(f"    WRONG {sentence}")
                if args.show:
                    say("\n".join(told(found, slug)))
                    for ignored in (mapping or {}).get("tables", [])[:1]:
                        say(f"    ignored: {ignored['ignored']}")
                results.write_text(json.dumps(kept, ensure_ascii=False))
                if args.write:
                    write(kept, [one for one, _ in releases(args.data / "releases", "")])
    finally:
        shutil.rmtree(media, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
