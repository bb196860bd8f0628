"""What dividends, coupons and redemptions bring."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.ledger.journal_support import balances, journal
from tests.ledger.support import post
from tests.ledger.test_actions import act, terms
from tests.ledger.test_positions import share
from tests.support.factories import captured_ids, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def _held():
    world()
    captured_ids(share("100", "10", day=3))
    post()


@pytest.mark.usefixtures("_held")
def test_a_dividend_is_income_that_is_owed_to_us_until_it_is_paid():
    act("CA-1", terms("DVCA", ex=-1, pay=2, rate="0.35"))
    journal()
    assert balances("CORPORATE_ACTION") == {
        ("RECEIVABLE", "EUR"): Decimal(35),
        ("INVESTMENT_INCOME", "EUR"): Decimal(-35),
    }
    assert balances("SETTLEMENT") == {}


@pytest.mark.usefixtures("_held")
def test_a_redemption_is_for_what_is_held_and_no_income():
    act("CA-1", terms("REDM", ex=-1, rate="11"))
    journal()
    assert balances("CORPORATE_ACTION") == {
        ("RECEIVABLE", "EUR"): Decimal(1100),
        ("INVENTORY", "EUR"): Decimal(-1100),
    }
    assert balances() == {
        ("PAYABLE", "EUR"): Decimal(-1000),
        ("CASH", "EUR"): Decimal(1100),
        ("REALISED_GAIN", "EUR"): Decimal(-100),
    }


@pytest.mark.usefixtures("_held")
def test_a_split_costs_and_brings_nothing():
    before = balances()
    act("CA-1", terms("SPLF", ex=-1, new="3", old="1"))
    journal()
    assert balances("CORPORATE_ACTION") == before == {}
    assert balances() == {("INVENTORY", "EUR"): Decimal(1000), ("PAYABLE", "EUR"): Decimal(-1000)}
