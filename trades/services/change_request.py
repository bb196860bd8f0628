"""What is asked of one trade, what becomes of it, and what stands between: a change that can be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from msgspec import Struct

from core.http.problem import Problem
from trades.products.base import Message, Terms
from trades.services.allocation import Part
from trades.services.kept import Kept
from trades.services.supersession import Cause


class Change(Struct, frozen=True, gc=False):
    """What is asked of one trade.

    changes: a JSON merge patch of its message (AMEND; ALLOCATE, where the terms change with it); items: what is asked
    of each part (ALLOCATE), see `allocation.Part`; source_version: the front office's count, None when it is changed
    here; if_match: the ETags of which the trade must have one, None when it does not matter.
    message_id: the kept message that this is, when it was kept before its deal came. amount: what is at stake, as
    whoever asks typed it in.
    """

    kind: Cause
    trade_id: int
    reason: str
    changes: Mapping[str, Any] | None = None
    source_version: int | None = None
    effective_at: datetime | None = None
    if_match: Sequence[str] | None = None
    message_id: int | None = None
    items: Sequence[Any] | None = None
    amount: str = ""


class Outcome(Enum):
    """What became of a change."""

    CHANGED = "CHANGED"
    REPEATED = "REPEATED"  # it had been done before
    OUTDATED = "OUTDATED"  # what the trade says is newer
    REFUSED = "REFUSED"


@dataclass(slots=True)
class Changed:
    """The result for one change: the trade's version now and what differs in it, or why it was refused.

    parts: the references of the parts that an allocation has made, by their trades.
    """

    outcome: Outcome
    trade_id: int
    version: int = 0
    told: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None
    parts: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Ready:
    """A change that can be made: the version to be stored.

    leaving: the parts of a block that go with it, or in whose place others come; asked, division: what is asked of
    these, and their terms; joined: their trades.
    """

    place: int
    change: Change
    row: Mapping[str, Any]
    source_version: int | None
    kept: Kept | None = None
    message: Message | None = None
    moved: bool = False
    terms: Terms | None = None
    told: dict[str, Any] = field(default_factory=dict)
    leaving: Sequence[Mapping[str, Any]] = ()
    asked: Sequence[Part] = ()
    division: Sequence[Terms] = ()
    joined: Sequence[int] = ()

    @property
    def base_amounts(self) -> list[Decimal | None]:
        """Return what the trade is worth as it stands and, if its terms change, then, in base currency."""
        return [self.row["base_amount"], *([self.terms.base_amount] if self.terms else [])]

    @property
    def next_version(self) -> int:
        """Return the version that the trade has then: an allocation alone makes none."""
        makes_none = self.change.kind == "ALLOCATE" and self.terms is None
        return int(self.row["version"]) + (0 if makes_none else 1)
