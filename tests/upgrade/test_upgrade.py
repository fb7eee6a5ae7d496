"""A database of the version that landed last, with data in it, becomes one of this version."""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from psycopg import sql

from levelup_site.backup import postgres
from tests import databases
from tests.conftest import NOON, shares
from tests.tiny_uk import COUNCILS

pytestmark = pytest.mark.django_db
HERE = Path(__file__).parent
LANDED = tomllib.loads((HERE / "landed.toml").read_text())
NAME = f"levelup_upgrade_{os.getpid()}"
Rows = dict[str, tuple[list[str], set[tuple[Any, ...]]]]
RULES = """
    SELECT conrelid::regclass::text || ': ' || conname FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
    UNION SELECT tgrelid::regclass::text || ': ' || tgname FROM pg_trigger WHERE NOT tgisinternal
"""


def leaves(executor: MigrationExecutor) -> list[tuple[str, str]]:
    """Return the migrations to go back to, of apps that are still there."""
    there = {app for app, _ in executor.loader.graph.nodes}
    return [(app, name) for app, name in LANDED["leaf"].items() if app in there]


def rows() -> Rows:
    """Return every row of every table as text, with the columns' names."""
    with postgres.connect() as plain:
        found: Rows = {}
        for table in postgres.tables(plain):
            if table in {"public.django_migrations", "public.django_content_type"}:
                continue
            with plain.cursor() as cursor:
                cursor.execute(
                    sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(*table.split(".")))
                )
                columns = [column.name for column in cursor.description or []]
                as_text = sql.SQL(", ").join(
                    sql.SQL("{}::text").format(sql.Identifier(c)) for c in columns
                )
                cursor.execute(
                    sql.SQL("SELECT {} FROM {}").format(as_text, sql.Identifier(*table.split(".")))
                )
                found[table] = (columns, set(cursor.fetchall()))
        return found


def rules() -> set[str]:
    """Return every constraint and trigger, by table and name."""
    with postgres.connect() as plain:
        return {str(row[0]) for row in plain.execute(RULES)}


@pytest.fixture(scope="module")
def upgraded(django_db_setup, django_db_blocker) -> Iterator[tuple[Rows, set[str]]]:
    """Make the old schema, load its rows, upgrade; give what was there before.

    Django stays turned to that database.
    """
    with (
        django_db_blocker.unblock(),
        databases.fresh(NAME),
        databases.turned_to(NAME),
    ):
        executor = MigrationExecutor(connection)
        executor.migrate(leaves(executor))
        load(HERE / "landed.sql")
        before = rows(), rules()
        call_command("migrate", verbosity=0, skip_checks=True)
        yield before


@pytest.fixture(autouse=True)
def there(upgraded) -> Iterator[None]:
    """Have Django on the upgraded database during each test."""
    with databases.turned_to(NAME):
        yield


def load(path: Path) -> None:
    """Have psql read a file of statements and COPY, in one transaction."""
    where, environ = postgres.target()
    psql = postgres.program("psql", postgres.server_version())
    done = subprocess.run(
        [psql, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", path, where],
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_old_database_was_not_empty(upgraded):
    (old, _) = upgraded
    for table in ("areas_area", "areas_boundary", "areas_postcode", "indicators_packedarray"):
        assert old[f"public.{table}"][1], table
    observations = [t for t in old if t.startswith("public.indicators_observation_b")]
    assert sum(len(old[t][1]) for t in observations) > 90
    assert len(old["public.indicators_liveseries"][1]) > 10
    assert len(old["public.indicators_auditentry"][1]) == 7


def test_every_row_survives_with_every_column(upgraded):
    old, _ = upgraded
    new = rows()
    changed = LANDED["changed"]
    lost = {}
    for table, (columns, before) in old.items():
        short = table.removeprefix("public.")
        if short in changed:
            continue
        if table not in new:
            lost[short] = "the table is gone"
            continue
        now_columns, after = new[table]
        kept = [c for c in columns if f"{short}.{c}" not in changed]
        if gone := set(kept) - set(now_columns):
            lost[short] = f"columns are gone: {gone}"
            continue
        then_at, now_at = [columns.index(c) for c in kept], [now_columns.index(c) for c in kept]
        survivors = {tuple(row[i] for i in now_at) for row in after}
        if missing := {tuple(row[i] for i in then_at) for row in before} - survivors:
            lost[short] = f"{len(missing)} rows, such as {next(iter(missing))}"
    assert lost == {}, "name what changes on purpose, and why, in tests/upgrade/landed.toml"


def test_every_rule_survives(upgraded):
    _, old = upgraded
    assert len(old) > 60
    changed = set(LANDED["changed"])
    gone = {rule for rule in old - rules() if rule not in changed}
    assert gone == set(), "name what changes on purpose, and why, in tests/upgrade/landed.toml"


def test_nothing_waits_afterwards():
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
    assert "database" not in Client().get("/readyz").json()


def test_the_rules_still_hold_what_they_held():
    for statement, rule in (
        ("UPDATE indicators_auditentry SET action = 'nothing'", "only ever added to"),
        ("UPDATE indicators_observation SET value = 'NaN'", "observation_finite"),
        ("UPDATE areas_areaoverlap SET weight = 0.5", "one parent of weight 1"),
        (
            "INSERT INTO indicators_liveseries (indicator_id, breakdown, edition_id, period_id, "
            "series_id, live) SELECT indicator_id, breakdown, edition_id, period_id, series_id, "
            "live FROM indicators_liveseries",
            "liveseries_one_at_a_time",
        ),
        ("DELETE FROM areas_member WHERE ordinal = 15", "already has data"),
    ):
        with postgres.connect() as plain, pytest.raises(psycopg.Error, match=rule):
            plain.execute(statement)


def test_pages_say_what_they_said():
    page = Client().get(f"/areas/{COUNCILS[0]}/")
    assert page.status_code == 200
    # The third release was withdrawn, so the second is live: 2, 3, 4 and 5 of a hundred each.
    assert "3.5" in page.content.decode()
    found = Client().get(f"/map/lsoa/share.json?within={COUNCILS[0]}").json()
    assert found["texts"] == ["2.0%", "3.0%", "4.0%", "5.0%"]
    assert Client().get("/about/data/").status_code == 200
    assert Client().get("/search/?q=Ashby").status_code == 200


def test_another_release_is_taken_in_on_top():
    from indicators.models import Dataset, Release
    from indicators.releases.publish import publish
    from indicators.releases.stage import stage

    dataset = Dataset.objects.get(slug="census")
    release = Release.objects.create(
        dataset=dataset, slug="next", name="Next", licence=dataset.licence, received_at=NOON
    )
    stage(release=release, table=shares([9.0] * 16), at=NOON)
    publish(release=release, by=None, at=NOON.replace(hour=13))
    assert "9.0" in Client().get(f"/areas/{COUNCILS[0]}/").content.decode()
