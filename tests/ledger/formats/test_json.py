"""Statements as JSON: lines and balances whose numbers are texts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.http.problem import Problem
from ledger.formats.base import Parsed, parse
from ledger.formats.json import JSON
from ledger.kinds import KINDS

LINE = {"account": "A", "currency": "EUR", "amount": "5", "value_date": "2026-11-23"}


def parsed(document: Any, *, kind: str = "CASH") -> Parsed:
    return parse(JSON.read(msgspec.json.encode(document), KINDS[kind]), KINDS[kind])


def test_lines_and_balances_are_read():
    balance = {"account": "A", "currency": "EUR", "opening": "1", "closing": "6"}
    found = parsed({"lines": [LINE], "balances": [balance]})
    assert (found.faults, [line.fields for line in found.lines]) == ([], [LINE])
    assert [each.content() for each in found.balances] == [{**balance, "entries": "5"}]


def test_a_number_that_is_no_text_is_named():
    found = parsed({"lines": [{**LINE, "amount": 5.0}, "line"], "colour": 1})
    assert [fault.pointer for fault in found.faults] == ["/colour", "/lines/0/amount", "/lines/1"]


def test_balances_are_of_cash_only():
    found = parsed({"lines": [], "balances": [{}]}, kind="TRADES")
    assert [fault.pointer for fault in found.faults] == ["/balances"]


@pytest.mark.parametrize("document", [[], {}, {"lines": 1}, "lines"])
def test_a_document_without_lines_is_refused(document: Any):
    with pytest.raises(Problem) as caught:
        parsed(document)
    assert [fault.pointer for fault in caught.value.faults] == ["/lines"]
