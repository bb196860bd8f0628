"""FX rates."""

from __future__ import annotations

import pytest

from refdata.models import FxRate
from tests.refdata.conftest import faults, load

pytestmark = pytest.mark.django_db


class TestFxRates:
    def test_of_the_base_currency_are_refused(self) -> None:
        report = load("fx-rates", {"currency": "EUR", "date": "2026-11-20", "rate": "1"})

        assert faults(report) == [(1, "currency", "invalid")]
        assert not FxRate.objects.exists()

    @pytest.mark.parametrize(
        ("field", "value"), [("currency", "XXQ"), ("rate", "0"), ("rate", "1000000000.1"), ("date", "soon")]
    )
    def test_with_a_bad_field_are_refused(self, field: str, value: str) -> None:
        report = load("fx-rates", {"currency": "USD", "date": "2026-11-20", "rate": "0.86"} | {field: value})

        assert [name for _, name, _ in faults(report)] == [field]
        assert not FxRate.objects.exists()
