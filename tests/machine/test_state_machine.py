"""Whatever happens to deals, in whichever order: the product and the plain reference stand at the same place."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from copy import deepcopy
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core import sql
from core.audit import Actor, system
from core.http.problem import Problem
from refdata.models import Book
from settlement.models import CHANNELS
from settlement.services.acknowledge import Answer, Control, acknowledge_instructions
from settlement.services.advance import advance_queued
from settlement.services.claim import claim_batch
from settlement.services.report import Report, report_status
from settlement.services.seal import seal_batches
from tests.machine.comparison import Comparison, hashes_of
from tests.machine.records import NETTING, SHARE, SHARED, Change, Item, Line, Terms
from tests.machine.reference import Reference
from tests.settlement.support import client
from tests.support.factories import capture, check_everything, equity, limit, settle_gross, world
from tests.support.records import CLERK, NOW
from trades.services.bulk_change import Named, change_deals
from trades.services.capture import Outcome
from trades.services.change import Change as Asked
from trades.services.early import apply_queued
from trades.services.recheck import recheck_trades
from trades.services.reject import reject_trade
from trades.services.repair import repair_trade
from trades.services.single_change import Answered, change_trade

D = Decimal
SOURCE = "FO-EQ"
DAYS = (date(2026, 11, 25), date(2026, 11, 27))
HARD = 25  # in euro, of each counterparty: a few deals pass it
REFS = tuple(f"D-{n}" for n in range(7))

_DEALS = st.sampled_from(REFS)
_NUMBERS = st.integers(1, 5)
_FIRST = st.sampled_from([None, 1, 1, 2, 3])  # the number under which a deal comes
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "quantity": st.integers(1, 4),
    "price": st.integers(1, 4),
    "side": st.sampled_from(["BUY", "SELL"]),
    "counterparty": st.sampled_from([*NETTING, *NETTING, *NETTING, "NOBODY"]),
    "settlement_date": st.sampled_from(DAYS),
    "trader": st.sampled_from(["ann", "bob"]),
}
_TERMS = st.fixed_dictionaries(_FIELDS)
# Any change at all; and one of what a part may change too, which shares the rest with its siblings.
_ANY = st.fixed_dictionaries({}, optional=_FIELDS).filter(bool)
_OWN = {name: values for name, values in _FIELDS.items() if name not in SHARED}
_PATCHES = st.one_of(_ANY, st.fixed_dictionaries({}, optional=_OWN).filter(bool))
# A merge patch, or None: the deal is called off.
_ASKED = st.one_of(*[_PATCHES] * 9, st.none())
_SAID = st.sampled_from(["ACCEPTED"] * 6 + ["REJECTED"])
_HOW = st.tuples(st.one_of(st.none(), _NUMBERS, _NUMBERS), _ASKED)
# The references that parts are given; a part may take one that a deal would have come under.
_GIVEN = st.sampled_from([None] * 12 + ["P-1", "P-2", *REFS[-2:]])
_WITH = st.sampled_from([None, *NETTING, *NETTING, "NOBODY"])


def _divisions(quantity: int) -> list[tuple[int, ...]]:
    """Return every way to divide a whole quantity into whole parts, in their order."""
    rest = [(first, *others) for first in range(1, quantity) for others in _divisions(quantity - first)]
    return [(quantity,), *rest]


def _sent(patch: dict[str, Any]) -> dict[str, str]:
    """Return terms as they are sent."""
    return {
        name: value.isoformat() if isinstance(value, date) else str(value) for name, value in patch.items()
    }


def _document(ref: str, terms: dict[str, Any], number: int | None) -> dict[str, Any]:
    stated = {**_sent(terms), "source_version": number, "instrument": SHARE, "currency": "EUR", "book": ref}
    return equity(ref, **{name: value for name, value in stated.items() if value is not None})


class Deals(Comparison, RuleBasedStateMachine):
    """Deals of one front office, from capture to settlement, whole or in parts. Each example is taken back."""

    def __init__(self) -> None:
        super().__init__()
        self.here = ExitStack()
        self.here.enter_context(transaction.atomic())
        self.office = client(f"office-{os.urandom(4).hex()}")
        self.reference = Reference(HARD)
        self.first: dict[str, tuple[dict[str, Any], int | None]] = {}
        self.said: dict[tuple[str, int], tuple[str, dict[str, Any] | None]] = {}
        self.hashes: dict[int, str] = {}
        self.now = NOW

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.here.close()

    def tick(self) -> Any:
        self.now += timedelta(seconds=1)
        return self.now

    # The front office. What it said under a number it says again word for word, but for `again_otherwise`.

    @initialize(deals=st.lists(st.tuples(_DEALS, _TERMS, _FIRST), min_size=3, max_size=len(REFS)))
    def begin(self, deals: list[tuple[str, dict[str, Any], int | None]]) -> None:
        for ref, terms, number in deals:
            self.capture(ref, terms, number)

    @rule(ref=_DEALS, terms=_TERMS, number=_FIRST)
    def capture(self, ref: str, terms: dict[str, Any], number: int | None) -> None:
        known = ref in self.reference.deals
        if not known:
            self.first[ref] = (terms, number)
        (captured,) = capture(_document(ref, *self.first.get(ref, (terms, number))), at=self.tick())
        if ref in self.first:
            assert captured.outcome is (Outcome.EXISTING if known else Outcome.CREATED)
        else:  # a part has this reference
            assert captured.outcome is not Outcome.CREATED
        if not known:
            self.reference.capture(ref, captured.trade_id, *self.first[ref])

    def _names(self) -> list[str]:
        """Return what a front office may talk of: deals, parts that there are, and the next that there may be."""
        deals = self.reference.deals
        parts = [ref for ref, deal in deals.items() if deal.block and deal.state != "CANCELLED"]
        coming = [f"{ref}/{len(deal.parts) + 1}" for ref, deal in deals.items() if deal.parts]
        return [*REFS, *parts, *coming]

    @rule(
        given=st.lists(_HOW, min_size=1, max_size=3),
        otherwise=st.sampled_from([False] * 9 + [True]),
        data=st.data(),
    )
    def change(
        self, given: list[tuple[int | None, dict[str, Any] | None]], otherwise: bool, data: st.DataObject
    ) -> None:
        """Amend and cancel by the bulk service: early, late, repeated, and under a number used before."""
        changes = []
        for number, patch in given:
            ref = data.draw(st.sampled_from(self._names()))
            drawn = ("CANCEL", None) if patch is None else ("AMEND", patch)
            kind, content = drawn
            if number is not None and not otherwise:
                kind, content = self.said.setdefault((ref, number), drawn)
            changes.append(Change(ref, "CANCEL" if kind == "CANCEL" else "AMEND", content, number))
        named = [
            Named(
                Asked(
                    each.kind, 0, "as agreed", None if each.patch is None else _sent(each.patch), each.number
                ),
                SOURCE,
                each.ref,
            )
            for each in changes
        ]
        actor = Actor("client:front")
        with transaction.atomic():
            answers = change_deals(named=named, client=self.office, actor=actor, at=self.tick())
        told = [each.problem.code if each.problem is not None else each.outcome for each in answers]
        assert told == self.reference.change(changes)

    @precondition(lambda self: self._captured())
    @rule(
        data=st.data(),
        patch=st.one_of(st.none(), st.none(), _PATCHES),
        dry_run=st.sampled_from([False] * 5 + [True]),
    )
    def allocate(self, data: st.DataObject, patch: Terms | None, dry_run: bool) -> None:
        """Divide a deal into parts, or into others than before; `patch` changes its terms with that."""
        ref = data.draw(st.sampled_from(self._captured()))
        self._allocate(ref, self._items(ref, patch, data), patch, dry_run)

    def _items(self, ref: str, patch: Terms | None, data: st.DataObject) -> list[Item]:
        quantity = {**self.reference.deals[ref].terms, **(patch or {})}["quantity"]
        quantity = data.draw(st.sampled_from([quantity] * 15 + [quantity + 1]))
        return [
            Item(each, data.draw(_WITH), data.draw(_GIVEN))
            for each in data.draw(st.sampled_from(_divisions(quantity)))
        ]

    def _allocate(self, ref: str, items: list[Item], patch: Terms | None, dry_run: bool) -> None:
        made: list[Answered] = []
        asked = Asked(
            "ALLOCATE",
            self.reference.deals[ref].trade_id,
            "as the client asks",
            None if patch is None else _sent(patch),
            items=[_asked_of(each, ref) for each in items],
        )
        answer = _refusal(
            lambda: made.append(change_trade(change=asked, actor=CLERK, now=self.tick(), dry_run=dry_run))
        )
        reference = deepcopy(self.reference) if dry_run else self.reference
        assert answer == reference.allocate(ref, items, patch)
        for trade_id, name in made[0].changed.parts.items() if made else ():
            assert reference.deals[name].block == ref
            reference.deals[name].trade_id = trade_id

    # The workers.

    @rule()
    def check(self) -> None:
        check_everything(now=self.tick() + timedelta(hours=1))
        self.reference.check()

    @rule()
    def apply_early(self) -> None:
        while apply_queued(now=self.tick()):
            pass
        self.reference.apply_queued()

    @rule()
    def advance(self) -> None:
        while advance_queued(now=self.tick(), actor=system("settlement")):
            pass
        self.reference.advance()

    # Operations.

    def _captured(self) -> list[str]:
        """Return the deals that there are, those that something may still become of first, and more often."""
        deals = self.reference.deals
        open_ = [ref for ref, deal in deals.items() if deal.state not in {"CANCELLED", "SETTLED"}]
        return [*open_, *open_, *deals]

    @precondition(_captured)
    @rule(data=st.data())
    def recheck(self, data: st.DataObject) -> None:
        ref = data.draw(st.sampled_from(self._captured()))
        trade_id = self.reference.deals[ref].trade_id
        recheck_trades(trade_ids=[trade_id], reason="again", actor=CLERK, now=self.tick())
        self.reference.recheck(ref)

    @precondition(_captured)
    @rule(data=st.data(), patch=_PATCHES)
    def repair(self, data: st.DataObject, patch: dict[str, Any]) -> None:
        deal = self.reference.deals[ref := data.draw(st.sampled_from(self._captured()))]
        answer = _refusal(
            lambda: repair_trade(
                trade_id=deal.trade_id,
                version=deal.version,
                changes=_sent(patch),
                reason="as the counterparty says",
                actor=CLERK,
                now=self.tick(),
            )
        )
        assert answer == self.reference.repair(ref, patch)

    @precondition(_captured)
    @rule(data=st.data())
    def reject(self, data: st.DataObject) -> None:
        deal = self.reference.deals[ref := data.draw(st.sampled_from(self._captured()))]
        answer = _refusal(
            lambda: reject_trade(
                trade_id=deal.trade_id,
                version=deal.version,
                reason="not ours",
                actor=CLERK,
                now=self.tick(),
            )
        )
        assert answer == self.reference.reject(ref)

    @rule(on=st.sampled_from(DAYS))
    def seal(self, on: date) -> None:
        expected = self.reference.due(on)
        batches = seal_batches(value_date=on, channels=CHANNELS, actor=CLERK, now=self.tick())
        sealed = self._lines(batches)
        assert sorted(map(_told, sealed.values())) == sorted(map(_told, expected))
        self.reference.seal(on, sealed)
        self.hashes.update(hashes_of(batches))

    def _lines(self, batches: list[int]) -> dict[int, Line]:
        """Return the lines of batches as the reference knows lines."""
        refs = {deal.trade_id: ref for ref, deal in self.reference.deals.items()}
        legs: dict[int, list[tuple[str, int]]] = {}
        for line_id, trade_id, leg in sql.rows(
            "SELECT o.instruction_id, o.trade_id, o.leg FROM settlement_obligation o"
            " JOIN settlement_instruction i ON i.id = o.instruction_id WHERE i.batch_id = ANY(%s)"
            " ORDER BY o.trade_id, o.leg",
            [batches],
        ):
            legs.setdefault(line_id, []).append((refs[trade_id], leg))
        found = {}
        for row in sql.records(
            "SELECT i.*, p.code FROM settlement_instruction i JOIN refdata_party p ON p.id = i.counterparty_id"
            " WHERE i.batch_id = ANY(%s)",
            [batches],
        ):
            sign = {"RECEIVE": 1, "DELIVER": -1, "NIL": 0}[row["direction"]]
            behind = legs.get(row["id"], [])
            if row["cancels"] is not None:
                behind = self.reference.lines[row["cancels"]].legs
            found[row["id"]] = Line(
                row["asset"],
                sign * int(row["quantity"]),
                row["value_date"],
                row["code"],
                behind,
                batch=row["batch_id"],
                cancels=row["cancels"],
            )
        return found

    # The back office.

    def _batches(self) -> list[int]:
        return list(self.reference.batches)

    def _open(self) -> list[int]:
        return [each for each, batch in self.reference.batches.items() if batch.open]

    @precondition(_batches)
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        self._claim(data.draw(st.sampled_from(self._batches())))

    def _claim(self, batch: int) -> None:
        claim_batch(batch_id=batch, client=self.office, lease_seconds=3600, actor=CLERK, now=self.tick())
        self.reference.claim(batch)

    @precondition(_open)
    @rule(data=st.data(), all_at_once=st.booleans())
    def acknowledge(self, data: st.DataObject, all_at_once: bool) -> None:
        batch = data.draw(st.sampled_from(self._open()))
        lines = [line_id for line_id, line in self.reference.lines.items() if line.batch == batch]
        if not all_at_once:
            lines = data.draw(st.lists(st.sampled_from(lines), min_size=1, unique=True))
        self._answer(batch, {line_id: data.draw(_SAID) for line_id in lines})

    def _answer(self, batch: int, answers: dict[int, str]) -> None:
        results = acknowledge_instructions(
            batch_id=batch,
            answers=[
                Answer(each, "REJECTED", "AC01") if word == "REJECTED" else Answer(each, "ACCEPTED")
                for each, word in answers.items()
            ],
            control=self._control(list(answers)),
            client=self.office,
            actor=CLERK,
            now=self.tick(),
        )
        assert {each.instruction_id: each.status for each in results} == self.reference.acknowledge(answers)

    def _control(self, line_ids: list[int]) -> Control:
        totals: dict[str, dict[str, Decimal]] = {}
        for line in (self.reference.lines[each] for each in line_ids):
            direction = "RECEIVE" if line.quantity > 0 else "DELIVER" if line.quantity else "NIL"
            by_direction = totals.setdefault(line.asset, {})
            by_direction[direction] = by_direction.get(direction, D(0)) + abs(line.quantity)
        return Control(len(line_ids), totals)

    @precondition(lambda self: self.reference.lines)
    @rule(data=st.data(), kind=st.sampled_from(["SETTLED", "SETTLED", "PARTIAL", "FAILED"]))
    def report(self, data: st.DataObject, kind: Any) -> None:
        self._report(data.draw(st.sampled_from(list(self.reference.lines))), kind)

    def _report(self, line_id: int, kind: Any) -> None:
        told = Report(line_id, kind, "LACK" if kind == "FAILED" else "", D(1) if kind == "PARTIAL" else None)
        (result,) = report_status(reports=[told], actor=CLERK, now=self.tick())
        assert result.status == self.reference.report(line_id, kind)

    @rule(on=st.sampled_from(DAYS), data=st.data(), settles=st.sampled_from([False] * 7 + [True]))
    def let_a_day_pass(self, on: date, data: st.DataObject, settles: bool) -> None:
        """Have everything done that waits, so that deals get far; few of them so far that it is over."""
        self.check()
        self.seal(on)
        for batch in self._batches():
            lines = {line_id: line for line_id, line in self.reference.lines.items() if line.batch == batch}
            waiting = [line_id for line_id, line in lines.items() if line.processing == "SEALED"]
            if waiting:
                self._claim(batch)
                self._answer(batch, {line_id: data.draw(_SAID) for line_id in waiting})
            for line_id in lines if settles else ():
                self._report(line_id, "SETTLED")
        self.advance()


def _asked_of(item: Item, ref: str) -> dict[str, str]:
    """Return what is asked of a part as it is sent: in the block's own book."""
    sent = {
        "quantity": str(item.quantity),
        "book": ref,
        "counterparty": item.counterparty,
        "source_ref": item.ref,
    }
    return {name: value for name, value in sent.items() if value is not None}


def _refusal(act: Callable[[], Any]) -> str:
    try:
        act()
    except Problem as problem:
        return problem.code
    return "CHANGED"


def _told(line: Line) -> tuple[Any, ...]:
    return (
        line.asset, line.date, line.counterparty, line.quantity, line.cancels or 0, sorted(line.legs),
    )  # fmt: skip


def _run(examples: int, **more: Any) -> None:
    known = world()
    for (
        ref
    ) in REFS:  # deals in different books are never taken for copies of each other, and net all the same
        Book.objects.create(code=ref, desk="DESK-1", entity=known.ours)
    settle_gross(known.customer)
    limit(hard=str(HARD))
    run_state_machine_as_test(
        Deals,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            **more,
        ),
    )


@pytest.mark.django_db
def test_the_product_does_what_the_reference_does() -> None:
    seed(20261123)(_run)(12)


@pytest.mark.django_db
@pytest.mark.nightly
def test_the_product_does_what_the_reference_does_10_000_times() -> None:
    _run(10_000)
