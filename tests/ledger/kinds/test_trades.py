"""TRADES: the deals that the front office lists against what was captured, as both name them."""

from __future__ import annotations

import pytest

from ledger.kinds import KINDS
from ledger.services.sides import read_sides
from tests.ledger.reconciling import defined, figures, open_breaks, run
from tests.ledger.statements import listed, send
from tests.support.blocks import TWO, allocate, other_book
from tests.support.factories import captured_ids, equity, fx
from tests.support.records import TODAY

pytestmark = pytest.mark.django_db


def test_ours_are_the_current_versions_of_the_sources_deals_of_the_days():
    other_book()
    captured_ids(equity("E-1"), equity("E-2", source="FO-FX"), fx("F-1", source="FO-EQ"))
    send(listed("TRADES", [], source="FO-EQ"))
    sides = read_sides(kind=KINDS["TRADES"], source="FO-EQ", start=TODAY, until=TODAY)
    told = {record.fields["source_ref"]: record.fields for record in sides.ours}
    assert sorted(told) == ["E-1", "F-1"]
    assert (told["E-1"]["quantity"], told["E-1"]["price"], told["E-1"]["amount"]) == (
        "100",
        "187.25",
        "18725",
    )
    assert told["F-1"]["product"] == "FX_SPOT"


def test_a_block_that_was_allocated_is_one_deal():
    other_book()
    (block,) = captured_ids(equity("E-1"))
    allocate(block, *TWO)
    defined()
    example = {"source_ref": "E-1", "currency": "USD", "amount": "18725"}
    send(listed("TRADES", [example], source="FO-EQ"))
    assert figures(run()) == {"matched_ours": 1, "matched_theirs": 1}


def test_a_day_that_differs_is_a_break():
    other_book()
    captured_ids(equity("E-1"))
    defined()
    late = {"source_ref": "E-1", "currency": "USD", "amount": "18725", "settlement_date": "2026-11-26"}
    send(listed("TRADES", [late], source="FO-EQ"))
    run()
    assert [(outcome, fields) for _, outcome, fields in open_breaks()] == [("DIFFERENT", ["settlement_date"])]
