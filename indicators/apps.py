"""The indicators app."""

from django.apps import AppConfig


class IndicatorsConfig(AppConfig):
    """Indicators, releases and every reading of them."""

    name = "indicators"
    verbose_name = "Indicators"
