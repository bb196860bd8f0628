"""POSSIBLE_DUPLICATE: another live trade of the day has the same economics under another reference."""

from risk.checks.base import Check
from trades.lifecycle import State

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
            WHERE o.trade_date = b.trade_date AND o.duplicate_key = b.duplicate_key AND o.trade_id < b.trade_id
            OFFSET 0  -- look the key up, never join the whole table
        ) o
        JOIN trades_state s ON s.trade_id = o.trade_id AND s.version = o.version
            AND s.state <> {State.CANCELLED.value}
        WHERE o.quantity IS NOT DISTINCT FROM b.quantity AND o.net_amount = b.net_amount
            AND o.counterparty_ref = b.counterparty_ref
        GROUP BY b.trade_id
    """,
    message="The same deal was captured before as {actual}.",
    fix="Reject the duplicate, or have a second person accept that both are genuine.",
    example="The same order sent twice with two references.",
    overridable=True,
)
