"""Close prices."""

from __future__ import annotations

from decimal import Decimal

import pytest

from refdata.models import ClosePrice
from tests.refdata.conftest import faults, load

pytestmark = pytest.mark.django_db


class TestClosePrices:
    def test_are_kept_to_the_digit(self, apple) -> None:
        load(
            "close-prices",
            {
                "instrument": "037833100",
                "date": "2026-11-20",
                "price": "187.2512345678",
                "currency": "USD",
            },
        )

        stored = ClosePrice.objects.get()
        assert (stored.instrument.code, stored.price) == ("US0378331005", Decimal("187.2512345678"))

    @pytest.mark.parametrize("price", [1.5, "1.5e3", "1_000", " 1", "NaN", "", "0", "-1", "1.00000000001"])
    def test_that_are_not_plain_positive_decimals_are_refused(self, apple, price: object) -> None:
        report = load(
            "close-prices",
            {"instrument": "US0378331005", "date": "2026-11-20", "price": price, "currency": "USD"},
        )

        assert [name for _, name, _ in faults(report)] == ["price"]
        assert not ClosePrice.objects.exists()

    def test_have_the_range_of_their_day_if_it_is_known(self, apple) -> None:
        row = {"instrument": "US0378331005", "date": "2026-11-20", "price": "187.25", "currency": "USD"}
        load("close-prices", {**row, "low": "186.1", "high": "188.94"})

        stored = ClosePrice.objects.get()
        assert (stored.low, stored.high) == (Decimal("186.1"), Decimal("188.94"))

    @pytest.mark.parametrize(
        ("ends", "field"),
        [
            ({"low": "186.1"}, "high"),
            ({"high": "186.1"}, "low"),
            ({"low": "2", "high": "1"}, "low"),
            ({"low": "0", "high": "1"}, "low"),
        ],
    )
    def test_whose_range_is_none_are_refused(self, apple, ends: dict[str, str], field: str) -> None:
        row = {"instrument": "US0378331005", "date": "2026-11-20", "price": "187.25", "currency": "USD"}

        assert [name for _, name, _ in faults(load("close-prices", {**row, **ends}))] == [field]
        assert not ClosePrice.objects.exists()
