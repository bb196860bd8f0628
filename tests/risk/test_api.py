"""Over HTTP: limits are asked and reserved before the deal, proposed by clients, and things are stopped."""

from __future__ import annotations

from typing import Any

import pytest

from core import sql
from core.clock import utc_now
from core.models import Proposal
from risk.models import Limit, Stop
from tests.support.api import Api, pointers, problem
from tests.support.factories import (
    check_everything,
    codes_of,
    limit,
    live_today,
    trade_id_of,
    unit_trade,
    used,
    world,
)

pytestmark = pytest.mark.django_db
TERMS: dict[str, Any] = {
    "code": "GROUP", "name": "Exposure to a group", "measure": "GROSS_EXPOSURE", "dimensions": ["party_group"],
    "hard": "500.50", "valid_from": "2026-01-01", "reason": "decided by the board",
}  # fmt: skip


@pytest.fixture
def api(db) -> Api:
    world(today=live_today())
    return Api()


def deal(n: int = 0, **changes: Any) -> dict[str, Any]:
    return unit_trade(n, on=live_today(), **changes)


def test_a_question_is_answered_for_each_deal_and_has_no_effect(api):
    limit(hard="150")
    answer = api.post("/limit-checks", {"items": [deal(0), deal(1)]}, key="")
    assert answer.status_code == 200
    assert [(each["index"], each["status"]) for each in answer.json()["items"]] == [
        (0, "WITHIN"),
        (1, "BREACH"),
    ]
    assert answer.json()["items"][1]["limits"][0]["after"] == "200"
    assert (used(), sql.rows("SELECT 1 FROM trades_version")) == ({}, [])


def test_every_fault_of_a_question_is_named(api):
    bent = {"items": [deal(0, quantity="many"), deal(1), {"product": "EQUITY"}], "more": 1}
    found = pointers(problem(api.post("/limit-checks", bent, key=""), 400, "unreadable"))
    assert {"/items/0/quantity", "/items/2/source", "/more"} <= set(found)
    assert pointers(problem(api.post("/limit-checks", {"items": []}, key=""), 400, "unreadable")) == [
        "/items"
    ]


def test_a_reservation_is_made_once_drawn_by_its_trade_and_then_gone(api):
    limit(hard="150")
    wanted = {"trade": deal(0), "seconds": 60}
    made = api.post("/reservations", wanted, key="once")
    again = api.post("/reservations", wanted, key="once")
    assert (made.status_code, again.json(), again["Idempotency-Replayed"]) == (201, made.json(), "true")
    reference = made.json()["id"]
    assert made["Location"] == f"/api/v1/reservations/{reference}"
    assert made.json()["limits"][0]["headroom"] == "50"
    refused = problem(api.post("/reservations", wanted), 409, "limit-exceeded")
    assert [error["code"] for error in refused["errors"]] == ["limit-exceeded"]

    captured = api.trade(deal(5, reservation=reference))
    assert captured.status_code == 201
    check_everything(now=utc_now())
    assert codes_of(trade_id_of(captured)) == []
    seen = api.get(f"/reservations/{reference}").json()
    assert (seen["status"], seen["trade"]) == ("DRAWN", captured.json()["id"])


def test_a_batch_of_trades_draws_its_reservations_too(api):
    limit(hard="7000")
    references = [api.post("/reservations", {"trade": deal(n)}).json()["id"] for n in range(2)]
    documents = [deal(n, **({"reservation": references[n]} if n < 2 else {})) for n in range(60)]
    assert api.batch(documents).status_code == 207
    check_everything(now=utc_now())
    assert sql.rows("SELECT state, count(*) FROM risk_reservation GROUP BY 1") == [("DRAWN", 2)]
    assert used() == {"BROKER-01": 6000}


def test_a_reservation_is_given_back_by_its_client(api):
    limit(hard="150")
    reference = api.post("/reservations", {"trade": deal(0)}).json()["id"]
    other = Api("other")
    problem(other.get(f"/reservations/{reference}"), 404, "not-found")
    deleted = [
        api._http.delete(
            f"/api/v1/reservations/{reference}",
            headers={"Authorization": f"Bearer {api.token}", "Idempotency-Key": key},
        ).json()
        for key in ("a", "b")
    ]
    assert deleted == [{"released": True}, {"released": False}]
    assert api.get(f"/reservations/{reference}").json()["status"] == "RELEASED"
    problem(api.get("/reservations/rsv_nothing"), 404, "not-found")


def test_a_client_reserves_only_for_its_own_sources_and_with_every_fault_told(api):
    bound = Api("bound", sources=["FO-FX"])
    told = problem(bound.post("/reservations", {"trade": deal(0), "seconds": "long"}), 400, "unreadable")
    assert pointers(told) == ["/seconds", "/trade/source"]
    assert pointers(problem(api.post("/reservations", {}), 400, "unreadable")) == ["/trade"]


def test_a_client_proposes_a_limit_which_is_not_one_before_a_person_approves(api):
    answer = api.post("/limits", TERMS)
    assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
    proposal = Proposal.objects.get()
    assert (proposal.maker_client_id, proposal.content["after"]["hard"]) == (api.client.id, "500.5")
    assert not Limit.objects.exists()
    problem(api.post("/limits", {**TERMS, "hard": "1"}), 409, "pending-proposal")
    bent = problem(
        api.post("/limits", {"dimensions": "x", "hard": 1.5, "valid_from": "soon"}), 400, "unreadable"
    )
    assert pointers(bent) == ["/code", "/dimensions", "/hard", "/measure", "/name", "/reason", "/valid_from"]
    assert pointers(problem(api.post("/limits", {**TERMS, "code": "M", "measure": "X"}), 422, "invalid")) == [
        "/measure"
    ]


def test_limits_are_listed_with_their_fullest_members(api):
    limit(hard="500", warn="50")
    api.trade(deal(0))
    check_everything(now=utc_now())
    (found,) = api.get("/limits").json()["items"]
    assert (found["code"], found["hard"], found["warn"]) == ("CPTY", "500", "50")
    assert found["members_used"] == [
        {"key": "BROKER-01", "used": "100", "reserved": "0", "reserved_down": "0"}
    ]


def test_an_excess_is_proposed_within_what_the_limit_allows(api):
    limit(hard="50", excess_max=100, excess_hours=4)
    api.trade(deal(0))
    check_everything(now=utc_now())
    wanted = {"key": "BROKER-01", "amount": "60", "hours": 2, "reason": "a large order"}
    assert api.post("/limits/CPTY/excesses", wanted).status_code == 202
    too_much = problem(
        api.post("/limits/CPTY/excesses", {**wanted, "amount": "101", "hours": 9}), 422, "invalid"
    )
    assert pointers(too_much) == ["/amount", "/hours"]
    problem(api.post("/limits/GHOST/excesses", wanted), 404, "not-found")
    assert pointers(problem(api.post("/limits/CPTY/excesses", {}), 400, "unreadable")) == [
        "/amount", "/hours", "/key", "/reason",
    ]  # fmt: skip


def test_a_stop_is_made_listed_and_proposed_to_be_lifted(api):
    wanted = {"kind": "TRADER", "key": "jdoe", "reason": "orders nobody gave"}
    made = api.post("/stops", wanted)
    assert made.status_code == 201
    problem(api.post("/stops", wanted), 409, "stopped-already")
    assert pointers(problem(api.post("/stops", {}), 400, "unreadable")) == ["/key", "/kind", "/reason"]
    assert [each["id"] for each in api.get("/stops").json()["items"]] == [made.json()["id"]]
    assert api.post(f"/stops/{made.json()['id']}/lifts", {"reason": "fixed"}).status_code == 202
    problem(api.post("/stops/stp_x/lifts", {"reason": "fixed"}), 404, "not-found")
    assert Stop.objects.get().lifted_at is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/limit-checks"), ("post", "/reservations"), ("get", "/reservations/rsv_1"), ("get", "/limits"),
        ("post", "/limits"), ("post", "/limits/X/excesses"), ("get", "/stops"), ("post", "/stops"),
        ("post", "/stops/stp_1/lifts"),
    ],
)  # fmt: skip
def test_a_client_without_the_scope_is_refused(db, method, path):
    reader = Api("reader", scopes=["trades:read"])
    answer = reader.get(path) if method == "get" else reader.post(path, {})
    assert answer.status_code == 403
