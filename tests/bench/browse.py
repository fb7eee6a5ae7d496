"""Are indicator, compare and parts pages, files and the API fast, whatever else is stored?

    python -m tests.bench.browse [--n 24] [--times 1 --times 10] [--map http://127.0.0.1:8000]

The geography is the demo's; figures are synthetic: 300 indicators live for authorities and wider
areas in two periods, 24 of them for every neighbourhood, larger neighbourhood and ward too. The
store of 10 times holds nine more generations of all of it (releases that were superseded, whose
rows are still there) and nine more editions of authorities, wards, larger neighbourhoods and
neighbourhoods with areas of their own, which join one another as ours do. So the answers are the
same, and only what is stored differs.

Requests go through every middleware (gzip too) in process, DEBUG off, no limit of requests. Each
store is asked in a process of its own, turn and turn about, since processes keep what never
changes. Where enough turns had the processor to themselves (the fixed work beside them took what
it takes at rest), targets are judged by those; all turns are reported beside. Addresses rotate:
each is asked `first` (nothing of it kept) and again (warm). Wherever a page is not there (404) that
is said, and no target is judged.

--map measures what a browser fetches for the map of all neighbourhoods, from a site that runs with
the demo: the first view, and the change to another figure.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tests.bench import _database
from tests.bench._figures import (
    AT_REST,
    FEWEST_CALM,
    Figure,
    Seconds,
    calibration,
    in_turns,
    quantiles,
    save,
    say,
    show,
    timed,
    undisturbed,
    verdict,
)
from tests.bench.reads import OBSERVATION, STANDING, binary_copy, packed

if TYPE_CHECKING:
    from django.test import Client

    from areas.models import Edition
    from indicators.models import Indicator, Period, Release

INDICATORS, DATASETS, DEEP = 300, 30, 24
SMALL = ("lsoa-2011", "msoa-2011", "ward-2025")
MULTIPLIED = (*SMALL, "authority-2025")
GENERATIONS_A_BUCKET = 4
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS = 2
PROFILE = "profile at 300 indicators"
# The median, in milliseconds, of each part; in the order of `parts`.
MOST_MS = {
    "indicator page": 80,
    "indicator page, 42,619 neighbourhoods": 80,
    "compare 10 areas by 50 indicators": 80,
    "parts table, 639 rows by 20 indicators": 150,
    "series of 42,619 as CSV": 250,
    "series of 42,619 as Parquet": 150,
    "API series of 42,619 as CSV": 250,
    "API series of 42,619 as Parquet": 150,
    PROFILE: 60,
}
MOST_QUERIES = 25
FIRST_VIEW, SWITCH = 1_000_000, 150_000
Floats = NDArray[np.float64]


# --- filling -------------------------------------------------------------------------------------


@dataclass
class Store:
    """What is put into a database: who is in each edition, and the figures of a generation."""

    editions: dict[str, Edition]
    members: dict[str, NDArray[np.int64]]
    indicators: list[Indicator]
    periods: list[Period]
    uk: int

    def covered(self, at: int) -> Iterator[tuple[str, int]]:
        """Yield (edition, period's position) of each series of the indicator at position `at`."""
        for slug in self.members:
            if slug in SMALL:
                if at < DEEP:
                    yield slug, len(self.periods) - 1
            else:
                for period in range(len(self.periods)):
                    yield slug, period


def fill(times: int) -> None:
    """Fill the database that Django is on with `times` generations, the last of them live."""
    from django.db import connection, transaction

    from areas.hierarchy import member_ids
    from areas.models import Area, Edition
    from indicators.models import Dataset, DataVersion, Indicator, Licence, Period, Theme

    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM indicators_bucket")
        for (pk,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE indicators_observation_b{pk}, indicators_standing_b{pk}")
        cursor.execute("TRUNCATE indicators_release, indicators_indicator CASCADE")
    editions = {e.slug: e for e in Edition.objects.select_related("area_type")}
    uk = Area.objects.get(code="K02000001")
    themes, licence = list(Theme.objects.all()), Licence.objects.all()[0]
    indicators = Indicator.objects.bulk_create(
        Indicator(
            slug=f"bench-{i}",
            name=f"Bench {i}",
            short_name=f"Bench {i}",
            theme=themes[i % len(themes)],
            definition="A synthetic figure for measuring pages.",
            unit="%",
            polarity="lower",
            aggregation="none",
            scope=uk,
        )
        for i in range(INDICATORS)
    )
    periods = Period.objects.bulk_create(
        Period(start=date(y, 1, 1), end=date(y, 12, 31), kind="calendar-year", label=str(y))
        for y in (2031, 2032)
    )
    datasets = Dataset.objects.bulk_create(
        Dataset(slug=f"bench-{d}", name=f"Bench {d}", publisher="Bench", licence=licence)
        for d in range(DATASETS)
    )
    store = Store(
        editions, {s: member_ids(e) for s, e in editions.items()}, indicators, periods, uk.pk
    )
    generations = list(range(times - 1, -1, -1))
    for start in range(0, times, GENERATIONS_A_BUCKET):
        with transaction.atomic():
            fill_bucket(store, datasets, generations[start : start + GENERATIONS_A_BUCKET])
    with transaction.atomic():
        for copy in range(1, times):
            copy_editions(copy)
    DataVersion.objects.update(version=times)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def fill_bucket(store: Store, datasets: Sequence[Any], generations: Sequence[int]) -> None:
    """Write generations into a bucket of their own; 0 is live, others were superseded by the next.

    The product loads shared buckets attached; this ends in the same form, sooner.
    """
    from indicators.models import Bucket, Release
    from indicators.releases.storage import OBSERVATION as ROWS
    from indicators.releases.storage import STANDING as RANKS
    from indicators.releases.storage import OpenBucket

    written: list[tuple[int, dict[tuple[int, str, int], int]]] = []
    bucket: OpenBucket | None = None
    for generation in generations:
        releases = Release.objects.bulk_create(
            Release(
                dataset=dataset,
                slug=f"{dataset.slug}-{generation}",
                name=f"{dataset.name}, issue {generation}",
                licence=dataset.licence,
                received_at=NOW,
                published_at=NOW - timedelta(days=30 * generation),
                publisher_date=NOW.date() - timedelta(days=30 * generation),
                status=Release.Status.SUPERSEDED if generation else Release.Status.PUBLISHED,
            )
            for dataset in datasets
        )
        if bucket is None:
            record = Bucket.objects.create(shared=False, release=releases[0], rows=0)
            bucket = OpenBucket(record, attached=False)
        written.append((generation, write_series(store, releases, bucket, generation)))
    if bucket is None:
        return
    for table, kind in ((ROWS, "rows"), (RANKS, "ranks")):
        with binary_copy(f"{table}_b{bucket.record.pk}", fresh=True) as write:
            for generation, ids in written:
                for block in blocks(store, ids, generation, kind):
                    write(block)
    bucket.attach()
    Bucket.objects.filter(pk=bucket.record.pk).update(shared=True, release=None, rows=7_000_000)


def figures(store: Store, at: int, slug: str, period: int, generation: int) -> Floats:
    """Return the values of one series by ordinal, 2% missing; the same however often asked."""
    n = len(store.members[slug])
    rng = np.random.default_rng([at, len(slug), n, period, generation])
    values: Floats = np.round(np.clip(rng.normal(30, 9, n), 0, 100), 4).astype(np.float64)
    if n > 20:
        values[rng.random(n) < 0.02] = np.nan
    return values


def write_series(
    store: Store, releases: Sequence[Release], bucket: Any, generation: int
) -> dict[tuple[int, str, int], int]:
    """Insert series, when each was live, and packed arrays; return the ids given."""
    from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

    from indicators.models import LiveSeries, Series
    from indicators.statistics.classes import summarise

    keys = [(i, s, p) for i in range(INDICATORS) for s, p in store.covered(i)]
    ids = dict(zip(keys, bucket.give_ids(len(keys)), strict=True))
    until = None if not generation else NOW - timedelta(days=30 * (generation - 1))
    span = DateTimeTZRange(NOW - timedelta(days=30 * generation), until)
    series, lives = [], []
    with binary_copy("indicators_packedarray_draft", fresh=False) as write:
        for key, pk in ids.items():
            at, slug, period = key
            values = figures(store, *key, generation)
            summary = summarise(values, 1)
            indicator, edition = store.indicators[at], store.editions[slug]
            missing = {"x": len(values) - summary.n_values}
            series.append(
                Series(
                    id=pk,
                    release=releases[at % DATASETS],
                    indicator=indicator,
                    edition=edition,
                    period=store.periods[period],
                    n_members=len(values),
                    missing={k: v for k, v in missing.items() if v},
                    **summary._asdict(),
                )
            )
            lives.append(
                LiveSeries(
                    indicator=indicator,
                    edition=edition,
                    period=store.periods[period],
                    series_id=pk,
                    live=span,
                    closed_by=releases[at % DATASETS] if generation else None,
                )
            )
            body = values.astype("<f8").tobytes()
            marks = np.where(np.isnan(values), 2, 0).astype(np.int8).tobytes()
            sizes = [n.to_bytes(4, "big") for n in (4, pk, len(body), len(marks))]
            write(b"\0\x03" + sizes[0] + sizes[1] + sizes[2] + body + sizes[3] + marks)
    Series.objects.bulk_create(series, batch_size=2000)
    move_drafts()
    LiveSeries.objects.bulk_create(lives, batch_size=2000)
    return ids


def move_drafts() -> None:
    """Move packed arrays to their table, now that their series are there."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO indicators_packedarray (series_id, "values", markers) '
            "SELECT * FROM indicators_packedarray_draft"
        )
        cursor.execute("TRUNCATE indicators_packedarray_draft")


def blocks(
    store: Store, ids: dict[tuple[int, str, int], int], generation: int, kind: str
) -> Iterator[bytes]:
    """Yield binary rows of a generation by area and then by series, as staging lays them down."""
    from indicators.statistics.rank import standings

    for slug, members in store.members.items():
        mine = [(pk, key) for key, pk in ids.items() if key[1] == slug]
        series = np.array([pk for pk, _ in mine])
        values = np.array([figures(store, *key, generation) for _, key in mine])
        if kind == "ranks":
            group = np.zeros(len(members), dtype=np.int64)
            ranked = [standings(row, group) for row in values]
            rank, tied, out_of = (
                np.array([getattr(r, name) for r in ranked]) for name in ("rank", "tied", "out_of")
            )
        step = max(1, 400_000 // len(series))
        for start in range(0, len(members), step):
            part = slice(start, start + step)
            areas = np.repeat(members[part], len(series))
            of_series = np.tile(series, len(members[part]))
            if kind == "rows":
                yield observation_block(of_series, areas, values[:, part].T.ravel())
                continue
            keep = rank[:, part].T.ravel() > 0
            columns = {
                "series_id": of_series[keep],
                "area_id": areas[keep],
                "group_area_id": np.full(int(keep.sum()), store.uk),
                "rank": rank[:, part].T.ravel()[keep],
                "tied": tied[:, part].T.ravel()[keep],
                "out_of": out_of[:, part].T.ravel()[keep],
            }
            if keep.any():
                yield packed(STANDING, columns)


def observation_block(series: NDArray[Any], areas: NDArray[Any], values: Floats) -> bytes:
    """Return observations: a value, or the marker x."""
    missing = np.isnan(values)
    nothing = np.ma.array(np.zeros(len(values)), mask=np.ones(len(values), bool))
    columns: dict[str, Any] = {name: nothing for name, _ in OBSERVATION}
    columns |= {
        "series_id": series,
        "area_id": areas,
        "value": np.ma.array(values, mask=missing),
        "marker": np.ma.array(np.full(len(values), 2), mask=~missing),
    }
    return packed(OBSERVATION, columns)


def copy_editions(copy: int) -> None:
    """Add one more edition of each small kind, with areas of its own, nested as ours are."""
    from django.db import connection

    slugs = list(MULTIPLIED)
    with connection.cursor() as cursor:
        for statement in (
            "INSERT INTO areas_area (code, name, area_type_id, valid_from, valid_to) "
            "SELECT DISTINCT 'X' || {copy} || a.code, a.name, a.area_type_id, date '2000-01-01', "
            "date '2010-01-01' FROM areas_area a JOIN areas_member m ON m.area_id = a.id "
            "JOIN areas_edition e ON e.id = m.edition_id WHERE e.slug = ANY(%s)",
            "INSERT INTO areas_edition (slug, name, area_type_id, date) "
            "SELECT slug || '-x{copy}', name || ', copy {copy}', area_type_id, "
            "date - {copy} * 400 FROM areas_edition WHERE slug = ANY(%s)",
            "INSERT INTO areas_member (edition_id, area_id, ordinal) "
            "SELECT n.id, x.id, m.ordinal FROM areas_member m "
            "JOIN areas_edition e ON e.id = m.edition_id AND e.slug = ANY(%s) "
            "JOIN areas_edition n ON n.slug = e.slug || '-x{copy}' "
            "JOIN areas_area a ON a.id = m.area_id "
            "JOIN areas_area x ON x.code = 'X' || {copy} || a.code",
            "INSERT INTO areas_overlapset (slug, from_edition_id, to_edition_id, kind, "
            "weight_source) SELECT left(s.slug, 60) || '-x{copy}', f2.id, t2.id, s.kind, 'Copied' "
            "FROM areas_overlapset s "
            "JOIN areas_edition f ON f.id = s.from_edition_id AND f.slug = ANY(%s) "
            "JOIN areas_edition t ON t.id = s.to_edition_id "
            "JOIN areas_edition f2 ON f2.slug = f.slug || '-x{copy}' "
            "JOIN areas_edition t2 ON t2.slug = t.slug || '-x{copy}'",
            "INSERT INTO areas_areaoverlap (overlap_set_id, from_area_id, to_area_id, weight) "
            "SELECT n.id, x.id, y.id, o.weight FROM areas_areaoverlap o "
            "JOIN areas_overlapset s ON s.id = o.overlap_set_id "
            "JOIN areas_edition e ON e.id = s.from_edition_id AND e.slug = ANY(%s) "
            "JOIN areas_overlapset n ON n.slug = left(s.slug, 60) || '-x{copy}' "
            "JOIN areas_area a ON a.id = o.from_area_id "
            "JOIN areas_area x ON x.code = 'X' || {copy} || a.code "
            "JOIN areas_area b ON b.id = o.to_area_id "
            "JOIN areas_area y ON y.code = 'X' || {copy} || b.code",
        ):
            cursor.execute(statement.replace("{copy}", str(copy)), (slugs,))


# --- asking --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """Something that is measured, and its addresses in turn."""

    name: str
    paths: list[str]


def parts(n: int) -> list[Part]:
    """Return what is asked of a store, `n` addresses of each."""
    from areas.models import Area
    from indicators.models import LiveSeries

    deep = [f"bench-{i % DEEP}" for i in range(n)]
    wide = [f"bench-{DEEP + i}" for i in range(n)]
    councils = list(
        Area.objects.filter(area_type="authority", valid_to=None, code__startswith="E0")
        .order_by("code")
        .values_list("code", flat=True)
    )
    series = dict(
        LiveSeries.objects.filter(
            edition__slug="lsoa-2011", live__endswith__isnull=True
        ).values_list("indicator__slug", "series_id")
    )

    def compare(k: int) -> str:
        chosen = [councils[(k * 11 + j * 29) % len(councils)] for j in range(10)]
        shown = [f"bench-{(k * 7 + j) % INDICATORS}" for j in range(50)]
        return f"/compare/?areas={','.join(chosen)}&show={','.join(shown)}"

    def table(k: int) -> str:
        shown = ",".join(f"bench-{(k + j) % DEEP}" for j in range(20))
        return f"/areas/E08000025/parts/?level=lsoa-2011&show={shown}&sort=-bench-{k % DEEP}"

    paths = (
        [f"/indicators/{s}/" for s in wide],
        [f"/indicators/{s}/?level=lsoa-2011" for s in deep],
        [compare(k) for k in range(n)],
        [table(k) for k in range(n)],
        [f"/indicators/{s}/table.csv?level=lsoa-2011" for s in deep],
        [f"/indicators/{s}/table.parquet?level=lsoa-2011" for s in deep],
        [f"/api/v1/series/{series[s]}/observations.csv" for s in deep],
        [f"/api/v1/series/{series[s]}/observations.parquet" for s in deep],
        [f"/areas/{councils[k * 13 % len(councils)]}/" for k in range(n)],
    )
    return [Part(name, mine) for name, mine in zip(MOST_MS, paths, strict=True)]


@cache
def client() -> Client:
    """Return the one that asks. A site sets its middleware up once, and so does this."""
    from django.test import Client

    return Client(headers={"accept-encoding": "gzip"})


def ask(path: str) -> bytes:
    """Return the whole body, gzipped where that is done. Raises LookupError when it is not 200."""
    response = client().get(path)
    if response.status_code != 200:
        raise LookupError(f"{path} answered {response.status_code}")
    if response.streaming:
        return b"".join(response)
    return bytes(response.content)


def queries(path: str) -> int:
    """Return how many queries an address costs."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as found:
        ask(path)
    return len(found)


def measure(n: int) -> list[dict[str, Any]]:
    """Return, for each part, seconds first and warm, queries and bytes; or why it is not there."""
    found: list[dict[str, Any]] = []
    for part in parts(n):
        try:
            ask(part.paths[-1])  # What every page shares is read here, and not counted.
        except LookupError as error:
            found.append({"name": part.name, "skipped": str(error)})
            continue
        works: list[Callable[[], object]] = [partial(ask, path) for path in part.paths]
        fixed: list[Callable[[], object]] = [calibration] * n
        first = [timed(work) for work in works[:-1]]
        turns = in_turns({"page": works, "calibration": fixed})
        found.append(
            {
                "name": part.name,
                "first": first,
                "warm": turns["page"],
                "calibration": turns["calibration"],
                "queries": max(queries(path) for path in part.paths[:3]),
                "bytes": max(len(ask(path)) for path in part.paths[:3]),
            }
        )
    return found


def in_a_process(url: str, n: int) -> list[dict[str, Any]]:
    """Return `measure` of the store in the database of `url`, in a new process."""
    with tempfile.NamedTemporaryFile(suffix=".json") as answer:
        command = [sys.executable, "-m", "tests.bench.browse", "--n", str(n), "--ask", answer.name]
        environ = os.environ | {"LEVELUP_BENCH_STORE": url, "LEVELUP_API_RATE": ""}
        subprocess.run(command, check=True, cwd=_database.ROOT, env=environ)
        found: list[dict[str, Any]] = json.loads(Path(answer.name).read_text())
        return found


def compared(stores: dict[int, str], n: int) -> list[Figure]:
    """Return the figures of every store, the first being the baseline of the others."""
    rounds: dict[int, list[list[dict[str, Any]]]] = {times: [] for times in stores}
    for turn in range(ROUNDS):
        for times, url in stores.items():
            say(f"Round {turn + 1}: {times} times")
            rounds[times].append(in_a_process(url, n))
    base = min(stores)
    at_rest = float(
        np.quantile(
            [
                s
                for runs in rounds.values()
                for r in runs
                for m in r
                for s in m.get("calibration", [])
            ],
            AT_REST,
        )
    )
    found: list[Figure] = []
    verdicts: list[Figure] = []
    say(f"The fixed work takes {at_rest * 1000:.1f} ms at rest")
    for at, one in enumerate(rounds[base][0]):
        name = one["name"]
        if "skipped" in one:
            found.append({"measure": name, "skipped": one["skipped"]})
            continue
        by_times: dict[int, Figure] = {}
        for times, several in rounds.items():
            together = [measured[at] for measured in several]

            def joined(key: str, of: list[dict[str, Any]] = together) -> Seconds:
                return [second for m in of for second in m[key]]

            calm = [s for m in together for s in undisturbed(m["warm"], m["calibration"], at_rest)]
            by_times[times] = {
                "measure": name,
                "stored": f"{times} times",
                "state": "warm",
                **quantiles(joined("warm")),
                "undisturbed_n": len(calm),
                "undisturbed_p50_ms": quantiles(calm)["p50_ms"] if calm else None,
                "first_p50_ms": quantiles(joined("first"))["p50_ms"],
                "calibration_p50_ms": quantiles(joined("calibration"))["p50_ms"],
                "queries": max(m["queries"] for m in together),
                "bytes": max(m["bytes"] for m in together),
            }
            by_times[times]["ratio"] = round(
                by_times[times]["p50_ms"] / by_times[base]["p50_ms"], 2
            )
            enough = len(calm) >= FEWEST_CALM
            verdicts.append(
                verdict(
                    f"p50 of {name}, {times} times stored{', undisturbed' if enough else ''}",
                    by_times[times]["undisturbed_p50_ms" if enough else "p50_ms"],
                    MOST_MS[name],
                    "ms",
                )
            )
            if name == PROFILE:
                count = by_times[times]["queries"]
                verdicts.append(verdict(f"queries of {name}, {times} times", count, MOST_QUERIES))
            if times != base:
                more = by_times[times]["queries"] - by_times[base]["queries"]
                verdicts.append(verdict(f"queries more of {name}, {times} times", abs(more), 0))
        found += by_times.values()
        show(list(by_times.values()))
    return found + verdicts


# --- the map -------------------------------------------------------------------------------------


def map_bytes(site: str) -> list[Figure]:
    """Return what a browser fetches for the map of all neighbourhoods of a running demo."""
    from playwright.sync_api import sync_playwright

    from tests.site.conftest import ARGUMENTS, CHROMIUM

    slugs = ("household-size", "population-density")
    first, second = (f"/indicators/{slug}/?level=lsoa-2011" for slug in slugs)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        asked: dict[str, str] = {}
        fetched: list[tuple[str, int]] = []
        network.on(
            "Network.requestWillBeSent",
            lambda e: asked.update({e["requestId"]: e["request"]["url"]}),
        )
        network.on(
            "Network.loadingFinished",
            lambda e: fetched.append((asked[e["requestId"]], int(e["encodedDataLength"]))),
        )
        figures: list[Figure] = []
        for name, path in (("first view", first), ("change of figure", second)):
            fetched.clear()
            response = page.goto(site + path)
            if response is None or response.status != 200:
                status = response.status if response else "nothing"
                figures.append({"measure": f"map, {name}", "skipped": f"{path}: {status}"})
                continue
            page.locator("[data-map].has-map:not([aria-busy])").wait_for()
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(1500)
            total = sum(size for _, size in fetched)
            tiles = sum(size for url, size in fetched if "/tiles/" in url)
            values = sum(size for url, size in fetched if "/map/" in url)
            figures.append(
                {"measure": f"map, {name}", "bytes": total, "tiles": tiles, "values": values}
            )
        browser.close()
    show(figures)
    most = {"map, first view": FIRST_VIEW, "map, change of figure": SWITCH}
    return figures + [
        verdict(f"bytes of {f['measure']}", f["bytes"], most[f["measure"]], "bytes")
        for f in figures
        if "bytes" in f
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="browse", description=__doc__)
    parser.add_argument("--n", type=int, default=24, help="addresses of each page")
    parser.add_argument("--times", type=int, action="append", help="stores; the least is the base")
    parser.add_argument(
        "--map", default="", metavar="SITE", help="a site with the demo, to look at"
    )
    parser.add_argument("--ask", default="", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.ask:
        _database.use(os.environ["LEVELUP_BENCH_STORE"])
        Path(args.ask).write_text(json.dumps(measure(args.n)))
        return 0
    template = _database.kept_demo()
    _database.close()
    figures: list[Figure] = []
    with contextlib.ExitStack() as stack:
        stores: dict[int, str] = {}
        for times in sorted(args.times or [1, 10]):
            url = stack.enter_context(_database.copy_of(template, f"bench_browse_{times}"))
            _database.switch(url)
            with _database.connect(url) as plain:
                plain.execute(
                    "CREATE UNLOGGED TABLE indicators_packedarray_draft "
                    "(series_id int, v bytea, m bytea)"
                )
            seconds = timed(partial(fill, times))
            _database.close()
            with _database.connect(url) as plain:
                plain.execute("DROP TABLE indicators_packedarray_draft")
                held = plain.execute(
                    "SELECT (SELECT count(*) FROM indicators_observation), "
                    "(SELECT count(*) FROM areas_area), (SELECT count(*) FROM areas_edition), "
                    "(SELECT count(*) FROM indicators_release)"
                ).fetchone()
            if held is None:
                raise RuntimeError("The store cannot be counted.")
            names = ("observations", "areas", "editions", "releases")
            size = dict(zip(names, held, strict=True))
            figures.append({"measure": f"store, {times} times", **size})
            show(figures[-1:])
            say(f"Filled in {seconds:.0f} s")
            stores[times] = url
        figures += compared(stores, args.n)
    if args.map:
        figures += map_bytes(args.map.rstrip("/"))
    save("browse", figures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
