"""What publishing a release would change, worked out from packed arrays when it is staged.

Kept in its folder: `preview.json` (the whole, and up to MOST_SERIES series in full),
`series.parquet` (a row for each series) and `diff.parquet` (a row for each value that would be
changed, added or removed where something is live now). Columnar, a few hundred series at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from django.db import connection
from django.db.models import Count, Sum

from areas.importing.copy import fetch_frame
from areas.models import Edition
from indicators.models import DataVersion, LiveSeries, PackedArray, Release, Series, SeriesInput
from indicators.releases.keeping import PREVIEW, folder_of, making
from indicators.releases.progress import Tell
from indicators.releases.publish import CONTENDERS, Contender, Event, Key, winners
from indicators.releases.stage import Geography
from indicators.statistics.markers import MARKERS
from indicators.statistics.rank import Floats

MOST_SERIES = 200
MOVERS = 10
AT_ONCE = 200
LETTERS = [m.letters for m in MARKERS]
NAMES = ("indicator_id", "breakdown", "edition_id", "period_id")
DIFF: dict[str, type[pl.DataType]] = {
    "code": pl.String,
    "name": pl.String,
    "indicator": pl.String,
    "breakdown": pl.String,
    "edition": pl.String,
    "period": pl.String,
    "origin": pl.String,
    "change": pl.String,
    "live_value": pl.Float64,
    "live_marker": pl.String,
    "new_value": pl.Float64,
    "new_marker": pl.String,
    "difference": pl.Float64,
}
SUMMARY: dict[str, type[pl.DataType]] = {
    "indicator": pl.String,
    "breakdown": pl.String,
    "edition": pl.String,
    "period": pl.String,
    "origin": pl.String,
    "is_new": pl.Boolean,
    "areas": pl.Int64,
    "values": pl.Int64,
    "changed": pl.Int64,
    "added": pl.Int64,
    "removed": pl.Int64,
}


class NoPreview(ValueError):
    """There is no preview of the release; the message says why."""


@dataclass(frozen=True)
class Pair:
    """A series of the release and the one that is live at its key, if one is."""

    new: Series
    live: Series | None


class Names:
    """Codes, names and countries of areas by ordinal, read once for each edition."""

    def __init__(self) -> None:
        self.geography = Geography()
        self._of: dict[int, tuple[Any, Any]] = {}
        self._countries: dict[int, list[tuple[str, Any]]] = {}

    def of(self, edition: Edition) -> tuple[Any, Any]:
        """Return codes and names by ordinal."""
        if edition.pk not in self._of:
            frame = fetch_frame(
                "SELECT a.code, a.name FROM areas_member m JOIN areas_area a ON a.id = m.area_id "
                "WHERE m.edition_id = %s ORDER BY m.ordinal",
                [edition.pk],
                {"code": pl.String, "name": pl.String},
            )
            self._of[edition.pk] = frame["code"].to_numpy(), frame["name"].to_numpy()
        return self._of[edition.pk]

    def countries(self, edition: Edition) -> list[tuple[str, Any]]:
        """Return (country, which ordinals lie in it); nothing for editions that reach across."""
        if edition.pk not in self._countries:
            found: list[tuple[str, Any]] = []
            for wider, at in self.geography.groups(edition).items():
                if wider.area_type_id == "country" and not found:
                    names = self.of(wider)[1]
                    found = [(str(names[n]), at == n) for n in range(len(names))]
            self._countries[edition.pk] = found
        return self._countries[edition.pk]


def make(release: Release, tell: Tell) -> dict[str, Any]:
    """Write the preview of a staged release and return it as `read` does."""
    names = Names()
    series = Series.objects.filter(release=release).select_related(
        "indicator", "edition__area_type", "period"
    )
    new = sorted(series, key=lambda s: (s.origin != Series.Origin.PUBLISHED, s.pk))
    pairs = paired(new, release)
    full: list[dict[str, Any]] = []
    summaries: list[dict[str, Any]] = []
    areas: dict[int, Any] = {}
    movers: list[dict[str, Any]] = []
    with making(release.pk, PREVIEW) as draft:
        schema = pl.DataFrame(schema=DIFF).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        with pq.ParquetWriter(draft / "diff.parquet", schema, compression="zstd") as writer:
            for done in range(0, len(pairs), AT_ONCE):
                tell("Comparing with what is live", done, len(pairs))
                batch = pairs[done : done + AT_ONCE]
                packed = arrays(batch)
                for pair in batch:
                    entry, diff = compare(pair, packed, names)
                    summaries.append({name: entry[name] for name in SUMMARY})
                    if len(full) < MOST_SERIES:
                        full.append(entry)
                        movers += entry["movers"]
                    elif entry["changed"]:
                        movers += entry["movers"]
                    if pair.new.origin == Series.Origin.PUBLISHED:
                        has = ~np.isnan(packed[pair.new.pk][0]) | (packed[pair.new.pk][1] > 0)
                        areas[pair.new.edition_id] = areas.get(pair.new.edition_id, False) | has
                    if diff is not None and diff.height:
                        writer.write_table(
                            diff.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema)
                        )
        frame = pl.DataFrame(summaries, schema=SUMMARY)
        frame.write_parquet(draft / "series.parquet")
        whole = {
            "release": release.slug,
            "data_version": DataVersion.objects.get(pk=1).version,
            "made_at": datetime.now(UTC).isoformat(),
            **totals(frame),
            "areas": {
                edition.name: int(np.sum(areas[edition.pk]))
                for edition in {p.new.edition for p in pairs if p.new.edition_id in areas}
            },
            "moved": moved(release),
            "gone": gone(release, pairs),
            "movers": sorted(movers, key=lambda m: -abs(m["relative"]))[:MOVERS],
            "series": full,
        }
        (draft / "preview.json").write_text(
            json.dumps(whole, allow_nan=False, ensure_ascii=False), encoding="utf-8"
        )
    return whole


def moved(release: Release) -> list[dict[str, Any]]:
    """Return what was moved from each earlier edition, with totals before and after.

    A row for each indicator and lookup: `before` and `after` are counts, numerators or weights
    over all its series, `residual` is after less before, `share` that over before; null where
    nothing is conserved (scores, medians, ranks).
    """
    rows = (
        SeriesInput.objects.filter(series__release=release, series__origin=Series.Origin.CONVERTED)
        .values_list(
            "series__indicator__slug",
            "input__edition__name",
            "series__edition__name",
            "overlap_set__weight_source",
            "overlap_set__kind",
        )
        .annotate(Count("pk"), Sum("total_before"), Sum("total_after"))
        .order_by("series__indicator__slug", "input__edition__name", "series__edition__name")
    )
    found = []
    for indicator, old, new, lookup, kind, n, before, after in rows:
        residual = None if before is None else after - before
        found.append(
            {
                "indicator": indicator,
                "from": old,
                "to": new,
                "lookup": lookup,
                "kind": kind,
                "series": n,
                "before": before,
                "after": after,
                "residual": residual,
                "share": residual / before if residual is not None and before else None,
            }
        )
    return found


def read(release: Release) -> dict[str, Any]:
    """Return the preview of a staged release: plain values, all numbers finite.

    `stale` says that something was published since it was made; `make` makes it again. Raises
    NoPreview where there is none.
    """
    try:
        text = (folder_of(release.pk) / PREVIEW / "preview.json").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NoPreview(
            f"There is no preview of “{release.name}”, which is "
            f"{release.get_status_display()}: make it ready first."
        ) from error
    found: dict[str, Any] = json.loads(text)
    found["stale"] = (
        release.status == Release.Status.STAGED
        and found["data_version"] != DataVersion.objects.get(pk=1).version
    )
    return found


def diff_of(release: Release) -> pl.LazyFrame:
    """Return the values that would change, with the columns of `DIFF`. Raises NoPreview."""
    path = folder_of(release.pk) / PREVIEW / "diff.parquet"
    if not path.exists():
        raise NoPreview(f"There is no preview of “{release.name}”: make it ready first.")
    return pl.scan_parquet(path)


def totals(frame: pl.DataFrame) -> dict[str, Any]:
    """Return what all series come to, those as published apart from those added up here."""
    own = frame.filter(pl.col("origin") == Series.Origin.PUBLISHED)
    added_up = frame.filter(pl.col("origin") != Series.Origin.PUBLISHED)

    def sums(rows: pl.DataFrame) -> dict[str, int]:
        numbers = ("areas", "values", "changed", "added", "removed")
        return {
            "series": rows.height,
            "new_series": int(rows["is_new"].sum()),
            "unchanged_series": rows.filter(
                ~pl.col("is_new") & (pl.sum_horizontal("changed", "added", "removed") == 0)
            ).height,
            **{name: int(rows[name].sum()) for name in numbers},
        }

    published = sums(own)
    return {
        "rows": published.pop("areas"),
        "published": published,
        "dependants": {k: v for k, v in sums(added_up).items() if k != "areas"},
    }


def paired(new: Sequence[Series], release: Release) -> list[Pair]:
    """Return each series with what is live at its key.

    One that we added up gives way to a figure that was published, and is then left out: nothing
    would change.
    """
    keys = [tuple(getattr(s, name) for name in NAMES) for s in new]
    indicators = {s.indicator_id for s in new}
    live: dict[tuple[Any, ...], Series] = {}
    rows = LiveSeries.objects.filter(
        live__endswith__isnull=True, indicator__in=indicators
    ).select_related("series__release")
    for row in rows:
        live[tuple(getattr(row, name) for name in NAMES)] = row.series
    found = []
    for key, series in zip(keys, new, strict=True):
        now = live.get(key)
        theirs = now is not None and now.origin == Series.Origin.PUBLISHED
        replaced = (
            release.complete and now is not None and now.release.dataset_id == release.dataset_id
        )
        if series.origin != Series.Origin.PUBLISHED and theirs and not replaced:
            continue
        found.append(Pair(series, now))
    return found


def arrays(pairs: Iterable[Pair]) -> dict[int, tuple[Floats, Any]]:
    """Return values and markers by ordinal of every series in `pairs`."""
    ids = {s.pk for pair in pairs for s in (pair.new, pair.live) if s is not None}
    rows = PackedArray.objects.filter(series__in=ids).values_list("series_id", "values", "markers")
    return {
        pk: (np.frombuffer(values, "<f8"), np.frombuffer(markers, np.int8))
        for pk, values, markers in rows
    }


def compare(
    pair: Pair, packed: dict[int, tuple[Floats, Any]], names: Names
) -> tuple[dict[str, Any], pl.DataFrame | None]:
    """Return what a series would change, and the rows that differ where something is live."""
    new, live = pair.new, pair.live
    value, marker = packed[new.pk]
    known = ~np.isnan(value)
    codes, called = names.of(new.edition)
    entry: dict[str, Any] = {
        "indicator": new.indicator.slug,
        "indicator_name": new.indicator.name,
        "unit": new.indicator.unit,
        "decimals": new.indicator.decimals,
        "breakdown": new.breakdown,
        "edition": new.edition.slug,
        "edition_name": new.edition.name,
        "period": new.period.label,
        "origin": new.origin,
        "is_new": live is None,
        "areas": int((known | (marker > 0)).sum()),
        "members": new.n_members,
        "values": new.n_values,
        "missing": new.missing,
        "quantiles": new.quantiles,
        "live_quantiles": live.quantiles if live else [],
        "live_values": live.n_values if live else 0,
        "replaces": live.release.slug if live else "",
        "nations": [
            {"name": name, "areas": int(inside.sum()), "values": int((known & inside).sum())}
            for name, inside in names.countries(new.edition)
        ],
        "changed": 0,
        "added": 0,
        "removed": 0,
        "added_areas": [],
        "removed_areas": [],
        "movers": [],
    }
    if live is None:
        entry["added"] = new.n_values
        return entry, None
    old, old_marker = packed[live.pk]
    before = ~np.isnan(old)
    added, removed = known & ~before, before & ~known
    both = known & before
    # Sums of floats differ in their last bits with the order that they were added in.
    changed = both & (np.abs(value - old) > 1e-9 * np.maximum(np.abs(value), np.abs(old)))
    remarked = ~added & ~removed & ~changed & (marker != old_marker)
    entry |= {
        "changed": int(changed.sum()),
        "added": int(added.sum()),
        "removed": int(removed.sum()),
        "added_areas": [str(c) for c in codes[added][:MOVERS]],
        "removed_areas": [str(c) for c in codes[removed][:MOVERS]],
    }
    difference = np.where(changed, value - old, 0.0)
    spread = float(np.std(old[before])) or 1.0
    for at in np.argsort(-np.abs(difference), kind="stable")[:MOVERS]:
        if difference[at]:
            entry["movers"].append(
                {
                    "code": str(codes[at]),
                    "name": str(called[at]),
                    "indicator": new.indicator.slug,
                    "edition": new.edition.slug,
                    "period": new.period.label,
                    "live": float(old[at]),
                    "new": float(value[at]),
                    "relative": float(difference[at] / spread),
                }
            )
    any_change = changed | added | removed | remarked
    n = int(any_change.sum())
    kind = np.select([changed, added, removed], ["changed", "added", "removed"], "marker")
    letters = np.array(LETTERS, dtype=object)
    diff = pl.DataFrame(
        {
            "code": codes[any_change].astype(object),
            "name": called[any_change].astype(object),
            "indicator": [new.indicator.slug] * n,
            "breakdown": [new.breakdown] * n,
            "edition": [new.edition.slug] * n,
            "period": [new.period.label] * n,
            "origin": [str(new.origin)] * n,
            "change": kind[any_change].astype(object),
            "live_value": old[any_change],
            "live_marker": letters[old_marker[any_change]],
            "new_value": value[any_change],
            "new_marker": letters[marker[any_change]],
            "difference": (value - old)[any_change],
        },
        schema=DIFF,
    ).with_columns(pl.col("live_value", "new_value", "difference").fill_nan(None))
    return entry, diff


def gone(release: Release, pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """Return what is live of the dataset and would not be, as a complete release lacks it."""
    if not release.complete:
        return []
    kept = {tuple(getattr(p.new, name) for name in NAMES) for p in pairs}
    rows = (
        LiveSeries.objects.filter(
            live__endswith__isnull=True, series__release__dataset=release.dataset_id
        )
        .select_related("indicator", "edition", "period")
        .order_by("indicator__slug", "pk")
    )
    lost = [row for row in rows if tuple(getattr(row, name) for name in NAMES) not in kept]
    after = left_behind(release, [tuple(getattr(row, name) for name in NAMES) for row in lost])
    return [
        {
            "indicator": row.indicator.slug,
            "breakdown": row.breakdown,
            "edition": row.edition.slug,
            "period": row.period.label,
        }
        for row in lost
        if tuple(getattr(row, name) for name in NAMES) not in after
    ]


def left_behind(release: Release, keys: Sequence[Any]) -> dict[Key, Contender]:
    """Return what would be live at keys once a complete release has taken its dataset's away."""
    columns = list(zip(*keys, strict=True)) or [()] * 4
    parameters = dict(
        zip(("indicator", "breakdown", "edition", "period"), map(list, columns), strict=True)
    )
    contenders: dict[Key, list[Contender]] = {}
    with connection.cursor() as cursor:
        cursor.execute(CONTENDERS, parameters)
        for row in cursor.fetchall():
            contenders.setdefault(row[:4], []).append(Contender(*row[4:]))
    public = Release.objects.filter(
        status__in=[Release.Status.PUBLISHED, Release.Status.SUPERSEDED]
    ).order_by("published_at", "pk")
    events = [Event(*row) for row in public.values_list("pk", "dataset_id", "complete")]
    return winners([*events, Event(release.pk, release.dataset_id, True)], contenders)


def series_of(release: Release) -> Iterator[dict[str, Any]]:
    """Yield what each series of a release would change, all of them. Raises NoPreview."""
    path = folder_of(release.pk) / PREVIEW / "series.parquet"
    if not path.exists():
        raise NoPreview(f"There is no preview of “{release.name}”: make it ready first.")
    yield from pl.read_parquet(path).iter_rows(named=True)
