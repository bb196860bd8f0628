"""Trades whose confirmation is awaited: overdue after the hours that a policy says, reminded of, and work for somebody.

A trade is awaited from its first check on, while it lives. It is looked at when its time comes, and what is to be done
follows from what stands then; so a reminder is given once however often and by however many it is looked at, and
after a standstill one reminder makes up for all that were missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db import transaction

from core import sql
from core.audit import Actor, encode, record, system
from core.http.problem import Problem, not_found
from trades.lifecycle import SUBJECT, State, lock_trades
from trades.services.confirmation_mail import ADDRESS, REMINDER, queue_mails
from trades.services.confirmation_matching import lock_blocks
from trades.services.deadlines import DUE_COLUMNS, Due, deadlines_of
from trades.services.exceptions import NewException, close_exceptions, open_exceptions
from trades.work_items import UNCONFIRMED

REMINDED = "trade.confirmation_reminded"
AT_ONCE = 500
SPREAD_AT_ONCE = 5_000
LOOK_AGAIN = timedelta(days=1)  # at what needs nothing now: what is confirmed today may not be tomorrow
PAUSE = timedelta(hours=1)  # between reminders that people give by hand
ENDED = [State.CANCELLED.value, State.ALLOCATED.value, State.SETTLED.value]

# As with what is demanded, the party's policy comes before the product's.
_HOURS = """
LEFT JOIN refdata_party p ON p.id = v.counterparty_id
{join} JOIN LATERAL (
    SELECT overdue_after_hours AS overdue, remind_every_hours AS every FROM trades_confirmation_policy y
    WHERE y.overdue_after_hours IS NOT NULL AND y.product IN ('', v.product) AND y.party IN ('', p.code)
    ORDER BY y.party = '', y.product = '' LIMIT 1
) y ON true
"""
_ANY = "SELECT 1 FROM trades_confirmation_policy WHERE overdue_after_hours IS NOT NULL LIMIT 1"
_AWAIT = f"""
INSERT INTO trades_awaited_confirmation AS a (trade_id, version, since, look_at)
SELECT v.trade_id, v.version, v.recorded_at, v.recorded_at + make_interval(hours => y.overdue)
FROM trades_state s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
{_HOURS.format(join="INNER")}
WHERE s.trade_id = ANY(%s) AND s.state <> ALL(%s)
ORDER BY v.trade_id
ON CONFLICT (trade_id) DO UPDATE SET look_at = EXCLUDED.look_at
WHERE a.version < EXCLUDED.version OR EXCLUDED.look_at < a.look_at
"""


def await_confirmations(trade_ids: Sequence[int], at: datetime, actor: Actor) -> None:
    """Await what counterparties say of trades that the checks have seen, where a policy says by when; in the caller's
    transaction, which has locked the trades."""
    if sql.row(_ANY):
        sql.run(_AWAIT, [list(trade_ids), ENDED])


_SOON = """
UPDATE trades_awaited_confirmation SET look_at = %(at)s
WHERE trade_id IN (
    SELECT trade_id FROM trades_awaited_confirmation WHERE trade_id = ANY(%(ids)s) AND look_at > %(at)s
    ORDER BY trade_id FOR UPDATE
)
"""


def look_soon(trade_ids: Sequence[int], at: datetime, actor: Actor) -> None:
    """Have trades looked at next, since their confirmation may be awaited no longer; in the caller's transaction."""
    sql.run(_SOON, {"ids": list(trade_ids), "at": at})


_SPREADING = """
SELECT id, spread_from FROM trades_confirmation_policy WHERE spread_from IS NOT NULL
ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_NEXT = "SELECT trade_id FROM trades_state WHERE trade_id > %s ORDER BY trade_id LIMIT %s"
_SPREAD = "UPDATE trades_confirmation_policy SET spread_from = %s WHERE id = %s"


def spread_policies(*, now: datetime) -> int:
    """Let a policy that has changed reach the next of the trades that there are already; return how many."""
    with transaction.atomic():
        found = sql.row(_SPREADING)
        if found is None:
            return 0
        policy_id, through = found
        trade_ids = [each for (each,) in sql.rows(_NEXT, [through, SPREAD_AT_ONCE])]
        lock_trades(trade_ids)
        await_confirmations(trade_ids, now, system("confirmations"))
        sql.run(_SPREAD, [trade_ids[-1] if trade_ids else None, policy_id])
    return len(trade_ids)


@dataclass(frozen=True)
class _Next:
    """What is to be done about an awaited trade: END (awaited no longer), WAIT or REMIND; and when to look again."""

    what: Literal["END", "WAIT", "REMIND"]
    look_at: datetime
    is_open: bool  # whether it is overdue, and so work for somebody


def _next(row: Mapping[str, Any], now: datetime) -> _Next:
    """Return what is to be done about a row of _LOOK."""
    tomorrow = now + LOOK_AGAIN
    if row["state"] in ENDED or row["overdue"] is None:
        return _Next("END", tomorrow, is_open=False)
    if row["is_confirmed"]:
        return _Next("WAIT", tomorrow, is_open=False)
    overdue_at = row["since"] + timedelta(hours=row["overdue"])
    if now < overdue_at:
        return _Next("WAIT", overdue_at, is_open=False)
    every = None if row["every"] is None else timedelta(hours=row["every"])
    reminded_at = row["reminded_at"]
    # What was known before this version was known is no reminder of it.
    if reminded_at is None or reminded_at < row["since"] or (every and reminded_at + every <= now):
        return _Next("REMIND", now + min(every or LOOK_AGAIN, LOOK_AGAIN), is_open=True)
    return _Next("WAIT", min(reminded_at + every, tomorrow) if every else tomorrow, is_open=True)


_DUE = """
SELECT trade_id FROM trades_awaited_confirmation WHERE look_at <= %s ORDER BY look_at, trade_id LIMIT %s
"""
_BLOCKS = """
SELECT DISTINCT v.counterparty_id, v.trade_date FROM trades_state s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.trade_id = ANY(%s) AND v.counterparty_id IS NOT NULL
"""
_LOOK = f"""
SELECT a.trade_id, a.reminders, a.reminded_at, s.state, v.version, v.recorded_at AS since, v.base_amount,
       p.code AS party, y.overdue, y.every, mail.mail_to, {", ".join(f"v.{each}" for each in DUE_COLUMNS)},
       EXISTS (SELECT FROM trades_confirmation c WHERE c.trade_id = a.trade_id)
       OR EXISTS (SELECT FROM trades_confirmation_waiver w WHERE w.trade_id = v.trade_id AND w.version = v.version)
       AS is_confirmed
FROM trades_awaited_confirmation a
JOIN trades_state s ON s.trade_id = a.trade_id
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
{_HOURS.format(join="LEFT")}
{ADDRESS}
WHERE a.trade_id = ANY(%s) AND a.look_at <= %s
ORDER BY a.trade_id
"""
_END = "DELETE FROM trades_awaited_confirmation WHERE trade_id = ANY(%s)"
_STORE = """
UPDATE trades_awaited_confirmation a
SET version = n.version, since = n.since, look_at = n.look_at, reminders = n.reminders, reminded_at = n.reminded_at
FROM jsonb_to_recordset(%s::jsonb)
    AS n(trade_id bigint, version int, since timestamptz, look_at timestamptz, reminders int, reminded_at timestamptz)
WHERE a.trade_id = n.trade_id
"""


def remind_overdue(*, now: datetime) -> int:
    """Look at the awaited trades whose time has come, the longest due first; return how many, AT_ONCE at most.

    What is overdue is reminded of by an event, which leaves over the feed, and is work for somebody until the
    counterparty says something of it.
    """
    actor = system("confirmations")
    with transaction.atomic():
        trade_ids = sorted(each for (each,) in sql.rows(_DUE, [now, AT_ONCE]))
        lock_trades(trade_ids)
        # What is said of them waits for us, or we for it: it closes the work item that we would open.
        lock_blocks(sql.rows(_BLOCKS, [trade_ids]))
        rows = sql.records(_LOOK, [trade_ids, now])  # those that nobody else has looked at by now
        steps = {row["trade_id"]: _next(row, now) for row in rows}
        _store(rows, steps, actor, now)
    return len(rows)


def _store(
    rows: Sequence[Mapping[str, Any]], steps: Mapping[int, _Next], actor: Actor, now: datetime
) -> None:
    ended = [trade_id for trade_id, each in steps.items() if each.what == "END"]
    sql.run(_END, [ended])
    kept = [row for row in rows if steps[row["trade_id"]].what != "END"]
    reminded = [row for row in kept if steps[row["trade_id"]].what == "REMIND"]
    told = []
    for row in kept:
        is_reminded = steps[row["trade_id"]].what == "REMIND"
        told.append(
            {
                **{name: row[name] for name in ("trade_id", "version", "since")},
                "look_at": steps[row["trade_id"]].look_at,
                "reminders": row["reminders"] + is_reminded,
                "reminded_at": now if is_reminded else row["reminded_at"],
            }
        )
    sql.run(_STORE, [encode(told)])
    _record(reminded, actor, now, reason="")
    close_exceptions(
        trade_ids=sorted(trade_id for trade_id, each in steps.items() if not each.is_open),
        kinds=[UNCONFIRMED.code],
        resolution="its confirmation is awaited no longer",
        closed_by=actor,
        at=now,
    )
    _open(reminded, actor, now)


def _record(rows: Sequence[Mapping[str, Any]], actor: Actor, now: datetime, *, reason: str) -> None:
    record(
        type=REMINDED,
        subject=SUBJECT,
        ids=[row["trade_id"] for row in rows],
        versions=[row["version"] for row in rows],
        actor=actor,
        at=now,
        reason=reason,
        each=[
            {"party": row["party"], "awaited_since": row["since"], "reminder": row["reminders"] + 1}
            for row in rows
        ],
    )
    queue_mails(rows, occasion=REMINDER, actor=actor, now=now)


def _open(rows: Sequence[Mapping[str, Any]], actor: Actor, now: datetime) -> None:
    dues = {row["trade_id"]: Due(*(row[name] for name in DUE_COLUMNS)) for row in rows}
    deadlines = deadlines_of(set(dues.values()))
    items = [
        NewException(
            trade_id=row["trade_id"],
            kind=UNCONFIRMED.code,
            codes=["CONFIRMATION_OVERDUE"],
            summary=f"{row['party'] or 'The counterparty'} has not confirmed version {row['version']}"
            f" after {(now - row['since']) // timedelta(hours=1):,} hours; reminders: {row['reminders'] + 1}.",
            amount_at_risk=row["base_amount"],
            deadline=deadlines.get(dues[row["trade_id"]], now),
            causes=[f"CONFIRMATION_OVERDUE {row['party'] or ''}".strip()],
        )
        for row in rows
    ]
    open_exceptions(items=items, at=now, actor=actor)


_ASKED = f"""
SELECT s.state, v.trade_id, v.version, v.recorded_at AS since, p.code AS party, coalesce(a.reminders, 0) AS reminders,
       a.reminded_at, mail.mail_to,
       EXISTS (SELECT FROM trades_confirmation c WHERE c.trade_id = v.trade_id AND c.status IN ('MATCHED', 'CANCELLED'))
       AS agrees
FROM trades_state s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
LEFT JOIN refdata_party p ON p.id = v.counterparty_id
LEFT JOIN trades_awaited_confirmation a ON a.trade_id = s.trade_id
{ADDRESS}
WHERE s.trade_id = %s AND s.state <> ALL(ARRAY{ENDED})
"""
_REMIND = """
INSERT INTO trades_awaited_confirmation AS a (trade_id, version, since, look_at, reminders, reminded_at)
VALUES (%(trade_id)s, %(version)s, %(since)s, %(look_at)s, 1, %(now)s)
ON CONFLICT (trade_id) DO UPDATE
SET reminders = a.reminders + 1, reminded_at = EXCLUDED.reminded_at, look_at = EXCLUDED.look_at
"""


def remind(*, trade_id: int, actor: Actor, now: datetime) -> None:
    """Remind the counterparty of a trade's confirmation now, by an event that leaves over the feed, and by mail where a
    policy says an address.

    Problem 404 for a trade that is not there or has ended, 409 where both sides agree or the last reminder is
    less than an hour old.
    """
    with transaction.atomic():
        lock_trades([trade_id])
        rows = sql.records(_ASKED, [trade_id])
        if not rows:
            raise not_found("open trade")
        (row,) = rows
        if row["agrees"]:
            raise Problem(409, "confirmed", "Both sides agree: there is nothing to remind of.")
        if row["reminded_at"] is not None and now < row["reminded_at"] + PAUSE:
            raise Problem(409, "reminded", "The counterparty was reminded less than an hour ago.")
        sql.run(_REMIND, {**row, "look_at": now + PAUSE, "now": now})
        _record([row], actor, now, reason="asked by hand")
