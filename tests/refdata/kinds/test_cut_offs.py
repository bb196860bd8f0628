"""Cut-offs, and that no two of one place hold on the same value date."""

from __future__ import annotations

from datetime import date, time

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from core import sql
from refdata.models import CutOff
from tests.refdata.conftest import events, faults, load, outcomes

pytestmark = pytest.mark.django_db
KIND = "cut-offs"
ROW = {
    "channel": "SECURITIES",
    "market": "XTKS",
    "currency": "JPY",
    "zone": "Asia/Tokyo",
    "time": "15:00",
    "lead_days": 1,
    "valid_from": "2026-01-01",
}


class TestCutOffs:
    def test_are_loaded_changed_and_told(self) -> None:
        assert outcomes(load(KIND, ROW)) == ["created"]
        assert outcomes(load(KIND, {**ROW, "time": "15:00:00"})) == ["unchanged"]
        assert outcomes(load(KIND, {**ROW, "time": "15:30:01"})) == ["changed"]

        assert CutOff.objects.get().time == time(15, 30, 1)
        assert [name for name, _ in events()] == ["cut_off.created", "cut_off.changed"]
        assert events()[-1][1]["after"] == {"time": "15:30:01"}

    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            ("channel", {"channel": "PIGEON", "market": "*"}),
            ("market", {"market": "TOKYO"}),
            ("market", {"channel": "CASH"}),  # payments net over markets
            ("currency", {"currency": "YEN"}),
            ("currency", {"channel": "GOODS", "market": "*"}),
            ("zone", {"zone": "Mars/Olympus"}),
            ("zone", {"zone": "../etc/passwd"}),
            ("time", {"time": "25:00"}),
            ("time", {"time": "15:00:00.5"}),
            ("time", {"time": "15:00:00Z"}),
            ("lead_days", {"lead_days": -1}),
            ("lead_days", {"lead_days": 31}),
            ("valid_to", {"valid_to": "2025-12-31"}),
        ],
    )
    def test_with_a_bad_field_are_refused(self, field: str, changes: dict[str, object]) -> None:
        report = load(KIND, {**ROW, **changes})

        assert [(number, name) for number, name, _ in faults(report)] == [(1, field)]
        assert not CutOff.objects.exists()

    def test_that_overlap_are_refused_here_and_by_the_database(self) -> None:
        load(KIND, ROW)

        assert faults(load(KIND, {**ROW, "valid_from": "2026-06-01"})) == [(1, "valid_from", "overlap")]
        assert outcomes(load(KIND, {**ROW, "currency": "*", "valid_from": "2026-06-01"})) == ["created"]
        with pytest.raises(IntegrityError, match="refdata_cut_off_overlap"), transaction.atomic():
            CutOff.objects.create(
                channel="SECURITIES",
                market="XTKS",
                currency="JPY",
                zone="UTC",
                time=time(1),
                valid_from=date(2026, 6, 1),
            )
            sql.run("SET CONSTRAINTS ALL IMMEDIATE")

    def test_are_never_deleted(self) -> None:
        load(KIND, ROW)

        with pytest.raises(DatabaseError, match="DELETE on refdata_cut_off is refused"):
            sql.run("DELETE FROM refdata_cut_off")
