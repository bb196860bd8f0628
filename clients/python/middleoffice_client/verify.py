"""Whether what was pulled is what was sealed: its hash, and its manifest's signature where there is one.

A manifest is `{"statement": …, "hash": …, "key_id": …, "signature": …}`. Its statement says, among other things,
`batch`, `channel`, `sequence` and `sha256`; the signature (ed25519, RFC 8032, base64) is over the statement as JSON in
UTF-8 with sorted keys and without spaces, and the hash is the SHA-256 of the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from middleoffice_client.api import Batch

_BLOCK = 1024 * 1024


class NotAuthentic(Exception):  # noqa: N818
    """What was pulled is not what was sealed, or nobody who is trusted says so."""


@dataclass(frozen=True)
class Trust:
    """The public keys that are trusted, by their id. With none, no signature is asked for: only the hash."""

    keys: Mapping[str, Ed25519PublicKey] = field(default_factory=dict)

    @classmethod
    def of(cls, public_keys: Iterable[str]) -> Trust:
        """Return trust in public keys in base64; ValueError for one that is none."""
        return cls({key_id(raw): Ed25519PublicKey.from_public_bytes(raw) for raw in map(_raw, public_keys)})

    def verify(self, batch: Batch) -> None:
        """Raise NotAuthentic unless the batch's manifest is of this batch and signed by a trusted key."""
        if not self.keys:
            return
        if batch.manifest is None:
            raise NotAuthentic(f"{batch.id} has no manifest, and signatures are asked for")
        statement = batch.manifest.get("statement")
        if not isinstance(statement, dict):
            raise NotAuthentic(f"the manifest of {batch.id} has no statement")
        signed = canonical(statement)
        if hashlib.sha256(signed).hexdigest() != batch.manifest.get("hash"):
            raise NotAuthentic(f"the manifest of {batch.id} is not what its hash says")
        key = self.keys.get(str(batch.manifest.get("key_id")))
        if key is None:
            raise NotAuthentic(f"the manifest of {batch.id} is signed by a key that is not trusted")
        try:
            key.verify(_raw(str(batch.manifest.get("signature"))), signed)
        except (InvalidSignature, ValueError):
            raise NotAuthentic(f"the signature of the manifest of {batch.id} is wrong") from None
        told = {
            "batch": batch.id,
            "channel": batch.channel,
            "sequence": batch.sequence,
            "sha256": batch.sha256,
        }
        for name, value in told.items():
            if statement.get(name) != value:
                raise NotAuthentic(f"the manifest of {batch.id} says another {name}")


def verify_bytes(batch: Batch, path: Path) -> None:
    """Raise NotAuthentic unless a file has exactly the bytes of a batch."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    if digest.hexdigest() != batch.sha256:
        raise NotAuthentic(
            f"what was pulled of {batch.id} has the hash {digest.hexdigest()}, not {batch.sha256}"
        )


def canonical(statement: Mapping[str, Any]) -> bytes:
    """Return the bytes of a statement that are hashed and signed."""
    return json.dumps(statement, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def key_id(raw: bytes) -> str:
    """Return the id of a public key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(raw).hexdigest()[:16]


def _raw(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from None
