"""A small sealed log for tests, and one random change to it."""

from __future__ import annotations

import random
from typing import Any

from core import seals, sql
from core.audit import Actor, record
from tests.support.records import NOW

WHO = Actor("user:jdoe", "req-7")


def tell(*ids: int, reason: str = "", data: Any = None) -> None:
    """Append one event per subject id."""
    record(type="thing.done", subject="thing", ids=ids, actor=WHO, at=NOW, reason=reason, data=data)


def seal(*, now: Any = NOW) -> int:
    """Seal all there is; return how many events."""
    return seals.seal_events(now=now)


def bend(statement: str, parameters: Any = ()) -> int:
    """Change what triggers guard, as somebody with all rights could; return how many rows."""
    sql.run("SET LOCAL session_replication_role = replica")
    changed = sql.run(statement, parameters)
    sql.run("SET LOCAL session_replication_role = origin")
    return changed


_COLUMNS = {
    "core_event": {
        "recorded_at": "recorded_at + interval '1 microsecond'",
        "xid": "xid + 1",
        "type": "type || 'x'",
        "subject": "subject || ' '",
        "subject_id": "subject_id + 1",
        "version": "coalesce(version, 0) + 1",
        "actor": "reverse(actor) || '.'",
        "request_id": "request_id || 'é'",
        "reason": "reason || chr(10)",
        "data": "coalesce(data, '{}') || '{\"bent\": true}'",
    },
    "trades_version": {
        "price": "price + 0.0000000001",
        "net_amount": "-net_amount",
        "currency": "lower(currency)",
        "settlement_date": "settlement_date + 1",
        "effective_at": "effective_at - interval '1 second'",
        "counterparty_ref": "counterparty_ref || '!'",
        "terms": "coalesce(terms, '{}') || '{\"bent\": 1}'",
        "source_version": "coalesce(source_version, 0) + 1",
    },
    "core_audit_seal": {
        "sealed_at": "sealed_at + interval '1 second'",
        "last_id": "last_id - 1",
        "event_count": "event_count + 1",
        "record_count": "record_count + 1",
        "total_count": "total_count - 1",
        "layout": "layout || ' '",
        "names": "reverse(names)",
        "leaves": "set_byte(leaves, 5, 255 - get_byte(leaves, 5))",
        "root": "translate(root, '0123456789abcdef', '123456789abcdef0')",
        "previous": "translate(previous, '0123456789abcdef', '123456789abcdef0')",
        "hash": "translate(hash, '0123456789abcdef', '123456789abcdef0')",
        "sequence": "sequence + 1000",
    },
}
_KEY = {"core_event": "id", "trades_version": "trade_id", "core_audit_seal": "sequence"}


class Bender:
    """Makes one random change after another to a sealed log, and knows which row it was."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.keys = {
            table: [each for (each,) in sql.rows(f"SELECT {key} FROM {table} ORDER BY 1")]
            for table, key in _KEY.items()
        }

    def change(self) -> str:
        """Make a change; return what was done."""
        ways = (self._flip, self._flip, self._delete, self._insert, self._swap, self._resequence, self._cut)
        return self._random.choice(ways)()

    def _row(self, *tables: str) -> tuple[str, int]:
        table = self._random.choice(tables or tuple(_KEY))
        return table, self._random.choice(self.keys[table])

    def _flip(self) -> str:
        table, key = self._row()
        column = self._random.choice(sorted(_COLUMNS[table]))
        expression = _COLUMNS[table][column]
        assert bend(f"UPDATE {table} SET {column} = {expression} WHERE {_KEY[table]} = %s", [key]) == 1
        return f"flipped {column} of {table} {key}"

    def _delete(self) -> str:
        table, key = self._row()
        if table == "core_audit_seal" and key == self.keys[table][-1]:
            key = self.keys[table][0]  # the end of the chain is what attestations are for
        assert bend(f"DELETE FROM {table} WHERE {_KEY[table]} = %s", [key]) == 1
        return f"deleted {table} {key}"

    def _insert(self) -> str:
        table, key = self._row("core_event", "trades_version")
        columns = [
            name
            for (name,) in sql.rows(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", [table]
            )
        ]
        new = {
            "core_event": {"subject_id": "subject_id + 900000"},
            "trades_version": {"version": "version + 50"},
        }[table]
        read = ", ".join(new.get(name, name) for name in columns)
        names = ", ".join(columns)
        bend(
            f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {read} FROM {table}"
            f" WHERE {_KEY[table]} = %s",
            [key],
        )
        return f"inserted beside {table} {key}"

    def _swap(self) -> str:
        one, other = sorted(self._random.sample(self.keys["core_event"], 2))
        for start, end in ((one, -1), (other, one), (-1, other)):
            bend("UPDATE core_event SET id = %s WHERE id = %s", [end, start])
        return f"swapped events {one} and {other}"

    def _resequence(self) -> str:
        start = self._random.choice(self.keys["core_event"])
        bend("UPDATE core_event SET id = id + 1000001 WHERE id >= %s", [start])
        bend("UPDATE core_event SET id = id - 1000000 WHERE id > 1000000")
        return f"re-sequenced from event {start}"

    def _cut(self) -> str:
        start = self._random.choice(self.keys["core_event"])
        bend("DELETE FROM core_event WHERE id >= %s", [start])
        return f"cut the log at event {start}"
