"""Undo: what a person did to work items is taken back, where nothing has moved since, as an action of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from core import sql
from core.audit import Actor
from trades.services.desk import DONE, REFUSED, UNCHANGED, Told
from trades.services.exceptions import CHANGED, EVENT_LOG

# What changes only who looks at an item, and when. What was said stays said, and what was sent on is on its way.
UNDOABLE = ("claim", "release", "assign", "snooze", "wake")

_STATE = """
jsonb_build_object('owner', {e}.owner_id, 'team', {e}.team_id, 'claimed_at', {e}.claimed_at,
                   'snoozed_until', {e}.snoozed_until, 'snooze_reason', {e}.snooze_reason)
"""
_AS_THEY_ARE = f"""
SELECT e.id, ({_STATE.format(e="e")})::text FROM trades_exception e
WHERE e.id = ANY(%s) ORDER BY e.id FOR UPDATE OF e
"""


def as_they_are(exception_ids: Iterable[int]) -> dict[int, str]:
    """Lock items; return what can be taken back of each that exists, as JSON."""
    return dict(sql.rows(_AS_THEY_ARE, [list(exception_ids)]))


# Who owned an item at a moment is read from its events: an owner who changes back is told as one who changes.
_LOGGED = EVENT_LOG.format(
    event="event", reason="'undone'", more=" || more || jsonb_build_object('undoes', %(run_id)s::bigint)"
).replace("FROM changed", "FROM told")
_TAKE_BACK = f"""
WITH held AS MATERIALIZED (
    SELECT e.*, i.before, i.after FROM trades_exception e
    JOIN trades_bulk_item i ON i.run_id = %(run_id)s AND i.subject_id = e.id AND i.outcome = 'DONE'
    WHERE e.id = ANY(%(ids)s::bigint[]) ORDER BY e.id FOR UPDATE OF e
), changed AS (
    UPDATE trades_exception e
    SET owner_id = (held.before->>'owner')::int, team_id = (held.before->>'team')::int,
        claimed_at = (held.before->>'claimed_at')::timestamptz,
        snoozed_until = (held.before->>'snoozed_until')::timestamptz,
        snooze_reason = held.before->>'snooze_reason'
    FROM held
    WHERE e.id = held.id AND held.closed_at IS NULL AND held.before <> held.after
      AND ({_STATE.format(e="held")}) = held.after
    RETURNING {CHANGED}, e.owner_id, e.team_id, e.snoozed_until,
              (held.before->>'owner', held.before->>'team') IS DISTINCT FROM
              (held.after->>'owner', held.after->>'team') AS moved
), told AS (
    SELECT c.*, CASE WHEN moved THEN 'exception.assigned' WHEN snoozed_until IS NULL THEN 'exception.woken'
                     ELSE 'exception.snoozed' END AS event,
           CASE WHEN moved THEN jsonb_build_object('owner', u.username, 'team', g.name)
                ELSE jsonb_strip_nulls(jsonb_build_object('until', snoozed_until)) END AS more
    FROM changed c LEFT JOIN auth_user u ON u.id = c.owner_id LEFT JOIN auth_group g ON g.id = c.team_id
), {_LOGGED}
SELECT id, CASE WHEN closed_at IS NOT NULL THEN 'CLOSED' WHEN before = after THEN 'SAME'
                WHEN ({_STATE.format(e="held")}) = after THEN 'DONE' ELSE 'MOVED' END
FROM held ORDER BY id
"""
_WORDS = {
    "DONE": (DONE, ""),
    "SAME": (UNCHANGED, ""),
    "CLOSED": (REFUSED, "It is closed."),
    "MOVED": (REFUSED, "Somebody has changed it since."),
}


def take_back(*, run_id: int, exception_ids: Sequence[int], actor: Actor, now: datetime) -> Told:
    """Put items back as they were before a run, in the caller's transaction; refused where they have moved since."""
    parameters = {
        "run_id": run_id,
        "ids": list(exception_ids),
        "at": now,
        "actor": actor.name,
        "request_id": actor.request_id,
    }
    found = {each: _WORDS[became] for each, became in sql.rows(_TAKE_BACK, parameters)}
    gone = (REFUSED, "There is no such exception any more.")
    return {each: found.get(each, gone) for each in exception_ids}
