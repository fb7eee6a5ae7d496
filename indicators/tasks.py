"""Work on releases, away from the request. Tasks take ids; Postgres knows what is to be done."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from indicators.releases import housekeeping, pipeline


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
    """Take away what no release needs any more."""
    housekeeping.housekeep(at=timezone.now())
