"""The page of places that a question finds, and the suggestions under the box, as plain dicts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from areas.search import MOST, Answer, Found
from indicators.presenters.words import known_as, type_name, url


def search_result(found: Found) -> dict[str, Any]:
    """Return one place that was found."""
    notes = [known_as(found.area), found.note]
    return {
        "code": found.area.code,
        "name": found.area.name,
        "name_cy": found.area.name_cy,
        "type": type_name(found.area),
        "parent": found.parent,
        "url": url(found.area),
        "note": "; ".join(note for note in notes if note),
        "ended": found.area.has_ended(timezone.localdate()),
    }


def suggestions(question: str, answer: Answer) -> dict[str, Any]:
    """Return what the box shows as the reader types; where that is nothing, that it is."""
    nothing = ""
    if question and not answer.found:
        nothing = f"No place was found for “{question}”. Check the spelling, or try a postcode."
    return {
        "results": [search_result(found) for found in answer.found],
        "message": answer.message or nothing,
    }


def search_page(
    question: str, answer: Answer, *, kind: str, page: int, size: int, remarks: list[str]
) -> dict[str, Any]:
    """Return the page of places that were found: filters by type, results, and a way onward.

    `remarks` are what is to be said of the address itself.
    """
    total = sum(count.n for count in answer.counts)
    shown = next((c.n for c in answer.counts if c.kind == kind), total) if kind else total
    first = (page - 1) * size + 1
    last = first + len(answer.found) - 1
    if not answer.more and answer.found:
        # One place of that very name: the others, which only begin so, are had by their type.
        shown = last
    messages = [*remarks, answer.message]
    if not answer.more and shown > MOST and last >= MOST - size:
        messages.append(f"Only the first {MOST:,} are shown. Write more of the name.")
    return {
        "q": question,
        "results": [search_result(found) for found in answer.found],
        "message": " ".join(message for message in messages if message),
        "guess": answer.guess,
        "kinds": kinds(question, answer, kind, total),
        "first": first,
        "summary": summary(first, last, shown) if answer.found else "",
        "previous": address(question, kind, page - 1) if page > 1 else "",
        "next": address(question, kind, page + 1) if answer.more else "",
    }


def kinds(question: str, answer: Answer, kind: str, total: int) -> list[dict[str, Any]]:
    """Return the types found, each with its number and the address that shows it alone."""
    if len(answer.counts) < 2 and not kind:
        return []
    every = {
        "name": "all places",
        "n": total,
        "url": address(question, "", 1),
        "selected": not kind,
    }
    return [
        every,
        *(
            {
                "name": count.name,
                "n": count.n,
                "url": address(question, count.kind, 1),
                "selected": count.kind == kind,
            }
            for count in answer.counts
        ),
    ]


def summary(first: int, last: int, shown: int) -> str:
    """Return “106 places” or which of them are on this page."""
    shown = max(shown, last)
    if first == 1 and last == shown:
        return "1 place" if shown == 1 else f"{shown:,} places"
    return f"{first:,} to {last:,} of {shown:,} places"


def address(question: str, kind: str, page: int) -> str:
    """Return the address of a page of results."""
    query = {"q": question}
    if kind:
        query["type"] = kind
    if page > 1:
        query["page"] = str(page)
    return f"/search/?{urlencode(query)}"
