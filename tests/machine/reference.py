"""The reference: what a middle office does to deals, in plain Python and without a thought for speed.

Deals are purchases and sales of one share in euro, whose base currency is euro too. Every step mirrors one service and
answers as it would; the state machine compares the two after each step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Literal

from tests.machine.records import (
    AT_THE_BACK_OFFICE,
    FURTHER,
    LIVE,
    NETTING,
    OBLIGING_NO_MORE,
    SHARED,
    Batch,
    Change,
    Deal,
    Item,
    Leg,
    Line,
    Message,
    Place,
    Terms,
    amount,
    legs_of,
)


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
        while rest:  # one change of a deal at a time, and none of a part beside one of its block
            round_: list[int] = []
            seen: set[str] = set()
            for place in rest:
                ref = changes[place].ref
                block = self.deals[ref].block
                parts = {each for each in seen if self.deals[each].block == ref}
                if ref not in seen and block not in seen and not parts:
                    round_.append(place)
                seen.add(ref)
            self._round([(place, changes[place]) for place in round_], answers)
            rest = [place for place in rest if place not in round_]
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
            if change.kind == "AMEND" and (refusal := self._not_amended(change, after)):
                answers[place] = refusal
            else:
                ready.append((change, after))
        amended = [change.ref for change, _ in ready if change.kind == "AMEND"]
        cancelled = [change.ref for change, _ in ready if change.kind == "CANCEL"]
        leaving = [part for ref in cancelled for part in self.standing_parts(ref)]
        for change, after in ready:
            self._store(change, after)
        self._leave(leaving)
        for ref in (live := [each for each in amended if self.deals[each].state != "CANCELLED"]):
            if self.deals[ref].state != "CAPTURED":
                self._to_captured(ref)
        self._recall(live)
        self._call_off([*cancelled, *leaving])

    def _not_amended(self, change: Change, after: Terms) -> str:
        """Return the code by which an amendment is refused for what it would change, if it is."""
        deal = self.deals[change.ref]
        if change.number is None and after == deal.terms:
            return "nothing-changed"
        apart = deal.block is not None and any(after[name] != deal.terms[name] for name in SHARED)
        return "part-of-block" if apart else ""

    def _leave(self, parts: Iterable[str]) -> None:
        """Give the parts that go with their block, or in whose place others come, their last version."""
        for part in parts:
            self.deals[part].version += 1

    def _call_off(self, refs: Iterable[str]) -> None:
        going = [ref for ref in refs if self.deals[ref].state != "CANCELLED"]
        for ref in going:
            self.deals[ref].state = "CANCELLED"
        self._recall(going)

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
        return "settled" if self._settled(deal) else self._judge_family(change, deal)

    def _settled(self, deal: Deal) -> bool:
        lines = [self.lines[each.line] for each in deal.places.values() if each.line is not None]
        begun = (not line.dead and line.settlement in {"SETTLED", "PARTIAL"} for line in lines)
        return deal.state == "SETTLED" or any(begun)

    def _judge_family(self, change: Change, deal: Deal) -> str:
        """Judge what cannot be done to a block or to a part of one."""
        if change.kind == "AMEND":
            return "allocated" if deal.state == "ALLOCATED" else "CHANGED"
        if deal.block is not None:
            return "part-of-block"
        settled = any(self._settled(self.deals[part]) for part in self.standing_parts(change.ref))
        return "settled" if settled else "CHANGED"

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

    def standing_parts(self, ref: str) -> list[str]:
        """Return the parts of a block that are not cancelled."""
        return [part for part in self.deals[ref].parts if self.deals[part].state != "CANCELLED"]

    def allocate(self, ref: str, items: Sequence[Item], patch: Terms | None) -> str:
        """Return CHANGED or the code of the refusal; the parts that are made have no trade ids yet."""
        block = self.deals[ref]
        given = [each.ref for each in items if each.ref is not None]
        if len({*given}) < len(given):
            return "invalid"
        answer = self._judge(Change(ref, "ALLOCATE"))
        if answer != "CHANGED":
            return answer
        after = {**block.terms, **(patch or {})}
        if patch and after == block.terms:
            return "nothing-changed"
        names = [each.ref or f"{ref}/{n}" for n, each in enumerate(items, start=len(block.parts) + 1)]
        if (
            any(name in self.deals for name in names)
            or sum(each.quantity for each in items) != after["quantity"]
        ):
            return "invalid"
        leaving = self.standing_parts(ref)
        counted = any(self.deals[each].checked is not None for each in leaving or [ref])
        self._leave(leaving)
        self._call_off(leaving)
        block.terms, block.version = after, block.version + bool(patch)
        block.state, block.checked = "ALLOCATED", None
        self._recall([ref])
        for name, item in zip(names, items, strict=True):
            self._join(ref, name, item, counted)
        return "CHANGED"

    def _join(self, ref: str, name: str, item: Item, counted: bool) -> None:
        """Capture a part, which counts at once for what it takes the place of."""
        terms = {**self.deals[ref].terms, "quantity": item.quantity}
        terms |= {} if item.counterparty is None else {"counterparty": item.counterparty}
        self.capture(name, 0, terms, None)
        part = self.deals[name]
        part.block = ref
        if counted:
            part.checked, part.checked_version = dict(terms), 1
        self.deals[ref].parts.append(name)

    def _to_captured(self, ref: str) -> None:
        self.deals[ref].state = "CAPTURED"
        self.to_check.add(ref)

    def _recall(self, refs: Sequence[str]) -> None:
        """Recall the lines in which a leg is that its deal no longer obliges to; others' legs are netted anew."""
        touched: set[int] = set()
        for ref in refs:
            deal = self.deals[ref]
            legs = () if deal.state in OBLIGING_NO_MORE else legs_of(deal.terms)
            for number, place in deal.places.items():
                stays = bool(legs) and legs[number - 1] == place.leg
                if place.line is not None and not self.lines[place.line].dead and not stays:
                    touched.add(place.line)
        touched |= {other for each in touched if (other := self._other_of_pair(each)) is not None}
        for line_id in touched:
            self.lines[line_id].recalled = True
            for ref, number in self.lines[line_id].legs:
                other = self.deals[ref]
                if ref not in refs and other.state not in OBLIGING_NO_MORE:
                    other.places[number] = Place(None, other.version, other.places[number].leg)

    def _other_of_pair(self, line_id: int) -> int | None:
        """Return the line that one settles against, unless it was rejected."""
        linked = self.lines[line_id].linked
        return None if linked is None or self.lines[linked].processing == "REJECTED" else linked

    # What operations and the workers do.

    def _apply(self, early: Iterable[tuple[str, int]]) -> None:
        """Apply kept changes whose deals have come, deal by deal, in the order of their numbers."""
        come = [(ref, number) for ref, number in early if ref in self.deals]
        for ref, number in sorted(come, key=lambda each: (self.deals[each[0]].trade_id, each[1])):
            message = self.messages[ref][number]
            if message.standing != "EARLY":
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
        if deal.block is not None and any(
            deal.terms[name] != patch.get(name, deal.terms[name]) for name in SHARED
        ):
            return "part-of-block"
        deal.terms, deal.version = {**deal.terms, **patch}, deal.version + 1
        self._to_captured(ref)
        return "CHANGED"

    def reject(self, ref: str) -> str:
        """Return CHANGED or the code of the refusal: operations refuse a held deal."""
        deal = self.deals[ref]
        if deal.state != "EXCEPTION":
            return "not-held"
        if deal.block is not None:
            return "part-of-block"
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
        self._link_pairs(sealed)
        for deal in self.deals.values():
            if deal.state == "VALIDATED" and deal.terms["settlement_date"] <= on:
                deal.state = "INSTRUCTED"
                kept = {each.line for each in deal.places.values() if each.line is not None}
                self.to_advance |= kept - set(sealed)

    def _link_pairs(self, sealed: Mapping[int, Line]) -> None:
        """Let the security and the payment of a deal that does not net settle against each other, sealed together."""
        for deal in self.deals.values():
            lines = [each.line for each in deal.places.values() if each.line in sealed]
            if len(lines) == 2 and not NETTING[deal.terms["counterparty"]]:
                for one, other in (lines, reversed(lines)):
                    self.lines[one or 0].linked = other

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
                other = self._other_of_pair(line_id)
                if other is not None and self.lines[other].settlement not in {"SETTLED", "PARTIAL"}:
                    self.lines[other].recalled = True
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
