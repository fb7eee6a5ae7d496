"""The figures of a profile as tables to keep: one figure with all its evidence, or all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import polars as pl

from areas.models import Area
from indicators.insight.groups import COMBINED, MIDDLE, Group
from indicators.insight.live import Reading
from indicators.insight.profile import Figure, Profile
from indicators.models import Indicator, Release, Series
from indicators.presenters.figure import (
    Reader,
    figure_address,
    made_from,
    not_published,
    peers,
)
from indicators.presenters.groups import group_figure
from indicators.presenters.table import Column, Kind, Table
from indicators.presenters.words import long_date, place, unit_beside, url
from indicators.statistics.markers import MARKERS
from indicators.statistics.periods import period_text

TYPES: dict[Kind, Any] = {
    "text": pl.String,
    "number": pl.Float64,
    "whole": pl.Int64,
    "date": pl.Date,
}
# Positions in a series' quantiles, which are at 0, 5 … 100%.
SUMMARY = (
    ("lowest", 0),
    ("lower quartile", 5),
    ("median", 10),
    ("upper quartile", 15),
    ("highest", 20),
)
# What a row says of its reading and of where it comes from, in both tables.
OF_READING: tuple[tuple[str, str, Kind], ...] = (
    ("value", "Figure", "number"),
    ("unit", "Unit", "text"),
    ("lower", "Lower limit", "number"),
    ("upper", "Upper limit", "number"),
    ("numerator", "Numerator", "number"),
    ("denominator", "Denominator", "number"),
    ("marker", "Marker", "text"),
    ("note", "What the marker means, or why there is no figure", "text"),
    ("made", "How it was added up", "text"),
    ("coverage", "Share of its parts that it was added up from", "number"),
)
# Where a place has no figure of its own, the wider one's that stands for it on the page. It is in
# columns of its own: a row read by its code must never pass it off as the place's.
OF_WIDER: tuple[tuple[str, str, Kind], ...] = (
    ("code", "Code", "text"),
    ("name", "Name", "text"),
    ("value", "Figure", "number"),
    ("lower", "Lower limit", "number"),
    ("upper", "Upper limit", "number"),
    ("numerator", "Numerator", "number"),
    ("denominator", "Denominator", "number"),
    ("marker", "Marker", "text"),
    ("made", "How the figure was added up", "text"),
)
OF_RANK: tuple[tuple[str, str, Kind], ...] = (
    ("rank", "Rank, 1 the highest", "whole"),
    ("tied", "Areas on that rank", "whole"),
    ("out_of", "Areas ranked", "whole"),
    ("ranked_among", "Ranked among", "text"),
)
OF_SOURCE: tuple[tuple[str, str, Kind], ...] = (
    ("publisher", "Publisher", "text"),
    ("dataset", "Dataset", "text"),
    ("release", "Release", "text"),
    ("published", "Published", "date"),
    ("licence", "Licence", "text"),
    ("attribution", "Words that the licence asks for", "text"),
)
ONE: tuple[tuple[str, str, Kind], ...] = (
    ("code", "Code", "text"),
    ("name", "Place", "text"),
    ("role", "What the row is", "text"),
    ("statistic", "Statistic", "text"),
    ("indicator", "Indicator", "text"),
    ("indicator_name", "Indicator name", "text"),
    ("period", "Period", "text"),
    ("period_label", "Period in words", "text"),
    *OF_READING,
    *OF_RANK,
    *OF_SOURCE,
)
KEYS = ("region", "country", "widest", "group")
ALL: tuple[tuple[str, str, Kind], ...] = (
    ("code", "Code", "text"),
    ("name", "Place", "text"),
    ("indicator", "Indicator", "text"),
    ("indicator_name", "Indicator name", "text"),
    ("theme", "Theme", "text"),
    ("period", "Period", "text"),
    ("period_label", "Period in words", "text"),
    *OF_READING,
    *(
        (f"wider_{key}", f"Wider place: {heading[0].lower()}{heading[1:]}", kind)
        for key, heading, kind in OF_WIDER
    ),
    *(
        column
        for key in KEYS
        for column in (
            (f"{key}_code", f"Code of the {key}", "text"),
            (f"{key}_name", f"Name of the {key}", "text"),
            (f"{key}_value", f"Figure of the {key}", "number"),
        )
    ),
    ("group_is", "What the figure of the group is", "text"),
    *OF_RANK,
    *OF_SOURCE,
    ("url", "Address", "text"),
)


Sources = Mapping[int, Release]


def passed_on(series_id: int | None, sources: Sources) -> bool:
    """Return whether what a series says may go into a file."""
    return series_id is None or (series_id in sources and sources[series_id].may_be_passed_on)


def one_figure(figure: Figure, area: Area, sources: Sources, reader: Reader) -> Table:
    """Return everything that is shown of one figure, a row each.

    The place itself (or the wider one whose figure stands for it) at every period of the trend,
    the benchmarks, and a summary of its peers. Where nothing is held, one row says so. Without its
    numbers when its licence does not let us pass it on.
    """
    indicator, series, holder = figure.indicator, figure.series, figure.holder
    rows: list[dict[str, Any]] = []
    if series is None:
        rows.append(
            {
                "code": area.code,
                "name": area.name,
                "role": "this place",
                "statistic": "value",
                "indicator": indicator.slug,
                "indicator_name": indicator.name,
                "unit": whole_unit(indicator),
                "note": not_published(figure, area, None),
            }
        )
    if series is not None and holder is not None and series.release.may_be_passed_on:
        common = {"indicator": indicator.slug, "indicator_name": indicator.name}
        latest = of_period(series.period.start, series.period.end, series.period.label)
        here = "this place" if holder.pk == area.pk else f"a place that {area.name} is in"
        for point in figure.trend:
            last = point.live.series_id == series.pk
            if not passed_on(point.live.series_id, sources):
                continue
            rows.append(
                common
                | of_source(sources[point.live.series_id])
                | of_period(point.live.start, point.live.end, point.live.period)
                | {"code": holder.code, "name": holder.name, "role": here, "statistic": "value"}
                | of_reading(indicator, point.reading)
                | ({"made": made_from(figure) or None} | of_rank(figure) if last else {})
            )
        for benchmark in figure.benchmarks:
            if not passed_on(benchmark.series_id, sources):
                continue
            rows.append(
                common
                | (of_source(sources[benchmark.series_id]) if benchmark.series_id else {})
                | latest
                | {
                    "code": benchmark.area.code,
                    "name": benchmark.area.name,
                    "role": f"benchmark: {benchmark.key}",
                    "statistic": "value",
                }
                | of_reading(indicator, benchmark.reading)
            )
        if reader.group and figure.group:
            rows.append(
                common | latest | of_source(series.release) | of_group(figure, reader.group)
            )
        if series.n_values and series.quantiles:
            rows += [
                common
                | of_source(series.release)
                | latest
                | {
                    "code": indicator.scope.code,
                    "name": f"{series.n_values:,} {peers(series, indicator.scope)}",
                    "role": "peers",
                    "statistic": name,
                    "value": series.quantiles[at],
                    "unit": whole_unit(indicator),
                }
                for name, at in SUMMARY
            ]
    return table(
        f"{indicator.name}, {area.name}",
        ONE,
        rows,
        notes(area, reader, [figure], figure_address(indicator.slug)),
        withheld_of([figure]),
        indicator.decimals,
    )


def whole_profile(profile: Profile, sources: Sources, reader: Reader) -> Table:
    """Return every figure of a profile, a row each; what is not held is a row with its reason."""
    area = profile.area
    country = area if area.area_type_id == "country" else None
    country = country or next((a for a in profile.part_of if a.area_type_id == "country"), None)
    rows = []
    for figure in profile.figures:
        indicator, series, holder = figure.indicator, figure.series, figure.holder
        if series is not None and not series.release.may_be_passed_on:
            continue
        row: dict[str, Any] = {
            "code": area.code,
            "name": area.name,
            "indicator": indicator.slug,
            "indicator_name": indicator.name,
            "theme": indicator.theme.name,
            "url": f"{reader.site}{url(area)}{figure_address(indicator.slug)}",
        }
        if series is None or holder is None:
            row |= {
                "unit": whole_unit(indicator),
                "note": not_published(figure, area, country),
            }
        else:
            row |= of_period(series.period.start, series.period.end, series.period.label)
            row |= of_source(series.release)
            read = of_reading(indicator, figure.reading) | {"made": made_from(figure) or None}
            if holder.pk == area.pk:
                row |= read | of_rank(figure)
            else:
                read |= {"code": holder.code, "name": holder.name}
                row |= {f"wider_{key}": read.get(key) for key, *_ in OF_WIDER}
                row |= {
                    "unit": whole_unit(indicator),
                    "note": f"{not_published(figure, area, country)}; that of {place(holder)} is "
                    "in the columns of a wider place",
                }
            for benchmark in figure.benchmarks:
                if not passed_on(benchmark.series_id, sources):
                    continue
                row |= {
                    f"{benchmark.key}_code": benchmark.area.code,
                    f"{benchmark.key}_name": benchmark.area.name,
                    f"{benchmark.key}_value": benchmark.reading and benchmark.reading.value,
                }
            if reader.group and figure.group:
                row |= {
                    "group_code": reader.group.token,
                    "group_name": reader.group.name,
                    "group_value": figure.group.value,
                    # A middle of its members is not the group's own figure.
                    "group_is": group_figure(figure.group, indicator)["words"],
                }
        rows.append(row)
    withheld = withheld_of(profile.figures)
    return table(
        f"Every figure of {area.name}", ALL, rows, notes(area, reader, profile.figures), withheld
    )


def profile_map(profile: Profile, reader: Reader, edition: str) -> Table:
    """Return the place as one row, a column a figure of its own, for formats with outlines."""
    area = profile.area
    columns = [Column("code", "Code"), Column("name", "Place")]
    row: dict[str, Any] = {"code": area.code, "name": area.name}
    for figure in profile.figures:
        series, indicator = figure.series, figure.indicator
        if series is None or figure.holder is None or figure.holder.pk != area.pk:
            continue
        if not series.release.may_be_passed_on:
            continue
        text = period_text(series.period.start, series.period.end)
        columns.append(
            Column(
                indicator.slug,
                indicator.name,
                "number",
                indicator.decimals,
                whole_unit(indicator),
                text,
                f"{series.release.dataset.publisher}, {series.release.name}",
                series.release.licence.name,
            )
        )
        columns.append(Column(f"{indicator.slug}_period", f"Period of {indicator.name}"))
        row[indicator.slug] = figure.reading and figure.reading.value
        row[f"{indicator.slug}_period"] = text
    schema = {c.key: TYPES[c.kind] for c in columns}
    return Table(
        f"Figures of {area.name}",
        columns,
        pl.DataFrame([row], schema=schema),
        notes(area, reader, profile.figures),
        withheld_of(profile.figures),
        edition,
    )


def table(
    title: str,
    fields: Iterable[tuple[str, str, Kind]],
    rows: list[dict[str, Any]],
    said: list[tuple[str, str]],
    withheld: list[str],
    decimals: int = 2,
) -> Table:
    """Return rows as a table; without columns of numbers when all of it is withheld."""
    columns = [
        Column(key, heading, kind, decimals if kind == "number" else 0)
        for key, heading, kind in fields
        if rows or not withheld or kind == "text"
    ]
    schema = {c.key: TYPES[c.kind] for c in columns}
    filled = [{key: row.get(key) for key in schema} for row in rows]
    return Table(title, columns, pl.DataFrame(filled, schema=schema), said, withheld)


def withheld_of(figures: Iterable[Figure]) -> list[str]:
    """Return the names of the figures whose licence does not let us pass them on."""
    return [
        f.indicator.name
        for f in figures
        if f.series is not None and not f.series.release.may_be_passed_on
    ]


def notes(
    area: Area, reader: Reader, figures: Iterable[Figure], query: str = ""
) -> list[tuple[str, str]]:
    """Return what must travel with the figures: address, day, definitions and licences."""
    said = [
        ("Place", f"{area.name} ({area.code})"),
        ("Address", f"{reader.site}{url(area)}{query}"),
        ("As at", long_date(reader.on)),
    ]
    licences: dict[str, str] = {}
    for figure in figures:
        words = (figure.indicator.definition, figure.indicator.method, figure.indicator.caveats)
        said.append((figure.indicator.name, " ".join(w for w in words if w)))
        if figure.series is not None:
            release = figure.series.release
            licences[f"{release.dataset.publisher}, {release.name}"] = (
                f"{release.licence.name}. {release.licence.attribution}".strip()
            )
    return [*said, *licences.items()]


def of_period(start: date, end: date, label: str) -> dict[str, str]:
    """Return a period, for files and for readers."""
    return {"period": period_text(start, end), "period_label": label}


def of_reading(indicator: Indicator, reading: Reading | None) -> dict[str, Any]:
    """Return a reading whole: value, limits, parts, marker; or that there is none."""
    if reading is None:
        return {"unit": whole_unit(indicator), "note": "not available"}
    marker = MARKERS[reading.marker]
    return {
        "value": reading.value,
        "unit": whole_unit(indicator),
        "lower": reading.lower,
        "upper": reading.upper,
        "numerator": reading.numerator,
        "denominator": reading.denominator,
        "marker": f"[{marker.letters}]" if marker.letters else None,
        "note": marker.meaning or (None if reading.value is not None else "not available"),
        "coverage": reading.coverage,
    }


def of_group(figure: Figure, group: Group) -> dict[str, Any]:
    """Return a group that the reader compares with: its combined figure or the middle of it."""
    reading = figure.group
    if reading is None:
        return {}
    kinds = {COMBINED: "value", MIDDLE: "median of its members"}
    return {
        "code": group.token,
        "name": f"{group.name} ({reading.n_data} of {reading.n_members} areas with a figure)",
        "role": "benchmark: group",
        "statistic": kinds.get(reading.kind, "value"),
        "value": reading.value,
        "unit": whole_unit(figure.indicator),
        "numerator": reading.numerator,
        "denominator": reading.denominator,
        "note": reading.reason or None,
        "coverage": reading.coverage,
    }


def of_rank(figure: Figure) -> dict[str, Any]:
    """Return the rank in the widest group, or nothing."""
    series: Series | None = figure.series
    if series is None or not figure.ranks:
        return {}
    rank = figure.ranks[0]
    return {
        # Counted from the highest, as in every other file and table.
        "rank": rank.out_of - (rank.rank + rank.tied - 1) + 1,
        "tied": rank.tied,
        "out_of": rank.out_of,
        "ranked_among": peers(series, rank.group),
    }


def of_source(release: Release) -> dict[str, Any]:
    """Return where a figure is from, and under what licence."""
    return {
        "publisher": release.dataset.publisher,
        "dataset": release.dataset.name,
        "release": release.name,
        "published": release.publisher_date,
        "licence": release.licence.name,
        "attribution": release.licence.attribution,
    }


def whole_unit(indicator: Indicator) -> str:
    """Return the whole unit: £, %, minutes."""
    return f"{indicator.prefix} {unit_beside(indicator)}".strip()
