"""A purchase of 100 shares that the back office has in hand, or has settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import time_machine

from tests.settlement.support import BackOffice, batch_of, instruction_ids, ref, seal, validated
from tests.support.factories import equity, world
from tests.support.records import NOW

CASH_ACCOUNT, SECURITY_ACCOUNT = "OURS-CASH-USD", "OURS-SECURITY-*"


def handed_off(channel: str) -> list[int]:
    """Have the back office claim and accept the batch of a channel for one purchase; return its instructions."""
    world()
    validated(equity("E-1"))
    seal()
    batch_id = batch_of(channel)
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        office = BackOffice()
        assert office.claim(batch_id).status_code == 201
        assert office.acknowledge(batch_id, office.lines(batch_id)).status_code in {200, 207}
    return instruction_ids(batch_id)


def settled(instructions: Sequence[int]) -> None:
    """Have another client of the back office report that instructions have settled."""
    with time_machine.travel(NOW + timedelta(minutes=2), tick=False):
        office = BackOffice("custodian")
        answer = office.report(*({"instruction": ref(each), "status": "SETTLED"} for each in instructions))
    assert answer.status_code in {200, 207}, answer.content
