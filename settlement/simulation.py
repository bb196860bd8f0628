"""A back office made by rule: it checks what it pulls, refuses some of it, and settles the rest, mostly.

What it says of an instruction follows from the seed and the instruction alone, so asking again, or two of
them at once, says the same.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any, Literal

import msgspec

from core.money import ZERO

# Reason codes of ISO 20022 (external status reasons), by kind of asset; goods have none there.
REJECTIONS = {
    "CASH": ("AC01", "AC04", "RC01"),
    "SECURITY": ("SAFE", "DEPT", "DSEC"),
    "GOODS": ("BAD_ADDRESS",),
}
FAILURES = {
    "CASH": ("MONY", "CUTO"),
    "SECURITY": ("LACK", "CLAC", "CPST"),
    "GOODS": ("OUT_OF_STOCK", "NOBODY_THERE"),
}
NIL = "NIL"


class Line(msgspec.Struct, frozen=True, gc=False):
    """What the back office keeps of an instruction; the other members of its line are for its payment system."""

    instruction: str
    channel: str
    asset_kind: str
    asset: str
    direction: str
    quantity: Decimal
    kind: str = "NEW"


_LINE = msgspec.json.Decoder(Line)


@dataclass(frozen=True)
class Temper:
    """How the back office behaves: per cent of instructions rejected, failed and settled in part."""

    seed: int = 0
    reject: Decimal = ZERO
    fail: Decimal = ZERO
    partial: Decimal = ZERO

    def chance(self, purpose: str, line: Line) -> tuple[Decimal, random.Random]:
        """Return a per cent drawn for an instruction, and the source of further choices."""
        source = random.Random(f"{self.seed}/{purpose}/{line.instruction}")  # noqa: S311 - play, not secrets
        return Decimal(source.randrange(10_000)) / 100, source


@dataclass(frozen=True)
class Answer:
    """What is said of an instruction when it is taken over."""

    instruction: str
    status: Literal["ACCEPTED", "REJECTED"]
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """What became of an accepted instruction."""

    instruction: str
    status: Literal["SETTLED", "PARTIAL", "FAILED"]
    reason: str = ""
    quantity: Decimal | None = None


class Pull:
    """A batch as it arrives: hashed as sent, split into lines."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._digest = hashlib.sha256()
        self._rest = b""

    def take(self, chunk: bytes) -> None:
        """Take the next bytes of the batch."""
        self._digest.update(chunk)
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        self.lines += [_LINE.decode(each) for each in whole]

    def faults(self, *, sha256: str, etag: str, count: int, totals: Mapping[str, Any]) -> list[str]:
        """Return what differs from what the batch says of itself; nothing may be done with it then."""
        digest = self._digest.hexdigest()
        found = [
            f"{name}: {said} is said, {seen} came"
            for name, said, seen in (
                ("sha256", sha256, digest),
                ("ETag", etag.strip('"'), digest),
                ("count", count, len(self.lines)),
            )
            if said != seen
        ]
        if self._rest:
            found.append("the last line has no end")
        said_sums = {
            (asset, direction): (each["count"], Decimal(each["sum"]))
            for asset, by_direction in totals.items()
            for direction, each in by_direction.items()
        }
        seen_sums = _counted(self.lines)
        found += [
            f"total {asset} {direction}: {said_sums.get((asset, direction))} is said,"
            f" {seen_sums.get((asset, direction))} came"
            for asset, direction in sorted(said_sums.keys() | seen_sums.keys())
            if said_sums.get((asset, direction)) != seen_sums.get((asset, direction))
        ]
        return found


def _counted(lines: Iterable[Line]) -> dict[tuple[str, str], tuple[int, Decimal]]:
    sums: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for line in lines:
        count, total = sums.get((line.asset, line.direction), (0, ZERO))
        sums[line.asset, line.direction] = (count + 1, total + line.quantity)
    return sums


def control_totals(lines: Sequence[Line]) -> dict[str, dict[str, Decimal]]:
    """Return the sums of what is answered: asset → direction → quantity."""
    totals: dict[str, dict[str, Decimal]] = {}
    for (asset, direction), (_, total) in _counted(lines).items():
        totals.setdefault(asset, {})[direction] = total
    return totals


def answer(line: Line, temper: Temper) -> Answer:
    """Accept an instruction, or reject it with a reason."""
    drawn, source = temper.chance("answer", line)
    if drawn < temper.reject:
        return Answer(line.instruction, "REJECTED", source.choice(REJECTIONS[line.asset_kind]))
    return Answer(line.instruction, "ACCEPTED")


def settles(line: Line) -> bool:
    """Tell whether anything moves for an instruction: not where it nets to nothing, or cancels another."""
    return line.direction != NIL and line.kind == "NEW"


def report(line: Line, temper: Temper) -> Report:
    """Settle an accepted instruction, in whole, in part or not at all."""
    drawn, source = temper.chance("report", line)
    if drawn < temper.fail:
        return Report(line.instruction, "FAILED", source.choice(FAILURES[line.asset_kind]))
    half = (line.quantity / 2).quantize(Decimal(1), rounding=ROUND_DOWN)
    if drawn < temper.fail + temper.partial and half > 0:
        return Report(line.instruction, "PARTIAL", quantity=half)
    return Report(line.instruction, "SETTLED")


@dataclass
class Counts:
    """What a back office has done so far."""

    batches: int = 0
    instructions: int = 0
    held_by_others: int = 0
    pulled_again: int = 0
    refused: int = 0
    said: dict[str, int] = field(default_factory=dict)

    def add(self, said: Sequence[Answer | Report], statuses: Sequence[int]) -> None:
        """Count what was said and taken; what was refused contradicts what was said before."""
        for each, status in zip(said, statuses, strict=True):
            if status == 200:
                self.said[each.status] = self.said.get(each.status, 0) + 1
            else:
                self.refused += 1
