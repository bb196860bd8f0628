"""AMOUNT_MISMATCH holds a trade whose factors do not make its amount."""

import pytest

from tests.support.factories import equity, fx, goods, instrument, told_of, world

pytestmark = pytest.mark.django_db


def _finding(expected: str, actual: str) -> dict[str, tuple[str, ...]]:
    message = f"The deal's factors make {expected}, but the amount says {actual}."
    return {"AMOUNT_MISMATCH": ("BLOCK", "gross_amount", expected, actual, message)}


def test_a_gross_amount_that_is_not_quantity_times_price_is_found():
    world()
    assert told_of(equity(gross_amount="18752.00")) == _finding("18725.0000", "18752.0000")


@pytest.mark.parametrize(("gross", "passes"), [("18725.01", True), ("18724.99", True), ("18725.0101", False)])
def test_a_gross_amount_may_differ_by_one_minor_unit(gross, passes):
    world()
    told = told_of(equity(gross_amount=gross, net_amount=gross))
    assert ("AMOUNT_MISMATCH" not in told) is passes


@pytest.mark.parametrize(("gross", "passes"), [("1000", True), ("1001", True), ("1002", False)])
def test_the_minor_unit_of_yen_is_one(gross, passes):
    world()
    instrument("JP3633400001", currency="JPY")
    told = told_of(
        equity(instrument="JP3633400001", currency="JPY", quantity="8", price="125", gross_amount=gross)
    )
    assert ("AMOUNT_MISMATCH" not in told) is passes


def test_the_multiplier_of_the_instrument_is_a_factor():
    world()
    instrument("FUND", currency="USD", multiplier="0.5")
    assert told_of(equity(instrument="FUND", gross_amount="9362.50")) == {}
    assert "AMOUNT_MISMATCH" in told_of(equity(instrument="FUND", gross_amount="18725.00", trader="x"))


def _exchange(rate: str, basis: str | None = None):
    deal = fx()
    deal["terms"] = {**deal["terms"], "rate": rate, **({"rate_basis": basis} if basis else {})}
    return deal


@pytest.mark.parametrize(
    ("rate", "basis"),
    [("1.085", None), ("1.085", "SOLD_PER_BOUGHT"), ("0.9216589862", "BOUGHT_PER_SOLD"), ("1.0850108", None)],
)
def test_an_exchange_that_follows_its_rate_either_way_passes(rate, basis):
    world()
    assert told_of(_exchange(rate, basis)) == {}


@pytest.mark.parametrize(
    ("rate", "basis", "expected"),
    [
        ("1.0851", None, "1085100.0000"),
        ("1.085", "BOUGHT_PER_SOLD", "921658.9862"),
        ("0.9216589862", "SOLD_PER_BOUGHT", "921658.9862"),
    ],
)
def test_an_exchange_that_does_not_follow_its_rate_is_found(rate, basis, expected):
    world()
    assert told_of(_exchange(rate, basis)) == _finding(expected, "1085000.0000")


def test_an_order_whose_lines_do_not_add_up_to_its_amount_is_found():
    world()
    assert told_of(goods(gross_amount="96.00")) == {}
    assert told_of(goods(gross_amount="69.00", trader="x")) == _finding("96.0000", "69.0000")


def test_an_order_may_differ_by_what_the_rounding_of_its_lines_makes_and_no_more():
    world()
    lines = [
        {"sku": sku, "quantity": quantity, "unit_price": price}
        for sku, quantity, price in (
            ("SKU-1", "1", "0.015"),
            ("SKU-2", "2", "0.223"),
            ("SKU-1", "2", "0.223"),
        )
    ]
    assert told_of(goods(lines=lines)) == {}  # 0.02 + 0.45 + 0.45 against 0.907
    more = goods(lines=lines, gross_amount="0.94", net_amount="0.94", trader="x")
    assert "AMOUNT_MISMATCH" in told_of(more)
