"""GOODS: an order of many lines, delivered line by line against one payment. Equal lines are genuine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from core.money import ZERO, round_money
from trades.products.base import (
    Amount,
    Context,
    CurrencyCode,
    Leg,
    Message,
    Product,
    Reference,
    Terms,
    base_amount,
    duplicate_key,
    fee_total,
    require_amounts,
    require_dates,
    require_decimals,
    require_product,
    restate_common,
    settlement_date,
)

LEAD_DAYS = 2


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


class GoodsMessage(Message, kw_only=True, tag="GOODS", gc=False):
    """An order: SELL where we deliver and the customer pays, BUY where goods come to us."""

    side: Literal["BUY", "SELL"] = "SELL"
    currency: CurrencyCode
    gross_amount: Amount | None = None
    terms: GoodsTerms

    def __post_init__(self) -> None:
        require_dates(self.trade_date, self.settlement_date, self.executed_at)
        require_amounts(self.gross_amount, self.net_amount)

    def instruments(self) -> Iterable[str]:
        return (line.sku for line in self.terms.lines)

    def currencies(self) -> Iterable[str]:
        return (self.currency,)


def _enrich(message: GoodsMessage, context: Context) -> Terms:
    counterparty = context.parties.get(message.counterparty)
    book = context.books.get(message.book)
    currency = message.currency
    lines = [_line(line, currency, context) for line in message.terms.lines]
    gross = message.gross_amount
    if gross is None:
        gross = sum((line["amount"] for line in lines), ZERO)
    net = message.net_amount
    if net is None:
        net = gross + fee_total(message.fees, currency)
    return Terms(
        product="GOODS",
        source=message.source,
        source_ref=message.source_ref,
        source_version=message.source_version,
        side=message.side,
        instrument_ref=None,
        instrument_id=None,
        counterparty_ref=message.counterparty,
        counterparty_id=counterparty.id if counterparty else None,
        book_ref=message.book,
        book_id=book.id if book else None,
        trader=message.trader,
        quantity=sum((line["quantity"] for line in lines), ZERO),
        price=None,
        currency=currency,
        gross_amount=gross,
        net_amount=net,
        contra_currency=None,
        contra_amount=None,
        base_amount=base_amount(gross, currency, context),
        trade_date=message.trade_date,
        settlement_date=settlement_date(message, context, cycle=LEAD_DAYS, calendars=(currency,)),
        executed_at=message.executed_at,
        duplicate_key=duplicate_key(
            f"GOODS|{message.side}|{message.counterparty}|{message.book}|"
            + "|".join(
                f"{line.sku} {hash(line.quantity)} {hash(line.unit_price)}" for line in message.terms.lines
            )
        ),
        fees=message.fees or None,
        terms={"lines": lines},
    )


def _line(line: Line, currency: str, context: Context) -> dict[str, Any]:
    instrument = context.instruments.get(line.sku)
    return {
        "sku": line.sku,
        "instrument_id": instrument.id if instrument else None,
        "description": line.description,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "amount": round_money(line.quantity * line.unit_price, currency),
    }


def _restate(version: Mapping[str, Any]) -> dict[str, Any]:
    stated = ("sku", "description", "quantity", "unit_price")
    return {
        **restate_common(version),
        "side": version["side"],
        "currency": version["currency"],
        "terms": {"lines": [{name: line[name] for name in stated} for line in version["terms"]["lines"]]},
    }


GOODS = Product(
    code="GOODS",
    title="Orders for goods",
    message=GoodsMessage,
    settlement_cycle=LEAD_DAYS,
    legs=(
        Leg("GOODS", asset="lines.sku", quantity="lines.quantity", giver="SELLER"),
        Leg("CASH", asset="currency", quantity="net_amount", giver="BUYER"),
    ),
    enrich=_enrich,
    restate=_restate,
    expected_amount=(
        "(SELECT sum((line->>'quantity')::numeric * (line->>'unit_price')::numeric)"
        " FROM jsonb_array_elements(b.terms->'lines') AS line)"
    ),
    actual_amount="b.gross_amount",
    places={"quantity": "/terms/lines", "terms": "/terms/lines"},
    fees_on_top=True,
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
