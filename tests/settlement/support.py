"""Validated trades, seals and a back office for the tests of settlement."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.test import Client as HttpClient

from core import sql
from core.audit import Actor, system
from core.http.authentication import Client
from core.ids import BATCH, INSTRUCTION, TRADE, database_id, public_id
from core.sql import json_value
from settlement.models import CHANNELS
from settlement.selectors import content
from settlement.services.advance import advance_queued
from settlement.services.seal import seal_batches
from tests.support.factories import api_client, captured_ids
from tests.support.records import NOW
from trades.lifecycle import State, move_trades

VALUE_DATE = date(2026, 11, 25)  # two business days after the factories' trade date
SEALER = Actor("user:sealer", "req-seal-1")
LATER = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
_keys = itertools.count(1)


def validated(*documents: dict[str, Any]) -> list[int]:
    """Capture documents and let them pass without the checks; return their trades, in order."""
    trade_ids = captured_ids(*documents)
    sql.run("DELETE FROM core_work")
    return validate(trade_ids)


def validate(trade_ids: Sequence[int]) -> list[int]:
    """Move captured trades to VALIDATED."""
    return move_trades(
        trade_ids=trade_ids,
        source=State.CAPTURED,
        target=State.VALIDATED,
        at=NOW,
        actor=system("checks"),
    )


def seal(*channels: str, value_date: date = VALUE_DATE) -> list[int]:
    """Seal what is due, all channels unless some are given."""
    return seal_batches(value_date=value_date, channels=channels or CHANNELS, actor=SEALER, now=NOW)


def advance(*, now: datetime = NOW) -> None:
    """Let the trades follow what the back office did."""
    while advance_queued(now=now, actor=system("settlement")):
        pass


def bytes_of(batch_id: int) -> bytes:
    """Return the canonical bytes of a batch."""
    return b"".join(content(batch_id))


def lines_of(batch_id: int) -> list[dict[str, Any]]:
    """Return the lines of a batch, read."""
    return [json.loads(line) for line in bytes_of(batch_id).splitlines()]


def batch(batch_id: int) -> dict[str, Any]:
    """Return the row of a batch."""
    (row,) = sql.records("SELECT * FROM settlement_batch WHERE id = %s", [batch_id])
    row["control_totals"] = json_value(row["control_totals"])
    return row


def batch_of(channel: str) -> int:
    """Return the id of the channel's only batch."""
    ((batch_id,),) = sql.rows("SELECT id FROM settlement_batch WHERE channel_id = %s", [channel])
    return int(batch_id)


def instruction_ids(batch_id: int) -> list[int]:
    """Return the instructions of a batch, by line."""
    return [
        each
        for (each,) in sql.rows(
            "SELECT id FROM settlement_instruction WHERE batch_id = %s ORDER BY line", [batch_id]
        )
    ]


def legs_of(trade_id: int) -> list[dict[str, Any]]:
    """Return the obligations of a trade."""
    return sql.records(
        "SELECT * FROM settlement_obligation WHERE trade_id = %s ORDER BY leg, attempt", [trade_id]
    )


def waiting_leg(trade_id: int, amount: str, *, value_date: str) -> None:
    """Have a trade pay an amount of dollars on a later date, as a product with two dates would."""
    sql.run(
        "INSERT INTO settlement_obligation"
        " (trade_id, leg, attempt, version, asset_kind, asset, direction, quantity, value_date)"
        " VALUES (%s, 3, 1, 1, 'CASH', 'USD', 'DELIVER', %s, %s)",
        [trade_id, amount, value_date],
    )


def state(trade_id: int) -> str:
    """Return the name of a trade's state."""
    ((value,),) = sql.rows("SELECT state FROM trades_state WHERE trade_id = %s", [trade_id])
    return State(value).name


def counts(*tables: str) -> dict[str, int]:
    """Return how many rows the tables have, those of settlement unless some are given."""
    names = tables or (
        "settlement_batch",
        "settlement_batch_page",
        "settlement_batch_state",
        "settlement_batch_claim",
        "settlement_instruction",
        "settlement_instruction_state",
        "settlement_obligation",
        "settlement_status_report",
        "trades_finding",
        "trades_exception",
        "core_event",
        "core_work",
        "core_idempotency_key",
    )
    return {name: sql.rows(f"SELECT count(*) FROM {name}")[0][0] for name in names}


def everything() -> dict[str, str]:
    """Return a digest of all that settlement and the lifecycle store, to tell that nothing changed."""
    names = (*counts(), "trades_state", "settlement_channel")
    return {
        name: hashlib.sha256(
            repr(sql.rows(f'SELECT t::text FROM {name} t ORDER BY t::text COLLATE "C"')).encode()
        ).hexdigest()
        for name in names
    }


def client(name: str = "back-office") -> Client:
    """Issue a client of the back office, as services take it."""
    made, _ = api_client(name)
    return Client(made.id, made.name, frozenset(made.scopes), frozenset())


def control_of(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the control totals of lines as the back office computes them."""
    totals: dict[str, dict[str, Decimal]] = {}
    for line in lines:
        by_direction = totals.setdefault(line["asset"], {})
        before = by_direction.get(line["direction"], Decimal(0))
        by_direction[line["direction"]] = before + Decimal(line["quantity"])
    return {
        "count": len(lines),
        "totals": {
            asset: {direction: f"{total:f}" for direction, total in by_direction.items()}
            for asset, by_direction in totals.items()
        },
    }


class BackOffice:
    """A back office that speaks to the API in this process."""

    def __init__(self, name: str = "back-office", **issued: Any) -> None:
        _, token = api_client(name, **issued)
        self.http = HttpClient(headers={"Authorization": f"Bearer {token}"})

    def get(self, path: str, **headers: str) -> Any:
        """GET below the API's root."""
        return self.http.get(f"/api/v1/{path}", headers=headers)

    def post(self, path: str, body: Any, *, key: str | None = None) -> Any:
        """POST JSON below the API's root, under a key of its own unless one is given."""
        return self.http.post(
            f"/api/v1/{path}",
            data=body if isinstance(body, (bytes, str)) else json.dumps(body),
            content_type="application/json",
            headers={"Idempotency-Key": key or os.urandom(8).hex()},
        )

    def claim(self, batch_id: int, **body: Any) -> Any:
        """Claim a batch."""
        return self.post(f"settlement-batches/{public_id(BATCH, batch_id)}/claims", body)

    def lines(self, batch_id: int) -> list[dict[str, Any]]:
        """Pull the canonical lines of a batch."""
        answer = self.get(
            f"settlement-batches/{public_id(BATCH, batch_id)}/instructions", Accept="application/x-ndjson"
        )
        assert answer.status_code == 200, answer.content
        return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]

    def acknowledge(self, batch_id: int, lines: Sequence[dict[str, Any]], **rejected: str) -> Any:
        """Accept lines, except those whose asset is given with a reason."""
        items = [
            {"instruction": line["instruction"], "status": "REJECTED", "reason": rejected[line["asset"]]}
            if line["asset"] in rejected
            else {"instruction": line["instruction"], "status": "ACCEPTED"}
            for line in lines
        ]
        return self.post(
            f"settlement-batches/{public_id(BATCH, batch_id)}/acknowledgements",
            {"items": items, "control_totals": control_of(lines)},
        )

    def report(self, *items: dict[str, Any]) -> Any:
        """Report what became of instructions."""
        return self.post("settlement-status-reports", {"items": list(items)})


def ref(instruction_id: int) -> str:
    """Return the public id of an instruction."""
    return public_id(INSTRUCTION, instruction_id)


def trade_ref(trade_id: int) -> str:
    """Return the public id of a trade."""
    return public_id(TRADE, trade_id)


def number_of(reference: str) -> int:
    """Return the database id of an instruction's public id."""
    found = database_id(INSTRUCTION, reference)
    assert found is not None
    return found
