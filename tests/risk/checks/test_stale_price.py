"""STALE_PRICE points out a deal whose price nothing fresh can be held against."""

from datetime import date

import pytest

from refdata.models import Instrument
from tests.support.factories import EURO_SHARE, close, equity, fx, goods, told_of, world

pytestmark = pytest.mark.django_db
DEAL = {"instrument": EURO_SHARE, "currency": "EUR", "price": "100"}


def _finding(last: str) -> dict[str, tuple[str, ...]]:
    fresh = "a price at most 5 days old"
    message = (
        f"The price of the deal could not be judged: the last price of the instrument is {last}, not {fresh}."
    )
    return {"STALE_PRICE": ("WARN", "instrument", fresh, last, message)}


@pytest.mark.parametrize(
    ("day", "found"),
    [(date(2026, 11, 18), False), (date(2026, 11, 17), True), (date(2026, 10, 1), True)],
)
def test_a_price_more_than_five_days_old_is_found(day, found):
    of = world()
    close(of.euro_share, "100", on=day)
    assert told_of(equity(**DEAL)) == (_finding(day.isoformat()) if found else {})


def test_an_instrument_that_never_had_a_price_is_found_only_if_one_is_to_be_expected():
    world()
    assert told_of(equity(**DEAL)) == {}
    Instrument.objects.filter(code=EURO_SHARE).update(liquidity_class="HIGH")
    assert told_of(equity(**{**DEAL, "trader": "x", "quantity": "7"})) == _finding("none")


def test_what_has_no_price_of_a_market_passes():
    world()
    assert told_of(fx()) == {}
    assert told_of(goods()) == {}
