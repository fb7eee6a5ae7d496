"""The API of the tiny UK."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache

from indicators.api.throttles import ReaderThrottle
from tests.conftest import shares

SIXTEEN = [float(n) for n in range(1, 17)]


@pytest.fixture(autouse=True)
def no_limit(settings, monkeypatch):
    """Each test has a database and a cache of its own, and as many requests as it likes."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    monkeypatch.setattr(ReaderThrottle, "THROTTLE_RATES", {"api": None})
    yield
    cache.clear()


@pytest.fixture
def live(make_indicator, put_live):
    """A share of residents for every neighbourhood, and added up for all that is wider."""
    make_indicator()
    return put_live(shares(SIXTEEN))


@pytest.fixture
def ask(client) -> Callable[..., Any]:
    """Ask an address under /api/v1/ for JSON and return what it answers, whatever its status."""

    def asked(path: str, status: int = 200, **query: Any) -> Any:
        reply = client.get(f"/api/v1/{path}", query)
        body = b"".join(reply) if reply.streaming else reply.content
        assert reply.status_code == status, body.decode()[:2000]
        return json.loads(body)

    return asked
