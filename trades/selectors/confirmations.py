"""Confirmations as they stand: a page of them by status, and those of a trade."""

from __future__ import annotations

from typing import Any

from core import sql

_LIST = """
SELECT c.id, c.reference, c.version, c.status, c.trade_id, c.trade_version, c.differences, c.opened_at, c.changed_at,
       c.matched_at, p.code AS party
FROM trades_confirmation c JOIN refdata_party p ON p.id = c.party_id
WHERE c.id > %(after)s AND (%(status)s::text IS NULL OR c.status = %(status)s)
  AND (%(trade)s::bigint IS NULL OR c.trade_id = %(trade)s)
ORDER BY c.id LIMIT %(limit)s
"""


def list_confirmations(
    *, status: str | None = None, trade_id: int | None = None, after: int = 0, limit: int = 100
) -> list[dict[str, Any]]:
    """Return confirmations in the order in which their references came, those behind an id, at most `limit`."""
    found = sql.records(_LIST, {"status": status, "trade": trade_id, "after": after, "limit": limit})
    return [{**each, "differences": sql.json_value(each["differences"])} for each in found]


_POLICIES = """
SELECT product, party, demanded, changed_at FROM trades_confirmation_policy
WHERE demanded IS NOT NULL ORDER BY product, party
"""


def list_policies() -> list[dict[str, Any]]:
    """Return which trades must be confirmed, and which need not, by product and party (empty: any)."""
    return sql.records(_POLICIES)
