"""What of trades, and of what hangs on them, somebody sees who sees some books only: that of trades in these books.

A trade lies in the book of its present version. An earlier version is seen by whoever sees its own book.
"""

from __future__ import annotations

from core.sight import ALL, KEYS, NONE, Seen, declare


def in_own_book(column: str) -> str:
    """Return the SQL condition that a column names a book that is seen."""
    return f"{column} = ANY ({KEYS})"


def of_own_trade(column: str) -> str:
    """Return the SQL condition that a column names a trade that is seen.

    It is looked up row by row, as far as a page goes: PostgreSQL would make a join of EXISTS, and walk every trade.
    """
    return in_own_book(
        "(SELECT held.book_id FROM trades_state own JOIN trades_version held"
        f" ON held.trade_id = own.trade_id AND held.version = own.version WHERE own.trade_id = {column})"
    )


def _of_own_item(column: str) -> str:
    return f"EXISTS (SELECT FROM trades_exception e WHERE e.id = {column} AND {of_own_trade('e.trade_id')})"


def _of_own_choice(run: str, item: str) -> str:
    """A run of which one record is not seen is not seen either: its counts would tell of that."""
    exception = f"(SELECT e.trade_id FROM trades_exception e WHERE e.id = {item}.subject_id)"
    trade = f"CASE {run}.subject WHEN 'trade' THEN {item}.subject_id ELSE {exception} END"
    return f"coalesce({of_own_trade(trade)}, false)"


_OF_TRADE = of_own_trade("t.trade_id")
_OF_ITEM = _of_own_item("t.exception_id")
_OF_SUBJECT = f"t.subject = 'trade' AND {of_own_trade('t.subject_id')}"


def declare_all() -> None:
    """Declare it for the tables of trades, and for what `core` keeps of them: proposals and the log."""
    declare(
        {
            "trades_state": in_own_book(
                "(SELECT v.book_id FROM trades_version v WHERE v.trade_id = t.trade_id AND v.version = t.version)"
            ),
            "trades_version": in_own_book("t.book_id"),
            "trades_drawdown": _OF_TRADE,
            "trades_finding": _OF_TRADE,
            "trades_override": _OF_TRADE,
            "trades_exception": _OF_TRADE,
            "trades_exception_before": _OF_ITEM,
            "trades_exception_closing": _OF_ITEM,
            "trades_comment": _OF_ITEM,
            "trades_confirmation": _OF_TRADE,
            "trades_confirmation_version": (
                "EXISTS (SELECT FROM trades_confirmation c WHERE c.party_id = t.party_id"
                f" AND c.reference = t.reference AND {of_own_trade('c.trade_id')})"
            ),
            "trades_confirmation_link": _OF_TRADE,
            "trades_awaited_confirmation": _OF_TRADE,
            "trades_confirmation_waiver": _OF_TRADE,
            "trades_confirmation_policy": ALL,
            "trades_change_policy": ALL,
            "trades_assignment_rule": ALL,
            # What came before its deal names no book that could be looked at.
            "trades_change_message": NONE,
            "trades_early_change": NONE,
            "core_proposal": _OF_SUBJECT,
            "core_event": _OF_SUBJECT,
            "core_approval_policy": ALL,
            "core_moment": ALL,
            "core_signing_key": ALL,
            "core_heartbeat": ALL,
            "core_notification": ALL,  # whose it is the page asks
            "core_notification_off": ALL,
            "trades_bulk_run": (
                "EXISTS (SELECT FROM trades_bulk_item i WHERE i.run_id = t.id)"
                " AND NOT EXISTS (SELECT FROM trades_bulk_item i"
                f" WHERE i.run_id = t.id AND NOT {_of_own_choice('t', 'i')})"
            ),
            "trades_bulk_item": (
                f"EXISTS (SELECT FROM trades_bulk_run r WHERE r.id = t.run_id AND {_of_own_choice('r', 't')})"
            ),
            "core_work": Seen(ALL, hides={"subject_ids": "'{}'::bigint[]"}),
        }
    )
