"""What profit is measured against: the one statement that adds up what is held and what was paid for it."""

from __future__ import annotations

from bench.product import Database

_AGGREGATION = """
SELECT count(*), sum(quantity), sum(cash) FROM (
    SELECT sum(CASE side WHEN 'BUY' THEN quantity ELSE -quantity END) AS quantity,
           sum(CASE side WHEN 'BUY' THEN -net_amount ELSE net_amount END) AS cash
    FROM trades_version GROUP BY book_id, product, instrument_id, currency, trader, counterparty_id
) AS positions
"""


def aggregate(database: Database) -> tuple[int, int]:
    """Add up every trade; return how many positions there are, and the sum of what is held."""
    positions, quantity, _ = database.row(_AGGREGATION)
    return int(positions), int(quantity)
