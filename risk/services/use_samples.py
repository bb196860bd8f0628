"""How full limits were: the most that each of their fullest members used in an hour, kept for a week."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core import sql
from risk.selectors import members_of
from risk.services.decision import Held, LimitTerms, Standing
from risk.services.limits import limits_in_force

KEPT = timedelta(days=7)
MEMBERS = 50  # of each limit, the fullest: those that people see

_STORE = """
INSERT INTO risk_use_sample (limit_id, key, hour, figure, hard)
SELECT w.limit_id, w.key, date_trunc('hour', %(now)s), w.figure, w.hard
FROM unnest(%(limits)s::bigint[], %(keys)s::text[], %(figures)s::numeric[], %(hards)s::numeric[])
    AS w(limit_id, key, figure, hard)
ORDER BY 1, 2
ON CONFLICT (limit_id, key, hour) DO UPDATE SET
    hard = excluded.hard, figure = greatest(risk_use_sample.figure, excluded.figure)
"""


def sample_use(*, now: datetime) -> int:
    """Keep how full the fullest members of limits are, and forget what is a week old; return of how many.

    It may run as often as one likes: an hour keeps its highest figure.
    """
    limits = limits_in_force(at=now)
    members = members_of([limit.id for limit in limits], top=MEMBERS)
    rows = [each for limit in limits for each in _rows(limit, members[limit.id])]
    sql.run("DELETE FROM risk_use_sample WHERE hour < %s", [now - KEPT])
    if rows:
        names = ("limits", "keys", "figures", "hards")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        sql.run(_STORE, {"now": now, **columns})
    return len(rows)


def _rows(limit: LimitTerms, members: list[dict[str, Any]]) -> list[tuple[int, str, Decimal, Decimal]]:
    """Return a limit's members as samples: the limit, the member, how much it uses and its hard mark."""
    standing = Standing(
        {(limit.id, row["key"]): row["used"] for row in members},
        {(limit.id, row["key"]): Held(row["held_up"], row["held_down"]) for row in members},
    )
    keys = [row["key"] for row in members]
    return [(limit.id, key, standing.figure(limit, key), limit.hard_of(key)) for key in keys]
