"""What happens round every request: an identifier and one structured log line."""

import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO

import structlog
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from zlib_ng.gzip_ng import GzipNGFile

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
# Tables of figures shrink to a sixth at a quick level. A page takes 4 ms at its level, and would
# take 10 to be a fifteenth smaller.
TABLES = frozenset({"text/csv", "application/geo+json"})
QUICK, THOROUGH = 2, 4
SHORT = 200  # Bytes: what a head and foot of gzip would not shrink.
MOST_PADDING = 100
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
    """Refuse an address that holds a NUL byte, which Postgres cannot even look for."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(API):
            return get_response(request)  # It answers problems in JSON.
        if NUL in request.path:
            return render(request, "404.html", status=404)
        if "%00" in request.META.get("QUERY_STRING", ""):
            context = {
                "page_title": "The address cannot be read",
                "message": "After its question mark it holds a character that no name or word has "
                "(NUL, written %00). Take it out, or search for the place below.",
            }
            return render(request, "404.html", context, status=400)
        return get_response(request)

    return middleware


class Compression(GZipMiddleware):
    """Gzip as Django's does, but quicker, and what is packed already is left."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Compress what the reader takes compressed and gains by it."""
        kind = response.get("Content-Type", "").partition(";")[0]
        if kind in PACKED or response.has_header("Content-Encoding"):
            return response
        level = QUICK if kind in TABLES else THOROUGH
        if isinstance(response, HttpResponse):
            if len(response.content) < SHORT:
                return response
            if takes_gzip(request, response):
                response.content = b"".join(squeezed([response.content], level))
                response["Content-Length"] = str(len(response.content))
        elif isinstance(response, StreamingHttpResponse) and not response.is_async:
            if takes_gzip(request, response):
                response.streaming_content = squeezed(iter(response), level)
                del response["Content-Length"]
        else:
            return super().process_response(request, response)
        return response


def takes_gzip(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Return whether the reader takes gzip, and mark the response as what depends on it."""
    patch_vary_headers(response, ("Accept-Encoding",))
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return False
    response["Content-Encoding"] = "gzip"
    etag = response.get("ETag")
    if etag and etag.startswith('"'):
        response["ETag"] = f"W/{etag}"  # RFC 9110: the bytes are not the same any more.
    return True


def squeezed(parts: Iterable[bytes], level: int) -> Iterator[bytes]:
    """Yield `parts` as one gzip stream.

    Its head holds a name of random length, so that nobody learns from the length of a page whether
    a guess at a secret in it was right (BREACH), as Django's own does.
    """
    name = "n" * secrets.randbelow(MOST_PADDING)
    store = BytesIO()
    with GzipNGFile(name, "wb", level, store, mtime=0) as packer:
        for part in parts:
            packer.write(part)
            if store.tell():
                yield store.getvalue()
                store.seek(0)
                store.truncate()
    yield store.getvalue()
