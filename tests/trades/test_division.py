"""Shares of an amount add up to it, and none is a unit away from what is exactly due."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trades.services.division import divide, divide_money

D = Decimal
_WEIGHTS = st.lists(
    st.decimals("0.0000000001", "999999999999999", places=10, allow_nan=False), min_size=1, max_size=40
)


@given(amount=st.integers(-(10**19) + 1, 10**19 - 1), digits=st.integers(0, 4), weights=_WEIGHTS)
def test_shares_add_up_and_are_the_exact_ones_rounded(amount: int, digits: int, weights: list[D]) -> None:
    shares = divide(D(amount).scaleb(-digits), weights, digits)
    units = [int(share.scaleb(digits)) for share in shares]
    assert [D(unit).scaleb(-digits) for unit in units] == shares
    assert sum(units) == amount
    parts = [int(weight.scaleb(10)) for weight in weights]
    for unit, part in zip(units, parts, strict=True):
        assert abs(unit * sum(parts) - amount * part) < sum(parts)


@pytest.mark.parametrize(
    ("amount", "currency", "weights", "shares"),
    [
        ("100.00", "EUR", ["1", "1", "1"], ["33.34", "33.33", "33.33"]),
        ("100", "JPY", ["1", "1", "1"], ["34", "33", "33"]),
        ("-0.05", "USD", ["1", "2"], ["-0.02", "-0.03"]),
        ("0.01", "USD", ["1", "1", "8"], ["0.00", "0.00", "0.01"]),
        ("1.000", "BHD", ["1", "2"], ["0.333", "0.667"]),
        ("10.005", "USD", ["1", "1"], ["5.0025", "5.0025"]),
        ("0", "USD", ["3", "4"], ["0.00", "0.00"]),
    ],
)
def test_money_is_divided_in_minor_units(
    amount: str, currency: str, weights: list[str], shares: list[str]
) -> None:
    assert [str(each) for each in divide_money(D(amount), [D(each) for each in weights], currency)] == shares
