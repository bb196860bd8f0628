"""Every example in the API's description runs: what a reader copies from it is taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from core.audit import system
from middleoffice.documentation import SCHEMA
from refdata.demo import load_demo_refdata
from settlement.api.calendar_changes import read_change
from settlement.api.invoices import read_credit
from settlement.api.reading import (
    read_acknowledgement,
    read_hold,
    read_lease,
    read_next_claim,
    read_reason,
    read_recall_answer,
    read_reports,
)
from tests.support.api import Api
from tests.support.factories import check_everything
from tests.support.records import NOW, TODAY

# Parties first: what other kinds refer to must be there.
REFERENCE_DATA = (
    "parties", "instruments", "books", "ssis", "holidays", "close-prices", "fx-rates", "mandates", "watch-lists",
    "agreements", "netting-agreements", "settlement-cycles", "cut-offs", "billing-terms",
    "penalty-rates", "maximum-sizes",
)  # fmt: skip


def examples(path: str) -> Iterator[Any]:
    """Yield the example bodies of a POST as the committed description has them."""
    operation = json.loads(SCHEMA.read_text())["paths"][f"/api/v1{path}"]["post"]
    for content in operation["requestBody"]["content"].values():
        yield from (example["value"] for example in content.get("examples", {}).values())


@pytest.fixture
def demo(db) -> Iterator[Api]:
    """Give a client of a product that has the demo's reference data, on the day of the examples."""
    with time_machine.travel(NOW, tick=True):
        load_demo_refdata(today=TODAY, actor=system("demo"), now=NOW)
        yield Api(sources=[])


def test_every_example_trade_passes_the_checks_on_the_demo(demo: Api):
    bodies = list(examples("/trades"))
    assert len(bodies) >= 4
    answers = [demo.trade(body) for body in bodies]
    assert {answer.status_code for answer in answers} == {201}
    check_everything()
    read = [demo.get(answer["Location"].removeprefix("/api/v1")).json() for answer in answers]
    assert [(each["status"], each["findings"]) for each in read] == [("VALIDATED", [])] * len(bodies)


def test_every_example_of_a_bulk_load_makes_its_trades(demo: Api):
    for body in examples("/trade-batches"):
        assert {item["status"] for item in demo.batch(body["items"]).json()["items"]} == {201}


def test_every_example_of_reference_data_loads(demo: Api):
    by_kind = list(examples("/refdata/{kind}"))
    assert len(by_kind) == len(REFERENCE_DATA)
    for kind in REFERENCE_DATA:
        results = [demo.post(f"/refdata/{kind}", body) for body in by_kind]
        taken = [answer for answer in results if all(item["status"] < 400 for item in answer.json()["items"])]
        assert len(taken) == 1, f"{kind}: {[answer.json() for answer in results]}"


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/settlement-batches/{reference}/claims", read_lease),
        ("/settlement-claims", read_next_claim),
        ("/settlement-recalls/{reference}/answers", read_recall_answer),
        ("/settlement-instructions/{reference}/recalls", read_reason),
        ("/settlement-holds", read_hold),
        ("/calendar-changes", read_change),
        ("/settlement-holds/{reference}/releases", read_reason),
        ("/settlement-claims/{reference}/extensions", read_lease),
        ("/settlement-batches/{reference}/acknowledgements", read_acknowledgement),
        ("/settlement-status-reports", read_reports),
        ("/invoices/{reference}/credits", read_credit),
    ],
)
def test_every_example_of_the_back_office_can_be_read(path, read):
    bodies = list(examples(path))
    assert bodies
    for body in bodies:
        assert read(json.dumps(body).encode())


def test_the_example_of_a_confirmation_is_matched_with_the_example_of_its_trade(demo: Api):
    (share,) = (each for each in examples("/trades") if each["source_ref"] == "E-1001")
    assert demo.trade(share).status_code == 201
    (body,) = examples("/confirmations")
    (item,) = demo.post("/confirmations", body).json()["items"]
    assert (item["status"], item["stands"], item["differences"]) == (201, "MATCHED", [])


def test_the_example_of_a_confirmation_policy_waits_for_a_second_person(demo: Api):
    (body,) = examples("/confirmation-policies")
    assert demo.post("/confirmation-policies", body).json()["status"] == "PENDING"
