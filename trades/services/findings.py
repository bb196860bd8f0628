"""What checks (and the back office) say of trade versions: stored and closed, any number at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core import sql
from core.audit import encode

CLEARED = "CLEARED"  # a later check no longer finds it
OVERRIDDEN = "OVERRIDDEN"  # two people accepted it
MOOT = "MOOT"  # the trade is no more


@dataclass(frozen=True, slots=True)
class NewFinding:
    """One thing to say of a trade version. `subject` names the field, line or limit.

    parameter_version: how the check was set (None: no check says this). inputs: what it compared, by name.
    """

    trade_id: int
    version: int
    code: str
    severity: str
    subject: str = ""
    message: str = ""
    expected: str = ""
    actual: str = ""
    parameter_version: int | None = None
    inputs: Mapping[str, Any] | None = None


_ADD = """
INSERT INTO trades_finding
    (trade_id, version, code, severity, subject, message, expected, actual, parameter_version, inputs, found_at,
     closing)
SELECT trade_id, version, code, severity, subject, message, expected, actual, parameters, inputs::jsonb, %s, ''
FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
            %s::int[], %s::text[])
    WITH ORDINALITY AS f(trade_id, version, code, severity, subject, message, expected, actual, parameters, inputs, n)
ORDER BY n
"""


def add_findings(*, findings: Sequence[NewFinding], at: datetime) -> None:
    """Store open findings in their order, in one statement."""
    if not findings:
        return
    sql.run(
        _ADD,
        [
            at,
            [each.trade_id for each in findings],
            [each.version for each in findings],
            [each.code for each in findings],
            [each.severity for each in findings],
            [each.subject for each in findings],
            [each.message for each in findings],
            [each.expected for each in findings],
            [each.actual for each in findings],
            [each.parameter_version for each in findings],
            [None if each.inputs is None else encode(each.inputs) for each in findings],
        ],
    )


# Locked in the order of id first, so that two closings of the same findings wait instead of deadlocking.
_CLOSE = """
WITH held AS MATERIALIZED (
    SELECT id FROM trades_finding WHERE {which} AND closed_at IS NULL ORDER BY id FOR UPDATE
)
UPDATE trades_finding f SET closed_at = %(at)s, closing = %(closing)s FROM held WHERE f.id = held.id
"""
_OF_TRADES = _CLOSE.format(which="trade_id = ANY(%(ids)s::bigint[])")
_OF_CODES = _CLOSE.format(which="trade_id = ANY(%(ids)s::bigint[]) AND code = ANY(%(codes)s::text[])")
_BY_ID = _CLOSE.format(which="id = ANY(%(ids)s::bigint[])")


def clear_findings(
    *, trade_ids: Sequence[int], closing: str, at: datetime, codes: Sequence[str] | None = None
) -> int:
    """Close the open findings of trades (only those of some codes, when given) and return how many.

    closing: CLEARED, OVERRIDDEN or MOOT.
    """
    if not trade_ids or (codes is not None and not codes):
        return 0
    parameters = {"ids": list(trade_ids), "closing": closing, "at": at}
    if codes is None:
        return sql.run(_OF_TRADES, parameters)
    return sql.run(_OF_CODES, {**parameters, "codes": list(codes)})


def close_findings(*, finding_ids: Sequence[int], closing: str, at: datetime) -> int:
    """Close certain findings, those still open, and return how many."""
    if not finding_ids:
        return 0
    return sql.run(_BY_ID, {"ids": list(finding_ids), "closing": closing, "at": at})
