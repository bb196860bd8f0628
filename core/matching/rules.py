"""By which rules two sides are matched: levels, each with its keys, tolerances and cardinality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from core.matching.tolerances import Exact

NEAR_MAX = 3


class Cardinality(Enum):
    """How many records of a side make one match; the sums of the parts are what is compared."""

    ONE_TO_ONE = "one to one"
    ONE_TO_MANY = "one of ours, parts of theirs"
    MANY_TO_ONE = "parts of ours, one of theirs"
    MANY_TO_MANY = "all of ours, all of theirs, of one key"


@dataclass(frozen=True)
class Level:
    """What makes a match at one level.

    keys: fields that must be present and equal; at least one; tolerances: fields that must lie within their
    tolerance, or it is no match; compared: fields that tell the best match from the others and whose differences
    are told, but which part nobody; sums: those of `tolerances` and `compared` that are added up over parts,
    numbers all; one or more unless one-to-one; name: what the match is called; keys joined unless given.

    Among all of one key, many-to-many has nothing but sums to compare.
    """

    keys: tuple[str, ...]
    tolerances: Mapping[str, Exact] = field(default_factory=dict)
    compared: Mapping[str, Exact] = field(default_factory=dict)
    cardinality: Cardinality = Cardinality.ONE_TO_ONE
    sums: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for a level that means nothing."""
        if not self.keys:
            raise ValueError("A level needs a key.")
        stated = [*self.keys, *self.tolerances, *self.compared]
        if len(set(stated)) != len(stated):
            raise ValueError("A field is a key, has a tolerance or is compared: one of the three.")
        if (self.cardinality is Cardinality.ONE_TO_ONE) != (not self.sums):
            raise ValueError("Sums are what parts are compared by: one or more, and none from one to one.")
        if not set(self.sums) <= {*self.tolerances, *self.compared}:
            raise ValueError("A sum needs its tolerance.")
        if self.cardinality is Cardinality.MANY_TO_MANY and set(self.sums) != {
            *self.tolerances,
            *self.compared,
        }:
            raise ValueError("From many to many only sums can be compared.")
        if not self.name:
            object.__setattr__(self, "name", " + ".join(self.keys))

    @property
    def fields(self) -> dict[str, Exact]:
        """What is compared besides the keys: those that part first."""
        return {**self.tolerances, **self.compared}


@dataclass(frozen=True)
class Rules:
    """The levels in the order in which they are tried: each takes of what the earlier ones left.

    near_max: how many near misses are told of each record that stays alone; 0 for none.
    """

    levels: tuple[Level, ...]
    near_max: int = NEAR_MAX

    def __post_init__(self) -> None:
        """Raise ValueError without levels, or for two of one name."""
        object.__setattr__(self, "levels", tuple(self.levels))
        if not self.levels:
            raise ValueError("At least one level is needed.")
        if len({each.name for each in self.levels}) != len(self.levels):
            raise ValueError("Two levels have one name.")
        if self.near_max < 0:
            raise ValueError("No fewer than no near misses can be told.")
