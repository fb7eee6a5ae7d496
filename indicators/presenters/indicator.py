"""The page of an indicator, and the list of all of them, as plain dicts and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import numpy as np
import polars as pl
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from areas.models import Area, AreaType, Edition
from areas.roster import roster
from indicators.insight.groups import COMBINED, GroupReading
from indicators.insight.groups import Group as Benchmark
from indicators.insight.indicator import (
    Across,
    End,
    Entry,
    Group,
    Held,
    Moment,
    Value,
    levels_of,
    parent_of,
)
from indicators.insight.kept import Kept
from indicators.models import Indicator, Period, Series
from indicators.presenters import map as map_presenter
from indicators.presenters.figure import BREAK, moved_from, position, source
from indicators.presenters.groups import group_figure, group_head
from indicators.presenters.table import Column, Table
from indicators.presenters.words import (
    NOT_HELD,
    NOT_HELD_NOTE,
    amount,
    cited,
    listed,
    long_date,
    numbers,
    place,
    unit_beside,
    why_missing,
    with_prefix,
)
from indicators.statistics.classes import classify
from indicators.statistics.markers import MARKERS
from indicators.statistics.rank import Ints

PAGE_ROWS = 400
BLOCK = 256
# A wider area with fewer peers than this is said by itself: no quartiles of four countries.
FEWEST_IN_WORDS = 10
CHART_HEIGHT = 220
LABEL_STEP = 19
DIRECTIONS = {
    Indicator.Polarity.HIGHER: "Higher is better.",
    Indicator.Polarity.LOWER: "Lower is better.",
    Indicator.Polarity.NONE: "Neither direction is better.",
}


def address(slug: str, **query: Any) -> str:
    """Return the address of an indicator's page; empty parts of the query are left out."""
    said = {k: v for k, v in query.items() if v}
    return f"/indicators/{slug}/" + (f"?{urlencode(said, safe='/,')}" if said else "")


def level_names(editions: Sequence[Edition]) -> dict[int, str]:
    """Return the plural of each edition by its id, with its year where a type has several."""
    kinds = [e.area_type_id for e in editions]
    return {
        e.pk: e.area_type.name_plural
        + (f" {e.date.year}" if kinds.count(e.area_type_id) > 1 else "")
        for e in editions
    }


# The answer


def answer(across: Across) -> list[str]:
    """Return the answer for the widest area and how the areas of the level differ: sentences."""
    indicator, whole = across.indicator, across.whole
    scope = place(indicator.scope)
    period = across.series.period
    when = f"{'on' if period.kind == Period.Kind.POINT else 'in'} {period.label}"
    sentences = []
    if across.widest is not None and across.widest.value is not None:
        sentences.append(
            f"{indicator.name} stood at {amount(across.widest.value, indicator)} in {scope} {when}."
        )
    else:
        sentences.append(f"No figure is held for {scope} as a whole {when}.")
    if whole is None or whole.n_members <= 1:
        return sentences
    kind = across.chosen.edition.area_type
    if whole.n_values == 0:
        return [*sentences, f"None of its {whole.n_members:,} {kind.name_plural} has a figure."]
    if whole.n_values == 1 or whole.lowest is None or whole.highest is None:
        return [*sentences, f"One {kind.name} has a figure."]
    among = f"{whole.n_values:,} {kind.name_plural}"
    if whole.n_values < whole.n_members:
        among = f"the {whole.n_values:,} of {whole.n_members:,} {kind.name_plural} with a figure"
    if whole.lowest.value == whole.highest.value:
        every = f"Every one of {among} has the same: {amount(whole.lowest.value, indicator)}."
        return [*sentences, every]
    middle = ""
    if whole.median is not None:
        middle = f"; half were at or below {with_prefix(whole.median, indicator)}"
    subject = indicator.name
    if across.widest is not None and across.widest.value is not None:
        subject = "It"
    sentences.append(
        f"{subject} ran from {end_words(whole.lowest, across)} to "
        f"{end_words(whole.highest, across)} among {among}{middle}."
    )
    return sentences


def end_words(end: End, across: Across) -> str:
    """Return “£21,300 in Ashby”, or how many areas share the value."""
    text = with_prefix(end.value, across.indicator)
    if len(end.ordinals) > 1:
        return f"{text} (in {len(end.ordinals):,} of them)"
    return f"{text} in {name_of(across, end.ordinals[0])}"


def name_of(across: Across, ordinal: int) -> str:
    """Return an area's name, with the place people know where the name is a number."""
    row = across.roster.frame.row(ordinal, named=True)
    return row["name"] + (f" ({row['known_as']})" if row["known_as"] else "")


def quantile_words(across: Across) -> str:
    """Return the shape of the distribution in words, from the quantiles of the series."""
    q = across.series.quantiles
    if len(q) < 21 or across.series.n_values < FEWEST_IN_WORDS:
        return ""
    tenth, quarter, half, upper, top = (
        with_prefix(q[i], across.indicator) for i in (2, 5, 10, 15, 18)
    )
    plural = across.chosen.edition.area_type.name_plural
    return (
        f"A tenth of the {plural} are at or below {tenth} and a tenth at or above {top}. The "
        f"middle half lie between {quarter} and {upper}, with {half} in the middle."
    )


# Method and source


def made_larger(across: Across) -> list[str]:
    """Return how figures of larger areas are made, and how those on the page were."""
    indicator, series = across.indicator, across.series
    top = indicator.numerator_name or "the part"
    bottom = indicator.denominator_name or "the whole"
    rule = {
        Indicator.Aggregation.SUM: (
            "Figures of larger areas are the totals of smaller ones. A total is not shown when any "
            "part of it is missing."
        ),
        Indicator.Aggregation.RATIO: (
            f"Figures of larger areas are made by adding up both parts ({top}; {bottom}) and "
            "dividing again, never by averaging rates."
        ),
        Indicator.Aggregation.WEIGHTED_MEAN: (
            f"Figures of larger areas are means of smaller ones, each weighed by {bottom}."
        ),
        Indicator.Aggregation.NONE: (
            "Figures cannot be added up: they are shown only for areas that the publisher gives."
        ),
    }[Indicator.Aggregation(indicator.aggregation)]
    plural = series.edition.area_type.name_plural
    if series.origin == Series.Origin.PUBLISHED:
        made = f"Those of {plural} are as published."
    elif series.origin == Series.Origin.CONVERTED:
        made = f"Those of {plural} were {moved_from(series)}."
    else:
        fit = " by best fit" if series.best_fit else ""
        made = f"Those of {plural} were added up{fit} from smaller areas."
    return [rule, made]


def method(across: Across) -> dict[str, Any]:
    """Return definition, method, cautions, direction, scope, how larger areas are made, source."""
    indicator, series = across.indicator, across.series
    return {
        "definition": indicator.definition,
        "method": indicator.method,
        "caveats": indicator.caveats,
        "direction": DIRECTIONS[Indicator.Polarity(indicator.polarity)],
        "scope": f"Comparable across {place(indicator.scope)}.",
        "scope_name": place(indicator.scope),
        "larger": made_larger(across),
        "numerator": indicator.numerator_name,
        "denominator": indicator.denominator_name,
        "unit": indicator.unit,
        "source": source(series.release, series.period.label),
        "cadence": series.release.dataset.cadence,
    }


# The map


def whole_values(across: Across) -> dict[str, Any]:
    """Return what the map of a whole level fetches: a digit an area, and no names.

    `classes` has a character for each ordinal: the shade 1 to 5, 0 without a value, and a
    minus for areas beyond the scope.
    """
    series = across.series
    ramp = np.array([0, *map_presenter.shades(len(series.class_breaks) + 1)])
    digits = ramp[across.classes].astype(np.uint8) + ord("0")
    digits[~across.inside] = ord("-")
    return {
        "indicator": across.indicator.slug,
        "label": across.indicator.name,
        "unit": map_presenter.unit_of(series),
        "period": series.period.label,
        "edition": across.chosen.edition.slug,
        "classes": digits.tobytes().decode("ascii"),
        "legend": map_presenter.legend(across.as_inside()),
        "source": cited(series.release),
        "details": details_url(across),
        "block": BLOCK,
    }


def values_url(slug: str, chosen: Held) -> str:
    """Return where the map of a whole level fetches its classes."""
    return f"/map/{chosen.edition.slug}/{slug}/all.json?period={chosen.text}"


def details_url(across: Across) -> str:
    """Return where names and figures of a block are fetched: add `&block=` and a number."""
    return (
        f"/map/{across.chosen.edition.slug}/{across.indicator.slug}/areas.json"
        f"?period={across.chosen.text}"
    )


def block_values(across: Across, block: int) -> dict[str, Any]:
    """Return names and figures of ordinals `block` × 256 and on; empty lists beyond the last."""
    at = np.arange(block * BLOCK, min((block + 1) * BLOCK, across.roster.frame.height))
    part = across.roster.frame[block * BLOCK : (block + 1) * BLOCK]
    return {
        "block": block,
        "codes": part["code"].to_list(),
        "names": part["name"].to_list(),
        "known_as": part["known_as"].to_list(),
        "texts": value_texts(across, at),
        "missing": [missing_words(across, i) for i in at.tolist()],
    }


def value_texts(across: Across, at: Ints) -> list[str]:
    """Return the figure of each ordinal in `at` with its marker, or nothing."""
    indicator, values = across.indicator, across.values[at]
    known = ~np.isnan(values)
    texts = iter(numbers(values[known], indicator.decimals))
    unit = "%" if indicator.unit == "%" else ""
    return [
        f"{indicator.prefix}{next(texts)}{unit}{map_presenter.flag(marker)}" if has else ""
        for has, marker in zip(known.tolist(), across.markers[at].tolist(), strict=True)
    ]


def missing_words(across: Across, ordinal: int) -> str:
    """Return why an area has no figure, or nothing where it has one."""
    if not np.isnan(across.values[ordinal]):
        return ""
    if not across.inside[ordinal]:
        return f"not comparable outside {place(across.indicator.scope)}"
    return why_missing(int(across.markers[ordinal]))


def map_note(across: Across) -> str:
    """Return what stands beneath the map: approximate outlines, and what is plain grey."""
    edition = across.series.edition
    notes = []
    if edition.approximate and edition.boundary_note:
        notes.append(f"These outlines are approximate. {edition.boundary_note}")
    if not across.inside.all():
        notes.append(
            f"Plain grey areas lie outside {place(across.indicator.scope)}, where this figure is "
            "not comparable."
        )
    return " ".join(notes)


# A group to compare with


def against(across: Across, group: Benchmark, reading: GroupReading | None) -> dict[str, Any]:
    """Return what a group of areas says here, and where to look if this level is not its own."""
    here = across.chosen
    figure = group_figure(reading, across.indicator)
    own_level = next((e for e in levels_of(across.held) if e.area_type == group.area_type), None)
    other = ""
    if reading is None and own_level is not None and own_level != here.edition:
        other = address(across.indicator.slug, level=own_level.slug, **{"with": group.token})
    value = amount(reading.value, across.indicator) if reading and reading.value is not None else ""
    return {
        **group_head(group),
        "value": value,
        "words": figure["words"],
        "other": other,
        "other_name": group.area_type.name_plural,
        "without": address(across.indicator.slug, level=here.edition.slug, period=here.text),
    }


# The distribution


def distribution(
    across: Across, benchmark: Benchmark | None = None, reading: GroupReading | None = None
) -> dict[str, Any] | None:
    """Return the histogram of the level, with a mark for each wider area that has a figure.

    And one for a group of areas to compare with, where it has one.
    """
    series, indicator = across.series, across.indicator
    low, high = series.plot_low, series.plot_high
    if low is None or high is None or series.n_values < FEWEST_IN_WORDS or low == high:
        return None
    n = len(series.histogram)
    middles = low + (np.arange(n) + 0.5) * (high - low) / n
    shades = map_presenter.shades(len(series.class_breaks) + 1)
    classes = classify(middles, series.class_breaks, indicator.decimals)
    top = max(series.histogram)
    bars = [
        {
            "x": round(1000 * i / n, 1),
            "width": round(1000 / n - 1.5, 1),
            "height": max(1.0, round(100 * count / top, 1)),
            "y": round(100 - max(1.0, 100 * count / top), 1),
            "class": shades[int(shade) - 1],
        }
        for i, (count, shade) in enumerate(zip(series.histogram, classes.tolist(), strict=True))
        if count
    ]
    marked = [
        ("widest" if group is across.whole else "country", group.area.name, group.own.value)
        for group in [across.whole, *across.groups]
        if group is not None and group.own.value is not None and group.area.area_type_id != "region"
    ]
    if benchmark is not None and reading is not None and reading.value is not None:
        middle = "" if reading.kind == COMBINED else ", middle one"
        marked.append(("group", f"{benchmark.name}{middle}", reading.value))
    marks: list[dict[str, Any]] = []
    for key, name, value in marked:
        x = position(value, series)
        if x is not None:
            marks.append(
                {
                    "x": x,
                    "name": name,
                    "text": with_prefix(value, indicator),
                    "key": key,
                    "left": x > 55,
                    "row": len(marks),
                    "y": 10 + 22 * len(marks),
                }
            )
    words = quantile_words(across)
    plural = across.chosen.edition.area_type.name_plural
    return {
        "bars": bars,
        "marks": marks,
        "marks_height": 22 * len(marks),
        "low": with_prefix(low, indicator),
        "high": with_prefix(high, indicator),
        "low_clipped": series.quantiles[0] < low,
        "high_clipped": series.quantiles[-1] > high,
        "most": f"{top:,}",
        "peers": f"{series.n_values:,} {plural} in {n} equal steps, the most in one step {top:,}",
        "words": words,
        "alt": f"Histogram of {series.n_values:,} {plural}. {words}",
    }


# Countries and regions apart


def summary(across: Across) -> dict[str, Any] | None:
    """Return a row for the scope, each country in it and each English region, or None."""
    if across.whole is None or (not across.groups and across.whole.n_members <= 1):
        return None
    rows = [group_row(across.whole, across)]
    for group in across.groups:
        if group.area.area_type_id == "country":
            rows.append(group_row(group, across))
    regions = [g for g in across.groups if g.area.area_type_id == "region"]
    england = next((i for i, r in enumerate(rows) if r["code"] == "E92000001"), len(rows) - 1)
    rows[england + 1 : england + 1] = [group_row(g, across) | {"inner": True} for g in regions]
    kind = across.chosen.edition.area_type
    countries = any(r["code"][:3] != "E12" for r in rows[1:])
    heading = "Countries and English regions" if regions else "Countries"
    return {
        "heading": heading if countries or not regions else f"Regions of {rows[0]['name']}",
        "rows": rows,
        "plural": kind.name_plural,
        "unit": map_presenter.unit_of(across.series),
        "own": any(r["own"] for r in rows),
    }


def group_row(group: Group, across: Across) -> dict[str, Any]:
    """Return a wider area with its own figure and the spread of the areas inside it."""
    indicator = across.indicator
    some = group.n_values < group.n_members
    return {
        "code": group.area.code,
        "name": group.area.name,
        "url": f"/areas/{group.area.code}/",
        "inner": False,
        "own": wide_value(group.own, indicator),
        "why": why_missing(group.own.marker),
        "n": f"{group.n_values:,} of {group.n_members:,}" if some else f"{group.n_values:,}",
        "median": "" if group.median is None else with_prefix(group.median, indicator),
        "ends": [end_cell(group.lowest, across), end_cell(group.highest, across)],
        "spread": spread(group, across),
    }


def spread(group: Group, across: Across) -> dict[str, Any] | None:
    """Return where a group's lowest, middle, highest and own figure stand, in percent of a line."""
    low, high = across.series.plot_low, across.series.plot_high
    if None in (group.median, group.lowest, group.highest) or low == high:
        return None
    series = across.series
    return {
        "low": position(group.lowest.value, series) if group.lowest else None,
        "high": position(group.highest.value, series) if group.highest else None,
        "median": position(group.median or 0.0, series),
        "own": None if group.own.value is None else position(group.own.value, series),
        "key": {"country": "country", "region": "region"}.get(group.area.area_type_id, "widest"),
    }


def wide_value(value: Value, indicator: Indicator) -> str:
    """Return the figure of a wider area with its marker, or nothing."""
    if value.value is None:
        return ""
    return with_prefix(value.value, indicator) + map_presenter.flag(value.marker)


def end_cell(end: End | None, across: Across) -> dict[str, str] | None:
    """Return the lowest or highest value, and the area that has it or how many do."""
    if end is None:
        return None
    text = with_prefix(end.value, across.indicator)
    if len(end.ordinals) > 1:
        return {"text": text, "name": f"{len(end.ordinals):,} areas", "url": ""}
    row = across.roster.frame.row(end.ordinals[0], named=True)
    name = row["name"] + (f" ({row['known_as']})" if row["known_as"] else "")
    return {"text": text, "name": name, "url": f"/areas/{row['code']}/"}


# Over time


def history(across: Across, group: str = "") -> dict[str, Any] | None:
    """Return every period of this kind at this level, as a table and as lines, or None for one."""
    indicator = across.indicator
    if len(across.history) < 2:
        return None
    known = {code for m in across.history for code, v in m.wider.items() if v.value is not None}
    lines = [
        a
        for a in across.wider
        if a.code in known and (a.pk == indicator.scope.pk or a.area_type_id == "country")
    ]
    breaks = sorted(
        {
            m.series.period.label
            for m in across.history
            for v in m.wider.values()
            if v.marker == BREAK
        }
    )
    rows = [
        {
            "label": m.series.period.label,
            "url": address(
                indicator.slug,
                level=m.held.edition.slug,
                period=m.held.text,
                **{"with": group},
            ),
            "selected": m.held.series_id == across.chosen.series_id,
            "values": [
                wide_value(value, indicator) or f"no data: {why_missing(value.marker)}"
                for value in (m.wider.get(a.code, Value(None, 0)) for a in lines)
            ],
            "n": f"{m.series.n_values:,} of {m.series.n_members:,}"
            if m.series.n_values < m.series.n_members
            else f"{m.series.n_values:,}",
            "median": with_prefix(m.series.quantiles[10], indicator) if m.series.quantiles else "",
            "release": m.series.release.name,
        }
        for m in reversed(across.history)
    ]
    left = across.n_periods - len(across.history)
    return {
        "names": [a.name for a in lines],
        "rows": rows,
        "plural": across.chosen.edition.area_type.name_plural,
        "unit": map_presenter.unit_of(across.series),
        "chart": chart(across.history, lines, indicator, across.chosen.edition.area_type),
        "breaks": f"There is a break in the series at {listed(breaks)}." if breaks else "",
        "left_out": (
            f"Only the latest {len(across.history)} of {across.n_periods} periods are shown here."
            if left > 0
            else ""
        ),
    }


def chart(
    moments: Sequence[Moment], lines: Sequence[Area], indicator: Indicator, kind: AreaType
) -> dict[str, Any] | None:
    """Return lines over time in a box of 1000 by `CHART_HEIGHT`, labelled where they end.

    Of the areas in `lines`, or the median of the level where none of them has a figure.
    """
    days = np.array([m.held.period.end.toordinal() for m in moments], dtype=float)
    named = [
        (
            a.name,
            [m.wider.get(a.code, Value(None, 0)).value for m in moments],
            "widest" if a.pk == indicator.scope.pk else "country",
        )
        for a in lines
    ]
    if not named:
        medians = [m.series.quantiles[10] if m.series.quantiles else None for m in moments]
        named = [(f"Middle of the {kind.name_plural}", medians, "area")]
    everything = np.array([v for _, vs, _ in named for v in vs if v is not None])
    if len(everything) < 2 or days[0] == days[-1]:
        return None
    low, high = float(everything.min()), float(everything.max())
    pad = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    low, high = low - pad, high + pad
    x = np.round(1000 * (days - days[0]) / (days[-1] - days[0]), 1)

    def y(value: float) -> float:
        return round(CHART_HEIGHT * (high - value) / (high - low), 1)

    drawn = []
    for name, values, key in named:
        points = [(a, v) for a, v in zip(x.tolist(), values, strict=True) if v is not None]
        if not points:
            continue
        last_x, last = points[-1]
        drawn.append(
            {
                "name": name,
                "key": key,
                "path": "M" + "L".join(f"{a:g} {y(v):g}" for a, v in points),
                "dots": [{"x": round(a / 10, 2), "y": y(v)} for a, v in points],
                "text": with_prefix(last, indicator),
                "end_y": y(last),
                "x": round(last_x / 10, 2),
            }
        )
    apart(drawn)
    return {
        "lines": drawn,
        "height": CHART_HEIGHT,
        "high": with_prefix(high - pad, indicator),
        "low": with_prefix(low + pad, indicator),
        "high_y": y(high - pad),
        "low_y": y(low + pad),
        "first": moments[0].series.period.label,
        "last": moments[-1].series.period.label,
        "alt": f"{listed([d['name'] for d in drawn])} over {len(moments)} periods, from "
        f"{moments[0].series.period.label} to {moments[-1].series.period.label}; the table has "
        "every figure.",
    }


def apart(drawn: list[dict[str, Any]]) -> None:
    """Give each line a `label_y` of its own, as near to its end as leaves room to read."""
    order = sorted(drawn, key=lambda d: d["end_y"])
    last = -LABEL_STEP / 2
    for line in order:
        last = line["label_y"] = max(line["end_y"], last + LABEL_STEP)
    over = last - (CHART_HEIGHT - 4)
    for line in reversed(order):
        if over <= 0:
            break
        line["label_y"] -= over
        above = order[order.index(line) - 1] if order.index(line) else None
        over = 0 if above is None else above["label_y"] + LABEL_STEP - line["label_y"]
    for line in drawn:
        line["label_y"] = round(line["label_y"], 1)


# The table


def table_rows(across: Across, order: Ints) -> list[dict[str, Any]]:
    """Return a row for each ordinal in `order`: area, place, figure, class and rank."""
    if not len(order):
        return []
    who = across.roster
    part = who.frame[order.astype(np.uint32)]
    ramp = [0, *map_presenter.shades(len(across.series.class_breaks) + 1)]
    up = parent_of(across)
    names: list[str] = []
    codes: list[str] = []
    if up:
        wider = roster(up[0], who.version).frame
        names, codes = wider["name"].to_list(), wider["code"].to_list()
    above = up[1][order].tolist() if up else [-1] * len(order)
    from_top = across.out_of - (across.rank[order] + across.tied[order] - 1) + 1
    values = across.values[order]
    low, high = across.series.plot_low or 0.0, across.series.plot_high or 0.0
    start = min(0.0, low)
    reach = max(high - start, 1e-12)
    bars = np.clip(100 * np.nan_to_num(values - start) / reach, 0, 100).round(1)
    columns = zip(
        order.tolist(), part["code"].to_list(), part["name"].to_list(),
        part["known_as"].to_list(), above, from_top.tolist(), across.tied[order].tolist(),
        across.classes[order].tolist(), value_texts(across, order), bars.tolist(),
        strict=True,
    )  # fmt: skip
    return [
        {
            "ordinal": at,
            "code": code,
            "name": name,
            "known_as": f"in {known}" if known else "",
            "parent": names[parent] if parent >= 0 else "",
            "parent_code": codes[parent] if parent >= 0 else "",
            "text": text,
            "missing": "" if text else missing_words(across, at),
            "class": ramp[shade] or "missing",
            "rank": f"{rank:,}{'=' if tied > 1 else ''}" if text else "",
            "bar": bar if text else 0,
        }
        for at, code, name, known, parent, rank, tied, shade, text, bar in columns
    ]


ROW = (
    '<tr data-code="{code}" data-ordinal="{ordinal}"><th scope="row"><span class="swatch '
    'swatch-{cls}" aria-hidden="true"></span><a href="/areas/{code}/">{name}</a>{known}</th>{place}'
    '<td class="num{quiet}">{text}</td><td class="bar-cell" aria-hidden="true">{bar}</td>'
    '<td class="num">{rank}</td></tr>\n'
)


def table_body(across: Across, order: Ints) -> SafeString:
    """Return the rows of the table as HTML: by the template engine they take thrice as long."""
    with_place = parent_of(across) is not None
    parts = []
    for row in table_rows(across, order):
        known = (
            f' <span class="known-as">{escape(row["known_as"])}</span>' if row["known_as"] else ""
        )
        where = ""
        if with_place:
            name = escape(row["parent"])
            where = (
                f'<td><a href="/areas/{row["parent_code"]}/">{name}</a></td>'
                if name
                else "<td></td>"
            )
        text = row["text"] or ("no data" + (f": {row['missing']}" if row["missing"] else ""))
        bar = (
            f'<svg width="100%" height="10" focusable="false"><rect class="fill-{row["class"]}" '
            f'width="{row["bar"]}%" height="10"/></svg>'
            if row["text"]
            else ""
        )
        parts.append(
            ROW.format(
                code=row["code"],
                ordinal=row["ordinal"],
                cls=row["class"],
                name=escape(row["name"]),
                known=known,
                place=where,
                quiet="" if row["text"] else " is-missing",
                text=escape(text),
                bar=bar,
                rank=row["rank"],
            )
        )
    return mark_safe("".join(parts))  # noqa: S308 Every part is escaped above, or a code.


def files_table(across: Across, order: Ints, page: str) -> Table:
    """Return the whole level as a table for files: codes, names, places, value, marker, rank.

    Values are whole, not as printed. Where the licence of the release does not let us pass its
    figures on, they are left out and named.
    """
    indicator, series, who = across.indicator, across.series, across.roster
    release = series.release
    free = release.may_be_passed_on
    own = [Column("code", "Code"), Column("name", "Name")]
    if (who.frame["known_as"] != "").any():
        own.append(Column("known_as", "Known as"))
    columns = list(own)
    data: dict[str, Any] = {}
    rank_here = across.chosen.edition.area_type.rank
    for wider, at in sorted(who.parents.items(), key=lambda pair: -pair[0].area_type.rank):
        kind = wider.area_type
        if kind.slug not in {"authority", "region", "country"} or kind.rank >= rank_here:
            continue
        up = roster(wider, who.version).frame
        index = pl.Series(np.where(at < 0, up.height, at)[order].astype(np.uint32))
        for part, heading in (("code", f"{kind.name.capitalize()} code"),
                              ("name", kind.name.capitalize())):  # fmt: skip
            key = f"{kind.slug}_{part}"
            padded = up[part].append(pl.Series([None], dtype=pl.String))
            data[key] = padded.gather(index)
            columns.append(Column(key, heading))
    base = who.frame.select([c.key for c in own])[order.astype(np.uint32)]
    if free:
        # A figure without a marker needs none; without a figure there is always a reason.
        letters = pl.Series([m.letters or None for m in MARKERS] + [NOT_HELD], dtype=pl.String)
        at_all = np.isnan(across.values) & (across.markers == 0)
        marked = np.where(at_all, len(MARKERS), across.markers)
        rank = across.out_of - (across.rank + across.tied - 1) + 1
        data["value"] = pl.Series(across.values[order]).fill_nan(None)
        data["marker"] = letters.gather(pl.Series(marked[order].astype(np.uint32)))
        data["rank"] = (
            pl.DataFrame({"r": rank[order], "of": across.rank[order]})
            .select(pl.when(pl.col("of") > 0).then(pl.col("r")).cast(pl.Int64))
            .to_series()
        )
        columns += [
            Column(
                "value", indicator.name, "number", indicator.decimals, unit_beside(indicator),
                series.period.label, f"{release.dataset.publisher}, {release.name}",
                release.licence.name,
            ),
            Column("marker", "Marker"),
            Column("rank", f"Rank in {place(indicator.scope)}, 1 the highest", "whole"),
        ]  # fmt: skip
    frame = base.with_columns(**data).select([c.key for c in columns])
    return Table(
        title=f"{indicator.name}, {series.period.label}: {across.chosen.edition.name}",
        columns=columns,
        frame=frame,
        notes=file_notes(across, page),
        withheld=() if free else (indicator.name,),
        each_row=(
            ("period", across.chosen.text),
            ("unit", unit_beside(indicator)),
            ("release", release.slug),
            ("source", f"{release.dataset.publisher}, {release.name}"),
            ("licence", release.licence.name),
        ),
        edition=across.chosen.edition.slug,
    )


def file_notes(across: Across, page: str) -> list[tuple[str, str]]:
    """Return what must travel with the figures."""
    indicator, series = across.indicator, across.series
    about = source(series.release, series.period.label)
    used = sorted({int(m) for m in np.unique(across.markers) if m})
    notes = [
        ("Indicator", indicator.name),
        ("Definition", indicator.definition),
        ("Method", indicator.method),
        ("Take care", indicator.caveats),
        ("Unit", indicator.unit),
        ("Period", series.period.label),
        ("Areas", across.chosen.edition.name),
        ("Which direction is better", DIRECTIONS[Indicator.Polarity(indicator.polarity)]),
        ("Comparable across", place(indicator.scope)),
        ("How larger areas are made", " ".join(made_larger(across))),
        ("Source", f"{about['publisher']}, {about['dataset']}, {about['release']}"),
        ("Published", about["published"]),
        ("Licence", f"{about['licence']} {about['licence_url']}".strip()),
        ("Attribution", series.release.licence.attribution),
        (
            "Markers",
            "; ".join(f"{MARKERS[m].letters}: {MARKERS[m].meaning}" for m in used if m),
        ),
        NOT_HELD_NOTE if (np.isnan(across.values) & (across.markers == 0)).any() else ("", ""),
        ("Empty values", "An empty value is missing; it is never nought."),
        ("Address", page),
    ]
    return [(name, words) for name, words in notes if words]


# Other pages


def levels(across: Across, group: str = "") -> list[dict[str, Any]]:
    """Return the links to each level the indicator is held for."""
    editions = levels_of(across.held)
    names = level_names(editions)
    here = across.chosen
    held_then = {h.edition.pk for h in across.held if h.period == here.period}
    return [
        {
            "name": names[e.pk],
            "url": address(
                across.indicator.slug,
                level=e.slug,
                period=here.text if e.pk in held_then and period_matters(across) else "",
                **{"with": group},
            ),
            "selected": e == here.edition,
        }
        for e in editions
    ]


def period_matters(across: Across) -> bool:
    """Return whether the page shows a period other than the latest, so that links must keep it."""
    same = [h for h in across.held if h.edition == across.chosen.edition]
    return bool(same) and same[-1].series_id != across.chosen.series_id


def periods(across: Across, group: str = "") -> list[dict[str, Any]]:
    """Return the links to every period held at this level, the latest first."""
    here = [h for h in across.held if h.edition == across.chosen.edition]
    return [
        {
            "label": h.period.label,
            "url": address(
                across.indicator.slug, level=h.edition.slug, period=h.text, **{"with": group}
            ),
            "selected": h.series_id == across.chosen.series_id,
        }
        for h in reversed(here)
    ]


def apart_note(across: Across, others: Sequence[Indicator]) -> dict[str, Any] | None:
    """Return what is said where nations cannot be compared: the scope, and its siblings elsewhere.

    Siblings have the same name but for what stands in brackets, and another scope.
    """
    scope = across.indicator.scope
    if scope.area_type_id == "uk":
        return None

    def bare(name: str) -> str:
        return re.sub(r"\s*\([^)]*\)\s*$", "", name).lower()

    twins = [
        {"name": i.name, "scope": i.scope.name, "url": address(i.slug)}
        for i in others
        if bare(i.name) == bare(across.indicator.name) and i.scope_id != scope.pk
    ]
    whole = across.whole
    held = f"Published for {place(scope)} only."
    if whole is not None and whole.n_values < whole.n_members:
        plural = across.chosen.edition.area_type.name_plural
        held = (
            f"Held for {whole.n_values:,} of the {whole.n_members:,} {plural} of {place(scope)}, "
            f"and comparable in {place(scope)} only."
        )
    return {
        "words": f"{held} Figures elsewhere in the United Kingdom, "
        "where there are any, are made differently and are not comparable with these.",
        "twins": twins,
    }


def same_theme(others: Iterable[Indicator]) -> list[dict[str, str]]:
    """Return links to the other indicators of the theme."""
    return [{"name": i.name, "url": address(i.slug), "scope": i.scope.name} for i in others]


_options: Kept[tuple[int, int], str] = Kept(64)


def filter_options(across: Across, chosen: str) -> SafeString:
    """Return the wider areas that the table may be cut down to, as groups of options in HTML.

    Kept for the roster, since hundreds of options are half the work of a page.
    """
    key = (across.roster.edition.pk, across.indicator.scope_id)
    made = _options.get(
        across.roster.version, [key], lambda _: {key: "".join(option_groups(across))}
    )
    text = made[key]
    if chosen:
        text = text.replace(f'value="{chosen}"', f'value="{chosen}" selected', 1)
    return mark_safe(text)  # noqa: S308 Every name in it is escaped; codes are A to Z and digits.


def option_groups(across: Across) -> Iterable[str]:
    """Yield a group of options for each wider type that parts the areas of the scope."""
    rank = across.chosen.edition.area_type.rank
    for wider, at in across.roster.parents.items():
        kind = wider.area_type
        if kind.slug not in {"country", "region", "county", "authority"} or kind.rank >= rank:
            continue
        present = set(np.unique(at[across.inside & (at >= 0)]).tolist())
        who = roster(wider, across.roster.version)
        names, codes = who.frame["name"].to_list(), who.frame["code"].to_list()
        options = [
            f'<option value="{codes[i]}">{escape(names[i])}</option>'
            for i in who.by_name.tolist()
            if i in present
        ]
        if len(options) > 1:
            label = kind.name_plural[0].upper() + kind.name_plural[1:]
            yield f'<optgroup label="{escape(label)}">{"".join(options)}</optgroup>'


def indicator_list(
    entries: Sequence[Entry], kinds: dict[str, AreaType], *, q: str, theme: str, level: str,
    scope: str,
) -> dict[str, Any]:  # fmt: skip
    """Return the list of indicators by theme, cut down to what the reader asked for."""
    words = q.lower().split()
    rows = []
    for entry in entries:
        i = entry.indicator
        text = " ".join(
            (i.name, i.short_name, i.definition, i.theme.name, entry.dataset, entry.publisher)
        ).lower()
        if (
            all(word in text for word in words)
            and theme in {"", i.theme_id}
            and (not level or level in entry.levels)
            and scope in {"", i.scope.code}
        ):
            rows.append((i.theme, entry_row(entry, kinds) | {"words": text}))
    themes = [
        {"slug": t.slug, "name": t.name, "rows": [row for _, row in group]}
        for t, group in groupby(rows, key=lambda pair: pair[0])
    ]
    used = [k for k in kinds.values() if any(k.slug in e.levels for e in entries)]
    scopes = {e.indicator.scope.code: e.indicator.scope for e in entries}
    all_themes = {e.indicator.theme_id: e.indicator.theme.name for e in entries}
    return {
        "themes": themes,
        "n": len(rows),
        "of": len(entries),
        "choices": {
            "theme": [option(s, name, theme) for s, name in all_themes.items()],
            "level": [option(k.slug, k.name_plural, level) for k in used],
            "scope": [
                option(a.code, a.name, scope)
                for a in sorted(scopes.values(), key=lambda a: (a.area_type.rank, a.name))
            ],
        },
    }


def option(value: str, label: str, chosen: str) -> dict[str, Any]:
    """Return one choice of a list."""
    return {"value": value, "label": label[0].upper() + label[1:], "selected": value == chosen}


def entry_row(entry: Entry, kinds: dict[str, AreaType]) -> dict[str, Any]:
    """Return one indicator of the list."""
    i = entry.indicator
    return {
        "slug": i.slug,
        "name": i.name,
        "url": address(i.slug),
        "definition": i.definition,
        "unit": i.unit,
        "period": entry.period,
        "levels": listed([kinds[k].name_plural for k in entry.levels if k in kinds]),
        "scope": i.scope.name,
        "source": ", ".join(filter(None, (entry.publisher, entry.dataset))),
        "released": long_date(entry.released) if entry.released else "",
    }
