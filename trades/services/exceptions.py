"""The work items people see: opened and closed by what happens to trades, claimed by people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache

from django.contrib.auth.base_user import AbstractBaseUser

from core import sql
from core.audit import Actor, encode
from trades.work_items import MAX_CAUSE, move_of, subject_sql, waits_sql

CLAIMED, RELEASED, TAKEN, CLOSED = "CLAIMED", "RELEASED", "TAKEN", "CLOSED"


@dataclass(frozen=True, slots=True)
class NewException:
    """What is to be worked on: why a trade is held. `amount_at_risk` is in base currency."""

    trade_id: int
    kind: str
    codes: list[str]
    summary: str
    amount_at_risk: Decimal | None = None
    deadline: datetime | None = None


# An event per item, of the trade; `changed` rows are (id, trade_id, kind, codes), and say more in {more} (jsonb).
EVENT_LOG = """
logged AS (
    INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason, data)
    SELECT %(at)s, pg_current_xact_id()::text::bigint, {event}, 'trade', trade_id, NULL,
           %(actor)s, %(request_id)s, %(reason)s,
           jsonb_build_object('exception_id', id, 'kind', kind, 'codes', to_jsonb(codes)){more}
    FROM changed ORDER BY id
)
"""
LOGGED = EVENT_LOG.format(event="%(event)s", more="")


@cache
def _open_statement() -> str:
    """Return the statement that opens items; what the codes on them mean has been declared by then.

    Items are locked in the order of id before any is touched, as every other statement here does: to count what is
    held comes first, once. An item whose
    trade and kind have none open takes up the latest closed one that shares a cause with it.
    """
    return f"""
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(items)s::jsonb)
    AS i(trade_id bigint, kind text, codes text[], summary text, amount_at_risk numeric, deadline timestamptz,
         move text)
), told AS MATERIALIZED (
    SELECT g.*, coalesce(c.causes, g.codes) AS causes, coalesce(c.waits, '{{}}') AS waits, r.owner_id, r.team_id
    FROM given g
    LEFT JOIN LATERAL (
        SELECT v.* FROM trades_state s
        JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
        WHERE s.trade_id = g.trade_id
    ) v ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(DISTINCT left(concat_ws(' ', f.code, nullif({subject_sql()}, '')), {MAX_CAUSE})) AS causes,
               array_agg(DISTINCT w.name) FILTER (WHERE w.name IS NOT NULL) AS waits
        FROM trades_finding f LEFT JOIN LATERAL unnest({waits_sql()}) AS w(name) ON true
        WHERE f.trade_id = g.trade_id AND f.closed_at IS NULL AND f.severity = 'BLOCK' AND f.code = ANY(g.codes)
    ) c ON true
    LEFT JOIN LATERAL (
        SELECT owner_id, team_id FROM trades_assignment_rule r
        WHERE r.kind IN ('', g.kind) AND (r.code = '' OR r.code = ANY(g.codes))
          AND r.source IN ('', v.source) AND r.book IN ('', v.book_ref)
        ORDER BY r.position, r.id LIMIT 1
    ) r ON true
), earlier AS MATERIALIZED (
    SELECT DISTINCT ON (t.trade_id, t.kind) e.id, e.closed_at AS was_closed_at, t.*
    FROM told t JOIN trades_exception e ON e.trade_id = t.trade_id AND e.kind = t.kind
    WHERE e.closed_at IS NULL OR e.causes && t.causes
    ORDER BY t.trade_id, t.kind, e.closed_at IS NOT NULL, e.id DESC
), held AS MATERIALIZED (
    SELECT e.id FROM trades_exception e
    WHERE e.id IN (SELECT id FROM earlier) ORDER BY e.id FOR UPDATE
), reopened AS (
    UPDATE trades_exception e
    SET closed_at = NULL, closed_by = '', resolution = '', closed_xid = NULL, reopened_at = %(at)s,
        reopenings = e.reopenings + 1, told_at = %(at)s, codes = t.codes, summary = t.summary,
        amount_at_risk = t.amount_at_risk, deadline = t.deadline, causes = t.causes, waits = t.waits,
        move = t.move, escalated_at = NULL, snoozed_until = NULL, snooze_reason = ''
    FROM earlier t
    WHERE (SELECT count(*) FROM held) >= 0 AND e.id = t.id AND t.was_closed_at IS NOT NULL AND e.closed_at IS NOT NULL
    RETURNING e.id, e.trade_id, e.kind, e.codes
), opened AS (
    INSERT INTO trades_exception AS e
        (kind, trade_id, codes, summary, amount_at_risk, deadline, opened_at, closed_by, resolution,
         causes, waits, move, owner_id, claimed_at, team_id)
    SELECT kind, trade_id, codes, summary, amount_at_risk, deadline, %(at)s, '', '',
           causes, waits, move, owner_id, CASE WHEN owner_id IS NOT NULL THEN %(at)s::timestamptz END, team_id
    FROM told
    WHERE (SELECT count(*) FROM held) >= 0 AND (trade_id, kind) NOT IN (SELECT trade_id, kind FROM reopened)
    ORDER BY trade_id, kind
    ON CONFLICT (trade_id, kind) WHERE closed_at IS NULL DO UPDATE
    SET codes = EXCLUDED.codes, summary = EXCLUDED.summary,
        amount_at_risk = EXCLUDED.amount_at_risk, deadline = EXCLUDED.deadline,
        causes = EXCLUDED.causes, waits = EXCLUDED.waits,
        move = CASE WHEN e.codes = EXCLUDED.codes THEN e.move ELSE EXCLUDED.move END,
        escalated_at = CASE WHEN e.deadline = EXCLUDED.deadline THEN e.escalated_at END,
        told_at = EXCLUDED.opened_at
    RETURNING e.id, e.trade_id, e.kind, e.codes, e.xmax = 0 AS is_new, e.owner_id, e.team_id
), changed AS (
    SELECT id, trade_id, kind, codes, 'exception.opened' AS event, NULL AS owner, NULL AS team
    FROM opened WHERE is_new
    UNION ALL
    SELECT id, trade_id, kind, codes, 'exception.reopened', NULL, NULL FROM reopened
    UNION ALL
    SELECT o.id, trade_id, kind, codes, 'exception.assigned', u.username, g.name
    FROM opened o LEFT JOIN auth_user u ON u.id = o.owner_id LEFT JOIN auth_group g ON g.id = o.team_id
    WHERE is_new AND (o.owner_id IS NOT NULL OR o.team_id IS NOT NULL)
), logged AS (
    INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason, data)
    SELECT %(at)s, pg_current_xact_id()::text::bigint, event, 'trade', trade_id, NULL,
           %(actor)s, %(request_id)s, '',
           jsonb_build_object('exception_id', id, 'kind', kind, 'codes', to_jsonb(codes))
           || CASE WHEN event = 'exception.assigned' THEN jsonb_build_object('owner', owner, 'team', team)
                   ELSE '{{}}' END
    FROM changed ORDER BY id, event = 'exception.assigned'
)
SELECT 1
"""


def open_exceptions(*, items: Sequence[NewException], at: datetime, actor: Actor) -> None:
    """Open work items, at most one of `items` per trade and kind, with an event for each that is new.

    An item that is open already gets the new codes, summary, money and deadline, and keeps its owner. A closed
    one with a cause that has come back opens again, as it was left. New ones go where the assignment rules say.
    """
    if not items:
        return
    told = [{**asdict(each), "move": move_of(each.kind, each.codes)} for each in items]
    sql.run(
        _open_statement(),
        {"items": encode(told), "at": at, "actor": actor.name, "request_id": actor.request_id},
    )


_CLOSE = f"""
WITH held AS MATERIALIZED (
    SELECT id FROM trades_exception
    WHERE trade_id = ANY(%(trade_ids)s::bigint[]) AND closed_at IS NULL
      AND (%(kinds)s::text[] IS NULL OR kind = ANY(%(kinds)s::text[]))
    ORDER BY id FOR UPDATE
), changed AS (
    UPDATE trades_exception e
    SET closed_at = %(at)s, closed_by = %(actor)s, resolution = %(reason)s
    FROM held WHERE e.id = held.id
    RETURNING e.id, e.trade_id, e.kind, e.codes
), {LOGGED}
SELECT count(*) FROM changed
"""


def close_exceptions(
    *,
    trade_ids: Sequence[int],
    kinds: Sequence[str] | None = None,
    resolution: str,
    closed_by: Actor,
    at: datetime,
) -> int:
    """Close the open items of trades (only those of some kinds, when given) and return how many.

    An item keeps its owner; it opens again when a cause of it comes back.
    """
    if not trade_ids:
        return 0
    found = sql.row(
        _CLOSE,
        {
            "trade_ids": list(trade_ids),
            "kinds": None if kinds is None else list(kinds),
            "at": at,
            "event": "exception.closed",
            "actor": closed_by.name,
            "request_id": closed_by.request_id,
            "reason": resolution,
        },
    )
    return int(found[0]) if found else 0


_CLAIM = f"""
WITH held AS MATERIALIZED (
    SELECT id, owner_id, closed_at FROM trades_exception
    WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE
), changed AS (
    UPDATE trades_exception e SET owner_id = %(user)s, claimed_at = %(at)s
    FROM held WHERE e.id = held.id AND held.closed_at IS NULL AND held.owner_id IS NULL
    RETURNING e.id, e.trade_id, e.kind, e.codes
), {LOGGED}
SELECT id, CASE WHEN closed_at IS NOT NULL THEN 'CLOSED'
                WHEN coalesce(owner_id, %(user)s) = %(user)s THEN 'CLAIMED' ELSE 'TAKEN' END
FROM held ORDER BY id
"""
_RELEASE = f"""
WITH held AS MATERIALIZED (
    SELECT id, owner_id, closed_at FROM trades_exception
    WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE
), changed AS (
    UPDATE trades_exception e SET owner_id = NULL, claimed_at = NULL
    FROM held WHERE e.id = held.id AND held.closed_at IS NULL AND held.owner_id = %(user)s
    RETURNING e.id, e.trade_id, e.kind, e.codes
), {LOGGED}
SELECT id, CASE WHEN closed_at IS NOT NULL THEN 'CLOSED'
                WHEN coalesce(owner_id, %(user)s) = %(user)s THEN 'RELEASED' ELSE 'TAKEN' END
FROM held ORDER BY id
"""
_TAKE_NEXT = f"""
WITH next AS MATERIALIZED (
    SELECT id FROM trades_exception
    WHERE closed_at IS NULL AND owner_id IS NULL AND move <> 'FRONT_OFFICE'
      AND (snoozed_until IS NULL OR snoozed_until <= %(at)s)
    ORDER BY deadline, amount_at_risk DESC NULLS LAST, id
    LIMIT 1 FOR UPDATE SKIP LOCKED
), changed AS (
    UPDATE trades_exception e SET owner_id = %(user)s, claimed_at = %(at)s
    FROM next WHERE e.id = next.id
    RETURNING e.id, e.trade_id, e.kind, e.codes
), {LOGGED}
SELECT id FROM changed
"""


def _by(event: str, user: AbstractBaseUser, actor: Actor, now: datetime) -> dict[str, object]:
    return {
        "user": user.pk,
        "at": now,
        "event": event,
        "actor": actor.name,
        "request_id": actor.request_id,
        "reason": "",
    }


def claim_exceptions(
    *, exception_ids: Sequence[int], user: AbstractBaseUser, actor: Actor, now: datetime
) -> dict[int, str]:
    """Make a user the owner of open items that have none; return what became of each that exists.

    CLAIMED: the user's, also if it was before; TAKEN: somebody else's; CLOSED: nobody's any more.
    """
    parameters = {**_by("exception.claimed", user, actor, now), "ids": list(exception_ids)}
    return dict(sql.rows(_CLAIM, parameters))


def release_exceptions(
    *, exception_ids: Sequence[int], user: AbstractBaseUser, actor: Actor, now: datetime
) -> dict[int, str]:
    """Put a user's open items back into the queue; return what became of each that exists.

    RELEASED: nobody's, also if it was before; TAKEN: somebody else's, and stays so; CLOSED: done already.
    """
    parameters = {**_by("exception.released", user, actor, now), "ids": list(exception_ids)}
    return dict(sql.rows(_RELEASE, parameters))


def take_next(*, user: AbstractBaseUser, actor: Actor, now: datetime) -> int | None:
    """Claim the most urgent open item that nobody has, by deadline and then by money, and return its id.

    What is snoozed, or waits for the front office's answer, is left where it is.
    Two people who ask at once get two different items. None: the queue is empty.
    """
    found = sql.row(_TAKE_NEXT, _by("exception.claimed", user, actor, now))
    return int(found[0]) if found else None
