"""Release: what waits for reference data goes to the checks again by itself, once these have changed.

Each open work item keeps the names of what may end its causes (trades/work_items.py). Whoever writes reference
data queues the changed rows, in the same transaction; a worker finds the items that wait for these names, and
queues their trades; another sends them to the checks, in portions. A trade that still fails is held again as it
was. Everything may run twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction

from core import sql, work
from core.audit import system
from core.wake import wake_on_commit
from trades.lifecycle import WAKES, State
from trades.services.recheck import recheck_trades
from trades.work_items import kinds

_log = logging.getLogger(__name__)
TASK = "trades.release"
ACTOR = system("release")
ROWS_AT_ONCE = 5_000
TRADES_AT_ONCE = 2_000
REASON = "the reference data it waited for changed"

# The names by which items wait for rows of each kind of reference data.
NAMES = {
    "parties": "SELECT 'parties:' || n.name FROM refdata_party r"
    " CROSS JOIN LATERAL (VALUES (r.code), (nullif(r.lei, ''))) AS n(name) WHERE r.id = ANY(%s)",
    "books": "SELECT 'books:' || r.code FROM refdata_book r WHERE r.id = ANY(%s)",
    "instruments": "SELECT 'instruments:' || n.name FROM refdata_instrument r CROSS JOIN LATERAL ("
    " SELECT r.code UNION ALL SELECT '#' || r.id UNION ALL"
    " SELECT i.value FROM refdata_instrument_identifier i WHERE i.instrument_id = r.id) AS n(name)"
    " WHERE r.id = ANY(%s)",
    "ssis": "SELECT 'ssis:' || p.code || ':' || lower(r.kind) || ' ' || r.key FROM refdata_ssi r"
    " JOIN refdata_party p ON p.id = r.party_id WHERE r.id = ANY(%s)",
    "close-prices": "SELECT 'close-prices:' || r.instrument_id FROM refdata_close_price r WHERE r.id = ANY(%s)",
    "fx-rates": "SELECT 'fx-rates:' || r.currency FROM refdata_fx_rate r WHERE r.id = ANY(%s)",
    "holidays": "SELECT 'holidays:' || r.date FROM refdata_holiday r WHERE r.id = ANY(%s)",
    "mandates": "SELECT 'mandates:' || r.trader FROM refdata_mandate r WHERE r.id = ANY(%s)",
    "settlement-cycles": "SELECT 'settlement-cycles:' || r.product FROM refdata_settlement_cycle r"
    " WHERE r.id = ANY(%s)",
    "watch-lists": "SELECT 'watch-lists:' || lower(r.subject) || ' ' || r.key FROM refdata_watch_entry r"
    " WHERE r.id = ANY(%s)",
    "agreements": "SELECT 'agreements:' || r.party_id || ' ' || r.product FROM refdata_agreement r"
    " WHERE r.id = ANY(%s)",
    "fee-rules": "SELECT DISTINCT 'fee-rules:' || r.type FROM refdata_fee_rule_version r WHERE r.rule_id = ANY(%s)",
}


def task_of(kind: str) -> str:
    """Return the name of the task that looks for what waits for a kind of reference data."""
    return f"{TASK}.{kind}"


def note_changes(kind: str, row_ids: Sequence[int]) -> None:
    """Queue new or changed rows of reference data, in the transaction that writes them."""
    if kind in NAMES:
        work.enqueue(task_of(kind), row_ids)
        wake_on_commit(task_of(kind))


# A kind that people must answer keeps its trade where it is: sending it to the checks would answer for them.
_HELD = f"""
SELECT DISTINCT e.trade_id FROM trades_exception e
JOIN trades_state s ON s.trade_id = e.trade_id AND s.state = {State.EXCEPTION.value}
WHERE e.closed_at IS NULL AND e.kind = ANY(%(free)s) AND {{because}}
  AND NOT EXISTS (SELECT FROM trades_exception o
                  WHERE o.trade_id = e.trade_id AND o.closed_at IS NULL AND NOT o.kind = ANY(%(free)s))
ORDER BY e.trade_id
"""
_WAITING = "e.waits && ARRAY(SELECT DISTINCT n.name FROM ({names}) AS n(name) WHERE n.name IS NOT NULL)"


def held_because(because: str, **parameters: object) -> list[int]:
    """Return the held trades that may go to the checks again unasked, by a condition on their open items `e`."""
    free = [code for code, each in kinds().items() if each.rechecks]
    found = sql.rows(_HELD.format(because=because), {**parameters, "free": free})
    return [trade_id for (trade_id,) in found]


def find_held(*, kind: str, now: datetime) -> int:
    """Queue the held trades that wait for changed rows of a kind; return how many rows were looked at.

    Zero means nothing waits.
    """
    names = NAMES[kind].replace("%s", "%(row_ids)s::bigint[]")

    def waiting(row_ids: Sequence[int]) -> list[int]:
        return held_because(_WAITING.format(names=names), row_ids=list(row_ids))

    return queue_held(task=task_of(kind), held=waiting, to=TASK, now=now)


def queue_held(*, task: str, held: Callable[[Sequence[int]], Sequence[int]], to: str, now: datetime) -> int:
    """Queue for the task `to` what the changes queued for a task may free; return how many changes were looked at.

    held: the trades that changes may free, by the changes' ids. Checks that are under way may have read what was
    before the change and hold a trade only now: they are waited for.
    """
    with transaction.atomic():
        claimed = work.claim(task, limit=ROWS_AT_ONCE, now=now)
        if not claimed:
            return claimed.put_back
        if claimed.deadly:
            work.set_aside(claimed)
            return len(claimed.subject_ids)
        work.wait_for_claims(WAKES[State.CAPTURED])
        found = held(claimed.subject_ids)
        work.enqueue(to, found)
        work.finish(claimed)
        if found:
            wake_on_commit(to)
    return len(claimed.subject_ids)


def release_queued(*, now: datetime, task: str = TASK, reason: str = REASON) -> int:
    """Send queued trades that are still held to the checks again; return how many were looked at.

    A portion that fails is halved and tried again later, so that one bad trade fails alone.
    """
    with transaction.atomic():
        claimed = work.claim(task, limit=TRADES_AT_ONCE, now=now)
        if not claimed:
            return claimed.put_back
        if claimed.deadly:
            work.set_aside(claimed)
            return len(claimed.subject_ids)
        held = sql.rows(
            "SELECT trade_id FROM trades_state WHERE trade_id = ANY(%s) AND state + 0 = %s ORDER BY trade_id",
            [claimed.subject_ids, State.EXCEPTION.value],
        )
        try:
            with transaction.atomic():
                recheck_trades(trade_ids=[each for (each,) in held], reason=reason, actor=ACTOR, now=now)
        except Exception:
            _log.exception("releasing %d trades failed", len(held))
            work.postpone(claimed, now=now)
        else:
            work.finish(claimed)
    return len(claimed.subject_ids)
