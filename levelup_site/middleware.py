"""What happens round every request: an identifier and one structured log line."""

import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

log = structlog.get_logger("levelup.request")
NUL = "\x00"
API = "/api/"
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
