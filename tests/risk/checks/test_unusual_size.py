"""UNUSUAL_SIZE holds a trade far larger than what its trader, or its book, deals in."""

from decimal import Decimal

import pytest

from risk.models import SizeHistory
from tests.support.factories import EURO_SHARE, equity, exact_trade, fx, told_of, world

pytestmark = pytest.mark.django_db

# The mean is ln(10,000), the deviation ln(2): 10,000 × 2 ^ 3.3 = 98,491.46 is the largest usual size.


def _history(scope: str = "TRADER", key: str = "jdoe", *, trades: int = 50, spread: str = "0.693147") -> None:
    SizeHistory.objects.create(
        scope=scope,
        key=key,
        product="EQUITY",
        trades=trades,
        mean=Decimal("9.210340"),
        spread=Decimal(spread),
    )


def _deal(size: str, **changes):
    """Return a purchase of so many euro in one unit."""
    return equity(**{"instrument": EURO_SHARE, "currency": "EUR", "quantity": "1", "price": size, **changes})


def _finding(size: str, whose: str = "trader jdoe", usual: str = "98491.46") -> dict[str, tuple[str, ...]]:
    message = f"The size of {size} in base currency is unusual for {whose}, who deals in up to {usual}."
    return {"UNUSUAL_SIZE": ("BLOCK", whose, usual, size, message)}


def test_a_trade_beyond_the_usual_of_its_trader_is_found():
    world()
    _history()
    assert told_of(_deal("98491")) == {}
    assert told_of(_deal("98492")) == _finding("98492.00")


def test_without_a_history_nothing_is_unusual():
    world()
    assert told_of(_deal("999999999")) == {}


def test_a_short_history_says_nothing():
    world()
    _history(trades=49)
    assert told_of(_deal("999999999")) == {}


def test_the_book_speaks_where_the_trader_is_new_and_is_silent_where_he_is_known():
    world()
    _history("BOOK", "BOOK-1")
    assert told_of(_deal("98492")) == _finding("98492.00", "book BOOK-1")
    _history(spread="2")
    assert told_of(_deal("98493")) == {}


def test_a_history_of_one_size_leaves_some_room():
    world()
    _history(spread="0")
    assert told_of(_deal("22818")) == {}  # 10,000 × e ^ (3.3 × 0.25) = 22,818.80
    assert told_of(_deal("22819")) == _finding("22819.00", usual="22818.80")


def test_each_product_has_a_history_of_its_own():
    world()
    _history(key="asmith")
    assert told_of(fx()) == {}


def test_a_small_trade_is_never_unusual():
    world()
    _history()
    assert told_of(exact_trade(1)) == {}
