"""Areas: found, listed, drawn, and how they fit together and came about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import polars as pl
import shapely
from django.db import connection
from django.db.models import Max, QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from psycopg import sql
from rest_framework.request import Request

from areas.hierarchy import neighbours, parents, successors
from areas.models import Area, AreaChange, AreaType, Boundary, Edition, Member
from areas.reading import in_degrees
from areas.search import search_ids
from areas.within import ids_within
from indicators.api import parameters
from indicators.api.endpoint import Asked, Endpoint, Listing, as_json, link, next_page, read_cursor
from indicators.api.formats import TABLES, GeoJson
from indicators.api.parameters import (
    CURSOR_PARAM,
    Param,
    codes,
    groups,
    many,
    matching,
    point,
    text,
    tight,
    whole,
    yes_or_no,
)
from indicators.api.problems import Problem, no_page, refuse_too_soon
from indicators.insight.inside import within
from indicators.insight.live import literal_ids
from indicators.insight.observations import copied, known, members_of

MOST_OUTLINES = 1_000
# Pages with more outlines than this are counted: every neighbourhood of the UK is 45 of them.
MANY_OUTLINES = 200
MOST_MANY_OUTLINES = 200
DECIMALS = 6
AREAS = {
    "code": pl.String,
    "name": pl.String,
    "name_cy": pl.String,
    "known_as": pl.String,
    "type": pl.String,
    "valid_from": pl.String,
    "valid_to": pl.String,
    "current": pl.Boolean,
}
LIST = """
SELECT a.id, a.code, a.name, nullif(a.name_cy, ''), nullif(a.known_as, ''), a.area_type_id,
    a.valid_from, a.valid_to, a.valid_to IS NULL OR a.valid_to > current_date
FROM areas_area a WHERE {}
"""
# The newest outline of each area, or that of one edition.
OUTLINES = """
SELECT DISTINCT ON (b.area_id) b.area_id, e.slug, b.geometry::bytea
FROM areas_boundary b JOIN areas_edition e ON e.id = b.edition_id
WHERE b.area_id = ANY(%s) AND (%s = '' OR e.slug = %s)
ORDER BY b.area_id, e.date DESC, e.id
"""
IN_DEGREES = """
SELECT ST_AsGeoJSON(ST_Transform(ST_GeomFromWKB(shape, 27700), 4326), %s)
FROM unnest(%s::bytea[]) WITH ORDINALITY s (shape, at) ORDER BY at
"""
AT_POINT = """
SELECT b.area_id FROM areas_boundary b
WHERE ST_Intersects(b.geometry, ST_Transform(ST_SetSRID(ST_MakePoint({}, {}), 4326), 27700))
"""
PRECISION = Param(
    "precision",
    "Detail smaller than about so many metres is left out of outlines. Neighbours in one answer "
    "keep their shared borders. 0 is as held.",
    {"type": "integer", "minimum": 0, "maximum": 10_000},
    whole(0, 10_000),
    default=0,
    example="100",
)
EDITION = Param(
    "edition",
    "The edition whose outline is drawn, by slug; the newest that has one, if left out.",
    parameters.SLUG_SCHEMA,
    parameters.a_slug,
)


class AreaList(Listing):
    """Areas by code, or by how well they answer a question in words."""

    group = "Areas"
    about = (
        "List areas",
        "Find areas by code, type, edition, what they lie in, a point, a postcode or words. "
        "As GeoJSON each page has outlines: of the edition, if one is named, or else the "
        "newest of each area.",
    )
    results_as: ClassVar = {"json": "AreaPage", "geojson": "AreaFeatures"}
    tries: ClassVar = (
        ("Local authorities that there are now", "/api/v1/areas?type=authority&current=true"),
        ("What holds a point", "/api/v1/areas?point=54.5742,-1.2350"),
        (
            "Wards of Middlesbrough with outlines to 50 metres",
            "/api/v1/areas.geojson?parent=E06000002&type=ward&precision=50",
        ),
    )

    columns = AREAS
    renderer_classes = (*TABLES, GeoJson)
    file_name = "areas"
    params: ClassVar = (
        codes("code", "Areas, by code.", "E06000002"),
        many("type", "Types of area, by slug.", "authority"),
        many("edition", "Areas that are in any of these editions, by slug.", "ward-2025"),
        codes(
            "parent",
            "Areas inside any of these, by code: at every level, or at those that “type” or "
            "“edition” name.",
            "E06000002",
            parameters.MOST_PARENTS,
        ),
        groups("Areas in any of these groups, by the token in a group's address."),
        Param(
            "point",
            "Areas whose outline holds this latitude and longitude (WGS 84, degrees).",
            {"type": "string", "pattern": parameters.POINT_FORM},
            point,
            example="54.5742,-1.2350",
        ),
        Param(
            "postcode",
            "Areas that hold this postcode, live in Great Britain.",
            {"type": "string", "pattern": "^[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}$"},
            matching(parameters.POSTCODE, "a whole postcode such as CF10 4AT", tight),
            example="CF10 4AT",
        ),
        Param(
            "q",
            "Names, codes or postcodes in words: all that answer, the best first.",
            parameters.WORDS,
            text,
            example="newton",
        ),
        Param(
            "current",
            "true: areas that have not ended; false: those that have.",
            {"type": "boolean"},
            yes_or_no,
        ),
        PRECISION,
        CURSOR_PARAM,
        parameters.limit(100, MOST_OUTLINES),
    )

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer a page, everything, or a page with outlines."""
        asked["where"] = self.where(asked)
        if request.accepted_renderer.format != GeoJson.format:
            return super().answer(request, asked, **path)
        after = read_cursor(request, asked["cursor"])
        rows, onward = self.page_with_ids(asked, after, asked["limit"])
        if rows.height > MANY_OUTLINES:
            refuse_too_soon(
                request,
                "many-outlines",
                MOST_MANY_OUTLINES,
                f"Pages of up to {MANY_OUTLINES:,} outlines are not limited so.",
            )
        edition = asked["edition"][0] if len(asked["edition"]) == 1 else ""
        shapes = outlines(rows["id"].to_list(), edition, asked["precision"])
        address = next_page(request, onward)
        head = {"count": self.count(asked), "next": address, **self.words(asked, rows, after)}
        content = collection(rows, shapes, head)
        return self.reply(request, content, GeoJson.media_type, **link(address))

    def where(self, asked: Asked) -> sql.Composable:
        """Return the conditions that areas `a` must meet. Raises Unknown for what nothing has."""
        known("area", Area.objects.all(), "code", asked["code"])
        known("type of area", AreaType.objects.all(), "slug", asked["type"])
        editions = known("edition", Edition.objects.all(), "slug", asked["edition"])
        around = known("area", Area.objects.all(), "code", asked["parent"])
        parts: list[sql.Composable] = [sql.SQL("true")]
        if asked["code"]:
            parts.append(sql.SQL("a.code = ANY({})").format(sql.Literal(asked["code"])))
        if asked["type"]:
            parts.append(sql.SQL("a.area_type_id = ANY({})").format(sql.Literal(asked["type"])))
        if editions:
            parts.append(
                sql.SQL(
                    "EXISTS (SELECT FROM areas_member m WHERE m.area_id = a.id "
                    "AND m.edition_id = ANY({}))"
                ).format(literal_ids(editions.values()))
            )
        if around:
            inside = ids_within(around.values(), types=asked["type"], editions=asked["edition"])
            parts.append(sql.SQL("a.id = ANY({})").format(literal_ids(inside)))
        if asked["group"]:
            members = members_of(asked["group"])
            parts.append(sql.SQL("a.id = ANY({})").format(literal_ids(members)))
        if asked["point"]:
            latitude, longitude = map(sql.Literal, asked["point"])
            holding = sql.SQL(AT_POINT).format(longitude, latitude)
            if editions:
                holding += sql.SQL("AND b.edition_id = ANY({})").format(
                    literal_ids(editions.values())
                )
            parts.append(sql.SQL("a.id IN ({})").format(holding))
        if asked["current"] is not None:
            ended = sql.SQL("(a.valid_to IS NULL OR a.valid_to > current_date) = {}")
            parts.append(ended.format(sql.Literal(asked["current"])))
        asked["found"], asked["message"] = None, ""
        for words in (asked["postcode"], asked["q"]):
            if words:
                ids, asked["message"] = search_ids(words, asked["type"])
                others = asked["found"]
                kept = set(ids) if others is None else set(ids).intersection(others)
                asked["found"] = [pk for pk in ids if pk in kept]
        if found := asked["found"]:
            parts.append(sql.SQL("a.id = ANY({})").format(literal_ids(found)))
            query = sql.SQL("SELECT a.id FROM areas_area a WHERE {}").format(
                sql.SQL(" AND ").join(parts)
            )
            meeting = set(copied(query, {"id": pl.Int32})["id"])
            asked["found"] = [pk for pk in found if pk in meeting]
            if not meeting:
                # What search says is of what it found: nothing that meets the rest.
                asked["message"] = ""
        return sql.SQL(" AND ").join(parts)

    def count(self, asked: Asked) -> int:
        """Return how many areas there are in all. One query, none for words or a postcode."""
        if asked["found"] is not None:
            return len(asked["found"])
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("SELECT count(*) FROM areas_area a WHERE {}").format(asked["where"])
            )
            (n,) = cursor.fetchone()
        return int(n)

    def message(self, asked: Asked) -> str:
        """Return what search says of the question."""
        return str(asked["message"])

    def nothing(self, asked: Asked) -> str:
        """Return why no area answers."""
        return nowhere(*asked["point"]) if asked["point"] else super().nothing(asked)

    def page(
        self, request: Request, asked: Asked, after: Any, limit: int
    ) -> tuple[pl.DataFrame, Any]:
        """Return areas in order of code, or of how well they answer."""
        rows, onward = self.page_with_ids(asked, after, limit)
        return rows.select(*AREAS), onward

    def page_with_ids(self, asked: Asked, after: Any, limit: int) -> tuple[pl.DataFrame, Any]:
        """Return areas with their ids. One query. Raises Problem for a position that is none."""
        schema = {"id": pl.Int32, **AREAS, "current": pl.String}
        where = asked["where"]
        if asked["found"] is not None:
            if after is not None and not (isinstance(after, int) and after >= 0):
                raise no_page()
            start = after or 0
            every = asked["found"]
            order = pl.DataFrame({"id": every[start : start + limit]}, schema={"id": pl.Int32})
            where = sql.SQL("a.id = ANY({})").format(literal_ids(order["id"]))
            rows = order.join(
                copied(sql.SQL(LIST).format(where), schema), on="id", maintain_order="left"
            )
            onward: Any = start + limit if len(every) > start + limit else None
        else:
            if after is not None:
                if not isinstance(after, str) or "\x00" in after:
                    raise no_page()
                where = sql.SQL("{} AND a.code > {}").format(where, sql.Literal(after))
            query = sql.SQL(LIST + "ORDER BY a.code LIMIT {}").format(where, sql.Literal(limit + 1))
            every = copied(query, schema)
            rows = every.head(limit)
            onward = str(rows["code"][-1]) if every.height > limit else None
        return rows.with_columns(current=pl.col("current") == "t"), onward


def nowhere(latitude: float, longitude: float) -> str:
    """Return what is said where no outline holds a point."""
    found = in_degrees(latitude, longitude, ["N", "E"])
    if not found.problem:
        return (
            f"No outline that is asked for holds {found.written}: it is in the sea, in another "
            f"country, or outside “type”, “edition” or “parent”.{found.hint}"
        )
    turned = in_degrees(longitude, latitude, ["N", "E"])
    swapped = "" if turned.problem else f" Was {turned.written} meant? Latitude comes first."
    return f"{found.problem}{swapped}"


def outlines(ids: list[int], edition: str, precision: int) -> dict[int, tuple[str, str]]:
    """Return (edition, GeoJSON geometry) of the areas that have an outline. Two queries.

    Simplified together, on the grid, so that shared borders stay shared.
    """
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(OUTLINES, (ids, edition, edition))
        rows = cursor.fetchall()
        shapes = shapely.from_wkb([bytes(wkb) for _, _, wkb in rows])
        if precision:
            shapes = shapely.coverage_simplify(shapes, precision)
        cursor.execute(IN_DEGREES, (DECIMALS, list(shapely.to_wkb(shapes))))
        drawn = [text for (text,) in cursor.fetchall()]
    return {pk: (slug, shape) for (pk, slug, _), shape in zip(rows, drawn, strict=True)}


def collection(
    rows: pl.DataFrame, shapes: dict[int, tuple[str, str]], about: dict[str, Any]
) -> bytes:
    """Return a feature collection: an area without an outline has a null geometry.

    `about` are members beside its features: how many there are in all, and what to know.
    """
    drawn = pl.DataFrame(
        [(pk, *both) for pk, both in shapes.items()],
        schema={"id": pl.Int32, "edition": pl.String, "shape": pl.String},
        orient="row",
    )
    features = (
        rows.join(drawn, on="id", how="left", maintain_order="left")
        .select(
            pl.concat_str(
                pl.lit('{"type":"Feature","id":"'),
                pl.col("code"),
                pl.lit('","geometry":'),
                pl.col("shape").fill_null("null"),
                pl.lit(',"properties":'),
                pl.struct(*AREAS, "edition").struct.json_encode(),
                pl.lit("}"),
            )
        )
        .to_series()
    )
    head = as_json({"type": "FeatureCollection", **about})[:-1]
    return head + b',"features":[' + ",\n".join(features).encode() + b"]}"


def area_at(code: str) -> Area:
    """Return the area with a code. Raises Problem where nothing has it."""
    area = Area.objects.select_related("area_type").filter(code=code.upper()).first()
    if area is None:
        raise Problem("not-found", f"No area has the code “{code[:20]}”. /api/v1/areas finds them.")
    return area


def area_row(area: Area) -> dict[str, Any]:
    """Return an area as it is listed."""
    return {
        "code": area.code,
        "name": area.name,
        "name_cy": area.name_cy or None,
        "known_as": area.known_as or None,
        "type": area.area_type_id,
        "valid_from": area.valid_from.isoformat(),
        "valid_to": area.valid_to.isoformat() if area.valid_to else None,
        "current": not area.has_ended(timezone.localdate()),
    }


class AreaDetail(Endpoint):
    """One area: its editions, what it is part of, and how many areas are inside it."""

    group = "Areas"
    about = (
        "One area",
        "With its editions, the wider areas that it is part of as its page names them, the nearest "
        "first, and how many areas of each edition are inside it, however many steps down. Both say"
        " whether by an exact nesting or a best fit. “parent” of the list of areas names those "
        "inside. “neighbours” are the areas that share a border with it.",
    )
    results_as: ClassVar = {"json": "AreaDetail"}
    tries: ClassVar = (("Middlesbrough", "/api/v1/areas/E06000002"),)

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer an area with its relations."""
        area = area_at(path["code"])
        root = request.build_absolute_uri(f"/api/v1/areas/{area.code}")
        members = Member.objects.filter(area=area).select_related("edition")
        drawn = set(Boundary.objects.filter(area=area).values_list("edition", flat=True))
        near = neighbours(area)
        body = {
            **area_row(area),
            "editions": [
                {
                    "slug": m.edition.slug,
                    "name": m.edition.name,
                    "date": m.edition.date.isoformat(),
                    "outline": m.edition_id in drawn,
                }
                for m in members.order_by("-edition__date", "edition__slug")
            ],
            "parents": [
                {
                    "code": wider.area.code,
                    "name": wider.area.name,
                    "type": wider.area.area_type_id,
                    "kind": "exact" if wider.exact else "best-fit",
                    "direct": wider.direct,
                    "sources": list(wider.sources),
                }
                for wider in reversed(parents(area))
            ],
            "children": [
                {
                    "edition": one.edition.slug,
                    "type": one.edition.area_type_id,
                    "count": one.ids.size,
                    "kind": "exact" if one.exact else "best-fit",
                    "direct": one.direct,
                    "overlap_sets": list(one.sets),
                }
                for one in within(area, self.version)
            ],
            "neighbours": {
                "edition": near.edition.slug if near.edition else None,
                "areas": [
                    {"code": a.code, "name": a.name, "type": a.area_type_id} for a in near.areas
                ],
                "reason": near.reason or None,
            },
            "changes": f"{root}/changes",
            "boundary": f"{root}/boundary.geojson" if drawn else None,
            "page": request.build_absolute_uri(f"/areas/{area.code}/"),
        }
        return self.reply(request, body, "application/json")


class AreaChanges(Endpoint):
    """What became of an area, and what it came from, a step at a time."""

    group = "Areas"
    about = (
        "How an area came about, and what became of it",
        "Each step of code history with its day, and the areas that there are now.",
    )
    results_as: ClassVar = {"json": "AreaChanges"}
    tries: ClassVar = (("North Yorkshire", "/api/v1/areas/E06000065/changes"),)

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer the steps before and after, and the areas that there are now."""
        area = area_at(path["code"])
        steps = AreaChange.objects.select_related("from_area", "to_area").order_by(
            "effective", "from_area__code", "to_area__code"
        )
        body = {
            **area_row(area),
            "from": [change_row(c) for c in steps.filter(to_area=area)],
            "to": [change_row(c) for c in steps.filter(from_area=area)],
            "successors": [area_row(a) for a in successors(area)],
        }
        return self.reply(request, body, "application/json")


def change_row(change: AreaChange) -> dict[str, Any]:
    """Return one step of code history."""
    return {
        "kind": change.kind,
        "effective": change.effective.isoformat(),
        "from": change.from_area.code,
        "from_name": change.from_area.name,
        "to": change.to_area.code if change.to_area else None,
        "to_name": change.to_area.name if change.to_area else None,
        "weight": change.weight,
    }


class AreaBoundary(Endpoint):
    """The outline of an area in an edition, as a GeoJSON feature."""

    group = "Areas"
    about = (
        "The outline of an area",
        "A GeoJSON feature in longitude and latitude.",
    )
    results_as: ClassVar = {"geojson": "AreaFeature"}
    tries: ClassVar = (
        ("Middlesbrough, to 100 metres", "/api/v1/areas/E06000002/boundary.geojson?precision=100"),
    )

    renderer_classes = (GeoJson,)
    params: ClassVar = (EDITION, PRECISION)

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer the outline. Raises Problem where none is held."""
        area = area_at(path["code"])
        edition = asked["edition"] or ""
        known("edition", Edition.objects.all(), "slug", [edition] if edition else [])
        shapes = outlines([area.pk], edition, asked["precision"])
        if area.pk not in shapes:
            where = f" in the edition “{edition}”" if edition else ""
            raise Problem("not-found", f"No outline of {area.name} ({area.code}) is held{where}.")
        slug, shape = shapes[area.pk]
        body = {
            "type": "Feature",
            "id": area.code,
            "geometry": json.loads(shape),
            "properties": {**area_row(area), "edition": slug},
        }
        return self.reply(request, body, GeoJson.media_type)


TYPES = {
    "slug": pl.String,
    "name": pl.String,
    "name_plural": pl.String,
    "abbreviation": pl.String,
    "rank": pl.Int64,
}
EDITIONS = {
    "slug": pl.String,
    "name": pl.String,
    "type": pl.String,
    "date": pl.String,
    "areas": pl.Int64,
    "approximate": pl.Boolean,
    "boundary_note": pl.String,
    "source": pl.String,
}


class Small(Listing):
    """A list of few things by slug."""

    params: ClassVar[Sequence[Param]] = (CURSOR_PARAM, parameters.limit(100, 1_000))

    def row(self, one: Any) -> dict[str, Any]:
        """Return one as it is listed."""
        raise NotImplementedError

    def page(
        self, request: Request, asked: Asked, after: Any, limit: int
    ) -> tuple[pl.DataFrame, Any]:
        """Return things in order of slug."""
        rows = self.matching(asked).order_by("slug")
        if after is not None:
            if not isinstance(after, str) or "\x00" in after:
                raise no_page()
            rows = rows.filter(slug__gt=after)
        every = list(rows[: limit + 1])
        frame = pl.DataFrame([self.row(one) for one in every[:limit]], schema=self.columns)
        return frame, every[limit - 1].slug if len(every) > limit else None


class Detail(Endpoint):
    """One thing by slug, where it is public."""

    # What it is called, and the list that names them all.
    what: ClassVar[tuple[str, str]] = ("", "")

    def held(self) -> QuerySet[Any]:
        """Return a queryset of everything that is public of this kind."""
        raise NotImplementedError

    def body(self, one: Any) -> dict[str, Any]:
        """Return what is answered of one."""
        raise NotImplementedError

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer the one that is asked for. Raises Problem where none is public by that name."""
        one = self.held().filter(slug=path["slug"]).first()
        if one is None:
            what, where = self.what
            raise Problem(
                "not-found", f"No {what} “{path['slug'][:40]}” is public here. {where} lists them."
            )
        return self.reply(request, self.body(one), "application/json")


class AreaTypeList(Small):
    """Types of area, from the United Kingdom (rank 0) downwards."""

    group = "Areas"
    about = (
        "List types of area",
        "From the United Kingdom downwards.",
    )
    results_as: ClassVar = {"json": "AreaTypePage"}
    tries: ClassVar = (("Every type", "/api/v1/area-types"),)

    columns = TYPES
    file_name = "area-types"

    def found(self, asked: Asked) -> QuerySet[Any]:
        """Return every type."""
        return AreaType.objects.all()

    def row(self, one: AreaType) -> dict[str, Any]:
        """Return a type."""
        return {name: getattr(one, name) for name in TYPES}


class EditionList(Small):
    """Editions: sets of areas of one type at one date."""

    group = "Areas"
    about = (
        "List editions",
        "Sets of areas of one type as they were published at one date. A figure belongs to an"
        " area in an edition.",
    )
    results_as: ClassVar = {"json": "EditionPage"}
    tries: ClassVar = (("Every edition, as CSV", "/api/v1/editions.csv"),)

    columns = EDITIONS
    file_name = "editions"
    params: ClassVar = (many("type", "Types of area, by slug.", "ward"), *Small.params)

    def found(self, asked: Asked) -> QuerySet[Any]:
        """Return editions with how many areas they have."""
        known("type of area", AreaType.objects.all(), "slug", asked["type"])
        rows = Edition.objects.annotate(n=Max("member__ordinal"))
        return rows.filter(area_type__in=asked["type"]) if asked["type"] else rows

    def row(self, one: Any) -> dict[str, Any]:
        """Return an edition."""
        return {
            "slug": one.slug,
            "name": one.name,
            "type": one.area_type_id,
            "date": one.date.isoformat(),
            "areas": 0 if one.n is None else one.n + 1,
            "approximate": one.approximate,
            "boundary_note": one.boundary_note,
            "source": one.source,
        }
