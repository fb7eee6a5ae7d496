"""The indicators app."""

from django.apps import AppConfig


class IndicatorsConfig(AppConfig):
    """Indicators, releases and every reading of them."""

    name = "indicators"
    # Four bytes: a hundred million rows hold these ids.
    default_auto_field = "django.db.models.AutoField"
    verbose_name = "Indicators"
