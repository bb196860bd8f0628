"""What a deal is charged beside what is paid with it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ledger.services.verify_journal import verify_journal
from tests.ledger.journal_support import balances, entries, journal
from tests.ledger.support import ACTOR, cancel, post
from tests.support.factories import captured_ids, check_everything, equity, goods, world
from tests.support.fees import fee_rule
from tests.support.records import NOW, TODAY

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("charge", "document", "expected"),
    [
        (
            {"type": "CUSTODY"},
            equity(),
            {("FEE_EXPENSE", "USD"): "18.73", ("ACCRUED_CHARGES", "USD"): "-18.73"},
        ),
        (
            {"type": "SERVICE_FEE", "direction": "RECEIVE"},
            equity(),
            {("ACCRUED_CHARGES", "USD"): "18.73", ("FEE_INCOME", "USD"): "-18.73"},
        ),
        (
            {"type": "VAT", "rate": "2000", "direction": "RECEIVE"},
            goods(),
            {("ACCRUED_CHARGES", "EUR"): "19.2", ("TAX_PAYABLE", "EUR"): "-19.2"},
        ),
    ],
)
def test_is_accrued_once_the_checks_have_seen_the_deal(charge, document, expected):
    world()
    fee_rule(is_stated=False, **charge)
    captured_ids(document)
    check_everything()
    post()
    journal()
    assert balances("FEE_ACCRUAL") == {key: Decimal(amount) for key, amount in expected.items()}
    assert verify_journal(now=NOW, actor=ACTOR, correct=False) == []


def test_is_reversed_with_the_deal():
    world()
    fee_rule(is_stated=False)
    (trade_id,) = captured_ids(equity())
    check_everything()
    journal()
    cancel(trade_id)
    journal()
    assert entries() == [("FEE_ACCRUAL", 1, None, TODAY, TODAY), ("FEE_ACCRUAL", 1, 0, TODAY, TODAY)]
    assert balances() == {}


@pytest.mark.parametrize(("side", "fees"), [("SELL", "FEE_INCOME"), ("BUY", "FEE_EXPENSE")])
def test_of_an_order_that_states_its_sales_tax_is_owed_to_the_state_or_by_it(side, fees):
    world()
    stated = [
        {"type": "VAT", "amount": "20", "currency": "EUR"},
        {"type": "FREIGHT", "amount": "5", "currency": "EUR"},
    ]
    captured_ids(goods(side=side, fees=stated))
    check_everything()
    post()
    journal()
    owed = 1 if side == "SELL" else -1
    assert balances("FEE_ACCRUAL") == {(fees, "EUR"): owed * 20, ("TAX_PAYABLE", "EUR"): owed * -20}
    assert balances()[fees, "EUR"] == owed * -5
    assert verify_journal(now=NOW, actor=ACTOR, correct=False) == []


def test_is_only_what_is_not_paid_with_the_deal():
    world()
    captured_ids(
        equity(
            fees=[
                {"type": "COMMISSION", "amount": "10", "currency": "USD"},
                {"type": "LEVY", "amount": "3", "currency": "EUR"},
            ]
        )
    )
    check_everything()
    post()
    journal()
    assert balances("FEE_ACCRUAL") == {
        ("FEE_EXPENSE", "EUR"): Decimal(3),
        ("ACCRUED_CHARGES", "EUR"): Decimal(-3),
    }
    assert verify_journal(now=NOW, actor=ACTOR, correct=False) == []
