"""The Levelup site: settings, addresses, middleware and the task queue."""

from levelup_site.celery import app as celery_app

__all__ = ["celery_app"]
