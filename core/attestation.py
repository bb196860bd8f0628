"""A signed statement of how far the log went on a day: against it, a tail that was cut off shows."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from core import sql
from core.seals import json_text

FORMAT = 1


def public_key() -> str:
    """Return the public half of the key that signs, in base64: what auditors keep."""
    return _base64(_private_key().public_key().public_bytes_raw())


def attest(*, day: date) -> dict[str, Any] | None:
    """Return the signed statement of the last seal made before the end of a day in UTC; None without one.

    Made again it is the same to the byte, whatever was sealed since.
    """
    end = datetime.combine(day + timedelta(days=1), time(), UTC)
    found = sql.row(
        "SELECT sequence, hash, root, last_id, total_count, sealed_at FROM core_audit_seal"
        " WHERE sealed_at < %s ORDER BY sequence DESC LIMIT 1",
        [end],
    )
    if found is None:
        return None
    sequence, seal_hash, root, last_id, total_count, sealed_at = found
    statement = {
        "format": FORMAT,
        "date": day.isoformat(),
        "sequence": sequence,
        "seal_hash": seal_hash,
        "root": root,
        "last_id": last_id,
        "total_count": total_count,
        "sealed_at": sealed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    signature = _private_key().sign(json_text(statement).encode())
    return {"statement": statement, "signature": _base64(signature), "public_key": public_key()}


def _private_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(settings.AUDIT_SIGNING_KEY)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
