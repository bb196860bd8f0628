"""Whatever happens to trades, prices and issuers: the parts add up, and cash and positions reconcile to the profit, and
so does the journal."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.http.problem import Problem
from core.money import round_money
from ledger.models import ProfitRun
from ledger.services.verify_journal import verify_journal
from refdata.accrual import Coupons, accrual
from refdata.models import Book, Instrument
from tests.ledger.journal_support import journal
from tests.ledger.profit_support import gains, parts, tell
from tests.ledger.support import ACTOR, amend_if_other, cancel, post
from tests.ledger.test_actions import ActionTerms, act
from tests.ledger.test_profit import share
from tests.support.factories import APPLE, EURO_SHARE, bond, captured_ids, close, instrument, rate, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db(transaction=True)
DAYS = 3
CODES = {EURO_SHARE: "EUR", APPLE: "USD"}
_numbers = itertools.count()
Test = Callable[..., Any]


def _steps(what: list[str], of: st.SearchStrategy, prices: st.SearchStrategy, most: int) -> st.SearchStrategy:
    """Draw what happens: on which day, what, to which, of what, how much, at which price, and for how many days ago."""
    which, quantities = st.integers(0, 9), st.integers(-20, 20).filter(bool)
    step = st.tuples(
        st.integers(0, DAYS - 1), st.sampled_from(what), which, of, quantities, prices, st.integers(0, 2)
    )
    return st.lists(step, min_size=most // 4, max_size=most)


def _for_any(steps: st.SearchStrategy, prices: st.SearchStrategy, quotes: int) -> Callable[[Test], Test]:
    """Let a test be tried with any of such steps, so many prices at the close, and a rate for each day."""

    def decorate(test: Test) -> Test:
        drawn = given(
            steps=steps,
            prices=st.lists(prices, min_size=quotes, max_size=quotes),
            rates=st.lists(st.decimals("0.8", "1.2", places=3), min_size=DAYS + 1, max_size=DAYS + 1),
        )
        return settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))(drawn(test))

    return decorate


SHARE_PRICES = st.decimals("80", "120", places=2)
STEPS = _steps(
    ["trade", "trade", "trade", "amend", "cancel", "split", "dividend", "redeem", "call_off"],
    st.sampled_from(list(CODES)),
    SHARE_PRICES,
    most=12,
)
# What is held and was paid for it, by what the positions say: cash is a position like every other.
_HELD = """
SELECT instrument_id, currency, sum(quantity) FROM ledger_position_entry
WHERE book_id = %s AND basis = 'TRADED' AND effective_date <= %s GROUP BY 1, 2
"""


# What the journal has of a book by then, without what is income or expense: its cash, claims, debts and positions.
_BOOKED = """
SELECT j.currency, sum(p.debit - p.credit) FROM ledger_journal j JOIN ledger_posting p ON p.entry_id = j.id
WHERE j.book_id = %s AND j.effective_date <= %s
  AND p.account IN ('CASH', 'RECEIVABLE', 'PAYABLE', 'INVENTORY', 'VALUATION') GROUP BY 1
"""


class _Market:
    """A book of its own, what is dealt in it, and what issuers do, on days of its own."""

    def __init__(self, prices: list[Decimal], rates: list[Decimal]) -> None:
        number = next(_numbers)
        first = date(2027, 3, 1) + timedelta(days=14 * number)
        self.days = [first + timedelta(days=n) for n in range(DAYS + 1)]
        self.number, self.code = number, f"BOOK-S{number}"
        self.book = Book.objects.create(
            code=self.code, desk="D", entity_id=Book.objects.values_list("entity_id").first()[0]
        )
        self.trades: list[tuple[int, bool]] = []
        self.acted: dict[str, ActionTerms] = {}
        self.quotes = dict(zip(itertools.product(CODES, self.days), prices, strict=True))
        self.rates = dict(zip(self.days, rates, strict=True))
        for (code, day), price in self.quotes.items():
            close(Instrument.objects.get(code=code), str(price), on=day)
        for day, value in self.rates.items():
            rate("USD", str(value), on=day)

    def go(self, today: int, steps: list[tuple]) -> None:
        """Do all that happens before the close of a day."""
        for step in steps:
            if step[0] == today - 1:
                self.do(today, step)

    def do(self, today: int, step: tuple) -> None:
        _, what, which, code, quantity, price, ago = step
        on = self.days[max(today - ago, 0)]
        if what == "trade":
            terms = {"book": self.code, "instrument": code, "currency": CODES[code]}
            trader = ("jdoe", "msato")[which % 2]
            (trade,) = captured_ids(share(str(quantity), str(price), on=on, trader=trader, **terms))
            self.trades.append((trade, quantity > 0))
        elif what in {"amend", "cancel"}:
            if self.trades:
                at = which % len(self.trades)
                trade, _ = self.trades[at]
                if what == "cancel":
                    cancel(trade)
                    del self.trades[at]
                else:
                    amend_if_other(trade, quantity=str(abs(quantity)), price=str(price))
        elif what == "call_off":
            for reference, said in list(self.acted.items())[:1]:
                self._act(reference, ActionTerms(**{**said.content(), **_terms(said), "cancelled": True}))
        else:
            self._act(f"{what[:1]}{self.number}-{code}", self._said(what, code, abs(quantity), on))
        post()

    def _said(self, what: str, code: str, number: int, on: date) -> ActionTerms:
        kind = {"split": "SPLF", "dividend": "DVCA", "redeem": "REDM"}[what]
        money = {"currency": CODES[code], "rate": Decimal(number)}
        ratio = {"new": Decimal(number % 3 + 1), "old": Decimal(2)}
        return ActionTerms(
            type=kind,
            instrument=code,
            ex_date=on,
            record_date=on,
            pay_date=on,
            **(ratio if what == "split" else money),
        )

    def _act(self, reference: str, said: ActionTerms) -> None:
        try:
            act(reference, said)
        except Problem as problem:
            assert problem.code in {"nothing-changes", "invalid"}, problem
        else:
            self.acted[reference] = said

    def booked(self, day: date) -> Decimal:
        """Return what the journal says that cash and positions come to at the close, in base currency."""
        held = dict(sql.rows(_BOOKED, [self.book.id, day]))
        return held.get("EUR", Decimal(0)) + held.get("USD", Decimal(0)) * self.rates[day]

    def wealth(self, day: date) -> Decimal:
        """Return what the cash and all that is held come to at the close, in base currency."""
        by_currency = dict.fromkeys(CODES.values(), Decimal(0))
        codes = dict(Instrument.objects.filter(code__in=CODES).values_list("id", "code"))
        for instrument_id, currency, quantity in sql.rows(_HELD, [self.book.id, day]):
            worth = self.quotes[codes[instrument_id], day] if instrument_id else 1
            by_currency[currency] += quantity * worth
        return by_currency["EUR"] + by_currency["USD"] * self.rates[day]


def _terms(said: ActionTerms) -> dict:
    return {name: getattr(said, name) for name in said.__slots__}


def _opened(made: type[_Market], prices: list[Decimal], rates: list[Decimal]) -> _Market:
    """Return a market whose first day has been told."""
    if not Book.objects.exists():
        world()
    market = made(prices, rates)
    tell(market.days[0])
    return market


def _told_day(market: _Market, day: date) -> tuple[Decimal, int, int]:
    """Tell a day to its end; return what the book gained, by which run, and in how many lines."""
    run = tell(day)
    lines = sql.rows("SELECT count(*) FROM ledger_profit_line WHERE run_id = %s", [run])[0][0]
    return parts(run, market.code)["total"], run, lines


def _is_booked(market: _Market, day: date, held: Decimal) -> None:
    journal()
    assert abs(market.booked(day) - held) <= Decimal("0.01")  # a valuation is rounded once
    assert verify_journal(now=NOW, actor=ACTOR, correct=False) == []


@_for_any(STEPS, SHARE_PRICES, quotes=2 * DAYS + 2)
def test_any_sequence_reconciles_to_what_is_held_and_paid(steps, prices, rates):
    market, total = _opened(_Market, prices, rates), Decimal(0)
    for n, day in enumerate(market.days[1:], 1):
        market.go(n, steps)
        intraday = tell(day, ProfitRun.Kind.INTRADAY)
        told, gained = parts(intraday, market.code), gains(intraday, market.code)
        assert "difference" not in gained
        assert "transferred" not in gained  # over the whole book
        gain, run, lines = _told_day(market, day)
        assert (parts(run, market.code), gains(run, market.code)) == (told, gained)
        total += gain
        held = market.wealth(day)
        # Each line is rounded once; over the days what it was rounded by does not add up.
        assert abs(total - held) <= Decimal("0.005") * lines
        _is_booked(market, day, held)
    assert round_money(total, "EUR") == total


_HUNDRED = Decimal(100)
BOND_PRICES = st.decimals("90", "110", places=3)
BOND_STEPS = _steps(["trade", "trade", "amend", "cancel"], st.booleans(), BOND_PRICES, most=14)


class _Bonds(_Market):
    """A market of two bonds: one pays its coupon on the second day, the other its last one, and itself, on the last."""

    def __init__(self, prices: list[Decimal], rates: list[Decimal]) -> None:
        super().__init__([Decimal(100)] * (2 * DAYS + 2), rates)
        self.terms: dict[str, Coupons] = {}
        self.coupon_on: dict[str, date] = {}
        for code, maturity, pays_on in (
            (f"PAYS{self.number}", self._years_on(self.days[1], 1), self.days[1]),
            (f"ENDS{self.number}", self.days[-1], self.days[-1]),
        ):
            said = {
                "coupon_rate": Decimal("3.65"),
                "coupon_frequency": 1,
                "day_count": "ACT/ACT.ICMA",
                "dated_date": self._years_on(pays_on, -1),
                "maturity": maturity,
            }
            bund = instrument(
                code,
                scheme="LOCAL",
                product_class="BOND",
                price_basis="PERCENT",
                currency="EUR",
                market="XETR",
                **said,
            )
            self.terms[code] = Coupons(**said, end_of_month=False)
            self.coupon_on[code] = pays_on
            for day, price in zip(self.days, prices, strict=True):
                self.quotes[code, day] = _HUNDRED if day >= maturity else price
                close(bund, str(self.quotes[code, day]), on=day)
            self._act(f"INTR-{code}", self._paid("INTR", code, pays_on, said["coupon_rate"]))
            if maturity == pays_on:
                self._act(f"REDM-{code}", self._paid("REDM", code, pays_on, _HUNDRED))
        self.codes = list(self.terms)

    @staticmethod
    def _years_on(day: date, years: int) -> date:
        return day.replace(year=day.year + years)

    @staticmethod
    def _paid(kind: str, code: str, on: date, rate_: Decimal) -> ActionTerms:
        # Whoever settles on the day of a coupon pays no interest for it, and is not paid it.
        days = {"ex_date": on, "record_date": on - timedelta(days=1), "pay_date": on}
        return ActionTerms(type=kind, instrument=code, currency="EUR", rate=rate_, **days)

    def do(self, today: int, step: tuple) -> None:
        _, what, which, is_second, quantity, price, ago = step
        code, on = self.codes[is_second], self.days[max(today - ago, 0)]
        if what == "trade":
            side = "BUY" if quantity > 0 else "SELL"
            (trade,) = captured_ids(
                bond(
                    on=on,
                    instrument=code,
                    book=self.code,
                    side=side,
                    quantity=str(abs(quantity) * 1000),
                    price=str(price),
                )
            )
            self.trades.append((trade, quantity > 0))
        elif self.trades:
            at = which % len(self.trades)
            trade, _ = self.trades[at]
            if what == "cancel":
                cancel(trade)
                del self.trades[at]
            else:
                amend_if_other(trade, quantity=str(abs(quantity) * 1000), price=str(price))
        post()

    def interest(self, day: date) -> Decimal:
        """Return the interest that has accrued in what is held, or will be the seller's, since the coupon before."""
        total = Decimal(0)
        for code, terms in self.terms.items():
            found = sql.rows(_LIVE, [[trade for trade, _ in self.trades], code, day])
            for settles_on, nominal in found:
                if day >= terms.maturity:
                    continue
                since = max(settles_on, day)
                total += accrual(terms, since).amount(nominal, terms.coupon_rate)
        return total

    def wealth(self, day: date) -> Decimal:
        """Return what the cash and all that is held come to at the close, without interest."""
        codes = dict(Instrument.objects.filter(code__in=self.codes).values_list("id", "code"))
        return sum(
            (
                quantity * (self.quotes[codes[instrument_id], day] / _HUNDRED if instrument_id else 1)
                for instrument_id, _, quantity in sql.rows(_HELD, [self.book.id, day])
            ),
            Decimal(0),
        )


_LIVE = """
SELECT v.settlement_date, CASE v.side WHEN 'BUY' THEN v.quantity ELSE -v.quantity END
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
JOIN refdata_instrument i ON i.id = v.instrument_id
WHERE s.trade_id = ANY(%s) AND i.code = %s AND v.trade_date <= %s
"""


@_for_any(BOND_STEPS, BOND_PRICES, quotes=DAYS + 1)
def test_any_sequence_of_bonds_reconciles_with_its_coupons_and_redemptions(steps, prices, rates):
    market, total = _opened(_Bonds, prices, rates), Decimal(0)
    for n, day in enumerate(market.days[1:], 1):
        market.go(n, steps)
        gain, _, lines = _told_day(market, day)
        total += gain
        held, interest = market.wealth(day), market.interest(day)
        cents = Decimal("0.005") * (lines + 2)  # each line is rounded once, and so is each coupon
        assert abs(total - held - interest) <= cents, (day, total, held, interest)
        _is_booked(market, day, held)
