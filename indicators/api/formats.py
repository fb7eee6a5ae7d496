"""The formats of the API, and how one is chosen: by suffix, `?format=` or Accept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404
from django.http.request import MediaType
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from indicators.api.problems import Problem


class Form(BaseRenderer):
    """A format: views write it themselves, because most are streamed."""

    render_style = "binary"
    charset = None

    def render(
        self, data: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return data that a view has already written."""
        return bytes(data)


class Json(JSONRenderer):
    """JSON in UTF-8."""


class Csv(Form):
    """CSV in UTF-8."""

    media_type = "text/csv"
    format = "csv"


class Parquet(Form):
    """Parquet with zstd."""

    media_type = "application/vnd.apache.parquet"
    format = "parquet"


class GeoJson(Form):
    """GeoJSON (RFC 7946)."""

    media_type = "application/geo+json"
    format = "geojson"


TABLES = (Json, Csv, Parquet)


class Negotiation(DefaultContentNegotiation):
    """DRF's own, with a sentence where a format is named that is not offered."""

    def filter_renderers(
        self, renderers: Sequence[BaseRenderer], format: str
    ) -> list[BaseRenderer]:
        """Return the renderers of `format`.

        Raises Problem where `?format=` names one that there is not, Http404 where a suffix does.
        """
        found = [r for r in renderers if r.format == format]
        if not found:
            offered = ", ".join(r.format for r in renderers)
            raise Http404(f"This is offered as {offered}, not as {format[:20]}.")
        return found

    def select_renderer(
        self,
        request: Request,
        renderers: Sequence[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer and the media type that are answered."""
        named = request.query_params.get("format")
        offered = [r.format for r in renderers]
        if named is not None and named not in offered:
            raise Problem(
                "bad-parameters",
                f"“format” is one of {', '.join(offered)} here, not “{named[:20]}”.",
                errors=[{"parameter": "format", "detail": f"One of {', '.join(offered)}."}],
            )
        if named is not None and format_suffix and named != format_suffix:
            raise Problem(
                "bad-parameters",
                f"The suffix says {format_suffix} and “format” says {named}: leave one out.",
                errors=[{"parameter": "format", "detail": "It contradicts the suffix."}],
            )
        if format_ := format_suffix or named:
            renderers = self.filter_renderers(renderers, format_)
        accept = request.META.get("HTTP_ACCEPT") or "*/*"
        best = max(renderers, key=lambda r: liking(r.media_type, accept))
        if not liking(best.media_type, accept)[0]:
            raise NotAcceptable(available_renderers=renderers)
        return best, best.media_type


def liking(media_type: str, accept: str) -> tuple[float, int]:
    """Return how well an Accept header likes a type: its quality, 0 to 1, and how closely named.

    By the closest of its ranges (RFC 9110, 12.5.1), whose parameters but for “q” are passed over:
    DRF's own negotiation does not look at “q”.
    """
    main, _, sub = media_type.partition("/")
    ranges = [MediaType(token) for token in accept.split(",") if token.strip()]
    fitting = [r for r in ranges if r.main_type in {"*", main} and r.sub_type in {"*", sub}]
    closest = max(fitting, key=lambda r: r.specificity, default=None)
    return (closest.quality, closest.specificity) if closest else (0, 0)
