"""EQUITY: shares against their price, fees on top for who buys and off for who sells."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from refdata.models import Holiday
from tests.support.factories import captured_ids, equity, instrument, world
from tests.support.legs import legs_of
from tests.support.records import version_of

pytestmark = pytest.mark.django_db
FEES = [
    {"type": "COMMISSION", "amount": "1.95", "currency": "USD"},
    {"type": "TAX", "amount": "0.05", "currency": "USD"},
    {"type": "CUSTODY", "amount": "7", "currency": "GBP"},
]


def stored(**changes):
    (trade_id,) = captured_ids(equity(**changes))
    return version_of(trade_id, 1)


def test_its_columns_hold_what_was_sent_and_what_was_resolved():
    of = world()
    found = stored(source_version=3, executed_at="2026-11-23T14:03:11Z")
    assert (found["instrument_ref"], found["instrument_id"]) == ("US0378331005", of.apple.id)
    assert (found["counterparty_ref"], found["counterparty_id"]) == ("BROKER-01", of.broker.id)
    assert (found["book_ref"], found["book_id"]) == ("BOOK-1", of.book.id)
    assert (found["quantity"], found["price"], found["currency"]) == (100, Decimal("187.25"), "USD")
    assert (found["contra_currency"], found["contra_amount"], found["terms"]) == (None, None, None)
    assert (found["cause"], found["version"], found["source_version"]) == ("NEW", 1, 3)
    assert found["effective_at"] == found["executed_at"] != found["recorded_at"]


@pytest.mark.parametrize(("side", "net"), [("BUY", "18727.00"), ("SELL", "18723.00")])
def test_fees_of_its_currency_make_the_net_amount(side, net):
    world()
    found = stored(side=side, fees=FEES)
    assert (found["gross_amount"], found["net_amount"]) == (Decimal("18725.00"), Decimal(net))
    assert [fee["type"] for fee in found["fees"]] == ["COMMISSION", "TAX", "CUSTODY"]


def test_stated_amounts_are_kept_as_they_are():
    world()
    found = stored(gross_amount="1.2345", net_amount="-9", fees=FEES)
    assert (found["gross_amount"], found["net_amount"]) == (Decimal("1.2345"), -9)


@pytest.mark.parametrize(
    ("currency", "quantity", "price", "gross"),
    [
        ("USD", "3", "0.335", "1.01"),
        ("USD", "-3", "0.335", "-1.01"),
        ("JPY", "3", "33.5", "101"),
        ("JPY", "1", "0.4999", "0"),
        ("BHD", "1", "1.00049", "1.000"),
        ("BHD", "1", "1.0005", "1.001"),
        ("XYZ", "1", "1.005", "1.01"),
    ],
)
def test_its_gross_amount_is_rounded_commercially_to_the_currencys_minor_unit(
    currency, quantity, price, gross
):
    world()
    assert stored(currency=currency, quantity=quantity, price=price)["gross_amount"] == Decimal(gross)


def test_the_multiplier_counts():
    world()
    instrument("FUND", multiplier="2.5")
    assert stored(instrument="FUND")["gross_amount"] == Decimal("46812.50")


@pytest.mark.parametrize(
    ("currency", "base"), [("EUR", "18725"), ("USD", "17227"), ("JPY", "114.2225"), ("CHF", None)]
)
def test_its_base_amount_is_its_gross_amount_at_the_rate_of_the_day(currency, base):
    world()
    found = stored(currency=currency, side="SELL", fees=FEES)
    assert found["base_amount"] == (None if base is None else Decimal(base))


class TestASettlementDateThatIsNotSent:
    def test_is_the_instruments_cycle_after_the_trade_date(self):
        world()
        assert stored(settlement_date=None)["settlement_date"] == date(2026, 11, 24)

    def test_is_the_products_two_days_where_the_instrument_names_none(self):
        world()
        found = stored(instrument="DE0007164600", currency="EUR", settlement_date=None)
        assert found["settlement_date"] == date(2026, 11, 25)
        assert stored(instrument="UNKNOWN", settlement_date=None)["settlement_date"] == date(2026, 11, 25)

    def test_may_be_the_trade_date_itself(self):
        world()
        instrument("CASH-LIKE", settlement_cycle=0)
        assert stored(instrument="CASH-LIKE", settlement_date=None)["settlement_date"] == date(2026, 11, 23)

    @pytest.mark.parametrize("calendar", ["USD", "XNAS", "FIRM"])
    def test_passes_over_holidays_of_currency_market_and_firm(self, calendar):
        world()
        Holiday.objects.create(calendar=calendar, date=date(2026, 11, 24))
        assert stored(settlement_date=None)["settlement_date"] == date(2026, 11, 25)

    def test_passes_over_the_weekend_but_not_over_holidays_elsewhere(self):
        world()
        Holiday.objects.create(calendar="JPY", date=date(2026, 11, 30))
        found = stored(on=date(2026, 11, 27), settlement_date=None)
        assert found["settlement_date"] == date(2026, 11, 30)


@pytest.mark.parametrize(
    ("side", "shares", "money"), [("BUY", "RECEIVE", "DELIVER"), ("SELL", "DELIVER", "RECEIVE")]
)
def test_its_legs_are_the_shares_one_way_and_the_net_amount_the_other(side, shares, money):
    of = world()
    (trade_id,) = captured_ids(equity(side=side, net_amount="18726.95"))
    day = date(2026, 11, 25)
    where = (of.broker.id, of.book.id)
    assert legs_of(trade_id) == [
        (1, "SECURITY", "US0378331005", shares, Decimal(100), day, *where, "XNAS"),
        (2, "CASH", "USD", money, Decimal("18726.95"), day, *where, "USD"),
    ]


def test_shares_of_no_known_market_settle_where_any_do():
    world()
    instrument("FUND")
    (trade_id,) = captured_ids(equity(instrument="FUND"))
    assert legs_of(trade_id)[0][-1] == ""
