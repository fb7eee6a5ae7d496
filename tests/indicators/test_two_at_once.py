"""Two workers at once, each with a connection of its own: what one commits, the other sees."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from psycopg import sql

from areas.models import Area
from indicators.insight.live import arrays
from indicators.models import Bucket, Dataset, Indicator, Licence, LiveSeries, Release, Theme
from indicators.releases import keeping, pipeline
from indicators.releases.housekeeping import housekeep
from indicators.releases.publish import CannotPublish, publish, withdraw
from indicators.releases.stage import StagingError, stage
from indicators.releases.storage import KEYS
from tests.conftest import shares

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIXTEEN: list[float | None] = [float(n) for n in range(1, 17)]
# What these tests commit; all that hangs from it goes with it, and nothing else is in them.
MADE = (
    "indicators_licence", "indicators_theme", "indicators_indicator", "indicators_dataset",
    "indicators_period", "indicators_release", "indicators_bucket",
)  # fmt: skip


@pytest.fixture
def committed(
    django_db_setup: None, django_db_blocker: Any, settings: Any, tmp_path: Path
) -> Iterator[Dataset]:
    """A dataset and an indicator that every connection sees; taken away in the end."""
    settings.MEDIA_ROOT = tmp_path / "media"
    with django_db_blocker.unblock():
        licence = Licence.objects.create(slug="open", name="Open licence")
        Indicator.objects.create(
            slug="share",
            name="Share",
            short_name="Share",
            definition="A share.",
            multiplier=100.0,
            aggregation="ratio",
            theme=Theme.objects.create(slug="people", name="People"),
            scope=Area.objects.get(code="K02000001"),
        )
        try:
            yield Dataset.objects.create(
                slug="census", name="Census", publisher="Tests", licence=licence
            )
        finally:
            with connection.cursor() as cursor:
                for pk in Bucket.objects.values_list("pk", flat=True):
                    for parent in KEYS:
                        cursor.execute(
                            sql.SQL("DROP TABLE {}").format(sql.Identifier(f"{parent}_b{pk}"))
                        )
                cursor.execute(
                    sql.SQL("TRUNCATE {} CASCADE").format(
                        sql.SQL(", ").join(map(sql.Identifier, MADE))
                    )
                )
            connection.close()


def at_once(*works: Callable[[], None]) -> list[BaseException | None]:
    """Do all of it at the same time, and return what each raised."""
    gate = threading.Barrier(len(works))
    raised: list[BaseException | None] = [None] * len(works)

    def do(n: int, work: Callable[[], None]) -> None:
        gate.wait()
        try:
            work()
        except Exception as error:
            raised[n] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=do, args=(n, w)) for n, w in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return raised


def received(dataset: Dataset, slug: str) -> Release:
    return Release.objects.create(
        dataset=dataset, slug=slug, name=slug, licence=dataset.licence, received_at=NOW
    )


def live() -> list[float | None]:
    row = LiveSeries.objects.get(edition__slug="lsoa", live__endswith__isnull=True)
    return [float(v) for v in arrays([row.series_id])[row.series_id][0]]


def test_one_release_is_staged_once_by_two_who_try(committed: Dataset) -> None:
    release = received(committed, "one")

    def work() -> None:
        stage(release=Release.objects.get(pk=release.pk), table=shares(SIXTEEN), at=NOW)

    raised = [error for error in at_once(work, work) if error]
    assert [type(error) for error in raised] == [StagingError]
    assert "already staged" in str(raised[0])


def test_one_release_is_published_once_and_two_of_them_one_after_the_other(
    committed: Dataset,
) -> None:
    first, second = received(committed, "a"), received(committed, "b")
    stage(release=first, table=shares(SIXTEEN), at=NOW)
    stage(release=second, table=shares(SIXTEEN[::-1]), at=NOW)

    def work(release: Release, minutes: int) -> Callable[[], None]:
        return lambda: publish(release=release, by=None, at=NOW + timedelta(minutes=minutes))

    raised = [e for e in at_once(work(first, 1), work(first, 1)) if e]
    assert [type(error) for error in raised] == [CannotPublish]
    assert live() == pytest.approx(SIXTEEN)
    assert at_once(work(second, 2)) == [None]
    assert live() == pytest.approx(SIXTEEN[::-1])
    assert set(Release.objects.values_list("slug", "status")) == {
        ("a", "superseded"),
        ("b", "published"),
    }


def test_two_corrections_and_a_withdrawal_at_once_never_wait_in_a_ring(committed: Dataset) -> None:
    first, second, third = (received(committed, slug) for slug in "abc")
    for n, release in enumerate((first, second, third)):
        stage(release=release, table=shares([float(v + n) for v in range(1, 17)]), at=NOW)
    publish(release=first, by=None, at=NOW)
    later = NOW + timedelta(minutes=1)

    def correct(release: Release, minutes: int) -> Callable[[], None]:
        at = later + timedelta(minutes=minutes)
        return lambda: pipeline.correct(release=release, of=first, note="x", by=None, at=at)

    raised = at_once(
        correct(second, 1),
        correct(third, 1),
        lambda: pipeline.withdraw_release(release=first, by=None, at=later),
    )
    # Whoever came too late is told so in a sentence; nobody is killed by Postgres.
    assert all(e is None or isinstance(e, CannotPublish) for e in raised), raised
    assert LiveSeries.objects.filter(edition__slug="lsoa", live__endswith__isnull=True).count() <= 1


def test_the_same_file_given_twice_at_once_is_one_release(
    committed: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "figures.csv"
    shares(SIXTEEN).write_csv(path)

    def give() -> None:
        pipeline.receive(paths=[path], by=None, at=NOW, dataset=committed)

    assert at_once(give, give, give) == [None] * 3
    assert Release.objects.count() == 1


def test_housekeeping_leaves_what_is_kept_and_not_recorded_yet(
    committed: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "figures.csv"
    shares(SIXTEEN).write_csv(path)
    stray = keeping.files() / ("0" * 64)
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"left")
    real = pipeline.same_files

    def tidy() -> None:
        housekeep(at=timezone.now() + timedelta(days=2), older_than=timedelta(0))

    def after_tidying(*arguments: Any) -> Release | None:
        assert at_once(tidy) == [None]
        return real(*arguments)

    monkeypatch.setattr(pipeline, "same_files", after_tidying)
    release = pipeline.receive(paths=[path], by=None, at=NOW, dataset=committed)
    assert keeping.kept_at(release.files.get().sha256).is_file()
    assert stray.exists()
    assert at_once(tidy) == [None]
    assert keeping.kept_at(release.files.get().sha256).is_file()
    assert not stray.exists()


def test_a_release_in_hand_is_left_to_whoever_has_it(committed: Dataset) -> None:
    release = received(committed, "one")
    Release.objects.filter(pk=release.pk).update(todo="stage")
    with pipeline.in_hand(release.pk) as alone:
        assert alone
        assert at_once(lambda: pipeline.work_on(release.pk)) == [None]
        release.refresh_from_db()
        assert release.todo == "stage"
    pipeline.work_on(release.pk)
    release.refresh_from_db()
    assert (release.todo, bool(release.failure)) == ("", True)


PLACE, PAIR = "/areas/E01000901/", "/compare/?areas=E01000901,E01000902"
# What is read, and what a process has kept part of its answer of.
READ = (
    (PLACE, ""),
    (PLACE, PAIR),
    (PLACE, "/indicators/share/"),
    (PLACE, "/areas/E01000902/figures.csv"),
    (PAIR, ""),
    (PAIR, "/indicators/share/"),
    ("/api/v1/observations?area=E01000901", ""),
)


def test_a_reader_who_is_overtaken_by_a_publication_sees_all_of_it_or_nothing(
    committed: Dataset,
) -> None:
    """Publish, or withdraw, after each statement of each request in turn."""
    share = Indicator.objects.get(slug="share")
    pay = Indicator.objects.get(slug="share")
    pay.pk, pay.slug, pay.name, pay.short_name = None, "pay", "Pay", "Pay"
    Indicator.objects.bulk_create([pay])
    assert share.pk != pay.pk
    first, second = received(committed, "a"), received(committed, "b")
    for release, values in ((first, SIXTEEN), (second, SIXTEEN[::-1])):
        both = [shares(values, indicator=slug) for slug in ("share", "pay")]
        stage(release=release, table=pl.concat(both), at=NOW)
    publish(release=first, by=None, at=NOW)
    minutes, public = iter(range(1, 10_000)), False

    def turn() -> None:
        nonlocal public
        at, public = NOW + timedelta(minutes=next(minutes)), not public
        if public:
            Release.objects.filter(pk=second.pk).update(status="staged", withdrawn_at=None)
            publish(release=second, by=None, at=at)
        else:
            withdraw(release=second, by=None, at=at)

    def read(path: str, other: ThreadPoolExecutor, after: int = -1) -> tuple[str, int]:
        done = 0

        def overtake(execute: Any, *arguments: Any) -> Any:
            nonlocal done
            found = execute(*arguments)
            done += 1
            if done == after:
                other.submit(turn).result()
            return found

        with connection.execute_wrapper(overtake):
            reply = Client().get(path)
            text = reply.getvalue().decode()
        assert reply.status_code == 200, path
        return steady(text), done

    with ThreadPoolExecutor(1) as other:
        for path, kept_before in READ:
            texts = [read(path, other)[0]]
            other.submit(turn).result()
            texts.append(read(path, other)[0])
            assert texts[0] != texts[1], path
            after, done = 0, 1
            while done > after:
                after += 1
                if kept_before:
                    Client().get(kept_before)
                text, done = read(path, other, after)
                assert text in texts, (path, kept_before, after)
            assert after > 2, f"{path} was never overtaken in its middle"
        other.submit(connections.close_all).result()


def steady(text: str) -> str:
    """Return an answer without when its figures came, which each publication moves."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z?|nonce-?[^\"]*", "", text)
