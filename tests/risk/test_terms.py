"""Limits are made, changed and exceeded for a while by two people, and every step is in the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User

from core import four_eyes
from core.audit import Actor
from core.http.problem import Problem
from core.models import Event, Proposal
from risk.models import Limit
from risk.services.limits import limits_in_force
from risk.services.terms import Terms, propose_temporary_excess, propose_terms
from risk.tasks import restate
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    limit,
    release_set,
    unit_trade,
    used,
    world,
)
from tests.support.records import NOW, person, state_of
from trades.lifecycle import State

pytestmark = pytest.mark.django_db
GOOD = Terms(
    code="DESK", name="A desk", measure="GROSS_EXPOSURE", dimensions=("desk", "trader"), hard=Decimal(100),
    valid_from=date(2026, 1, 1), members=("DESK-1",), warn=Decimal(80), excess_max=Decimal(50), excess_hours=4,
)  # fmt: skip
RITA = Actor("user:rita", "req-terms-1")


def propose(terms: Terms, reason: str = "the board said so") -> int:
    maker, _ = User.objects.get_or_create(username="maker")
    return propose_terms(terms=terms, reason=reason, user=maker, actor=RITA, now=NOW)


def approve(proposal: int, *, roles: tuple[str, ...] = ()) -> None:
    checker = person(f"checker-{proposal}")
    checker.groups.set(Group.objects.filter(name__in=roles))
    four_eyes.approve(proposal_id=proposal, user=checker, note="", now=NOW, actor=Actor("user:checker"))


def told() -> list[str]:
    return list(Event.objects.filter(subject="limit").order_by("id").values_list("type", flat=True))


class TestTheTermsOfALimit:
    def test_hold_once_a_second_person_approves_and_count_what_lives_already(self):
        world()
        trade_id = checked(unit_trade(0))
        proposal = propose(GOOD)
        assert not Limit.objects.exists()
        approve(proposal)
        assert Terms.of(Limit.objects.get()) == GOOD
        assert restate()
        assert used("DESK") == {"DESK-1|jdoe": 100}
        assert told() == ["proposal.made", "proposal.approved", "limit.made"]
        assert codes_of(trade_id) == []

    def test_are_changed_in_the_same_way_with_before_and_after_in_the_log(self):
        approve(propose(GOOD))
        approve(propose(replace(GOOD, hard=Decimal(250))))
        event = Event.objects.get(type="limit.changed")
        assert (event.data["before"]["hard"], event.data["after"]["hard"], event.reason) == (
            "100", "250", "the board said so",
        )  # fmt: skip
        assert Limit.objects.get().hard == 250

    def test_are_not_proposed_twice_at_once_nor_when_nothing_changes(self):
        propose(GOOD)
        with pytest.raises(Problem) as pending:
            propose(replace(GOOD, hard=Decimal(90)))
        assert pending.value.code == "pending-proposal"
        four_eyes.approve(
            proposal_id=Proposal.objects.get().id, user=person("x"), note="", now=NOW, actor=RITA
        )
        with pytest.raises(Problem) as same:
            propose(GOOD)
        assert same.value.code == "nothing-changed"

    def test_that_have_changed_meanwhile_are_not_overwritten(self):
        approve(propose(GOOD))
        proposal = propose(replace(GOOD, hard=Decimal(250)))
        Limit.objects.update(warn=Decimal(70))
        with pytest.raises(Problem) as refused:
            approve(proposal)
        assert (refused.value.status, Limit.objects.get().hard) == (409, 100)
        assert Proposal.objects.get(id=proposal).state == "PENDING"

    @pytest.mark.parametrize(
        ("changes", "pointers"),
        [
            ({"code": " ", "name": ""}, ["/code", "/name"]),
            ({"measure": "GROSS"}, ["/measure"]),
            ({"dimensions": (), "members": ()}, ["/dimensions"]),
            ({"dimensions": ("desk", "moon", "desk")}, ["/dimensions/1", "/dimensions/2"]),
            ({"members": ("A", "B|C", "D")}, ["/members", "/members/1"]),
            ({"warn": Decimal(101)}, ["/warn"]),
            ({"hard": Decimal("-1"), "floor": Decimal("0.001")}, ["/hard", "/floor"]),
            ({"hard": Decimal("NaN")}, ["/hard"]),
            ({"valid_to": date(2025, 1, 1)}, ["/valid_to"]),
            ({"currency": "CHF"}, ["/currency"]),
            ({"currency": "XXY"}, ["/currency"]),
            ({"currency": "EUR", "measure": "ORDER_COUNT"}, ["/currency"]),
            ({"approver_role": "nobody"}, ["/approver_role"]),
            ({"excess_hours": None}, ["/excess_hours"]),
            ({"excess_hours": 0}, ["/excess_hours"]),
        ],
        ids=str,
    )
    def test_that_the_checks_could_not_decide_are_refused_with_every_fault(self, changes, pointers):
        with pytest.raises(Problem) as refused:
            propose(replace(GOOD, **changes))
        assert [fault.pointer for fault in refused.value.faults] == pointers
        assert told() == []


class TestATemporaryExcess:
    @pytest.fixture(autouse=True)
    def _full(self, db):
        world()
        limit(hard="100", excess_max=Decimal(150), excess_hours=4, approver_role="risk")
        self.first, self.held = captured_ids(unit_trade(0), unit_trade(1))
        check_everything()

    def propose(self, amount: str = "100", hours: int = 2, key: str = "BROKER-01") -> int:
        return propose_temporary_excess(
            code="CPTY", key=key, amount=Decimal(amount), hours=hours, reason="a big client", user=person("maker"),
            actor=RITA, now=NOW,
        )  # fmt: skip

    def test_lets_go_what_the_limit_held_and_runs_out_by_itself(self):
        assert codes_of(self.held) == ["LIMIT_BREACH"]
        approve(self.propose(), roles=("risk",))
        release_set()
        assert state_of(self.held)[0] is State.VALIDATED
        assert codes_of(checked(unit_trade(2))) == ["LIMIT_BREACH"]
        end = NOW + timedelta(hours=2)
        marks = [limits_in_force(at=at)[0].hard_of("BROKER-01") for at in (end - timedelta(seconds=1), end)]
        assert marks == [200, 100]
        assert limits_in_force(at=NOW)[0].hard_of("OTHER") == 100
        assert told() == ["proposal.made", "proposal.approved", "limit.excess_approved"]

    def test_is_approved_by_the_role_that_the_limit_names(self):
        proposal = self.propose()
        with pytest.raises(Problem) as refused:
            approve(proposal, roles=("supervisor",))
        assert (refused.value.status, refused.value.code) == (403, "not-your-limit")
        assert limits_in_force(at=NOW)[0].raised == {}

    @pytest.mark.parametrize(
        ("given", "pointers"),
        [
            ({"amount": "150.01"}, ["/amount"]), ({"amount": "0"}, ["/amount"]), ({"amount": "NaN"}, ["/amount"]),
            ({"hours": 5}, ["/hours"]), ({"hours": 0, "key": "GHOST"}, ["/hours", "/key"]),
        ],
        ids=str,
    )  # fmt: skip
    def test_is_no_more_and_no_longer_than_the_limit_allows(self, given, pointers):
        with pytest.raises(Problem) as refused:
            self.propose(**given)
        assert [fault.pointer for fault in refused.value.faults] == pointers
