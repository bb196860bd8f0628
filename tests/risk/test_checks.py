"""Every check by its declaration: complete, composed into one statement, all failures told at once."""

from __future__ import annotations

import re
from datetime import date

import pytest

from core import sql
from risk.checks import CHECKS
from risk.checks._composition import bound_to, composed_statement, parameters
from risk.services.check import preview
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    equity,
    findings_of,
    fx,
    goods,
    states,
    world,
)
from tests.support.records import NOW, state_of
from trades.lifecycle import State


@pytest.mark.parametrize("code", sorted(CHECKS))
class TestEveryCheck:
    def test_has_all_of_its_texts(self, code):
        check = CHECKS[code]
        for text in (check.title, check.message, check.fix, check.example):
            assert text == text.strip() != ""
        assert check.message.endswith(".")
        assert check.fix.endswith(".")
        assert bool(check.condition) != bool(check.rows)
        assert check.severity in {"BLOCK", "WARN", "INFO"}

    def test_says_only_what_it_has_in_its_message(self, code):
        words = set(re.findall(r"{(\w*)}", CHECKS[code].message))
        assert words <= {"subject", "expected", "actual"}

    def test_uses_every_parameter_it_declares(self, code):
        check = CHECKS[code]
        statement = " ".join([check.condition, check.rows, check.subject, check.expected, check.actual])
        for name in check.parameters:
            assert f"{{{name}}}" in statement
            assert f"%({code.lower()}_{name})s" in composed_statement(())
            assert parameters()[f"{code.lower()}_{name}"] == check.parameters[name]


def test_no_two_checks_have_the_same_precedence():
    assert len({check.precedence for check in CHECKS.values()}) == len(CHECKS)


def test_there_are_fewer_flagged_checks_than_bits_in_their_mask():
    assert sum(bool(check.condition) for check in CHECKS.values()) <= 62


@pytest.mark.django_db
class TestATradeWithManyFaults:
    BAD = equity(
        instrument="US0378331006", counterparty="NOBODY", book="NOWHERE", currency="XYZ", quantity="-1",
        price="0", gross_amount="5", net_amount="9", trade_date="2027-01-04", settlement_date="2026-11-21",
    )  # fmt: skip

    ALL = [
        "UNKNOWN_PARTY", "UNKNOWN_BOOK", "UNKNOWN_INSTRUMENT", "BAD_IDENTIFIER", "UNKNOWN_CURRENCY",
        "AMOUNT_MISMATCH", "NET_MISMATCH", "NON_POSITIVE", "SETTLES_BEFORE_TRADE", "NOT_BUSINESS_DAY",
        "TRADE_DATE_IN_FUTURE", "NO_FX_RATE",
    ]  # fmt: skip

    def test_is_told_all_of_them_at_once_the_most_fundamental_first(self):
        world()
        trade_id = checked(self.BAD)
        assert codes_of(trade_id) == self.ALL
        assert state_of(trade_id) == (State.EXCEPTION, 1)

    def test_is_told_the_same_in_a_crowd_and_nobody_else_is(self):
        world()
        crowd = [equity(quantity=str(n + 1)) for n in range(60)]
        trade_id, *others = captured_ids(self.BAD, *crowd, fx(), goods())
        check_everything()
        assert codes_of(trade_id) == self.ALL
        assert [codes_of(other) for other in others] == [[]] * 62
        assert states() == {"EXCEPTION": 1, "VALIDATED": 62}


@pytest.mark.django_db
def test_a_preview_changes_nothing():
    world()
    (trade_id,) = captured_ids(equity(counterparty="NOBODY"))
    assert [each["code"] for each in preview([trade_id], NOW)] == ["UNKNOWN_PARTY"]
    assert findings_of(trade_id, also_closed=True) == []
    assert state_of(trade_id) == (State.CAPTURED, 1)


@pytest.mark.django_db
def test_a_batch_of_any_size_is_checked_by_one_statement(django_assert_num_queries):
    world()
    ids = captured_ids(*[equity(quantity=str(n + 1)) for n in range(80)])
    preview(ids, NOW)  # from then on the parameters are known and the statement is planned
    # lock, limits kept, stamp of the parameters, all checks by the kept plan, which is put away; reservations named
    with django_assert_num_queries(6):
        assert preview(ids, NOW) == []


@pytest.mark.django_db
def test_the_composed_statement_reads_the_batch_from_one_scan():
    world()
    bound = bound_to([(1, 1, None, None)], today=date(2026, 11, 23))
    plan = "\n".join(line for (line,) in sql.rows(f"EXPLAIN {composed_statement(())}", bound))
    assert len(re.findall(r"(?m)^\s+CTE batch$", plan)) == 1
