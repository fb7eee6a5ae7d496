"""What happens round every request: an identifier and one structured log line."""

import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

import structlog
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from zlib_ng.gzip_ng import GzipNGFile

from indicators.insight.live import InArchive

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


def archived_page(request: HttpRequest, error: InArchive) -> HttpResponse:
    """Return the page that says that what was asked for is archived."""
    told = {"page_title": "These figures are archived", "message": str(error)}
    return render(request, "404.html", told, status=410)


def in_archive(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answer with a page that says so, where a page is of a moment whose figures are archived.

    The API says it in its own way.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, error: Exception) -> HttpResponse | None:
        return archived_page(request, error) if isinstance(error, InArchive) else None

    middleware.process_exception = process_exception  # type: ignore[attr-defined]
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


class OneMoment:
    """Let figures be read at one moment, whatever is published while a page is made.

    Without it, what a process kept before a publication and what it read after could meet on one
    page: a place's old figure beside its country's new one. What is streamed reads its rows later,
    of series that were chosen here, and rows never change.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer as without; the view is where it begins."""
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponseBase],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> HttpResponseBase | None:
        """Answer for the view, in one transaction, where it reads figures."""
        if request.method not in {"GET", "HEAD"} or not view.__module__.startswith("indicators."):
            return None
        if connection.in_atomic_block:  # A test's own, of which no other is seen anyway.
            return None
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                return view(request, *args, **kwargs)
        except InArchive as error:
            # Django asks `process_exception` only of views that it called itself.
            return archived_page(request, error)
