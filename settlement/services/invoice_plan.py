"""What to bill and what to take back, decided from what there is to bill of trades and what was billed of them.

Pure: nothing here reads or writes. What is billed of an item is told by how far it is billed: the part from 4 to 10
pieces costs what 10 cost less what 4 cost, so that parts add up to the whole to the cent, however it is divided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.money import ZERO, round_money

Key = tuple[int, str]  # of a trade, its item


@dataclass(frozen=True)
class Payer:
    """Who bills whom in which currency, under which series; `trade_id` is None in a statement of several trades."""

    entity_id: int
    customer_id: int
    currency: str
    series: str
    trade_id: int | None


@dataclass(frozen=True)
class Item:
    """One thing of a trade that is billed: a line of an order, or a charge.

    quantity, amount, tax: of the whole. due: how much of the quantity is to be billed by now; delivered: how much of
    it whatever becomes of the trade. may_bill: the trade's terms have passed the checks, so that `due` is billed.
    """

    trade_id: int
    version: int
    name: str
    payer: Payer
    text: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    due: Decimal
    delivered: Decimal
    may_bill: bool
    tax: Decimal = ZERO
    tax_rate: Decimal | None = None
    tax_rule_version_id: int | None = None
    leg: int | None = None
    instruction_id: int | None = None
    report_id: int | None = None
    accrual_id: int | None = None

    def net_to(self, quantity: Decimal) -> Decimal:
        """Return what a quantity costs before tax."""
        if quantity == self.quantity:
            return self.amount
        return round_money(quantity * self.unit_price, self.payer.currency)

    def tax_to(self, quantity: Decimal) -> Decimal:
        """Return the tax on a quantity: its share of the tax of the whole."""
        if quantity == self.quantity:
            return self.tax
        if not self.amount:
            return ZERO
        return round_money(self.tax * self.net_to(quantity) / self.amount, self.payer.currency)


@dataclass(frozen=True)
class Standing:
    """An invoice line that still counts, and what was credited of it by hand."""

    id: int
    invoice_id: int
    trade_id: int
    item: str
    part: int
    quantity: Decimal
    unit_price: Decimal
    net: Decimal
    tax: Decimal
    entity_id: int
    customer_id: int
    currency: str
    credited_quantity: Decimal = ZERO
    credited_net: Decimal = ZERO
    credited_tax: Decimal = ZERO
    credit_count: int = 0

    @property
    def open(self) -> tuple[Decimal, Decimal, Decimal]:
        """Return the quantity, net and tax that are not credited."""
        return (
            self.quantity - self.credited_quantity,
            self.net - self.credited_net,
            self.tax - self.credited_tax,
        )

    def is_of(self, item: Item) -> bool:
        """Tell whether the line bills the item at its price and to whom it is billed now."""
        payer = item.payer
        return (self.entity_id, self.customer_id, self.currency, self.unit_price) == (
            payer.entity_id,
            payer.customer_id,
            payer.currency,
            item.unit_price,
        )


@dataclass(frozen=True)
class Bill:
    """A part of an item to be billed."""

    item: Item
    quantity: Decimal
    net: Decimal
    tax: Decimal


@dataclass(frozen=True)
class Plan:
    """What to bill, and which lines to take back in whole because they hold no longer."""

    bills: Sequence[Bill]
    closes: Sequence[Standing]

    def __bool__(self) -> bool:
        return bool(self.bills or self.closes)


def plan(items: Iterable[Item], standing: Iterable[Standing]) -> Plan:
    """Return what brings what was billed to what there is to bill. Applied, the next plan is empty."""
    wanted: dict[Key, Item] = {(item.trade_id, item.name): item for item in items}
    billed: dict[Key, list[Standing]] = {}
    for line in standing:
        billed.setdefault((line.trade_id, line.item), []).append(line)
    bills: list[Bill] = []
    closes: list[Standing] = []
    for key in sorted(wanted.keys() | billed.keys()):
        _plan_item(wanted.get(key), billed.get(key, []), bills, closes)
    return Plan(bills, closes)


def _plan_item(
    item: Item | None, lines: Sequence[Standing], bills: list[Bill], closes: list[Standing]
) -> None:
    if item is None:
        closes += [line for line in lines if any(line.open)]
        return
    done = sum((line.quantity for line in lines), ZERO)
    target = item.due if item.may_bill else max(item.delivered, min(done, item.quantity))
    if lines and not _holds(item, lines, done, target):
        target = item.due if item.may_bill else item.delivered
        closes += [line for line in lines if target or any(line.open)]
        done = ZERO
    if target > done:
        net = item.net_to(target) - item.net_to(done)
        bills.append(Bill(item, target - done, net, item.tax_to(target) - item.tax_to(done)))


def _holds(item: Item, lines: Sequence[Standing], done: Decimal, target: Decimal) -> bool:
    """Tell whether lines bill a part of an item as it would be billed now."""
    return (
        done <= target
        and all(line.is_of(item) for line in lines)
        and sum((line.net for line in lines), ZERO) == item.net_to(done)
        and sum((line.tax for line in lines), ZERO) == item.tax_to(done)
    )


def shares(total: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Return an amount divided by weights, each share rounded, which add up to it; the last takes all without any."""
    whole = sum(weights, ZERO)
    found: list[Decimal] = []
    before = summed = ZERO
    for place, weight in enumerate(weights, start=1):
        summed += weight
        reached = total if place == len(weights) else ZERO
        if whole and place < len(weights):
            reached = round_money(total * summed / whole, currency)
        found.append(reached - before)
        before = reached
    return found
