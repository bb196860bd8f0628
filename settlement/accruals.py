"""What deals were charged: the accruals and their reversals, read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core import sql
from core.as_of import KNOWN, NOW, AsOf

_COLUMNS = """
SELECT a.id, a.xid, a.trade_id, a.version, a.type, a.currency, a.amount, a.is_stated, a.reverses, a.accrued_at,
       r.code AS rule, v.version AS rule_version
FROM settlement_fee_accrual a
LEFT JOIN refdata_fee_rule_version v ON v.id = a.rule_version_id
LEFT JOIN refdata_fee_rule r ON r.id = v.rule_id
"""
_OF_TRADE_MAX = 500


def list_accruals(*, trade_id: int | None, after: tuple[int, ...] | None, limit: int) -> list[dict[str, Any]]:
    """Return accruals and reversals, of one trade or of all, in the order of commit, after a (transaction, id).

    Only what no open transaction can still precede is shown, so a reader that keeps its cursor misses none.
    """
    conditions = [
        f"a.xid < {sql.OLDEST_OPEN}",
        *(["a.trade_id = %(trade_id)s"] if trade_id is not None else []),
        *(["(a.xid, a.id) > (%(xid)s, %(id)s)"] if after else []),
    ]
    xid, last_id = after or (0, 0)
    return sql.records(
        f"{_COLUMNS} WHERE {' AND '.join(conditions)} ORDER BY a.xid, a.id LIMIT %(limit)s",
        {"trade_id": trade_id, "xid": xid, "id": last_id, "limit": limit},
    )


def accruals_of(trade_id: int, *, as_of: AsOf | None = None) -> list[dict[str, Any]]:
    """Return the charges of a trade and their reversals, as known at a moment, the oldest first, 500 at most."""
    return sql.records(
        f"{_COLUMNS} WHERE a.trade_id = %(trade_id)s AND core_known(a.xid, a.accrued_at, {KNOWN})"
        f" ORDER BY a.id LIMIT {_OF_TRADE_MAX}",
        {"trade_id": trade_id, **(as_of or NOW).parameters()},
    )


_OPEN = """
SELECT a.type, a.currency, count(DISTINCT a.trade_id) AS trades,
       coalesce(sum(a.amount) FILTER (WHERE a.amount > 0), 0) AS received,
       coalesce(-sum(a.amount) FILTER (WHERE a.amount < 0), 0) AS paid
FROM settlement_fee_accrual a
WHERE a.accrued_at >= %(since)s AND a.reverses IS NULL
  AND NOT EXISTS (SELECT FROM settlement_fee_accrual r WHERE r.reverses = a.id)
GROUP BY a.type, a.currency ORDER BY a.type, a.currency
"""


def open_charges(*, since: datetime) -> list[dict[str, Any]]:
    """Return what was accrued since a moment and is not reversed, by type and currency: received and paid."""
    return sql.records(_OPEN, {"since": since})
