"""The decision of limits: which trades, in the order of capture, find which limit exceeded. Pure: no database.

A captured trade is a promise made: its use counts from its first check on, held or not. A breach holds the
trade; it does not undo it. Where the sums of a batch leave a member below its marks in whatever order the trades
came, nothing needs a look at single trades; `near_marks()` tells the limits where they do, `decide()` looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from core.money import ZERO
from risk.checks._composition import Group
from risk.measures import MEASURES
from risk.measures.base import Measure

Member = tuple[int, str]  # a limit's id and the key of one member of its scope
Place = tuple[str, ...]  # a text for each dimension that a limit is kept by
BREACH, WARNING = "LIMIT_BREACH", "LIMIT_WARNING"
NEVER = Decimal("Infinity")  # the mark of a limit that is not in force yet: its figures are kept all the same
_CENT = Decimal(100)


@dataclass(frozen=True, slots=True)
class Held:
    """What reservations hold of a member, neither below zero: for uses that count up, and for those that count
    down (of a signed measure)."""

    up: Decimal = ZERO
    down: Decimal = ZERO

    @classmethod
    def of(cls, size: Decimal) -> Held:
        """Return what holds room for one use."""
        return cls(size, ZERO) if size >= 0 else cls(ZERO, -size)

    def __add__(self, other: Held) -> Held:
        return Held(self.up + other.up, self.down + other.down)

    def __sub__(self, other: Held) -> Held:
        return Held(self.up - other.up, self.down - other.down)


NOTHING = Held()


@dataclass(frozen=True, slots=True)
class LimitTerms:
    """A limit as the decision needs it. warn, hard, floor: in the unit of its figures, money in base currency.

    floor: of a share, the total up to which it says nothing. raised: by how much approved excesses lift the hard
    mark of a member at this moment.
    """

    id: int
    code: str
    measure: str
    dimensions: tuple[str, ...]
    members: tuple[str, ...]
    warn: Decimal | None
    hard: Decimal
    floor: Decimal = ZERO
    raised: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def declared(self) -> Measure:
        return MEASURES[self.measure]

    @property
    def group(self) -> Group:
        """What its uses are summed by: limits of the same group share one summation."""
        measure = self.declared
        return (*self.dimensions, *filter(None, [measure.per])), measure.size, measure.signed

    @property
    def accumulates(self) -> bool:
        return self.declared.accumulates

    @property
    def first_mark(self) -> Decimal:
        """The lowest figure above which there is something to say."""
        return self.hard if self.warn is None else self.warn

    def hard_of(self, key: str) -> Decimal:
        """Return the hard mark of a member, with what is approved on top of it at this moment."""
        return self.hard + self.raised.get(key, ZERO)

    def key_of(self, place: Sequence[str]) -> str | None:
        """Return the member that a place is, or None when outside of the scope."""
        if self.members and tuple(place[: len(self.members)]) != self.members:
            return None
        return "|".join(place)

    def total_of(self, key: str) -> Member | None:
        """Return the member that keeps the total in which a share is measured; None when the measure is none."""
        return (self.id, f"{key.rpartition('|')[0]}|*") if self.declared.share else None


@dataclass(slots=True)
class Exposure:
    """One trade as the limits see it: where it stands, and its size by each group of limits (null: unknown).

    counted: its use is in the running figures already. frees: what its reservation held until now.
    """

    trade_id: int
    places: Mapping[Group, Place | None]
    sizes: Mapping[Group, Decimal | None]
    counted: bool = False
    frees: Mapping[Member, Held] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Use:
    """What new trades of a batch use together in one place of one group of limits: `down`, the part that counts
    down, as a size."""

    group: Group
    place: Place
    total: Decimal
    greatest: Decimal
    down: Decimal = ZERO


@dataclass(slots=True)
class Excess:
    """A trade that found a limit above its hard or warning mark, counting itself."""

    trade_id: int
    code: str
    limit: str
    key: str
    bound: Decimal
    used: Decimal


@dataclass(slots=True)
class Decision:
    """What the limits say of a batch, by how much each member's figure moves, and what reservations give back."""

    excesses: list[Excess] = field(default_factory=list)
    deltas: dict[Member, Decimal] = field(default_factory=dict)
    freed: dict[Member, Held] = field(default_factory=dict)


@dataclass(slots=True)
class Standing:
    """Running figures, and how a batch has moved them so far."""

    used: Mapping[Member, Decimal]
    held: Mapping[Member, Held]
    moves: Decision = field(default_factory=Decision)

    def add(self, limit: LimitTerms, key: str, size: Decimal) -> None:
        """Count a use in a member, and in the total of which it is a share."""
        for member in members_at(limit, key):
            self.moves.deltas[member] = self.moves.deltas.get(member, ZERO) + size

    def free(self, frees: Mapping[Member, Held]) -> None:
        """Give back what a reservation held."""
        for member, held in frees.items():
            self.moves.freed[member] = self.moves.freed.get(member, NOTHING) + held

    def figure(self, limit: LimitTerms, key: str, *, more: Held = NOTHING) -> Decimal:
        """Return how much of a limit a member uses, with what is reserved and, on top, `more`."""
        member, whole = (limit.id, key), limit.total_of(key)
        used, held = self._used(member), self._held(member) + more
        if whole is None:
            return (
                max(abs(used + held.up), abs(used - held.down)) if limit.declared.signed else used + held.up
            )
        total = self._used(whole) + self._held(whole).up + more.up
        return _CENT * (used + held.up) / total if total > limit.floor else ZERO

    def reach(self, limit: LimitTerms, key: str, size: Decimal) -> Decimal:
        """Return the figure that one more use could come to, on its own side of a signed measure."""
        if not limit.declared.signed:
            return self.figure(limit, key, more=Held.of(size))
        used, held = self._used((limit.id, key)), self._held((limit.id, key))
        return used + held.up + size if size >= 0 else held.down - used - size

    def eases(self, limit: LimitTerms, key: str, size: Decimal) -> bool:
        """Tell whether a use that is counted already has brought a signed figure nearer to zero."""
        used = self._used((limit.id, key))
        return limit.declared.signed and abs(used) < abs(used - size)

    def _used(self, member: Member) -> Decimal:
        return self.used.get(member, ZERO) + self.moves.deltas.get(member, ZERO)

    def _held(self, member: Member) -> Held:
        return self.held.get(member, NOTHING) - self.moves.freed.get(member, NOTHING)


class Scopes:
    """Finds the limits that a place is in the scope of, without asking each of them."""

    def __init__(self, limits: Iterable[LimitTerms]) -> None:
        self._found: dict[Group, dict[int, dict[Place, list[tuple[int, LimitTerms]]]]] = {}
        for position, limit in enumerate(limits):
            by_length = self._found.setdefault(limit.group, {})
            by_members = by_length.setdefault(len(limit.members), {})
            by_members.setdefault(limit.members, []).append((position, limit))

    def at(self, group: Group, place: Place) -> Iterator[tuple[int, LimitTerms]]:
        """Yield the limits of a group whose scope a place is in, each with its position."""
        for length, by_members in self._found.get(group, {}).items():
            yield from by_members.get(place[:length], ())

    def of(self, exposure: Exposure) -> list[tuple[LimitTerms, str, Decimal]]:
        """Return the limits that a trade uses, in their order: with the member, and the size of the use."""
        found = []
        for group in self._found:
            place, size = exposure.places[group], exposure.sizes[group]
            if place is not None and size is not None:
                key = "|".join(place)
                found += [(position, limit, key, size) for position, limit in self.at(group, place)]
        found.sort(key=lambda each: each[0])
        return [(limit, key, size) for _, limit, key, size in found]


def members_at(limit: LimitTerms, key: str) -> tuple[Member, ...]:
    """Return the members whose figures a use in a member moves: itself, and the total it is a share of."""
    whole = limit.total_of(key)
    return ((limit.id, key),) if whole is None else ((limit.id, key), whole)


def groups_of(limits: Sequence[LimitTerms]) -> tuple[Group, ...]:
    """Return the groups that limits are summed by, each once."""
    return tuple(dict.fromkeys(limit.group for limit in limits))


def add_up(limits: Sequence[LimitTerms], uses: Iterable[Use]) -> dict[Member, Decimal]:
    """Return by how much summed uses move the figures of every member they touch."""
    scopes = Scopes(limit for limit in limits if limit.accumulates)
    deltas: dict[Member, Decimal] = {}
    for use in uses:
        key = "|".join(use.place)
        for _, limit in scopes.at(use.group, use.place):
            for member in members_at(limit, key):
                deltas[member] = deltas.get(member, ZERO) + use.total
    return deltas


def near_marks(
    limits: Sequence[LimitTerms],
    uses: Iterable[Use],
    used: Mapping[Member, Decimal],
    held: Mapping[Member, Held] | None = None,
) -> list[LimitTerms]:
    """Return the limits of which some order of the trades behind these uses could pass a mark.

    The highest figure on any way is the one before, with all that counts up and none that counts down, or the
    other way round: a purchase and a sale of one batch may stand in either order.
    """
    scopes, standing = Scopes(limits), Standing(used, held or {})
    near: dict[int, LimitTerms] = {}
    for use in uses:
        key = "|".join(use.place)
        for position, limit in scopes.at(use.group, use.place):
            highest = use.greatest
            if limit.accumulates:
                highest = standing.figure(limit, key, more=Held(use.total + use.down, use.down))
            if highest > limit.first_mark:
                near[position] = limit
    return [near[position] for position in sorted(near)]


def members_of(limits: Sequence[LimitTerms], exposures: Iterable[Exposure]) -> set[Member]:
    """Return the members whose running figures a decision over these exposures needs."""
    scopes = Scopes(limit for limit in limits if limit.accumulates)
    return {
        member
        for exposure in exposures
        for limit, key, _ in scopes.of(exposure)
        for member in members_at(limit, key)
    }


def decide(
    limits: Sequence[LimitTerms],
    exposures: Iterable[Exposure],
    used: Mapping[Member, Decimal],
    held: Mapping[Member, Held] | None = None,
) -> Decision:
    """Take the trades in the order of capture and tell which of them find a limit exceeded.

    `used` and `held` are the running figures before these trades. A trade's reservation is given back in its own
    turn, so that what was held for it is there for it and not for the one before. What brings a signed figure
    nearer to zero exceeds nothing.
    """
    scopes, standing = Scopes(limits), Standing(used, held or {})
    for exposure in exposures:
        standing.free(exposure.frees)
        for limit, key, size in scopes.of(exposure):
            figure = size
            if limit.accumulates:
                if not exposure.counted:
                    standing.add(limit, key, size)
                if standing.eases(limit, key, size):
                    continue
                figure = standing.figure(limit, key)
            if excess := excess_of(limit, key, figure, exposure.trade_id):
                standing.moves.excesses.append(excess)
    return standing.moves


def excess_of(limit: LimitTerms, key: str, figure: Decimal, trade_id: int) -> Excess | None:
    """Return the highest mark of a limit that a figure passes, or None."""
    for code, bound in ((BREACH, limit.hard_of(key)), (WARNING, limit.warn)):
        if bound is not None and figure > bound:
            return Excess(trade_id, code, limit.code, key, bound, figure)
    return None
