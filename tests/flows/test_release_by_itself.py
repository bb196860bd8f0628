"""The running product releases what reference data held: nobody asks for a re-check; and a question is answered."""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest

from core.ids import EXCEPTION, public_id
from tests.support import factories
from tests.support.factories import FULL_SSIS, Front
from tests.support.product import LiveProduct
from tests.support.records import CLERK, state_of
from trades.lifecycle import State
from trades.models import ExceptionItem
from trades.services.comments import comment

pytestmark = pytest.mark.django_db(transaction=True)


def _post(front: Front, path: str, body: Any) -> httpx.Response:
    answer = front.http.post(f"/api/v1{path}", json=body, headers={"Idempotency-Key": os.urandom(8).hex()})
    assert answer.status_code in {201, 207}, answer.text
    return answer


def _ssi(kind: str, key: str) -> dict[str, str]:
    return {
        "party": "NOBODY-9", "kind": kind, "key": key, "account": "DE89370400440532013000",
        "agent_bic": "DEUTDEFF", "place_of_settlement": "DAKVDEFF", "delivery_address": "Kai 1",
        "valid_from": "2020-01-01",
    }  # fmt: skip


def test_a_held_trade_goes_its_way_as_soon_as_what_it_waited_for_is_there(live_product: LiveProduct) -> None:
    today = factories.live_today()
    factories.world(today=today)
    front = Front(live_product.base_url)
    trade_id = factories.trade_id_of(front.post_trade(factories.equity(on=today, counterparty="NOBODY-9")))
    factories.wait_for(ExceptionItem.objects.exists, seconds=20, what="an exception")
    item = ExceptionItem.objects.get()
    comment(exception_id=item.id, text="Who is it?", audience="FRONT_OFFICE", actor=CLERK, now=item.opened_at)
    reference = public_id(EXCEPTION, item.id)
    waiting = front.http.get("/api/v1/exceptions", params={"move": "FRONT_OFFICE"}).json()["items"]
    assert [each["id"] for each in waiting] == [reference]
    _post(front, f"/exceptions/{reference}/comments", {"text": "A new client."})
    item.refresh_from_db()
    assert item.move == "OPERATIONS"
    party = {"code": "NOBODY-9", "name": "Nobody Nine", "role": "COUNTERPARTY", "country": "US"}
    _post(front, "/refdata/parties", {"items": [party]})
    _post(front, "/refdata/ssis", {"items": [_ssi(*each) for each in FULL_SSIS]})
    factories.wait_for(
        lambda: state_of(trade_id)[0] == State.VALIDATED, seconds=30, what="the trade to be released"
    )
    item.refresh_from_db()
    assert item.resolution == "checks pass"
