"""BOND: a nominal amount bought or sold at a clean price in per cent, paid with the interest accrued by settlement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from core.money import ZERO, round_money
from refdata.accrual import Coupons, accrual
from refdata.selectors import InstrumentRef
from trades.products.base import (
    Amount,
    Leg,
    Product,
    SecurityMessage,
    Worth,
    enrich_security,
    require_amounts,
    restate_security,
)

_ACCRUED = "coalesce(b.terms->>'stated_accrued', b.terms->'contract'->>'accrued_amount', '0')::numeric"
_PRICE_QUANTUM = Decimal("0.0000000001")


class BondMessage(SecurityMessage, kw_only=True, tag="BOND", gc=False):
    """A purchase or sale of a bond: `quantity` is nominal, `price` the clean price in per cent of it.

    `accrued_amount` is computed where it is not sent; `gross_amount` is what the bond costs with it.
    """

    accrued_amount: Amount | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_amounts(self.accrued_amount)


def _value(message: BondMessage, instrument: InstrumentRef | None, settles: date) -> Worth:
    stated = message.accrued_amount
    contract = _contract(message, instrument.bond, settles) if instrument and instrument.bond else None
    gross = message.gross_amount
    if gross is None:
        clean = round_money(message.quantity * message.price / 100, message.currency)
        accrued = stated if stated is not None else contract["accrued_amount"] if contract else ZERO
        gross = clean + accrued
    terms: dict[str, Any] = {"contract": contract}
    if stated is not None:
        terms["stated_accrued"] = stated
    return gross, gross, terms


def _contract(message: BondMessage, bond: Coupons, settles: date) -> dict[str, Any]:
    found = accrual(bond, settles)
    accrued_per_cent = found.amount(Decimal(100), bond.coupon_rate)
    return {
        "clean_price": message.price,
        "dirty_price": (message.price + accrued_per_cent).quantize(_PRICE_QUANTUM).normalize() + 0,
        "accrued_amount": round_money(found.amount(message.quantity, bond.coupon_rate), message.currency),
        "accrued_days": found.days,
        "day_count": bond.day_count,
        "coupon_rate": bond.coupon_rate,
        "maturity": bond.maturity,
    }


def _restate(version: Mapping[str, Any]) -> dict[str, Any]:
    stated = version["terms"].get("stated_accrued")
    return {**restate_security(version), **({} if stated is None else {"accrued_amount": stated})}


BOND = Product(
    code="BOND",
    title="Bonds",
    message=BondMessage,
    settlement_cycle=2,
    legs=(
        Leg(
            "SECURITY",
            asset="instrument_ref",
            quantity="quantity",
            giver="SELLER",
            worth=f"b.gross_amount - {_ACCRUED}",  # interest is no part of what the bond itself costs
            against="currency",
        ),
        Leg("CASH", asset="currency", quantity="net_amount", giver="BUYER", against="instrument_ref"),
    ),
    enrich=enrich_security("BOND", 2, _value),
    restate=_restate,
    expected_amount=(f"b.quantity * b.price / 100 + {_ACCRUED}"),
    actual_amount="b.gross_amount",
    places={"terms": "/accrued_amount"},
    divided=("/gross_amount", "/accrued_amount"),
    notes=(
        "Interest accrues from the last coupon, or the dated date, to the settlement date, by the day count of the"
        " instrument: `30/360`, `30E/360`, `30E/360.ISDA`, `ACT/ACT.ICMA`, `ACT/360` or `ACT/365.FIXED` (names of"
        " FpML, rules of ISDA 2006 section 4.16 and ICMA 251). `terms.contract` keeps the clean and the dirty price,"
        " the accrued amount and its days. An accrued amount that is sent is used as it is, and held as"
        " [ACCRUED_MISMATCH](../checks/accrued_mismatch.md) where it is not the computed one.",
        "Not known here: ex-coupon periods, first coupon periods longer than the others, floating and index-linked"
        " coupons, and coupon dates that move with holidays.",
    ),
    example={
        "source": "FO-FI",
        "source_ref": "B-5001",
        "product": "BOND",
        "side": "BUY",
        "instrument": "DE0001102606",
        "quantity": "1000000",
        "price": "94.46",
        "currency": "EUR",
        "counterparty": "RHEINWAL",
        "book": "FI-GOVT",
        "trader": "hkeller",
        "trade_date": "2026-11-23",
    },
)
