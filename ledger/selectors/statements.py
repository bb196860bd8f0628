"""Reading statements: which counts on a day, its lines, and what has come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from core import sql

# The highest revision of a day counts.
_IN_FORCE = """
SELECT DISTINCT ON (business_date) id, business_date, revision, line_count, balances, sha256
FROM ledger_statement
WHERE kind = %(kind)s AND source = %(source)s AND business_date BETWEEN %(start)s AND %(until)s
ORDER BY business_date, revision DESC
"""
_COLUMNS = """
SELECT s.id, s.kind, s.source, s.business_date, s.revision, s.format, s.file_name, s.sha256, s.line_count, s.balances,
       s.received_at, s.received_by,
       s.revision = (SELECT max(t.revision) FROM ledger_statement t WHERE t.kind = s.kind AND t.source = s.source
                     AND t.business_date = s.business_date) AS in_force
FROM ledger_statement s
"""


def statements_in_force(*, kind: str, source: str, start: date, until: date) -> list[dict[str, Any]]:
    """Return the statement that counts of each day between two, in the order of the days."""
    found = sql.records(_IN_FORCE, {"kind": kind, "source": source, "start": start, "until": until})
    return [{**each, "balances": sql.json_value(each["balances"])} for each in found]


def last_business_date(*, kind: str, source: str) -> date | None:
    """Return the latest day of which a statement has come, None when none has."""
    found = sql.row(
        "SELECT max(business_date) FROM ledger_statement WHERE kind = %s AND source = %s", [kind, source]
    )
    return found[0] if found else None


def came_after(*, kind: str, source: str, day: date) -> datetime | None:
    """Return when the first statement of a later day came, None when none has: until then a day is not over."""
    found = sql.row(
        "SELECT min(received_at) FROM ledger_statement WHERE kind = %s AND source = %s AND business_date > %s",
        [kind, source, day],
    )
    return found[0] if found else None


def list_statements(
    *, kind: str = "", source: str = "", before: int | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Return statements, the last that came first, from before an id on; empty texts ask for all."""
    where = " AND ".join(
        [
            "(%(kind)s = '' OR s.kind = %(kind)s)",
            "(%(source)s = '' OR s.source = %(source)s)",
            "(%(before)s::bigint IS NULL OR s.id < %(before)s)",
        ]
    )
    found = sql.records(
        f"{_COLUMNS} WHERE {where} ORDER BY s.id DESC LIMIT %(limit)s",
        {"kind": kind, "source": source, "before": before, "limit": limit},
    )
    return [_with_balances(each) for each in found]


def read_statement(statement_id: int) -> dict[str, Any] | None:
    """Return one statement without its lines, or None."""
    found = sql.records(f"{_COLUMNS} WHERE s.id = %(id)s", {"id": statement_id})
    return _with_balances(found[0]) if found else None


def _with_balances(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "balances": sql.json_value(found["balances"])}


def lines_of(statement_ids: Sequence[int]) -> list[tuple[int, str, int, dict[str, str]]]:
    """Return the lines of statements: id, key, statement, fields; in the order of statements and lines."""
    return [
        (line_id, key, statement_id, sql.json_value(fields))
        for line_id, key, statement_id, fields in sql.rows(
            "SELECT id, key, statement_id, fields FROM ledger_statement_line WHERE statement_id = ANY(%s)"
            " ORDER BY statement_id, id",
            [list(statement_ids)],
        )
    ]
