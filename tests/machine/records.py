"""What the plain-Python reference keeps: deals, what was said of them, and what went to the back office.

Deals are purchases and sales of one share in euro, whose base currency is euro too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

SHARE, EURO = "DE0007164600", "EUR"
NETTING = {"BROKER-01": True, "CUST-01": False}  # by the parties there are
AT_THE_BACK_OFFICE = ("INSTRUCTED", "HANDED_OFF", "ACKNOWLEDGED")
LIVE = ("CAPTURED", "EXCEPTION", "VALIDATED", *AT_THE_BACK_OFFICE)
OBLIGING_NO_MORE = ("CANCELLED", "ALLOCATED")
SHARED = ("quantity", "price", "side")  # by the parts of a block, which make it together
FURTHER = ("PENDING", "FAILED", "PARTIAL", "SETTLED")  # what is further along wins

# quantity, price: whole numbers; side; counterparty; settlement_date; trader.
Terms = dict[str, Any]
Leg = tuple[str, int, date, str]  # an asset, its quantity (receipts positive), when, with whom


def legs_of(terms: Terms) -> tuple[Leg, Leg]:
    """Return what a deal obliges to: the security and the cash."""
    sign = 1 if terms["side"] == "BUY" else -1
    when, whom = terms["settlement_date"], terms["counterparty"]
    security = (SHARE, sign * terms["quantity"], when, whom)
    return security, (EURO, -sign * amount(terms), when, whom)


def amount(terms: Terms) -> int:
    """Return what a deal is worth in euro."""
    return int(terms["quantity"] * terms["price"])


@dataclass
class Message:
    """A numbered change that was kept: APPLIED in its place, EARLY for its deal, or DROPPED when that came."""

    kind: str
    patch: Terms | None
    standing: Literal["APPLIED", "EARLY", "DROPPED"] = "APPLIED"


@dataclass
class Change:
    """What is asked: number None when it is changed here."""

    ref: str
    kind: Literal["AMEND", "CANCEL", "ALLOCATE"]
    patch: Terms | None = None
    number: int | None = None
    was_early: bool = False


@dataclass(frozen=True)
class Item:
    """What is asked of one part. ref: None where the block's with a number does."""

    quantity: int
    counterparty: str | None = None
    ref: str | None = None


@dataclass
class Place:
    """Where one leg of a deal stands at the back office: in a line, or waiting to be netted anew."""

    line: int | None
    version: int
    leg: Leg


@dataclass
class Deal:
    """One deal as it is known. places: by the number of the leg. checked: the terms that count against limits.

    block: what this one is a part of. parts: all that were ever made of this one.
    """

    trade_id: int
    terms: Terms
    own: int | None
    state: str = "CAPTURED"
    version: int = 1
    count: int | None = None
    checked: Terms | None = None
    checked_version: int | None = None
    places: dict[int, Place] = field(default_factory=dict)
    block: str | None = None
    parts: list[str] = field(default_factory=list)


@dataclass
class Line:
    """An instruction. legs: the deals and leg numbers behind it. cancels: the line that it cancels. linked: the line
    that it settles against, as delivery versus payment."""

    asset: str
    quantity: int
    date: date
    counterparty: str
    legs: list[tuple[str, int]]
    batch: int = 0
    cancels: int | None = None
    linked: int | None = None
    processing: str = "SEALED"
    settlement: str = "PENDING"
    recalled: bool = False
    cancellation: int | None = None

    @property
    def dead(self) -> bool:
        return self.recalled or self.processing == "REJECTED"


@dataclass
class Batch:
    """A sealed batch: whether it was claimed once, and whether the claim is open now."""

    claimed: bool = False
    open: bool = False
