"""What FX_SPOT, FX_FORWARD and each leg of FX_SWAP share: two currencies exchanged at a rate on one value date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from refdata.calendars import pair, spot_calendars
from trades.products.base import (
    Context,
    Cycle,
    Enrich,
    Leg,
    Message,
    Money,
    Terms,
    base_amount,
    duplicate_key,
    require_decimals,
    restate_common,
    settlement_date,
)

LEGS = (
    Leg("CASH", asset="currency", quantity="gross_amount", giver="SELLER"),
    Leg("CASH", asset="contra_currency", quantity="contra_amount", giver="BUYER"),
)
# The sold amount follows from the bought one by the rate, multiplied or divided as the rate is quoted.
EXPECTED_AMOUNT = (
    "CASE WHEN b.price <= 0 THEN NULL"
    " WHEN b.terms->>'rate_basis' = 'BOUGHT_PER_SOLD' THEN b.gross_amount / b.price"
    " ELSE b.gross_amount * b.price END"
)


PLACES = {
    "quantity": "/terms/bought/amount",
    "currency": "/terms/bought/currency",
    "contra_amount": "/terms/sold/amount",
    "contra_currency": "/terms/sold/currency",
    "price": "/terms/rate",
    "terms": "/terms/rate_basis",
}
DIVIDED = ("/terms/sold/amount",)


class FxTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """What is exchanged. `rate_basis` says which way the rate is quoted."""

    bought: Money
    sold: Money
    rate: Decimal
    rate_basis: Literal["SOLD_PER_BOUGHT", "BOUGHT_PER_SOLD"] | UnsetType = UNSET

    def __post_init__(self) -> None:
        require_decimals(self.rate)


class FxMessage(Message, kw_only=True, gc=False):
    """An exchange of two currencies."""

    side: Literal["BUY"] = "BUY"
    terms: FxTerms

    def currencies(self) -> Iterable[str]:
        return (self.terms.bought.currency, self.terms.sold.currency)


def enrich_fx(product: str, cycle: int) -> Enrich:
    """Return the enrichment of an exchange of two currencies on one date."""

    def enrich(message: FxMessage, context: Context) -> Terms:
        return exchange_terms(product, cycle, message, message.terms, context)

    return enrich


def spot_cycle(default: int, one: str, other: str) -> Cycle:
    """Return the cycle of a pair's spot date, by which an exchange settles that names no date."""
    counted, last = spot_calendars(one, other)
    return Cycle(
        product="FX_SPOT", markets=(pair(one, other),), calendars=last, default=default, counted=counted
    )


def exchange_terms(product: str, cycle: int, message: Message, exchange: FxTerms, context: Context) -> Terms:
    """Return the enriched terms of a message's only, or first, exchange."""
    counterparty = context.parties.get(message.counterparty)
    book = context.books.get(message.book)
    bought, sold = exchange.bought, exchange.sold
    basis = exchange.rate_basis
    gross_amount, contra_amount = bought.amount, sold.amount  # agreed, and so never rounded here
    return Terms(
        product=product,
        source=message.source,
        source_ref=message.source_ref,
        source_version=message.source_version,
        side="BUY",
        instrument_ref=None,
        instrument_id=None,
        counterparty_ref=message.counterparty,
        counterparty_id=counterparty.id if counterparty else None,
        book_ref=message.book,
        book_id=book.id if book else None,
        trader=message.trader,
        quantity=bought.amount,
        price=exchange.rate,
        currency=bought.currency,
        gross_amount=gross_amount,
        net_amount=gross_amount if message.net_amount is None else message.net_amount,
        contra_currency=sold.currency,
        contra_amount=contra_amount,
        base_amount=base_amount(bought.amount, bought.currency, context),
        trade_date=message.trade_date,
        settlement_date=settlement_date(
            message, context, lambda: spot_cycle(cycle, bought.currency, sold.currency)
        ),
        executed_at=message.executed_at,
        duplicate_key=duplicate_key(
            f"{product}|{bought.currency}|{hash(bought.amount)}|{sold.currency}|{hash(contra_amount)}"
            f"|{hash(exchange.rate)}|{message.counterparty}|{message.book}"
        ),
        fees=message.fees or None,
        terms=None if basis is UNSET else {"rate_basis": basis},
    )


def restate_fx(version: Mapping[str, Any]) -> dict[str, Any]:
    """Return the message of an exchange, from the columns of a stored version."""
    return {
        **restate_common(version),
        "terms": {
            "bought": {"currency": version["currency"], "amount": version["quantity"]},
            "sold": {"currency": version["contra_currency"], "amount": version["contra_amount"]},
            "rate": version["price"],
            **(version["terms"] or {}),
        },
    }
