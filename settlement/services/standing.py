"""Where an instruction stands by what was told of it: on three axes, each of which only goes forward."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

Kind = Literal[
    "PENDING", "FAILED", "PARTIAL", "SETTLED", "CONFIRMED",
    "UNMATCHED", "MATCHED",
    "CANCELLATION_REQUESTED", "CANCELLATION_PENDING", "CANCELLATION_DENIED", "CANCELLATION_COMPLETED",
]  # fmt: skip

# Of each axis: what is further along wins over what is less far, whichever was told last. An empty text: nothing
# was said. PENDING is no news: it is kept as it came and moves nothing.
SETTLEMENT = ("PENDING", "FAILED", "PARTIAL", "SETTLED")
MATCHING = ("", "UNMATCHED", "MATCHED")
CANCELLATION = ("", "REQUESTED", "PENDING", "DENIED", "COMPLETED")
_PREFIX = "CANCELLATION_"
KINDS = (*SETTLEMENT, *MATCHING[1:], *(f"{_PREFIX}{each}" for each in CANCELLATION[1:]))


@dataclass(frozen=True)
class Report:
    """What is told of one instruction.

    PARTIAL has the quantity settled so far, FAILED a reason code. CONFIRMED has the quantity settled so far as well,
    and is SETTLED when that is the whole, else PARTIAL; `remaining` is what it says is left, where it says so.
    `of_now`: its quantity is only what settled just now, so that what is left alone tells how much has settled so far.
    """

    instruction_id: int
    kind: Kind
    reason: str = ""
    quantity: Decimal | None = None
    remaining: Decimal | None = None
    of_now: bool = False

    def adds_up(self, *, whole: Decimal) -> bool:
        """Tell whether what is said to have settled and to be left can be of an instruction over a `whole` quantity."""
        if self.remaining is None or self.quantity is None:
            return True
        if self.of_now:
            return self.quantity + self.remaining <= whole
        return self.quantity + self.remaining == whole

    def settled(self, *, whole: Decimal) -> Decimal:
        """Return the quantity that a resolved report says has settled so far; 0 where it says nothing of it."""
        return whole if self.kind == "SETTLED" else self.quantity or Decimal(0)

    def resolved(self, *, whole: Decimal) -> Report:
        """Return the report as it is kept, of an instruction over a `whole` quantity."""
        if self.kind != "CONFIRMED":
            return self
        so_far = whole - self.remaining if self.of_now and self.remaining is not None else self.quantity
        if so_far == whole:
            return replace(self, kind="SETTLED", quantity=None)
        return replace(self, kind="PARTIAL", quantity=so_far)


@dataclass(frozen=True)
class Standing:
    """How an instruction settles, matches and is cancelled. The reasons are all that were told, each axis its own;
    those of `reasons` are of a fail, also of one before it settled."""

    settlement: str
    reasons: frozenset[str]
    settled_quantity: Decimal
    matching: str = ""
    matching_reasons: frozenset[str] = frozenset()
    cancellation: str = ""
    cancellation_reasons: frozenset[str] = frozenset()

    @property
    def failing(self) -> bool:
        """Whether a person must look, unless it settles: it failed, or was cancelled."""
        return bool(self.reasons) or self.cancellation == CANCELLATION[-1]


def settle(standing: Standing, report: Report, *, whole: Decimal) -> Standing:
    """Return how an instruction over a `whole` quantity stands after a report.

    The further of the two on the report's axis, all reasons, the larger quantity: so neither the order of reports
    nor a repetition changes where it ends. SETTLED is final, and so are MATCHED and a completed cancellation.
    """
    said = report.resolved(whole=whole)
    reasons = frozenset({said.reason}) if said.reason else frozenset()
    if said.kind in MATCHING:
        return replace(
            standing,
            matching=max(standing.matching, said.kind, key=MATCHING.index),
            matching_reasons=standing.matching_reasons | reasons,
        )
    if said.kind.startswith(_PREFIX):
        return replace(
            standing,
            cancellation=max(standing.cancellation, said.kind.removeprefix(_PREFIX), key=CANCELLATION.index),
            cancellation_reasons=standing.cancellation_reasons | reasons,
        )
    if said.kind == "PENDING":
        return standing
    return replace(
        standing,
        settlement=max(standing.settlement, said.kind, key=SETTLEMENT.index),
        reasons=standing.reasons | reasons,
        settled_quantity=max(standing.settled_quantity, said.settled(whole=whole)),
    )
