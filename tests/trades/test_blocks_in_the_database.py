"""No part leaves its block, whoever writes and however many at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
import time_machine
from django.db import IntegrityError, transaction

from core import sql
from core.http.problem import Problem
from tests.support.blocks import allocate, change, other_book, parts_of
from tests.support.factories import check_everything, checked, equity, limit, unit_trade, used
from tests.support.records import CLERK, LATER, NOW, race, state_of
from trades.lifecycle import State
from trades.services.change import Change
from trades.services.single_change import Answered, change_trade
from trades.services.versions import trade_etag

D = Decimal


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.mark.django_db(transaction=True)
class TestTheDatabase:
    """What no service does, PostgreSQL refuses."""

    def _allocated(self) -> tuple[int, list[int]]:
        other_book()
        block = checked(equity())
        allocate(block)
        check_everything(now=LATER)
        return block, parts_of(block)

    def _touch(self, block: int) -> None:
        sql.run(
            "UPDATE trades_state SET changed_xid = pg_current_xact_id()::text::bigint WHERE trade_id = %s",
            [block],
        )

    @pytest.mark.parametrize("touched", [False, True])
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE trades_state SET state = 8 WHERE trade_id = %(part)s",
            "INSERT INTO trades_version SELECT (jsonb_populate_record(v, jsonb_build_object('version', 2,"
            " 'recorded_at', v.recorded_at + interval '1 s', 'net_amount', v.net_amount + 1))).*"
            " FROM trades_version v WHERE trade_id = %(part)s;"
            " UPDATE trades_state SET version = 2 WHERE trade_id = %(part)s",
            "INSERT INTO trades_state (trade_id, version, state, changed_at, changed_xid, block_id)"
            " SELECT trade_id + 1000, 1, 1, changed_at, 1, block_id FROM trades_state WHERE trade_id = %(part)s;"
            " INSERT INTO trades_version SELECT (jsonb_populate_record(v, jsonb_build_object('trade_id',"
            " v.trade_id + 1000, 'source_ref', 'copy'))).* FROM trades_version v WHERE trade_id = %(part)s",
        ],
        ids=["cancelled", "changed", "added"],
    )
    def test_refuses_parts_that_do_not_make_the_block(self, statement: str, touched: bool) -> None:
        block, (part, _) = self._allocated()
        constraint = "trades_parts_make_the_block" if touched else "trades_part_of_a_changed_block"
        with (
            pytest.raises(
                IntegrityError, match="do not make it" if touched else "does not change with it"
            ) as caught,
            transaction.atomic(),
        ):
            sql.run(statement, {"part": part})
            if touched:
                self._touch(block)
        assert caught.value.__cause__.diag.constraint_name == constraint

    @pytest.mark.parametrize("state", [State.VALIDATED, State.CANCELLED])
    def test_refuses_a_block_that_leaves_its_parts(self, state: State) -> None:
        block, _ = self._allocated()
        with pytest.raises(IntegrityError, match="is not allocated, and has parts"):
            sql.run("UPDATE trades_state SET state = %s WHERE trade_id = %s", [state.value, block])

    def test_refuses_a_block_without_parts_and_a_part_of_another_block(self) -> None:
        block, (part, _) = self._allocated()
        other = checked(unit_trade(3))
        with pytest.raises(IntegrityError, match="do not make it"):
            sql.run("UPDATE trades_state SET state = 9 WHERE trade_id = %s", [other])
        with pytest.raises(IntegrityError, match="never changed"):
            sql.run("UPDATE trades_state SET block_id = %s WHERE trade_id = %s", [block - 1, part])
        with pytest.raises(IntegrityError, match="trades_state_part"):
            sql.run("UPDATE trades_state SET state = 9 WHERE trade_id = %s", [part])


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_one_of_two_allocations_is_made_and_the_other_is_told_so(self) -> None:
        other_book()
        for again in (False, True, True):
            block = checked(equity())
            if again:
                allocate(block)
            row = sql.row("SELECT version, changed_at FROM trades_state WHERE trade_id = %s", [block])
            assert row is not None
            seen = [trade_etag(*row)]
            results = race(
                *(
                    partial(
                        change_trade,
                        change=Change(
                            "ALLOCATE", block, "r", items=[{"book": book, "quantity": "100"}], if_match=seen
                        ),
                        actor=CLERK,
                        now=LATER + timedelta(seconds=1),
                    )
                    for book in ("BOOK-1", "BOOK-2")
                )
            )
            made = [each for each in results if isinstance(each, Answered)]
            (other,) = [each for each in results if not isinstance(each, Answered)]
            assert isinstance(other, Problem), other
            assert (len(made), other.status) == (1, 412)
            live = [each for each in parts_of(block) if state_of(each)[0] != State.CANCELLED]
            assert live == list(made[0].changed.parts)

    def test_a_cancellation_and_an_allocation_leave_nothing_behind(self) -> None:
        other_book()
        limit(hard="1000000")
        for _ in range(3):
            block = checked(equity())
            allocate(block)
            results = race(
                partial(change, "CANCEL", block),
                partial(allocate, block, {"book": "BOOK-2", "quantity": "100"}),
                partial(check_everything, now=LATER),
            )
            assert not [
                each for each in results if isinstance(each, Exception) and not isinstance(each, Problem)
            ]
            assert {state_of(each)[0] for each in (block, *parts_of(block))} == {State.CANCELLED}
        check_everything(now=LATER)
        assert set(used().values()) == {D(0)}
