"""Making a staged release public, and taking it back: ranges are closed and opened, no row moves.

`LiveSeries` alone says what is public, so everything here is a few statements in one
transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import F, Q

from indicators.models import AuditEntry, DataVersion, LiveSeries, PackedArray, Release, Series
from indicators.releases.storage import lock_dataset

KEYS = (
    "unnest(%(indicator)s::int[], %(breakdown)s::text[], %(edition)s::int[], %(period)s::int[]) "
    "AS k (indicator_id, breakdown, edition_id, period_id)"
)
# Every series that was ever published at these keys and has not been taken back.
CONTENDERS = f"""
SELECT s.indicator_id, s.breakdown, s.edition_id, s.period_id,
    s.id, s.origin = 'published', r.id, r.dataset_id
FROM {KEYS} JOIN indicators_series s USING (indicator_id, breakdown, edition_id, period_id)
JOIN indicators_release r ON r.id = s.release_id
WHERE r.status IN ('published', 'superseded')
"""  # noqa: S608
LIVE_NOW = f"""
SELECT l.indicator_id, l.breakdown, l.edition_id, l.period_id, l.series_id, r.dataset_id
FROM {KEYS} JOIN indicators_liveseries l USING (indicator_id, breakdown, edition_id, period_id)
JOIN indicators_series s ON s.id = l.series_id JOIN indicators_release r ON r.id = s.release_id
WHERE upper_inf(l.live)
"""  # noqa: S608
CLOSE = """
UPDATE indicators_liveseries SET live = tstzrange(lower(live), %(at)s, '[)'),
    closed_by_id = %(release)s
WHERE series_id = ANY(%(series)s) AND upper_inf(live)
"""
OPEN = """
INSERT INTO indicators_liveseries
    (indicator_id, breakdown, edition_id, period_id, series_id, live)
SELECT indicator_id, breakdown, edition_id, period_id, id, tstzrange(%(at)s, NULL, '[)')
FROM indicators_series WHERE id = ANY(%(series)s)
"""
SETTLE_STATUS = """
UPDATE indicators_release r
SET status = CASE WHEN live.release_id IS NULL THEN 'superseded' ELSE 'published' END
FROM indicators_release same
LEFT JOIN (
    SELECT DISTINCT s.release_id FROM indicators_liveseries l
    JOIN indicators_series s ON s.id = l.series_id WHERE upper_inf(l.live)
) live ON live.release_id = same.id
WHERE same.id = r.id AND r.status IN ('published', 'superseded')
  AND r.status <> CASE WHEN live.release_id IS NULL THEN 'superseded' ELSE 'published' END
"""

Key = tuple[int, str, int, int]


class Contender(NamedTuple):
    """A series that may be live at a key; `published` when not added up by us."""

    series_id: int
    published: bool
    release_id: int
    dataset_id: int


class Event(NamedTuple):
    """A release that is public, in the order of publication."""

    release_id: int
    dataset_id: int
    complete: bool


def winners(events: list[Event], contenders: dict[Key, list[Contender]]) -> dict[Key, Contender]:
    """Return what is live at each key once `events` have happened, in their order.

    A later series replaces an earlier one, but a figure that we added up never replaces a
    published one. A complete release first takes away everything of its dataset.
    """
    found = {}
    for key, some in contenders.items():
        by_release = {one.release_id: one for one in some}
        winner: Contender | None = None
        for event in events:
            if event.complete and winner and winner.dataset_id == event.dataset_id:
                winner = None
            new = by_release.get(event.release_id)
            if new and not (winner and winner.published and not new.published):
                winner = new
        if winner:
            found[key] = winner
    return found


class CannotPublish(ValueError):
    """The release cannot be published or withdrawn now; the message says why."""


def publish(*, release: Release, by: AbstractBaseUser | None, at: datetime) -> None:
    """Put every series of a staged release live at `at`, closing what it replaces.

    Raises CannotPublish, having changed nothing, when the release is not staged, when something
    it replaces went live at `at` or later, or when it would replace another dataset's figures
    by a series that lacks some of their areas.
    """
    with transaction.atomic():
        release = _locked(release, {Release.Status.STAGED}, "published", at)
        release.status = Release.Status.PUBLISHED
        release.published_at = at
        release.published_by_id = by.pk if by else None
        release.save(update_fields=["status", "published_at", "published_by"])
        replaced = _bring_into_line(release, at)
        _refuse_loss(release, replaced)
        _settle(release, "publish", by, at)


def withdraw(
    *, release: Release, by: AbstractBaseUser | None, at: datetime, reason: str = ""
) -> None:
    """Take a release back at `at`: live is then what it would be had it never been published.

    `reason` is told to whoever reads its figures as they once stood. Raises CannotPublish, having
    changed nothing, when the release is not public, or when rows that would be live again are
    archived.
    """
    with transaction.atomic():
        public = {Release.Status.PUBLISHED, Release.Status.SUPERSEDED}
        release = _locked(release, public, "withdrawn", at)
        release.status = Release.Status.WITHDRAWN
        release.withdrawn_at = at
        release.withdrawn_by_id = by.pk if by else None
        release.withdrawn_reason = reason
        release.save(update_fields=["status", "withdrawn_at", "withdrawn_by", "withdrawn_reason"])
        _bring_into_line(release, at)
        _settle(release, "withdraw", by, at)


def _locked(release: Release, allowed: set[Release.Status], verb: str, at: datetime) -> Release:
    """Return the release as it is now, with every other publisher kept waiting.

    Two datasets may hold the same series, so the lock of one dataset is not enough: the row of
    the data version, which both move, is.
    """
    DataVersion.objects.select_for_update().get(pk=1)
    lock_dataset(release.dataset_id)
    release = Release.objects.select_for_update(of=("self",)).get(pk=release.pk)
    if release.status not in allowed:
        raise CannotPublish(
            f"“{release.name}” was not {verb}: it is {release.get_status_display()}."
        )
    touched = Q(indicator__in=Series.objects.filter(release=release).values("indicator"))
    if release.complete:
        touched |= Q(series__release__dataset=release.dataset_id)
    if LiveSeries.objects.filter(
        touched, live__endswith__isnull=True, live__startswith__gte=at
    ).exists():
        raise CannotPublish(
            f"“{release.name}” was not {verb}: something it touches went live at that moment or "
            "later. Choose a later time."
        )
    return release


def _bring_into_line(release: Release, at: datetime) -> list[tuple[int, int]]:
    """Close and open what must change at every key that `release` has to do with.

    Returns (old series id, new series id) where one dataset's series gave way to another's.
    """
    own = Series.objects.filter(release=release)
    touched = LiveSeries.objects.filter(closed_by=release)
    if release.complete:
        now = LiveSeries.objects.filter(
            live__endswith__isnull=True, series__release__dataset=release.dataset_id
        )
        touched = touched | now
    names = ("indicator_id", "breakdown", "edition_id", "period_id")
    keys = sorted({*own.values_list(*names), *touched.values_list(*names)})
    columns = list(zip(*keys, strict=True)) or [()] * 4
    parameters = dict(
        zip(("indicator", "breakdown", "edition", "period"), map(list, columns), strict=True)
    )
    contenders: dict[Key, list[Contender]] = {}
    with connection.cursor() as cursor:
        cursor.execute(CONTENDERS, parameters)
        for row in cursor.fetchall():
            contenders.setdefault(row[:4], []).append(Contender(*row[4:]))
        cursor.execute(LIVE_NOW, parameters)
        live = {row[:4]: (row[4], row[5]) for row in cursor.fetchall()}
    public = Release.objects.filter(
        status__in=[Release.Status.PUBLISHED, Release.Status.SUPERSEDED]
    ).order_by("published_at", "pk")
    events = [Event(*row) for row in public.values_list("pk", "dataset_id", "complete")]
    found = winners(events, contenders)
    closing = [series for key, (series, _) in live.items() if _series(found, key) != series]
    opening = [w.series_id for key, w in found.items() if _series(live, key) != w.series_id]
    reopened = {w.release_id for key, w in found.items() if _series(live, key) != w.series_id}
    _refuse_archived(release, reopened - {release.pk})
    with connection.cursor() as cursor:
        cursor.execute(CLOSE, {"at": at, "release": release.pk, "series": closing})
        cursor.execute(OPEN, {"at": at, "series": opening})
    return [
        (series, found[key].series_id)
        for key, (series, dataset) in live.items()
        if key in found and found[key].dataset_id != dataset
    ]


def _series(by_key: Mapping[Key, tuple[int, ...] | Contender], key: Key) -> int | None:
    """Return the series id at a key, or None."""
    return by_key[key][0] if key in by_key else None


def _refuse_archived(release: Release, others: set[int]) -> None:
    """Refuse to make figures of other releases live again whose rows lie in an archive.

    Bringing them back may take minutes and may fail, and every publisher would wait meanwhile.
    Holds the releases, so that none is archived until this is done.
    """
    if not others:
        return
    back = Release.objects.select_for_update(of=("self",)).filter(pk__in=others).order_by("pk")
    archived = [one for one in back if one.archived_at is not None]
    if archived:
        names = ", ".join(f"“{one.name}”" for one in archived)
        commands = ", then ".join(f"manage.py restore_release {one.slug}" for one in archived)
        raise CannotPublish(
            f"“{release.name}” was not {release.get_status_display()}: figures of {names} would be "
            f"live again, and they are archived. Restore them first: {commands}"
        )


def _refuse_loss(release: Release, replaced: list[tuple[int, int]]) -> None:
    """Refuse to replace another dataset's series by one that says nothing of some of its areas."""
    ids = {pk for pair in replaced for pk in pair}
    packed = dict(PackedArray.objects.filter(series__in=ids).values_list("series_id", "values"))
    known = {pk: ~np.isnan(np.frombuffer(values, "<f8")) for pk, values in packed.items()}
    losses = [(int((known[old] & ~known[new]).sum()), old) for old, new in replaced]
    lost, old = max(losses, default=(0, 0))
    if lost:
        series = Series.objects.select_related("indicator", "edition", "period").get(pk=old)
        raise CannotPublish(
            f"“{release.name}” was not published: it would take away {series.indicator.name} "
            f"for {lost:,} of {series.edition.name}, {series.period}, which another dataset "
            "holds. Add those areas, or withdraw the other release first."
        )


def _settle(release: Release, action: str, by: AbstractBaseUser | None, at: datetime) -> None:
    """Bring statuses, the data version and the audit log into line with what is live."""
    with connection.cursor() as cursor:
        cursor.execute(SETTLE_STATUS)
    DataVersion.objects.filter(pk=1).update(version=F("version") + 1, moved_at=at)
    live = LiveSeries.objects.filter(series__release=release, live__endswith__isnull=True).count()
    AuditEntry.objects.create(
        at=at,
        by_id=by.pk if by else None,
        action=action,
        release=release,
        detail={"live_series": live},
    )
