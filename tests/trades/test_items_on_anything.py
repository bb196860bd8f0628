"""Work items that hang on no trade: the queue, its actions and its history are the same for them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from core.as_of import known_at
from core.audit import Actor
from core.http.problem import Problem
from core.models import Event
from tests.support.records import CLERK, LATER, NOW, all_written, person
from trades.models import AssignmentRule, Comment, ExceptionItem
from trades.selectors import desk
from trades.selectors.exceptions import Narrowing, exception_then, queue, summary
from trades.selectors.timeline import timeline_of_item
from trades.services import attention
from trades.services.comments import comment
from trades.services.desk import Asked, act_on_exceptions
from trades.services.exceptions import NewException, claim_exceptions, open_exceptions, take_next
from trades.work_items import About

LIMIT = 7
CAUSE = "WRONG_FIGURE CPTY"


def opened(member: str = "BROKER-01", *, said: str = "wrong", at: datetime = NOW, money: str = "5") -> int:
    """Open an item about a member of a limit, and return its id."""
    item = NewException(
        None, "FIGURE", ["WRONG_FIGURE"], said, Decimal(money), LATER,
        about=About("limit", LIMIT, member), causes=[CAUSE],
    )  # fmt: skip
    open_exceptions(items=[item], at=at, actor=CLERK)
    return ExceptionItem.objects.get(subject="limit", member=member, closed_at=None).id


def act(number: int, action: str, **asked: object) -> tuple[str, str]:
    """Do one action to an item, and return what became of it."""
    (result,) = act_on_exceptions(
        exception_ids=[number], asked=Asked(action, **asked), actor=CLERK, now=LATER
    )
    return result.outcome, result.detail


def events(*types: str) -> list[tuple[str, str, int]]:
    return list(
        Event.objects.filter(type__in=types).order_by("id").values_list("type", "subject", "subject_id")
    )


@pytest.mark.django_db
class TestOpening:
    def test_stores_what_it_is_about_and_tells_the_log_of_that(self) -> None:
        item = ExceptionItem.objects.get(id=opened())
        assert (item.trade_id, item.subject, item.subject_id, item.member) == (
            None,
            "limit",
            LIMIT,
            "BROKER-01",
        )
        assert (item.move, item.causes, item.waits, item.deadline) == ("RISK", [CAUSE], [], LATER)
        event = Event.objects.get(type="exception.opened")
        assert (event.subject, event.subject_id) == ("limit", LIMIT)
        assert event.data == {
            "exception_id": item.id, "kind": "FIGURE", "codes": ["WRONG_FIGURE"], "member": "BROKER-01",
        }  # fmt: skip

    def test_is_once_for_each_member_and_tells_an_open_one_anew(self) -> None:
        first, other = opened(), opened("OTHER")
        assert opened(said="worse", at=LATER) == first != other
        item = ExceptionItem.objects.get(id=first)
        assert (item.summary, item.told_at) == ("worse", LATER)
        assert ExceptionItem.objects.count() == 2

    def test_takes_up_a_closed_one_whose_cause_is_back(self) -> None:
        number = opened()
        assert act(number, "close", reason="a bent row") == ("DONE", "")
        assert opened(at=LATER) == number
        item = ExceptionItem.objects.get(id=number)
        assert (item.reopenings, item.closed_at, item.resolution) == (1, None, "")
        assert events("exception.reopened") == [("exception.reopened", "limit", LIMIT)]

    def test_goes_to_whom_a_rule_of_its_kind_names_and_never_by_a_trades_source(self) -> None:
        ann, team = person("ann"), Group.objects.create(name="limits desk")
        AssignmentRule.objects.create(position=1, source="FO-EQ", owner=person("bob"))
        AssignmentRule.objects.create(position=2, kind="FIGURE", owner=ann, team=team)
        item = ExceptionItem.objects.get(id=opened())
        assert (item.owner_id, item.team_id) == (ann.pk, team.pk)

    def test_beside_a_trades_items_of_the_same_number_keeps_both_apart(self) -> None:
        open_exceptions(items=[NewException(LIMIT, "FINDING", ["A"], "held")], at=NOW, actor=CLERK)
        opened()
        assert ExceptionItem.objects.filter(closed_at=None).count() == 2

    @pytest.mark.parametrize("about", [{"subject": "trade"}, {"subject": "limit", "trade_id": 3}])
    def test_of_one_that_contradicts_itself_is_refused_by_the_database(self, about) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            ExceptionItem.objects.create(kind="FIGURE", subject_id=4, summary="s", opened_at=NOW, **about)


@pytest.mark.django_db
class TestWorking:
    def test_claims_and_hands_out_by_deadline_like_any_other(self) -> None:
        number, ann = opened(), person("ann")
        assert take_next(user=ann, actor=CLERK, now=NOW) == number
        assert events("exception.claimed") == [("exception.claimed", "limit", LIMIT)]
        assert claim_exceptions(exception_ids=[number], user=person("bob"), actor=CLERK, now=NOW) == {
            number: "TAKEN"
        }

    def test_is_escalated_and_snoozed(self) -> None:
        number = opened()
        assert act(number, "snooze", until=LATER + timedelta(days=1), reason="tomorrow") == ("DONE", "")
        assert attention.escalate_due(now=LATER, actor=CLERK) == 1
        assert ExceptionItem.objects.get(id=number).snoozed_until is None
        assert events("exception.escalated") == [("exception.escalated", "limit", LIMIT)]

    def test_refuses_what_only_a_trade_can_have_done_to_it(self) -> None:
        number = opened()
        for action in ("re-check", "reject"):
            assert act(number, action, reason="x") == ("REFUSED", "It is about no trade.")

    def test_is_commented_among_ourselves_and_not_to_a_front_office(self) -> None:
        number = opened()
        assert act(number, "comment", text="look") == ("DONE", "")
        refused = "It is about no trade, so no front office reads it."
        assert act(number, "comment", text="look", audience="FRONT_OFFICE") == ("REFUSED", refused)
        with pytest.raises(Problem) as problem:
            comment(exception_id=number, text="look", audience="FRONT_OFFICE", actor=CLERK, now=NOW)
        assert (problem.value.status, problem.value.code) == (409, "no-reader")
        assert Comment.objects.count() == 1
        assert ExceptionItem.objects.get(id=number).move == "RISK"

    def test_is_closed_with_words_once(self) -> None:
        number = opened()
        assert act(number, "close", reason="a bent row") == ("DONE", "")
        before = all_written()
        assert act(number, "close", reason="again") == ("REFUSED", "It is closed.")
        assert all_written() == before
        item = ExceptionItem.objects.get(id=number)
        assert (item.closed_at, item.closed_by, item.resolution) == (LATER, CLERK.name, "a bent row")

    def test_counts_under_its_cause_and_in_the_queue(self) -> None:
        number, other = opened(), opened("OTHER", money="6")
        (group,) = desk.groups(now=NOW)
        assert (group["cause"], group["items"], group["amount_at_risk"]) == (CAUSE, 2, Decimal(11))
        rows, _ = queue(view="open", narrowing=Narrowing(kind="FIGURE"), user_id=0, now=NOW)
        assert [(row["id"], row["member"], row["trade_id"]) for row in rows] == [
            (other, "OTHER", None), (number, "BROKER-01", None),
        ]  # fmt: skip
        assert desk.list_items(
            sources=["FO-EQ"], is_open=True, narrowing=Narrowing(), now=NOW, after=None, limit=9
        ) == []  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_the_past_of_an_item_on_no_trade_is_what_was_known_then() -> None:
    number = opened(said="first")
    claim_exceptions(
        exception_ids=[number], user=person("ann"), actor=Actor("user:ann"), now=NOW + timedelta(minutes=2)
    )
    opened(said="second", at=NOW + timedelta(minutes=4))
    early, late = known_at(NOW + timedelta(minutes=1)), known_at(NOW + timedelta(minutes=5))
    then = exception_then(number, early)
    assert then is not None
    assert (then.summary, then.owner_id, then.member) == ("first", None, "BROKER-01")
    now = exception_then(number, late)
    assert now is not None
    assert (now.summary, now.owner.username) == ("second", "ann")
    assert exception_then(number, known_at(NOW - timedelta(minutes=1))) is None
    assert [each.kind for each in timeline_of_item(then, as_of=early)] == ["exception.opened"]
    assert [each.kind for each in timeline_of_item(now, as_of=late)] == [
        "exception.claimed", "exception.opened",
    ]  # fmt: skip
    rows, _ = queue(view="open", user_id=0, now=NOW, as_of=early)
    assert [(row["member"], row["summary"]) for row in rows] == [("BROKER-01", "first")]


@pytest.mark.django_db
def test_the_money_of_a_trade_with_two_items_is_at_risk_once() -> None:
    for kind in ("FINDING", "LIMIT"):
        open_exceptions(items=[NewException(1, kind, ["A"], "s", Decimal(100))], at=NOW, actor=CLERK)
    opened()
    opened("OTHER", money="6")
    found = summary(user_id=0, now=NOW)
    assert (found.open, found.at_risk) == (4, Decimal(111))
