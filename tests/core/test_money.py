"""Money is rounded in one place, by the minor units of its currency."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import sql
from core.money import (
    currency_codes,
    format_amount,
    format_number,
    is_currency,
    minor_unit_sql,
    minor_units,
    round_money,
)


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("EUR", 2), ("JPY", 0), ("BHD", 3), ("CLF", 4), ("XAU", 2), ("XYZ", None), ("", None)],
)
def test_minor_units_are_those_of_iso_4217(currency, digits):
    assert minor_units(currency) == digits
    assert is_currency(currency) is (digits is not None)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [("1.005", "EUR", "1.01"), ("-1.005", "EUR", "-1.01"), ("1.0049999", "EUR", "1.00"), ("0.5", "JPY", "1"),
     ("1.4999", "JPY", "1"), ("1.0005", "BHD", "1.001"), ("1.005", "XYZ", "1.01"), ("-0.001", "EUR", "0.00"),
     ("999999999999999999.995", "EUR", "1000000000000000000.00")],
)  # fmt: skip
def test_rounding_is_commercial(amount, currency, rounded):
    assert str(round_money(Decimal(amount), currency)) == rounded


def test_a_rule_may_name_another_rounding():
    assert round_money(Decimal("1.005"), "EUR", rounding=ROUND_HALF_EVEN) == Decimal("1.00")
    assert round_money(Decimal("-1.009"), "EUR", rounding=ROUND_DOWN) == Decimal("-1.00")


@given(st.decimals(-(10**12), 10**12, places=6), st.sampled_from(["EUR", "JPY", "BHD", "CLF"]))
def test_rounding_moves_by_at_most_half_a_unit_and_only_once(amount, currency):
    rounded = round_money(amount, currency)
    unit = Decimal(1).scaleb(-(minor_units(currency) or 0))
    assert abs(rounded - amount) * 2 <= unit
    assert round_money(rounded, currency) == rounded
    assert round_money(-amount, currency) == -rounded


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1", "EUR", "1.00"),
        ("1E+3", "JPY", "1000"),
        ("0.0004", "BHD", "0.0004"),
        ("1.20500", "EUR", "1.205"),
        ("-0", "EUR", "0.00"),
    ],
)
def test_an_amount_is_shown_with_its_currencys_digits_or_its_own_if_it_has_more(amount, currency, text):
    assert format_amount(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [("1.500", "1.5"), ("100", "100"), ("1E+3", "1000"), ("1E-10", "0.0000000001"), ("0.00", "0")],
)
def test_a_number_is_shown_without_needless_zeros_or_exponent(number, text):
    assert format_number(Decimal(number)) == text


def test_nothing_is_shown_as_nothing():
    assert format_amount(None, "EUR") is None
    assert format_number(None) is None


@pytest.mark.django_db
def test_postgresql_knows_the_minor_unit_of_every_currency():
    told = dict(
        sql.rows(
            f"SELECT c, {minor_unit_sql('c')} FROM unnest(%s::text[]) AS c", [[*currency_codes(), "XYZ"]]
        )
    )
    assert told == {
        code: Decimal(1).scaleb(-(2 if minor_units(code) is None else minor_units(code) or 0))
        for code in told
    }
    assert (told["JPY"], told["BHD"], told["EUR"], told["XYZ"]) == (
        1,
        Decimal("0.001"),
        Decimal("0.01"),
        Decimal("0.01"),
    )
