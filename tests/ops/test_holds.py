"""The screen of holds, the pages that tell of them, and the recall of one line of a batch."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from core import sql
from core.ids import BATCH, HOLD, INSTRUCTION, PROPOSAL, TRADE, public_id
from settlement.models import Channel, Hold
from settlement.services.hold import Made, Wanted, make_hold
from tests.settlement.support import BackOffice, batch_of, instruction_ids, lines_of, seal, state, validated
from tests.support.factories import equity, world
from tests.support.records import CLERK, NOW, TODAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def trade() -> int:
    world()
    (trade_id,) = validated(equity())
    return trade_id


@pytest.fixture
def desk(sign_in) -> Client:
    return sign_in("operations")


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def held(kind: str, subject: str, **more: str) -> Made:
    return make_hold(wanted=Wanted(kind, subject, **more), reason="a court order", actor=CLERK, now=NOW)


def ref(trade_id: int) -> str:
    return public_id(TRADE, trade_id)


def test_a_trade_is_held_from_its_page_and_released_on_the_screen_of_holds(desk, trade):
    assert f"/holds?kind=TRADE&amp;subject={ref(trade)}" in desk.get(f"/trades/{ref(trade)}").content.decode()
    assert f'value="{ref(trade)}"' in desk.get(f"/holds?kind=TRADE&subject={ref(trade)}").content.decode()
    form = {
        "kind": "TRADE",
        "subject": ref(trade),
        "channel": "CASH",
        "until": "2026-12-01",
        "reason": "wait",
    }
    assert desk.post("/holds/new", form).status_code == 303
    made = Hold.objects.get()
    assert (made.reason, made.until.isoformat(), made.channel) == ("wait", "2026-12-01", "")
    assert "Held since 2026-11-23 14:00:00 GMT, the last day is 2026-12-01." in text(
        desk.get(f"/trades/{ref(trade)}")
    )
    assert seal() == []
    shown = text(desk.get("/holds"))
    assert f"Trade {ref(trade)} wait 2026-12-01 operations" in shown
    address = f"/holds/{public_id(HOLD, made.id)}/release"
    assert desk.post(address, {"reason": ""}).status_code == 422
    assert desk.post(address, {"reason": "they called"}).status_code == 303
    assert "Nothing is held by hand" in text(desk.get("/holds"))
    assert "they called" in text(desk.get("/holds?view=all"))
    seal()
    assert state(trade) == "INSTRUCTED"


def test_what_is_wrong_is_shown_where_it_was_typed(desk, trade):
    answer = desk.post("/holds/new", {"kind": "TRADE", "subject": "trd_0", "until": "soon", "reason": ""})
    assert answer.status_code == 422
    assert "Write a date as 2026-11-23." in text(answer)
    answer = desk.post("/holds/new", {"kind": "TRADE", "subject": "trd_0", "reason": ""})
    assert "There is no such trade." in text(answer)
    assert Hold.objects.count() == 0
    assert desk.post("/holds/hld_00/release", {"reason": "x"}).status_code == 404
    assert desk.post(f"/holds/{public_id(HOLD, 99)}/release", {"reason": "x"}).status_code == 404


def test_the_release_of_a_counterparty_is_approved_by_somebody_else(desk, sign_in, trade):
    Channel.objects.filter(code="CASH").update(hold_release_from="0")
    made = held("COUNTERPARTY", "BROKER-01", channel="CASH")
    asked = desk.post(f"/holds/{public_id(HOLD, made.id)}/release", {"reason": "lifted"})
    assert asked.status_code == 303
    assert "awaits approval" in text(desk.get("/holds"))
    ((proposal,),) = sql.rows("SELECT id FROM core_proposal")
    approver = sign_in("supervisor")
    shown = text(approver.get("/approvals"))
    assert "Release what goes to BROKER-01 over CASH" in shown
    assert "Keeps back 1 trade" in shown
    assert "a court order" in shown
    assert approver.post(f"/approvals/{public_id(PROPOSAL, proposal)}/approve", {}).status_code == 303
    assert Hold.objects.get().ended_by == "user:supervisor"


def test_the_day_the_batches_and_the_past_tell_how_much_is_held(desk, trade):
    held("TRADE", ref(trade))
    assert "Held by hand stuck 1" in text(desk.get("/"))
    assert "Holds 1" in text(desk.get("/batches"))
    before = "/as-of/2026-11-23T13:59:59+00:00"
    assert "Nothing was held by hand then" in text(desk.get(f"{before}/holds"))
    assert "Held since" not in text(desk.get(f"{before}/trades/{ref(trade)}"))


def test_one_line_of_a_batch_is_recalled_or_asked_for(desk, trade):
    seal()
    cash, delivery = instruction_ids(batch_of("CASH"))[0], instruction_ids(batch_of("SECURITIES"))[0]
    address = f"/batches/{public_id(BATCH, batch_of('CASH'))}"
    page = desk.get(f"{address}?recall={public_id(INSTRUCTION, cash)}").content.decode()
    assert f'value="{public_id(INSTRUCTION, cash)}"' in page
    assert desk.post(f"{address}/recall-line", {"instruction": "x", "reason": "x"}).status_code == 422
    form = {"instruction": public_id(INSTRUCTION, cash), "reason": "wrong account"}
    assert desk.post(f"{address}/recall-line", form).status_code == 303
    shown = text(desk.get(address))
    assert f"{public_id(INSTRUCTION, cash)} recalled" in shown
    assert "wrong account" in shown
    assert desk.post(f"{address}/recall-line", form).status_code == 409
    BackOffice().claim(batch_of("SECURITIES"))
    address = f"/batches/{public_id(BATCH, batch_of('SECURITIES'))}"
    form = {"instruction": public_id(INSTRUCTION, delivery), "reason": "wrong account"}
    desk.post(f"{address}/recall-line", form)
    assert f"asked for {public_id(INSTRUCTION, delivery)}" in text(desk.get(address))
    assert [line["kind"] for line in lines_of(seal()[0])] == ["NEW", "CANCEL"]


def test_an_instruction_that_is_held_says_so_on_its_batch(desk, trade):
    seal()
    (cash,) = instruction_ids(batch_of("CASH"))
    address = f"/batches/{public_id(BATCH, batch_of('CASH'))}"
    hold = f"/holds?kind=INSTRUCTION&amp;subject={public_id(INSTRUCTION, cash)}"
    assert hold in desk.get(address).content.decode()
    form = {"kind": "INSTRUCTION", "subject": public_id(INSTRUCTION, cash), "reason": "wait"}
    assert "1 sealed and not claimed: recalled." in text(desk.post("/holds/new", form, follow=True))
    shown = text(desk.get(address))
    assert f"{public_id(INSTRUCTION, cash)} recalled held" in shown
    assert f"Its instruction {public_id(INSTRUCTION, cash)} is held" in text(
        desk.get(f"/trades/{ref(trade)}")
    )
    assert TODAY.isoformat() in shown


def test_whoever_only_reads_is_offered_nothing(sign_in, trade):
    held("TRADE", ref(trade))
    reader = sign_in("auditor")
    page = reader.get("/holds").content.decode()
    assert "a court order" in page
    assert "<button>Release" not in page
    assert "Hold something" not in page
    assert reader.post("/holds/new", {}).status_code == 403
