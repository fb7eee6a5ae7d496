"""Files of a profile: every figure, or one figure as a table or a picture."""

from __future__ import annotations

import re

from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from areas.hierarchy import outline
from areas.models import Area
from indicators.exports.files import FORMATS
from indicators.exports.picture import NoTypeface, png
from indicators.insight.groups import Group, benchmark_group
from indicators.insight.profile import contents, profile, sources
from indicators.presenters import profile_files
from indicators.presenters.picture import picture
from indicators.presenters.profile_files import passed_on
from indicators.views.downloads import file_response, refused
from indicators.views.pages import reader_of

PICTURES = {"svg": "image/svg+xml", "png": "image/png"}


def area_of(code: str) -> Area:
    """Return the area of a code. Raises Http404."""
    area = Area.objects.select_related("area_type").filter(code=code).first()
    if area is None:
        raise Http404("No area has this code.")
    return area


def group_of(request: HttpRequest, area: Area) -> Group | None:
    """Return the group that the address names, if it names one. Raises Http404."""
    token = request.GET.get("with", "")
    group = benchmark_group(token, area) if token else None
    if token and group is None:
        raise Http404("There is no such group.")
    return group


@require_safe
def all_figures(request: HttpRequest, code: str, extension: str) -> HttpResponse:
    """Answer every figure of a place as a file; with outlines, as one row of its own figures."""
    area = area_of(code)
    form = FORMATS.get(extension)
    if form is None:
        raise Http404(f"There is no download as {extension[:20]}. Choose one on the page.")
    group = group_of(request, area)
    result, reader = profile(area, group=group), reader_of(request, group)
    if form.drawn:
        around = outline(area)
        edition = around.edition.slug if around else ""
        table = profile_files.profile_map(result, reader, edition)
    else:
        table = profile_files.whole_profile(result, sources(result.figures), reader)
    return file_response(request, table, extension, f"{area.name} {area.code} figures")


@require_safe
def one_figure(request: HttpRequest, code: str, slug: str, extension: str) -> HttpResponse:
    """Answer one figure of a place with its evidence: CSV, SVG or PNG."""
    area = area_of(code)
    entry = next((e for e in contents() if e.slug == slug), None)
    if entry is None:
        raise Http404("No figure has this name.")
    group = group_of(request, area)
    result = profile(area, indicators=[entry.indicator_id], group=group)
    reader = reader_of(request, group)
    (figure,) = result.figures
    name = f"{area.code} {slug}"
    if extension == "csv":
        table = profile_files.one_figure(figure, area, sources([figure]), reader)
        return file_response(request, table, extension, name, formats="csv")
    if extension not in PICTURES:
        raise Http404(f"There is no download as {extension[:20]}. Choose one on the page.")
    if figure.series is not None and not figure.series.release.may_be_passed_on:
        return refused(
            request,
            f"{figure.indicator.name} may be shown here but not passed on: the licence of the "
            "publisher does not allow it.",
            403,
        )
    releases = sources([figure])
    figure.trend = [p for p in figure.trend if passed_on(p.live.series_id, releases)]
    figure.benchmarks = [b for b in figure.benchmarks if passed_on(b.series_id, releases)]
    country = area if area.area_type_id == "country" else None
    country = country or next((a for a in result.part_of if a.area_type_id == "country"), None)
    drawing = render_to_string("figure.svg", picture(figure, area, country, reader))
    try:
        content = drawing.encode() if extension == "svg" else png(drawing)
    except NoTypeface as error:
        return refused(request, str(error), 503)
    response = HttpResponse(content, content_type=PICTURES[extension])
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    response["Content-Disposition"] = f'attachment; filename="{safe}.{extension}"'
    return response
