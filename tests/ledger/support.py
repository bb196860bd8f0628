"""Positions and lots as the tests read them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from core import sql
from core.audit import system
from core.http.problem import Problem
from ledger.services.posting import lock_positions, post_trades
from tests.support.records import NOW
from trades.services.change import Change
from trades.services.single_change import change_trade

ACTOR = system("positions")

_TOTALS = """
SELECT k.code, coalesce(i.code, p.currency), coalesce(c.code, ''), p.traded, p.settled FROM ledger_position p
JOIN refdata_book k ON k.id = p.book_id LEFT JOIN refdata_instrument i ON i.id = p.instrument_id
LEFT JOIN refdata_party c ON c.id = p.counterparty_id
WHERE p.traded <> 0 OR p.settled <> 0 ORDER BY 1, p.instrument_id, 2, 3
"""


def post(trade_ids: Sequence[int] | None = None, *, at: Any = NOW) -> None:
    """Take trades into the positions as the worker does: these, or all."""
    lock_positions()
    every = [trade_id for (trade_id,) in sql.rows("SELECT trade_id FROM trades_state ORDER BY trade_id")]
    if trade_ids is None and every:
        sql.run(
            "UPDATE ledger_position_mark SET xid = (SELECT max(changed_xid) FROM trades_state), trade_id = %s",
            every[-1:],
        )
    post_trades(trade_ids=every if trade_ids is None else list(trade_ids), now=at, actor=ACTOR)


def totals() -> dict[tuple[str, str, str], tuple[Decimal, Decimal]]:
    """Return what is traded and settled, by book, asset and counterparty, without what is nought."""
    return {
        (book, asset, party): (traded, settled) for book, asset, party, traded, settled in sql.rows(_TOTALS)
    }


def traded() -> dict[str, Decimal]:
    """Return what is traded, by asset."""
    found: dict[str, Decimal] = {}
    for (_, asset, _), (quantity, _) in totals().items():
        found[asset] = found.get(asset, Decimal(0)) + quantity
    return {asset: quantity for asset, quantity in found.items() if quantity}


def lots(asset: str) -> list[tuple[int, Decimal, Decimal]]:
    """Return the open lots of an instrument in every book: which trade opened each, what is left, and its cost."""
    return sql.rows(
        "SELECT l.lot_trade_id, l.quantity, l.cost FROM ledger_lot l"
        " JOIN refdata_instrument i ON i.id = l.instrument_id WHERE i.code = %s"
        " ORDER BY l.book_id, l.lot_day, l.lot_moment, l.lot_trade_id",
        [asset],
    )


def closings(asset: str) -> list[tuple[int, int, Decimal, Decimal]]:
    """Return what closed lots of an instrument: the opening trade, the closing one, how much, and the gain."""
    return sql.rows(
        "SELECT m.lot_trade_id, m.source_id, -m.quantity, m.gain FROM ledger_lot_movement m"
        " JOIN refdata_instrument i ON i.id = m.instrument_id WHERE i.code = %s AND m.kind = 'CLOSE' ORDER BY m.id",
        [asset],
    )


def rows_of_all() -> dict[str, list[tuple[Any, ...]]]:
    """Return all that a replay must make again, without what only says when it was made."""
    standing = (
        "SELECT trade_id, action_id, leg, basis, book_id, instrument_id, currency, counterparty_id, quantity, amount,"
        " fees, effective_date, moment FROM ledger_position_entry e WHERE reverses IS NULL"
        " AND NOT EXISTS (SELECT FROM ledger_position_entry r WHERE r.reverses = e.id) ORDER BY 1, 2, 3, 4, 5, 6, 7"
    )
    moved = (
        "SELECT book_id, instrument_id, currency, day, rank, moment, source_id, leg, kind, lot_trade_id, lot_leg,"
        " lot_day, lot_moment, quantity, cost, value, gain FROM ledger_lot_movement ORDER BY"
        " book_id, instrument_id, currency, day, rank, moment, source_id, leg, id"
    )
    return {
        "entries": sql.rows(standing),
        "totals": sql.rows(
            "SELECT * FROM ledger_position WHERE traded <> 0 OR settled <> 0 ORDER BY 1, 2, 3, 4"
        ),
        "movements": sql.rows(moved),
        "lots": sql.rows(
            "SELECT book_id, instrument_id, currency, lot_trade_id, lot_leg, lot_day, lot_moment, quantity, cost"
            " FROM ledger_lot ORDER BY 1, 2, 3, 4, 5"
        ),
    }


def replayed() -> dict[str, list[tuple[Any, ...]]]:
    """Forget everything, take all trades in at once, and return what that makes; the test's transaction is spoilt."""
    sql.run("ALTER TABLE ledger_position_entry DISABLE TRIGGER append_only")
    for table in ("position_entry", "position", "lot", "lot_movement"):
        sql.run(f"DELETE FROM ledger_{table}")
    sql.run("ALTER TABLE ledger_position_entry ENABLE TRIGGER append_only")
    post()
    return rows_of_all()


def amend(trade_id: int, **changes: Any) -> None:
    change_trade(change=Change("AMEND", trade_id, "as agreed", changes=changes), actor=ACTOR, now=NOW)


def amend_if_other(trade_id: int, **changes: Any) -> None:
    """Amend a trade, unless it says so already."""
    try:
        amend(trade_id, **changes)
    except Problem as problem:
        assert problem.code == "nothing-changed", problem


def cancel(trade_id: int) -> None:
    change_trade(change=Change("CANCEL", trade_id, "called off"), actor=ACTOR, now=NOW)
