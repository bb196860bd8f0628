"""Runs of a day that is over: they find what they found, and leave what is open now as it is."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core import sql
from core.http.problem import Problem
from ledger.selectors.reconciliations import last_runs
from ledger.services.runs import ask_run
from tests.ledger.kinds.test_positions import SECURITY_ACCOUNT
from tests.ledger.reconciling import defined, figures, items, open_breaks, run
from tests.ledger.statements import listed, send
from tests.ledger.support import post
from tests.ledger.test_runs import line, send_lines
from tests.support.factories import APPLE, captured_ids, equity, world
from tests.support.records import CLERK, LATER, NOW, TODAY

TOMORROW = TODAY + timedelta(days=1)
MORNING = NOW + timedelta(days=1)  # when tomorrow's statement comes
MATCHED = {"matched_ours": 1, "matched_theirs": 1}


def hold(quantity: str, *, day=TODAY, at: datetime = NOW) -> None:
    lines = [{"account": SECURITY_ACCOUNT, "instrument": APPLE, "quantity": quantity}]
    send(listed("POSITIONS", lines, source="CUSTODIAN", day=day), now=at)


@pytest.mark.django_db(transaction=True)
def test_a_run_of_a_day_that_is_over_reads_our_side_as_it_was_known_until_the_next_statement():
    world()
    captured_ids(equity())
    post(at=NOW)
    defined("BROKER", kind="POSITIONS", source="CUSTODIAN", basis="TRADED")
    hold("100")
    assert figures(run("BROKER", now=LATER)) == MATCHED
    # What is found out before the next statement comes still counts for the day, what is found out then does not.
    captured_ids(equity(quantity="5"))
    post(at=MORNING - timedelta(hours=1))
    hold("105", day=TOMORROW, at=MORNING)
    captured_ids(equity(quantity="7"))
    post(at=MORNING + timedelta(hours=1))
    later = MORNING + timedelta(hours=2)
    assert figures(run("BROKER", now=later)) == {"differing_ours": 1, "differing_theirs": 1, "new": 1}
    before = (open_breaks(), items())
    for _ in range(2):
        again = run("BROKER", through=TODAY, now=later)
        assert (again["looks_back"], again["as_at"]) == (True, MORNING)
        assert figures(again) == {"differing_ours": 1, "differing_theirs": 1}
        found = sql.row("SELECT ours FROM ledger_run_result WHERE run_id = %s", [again["id"]])
        assert found == ([f"{SECURITY_ACCOUNT} {APPLE}"],)
    told = run("BROKER", through=TODAY, as_at=LATER, now=later)
    assert (figures(told), told["as_at"], told["looks_back"]) == (MATCHED, LATER, True)
    assert (open_breaks(), items()) == before


@pytest.mark.django_db
class TestBreaks:
    def test_of_a_later_day_are_left_as_they_are(self):
        world()
        captured_ids(equity("E-1"))
        defined()
        send_lines(line("E-1"))
        run()
        send_lines(line("E-9"), day=TOMORROW)
        assert figures(run(through=TOMORROW))["new"] == 1
        before = (open_breaks(), items())
        back = run(through=TODAY)
        assert (figures(back), back["looks_back"], back["as_at"]) == (MATCHED, True, None)
        assert (open_breaks(), items()) == before

    def test_are_carried_forward_by_the_run_of_the_last_day_however_often(self):
        world()
        captured_ids(equity("E-1"))
        defined()
        send_lines()
        assert [figures(run())[each] for each in ("new", "unchanged")] == [1, 1]
        assert [each["looks_back"] for each in last_runs().values()] == [False]


@pytest.mark.django_db
class TestAMoment:
    def test_is_refused_where_what_was_known_is_not_kept(self):
        defined()
        send_lines()
        with pytest.raises(Problem) as caught:
            ask_run(code="TRADES-FO", through=None, as_at=NOW, actor=CLERK, now=LATER)
        assert caught.value.code == "past-not-kept"

    def test_is_refused_while_it_is_still_to_come(self):
        defined("CUSTODY", kind="POSITIONS", source="CUSTODIAN")
        hold("1")
        with pytest.raises(Problem) as caught:
            ask_run(code="CUSTODY", through=None, as_at=LATER + timedelta(minutes=1), actor=CLERK, now=LATER)
        assert [each.pointer for each in caught.value.faults] == ["/as_at"]
        assert sql.rows("SELECT count(*) FROM ledger_reconciliation_run WHERE as_at IS NOT NULL") == [(0,)]
