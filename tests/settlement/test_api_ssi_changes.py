"""Over the API a change of SSIs is proposed, and only who may loads them straight away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.models import Proposal
from refdata.models import Ssi
from tests.settlement.support import BackOffice, trade_ref, validated
from tests.settlement.test_ssi_change import IBAN, NEW, OTHER
from tests.support.factories import equity, world

pytestmark = pytest.mark.django_db

ROW = {**NEW, "product": "EQUITY", "valid_from": "2026-11-20"}


@pytest.fixture
def trade() -> int:
    made = world()
    Ssi.objects.filter(party=made.broker, kind="CASH").update(account=IBAN, agent_bic="DEUTDEFF")
    (trade_id,) = validated(equity(net_amount="100.00"))
    return trade_id


def _propose(client: BackOffice, *rows: Any, **more: Any) -> Any:
    return client.post("ssi-changes", {"rows": list(rows), "reason": "because", **more})


def test_a_proposal_is_202_with_what_it_re_routes_and_stores_no_ssi(trade) -> None:
    client = BackOffice("refdata", scopes=["ssis:propose"])
    answer = _propose(client, ROW)
    document = answer.json()

    assert (answer.status_code, document["state"], document["party"]) == (202, "PENDING", "BROKER-01")
    assert document["effect"]["items"] == [
        {
            "trade": trade_ref(trade),
            "instruction": None,
            "asset_kind": "CASH",
            "asset": "USD",
            "direction": "DELIVER",
            "quantity": "100.00",
            "value_date": "2026-11-25",
            "before": f"{IBAN} DEUTDEFF",
            "after": f"{OTHER} DEUTDEFF",
        }
    ]
    assert client.get(answer["Location"].removeprefix("/api/v1/")).json() == document
    assert not Ssi.objects.filter(account=OTHER).exists()


def test_the_same_request_twice_is_one_proposal(trade) -> None:
    client = BackOffice("refdata", scopes=["ssis:propose"])
    body = {"rows": [ROW], "reason": "because"}
    first, again = (client.post("ssi-changes", body, key="once") for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert Proposal.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "pointers"),
    [
        ({}, 400, ["/reason", "/rows"]),
        ({"rows": [], "reason": "because", "party": "X"}, 400, ["/party", "/rows"]),
        ({"rows": [{**ROW, "key": "XXQ"}], "reason": "because"}, 422, ["/rows/0/key"]),
        ({"rows": ["x"], "reason": "because"}, 422, ["/rows/0/party"]),
        ({"rows": [{**ROW, "valid_from": "soon", "no": 1}], "reason": "x"}, 422, ["/rows/0/no", "/rows/0/valid_from"]),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_is_refused_with_every_fault(trade, body, status, pointers) -> None:
    answer = BackOffice("refdata", scopes=["ssis:propose"]).post("ssi-changes", body)
    assert answer.status_code == status, answer.content
    assert sorted(each["pointer"] for each in answer.json()["errors"]) == pointers
    assert not Proposal.objects.exists()


def test_a_proposal_that_cannot_be_carried_out_any_more_says_why(trade) -> None:
    client = BackOffice("refdata", scopes=["ssis:propose"])
    reference = _propose(client, ROW).json()["proposal"]
    Ssi.objects.filter(key="USD", account=IBAN).update(product="EQUITY")
    document = client.get(f"ssi-changes/{reference}").json()
    assert document["effect"] is None
    assert [each["pointer"] for each in document["refused"]["errors"]] == ["/rows/0/valid_from"]


def test_other_proposals_are_not_shown_here(trade) -> None:
    client = BackOffice("refdata", scopes=["ssis:propose"])
    assert client.get("ssi-changes/prp_000").status_code == 404
    assert client.get("ssi-changes/nothing").status_code == 404


def test_whoever_loads_reference_data_loads_no_ssi_without_the_scope_for_it(trade) -> None:
    rows = json.dumps({"items": [ROW]})
    refused = BackOffice("loader", scopes=["refdata:write"]).post("refdata/ssis", rows)
    assert (refused.status_code, refused.json()["scope"]) == (403, "ssis:load")
    assert not Ssi.objects.filter(account=OTHER).exists()

    taken = BackOffice("source", scopes=["refdata:write", "ssis:load"]).post("refdata/ssis", rows)
    assert (taken.status_code, taken.json()["created"]) == (207, 1)
