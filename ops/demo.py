"""Demo data for an installation without trades: asked for by a person, loaded step by step by a worker.

What stands here is everything but the steps, which the middleoffice package knows (`middleoffice.demo_steps`): whether
demo data may be loaded, asking for it, and how far it has come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction

from core import sql, work
from core.audit import Actor, record
from core.http.problem import Problem
from core.sight import is_narrowed
from core.wake import wake_on_commit
from ops.models import DemoLoad

TASK = "ops.load_demo"
SUBJECT = "demo"


@dataclass(frozen=True)
class Step:
    """A part of the demo that is loaded in one transaction. begins_empty: only while there is no trade."""

    words: str
    load: Callable[[], object]
    begins_empty: bool = False


def newest_load() -> DemoLoad | None:
    """Return the load that was asked for last."""
    return DemoLoad.objects.order_by("-id").first()


def has_trades() -> bool:
    """Tell whether any trade has been captured."""
    return sql.row("SELECT 1 FROM trades_state LIMIT 1") is not None


def is_offered() -> bool:
    """Tell whether demo data may be loaded now. Whoever sees some desks only cannot tell whether there are trades."""
    return settings.DEMO_DATA and not is_narrowed() and not has_trades()


def ask_demo(*, url: str, actor: Actor, now: datetime) -> DemoLoad:
    """Have the demo loaded; while it is loaded, asking again is the same. One that failed goes on where it stopped.

    url: where the product answers. Problem 409 where the installation does not allow it, and once there are trades.
    """
    if not settings.DEMO_DATA:
        raise Problem(
            409,
            "no-demo",
            "This installation takes no demo data.",
            detail="Whoever runs it decides so, by the variable DEMO_DATA.",
        )
    with transaction.atomic():
        # One at a time, so that two who ask at once ask for the same.
        sql.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [TASK])
        found = newest_load()
        if found is not None and found.state == DemoLoad.State.RUNNING:
            return found
        if found is not None and found.state == DemoLoad.State.FAILED and found.step:
            found.state, found.ended_at, found.why = DemoLoad.State.RUNNING, None, ""
            found.save(update_fields=["state", "ended_at", "why"])
        else:
            if has_trades():
                raise Problem(409, "has-trades", "There are trades already.", detail=_NOT_AMONG)
            found = DemoLoad.objects.create(asked_by=actor.name, asked_at=now, url=url)
        _tell("asked", found, actor, now)
        work.enqueue(TASK, [found.id])
        wake_on_commit(TASK)
    return found


_NOT_AMONG = "Demo data is loaded into an installation without trades only: nobody could tell them apart."


def take_step(
    *, load_id: int, steps: Callable[[DemoLoad], Sequence[Step]], actor: Actor, now: datetime
) -> bool:
    """Take the next step of a load in the caller's transaction; return whether more follow.

    What a step refuses with a Problem ends the load, and says why.
    """
    found = DemoLoad.objects.select_for_update().get(id=load_id)
    if found.state != DemoLoad.State.RUNNING:
        return False
    every = steps(found)
    step = every[found.step]
    try:
        if step.begins_empty and has_trades():
            raise Problem(409, "has-trades", "Trades have been captured meanwhile.", detail=_NOT_AMONG)
        with transaction.atomic():
            step.load()
    except Problem as problem:
        end_load(load_id=load_id, why=f"{problem.title} {problem.detail}".strip(), actor=actor, now=now)
        return False
    found.step, found.steps = found.step + 1, len(every)
    is_done = found.step == len(every)
    found.doing = "" if is_done else every[found.step].words
    if is_done:
        found.state, found.ended_at = DemoLoad.State.DONE, now
        _tell("loaded", found, actor, now)
    found.save(update_fields=["step", "steps", "doing", "state", "ended_at"])
    return not is_done


def end_load(*, load_id: int, why: str, actor: Actor, now: datetime) -> None:
    """End a load that cannot go on, saying why."""
    found = DemoLoad.objects.get(id=load_id)
    found.state, found.ended_at, found.why = DemoLoad.State.FAILED, now, why
    found.save(update_fields=["state", "ended_at", "why"])
    _tell("failed", found, actor, now, why)


def _tell(what: str, found: DemoLoad, actor: Actor, now: datetime, reason: str = "") -> None:
    record(type=f"demo.{what}", subject=SUBJECT, ids=[found.id], actor=actor, at=now, reason=reason)
