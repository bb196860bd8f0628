"""Daily profit: what each product comes to, part by part, and what is not known."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from refdata.models import Book, FxRate, Instrument
from tests.ledger.profit_support import FRIDAY, MONDAY, TUESDAY, WEDNESDAY, flags, money, parts, tell
from tests.ledger.support import amend, cancel
from tests.support.factories import (
    APPLE,
    EURO_SHARE,
    FUTURE,
    bond,
    bund,
    captured_ids,
    close,
    derivative,
    equity,
    fx,
    goods,
    listed,
    rate,
    service,
    swap,
    world,
)

pytestmark = pytest.mark.django_db(transaction=True)


def share(quantity: str, price: str, *, on: date = MONDAY, **changes) -> dict:
    return equity(
        on=on, instrument=EURO_SHARE, currency="EUR", side="SELL" if quantity.startswith("-") else "BUY",
        quantity=quantity.lstrip("-"), price=price, **changes,
    )  # fmt: skip


def closes(code: str, **prices: str) -> None:
    days = {"friday": FRIDAY, "monday": MONDAY, "tuesday": TUESDAY, "wednesday": WEDNESDAY}
    for day, price in prices.items():
        close(Instrument.objects.get(code=code), price, on=days[day])


@pytest.fixture(autouse=True)
def _world():
    world()


class TestADay:
    def test_brings_what_was_dealt_today_at_the_close_of_the_day(self):
        closes(EURO_SHARE, monday="102")
        captured_ids(share("10", "100"))
        assert parts(tell()) == money(new_trades=20, total=20)

    def test_brings_the_move_of_the_price_on_what_was_held(self):
        closes(EURO_SHARE, friday="100", monday="103", tuesday="101.5")
        captured_ids(share("10", "98", on=FRIDAY))
        assert parts(tell()) == money(market=30, total=30)
        assert parts(tell(TUESDAY)) == money(market=-15, total=-15)

    def test_brings_fees_apart_from_the_trades(self):
        closes(EURO_SHARE, monday="102")
        fees = [{"type": "COMMISSION", "amount": "1.95", "currency": "EUR"}]
        abroad = [{"type": "STAMP", "amount": "2.00", "currency": "USD"}]
        captured_ids(share("10", "100", fees=fees), share("-5", "100", fees=fees + abroad))
        assert parts(tell()) == money(new_trades=10, fees="-5.74", total="4.26")

    def test_brings_an_amendment_of_what_was_dealt_before(self):
        closes(EURO_SHARE, friday="100", monday="103", tuesday="103")
        (trade,) = captured_ids(share("10", "98", on=FRIDAY))
        tell()
        amend(trade, quantity="20")
        assert parts(tell(TUESDAY)) == money(amendments=50, total=50)

    def test_brings_a_cancellation_as_the_loss_of_what_it_was_worth(self):
        closes(EURO_SHARE, friday="100", monday="103", tuesday="104")
        (trade,) = captured_ids(share("10", "98", on=FRIDAY))
        tell()
        cancel(trade)
        assert parts(tell(TUESDAY)) == money(market=10, amendments=-60, total=-50)

    def test_brings_a_trade_that_came_late_as_a_correction(self):
        closes(EURO_SHARE, friday="100", monday="103", tuesday="103")
        tell()
        captured_ids(share("10", "98", on=MONDAY))
        assert parts(tell(TUESDAY)) == money(amendments=50, total=50)

    def test_counts_a_trade_dealt_for_a_later_day_on_that_day(self):
        closes(EURO_SHARE, monday="103", tuesday="105")
        fees = [{"type": "COMMISSION", "amount": "1", "currency": "EUR"}]
        captured_ids(share("10", "100", on=TUESDAY, fees=fees))
        assert parts(tell()) == money(total=0)
        assert parts(tell(TUESDAY)) == money(new_trades=50, fees=-1, total=49)

    def test_splits_what_the_rate_did_from_what_the_price_did(self):
        rate("USD", "0.90", on=FRIDAY)
        closes(APPLE, friday="180")
        captured_ids(equity(on=FRIDAY, quantity="10", price="170"))
        run = tell()
        # 10 x (187 - 180) at 0.92; 10 x (180 - 170) of wealth x 0.02
        assert parts(run) == money(market="64.40", fx=2, total="66.40")


class TestEachProduct:
    def test_values_a_future_against_the_price_it_was_dealt_at(self):
        listed()
        captured_ids(derivative())
        assert flags(tell()) == {}
