"""Indicators, the datasets that carry them, and their releases; and where all of it begins."""

from __future__ import annotations

from typing import Any, ClassVar

import polars as pl
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpResponseBase
from rest_framework.request import Request

from areas.models import Edition
from indicators.api.endpoint import Asked, Endpoint
from indicators.api.parameters import many
from indicators.api.places import Detail, Small
from indicators.insight.observations import instant, known, public_releases
from indicators.models import Dataset, Indicator, LiveSeries, Release, Theme
from indicators.statistics.periods import period_text

INDICATORS = {
    "slug": pl.String,
    "name": pl.String,
    "short_name": pl.String,
    "theme": pl.String,
    "theme_name": pl.String,
    "definition": pl.String,
    "method": pl.String,
    "caveats": pl.String,
    "unit": pl.String,
    "prefix": pl.String,
    "decimals": pl.Int64,
    "multiplier": pl.Float64,
    "polarity": pl.String,
    "aggregation": pl.String,
    "numerator_name": pl.String,
    "denominator_name": pl.String,
    "scope": pl.String,
    "scope_name": pl.String,
    "missions": pl.List(pl.String),
    "capitals": pl.List(pl.String),
}
DATASETS = {
    "slug": pl.String,
    "name": pl.String,
    "publisher": pl.String,
    "source_url": pl.String,
    "cadence": pl.String,
    "description": pl.String,
    "licence": pl.String,
    "licence_name": pl.String,
    "licence_url": pl.String,
    "attribution": pl.String,
}
RELEASES = {
    "slug": pl.String,
    "name": pl.String,
    "dataset": pl.String,
    "publisher": pl.String,
    "publisher_version": pl.String,
    "publisher_date": pl.String,
    "file_name": pl.String,
    "file_sha256": pl.String,
    "licence": pl.String,
    "licence_name": pl.String,
    "licence_url": pl.String,
    "attribution": pl.String,
    "redistributable": pl.Boolean,
    "complete": pl.Boolean,
    "status": pl.String,
    "published_at": pl.String,
    "withdrawn_at": pl.String,
    "withdrawn_reason": pl.String,
}


def public_indicators() -> QuerySet[Indicator]:
    """Return the indicators that have, or had, anything public."""
    lives = LiveSeries.objects.filter(indicator=OuterRef("pk"))
    return Indicator.objects.filter(Exists(lives)).select_related("theme", "scope")


def public_datasets() -> QuerySet[Dataset]:
    """Return the datasets that have, or had, a public release."""
    releases = public_releases().filter(dataset=OuterRef("pk"))
    return Dataset.objects.filter(Exists(releases)).select_related("licence")


class IndicatorList(Small):
    """What is measured, and how it may be compared and added up."""

    group = "Catalogue"
    about = (
        "List indicators",
        "What is measured, in which unit, and how it may be compared and added up.",
    )
    results_as: ClassVar = {"json": "IndicatorPage"}
    tries: ClassVar = (("Those with figures for wards", "/api/v1/indicators?edition=ward-2025"),)

    columns = INDICATORS
    file_name = "indicators"
    params: ClassVar = (
        many("theme", "Themes, by slug.", "people"),
        many("edition", "Those with figures now at any of these editions, by slug.", "ward-2025"),
        many(
            "dataset", "Those with figures now from any of these datasets, by slug.", "census-2011"
        ),
        *Small.params,
    )

    def found(self, asked: Asked) -> QuerySet[Any]:
        """Return indicators of these themes, editions and datasets."""
        known("theme", Theme.objects.all(), "slug", asked["theme"])
        known("edition", Edition.objects.all(), "slug", asked["edition"])
        known("dataset", Dataset.objects.all(), "slug", asked["dataset"])
        rows = public_indicators()
        if asked["theme"]:
            rows = rows.filter(theme__in=asked["theme"])
        live = LiveSeries.objects.filter(indicator=OuterRef("pk"), live__endswith__isnull=True)
        if asked["edition"]:
            rows = rows.filter(Exists(live.filter(edition__slug__in=asked["edition"])))
        if asked["dataset"]:
            of_these = live.filter(series__release__dataset__slug__in=asked["dataset"])
            rows = rows.filter(Exists(of_these))
        return rows

    def row(self, one: Indicator) -> dict[str, Any]:
        """Return an indicator."""
        return indicator_row(one)


def indicator_row(one: Indicator) -> dict[str, Any]:
    """Return an indicator as it is listed."""
    own = {
        name: getattr(one, name)
        for name in INDICATORS
        if name not in {"theme", "theme_name", "scope", "scope_name"}
    }
    return own | {
        "theme": one.theme_id,
        "theme_name": one.theme.name,
        "scope": one.scope.code,
        "scope_name": one.scope.name,
    }


class IndicatorDetail(Detail):
    """One indicator, with the editions and periods that it has figures for now."""

    group = "Catalogue"
    about = (
        "One indicator",
        "With each edition and period that it has figures for.",
    )
    results_as: ClassVar = {"json": "IndicatorDetail"}
    tries: ClassVar = (("Average household size", "/api/v1/indicators/household-size"),)

    what = ("indicator", "/api/v1/indicators")

    def held(self) -> QuerySet[Indicator]:
        """Return the indicators that have, or had, anything public."""
        return public_indicators()

    def body(self, one: Indicator) -> dict[str, Any]:
        """Return an indicator with what it has figures for now."""
        lives = (
            LiveSeries.objects.filter(indicator=one, live__endswith__isnull=True)
            .order_by("edition__area_type__rank", "edition__slug", "period__end", "period__start")
            .values_list(
                "edition__slug", "edition__area_type", "breakdown", "series_id", "period__start",
                "period__end", "period__label",
            )
        )  # fmt: skip
        return {
            **indicator_row(one),
            "available": [
                {
                    "edition": edition,
                    "type": kind,
                    "breakdown": breakdown,
                    "period": period_text(start, end),
                    "period_label": label,
                    "series": series,
                }
                for edition, kind, breakdown, series, start, end, label in lives
            ],
        }


class DatasetList(Small):
    """What publishers issue again and again."""

    group = "Catalogue"
    about = (
        "List datasets",
        "What publishers issue again and again, with its licence.",
    )
    results_as: ClassVar = {"json": "DatasetPage"}
    tries: ClassVar = (("Every dataset", "/api/v1/datasets"),)

    columns = DATASETS
    file_name = "datasets"

    def found(self, asked: Asked) -> QuerySet[Any]:
        """Return datasets with anything public."""
        return public_datasets()

    def row(self, one: Dataset) -> dict[str, Any]:
        """Return a dataset."""
        return dataset_row(one)


def dataset_row(one: Dataset) -> dict[str, Any]:
    """Return a dataset as it is listed."""
    own = ("slug", "name", "publisher", "source_url", "cadence", "description")
    return {name: getattr(one, name) for name in own} | {
        "licence": one.licence_id,
        "licence_name": one.licence.name,
        "licence_url": one.licence.url,
        "attribution": one.licence.attribution,
    }


class DatasetDetail(Detail):
    """One dataset, with its public releases."""

    group = "Catalogue"
    about = (
        "One dataset",
        "With its releases.",
    )
    results_as: ClassVar = {"json": "DatasetDetail"}
    tries: ClassVar = (("Census 2011", "/api/v1/datasets/census-2011"),)

    what = ("dataset", "/api/v1/datasets")

    def held(self) -> QuerySet[Dataset]:
        """Return the datasets that have, or had, a public release."""
        return public_datasets()

    def body(self, one: Dataset) -> dict[str, Any]:
        """Return a dataset with its public releases."""
        releases = public_releases().filter(dataset=one).select_related("dataset", "licence")
        return {
            **dataset_row(one),
            "releases": [release_row(r) for r in releases.order_by("-published_at", "slug")],
        }


class ReleaseList(Small):
    """Issues of datasets that are, or were, public: published, superseded or withdrawn."""

    group = "Catalogue"
    about = (
        "List releases",
        "Each file that figures came from. Releases that were superseded or withdrawn stay "
        "listed; what has not been published is not.",
    )
    results_as: ClassVar = {"json": "ReleasePage"}
    tries: ClassVar = (("Every release", "/api/v1/releases"),)

    columns = RELEASES
    file_name = "releases"
    params: ClassVar = (many("dataset", "Datasets, by slug.", "census-2011"), *Small.params)

    def found(self, asked: Asked) -> QuerySet[Any]:
        """Return releases that are, or were, public."""
        known("dataset", Dataset.objects.all(), "slug", asked["dataset"])
        rows = public_releases().select_related("dataset", "licence")
        return rows.filter(dataset__slug__in=asked["dataset"]) if asked["dataset"] else rows

    def row(self, one: Release) -> dict[str, Any]:
        """Return a release."""
        return release_row(one)


def release_row(one: Release) -> dict[str, Any]:
    """Return a release as it is listed, without who published it."""
    own = ("slug", "name", "publisher_version", "file_name", "file_sha256", "complete", "status")
    return {name: getattr(one, name) for name in own} | {
        "dataset": one.dataset.slug,
        "publisher": one.dataset.publisher,
        "publisher_date": one.publisher_date.isoformat() if one.publisher_date else None,
        "licence": one.licence_id,
        "licence_name": one.licence.name,
        "licence_url": one.licence.url,
        "attribution": one.licence.attribution,
        "redistributable": one.may_be_passed_on,
        "published_at": instant(one.published_at),
        "withdrawn_at": instant(one.withdrawn_at),
        "withdrawn_reason": one.withdrawn_reason,
    }


class ReleaseDetail(Detail):
    """One release."""

    group = "Catalogue"
    about = (
        "One release",
        "Where its figures came from, and under which licence.",
    )
    results_as: ClassVar = {"json": "Release"}
    tries: ClassVar = (("Census 2011", "/api/v1/releases/census-2011"),)

    what = ("release", "/api/v1/releases")

    def held(self) -> QuerySet[Release]:
        """Return the releases that are, or were, public."""
        return public_releases().select_related("dataset", "licence")

    def body(self, one: Release) -> dict[str, Any]:
        """Return a release as it is listed."""
        return release_row(one)


class Root(Endpoint):
    """Where everything is."""

    group = "Catalogue"
    about = (
        "Where everything is",
        "The addresses of every list, and the data version, which moves whenever anything "
        "goes public, or what describes it is edited.",
    )
    results_as: ClassVar = {"json": "Root"}
    tries: ClassVar = (("The beginning", "/api/v1/"),)

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer the addresses of what there is."""
        here = request.build_absolute_uri("/api/v1/")
        names = (
            "areas", "area-types", "editions", "indicators", "datasets", "releases", "series",
            "observations", "schema.json",
        )  # fmt: skip
        body = {
            "name": "Levelup",
            "version": "v1",
            "data_version": self.version,
            "docs": f"{here}docs/",
            "links": {name.replace(".json", "").replace("-", "_"): here + name for name in names},
        }
        return self.reply(request, body, "application/json")
