"""The WSGI door that gunicorn opens."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "levelup_site.settings")
application = get_wsgi_application()
# Django reads the addresses, and with them all that pages are made by, when the first is asked
# for: some seconds that the first reader would wait. A worker is ready only after it has them.
get_resolver().url_patterns  # noqa: B018
