"""A counterparty without a system answers by a link that holds once, for one version of one trade, for a week."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.http.problem import Problem
from core.models import Event
from tests.support.factories import checked, unit_trade, world
from tests.support.records import CLERK, NOW, race
from trades.models import Confirmation, ConfirmationLink, ConfirmationVersion, ExceptionItem
from trades.services.change import Change, change_trades
from trades.services.confirmation import Told
from trades.services.confirmation_links import VALID, answer_link, linked_terms, make_link
from trades.services.confirmation_matching import match_queued

pytestmark = pytest.mark.django_db


def link(trade_id: int, *, version: int = 1) -> str:
    return make_link(trade_id=trade_id, version=version, actor=CLERK, now=NOW).token


def answer(token: str, says: str = "CONFIRM", *, name: str = "Ada Kern", reason: str = "") -> Told | None:
    return answer_link(token=token, says=says, name=name, reason=reason, now=NOW)


@pytest.fixture
def trade_id(db: None) -> int:
    world()
    return checked(unit_trade(0))


def test_what_is_confirmed_by_a_link_is_matched_and_says_who_answered(trade_id: int) -> None:
    token = link(trade_id)
    told = answer(token)
    assert told is not None
    assert (told.status, told.trade_id) == ("MATCHED", trade_id)
    said = ConfirmationVersion.objects.get()
    assert (said.actor, said.action) == ("counterparty:BROKER-01", "CONFIRM")
    event = Event.objects.get(type="confirmation.answered")
    assert (event.data["name"], event.data["says"], event.actor) == (
        "Ada Kern", "CONFIRM", "counterparty:BROKER-01",
    )  # fmt: skip
    assert ConfirmationLink.objects.get().used_at == NOW


def test_a_denial_is_a_mismatch_with_its_reason_until_the_trade_is_cancelled(trade_id: int) -> None:
    told = answer(link(trade_id), "DENY", reason="we dealt 2")
    assert told is not None
    assert [(each["field"], each["ours"], each["theirs"]) for each in told.differences] == [
        ("standing", "LIVE", "DENIED")
    ]
    assert Event.objects.get(type="confirmation.answered").reason == "we dealt 2"
    assert ExceptionItem.objects.get(kind="CONFIRMATION").closed_at is None
    change_trades(changes=[Change("CANCEL", trade_id, "called off")], actor=CLERK, at=NOW)
    match_queued(now=NOW)
    assert Confirmation.objects.get().status == "CANCELLED"
    assert ExceptionItem.objects.get(kind="CONFIRMATION").closed_at is not None


def test_a_link_holds_once_for_its_version_and_its_week_and_while_no_later_one_is_made(trade_id: int) -> None:
    first = link(trade_id)
    token = link(trade_id)
    assert linked_terms(token=first, now=NOW) is None
    assert linked_terms(token=token, now=NOW + VALID) is None
    assert linked_terms(token=token, now=NOW + VALID - timedelta(seconds=1)) is not None
    for bent in (token[:-1], token.replace(":", ""), "", "x:y"):
        assert linked_terms(token=bent, now=NOW) is None
        assert answer(bent) is None
    assert answer(token) is not None
    assert answer(token) is None
    assert ConfirmationVersion.objects.count() == 1


def test_a_link_ends_with_the_version_that_it_is_about(trade_id: int) -> None:
    token = link(trade_id)
    changed = Change("AMEND", trade_id, "dealt otherwise", changes={"quantity": "3"})
    change_trades(changes=[changed], actor=CLERK, at=NOW)
    assert answer(token) is None
    with pytest.raises(Problem) as refused:
        link(trade_id)
    assert refused.value.status == 409
    assert answer(link(trade_id, version=2)) is not None


def test_the_secret_is_kept_nowhere_and_each_link_is_audited(trade_id: int) -> None:
    token = link(trade_id)
    secret = token.partition(":")[0]
    kept = ConfirmationLink.objects.get()
    assert secret not in str(kept.__dict__)
    event = Event.objects.get(type="trade.confirmation_link_made")
    assert (event.subject_id, event.actor, event.data["link"]) == (trade_id, CLERK.name, kept.id)
    assert secret not in str(event.data)


@pytest.mark.parametrize(
    ("says", "name", "reason", "pointers"),
    [
        ("CONFIRM", " ", "", ["/name"]),
        ("DENY", "Ada", "", ["/reason"]),
        ("MAYBE", "x" * 101, "", ["/says", "/name"]),
    ],
)
def test_an_answer_with_faults_is_refused_and_the_link_holds_on(
    trade_id: int, says: str, name: str, reason: str, pointers: list[str]
) -> None:
    token = link(trade_id)
    with pytest.raises(Problem) as refused:
        answer(token, says, name=name, reason=reason)
    assert [each.pointer for each in refused.value.faults] == pointers
    assert answer(token) is not None


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_of_two_answers_at_once_one_is_taken() -> None:
    world()
    token = link(checked(unit_trade(0)))
    answers = race(lambda: answer(token) or "gone", lambda: answer(token, "DENY", reason="no") or "gone")
    assert sorted(isinstance(each, Told) for each in answers) == [False, True]
    assert "gone" in answers
    assert ConfirmationVersion.objects.count() == 1
