"""How often one visitor may do what costs something."""

from __future__ import annotations

import hashlib
import hmac
import math
import time

import structlog
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

log = structlog.get_logger("levelup.limits")
HOUR = 3600
# Files that take seconds to write (outlines or a workbook of many thousand areas).
HEAVY_FILES = 20


def visitor(request: HttpRequest | Request) -> str:
    """Return what stands for the network address of a visitor, which it cannot be read from.

    The address is that of the connection, behind as many proxies as LEVELUP_PROXIES says.
    """
    address = str(BaseThrottle().get_ident(request)).encode()
    return hmac.new(settings.SECRET_KEY.encode(), address, hashlib.sha256).hexdigest()[:24]


def wait_for(request: HttpRequest | Request, what: str, most: int, seconds: int = HOUR) -> int:
    """Count one more `what` by this visitor; return how many seconds too early it is, or 0.

    `most` are allowed in `seconds` from the first. The visitor's address is kept only as a keyed
    hash, for `seconds`. Where the cache is away nothing is refused: the limit guards against
    floods, not against single readers.
    """
    who = visitor(request)
    key, since = f"limit:{what}:{who}", f"limit:{what}:{who}:since"
    try:
        if cache.add(key, 0, timeout=seconds):
            cache.set(since, time.time(), timeout=seconds)
        if int(cache.incr(key)) <= most:
            return 0
        began = cache.get(since)
    # Django says by ValueError that what was to be counted up has just lapsed.
    except (RedisError, ConnectionError, ValueError) as error:
        log.warning("limit-not-counted", what=what, error=str(error))
        return 0
    left = began + seconds - time.time() if isinstance(began, float) else seconds
    return max(1, math.ceil(left))


def too_often(request: HttpRequest, what: str, most: int, seconds: int = HOUR) -> bool:
    """Count one more `what` by this visitor; return whether that is more than `most` a while."""
    return wait_for(request, what, most, seconds) > 0


def in_minutes(seconds: int) -> str:
    """Return a wait in words: “1 minute”, “25 minutes”."""
    minutes = max(1, math.ceil(seconds / 60))
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
