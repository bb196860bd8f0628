"""What is to be reviewed of a day: adjustments, books with their flags and signatures, and what came after a run."""

from __future__ import annotations

from datetime import date
from typing import Any

from core import sql
from ledger.selectors.profit_figures import TOUCHES
from ledger.selectors.profit_pieces import moved_sql

_BOOKS = f"""
WITH told AS (
    SELECT book_id, sum(total) AS total FROM (
        SELECT book_id, total FROM ledger_profit_line WHERE run_id = %(run)s
        UNION ALL
        SELECT s.book_id, 0 FROM ledger_profit_sign_off s JOIN ledger_profit_run r ON r.id = s.run_id
        WHERE r.day = %(day)s AND r.number <= %(number)s
    ) every GROUP BY book_id
), flagged AS MATERIALIZED (
    SELECT p.* FROM ledger_profit_price p WHERE p.run_id = %(run)s AND p.flag <> ''
      AND NOT EXISTS (SELECT FROM ledger_profit_flag_acceptance a WHERE a.price_id = p.id)
), open AS (
    SELECT l.book_id, count(DISTINCT p.id) AS flags FROM flagged p
    JOIN ledger_profit_line l ON l.run_id = %(run)s AND {TOUCHES} GROUP BY l.book_id
)
SELECT told.book_id, coalesce(b.code, '') AS book, coalesce(b.desk, '') AS desk, told.total,
       coalesce(open.flags, 0) AS open_flags, s.run_id AS signed_run_id, s.number AS signed_run, s.signed_at,
       s.maker, s.checker, s.total AS signed_total, s.run_id = %(run)s AS is_signed,
       told.total - s.total AS difference, w.id AS pending_id
FROM told LEFT JOIN refdata_book b ON b.id = told.book_id LEFT JOIN open ON open.book_id = told.book_id
LEFT JOIN LATERAL (
    SELECT s.run_id, r.number, s.signed_at, m.username AS maker, c.username AS checker,
           (SELECT coalesce(sum(l.total), 0) FROM ledger_profit_line l
            WHERE l.run_id = s.run_id AND l.book_id = s.book_id) AS total
    FROM ledger_profit_sign_off s JOIN ledger_profit_run r ON r.id = s.run_id
    JOIN core_proposal p ON p.id = s.proposal_id LEFT JOIN auth_user m ON m.id = p.maker_id
    LEFT JOIN auth_user c ON c.id = p.checker_id
    WHERE s.book_id = told.book_id AND r.day = %(day)s AND r.number <= %(number)s ORDER BY r.number DESC LIMIT 1
) s ON true
LEFT JOIN core_proposal w ON w.kind = 'profit_sign_off' AND w.state = 'PENDING'
     AND (w.content->>'run_id')::bigint = %(run)s AND w.content->>'book' = b.code
WHERE (%(book)s::text IS NULL OR b.code = %(book)s)
  AND (%(after)s::bigint IS NULL OR b.code IS NULL
       OR b.code > (SELECT code FROM refdata_book WHERE id = %(after)s))
ORDER BY b.code NULLS LAST LIMIT %(limit)s
"""


def books_of(
    *, run: dict[str, Any], book: str | None = None, after: int | None = None, limit: int = 1_000
) -> list[dict[str, Any]]:
    """Return the books of a run with what each came to, its open flags and who has signed it off, by code, what is
    of no known book last; after: those behind a book, by its id.

    A book that was signed and of which this run says nothing is among them, at nought.
    `signed_total` is what the latest signed run of the day, up to this one, said of the book; `difference` what this
    run says beyond it; `is_signed`: whether this very run is signed.
    """
    place = {"run": run["id"], "day": run["day"], "number": run["number"], "book": book}
    place |= {"after": after, "limit": limit}
    return sql.records(_BOOKS, place)


_RUN = """
SELECT day, seen AS was_seen, pg_snapshot_xmin(seen::pg_snapshot)::text::bigint AS was_below,
       last_trade_id AS was_last, pg_current_snapshot()::text AS now_seen,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS now_below, 9223372036854775807 AS now_last
FROM ledger_profit_run WHERE id = %s
"""
# Only what was dealt until the day can change what it came to; the version that counted then, or the one of now.
_DEALT_BY_THEN = """EXISTS (
    SELECT FROM trades_version v WHERE v.trade_id = s.trade_id AND v.trade_date <= %(day)s
      AND (%(book_id)s::bigint IS NULL OR coalesce(v.book_id, 0) = %(book_id)s))"""
_COUNTS = """EXISTS (
    SELECT FROM trades_version v WHERE v.trade_id = m.trade_id AND v.version IN (m.before, m.after)
      AND v.trade_date <= %(day)s AND (%(book_id)s::bigint IS NULL OR coalesce(v.book_id, 0) = %(book_id)s))"""
_FIRST_MOVED = """s.trade_id IN (
    SELECT trade_id FROM trades_state WHERE changed_xid >= %(was_below)s::bigint ORDER BY changed_xid LIMIT %(most)s)"""
_LOOKED_AT = 10_000  # trades that moved since, of a page


def _came_sql(where: str) -> str:
    return f"SELECT m.trade_id, m.before, m.after FROM ({moved_sql(where=where)}) m WHERE {_COUNTS} LIMIT %(limit)s"


_CAME, _CAME_FIRST = _came_sql(_DEALT_BY_THEN), _came_sql(f"{_FIRST_MOVED} AND {_DEALT_BY_THEN}")


def trades_after(
    *, run_id: int, book_id: int | None = None, limit: int, at_a_glance: bool = False
) -> list[dict[str, Any]]:
    """Return trades dealt until the day of a run that have come, changed or been called off since it was told.

    Of one book or of all, up to `limit`, in no order. before, after: the version that counted in the run, and the one
    that counts now. at_a_glance: look only at the first that moved, for a page that must not take long.
    """
    found = sql.records(_RUN, [run_id])[0]
    wanted = {**found, "book_id": book_id, "limit": limit, "most": _LOOKED_AT}
    return sql.records(_CAME_FIRST if at_a_glance else _CAME, wanted)


_ADDED = """
SELECT EXISTS (
    SELECT FROM ledger_profit_adjustment a CROSS JOIN ledger_profit_run r
    WHERE r.id = %s AND a.book_id = %s AND a.valid_from <= r.day AND a.reverses_on > r.day
      AND NOT pg_visible_in_snapshot(a.xid::text::xid8, r.seen::pg_snapshot))
"""


def was_adjusted_after(*, run_id: int, book_id: int) -> bool:
    """Tell whether an adjustment that is in force on the day of a run was approved after the run was told."""
    return bool(sql.rows(_ADDED, [run_id, book_id])[0][0])


_ADJUSTMENTS = """
SELECT a.id, coalesce(b.code, '') AS book, coalesce(i.code, '') AS instrument, a.currency, a.amount, a.valid_from,
       a.reverses_on, a.reason, a.proposal_id, a.approved_at, m.username AS maker, k.name AS maker_client,
       c.username AS checker
FROM ledger_profit_adjustment a LEFT JOIN refdata_book b ON b.id = a.book_id
LEFT JOIN refdata_instrument i ON i.id = a.instrument_id JOIN core_proposal p ON p.id = a.proposal_id
LEFT JOIN auth_user m ON m.id = p.maker_id LEFT JOIN core_api_client k ON k.id = p.maker_client_id
LEFT JOIN auth_user c ON c.id = p.checker_id
WHERE (%(day)s::date IS NULL OR a.valid_from <= %(day)s AND a.reverses_on > %(day)s)
  AND (%(before)s::bigint IS NULL OR a.id < %(before)s)
ORDER BY a.id DESC LIMIT %(limit)s
"""


def list_adjustments(
    *, day: date | None = None, before: int | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Return adjustments, the latest first; day: only those in force on it; before: those made before one."""
    return sql.records(_ADJUSTMENTS, {"day": day, "before": before, "limit": limit})
