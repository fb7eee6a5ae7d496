"""What happens round every request: an identifier and one structured log line."""

import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator

import structlog
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

log = structlog.get_logger("levelup.request")
NUL = "\x00"
API = "/api/"
# What is compressed within: twice costs time and saves nothing.
PACKED = frozenset(
    {
        "application/geopackage+sqlite3",
        "application/vnd.apache.parquet",
        "application/vnd.mapbox-vector-tile",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "image/png",
    }
)
# Tables of figures shrink to a sixth at the quickest level, in a third of the usual time.
TABLES = frozenset({"text/csv", "application/geo+json"})
QUICKEST = 1
GZIP = 16 + zlib.MAX_WBITS  # zlib's way of saying: with the head and foot of gzip.
QUIET = ("/healthz", "/readyz", "/static/", "/tiles/")


def request_log(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Bind a request id to every log line, return it as `X-Request-Id`, and log the outcome.

    Health checks, tiles and static files are not logged one by one. Durations are in
    milliseconds.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex[:16]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        response = get_response(request)
        response["X-Request-Id"] = request_id
        if not request.path.startswith(QUIET):
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )
        return response

    return middleware


def no_nul(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answer 404 to an address that holds a NUL byte, which Postgres cannot even look for."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(API):
            return get_response(request)  # It answers problems in JSON.
        if NUL in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return render(request, "404.html", status=404)
        return get_response(request)

    return middleware


class Compression(GZipMiddleware):
    """Gzip as Django does it, but what is packed already is left, and tables are done quickly."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Compress what the reader takes compressed and gains by it."""
        kind = response.get("Content-Type", "").partition(";")[0]
        if kind in PACKED:
            return response
        if kind not in TABLES or response.has_header("Content-Encoding"):
            return super().process_response(request, response)
        patch_vary_headers(response, ("Accept-Encoding",))
        if "gzip" not in request.headers.get("Accept-Encoding", ""):
            return response
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = squeezed(iter(response))
            del response["Content-Length"]
        elif isinstance(response, HttpResponse):
            response.content = b"".join(squeezed([response.content]))
            response["Content-Length"] = str(len(response.content))
        response["Content-Encoding"] = "gzip"
        etag = response.get("ETag")
        if etag and etag.startswith('"'):
            response["ETag"] = f"W/{etag}"  # RFC 9110: the bytes are not the same any more.
        return response


def squeezed(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield `parts` as one gzip stream at the quickest level."""
    packer = zlib.compressobj(QUICKEST, zlib.DEFLATED, GZIP)
    for part in parts:
        if packed := packer.compress(part):
            yield packed
    yield packer.flush()
