"""The log read again by somebody else: finds the first row that is not what was sealed.

This module imports nothing of the product (import-linter sees to it), so that a fault of the writer or the sealer is
not repeated here: it reads the format of `docs/reference/audit-log.md` on its own, row by row, in Python.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = 1
_LOWEST_ID = -(1 << 63)
_SEAL_COLUMNS = (
    "sequence",
    "sealed_at",
    "first_id",
    "last_id",
    "event_count",
    "record_count",
    "total_count",
    "layout",
    "names",
    "leaves",
    "root",
    "previous",
    "hash",
)


class Database(Protocol):
    """A connection whose cursors run statements: Django's or psycopg2's."""

    def cursor(self) -> Any: ...


@dataclass(frozen=True)
class Fault:
    """The first row that is not as it was sealed: its table and key, and what is wrong with it."""

    row: str
    what: str


@dataclass(frozen=True)
class Outcome:
    """What a verification found: how much is sealed and intact, and the first fault, if any."""

    seals: int
    events: int
    unsealed: int
    last_hash: str
    fault: Fault | None


@dataclass(frozen=True)
class Attested:
    """What an attestation says of the chain: the seal it ends with."""

    sequence: int
    hash: str
    total_count: int


def read_attestation(content: bytes, *, public_key: str) -> Attested:
    """Return what a signed attestation says; ValueError when it is none, or not signed with the key (base64)."""
    try:
        document = json.loads(content)
        statement = document["statement"]
        signature = base64.b64decode(document["signature"], validate=True)
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(signature, _canonical(statement))
        if statement["format"] != FORMAT:
            raise ValueError(f"format {statement['format']} is not known here")
        return Attested(statement["sequence"], statement["seal_hash"], statement["total_count"])
    except InvalidSignature:
        raise ValueError("it is not signed with this key") from None
    except (KeyError, TypeError) as error:
        raise ValueError("it is not an attestation") from error


def sealed_count(database: Database) -> int:
    """Return how many events the last seal says are sealed: the length of a verification."""
    found = _rows(database, "SELECT total_count FROM core_audit_seal ORDER BY sequence DESC LIMIT 1")
    return int(found[0][0]) if found else 0


def verify(
    database: Database,
    *,
    attested: Attested | None = None,
    on_seal: Callable[[int], None] = lambda count: None,
) -> Outcome:
    """Read every seal and every sealed row in order, up to the first fault.

    One seal and its rows are in memory at a time. `on_seal` is called with the events of each that is intact.
    With `attested` the chain must also contain that seal: a cut tail shows.
    """
    before: dict[str, Any] = {"sequence": 0, "last_id": 0, "total_count": 0, "hash": "0" * 64}
    fault: Fault | None = None
    met = attested is None
    for seal in _seals(database):
        fault = _seal_fault(seal, before) or _row_fault(database, seal, before)
        if fault is None and attested is not None and seal["sequence"] == attested.sequence:
            met = True
            if (seal["hash"], seal["total_count"]) != (attested.hash, attested.total_count):
                fault = Fault(f"core_audit_seal {seal['sequence']}", "is not the seal that was attested")
        if fault is not None:
            break
        on_seal(seal["event_count"])
        before = seal
    if fault is None and before["sequence"]:
        fault = _unannounced(database, json.loads(before["layout"]))
    if fault is None and not met and attested is not None:
        lost = attested.total_count - before["total_count"]
        what = f"is missing: the log was cut after event {before['last_id']}, {lost} attested events are gone"
        fault = Fault(f"core_audit_seal {before['sequence'] + 1}", what)
    ((unsealed,),) = _rows(database, "SELECT count(*) FROM core_event WHERE id > %s", [before["last_id"]])
    return Outcome(before["sequence"], before["total_count"], unsealed, before["hash"], fault)


def _rows(database: Database, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def _seals(database: Database) -> Iterator[dict[str, Any]]:
    after = _LOWEST_ID
    statement = f"SELECT {', '.join(_SEAL_COLUMNS)} FROM core_audit_seal WHERE sequence > %s ORDER BY sequence LIMIT 1"
    while found := _rows(database, statement, [after]):
        seal = dict(zip(_SEAL_COLUMNS, found[0], strict=True))
        seal["leaves"] = bytes(seal["leaves"])
        yield seal
        after = seal["sequence"]


# --- a seal against itself and the one before


def _seal_fault(seal: dict[str, Any], before: dict[str, Any]) -> Fault | None:
    expected = before["sequence"] + 1
    if seal["sequence"] != expected:
        known = seal["sequence"] > expected
        wrong = f"core_audit_seal {expected}" if known else f"core_audit_seal {seal['sequence']}"
        return Fault(wrong, "is missing" if known else "was inserted")
    what = _wrong_with_seal(seal, before)
    return None if what is None else Fault(f"core_audit_seal {seal['sequence']}", what)


def _wrong_with_seal(seal: dict[str, Any], before: dict[str, Any]) -> str | None:
    count = seal["event_count"] + seal["record_count"]
    if seal["previous"] != before["hash"]:
        return "does not follow from the seal before it"
    if seal["first_id"] != before["last_id"] + 1 or seal["last_id"] < seal["first_id"]:
        return "does not begin where the seal before it ends"
    if seal["event_count"] < 1 or seal["total_count"] != before["total_count"] + seal["event_count"]:
        return "counts other events than it has"
    if len(seal["leaves"]) != 32 * count or seal["names"].count("\n") + 1 != count:
        return "has not as many leaves as rows"
    if _root(_leaves(seal)).hex() != seal["root"]:
        return "has leaves that do not make its root"
    if _hash_of(seal) != seal["hash"]:
        return "was changed: its hash is another"
    return None


def _leaves(seal: dict[str, Any]) -> list[bytes]:
    packed: bytes = seal["leaves"]
    return [packed[at : at + 32] for at in range(0, len(packed), 32)]


def _root(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 6962 defines it: split at the largest power of two below the number of leaves."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _root(leaves[:half]) + _root(leaves[half:])).digest()


def _hash_of(seal: dict[str, Any]) -> str:
    header = {
        "event_count": seal["event_count"],
        "first_id": seal["first_id"],
        "format": FORMAT,
        "last_id": seal["last_id"],
        "layout": seal["layout"],
        "names_sha256": hashlib.sha256(seal["names"].encode()).hexdigest(),
        "previous": seal["previous"],
        "record_count": seal["record_count"],
        "root": seal["root"],
        "sealed_at": _value(seal["sealed_at"]),
        "sequence": seal["sequence"],
        "total_count": seal["total_count"],
    }
    return hashlib.sha256(_canonical(header)).hexdigest()


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


# --- the rows against their seal


def _row_fault(database: Database, seal: dict[str, Any], before: dict[str, Any]) -> Fault | None:
    layout = json.loads(seal["layout"])
    after = before["last_id"] if before["sequence"] else _LOWEST_ID
    events = _leaves_of(
        database,
        "core_event",
        layout["core_event"]["columns"],
        "core_event t WHERE t.id > %s AND t.id <= %s ORDER BY t.id",
        [after, seal["last_id"]],
        ("id",),
    )
    records = _records(database, seal, layout)
    found = iter(events)
    present = next(found, None)
    for name, leaf in zip(seal["names"].split("\n"), _leaves(seal), strict=True):
        table, *key = name.split(" ")
        if table != "core_event":
            actual = records.get(name)
            if actual != leaf:
                return Fault(name, "is missing" if actual is None else "was changed")
            continue
        if present is None or present[0] > int(key[0]):
            return Fault(name, "is missing")
        if present[0] < int(key[0]):
            return Fault(f"core_event {present[0]}", "was inserted")
        if present[1] != leaf:
            return Fault(name, "was changed")
        present = next(found, None)
    return None if present is None else Fault(f"core_event {present[0]}", "was inserted")


def _records(database: Database, seal: dict[str, Any], layout: dict[str, Any]) -> dict[str, bytes]:
    """Return the leaf of every row but events that a seal names and that is still there, by name."""
    wanted: dict[str, list[tuple[str, str]]] = {}
    for name in seal["names"].split("\n"):
        table, *key = name.split(" ")
        if table != "core_event":
            wanted.setdefault(table, []).append((key[0], key[1]))
    found: dict[str, bytes] = {}
    for table, keys in wanted.items():
        first, second = layout[table]["key"]
        # OFFSET 0: one look-up by index for each key, whatever the planner believes of the table.
        source = (
            f"unnest(%s::bigint[], %s::int[]) AS k(one, two) CROSS JOIN LATERAL"
            f" (SELECT * FROM {table} r WHERE r.{first} = k.one AND r.{second} = k.two OFFSET 0) AS t"
        )
        arrays = ["{" + ",".join(part) + "}" for part in zip(*keys, strict=True)]
        for *key, leaf in _leaves_of(
            database, table, layout[table]["columns"], source, arrays, (first, second)
        ):
            found[" ".join([table, *map(str, key)])] = leaf
    return found


def _leaves_of(
    database: Database,
    table: str,
    columns: list[str],
    source: str,
    parameters: Sequence[Any],
    key: Sequence[str],
) -> Iterator[tuple[Any, ...]]:
    """Yield key and leaf of rows; a column that is gone counts as changed, since its value is."""
    types = dict(
        _rows(
            database,
            "SELECT attname::text, atttypid::regtype::text FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [table],
        )
    )
    read = [_read(name, types.get(name)) for name in columns]
    keys = ", ".join(f"t.{name}" for name in key)
    statement = f"SELECT {keys}, {', '.join(read)} FROM {source}"
    for row in _rows(database, statement, parameters):
        values = map(_value, row[len(key) :])
        canonical = _canonical(dict(zip(columns, values, strict=True)))
        yield (*row[: len(key)], hashlib.sha256(b"\x00" + canonical).digest())


def _read(name: str, type: str | None) -> str:
    """Return what to select of a column: moments, dates and bytes as they are, the rest as PostgreSQL's text."""
    if type is None:
        return "NULL"
    return f"t.{name}" if type in {"timestamp with time zone", "date", "bytea"} else f"t.{name}::text"


def _value(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return None if value is None else str(value)


def _unannounced(database: Database, layout: dict[str, Any]) -> Fault | None:
    """Return the first row of a table beside the log that no event tells of."""
    for table in sorted(set(layout) - {"core_event"}):
        first, second = layout[table]["key"]
        found = _rows(
            database,
            f"SELECT t.{first}, t.{second} FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM core_event e"
            f" WHERE e.subject_id = t.{first} AND e.subject = %s AND e.version = t.{second})"
            f" ORDER BY t.{first}, t.{second} LIMIT 1",
            [layout[table]["subject"]],
        )
        if found:
            return Fault(f"{table} {found[0][0]} {found[0][1]}", "was inserted: no event tells of it")
    return None
