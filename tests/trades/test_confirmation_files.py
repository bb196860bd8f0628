"""A file of confirmations is taken whole or not at all, names each fault by line and field, and adds nothing twice."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from core.http.problem import Problem
from core.models import Event
from tests.support.confirmations import csv_of, said_of
from tests.support.factories import captured_ids, check_everything, unit_trade, world
from tests.support.records import CLERK, NOW, TODAY
from trades.management.commands import load_confirmations
from trades.models import Confirmation, ConfirmationVersion
from trades.services import confirmation_files
from trades.services.confirmation import Said, confirm_trades
from trades.services.confirmation_files import outcomes, preview_lines, read_file, take_lines

BY: dict[str, Any] = {"actor": CLERK, "now": NOW}
PLAIN = Said(
    party="BROKER-01", reference="R", version=1, action="CONFIRM", product="EQUITY", side="BUY", currency="EUR",
    trade_date=TODAY,
)  # fmt: skip


def faults(data: bytes, **asked: Any) -> list[tuple[str, str]]:
    with pytest.raises(Problem) as refused:
        read_file(data, **asked)
    return [(each.pointer, each.code) for each in refused.value.faults]


@pytest.fixture
def three(db: None) -> list[Said]:
    """Return what BROKER-01 says of three trades: as we do, another quantity, and of no trade of ours."""
    world()
    first, second, third = captured_ids(*(unit_trade(number) for number in range(3)))
    check_everything()
    strange = said_of(third, trade_id=None, quantity=Decimal(77), instrument="US0378331005")
    return [said_of(first), said_of(second, quantity=Decimal(9)), strange]


def test_a_file_is_previewed_then_stored_and_the_same_again_adds_nothing(three: list[Said]) -> None:
    lines = read_file(csv_of(three))
    foreseen = preview_lines(lines=lines, **BY)
    assert [(each.outcome, each.status) for each in foreseen] == [
        ("STORED", "MATCHED"), ("STORED", "MISMATCHED"), ("STORED", "UNMATCHED"),
    ]  # fmt: skip
    assert not ConfirmationVersion.objects.exists()
    assert not Event.objects.filter(subject="confirmation").exists()
    told = take_lines(lines=lines, **BY)
    assert [(each.outcome, each.status, each.trade_id) for each in told] == [
        (each.outcome, each.status, each.trade_id) for each in foreseen
    ]
    count = Event.objects.count()
    again = take_lines(lines=lines, **BY)
    assert outcomes(again) == {"MATCHED": 1, "MISMATCHED": 1, "REPEATED": 3, "UNMATCHED": 1}
    assert (ConfirmationVersion.objects.count(), Event.objects.count()) == (3, count)


def test_what_cannot_be_stored_is_named_by_its_line_and_keeps_the_others_out(three: list[Said]) -> None:
    take_lines(lines=read_file(csv_of(three[:1])), **BY)
    used, unknown = replace(three[0], quantity=Decimal(5)), replace(three[1], party="NOBODY")
    with pytest.raises(Problem) as refused:
        take_lines(lines=read_file(csv_of([three[2], used, unknown])), **BY)
    assert [(each.pointer, each.code) for each in refused.value.faults] == [
        ("/lines/3", "version-used"), ("/lines/4/party", "unknown"),
    ]  # fmt: skip
    assert ConfirmationVersion.objects.count() == 1


def test_every_fault_of_every_line_is_named_at_once() -> None:
    wrong = replace(PLAIN, side="HOLD", quantity=Decimal("0.00000000001"), version=0, source="FO-EQ")
    given = csv_of([PLAIN, wrong, replace(PLAIN, currency="EURO")])
    assert faults(given) == [
        ("/lines/3/quantity", "range"), ("/lines/3/version", "type"), ("/lines/3", "missing"),
        ("/lines/3/side", "unknown"), ("/lines/4/currency", "type"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xff\xfe", [("", "malformed")]),
        (b"party,party\nA,B\n", [("", "malformed")]),
        (
            csv_of([PLAIN]).replace(b"currency", b"colour", 1),
            [("/lines/1/colour", "unknown-field"), ("/lines/1/currency", "missing")],
        ),
        (csv_of([]), [("", "length")]),
        (csv_of([PLAIN]) + b"A,B\n", [("/lines/3", "malformed")]),
    ],
)  # fmt: skip
def test_what_is_no_such_file_says_why(data: bytes, told: list[tuple[str, str]]) -> None:
    assert faults(data) == told


def test_more_lines_than_are_taken_at_once_are_refused() -> None:
    assert faults(csv_of([PLAIN] * 3), at_most=2) == [("", "length")]


def test_a_line_that_says_something_else_under_a_version_of_another_is_named() -> None:
    other = [replace(PLAIN, version=2), replace(PLAIN, party="BROKER-02"), replace(PLAIN, reference="r")]
    same = replace(PLAIN, quantity=Decimal("1.0"))
    read_file(csv_of([same, *other, replace(PLAIN, quantity=Decimal(1))]))
    assert faults(csv_of([PLAIN, *other, replace(PLAIN, side="SELL")])) == [("/lines/6", "version-used")]


def test_a_line_that_spans_several_is_named_where_it_ends() -> None:
    given = csv_of([replace(PLAIN, reference="two\nlines"), replace(PLAIN, side="HOLD")])
    assert faults(given) == [("/lines/4/side", "unknown")]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.builds(
            replace,
            st.just(PLAIN),
            reference=st.text("AZ09-,\"' ;é", min_size=1, max_size=12).filter(
                lambda text: text == text.strip()
            ),
            version=st.integers(1, 2_000_000_000),
            side=st.sampled_from(["BUY", "SELL"]),
            quantity=st.none() | st.decimals("0.0001", 10**9, places=4),
            instrument=st.none() | st.just("US0378331005"),
        ),
        min_size=1,
        max_size=30,
        unique_by=lambda each: (each.reference, each.version),
    )
)
def test_what_is_written_to_a_file_is_what_is_read(said: list[Said]) -> None:
    assert [each.said for each in read_file(csv_of(said))] == said


class TestTheCommand:
    def load(self, path: Path) -> str:
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command("load_confirmations", str(path), stdout=out, stderr=err)
        except CommandError as error:
            return f"{err.getvalue()}{error}"
        return out.getvalue()

    def test_tells_what_became_of_the_lines_and_adds_nothing_twice(
        self, three: list[Said], tmp_path: Path
    ) -> None:
        file = tmp_path / "theirs.csv"
        file.write_bytes(csv_of(three))
        assert "3 lines of theirs.csv:\n" in self.load(file)
        assert Confirmation.objects.count() == 3
        told = " ".join(self.load(file).split())
        assert told == "3 lines of theirs.csv: MATCHED 1 MISMATCHED 1 REPEATED 3 UNMATCHED 1"
        assert ConfirmationVersion.objects.count() == 3

    def test_stores_nothing_of_a_file_with_a_fault_and_names_it(
        self, three: list[Said], tmp_path: Path
    ) -> None:
        file = tmp_path / "theirs.csv"
        file.write_bytes(csv_of([three[0], replace(three[1], party="NOBODY")]))
        told = self.load(file)
        assert "/lines/3/party: There is no such party." in told
        assert "Nothing of this file can be taken." in told
        assert not Confirmation.objects.exists()
        assert "No such file" in self.load(tmp_path / "other.csv")

    def test_stores_nothing_where_a_line_contradicts_one_that_is_taken_with_others(
        self, three: list[Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(confirmation_files, "LINES_MAX", 1)
        file = tmp_path / "theirs.csv"
        file.write_bytes(csv_of([three[0], three[1], three[0], replace(three[0], quantity=Decimal(5))]))
        told = self.load(file)
        assert "/lines/5: Line 2 has used this version for something else: count on." in told
        assert "Nothing of this file can be taken." in told
        assert not ConfirmationVersion.objects.exists()

    def test_says_what_is_stored_where_another_used_a_version_since_the_lines_were_tried(
        self, three: list[Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(confirmation_files, "LINES_MAX", 1)

        def tried(**_: Any) -> None:  # between the trial and the storing of it
            confirm_trades(said=[replace(three[1], quantity=Decimal(5))], **BY)

        monkeypatch.setattr(load_confirmations, "preview_lines", tried)
        file = tmp_path / "theirs.csv"
        file.write_bytes(csv_of(three))
        told = self.load(file)
        assert "/lines/3: This version was used for something else before: count on." in told
        assert "The rest of this file cannot be taken. Stored are the 1 lines before" in told
        assert ConfirmationVersion.objects.count() == 2
