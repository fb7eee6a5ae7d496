"""How often one address may ask."""

from __future__ import annotations

import structlog
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from indicators.limits import visitor

log = structlog.get_logger("levelup.api")


class ReaderThrottle(SimpleRateThrottle):
    """So many requests a minute from one address, LEVELUP_API_RATE; without end if it is empty.

    While Redis cannot be reached everyone is answered: figures are public, and a limit is only
    there to share the machine out.
    """

    scope = "api"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Return what counts the requests of this address, which is not kept itself."""
        return f"api-rate-{visitor(request)}"

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Return whether one more is within the rate."""
        try:
            allowed: bool = super().allow_request(request, view)
        except RedisError as error:
            log.warning("api_rate_unknown", error=str(error))
            return True
        return allowed
