"""A block is divided into parts that make it exactly, count and settle instead of it, and go with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core import sql
from core.audit import Actor
from core.http.problem import Problem
from core.ids import TRADE, public_id
from refdata.models import Book
from risk.services.recompute import recompute_limits
from tests.support.api import Api, pointers, problem
from tests.support.factories import (
    bond,
    bund,
    captured_ids,
    check_everything,
    checked,
    codes_of,
    derivative,
    equity,
    fx,
    goods,
    limit,
    listed,
    settle,
    swap,
    unit_trade,
    used,
    world,
)
from tests.support.records import (
    CLERK,
    LATER,
    NOW,
    all_written,
    events_of,
    hold,
    person,
    race,
    state_of,
    version_of,
)
from trades.lifecycle import State
from trades.models import ChangePolicy
from trades.services import allocation
from trades.services.change import Change, change_trades
from trades.services.recheck import recheck_trades
from trades.services.reject import reject_trade
from trades.services.repair import repair_trade
from trades.services.single_change import Answered, approve_change, change_trade
from trades.services.supersession import Observation
from trades.services.versions import trade_etag

D = Decimal
TWO = [{"book": "BOOK-1", "quantity": "60"}, {"counterparty": "CUST-01", "quantity": "40"}]


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def api(db: None) -> Api:
    other_book()
    return Api()


def other_book() -> None:
    made = world()
    Book.objects.create(code="BOOK-2", desk="DESK-2", entity=made.ours)


def ref(trade_id: int) -> str:
    return public_id(TRADE, trade_id)


def _etag(api: Api, trade_id: int) -> str:
    return str(api.get(f"/trades/{ref(trade_id)}")["ETag"])


def _post(
    api: Api, trade_id: int, items: Any, *, what: str = "allocations", query: str = "", **how: Any
) -> Any:
    """Ask for an allocation, having just seen the trade."""
    headers = {"If-Match": _etag(api, trade_id)}
    body = {"reason": "as the client asks", **({} if items is None else {"items": items}), **how}
    return api.post(f"/trades/{ref(trade_id)}/{what}{query}", body, headers=headers)


def allocate(trade_id: int, *items: dict[str, Any], dry_run: bool = False, **how: Any) -> Answered:
    change = Change("ALLOCATE", trade_id, "as agreed", items=list(items or TWO), **how)
    return change_trade(change=change, actor=CLERK, now=LATER, dry_run=dry_run)


def change(kind: Any, trade_id: int, **how: Any) -> Answered:
    return change_trade(change=Change(kind, trade_id, "as agreed", **how), actor=CLERK, now=LATER)


def parts_of(block_id: int) -> list[int]:
    """Return every part that a block has ever had."""
    rows = sql.rows("SELECT trade_id FROM trades_state WHERE block_id = %s ORDER BY trade_id", [block_id])
    return [trade_id for (trade_id,) in rows]


def terms_of(trade_id: int) -> dict[str, Any]:
    return version_of(trade_id, state_of(trade_id)[1])


def refused(kind: Any, trade_id: int, **how: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        change(kind, trade_id, **how)
    return caught.value


class TestAnAllocation:
    def test_makes_parts_that_inherit_the_block(self, api: Api) -> None:
        fee = {"type": "COMMISSION", "amount": "1.95", "currency": "USD"}
        block = checked(equity("E-1", fees=[fee], executed_at="2026-11-23T09:00:00Z"))
        answer = _post(api, block, TWO)
        assert answer.status_code == 200, answer.content
        told = answer.json()
        one, two = parts_of(block)
        assert (told["outcome"], told["status"], told["version"]) == ("CHANGED", "ALLOCATED", 1)
        assert answer["ETag"] == _etag(api, block)
        assert told["parts"] == [
            {
                "id": ref(one), "source_ref": "E-1/1", "status": "CAPTURED", "book": "BOOK-1",
                "counterparty": "BROKER-01", "quantity": "60", "currency": "USD", "gross_amount": "11235.00",
                "net_amount": "11236.17", "contra_currency": None, "contra_amount": None,
            },
            {
                "id": ref(two), "source_ref": "E-1/2", "status": "CAPTURED", "book": "BOOK-1",
                "counterparty": "CUST-01", "quantity": "40", "currency": "USD", "gross_amount": "7490.00",
                "net_amount": "7490.78", "contra_currency": None, "contra_amount": None,
            },
        ]  # fmt: skip
        block_terms, part = terms_of(block), terms_of(two)
        own = {
            "trade_id", "recorded_at", "effective_at", "source_ref", "counterparty_ref", "counterparty_id",
            "quantity", "gross_amount", "net_amount", "base_amount", "duplicate_key", "fees",
        }  # fmt: skip
        assert {name for name in part if part[name] != block_terms[name]} == own
        assert part["fees"] == [{"type": "COMMISSION", "amount": "0.78", "currency": "USD"}]
        check_everything()
        assert [state_of(each) for each in (block, one, two)] == [
            (State.ALLOCATED, 1), (State.VALIDATED, 1), (State.VALIDATED, 1),
        ]  # fmt: skip

    def test_is_told_by_the_log_of_both_sides(self, api: Api) -> None:
        block = checked(equity())
        _post(api, block, TWO)
        one, two = parts_of(block)
        ((_, version, actor, _, reason, data),) = events_of(block, "trade.allocated")
        assert (version, actor, reason) == (1, "client:front", "as the client asks")
        assert data == {"parts": [ref(one), ref(two)]}
        ((*_, data),) = events_of(two, "trade.captured")
        assert data == {"block": ref(block)}

    def test_is_shown_by_the_documents_of_both_sides(self, api: Api) -> None:
        block = checked(equity("E-7"))
        _post(api, block, TWO)
        one, two = parts_of(block)
        document = api.get(f"/trades/{ref(block)}").json()
        assert (document["status"], document["block"]) == ("ALLOCATED", None)
        assert document["parts"] == [
            {"id": ref(one), "source_ref": "E-7/1", "quantity": "60"},
            {"id": ref(two), "source_ref": "E-7/2", "quantity": "40"},
        ]
        part = api.get(f"/trades/{ref(one)}").json()
        assert (part["block"], part["parts"]) == (ref(block), [])
        listed_parts = api.get(document["links"]["allocations"].removeprefix("/api/v1")).json()
        assert [(each["id"], each["block"]) for each in listed_parts["items"]] == [
            (ref(one), ref(block)),
            (ref(two), ref(block)),
        ]
        found = api.get("/trades", source="FO-EQ", source_ref="E-7/2").json()["items"]
        assert [each["block"] for each in found] == [ref(block)]

    @pytest.mark.parametrize("held", [False, True])
    def test_is_made_of_a_trade_that_is_captured_or_held(self, api: Api, held: bool) -> None:
        (block,) = captured_ids(equity(counterparty="NOBODY" if held else "BROKER-01"))
        if held:
            check_everything()
            assert state_of(block)[0] == State.EXCEPTION
        assert _post(api, block, [{"counterparty": "CUST-01", "quantity": "100"}]).status_code == 200
        check_everything()
        (part,) = parts_of(block)
        assert (state_of(block)[0], state_of(part)[0]) == (State.ALLOCATED, State.VALIDATED)
        assert codes_of(block) == []
        assert sql.rows("SELECT resolution FROM trades_exception") == [
            ("allocated: as the client asks",)
        ] * int(held)

    def test_needs_to_have_seen_the_trade(self, api: Api) -> None:
        block = checked(equity())
        path, body = f"/trades/{ref(block)}/allocations", {"reason": "r", "items": TWO}
        problem(api.post(path, body), 428, "precondition-required")
        seen = {"If-Match": _etag(api, block)}
        assert api.post(path, body, headers=seen).status_code == 200
        problem(api.post(path, body, headers=seen), 412, "stale-version")
        assert len(parts_of(block)) == 2

    def test_is_made_once_under_a_key(self, api: Api) -> None:
        block = checked(equity())
        headers = {"If-Match": _etag(api, block)}
        path, body = f"/trades/{ref(block)}/allocations", {"reason": "r", "items": TWO}
        first, again = (api.post(path, body, headers=headers, key="once") for _ in range(2))
        assert (first.status_code, again.content) == (200, first.content)
        assert len(parts_of(block)) == 2

    def test_has_a_bound(self, api: Api) -> None:
        block = checked(equity(quantity="1001"))
        items = [{"book": "BOOK-2", "quantity": "1"}] * 1001
        problem(_post(api, block, items), 413, "too-many-items")
        assert parts_of(block) == []
        items = [{"book": "BOOK-2", "quantity": "1"}] * 999 + [{"book": "BOOK-2", "quantity": "2"}]
        assert _post(api, block, items).status_code == 200
        check_everything()
        assert {state_of(each)[0] for each in parts_of(block)} == {State.VALIDATED}

    @pytest.mark.parametrize(
        ("items", "faults"),
        [
            (None, ["/items"]),
            ([], ["/items"]),
            ({"a": 1}, ["/items"]),
            ([{"quantity": "100"}], ["/items/0"]),
            ([7, {"book": "B", "quantity": "many"}, {"book": "", "quantity": "-1"}],
             ["/items/0", "/items/1/quantity", "/items/2/book"]),
            ([{"book": "B", "quantity": "0"}, {"book": "B", "quantity": "1", "price": "3"}],
             ["/items/0/quantity", "/items/1/price"]),
            ([{"book": "B", "quantity": "1", "source_ref": "X"}] * 2, ["/items/1/source_ref"]),
            ([{"book": "BOOK-1", "quantity": "60"}, {"book": "BOOK-2", "quantity": "39.9999999999"}], ["/items"]),
            ([{"book": "BOOK-1", "quantity": "60", "source_ref": "E-TAKEN"}, {"book": "BOOK-2", "quantity": "40"}],
             ["/items/0/source_ref"]),
            ([{"book": "BOOK-1", "quantity": "0.00000000001"}], ["/items/0/quantity"]),
        ],
    )  # fmt: skip
    def test_names_every_fault_with_its_pointer_and_stores_nothing(
        self, api: Api, items: Any, faults: list[str]
    ) -> None:
        checked(unit_trade(9, source_ref="E-TAKEN"))
        block = checked(equity())
        before = all_written()
        assert pointers(problem(_post(api, block, items), 422, "invalid")) == faults
        assert all_written() == before

    def test_is_refused_for_its_form(self, api: Api) -> None:
        block = checked(equity())
        answer = _post(api, block, [{"book": "a\u0000b", "quantity": "100"}], source_version=2, reason=7)
        assert answer.status_code == 400, answer.content
        assert pointers(answer.json()) == ["/items/0/book", "/reason", "/source_version"]

    def test_of_what_is_not_divisible_settled_or_cancelled_is_refused(self, api: Api) -> None:
        order, settled, gone = checked(goods()), checked(equity()), checked(equity())
        settle([settled])
        change("CANCEL", gone)
        problem(_post(api, order, TWO), 409, "not-divisible")
        problem(_post(api, settled, TWO), 409, "settled")
        problem(_post(api, gone, TWO), 409, "cancelled")

    def test_is_not_for_the_trades_of_other_sources(self, api: Api) -> None:
        block = checked(equity())
        headers = {"If-Match": _etag(api, block)}
        other = Api("other", sources=["ELSEWHERE"])
        path = f"/trades/{ref(block)}/allocations"
        problem(other.post(path, {"reason": "r", "items": TWO}, headers=headers), 404, "not-found")
        problem(other.get(path), 404, "not-found")


_QUANTITIES = st.lists(st.integers(1, 4_000), min_size=1, max_size=12)
_PRODUCTS = ("EQUITY", "BOND", "LISTED_DERIVATIVE", "FX_SPOT", "FX_SWAP")


def _block(product: str, total: D, side: str, price: D) -> dict[str, Any]:
    """Return a block of a product over a quantity, with two fees, whose amounts do not divide evenly."""
    fees = [
        {"type": "COMMISSION", "amount": "3.01", "currency": "EUR"},
        {"type": "STAMP", "amount": "0.05", "currency": "GBP"},
    ]
    if product in {"FX_SPOT", "FX_SWAP"}:
        there = {"bought": {"currency": "EUR", "amount": f"{total:f}"},
                 "sold": {"currency": "JPY", "amount": f"{round(total * price)}"}, "rate": f"{price:f}"}  # fmt: skip
        if product == "FX_SPOT":
            return fx(terms=there)
        document = swap()
        far = {
            **document["terms"]["far"],
            "bought": there["sold"],
            "sold": there["bought"],
            "rate": f"{price:f}",
        }
        return swap(terms={"near": there, "far": far})
    make = {"EQUITY": equity, "BOND": bond, "LISTED_DERIVATIVE": derivative}[product]
    stated = {"currency": "EUR"} if product == "EQUITY" else {}
    return make(quantity=f"{total:f}", price=f"{price:f}", side=side, fees=fees, **stated)


def _sums(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what rows of terms amount to together."""
    names = ("quantity", "gross_amount", "net_amount", "contra_amount", "base_amount")
    sums: dict[str, Any] = {name: sum((row[name] or D(0) for row in rows), D(0)) for name in names}
    for row in rows:
        for fee in row["fees"] or ():
            key = f"{fee['type']} {fee['currency']}"
            sums[key] = sums.get(key, D(0)) + D(fee["amount"])
        for name in ("bought_amount", "sold_amount"):
            if far := (row["terms"] or {}).get("far"):
                sums[name] = sums.get(name, D(0)) + D(far[name])
    return sums


class TestSums(TestCase):
    """Whatever a block is divided into makes it exactly, and each part agrees with itself."""

    @settings(max_examples=30, deadline=None)
    @given(
        product=st.sampled_from(_PRODUCTS),
        quantities=_QUANTITIES,
        scale=st.integers(0, 4),
        side=st.sampled_from(["BUY", "SELL"]),
        price=st.decimals("2", "180", places=4),
    )
    def test_the_parts_make_the_block(
        self, product: str, quantities: list[int], scale: int, side: str, price: D
    ) -> None:
        other_book()
        bund()
        listed()
        scale = min(scale, 2) if product.startswith("FX") else scale
        parts = [D(each).scaleb(-scale) for each in quantities]
        block = checked(_block(product, sum(parts, D(0)), side, price))
        expected = {code for code in codes_of(block) if code not in {"OFF_MARKET_PRICE"}}
        items = [
            {"book": f"BOOK-{1 + place % 2}", "quantity": f"{part:f}"} for place, part in enumerate(parts)
        ]
        allocate(block, *items)
        sql.run("SET CONSTRAINTS ALL IMMEDIATE")
        sql.run("SET CONSTRAINTS ALL DEFERRED")
        made = [terms_of(each) for each in parts_of(block)]
        assert [row["quantity"] for row in made] == parts
        assert _sums(made) == _sums([terms_of(block)])
        check_everything(now=LATER)
        for each in parts_of(block):
            assert set(codes_of(each)) - {"OFF_MARKET_PRICE", "NON_POSITIVE"} <= expected


def _euro(used: str) -> dict[str, str]:
    return {"used": used, "currency": "EUR"}


class TestLimits:
    def test_parts_count_in_the_place_of_the_block_at_once(self, api: Api) -> None:
        limit(hard="100000")
        limit("BOOKS", hard="100000", dimensions=("book",))
        block = checked(equity())
        assert used() == {"BROKER-01": D("17227")}
        items = [{"book": "BOOK-2", "quantity": "33"}, {"counterparty": "CUST-01", "quantity": "67"}]
        told = _post(api, block, items).json()
        assert told["effects"]["limits"] == [
            {"key": "BOOKS BOOK-1", "before": _euro("17227.00"), "after": _euro("11542.09")},
            {"key": "BOOKS BOOK-2", "before": None, "after": _euro("5684.91")},
            {"key": "CPTY BROKER-01", "before": _euro("17227.00"), "after": _euro("5684.91")},
            {"key": "CPTY CUST-01", "before": None, "after": _euro("11542.09")},
        ]
        figures = {"BROKER-01": D("5684.91"), "CUST-01": D("11542.09")}
        assert used() == figures
        assert recompute_limits(now=NOW, actor=CLERK, correct=False) == []
        check_everything()
        assert used() == figures
        _post(api, block, [{"counterparty": "CUST-01", "quantity": "100"}])
        assert used() == {"BROKER-01": D(0), "CUST-01": D("17227")}
        check_everything()
        assert used() == {"BROKER-01": D(0), "CUST-01": D("17227")}
        assert recompute_limits(now=NOW, actor=CLERK, correct=False) == []
        _post(api, block, None, what="cancellations")
        assert set(used().values()) == {D(0)}
        assert recompute_limits(now=NOW, actor=CLERK, correct=False) == []

    def test_a_block_that_does_not_count_yet_has_parts_that_count_from_their_check(self, api: Api) -> None:
        limit(hard="100000")
        (block,) = captured_ids(equity())
        _post(api, block, TWO)
        assert used() == {}
        check_everything()
        assert sum(used().values()) == D("17227")

    def test_a_part_that_breaches_is_held(self, api: Api) -> None:
        limit(hard="10000", members=("CUST-01",))
        block = checked(equity())
        _post(
            api, block, [{"counterparty": "CUST-01", "quantity": "70"}, {"book": "BOOK-2", "quantity": "30"}]
        )
        check_everything()
        one, two = parts_of(block)
        assert (codes_of(one), state_of(two)[0]) == (["LIMIT_BREACH"], State.VALIDATED)


class TestAnotherAllocation:
    def test_takes_the_place_of_the_first(self, api: Api) -> None:
        block = checked(equity("E-1"))
        _post(api, block, TWO)
        check_everything()
        answer = _post(
            api, block, [{"book": "BOOK-2", "quantity": "99"}, {"book": "BOOK-1", "quantity": "1"}]
        )
        assert answer.status_code == 200, answer.content
        one, two, three, four = parts_of(block)
        check_everything()
        assert [state_of(each) for each in (block, one, two, three, four)] == [
            (State.ALLOCATED, 1), (State.CANCELLED, 2), (State.CANCELLED, 2),
            (State.VALIDATED, 1), (State.VALIDATED, 1),
        ]  # fmt: skip
        assert [each["source_ref"] for each in answer.json()["parts"]] == ["E-1/3", "E-1/4"]
        ((*_, data),) = events_of(block, "trade.reallocated")
        assert data == {"parts": [ref(three), ref(four)]}
        ((*_, reason, _),) = events_of(one, "trade.cancelled")
        assert reason == "as the client asks"
        parts = api.get(f"/trades/{ref(block)}").json()["parts"]
        assert [part["id"] for part in parts] == [ref(three), ref(four)]

    def test_may_change_the_terms_of_the_block(self, api: Api) -> None:
        block = checked(equity("E-1"))
        _post(api, block, TWO)
        check_everything()
        items = [{"book": "BOOK-2", "quantity": "100"}, {"book": "BOOK-1", "quantity": "20"}]
        answer = _post(api, block, items, changes={"quantity": "120", "price": "187.10"})
        assert answer.status_code == 200, answer.content
        assert answer.json()["version"] == 2
        assert [each["pointer"] for each in answer.json()["changes"]][:2] == ["/quantity", "/price"]
        *_, three, four = parts_of(block)
        assert (terms_of(block)["gross_amount"], state_of(block)) == (D("22452"), (State.ALLOCATED, 2))
        assert [terms_of(each)["gross_amount"] for each in (three, four)] == [D("18710"), D("3742")]
        assert [each[0] for each in events_of(block)][-2:] == ["trade.amended", "trade.reallocated"]

    def test_of_a_block_with_a_settled_part_is_refused_by_its_name(self, api: Api) -> None:
        block = checked(equity("E-1"))
        _post(api, block, TWO)
        check_everything()
        one, _ = parts_of(block)
        settle([one])
        before = all_written()
        for answer in (_post(api, block, TWO), _post(api, block, None, what="cancellations")):
            assert f"{ref(one)} (E-1/1)" in problem(answer, 409, "settled")["title"]
        assert all_written() == before


class TestTheBlockAndItsParts:
    def test_are_cancelled_together(self, api: Api) -> None:
        block = checked(equity())
        _post(api, block, TWO)
        check_everything()
        answer = _post(api, block, None, what="cancellations")
        assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
        assert [state_of(each) for each in (block, *parts_of(block))] == [(State.CANCELLED, 2)] * 3
        assert api.get(f"/trades/{ref(block)}").json()["parts"] == []

    def test_are_cancelled_together_in_bulk(self, api: Api) -> None:
        block = checked(equity("E-1"))
        _post(api, block, TWO)
        body = {"reason": "called off", "items": [{"source": "FO-EQ", "source_ref": "E-1"}]}
        answer = api.post("/trade-cancellations", body)
        assert [each["status"] for each in answer.json()["items"]] == [200], answer.content
        assert [state_of(each)[0] for each in (block, *parts_of(block))] == [State.CANCELLED] * 3

    def test_a_request_cancels_blocks_up_to_a_bound(self, api: Api, monkeypatch: Any) -> None:
        monkeypatch.setattr(allocation, "MAX_AT_ONCE", 3)
        blocks = [checked(equity(quantity="100")) for _ in range(2)]
        for block in blocks:
            allocate(block)
        change_one, change_two = (Change("CANCEL", block, "r") for block in blocks)
        made, not_made = change_trades(changes=[change_one, change_two], actor=CLERK, at=LATER)
        assert made.problem is None
        assert not_made.problem is not None
        assert (not_made.problem.status, not_made.problem.code) == (413, "too-many-items")
        assert [state_of(block)[0] for block in blocks] == [State.CANCELLED, State.ALLOCATED]

    def test_no_part_leaves_alone(self, api: Api) -> None:
        block = checked(equity())
        _post(api, block, TWO)
        one, two = parts_of(block)
        hold(two)
        before = all_written()
        told = problem(_post(api, one, None, what="cancellations"), 409, "part-of-block")
        assert told["block"] == ref(block)
        problem(_post(api, one, TWO), 409, "part-of-block")
        with pytest.raises(Problem) as caught:
            reject_trade(trade_id=two, version=1, reason="r", actor=CLERK, now=LATER)
        assert caught.value.code == "part-of-block"
        assert all_written() == before

    def test_what_parts_share_changes_in_none_alone(self, api: Api) -> None:
        block = checked(equity())
        _post(api, block, TWO)
        check_everything()
        one, two = parts_of(block)
        body = {"changes": {"quantity": "61", "trader": "x"}}
        told = problem(_post(api, one, None, what="amendments", **body), 409, "part-of-block")
        assert pointers(told) == ["/changes/gross_amount", "/changes/net_amount", "/changes/quantity"]
        assert "allocate it anew" in told["detail"]
        answer = _post(api, one, None, what="amendments", changes={"book": "BOOK-2", "trader": "x"})
        assert answer.status_code == 200, answer.content
        (held,) = (two,)
        sql.run("DELETE FROM core_work")
        check_everything()
        assert state_of(held)[0] == State.VALIDATED

    def test_a_held_part_is_repaired_in_what_is_its_own(self, api: Api) -> None:
        block = checked(equity())
        _post(api, block, [{"counterparty": "NOBODY", "quantity": "100"}])
        check_everything()
        (part,) = parts_of(block)
        assert "UNKNOWN_PARTY" in codes_of(part)
        fix = partial(repair_trade, trade_id=part, version=1, reason="r", actor=CLERK, now=LATER)
        with pytest.raises(Problem) as caught:
            fix(changes={"price": "187"})
        assert caught.value.code == "part-of-block"
        assert fix(changes={"counterparty": "CUST-01"}) == 2
        check_everything()
        assert state_of(part) == (State.VALIDATED, 2)
        recheck_trades(trade_ids=[part], reason="", actor=CLERK, now=LATER)
        check_everything()
        assert state_of(part)[0] == State.VALIDATED

    def test_an_allocated_block_is_not_amended_alone(self, api: Api) -> None:
        block = checked(equity())
        _post(api, block, TWO)
        told = problem(_post(api, block, None, what="amendments", changes={"price": "187"}), 409, "allocated")
        assert "Allocate it anew" in told["detail"]

    def test_parts_are_no_duplicates_of_their_block_or_of_each_other(self, api: Api) -> None:
        block = checked(equity("E-1"))
        _post(api, block, [{"book": "BOOK-1", "quantity": "100"}])
        check_everything()
        _post(api, block, [{"book": "BOOK-1", "quantity": "50"}] * 2)
        check_everything()
        assert [codes_of(each) for each in parts_of(block)] == [[], [], []]
        other = checked(equity("E-2", quantity="50"))
        assert codes_of(other) == ["POSSIBLE_DUPLICATE"]

    def test_parts_of_nearly_one_size_are_not_near_duplicates(self, api: Api) -> None:
        block = checked(equity("E-1", quantity="399", executed_at="2026-11-23T10:00:00Z"))
        _post(api, block, [{"book": "BOOK-1", "quantity": each} for each in ("200", "199")])
        check_everything()
        assert [codes_of(each) for each in parts_of(block)] == [[], []]

    @pytest.mark.django_db
    def test_parts_came_with_their_block(self) -> None:
        other_book()
        block = checked(equity("E-1", executed_at="2026-11-23T10:00:00Z"))
        later = NOW + timedelta(days=2)
        change = Change("ALLOCATE", block, "as agreed", items=TWO)
        change_trade(change=change, actor=CLERK, now=later)
        check_everything(now=later)
        assert [codes_of(each) for each in parts_of(block)] == [[], []]


class TestADryRun:
    def test_says_what_would_come_of_it_and_stores_nothing(self, api: Api) -> None:
        limit(hard="10000", members=("CUST-01",))
        block = checked(equity("E-1"))
        before = all_written()
        items = [{"counterparty": "CUST-01", "quantity": "70"}, {"book": "BOOK-2", "quantity": "30"}]
        told = _post(api, block, items, query="?dry_run=true").json()
        assert (told["dry_run"], told["status"]) == (True, "ALLOCATED")
        assert [(each["id"], each["source_ref"], each["status"]) for each in told["parts"]] == [
            (None, "E-1/1", "EXCEPTION"),
            (None, "E-1/2", "VALIDATED"),
        ]
        assert [each["key"] for each in told["effects"]["findings"]] == ["E-1/1 LIMIT_BREACH CPTY CUST-01"]
        assert [each["key"] for each in told["effects"]["legs"]] == [
            "E-1/1 1", "E-1/1 2", "E-1/2 1", "E-1/2 2", f"{ref(block)} 1", f"{ref(block)} 2",
        ]  # fmt: skip
        assert all_written() == before


_SPLITS = st.lists(
    st.tuples(
        st.integers(1, 60), st.sampled_from(["BOOK-1", "BOOK-2", "NOWHERE"]),
        st.sampled_from([None, "CUST-01", "BROKER-01", "NOBODY"]),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


def _items(split: list[tuple[int, str, str | None]]) -> list[dict[str, Any]]:
    return [
        {"quantity": str(quantity), "book": book, **({"counterparty": party} if party else {})}
        for quantity, book, party in split
    ]


class TestForesight(TestCase):
    """What a dry run says is what comes of the allocation and of the checks after it."""

    @settings(max_examples=25, deadline=None)
    @given(first=_SPLITS, second=_SPLITS, again=st.booleans())
    def test_a_dry_run_is_the_allocation(self, first: list[Any], second: list[Any], again: bool) -> None:
        other_book()
        limit(hard="9000", warn="4000")
        limit("BOOKS", hard="12000", dimensions=("book",))
        checked(equity(quantity="20"))
        split = second if again else first
        block = checked(equity(quantity=str(sum(each[0] for each in split))))
        if again:
            allocate(block, *_items([(quantity, "BOOK-1", None) for quantity, _, _ in split]))
            check_everything(now=LATER)
        before = all_written()
        foreseen = allocate(block, *_items(split), dry_run=True)
        assert all_written() == before
        family = [block, *parts_of(block)]
        observation = Observation(family, LATER)
        made = allocate(block, *_items(split))
        check_everything(now=LATER)
        assert foreseen.changed.told == made.changed.told
        assert foreseen.effects == observation.effects(made.changed.parts)
        assert [(each.source_ref, each.state) for each in foreseen.parts] == [
            (name, state_of(trade_id)[0]) for trade_id, name in made.changed.parts.items()
        ]
        assert recompute_limits(now=LATER, actor=CLERK, correct=False) == []


class TestTwoPeople:
    def test_a_second_person_makes_the_allocation(self, api: Api) -> None:
        ChangePolicy.objects.create(kind="ALLOCATE")
        block = checked(equity("E-1"))
        answer = _post(api, block, TWO)
        assert answer.status_code == 202, answer.content
        assert (answer.json()["outcome"], parts_of(block)) == ("PROPOSED", [])
        ((proposal_id,),) = sql.rows("SELECT id FROM core_proposal WHERE state = 'PENDING'")
        approve_change(
            proposal_id=proposal_id, user=person("checker"), note="", actor=Actor("user:checker"), now=LATER
        )
        assert [terms_of(each)["source_ref"] for each in parts_of(block)] == ["E-1/1", "E-1/2"]

    def test_a_block_stands_where_its_parts_do(self, api: Api) -> None:
        ChangePolicy.objects.create(states=[State.EXCEPTION.value], base_amount=D("10000"))
        block, free = checked(equity()), checked(equity(price="187.20"))
        for each, party in ((block, "NOBODY"), (free, "CUST-01")):
            allocate(each, {"book": "BOOK-2", "quantity": "60"}, {"counterparty": party, "quantity": "40"})
        check_everything()
        assert _post(api, block, TWO).status_code == 202
        assert _post(api, free, TWO).status_code == 200

    def test_nobody_decides_on_a_block_that_was_allocated_since(self, api: Api) -> None:
        block = checked(equity("E-1"))
        _post(api, block, TWO)
        ChangePolicy.objects.create(kind="ALLOCATE")
        _post(api, block, [{"book": "BOOK-2", "quantity": "100"}])
        ChangePolicy.objects.all().delete()
        _post(api, block, TWO)
        assert sql.rows("SELECT state FROM core_proposal") == [("VOID",)]


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
