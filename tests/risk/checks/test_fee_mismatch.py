"""FEE_MISMATCH holds a deal whose charges are not those that the rules make."""

import pytest

from tests.support.factories import equity, told_of, world
from tests.support.fees import fee_rule

pytestmark = pytest.mark.django_db


def _deal(amount: str | None, **changes):
    """A purchase for 18,700.00 with a commission, or none."""
    fees = [] if amount is None else [{"type": "COMMISSION", "amount": amount, "currency": "USD"}]
    return equity(quantity="100", price="187", fees=fees, **changes)


def test_another_commission_than_the_rule_makes_is_found():
    world()
    fee_rule(rate="10")
    told = told_of(_deal("1.87"))
    message = "COMMISSION comes to 18.70 USD (COMM), and the front office states 1.87 USD."
    assert told == {"FEE_MISMATCH": ("BLOCK", "COMMISSION", "18.70 USD (COMM)", "1.87 USD", message)}


def test_a_commission_left_out_is_found():
    world()
    fee_rule(rate="10")
    assert told_of(_deal(None))["FEE_MISMATCH"][3] == "nothing"


@pytest.mark.parametrize("amount", ["18.70", "18.71", "18.69"])
def test_the_right_commission_passes_to_a_cent(amount):
    world()
    fee_rule(rate="10")
    assert told_of(_deal(amount)) == {}


def test_what_no_rule_charges_passes():
    world()
    fee_rule(rate="10", product="BOND")
    assert told_of(_deal("1.87")) == {}


def test_a_charge_that_the_front_office_does_not_state_is_not_missed():
    world()
    fee_rule(rate="10", is_stated=False)
    assert told_of(_deal(None)) == {}
