"""The schema as a file, and as a page that people read."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import quote

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import OpenApiYamlRenderer
from rest_framework.request import Request

from indicators.api.endpoint import Asked, Endpoint
from indicators.api.formats import Form
from indicators.api.problems import KINDS
from indicators.api.schema import schema
from indicators.insight.live import at_time


class Yaml(Form):
    """YAML in UTF-8."""

    media_type = "application/yaml"
    format = "yaml"


class SchemaJson(Endpoint):
    """The OpenAPI schema as JSON."""

    schema = None

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer the schema."""
        return self.reply(request, schema(), "application/json")


class SchemaYaml(Endpoint):
    """The OpenAPI schema as YAML."""

    schema = None
    renderer_classes = (Yaml,)

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer the schema."""
        return self.reply(request, OpenApiYamlRenderer().render(schema()), Yaml.media_type)


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """Show every address, what may be asked of it and what it answers, with commands to try."""
    found = schema()
    root = request.build_absolute_uri("/").rstrip("/")
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in found["paths"].items():
        for operation in methods.values():
            if not operation["x-try"] and "{series}" in path:
                operation = operation | {"x-try": tries_of_series(path)}
            line = operation_line(path, operation, found["components"]["schemas"], root)
            groups.setdefault(operation["tags"][0], []).append(line)
    context = {
        "page_title": "API",
        "description": "Every figure and place that is held here, for programs.",
        "canonical": request.build_absolute_uri("/api/v1/docs/"),
        "root": root,
        "groups": [
            {"name": name, "id": name.lower().replace(" ", "-"), "operations": lines}
            for name, lines in groups.items()
        ],
        "problems": [
            {"id": f"problem-{kind}", "status": status, "title": title, "words": words}
            for kind, (status, title, words) in KINDS.items()
        ],
    }
    return render(request, "api.html", context)


def tries_of_series(path: str) -> list[dict[str, str]]:
    """Return what to try of one series: one that is held here, as numbers are a site's own.

    The first that is public and may be passed on; nothing while there is none. One query.
    """
    free = Q(series__release__redistributable=True, series__release__licence__redistributable=True)
    series = at_time(None).filter(free).order_by("series_id")
    pk = series.values_list("series_id", flat=True).first()
    if pk is None:
        return []
    at = f"/api/v1{path.removeprefix('/api/v1')}".replace("{series}", str(pk))
    if not path.endswith("/observations"):
        return [{"words": "A series that is held here", "path": at}]
    return [
        {"words": "All of it as CSV", "path": f"{at}.csv", "options": " -O -J"},
        {"words": "All of it as Parquet", "path": f"{at}.parquet", "options": " -O -J"},
    ]


def operation_line(
    path: str, operation: dict[str, Any], components: dict[str, Any], root: str
) -> dict[str, Any]:
    """Return an address for the page: words, parameters, formats, fields, commands to try."""
    ok = operation["responses"]["200"]["content"]
    body: dict[str, Any] = next((c["schema"] for c in ok.values() if "$ref" in c["schema"]), {})
    shape = resolved(body, components)
    listed = shape.get("properties", {}).get("results")
    row = resolved(listed["items"], components) if listed else shape
    return {
        "id": operation["operationId"],
        "path": path,
        "summary": operation["summary"],
        "description": operation.get("description", ""),
        "parameters": [parameter_line(p) for p in operation.get("parameters", [])],
        "formats": list(ok),
        "around": field_lines(shape, components, leave={"results"}) if listed else [],
        "fields": field_lines(row, components),
        "commands": [
            {
                "words": one["words"],
                "url": root + one["path"],
                "command": f"curl{one.get('options', '')} '{root}{one['path']}'",
            }
            for one in operation.get("x-try", [])
        ],
    }


def resolved(shape: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that a reference stands for."""
    found: dict[str, Any] = components[shape["$ref"].split("/")[-1]] if "$ref" in shape else shape
    return found


def parameter_line(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter for the page."""
    kind = parameter["schema"]
    many = kind.get("type") == "array"
    one = kind["items"] if many else kind
    examples = [e["value"] for e in parameter.get("examples", {}).values()]
    example = examples[0] if examples else None
    if isinstance(example, list):
        example = ",".join(map(str, example))
    if isinstance(example, bool):
        example = str(example).lower()
    words = one.get("format") or one["type"]
    if "enum" in one:
        words = " or ".join(one["enum"])
    elif "minimum" in one:
        words = f"whole number, {one['minimum']:,} to {one['maximum']:,}"
    return {
        "name": parameter["name"],
        "required": parameter.get("required", False),
        "many": many,
        "kind": {"string": "text", "boolean": "true or false"}.get(words, words),
        "default": in_words(kind["default"]) if "default" in kind else "",
        "description": parameter.get("description", ""),
        "example": "" if example is None else quote(str(example), safe=",/: "),
    }


def in_words(value: Any) -> str:
    """Return a default as it is read: true, or 1,000."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if whole else str(value).lower()


def field_lines(
    shape: dict[str, Any],
    components: dict[str, Any],
    leave: Collection[str] = (),
) -> list[dict[str, str]]:
    """Return the fields of an object for the page."""
    found = []
    for name, kind in shape.get("properties", {}).items():
        if name in leave:
            continue
        types = kind.get("type", "object")
        several = types if isinstance(types, list) else [types]
        words = " or ".join("nothing" if t == "null" else str(t) for t in several)
        if several[0] == "array":
            inner = resolved(kind["items"], components)
            of = inner.get("type", "object")
            parts = ", ".join(inner.get("properties", {}))
            words = f"list of {of}s" + (
                f" ({parts})" if parts and "$ref" not in kind["items"] else ""
            )
        if "format" in kind:
            words = words.replace("string", kind["format"])
        found.append({"name": name, "kind": words, "description": kind.get("description", "")})
    return found
