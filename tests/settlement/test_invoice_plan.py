"""The plan of billing: parts add up to the whole, what holds stays, and a plan that was applied is empty."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import ZERO, round_money
from settlement.services.invoice_plan import Bill, Item, Payer, Plan, Standing, plan, shares

D = Decimal
PAYER = Payer(1, 2, "EUR", "INV", 7)
CURRENCIES = st.sampled_from(["EUR", "JPY", "BHD"])


def item(quantity="10", price="9.99", *, tax="19.98", due="0", may_bill=True, **changes) -> Item:
    """Return a line of an order of which some is to be billed by now."""
    given_price, whole = D(price), D(quantity)
    made = Item(
        trade_id=7,
        version=1,
        name="line 1",
        payer=PAYER,
        text="mug",
        quantity=whole,
        unit_price=given_price,
        amount=round_money(whole * given_price, "EUR"),
        due=D(due),
        delivered=D(due),
        may_bill=may_bill,
        tax=D(tax),
    )
    return replace(made, **changes)


class Ledger:
    """What was billed so far, as the tables would have it."""

    def __init__(self) -> None:
        self.standing: list[Standing] = []
        self.closed: list[Standing] = []

    def apply(self, wanted: Plan) -> None:
        gone = {line.id for line in wanted.closes}
        self.closed += wanted.closes
        self.standing = [line for line in self.standing if line.id not in gone]
        for bill in wanted.bills:
            self.standing.append(standing(bill, len(self.standing) + len(self.closed) + 1))

    def run(self, *items: Item) -> Plan:
        wanted = plan(items, self.standing)
        self.apply(wanted)
        assert not plan(items, self.standing)
        return wanted

    @property
    def sums(self) -> tuple[Decimal, Decimal, Decimal]:
        return tuple(
            sum((getattr(line, name) for line in self.standing), ZERO) for name in ("quantity", "net", "tax")
        )


def standing(bill: Bill, number: int) -> Standing:
    payer = bill.item.payer
    return Standing(
        number, number, bill.item.trade_id, bill.item.name, number, bill.quantity, bill.item.unit_price, bill.net,
        bill.tax, payer.entity_id, payer.customer_id, payer.currency,
    )  # fmt: skip


@given(
    quantity=st.decimals("0.001", "5000", places=3),
    price=st.decimals("0.0001", "999", places=4),
    tax=st.decimals("0", "500", places=2),
    steps=st.lists(st.decimals("0", "1", places=3), max_size=6),
    currency=CURRENCIES,
)
def test_however_it_is_delivered_the_parts_add_up_to_the_whole(quantity, price, tax, steps, currency):
    payer = replace(PAYER, currency=currency)
    whole = item(
        str(quantity),
        str(price),
        payer=payer,
        amount=round_money(quantity * price, currency),
        tax=round_money(tax, currency),
    )
    ledger = Ledger()
    for done in sorted({*(round(quantity * step, 6) for step in steps), quantity}):
        ledger.run(replace(whole, due=done, delivered=done))
        assert ledger.sums == (done, whole.net_to(done), whole.tax_to(done))
    assert ledger.sums == (whole.quantity, whole.amount, whole.tax)
    assert ledger.closed == []


@pytest.mark.parametrize(
    "changes",
    [
        {"unit_price": D(9), "amount": D(90)},
        {"tax": D("20.00")},
        {"payer": replace(PAYER, customer_id=3)},
        {"payer": replace(PAYER, currency="USD")},
        {"quantity": D(3), "amount": D("29.97"), "tax": D("5.99"), "due": D(3), "delivered": D(3)},
    ],
)
def test_what_holds_no_longer_is_taken_back_whole_and_billed_anew(changes):
    ledger = Ledger()
    ledger.run(item(due="4"))
    ledger.run(item(due="10"))
    changed = item(due="10", **{key: value for key, value in changes.items() if key != "due"})
    changed = replace(changed, due=changes.get("due", changed.due))
    wanted = ledger.run(changed)
    assert (len(wanted.closes), len(wanted.bills)) == (2, 1)
    assert ledger.sums == (changed.due, changed.net_to(changed.due), changed.tax_to(changed.due))


def test_a_version_that_has_not_passed_bills_nothing_but_what_was_delivered():
    ledger = Ledger()
    waiting = item(due="10", may_bill=False, delivered=ZERO)
    assert not ledger.run(waiting)
    ledger.run(item(due="10"))
    assert not ledger.run(waiting)  # what was billed before holds
    dearer = replace(waiting, unit_price=D(12), amount=D(120))
    assert [len(each) for each in (ledger.run(dearer).closes, ledger.standing)] == [1, 0]
    assert ledger.run(replace(dearer, delivered=D(2))).bills[0].net == D(24)


def test_what_there_is_no_more_is_taken_back_unless_all_of_it_was():
    ledger = Ledger()
    ledger.run(item(due="10"))
    (line,) = ledger.standing
    given_back = replace(line, credited_quantity=D(10), credited_net=line.net, credited_tax=line.tax)
    assert not plan([], [given_back])
    assert plan([], [replace(given_back, credited_tax=ZERO)]).closes


@given(
    total=st.decimals("-999", "9999", places=2),
    weights=st.lists(st.decimals("0", "999", places=2), min_size=1, max_size=8),
)
def test_shares_add_up_and_none_is_further_from_its_own_than_a_cent(total, weights):
    found = shares(total, weights, "EUR")
    assert sum(found) == total
    whole = sum(weights)
    for share, weight in zip(found, weights, strict=True):
        assert not whole or abs(share - total * weight / whole) <= D("0.01")
