"""What the pages about the site say that is not fixed words: what is held, and status codes."""

from __future__ import annotations

from typing import Any, NamedTuple

from indicators.insight.holdings import (
    NATIONS,
    HeldDataset,
    HeldEdition,
    HeldIndicator,
    Holdings,
    Reach,
)
from indicators.presenters.words import long_date
from indicators.statistics.aggregate import MINIMUM_COVERAGE, NOT_APPLICABLE, SUPPRESSED
from indicators.statistics.markers import MARKERS, Marker

COVERAGE_PERCENT = round(100 * MINIMUM_COVERAGE)


class InSums(NamedTuple):
    """What a status does to the figure of a larger area, in a few words and in a sentence."""

    short: str
    long: str


UNKNOWN = InSums(
    "makes the whole unknown",
    "The figure of the larger area is not given, since the hidden one could be worked out from it.",
)
LEFT_OUT = InSums(
    "left out",
    "The area is left out of the top and the bottom, and the larger area counts as complete "
    "without it.",
)
ABSENT = InSums(
    "counts as missing",
    f"A count is then not given for the larger area. A rate or a mean is given while at least "
    f"{COVERAGE_PERCENT}% of the smallest areas have a figure, and says how many have.",
)
COUNTED = InSums("counted", "The value is used like any other. The sum does not carry the mark.")


def in_sums(marker: Marker) -> InSums:
    """Return what adding up does with an area that has this marker."""
    if marker.letters == SUPPRESSED:
        return UNKNOWN
    if marker.letters == NOT_APPLICABLE:
        return LEFT_OUT
    return ABSENT if marker.missing else COUNTED


def status_codes() -> list[dict[str, Any]]:
    """Return every marker: letters, meaning, how it is shown, in sums, in ranks."""
    return [
        {
            "letters": f"[{marker.letters}]",
            "meaning": marker.meaning,
            "missing": marker.missing,
            "shown": (
                f"No value. The page says “No data: {marker.meaning}”."
                if marker.missing
                else f"The value, with [{marker.letters}] beside it."
            ),
            "in_sums": in_sums(marker)._asdict(),
            "in_ranks": (
                "Not ranked, and not counted in “of how many”."
                if marker.missing
                else "Ranked by its value."
            ),
        }
        for marker in MARKERS
        if marker.letters
    ]


def data_page(holdings: Holdings) -> dict[str, Any]:
    """Return the tables of the page about the data."""
    themes: dict[str, list[dict[str, Any]]] = {}
    for one in holdings.indicators:
        themes.setdefault(one.indicator.theme.name, []).append(indicator_row(one))
    return {
        "nations": list(NATIONS),
        "counts": {
            "areas": f"{holdings.n_areas:,}",
            "figures": f"{holdings.n_figures:,}",
            "indicators": f"{len(holdings.indicators):,}",
            "datasets": f"{len(holdings.datasets):,}",
            "editions": f"{len(holdings.editions):,}",
        },
        "datasets": [dataset_row(one) for one in holdings.datasets],
        "editions": [edition_row(one) for one in holdings.editions],
        "themes": [{"name": name, "indicators": rows} for name, rows in themes.items()],
    }


def dataset_row(held: HeldDataset) -> dict[str, Any]:
    """Return one dataset as the page lists it."""
    years = (held.first.year, held.last.year)
    return {
        "name": held.dataset.name,
        "url": held.dataset.source_url,
        "publisher": held.dataset.publisher,
        "description": held.dataset.description,
        "cadence": held.dataset.cadence,
        "release": held.release.name,
        "released": long_date(held.release.publisher_date) if held.release.publisher_date else "",
        "licence": held.licence.name,
        "licence_url": held.licence.url,
        "redistributable": held.release.redistributable and held.licence.redistributable,
        "years": str(years[0]) if years[0] == years[1] else f"{years[0]} to {years[1]}",
        "levels": [kind.name_plural for kind in held.levels],
        "n_indicators": f"{held.n_indicators:,}",
        "n_figures": f"{held.n_figures:,}",
    }


def edition_row(held: HeldEdition) -> dict[str, Any]:
    """Return one edition of areas as the page lists it."""
    edition = held.edition
    return {
        "name": edition.name,
        "date": long_date(edition.date),
        "source": edition.source,
        "note": edition.boundary_note,
        "n_areas": f"{held.n_areas:,}",
        "by_nation": [f"{n:,}" if n else "none" for n in held.by_nation.values()],
    }


def indicator_row(held: HeldIndicator) -> dict[str, Any]:
    """Return one indicator and the smallest areas that have it in each nation."""
    return {
        "name": held.indicator.name,
        "url": f"/indicators/{held.indicator.slug}/",
        "period": held.period,
        "reach": [reach_words(found) for found in held.reach.values()],
    }


def reach_words(found: Reach | None) -> dict[str, str]:
    """Return the smallest areas with a figure, and how many of them have one if not all."""
    if found is None:
        return {"kind": "", "some": ""}
    kind = found.kind.name_plural if found.of > 1 else found.kind.name
    some = "" if found.known == found.of else f"{found.known:,} of {found.of:,}"
    return {"kind": kind, "some": some}
