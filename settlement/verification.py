"""The batches read again by somebody else: finds the first that is not as it was sealed.

This module imports nothing of the product but the reading of a log (import-linter sees to it), so that a fault of
the seal is not repeated here. Of each channel, from its first batch to its last: the manifest against its hash, its
signature and the manifest before; the batch's row and what the log told of it against the manifest; the bytes
against hash, size, count and control totals; the rows of the instructions, or records, against the bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.verification import Database

FORMAT = 1
_GENESIS = "0" * 64
_FACTS = (
    "channel",
    "sequence",
    "value_date",
    "sealed_at",
    "instruction_count",
    "trade_count",
    "byte_count",
    "sha256",
)


@dataclass(frozen=True)
class Fault:
    """The first batch that is not as it was sealed: its channel and sequence number, and what is wrong."""

    channel: str
    sequence: int
    what: str

    def __str__(self) -> str:
        return f"{self.channel} {self.sequence} {self.what}"


@dataclass(frozen=True)
class Kept:
    """A manifest that somebody has kept: the chain of its channel must contain it."""

    channel: str
    sequence: int
    hash: str


@dataclass(frozen=True)
class Outcome:
    """What a verification found: how many batches and instructions are intact, and the first fault, if any."""

    batches: int
    instructions: int
    fault: Fault | None


def read_manifest(content: bytes) -> Kept:
    """Return what a kept manifest says, as the API gave it; ValueError when it is none.

    Its own hash is computed here, not believed.
    """
    try:
        statement = json.loads(content)["statement"]
        return Kept(str(statement["channel"]), int(statement["sequence"]), _sha256(_canonical(statement)))
    except (KeyError, TypeError) as error:
        raise ValueError("it is not a manifest") from error


def read_keys(database: Database) -> dict[str, str]:
    """Return the public keys that have signed, in base64, by key id."""
    return dict(_rows(database, "SELECT key_id, public_key FROM core_signing_key"))


def key_id_of(public_key: str) -> str:
    """Return the id of a public key in base64; ValueError when it is none."""
    raw = base64.b64decode(public_key, validate=True)
    Ed25519PublicKey.from_public_bytes(raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def count_batches(database: Database) -> int:
    """Return how many batches there are: the length of a verification."""
    return int(_rows(database, "SELECT count(*) FROM settlement_batch")[0][0])


def verify(
    database: Database,
    *,
    keys: Mapping[str, str],
    kept: Kept | None = None,
    on_batch: Callable[[], None] = lambda: None,
) -> Outcome:
    """Read every batch, by channel and sequence, up to the first fault. One page of a batch is in memory at a time.

    keys: the public keys that are trusted, in base64, by key id. kept: a manifest that its channel must contain,
    so that a chain that was cut and made anew shows. `on_batch` is called after each intact batch.
    """
    told = {(channel, sequence): rest for channel, sequence, *rest in _rows(database, _TOLD)}
    batches = instructions = 0
    for channel, last in _lengths(database, told, kept):
        previous = _GENESIS
        for sequence in range(1, last + 1):
            found = _Found.read(database, channel, sequence, told.get((channel, sequence)))
            what = found.wrong_as_told() or found.wrong_with_manifest(previous, keys, kept)
            what = what or found.wrong_with_row() or _wrong_with_bytes(database, found)
            if what is not None:
                return Outcome(batches, instructions, Fault(channel, sequence, what))
            previous = found.manifest["hash"]
            batches, instructions = batches + 1, instructions + found.batch["instruction_count"]
            on_batch()
    return Outcome(batches, instructions, None)


# The log is sealed by itself: what it tells of batches is a second witness.
_TOLD = """
SELECT data->>'channel', (data->>'sequence')::bigint, subject_id, data->>'sha256' FROM core_event
WHERE subject = 'batch' AND type = 'batch.sealed'
"""
_LENGTHS = """
SELECT channel, max(last) FROM (
    SELECT code AS channel, last_sequence AS last FROM settlement_channel
    UNION ALL SELECT channel_id, max(sequence) FROM settlement_batch GROUP BY 1
    UNION ALL SELECT channel, max(sequence) FROM settlement_batch_manifest GROUP BY 1
) AS known GROUP BY channel
"""


def _lengths(
    database: Database, told: Mapping[tuple[str, int], Any], kept: Kept | None
) -> list[tuple[str, int]]:
    """Return how many batches each channel has had, by all that anybody knows of it."""
    lengths = {channel: int(last or 0) for channel, last in _rows(database, _LENGTHS)}
    known = [*told, *([(kept.channel, kept.sequence)] if kept else [])]
    for channel, sequence in known:
        lengths[channel] = max(lengths.get(channel, 0), sequence)
    return sorted(lengths.items())


@dataclass
class _Found:
    """What is known of one place in a channel's sequence: the batch's row, its manifest, and what the log told."""

    batch: dict[str, Any]
    manifest: dict[str, Any]
    told: Sequence[Any] | None
    statement: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, database: Database, channel: str, sequence: int, told: Sequence[Any] | None) -> _Found:
        batch = _one(database, _BATCH, [channel, sequence])
        manifest = _one(database, _MANIFEST, [channel, sequence])
        return cls(batch, manifest, told)

    def wrong_as_told(self) -> str | None:
        if not self.batch:
            return "is missing"
        if self.told is None:
            return "was inserted: the log does not tell of it"
        if [self.batch["id"], self.batch["sha256"]] != list(self.told):
            return "is not the batch that the log tells of"
        return None if self.manifest else "has lost its manifest"

    def wrong_with_manifest(self, previous: str, keys: Mapping[str, str], kept: Kept | None) -> str | None:
        text = self.manifest["statement"].encode()
        if _sha256(text) != self.manifest["hash"]:
            return "has a manifest that was changed: its hash is another"
        try:
            self.statement = json.loads(text)
        except ValueError:
            return "has a manifest that cannot be read"
        if self.statement.get("format") != FORMAT:
            return "has a manifest of a format that is not known here"
        if self.statement.get("previous") != previous:
            return "has a manifest that does not follow from the one before it"
        place = (self.batch["channel"], self.batch["sequence"])
        if kept is not None and place == (kept.channel, kept.sequence) and kept.hash != self.manifest["hash"]:
            return "has another manifest than the one that was kept"
        return _wrong_with_signature(text, self.manifest, keys)

    def wrong_with_row(self) -> str | None:
        if self.manifest["batch_id"] != self.batch["id"]:
            return "has the manifest of another batch"
        for name in (*_FACTS, "control_totals"):
            if self.batch[name] != self.statement.get(name):
                return f"has another {name} than its manifest says"
        return None


_BATCH = """
SELECT b.id, b.channel_id AS channel, b.sequence, b.value_date, b.sealed_at, b.instruction_count, b.trade_count,
       b.control_totals::text, b.byte_count, b.sha256
FROM settlement_batch b WHERE b.channel_id = %s AND b.sequence = %s
"""
_MANIFEST = """
SELECT batch_id, statement, hash, key_id, signature FROM settlement_batch_manifest
WHERE channel = %s AND sequence = %s
"""


def _wrong_with_signature(text: bytes, manifest: Mapping[str, Any], keys: Mapping[str, str]) -> str | None:
    key = keys.get(manifest["key_id"])
    if key is None:
        return f"is signed with the key {manifest['key_id']}, which is not trusted"
    try:
        signature = base64.b64decode(manifest["signature"], validate=True)
        Ed25519PublicKey.from_public_bytes(base64.b64decode(key)).verify(signature, text)
    except (InvalidSignature, ValueError):
        return "has a manifest that is not signed with its key"
    return None


# --- the bytes


def _wrong_with_bytes(database: Database, found: _Found) -> str | None:
    """Compare a batch's bytes with its manifest, and the rows of its instructions with its bytes."""
    digest, size, line = hashlib.sha256(), 0, 0
    totals: dict[tuple[str, str], list[Any]] = {}
    for number, first_line, content in _pages(database, found.batch["id"]):
        digest.update(content)
        size += len(content)
        lines = content.split(b"\n")[:-1]
        if first_line != line + 1:
            return f"has a gap before its page {number}"
        place = [found.batch["id"], line + 1, line + len(lines)]
        rows = {at: said for at, *said in _rows(database, _LINES, place)}
        records = {at: said for at, *said in _rows(database, _RECORDS, place)}
        for text in lines:
            line += 1
            try:
                document = json.loads(text)
                said = _said_of(document)
            except (ValueError, KeyError, TypeError, ArithmeticError):
                return f"has a line {line} that cannot be read"
            if "record" in document:
                sums = [quantity for _, _, quantity in said]
                if records.get(line) != [
                    document["record"][4:],
                    document["asset"],
                    document["attempt"],
                    sums,
                ]:
                    return f"has a record that is not what its line {line} says"
            elif rows.get(line) != list(said[0]):
                return f"has an instruction that is not what its line {line} says"
            for asset, direction, quantity in said:
                count = totals.setdefault((asset, direction), [0, Decimal(0)])
                count[0] += 1
                count[1] += quantity
    if (size, digest.hexdigest()) != (found.batch["byte_count"], found.batch["sha256"]):
        return "has other bytes than were sealed"
    ((rows_there,),) = _rows(database, _THERE, [found.batch["id"]] * 2)
    if not line == rows_there == found.batch["instruction_count"]:
        return "has not as many instructions as were sealed"
    return None if _same_totals(totals, found.batch["control_totals"]) else "has other totals than its lines"


def _said_of(document: Mapping[str, Any]) -> list[tuple[str, str, Decimal]]:
    """Return what a line adds to the totals, by asset and direction: an instruction once, a record once a direction."""
    if "record" in document:
        return [
            (document["asset"], direction, Decimal(sum_)) for direction, sum_ in document["totals"].items()
        ]
    return [(document["asset"], document["direction"], Decimal(document["quantity"]))]


_THERE = """
SELECT (SELECT count(*) FROM settlement_instruction WHERE batch_id = %s)
     + (SELECT count(*) FROM settlement_record WHERE batch_id = %s)
"""
_RECORDS = """
SELECT line, substr(settlement_public_id('rec', record_id), 5), asset, attempt, quantities FROM settlement_record
WHERE batch_id = %s AND line BETWEEN %s AND %s
"""
_LINES = """
SELECT line, asset, direction, quantity FROM settlement_instruction WHERE batch_id = %s AND line BETWEEN %s AND %s
"""


def _pages(database: Database, batch_id: int) -> Iterator[tuple[int, int, bytes]]:
    number = 0
    statement = (
        "SELECT number, first_line, content FROM settlement_batch_page WHERE batch_id = %s AND number > %s"
        " ORDER BY number LIMIT 1"
    )
    while found := _rows(database, statement, [batch_id, number]):
        ((number, first_line, content),) = found
        yield number, first_line, bytes(content)


def _same_totals(totals: Mapping[tuple[str, str], Sequence[Any]], sealed: Mapping[str, Any]) -> bool:
    """Compare totals by asset and direction; where those of a batch are one hash total, under `*`, sum ours up."""
    ours: dict[tuple[str, str], list[Any]] = {}
    for (asset, direction), (count, total) in totals.items():
        both = ours.setdefault(("*" if "*" in sealed else asset, direction), [0, Decimal(0)])
        both[0] += count
        both[1] += total
    theirs = {
        (asset, direction): [each["count"], Decimal(each["sum"])]
        for asset, directions in sealed.items()
        for direction, each in directions.items()
    }
    return ours == theirs


# --- reading


def _rows(database: Database, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def _one(database: Database, statement: str, parameters: Sequence[Any]) -> dict[str, Any]:
    """Return a row by column, its dates and moments as a manifest writes them; empty when there is none."""
    with database.cursor() as cursor:
        cursor.execute(statement, parameters)
        values = cursor.fetchone()
        names = [column.name for column in cursor.description]
    row = dict(zip(names, values, strict=True)) if values else {}
    if "sealed_at" in row:
        row["sealed_at"] = row["sealed_at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        row["value_date"] = row["value_date"].isoformat()
        row["control_totals"] = json.loads(row["control_totals"])
    return row


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
