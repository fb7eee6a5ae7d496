"""A release goes from files to the public, step by step, and can be begun again at any of them."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from areas.importing import load
from areas.models import Area, Edition
from indicators.insight.live import arrays
from indicators.management.commands import import_release
from indicators.models import (
    AuditEntry,
    Bucket,
    LiveSeries,
    Observation,
    Release,
    ReleaseFile,
    Series,
    Standing,
)
from indicators.presenters.release import diff_table
from indicators.releases import (
    findings,
    housekeeping,
    keeping,
    known,
    parts,
    pipeline,
    preview,
    stage,
    storage,
)
from indicators.releases.problems import Problem
from indicators.releases.publish import CannotPublish
from indicators.releases.reading.model import FrameRows, Table
from tests import tiny_uk
from tests.conftest import shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media", "read_here")]
SIXTEEN = [float(n) for n in range(1, 17)]


@pytest.fixture
def file(tmp_path):
    """Write a table as a CSV and return its path."""

    def write(table: pl.DataFrame | str | bytes, name: str = "figures.csv") -> Path:
        path = tmp_path / name
        if isinstance(table, pl.DataFrame):
            table.write_csv(path)
        else:
            path.write_bytes(table.encode() if isinstance(table, str) else table)
        return path

    return write


@pytest.fixture
def given(file, dataset, clock):
    """Receive a table as a file, check it and stage it."""

    def give(table: pl.DataFrame, name: str = "figures.csv", **options: Any) -> Release:
        release = pipeline.receive(
            paths=[file(table, name)], by=None, at=clock(), dataset=dataset, **options
        )
        pipeline.check_release(release=release, at=clock())
        pipeline.stage_release(release=release, at=clock())
        return release

    return give


def run(*arguments: Any, **options: Any) -> dict[str, Any]:
    """Run a command that answers in JSON."""
    out = StringIO()
    call_command(*map(str, arguments), format="json", stdout=out, **options)
    return dict(json.loads(out.getvalue()))


def live_values(edition: str = "lsoa") -> list[float]:
    """Return what is live of an edition, by ordinal."""
    row = LiveSeries.objects.get(edition__slug=edition, live__endswith__isnull=True)
    return [float(v) for v in arrays([row.series_id])[row.series_id][0]]


# From file to public


def test_a_canonical_file_becomes_the_same_figures_as_its_table(make_indicator, given, clock):
    make_indicator()
    release = given(shares(SIXTEEN))
    assert release.status == "staged"
    assert release.layout == "canonical"
    assert not LiveSeries.objects.exists()
    pipeline.publish_release(release=release, by=None, at=clock())
    assert live_values() == [pytest.approx(n) for n in SIXTEEN]
    assert live_values("authority") == [pytest.approx(v) for v in (2.5, 6.5, 10.5, 14.5)]
    assert [a.action for a in release.audit.order_by("pk")] == [
        "receive", "check", "stage", "publish",
    ]  # fmt: skip


def test_bytes_are_kept_once_under_their_hash(make_indicator, given, media):
    make_indicator()
    release = given(shares(SIXTEEN))
    kept = ReleaseFile.objects.get(release=release)
    assert release.file_sha256 == kept.sha256
    assert [p.name for p in (media / "releases" / "files").iterdir()] == [kept.sha256]
    assert (media / "releases" / "files" / kept.sha256).stat().st_size == kept.size


def test_a_mapping_says_what_the_columns_are(make_indicator, file, dataset, clock):
    make_indicator()
    lines = ["Place,Some,All", *(f"{c},{n},100" for n, c in enumerate(NEIGHBOURHOODS))]
    release = pipeline.receive(paths=[file("\n".join(lines))], by=None, at=clock(), dataset=dataset)
    problems = pipeline.check_release(release=release, at=clock())
    assert (problems["kind"] == "error").any()
    mapping = {
        "columns": {
            "indicator": {"text": "share"},
            "edition": {"text": "lsoa"},
            "period": {"text": "2021-03-21"},
            "code": {"heading": "Place"},
            "numerator": {"heading": "Some"},
            "denominator": {"heading": "All"},
        }
    }
    problems = pipeline.check_release(release=release, at=clock(), mapping=mapping)
    assert problems.is_empty()
    pipeline.stage_release(release=release, at=clock())
    series = Series.objects.get(release=release, edition__slug="lsoa")
    assert arrays([series.pk])[series.pk][0].tolist() == [float(n) for n in range(16)]
    assert release.mapping == mapping


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({"columns": []}, "has to be an object"),
        ({"columns": {"colour": {"text": "red"}}}, "columns we do not know: colour"),
        ({"columns": {"code": "Place"}}, "Column code of the mapping has to be"),
        ({"columns": {}, "definitions": [1]}, "take out definitions"),
        ({"columns": {"code": {"heading": "code"}}}, "does not say where indicator, edition"),
        (
            {"columns": {n: {"text": "x"} for n in ("indicator", "edition", "period", "code")}},
            "neither where the value is",
        ),
        (
            {
                "columns": {
                    **{n: {"text": "x"} for n in ("indicator", "edition", "period")},
                    "code": {"heading": "Elsewhere"},
                    "value": {"heading": "value"},
                }
            },
            "“Elsewhere” not found",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_is_a_problem_with_a_sentence(
    make_indicator, file, dataset, clock, mapping, sentence
):
    make_indicator()
    release = pipeline.receive(paths=[file(shares(SIXTEEN))], by=None, at=clock(), dataset=dataset)
    problems = pipeline.check_release(release=release, at=clock(), mapping=mapping)
    assert sentence in " ".join(problems["sentence"])
    with pytest.raises(pipeline.CannotGoOn, match="error"):
        pipeline.stage_release(release=release, at=clock())


def test_a_rate_is_worked_out_from_its_parts_and_nothing_of_nothing_is_no_rate(
    make_indicator, make_release, clock
):
    make_indicator()
    table = shares([*SIXTEEN[:15], 0.0], [200.0] * 16).with_columns(
        pl.lit(None, dtype=pl.Float64).alias("value"),
        pl.when(pl.col("code") == NEIGHBOURHOODS[15])
        .then(0.0)
        .otherwise(pl.col("denominator"))
        .alias("denominator"),
    )
    stage.stage(release=make_release(), table=table, at=clock())
    series = Series.objects.get(edition__slug="lsoa")
    assert arrays([series.pk])[series.pk][0][:15].tolist() == [n / 2 for n in SIXTEEN[:15]]
    assert series.missing == {"z": 1}


def test_cells_that_are_no_numbers_are_named_with_their_rows(make_indicator, file, dataset, clock):
    make_indicator()
    table = shares(SIXTEEN).with_columns(pl.col("value").cast(pl.String))
    table[3, "value"] = "about four"
    release = pipeline.receive(paths=[file(table)], by=None, at=clock(), dataset=dataset)
    pipeline.check_release(release=release, at=clock())
    found = findings.problems_of(release.pk).collect().row(0, named=True)
    assert (found["code"], found["row"], found["area"]) == ("not-a-number", 5, NEIGHBOURHOODS[3])
    assert found["value"] == "about four"
    assert release.problems["not-a-number"]["n"] == 1


def test_what_staging_would_refuse_is_said_when_checking(make_indicator, file, dataset, clock):
    make_indicator()
    table = shares(SIXTEEN).with_columns(pl.lit("lsoa-1991").alias("edition"))
    release = pipeline.receive(paths=[file(table)], by=None, at=clock(), dataset=dataset)
    problems = pipeline.check_release(release=release, at=clock())
    assert "Unknown edition “lsoa-1991”" in problems["sentence"][0]
    with pytest.raises(pipeline.CannotGoOn, match="Unknown edition"):
        pipeline.stage_release(release=release, at=clock())
    assert not Series.objects.exists()


def test_more_series_than_memory_holds_are_refused(
    make_indicator, file, dataset, clock, monkeypatch
):
    make_indicator()
    monkeypatch.setattr(stage, "MOST_PLACES", 15)
    release = pipeline.receive(paths=[file(shares(SIXTEEN))], by=None, at=clock(), dataset=dataset)
    problems = pipeline.check_release(release=release, at=clock())
    assert (
        "16 figures would make 1 series: a column that tells rows apart" in problems["sentence"][0]
    )


# In parts


def test_rows_in_parts_give_the_same_as_one_table_whatever_their_order(
    make_indicator, make_release, clock, tmp_path, monkeypatch
):
    periods = ("2019-03-21", "2020-03-21", "2021-03-21")
    tables = [shares([n + i for n in SIXTEEN], period=p) for i, p in enumerate(periods)]
    councils = shares([50.0] * 4, codes=COUNCILS, edition="authority")
    table = pl.concat([*tables, councils]).sample(fraction=1.0, shuffle=True, seed=3)
    make_indicator()
    stage.stage(release=make_release("whole"), table=table, at=clock())
    monkeypatch.setattr(parts, "BATCH_ROWS", 7)
    some = parts.write_parts(table.iter_slices(10), tmp_path, most_rows=16)
    assert len(some) == 3
    assert some.rows == table.height
    assert some.keys()["rows"].sum() == table.height
    stage.stage(release=make_release("parts"), table=pipeline.Bare(some, {}), at=clock())

    def made(slug: str) -> dict[Any, Any]:
        series = Series.objects.filter(release__slug=slug)
        return {
            (s.edition.slug, s.period.label, s.origin): (
                [v.tobytes() for v in arrays([s.pk])[s.pk]],
                Observation.objects.filter(series=s).count(),
                Standing.objects.filter(series=s).count(),
            )
            for s in series.select_related("edition", "period")
        }

    assert made("whole") == made("parts")
    assert len(made("whole")) > 12


# The same file twice


def test_the_same_files_go_on_where_they_stopped_and_are_refused_once_public(
    make_indicator, given, file, dataset, clock
):
    make_indicator()
    release = given(shares(SIXTEEN))
    again = pipeline.receive(
        paths=[file(shares(SIXTEEN), "other name.csv")], by=None, at=clock(), dataset=dataset
    )
    assert again.pk == release.pk
    pipeline.publish_release(release=release, by=None, at=clock())
    with pytest.raises(pipeline.CannotGoOn, match=r"Nothing new.*published"):
        pipeline.receive(paths=[file(shares(SIXTEEN))], by=None, at=clock(), dataset=dataset)
    pipeline.withdraw_release(release=release, by=None, at=clock(), reason="wrong")
    fresh = pipeline.receive(paths=[file(shares(SIXTEEN))], by=None, at=clock(), dataset=dataset)
    assert fresh.pk != release.pk


def test_one_file_twice_in_one_release_is_refused(file, dataset, clock):
    paths = [file(shares(SIXTEEN), "a.csv"), file(shares(SIXTEEN), "b.csv")]
    with pytest.raises(pipeline.CannotGoOn, match=r"b\.csv: the same file is given twice"):
        pipeline.receive(paths=paths, by=None, at=clock(), dataset=dataset)
    assert not Release.objects.exists()


# Killed and begun again


class Killed(BaseException):
    """As if the worker had been killed here: nothing of ours catches it."""


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (pipeline.reading, "in_subprocess"),
        (pipeline, "write_parts"),
        (pipeline.findings, "gather"),
        (stage, "read_series"),
        (stage, "write_series"),
        (stage, "write_rows"),
        (preview, "compare"),
        (preview, "totals"),
    ],
)
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_stage_a_rerun_succeeds_and_live_is_untouched(
    make_indicator, put_live, file, dataset, clock, monkeypatch, owner, name, after
):
    make_indicator()
    put_live(shares([n + 1 for n in SIXTEEN]))
    before = live_values()
    release = pipeline.receive(paths=[file(shares(SIXTEEN))], by=None, at=clock(), dataset=dataset)
    real = getattr(owner, name)

    def die(*args: Any, **kwargs: Any) -> Any:
        if after:
            real(*args, **kwargs)
        raise Killed

    rows = Observation.objects.count()
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, die)
        with pytest.raises(Killed):
            pipeline.check_release(release=release, at=clock())
            pipeline.stage_release(release=release, at=clock())
    assert live_values() == before
    assert Observation.objects.count() == rows
    release.refresh_from_db()
    assert release.status in {"received", "checked"}
    pipeline.check_release(release=release, at=clock())
    pipeline.stage_release(release=release, at=clock())
    pipeline.publish_release(release=release, by=None, at=clock())
    assert live_values() == [pytest.approx(n) for n in SIXTEEN]
    leftovers = [p.name for p in keeping.folder_of(release.pk).iterdir()]
    assert sorted(leftovers) == ["checked", "preview", "read"]


def asked(release: Release, todo: str) -> None:
    """Have a step waiting, as a person who asked for it would."""
    Release.objects.filter(pk=release.pk).update(todo=todo, failure="")


@pytest.mark.parametrize("todo", ["stage", "publish"])
def test_killed_once_a_step_is_done_it_is_not_done_twice(
    make_indicator, file, dataset, clock, monkeypatch, todo
):
    make_indicator()
    release = pipeline.receive(paths=[file(shares(SIXTEEN))], by=None, at=clock(), dataset=dataset)
    pipeline.check_release(release=release, at=clock())
    if todo == "publish":
        pipeline.stage_release(release=release, at=clock())
    asked(release, todo)
    real = pipeline.take_step

    def die(release: Release) -> None:
        real(release)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "take_step", die)
        with pytest.raises(Killed):
            pipeline.work_on(release.pk)
    release.refresh_from_db()
    assert release.todo == todo
    pipeline.work_on(release.pk)
    release.refresh_from_db()
    assert (release.todo, release.failure) == ("", "")
    assert release.status == {"stage": "staged", "publish": "published"}[todo]
    assert release.audit.filter(action=todo).count() == 1


def test_what_workers_die_of_is_given_up_with_a_sentence_and_may_be_asked_for_again(
    make_indicator, file, dataset, clock, monkeypatch
):
    make_indicator()
    release = pipeline.receive(paths=[file(shares(SIXTEEN))], by=None, at=clock(), dataset=dataset)
    asked(release, "check")

    def die(release: Release) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "take_step", die)
        for _ in range(pipeline.MOST_TRIES):
            with pytest.raises(Killed):
                pipeline.work_on(release.pk)
        pipeline.work_on(release.pk)
    release.refresh_from_db()
    assert (release.todo, release.status) == ("", "received")
    assert "5 times" in release.failure
    asked(release, "check")
    pipeline.work_on(release.pk)
    release.refresh_from_db()
    assert (release.status, release.failure) == ("checked", "")


def test_a_full_disk_of_the_database_is_a_sentence_and_any_other_loss_is_tried_again(
    make_indicator, file, dataset, clock, monkeypatch
):
    make_indicator()
    release = pipeline.receive(paths=[file(shares(SIXTEEN))], by=None, at=clock(), dataset=dataset)
    pipeline.check_release(release=release, at=clock())

    def failing(cause: psycopg.OperationalError) -> Any:
        def fail(*args: Any, **kwargs: Any) -> Any:
            raise OperationalError(str(cause)) from cause

        return fail

    asked(release, "stage")
    monkeypatch.setattr(pipeline, "stage", failing(psycopg.errors.DiskFull("no space")))
    pipeline.work_on(release.pk)
    release.refresh_from_db()
    assert (release.todo, release.status) == ("", "checked")
    assert "the disk of the database is full" in release.failure
    asked(release, "stage")
    monkeypatch.setattr(pipeline, "stage", failing(psycopg.OperationalError("gone")))
    with pytest.raises(OperationalError):
        pipeline.work_on(release.pk)
    release.refresh_from_db()
    assert (release.todo, release.failure) == ("stage", "")


def test_a_full_disk_is_a_sentence_and_changes_nothing(
    make_indicator, file, dataset, clock, monkeypatch
):
    make_indicator()

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pipeline, "write_parts", full)
    release = pipeline.receive(paths=[file(shares(SIXTEEN))], by=None, at=clock(), dataset=dataset)
    with pytest.raises(pipeline.CannotGoOn, match="No space left on device"):
        pipeline.check_release(release=release, at=clock())
    assert release.status == "received"
    monkeypatch.setattr(keeping, "keep", full)
    with pytest.raises(pipeline.CannotGoOn, match="Nothing was received"):
        pipeline.receive(paths=[file("x", "y.csv")], by=None, at=clock(), dataset=dataset)


# Workers


def test_a_worker_takes_the_steps_that_were_asked_for(
    make_indicator, file, dataset, clock, django_capture_on_commit_callbacks
):
    make_indicator()
    release = pipeline.receive(
        paths=[file(shares(SIXTEEN))], by=None, at=clock(), dataset=dataset, todo="check"
    )
    assert pipeline.waiting() == [release.pk]
    pipeline.work_on(release.pk)
    release.refresh_from_db()
    assert (release.status, release.todo, release.failure) == ("checked", "", "")
    pipeline.ask(release=release, todo="stage", by=None, at=clock())
    pipeline.work_on(release.pk)
    pipeline.ask(release=release, todo="publish", by=None, at=clock())
    pipeline.work_on(release.pk)
    release.refresh_from_db()
    assert (release.status, release.todo) == ("published", "")


def test_what_a_worker_cannot_do_is_said_and_not_tried_for_ever(make_release, clock, monkeypatch):
    release = make_release(todo="stage")
    pipeline.work_on(release.pk)
    release.refresh_from_db()
    assert release.todo == ""
    assert "cannot be made ready: it is received" in release.failure
    monkeypatch.setattr(pipeline, "stage_release", lambda **_: 1 / 0)
    pipeline.ask(release=release, todo="stage", by=None, at=clock())
    pipeline.work_on(release.pk)
    release.refresh_from_db()
    assert "Something went wrong on our side" in release.failure
    assert pipeline.waiting() == []


# Publishing, accepting, correcting, taking back


def test_warnings_have_to_be_accepted_with_a_reason(make_indicator, given, clock):
    make_indicator()
    release = given(shares(SIXTEEN))
    Release.objects.filter(pk=release.pk).update(
        problems={"jump": {"kind": "warning", "n": 2, "sentence": "It jumps."}}
    )
    with pytest.raises(CannotPublish, match="may be accepted: jump"):
        pipeline.publish_release(release=release, by=None, at=clock())
    with pytest.raises(pipeline.CannotGoOn, match="no warning fall"):
        pipeline.accept_warnings(release=release, why={"fall": "fine"}, by=None, at=clock())
    with pytest.raises(pipeline.CannotGoOn, match="Say why jump"):
        pipeline.accept_warnings(release=release, why={"jump": " "}, by=None, at=clock())
    pipeline.accept_warnings(release=release, why={"jump": "New method."}, by=None, at=clock())
    pipeline.publish_release(release=release, by=None, at=clock())
    assert release.status == "published"
    assert AuditEntry.objects.get(action="accept").detail == {"why": {"jump": "New method."}}


def test_a_correction_supersedes_with_a_note(make_indicator, given, clock):
    make_indicator()
    wrong = given(shares(SIXTEEN), "wrong.csv")
    pipeline.publish_release(release=wrong, by=None, at=clock())
    right = given(shares([n + 1 for n in SIXTEEN]), "right.csv")
    with pytest.raises(CannotPublish, match="add a note"):
        pipeline.correct(release=right, of=wrong, note=" ", by=None, at=clock())
    pipeline.correct(release=right, of=wrong, note="One too few.", by=None, at=clock())
    wrong.refresh_from_db()
    right.refresh_from_db()
    assert (wrong.status, right.status, right.corrects) == ("superseded", "published", wrong)
    assert right.note == "One too few."
    assert live_values() == [pytest.approx(n + 1) for n in SIXTEEN]
    pipeline.withdraw_release(release=right, by=None, at=clock())
    assert live_values() == [pytest.approx(n) for n in SIXTEEN]


@pytest.mark.parametrize("own_bucket", [False, True])
def test_a_rejected_release_leaves_no_row_and_housekeeping_no_partition(
    make_indicator, given, put_live, clock, monkeypatch, own_bucket
):
    make_indicator()
    put_live(shares([n + 1 for n in SIXTEEN]))
    before = live_values(), Observation.objects.count(), Standing.objects.count()
    if own_bucket:
        monkeypatch.setattr(storage, "OWN_BUCKET_ROWS", 1)
    release = given(shares(SIXTEEN))
    buckets = Bucket.objects.count()
    pipeline.reject(release=release, by=None, at=clock(), why="Not ours.")
    assert (live_values(), Observation.objects.count(), Standing.objects.count()) == before
    assert not Series.objects.filter(release=release).exists()
    assert not keeping.folder_of(release.pk).exists()
    cleared = housekeeping.housekeep(at=timezone.now() + timedelta(days=2))
    assert len(cleared.buckets) == int(own_bucket)
    assert Bucket.objects.count() == buckets - int(own_bucket)
    assert housekeeping.strays() == []
    with pytest.raises(pipeline.CannotGoOn, match="is rejected"):
        pipeline.reject(release=release, by=None, at=clock())


def test_a_public_release_is_not_rejected_nor_checked_again(make_indicator, given, clock):
    make_indicator()
    release = given(shares(SIXTEEN))
    pipeline.publish_release(release=release, by=None, at=clock())
    with pytest.raises(pipeline.CannotGoOn, match="is published"):
        pipeline.reject(release=release, by=None, at=clock())
    with pytest.raises(pipeline.CannotGoOn, match="is published"):
        pipeline.check_release(release=release, at=clock())


def test_housekeeping_takes_orphans_and_leaves_what_releases_have(
    make_indicator, given, media, clock
):
    make_indicator()
    release = given(shares(SIXTEEN))
    stray = media / "releases" / "files" / ("0" * 64)
    stray.write_bytes(b"left")
    draft = keeping.folder_of(release.pk) / "draft-checked-1"
    draft.mkdir()
    (draft / "rows.parquet").write_bytes(b"half")
    nobody = keeping.folder_of(999_999_999)
    nobody.mkdir()
    assert housekeeping.housekeep(at=timezone.now()).paths == []
    cleared = housekeeping.housekeep(at=timezone.now() + timedelta(days=2))
    assert len(cleared.paths) == 3
    assert not stray.exists()
    assert not draft.exists()
    assert not nobody.exists()
    pipeline.publish_release(release=release, by=None, at=clock())


# Preview


def test_a_preview_says_what_would_change_and_what_depends_on_it(make_indicator, given, clock):
    make_indicator()
    first = given(shares([*SIXTEEN[:15], None]), "first.csv")
    told = preview.read(first)
    assert told["published"]["new_series"] == 1
    assert told["dependants"]["series"] > 3
    assert preview.diff_of(first).collect().is_empty()
    pipeline.publish_release(release=first, by=None, at=clock())

    numbers: list[float | None] = [*SIXTEEN]
    numbers[0] = None
    numbers[1] = 52.0
    second = given(shares(numbers), "second.csv")
    told = preview.read(second)
    own = told["series"][0]
    assert (own["changed"], own["added"], own["removed"]) == (1, 1, 1)
    assert own["added_areas"] == [NEIGHBOURHOODS[15]]
    assert own["removed_areas"] == [NEIGHBOURHOODS[0]]
    assert own["missing"] == {"x": 1}
    assert own["nations"] == [
        {"name": "England", "areas": 12, "values": 11},
        {"name": "Scotland", "areas": 4, "values": 4},
    ]
    assert told["movers"][0]["code"] in {NEIGHBOURHOODS[1], tiny_uk.WARDS[0], COUNCILS[0]}
    assert own["movers"] == [
        {
            "code": NEIGHBOURHOODS[1], "name": "Ashby 002", "indicator": "share",
            "edition": "lsoa", "period": "21 March 2021", "live": 2.0, "new": 52.0,
            "relative": own["movers"][0]["relative"],
        }
    ]  # fmt: skip
    diff = preview.diff_of(second).filter(pl.col("edition") == "lsoa").collect()
    assert diff.select("code", "change", "live_value", "new_value", "new_marker").rows() == [
        (NEIGHBOURHOODS[0], "removed", 1.0, None, "x"),
        (NEIGHBOURHOODS[1], "changed", 2.0, 52.0, ""),
        (NEIGHBOURHOODS[15], "added", None, 16.0, ""),
    ]
    table = diff_table(second)
    assert table.frame.height == preview.diff_of(second).collect().height
    assert len(list(preview.series_of(second))) == len(told["series"])
    assert not told["stale"]


def test_a_preview_is_stale_once_something_else_was_published(make_indicator, given, clock):
    make_indicator()
    first, second = given(shares(SIXTEEN), "a.csv"), given(shares(SIXTEEN[::-1]), "b.csv")
    pipeline.publish_release(release=first, by=None, at=clock())
    assert preview.read(second)["stale"]
    preview.make(second, lambda *_: None)
    again = preview.read(second)
    assert not again["stale"]
    assert again["published"]["new_series"] == 0


def test_a_complete_release_says_what_it_would_take_away(make_indicator, given, clock):
    make_indicator()
    old = pl.concat([shares(SIXTEEN), shares(SIXTEEN, period="2011-03-27")])
    pipeline.publish_release(release=given(old, "a.csv"), by=None, at=clock())
    second = given(shares(SIXTEEN[::-1]), "b.csv", complete=True)
    gone = preview.read(second)["gone"]
    assert {g["period"] for g in gone} == {"27 March 2011"}
    live = {str(s.period) for s in LiveSeries.objects.filter(live__endswith__isnull=True)}
    assert live == {"27 March 2011", "21 March 2021"}
    pipeline.publish_release(release=second, by=None, at=clock())
    still = LiveSeries.objects.filter(live__endswith__isnull=True)
    assert {str(s.period) for s in still} == {"21 March 2021"}
    assert len(gone) == LiveSeries.objects.filter(closed_by=second).count() - still.count()


# What is known


def test_what_is_known_is_every_area_member_and_indicator(make_indicator):
    make_indicator()
    areas = known.areas()
    assert areas.height == 36
    assert areas.filter(code="S12000901")["name_cy"].to_list() == ["An Dail"]
    assert areas.filter(pl.col("valid_to").is_not_null()).height == 2
    members = known.members()
    assert members.height == sum(len(codes) for codes in tiny_uk.members().values())
    parents = dict(members.filter(edition="lsoa").select("code", "parent_code").iter_rows())
    assert parents == {c: COUNCILS[n // 4] for n, c in enumerate(NEIGHBOURHOODS)}
    regions = dict(members.filter(edition="authority").select("code", "parent_code").iter_rows())
    assert regions[COUNCILS[0]] == "E12000901"
    assert regions[COUNCILS[3]] == "S92000003"
    assert known.indicators()["slug"].to_list() == ["share"]


# Commands


def test_a_command_imports_and_publishes_and_answers_in_json(make_indicator, file, dataset):
    make_indicator()
    path = file(shares(SIXTEEN))
    found = run("import_release", path, dataset="census")
    assert (found["status"], found["problems"]["errors"]) == ("staged", 0)
    assert found["series"]["published"] == 1
    assert found["observations"] == Observation.objects.count()
    assert found["files"][0]["name"] == "figures.csv"
    assert {"receive", "check", "stage", "all"} <= set(found["seconds"])
    assert run("import_release", path, dataset="census", publish=True)["status"] == "published"
    with pytest.raises(CommandError, match="Nothing new"):
        run("import_release", path, dataset="census", publish=True)
    listed = run("releases")["releases"]
    assert [(r["release"], r["status"]) for r in listed] == [(found["release"], "published")]
    assert run("withdraw_release", found["release"], reason="x")["status"] == "withdrawn"
    assert not LiveSeries.objects.filter(live__endswith__isnull=True).exists()


def listed_problems(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file of problems, as a spreadsheet would read it."""
    with path.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_every_problem_is_written_with_its_row_as_it_stands(
    make_indicator, file, dataset, tmp_path
):
    make_indicator()
    table = shares(SIXTEEN).with_columns(pl.col("value").cast(pl.String)).drop("numerator")
    code, value = pl.col("code"), pl.col("value")
    path = file(
        table.with_columns(
            value=pl.when(code == NEIGHBOURHOODS[3]).then(pl.lit("=1+cmd()")).otherwise(value),
            marker=pl.when(code == NEIGHBOURHOODS[5]).then(pl.lit("@x")).otherwise(pl.lit("")),
        )
    )
    to = tmp_path / "problems.csv"
    with pytest.raises(CommandError, match="error"):
        run("import_release", path, dataset="census", problems=to)
    found = listed_problems(to)
    assert list(found[0]) == [
        "file", "sheet", "row", "column", "kind", "code", "area", "value", "sentence",
        "original_row",
    ]  # fmt: skip
    wrong = next(one for one in found if one["code"] == "not-a-number")
    assert (wrong["file"], wrong["row"], wrong["column"]) == ("figures.csv", "5", "value")
    assert wrong["value"] == "'=1+cmd()", "a spreadsheet does not run it"
    original = json.loads(wrong["original_row"])
    assert (original["code"], original["value"]) == (NEIGHBOURHOODS[3], "=1+cmd()")
    assert original["denominator"] == "100.0"
    assert len(found) == findings.problems_of(Release.objects.get().pk).collect().height
    assert not list(tmp_path.glob("*.part"))


def test_the_file_of_problems_is_whole_where_the_screen_shows_kinds(
    make_indicator, file, dataset, tmp_path
):
    make_indicator()
    headings = "indicator,edition,period,code,value,numerator,denominator,marker\n"
    rows = "".join(f"share,lsoa,2021-03-21,E0100{n:04},x{n},,,\n" for n in range(12_000))
    to = tmp_path / "problems.csv"
    with pytest.raises(CommandError, match="error"):
        run("import_release", file(headings + rows), dataset="census", problems=to)
    found = [one for one in listed_problems(to) if one["code"] == "not-a-number"]
    assert [(one["row"], one["value"]) for one in found] == [
        (str(n + 2), f"x{n}") for n in range(12_000)
    ]
    assert all(json.loads(one["original_row"])["value"] == one["value"] for one in found)


def test_problems_that_cannot_be_written_are_told_before_anything_is_read(
    make_indicator, file, dataset, tmp_path
):
    make_indicator()
    with pytest.raises(CommandError, match="cannot be written: there is no folder"):
        run(
            "import_release", file(shares(SIXTEEN)), dataset="census",
            problems=tmp_path / "nowhere" / "problems.csv",
        )  # fmt: skip
    assert not Release.objects.exists()


def test_tables_side_by_side_each_have_their_own_rows(tmp_path, settings):
    """A row number alone does not tell which of two tables in one sheet a problem is of."""
    left, right = ("code", "rate"), ("area", "homes")
    tables = [
        Table("a.xlsx", "S", names, (names,), 2, (), (), 1,
              FrameRows(pl.DataFrame({**dict(zip(names, cells, strict=True)),
                                      "row": [2], "kind": ["data"]})))
        for names, cells in ((left, (["E1"], ["one"])), (right, (["E2"], ["two"])))
    ]  # fmt: skip
    problems = findings.as_frame(
        Problem("error", "not-a-number", "No.", "a.xlsx", "S", 2, column, "", "")
        for column in ("homes", "rate", "")
    ).with_row_index("_n")
    found = {
        row["_n"]: json.loads(row["original_row"])
        for table in reversed(tables)
        for frame in findings.with_rows(problems.filter(findings.in_table(table, tables)), table)
        for row in frame.iter_rows(named=True)
    }
    assert found[0] == {"area": "E2", "homes": "two"}
    assert found[1] == {"code": "E1", "rate": "one"}
    assert 2 in found


def test_what_was_moved_and_what_is_left_over_is_told_in_a_line():
    moved = {"indicator": "jobs", "from": "Authorities 2011", "to": "Authorities 2023",
             "before": 1234567.0, "after": 1234000.0, "residual": -567.0, "share": -567 / 1234567,
             "series": 1, "lookup": "x", "kind": "apportioned"}  # fmt: skip
    assert import_release.moved_lines({"preview": {"moved": [moved]}}) == [
        "  jobs moved from Authorities 2011 to Authorities 2023: 1,234,567 before, 1,234,000 "
        "after, residual -567 (-0.046%)"
    ]
    scores = moved | dict.fromkeys(("before", "after", "residual", "share"))
    assert import_release.moved_lines({"preview": {"moved": [scores]}}) == [
        "  jobs moved from Authorities 2011 to Authorities 2023: nothing to add up, only areas "
        "that did not change"
    ]
    assert import_release.moved_lines({"preview": {"moved": [moved] * 14}})[-1] == (
        "  … and 2 more moves"
    )
    assert import_release.moved_lines({}) == []


def test_a_command_publishes_and_corrects(make_indicator, file, dataset):
    make_indicator()
    first = run("import_release", file(shares(SIXTEEN), "a.csv"), dataset="census")["release"]
    second = run("import_release", file(shares(SIXTEEN[::-1]), "b.csv"), dataset="census")
    assert run("publish_release", first)["status"] == "published"
    with pytest.raises(CommandError, match="was not published: it is published"):
        run("publish_release", first)
    done = run("publish_release", second["release"], corrects=first, note="Upside down.")
    assert done["status"] == "published"
    assert Release.objects.get(slug=first).status == "superseded"
    third = run("import_release", file(shares([*SIXTEEN[1:], 0.0]), "c.csv"), dataset="census")
    assert run("withdraw_release", third["release"])["status"] == "rejected"


def test_a_command_publishes_over_warnings_only_with_a_reason_for_each(
    make_indicator, file, dataset
):
    make_indicator()
    # One is repeated, and one mistyped: two kinds of warning.
    lines = ["LSOA code,Share", *(f"{c},{n}.5" for n, c in enumerate(NEIGHBOURHOODS))]
    path = file("\n".join([*lines, lines[1], "E01000999,1.5"]), "shares-2021.csv")
    with pytest.raises(CommandError) as refusal:
        run("import_release", path, dataset="census", publish=True)
    for words in ("repeated-rows (1)", "unknown-code (1)", "--accept CODE=WHY", "--accept all=WHY"):
        assert words in str(refusal.value)
    release = Release.objects.get()
    assert release.status == "staged"
    assert not LiveSeries.objects.exists()
    told = findings.told(release.problems["unknown-code"])
    assert told.startswith("shares-2021.csv, row 19: E01000999")
    assert "left out" in told
    one = [("unknown-code", "Of no area.")]
    with pytest.raises(CommandError, match=r"accepted: repeated-rows \(1\)\."):
        run("import_release", path, dataset="census", publish=True, accept=one)
    assert not LiveSeries.objects.exists()
    again = [("all", "Looked at.")]
    done = run("import_release", path, dataset="census", publish=True, accept=again)
    assert done["status"] == "published"
    assert dict(release.accepted.values_list("code", "why")) == {
        "unknown-code": "Of no area.", "repeated-rows": "Looked at.",
    }  # fmt: skip
    assert Observation.objects.filter(series__release=release).count() > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "Say with --dataset"),
        ({"dataset": "elsewhere"}, "There is no dataset “elsewhere”"),
        ({"dataset": "census", "indicator": "nonsense"}, "no indicator “nonsense”"),
        ({"dataset": "census", "by": "nobody"}, "no user “nobody”"),
    ],
)
def test_a_command_says_what_it_lacks(make_indicator, file, dataset, arguments, sentence):
    make_indicator()
    with pytest.raises(CommandError, match=sentence):
        run("import_release", file(shares(SIXTEEN)), **arguments)
    assert not Release.objects.exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not JSON that can be kept"),
        ("[1]", "has to hold an object"),
        ('{"columns": NaN}', "it holds NaN"),
        ('{"columns": {"code": {"text": "a\\u0000"}}}', "it holds NUL characters"),
        ('{"columns": {"code": {"text": "\\ud800"}}}', "is not JSON that can be kept"),
        ("[" * 100_000, "is not JSON that can be kept"),
    ],
)
def test_a_mapping_that_cannot_be_kept_is_refused(make_indicator, file, dataset, text, sentence):
    make_indicator()
    mapping = file(text, "mapping.json")
    with pytest.raises(CommandError, match=sentence):
        run("import_release", file(shares(SIXTEEN)), dataset="census", mapping=mapping)
    assert not Release.objects.exists()


def test_an_indicator_given_by_the_command_is_that_of_every_row(make_indicator, file, dataset):
    make_indicator()
    path = file(shares(SIXTEEN).drop("indicator"))
    assert run("import_release", path, dataset="census", indicator="share")["status"] == "staged"


# With the recogniser, where it is there


def test_a_new_indicator_is_made_of_its_definition_when_staged(
    make_indicator, file, dataset, clock
):
    pytest.importorskip("indicators.releases.recognising", reason="recognising is not merged yet")
    make_indicator()
    lines = [
        "LSOA code,Share of people who sing (%)",
        *(f"{c},{n + 0.5}" for n, c in enumerate(NEIGHBOURHOODS[:12])),
    ]
    release = pipeline.receive(
        paths=[file("\n".join(lines), "singing-2021.csv")], by=None, at=clock(), dataset=dataset
    )
    pipeline.check_release(release=release, at=clock())
    assert not findings.numbers(release.problems)[0], release.problems
    pipeline.stage_release(release=release, at=clock())
    series = Series.objects.select_related("indicator__scope").get(release=release)
    assert series.indicator.scope.code == "E92000001"
    assert not series.indicator.headline
    assert arrays([series.pk])[series.pk][0][:12].tolist() == [n + 0.5 for n in range(12)]


def test_rows_given_again_and_parts_that_are_not_of_their_rate_are_left_out(make_indicator):
    ratio = make_indicator(aggregation="ratio", multiplier=100.0, unit="%", decimals=1)
    table = shares([50.0, 50.0, 20.0], codes=[*NEIGHBOURHOODS[:1] * 2, NEIGHBOURHOODS[1]])
    table = table.with_columns(numerator=pl.lit(1.0), denominator=pl.lit(2.0), marker=pl.lit(""))
    lacking = [pl.lit(None, pl.Float64).alias(c) for c in ("lower", "upper")]
    table = table.with_columns(*lacking, pl.lit("").alias("breakdown"))
    rows = pipeline.bare(table, {ratio.slug: ratio})
    assert rows["value"].to_list() == [50.0, 20.0]
    assert rows["numerator"].to_list() == [1.0, None]
    assert rows["denominator"].to_list() == [2.0, None]


def test_the_codes_tell_a_nation_where_no_overlap_does(db):
    england = Area.objects.get(code="E92000001")
    edition = Edition.objects.create(
        slug="apart", name="Apart", area_type_id="authority", date=date(2020, 4, 1)
    )
    load.load_members(edition, pl.Series("code", [COUNCILS[0], COUNCILS[3]]))
    assert stage.Geography().inside(edition, england).tolist() == [True, False]


def test_postcodes_and_points_are_told_by_what_is_held(db):
    found = known.postcodes(pl.Series(["AB11AB", None, "ZZ99ZZ", "AB11AB"]))
    assert found.to_list() == [NEIGHBOURHOODS[1], None, None, NEIGHBOURHOODS[1]]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_Transform(ST_SetSRID(ST_Point(401500, 499500)"
            ", 27700), 4326) AS p) x"
        )
        lon, lat = cursor.fetchone()
    located = known.locate(pl.Series([lon, 0.0, None]), pl.Series([lat, 0.0, lat]))
    assert located.to_list() == [NEIGHBOURHOODS[5], None, None]
