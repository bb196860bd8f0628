"""A trade that nobody confirms is overdue after the hours of its policy: reminded of, and work for somebody."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core import four_eyes
from core.audit import Actor
from core.http.problem import Problem
from core.models import Event
from tests.support.api import Api
from tests.support.confirmations import said_of
from tests.support.factories import checked, fx, party, unit_trade, world
from tests.support.records import CLERK, NOW
from tests.trades.test_confirmation_policy import RITA, somebody
from trades.models import AwaitedConfirmation, ConfirmationPolicy, ExceptionItem, TradeVersion
from trades.services import confirmation_ageing
from trades.services.change import Change, change_trades
from trades.services.confirmation import confirm_trades
from trades.services.confirmation_ageing import remind, remind_overdue, spread_policies
from trades.services.confirmation_policy import propose_policy, waive_confirmation

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _world(db: None) -> None:
    world()
    party("OTHER")


def policy(product: str = "", of: str = "", *, overdue: int | None = 24, every: int | None = None) -> None:
    proposal = propose_policy(
        product=product, party=of, demanded=None, overdue_after_hours=overdue, remind_every_hours=every,
        reason="agreed", user=somebody(), actor=RITA, now=NOW,
    )  # fmt: skip
    four_eyes.approve(proposal_id=proposal, user=somebody(), note="", now=NOW, actor=Actor("user:checker"))


def reminders() -> list[tuple[int, int]]:
    """Return the trades that were reminded of with the number of the reminder, in the order of the log."""
    found = Event.objects.filter(type="trade.confirmation_reminded").order_by("id")
    return [(each.subject_id, each.data["reminder"]) for each in found]


def known_at(trade_id: int) -> datetime:
    return TradeVersion.objects.filter(trade_id=trade_id).latest("version").recorded_at


def item() -> ExceptionItem:
    return ExceptionItem.objects.get(kind="UNCONFIRMED")


def test_a_trade_is_overdue_after_its_hours_and_not_before_and_is_reminded_of_once() -> None:
    policy("EQUITY")
    trade_id, other = checked(unit_trade(0)), checked(fx())
    due = known_at(trade_id) + 24 * HOUR
    assert remind_overdue(now=due - timedelta(microseconds=1)) == 0
    assert remind_overdue(now=due) == 1
    assert reminders() == [(trade_id, 1)]
    told = Event.objects.get(type="trade.confirmation_reminded")
    assert (told.version, told.data["party"], told.actor) == (1, "BROKER-01", "system:confirmations")
    assert (item().trade_id, item().amount_at_risk, item().causes) == (
        trade_id, TradeVersion.objects.get(trade_id=trade_id).base_amount, ["CONFIRMATION_OVERDUE BROKER-01"],
    )  # fmt: skip
    assert item().summary == "BROKER-01 has not confirmed version 1 after 24 hours; reminders: 1."
    for later in (due, due + 24 * HOUR, due + 100 * HOUR):
        remind_overdue(now=later)
    assert reminders() == [(trade_id, 1)]
    assert not AwaitedConfirmation.objects.filter(trade_id=other).exists()


def test_reminders_go_on_at_their_interval_and_one_makes_up_for_those_that_were_missed() -> None:
    policy(overdue=2, every=6)
    trade_id = checked(unit_trade(0))
    start = known_at(trade_id)
    seen = []
    for hours in (1, 2, 3, 7, 8, 9, 14, 50, 51, 56):
        remind_overdue(now=start + hours * HOUR)
        seen.append(len(reminders()))
    assert seen == [0, 1, 1, 1, 2, 2, 3, 4, 4, 5]
    assert item().summary.endswith("reminders: 5.")


def test_whatever_is_said_ends_it_and_so_do_a_waiver_and_a_cancellation() -> None:
    policy(overdue=1, every=1)
    trades = [checked(unit_trade(number)) for number in range(3)]
    start = known_at(trades[-1])
    remind_overdue(now=start + HOUR)
    assert sorted(trade_id for trade_id, _ in reminders()) == trades
    confirm_trades(said=[said_of(trades[0])], actor=CLERK, now=start + HOUR)
    assert ExceptionItem.objects.get(trade_id=trades[0], kind="UNCONFIRMED").closed_at is not None
    waive_confirmation(trade_id=trades[1], version=1, reason="by telephone", actor=CLERK, now=start + HOUR)
    change_trades(changes=[Change("CANCEL", trades[2], "called off")], actor=CLERK, at=start + HOUR)
    for hours in (2, 3, 40):
        remind_overdue(now=start + hours * HOUR)
    assert len(reminders()) == 3
    assert not ExceptionItem.objects.filter(kind="UNCONFIRMED", closed_at=None).exists()
    assert (
        list(AwaitedConfirmation.objects.order_by("trade_id").values_list("trade_id", flat=True))
        == trades[:2]
    )


def test_an_amended_trade_has_its_hours_anew() -> None:
    policy(overdue=4)
    trade_id = checked(unit_trade(0))
    amended_at = known_at(trade_id) + 3 * HOUR
    change_trades(
        changes=[Change("AMEND", trade_id, "dealt otherwise", changes={"quantity": "3"})],
        actor=CLERK,
        at=amended_at,
    )
    assert remind_overdue(now=amended_at + HOUR) == 1
    assert reminders() == []
    remind_overdue(now=known_at(trade_id) + 4 * HOUR)
    assert reminders() == [(trade_id, 1)]


def test_a_policy_reaches_the_trades_that_there_are_a_few_at_a_time_and_leaves_them_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(confirmation_ageing, "SPREAD_AT_ONCE", 2)
    trades = [checked(unit_trade(number)) for number in range(3)]
    assert spread_policies(now=NOW) == 0
    policy(of="BROKER-01", overdue=5)
    assert [spread_policies(now=NOW) for _ in range(4)] == [2, 1, 0, 0]
    assert ConfirmationPolicy.objects.get().spread_from is None
    assert AwaitedConfirmation.objects.count() == 3
    policy(of="BROKER-01", overdue=None)
    remind_overdue(now=known_at(trades[-1]) + 5 * HOUR)
    assert (reminders(), AwaitedConfirmation.objects.count()) == ([], 0)


def test_the_policy_of_the_party_comes_before_that_of_the_product() -> None:
    policy("EQUITY", overdue=1)
    policy(of="BROKER-01", overdue=10)
    trade_id = checked(unit_trade(0))
    remind_overdue(now=known_at(trade_id) + 9 * HOUR)
    assert reminders() == []
    remind_overdue(now=known_at(trade_id) + 10 * HOUR)
    assert reminders() == [(trade_id, 1)]


def test_a_person_reminds_at_most_once_an_hour_and_not_of_what_agrees() -> None:
    trade_id = checked(unit_trade(0))
    remind(trade_id=trade_id, actor=CLERK, now=NOW)
    with pytest.raises(Problem) as again:
        remind(trade_id=trade_id, actor=CLERK, now=NOW + HOUR - timedelta(seconds=1))
    assert again.value.code == "reminded"
    remind(trade_id=trade_id, actor=CLERK, now=NOW + HOUR)
    assert reminders() == [(trade_id, 1), (trade_id, 2)]
    confirm_trades(said=[said_of(trade_id)], actor=CLERK, now=NOW)
    with pytest.raises(Problem) as agreed:
        remind(trade_id=trade_id, actor=CLERK, now=NOW + 5 * HOUR)
    assert agreed.value.code == "confirmed"
    with pytest.raises(Problem) as unknown:
        remind(trade_id=trade_id + 1, actor=CLERK, now=NOW)
    assert unknown.value.status == 404


def test_hours_out_of_bounds_are_refused_by_name() -> None:
    with pytest.raises(Problem) as refused:
        policy(overdue=None, every=0)
    assert [each.pointer for each in refused.value.faults] == ["/remind_every_hours", "/overdue_after_hours"]


def test_the_interface_says_by_when_and_lists_it() -> None:
    policy(overdue=24, every=12)
    api = Api("confirmations", sources=[])
    (listed,) = api.get("/confirmation-policies").json()["items"]
    assert (listed["demanded"], listed["overdue_after_hours"], listed["remind_every_hours"]) == (None, 24, 12)
    asked = {"overdue_after_hours": 0, "reason": "agreed"}
    assert api.post("/confirmation-policies", asked).status_code == 422
    assert api.post("/confirmation-policies", {**asked, "overdue_after_hours": 48}).status_code == 202
