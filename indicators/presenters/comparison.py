"""Tables of areas by indicators, and charts of a few areas: finished text, shared with files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from typing import Any

import numpy as np
import polars as pl
from django.utils.safestring import SafeString, mark_safe

from areas.hierarchy import Part
from areas.models import Area
from indicators.insight.comparison import Column, Comparison
from indicators.insight.groups import Group, GroupReading
from indicators.insight.live import Packed
from indicators.insight.profile import MOST_TICKS
from indicators.models import Indicator, Series
from indicators.presenters import table as files
from indicators.presenters.figure import bin_path, moved_from, ticks_of
from indicators.presenters.groups import group_figure
from indicators.presenters.words import (
    NOT_HELD,
    NOT_HELD_NOTE,
    amount,
    known_as,
    long_date,
    number,
    numbers,
    place,
    type_name,
    url,
    why_missing,
    with_prefix,
)
from indicators.statistics.markers import MARKERS
from indicators.statistics.rank import Floats, Ints, standings

# Widths of the bar in a cell: class b1 is a twentieth of the widest, b20 the whole.
BAR_STEPS = 20


@dataclass
class Sheet:
    """A comparison with what it is shown beside: rows in order, and the words about each row.

    `order` are the positions, in the comparison, of the rows of the body; `pinned` those of the
    rows on top, with what each is (“region”). `groups` are readings by indicator id.
    """

    comparison: Comparison
    areas: Sequence[Area | Part]
    order: list[int]
    pinned: list[tuple[int, str]] = field(default_factory=list)
    group: Group | None = None
    readings: dict[int, GroupReading] = field(default_factory=dict)
    ranked: bool = False


def unit_in_heading(indicator: Indicator) -> str:
    """Return the unit as a heading has it, %, £ or minutes; nothing where the name says it."""
    unit = indicator.unit or indicator.prefix
    return "" if unit.lower() in indicator.short_name.lower() else unit


def rounded_column(column: Column) -> Floats:
    """Return the values of a column as they are printed."""
    return np.asarray(np.round(column.values, column.indicator.decimals), np.float64)


def in_order(column: Column | None, names: Sequence[str], n: int, descending: bool) -> list[int]:
    """Return the first `n` rows by a column, or by `names` where that is None.

    By whole values, as ranks are, so that a rank never goes down a column and up again. Ties go by
    name; rows without a value are last either way.
    """
    by_name = sorted(range(n), key=lambda row: (names[row].casefold(), names[row]))
    if column is None:
        return by_name[::-1] if descending else by_name
    place_of = np.empty(n, np.int64)
    place_of[by_name] = np.arange(n)
    values = column.values[:n]
    missing = np.isnan(values)
    keyed = np.where(missing, 0.0, -values if descending else values)
    return np.lexsort((place_of, keyed, missing)).tolist()


def missing_words(column: Column, row: int) -> str:
    """Return why a row has no value, as it follows “no data: ”."""
    if column.later and column.period and not column.held[row]:
        return f"{NOT_HELD} for {column.period.period}"
    return why_missing(int(column.markers[row]))


def texts(column: Column) -> list[str]:
    """Return every row's value as text, with its marker; empty where there is none."""
    there = ~np.isnan(column.values)
    written = iter(numbers(column.values[there], column.indicator.decimals))
    found = [next(written) if ok else "" for ok in there.tolist()]
    for row in np.flatnonzero(there & (column.markers > 0)).tolist():
        found[row] += f" [{MARKERS[int(column.markers[row])].letters}]"
    return found


def bars(column: Column, n: int) -> list[int] | None:
    """Return the width of each row's bar, 0 to `BAR_STEPS`, where a bar from nought is honest.

    None where values are negative, all alike, or too few; wider areas are held at the widest.
    """
    body = column.values[:n]
    known = body[~np.isnan(body)]
    if len(known) < 3 or known.min() < 0 or known.max() <= 0 or known.min() == known.max():
        return None
    steps = np.ceil(BAR_STEPS * np.nan_to_num(column.values) / known.max())
    return np.clip(steps, 0, BAR_STEPS).astype(np.int64).tolist()


def ranks(column: Column, n: int) -> tuple[Ints, Ints]:
    """Return each body row's rank from the highest, 1 first, and how many share it; 0 for none.

    Taken before rounding, as everywhere.
    """
    found = standings(-column.values[:n], np.zeros(n, np.int64))
    return found.rank, found.tied


def printed_alike(column: Column, n: int) -> Ints:
    """Return each body row's place from the lowest where other values are printed as its own is.

    0 for every other row. A page that sorts its rows in the browser has no more than this beside
    what is printed.
    """
    there = np.flatnonzero(~np.isnan(column.values[:n]))
    place = np.zeros(len(column.values), np.int64)
    whole, at = np.unique(column.values[there], return_inverse=True)
    printed, which = np.unique(np.round(whole, column.indicator.decimals), return_inverse=True)
    shared = np.bincount(which, minlength=len(printed)) > 1
    place[there] = np.where(shared[which[at]], at + 1, 0)
    return place


def cells(column: Column, n: int, ranked: bool) -> list[str]:
    """Return the cells of a column, one a row of the comparison, as markup."""
    # Texts are figures and markers of our own making: nothing in them needs escaping.
    widths = bars(column, n)
    written = texts(column)
    heads = ["<td"] * len(written) if widths is None else [f'<td class="b{w}"' for w in widths]
    alike = printed_alike(column, n)
    for row in np.flatnonzero(alike).tolist():
        heads[row] += f' data-t="{alike[row]}"'
    found = [f"{head}>{text}</td>" for head, text in zip(heads, written, strict=True)]
    for row in np.flatnonzero(np.isnan(column.values)).tolist():
        found[row] = f'<td class="no">no data: {escape(missing_words(column, row))}</td>'
    if ranked:
        rank, tied = ranks(column, n)
        for row in range(len(found)):
            words = ""
            if row < n and rank[row]:
                words = f"{'=' if tied[row] > 1 else ''}{rank[row]:,}"
            found[row] += f'<td class="rk">{words}</td>'
    return found


def body(sheet: Sheet) -> dict[str, Any]:
    """Return the rows in order and those that stay on top, their cells as finished markup."""
    n = sheet.comparison.n_choosing
    columns = sheet.comparison.columns
    by_column = [cells(c, n, sheet.ranked) for c in columns]
    joined = ["".join(parts) for parts in zip(*by_column, strict=True)] or [""] * len(sheet.areas)
    at = {row: i for i, row in enumerate(in_order(None, [a.name for a in sheet.areas], n, False))}
    pinned = [
        {
            "name": sheet.areas[row].name,
            "what": what,
            "url": url(sheet.areas[row]),
            "cells": safe(joined[row]),
        }
        for row, what in sheet.pinned
    ]
    if sheet.group is not None:
        pinned.append(group_row(sheet, sheet.group))
    return {
        "pinned": pinned,
        # One piece of markup: a thousand rows through the template take twice as long.
        "rows": safe(
            "\n".join(
                f'<tr data-n="{at[row]}">{row_head(sheet.areas[row])}{joined[row]}</tr>'
                for row in sheet.order
            )
        ),
    }


def row_head(area: Area | Part) -> str:
    """Return the heading of a row: the name, and the place people know it by."""
    where = f" <small>{escape(known_as(area))}</small>" if area.known_as else ""
    return f'<th scope="row"><a href="{escape(url(area))}">{escape(area.name)}</a>{where}</th>'


def group_row(sheet: Sheet, group: Group) -> dict[str, Any]:
    """Return the row of the group that was chosen."""
    parts = []
    for column in sheet.comparison.columns:
        figure = group_figure(sheet.readings.get(column.indicator.pk), column.indicator)
        parts.append(group_cell(figure) + ('<td class="rk"></td>' if sheet.ranked else ""))
    return {
        "name": group.name,
        "what": f"group of {len(group.area_ids):,}, taken together where they can be",
        "url": group.url,
        "cells": safe("".join(parts)),
    }


def group_cell(figure: dict[str, Any]) -> str:
    """Return the cell of a group's figure: a middle says that it is one."""
    if not figure["text"]:
        return f'<td class="no">{escape(figure["words"])}</td>'
    if figure["kind"] == "combined" and not figure["part"]:
        return f"<td>{escape(figure['text'])}</td>"
    return f"<td>{escape(figure['text'])} <small>{escape(figure['words'])}</small></td>"


def safe(markup: str) -> SafeString:
    """Mark what this module made, of text it escaped, as markup."""
    return mark_safe(markup)  # noqa: S308


def heading(column: Column) -> dict[str, Any]:
    """Return the heading of a column: name, unit, period."""
    indicator = column.indicator
    return {
        "slug": indicator.slug,
        "name": indicator.short_name,
        "full": indicator.name,
        "unit": unit_in_heading(indicator),
        "period": column.period.period if column.period else "",
    }


def about(sheet: Sheet) -> list[dict[str, Any]]:
    """Return what each column is, from which release, and what to take care of."""
    found = []
    for column in sheet.comparison.columns:
        shown = series_of(column, sheet.comparison)
        indicator = column.indicator
        found.append(
            {
                **heading(column),
                "definition": indicator.definition,
                "caveats": indicator.caveats,
                "scope": place(indicator.scope),
                "notes": column_notes(column, shown),
                "sources": sources(shown),
            }
        )
    return found


def series_of(column: Column, comparison: Comparison) -> list[Series]:
    """Return the series that a column shows."""
    return [comparison.series[int(pk)] for pk in np.unique(column.series_ids) if pk]


def column_notes(column: Column, shown: Sequence[Series]) -> list[str]:
    """Return sentences about the period and making of a column."""
    notes = []
    if column.later and column.period:
        notes.append(
            f"{column.period.period} is shown, which is held for {column.n_held:,} of them; "
            f"{column.later} is held for {column.n_later:,}."
        )
    derived = [s for s in shown if s.origin == Series.Origin.AGGREGATE]
    if derived:
        fit = " by best fit" if any(s.best_fit for s in derived) else ""
        plurals = ", ".join(dict.fromkeys(s.edition.area_type.name_plural for s in derived))
        notes.append(f"Figures of {plurals} are added up{fit} from smaller areas.")
    notes += [
        f"Figures of {s.edition.area_type.name_plural} are {moved_from(s)}."
        for s in shown
        if s.origin == Series.Origin.CONVERTED
    ]
    letters = {MARKERS[int(m)] for m in np.unique(column.markers) if m}
    notes += [f"[{m.letters}] {m.meaning}." for m in sorted(letters) if not m.missing]
    return notes


def sources(shown: Sequence[Series]) -> list[dict[str, str]]:
    """Return the distinct releases behind some series, as source lines."""
    found = {
        s.release_id: {
            "publisher": s.release.dataset.publisher,
            "dataset": s.release.dataset.name,
            "release": s.release.name,
            "published": long_date(s.release.publisher_date) if s.release.publisher_date else "",
            "licence": s.release.licence.name,
            "licence_url": s.release.licence.url,
            "url": s.release.dataset.source_url,
        }
        for s in shown
    }
    return list(found.values())


def chooser(indicators: Sequence[Indicator], chosen: Sequence[str]) -> list[dict[str, Any]]:
    """Return the indicators to choose from, by theme; `indicators` are in the order of themes."""
    return [
        {
            "name": theme.name,
            "indicators": [
                {
                    "slug": i.slug,
                    "name": i.name,
                    "unit": unit_in_heading(i),
                    "chosen": i.slug in chosen,
                }
                for i in some
            ],
        }
        for theme, some in groupby(indicators, key=lambda i: i.theme)
    ]


def file_table(
    sheet: Sheet,
    *,
    title: str,
    address: str,
    as_at: str,
    edition: str = "",
    with_pinned: bool = True,
    notes: Sequence[tuple[str, str]] = (),
) -> files.Table:
    """Return the sheet for files: codes first, whole values, markers where there are any.

    Releases whose licence forbids passing on are left out and named. `with_pinned` adds the
    wider areas on top, told apart by their type in `level`.
    """
    comparison = sheet.comparison
    picked = [*(row for row, _ in sheet.pinned if with_pinned), *sheet.order]
    areas = [sheet.areas[row] for row in picked]
    columns = [
        files.Column("code", "Code"),
        files.Column("name", "Name"),
        files.Column("known_as", "Known as"),
        files.Column("level", "Type of area"),
    ]
    frame: dict[str, pl.Series] = {
        "code": pl.Series([a.code for a in areas], dtype=pl.String),
        "name": pl.Series([a.name for a in areas], dtype=pl.String),
        "known_as": pl.Series([known_as(a) for a in areas], dtype=pl.String),
        "level": pl.Series([type_name(a) for a in areas], dtype=pl.String),
    }
    withheld = []
    letters = np.array([m.letters for m in MARKERS])
    for column in comparison.columns:
        indicator = column.indicator
        shown = series_of(column, comparison)
        if any(not s.release.may_be_passed_on for s in shown):
            withheld.append(indicator.name)
            continue
        columns.append(
            files.Column(
                key=indicator.slug,
                heading=indicator.name,
                kind="number",
                decimals=indicator.decimals,
                unit=indicator.unit or indicator.prefix,
                period=column.period.period if column.period else "",
                source=" ".join(source_words(s) for s in sources(shown)),
                licence=" ".join(
                    dict.fromkeys(
                        f"{s.release.licence.name}. {s.release.licence.attribution}".strip()
                        for s in shown
                    )
                ),
            )
        )
        frame[indicator.slug] = pl.Series(column.values[picked]).fill_nan(None)
        markers = column.markers[picked]
        missing = np.isnan(column.values[picked])
        if markers.any() or missing.any():
            key = f"{indicator.slug}_marker"
            columns.append(files.Column(key, f"{indicator.name}: marker"))
            said = np.where(missing & (markers == 0), NOT_HELD, letters[markers])
            frame[key] = pl.Series(said, dtype=pl.String)
        if sheet.ranked:
            rank, _ = ranks(column, comparison.n_choosing)
            padded = np.r_[rank, np.zeros(len(column.values) - len(rank), np.int64)][picked]
            key = f"{indicator.slug}_rank"
            columns.append(files.Column(key, f"{indicator.name}: rank, 1 the highest", "whole"))
            frame[key] = pl.Series(padded).replace(0, None)
    lines: list[tuple[str, str]] = [("Address", address), ("As at", as_at), *notes]
    for column in comparison.columns:
        words = column_notes(column, series_of(column, comparison))
        if words and column.indicator.name not in withheld:
            lines.append((column.indicator.name, " ".join(words)))
    if sheet.group is not None:
        for column in comparison.columns:
            reading = sheet.readings.get(column.indicator.pk)
            if column.indicator.name in withheld or (reading and not reading.passed_on):
                continue
            figure = group_figure(reading, column.indicator)
            value = f"{figure['prefix']}{figure['text']} " if figure["text"] else ""
            lines.append(
                (f"{sheet.group.name}: {column.indicator.name}", f"{value}({figure['words']})")
            )
    used = sorted({int(m) for c in comparison.columns for m in np.unique(c.markers) if m})
    lines += [(f"Marker {MARKERS[m].letters}", MARKERS[m].meaning) for m in used]
    if any((np.isnan(c.values) & (c.markers == 0)).any() for c in comparison.columns):
        lines.append(NOT_HELD_NOTE)
    return files.Table(
        title=title,
        columns=columns,
        frame=pl.DataFrame(frame),
        notes=lines,
        withheld=withheld,
        edition=edition,
    )


def source_words(source: dict[str, str]) -> str:
    """Return a source line as one sentence."""
    published = f", published {source['published']}" if source["published"] else ""
    return f"{source['publisher']}: {source['dataset']}, {source['release']}{published}."


# Charts of a few areas


def charts(
    sheet: Sheet, packed: dict[int, Packed], standing: dict[int, dict[int, str]]
) -> list[dict[str, Any]]:
    """Return one small chart an indicator: every area on one axis, its peers behind.

    `packed` are arrays of the series with few enough areas to draw. `standing` are ranks in
    words, by series and row; none where types are mixed.
    """
    found = []
    for column in sheet.comparison.columns:
        shown = series_of(column, sheet.comparison)
        known = column.values[~np.isnan(column.values)]
        figure = None
        if sheet.group is not None:
            figure = group_figure(sheet.readings.get(column.indicator.pk), column.indicator)
        reading = sheet.readings.get(column.indicator.pk)
        extra = [reading.value] if reading is not None and reading.value is not None else []
        low, high = axis(known, shown, extra)
        written = texts(column)
        lanes = []
        for row, value in enumerate(column.values.tolist()):
            name = sheet.areas[row].name
            if value != value:
                lanes.append(lane(row + 1, name, missing=missing_words(column, row)))
                continue
            text = f"{column.indicator.prefix}{written[row]}"
            rank = standing.get(int(column.series_ids[row]), {}).get(row, "")
            lanes.append(lane(row + 1, name, text, rank, across(value, low, high)))
        found.append(
            {
                **heading(column),
                "lanes": safe("".join(lanes)),
                "answer": span(column, sheet.areas, sheet.comparison.n_choosing),
                "group": figure
                and {
                    "name": sheet.group.name if sheet.group else "",
                    "url": sheet.group.url if sheet.group else "",
                    **figure,
                    "x": across(extra[0], low, high) if extra else None,
                },
                "peers": peers_behind(column.indicator, shown, packed, low, high),
                "low": f"{column.indicator.prefix}{number(low, column.indicator.decimals)}",
                "high": f"{column.indicator.prefix}{number(high, column.indicator.decimals)}",
                "notes": column_notes(column, shown),
                "empty": not len(known),
            }
        )
    return found


def lane(
    mark: int, name: str, text: str = "", rank: str = "", x: float = 0.0, missing: str = ""
) -> str:
    """Return one area's row of a chart as markup: mark and name, its place on the axis, its value.

    Made here because ten areas by fifty figures are five hundred of them.
    """
    use = f'<use href="#cmp-{mark}"/></svg>'
    head = (
        f'<tr role="row"><th scope="row" role="rowheader"><svg class="cmp cmp-{mark}" width="16" '
        f'height="16" viewBox="-8 -8 16 16" aria-hidden="true" focusable="false">{use}'
        f"{escape(name)}</th>"
    )
    if missing:
        return (
            f'{head}<td role="cell" class="lane-none" colspan="2">no data: {escape(missing)}</td>'
            "</tr>"
        )
    beside = f" <small>{escape(rank)}</small>" if rank else ""
    return (
        f'{head}<td class="lane-plot" aria-hidden="true"><svg class="lane" width="100%" '
        'height="22" focusable="false"><line class="lane-axis" x1="0" x2="100%" y1="11" y2="11"/>'
        f'<svg class="cmp cmp-{mark}" x="{x}%" y="11" width="1" height="1" overflow="visible">'
        f'{use}</svg></td><td class="lane-value" role="cell">{escape(text)}{beside}</td></tr>'
    )


def span(column: Column, areas: Sequence[Area | Part], n: int) -> str:
    """Return “From 9.8 in Hartlepool to 25.7 in Middlesbrough.” of the first `n` rows."""
    values = rounded_column(column)[:n]
    there = np.flatnonzero(~np.isnan(values))
    if len(there) < 2:
        return ""
    low, high = (int(there[pick(values[there])]) for pick in (np.argmin, np.argmax))
    if values[low] == values[high]:
        return f"The same everywhere: {amount(float(values[low]), column.indicator)}."
    ends = []
    for row in (low, high):
        same = int((values[there] == values[row]).sum())
        where = place(areas[row]) if same == 1 else f"{same:,} of them"
        worded = with_prefix if row == low else amount
        ends.append(f"{worded(float(values[row]), column.indicator)} in {where}")
    return f"From {ends[0]} to {ends[1]}."


def axis(known: Floats, shown: Sequence[Series], extra: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the axis: those of the peers, stretched to hold every area here.

    Areas of several types, or none, have the axis of their own values.
    """
    ends = [*known.tolist(), *extra]
    if len({s.edition.area_type_id for s in shown}) == 1:
        for series in shown:
            ends += [e for e in (series.plot_low, series.plot_high) if e is not None]
    return (min(ends), max(ends)) if ends else (0.0, 0.0)


def across(value: float, low: float, high: float) -> float:
    """Return where a value stands on an axis, in percent of its width."""
    return 50.0 if high == low else round(100 * (value - low) / (high - low), 2)


def peers_behind(
    indicator: Indicator,
    shown: Sequence[Series],
    packed: dict[int, Packed],
    low: float,
    high: float,
) -> dict[str, str] | None:
    """Return the distribution that the areas are part of, where they share one edition."""
    if len(shown) != 1 or shown[0].n_values < 2 or high == low:
        return None
    series = shown[0]
    some = " with a figure" if series.n_values < series.n_members else ""
    words = (
        f"{series.n_values:,} {series.edition.area_type.name_plural}{some}, half of them at "
        f"{with_prefix(series.quantiles[10], indicator)} or less"
    )
    if series.pk in packed and series.n_members <= MOST_TICKS:
        path = ticks_of(series.pk, low, high, packed[series.pk].values.tobytes())
        return {"kind": "ticks", "path": path, "words": words}
    if series.plot_low != low or series.plot_high != high:
        return {"kind": "none", "path": "", "words": words}
    return {"kind": "bins", "path": bin_path(series.histogram), "words": words}
