"""Positions follow the trades: what each trade makes us hold now is entered, and what no longer holds is reversed.

The worker goes by the transaction that last changed a trade, below the oldest one that is still open, so it misses
none and may be woken as often as anybody likes. What it does depends on where the trades stand alone: to do it twice
changes nothing. See docs/adr/0058.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from core import sql
from core.audit import Actor
from ledger.models import Basis
from ledger.services.lots import Touched, retell_lots
from trades.lifecycle import State
from trades.products._legs import holdings_sql

TASK = "ledger.post_positions"
STEP = 5_000  # trades of one transaction
DUE = 200  # positions told again from their beginning, in one transaction

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
_KEY = "book_id, instrument_id, currency, counterparty_id"
_SAID = f"leg, basis, {_KEY}, quantity, amount, fees, effective_date, moment"
# What stands in the place of _SAID in the entry that reverses `a`.
REVERSED = f"a.leg, a.basis, {_KEY}, -a.quantity, -a.amount, -a.fees, a.effective_date, a.moment"


def _same(a: str, b: str) -> str:
    """Return SQL for whether two rows say the same of one trade."""
    of_a, of_b = (", ".join(f"{row}.{each}" for each in ("trade_id", *_SAID.split(", "))) for row in (a, b))
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
           basis.effective_date, coalesce(b.executed_at, 'epoch'::timestamptz) AS moment
    FROM placed p JOIN batch b ON b.trade_id = p.trade_id
    CROSS JOIN LATERAL (VALUES ('{Basis.TRADED.value}', b.trade_date), ('{Basis.SETTLED.value}', p.value_date))
        AS basis(basis, effective_date)
    WHERE p.is_placed AND (basis.basis = '{Basis.TRADED.value}' OR b.state = {State.SETTLED.value})
), standing AS MATERIALIZED (
    SELECT e.* FROM ledger_position_entry e
    WHERE e.trade_id = ANY(%(ids)s::bigint[]) AND e.reverses IS NULL
      AND NOT EXISTS (SELECT FROM ledger_position_entry r WHERE r.reverses = e.id)
), posted AS (
    INSERT INTO ledger_position_entry (trade_id, version, {_SAID}, reverses, recorded_at)
    SELECT lines.*, %(at)s::timestamptz FROM (
        SELECT a.trade_id, s.version, {REVERSED}, a.id AS reverses
        FROM standing a JOIN trades_state s ON s.trade_id = a.trade_id
        WHERE NOT EXISTS (SELECT FROM wanted w WHERE {_same("a", "w")})
        UNION ALL
        SELECT w.trade_id, w.version, {_SAID}, NULL
        FROM wanted w WHERE NOT EXISTS (SELECT FROM standing a WHERE {_same("a", "w")})
    ) AS lines ORDER BY trade_id, reverses NULLS LAST, leg, basis DESC
    RETURNING *
)
"""
ADD_UP = f"""
totals AS (
    INSERT INTO ledger_position AS p ({_KEY}, traded, settled)
    SELECT {_KEY}, coalesce(sum(quantity) FILTER (WHERE basis = '{Basis.TRADED.value}'), 0),
           coalesce(sum(quantity) FILTER (WHERE basis = '{Basis.SETTLED.value}'), 0)
    FROM posted GROUP BY {_KEY} ORDER BY {_KEY}
    ON CONFLICT ({_KEY}) DO UPDATE
        SET traded = p.traded + excluded.traded, settled = p.settled + excluded.settled
)
"""
# Where the lots of each position must be told again from. What has settled moves none, but what actions come to.
_TOUCHED = f"""
SELECT DISTINCT ON (book_id, instrument_id)
       book_id, instrument_id, effective_date, moment, trade_id, leg
FROM posted WHERE instrument_id <> 0 AND basis = '{Basis.TRADED.value}'
ORDER BY book_id, instrument_id, effective_date, moment, trade_id, leg
"""


def post_changed(*, now: datetime, actor: Actor, step: int = STEP) -> int:
    """Take up to `step` further trades that have changed into the positions; return how many were looked at.

    One does at a time: others wait for the row of the mark.
    """
    with transaction.atomic():
        xid, trade_id = lock_positions()
        changed = sql.rows(_CHANGED, [xid, trade_id, step])
        if not changed:
            return 0
        post_trades(trade_ids=sorted(each for _, each in changed), now=now, actor=actor)
        sql.run("UPDATE ledger_position_mark SET xid = %s, trade_id = %s", changed[-1])
        return len(changed)


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
