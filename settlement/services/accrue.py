"""Accruals: what deals are charged, from their first check until they are called off.

What the front office states counts as it states it; what it leaves out counts as the rules make it. A change of the
deal, or of what is known of it, reverses the charges that hold no longer and accrues those that do. See docs/adr/0051.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core import sql
from core.audit import Actor
from core.ids import TRADE, public_id
from core.money import format_amount
from settlement.services.invoice import queue_billing
from trades.fees import expected_fees_sql, stated_fees_sql
from trades.lifecycle import State
from trades.products import PRODUCTS
from trades.services.supersession import Follower

# A trade that is cancelled, or whose parts stand in its place, is charged nothing.
_NOTHING = f"{State.CANCELLED.value}, {State.ALLOCATED.value}"
_ON_TOP = ", ".join(f"'{code}'" for code, product in PRODUCTS.items() if product.fees_on_top)
# Whoever sells an order bills what comes on top of it; everything else that a deal states is ours to pay.
_STATED_SIGN = f"CASE WHEN d.product IN ({_ON_TOP}) AND d.side = 'SELL' THEN 1 ELSE -1 END"
_READ = """v.trade_id, v.version, v.product, v.side, v.currency, v.trade_date, v.counterparty_id, v.gross_amount,
           v.quantity, v.fees, i.market"""
# OFFSET 0 and LIMIT make each look-up a look-up by key, however wrong PostgreSQL's picture of the tables is.
_MARKET = "LEFT JOIN LATERAL (SELECT market FROM refdata_instrument i WHERE i.id = v.instrument_id OFFSET 0) i ON true"
_OF_LIVE = f"""
    SELECT {_READ}
    FROM unnest(%(ids)s::bigint[]) AS w(trade_id)
    CROSS JOIN LATERAL (
        SELECT * FROM trades_version v WHERE v.trade_id = w.trade_id ORDER BY v.version DESC LIMIT 1
    ) v {_MARKET}
"""
_OF_ANY = f"""
    SELECT {_READ}
    FROM trades_state s
    CROSS JOIN LATERAL (
        SELECT * FROM trades_version v WHERE v.trade_id = s.trade_id AND v.version = s.version OFFSET 0
    ) v {_MARKET}
    WHERE s.trade_id = ANY(%(ids)s::bigint[]) AND s.state NOT IN ({_NOTHING})
"""
_STANDING_LINES = """
standing AS MATERIALIZED (
    SELECT a.* FROM settlement_fee_accrual a
    WHERE a.trade_id = ANY(%(ids)s::bigint[]) AND a.reverses IS NULL
      AND NOT EXISTS (SELECT FROM settlement_fee_accrual r WHERE r.reverses = a.id)
)
"""


def _wanted_sql(current: str) -> str:
    """Return SQL for the relation `wanted`: what trades are charged. current: SQL for their current versions."""
    return f"""
current AS MATERIALIZED ({current}), wanted AS MATERIALIZED (
    SELECT d.trade_id, d.version, w.type, w.currency, w.rule_version_id, w.is_stated,
           w.amount * CASE w.direction WHEN 'RECEIVE' THEN 1 WHEN 'PAY' THEN -1 ELSE {_STATED_SIGN} END AS amount
    FROM (
        SELECT trade_id, type, currency, coalesce(s.amount, e.amount) AS amount, e.rule_version_id, e.direction,
               s.amount IS NOT NULL AS is_stated
        FROM ({expected_fees_sql("current")}) e
        FULL JOIN ({stated_fees_sql("current")}) s USING (trade_id, type, currency)
    ) w
    JOIN current d ON d.trade_id = w.trade_id
    WHERE w.amount <> 0
)
"""


WANTED = _wanted_sql(_OF_ANY)

_SAME = """
a.trade_id = w.trade_id AND a.type = w.type AND a.currency = w.currency AND a.amount = w.amount
AND a.is_stated = w.is_stated AND a.rule_version_id IS NOT DISTINCT FROM w.rule_version_id
"""
_INSERT = """
INSERT INTO settlement_fee_accrual
    (trade_id, version, type, currency, amount, rule_version_id, is_stated, reverses, accrued_at)
"""
_REVERSED = """
SELECT a.trade_id, (SELECT version FROM trades_state s WHERE s.trade_id = a.trade_id) AS version, a.type, a.currency,
       -a.amount AS amount, a.rule_version_id, a.is_stated, a.id AS reverses
FROM standing a
"""


def _accrue_sql(current: str) -> str:
    return f"""
WITH {_wanted_sql(current)}, {_STANDING_LINES}, made AS (
{_INSERT}
SELECT trade_id, version, type, currency, amount, rule_version_id, is_stated, reverses, %(at)s::timestamptz FROM (
    {_REVERSED} WHERE NOT EXISTS (SELECT FROM wanted w WHERE {_SAME})
    UNION ALL
    SELECT w.trade_id, w.version, w.type, w.currency, w.amount, w.rule_version_id, w.is_stated, NULL
    FROM wanted w WHERE NOT EXISTS (SELECT FROM standing a WHERE {_SAME})
) AS lines ORDER BY trade_id, reverses NULLS LAST, type, currency
RETURNING trade_id, amount, is_stated, reverses
) SELECT DISTINCT trade_id FROM made WHERE reverses IS NOT NULL OR (amount > 0 AND NOT is_stated) ORDER BY trade_id
"""


_ACCRUE, _ACCRUE_ANY = _accrue_sql(_OF_LIVE), _accrue_sql(_OF_ANY)
_REVERSE = f"""
WITH {_STANDING_LINES} {_INSERT}
SELECT lines.*, %(at)s::timestamptz FROM ({_REVERSED}) AS lines ORDER BY trade_id, reverses
"""
FEW = 200  # trades for which planning would cost more than the statement


def accrue_live(trade_ids: Sequence[int], at: datetime, _: Actor) -> None:
    """Bring the open charges of trades that live to what their newest versions are charged, in the caller's
    transaction.

    The caller has locked the trades. Nothing is accrued or reversed twice. What a customer is billed for, or was, is
    billed anew soon.
    """
    parameters = {"ids": list(trade_ids), "at": at}
    run = sql.planned_rows if len(trade_ids) <= FEW else sql.rows
    queue_billing([trade_id for (trade_id,) in run(_ACCRUE, parameters)])


def accrue_any(trade_ids: Sequence[int], at: datetime) -> None:
    """Do the same for trades that may have been called off meanwhile: they are charged nothing."""
    queue_billing([trade_id for (trade_id,) in sql.rows(_ACCRUE_ANY, {"ids": list(trade_ids), "at": at})])


def reverse_charges(trade_ids: Sequence[int], at: datetime, _: Actor) -> None:
    """Reverse the open charges of trades that are called off, or divided into parts, in the caller's transaction."""
    sql.run(_REVERSE, {"ids": list(trade_ids), "at": at})


_STANDING = """
SELECT a.trade_id, a.type, a.currency, sum(a.amount) FROM settlement_fee_accrual a
WHERE a.trade_id = ANY(%s) GROUP BY a.trade_id, a.type, a.currency HAVING sum(a.amount) <> 0
ORDER BY a.trade_id, a.type, a.currency
"""


def fees_of(trade_ids: Sequence[int], _: datetime) -> dict[str, Any]:
    """Return what trades are charged now, by trade and type: above zero what we receive, below what we pay."""
    return {
        f"{public_id(TRADE, trade_id)} {type_} {currency}": {
            "amount": format_amount(amount, currency),
            "currency": currency,
        }
        for trade_id, type_, currency, amount in sql.rows(_STANDING, [list(trade_ids)])
    }


FOLLOWER = Follower(looks={"fees": fees_of})
