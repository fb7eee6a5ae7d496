"""Addresses of the API, under /api/v1/."""

from django.urls import path, re_path, register_converter
from rest_framework.urlpatterns import format_suffix_patterns

from indicators.api import catalogue, docs, observations, places
from indicators.api.endpoint import NotHere


class CodeConverter:
    """The code of an area."""

    regex = "[A-Za-z0-9]{1,20}"

    def to_python(self, value: str) -> str:
        """Return the code in capitals."""
        return value.upper()

    def to_url(self, value: str) -> str:
        """Return the code as it is."""
        return value


class NumberConverter:
    """The number of a series, no longer than Postgres holds."""

    regex = "[0-9]{1,9}|1[0-9]{9}|20[0-9]{8}|21[0-3][0-9]{7}|214[0-6][0-9]{6}"

    def to_python(self, value: str) -> int:
        """Return the number."""
        return int(value)

    def to_url(self, value: int) -> str:
        """Return the number in digits."""
        return str(value)


register_converter(CodeConverter, "area")
register_converter(NumberConverter, "number")

listed = format_suffix_patterns(
    [
        path("areas", places.AreaList.as_view()),
        path("areas/<area:code>", places.AreaDetail.as_view()),
        path("areas/<area:code>/changes", places.AreaChanges.as_view()),
        path("area-types", places.AreaTypeList.as_view()),
        path("editions", places.EditionList.as_view()),
        path("indicators", catalogue.IndicatorList.as_view()),
        path("indicators/<slug:slug>", catalogue.IndicatorDetail.as_view()),
        path("datasets", catalogue.DatasetList.as_view()),
        path("datasets/<slug:slug>", catalogue.DatasetDetail.as_view()),
        path("releases", catalogue.ReleaseList.as_view()),
        path("releases/<slug:slug>", catalogue.ReleaseDetail.as_view()),
        path("series", observations.SeriesList.as_view()),
        path("series/<number:series>", observations.SeriesDetail.as_view()),
        path("series/<number:series>/observations", observations.SeriesFigures.as_view()),
        path("observations", observations.ObservationList.as_view()),
    ],
    allowed=["json", "csv", "parquet", "geojson"],
)
urlpatterns = [
    path("", catalogue.Root.as_view(), name="api"),
    path("areas/<area:code>/boundary.geojson", places.AreaBoundary.as_view()),
    path("schema.json", docs.SchemaJson.as_view(), name="api-schema"),
    path("schema.yaml", docs.SchemaYaml.as_view()),
    path("docs/", docs.reference, name="api-docs"),
    *listed,
    re_path(r"^", NotHere.as_view()),
]
