"""What the back office has in hand is corrected only where nothing economic changes, and never rejected."""

from __future__ import annotations

import pytest

from core.audit import Actor
from core.http.problem import Problem
from tests.settlement.support import client, everything, seal, state, validated
from tests.settlement.test_acknowledge import acknowledge, claim
from tests.support.factories import equity, world
from tests.support.records import NOW
from trades.services.reject import reject_trade
from trades.services.repair import repair_trade

pytestmark = pytest.mark.django_db
DESK = Actor("user:desk", "req-guard")


@pytest.fixture
def half_rejected():
    """Return a trade whose securities were rejected while its cash was accepted."""
    world()
    (trade_id,) = validated(equity())
    seal()
    office = client()
    for channel in ("CASH", "SECURITIES"):
        claim(channel, office)
    acknowledge("CASH", office)
    acknowledge("SECURITIES", office, rejected={equity()["instrument"]: "NO_MATCH"})
    assert state(trade_id) == "EXCEPTION"
    return trade_id


def test_an_economic_correction_beside_a_live_instruction_is_refused(half_rejected):
    before = everything()
    with pytest.raises(Problem) as refused:
        repair_trade(
            trade_id=half_rejected,
            version=1,
            changes={"quantity": "7"},
            reason="typing error",
            actor=DESK,
            now=NOW,
        )
    assert (refused.value.status, refused.value.code) == (409, "live-instructions")
    assert refused.value.detail.endswith("is at the back office.")
    assert everything() == before


def test_a_rejection_beside_a_live_instruction_is_refused(half_rejected):
    before = everything()
    with pytest.raises(Problem) as refused:
        reject_trade(trade_id=half_rejected, version=1, reason="not ours", actor=DESK, now=NOW)
    assert (refused.value.status, refused.value.code) == (409, "live-instructions")
    assert everything() == before


def test_a_trade_with_no_live_instruction_can_be_rejected():
    world()
    (trade_id,) = validated(equity())
    seal()
    office = client()
    for channel in ("CASH", "SECURITIES"):
        claim(channel, office)
    acknowledge("CASH", office, rejected={"USD": "NO_FUNDS"})
    acknowledge("SECURITIES", office, rejected={equity()["instrument"]: "NO_MATCH"})
    reject_trade(trade_id=trade_id, version=1, reason="called off", actor=DESK, now=NOW)
    assert state(trade_id) == "CANCELLED"
