"""The work items people see: opened and closed by what happens to trades, claimed and commented by people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import sql
from core.audit import Actor, encode, record
from core.http.problem import Problem, not_found
from core.text import text_faults
from trades.lifecycle import SUBJECT
from trades.models import Comment, ExceptionItem

Kind = Literal["FINDING", "REJECTION", "FAIL", "CHANGE"]
CLAIMED, RELEASED, TAKEN, CLOSED = "CLAIMED", "RELEASED", "TAKEN", "CLOSED"
MAX_COMMENT = 4_000


@dataclass(frozen=True, slots=True)
class NewException:
    """What is to be worked on: why a trade is held. `amount_at_risk` is in base currency."""

    trade_id: int
    kind: Kind
    codes: list[str]
    summary: str
    amount_at_risk: Decimal | None = None
    deadline: datetime | None = None


# An event per item, of the trade; the statement's `changed` rows are (id, trade_id, kind, codes).
_LOGGED = """
logged AS (
    INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason, data)
    SELECT %(at)s, pg_current_xact_id()::text::bigint, %(event)s, 'trade', trade_id, NULL,
           %(actor)s, %(request_id)s, %(reason)s,
           jsonb_build_object('exception_id', id, 'kind', kind, 'codes', to_jsonb(codes))
    FROM changed ORDER BY id
)
"""
# Open items are locked in the order of id before any is touched, as every other statement here does.
_OPEN = f"""
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(items)s::jsonb)
    AS i(trade_id bigint, kind text, codes text[], summary text, amount_at_risk numeric, deadline timestamptz)
), held AS MATERIALIZED (
    SELECT e.id FROM trades_exception e
    WHERE e.trade_id = ANY(%(trade_ids)s::bigint[]) AND e.closed_at IS NULL ORDER BY e.id FOR UPDATE
), opened AS (
    INSERT INTO trades_exception AS e
        (kind, trade_id, codes, summary, amount_at_risk, deadline, opened_at, closed_by, resolution)
    SELECT kind, trade_id, codes, summary, amount_at_risk, deadline, %(at)s, '', ''
    FROM given CROSS JOIN (SELECT count(*) FROM held) AS locked
    ORDER BY trade_id, kind
    ON CONFLICT (trade_id, kind) WHERE closed_at IS NULL DO UPDATE
    SET codes = EXCLUDED.codes, summary = EXCLUDED.summary,
        amount_at_risk = EXCLUDED.amount_at_risk, deadline = EXCLUDED.deadline,
        told_at = EXCLUDED.opened_at
    RETURNING e.id, e.trade_id, e.kind, e.codes, e.xmax = 0 AS is_new
), changed AS (SELECT * FROM opened WHERE is_new), {_LOGGED}
SELECT 1
"""


def open_exceptions(*, items: Sequence[NewException], at: datetime, actor: Actor) -> None:
    """Open work items, at most one of `items` per trade and kind, with an event for each that is new.

    An item that is open already gets the new codes, summary, money and deadline, and keeps its owner.
    """
    if not items:
        return
    sql.run(
        _OPEN,
        {
            "items": encode(items),
            "trade_ids": [each.trade_id for each in items],
            "at": at,
            "event": "exception.opened",
            "actor": actor.name,
            "request_id": actor.request_id,
            "reason": "",
        },
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
), {_LOGGED}
SELECT count(*) FROM changed
"""


def close_exceptions(
    *,
    trade_ids: Sequence[int],
    kinds: Sequence[Kind] | None = None,
    resolution: str,
    closed_by: Actor,
    at: datetime,
) -> int:
    """Close the open items of trades (only those of some kinds, when given) and return how many.

    An item keeps its owner; the same cause coming back makes a new item.
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
), {_LOGGED}
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
), {_LOGGED}
SELECT id, CASE WHEN closed_at IS NOT NULL THEN 'CLOSED'
                WHEN coalesce(owner_id, %(user)s) = %(user)s THEN 'RELEASED' ELSE 'TAKEN' END
FROM held ORDER BY id
"""
_TAKE_NEXT = f"""
WITH next AS MATERIALIZED (
    SELECT id FROM trades_exception
    WHERE closed_at IS NULL AND owner_id IS NULL
    ORDER BY deadline, amount_at_risk DESC NULLS LAST, id
    LIMIT 1 FOR UPDATE SKIP LOCKED
), changed AS (
    UPDATE trades_exception e SET owner_id = %(user)s, claimed_at = %(at)s
    FROM next WHERE e.id = next.id
    RETURNING e.id, e.trade_id, e.kind, e.codes
), {_LOGGED}
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

    Two people who ask at once get two different items. None: the queue is empty.
    """
    found = sql.row(_TAKE_NEXT, _by("exception.claimed", user, actor, now))
    return int(found[0]) if found else None


def comment(*, exception_id: int, text: str, actor: Actor, now: datetime) -> int:
    """Write a comment of 1 to 4,000 characters on an item, open or closed, and return the comment's id.

    Problem 404 for an unknown item, 422 for a text that is empty, too long or holds a NUL character.
    """
    text = text.strip()
    if faults := text_faults(text, pointer="/text", most=MAX_COMMENT):
        raise Problem(422, "invalid", "The comment cannot be stored.", faults=faults)
    with transaction.atomic():
        item = ExceptionItem.objects.filter(id=exception_id).first()
        if item is None:
            raise not_found("exception")
        written = Comment.objects.create(exception=item, author=actor.name, text=text, written_at=now)
        record(
            type="exception.commented",
            subject=SUBJECT,
            ids=[item.trade_id],
            actor=actor,
            at=now,
            data={"exception_id": item.id, "comment_id": written.id},
        )
    return written.id
