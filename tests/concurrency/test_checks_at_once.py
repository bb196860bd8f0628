"""Many checks at once give what one check after the other would."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import transaction

from core import sql, work
from core.audit import system
from risk.services.check import TASK, check_captured
from risk.services.recompute import recompute_limits
from tests.support.factories import (
    Front,
    capture,
    captured_ids,
    check_everything,
    exact_trade,
    limit,
    live_today,
    nothing_captured,
    other_connection,
    settle,
    states,
    unit_trade,
    used,
    wait_for,
    world,
)
from tests.support.records import LATER, NOW, race
from trades.lifecycle import State, move_trades
from trades.services.recheck import recheck_trades

pytestmark = pytest.mark.concurrency
OPERATOR = system("tests")


def _events_per_trade(*types: str) -> Counter[int]:
    """Return how many trades have how many events of some types."""
    counts = sql.rows(
        "SELECT count(e.id) FROM trades_state s"
        " LEFT JOIN core_event e ON e.subject_id = s.trade_id AND e.type = ANY(%s::text[]) GROUP BY s.trade_id",
        [list(types)],
    )
    return Counter(count for (count,) in counts)


def test_two_workers_on_one_backlog_check_each_trade_exactly_once(live_product):
    today = live_today()
    world(today=today)
    front = Front(live_product.base_url)
    live_product.pause("beat")
    live_product.pause("worker")
    live_product.start("worker-2")
    wait_for(lambda: "ready." in live_product.log("worker-2").read_text(), seconds=30)
    live_product.pause("worker-2")
    for start in (0, 6_000):
        batch = [
            exact_trade(n, on=today, counterparty="NOBODY" if n % 10 == 0 else "BROKER-01")
            for n in range(start, start + 6_000)
        ]
        assert front.post_batch(batch).json()["created"] == 6_000
    for name in ("worker", "worker-2", "beat"):
        live_product.resume(name)
    wait_for(nothing_captured, seconds=60)

    assert states() == {"VALIDATED": 10_800, "EXCEPTION": 1_200}
    assert _events_per_trade("trade.validated", "trade.held") == {1: 12_000}
    assert sql.rows("SELECT code, count(*), count(DISTINCT trade_id) FROM trades_finding GROUP BY code") == [
        ("UNKNOWN_PARTY", 1_200, 1_200)
    ]


@pytest.mark.django_db(transaction=True)
def test_two_checks_share_a_backlog_and_neither_stands_by():
    world()
    limit(hard="1000000000")
    capture(*[exact_trade(n) for n in range(1_000)])
    _split_work(25)

    first, second = race(partial(_check_all, 25), partial(_check_all, 25))

    assert first + second == 1_000
    assert min(first, second) > 100
    assert states() == {"VALIDATED": 1_000}
    assert _events_per_trade("trade.validated") == {1: 1_000}
    assert used()["BROKER-01"] == sum(range(1, 1_001))


def _check_all(limit: int) -> int:
    return check_everything(limit=limit)


def test_100_concurrent_unit_trades_on_a_capacity_of_60_leave_exactly_60_within(live_product):
    today = live_today()
    world(today=today)
    limit(hard="6000")
    front = Front(live_product.base_url)
    answers = front.at_once([partial(front.post_trade, unit_trade(n, on=today)) for n in range(100)])
    assert {answer.status_code for answer in answers} == {201}
    wait_for(nothing_captured, seconds=30)

    assert states() == {"VALIDATED": 60, "EXCEPTION": 40}
    assert sql.rows("SELECT code, severity, count(*) FROM trades_finding GROUP BY 1, 2") == [
        ("LIMIT_BREACH", "BLOCK", 40)
    ]
    assert used() == {"BROKER-01": Decimal(10_000)}
    found = sql.rows("SELECT replace(actual, ',', '')::numeric FROM trades_finding ORDER BY 1")
    assert [figure for (figure,) in found] == [Decimal(100 * n) for n in range(61, 101)]


@pytest.mark.django_db(transaction=True)
def test_cancelling_settling_and_rechecking_beside_the_checks_keeps_the_figures_true():
    world()
    limit(hard="4000", warn="3000")
    limit("BOOK", hard="1000000", measure="GROSS_NOTIONAL", dimensions=("book",))
    ids = captured_ids(*[unit_trade(n) for n in range(200)])
    _split_work(5)
    stop = threading.Event()

    def cancel() -> int:
        chance = random.Random(1)
        cancelled = 0
        for _ in range(40):
            source = chance.choice([State.CAPTURED, State.VALIDATED, State.EXCEPTION])
            with transaction.atomic():
                cancelled += len(_cancel(chance.sample(ids, 3), source))
        stop.set()
        return cancelled

    def settle_some(chance: random.Random) -> int:
        with transaction.atomic():
            return len(settle(chance.sample(ids, 12)))

    def recheck(chance: random.Random) -> int:
        some = chance.sample(ids, 20)
        return len(recheck_trades(trade_ids=some, reason="again", actor=OPERATOR, now=NOW))

    def check(chance: random.Random) -> int:
        return check_captured(now=NOW, limit=chance.choice([5, 10, 40]))

    def until_stopped(act: Callable[[random.Random], int], seed: int) -> int:
        chance, done = random.Random(seed), 0
        while not stop.is_set():
            done += act(chance)
        return done

    others = [check, check, settle_some, recheck]
    results = race(cancel, *(partial(until_stopped, act, seed) for seed, act in enumerate(others)))
    assert not [each for each in results if isinstance(each, Exception)], results
    assert all(results), results
    check_everything(now=LATER)

    assert recompute_limits(now=NOW, actor=OPERATOR, correct=False) == []
    (live,) = sql.row("SELECT count(*) FROM trades_state WHERE state NOT IN (7, 8)")
    assert 0 < live < 200
    assert used() == {"BROKER-01": Decimal(100 * live)}
    assert used("BOOK") == {"BOOK-1": Decimal(100 * live)}
    assert _events_per_trade("trade.captured") == {1: 200}


@pytest.mark.django_db(transaction=True)
def test_a_check_does_not_wait_for_a_trade_that_somebody_holds_and_comes_back_for_it():
    """A worker that waited could be waited for: by a later check for its turn, which the holder waits for."""
    world()
    limit(hard="1000")
    ids = captured_ids(*[unit_trade(n) for n in range(5)])
    with other_connection() as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM trades_state WHERE trade_id = %s FOR UPDATE", [ids[2]])
        assert check_captured(now=NOW) == 5
        assert states() == {"VALIDATED": 4, "CAPTURED": 1}
        assert check_captured(now=NOW) == 0
        assert check_captured(now=LATER) == 1
        assert states() == {"VALIDATED": 4, "CAPTURED": 1}
        other.execute("ROLLBACK")
    assert check_everything(now=LATER + timedelta(seconds=1)) == 1
    assert states() == {"VALIDATED": 5}
    assert _events_per_trade("trade.validated") == {1: 5}
    assert used() == {"BROKER-01": 500}


def _cancel(trade_ids: list[int], source: State) -> list[int]:
    return move_trades(trade_ids=trade_ids, source=source, target=State.CANCELLED, at=NOW, actor=OPERATOR)


def _split_work(size: int) -> None:
    """Queue what waits for the checks again in rows of at most `size` trades."""
    trade_ids = [id for (id,) in sql.rows("SELECT unnest(subject_ids) FROM core_work ORDER BY 1")]
    sql.run("DELETE FROM core_work")
    for at in range(0, len(trade_ids), size):
        work.enqueue(TASK, trade_ids[at : at + size])
