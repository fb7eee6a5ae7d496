"""A figure line: label, value, comparison in words, strip plot, rank, trend, method, source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from areas.models import Area
from indicators.insight.groups import COMBINED, MIDDLE, NEIGHBOURS, Group, GroupReading
from indicators.insight.live import Reading
from indicators.insight.profile import MOST_TICKS, Figure, Rank
from indicators.models import Indicator, Release, Series
from indicators.presenters.words import (
    amount,
    cited,
    listed,
    long_date,
    number,
    ordinal,
    place,
    rounded,
    type_name,
    unit_beside,
    url,
    with_prefix,
)
from indicators.statistics.markers import MARKERS, POSITION

STRIP_WIDTH, STRIP_HEIGHT = 1000, 24
TICKS = [f"M{x} 0V{STRIP_HEIGHT}" for x in range(STRIP_WIDTH + 1)]
TREND_WIDTH, TREND_HEIGHT, TREND_MARGIN = 100, 24, 3
# Beyond this a rank alone says little; the share of areas is added.
LONG_LEAGUE = 500
# A greater share of areas than this on one value, and a rank would read as a distinction that
# it is not. Fewer peers than these, and there is no league.
MOST_JOINT = 0.1
FEWEST_RANKED = 5
FILES_OF_A_FIGURE = (("csv", "CSV"), ("svg", "SVG"), ("png", "PNG"))
# Types of area that only England has, whatever a figure may be compared across.
ENGLISH_ONLY = frozenset({"region", "county"})
BREAK = POSITION["b"]
WIDER_THAN_ENGLAND = frozenset({"uk", "country-group"})


@dataclass(frozen=True)
class Reader:
    """Who reads, as far as words depend on it: the site's own address, the day, and their group."""

    site: str
    on: date
    group: Group | None = None

    @property
    def token(self) -> str:
        """What names the group in addresses; empty without one."""
        return self.group.token if self.group else ""


def figure_address(slug: str, group: str = "") -> str:
    """Return the address of a figure's line on its profile, whatever theme is open there."""
    # Slugs and tokens need no quoting, and a page of many figures has hundreds of these.
    return f"?show={slug}{f'&with={group}' if group else ''}#{slug}"


def figure_line(figure: Figure, area: Area, country: Area | None, reader: Reader) -> dict[str, Any]:
    """Return one figure as the dict that `_figure_line.html` shows."""
    indicator = figure.indicator
    address = f"{url(area)}{figure_address(indicator.slug, reader.token)}"
    line: dict[str, Any] = {
        "id": indicator.slug,
        "label": indicator.name,
        "definition": indicator.definition,
        "method": indicator.method,
        "caveats": indicator.caveats,
        "url": f"{reader.site}{address}",
        "indicator_url": f"/indicators/{indicator.slug}/",
        # Codes and slugs need no quoting, as in `figure_address`.
        "wrong_url": f"/feedback/?about=%2Fareas%2F{area.code}%2F&figure={indicator.slug}",
        "value": None,
        "missing": "",
        "period": "",
        "inherited": None,
        "best_fit": "",
        "sentence": "",
        "citation": "",
        "limits": "",
        "benchmarks": [],
        "rank": None,
        "ranks": [],
        "strip": None,
        "trend": None,
        "source": None,
        "selected": False,
        "map_url": "",
        "values_url": "",
        "with_group": reader.group is not None,
        "files": [],
        "withheld": False,
    }
    series, holder = figure.series, figure.holder
    if series is None or holder is None:
        line["missing"] = not_published(figure, area, country)
        return line
    line["period"] = series.period.label
    line["source"] = source(series.release, series.period.label)
    line["best_fit"] = made_from(figure)
    if holder.pk != area.pk:
        line["inherited"] = {"name": holder.name, "type": type_name(holder), "url": url(holder)}
    reading = figure.reading
    if reading is None or reading.value is None:
        reason = MARKERS[reading.marker].meaning if reading else "not available"
        line["missing"] = f"No data: {reason}"
        return line
    line["withheld"] = not series.release.may_be_passed_on
    if not line["withheld"]:
        line["files"] = [
            {
                "name": name,
                "url": f"{url(area)}figures/{indicator.slug}.{extension}"
                + (f"?with={reader.token}" if reader.token else ""),
            }
            for extension, name in FILES_OF_A_FIGURE
        ]
    marker = MARKERS[reading.marker]
    line["value"] = {
        "text": number(reading.value, indicator.decimals),
        "prefix": indicator.prefix,
        "unit": unit_beside(indicator),
        "marker": f"[{marker.letters}]" if marker.letters else "",
        "marker_note": marker.meaning,
    }
    line["limits"] = limits(figure)
    line["benchmarks"] = [
        {
            "key": b.key,
            "name": b.area.name,
            "text": number(b.reading.value, indicator.decimals),
            "note": f"from {part}areas" if (part := share_of_parts(b.reading)) else "",
            "x": position(b.reading.value, series),
        }
        for b in figure.benchmarks
        if b.reading and b.reading.value is not None
    ]
    if reader.group and figure.group:
        line["benchmarks"].append(group_mark(figure.group, reader.group, series, indicator))
    line["sentence"] = comparison(figure, reader.group)
    line["ranks"] = [
        rank_words(rank, series, indicator) for rank in figure.ranks if rank.out_of >= FEWEST_RANKED
    ]
    line["rank"] = line["ranks"][0] if line["ranks"] else None
    line["strip"] = strip(figure)
    line["trend"] = trend(figure)
    line["citation"] = citation(
        figure, area, reader, line["url"], compared=line["sentence"], rank=line["rank"]
    )
    return line


def limits(figure: Figure) -> str:
    """Return “between 3.1 and 4.5” where the publisher gives how sure it is, or nothing."""
    reading, indicator = figure.reading, figure.indicator
    if reading is None or reading.lower is None or reading.upper is None:
        return ""
    return (
        f"between {with_prefix(reading.lower, indicator)} "
        f"and {with_prefix(reading.upper, indicator)}"
    )


def citation(
    figure: Figure,
    area: Area,
    reader: Reader,
    address: str,
    *,
    compared: str,
    rank: dict[str, str] | None,
) -> str:
    """Return the figure as a sentence to be quoted, with where it is from, or nothing if missing.

    A label, then the figure: grammatical whatever an indicator is called. `compared` and `rank`
    are what `comparison` and `rank_words` say of it.
    """
    indicator, series, reading, holder = (
        figure.indicator, figure.series, figure.reading, figure.holder
    )  # fmt: skip
    if series is None or holder is None or reading is None or reading.value is None:
        return ""
    where = holder.name
    if holder.pk != area.pk:
        where = f"{holder.name} (the {type_name(holder)} that {area.name} is in)"
    notes = [MARKERS[reading.marker].meaning, made_from(figure), limits(figure)]
    said = "; ".join(note for note in notes if note)
    parts = [amount(reading.value, indicator) + (f" ({said})" if said else "")]
    if compared:
        parts.append(compared[0].lower() + compared[1:])
    if rank:
        parts.append(f"{rank['text'][0].lower()}{rank['text'][1:]} {rank['group']}")
    return (
        f"{indicator.name}, {where}, {series.period.label}: {', '.join(parts)}. "
        f"{cited(series.release)} "
        f"Levelup, as at {long_date(reader.on)}, {address}"
    )


def not_published(figure: Figure, area: Area, country: Area | None) -> str:
    """Return that there is no figure at all: whether one is published elsewhere we cannot say."""
    where = place(country) if country and not figure.in_scope else place(area)
    return f"No data: not held for {where}"


def made_from(figure: Figure) -> str:
    """Return how a figure was added up from smaller areas, or nothing if it was published."""
    series = figure.series
    if series is None or series.origin == Series.Origin.PUBLISHED:
        return ""
    if series.origin == Series.Origin.CONVERTED:
        part = share_of_parts(figure.reading)
        return moved_from(series) + (f", from {part}earlier areas" if part else "")
    fit = "by best fit " if series.best_fit else ""
    part = share_of_parts(figure.reading)
    return f"added up {fit}from {part}smaller areas"


def moved_from(series: Series) -> str:
    """Return which edition a converted series was moved from, and by which lookup.

    One query for each of the three it reads, unless `described` brought them.
    """
    made = series.inputs.all()[0]
    fit = " by best fit" if series.best_fit else ""
    lookup = f" ({made.overlap_set.weight_source})" if made.overlap_set else ""
    return f"moved{fit} from {made.input.edition.name}{lookup}"


def share_of_parts(reading: Reading | None) -> str:
    """Return “98% of its ” where a figure leaves some of its smaller areas out, or nothing."""
    if reading is None or reading.coverage >= 1:
        return ""
    return f"{min(99, round(100 * reading.coverage))}% of its "


def source(release: Release, period: str) -> dict[str, str]:
    """Return publisher, dataset, release, period and licence for a source line."""
    return {
        "publisher": release.dataset.publisher,
        "dataset": release.dataset.name,
        "release": release.name,
        "published": long_date(release.publisher_date) if release.publisher_date else "",
        "period": period,
        "licence": release.licence.name,
        "licence_url": release.licence.url,
        "url": release.dataset.source_url,
    }


def group_mark(
    reading: GroupReading, group: Group, series: Series, indicator: Indicator
) -> dict[str, Any]:
    """Return a group as one more benchmark: its mark, and in a note what its figure is."""
    some = f"{reading.n_data} of {reading.n_members}"
    notes = {
        COMBINED: f"from {some} areas together" if reading.n_data < reading.n_members else "",
        MIDDLE: f"the middle of {some} areas",
    }
    known = reading.value is not None
    return {
        "key": "group",
        "name": group.name,
        "text": number(reading.value, indicator.decimals) if reading.value is not None else "",
        "note": notes.get(reading.kind, "") if known else f"no data: {some} areas have a figure",
        "x": position(reading.value, series) if reading.value is not None else None,
    }


def comparison(figure: Figure, group: Group | None = None) -> str:
    """Return the gap to the country, or to the widest area where there is none, and to a group."""
    indicator, reading = figure.indicator, figure.reading
    if not reading or reading.value is None:
        return ""
    known = {b.key: b for b in figure.benchmarks if b.reading and b.reading.value is not None}
    with_whom = known.get("country") or known.get("widest") or known.get("region")
    said = []
    if with_whom and with_whom.reading and with_whom.reading.value is not None:
        said.append(gap(reading.value, with_whom.reading.value, place(with_whom.area), indicator))
    if group and figure.group and figure.group.value is not None:
        name = group.name
        if group.token == NEIGHBOURS:
            name = f"the {name[0].lower()}{name[1:]}"
        middle = "the middle of " if figure.group.kind == MIDDLE else ""
        said.append(gap(reading.value, figure.group.value, f"{middle}{name}", indicator))
    if not said:
        return ""
    return "; ".join([said[0], *(s[0].lower() + s[1:] for s in said[1:])])


def gap(here: float, there: float, name: str, indicator: Indicator) -> str:
    """Return how far apart two figures are, as they are printed: “7.0 lower than England”."""
    apart = rounded(here, indicator.decimals) - rounded(there, indicator.decimals)
    if abs(apart) < 0.5 * 10**-indicator.decimals:
        return f"The same as {name}"
    by = f"{indicator.prefix}{number(abs(apart), indicator.decimals)}"
    if indicator.unit == "%":
        by += " percentage points"
    return f"{by} {'higher' if apart > 0 else 'lower'} than {name}"


def rank_words(rank: Rank, series: Series, indicator: Indicator) -> dict[str, str]:
    """Return a rank counted from the nearer end, and the group it is in."""
    from_top = rank.out_of - (rank.rank + rank.tied - 1) + 1
    lowest = rank.rank <= from_top
    place_in = rank.rank if lowest else from_top
    end = "lowest" if lowest else "highest"
    joint = "joint " if rank.tied > 1 else ""
    share = ""
    if rank.tied > max(1, MOST_JOINT * rank.out_of):
        which = end if place_in == 1 else "same"
        text = f"One of {rank.tied:,} with the {which} value, of {rank.out_of:,}"
        return {"text": text, "group": peers(series, rank.group)}
    if rank.out_of >= LONG_LEAGUE:
        percent = 100 * (place_in + rank.tied - 1) / rank.out_of
        share = f" ({end} {number(max(1, np.ceil(percent)), 0)}%)"
    which = end if place_in == 1 else f"{ordinal(place_in)} {end}"
    text = f"{joint}{which} of {rank.out_of:,}{share}"
    return {"text": text[0].upper() + text[1:], "group": peers(series, rank.group)}


def peers(series: Series, group: Area) -> str:
    """Return what is ranked or drawn: “local authorities in England and Wales with a figure”."""
    wide = group.area_type_id in WIDER_THAN_ENGLAND
    english = wide and series.edition.area_type_id in ENGLISH_ONLY
    where = "England" if english else place(group)
    some = " with a figure" if series.n_values < series.n_members else ""
    return f"{series.edition.area_type.name_plural} in {where}{some}"


def position(value: float, series: Series) -> float | None:
    """Return where a value stands on the strip, in percent of its width, held at its ends."""
    low, high = series.plot_low, series.plot_high
    if low is None or high is None:
        return None
    if high == low:
        return 50.0
    return round(min(100.0, max(0.0, 100 * (value - low) / (high - low))), 2)


def strip(figure: Figure) -> dict[str, Any] | None:
    """Return the distribution of every peer: a tick each, or bins above `MOST_TICKS` peers."""
    series, reading, indicator = figure.series, figure.reading, figure.indicator
    if series is None or reading is None or reading.value is None or series.n_values < 2:
        return None
    low, high = series.plot_low, series.plot_high
    if low is None or high is None:
        return None
    if figure.peers is not None and series.n_members <= MOST_TICKS:
        kind, path = "ticks", ticks_of(series.pk, low, high, figure.peers.tobytes())
    else:
        kind, path = "bins", bin_path(series.histogram)
    others = peers(series, indicator.scope)
    ends = [number(end, indicator.decimals) for end in (low, high)]
    return {
        "kind": kind,
        "path": path,
        "area_x": position(reading.value, series),
        "low": f"{indicator.prefix}{ends[0]}",
        "high": f"{indicator.prefix}{ends[1]}",
        "low_clipped": series.quantiles[0] < low,
        "high_clipped": series.quantiles[-1] > high,
        "peers": f"{series.n_values:,} {others}",
        "alt": (
            f"{series.n_values:,} {others} run from {with_prefix(series.quantiles[0], indicator)} "
            f"to {with_prefix(series.quantiles[-1], indicator)}; half are below "
            f"{with_prefix(series.quantiles[10], indicator)}. "
            f"{figure.holder.name if figure.holder else ''} is at "
            f"{with_prefix(reading.value, indicator)}."
        ),
    }


def tick_path(peers: np.ndarray, low: float, high: float) -> str:
    """Return one upright line a peer, as the path of a 1000 by 24 box."""
    present = peers[~np.isnan(peers)]
    if high == low:
        at = np.full(1, STRIP_WIDTH // 2)
    else:
        at = np.clip(np.round((present - low) / (high - low) * STRIP_WIDTH), 0, STRIP_WIDTH)
    drawn = np.flatnonzero(np.bincount(at.astype(np.int64)))
    return "".join([TICKS[x] for x in drawn.tolist()])


@lru_cache(maxsize=2_000)
def ticks_of(series_id: int, low: float, high: float, values: bytes) -> str:
    """Return the ticks of a series' peers. Series never change, so each process keeps some."""
    return tick_path(np.frombuffer(values, "<f8"), low, high)


def bin_path(histogram: list[int]) -> str:
    """Return one bar a bin, tallest full height, as the path of a 1000 by 24 box."""
    top = max(histogram, default=0)
    if not top:
        return ""
    width = STRIP_WIDTH / len(histogram)
    parts = []
    for i, count in enumerate(histogram):
        if count:
            # A bin that holds anything is seen, however few.
            height = max(1.0, STRIP_HEIGHT * count / top)
            left = round(i * width, 1)
            parts.append(f"M{left:g} {STRIP_HEIGHT}v-{height:.3g}h{width - 1.5:.3g}v{height:.3g}z")
    return "".join(parts)


def trend_points(days: list[int], values: list[float]) -> tuple[list[float], list[float]]:
    """Return where a trend's points stand, across and down, in its box of 100 by 24.

    Plain Python: of a handful of points, NumPy takes four times as long.
    """
    across = (TREND_WIDTH - 2 * TREND_MARGIN) / (days[-1] - days[0])
    top, spread = max(values), max(values) - min(values)
    down = (TREND_HEIGHT - 2 * TREND_MARGIN) / spread if spread else 0.0
    from_top = TREND_MARGIN if spread else TREND_HEIGHT / 2
    return (
        [TREND_MARGIN + across * (day - days[0]) for day in days],
        [from_top + down * (top - value) for value in values],
    )


def trend(figure: Figure) -> dict[str, Any] | None:
    """Return the periods of the same kind as a small line with its first and last value."""
    indicator = figure.indicator
    known = [
        (point.live, point.reading.value)
        for point in figure.trend
        if point.reading is not None and point.reading.value is not None
    ]
    breaks = [p.live.period for p in figure.trend[1:] if p.reading and p.reading.marker == BREAK]
    if len(known) < 2:
        return None
    values = [value for _, value in known]
    x, y = trend_points([live.end.toordinal() for live, _ in known], values)
    texts = [with_prefix(value, indicator) for value in values]
    first, last = known[0][0].period, known[-1][0].period
    if texts[0] == texts[-1]:
        change = f"The same in {last} as in {first}: {texts[-1]}."
    else:
        way = "up" if values[-1] > values[0] else "down"
        change = f"{way.capitalize()} from {texts[0]} in {first} to {texts[-1]} in {last}."
    broken = f"There is a break in the series at {listed(breaks)}." if breaks else ""
    return {
        "path": "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)),
        "points": [
            {"label": live.period, "text": text}
            for (live, _), text in zip(known, texts, strict=True)
        ],
        "first": {"label": first, "text": texts[0]},
        "last": {
            "label": last,
            "text": texts[-1],
            "x": f"{x[-1]:.1f}",
            "y": f"{y[-1]:.1f}",
        },
        "alt": f"{len(known)} periods. {change} {broken}".rstrip(),
        "change": change,
        "breaks": broken,
    }
