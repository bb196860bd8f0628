"""Chases: whom people asked to move what is stuck with others, which way, and when they mean to ask again.

Nothing is sent from here: it is written down that a mail was sent or a call was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.clock import business_date
from core.http.problem import Fault, Problem
from core.text import text_faults
from settlement.chases import CHASED
from settlement.models import Chase
from settlement.open_records import moves_of_instructions

SUBJECT = "instruction"
MOST = 200  # instructions that one form chases
_WHOM_MAX = 200
_KEY_MAX = 64
_AHEAD_MAX = timedelta(days=366)
_MOVED_ON = "Nobody outside has to move it any more."


@dataclass(frozen=True)
class Said:
    """What is written down of a chase. way: a name of Chase.Way. whom: whom of those who must move. next_on: when to
    ask again, None where nobody says. key: of the form; the same again is the same chase."""

    way: str
    whom: str
    note: str
    key: str
    next_on: date | None = None


@dataclass(frozen=True)
class Chased:
    """The instructions of which a chase is recorded, and why others are `left`, by id."""

    recorded: tuple[int, ...]
    left: Mapping[int, str]


_RECORD = """
INSERT INTO settlement_chase (instruction_id, mover, way, whom, note, next_on, chased_by, chased_at, key)
SELECT u.id, u.mover, %(way)s, %(whom)s, %(note)s, %(next_on)s, %(by)s, %(now)s, %(key)s
FROM unnest(%(ids)s::bigint[], %(movers)s::text[]) AS u(id, mover) ORDER BY u.id
ON CONFLICT (instruction_id, key) DO NOTHING RETURNING instruction_id, mover
"""


def chase_instructions(*, instruction_ids: Sequence[int], said: Said, actor: Actor, now: datetime) -> Chased:
    """Record that those who must move instructions were asked to; what nobody outside must move any more is left.

    Safe to repeat: the same key records no second chase of an instruction. Problem 422 with every fault.
    """
    wanted = sorted(set(instruction_ids))
    if faults := _faults(wanted, said, now):
        raise Problem(422, "invalid", "The chase was not recorded.", faults=faults)
    movers = whose(wanted, now=now)
    with transaction.atomic():
        given = {
            "ids": list(movers),
            "movers": list(movers.values()),
            "way": said.way,
            "whom": said.whom.strip(),
            "note": said.note.strip(),
            "next_on": said.next_on,
            "by": actor.name,
            "now": now,
            "key": said.key,
        }
        made = sql.rows(_RECORD, given)
        told = {"way": said.way, "whom": said.whom.strip(), "next_on": said.next_on}
        record(
            type="instruction.chased",
            subject=SUBJECT,
            ids=[instruction_id for instruction_id, _ in made],
            actor=actor,
            at=now,
            reason=said.note.strip(),
            each=[{**told, "mover": mover} for _, mover in made],
        )
    return Chased(tuple(movers), {each: _MOVED_ON for each in wanted if each not in movers})


def whose(instruction_ids: Sequence[int], *, now: datetime) -> dict[int, str]:
    """Return whose move instructions are, by id in their order; those that nobody outside must move are left out."""
    moves = moves_of_instructions(instruction_ids, now=now)
    return {each: moves[each]["mover"].name for each in sorted(moves) if moves[each]["mover"] in CHASED}


def _faults(wanted: Sequence[int], said: Said, now: datetime) -> list[Fault]:
    """Return everything that is wrong with a chase."""
    faults = [
        *text_faults(said.whom, pointer="/whom", most=_WHOM_MAX),
        *text_faults(said.note, pointer="/note"),
        *text_faults(said.key, pointer="/key", most=_KEY_MAX),
    ]
    if said.way not in Chase.Way.values:
        faults.append(Fault("/way", f"One of {', '.join(Chase.Way.values)}.", "unknown"))
    if not 0 < len(wanted) <= MOST:
        faults.append(Fault("/ids", f"From 1 to {MOST} instructions are chased at once.", "length"))
    today = business_date(now)
    if said.next_on is not None and not today <= said.next_on <= today + _AHEAD_MAX:
        faults.append(Fault("/next_on", "The next day is today or later, within a year.", "range"))
    return faults
