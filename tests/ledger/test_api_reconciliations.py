"""Reconciliations over the API: proposed, run and read; forced matches proposed; every example taken."""

from __future__ import annotations

from typing import Any

import pytest

from core.ids import BREAK, PROPOSAL, database_id
from ledger.api.reconciliations_schema import FORCE_EXAMPLE, TERMS_EXAMPLE
from ledger.kinds import KINDS
from tests.ledger.reconciling import approved, break_ids, defined, run, run_all
from tests.ledger.statements import listed, send
from tests.ledger.test_runs import line
from tests.support.api import Api, pointers, problem
from tests.support.factories import captured_ids, equity, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Api:
    return Api("desk")


@pytest.fixture
def broken(api: Api) -> str:
    """Leave one break of TRADES-FO; return its reference."""
    world()
    captured_ids(equity("E-1"))
    defined()
    send(listed("TRADES", [line("E-1", amount="18726")], source="FO-EQ"))
    run_all()
    (found,) = api.get("/reconciliations/TRADES-FO/breaks").json()["items"]
    return str(found["id"])


def proposal_of(answer: Any) -> int:
    assert answer.status_code == 202, answer.content
    found = database_id(PROPOSAL, answer.json()["proposal"])
    assert found is not None
    return found


def test_a_proposal_becomes_a_version_when_a_person_approves_it(api: Api):
    answer = api.post("/reconciliations/TRADES-FO-EQ", TERMS_EXAMPLE)
    problem(api.get("/reconciliations/TRADES-FO-EQ"), 404, "not-found")
    approved(proposal_of(answer))
    (version,) = api.get("/reconciliations/TRADES-FO-EQ").json()["items"]
    assert (version["version"], version["proposed_by"], version["approved_by"]) == (1, "desk", "checker")
    (listed_one,) = api.get("/reconciliations").json()["items"]
    assert listed_one["open_breaks"] == {"count": 0, "base_amount": "0", "unvalued": 0, "oldest": None}


def test_every_fault_of_a_proposal_is_named_by_its_pointer(api: Api):
    form = problem(api.post("/reconciliations/X", {"window_days": "5", "colour": 1}), 400, "unreadable")
    assert pointers(form) == ["/colour", "/kind", "/levels", "/reason", "/source", "/title", "/window_days"]
    body = {**TERMS_EXAMPLE, "levels": [{"keys": ["colour"]}], "schedule": "late"}
    assert pointers(problem(api.post("/reconciliations/X", body), 422, "invalid")) == [
        "/levels/0/keys/0",
        "/schedule",
    ]


def test_a_run_is_asked_for_done_and_read(api: Api, broken: str):
    answer = api.post("/reconciliations/TRADES-FO/runs", {"business_date": "2026-11-23"})
    assert answer.status_code == 202
    path = answer["Location"].removeprefix("/api/v1")
    assert api.get(path).json()["state"] == "WAITING"
    run_all(now=NOW)
    done = api.get(path).json()
    assert (done["state"], done["differing_ours"], done["unchanged"], done["steps"]) == ("DONE", 1, 1, [])
    runs = api.get("/reconciliations/TRADES-FO/runs", limit="1").json()
    assert ([each["id"] for each in runs["items"]], runs["next"] is None) == ([done["id"]], False)
    assert (done["looks_back"], done["as_at"]) == (False, None)


def test_a_run_is_asked_for_as_of_a_moment_that_can_be_told(api: Api, broken: str):
    path = "/reconciliations/TRADES-FO/runs"
    assert pointers(problem(api.post(path, {"as_at": "yesterday"}), 400, "unreadable")) == ["/as_at"]
    assert pointers(problem(api.post(path, {"as_at": 5}), 400, "unreadable")) == ["/as_at"]
    problem(api.post(path, {"as_at": "2026-11-22T18:00:00Z"}), 409, "past-not-kept")


def test_a_break_tells_both_sides_what_differs_and_what_happened(api: Api, broken: str):
    found = api.get(f"/breaks/{broken}").json()
    assert (found["outcome"], found["amount"], found["unit"], found["base_amount"]) == (
        "DIFFERENT",
        "1",
        "USD",
        "0.92",
    )
    assert found["differences"] == [{"field": "amount", "ours": "18725", "theirs": "18726", "tolerance": "0"}]
    assert [each["step"] for each in found["steps"]] == ["NEW"]


def test_a_forced_match_closes_the_break_once_it_is_approved(api: Api, broken: str):
    answer = api.post("/forced-matches", {**FORCE_EXAMPLE, "breaks": [broken]})
    approved(proposal_of(answer), now=NOW)
    assert api.get("/reconciliations/TRADES-FO/breaks").json()["items"] == []
    (closed,) = api.get("/reconciliations/TRADES-FO/breaks", open="false").json()["items"]
    assert (closed["id"], closed["closing"]) == (broken, "FORCED")
    run()
    assert database_id(BREAK, broken) in break_ids()


def test_what_a_forced_match_does_not_say_is_named(api: Api, broken: str):
    assert pointers(problem(api.post("/forced-matches", {}), 400, "unreadable")) == [
        "/breaks",
        "/reason",
        "/until",
    ]
    bent = {**FORCE_EXAMPLE, "breaks": ["brk_1"], "difference_max": 5.5}
    assert pointers(problem(api.post("/forced-matches", bent), 400, "unreadable")) == [
        "/breaks/0",
        "/difference_max",
    ]


@pytest.mark.parametrize(
    "path",
    ["/reconciliations/X", "/reconciliations/X/runs", "/reconciliations/X/breaks", "/reconciliation-runs/X",
     "/breaks/X", "/statements/X"],
)  # fmt: skip
def test_what_there_is_not_is_not_found(api: Api, path: str):
    problem(api.get(path), 404, "not-found")


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_every_kind_is_taken(api: Api, kind: str):
    path = f"/statements?kind={kind}&source=SOURCE&business_date={NOW.date()}"
    assert api.post(path, {"lines": [dict(KINDS[kind].example)]}).status_code == 201
