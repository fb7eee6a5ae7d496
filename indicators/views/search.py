"""Finding a place: the page of results, and what the box suggests."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from areas.models import AreaType
from areas.reading import clean
from areas.search import MOST, search
from indicators.presenters import search as presenter

SIZE = 20
SUGGESTIONS = 8


@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """Show the places that a question finds, of all types or of one, a page at a time."""
    question = clean(request.GET.get("q", ""))
    kind, page, remarks = choices(request)
    answer = search(question, SIZE, start=(page - 1) * SIZE, kind=kind, counting=True)
    if not answer.found and page > 1 and not answer.message:
        remarks.append("There are no further places: this is beyond the last page.")
    context = presenter.search_page(
        question, answer, kind=kind, page=page, size=SIZE, remarks=remarks
    )
    context["page_title"] = f"Places for “{question}”" if question else "Find a place"
    return render(request, "search.html", context)


def choices(request: HttpRequest) -> tuple[str, int, list[str]]:
    """Return the type and the page that an address asks for, and a remark on what it cannot."""
    remarks = []
    kind = request.GET.get("type", "")[:50]
    if kind and not AreaType.objects.filter(slug=kind).exists():
        remarks.append("The address asks for a kind of place that is not known: all are shown.")
        kind = ""
    asked = request.GET.get("page", "") or "1"
    page = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 6 else 0
    if not 1 <= page <= MOST // SIZE:
        remarks.append("The address asks for a page that there is not: the first is shown.")
        page = 1
    return kind, page, remarks


@require_safe
def suggest(request: HttpRequest) -> JsonResponse:
    """Answer the first few places for the search box as the reader types."""
    question = clean(request.GET.get("q", ""))
    return JsonResponse(presenter.suggestions(question, search(question, SUGGESTIONS)))
