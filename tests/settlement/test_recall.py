"""A sealed batch is never touched: a change cancels what is wrong in a later one, and replaces it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core import sql
from core.http.problem import Problem
from refdata.models import NettingAgreement, Party
from settlement.selectors import anything_due, obligations_of, read_batch
from settlement.services._sealing import standing_legs_sql
from tests.settlement.support import (
    VALUE_DATE,
    BackOffice,
    advance,
    bytes_of,
    control_of,
    lines_of,
    number_of,
    ref,
    seal,
    state,
    trade_ref,
    validate,
    validated,
)
from tests.support.factories import NETS_ALL, NETS_NOTHING, check_everything, equity, findings_of, world
from tests.support.records import CLERK, LATER, all_written, events_of
from trades.services.change import Change
from trades.services.single_change import Answered, change_trade

D = Decimal


@pytest.fixture(autouse=True)
def _world(db: None) -> None:
    world()


def _amend(trade_id: int, *, dry_run: bool = False, **changes: Any) -> Answered:
    change = Change("AMEND", trade_id, "as agreed", changes=changes)
    return change_trade(change=change, actor=CLERK, now=LATER, dry_run=dry_run)


def _cancel(trade_id: int, *, dry_run: bool = False) -> Answered:
    return change_trade(
        change=Change("CANCEL", trade_id, "as agreed"), actor=CLERK, now=LATER, dry_run=dry_run
    )


def _short(lines: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("kind", "asset", "direction", "quantity", "legs", "cancels", "replaces")
    return [tuple(line[name] for name in names) for line in lines]


def _sealed(asset: str = "USD") -> tuple[list[dict[str, Any]], bytes]:
    """Seal what is due and return the lines of the batch of an asset, and its bytes."""
    for batch_id in seal():
        lines = lines_of(batch_id)
        if lines[0]["asset"] == asset:
            return lines, bytes_of(batch_id)
    return [], b""


class TestBeforeTheSeal:
    def test_a_change_replaces_what_will_be_sealed(self) -> None:
        one, two = validated(equity("E-1"), equity("E-2", quantity="10"))
        _amend(one, quantity="50")
        _cancel(two)
        check_everything()
        lines, _ = _sealed()
        assert [(line["kind"], line["quantity"], line["legs"]) for line in lines] == [("NEW", "9362.50", 1)]


class TestAfterTheSeal:
    def test_a_cancellation_cancels_the_net_and_nets_the_rest_anew(self) -> None:
        one, two = validated(equity("E-1"), equity("E-2", quantity="10"))
        (first,), before = _sealed()
        answered = _cancel(one)
        (recalled,) = [
            each for each in answered.effects["recalled_instructions"] if each["key"] == first["instruction"]
        ]
        assert recalled["after"] == {
            "batch": first["batch"], "channel": "CASH", "direction": "DELIVER", "asset": "USD", "quantity": "20597.5",
            "value_date": "2026-11-25", "legs": 2, "netted_anew": [trade_ref(two)],
        }  # fmt: skip
        assert (state(one), state(two)) == ("CANCELLED", "INSTRUCTED")
        assert anything_due(value_date=date(2026, 11, 1))
        replacing, cancelling = _sealed()[0]
        assert _short([replacing, cancelling]) == [
            ("NEW", "USD", "DELIVER", "1872.50", 1, None, [first["instruction"]]),
            ("CANCEL", "USD", "DELIVER", "20597.50", 2, first["instruction"], []),
        ]
        assert bytes_of(_batch_of(first)) == before
        assert [type for type, *_ in events_of(two)][-1] == "trade.renetted"
        assert seal() == []
        assert not anything_due(value_date=VALUE_DATE)

    def test_an_amendment_cancels_and_replaces_only_the_legs_it_changes(self) -> None:
        (trade_id,) = validated(equity("E-1"))
        seal()
        security, cash = obligations_of(trade_id)
        _amend(trade_id, fees=[{"type": "COMMISSION", "amount": "10", "currency": "USD"}])
        assert state(trade_id) == "CAPTURED"
        check_everything()
        lines, _ = _sealed()
        assert _short(lines) == [
            ("NEW", "USD", "DELIVER", "18735.00", 1, None, [ref(cash["instruction_id"])]),
            ("CANCEL", "USD", "DELIVER", "18725.00", 1, ref(cash["instruction_id"]), []),
        ]
        now = obligations_of(trade_id)
        assert [(leg["leg"], leg["attempt"], leg["recalled"]) for leg in now] == [
            (1, 1, False), (2, 1, True), (2, 2, False),
        ]  # fmt: skip
        assert now[0]["instruction_id"] == security["instruction_id"]
        assert (ref(now[1]["cancellation_id"]), now[2]["replaces"]) == (
            lines[1]["instruction"],
            f"{{{cash['instruction_id']}}}"
            if isinstance(now[2]["replaces"], str)
            else [cash["instruction_id"]],
        )
        assert state(trade_id) == "INSTRUCTED"

    def test_a_change_without_consequence_leaves_every_instruction(self) -> None:
        (trade_id,) = validated(equity("E-1"))
        seal()
        answered = _amend(trade_id, trader="somebody else")
        assert answered.effects["recalled_instructions"] == []
        check_everything()
        assert seal() == []
        assert state(trade_id) == "INSTRUCTED"

    def test_a_trade_that_kept_its_instructions_follows_what_was_done_with_them(self) -> None:
        (trade_id,) = validated(equity("E-1"))
        office = BackOffice()
        batches = seal()
        for batch_id in batches:
            office.claim(batch_id)
            office.acknowledge(batch_id, lines_of(batch_id))
        advance()
        assert state(trade_id) == "ACKNOWLEDGED"
        _amend(trade_id, trader="somebody else")
        check_everything()
        seal()
        advance()
        assert state(trade_id) == "ACKNOWLEDGED"

    def test_a_later_value_date_waits_while_the_cancellation_goes(self) -> None:
        (trade_id,) = validated(equity("E-1"))
        seal()
        _amend(trade_id, settlement_date="2026-11-30")
        check_everything()
        lines, _ = _sealed()
        assert [line["kind"] for line in lines] == ["CANCEL"]
        (later,) = [lines_of(each) for each in seal("CASH", value_date=date(2026, 11, 30))]
        assert [(line["kind"], line["value_date"], line["replaces"]) for line in later] == [
            ("NEW", "2026-11-30", [lines[0]["cancels"]])
        ]

    def test_two_changes_before_the_next_seal_cancel_once(self) -> None:
        (trade_id,) = validated(equity("E-1"))
        first = _sealed()[0][0]["instruction"]
        _amend(trade_id, quantity="10")
        check_everything()
        _amend(trade_id, quantity="20")
        check_everything()
        lines, _ = _sealed()
        assert _short(lines) == [
            ("NEW", "USD", "DELIVER", "3745.00", 1, None, [first]),
            ("CANCEL", "USD", "DELIVER", "18725.00", 1, first, []),
        ]

    def test_what_was_rejected_needs_no_cancellation(self) -> None:
        (trade_id,) = validated(equity("E-1"))
        office = BackOffice()
        for batch_id in seal():
            lines = lines_of(batch_id)
            office.claim(batch_id)
            office.acknowledge(batch_id, lines, **{lines[0]["asset"]: "AC01"})
        _cancel(trade_id)
        assert state(trade_id) == "CANCELLED"
        assert seal() == []

    def test_the_total_of_a_batch_counts_cancellations(self) -> None:
        one, _ = validated(equity("E-1"), equity("E-2", quantity="10"))
        seal()
        _cancel(one)
        (batch_id,) = seal("CASH")
        row = read_batch(batch_id)
        assert row is not None
        assert (row["instruction_count"], row["trade_count"]) == (2, 2)
        assert control_of(lines_of(batch_id))["totals"] == {"USD": {"DELIVER": "22470.00"}}


def _batch_of(line: dict[str, Any]) -> int:
    ((batch_id,),) = sql.rows(
        "SELECT batch_id FROM settlement_instruction WHERE id = %s", [number_of(line["instruction"])]
    )
    return int(batch_id)


class TestWhatTheBackOfficeAnswers:
    def _handed_off(self) -> tuple[BackOffice, int, int, list[dict[str, Any]]]:
        one, two = validated(equity("E-1"), equity("E-2", quantity="10"))
        office = BackOffice()
        batches = seal()
        for each in batches:
            office.claim(each)
            office.acknowledge(each, lines_of(each))
        batch_id = next(each for each in batches if lines_of(each)[0]["asset"] == "USD")
        advance()
        _cancel(one)
        (cancelling,) = seal("CASH")
        office.claim(cancelling)
        return office, one, two, [*lines_of(batch_id), *lines_of(cancelling)]

    def test_an_accepted_cancellation_ends_the_original_and_both_batches(self) -> None:
        office, _, two, (first, replacing, cancelling) = self._handed_off()
        office.acknowledge(_batch_of(cancelling), [replacing, cancelling])
        refused = office.report({"instruction": first["instruction"], "status": "SETTLED"}).json()
        assert refused["items"][0]["status"] == 409
        office.report({"instruction": replacing["instruction"], "status": "SETTLED"})
        for line in (first, cancelling):
            row = read_batch(_batch_of(line))
            assert row is not None
            assert row["status"] == "SETTLED"
        advance()
        assert [leg["settlement"] for leg in obligations_of(two) if leg["asset"] == "USD"] == [
            "CANCELLED", "SETTLED",
        ]  # fmt: skip

    def test_a_rejected_cancellation_is_an_exception_of_the_trade_it_was_for(self) -> None:
        office, one, two, (first, replacing, cancelling) = self._handed_off()
        items = [
            {"instruction": replacing["instruction"], "status": "ACCEPTED"},
            {"instruction": cancelling["instruction"], "status": "REJECTED", "reason": "DONE"},
        ]
        path = f"settlement-batches/{cancelling['batch']}/acknowledgements"
        body = {"items": items, "control_totals": control_of([replacing, cancelling])}
        assert office.post(path, body).status_code == 207
        (finding,) = [each for each in findings_of(one) if each["code"] == "CANCELLATION_REJECTED"]
        assert finding["subject"] == cancelling["instruction"]
        assert first["instruction"] in finding["message"]
        assert (state(one), findings_of(two)) == ("CANCELLED", [])
        kinds = sql.rows("SELECT trade_id, kind FROM trades_exception WHERE closed_at IS NULL")
        assert kinds == [(one, "REJECTION")]

    def test_a_rejection_of_what_was_netted_anew_holds_a_trade_that_was_acknowledged(self) -> None:
        office, _, two, (_, replacing, cancelling) = self._handed_off()
        assert state(two) == "ACKNOWLEDGED"
        items = [
            {"instruction": replacing["instruction"], "status": "REJECTED", "reason": "AC01"},
            {"instruction": cancelling["instruction"], "status": "ACCEPTED"},
        ]
        path = f"settlement-batches/{cancelling['batch']}/acknowledgements"
        body = {"items": items, "control_totals": control_of([replacing, cancelling])}
        assert office.post(path, body).status_code == 207
        assert state(two) == "EXCEPTION"
        assert [each["code"] for each in findings_of(two)] == ["SETTLEMENT_REJECTED"]
        security = next(each for each in obligations_of(two) if each["asset_kind"] == "SECURITY")
        office.report({"instruction": ref(security["instruction_id"]), "status": "SETTLED"})
        advance()
        assert state(two) == "EXCEPTION"

    @pytest.mark.parametrize("said", ["SETTLED", "PARTIAL"])
    def test_what_is_settled_is_not_changed_any_more(self, said: str) -> None:
        (trade_id,) = validated(equity("E-1"))
        office = BackOffice()
        lines, _ = _sealed()
        item = {"instruction": lines[0]["instruction"], "status": said}
        assert office.report(item | ({"quantity": "1"} if said == "PARTIAL" else {})).json()["applied"] == 1
        before = all_written()
        for change in (lambda: _amend(trade_id, quantity="1"), lambda: _cancel(trade_id)):
            with pytest.raises(Problem) as refused:
                change()
            assert (refused.value.status, refused.value.code) == (409, "settled")
        assert all_written() == before


def _owed(trade_ids: Sequence[int]) -> dict[str, Decimal]:
    """Return what live trades oblige to in all, by asset, receipts positive."""
    found: dict[str, Decimal] = {}
    live = [each for each in trade_ids if state(each) != "CANCELLED"]
    for asset, direction, quantity in sql.rows(
        f"WITH {standing_legs_sql()} SELECT asset, direction, quantity FROM standing", {"ids": live}
    ):
        found[asset] = found.get(asset, D(0)) + (quantity if direction == "RECEIVE" else -quantity)
    return {asset: total for asset, total in found.items() if total}


def _instructed() -> dict[str, Decimal]:
    """Return what the back office was told to do in all, by asset, after what it was told not to do."""
    found: dict[str, Decimal] = {}
    for (batch_id,) in sql.rows("SELECT id FROM settlement_batch ORDER BY id"):
        for line in lines_of(batch_id):
            sign = {"RECEIVE": 1, "DELIVER": -1, "NIL": 0}[line["direction"]] * (
                1 if line["kind"] == "NEW" else -1
            )
            found[line["asset"]] = found.get(line["asset"], D(0)) + sign * D(line["quantity"])
    return {asset: total for asset, total in found.items() if total}


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("amend"), st.integers(0, 3), st.integers(1, 300)),
        st.tuples(st.just("turn"), st.integers(0, 3), st.sampled_from(["BUY", "SELL"])),
        st.tuples(st.just("cancel"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("seal"), st.just(0), st.just(0)),
    ),
    max_size=12,
)


class TestWhateverHappens(TestCase):
    @settings(max_examples=20, deadline=None)
    @given(steps=_STEPS, netting=st.booleans())
    def test_the_back_office_ends_up_with_exactly_what_is_owed(
        self, steps: list[tuple[str, int, Any]], netting: bool
    ) -> None:
        if not Party.objects.exists():
            world()
        NettingAgreement.objects.update(**(NETS_ALL if netting else NETS_NOTHING))
        sides = ("BUY", "SELL", "BUY", "SELL")
        trade_ids = validated(
            *(equity(f"E-{n}", side=side, quantity=str(10 + n)) for n, side in enumerate(sides))
        )
        seal()
        for step, which, value in steps:
            try:
                if step == "amend":
                    _foreseen(partial(_amend, trade_ids[which], quantity=str(value)))
                elif step == "turn":
                    _foreseen(partial(_amend, trade_ids[which], side=value))
                elif step == "cancel":
                    _foreseen(partial(_cancel, trade_ids[which]))
                else:
                    seal()
            except Problem as problem:
                assert problem.code in {"nothing-changed", "cancelled"}
            _pass_all()
        seal()
        assert _instructed() == _owed(trade_ids)
        assert {state(each) for each in trade_ids} <= {"INSTRUCTED", "CANCELLED"}


def _foreseen(change: Callable[..., Answered]) -> None:
    """Make a change, having seen that its dry run says of settlement what then comes of it."""
    foreseen, made = change(dry_run=True), change()
    for section in ("legs", "recalled_instructions"):
        assert foreseen.effects[section] == made.effects[section]
    assert foreseen.changed == made.changed


def _pass_all() -> None:
    """Let every trade that waits for the checks pass them."""
    sql.run("DELETE FROM core_work WHERE task = 'risk.check'")
    validate(
        [each for (each,) in sql.rows("SELECT trade_id FROM trades_state WHERE state = 1 ORDER BY trade_id")]
    )
