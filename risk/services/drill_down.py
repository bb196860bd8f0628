"""Drill-down: which trades use one member of a limit."""

from __future__ import annotations

from typing import Any

from core import sql
from risk.checks._composition import COLUMNS
from risk.services.decision import LimitTerms
from risk.services.limits import placed_sql
from trades.lifecycle import LIVE_STATES, State

LOOKED_AT = 20_000  # of the latest trades of each state
SHOWN = 200

_USING = """
SELECT b.trade_id, b.state, b.source_ref, b.product, b.side, b.net_amount, b.currency, b.counterparty_ref, b.book_ref,
       b.trader, ({size}) AS size
FROM ({placed} WHERE s.trade_id = ANY(%(ids)s)) b
WHERE {place} = %(key)s AND ({size}) IS NOT NULL ORDER BY b.trade_id DESC LIMIT %(limit)s
"""
_LATEST = """
SELECT l.trade_id FROM unnest(%s::smallint[]) AS w(state) CROSS JOIN LATERAL (
    SELECT trade_id FROM trades_state WHERE state = w.state AND checked_version > 0 ORDER BY trade_id DESC LIMIT %s
) AS l
"""


def trades_using(*, limit: LimitTerms, key: str) -> tuple[list[dict[str, Any]], bool]:
    """Return the trades that a member of a limit counts, the latest SHOWN, with the use of each in the measure's
    unit; and whether there may be more than were looked at."""
    states = list(LIVE_STATES) if limit.declared.until == "SETTLED" else [*LIVE_STATES, State.SETTLED]
    ids = [trade_id for (trade_id,) in sql.rows(_LATEST, [[state.value for state in states], LOOKED_AT])]
    columns = [f"b.{COLUMNS[dimension]}::text" for dimension in limit.group[0]]
    statement = _USING.format(
        size=limit.declared.size,
        placed=placed_sql(more=", s.state", version="checked_version"),
        place=" || '|' || ".join(columns),
    )
    rows = sql.records(statement, {"ids": ids, "key": key, "limit": SHOWN + 1})
    return rows[:SHOWN], len(rows) > SHOWN or len(ids) >= LOOKED_AT
