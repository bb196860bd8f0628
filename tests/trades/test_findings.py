"""Findings are stored and closed set-based, and cost nothing when there are none."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from tests.support.records import LATER, NOW
from trades.models import Finding
from trades.services.findings import (
    CLEARED,
    MOOT,
    OVERRIDDEN,
    NewFinding,
    add_findings,
    clear_findings,
    close_findings,
)

pytestmark = pytest.mark.django_db


def _new(trade_id: int, code: str = "A") -> NewFinding:
    return NewFinding(trade_id, 3, code, "BLOCK", 'l"1', "it's {wrong}, \\ 100 %", "1,5", "NULL")


def test_findings_are_stored_whole_and_in_their_order() -> None:
    add_findings(findings=[_new(7), _new(5, "B"), NewFinding(5, 3, "A", "WARN")], at=NOW)
    assert list(
        Finding.objects.order_by("id").values_list(
            "trade_id", "version", "code", "severity", "subject", "message", "expected", "actual",
            "found_at", "closed_at", "closing",
        )
    ) == [
        (7, 3, "A", "BLOCK", 'l"1', "it's {wrong}, \\ 100 %", "1,5", "NULL", NOW, None, ""),
        (5, 3, "B", "BLOCK", 'l"1', "it's {wrong}, \\ 100 %", "1,5", "NULL", NOW, None, ""),
        (5, 3, "A", "WARN", "", "", "", "", NOW, None, ""),
    ]  # fmt: skip


def test_closing_touches_only_what_is_open_of_the_trades_and_codes() -> None:
    add_findings(findings=[_new(1), _new(1, "B"), _new(2), _new(3)], at=NOW)
    assert clear_findings(trade_ids=[1, 2], closing=OVERRIDDEN, at=NOW, codes=["A"]) == 2
    assert clear_findings(trade_ids=[1, 2], closing=CLEARED, at=LATER) == 1
    assert clear_findings(trade_ids=[1, 2], closing=MOOT, at=LATER) == 0
    found = Finding.objects.order_by("id").values_list("closing", "closed_at")
    assert list(found) == [("OVERRIDDEN", NOW), ("CLEARED", LATER), ("OVERRIDDEN", NOW), ("", None)]


def test_certain_findings_are_closed_by_id() -> None:
    add_findings(findings=[_new(1), _new(1)], at=NOW)
    first, second = Finding.objects.order_by("id").values_list("id", flat=True)
    assert close_findings(finding_ids=[second], closing=OVERRIDDEN, at=LATER) == 1
    assert close_findings(finding_ids=[second], closing=MOOT, at=LATER) == 0
    assert list(Finding.objects.filter(closed_at=None).values_list("id", flat=True)) == [first]


def test_nothing_to_do_asks_the_database_nothing(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        add_findings(findings=[], at=NOW)
        assert clear_findings(trade_ids=[], closing=CLEARED, at=NOW) == 0
        assert clear_findings(trade_ids=[1], closing=CLEARED, at=NOW, codes=[]) == 0
        assert close_findings(finding_ids=[], closing=CLEARED, at=NOW) == 0


def test_any_number_is_one_statement(django_assert_num_queries) -> None:
    with django_assert_num_queries(2):
        add_findings(findings=[_new(n) for n in range(500)], at=NOW)
        assert clear_findings(trade_ids=list(range(500)), closing=CLEARED, at=NOW) == 500


def test_the_database_refuses_to_forget_a_finding() -> None:
    add_findings(findings=[_new(1)], at=NOW)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Finding.objects.all().delete()
    assert Finding.objects.count() == 1
