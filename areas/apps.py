"""The areas app."""

from django.apps import AppConfig


class AreasConfig(AppConfig):
    """UK geography; it knows nothing of indicators."""

    name = "areas"
    # Four bytes: a hundred million rows hold these ids.
    default_auto_field = "django.db.models.AutoField"
    verbose_name = "Areas"
