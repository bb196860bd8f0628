"""One instruction over the API, with every leg behind it and what it replaces."""

from __future__ import annotations

from typing import Any

import pytest

from core.ids import BATCH, INSTRUCTION, public_id
from tests.settlement.support import (
    LATER,
    BackOffice,
    batch_of,
    instruction_ids,
    seal,
    trade_ref,
    validated,
)
from tests.support.factories import equity, goods, world
from tests.support.records import CLERK
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def office() -> BackOffice:
    world()
    return BackOffice()


def read(office: BackOffice, instruction_id: int) -> dict[str, Any]:
    answer = office.get(f"settlement-instructions/{public_id(INSTRUCTION, instruction_id)}")
    assert answer.status_code == 200
    return dict(answer.json())


def legs(office: BackOffice, instruction_id: int, **query: str) -> dict[str, Any]:
    path = f"settlement-instructions/{public_id(INSTRUCTION, instruction_id)}/legs"
    answer = office.get("?".join([path, "&".join(f"{name}={value}" for name, value in query.items())]))
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def test_it_says_what_it_is_and_where_its_legs_are(office):
    validated(equity("E-1"), equity("E-2", side="SELL", quantity="40"))
    seal()
    (instruction_id,) = instruction_ids(batch_of("SECURITIES"))

    found = read(office, instruction_id)

    reference = public_id(INSTRUCTION, instruction_id)
    assert found["batch"] == public_id(BATCH, batch_of("SECURITIES"))
    assert (found["instruction"], found["line"], found["kind"], found["legs"]) == (reference, 1, "NEW", 2)
    assert (found["direction"], found["quantity"], found["asset_kind"]) == ("RECEIVE", "60", "SECURITY")
    assert (found["value_date"], found["counterparty"]) == ("2026-11-25", "BROKER-01")
    assert (found["cancels"], found["replaces"], found["recalled"], found["cancelled_by"]) == (
        None, [], False, None,
    )  # fmt: skip
    assert office.get(found["links"]["legs"].removeprefix("/api/v1/")).json() == legs(office, instruction_id)


def test_every_gross_leg_comes_once_over_pages_of_any_size(office):
    ids = validated(*(equity(f"E-{n}", quantity=str(n + 1)) for n in range(5)))
    seal()
    (instruction_id,) = instruction_ids(batch_of("SECURITIES"))
    expected = [(trade_ref(trade_id), 1, str(n + 1)) for n, trade_id in enumerate(ids)]

    for size in ("1", "2", "5", "1000"):
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"next": ""}
        while page["next"] is not None:
            page = legs(office, instruction_id, limit=size, cursor=page["next"])
            found += page["items"]
        assert [(each["trade"]["id"], each["leg"], each["quantity"]) for each in found] == expected


def test_lines_of_one_order_are_legs_apart(office):
    lines = [{"sku": "SKU-1", "quantity": each, "unit_price": "1.25"} for each in ("2", "3", "4")]
    (trade_id,) = validated(goods(lines=lines))
    seal()
    (instruction_id,) = instruction_ids(batch_of("GOODS"))

    first = legs(office, instruction_id, limit="2")
    second = legs(office, instruction_id, limit="2", cursor=first["next"])

    assert [each["quantity"] for each in (*first["items"], *second["items"])] == ["2", "3", "4"]
    assert {each["trade"]["id"] for each in first["items"]} == {trade_ref(trade_id)}


def test_a_net_made_anew_is_linked_to_the_one_it_replaces(office):
    one, _two = validated(equity("E-1"), equity("E-2", quantity="10"))
    seal()
    (old,) = instruction_ids(batch_of("CASH"))
    change_trade(change=Change("CANCEL", one, "as agreed"), actor=CLERK, now=LATER)
    (cash, _) = seal()
    new, cancelling = instruction_ids(cash)

    assert read(office, new)["replaces"] == [public_id(INSTRUCTION, old)]
    assert read(office, cancelling)["cancels"] == public_id(INSTRUCTION, old)
    assert (read(office, old)["recalled"], read(office, old)["cancelled_by"]) == (
        True,
        public_id(INSTRUCTION, cancelling),
    )
    assert [each["attempt"] for each in legs(office, new)["items"]] == [2]
    assert legs(office, cancelling)["items"] == legs(office, old)["items"]
    assert len(legs(office, old)["items"]) == 2


def test_what_is_none_is_not_found(office):
    for reference in (public_id(INSTRUCTION, 1), "ins_nothing"):
        for more in ("", "/legs"):
            assert office.get(f"settlement-instructions/{reference}{more}").status_code == 404


def test_a_bent_cursor_is_named(office):
    validated(equity())
    seal()
    (instruction_id,) = instruction_ids(batch_of("CASH"))
    answer = office.get(f"settlement-instructions/{public_id(INSTRUCTION, instruction_id)}/legs?cursor=WzFd")

    assert answer.status_code == 400
    assert [each["pointer"] for each in answer.json()["errors"]] == ["query:cursor"]
