"""Reads of limits: their terms and figures, reservations, stops."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core import sql
from risk.models import Limit, Reservation, Stop
from risk.work_kinds import FIGURES, LIMIT

MEMBERS_SHOWN = 50
_MEMBERS = """
SELECT limit_id, key, used, held_up, held_down FROM (
    SELECT u.*, row_number() OVER (
        PARTITION BY u.limit_id ORDER BY greatest(abs(u.used + u.held_up), abs(u.used - u.held_down)) DESC, u.key
    ) AS place
    FROM risk_utilisation u WHERE u.limit_id = ANY(%s)
) AS ranked WHERE place <= %s ORDER BY limit_id, place
"""


def list_limits(*, after: int, limit: int) -> list[Limit]:
    """Return limits by id, those after one."""
    return list(Limit.objects.filter(id__gt=after).order_by("id")[:limit])


def members_of(limit_ids: list[int], *, top: int = MEMBERS_SHOWN) -> dict[int, list[dict[str, Any]]]:
    """Return the fullest members of limits, with what is used and reserved in base currency."""
    found: dict[int, list[dict[str, Any]]] = {each: [] for each in limit_ids}
    for row in sql.records(_MEMBERS, [limit_ids, top]):
        found[row["limit_id"]].append(row)
    return found


def read_reservation(*, reservation_id: int, client_id: int) -> Reservation | None:
    """Return a reservation of a client, or None."""
    return Reservation.objects.filter(id=reservation_id, client_id=client_id).first()


def list_stops(*, after: int, limit: int, in_force: bool) -> list[Stop]:
    """Return stops by id, those after one; only those in force, if so wished."""
    found = Stop.objects.filter(id__gt=after)
    return list((found.filter(lifted_at=None) if in_force else found).order_by("id")[:limit])


def stops_in_force() -> list[Stop]:
    """Return every stop in force, the newest first."""
    return list(Stop.objects.filter(lifted_at=None).order_by("-id")[:MEMBERS_SHOWN])


_EXCESSES = """
SELECT e.limit_id, l.code, l.currency, e.key, e.amount, e.valid_until FROM risk_temporary_excess e
JOIN risk_limit l ON l.id = e.limit_id
WHERE e.valid_from <= %(at)s AND e.valid_until > %(at)s ORDER BY e.valid_until, e.id LIMIT %(limit)s
"""


def excesses_in_force(*, at: datetime) -> list[dict[str, Any]]:
    """Return the temporary excesses at a moment, the first to run out first."""
    return sql.records(_EXCESSES, {"at": at, "limit": MEMBERS_SHOWN})


_WRONG = f"""
SELECT e.id, e.member AS key, e.deadline, e.opened_at, e.summary, l.code, w.running, w.recomputed, w.found_at
FROM trades_exception e JOIN risk_limit l ON l.id = e.subject_id
CROSS JOIN LATERAL (
    SELECT * FROM risk_wrong_figure w WHERE w.limit_id = e.subject_id AND w.key = e.member ORDER BY w.id DESC LIMIT 1
) w
WHERE e.kind = '{FIGURES}' AND e.subject = '{LIMIT}' AND e.trade_id IS NULL AND e.closed_at IS NULL
ORDER BY e.opened_at, e.id LIMIT %s
"""


def wrong_figures() -> list[dict[str, Any]]:
    """Return the exceptions of figures that were wrong and are not explained yet, the oldest first."""
    return sql.records(_WRONG, [MEMBERS_SHOWN])


_RESERVED = """
SELECT r.id, r.source, c.name AS client, r.made_at, r.expires_at, r.terms->>'counterparty' AS counterparty,
       r.terms->>'product' AS product,
       (SELECT array_agg(l.code || ' ' || u.key ORDER BY l.code) FROM risk_reserved_use u
        JOIN risk_limit l ON l.id = u.limit_id WHERE u.reservation_id = r.id) AS uses
FROM risk_reservation r LEFT JOIN core_api_client c ON c.id = r.client_id
WHERE r.state = 'HELD' ORDER BY r.expires_at, r.id LIMIT %s
"""


def reservations_held() -> list[dict[str, Any]]:
    """Return the reservations that hold room now, the first to expire first."""
    return sql.records(_RESERVED, [MEMBERS_SHOWN])


_SAMPLES = """
SELECT s.limit_id, s.key, s.hour, s.figure, s.hard
FROM unnest(%(limits)s::bigint[], %(keys)s::text[]) AS w(limit_id, key)
JOIN risk_use_sample s ON s.limit_id = w.limit_id AND s.key = w.key AND s.hour >= %(since)s
ORDER BY 1, 2, 3
"""


def use_samples(members: Sequence[tuple[int, str]], *, since: datetime) -> list[dict[str, Any]]:
    """Return how full members of limits were in the hours since a moment, each member's in the order of time.

    members: limit id and key of each. The figures are in the unit of their limits.
    """
    told = {
        "limits": [limit_id for limit_id, _ in members],
        "keys": [key for _, key in members],
        "since": since,
    }
    return sql.records(_SAMPLES, told)
