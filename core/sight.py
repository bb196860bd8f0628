"""Sight: whoever sees a part of the record only reads views that stand before the tables, whatever the code asks for.

Each app declares for its tables which rows are seen by whom; a table of ours that nobody declared is seen by nobody.
The views lie in a schema of their own and take the tables' names: a statement that runs `seeing` some keys finds them
first. Whoever sees everything never meets them. See docs/adr/0077.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from psycopg2.extensions import TRANSACTION_STATUS_INERROR

SCHEMA = "middleoffice_sight"
_SETTING = "middleoffice.sight"
KEYS = f"current_setting('{_SETTING}')::bigint[]"  # SQL: what the reader sees, in the conditions of tables
ALL = "true"
NONE = "false"


@dataclass(frozen=True)
class Seen:
    """Which rows of a table are seen: a condition in SQL over the table as `t`. hides: columns, each with the SQL that
    is read instead of it."""

    condition: str
    hides: Mapping[str, str] = field(default_factory=dict)


_declared: dict[str, Seen] = {}


def declare(tables: Mapping[str, Seen | str]) -> None:
    """Declare which rows of tables whoever sees a part of the record may read; ALL: each. ValueError when twice."""
    for table, seen in tables.items():
        if table in _declared:
            raise ValueError(f"Which rows of {table} are seen is declared twice.")
        _declared[table] = Seen(seen) if isinstance(seen, str) else seen


def declared() -> Mapping[str, Seen]:
    """Return what was declared, by table."""
    return _declared


# --- reading ---


class Sight:
    """Puts the views before the tables in the statements of one connection, statement by statement.

    Nothing is set for longer than a transaction, so nothing is left on a connection that others use later. acts: a
    change is being made. A service must see whole what it changes, such as the other legs that are netted with one:
    what runs in a transaction of its own sees all, but what it reads `as_seen`, and so does a statement that writes.
    """

    def __init__(self, keys: Iterable[int], *, acts: bool) -> None:
        self.keys = sorted(keys)
        self.narrowed = 0
        self._acts = acts
        self._depth = _depth()
        literal = ",".join(map(str, self.keys))
        self._enter = f"SELECT {SCHEMA}.enter('{{{literal}}}', true); "

    def __call__(
        self,
        execute: Callable[..., Any],
        statement: Any,
        parameters: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        """Run a statement with the views before the tables, or without: see `connection.execute_wrapper`."""
        if _OF_TRANSACTIONS.match(str(statement)):  # and in one that has failed nothing else may be said
            return execute(statement, parameters, many, context)
        first = _LEAVE if self.is_whole() or _WRITES.search(str(statement)) else self._enter
        if many or getattr(context["cursor"].cursor, "name", None):
            with _beginning(first):
                return execute(statement, parameters, many, context)
        return execute(f"{first}{statement}", parameters, many, context)

    def is_whole(self) -> bool:
        """Tell whether what is read now is read by a service that makes a change."""
        return self._acts and not self.narrowed and _depth() > self._depth


@contextmanager
def _beginning(first: str) -> Iterator[None]:
    """Run what comes first apart: what is declared as a cursor, or run for many rows, is one statement alone.

    Outside a transaction it would not outlast its own statement, and is undone as soon as the other has run: a cursor
    that is held has read all its rows by then.
    """
    alone = not connection.in_atomic_block
    with connection.connection.cursor() as plain:
        plain.execute(first.replace("true", "false") if alone else first)
        try:
            yield
        finally:
            if alone:
                plain.execute(f"RESET search_path; RESET {_SETTING}")


_LEAVE = "SET LOCAL search_path TO DEFAULT; "
_OF_TRANSACTIONS = re.compile(r"\s*(SAVEPOINT|RELEASE|ROLLBACK|SET\s+TRANSACTION)\b", re.IGNORECASE)
# A view refuses what this does not find, so that a change is never made with a part of the record in view.
_WRITES = re.compile(r"\b(INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\S+(\s+(AS\s+)?\w+)?\s+SET)\b", re.IGNORECASE)


def _depth() -> int:
    return connection.in_atomic_block + len(connection.savepoint_ids)


def _is_broken() -> bool:
    """Tell whether the transaction can only be rolled back, which takes the views away as well."""
    raw = connection.connection
    return raw is None or raw.closed or raw.info.transaction_status == TRANSACTION_STATUS_INERROR


@contextmanager
def seeing(keys: Iterable[int], *, acts: bool = False) -> Iterator[None]:
    """Let what is read in the block be what whoever sees these keys may read. acts: see `Sight`."""
    try:
        with connection.execute_wrapper(Sight(keys, acts=acts)):
            yield
    finally:
        if connection.in_atomic_block and not connection.needs_rollback and not _is_broken():
            with connection.cursor() as cursor:
                cursor.execute(_LEAVE)


def is_narrowed() -> bool:
    """Tell whether what is read now is a part of the record only."""
    return any(isinstance(each, Sight) and not each.is_whole() for each in connection.execute_wrappers)


@contextmanager
def as_seen() -> Iterator[None]:
    """Read in the block what the person may read who makes a change; for the part of a service that chooses."""
    sights = [each for each in connection.execute_wrappers if isinstance(each, Sight)]
    for each in sights:
        each.narrowed += 1
    try:
        yield
    finally:
        for each in sights:
            each.narrowed -= 1


def seen_throughout(parts: Iterable[Any], keys: Iterable[int]) -> Iterator[Any]:
    """Yield the parts of an answer that is made while it is sent, each made with the sight of these keys."""
    known, rest = list(keys), iter(parts)
    while True:
        with seeing(known):
            try:
                part = next(rest)
            except StopIteration:
                return
        yield part


# --- the views ---

_COLUMNS = """
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
GROUP BY c.relname ORDER BY c.relname
"""
_ENTER = f"""
CREATE FUNCTION {SCHEMA}.enter(keys bigint[], passing boolean) RETURNS void LANGUAGE sql AS $$
SELECT set_config('search_path', '{SCHEMA}, {{schema}}', passing), set_config('{_SETTING}', keys::text, passing)
$$;
"""
_KNOWN = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s"


def build_views(*, plan: Iterable[Any] | None = None, **_: Any) -> None:
    """Make the views over the tables as they are now, and the function that puts them first; keep what is right.

    Runs after every migration, as the owner of the tables. plan: None after tables were only emptied.
    """
    if plan is None:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        tables = dict(cursor.fetchall())
        cursor.execute("SELECT quote_ident(current_schema())")
        made = _statements(tables, cursor.fetchone()[0])
        print_ = hashlib.sha256(made.encode()).hexdigest()
        cursor.execute(_KNOWN, [SCHEMA])
        if cursor.fetchone() == (print_,):
            return
        cursor.execute(f"{made} COMMENT ON SCHEMA {SCHEMA} IS '{print_}'")


def close_views(*, plan: Iterable[Any] = (), **_: Any) -> None:
    """Take the views away before tables change under them; until they are made again nobody enters them.

    Who has entered already finds tables of the same names that are empty and have no columns.
    """
    if not plan:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT viewname FROM pg_views WHERE schemaname = %s", [SCHEMA])
        views = [name for (name,) in cursor.fetchall()]
        empty = "".join(f"CREATE VIEW {SCHEMA}.{name} AS SELECT WHERE false; " for name in views)
        if views:
            cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}; {empty}")


def _statements(tables: Mapping[str, list[str]], schema: str) -> str:
    ours = _prefixes()
    views = [
        _view(table, columns, _declared.get(table, Seen(NONE)))
        for table, columns in tables.items()
        if table.startswith(ours) and _declared.get(table) != Seen(ALL)
    ]
    enter = _ENTER.format(schema=schema)
    return f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}; {enter} {' '.join(views)}"


def _prefixes() -> tuple[str, ...]:
    """Return how the tables of the product's own apps begin; others, such as Django's, are not the record."""
    return tuple(
        f"{each.label}_" for each in apps.get_app_configs() if Path(each.path).parent == settings.BASE_DIR
    )


def _view(table: str, columns: list[str], seen: Seen) -> str:
    told = ", ".join(
        f"{seen.hides[name]} AS {name}" if name in seen.hides else f"t.{name}" for name in columns
    )
    # With a second relation PostgreSQL lets nobody write through the view: a change that sees a part would be wrong.
    return (
        f'CREATE VIEW {SCHEMA}."{table}" AS SELECT {told} FROM "{table}" t'
        f" CROSS JOIN (VALUES (true)) AS read_only WHERE {seen.condition};"
    )
