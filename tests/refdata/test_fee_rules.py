"""A fee rule is made by two people, version by version, and refuses what it could not charge."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from core import sql
from core.http.problem import Problem
from core.models import Proposal
from refdata.fee_rules import (
    RuleTerms,
    newest_versions,
    pending_proposals,
    versions_of,
)
from tests.support.factories import check_everything, checked, codes_of, equity, world
from tests.support.fees import CHECKER, approve_rule, decline_rule, fee_rule, proposed_rule, terms
from tests.support.records import LATER, NOW, TODAY, person
from trades.services.release import find_held, release_queued

pytestmark = pytest.mark.django_db


def refused(**changes) -> set[tuple[str, str]]:
    with pytest.raises(Problem) as caught:
        proposed_rule(**changes)
    return {(fault.pointer, fault.code) for fault in caught.value.faults} or {("", caught.value.code)}


def test_a_rule_stands_as_two_people_have_made_it():
    world()
    fee_rule(
        rate="10.50", counterparty="BROKER-01", tiers=[("1000", "5.0")], currency="USD", maximum="100.00"
    )
    (version,) = newest_versions(on=TODAY)
    assert (version.code, version.version, version.valid_from, version.is_in_force) == (
        "COMM",
        1,
        TODAY,
        True,
    )
    assert (version.maker[:9], version.checker[:11], version.reason) == (
        "fee-maker",
        "fee-checker",
        "as agreed",
    )
    assert version.terms.content() == {
        **terms().content(),
        "rate": "10.5",
        "counterparty": "BROKER-01",
        "tiers": [{"from": "1000", "rate": "5"}],
        "currency": "USD",
        "maximum": "100",
    }
    assert RuleTerms.read(version.terms.content()) == version.terms


def test_nothing_stands_before_the_second_person():
    proposal_id = proposed_rule()
    assert newest_versions(on=TODAY) == []
    assert pending_proposals() == {"COMM": proposal_id}
    decline_rule(proposal_id=proposal_id, user=person("checker"), note="no", actor=CHECKER, now=LATER)
    assert (newest_versions(on=TODAY), pending_proposals()) == ([], {})


def test_versions_follow_each_other_and_the_one_of_the_day_is_in_force():
    fee_rule(rate="1")
    fee_rule(rate="2", valid_from=TODAY + timedelta(days=3))
    fee_rule(rate="2", is_active=False, valid_from=TODAY + timedelta(days=9))
    told = [(each.version, each.terms.rate, each.is_in_force) for each in versions_of("COMM", on=TODAY)]
    assert told == [(3, Decimal(2), False), (2, Decimal(2), False), (1, Decimal(1), True)]
    assert [each.is_in_force for each in versions_of("COMM", on=TODAY + timedelta(days=4))] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"code": "", "title": " x"}, {("/code", "missing"), ("/title", "invalid")}),
        ({"basis": "PERCENT"}, {("/basis", "unknown")}),
        ({"direction": "GIVE", "side": "LONG"}, {("/direction", "unknown"), ("/side", "unknown")}),
        ({"market": "NEW YORK"}, {("/market", "unknown")}),
        ({"currency": "USX"}, {("/currency", "unknown")}),
        ({"counterparty": "NOBODY"}, {("/counterparty", "unknown")}),
        ({"valid_from": TODAY - timedelta(days=1)}, {("/valid_from", "past")}),
        ({"rate": "-1"}, {("/rate", "range")}),
        ({"rate": "0.123456789"}, {("/rate", "range")}),
        ({"basis": "FLAT"}, {("/currency", "missing")}),
        ({"minimum": "1"}, {("/currency", "missing")}),
        ({"minimum": "2", "maximum": "1", "currency": "USD"}, {("/maximum", "range")}),
        ({"minimum": "1.5", "currency": "JPY"}, {("/minimum", "range")}),
        ({"tiers": [("5", "1"), ("5", "2")], "currency": "USD"}, {("/tiers", "range")}),
        ({"tiers": [("0", "1")], "currency": "USD"}, {("/tiers", "range")}),
        ({"tiers": [("5", "-1")]}, {("/tiers/0/rate", "range"), ("/currency", "missing")}),
        ({"tiers": [(str(n), "1") for n in range(1, 22)], "currency": "USD"}, {("/tiers", "length")}),
    ],
)  # fmt: skip
def test_what_cannot_be_charged_is_refused_with_every_fault(changes, faults):
    world()
    assert refused(**changes) == faults
    assert newest_versions(on=TODAY) == []


def test_what_changes_nothing_is_refused():
    fee_rule(rate="10")
    assert refused(rate="10.0") == {("", "nothing-changes")}


def test_a_second_proposal_for_a_rule_waits_for_the_first():
    proposed_rule(rate="1")
    assert refused(rate="2") == {("", "pending-proposal")}


def test_a_day_that_has_passed_by_the_approval_becomes_the_approvals():
    proposal_id = proposed_rule(valid_from=TODAY)
    later = NOW + timedelta(days=2)
    approve_rule(proposal_id=proposal_id, user=person("checker"), note="", actor=CHECKER, now=later)
    (version,) = versions_of("COMM", on=later.date())
    assert version.valid_from == TODAY + timedelta(days=2)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE refdata_fee_rule_version SET rate = 0",
        "DELETE FROM refdata_fee_rule_version",
        "DELETE FROM refdata_fee_rule",
        "INSERT INTO refdata_fee_rule_version SELECT nextval('refdata_fee_rule_version_id_seq'), 2, valid_from, true,"
        " title, type, product, market, currency, side, basis, 0, NULL, NULL, NULL, true, direction, 0, approved_at,"
        " party_id, rule_id FROM refdata_fee_rule_version",
    ],
)
def test_nobody_changes_a_rule_alone(statement):
    fee_rule()
    before = versions_of("COMM", on=TODAY)
    with pytest.raises(DatabaseError), transaction.atomic():
        sql.run(statement)
    assert versions_of("COMM", on=TODAY) == before
    assert Proposal.objects.count() == 1


def test_a_rule_set_right_lets_go_what_it_held():
    world()
    fee_rule(rate="10")
    trade_id = checked(equity())
    assert codes_of(trade_id) == ["FEE_MISMATCH"]
    fee_rule(rate="10", is_active=False)
    while find_held(kind="fee-rules", now=LATER):
        pass
    while release_queued(now=LATER):
        pass
    check_everything(now=LATER)
    assert codes_of(trade_id) == []
