"""Requests of clients that were refused, counted alike: whoever looks after the system sees what clients do wrong.

One small row an hour for each client, route and code, whatever the number of requests; strangers write none.
It is told on the side: where the database cannot take it, the client gets its answer all the same.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.http import HttpResponse
from rest_framework.response import Response

from core import sql
from core.audit import request_id_var
from core.clock import utc_now
from core.http.authentication import Client
from core.http.problem import render_exception

KEPT = timedelta(days=7)
_SHOWN = 300  # characters of what the last one was told
_UNAVAILABLE = 503  # the database is away, or clients are told to wait: it is not asked for more
_log = logging.getLogger(__name__)

# Nobody waits for the disk: a failure that a crash forgets is no loss.
_COUNT = """
WITH lightly AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO core_api_failure (hour, client_id, method, route, status, code, count, last_at, request_id, detail)
SELECT date_trunc('hour', %(now)s), %(client)s, %(method)s, %(route)s, %(status)s, %(code)s, 1, %(now)s,
       %(request_id)s, %(detail)s
FROM lightly
ON CONFLICT (hour, client_id, method, route, status, code) DO UPDATE SET
    count = core_api_failure.count + 1, last_at = greatest(core_api_failure.last_at, excluded.last_at),
    request_id = excluded.request_id, detail = excluded.detail
"""


def answer_failed(error: Exception, context: Any) -> HttpResponse | Response | None:
    """DRF's exception handler: every error leaves as problem+json, and a client's is counted."""
    response = render_exception(error, context)
    request = context.get("request")
    client = getattr(request, "_user", None)  # who was let in, if the request came that far
    if (
        isinstance(response, HttpResponse)
        and response.status_code != _UNAVAILABLE
        and isinstance(client, Client)
    ):
        matched = request.resolver_match
        _count(client, request.method, f"/{matched.route}" if matched else "", response)
    return response


def _count(client: Client, method: str, route: str, response: HttpResponse) -> None:
    problem = json.loads(response.content)
    faults = problem.get("errors", [])
    told = "; ".join(f"{each['pointer']}: {each['detail']}" for each in faults[:3]) or problem["title"]
    try:
        with transaction.atomic():
            sql.run(
                _COUNT,
                {
                    "now": utc_now(),
                    "client": client.id,
                    "method": method,
                    "route": route,
                    "status": response.status_code,
                    "code": problem["code"],
                    "request_id": request_id_var.get(),
                    "detail": told[:_SHOWN].replace("\0", ""),
                },
            )
    except DatabaseError as error:
        _log.warning("a failed request was not counted: %s", str(error).strip())


def forget_failures(*, now: datetime) -> int:
    """Delete counts older than they are kept; return how many."""
    return sql.run("DELETE FROM core_api_failure WHERE hour < %s", [now - KEPT])
