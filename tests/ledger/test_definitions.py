"""What is reconciled, and how, is data that two people change."""

from __future__ import annotations

from typing import Any

import pytest

from core import four_eyes, sql
from core.http.problem import Problem
from ledger.kinds import KINDS
from ledger.selectors.reconciliations import newest_version, versions_of
from ledger.services.definitions import Terms, propose_reconciliation
from tests.ledger.reconciling import CHECKER, CODE, approved, defined, somebody, terms
from tests.support.records import CLERK, LATER, NOW

pytestmark = pytest.mark.django_db


def propose(given: Terms, *, code: str = CODE, reason: str = "because") -> int:
    return propose_reconciliation(
        code=code, terms=given, reason=reason, user=somebody("maker"), actor=CLERK, now=NOW
    )


def faults(given: Terms, **how: Any) -> list[str]:
    """Return the pointers of what is wrong with terms that are refused, of which nothing is stored."""
    with pytest.raises(Problem) as caught:
        propose(given, **how)
    assert caught.value.status == 422
    assert sql.rows("SELECT 1 FROM core_proposal") == []
    return [each.pointer for each in caught.value.faults]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_levels_that_may_be_proposed(kind: str):
    defined(kind=kind, source="SOURCE")
    found = newest_version(CODE)
    assert found is not None
    assert (found["version"], found["kind"], found["maker"], found["checker"]) == (
        1,
        kind,
        "maker",
        "checker",
    )


def test_nothing_holds_before_a_second_person_approves():
    proposal_id = propose(terms())
    assert newest_version(CODE) is None
    with pytest.raises(Problem) as caught:
        four_eyes.approve(proposal_id=proposal_id, user=somebody("maker"), note="", now=LATER, actor=CHECKER)
    assert caught.value.code == "own-proposal"
    approved(proposal_id)
    assert [each["version"] for each in versions_of(CODE)] == [1]


def test_a_change_is_the_next_version_and_saying_the_same_is_none():
    defined()
    with pytest.raises(Problem) as caught:
        propose(terms())
    assert caught.value.code == "nothing-changes"
    approved(propose(terms(window_days=9)))
    assert [(each["version"], each["window_days"]) for each in versions_of(CODE)] == [(2, 9), (1, 5)]


def test_a_reconciliation_keeps_its_kind_and_source():
    defined()
    with pytest.raises(Problem) as caught:
        propose(terms("CASH", "BANK"))
    assert [each.pointer for each in caught.value.faults] == ["/kind", "/source"]


def test_a_proposal_whose_ground_has_moved_is_refused():
    approved(propose(terms()))
    later = propose(terms(window_days=9))
    sql.run(
        "INSERT INTO ledger_reconciliation_version SELECT reconciliation_id, 2, title, kind, source, levels, 8,"
        " schedule, owner, is_active, proposal_id, approved_at FROM ledger_reconciliation_version"
    )
    with pytest.raises(Problem) as caught:
        approved(later)
    assert caught.value.code == "reconciliation-changed"


def test_every_fault_is_named():
    assert faults(
        Terms(" ", "GOLD", "a b", [], window_days=-1, schedule="25:00", owner="nobody"), code="x", reason=""
    ) == ["/code", "/title", "/source", "/window_days", "/schedule", "/owner", "/kind", "/reason"]


def test_since_when_ours_count_is_said_where_there_is_a_choice():
    assert faults(terms(basis="SETTLED")) == faults(terms("POSITIONS", basis="BOOKED")) == ["/basis"]
    defined("CUSTODY", kind="POSITIONS", source="CUSTODIAN", basis="TRADED")
    assert [each["basis"] for each in versions_of("CUSTODY")] == ["TRADED"]


def test_what_was_proposed_before_there_was_a_basis_is_approved_as_it_was_meant():
    said = {name: each for name, each in terms().content().items() if name != "basis"}
    assert Terms.read(said) == Terms.read(terms().content())


@pytest.mark.parametrize(
    ("level", "pointer"),
    [
        ("level", ""),
        ({}, "/keys"),
        ({"keys": ["colour"]}, "/keys/0"),
        ({"keys": ["source_ref"], "colour": 1}, "/colour"),
        ({"keys": ["source_ref"], "cardinality": "SOME"}, "/cardinality"),
        ({"keys": ["source_ref"], "compare": []}, "/compare"),
        ({"keys": ["source_ref"], "compare": {"source_ref": {"type": "TEXT"}}}, "/compare/source_ref"),
        ({"keys": ["source_ref"], "compare": {"price": {"type": "DAYS"}}}, "/compare/price/type"),
        (
            {"keys": ["source_ref"], "compare": {"price": {"type": "ABSOLUTE", "limit": "-1"}}},
            "/compare/price/limit",
        ),
        (
            {"keys": ["source_ref"], "compare": {"price": {"type": "ABSOLUTE", "limit": 0.1}}},
            "/compare/price/limit",
        ),
        (
            {"keys": ["source_ref"], "compare": {"trade_date": {"type": "DAYS", "limit": "0.5"}}},
            "/compare/trade_date/limit",
        ),
        (
            {"keys": ["source_ref"], "compare": {"side": {"type": "TEXT", "limit": "1"}}},
            "/compare/side/limit",
        ),
        ({"keys": ["source_ref"], "compare": {"side": {"type": "TEXT", "x": "1"}}}, "/compare/side/x"),
    ],
)
def test_a_level_that_cannot_be_is_named_by_its_place(level: Any, pointer: str):
    assert faults(terms(levels=[level])) == [f"/levels/0{pointer}"]
