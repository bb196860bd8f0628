"""Sealing by the clock, the command, the channels, and what the console reads of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError

from core import sql
from core.audit import system
from refdata.models import Holiday
from settlement import selectors
from settlement.models import Batch, Channel
from settlement.services.channels import ensure_channels
from settlement.services.seal_due import seal_due
from tests.settlement.support import batch_of, instruction_ids, seal, state, validated
from tests.support.factories import equity, fx, party, world

pytestmark = pytest.mark.django_db
CUT_OFF = datetime(2026, 11, 24, 18, tzinfo=UTC)  # of the factories' value date, in London


def due(now):
    return seal_due(now=now, actor=system("cut-off"))


def test_what_is_due_is_sealed_from_the_second_of_its_cut_off_on():
    world()
    (trade_id,) = validated(equity())

    assert due(CUT_OFF - timedelta(seconds=1)) == []
    assert state(trade_id) == "VALIDATED"
    assert len(due(CUT_OFF)) == 2
    assert state(trade_id) == "INSTRUCTED"
    assert sql.rows("SELECT DISTINCT sealed_by, sealed_at FROM settlement_batch") == [
        ("system:cut-off", CUT_OFF)
    ]
    assert due(CUT_OFF) == []


def test_a_late_trade_goes_with_the_next_beat():
    world()
    validated(equity())
    due(CUT_OFF)
    (late,) = validated(equity())

    assert len(due(CUT_OFF + timedelta(seconds=30))) == 2
    assert state(late) == "INSTRUCTED"


def test_each_channel_has_its_own_cut_off():
    world()
    Channel.objects.filter(code="CASH").update(lead_days=0, cut_off_time="16:00")
    (trade_id,) = validated(equity())

    assert [Batch.objects.get(id=each).channel_id for each in due(CUT_OFF)] == ["SECURITIES"]
    assert state(trade_id) == "VALIDATED"
    assert due(CUT_OFF + timedelta(hours=1)) == []
    assert [
        Batch.objects.get(id=each).channel_id for each in due(datetime(2026, 11, 25, 16, tzinfo=UTC))
    ] == ["CASH"]
    assert state(trade_id) == "INSTRUCTED"


def test_the_firms_holidays_move_the_cut_off():
    world()
    Holiday.objects.create(calendar="FIRM", date=date(2026, 11, 24))
    validated(equity())

    assert len(due(datetime(2026, 11, 23, 18, tzinfo=UTC))) == 2


def test_the_channels_are_there_and_a_changed_one_stays_changed():
    assert sorted(Channel.objects.values_list("code", "cut_off_zone", "lead_days")) == [
        ("CASH", "Europe/London", 1),
        ("GOODS", "Europe/London", 1),
        ("JOURNAL", "Europe/London", 1),
        ("SECURITIES", "Europe/London", 1),
    ]
    Channel.objects.filter(code="CASH").update(lead_days=2)
    ensure_channels()
    assert Channel.objects.get(code="CASH").lead_days == 2


def test_a_net_shows_its_gross_legs_and_a_trade_its_instructions():
    world()
    first, second = validated(equity("E-1"), fx("F-1"))
    seal()
    _, dollar = instruction_ids(batch_of("CASH"))

    legs = selectors.gross_legs([dollar])
    assert [(leg["trade_id"], leg["leg"], leg["source_ref"]) for leg in legs] == [
        (first, 2, "E-1"),
        (second, 2, "F-1"),
    ]
    assert [leg["trade_id"] for leg in selectors.gross_legs([dollar], skip=1, limit=1)] == [second]

    found = selectors.obligations_of(first)
    assert [(leg["leg"], leg["channel"], leg["processing"], leg["settlement"]) for leg in found] == [
        (1, "SECURITIES", "SEALED", "PENDING"),
        (2, "CASH", "SEALED", "PENDING"),
    ]
    assert [each["gross_count"] for each in selectors.instructions_of(batch_of("CASH"), limit=10)] == [1, 2]
    assert selectors.instructions_of(batch_of("CASH"), after_line=1, limit=10)[0]["id"] == dollar


def test_the_newest_batches_come_first_when_asked():
    world()
    validated(equity())
    sealed = seal()
    found = selectors.list_batches(newest_first=True, limit=1)
    assert [each["id"] for each in found] == sealed[-1:]
    assert [
        each["id"] for each in selectors.list_batches(newest_first=True, after=sealed[-1], limit=9)
    ] == sealed[:-1]


def test_the_command_seals_a_date_and_tells_what_it_did():
    world()
    validated(equity())
    out, err = StringIO(), StringIO()
    call_command("seal_batches", value_date="2026-11-25", channel=["CASH"], stdout=out, stderr=err)

    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert "CASH" in lines[0]
    assert lines[1] == "1 batches sealed, due on or before 2026-11-25."
    with pytest.raises(CommandError):
        call_command("seal_batches", value_date="someday")


def test_the_admin_only_shows_what_is_sealed(client):
    world()
    validated(equity())
    seal()
    User.objects.create_superuser("root", password="a long password")
    client.force_login(User.objects.get(username="root"))

    assert client.get("/admin/settlement/batch/").status_code == 200
    assert (
        client.post(f"/admin/settlement/batch/{batch_of('CASH')}/delete/", {"post": "yes"}).status_code == 403
    )
    assert client.get("/admin/settlement/batch/add/").status_code == 403


def test_a_trade_that_cannot_be_sealed_holds_up_no_cut_off():
    world()
    party("BARE", ssis=[])
    bare, good = validated(equity(counterparty="BARE"), equity())
    assert len(due(CUT_OFF)) == 2
    assert (state(bare), state(good)) == ("CAPTURED", "INSTRUCTED")
