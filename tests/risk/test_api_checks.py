"""Over the API a check is read as it is set, and set otherwise only by a proposal that a person approves."""

from __future__ import annotations

import pytest
import time_machine

from core.ids import PROPOSAL, database_id
from core.models import Proposal
from risk.checks import CHECKS
from risk.services.parameters import approve_parameters
from tests.support.api import Api, pointers, problem
from tests.support.factories import check_everything, checked, equity, world
from tests.support.records import CLERK, NOW, TODAY, person

pytestmark = pytest.mark.django_db
PRICE = "/checks/OFF_MARKET_PRICE"
NUMBERS = dict(CHECKS["OFF_MARKET_PRICE"].parameters)
SET = {**NUMBERS, "tolerance": "0.05"}
TIGHTER = {"parameters": {"tolerance": "0.05"}, "reason": "markets are calm"}


@pytest.fixture
def api():
    with time_machine.travel(NOW, tick=False):
        yield Api()


def approve(reference: str) -> None:
    proposal_id = database_id(PROPOSAL, reference)
    assert proposal_id is not None
    approve_parameters(proposal_id=proposal_id, user=person("checker"), note="", actor=CLERK, now=NOW)


def test_the_list_has_every_check_with_what_it_found_lately(api: Api):
    world()
    checked(equity(price="900"))
    items = api.get("/checks").json()["items"]
    assert {each["code"] for each in items} == set(CHECKS)
    assert [each["precedence"] for each in items] == sorted(each["precedence"] for each in items)
    (found,) = (each for each in items if each["code"] == "OFF_MARKET_PRICE")
    assert found == {
        "code": "OFF_MARKET_PRICE", "title": "Price off the market", "precedence": 50, "overridable": True,
        "fixed": False, "version": 0, "valid_from": None, "active": True, "severity": "BLOCK",
        "parameters": NUMBERS, "scope": {}, "pending_proposal": None,
        "found": {"days": 7, "findings": 1, "blocking": 1, "trades": 1},
    }  # fmt: skip


def test_one_check_tells_its_texts_and_what_its_parameters_may_be(api: Api):
    found = api.get(PRICE).json()
    assert found["fix"] == CHECKS["OFF_MARKET_PRICE"].fix
    assert {
        "name": "tolerance", "default": "0.10", "least": "0", "greatest": "100", "whole": False,
        "meaning": CHECKS["OFF_MARKET_PRICE"].meanings["tolerance"],
    } in found["parameter_declarations"]  # fmt: skip
    assert [(each["version"], each["in_force"]) for each in found["versions"]] == [(0, True)]
    assert api.get("/checks/TRADE_DATE_TOO_OLD").json()["parameter_declarations"][0]["whole"] is True


def test_an_unknown_check_is_404(api: Api):
    problem(api.get("/checks/NO_SUCH"), 404, "not-found")
    problem(api.post("/checks/NO_SUCH/parameters", TIGHTER), 404, "not-found")


def test_a_proposal_is_202_waits_and_holds_once_a_person_has_approved_it(api: Api):
    answer = api.post(f"{PRICE}/parameters", TIGHTER)
    assert answer.status_code == 202
    reference = answer.json()["proposal"]
    assert answer.json() == {"proposal": reference, "check": "OFF_MARKET_PRICE", "state": "PENDING"}
    waiting = api.get(PRICE).json()
    assert (waiting["version"], waiting["pending_proposal"]) == (0, reference)
    approve(reference)
    found = api.get(PRICE).json()
    assert (found["version"], found["parameters"], found["pending_proposal"]) == (
        1,
        SET,
        None,
    )
    assert found["versions"][0] == {
        "version": 1, "valid_from": TODAY.isoformat(), "active": True, "severity": "BLOCK",
        "parameters": SET, "scope": {}, "in_force": True, "proposal": reference,
        "maker": "front", "checker": "checker", "reason": "markets are calm",
        "approved_at": "2026-11-23T14:00:00Z",
    }  # fmt: skip


def test_the_same_request_twice_makes_one_proposal(api: Api):
    first = api.post(f"{PRICE}/parameters", TIGHTER, key="once")
    again = api.post(f"{PRICE}/parameters", TIGHTER, key="once")
    assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
    assert Proposal.objects.count() == 1


def test_another_while_one_waits_is_409(api: Api):
    api.post(f"{PRICE}/parameters", TIGHTER)
    problem(api.post(f"{PRICE}/parameters", {**TIGHTER, "severity": "WARN"}), 409, "pending-proposal")


def test_what_has_the_wrong_form_is_400_with_every_fault(api: Api):
    body = {
        "active": "yes", "severity": 3, "parameters": {"tolerance": 0.05}, "scope": {"product": "EQUITY"},
        "valid_from": "soon", "reason": 1, "zeal": True,
    }  # fmt: skip
    document = problem(api.post(f"{PRICE}/parameters", body), 400, "unreadable")
    assert pointers(document) == [
        "/active", "/parameters/tolerance", "/reason", "/scope/product", "/severity", "/valid_from", "/zeal",
    ]  # fmt: skip


@pytest.mark.parametrize("body", [b"[]", b"{", b'"x"'])
def test_what_is_no_object_is_400(api: Api, body: bytes):
    problem(api.post(f"{PRICE}/parameters", body), 400, "unreadable")


def test_what_cannot_be_set_is_422_with_every_fault(api: Api):
    body = {"parameters": {"tolerance": "-1", "zeal": "1"}, "valid_from": "2026-11-22", "reason": "why"}
    document = problem(api.post(f"{PRICE}/parameters", body), 422, "invalid")
    assert pointers(document) == ["/parameters/tolerance", "/parameters/zeal", "/valid_from"]


def test_without_a_reason_it_is_422(api: Api):
    document = problem(api.post(f"{PRICE}/parameters", {"severity": "WARN"}), 422, "invalid")
    assert pointers(document) == ["/reason"]


def test_each_method_needs_its_scope():
    reader = Api("reader", scopes=["checks:read"])
    assert reader.get(PRICE).status_code == 200
    problem(reader.post(f"{PRICE}/parameters", TIGHTER), 403, "missing-scope")
    problem(Api("writer", scopes=["checks:write"]).get(PRICE), 403, "missing-scope")


def test_a_finding_says_which_version_and_what_it_compared(api: Api):
    world()
    approve(api.post(f"{PRICE}/parameters", TIGHTER).json()["proposal"])
    made = api.trade(equity(price="200"))
    check_everything()
    (finding,) = api.get(made["Location"].removeprefix("/api/v1")).json()["findings"]
    assert finding["parameter_version"] == 1
    assert (finding["inputs"]["price"], finding["inputs"]["close"]) == ("200", "187")
    assert finding["inputs"]["parameters"] == SET
