"""On the screens of the journal people see balances, what is behind them, and close books two by two."""

from __future__ import annotations

import html

import pytest

from core.ids import PROPOSAL, TRADE, database_id, public_id
from core.models import Proposal
from ledger.models import AccountName, PeriodClosing
from ledger.services.accounts import Named, propose_accounts
from tests.ledger.journal_support import journal
from tests.ledger.support import ACTOR, amend, post
from tests.ops.conftest import SignIn
from tests.support.factories import World, captured_ids, equity
from tests.support.records import NOW, person


def text_of(answer) -> str:
    return html.unescape(answer.content.decode())


@pytest.fixture
def trade(world: World) -> str:
    (trade_id,) = captured_ids(equity())
    post()
    journal()
    return public_id(TRADE, trade_id)


def test_a_balance_leads_to_its_entries_and_these_to_the_trade(trade: str, sign_in: SignIn) -> None:
    reader = sign_in("auditor")
    shown = text_of(reader.get("/journal"))
    address = "/journal/entries?entity=OURS&currency=USD&account=INVENTORY"
    for told in (f'href="{address}"', ">18,725.00<", ">-18,725.00<", ">0.00<", "Payable to counterparties"):
        assert told in shown
    entries = text_of(reader.get(address))
    for told in (f'href="/trades/{trade}"', ">187.25<", "trade date", "BOOK-1"):
        assert told in entries
    assert "PAYABLE" not in entries


def test_a_trade_leads_to_its_entries_and_what_reverses_them(trade: str, sign_in: SignIn) -> None:
    reader = sign_in("operations")
    address = f"/journal/entries?trade={trade}"
    assert f'href="{address}"' in text_of(reader.get(f"/trades/{trade}"))
    assert "reversed by" not in text_of(reader.get(address))
    amend(database_id(TRADE, trade) or 0, quantity="50")
    post()
    journal()
    shown = text_of(reader.get(address))
    for told in ("reversed by", "reverses ", ">9,362.50<", "PAYABLE"):
        assert told in shown


@pytest.mark.parametrize(
    "query", ["after=x", "after=2026-11-23.x", "trade=x", "account=NOSTRO", "first=soon"]
)
def test_an_address_that_was_bent_shows_a_page(query: str, trade: str, sign_in: SignIn) -> None:
    reader = sign_in("operations")
    assert reader.get(f"/journal/entries?{query}").status_code == 200
    assert ("Write the day as" in text_of(reader.get(f"/journal?{query}"))) == (query == "first=soon")


def test_the_journal_is_narrowed_by_what_is_typed(trade: str, sign_in: SignIn) -> None:
    reader = sign_in("operations")
    assert "Nothing is booked for entity “NONE”" in text_of(reader.get("/journal?entity=NONE"))
    assert ">18,725.00<" in text_of(reader.get("/journal?currency=usd&first=2026-11-23&last=2026-11-23"))


def test_books_that_one_person_asks_to_close_another_closes(trade: str, sign_in: SignIn) -> None:
    maker, checker = sign_in("operations", name="ann"), sign_in("supervisor", name="bob")
    said = {"entity": "OURS", "closed_through": "2026-10-31", "reason": "October is agreed"}
    sent = maker.post("/journal/close", said)
    assert (sent.status_code, sent["Location"]) == (303, "/journal")
    shown = text_of(checker.get("/approvals"))
    for told in ("Close the books of", "OURS", "2026-10-31", "never", "October is agreed"):
        assert told in shown
    waits = public_id(PROPOSAL, Proposal.objects.get().id)
    assert checker.post(f"/approvals/{waits}/approve", {"note": ""}).status_code == 303
    assert [each.closed_through.isoformat() for each in PeriodClosing.objects.all()] == ["2026-10-31"]
    assert "ann, bob" in text_of(checker.get("/journal"))


def test_what_is_wrong_with_a_closing_is_told(trade: str, sign_in: SignIn) -> None:
    maker = sign_in("operations")
    for day, told in (("soon", "Write the day as"), ("", "required"), ("2026-11-23", "days that are over")):
        answer = maker.post("/journal/close", {"entity": "OURS", "closed_through": day, "reason": "why"})
        assert (answer.status_code, told in text_of(answer)) == (422, True)
    assert not Proposal.objects.exists()


def test_what_accounts_are_called_is_approved_with_before_and_after(trade: str, sign_in: SignIn) -> None:
    named = [Named("CASH", "1010", "Nostro")]
    proposal = propose_accounts(
        entity="OURS", accounts=named, reason="so booked", user=person("ann"), actor=ACTOR, now=NOW
    )
    checker = sign_in("supervisor", name="bob")
    shown = text_of(checker.get("/approvals"))
    for told in ("Call the accounts of", "no number, Cash", "1010, Nostro"):
        assert told in shown
    checker.post(f"/approvals/{public_id(PROPOSAL, proposal)}/approve", {"note": ""})
    assert AccountName.objects.get().number == "1010"
