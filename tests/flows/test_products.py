"""Every product whole: captured, checked, sealed on each of its days, acknowledged and settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.settlement.support import BackOffice, advance, seal, state
from tests.support.factories import (
    OPTION,
    bond,
    bund,
    checked,
    derivative,
    limit,
    listed,
    service,
    swap,
    used,
    world,
)

pytestmark = pytest.mark.django_db
FEES = [{"type": "CLEARING", "amount": "31.25", "currency": "EUR"}]
SPOT, FAR = date(2026, 11, 25), date(2026, 12, 25)


def carried(document: dict[str, Any], *days: date) -> tuple[list[str], list[tuple[str, ...]]]:
    """Carry a deal to its end over its value dates; return its states and the lines the back office got."""
    trade_id = checked(document)
    office, states, given = BackOffice(), [state(trade_id)], []
    for day in days:
        answered: list[dict[str, Any]] = []
        for batch_id in seal(value_date=day):
            assert office.claim(batch_id).status_code == 201
            lines = office.lines(batch_id)
            assert office.acknowledge(batch_id, lines).json()["refused"] == 0
            answered += lines
        advance()
        states.append(state(trade_id))
        given += _told(answered)
        office.report(*({"instruction": each["instruction"], "status": "SETTLED"} for each in answered))
        advance()
        states.append(state(trade_id))
    return states, sorted(given)


def _told(lines: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    names = ("value_date", "channel", "direction", "quantity", "asset")
    return [tuple(each[name] for name in names) for each in lines]


def test_a_bond_is_delivered_against_its_dirty_amount():
    world()
    bund()
    states, lines = carried(bond(fees=FEES), SPOT)
    assert states == ["VALIDATED", "ACKNOWLEDGED", "SETTLED"]
    assert lines == [
        ("2026-11-25", "CASH", "DELIVER", "879381.93", "EUR"),
        ("2026-11-25", "SECURITIES", "RECEIVE", "1000000", "DE0001102606"),
    ]


def test_an_option_is_delivered_against_its_premium():
    world()
    listed(OPTION)
    states, lines = carried(derivative(instrument=OPTION, price="84.3", side="SELL", fees=FEES), SPOT)
    assert states == ["VALIDATED", "ACKNOWLEDGED", "SETTLED"]
    assert lines == [
        ("2026-11-25", "CASH", "RECEIVE", "21043.75", "EUR"),
        ("2026-11-25", "SECURITIES", "DELIVER", "25", OPTION),
    ]


@pytest.mark.parametrize("fees", [FEES, []])
def test_a_future_is_cleared_for_its_fees_alone(fees):
    world()
    listed()
    states, lines = carried(derivative(side="SELL", fees=fees), SPOT)
    assert states == ["VALIDATED", "ACKNOWLEDGED", "SETTLED"]
    assert [line[1:4] for line in lines] == [
        *([("CASH", "DELIVER", "31.25")] if fees else []),
        ("SECURITIES", "DELIVER", "25"),
    ]


def test_a_swap_is_paid_on_two_days_and_is_done_after_the_second():
    world()
    limit(hard="10000000")
    states, lines = carried(swap(), SPOT, FAR)
    assert states == ["VALIDATED", "INSTRUCTED", "INSTRUCTED", "ACKNOWLEDGED", "SETTLED"]
    assert lines == [
        ("2026-11-25", "CASH", "DELIVER", "1085000.00", "USD"),
        ("2026-11-25", "CASH", "RECEIVE", "1000000.00", "EUR"),
        ("2026-12-25", "CASH", "DELIVER", "1000000.00", "EUR"),
        ("2026-12-25", "CASH", "RECEIVE", "1087500.00", "USD"),
    ]
    assert used() == {"BROKER-01": Decimal(0)}


def test_a_service_is_billed_on_the_day_of_each_line():
    world()
    fees = [{"type": "TRAVEL", "amount": "80", "currency": "EUR"}]
    first, second = date(2026, 12, 2), date(2026, 12, 9)
    states, lines = carried(service(fees=fees), first, second)
    assert states == ["VALIDATED", "INSTRUCTED", "INSTRUCTED", "ACKNOWLEDGED", "SETTLED"]
    assert lines == [
        ("2026-12-02", "CASH", "RECEIVE", "2480.00", "EUR"),
        ("2026-12-02", "GOODS", "DELIVER", "1", "SKU-1"),
        ("2026-12-09", "CASH", "RECEIVE", "525.00", "EUR"),
        ("2026-12-09", "GOODS", "DELIVER", "12.5", "SKU-2"),
    ]
