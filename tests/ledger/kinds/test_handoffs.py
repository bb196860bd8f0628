"""HANDOFFS: what the back office logged against the instructions of the batches that it claimed."""

from __future__ import annotations

import pytest

from core.ids import INSTRUCTION, public_id
from tests.ledger.reconciling import defined, figures, open_breaks, run
from tests.ledger.settling import handed_off
from tests.ledger.statements import listed, send
from tests.support.records import TODAY

pytestmark = pytest.mark.django_db


def log(*instructions: int, **changes: str) -> None:
    lines = [
        {
            "instruction": public_id(INSTRUCTION, each).upper().replace("_", "-"),
            "asset": "USD",
            "direction": "DELIVER",
            "quantity": "18725.00",
            **changes,
        }
        for each in instructions
    ]
    send(listed("HANDOFFS", lines, source="back-office"))


def test_what_it_logged_is_what_it_claimed():
    handed = handed_off("CASH")
    defined("LOG", kind="HANDOFFS", source="back-office")
    log(*handed)
    assert figures(run("LOG")) == {"matched_ours": 1, "matched_theirs": 1}
    log(*handed, quantity="18725.01")
    run("LOG")
    assert [(outcome, fields) for _, outcome, fields in open_breaks()] == [("DIFFERENT", ["quantity"])]


def test_what_it_did_not_log_and_what_it_made_up_are_breaks():
    (handed,) = handed_off("CASH")
    defined("LOG", kind="HANDOFFS", source="back-office")
    log(handed + 1)
    run("LOG", through=TODAY)
    assert [outcome for _, outcome, _ in open_breaks()] == ["OURS", "THEIRS"]
