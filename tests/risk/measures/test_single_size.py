"""SINGLE_SIZE: each trade alone, by its size."""

import pytest

from risk.measures import MEASURES
from tests.support.factories import checked, codes_of, limit, unit_trade, used, world

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("quantity", ["4", "-4"])
def test_the_size_of_one_trade_counts_and_no_sum(quantity):
    world()
    limit("L", hard="100", measure="SINGLE_SIZE", dimensions=("trader",))
    assert "LIMIT_BREACH" not in codes_of(checked(unit_trade(0)))
    assert "LIMIT_BREACH" not in codes_of(checked(unit_trade(1)))
    assert "LIMIT_BREACH" in codes_of(checked(unit_trade(2, quantity=quantity)))
    assert used("L") == {}


def test_it_does_not_accumulate():
    assert not MEASURES["SINGLE_SIZE"].accumulates
