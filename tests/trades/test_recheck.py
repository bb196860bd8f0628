"""Enrichment fills what reference data has learnt, a re-check sends trades back, a rejection ends them."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest

from core.audit import system
from core.http.problem import Problem
from refdata.models import Book, FxRate, Instrument, Party
from tests.support.records import (
    CLERK,
    EQUITY,
    FX,
    GOODS,
    LATER,
    NOW,
    all_written,
    captured,
    events_of,
    held,
    race,
    reference_data,
    state_of,
    version_of,
)
from trades.lifecycle import State, move_trades
from trades.models import ExceptionItem, Finding
from trades.services.enrichment import enrich_again
from trades.services.recheck import recheck_trades
from trades.services.reject import reject_trade

STRANGE = {"counterparty": "NEW-PARTY", "book": "NEW-BOOK", "instrument": "NEW-SHARE", "currency": "CHF"}


@pytest.fixture
def desk(db: None) -> None:
    reference_data()


def _learn() -> dict[str, object]:
    """Make everything in STRANGE known; return the columns that follow."""
    party = Party.objects.create(code="NEW-PARTY", name="N")
    book = Book.objects.create(code="NEW-BOOK", desk="D", entity=Party.objects.get(code="OURS"))
    share = Instrument.objects.create(
        code="NEW-SHARE", name="N", product_class="EQUITY", currency="CHF", multiplier=10, settlement_cycle=9
    )
    FxRate.objects.create(currency="CHF", date=NOW.date(), rate=Decimal("1.05"))
    return {
        "counterparty_id": party.id,
        "book_id": book.id,
        "instrument_id": share.id,
        "base_amount": Decimal("19661.25"),  # 18,725 × 1.05
    }


def _enrich(*trade_ids: int) -> list[int]:
    return enrich_again(trade_ids=list(trade_ids), actor=CLERK, at=LATER, reason="party is known")


@pytest.mark.usefixtures("desk")
class TestEnrichment:
    def test_what_is_known_by_now_fills_the_next_version_and_nothing_else_changes(self) -> None:
        trade_id = held(EQUITY, **STRANGE)
        learnt = _learn()
        assert _enrich(trade_id) == [trade_id]
        one, two = version_of(trade_id, 1), version_of(trade_id, 2)
        stamps = {"version": 2, "recorded_at": LATER, "cause": "ENRICH"}
        assert two == {**one, **stamps, **learnt}
        assert state_of(trade_id) == (State.EXCEPTION, 2)
        (event,) = events_of(trade_id, "trade.enriched")
        told = {name: {"before": None, "after": value} for name, value in learnt.items()}
        told["base_amount"]["after"] = "19661.2500"
        assert event == ("trade.enriched", 2, "user:clerk", "req-1", "party is known", told)

    def test_a_part_that_is_known_is_filled_while_the_rest_waits(self) -> None:
        trade_id = held(EQUITY, **STRANGE)
        book = Book.objects.create(code="NEW-BOOK", desk="D", entity=Party.objects.get(code="OURS"))
        assert _enrich(trade_id) == [trade_id]
        two = version_of(trade_id, 2)
        assert (two["book_id"], two["counterparty_id"], two["base_amount"]) == (book.id, None, None)

    def test_lines_of_an_order_are_filled_one_by_one(self) -> None:
        lines = [{**GOODS["terms"]["lines"][0], "sku": sku} for sku in ("SKU-1", "SKU-9", "SKU-8")]
        trade_id = held(GOODS, terms={"lines": lines})
        number = Instrument.objects.create(code="SKU-9", name="9", product_class="GOODS", currency="USD").id
        assert _enrich(trade_id) == [trade_id]
        one, two = (version_of(trade_id, n)["terms"]["lines"] for n in (1, 2))
        assert two == [one[0], {**one[1], "instrument_id": number}, one[2]]
        assert one[1]["instrument_id"] is None
        (event,) = events_of(trade_id, "trade.enriched")
        assert event[5] == {"terms": {"before": None, "after": "1 more resolved"}}

    def test_nothing_new_or_nothing_missing_writes_nothing(self) -> None:
        unknown, complete = held(EQUITY, **STRANGE), held(FX)
        Party.objects.filter(code="BROKER-01").update(lei=None)
        FxRate.objects.update(rate=Decimal("0.5"))  # a resolved size is not measured anew
        before = all_written()
        assert _enrich(unknown, complete) == []
        assert _enrich() == []
        assert _enrich(999_999) == []
        assert all_written() == before

    def test_only_what_can_go_back_to_the_checks_is_touched(self) -> None:
        fresh = captured(EQUITY, **STRANGE)
        _learn()
        before = all_written()
        assert _enrich(fresh) == []
        assert all_written() == before

    def test_repeating_it_adds_nothing(self) -> None:
        trade_id = held(EQUITY, **STRANGE)
        _learn()
        _enrich(trade_id)
        before = all_written()
        assert _enrich(trade_id) == []
        assert all_written() == before

    def test_many_cost_as_many_statements_as_one(self, django_assert_num_queries) -> None:
        ids = [held(EQUITY, source_ref=f"E-{n}", **STRANGE) for n in range(20)]
        _learn()
        with django_assert_num_queries(7):  # savepoint, lock, state, versions, references, write, release
            assert _enrich(*ids) == ids


def _recheck(*trade_ids: int) -> list[int]:
    return recheck_trades(trade_ids=list(trade_ids), reason="party is known", actor=CLERK, now=LATER)


@pytest.mark.usefixtures("desk")
class TestRecheck:
    def test_held_and_validated_trades_go_back_and_others_stay(self) -> None:
        stays = captured(EQUITY)
        on_hold = held(EQUITY, source_ref="E-2", **STRANGE)
        valid = captured(EQUITY, source_ref="E-3", **STRANGE)
        move_trades(
            trade_ids=[valid], source=State.CAPTURED, target=State.VALIDATED, at=NOW, actor=system("t")
        )
        _learn()
        untouched = events_of(stays)
        assert _recheck(valid, on_hold, stays, on_hold, 999_999) == [on_hold, valid]
        assert state_of(on_hold) == state_of(valid) == (State.CAPTURED, 2)
        assert state_of(stays) == (State.CAPTURED, 1)
        assert events_of(stays) == untouched
        for trade_id in (on_hold, valid):
            (event,) = events_of(trade_id, "trade.rechecked")
            assert event[1:5] == (2, "user:clerk", "req-1", "party is known")

    def test_a_trade_that_learns_nothing_is_checked_again_all_the_same(self) -> None:
        trade_id = held(EQUITY)
        assert _recheck(trade_id) == [trade_id]
        assert state_of(trade_id) == (State.CAPTURED, 1)
        assert _recheck(trade_id) == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_rechecks_at_once_move_and_enrich_each_trade_once() -> None:
    reference_data()
    ids = [held(EQUITY, source_ref=f"E-{n}", **STRANGE) for n in range(8)]
    _learn()
    results = race(partial(_recheck, *ids), partial(_recheck, *ids[::-1]), partial(_recheck, *ids[4:]))
    assert sorted(each for moved in results for each in moved) == ids
    for trade_id in ids:
        assert state_of(trade_id) == (State.CAPTURED, 2)
        assert len(events_of(trade_id, "trade.enriched", "trade.rechecked")) == 2


def _reject(trade_id: int, *, version: int = 1, reason: str = " unknown client ") -> None:
    reject_trade(trade_id=trade_id, version=version, reason=reason, actor=CLERK, now=LATER)


@pytest.mark.usefixtures("desk")
class TestRejection:
    def test_the_trade_is_cancelled_and_nothing_of_it_is_open(self) -> None:
        trade_id, other = held(EQUITY, codes=["A", "B"]), held(FX)
        _reject(trade_id)
        assert state_of(trade_id) == (State.CANCELLED, 1)
        findings = Finding.objects.filter(trade_id=trade_id).values_list("closing", "closed_at")
        assert list(findings) == [("MOOT", LATER)] * 2
        item = ExceptionItem.objects.get(trade_id=trade_id)
        assert (item.closed_at, item.closed_by, item.resolution) == (
            LATER, "user:clerk", "rejected: unknown client",
        )  # fmt: skip
        types = ("trade.cancelled", "exception.closed")
        assert [(event[0], event[4]) for event in events_of(trade_id, *types)] == [
            ("trade.cancelled", "unknown client"),
            ("exception.closed", "rejected: unknown client"),
        ]
        assert Finding.objects.filter(trade_id=other, closed_at=None).count() == 1
        assert ExceptionItem.objects.get(trade_id=other).closed_at is None

    @pytest.mark.parametrize(
        ("arguments", "status"),
        [({"reason": " "}, 422), ({"reason": "x" * 1001}, 422), ({"version": 2}, 412)],
    )
    def test_a_refusal_changes_nothing(self, arguments: dict[str, object], status: int) -> None:
        trade_id = held(EQUITY)
        before = all_written()
        with pytest.raises(Problem) as refused:
            _reject(trade_id, **arguments)
        assert refused.value.status == status
        assert all_written() == before

    def test_what_is_not_held_or_unknown_is_refused(self) -> None:
        fresh = captured(EQUITY)
        before = all_written()
        for trade_id, status in ((fresh, 409), (999_999, 404)):
            with pytest.raises(Problem) as refused:
                _reject(trade_id)
            assert refused.value.status == status
        assert all_written() == before


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_a_rejection_and_a_recheck_at_once_leave_one_outcome() -> None:
    reference_data()
    for n in range(5):
        trade_id = held(EQUITY, source_ref=f"E-{n}")
        rejected, moved = race(partial(_reject, trade_id), partial(_recheck, trade_id))
        if rejected is None:
            assert (moved, state_of(trade_id)[0]) == ([], State.CANCELLED)
        else:
            assert (rejected.status, moved, state_of(trade_id)[0]) == (409, [trade_id], State.CAPTURED)
