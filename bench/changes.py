"""Bulk changes of trades against the capture of as many, over HTTP, one client."""

from __future__ import annotations

import json
import time
from itertools import count
from typing import Any

from bench.client import Connection, request
from bench.measurement import Samples, interleave
from bench.measurements.bulk_intake_vs_copy import ITEMS, bulk_request
from bench.product import Bench

_keys = count(1)


def changes_vs_capture(bench: Bench, *, path: str, change: dict[str, Any]) -> Samples:
    """Capture ITEMS trades; change ITEMS that were captured before and not changed since, all alike."""
    database, messages = bench.database(path.replace("-", "_")), bench.messages()
    captured: list[list[str]] = []
    with bench.web(database) as web:

        def capture() -> float:
            (body,) = messages.bodies(1, ITEMS)
            with Connection(web.port) as client:
                started = time.perf_counter()
                reply = client.ask(bulk_request(bench, body))
                seconds = time.perf_counter() - started
            assert reply.status == 207, reply.body[:500]
            captured.append([item["id"] for item in json.loads(reply.body)["items"]])
            return ITEMS / seconds

        def change_them() -> float:
            items = [{"id": trade, **change} for trade in captured.pop(0)]
            asked = request(
                "POST",
                f"/api/v1/{path}",
                body=json.dumps({"reason": "measured", "items": items}).encode(),
                Content_Type="application/json",
                Idempotency_Key=f"change-{next(_keys)}",
                **bench.headers(),
            )
            with Connection(web.port) as client:
                started = time.perf_counter()
                reply = client.ask(asked)
                seconds = time.perf_counter() - started
            assert reply.status == 207, reply.body[:500]
            assert json.loads(reply.body)["changed"] == ITEMS, reply.body[:500]
            return ITEMS / seconds

        capture()
        database.settle()
        return interleave(this=change_them, against=capture, rounds=bench.rounds)
