"""How an endpoint describes itself in the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from indicators.api.problems import KINDS, MEDIA_TYPE

Schema = dict[str, Any]
FILES = {
    "csv": ("text/csv", {"type": "string", "description": "UTF-8, a line of headings, then rows."}),
    "parquet": ("application/vnd.apache.parquet", {"type": "string", "format": "binary"}),
}
PATHS = {
    "code": OpenApiParameter(
        "code", {"type": "string", "pattern": "^[A-Z0-9]{3,12}$"}, OpenApiParameter.PATH,
        True, "The area, by code.",
    ),
    "slug": OpenApiParameter(
        "slug", {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,120}$"}, OpenApiParameter.PATH,
        True, "The name that addresses have.",
    ),
    "series": OpenApiParameter(
        "series", {"type": "integer", "minimum": 0, "maximum": 2_147_483_647},
        OpenApiParameter.PATH, True, "The number of the series.",
    ),
}  # fmt: skip
ERRORS = ("bad-parameters", "not-found", "not-acceptable", "too-many-requests")


class Described(AutoSchema):
    """An endpoint in the schema: from its own words, parameters and columns."""

    def get_operation_id(self) -> str:
        """Return the name of the operation: that of the endpoint."""
        name = type(self.view).__name__
        return name[0].lower() + name[1:]

    def get_summary(self) -> str:
        """Return the first sentence about the endpoint."""
        return str(self.view.about[0])

    def get_description(self) -> str:
        """Return all that is said about the endpoint."""
        return str(self.view.about[1])

    def get_tags(self) -> list[str]:
        """Return the heading that the endpoint stands under."""
        return [self.view.group]

    def get_auth(self) -> list[Any]:
        """Return that nobody has to say who they are."""
        return []

    def _get_format_parameters(self) -> list[Any]:
        """Return none: the endpoint says itself."""
        return []

    def get_extensions(self) -> dict[str, Any]:
        """Return addresses to try, which the reference page shows."""
        return {"x-try": [{"words": words, "path": path} for words, path in self.view.tries]}

    def get_request_serializer(self) -> None:
        """Return that nothing is sent."""
        return None

    def get_override_parameters(self) -> list[Any]:
        """Return what may be asked."""
        inside = [p for name, p in PATHS.items() if f"{{{name}}}" in self.path]
        return [*inside, *(p.described() for p in self.view.every_param())]

    def get_response_serializers(self) -> dict[Any, Any]:
        """Return what is answered, in each format, and the problems there may be."""
        found: dict[Any, Any] = {}
        for renderer in self.view.renderer_classes:
            if renderer.format in FILES:
                media, body = FILES[renderer.format]
            else:
                media, body = renderer.media_type, ref(self.view.results_as[renderer.format])
            found[200, media] = OpenApiResponse(body, self.view.about[0])
        found[304] = OpenApiResponse(None, "Nothing has changed since the ETag that was sent.")
        for kind in (*ERRORS, *self.view.problems):
            status, _, words = KINDS[kind]
            found[status, MEDIA_TYPE] = OpenApiResponse(ref("Problem"), words)
        return found


def ref(name: str) -> Schema:
    """Return a reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}
