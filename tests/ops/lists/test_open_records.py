"""The columns of what is unfinished in settlement, and what their address filters by."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.template import Context

from core.ids import BATCH, EXCEPTION, INSTRUCTION, PROPOSAL, TRADE, public_id
from ops.lists.open_records import OPEN_RECORDS, place_of, read_wanted
from settlement.moves.base import Mover

ROW: dict[str, Any] = {"asset": "JPY", "quantity": Decimal("12.0000"), "mover": Mover.RISK}


def test_what_an_address_does_not_mean_filters_nothing() -> None:
    wanted, typed = read_wanted({"mover": "RISK", "age": "old", "value_date": "2026-11-23", "party": " B "})
    assert typed == {"mover": "RISK", "value_date": "2026-11-23", "party": "B"}
    assert (wanted.mover, wanted.value_date, wanted.party, wanted.age) == (
        Mover.RISK,
        date(2026, 11, 23),
        "B",
        "",
    )


@pytest.mark.parametrize(
    ("reference", "trade_id", "place"),
    [
        (public_id(EXCEPTION, 3), None, f"/exceptions/{public_id(EXCEPTION, 3)}"),
        (public_id(BATCH, 3), 7, f"/batches/{public_id(BATCH, 3)}"),
        (public_id(PROPOSAL, 3), 7, "/approvals"),
        (public_id(INSTRUCTION, 3), 7, f"/trades/{public_id(TRADE, 7)}"),
        (public_id(INSTRUCTION, 3), None, ""),
    ],
)
def test_a_record_leads_to_its_screen_or_its_trades(reference: str, trade_id: int | None, place: str) -> None:
    assert place_of(reference, trade_id) == place
    shown = OPEN_RECORDS.columns[0].cell.show({"reference": reference, "trade_id": trade_id}, Context())
    assert ("data-row-link" in shown) == bool(place)


def test_money_has_the_digits_of_its_currency_and_a_security_its_own() -> None:
    cell = OPEN_RECORDS.by_code["open"].cell
    assert (cell.value(ROW), cell.show(ROW, Context())) == (Decimal(12), "12")
    bond = {**ROW, "asset": "DE0001102580", "quantity": Decimal("0.5000")}
    assert (cell.value(bond), cell.show(bond, Context())) == (Decimal("0.5"), "0.5")
    assert cell.value({**ROW, "asset": None}) is None
