"""A file of areas, with or without outlines → areas, an edition, outlines and their parents."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date as Day
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import shapely
from django.db import connection
from django.utils.text import slugify
from numpy.typing import NDArray
from psycopg import sql

from areas.importing import load, outlines
from areas.importing.codes import CODE_FORM, PSEUDO, prefixed, type_of
from areas.importing.columns import Heading, headings, partner
from areas.importing.copy import copy_frame, fetch_frame, refresh
from areas.importing.files import MOST_BYTES, Source, only_one, opened
from areas.importing.overlaps import write_links
from areas.importing.report import Refused, Report, Tell, carry_out, counted, silent, some
from areas.importing.tables import read_table
from areas.models import AreaType, Edition, OverlapSet

# An edition that holds this share of an earlier one's areas of a kind speaks for all of them.
SPEAKS_FOR = 0.8
LONGEST_NAME = 120


@dataclass(frozen=True)
class AreaOptions:
    """What to make of a file of areas. Empty text means “find it in the file”."""

    edition: str
    area_type: str
    date: Day
    name: str = ""
    source: str = ""
    note: str = ""
    approximate: bool = False
    code_column: str = ""
    code_prefix: str = ""
    name_column: str = ""
    welsh_column: str = ""
    known_as_column: str = ""
    layer: str = ""
    crs: str = ""
    parent_column: str = ""
    parent_edition: str = ""
    simplify: float = 0.0
    no_outlines: bool = False
    set_aside: bool = False
    valid_from: Day | None = None
    replace: bool = False
    new_type: str = ""


@dataclass
class Read:
    """A file as read: code, name, name_cy, known_as, parent (null where missing), and shapes."""

    places: pl.DataFrame
    shapes: NDArray[np.object_] | None
    repaired: list[str] = field(default_factory=list)


def import_areas(
    *,
    file: Path,
    options: AreaOptions,
    commit: bool,
    tell: Tell = silent,
    most_bytes: int = MOST_BYTES,
    name: str = "",
) -> Report:
    """Load the areas of a file as an edition and report what it found and changed.

    Nothing is kept unless `commit` is true and there is no problem. The same file again changes
    nothing.
    """
    report = Report(f"{name or file.name} as {options.name or options.edition}")

    def work(report: Report) -> None:
        kind = find_type(options, report)
        with opened(file, most_bytes=most_bytes, name=name) as sources:
            tell("Reading the file")
            source = only_one(sources, name or file.name)
            found = read_places(source, options, kind, report, tell)
        if report.problems:
            return
        tell("Comparing with what is held")
        place(found, options, kind, report, tell)

    return carry_out(report, work, commit=commit)


def find_type(options: AreaOptions, report: Report) -> AreaType:
    """Return the type of area, made when `new_type` says how. Raises Refused when unknown."""
    if slugify(options.edition) != options.edition or not options.edition:
        raise Refused(
            f"An edition's short name holds small letters, figures and hyphens, as in "
            f"{slugify(options.edition) or 'ward-2025'}, not {options.edition!r}."
        )
    if len(options.edition) > 50 or len(options.name) > 120:
        raise Refused("An edition's short name has at most 50 characters, its name 120.")
    kind = AreaType.objects.filter(pk=options.area_type).first()
    if kind:
        return kind
    if not options.new_type:
        raise Refused(
            f"There is no type of area {options.area_type!r}. Known: "
            f"{', '.join(AreaType.objects.values_list('slug', flat=True))}. To add one, say "
            '--new-type "name,plural,rank", where the rank places it between these.'
        )
    parts = [part.strip() for part in options.new_type.split(",")]
    if len(parts) != 3 or not all(parts) or not parts[2].isdecimal():
        raise Refused('--new-type is written "name,plural,rank", as in "parish,parishes,65".')
    if taken := AreaType.objects.filter(rank=int(parts[2])).first():
        raise Refused(f"Rank {parts[2]} is taken by {taken.name}: choose another.")
    report.fact("New type of area", f"{parts[0]} ({options.area_type}, rank {parts[2]})")
    report.changed = True
    return AreaType.objects.create(
        slug=options.area_type, name=parts[0], name_plural=parts[1], rank=int(parts[2])
    )


def read_places(
    source: Source, options: AreaOptions, kind: AreaType, report: Report, tell: Tell
) -> Read:
    """Return what the file says of each area, adding every problem found to the report."""
    if options.no_outlines:
        columns, shapes, crs = read_table(source, options.layer), None, None
        report.fact("Rows read", columns.height)
    else:
        layer = outlines.read(source, options.layer)
        crs = outlines.crs_of(layer, options.crs, source.name)
        columns, shapes = layer.columns, layer.shapes
        report.fact("Outlines read", f"{columns.height:,}, in {crs.name}")
    columns = columns.with_columns(pl.int_range(pl.len()).alias("at"))
    places = chosen_columns(columns, options, kind, report)
    if shapes is None:
        # A lookup names an area once for each row of the level below it.
        places = places.unique("code", keep="first", maintain_order=True)
        places = places.filter(pl.col("code").is_not_null() & ~pl.col("code").str.contains(PSEUDO))
    places = places.filter(check_codes(places, options, kind, report))
    if places.is_empty() or report.problems:
        if not report.problems:
            report.refuse(f"{source.name} holds no area of this type.")
        return Read(places, None)
    places = places.sort("code")
    if shapes is None:
        return Read(places.drop("at"), None)
    shapes = shapes[places["at"].to_numpy()]
    tell("Bringing outlines to the National Grid")
    codes = places["code"].to_numpy().astype(object)
    assert crs is not None
    moved = outlines.to_grid(shapes, crs)
    report.problems += outlines.problems(shapes, moved, codes, crs.name)
    if report.problems:
        return Read(places, None)
    tell("Checking outlines")
    moved, mended, lost = outlines.repair(moved)
    if lost.any():
        report.refuse(
            f"{counted(int(lost.sum()), 'outline has', 'outlines have')} no extent even after "
            f"repair ({some(codes[lost])})."
        )
        return Read(places, None)
    if options.simplify > 0:
        before = int(shapely.get_num_coordinates(moved).sum())
        moved = outlines.simplify(moved, options.simplify)
        after = int(shapely.get_num_coordinates(moved).sum())
        report.fact("Simplified", f"from {before:,} points to {after:,}, shared borders kept")
    repaired = codes[mended].tolist()
    report.fact(
        "Outlines repaired", f"{len(repaired):,} ({some(repaired)})" if repaired else "none"
    )
    return Read(places.drop("at"), moved, repaired)


def chosen_columns(
    columns: pl.DataFrame, options: AreaOptions, kind: AreaType, report: Report
) -> pl.DataFrame:
    """Return the columns that matter under our own names. Raises Refused when unsure."""
    known = headings(columns.columns)
    code = pick_code(columns, options, kind, known)
    about = next((h for h in known if h.column == code), Heading(code, "", None, "", "code"))
    name = given(columns, options.name_column) or partner(about, "name", known)
    welsh = given(columns, options.welsh_column) or partner(about, "welsh", known)
    called = given(columns, options.known_as_column)
    if not called:
        called = next((h.column for h in known if h.role == "known_as"), "")
    parent = given(columns, options.parent_column)
    if bool(parent) != bool(options.parent_edition):
        raise Refused("Give --parent-column and --parent-edition together, or neither.")
    report.fact(
        "Columns",
        ", ".join(f"{what} {c}" for what, c in [
            ("code", code), ("name", name), ("Welsh name", welsh), ("known as", called),
            ("parent", parent)
        ] if c),
    )  # fmt: skip
    if not name:
        report.note("The file has no column of names: areas not yet held are called by their code.")

    def text(column: str | None) -> pl.Expr:
        return pl.col(column) if column else pl.lit(None, dtype=pl.String)

    def written(column: str | None) -> pl.Expr:
        # NISRA's files write “Aldergrove_1” where its tables write “Aldergrove 1”.
        return text(column).str.replace_all("_", " ")

    return columns.select(
        prefixed(text(code), options.code_prefix).str.to_uppercase().alias("code"),
        written(name).alias("name"),
        written(welsh).alias("name_cy"),
        written(called).alias("known_as"),
        text(parent).str.to_uppercase().alias("parent"),
        "at",
    )


def given(columns: pl.DataFrame, column: str) -> str:
    """Return a column that was asked for. Raises Refused when the file has none such."""
    if column and column not in columns.columns:
        raise Refused(
            f"The file has no column {column!r}. It has: {', '.join(columns.columns[:12])}."
        )
    return column


def pick_code(
    columns: pl.DataFrame, options: AreaOptions, kind: AreaType, known: list[Heading]
) -> str:
    """Return the column of codes: the one given, or the one whose codes are of this type."""
    if options.code_column:
        return given(columns, options.code_column)
    candidates = [h for h in known if h.role == "code"]
    if not candidates:
        raise Refused(
            "No column of codes was found by its heading (such as WD24CD, ward24_code or code). "
            f"Say which with --code-column. The file has: {', '.join(columns.columns[:12])}."
        )
    types = [kind.slug, *kind.holds]
    shares = columns.select(
        type_of(pl.col(h.column).str.to_uppercase()).is_in(types).mean().fill_null(0).alias(
            h.column
        )
        for h in candidates
    ).row(0, named=True)  # fmt: skip
    fitting = [h for h in candidates if shares[h.column] > 0.5]
    own = [h for h in fitting if h.area_type == kind.slug] or fitting
    year = f"{options.date:%y}"
    vintage = [h for h in own if h.vintage == year] or own
    if len({h.column for h in vintage}) == 1:
        return vintage[0].column
    if not fitting and len(candidates) == 1:
        return candidates[0].column  # check_codes says what is wrong with them.
    plain = [h for h in candidates if not h.stem]
    if not fitting and len(plain) == 1:
        return plain[0].column
    names = ", ".join(h.column for h in (vintage or candidates))
    raise Refused(f"Several columns could hold the codes ({names}). Say which with --code-column.")


def check_codes(
    places: pl.DataFrame, options: AreaOptions, kind: AreaType, report: Report
) -> pl.Series:
    """Return which rows are areas of this type, with a problem for each kind of fault."""
    code = pl.col("code")
    if missing := places.filter(code.is_null()).height:
        report.refuse(
            f"{counted(missing, 'row has', 'rows have')} no code. Every area needs one: mend "
            "the file, or take out those rows."
        )
    malformed = places.filter(~code.str.contains(CODE_FORM))["code"]
    if len(malformed):
        report.refuse(
            f"{counted(len(malformed), 'code is', 'codes are')} not written as codes are "
            f"({some(c[:20] for c in malformed)}): 3 to 12 capital letters and figures."
        )
    twice = places.filter(code.is_duplicated() & code.is_not_null())["code"].unique(
        maintain_order=True
    )
    if len(twice):
        report.refuse(
            f"{counted(len(twice), 'code stands', 'codes stand')} in the file more than once "
            f"({some(twice)}). Join the parts of each area, or take out the copies."
        )
    own = pl.lit([kind.slug, *kind.holds])
    of = type_of(code)
    if of_unknown := places.filter(of.is_null() & code.str.contains(CODE_FORM)).height:
        prefixes = places.filter(of.is_null())["code"].drop_nulls().str.slice(0, 3).unique().sort()
        report.note(
            f"{counted(of_unknown, 'code begins', 'codes begin')} with letters we have no type "
            f"for ({some(prefixes)}); taken as {kind.name}."
        )
    other = places.filter(of.is_not_null() & ~of.is_in(own))
    if other.height:
        named = other.select(of.alias("t"), code)["t"].unique().sort().to_list()
        sentence = (
            f"{counted(other.height, 'code is', 'codes are')} of another type than {kind.name} "
            f"({', '.join(named)}: {some(other['code'])})"
        )
        if options.set_aside:
            report.fact("Set aside", sentence)
        else:
            report.refuse(
                f"{sentence}. Choose the right type or column, or leave them out with --set-aside."
            )
    long = places.filter(
        (pl.col("name").str.len_chars() > LONGEST_NAME)
        | (pl.col("name_cy").str.len_chars() > LONGEST_NAME)
        | (pl.col("known_as").str.len_chars() > 200)
    )["code"]
    if len(long):
        report.refuse(
            f"{counted(len(long), 'area has a name', 'areas have names')} of more than "
            f"{LONGEST_NAME} characters ({some(long.fill_null('no code'))}). Choose another "
            "column of names."
        )
    return places.select((of.is_null() | of.is_in(own)).alias("keep"))["keep"]


def place(found: Read, options: AreaOptions, kind: AreaType, report: Report, tell: Tell) -> None:
    """Write areas, edition, outlines and parents, and report each change."""
    places = found.places
    held = held_areas(places["code"])
    wrong = held.join(places.select("code"), on="code").filter(
        ~pl.col("area_type").is_in([kind.slug, *kind.holds])
    )
    if wrong.height:
        report.refuse(
            f"{counted(wrong.height, 'code is', 'codes are')} held here as "
            f"{', '.join(wrong['area_type'].unique().sort())}, not {kind.name} "
            f"({some(wrong['code'])})."
        )
    over = held.filter((pl.col("valid_to") <= options.date) & ~pl.col("end_inferred"))
    if over.height:
        report.refuse(
            f"{counted(over.height, 'area', 'areas')} ended on or before "
            f"{options.date:%-d %B %Y} ({some(over['code'])}). Give the date of this set of "
            "areas with --date."
        )
    if report.problems:
        return
    edition = Edition.objects.filter(slug=options.edition).first()
    if edition and (edition.area_type_id, edition.date) != (kind.slug, options.date):
        report.refuse(
            f"The edition {edition.slug} is held already, of {edition.area_type_id} at "
            f"{edition.date:%-d %B %Y}. Use its type and date, or another short name."
        )
        return
    write_areas(places, held, options, kind, report)
    if edition is None:
        edition = Edition.objects.create(
            slug=options.edition,
            name=options.name or f"{kind.name_plural.capitalize()} {options.date:%Y}",
            area_type=kind,
            date=options.date,
            source=options.source,
            boundary_note=options.note,
            approximate=options.approximate,
        )
        load.load_members(edition, places["code"])
        refresh("areas_area", "areas_member")
        report.fact("Edition", f"{edition.name} ({edition.slug}) made of {places.height:,} areas")
        report.changed = True
        tell_same(edition, report)
    elif not same_members(edition, places["code"], options, report):
        return
    else:
        describe(edition, options, report)
    if found.shapes is not None:
        tell("Writing outlines")
        write_outlines(edition, places["code"], found.shapes, options, report)
    write_ends(edition, report)
    if options.parent_column:
        write_parents(edition, places, options, report)


def held_areas(codes: pl.Series) -> pl.DataFrame:
    """Return those of `codes` that are held, with names, dates and what their dates stand on.

    `first_seen` says that `valid_from` is only the date of the first edition that held the
    area, `end_inferred` that `valid_to` is only that of the first that did not; `newest` is the
    date of the newest edition that holds it.
    """
    return fetch_frame(
        """
        SELECT a.id, a.code, a.name, a.name_cy, a.known_as, a.area_type_id, a.valid_from,
               a.valid_to, coalesce(bool_or(e.date = a.valid_from), false), max(e.date),
               EXISTS (SELECT FROM areas_edition l
                       WHERE l.area_type_id = a.area_type_id AND l.date = a.valid_to)
        FROM areas_area a LEFT JOIN areas_member m ON m.area_id = a.id
        LEFT JOIN areas_edition e ON e.id = m.edition_id
        WHERE a.code = ANY(%s) GROUP BY a.id
        """,
        [codes.to_list()],
        {"id": pl.Int64, "code": pl.String, "name": pl.String, "name_cy": pl.String,
         "known_as": pl.String, "area_type": pl.String, "valid_from": pl.Date,
         "valid_to": pl.Date, "first_seen": pl.Boolean, "newest": pl.Date,
         "end_inferred": pl.Boolean},
    )  # fmt: skip


def write_areas(
    places: pl.DataFrame, held: pl.DataFrame, options: AreaOptions, kind: AreaType, report: Report
) -> None:
    """Add areas not yet held; bring names and first dates of the others up to this edition."""
    new = places.join(held.select("code"), on="code", how="anti")
    if new.height:
        # A type that holds others (upper tier) takes each area's own type from its code.
        own_type = (
            pl.when(type_of(pl.col("code")).is_in([kind.slug, *kind.holds]))
            .then(type_of(pl.col("code")))
            .otherwise(pl.lit(kind.slug))
        )
        load.load_areas(
            new.select(
                "code",
                pl.coalesce("name", "code"),
                pl.col("name_cy").fill_null(""),
                pl.col("known_as").fill_null(""),
                own_type.alias("area_type"),
                pl.lit(options.valid_from or options.date).alias("valid_from"),
                pl.lit(None, dtype=pl.Date).alias("valid_to"),
            )
        )
        report.changed = True
    report.fact("New areas", f"{new.height:,}" + (f" ({some(new['code'])})" if new.height else ""))
    report.fact("Areas already held", held.height)
    both = places.join(held, on="code", suffix="_held")
    differ = both.filter(pl.col("name") != pl.col("name_held"))
    if differ.height:
        shown = [f"{c}: {old} → {new}" for c, old, new in differ.head(5).select(
            "code", "name_held", "name").iter_rows()]  # fmt: skip
        report.fact("Names that differ", f"{differ.height:,} ({'; '.join(shown)})")
    # The newest edition's name is the one shown; an older file only fills gaps.
    newest = pl.col("newest").is_null() | (pl.col("newest") <= pl.lit(options.date))

    def taken(column: str) -> pl.Expr:
        mine, theirs = pl.col(column), pl.col(f"{column}_held")
        return pl.when(mine.is_not_null() & (newest | (theirs == ""))).then(mine).otherwise(theirs)

    earlier = pl.when(pl.col("first_seen") & (pl.lit(options.date) < pl.col("valid_from")))
    after = both.select(
        "id",
        taken("name").alias("name"),
        taken("name_cy").alias("name_cy"),
        taken("known_as").alias("known_as"),
        earlier.then(pl.lit(options.date)).otherwise("valid_from").alias("valid_from"),
    )
    before = both.select(
        "id",
        pl.col("name_held").alias("name"),
        pl.col("name_cy_held").alias("name_cy"),
        pl.col("known_as_held").alias("known_as"),
        "valid_from",
    )
    changes = after.join(before, on=after.columns, how="anti")
    if changes.height:
        update_areas(changes)
        report.changed = True
    renamed = after.join(before, on=["id", "name"], how="anti").height
    if differ.height:
        report.fact("Names taken from this file", f"{renamed:,}")
    moved = after.join(before, on=["id", "valid_from"], how="anti").height
    if moved:
        report.fact("Areas seen earlier than known", moved)


def update_areas(changes: pl.DataFrame) -> None:
    """Set every column of `changes` on the areas with these ids, in one statement."""
    columns = [sql.Identifier(c) for c in changes.columns if c != "id"]
    every = sql.SQL(", ").join(map(sql.Identifier, changes.columns))
    each = sql.SQL(", ").join(sql.SQL("{0} = n.{0}").format(c) for c in columns)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS changed_areas")
        cursor.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE changed_areas ON COMMIT DROP AS "
                "SELECT {} FROM areas_area LIMIT 0"
            ).format(every)
        )
    copy_frame("changed_areas", changes)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("UPDATE areas_area a SET {} FROM changed_areas n WHERE a.id = n.id").format(
                each
            )
        )
        cursor.execute("DROP TABLE changed_areas")


def same_members(edition: Edition, codes: pl.Series, options: AreaOptions, report: Report) -> bool:
    """Return whether the edition holds exactly `codes`, after replacing them if asked."""
    now = fetch_frame(
        "SELECT a.code, m.ordinal FROM areas_member m JOIN areas_area a ON a.id = m.area_id "
        "WHERE m.edition_id = %s",
        [edition.pk],
        {"code": pl.String, "ordinal": pl.Int64},
    )["code"]
    more = codes.filter(~codes.is_in(now.implode()))
    fewer = now.filter(~now.is_in(codes.implode()))
    if not len(more) and not len(fewer):
        report.fact("Edition", f"{edition.name} ({edition.slug}) held already, the same areas")
        return True
    sentence = (
        f"The edition {edition.slug} holds other areas: {len(more):,} in the file are not in it"
        f"{f' ({some(more)})' if len(more) else ''}, {len(fewer):,} in it are not in the file"
        f"{f' ({some(fewer)})' if len(fewer) else ''}"
    )
    if not options.replace:
        report.refuse(
            f"{sentence}. Load the file under another short name, or replace the edition with "
            "--replace while no figures stand on it."
        )
        return False
    joined = OverlapSet.objects.filter(from_edition=edition) | OverlapSet.objects.filter(
        to_edition=edition
    )
    if slugs := list(joined.order_by("slug").values_list("slug", flat=True)):
        report.refuse(f"{sentence}, and overlaps stand on it ({some(slugs)}). Use another name.")
        return False
    # Where figures stand on the edition, Postgres refuses this and says why.
    edition.member_set.all().delete()
    edition.boundary_set.all().delete()
    load.load_members(edition, codes)
    report.fact(
        "Edition", f"{edition.slug} replaced: {len(more):,} areas more, {len(fewer):,} fewer"
    )
    report.changed = True
    return True


def describe(edition: Edition, options: AreaOptions, report: Report) -> None:
    """Bring what is said of a held edition up to what was given this time."""
    said = {"name": options.name, "source": options.source, "boundary_note": options.note}
    new: dict[str, str | bool] = {
        field: text for field, text in said.items() if text and getattr(edition, field) != text
    }
    if options.approximate and not edition.approximate:
        new["approximate"] = True
    if new:
        Edition.objects.filter(pk=edition.pk).update(**new)
        report.fact("Said of the edition anew", ", ".join(f.replace("_", " ") for f in new))
        report.changed = True


def tell_same(edition: Edition, report: Report) -> None:
    """Note other editions that hold exactly the same areas as this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.slug FROM areas_edition e
            WHERE e.id <> %(id)s AND e.area_type_id = %(kind)s
              AND (SELECT count(*) FROM areas_member WHERE edition_id = e.id)
                = (SELECT count(*) FROM areas_member WHERE edition_id = %(id)s)
              AND NOT EXISTS (SELECT area_id FROM areas_member WHERE edition_id = e.id
                              EXCEPT SELECT area_id FROM areas_member WHERE edition_id = %(id)s)
            ORDER BY e.slug
            """,
            {"id": edition.pk, "kind": edition.area_type_id},
        )
        same = [slug for (slug,) in cursor.fetchall()]
    if same:
        report.note(f"It holds exactly the areas of {some(same)}.")


def write_outlines(
    edition: Edition,
    codes: pl.Series,
    shapes: NDArray[np.object_],
    options: AreaOptions,
    report: Report,
) -> None:
    """Write outlines, or compare them with those held and replace them if asked."""
    new = pl.DataFrame({"code": codes, "wkb": shapely.to_wkb(shapes)})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.code, md5(ST_AsBinary(b.geometry, 'NDR')) FROM areas_boundary b "
            "JOIN areas_area a ON a.id = b.area_id WHERE b.edition_id = %s",
            [edition.pk],
        )
        held: dict[str, Any] = dict(cursor.fetchall())
        if not held:
            load.load_boundaries(edition, new["code"], new["wkb"])
            report.fact("Outlines written", new.height)
            report.changed = True
            return
        copy_frame_outlines(new)
        cursor.execute("SELECT code, md5(decode(wkb, 'hex')) FROM new_outlines")
        differ = sorted(code for code, digest in cursor.fetchall() if held.get(code) != digest)
        cursor.execute("DROP TABLE new_outlines")
    if not differ:
        report.fact("Outlines", "held already, the same")
        return
    if not options.replace:
        report.refuse(
            f"{counted(len(differ), 'outline', 'outlines')} of {edition.slug} differ from those "
            f"held ({some(differ)}). Replace them with --replace, or use another short name."
        )
        return
    edition.boundary_set.all().delete()
    load.load_boundaries(edition, new["code"], new["wkb"])
    Edition.objects.filter(pk=edition.pk).update(tile_hash="")
    report.fact("Outlines replaced", len(differ))
    report.changed = True


def copy_frame_outlines(new: pl.DataFrame) -> None:
    """Put outlines in a temporary table, as hexadecimal, for Postgres to compare."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE new_outlines (code text, wkb text) ON COMMIT DROP")
    copy_frame("new_outlines", new.with_columns(pl.col("wkb").bin.encode("hex")))


def write_ends(edition: Edition, report: Report) -> None:
    """End areas that the next edition of their kind no longer holds, on its date at the latest.

    Only areas whose end is not known, or was told in this way before; and only where the later
    edition speaks for that kind of code: it has outlines and holds at least four fifths as many.
    """
    with connection.cursor() as cursor:
        # Told too early: here is an edition of that date or later that still holds them.
        cursor.execute(
            """
            UPDATE areas_area a SET valid_to = NULL FROM areas_member m
            WHERE m.area_id = a.id AND m.edition_id = %(id)s AND a.valid_to <= %(date)s
              AND EXISTS (SELECT FROM areas_edition l
                          WHERE l.area_type_id = a.area_type_id AND l.date = a.valid_to)
            """,
            {"id": edition.pk, "date": edition.date},
        )
        again = cursor.rowcount
    if again:
        report.fact("Areas that had not ended after all", again)
        report.changed = True
    ends = fetch_frame(
        """
        WITH held AS (
            SELECT e.id AS edition_id, e.date, m.area_id, a.valid_from, a.valid_to,
                   CASE WHEN a.code LIKE '95%%' THEN '95' ELSE left(a.code, 3) END AS prefix
            FROM areas_edition e JOIN areas_member m ON m.edition_id = e.id
            JOIN areas_area a ON a.id = m.area_id WHERE e.area_type_id = %(kind)s
        ), kinds AS (
            SELECT edition_id, date, prefix, count(*) AS n FROM held GROUP BY 1, 2, 3
        ), pairs AS (
            SELECT f.edition_id AS before_id, f.prefix, l.date
            FROM kinds f JOIN kinds l ON l.prefix = f.prefix AND l.date > f.date
                AND l.n >= %(share)s * f.n
            WHERE %(id)s IN (f.edition_id, l.edition_id)
              AND EXISTS (SELECT FROM areas_boundary b WHERE b.edition_id = l.edition_id)
        ), lasts AS (
            SELECT area_id, max(date) AS last FROM held GROUP BY area_id
        )
        SELECT h.area_id, min(p.date) FROM pairs p
        JOIN held h ON h.edition_id = p.before_id AND h.prefix = p.prefix
        JOIN lasts s ON s.area_id = h.area_id AND s.last < p.date
        WHERE p.date > h.valid_from AND (h.valid_to IS NULL OR h.valid_to > p.date AND EXISTS (
            SELECT FROM areas_edition l
            WHERE l.area_type_id = %(kind)s AND l.date = h.valid_to))
        GROUP BY h.area_id
        """,
        {"kind": edition.area_type_id, "id": edition.pk, "share": SPEAKS_FOR},
        {"id": pl.Int64, "valid_to": pl.Date},
    )
    if ends.height:
        update_areas(ends)
        report.fact("Areas ended", f"{ends.height:,}, which a later edition no longer holds")
        report.changed = True


def write_parents(
    edition: Edition, places: pl.DataFrame, options: AreaOptions, report: Report
) -> None:
    """Write the set that says which area of the parent edition each area lies in."""
    above = Edition.objects.filter(slug=options.parent_edition).first()
    if above is None:
        raise Refused(f"There is no edition {options.parent_edition!r} for --parent-edition.")
    links = places.select(
        pl.col("code").alias("from_code"), pl.col("parent").alias("to_code")
    ).with_columns(pl.lit(1.0).alias("weight"))
    write_links(
        links.filter(pl.col("to_code").is_not_null() & ~pl.col("to_code").str.contains(PSEUDO)),
        edition,
        above,
        OverlapSet.Kind.EXACT,
        f"Column {options.parent_column} of the file of outlines.",
        report,
        partial=True,
        set_aside=options.set_aside,
        replace=options.replace,
    )
