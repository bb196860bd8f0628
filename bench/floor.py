"""The floor: what PostgreSQL alone does with the same rows in a table of the same shape."""

from __future__ import annotations

import io
import time
from typing import Any

from bench.product import Database

CHUNK = 10_000  # rows of one COPY and commit, as many as a bulk POST has


class Floor:
    """Rows that capture made, ready in memory, and an empty table with all the indexes to put them in."""

    def __init__(self, database: Database, *, rows: int) -> None:
        self._connection: Any = database.connect()
        self._cursor = self._connection.cursor()
        self._cursor.execute("DROP TABLE IF EXISTS floor")
        self._cursor.execute("CREATE TABLE floor (LIKE trades_version INCLUDING ALL)")
        text = io.BytesIO()
        self._cursor.copy_expert(
            f"COPY (SELECT * FROM trades_version ORDER BY trade_id LIMIT {rows}) TO STDOUT", text
        )
        lines = text.getvalue().splitlines(keepends=True)
        assert len(lines) == rows, f"{len(lines)} rows for a floor of {rows}"
        self._rows = rows
        self._chunks = [b"".join(lines[at : at + CHUNK]) for at in range(0, rows, CHUNK)]
        self._turn = 0

    def copy(self) -> float:
        """COPY all rows into the empty table, committing every CHUNK; return rows/s."""
        self._cursor.execute("TRUNCATE floor")
        files = [io.BytesIO(chunk) for chunk in self._chunks]
        started = time.perf_counter()
        for file in files:
            self._cursor.copy_expert("COPY floor FROM STDIN", file, size=65_536)
        return self._rows / (time.perf_counter() - started)

    def prepare_single(self) -> None:
        """Prepare the INSERT of one row, all columns given."""
        self._cursor.execute(
            "SELECT string_agg(format_type(atttypid, atttypmod), ', ' ORDER BY attnum),"
            " string_agg('$' || attnum, ', ' ORDER BY attnum)"
            " FROM pg_attribute WHERE attrelid = 'floor'::regclass AND attnum > 0 AND NOT attisdropped"
        )
        types, places = self._cursor.fetchone()
        self._cursor.execute(f"PREPARE one ({types}) AS INSERT INTO floor VALUES ({places})")
        self._cursor.execute("TRUNCATE floor")
        self._cursor.execute("SELECT * FROM trades_version ORDER BY trade_id LIMIT 1")
        self._example = list(self._cursor.fetchone())
        self._names = [column.name for column in self._cursor.description]

    def commit_singly(self, count: int) -> float:
        """Insert rows one by one, each committed durably; return rows/s."""
        slots = f"EXECUTE one ({', '.join(['%s'] * len(self._example))})"
        values = dict(zip(self._names, self._example, strict=True))
        statements = []
        for _ in range(count):
            self._turn += 1
            values["trade_id"], values["source_ref"] = self._turn, f"S{self._turn:09d}"
            statements.append(self._cursor.mogrify(slots, [_plain(value) for value in values.values()]))
        started = time.perf_counter()
        for statement in statements:
            self._cursor.execute(statement)
        return count / (time.perf_counter() - started)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


def _plain(value: Any) -> Any:
    """Return a value as psycopg2 can send it: a document as text."""
    import json

    return json.dumps(value) if isinstance(value, (dict, list)) else value
