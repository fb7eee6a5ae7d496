"""Vector tiles."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from areas import tiles

FOR_EVER = "public, max-age=31536000, immutable"


def tile(request: HttpRequest, tile_hash: str, z: int, x: int, y: int) -> HttpResponse:
    """Answer one tile. The hash names the content, so it may be kept for ever."""
    try:
        content = tiles.read_tile(tile_hash, z, x, y)
    except (FileNotFoundError, ValueError, OverflowError) as error:
        raise Http404("There are no such tiles.") from error
    if content is None:
        response = HttpResponse(status=204)
    else:
        response = HttpResponse(content, content_type="application/vnd.mapbox-vector-tile")
        response["Content-Encoding"] = "gzip"
    response["Cache-Control"] = FOR_EVER
    return response
