"""NO_FX_RATE holds a deal that cannot be measured in base currency."""

from datetime import date

import pytest

from refdata.models import FxRate
from tests.support.factories import equity, fx, rate, told_of, world

pytestmark = pytest.mark.django_db


def _finding(currency: str) -> dict[str, tuple[str, ...]]:
    message = f"There is no fresh and plausible rate of {currency} to the base currency, so no limit can be measured."
    return {"NO_FX_RATE": ("BLOCK", "currency", "", currency, message)}


def test_a_currency_without_a_rate_is_found():
    world()
    FxRate.objects.filter(currency="USD").delete()
    assert told_of(equity()) == _finding("USD")


@pytest.mark.parametrize(("day", "passes"), [(date(2026, 11, 13), True), (date(2026, 11, 12), False)])
def test_a_rate_is_fresh_for_ten_days(day, passes):
    world()
    FxRate.objects.filter(currency="USD").delete()
    rate("USD", "0.92", on=day)
    assert told_of(equity()) == ({} if passes else _finding("USD"))


def test_the_rate_of_tomorrow_does_not_count():
    world()
    FxRate.objects.filter(currency="USD").delete()
    rate("USD", "0.92", on=date(2026, 11, 24))
    assert told_of(equity()) == _finding("USD")


def test_the_base_currency_needs_none_and_an_exchange_only_that_of_what_is_bought():
    world()
    FxRate.objects.all().delete()
    assert told_of(fx()) == {}


def test_a_size_that_is_no_business_is_held_and_not_lost():
    world()
    FxRate.objects.filter(currency="USD").delete()
    rate("USD", "1000000000", on=date(2026, 11, 23))
    assert told_of(equity(quantity="100000000000", price="187")).keys() == {"NO_FX_RATE"}
