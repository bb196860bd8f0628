"""OFF_CYCLE points out a settlement date that the settlement cycle does not give."""

from datetime import date

import pytest

from refdata.models import Holiday, Instrument, SettlementCycle
from tests.support import factories
from tests.support.factories import APPLE, EURO_SHARE, SINCE, equity, fx, goods, world

pytestmark = pytest.mark.django_db


def cycle(product, market, days, **fields):
    return SettlementCycle.objects.create(
        product=product, market=market, days=days, **{"valid_from": SINCE, **fields}
    )


def told_of(document):
    """Return what is found, but for the deal that was asked about before with another date."""
    found = factories.told_of(document)
    return {code: each for code, each in found.items() if code != "POSSIBLE_DUPLICATE"}


def _finding(actual, expected):
    message = f"The settlement date {actual} is not the {expected} that the settlement cycle gives."
    return {"OFF_CYCLE": ("WARN", "settlement_date", expected, actual, message)}


def euro_share(**changes):
    """A deal of Monday 2026-11-23 that settles on the Wednesday."""
    return equity(instrument=EURO_SHARE, currency="EUR", **changes)


def test_without_a_cycle_nothing_is_found():
    world()
    assert told_of(euro_share(settlement_date="2026-11-27")) == {}


@pytest.mark.parametrize("market", ["XETR", "EUR", "*"])
def test_a_date_that_departs_from_the_cycle_of_the_market_is_found(market):
    world()
    cycle("EQUITY", market, 1)
    assert told_of(euro_share()) == _finding("2026-11-25", "2026-11-24")
    assert told_of(euro_share(settlement_date="2026-11-24")) == {}


def test_the_most_specific_cycle_that_holds_on_the_trade_date_counts():
    world()
    cycle("EQUITY", "*", 3)
    cycle("EQUITY", "EUR", 1)
    cycle("EQUITY", "XETR", 1, valid_to=date(2026, 11, 22))
    cycle("EQUITY", "XETR", 2, valid_from=date(2026, 11, 23))
    assert told_of(euro_share()) == {}


def test_the_instruments_own_cycle_comes_first():
    made = world()
    cycle("EQUITY", "XNAS", 2)
    assert told_of(equity()) == _finding("2026-11-25", "2026-11-24")  # its own: T+1
    made.apple.settlement_cycle = None
    made.apple.save()
    assert told_of(equity(instrument=APPLE)) == {}


def test_holidays_move_the_date_that_is_expected():
    world()
    cycle("EQUITY", "XETR", 2)
    Holiday.objects.create(calendar="XETR", date=date(2026, 11, 24))
    assert told_of(euro_share(settlement_date="2026-11-25")) == _finding("2026-11-25", "2026-11-26")


@pytest.mark.parametrize(
    ("calendar", "day", "expected"),
    [
        ("EUR", 24, "2026-11-26"),  # a day that counts is lost
        ("USD", 24, "2026-11-25"),  # a holiday of the dollar does not move spot from the day before it
        ("USD", 25, "2026-11-26"),  # but nothing settles on one
    ],
)
def test_spot_is_counted_by_the_rule_of_the_market(calendar, day, expected):
    world()
    cycle("FX_SPOT", "EUR/USD", 2)
    Holiday.objects.create(calendar=calendar, date=date(2026, 11, day))
    assert told_of(fx(settlement_date=expected)) == {}
    other = "2026-11-27"
    assert told_of(fx(settlement_date=other)) == _finding(other, expected)


def test_an_order_is_found_only_before_its_lead_time():
    world()
    cycle("GOODS", "*", 2)
    assert told_of(goods()) == {}
    assert told_of(goods(settlement_date="2026-12-15")) == {}
    Instrument.objects.filter(code="SKU-2").update(settlement_cycle=5)
    assert told_of(goods()) == _finding("2026-11-25", "2026-11-30")
