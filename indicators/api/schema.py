"""The OpenAPI schema of the API, drawn from its endpoints, and what every field means."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import Any

import polars as pl
from drf_spectacular.generators import SchemaGenerator

from indicators.api.catalogue import DATASETS, INDICATORS, RELEASES
from indicators.api.described import Schema, ref
from indicators.api.observations import SERIES
from indicators.api.places import AREAS, EDITIONS, TYPES
from indicators.insight.observations import COLUMNS

# What a field means, wherever it stands.
MEANING = {
    "abbreviation": "What it is often shortened to, such as LSOA.",
    "aggregation": "How figures of small areas make those of wider ones.",
    "approximate": "Whether outlines are rougher than the publisher's.",
    "areas": "How many areas it has.",
    "attribution": "The words that the licence asks to be shown.",
    "best_fit": "Whether any step of adding up took an area as wholly inside one that it is not.",
    "boundary_note": "How its outlines were made, where that needs a word.",
    "breakdown": "The part of the population that it is of; empty for all.",
    "cadence": "How often it is issued.",
    "capitals": "The capitals of the Levelling Up white paper (2022) that it speaks for.",
    "caveats": "What to bear in mind.",
    "class_breaks": "The four inner breaks of five map classes.",
    "code": "The official (GSS) code.",
    "complete": "Whether it replaced everything of its dataset, not only its own series.",
    "coverage": "The share (0 to 1] of its parts that the value was added up from; 1 if published.",
    "current": "Whether it has not ended.",
    "dataset": "The dataset, by slug.",
    "date": "The day that it stands for.",
    "decimals": "How many decimals are shown; figures here are not rounded.",
    "definition": "What is measured.",
    "denominator": "What the numerator is divided by, where it is known.",
    "denominator_name": "What is divided by.",
    "description": "What it is.",
    "edition": "The edition of areas, by slug.",
    "file_name": "What the publisher called the file.",
    "file_sha256": "The SHA-256 of the file as it was received; empty where none was kept.",
    "histogram": "Areas in 64 equal bins from plot_low to plot_high.",
    "id": "The number of the series, the same for ever.",
    "indicator": "The indicator, by slug.",
    "known_as": "The place people know, where the official name is a number.",
    "licence": "The licence, by slug.",
    "licence_name": "The name of the licence.",
    "licence_url": "Where the licence can be read.",
    "live_from": "Since when it is, or was last, public.",
    "live_to": "Until when it was public; null if it still is.",
    "lower": "The lower end of the margin of error, where there is one.",
    "marker": "The status marker, such as c or u; empty for an ordinary value.",
    "method": "How it is worked out.",
    "missing": "Why there is no value; null where there is one.",
    "missions": "The levelling up missions (2022) that it speaks for.",
    "multiplier": "What numerator ÷ denominator is multiplied by.",
    "n_members": "How many areas of the edition are within the indicator's scope. Of those that "
    "neither n_values nor “missing” counts nothing is known: they have no row.",
    "n_values": "How many of them have a value.",
    "name": "The name.",
    "name_cy": "The name in Welsh.",
    "name_plural": "What several are called.",
    "numerator": "What was counted, where it is known.",
    "numerator_name": "What is counted.",
    "origin": "“published”, or “aggregate” where it was added up from smaller areas here, or "
    "“converted” where it was moved here from an earlier edition of its areas.",
    "period": "The period: a date, or a start and a length (2022-04-01/P1Y).",
    "period_end": "The last day of the period.",
    "period_label": "The period as it is read.",
    "period_start": "The first day of the period.",
    "plot_high": "The high end of plots.",
    "plot_low": "The low end of plots.",
    "polarity": "Which direction is better.",
    "prefix": "What stands before a value, such as £.",
    "published_at": "When it went public here.",
    "publisher": "Who issues it.",
    "publisher_date": "The day that the publisher gives it.",
    "publisher_version": "What the publisher calls this version.",
    "quantiles": "Values at 0, 5 … 100% of the areas that have one, unweighted.",
    "rank": "The order of types, from the United Kingdom (0) downwards.",
    "redistributable": "Whether its figures may be passed on.",
    "release": "The release that the figure came from, by slug.",
    "scope": "The code of the widest area across which it may be compared.",
    "scope_name": "The name of that area.",
    "series": "The number of the series.",
    "short_name": "The name in few words.",
    "slug": "The name that addresses have.",
    "source": "Who issued it.",
    "source_url": "Where the publisher issues it.",
    "status": "“published”, “superseded” or “withdrawn”.",
    "theme": "The theme, by slug.",
    "theme_name": "The name of the theme.",
    "type": "The type of area, by slug.",
    "unit": "The unit; empty for a bare number.",
    "upper": "The upper end of the margin of error, where there is one.",
    "valid_from": "The first day of the code.",
    "valid_to": "The day on which the code had ended; null if it has not.",
    "value": "The figure, not rounded; null where there is none.",
    "archived_at": "When its figures were moved to an archive; null while they can be read.",
    "withdrawn_at": "When the release was taken back; null if it stands.",
    "withdrawn_reason": "Why it was taken back; empty if it stands, or nothing was said.",
    "withheld": "Why the spread of the figures is left out; null where it is not.",
}
NULLABLE = {
    *("name_cy", "known_as", "valid_to", "live_to", "publisher_date", "withdrawn_at"),
    "archived_at",
    *("value", "lower", "upper", "numerator", "denominator", "coverage", "missing", "withheld"),
    *("plot_low", "plot_high", "quantiles", "class_breaks", "histogram"),
}
DATES = {
    *("valid_from", "valid_to", "date", "period_start", "period_end", "publisher_date"),
}
MOMENTS = {"live_from", "live_to", "published_at", "withdrawn_at", "archived_at"}
COUNTED = "How many areas have no value, by marker."
# In a series “missing” counts; in a row of figures it says why.
ALWAYS: dict[str, set[str]] = {"Series": {"missing"}}
ROWS: dict[str, Schema] = {
    "Area": AREAS,
    "AreaType": TYPES,
    "Edition": EDITIONS,
    "Indicator": INDICATORS,
    "Dataset": DATASETS,
    "Release": RELEASES,
    "Series": SERIES,
    "Observation": COLUMNS,
}


def of_kind(kind: Any) -> Schema:
    """Return the JSON schema of a column of polars type `kind`."""
    if isinstance(kind, pl.List):
        return {"type": "array", "items": of_kind(kind.inner)}
    if isinstance(kind, pl.Struct):
        return object_of({f.name: of_kind(f.dtype) for f in kind.fields})
    if kind in (pl.Int32, pl.Int64):
        return {"type": "integer"}
    if kind == pl.Float64:
        return {"type": "number"}
    return {"type": "boolean"} if kind == pl.Boolean else {"type": "string"}


def object_of(properties: Schema) -> Schema:
    """Return the schema of an object that has all of `properties` and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def row_schema(columns: Schema, always: Collection[str] = ()) -> Schema:
    """Return the schema of a row with these columns."""
    fields = {}
    for name, kind in columns.items():
        one = of_kind(kind)
        if name in DATES:
            one["format"] = "date"
        if name in MOMENTS:
            one["format"] = "date-time"
        if name in NULLABLE.difference(always):
            one["type"] = [one["type"], "null"]
        one["description"] = COUNTED if name in always else MEANING[name]
        fields[name] = one
    return object_of(fields)


def nullable(kind: str, **more: Any) -> Schema:
    """Return the schema of something of `kind` or nothing."""
    return {"type": [kind, "null"], **more}


TEXT, LINK = {"type": "string"}, {"type": "string", "format": "uri"}
NEXT = nullable("string", format="uri", description="Where the next page is; null on the last.")
COUNT = nullable("integer", description="How many there are in all; null where dear to count.")


def list_of(properties: Schema) -> Schema:
    """Return the schema of a list with `properties`, and words about it where there are any."""
    body = object_of(properties)
    body["properties"]["message"] = {
        "type": "string",
        "description": "What should be known about the list, such as why it is empty.",
    }
    return body


def page_of(name: str) -> Schema:
    """Return the schema of a page of a list."""
    return list_of({"count": COUNT, "next": NEXT, "results": array(ref(name))})


def widened(name: str, **more: Schema) -> Schema:
    """Return the schema of a row with more fields."""
    base = row_schema(ROWS[name], ALWAYS.get(name, set()))
    return object_of(base["properties"] | more)


def array(item: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": item}


CHANGE = object_of(
    {
        "kind": {
            "type": "string",
            "enum": ["recode", "merge", "split", "exchange", "rename", "abolish"],
        },
        "effective": {"type": "string", "format": "date"},
        "from": TEXT,
        "from_name": TEXT,
        "to": nullable("string"),
        "to_name": nullable("string"),
        "weight": nullable("number", description="The share of the old area's people."),
    }
)
FIT = {
    "type": "string",
    "enum": ["exact", "best-fit"],
    "description": "“best-fit” where any step took an area as wholly inside one that it is not.",
}
STEP = {"type": "boolean", "description": "Whether one step away."}
GEOMETRY = {"type": ["object", "null"], "description": "A geometry (RFC 7946), in WGS 84."}
WITHHELD = object_of({"release": TEXT, "indicators": array(TEXT), "reason": TEXT})
WITHDRAWN = object_of(
    {
        "release": TEXT,
        "withdrawn_at": {"type": "string", "format": "date-time"},
        "reason": TEXT,
    }
)
PROBLEM = {
    "type": "object",
    "description": "What is wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string", "description": "The kind of problem, as an address."},
        "title": {"type": "string", "description": "The kind in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong here, and what to do."},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "errors": array(object_of({"parameter": TEXT, "detail": TEXT})),
        "allowed": array(TEXT),
        "withheld": array(WITHHELD),
    },
    "required": ["type", "title", "status", "detail"],
}
COMPONENTS: Schema = {
    **{name: row_schema(columns, ALWAYS.get(name, set())) for name, columns in ROWS.items()},
    **{f"{name}Page": page_of(name) for name in ROWS if name != "Observation"},
    "ObservationPage": list_of(
        {
            "count": COUNT,
            "as_at": {
                "type": "string",
                "format": "date-time",
                "description": "The moment that every page of this answer is read at.",
            },
            "withheld": array(WITHHELD),
            "withdrawn": array(WITHDRAWN),
            "next": NEXT,
            "results": array(ref("Observation")),
        }
    ),
    "SeriesFigures": object_of(
        {
            "count": {"type": "integer"},
            "series": ref("Series"),
            "withdrawn": array(WITHDRAWN),
            "results": array(ref("Observation")),
        }
    ),
    "AreaDetail": widened(
        "Area",
        editions=array(
            object_of(
                {
                    "slug": TEXT,
                    "name": TEXT,
                    "date": {"type": "string", "format": "date"},
                    "outline": {"type": "boolean"},
                }
            )
        ),
        parents=array(
            object_of(
                {
                    "code": TEXT,
                    "name": TEXT,
                    "type": TEXT,
                    "kind": FIT,
                    "direct": STEP,
                    "sources": array(TEXT),
                }
            )
        ),
        children=array(
            object_of(
                {
                    "edition": TEXT,
                    "type": TEXT,
                    "count": {"type": "integer"},
                    "kind": FIT,
                    "direct": STEP,
                    "overlap_sets": {
                        "type": "array",
                        "items": TEXT,
                        "description": "The sets of overlaps of the last step down, by slug.",
                    },
                }
            )
        ),
        neighbours=object_of(
            {
                "edition": nullable("string", description="The edition whose outlines tell."),
                "areas": array(object_of({"code": TEXT, "name": TEXT, "type": TEXT})),
                "reason": nullable("string", description="Why there are none."),
            }
        ),
        changes=LINK,
        boundary=nullable("string", format="uri"),
        page=LINK,
    ),
    "AreaChanges": widened(
        "Area",
        **{"from": array(CHANGE), "to": array(CHANGE), "successors": array(ref("Area"))},
    ),
    "AreaFeature": object_of(
        {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string", "description": MEANING["code"]},
            "geometry": GEOMETRY,
            "properties": {"type": "object"},
        }
    ),
    "AreaFeatures": list_of(
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "count": COUNT,
            "next": NEXT,
            "features": array(ref("AreaFeature")),
        }
    ),
    "SeriesDetail": widened(
        "Series",
        live=array(
            object_of(
                {
                    "from": {"type": "string", "format": "date-time"},
                    "to": nullable("string", format="date-time"),
                }
            )
        ),
        inputs=array(
            object_of(
                {
                    "series": {"type": "integer"},
                    "overlap_set": nullable("string"),
                    "kind": nullable("string"),
                }
            )
        ),
        observations=LINK,
    ),
    "IndicatorDetail": widened(
        "Indicator",
        available=array(
            object_of(
                {
                    "edition": TEXT,
                    "type": TEXT,
                    "breakdown": TEXT,
                    "period": TEXT,
                    "period_label": TEXT,
                    "series": {"type": "integer"},
                }
            )
        ),
    ),
    "DatasetDetail": widened("Dataset", releases=array(ref("Release"))),
    "Root": object_of(
        {
            "name": TEXT,
            "version": TEXT,
            "data_version": {
                "type": "integer",
                "description": "Moves with anything that goes public or is edited.",
            },
            "docs": LINK,
            "links": {"type": "object", "additionalProperties": LINK},
        }
    ),
    "Problem": PROBLEM,
}


def without_suffixes(endpoints: list[Any]) -> list[Any]:
    """Return the endpoints without those that a suffix is added to; drf-spectacular calls this."""
    return [one for one in endpoints if not one[0].endswith("{format}")]


def complete(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Add the components, and example addresses, to the schema; drf-spectacular calls this."""
    result.setdefault("components", {}).setdefault("schemas", {}).update(COMPONENTS)
    return result


@functools.cache
def schema() -> Schema:
    """Return the OpenAPI schema of the API, which is the same until the code changes."""
    found: Schema = SchemaGenerator().get_schema(request=None, public=True)
    return found
