"""Whatever happens to trades, prices and issuers: the parts add up, and cash and positions reconcile to the profit, and
so does the journal."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.http.problem import Problem
from core.money import round_money
from ledger.models import ProfitRun
from ledger.services.verify_journal import verify_journal
from refdata.models import Book, Instrument
from tests.ledger.journal_support import journal
from tests.ledger.profit_support import gains, parts, tell
from tests.ledger.support import ACTOR, amend, cancel, post
from tests.ledger.test_actions import ActionTerms, act
from tests.ledger.test_profit import share
from tests.support.factories import APPLE, EURO_SHARE, captured_ids, close, rate, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db(transaction=True)
DAYS = 3
CODES = {EURO_SHARE: "EUR", APPLE: "USD"}
_numbers = itertools.count()
STEPS = st.lists(
    st.tuples(
        st.integers(0, DAYS - 1),
        st.sampled_from(
            ["trade", "trade", "trade", "amend", "cancel", "split", "dividend", "redeem", "call_off"]
        ),
        st.integers(0, 9),
        st.sampled_from(list(CODES)),
        st.integers(-20, 20).filter(bool),
        st.decimals("80", "120", places=2),
        st.integers(0, 2),  # for so many days before
    ),
    min_size=3,
    max_size=12,
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
                    amend(trade, quantity=str(abs(quantity)), price=str(price))
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


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=STEPS,
    prices=st.lists(st.decimals("80", "120", places=2), min_size=2 * DAYS + 2, max_size=2 * DAYS + 2),
    rates=st.lists(st.decimals("0.8", "1.2", places=3), min_size=DAYS + 1, max_size=DAYS + 1),
)
def test_any_sequence_reconciles_to_what_is_held_and_paid(steps, prices, rates):
    if not Book.objects.exists():
        world()
    market = _Market(prices, rates)
    tell(market.days[0])
    total = Decimal(0)
    for n, day in enumerate(market.days[1:], 1):
        for step in (each for each in steps if each[0] == n - 1):
            market.do(n, step)
        intraday = tell(day, ProfitRun.Kind.INTRADAY)
        told, gained = parts(intraday, market.code), gains(intraday, market.code)
        assert "difference" not in gained
        assert "transferred" not in gained  # over the whole book
        run = tell(day)
        assert (parts(run, market.code), gains(run, market.code)) == (told, gained)
        total += told["total"]
        lines = sql.rows("SELECT count(*) FROM ledger_profit_line WHERE run_id = %s", [run])[0][0]
        # Each line is rounded once; over the days what it was rounded by does not add up.
        assert abs(total - market.wealth(day)) <= Decimal("0.005") * lines
        journal()
        assert abs(market.booked(day) - market.wealth(day)) <= Decimal("0.01")  # a valuation is rounded once
        assert verify_journal(now=NOW, actor=ACTOR, correct=False) == []
    assert round_money(total, "EUR") == total
