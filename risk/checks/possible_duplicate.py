"""POSSIBLE_DUPLICATE: another live trade of the day has the same economics under another reference."""

from risk.checks.base import Check
from trades.lifecycle import State

# Of two deals the later one is the copy, as they came; the parts of a block came with the first of them. What became a
# copy afterwards is held whichever came first.
_LAST = "9223372036854775807"
_BEFORE = f"""
CASE WHEN b.version = 1 AND b.block_id IS NULL THEN b.trade_id
     WHEN b.version = 1 OR EXISTS (
    SELECT 1 FROM trades_version f WHERE f.trade_id = b.trade_id AND f.version = 1
      AND f.trade_date = b.trade_date AND f.duplicate_key = b.duplicate_key AND f.net_amount = b.net_amount
) THEN CASE WHEN b.block_id IS NULL THEN b.trade_id
         ELSE (SELECT min(p.trade_id) FROM trades_state p WHERE p.block_id = b.block_id) END
     ELSE {_LAST} END
"""
# What the index is asked for: nearly every trade is a first version of a deal of its own, and the rest see to it later.
_NOT_AFTER = f"CASE WHEN b.version = 1 AND b.block_id IS NULL THEN b.trade_id ELSE {_LAST} END"

POSSIBLE_DUPLICATE = Check(
    code="POSSIBLE_DUPLICATE",
    title="Possible duplicate",
    severity="BLOCK",
    precedence=60,
    rows=f"""
        SELECT b.trade_id, 'source_ref' AS subject, 'one deal' AS expected,
               min(o.source || ' ' || o.source_ref) AS actual
        FROM batch b
        CROSS JOIN LATERAL (
            SELECT * FROM trades_version o
            WHERE o.trade_date = b.trade_date AND o.duplicate_key = b.duplicate_key
              AND o.trade_id < {_NOT_AFTER} AND o.trade_id <> b.trade_id
            OFFSET 0  -- look the key up, never join the whole table
        ) o
        JOIN trades_state s ON s.trade_id = o.trade_id AND s.version = o.version
            AND s.state <> {State.CANCELLED.value}
        WHERE o.quantity IS NOT DISTINCT FROM b.quantity AND o.net_amount = b.net_amount
            AND o.counterparty_ref = b.counterparty_ref
            AND o.trade_id < {_BEFORE}
            -- A part is no copy of its block or of another part of it.
            AND (b.block_id IS NULL OR b.block_id NOT IN (o.trade_id, coalesce(s.block_id, 0)))
        GROUP BY b.trade_id
    """,
    message="The same deal was also captured as {actual}.",
    fix="Reject the duplicate, or have a second person accept that both are genuine.",
    example="The same order sent twice with two references.",
    overridable=True,
)
