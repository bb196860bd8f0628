"""INCOMPLETE_INSTRUMENT holds a deal in an instrument whose terms nobody has entered yet."""

import pytest

from tests.support.factories import bond, bund, derivative, listed, told_of, world

pytestmark = pytest.mark.django_db


def _finding(code: str) -> dict[str, tuple[str, ...]]:
    message = f"The reference data of {code} lack what its amounts rest on: its coupons, or its expiry."
    return {"INCOMPLETE_INSTRUMENT": ("BLOCK", "instrument", "", code, message)}


def test_a_bond_without_coupons_is_found():
    world()
    nothing = dict.fromkeys(("coupon_rate", "coupon_frequency", "dated_date", "maturity"))
    bund(**nothing, day_count="")
    assert told_of(bond()) == _finding("DE0001102606")


def test_a_contract_without_expiry_is_found():
    world()
    listed(expiry=None)
    assert told_of(derivative()) == _finding("FESX-2612")


def test_a_bond_that_pays_no_coupon_is_complete():
    world()
    bund(coupon_rate=0, coupon_frequency=None)
    assert told_of(bond()) == {}
