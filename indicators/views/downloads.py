"""Files for readers to keep, from the same tables as the pages."""

from __future__ import annotations

import re

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from indicators.exports.files import FORMATS, NoOutlines
from indicators.presenters.table import Table


def file_response(
    request: HttpRequest, table: Table, extension: str, name: str, *, formats: str = ""
) -> HttpResponse:
    """Answer `table` as a file called `name`, or a page that says why not.

    `formats` names the extensions offered here, in words with spaces; all of them if empty.
    Raises Http404 for an extension that is not offered.
    """
    form = FORMATS.get(extension)
    if form is None or (formats and extension not in formats.split()):
        raise Http404("There is no download in that format.")
    if table.withheld and not any(c.kind == "number" for c in table.columns):
        return refused(
            request,
            f"{', '.join(table.withheld)} may be shown here but not passed on: the licence of the "
            "publisher does not allow it.",
            403,
        )
    try:
        content = form.write(table)
    except NoOutlines as error:
        return refused(request, str(error), 404)
    response = HttpResponse(content, content_type=form.media_type)
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "levelup"
    response["Content-Disposition"] = f'attachment; filename="{safe}.{extension}"'
    return response


def refused(request: HttpRequest, message: str, status: int) -> HttpResponse:
    """Answer a page that says why there is no file."""
    context = {"page_title": "There is no such download", "message": message}
    return render(request, "404.html", context, status=status)
