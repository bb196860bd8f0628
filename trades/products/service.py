"""SERVICE: work done by milestones or over periods, each line billed on the day it is delivered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
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


class ServiceMessage(Message, kw_only=True, tag="SERVICE", gc=False):
    """An order for work: SELL where we do it and the customer pays, BUY where it is done for us.

    `settlement_date` is the due date of the lines that have none of their own.
    """

    side: Literal["BUY", "SELL"] = "SELL"
    currency: CurrencyCode
    gross_amount: Amount | None = None
    terms: ServiceTerms

    def __post_init__(self) -> None:
        require_dates(self.trade_date, self.settlement_date, self.executed_at)
        require_amounts(self.gross_amount, self.net_amount)

    def instruments(self) -> Iterable[str]:
        return (line.sku for line in self.terms.lines)

    def currencies(self) -> Iterable[str]:
        return (self.currency,)


def _enrich(message: ServiceMessage, context: Context) -> Terms:
    counterparty = context.parties.get(message.counterparty)
    book = context.books.get(message.book)
    currency = message.currency
    due = settlement_date(message, context, cycle=LEAD_DAYS, calendars=(currency,))
    lines = [_line(line, currency, due, context) for line in message.terms.lines]
    billed = sum((line["amount"] for line in lines), ZERO)
    gross = billed if message.gross_amount is None else message.gross_amount
    net = message.net_amount
    if net is None:
        net = gross + fee_total(message.fees, currency)
    terms: dict[str, Any] = {"lines": lines}
    if net != billed:
        terms["charges"] = {"amount": net - billed}
    return Terms(
        product="SERVICE",
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
        settlement_date=min(line["due_date"] for line in lines),
        executed_at=message.executed_at,
        duplicate_key=duplicate_key(
            f"SERVICE|{message.side}|{message.counterparty}|{message.book}|"
            + "|".join(
                f"{line.sku} {hash(line.quantity)} {hash(line.unit_price)} {line.due}"
                for line in message.terms.lines
            )
        ),
        fees=message.fees or None,
        terms=terms,
    )


def _line(line: ServiceLine, currency: str, due: date, context: Context) -> dict[str, Any]:
    instrument = context.instruments.get(line.sku)
    return {
        "sku": line.sku,
        "instrument_id": instrument.id if instrument else None,
        "description": line.description,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "amount": round_money(line.quantity * line.unit_price, currency),
        "due_date": line.due or due,
        **({"milestone": line.milestone} if line.milestone else {}),
        **({"period": {"start": line.period.start, "end": line.period.end}} if line.period else {}),
    }


def _restate(version: Mapping[str, Any]) -> dict[str, Any]:
    lines = version["terms"]["lines"]
    stated = ("sku", "description", "quantity", "unit_price", "milestone", "period")
    undated = [line["due_date"] for line in lines if "milestone" not in line and "period" not in line]
    return {
        **restate_common(version),
        **({"settlement_date": undated[0]} if undated else {}),
        "side": version["side"],
        "currency": version["currency"],
        "terms": {"lines": [{name: line[name] for name in stated if name in line} for line in lines]},
    }


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
    expected_amount=(
        "(SELECT sum((line->>'quantity')::numeric * (line->>'unit_price')::numeric)"
        " FROM jsonb_array_elements(b.terms->'lines') AS line)"
    ),
    actual_amount="b.gross_amount",
    places={"quantity": "/terms/lines", "terms": "/terms/lines"},
    fees_on_top=True,
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
