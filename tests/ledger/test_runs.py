"""Runs compare both sides, account for every line of either, and carry what is left forward as breaks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.http.problem import Problem
from ledger.services.runs import ask_due_runs, ask_run
from tests.ledger.reconciling import (
    CODE,
    break_ids,
    defined,
    figures,
    items,
    open_breaks,
    run,
    run_all,
)
from tests.ledger.statements import listed, send
from tests.support.factories import captured_ids, equity, world
from tests.support.records import CLERK, LATER, NOW, TODAY, race

pytestmark = pytest.mark.django_db


def line(ref: str, **changes: str) -> dict[str, str]:
    """Return the line that agrees with `equity(ref)`: 100 at 187.25 in dollars."""
    return {
        "source_ref": ref,
        "side": "BUY",
        "instrument": "US0378331005",
        "quantity": "100",
        "price": "187.25",
        "currency": "USD",
        "amount": "18725.00",
        **changes,
    }


def send_lines(*lines: dict[str, str], **how: Any) -> None:
    send(listed("TRADES", lines, source="FO-EQ", **how))


@pytest.fixture
def three() -> list[int]:
    """Capture E-1, E-2 and E-3, and have a reconciliation with the front office's list."""
    world()
    made = captured_ids(equity("E-1"), equity("E-2"), equity("E-3"))
    defined()
    return made


def test_both_sides_that_agree_leave_no_break(three: list[int]):
    send_lines(line("E-1"), line("E-2"), line("E-3"))
    assert figures(run()) == {"matched_ours": 3, "matched_theirs": 3}
    assert (open_breaks(), items()) == ([], [])


def test_each_way_of_not_agreeing_is_a_break_with_its_money_and_whose_move_it_is(three: list[int]):
    send_lines(line("E-1", amount="18726.00"), line("E-2"), line("E-9", currency="EUR", amount="5"))
    assert figures(run()) == {
        "matched_ours": 1, "matched_theirs": 1, "differing_ours": 1, "differing_theirs": 1,
        "unmatched_ours": 1, "unmatched_theirs": 1, "new": 3,
    }  # fmt: skip
    found = [(outcome, fields) for _, outcome, fields in open_breaks()]
    assert found == [("DIFFERENT", ["amount"]), ("OURS", []), ("THEIRS", [])]
    # A dollar is 0.92 euro: what the amounts differ by, and all of what only one side has.
    assert items() == [
        (["TRADES_DIFFERENT"], Decimal("0.92"), "OPERATIONS"),
        (["TRADES_OURS"], Decimal("17227.00"), "OPERATIONS"),
        (["TRADES_THEIRS"], Decimal("5"), "OPERATIONS"),
    ]


def test_what_comes_near_is_told_with_what_keeps_it_away(three: list[int]):
    send_lines(line("E-1"), line("E-2"), line("E-33"))
    run()
    near = sql.rows("SELECT outcome, near FROM ledger_break ORDER BY outcome")
    (own, misses), (other, _) = ((outcome, sql.json_value(told)) for outcome, told in near)
    assert (own, other) == ("OURS", "THEIRS")
    assert misses[0]["id"] == "2026-11-23|E-33"
    assert [each["field"] for each in misses[0]["differences"]] == ["source_ref"]


def test_what_is_left_carries_forward_from_run_to_run(three: list[int]):
    send_lines(line("E-1", amount="1"), line("E-2", amount="2"))
    assert figures(run())["new"] == 3
    assert figures(run())["unchanged"] == 3
    send_lines(line("E-1", amount="1"), line("E-2", amount="3"), line("E-3"))
    assert {name: count for name, count in figures(run()).items() if name in ("unchanged", "changed", "cleared")} == {
        "unchanged": 1, "changed": 1, "cleared": 1,
    }  # fmt: skip
    steps = sql.rows("SELECT step, count(*) FROM ledger_break_step GROUP BY step ORDER BY step")
    assert steps == [("CHANGED", 1), ("CLEARED", 1), ("NEW", 3)]
    assert len(items()) == 2


def test_a_break_clears_by_itself_and_comes_back_as_the_same_one(three: list[int]):
    send_lines(line("E-1", amount="1"), line("E-2"), line("E-3"))
    run()
    send_lines(line("E-1"), line("E-2"), line("E-3"))
    assert figures(run())["cleared"] == 1
    closed = sql.rows("SELECT resolution FROM trades_exception WHERE kind = 'BREAK'")
    assert (items(), closed) == ([], [("Both sides agree.",)])
    send_lines(line("E-1", amount="1"), line("E-2"), line("E-3"), line("E-1", amount="1"))
    assert figures(run())["new"] == 2
    assert sql.rows("SELECT reopened_because, closing FROM ledger_break WHERE key LIKE 'O|%%'") == [
        ("The sides do not agree any more.", "")
    ]
    assert len(break_ids()) == 2


def test_a_cancelled_trade_is_no_longer_ours(three: list[int]):
    send_lines(line("E-1"), line("E-2"))
    assert figures(run())["new"] == 1
    sql.run("UPDATE trades_state SET state = 8 WHERE trade_id = %s", [three[2]])
    from trades.lifecycle import State

    assert State.CANCELLED.value == 8
    assert figures(run())["cleared"] == 1


def test_days_of_which_no_list_has_come_are_not_ours_to_miss(three: list[int]):
    yesterday = TODAY - timedelta(days=1)
    send_lines(day=yesterday)
    assert figures(run(through=yesterday)) == {}


def test_a_line_matches_a_trade_of_another_day_of_the_window(three: list[int]):
    send_lines(line("E-1"), line("E-2"))
    run()
    tomorrow = TODAY + timedelta(days=1)
    send_lines(line("E-3"), day=tomorrow)
    assert figures(run(through=tomorrow)) == {"matched_ours": 3, "matched_theirs": 3, "cleared": 1}


def test_what_is_open_is_looked_at_however_long_ago_it_was(three: list[int]):
    send_lines(line("E-1"), line("E-2"))
    run()
    later = TODAY + timedelta(days=30)
    send(listed("TRADES", [line("E-3")], source="FO-EQ", day=later), now=NOW + timedelta(days=30))
    assert figures(run(through=later)) == {"matched_ours": 3, "matched_theirs": 3, "cleared": 1}


def test_a_run_without_a_statement_fails_and_says_so(three: list[int]):
    with pytest.raises(Problem) as caught:
        run()
    assert caught.value.code == "no-statement"
    send_lines()
    found = run(through=TODAY + timedelta(days=1))
    assert (found["state"], found["failure"]) == ("FAILED", "No statement of 2026-11-24 has come.")


def test_a_statement_asks_for_the_run_that_goes_with_it_once(three: list[int]):
    send_lines(line("E-1"), line("E-2"), line("E-3"))
    send_lines(line("E-1"), line("E-2"), line("E-3"))
    assert sql.rows("SELECT state FROM ledger_reconciliation_run") == [("WAITING",)]
    run_all()
    assert sql.rows("SELECT state, matched_ours FROM ledger_reconciliation_run") == [("DONE", 3)]


def test_a_run_with_a_time_of_the_day_is_asked_for_once_a_day():
    defined(schedule="18:30")
    send_lines()
    at = datetime(2026, 11, 23, 18, 29, tzinfo=UTC)
    told = []
    for minutes in (-60, 0, 61, 62, 1440, 1501, 1502):
        now = at + timedelta(minutes=minutes)
        told.append(len(ask_due_runs(actor=CLERK, now=now)))
        run_all(now=now)
    assert told == [0, 0, 1, 0, 0, 1, 0]


def test_a_run_that_is_done_stays_as_it_is(three: list[int]):
    from ledger.services.runs import reconcile

    send_lines(line("E-1"))
    done = run()
    assert reconcile(run_id=done["id"], actor=CLERK, now=LATER + timedelta(hours=1)) == done


def test_breaks_are_the_work_of_the_team_that_the_reconciliation_names():
    world()
    team = Group.objects.create(name="Trade support")
    captured_ids(equity("E-1"))
    defined(owner="Trade support")
    send_lines()
    run()
    assert sql.rows("SELECT team_id FROM trades_exception") == [(team.id,)]


def test_what_matched_is_kept_with_its_lines(three: list[int]):
    send_lines(line("E-1"), line("E-2"))
    run()
    kept = sql.rows(
        "SELECT outcome, level, cardinality(ours), cardinality(theirs) FROM ledger_run_result ORDER BY id"
    )
    assert kept == [("MATCHED", 0, 2, 2), ("OURS", None, 1, 0)]


@pytest.mark.django_db(transaction=True)
def test_runs_of_one_reconciliation_at_once_come_to_the_same():
    world()
    captured_ids(equity("E-1"), equity("E-2"))
    defined()
    send_lines(line("E-1"))
    found = race(*[run] * 3)
    assert {each["state"] for each in found} == {"DONE"}
    assert len(break_ids()) == 1
    assert sql.rows("SELECT count(*) FROM trades_exception WHERE closed_at IS NULL") == [(1,)]


# --- in whatever order


def outcome_of(order: tuple[int, ...]) -> Any:
    """Send the files of two days and their corrections in an order, each with its run; return what is open."""
    tomorrow = TODAY + timedelta(days=1)
    files = (
        listed("TRADES", [line("E-1", amount="1")], source="FO-EQ", revision=1),
        listed("TRADES", [line("E-1"), line("E-2", amount="7")], source="FO-EQ", revision=2),
        listed("TRADES", [line("E-9", amount="1")], source="FO-EQ", day=tomorrow, revision=1),
        listed("TRADES", [line("E-3"), line("E-9")], source="FO-EQ", day=tomorrow, revision=2),
    )
    with transaction.atomic():
        for number in order:
            send(files[number])
            run_all()
        found = (open_breaks(), sorted(items()))
        transaction.set_rollback(True)
    return found


def test_any_order_of_statements_and_corrections_ends_in_the_same_breaks(three: list[int]):
    expected = outcome_of((0, 1, 2, 3))
    assert [(outcome, fields) for _, outcome, fields in expected[0]] == [
        ("DIFFERENT", ["amount"]),
        ("THEIRS", []),
    ]
    for order in permutations(range(4)):
        assert outcome_of(order) == expected, order


REFS = st.sampled_from(["E-1", "E-2", "E-3", "E-4"])
LINES = st.lists(
    st.builds(line, REFS, amount=st.sampled_from(["18725.00", "1"]), quantity=st.sampled_from(["100", "99"])),
    max_size=6,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES)
def test_matched_and_breaks_account_for_every_line_of_both_sides(
    three: list[int], lines: list[dict[str, str]]
):
    with transaction.atomic():
        send_lines(*lines)
        found = run()
        figures(found)  # asserts the sums
        assert (found["ours"], found["theirs"]) == (3, len(lines))
        kept = sql.row(
            "SELECT sum(cardinality(ours)), sum(cardinality(theirs)) FROM ledger_run_result WHERE run_id = %s",
            [found["id"]],
        )
        assert kept == (3, len(lines))
        open_now = sql.row(
            "SELECT coalesce(sum(jsonb_array_length(ours)), 0), coalesce(sum(jsonb_array_length(theirs)), 0)"
            " FROM ledger_break WHERE closed_at IS NULL"
        )
        assert open_now == (3 - found["matched_ours"], len(lines) - found["matched_theirs"])
        transaction.set_rollback(True)


def test_nobody_runs_what_there_is_not_or_is_not_active():
    with pytest.raises(Problem) as caught:
        ask_run(code="NOTHING", through=None, actor=CLERK, now=NOW)
    assert caught.value.status == 404
    defined(CODE, is_active=False)
    with pytest.raises(Problem) as caught:
        ask_run(code=CODE, through=None, actor=CLERK, now=NOW)
    assert caught.value.code == "inactive"
