"""How the API shows a trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from core.ids import TRADE, public_id
from core.money import format_amount, format_number
from core.sql import json_value
from trades.lifecycle import State


def trade_links(reference: str) -> dict[str, str]:
    """Return where the parts of a trade are."""
    base = f"/api/v1/trades/{reference}"
    return {"self": base, "events": f"{base}/events", "allocations": f"{base}/allocations"}


def trade_document(
    row: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]] | None = None,
    parts: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return a trade as JSON-ready data from a row of its current version joined with its state.

    `findings`: None leaves them and the parts out (lists), a sequence shows them (single reads). `parts`: those of
    an allocated block.
    """
    currency, contra, executed_at = row["currency"], row["contra_currency"], row["executed_at"]
    reference = public_id(TRADE, row["trade_id"])
    document = {
        "id": reference,
        "status": State(row["state"]).name,
        "version": row["version"],
        "source": row["source"],
        "source_ref": row["source_ref"],
        "source_version": row["source_version"],
        "block": public_id(TRADE, row["block_id"]) if row["block_id"] else None,
        "product": row["product"],
        "side": row["side"],
        "instrument": row["instrument_ref"],
        "counterparty": row["counterparty_ref"],
        "book": row["book_ref"],
        "trader": row["trader"],
        "quantity": format_number(row["quantity"]),
        "price": format_number(row["price"]),
        "currency": currency,
        "gross_amount": format_amount(row["gross_amount"], currency),
        "net_amount": format_amount(row["net_amount"], currency),
        "contra_currency": contra,
        "contra_amount": format_amount(row["contra_amount"], contra) if contra else None,
        "trade_date": row["trade_date"],
        "settlement_date": row["settlement_date"],
        "executed_at": executed_at and executed_at.astimezone(UTC),
        "fees": json_value(row["fees"]) or [],
        "terms": _terms(json_value(row["terms"]) or {}),
        "effective_at": row["effective_at"].astimezone(UTC),
        "recorded_at": row["recorded_at"],
        "changed_at": row["changed_at"],
        "links": trade_links(reference),
    }
    if findings is not None:
        document["findings"] = [finding_document(each) for each in findings]
        document["parts"] = [part_document(each) for each in parts]
    return document


def part_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part of a block in short: what never changes of it."""
    return {
        "id": public_id(TRADE, row["trade_id"]),
        "source_ref": row["source_ref"],
        "quantity": format_number(row["quantity"]),
    }


def _terms(terms: dict[str, Any]) -> dict[str, Any]:
    """Return the terms without the numbers of our own tables: a line names its article by its SKU."""
    if "lines" not in terms:
        return terms
    lines = [{name: line[name] for name in line if name != "instrument_id"} for line in terms["lines"]]
    return {**terms, "lines": lines}


def finding_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a finding as JSON-ready data: with how the check was set and what it compared, where a check says it."""
    names = ("code", "severity", "subject", "message", "expected", "actual", "version", "parameter_version")
    times = ("found_at", "closed_at", "closing")
    return {
        **{name: row[name] for name in names},
        "inputs": json_value(row["inputs"]),
        **{name: row[name] for name in times},
    }


def event_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event of a trade's timeline as JSON-ready data."""
    names = ("id", "recorded_at", "type", "version", "actor", "request_id", "reason")
    return {**{name: row[name] for name in names}, "data": json_value(row["data"])}
