"""What days came to, as it is read: by whatever it is asked for, and down to the trades, prices and rates behind it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from core import sql
from ledger.selectors.profit_pieces import known_version_sql, pieces_sql

PARTS = ("new_trades", "amendments", "market", "fx", "carry", "fees", "adjustments", "unexplained")
# What figures are told by: the column of a line, what it is called, and what it is joined to.
GROUPS = {
    "book": "coalesce(b.code, '')",
    "desk": "coalesce(b.desk, '')",
    "trader": "l.trader",
    "instrument": "coalesce(i.code, '')",
    "counterparty": "coalesce(c.code, '')",
    "product": "l.product",
    "currency": "l.currency",
}
SUMS = ", ".join(f"coalesce(sum(l.{name}), 0) AS {name}" for name in (*PARTS, "total"))
LINES = """
ledger_profit_line l LEFT JOIN refdata_book b ON b.id = l.book_id
LEFT JOIN refdata_instrument i ON i.id = l.instrument_id LEFT JOIN refdata_party c ON c.id = l.counterparty_id
"""
_RUN = """
SELECT r.id, r.day, r.number, r.kind, r.as_at, r.base_currency, r.reason, r.actor, r.opening_id, o.day AS opening_day,
       o.number AS opening_number, s.signed_at,
       (SELECT count(*) FROM ledger_profit_price p WHERE p.run_id = r.id AND p.flag <> '') AS flags,
       (SELECT count(*) FROM ledger_profit_price p WHERE p.run_id = r.id AND p.flag <> ''
           AND NOT EXISTS (SELECT FROM ledger_profit_flag_acceptance a WHERE a.price_id = p.id)) AS open_flags,
       EXISTS (SELECT FROM ledger_profit_run n WHERE n.day = o.day AND n.number > o.number AND n.kind <> 'INTRADAY')
           AS is_opening_restated
FROM ledger_profit_run r LEFT JOIN ledger_profit_run o ON o.id = r.opening_id
LEFT JOIN LATERAL (
    SELECT max(s.signed_at) AS signed_at FROM ledger_profit_sign_off s WHERE s.run_id = r.id
    HAVING NOT EXISTS (SELECT FROM ledger_profit_line l WHERE l.run_id = r.id AND NOT EXISTS (
        SELECT FROM ledger_profit_sign_off o WHERE o.run_id = l.run_id AND o.book_id = l.book_id))
) s ON true
"""
LATEST = """
r.kind <> 'OPENING' AND NOT EXISTS (
    SELECT FROM ledger_profit_run n WHERE n.day = r.day AND n.number > r.number AND n.kind <> 'OPENING')
"""


def find_run(*, day: date, number: int | None = None) -> dict[str, Any] | None:
    """Return a run of a day, the latest unless a number says which; None where there is none."""
    found = sql.records(
        f"{_RUN} WHERE r.day = %s AND r.kind <> 'OPENING' AND (%s::int IS NULL OR r.number = %s)"
        " ORDER BY r.number DESC LIMIT 1",
        [day, number, number],
    )
    return found[0] if found else None


_UNKNOWN_SINCE = """
SELECT min(s.changed_at) FROM ledger_profit_run r
JOIN trades_state s ON s.changed_xid >= pg_snapshot_xmin(r.seen::pg_snapshot)::text::bigint
    AND NOT pg_visible_in_snapshot(s.changed_xid::text::xid8, r.seen::pg_snapshot)
WHERE r.id = %s
"""


def unknown_since(*, run_id: int) -> datetime | None:
    """Return when the first of the trades moved that have moved since a run was told; None where none has."""
    found = sql.row(_UNKNOWN_SINCE, [run_id])
    return found[0] if found else None


def runs_of(day: date) -> list[dict[str, Any]]:
    """Return the runs of a day with what each came to, the latest first."""
    return sql.records(
        f"SELECT run.*, t.* FROM ({_RUN} WHERE r.day = %s AND r.kind <> 'OPENING') run"
        f" CROSS JOIN LATERAL (SELECT {SUMS} FROM ledger_profit_line l WHERE l.run_id = run.id) t"
        " ORDER BY run.number DESC",
        [day],
    )


def days_between(*, first: date, last: date, book: str | None = None) -> list[dict[str, Any]]:
    """Return the latest run of each day of a span with what it came to, of one book or of all, by day."""
    return sql.records(
        f"SELECT run.*, t.* FROM ({_RUN} WHERE r.day BETWEEN %s AND %s AND {LATEST}) run"
        f" CROSS JOIN LATERAL (SELECT {SUMS} FROM {LINES}"
        "     WHERE l.run_id = run.id AND (%s::text IS NULL OR b.code = %s)) t ORDER BY run.day",
        [first, last, book, book],
    )


def explain(*, run_id: int, by: str, book: str | None = None) -> list[dict[str, Any]]:
    """Return what a run came to by one of GROUPS, part by part, the largest first; of one book or of all."""
    return sql.records(
        f"SELECT {GROUPS[by]} AS name, {SUMS} FROM {LINES}"
        " WHERE l.run_id = %s AND (%s::text IS NULL OR b.code = %s)"
        " GROUP BY 1 ORDER BY abs(sum(l.total)) DESC, 1",
        [run_id, book, book],
    )


def total_of(*, run_id: int, book: str | None = None) -> dict[str, Any]:
    """Return what a run came to in all, part by part; of one book or of all."""
    return sql.records(
        f"SELECT {SUMS} FROM {LINES} WHERE l.run_id = %s AND (%s::text IS NULL OR b.code = %s)",
        [run_id, book, book],
    )[0]


def positions_of(*, run_id: int, book: str) -> list[dict[str, Any]]:
    """Return the lines of a book in a run by instrument and currency, with what is held, in local and base currency."""
    return sql.records(
        "SELECT l.instrument_id, coalesce(i.code, '') AS instrument, l.currency, sum(l.quantity) AS quantity,"
        " sum(l.value) AS value, sum(l.value - l.opening_value) AS local_total, sum(l.base_value) AS base_value,"
        f" bool_and(l.is_priced) AS is_priced, {SUMS} FROM {LINES} WHERE l.run_id = %s AND b.code = %s"
        " GROUP BY 1, 2, 3 ORDER BY abs(sum(l.total)) DESC, 2, 3",
        [run_id, book],
    )


def prices_of(*, run_id: int, flagged: bool) -> list[dict[str, Any]]:
    """Return the prices and rates that a run used, with those of its opening; only what is flagged, if so asked."""
    return sql.records(
        "SELECT p.id, p.instrument_id, coalesce(i.code, '') AS instrument, coalesce(i.name, '') AS name, p.currency,"
        " p.date, p.quoted, p.price, p.interest, p.flag, was.quoted AS was_quoted, was.date AS was_date,"
        " was.price AS was_price, was.interest AS was_interest, a.reason AS accepted, a.actor AS accepted_by,"
        " a.accepted_at FROM ledger_profit_price p JOIN ledger_profit_run r ON r.id = p.run_id"
        " LEFT JOIN refdata_instrument i ON i.id = p.instrument_id"
        " LEFT JOIN ledger_profit_flag_acceptance a ON a.price_id = p.id"
        " LEFT JOIN ledger_profit_price was ON was.run_id = r.opening_id AND was.instrument_id = p.instrument_id"
        "      AND was.currency = p.currency"
        " WHERE p.run_id = %s AND (NOT %s OR p.flag <> '') ORDER BY p.instrument_id = 0, instrument, p.currency",
        [run_id, flagged],
    )


_BEHIND = """
SELECT r.day, r.seen AS now_seen, pg_snapshot_xmin(r.seen::pg_snapshot)::text::bigint AS now_below,
       r.last_trade_id AS now_last, coalesce(o.day, '0001-01-01'::date) AS opened, coalesce(o.seen, r.seen) AS was_seen,
       coalesce(pg_snapshot_xmin(o.seen::pg_snapshot)::text::bigint, 0) AS was_below,
       coalesce(o.last_trade_id, 0) AS was_last
FROM ledger_profit_run r LEFT JOIN ledger_profit_run o ON o.id = r.opening_id WHERE r.id = %s
"""
_NEAR = """
SELECT DISTINCT trade_id FROM ledger_position_entry
WHERE book_id = %s AND instrument_id = %s AND trade_id > %s ORDER BY trade_id LIMIT %s
"""
# What stood before and is dealt for this day is new on it; the rest of what stood is moved by prices and rates.
_TRADES = f"""
WITH known AS MATERIALIZED (
    SELECT s.trade_id, {known_version_sql("was")} AS before, {known_version_sql("now")} AS after
    FROM trades_state s WHERE s.trade_id = ANY(%(ids)s::bigint[])
), moved AS MATERIALIZED (
    SELECT * FROM known WHERE before IS DISTINCT FROM after
), stood AS MATERIALIZED (
    SELECT trade_id, NULL::int AS before, before AS after FROM known WHERE before IS NOT NULL
)
SELECT t.trade_id, t.version, t.part, v.source, v.source_ref, t.currency, sum(t.quantity) AS quantity,
       sum(t.cash) AS cash, sum(t.fees) AS fees
FROM (
    SELECT p.*, p.bucket AS part FROM ({pieces_sql("moved")}) p
    UNION ALL SELECT p.*, CASE WHEN bucket = 'NEW' THEN 'NEW' ELSE 'HELD' END FROM ({pieces_sql("stood")}) p
) t JOIN trades_version v ON v.trade_id = t.trade_id AND v.version = t.version
WHERE t.book_id = %(book_id)s AND t.instrument_id = %(instrument_id)s AND t.starts_on IS NULL
GROUP BY t.trade_id, t.version, t.part, v.source, v.source_ref, t.currency
ORDER BY t.trade_id, t.version, t.part, t.currency
"""


def trades_behind(
    *, run_id: int, book_id: int, instrument_id: int, after: int = 0, limit: int = 500
) -> tuple[list[dict[str, Any]], int | None]:
    """Return the trade versions behind one position of a run, and the trade to go on after, if any.

    Up to `limit` trades of the position are looked at, after one, by their ids; some may have been nothing in this run.

    part: HELD (moved by prices and rates), NEW or AMENDED (came or went). What each has of the position: quantity, cash
    and fees, above zero where we get it.
    """
    behind = sql.records(_BEHIND, [run_id])[0]
    ids = [trade_id for (trade_id,) in sql.rows(_NEAR, [book_id, instrument_id, after, limit])]
    place = {"book_id": book_id, "instrument_id": instrument_id, "ids": ids}
    found = sql.records(_TRADES, {**behind, **place})
    return found, ids[-1] if len(ids) == limit else None
