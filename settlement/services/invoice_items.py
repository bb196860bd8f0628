"""The items of trades: what there is to bill of them by now, from their terms, their deliveries and their charges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from core import sql
from core.ids import TRADE, public_id
from core.money import ZERO
from settlement.services import _billable
from settlement.services.invoice_plan import Item, Payer, Standing, shares
from trades.lifecycle import State
from trades.products._legs import LINE_LEGS_FROM

TAXES = frozenset({"VAT", "GST", "SALES_TAX"})  # charges of an order that are its tax
ORDER, STATEMENT, CREDIT = "INV", "FEE", "CRN"
_DAYS = {"GOODS": 30}
DEFAULT_DAYS = 14
_BILLED = frozenset({State.VALIDATED, State.INSTRUCTED, State.HANDED_OFF, State.ACKNOWLEDGED, State.SETTLED})
_NOTHING = frozenset({State.CANCELLED, State.ALLOCATED})
_WHOLE = Decimal(1)


@dataclass(frozen=True)
class Deal:
    """A trade as it is billed: who bills whom, on which terms, and whether its version may be billed."""

    trade_id: int
    version: int
    state: int
    product: str
    currency: str
    customer_id: int
    entity_id: int
    trade_date: date
    is_sold: bool
    days: int
    end_of_month: bool
    services: str
    monthly: bool

    @property
    def may_bill(self) -> bool:
        """Whether the version has passed the checks."""
        return self.state in _BILLED

    def payer(self, series: str, currency: str) -> Payer:
        """Return who is billed for the trade under a series."""
        together = self.monthly and series == STATEMENT
        return Payer(self.entity_id, self.customer_id, currency, series, None if together else self.trade_id)


@dataclass(frozen=True)
class Situation:
    """Trades with their items, what was billed of them, and how many parts each item has had."""

    deals: Mapping[int, Deal]
    items: Sequence[Item]
    standing: Sequence[Standing]
    rows: Mapping[int, Mapping[str, Any]]
    parts: Mapping[tuple[int, str], int]


def read_situation(trade_ids: Sequence[int], *, on: date) -> Situation:
    """Return what there is to bill of trades by a day, and what was billed. The caller has locked the trades."""
    ids = {"ids": list(trade_ids)}
    deals = {row["trade_id"]: _deal(row) for row in sql.records(_billable.DEALS, ids) if _is_known(row)}
    lines = _by_trade(sql.records(_billable.LINES, ids))
    charges = _by_trade(sql.records(_billable.CHARGES, ids))
    delivered = {(row["trade_id"], row["n"]): row for row in sql.records(_billable.DELIVERED, ids)}
    items = [
        item
        for trade_id, deal in deals.items()
        if deal.state not in _NOTHING
        for item in _items(deal, lines.get(trade_id, []), delivered, charges.get(trade_id, []), on)
    ]
    rows = {row["id"]: row for row in sql.records(_billable.STANDING, ids)}
    wanted = [field.name for field in fields(Standing)]
    standing = [Standing(**{name: row[name] for name in wanted}) for row in rows.values()]
    parts = {(trade_id, item): part for trade_id, item, part in sql.rows(_billable.PARTS, ids)}
    return Situation(deals, items, standing, rows, parts)


def _is_known(row: Mapping[str, Any]) -> bool:
    return row["counterparty_id"] is not None and row["entity_id"] is not None


def _deal(row: Mapping[str, Any]) -> Deal:
    days = row["days"]
    return Deal(
        trade_id=row["trade_id"],
        version=row["version"],
        state=row["state"],
        product=row["product"],
        currency=row["currency"],
        customer_id=row["counterparty_id"],
        entity_id=row["entity_id"],
        trade_date=row["trade_date"],
        is_sold=row["is_sold"],
        days=_DAYS.get(row["product"], DEFAULT_DAYS) if days is None else days,
        end_of_month=bool(row["end_of_month"]),
        services=row["services"] or "DATE",
        monthly=row["fees"] == "MONTH",
    )


def _by_trade(rows: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    return {trade_id: list(each) for trade_id, each in groupby(rows, key=lambda row: row["trade_id"])}


def _items(
    deal: Deal,
    lines: Sequence[Mapping[str, Any]],
    delivered: Mapping[tuple[int, int], Mapping[str, Any]],
    charges: Sequence[Mapping[str, Any]],
    on: date,
) -> list[Item]:
    if not deal.is_sold:
        due = deal.may_bill and not (deal.monthly and _month(deal.trade_date) >= _month(on))
        return [_charge(deal, each, STATEMENT, due=due) for each in charges]
    taxes = [each for each in charges if each["type"] in TAXES and each["currency"] == deal.currency]
    billed = [_line(deal, each, delivered.get((deal.trade_id, each["n"])), on) for each in lines]
    billed = _taxed(billed, taxes, deal.currency)
    due, begun = any(item.due for item in billed), any(item.delivered for item in billed)
    return billed + [
        _charge(deal, each, ORDER, due=due, begun=begun) for each in charges if each not in taxes
    ]


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month


def _line(deal: Deal, row: Mapping[str, Any], delivery: Mapping[str, Any] | None, on: date) -> Item:
    given = min(delivery["quantity"], row["quantity"]) if delivery else ZERO
    # What was rendered to its last day is billed unless it was agreed that it must be accepted first.
    ended = deal.services == "DATE" and row["due_date"] is not None and row["due_date"] < on
    return Item(
        trade_id=deal.trade_id,
        version=deal.version,
        name=f"line {row['n']}",
        payer=deal.payer(ORDER, deal.currency),
        text=row["description"] or row["sku"],
        quantity=row["quantity"],
        unit_price=row["unit_price"],
        amount=row["amount"],
        due=row["quantity"] if ended else given,
        delivered=given,
        may_bill=deal.may_bill,
        leg=LINE_LEGS_FROM + row["n"],
        instruction_id=delivery["instruction_id"] if delivery else None,
        report_id=delivery["report_id"] if delivery else None,
    )


def _taxed(items: Sequence[Item], taxes: Sequence[Mapping[str, Any]], currency: str) -> list[Item]:
    """Return an order's lines with their shares of the tax that is accrued for it."""
    total = sum((tax["amount"] for tax in taxes), ZERO)
    if not total:
        return list(items)
    rates = [tax["rate"] for tax in taxes]
    rate = sum(rates, ZERO) / 100 if None not in rates else None
    rule, accrual = (
        taxes[0][name] if len(taxes) == 1 else None for name in ("rule_version_id", "accrual_id")
    )
    of_lines = shares(total, [item.amount for item in items], currency)
    return [
        replace(item, tax=tax, tax_rate=rate, tax_rule_version_id=rule, accrual_id=accrual)
        for item, tax in zip(items, of_lines, strict=True)
    ]


def _charge(deal: Deal, row: Mapping[str, Any], series: str, *, due: bool, begun: bool = False) -> Item:
    """Return a charge as an item; what comes on top of an order is billed with the first that is billed of it."""
    words = str(row["type"]).replace("_", " ").capitalize()
    text = words if series == ORDER else f"{words}, {public_id(TRADE, deal.trade_id)}"
    return Item(
        trade_id=deal.trade_id,
        version=deal.version,
        name=f"fee {row['type']} {row['currency']}",
        payer=deal.payer(series, row["currency"]),
        text=text,
        quantity=_WHOLE,
        unit_price=row["amount"],
        amount=row["amount"],
        due=_WHOLE if due else ZERO,
        delivered=_WHOLE if begun else ZERO,
        may_bill=deal.may_bill,
        accrual_id=row["accrual_id"],
    )
