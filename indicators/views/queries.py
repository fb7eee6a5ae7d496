"""Query strings at the door: lists of slugs and codes, and the pages that refuse them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

SLUG = re.compile(r"^[a-z0-9][a-z0-9-]{0,79}$")
AREA_CODE = re.compile(r"^[A-Z0-9]{3,12}$")
GROUP_IN_ADDRESS = re.compile(r"/groups/([A-Za-z0-9_-]{16})(?:/|$)")
MOST_INDICATORS = 50
# Longer lists in an address are a mistake or an attack; they are refused unread.
LONGEST_LIST = 20_000
LONGEST_SHOWN = 60


class Refused(ValueError):
    """The address cannot be answered: a heading, a sentence, a status, and ways on."""

    def __init__(
        self,
        title: str,
        message: str,
        status: int = 400,
        suggestions: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.title, self.message, self.status = title, message, status
        self.suggestions = suggestions

    def page(self, request: HttpRequest) -> HttpResponse:
        """Return the page that says so."""
        context = {
            "page_title": self.title,
            "message": self.message,
            "suggestions": [{"label": label, "url": to} for label, to in self.suggestions],
        }
        return render(request, "404.html", context, status=self.status)


View = Callable[..., HttpResponse]


def refusing(view: View) -> View:
    """Answer what `view` refuses with the page that says what is wrong and what to do."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Refused as refused:
            return refused.page(request)

    return answer


@dataclass
class Listed:
    """A list from an address: what may be looked up, and what cannot be meant."""

    items: list[str] = field(default_factory=list)
    nonsense: list[str] = field(default_factory=list)


def listed(query: QueryDict, name: str, form: re.Pattern[str], *, upper: bool = False) -> Listed:
    """Return the distinct items of a comma-separated parameter, which may be repeated.

    Raises Refused where it is longer than anybody could mean.
    """
    text = ",".join(query.getlist(name))
    if len(text) > LONGEST_LIST:
        raise Refused(
            "The address is too long",
            f"Its list “{name}” has {len(text):,} characters; at most {LONGEST_LIST:,} are read. "
            "Leave some out.",
        )
    found = Listed()
    for part in text.split(","):
        item = part.strip().upper() if upper else part.strip().lower()
        if not item:
            continue
        target = found.items if form.match(item) else found.nonsense
        if item not in target:
            target.append(item)
    return found


def shortened(text: str) -> str:
    """Return a reader's own words in quotes, cut to a length that fits a sentence."""
    plain = " ".join(text.split())
    return f"“{plain[:LONGEST_SHOWN]}…”" if len(plain) > LONGEST_SHOWN else f"“{plain}”"


def group_token(text: str) -> str:
    """Return the token in what somebody gave as a group: its token, or the address of its page."""
    found = GROUP_IN_ADDRESS.search(text)
    return found[1] if found else text.strip()[:LONGEST_SHOWN]


def is_repeated(query: QueryDict, *names: str) -> bool:
    """Return whether a form sent a list one item at a time, which reads badly in an address."""
    return any(len(query.getlist(name)) > 1 for name in names)
