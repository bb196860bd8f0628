"""What days came to before and after they were told again, and why: which trades, prices, rates and actions changed.

A run never changes, nor do the versions of trades and what corporate actions were entered as; so whatever a restatement
says follows from the two runs for ever.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from core import sql
from ledger.models import Basis
from ledger.selectors.profit import PARTS
from ledger.selectors.profit_pieces import moved_sql

CHANGES_MAX = 1000  # positions, prices and actions that one restatement names
_TOLD = (*PARTS, "total")
_PAIRS = """
SELECT n.id, n.day, n.number, n.as_at, n.reason, n.actor, n.base_currency, n.seen AS now_seen, o.id AS old_id,
       o.number AS old_number, o.as_at AS old_as_at, o.seen AS was_seen,
       n.opening_id IS DISTINCT FROM o.opening_id AS is_opening_restated,
       pg_snapshot_xmin(o.seen::pg_snapshot)::text::bigint AS was_below, o.last_trade_id AS was_last,
       pg_snapshot_xmin(n.seen::pg_snapshot)::text::bigint AS now_below, n.last_trade_id AS now_last
FROM ledger_profit_run n
JOIN LATERAL (
    SELECT * FROM ledger_profit_run o WHERE o.day = n.day AND o.number < n.number AND o.kind = 'CLOSE'
    ORDER BY o.number DESC LIMIT 1
) o ON true
WHERE n.day = %(day)s AND n.kind = 'CLOSE' AND (%(number)s::int IS NULL OR n.number = %(number)s)
ORDER BY n.number
"""
_SUMS = ", ".join(
    f"coalesce(sum(l.{name}) FILTER (WHERE l.run_id = %(old)s), 0) AS old_{name},"
    f" coalesce(sum(l.{name}) FILTER (WHERE l.run_id = %(new)s), 0) AS new_{name}"
    for name in _TOLD
)
_DIFFERS = " OR ".join(f"old_{name} <> new_{name}" for name in _TOLD)


def restatements_of(*, day: date, number: int | None = None) -> list[dict[str, Any]]:
    """Return the runs that told a day again, the first first, each with the run that it restates; or only one."""
    return sql.records(_PAIRS, {"day": day, "number": number})


def changed_positions(restated: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the positions that came to something else, part by part, old and new; the largest difference first."""
    return sql.records(
        f"""
SELECT * FROM (
    SELECT coalesce(b.code, '') AS book, coalesce(i.code, '') AS instrument, l.currency, {_SUMS}
    FROM ledger_profit_line l LEFT JOIN refdata_book b ON b.id = l.book_id
    LEFT JOIN refdata_instrument i ON i.id = l.instrument_id
    WHERE l.run_id IN (%(old)s, %(new)s) GROUP BY 1, 2, 3
) AS each WHERE {_DIFFERS}
ORDER BY abs(new_total - old_total) DESC, book, instrument, currency LIMIT {CHANGES_MAX}
""",
        {"old": restated["old_id"], "new": restated["id"]},
    )


def totals_of(restated: dict[str, Any]) -> dict[str, Any]:
    """Return what the day came to, part by part, old and new."""
    return sql.records(
        f"SELECT {_SUMS} FROM ledger_profit_line l WHERE l.run_id IN (%(old)s, %(new)s)",
        {"old": restated["old_id"], "new": restated["id"]},
    )[0]


_SAID = ("quoted", "date", "price", "interest", "flag")
_PRICES = f"""
SELECT coalesce(i.code, '') AS instrument, coalesce(o.currency, n.currency) AS currency,
       {", ".join(f"o.{each} AS old_{each}, n.{each} AS new_{each}" for each in _SAID)}
FROM (SELECT * FROM ledger_profit_price WHERE run_id = %(old)s) o
FULL JOIN (SELECT * FROM ledger_profit_price WHERE run_id = %(new)s) n
    ON n.instrument_id = o.instrument_id AND n.currency = o.currency
LEFT JOIN refdata_instrument i ON i.id = coalesce(o.instrument_id, n.instrument_id)
WHERE ({", ".join(f"o.{each}" for each in _SAID)}) IS DISTINCT FROM ({", ".join(f"n.{each}" for each in _SAID)})
ORDER BY coalesce(o.instrument_id, n.instrument_id) = 0, 1, 2 LIMIT {CHANGES_MAX}
"""


def changed_prices(restated: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the prices, and rates (no instrument), that are others than before: what each run used."""
    return sql.records(_PRICES, {"old": restated["old_id"], "new": restated["id"]})


_NEWLY = (
    "pg_visible_in_snapshot({xid}::text::xid8, %(now_seen)s::pg_snapshot)"
    " AND NOT pg_visible_in_snapshot({xid}::text::xid8, %(was_seen)s::pg_snapshot)"
)
_ACTIONS = f"""
SELECT a.reference, v.type, max(e.version) AS version, coalesce(i.code, '') AS instrument, v.ex_date
FROM ledger_position_entry e JOIN ledger_corporate_action a ON a.id = e.action_id
JOIN ledger_corporate_action_version v ON v.action_id = e.action_id AND v.version = e.version
LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
WHERE e.action_id IS NOT NULL AND e.basis = '{Basis.TRADED.value}' AND e.effective_date <= %(day)s
  AND e.xid >= %(was_below)s AND {_NEWLY.format(xid="e.xid")}
GROUP BY a.reference, v.type, i.code, v.ex_date ORDER BY v.ex_date, a.reference LIMIT {CHANGES_MAX}
"""


def changed_actions(restated: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the corporate actions of which something was entered or reversed in between."""
    return sql.records(_ACTIONS, restated)


_ADJUSTMENTS = f"""
SELECT coalesce(b.code, '') AS book, a.currency, a.amount, a.valid_from, a.reverses_on, a.reason
FROM ledger_profit_adjustment a LEFT JOIN refdata_book b ON b.id = a.book_id
WHERE a.valid_from <= %(day)s AND {_NEWLY.format(xid="a.xid")}
ORDER BY a.id LIMIT {CHANGES_MAX}
"""


def new_adjustments(restated: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the manual adjustments that were approved in between."""
    return sql.records(_ADJUSTMENTS, restated)


_TRADES = f"""
SELECT m.trade_id, m.before, m.after, v.source, v.source_ref, v.trade_date,
       coalesce(b.code, '') AS book, v.recorded_at
FROM ({moved_sql(where="s.trade_id > %(after)s")}) m
JOIN trades_version v ON v.trade_id = m.trade_id AND v.version = coalesce(m.after, m.before)
LEFT JOIN refdata_book b ON b.id = v.book_id
WHERE EXISTS (SELECT FROM trades_version o WHERE o.trade_id = m.trade_id AND o.version IN (m.before, m.after)
              AND o.trade_date <= %(day)s)
ORDER BY m.trade_id LIMIT %(limit)s
"""


def changed_trades(restated: dict[str, Any], *, after: int = 0, limit: int) -> list[dict[str, Any]]:
    """Return the trades until the day that came, changed or went in between, after one, by their ids.

    before, after: the version that counted; None: none did. recorded_at: when the version became known that came, or
    that went.
    """
    return sql.records(_TRADES, {**restated, "after": after, "limit": limit})
