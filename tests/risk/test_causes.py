"""What is found alike is one cause, and what is not alike is another."""

from __future__ import annotations

import pytest

from risk.services.parameters import Draft, approve_parameters, propose_parameters
from tests.support.factories import captured_ids, check_everything, equity, party, world
from tests.support.records import CLERK, NOW, person
from trades.models import ExceptionItem

pytestmark = pytest.mark.django_db


def _block_by(code: str) -> None:
    asked = propose_parameters(
        code=code, draft=Draft(severity="BLOCK"), reason="x", user=person("maker"), actor=CLERK, now=NOW
    )
    approve_parameters(proposal_id=asked, user=person("checker"), note="", actor=CLERK, now=NOW)


def test_deals_that_undo_others_are_one_cause_for_each_party():
    world()
    party("OTHER")
    _block_by("REVERSING_PAIR")
    done = {"executed_at": "2026-11-23T10:00:00Z"}
    captured_ids(
        *[
            equity(counterparty=code, side=side, quantity=quantity, trader=code, **done)
            for code, quantity in (("BROKER-01", "100"), ("BROKER-01", "300"), ("OTHER", "500"))
            for side in ("BUY", "SELL")
        ]
    )
    check_everything()
    found = ExceptionItem.objects.order_by("id").values_list("causes", flat=True)
    assert list(found) == [["REVERSING_PAIR BROKER-01"]] * 2 + [["REVERSING_PAIR OTHER"]]
