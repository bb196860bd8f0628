"""The integrations page: clients with their last use, webhooks with their log, and telling again with a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from core.ids import DELIVERY, WEBHOOK, public_id
from core.models import ApiClient, Event
from feed.models import Delivery
from feed.services.deliver import PAUSES
from tests.feed.support import DOWN, OK, Clock, Listener, deliver, states, tell, webhook
from tests.ops.conftest import SignIn
from tests.support.api import Api
from tests.support.factories import World, api_client, equity
from tests.support.records import NOW


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("operations", name="ops")


def test_clients_stand_with_their_state_and_last_use(desk: Client) -> None:
    for name, used in (("idle", None), ("busy", NOW - timedelta(minutes=5)), ("gone", NOW)):
        client, _ = api_client(name, scopes=["trades:read"], sources=["FO-EQ"])
        ApiClient.objects.filter(id=client.id).update(last_used_at=used)
    ApiClient.objects.filter(name="gone").update(revoked_at=NOW)
    answer = desk.get("/integrations")
    assert [(each["name"], each["state"]) for each in answer.context["clients"]] == [
        ("busy", "ON"),
        ("idle", "ON"),
        ("gone", "REVOKED"),
    ]
    page = answer.content.decode()
    assert "5 min" in page
    assert "never" in page


def test_webhooks_stand_with_what_waits_and_what_is_dead(desk: Client) -> None:
    made, _ = webhook()
    tell(1, 2)
    clock = Clock()
    deliver(Listener([OK, DOWN]), clock)
    ((shown, figures),) = desk.get("/integrations").context["webhooks"]
    assert shown.id == made.id
    assert (figures.waiting, figures.retrying, figures.dead, figures.delivered_at) == (1, 1, 0, NOW)
    for wait in PAUSES:
        clock.move(wait)
        deliver(Listener([DOWN]), clock)
    ((_, figures),) = desk.get("/integrations").context["webhooks"]
    assert (figures.waiting, figures.retrying, figures.dead) == (0, 0, 1)


def test_the_log_shows_every_attempt_and_is_narrowed_by_its_tabs(desk: Client) -> None:
    made, _ = webhook()
    tell(1, 2, 3)
    deliver(Listener([OK, DOWN]), Clock())
    address = f"/integrations/{public_id(WEBHOOK, made.id)}"
    shown = desk.get(address).context["deliveries"]
    assert [(each.state, len(tries)) for each, tries in shown] == [
        ("PENDING", 0),
        ("PENDING", 1),
        ("DELIVERED", 1),
    ]
    (only,) = desk.get(f"{address}?view=DELIVERED").context["deliveries"]
    assert (only[0].state, [each.status for each in only[1]]) == ("DELIVERED", [200])
    assert "No delivery is dead" in desk.get(f"{address}?view=DEAD").content.decode()
    assert "busy" in desk.get(address).content.decode()


def test_one_delivery_is_told_again_with_a_reason(desk: Client) -> None:
    made, _ = webhook()
    tell(1)
    listener, clock = Listener(), Clock()
    deliver(listener, clock)
    address = f"/integrations/{public_id(WEBHOOK, made.id)}"
    button = {"delivery": public_id(DELIVERY, Delivery.objects.get().id)}

    refused = desk.post(f"{address}/replay", button)
    assert (refused.status_code, refused.context["problem"].by_field) == (422, {"reason": "Say why."})
    assert states() == [("DELIVERED", 1)]

    taken = desk.post(f"{address}/replay", {**button, "reason": "they lost it"})
    assert taken["Location"] == address
    assert states() == [("PENDING", 0)]
    told = Event.objects.get(type="webhook.replayed")
    assert (told.actor, told.reason) == ("user:ops", "they lost it")
    assert deliver(listener, clock) == 1
    assert len(listener.got) == 2


def test_a_range_of_events_is_told_again(desk: Client) -> None:
    made, _ = webhook()
    tell(1, 2, 3)
    deliver(Listener(), Clock())
    first, second, _ = Delivery.objects.order_by("event_id").values_list("event_id", flat=True)
    address = f"/integrations/{public_id(WEBHOOK, made.id)}/replay"
    desk.post(address, {"first": first, "last": second, "reason": "outage"})
    assert states() == [("PENDING", 0), ("PENDING", 0), ("DELIVERED", 1)]
    bent = desk.post(address, {"first": "x", "last": "²", "reason": ""})
    assert set(bent.context["problem"].by_field) == {"first", "last", "reason"}
    empty = desk.post(address, {"first": second, "last": first, "reason": "outage"})
    assert (empty.status_code, set(empty.context["problem"].by_field)) == (422, {"until"})


def test_an_auditor_reads_and_cannot_tell_again(sign_in: SignIn, db: None) -> None:
    made, _ = webhook()
    tell(1)
    deliver(Listener(), Clock())
    auditor = sign_in("auditor")
    address = f"/integrations/{public_id(WEBHOOK, made.id)}"
    assert "Tell again" not in auditor.get(address).content.decode()
    assert auditor.post(f"{address}/replay", {"first": 1, "last": 2, "reason": "x"}).status_code == 403
    assert states() == [("DELIVERED", 1)]


@pytest.mark.parametrize("reference", ["whk_00", "trd_11", "whk_ZZZZ"])
def test_an_unknown_webhook_is_not_found(desk: Client, reference: str) -> None:
    assert desk.get(f"/integrations/{reference}").status_code == 404
    assert (
        desk.post(f"/integrations/{reference}/replay", {"first": 1, "last": 2, "reason": "x"}).status_code
        == 404
    )


def test_what_clients_changed_and_what_was_refused_of_them_is_told(world: World, sign_in: SignIn) -> None:
    api = Api("fo")
    assert (
        api.batch([equity(), equity(quantity="7")], headers={"X-Request-ID": "two-at-once"}).status_code
        == 207
    )
    for _ in range(2):
        assert api.get("/trades/trd_1", headers={"X-Request-ID": "not-there"}).status_code == 404
    supervisor, operator = sign_in("supervisor"), sign_in("operations")
    context = supervisor.get("/integrations").context
    (call,) = context["calls"]
    assert (call.client, call.request_id, call.events) == ("fo", "two-at-once", {"trade.captured": 2})
    (refused,) = context["failures"]
    assert (refused["client"], refused["status"], refused["count"]) == ("fo", 404, 2)
    assert refused["request_id"] == "not-there"
    link = 'href="/audit?request=two-at-once"'
    assert link in supervisor.get("/integrations").content.decode()
    assert link not in operator.get("/integrations").content.decode()
