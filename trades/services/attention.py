"""Who looks at a work item, and when: assigned, put off, brought back, escalated as its deadline comes near."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group

from core import sql
from core.audit import Actor, encode
from core.notifications import notify_counted
from trades.services.exceptions import CHANGED, EVENT_LOG, LOGGED

_CHANGE = """
WITH held AS MATERIALIZED (
    SELECT * FROM trades_exception WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE
), changed AS (
    UPDATE trades_exception e SET {what}
    FROM held WHERE e.id = held.id AND {may} AND {differs}
    RETURNING {changed}
), {logged}
SELECT id, CASE WHEN NOT {may} THEN 'CLOSED' WHEN {differs} THEN 'DONE' ELSE 'UNCHANGED' END
FROM held ORDER BY id
"""
_SAYING_MORE = EVENT_LOG.format(event="%(event)s", reason="%(reason)s", more=" || %(told)s::jsonb")
_STILL_OPEN = "held.closed_at IS NULL"


def _changing(what: str, *, differs: str, may: str = _STILL_OPEN) -> str:
    return _CHANGE.format(
        what=what, differs=f"({differs})", may=f"({may})", changed=CHANGED, logged=_SAYING_MORE
    )


_ASSIGN = _changing(
    "owner_id = %(owner)s, team_id = %(team)s,"
    " claimed_at = CASE WHEN %(owner)s IS NOT NULL THEN %(at)s::timestamptz END",
    differs="(held.owner_id, held.team_id) IS DISTINCT FROM (%(owner)s::int, %(team)s::int)",
)
_SNOOZE = _changing(
    "snoozed_until = %(until)s, snooze_reason = %(reason)s",
    differs="(held.snoozed_until, held.snooze_reason) IS DISTINCT FROM (%(until)s::timestamptz, %(reason)s)",
)
_WAKE = _changing("snoozed_until = NULL, snooze_reason = ''", differs="held.snoozed_until IS NOT NULL")
# What was behind an item may be found out after it is closed.
_ROOT_CAUSE = _changing(
    "root_cause = %(root_cause)s", differs="held.root_cause IS DISTINCT FROM %(root_cause)s", may="true"
)


def _change(
    statement: str,
    event: str,
    exception_ids: Sequence[int],
    actor: Actor,
    now: datetime,
    reason: str,
    **more: object,
) -> dict[int, str]:
    told = {name: value for name, value in more.items() if name.startswith("told_")}
    parameters = {
        **{name: value for name, value in more.items() if name not in told},
        "ids": list(exception_ids),
        "event": event,
        "actor": actor.name,
        "request_id": actor.request_id,
        "reason": reason,
        "at": now,
        "told": encode({name.removeprefix("told_"): value for name, value in told.items()}),
    }
    return dict(sql.rows(statement, parameters))


def assign_exceptions(
    *,
    exception_ids: Sequence[int],
    owner: AbstractBaseUser | None,
    team: Group | None,
    reason: str,
    actor: Actor,
    now: datetime,
) -> dict[int, str]:
    """Give open items to a person, a team or both, whoever had them; DONE, UNCHANGED or CLOSED of each that exists.

    The person is told, once for all of them.
    """
    became = _change(
        _ASSIGN,
        "exception.assigned",
        exception_ids,
        actor,
        now,
        reason,
        owner=owner and owner.pk,
        team=team and team.pk,
        told_owner=owner and owner.get_username(),
        told_team=team and team.name,
    )
    given = sorted(each for each, outcome in became.items() if outcome == "DONE")
    if given and owner is not None:
        notify_counted(
            kind="exception_assigned",
            people=[owner.pk],
            subject="exception",
            subject_id=given[0],
            count=len(given),
            actor=actor,
            now=now,
        )
    return became


def snooze_exceptions(
    *, exception_ids: Sequence[int], until: datetime, reason: str, actor: Actor, now: datetime
) -> dict[int, str]:
    """Put open items out of sight until a moment; DONE, UNCHANGED or CLOSED of each that exists."""
    return _change(
        _SNOOZE, "exception.snoozed", exception_ids, actor, now, reason, until=until, told_until=until
    )


def wake_exceptions(*, exception_ids: Sequence[int], actor: Actor, now: datetime) -> dict[int, str]:
    """Bring snoozed items back at once; DONE, UNCHANGED or CLOSED of each that exists."""
    return _change(_WAKE, "exception.woken", exception_ids, actor, now, "")


def name_root_cause(
    *, exception_ids: Sequence[int], root_cause: str, actor: Actor, now: datetime
) -> dict[int, str]:
    """Note what was behind items, open or closed; DONE or UNCHANGED of each that exists."""
    return _change(
        _ROOT_CAUSE,
        "exception.root_cause_named",
        exception_ids,
        actor,
        now,
        "",
        root_cause=root_cause,
        told_root_cause=root_cause,
    )


_LOOKED_AT_ONCE = 5_000
ESCALATE_AHEAD = timedelta(minutes=30)
_ESCALATE = f"""
WITH near AS MATERIALIZED (
    SELECT id FROM trades_exception
    WHERE closed_at IS NULL AND deadline <= %(horizon)s AND escalated_at IS NULL
    ORDER BY deadline, id LIMIT {_LOOKED_AT_ONCE} FOR UPDATE SKIP LOCKED
), changed AS (
    UPDATE trades_exception e SET escalated_at = %(at)s, snoozed_until = NULL, snooze_reason = ''
    FROM near WHERE e.id = near.id
    RETURNING {CHANGED}
), {LOGGED}
SELECT count(*) FROM changed
"""
_RETURN = f"""
WITH over AS MATERIALIZED (
    SELECT id FROM trades_exception
    WHERE closed_at IS NULL AND snoozed_until <= %(horizon)s
    ORDER BY id LIMIT {_LOOKED_AT_ONCE} FOR UPDATE SKIP LOCKED
), changed AS (
    UPDATE trades_exception e SET snoozed_until = NULL, snooze_reason = '' FROM over WHERE e.id = over.id
    RETURNING {CHANGED}
), {LOGGED}
SELECT count(*) FROM changed
"""


def escalate_due(*, now: datetime, actor: Actor) -> int:
    """Escalate open items whose deadline is nearer than ESCALATE_AHEAD, once each; return how many.

    One that is snoozed is back with that. The queue goes by deadline, so what is escalated stands at its top.
    """
    return _watch(_ESCALATE, "exception.escalated", now + ESCALATE_AHEAD, now, actor)


def return_snoozed(*, now: datetime, actor: Actor) -> int:
    """Say of items that were snoozed until now that they are back; return how many."""
    return _watch(_RETURN, "exception.returned", now, now, actor)


def _watch(statement: str, event: str, horizon: datetime, now: datetime, actor: Actor) -> int:
    parameters = {
        "horizon": horizon,
        "at": now,
        "event": event,
        "actor": actor.name,
        "request_id": actor.request_id,
        "reason": "",
    }
    total = 0
    while True:
        found = sql.row(statement, parameters)
        count = int(found[0]) if found else 0
        total += count
        if count < _LOOKED_AT_ONCE:
            return total
