"""Fails and what they cost, over the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from core.ids import INSTRUCTION, TRADE, public_id
from settlement.services.penalise import accrue_penalties
from tests.support.api import Api
from tests.support.factories import world
from tests.support.fails import VALUE, evening, penalty_rate, sealed, told

pytestmark = pytest.mark.django_db(transaction=True)
FRIDAY = VALUE + timedelta(days=2)


@pytest.fixture
def failed() -> tuple[int, int]:
    """A purchase of which 40 of 100 shares settled and the rest failed since Wednesday; its trade and securities."""
    world()
    penalty_rate("1.0")
    trade_id, securities, _ = sealed()
    told(securities, "FAILED", VALUE, reason="CLAC")
    told(securities, "PARTIAL", VALUE + timedelta(days=1), quantity="40")
    accrue_penalties(now=evening(FRIDAY))
    return trade_id, securities


def test_penalties_are_listed_page_by_page_and_narrowed(failed: tuple[int, int]):
    api = Api("books", scopes=["settlement:read"], sources=[])
    items, cursor = [], ""
    for _ in range(2):
        page = api.get(f"/settlement-penalties?limit=1{cursor}").json()
        items += page["items"]
        cursor = f"&cursor={page['next']}"
    assert api.get(f"/settlement-penalties?limit=1{cursor}").json() == {"items": [], "next": None}
    assert [(each["day"], each["quantity"], each["amount"], each["payer"]) for each in items] == [
        ("2026-11-25", "100", "1.87", "COUNTERPARTY"),
        ("2026-11-26", "60", "1.12", "COUNTERPARTY"),
    ]
    assert (items[0]["price"], items[0]["basis_points"], items[0]["gap"]) == ("187", "1", None)
    assert items[0]["rate"] == {
        "asset_class": "EQUITY",
        "liquidity": "*",
        "currency": "*",
        "valid_from": "2020-01-01",
        "source": "CSDR",
    }
    trade_id, securities = failed
    for query, count in (
        (f"trade={public_id(TRADE, trade_id)}", 2),
        (f"instruction={public_id(INSTRUCTION, securities)}&day=2026-11-26", 1),
        ("currency=USD&payer=COUNTERPARTY", 2),
        ("payer=US", 0),
        ("gap=NO_PRICE", 0),
    ):
        assert len(api.get(f"/settlement-penalties?{query}").json()["items"]) == count, query


def test_fails_tell_their_age_reason_rest_and_cost(failed: tuple[int, int]):
    trade_id, securities = failed
    api = Api("books", scopes=["settlement:read"], sources=[])
    with time_machine.travel(evening(FRIDAY), tick=False):
        (fail,) = api.get("/settlement-fails").json()["items"]
        nothing = [
            api.get(f"/settlement-fails?{each}").json()["items"] for each in ("mover=MARKET", "channel=CASH")
        ]
        same = api.get(
            f"/settlement-fails?trade={public_id(TRADE, trade_id)}&mover=COUNTERPARTY&party=BROKER-01"
        )
    assert nothing == [[], []]
    assert same.json()["items"] == [fail]
    assert fail["instruction"] == public_id(INSTRUCTION, securities)
    assert {name: fail[name] for name in ("settlement", "reason", "mover", "remaining_quantity")} == {
        "settlement": "PARTIAL",
        "reason": "CLAC",
        "mover": "COUNTERPARTY",
        "remaining_quantity": "60",
    }
    assert (fail["age_business_days"], fail["cost"], fail["days_without_cost"]) == (2, {"USD": "2.99"}, 0)


def test_what_settled_is_no_fail_any_more(failed: tuple[int, int]):
    told(failed[1], "SETTLED", FRIDAY)
    assert Api(scopes=["settlement:read"], sources=[]).get("/settlement-fails").json()["items"] == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (
            "/settlement-penalties?instruction=x&trade=x&day=soon&currency=YEN&payer=BANK&gap=NONE",
            ["instruction", "trade", "day", "currency", "payer", "gap"],
        ),
        (
            "/settlement-fails?mover=TIME&channel=SEA&party=a%00&asset=b%00&trade=x",
            ["mover", "channel", "party", "asset", "trade"],
        ),
        ("/settlement-fails?cursor=bent", ["cursor"]),
    ],
)
def test_every_fault_of_a_filter_is_named(path: str, wrong: list[str]):
    answer = Api(scopes=["settlement:read"], sources=[]).get(path)
    assert answer.status_code == 400
    assert [each["pointer"] for each in answer.json()["errors"]] == [f"query:{name}" for name in wrong]
