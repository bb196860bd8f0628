"""A deal that does not say when it settles gets the date of its settlement cycle."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from refdata.calendars import BusinessCalendar, settles_on, spot_calendars, union
from refdata.holiday_sources import closing_days
from refdata.models import Holiday, Instrument, SettlementCycle
from tests.support.factories import EURO_SHARE, SINCE, captured_ids, equity, fx, goods, world
from tests.support.records import TODAY

MONDAY = TODAY


def cycle(product, market, days, **fields):
    SettlementCycle.objects.create(
        product=product, market=market, days=days, **{"valid_from": SINCE, **fields}
    )


def settles(document) -> str:
    """Return the settlement date of a captured deal that did not say it."""
    (trade_id,) = captured_ids({name: each for name, each in document.items() if name != "settlement_date"})
    ((day,),) = sql.rows("SELECT settlement_date FROM trades_version WHERE trade_id = %s", [trade_id])
    return day.isoformat()


def euro_share(**changes):
    return equity(instrument=EURO_SHARE, currency="EUR", **changes)


def money(bought, sold, **changes):
    terms = {
        "bought": {"currency": bought, "amount": "1000.00"},
        "sold": {"currency": sold, "amount": "1100.00"},
        "rate": "1.1",
    }
    return fx(terms=terms, **changes)


@pytest.mark.django_db
class TestADealWithoutADate:
    def test_settles_by_its_product_where_no_cycle_is_kept(self):
        world()
        assert settles(euro_share()) == "2026-11-25"

    def test_settles_by_the_most_specific_cycle_of_its_trade_date(self):
        world()
        cycle("EQUITY", "*", 5)
        assert settles(euro_share()) == "2026-11-30"
        cycle("EQUITY", "EUR", 4)
        assert settles(euro_share()) == "2026-11-27"
        cycle("EQUITY", "XETR", 2, valid_to=date(2026, 11, 22))
        cycle("EQUITY", "XETR", 1, valid_from=date(2026, 11, 23))
        assert settles(euro_share()) == "2026-11-24"
        assert settles(euro_share(trade_date="2026-11-20")) == "2026-11-24"

    def test_settles_by_its_instruments_own_cycle_first(self):
        world()
        cycle("EQUITY", "XNAS", 3)
        assert settles(equity()) == "2026-11-24"

    def test_keeps_the_date_that_it_says(self):
        world()
        cycle("EQUITY", "XETR", 1)
        (trade_id,) = captured_ids(euro_share(settlement_date="2026-12-01"))
        assert sql.rows("SELECT settlement_date FROM trades_version WHERE trade_id = %s", [trade_id]) == [
            (date(2026, 12, 1),)
        ]

    def test_settles_over_holidays_months_away(self):
        world()
        cycle("GOODS", "*", 200)
        day = BusinessCalendar().add_business_days(MONDAY, 200)
        Holiday.objects.create(calendar="EUR", date=day)
        assert settles(goods()) == BusinessCalendar().add_business_days(day, 1).isoformat()

    def test_is_due_when_the_article_with_the_longest_lead_time_is(self):
        world()
        cycle("GOODS", "*", 3)
        Instrument.objects.filter(code="SKU-2").update(settlement_cycle=10)
        Instrument.objects.filter(code="SKU-1").update(settlement_cycle=1)
        assert settles(goods()) == "2026-12-07"

    def test_of_a_pair_with_a_cycle_of_its_own_settles_by_it_whichever_is_bought(self):
        world()
        cycle("FX_SPOT", "CAD/USD", 1)
        assert settles(money("USD", "CAD")) == "2026-11-24"
        assert settles(money("CAD", "USD")) == "2026-11-24"
        assert settles(money("EUR", "CAD")) == "2026-11-25"

    def test_of_a_cross_does_not_settle_on_a_holiday_of_the_dollar(self):
        world()
        Holiday.objects.create(calendar="USD", date=date(2026, 11, 25))
        assert settles(money("EUR", "GBP")) == "2026-11-26"

    def test_follows_a_change_of_the_cycles_at_once(self):
        world()
        assert settles(euro_share()) == "2026-11-25"
        cycle("EQUITY", "EUR", 1)
        assert settles(euro_share()) == "2026-11-24"


THANKSGIVING = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("one", "other", "traded", "days", "expected"),
    [
        ("EUR", "USD", "2026-11-23", 2, "2026-11-25"),
        # Thanksgiving is the day before spot: for euro the day counts.
        ("EUR", "USD", "2026-11-25", 2, "2026-11-27"),
        # It would be spot: nothing settles.
        ("EUR", "USD", "2026-11-24", 2, "2026-11-27"),
        ("EUR", "GBP", "2026-11-24", 2, "2026-11-27"),
        # For the Mexican peso the dollar's holiday counts on the day before too.
        ("MXN", "USD", "2026-11-25", 2, "2026-11-30"),
        # Labour Thanksgiving Day in Japan, Monday 2026-11-23, is no day for yen.
        ("JPY", "USD", "2026-11-20", 2, "2026-11-25"),
        # One day: open in both on it.
        ("CAD", "USD", "2026-11-25", 1, "2026-11-27"),
        ("CAD", "USD", "2026-11-24", 1, "2026-11-25"),
        # The late May holiday of London lies before spot, and counts for sterling.
        ("GBP", "USD", "2026-05-22", 2, "2026-05-27"),
        # TARGET is closed from Good Friday to Easter Monday.
        ("EUR", "USD", "2026-04-01", 2, "2026-04-07"),
    ],
)
def test_spot_dates_are_those_of_the_market(one, other, traded, days, expected):
    def calendar(codes):
        return union(
            BusinessCalendar(frozenset(closing_days(code=code, first_year=2026, last_year=2026)))
            for code in codes
        )

    counted, last = spot_calendars(one, other)
    found = settles_on(
        trade_date=date.fromisoformat(traded), days=days, between=calendar(counted), last=calendar(last)
    )
    assert found.isoformat() == expected


_NEAR = st.integers(0, 25).map(lambda n: MONDAY + timedelta(days=n))


@pytest.mark.django_db
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    trade_date=_NEAR,
    days=st.integers(0, 9),
    counted=st.frozensets(_NEAR, max_size=8),
    closed=st.frozensets(_NEAR, max_size=8),
)
def test_capture_and_the_checks_count_the_same_date(trade_date, days, counted, closed):
    with transaction.atomic():
        for code, holidays in (("JPY", counted), ("USD", closed)):
            Holiday.objects.bulk_create([Holiday(calendar=code, date=day) for day in holidays])
        row = sql.row(
            "SELECT refdata_settles(%s, %s, %s, %s)", [trade_date, days, ["JPY", None], ["USD", "JPY"]]
        )
        connection.set_rollback(True)
    between = BusinessCalendar(counted)
    last = BusinessCalendar(counted | closed)
    assert row == (settles_on(trade_date=trade_date, days=days, between=between, last=last),)
