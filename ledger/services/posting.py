"""Positions follow the trades: what each trade makes us hold now is entered, and what no longer holds is reversed.

The worker goes by the transaction that last changed a trade, below the oldest one that is still open, so it misses
none and may be woken as often as anybody likes. What it does depends on where the trades stand alone: to do it twice
changes nothing. See docs/adr/0058.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from core import sql
from core.audit import Actor
from core.clock import business_date
from ledger.models import Basis
from ledger.services.entries import ADD_UP, REVERSED, SAID, STANDING
from ledger.services.halving import halving
from ledger.services.lots import Touched, from_the_beginning, retell_lots
from trades.lifecycle import State
from trades.products._legs import holdings_sql

TASK = "ledger.post_positions"
STEP = 5_000  # trades of one transaction
DUE = 200  # positions told again from their beginning, in one transaction
_CANNOT = "no position can hold what %s comes to: %s"

_MADE = (
    "INSERT INTO ledger_position_mark (one, xid, trade_id) VALUES (true, 0, 0) ON CONFLICT (one) DO NOTHING"
)
_LOCK = "SELECT xid, trade_id FROM ledger_position_mark FOR UPDATE"
_CHANGED = f"""
SELECT changed_xid, trade_id FROM trades_state
WHERE (changed_xid, trade_id) > (%s, %s) AND changed_xid < {sql.OLDEST_OPEN}
ORDER BY changed_xid, trade_id LIMIT %s
"""
# A trade that is called off makes us hold nothing; of a block that is divided, its parts do.
_NOTHING = f"{State.CANCELLED.value}, {State.ALLOCATED.value}"


def _same(a: str, b: str) -> str:
    """Return SQL for whether two rows say the same of one trade."""
    of_a, of_b = (", ".join(f"{row}.{each}" for each in ("trade_id", *SAID.split(", "))) for row in (a, b))
    return f"({of_a}) = ({of_b})"


# One trade is placed whole or not at all: while its book or an instrument of it is not known, it is held anyway.
_POST = f"""
WITH batch AS MATERIALIZED (
    SELECT v.*, s.state FROM trades_state s
    CROSS JOIN LATERAL (
        SELECT * FROM trades_version v WHERE v.trade_id = s.trade_id AND v.version = s.version OFFSET 0
    ) v
    WHERE s.trade_id = ANY(%(ids)s::bigint[]) AND s.state NOT IN ({_NOTHING})
), held AS MATERIALIZED ({holdings_sql()}), placed AS MATERIALIZED (
    SELECT h.*, bool_and(h.book_id IS NOT NULL AND h.instrument_id IS NOT NULL) OVER (PARTITION BY h.trade_id)
                AS is_placed
    FROM held h
), wanted AS MATERIALIZED (
    SELECT p.trade_id, p.version, p.leg, basis.basis, p.book_id, p.instrument_id, p.currency, p.counterparty_id,
           p.quantity::numeric(28, 10) AS quantity, p.amount::numeric(28, 4) AS amount, p.fees::numeric(28, 4) AS fees,
           basis.effective_date, p.value_date AS settles_on, coalesce(b.executed_at, 'epoch'::timestamptz) AS moment
    FROM placed p JOIN batch b ON b.trade_id = p.trade_id
    CROSS JOIN LATERAL (VALUES ('{Basis.TRADED.value}', b.trade_date), ('{Basis.SETTLED.value}', p.value_date))
        AS basis(basis, effective_date)
    WHERE p.is_placed AND (basis.basis = '{Basis.TRADED.value}' OR b.state = {State.SETTLED.value})
), standing AS MATERIALIZED (
    SELECT e.* FROM ledger_position_entry e
    WHERE e.trade_id = ANY(%(ids)s::bigint[]) AND {STANDING}
), posted AS (
    INSERT INTO ledger_position_entry (trade_id, version, {SAID}, reverses, recorded_at)
    SELECT lines.*, %(at)s::timestamptz FROM (
        SELECT a.trade_id, s.version, {REVERSED}, a.id AS reverses
        FROM standing a JOIN trades_state s ON s.trade_id = a.trade_id
        WHERE NOT EXISTS (SELECT FROM wanted w WHERE {_same("a", "w")})
        UNION ALL
        SELECT w.trade_id, w.version, {SAID}, NULL
        FROM wanted w WHERE NOT EXISTS (SELECT FROM standing a WHERE {_same("a", "w")})
    ) AS lines ORDER BY trade_id, reverses NULLS LAST, leg, basis DESC
    RETURNING *
)
"""
# Where the lots of each position must be told again from. What has settled moves none, but what actions come to.
_TOUCHED = f"""
SELECT DISTINCT ON (book_id, instrument_id)
       book_id, instrument_id, effective_date, moment, trade_id, leg
FROM posted p WHERE instrument_id <> 0 AND (basis = '{Basis.TRADED.value}' OR EXISTS (
    SELECT FROM ledger_corporate_action_version a WHERE a.instrument_id = p.instrument_id))
ORDER BY book_id, instrument_id, effective_date, moment, trade_id, leg
"""


def post_changed(*, now: datetime, actor: Actor, step: int = STEP) -> int:
    """Take up to `step` further trades that have changed into the positions; return how many were looked at.

    One does at a time: none are looked at while another does.
    """
    with transaction.atomic():
        sql.run(_MADE)
        mark = sql.row(f"{_LOCK} SKIP LOCKED")
        changed = sql.rows(_CHANGED, [*mark, step]) if mark else []
        if not changed:
            return 0
        halving(
            sorted(trade_id for _, trade_id in changed), partial(_post, now=now, actor=actor), told=_CANNOT
        )
        sql.run("UPDATE ledger_position_mark SET xid = %s, trade_id = %s", changed[-1])
        return len(changed)


def follow_trades(*, now: datetime, actor: Actor) -> None:
    """Let the positions come as far as they can by now, in transactions of their own: for who is about to read them.

    Where another follows the trades meanwhile, or one is still being written, they may lag behind by these.
    """
    while post_changed(now=now, actor=actor) == STEP:
        pass
    while post_due(now=now, actor=actor) == DUE:
        pass


def _post(trade_ids: Sequence[int], *, now: datetime, actor: Actor) -> None:
    post_trades(trade_ids=trade_ids, now=now, actor=actor)


def lock_positions() -> tuple[int, int]:
    """Lock all positions for the caller's transaction, before any other lock: the one place that does; return how far
    they have come."""
    sql.run(_MADE)
    ((xid, trade_id),) = sql.rows(_LOCK)
    return xid, trade_id


def post_trades(*, trade_ids: Sequence[int], now: datetime, actor: Actor) -> None:
    """Bring the positions and lots to what trades come to now, in the caller's transaction, which has locked them."""
    found = sql.rows(f"{_POST}, {ADD_UP} {_TOUCHED}", {"ids": list(trade_ids), "at": now})
    retell_lots(touched=[Touched(*row) for row in found], now=now, actor=actor)


# What is payable from a day on counts as settled from then on.
_PAYABLE = """
INSERT INTO ledger_position_due (book_id, instrument_id)
SELECT DISTINCT p.book_id, p.instrument_id FROM ledger_position_mark m
JOIN ledger_corporate_action_version a ON a.pay_date > m.paid_to AND a.pay_date <= %(today)s
JOIN ledger_position p ON p.instrument_id = a.instrument_id
ON CONFLICT DO NOTHING
"""
_TAKE_DUE = """
DELETE FROM ledger_position_due WHERE (book_id, instrument_id) IN (
    SELECT book_id, instrument_id FROM ledger_position_due ORDER BY book_id, instrument_id LIMIT %s)
RETURNING book_id, instrument_id
"""


def post_due(*, now: datetime, actor: Actor, step: int = DUE) -> int:
    """Tell up to `step` positions again from their beginning, because an action, a policy or the day has changed;
    return how many."""
    today = business_date(now)
    with transaction.atomic():
        lock_positions()
        if sql.row("SELECT 1 FROM ledger_position_mark WHERE paid_to < %s", [today]):
            sql.run(_PAYABLE, {"today": today})
            sql.run("UPDATE ledger_position_mark SET paid_to = %s", [today])
        due = sorted(sql.rows(_TAKE_DUE, [step]))
        if due:
            halving(due, partial(_retell, now=now, actor=actor), told=_CANNOT)
    return len(due)


def _retell(positions: Sequence[tuple[Any, ...]], *, now: datetime, actor: Actor) -> None:
    retell_lots(touched=[from_the_beginning(*each) for each in positions], now=now, actor=actor)


_DUE = """
INSERT INTO ledger_position_due (book_id, instrument_id)
SELECT DISTINCT book_id, instrument_id FROM ledger_position
WHERE instrument_id <> 0 AND (book_id = %(book)s OR instrument_id = %(instrument)s)
ON CONFLICT DO NOTHING
"""


def retell_later(*, book_id: int | None = None, instrument_id: int | None = None) -> None:
    """Have every position of a book, or in an instrument, told again soon. The caller has locked the positions."""
    sql.run(_DUE, {"book": book_id, "instrument": instrument_id})
