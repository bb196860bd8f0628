"""FX_FORWARD: two currencies exchanged on an agreed later date."""

from datetime import date

from trades.products._fx import DIVIDED, EXPECTED_AMOUNT, LEGS, PLACES, FxMessage, enrich_fx, restate_fx
from trades.products.base import Product


class FxForwardMessage(FxMessage, kw_only=True, tag="FX_FORWARD", gc=False):
    """A forward exchange of two currencies; its settlement date is part of the deal."""

    settlement_date: date


FX_FORWARD = Product(
    code="FX_FORWARD",
    title="Foreign exchange, forward",
    message=FxForwardMessage,
    settlement_cycle=2,
    legs=LEGS,
    enrich=enrich_fx("FX_FORWARD", 2),
    restate=restate_fx,
    expected_amount=EXPECTED_AMOUNT,
    actual_amount="b.contra_amount",
    places=PLACES,
    divided=DIVIDED,
    example={
        "source": "FO-FX",
        "source_ref": "F-3001",
        "product": "FX_FORWARD",
        "counterparty": "BOWLINGG",
        "book": "FX-G10",
        "trader": "asmith",
        "trade_date": "2026-11-23",
        "settlement_date": "2027-02-25",
        "terms": {
            "bought": {"currency": "GBP", "amount": "500000.00"},
            "sold": {"currency": "USD", "amount": "655000.00"},
            "rate": "1.31",
        },
    },
)
