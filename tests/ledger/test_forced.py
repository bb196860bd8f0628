"""Two people match what does not agree, under a condition that every run tests; where it holds no longer, the break is
open again and says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core import four_eyes, sql
from core.http.problem import Problem
from core.models import ApprovalPolicy
from ledger.services.forced import KIND, Condition, propose_forced_match
from tests.ledger.reconciling import (
    CHECKER,
    approved,
    break_ids,
    defined,
    figures,
    items,
    open_breaks,
    run,
    somebody,
)
from tests.ledger.statements import listed, send
from tests.ledger.test_runs import line
from tests.support.factories import captured_ids, equity, world
from tests.support.records import CLERK, LATER, NOW, TODAY

pytestmark = pytest.mark.django_db
UNTIL = TODAY + timedelta(days=30)
LOOSE = Condition(UNTIL, Decimal(2), theirs_unchanged=False)


def say(amount: str, *more: dict[str, str]) -> None:
    send(listed("TRADES", [line("E-1", amount=amount), *more], source="FO-EQ"))


@pytest.fixture
def broken() -> int:
    """Leave one break: their amount of E-1 is a dollar more than ours."""
    world()
    captured_ids(equity("E-1"))
    defined()
    say("18726")
    run()
    (found,) = break_ids()
    return found


def propose(*ids: int, condition: Condition = LOOSE, **how: Any) -> int:
    given: dict[str, Any] = {"reason": "their fee comes tomorrow", "user": somebody("maker"), "actor": CLERK}
    return propose_forced_match(break_ids=list(ids), condition=condition, now=LATER, **{**given, **how})


def ended() -> list[str]:
    return [
        why for (why,) in sql.rows("SELECT ended_because FROM ledger_forced_match WHERE ended_at IS NOT NULL")
    ]


def reopened() -> list[tuple[str, str]]:
    return sql.rows("SELECT step, reason FROM ledger_break_step WHERE step = 'REOPENED' ORDER BY id")


def test_what_two_people_match_is_no_break_and_no_work_any_more(broken: int):
    approved(propose(broken), now=LATER)
    assert (open_breaks(), items()) == ([], [])
    assert figures(run()) == {"forced_ours": 1, "forced_theirs": 1}


def test_it_holds_while_the_sides_lie_no_further_apart(broken: int):
    approved(propose(broken), now=LATER)
    say("18727")
    assert figures(run()) == {"forced_ours": 1, "forced_theirs": 1}
    say("18727.01")
    assert figures(run())["new"] == 1
    why = "The sides lie 2.01 USD apart now, and not at most 2."
    assert (ended(), reopened()) == ([why], [("REOPENED", why)])
    assert sql.rows("SELECT reopened_because FROM ledger_break") == [(why,)]
    assert len(items()) == 1


def test_it_ends_when_they_say_something_else_where_that_was_asked(broken: int):
    approved(propose(broken, condition=Condition(UNTIL)), now=LATER)
    say("18726", line("E-2"))
    assert figures(run())["forced_ours"] == 1
    say("18725.50", line("E-2"))
    run()
    assert ended() == ["They say something else now."]


def test_it_ends_after_its_last_day(broken: int):
    approved(propose(broken, condition=replace(LOOSE, until=TODAY)), now=LATER)
    assert figures(run())["forced_ours"] == 1
    send(listed("TRADES", [], source="FO-EQ", day=TODAY + timedelta(days=1)))
    run()
    assert ended() == [f"It was matched until {TODAY}."]


def test_it_ends_when_a_record_of_it_is_gone_and_agreement_leaves_no_break(broken: int):
    approved(propose(broken), now=LATER)
    send(listed("TRADES", [], source="FO-EQ"))
    assert figures(run())["unmatched_ours"] == 1
    assert ended() == ["2026-11-23|E-1 is not there any more."]
    say("18725")
    assert figures(run()) == {"matched_ours": 1, "matched_theirs": 1, "cleared": 1}


def test_several_breaks_are_matched_as_one():
    world()
    captured_ids(equity("E-1"))
    defined()
    send(listed("TRADES", [line("E-A", amount="9000"), line("E-B", amount="9725")], source="FO-EQ"))
    assert figures(run())["new"] == 3
    approved(propose(*break_ids(), condition=Condition(UNTIL, Decimal(0))), now=LATER)
    assert figures(run()) == {"forced_ours": 1, "forced_theirs": 2}


def test_a_condition_that_does_not_hold_now_is_refused_with_every_fault(broken: int):
    for condition, pointer in (
        (replace(LOOSE, until=TODAY - timedelta(days=1)), "/until"),
        (replace(LOOSE, until=TODAY + timedelta(days=400)), "/until"),
        (replace(LOOSE, difference_max=Decimal("0.99")), "/difference_max"),
    ):
        with pytest.raises(Problem) as caught:
            propose(broken, condition=condition, reason=" ")
        assert [each.pointer for each in caught.value.faults] == [pointer, "/reason"]
    assert sql.rows("SELECT 1 FROM core_proposal WHERE kind = %s", [KIND]) == []


def test_its_maker_does_not_approve_it(broken: int):
    proposal_id = propose(broken)
    with pytest.raises(Problem) as caught:
        four_eyes.approve(proposal_id=proposal_id, user=somebody("maker"), note="", now=LATER, actor=CHECKER)
    assert caught.value.code == "own-proposal"
    assert len(open_breaks()) == 1


def test_a_break_that_has_changed_or_closed_since_is_not_matched(broken: int):
    proposal_id = propose(broken)
    say("18726.50")
    run()
    with pytest.raises(Problem) as caught:
        approved(proposal_id, now=LATER)
    assert caught.value.code == "break-changed"
    say("18725")
    run()
    with pytest.raises(Problem) as caught:
        approved(proposal_id, now=LATER)
    assert caught.value.code == "break-closed"
    assert sql.rows("SELECT 1 FROM ledger_forced_match") == []


def test_the_money_at_stake_is_typed_in_where_the_policy_asks(broken: int):
    ApprovalPolicy.objects.create(kind=KIND, typed_from=Decimal("0.5"))
    with pytest.raises(Problem) as caught:
        propose(broken)
    assert [each.pointer for each in caught.value.faults] == ["/amount"]
    propose(broken, typed="0.92")


def test_nobody_matches_what_there_is_not_or_what_is_closed(broken: int):
    with pytest.raises(Problem) as caught:
        propose(broken + 1)
    assert caught.value.status == 404
    say("18725")
    run()
    with pytest.raises(Problem) as caught:
        propose(broken)
    assert (caught.value.status, caught.value.code) == (409, "break-closed")


def test_the_log_tells_of_a_break_from_its_beginning_to_its_end(broken: int):
    approved(propose(broken), now=NOW + timedelta(hours=1))
    told = sql.rows(
        "SELECT type FROM core_event WHERE subject = 'break' AND subject_id = %s ORDER BY id", [broken]
    )
    assert [each for (each,) in told] == [
        "break.new", "exception.opened", "proposal.made", "proposal.approved", "break.forced", "exception.closed",
    ]  # fmt: skip
