"""Positions, as the grid gets them."""

import pytest

from tests.ledger.support import post
from tests.ops.data_sets.reading import rows_of
from tests.support.factories import APPLE, checked, equity, world

pytestmark = pytest.mark.django_db


def test_each_is_a_row_of_what_is_traded_settled_and_still_to_settle():
    world()
    checked(equity(quantity="100"))
    post()
    names = ("book", "instrument", "traded", "settled", "to settle")
    (held,) = [each for each in rows_of("positions", only=names) if each["instrument"]]
    assert held == {
        "book": "BOOK-1",
        "instrument": APPLE,
        "traded": 100.0,
        "settled": 0.0,
        "to settle": 100.0,
    }
    (cash,) = [each for each in rows_of("positions") if not each["instrument"]]
    assert (cash["currency"], cash["traded"] < 0) == ("USD", True)
