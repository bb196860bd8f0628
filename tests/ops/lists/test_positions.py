"""The columns of positions: cash in its currency, quantities as they are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.template import Context

from ledger.selectors.positions import Which
from ops.lists.positions import POSITIONS, which_of

BONDS: dict[str, Any] = {
    "book": "BOOK-1",
    "instrument": "DE0001102580",
    "currency": "EUR",
    "traded": Decimal("1000.00000000"),
    "settled": Decimal("400.00000000"),
}
CASH = {**BONDS, "instrument": None, "traded": Decimal("-12.5"), "settled": Decimal(0)}


def test_cash_has_the_digits_of_its_currency() -> None:
    told = {code: POSITIONS.by_code[code].cell for code in ("traded", "to_settle", "instrument")}
    assert [cell.show(CASH, Context()) for cell in told.values()] == ["-12.50", "-12.50", "cash"]
    assert [cell.show(BONDS, Context()) for cell in told.values()] == ["1,000", "600", "DE0001102580"]
    assert told["to_settle"].value(BONDS) == Decimal(600)


def test_a_row_leads_to_its_position_on_the_day_that_is_looked_at() -> None:
    shown = POSITIONS.columns[0].cell.show(BONDS, Context({"typed": {"on": "2026-11-20"}}))
    assert 'href="/positions/BOOK-1/EUR?on=2026-11-20&amp;instrument=DE0001102580"' in shown
    assert 'href="/positions/BOOK-1/EUR"' in POSITIONS.columns[0].cell.show(CASH, Context())


def test_cash_is_asked_for_by_its_name() -> None:
    assert which_of({"instrument": "Cash", "currency": "eur"}) == Which(instrument="", currency="EUR")
