"""What a person is told by the product: one line for each thing that concerns them, kept until it is old.

A kind of notification is a code that whoever tells it gives; how it reads and where it leads is declared by whoever
shows it (`ops/notices`). A person is told nothing of what they did themselves, and no kind that they chose not to
hear of.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from core import sql
from core.audit import Actor, encode

KEPT_MAX = 200  # of a person
KEPT_FOR = timedelta(days=60)
_FORGOTTEN_AT_ONCE = 5_000

_NOTIFY = """
INSERT INTO core_notification (person_id, kind, subject, subject_id, data, told_at)
SELECT u.id, %(kind)s, %(subject)s, %(subject_id)s, %(data)s::jsonb, %(at)s
FROM auth_user u
WHERE u.id = ANY(%(people)s::int[]) AND u.is_active AND 'user:' || u.username <> %(actor)s
  AND NOT EXISTS (SELECT FROM core_notification_off o WHERE o.person_id = u.id AND o.kind = %(kind)s)
ORDER BY u.id RETURNING person_id
"""
# What another transaction has in hand, it deletes, or the next one will.
_MAKE_ROOM = """
DELETE FROM core_notification WHERE id IN (
    SELECT n.id FROM unnest(%s::int[]) AS p(id)
    CROSS JOIN LATERAL (
        SELECT o.id FROM core_notification o WHERE o.person_id = p.id ORDER BY o.id DESC LIMIT 100 OFFSET %s
    ) AS old
    JOIN core_notification n ON n.id = old.id ORDER BY n.id FOR UPDATE OF n SKIP LOCKED
)
"""
# What was told before of the same action counts on, and is unread again.
_COUNT_ON = """
UPDATE core_notification
SET read_at = NULL, data = jsonb_set(data, '{count}', to_jsonb((data->>'count')::int + %(count)s))
WHERE id IN (
    SELECT DISTINCT ON (person_id) id FROM core_notification
    WHERE person_id = ANY(%(people)s::int[]) AND kind = %(kind)s AND data->>'of' = %(of)s ORDER BY person_id, id DESC
)
RETURNING person_id
"""


def notify(
    *,
    kind: str,
    people: Collection[int],
    subject: str,
    subject_id: int,
    actor: Actor,
    now: datetime,
    data: Any = None,
) -> None:
    """Tell people, by their ids, of something, in the caller's transaction. data: what its kind says more, for JSON.

    Of each person the last KEPT_MAX are kept.
    """
    if not people:
        return
    asked = {
        "kind": kind,
        "people": sorted(people),
        "subject": subject,
        "subject_id": subject_id,
        "data": None if data is None else encode(data),
        "at": now,
        "actor": actor.name,
    }
    told = [person for (person,) in sql.rows(_NOTIFY, asked)]
    if told:
        sql.run(_MAKE_ROOM, [told, KEPT_MAX])


def notify_counted(
    *,
    kind: str,
    people: Collection[int],
    subject: str,
    subject_id: int,
    count: int,
    actor: Actor,
    now: datetime,
) -> None:
    """Tell people how many records of theirs an action meant, by whom: once, however many steps the action takes.

    The steps of an action have its actor and its request in common; each counts on in what the first has told.
    """
    of = f"{actor.name} {actor.request_id}"
    asked = {"kind": kind, "people": sorted(people), "of": of, "count": count}
    told = {person for (person,) in sql.rows(_COUNT_ON, asked)} if actor.request_id else set()
    notify(
        kind=kind,
        people=set(people) - told,
        subject=subject,
        subject_id=subject_id,
        data={"count": count, "by": actor.name.partition(":")[2], "of": of},
        actor=actor,
        now=now,
    )


def unread(person_id: int) -> tuple[int, int]:
    """Return how many notifications a person has not read, and the id of the last of them, 0 for none."""
    found = sql.row(
        "SELECT count(*), coalesce(max(id), 0) FROM core_notification WHERE person_id = %s AND read_at IS NULL",
        [person_id],
    )
    return (int(found[0]), int(found[1])) if found else (0, 0)


def notifications_of(person_id: int) -> list[dict[str, Any]]:
    """Return the notifications of a person, the newest first."""
    found = sql.records(
        "SELECT id, kind, subject, subject_id, data, told_at, read_at FROM core_notification"
        " WHERE person_id = %s ORDER BY id DESC LIMIT %s",
        [person_id, KEPT_MAX],
    )
    return [{**each, "data": sql.json_value(each["data"]) or {}} for each in found]


def read_notifications(*, person_id: int, ids: Sequence[int] | None = None, now: datetime) -> int:
    """Note that a person has read some of their notifications, None: all there are; return how many were unread."""
    narrowed = "" if ids is None else " AND id = ANY(%(ids)s::bigint[])"
    asked = {"at": now, "person": person_id, "ids": None if ids is None else list(ids)}
    return sql.run(
        "UPDATE core_notification SET read_at = %(at)s WHERE id IN (SELECT id FROM core_notification"
        f" WHERE person_id = %(person)s AND read_at IS NULL{narrowed} ORDER BY id FOR UPDATE)",
        asked,
    )


def kinds_off(person_id: int) -> set[str]:
    """Return the kinds that a person chose not to hear of."""
    found = sql.rows("SELECT kind FROM core_notification_off WHERE person_id = %s", [person_id])
    return {kind for (kind,) in found}


_CHOOSE = """
WITH gone AS (
    DELETE FROM core_notification_off WHERE person_id = %(person)s AND NOT kind = ANY(%(kinds)s::text[])
)
INSERT INTO core_notification_off (person_id, kind)
SELECT %(person)s, kind FROM unnest(%(kinds)s::text[]) AS kind ORDER BY kind ON CONFLICT DO NOTHING
"""


def choose_kinds(*, person_id: int, off: Collection[str]) -> None:
    """Keep which kinds a person does not want to hear of; what they were told already stays."""
    sql.run(_CHOOSE, {"person": person_id, "kinds": sorted(set(off))})


def forget_notifications(*, now: datetime) -> int:
    """Delete some of the notifications that are older than KEPT_FOR; return how many."""
    return sql.run(
        "DELETE FROM core_notification WHERE id IN (SELECT id FROM core_notification WHERE told_at < %s"
        " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)",
        [now - KEPT_FOR, _FORGOTTEN_AT_ONCE],
    )
