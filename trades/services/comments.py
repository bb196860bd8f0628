"""What people say of work items: among ourselves, or to the front office and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from core import sql
from core.audit import Actor, encode
from core.http.problem import Problem, not_found
from core.notifications import notify_counted
from core.text import text_faults
from trades.models import Comment
from trades.work_items import Move

MAX_COMMENT = 4_000

_COMMENT = """
WITH held AS MATERIALIZED (
    SELECT id, subject, subject_id, move, closed_at FROM trades_exception
    WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE
), written AS (
    INSERT INTO trades_comment (exception_id, author, text, written_at, audience)
    SELECT id, %(actor)s, %(text)s, %(at)s, %(audience)s FROM held
    WHERE subject = 'trade' OR %(audience)s <> 'FRONT_OFFICE' ORDER BY id
    RETURNING id AS comment_id, exception_id
), moved AS (
    UPDATE trades_exception e SET move = %(move)s FROM held JOIN written ON written.exception_id = held.id
    WHERE e.id = held.id AND held.closed_at IS NULL AND %(move)s NOT IN ('', held.move)
), logged AS (
    INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason, data)
    SELECT %(at)s, pg_current_xact_id()::text::bigint, %(event)s, subject, subject_id, NULL,
           %(actor)s, %(request_id)s, '',
           jsonb_build_object('exception_id', id, 'comment_id', comment_id) || %(told)s::jsonb
    FROM held JOIN written ON written.exception_id = held.id ORDER BY id
)
SELECT id, comment_id FROM held LEFT JOIN written ON written.exception_id = held.id ORDER BY 1
"""


def comment_exceptions(
    *,
    exception_ids: Sequence[int],
    text: str,
    audience: str = Comment.Audience.INTERNAL,
    answers: bool = False,
    actor: Actor,
    now: datetime,
) -> dict[int, int | None]:
    """Write a comment of 1 to 4,000 characters on items, open or closed; return its id on each that exists.

    None: what is about no trade has no front office that could read it, and gets no such comment. Who is mentioned
    in what is said among ourselves is told of it, unless they do not see the item: see `untold`.

    audience FRONT_OFFICE: the front office reads it, and open items become its move. answers: it is the front
    office that writes, and they become the move of operations again. Problem 422 for a text that is empty, too
    long or holds a NUL character.
    """
    text = text.strip()
    if faults := text_faults(text, pointer="/text", most=MAX_COMMENT):
        raise Problem(422, "invalid", "The comment cannot be stored.", faults=faults)
    shared = answers or audience == Comment.Audience.FRONT_OFFICE
    event = "exception.answered" if answers else "exception.asked" if shared else "exception.commented"
    move = Move.OPERATIONS if answers else Move.FRONT_OFFICE if shared else ""
    parameters = {
        "ids": list(exception_ids),
        "text": text,
        "audience": str(Comment.Audience.FRONT_OFFICE if shared else Comment.Audience.INTERNAL),
        "event": event,
        "move": str(move),
        "told": encode({"text": text} if shared else {}),  # what is said among ourselves is not for the feed
        "actor": actor.name,
        "request_id": actor.request_id,
        "at": now,
    }
    names = [] if shared else mentioned_in(text)
    with transaction.atomic() if names else nullcontext():
        written = dict(sql.rows(_COMMENT, parameters))
        _tell_mentioned(names, written, actor, now)
    return written


_MENTION = re.compile(r"(?<![\w.])@([\w.+-]{1,150})")
MENTIONS_MAX = 20


def mentioned_in(text: str) -> list[str]:
    """Return the names of people that a comment mentions as `@name`, each once, at most MENTIONS_MAX."""
    names = (found.rstrip(".+-") for found in _MENTION.findall(text))
    return list(dict.fromkeys(name for name in names if name))[:MENTIONS_MAX]


Sees = Callable[[User, Collection[int]], Collection[int]]
_sights: list[Sees] = []


def find_readers_with(sees: Sees) -> None:
    """Declare who knows what people see: `sees(user, ids)` gives which of these items a person reads."""
    _sights.append(sees)


def readers(names: Sequence[str], exception_ids: Collection[int]) -> dict[User, set[int]]:
    """Return who bears these names, each with which of the items the person reads: none, some or all."""
    people = User.objects.filter(username__in=names).order_by("pk") if names and exception_ids else ()
    return {each: set(_sights[-1](each, exception_ids) if _sights else exception_ids) for each in people}


def untold(text: str, exception_ids: Collection[int]) -> dict[int, list[str]]:
    """Return by item whom a comment among ourselves mentions and who is told nothing, as they do not see the item."""
    found = readers(mentioned_in(text), exception_ids)
    return {
        each: [user.get_username() for user, seen in found.items() if each not in seen]
        for each in exception_ids
    }


def _tell_mentioned(
    names: Sequence[str], written: Mapping[int, int | None], actor: Actor, now: datetime
) -> None:
    """Tell people of a comment that mentions them, once however many items it is on that they see."""
    on = [each for each, number in written.items() if number is not None]
    for user, seen in readers(names, on).items():
        if seen:
            notify_counted(
                kind="comment_mention",
                people=[user.pk],
                subject="exception",
                subject_id=min(seen),
                count=len(seen),
                actor=actor,
                now=now,
            )


def comment(
    *,
    exception_id: int,
    text: str,
    audience: str = Comment.Audience.INTERNAL,
    answers: bool = False,
    actor: Actor,
    now: datetime,
) -> int:
    """Write a comment on one item as `comment_exceptions` does, and return its id. Problem 404 for an unknown item,
    409 for one that is about no trade, when the front office should read it.
    """
    written = comment_exceptions(
        exception_ids=[exception_id], text=text, audience=audience, answers=answers, actor=actor, now=now
    )
    if exception_id not in written:
        raise not_found("exception")
    number = written[exception_id]
    if number is None:
        raise Problem(409, "no-reader", "It is about no trade, so no front office reads it.")
    return number
