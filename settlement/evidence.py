"""What settlement contributes to evidence packs: of a trade its legs and what was sent of them, of a batch all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import IO

from core import sql
from core.audit import Actor
from core.evidence import Section, Wanted, pack_bytes
from core.ids import BATCH, public_id
from settlement.selectors import content

_INSTRUCTIONS_OF_TRADES = """
FROM (SELECT DISTINCT trade_id, instruction_id FROM settlement_obligation WHERE trade_id = ANY(%s)) AS o
"""

SECTIONS = (
    Section(
        "obligations",
        "Obligations",
        "trade",
        "SELECT trade_id AS trade, leg, attempt, version, instruction_id, asset_kind, asset, direction, quantity,"
        " value_date FROM settlement_obligation WHERE trade_id = ANY(%s) ORDER BY trade_id, leg, attempt",
    ),
    Section(
        "instructions",
        "Instructions, as they were sent",
        "trade",
        "SELECT o.trade_id AS trade, i.id, i.batch_id, i.line, s.processing, s.processing_reason, s.settlement,"
        " s.settlement_reason, s.settled_quantity, s.matching, s.matching_reason, s.cancellation,"
        " s.cancellation_reason, s.changed_at,"
        " split_part(convert_from(p.content, 'UTF8'), E'\\n', i.line - p.first_line + 1) AS sent"
        f" {_INSTRUCTIONS_OF_TRADES} JOIN settlement_instruction i ON i.id = o.instruction_id"
        " JOIN settlement_instruction_state s ON s.instruction_id = i.id"
        " JOIN settlement_batch_page p ON p.batch_id = i.batch_id"
        " AND i.line BETWEEN p.first_line AND p.first_line + p.line_count - 1"
        " ORDER BY o.trade_id, i.id",
    ),
    Section(
        "reports",
        "What the back office reported",
        "trade",
        "SELECT o.trade_id AS trade, r.instruction_id, r.kind, r.reason, r.quantity, r.reported_by, r.reported_at"
        f" {_INSTRUCTIONS_OF_TRADES} JOIN settlement_status_report r ON r.instruction_id = o.instruction_id"
        " ORDER BY o.trade_id, r.id",
    ),
    Section(
        "batches",
        "Batches",
        "batch",
        "SELECT b.id AS batch, b.channel_id AS channel, b.sequence, b.value_date, b.sealed_at, b.sealed_by,"
        " b.instruction_count, b.trade_count, b.control_totals, b.byte_count, b.sha256, s.accepted, s.rejected,"
        " s.settled, s.claimed_at, s.recalled_at"
        " FROM settlement_batch b JOIN settlement_batch_state s ON s.batch_id = b.id"
        " WHERE b.id = ANY(%s) ORDER BY b.id",
    ),
    Section(
        "batch_records",
        "Records of other apps, and what was answered",
        "batch",
        "SELECT batch_id AS batch, line, channel, record_id, attempt, asset, quantities, status, reason, answered_at,"
        " again_in FROM settlement_record WHERE batch_id = ANY(%s) ORDER BY batch_id, line",
    ),
    Section(
        "manifests",
        "Signed manifests",
        "batch",
        "SELECT m.batch_id AS batch, m.statement, m.hash, m.key_id, m.signature, k.public_key"
        " FROM settlement_batch_manifest m JOIN core_signing_key k ON k.key_id = m.key_id"
        " WHERE m.batch_id = ANY(%s) ORDER BY m.batch_id",
    ),
    Section(
        "batch_recalls",
        "Recalls of batches",
        "batch",
        "SELECT batch_id AS batch, id, state, reason, requested_by, requested_at, answered_by, answered_at,"
        " answer_reason FROM settlement_batch_recall WHERE batch_id = ANY(%s) ORDER BY batch_id, id",
    ),
    Section(
        "claims",
        "Claims",
        "batch",
        "SELECT batch_id AS batch, id, client_name, claimed_at, expires_at, ended_at FROM settlement_batch_claim"
        " WHERE batch_id = ANY(%s) ORDER BY batch_id, id",
    ),
)


def contents(batch_ids: Sequence[int]) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yield the canonical bytes of batches, the file named by the batch's database id."""
    for batch_id in batch_ids:
        yield f"{batch_id}.ndjson", content(batch_id)


def evidence_of_batch(batch_id: int, *, actor: Actor, now: datetime) -> IO[bytes]:
    """Return the evidence pack of a batch and of every trade behind it. Problem 413 when those are too many."""
    trades = sql.rows(
        "SELECT DISTINCT unnest(trade_ids) FROM settlement_instruction WHERE batch_id = %s ORDER BY 1",
        [batch_id],
    )
    title = f"Evidence of {public_id(BATCH, batch_id)}"
    subjects = {"batch": [batch_id], "trade": [trade_id for (trade_id,) in trades]}
    return pack_bytes(wanted=Wanted(title, subjects), actor=actor, now=now)
