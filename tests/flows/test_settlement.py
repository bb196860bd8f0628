"""The back office's day against the running product: list, claim, pull, acknowledge, report."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import timedelta
from typing import Any

import httpx
import pytest

from core import sql
from core.clock import utc_now
from core.ids import public_id
from settlement.models import CHANNELS
from settlement.services.seal import seal_batches
from tests.settlement.support import SEALER, control_of
from tests.support.factories import (
    Front,
    api_client,
    equity,
    fx,
    goods,
    live_today,
    settle_gross,
    settles_on,
    states,
    wait_for,
    world,
)
from tests.support.product import LiveProduct

pytestmark = pytest.mark.django_db(transaction=True)


class Office:
    """A back office on the live product's API."""

    def __init__(self, product: LiveProduct) -> None:
        _, token = api_client(f"office-{os.urandom(4).hex()}", scopes=["settlement:read", "settlement:ack"])
        self.http = httpx.Client(
            base_url=f"{product.base_url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.http.post(path, json=body, headers={"Idempotency-Key": os.urandom(8).hex()})

    def pull(self, path: str) -> bytes:
        answer = self.http.get(path, headers={"Accept": "application/x-ndjson"})
        assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
        return answer.content


def test_promises_of_three_kinds_become_settled_trades(live_product: LiveProduct):
    """An equity, an exchange and an order of goods, from the front office's POST to SETTLED."""
    today = live_today()
    world(today=today)
    front, office = Front(live_product.base_url), Office(live_product)
    for document in (equity(on=today), fx(on=today), goods(on=today)):
        assert front.post_trade(document).status_code == 201
    wait_for(lambda: states() == {"VALIDATED": 3}, seconds=30)
    seal_batches(
        value_date=settles_on(today) + timedelta(days=7), channels=CHANNELS, actor=SEALER, now=utc_now()
    )
    assert states() == {"INSTRUCTED": 3}

    batches = office.http.get("/settlement-batches").json()["items"]
    assert [batch["channel"] for batch in batches] == ["CASH", "GOODS", "SECURITIES"]
    lines = {}
    for batch in batches:
        links = {name: path.removeprefix("/api/v1") for name, path in batch["links"].items()}
        assert office.post(links["claims"], {"lease_seconds": 60}).status_code == 201
        data = office.pull(links["instructions"])
        assert (len(data), hashlib.sha256(data).hexdigest()) == (batch["byte_count"], batch["sha256"])
        lines[links["acknowledgements"]] = [json.loads(line) for line in data.splitlines()]
    wait_for(lambda: states() == {"HANDED_OFF": 3}, seconds=30)

    for path, pulled in lines.items():
        items = [{"instruction": line["instruction"], "status": "ACCEPTED"} for line in pulled]
        answer = office.post(path, {"items": items, "control_totals": control_of(pulled)})
        assert (answer.status_code, answer.json()["refused"]) == (207, 0)
    wait_for(lambda: states() == {"ACKNOWLEDGED": 3}, seconds=30)

    everything = [line["instruction"] for pulled in lines.values() for line in pulled]
    reports = [{"instruction": each, "status": "SETTLED"} for each in everything]
    assert office.post("/settlement-status-reports", {"items": reports}).json()["applied"] == len(everything)
    wait_for(lambda: states() == {"SETTLED": 3}, seconds=30)
    assert {batch["status"] for batch in office.http.get("/settlement-batches").json()["items"]} == {
        "SETTLED"
    }


def test_a_pull_cut_in_the_middle_resumes_to_the_same_bytes(live_product: LiveProduct):
    today = live_today()
    made = world(today=today)
    settle_gross(made.broker)
    front, office = Front(live_product.base_url), Office(live_product)
    answer = front.post_batch(
        [equity(f"C-{n}", on=today, price="187.00", quantity=str(n + 1)) for n in range(1_500)]
    )
    assert answer.status_code == 207
    wait_for(lambda: states().get("VALIDATED") == 1_500, seconds=60)
    (cash, _) = seal_batches(
        value_date=settles_on(today) + timedelta(days=7), channels=CHANNELS, actor=SEALER, now=utc_now()
    )
    path = f"/settlement-batches/{public_id('bat', cash)}/instructions"

    got, etag, size = b"", "", 0
    while not got or len(got) < size:
        headers = {"Accept": "application/x-ndjson"}
        if got:
            headers |= {"Range": f"bytes={len(got)}-", "If-Range": etag}
        with office.http.stream("GET", path, headers=headers) as pull:
            etag = pull.headers["ETag"]
            size = size or int(pull.headers["Content-Length"])
            taken = 0
            for chunk in pull.iter_raw(100_000):
                got += chunk
                taken += len(chunk)
                if taken >= 250_000:
                    break  # the line is cut here
    assert etag == f'"{hashlib.sha256(got).hexdigest()}"'
    assert got.count(b"\n") == 1_500
    assert sql.rows("SELECT byte_count FROM settlement_batch WHERE id = %s", [cash]) == [(len(got),)]
