"""NON_POSITIVE holds a trade with a quantity, price or amount that is zero or negative."""

import pytest

from tests.support.factories import equity, fx, goods, swap, told_of, world

pytestmark = pytest.mark.django_db


def _finding(subject: str, actual: str) -> tuple[str, ...]:
    return ("BLOCK", subject, "above zero", actual, f"{subject} must be above zero, not {actual}.")


@pytest.mark.parametrize(
    ("changes", "subject", "actual"),
    [
        ({"quantity": "0"}, "quantity", "0"),
        ({"quantity": "-100"}, "quantity", "-100"),
        ({"price": "0.0"}, "price", "0"),
        ({"price": "-187.250"}, "price", "-187.25"),
        ({"price": "-1", "quantity": "-1"}, "price", "-1"),
    ],
)
def test_a_security_deal_names_the_figure(changes, subject, actual):
    world()
    assert told_of(equity(**changes))["NON_POSITIVE"] == _finding(subject, actual)


@pytest.mark.parametrize(
    ("bought", "sold", "rate", "subject", "actual"),
    [
        ("0", "1085000", "1.085", "quantity", "0"),
        ("1000000", "-1085000", "1.085", "sold amount", "-1085000"),
        ("1000000", "1085000", "0", "price", "0"),
    ],
)
def test_an_exchange_names_the_figure(bought, sold, rate, subject, actual):
    world()
    terms = {
        "bought": {"currency": "EUR", "amount": bought},
        "sold": {"currency": "USD", "amount": sold},
        "rate": rate,
    }
    assert told_of(fx(terms=terms))["NON_POSITIVE"] == _finding(subject, actual)


def test_an_order_names_every_line():
    world()
    lines = [
        {"sku": "SKU-1", "quantity": "-3", "unit_price": "4.25"},
        {"sku": "SKU-2", "quantity": "6", "unit_price": "7.50"},
        {"sku": "SKU-2", "quantity": "1", "unit_price": "0"},
    ]
    assert told_of(goods(lines=lines))["NON_POSITIVE"] == _finding(
        "lines", "SKU-1: -3 at 4.25; SKU-2: 1 at 0"
    )


@pytest.mark.parametrize(
    "document",
    [
        equity(quantity="0.0000000001", price="180"),
        goods(lines=[{"sku": "SKU-1", "quantity": "0.0000000001", "unit_price": "0.0000000001"}]),
    ],
)
def test_the_smallest_figure_above_zero_passes(document):
    world()
    assert "NON_POSITIVE" not in told_of(document)


@pytest.mark.parametrize(
    ("far", "actual"),
    [
        ({"rate": "0"}, "0"),
        ({"rate": "-1.0875"}, "-1.0875"),
        ({"sold": {"currency": "EUR", "amount": "-1000000.00"}}, "-1000000"),
    ],
)
def test_a_far_leg_is_looked_at_too(far, actual):
    world()
    assert told_of(swap(far=far))["NON_POSITIVE"] == _finding("far leg", actual)
