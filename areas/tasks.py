"""Work on uploads of geography, away from the request. Tasks take ids."""

from __future__ import annotations

from celery import shared_task

from areas.importing import uploads


@shared_task
def work_on(pk: int) -> None:
    """Rehearse or load one upload."""
    uploads.work_on(pk)


@shared_task
def take_up_waiting() -> None:
    """Take up work that the queue forgot: Postgres, not Redis, knows what is to be done."""
    for pk in uploads.waiting():
        uploads.work_on(pk)
