"""CASH: what the bank booked against the payments that the back office was told to make."""

from __future__ import annotations

import pytest

from core.ids import INSTRUCTION, public_id
from tests.ledger.reconciling import defined, figures, items, open_breaks, run
from tests.ledger.settling import CASH_ACCOUNT, handed_off
from tests.ledger.statements import listed, send
from tests.settlement.support import VALUE_DATE
from tests.support.records import NOW

pytestmark = pytest.mark.django_db
DAY = VALUE_DATE
_NOW = NOW.replace(day=25)


def book(*lines: dict[str, str], opening: str = "0", closing: str) -> None:
    balance = {"account": CASH_ACCOUNT, "currency": "USD", "opening": opening, "closing": closing}
    given = [
        {"account": CASH_ACCOUNT, "currency": "USD", "value_date": DAY.isoformat(), **each} for each in lines
    ]
    send(listed("CASH", given, day=DAY, document={"balances": [balance]}), now=_NOW)


@pytest.fixture
def payment() -> str:
    """Hand off one payment of 18,725 dollars; return how the bank names it."""
    (instruction,) = handed_off("CASH")
    defined("CASH-BANK", kind="CASH", source="BANK")
    return public_id(INSTRUCTION, instruction).replace("_", "-")


def test_an_entry_that_names_our_instruction_is_its_payment(payment: str):
    book({"amount": "-18725", "reference": payment}, opening="20000", closing="1275")
    assert figures(run("CASH-BANK", now=_NOW)) == {"matched_ours": 1, "matched_theirs": 1}


def test_an_entry_without_a_reference_matches_by_account_amount_and_day(payment: str):
    book({"amount": "-18725"}, closing="-18725")
    assert figures(run("CASH-BANK", now=_NOW)) == {"matched_ours": 1, "matched_theirs": 1}


def test_another_amount_under_our_reference_differs(payment: str):
    book({"amount": "-18720", "reference": payment}, closing="-18720")
    run("CASH-BANK", now=_NOW)
    assert [(outcome, fields) for _, outcome, fields in open_breaks()] == [("DIFFERENT", ["amount"])]


def test_a_payment_that_the_bank_does_not_know_is_the_back_offices_move(payment: str):
    book({"amount": "5", "reference": "interest"}, closing="5")
    run("CASH-BANK", now=_NOW)
    assert [(codes, move) for codes, _, move in items()] == [
        (["CASH_OURS"], "BACK_OFFICE"),
        (["CASH_THEIRS"], "OPERATIONS"),
    ]
