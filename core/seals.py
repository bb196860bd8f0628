"""The chain of seals over the log: hashes that no change of a sealed row survives.

A seal closes the next range of event ids. It is made only of events whose writers have all ended, so no event can
appear in a sealed range later; writers never wait for it. `docs/reference/audit-log.md` describes the format, and
`core/verification.py` reads it without this module.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from core import sql

FORMAT = 1
# Event ids in one seal: what a verification reads at once, and what a proof of one event must know.
IDS_PER_SEAL = 10_000
GENESIS = "0" * 64
_PAUSE_SECONDS = 0.05
_PATIENCE = 100  # pauses


@dataclass(frozen=True)
class Sealed:
    """A table whose rows are sealed with the event that first names them.

    subject: of the events that name a row by (subject_id, version). key: the row's columns for those two.
    """

    table: str
    subject: str
    key: tuple[str, str]


_ALONG: dict[str, Sealed] = {}


def seal_along(*, table: str, subject: str, key: tuple[str, str]) -> None:
    """Register an append-only table whose rows are sealed with the events that bring them."""
    _ALONG[table] = Sealed(table, subject, key)


@dataclass(frozen=True)
class Leaf:
    """What a seal holds of one row: its name, such as `core_event 17`, and its hash."""

    name: str
    hash: bytes


def seal_events(
    *, now: datetime, most: int | None = None, on_seal: Callable[[int], None] = lambda count: None
) -> int:
    """Seal all events that are final by now; return how many. Two at once: the second does nothing.

    `most`: so many seals and no more. `on_seal` is called with the number of events of each seal. Each seal is a
    transaction of its own.
    """
    upto = final_id()
    sealed = made = 0
    while (most is None or made < most) and (count := _seal_next(upto, now)):
        sealed, made = sealed + count, made + 1
        on_seal(count)
    return sealed


def final_id() -> int:
    """Return an event id up to which everything is committed or never will be; 0 when that is not known now.

    A writer locks the table, in the mode that no other writer minds, before it takes an id. So whoever may still
    commit an id up to the sequence's last holds that lock now, and all is final once those few have ended.
    Waits for them up to 5 seconds.
    """
    found = sql.row("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM core_event_id_seq")
    assert found is not None  # noqa: S101 - a sequence has one row
    writers = _writers()
    for _ in range(_PATIENCE):
        if not writers:
            return int(found[0])
        time.sleep(_PAUSE_SECONDS)
        writers &= _writers()
    return 0


def _writers() -> set[str]:
    return {
        each
        for (each,) in sql.rows(
            "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND relation = 'core_event'::regclass AND mode = 'RowExclusiveLock'"
            " AND pid IS DISTINCT FROM pg_backend_pid()"
        )
    }


_LAST = "SELECT sequence, last_id, total_count, hash FROM core_audit_seal ORDER BY sequence DESC LIMIT 1"
_STORE = """
INSERT INTO core_audit_seal (sequence, sealed_at, first_id, last_id, event_count, record_count, total_count, layout,
                             names, leaves, root, previous, hash)
VALUES (%(sequence)s, %(sealed_at)s, %(first_id)s, %(last_id)s, %(event_count)s, %(record_count)s, %(total_count)s,
        %(layout)s, %(names)s, %(leaves)s, %(root)s, %(previous)s, %(hash)s)
"""


@transaction.atomic
def _seal_next(upto: int, now: datetime) -> int:
    """Store the next seal, of events up to an id; return how many it has."""
    if sql.row("SELECT pg_try_advisory_xact_lock(hashtextextended('core/seals', 0))") != (True,):
        return 0
    sequence, last_id, total, previous = sql.row(_LAST) or (0, 0, 0, GENESIS)
    layout = _layout()
    first = sql.row("SELECT min(id) FROM core_event WHERE id > %s AND id <= %s", [last_id, upto])
    if first is None or first[0] is None:
        return 0
    until = min(upto, first[0] + IDS_PER_SEAL - 1)
    events = _events(layout, last_id, until)
    records = _records(layout, last_id, until)
    leaves = [leaf for id, event in events for leaf in (event, *records.get(id, ()))]
    seal = {
        "sequence": sequence + 1,
        "sealed_at": now,
        "first_id": last_id + 1,
        "last_id": events[-1][0],
        "event_count": len(events),
        "record_count": len(leaves) - len(events),
        "total_count": total + len(events),
        "layout": json_text(layout),
        "names": "\n".join(leaf.name for leaf in leaves),
        "leaves": b"".join(leaf.hash for leaf in leaves),
        "root": MerkleTree([leaf.hash for leaf in leaves]).root.hex(),
        "previous": previous,
    }
    sql.run(_STORE, {**seal, "hash": seal_hash(seal)})
    return len(events)


def seal_hash(seal: Mapping[str, Any]) -> str:
    """Return a seal's own hash, in hex."""
    return hashlib.sha256(json_text(seal_header(seal)).encode()).hexdigest()


def seal_header(seal: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a seal is hashed: all of it, the names by their hash and the leaves by their root."""
    names = ("sequence", "first_id", "last_id", "event_count", "record_count", "total_count", "layout")
    return {
        "format": FORMAT,
        **{name: seal[name] for name in (*names, "root", "previous")},
        "sealed_at": seal["sealed_at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "names_sha256": hashlib.sha256(seal["names"].encode()).hexdigest(),
    }


def json_text(value: Any) -> str:
    """Return the JSON that is hashed and signed: keys sorted, no spaces, characters as they are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


# --- rows as bytes


def _layout() -> dict[str, Any]:
    """Return the tables and columns that a seal made now covers; the seal keeps it, so columns may be added."""
    columns: dict[str, list[str]] = {}
    for table, column in sql.rows(
        "SELECT attrelid::regclass::text, attname FROM pg_attribute"
        " WHERE attrelid = ANY(%s::regclass[]) AND attnum > 0 AND NOT attisdropped ORDER BY 2",
        [["core_event", *_ALONG]],
    ):
        columns.setdefault(table, []).append(column)
    return {
        "core_event": {"columns": sorted(columns["core_event"])},
        **{
            name: {"subject": each.subject, "key": list(each.key), "columns": sorted(columns[name])}
            for name, each in _ALONG.items()
        },
    }


def canonical_sql(table: str, columns: Iterable[str], alias: str) -> str:
    """Return SQL for a row's canonical text: JSON of texts and nulls, keys sorted, no spaces."""
    types = dict(
        sql.rows(
            "SELECT attname, atttypid::regtype::text FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [table],
        )
    )
    parts = [
        f"""'"{name}":' || coalesce(to_json({_text(f"{alias}.{name}", types[name])})::text, 'null')"""
        for name in columns
    ]
    return "'{' || " + " || ',' || ".join(parts) + " || '}'"


def _text(column: str, type: str) -> str:
    if type == "timestamp with time zone":
        return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    if type == "date":
        return f"to_char({column}, 'YYYY-MM-DD')"
    if type == "bytea":
        return f"encode({column}, 'hex')"
    return f"{column}::text"


def _leaf_sql(layout: Mapping[str, Any], table: str, alias: str) -> str:
    text = canonical_sql(table, layout[table]["columns"], alias)
    return f"sha256('\\x00'::bytea || convert_to({text}, 'UTF8'))"


def _events(layout: Mapping[str, Any], after: int, until: int) -> list[tuple[int, Leaf]]:
    found = sql.rows(
        f"SELECT e.id, {_leaf_sql(layout, 'core_event', 'e')} FROM core_event e"
        " WHERE e.id > %s AND e.id <= %s ORDER BY e.id",
        [after, until],
    )
    return [(id, Leaf(f"core_event {id}", bytes(leaf))) for id, leaf in found]


# Both subqueries are asked for each row, by index: OFFSET 0 keeps them from becoming joins, which the planner gets
# badly wrong while the statistics of young tables are old.
_RECORDS = """
SELECT e.id, e.subject_id, e.version, sealed.leaf
FROM core_event e
CROSS JOIN LATERAL (
    SELECT {leaf} AS leaf FROM {table} r WHERE r.{first} = e.subject_id AND r.{second} = e.version OFFSET 0
) AS sealed
WHERE e.id > %s AND e.id <= %s AND e.subject = %s AND NOT EXISTS (
    SELECT 1 FROM core_event p WHERE p.subject_id = e.subject_id AND p.id < e.id
       AND p.subject = e.subject AND p.version = e.version OFFSET 0)
ORDER BY e.id
"""


def _records(layout: Mapping[str, Any], after: int, until: int) -> dict[int, list[Leaf]]:
    """Return the leaves of rows that the events of a range bring, by event."""
    leaves: dict[int, list[Leaf]] = {}
    for each in _ALONG.values():
        first, second = each.key
        statement = _RECORDS.format(
            table=each.table, first=first, second=second, leaf=_leaf_sql(layout, each.table, "r")
        )
        for id, one, two, leaf in sql.rows(statement, [after, until, each.subject]):
            leaves.setdefault(id, []).append(Leaf(f"{each.table} {one} {two}", bytes(leaf)))
    return leaves


def sealed_along() -> list[Sealed]:
    """Return the tables that are sealed beside the log."""
    return list(_ALONG.values())


def canonical_rows(
    seal: Mapping[str, Any] | None, table: str, key: Sequence[str], keys: Sequence[tuple[int, ...]]
) -> list[tuple[tuple[int, ...], str]]:
    """Return rows by key as their canonical text, in the columns that a seal covers (None: in today's)."""
    if not keys:
        return []
    layout = _layout() if seal is None else json.loads(seal["layout"])
    text = canonical_sql(table, layout[table]["columns"], "t")
    names = [f"k{at}" for at in range(len(key))]
    match = " AND ".join(f"r.{column} = k.{name}" for column, name in zip(key, names, strict=True))
    arrays = ", ".join("%s::bigint[]" for _ in key)
    found = sql.rows(
        f"SELECT {', '.join(f'k.{name}' for name in names)}, {text}"
        f" FROM unnest({arrays}) WITH ORDINALITY AS k({', '.join(names)}, n)"
        f" CROSS JOIN LATERAL (SELECT * FROM {table} r WHERE {match} OFFSET 0) AS t ORDER BY k.n",
        [list(column) for column in zip(*keys, strict=True)],
    )
    return [(tuple(row[:-1]), row[-1]) for row in found]


def leaf_hashes(packed: bytes) -> list[bytes]:
    """Return the leaves of a seal, 32 bytes each."""
    return [packed[at : at + 32] for at in range(0, len(packed), 32)]


# --- the tree of RFC 6962


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _parents(level: Sequence[bytes]) -> list[bytes]:
    pairs = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return pairs + ([level[-1]] if len(level) % 2 else [])


class MerkleTree:
    """RFC 6962's tree over leaf hashes, at least one."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            self._levels.append(_parents(self._levels[-1]))

    @property
    def root(self) -> bytes:
        """Return the hash of all."""
        return self._levels[-1][0]

    def path(self, at: int) -> list[tuple[str, str]]:
        """Return how one leaf leads to the root: at each level the side and, in hex, the hash of its neighbour."""
        path = []
        for level in self._levels[:-1]:
            neighbour = at ^ 1
            if neighbour < len(level):
                path.append(("left" if neighbour < at else "right", level[neighbour].hex()))
            at //= 2
        return path
