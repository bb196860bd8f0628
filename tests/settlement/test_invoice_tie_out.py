"""What is billed ties out against what was delivered and accrued, or the break is named."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from core import sql
from core.ids import TRADE, public_id
from settlement.services import invoice_tie_out
from settlement.services.invoice import bill_due
from settlement.services.invoice_tie_out import Break, tie_out_invoices
from settlement.services.report import report_status
from settlement.services.standing import Report
from settlement.services.tie_out import tie_out_fees
from settlement.tasks import tie_out_invoices as nightly
from tests.settlement.support import seal
from tests.support.factories import checked, equity, goods, world
from tests.support.fees import fee_rule
from tests.support.invoices import BILLER, bill, billed_lines, billing_terms, deliver, delivered_by, documents
from tests.support.records import CLERK, LATER, NOW

pytestmark = pytest.mark.django_db
D = Decimal
LINES = [{"sku": "SKU-1", "quantity": "10", "unit_price": "9.99"}]


def tie_out(*, correct: bool = False) -> list[Break]:
    return tie_out_invoices(correct=correct, now=LATER, actor=CLERK)


def order() -> int:
    world()
    trade_id = checked(goods(lines=LINES))
    seal()
    return trade_id


def unbilled() -> int:
    """Return an order that was delivered while nobody billed."""
    trade_id = order()
    reports = [Report(delivered_by(trade_id)[0], "SETTLED")]
    report_status(reports=reports, actor=BILLER, now=NOW)
    sql.run("DELETE FROM core_work")
    return trade_id


def items() -> list[tuple[object, ...]]:
    return sql.rows("SELECT kind, codes, closed_at IS NOT NULL FROM trades_exception ORDER BY id")


def test_what_was_billed_as_delivered_ties_out():
    trade_id = order()
    assert tie_out() == []
    (instruction,) = delivered_by(trade_id)
    deliver(instruction, "3")
    assert tie_out() == []
    deliver(instruction)
    assert tie_out(correct=True) == []
    assert len(documents()) == 2


def test_what_was_delivered_and_not_billed_is_named_and_billed():
    trade_id = unbilled()
    expected = [Break(trade_id, "NOT_BILLED", "line 1", "EUR", D(0), D("99.90"))]
    assert (tie_out(), documents()) == (expected, [])
    assert tie_out(correct=True) == expected
    assert (tie_out(), documents()) == ([], [("OURS-INV-000001", "99.9", "0", "99.9")])


def test_a_tax_that_was_approved_after_the_invoice_is_billed_by_a_new_one():
    trade_id = order()
    deliver(delivered_by(trade_id)[0])
    fee_rule("VAT", type="VAT", rate="2000", direction="RECEIVE", is_stated=False)
    tie_out_fees(correct=True, now=LATER, actor=CLERK)
    assert tie_out() == [Break(trade_id, "NOT_BILLED", "line 1", "EUR", D("99.90"), D("119.88"))]
    bill(now=LATER)
    assert tie_out() == []
    assert documents() == [
        ("OURS-INV-000001", "99.9", "0", "99.9"),
        ("OURS-CRN-000001", "99.9", "0", "99.9"),
        ("OURS-INV-000002", "99.9", "19.98", "119.88"),
    ]


def test_a_fee_that_is_accrued_and_due_is_billed_or_named():
    world()
    fee_rule("CUSTODY", type="CUSTODY", rate="10", direction="RECEIVE", is_stated=False)
    trade_id = checked(equity(quantity="100", price="187"))
    assert tie_out() == [Break(trade_id, "NOT_BILLED", "fee CUSTODY USD", "USD", D(0), D("18.70"))]
    bill()
    assert tie_out() == []


def test_a_document_of_trades_in_several_portions_is_one_break_of_its_first_trade(monkeypatch):
    world()
    billing_terms(fees="MONTH")
    fee_rule("CUSTODY", type="CUSTODY", rate="10", direction="RECEIVE", is_stated=False)
    first, _ = (checked(equity(quantity=each, price="187")) for each in ("100", "200"))
    later = NOW + timedelta(days=9)  # in the next month
    assert bill_due(now=later, actor=BILLER) == 1
    assert documents() == [("OURS-FEE-000001", "56.1", "0", "56.1")]
    sql.run("ALTER TABLE settlement_invoice DISABLE TRIGGER append_only")
    sql.run("UPDATE settlement_invoice SET net = net + 1, gross = gross + 1")
    monkeypatch.setattr(invoice_tie_out, "AT_ONCE", 1)
    found = tie_out_invoices(correct=True, now=later, actor=CLERK)
    assert found == [Break(first, "WRONG_TOTAL", "OURS-FEE-000001", "USD", D("57.10"), D("56.10"))]


def test_documents_that_do_not_add_up_stand_in_the_queue_until_they_do():
    trade_id = order()
    deliver(delivered_by(trade_id)[0])
    sql.run("ALTER TABLE settlement_invoice DISABLE TRIGGER append_only")
    sql.run("UPDATE settlement_invoice SET net = net + 1, gross = gross + 1")
    assert tie_out(correct=True) == [
        Break(trade_id, "WRONG_TOTAL", "OURS-INV-000001", "EUR", D("100.90"), D("99.90"))
    ]
    assert items() == [("INVOICE", ["WRONG_TOTAL"], False)]
    sql.run("UPDATE settlement_invoice SET net = net - 1, gross = gross - 1")
    assert (tie_out(correct=True), items()) == ([], [("INVOICE", ["WRONG_TOTAL"], True)])


def test_a_line_that_is_not_quantity_times_price_is_named():
    trade_id = order()
    deliver(delivered_by(trade_id)[0])
    sql.run("ALTER TABLE settlement_invoice_line DISABLE TRIGGER append_only")
    sql.run("UPDATE settlement_invoice_line SET net = net + 1, gross = gross + 1")
    told = {(each.code, each.about, each.billed, each.owed) for each in tie_out()}
    assert ("WRONG_LINE", "line 1", D("100.90"), D("99.90")) in told
    assert ("NOT_OWED", "line 1", D("100.90"), D("99.90")) in told


def test_a_number_that_is_missing_is_named():
    trade_id = order()
    deliver(delivered_by(trade_id)[0])
    sql.run("UPDATE settlement_invoice_series SET last_number = 3")
    (found,) = tie_out()
    assert str(found) == "OURS-INV numbers with a gap: 1, 3 expected"


def test_the_command_names_the_breaks_and_changes_nothing_unasked(capsys):
    trade_id = unbilled()
    with pytest.raises(CommandError, match="1 break found"):
        call_command("tie_out_invoices")
    line = f"{public_id(TRADE, trade_id)} line 1 owed and not billed: 0.00 EUR, 99.90 expected\n"
    assert (capsys.readouterr().out, documents()) == (line, [])
    with pytest.raises(CommandError, match="1 break corrected"):
        call_command("tie_out_invoices", "--correct")
    capsys.readouterr()
    call_command("tie_out_invoices")
    assert capsys.readouterr().out == "Every invoice ties out.\n"


def test_the_night_bills_what_was_left():
    trade_id = unbilled()
    assert (nightly(), nightly()) == (1, 0)
    assert billed_lines(trade_id) == [("OURS-INV-000001", "line 1", "10", "99.9", "0", False)]
