"""How often each check has found something lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core import sql


@dataclass(frozen=True)
class Found:
    """What was found under one code: how many findings, how many of them block, and of how many trades."""

    findings: int = 0
    blocking: int = 0
    trades: int = 0


_FOUND = """
SELECT code, count(*), count(*) FILTER (WHERE severity = 'BLOCK'), count(DISTINCT trade_id)
FROM trades_finding WHERE found_at >= %s GROUP BY code
"""


def found_since(since: datetime) -> dict[str, Found]:
    """Return what was found since a moment, closed by now or not, by code."""
    return {code: Found(*counts) for code, *counts in sql.rows(_FOUND, [since])}
