"""A check is set by the newest approved version whose day has come, and what it finds says by which."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql, work
from core.audit import Actor
from core.http.problem import Problem
from core.models import Proposal
from risk.checks import CHECKS
from risk.checks._composition import DIMENSIONS
from risk.checks._settings import SCOPE_DIMENSIONS, declared, is_fixed
from risk.services import parameters
from risk.services.check import check_captured, preview
from risk.services.parameters import (
    Draft,
    approve_parameters,
    content_setting,
    decline_parameters,
    newest_setting,
    propose_parameters,
    setting_content,
    settings_in_force,
)
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    equity,
    findings_of,
    fx,
    goods,
    swap,
    world,
)
from tests.support.records import LATER, NOW, TODAY, person, race, state_of
from trades.lifecycle import State
from trades.services.recheck import recheck_trades

MAKER = Actor("user:maker", "req-2")
CHECKER = Actor("user:checker", "req-3")
PRICE = "OFF_MARKET_PRICE"
NUMBERS = dict(CHECKS[PRICE].parameters)
_people = itertools.count(1)


def propose(code: str = PRICE, *, at=NOW, reason: str = "markets moved", **draft) -> int:
    user = person(f"maker{next(_people)}")
    return propose_parameters(code=code, draft=Draft(**draft), reason=reason, user=user, actor=MAKER, now=at)


def approve(proposal_id: int, *, at=NOW) -> Proposal:
    user = person(f"checker{proposal_id}")
    return approve_parameters(proposal_id=proposal_id, user=user, note="", actor=CHECKER, now=at)


def set_check(code: str = PRICE, *, at=NOW, **draft) -> Proposal:
    """Set a check otherwise, as two people do."""
    return approve(propose(code, at=at, **draft), at=at)


def refused(**draft) -> list[tuple[str, str]]:
    with pytest.raises(Problem) as caught:
        propose(**draft)
    return [(fault.pointer, fault.code) for fault in caught.value.faults] or [("", caught.value.code)]


def seen(trade_id: int) -> list[tuple[object, ...]]:
    return sql.rows(
        "SELECT code, severity, parameter_version, inputs->'parameters'->>'tolerance' FROM trades_finding"
        " WHERE trade_id = %s AND closed_at IS NULL ORDER BY id",
        [trade_id],
    )


def test_what_checks_are_narrowed_by_are_columns_of_the_batch():
    assert set(SCOPE_DIMENSIONS) <= set(DIMENSIONS)


@pytest.mark.parametrize("code", sorted(CHECKS))
def test_a_declaration_says_what_its_parameters_mean_and_may_be_and_nothing_of_others(code):
    check = CHECKS[code]
    assert set(check.meanings) <= set(check.parameters)
    for name, (least, greatest) in check.bounds.items():
        assert Decimal(least) <= Decimal(check.parameters[name]) <= Decimal(greatest)


@pytest.mark.django_db
class TestWithoutVersions:
    def test_every_check_is_set_as_it_declares(self):
        found = settings_in_force(on=TODAY)
        assert list(found) == list(CHECKS)
        assert found[PRICE].version == 0
        assert found[PRICE] == declared(CHECKS[PRICE])

    def test_a_finding_says_version_0_and_what_was_compared(self):
        world()
        trade_id = checked(equity(price="900"))
        ((version, stored),) = sql.rows(
            "SELECT parameter_version, inputs FROM trades_finding WHERE trade_id = %s", [trade_id]
        )
        inputs = sql.json_value(stored)
        assert (version, inputs.pop("parameters")) == (0, NUMBERS)
        compared = {"price": "900", "close": "187", "currency": "USD", "price_tolerance": None}
        assert compared.items() <= inputs.items()


@pytest.mark.django_db
class TestAnApprovedVersion:
    def test_holds_from_the_moment_of_its_approval(self):
        world()
        assert codes_of(checked(equity(price="200"))) == []
        set_check(parameters={"tolerance": "0.05"})
        trade_id = checked(equity(price="200", quantity="50"))
        assert seen(trade_id) == [(PRICE, "BLOCK", 1, "0.05")]
        assert state_of(trade_id)[0] == State.EXCEPTION

    def test_of_a_later_day_waits_for_it(self):
        world()
        set_check(parameters={"tolerance": "0.05"}, valid_from=TODAY + timedelta(days=1))
        assert codes_of(checked(equity(price="200"))) == []
        tomorrow = NOW + timedelta(days=1)
        assert seen(checked(equity(price="200", quantity="50"), now=tomorrow)) == [
            (PRICE, "BLOCK", 1, "0.05")
        ]

    def test_approved_after_its_day_holds_from_the_approval_so_that_the_past_stays(self):
        proposal_id = propose(parameters={"tolerance": "0.05"}, valid_from=TODAY)
        approve(proposal_id, at=NOW + timedelta(days=3))
        assert settings_in_force(on=TODAY + timedelta(days=2))[PRICE].version == 0
        assert settings_in_force(on=TODAY + timedelta(days=3))[PRICE].version == 1

    def test_of_a_lower_severity_never_holds(self):
        world()
        set_check(severity="WARN")
        warned = checked(equity(price="900"))
        assert (state_of(warned)[0], seen(warned)) == (State.VALIDATED, [(PRICE, "WARN", 1, "0.10")])
        set_check(severity="INFO")
        noted = checked(equity(price="900", quantity="50"))
        assert (state_of(noted)[0], seen(noted)) == (State.VALIDATED, [(PRICE, "INFO", 2, "0.10")])

    def test_of_a_higher_severity_holds(self):
        world()
        set_check("TRADE_DATE_TOO_OLD", severity="BLOCK", parameters={"days": "5"})
        trade_id = checked(equity(on=date(2026, 11, 16)))
        assert state_of(trade_id)[0] == State.EXCEPTION
        told = findings_of(trade_id)[0]
        assert (told["expected"], told["message"]) == (
            "within 5 days",
            "The trade date 2026-11-16 is not within 5 days of today.",
        )

    def test_that_is_off_finds_nothing_and_clears_what_was_found_when_checked_again(self):
        world()
        held = checked(equity(price="900"))
        set_check(is_active=False)
        assert codes_of(checked(equity(price="900", quantity="50"))) == []
        assert codes_of(held) == [PRICE]
        recheck_trades(trade_ids=[held], reason="switched off", actor=MAKER, now=LATER)
        check_everything(now=LATER)
        assert (codes_of(held), state_of(held)[0]) == ([], State.VALIDATED)

    def test_leaves_every_other_finding_to_be_told_at_once(self):
        world()
        set_check(severity="INFO")
        trade_id = checked(equity(price="900", counterparty="NOBODY", book="NOWHERE"))
        assert codes_of(trade_id) == ["UNKNOWN_PARTY", "UNKNOWN_BOOK", PRICE]

    def test_is_told_in_the_log_once(self):
        proposal = set_check(parameters={"tolerance": "0.05"})
        told = sql.rows(
            "SELECT version, actor, reason, data->>'proposal_id', data->'parameters'->>'tolerance'"
            " FROM core_event WHERE type = 'check.set'"
        )
        assert told == [(1, "user:checker", "markets moved", str(proposal.id), "0.05")]


@pytest.mark.django_db
class TestAScope:
    def test_narrows_a_condition_to_trades_of_every_dimension_it_names(self):
        world()
        set_check(scope={"product": ["EQUITY"], "source": ["FO-EQ"], "book": ["BOOK-1"]})
        assert codes_of(checked(equity(price="900"))) == [PRICE]
        assert codes_of(checked(equity(price="900", quantity="50", source="FO-OTHER"))) == []

    def test_narrows_rows_as_well(self):
        world()
        set_check("NOT_BUSINESS_DAY", scope={"product": ["GOODS"]})
        saturday = {"settlement_date": "2026-11-28"}
        assert codes_of(checked(equity(**saturday))) == []
        assert codes_of(checked(goods(**saturday))) == ["NOT_BUSINESS_DAY"]

    def test_of_an_unresolved_reference_is_not_met(self):
        world()
        set_check(scope={"counterparty": ["BROKER-01"]})
        assert codes_of(checked(equity(price="900", counterparty="NOBODY"))) == ["UNKNOWN_PARTY"]
        assert codes_of(checked(equity(price="900", quantity="50"))) == [PRICE]

    def test_says_nothing_of_trades_beside_it_in_the_batch(self):
        world()
        set_check(scope={"trader": ["asmith"]})
        inside, outside, _ = captured_ids(
            equity(price="900", trader="asmith"), equity(price="900", quantity="50"), fx()
        )
        check_everything()
        assert (codes_of(inside), codes_of(outside)) == ([PRICE], [])


@pytest.mark.django_db
class TestAProposal:
    def test_changes_nothing_until_it_is_approved(self):
        propose(parameters={"tolerance": "0.05"})
        assert settings_in_force(on=TODAY)[PRICE].version == 0
        assert not sql.row("SELECT 1 FROM risk_check_parameters")

    def test_leaves_what_it_does_not_name_as_the_newest_version_has_it(self):
        set_check(severity="WARN")
        set_check(parameters={"tolerance": "0.2"})
        assert setting_content(newest_setting(PRICE)) == {
            "active": True, "severity": "WARN", "parameters": {**NUMBERS, "tolerance": "0.2"}, "scope": {},
        }  # fmt: skip

    def test_names_every_fault_at_once(self):
        assert refused(
            severity="FATAL",
            parameters={"tolerance": "much", "zeal": "1"},
            scope={"moon": ["full"], "product": ["SHIP"], "book": []},
            valid_from=TODAY - timedelta(days=1),
        ) == [
            ("/parameters/tolerance", "type"),
            ("/parameters/zeal", "unknown"),
            ("/severity", "unknown"),
            ("/valid_from", "past"),
            ("/scope/moon", "unknown"),
            ("/scope/product/0", "unknown"),
            ("/scope/book", "length"),
        ]
        assert not Proposal.objects.exists()

    @pytest.mark.parametrize(
        ("days", "why"),
        [("1.5", "type"), ("-1", "range"), ("1e3", "type"), ("NaN", "type"), ("40000", "range")],
    )
    def test_of_a_number_that_its_rule_cannot_take_is_refused(self, days, why):
        assert refused(code="TRADE_DATE_TOO_OLD", parameters={"days": days}) == [("/parameters/days", why)]

    def test_that_the_database_could_not_compute_with_is_refused_before_it_stops_the_checks(
        self, monkeypatch
    ):
        monkeypatch.setitem(CHECKS["TRADE_DATE_TOO_OLD"].bounds, "days", ("0", "9999999999"))  # type: ignore[index]
        assert refused(code="TRADE_DATE_TOO_OLD", parameters={"days": "9999999999"}) == [
            ("/parameters", "range")
        ]

    def test_of_what_it_is_already_is_refused(self):
        assert refused(parameters={"tolerance": "0.100"}) == [("", "nothing-changes")]

    def test_of_an_unknown_check_is_404(self):
        assert refused(code="NO_SUCH") == [("", "not-found")]

    def test_beside_one_that_waits_is_refused(self):
        propose(parameters={"tolerance": "0.05"})
        assert refused(parameters={"tolerance": "0.06"}) == [("", "pending-proposal")]

    def test_is_not_approved_by_its_maker(self):
        proposal_id = propose(parameters={"tolerance": "0.05"})
        maker = Proposal.objects.get().maker
        with pytest.raises(Problem) as caught:
            approve_parameters(proposal_id=proposal_id, user=maker, note="", actor=MAKER, now=NOW)
        assert caught.value.code == "own-proposal"
        assert settings_in_force(on=TODAY)[PRICE].version == 0

    def test_that_is_declined_sets_nothing(self):
        proposal_id = propose(parameters={"tolerance": "0.05"})
        decline_parameters(
            proposal_id=proposal_id, user=person("checker"), note="too tight", actor=CHECKER, now=NOW
        )
        assert settings_in_force(on=TODAY)[PRICE].version == 0

    @pytest.mark.parametrize("code", sorted(code for code, check in CHECKS.items() if is_fixed(check)))
    def test_never_lets_through_what_nobody_may_accept(self, code):
        wanted = {"is_active": False, "severity": "WARN", "scope": {"product": ["EQUITY"]}}
        assert refused(code=code, **wanted) == [
            ("/active", "fixed"),
            ("/severity", "fixed"),
            ("/scope", "fixed"),
        ]


@pytest.mark.django_db
class TestTheDatabase:
    def test_takes_no_version_without_an_approved_proposal(self):
        proposal_id = propose(parameters={"tolerance": "0.05"})
        insert = (
            "INSERT INTO risk_check_parameters (check_id, version, valid_from, is_active, severity, parameters, scope,"
            " proposal_id, approved_at) SELECT id, 1, %s, true, 'BLOCK', '{}', '{}', %s, %s FROM risk_check"
        )
        with pytest.raises(DatabaseError, match="needs an approved proposal"), transaction.atomic():
            sql.run(insert, [TODAY, proposal_id, NOW])

    @pytest.mark.parametrize(
        "change", ["UPDATE risk_check_parameters SET severity = 'INFO'", "DELETE FROM risk_check_parameters"]
    )
    def test_changes_no_version(self, change):
        set_check(parameters={"tolerance": "0.05"})
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            sql.run(change)


@pytest.mark.django_db(transaction=True)
def test_two_who_approve_at_once_make_one_version():
    proposal_id = propose(parameters={"tolerance": "0.05"})
    people = [person("one"), person("two")]
    results = race(
        *[
            lambda each=each: approve_parameters(
                proposal_id=proposal_id, user=each, note="", actor=CHECKER, now=NOW
            )
            for each in people
        ]
    )
    assert sorted(type(each).__name__ for each in results) == ["Problem", "Proposal"]
    assert sql.rows("SELECT version FROM risk_check_parameters") == [(1,)]


@pytest.mark.django_db
def test_parameters_are_read_again_only_when_a_version_was_added(django_assert_num_queries):
    settings_in_force(on=TODAY)
    with django_assert_num_queries(1):
        settings_in_force(on=TODAY)
    set_check(parameters={"tolerance": "0.05"})
    with django_assert_num_queries(2):
        assert settings_in_force(on=TODAY)[PRICE].version == 1


@pytest.mark.django_db
def test_a_preview_is_by_the_parameters_in_force():
    world()
    set_check(parameters={"tolerance": "0.05"})
    (trade_id,) = captured_ids(equity(price="200"))
    (found,) = preview([trade_id], NOW)
    assert (found["code"], found["parameter_version"], found["inputs"]["parameters"]["tolerance"]) == (
        PRICE,
        1,
        "0.05",
    )


_STEPS = st.lists(
    st.tuples(
        st.integers(0, 6),  # the day of the approval, after the one before
        st.integers(0, 12),  # the day it is to hold from, after the proposal
        st.sampled_from(["0.01", "0.02", "0.03", "0.04"]),
    ),
    max_size=6,
)


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_at_any_moment_the_newest_approved_version_whose_day_has_come_is_in_force(steps):
    """Whatever is approved when, each day finds what the plain rule says, asked on that day or long after."""

    with transaction.atomic():
        versions: list[tuple[date, str]] = []
        at = NOW
        for wait, ahead, tolerance in steps:
            proposed = at.date() + timedelta(days=ahead)
            with suppress(Problem):  # what it is already
                proposal_id = propose(at=at, parameters={"tolerance": tolerance}, valid_from=proposed)
                at += timedelta(days=wait)
                approve(proposal_id, at=at)
                versions.append((max(proposed, at.date()), tolerance))
        for day in (TODAY + timedelta(days=n) for n in range(50)):
            due = [(n, tolerance) for n, (since, tolerance) in enumerate(versions, 1) if since <= day]
            found = settings_in_force(on=day)[PRICE]
            assert (found.version, found.parameters["tolerance"]) == (due[-1] if due else (0, "0.10"))
        transaction.set_rollback(True)


def test_what_a_setting_says_comes_back_from_its_content():
    setting = declared(CHECKS[PRICE])
    again = content_setting(PRICE, setting_content(setting), version=7)
    assert setting_content(again) == setting_content(setting)
    assert again.version == 7


@pytest.mark.django_db
def test_a_change_between_two_claims_counts_from_the_second():
    world()
    first, second = captured_ids(equity(price="200"), equity(price="200", quantity="50"))
    sql.run("DELETE FROM core_work")
    work.enqueue("risk.check", [first])
    work.enqueue("risk.check", [second])
    check_captured(now=NOW, limit=1)
    set_check(parameters={"tolerance": "0.05"})
    check_captured(now=NOW, limit=1)
    assert (codes_of(first), codes_of(second)) == ([], [PRICE])


@pytest.mark.django_db
def test_a_check_that_is_declared_off_finds_nothing_until_two_people_switch_it_on(monkeypatch):
    monkeypatch.setitem(CHECKS._all(), PRICE, replace(CHECKS[PRICE], active=False))
    monkeypatch.setattr(parameters, "_kept", parameters._Kept(None, date.min, {}))  # and again after the test
    world()
    assert codes_of(checked(equity(price="900"))) == []
    set_check(is_active=True)
    assert seen(checked(equity(price="900", quantity="50"))) == [(PRICE, "BLOCK", 1, "0.10")]


@pytest.mark.django_db
def test_each_of_several_findings_shows_what_its_own_rule_compared():
    world()
    far = {"bought": {"currency": "USD", "amount": "1300000.00"}}
    trade_id = checked(swap(far=far, counterparty="NOBODY", trade_date="2027-01-04"))
    found = {
        code: sql.json_value(inputs)
        for code, inputs in sql.rows(
            "SELECT code, inputs FROM trades_finding WHERE trade_id = %s AND code = ANY(%s)",
            [trade_id, ["FAR_LEG_MISMATCH", "UNKNOWN_PARTY", "TRADE_DATE_IN_FUTURE"]],
        )
    }
    assert found == {
        "UNKNOWN_PARTY": {"counterparty_id": None},
        "TRADE_DATE_IN_FUTURE": {
            "trade_date": "2027-01-04",
            "today": "2026-11-23",
            "parameters": {"days": "1"},
        },
        "FAR_LEG_MISMATCH": {
            "product": "FX_SWAP",
            "terms.far.rate": "1.0875",
            "terms.far.rate_basis": "BOUGHT_PER_SOLD",
            "terms.far.bought_amount": "1300000.00",
            "terms.far.sold_amount": "1000000.00",
            "parameters": {"fx_tolerance": "0.00001"},
        },
    }
