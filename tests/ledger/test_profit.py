"""Daily profit: what each product comes to, part by part, and what is not known."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.db import IntegrityError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.http.problem import Problem
from core.money import round_money
from ledger.models import ProfitRun, ValuationRule
from refdata.models import Book, FxRate, Instrument
from tests.ledger.profit_support import FRIDAY, MONDAY, TUESDAY, WEDNESDAY, flags, money, parts, tell
from tests.ledger.support import amend, amend_if_other, cancel
from tests.support.factories import (
    APPLE,
    BUND,
    EURO_SHARE,
    FUTURE,
    OPTION,
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
    stated = {"side": "SELL" if quantity.startswith("-") else "BUY", "quantity": quantity.lstrip("-")}
    return equity(on=on, price=price, **{"instrument": EURO_SHARE, "currency": "EUR", **stated, **changes})


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
        closes(FUTURE, monday="4920", tuesday="4900")
        captured_ids(derivative())
        assert parts(tell()) == money(new_trades=1875, total=1875)
        assert parts(tell(TUESDAY)) == money(market=-5000, total=-5000)

    def test_values_an_option_against_the_premium_that_was_paid(self):
        listed(OPTION)
        closes(OPTION, monday="90")
        captured_ids(derivative(instrument=OPTION, price="84.3"))
        assert parts(tell()) == money(new_trades=1425, total=1425)

    def test_lets_a_bond_earn_interest_from_its_settlement_on(self):
        bund()
        closes(BUND, monday="88", wednesday="88")
        thursday = WEDNESDAY + timedelta(days=1)
        captured_ids(bond())  # settles on Wednesday
        assert parts(tell()) == money(new_trades=5400, total=5400)
        assert parts(tell(WEDNESDAY)) == money(total=0)
        assert parts(tell(thursday)) == money(carry="46.58", total="46.58")

    def test_pays_a_bonds_nominal_back_at_its_maturity(self):
        bund(maturity=WEDNESDAY, coupon_rate=Decimal(0))
        closes(BUND, monday="99.5")
        captured_ids(bond(price="99", on=FRIDAY))
        tell()
        run = tell(WEDNESDAY)
        assert (parts(run), flags(run)) == (money(market=5000, total=5000), {})

    def test_values_an_exchange_by_both_currencies(self):
        rate("USD", "0.93", on=TUESDAY)
        captured_ids(fx())
        assert parts(tell()) == money(new_trades=1800, total=1800)
        assert parts(tell(TUESDAY)) == money(fx=-10850, total=-10850)

    def test_values_both_exchanges_of_a_swap(self):
        captured_ids(swap())
        assert parts(tell()) == money(new_trades=2300, total=2300)

    def test_values_goods_at_their_list_price(self):
        closes("SKU-1", monday="4")
        closes("SKU-2", monday="7")
        charge = [{"type": "DELIVERY", "amount": "4.50", "currency": "EUR"}]
        captured_ids(goods(fees=charge))
        assert parts(tell()) == money(new_trades=6, fees="4.5", total="10.5")

    def test_takes_work_as_what_it_is_paid(self):
        captured_ids(service())
        assert parts(tell()) == money(new_trades=2925, total=2925)

    def test_keeps_what_is_paid_in_another_currency_than_the_instruments(self):
        closes(EURO_SHARE, monday="100")
        captured_ids(share("10", "108", currency="USD"))
        assert parts(tell()) == money(new_trades="6.4", total="6.4")  # 1,000 - 1,080 x 0.92


class TestWhatIsNotKnown:
    def test_is_flagged_and_held_at_cost_until_there_is_a_price(self):
        closes(EURO_SHARE, tuesday="103")
        captured_ids(share("10", "100"))
        run = tell()
        assert (flags(run), parts(run)) == ({EURO_SHARE: "MISSING"}, money(total=0))
        run = tell(TUESDAY)
        assert (flags(run), parts(run)) == ({}, money(unexplained=30, total=30))

    def test_is_flagged_where_a_price_is_older_than_its_rule_says(self):
        closes(EURO_SHARE, friday="101")
        captured_ids(share("10", "100", on=FRIDAY))
        assert flags(tell()) == {}
        assert flags(tell(TUESDAY)) == {EURO_SHARE: "STALE"}
        ValuationRule.objects.create(code="EQUITY", days=2)
        assert flags(tell(TUESDAY, reason="the rule was too strict")) == {}

    def test_is_flagged_where_a_price_is_of_another_currency(self):
        close(Instrument.objects.get(code=EURO_SHARE), "101", currency="USD")
        captured_ids(share("10", "100"))
        assert flags(tell()) == {EURO_SHARE: "CURRENCY"}

    def test_is_flagged_where_a_currency_has_no_rate(self):
        FxRate.objects.filter(currency="USD").delete()
        captured_ids(fx())
        run = tell()
        assert (flags(run), parts(run)) == ({"USD": "MISSING"}, money(new_trades=1000000, total=1000000))

    def test_needs_no_price_of_what_is_sold_again(self):
        captured_ids(share("10", "100"), share("-10", "101"))
        run = tell()
        assert (flags(run), parts(run)) == ({}, money(new_trades=10, total=10))


class TestARun:
    def test_of_the_day_gives_way_to_the_next(self):
        closes(EURO_SHARE, monday="102")
        captured_ids(share("10", "100"))
        first = tell(kind=ProfitRun.Kind.INTRADAY)
        captured_ids(share("5", "100"))
        second = tell(kind=ProfitRun.Kind.INTRADAY)
        assert parts(second) == money(new_trades=30, total=30)
        assert not ProfitRun.objects.filter(id=first).exists()
        told = parts(second)
        assert parts(tell()) == told
        assert not ProfitRun.objects.filter(id=second).exists()

    def test_of_a_day_that_ended_stays_beside_what_restates_it(self):
        closes(EURO_SHARE, friday="100", monday="102")
        first = tell()
        captured_ids(share("10", "100"))
        with pytest.raises(Problem, match="cannot be done"):
            tell()
        second = tell(reason="a trade came late")
        assert parts(first) == money(total=0)
        assert parts(second) == money(new_trades=20, total=20)
        assert [run.number for run in ProfitRun.objects.filter(day=MONDAY).order_by("number")] == [1, 2]

    def test_refuses_an_intraday_run_of_a_day_that_ended(self):
        tell()
        with pytest.raises(Problem, match="told to its end"):
            tell(kind=ProfitRun.Kind.INTRADAY)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE ledger_profit_line SET market = 1",
            "DELETE FROM ledger_profit_line",
            "UPDATE ledger_profit_price SET flag = ''",
            "DELETE FROM ledger_profit_price",
            "UPDATE ledger_profit_run SET reason = 'x'",
        ],
    )
    def test_is_never_changed(self, statement):
        captured_ids(fx())
        tell()
        with pytest.raises(IntegrityError, match="never changed"):
            sql.run(statement)


DAYS = 4
ACTIONS = st.lists(
    st.tuples(
        st.integers(0, DAYS - 1),
        st.sampled_from(["trade", "amend", "cancel"]),
        st.integers(0, 9),  # which trade
        st.sampled_from([EURO_SHARE, APPLE]),
        st.integers(-20, 20).filter(bool),
        st.decimals("80", "120", places=4),
        st.integers(0, 2),  # dealt so many days before it comes
    ),
    max_size=14,
)
_weeks = count()


class TestAnySequence:
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        actions=ACTIONS,
        prices=st.lists(st.decimals("80", "120", places=3), min_size=2 * DAYS + 2, max_size=2 * DAYS + 2),
        rates=st.lists(st.decimals("0.8", "1.2", places=4), min_size=DAYS + 1, max_size=DAYS + 1),
    )
    def test_adds_up_to_what_is_held_and_paid(self, actions, prices, rates):
        week = date(2027, 1, 3) + timedelta(days=7 * next(_weeks))
        days = [week + timedelta(days=n) for n in range(DAYS + 1)]
        book = f"BOOK-{week}"
        Book.objects.create(code=book, desk="D", entity_id=Book.objects.values_list("entity_id").first()[0])
        quotes = dict(zip([(code, day) for code in (EURO_SHARE, APPLE) for day in days], prices, strict=True))
        for (code, day), price in quotes.items():
            close(Instrument.objects.get(code=code), str(price), on=day)
        for day, value in zip(days, rates, strict=True):
            rate("USD", str(value), on=day)
        tell(days[0])
        held: dict[int, tuple[str, int, Decimal]] = {}
        known: list[int] = []
        before = Decimal(0)
        for n, day in enumerate(days[1:]):
            for _, action, which, code, quantity, price, ago in (each for each in actions if each[0] == n):
                if action == "trade":
                    terms = {
                        "book": book,
                        "instrument": code,
                        "currency": "EUR" if code == EURO_SHARE else "USD",
                    }
                    on = days[max(n + 1 - ago, 0)]
                    (trade,) = captured_ids(share(str(quantity), str(price), on=on, **terms))
                    held[trade], _ = (code, quantity, price), known.append(trade)
                elif known and (trade := known[which % len(known)]) in held:
                    if action == "cancel":
                        cancel(trade)
                        del held[trade]
                    else:
                        of, was, _ = held[trade]
                        amend_if_other(trade, quantity=str(abs(quantity)), price=str(price))
                        held[trade] = (of, abs(quantity) if was > 0 else -abs(quantity), price)
            wealth = self._wealth(held.values(), quotes, day, Decimal(rates[n + 1]))
            intraday = parts(tell(day, ProfitRun.Kind.INTRADAY), book)
            assert intraday["total"] == (wealth - before).normalize() + 0
            assert parts(tell(day), book) == intraday
            assert "unexplained" not in intraday
            before = wealth

    @staticmethod
    def _wealth(held, quotes, day, rate_now) -> Decimal:
        """Return what is left when everything is sold at the close: the cash, and what the positions fetch."""
        by_currency = {"EUR": Decimal(0), "USD": Decimal(0)}
        for code, quantity, price in held:
            paid = round_money(abs(quantity) * price, "EUR") * (1 if quantity > 0 else -1)
            by_currency["EUR" if code == EURO_SHARE else "USD"] += quantity * quotes[code, day] - paid
        return round_money(by_currency["EUR"], "EUR") + round_money(by_currency["USD"] * rate_now, "EUR")
