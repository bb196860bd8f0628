"""The rows of a batch, whatever its lines are: its number in its channel, and the batch itself once its pages stand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from core import sql
from core.audit import Actor, encode, record
from settlement.selectors import content

BATCH = "batch"  # the subject of a batch's events

Totals = Mapping[str, Mapping[str, Mapping[str, Any]]]

_NEXT = """
UPDATE settlement_channel SET last_sequence = last_sequence + 1 WHERE code = %s
RETURNING last_sequence, nextval(pg_get_serial_sequence('settlement_batch', 'id'))
"""
_INSERT = """
INSERT INTO settlement_batch
    (id, channel_id, sequence, value_date, sealed_at, sealed_by, instruction_count, trade_count, control_totals,
     byte_count, sha256)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s)
"""
_INSERT_STATE = """
INSERT INTO settlement_batch_state (batch_id, instruction_count, accepted, rejected, settled)
VALUES (%s, %s, 0, 0, 0)
"""


@dataclass(frozen=True)
class Written:
    """A batch whose pages are stored. count: of its lines. totals: asset → direction → {"count", "sum"}."""

    id: int
    channel: str
    sequence: int
    value_date: date
    count: int
    trade_count: int
    totals: Totals


def next_number(channel: str) -> tuple[int, int]:
    """Return the channel's next sequence number and the id of the batch that takes it.

    The channel's row stays locked to the end of the transaction: a number is taken only with its batch. LookupError
    when there is no such channel.
    """
    numbers = sql.row(_NEXT, [channel])
    if numbers is None:
        raise LookupError(f"there is no settlement channel {channel}")
    return int(numbers[0]), int(numbers[1])


def write_batch(batch: Written, *, actor: Actor, now: datetime) -> None:
    """Store a batch with the hash of its pages, and tell the log."""
    size, digest = _hash(batch.id)
    sql.run(
        _INSERT,
        [
            batch.id,
            batch.channel,
            batch.sequence,
            batch.value_date,
            now,
            actor.name,
            batch.count,
            batch.trade_count,
            encode(batch.totals),
            size,
            digest,
        ],
    )
    sql.run(_INSERT_STATE, [batch.id, batch.count])
    record(
        type="batch.sealed",
        subject=BATCH,
        ids=[batch.id],
        actor=actor,
        at=now,
        data={"channel": batch.channel, "sequence": batch.sequence, "sha256": digest},
    )


def _hash(batch_id: int) -> tuple[int, str]:
    """Return the size and SHA-256 of a batch's bytes, read page by page: memory stays flat at any size."""
    digest, size = hashlib.sha256(), 0
    for chunk in content(batch_id):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()
