"""Marks: a short text that differs as soon as a record does, so that a page knows whether it is behind."""

from __future__ import annotations

from core import sql

_EXCEPTION = """
SELECT md5(ROW(e.owner_id, e.team_id, e.closed_at, e.move, e.snoozed_until, e.codes, e.deadline, e.root_cause,
               s.version, s.state,
               (SELECT max(c.id) FROM trades_comment c WHERE c.exception_id = e.id))::text)
FROM trades_exception e LEFT JOIN trades_state s ON s.trade_id = e.trade_id WHERE e.id = %s
"""


def exception_mark(exception_id: int) -> str:
    """Return the mark of an exception: whose it is, what was said of it, and its trade. Empty when there is none."""
    found = sql.row(_EXCEPTION, [exception_id])
    return str(found[0]) if found else ""
