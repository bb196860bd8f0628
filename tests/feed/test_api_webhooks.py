"""Webhooks over the API: a client sees its own, and every fault is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.http import HttpResponse
from django.test import Client as HttpClient

from core import sql
from core.http.cursor import encode_cursor
from core.ids import DELIVERY, WEBHOOK, public_id
from core.models import Event
from feed.models import Delivery, Webhook
from feed.selectors import last_event_id
from tests.feed.support import DOWN, URL, Clock, Listener, deliver, signature, tell
from tests.support.api import Api, pointers, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(db: None) -> Api:
    return Api("listener", scopes=["webhooks:write"], sources=[])


def patch(api: Api, path: str, body: Any, **headers: str) -> HttpResponse:
    return HttpClient().patch(
        f"/api/v1{path}",
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {api.token}", "Idempotency-Key": "change-1", **headers},
    )


def made(api: Api, **changes: Any) -> dict[str, Any]:
    answer = api.post("/webhooks", {"url": URL, "types": ["thing.*"], **changes})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_webhook_is_set_up_with_a_secret_that_is_shown_once(api: Api) -> None:
    answer = api.post("/webhooks", {"url": URL, "types": ["trade.held", "thing.*", "thing.*"]}, key="once")
    document = answer.json()
    stored = Webhook.objects.get()
    assert answer.status_code == 201
    assert document["secret"].startswith("whsec_")
    assert (document["id"], document["types"]) == (public_id(WEBHOOK, stored.id), ["thing.*", "trade.held"])
    assert answer["Location"] == f"/api/v1/webhooks/{document['id']}"
    read = api.get(f"/webhooks/{document['id']}")
    assert read.json() == {name: value for name, value in document.items() if name != "secret"}
    assert (read["ETag"], answer["ETag"]) == ('"1"', '"1"')
    assert api.get("/webhooks").json() == {"items": [read.json()], "next": None}
    # The same request again is the same webhook.
    again = api.post("/webhooks", {"url": URL, "types": ["trade.held", "thing.*", "thing.*"]}, key="once")
    assert (again.json(), Webhook.objects.count()) == (document, 1)


def test_a_secret_is_stored_in_no_answer_and_still_shown_by_a_repeat(api: Api) -> None:
    shown = api.post("/webhooks", {"url": URL}, key="made")
    path = f"/webhooks/{shown.json()['id']}/secrets"
    rotated = [api.post(path, {"overlap_seconds": 60}, key=f"rotated-{n}") for n in range(2)]
    secrets = [answer.json()["secret"] for answer in (shown, *rotated)]
    assert len(set(secrets)) == 3
    stored = sql.rows("SELECT k::text || convert_from(k.body, 'UTF8') FROM core_idempotency_key k")
    assert (len(stored), [text for (text,) in stored if "whsec_" in text]) == (3, [])
    again = [
        api.post("/webhooks", {"url": URL}, key="made"),
        *(api.post(path, {"overlap_seconds": 60}, key=f"rotated-{n}") for n in range(2)),
    ]
    assert [answer.content for answer in again] == [answer.content for answer in (shown, *rotated)]
    assert [answer["Idempotency-Replayed"] for answer in again] == ["true"] * 3
    assert Webhook.objects.get().secret_version == 3


def test_answers_that_hold_a_secret_are_rewritten_and_can_be_put_back(api: Api) -> None:
    shown = api.post("/webhooks", {"url": URL}, key="made")
    path = f"/webhooks/{shown.json()['id']}/secrets"
    rotated = api.post(path, {"overlap_seconds": 60}, key="rotated")
    migration = import_module("feed.migrations.0120_no_secret_in_answers")

    def bodies() -> list[bytes]:
        return [bytes(body) for (body,) in sql.rows("SELECT body FROM core_idempotency_key ORDER BY key")]

    def run(step: Callable[..., None]) -> list[bytes]:
        with connection.schema_editor() as editor:
            step(apps, editor)
        return bodies()

    stored = bodies()
    assert run(migration._put_back) == [shown.content, rotated.content]
    assert run(migration._leave_out) == stored


def test_the_shown_secret_verifies_what_is_sent(api: Api) -> None:
    secret = made(api)["secret"]
    tell(1)
    listener = Listener()
    assert deliver(listener, Clock()) == 1
    headers, body = listener.got[0]
    assert headers["webhook-signature"] == signature(secret, headers, body)


def test_a_webhook_may_begin_anywhere_in_the_feed(api: Api) -> None:
    tell(1, 2)
    first = Event.objects.filter(subject="thing").earliest("id")
    made(api, after=encode_cursor((first.id, 0, 0)))
    listener = Listener()
    deliver(listener, Clock())
    assert listener.subjects() == [public_id("thing", 2)]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["/url"]),
        ({"url": 5, "types": "x", "after": 1, "more": 1}, ["/after", "/more", "/types", "/url"]),
        ({"url": "http://listener.example/"}, ["/url"]),
        ({"url": "https://me:secret@listener.example/#part"}, ["/url"]),
        ({"url": "https://127.0.0.1/"}, ["/url"]),
        ({"url": "https://[::1]/"}, ["/url"]),
        ({"url": "https://localhost/"}, ["/url"]),
        ({"url": "https://listener.example:70000/"}, ["/url"]),
        ({"url": "ftp:x", "types": ["trade", "thing.*"]}, ["/types/0", "/url", "/url"]),
        ({"url": URL, "after": "bent"}, ["/after"]),
        ([], [""]),
        (b"{", [""]),
    ],
)
def test_every_fault_is_named_and_nothing_is_stored(api: Api, body: Any, where: list[str]) -> None:
    assert pointers(problem(api.post("/webhooks", body), 400, "unreadable")) == where
    assert not Webhook.objects.exists()


def test_an_operator_may_allow_private_addresses(api: Api, settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    assert made(api, url="http://127.0.0.1:9000/events")["url"] == "http://127.0.0.1:9000/events"


def test_a_client_has_a_bounded_number_of_webhooks(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feed.services.webhooks.MAX_WEBHOOKS", 1)
    made(api)
    problem(api.post("/webhooks", {"url": URL}), 409, "too-many-webhooks")
    assert Webhook.objects.count() == 1


def test_a_change_needs_the_etag_that_was_seen(api: Api) -> None:
    path = f"/webhooks/{made(api)['id']}"
    problem(patch(api, path, {"active": False}), 428, "if-match-missing")
    stale = patch(api, path, {"active": False}, **{"If-Match": '"7"'})
    problem(stale, 412, "stale-revision")
    assert stale["ETag"] == '"1"'
    assert Webhook.objects.get().is_active
    answer = patch(api, path, {"active": False, "types": ["trade.*"]}, **{"If-Match": '"1"'})
    assert (answer.json()["active"], answer.json()["types"], answer["ETag"]) == (False, ["trade.*"], '"2"')
    told = Event.objects.get(type="webhook.changed")
    assert (told.actor, told.version) == ("client:listener", 2)


def test_another_clients_webhook_is_as_if_it_were_not_there(api: Api) -> None:
    path = f"/webhooks/{made(api)['id']}"
    other = Api("other", scopes=["webhooks:write"])
    assert other.get("/webhooks").json()["items"] == []
    problem(other.get(path), 404, "not-found")
    problem(other.get(f"{path}/deliveries"), 404, "not-found")
    problem(other.post(f"{path}/secrets", {}), 404, "not-found")
    problem(
        other.post(f"{path}/replays", {"delivery": public_id(DELIVERY, 1), "reason": "x"}), 404, "not-found"
    )
    problem(patch(other, path, {"active": False}, **{"If-Match": '"1"'}), 404, "not-found")
    assert Webhook.objects.get().is_active


def test_the_log_tells_every_attempt(api: Api) -> None:
    path = f"/webhooks/{made(api)['id']}"
    tell(1)
    deliver(Listener([DOWN]), Clock())
    (item,) = api.get(f"{path}/deliveries").json()["items"]
    assert (item["state"], item["attempts"], item["finished_at"]) == ("PENDING", 1, None)
    assert item["next_at"] == "2026-11-23T14:00:05Z"
    assert item["log"] == [
        {"at": "2026-11-23T14:00:00Z", "status": 503, "latency_ms": 9, "excerpt": "busy", "error": ""}
    ]
    assert api.get(f"{path}/deliveries", state="DEAD").json()["items"] == []
    assert pointers(problem(api.get(f"{path}/deliveries", state="LOST"), 400, "unreadable")) == [
        "query:state"
    ]


def test_the_log_is_read_page_by_page(api: Api) -> None:
    path = f"/webhooks/{made(api)['id']}"
    tell(1, 2, 3)
    deliver(Listener(), Clock())
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(f"{path}/deliveries", limit=2, **({"cursor": cursor} if cursor else {})).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next"]
    assert seen == [public_id(DELIVERY, each.id) for each in Delivery.objects.order_by("-id")]


def test_a_replay_is_one_delivery_or_a_range_with_a_reason(api: Api) -> None:
    path = f"/webhooks/{made(api)['id']}/replays"
    start = last_event_id()
    tell(1, 2)
    deliver(Listener(), Clock())
    last = Event.objects.latest("id").id
    one = {"delivery": public_id(DELIVERY, Delivery.objects.latest("id").id), "reason": "lost"}
    assert (api.post(path, one).status_code, api.post(path, one).json()) == (202, {"deliveries": 1})
    whole = {"after": encode_cursor((start, 0, 0)), "until": encode_cursor((last, 0, 0)), "reason": "outage"}
    assert api.post(path, whole).json() == {"deliveries": 2}
    for body, where in (
        ({"reason": "x"}, ["/after", "/until"]),
        ({"delivery": "dlv_00"}, ["/delivery", "/reason"]),
        ({**whole, **one}, ["/delivery"]),
    ):
        assert pointers(problem(api.post(path, body), 400, "unreadable")) == where
    long = {**whole, "until": encode_cursor((start + 60_000, 0, 0))}
    assert pointers(problem(api.post(path, long), 422, "bent-range")) == ["/until"]
    problem(api.post(path, {**one, "delivery": public_id(DELIVERY, 99_999)}), 404, "not-found")


def test_a_new_secret_is_shown_once_with_the_end_of_the_overlap(api: Api) -> None:
    first = made(api)
    path = f"/webhooks/{first['id']}/secrets"
    answer = api.post(path, {"overlap_seconds": 0})
    assert answer.status_code == 201
    assert answer.json()["secret"] not in {"", first["secret"]}
    assert answer.json()["revision"] == 2
    assert pointers(problem(api.post(path, {"overlap_seconds": 604_801}), 400, "unreadable")) == [
        "/overlap_seconds"
    ]
    assert Event.objects.filter(type="webhook.secret_rotated").count() == 1


def test_webhooks_need_their_scope() -> None:
    reader = Api("reader", scopes=["events:read"])
    problem(reader.get("/webhooks"), 403, "missing-scope")
    problem(reader.post("/webhooks", {"url": URL}), 403, "missing-scope")
