"""Manifests: what was sealed as a batch, chained to the manifest before it in its channel, and signed.

Written in the transaction of the seal. A back office that keeps the last manifest of a channel can tell whether
any batch up to it was changed, left out, put in or moved. `settlement/verification.py` reads the format on its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from core import sql
from core.ids import BATCH, public_id
from core.seals import GENESIS, json_text
from core.signing import keep_public_key, sign
from core.sql import json_value

FORMAT = 1

_UNSIGNED = """
SELECT b.id, b.channel_id AS channel, b.sequence, b.value_date, b.sealed_at, b.instruction_count, b.trade_count,
       b.control_totals, b.byte_count, b.sha256
FROM settlement_batch b
WHERE b.channel_id = ANY(%s) AND b.sequence > coalesce((
    SELECT max(m.sequence) FROM settlement_batch_manifest m WHERE m.channel = b.channel_id), 0)
ORDER BY b.channel_id, b.sequence
"""
_LAST = """
SELECT DISTINCT ON (channel) channel, hash FROM settlement_batch_manifest
WHERE channel = ANY(%s) ORDER BY channel, sequence DESC
"""
_STORE = """
INSERT INTO settlement_batch_manifest (batch_id, channel, sequence, statement, hash, key_id, signature)
SELECT * FROM unnest(%(ids)s::bigint[], %(channels)s::text[], %(sequences)s::bigint[], %(statements)s::text[],
                     %(hashes)s::text[], %(keys)s::text[], %(signatures)s::text[])
"""


def write_manifests(*, channels: Sequence[str], now: datetime) -> int:
    """Write the manifests of the channels' batches that have none, and return how many.

    Whoever seals holds the lock that lets one seal run at a time: nobody else adds to a chain meanwhile.
    """
    with transaction.atomic():
        batches = sql.records(_UNSIGNED, [list(channels)])
        if not batches:
            return 0
        keep_public_key(now=now)
        before = dict(sql.rows(_LAST, [list(channels)]))
        made = []
        for batch in batches:
            text = json_text(_statement(batch, before.get(batch["channel"], GENESIS)))
            before[batch["channel"]] = digest = hashlib.sha256(text.encode()).hexdigest()
            signature = sign(text)
            made.append((text, digest, signature.key_id, signature.value))
        texts, digests, keys, signatures = (list(each) for each in zip(*made, strict=True))
        sql.run(
            _STORE,
            {
                "ids": [batch["id"] for batch in batches],
                "channels": [batch["channel"] for batch in batches],
                "sequences": [batch["sequence"] for batch in batches],
                "statements": texts,
                "hashes": digests,
                "keys": keys,
                "signatures": signatures,
            },
        )
    return len(batches)


def _statement(batch: Mapping[str, Any], previous: str) -> dict[str, Any]:
    """Return what a manifest says: texts, counts and totals only, so that everybody writes it alike as JSON."""
    same = ("channel", "sequence", "instruction_count", "trade_count", "byte_count", "sha256")
    return {
        "format": FORMAT,
        "batch": public_id(BATCH, batch["id"]),
        **{name: batch[name] for name in same},
        "value_date": batch["value_date"].isoformat(),
        "sealed_at": batch["sealed_at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "control_totals": json_value(batch["control_totals"]),
        "previous": previous,
    }
