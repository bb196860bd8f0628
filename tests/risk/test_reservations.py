"""Room is held for a deal that is not done yet: never above hard, given back in its turn, or when time is over."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core import sql
from core.audit import system
from core.http.authentication import SCOPES, Client
from core.http.problem import Problem
from core.ids import public_id
from core.models import Event
from risk.services.recompute import recompute_limits
from risk.services.reservations import (
    GRACE,
    Granted,
    check_limits,
    expire_reservations,
    release_reservation,
    reserve,
)
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    limit,
    message_of,
    trusted_client,
    unit_trade,
    used,
    world,
)
from tests.support.records import NOW, state_of
from trades.lifecycle import State
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db
DESK = system("tests")


def held(n: int = 0, *, seconds: int = 60, client: Client | None = None, **changes: object) -> Granted:
    return reserve(
        message=message_of(unit_trade(n, **changes)), seconds=seconds, client=client or trusted_client(),
        actor=DESK, now=NOW,
    )  # fmt: skip


def reserved(code: str = "CPTY") -> dict[str, Decimal]:
    return dict(
        sql.rows(
            "SELECT u.key, u.held_up + u.held_down FROM risk_utilisation u JOIN risk_limit l ON l.id = u.limit_id"
            " WHERE l.code = %s AND u.held_up + u.held_down > 0 ORDER BY 1",
            [code],
        )
    )


def naming(granted: Granted, n: int = 50, **changes: object) -> dict[str, object]:
    return unit_trade(n, reservation=public_id("rsv", granted.id), **changes)


def ended() -> list[tuple[str, int | None]]:
    return sql.rows("SELECT state, trade_id FROM risk_reservation ORDER BY id")


@pytest.fixture(autouse=True)
def _world(db):
    world()


def test_what_is_reserved_counts_against_reservations_and_trades_alike():
    limit(hard="250")
    first, _ = held(0), held(1)
    assert first.expires_at == NOW + timedelta(seconds=60)
    assert [(line.limit, line.key, line.size, line.after, line.status) for line in first.lines] == [
        ("CPTY", "BROKER-01", 100, 100, "WITHIN")
    ]
    with pytest.raises(Problem) as refused:
        held(2)
    assert (refused.value.status, refused.value.code) == (409, "limit-exceeded")
    assert [fault.detail for fault in refused.value.faults] == [
        "BROKER-01 would come to 300.00 of the limit CPTY, at most 250.00."
    ]
    assert reserved() == {"BROKER-01": 200}
    assert codes_of(checked(unit_trade(3))) == ["LIMIT_BREACH"]
    assert used() == {"BROKER-01": 100}


def test_the_trade_that_names_it_draws_it_in_its_turn():
    limit(hard="200")
    granted = held(0)
    other, own, late = captured_ids(unit_trade(1), naming(granted), unit_trade(2))
    check_everything()
    assert [codes_of(each) for each in (other, own, late)] == [[], [], ["LIMIT_BREACH"]]
    assert (reserved(), used()) == ({}, {"BROKER-01": 300})
    assert ended() == [("DRAWN", own)]


def test_room_that_is_not_needed_is_free_for_the_next_trade():
    limit(hard="200")
    granted = held(0, quantity="2")  # 200 in all
    own, other = captured_ids(naming(granted), unit_trade(1))
    check_everything()
    assert [codes_of(each) for each in (own, other)] == [[], []]


@pytest.mark.parametrize("why", ["twice", "released", "expired", "unknown", "bent", "foreign source"])
def test_a_trade_whose_reservation_is_not_held_is_told_so_and_counts_like_any_other(why):
    limit(hard="1000")
    granted = held(0)
    named = naming(granted)
    if why == "twice":
        checked(naming(granted, 51))
    elif why == "released":
        assert release_reservation(reservation_id=granted.id, client=trusted_client(), actor=DESK, now=NOW)
    elif why == "expired":
        assert expire_reservations(now=granted.expires_at + GRACE, actor=DESK) == 1
    elif why == "unknown":
        named["reservation"] = public_id("rsv", granted.id + 1)
    elif why == "bent":
        named["reservation"] = "tomorrow"
    else:
        named["source"] = "OTHER"
    trade_id = checked(named)
    assert codes_of(trade_id) == ["RESERVATION_GONE"]
    assert state_of(trade_id)[0] is State.VALIDATED
    assert used()["BROKER-01"] == (200 if why == "twice" else 100)


def test_a_second_look_at_the_trade_that_drew_it_finds_nothing_amiss():
    limit(hard="1000")
    trade_id = checked(naming(held(0)))
    sql.run("INSERT INTO core_work (task, subject_ids) VALUES ('risk.check', ARRAY[%s::bigint])", [trade_id])
    sql.run("UPDATE trades_state SET state = 1 WHERE trade_id = %s", [trade_id])
    check_everything()
    assert codes_of(trade_id) == []
    assert used() == {"BROKER-01": 100}


def _allocate(block: int, *, n: int = 1, **how: Any) -> list[int]:
    """Divide a trade of 4 into parts of 2 for each of two counterparties; return them."""
    items = [{"counterparty": party, "quantity": "2"} for party in ("BROKER-01", "CUST-01")]
    change = Change("ALLOCATE", block, "as the client asks", items=items, **how)
    answered = change_trade(change=change, actor=DESK, now=NOW + timedelta(seconds=n))
    return list(answered.changed.parts)


class TestAnAllocationBeforeTheFirstCheck:
    """The parts draw what their block named, in the turn in which they take its place."""

    def test_draws_for_the_parts_what_the_block_named(self):
        limit(hard="400")
        granted = held(0, quantity="4")
        (block,) = captured_ids(naming(granted, quantity="4", price="100"))
        parts = _allocate(block)
        assert (ended(), reserved()) == ([("DRAWN", block)], {})
        assert used() == {"BROKER-01": 200, "CUST-01": 200}
        check_everything()
        assert [codes_of(each) for each in parts] == [[], []]
        assert recompute_limits(now=NOW, actor=DESK, correct=False) == []

    def test_draws_nothing_once_it_is_given_back(self):
        limit(hard="1000")
        granted = held(0, quantity="4")
        (block,) = captured_ids(naming(granted, quantity="4", price="100"))
        release_reservation(reservation_id=granted.id, client=trusted_client(), actor=DESK, now=NOW)
        parts = _allocate(block)
        assert (ended(), any(used().values())) == ([("RELEASED", None)], False)
        check_everything()
        assert [codes_of(each) for each in parts] == [[], []]
        assert used() == {"BROKER-01": 200, "CUST-01": 200}

    def test_draws_it_once_when_it_is_allocated_again(self):
        limit(hard="1000")
        granted = held(0, quantity="4")
        (block,) = captured_ids(naming(granted, quantity="4", price="100"))
        _allocate(block)
        _allocate(block, n=2)
        assert (ended(), used()) == ([("DRAWN", block)], {"BROKER-01": 200, "CUST-01": 200})
        assert recompute_limits(now=NOW, actor=DESK, correct=False) == []


@pytest.mark.parametrize("kind", ["AMEND", "ALLOCATE"])
def test_no_amendment_names_a_reservation(kind):
    limit(hard="1000")
    trade_id = checked(unit_trade(0, quantity="4"))
    named = {"quantity": "5", "reservation": public_id("rsv", held(1).id)}
    items = [{"book": "BOOK-1", "quantity": "5"}] if kind == "ALLOCATE" else None
    change = Change(kind, trade_id, "as agreed", changes=named, items=items)
    with pytest.raises(Problem) as refused:
        change_trade(change=change, actor=DESK, now=NOW)
    assert refused.value.status == 422
    assert [(each.pointer, each.code) for each in refused.value.faults] == [("/changes/reservation", "fixed")]
    assert (state_of(trade_id), ended()) == ((State.VALIDATED, 1), [("HELD", None)])


def test_time_gives_it_back_after_a_minute_of_grace():
    limit(hard="100")
    granted = held(0)
    with pytest.raises(Problem):
        held(1)
    assert expire_reservations(now=granted.expires_at + GRACE - timedelta(seconds=1), actor=DESK) == 0
    assert expire_reservations(now=granted.expires_at + GRACE, actor=DESK) == 1
    assert expire_reservations(now=granted.expires_at + GRACE, actor=DESK) == 0
    assert reserved() == {}
    held(1)
    assert ended() == [("EXPIRED", None), ("HELD", None)]


def test_its_client_gives_it_back_once_and_nobody_else_does():
    limit(hard="100")
    granted = held(0)
    with pytest.raises(Problem) as refused:
        release_reservation(reservation_id=granted.id, client=trusted_client(number=2), actor=DESK, now=NOW)
    assert refused.value.status == 404
    assert reserved() == {"BROKER-01": 100}
    first, again = (
        release_reservation(reservation_id=granted.id, client=trusted_client(), actor=DESK, now=NOW)
        for _ in range(2)
    )
    assert (first, again, reserved()) == (True, False, {})
    assert list(Event.objects.filter(subject="reservation").order_by("id").values_list("type", flat=True)) == [
        "reservation.made", "reservation.released",
    ]  # fmt: skip


def test_every_reason_why_no_room_can_be_held_is_told():
    limit(hard="1000")
    with pytest.raises(Problem) as refused:
        held(0, seconds=0, counterparty="NOBODY", book="NOWHERE", currency="CHF")
    assert [fault.pointer for fault in refused.value.faults] == [
        "/seconds", "/trade/counterparty", "/trade/book", "/trade/currency",
    ]  # fmt: skip
    with pytest.raises(Problem) as foreign:
        held(0, client=Client(1, "front", frozenset(SCOPES), frozenset({"FO-FX"})))
    assert foreign.value.status == 403
    assert sql.rows("SELECT 1 FROM risk_reservation UNION ALL SELECT 1 FROM risk_utilisation") == []


def test_each_side_of_a_net_limit_has_room_of_its_own():
    limit("NET", hard="100", measure="NET_NOTIONAL", dimensions=("book",))
    held(0, side="BUY")
    held(1, side="SELL")
    for n, side in enumerate(("BUY", "SELL"), start=2):
        with pytest.raises(Problem):
            held(n, side=side)
    assert reserved("NET") == {"BOOK-1": 200}


def test_a_limit_on_each_trade_alone_refuses_but_holds_nothing():
    limit("SIZE", hard="150", measure="SINGLE_SIZE", dimensions=("trader",))
    held(0)
    with pytest.raises(Problem):
        held(1, quantity="9")
    assert reserved("SIZE") == {}


def test_a_question_tells_what_each_deal_would_come_to_after_those_before_it_and_changes_nothing():
    limit(hard="250", warn="150")
    limit("SIZE", hard="90", measure="SINGLE_SIZE", dimensions=("trader",))
    checked(unit_trade(9))
    sql.run("UPDATE risk_limit SET hard = 300 WHERE code = 'CPTY'")
    sql.run("UPDATE risk_limit SET hard = 100 WHERE code = 'SIZE'")
    held(8)
    sql.run("UPDATE risk_limit SET hard = 350 WHERE code = 'CPTY'")
    sql.run("UPDATE risk_limit SET hard = 90 WHERE code = 'SIZE'")
    before = sql.rows("SELECT * FROM risk_utilisation UNION ALL SELECT * FROM risk_utilisation ORDER BY 1")
    first, second = check_limits(messages=[message_of(unit_trade(n)) for n in (0, 1)], now=NOW)
    told = [(each.limit, each.used, each.reserved, each.after, each.status) for each in (*first, *second)]
    assert told == [
        ("CPTY", 100, 100, 300, "WARNING"),
        ("SIZE", 0, 0, 100, "BREACH"),
        ("CPTY", 200, 100, 400, "BREACH"),
        ("SIZE", 0, 0, 100, "BREACH"),
    ]
    assert (
        sql.rows("SELECT * FROM risk_utilisation UNION ALL SELECT * FROM risk_utilisation ORDER BY 1")
        == before
    )
    assert second[0].document() == {
        "limit": "CPTY", "key": "BROKER-01", "measure": "GROSS_EXPOSURE", "status": "BREACH", "size": "100",
        "used": "200", "reserved": "100", "after": "400", "warn": "150", "hard": "350", "headroom": "0",
    }  # fmt: skip
