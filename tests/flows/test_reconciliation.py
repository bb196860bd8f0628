"""From a front office's list to a clean queue: a break is found, matched by two people, reopened and cleared."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from core.ids import BREAK, PROPOSAL, database_id, public_id
from tests.ledger.reconciling import CODE, approved, break_ids, defined, items, run_all
from tests.support.api import Api
from tests.support.factories import captured_ids, equity, world
from tests.support.records import NOW, TODAY

pytestmark = pytest.mark.django_db
PATH = f"/statements?kind=TRADES&source=FO-EQ&business_date={TODAY}"
HEAD = "source_ref,side,currency,amount\n"


def test_a_break_from_its_list_to_its_end(time_machine, capsys: pytest.CaptureFixture[str]):
    time_machine.move_to(NOW, tick=False)
    world()
    captured_ids(equity("E-1"), equity("E-2"))
    defined()
    front, desk = Api("front", sources=["FO-EQ"]), Api("desk")

    def send(amount: str) -> None:
        text = f"{HEAD}E-1,BUY,USD,18725\nE-2,BUY,USD,{amount}\n"
        assert front.post(PATH, text.encode(), content_type="text/csv").status_code == 201
        run_all(now=NOW)

    send("18726")
    (break_id,) = break_ids()
    assert [(codes, move) for codes, _, move in items()] == [(["TRADES_DIFFERENT"], "OPERATIONS")]

    body = {
        "breaks": [public_id(BREAK, break_id)],
        "until": (TODAY + timedelta(days=7)).isoformat(),
        "difference_max": "2",
        "theirs_unchanged": False,
        "reason": "A fee that comes tomorrow.",
    }
    proposal = desk.post("/forced-matches", body)
    approved(database_id(PROPOSAL, proposal.json()["proposal"]) or 0)
    assert items() == []

    send("18730")  # further apart than two people have said
    assert len(items()) == 1
    with pytest.raises(CommandError):
        call_command("reconcile", "NOTHING")
    send("18725")
    assert items() == []
    call_command("reconcile", CODE)
    assert "breaks: 0 new, 0 changed, 0 unchanged, 0 cleared" in capsys.readouterr().out
    told = desk.get(f"/breaks/{public_id(BREAK, break_id)}").json()["steps"]
    assert [each["step"] for each in told] == ["CLEARED", "REOPENED", "FORCED", "NEW"]
