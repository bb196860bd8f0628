"""Where all trades stand, as one hash: computed from the tables here, and by a reader from the events alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from core import sql
from core.http.problem import Problem
from core.ids import TRADE, database_id
from feed.selectors import complete_up_to
from trades.lifecycle import CAPTURE_EVENT, SUBJECT, TRANSITIONS, State

# Trades are hashed in groups of this many ids, so that neither side holds one text of all of them.
GROUP = 4096
_TRIES = 3  # each counts all trades; who is told 503 asks again when it is quieter

# Where each event of the lifecycle leads; every other event of a trade leaves its state alone.
TARGETS: dict[str, State] = {CAPTURE_EVENT: State.CAPTURED} | {way.event: way.target for way in TRANSITIONS}


@dataclass(frozen=True)
class StateHash:
    """How many trades there are and the hash of where they stand after an event."""

    trades: int
    sha256: str
    event_id: int


def hash_of(states: Mapping[int, tuple[int, State]]) -> str:
    """Return the hash of trades by id, each with its version and state, in hexadecimal.

    A trade is the line `<number> <version> <STATE>`. The lines of every 4096 numbers are joined by line feeds in
    the order of the numbers and hashed by SHA-256; the digests, in order, are hashed again.
    """
    whole = hashlib.sha256()
    for _, numbers in groupby(sorted(states), key=lambda number: number // GROUP):
        lines = (f"{number} {states[number][0]} {states[number][1].name}" for number in numbers)
        whole.update(hashlib.sha256("\n".join(lines).encode()).digest())
    return whole.hexdigest()


def fold(states: MutableMapping[int, tuple[int, State]], event: Mapping[str, Any]) -> None:
    """Apply one event, as the feed shows it, to the states of trades by id.

    The events of a trade come in the order in which they happened. The type says where it stands then; the version,
    where the event has one, only ever grows.
    """
    if event["subject"] != SUBJECT:
        return
    number = database_id(TRADE, event["subject_id"])
    assert number is not None  # noqa: S101 - the feed writes no other ids
    target = TARGETS.get(event["type"])
    version, state = states.get(number, (0, target))
    if state is not None:
        states[number] = (max(version, event["version"] or 0), target or state)


_NAMES = " ".join(f"WHEN {state.value} THEN '{state.name}'" for state in State)
# One statement, so one snapshot: the hash counts only if it saw no change of a trade after the mark.
_HASH = f"""
SELECT (SELECT count(*) FROM core_event WHERE id > %(mark)s AND subject = '{SUBJECT}'),
       coalesce(sum(g.trades), 0), encode(sha256(coalesce(string_agg(g.digest, '' ORDER BY g.n), '')), 'hex')
FROM (
    SELECT trade_id / {GROUP} AS n, count(*) AS trades,
           sha256(convert_to(string_agg(
               trade_id || ' ' || version || ' ' || CASE state {_NAMES} END, E'\\n' ORDER BY trade_id), 'UTF8'
           )) AS digest
    FROM trades_state GROUP BY 1
) AS g
"""


def hash_states() -> StateHash:
    """Return the hash of all trades, and the event that it is as of.

    Problem 503 while trades change faster than they are counted: ask again when it is quieter.
    """
    for _ in range(_TRIES):
        mark = complete_up_to()
        found = None if mark is None else sql.row(_HASH, {"mark": mark})
        if mark is not None and found is not None and found[0] == 0:
            return StateHash(int(found[1]), found[2], mark)
    raise Problem(
        503, "trades-are-moving", "Trades are changing at this moment.", headers={"Retry-After": "1"}
    )
