"""On the screens of invoices people read what was billed, and credit it, a second one above an amount."""

from __future__ import annotations

import html

import pytest

from core import sql
from core.ids import EXCEPTION, INVOICE, PROPOSAL, TRADE, public_id
from core.models import Proposal
from settlement.models import Invoice
from settlement.services.invoice_tie_out import tie_out_invoices
from tests.ops.conftest import SignIn
from tests.settlement.support import seal
from tests.support.factories import World, checked, goods
from tests.support.fees import fee_rule
from tests.support.invoices import billing_terms, deliver, delivered_by, documents
from tests.support.records import CLERK, LATER
from trades.models import ExceptionItem

LINES = [{"sku": "SKU-1", "description": "Ceramic mug", "quantity": "10", "unit_price": "9.99"}]


def text_of(answer) -> str:
    return html.unescape(answer.content.decode())


@pytest.fixture
def billed(world: World) -> tuple[str, str]:
    """Return the references of an order that was delivered and of its invoice."""
    billing_terms(credit_alone_below="50")
    fee_rule("VAT", type="VAT", rate="2000", direction="RECEIVE", is_stated=False)
    trade_id = checked(goods(lines=LINES))
    seal()
    deliver(delivered_by(trade_id)[0])
    return public_id(TRADE, trade_id), public_id(INVOICE, Invoice.objects.get().id)


def test_without_an_invoice_the_screen_says_when_there_is_one(world: World, sign_in: SignIn) -> None:
    assert "Nothing has been billed yet" in text_of(sign_in("auditor").get("/invoices"))


def test_what_was_billed_is_listed_and_shown(billed: tuple[str, str], sign_in: SignIn) -> None:
    trade, invoice = billed
    reader = sign_in("auditor")
    listed = text_of(reader.get("/invoices"))
    for told in ("OURS-INV-000001", "Cust-01", trade, "119.88", "2026-12-23"):
        assert told in listed
    assert "OURS-INV-000001" in text_of(reader.get("/invoices?customer=CUST-01&kind=INVOICE"))
    assert "No invoice matches kind “CREDIT_NOTE”" in text_of(reader.get("/invoices?kind=CREDIT_NOTE"))
    shown = text_of(reader.get(f"/invoices/{invoice}"))
    for told in ("Ceramic mug", "9.99", "99.90", "19.98", "119.88", trade):
        assert told in shown
    assert 'name="quantity-1"' not in shown  # an auditor credits nothing
    assert "OURS-INV-000001" in text_of(reader.get(f"/trades/{trade}"))
    assert reader.get("/invoices/inv_x").status_code == 404
    assert reader.get(f"/invoices/{public_id(INVOICE, 999)}").status_code == 404


def test_one_person_credits_below_the_amount(billed: tuple[str, str], sign_in: SignIn) -> None:
    _, invoice = billed
    clerk = sign_in("operations", name="ann")
    answer = clerk.post(f"/invoices/{invoice}/credit", {"quantity-1": "3", "reason": "broken"})
    assert answer.status_code == 303
    note = text_of(clerk.get(answer["Location"]))
    for told in ("Credit note", "OURS-CRN-000001", "OURS-INV-000001", "35.96", "broken"):
        assert told in note
    assert "83.92" in text_of(clerk.get(f"/invoices/{invoice}"))


def test_above_it_another_approves(billed: tuple[str, str], sign_in: SignIn) -> None:
    _, invoice = billed
    maker, checker = sign_in("operations", name="ann"), sign_in("supervisor", name="bob")
    assert maker.post(f"/invoices/{invoice}/credit", {"what": "all", "reason": "returned"}).status_code == 303
    reference = public_id(PROPOSAL, Proposal.objects.get(state="PENDING").id)
    assert len(documents()) == 1
    for told in (reference, "OURS-INV-000001", "119.88", "returned"):
        assert told in text_of(checker.get("/approvals"))
    assert "ann has asked to credit" in text_of(checker.get(f"/invoices/{invoice}"))
    assert checker.post(f"/approvals/{reference}/approve", {"note": ""}).status_code == 303
    assert documents()[1] == ("OURS-CRN-000001", "99.9", "19.98", "119.88")
    assert "Credit some of it" not in text_of(checker.get(f"/invoices/{invoice}"))


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"reason": "x"}, "Say how much of which line"),
        ({"quantity-1": "many", "reason": "x"}, "A decimal number"),
        ({"quantity-1": "11", "reason": "x"}, "at most 10"),
        ({"net-1": "100", "reason": "x"}, "at most 99.90"),
        ({"what": "all", "reason": " "}, "reason"),
    ],
)
def test_a_form_with_faults_comes_back(
    billed: tuple[str, str], sign_in: SignIn, form: dict[str, str], told: str
) -> None:
    _, invoice = billed
    answer = sign_in("operations").post(f"/invoices/{invoice}/credit", form)
    text = text_of(answer)
    assert (answer.status_code, told in text, len(documents())) == (422, True, 1)
    assert all(f'value="{value}"' in text for name, value in form.items() if name not in {"reason"})


def test_numbers_with_a_gap_are_listed_and_told_on_their_exception(
    billed: tuple[str, str], sign_in: SignIn
) -> None:
    reader = sign_in("operations")
    assert "Breaks" not in text_of(reader.get("/invoices"))
    sql.run("UPDATE settlement_invoice_series SET last_number = 7")
    tie_out_invoices(correct=True, now=LATER, actor=CLERK)
    item = public_id(EXCEPTION, ExceptionItem.objects.get().id)
    for path in ("/invoices", f"/exceptions/{item}"):
        assert "OURS-INV numbers with a gap: 1, 7 expected" in text_of(reader.get(path))
    assert f'href="/exceptions/{item}"' in text_of(reader.get("/invoices"))
    assert "a number series" in text_of(reader.get("/exceptions"))
