"""Thin, explicit access to PostgreSQL for set-based statements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec
from django.db import connection

# COPY in text format: what stands for a backslash, a tab and a line's end inside a value.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NULL = "\\N"

# Lists travel as array literals; where a statement gives PostgreSQL no type to infer, it casts them.
Parameters: TypeAlias = Sequence[Any] | dict[str, Any]


def array_literal(values: Iterable[Any]) -> str:
    """Return values as a PostgreSQL array literal.

    One literal is parsed many times faster than the ARRAY[…] of single constants that the driver would send.
    """
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (int, Decimal)):
        return str(value)
    text = value.isoformat() if isinstance(value, (date, datetime)) else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bound(parameters: Parameters) -> Parameters:
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


def run(statement: str, parameters: Parameters = ()) -> int:
    """Run a statement and return the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, _bound(parameters))
        return int(cursor.rowcount)


class _LineReader:
    """A file-like object over lines made on demand, so that building rows overlaps with storing them."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        pieces = [self._left]
        length = len(self._left)
        while size < 0 or length < size:
            line = next(self._lines, None)
            if line is None:
                break
            encoded = line.encode()
            pieces.append(encoded)
            length += len(encoded)
        data = b"".join(pieces)
        if size < 0:
            self._left = b""
            return data
        self._left = data[size:]
        return data[:size]


def copy_lines(table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
    """COPY text-format lines (each ends in a newline) into a table; see `copy_value` for one value."""
    names = ", ".join(columns)
    # Django wraps the errors of execute() only.
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN", _LineReader(iter(lines)), size=65_536)


def copy_value(value: Any) -> str:
    """Return one value in COPY's text format."""
    if value is None:
        return NULL
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def json_value(value: Any) -> Any:
    """Return a jsonb column as Python: Django's connections hand jsonb over as text."""
    return msgspec.json.decode(value) if isinstance(value, (str, bytes)) else value
