"""What API clients did lately: what each of their requests changed, and which were refused, grouped alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core import sql

SHOWN = 50
FAILURES_OF = timedelta(days=1)
_LOOKED_AT = 20_000  # ids of the log, the last ones: a few blocks of its index


@dataclass(frozen=True)
class Call:
    """A request that changed something: when, whose, and how often it wrote each type of event."""

    at: datetime
    client: str
    request_id: str
    events: dict[str, int]


_CALLS = """
WITH last AS MATERIALIZED (
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS id FROM core_event_id_seq
), told AS (
    SELECT e.id, e.recorded_at, e.actor, e.request_id, e.type
    FROM last, core_events_between(last.id - %(looked)s, last.id) e
    WHERE starts_with(e.actor, 'client:')
), calls AS (
    SELECT max(id) AS id, max(recorded_at) AS at, actor, request_id, type, count(*) AS count,
           CASE WHEN request_id IN ('', '-') THEN recorded_at::text ELSE request_id END AS one
    FROM told GROUP BY actor, request_id, one, type
)
SELECT max(at), substr(actor, 8), request_id, jsonb_object_agg(type, count ORDER BY type)
FROM calls GROUP BY actor, request_id, one ORDER BY max(id) DESC LIMIT %(limit)s
"""


def calls() -> list[Call]:
    """Return the last requests of clients that changed something, the latest first, of the last stretch of the log."""
    return [
        Call(at, client, request_id, sql.json_value(events))
        for at, client, request_id, events in sql.rows(_CALLS, {"looked": _LOOKED_AT, "limit": SHOWN})
    ]


_FAILURES = """
SELECT c.name AS client, f.method, f.route, f.status, f.code, f.count, f.last_at, f.request_id, f.detail
FROM (
    SELECT client_id, method, route, status, code, sum(count)::bigint AS count, max(last_at) AS last_at,
           (array_agg(request_id ORDER BY hour DESC))[1] AS request_id,
           (array_agg(detail ORDER BY hour DESC))[1] AS detail
    FROM core_api_failure WHERE hour >= %(since)s GROUP BY 1, 2, 3, 4, 5 ORDER BY max(last_at) DESC LIMIT %(limit)s
) AS f
LEFT JOIN core_api_client c ON c.id = f.client_id ORDER BY f.last_at DESC, f.code
"""


def failures(*, now: datetime) -> list[dict[str, Any]]:
    """Return which requests of clients were refused in the last day, those alike together, the latest first."""
    return sql.records(_FAILURES, {"since": now - FAILURES_OF, "limit": SHOWN})
