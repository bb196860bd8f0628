"""Watch lists and restricted lists."""

from __future__ import annotations

import pytest

from refdata.models import WatchEntry
from tests.refdata.conftest import events, faults, load, outcomes

pytestmark = pytest.mark.django_db
ROW = {
    "list": "EU-SANCTIONS",
    "subject": "PARTY",
    "key": "SHADY",
    "measure": "RESTRICTED",
    "valid_from": "2026-01-01",
}


class TestWatchLists:
    def test_name_a_party_that_nobody_knows_yet(self) -> None:
        assert outcomes(load("watch-lists", ROW)) == ["created"]
        assert [name for name, _ in events()] == ["watch-entry.created"]

    def test_end_an_entry_by_its_last_day(self) -> None:
        load("watch-lists", ROW)

        assert outcomes(load("watch-lists", {**ROW, "valid_to": "2026-06-30"})) == ["changed"]
        assert WatchEntry.objects.get().valid_to.isoformat() == "2026-06-30"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("subject", "SHIP"),
            ("measure", "FROWNED_AT"),
            ("valid_to", "2025-12-31"),
            ("list", ""),
            ("key", ""),
        ],
    )
    def test_with_a_bad_field_are_refused(self, field: str, value: str) -> None:
        report = load("watch-lists", {**ROW, field: value})

        assert [(number, name) for number, name, _ in faults(report)] == [(1, field)]
        assert not WatchEntry.objects.exists()

    def test_name_countries_by_iso_3166(self) -> None:
        assert faults(load("watch-lists", {**ROW, "subject": "COUNTRY", "key": "XX"})) == [
            (1, "key", "unknown")
        ]
        assert outcomes(load("watch-lists", {**ROW, "subject": "COUNTRY", "key": "KP"})) == ["created"]
