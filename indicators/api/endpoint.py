"""What every address of the API shares: questions, formats, tags, pages, and who may read it."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

import polars as pl
from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponsePermanentRedirect,
    StreamingHttpResponse,
)
from django.urls import resolve
from django.utils.cache import get_conditional_response
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from indicators.api import parameters
from indicators.api.described import Described
from indicators.api.formats import TABLES, Csv, Json, Negotiation, Parquet
from indicators.api.parameters import Param, format_param
from indicators.api.problems import Problem, answer, no_page
from indicators.api.throttles import ReaderThrottle
from indicators.exports.streams import csv_pieces, json_pieces, json_rows, parquet_pieces
from indicators.insight.live import data_version
from indicators.presenters.words import listed

READ = "GET, HEAD, OPTIONS"
WITHDRAWN = "Levelup-Withdrawn"
EXPOSED = f"ETag, Link, Retry-After, Content-Disposition, X-Request-Id, {WITHDRAWN}"
PIECE_ROWS = 10_000
# What says how an answer is given, and not of what.
SHAPING = frozenset({"cursor", "limit", "precision", "format"})
Asked = dict[str, Any]


class Endpoint(APIView):
    """One address: reads its parameters, answers in a format, with a tag, to anyone."""

    http_method_names: ClassVar[list[str]] = ["get", "head", "options"]
    content_negotiation_class = Negotiation
    renderer_classes: ClassVar[Sequence[type[BaseRenderer]]] = (Json,)
    schema: Any = Described()
    throttle_classes: ClassVar[Sequence[type]] = (ReaderThrottle,)
    params: ClassVar[Sequence[Param]] = ()
    # What a file from here is called.
    file_name: ClassVar[str] = "levelup"
    version = 0
    # What the reference says: a heading, a summary and more words, the component that each format
    # answers, problems beside the usual ones, and (words, address) to try.
    group: ClassVar[str] = ""
    about: ClassVar[tuple[str, str]] = ("", "")
    results_as: ClassVar[dict[str, str]] = {}
    problems: ClassVar[Sequence[str]] = ()
    tries: ClassVar[Sequence[tuple[str, str]]] = ()

    @classmethod
    def every_param(cls) -> list[Param]:
        """Return the parameters with the one that names a format, if there is a choice."""
        formats = [r.format for r in cls.renderer_classes]
        return [*cls.params, *([format_param(formats)] if len(formats) > 1 else [])]

    def get_exception_handler(self) -> Any:
        """Answer problems, whatever the settings say."""
        return answer

    def get(self, request: Request, format: str | None = None, **path: Any) -> HttpResponseBase:
        """Read the question and answer it. The version is read first, so no tag promises more."""
        asked = parameters.read(request, self.every_param())
        self.version = data_version()
        return self.answer(request, asked, **path)

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer a question that has been read."""
        raise NotImplementedError

    def options(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Say what is allowed, to browsers that ask before they read from another site."""
        return HttpResponse(status=204)

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Let any site read it, without cookies; answer HEAD without its body."""
        found: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)
        open_to_all(found)
        if request.method == "HEAD" and isinstance(found, StreamingHttpResponse):
            # Still a stream: whole, it would be measured, and say that GET is empty. Nor is it
            # compressed, as the head of a compressed nothing would be a body.
            found.streaming_content = iter(())
            request.META.pop("HTTP_ACCEPT_ENCODING", None)
        return found

    def reply(
        self, request: Request, content: dict[str, Any] | bytes, media_type: str, **headers: str
    ) -> HttpResponse:
        """Answer a whole body, tagged by the data version, the code and its content."""
        body = content if isinstance(content, bytes) else as_json(content)
        tag = f'"{self.version}-{settings.CODE_VERSION}-{zlib.crc32(body):08x}"'
        found = get_conditional_response(request, etag=tag)
        if found is None:
            found = HttpResponse(body, content_type=media_type)
        return tagged(found, tag, headers)

    def stream(
        self,
        request: Request,
        pieces: Iterable[bytes],
        media_type: str,
        name: str,
        extension: str,
        more: dict[str, str] | None = None,
    ) -> HttpResponseBase:
        """Answer pieces as they come, tagged by the data version, the code and the format.

        `more` are further headers.
        """
        tag = f'"{self.version}-{settings.CODE_VERSION}-{extension}"'
        found: HttpResponseBase | None = get_conditional_response(request, etag=tag)
        if found is None:
            found = StreamingHttpResponse(pieces, content_type=media_type)
        headers = dict(more or {})
        if extension != "json":
            safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "levelup"
            headers["Content-Disposition"] = f'attachment; filename="{safe}.{extension}"'
        if extension == "parquet":
            # Compressed already: GZipMiddleware would spend longer on it than the figures took.
            request.META.pop("HTTP_ACCEPT_ENCODING", None)
        return tagged(found, tag, headers)

    def table(
        self,
        request: Request,
        frames: Iterable[pl.DataFrame],
        schema: dict[str, Any],
        name: str,
        more: dict[str, str] | None = None,
    ) -> HttpResponseBase:
        """Answer every row as CSV or Parquet, a frame at a time; `more` are further headers."""
        kind = request.accepted_renderer.format
        if kind == Csv.format:
            pieces = csv_pieces(frames, schema)
            return self.stream(request, pieces, "text/csv; charset=utf-8", name, kind, more)
        notes = {"source": request.build_absolute_uri(), "data_version": str(self.version)}
        pieces = parquet_pieces(frames, schema, notes)
        return self.stream(request, pieces, Parquet.media_type, name, kind, more)


class Listing(Endpoint):
    """A list of things by a key that orders them: pages of JSON, or everything as a file."""

    renderer_classes: ClassVar[Sequence[type[BaseRenderer]]] = TABLES
    columns: ClassVar[dict[str, Any]] = {}

    def page(
        self, request: Request, asked: Asked, after: Any, limit: int
    ) -> tuple[pl.DataFrame, Any]:
        """Return up to `limit` rows with `columns` after key `after`, and the key to go on from.

        The key is None for the first page, and where nothing follows.
        """
        raise NotImplementedError

    def found(self, asked: Asked) -> Any:
        """Return a queryset of what is asked for."""
        raise NotImplementedError

    def matching(self, asked: Asked) -> Any:
        """Return `found`, which names are looked up for once a question."""
        if "matching" not in asked:
            asked["matching"] = self.found(asked)
        return asked["matching"]

    def count(self, asked: Asked) -> int | None:
        """Return how many there are in all, or None where that is dear to know."""
        n: int = self.matching(asked).count()
        return n

    def message(self, asked: Asked) -> str:
        """Return what a reader should know about the list, or nothing."""
        return ""

    def nothing(self, asked: Asked) -> str:
        """Return why the list is empty."""
        given = conditions(self.params, asked)
        if len(given) > 1:
            return f"Nothing meets all of {listed(given)} at once: leave one of them out."
        return f"Nothing meets {given[0]}: leave it out." if given else "Nothing is held here yet."

    def answer(self, request: Request, asked: Asked, **path: Any) -> HttpResponseBase:
        """Answer a page, or everything."""
        if request.accepted_renderer.format in {"csv", "parquet"}:
            # The first is read before anything is answered, so that what is unknown is a problem.
            first = self.page(request, asked, None, PIECE_ROWS)
            frames = self.every_page(request, asked, first)
            return self.table(request, frames, self.columns, self.file_name)
        after = read_cursor(request, asked["cursor"])
        rows, onward = self.page(request, asked, after, asked["limit"])
        head = {"count": self.count(asked), **self.words(asked, rows, after)}
        return self.results(request, rows, onward, head)

    def words(self, asked: Asked, rows: pl.DataFrame, after: Any) -> dict[str, str]:
        """Return the message of a page that begins after `after`, or nothing."""
        found = self.message(asked)
        if not found and not rows.height and after is None:
            found = self.nothing(asked)
        return {"message": found} if found else {}

    def every_page(
        self, request: Request, asked: Asked, first: tuple[pl.DataFrame, Any]
    ) -> Iterator[pl.DataFrame]:
        """Yield every row, a few thousand at a time, beginning with the first page."""
        rows, after = first
        yield rows
        while after is not None:
            rows, after = self.page(request, asked, after, PIECE_ROWS)
            yield rows

    def results(
        self, request: Request, rows: pl.DataFrame, onward: Any, head: dict[str, Any]
    ) -> HttpResponse:
        """Answer rows with where the next page is."""
        head = {**head, "next": next_page(request, onward)}
        text = as_json(head)[:-1] + b',"results":[' + json_rows(rows) + b"]}"
        return self.reply(request, text, "application/json", **link(head["next"]))


class NotHere(Endpoint):
    """Any other address under the API."""

    schema = None

    def get(self, request: Request, format: str | None = None, **path: Any) -> HttpResponseBase:
        """Say that nothing is here, or lead to the same without its last slash."""
        bare = request.path.rstrip("/")
        if request.path.endswith("/") and resolve(bare).func.__name__ != NotHere.__name__:
            query = request.META.get("QUERY_STRING", "")
            return HttpResponsePermanentRedirect(f"{bare}?{query}" if query else bare)
        raise Problem(
            "not-found",
            "Nothing is at this address. /api/v1/ lists what there is, and /api/v1/docs/ says how "
            "to ask.",
        )


def conditions(params: Sequence[Param], asked: Asked) -> list[str]:
    """Return the names, in quotes, of the parameters that narrow an answer down."""
    return [
        f"“{p.name}”"
        for p in params
        if p.name not in SHAPING and asked[p.name] not in ([], p.default)
    ]


def open_to_all(response: HttpResponseBase) -> None:
    """Let scripts of any site read a reply; no cookie is ever sent or wanted."""
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = READ
    response["Access-Control-Allow-Headers"] = "Accept, If-None-Match, Content-Type"
    response["Access-Control-Expose-Headers"] = EXPOSED
    response["Access-Control-Max-Age"] = "86400"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"


def tagged(response: HttpResponseBase, tag: str, headers: dict[str, str]) -> Any:
    """Return a reply that may be kept by anyone, and is asked for again each time."""
    response["ETag"] = tag
    response["Cache-Control"] = "public, no-cache"
    for name, value in headers.items():
        response[name] = value
    return response


def streamed_json(
    head: dict[str, Any], frames: Iterable[pl.DataFrame], schema: dict[str, Any]
) -> Iterator[bytes]:
    """Yield an object of `head` and of “results”, an array of every row."""
    yield as_json(head)[:-1] + b',"results":['
    yield from json_pieces(frames, schema)
    yield b"]}"


def as_json(content: Any) -> bytes:
    """Return JSON in UTF-8, without spaces."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def question(request: HttpRequest | Request) -> int:
    """Return a number for what is asked, whatever page of it and however many on a page."""
    asked = request.GET
    rest = sorted(
        (name, value)
        for name in asked
        if name not in {"cursor", "limit", "format"}
        for value in asked.getlist(name)
    )
    path = re.sub(r"\.[a-z]+$", "", request.path)
    return zlib.crc32(repr((path, rest)).encode("utf-8", "replace"))


def write_cursor(request: Request, position: Any) -> str:
    """Return an opaque cursor for a position of this question."""
    text = as_json([question(request), position])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def read_cursor(request: Request, cursor: str | None) -> Any:
    """Return the position that a cursor stands for, None for the first page.

    Raises Problem where it is not one of ours, or belongs to another question.
    """
    if cursor is None:
        return None
    refusal = no_page()
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        asked, position = json.loads(base64.urlsafe_b64decode(padded.encode()))
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise refusal from error
    if asked != question(request) or position is None:
        raise refusal
    return position


def next_page(request: Request, position: Any) -> str | None:
    """Return the address of the page that begins after `position`."""
    if position is None:
        return None
    query = request.GET.copy()
    query["cursor"] = write_cursor(request, position)
    return request.build_absolute_uri(f"{request.path}?{urlencode(list(query.lists()), True)}")


def link(address: str | None) -> dict[str, str]:
    """Return the Link header for the next page."""
    return {"Link": f'<{address}>; rel="next"'} if address else {}
