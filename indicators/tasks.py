"""Work on releases, away from the request. Tasks take ids; Postgres knows what is to be done."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from indicators.releases import housekeeping, pipeline

log = structlog.get_logger(__name__)


@shared_task
def work_on(pk: int) -> None:
    """Take the steps that a release waits for."""
    pipeline.work_on(pk)


@shared_task
def take_up_waiting() -> None:
    """Take up work that the queue forgot, or that a killed worker left."""
    for pk in pipeline.waiting():
        pipeline.work_on(pk)


@shared_task
def housekeep() -> None:
    """Take away what no release needs any more; what could not be archived is logged."""
    for sentence in housekeeping.housekeep(at=timezone.now()).refused:
        log.warning("not_archived", why=sentence)
