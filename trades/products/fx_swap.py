"""FX_SWAP: two currencies exchanged on a near date and exchanged back on a far one, as one deal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from core.money import round_money
from trades.products._fx import EXPECTED_AMOUNT, FxTerms, exchange_terms
from trades.products._fx import LEGS as NEAR_LEGS
from trades.products.base import (
    Context,
    Leg,
    Message,
    Money,
    Product,
    Terms,
    base_amount,
    duplicate_key,
    require_dates,
    require_decimals,
    restate_common,
)

CYCLE = 2
_FAR = ("settlement_date", "bought_currency", "bought_amount", "sold_currency", "sold_amount", "rate")


class FarTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """What is exchanged back, and when. `rate` is quoted for this leg as the near one's is for that."""

    settlement_date: date
    bought: Money
    sold: Money
    rate: Decimal
    rate_basis: Literal["SOLD_PER_BOUGHT", "BOUGHT_PER_SOLD"] | UnsetType = UNSET

    def __post_init__(self) -> None:
        require_dates(self.settlement_date)
        require_decimals(self.rate)


class FxSwapTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """The two exchanges of a swap, each seen from us."""

    near: FxTerms
    far: FarTerms

    def __post_init__(self) -> None:
        near, far = self.near, self.far
        if (far.bought.currency, far.sold.currency) != (near.sold.currency, near.bought.currency):
            raise ValueError("The far leg exchanges the currencies of the near leg the other way round")


class FxSwapMessage(Message, kw_only=True, tag="FX_SWAP", gc=False):
    """An exchange of two currencies and the exchange back; `settlement_date` is that of the near leg."""

    side: Literal["BUY"] = "BUY"
    terms: FxSwapTerms

    def currencies(self) -> Iterable[str]:
        return (self.terms.near.bought.currency, self.terms.near.sold.currency)


def _enrich(message: FxSwapMessage, context: Context) -> Terms:
    near, far = message.terms.near, message.terms.far
    terms = exchange_terms("FX_SWAP", CYCLE, message, near, context)
    kept = _far(far)
    back = base_amount(far.bought.amount, far.bought.currency, context)
    there = terms.base_amount
    # The limits bound both exchanges: what is received on either date counts.
    terms.base_amount = None if there is None or back is None else there + back
    terms.terms = {**(terms.terms or {}), "far": kept}
    terms.duplicate_key = duplicate_key(
        f"{terms.duplicate_key}|{far.settlement_date}|{hash(kept['sold_amount'])}|{hash(kept['bought_amount'])}"
    )
    return terms


def _far(far: FarTerms) -> dict[str, Any]:
    kept = {
        "settlement_date": far.settlement_date,
        "bought_currency": far.bought.currency,
        "bought_amount": round_money(far.bought.amount, far.bought.currency),
        "sold_currency": far.sold.currency,
        "sold_amount": round_money(far.sold.amount, far.sold.currency),
        "rate": far.rate,
    }
    return kept if far.rate_basis is UNSET else {**kept, "rate_basis": far.rate_basis}


def _restate(version: Mapping[str, Any]) -> dict[str, Any]:
    near_basis = {name: each for name, each in version["terms"].items() if name == "rate_basis"}
    far = version["terms"]["far"]
    day, bought_currency, bought_amount, sold_currency, sold_amount, rate = (far[name] for name in _FAR)
    return {
        **restate_common(version),
        "terms": {
            "near": {
                "bought": {"currency": version["currency"], "amount": version["quantity"]},
                "sold": {"currency": version["contra_currency"], "amount": version["contra_amount"]},
                "rate": version["price"],
                **near_basis,
            },
            "far": {
                "settlement_date": day,
                "bought": {"currency": bought_currency, "amount": bought_amount},
                "sold": {"currency": sold_currency, "amount": sold_amount},
                "rate": rate,
                **{name: each for name, each in far.items() if name == "rate_basis"},
            },
        },
    }


FX_SWAP = Product(
    code="FX_SWAP",
    title="Foreign exchange, swap",
    message=FxSwapMessage,
    settlement_cycle=CYCLE,
    legs=(
        *NEAR_LEGS,
        Leg("CASH", asset="currency", quantity="far.sold_amount", giver="BUYER", date="far.settlement_date"),
        Leg(
            "CASH",
            asset="contra_currency",
            quantity="far.bought_amount",
            giver="SELLER",
            date="far.settlement_date",
        ),
    ),
    enrich=_enrich,
    restate=_restate,
    expected_amount=EXPECTED_AMOUNT,
    actual_amount="b.contra_amount",
    places={
        "quantity": "/terms/near/bought/amount",
        "currency": "/terms/near/bought/currency",
        "contra_amount": "/terms/near/sold/amount",
        "contra_currency": "/terms/near/sold/currency",
        "price": "/terms/near/rate",
        "terms": "/terms/far",
    },
    divided=("/terms/near/sold/amount", "/terms/far/bought/amount", "/terms/far/sold/amount"),
    notes=(
        "The far leg is checked as the near one is: [FAR_LEG_MISMATCH](../checks/far_leg_mismatch.md) where its"
        " amounts do not agree with its rate, [FAR_NOT_AFTER_NEAR](../checks/far_not_after_near.md) where it is not"
        " the later one. Limits count what is received on both dates. Its obligations wait for their day: the trade"
        " is INSTRUCTED with its near leg and goes on once the far leg is sealed too.",
    ),
    example={
        "source": "FO-FX",
        "source_ref": "W-7001",
        "product": "FX_SWAP",
        "counterparty": "BOWLINGG",
        "book": "FX-G10",
        "trader": "asmith",
        "trade_date": "2026-11-23",
        "terms": {
            "near": {
                "bought": {"currency": "EUR", "amount": "2000000.00"},
                "sold": {"currency": "USD", "amount": "2196000.00"},
                "rate": "1.098",
            },
            "far": {
                "settlement_date": "2027-02-25",
                "bought": {"currency": "USD", "amount": "2205400.00"},
                "sold": {"currency": "EUR", "amount": "2000000.00"},
                "rate": "1.1027",
                "rate_basis": "BOUGHT_PER_SOLD",
            },
        },
    },
)
