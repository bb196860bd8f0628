"""OUTSIDE_MANDATE holds what its trader may not deal in."""

from datetime import date

import pytest

from refdata.models import Mandate
from tests.support.factories import (
    SINCE,
    captured_ids,
    check_everything,
    codes_of,
    derivative,
    equity,
    fx,
    goods,
    listed,
    swap,
    told_of,
    world,
)

pytestmark = pytest.mark.django_db


def _mandate(trader: str = "jdoe", product: str = "*", book: str = "*", market: str = "*", **fields) -> None:
    given = {"valid_from": SINCE, **fields}
    Mandate.objects.create(trader=trader, product=product, book=book, market=market, **given)


def test_a_trader_without_a_mandate_is_found_once_there_are_any():
    world()
    assert told_of(equity()) == {}
    _mandate()
    told = told_of(fx(trader="zoe"))
    message = "The trader zoe has no mandate for FX_SPOT BOOK-1 2d."
    assert told == {"OUTSIDE_MANDATE": ("BLOCK", "trader zoe", "a mandate", "FX_SPOT BOOK-1 2d", message)}


@pytest.mark.parametrize(
    "mandate",
    [
        {}, {"product": "EQUITY"}, {"book": "BOOK-1"}, {"market": "XNAS"}, {"trader": "*"}, {"max_tenor_days": 2},
        {"product": "EQUITY", "book": "BOOK-1", "market": "XNAS", "max_tenor_days": 2},
        {"valid_from": date(2026, 11, 23), "valid_to": date(2026, 11, 23)},
    ],
)  # fmt: skip
def test_what_a_mandate_covers_passes(mandate):
    world()
    _mandate(**mandate)
    assert told_of(equity()) == {}


@pytest.mark.parametrize(
    "mandate",
    [
        {"product": "BOND"}, {"book": "BOOK-2"}, {"market": "XNYS"}, {"trader": "zoe"}, {"max_tenor_days": 1},
    ],
)  # fmt: skip
def test_what_no_mandate_covers_is_found(mandate):
    world()
    _mandate(**mandate)
    assert told_of(equity())["OUTSIDE_MANDATE"][3] == "EQUITY BOOK-1 XNAS 2d"


def test_parts_of_two_mandates_do_not_make_one():
    world()
    _mandate(product="EQUITY", book="BOOK-2")
    _mandate(product="BOND", book="BOOK-1")
    assert set(told_of(equity())) == {"OUTSIDE_MANDATE"}


def test_mandates_that_are_over_bind_nobody():
    world()
    _mandate(trader="zoe", valid_to=date(2026, 11, 22))
    assert told_of(equity()) == {}


def test_the_tenor_reaches_to_the_last_date_of_the_deal():
    world()
    listed()
    _mandate(trader="*", max_tenor_days=24)
    assert told_of(swap())["OUTSIDE_MANDATE"][3] == "FX_SWAP BOOK-1 32d"
    assert told_of(derivative())["OUTSIDE_MANDATE"][3] == "LISTED_DERIVATIVE BOOK-1 XEUR 25d"


def test_in_a_crowd_each_deal_is_judged_by_its_own_mandate():
    world()
    _mandate(product="EQUITY", max_tenor_days=2)
    _mandate(trader="*", product="GOODS")
    inside, late, exchange, order = captured_ids(
        equity(), equity(settlement_date="2026-11-26", quantity="7"), fx(), goods()
    )
    check_everything()
    found = [codes_of(each) for each in (inside, late, exchange, order)]
    assert found == [[], ["OUTSIDE_MANDATE"], ["OUTSIDE_MANDATE"], []]
