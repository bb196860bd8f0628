"""Bulk runs: one action of a person on up to 10,000 trades or exceptions, kept with what became of each.

A run goes over its items in the order in which they were chosen, a chunk a transaction, and keeps how far it has come
in its own row. A small one is done in the transaction that asks for it, a larger one by workers. So it can be killed
and gone on with at any point, nothing is done twice, and sending its form again leads to the run that there is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from core import sql, work
from core.audit import Actor, encode, record
from core.http.problem import Problem, not_found
from core.wake import wake_on_commit
from trades.models import BulkRun
from trades.services.desk import (
    ACTIONS,
    DONE,
    REFUSED,
    UNCHANGED,
    UNKNOWN,
    Asked,
    Told,
    act_on_exceptions,
    checked_call,
)
from trades.services.many_trades import PROPOSED, PROPOSED_MAX, TRADE_ACTIONS, act_on_trades
from trades.services.undo import UNDOABLE, as_they_are, take_back

TASK = "trades.bulk_run"
MAX_ITEMS = 10_000
AT_ONCE = 100  # items of a run that is done while its person waits
CHUNK = 500  # items of one transaction
UNDO = "undo"
UNDO_WITHIN = timedelta(minutes=1)
NAMED_DAYS = 90  # after its end a run names its items for so long; the figures and the log stay
_FORGOTTEN_AT_ONCE = 20  # runs
_SUBJECT = "bulk_run"
_KEPT = ("reason", "text", "audience", "owner", "team", "until", "root_cause")
_NO_RIGHT = "Who asked for it may not do this any more."
_NOT_SEEN = "Who asked for it does not see it any more."

Seen = Mapping[int, str]  # what is chosen, in order, each with what the person has seen of it

Reach = Callable[[BulkRun, Collection[int]], Collection[int] | None]
_reaches: list[Reach] = []


def find_reach_with(reach: Reach) -> None:
    """Declare who knows what people may do: `reach(run, ids)` gives which of these records the person of a run may
    still work, None when the person may not do what it does at all."""
    _reaches.append(reach)


def foresee(*, subject: str, seen: Seen, asked: Asked, actor: Actor, now: datetime) -> Told:
    """Return what an action would do to each item, by doing it and taking it back, a chunk at a time.

    Problem 422 with every fault of what is asked, 413 for more than MAX_ITEMS.
    """
    _bound(seen)
    told: Told = {}
    for chunk in _chunks(seen):
        room = PROPOSED_MAX - sum(outcome == PROPOSED for outcome, _ in told.values())
        told |= _act(subject, chunk, asked, actor, now, room=room, dry_run=True)
    return told


def start_run(
    *,
    subject: str,
    seen: Seen,
    asked: Asked,
    key: str,
    actor: Actor,
    now: datetime,
    again: int | None = None,
) -> BulkRun:
    """Do an action to items, at once where they are few, else by workers; return the run.

    key: of the person's form; the same form again returns the run that it has started. again: the run whose refused
    items these are. Problem 422 with every fault of what is asked, 413 for more than MAX_ITEMS, 409 when the form
    was sent before with something else.
    """
    _bound(seen)
    user = _person(asked)
    _check(subject, list(seen), asked, actor, now)
    kept = {name: value for name, value in asdict(asked).items() if name in _KEPT and value}
    with transaction.atomic():
        made = _make(subject, seen, asked.action, encode(kept), user, key, actor, now, again=again)
        if made.items <= AT_ONCE and made.state == BulkRun.State.RUNNING:
            _advance(made, asked, now)
    return made


def undo_run(*, run_id: int, user: User, key: str, actor: Actor, now: datetime) -> BulkRun:
    """Take back what a run has done, item by item, where nothing has moved since; return the run that does so.

    Problem 404 for an unknown run, 403 for somebody else's, 409 for one that cannot be taken back, or not any more.
    """
    with transaction.atomic():
        found = BulkRun.objects.select_for_update().filter(id=run_id).first()
        if found is None:
            raise not_found("bulk run")
        if found.user_id != user.pk:
            raise Problem(403, "not-yours", "Only who has done it can take it back.")
        done = BulkRun.objects.filter(undoes=found).first()
        if done is not None:
            return done
        if not can_undo(found, user_id=user.pk, now=now):
            raise Problem(
                409,
                "too-late",
                "It cannot be taken back.",
                detail="Claiming, releasing, assigning and snoozing can be, for a minute.",
            )
        seen = dict.fromkeys(
            (
                number
                for (number,) in sql.rows(
                    "SELECT subject_id FROM trades_bulk_item WHERE run_id = %s AND outcome = %s ORDER BY place",
                    [run_id, DONE],
                )
            ),
            "",
        )
        made = _make(found.subject, seen, UNDO, "{}", user, key, actor, now, undoes=found.id)
        if made.items <= AT_ONCE:
            _advance(made, Asked(UNDO, user=user), now)
    return made


def can_undo(found: BulkRun, *, user_id: int, now: datetime) -> bool:
    """Tell whether a person can still take a run back."""
    return (
        found.subject == BulkRun.Subject.EXCEPTION
        and found.action in UNDOABLE
        and found.user_id == user_id
        and found.done > 0
        and found.finished_at is not None
        and now <= found.finished_at + UNDO_WITHIN
        and not BulkRun.objects.filter(undoes=found).exists()
    )


def stop_run(*, run_id: int, actor: Actor, now: datetime) -> BulkRun:
    """Stop a run after the chunk it is at; return it. Problem 404 for an unknown one, 409 when it has ended."""
    with transaction.atomic():
        found = BulkRun.objects.select_for_update().filter(id=run_id).first()
        if found is None:
            raise not_found("bulk run")
        if found.state != BulkRun.State.RUNNING:
            raise Problem(409, "run-ended", "The run has ended.")
        _end(found, BulkRun.State.STOPPED, now, actor)
    return found


# --- asking for one


def _bound(seen: Seen) -> None:
    if len(seen) > MAX_ITEMS:
        raise Problem(413, "too-many-items", f"At most {MAX_ITEMS:,} at once, not {len(seen):,}.")


def _person(asked: Asked) -> User:
    if asked.user is None:
        raise Problem(422, "invalid", "Only a person can do this.")
    return asked.user


def _check(subject: str, ids: list[int], asked: Asked, actor: Actor, now: datetime) -> None:
    checked_call(TRADE_ACTIONS if subject == BulkRun.Subject.TRADE else ACTIONS, ids, asked, actor, now)


_MAKE = """
INSERT INTO trades_bulk_run
    (subject, action, asked, user_id, actor, request_id, key, digest, again_id, undoes_id, asked_at, state, items,
     position, done, unchanged, proposed, refused)
VALUES (%s, %s, %s::jsonb, %s, %s, %s, %s, %s, %s, %s, %s, 'RUNNING', %s, 0, 0, 0, 0, 0)
ON CONFLICT (key) DO NOTHING RETURNING id
"""
_ITEMS = """
INSERT INTO trades_bulk_item (run_id, place, subject_id, seen, outcome, detail)
SELECT %s, i.place, i.id, i.seen, '', ''
FROM unnest(%s::bigint[], %s::text[]) WITH ORDINALITY AS i(id, seen, place)
"""


def _make(
    subject: str,
    seen: Seen,
    action: str,
    asked: str,
    user: User,
    key: str,
    actor: Actor,
    now: datetime,
    *,
    again: int | None = None,
    undoes: int | None = None,
) -> BulkRun:
    """Store a run and queue it where it is not small; return it, or the one that its form started before."""
    digest = hashlib.sha256(encode([subject, action, asked, list(seen.items())]).encode()).hexdigest()
    key = f"{user.pk}:{key}"
    made = sql.row(
        _MAKE,
        [
            subject,
            action,
            asked,
            user.pk,
            actor.name,
            actor.request_id,
            key,
            digest,
            again,
            undoes,
            now,
            len(seen),
        ],
    )
    found = BulkRun.objects.select_for_update().get(key=key)
    if found.digest != digest:
        raise Problem(
            409,
            "sent-before",
            "This form was sent before with something else.",
            detail="Preview it again, so that nothing is done that you have not seen.",
        )
    if made is None:
        return found
    sql.run(_ITEMS, [found.id, list(seen), list(seen.values())])
    told = {"subject": subject, "action": action, "items": len(seen), "again": again, "undoes": undoes}
    _tell("asked", found, actor, now, told)
    if found.items > AT_ONCE:
        work.enqueue(TASK, [found.id])
        wake_on_commit(TASK)
    return found


def _tell(what: str, run: BulkRun, actor: Actor, at: datetime, told: Mapping[str, Any]) -> None:
    """Write to the log what becomes of a run; who, when and why stand with it. Of one record, its own event tells."""
    if run.items == 1:
        return
    record(
        type=f"bulk_run.{what}",
        subject=_SUBJECT,
        ids=[run.id],
        actor=actor,
        at=at,
        reason=run.asked.get("reason", ""),
        data={name: value for name, value in told.items() if value is not None},
    )


# --- going on with one


def advance_runs(*, now: datetime) -> bool:
    """Do the next chunk of the run that waits longest; return whether there was one.

    A chunk that fails is tried again later; a run that fails to the end, or ends its worker again and again, is FAILED.
    """
    return work.do_next(
        TASK,
        step=lambda run_id: _next_chunk(run_id, now),
        give_up=lambda run_id: _give_up(run_id, now),
        now=now,
    )


def _next_chunk(run_id: int, now: datetime) -> bool:
    run = BulkRun.objects.select_for_update(of=("self",)).select_related("user").get(id=run_id)
    if run.state != BulkRun.State.RUNNING:
        return False
    _advance(run, asked_of(run), now, _reaches[-1] if _reaches else _everything)
    return run.state == BulkRun.State.RUNNING


def asked_of(run: BulkRun) -> Asked:
    """Return what a run was asked."""
    kept = {name: value for name, value in run.asked.items() if name in _KEPT}
    if "until" in kept:
        kept["until"] = datetime.fromisoformat(kept["until"])
    return Asked(run.action, user=run.user, **kept)


def _everything(run: BulkRun, ids: Collection[int]) -> Collection[int]:
    """Return what somebody reaches who asks just now: the form was looked at."""
    return ids


_CHUNK = """
SELECT subject_id, seen FROM trades_bulk_item WHERE run_id = %s AND place > %s ORDER BY place LIMIT %s
"""


def _advance(run: BulkRun, asked: Asked, now: datetime, reach: Reach = _everything) -> None:
    """Do the next chunk of a run that is locked, and end it with its last, or where its person may not go on."""
    chunk = dict(sql.rows(_CHUNK, [run.id, run.position, CHUNK]))
    actor = Actor(run.actor, run.request_id)
    reached = reach(run, list(chunk))
    if reached is None:  # switched off, or of another role by now
        run.why = _NO_RIGHT
        _end(run, BulkRun.State.STOPPED, now, actor)
        return
    able = {each: seen for each, seen in chunk.items() if each in reached}
    before = as_they_are(chunk) if run.action in UNDOABLE and run.subject == BulkRun.Subject.EXCEPTION else {}
    try:
        told = _act(run.subject, able, asked, actor, now, room=PROPOSED_MAX - run.proposed, run=run)
    except (
        Problem
    ) as problem:  # right when it was asked, and not any more: a moment to come is past, a person is gone
        told = dict.fromkeys(able, (REFUSED, " ".join(fault.detail for fault in problem.faults)))
    told |= dict.fromkeys(chunk.keys() - able.keys(), (REFUSED, _NOT_SEEN))
    after = as_they_are(chunk) if before else {}
    _keep(run.id, chunk, told, before, after)
    outcomes = [outcome for outcome, _ in told.values()]
    run.done += outcomes.count(DONE)
    run.unchanged += outcomes.count(UNCHANGED)
    run.proposed += outcomes.count(PROPOSED)
    run.refused += outcomes.count(REFUSED) + outcomes.count(UNKNOWN)
    run.position += len(chunk)
    run.save(update_fields=["done", "unchanged", "proposed", "refused", "position"])
    if run.position == run.items:
        _end(run, BulkRun.State.DONE, now, actor)


def _act(
    subject: str,
    chunk: Seen,
    asked: Asked,
    actor: Actor,
    now: datetime,
    *,
    room: int,
    dry_run: bool = False,
    run: BulkRun | None = None,
) -> Told:
    """Return what an action does to the items of a chunk, each of them named."""
    if run is not None and run.undoes_id is not None:
        return take_back(run_id=run.undoes_id, exception_ids=list(chunk), actor=actor, now=now)
    if subject == BulkRun.Subject.TRADE:
        return act_on_trades(seen=chunk, asked=asked, actor=actor, now=now, dry_run=dry_run, room=room)
    results = act_on_exceptions(
        exception_ids=list(chunk), asked=asked, actor=actor, now=now, dry_run=dry_run, seen=chunk
    )
    return {each.exception_id: (each.outcome, each.detail) for each in results}


def _chunks(seen: Seen) -> Iterator[dict[int, str]]:
    items = list(seen.items())
    for first in range(0, max(len(items), 1), CHUNK):
        yield dict(items[first : first + CHUNK])


_KEEP = """
UPDATE trades_bulk_item i SET outcome = t.outcome, detail = t.detail, before = t.before, after = t.after
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::jsonb[], %s::jsonb[]) AS t(id, outcome, detail, before, after)
WHERE i.run_id = %s AND i.subject_id = t.id
"""


def _keep(run_id: int, chunk: Seen, told: Told, before: Mapping[int, str], after: Mapping[int, str]) -> None:
    ids = list(chunk)
    done = {each for each in ids if told[each][0] == DONE}
    sql.run(
        _KEEP,
        [
            ids,
            [told[each][0] for each in ids],
            [told[each][1] for each in ids],
            [before.get(each) if each in done else None for each in ids],
            [after.get(each) if each in done else None for each in ids],
            run_id,
        ],
    )


def _give_up(run_id: int, now: datetime) -> None:
    run = BulkRun.objects.select_for_update().get(id=run_id)
    if run.state == BulkRun.State.RUNNING:
        _end(run, BulkRun.State.FAILED, now, Actor(run.actor, run.request_id))


def _end(run: BulkRun, state: BulkRun.State, now: datetime, actor: Actor) -> None:
    run.state, run.finished_at = state, now
    run.save(update_fields=["state", "finished_at", "why"])
    counts = {name: getattr(run, name) for name in ("done", "unchanged", "proposed", "refused")}
    _tell("finished", run, actor, now, {"state": str(state), "why": run.why or None, **counts})


# --- forgetting

_FORGET = """
DELETE FROM trades_bulk_item WHERE run_id IN (
    SELECT r.id FROM trades_bulk_run r WHERE r.finished_at < %s
      AND EXISTS (SELECT 1 FROM trades_bulk_item i WHERE i.run_id = r.id)
    ORDER BY r.id LIMIT %s
)
"""


def forget_named_items(*, now: datetime) -> int:
    """Delete the items of runs that ended NAMED_DAYS ago, of some of them; return how many."""
    return sql.run(_FORGET, [now - timedelta(days=NAMED_DAYS), _FORGOTTEN_AT_ONCE])
