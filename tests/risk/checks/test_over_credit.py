"""OVER_CREDIT holds the order with which a customer has ordered more than there is credit for."""

from decimal import Decimal

import pytest

from core.audit import system
from refdata.models import Party
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    equity,
    goods,
    settle,
    told_of,
    world,
)
from tests.support.records import NOW
from trades.lifecycle import State, move_trades

pytestmark = pytest.mark.django_db


def _credit(amount: str) -> None:
    Party.objects.filter(code="CUST-01").update(credit_limit=Decimal(amount))


def _order(amount: str, ref: str = "", **changes):
    return goods(ref, lines=[{"sku": "SKU-1", "quantity": "1", "unit_price": amount}], **changes)


def test_the_order_that_passes_the_credit_is_found():
    world()
    _credit("100")
    assert told_of(_order("60", "O-1")) == {}
    message = "With this order the customer owes 100.01 in base currency, and has credit for 100."
    assert told_of(_order("40.01", "O-2")) == {
        "OVER_CREDIT": ("BLOCK", "counterparty", "100", "100.01", message)
    }


def test_up_to_the_credit_all_is_well():
    world()
    _credit("100")
    orders = captured_ids(_order("60"), _order("40"))
    check_everything()
    assert [codes_of(each) for each in orders] == [[], []]


def test_the_order_of_capture_decides_also_within_one_batch():
    world()
    _credit("100")
    orders = captured_ids(*[_order(str(20 + n)) for n in range(6)])
    check_everything()
    assert [codes_of(each) for each in orders] == [[]] * 4 + [["OVER_CREDIT"]] * 2


def test_what_was_paid_or_called_off_counts_no_longer():
    world()
    _credit("100")
    paid, cancelled = checked(_order("80", "O-1")), checked(_order("20", "O-2"))
    settle([paid])
    move_trades(
        trade_ids=[cancelled], source=State.VALIDATED, target=State.CANCELLED, at=NOW, actor=system("tests")
    )
    assert told_of(_order("99", "O-3")) == {}


def test_what_we_buy_and_other_deals_use_no_credit():
    world()
    _credit("100")
    checked(_order("90", side="BUY"))
    checked(equity(counterparty="CUST-01"))
    assert told_of(_order("99")) == {}


def test_a_customer_without_a_figure_has_no_bound():
    world()
    assert told_of(_order("999999")) == {}
