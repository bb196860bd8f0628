"""The work items people see: opened and closed by what happens to trades, claimed by people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import sql
from core.audit import Actor, encode
from core.sight import as_seen
from trades.lifecycle import SUBJECT
from trades.work_items import MAX_CAUSE, About, kinds, move_of, subject_sql, waits_sql

CLAIMED, RELEASED, TAKEN, CLOSED = "CLAIMED", "RELEASED", "TAKEN", "CLOSED"
ANSWERED, HELD = "ANSWERED", "HELD"


@dataclass(frozen=True, slots=True)
class NewException:
    """What is to be worked on: why a trade is held. `amount_at_risk` is in base currency.

    about: what it hangs on instead of a trade (then `trade_id` is None). causes: what it shares with items alike,
    of kinds whose codes no finding explains; without them, its codes.
    """

    trade_id: int | None
    kind: str
    codes: list[str]
    summary: str
    amount_at_risk: Decimal | None = None
    deadline: datetime | None = None
    about: About | None = None
    causes: Sequence[str] = ()

    def told(self) -> dict[str, object]:
        """Return the item as the statement that opens it reads it."""
        about = self.about or About(SUBJECT, self.trade_id or 0)
        return {
            **asdict(about),
            "trade_id": self.trade_id,
            "kind": self.kind,
            "codes": self.codes,
            "summary": self.summary,
            "amount_at_risk": self.amount_at_risk,
            "deadline": self.deadline,
            "causes": [cause[:MAX_CAUSE] for cause in self.causes or self.codes],
            "move": move_of(self.kind, self.codes),
        }


# What tells items apart: one is open at most for each.
_KEY = "subject, subject_id, member, kind"
# An event per item, of what it is about; `changed` rows are CHANGED of `e`, and say more in {more} (jsonb).
CHANGED = "e.id, e.subject, e.subject_id, e.member, e.kind, e.codes"
EVENT_LOG = """
logged AS (
    INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason, data)
    SELECT %(at)s, pg_current_xact_id()::text::bigint, {event}, subject, subject_id, NULL,
           %(actor)s, %(request_id)s, {reason},
           jsonb_strip_nulls(jsonb_build_object('exception_id', id, 'kind', kind, 'codes', to_jsonb(codes),
                                                'member', nullif(member, ''))){more}
    FROM changed ORDER BY id, {event} = 'exception.assigned'
)
"""
LOGGED = EVENT_LOG.format(event="%(event)s", reason="%(reason)s", more="")
_ASSIGNED = """ || CASE WHEN event = 'exception.assigned' THEN jsonb_build_object('owner', owner, 'team', team)
                   ELSE '{}' END"""


@cache
def _open_statement() -> str:
    """Return the statement that opens items; what the codes on them mean has been declared by then.

    Items are locked in the order of id before any is touched, as every other statement here does: to count what is
    held comes first, once. An item whose subject and kind have none open takes up the latest closed one that shares
    a cause with it.
    """
    return f"""
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(items)s::jsonb)
    AS i(trade_id bigint, subject text, subject_id bigint, member text, kind text, codes text[], summary text,
         amount_at_risk numeric, deadline timestamptz, causes text[], move text)
), told AS MATERIALIZED (
    SELECT g.trade_id, {_of("g", _KEY)}, g.codes, g.summary, g.amount_at_risk, g.deadline, g.move,
           coalesce(c.causes, g.causes) AS causes, coalesce(c.waits, '{{}}') AS waits, r.owner_id, r.team_id
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
    SELECT DISTINCT ON ({_of("t", _KEY)}) e.id, e.closed_at AS was_closed_at, t.*
    FROM told t CROSS JOIN LATERAL (
        SELECT x.id, x.closed_at, x.causes FROM trades_exception x WHERE x.trade_id = t.trade_id AND x.kind = t.kind
        UNION ALL
        SELECT x.id, x.closed_at, x.causes FROM trades_exception x
        WHERE t.trade_id IS NULL AND x.trade_id IS NULL AND ({_of("x", _KEY)}) = ({_of("t", _KEY)})
    ) e
    WHERE e.closed_at IS NULL OR e.causes && t.causes
    ORDER BY {_of("t", _KEY)}, e.closed_at IS NOT NULL, e.id DESC
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
    RETURNING {CHANGED}
), opened AS (
    INSERT INTO trades_exception AS e
        (trade_id, {_KEY}, codes, summary, amount_at_risk, deadline, opened_at, closed_by, resolution,
         causes, waits, move, owner_id, claimed_at, team_id)
    SELECT trade_id, {_KEY}, codes, summary, amount_at_risk, deadline, %(at)s, '', '',
           causes, waits, move, owner_id, CASE WHEN owner_id IS NOT NULL THEN %(at)s::timestamptz END, team_id
    FROM told
    WHERE (SELECT count(*) FROM held) >= 0 AND ({_KEY}) NOT IN (SELECT {_KEY} FROM reopened)
    ORDER BY {_KEY}
    ON CONFLICT ({_KEY}) WHERE closed_at IS NULL DO UPDATE
    SET codes = EXCLUDED.codes, summary = EXCLUDED.summary,
        amount_at_risk = EXCLUDED.amount_at_risk, deadline = EXCLUDED.deadline,
        causes = EXCLUDED.causes, waits = EXCLUDED.waits,
        move = CASE WHEN e.codes = EXCLUDED.codes THEN e.move ELSE EXCLUDED.move END,
        escalated_at = CASE WHEN e.deadline = EXCLUDED.deadline THEN e.escalated_at END,
        told_at = EXCLUDED.opened_at
    RETURNING {CHANGED}, e.xmax = 0 AS is_new, e.owner_id, e.team_id
), changed AS (
    SELECT {_of("o", "id, " + _KEY)}, codes, 'exception.opened' AS event, NULL AS owner, NULL AS team
    FROM opened o WHERE is_new
    UNION ALL
    SELECT {_of("o", "id, " + _KEY)}, codes, 'exception.reopened', NULL, NULL FROM reopened o
    UNION ALL
    SELECT {_of("o", "id, " + _KEY)}, codes, 'exception.assigned', u.username, g.name
    FROM opened o LEFT JOIN auth_user u ON u.id = o.owner_id LEFT JOIN auth_group g ON g.id = o.team_id
    WHERE is_new AND (o.owner_id IS NOT NULL OR o.team_id IS NOT NULL)
), {EVENT_LOG.format(event="event", reason="''", more=_ASSIGNED)}
SELECT 1
"""


def _of(row: str, names: str) -> str:
    return ", ".join(f"{row}.{name}" for name in names.split(", "))


def open_exceptions(*, items: Sequence[NewException], at: datetime, actor: Actor) -> None:
    """Open work items, at most one of `items` per subject and kind, with an event for each that is new.

    An item that is open already gets the new codes, summary, money and deadline, and keeps its owner. A closed
    one with a cause that has come back opens again, as it was left. New ones go where the assignment rules say.
    """
    if not items:
        return
    told = encode([each.told() for each in items])
    sql.run(
        _open_statement(),
        {"items": told, "at": at, "actor": actor.name, "request_id": actor.request_id},
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
    RETURNING {CHANGED}
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


_CLOSE_ABOUT = f"""
WITH held AS MATERIALIZED (
    SELECT id FROM trades_exception
    WHERE trade_id IS NULL AND subject = %(subject)s AND subject_id = ANY(%(subject_ids)s::bigint[])
      AND kind = %(kind)s AND closed_at IS NULL
    ORDER BY id FOR UPDATE
), changed AS (
    UPDATE trades_exception e
    SET closed_at = %(at)s, closed_by = %(actor)s, resolution = %(reason)s
    FROM held WHERE e.id = held.id
    RETURNING {CHANGED}
), {LOGGED}
SELECT count(*) FROM changed
"""


def close_exceptions_about(
    *, subject: str, subject_ids: Sequence[int], kind: str, resolution: str, closed_by: Actor, at: datetime
) -> int:
    """Close the open items of a kind that hang on subjects other than trades, and return how many."""
    if not subject_ids:
        return 0
    found = sql.row(
        _CLOSE_ABOUT,
        {
            "subject": subject,
            "subject_ids": list(subject_ids),
            "kind": kind,
            "at": at,
            "event": "exception.closed",
            "actor": closed_by.name,
            "request_id": closed_by.request_id,
            "reason": resolution,
        },
    )
    return int(found[0]) if found else 0


_CLOSE_BY_HAND = f"""
WITH held AS MATERIALIZED (
    SELECT id, closed_at, kind = ANY(%(kinds)s::text[]) AS by_hand FROM trades_exception
    WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE
), changed AS (
    UPDATE trades_exception e
    SET closed_at = %(at)s, closed_by = %(actor)s, resolution = %(reason)s
    FROM held WHERE e.id = held.id AND held.closed_at IS NULL AND held.by_hand
    RETURNING {CHANGED}
), {LOGGED}
SELECT id, CASE WHEN closed_at IS NOT NULL THEN 'CLOSED' WHEN by_hand THEN 'ANSWERED' ELSE 'HELD' END
FROM held ORDER BY id
"""


def close_by_hand(
    *, exception_ids: Sequence[int], resolution: str, actor: Actor, now: datetime
) -> dict[int, str]:
    """Close open items of the kinds that a person's words close; return what became of each that exists.

    ANSWERED: it is closed by this; CLOSED: it was before; HELD: only what it waits for closes it.
    """
    return dict(
        sql.rows(
            _CLOSE_BY_HAND,
            {
                "ids": list(exception_ids),
                "kinds": [code for code, kind in kinds().items() if kind.by_hand],
                "at": now,
                "event": "exception.closed",
                "actor": actor.name,
                "request_id": actor.request_id,
                "reason": resolution,
            },
        )
    )


_CLAIM = f"""
WITH held AS MATERIALIZED (
    SELECT id, owner_id, closed_at FROM trades_exception
    WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE
), changed AS (
    UPDATE trades_exception e SET owner_id = %(user)s, claimed_at = %(at)s
    FROM held WHERE e.id = held.id AND held.closed_at IS NULL AND held.owner_id IS NULL
    RETURNING {CHANGED}
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
    RETURNING {CHANGED}
), {LOGGED}
SELECT id, CASE WHEN closed_at IS NOT NULL THEN 'CLOSED'
                WHEN coalesce(owner_id, %(user)s) = %(user)s THEN 'RELEASED' ELSE 'TAKEN' END
FROM held ORDER BY id
"""
_NEXT = """
SELECT id FROM trades_exception
WHERE closed_at IS NULL AND owner_id IS NULL AND move <> 'FRONT_OFFICE'
  AND (snoozed_until IS NULL OR snoozed_until <= %s) AND id <> %s
ORDER BY deadline, amount_at_risk DESC NULLS LAST, id
LIMIT 1 FOR UPDATE SKIP LOCKED
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


def take_next(*, user: AbstractBaseUser, actor: Actor, now: datetime, after: int = 0) -> int | None:
    """Claim the most urgent open item that nobody has, by deadline and then by money, and return its id.

    What is snoozed, or waits for the front office's answer, is left where it is; so is `after`, the item that
    the user has just worked: it stays open until the checks have looked at it again.
    Two people who ask at once get two different items. None: the queue is empty, of what the user may see.
    """
    with transaction.atomic():
        with as_seen():
            found = sql.row(_NEXT, [now, after])
        if found is None:
            return None
        claim_exceptions(exception_ids=[found[0]], user=user, actor=actor, now=now)
        return int(found[0])
