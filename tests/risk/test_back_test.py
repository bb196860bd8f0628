"""A back-test says what really checking again would, counts it once, and changes no record."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql, work
from core.audit import Actor
from core.http.problem import Problem
from core.models import Proposal
from risk.models import BackTest, BackTestTrade
from risk.services import back_test
from risk.services.back_test import (
    NAMED_DAYS,
    advance_back_tests,
    affected_trades,
    cancel_back_test,
    find_back_test,
    forget_named_trades,
    share_done,
    start_back_test,
)
from risk.services.parameters import Draft, approve_parameters, propose_parameters
from risk.tasks import back_test as back_test_task
from tests.support.factories import captured_ids, check_everything, codes_of, equity, fx, states, world
from tests.support.records import CLERK, LATER, NOW, all_written, person, race
from trades.lifecycle import State, move_trades
from trades.services.change import Change, change_trades
from trades.services.recheck import recheck_trades

pytestmark = pytest.mark.django_db
PRICE = "OFF_MARKET_PRICE"
PASS, BLOCK = "PASS", "BLOCK"
TIGHTER = Draft(parameters={"tolerance": "0.05"})


def priced(*prices: str, **changes) -> list[int]:
    """Capture and check deals of 100 shares, and one more each, at these prices; the close is 187."""
    deals = [equity(price=price, quantity=str(100 + n), **changes) for n, price in enumerate(prices)]
    ids = captured_ids(*deals)
    check_everything()
    return ids


def start(code: str = PRICE, draft: Draft = TIGHTER, *, days: int = 30, at=NOW) -> int:
    return start_back_test(code=code, draft=draft, days=days, actor=CLERK, now=at)


def run(code: str = PRICE, draft: Draft = TIGHTER, *, days: int = 30, at=NOW) -> BackTest:
    """Start a back-test and go on with it to its end."""
    back_test_id = start(code, draft, days=days, at=at)
    while advance_back_tests(now=at):
        pass
    return find_back_test(back_test_id)


def outcomes(found: BackTest) -> dict[int, tuple[str, str]]:
    return {
        each.trade_id: (each.before, each.after) for each in affected_trades(found.id, after=0, limit=1000)
    }


def size_of(*trade_ids: int) -> Decimal:
    (found,) = sql.row(
        "SELECT sum(base_amount) FROM trades_version WHERE version = 1 AND trade_id = ANY(%s)",
        [list(trade_ids)],
    )
    return found


class TestTheFigures:
    def test_are_who_would_newly_fail_with_their_money_and_the_straight_through_rate(self):
        world()
        near, far, off = priced("187", "200", "300")
        found = run()
        assert outcomes(found) == {far: (PASS, BLOCK)}
        assert (found.state, found.looked_at, found.changed) == ("DONE", 3, 1)
        assert (found.failing, found.failing_amount) == (1, size_of(far))
        assert (found.held, found.held_amount) == (1, size_of(far))
        assert (found.passing, found.freed, found.unmeasured) == (0, 0, 0)
        assert (found.straight_before, found.straight_after) == (2, 1)
        (told,) = affected_trades(found.id, after=0, limit=10)
        assert told.message == "The price 200 is off the market: the close was 187 of 2026-11-23."
        assert (codes_of(near), codes_of(far), codes_of(off)) == ([], [], [PRICE])

    def test_are_who_would_newly_pass(self):
        world()
        *_, off = priced("187", "200", "300")
        found = run(draft=Draft(parameters={"tolerance": "1"}))
        assert outcomes(found) == {off: (BLOCK, PASS)}
        assert (found.passing, found.passing_amount, found.freed) == (1, size_of(off), 1)
        assert (found.straight_before, found.straight_after) == (2, 3)

    def test_of_another_severity_alone_are_who_would_be_let_through(self):
        world()
        *_, off = priced("187", "300")
        found = run(draft=Draft(severity="WARN"))
        assert outcomes(found) == {off: (BLOCK, "WARN")}
        assert (found.failing, found.passing, found.held, found.freed) == (0, 0, 0, 1)
        assert (found.straight_before, found.straight_after) == (1, 2)

    def test_of_a_check_switched_off_or_narrowed_are_what_it_found(self):
        world()
        *_, off = priced("187", "300")
        assert outcomes(run(draft=Draft(is_active=False))) == {off: (BLOCK, PASS)}
        assert outcomes(run(draft=Draft(scope={"product": ["BOND"]}))) == {off: (BLOCK, PASS)}
        assert outcomes(run(draft=Draft(scope={"product": ["EQUITY"]}))) == {}

    def test_are_of_the_parts_of_an_allocated_block_and_not_of_the_block(self):
        world()
        (block,) = priced("200")
        change = Change(
            "ALLOCATE",
            block,
            "as agreed",
            items=[{"quantity": "40", "book": "BOOK-1"}, {"quantity": "60", "book": "BOOK-1"}],
        )
        change_trades(changes=[change], actor=CLERK, at=NOW)
        found = run()
        assert (found.looked_at, found.held, found.held_amount) == (2, 2, size_of(block))

    def test_of_a_check_being_activated_are_all_that_it_would_find(self):
        world()
        user, other = person("maker"), person("checker")
        proposal_id = propose_parameters(
            code=PRICE, draft=Draft(is_active=False), reason="noise", user=user, actor=CLERK, now=NOW
        )
        approve_parameters(proposal_id=proposal_id, user=other, note="", actor=CLERK, now=NOW)
        _, off = priced("187", "300")
        assert codes_of(off) == []
        assert outcomes(run(draft=Draft(is_active=True))) == {off: (PASS, BLOCK)}

    def test_leave_a_trade_that_another_rule_holds_out_of_what_goes_straight(self):
        world()
        priced("200", counterparty="NOBODY")
        found = run()
        assert (found.failing, found.straight_before, found.straight_after) == (1, 0, 0)

    def test_count_what_has_no_amount_in_base_currency_beside_the_money(self):
        world()
        (trade_id,) = captured_ids(equity(price="200", currency="USD"))
        check_everything()
        sql.run("ALTER TABLE trades_version DISABLE TRIGGER append_only")
        sql.run("UPDATE trades_version SET base_amount = NULL WHERE trade_id = %s", [trade_id])
        sql.run("ALTER TABLE trades_version ENABLE TRIGGER append_only")
        found = run()
        assert (found.failing, found.failing_amount, found.unmeasured) == (1, 0, 1)


class TestWhichTrades:
    def test_are_those_captured_in_its_days(self):
        world()
        captured_ids(equity(price="200", quantity="1"), at=NOW - timedelta(days=31))
        (inside,) = captured_ids(equity(price="200", quantity="2"), at=NOW - timedelta(days=30))
        (today,) = captured_ids(equity(price="200", quantity="3"))
        check_everything()
        assert set(outcomes(run())) == {inside, today}
        assert set(outcomes(run(days=1))) == {today}

    def test_are_none_that_was_cancelled(self):
        world()
        trade_ids = priced("200", "201")
        move_trades(
            trade_ids=trade_ids[:1], source=State.VALIDATED, target=State.CANCELLED, at=LATER, actor=CLERK
        )
        assert set(outcomes(run())) == set(trade_ids[1:])

    def test_are_looked_at_on_the_day_they_came(self):
        """A deal of last week, captured last week, was not late; one that came today was."""
        world()
        week_ago = NOW - timedelta(days=7)
        on = date(2026, 11, 16)
        captured_ids(equity(on=on, quantity="1"), at=week_ago)
        (late,) = captured_ids(equity(on=on, quantity="2"))
        check_everything()
        found = run("TRADE_DATE_TOO_OLD", Draft(parameters={"days": "5"}))
        assert outcomes(found) == {late: (PASS, "WARN")}

    def test_may_be_none_at_all(self):
        found = run()
        assert (found.state, found.looked_at, share_done(found)) == ("DONE", 0, 1)


class TestItsWay:
    @pytest.fixture(autouse=True)
    def small_chunks(self, monkeypatch):
        monkeypatch.setattr(back_test, "CHUNK", 2)

    def test_goes_on_where_it_was_and_counts_nothing_twice(self):
        world()
        trade_ids = priced(*["200"] * 5)
        back_test_id = start()
        advance_back_tests(now=NOW)
        halfway = find_back_test(back_test_id)
        assert (halfway.state, halfway.looked_at, halfway.failing) == ("RUNNING", 2, 2)
        assert share_done(halfway) == Decimal("0.400")
        while advance_back_tests(now=NOW):
            pass
        done = find_back_test(back_test_id)
        assert (done.state, done.looked_at, done.failing, share_done(done)) == ("DONE", 5, 5, 1)
        assert list(outcomes(done)) == trade_ids
        assert not work.waiting(back_test.TASK)

    def test_of_a_chunk_that_is_lost_is_done_again_as_if_it_had_not_been(self, monkeypatch):
        world()
        priced(*["200"] * 3)
        back_test_id = start()

        def break_off(*_: object) -> None:
            raise RuntimeError("the power went")

        with monkeypatch.context() as patched:
            patched.setattr(back_test, "_keep", break_off)
            advance_back_tests(now=NOW)
        found = find_back_test(back_test_id)
        assert (found.state, found.looked_at, found.failing) == ("WAITING", 0, 0)
        while advance_back_tests(now=LATER):
            pass
        assert (find_back_test(back_test_id).failing, BackTestTrade.objects.count()) == (3, 3)

    def test_that_always_fails_ends_as_failed(self, monkeypatch):
        world()
        priced("200")
        back_test_id = start()
        monkeypatch.setattr(back_test, "_chunk", lambda _: 1 / 0)
        at = NOW
        for _ in range(work.MAX_ATTEMPTS + 1):
            advance_back_tests(now=at)
            at += timedelta(hours=1)
        found = find_back_test(back_test_id)
        assert (found.state, found.finished_at is not None) == ("FAILED", True)
        assert not work.waiting(back_test.TASK)

    def test_ends_where_somebody_cancels_it(self):
        world()
        priced(*["200"] * 5)
        back_test_id = start()
        advance_back_tests(now=NOW)
        assert cancel_back_test(back_test_id=back_test_id, now=LATER).state == "CANCELLED"
        while advance_back_tests(now=LATER):
            pass
        found = find_back_test(back_test_id)
        assert (found.state, found.looked_at, found.finished_at) == ("CANCELLED", 2, LATER)
        with pytest.raises(Problem) as caught:
            cancel_back_test(back_test_id=back_test_id, now=LATER)
        assert caught.value.code == "back-test-ended"

    def test_names_no_more_trades_than_there_is_room_for_and_counts_all(self, monkeypatch):
        monkeypatch.setattr(back_test, "KEPT_MAX", 3)
        world()
        trade_ids = priced(*["200"] * 5)
        found = run()
        assert (found.failing, found.changed) == (5, 5)
        assert list(outcomes(found)) == trade_ids[:3]

    def test_is_gone_by_the_worker_as_well(self):
        world()
        priced(*["200"] * 3)
        back_test_id = start(at=NOW)
        assert back_test_task() == 2
        assert find_back_test(back_test_id).state == "DONE"


class TestStarting:
    @pytest.mark.parametrize("days", [0, 367])
    def test_over_other_days_is_refused(self, days):
        with pytest.raises(Problem) as caught:
            start(days=days)
        assert [fault.pointer for fault in caught.value.faults] == ["/days"]

    def test_of_what_cannot_be_set_is_refused(self):
        with pytest.raises(Problem) as caught:
            start(draft=Draft(parameters={"tolerance": "x"}))
        assert [fault.pointer for fault in caught.value.faults] == ["/parameters/tolerance"]
        assert not BackTest.objects.exists()

    def test_of_a_proposal_takes_what_it_proposes(self):
        world()
        (far,) = priced("200")
        proposal_id = propose_parameters(
            code=PRICE, draft=TIGHTER, reason="calm", user=person("maker"), actor=CLERK, now=NOW
        )
        back_test_id = start_back_test(proposal_id=proposal_id, days=3, actor=CLERK, now=NOW)
        while advance_back_tests(now=NOW):
            pass
        assert outcomes(find_back_test(back_test_id)) == {far: (PASS, BLOCK)}
        assert Proposal.objects.get().state == "PENDING"

    def test_of_another_kind_of_proposal_is_404(self):
        with pytest.raises(Problem) as caught:
            start_back_test(proposal_id=1, days=3, actor=CLERK, now=NOW)
        assert caught.value.status == 404

    def test_beside_too_many_is_refused(self, monkeypatch):
        monkeypatch.setattr(back_test, "WAITING_MAX", 1)
        start()
        with pytest.raises(Problem) as caught:
            start()
        assert caught.value.code == "too-many-back-tests"


def test_long_after_its_end_its_figures_stay_and_its_trades_are_forgotten():
    world()
    priced("200", "201")
    found = run()
    assert forget_named_trades(now=NOW + timedelta(days=NAMED_DAYS)) == 0
    assert forget_named_trades(now=NOW + timedelta(days=NAMED_DAYS, seconds=1)) == 2
    assert (find_back_test(found.id).failing, outcomes(found)) == (2, {})


def test_it_changes_no_record():
    world()
    priced("187", "200", "300")
    before = all_written()
    run()
    assert all_written() == before


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_count_every_trade_once(monkeypatch):
    monkeypatch.setattr(back_test, "CHUNK", 2)
    world()
    priced(*["200"] * 9)
    back_test_id = start()
    work.enqueue(back_test.TASK, [back_test_id])  # as a message that came twice

    def finish() -> None:
        while advance_back_tests(now=NOW):
            pass

    assert race(finish, finish) == [None, None]
    while advance_back_tests(now=NOW):
        pass
    found = find_back_test(back_test_id)
    assert (found.state, found.looked_at, found.failing, BackTestTrade.objects.count()) == ("DONE", 9, 9, 9)


_PRICES = st.lists(st.integers(150, 230), min_size=1, max_size=6)
_SETTINGS = st.tuples(
    st.sampled_from(["0", "0.02", "0.05", "0.15", "0.3"]),
    st.sampled_from(["BLOCK", "WARN", "INFO"]),
    st.booleans(),
    st.sampled_from([{}, {"product": ["EQUITY"]}, {"product": ["BOND"]}, {"trader": ["asmith", "jdoe"]}]),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prices=_PRICES, setting=_SETTINGS, cut=st.integers(1, 3))
def test_its_outcomes_are_those_of_really_checking_again(prices, setting, cut):
    """Whatever is set: approve it, check all again, and what changed is what the back-test had said."""
    tolerance, severity, is_active, scope = setting
    with transaction.atomic(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(back_test, "CHUNK", cut)
        world()
        trade_ids = priced(*[f"{price}.50" for price in prices]) + captured_ids(fx())
        check_everything()
        before = _open_of(trade_ids)
        draft = Draft(
            is_active=is_active, severity=severity, parameters={"tolerance": tolerance}, scope=scope
        )
        found = run(draft=draft)
        proposal_id = propose_parameters(
            code=PRICE, draft=draft, reason="x", user=person("maker"), actor=CLERK, now=NOW
        )
        approve_parameters(
            proposal_id=proposal_id, user=person("checker"), note="", actor=Actor("user:c"), now=NOW
        )
        recheck_trades(trade_ids=trade_ids, reason="x", actor=CLERK, now=LATER)
        check_everything(now=LATER)
        after = _open_of(trade_ids)
        assert outcomes(found) == {
            each: (before[each], after[each]) for each in trade_ids if before[each] != after[each]
        }
        assert found.straight_after - found.straight_before == (
            list(after.values()).count(BLOCK) - list(before.values()).count(BLOCK)
        ) * (-1)
        assert states()["VALIDATED"] == found.straight_after
        transaction.set_rollback(True)


def _open_of(trade_ids: list[int]) -> dict[int, str]:
    """Return what the check says of trades now: a severity, or that they pass."""
    rows = sql.rows(
        "SELECT trade_id, severity FROM trades_finding WHERE code = %s AND closed_at IS NULL", [PRICE]
    )
    return {each: dict(rows).get(each, PASS) for each in trade_ids}
