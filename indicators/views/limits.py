"""How often one visitor may do what costs something."""

from __future__ import annotations

import hashlib
import hmac

import structlog
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.throttling import BaseThrottle

log = structlog.get_logger("levelup.limits")
HOUR = 3600


def too_often(request: HttpRequest, what: str, most: int, seconds: int = HOUR) -> bool:
    """Count one more `what` by this visitor; return whether that is more than `most` a while.

    The visitor's address is kept only as a keyed hash, for `seconds`. Where the cache is away
    nothing is refused: the limit guards against floods, not against single readers.
    """
    # As the API counts visitors: behind as many proxies as LEVELUP_PROXIES says.
    address = str(BaseThrottle().get_ident(request)).encode()
    who = hmac.new(settings.SECRET_KEY.encode(), address, hashlib.sha256).hexdigest()[:24]
    key = f"limit:{what}:{who}"
    try:
        cache.add(key, 0, timeout=seconds)
        return int(cache.incr(key)) > most
    except Exception as error:
        log.warning("limit-not-counted", what=what, error=str(error))
        return False
