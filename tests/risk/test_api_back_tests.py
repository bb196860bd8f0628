"""Over the API a back-test is started, followed, read and stopped."""

from __future__ import annotations

import pytest
import time_machine

from risk.checks import CHECKS
from risk.services.back_test import advance_back_tests
from tests.support.api import Api, pointers, problem
from tests.support.factories import captured_ids, check_everything, equity, world
from tests.support.records import NOW, all_written

pytestmark = pytest.mark.django_db
NUMBERS = dict(CHECKS["OFF_MARKET_PRICE"].parameters)
ASKED = {"check": "OFF_MARKET_PRICE", "parameters": {"tolerance": "0.05"}, "days": 7}


@pytest.fixture
def api():
    with time_machine.travel(NOW, tick=False):
        world()
        captured_ids(*[equity(price=price, quantity="100") for price in ("187", "200", "300")])
        check_everything()
        yield Api()


def path_of(answer) -> str:
    return answer["Location"].removeprefix("/api/v1")


def finish() -> None:
    while advance_back_tests(now=NOW):
        pass


def test_it_is_started_with_202_and_tells_its_figures_once_it_is_done(api: Api):
    answer = api.post("/back-tests", ASKED)
    assert answer.status_code == 202
    waiting = api.get(path_of(answer)).json()
    assert waiting == answer.json()
    assert (waiting["state"], waiting["progress"], waiting["finished_at"]) == ("WAITING", "0", None)
    finish()
    done = api.get(path_of(answer)).json()
    assert done == {
        "id": answer.json()["id"], "check": "OFF_MARKET_PRICE", "proposal": None, "days": 7, "state": "DONE",
        "asked_by": "client:front", "asked_at": "2026-11-23T14:00:00Z", "finished_at": "2026-11-23T14:00:00Z",
        "progress": "1",
        "before": {
            "version": 0, "active": True, "severity": "BLOCK", "parameters": NUMBERS, "scope": {},
        },
        "after": {"active": True, "severity": "BLOCK", "parameters": {**NUMBERS, "tolerance": "0.05"}, "scope": {}},
        "result": {
            "currency": "EUR", "trades": 3, "changed": 1, "named": 1, "unmeasured": 0,
            "newly_failing": {"trades": 1, "amount": "18400.00"},
            "newly_passing": {"trades": 0, "amount": "0.00"},
            "newly_held": {"trades": 1, "amount": "18400.00"},
            "no_longer_held": {"trades": 0, "amount": "0.00"},
            "straight_through": {
                "before": 2, "after": 1, "rate_before": "0.666667", "rate_after": "0.333333",
            },
        },
    }  # fmt: skip


def test_the_trades_of_another_outcome_are_listed_in_pages(api: Api):
    where = path_of(api.post("/back-tests", {**ASKED, "parameters": {"tolerance": "0"}}))
    finish()
    whole = api.get(f"{where}/trades").json()["items"]
    assert [(each["before"], each["after"], each["base_amount"]) for each in whole] == [
        ("PASS", "BLOCK", "18400.00")
    ]
    first = api.get(f"{where}/trades", limit=1).json()
    rest = api.get(f"{where}/trades", limit=1, cursor=first["next"]).json()
    assert (first["items"], rest) == (whole, {"items": [], "next": None})


def test_a_client_bound_to_sources_sees_no_trades_of_others(api: Api):
    where = path_of(api.post("/back-tests", ASKED))
    bound = Api("bound", sources=["FO-EQ"])
    problem(bound.get(f"{where}/trades"), 403, "bound-to-sources")


def test_it_can_be_of_a_proposal(api: Api):
    reference = api.post(
        "/checks/OFF_MARKET_PRICE/parameters", {"parameters": {"tolerance": "0.05"}, "reason": "calm"}
    ).json()["proposal"]
    answer = api.post("/back-tests", {"proposal": reference})
    finish()
    done = api.get(path_of(answer)).json()
    assert (done["proposal"], done["days"], done["result"]["changed"]) == (reference, 30, 1)


def test_it_is_stopped_and_only_once(api: Api):
    where = path_of(api.post("/back-tests", ASKED))
    answer = api.post(f"{where}/cancellation", b"", key="stop")
    assert (answer.status_code, answer.json()["state"]) == (200, "CANCELLED")
    assert api.post(f"{where}/cancellation", b"", key="stop").content == answer.content
    problem(api.post(f"{where}/cancellation", b""), 409, "back-test-ended")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["/check"]),
        ({"check": 1, "days": "7", "zeal": 1}, ["/check", "/days", "/zeal"]),
        ({"proposal": "prp_00", "check": "X", "severity": "WARN"}, ["/check", "/proposal", "/severity"]),
        ({"check": "OFF_MARKET_PRICE", "days": True}, ["/days"]),
    ],
)
def test_what_has_the_wrong_form_is_400_with_every_fault(api: Api, body, wrong):
    assert pointers(problem(api.post("/back-tests", body), 400, "unreadable")) == wrong


def test_what_cannot_be_tried_is_422_or_404_and_changes_nothing(api: Api):
    before = all_written()
    assert pointers(problem(api.post("/back-tests", {**ASKED, "days": 0}), 422, "invalid")) == ["/days"]
    faulty = {**ASKED, "parameters": {"tolerance": "-1"}}
    assert pointers(problem(api.post("/back-tests", faulty), 422, "invalid")) == ["/parameters/tolerance"]
    problem(api.post("/back-tests", {"check": "NO_SUCH"}), 404, "not-found")
    problem(api.post("/back-tests", {"check": "OFF_MARKET_PRICE"}), 409, "nothing-changes")
    for path in ("/back-tests/bkt_00", "/back-tests/bkt_55", "/back-tests/x/trades"):
        problem(api.get(path), 404, "not-found")
    assert all_written() == before


def test_each_method_needs_its_scope(api: Api):
    where = path_of(api.post("/back-tests", ASKED))
    reader = Api("reader", scopes=["checks:read"])
    assert reader.get(where).status_code == 200
    problem(reader.post("/back-tests", ASKED), 403, "missing-scope")
    problem(reader.post(f"{where}/cancellation", b""), 403, "missing-scope")
    problem(Api("other", scopes=["trades:read"]).get(where), 403, "missing-scope")
