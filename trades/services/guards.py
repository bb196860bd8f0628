"""Guards: the apps above say why the economics of a trade cannot be changed now."""

from __future__ import annotations

from collections.abc import Callable

# Given a trade: why its economics are fixed, or an empty string.
Guard = Callable[[int], str]
_GUARDS: list[Guard] = []


def guard_economics(guard: Guard) -> None:
    """Register a reason to refuse changes of economics: what is live at the back office, say."""
    _GUARDS.append(guard)


def why_fixed(trade_id: int) -> str:
    """Return why the economics of a trade cannot be changed now, or an empty string."""
    return next((why for guard in _GUARDS if (why := guard(trade_id))), "")
