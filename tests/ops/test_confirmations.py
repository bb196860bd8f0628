"""The trade page shows what the counterparty confirms; people dispute it, or let the trade leave without it."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from core.audit import Actor
from core.ids import PROPOSAL, TRADE, public_id
from core.models import Proposal
from ops import permissions
from tests.ops.conftest import SignIn
from tests.settlement.support import seal, state
from tests.support.factories import checked, unit_trade
from tests.support.records import NOW, person
from tests.trades.test_confirmations import confirm, said
from trades.models import Confirmation
from trades.services.confirmation_policy import propose_policy

pytestmark = pytest.mark.django_db
CLERK = Actor("user:maker")


@pytest.fixture
def supervisor(world, sign_in: SignIn) -> Client:
    return sign_in(permissions.SUPERVISOR, name="sam")


def text(answer: Any) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def demand(supervisor: Client) -> None:
    proposal = propose_policy(
        product="EQUITY", party="", demanded=True, reason="agreed", user=person("maker"), actor=CLERK, now=NOW
    )
    shown = text(supervisor.get("/approvals"))
    assert "Demand a confirmation before sealing Product EQUITY Party any" in shown
    answer = supervisor.post(f"/approvals/{public_id(PROPOSAL, proposal)}/approve")
    assert answer.status_code == 303
    assert Proposal.objects.get().state == "APPROVED"
    assert "EQUITY, any party" in text(supervisor.get("/approvals"))


def test_both_sides_stand_beside_each_other_and_a_mismatch_is_disputed_with_a_reason(
    supervisor: Client,
) -> None:
    page = f"/trades/{public_id(TRADE, checked(unit_trade(0)))}"
    assert "The counterparty has confirmed nothing of it yet." in text(supervisor.get(page))
    confirm(said(0, quantity=Decimal(3)))
    row = Confirmation.objects.get()
    assert "3 exactly out of tolerance" in text(supervisor.get(page))
    sent = {"confirmation": row.id, "version": 1}
    assert supervisor.post(f"{page}/dispute", {**sent, "reason": ""}).status_code == 422
    assert (
        supervisor.post(f"{page}/dispute", {**sent, "reason": "we dealt 1", "version": "x"}).status_code
        == 409
    )
    assert supervisor.post(f"{page}/dispute", {**sent, "reason": "we dealt 1"}).status_code == 303
    row.refresh_from_db()
    assert row.status == "DISPUTED"


def test_what_must_be_confirmed_says_so_and_is_waived_by_a_supervisor_alone(
    supervisor: Client, sign_in: SignIn
) -> None:
    demand(supervisor)
    trade_id = checked(unit_trade(0))
    page = f"/trades/{public_id(TRADE, trade_id)}"
    assert "It is not sealed before its version 1 is confirmed." in text(supervisor.get(page))
    sent = {"version": 1, "reason": "by telephone"}
    clerk = sign_in(permissions.OPERATIONS, name="olivia")
    assert clerk.post(f"{page}/waive", sent).status_code == 403
    assert supervisor.post(f"{page}/waive", {"version": 1}).status_code == 422
    assert supervisor.post(f"{page}/waive", sent).status_code == 303
    assert "It is not sealed before" not in text(supervisor.get(page))
    seal()
    assert state(trade_id) == "INSTRUCTED"
