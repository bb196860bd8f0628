"""What a pack of a trade says of positions: its entries with their reversals, and the lots it opened and closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.support import amend, post
from tests.ledger.test_actions import act, terms
from tests.ledger.test_positions import share
from tests.support.factories import EURO_SHARE, captured_ids, world
from tests.support.packs import lines_of, unpack, verify
from tests.support.records import LATER
from tests.support.sealing import WHO, seal
from trades.evidence import evidence_of_trade

pytestmark = pytest.mark.django_db


def test_a_pack_of_a_trade_has_its_entries_and_what_became_of_its_lots(tmp_path: Path):
    world()
    bought, sold, _ = captured_ids(share("100", "10", day=2), share("-40", "11", day=1), share("-10", "11"))
    post()
    amend(bought, quantity="80")
    post()
    act("CA-1", terms("SPLF", ex=-1, new="2", old="1"))
    seal()
    folder = unpack(evidence_of_trade(bought, actor=WHO, now=LATER), tmp_path / "bought")
    entries = lines_of(folder, "position_entries.jsonl")
    assert [
        (each["version"], each["basis"], each["quantity"], each["reverses"] is not None)
        for each in entries
        if each["instrument"] == EURO_SHARE
    ] == [
        (1, "TRADED", "100.0000000000", False),
        (2, "TRADED", "-100.0000000000", True),
        (2, "TRADED", "80.0000000000", False),
    ]
    assert {each["counterparty"] for each in entries} == {"BROKER-01"}
    became = [
        (each["kind"], each["trade_id"] == bought, each["corporate_action"], each["lot_trade_id"])
        for each in lines_of(folder, "lot_movements.jsonl")
    ]
    assert became[:3] == [
        ("OPEN", True, None, bought), ("SPLIT", False, "CA-1", bought), ("CLOSE", False, None, bought),
    ]  # fmt: skip
    assert verify(folder)[0] == 0

    folder = unpack(evidence_of_trade(sold, actor=WHO, now=LATER), tmp_path / "sold")
    (closed,) = lines_of(folder, "lot_movements.jsonl")
    assert (closed["kind"], closed["trade_id"], closed["lot_trade_id"]) == ("CLOSE", sold, bought)
    assert (closed["quantity"], closed["gain"]) == ("-40.0000000000", "240.0000")
