"""What open positions are worth beyond their cost, day by day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from core import sql
from ledger.api.journal import entry_document
from ledger.models import ProfitRun
from ledger.selectors.journal import Which, list_by_day
from ledger.services.verify_journal import verify_journal
from refdata.models import ClosePrice, FxRate, Instrument
from tests.ledger.journal_support import balances, entries, journal
from tests.ledger.profit_support import FRIDAY, MONDAY, TUESDAY, WEDNESDAY, tell
from tests.ledger.support import ACTOR, post
from tests.ledger.test_profit import share
from tests.support.factories import APPLE, EURO_SHARE, captured_ids, close, equity, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db(transaction=True)  # a run knows what has been committed


def told(day: date, *, at: str) -> int:
    """Publish the price of the share that is held, tell the day and let the journal follow."""
    ClosePrice.objects.filter(instrument__code=EURO_SHARE, date=day).delete()
    close(Instrument.objects.get(code=EURO_SHARE), at, on=day)
    run_id = tell(day, reason="a price came")
    journal()
    return run_id


def valued_on(day: date) -> dict[str, Decimal]:
    """Return what the journal has by then of valuations, by account."""
    return dict(
        sql.rows(
            "SELECT p.account, sum(p.debit - p.credit) FROM ledger_posting p JOIN ledger_journal j ON j.id = p.entry_id"
            " WHERE j.rule = 'VALUATION' AND j.effective_date <= %s GROUP BY 1 HAVING sum(p.debit - p.credit) <> 0",
            [day],
        )
    )


@pytest.fixture
def _held():
    """A hundred shares at 10 from Friday on."""
    world()
    captured_ids(share("100", "10", on=FRIDAY))
    post()
    close(Instrument.objects.get(code=EURO_SHARE), "10", on=FRIDAY)


@pytest.mark.usefixtures("_held")
class TestAClose:
    def test_carries_what_is_open_at_its_price_and_takes_the_day_before_back(self):
        tell(MONDAY, ProfitRun.Kind.INTRADAY)  # posts nothing
        journal()
        assert balances("VALUATION") == {}
        for day, price in ((MONDAY, "12"), (TUESDAY, "11.5"), (WEDNESDAY, "9")):
            told(day, at=price)
        by_day = [valued_on(day) for day in (FRIDAY, MONDAY, TUESDAY, WEDNESDAY)]
        assert by_day == [
            {},
            {"VALUATION": 200, "UNREALISED_GAIN": -200},
            {"VALUATION": 150, "UNREALISED_GAIN": -150},
            {"VALUATION": -100, "UNREALISED_GAIN": 100},
        ]
        assert balances("VALUATION") == {
            ("VALUATION", "EUR"): Decimal(-100),
            ("UNREALISED_GAIN", "EUR"): Decimal(100),
        }

    def test_names_its_run_and_its_price_and_told_again_reverses_what_the_run_before_said_on_both_days(self):
        run_id = told(MONDAY, at="12")
        found = sql.rows(
            "SELECT j.source, j.source_id, j.version, p.account, p.price, p.debit, p.credit FROM ledger_journal j"
            " JOIN ledger_posting p ON p.entry_id = j.id WHERE j.rule = 'VALUATION' ORDER BY p.id"
        )
        assert found == [
            ("P", run_id, 1, "UNREALISED_GAIN", 12, 0, 200),
            ("P", run_id, 1, "VALUATION", 12, 200, 0),
        ]
        told(TUESDAY, at="13")
        told(MONDAY, at="11")
        assert [valued_on(day).get("VALUATION") for day in (MONDAY, TUESDAY)] == [100, 300]
        before = len(entries())
        journal()
        assert len(entries()) == before

    def test_told_between_two_days_takes_the_first_back_earlier(self):
        told(MONDAY, at="12")
        told(WEDNESDAY, at="13")
        told(TUESDAY, at="14")
        assert [valued_on(day).get("VALUATION") for day in (MONDAY, TUESDAY, WEDNESDAY)] == [200, 400, 300]

    def test_is_held_against_by_the_verification(self):
        told(MONDAY, at="12")
        assert verify_journal(now=NOW, actor=ACTOR, correct=False) == []
        sql.run("ALTER TABLE ledger_profit_gain DISABLE TRIGGER USER")
        sql.run(
            "UPDATE ledger_profit_gain SET worth = worth + 1"
            " WHERE worth <> 0 AND run_id = (SELECT max(id) FROM ledger_profit_run)"
        )
        sql.run("ALTER TABLE ledger_profit_gain ENABLE TRIGGER USER")
        found = verify_journal(now=NOW, actor=ACTOR, correct=False)
        assert [(each.what, each.kept, each.told) for each in found] == [("valuation", 200, 201)]
        verify_journal(now=NOW, actor=ACTOR, correct=True)
        assert verify_journal(now=NOW, actor=ACTOR, correct=False) == []

    def test_is_closed_with_the_position(self):
        told(MONDAY, at="12")
        captured_ids(share("-100", "15", on=TUESDAY))
        post()
        told(TUESDAY, at="15")
        assert balances("VALUATION") == {}
        assert balances()["REALISED_GAIN", "EUR"] == -500

    def test_is_told_in_base_currency_at_the_rate_of_its_run(self):
        captured_ids(equity(on=MONDAY, quantity="10", price="100"))  # in dollars
        post()
        ClosePrice.objects.filter(instrument__code=APPLE, date=MONDAY).update(price="110")
        FxRate.objects.filter(currency="USD", date=MONDAY).update(rate="0.9")
        told(MONDAY, at="10")
        (entry,) = map(entry_document, list_by_day(which=Which(rule="VALUATION", currency="USD"), limit=9))
        assert (entry["trade"], entry["valuation"]) == (
            None,
            {"day": MONDAY, "run": 1, "rate": "0.9", "base_currency": "EUR"},
        )
        assert [(each["account"], each["debit"], each["base_debit"]) for each in entry["postings"]] == [
            ("UNREALISED_GAIN", "0.00", "0.00"),
            ("VALUATION", "100.00", "90.00"),
        ]
