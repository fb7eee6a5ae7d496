"""The areas app."""

from django.apps import AppConfig


class AreasConfig(AppConfig):
    """UK geography; it knows nothing of indicators."""

    name = "areas"
    verbose_name = "Areas"
