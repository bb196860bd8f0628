"""Many who reserve, draw, release, capture, cancel and check at once leave what one after the other would."""

from __future__ import annotations

import os
import random
import threading
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import connections, transaction

from core import sql
from core.audit import system
from core.http.problem import Problem
from core.ids import public_id
from risk.services.check import check_captured
from risk.services.recompute import recompute_limits
from risk.services.reservations import expire_reservations, release_reservation, reserve
from tests.support.factories import (
    captured_ids,
    check_everything,
    limit,
    message_of,
    trusted_client,
    unit_trade,
    used,
    world,
)
from tests.support.records import LATER, NOW, race
from trades.lifecycle import State, move_trades

pytestmark = [pytest.mark.concurrency, pytest.mark.django_db(transaction=True)]
DESK = system("tests")
SEQUENCES = 1_000 if os.environ.get("NIGHTLY") else 60
WORKERS = 4


def _reserve(n: int) -> int | None:
    try:
        message = message_of(unit_trade(n))
        made = reserve(message=message, seconds=60, client=trusted_client(), actor=DESK, now=NOW)
    except Problem as problem:
        assert problem.code == "limit-exceeded"
        return None
    return made.id


def _reserve_all(numbers: range) -> list[int | None]:
    return [_reserve(n) for n in numbers]


def test_100_reservations_at_once_of_a_capacity_of_60_are_granted_exactly_60_times():
    world()
    limit(hard="6000")
    limit("BOOK", hard="1000000", dimensions=("book",))
    results = race(*(partial(_reserve_all, range(start, 100, 10)) for start in range(10)))
    granted = [each for result in results for each in result if each is not None]
    assert len(granted) == len(set(granted)) == 60
    assert sql.rows("SELECT l.code, u.used, u.held_up FROM risk_utilisation u JOIN risk_limit l ON l.id = u.limit_id"
                    " ORDER BY 1") == [("BOOK", 0, 6000), ("CPTY", 0, 6000)]  # fmt: skip

    ids = captured_ids(
        *[unit_trade(n, reservation=public_id("rsv", each)) for n, each in enumerate(granted, start=100)],
        *[unit_trade(n) for n in range(200, 210)],
    )
    race(partial(check_everything, limit=7), partial(check_everything, limit=11))
    check_everything(now=LATER)
    found = dict(sql.rows("SELECT state, count(*) FROM trades_state GROUP BY 1"))
    assert (len(ids), found) == (70, {State.VALIDATED.value: 60, State.EXCEPTION.value: 10})
    assert used() == {"BROKER-01": Decimal(7000)}
    assert recompute_limits(now=NOW, actor=DESK, correct=False) == []


class _Shared:
    """What the threads of a run have made so far."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.trades: list[int] = []
        self.reservations: list[int] = []

    def some(self, chance: random.Random, of: list[int], count: int) -> list[int]:
        with self.lock:
            return chance.sample(of, min(count, len(of)))


def _sequence(shared: _Shared, seed: int) -> None:
    """Do six things at random."""
    chance = random.Random(seed)
    for step in range(6):
        what = chance.choice(["capture", "draw", "check", "cancel", "reserve", "release", "expire"])
        number = seed * 10 + step
        if what in {"capture", "draw"}:
            named = shared.some(chance, shared.reservations, 1) if what == "draw" else []
            side = chance.choice(["BUY", "SELL"])
            more = {"reservation": public_id("rsv", named[0])} if named else {}
            made = captured_ids(unit_trade(number, side=side, **more))
            with shared.lock:
                shared.trades += made
        elif what == "check":
            check_captured(now=NOW + timedelta(minutes=step), limit=chance.choice([1, 5, 40]))
        elif what == "cancel":
            source = chance.choice([State.CAPTURED, State.VALIDATED, State.EXCEPTION])
            ids = shared.some(chance, shared.trades, 2)
            with transaction.atomic():
                move_trades(trade_ids=ids, source=source, target=State.CANCELLED, at=NOW, actor=DESK)
        elif what == "reserve":
            if (granted := _reserve(number)) is not None:
                with shared.lock:
                    shared.reservations.append(granted)
        elif what == "release":
            for each in shared.some(chance, shared.reservations, 1):
                release_reservation(reservation_id=each, client=trusted_client(), actor=DESK, now=NOW)
        else:
            expire_reservations(now=NOW + timedelta(minutes=chance.choice([0, 3])), actor=DESK)


def _sequences(shared: _Shared, seeds: range) -> int:
    for seed in seeds:
        _sequence(shared, seed)
    return len(seeds)


def test_random_sequences_at_once_end_with_the_figures_that_the_trades_add_up_to():
    world()
    limit(hard="3000", warn="500")
    limit("NET", hard="800", measure="NET_NOTIONAL", dimensions=("book",))
    limit("TURN", hard="100000", measure="DAILY_TURNOVER", dimensions=("trader",))
    limit("SHARE", hard="90", measure="CONCENTRATION", dimensions=("book", "counterparty"))
    shared, failures = _Shared(), []

    def run(seeds: range) -> None:
        try:
            _sequences(shared, seeds)
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(range(n, SEQUENCES, WORKERS),)) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert recompute_limits(now=NOW, actor=DESK, correct=False) == []
    check_everything(now=LATER + timedelta(hours=1))
    assert recompute_limits(now=NOW, actor=DESK, correct=False) == []
    expire_reservations(now=NOW + timedelta(days=1), actor=DESK)
    assert sql.rows("SELECT 1 FROM risk_utilisation WHERE held_up <> 0 OR held_down <> 0") == []
    assert recompute_limits(now=NOW, actor=DESK, correct=False) == []
