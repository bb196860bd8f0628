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
from core.ids import PROPOSAL, public_id

Cause = Literal["AMEND", "CANCEL"]

# Given trades about to be changed: why those that cannot be are fixed, by trade.
Refuse = Callable[[Sequence[int]], Mapping[int, str]]
# Given trades whose new version is stored, and where they have moved: does the app's part of the change.
Act = Callable[[Sequence[int], Cause, datetime, Actor], None]
# Returns what the app has of trades now, by key; what differs later is what the change came to.
Look = Callable[[Sequence[int], datetime], Mapping[str, Any]]
# Does at once what the app's workers would do of changed trades soon after (for dry runs).
Foresee = Callable[[Sequence[int], datetime], None]


@dataclass(frozen=True)
class Follower:
    """An app's part in a change. `looks`: by the name under which the answer tells of it."""

    refuse: Refuse | None = None
    act: Act | None = None
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


def foresee(*, trade_ids: Sequence[int], at: datetime) -> None:
    """Do what the workers would do soon of changed trades; only for what is taken back afterwards."""
    for follower in _FOLLOWERS:
        if follower.foresee is not None:
            follower.foresee(trade_ids, at)


_FINDINGS = """
SELECT id, code, severity, subject, message, expected, actual FROM trades_finding
WHERE trade_id = ANY(%s) AND closed_at IS NULL ORDER BY id
"""
_EXCEPTIONS = (
    "SELECT id, kind, codes FROM trades_exception WHERE trade_id = ANY(%s) AND closed_at IS NULL ORDER BY id"
)
_PROPOSALS = """
SELECT id, kind FROM core_proposal
WHERE subject = 'trade' AND subject_id = ANY(%s) AND state = 'PENDING' ORDER BY id
"""


def _findings(trade_ids: Sequence[int], _: datetime) -> dict[str, Any]:
    names = ("code", "severity", "subject", "message", "expected", "actual")
    rows = sql.records(_FINDINGS, [list(trade_ids)])
    return {f"{row['code']} {row['subject']}".strip(): {name: row[name] for name in names} for row in rows}


def _exceptions(trade_ids: Sequence[int], _: datetime) -> dict[str, Any]:
    rows = sql.rows(_EXCEPTIONS, [list(trade_ids)])
    # One that a dry run opens has an id that nobody will ever see again: it goes by its kind.
    return {kind: {"codes": sorted(codes)} for _, kind, codes in rows}


def _proposals(trade_ids: Sequence[int], _: datetime) -> dict[str, Any]:
    return {
        public_id(PROPOSAL, each): {"kind": kind} for each, kind in sql.rows(_PROPOSALS, [list(trade_ids)])
    }


_OWN: Mapping[str, Look] = {"findings": _findings, "exceptions": _exceptions, "proposals": _proposals}


class Observation:
    """Looks at trades when it is made, and tells later what has become different."""

    def __init__(self, trade_ids: Sequence[int], at: datetime) -> None:
        self._trade_ids = list(trade_ids)
        self._at = at
        self._before = self._now()

    def _now(self) -> dict[str, Mapping[str, Any]]:
        looks = dict(_OWN)
        for follower in _FOLLOWERS:
            looks.update(follower.looks or {})
        return {name: look(self._trade_ids, self._at) for name, look in looks.items()}

    def effects(self) -> dict[str, list[dict[str, Any]]]:
        """Return what differs, by section: each thing with its key, as it was (null: new) and is (null: gone)."""
        told = {}
        for name, after in self._now().items():
            before = self._before[name]
            told[name] = [
                {"key": key, "before": before.get(key), "after": after.get(key)}
                for key in sorted({*before, *after})
                if before.get(key) != after.get(key)
            ]
        return told
