"""GOODS: an order of many lines, delivered line by line against one payment. Equal lines are genuine."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta, Struct

from core.money import ZERO
from trades.products._orders import (
    EXPECTED_AMOUNT,
    LEAD_DAYS,
    PLACES,
    OrderMessage,
    lead_time,
    order_terms,
    restate_order,
    stored_line,
)
from trades.products.base import (
    Context,
    Leg,
    Product,
    Reference,
    Terms,
    require_decimals,
    require_product,
)


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of an order."""

    sku: Reference
    quantity: Decimal
    unit_price: Decimal
    description: Annotated[str, Meta(max_length=256)] = ""

    def __post_init__(self) -> None:
        require_decimals(self.quantity, self.unit_price)
        require_product(self.quantity, self.unit_price)


class GoodsTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """The lines of an order."""

    lines: Annotated[list[Line], Meta(min_length=1, max_length=5000)]

    def __post_init__(self) -> None:
        require_decimals(sum((line.quantity for line in self.lines), ZERO))


class GoodsMessage(OrderMessage, kw_only=True, tag="GOODS", gc=False):
    """An order: SELL where we deliver and the customer pays, BUY where goods come to us."""

    terms: GoodsTerms


def _enrich(message: GoodsMessage, context: Context) -> Terms:
    currency, lines = message.currency, message.terms.lines
    return order_terms(
        "GOODS",
        message,
        context,
        lines=[stored_line(line, currency, context) for line in lines],
        settles=lead_time("GOODS", message, lines, context),
        economics="|".join(f"{line.sku} {hash(line.quantity)} {hash(line.unit_price)}" for line in lines),
    )


def _restate(version: Mapping[str, Any]) -> dict[str, Any]:
    return restate_order(version, ("sku", "description", "quantity", "unit_price"))


GOODS = Product(
    code="GOODS",
    title="Orders for goods",
    message=GoodsMessage,
    settlement_cycle=LEAD_DAYS,
    legs=(
        Leg(
            "GOODS",
            asset="lines.sku",
            quantity="lines.quantity",
            giver="SELLER",
            worth="(line.item->>'amount')::numeric",
        ),
        Leg("CASH", asset="currency", quantity="net_amount", giver="BUYER"),
    ),
    enrich=_enrich,
    restate=_restate,
    expected_amount=EXPECTED_AMOUNT,
    actual_amount="b.gross_amount",
    places=PLACES,
    fees_on_top=True,
    divided=None,
    example={
        "source": "SHOP",
        "source_ref": "O-4001",
        "product": "GOODS",
        "side": "SELL",
        "currency": "GBP",
        "counterparty": "CUST-ALDERNEY",
        "book": "GOODS-UK",
        "trade_date": "2026-11-23",
        "terms": {
            "lines": [
                {
                    "sku": "APRON-CHA",
                    "description": "Canvas apron, chalk",
                    "quantity": "12",
                    "unit_price": "9.95",
                },
                {
                    "sku": "MUG-CHA",
                    "description": "Stoneware mug 350 ml, chalk",
                    "quantity": "6",
                    "unit_price": "4.25",
                },
            ]
        },
    },
)
