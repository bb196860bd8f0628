"""EQUITY: shares and funds bought or sold at a unit price, delivered against payment."""

from trades.products.base import Leg, Product, SecurityMessage, enrich_security, restate_security


class EquityMessage(SecurityMessage, kw_only=True, tag="EQUITY", gc=False):
    """A purchase or sale of shares or fund units."""


EQUITY = Product(
    code="EQUITY",
    title="Shares and funds",
    message=EquityMessage,
    settlement_cycle=2,
    legs=(
        Leg(
            "SECURITY",
            asset="instrument_ref",
            quantity="quantity",
            giver="SELLER",
            worth="b.gross_amount",
            against="currency",
        ),
        Leg("CASH", asset="currency", quantity="net_amount", giver="BUYER", against="instrument_ref"),
    ),
    enrich=enrich_security("EQUITY", 2),
    restate=restate_security,
    expected_amount="b.quantity * b.price * coalesce(b.multiplier, 1)",
    actual_amount="b.gross_amount",
    example={
        "source": "FO-EQ",
        "source_ref": "E-1001",
        "product": "EQUITY",
        "side": "BUY",
        "instrument": "US0378331005",
        "quantity": "100",
        "price": "187.25",
        "currency": "USD",
        "counterparty": "HUDSONPI",
        "book": "EQ-US",
        "trader": "jdoe",
        "trade_date": "2026-11-23",
        "fees": [{"type": "COMMISSION", "amount": "1.95", "currency": "USD"}],
    },
)
