"""The task queue. Postgres holds the truth about work; Redis only carries messages."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "levelup_site.settings")
app = Celery("levelup")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
