"""Series, and the figures in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import polars as pl
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponseBase
from rest_framework.request import Request

from areas.models import AreaType, Edition
from indicators.api import parameters
from indicators.api.endpoint import (
    WITHDRAWN,
    Asked,
    Endpoint,
    Listing,
    as_json,
    link,
    next_page,
    read_cursor,
    streamed_json,
)
from indicators.api.formats import TABLES
from indicators.api.parameters import (
    AS_AT,
    CURSOR_PARAM,
    LATEST,
    PERIOD,
    REDISTRIBUTABLE,
    codes,
    groups,
    many,
)
from indicators.api.problems import Problem, no_page, refuse_too_soon
from indicators.exports.streams import json_rows
from indicators.insight.live import InArchive, at_time
from indicators.insight.observations import (
    COLUMNS,
    Selection,
    Wanted,
    frames,
    instant,
    known,
    page,
    periods_held,
    public_releases,
    select,
)
from indicators.models import Dataset, Indicator, LiveSeries, SeriesInput
from indicators.presenters import words
from indicators.statistics.markers import MARKERS
from indicators.statistics.periods import period_text

WHICH = (
    many("indicator", "Indicators, by slug.", "household-size"),
    many("edition", "Editions of areas, by slug.", "lsoa-2011"),
    many("type", "Types of area, by slug.", "authority"),
    PERIOD,
    many("dataset", "Datasets, by slug.", "census-2011"),
    many("release", "Releases, by slug.", "census-2011"),
    LATEST,
    AS_AT,
)
# Longer files take seconds to write: several series of every neighbourhood at once.
LONG_FILE = 200_000
MOST_LONG_FILES = 60
# How far the clock of the process that published may be ahead of this one's.
CLOCKS_APART = timedelta(minutes=5)
# A header is no place for a long list.
MOST_NAMED = 20
# What Wanted calls a condition, and what addresses do.
ASKED_AS = {
    "areas": "area",
    "parents": "parent",
    "groups": "group",
    "types": "type",
    "editions": "edition",
    "indicators": "indicator",
    "datasets": "dataset",
    "releases": "release",
    "periods": "period",
    "as_at": "as_at",
    "redistributable": "redistributable",
}
MISSING_KEYS = [m.letters for m in MARKERS if m.missing]
SERIES: dict[str, Any] = {
    "id": pl.Int32,
    "indicator": pl.String,
    "breakdown": pl.String,
    "type": pl.String,
    "edition": pl.String,
    "period": pl.String,
    "period_label": pl.String,
    "period_start": pl.String,
    "period_end": pl.String,
    "dataset": pl.String,
    "release": pl.String,
    "licence": pl.String,
    "origin": pl.String,
    "best_fit": pl.Boolean,
    "live_from": pl.String,
    "live_to": pl.String,
    "archived_at": pl.String,
    "n_members": pl.Int64,
    "n_values": pl.Int64,
    "missing": pl.Struct(dict.fromkeys(MISSING_KEYS, pl.Int64)),
    "quantiles": pl.List(pl.Float64),
    "class_breaks": pl.List(pl.Float64),
    "plot_low": pl.Float64,
    "plot_high": pl.Float64,
    "histogram": pl.List(pl.Int64),
    "withdrawn_at": pl.String,
    "withdrawn_reason": pl.String,
    "withheld": pl.String,
}
RELATED = (
    "series__release__dataset",
    "series__release__licence",
    "indicator",
    "edition",
    "period",
)
WITHHELD = "Its licence lets these figures be shown but not passed on."


class SeriesList(Listing):
    """One indicator at one edition and period, with how its figures are spread."""

    group = "Figures"
    about = (
        "List series",
        "A series is one indicator at one edition and period, with how its figures are spread"
        " and how many are missing, and why.",
    )
    results_as: ClassVar = {"json": "SeriesPage"}
    tries: ClassVar = (
        (
            "The latest of each indicator for local authorities",
            "/api/v1/series?type=authority&latest=true",
        ),
    )

    columns = SERIES
    file_name = "series"
    params: ClassVar = (*WHICH, CURSOR_PARAM, parameters.limit(100, 1_000))

    def found(self, asked: Asked) -> QuerySet[LiveSeries]:
        """Return the live series that are asked for."""
        known("type of area", AreaType.objects.all(), "slug", asked["type"])
        known("edition", Edition.objects.all(), "slug", asked["edition"])
        known("indicator", Indicator.objects.all(), "slug", asked["indicator"])
        known("dataset", Dataset.objects.all(), "slug", asked["dataset"])
        known("release", public_releases(), "slug", asked["release"])
        refuse_future(asked["as_at"])
        rows = at_time(asked["as_at"])
        filters = {
            "edition__area_type__in": asked["type"],
            "edition__slug__in": asked["edition"],
            "indicator__slug__in": asked["indicator"],
            "series__release__dataset__slug__in": asked["dataset"],
            "series__release__slug__in": asked["release"],
        }
        rows = rows.filter(**{name: values for name, values in filters.items() if values})
        if asked["period"]:
            rows = rows.filter(period__in=periods_held(asked["period"]))
        if asked["latest"]:
            last = rows.order_by(
                "indicator_id",
                "edition_id",
                "breakdown",
                "-period__end",
                "-period__start",
                "-series_id",
            ).distinct("indicator_id", "edition_id", "breakdown")
            rows = LiveSeries.objects.filter(pk__in=last.values("pk"))
        return rows

    def page(
        self, request: Request, asked: Asked, after: Any, limit: int
    ) -> tuple[pl.DataFrame, Any]:
        """Return series by number."""
        rows = self.matching(asked).select_related(*RELATED).order_by("series_id")
        if after is not None:
            if not isinstance(after, int):
                raise no_page()
            rows = rows.filter(series_id__gt=after)
        every = list(rows[: limit + 1])
        frame = pl.DataFrame([series_row(one) for one in every[:limit]], schema=SERIES)
        return frame, every[limit - 1].series_id if len(every) > limit else None

    def message(self, asked: Asked) -> str:
        """Return which releases among them are archived, so that their figures cannot be read."""
        gone = self.matching(asked).filter(series__release__archived_at__isnull=False)
        slugs = set(gone.values_list("series__release__slug", flat=True)) if asked["as_at"] else ()
        return (
            f"The figures of {words.listed(sorted(slugs))} are archived and cannot be read; how "
            "they were spread is here. Whoever runs this site can restore them."
            if slugs
            else ""
        )


def series_row(one: LiveSeries) -> dict[str, Any]:
    """Return a series as it is listed; the spread of what may not be passed on is left out."""
    series, release = one.series, one.series.release
    open_ = release.may_be_passed_on
    return {
        "id": series.pk,
        "indicator": one.indicator.slug,
        "breakdown": one.breakdown,
        "type": one.edition.area_type_id,
        "edition": one.edition.slug,
        "period": period_text(one.period.start, one.period.end),
        "period_label": one.period.label,
        "period_start": one.period.start.isoformat(),
        "period_end": one.period.end.isoformat(),
        "dataset": release.dataset.slug,
        "release": release.slug,
        "licence": release.licence_id,
        "origin": series.origin,
        "best_fit": series.best_fit,
        "live_from": instant(one.live.lower),
        "live_to": instant(one.live.upper),
        "archived_at": instant(release.archived_at),
        "n_members": series.n_members,
        "n_values": series.n_values,
        "missing": {letters: series.missing.get(letters, 0) for letters in MISSING_KEYS},
        "quantiles": series.quantiles if open_ else None,
        "class_breaks": series.class_breaks if open_ else None,
        "plot_low": series.plot_low if open_ else None,
        "plot_high": series.plot_high if open_ else None,
        "histogram": series.histogram if open_ else None,
        "withdrawn_at": instant(release.withdrawn_at),
        "withdrawn_reason": release.withdrawn_reason,
        "withheld": None if open_ else WITHHELD,
    }


def refuse_future(at: datetime | None) -> None:
    """Raise Problem where `at` has not come yet."""
    if at is not None and at > datetime.now(UTC):
        raise Problem(
            "not-found",
            f"Nothing is known yet of {instant(at)}: “as_at” is a moment that has passed. Leave it "
            "out for what is public now.",
        )


def ever_live(pk: int) -> LiveSeries:
    """Return a series as it was last live. Raises Problem where it never was."""
    one = LiveSeries.objects.filter(series=pk).select_related(*RELATED).order_by("-live").first()
    if one is None:
        raise Problem("not-found", f"No series {pk} is, or was, public. /api/v1/series lists them.")
    return one


class SeriesDetail(Endpoint):
    """One series: its summary, when it was public, and what it was made from."""

    group = "Figures"
    about = (
        "One series",
        "With when it was public, and the series that it was added up from.",
    )
    results_as: ClassVar = {"json": "SeriesDetail"}
    tries: ClassVar = ()

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer a series that is, or was, public."""
        one = ever_live(path["series"])
        inputs = SeriesInput.objects.filter(series=one.series_id).select_related("overlap_set")
        lives = LiveSeries.objects.filter(series=one.series_id).order_by("live")
        body = {
            **series_row(one),
            "live": [
                {"from": instant(life.live.lower), "to": instant(life.live.upper)} for life in lives
            ],
            "inputs": [
                {
                    "series": i.input_id,
                    "overlap_set": i.overlap_set.slug if i.overlap_set else None,
                    "kind": i.overlap_set.kind if i.overlap_set else None,
                }
                for i in inputs.order_by("pk")
            ],
            "observations": request.build_absolute_uri(
                f"/api/v1/series/{one.series_id}/observations"
            ),
        }
        return self.reply(request, body, "application/json")


class Figures(Endpoint):
    """Rows of figures: what is the same for one series and for any mix of them."""

    renderer_classes = TABLES

    def whole(self, request: Request, selection: Selection, name: str) -> HttpResponseBase:
        """Answer every row as a file, with the most that one file may have."""
        refuse_withheld(selection)
        most: int = settings.LEVELUP_API_MOST_ROWS
        if (n := selection.candidates()) > most:
            raise Problem(
                "too-much",
                f"Up to {n:,} rows were asked for, and a file has {most:,} at most. Ask for fewer "
                "indicators, periods or levels at a time, or a series at a time.",
            )
        if n > LONG_FILE:
            refuse_too_soon(
                request,
                "long-files",
                MOST_LONG_FILES,
                f"Files of up to {LONG_FILE:,} rows are not limited so.",
            )
        return self.table(request, frames(selection), COLUMNS, name, withdrawn_header(selection))


class SeriesFigures(Figures):
    """Every figure of one series, in one answer."""

    group = "Figures"
    about = (
        "Every figure of one series",
        "The whole series in one answer, streamed, in every format. “id” in the list of "
        "series is its number.",
    )
    results_as: ClassVar = {"json": "SeriesFigures"}
    tries: ClassVar = ()
    problems = ("withheld", "archived", "too-much")

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer the whole series."""
        one = ever_live(path["series"])
        selection = select(Wanted(series=path["series"]))
        name = f"{one.indicator.slug}-{one.edition.slug}-{one.period.label}"
        if request.accepted_renderer.format != "json":
            return self.whole(request, selection, name)
        refuse_withheld(selection)
        head = {
            "count": selection.count(),
            "series": series_row(one),
            "withdrawn": withdrawn_rows(selection),
        }
        pieces: Iterator[bytes] = streamed_json(head, frames(selection), COLUMNS)
        more = withdrawn_header(selection)
        return self.stream(request, pieces, "application/json", name, "json", more)


class ObservationList(Figures):
    """Figures of any mix of areas, levels, indicators, periods and moments."""

    group = "Figures"
    about = (
        "Find figures",
        "Figures that meet every condition, in pages of JSON or all at once as CSV or "
        "Parquet. A row is there where a release says something of an area: a value, or why "
        "there is none. Levels that were added up here have none where nothing is known of any "
        "part of an area. Values are not rounded: “decimals” of the indicator says how they are"
        " shown.",
    )
    results_as: ClassVar = {"json": "ObservationPage"}
    tries: ClassVar = (
        ("Everything about Middlesbrough", "/api/v1/observations?area=E06000002"),
        (
            "One figure for each ward of Middlesbrough, as CSV",
            "/api/v1/observations.csv?parent=E06000002&type=ward&indicator=household-size",
        ),
        (
            "The latest of everything for local authorities, as Parquet",
            "/api/v1/observations.parquet?type=authority&latest=true",
        ),
    )
    problems = ("withheld", "archived", "too-much")

    file_name = "observations"
    params: ClassVar = (
        codes("area", "Areas, by code.", "E06000002"),
        codes(
            "parent",
            "Areas whose parts are asked for: at every level inside them, or at those that “type” "
            "or “edition” name. Added to “area”.",
            "E12000001",
            parameters.MOST_PARENTS,
        ),
        groups(
            "Areas of groups that were made under “Compare”, by the token in a group's address: "
            "how to ask for more areas than an address has room for. Added to “area”."
        ),
        *WHICH,
        REDISTRIBUTABLE,
        CURSOR_PARAM,
        parameters.limit(1_000, 10_000),
    )

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer a page of figures, or all as a file."""
        refuse_future(asked["as_at"])
        as_at, after = asked["as_at"], None
        if position := read_cursor(request, asked["cursor"]):
            as_at, after = read_position(position)
        wanted = Wanted(
            areas=asked["area"],
            parents=asked["parent"],
            groups=asked["group"],
            types=asked["type"],
            editions=asked["edition"],
            indicators=asked["indicator"],
            datasets=asked["dataset"],
            releases=asked["release"],
            periods=asked["period"],
            as_at=as_at,
            latest=asked["latest"],
            redistributable=asked["redistributable"],
        )
        selection = select(wanted)
        if request.accepted_renderer.format != "json":
            return self.whole(request, selection, self.file_name)
        if selection.withheld and not selection.series:
            refuse_withheld(selection)
        rows, onward = page(selection, after=after, limit=asked["limit"])
        onward_at = [selection.at.isoformat(), *onward] if onward else None
        head: dict[str, Any] = {
            "count": selection.count(),
            "as_at": instant(selection.at),
            "withheld": withheld_rows(selection),
            "withdrawn": withdrawn_rows(selection),
            "next": next_page(request, onward_at),
        }
        if not rows.height and after is None:
            head["message"] = why_nothing(wanted, selection)
        text = as_json(head)[:-1] + b',"results":[' + json_rows(rows) + b"]}"
        headers = {**link(head["next"]), **withdrawn_header(selection)}
        return self.reply(request, text, "application/json", **headers)


def read_position(position: Any) -> tuple[datetime, tuple[int, int]]:
    """Return the moment and the (series, ordinal) that a cursor of figures holds.

    Raises Problem where it holds anything else.
    """
    try:
        text, series, ordinal = position
        at = datetime.fromisoformat(text)
        if at.tzinfo is None or type(series) is not int or type(ordinal) is not int:
            raise ValueError
        # Its zone may lead beyond the years that there are.
        at = at.astimezone(UTC)
        if at > datetime.now(UTC) + CLOCKS_APART:
            raise ValueError
    except (TypeError, ValueError, OverflowError) as error:
        raise no_page() from error
    return at, (series, ordinal)


def withheld_rows(selection: Selection) -> list[dict[str, Any]]:
    """Return what is left out because its licence does not let it be passed on, and why."""
    return [
        {"release": w.release, "indicators": list(w.indicators), "reason": w.reason}
        for w in selection.withheld
    ]


def withdrawn_rows(selection: Selection) -> list[dict[str, Any]]:
    """Return the releases among these figures that have been taken back since, when and why."""
    return [one._asdict() for one in selection.withdrawn]


def withdrawn_header(selection: Selection) -> dict[str, str]:
    """Return the header that says the same of a file; the reasons are in the list of releases."""
    taken = [f'{one.release}; at="{one.withdrawn_at}"' for one in selection.withdrawn]
    if len(taken) > MOST_NAMED:
        taken = [*taken[:MOST_NAMED], f"and-others; n={len(taken) - MOST_NAMED}"]
    return {WITHDRAWN: ", ".join(taken)} if taken else {}


def why_nothing(wanted: Wanted, selection: Selection) -> str:
    """Return why no figure answers: the conditions without any one of which some would.

    Asks again without each condition, which only an empty answer is worth.
    """
    if selection.series and selection.candidates():
        return "What is published there says nothing of these areas."
    nothing = Wanted()
    given = [n for n in ASKED_AS if getattr(wanted, n)]
    if not given:
        return "No figures are published here yet."
    to_blame = []
    for name in given:
        try:
            other = select(replace(wanted, **{name: getattr(nothing, name)}))
        except InArchive:
            to_blame.append(f"“{ASKED_AS[name]}”")
            continue
        if other.withheld or (other.series and other.candidates()):
            to_blame.append(f"“{ASKED_AS[name]}”")
    if not to_blame:
        return "No figure meets these conditions, nor all but one of them. Ask for less at once."
    if len(given) == 1:
        return f"Nothing is published of this {to_blame[0]}."
    if len(to_blame) == 1:
        return f"No figure meets {to_blame[0]} together with the rest. Without it there are some."
    return (
        f"No figure meets {words.listed(to_blame)} at once. Without any one of them there are some."
    )


def refuse_withheld(selection: Selection) -> None:
    """Raise Problem where a file would lack figures that may not be passed on."""
    if not selection.withheld:
        return
    names = ", ".join(f"“{w.name}”" for w in selection.withheld[:3])
    others = " Give redistributable=true to leave them out." if selection.series else ""
    raise Problem(
        "withheld",
        f"The licence of {names} lets figures be shown but not passed on.{others}",
        withheld=withheld_rows(selection),
    )
