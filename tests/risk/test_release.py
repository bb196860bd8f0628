"""What a check or a limit holds goes to the checks again by itself, once two people have set it otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from celery import current_app

from core import four_eyes, work
from core.audit import Actor
from core.clock import day_begins
from risk.models import Limit
from risk.services import release
from risk.services.parameters import Draft, propose_parameters
from risk.services.terms import Terms, propose_temporary_excess, propose_terms
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    equity,
    limit,
    release_set,
    unit_trade,
    world,
)
from tests.support.records import CLERK, LATER, NOW, TODAY, events_of, person, state_of
from trades.lifecycle import State
from trades.services.exceptions import NewException, open_exceptions

pytestmark = pytest.mark.django_db
RITA = Actor("user:rita")
PRICE = "OFF_MARKET_PRICE"


def _approve(propose: Callable[..., int], **asked) -> None:
    proposal = propose(reason="looked at", user=person("maker"), actor=RITA, now=NOW, **asked)
    checker = person(f"checker{proposal}")
    four_eyes.approve(proposal_id=proposal, user=checker, note="", now=NOW, actor=Actor("user:checker"))


def _set(code: str = PRICE, **draft) -> None:
    _approve(propose_parameters, code=code, draft=Draft(**draft))


def _is_free(trade_id: int) -> bool:
    """Tell whether a trade went on; it was re-checked by itself, and once."""
    if state_of(trade_id)[0] != State.VALIDATED:
        return False
    (moved,) = events_of(trade_id, "trade.rechecked")
    assert (moved[2], moved[4]) == ("system:release", release.REASON)
    return True


class TestACheckThatIsSetOtherwise:
    @pytest.fixture(autouse=True)
    def _held(self, db) -> None:
        world()
        self.held, self.other = checked(equity(price="300.00")), checked(equity(counterparty="NOBODY-9"))
        assert codes_of(self.held) == [PRICE]

    @pytest.mark.parametrize(
        "draft",
        [
            {"parameters": {"tolerance": "1"}},
            {"severity": "WARN"},
            {"is_active": False},
            {"scope": {"product": ["BOND"]}},
        ],
        ids=str,
    )
    def test_lets_go_what_it_finds_no_longer_and_leaves_the_rest_alone(self, draft):
        _set(**draft)
        assert state_of(self.held)[0] == State.EXCEPTION
        release_set(now=LATER)
        assert _is_free(self.held)
        assert events_of(self.other, "trade.rechecked") == []

    def test_holds_again_what_it_still_finds(self):
        (item,) = events_of(self.held, "exception.opened")
        _set(parameters={"tolerance": "0.2"})
        release_set(now=LATER)
        assert codes_of(self.held) == [PRICE]
        assert events_of(self.held, "exception.opened") == [item]

    def test_lets_go_on_its_day_and_not_before(self):
        tomorrow = TODAY + timedelta(days=1)
        _set(parameters={"tolerance": "1"}, valid_from=tomorrow)
        release_set(now=LATER)
        assert events_of(self.held, "trade.rechecked") == []
        release_set(now=day_begins(tomorrow))
        assert _is_free(self.held)

    def test_leaves_to_people_what_the_back_office_rejected(self):
        item = NewException(self.held, "REJECTION", ["SETTLEMENT_REJECTED"], "rejected")
        open_exceptions(items=[item], at=NOW, actor=CLERK)
        _set(parameters={"tolerance": "1"})
        release_set(now=LATER)
        assert events_of(self.held, "trade.rechecked") == []


class TestALimit:
    @pytest.fixture(autouse=True)
    def _full(self, db) -> None:
        world()
        limit(hard="100", excess_max=Decimal(150), excess_hours=4)
        limit("DESK", hard="1000000", dimensions=("desk",))
        self.first, self.held = captured_ids(unit_trade(0), unit_trade(1))
        check_everything()
        assert codes_of(self.held) == ["LIMIT_BREACH"]

    def _change(self, code: str = "CPTY", **changes) -> None:
        terms = replace(Terms.of(Limit.objects.get(code=code)), **changes)
        _approve(propose_terms, terms=terms)

    @pytest.mark.parametrize(
        "changes",
        [{"hard": Decimal(200)}, {"members": ("OTHER",)}, {"valid_to": TODAY - timedelta(days=1)}],
        ids=str,
    )
    def test_that_is_raised_or_narrowed_lets_go_what_it_held(self, changes):
        self._change(**changes)
        release_set(now=LATER)
        assert _is_free(self.held)
        assert events_of(self.first, "trade.rechecked") == []

    @pytest.mark.parametrize(
        "changes", [{"hard": Decimal(90)}, {"name": "Other"}, {"warn": Decimal(50)}], ids=str
    )
    def test_that_holds_no_less_than_before_is_no_work(self, changes):
        self._change(**changes)
        assert not work.waiting(release.task_of("limits"))

    def test_that_is_another_leaves_it_alone(self):
        self._change("DESK", hard=Decimal(2_000_000))
        release_set(now=LATER)
        assert events_of(self.held, "trade.rechecked") == []

    def test_asks_again_for_all_that_it_holds_when_a_temporary_excess_is_approved(self):
        more = captured_ids(*[unit_trade(n) for n in (2, 3)])
        check_everything()
        _approve(propose_temporary_excess, code="CPTY", key="BROKER-01", amount=Decimal(150), hours=2)
        release_set(now=LATER)
        assert [codes_of(each) for each in (self.held, *more)] == [["LIMIT_BREACH"]] * 3
        # Each is looked at with all of them counted: they are promises made.
        assert [len(events_of(each, "trade.rechecked")) for each in (self.held, *more)] == [1] * 3

    def test_leaves_what_it_holds_of_one_member_alone_when_another_has_an_excess(self):
        other = checked(unit_trade(5, counterparty="CUST-01", quantity="12"))
        _approve(propose_temporary_excess, code="CPTY", key="CUST-01", amount=Decimal(150), hours=2)
        release_set(now=LATER)
        assert events_of(self.held, "trade.rechecked") == []
        assert state_of(other)[0] == State.VALIDATED


def test_every_kind_of_setting_is_looked_after_by_a_task_of_its_own() -> None:
    current_app.loader.import_default_modules()
    assert {release.TASK, *map(release.task_of, release.KINDS)} <= set(current_app.tasks)
