"""Reads of holds: what operations keep from being sealed, now or as it was."""

from __future__ import annotations

from typing import Any

from core import sql
from core.as_of import HAPPENED, AsOf

_COLUMNS = """
SELECT h.id, h.kind, h.subject_id, h.channel, h.asset, h.reason, h.until, h.made_by, h.made_at, p.code AS party_code,
       p.name AS party_name, i.batch_id, {ended} AS ended_at, {by} AS ended_by, {why} AS end_reason
FROM settlement_hold h LEFT JOIN refdata_party p ON h.kind = 'COUNTERPARTY' AND p.id = h.subject_id
LEFT JOIN settlement_instruction i ON h.kind = 'INSTRUCTION' AND i.id = h.subject_id
"""
_ENDED_THEN = f"(h.ended_at IS NOT NULL AND core_known(h.ended_xid, h.ended_at, {HAPPENED}))"
_NOW = _COLUMNS.format(ended="h.ended_at", by="h.ended_by", why="h.end_reason") + " WHERE true"
_THEN = (
    _COLUMNS.format(
        ended=f"CASE WHEN {_ENDED_THEN} THEN h.ended_at END",
        by=f"CASE WHEN {_ENDED_THEN} THEN h.ended_by ELSE '' END",
        why=f"CASE WHEN {_ENDED_THEN} THEN h.end_reason ELSE '' END",
    )
    + f" WHERE core_known(h.xid, h.made_at, {HAPPENED})"
)
_IN_FORCE_NOW, _IN_FORCE_THEN = "h.ended_at IS NULL", f"NOT {_ENDED_THEN}"


def _select(as_of: AsOf | None) -> tuple[str, str, dict[str, Any]]:
    """Return the statement, to which conditions are added, the one of being in force, and the parameters."""
    if as_of is None:
        return _NOW, _IN_FORCE_NOW, {}
    return _THEN, _IN_FORCE_THEN, as_of.parameters()


def list_holds(
    *, in_force: bool = True, kind: str = "", after: int = 0, limit: int, as_of: AsOf | None = None
) -> list[dict[str, Any]]:
    """Return holds, the oldest first, after an id. in_force: not those that have ended."""
    statement, open_, parameters = _select(as_of)
    statement += f" AND h.id > %(after)s {f'AND {open_}' if in_force else ''}"
    if kind:
        statement += " AND h.kind = %(kind)s"
    return sql.records(
        f"{statement} ORDER BY h.id LIMIT %(limit)s",
        {**parameters, "after": after, "kind": kind, "limit": limit},
    )


def read_hold(hold_id: int, *, as_of: AsOf | None = None) -> dict[str, Any] | None:
    """Return a hold, or None."""
    statement, _, parameters = _select(as_of)
    found = sql.records(f"{statement} AND h.id = %(id)s", {**parameters, "id": hold_id})
    return found[0] if found else None


# Of an instruction that is held, the trades whose legs are netted in it.
_CONCERNS = """ AND (
    h.kind = 'TRADE' AND h.subject_id = %(trade)s
    OR h.kind = 'COUNTERPARTY' AND h.subject_id = (
        SELECT v.counterparty_id FROM trades_state s
        JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version WHERE s.trade_id = %(trade)s)
    OR h.kind = 'INSTRUCTION' AND h.subject_id IN (
        SELECT o.instruction_id FROM settlement_obligation o WHERE o.trade_id = %(trade)s)
)"""


def holds_of_trade(trade_id: int, *, as_of: AsOf | None = None) -> list[dict[str, Any]]:
    """Return the holds in force that concern a trade: its own, its counterparty's and those of its instructions."""
    statement, open_, parameters = _select(as_of)
    return sql.records(
        f"{statement} AND {open_} {_CONCERNS} ORDER BY h.id", {**parameters, "trade": trade_id}
    )


def held_among(instruction_ids: list[int], *, as_of: AsOf | None = None) -> set[int]:
    """Return which of these instructions are held themselves."""
    statement, open_, parameters = _select(as_of)
    found = sql.records(
        f"{statement} AND {open_} AND h.kind = 'INSTRUCTION' AND h.subject_id = ANY(%(ids)s)",
        {**parameters, "ids": instruction_ids},
    )
    return {row["subject_id"] for row in found}


def holds_in_force(*, as_of: AsOf | None = None) -> tuple[int, Any]:
    """Return how many holds are in force, and since when the oldest is, or None."""
    statement, open_, parameters = _select(as_of)
    counted = f"SELECT count(*), min(made_at) FROM ({statement} AND {open_}) AS held"
    ((count, since),) = sql.rows(counted, parameters)
    return count, since
