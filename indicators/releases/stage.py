"""A checked table of columns → series, observations, standings and arrays, not yet live.

Everything is columnar: polars joins the codes, NumPy computes by ordinal, COPY loads. One
transaction: a table that cannot be staged changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl
from django.db import transaction
from numpy.typing import NDArray

from areas.hierarchy import Links, links, member_ids, route_onward, routes_up
from areas.importing.copy import copy_frame, fetch_frame
from areas.models import Area, Edition, OverlapSet
from indicators.models import AuditEntry, Indicator, Period, Release, Series, SeriesInput
from indicators.releases.nations import NATIONS, covers, nations_of, told_by
from indicators.releases.storage import OpenBucket, lock_dataset, open_bucket
from indicators.statistics.aggregate import CannotAggregate, roll_up
from indicators.statistics.classes import summarise
from indicators.statistics.deprivation import reversed_rank, summaries
from indicators.statistics.markers import MARKERS, MISSING, POSITION
from indicators.statistics.periods import parse_period
from indicators.statistics.rank import Floats, Ints, standings

COLUMNS: dict[str, type[pl.DataType]] = {
    "indicator": pl.String,
    "breakdown": pl.String,
    "edition": pl.String,
    "period": pl.String,
    "code": pl.String,
    "value": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "marker": pl.String,
}
NUMBERS = ["value", "lower", "upper", "numerator", "denominator"]
SERIES_KEY = ["indicator", "breakdown", "edition", "period"]

LETTERS = [marker.letters for marker in MARKERS]
MISSING_LETTERS = [LETTERS[position] for position in MISSING]
# Editions whose areas a reader compares within; nearer ones are left to the map.
GROUP_TYPES = ("authority", "region", "country", "country-group", "uk")
MAX_EXAMPLES = 5
LONGEST_BREAKDOWN = 120
# Areas times series of one part, which are held as arrays of some 60 bytes for each.
MOST_PLACES = 30_000_000

Progress = Callable[[str, int, int], None]


class StagingError(ValueError):
    """The table cannot be staged; `sentences` say what is wrong, where and what to do."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


@dataclass
class Columns:
    """One series by ordinal: shape (n,) each; NaN where unknown; `row` where a row exists.

    `expected` and `present` count the finest areas that a figure stands for and is made from.
    `inside` where an area lies wholly within the scope of the indicator.
    """

    value: Floats
    lower: Floats
    upper: Floats
    numerator: Floats
    denominator: Floats
    marker: NDArray[np.int8]
    row: NDArray[np.bool_]
    expected: Floats
    present: Floats
    inside: NDArray[np.bool_]

    def settle(self) -> None:
        """Write every number as the decimals it stands for (see `settled`)."""
        for name in NUMBERS:
            setattr(self, name, settled(getattr(self, name)))


def settled(values: Floats) -> Floats:
    """Return numbers without what is left of working with binary ones: 27.300000000000004 is 27.3.

    Equal figures would otherwise be ranked apart. A number is changed only where one of at most
    12 digits is nearer to it than 4e-15 of itself; any other has more digits than that.
    """
    # Most figures have six decimals at most: those are as they are, and need no logarithm.
    odd = np.flatnonzero((values != np.round(values, 6)) & np.isfinite(values))
    if not len(odd):
        return values
    some = values[odd]
    digits = 11 - np.floor(np.log10(np.abs(some)))
    # Beyond these powers of ten a factor is not exact, and nothing published stands there.
    usual = np.abs(digits) <= 22
    power = 10.0 ** np.where(usual, np.abs(digits), 0.0)
    near = np.where(digits >= 0, np.round(some * power) / power, np.round(some / power) * power)
    out = values.copy()
    out[odd] = np.where(usual & (np.abs(near - some) <= 4e-15 * np.abs(some)), near, some)
    return out


@dataclass
class Staged:
    """A series about to be written, with what it was made from."""

    indicator: Indicator
    breakdown: str
    edition: Edition
    period: Period
    columns: Columns
    origin: str = Series.Origin.PUBLISHED
    source: Staged | None = None
    overlap_set: OverlapSet | None = None
    totals: tuple[float, float] | None = None
    best_fit: bool = False
    record: Series = field(default_factory=Series)

    @property
    def key(self) -> tuple[int, str, int, int]:
        """What makes a series one of a kind within a release."""
        return (self.indicator.pk, self.breakdown, self.edition.pk, self.period.pk)


class Geography:
    """What staging asks of geography, read once a run and kept."""

    def __init__(self) -> None:
        self._ids: dict[int, Ints] = {}
        self._links: dict[int, Links] = {}
        self._routes: dict[int, dict[Edition, list[OverlapSet]]] = {}
        self._onward: dict[int, list[OverlapSet]] = {}
        self._groups: dict[int, dict[Edition, Ints]] = {}
        self._inside: dict[tuple[int, int], NDArray[np.bool_]] = {}

    @cached_property
    def editions(self) -> dict[str, Edition]:
        """Every edition, by slug."""
        return {e.slug: e for e in Edition.objects.select_related("area_type")}

    def ids(self, edition: Edition) -> Ints:
        """Area ids by ordinal."""
        if edition.pk not in self._ids:
            self._ids[edition.pk] = member_ids(edition)
        return self._ids[edition.pk]

    def links(self, overlap_set: OverlapSet) -> Links:
        """The links of a set, as ordinals."""
        if overlap_set.pk not in self._links:
            self._links[overlap_set.pk] = links(overlap_set)
        return self._links[overlap_set.pk]

    def routes(self, edition: Edition) -> dict[Edition, list[OverlapSet]]:
        """The shortest chain of sets to every wider edition."""
        if edition.pk not in self._routes:
            self._routes[edition.pk] = routes_up(edition)
        return self._routes[edition.pk]

    def onward(self, edition: Edition) -> list[OverlapSet]:
        """Return the shortest chain of sets to the newest later edition of the same type."""
        if edition.pk not in self._onward:
            self._onward[edition.pk] = route_onward(edition)
        return self._onward[edition.pk]

    def inside(self, edition: Edition, scope: Area) -> NDArray[np.bool_]:
        """Return which areas of `edition` lie in `scope`; groups of countries are not asked.

        Overlaps tell. Where they do not reach so far, the codes say which nation an area is in.
        """
        key = (edition.pk, scope.pk)
        if key not in self._inside:
            self._inside[key] = self._lies_inside(edition, scope)
        return self._inside[key]

    def _lies_inside(self, edition: Edition, scope: Area) -> NDArray[np.bool_]:
        ids = self.ids(edition)
        if edition.area_type_id == "country-group" or scope.area_type_id == "uk":
            return np.ones(len(ids), dtype=bool)
        if scope.pk in ids:
            return np.asarray(ids == scope.pk)
        inside = np.zeros(len(ids), dtype=bool)
        told = np.zeros(len(ids), dtype=bool)
        for wider, parent in self.groups(edition).items():
            here = np.flatnonzero(self.ids(wider) == scope.pk)
            if len(here):
                inside |= parent == here[0]
                told |= parent >= 0
        if scope.code in NATIONS and not told.all():
            codes = fetch_frame(
                "SELECT id, code FROM areas_area WHERE id = ANY(%s)",
                [ids[~told].tolist()],
                {"id": pl.Int64, "code": pl.String},
            ).select("id", told_by(pl.col("code")).alias("by"))
            within = [
                by
                for by in codes["by"].unique()
                if (nations := nations_of([by])) and covers(scope.code, nations)
            ]
            held = codes.filter(pl.col("by").is_in(within))["id"].to_numpy()
            inside |= ~told & np.isin(ids, held)
        return inside

    def groups(self, edition: Edition) -> dict[Edition, Ints]:
        """Return, for each wider edition that areas are ranked in, the parent's ordinal or -1.

        A chain with an apportioned step gives no one parent, and so no group.
        """
        if edition.pk not in self._groups:
            found = {}
            for wider, route in self.routes(edition).items():
                if wider.area_type_id not in GROUP_TYPES or any(
                    step.kind == OverlapSet.Kind.APPORTIONED for step in route
                ):
                    continue
                position = np.arange(len(self.ids(edition)))
                for step in route:
                    table = np.full(len(self.ids(step.from_edition)), -1, dtype=np.int64)
                    link = self.links(step)
                    table[link.member] = link.parent
                    position = np.where(position >= 0, table[position], -1)
                found[wider] = position
            self._groups[edition.pk] = found
        return self._groups[edition.pk]


class InParts(Protocol):
    """Rows in parts, each with the columns of `COLUMNS` and perhaps others.

    All series of one indicator, breakdown and period lie in one part (see `parts`).
    """

    @property
    def rows(self) -> int:
        """The rows of all parts."""
        ...

    def __len__(self) -> int:
        """How many parts there are."""
        ...

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield each part."""
        ...


@dataclass(frozen=True)
class OnePart:
    """A table held in memory."""

    table: pl.DataFrame

    @property
    def rows(self) -> int:
        """The rows of the table."""
        return self.table.height

    def __len__(self) -> int:
        return 1

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the table."""
        yield self.table


@transaction.atomic
def stage(
    *,
    release: Release,
    table: pl.DataFrame | InParts,
    at: datetime,
    progress: Progress | None = None,
) -> list[Series]:
    """Write `table` as the series of `release`, with everything derived from it, not yet live.

    `table` has the columns of `COLUMNS` (limits, parts and marker may be absent): one row for
    each area with a value or a reason for having none. Larger areas are added up by each
    indicator's rule wherever the table has none of its own. Rows in parts are staged a part at a
    time, so that memory does not grow with them. Returns the series.

    Raises StagingError, having changed nothing, when the table is not fit to be staged.
    """
    tell = progress or (lambda stage, done, total: None)
    source: InParts = OnePart(table) if isinstance(table, pl.DataFrame) else table
    lock_dataset(release.dataset_id)
    release.refresh_from_db(
        fields=["status"], from_queryset=Release.objects.select_for_update(of=("self",))
    )
    if release.status not in {Release.Status.RECEIVED, Release.Status.CHECKED}:
        raise StagingError([f"“{release.name}” is already {release.status}; it is staged once."])
    geography = Geography()
    indicators = {i.slug: i for i in Indicator.objects.select_related("scope__area_type")}
    bucket: OpenBucket | None = None
    records: list[Series] = []
    n_derived = n_rows = 0
    summed_up: list[Staged] = []
    taken: set[tuple[int, str, int, int]] = set()

    def staged() -> Iterator[tuple[list[Staged], list[Staged]]]:
        """Yield what was published and what follows from it; sums of scores come last.

        A summary is another indicator than its scores, and may be published in another part.
        """
        for done, part in enumerate(source.frames()):
            tell("Making ready", done, len(source))
            published = fit(part, indicators, geography)
            summed_up.extend(sum_up_all(published, indicators, geography))
            taken.update(s.key for s in published)
            yield published, list(roll_up_all(published, geography, tell))
        if own := [s for s in summed_up if s.key not in taken]:
            yield [], own

    for published, derived in staged():
        every = published + derived
        for s in every:
            s.columns.settle()
        rows = sum(int(s.columns.row.sum()) for s in every)
        if bucket is None:
            expected = rows if len(source) == 1 else source.rows
            bucket = open_bucket(rows=expected, n_series=len(every), release=release)
        write_series(every, release, bucket, geography)
        write_rows(every, bucket, geography, tell)
        records += [s.record for s in every]
        n_derived += len(derived)
        n_rows += rows
    if bucket is None:
        raise StagingError(["The table has no rows."])
    bucket.attach()
    if not bucket.record.shared:
        bucket.record.rows = n_rows
        bucket.record.save(update_fields=["rows"])
    release.status = Release.Status.STAGED
    release.staged_at = at
    release.save(update_fields=["status", "staged_at"])
    AuditEntry.objects.create(
        at=at,
        action="stage",
        release=release,
        detail={"series": len(records) - n_derived, "derived": n_derived, "rows": n_rows},
    )
    return records


def fit(
    table: pl.DataFrame, indicators: dict[str, Indicator], geography: Geography
) -> list[Staged]:
    """Return the series of a table that is fit to be staged.

    Raises StagingError with every sentence of the first kind of fault that it has.
    """
    table = with_rates(normalise(table), indicators)
    refuse(problems(table, indicators, geography.editions))
    table = with_ordinals(table, geography)
    refuse(sparse(table, geography))
    published = list(read_series(table, indicators, geography))
    refuse(beyond_scope(published, geography))
    return published


def with_rates(table: pl.DataFrame, indicators: dict[str, Indicator]) -> pl.DataFrame:
    """Work out the value of ratios that come as their two parts and no reason for having none.

    Nothing out of nothing is no rate: its marker is z, not applicable.
    """
    ratios = {
        i.slug: i.multiplier
        for i in indicators.values()
        if i.aggregation == Indicator.Aggregation.RATIO
    }
    todo = (
        pl.col("indicator").is_in(list(ratios))
        & pl.col("value").is_null()
        & ~pl.col("marker").is_in(MISSING_LETTERS)
        & pl.col("numerator").is_finite()
        & pl.col("denominator").is_finite()
    )
    if not table.select(todo.any()).item():
        return table
    multiplier = pl.col("indicator").replace_strict(ratios, default=1.0, return_dtype=pl.Float64)
    return table.with_columns(
        pl.when(todo & (pl.col("denominator") > 0))
        .then(multiplier * pl.col("numerator") / pl.col("denominator"))
        .otherwise(pl.col("value"))
        .alias("value"),
        pl.when(todo & (pl.col("denominator") == 0) & (pl.col("numerator") == 0))
        .then(pl.lit("z"))
        .otherwise(pl.col("marker"))
        .alias("marker"),
    )


def without_wrong_parts(table: pl.DataFrame, indicators: dict[str, Indicator]) -> pl.DataFrame:
    """Return a table without those parts of ratios that do not give the value, within rounding."""
    ratios = ratio_scales(indicators)
    off = (
        pl.col("value").is_finite()
        & (pl.col("denominator") >= 0)
        & pl.col("_times").is_not_null()
        & ~(
            (pl.col("value") - pl.col("_times") * pl.col("numerator") / pl.col("denominator")).abs()
            <= pl.col("_half_step")
        )
    )
    scaled = table.join(
        ratios.rename({"multiplier": "_times", "half_step": "_half_step"}),
        on="indicator", how="left", maintain_order="left",
    )  # fmt: skip
    return scaled.with_columns(
        pl.when(off).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("numerator", "denominator")
    ).drop("_times", "_half_step")


def ratio_scales(indicators: dict[str, Indicator]) -> pl.DataFrame:
    """Return indicator, multiplier and half_step, the most that rounding does, of each ratio."""
    return pl.DataFrame(
        [(i.slug, i.multiplier, 0.505 * 10.0**-i.decimals) for i in indicators.values()
         if i.aggregation == Indicator.Aggregation.RATIO],
        schema={"indicator": pl.String, "multiplier": pl.Float64, "half_step": pl.Float64},
        orient="row",
    )  # fmt: skip


def normalise(table: pl.DataFrame) -> pl.DataFrame:
    """Return `table` with exactly `COLUMNS`, absent optional ones filled with nothing."""
    missing = {"indicator", "edition", "period", "code", "value"} - set(table.columns)
    if missing:
        raise StagingError([f"The table has no column {', '.join(sorted(missing))}: add it."])
    if unknown := set(table.columns) - set(COLUMNS):
        raise StagingError([f"The table has columns we do not know: {', '.join(sorted(unknown))}."])
    try:
        return table.with_columns(
            pl.lit("" if kind == pl.String else None, dtype=kind).alias(name)
            for name, kind in COLUMNS.items()
            if name not in table.columns
        ).select(
            pl.col(name).cast(kind).fill_null("") if kind == pl.String else pl.col(name).cast(kind)
            for name, kind in COLUMNS.items()
        )
    except pl.exceptions.InvalidOperationError as error:
        raise StagingError([f"A column of numbers holds something else: {error}."]) from error


def refuse(sentences: Iterable[str]) -> None:
    """Raise StagingError with all of `sentences`, if there are any."""
    if found := list(sentences):
        raise StagingError(found)


def examples(values: pl.Series) -> str:
    """Return the first few distinct values, quoted, and how many more there are."""
    distinct = values.unique(maintain_order=True).to_list()
    shown = ", ".join(f"“{v}”" for v in distinct[:MAX_EXAMPLES])
    more = len(distinct) - MAX_EXAMPLES
    return f"{shown} and {more:,} more" if more > 0 else shown


def problems(
    table: pl.DataFrame, indicators: dict[str, Indicator], editions: dict[str, Edition]
) -> Iterable[str]:
    """Yield a sentence for each kind of thing that would make the table untrue or unloadable."""
    if table.is_empty():
        yield "The table has no rows."
        return

    def rows(condition: pl.Expr) -> pl.DataFrame:
        return table.filter(condition)

    for column, known in (("indicator", indicators), ("edition", editions)):
        strange = rows(~pl.col(column).is_in(list(known)))
        if len(strange):
            yield f"Unknown {column} {examples(strange[column])}: define it first."
    for text in table["period"].unique():
        try:
            parse_period(text)
        except ValueError as error:
            yield str(error)
    long = rows(pl.col("breakdown").str.len_chars() > LONGEST_BREAKDOWN)
    if len(long):
        yield (
            f"The breakdown {examples(long['breakdown'])} is longer than {LONGEST_BREAKDOWN} "
            "characters: say it in fewer."
        )
    unread = rows(~pl.col("marker").is_in(LETTERS))
    if len(unread):
        yield f"Unknown marker {examples(unread['marker'])}: use one of {', '.join(LETTERS[1:])}."
    for column in NUMBERS:
        wild = rows(pl.col(column).is_nan() | pl.col(column).is_infinite())
        if len(wild):
            yield (
                f"The {column} is not a number for {examples(wild['code'])}: leave it empty and "
                "say why in the marker."
            )
    empty = rows(pl.col("value").is_null() & ~pl.col("marker").is_in(MISSING_LETTERS))
    if len(empty):
        yield f"No value and no reason for {examples(empty['code'])}: add a marker such as x or c."
    hidden = rows(pl.col("value").is_not_null() & pl.col("marker").is_in(MISSING_LETTERS))
    if len(hidden):
        yield f"A value and a reason for having none, for {examples(hidden['code'])}: keep one."
    outside = rows((pl.col("lower") > pl.col("value")) | (pl.col("upper") < pl.col("value")))
    if len(outside):
        yield f"The limits do not hold the value for {examples(outside['code'])}."
    scale = ratio_scales(indicators)
    rate = pl.col("multiplier") * pl.col("numerator") / pl.col("denominator")
    wrong = (
        rows(pl.col("value").is_finite() & (pl.col("denominator") > 0))
        .join(scale, on="indicator")
        .filter((pl.col("value") - rate).abs() > pl.col("half_step"))
    )
    if len(wrong):
        yield f"The parts do not give the value for {examples(wrong['code'])}: check both."
    twice = rows(pl.struct(*SERIES_KEY, "code").is_duplicated())
    if len(twice):
        yield f"More than one row for {examples(twice['code'])} in one series: keep one."


def sparse(table: pl.DataFrame, geography: Geography) -> Iterable[str]:
    """Yield a sentence where series are so many and so empty that their arrays fill the memory."""
    each = table.group_by("edition").agg(pl.struct(SERIES_KEY).n_unique().alias("series"))
    places = sum(
        int(series) * len(geography.ids(geography.editions[slug]))
        for slug, series in each.iter_rows()
    )
    if places > MOST_PLACES:
        yield (
            f"{table.height:,} figures would make {int(each['series'].sum()):,} series: a column "
            "that tells rows apart, such as a number of each row, seems to be read as a category "
            "or a period. Say in the mapping what it is; if they are meant, give the file in parts."
        )


def with_ordinals(table: pl.DataFrame, geography: Geography) -> pl.DataFrame:
    """Add each row's `ordinal` in its edition; raise StagingError for codes that are not in it."""
    slugs = table["edition"].unique().to_list()
    members = fetch_frame(
        "SELECT e.slug, a.code, m.ordinal FROM areas_member m "
        "JOIN areas_area a ON a.id = m.area_id JOIN areas_edition e ON e.id = m.edition_id "
        "WHERE e.slug = ANY(%s)",
        (slugs,),
        {"edition": pl.String, "code": pl.String, "ordinal": pl.Int64},
    )
    joined = table.join(members, on=["edition", "code"], how="left")
    lost = joined.filter(pl.col("ordinal").is_null())
    refuse(
        f"Not in the edition “{geography.editions[slug].name}”: {examples(rows['code'])}. "
        "Check the vintage of the codes."
        for (slug,), rows in lost.group_by("edition", maintain_order=True)
    )
    return joined


def read_series(
    table: pl.DataFrame, indicators: dict[str, Indicator], geography: Geography
) -> Iterable[Staged]:
    """Yield one published series for each key in the table, as arrays by ordinal."""
    table = table.with_columns(
        pl.col("marker").replace_strict(POSITION, return_dtype=pl.Int8).alias("position")
    )
    periods: dict[str, Period] = {}
    for key, rows in table.group_by(SERIES_KEY, maintain_order=True):
        slug, breakdown, edition_slug, text = (str(part) for part in key)
        if text not in periods:
            p = parse_period(text)
            periods[text], _ = Period.objects.get_or_create(
                start=p.start, end=p.end, kind=p.kind, defaults={"label": p.label}
            )
        edition = geography.editions[edition_slug]
        n = len(geography.ids(edition))
        at = rows["ordinal"].to_numpy()
        arrays = {}
        for name in NUMBERS:
            arrays[name] = np.full(n, np.nan)
            arrays[name][at] = rows[name].fill_null(float("nan")).to_numpy()
        marker = np.zeros(n, dtype=np.int8)
        marker[at] = rows["position"].to_numpy()
        row = np.zeros(n, dtype=bool)
        row[at] = True
        yield Staged(
            indicator=indicators[slug],
            breakdown=breakdown,
            edition=edition,
            period=periods[text],
            columns=Columns(
                **arrays,
                marker=marker,
                row=row,
                expected=np.ones(n),
                present=np.ones(n),
                inside=geography.inside(edition, indicators[slug].scope),
            ),
        )


def beyond_scope(published: list[Staged], geography: Geography) -> Iterable[str]:
    """Yield a sentence for each series with areas where its indicator may not be compared."""
    for s in published:
        outside = s.columns.row & ~s.columns.inside
        if outside.any():
            ids = geography.ids(s.edition)[outside][:MAX_EXAMPLES].tolist()
            codes = ", ".join(Area.objects.filter(pk__in=ids).values_list("code", flat=True))
            yield (
                f"{s.indicator.name} may be compared across {s.indicator.scope.name} only, but "
                f"there are {int(outside.sum()):,} areas beyond it ({codes}): take them out, or "
                "change the indicator."
            )


def roll_up_all(published: list[Staged], geography: Geography, tell: Progress) -> Iterable[Staged]:
    """Yield series added up to every wider edition, where the table has none of its own.

    A published figure beats a derived one, and each edition is reached from the finest
    published edition by the shortest chain of sets, one step at a time, so that what is unknown
    at one step stays unknown at the next. What is at an earlier edition is moved to the current
    one of its type first, and added up from there to what has no figure otherwise.
    """
    taken = {s.key for s in published}
    moved = []
    for series in published:
        here: Staged | None = series
        for step in geography.onward(series.edition):
            here = convert(here, step, geography) if here else None
            if here is None or here.key in taken:
                break
            taken.add(here.key)
            moved.append(here)
            yield here
    # Sorting is stable: what is published comes before what was moved.
    finest_first = sorted([*published, *moved], key=lambda s: -s.edition.area_type.rank)
    for done, series in enumerate(finest_first):
        tell("Adding up to larger areas", done, len(finest_first))
        if series.indicator.aggregation == Indicator.Aggregation.NONE:
            continue
        by_edition = {series.edition: series}
        routes = geography.routes(series.edition)
        for target in sorted(routes, key=lambda e: len(routes[e])):
            step = routes[target][-1]
            below = by_edition.get(step.from_edition)
            if below is None:
                continue
            candidate = add_up(below, step, target, geography)
            if candidate is None or candidate.key in taken:
                continue
            taken.add(candidate.key)
            by_edition[target] = candidate
            yield candidate


def convert(old: Staged, step: OverlapSet, geography: Geography) -> Staged | None:
    """Return `old` moved to the later edition of `step`, or None when nothing can be moved.

    Parts are moved by the indicator's rule, as they are added up. An area that is the whole of
    one old area and nothing else keeps that area's figure with its limits and marker, whatever
    the rule; that alone holds for scores, medians, ranks and standardised rates. A best fit never
    says that two areas are the same, so it carries nothing over like that.
    """
    link = geography.links(step)
    target = step.to_edition
    new = add_up(old, step, target, geography) or nothing_known(old, step, geography)
    n_old, n_new = len(old.columns.value), len(new.columns.value)
    if step.kind != OverlapSet.Kind.BEST_FIT:
        alone = (
            (np.bincount(link.parent, minlength=n_new)[link.parent] == 1)
            & (np.bincount(link.member, minlength=n_old)[link.member] == 1)
            & new.columns.inside[link.parent]
        )
        of, to = link.member[alone], link.parent[alone]
        for name in (*NUMBERS, "marker", "row", "expected", "present"):
            getattr(new.columns, name)[to] = getattr(old.columns, name)[of]
    if np.isnan(new.columns.value).all():
        return None
    new.origin = Series.Origin.CONVERTED
    before, after = conserved(old), conserved(new)
    new.totals = None if before is None or after is None else (before, after)
    return new


def conserved(s: Staged) -> float | None:
    """Return the sum of what moving to another edition must not change; None where nothing is.

    Counts of a sum, numerators of a ratio, weights of a mean, of the areas where they are known.
    """
    of = {
        Indicator.Aggregation.SUM: s.columns.value,
        Indicator.Aggregation.RATIO: s.columns.numerator,
        Indicator.Aggregation.WEIGHTED_MEAN: s.columns.denominator,
    }.get(Indicator.Aggregation(s.indicator.aggregation))
    return None if of is None or np.isnan(of).all() else float(np.nansum(of))


def nothing_known(old: Staged, step: OverlapSet, geography: Geography) -> Staged:
    """Return a series of the later edition in which each area that `old` reaches is unknown."""
    link = geography.links(step)
    n = len(geography.ids(step.to_edition))
    inside = geography.inside(step.to_edition, old.indicator.scope)
    expected = np.bincount(link.parent, weights=link.weight, minlength=n).astype(np.float64)
    reached = np.bincount(link.parent[old.columns.row[link.member]], minlength=n) > 0
    row = reached & inside
    return Staged(
        indicator=old.indicator,
        breakdown=old.breakdown,
        edition=step.to_edition,
        period=old.period,
        columns=Columns(
            **{name: np.full(n, np.nan) for name in NUMBERS},
            marker=np.where(row, POSITION["x"], 0).astype(np.int8),
            row=row,
            expected=expected,
            present=np.zeros(n),
            inside=inside,
        ),
        source=old,
        overlap_set=step,
        best_fit=old.best_fit or step.kind == OverlapSet.Kind.BEST_FIT,
    )


def add_up(below: Staged, step: OverlapSet, target: Edition, geography: Geography) -> Staged | None:
    """Return `below` added up by `step`, or None when no area of `target` has any of it."""
    link = geography.links(step)
    columns = below.columns
    try:
        whole = roll_up(
            rule=below.indicator.aggregation,
            multiplier=below.indicator.multiplier,
            value=columns.value,
            numerator=columns.numerator,
            denominator=columns.denominator,
            marker=np.array(LETTERS)[columns.marker],
            expected=columns.expected,
            present=columns.present,
            member=link.member,
            parent=link.parent,
            weight=link.weight,
            n_parents=len(geography.ids(target)),
        )
    except CannotAggregate:
        return None
    # A whole that reaches beyond the scope would be shown as what it is not.
    beyond = np.zeros(len(whole.value), dtype=bool)
    beyond[link.parent[~columns.inside[link.member]]] = True
    for column in (whole.value, whole.numerator, whole.denominator):
        column[beyond] = np.nan
    if np.isnan(whole.value).all():
        return None
    # Where none of its parts has a figure, an area has a row that says so.
    reached = np.bincount(link.parent[columns.row[link.member]], minlength=len(beyond)) > 0
    row = reached & ~beyond
    unknown = np.where(whole.suppressed, POSITION["c"], POSITION["x"])
    return Staged(
        indicator=below.indicator,
        breakdown=below.breakdown,
        edition=target,
        period=below.period,
        columns=Columns(
            value=whole.value,
            lower=np.full(len(whole.value), np.nan),
            upper=np.full(len(whole.value), np.nan),
            numerator=whole.numerator,
            denominator=whole.denominator,
            marker=np.where(row & np.isnan(whole.value), unknown, 0).astype(np.int8),
            row=row,
            expected=whole.expected,
            present=whole.present,
            inside=~beyond & geography.inside(target, below.indicator.scope),
        ),
        origin=Series.Origin.AGGREGATE,
        source=below,
        overlap_set=step,
        best_fit=below.best_fit or step.kind == OverlapSet.Kind.BEST_FIT,
    )


def sum_up_all(
    published: list[Staged], indicators: dict[str, Indicator], geography: Geography
) -> Iterator[Staged]:
    """Yield the summaries of deprivation that other indicators are of the `published` scores.

    They are of areas that small areas lie in by one set, each in one only, and are made from the
    finest edition there is. Ranks are among the areas of the edition in the scopes of both.
    """
    wanted: dict[int, list[Indicator]] = {}
    for indicator in indicators.values():
        if indicator.summary_of_id is not None:
            wanted.setdefault(indicator.summary_of_id, []).append(indicator)
    done: set[tuple[int, str, int, int]] = set()
    for s in sorted(published, key=lambda s: -s.edition.area_type.rank):
        for indicator in wanted.get(s.indicator.pk, []):
            for target, route in geography.routes(s.edition).items():
                if len(route) > 1 or route[0].kind == OverlapSet.Kind.APPORTIONED:
                    continue
                found = sum_up(s, indicator, route[0], target, geography)
                if found and found.key not in done:
                    done.add(found.key)
                    yield found


def sum_up(
    below: Staged, indicator: Indicator, step: OverlapSet, target: Edition, geography: Geography
) -> Staged | None:
    """Return the summary `indicator` of the scores `below`, None where no area has one.

    Residents are the denominator of the scores. Where there are none, only the proportion of
    areas can be told. Shares are times the indicator's multiplier, 100 for percent.
    """
    columns = below.columns
    n = len(geography.ids(target))
    population = columns.denominator
    if np.isnan(population).all():
        if indicator.summary != Indicator.Summary.PROPORTION:
            return None
        population = np.ones(len(population))
    inside = columns.inside & geography.inside(below.edition, indicator.scope)
    link = geography.links(step)
    counts = columns.marker[link.member] != POSITION["z"]
    member, parent = link.member[counts], link.parent[counts]
    whole = summaries(
        score=columns.value,
        rank=reversed_rank(columns.value, inside),
        population=population,
        member=member,
        parent=parent,
        n_parents=n,
    )
    value: Floats = getattr(whole, indicator.summary.replace("-", "_")).copy()
    if indicator.summary in {Indicator.Summary.PROPORTION, Indicator.Summary.EXTENT}:
        value *= indicator.multiplier
    known = ~np.isnan(columns.value[member]) & ~np.isnan(population[member])
    expected = np.bincount(parent, minlength=n).astype(np.float64)
    present = np.bincount(parent[known], minlength=n).astype(np.float64)
    suppressed = np.zeros(n, dtype=bool)
    suppressed[parent[columns.marker[member] == POSITION["c"]]] = True
    beyond = np.zeros(n, dtype=bool)
    beyond[link.parent[~inside[link.member]]] = True
    value[suppressed | beyond] = np.nan
    if np.isnan(value).all():
        return None
    nothing = np.full(n, np.nan)
    reached = np.bincount(parent[columns.row[member]], minlength=n) > 0
    row = reached & ~beyond
    unknown = np.where(suppressed, POSITION["c"], POSITION["x"])
    return Staged(
        indicator=indicator,
        breakdown=below.breakdown,
        edition=target,
        period=below.period,
        columns=Columns(
            value=value,
            lower=nothing,
            upper=nothing,
            numerator=nothing,
            denominator=nothing,
            marker=np.where(row & np.isnan(value), unknown, 0).astype(np.int8),
            row=row,
            expected=expected,
            present=present,
            inside=~beyond & geography.inside(target, indicator.scope),
        ),
        origin=Series.Origin.AGGREGATE,
        source=below,
        overlap_set=step,
        best_fit=step.kind == OverlapSet.Kind.BEST_FIT,
    )


def write_series(
    every: list[Staged], release: Release, bucket: OpenBucket, geography: Geography
) -> None:
    """Insert the series with their summaries, what they were made from, and their arrays."""
    for pk, s in zip(bucket.give_ids(len(every)), every, strict=True):
        shape = summarise(s.columns.value, s.indicator.decimals)
        reasons = s.columns.row & np.isnan(s.columns.value)
        counts = np.bincount(s.columns.marker[reasons], minlength=len(MARKERS))
        s.record = Series(
            id=pk,
            release=release,
            indicator=s.indicator,
            breakdown=s.breakdown,
            edition=s.edition,
            period=s.period,
            origin=s.origin,
            best_fit=s.best_fit,
            n_members=int(s.columns.inside.sum()),
            n_values=shape.n_values,
            missing={LETTERS[i]: int(n) for i, n in enumerate(counts) if n},
            quantiles=shape.quantiles,
            class_breaks=shape.class_breaks,
            plot_low=shape.plot_low,
            plot_high=shape.plot_high,
            histogram=shape.histogram,
        )
    Series.objects.bulk_create([s.record for s in every])
    SeriesInput.objects.bulk_create(
        SeriesInput(
            series=s.record,
            input=s.source.record,
            overlap_set=s.overlap_set,
            total_before=s.totals[0] if s.totals else None,
            total_after=s.totals[1] if s.totals else None,
        )
        for s in every
        if s.source
    )
    partial = [coverage_frame(s, geography) for s in every if s.source]
    if partial:
        copy_frame("indicators_coverage", pl.concat(partial))
    copy_frame(
        "indicators_packedarray",
        pl.DataFrame(
            {
                "series_id": [s.record.pk for s in every],
                "values": [s.columns.value.astype("<f8").tobytes() for s in every],
                "markers": [s.columns.marker.tobytes() for s in every],
            },
            schema={"series_id": pl.Int64, "values": pl.Binary, "markers": pl.Binary},
        ),
    )


def coverage_frame(s: Staged, geography: Geography) -> pl.DataFrame:
    """Return the areas of a derived series whose figure leaves some of their parts out."""
    columns = s.columns
    partial = ~np.isnan(columns.value) & (columns.present < columns.expected)
    return pl.DataFrame(
        {
            "series_id": np.full(int(partial.sum()), s.record.pk, dtype=np.int32),
            "area_id": geography.ids(s.edition)[partial],
            "share": columns.present[partial] / columns.expected[partial],
        }
    )


def write_rows(
    every: list[Staged], bucket: OpenBucket, geography: Geography, tell: Progress
) -> None:
    """COPY the observations and standings of every series.

    Rows are laid down by area, so that a profile, which reads many series of one area, finds
    them side by side.
    """
    done = 0
    for batch in batches(every):
        tell("Writing observations", done, len(every))
        done += len(batch)
        bucket.copy_observations(
            pl.concat(observation_frame(s, geography) for s in batch).sort("area_id", "series_id")
        )
        frames = [f for s in batch for f in standing_frames(s, geography)]
        if frames:
            bucket.copy_standings(pl.concat(frames).sort("area_id", "series_id"))


def batches(every: list[Staged], size: int = 3_000_000) -> Iterable[list[Staged]]:
    """Yield runs of series of about `size` rows, so that memory does not grow with the release."""
    batch: list[Staged] = []
    rows = 0
    for s in every:
        batch.append(s)
        rows += int(s.columns.row.sum())
        if rows >= size:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


def observation_frame(s: Staged, geography: Geography) -> pl.DataFrame:
    """Return the rows of a series as the columns of the observation table."""
    row = s.columns.row
    return pl.DataFrame(
        {
            "series_id": np.full(int(row.sum()), s.record.pk, dtype=np.int32),
            "area_id": geography.ids(s.edition)[row],
            **{name: getattr(s.columns, name)[row] for name in NUMBERS},
            "marker": s.columns.marker[row],
        }
    ).with_columns(
        pl.col(NUMBERS).fill_nan(None), pl.when(pl.col("marker") > 0).then(pl.col("marker"))
    )


def standing_frames(s: Staged, geography: Geography) -> Iterable[pl.DataFrame]:
    """Yield the standings of a series in each group inside the indicator's scope.

    Groups are the scope itself, and the country and the nearest of region or authority that
    each area lies in. One type of area and one edition only: ranks never cross those.
    """
    scope = s.indicator.scope
    nearest_done = False
    groups = geography.groups(s.edition)
    # One edition of each type, the newest: an area is ranked once among its peers in a place.
    newest = {e.area_type_id: e for e in sorted(groups, key=lambda e: e.date)}
    scopes = [e for e in groups if scope.pk in geography.ids(e)]
    for wider in sorted({*newest.values(), *scopes[:1]}, key=lambda e: (-e.area_type.rank, e.pk)):
        kind = wider.area_type
        group_ids = geography.ids(wider)
        parent = groups[wider]
        if kind.rank <= scope.area_type.rank or kind.slug == "country-group":
            # At the level of the scope or above, only the scope itself is a fair group.
            wanted = np.flatnonzero(group_ids == scope.pk)
            parent = np.where(np.isin(parent, wanted), parent, -1)
        elif kind.slug in {"authority", "region"}:
            if nearest_done:
                continue
            nearest_done = True
        standing = standings(s.columns.value, parent)
        ranked = standing.out_of > 1
        if not ranked.any():
            continue
        yield pl.DataFrame(
            {
                "series_id": np.full(int(ranked.sum()), s.record.pk, dtype=np.int32),
                "area_id": geography.ids(s.edition)[ranked],
                "group_area_id": group_ids[parent[ranked]],
                "rank": standing.rank[ranked],
                "tied": standing.tied[ranked],
                "out_of": standing.out_of[ranked],
            }
        )
