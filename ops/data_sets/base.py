"""What a data set is made of, and the one statement that reads its newest rows, column by column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Any

from django.db import connection

from core import sql
from ops.permissions import Right
from trades.lifecycle import State

ROWS_MAX = 200_000
CHUNK = 10_000
TIMEOUT_MS = 30_000


class Type(Enum):
    """What a column holds. A NUMBER is shown, never booked: it is read as a binary float."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    MOMENT = "moment, UTC"
    FLAG = "yes or no"
    REFERENCE = "public id"


@dataclass(frozen=True)
class Column:
    """A column: its name in the grid and the SQL of its value. prefix: of the public id that a REFERENCE becomes."""

    name: str
    value: str
    type: Type = Type.TEXT
    prefix: str = ""


@dataclass(frozen=True)
class Place:
    """Where a column leads: of a REFERENCE the screen of the record, of others the filter of the list.

    screen: the name of a URL pattern, for a record with the reference as `ref`. filters: the parameter of the list's
    address by column.
    """

    screen: str
    column: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSet:
    """Rows of one kind for the grid, the newest first.

    source: SQL of FROM and joins. order: SQL that an index gives. day: SQL of the business date by which a span
    narrows, named `day_name` to people; empty where none does. where: SQL that always holds. layout: what the grid
    shows first, in the words of its own configuration. record: where a row's record is, list: where those of a group
    are.
    """

    code: str
    title: str
    about: str
    right: Right
    columns: tuple[Column, ...]
    source: str
    order: str
    day: str
    day_name: str
    layout: Mapping[str, Any]
    record: Place | None = None
    list: Place | None = None
    where: str = "true"


@dataclass(frozen=True)
class Span:
    """The business dates from `first` to `last`, both included; None where it is open."""

    first: date | None = None
    last: date | None = None


def state_sql(column: str) -> str:
    """Return SQL for the name of a trade's state, as people read it."""
    names = " ".join(f"WHEN {each.value} THEN '{each.name.lower().replace('_', ' ')}'" for each in State)
    return f"CASE {column} {names} END"


@contextmanager
def reading(data: DataSet, span: Span) -> Iterator[Iterator[Sequence[tuple[Any, ...]]]]:
    """Read the newest ROWS_MAX rows of a span, CHUNK at a time, from one snapshot; sql.TookTooLong when it cannot."""
    conditions = [data.where]
    if data.day and span.first:
        conditions.append(f"{data.day} >= %(first)s")
    if data.day and span.last:
        conditions.append(f"{data.day} <= %(last)s")
    statement = (
        f"SELECT {', '.join(_value(each) for each in data.columns)} FROM {data.source}"
        f" WHERE {' AND '.join(conditions)} ORDER BY {data.order} LIMIT {ROWS_MAX}"
    )
    with sql.within(TIMEOUT_MS), connection.chunked_cursor() as cursor:
        cursor.execute(statement, {"first": span.first, "last": span.last})
        yield iter(lambda: cursor.fetchmany(CHUNK), [])


def _value(column: Column) -> str:
    return f"({column.value})::double precision" if column.type is Type.NUMBER else column.value
