"""What a batch format declares, and the lines it is written from.

Every format is written from the batch's canonical lines, which are sealed, and from terms that never change: so it
is the same bytes at each pull, however the reference data has changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

Totals = Mapping[str, Mapping[str, Decimal]]


class Party(msgspec.Struct, frozen=True):
    """A legal entity as the sealed line names it."""

    code: str
    name: str
    lei: str | None
    bic: str | None


class Ssi(msgspec.Struct, frozen=True):
    """Where a party wants cash, securities or goods delivered. What it does not say is an empty string."""

    account: str
    agent_bic: str
    place_of_settlement: str
    delivery_address: str


class SingleTrade(msgspec.Struct, frozen=True):
    """The trade of which a line is one leg."""

    id: str
    source: str
    source_ref: str


class Linked(msgspec.Struct, frozen=True):
    """The other line of a pair that settles as delivery versus payment, and what goes the opposite way by it."""

    instruction: str
    common_reference: str
    asset: str
    quantity: str


class Shape(msgspec.Struct, frozen=True):
    """Which line it is of how many that carry one net together, which is over the maximum size of an instruction."""

    number: int
    of: int
    common_reference: str


class Terms(msgspec.Struct, frozen=True):
    """What the trades behind a line say of it besides: their trade dates, and whether its quantity is a bond's
    nominal. Versions of trades never change, and so neither does this."""

    first_trade_date: date
    last_trade_date: date
    nominal: bool


class Line(msgspec.Struct, frozen=True):
    """A canonical line, read; `settlement/formats/canonical.py` says what its fields mean.

    `terms` is not in the line: it is there for formats that ask for it.
    """

    instruction: str
    line: int
    batch: str
    channel: str
    value_date: str
    counterparty: Party
    entity: Party
    asset_kind: str
    asset: str
    direction: str
    quantity: str
    our_ssi: Ssi
    their_ssi: Ssi
    legs: int
    trade: SingleTrade | None
    kind: str = "NEW"
    cancels: str | None = None
    replaces: tuple[str, ...] = ()
    settlement_type: str = ""  # of batches that were sealed before lines had one
    linked: Linked | None = None
    shape: Shape | None = None
    terms: Terms | None = None


@dataclass(frozen=True)
class Refusal:
    """A kind of line that a format has no words for. `why` ends the sentence "This format cannot carry it: …"."""

    code: str
    why: str
    applies: Callable[[Line], bool]


@dataclass(frozen=True)
class Tally:
    """What a file holds, known before its first byte is written: lines, and sums by asset and direction."""

    count: int
    totals: Totals


@dataclass(frozen=True)
class Sealed:
    """What the head of a file may say of its batch."""

    reference: str
    channel: str
    value_date: date
    sealed_at: datetime
    sha256: str

    @classmethod
    def of(cls, batch: Mapping[str, Any], *, reference: str) -> Sealed:
        """Return it from a row of selectors.read_batch()."""
        return cls(reference, batch["channel"], batch["value_date"], batch["sealed_at"], batch["sha256"])


def no_head(sealed: Sealed, tally: Tally) -> str:
    """Begin a file that has nothing before its first line."""
    return ""


@dataclass(frozen=True)
class Format:
    """One way of writing a batch.

    `revision` counts the ways in which it was ever written: it is part of the ETag. `fields`: where what a line says
    stands in the format, for its page in the reference. `refusals` in the order in which they are looked for: a
    line is refused by the first that applies. `lines`: the text of a run of lines, none of which is refused; None for
    the canonical bytes, which are sent as they are stored. `needs_terms`: lines come with theirs.
    """

    code: str
    title: str
    standard: str
    media_type: str
    extension: str
    description: str
    fields: tuple[tuple[str, str], ...]
    lines: Callable[[Sequence[Line]], str] | None
    refusals: tuple[Refusal, ...] = ()
    head: Callable[[Sealed, Tally], str] = no_head
    tail: str = ""
    needs_terms: bool = False
    revision: int = 1

    def refusal(self, line: Line) -> Refusal | None:
        """Return why the format cannot carry a line, or None when it can."""
        return next((each for each in self.refusals if each.applies(line)), None)
