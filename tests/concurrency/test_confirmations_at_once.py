"""What the counterparty says and what we do at the same moment end as one after the other would."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from core import work
from core.http.problem import Problem
from core.models import Event
from tests.support.confirmations import said_of
from tests.support.factories import check_everything, checked, unit_trade, world
from tests.support.records import CLERK, LATER, NOW, race
from tests.trades.test_confirmation_ageing import policy
from trades.models import Confirmation, ConfirmationVersion, ConfirmationWaiver, ExceptionItem, TradeVersion
from trades.services.change import Change, change_trades
from trades.services.confirmation import Told, confirm_trades
from trades.services.confirmation_ageing import remind_overdue
from trades.services.confirmation_matching import match_queued, match_unmatched
from trades.services.confirmation_policy import waive_confirmation

pytestmark = [pytest.mark.concurrency, pytest.mark.django_db(transaction=True)]

OVERDUE = NOW + timedelta(days=2)
ROUNDS = 4


def done(call: Callable[[], Any]) -> Callable[[], Any]:
    """Return a call that tells that it ended: what it returns, or True for what returns nothing."""

    def run() -> Any:
        answer = call()
        return True if answer is None else answer

    return run


def settle() -> None:
    """Do all work that waits: checks, and matching until nothing is left to match."""
    check_everything(now=OVERDUE)
    work.until_none(lambda: match_queued(now=OVERDUE))
    match_unmatched(now=OVERDUE)


def confirm(trade_id: int, **other: Any) -> Callable[[], Any]:
    return partial(confirm_trades, said=[said_of(trade_id, **other)], actor=CLERK, now=LATER)


def change(kind: Any, trade_id: int, **changes: str) -> Callable[[], Any]:
    asked = Change(kind, trade_id, "dealt otherwise", changes=changes or None)
    return partial(change_trades, changes=[asked], actor=CLERK, at=LATER)


def waive(trade_id: int) -> Callable[[], Any]:
    return partial(
        waive_confirmation, trade_id=trade_id, version=1, reason="by telephone", actor=CLERK, now=LATER
    )


def ended(answers: list[Any]) -> None:
    """Fail where a call has neither ended nor been refused as being too late: a deadlock, say."""
    for each in answers:
        assert each is not None
        assert not isinstance(each, Exception) or (isinstance(each, Problem) and each.status == 409), each


def open_items() -> list[tuple[int | None, str]]:
    return sorted(ExceptionItem.objects.filter(closed_at=None).values_list("trade_id", "kind"))


@pytest.mark.parametrize("kind", ["AMEND", "CANCEL"])
def test_a_confirmation_a_change_and_a_waiver_at_once_end_as_in_some_order(kind: str) -> None:
    world()
    trades = [checked(unit_trade(number)) for number in range(ROUNDS)]
    for number, trade_id in enumerate(trades):
        changes = {"quantity": str(number + 40)} if kind == "AMEND" else {}
        calls = [confirm(trade_id), change(kind, trade_id, **changes), waive(trade_id)]
        answers = race(*(done(each) for each in calls))
        ended(answers)
        assert isinstance(answers[0][0], Told)
        # It was let go before it was changed, or not at all.
        assert ConfirmationWaiver.objects.filter(trade_id=trade_id).exists() is (answers[2] is True)
    settle()
    for trade_id in trades:
        row = Confirmation.objects.get(trade_id=trade_id)
        last = TradeVersion.objects.filter(trade_id=trade_id).latest("version").version
        assert (row.status, row.trade_version) == ("MISMATCHED", last)
        assert [each["field"] for each in row.differences if not each["within"]][:1] == (
            ["quantity"] if kind == "AMEND" else ["standing"]
        )
    assert ConfirmationVersion.objects.count() == ROUNDS
    assert open_items() == [(trade_id, "CONFIRMATION") for trade_id in trades]


def test_two_that_say_the_same_and_one_that_says_more_at_once_leave_the_last_word() -> None:
    world()
    trades = [checked(unit_trade(number)) for number in range(ROUNDS)]
    for trade_id in trades:
        same, other = confirm(trade_id), confirm(trade_id, version=2, quantity=Decimal(77))
        answers = race(done(same), done(same), done(other))
        ended(answers)
        assert sorted(each[0].outcome for each in answers[:2]) in (
            ["REPEATED", "STORED"], ["OUTDATED", "REPEATED"],
        )  # fmt: skip
    settle()
    assert list(Confirmation.objects.values_list("version", "status").distinct()) == [(2, "MISMATCHED")]
    assert ConfirmationVersion.objects.count() == 2 * ROUNDS


def test_what_is_confirmed_as_it_is_reminded_of_is_no_work_for_anybody_afterwards() -> None:
    world()
    policy(overdue=1, every=1)
    trades = [checked(unit_trade(number)) for number in range(ROUNDS)]
    calls = [partial(remind_overdue, now=OVERDUE), *(confirm(each) for each in trades)]
    ended(race(*(done(each) for each in [calls[0], *calls])))
    settle()
    assert set(Confirmation.objects.values_list("trade_id", "status")) == {
        (each, "MATCHED") for each in trades
    }
    assert open_items() == []
    reminded = list(
        Event.objects.filter(type="trade.confirmation_reminded").values_list("subject_id", flat=True)
    )
    assert len(reminded) == len(set(reminded))
