"""Guards: the apps above say why the economics of trades cannot be changed now, and which trades must not leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from core.audit import Actor

# Given trades: why the economics of those of them that are fixed cannot be changed.
Guard = Callable[[Sequence[int]], Mapping[int, str]]
_GUARDS: list[Guard] = []


def guard_economics(guard: Guard) -> None:
    """Register a reason to refuse changes of economics: what is live at the back office, say."""
    _GUARDS.append(guard)


def why_fixed(trade_ids: Sequence[int]) -> dict[int, str]:
    """Return why the economics of trades cannot be changed now, by trade; those that can are left out."""
    found: dict[int, str] = {}
    for guard in _GUARDS:
        for trade_id, why in guard(trade_ids).items():
            found.setdefault(trade_id, why)
    return found


# Given SQL of a relation with a column trade_id: those of its trades that must not leave now.
HoldBack = Callable[[str], list[int]]
# Looks again at what has left already, because other trades must not leave than before.
Retreat = Callable[[datetime, Actor], None]
_HOLDING_BACK: list[tuple[HoldBack, bool]] = []
_RETREATS: list[Retreat] = []


def hold_back(guard: HoldBack, *, once_sealed: bool = True) -> None:
    """Register a reason why trades must not leave the house: that they are stopped, say.

    once_sealed: it also holds what is sealed and was not claimed yet; else it keeps trades from being sealed only.
    """
    _HOLDING_BACK.append((guard, once_sealed))


def held_back(relation: str, *, sealed: bool = False) -> list[int]:
    """Return the trades of a relation (SQL with a column trade_id) that must not leave now; `sealed`: they are."""
    guards = [guard for guard, once_sealed in _HOLDING_BACK if once_sealed or not sealed]
    return sorted({trade_id for guard in guards for trade_id in guard(relation)})


def on_hold_back(retreat: Retreat) -> None:
    """Register what an app that lets trades leave does when other trades must not leave than before."""
    _RETREATS.append(retreat)


def hold_back_anew(*, at: datetime, actor: Actor) -> None:
    """Have every app look again at what it has let leave, in the caller's transaction."""
    for retreat in _RETREATS:
        retreat(at, actor)
