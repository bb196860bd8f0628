"""A bank's statement as camt.053: what is booked, what it refers to, and the balances around it."""

from __future__ import annotations

import pytest

from core.http.problem import Problem
from ledger.formats.base import Parsed, parse
from ledger.formats.camt_053 import CAMT_053
from ledger.kinds import KINDS
from tests.ledger.statements import ACCOUNT, camt, entry


def parsed(*entries: str, **how: str) -> Parsed:
    kind = KINDS["CASH"]
    return parse(CAMT_053.read(camt(*entries, **how).content, kind), kind)


def lines(*entries: str, **how: str) -> list[tuple[str, str]]:
    return [
        (line.fields["amount"], line.fields.get("reference", "")) for line in parsed(*entries, **how).lines
    ]


def test_entries_are_signed_and_refer_to_our_instruction():
    found = parsed(entry("40.50", "DBIT", reference="ins-2DK"), opening="100.00", closing="59.50")
    assert found.faults == []
    assert [line.fields for line in found.lines] == [
        {
            "account": ACCOUNT,
            "currency": "EUR",
            "amount": "-40.5",
            "value_date": "2026-11-23",
            "reference": "ins_2DK",
        }
    ]
    assert str(found.business_date) == "2026-11-23"


def test_what_is_pending_is_no_entry():
    assert lines(entry("5.00").replace("BOOK", "PDNG")) == []


def test_an_entry_of_several_transactions_is_as_many_lines_when_their_amounts_make_it():
    part = "<TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs><Amt Ccy='EUR'>{}</Amt></TxDtls>"
    one, two = part.format("one", "2.00"), part.format("two", "3.00")
    whole = entry("5.00", "DBIT").replace("<TxDtls></TxDtls>", one + two)
    assert lines(whole, closing="-5.00") == [("-2", "one"), ("-3", "two")]
    assert lines(whole.replace("3.00", "2.50"), closing="-5.00") == [("-5", "one")]


def test_an_overdrawn_balance_is_below_zero():
    found = parsed(entry("5.00", "DBIT"), opening="-5.00", closing="-10.00")
    assert (found.faults, [each.content()["closing"] for each in found.balances]) == ([], ["-10"])


def test_entries_that_do_not_make_the_closing_balance_are_a_named_fault():
    found = parsed(entry("5.00"), opening="1.00", closing="7.00")
    assert [(fault.pointer, fault.code) for fault in found.faults] == [
        (f"/balances/{ACCOUNT}/EUR", "balance")
    ]


def test_a_fault_is_named_by_its_place():
    found = parsed(entry("5.00"), entry("five", currency="EUX"), closing="5.00")
    assert [fault.pointer for fault in found.faults] == [
        "/BkToCstmrStmt/Stmt/Ntry/1/currency",
        "/BkToCstmrStmt/Stmt/Ntry/1/amount",
    ]


@pytest.mark.parametrize("body", [b"<x/>", b"<!DOCTYPE x><x/>", b"no"])
def test_what_is_no_statement_is_refused(body: bytes):
    with pytest.raises(Problem) as caught:
        CAMT_053.read(body, KINDS["CASH"])
    assert caught.value.status == 400
