"""What must be confirmed is not sealed before, unless a person lets it leave and says why."""

from __future__ import annotations

import itertools

import pytest
from django.contrib.auth.models import User

from core import four_eyes
from core.audit import Actor
from core.http.problem import Problem
from core.models import Event
from tests.settlement.support import seal, state
from tests.support.api import Api, problem
from tests.support.factories import check_everything, checked, party, unit_trade, world
from tests.support.records import LATER, NOW, person
from tests.trades.test_confirmations import confirm, said
from trades.models import ConfirmationPolicy, TradeVersion
from trades.services.change import Change, change_trades
from trades.services.confirmation_matching import match_queued
from trades.services.confirmation_policy import propose_policy, waive_confirmation

_persons = itertools.count(1)
RITA = Actor("user:rita", "req-policy-1")


@pytest.fixture(autouse=True)
def _world(db):
    world()
    party("OTHER")


def somebody() -> User:
    return person(f"person-{next(_persons)}")


def policy(product: str = "", of: str = "", *, demanded: bool | None = True) -> None:
    proposal = propose_policy(
        product=product,
        party=of,
        demanded=demanded,
        reason="agreed",
        user=somebody(),
        actor=RITA,
        now=NOW,
    )
    four_eyes.approve(proposal_id=proposal, user=somebody(), note="", now=NOW, actor=Actor("user:checker"))


class TestAPolicy:
    def test_keeps_a_trade_validated_until_it_is_confirmed(self):
        policy("EQUITY")
        trade_id = checked(unit_trade(0))
        seal()
        assert state(trade_id) == "VALIDATED"
        confirm(said(0))
        seal()
        assert state(trade_id) == "INSTRUCTED"

    def test_keeps_it_while_the_counterparty_says_otherwise_and_when_it_was_amended_since(self):
        policy("EQUITY")
        trade_id = checked(unit_trade(0))
        ours = TradeVersion.objects.get()
        confirm(said(0))
        change_trades(
            changes=[Change("AMEND", trade_id, "as agreed", {"quantity": str(ours.quantity * 2)})],
            actor=RITA,
            at=LATER,
        )
        check_everything(now=LATER)
        seal()
        assert state(trade_id) == "VALIDATED"
        match_queued(now=LATER)
        seal()
        assert state(trade_id) == "VALIDATED"
        confirm(said(0, version=2))
        seal()
        assert state(trade_id) == "INSTRUCTED"

    def test_of_a_party_goes_before_that_of_a_product_and_null_leaves_it_to_the_wider(self):
        policy()
        policy("EQUITY", demanded=False)
        policy("", "BROKER-01")
        one, other = checked(unit_trade(0)), checked(unit_trade(1, counterparty="OTHER"))
        seal()
        assert (state(one), state(other)) == ("VALIDATED", "INSTRUCTED")
        policy("", "BROKER-01", demanded=None)
        seal()
        assert state(one) == "INSTRUCTED"

    def test_is_nothing_until_a_second_person_approves_it(self):
        propose_policy(
            product="", party="", demanded=True, reason="agreed", user=somebody(), actor=RITA, now=NOW
        )
        trade_id = checked(unit_trade(0))
        seal()
        assert state(trade_id) == "INSTRUCTED"
        assert ConfirmationPolicy.objects.get().demanded is None

    def test_is_refused_for_what_is_unknown_and_where_it_is_so_already(self):
        with pytest.raises(Problem) as raised:
            propose_policy(
                product="X",
                party="NOBODY",
                demanded=True,
                reason="",
                user=somebody(),
                actor=RITA,
                now=NOW,
            )
        assert sorted(each.pointer for each in raised.value.faults) == ["/party", "/product", "/reason"]
        policy("EQUITY")
        with pytest.raises(Problem) as raised:
            policy("EQUITY")
        assert raised.value.code == "unchanged"


class TestAWaiver:
    def test_lets_a_version_leave_and_is_told_once(self):
        policy()
        trade_id = checked(unit_trade(0))
        for _ in range(2):
            waive_confirmation(trade_id=trade_id, version=1, reason="by telephone", actor=RITA, now=NOW)
        seal()
        assert state(trade_id) == "INSTRUCTED"
        assert Event.objects.filter(type="trade.confirmation_waived", subject_id=trade_id).count() == 1

    @pytest.mark.parametrize(("version", "reason", "status"), [(2, "by telephone", 409), (1, " ", 422)])
    def test_is_refused_for_another_version_and_without_a_reason(self, version, reason, status):
        policy()
        trade_id = checked(unit_trade(0))
        with pytest.raises(Problem) as raised:
            waive_confirmation(trade_id=trade_id, version=version, reason=reason, actor=RITA, now=NOW)
        assert raised.value.status == status
        seal()
        assert state(trade_id) == "VALIDATED"


def test_the_interface_proposes_and_lists_policies():
    policy("EQUITY")
    api = Api("confirmations", sources=[])
    answer = api.post(
        "/confirmation-policies", {"product": "FX_FORWARD", "demanded": True, "reason": "agreed"}
    )
    assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
    (listed,) = api.get("/confirmation-policies").json()["items"]
    assert (listed["product"], listed["party"], listed["demanded"]) == ("EQUITY", "", True)
    problem(api.post("/confirmation-policies", {"demanded": "yes"}), 400, "unreadable")
