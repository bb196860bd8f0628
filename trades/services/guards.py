"""Guards: the apps above say why the economics of trades cannot be changed now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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
