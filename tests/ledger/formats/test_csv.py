"""Statements as CSV: named columns, in any order, between commas or semicolons."""

from __future__ import annotations

import pytest

from core.http.problem import Problem
from ledger.formats.base import Parsed, parse
from ledger.formats.csv import CSV
from ledger.kinds import KINDS


def parsed(text: str | bytes, *, kind: str = "POSITIONS") -> Parsed:
    body = text if isinstance(text, bytes) else text.encode()
    return parse(CSV.read(body, KINDS[kind]), KINDS[kind])


def test_columns_stand_in_any_order_between_commas_or_semicolons():
    for mark in ",;":
        text = "quantity,account,instrument\n5,A,X\n\n-7.50,A,Y\n".replace(",", mark)
        assert [(line.number, *line.fields.values()) for line in parsed("\ufeff" + text).lines] == [
            (2, "A", "X", "5"),
            (4, "A", "Y", "-7.5"),
        ]


def test_faults_beyond_the_first_hundred_are_counted():
    found = parsed("account,instrument,quantity\n" + "A,X,many\n" * 150)
    assert (found.fault_count, len(found.faults), found.lines) == (150, 100, [])


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("account,instrument,quantity\nA,X\n", "/lines/2"),
        ('account,instrument,quantity\nA,"X,5\n', "/lines/2"),
        (b"\xff\xfe", ""),
    ],
)
def test_what_cannot_be_read_as_csv_is_refused_at_its_line(text: str | bytes, pointer: str):
    with pytest.raises(Problem) as caught:
        parsed(text)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


def test_a_type_that_there_is_not_is_refused():
    with pytest.raises(Problem) as caught:
        parsed("account,currency,amount,value_date,type\nA,EUR,1,2026-11-23,MIDDLE\n", kind="CASH")
    assert [fault.pointer for fault in caught.value.faults] == ["/lines/2/type"]
