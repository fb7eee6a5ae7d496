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
# Every code has digits; a word of capitals is somebody's name for a place.
AREA_CODE = re.compile(r"^(?=[A-Z]*[0-9])[A-Z0-9]{3,12}$")
GROUP_IN_ADDRESS = re.compile(r"/groups/([A-Za-z0-9_-]{16})(?:/|$)")
MOST_INDICATORS = 50
# Longer lists in an address are a mistake or an attack; they are refused unread.
LONGEST_LIST = 20_000
LONGEST_SHOWN = 60
# A browser sends the commas of a form as three characters each, and of 500 codes that is a tenth of
# the longest address. So forms part their lists by what browsers leave alone, and no name holds.
IN_FORMS = "_"


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

    Items are in the case of what is looked up, and what cannot be is as it was written.
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
    for part in re.split(f"[,{IN_FORMS}]", text):
        given = part.strip()
        item = given.upper() if upper else given.lower()
        if not item:
            continue
        target, kept = (found.items, item) if form.match(item) else (found.nonsense, given)
        if kept not in target:
            target.append(kept)
    return found


def shortened(text: str) -> str:
    """Return a reader's own words in quotes, cut to a length that fits a sentence."""
    plain = " ".join(text.split())
    return f"“{plain[:LONGEST_SHOWN]}…”" if len(plain) > LONGEST_SHOWN else f"“{plain}”"


def group_token(text: str) -> str:
    """Return the token in what somebody gave as a group: its token, or the address of its page."""
    found = GROUP_IN_ADDRESS.search(text)
    return found[1] if found else text.strip()[:LONGEST_SHOWN]


def said_twice(query: QueryDict, *names: str) -> list[str]:
    """Return a sentence for each of `names` that an address gives several values, of one taken."""
    return [
        f"The address gives “{name}” more than once, and not the same: "
        f"{shortened(str(query.get(name)))} is taken."
        for name in names
        if len(set(query.getlist(name))) > 1
    ]


def is_repeated(query: QueryDict, *names: str) -> bool:
    """Return whether a list is as forms send it, which reads badly in an address."""
    return any(len(query.getlist(n)) > 1 or IN_FORMS in query.get(n, "") for n in names)
