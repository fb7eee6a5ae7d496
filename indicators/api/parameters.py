"""What may be asked: each parameter once, with how it is read and how it is described."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import TooManyFieldsSent
from django.http import QueryDict
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework.request import Request

from indicators.api.problems import Problem
from indicators.statistics.periods import ParsedPeriod, parse_period

MOST_VALUES = 1_000
# As many codes as an address has room for: servers take 8,190 characters, and some clients write a
# comma as %2C.
MOST_CODES = 650
MOST_PARENTS = 50
MOST_GROUPS = 10
MOST_ERRORS = 20
NUL = "\x00"
CODE = re.compile(r"^[A-Z0-9]{3,12}$")
SLUG = re.compile(r"^[a-zA-Z0-9_-]{1,120}$")
TOKEN = re.compile(r"^[A-Za-z0-9_-]{16}$")
POSTCODE = re.compile(r"^[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}$")
CURSOR = re.compile(r"^[A-Za-z0-9_-]{4,400}$")
LONGEST_QUESTION = 120
# No control character, and something beside spaces.
SOMETHING = re.compile(r"^[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*\Z")
WORDS = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_QUESTION,
    "pattern": r"^[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*$",
}
DAY = "((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
MONTH_START = "(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
PERIOD_FORM = f"^((19|20)[0-9]{{2}}-{DAY}|(19|20)[0-9]{{2}}-{MONTH_START}/P[1-9][0-9]?[YM])$"
NUMBER = r"-?[0-9]{1,3}(\.[0-9]{1,12})?"
POINT = re.compile(rf"^({NUMBER}),\s*({NUMBER})$")
POINT_FORM = (
    r"^-?([0-8]?[0-9](\.[0-9]{1,12})?|90),-?((1[0-7][0-9]|[0-9]{1,2})(\.[0-9]{1,12})?|180)$"
)


@dataclass(frozen=True)
class Param:
    """A parameter: how one value is read (ValueError with a sentence) and what it looks like.

    `many` may be given as a list with commas, or again and again.
    """

    name: str
    description: str
    schema: dict[str, Any]
    read: Callable[[str], Any]
    many: bool = False
    default: Any = None
    example: str | None = None
    # The most values of a list: fewer where each costs a search of its own.
    most: int = MOST_VALUES

    def described(self) -> OpenApiParameter:
        """Return this parameter for the OpenAPI schema."""
        schema: dict[str, Any] = self.schema
        if self.many:
            schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": self.most}
        elif self.default is not None:
            schema = {**schema, "default": self.default}
        examples = []
        if self.example is not None:
            value: Any = [self.example] if self.many else self.example
            if self.schema.get("type") == "integer":
                value = int(self.example)
            elif self.schema.get("type") == "boolean":
                value = self.example == "true"
            examples = [OpenApiExample(self.example, value=value)]
        return OpenApiParameter(
            self.name, schema, OpenApiParameter.QUERY, False, self.description,
            examples=examples, style="form" if self.many else None,
            explode=False if self.many else None,
        )  # fmt: skip


def read(request: Request, params: Sequence[Param]) -> dict[str, Any]:
    """Return the value of every parameter: lists for many, the default where none is given.

    Raises Problem, naming everything that is wrong at once.
    """
    try:
        query: QueryDict = request.query_params
    except TooManyFieldsSent as error:
        raise Problem(
            "bad-parameters",
            f"Too many parameters: give lists with commas, of {MOST_VALUES:,} values at most.",
        ) from error
    errors: list[dict[str, str]] = []
    names = [p.name for p in params]
    for name in query:
        if name not in names:
            errors.append({"parameter": shown(name), "detail": "There is no such parameter here."})
    found: dict[str, Any] = {}
    for param in params:
        given = query.getlist(param.name)
        if param.many:
            given = [part.strip() for text in given for part in text.split(",")]
        found[param.name] = [] if param.many else param.default
        if len(given) > param.most:
            sentence = (
                f"{len(given):,} values were given; {param.most:,} are the most. Ask in parts, or "
                "by parent, group, type or edition."
            )
            errors.append({"parameter": param.name, "detail": sentence})
            continue
        if not param.many and len(given) > 1:
            errors.append({"parameter": param.name, "detail": "It was given more than once."})
            continue
        for text in given:
            try:
                if NUL in text:
                    raise ValueError("It holds a NUL character.")
                value = param.read(text)
            except (ValueError, OverflowError) as error:
                errors.append({"parameter": param.name, "detail": str(error)})
                if len(errors) > MOST_ERRORS:
                    break
                continue
            if param.many:
                found[param.name].append(value)
            else:
                found[param.name] = value
    if errors:
        first = errors[0]
        allowed = f"The parameters here are: {', '.join(names)}." if names else (
            "This address takes no parameters."
        )  # fmt: skip
        raise Problem(
            "bad-parameters",
            f"“{first['parameter']}”: {first['detail']} {allowed}",
            errors=errors[:MOST_ERRORS],
            allowed=names,
        )
    return found


def shown(text: str) -> str:
    """Return text of a reader's as it may be shown back."""
    return text.replace(NUL, "␀")[:60]


def matching(form: re.Pattern[str], what: str, fold: Callable[[str], str] = str) -> Any:
    """Return a reader of texts that match `form`."""

    def reader(text: str) -> str:
        folded = fold(text)
        if not form.match(folded):
            raise ValueError(f"“{shown(text)}” is not {what}.")
        return folded

    return reader


def text(value: str) -> str:
    """Read words: something, and not too long."""
    if not SOMETHING.match(value):
        raise ValueError("It is empty, or holds characters that cannot be seen.")
    if len(value) > LONGEST_QUESTION:
        raise ValueError(f"It is longer than {LONGEST_QUESTION} characters.")
    return value


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`."""

    def reader(value: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,12}", value) or not low <= int(value) <= high:
            raise ValueError(f"“{shown(value)}” is not a whole number from {low:,} to {high:,}.")
        return int(value)

    return reader


def yes_or_no(value: str) -> bool:
    """Read true or false."""
    if value not in {"true", "false"}:
        raise ValueError(f"“{shown(value)}” is neither true nor false.")
    return value == "true"


def one_of(values: Sequence[str]) -> Callable[[str], str]:
    """Return a reader of one of these words."""

    def reader(value: str) -> str:
        if value not in values:
            raise ValueError(f"“{shown(value)}” is not one of {', '.join(values)}.")
        return value

    return reader


def period(value: str) -> ParsedPeriod:
    """Read a period as `parse_period` does."""
    try:
        return parse_period(value)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"“{shown(value)}” is not a period: write a date such as 2011-03-27, or a start and a "
            "length such as 2017-07-01/P1M or 2022-04-01/P1Y."
        ) from error


def moment(value: str) -> datetime:
    """Read a date and time with its zone, into UTC."""
    refusal = ValueError(
        f"“{shown(value)}” is not a date and time with a zone, such as 2026-01-31T12:00:00Z. "
        "A plus sign is written %2B in an address."
    )
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise refusal from error
    if found.tzinfo is None:
        raise refusal
    try:
        return found.astimezone(UTC)
    except OverflowError:
        return found.replace(tzinfo=UTC)


def point(value: str) -> tuple[float, float]:
    """Read latitude and longitude in degrees."""
    found = POINT.match(value)
    latitude, longitude = (float(found[1]), float(found[3])) if found else (999.0, 999.0)
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise ValueError(
            f"“{shown(value)}” is not a latitude and a longitude in degrees, such as 54.57,-1.23."
        )
    return latitude, longitude


def tight(value: str) -> str:
    """Return a postcode without spaces, in capitals."""
    return re.sub(r"\s+", "", value).upper()


CODE_SCHEMA = {"type": "string", "pattern": "^[A-Z0-9]{3,12}$"}
SLUG_SCHEMA = {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,120}$"}
BOOLEAN = {"type": "boolean"}
a_code = matching(CODE, "a code such as E06000002: capitals and digits only", str.upper)
a_slug = matching(SLUG, "a name as addresses have it: letters, digits, - and _ only")


def many(name: str, description: str, example: str) -> Param:
    """Return a parameter that takes slugs."""
    return Param(name, description, SLUG_SCHEMA, a_slug, many=True, example=example)


def codes(name: str, description: str, example: str, most: int = MOST_CODES) -> Param:
    """Return a parameter that takes area codes, `most` of them at once."""
    return Param(name, description, CODE_SCHEMA, a_code, many=True, example=example, most=most)


def groups(description: str) -> Param:
    """Return the parameter that takes the tokens of groups of areas."""
    schema = {"type": "string", "pattern": TOKEN.pattern}
    read = matching(TOKEN, "the token of a group: 16 letters, digits, - and _")
    return Param("group", description, schema, read, many=True, most=MOST_GROUPS)


def limit(default: int, most: int) -> Param:
    """Return the parameter for how many results a page of JSON has."""
    return Param(
        "limit",
        f"Results on a page, {most:,} at most. CSV and Parquet hold everything, whatever it says.",
        {"type": "integer", "minimum": 1, "maximum": most},
        whole(1, most),
        default=default,
        example="50",
    )


CURSOR_PARAM = Param(
    "cursor",
    "Where the next page begins, as “next” of the page before gives it. Pages of one answer are "
    "all read at the same moment, whatever is published meanwhile.",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{4,400}$"},
    matching(CURSOR, "a cursor: copy it from “next”"),
)
AS_AT = Param(
    "as_at",
    "What was public at this moment, with its zone. What is public now, if left out.",
    {"type": "string", "format": "date-time"},
    moment,
    example="2026-11-24T12:00:00Z",
)
PERIOD = Param(
    "period",
    "Periods, each as a date (2011-03-27) or a start and a length (2022-04-01/P1Y).",
    {"type": "string", "pattern": PERIOD_FORM},
    period,
    many=True,
    example="2011-03-27",
)
LATEST = Param(
    "latest",
    "Only the last period that is held of each indicator at each edition.",
    BOOLEAN,
    yes_or_no,
    default=False,
    example="true",
)
REDISTRIBUTABLE = Param(
    "redistributable",
    "Leave out, rather than refuse or name, figures whose licence does not let them be passed on.",
    BOOLEAN,
    yes_or_no,
    default=False,
)


def format_param(formats: Sequence[str]) -> Param:
    """Return the parameter that names the format, instead of a suffix or Accept."""
    return Param(
        "format",
        "The format, where neither a suffix (.csv) nor an Accept header can be written.",
        {"type": "string", "enum": list(formats)},
        one_of(formats),
    )
