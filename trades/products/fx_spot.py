"""FX_SPOT: two currencies exchanged two business days after the deal."""

from trades.products._fx import DIVIDED, EXPECTED_AMOUNT, LEGS, PLACES, FxMessage, enrich_fx, restate_fx
from trades.products.base import Product


class FxSpotMessage(FxMessage, kw_only=True, tag="FX_SPOT", gc=False):
    """A spot exchange of two currencies."""


FX_SPOT = Product(
    code="FX_SPOT",
    title="Foreign exchange, spot",
    message=FxSpotMessage,
    settlement_cycle=2,
    legs=LEGS,
    enrich=enrich_fx("FX_SPOT", 2),
    restate=restate_fx,
    expected_amount=EXPECTED_AMOUNT,
    actual_amount="b.contra_amount",
    places=PLACES,
    divided=DIVIDED,
    example={
        "source": "FO-FX",
        "source_ref": "F-2001",
        "product": "FX_SPOT",
        "counterparty": "BOWLINGG",
        "book": "FX-G10",
        "trader": "asmith",
        "trade_date": "2026-11-23",
        "terms": {
            "bought": {"currency": "EUR", "amount": "1000000.00"},
            "sold": {"currency": "USD", "amount": "1098000.00"},
            "rate": "1.098",
        },
    },
)
