"""The screen of one batch and of all: recall, release by two people, and breaks with the back office."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from core import sql
from core.ids import BATCH, PROPOSAL, public_id
from ops.tie_out import Difference, tie_out
from settlement.models import Batch, Channel
from settlement.selectors import open_breaks, read_batch
from settlement.services.attest import MEASURES, compare_day
from tests.settlement.support import BackOffice, batch_of, client, seal, validated
from tests.settlement.test_attest import OVER
from tests.support.factories import equity, world
from tests.support.records import TODAY

pytestmark = pytest.mark.django_db


def sealed(release_from: str | None = None) -> tuple[int, str]:
    world()
    Channel.objects.filter(code="CASH").update(release_from=release_from)
    validated(equity())
    seal()
    return batch_of("CASH"), f"/batches/{public_id(BATCH, batch_of('CASH'))}"


def text(answer) -> str:
    return " ".join(answer.content.decode().split())


def test_a_batch_that_nobody_has_is_recalled_with_a_reason(sign_in):
    batch_id, address = sealed()
    desk: Client = sign_in("operations")
    assert "Nobody has claimed it: it is recalled at once." in text(desk.get(address))
    refused = desk.post(f"{address}/recall", {"reason": ""})
    assert (refused.status_code, "The batch was not recalled." in text(refused)) == (422, True)
    assert desk.post(f"{address}/recall", {"reason": "wrong day"}).status_code == 303
    shown = text(desk.get(address))
    assert "Nobody claims or pulls it any more." in shown
    assert "wrong day" in shown
    assert "Recall the batch" not in shown
    found = read_batch(batch_id)
    assert found is not None
    assert found["status"] == "RECALLED"
    assert "recalled" in text(desk.get("/batches"))


def test_a_batch_that_was_claimed_is_asked_for(sign_in):
    batch_id, address = sealed()
    BackOffice().claim(batch_id)
    desk = sign_in("operations")
    assert "back-office has claimed it: it is asked" in text(desk.get(address))
    desk.post(f"{address}/recall", {"reason": "wrong day"})
    assert "asked for" in text(desk.get(address))


def test_a_batch_says_whether_its_lines_are_what_its_totals_say(sign_in):
    batch_id, address = sealed()
    desk = sign_in("operations")
    told = desk.get(address).context["tie_out"]
    assert (told.agrees, told.instructions, told.unanswered) == (True, 1, 1)
    assert "Ties out:" in text(desk.get(address))
    found = Batch.objects.get(id=batch_id)
    less = {"USD": {"DELIVER": {"count": 2, "sum": "1.00"}}}
    other = tie_out(batch_id=batch_id, stated=2, control_totals=less, answers={"accepted": 1, "rejected": 0})
    stated = Decimal(found.control_totals["USD"]["DELIVER"]["sum"])
    assert other.differences == [Difference("USD", "DELIVER", 2, 1, Decimal("1.00"), stated)]
    assert (other.agrees, other.unanswered) == (False, 0)
    whole = {"*": found.control_totals["USD"]}
    assert tie_out(batch_id=batch_id, stated=1, control_totals=whole, answers={}).agrees


def test_the_list_says_up_to_which_day_back_offices_count_as_we_do(sign_in):
    sealed()
    desk = sign_in("operations")
    assert "nothing was compared" in text(desk.get("/batches"))
    by = client("their system")
    day = TODAY - timedelta(days=30)  # of which neither side has anything
    compare_day(day=day, counts={"CASH": dict.fromkeys(MEASURES, 0)}, client=by, actor=by.actor(), now=OVER)
    assert open_breaks() == []
    assert f"their system up to {day}" in text(desk.get("/batches"))


def test_an_unknown_batch_is_neither_recalled_nor_released(sign_in):
    desk = sign_in("operations")
    for ref in ("bat_ZZZZ", public_id(BATCH, 999_999)):
        assert desk.post(f"/batches/{ref}/recall", {"reason": "x"}).status_code == 404
        assert desk.post(f"/batches/{ref}/release", {"reason": "x", "count": "1"}).status_code == 404


def test_a_large_batch_is_released_by_two_people_who_type_the_count(sign_in):
    _, address = sealed("0")
    desk = sign_in("operations")
    assert "Awaits release." in text(desk.get(address))
    assert "awaits release" in text(desk.get("/batches"))
    wrong = desk.post(f"{address}/release", {"count": "2", "reason": "agreed"})
    assert (wrong.status_code, "This is not how many instructions it has." in text(wrong)) == (422, True)
    assert desk.post(f"{address}/release", {"count": "1", "reason": "agreed"}).status_code == 303
    assert "somebody else decides" in text(desk.get(address))

    ((proposal_id,),) = sql.rows("SELECT id FROM core_proposal")
    approval = f"/approvals/{public_id(PROPOSAL, proposal_id)}/approve"
    assert desk.post(approval, {"count": "1"}).status_code == 403
    other = sign_in("supervisor")
    shown = text(other.get("/approvals"))
    assert "Release CASH 1 for 2026-11-25" in shown
    assert "How many instructions, to approve" in shown
    assert other.post(approval, {"count": ""}).status_code == 422
    assert other.post(approval, {"count": "1"}).status_code == 303
    assert "Released (" in text(other.get(address))
    assert BackOffice().claim(batch_of("CASH")).status_code == 201
    assert f'{address}"' in other.get("/approvals").content.decode()


def test_a_break_is_seen_and_closed_with_what_was_found(sign_in):
    sealed()
    by = client("their system")
    theirs = dict.fromkeys(MEASURES, 0)
    compare_day(day=TODAY, counts={"CASH": theirs}, client=by, actor=by.actor(), now=OVER)
    (found,) = open_breaks()
    desk = sign_in("operations")
    assert "a back office counts otherwise than we do" in text(desk.get("/batches"))
    assert "Counts of a day that a back office contradicts" in text(desk.get("/"))
    address = f"/batches/breaks/{found['id']}"
    assert desk.post(address, {"reason": " "}).status_code == 422
    assert sign_in("auditor").post(address, {"reason": "x"}).status_code == 403
    assert desk.post(address, {"reason": "their clock was late"}).status_code == 303
    assert desk.post(address, {"reason": "again"}).status_code == 404
    assert "a back office counts otherwise" not in text(desk.get("/batches"))
