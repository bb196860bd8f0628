"""How far two values of a field may lie apart and still be taken for the same.

A tolerance is symmetric, holds no state and never rounds: amounts are subtracted exactly. A value that is missing
on both sides is the same; one that is missing on one side is out of every tolerance.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Any, ClassVar, NamedTuple

EXACT = Context(prec=100)  # more digits than two amounts of numeric(38, 18) and their sum can have
WHOLE_PPM = 1_000_000
YEAR_DAYS = 366
_NOT_WORD = re.compile(r"[\W_]+")


class Apart(NamedTuple):
    """How two different values lie to each other.

    distance: in the field's own unit (an amount, days, or 1 less the similarity), None where none can be told;
    severity_ppm: 0 to 1,000,000, comparable between fields, to rank near misses.
    """

    within: bool
    distance: Decimal | None
    severity_ppm: int


@dataclass(frozen=True)
class Exact:
    """Only the same value is the same."""

    ordered: ClassVar[bool] = False  # whether near values stand side by side when they are sorted

    def canonical(self, value: Any) -> Any:
        """Return what equal values have in common."""
        return value

    def apart(self, ours: Any, theirs: Any) -> Apart:
        """Tell how two values that are not equal lie to each other."""
        if _are_numbers(ours, theirs):
            distance = _distance(ours, theirs)
            return Apart(False, distance, _severity_ppm(ours, theirs, distance))
        if isinstance(ours, date) and isinstance(theirs, date):
            days = abs((ours - theirs).days)
            return Apart(False, Decimal(days), _days_ppm(days))
        return Apart(False, None, WHOLE_PPM)

    def __str__(self) -> str:
        return "exactly"


@dataclass(frozen=True)
class Absolute(Exact):
    """Numbers at most `most` apart, in the unit of the field."""

    most: Decimal
    ordered: ClassVar[bool] = True

    def apart(self, ours: Any, theirs: Any) -> Apart:
        """Tell how two numbers lie to each other; anything else is out."""
        _, distance, severity = Exact.apart(self, ours, theirs)
        return Apart(_are_numbers(ours, theirs) and _at_most(distance, self.most), distance, severity)

    def __str__(self) -> str:
        return f"{self.most:f}"


@dataclass(frozen=True)
class Relative(Exact):
    """Numbers at most the `most`-th part of the larger of them apart: 0.001 is a tenth of a per cent."""

    most: Decimal
    ordered: ClassVar[bool] = True

    def apart(self, ours: Any, theirs: Any) -> Apart:
        """Tell how two numbers lie to each other; anything else is out."""
        _, distance, severity = Exact.apart(self, ours, theirs)
        if not _are_numbers(ours, theirs):
            return Apart(False, distance, severity)
        allowed = EXACT.multiply(self.most, max(abs(Decimal(ours)), abs(Decimal(theirs))))
        return Apart(_at_most(distance, allowed), distance, severity)

    def __str__(self) -> str:
        return f"{self.most * 100:f} %"


@dataclass(frozen=True)
class Days(Exact):
    """Dates at most `most` calendar days apart."""

    most: int
    ordered: ClassVar[bool] = True

    def apart(self, ours: Any, theirs: Any) -> Apart:
        """Tell how many days two dates are apart; anything else is out."""
        if not (isinstance(ours, date) and isinstance(theirs, date)):
            return Apart(False, None, WHOLE_PPM)
        days = self.between(min(ours, theirs), max(ours, theirs))
        return Apart(days <= self.most, Decimal(days), _days_ppm(days))

    def between(self, first: date, last: date) -> int:
        """Count the days after the first up to the last."""
        return (last - first).days

    def __str__(self) -> str:
        return f"{self.most} days"


@dataclass(frozen=True)
class BusinessDays(Days):
    """Dates at most `most` business days apart, as `is_open` tells; beyond a year calendar days are counted."""

    is_open: Callable[[date], bool]

    def between(self, first: date, last: date) -> int:
        """Count the open days after the first up to the last: Friday to Monday is one."""
        days = (last - first).days
        if days > YEAR_DAYS:
            return days
        return sum(self.is_open(first + timedelta(days=each)) for each in range(1, days + 1))

    def __str__(self) -> str:
        return f"{self.most} business days"


@dataclass(frozen=True)
class Text(Exact):
    """Texts that are the same but for case, accents, spaces and punctuation."""

    def canonical(self, value: Any) -> Any:
        """Return the normalised text."""
        return normalised(value) if isinstance(value, str) else value

    def apart(self, ours: Any, theirs: Any) -> Apart:
        """Tell how unlike two texts are: 0 the same, 1 nothing in common."""
        if not (isinstance(ours, str) and isinstance(theirs, str)):
            return Apart(False, None, WHOLE_PPM)
        unlike = 1 - similarity(ours, theirs)
        return Apart(self.is_like(ours, theirs), unlike, int(unlike * WHOLE_PPM))

    def is_like(self, ours: str, theirs: str) -> bool:
        """Tell whether the texts are taken for the same."""
        return normalised(ours) == normalised(theirs)

    def __str__(self) -> str:
        return "the same letters and digits"


@dataclass(frozen=True)
class Similar(Text):
    """Texts of which `least` (0 to 1) of all pairs of neighbouring characters are common, once normalised."""

    least: Decimal

    def is_like(self, ours: str, theirs: str) -> bool:
        """Tell whether the texts are alike enough."""
        return similarity(ours, theirs) >= self.least

    def __str__(self) -> str:
        return f"{self.least * 100:f} % alike"


def normalised(text: str) -> str:
    """Return the letters and digits of a text, without case and accents: for keys too, on both sides."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _NOT_WORD.sub("", "".join(each for each in plain if not unicodedata.combining(each)))


def similarity(ours: str, theirs: str) -> Decimal:
    """Return how alike two texts are, 0 to 1: the Dice coefficient of their pairs of neighbouring characters."""
    left, right = _bigrams(normalised(ours)), _bigrams(normalised(theirs))
    if left == right:
        return Decimal(1)
    common = sum((left & right).values())
    return Decimal(2 * common) / Decimal(left.total() + right.total())


def _bigrams(text: str) -> Counter[str]:
    padded = f" {text} "
    return Counter(padded[at : at + 2] for at in range(len(padded) - 1))


def _are_numbers(ours: Any, theirs: Any) -> bool:
    return isinstance(ours, (Decimal, int)) and isinstance(theirs, (Decimal, int))


def _distance(ours: Decimal | int, theirs: Decimal | int) -> Decimal:
    return abs(EXACT.subtract(Decimal(ours), Decimal(theirs)))


def _at_most(distance: Decimal | None, most: Decimal) -> bool:
    return distance is not None and distance <= most


def _severity_ppm(ours: Decimal | int, theirs: Decimal | int, distance: Decimal) -> int:
    larger = max(abs(Decimal(ours)), abs(Decimal(theirs)))
    return min(WHOLE_PPM, int(distance * WHOLE_PPM / larger)) if larger else 0


def _days_ppm(days: int) -> int:
    return min(WHOLE_PPM, days * WHOLE_PPM // YEAR_DAYS)
