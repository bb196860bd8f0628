"""Those who must move an instruction are chased, which is written down once and for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from core import sql
from core.http.problem import Problem
from settlement.chases import chases_of, list_chases
from settlement.models import Chase
from settlement.moves.base import Mover
from settlement.open_records import Wanted, list_open
from settlement.penalties import WantedFails, list_fails
from settlement.services.chase import Said, chase_instructions
from tests.support.factories import world
from tests.support.fails import VALUE, evening, sealed, told
from tests.support.records import CLERK

pytestmark = pytest.mark.django_db

NOW = evening(VALUE)
SAID = Said("PHONE", "Firth, settlements", "they promise it for tomorrow", "k1", VALUE + timedelta(days=1))


@pytest.fixture
def failed() -> int:
    """Return an instruction that failed for want of the counterparty's securities."""
    world()
    _, securities, _ = sealed()
    told(securities, "FAILED", VALUE, reason="CLAC")
    return securities


def chase(*instruction_ids: int, said: Said = SAID, **more: Any) -> Any:
    return chase_instructions(
        instruction_ids=instruction_ids, said=said, actor=CLERK, now=more.get("now", NOW)
    )


def events() -> list[tuple[Any, ...]]:
    return sql.rows("SELECT subject_id, reason, data FROM core_event WHERE type = 'instruction.chased'")


def test_a_chase_is_recorded_with_its_event(failed: int) -> None:
    assert chase(failed).recorded == (failed,)
    (row,) = list_chases(failed)
    assert (row["way"], row["mover"], row["whom"], row["note"], row["next_on"]) == (
        "PHONE",
        "COUNTERPARTY",
        "Firth, settlements",
        "they promise it for tomorrow",
        VALUE + timedelta(days=1),
    )
    ((subject_id, reason, data),) = events()
    assert (subject_id, reason) == (failed, "they promise it for tomorrow")
    assert sql.json_value(data) == {
        "way": "PHONE",
        "whom": "Firth, settlements",
        "next_on": "2026-11-26",
        "mover": "COUNTERPARTY",
    }


def test_the_same_form_sent_twice_is_one_chase(failed: int) -> None:
    chase(failed)
    assert chase(failed).recorded == (failed,)
    assert (Chase.objects.count(), len(events())) == (1, 1)
    chase(failed, said=replace(SAID, key="k2"))
    assert chases_of([failed])[failed]["chases"] == 2


def test_what_nobody_outside_must_move_is_left(failed: int) -> None:
    sql.run(
        "UPDATE settlement_instruction_state SET settlement = 'SETTLED' WHERE instruction_id = %s", [failed]
    )
    done = chase(failed, failed + 1)
    assert (done.recorded, sorted(done.left)) == ((), [failed, failed + 1])
    assert (Chase.objects.count(), events()) == (0, [])


def test_every_fault_of_a_chase_is_named(failed: int) -> None:
    with pytest.raises(Problem) as refused:
        chase(said=Said("PIGEON", "", "x" * 1001, "", VALUE - timedelta(days=1)))
    assert sorted(each.pointer for each in refused.value.faults) == [
        "/ids",
        "/key",
        "/next_on",
        "/note",
        "/way",
        "/whom",
    ]
    assert (Chase.objects.count(), events()) == (0, [])


def test_what_is_to_be_chased_is_found_on_its_day_until_it_is_chased_again(failed: int) -> None:
    def due(day: int) -> tuple[list[int], list[int]]:
        now = evening(VALUE + timedelta(days=day))
        listed = list_open(wanted=Wanted(due=True), now=now, limit=10)
        fails = list_fails(wanted=WantedFails(due=True), now=now, limit=10)
        return [row["key"] for row in listed], [row["instruction_id"] for row in fails]

    assert due(1) == ([], [])
    chase(failed)
    assert due(0) == ([], [])
    assert due(1) == ([failed], [failed])
    chase(failed, said=replace(SAID, key="k2", next_on=None))
    assert due(1) == ([], [])


def test_open_records_tell_how_often_and_when_last(failed: int) -> None:
    def row() -> dict[str, Any]:
        (found,) = list_open(wanted=Wanted(mover=Mover.COUNTERPARTY), now=NOW, limit=10)
        return found

    assert (row()["can_chase"], row()["chases"], row()["chased_at"]) == (True, 0, None)
    chase(failed)
    assert (row()["chases"], row()["chased_at"], row()["chase_next"]) == (1, NOW, VALUE + timedelta(days=1))


def test_a_chase_is_never_changed(failed: int) -> None:
    chase(failed)
    for statement in ("UPDATE settlement_chase SET note = 'x'", "DELETE FROM settlement_chase"):
        with pytest.raises(DatabaseError), transaction.atomic():
            sql.run(statement)
