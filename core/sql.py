"""Thin, explicit access to PostgreSQL for set-based statements."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import msgspec
from django.db import OperationalError, connection, transaction

from core.sight import as_seen

# Lists travel as array literals; where a statement gives PostgreSQL no type to infer, it casts them.
Parameters: TypeAlias = Sequence[Any] | dict[str, Any]


def array_literal(values: Iterable[Any]) -> str:
    """Return values as a PostgreSQL array literal.

    One literal is parsed many times faster than the ARRAY[…] of single constants that the driver would send.
    """
    items = list(values)
    if set(map(type, items)) == {int}:  # ids, by the ten thousand
        return f"{{{str(items)[1:-1]}}}"
    return "{" + ",".join(map(_element, items)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (int, Decimal)):
        return str(value)
    text = value.isoformat() if isinstance(value, (date, datetime)) else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bound(parameters: Parameters) -> Any:
    if isinstance(parameters, dict):
        return {
            name: array_literal(value) if isinstance(value, list) else value
            for name, value in parameters.items()
        }
    return [array_literal(value) if isinstance(value, list) else value for value in parameters]


def rows(statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Run a statement and return all of its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, _bound(parameters))
        return cursor.fetchall()


def row(statement: str, parameters: Parameters = ()) -> tuple[Any, ...] | None:
    """Run a statement and return its first row, or None."""
    with connection.cursor() as cursor:
        cursor.execute(statement, _bound(parameters))
        found: tuple[Any, ...] | None = cursor.fetchone()
        return found


def records(statement: str, parameters: Parameters = ()) -> list[dict[str, Any]]:
    """Run a statement and return its rows as dictionaries by column name."""
    with connection.cursor() as cursor:
        cursor.execute(statement, _bound(parameters))
        names = [column.name for column in cursor.description]
        return [dict(zip(names, each, strict=True)) for each in cursor.fetchall()]


def chunks(
    statement: str, parameters: Parameters = (), *, size: int = 1_000
) -> Iterator[list[dict[str, Any]]]:
    """Run a statement and yield its rows as `records` does, `size` at a time: no more of them is in memory."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, _bound(parameters))
        while found := cursor.fetchmany(size):
            names = [column.name for column in cursor.description]
            yield [dict(zip(names, each, strict=True)) for each in found]


@contextmanager
def snapshot() -> Iterator[None]:
    """Let everything that the block reads be of one moment; it can write nothing. Not inside a transaction.

    It has no transaction id, so that nobody waits for its end who waits for those of others.
    """
    with transaction.atomic(durable=True):
        run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


# Below it every transaction has ended: rows of those come in one order that no late commit can change.
OLDEST_OPEN = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_QUERY_CANCELED = "57014"
PREPARED_MAX = 4  # statements that a connection keeps planned: each holds some megabytes
# By connection and statement: its name there, and the parameters that stand in it.
_prepared: WeakKeyDictionary[Any, dict[str, tuple[str, list[str]]]] = WeakKeyDictionary()
_names = count(1)
# A plan that looks at no parameter is made once and kept for long, so it must not rest on a table's being small today.
_KEEP = "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; "
_AS_BEFORE = "SET LOCAL plan_cache_mode TO DEFAULT; SET LOCAL enable_seqscan TO DEFAULT"


def planned_rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement that PostgreSQL plans once for each connection, in a transaction; return all of its rows.

    For a statement that is asked for a few rows again and again, and costs more to plan than to run. Each of its
    parameters must be cast to a type wherever it stands, as a prepared statement has nothing to infer one from. What
    does not stand in it is left out.
    """
    bound = _bound(parameters)
    with connection.cursor() as cursor:
        name, places = _prepare(cursor, statement, parameters)
        given = f" ({', '.join(['%s'] * len(places))})" if places else ""
        cursor.execute(f"{_KEEP}EXECUTE {name}{given}", [bound[place] for place in places])
        found: list[tuple[Any, ...]] = cursor.fetchall()
        cursor.execute(_AS_BEFORE)
        return found


def _prepare(cursor: Any, statement: str, parameters: Iterable[str]) -> tuple[str, list[str]]:
    """Return the name under which this connection has a statement prepared, and its parameters in their order.

    The oldest of too many is let go.
    """
    kept = _prepared.setdefault(connection.connection, {})
    if statement not in kept:
        if len(kept) == PREPARED_MAX:
            oldest, _ = kept.pop(next(iter(kept)))
            cursor.execute(f"DEALLOCATE {oldest}")
        name = f"planned_{next(_names)}"
        places = [parameter for parameter in parameters if f"%({parameter})s" in statement]
        numbers = {parameter: f"${number}" for number, parameter in enumerate(places, start=1)}
        cursor.execute(f"PREPARE {name} AS {statement % numbers}")
        kept[statement] = (name, places)
    return kept[statement]


class TookTooLong(Exception):  # noqa: N818
    """What was asked within a time was not answered by then."""


@contextmanager
def within(milliseconds: int) -> Iterator[None]:
    """Let each statement of the block take so long and no longer; TookTooLong when one does.

    What takes long is a question of somebody, who is told what the person may see: see `core.sight`.
    """
    try:
        with transaction.atomic(), as_seen():
            run("SET LOCAL statement_timeout = %s", [milliseconds])
            yield
            run("SET LOCAL statement_timeout TO DEFAULT")  # the block may be a part of a longer transaction
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) != _QUERY_CANCELED:
            raise
        raise TookTooLong from error


def run(statement: str, parameters: Parameters = ()) -> int:
    """Run a statement and return the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, _bound(parameters))
        return int(cursor.rowcount)


_encoder = msgspec.json.Encoder()
COPY_OPTIONS = r"WITH (FORMAT csv, ESCAPE E'\\', NULL 'null')"


def csv_rows(rows: Sequence[Sequence[Any]]) -> bytes:
    """Return rows in the form that COPY reads with COPY_OPTIONS.

    JSON arrays, a line each and without their brackets, are CSV whose escape is the backslash; so the JSON
    encoder, which is C, writes rows three times as fast as Python does. Text must have no control characters:
    CSV knows no `\\n`.
    """
    if not rows:
        return b""
    return _encoder.encode_lines(rows)[1:-2].replace(b"]\n[", b"\n") + b"\n"


def copy_rows(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """COPY rows of values into a table; see `csv_rows` for what text they may have."""
    data = csv_rows(rows)
    # Django wraps the errors of execute() only.
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(
            f"COPY {table} ({', '.join(columns)}) FROM STDIN {COPY_OPTIONS}", io.BytesIO(data), len(data)
        )


def json_value(value: Any) -> Any:
    """Return a jsonb column as Python: Django's connections hand jsonb over as text."""
    return msgspec.json.decode(value) if isinstance(value, (str, bytes)) else value
