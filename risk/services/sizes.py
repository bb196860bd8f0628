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
# The logarithms are a statistic, not money. The spread is that of the sizes above the mean alone: small fills, of which
# there may be many, would else make room for what is too large. What was dealt is the block, not each of its parts.
_LEARN = f"""
WITH size AS MATERIALIZED (
    SELECT v.trader, k.code AS book, v.product, ln(v.base_amount::float8) AS ln
    FROM unnest(%(ids)s::bigint[]) AS w(trade_id)
    JOIN trades_state s ON s.trade_id = w.trade_id
    JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
    LEFT JOIN refdata_book k ON k.id = v.book_id
    WHERE s.state NOT IN ({State.CAPTURED.value}, {State.EXCEPTION.value}, {State.CANCELLED.value})
      AND s.block_id IS NULL AND v.base_amount > 0
), entry AS MATERIALIZED (
    SELECT 'TRADER' AS scope, trader AS key, product, ln FROM size WHERE trader <> ''
    UNION ALL SELECT 'BOOK', book, product, ln FROM size WHERE book IS NOT NULL
), known AS MATERIALIZED (
    SELECT e.scope, e.key, e.product, count(*) AS n, coalesce(max(h.trades), 0) AS trades,
           coalesce(max(h.spread), 0) ^ 2 AS variance,
           (coalesce(max(h.mean) * max(h.trades), 0) + sum(e.ln)) / (coalesce(max(h.trades), 0) + count(*)) AS mean
    FROM entry e LEFT JOIN risk_size_history h USING (scope, key, product)
    GROUP BY e.scope, e.key, e.product
), above AS (
    SELECT scope, key, product, coalesce(avg((e.ln - k.mean) ^ 2) FILTER (WHERE e.ln > k.mean), 0) AS variance
    FROM entry e JOIN known k USING (scope, key, product) GROUP BY scope, key, product
)
INSERT INTO risk_size_history AS h (scope, key, product, trades, mean, spread)
SELECT scope, key, product, least(k.trades + k.n, {MEMORY}), k.mean,
       sqrt((k.variance * k.trades + a.variance * k.n) / (k.trades + k.n))
FROM known k JOIN above a USING (scope, key, product)
ON CONFLICT (scope, key, product) DO UPDATE
    SET trades = excluded.trades, mean = excluded.mean, spread = excluded.spread
"""


def learn_sizes(*, step: int = STEP) -> int:
    """Take up to `step` further trades into what is usual; return how many were looked at.

    Each trade is looked at once, in the order of capture. One that is held then is never learnt from: it may be
    the mistake that the figures are there to find. One learns at a time: others wait for the row of the mark.
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
