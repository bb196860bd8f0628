"""Signatures of the installation: ed25519 (RFC 8032), each with the id of the key that made it.

The private key is a setting and never stored. The public half of every key that has signed is kept for ever, so
that after a rotation what was signed before can still be verified.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from core import sql
from core.audit import record, system

ALGORITHM = "ed25519"


@dataclass(frozen=True)
class Signature:
    """A signature in base64, and the id of the key that verifies it."""

    key_id: str
    value: str


def sign(text: str) -> Signature:
    """Return the signature of a text's UTF-8 bytes by the present key."""
    return Signature(present_key_id(), to_base64(_private_key().sign(text.encode())))


def public_key() -> str:
    """Return the public half of the present key, in base64."""
    return to_base64(_public_bytes())


def present_key_id() -> str:
    """Return the id of the present key: the first 16 hex digits of the SHA-256 of its public half."""
    return hashlib.sha256(_public_bytes()).hexdigest()[:16]


_KEEP = """
INSERT INTO core_signing_key (key_id, algorithm, public_key, first_used_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (key_id) DO NOTHING RETURNING id
"""


def keep_public_key(*, now: datetime) -> None:
    """Keep the public half of the present key, in the transaction of what it signs; the log tells of a new one."""
    key_id = present_key_id()
    if sql.row("SELECT 1 FROM core_signing_key WHERE key_id = %s", [key_id]):
        return
    made = sql.row(_KEEP, [key_id, ALGORITHM, public_key(), now])
    if made is not None:
        record(
            type="signing_key.first_used",
            subject="signing_key",
            ids=[made[0]],
            actor=system("signing"),
            at=now,
            data={"key_id": key_id, "public_key": public_key()},
        )


def public_keys() -> list[dict[str, Any]]:
    """Return every public key that has signed, and the present one, the first used first.

    Each has `key_id`, `algorithm`, `public_key` (base64), `first_used_at` (None for one that has not signed yet) and
    `present`.
    """
    present = present_key_id()
    kept = sql.records(
        "SELECT key_id, algorithm, public_key, first_used_at FROM core_signing_key ORDER BY id"
    )
    if all(each["key_id"] != present for each in kept):
        kept.append(
            {"key_id": present, "algorithm": ALGORITHM, "public_key": public_key(), "first_used_at": None}
        )
    return [{**each, "present": each["key_id"] == present} for each in kept]


def to_base64(data: bytes) -> str:
    """Return bytes in base64, as text."""
    return base64.b64encode(data).decode()


def _private_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(settings.AUDIT_SIGNING_KEY)


def _public_bytes() -> bytes:
    return _private_key().public_key().public_bytes_raw()
