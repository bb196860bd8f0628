"""The commands that load reference data."""

from __future__ import annotations

from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core.models import Event
from refdata.cycle_sources import CYCLES
from refdata.models import Holiday, Party, SettlementCycle

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore")]


def run(name: str, *arguments: str) -> tuple[str, str, str]:
    """Run a command; return its output, its complaints, and its error."""
    out, complaints, error = StringIO(), StringIO(), ""
    try:
        call_command(name, *arguments, stdout=out, stderr=complaints)
    except CommandError as raised:
        error = str(raised)
    return out.getvalue().strip(), complaints.getvalue().strip(), error


@pytest.fixture
def parties(tmp_path: Path) -> Path:
    """Return a file with one good and two bad parties."""
    path = tmp_path / "parties.csv"
    path.write_text("code,name\nA,Alpha\nB,\nC\n")
    return path


class TestLoadRefdata:
    def test_loads_the_good_rows_and_names_the_bad_ones(self, parties: Path) -> None:
        out, complaints, error = run("load_refdata", "parties", str(parties))

        assert out == "1 created, 0 changed, 0 unchanged, 2 refused, 0 withheld"
        assert complaints.splitlines() == [
            "row 2 (B): name: This field is needed.",
            "row 3: 1 cells under a header of 2.",
        ]
        assert error == "2 of 3 rows were refused; the others were loaded."

    def test_tells_the_log_why(self, parties: Path) -> None:
        run("load_refdata", "parties", str(parties), "--reason", "a new broker")

        assert Event.objects.get().reason == "a new broker"
        assert [party.code for party in Party.objects.all()] == ["A"]

    def test_loads_nothing_when_atomic_and_a_row_is_bad(self, parties: Path) -> None:
        out, _, error = run("load_refdata", "parties", str(parties), "--atomic")

        assert out == "0 created, 0 changed, 0 unchanged, 2 refused, 1 withheld"
        assert error == "2 of 3 rows were refused; nothing was loaded."
        assert not Party.objects.exists()
        assert not Event.objects.exists()

    def test_numbers_rows_through_all_transactions(self, parties: Path, monkeypatch: Any) -> None:
        from refdata.management.commands import load_refdata

        monkeypatch.setattr(load_refdata, "ROWS_PER_TRANSACTION", 1)

        _, complaints, _ = run("load_refdata", "parties", str(parties))

        assert [line.split(":")[0] for line in complaints.splitlines()] == ["row 2 (B)", "row 3"]

    def test_says_what_is_wrong_with_a_file(self, tmp_path: Path) -> None:
        broken = tmp_path / "parties.json"
        broken.write_text("{")

        assert "not JSON" in run("load_refdata", "parties", str(broken))[2]
        assert "No such file" in run("load_refdata", "parties", str(tmp_path / "none.csv"))[2]


class TestLoadCalendars:
    def test_loads_once(self) -> None:
        arguments = ("--from", "2026", "--to", "2026", "--codes", "EUR", "XLON")

        first, _, _ = run("load_calendars", *arguments)
        written = Event.objects.count()
        second, _, _ = run("load_calendars", *arguments)

        assert (first, second) == ("13 holidays loaded, 2026 to 2026.", "0 holidays loaded, 2026 to 2026.")
        assert set(Holiday.objects.values_list("calendar", flat=True)) == {"EUR", "XLON"}
        assert written == Holiday.objects.count() == Event.objects.count() == 13

    def test_refuses_years_out_of_order_or_too_many_and_unknown_codes(self) -> None:
        for arguments in (
            ("--from", "2027", "--to", "2026"),
            ("--from", "2000", "--to", "2026"),
            ("--codes", "MOON"),
        ):
            assert run("load_calendars", *arguments)[2]

        assert not Holiday.objects.exists()

    def test_names_a_calendar_that_is_not_known_that_far_and_loads_the_others(self) -> None:
        _, complaints, error = run(
            "load_calendars", "--from", "2055", "--to", "2056", "--codes", "XHKG", "EUR"
        )

        assert complaints.startswith("XHKG: ")
        assert error == "Not loaded: XHKG."
        assert set(Holiday.objects.values_list("calendar", flat=True)) == {"EUR"}


class TestLoadSettlementCycles:
    def test_loads_once_what_markets_keep(self) -> None:
        first, _, _ = run("load_settlement_cycles")
        second, _, _ = run("load_settlement_cycles")

        count = sum(map(len, CYCLES.values()))
        assert (first, second) == (
            f"{count} settlement cycles loaded.",
            "0 settlement cycles loaded.",
        )
        america = SettlementCycle.objects.filter(product="EQUITY", market="XNYS").order_by("valid_from")
        assert list(america.values_list("days", "valid_from", "valid_to")) == [
            (2, date(2017, 9, 5), date(2024, 5, 27)),
            (1, date(2024, 5, 28), None),
        ]

    def test_leaves_alone_what_the_operator_keeps(self) -> None:
        SettlementCycle.objects.create(
            product="FX_SPOT", market="CAD/USD", days=2, valid_from=date(2026, 1, 1)
        )
        run("load_settlement_cycles")

        kept = SettlementCycle.objects.filter(market="CAD/USD")
        assert list(kept.values_list("days", "valid_from")) == [(2, date(2026, 1, 1))]
