"""A lookup of which area lies in which → an overlap set between two editions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from areas.importing import load
from areas.importing.codes import PSEUDO, prefixed
from areas.importing.columns import headings
from areas.importing.copy import fetch_frame, refresh
from areas.importing.files import MOST_BYTES, only_one, opened
from areas.importing.report import Refused, Report, Tell, carry_out, counted, silent, some
from areas.importing.tables import read_table
from areas.models import Edition, OverlapSet

ENOUGH = 0.5  # The least share of a column's codes that must be in an edition to speak of it.
NEAR_ONE = 1e-6


@dataclass(frozen=True)
class OverlapOptions:
    """What to make of a lookup. Empty text means “find it in the file”."""

    from_edition: str
    to_edition: str
    kind: str
    from_column: str = ""
    to_column: str = ""
    to_prefix: str = ""
    weight_column: str = ""
    shares_of: str = ""
    source: str = ""
    sheet: str = ""
    partial: bool = False
    set_aside: bool = False
    replace: bool = False


def import_overlaps(
    *,
    file: Path,
    options: OverlapOptions,
    commit: bool,
    tell: Tell = silent,
    most_bytes: int = MOST_BYTES,
    name: str = "",
) -> Report:
    """Load one pair of columns of a lookup as an overlap set; report what it found and changed.

    Nothing is kept unless `commit` is true and there is no problem. The same file again changes
    nothing.
    """
    called = name or file.name
    report = Report(f"{called}: {options.from_edition} in {options.to_edition}")

    def work(report: Report) -> None:
        if options.kind not in OverlapSet.Kind.values:
            raise Refused(f"The kind is one of {', '.join(OverlapSet.Kind.values)}.")
        below, above = find_edition(options.from_edition), find_edition(options.to_edition)
        if below == above:
            raise Refused("The two editions must differ.")
        with opened(file, most_bytes=most_bytes, name=name) as sources:
            tell("Reading the file")
            table = read_table(only_one(sources, called), options.sheet)
        report.fact("Rows read", table.height)
        tell("Comparing with what is held")
        links = chosen_links(table, below, above, options, report)
        write_links(
            links,
            below,
            above,
            options.kind,
            options.source or f"{called}, columns as published",
            report,
            partial=options.partial,
            set_aside=options.set_aside,
            replace=options.replace,
        )

    return carry_out(report, work, commit=commit)


def find_edition(slug: str) -> Edition:
    """Return the edition with this short name. Raises Refused naming those there are."""
    edition = Edition.objects.filter(slug=slug).first()
    if edition is None:
        known = Edition.objects.order_by("slug").values_list("slug", flat=True)
        raise Refused(f"There is no edition {slug!r}. There are: {', '.join(known)}.")
    return edition


def member_codes(edition: Edition) -> pl.Series:
    """Return the codes of the areas in an edition."""
    return fetch_frame(
        "SELECT a.code FROM areas_member m JOIN areas_area a ON a.id = m.area_id "
        "WHERE m.edition_id = %s ORDER BY m.ordinal",
        [edition.pk],
        {"code": pl.String},
    )["code"]


def pick_column(table: pl.DataFrame, edition: Edition, column: str, taken: str = "") -> str:
    """Return the column whose codes are the edition's: the one given, or the one that fits best.

    Of columns that fit equally the one with the edition's year in its heading is taken. Raises
    Refused when none fits, or several do.
    """
    if column:
        if column not in table.columns:
            raise Refused(
                f"The file has no column {column!r}. It has: {', '.join(table.columns[:12])}."
            )
        return column
    codes = member_codes(edition)
    found = [h for h in headings(table.columns) if h.role == "code" and h.column != taken]
    scores = []
    for heading in found:
        values = table[heading.column].drop_nulls().unique().str.to_uppercase()
        inside = int(values.is_in(codes.implode()).sum())
        if inside and inside >= ENOUGH * len(values):
            # How well the two sets agree; then the year in the heading.
            agree = inside / (len(values) + len(codes) - inside)
            year = heading.vintage == f"{edition.date:%y}"
            scores.append((agree, year, heading.column))
    if not scores:
        raise Refused(
            f"No column holds the codes of {edition.slug} (columns of codes: "
            f"{some(h.column for h in found) or 'none'}). Say which with --from-column and "
            "--to-column, or load the edition that the file is about."
        )
    scores.sort(reverse=True)
    if len(scores) > 1 and scores[0][:2] == scores[1][:2]:
        alike = table[scores[0][2]].equals(table[scores[1][2]])
        if not alike:
            raise Refused(
                f"Columns {scores[0][2]} and {scores[1][2]} both hold the codes of "
                f"{edition.slug}. Say which with --from-column and --to-column."
            )
    return scores[0][2]


def chosen_links(
    table: pl.DataFrame, below: Edition, above: Edition, options: OverlapOptions, report: Report
) -> pl.DataFrame:
    """Return distinct links: from_code, to_code, weight."""
    start = pick_column(table, below, options.from_column)
    end = pick_column(table, above, options.to_column, taken=start)
    used = [("from", start), ("to", end)]
    weight: pl.Expr = pl.lit(1.0)
    column = options.weight_column or options.shares_of
    if options.kind != OverlapSet.Kind.APPORTIONED and column:
        raise Refused("Weights belong to apportioned sets only: exact and best fit weigh 1.")
    if options.weight_column and options.shares_of:
        raise Refused("Give --weight-column (shares as published) or --shares-of, not both.")
    if options.kind == OverlapSet.Kind.APPORTIONED:
        if not column:
            raise Refused(
                "An apportioned set needs weights: name a column of shares with "
                "--weight-column, or of people or homes to share by with --shares-of."
            )
        if column not in table.columns:
            raise Refused(f"The file has no column {column!r}.")
        used.append(("weight", column))
        weight = pl.col(column).str.replace_all(",", "").cast(pl.Float64, strict=False)
        bad = table.filter(weight.is_null() | ~weight.is_finite() | (weight < 0))
        if bad.height:
            raise Refused(
                f"{counted(bad.height, 'row has', 'rows have')} no weight that is a number of 0 "
                f"or more in {column} ({some(bad[start].fill_null('no code'))})."
            )
    report.fact("Columns", ", ".join(f"{what} {name}" for what, name in used))
    links = table.select(
        pl.col(start).str.to_uppercase().alias("from_code"),
        prefixed(pl.col(end), options.to_prefix).str.to_uppercase().alias("to_code"),
        weight.alias("weight"),
    )
    none = links.filter(
        pl.any_horizontal(
            pl.col(c).is_null() | pl.col(c).str.contains(PSEUDO) for c in ("from_code", "to_code")
        )
    )
    if none.height:
        report.fact("Rows without a parent or an area, set aside", none.height)
        links = links.join(none, on=["from_code", "to_code"], how="anti", nulls_equal=True)
    if options.kind != OverlapSet.Kind.APPORTIONED:
        return links.unique(maintain_order=True)
    links = links.group_by("from_code", "to_code", maintain_order=True).agg(pl.col("weight").sum())
    if options.shares_of:
        whole = pl.col("weight").sum().over("from_code")
        # An area with nobody in any of its parts is shared equally.
        equal = 1.0 / pl.len().over("from_code")
        links = links.with_columns(
            pl.when(whole > 0).then(pl.col("weight") / whole).otherwise(equal).alias("weight")
        )
    return links.filter(pl.col("weight") > 0)


def check_links(
    links: pl.DataFrame,
    below: Edition,
    above: Edition,
    kind: str,
    report: Report,
    *,
    partial: bool,
    set_aside: bool,
) -> pl.DataFrame:
    """Return the links that can be kept, adding a problem for each kind of fault."""
    start, end = member_codes(below), member_codes(above)
    for column, codes, edition in (("from_code", start, below), ("to_code", end, above)):
        lost = links.filter(~pl.col(column).is_in(codes.implode()))
        if not lost.height:
            continue
        names = lost[column].unique(maintain_order=True)
        sentence = (
            f"{counted(len(names), 'code is', 'codes are')} not in {edition.slug} ({some(names)})"
        )
        if set_aside:
            report.fact("Set aside", f"{sentence}: {counted(lost.height, 'row')}")
        else:
            report.refuse(
                f"{sentence}. Name the edition the file is about, or leave those rows out with "
                "--set-aside."
            )
        links = links.filter(pl.col(column).is_in(codes.implode()))
    many = (
        links.group_by("from_code", maintain_order=True)
        .agg(pl.col("to_code").n_unique().alias("n"), pl.col("weight").sum())
    )  # fmt: skip
    if kind != OverlapSet.Kind.APPORTIONED:
        twice = many.filter(pl.col("n") > 1)["from_code"]
        if len(twice):
            report.refuse(
                f"{counted(len(twice), 'area lies', 'areas lie')} in more than one area of "
                f"{above.slug} ({some(twice)}); in an {kind} set each lies in one. Load it as "
                "apportioned, with weights, or mend the file."
            )
    else:
        off = many.filter((pl.col("weight") - 1).abs() > NEAR_ONE)
        if off.height:
            shown = [f"{c}: {w:.4g}" for c, w in off.head(3).select("from_code", "weight").rows()]
            report.refuse(
                f"The weights of {counted(off.height, 'area')} do not sum to 1 "
                f"({', '.join(shown)}). If they are numbers of people or homes, use --shares-of."
            )
    missing = start.filter(~start.is_in(links["from_code"].implode()))
    if len(missing):
        sentence = (
            f"{counted(len(missing), 'area', 'areas')} of the {len(start):,} in {below.slug} "
            f"{'is' if len(missing) == 1 else 'are'} not in the file ({some(missing)})"
        )
        if partial:
            report.note(f"{sentence}.")
        else:
            report.refuse(f"{sentence}. If that is as it should be, add --partial.")
    report.fact("Links", links.height)
    empty = len(end) - links["to_code"].n_unique()
    if empty:
        report.note(
            f"{counted(empty, 'area', 'areas')} of {above.slug} "
            f"{'has' if empty == 1 else 'have'} nothing in it from {below.slug}."
        )
    return links


def write_links(
    links: pl.DataFrame,
    below: Edition,
    above: Edition,
    kind: str,
    source: str,
    report: Report,
    *,
    partial: bool,
    set_aside: bool,
    replace: bool,
) -> None:
    """Check links and write them as a set, or compare them with the set that is held."""
    links = check_links(links, below, above, kind, report, partial=partial, set_aside=set_aside)
    if links.is_empty() and not report.problems:
        report.refuse(f"No row joins {below.slug} and {above.slug}.")
    if report.problems:
        return
    held = OverlapSet.objects.filter(from_edition=below, to_edition=above, kind=kind).first()
    if held is None:
        slug = f"{below.slug}-to-{above.slug}"
        if len(slug) > 80 or OverlapSet.objects.filter(slug=slug).exists():
            slug = f"{slug[:65]}-{kind}"
        made = OverlapSet.objects.create(
            slug=slug, from_edition=below, to_edition=above, kind=kind, weight_source=source
        )
        load.load_overlaps(made, links)
        refresh("areas_areaoverlap")
        report.fact("Overlap set", f"{slug} made, {kind}")
        report.changed = True
        return
    now = fetch_frame(
        "SELECT f.code, t.code, o.weight FROM areas_areaoverlap o "
        "JOIN areas_area f ON f.id = o.from_area_id JOIN areas_area t ON t.id = o.to_area_id "
        "WHERE o.overlap_set_id = %s",
        [held.pk],
        {"from_code": pl.String, "to_code": pl.String, "weight": pl.Float64},
    )
    both = links.join(now, on=["from_code", "to_code"], how="full", coalesce=True, suffix="_held")
    differ = both.filter(
        pl.col("weight").is_null()
        | pl.col("weight_held").is_null()
        | ((pl.col("weight") - pl.col("weight_held")).abs() > NEAR_ONE)
    )
    if differ.is_empty():
        report.fact("Overlap set", f"{held.slug} held already, the same")
        return
    names = differ["from_code"].unique().sort()
    if not replace:
        report.refuse(
            f"The set {held.slug} is held already and differs for "
            f"{counted(len(names), 'area')} ({some(names)}). Figures added up by it would "
            "change: replace it with --replace and stage their releases again."
        )
        return
    held.overlaps.all().delete()
    load.load_overlaps(held, links)
    OverlapSet.objects.filter(pk=held.pk).update(weight_source=source)
    report.fact("Overlap set", f"{held.slug} replaced, {len(names):,} areas differ")
    report.changed = True
