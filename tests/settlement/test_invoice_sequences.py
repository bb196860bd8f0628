"""Whatever is billed, changed, credited and called off, what is billed less credited is what is owed, to the cent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core import sql
from settlement.services.credit import Wish, credit_invoice
from settlement.services.invoice import bill_due
from settlement.services.invoice_tie_out import tie_out_invoices
from tests.settlement.support import validate, validated
from tests.support.factories import service, world
from tests.support.invoices import BILLER, billing_terms, gaps, open_amount
from tests.support.records import CLERK, NOW, person, state_of
from trades.lifecycle import State
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db
D = Decimal
AFTER = NOW + timedelta(days=30)  # every line has ended by then
_prices = st.decimals("0.01", "9.99", places=2)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("bill"), st.none()),
        st.tuples(st.just("amend"), _prices),
        st.tuples(st.just("credit"), _prices),
        st.tuples(st.just("cancel"), st.none()),
    ),
    max_size=7,
)


def order(price: Decimal) -> list[dict[str, str]]:
    """Return the only line of a service: four hours at a price."""
    return [{"sku": "SKU-1", "quantity": "4", "unit_price": str(price), "milestone": "2026-12-02"}]


class Books:
    """One service, and what is owed of it by a count of our own."""

    def __init__(self) -> None:
        world()
        billing_terms(credit_alone_below="1000000")
        self.price = D("5.00")
        self.billed, self.credited, self.moves = False, D(0), 0
        (self.trade_id,) = validated(service(lines=order(self.price)))
        self.user = person("clerk")

    @property
    def owed(self) -> Decimal:
        return 4 * self.price - self.credited if self.billed else D(0)

    def at(self):
        self.moves += 1
        return AFTER + timedelta(minutes=self.moves)

    def bill(self, _: None) -> None:
        if state_of(self.trade_id)[0] is State.CAPTURED:
            validate([self.trade_id])
        bill_due(now=self.at(), actor=BILLER)
        if not self.billed:
            self.billed, self.credited = True, D(0)

    def change(self, kind: str, **changes) -> None:
        change = Change(kind, self.trade_id, "agreed", **changes)
        change_trade(change=change, actor=CLERK, now=self.at())

    def amend(self, price: Decimal) -> None:
        if price != self.price:
            self.change("AMEND", changes={"terms": {"lines": order(price)}})
            self.price, self.billed = price, False

    def credit(self, amount: Decimal) -> None:
        if amount > self.owed:
            return
        ((invoice_id,),) = sql.rows("SELECT max(id) FROM settlement_invoice WHERE kind = 'INVOICE'")
        credit_invoice(
            invoice_id=invoice_id, wishes=[Wish(1, net=amount)], reason="less", user=self.user, actor=CLERK,
            now=self.at(),
        )  # fmt: skip
        self.credited += amount

    def cancel(self, _: None) -> None:
        self.change("CANCEL")
        self.billed = False


class TestAnySequence(TestCase):
    @settings(max_examples=20)
    @given(steps=_steps)
    def test_leaves_exactly_what_is_owed(self, steps):
        books = Books()
        for step, value in steps:
            getattr(books, step)(value)
            assert (open_amount([books.trade_id]), gaps()) == (books.owed, [])
            if step == "cancel":
                break
        else:
            books.bill(None)
        assert tie_out_invoices(correct=False, now=books.at(), actor=CLERK) == []
        assert open_amount([books.trade_id]) == books.owed
