"""How the API shows batches and claims."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.four_eyes import amount_text
from core.ids import BATCH, CLAIM, INSTRUCTION, TRADE, public_id
from core.money import format_amount, format_number
from core.sql import json_value
from settlement.forecast import OPEN, UNCLAIMED, CutOffAhead
from settlement.services.standing import Standing


def batch_links(reference: str) -> dict[str, str]:
    """Return where the parts of a batch are."""
    base = f"/api/v1/settlement-batches/{reference}"
    return {
        "self": base,
        "instructions": f"{base}/instructions",
        "statuses": f"{base}/statuses",
        "claims": f"{base}/claims",
        "acknowledgements": f"{base}/acknowledgements",
    }


def cut_off_document(line: CutOffAhead, *, now: datetime) -> dict[str, Any]:
    """Return a cut-off to come as JSON-ready data, with what is open against it."""
    channel, market, currency = line.place
    return {
        "channel": channel,
        "market": market,
        "currency": currency,
        "value_date": line.value_date,
        "cut_off_at": line.at,
        "seconds_left": math.ceil((line.at - now).total_seconds()),
        "open": {name: line.open[name] for name in (*OPEN.values(), UNCLAIMED)},
        "open_is_capped": line.capped,
        "pace": {
            "checked_in_60_minutes": line.checked[0],
            "checked_in_30_minutes": line.checked[1],
            "freed_in_60_minutes": line.worked[0],
            "freed_in_30_minutes": line.worked[1],
        },
        "expected_to_miss": line.expected_to_miss(now),
    }


def batch_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a batch as JSON-ready data."""
    reference = public_id(BATCH, row["id"])
    names = ("channel", "sequence", "status", "value_date", "sealed_at", "instruction_count", "trade_count")
    return {
        "id": reference,
        **{name: row[name] for name in names},
        "control_totals": json_value(row["control_totals"]),
        "byte_count": row["byte_count"],
        "sha256": row["sha256"],
        "progress": {name: row[name] for name in ("accepted", "rejected", "settled")},
        "first_claimed_at": row["claimed_at"],
        "recalled_at": row["recalled_at"],
        "release": release_document(row) if row["to_release"] else None,
        "manifest": manifest_document(row),
        "links": batch_links(reference),
    }


def release_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return that two people must let a batch go, for what it amounts to in base currency, and when they did."""
    return {"amount": amount_text(row["release_amount"]), "released_at": row["released_at"]}


def manifest_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a batch's manifest as JSON-ready data: what is signed, its hash, and the signature."""
    return {
        "statement": json_value(row["statement"]),
        "hash": row["manifest_hash"],
        "key_id": row["key_id"],
        "signature": row["signature"],
    }


def instruction_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an instruction as JSON-ready data: what it is, what it cancels and replaces, what was said of it."""
    reference = public_id(INSTRUCTION, row["id"])
    cancellation = row["cancellation_id"]
    return {
        **status_document(row),
        "batch": public_id(BATCH, row["batch_id"]),
        **{name: row[name] for name in ("channel", "asset_kind", "value_date")},
        "counterparty": row["counterparty_code"],
        "legs": row["gross_count"],
        "kind": "CANCEL" if row["cancels"] else "NEW",
        "cancels": public_id(INSTRUCTION, row["cancels"]) if row["cancels"] else None,
        "replaces": [public_id(INSTRUCTION, each) for each in row["replaces"] or ()],
        "settlement_type": row["settlement_type"],
        "linked": public_id(INSTRUCTION, row["linked_id"]) if row["linked_id"] else None,
        "shape": {
            "number": row["shape"],
            "of": row["shapes"],
            "common_reference": public_id(INSTRUCTION, row["shaped_with"]),
        }
        if row["shape"]
        else None,
        "recalled": row["recalled"],
        "cancelled_by": public_id(INSTRUCTION, cancellation) if cancellation else None,
        "links": {
            "self": f"/api/v1/settlement-instructions/{reference}",
            "legs": f"/api/v1/settlement-instructions/{reference}/legs",
        },
    }


def leg_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a gross leg as JSON-ready data."""
    quantity = row["quantity"]
    cash = row["asset_kind"] == "CASH"
    return {
        "trade": {
            "id": public_id(TRADE, row["trade_id"]),
            **{name: row[name] for name in ("version", "source", "source_ref")},
        },
        **{name: row[name] for name in ("leg", "attempt", "asset", "direction", "value_date")},
        "quantity": format_amount(quantity, row["asset"]) if cash else format_number(quantity),
    }


def status_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the back office said of an instruction as JSON-ready data."""
    cash = row["asset_kind"] == "CASH"
    shown = {
        name: format_amount(row[name], row["asset"]) if cash else format_number(row[name])
        for name in ("quantity", "settled_quantity", "remaining_quantity")
    }
    return {
        "instruction": public_id(INSTRUCTION, row["id"]),
        **{name: row[name] for name in ("line", "asset", "direction")},
        "quantity": shown["quantity"],
        "processing": row["processing"],
        "processing_reason": row["processing_reason"],
        "matching": row["matching"] or None,
        "matching_reasons": _reasons(row["matching_reason"]),
        "settlement": row["settlement"],
        "settlement_reasons": _reasons(row["settlement_reason"]),
        "settled_quantity": shown["settled_quantity"],
        "remaining_quantity": shown["remaining_quantity"],
        "cancellation": row["cancellation"] or None,
        "cancellation_reasons": _reasons(row["cancellation_reason"]),
        "recalled": row["recalled"],
    }


def standing_document(standing: Standing) -> dict[str, str]:
    """Return where an instruction stands after a report: of matching and cancellation only what was said."""
    said = {"matching": standing.matching, "cancellation": standing.cancellation}
    return {"settlement": standing.settlement, **{axis: value for axis, value in said.items() if value}}


def _reasons(text: str) -> list[str]:
    return [each for each in text.split(", ") if each]


def claim_document(row: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return a claim as JSON-ready data. It is open until it was ended or has run out."""
    return {
        "id": public_id(CLAIM, row["id"]),
        "batch": public_id(BATCH, row["batch_id"]),
        "client": row["client_name"],
        "claimed_at": row["claimed_at"],
        "expires_at": row["expires_at"],
        "ended_at": row["ended_at"],
        "open": row["ended_at"] is None and row["expires_at"] > now,
    }
