"""LISTED_DERIVATIVE: contracts of a future or an option, dealt on an exchange."""

from __future__ import annotations

from datetime import date
from typing import Any

from core.money import ZERO, round_money
from refdata.selectors import InstrumentRef
from trades.products.base import Leg, Product, SecurityMessage, Worth, enrich_security, restate_security


class ListedDerivativeMessage(SecurityMessage, kw_only=True, tag="LISTED_DERIVATIVE", gc=False):
    """A purchase or sale of contracts: `quantity` of them at `price`, of which the multiplier makes the amount.

    `gross_amount` is an option's premium, a future's notional.
    """


def _value(message: ListedDerivativeMessage, instrument: InstrumentRef | None, settles: date) -> Worth:
    multiplier = instrument.multiplier if instrument else 1
    gross = message.gross_amount
    if gross is None:
        gross = round_money(message.quantity * message.price * multiplier, message.currency)
    contract = _contract(instrument) if instrument else None
    is_option = contract is not None and contract["kind"] == "OPTION"
    return gross, gross if is_option else ZERO, {"contract": contract}


def _contract(instrument: InstrumentRef) -> dict[str, Any] | None:
    told = instrument.contract
    if told is None:
        return None
    contract: dict[str, Any] = {
        "kind": "OPTION" if told.option_type else "FUTURE",
        "multiplier": instrument.multiplier.normalize() + 0,
        "expiry": told.expiry,
        "underlying": told.underlying,
    }
    if told.option_type:
        contract |= {"option_type": told.option_type, "strike": told.strike}
    return contract


LISTED_DERIVATIVE = Product(
    code="LISTED_DERIVATIVE",
    title="Listed futures and options",
    message=ListedDerivativeMessage,
    settlement_cycle=1,
    legs=(
        Leg("SECURITY", asset="instrument_ref", quantity="quantity", giver="SELLER", worth="b.gross_amount"),
        Leg("CASH", asset="currency", quantity="net_amount", giver="BUYER", signed=True),
    ),
    enrich=enrich_security("LISTED_DERIVATIVE", 1, _value),
    restate=restate_security,
    expected_amount="b.quantity * b.price * coalesce(b.multiplier, 1)",
    actual_amount="b.gross_amount",
    paid_amount="CASE WHEN b.terms->'contract'->>'kind' = 'OPTION' THEN b.gross_amount ELSE 0 END",
    notes=(
        "The contracts go by the settlement instruction of the market: the clearing account at the clearing house."
        " The buyer of an option pays its premium; of a future only fees are paid, by each side its own. What is paid"
        " falls due one business day later.",
        "Variation margin, exercise and assignment are not known here.",
    ),
    example={
        "source": "FO-LD",
        "source_ref": "L-6001",
        "product": "LISTED_DERIVATIVE",
        "side": "BUY",
        "instrument": "OESX-2612-C-5000",
        "quantity": "25",
        "price": "84.3",
        "currency": "EUR",
        "counterparty": "AMSTELKA",
        "book": "LD-INDEX",
        "trader": "ivermeer",
        "trade_date": "2026-11-23",
        "fees": [{"type": "CLEARING", "amount": "31.25", "currency": "EUR"}],
    },
)
