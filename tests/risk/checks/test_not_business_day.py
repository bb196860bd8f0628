"""NOT_BUSINESS_DAY holds a trade that would settle on a weekend or a holiday."""

from datetime import date

import pytest

from refdata.models import Holiday
from tests.support.factories import equity, fx, goods, told_of, world

pytestmark = pytest.mark.django_db


def _finding(day: str) -> dict[str, tuple[str, ...]]:
    message = f"The settlement date {day} is not a business day."
    return {"NOT_BUSINESS_DAY": ("BLOCK", "settlement_date", "a business day", day, message)}


@pytest.mark.parametrize("day", ["2026-11-28", "2026-11-29"])
def test_a_weekend_is_found(day):
    world()
    assert told_of(equity(settlement_date=day)) == _finding(day)


@pytest.mark.parametrize("calendar", ["USD", "XNAS", "FIRM"])
def test_a_holiday_of_the_currency_the_market_or_the_firm_is_found(calendar):
    world()
    Holiday.objects.create(calendar=calendar, date=date(2026, 11, 25))
    assert told_of(equity()) == _finding("2026-11-25")


@pytest.mark.parametrize("calendar", ["EUR", "USD"])
def test_a_holiday_of_either_currency_of_an_exchange_is_found(calendar):
    world()
    Holiday.objects.create(calendar=calendar, date=date(2026, 11, 25))
    assert told_of(fx()) == _finding("2026-11-25")


@pytest.mark.parametrize("document", [equity(), goods()], ids=["EQUITY", "GOODS"])
def test_a_holiday_elsewhere_or_on_another_day_passes(document):
    world()
    for calendar, day in (("JPY", 25), ("XETR", 25), ("USD", 24), ("FIRM", 26)):
        Holiday.objects.create(calendar=calendar, date=date(2026, 11, day))
    assert told_of(document) == {}
