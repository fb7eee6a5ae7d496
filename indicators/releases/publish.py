"""Making a staged release public, and taking it back: ranges are closed and opened, no row moves.

`LiveSeries` alone says what is public, so everything here is a few statements in one
transaction.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from indicators.models import AuditEntry, DataVersion, LiveSeries, Release, Series
from indicators.releases.storage import lock_dataset

# A published figure beats one that we added up, whichever came first.
CLOSE_REPLACED = """
UPDATE indicators_liveseries l
SET live = tstzrange(lower(l.live), %(at)s, '[)'), closed_by_id = %(release)s
FROM indicators_series s, indicators_series old
WHERE s.release_id = %(release)s AND old.id = l.series_id
  AND upper_inf(l.live)
  AND (l.indicator_id, l.breakdown, l.edition_id, l.period_id)
    = (s.indicator_id, s.breakdown, s.edition_id, s.period_id)
  AND NOT (old.origin = 'published' AND s.origin <> 'published')
"""
CLOSE_REST_OF_DATASET = """
UPDATE indicators_liveseries l
SET live = tstzrange(lower(l.live), %(at)s, '[)'), closed_by_id = %(release)s
FROM indicators_series old JOIN indicators_release r ON r.id = old.release_id
WHERE old.id = l.series_id AND r.dataset_id = %(dataset)s AND upper_inf(l.live)
"""
OPEN = """
INSERT INTO indicators_liveseries
    (indicator_id, breakdown, edition_id, period_id, series_id, live)
SELECT s.indicator_id, s.breakdown, s.edition_id, s.period_id, s.id, tstzrange(%(at)s, NULL, '[)')
FROM indicators_series s
WHERE s.release_id = %(release)s AND NOT EXISTS (
    SELECT FROM indicators_liveseries l
    WHERE upper_inf(l.live)
      AND (l.indicator_id, l.breakdown, l.edition_id, l.period_id)
        = (s.indicator_id, s.breakdown, s.edition_id, s.period_id))
"""
CLOSE_OWN = """
UPDATE indicators_liveseries l
SET live = tstzrange(lower(l.live), %(at)s, '[)'), closed_by_id = %(release)s
FROM indicators_series s
WHERE s.id = l.series_id AND s.release_id = %(release)s AND upper_inf(l.live)
"""
# For each key this release ever closed, and that has nothing live now, the series that was
# live last and whose release has not itself been taken back.
REOPEN = """
INSERT INTO indicators_liveseries
    (indicator_id, breakdown, edition_id, period_id, series_id, live)
SELECT DISTINCT ON (past.indicator_id, past.breakdown, past.edition_id, past.period_id)
    past.indicator_id, past.breakdown, past.edition_id, past.period_id, past.series_id,
    tstzrange(%(at)s, NULL, '[)')
FROM indicators_liveseries closed
JOIN indicators_liveseries past
  ON (past.indicator_id, past.breakdown, past.edition_id, past.period_id)
   = (closed.indicator_id, closed.breakdown, closed.edition_id, closed.period_id)
JOIN indicators_series s ON s.id = past.series_id
JOIN indicators_release r ON r.id = s.release_id
WHERE closed.closed_by_id = %(release)s
  AND r.id <> %(release)s AND r.status IN ('published', 'superseded')
  AND NOT EXISTS (
    SELECT FROM indicators_liveseries l
    WHERE upper_inf(l.live)
      AND (l.indicator_id, l.breakdown, l.edition_id, l.period_id)
        = (closed.indicator_id, closed.breakdown, closed.edition_id, closed.period_id))
ORDER BY past.indicator_id, past.breakdown, past.edition_id, past.period_id,
    lower(past.live) DESC
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


class CannotPublish(ValueError):
    """The release cannot be published or withdrawn now; the message says why."""


def publish(*, release: Release, by: AbstractBaseUser | None, at: datetime) -> None:
    """Put every series of a staged release live at `at`, closing what it replaces.

    Raises CannotPublish, having changed nothing, when the release is not staged, or when
    something it replaces went live at `at` or later.
    """
    with transaction.atomic():
        release = _locked(release, {Release.Status.STAGED}, "published", at)
        parameters: dict[str, int | datetime] = {
            "release": release.pk,
            "dataset": release.dataset_id,
            "at": at,
        }
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(CLOSE_REPLACED, parameters)
                if release.complete:
                    cursor.execute(CLOSE_REST_OF_DATASET, parameters)
                cursor.execute(OPEN, parameters)
        except IntegrityError as error:
            raise CannotPublish(
                f"“{release.name}” was not published: another dataset published the same series "
                "at the same moment. Look at what is live and publish again."
            ) from error
        release.status = Release.Status.PUBLISHED
        release.published_at = at
        release.published_by_id = by.pk if by else None
        release.save(update_fields=["status", "published_at", "published_by"])
        _settle(release, "publish", by, at)


def withdraw(*, release: Release, by: AbstractBaseUser | None, at: datetime) -> None:
    """Take a release back at `at`: what it closed is live again, unless itself taken back.

    Raises CannotPublish, having changed nothing, when the release is not public.
    """
    with transaction.atomic():
        public = {Release.Status.PUBLISHED, Release.Status.SUPERSEDED}
        release = _locked(release, public, "withdrawn", at)
        parameters: dict[str, int | datetime] = {"release": release.pk, "at": at}
        with connection.cursor() as cursor:
            cursor.execute(CLOSE_OWN, parameters)
        release.status = Release.Status.WITHDRAWN
        release.withdrawn_at = at
        release.withdrawn_by_id = by.pk if by else None
        release.save(update_fields=["status", "withdrawn_at", "withdrawn_by"])
        with connection.cursor() as cursor:
            cursor.execute(REOPEN, parameters)
        _settle(release, "withdraw", by, at)


def _locked(release: Release, allowed: set[Release.Status], verb: str, at: datetime) -> Release:
    """Return the release as it is now, its dataset locked for writing."""
    lock_dataset(release.dataset_id)
    release = Release.objects.select_for_update(of=("self",)).get(pk=release.pk)
    if release.status not in allowed:
        raise CannotPublish(
            f"“{release.name}” was not {verb}: it is {release.get_status_display()}."
        )
    touched = LiveSeries.objects.filter(
        indicator__in=Series.objects.filter(release=release).values("indicator"),
        live__endswith__isnull=True,
        live__startswith__gte=at,
    )
    if touched.exists():
        raise CannotPublish(
            f"“{release.name}” was not {verb}: something it touches went live at that moment or "
            "later. Choose a later time."
        )
    return release


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
