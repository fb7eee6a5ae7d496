"""Every error of the API as a problem (RFC 9457): a sentence of what is wrong and what to do."""

from __future__ import annotations

import json
import math
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import set_rollback

from indicators.insight.live import InArchive
from indicators.insight.observations import Unknown
from indicators.limits import in_minutes, wait_for

log = structlog.get_logger("levelup.api")
MEDIA_TYPE = "application/problem+json"
DOCS = "/api/v1/docs/"
# The kinds of problem there are: their status, what they are called, and when they happen.
KINDS = {
    "bad-parameters": (
        400,
        "The question cannot be read",
        "A parameter is unknown, malformed, out of range or given twice. “errors” names each.",
    ),
    "withheld": (
        403,
        "These figures may not be passed on",
        "The publisher's licence lets them be shown but not copied from here.",
    ),
    "not-found": (
        404,
        "There is no such thing here",
        "The address, or something that it names (a code, a slug), is not held.",
    ),
    "method-not-allowed": (
        405,
        "This is only read",
        "Only GET, HEAD and OPTIONS are answered.",
    ),
    "not-acceptable": (
        406,
        "There is no such format here",
        "“Accept” names only formats that this address is not offered in.",
    ),
    "archived": (
        410,
        "These figures are archived",
        "They were public at that moment, or by that number, and have been moved to an archive "
        "since. Whoever runs the site can restore them.",
    ),
    "too-much": (
        413,
        "Too much for one file",
        "More rows were asked for than one file may have. Ask for less at a time.",
    ),
    "too-many-requests": (
        429,
        "Too many requests",
        "One address may ask so many times a minute, and less often for what takes long to write. "
        "“Retry-After” says how many seconds to wait.",
    ),
    "fault": (
        500,
        "Something went wrong here",
        "A fault of ours, which has been recorded. Nothing is wrong with the question.",
    ),
}


class Problem(exceptions.APIException):
    """An error of one of KINDS, with a sentence and, of parameters, one for each.

    `wait` is how many seconds to wait before the same is asked again.
    """

    def __init__(self, kind: str, detail: str, *, wait: int = 0, **more: Any) -> None:
        self.kind = kind
        self.status_code = KINDS[kind][0]
        self.wait = wait
        self.more = more
        super().__init__(detail)


def malformed(parameter: str, detail: str) -> Problem:
    """Return the problem of one parameter that cannot be what it says."""
    errors = [{"parameter": parameter, "detail": detail}]
    return Problem("bad-parameters", f"“{parameter}”: {detail}", errors=errors)


def no_page() -> Problem:
    """Return the problem of a cursor that is not one of ours, or of another question."""
    return malformed(
        "cursor",
        "There is no page at this cursor: it is cut short, or belongs to another question. Take it "
        "from “next” of the page before, and change nothing else but “limit”.",
    )


def refuse_too_soon(request: Request, what: str, most: int, sentence: str) -> None:
    """Count one more answer that takes long to write; raise Problem where that is too often.

    `sentence` says what else there is to do.
    """
    if wait := wait_for(request, what, most):
        raise Problem(
            "too-many-requests",
            f"{most:,} such answers an hour are the most for one address. Ask again in "
            f"{in_minutes(wait)}. {sentence}",
            wait=wait,
        )


def problem(kind: str, detail: str, *, instance: str = "", **more: Any) -> HttpResponse:
    """Return a problem as a response."""
    status, title, _ = KINDS[kind]
    body = {
        "type": f"{DOCS}#problem-{kind}",
        "title": title,
        "status": status,
        "detail": detail,
        **({"instance": instance} if instance else {}),
        **more,
    }
    response = HttpResponse(
        json.dumps(body, ensure_ascii=False).encode(), status=status, content_type=MEDIA_TYPE
    )
    response["Cache-Control"] = "no-store"
    return response


def answer(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """Turn whatever a view raised into a problem; DRF calls this."""
    set_rollback()
    request = context.get("request")
    instance = request.path if request is not None else ""
    if isinstance(error, Problem):
        reply = problem(error.kind, str(error.detail), instance=instance, **error.more)
        if error.wait:
            reply["Retry-After"] = str(error.wait)
        return reply
    if isinstance(error, Unknown):
        return problem("not-found", str(error), instance=instance)
    if isinstance(error, InArchive):
        return problem("archived", str(error), instance=instance)
    if isinstance(error, (Http404, exceptions.NotFound)):
        words = str(error.args[0]) if isinstance(error, Http404) and error.args else ""
        return problem(
            "not-found",
            words or f"Nothing is at this address. The addresses there are: {DOCS}",
            instance=instance,
        )
    if isinstance(error, exceptions.MethodNotAllowed):
        method = request.method if request is not None else "This method"
        return problem(
            "method-not-allowed",
            f"{method} is not answered: figures are only read here, by GET or HEAD.",
            instance=instance,
        )
    if isinstance(error, exceptions.NotAcceptable):
        offered = ", ".join(r.media_type for r in context["view"].renderer_classes)
        return problem(
            "not-acceptable", f"This is offered as {offered}. Accept one of them.",
            instance=instance,
        )  # fmt: skip
    if isinstance(error, exceptions.Throttled):
        wait = max(1, math.ceil(error.wait or 1))
        reply = problem(
            "too-many-requests",
            f"Wait {wait} second{'' if wait == 1 else 's'} and ask again. Whole series come in "
            "one request as CSV or Parquet.",
            instance=instance,
        )
        reply["Retry-After"] = str(wait)
        return reply
    if isinstance(error, (SuspiciousOperation, RequestDataTooBig, exceptions.ParseError)):
        return problem(
            "bad-parameters",
            "The question is too long or cannot be read. Ask for fewer things at a time.",
            instance=instance,
        )
    log.exception("api_fault", path=instance)
    return problem(
        "fault",
        "Something went wrong here, and has been recorded. Ask again in a while.",
        instance=instance,
    )
