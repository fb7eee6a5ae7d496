"""How far the work on a release has come, for pages and commands to show.

It is kept in the cache, as the work is one transaction that nobody else sees into; a cache that is
away, or was emptied, costs the display and nothing else. What is to be done lies in Postgres.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

KEPT_SECONDS = 3600
KEPT_TRIES = 24 * 3600
EVERY = 0.2

Tell = Callable[[str, int, int], None]


def _key(release_id: int) -> str:
    return f"release-{release_id}"


def progress_of(release_id: int) -> dict[str, Any]:
    """Return stage, done, total and at (ISO) of the work on a release; empty when none is known."""
    with suppress(RedisError):
        found = cache.get(_key(release_id))
        return dict(found) if found else {}
    return {}


def teller(release_id: int, also: Tell | None = None) -> Tell:
    """Return what the work calls as it goes; it writes a few times a second at most."""
    last: tuple[str, float] = "", 0.0

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal last
        if also is not None:
            also(stage, done, total)
        now = time.monotonic()
        if stage == last[0] and now - last[1] < EVERY and done < total:
            return
        last = stage, now
        at = timezone.now().isoformat()
        with suppress(RedisError):
            cache.set(
                _key(release_id),
                {"stage": stage, "done": done, "total": total, "at": at},
                KEPT_SECONDS,
            )

    return tell


def another_try(release_id: int) -> int:
    """Count another try at a step of a release; return how many there were, this one too.

    As lossy as the cache is: a count that was lost begins again, and without a cache it is 0.
    """
    key = f"{_key(release_id)}-tries"
    with suppress(RedisError):
        cache.add(key, 0, KEPT_TRIES)
        return int(cache.incr(key))
    return 0


def forget_tries(release_id: int) -> None:
    """Begin to count anew: the step came to its end, or what stopped it was not of its making."""
    with suppress(RedisError):
        cache.delete(f"{_key(release_id)}-tries")


def forget(release_id: int) -> None:
    """Say nothing more of it."""
    with suppress(RedisError):
        cache.delete(_key(release_id))
