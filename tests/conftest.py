"""What every test stands on: a tiny UK, loaded once, and makers of indicators and releases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from django.db import connection
from django.test.utils import setup_databases, teardown_databases
from hypothesis import settings as bounds

from areas.models import Area
from indicators.insight import kept
from indicators.models import Dataset, Indicator, Licence, Release, Theme
from indicators.releases.publish import publish
from indicators.releases.stage import stage
from tests import tiny_uk

# Property tests that go by it, with `--hypothesis-profile=long`, take minutes.
bounds.register_profile("long", max_examples=4_000)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.hookimpl(tryfirst=True)  # Before the workers' own, which reads these marks.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one worker, and those of the site: they share what they load."""
    for item in items:
        file = item.nodeid.partition("::")[0]
        group = "tests/site" if file.startswith("tests/site/") else file
        item.add_marker(pytest.mark.xdist_group(group))
    # The site takes a minute to load: one worker begins with it while another does the rest.
    items.sort(key=lambda item: not item.nodeid.startswith("tests/site/"))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """The tests' database, with the tiny UK in it.

    pytest-django makes a database only where a test that runs has its mark, which those that commit
    cannot have. Where they run alone it is made here, lest they write to the site's own.
    """
    with django_db_blocker.unblock():
        there = str(connection.settings_dict["NAME"]).startswith("test_")
        made = [] if there else setup_databases(0, interactive=False)
        tiny_uk.build()
    yield
    if made:
        with django_db_blocker.unblock():
            teardown_databases(made, verbosity=0)


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """A test that is undone turns the data version back; what was kept under it must go too."""
    for one in kept.every:
        one.clear()


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """A clock that moves on by a minute each time it is read."""
    ticks = 0

    def now() -> datetime:
        nonlocal ticks
        ticks += 1
        return NOON + timedelta(minutes=ticks)

    return now


@pytest.fixture
def licence(db) -> Licence:
    return Licence.objects.create(slug="open", name="Open licence", attribution="Thank us.")


@pytest.fixture
def dataset(licence) -> Dataset:
    return Dataset.objects.create(
        slug="census", name="Census", publisher="Office for Tests", licence=licence
    )


@pytest.fixture
def make_indicator(db) -> Callable[..., Indicator]:
    """Make an indicator; a share of residents, comparable across the UK, unless told otherwise."""

    def make(slug: str = "share", scope: str = "K02000001", **changes: Any) -> Indicator:
        theme, _ = Theme.objects.get_or_create(slug="people", defaults={"name": "People"})
        fields: dict[str, Any] = {
            "name": slug.replace("-", " ").capitalize(),
            "short_name": slug,
            "definition": "Some residents as a share of all.",
            "unit": "%",
            "decimals": 1,
            "multiplier": 100.0,
            "aggregation": "ratio",
            "theme": theme,
        }
        return Indicator.objects.create(
            slug=slug, scope=Area.objects.get(code=scope), **(fields | changes)
        )

    return make


@pytest.fixture
def make_release(dataset, clock) -> Callable[..., Release]:
    """Make a release that has been received and no more."""

    def make(slug: str = "first", **changes: Any) -> Release:
        fields = {"dataset": dataset, "licence": dataset.licence, "received_at": clock()}
        return Release.objects.create(slug=slug, name=f"The {slug}", **(fields | changes))

    return make


@pytest.fixture
def put_live(make_release, clock) -> Callable[..., Release]:
    """Stage and publish a table as a release of its own."""

    def put(table: pl.DataFrame, slug: str = "first", **changes: Any) -> Release:
        release = make_release(slug, **changes)
        stage(release=release, table=table, at=clock())
        publish(release=release, by=None, at=clock())
        release.refresh_from_db()
        return release

    return put


def shares(
    numerators: list[float | None],
    denominators: list[float] | None = None,
    *,
    codes: tuple[str, ...] = tiny_uk.NEIGHBOURHOODS,
    indicator: str = "share",
    edition: str = "lsoa",
    period: str = "2021-03-21",
    markers: list[str] | None = None,
) -> pl.DataFrame:
    """Return a table of percentages of a hundred residents each, unless told otherwise."""
    denominators = denominators or [100.0] * len(numerators)
    values = [
        None if n is None else 100.0 * n / d for n, d in zip(numerators, denominators, strict=True)
    ]
    return pl.DataFrame(
        {
            "indicator": [indicator] * len(codes),
            "edition": [edition] * len(codes),
            "period": [period] * len(codes),
            "code": list(codes),
            "value": values,
            "numerator": numerators,
            "denominator": denominators,
            "marker": markers or ["x" if n is None else "" for n in numerators],
        },
        schema_overrides={"value": pl.Float64, "numerator": pl.Float64, "denominator": pl.Float64},
    )
