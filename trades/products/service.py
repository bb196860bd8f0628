"""SERVICE: work done by milestones or over periods, each line billed on the day it is delivered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
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
    require_dates,
    require_decimals,
    require_product,
)


class Period(Struct, frozen=True, forbid_unknown_fields=True):
    """The days over which a service is rendered, first and last."""

    start: date
    end: date

    def __post_init__(self) -> None:
        require_dates(self.start, self.end)
        if self.end < self.start:
            raise ValueError("The period ends before it starts")


class ServiceLine(Struct, frozen=True, forbid_unknown_fields=True):
    """One part of an order: due at its milestone or at its period's end, else on the order's settlement date."""

    sku: Reference
    quantity: Decimal
    unit_price: Decimal
    description: Annotated[str, Meta(max_length=256)] = ""
    milestone: date | None = None
    period: Period | None = None

    def __post_init__(self) -> None:
        require_decimals(self.quantity, self.unit_price)
        require_product(self.quantity, self.unit_price)
        require_dates(self.milestone)
        if self.milestone and self.period:
            raise ValueError("A line has a milestone or a period, not both")

    @property
    def due(self) -> date | None:
        """Return the line's own date, or None."""
        return self.period.end if self.period else self.milestone


class ServiceTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """The lines of an order."""

    lines: Annotated[list[ServiceLine], Meta(min_length=1, max_length=5000)]

    def __post_init__(self) -> None:
        require_decimals(sum((line.quantity for line in self.lines), ZERO))


class ServiceMessage(OrderMessage, kw_only=True, tag="SERVICE", gc=False):
    """An order for work: SELL where we do it and the customer pays, BUY where it is done for us.

    `settlement_date` is the due date of the lines that have none of their own.
    """

    terms: ServiceTerms


def _enrich(message: ServiceMessage, context: Context) -> Terms:
    due = lead_time("SERVICE", message, message.terms.lines, context)
    lines = [_line(line, message.currency, due, context) for line in message.terms.lines]
    terms = order_terms(
        "SERVICE",
        message,
        context,
        lines=lines,
        settles=min(line["due_date"] for line in lines),
        economics="|".join(
            f"{line.sku} {hash(line.quantity)} {hash(line.unit_price)} {line.due}"
            for line in message.terms.lines
        ),
    )
    billed = sum((line["amount"] for line in lines), ZERO)
    if terms.net_amount != billed:
        terms.terms["charges"] = {"amount": terms.net_amount - billed}
    return terms


def _line(line: ServiceLine, currency: str, due: date, context: Context) -> dict[str, Any]:
    return {
        **stored_line(line, currency, context),
        "due_date": line.due or due,
        **({"milestone": line.milestone} if line.milestone else {}),
        **({"period": {"start": line.period.start, "end": line.period.end}} if line.period else {}),
    }


def _restate(version: Mapping[str, Any]) -> dict[str, Any]:
    stated = ("sku", "description", "quantity", "unit_price", "milestone", "period")
    lines = version["terms"]["lines"]
    undated = [line["due_date"] for line in lines if "milestone" not in line and "period" not in line]
    return {**restate_order(version, stated), **({"settlement_date": undated[0]} if undated else {})}


SERVICE = Product(
    code="SERVICE",
    title="Orders for services",
    message=ServiceMessage,
    settlement_cycle=LEAD_DAYS,
    legs=(
        Leg("GOODS", asset="lines.sku", quantity="lines.quantity", giver="SELLER", date="lines.due_date"),
        Leg("CASH", asset="currency", quantity="lines.amount", giver="BUYER", date="lines.due_date"),
        Leg("CASH", asset="currency", quantity="charges.amount", giver="BUYER", signed=True),
    ),
    enrich=_enrich,
    restate=_restate,
    expected_amount=EXPECTED_AMOUNT,
    actual_amount="b.gross_amount",
    places=PLACES,
    fees_on_top=True,
    divided=None,
    notes=(
        "Each line is delivered and billed on its own day, so each makes two obligations with a date of their own; the"
        " trade's settlement date is the first of them. What the net amount has beyond the lines (fees, say) is billed"
        " on that first day. The work goes to where goods go: to the address of the party's settlement instruction for"
        " goods.",
        "A day that both sides agreed on is never moved: a period that ends on a closed day, billed on the next open"
        " one, is sent with its milestone instead, and else held as"
        " [NOT_BUSINESS_DAY](../checks/not_business_day.md).",
    ),
    example={
        "source": "STUDIO",
        "source_ref": "S-8001",
        "product": "SERVICE",
        "side": "SELL",
        "currency": "GBP",
        "counterparty": "CUST-ALDERNEY",
        "book": "SERVICES-UK",
        "trade_date": "2026-11-23",
        "terms": {
            "lines": [
                {
                    "sku": "SHOPFIT-DESIGN",
                    "description": "Shop design, drawings accepted",
                    "quantity": "1",
                    "unit_price": "2400.00",
                    "milestone": "2026-12-04",
                },
                {
                    "sku": "SHOPFIT-DAY",
                    "description": "Fitting, December",
                    "quantity": "12.5",
                    "unit_price": "420.00",
                    "period": {"start": "2026-12-07", "end": "2026-12-30"},
                },
            ]
        },
    },
)
