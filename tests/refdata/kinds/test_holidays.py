"""Holidays."""

from __future__ import annotations

import pytest

from refdata.models import Holiday
from tests.refdata.conftest import faults, load

pytestmark = pytest.mark.django_db


class TestHolidays:
    @pytest.mark.parametrize("calendar", ["EUR", "XNYS", "FIRM"])
    def test_belong_to_a_currency_a_market_or_the_firm(self, calendar: str) -> None:
        load("holidays", {"calendar": calendar, "date": "2026-12-24", "name": "Closed"})

        assert Holiday.objects.get().calendar == calendar

    @pytest.mark.parametrize("calendar", ["XXQ", "firm", "TOOLONG", ""])
    def test_of_another_calendar_are_refused(self, calendar: str) -> None:
        report = load("holidays", {"calendar": calendar, "date": "2026-12-24"})

        assert {name for _, name, _ in faults(report)} == {"calendar"}
        assert not Holiday.objects.exists()
