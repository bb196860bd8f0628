"""Liveness and readiness."""

from __future__ import annotations

from datetime import timedelta

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from core.clock import utc_now
from core.http.access import EVERYBODY, open_to
from core.models import Heartbeat

HEARTBEAT_AGE = timedelta(seconds=45)


@open_to(EVERYBODY)
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer that the process runs. Touches nothing."""
    return JsonResponse({"status": "ok"})


@open_to(EVERYBODY)
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the product can work, else 503 with what is missing, part by part."""
    checks = {"database": _database()}
    if checks["database"] == "ok":
        checks["migrations"] = _migrations()
        checks["worker"] = _worker() if checks["migrations"] == "ok" else "not looked at"
    checks["broker"] = _broker()
    ready = all(answer == "ok" for answer in checks.values())
    return JsonResponse(
        {"status": "ready" if ready else "not ready", "checks": checks},
        status=200 if ready else 503,
    )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return f"unreachable: {str(error).splitlines()[0]}"
    return "ok"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "ok" if not plan else f"{len(plan)} migrations are not applied; run manage.py migrate"


def _broker() -> str:
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1).ping()
    except redis.RedisError as error:
        return f"unreachable: {error}"
    return "ok"


def _worker() -> str:
    seen = Heartbeat.objects.filter(name="worker").values_list("seen_at", flat=True).first()
    if seen is None:
        return "no worker has reported yet"
    age = utc_now() - seen
    if age > HEARTBEAT_AGE:
        return f"last heard of {int(age.total_seconds())} s ago"
    return "ok"
