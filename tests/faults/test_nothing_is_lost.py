"""Whatever dies, every captured trade is checked once: none is lost, none doubled, none stuck."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from django.conf import settings

from core import sql
from core.audit import system
from core.clock import utc_now
from risk.services.recompute import recompute_limits
from tests.support.factories import (
    Front,
    codes_of,
    exact_trade,
    limit,
    live_today,
    nothing_captured,
    other_connection,
    states,
    wait_for,
    world,
)
from tests.support.product import LiveProduct, live_database_url

pytestmark = pytest.mark.faults


@pytest.fixture
def today(live_product: LiveProduct) -> date:
    """Return the live product's date, its reference data loaded and a limit in force."""
    day = live_today()
    world(today=day)
    limit(hard="1000000000000")
    return day


@pytest.fixture
def front(live_product: LiveProduct, today: date) -> Front:
    return Front(live_product.base_url)


def assert_all_checked_once(count: int, *, seconds: float = 30) -> None:
    """Assert that `count` trades were captured and validated once each, and the limits add up."""
    wait_for(nothing_captured, seconds=seconds)
    assert states() == {"VALIDATED": count}
    assert sql.row("SELECT count(*) FROM trades_version") == (count,)
    for kind in ("trade.captured", "trade.validated"):
        told = sql.row("SELECT count(*), count(DISTINCT subject_id) FROM core_event WHERE type = %s", [kind])
        assert told == (count, count), kind
    assert sql.rows("SELECT * FROM trades_finding") == []
    (figure,) = sql.row("SELECT used FROM risk_utilisation")
    assert figure == Decimal(sum(range(1, count + 1)))
    assert recompute_limits(now=utc_now(), actor=system("tests"), correct=False) == []


def post_until(front: Front, today: date, stop: threading.Event, posted: list[int], size: int) -> None:
    """Post bulk after bulk until told to stop, and keep how many each made."""
    while not stop.is_set():
        first = sum(posted)
        answer = front.post_batch([exact_trade(n, on=today) for n in range(first, first + size)])
        assert answer.status_code == 207, answer.text
        posted.append(answer.json()["created"])


def while_loading(front: Front, today: date, act: Callable[[], None], *, size: int = 500) -> int:
    """Run `act` while a front office posts bulk after bulk; return how many trades it posted."""
    stop, posted = threading.Event(), [0]
    loader = threading.Thread(target=post_until, args=(front, today, stop, posted, size))
    loader.start()
    try:
        wait_for(lambda: sum(posted) >= 2 * size, seconds=20)
        act()
    finally:
        stop.set()
        loader.join(30)
    assert len(posted) > 3
    return sum(posted)


def waits_for_a_lock() -> bool:
    """Whether a process of the product stands in the middle of a transaction that waits for us."""
    return bool(
        sql.row(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()"
        )
    )


def test_a_worker_killed_in_the_middle_of_a_batch_leaves_it_whole_for_the_next(live_product, front, today):
    assert front.post_batch([exact_trade(n, on=today) for n in range(60)]).status_code == 207
    wait_for(nothing_captured, seconds=20)

    with other_connection() as blocker:
        blocker.execute("BEGIN")
        # Who holds the running figure stops the checks after their findings, before their moves.
        blocker.execute("SELECT 1 FROM risk_utilisation FOR UPDATE")
        answer = front.post_batch([exact_trade(n, on=today) for n in range(60, 3_000)])
        assert answer.status_code == 207
        wait_for(waits_for_a_lock, seconds=20)
        live_product.kill("worker")
    assert states() == {"VALIDATED": 60, "CAPTURED": 2_940}

    live_product.start("worker")
    assert_all_checked_once(3_000)


def test_a_worker_killed_again_and_again_under_load_loses_nothing(live_product, front, today):
    def kill_thrice() -> None:
        for _ in range(3):
            live_product.kill("worker")
            live_product.start("worker")
            time.sleep(1.5)  # long enough to be at work, short enough to be interrupted

    posted = while_loading(front, today, kill_thrice)
    assert_all_checked_once(posted)


def test_a_redis_wiped_again_and_again_under_load_loses_nothing(live_product, front, today, redis_client):
    def wipe() -> None:
        ends = time.monotonic() + 4
        while time.monotonic() < ends:
            redis_client.flushall()

    posted = while_loading(front, today, wipe)
    assert_all_checked_once(posted)


def test_a_redis_stopped_for_20_seconds_stops_no_capture_and_loses_nothing(front, today, redis_client):
    pid = redis_client.info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    try:
        began, slowest, posted = time.monotonic(), 0.0, 0
        while time.monotonic() - began < 20:
            sent = time.monotonic()
            assert front.post_trade(exact_trade(posted, on=today)).status_code == 201
            slowest = max(slowest, time.monotonic() - sent)
            posted += 1
    finally:
        os.kill(pid, signal.SIGCONT)
    assert slowest < 5
    assert posted > 100
    assert_all_checked_once(posted)


def test_a_deal_that_ends_its_worker_each_time_is_isolated_and_held_and_the_rest_goes_on(
    live_product, front, today
):
    live_product.kill("worker")
    live_product.start("worker", DJANGO_SETTINGS_MODULE="tests.faults.deadly_settings")
    deals = [exact_trade(n, on=today) for n in range(40)]
    deals[17] = exact_trade(17, on=today, book="DEADLY")
    assert front.post_batch(deals).json()["created"] == 40
    ((deadly,),) = sql.rows("SELECT trade_id FROM trades_version WHERE book_ref = 'DEADLY'")

    wait_for(nothing_captured, seconds=150)
    live_product.kill("worker")  # the next test gets one that is well
    assert states() == {"EXCEPTION": 1, "VALIDATED": 39}
    assert codes_of(deadly) == ["CHECK_FAILED"]
    told = sql.row(
        "SELECT count(DISTINCT subject_id), count(*) FROM core_event WHERE type = 'trade.validated'"
    )
    assert told == (39, 39)
    assert sql.rows("SELECT codes FROM trades_exception") == [(["CHECK_FAILED"],)]


CAPTURE_AND_DIE = """
import os, sys
import django
django.setup()
from django.db import transaction
from core.audit import Actor
from core.clock import utc_now
from trades.products._reading import read_message
from trades.services.capture import capture_trades
messages = [read_message(line) for line in sys.stdin.buffer]
with transaction.atomic():
    transaction.on_commit(lambda: os._exit(9))  # committed, but nobody was woken yet
    capture_trades(messages=messages, actor=Actor("client:dying"), at=utc_now())
"""


@pytest.mark.parametrize("count", [1, 120], ids=["one trade", "a copied batch"])
def test_a_capture_that_dies_before_its_wake_up_is_found_by_the_sweeper(live_product, today, count):
    lines = b"\n".join(msgspec.json.encode(exact_trade(n, on=today)) for n in range(count))
    died = subprocess.run(
        [sys.executable, "-c", CAPTURE_AND_DIE],
        input=lines,
        env={
            **os.environ,
            "DATABASE_URL": live_database_url(),
            "DJANGO_SETTINGS_MODULE": "middleoffice.settings",
        },
        cwd=settings.BASE_DIR,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert died.returncode == 9, died.stderr.decode()
    assert_all_checked_once(count, seconds=20)
