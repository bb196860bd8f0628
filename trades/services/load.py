"""Load: thousands of new deals at once, with Python and PostgreSQL working side by side.

While a thread has PostgreSQL store one run of rows, the caller's thread reads and enriches the next. It is
the optimistic road: when any of the deals turns out to be known already, everything is taken back and
`capture_trades` finds out which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

from django.db import DatabaseError, transaction

from core import sql
from core.audit import Actor
from core.beside import Beside
from core.wake import wake_on_commit
from core.work import enqueue
from trades.lifecycle import WAKES, State
from trades.products.base import Asked, Context, Message
from trades.services.capture import (
    ONE_STATEMENT_UP_TO,
    Captured,
    Outcome,
    capture_trades,
    copy_first_versions,
    enrich,
    follower_parameters,
    look_up,
    note_drawdowns,
    version_row,
    was_overtaken,
)

RUN = 1_000  # trades in one run: long enough to amortise a round trip, short enough to overlap


class _KnownDeal(Exception):  # noqa: N818
    """A deal of the load is known already, or stands in it twice."""


def load_trades(
    *, runs: Iterable[Sequence[Message]], expected: int, actor: Actor, at: datetime
) -> list[Captured]:
    """Capture runs of messages in one transaction and return one result each, in their order.

    `runs` is consumed as the load goes on, so that reading messages overlaps with storing them; `expected` is
    how many messages come at most. The results are those of `capture_trades`.
    """
    messages: list[Message] = []
    rest = iter(runs)
    if expected > ONE_STATEMENT_UP_TO:
        try:
            return _load(rest, expected, messages, actor, at)
        except _KnownDeal:
            pass
        except DatabaseError as error:
            if not was_overtaken(error):
                raise
    for run in rest:
        messages += run
    return capture_trades(messages=messages, actor=actor, at=at) if messages else []


def _load(
    runs: Iterable[Sequence[Message]],
    expected: int,
    messages: list[Message],
    actor: Actor,
    at: datetime,
) -> list[Captured]:
    with transaction.atomic():
        ((ids,),) = sql.rows(
            "SELECT array_agg(nextval('trades_trade_id')) FROM generate_series(1, %s)", [expected]
        )
        seen: set[tuple[str, str]] = set()
        context = Context.empty()
        store: Callable[[], None] | None = None
        followers = follower_parameters(actor, at)
        with Beside() as beside:
            for run in runs:
                first = len(messages)
                messages += run
                seen.update([(message.source, message.source_ref) for message in run])
                if len(seen) < len(messages):
                    raise _KnownDeal
                missing = Asked.of(run).beyond(context.asked)
                # One connection serves one statement at a time: what this run needs is looked up between the
                # storing of the last but one and that of the last, which goes on beside all that follows.
                beside.wait()
                if missing:
                    context.add(look_up(missing, at=at), missing)
                if store is not None:
                    beside.start(store)
                run_ids = ids[first : len(messages)]
                rows = [
                    version_row(trade_id, enrich(message, context), at)
                    for trade_id, message in zip(run_ids, run, strict=True)
                ]
                store = partial(copy_first_versions, sql.csv_rows(rows), run_ids, followers)
            if store is not None:
                beside.start(store)
        captured = ids[: len(messages)]
        note_drawdowns(zip(captured, messages, strict=True))
        enqueue(WAKES[State.CAPTURED], captured)
        wake_on_commit(WAKES[State.CAPTURED])
    return [Captured(Outcome.CREATED, trade_id) for trade_id in captured]
