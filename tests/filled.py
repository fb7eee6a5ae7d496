"""The tiny UK with a life behind it: an account, releases published, replaced and withdrawn."""

from __future__ import annotations

from tests.conftest import NOON, shares


def fill() -> None:
    """Give the tiny UK an account, an indicator and three releases, one of them withdrawn."""
    from django.contrib.auth.models import User

    from areas.models import Area
    from indicators.models import Dataset, Indicator, Licence, Release, Theme
    from indicators.releases.publish import publish, withdraw
    from indicators.releases.stage import stage

    admin = User.objects.create_superuser("admin", password="a pass phrase for tests")
    licence = Licence.objects.create(slug="open", name="Open licence", attribution="Thank us.")
    dataset = Dataset.objects.create(slug="census", name="Census", publisher="X", licence=licence)
    Indicator.objects.create(
        slug="share",
        name="Share",
        short_name="Share",
        theme=Theme.objects.create(slug="people", name="Pobl â chŵn"),
        definition="Some residents as a share of all.",
        unit="%",
        multiplier=100.0,
        aggregation="ratio",
        scope=Area.objects.get(code="K02000001"),
    )
    for number, slug in enumerate(("first", "second", "third")):
        release = Release.objects.create(
            dataset=dataset, slug=slug, name=f"The {slug}", licence=licence, received_at=NOON
        )
        values: list[float | None] = [float(n + number) for n in range(1, 16)]
        stage(release=release, table=shares([*values, None]), at=NOON)
        publish(release=release, by=admin, at=NOON.replace(minute=number))
        if slug == "third":
            withdraw(release=release, by=admin, at=NOON.replace(minute=9))
