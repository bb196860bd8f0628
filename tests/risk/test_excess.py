"""An excess is accepted by two people for one version, as it was when it was proposed."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest

from core.audit import Actor
from core.http.problem import Problem
from core.models import Proposal
from risk.checks import CHECKS
from risk.services.excess import (
    approve_excess,
    decline_excess,
    is_overridable,
    propose_excess,
)
from tests.support.records import (
    CLERK,
    EQUITY,
    LATER,
    NOW,
    all_written,
    captured,
    events_of,
    held,
    hold,
    person,
    race,
    reference_data,
    state_of,
)
from trades.lifecycle import State
from trades.models import ExceptionItem, Finding, Override
from trades.services.exceptions import NewException, open_exceptions
from trades.services.findings import CLEARED, NewFinding, add_findings, clear_findings
from trades.services.recheck import recheck_trades
from trades.services.reject import reject_trade
from trades.services.repair import repair_trade

BOSS = Actor("user:boss", "req-2")
SOFT, HARD, LIMIT, REJECTED = "OFF_MARKET_PRICE", "UNKNOWN_PARTY", "LIMIT_BREACH", "SETTLEMENT_REJECTED"


@pytest.fixture
def desk(db: None) -> None:
    reference_data()


def _propose(trade_id: int, user, *, codes=(SOFT,), version=None, reason: str = "client asked") -> int:
    return propose_excess(
        trade_id=trade_id, version=version, codes=codes, reason=reason, user=user, actor=CLERK, now=NOW
    )


def _approve(proposal_id: int, user) -> Proposal:
    return approve_excess(proposal_id=proposal_id, user=user, note="fine", actor=BOSS, now=LATER)


def _refused(call: partial[object]) -> Problem:
    before = all_written()
    with pytest.raises(Problem) as refused:
        call()
    assert all_written() == before
    return refused.value


def test_what_is_a_matter_of_judgement_is_overridable_and_faults_of_the_data_are_not() -> None:
    assert is_overridable("LIMIT_BREACH")
    hard = {"UNKNOWN_PARTY", "UNKNOWN_INSTRUMENT", "UNKNOWN_BOOK", "SSI_MISSING", "BAD_IDENTIFIER"}
    assert {code for code in CHECKS if not is_overridable(code)} >= hard
    assert is_overridable(SOFT)
    assert not is_overridable("CHECK_FAILED")


@pytest.mark.usefixtures("desk")
class TestApproval:
    def test_every_finding_of_the_codes_is_overridden_and_the_trade_is_checked_again(self) -> None:
        trade_id = held(EQUITY, codes=[SOFT, LIMIT, HARD])
        add_findings(
            findings=[
                NewFinding(trade_id, 1, LIMIT, "BLOCK", "other limit", "m", "1", "2"),
                NewFinding(trade_id, 1, SOFT, "WARN", "a warning", "m"),
            ],
            at=NOW,
        )
        number = _propose(trade_id, person("maker"), codes=[LIMIT, SOFT, LIMIT], version=1)
        assert state_of(trade_id) == (State.EXCEPTION, 1)
        approved = _approve(number, person("boss"))
        assert (approved.state, approved.content["version"]) == ("APPROVED", 1)
        overrides = Override.objects.order_by("id").values_list(
            "trade_id", "version", "code", "subject", "proposal_id", "made_at"
        )
        assert set(overrides) == {
            (trade_id, 1, LIMIT, "other limit", number, LATER),
            (trade_id, 1, LIMIT, "price", number, LATER),
            (trade_id, 1, SOFT, "price", number, LATER),
        }
        closed = Finding.objects.order_by("code", "subject").values_list("code", "subject", "closing")
        assert list(closed) == [
            (LIMIT, "other limit", "OVERRIDDEN"), (LIMIT, "price", "OVERRIDDEN"),
            (SOFT, "a warning", ""), (SOFT, "price", "OVERRIDDEN"), (HARD, "price", ""),
        ]  # fmt: skip
        assert state_of(trade_id) == (State.CAPTURED, 1)
        told = {"proposal_id": number, "kind": "excess"}
        assert events_of(trade_id, "proposal.made", "proposal.approved", "trade.rechecked") == [
            ("proposal.made", None, "user:clerk", "req-1", "client asked", told),
            ("proposal.approved", None, "user:boss", "req-2", "fine", told),
            ("trade.rechecked", 1, "user:boss", "req-2", f"excess approved: {LIMIT}, {SOFT}", None),
        ]

    def test_a_decline_leaves_the_trade_held_and_the_way_free_for_another(self) -> None:
        trade_id, maker = held(EQUITY), person("maker")
        number = _propose(trade_id, maker)
        decline_excess(proposal_id=number, user=person("boss"), note="no", actor=BOSS, now=LATER)
        assert state_of(trade_id) == (State.EXCEPTION, 1)
        assert Override.objects.count() == 0
        assert Finding.objects.get().closed_at is None
        assert _propose(trade_id, maker) != number

    def test_the_maker_does_not_approve(self) -> None:
        maker = person("maker", is_superuser=True)
        number = _propose(held(EQUITY), maker)
        assert _refused(partial(_approve, number, maker)).status == 403


@pytest.mark.usefixtures("desk")
class TestATradeThatTheBackOfficeRejectedToo:
    @pytest.fixture
    def trade_id(self) -> int:
        """Return a trade held for two findings and for a rejection."""
        trade_id = held(EQUITY, codes=[SOFT, LIMIT])
        add_findings(findings=[NewFinding(trade_id, 1, REJECTED, "BLOCK", "ins_1", "No account.")], at=NOW)
        items = [NewException(trade_id, "REJECTION", [REJECTED], "No account.", None, LATER)]
        open_exceptions(items=items, at=NOW, actor=CLERK)
        return trade_id

    def _open(self) -> dict[str, list[str]]:
        return {each.kind: each.codes for each in ExceptionItem.objects.filter(closed_at=None)}

    def test_stays_held_for_the_rejection_when_the_excess_is_approved(self, trade_id: int) -> None:
        number = _propose(trade_id, person("maker"), codes=[SOFT, LIMIT])
        _approve(number, person("boss"))
        assert state_of(trade_id) == (State.EXCEPTION, 1)
        assert self._open() == {"REJECTION": [REJECTED]}
        still = Finding.objects.filter(closed_at=None).values_list("code", flat=True)
        assert list(still) == [REJECTED]
        closed = ExceptionItem.objects.exclude(closed_at=None).order_by("kind")
        assert [(each.kind, each.resolution, each.closed_by) for each in closed] == [
            ("FINDING", "excess approved", "user:boss"),
            ("LIMIT", "excess approved", "user:boss"),
        ]

    def test_keeps_the_exception_of_what_was_not_accepted(self, trade_id: int) -> None:
        _approve(_propose(trade_id, person("maker"), codes=[SOFT]), person("boss"))
        assert self._open() == {"LIMIT": [LIMIT], "REJECTION": [REJECTED]}
        item = ExceptionItem.objects.get(kind="LIMIT")
        assert (item.summary, item.amount_at_risk, item.deadline) == (f"{LIMIT}!", Decimal("17227"), LATER)

    def test_goes_on_with_what_was_accepted_once_the_rejection_is_answered(self, trade_id: int) -> None:
        _approve(_propose(trade_id, person("maker"), codes=[SOFT, LIMIT]), person("boss"))
        assert recheck_trades(trade_ids=[trade_id], reason="", actor=CLERK, now=LATER) == [trade_id]
        assert self._open() == {}
        assert Override.objects.count() == 2


@pytest.mark.usefixtures("desk")
class TestRefusedProposals:
    def test_codes_that_are_hard_or_not_open_are_each_named(self) -> None:
        trade_id = held(EQUITY, codes=[SOFT, HARD, LIMIT])
        clear_findings(trade_ids=[trade_id], closing=CLEARED, at=NOW, codes=[LIMIT])
        add_findings(findings=[NewFinding(trade_id, 1, "LIMIT_WARNING", "WARN")], at=NOW)
        codes = [HARD, SOFT, LIMIT, "LIMIT_WARNING"]
        problem = _refused(partial(_propose, trade_id, person("maker"), codes=codes))
        assert problem.status == 422
        assert [(fault.pointer, fault.code) for fault in problem.faults] == [
            ("/codes/0", "not-overridable"),
            ("/codes/2", "not-open"),
            ("/codes/3", "not-open"),
        ]

    @pytest.mark.parametrize(
        ("arguments", "status", "pointer"),
        [
            ({"codes": []}, 422, "/codes"),
            ({"reason": ""}, 422, "/reason"),
            ({"version": 2}, 412, None),
        ],
    )
    def test_what_is_missing_or_stale(self, arguments, status: int, pointer: str | None) -> None:
        problem = _refused(partial(_propose, held(EQUITY), person("maker"), **arguments))
        assert problem.status == status
        assert [fault.pointer for fault in problem.faults] == ([pointer] if pointer else [])

    def test_a_trade_that_is_not_held_or_has_one_waiting(self) -> None:
        maker = person("maker")
        assert _refused(partial(_propose, captured(EQUITY), maker)).code == "not-held"
        trade_id = held(EQUITY, source_ref="E-2")
        _propose(trade_id, maker)
        assert _refused(partial(_propose, trade_id, person("other"))).code == "pending-proposal"

    def test_an_unknown_trade(self) -> None:
        assert _refused(partial(_propose, 999_999, person("maker"))).status == 404


def _repair(trade_id: int) -> int:
    return repair_trade(
        trade_id=trade_id, version=1, changes={"price": "187"}, reason="typo", actor=CLERK, now=LATER
    )


@pytest.mark.usefixtures("desk")
class TestSupersession:
    def test_a_new_version_voids_the_proposal_and_frees_the_way(self) -> None:
        trade_id, maker = held(EQUITY), person("maker")
        number = _propose(trade_id, maker)
        _repair(trade_id)
        assert Proposal.objects.get().state == "VOID"
        (event,) = events_of(trade_id, "proposal.voided")
        assert event[2:] == (
            "user:clerk", "req-1", "the trade has changed", {"proposal_id": number, "kind": "excess"},
        )  # fmt: skip
        assert _refused(partial(_approve, number, person("boss"))).code == "not-pending"
        clear_findings(trade_ids=[trade_id], closing=CLEARED, at=LATER)
        hold(trade_id, version=2)
        _propose(trade_id, maker)

    def test_a_rejection_voids_it_too(self) -> None:
        trade_id = held(EQUITY)
        _propose(trade_id, person("maker"))
        reject_trade(trade_id=trade_id, version=1, reason="no", actor=CLERK, now=LATER)
        assert Proposal.objects.get().state == "VOID"

    def test_a_re_check_of_the_same_version_keeps_it_if_it_finds_the_same(self) -> None:
        trade_id = held(EQUITY)
        number = _propose(trade_id, person("maker"))
        recheck_trades(trade_ids=[trade_id], reason="", actor=CLERK, now=NOW)
        boss = person("boss")
        assert _refused(partial(_approve, number, boss)).code == "not-held"
        clear_findings(trade_ids=[trade_id], closing=CLEARED, at=LATER)
        hold(trade_id)
        _approve(number, boss)
        assert state_of(trade_id) == (State.CAPTURED, 1)

    def test_findings_that_are_no_longer_what_was_proposed_are_not_accepted(self) -> None:
        trade_id = held(EQUITY)
        number = _propose(trade_id, person("maker"))
        clear_findings(trade_ids=[trade_id], closing=CLEARED, at=LATER)
        worse = NewFinding(trade_id, 1, SOFT, "BLOCK", "price", f"{SOFT}!", "187", "2000")
        add_findings(findings=[worse], at=LATER)
        problem = _refused(partial(_approve, number, person("boss")))
        assert (problem.status, problem.code) == (409, "findings-changed")


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_many_approvals_exactly_one_counts(self) -> None:
        reference_data()
        trade_id = held(EQUITY)
        number = _propose(trade_id, person("maker"))
        results = race(*[partial(_approve, number, person(f"b{n}")) for n in range(4)])
        assert len([each for each in results if isinstance(each, Proposal)]) == 1
        assert Override.objects.count() == 1
        assert len(events_of(trade_id, "trade.rechecked")) == 1

    def test_an_approval_and_a_repair_at_once_leave_one_outcome_and_never_deadlock(self) -> None:
        reference_data()
        maker, boss = person("maker"), person("boss")
        for n in range(8):
            trade_id = held(EQUITY, source_ref=f"E-{n}")
            number = _propose(trade_id, maker)
            approved, repaired = race(partial(_approve, number, boss), partial(_repair, trade_id))
            if isinstance(approved, Proposal):
                assert (repaired.code, state_of(trade_id)) == ("not-held", (State.CAPTURED, 1))
            else:
                assert (approved.code, repaired) == ("not-pending", 2)
                assert Proposal.objects.get(id=number).state == "VOID"
                assert not Override.objects.filter(trade_id=trade_id).exists()
