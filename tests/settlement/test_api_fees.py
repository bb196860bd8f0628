"""Fee rules are proposed over the API, and what deals are charged is read by whoever books it."""

from __future__ import annotations

import pytest

from core.ids import PROPOSAL, TRADE, database_id, public_id
from refdata.fee_rules_api import EXAMPLE
from tests.support.api import Api, pointers
from tests.support.factories import checked, equity, world
from tests.support.fees import CHECKER, approve_rule, fee_rule
from tests.support.records import CLERK, LATER, NOW, TODAY, person
from trades.services.change import Change
from trades.services.single_change import change_trade


@pytest.fixture
def api(db: None) -> Api:
    world()
    return Api(sources=[])


def test_a_proposed_rule_is_read_once_a_person_has_approved_it(api: Api):
    answer = api.post("/fee-rules/UK-STAMP/versions", EXAMPLE)
    told = answer.json()
    assert (answer.status_code, told["rule"], told["state"]) == (202, "UK-STAMP", "PENDING")
    assert api.get("/fee-rules").json()["items"] == []
    proposal_id = database_id(PROPOSAL, told["proposal"])
    approve_rule(proposal_id=proposal_id, user=person("checker"), note="", actor=CHECKER, now=NOW)
    (rule,) = api.get("/fee-rules").json()["items"]
    assert rule == {
        **EXAMPLE,
        "code": "UK-STAMP",
        "version": 1,
        "in_force": True,
        "valid_from": TODAY.isoformat(),
        "counterparty": "",
        "currency": "*",
        "tiers": [],
        "minimum": None,
        "maximum": None,
        "active": True,
        "proposal": told["proposal"],
        "proposed_by": rule["proposed_by"],
        "approved_by": "checker",
        "approved_at": rule["approved_at"],
    }
    assert api.get("/fee-rules/UK-STAMP").json()["items"] == [rule]
    assert api.get("/fee-rules/NONE").status_code == 404


def test_a_proposal_that_is_repeated_is_one(api: Api):
    first, second = (api.post("/fee-rules/UK-STAMP/versions", EXAMPLE, key="once") for _ in range(2))
    assert first.json() == second.json()


@pytest.mark.parametrize(
    ("changes", "status", "wrong"),
    [
        ({"rate": 0.5}, 400, ["/rate"]),
        ({"rate": None, "stated": "yes", "colour": "red"}, 400, ["/colour", "/rate", "/stated"]),
        ({"tiers": [5]}, 400, ["/tiers/0"]),
        ({"tiers": [{"from": "x", "rat": "1"}]}, 400, ["/tiers/0/from", "/tiers/0/rat", "/tiers/0/rate"]),
        ({"market": "LONDON", "reason": " "}, 422, ["/market", "/reason"]),
    ],
)
def test_every_fault_of_a_proposal_is_named(api: Api, changes, status, wrong):
    answer = api.post("/fee-rules/UK-STAMP/versions", {**EXAMPLE, **changes})
    assert (answer.status_code, pointers(answer.json())) == (status, wrong)
    assert api.get("/fee-rules").json()["items"] == []


@pytest.mark.django_db(transaction=True)
def test_charges_and_their_reversals_are_listed_page_by_page():
    world()
    api = Api("books", scopes=["settlement:read"], sources=[])
    fee_rule("LEVY", type="LEVY", rate="10", is_stated=False)
    one, other = (
        checked(equity("A", quantity="100", price="187")),
        checked(equity("B", quantity="10", price="187")),
    )
    change_trade(change=Change("CANCEL", one, "off"), actor=CLERK, now=LATER)
    items, cursor = [], ""
    for _ in range(3):
        told = api.get(f"/fee-accruals?limit=1{cursor}").json()
        items += told["items"]
        cursor = f"&cursor={told['next']}"
    short = [(each["trade"], each["amount"], each["reverses"]) for each in items]
    first = public_id(TRADE, one)
    assert short == [
        (first, "-18.70", None),
        (public_id(TRADE, other), "-1.87", None),
        (first, "18.70", items[0]["id"]),
    ]
    assert (items[0]["rule"], items[0]["rule_version"], items[0]["stated"]) == ("LEVY", 1, False)
    assert len(api.get(f"/fee-accruals?trade={first}").json()["items"]) == 2
    assert api.get("/fee-accruals?trade=trd_x").status_code == 400
