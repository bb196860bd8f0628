"""Lots: which purchase a sale uses up, and what it gains. A pure function over what happened to one position, in order.

A position's lots all lie on one side: long ones have a quantity and a cost above zero, short ones below (what was
received for them). Whatever is cut into parts is rounded to the currency's minor unit and the last part takes the
rest, so that what came in is always what went out and what is left, to the cent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import NamedTuple

from core.money import ZERO, round_money

NO_TIME = datetime(
    1970, 1, 1, tzinfo=UTC
)  # of a deal that does not say when it was done: the first of its day
_PRECISION = 80  # digits, more than any product of two stored numbers has
_QUANTUM = Decimal("0.0000000001")


class Method(StrEnum):
    """Which lot a closing uses up first."""

    FIFO = "FIFO"
    LIFO = "LIFO"
    AVERAGE = "AVERAGE"


class Rank(StrEnum):
    """What comes first on a day: an action is on its ex-date before whatever is dealt."""

    ACTION = "A"
    TRADE = "T"


class Kind(StrEnum):
    """What became of a lot."""

    OPEN = "OPEN"
    CLOSE = "CLOSE"
    POOL = "POOL"
    SPLIT = "SPLIT"
    REFUSED = "REFUSED"


class Place(NamedTuple):
    """Where something stands in the history of a position: by day, moment and id, so always in the same order.

    source_id: the trade, or the corporate action by its rank; leg: which of the trade's.
    """

    day: date
    rank: Rank
    moment: datetime
    source_id: int
    leg: int


class Key(NamedTuple):
    """What has lots of its own: what a book holds of an instrument, paid in a currency."""

    book_id: int
    instrument_id: int
    currency: str


@dataclass(frozen=True, slots=True)
class Terms:
    """How a book counts: `opens_short`: what is sold beyond what is held opens a short, else it is refused.

    with_fees: the fees are part of what a lot costs, and lessen what it is sold for.
    """

    method: Method = Method.FIFO
    opens_short: bool = True
    with_fees: bool = False


@dataclass(frozen=True, slots=True)
class Fill:
    """A quantity bought (above zero) or sold, what it is worth (`amount`, as if bought) and its fees."""

    place: Place
    version: int
    quantity: Decimal
    amount: Decimal
    fees: Decimal = ZERO

    def value(self, with_fees: bool) -> Decimal:
        """Return what is paid for it; below zero: received."""
        paid = self.amount if self.quantity > 0 else -self.amount
        return paid + self.fees if with_fees else paid


@dataclass(frozen=True, slots=True)
class Split:
    """`new` units in the place of each `old` ones. What it all costs stays."""

    place: Place
    version: int
    new: Decimal
    old: Decimal


@dataclass(frozen=True, slots=True)
class Redemption:
    """All that is held is paid back, at an amount of money a unit."""

    place: Place
    version: int
    price: Decimal


Step = Fill | Split | Redemption


@dataclass(slots=True)
class Lot:
    """What is left of an opening: its place and version, the quantity and its cost."""

    opened: Place
    version: int
    quantity: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Movement:
    """What one step did to one lot (`opened` None: to what was refused).

    quantity, cost: by how much the lot's changed; value: what was paid for it (below zero: received);
    gain: what was realised.
    """

    place: Place
    version: int
    kind: Kind
    opened: Place | None
    lot_version: int
    quantity: Decimal
    cost: Decimal
    value: Decimal = ZERO
    gain: Decimal = ZERO


@dataclass(slots=True)
class Lots:
    """The open lots of a position, the oldest first, and the quantity that was refused."""

    currency: str
    open: list[Lot] = field(default_factory=list)
    refused: Decimal = ZERO

    @property
    def held(self) -> Decimal:
        """Return the quantity in the lots."""
        return sum((lot.quantity for lot in self.open), ZERO)


def play(lots: Lots, steps: Iterable[Step], terms_on: Callable[[date], Terms]) -> list[Movement]:
    """Let steps, in the order of their places, happen to lots, which change; return what they did.

    terms_on: how the book counts on a day.
    """
    moved: list[Movement] = []
    with localcontext(prec=_PRECISION):
        for step in steps:
            if isinstance(step, Fill):
                moved += _fill(lots, step, terms_on(step.place.day))
            elif isinstance(step, Split):
                moved += _split(lots, step)
            else:
                moved += _redeem(lots, step)
            lots.open = [lot for lot in lots.open if lot.quantity]
    return moved


def _fill(lots: Lots, fill: Fill, terms: Terms) -> list[Movement]:
    held = lots.held
    if not terms.opens_short and fill.quantity < 0 and held + fill.quantity < 0:
        lots.refused += fill.quantity
        return [Movement(fill.place, fill.version, Kind.REFUSED, None, 0, fill.quantity, ZERO)]
    averages = terms.method == Method.AVERAGE
    moved = _pool(lots, fill) if averages else []
    left, value = fill.quantity, fill.value(terms.with_fees)
    if held * left < 0:
        for lot in list(reversed(lots.open) if terms.method == Method.LIFO else lots.open):
            part = -lot.quantity if abs(lot.quantity) <= abs(left) else left
            part_value = value if part == left else round_money(value * part / left, lots.currency)
            moved.append(_close(lots, lot, fill, part, part_value))
            left, value = left - part, value - part_value
            if not left:
                return moved
    if averages and held * left > 0:
        lot = lots.open[0]
        lot.quantity, lot.cost = lot.quantity + left, lot.cost + value
    else:
        lot = Lot(fill.place, fill.version, left, value)
        lots.open.append(lot)
    moved.append(
        Movement(fill.place, fill.version, Kind.OPEN, lot.opened, lot.version, left, value, value=value)
    )
    return moved


def _close(lots: Lots, lot: Lot, step: Fill | Redemption, part: Decimal, value: Decimal) -> Movement:
    """Close a part of a lot for what is paid for it, `part` having the sign of the closing."""
    cost = lot.cost
    if part != -lot.quantity:
        cost = -round_money(lot.cost * part / lot.quantity, lots.currency)
    lot.quantity, lot.cost = lot.quantity + part, lot.cost - cost
    return Movement(
        step.place, step.version, Kind.CLOSE, lot.opened, lot.version, part, -cost, value, -value - cost
    )


def _pool(lots: Lots, fill: Fill) -> list[Movement]:
    """Lay the lots together that another method has left apart."""
    if len(lots.open) <= 1:
        return []
    first, *others = lots.open
    moved = [
        Movement(fill.place, fill.version, Kind.POOL, lot.opened, lot.version, -lot.quantity, -lot.cost)
        for lot in others
    ]
    quantity, cost = sum((lot.quantity for lot in others), ZERO), sum((lot.cost for lot in others), ZERO)
    moved.append(Movement(fill.place, fill.version, Kind.POOL, first.opened, first.version, quantity, cost))
    first.quantity, first.cost = first.quantity + quantity, first.cost + cost
    lots.open = [first]
    return moved


def after_split(quantity: Decimal, new: Decimal, old: Decimal) -> Decimal:
    """Return what a quantity becomes: fractions of a unit are kept, to ten decimals."""
    with localcontext(prec=_PRECISION):
        return (quantity * new / old).quantize(_QUANTUM)


def _split(lots: Lots, split: Split) -> list[Movement]:
    held = lots.held
    all_after = after_split(held + lots.refused, split.new, split.old)
    left = after_split(held, split.new, split.old)
    moved = []
    for lot in lots.open:
        after = left if lot is lots.open[-1] else after_split(lot.quantity, split.new, split.old)
        left -= after
        changed = after - lot.quantity
        lot.quantity = after
        moved.append(Movement(split.place, split.version, Kind.SPLIT, lot.opened, lot.version, changed, ZERO))
    refused = all_after - lots.held
    if refused != lots.refused:
        by = refused - lots.refused
        lots.refused = refused
        moved.append(Movement(split.place, split.version, Kind.REFUSED, None, 0, by, ZERO))
    return [each for each in moved if each.quantity]


def _redeem(lots: Lots, redemption: Redemption) -> list[Movement]:
    value = round_money(-lots.held * redemption.price, lots.currency)
    moved = []
    for lot in lots.open:
        last = lot is lots.open[-1]
        part_value = value if last else round_money(-lot.quantity * redemption.price, lots.currency)
        value -= part_value
        moved.append(_close(lots, lot, redemption, -lot.quantity, part_value))
    if lots.refused:
        moved.append(
            Movement(redemption.place, redemption.version, Kind.REFUSED, None, 0, -lots.refused, ZERO)
        )
        lots.refused = ZERO
    return moved
