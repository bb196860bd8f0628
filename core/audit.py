"""The log: events are written in the transaction of what they tell, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from core import sql


@dataclass(frozen=True)
class Actor:
    """Who acts: `user:jdoe`, `client:fo-eq`, `system:checks`; and the request in which it happens."""

    name: str
    request_id: str = ""


# The request id of the present web request, for log lines and events; set by the middleware.
request_id_var: ContextVar[str] = ContextVar("request_id", default="")


def system(name: str) -> Actor:
    """Return the actor of a part of the system, e.g. `system("checks")`."""
    return Actor(f"system:{name}")


def encode(value: Any) -> str:
    """Return a value as compact JSON: decimals, dates and moments as strings."""
    return msgspec.json.encode(value).decode()


_RECORD = """
INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason, data)
SELECT %(at)s, pg_current_xact_id()::text::bigint, %(type)s, %(subject)s, e.id, e.version,
       %(actor)s, %(request_id)s, %(reason)s, coalesce(e.data, %(data)s)::jsonb
FROM unnest(%(ids)s::bigint[], %(versions)s::int[], %(each)s::text[]) WITH ORDINALITY AS e(id, version, data, n)
ORDER BY n
"""


def record(
    *,
    type: str,
    subject: str,
    ids: Sequence[int],
    actor: Actor,
    at: datetime,
    versions: Sequence[int | None] | None = None,
    reason: str = "",
    data: Any = None,
    each: Sequence[Any] | None = None,
) -> None:
    """Append one event per id, all with the same type, actor and reason, in the caller's transaction.

    `data` is the same for all; `each` gives every id its own instead, in the order of `ids`.
    """
    if not ids:
        return
    sql.run(
        _RECORD,
        {
            "at": at,
            "type": type,
            "subject": subject,
            "ids": list(ids),
            "versions": [None] * len(ids) if versions is None else list(versions),
            "each": [None] * len(ids) if each is None else [encode(told) for told in each],
            "actor": actor.name,
            "request_id": actor.request_id,
            "reason": reason,
            "data": None if data is None else encode(data),
        },
    )
