"""Whatever the schema allows, and much that it does not, is answered as the schema says."""

from __future__ import annotations

import copy
import os
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode

from indicators.api.schema import schema as published
from indicators.models import Series
from levelup_site.wsgi import application
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, WARDS

# Deeper by hand: LEVELUP_SCHEMATHESIS_EXAMPLES=500 script/test tests/api/test_schemathesis.py.
EXAMPLES = int(os.environ.get("LEVELUP_SCHEMATHESIS_EXAMPLES", "8"))
# The client does not unzip what it is sent.
PLAIN = {"Accept-Encoding": "identity"}
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CODES = [
    "K02000001",
    "E92000001",
    COUNCILS[0],
    COUNCILS[3],
    "E07000901",
    WARDS[2],
    NEIGHBOURHOODS[3],
]
# What there is in the tiny UK, by the name of a parameter: most made-up words find nothing.
HELD = {
    "code": CODES,
    "area": CODES,
    "parent": CODES,
    "type": ["lsoa", "ward", "authority", "uk"],
    "edition": ["lsoa", "ward", "authority", "uk"],
    "indicator": ["share"],
    "theme": ["people"],
    "dataset": ["census"],
    "release": ["first"],
    "period": ["2021-03-21", "2022-04-01/P1Y"],
    "point": ["54.39,-2.0", "54,-2"],
    "postcode": ["AB1 1AA", "DA11AA"],
    "q": ["ashby", "dail", "E06"],
}


def with_held(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with parameters that name something narrowed to what there is."""
    narrowed = copy.deepcopy(schema)
    slugs = {"indicators": ["share"], "datasets": ["census"], "releases": ["first"]}
    for path, methods in narrowed["paths"].items():
        for parameter in methods["get"].get("parameters", []):
            name = parameter["name"]
            held: list[Any] | None = HELD.get(name)
            if name == "slug":
                held = slugs[path.split("/")[3]]
            if held:
                kind = parameter["schema"]
                (kind["items"] if kind.get("type") == "array" else kind)["enum"] = held
            parameter.pop("examples", None)
    return narrowed


def without_cursors(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without cursors: one that is made up is refused, however well formed."""
    narrowed = copy.deepcopy(schema)
    for methods in narrowed["paths"].values():
        operation = methods["get"]
        some = operation.get("parameters", [])
        operation["parameters"] = [p for p in some if p["name"] != "cursor"]
    return narrowed


def loaded(description: dict[str, Any], *modes: GenerationMode) -> Any:
    """Return the schema over the site's own door; `modes` are all unless told otherwise."""
    found = schemathesis.openapi.from_dict(description)
    found.app = application
    found.config.update(base_url="http://localhost")
    if modes:
        found.config.generation.update(modes=list(modes))
    return found


open_questions = without_cursors(published())
allowed, held = loaded(open_questions), loaded(with_held(open_questions), GenerationMode.POSITIVE)


@pytest.fixture
def one_connection(db):
    """Keep the connection that holds the test's data: the site's own door closes it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.django_db
@allowed.parametrize()
@BOUNDED
def test_whatever_is_allowed_is_answered_as_the_schema_says(case, live, one_connection):
    case.call_and_validate(headers=PLAIN)


@pytest.mark.django_db
@held.parametrize()
@BOUNDED
def test_what_there_is_is_answered_as_the_schema_says(case, live, one_connection):
    if "series" in case.path_parameters:
        case.path_parameters["series"] = Series.objects.order_by("pk").first().pk
    case.call_and_validate(headers=PLAIN)
