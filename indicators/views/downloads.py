"""Files for readers to keep, from the same tables as the pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response

from indicators.exports.files import BESIDE, EVERY_FORMAT, NoOutlines
from indicators.limits import HEAVY_FILES, in_minutes, wait_for
from indicators.models import Release
from indicators.presenters.table import Table

# Beyond this a workbook or outlines take more than a moment to write, and the page says so.
MANY_AREAS = 10_000
SLOW = frozenset({"xlsx", "geojson", "gpkg"})


def file_response(
    request: HttpRequest, table: Table, extension: str, name: str, *, formats: str = ""
) -> HttpResponse:
    """Answer `table` as a file called `name`, or a page that says why not.

    `formats` names the extensions offered here, in words with spaces; all of them if empty, and
    the notes of a CSV file beside it (`notes.csv`), which its Link header leads to. Raises Http404
    for an extension that is not offered.
    """
    form = EVERY_FORMAT.get(extension)
    if form is None or (formats and extension not in formats.split()):
        raise Http404("There is no download in that format.")
    if table.withheld and not any(c.kind == "number" for c in table.columns):
        return refused(
            request,
            f"{', '.join(table.withheld)} may be shown here but not passed on: the licence of the "
            "publisher does not allow it.",
            403,
        )
    n = table.frame.height
    slow = extension in SLOW and n > MANY_AREAS
    if slow and (wait := wait_for(request, "heavy-files", HEAVY_FILES)):
        return too_soon(request, form.name, n, wait)
    try:
        content = form.write(table)
    except NoOutlines as error:
        return refused(request, str(error), 404)
    response = HttpResponse(content, content_type=form.media_type)
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "levelup"
    response["Content-Disposition"] = f'attachment; filename="{safe}.{extension}"'
    if (beside := BESIDE.get(extension)) and not formats:
        path = request.path.removesuffix(extension) + beside.extension
        query = request.META.get("QUERY_STRING", "")
        address = request.build_absolute_uri(f"{quote(path)}?{query}" if query else quote(path))
        response["Link"] = f'<{address}>; rel="describedby"; type="text/csv"'
    return response


def too_soon(request: HttpRequest, form: str, n: int, wait: int) -> HttpResponse:
    """Answer a page that says when one more file that takes long to write may be had."""
    reply = refused(
        request,
        f"{form} of {n:,} areas takes long to write, and {HEAVY_FILES} such files an hour are the "
        f"most for one connection. Come again in {in_minutes(wait)}, or take CSV or Parquet now: "
        "they are not limited so.",
        429,
    )
    reply["Retry-After"] = str(wait)
    return reply


def for_display(
    request: HttpRequest, etag: str, say: Callable[[], tuple[dict[str, Any], Release]]
) -> HttpResponse:
    """Answer JSON that our own pages draw: kept by the reader until the data move.

    `say` gives the content and the release that it is of. Where its licence lets figures be shown
    but not passed on, the reply is for this one reader's page: nothing may keep it.
    """
    response, may_be_kept = get_conditional_response(request, etag=etag), True
    if response is None:
        content, release = say()
        response, may_be_kept = JsonResponse(content), release.may_be_passed_on
    response["X-Robots-Tag"] = "noindex"
    response["Cache-Control"] = "no-cache" if may_be_kept else "private, no-store"
    if may_be_kept:
        response["ETag"] = etag
    return response


def refused(request: HttpRequest, message: str, status: int) -> HttpResponse:
    """Answer a page that says why there is no file."""
    context = {"page_title": "There is no such download", "message": message}
    return render(request, "404.html", context, status=status)
