"""Figures of days and of longer periods, and what stands behind one of them: positions with their prices and rates."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from core import sql
from ledger.selectors.profit import GROUPS, LATEST, LINES, SUMS
from refdata.calendars import FIRM, calendars_for

ROWS_MAX = 500  # figures of one page
# What a flagged price or rate touches: what is held of it, or what is worth something in its currency.
TOUCHES = """(l.instrument_id = p.instrument_id AND p.instrument_id <> 0 AND l.quantity <> 0
 OR p.instrument_id = 0 AND l.currency = p.currency AND (l.value <> 0 OR l.opening_value <> 0))"""


def latest_day(*, until: date) -> date | None:
    """Return the latest day that has been told, up to one; None where none has."""
    found = sql.row("SELECT max(day) FROM ledger_profit_run WHERE day <= %s AND kind <> 'OPENING'", [until])
    return found[0] if found else None


def explain_between(*, first: date, last: date, by: str) -> list[dict[str, Any]]:
    """Return what the days of a span came to by one of GROUPS, part by part, the largest first: ROWS_MAX + 1 at most.

    Each day counts as its latest run told it.
    """
    return sql.records(
        f"SELECT {GROUPS[by]} AS name, {SUMS} FROM {LINES} JOIN ledger_profit_run r ON r.id = l.run_id"
        f" WHERE r.day BETWEEN %s AND %s AND {LATEST} GROUP BY 1 ORDER BY abs(sum(l.total)) DESC, 1 LIMIT %s",
        [first, last, ROWS_MAX + 1],
    )


def total_between(*, first: date, last: date) -> dict[str, Any]:
    """Return what the days of a span came to in all, part by part, as the latest run of each told it."""
    return sql.records(
        f"SELECT {SUMS} FROM ledger_profit_line l JOIN ledger_profit_run r ON r.id = l.run_id"
        f" WHERE r.day BETWEEN %s AND %s AND {LATEST}",
        [first, last],
    )[0]


def days_missing(*, first: date, last: date) -> list[date]:
    """Return the business days of a span that nobody has told, from the first one that anybody ever told on."""
    told = {day for (day,) in sql.rows(_TOLD, [first, last])}
    begun = sql.rows("SELECT min(day) FROM ledger_profit_run WHERE kind <> 'OPENING'")[0][0]
    if begun is None or begun > last:
        return []
    calendar = calendars_for(codes=[FIRM], first=first, last=last)[FIRM]
    start = max(first, begun)
    every = (start + timedelta(days=n) for n in range((last - start).days + 1))
    return [day for day in every if calendar.is_business_day(day) and day not in told]


_TOLD = "SELECT DISTINCT day FROM ledger_profit_run WHERE kind <> 'OPENING' AND day BETWEEN %s AND %s"


def currencies_of(*, run_id: int) -> list[dict[str, Any]]:
    """Return what a run came to by currency, in it and in base, with the rates of its end and its opening."""
    return sql.records(
        "SELECT l.currency, sum(l.value - l.opening_value) AS local_total, sum(l.total) AS total, p.price AS rate,"
        " p.date AS rate_date, p.flag, was.price AS was_rate"
        " FROM ledger_profit_line l JOIN ledger_profit_run r ON r.id = l.run_id"
        " LEFT JOIN ledger_profit_price p ON p.run_id = r.id AND p.instrument_id = 0 AND p.currency = l.currency"
        " LEFT JOIN ledger_profit_price was ON was.run_id = r.opening_id AND was.instrument_id = 0"
        "      AND was.currency = l.currency"
        " WHERE r.id = %s GROUP BY l.currency, p.price, p.date, p.flag, was.price ORDER BY l.currency LIMIT 300",
        [run_id],
    )


def flags_of(*, run_id: int, book: str | None = None) -> list[dict[str, Any]]:
    """Return the flagged prices and rates of a run with their effect, the open ones first.

    Of all, or those that touch one book. `positions`, `books`: how many it touches; `base_value`: what these are worth
    as told; `total`: what they came to.
    """
    return sql.records(
        "SELECT p.id, p.instrument_id, coalesce(i.code, '') AS instrument, coalesce(i.name, '') AS name, p.currency,"
        " p.flag, p.date, p.quoted, a.reason AS accepted, a.actor AS accepted_by, a.accepted_at, t.*"
        " FROM ledger_profit_price p LEFT JOIN refdata_instrument i ON i.id = p.instrument_id"
        " LEFT JOIN ledger_profit_flag_acceptance a ON a.price_id = p.id CROSS JOIN LATERAL ("
        "   SELECT count(DISTINCT (l.book_id, l.instrument_id)) AS positions, count(DISTINCT l.book_id) AS books,"
        "     coalesce(sum(l.base_value), 0) AS base_value, coalesce(sum(l.total), 0) AS total"
        "   FROM ledger_profit_line l LEFT JOIN refdata_book b ON b.id = l.book_id"
        f"  WHERE l.run_id = p.run_id AND {TOUCHES} AND (%s::text IS NULL OR b.code = %s)) t"
        " WHERE p.run_id = %s AND p.flag <> '' AND (%s::text IS NULL OR t.positions > 0)"
        " ORDER BY a.price_id IS NOT NULL, abs(t.base_value) DESC, p.id LIMIT %s",
        [book, book, run_id, book, ROWS_MAX],
    )


def positions_behind(*, run_id: int, by: str, name: str, limit: int) -> list[dict[str, Any]]:
    """Return the positions that one figure of a run is the sum of, the largest first, with their prices and rates."""
    return sql.records(
        "SELECT l.book_id, coalesce(b.code, '') AS book, l.instrument_id,"
        " coalesce(i.code, '') AS instrument,"
        " coalesce(i.name, '') AS instrument_name, l.currency, sum(l.quantity) AS quantity, sum(l.value) AS value,"
        " sum(l.value - l.opening_value) AS local_total, sum(l.base_value) AS base_value, p.quoted,"
        " p.date AS quoted_on,"
        " p.flag, was.quoted AS was_quoted, x.price AS rate, x.date AS rate_date, x.flag AS rate_flag,"
        f" wasx.price AS was_rate, {SUMS}"
        f" FROM {LINES} JOIN ledger_profit_run r ON r.id = l.run_id"
        " LEFT JOIN ledger_profit_price p ON p.run_id = r.id AND p.instrument_id = l.instrument_id"
        "      AND l.instrument_id <> 0"
        " LEFT JOIN ledger_profit_price was ON was.run_id = r.opening_id AND was.instrument_id = l.instrument_id"
        "      AND l.instrument_id <> 0"
        " LEFT JOIN ledger_profit_price x ON x.run_id = r.id AND x.instrument_id = 0 AND x.currency = l.currency"
        " LEFT JOIN ledger_profit_price wasx ON wasx.run_id = r.opening_id AND wasx.instrument_id = 0"
        "      AND wasx.currency = l.currency"
        f" WHERE l.run_id = %s AND {GROUPS[by]} = %s"
        " GROUP BY l.book_id, b.code, l.instrument_id, i.code, i.name, l.currency, p.quoted, p.date, p.flag,"
        " was.quoted, x.price, x.date, x.flag, wasx.price ORDER BY abs(sum(l.total)) DESC, 2, 4, 6 LIMIT %s",
        [run_id, name, limit],
    )


_MOVED = """
SELECT EXISTS (
    SELECT FROM trades_state s CROSS JOIN ledger_profit_run r
    WHERE r.id = %s AND s.changed_xid >= pg_snapshot_xmin(r.seen::pg_snapshot)::text::bigint
      AND NOT pg_visible_in_snapshot(s.changed_xid::text::xid8, r.seen::pg_snapshot))
"""


def moved_since(*, run_id: int) -> bool:
    """Tell whether any trade has moved since a run."""
    return bool(sql.rows(_MOVED, [run_id])[0][0])
