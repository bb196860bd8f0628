"""What a tie-out cannot put right is in the queue, with its money and its age, until the sides agree."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings

from core import sql
from core.as_of import NOW as PRESENT
from core.as_of import known_at
from settlement.services import invoice_tie_out
from settlement.services.invoice import bill_trades
from settlement.services.invoice_tie_out import tie_out_invoices
from settlement.services.report import report_status
from settlement.services.standing import Report
from settlement.services.tie_out import tie_out_fees
from settlement.services.tie_out_work import WORKED_WITHIN
from settlement.tie_out_breaks import FEES, INVOICE, SERIES, items_of
from tests.settlement.support import seal, validated
from tests.support.factories import checked, equity, goods, world
from tests.support.fees import accrue, fee_rule, reverse_short
from tests.support.invoices import BACK_OFFICE, deliver, delivered_by, documents, sealed_order
from tests.support.records import CLERK, LATER, NOW, events_of
from trades.models import ExceptionItem
from trades.work_items import About, Facts, kind_of, next_action

pytestmark = pytest.mark.django_db
NIGHT = timedelta(days=1)
LINES = [{"sku": "SKU-1", "quantity": "10", "unit_price": "9.99"}]


def fees(*, nights: int = 0, correct: bool = True) -> list[str]:
    return [str(each) for each in tie_out_fees(correct=correct, now=LATER + nights * NIGHT, actor=CLERK)]


def invoices(*, nights: int = 0, correct: bool = True) -> list[str]:
    return [str(each) for each in tie_out_invoices(correct=correct, now=LATER + nights * NIGHT, actor=CLERK)]


@pytest.fixture
def reversed_short() -> int:
    """A trade with a levy of 5 of which only 3 were reversed, so that accruing anew cannot put it right."""
    world()
    trade_id = checked(equity(quantity="100", price="187"))
    reverse_short(trade_id)
    return trade_id


def delivered_while_nobody_billed(count: int) -> list[int]:
    orders = validated(*(goods(lines=LINES) for _ in range(count)))
    seal()
    instructions = sorted({each for trade_id in orders for each in delivered_by(trade_id)})
    report_status(reports=[Report(each, "SETTLED") for each in instructions], actor=BACK_OFFICE, now=NOW)
    sql.run("DELETE FROM core_work")
    return orders


def item() -> ExceptionItem:
    return ExceptionItem.objects.get()


def facts(of: ExceptionItem, as_of: Any = PRESENT) -> Facts:
    tell = kind_of(of.kind).facts
    assert tell is not None
    return tell(About(of.subject, of.subject_id), as_of)


def in_base(amount: str, currency: str) -> Any:
    ((value,),) = sql.rows(
        "SELECT round(%s * (SELECT rate FROM refdata_fx_rate WHERE currency = %s AND date <= %s"
        " ORDER BY date DESC LIMIT 1), 2)",
        [amount, currency, LATER.date()],
    )
    return value


class TestCharges:
    def test_that_correcting_puts_right_are_no_work(self):
        world()
        trade_id = checked(equity(quantity="100", price="187"))
        fee_rule("LEVY", type="LEVY", rate="10", is_stated=False)
        assert len(fees()) == 1
        assert (fees(), ExceptionItem.objects.count()) == ([], 0)
        assert len(events_of(trade_id, "trade.fees_corrected")) == 1

    def test_that_it_leaves_are_in_the_queue_with_their_money_and_a_deadline(self, reversed_short):
        (told,) = fees()
        found = item()
        assert told.endswith(" LEVY: -2.00 USD accrued, 0.00 charged")
        assert (found.trade_id, found.kind, found.codes, found.summary) == (
            reversed_short, FEES, ["FEES_DIFFER"], f"Charges do not tie out: {told}",
        )  # fmt: skip
        assert settings.BASE_CURRENCY != "USD"
        assert found.amount_at_risk == in_base("2", "USD")
        assert (found.opened_at, found.deadline) == (LATER, LATER + WORKED_WITHIN)
        assert facts(found).rows == [
            (
                "LEVY: accrued otherwise than charged",
                "-2.00",
                "0.00",
                "-2.00",
                "USD",
                f"{LATER:%Y-%m-%d %H:%M} UTC",
            )
        ]
        assert events_of(reversed_short, "trade.fees_corrected") == []
        assert [each["id"] for each in items_of(FEES)] == [found.id]

    def test_that_stay_keep_their_item_its_age_and_its_deadline(self, reversed_short):
        fees()
        before = ExceptionItem.objects.values().get()
        assert len(fees(nights=1)) == 1
        after = ExceptionItem.objects.values().get()
        assert {name for name in after if after[name] != before[name]} <= {"told_at"}
        assert sql.rows("SELECT count(*) FROM settlement_tie_out_break") == [(1,)]
        assert len(events_of(reversed_short, "exception.opened")) == 1

    @pytest.mark.django_db(transaction=True)
    def test_that_become_other_are_told_as_they_are_now_and_were_at_a_moment(self, reversed_short):
        fees()
        opened, then = item(), known_at(LATER)
        accrue(reversed_short, "0.50", reverses=accrue(reversed_short, "-1"))
        fees(nights=1)
        found = item()
        assert (found.id, found.opened_at, found.deadline) == (opened.id, opened.opened_at, opened.deadline)
        assert [row[1] for row in facts(found).rows] == ["-2.50"]
        assert [row[1] for row in facts(found, then).rows] == ["-2.00"]

    def test_are_closed_once_the_sides_agree_and_open_again_when_they_do_not(self, reversed_short):
        fees()
        opened = item()
        correction = accrue(reversed_short, "2")
        assert fees(nights=1) == []
        found = item()
        assert (found.closed_at, found.resolution, facts(found).rows) == (LATER + NIGHT, "ties out", [])
        accrue(reversed_short, "-2", reverses=correction)
        assert len(fees(nights=2)) == 1
        found = item()
        assert (found.id, found.closed_at, found.deadline) == (
            opened.id,
            None,
            LATER + 2 * NIGHT + WORKED_WITHIN,
        )

    def test_are_not_touched_by_whoever_only_looks(self, reversed_short):
        assert len(fees(correct=False)) == 1
        assert ExceptionItem.objects.count() == 0
        fees()
        accrue(reversed_short, "2")
        assert fees(correct=False) == []
        assert item().closed_at is None

    def test_whose_currency_has_no_rate_have_no_money(self, reversed_short):
        sql.run("DELETE FROM refdata_fx_rate WHERE currency = 'USD'")
        fees()
        assert item().amount_at_risk is None


class TestInvoices:
    def test_one_that_cannot_be_billed_is_in_the_queue_and_keeps_back_no_other(self, monkeypatch):
        world()
        orders = delivered_while_nobody_billed(3)
        bad = orders[1]

        def failing(*, trade_ids: Any, **rest: Any) -> Any:
            if bad in trade_ids:
                raise ValueError("the customer has no address")
            return bill_trades(trade_ids=trade_ids, **rest)

        with monkeypatch.context() as broken:
            broken.setattr(invoice_tie_out, "bill_trades", failing)
            assert len(invoices()) == 3
            assert len(invoices(nights=1)) == 1
        found = item()
        assert (found.trade_id, found.kind, found.codes) == (bad, INVOICE, ["NOT_BILLED"])
        assert (found.amount_at_risk, found.opened_at) == (Decimal("99.90"), LATER)
        assert [row[:5] for row in facts(found).rows] == [
            ("line 1: owed and not billed", "0.00", "99.90", "-99.90", "EUR")
        ]
        assert {documents(each) == [] for each in orders if each != bad} == {False}
        invoices(nights=2)
        assert (item().resolution, documents(bad) != []) == ("ties out", True)

    def test_a_break_is_closed_whatever_its_trade_has_become(self):
        world()
        trade_id = checked(goods(lines=LINES))
        sql.run(
            "INSERT INTO trades_exception (trade_id, subject, subject_id, member, kind, codes, summary, opened_at,"
            " closed_by, resolution, causes, waits, move) VALUES (%s, 'trade', %s, '', 'INVOICE', '{NOT_BILLED}', '',"
            " %s, '', '', '{NOT_BILLED}', '{}', 'OPERATIONS')",
            [trade_id, trade_id, LATER],
        )
        sql.run("ALTER TABLE trades_version DISABLE TRIGGER append_only")
        sql.run("UPDATE trades_version SET side = 'BUY' WHERE trade_id = %s", [trade_id])
        assert invoices() == []
        assert item().resolution == "ties out"

    def test_numbers_with_a_gap_are_an_item_of_their_series_until_there_is_none(self):
        world()
        deliver(delivered_by(sealed_order(lines=LINES))[0])
        ((series, last),) = sql.rows(
            "SELECT id, last_number FROM settlement_invoice_series WHERE series = 'INV'"
        )
        sql.run("UPDATE settlement_invoice_series SET last_number = 3 WHERE id = %s", [series])
        for nights in range(2):
            assert invoices(nights=nights) == ["OURS-INV numbers with a gap: 1, 3 expected"]
        found = item()
        assert (found.trade_id, found.subject, found.subject_id, found.codes) == (
            None,
            SERIES,
            series,
            ["GAP"],
        )
        assert (found.amount_at_risk, found.opened_at, found.deadline) == (None, LATER, LATER + WORKED_WITHIN)
        assert "documents were lost" in next_action(kind=found.kind, codes=found.codes, move=found.move)
        assert [row[:5] for row in facts(found).rows] == [
            ("OURS-INV: numbers with a gap", "1", "3", "-2", "—")
        ]
        sql.run("UPDATE settlement_invoice_series SET last_number = %s WHERE id = %s", [last, series])
        assert (invoices(nights=2), item().resolution) == ([], "ties out")
