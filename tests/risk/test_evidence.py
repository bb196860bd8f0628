"""The evidence of a trade tells how the checks were set that found something, by whom and why."""

from __future__ import annotations

import pytest

from risk.services.parameters import Draft, approve_parameters, propose_parameters
from tests.support.factories import checked, equity, world
from tests.support.packs import lines_of, unpack
from tests.support.records import CLERK, LATER, NOW, person
from trades.evidence import evidence_of_trade

pytestmark = pytest.mark.django_db


def test_of_a_trade_found_by_a_set_check_has_the_version_and_what_was_compared(tmp_path):
    world()
    proposal_id = propose_parameters(
        code="OFF_MARKET_PRICE",
        draft=Draft(parameters={"tolerance": "0.05"}),
        reason="calm markets",
        user=person("ann"),
        actor=CLERK,
        now=NOW,
    )
    approve_parameters(proposal_id=proposal_id, user=person("bob"), note="", actor=CLERK, now=NOW)
    trade_id = checked(equity(price="200", counterparty="NOBODY"))
    folder = unpack(evidence_of_trade(trade_id, actor=CLERK, now=LATER), tmp_path)
    found = {each["code"]: each for each in lines_of(folder, "findings.jsonl")}
    assert {code: each["parameter_version"] for code, each in found.items()} == {
        "UNKNOWN_PARTY": 0,
        "OFF_MARKET_PRICE": 1,
    }
    assert found["OFF_MARKET_PRICE"]["inputs"]["parameters"]["tolerance"] == "0.05"
    (setting,) = lines_of(folder, "check_settings.jsonl")
    told = (setting["code"], setting["version"], setting["parameters"]["tolerance"])
    assert told == ("OFF_MARKET_PRICE", 1, "0.05")
    assert (setting["maker"], setting["checker"], setting["reason"]) == ("ann", "bob", "calm markets")
