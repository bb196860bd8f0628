"""The screens of what leaves as records: a batch of the journal, and what of it was rejected."""

from __future__ import annotations

import pytest

from core.ids import BATCH, EXCEPTION, public_id
from settlement.services.recall_batch import recall_batch
from tests.ledger.test_hand_off import SEALER, TOMORROW, acknowledged, closed_books, ids_in, sealed
from tests.settlement.support import BackOffice
from tests.support.records import NOW
from trades.models import ExceptionItem

pytestmark = pytest.mark.django_db


def test_a_batch_shows_its_records_and_where_they_were_sealed_again(sign_in):
    closed_books()
    (first,) = sealed()
    recall_batch(batch_id=first, reason="accounts are renamed", actor=SEALER, now=NOW)
    (second,) = sealed(now=TOMORROW)
    desk = sign_in("operations")
    shown = desk.get(f"/batches/{public_id(BATCH, first)}").content.decode()
    assert all(record in shown for record in ids_in(first))
    assert "its records are sealed again the next day" in shown
    assert f'href="/batches/{public_id(BATCH, second)}"' in shown
    assert "Recall one instruction" not in shown
    assert "<option selected>JOURNAL</option>" in desk.get("/batches?channel=JOURNAL").content.decode()


def test_the_exception_says_what_was_rejected_and_why(sign_in):
    closed_books()
    (first,) = sealed()
    office = BackOffice()
    office.claim(first)
    lines = office.lines(first)
    acknowledged(office, first, lines, rejected={lines[1]["record"]: "NO-ACCOUNT"})
    item = ExceptionItem.objects.get(kind="RECORDS_REJECTED")
    shown = sign_in("operations").get(f"/exceptions/{public_id(EXCEPTION, item.id)}").content.decode()
    assert lines[1]["record"] in shown
    assert "waits to be sealed again" in shown
