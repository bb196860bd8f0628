"""A block lives through its parts: they are checked, sealed and settled; others take their place after the seal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import time_machine

from core import sql
from core.clock import utc_now
from refdata.models import Book
from risk.services.recompute import recompute_limits
from settlement.selectors import anything_due, obligations_of
from tests.feed.test_rebuild import rebuilt, stored
from tests.settlement.support import (
    VALUE_DATE,
    BackOffice,
    advance,
    lines_of,
    ref,
    seal,
    state,
    trade_ref,
)
from tests.support.api import Api, problem
from tests.support.factories import check_everything, checked, equity, limit, used, world
from tests.support.packs import lines_of as rows_of
from tests.support.packs import unpack, verify
from tests.support.records import CLERK, LATER, NOW

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=True) as traveller:
        yield traveller


@pytest.fixture
def api() -> Api:
    made = world()
    Book.objects.create(code="BOOK-2", desk="DESK-2", entity=made.ours)
    return Api()


def _allocate(api: Api, block: int, *items: dict[str, str], **more: Any) -> list[int]:
    """Allocate a block through the API, and return its parts."""
    path = f"/trades/{trade_ref(block)}"
    headers = {"If-Match": str(api.get(path)["ETag"])}
    answer = api.post(
        f"{path}/allocations", {"reason": "as the client asks", "items": list(items), **more}, headers=headers
    )
    assert answer.status_code == 200, answer.content
    return [
        trade_id
        for (trade_id,) in sql.rows(
            "SELECT trade_id FROM trades_state WHERE block_id = %s AND state <> 8 ORDER BY 1", [block]
        )
    ]


def _sealed() -> dict[str, list[dict[str, Any]]]:
    """Seal what is due; return the lines of each batch by their first asset."""
    batches = [lines_of(batch_id) for batch_id in seal()]
    return {lines[0]["asset"]: lines for lines in batches}


def _short(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("kind", "counterparty", "direction", "quantity", "legs", "cancels", "replaces")
    return [
        tuple(line[name]["code"] if name == "counterparty" else line[name] for name in names)
        for line in lines
    ]


def _settle_all(batches: list[int]) -> None:
    office = BackOffice()
    for batch_id in batches:
        lines = lines_of(batch_id)
        office.claim(batch_id)
        office.acknowledge(batch_id, lines)
        office.report(*({"instruction": line["instruction"], "status": "SETTLED"} for line in lines))
    advance(now=LATER)


TO_TWO = ({"book": "BOOK-2", "quantity": "60"}, {"counterparty": "CUST-01", "quantity": "40"})


def test_a_block_is_allocated_and_its_parts_are_checked_sealed_and_settled(api: Api) -> None:
    limit(hard="100000")
    block = checked(equity("E-1"))
    one, two = _allocate(api, block, *TO_TWO)
    check_everything()
    batches = seal()
    assert [state(each) for each in (block, one, two)] == ["ALLOCATED", "INSTRUCTED", "INSTRUCTED"]
    assert obligations_of(block) == []
    cash = next(lines for lines in map(lines_of, batches) if lines[0]["asset"] == "USD")
    assert sorted((line["counterparty"]["code"], line["quantity"]) for line in cash) == [
        ("BROKER-01", "11235.00"),
        ("CUST-01", "7490.00"),
    ]
    _settle_all(batches)
    assert [state(each) for each in (block, one, two)] == ["ALLOCATED", "SETTLED", "SETTLED"]
    assert set(used().values()) == {D(0)}
    assert recompute_limits(now=LATER, actor=CLERK, correct=False) == []
    path = f"/trades/{trade_ref(block)}"
    headers = {"If-Match": str(api.get(path)["ETag"])}
    body = {"reason": "r", "items": [{"book": "BOOK-1", "quantity": "100"}]}
    assert "E-1/1" in problem(api.post(f"{path}/allocations", body, headers=headers), 409, "settled")["title"]


def test_a_sealed_block_is_recalled_and_its_parts_are_instructed_instead(api: Api) -> None:
    block, other = checked(equity("E-1")), checked(equity("E-2", quantity="10"))
    (first,) = _sealed()["USD"]
    assert (first["quantity"], first["legs"]) == ("20597.50", 2)
    one, two = _allocate(api, block, *TO_TWO)
    check_everything()
    lines = _sealed()["USD"]
    assert _short(lines) == [
        ("NEW", "BROKER-01", "DELIVER", "13107.50", 2, None, [first["instruction"]]),
        ("NEW", "CUST-01", "DELIVER", "7490.00", 1, None, []),
        ("CANCEL", "BROKER-01", "DELIVER", "20597.50", 2, first["instruction"], []),
    ]
    assert [state(each) for each in (block, other, one, two)] == ["ALLOCATED", *["INSTRUCTED"] * 3]
    assert not anything_due(value_date=VALUE_DATE)


def test_parts_that_were_sealed_are_recalled_when_others_take_their_place(api: Api) -> None:
    limit(hard="100000")
    block = checked(equity("E-1"))
    before = _allocate(api, block, *TO_TWO)
    check_everything()
    seal()
    sent = {leg["instruction_id"] for each in before for leg in obligations_of(each)}
    (after,) = _allocate(
        api, block, {"counterparty": "CUST-01", "quantity": "100"}, changes={"price": "187.20"}
    )
    assert [state(each) for each in before] == ["CANCELLED", "CANCELLED"]
    check_everything()
    lines = [line for batch in _sealed().values() for line in batch]
    assert {line["cancels"] for line in lines if line["kind"] == "CANCEL"} == {ref(each) for each in sent}
    assert [(line["counterparty"]["code"], line["quantity"]) for line in lines if line["kind"] == "NEW"] == [
        ("CUST-01", "18720.00"),
        ("CUST-01", "100"),
    ]
    assert (state(block), state(after)) == ("ALLOCATED", "INSTRUCTED")
    assert used() == {"BROKER-01": D(0), "CUST-01": D("17222.4")}


def test_who_reads_the_events_alone_knows_where_block_and_parts_stand(api: Api) -> None:
    block = checked(equity("E-1"))
    _allocate(api, block, *TO_TWO)
    check_everything()
    _allocate(api, block, {"counterparty": "CUST-01", "quantity": "100"}, changes={"price": "187.20"})
    called_off = checked(equity("E-2"))
    _allocate(api, called_off, *TO_TWO)
    path = f"/trades/{trade_ref(called_off)}"
    headers = {"If-Match": str(api.get(path)["ETag"])}
    assert api.post(f"{path}/cancellations", {"reason": "r"}, headers=headers).status_code == 200
    found = rebuilt()
    assert found.states == stored()
    assert found.sha256() == found.wanted_sha256


def test_the_past_shows_the_block_and_its_parts_as_they_were(api: Api, clock: time_machine.Traveller) -> None:
    def shown(**axes: str) -> Any:
        return api.get(f"/trades/{trade_ref(block)}", **axes).json()

    seen: list[tuple[str, Any]] = []

    def look() -> None:
        seen.append((utc_now().isoformat(), shown()))
        clock.shift(timedelta(minutes=1))

    block = checked(equity("E-1"))
    look()
    one, two = _allocate(api, block, *TO_TWO)
    look()
    (three,) = _allocate(api, block, {"counterparty": "CUST-01", "quantity": "100"})
    look()
    assert [[part["id"] for part in document["parts"]] for _, document in seen] == [
        [], [trade_ref(one), trade_ref(two)], [trade_ref(three)],
    ]  # fmt: skip
    assert [shown(as_at=as_at) for as_at, _ in seen] == [document for _, document in seen]
    items = api.get(f"/trades/{trade_ref(block)}/allocations", as_at=seen[1][0]).json()["items"]
    assert [(each["id"], each["block"]) for each in items] == [
        (trade_ref(one), trade_ref(block)),
        (trade_ref(two), trade_ref(block)),
    ]
    assert api.get(f"/trades/{trade_ref(one)}", as_at=seen[0][0]).status_code == 404


def test_the_evidence_of_either_side_tells_of_the_other(api: Api, tmp_path: Path) -> None:
    block = checked(equity("E-1"))
    one, two = _allocate(api, block, *TO_TWO)
    pairs = {}
    for trade_id in (block, one):
        answer = api.get(f"/trades/{trade_ref(trade_id)}/evidence")
        pack = BytesIO(b"".join(answer.streaming_content))  # type: ignore[attr-defined]
        folder = unpack(pack, tmp_path / str(trade_id))
        pairs[trade_id] = [(row["block"], row["part"]) for row in rows_of(folder, "allocations.jsonl")]
        assert verify(folder)[0] == 0
    assert pairs == {block: [(block, one), (block, two)], one: [(block, one)]}
