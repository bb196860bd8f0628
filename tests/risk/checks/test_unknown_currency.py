"""UNKNOWN_CURRENCY holds a deal in a code that ISO 4217 does not list."""

import pytest

from tests.support.factories import equity, fx, told_of, world

pytestmark = pytest.mark.django_db


def _finding(actual: str) -> tuple[str, ...]:
    return ("BLOCK", "currency", "an ISO 4217 code", actual, f"{actual}: not a currency that ISO 4217 lists.")


def test_an_unlisted_currency_is_found():
    world()
    assert told_of(equity(currency="XYZ"))["UNKNOWN_CURRENCY"] == _finding("XYZ")


@pytest.mark.parametrize("side", ["bought", "sold"])
def test_an_unlisted_currency_on_either_side_of_an_exchange_is_found(side):
    world()
    deal = fx()
    deal["terms"] = {**deal["terms"], side: {**deal["terms"][side], "currency": "ZZZ"}}
    actual = "ZZZ USD" if side == "bought" else "EUR ZZZ"
    assert told_of(deal)["UNKNOWN_CURRENCY"] == _finding(actual)


@pytest.mark.parametrize("document", [equity(), fx()], ids=["EQUITY", "FX"])
def test_listed_currencies_pass(document):
    world()
    assert told_of(document) == {}
