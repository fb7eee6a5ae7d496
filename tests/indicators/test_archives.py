"""Figures that nobody sees any more go to an archive and come back as they were, or not at all."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from areas.models import Area
from indicators.insight import kept
from indicators.insight.live import InArchive
from indicators.insight.observations import Wanted, frames, select
from indicators.insight.profile import contents, profile, standpoint
from indicators.insight.stands_out import among_all
from indicators.models import AuditEntry, Bucket, LiveSeries, Release, Series
from indicators.releases import archive, housekeeping, keeping, pipeline, storage
from indicators.releases.publish import CannotPublish, publish, withdraw
from indicators.releases.stage import stage
from levelup_site import middleware
from tests.conftest import NOON, shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS

pytestmark = pytest.mark.django_db
SIXTEEN = [float(n) for n in range(1, 17)]
LATER = NOON + timedelta(days=100)


@pytest.fixture(autouse=True)
def media(settings, tmp_path) -> Path:
    """Files of this test alone."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return Path(settings.MEDIA_ROOT)


@pytest.fixture(params=[False, True], ids=["shared", "own"])
def partition(request, monkeypatch) -> bool:
    """Have releases share a partition, or each have its own."""
    if request.param:
        monkeypatch.setattr(storage, "OWN_BUCKET_ROWS", 1)
    return bool(request.param)


@pytest.fixture
def superseded(make_indicator, put_live, monkeypatch) -> Release:
    """A release with everything that a row can have, and one that took its place."""
    monkeypatch.setattr("indicators.statistics.aggregate.MINIMUM_COVERAGE", 0.7)
    monkeypatch.setattr(archive, "PIECE_BYTES", 100)  # Several pieces of each table.
    make_indicator()
    values: list[float | None] = [n / 7 for n in SIXTEEN]
    markers = ["", "p"] * 8
    values[3], markers[3] = None, "x"  # Three of Ashby's four: partly covered.
    values[15], markers[15] = None, "c"
    table = shares(values, markers=markers)
    first = put_live(
        table.with_columns(
            lower=pl.col("value") - 0.1, upper=pl.when(pl.col("value") > 1).then("value")
        )
    )
    put_live(shares([n + 1 for n in SIXTEEN]), "second")
    first.refresh_from_db()
    assert first.status == "superseded"
    return first


def every_row(release: Release) -> dict[str, list[Any]]:
    """Return every row that a release has in each table, as text, to the last digit."""
    found = {}
    for table, columns in archive.TABLES.items():
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {', '.join(f'{c}::text' for c in columns)} FROM {table} "
                "WHERE series_id = ANY(%s) ORDER BY 1, 2, 3",
                [archive.series_of(release)],
            )
            found[table] = cursor.fetchall()
    return found


def public() -> list[Any]:
    """Return all that is or was live, and every row of what is live now."""
    lives = list(LiveSeries.objects.order_by("pk").values_list("series_id", "live", "closed_by"))
    now = Release.objects.filter(status="published").order_by("pk")
    return [lives, [every_row(release) for release in now]]


def test_what_is_not_live_goes_whole_and_comes_back_as_it_was(partition, superseded, settings):
    settings.LEVELUP_KEEP_DAYS = 30
    before, live = every_row(superseded), public()
    assert all(before.values()), "every table has some, or the test shows nothing"
    cleared = housekeeping.housekeep(at=LATER)
    assert [one.release.slug for one in cleared.archived] == ["first"]
    assert not cleared.refused
    assert len(cleared.buckets) == int(partition)
    superseded.refresh_from_db()
    assert superseded.archived_at == LATER
    assert not any(every_row(superseded).values())
    assert public() == live
    folder = keeping.folder_of(superseded.pk) / "archive"
    for table, rows in before.items():
        file = pq.ParquetFile(folder / f"{table}.parquet")
        assert file.metadata.num_rows == len(rows)
        assert superseded.archive[f"{table}.parquet"]["rows"] == len(rows)
        assert file.num_row_groups > 1 or len(rows) < 10, "memory does not grow with rows"
    assert housekeeping.strays() == []

    out = StringIO()
    call_command("restore_release", str(superseded.pk), "--format=json", stdout=out)
    assert json.loads(out.getvalue())["rows"] == sum(map(len, before.values()))
    superseded.refresh_from_db()
    assert superseded.archived_at is None
    assert every_row(superseded) == before
    assert public() == live
    if partition:
        own = Bucket.objects.get(release=superseded)
        assert own.rows == len(before["indicators_observation"])
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_constraint WHERE conrelid = %s::regclass "
                "AND contype IN ('p', 'f')",
                [f"indicators_observation_b{own.pk}"],
            )
            assert cursor.fetchone() == (3,), "keys are as those of any partition"
    log = AuditEntry.objects.filter(release=superseded).order_by("pk")
    assert [entry.action for entry in log] == ["stage", "publish", "archive", "restore"]


def test_only_what_was_last_live_longer_ago_goes(make_indicator, put_live, clock, settings):
    make_indicator("share")
    make_indicator("other")
    put_live(pl.concat([shares(SIXTEEN), shares(SIXTEEN, indicator="other")]), "partly")
    withdrawn = put_live(shares([n + 1 for n in SIXTEEN]), "withdrawn")
    withdraw(release=withdrawn, by=None, at=clock())
    put_live(shares([n + 2 for n in SIXTEEN]), "replaced")
    put_live(shares([n + 3 for n in SIXTEEN]), "live")

    def gone(days: int, keep: int) -> list[str]:
        settings.LEVELUP_KEEP_DAYS = keep
        at = NOON + timedelta(days=days)
        return [one.release.slug for one in housekeeping.housekeep(at=at).archived]

    assert gone(1000, 0) == [], "rows are kept for ever unless something else is said"
    assert gone(29, 30) == []
    assert gone(31, 30) == ["withdrawn", "replaced"]
    assert gone(1000, 30) == [], "what is live in part stays whole"
    replaced = Release.objects.get(slug="replaced")
    back = NOON + timedelta(days=1000)
    archive.restore(release=replaced, by=None, at=back)
    assert gone(1029, 30) == [], "what was restored is kept for as long again"
    assert gone(1031, 30) == ["replaced"]


class Killed(BaseException):
    """What no code of ours catches, as if the process had ended."""


@pytest.mark.parametrize("step", ["write", "settle", "count", "take_rows_back", "audit"])
def test_killed_while_archiving_the_rows_are_here_and_it_is_done_again(
    partition, superseded, monkeypatch, step
):
    before = every_row(superseded)
    calls = 0

    def die(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == {"write": 3, "count": 2}.get(step, 1):
            raise Killed
        return kept_step(*args, **kwargs)

    with monkeypatch.context() as patch:
        kept_step = getattr(archive, step)
        patch.setattr(archive, step, die)
        with pytest.raises(Killed), transaction.atomic():
            list(archive.archive_due(at=LATER, days=30))
    assert every_row(superseded) == before
    superseded.refresh_from_db()
    assert superseded.archived_at is None
    assert [one.rows for one in archive.archive_due(at=LATER, days=30)] == [
        sum(map(len, before.values()))
    ]
    archive.restore(release=superseded, by=None, at=LATER)
    assert every_row(superseded) == before


@pytest.mark.parametrize("step", ["check", "empty_own", "reopen_bucket", "copy_frame", "audit"])
def test_killed_while_restoring_the_archive_is_whole_and_it_is_done_again(
    partition, superseded, monkeypatch, step
):
    before = every_row(superseded)
    list(archive.archive_due(at=LATER, days=30))

    def die(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(archive, step, die)
        with pytest.raises(Killed), transaction.atomic():
            archive.restore(release=superseded, by=None, at=LATER)
    superseded.refresh_from_db()
    assert superseded.archived_at == LATER
    assert not any(every_row(superseded).values())
    archive.restore(release=superseded, by=None, at=LATER)
    assert every_row(superseded) == before


def test_a_disk_that_is_full_leaves_the_rows_and_says_so(superseded, monkeypatch, settings):
    settings.LEVELUP_KEEP_DAYS = 1

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    before = every_row(superseded)
    monkeypatch.setattr(archive, "write", full)
    errors = StringIO()
    call_command("housekeep", stdout=StringIO(), stderr=errors)
    assert "“The first” was not archived, and its figures are all here still: No space left" in (
        errors.getvalue()
    )
    assert every_row(superseded) == before
    assert not (keeping.folder_of(superseded.pk) / "archive").exists()


@pytest.mark.parametrize("harm", ["changed", "gone", "of another"])
def test_an_archive_that_is_not_what_was_written_is_refused(superseded, harm):
    list(archive.archive_due(at=LATER, days=30))
    folder = keeping.folder_of(superseded.pk) / "archive"
    file = folder / "indicators_standing.parquet"
    if harm == "changed":
        whole = bytearray(file.read_bytes())
        whole[len(whole) // 2] ^= 1
        file.write_bytes(whole)
    elif harm == "gone":
        file.unlink()
    else:
        file.write_bytes((folder / "indicators_coverage.parquet").read_bytes())
    with pytest.raises(CommandError, match=r"archive is damaged \(indicators_standing.parquet"):
        call_command("restore_release", "first")
    superseded.refresh_from_db()
    assert superseded.archived_at is not None
    assert not any(every_row(superseded).values())


def test_what_is_not_archived_is_not_restored(superseded):
    with pytest.raises(CommandError, match="is not archived: its figures are here"):
        call_command("restore_release", "first")
    with pytest.raises(CommandError, match="There is no release “none”"):
        call_command("restore_release", "none")


def test_figures_that_are_archived_do_not_go_live_again_before_they_are_back(partition, superseded):
    second = Release.objects.get(slug="second")
    before = every_row(superseded)
    list(archive.archive_due(at=LATER, days=30))
    live = public()
    with pytest.raises(CannotPublish, match=r"manage\.py restore_release first") as refusal:
        pipeline.withdraw_release(release=second, by=None, at=LATER)
    assert "“The second” was not withdrawn: figures of “The first”" in str(refusal.value)
    assert public() == live
    archive.restore(release=superseded, by=None, at=LATER)
    pipeline.withdraw_release(release=second, by=None, at=LATER)
    superseded.refresh_from_db()
    assert superseded.status == "published"
    assert every_row(superseded) == before


def test_the_database_itself_keeps_what_is_live_out_of_archives(superseded):
    from django.db import IntegrityError

    with pytest.raises(IntegrityError, match="release_archived_is_not_live"):
        Release.objects.filter(slug="second").update(archived_at=LATER, archive={"a": 1})


# As at


def test_a_past_that_is_archived_is_said_and_never_nothing(superseded):
    ashby = Area.objects.get(code=COUNCILS[0])
    then = superseded.published_at

    def read_all() -> None:
        assert profile(ashby, at=then).figures[0].reading is not None
        among_all(standpoint(ashby), contents(then), then)
        assert sum(f.height for f in frames(select(Wanted(as_at=then)))) > 0

    read_all()
    reading = frames(select(Wanted(as_at=then)))
    list(archive.archive_due(at=LATER, days=30))
    said = r"moved to an archive: “The first” \(first, archived on 11 April 2026\)"
    with pytest.raises(InArchive, match=said):
        profile(ashby, at=then)
    with pytest.raises(InArchive, match=said):
        among_all(standpoint(ashby), contents(then), then)
    with pytest.raises(InArchive, match=said):
        select(Wanted(as_at=then))
    with pytest.raises(InArchive, match=said):
        list(reading)  # It was selected before, and is read after.
    assert profile(ashby).figures[0].reading is not None
    assert profile(ashby, at=then - timedelta(days=1)).figures == []
    archive.restore(release=superseded, by=None, at=LATER)
    read_all()


def as_it_stood(request: HttpRequest) -> HttpResponse:
    """Stand for a page of a place as it once stood."""
    profile(Area.objects.get(code=COUNCILS[0]), at=Release.objects.get(slug="first").published_at)
    return HttpResponse("as it stood")


urlpatterns = [path("as-it-stood/", as_it_stood)]


def test_a_page_of_an_archived_past_says_so(superseded, client):
    from levelup_site import urls

    urlpatterns[1:] = urls.urlpatterns
    with override_settings(ROOT_URLCONF=__name__):
        assert client.get("/as-it-stood/").status_code == 200
        list(archive.archive_due(at=LATER, days=30))
        reply = client.get("/as-it-stood/")
        assert reply.status_code == 410
        assert "<h1>These figures are archived</h1>" in reply.content.decode()
        assert "Ask whoever runs this site to restore them" in reply.content.decode()


class NotInATest:
    """Stand for a connection in no transaction yet, as a reader has and a test has not."""

    in_atomic_block = False

    @contextmanager
    def cursor(self):
        yield SimpleNamespace(execute=lambda query: None)


def test_a_page_read_at_one_moment_says_so_too(superseded, rf, monkeypatch):
    monkeypatch.setattr(middleware, "connection", NotInATest())
    page = middleware.OneMoment(lambda request: HttpResponse()).process_view
    as_it_stood.__module__ = "indicators.views.pages"
    request = rf.get("/as-it-stood/")
    reply = page(request, as_it_stood, (), {})
    assert reply is not None
    assert reply.content == b"as it stood"
    list(archive.archive_due(at=LATER, days=30))
    reply = page(request, as_it_stood, (), {})
    assert reply is not None
    assert reply.status_code == 410
    assert page(rf.post("/as-it-stood/"), as_it_stood, (), {}) is None


# Against a log

PLACES = (NEIGHBOURHOODS[0], NEIGHBOURHOODS[5], COUNCILS[0])
PERIODS = ("2021-03-21", "2022-03-21")
Log = dict[tuple[str, str], float]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sets(st.sampled_from(PERIODS), min_size=1), st.booleans()),
        st.tuples(st.just("correct"), st.integers(0, 5), st.booleans()),
        st.tuples(st.just("withdraw"), st.integers(0, 5), st.booleans()),
        st.tuples(st.just("archive"), st.just(0), st.just(False)),
        st.tuples(st.just("restore"), st.integers(0, 5), st.just(False)),
    ),
    min_size=3,
    max_size=8,
)


def replayed(public: list[tuple[int, frozenset[str], bool]]) -> Log:
    """Return what is live once releases were published in this order: (number, periods, complete).

    The value of a place in release n is what `table_of` gives it.
    """
    winner: dict[str, int] = {}
    for number, periods, complete in public:
        if complete:
            winner = {}
        winner |= dict.fromkeys(periods, number)
    at = {NEIGHBOURHOODS[0]: 1.0, NEIGHBOURHOODS[5]: 6.0, COUNCILS[0]: 2.5}
    return {(code, p): at[code] + number for p, number in winner.items() for code in PLACES}


def table_of(number: int, periods: frozenset[str]) -> pl.DataFrame:
    """Return a table of percentages of a hundred residents: 1, 2 … 16, each `number` more."""
    return pl.concat(shares([n + number for n in SIXTEEN], period=p) for p in sorted(periods))


def read_at(moment: Any) -> Log:
    """Return what the product says of some places as at a moment."""
    wanted = Wanted(areas=PLACES, as_at=moment)
    return {
        (row["code"], row["period"]): round(row["value"], 9)
        for frame in frames(select(wanted))
        for row in frame.iter_rows(named=True)
    }


def open_now() -> set[int]:
    """Return the ids of what is live now."""
    return set(
        LiveSeries.objects.filter(live__endswith__isnull=True).values_list("series_id", flat=True)
    )


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_as_at_any_moment_is_what_a_plain_log_says(make_indicator, make_release, clock, steps):
    """Releases are published, corrected, withdrawn, archived and restored in any order.

    As at each moment between is what was live by the log, or, where it is archived, is refused
    until it is restored. Withdrawing what was just published leaves what was there before.
    """
    with transaction.atomic():
        make_indicator()
        replay(steps, make_release, clock)
        transaction.set_rollback(True)
    for one in kept.every:
        one.clear()


def replay(steps: list[Any], make_release: Any, clock: Any) -> None:
    """Take the steps by the product and by the log, and compare the two at each moment."""
    releases: list[tuple[Release, frozenset[str], bool]] = []
    stack: list[int] = []  # Numbers of what was published and not taken back, in order.
    log: list[tuple[Any, Log]] = [(clock(), {})]
    undone: tuple[int, set[int]] | None = None
    for kind, what, flag in steps:
        before = open_now()
        if kind in {"publish", "correct"}:
            corrected = stack[what % len(stack)] if kind == "correct" and stack else None
            if kind == "correct" and corrected is None:
                continue
            number = len(releases)
            periods = frozenset(what) if corrected is None else releases[corrected][1]
            release = make_release(f"n{number}", complete=flag)
            stage(release=release, table=table_of(number, periods), at=clock())
            if corrected is None:
                publish(release=release, by=None, at=clock())
            else:
                of = releases[corrected][0]
                pipeline.correct(release=release, of=of, note="Wrong.", by=None, at=clock())
            releases.append((release, periods, flag))
            stack.append(number)
            undone = number, before
        elif kind == "withdraw" and stack:
            number = stack[-1] if flag else stack[what % len(stack)]
            try:
                withdraw(release=releases[number][0], by=None, at=clock())
            except CannotPublish as refusal:
                assert "manage.py restore_release" in str(refusal)
                assert open_now() == before
                continue
            stack.remove(number)
            if undone and undone[0] == number:
                assert open_now() == undone[1], "as if it had never been"
            undone = None
        elif kind == "archive":
            done = list(archive.archive_due(at=clock(), days=0))
            assert all(isinstance(one, archive.Archived) for one in done)
            assert open_now() == before
        elif kind == "restore":
            held = Release.objects.filter(archived_at__isnull=False).order_by("pk")
            if held:
                archive.restore(release=held[what % len(held)], by=None, at=clock())
            assert open_now() == before
        log.append((clock(), replayed([(n, *releases[n][1:]) for n in stack])))
        compare(log)
    for release in Release.objects.filter(archived_at__isnull=False):
        archive.restore(release=release, by=None, at=clock())
    assert {moment: read_at(moment) for moment, _ in log} == dict(log)


def compare(log: list[tuple[Any, Log]]) -> None:
    """Compare every moment with the log; one that is refused has something that is archived."""
    for moment, expected in log:
        try:
            found = read_at(moment)
        except InArchive:
            archived = Series.objects.filter(release__archived_at__isnull=False)
            assert LiveSeries.objects.filter(live__contains=moment, series__in=archived).exists()
        else:
            assert found == expected
