"""Webhooks are told in order, signed, again and again, by one worker at a time."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from core import sql
from core.http.authentication import revoke_client
from core.ids import EVENT, TRADE, public_id
from core.models import ApiClient, Event
from feed.documents import event_document
from feed.models import Attempt, Delivery, Webhook
from feed.selectors import Position, Selection, last_event_id, read_page
from feed.services.deliver import (
    KEPT,
    LEASE,
    PAUSES,
    STEPS_ASIDE_AFTER,
    claim_webhook,
    fan_out,
    forget_deliveries,
    next_message,
    pause,
)
from feed.services.webhooks import change_webhook, replay, rotate_secret
from tests.feed.support import (
    DOWN,
    GONE,
    OK,
    SILENT,
    URL,
    Clock,
    Listener,
    deliver,
    signature,
    states,
    tell,
    tries,
    webhook,
)
from tests.support.records import CLERK, EQUITY, FX, NOW, captured, race, reference_data

pytestmark = pytest.mark.django_db


def thing(number: int) -> str:
    return public_id("thing", number)


def test_events_are_told_in_order_with_the_document_of_the_feed() -> None:
    _, secret = webhook()
    start = Position(last_event_id())
    tell(1, 2, 3)
    listener, clock = Listener(), Clock()

    assert deliver(listener, clock) == 3

    feed = read_page(after=start, limit=100).events
    documents = [event_document(each) for each in feed if each["subject"] == "thing"]
    assert [json.loads(body)["id"] for _, body in listener.got] == [each["id"] for each in documents]
    headers, body = listener.got[0]
    assert json.loads(body) == {**documents[0], "recorded_at": "2026-11-23T14:00:00Z"}
    assert headers["webhook-id"] == public_id(EVENT, documents[0]["id"])
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["webhook-signature"] == signature(secret, headers, body)
    assert states() == [("DELIVERED", 1)] * 3
    assert tries() == [(200, 7, "ok", "")] * 3
    assert deliver(listener, clock) is None


def test_a_webhook_is_told_of_its_types_only_and_comes_forward_over_the_rest() -> None:
    made, _ = webhook(types=["thing.broke"])
    tell(1)
    tell(2, type="thing.broke")
    tell(3)
    listener, clock = Listener(), Clock()
    assert deliver(listener, clock) == 1
    assert listener.subjects() == [thing(2)]
    made.refresh_from_db()
    assert made.position_id == Event.objects.latest("id").id


def test_a_bound_client_is_told_of_the_trades_of_its_sources_only() -> None:
    reference_data()
    webhook(types=["trade.*"], sources=["FO-FX"])
    captured(EQUITY)
    theirs = captured(FX)
    listener = Listener()
    assert deliver(listener, Clock()) == 1
    assert listener.subjects() == [public_id(TRADE, theirs)]


def test_a_revoked_client_is_told_nothing_more() -> None:
    made, _ = webhook()
    tell(1)
    revoke_client(client=ApiClient.objects.get(id=made.client_id), actor=CLERK, at=NOW)
    listener = Listener()
    assert deliver(listener, Clock()) is None
    assert listener.got == []


def test_what_fails_is_tried_again_later_with_the_same_id_and_body() -> None:
    webhook()
    tell(1)
    listener, clock = Listener([DOWN, SILENT, OK]), Clock()

    assert deliver(listener, clock) == 1
    assert deliver(listener, clock) is None
    clock.move(PAUSES[0])
    assert deliver(listener, clock) == 1
    assert deliver(listener, clock) is None
    clock.move(PAUSES[1])
    assert deliver(listener, clock) == 1

    assert len({headers["webhook-id"] for headers, _ in listener.got}) == 1
    assert len({body for _, body in listener.got}) == 1
    # Each attempt is signed with its own time, so that an old one cannot be sent again by somebody else.
    assert len({headers["webhook-timestamp"] for headers, _ in listener.got}) == 3
    assert states() == [("DELIVERED", 3)]
    assert tries() == [(503, 9, "busy", ""), (None, 10_000, "", SILENT.error), (200, 7, "ok", "")]


def test_later_events_wait_behind_one_that_fails() -> None:
    webhook()
    tell(1, 2)
    listener, clock = Listener([DOWN, OK]), Clock()
    assert deliver(listener, clock) == 1
    assert listener.subjects() == [thing(1)]
    clock.move(PAUSES[0])
    assert deliver(listener, clock) == 2
    assert listener.subjects() == [thing(1), thing(1), thing(2)]


def test_one_that_goes_on_failing_steps_aside() -> None:
    webhook()
    tell(1, 2)
    listener, clock = Listener([DOWN] * STEPS_ASIDE_AFTER + [OK]), Clock()
    for wait in PAUSES[: STEPS_ASIDE_AFTER - 1]:
        assert deliver(listener, clock) == 1
        clock.move(wait)
    assert deliver(listener, clock) == 2
    assert states() == [("PENDING", STEPS_ASIDE_AFTER), ("DELIVERED", 1)]
    assert deliver(listener, clock) is None
    clock.move(PAUSES[STEPS_ASIDE_AFTER - 1])
    assert deliver(listener, clock) == 1
    assert states() == [("DELIVERED", STEPS_ASIDE_AFTER + 1), ("DELIVERED", 1)]


def test_after_about_three_days_of_failures_a_delivery_is_dead() -> None:
    webhook()
    tell(1)
    listener, clock = Listener([DOWN]), Clock()
    for wait in PAUSES:
        assert deliver(listener, clock) == 1
        clock.move(wait)
    assert deliver(listener, clock) == 1
    assert states() == [("DEAD", len(PAUSES) + 1)]
    assert timedelta(days=2) < clock.now - NOW < timedelta(days=4)
    clock.move(timedelta(days=30))
    assert deliver(listener, clock) is None


def test_chance_moves_a_pause_by_a_fifth_at_most() -> None:
    for at, length in enumerate(PAUSES, start=1):
        assert pause(at, chance=lambda: 0.0) == length * 0.8
        assert length * 1.19 < pause(at, chance=lambda: 0.999) <= length * 1.2


def test_an_address_that_is_gone_is_told_nothing_until_it_is_turned_on_again() -> None:
    made, _ = webhook()
    tell(1, 2)
    listener, clock = Listener([GONE, OK]), Clock()
    assert deliver(listener, clock) == 0
    made.refresh_from_db()
    assert (made.is_active, made.stopped_because) == (False, "its address answered 410 Gone")
    assert Event.objects.filter(type="webhook.stopped", subject_id=made.id).count() == 1
    assert deliver(listener, clock) is None

    change_webhook(client_id=None, webhook_id=made.id, revision=None, is_active=True, actor=CLERK, now=NOW)
    assert deliver(listener, clock) == 1
    assert states() == [("DEAD", 1), ("DELIVERED", 1)]


def test_both_secrets_sign_until_the_overlap_ends() -> None:
    made, old = webhook()
    _, new = rotate_secret(
        client_id=None, webhook_id=made.id, overlap=timedelta(hours=1), actor=CLERK, now=NOW
    )
    assert old != new
    tell(1)
    listener, clock = Listener(), Clock()
    deliver(listener, clock)
    headers, body = listener.got[0]
    assert headers["webhook-signature"].split(" ") == [
        signature(new, headers, body),
        signature(old, headers, body),
    ]
    clock.move(timedelta(hours=1))
    tell(2)
    deliver(listener, clock)
    headers, body = listener.got[1]
    assert headers["webhook-signature"] == signature(new, headers, body)


def test_a_dead_delivery_is_told_again_when_somebody_asks() -> None:
    made, _ = webhook()
    tell(1)
    listener, clock = Listener([DOWN] * (len(PAUSES) + 1) + [OK]), Clock()
    for wait in (*PAUSES, timedelta()):
        deliver(listener, clock)
        clock.move(wait)
    dead = Delivery.objects.get(state="DEAD")
    count = replay(
        client_id=None, webhook_id=made.id, delivery_id=dead.id, actor=CLERK, now=clock.now, reason="fixed"
    )
    assert count == 1
    assert deliver(listener, clock) == 1
    assert states() == [("DELIVERED", 1)]
    assert Attempt.objects.filter(delivery=dead).count() == len(PAUSES) + 2
    told = Event.objects.get(type="webhook.replayed")
    assert (told.subject_id, told.reason, told.actor) == (made.id, "fixed", "user:clerk")


def test_a_range_is_told_again_also_where_its_deliveries_are_forgotten() -> None:
    made, _ = webhook()
    start = made.position_id
    tell(1, 2, 3, 4)
    listener, clock = Listener(), Clock()
    deliver(listener, clock)
    clock.move(KEPT + timedelta(seconds=1))
    assert forget_deliveries(now=clock.now) == 4
    assert (Delivery.objects.count(), Attempt.objects.count()) == (0, 0)

    told = read_page(after=Position(start), limit=10, selection=Selection(("thing.*",))).events
    ids = [each["id"] for each in told]
    count = replay(
        client_id=None,
        webhook_id=made.id,
        after=ids[0],
        until=ids[2],
        actor=CLERK,
        now=clock.now,
        reason="x",
    )
    assert count == 2
    assert deliver(listener, clock) == 2
    assert listener.subjects()[4:] == [thing(2), thing(3)]


def test_a_replay_leaves_what_was_never_told_to_its_turn() -> None:
    made, _ = webhook()
    start = last_event_id()
    tell(1)
    listener, clock = Listener(), Clock()
    deliver(listener, clock)
    tell(2)
    last = Event.objects.latest("id").id
    assert (
        replay(client_id=None, webhook_id=made.id, after=start, until=last, actor=CLERK, now=NOW, reason="x")
        == 1
    )
    assert deliver(listener, clock) == 2
    assert listener.subjects() == [thing(1), thing(1), thing(2)]


def test_a_worker_holds_a_webhook_alone_until_its_lease_ends() -> None:
    webhook()
    tell(1)
    held = claim_webhook(now=NOW)
    assert held is not None
    assert fan_out(held, now=NOW)
    assert next_message(held, now=NOW) is not None
    # The worker is killed here: nobody else may send before its lease ends, and then somebody does.
    listener, clock = Listener(), Clock()
    assert deliver(listener, clock) is None
    clock.move(LEASE)
    assert deliver(listener, clock) == 1
    assert states() == [("DELIVERED", 1)]
    # It wakes up again: the webhook is no longer its own.
    assert next_message(held, now=clock.now) is None


def test_a_slow_answer_is_noted_and_so_is_a_quick_one_after_it() -> None:
    made, _ = webhook()
    tell(1, 2)
    listener, clock = Listener([SILENT, OK]), Clock()
    deliver(listener, clock)
    made.refresh_from_db()
    assert made.is_slow
    clock.move(PAUSES[0])
    assert claim_webhook(now=clock.now, slow_too=False) is None
    assert deliver(listener, clock) == 2
    made.refresh_from_db()
    assert not made.is_slow


def test_a_webhook_that_is_down_does_not_hold_up_another() -> None:
    webhook(name="one")
    webhook(name="two")
    tell(1)
    listener, clock = Listener([DOWN, OK]), Clock()
    assert deliver(listener, clock) == 1
    assert deliver(listener, clock) == 1
    assert [each.state for each in Delivery.objects.order_by("webhook_id")] == ["PENDING", "DELIVERED"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_each_event_once_and_in_order() -> None:
    webhook()
    tell(*range(1, 61))
    listener, clock = Listener(), Clock()

    def work() -> int:
        return sum(iter(lambda: deliver(listener, clock) or 0, 0))

    assert sum(race(work, work, work, work)) == 60
    assert listener.subjects() == [thing(number) for number in range(1, 61)]


def test_an_outage_keeps_the_queue_short() -> None:
    """The log is the queue: deliveries are made for what is next, not for all that has happened since."""
    made, _ = webhook()
    tell(*range(1, 1200))
    listener, clock = Listener([DOWN]), Clock()
    assert deliver(listener, clock) == 1
    clock.move(PAUSES[0])
    assert deliver(listener, clock) == 1
    assert Delivery.objects.count() == 500
    assert Webhook.objects.get().position_id < sql.rows("SELECT max(id) FROM core_event")[0][0]
    assert made.url == URL
