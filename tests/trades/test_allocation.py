"""A block is divided into parts that make it exactly, count and settle instead of it, and go with it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core import sql
from core.audit import Actor
from risk.services.recompute import recompute_limits
from tests.support.api import Api, pointers, problem
from tests.support.blocks import TWO, allocate, change, etag, other_book, parts_of, post, ref, terms_of
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    equity,
    goods,
    limit,
    settle,
    unit_trade,
)
from tests.support.records import CLERK, LATER, NOW, all_written, events_of, person, state_of
from trades.lifecycle import State
from trades.models import ChangePolicy
from trades.services.single_change import approve_change
from trades.services.supersession import Observation

D = Decimal


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def api(db: None) -> Api:
    other_book()
    return Api()


class TestAnAllocation:
    def test_makes_parts_that_inherit_the_block(self, api: Api) -> None:
        fee = {"type": "COMMISSION", "amount": "1.95", "currency": "USD"}
        block = checked(equity("E-1", fees=[fee], executed_at="2026-11-23T09:00:00Z"))
        answer = post(api, block, TWO)
        assert answer.status_code == 200, answer.content
        told = answer.json()
        one, two = parts_of(block)
        assert (told["outcome"], told["status"], told["version"]) == ("CHANGED", "ALLOCATED", 1)
        assert answer["ETag"] == etag(api, block)
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
        post(api, block, TWO)
        one, two = parts_of(block)
        ((_, version, actor, _, reason, data),) = events_of(block, "trade.allocated")
        assert (version, actor, reason) == (1, "client:front", "as the client asks")
        assert data == {"parts": [ref(one), ref(two)]}
        ((*_, data),) = events_of(two, "trade.captured")
        assert data == {"block": ref(block)}

    def test_is_shown_by_the_documents_of_both_sides(self, api: Api) -> None:
        block = checked(equity("E-7"))
        post(api, block, TWO)
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
        assert post(api, block, [{"counterparty": "CUST-01", "quantity": "100"}]).status_code == 200
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
        seen = {"If-Match": etag(api, block)}
        assert api.post(path, body, headers=seen).status_code == 200
        problem(api.post(path, body, headers=seen), 412, "stale-version")
        assert len(parts_of(block)) == 2

    def test_is_made_once_under_a_key(self, api: Api) -> None:
        block = checked(equity())
        headers = {"If-Match": etag(api, block)}
        path, body = f"/trades/{ref(block)}/allocations", {"reason": "r", "items": TWO}
        first, again = (api.post(path, body, headers=headers, key="once") for _ in range(2))
        assert (first.status_code, again.content) == (200, first.content)
        assert len(parts_of(block)) == 2

    def test_has_a_bound(self, api: Api) -> None:
        block = checked(equity(quantity="1001"))
        items = [{"book": "BOOK-2", "quantity": "1"}] * 1001
        problem(post(api, block, items), 413, "too-many-items")
        assert parts_of(block) == []
        items = [{"book": "BOOK-2", "quantity": "1"}] * 999 + [{"book": "BOOK-2", "quantity": "2"}]
        assert post(api, block, items).status_code == 200
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
        assert pointers(problem(post(api, block, items), 422, "invalid")) == faults
        assert all_written() == before

    def test_is_refused_for_its_form(self, api: Api) -> None:
        block = checked(equity())
        answer = post(api, block, [{"book": "a\u0000b", "quantity": "100"}], source_version=2, reason=7)
        assert answer.status_code == 400, answer.content
        assert pointers(answer.json()) == ["/items/0/book", "/reason", "/source_version"]

    def test_of_what_is_not_divisible_settled_or_cancelled_is_refused(self, api: Api) -> None:
        order, settled, gone = checked(goods()), checked(equity()), checked(equity())
        settle([settled])
        change("CANCEL", gone)
        problem(post(api, order, TWO), 409, "not-divisible")
        problem(post(api, settled, TWO), 409, "settled")
        problem(post(api, gone, TWO), 409, "cancelled")

    def test_is_not_for_the_trades_of_other_sources(self, api: Api) -> None:
        block = checked(equity())
        headers = {"If-Match": etag(api, block)}
        other = Api("other", sources=["ELSEWHERE"])
        path = f"/trades/{ref(block)}/allocations"
        problem(other.post(path, {"reason": "r", "items": TWO}, headers=headers), 404, "not-found")
        problem(other.get(path), 404, "not-found")


class TestAnotherAllocation:
    def test_takes_the_place_of_the_first(self, api: Api) -> None:
        block = checked(equity("E-1"))
        post(api, block, TWO)
        check_everything()
        answer = post(api, block, [{"book": "BOOK-2", "quantity": "99"}, {"book": "BOOK-1", "quantity": "1"}])
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
        post(api, block, TWO)
        check_everything()
        items = [{"book": "BOOK-2", "quantity": "100"}, {"book": "BOOK-1", "quantity": "20"}]
        answer = post(api, block, items, changes={"quantity": "120", "price": "187.10"})
        assert answer.status_code == 200, answer.content
        assert answer.json()["version"] == 2
        assert [each["pointer"] for each in answer.json()["changes"]][:2] == ["/quantity", "/price"]
        *_, three, four = parts_of(block)
        assert (terms_of(block)["gross_amount"], state_of(block)) == (D("22452"), (State.ALLOCATED, 2))
        assert [terms_of(each)["gross_amount"] for each in (three, four)] == [D("18710"), D("3742")]
        assert [each[0] for each in events_of(block)][-2:] == ["trade.amended", "trade.reallocated"]

    def test_of_a_block_with_a_settled_part_is_refused_by_its_name(self, api: Api) -> None:
        block = checked(equity("E-1"))
        post(api, block, TWO)
        check_everything()
        one, _ = parts_of(block)
        settle([one])
        before = all_written()
        for answer in (post(api, block, TWO), post(api, block, None, what="cancellations")):
            assert f"{ref(one)} (E-1/1)" in problem(answer, 409, "settled")["title"]
        assert all_written() == before


class TestADryRun:
    def test_says_what_would_come_of_it_and_stores_nothing(self, api: Api) -> None:
        limit(hard="10000", members=("CUST-01",))
        block = checked(equity("E-1"))
        before = all_written()
        items = [{"counterparty": "CUST-01", "quantity": "70"}, {"book": "BOOK-2", "quantity": "30"}]
        told = post(api, block, items, query="?dry_run=true").json()
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
        answer = post(api, block, TWO)
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
        assert post(api, block, TWO).status_code == 202
        assert post(api, free, TWO).status_code == 200

    def test_nobody_decides_on_a_block_that_was_allocated_since(self, api: Api) -> None:
        block = checked(equity("E-1"))
        post(api, block, TWO)
        ChangePolicy.objects.create(kind="ALLOCATE")
        post(api, block, [{"book": "BOOK-2", "quantity": "100"}])
        ChangePolicy.objects.all().delete()
        post(api, block, TWO)
        assert sql.rows("SELECT state FROM core_proposal") == [("VOID",)]
