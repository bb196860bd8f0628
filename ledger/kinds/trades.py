"""TRADES: the front office's list of the deals of a day against the current versions of what was captured."""

from __future__ import annotations

from core.ids import TRADE, public_id
from ledger.kinds.base import Field, Kind
from trades.lifecycle import State

# A deal is what the front office knows: not the parts that a block was allocated to.
_OURS = f"""
SELECT v.trade_id::text AS id, v.trade_date AS day, v.source_ref, v.product, v.side,
       v.instrument_ref AS instrument, v.counterparty_ref AS counterparty, v.book_ref AS book, v.quantity, v.price,
       v.currency, v.net_amount AS amount, v.trade_date, v.settlement_date
FROM trades_version v
JOIN trades_state s ON s.trade_id = v.trade_id AND s.version = v.version
WHERE v.source = %(source)s AND v.trade_date BETWEEN %(start)s AND %(until)s AND %(accounts)s::text[] IS NULL
  AND s.state <> {State.CANCELLED.value} AND s.block_id IS NULL
"""

TRADES = Kind(
    code="TRADES",
    title="Trades against the front office's list",
    fields=(
        Field("source_ref", "text", "the front office's own id of the deal"),
        Field("product", "text", "as in the trade", required=False),
        Field("side", "text", "BUY or SELL, seen from us", required=False),
        Field("instrument", "text", "as the front office names it", required=False),
        Field("counterparty", "text", "as the front office names it", required=False),
        Field("book", "text", "as the front office names it", required=False),
        Field("quantity", "decimal", "how much", required=False),
        Field("price", "decimal", "at which price", required=False),
        Field("currency", "currency", "of the amount"),
        Field("amount", "decimal", "what is paid, after fees"),
        Field("trade_date", "date", "when it was dealt", required=False),
        Field("settlement_date", "date", "when it settles", required=False),
    ),
    ours=lambda: _OURS,
    identity=("source_ref",),
    money=("amount", "currency"),
    valued_by="CURRENCY",
    levels=(
        {
            "keys": ["source_ref"],
            "compare": {
                "side": {"type": "TEXT"},
                "instrument": {"type": "TEXT"},
                "counterparty": {"type": "TEXT"},
                "book": {"type": "TEXT"},
                "quantity": {"type": "ABSOLUTE", "limit": "0"},
                "price": {"type": "ABSOLUTE", "limit": "0"},
                "currency": {"type": "TEXT"},
                "amount": {"type": "ABSOLUTE", "limit": "0"},
                "settlement_date": {"type": "DAYS", "limit": "0"},
            },
        },
    ),
    example={
        "source_ref": "E-1001",
        "side": "BUY",
        "instrument": "US0378331005",
        "counterparty": "HUDSONPI",
        "book": "EQ-US",
        "quantity": "100",
        "price": "187.25",
        "currency": "USD",
        "amount": "18726.95",
        "settlement_date": "2026-11-25",
    },
    near=("source_ref", "instrument", "side"),
    reference=lambda number: public_id(TRADE, int(number)),
)
