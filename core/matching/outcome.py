"""What came of matching: pairs, groups, who stayed alone and what came nearest, each difference with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple


class Reason(Enum):
    """Why two values, or a near miss, are told: the value is the template of a sentence."""

    WITHIN_TOLERANCE = "{field}: ours is {ours}, theirs {theirs}; that is within the tolerance ({tolerance})."
    OUT_OF_TOLERANCE = "{field}: ours is {ours}, theirs {theirs}; the tolerance is {tolerance}."
    KEY_DIFFERS = "{field}: ours is {ours}, theirs {theirs}; these must be equal."
    MISSING_OURS = "{field}: ours says nothing, theirs {theirs}."
    MISSING_THEIRS = "{field}: ours is {ours}, theirs says nothing."


class Difference(NamedTuple):
    """A field in which two sides differ.

    ours, theirs: the values, or their sums over the parts of a group; tolerance: in words; distance: how far apart
    in the field's unit (an amount, days, 1 less the similarity), None where none can be told.
    """

    field: str
    ours: Any
    theirs: Any
    tolerance: str
    distance: Decimal | None
    reason: Reason

    @property
    def within(self) -> bool:
        """Tell whether the difference is tolerated."""
        return self.reason is Reason.WITHIN_TOLERANCE

    def __str__(self) -> str:
        return self.reason.value.format(**self._asdict())


class Pair(NamedTuple):
    """One of ours with one of theirs, and the level at which they met."""

    ours: Any
    theirs: Any
    level: str
    differences: tuple[Difference, ...]


class Group(NamedTuple):
    """Parts that add up: ids in order."""

    ours: tuple[Any, ...]
    theirs: tuple[Any, ...]
    level: str
    differences: tuple[Difference, ...]


class NearMiss(NamedTuple):
    """A record of the other side that comes near, and all that keeps it away; the first differences are keys.

    taken: it is matched with another. Without differences out of tolerance it is one too many.
    """

    id: Any
    differences: tuple[Difference, ...]
    taken: bool = False


@dataclass(frozen=True)
class Pairs:
    """Pairs as columns of one length, by our id within a level; few have `differences`, kept by our id."""

    ours: list[Any]
    theirs: list[Any]
    levels: list[str]
    differences: Mapping[Any, tuple[Difference, ...]]

    def __len__(self) -> int:
        return len(self.ours)

    def __iter__(self) -> Iterator[Pair]:
        for ours, theirs, level in zip(self.ours, self.theirs, self.levels, strict=True):
            yield Pair(ours, theirs, level, self.differences.get(ours, ()))


@dataclass(frozen=True)
class Outcome:
    """Every record once: in a pair, in a group, or alone.

    unmatched_*: ids in order; near_*: of each of those for which there are any, the near misses, the nearest first.
    """

    pairs: Pairs
    groups: tuple[Group, ...]
    unmatched_ours: list[Any]
    unmatched_theirs: list[Any]
    near_ours: Mapping[Any, tuple[NearMiss, ...]]
    near_theirs: Mapping[Any, tuple[NearMiss, ...]]
