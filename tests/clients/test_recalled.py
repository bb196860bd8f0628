"""What is recalled of a batch is handed over with it as what must not be done, once and only once like the batch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from django.db import transaction
from middleoffice_client import Command, handover
from middleoffice_client.journal import move

from core import sql
from core.ids import BATCH, public_id
from settlement import selectors
from settlement.api import claims
from settlement.services.recall_line import recall_instruction
from tests.clients.support import Killed, Office
from tests.settlement.support import advance, batch_of, bytes_of, instruction_ids, ref, seal, state, validated
from tests.support.factories import equity, fx, world
from tests.support.records import CLERK, LATER
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed() -> list[int]:
    """A batch of two lines of cash: euros, and dollars in which both trades net."""
    world()
    trade_ids = validated(equity(), fx())
    seal()
    return trade_ids


def recall(instruction_id: int) -> None:
    assert (
        recall_instruction(instruction_id=instruction_id, reason="held", actor=CLERK, now=LATER) == "RECALLED"
    )


def amend(trade_id: int) -> None:
    """Have the cash of a trade become other, whoever has claimed it."""
    changes = {"fees": [{"type": "COMMISSION", "amount": "10", "currency": "USD"}]}
    change_trade(change=Change("AMEND", trade_id, "as agreed", changes=changes), actor=CLERK, now=LATER)


def amended_and_killed(trade_id: int) -> None:
    """What happens between two pulls: the first is killed, and a trade is amended."""
    amend(trade_id)
    raise Killed


def name(batch_id: int, ending: str, sequence: int = 1) -> str:
    return f"CASH-{sequence:09d}-{public_id(BATCH, batch_id)}.{ending}"


def handed_over(*recalled: int) -> list[tuple[str, bytes]]:
    """Return the files of the only batch of cash, with what must not be done of it."""
    batch_id = batch_of("CASH")
    said = "".join(f"{ref(each)}\n" for each in recalled).encode()
    return [
        (name(batch_id, "ndjson"), bytes_of(batch_id)),
        *([(name(batch_id, "recalled"), said)] if said else []),
    ]


def answers() -> list[tuple[int, str]]:
    return sql.rows("SELECT instruction_id, kind FROM settlement_status_report ORDER BY id")


def dollars() -> int:
    ((found,),) = sql.rows("SELECT id FROM settlement_instruction WHERE asset = 'USD' AND cancels IS NULL")
    return int(found)


class TestInAFolder:
    def test_what_was_recalled_before_the_claim_stands_beside_the_batch_and_is_accepted_with_it(
        self, sealed, tmp_path
    ):
        first, second = instruction_ids(batch_of("CASH"))
        recall(second)
        office = Office(tmp_path)
        assert office.pull().failed == {}
        assert office.taken == handed_over(second)
        assert answers() == [(first, "ACCEPTED"), (second, "ACCEPTED")]
        assert list((tmp_path / "own" / "parts").iterdir()) == []

    def test_nothing_stands_beside_a_batch_of_which_nothing_is_recalled(self, sealed, tmp_path):
        office = Office(tmp_path)
        office.pull()
        assert office.taken == handed_over()

    def test_it_is_there_before_the_batch_is_and_not_put_there_again_after_a_kill_between_the_two(
        self, sealed, tmp_path, monkeypatch
    ):
        recalled = dollars()
        recall(recalled)
        office = Office(tmp_path)

        def first(source: Path, target: Path) -> None:
            move(source, target)
            raise Killed

        with monkeypatch.context() as killed:
            killed.setattr(handover, "move", first)
            assert office.pull() is None
        batch, beside = handed_over(recalled)
        assert office.taken == [beside]
        office.pull()
        assert office.taken == [beside, batch]

    def test_all_are_named_when_the_answer_to_the_claim_has_room_for_some(
        self, sealed, tmp_path, monkeypatch
    ):
        both = instruction_ids(batch_of("CASH"))
        for each in both:
            recall(each)
        monkeypatch.setattr(claims, "recalled_in", lambda batch_id: selectors.recalled_in(batch_id, limit=1))
        office = Office(tmp_path)
        claim = office.client.claim(public_id(BATCH, batch_of("CASH")), lease_seconds=60)
        assert (claim.is_new, claim.recalled, claim.recalled_count) == (True, (ref(both[0]),), 2)
        office.pull()
        assert office.taken == handed_over(*both)

    def test_the_cancellation_and_what_replaces_it_come_with_a_later_batch(self, sealed, tmp_path):
        recall(dollars())
        office = Office(tmp_path)
        office.pull()
        (later,) = seal()
        office.pull()
        assert office.taken[2:] == [(name(later, "ndjson", 2), bytes_of(later))]
        office.pull(channel="")
        advance()
        assert {state(each) for each in sealed} == {"ACKNOWLEDGED"}


class TestInTheMiddle:
    """What is recalled while a pull works, or between two, one of which was killed."""

    def recalled_at(self, step: str, trade_id: int, office: Office) -> None:
        """Pull, with the trade amended right before a step."""
        office.before[step] = lambda: amend(trade_id)
        assert office.pull().failed == {}

    def test_what_is_recalled_until_the_claim_is_made_again_is_told(self, sealed, tmp_path):
        office = Office(tmp_path)
        self.recalled_at("verify", sealed[0], office)
        assert office.taken == handed_over(dollars())

    def test_what_is_recalled_after_that_comes_as_a_cancellation_alone(self, sealed, tmp_path):
        office, recalled = Office(tmp_path), dollars()
        self.recalled_at("note hand over", sealed[0], office)
        assert office.taken == handed_over()
        (later,) = seal()
        office.pull()
        assert f'"cancels":"{ref(recalled)}"'.encode() in bytes_of(later)
        assert office.taken[1:] == [(name(later, "ndjson", 2), bytes_of(later))]

    def test_killed_at_every_step_both_are_handed_over_once(self, sealed, tmp_path):
        """Recalled beforehand; each step once, in a product and folders of its own, at the end one without a kill."""
        recalled = dollars()
        recall(recalled)
        for n in range(1, 40):
            with transaction.atomic():
                office = Office(tmp_path / str(n), f"puller-{n}")
                reached = office.pull(killed_at=n) is None
                office.pull()
                assert sorted(office.taken) == handed_over(recalled), office.steps
                assert len(answers()) == 2, office.steps
                transaction.set_rollback(True)
            if not reached:
                break
        assert not reached

    @pytest.mark.parametrize("step", ["prepare", "note hand over", "hand over", "acknowledge"])
    def test_killed_and_recalled_before_the_next_pull_it_is_told_unless_the_batch_may_be_handed_over(
        self, sealed, tmp_path, step
    ):
        office, recalled = Office(tmp_path), dollars()
        office.before[step] = lambda: amended_and_killed(sealed[0])
        assert office.pull() is None
        office.pull()
        expected = handed_over(recalled) if step in {"prepare", "note hand over"} else handed_over()
        assert sorted(office.taken) == expected
        assert len(answers()) == 2


_SCRIPT = """
import os, pathlib, sys
ledger = pathlib.Path(sys.argv[1])
said = ledger.read_text() if ledger.exists() else ""
if os.environ["MIDDLEOFFICE_AGAIN"] == "0" or os.environ["MIDDLEOFFICE_BATCH"] not in said:
    recalled = pathlib.Path(os.environ["MIDDLEOFFICE_RECALLED"]).read_text().split()
    ledger.write_text(f"{said}{os.environ['MIDDLEOFFICE_BATCH']} {recalled}\\n")
"""


def test_a_command_finds_them_in_a_file_and_the_same_when_it_is_told_again(sealed, tmp_path):
    script = tmp_path / "take.py"
    script.write_text(_SCRIPT)
    recalled, batch = dollars(), public_id(BATCH, batch_of("CASH"))
    for step, before_it in (("hand over", []), ("handed over", []), ("verify", [ref(recalled)])):
        with transaction.atomic():
            ledger = tmp_path / f"ledger {step}"
            office = Office(tmp_path / step, step, Command([sys.executable, str(script), str(ledger)]))
            office.before[step] = lambda: amended_and_killed(sealed[0])
            assert office.pull() is None
            office.pull()
            assert ledger.read_text() == f"{batch} {before_it}\n"
            assert len(answers()) == 2
            transaction.set_rollback(True)
