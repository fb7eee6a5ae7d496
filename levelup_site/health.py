"""Whether the process lives, and whether it can serve."""

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error as DatabaseError
from django.http import HttpRequest, JsonResponse


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 whenever the process can answer at all."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the database is migrated and Redis replies, else 503 naming what is not."""
    problems = {}
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            problems["database"] = "Migrations are waiting: run script/manage migrate."
    except DatabaseError:
        problems["database"] = "The database does not answer: check DATABASE_URL."
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2).ping()
    except redis.RedisError:
        problems["redis"] = "Redis does not answer: check REDIS_URL."
    status = 503 if problems else 200
    return JsonResponse({"status": "not ready" if problems else "ok", **problems}, status=status)
