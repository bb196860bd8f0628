"""What of limits somebody sees who sees some books only: the firm's figures, but not those of other desks' members."""

from __future__ import annotations

from core.sight import ALL, KEYS, declare
from trades.sight import of_own_trade

# The parts of a member's key stand in the order of its limit's dimensions. A limit by trader tells of other desks.
_OWN_MEMBER = f"""
EXISTS (
    SELECT FROM risk_limit l WHERE l.id = t.limit_id AND (
        NOT l.dimensions && '{{book,desk,trader}}'::text[]
        OR EXISTS (
            SELECT FROM refdata_book b WHERE b.id = ANY ({KEYS}) AND (
                split_part(t.key, '|', array_position(l.dimensions, 'book')) = b.code
                OR split_part(t.key, '|', array_position(l.dimensions, 'desk')) = b.desk
            )
        )
    )
)
"""
_OWN_STOP = (
    f"t.kind NOT IN ('BOOK', 'TRADER') OR t.key IN (SELECT code FROM refdata_book WHERE id = ANY ({KEYS}))"
)


def declare_all() -> None:
    """Declare it. How checks are set is everybody's; what back-tests and reservations say is the firm's."""
    declare(
        {
            "risk_check": ALL,
            "risk_check_parameters": ALL,
            "risk_limit": ALL,
            "risk_utilisation": _OWN_MEMBER,
            "risk_temporary_excess": _OWN_MEMBER,
            "risk_stop": _OWN_STOP,
            "risk_back_test_trade": of_own_trade("t.trade_id"),
        }
    )
