"""Small real records for tests of services: reference data, captured trades, held trades, people."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db import connection, connections

from core import sql
from core.audit import Actor
from refdata.models import Book, FxRate, Instrument, Party
from risk.services.check import kind_of_code
from trades.lifecycle import State, move_trades
from trades.products._reading import read_message
from trades.services.capture import capture_trades
from trades.services.exceptions import NewException, open_exceptions
from trades.services.findings import NewFinding, add_findings

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
TODAY = date(2026, 11, 23)
CLERK = Actor("user:clerk", "req-1")

EQUITY: dict[str, Any] = {
    "source": "FO-EQ",
    "source_ref": "E-1",
    "product": "EQUITY",
    "side": "BUY",
    "instrument": "US0378331005",
    "quantity": "100",
    "price": "187.25",
    "currency": "USD",
    "counterparty": "BROKER-01",
    "book": "EQ-US",
    "trader": "jdoe",
    "trade_date": "2026-11-23",
    "settlement_date": "2026-11-25",
    "fees": [{"type": "COMMISSION", "amount": "1.95", "currency": "USD"}],
}
FX: dict[str, Any] = {
    "source": "FO-FX",
    "source_ref": "F-1",
    "product": "FX_SPOT",
    "counterparty": "BROKER-01",
    "book": "EQ-US",
    "trader": "asmith",
    "trade_date": "2026-11-23",
    "settlement_date": "2026-11-25",
    "terms": {
        "bought": {"currency": "EUR", "amount": "1000000.00"},
        "sold": {"currency": "USD", "amount": "1085000.00"},
        "rate": "1.085",
    },
}
GOODS: dict[str, Any] = {
    "source": "SHOP",
    "source_ref": "O-1",
    "product": "GOODS",
    "side": "SELL",
    "currency": "USD",
    "counterparty": "BROKER-01",
    "book": "EQ-US",
    "trade_date": "2026-11-23",
    "settlement_date": "2026-11-25",
    "terms": {
        "lines": [
            {"sku": "SKU-1", "description": "Ceramic mug", "quantity": "12", "unit_price": "4.25"},
            {"sku": "SKU-2", "description": "Tea towel", "quantity": "6", "unit_price": "7.50"},
        ]
    },
}


def minute(n: int) -> datetime:
    """Return the moment some minutes after NOW."""
    return NOW + timedelta(minutes=n)


def reference_data() -> None:
    """Store a party, its book, an equity, two goods and the rates of EUR (base) against USD."""
    entity = Party.objects.create(code="OURS", name="Ours", role=Party.Role.ENTITY)
    Party.objects.create(code="BROKER-01", name="Broker", lei="529900T8BM49AURSDO55")
    Book.objects.create(code="EQ-US", desk="EQ", entity=entity)
    Instrument.objects.create(code="US0378331005", name="Apple", product_class="EQUITY", currency="USD")
    for sku in ("SKU-1", "SKU-2"):
        Instrument.objects.create(code=sku, scheme="SKU", name=sku, product_class="GOODS", currency="USD")
    FxRate.objects.create(currency="USD", date=TODAY, rate=Decimal("0.92"))


def captured(document: dict[str, Any], **changes: Any) -> int:
    """Capture a trade as a front office sends it, and return its id."""
    message = read_message(msgspec.json.encode({**document, **changes}))
    return capture_trades(messages=[message], actor=Actor("client:fo"), at=NOW)[0].trade_id


def held(document: dict[str, Any], *, codes: Sequence[str] = ("OFF_MARKET_PRICE",), **changes: Any) -> int:
    """Capture a trade and hold it with an open blocking finding of each code, as the checks do."""
    trade_id = captured(document, **changes)
    hold(trade_id, codes=codes)
    return trade_id


def hold(trade_id: int, *, codes: Sequence[str] = ("OFF_MARKET_PRICE",), version: int = 1) -> None:
    """Hold a captured trade."""
    checks = Actor("system:checks")
    add_findings(
        findings=[
            NewFinding(trade_id, version, code, "BLOCK", "price", f"{code}!", "187", "200") for code in codes
        ],
        at=NOW,
    )
    move_trades(trade_ids=[trade_id], source=State.CAPTURED, target=State.EXCEPTION, at=NOW, actor=checks)
    kinds: dict[str, list[str]] = {}
    for code in codes:
        kinds.setdefault(kind_of_code(code), []).append(code)
    open_exceptions(
        items=[
            NewException(trade_id, kind, told, "held", Decimal("17227"), LATER)
            for kind, told in kinds.items()
        ],
        at=NOW,
        actor=checks,
    )


def person(name: str, **fields: Any) -> User:
    """Store a user of the console."""
    return User.objects.create(username=name, **fields)


def state_of(trade_id: int) -> tuple[State, int]:
    """Return the state and the current version of a trade."""
    found = sql.row("SELECT state, version FROM trades_state WHERE trade_id = %s", [trade_id])
    assert found is not None
    return State(found[0]), found[1]


def version_of(trade_id: int, version: int) -> dict[str, Any]:
    """Return one version of a trade, by column."""
    (found,) = sql.records(
        "SELECT * FROM trades_version WHERE trade_id = %s AND version = %s", [trade_id, version]
    )
    found["fees"], found["terms"] = sql.json_value(found["fees"]), sql.json_value(found["terms"])
    return found


def events_of(trade_id: int, *types: str) -> list[tuple[Any, ...]]:
    """Return (type, version, actor, request id, reason, data) of a trade's events, of some types if given."""
    return [
        (*rest, sql.json_value(data))
        for *rest, data in sql.rows(
            "SELECT type, version, actor, request_id, reason, data FROM core_event"
            " WHERE subject = 'trade' AND subject_id = %s ORDER BY id",
            [trade_id],
        )
        if not types or rest[0] in types
    ]


_WRITTEN = (
    "trades_version", "trades_state", "trades_finding", "trades_exception", "trades_override", "trades_comment",
    "core_event", "core_work", "core_proposal",
)  # fmt: skip


def all_written() -> dict[str, list[str]]:
    """Return everything that services of trades write, to compare before and after a refusal."""
    return {
        table: [text for (text,) in sql.rows(f"SELECT t::text FROM {table} t ORDER BY 1")]
        for table in _WRITTEN
    }


def race(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls at the same moment in threads with their own connections; return results or errors."""
    barrier = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(at: int, call: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(10)
            results[at] = call()
        except Exception as error:
            results[at] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(at, call)) for at, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results
