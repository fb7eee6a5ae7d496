"""What stands out about a place: its most extreme ranks, among every indicator that is held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from indicators.insight.live import (
    Live,
    described,
    here,
    kept_live_series,
    latest_series,
    live_series,
    readings,
    standings,
)
from indicators.insight.profile import Entry, Figure, Rank, Standpoint
from indicators.models import Indicator

# A figure stands out when it is among this share of areas at either end.
STANDS_OUT = 0.1
MOST_FIGURES = 3
FEWEST_PEERS = 20


def among_figures(figures: Iterable[Figure], area_id: int) -> list[Figure]:
    """Return what stands out among figures that are known already, the most extreme first."""
    found: list[tuple[bool, float, Figure]] = []
    for figure in figures:
        own = figure.holder is not None and figure.holder.pk == area_id
        if not own or not figure.indicator.headline or not figure.ranks:
            continue
        if (extreme := extremeness(figure.ranks[0])) is not None:
            found.append((figure.indicator.polarity == Indicator.Polarity.NONE, extreme, figure))
    # What is better one way than the other comes before what is only different.
    found.sort(key=lambda e: e[:2])
    return [figure for _, _, figure in found[:MOST_FIGURES]]


def among_all(
    where: Standpoint,
    entries: Sequence[Entry],
    at: datetime | None = None,
    version: int | None = None,
) -> list[Figure]:
    """Return what stands out among every indicator held for a place itself.

    As `among_figures` of its whole profile, for the cost of one standing an indicator, that in its
    scope: two queries, two more where the latest series of some say nothing of the place (an
    earlier period may), and two for what is found. Less where series are kept under `version`.
    Raises InArchive where what was live at `at` is archived.
    """
    area, by_pk = where.area, {a.pk: a for a in where.chain}
    editions = where.editions.get(area.pk, [])
    headline = {e.indicator_id for e in entries if e.headline}
    scopes = {e.scope_id for e in entries} & by_pk.keys()
    newest: dict[int, Live] = {}
    looked_at: set[int] = set()
    order = {edition: place for place, edition in enumerate(editions)}
    # Two editions of one place are two vintages of its data: the newest alone is shown.
    for one in sorted(latest_series(editions, at, version), key=lambda s: -order[s.edition_id]):
        if one.indicator_id in headline:
            newest[one.indicator_id] = one
            looked_at.add(one.series_id)
    ranked = standings({(s.series_id, area.pk) for s in newest.values()}, scopes)
    lacking = {i: s.edition_id for i, s in newest.items() if (s.series_id, area.pk) not in ranked}
    if lacking:
        earlier = [
            s
            for s in (
                kept_live_series(editions, lacking, version)
                if at is None
                else live_series(editions, at, lacking)
            )
            if lacking[s.indicator_id] == s.edition_id
        ]
        looked_at |= {s.series_id for s in earlier}
        held = readings({(s.series_id, area.pk) for s in earlier})
        stand_ins = {s.indicator_id: s for s in earlier if (s.series_id, area.pk) in held}
        ranked |= standings({(s.series_id, area.pk) for s in stand_ins.values()}, scopes)
        newest |= stand_ins

    found: list[tuple[bool, float, Live, list[Rank]]] = []
    for entry in entries:
        live = newest.get(entry.indicator_id)
        rows = ranked.get((live.series_id, area.pk), []) if live else []
        ranks = [Rank(by_pk[group], *rest) for group, *rest in rows if group in by_pk]
        ranks.sort(key=lambda r: r.group.area_type.rank)
        if live and ranks and (extreme := extremeness(ranks[0])) is not None:
            found.append((entry.polarity == Indicator.Polarity.NONE, extreme, live, ranks))
    found.sort(key=lambda e: e[:2])
    chosen = {live.series_id: ranks for _, _, live, ranks in found[:MOST_FIGURES]}
    rows_of = readings({(pk, area.pk) for pk in chosen})
    series = described(chosen, version)
    if at is not None:
        here(looked_at)
    return [
        Figure(
            series[pk].indicator,
            holder=area,
            series=series[pk],
            reading=rows_of.get((pk, area.pk)),
            ranks=ranks,
        )
        for pk, ranks in chosen.items()
    ]


def extremeness(rank: Rank) -> float | None:
    """Return how near the end of its group a rank is (0 to 0.1), or None for no such thing.

    Many areas on one value (no crime, no postcode ended) is not standing out, nor is first of few.
    """
    if rank.out_of < FEWEST_PEERS or rank.tied / rank.out_of > STANDS_OUT:
        return None
    middle = (rank.rank + (rank.tied - 1) / 2 - 0.5) / rank.out_of
    nearer = min(middle, 1 - middle)
    return nearer if nearer <= STANDS_OUT else None
