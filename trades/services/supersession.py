"""Supersession: what else happens when a version of a trade is superseded, and what it comes to.

Apps above register a `Follower` each. What a change comes to is seen by looking before and after, inside the
transaction: a dry run is the same change, looked at in the same way and then taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from core import sql
from core.audit import Actor
from core.ids import PROPOSAL, TRADE, public_id

Cause = Literal["AMEND", "CANCEL", "ALLOCATE"]

# Given trades about to be changed: why those that cannot be are fixed, by trade.
Refuse = Callable[[Sequence[int]], Mapping[int, str]]
# Given trades whose new version is stored, and where they have moved: does the app's part of the change.
Act = Callable[[Sequence[int], Cause, datetime, Actor], None]
# Given trades that others will take the place of: whether anything is held for them that no check has drawn yet. It
# stays so to the end of the transaction.
HoldsRoom = Callable[[Sequence[int]], bool]
# Given trades that others take the place of, and these others, stored: has what counted of the first count of the
# others from now on. The first have not moved yet.
Succeed = Callable[[Sequence[int], Sequence[int], datetime], None]
# Returns what the app has of trades now, by key; what differs later is what the change came to.
Look = Callable[[Sequence[int], datetime], Mapping[str, Any]]
# Does at once what the app's workers would do of changed trades soon after (for dry runs).
Foresee = Callable[[Sequence[int], datetime], None]


@dataclass(frozen=True)
class Follower:
    """An app's part in a change. `looks`: by the name under which the answer tells of it."""

    refuse: Refuse | None = None
    act: Act | None = None
    holds_room: HoldsRoom | None = None
    succeed: Succeed | None = None
    looks: Mapping[str, Look] | None = None
    foresee: Foresee | None = None


_FOLLOWERS: list[Follower] = []


def on_supersession(follower: Follower) -> None:
    """Register an app's part in changes of trades."""
    _FOLLOWERS.append(follower)


def refusals(trade_ids: Sequence[int]) -> dict[int, str]:
    """Return why trades cannot be changed now, by trade; those that can are left out."""
    found: dict[int, str] = {}
    for follower in _FOLLOWERS if trade_ids else ():
        if follower.refuse is not None:
            found = {**follower.refuse(trade_ids), **found}
    return found


def follow(*, trade_ids: Sequence[int], cause: Cause, at: datetime, actor: Actor) -> None:
    """Have every app do its part for trades whose version was superseded, in the caller's transaction."""
    for follower in _FOLLOWERS if trade_ids else ():
        if follower.act is not None:
            follower.act(trade_ids, cause, at, actor)


def is_room_held(*, trade_ids: Sequence[int]) -> bool:
    """Tell whether any app holds anything for trades that no check has drawn yet, to the end of the transaction."""
    return any(each.holds_room(trade_ids) for each in _FOLLOWERS if each.holds_room is not None)


def succeed(*, leaving: Sequence[int], joining: Sequence[int], at: datetime) -> None:
    """Have every app count new trades in the place of others, in the caller's transaction, before those move."""
    for follower in _FOLLOWERS:
        if follower.succeed is not None:
            follower.succeed(leaving, joining, at)


def foresee(*, trade_ids: Sequence[int], at: datetime) -> None:
    """Do what the workers would do soon of changed trades; only for what is taken back afterwards."""
    for follower in _FOLLOWERS:
        if follower.foresee is not None:
            follower.foresee(trade_ids, at)


_FINDINGS = """
SELECT trade_id, code, severity, subject, message, expected, actual FROM trades_finding
WHERE trade_id = ANY(%s) AND closed_at IS NULL ORDER BY id
"""
_EXCEPTIONS = """
SELECT trade_id, kind, codes FROM trades_exception WHERE trade_id = ANY(%s) AND closed_at IS NULL ORDER BY id
"""
_PROPOSALS = """
SELECT id, kind FROM core_proposal
WHERE subject = 'trade' AND subject_id = ANY(%s) AND state = 'PENDING' ORDER BY id
"""


def _findings(trade_ids: Sequence[int], _: datetime) -> dict[str, Any]:
    names = ("code", "severity", "subject", "message", "expected", "actual")
    rows = sql.records(_FINDINGS, [list(trade_ids)])
    return {
        f"{_whose(row['trade_id'], trade_ids)}{row['code']} {row['subject']}".strip(): {
            name: row[name] for name in names
        }
        for row in rows
    }


def _exceptions(trade_ids: Sequence[int], _: datetime) -> dict[str, Any]:
    rows = sql.rows(_EXCEPTIONS, [list(trade_ids)])
    # One that a dry run opens has an id that nobody will ever see again: it goes by its kind.
    return {
        f"{_whose(trade_id, trade_ids)}{kind}": {"codes": sorted(codes)} for trade_id, kind, codes in rows
    }


def _whose(trade_id: int, trade_ids: Sequence[int]) -> str:
    """Return the trade that a thing is of, unless it is the one that is changed, which goes first."""
    return "" if trade_id == trade_ids[0] else f"{public_id(TRADE, trade_id)} "


def _proposals(trade_ids: Sequence[int], _: datetime) -> dict[str, Any]:
    return {
        public_id(PROPOSAL, each): {"kind": kind} for each, kind in sql.rows(_PROPOSALS, [list(trade_ids)])
    }


_OWN: Mapping[str, Look] = {"findings": _findings, "exceptions": _exceptions, "proposals": _proposals}


class Observation:
    """Looks at trades when it is made, and tells later what has become different. The one that changes goes first."""

    def __init__(self, trade_ids: Sequence[int], at: datetime) -> None:
        self._trade_ids = list(trade_ids)
        self._at = at
        self._before = self._now({})

    def _now(self, new: Mapping[int, str]) -> dict[str, Mapping[str, Any]]:
        looks = dict(_OWN)
        for follower in _FOLLOWERS:
            looks.update(follower.looks or {})
        names = {public_id(TRADE, trade_id): name for trade_id, name in new.items()}
        return {
            name: {_named(key, names): each for key, each in look([*self._trade_ids, *new], self._at).items()}
            for name, look in looks.items()
        }

    def effects(self, new: Mapping[int, str] | None = None) -> dict[str, list[dict[str, Any]]]:
        """Return what differs, by section: each thing with its key, as it was (null: new) and is (null: gone).

        new: trades that were not there before, with the names by which the keys call them: the id that one has in
        a dry run is never seen again.
        """
        told = {}
        for name, after in self._now(new or {}).items():
            before = self._before[name]
            told[name] = [
                {"key": key, "before": before.get(key), "after": after.get(key)}
                for key in sorted({*before, *after})
                if before.get(key) != after.get(key)
            ]
        return told


def _named(key: str, names: Mapping[str, str]) -> str:
    head, space, rest = key.partition(" ")
    return f"{names.get(head, head)}{space}{rest}"
