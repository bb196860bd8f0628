"""THE table: every state a trade can be in, every way between them, and what each arrival wakes.

`move_trades()` is the only code that writes a trade's state. One statement moves any number of trades and
appends an event for each; what else must happen in the same transaction (limits released, say) is declared
by the apps above with `on_arrival()`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models

from core import sql, work
from core.audit import Actor, encode
from core.wake import wake_on_commit


class State(models.IntegerChoices):
    """Where a trade stands."""

    CAPTURED = 1, "captured"
    EXCEPTION = 2, "exception"
    VALIDATED = 3, "validated"
    INSTRUCTED = 4, "instructed"
    HANDED_OFF = 5, "handed off"
    ACKNOWLEDGED = 6, "acknowledged"
    SETTLED = 7, "settled"
    CANCELLED = 8, "cancelled"
    ALLOCATED = 9, "allocated"


@dataclass(frozen=True)
class Transition:
    """One way from a state to another: the event it writes and, in words, when it is taken."""

    source: State
    target: State
    event: str
    when: str


TRANSITIONS = (
    Transition(State.CAPTURED, State.VALIDATED, "trade.validated", "every blocking check passes"),
    Transition(State.CAPTURED, State.EXCEPTION, "trade.held", "a blocking check finds something"),
    Transition(State.CAPTURED, State.CANCELLED, "trade.cancelled", "the deal is called off"),
    Transition(State.EXCEPTION, State.CAPTURED, "trade.rechecked", "repaired, overridden or its cause fixed"),
    Transition(State.EXCEPTION, State.CANCELLED, "trade.cancelled", "rejected by operations or called off"),
    Transition(
        State.VALIDATED, State.CAPTURED, "trade.rechecked", "its terms changed or a re-check is asked"
    ),
    Transition(
        State.VALIDATED, State.INSTRUCTED, "trade.instructed", "its instructions are sealed in batches"
    ),
    Transition(State.VALIDATED, State.CANCELLED, "trade.cancelled", "the deal is called off"),
    Transition(State.INSTRUCTED, State.HANDED_OFF, "trade.handed_off", "all its batches are claimed"),
    Transition(
        State.HANDED_OFF, State.ACKNOWLEDGED, "trade.acknowledged", "all its instructions are accepted"
    ),
    Transition(State.INSTRUCTED, State.EXCEPTION, "trade.rejected", "an instruction is rejected early"),
    Transition(State.HANDED_OFF, State.EXCEPTION, "trade.rejected", "the back office rejects an instruction"),
    Transition(
        State.ACKNOWLEDGED, State.EXCEPTION, "trade.rejected", "an instruction netted anew is rejected"
    ),
    Transition(State.ACKNOWLEDGED, State.SETTLED, "trade.settled", "all its instructions are settled"),
    Transition(State.INSTRUCTED, State.CAPTURED, "trade.recalled", "amended after it was sealed"),
    Transition(State.HANDED_OFF, State.CAPTURED, "trade.recalled", "amended after it was handed off"),
    Transition(State.ACKNOWLEDGED, State.CAPTURED, "trade.recalled", "amended after it was accepted"),
    Transition(State.INSTRUCTED, State.CANCELLED, "trade.cancelled", "called off after it was sealed"),
    Transition(State.HANDED_OFF, State.CANCELLED, "trade.cancelled", "called off after it was handed off"),
    Transition(State.ACKNOWLEDGED, State.CANCELLED, "trade.cancelled", "called off after it was accepted"),
    Transition(State.CAPTURED, State.ALLOCATED, "trade.allocated", "divided into parts"),
    Transition(State.EXCEPTION, State.ALLOCATED, "trade.allocated", "divided into parts while it was held"),
    Transition(State.VALIDATED, State.ALLOCATED, "trade.allocated", "divided into parts"),
    Transition(State.INSTRUCTED, State.ALLOCATED, "trade.allocated", "divided after it was sealed"),
    Transition(State.HANDED_OFF, State.ALLOCATED, "trade.allocated", "divided after it was handed off"),
    Transition(State.ACKNOWLEDGED, State.ALLOCATED, "trade.allocated", "divided after it was accepted"),
    Transition(
        State.ALLOCATED, State.ALLOCATED, "trade.reallocated", "other parts take the place of its parts"
    ),
    Transition(State.ALLOCATED, State.CANCELLED, "trade.cancelled", "called off with its parts"),
)

_FROM_CHECKS = tuple(each for each in TRANSITIONS if each.event in {"trade.validated", "trade.held"})
_BY_WAY = {(each.source, each.target): each for each in TRANSITIONS}

# The task that each arrival wakes, by its work queue's name.
WAKES: dict[State, str] = {State.CAPTURED: "risk.check"}

Effect = Callable[[Sequence[int], datetime, Actor], None]
_EFFECTS: dict[State, list[Effect]] = {}

CAPTURE_EVENT = "trade.captured"
SUBJECT = "trade"
# The states of a trade that itself counts and is settled: of one that is allocated, its parts do and are.
LIVE_STATES = (
    State.CAPTURED,
    State.EXCEPTION,
    State.VALIDATED,
    State.INSTRUCTED,
    State.HANDED_OFF,
    State.ACKNOWLEDGED,
)


def on_arrival(state: State, effect: Effect) -> None:
    """Register what an app does, in the same transaction, when trades arrive in a state."""
    _EFFECTS.setdefault(state, []).append(effect)


class ForbiddenMove(Exception):  # noqa: N818
    """The lifecycle table has no such transition."""


def transition(source: State, target: State) -> Transition:
    """Return the table's row; ForbiddenMove when there is none."""
    try:
        return _BY_WAY[(source, target)]
    except KeyError:
        raise ForbiddenMove(f"{source.name} to {target.name}") from None


# The sum keeps PostgreSQL from walking the whole backlog of a state instead of looking the ids up.
_MOVE = """
WITH moved AS (
    UPDATE trades_state s
    SET state = %(target)s, changed_at = %(at)s, changed_xid = (SELECT pg_current_xact_id()::text::bigint),
        version = s.version + %(later)s,
        checked_version = CASE WHEN %(checked)s THEN s.version
                               WHEN %(unchecked)s THEN coalesce(s.checked_version, 0)
                               ELSE s.checked_version END
    WHERE s.trade_id = ANY(%(ids)s::bigint[]) AND s.state + 0 = %(source)s
      AND (%(any_version)s OR (s.trade_id, s.version) IN (
          SELECT * FROM unnest(%(ids)s::bigint[], %(versions)s::int[])))
    RETURNING s.trade_id, s.version
), logged AS (
    INSERT INTO core_event
        (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason, data)
    SELECT %(at)s, (SELECT pg_current_xact_id()::text::bigint), %(event)s, 'trade', trade_id, version,
           %(actor)s, %(request_id)s, %(reason)s, %(data)s::jsonb
    FROM moved ORDER BY trade_id
)
SELECT trade_id FROM moved
"""


def lock_trades(trade_ids: Sequence[int]) -> None:
    """Lock the state of trades for the caller's transaction, in the order of id: the one place that does."""
    sql.run(
        "SELECT 1 FROM trades_state WHERE trade_id = ANY(%s) ORDER BY trade_id FOR UPDATE", [list(trade_ids)]
    )


def move_trades(
    *,
    trade_ids: Sequence[int],
    source: State,
    target: State,
    at: datetime,
    actor: Actor,
    versions: Sequence[int] | None = None,
    reason: str = "",
    data: object = None,
    checked: bool = True,
    locked: bool = False,
    superseded: bool = False,
) -> list[int]:
    """Move trades from one state to another, with an event each, and queue what the arrival wakes.

    Trades that are not in `source` any more, or whose current version is not the one given, stay where they
    are: the answer is the ids that moved. Locks in the order of id. ForbiddenMove when the table says no.
    `checked=False`: the checks could not look at the trade although it leaves CAPTURED. `locked`: the
    caller has locked these trades already. `superseded`: the caller has stored their next versions, at which
    they arrive.
    """
    way = transition(source, target)
    if not trade_ids:
        return []
    if not locked:
        lock_trades(trade_ids)
    moved = [
        trade_id
        for (trade_id,) in sql.rows(
            _MOVE,
            {
                "ids": list(trade_ids),
                "any_version": versions is None,
                "versions": list(versions or ()),
                "source": source.value,
                "target": target.value,
                "later": int(superseded),
                "checked": checked and way in _FROM_CHECKS,
                "unchecked": not checked and way in _FROM_CHECKS,
                "at": at,
                "event": way.event,
                "actor": actor.name,
                "request_id": actor.request_id,
                "reason": reason,
                "data": None if data is None else encode(data),
            },
        )
    ]
    moved.sort()
    arrive(moved, target)
    for effect in _EFFECTS.get(target, []) if moved else []:
        effect(moved, at, actor)
    return moved


def arrive(trade_ids: Sequence[int], state: State) -> None:
    """Queue and wake the task that waits for trades in a state, in the caller's transaction."""
    task = WAKES.get(state)
    if task and trade_ids:
        work.enqueue(task, trade_ids)
        wake_on_commit(task)


def diagram() -> str:
    """Return the state diagram as Mermaid text, for docs/architecture.md."""
    lines = ["stateDiagram-v2", "    [*] --> CAPTURED: trade.captured"]
    lines += [f"    {way.source.name} --> {way.target.name}: {way.when}" for way in TRANSITIONS]
    lines += [f"    {state.name} --> [*]" for state in (State.SETTLED, State.CANCELLED)]
    return "\n".join(lines)
