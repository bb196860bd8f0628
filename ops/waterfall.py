"""A waterfall as geometry: from nothing, part by part, to the total. The template draws it; a table says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

_STEP, _BAR, _TOP, _HEIGHT, _THINNEST = 100, 64, 24, 150, 2
WIDTH_OF_A_STEP = _STEP


@dataclass(frozen=True)
class Step:
    """One bar. All in units of the drawing; `kind`: gain, loss, nought or total; `amount` in base currency."""

    name: str
    amount: Decimal
    kind: str
    x: int
    y: int
    width: int
    height: int
    middle: int
    label_y: int
    ends_at: int


def waterfall(parts: Sequence[tuple[str, Decimal]]) -> list[Step]:
    """Return the bars of parts, each from where the one before ended, and one of the total, from nothing."""
    spans, level = [], Decimal(0)
    for name, amount in parts:
        spans.append((name, amount, level, level + amount))
        level += amount
    spans.append(("total", level, Decimal(0), level))
    top = max(max(begin, end) for _, _, begin, end in spans)
    bottom = min(min(begin, end) for _, _, begin, end in spans)
    reach = max(top, Decimal(0)) - min(bottom, Decimal(0)) or Decimal(1)

    def at(amount: Decimal) -> int:
        return _TOP + int((max(top, Decimal(0)) - amount) * _HEIGHT / reach)

    return [_step(n, name, amount, at(begin), at(end)) for n, (name, amount, begin, end) in enumerate(spans)]


def _step(n: int, name: str, amount: Decimal, begin: int, end: int) -> Step:
    y, kind = min(begin, end), "gain" if amount > 0 else "loss" if amount < 0 else "nought"
    return Step(
        name=name,
        amount=amount,
        kind=f"{kind} total" if name == "total" else kind,
        x=n * _STEP + (_STEP - _BAR) // 2,
        y=y,
        width=_BAR,
        height=max(abs(begin - end), _THINNEST),
        middle=n * _STEP + _STEP // 2,
        label_y=y - 6,
        ends_at=end,
    )
