"""The columns of margins."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from ops.lists.margins import MARGINS, wanted_of

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("revenue", "margin", "told"),
    [("96.00", "50.40", "52.5"), ("96.00", "-12.00", "-12.5"), ("0", "0", None), ("96.00", None, None)],
)
def test_a_margin_in_per_cent_is_of_the_revenue(revenue: str, margin: str | None, told: str | None) -> None:
    row = {"revenue": Decimal(revenue), "margin": None if margin is None else Decimal(margin)}
    assert MARGINS.by_code["rate"].cell.value(row) == (None if told is None else Decimal(told))


def test_what_is_missing_is_flagged() -> None:
    cell, counted = MARGINS.by_code["flag"].cell, ((0, 0), (2, 0), (0, 1), (1, 1))
    flags = [cell.value({"missing_costs": costs, "missing_rates": rates}) for costs, rates in counted]
    assert flags == [None, "COST_MISSING", "RATE_MISSING", "COST_AND_RATE_MISSING"]


@pytest.mark.parametrize(
    ("typed", "faulty"),
    [
        ({"first": "soon"}, "first"),
        ({"last": "0001-01-01"}, "last"),
        ({"first": "2026-11-24", "last": "2026-11-23"}, "first"),
        ({"first": "2025-11-01", "last": "2026-11-23"}, "first"),
    ],
)
def test_days_that_make_no_sense_are_told_and_the_last_weeks_hold(typed: dict[str, str], faulty: str) -> None:
    wanted, faults = wanted_of(typed, TODAY)
    assert list(faults) == [faulty]
    assert (wanted.first, wanted.last) == (date(2026, 10, 23), TODAY)
