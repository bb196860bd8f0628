"""What sizes are usual for a trader and a book: kept figures that follow the trades in steps of a known size."""

from __future__ import annotations

from django.db import transaction

from core import sql
from trades.lifecycle import State

TASK = "risk.learn_sizes"
STEP = 50_000  # trades of one step
MEMORY = 2_000  # trades that a figure rests on at most: a later trade weighs at least one in so many

_MADE = "INSERT INTO risk_size_mark (one, trade_id) VALUES (true, 0) ON CONFLICT (one) DO NOTHING"
_LOCK = "SELECT trade_id FROM risk_size_mark FOR UPDATE"
# What still waits for its first check may yet be held: learning stops before it and goes on in the next turn.
_STEP = f"""
SELECT array_agg(trade_id), max(trade_id) FROM (
    SELECT trade_id FROM trades_state
    WHERE trade_id > %(mark)s
      AND trade_id < coalesce((SELECT min(trade_id) FROM trades_state
                               WHERE state = {State.CAPTURED.value} AND checked_version IS NULL), 9223372036854775807)
    ORDER BY trade_id LIMIT %(step)s
) AS step
"""
# Two samples become one as Chan, Golub and LeVeque add them up. The logarithms are a statistic, not money.
_LEARN = f"""
WITH size AS MATERIALIZED (
    SELECT v.trader, k.code AS book, v.product, ln(v.base_amount::float8) AS ln
    FROM unnest(%(ids)s::bigint[]) AS w(trade_id)
    JOIN trades_state s ON s.trade_id = w.trade_id
    JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
    LEFT JOIN refdata_book k ON k.id = v.book_id
    WHERE s.state NOT IN ({State.CAPTURED.value}, {State.EXCEPTION.value}, {State.CANCELLED.value})
      AND v.base_amount > 0
), sample AS (
    SELECT 'TRADER' AS scope, trader AS key, product, count(*) AS n, avg(ln) AS mean, var_pop(ln) AS variance
    FROM size WHERE trader <> '' GROUP BY trader, product
    UNION ALL
    SELECT 'BOOK', book, product, count(*), avg(ln), var_pop(ln) FROM size WHERE book IS NOT NULL GROUP BY book, product
)
INSERT INTO risk_size_history AS h (scope, key, product, trades, mean, spread)
SELECT scope, key, product, least(n, {MEMORY}), mean, sqrt(variance) FROM sample
ON CONFLICT (scope, key, product) DO UPDATE SET
    trades = least(h.trades + excluded.trades, {MEMORY}),
    mean = (h.mean * h.trades + excluded.mean * excluded.trades) / (h.trades + excluded.trades),
    spread = sqrt((h.trades * h.spread ^ 2 + excluded.trades * excluded.spread ^ 2
                   + (excluded.mean - h.mean) ^ 2 * h.trades * excluded.trades / (h.trades + excluded.trades))
                  / (h.trades + excluded.trades))
"""


def learn_sizes(*, step: int = STEP) -> int:
    """Take up to `step` further trades into what is usual; return how many were looked at.

    Each trade is looked at once, in the order of capture. One that is held then is never learnt from: it may be
    the mistake that the figures are there to find.
    """
    with transaction.atomic():
        sql.run(_MADE)
        ((mark,),) = sql.rows(_LOCK)
        ((ids, last),) = sql.rows(_STEP, {"mark": mark, "step": step})
        if not ids:
            return 0
        sql.run(_LEARN, {"ids": ids})
        sql.run("UPDATE risk_size_mark SET trade_id = %s", [last])
        return len(ids)
