"""What GOODS and SERVICE share: an order of lines, of which the amounts are the sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal, Protocol

from core.money import ZERO, round_money
from trades.products.base import (
    Amount,
    Context,
    CurrencyCode,
    Message,
    Terms,
    base_amount,
    duplicate_key,
    fee_total,
    require_amounts,
    require_dates,
    restate_common,
    security_cycle,
)

LEAD_DAYS = 2
EXPECTED_AMOUNT = (
    "(SELECT sum((line->>'quantity')::numeric * (line->>'unit_price')::numeric)"
    " FROM jsonb_array_elements(b.terms->'lines') AS line)"
)
PLACES = {"quantity": "/terms/lines", "terms": "/terms/lines"}


class OrderLine(Protocol):
    """What every line of an order has."""

    @property
    def sku(self) -> str: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def unit_price(self) -> Decimal: ...
    @property
    def description(self) -> str: ...


class OrderMessage(Message, kw_only=True, gc=False):
    """An order: SELL where the customer pays, BUY where we do. Its product adds the `terms` with the lines."""

    side: Literal["BUY", "SELL"] = "SELL"
    currency: CurrencyCode
    gross_amount: Amount | None = None

    def __post_init__(self) -> None:
        require_dates(self.trade_date, self.settlement_date, self.executed_at)
        require_amounts(self.gross_amount, self.net_amount)

    def instruments(self) -> Iterable[str]:
        return (line.sku for line in self.terms.lines)  # type: ignore[attr-defined]

    def currencies(self) -> Iterable[str]:
        return (self.currency,)


def stored_line(line: OrderLine, currency: str, context: Context) -> dict[str, Any]:
    """Return a line as the terms keep it: what was sent, the article it resolved to, and its amount."""
    instrument = context.instruments.get(line.sku)
    return {
        "sku": line.sku,
        "instrument_id": instrument.id if instrument else None,
        "description": line.description,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "amount": round_money(line.quantity * line.unit_price, currency),
    }


def lead_time(product: str, message: OrderMessage, lines: Sequence[OrderLine], context: Context) -> date:
    """Return when an order is due that does not say it: when the article with the longest lead time is."""
    if message.settlement_date is not None:
        return message.settlement_date
    cycles = {
        security_cycle(product, LEAD_DAYS, message.currency, context.instruments.get(line.sku))
        for line in lines
    }
    return max(context.settlement_date(message.trade_date, cycle) for cycle in cycles)


def order_terms(
    product: str,
    message: OrderMessage,
    context: Context,
    *,
    lines: list[dict[str, Any]],
    settles: date,
    economics: str,
) -> Terms:
    """Return the enriched terms of an order. economics: what tells its lines from another order's."""
    counterparty = context.parties.get(message.counterparty)
    book = context.books.get(message.book)
    currency = message.currency
    gross = message.gross_amount
    if gross is None:
        gross = sum((line["amount"] for line in lines), ZERO)
    net = message.net_amount
    if net is None:
        net = gross + fee_total(message.fees, currency)
    return Terms(
        product=product,
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
        settlement_date=settles,
        executed_at=message.executed_at,
        duplicate_key=duplicate_key(
            f"{product}|{message.side}|{message.counterparty}|{message.book}|{economics}"
        ),
        fees=message.fees or None,
        terms={"lines": lines},
    )


def restate_order(version: Mapping[str, Any], stated: tuple[str, ...]) -> dict[str, Any]:
    """Return the message of an order from a stored version; `stated` are the keys of a line that were sent."""
    lines = version["terms"]["lines"]
    return {
        **restate_common(version),
        "side": version["side"],
        "currency": version["currency"],
        "terms": {"lines": [{name: line[name] for name in stated if name in line} for line in lines]},
    }
