"""Who is sent to next, and by which thread: so that a slow address costs only itself.

One worker process in the whole installation sends at a time, with a bounded number of threads. Each holds one webhook
for a short turn; the webhook that waited longest is next. One whose last answer was slow may take no more than half
of the threads together with its like, so that a listener that answers always finds a thread. What nobody knows to be
slow yet can take the last free thread once, for no longer than one request takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connections

from core import sql
from feed.services.deliver import Clock, Held, Send, claim_webhook, take_turn
from feed.services.transport import TOTAL_SECONDS

TURN = timedelta(seconds=2)  # of one webhook, before another that waits is sent to
# How long to look out for what is due. A slow request that is under way then keeps the look-out up for the others.
WATCH = timedelta(seconds=10)
TAIL = timedelta(seconds=TOTAL_SECONDS)
_LOOK_SECONDS = 0.2

_HOLD = "SELECT pg_try_advisory_lock(hashtext('feed_dispatch'))"
_LET_GO = "SELECT pg_advisory_unlock(hashtext('feed_dispatch'))"


@contextmanager
def _alone() -> Iterator[bool]:
    """Tell whether nobody else in the installation sends, and keep others from it. A killed process lets go."""
    held = sql.rows(_HOLD) == [(True,)]
    try:
        yield held
    finally:
        if held:
            sql.rows(_LET_GO)


def dispatch(*, clock: Clock, send: Send, senders: int, chance: Callable[[], float]) -> int:
    """Tell webhooks what they have not been told, up to `senders` of them at the same time; return how many messages.

    It ends when nothing is due, and no later than 30 seconds after it began: 10 in which it looks out, 10 in which it
    goes on because a slow request is under way, and 10 for the last request. 0 when another process sends.
    A fault in one turn is raised when all turns are over; its webhook is left alone until its lease ends.
    """
    with _alone() as alone:
        if not alone:
            return 0
        with ThreadPoolExecutor(senders, thread_name_prefix="webhook") as threads:
            return _take_turns(threads, clock, send, senders, chance)


def _take_turns(
    threads: ThreadPoolExecutor, clock: Clock, send: Send, senders: int, chance: Callable[[], float]
) -> int:
    began = clock()
    sent, faults = 0, list[BaseException]()
    under_way: dict[Future[int], Held] = {}
    while True:
        while len(under_way) < senders and (held := _next(under_way, clock(), began, senders)):
            turn = threads.submit(_turn, held, clock=clock, send=send, until=clock() + TURN, chance=chance)
            under_way[turn] = held
        if not under_way:
            break
        for turn in wait(under_way, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED).done:
            del under_way[turn]
            if fault := turn.exception():
                faults.append(fault)
            else:
                sent += turn.result()
    if faults:
        raise faults[0]
    return sent


def _next(under_way: dict[Future[int], Held], now: datetime, began: datetime, senders: int) -> Held | None:
    """Hold the webhook that is next, if the time and the share of the slow ones allow another."""
    watching = now < began + WATCH
    if not watching and (now >= began + WATCH + TAIL or not under_way):
        return None
    slow = sum(held.webhook.is_slow for held in under_way.values())
    return claim_webhook(now=now, slow_too=watching and slow < max(1, senders // 2))


def _turn(held: Held, *, clock: Clock, send: Send, until: datetime, chance: Callable[[], float]) -> int:
    """Take one turn in a thread, on a connection of its own."""
    try:
        return take_turn(held, clock=clock, send=send, until=until, chance=chance)
    finally:
        connections.close_all()
