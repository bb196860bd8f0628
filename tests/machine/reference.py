"""The reference: what a middle office does to deals, in plain Python and without a thought for speed.

Deals are purchases and sales of one share in euro, whose base currency is euro too. Every step mirrors one service and
answers as it would; the state machine compares the two after each step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

SHARE, EURO = "DE0007164600", "EUR"
NETTING = {"BROKER-01": True, "CUST-01": False}  # by the parties there are
AT_THE_BACK_OFFICE = ("INSTRUCTED", "HANDED_OFF", "ACKNOWLEDGED")
LIVE = ("CAPTURED", "EXCEPTION", "VALIDATED", *AT_THE_BACK_OFFICE)
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
    kind: Literal["AMEND", "CANCEL"]
    patch: Terms | None = None
    number: int | None = None
    was_early: bool = False


@dataclass
class Place:
    """Where one leg of a deal stands at the back office: in a line, or waiting to be netted anew."""

    line: int | None
    version: int
    leg: Leg


@dataclass
class Deal:
    """One deal as it is known. places: by the number of the leg. checked: the terms that count against limits."""

    trade_id: int
    terms: Terms
    own: int | None
    state: str = "CAPTURED"
    version: int = 1
    count: int | None = None
    checked: Terms | None = None
    checked_version: int | None = None
    places: dict[int, Place] = field(default_factory=dict)


@dataclass
class Line:
    """An instruction. legs: the deals and leg numbers behind it. cancels: the line that it cancels."""

    asset: str
    quantity: int
    date: date
    counterparty: str
    legs: list[tuple[str, int]]
    batch: int = 0
    cancels: int | None = None
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


class Reference:
    """The whole of it."""

    def __init__(self, hard: int) -> None:
        self.hard = hard  # the limit of each counterparty
        self.deals: dict[str, Deal] = {}
        self.messages: dict[str, dict[int, Message]] = {}
        self.lines: dict[int, Line] = {}
        self.batches: dict[int, Batch] = {}
        self.to_check: set[str] = set()
        self.to_advance: set[int] = set()
        self.to_apply: set[tuple[str, int]] = set()

    # What the front office says.

    def capture(self, ref: str, trade_id: int, terms: Terms, number: int | None) -> None:
        self.deals[ref] = Deal(trade_id, dict(terms), own=number, count=number)
        self.to_check.add(ref)

    def change(self, changes: Sequence[Change]) -> list[str]:
        """Return what becomes of each change: the outcome, or the code of its refusal."""
        present = [place for place, each in enumerate(changes) if each.ref in self.deals]
        answers: dict[int, str] = {}
        rest = list(present)
        while rest:  # one change of a deal at a time
            round_: dict[str, int] = {}
            for place in rest:
                round_.setdefault(changes[place].ref, place)
            self._round([(place, changes[place]) for place in sorted(round_.values())], answers)
            rest = [place for place in rest if place not in round_.values()]
        for place, each in enumerate(changes):
            if place not in answers:
                answers[place] = self._keep_early(each)
        return [answers[place] for place in range(len(changes))]

    def _keep_early(self, change: Change) -> str:
        if change.number is None:
            return "not-found"
        kept = self.messages.setdefault(change.ref, {})
        if change.number in kept:
            same = kept[change.number]
            return "WAITING" if (same.kind, same.patch) == (change.kind, change.patch) else CONFLICT
        kept[change.number] = Message(change.kind, change.patch, "EARLY")
        self.to_apply.add((change.ref, change.number))
        return "WAITING"

    def _round(self, round_: Sequence[tuple[int, Change]], answers: dict[int, str]) -> None:
        ready: list[tuple[Change, Terms]] = []
        for place, change in round_:
            answers[place] = answer = self._judge(change)
            if answer != "CHANGED":
                continue
            after = self._patched(change)
            if change.kind == "AMEND" and change.number is None and after == self.deals[change.ref].terms:
                answers[place] = "nothing-changed"
            else:
                ready.append((change, after))
        for change, after in ready:
            self._store(change, after)
        for kind in ("AMEND", "CANCEL"):
            group = [change.ref for change, _ in ready if change.kind == kind]
            group = [ref for ref in group if self.deals[ref].state != "CANCELLED"]
            for ref in group:
                if kind == "CANCEL":
                    self.deals[ref].state = "CANCELLED"
                elif self.deals[ref].state != "CAPTURED":
                    self._to_captured(ref)
            self._recall(group)

    def _judge(self, change: Change) -> str:
        deal, kept = self.deals[change.ref], self.messages.get(change.ref, {})
        if change.number is not None:
            same = kept.get(change.number)
            if same is not None and (same.kind, same.patch) != (change.kind, change.patch):
                return CONFLICT
            if same is not None and same.standing != "DROPPED" and not change.was_early:
                return "REPEATED"
            if deal.own is not None and change.number <= deal.own:
                return "OUTDATED"
        if deal.state == "CANCELLED":
            if change.kind == "CANCEL" and change.number is not None:
                return "REPEATED"
            cancels = [n for n, said in kept.items() if (said.kind, said.standing) == ("CANCEL", "APPLIED")]
            if change.number is None or not cancels or change.number > min(cancels):
                return "cancelled"
        lines = [self.lines[each.line] for each in deal.places.values() if each.line is not None]
        if deal.state == "SETTLED" or any(
            not line.dead and line.settlement in {"SETTLED", "PARTIAL"} for line in lines
        ):
            return "settled"
        return "CHANGED"

    def _patched(self, change: Change) -> Terms:
        """Return the terms with a change in its place: what was said under higher numbers stays on top."""
        terms = {**self.deals[change.ref].terms, **(change.patch or {})}
        if change.kind == "AMEND" and change.number is not None:
            for number, later in sorted(self.messages.get(change.ref, {}).items()):
                if number > change.number and later.standing == "APPLIED":
                    terms |= later.patch or {}
        return terms

    def _store(self, change: Change, after: Terms) -> None:
        deal = self.deals[change.ref]
        deal.terms, deal.version = after, deal.version + 1
        if change.number is not None:
            deal.count = max(change.number, deal.count or change.number)
            self.messages.setdefault(change.ref, {})[change.number] = Message(change.kind, change.patch)

    def _to_captured(self, ref: str) -> None:
        self.deals[ref].state = "CAPTURED"
        self.to_check.add(ref)

    def _recall(self, refs: Sequence[str]) -> None:
        """Recall the lines in which a leg is that its deal no longer obliges to; others' legs are netted anew."""
        touched: set[int] = set()
        for ref in refs:
            deal = self.deals[ref]
            legs = () if deal.state == "CANCELLED" else legs_of(deal.terms)
            for number, place in deal.places.items():
                stays = bool(legs) and legs[number - 1] == place.leg
                if place.line is not None and not self.lines[place.line].dead and not stays:
                    touched.add(place.line)
        for line_id in touched:
            self.lines[line_id].recalled = True
            for ref, number in self.lines[line_id].legs:
                other = self.deals[ref]
                if ref not in refs and other.state != "CANCELLED":
                    other.places[number] = Place(None, other.version, other.places[number].leg)

    # What operations and the workers do.

    def _apply(self, early: Iterable[tuple[str, int]]) -> None:
        """Apply kept changes whose deals have come, in the order of their numbers."""
        for ref, number in sorted(early):
            message = self.messages[ref][number]
            if ref not in self.deals or message.standing != "EARLY":
                continue
            kind: Literal["AMEND", "CANCEL"] = "CANCEL" if message.kind == "CANCEL" else "AMEND"
            answers: dict[int, str] = {}
            self._round([(0, Change(ref, kind, message.patch, number, was_early=True))], answers)
            if answers[0] != "CHANGED":
                message.standing = "DROPPED"

    def apply_queued(self) -> None:
        """Apply what was kept just before its deal came; what has no deal is left to the deal's checks."""
        queued, self.to_apply = self.to_apply, set()
        self._apply(queued)

    def check(self) -> None:
        while self.to_check:
            claimed, self.to_check = self.to_check, set()
            self._apply((ref, number) for ref in claimed for number in self.messages.get(ref, {}))
            waiting = [self.deals[ref] for ref in claimed if self.deals[ref].state == "CAPTURED"]
            used = self.used()
            for deal in waiting:
                if deal.checked is not None and deal.checked_version != deal.version:
                    _add(used, deal.checked, -1)
            for deal in sorted(waiting, key=lambda each: each.trade_id):
                whom = deal.terms["counterparty"]
                if deal.checked is None or deal.checked_version != deal.version:
                    _add(used, deal.terms, 1)
                held = whom not in NETTING or used[whom] > self.hard
                deal.state = "EXCEPTION" if held else "VALIDATED"
                deal.checked, deal.checked_version = dict(deal.terms), deal.version

    def used(self) -> dict[str, int]:
        """Return what live deals that were checked use of the limit, by counterparty."""
        found: dict[str, int] = {}
        for deal in self.deals.values():
            if deal.state in LIVE and deal.checked is not None:
                _add(found, deal.checked, 1)
        return found

    def recheck(self, ref: str) -> None:
        if self.deals[ref].state in {"EXCEPTION", "VALIDATED"}:
            self._to_captured(ref)

    def repair(self, ref: str, patch: Terms) -> str:
        """Return CHANGED or the code of the refusal."""
        deal = self.deals[ref]
        if deal.state != "EXCEPTION":
            return "not-held"
        if {**deal.terms, **patch} == deal.terms:
            return "nothing-changed"
        economic = any(deal.terms[name] != value for name, value in patch.items() if name != "trader")
        if economic and self._at_the_back_office(deal):
            return "live-instructions"
        deal.terms, deal.version = {**deal.terms, **patch}, deal.version + 1
        self._to_captured(ref)
        return "CHANGED"

    def reject(self, ref: str) -> str:
        """Return CHANGED or the code of the refusal: operations refuse a held deal."""
        deal = self.deals[ref]
        if deal.state != "EXCEPTION":
            return "not-held"
        if self._at_the_back_office(deal):
            return "live-instructions"
        deal.state = "CANCELLED"
        return "CHANGED"

    def _at_the_back_office(self, deal: Deal) -> bool:
        lines = [each.line for each in deal.places.values() if each.line is not None]
        return any(not self.lines[line].dead for line in lines)

    # What goes to the back office and comes from it.

    def due(self, on: date) -> list[Line]:
        """Return the lines that a seal makes of what is due, without their ids."""
        groups: dict[tuple[Any, ...], list[tuple[str, int, Leg]]] = {}
        for ref, deal in self.deals.items():
            for number, leg in self._legs_due(deal, on):
                solo = None if NETTING[leg[3]] else (ref, number)
                groups.setdefault((leg[0], leg[2], leg[3], solo), []).append((ref, number, leg))
        found = [
            Line(asset, sum(leg[1] for *_, leg in legs), when, whom, [(ref, n) for ref, n, _ in legs])
            for (asset, when, whom, _), legs in groups.items()
        ]
        for line_id, line in self.lines.items():
            if line.recalled and line.cancellation is None and line.processing != "REJECTED":
                found.append(
                    Line(line.asset, line.quantity, line.date, line.counterparty, line.legs, cancels=line_id)
                )
        return found

    def _legs_due(self, deal: Deal, on: date) -> Iterable[tuple[int, Leg]]:
        for number, leg in enumerate(legs_of(deal.terms), start=1):
            place = deal.places.get(number)
            waits = place is not None and place.line is None and place.version == deal.version
            if leg[2] > on or deal.state not in {"VALIDATED", *(AT_THE_BACK_OFFICE if waits else ())}:
                continue
            if place is None or place.line is None or self.lines[place.line].dead:
                yield number, leg

    def seal(self, on: date, sealed: Mapping[int, Line]) -> None:
        """Take up the lines that were sealed, by id: `due` has said which."""
        for line_id, line in sealed.items():
            self.lines[line_id] = line
            self.batches.setdefault(line.batch, Batch())
            if line.cancels is not None:
                self.lines[line.cancels].cancellation = line_id
                continue
            for ref, number in line.legs:
                deal = self.deals[ref]
                deal.places[number] = Place(line_id, deal.version, legs_of(deal.terms)[number - 1])
        for deal in self.deals.values():
            if deal.state == "VALIDATED" and deal.terms["settlement_date"] <= on:
                deal.state = "INSTRUCTED"
                kept = {each.line for each in deal.places.values() if each.line is not None}
                self.to_advance |= kept - set(sealed)

    def claim(self, batch: int) -> None:
        if not self.batches[batch].claimed:
            self.to_advance |= {line_id for line_id, line in self.lines.items() if line.batch == batch}
        self.batches[batch] = Batch(claimed=True, open=True)

    def acknowledge(self, answers: Mapping[int, str]) -> dict[int, int]:
        """Return the status of each answer (ACCEPTED or REJECTED, by line of one batch)."""
        told = {}
        news = {}
        for line_id, said in answers.items():
            line = self.lines[line_id]
            against = line.processing not in {"SEALED", said}
            settled = said == "REJECTED" and line.settlement in {"SETTLED", "PARTIAL"}
            told[line_id] = 409 if against or settled else 200
            if told[line_id] == 200 and line.processing == "SEALED":
                news[line_id] = said
        for line_id, said in news.items():
            line = self.lines[line_id]
            line.processing = said
            nothing_moves = line.quantity == 0 or line.cancels is not None
            if said == "ACCEPTED" and line.settlement != "CANCELLED" and nothing_moves:
                line.settlement = "SETTLED"
        for line_id, said in news.items():
            line = self.lines[line_id]
            if said == "ACCEPTED":
                self.to_advance.add(line_id)
                if line.cancels is not None and self.lines[line.cancels].settlement != "SETTLED":
                    self.lines[line.cancels].settlement = "CANCELLED"
            elif line.cancels is None and not line.recalled:
                self._hold(line)
        batch = self.lines[next(iter(answers))].batch
        if news and all(line.processing != "SEALED" for line in self.lines.values() if line.batch == batch):
            self.batches[batch].open = False
        return told

    def _hold(self, line: Line) -> None:
        """Hold every deal behind a rejected line."""
        for ref, _ in line.legs:
            deal = self.deals[ref]
            if deal.state in {"CAPTURED", "VALIDATED", *AT_THE_BACK_OFFICE}:
                deal.state = "EXCEPTION"

    def report(self, line_id: int, kind: str) -> int:
        """Return the status of the answer to a status report."""
        line = self.lines[line_id]
        if line.processing == "REJECTED" or line.settlement == "CANCELLED" or line.cancels is not None:
            return 409
        if kind == "PARTIAL" and abs(line.quantity) <= 1:
            return 422
        before = line.settlement
        line.settlement = max(before, kind, key=FURTHER.index)
        if line.settlement == "SETTLED" != before:
            self.to_advance.add(line_id)
        return 200

    def advance(self) -> None:
        """Let the deals behind lines follow what the back office did."""
        behind = {ref for line_id in self.to_advance for ref, _ in self.lines[line_id].legs}
        self.to_advance.clear()
        for ref in behind:
            deal = self.deals[ref]
            waits = any(each.line is None and each.version == deal.version for each in deal.places.values())
            standing = [self.lines[each.line] for each in deal.places.values() if each.line is not None]
            standing = [line for line in standing if not line.dead]
            if waits or not standing:
                continue
            claimed = all(self.batches[line.batch].claimed for line in standing)
            accepted = claimed and all(line.processing == "ACCEPTED" for line in standing)
            settled = accepted and all(line.settlement == "SETTLED" for line in standing)
            for source, target, there in (
                ("INSTRUCTED", "HANDED_OFF", claimed),
                ("HANDED_OFF", "ACKNOWLEDGED", accepted),
                ("ACKNOWLEDGED", "SETTLED", settled),
            ):
                if deal.state == source and there:
                    deal.state = target


CONFLICT = "source-version-conflict"


def _add(used: dict[str, int], terms: Terms, sign: int) -> None:
    """Count a deal against the limit of its counterparty, if it is one that we know."""
    whom = terms["counterparty"]
    if whom in NETTING:
        used[whom] = used.get(whom, 0) + sign * amount(terms)
