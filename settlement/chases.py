"""Reads of chases: who was asked to move an instruction, how often, and when again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core import sql
from core.as_of import HAPPENED, NOW, AsOf
from settlement.moves.base import Mover

CHASED = (Mover.COUNTERPARTY, Mover.BACK_OFFICE, Mover.MARKET)  # who is asked from outside of this system
# Over an instruction's id `{key}`, with `%(today)s`: the last time it was chased, somebody meant to ask again by today.
DUE = """EXISTS (SELECT FROM settlement_chase c WHERE c.instruction_id = {key} AND c.next_on <= %(today)s
    AND NOT EXISTS (SELECT FROM settlement_chase l WHERE l.instruction_id = c.instruction_id AND l.id > c.id))"""

_OF = """
SELECT DISTINCT ON (instruction_id) instruction_id, chased_at, next_on AS chase_next,
       count(*) OVER (PARTITION BY instruction_id) AS chases
FROM settlement_chase WHERE instruction_id = ANY(%s) ORDER BY instruction_id, id DESC
"""


def chases_of(instruction_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return of instructions that were chased how often (chases), when last (chased_at) and when to ask again
    (chase_next), by id."""
    if not instruction_ids:
        return {}
    return {row.pop("instruction_id"): row for row in sql.records(_OF, [list(instruction_ids)])}


_LIST = f"""
SELECT id, way, mover, whom, note, next_on, chased_by, chased_at FROM settlement_chase c
WHERE instruction_id = %(instruction)s AND core_known(c.xid, c.chased_at, {HAPPENED})
ORDER BY id DESC LIMIT %(limit)s
"""


def list_chases(instruction_id: int, *, as_of: AsOf | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Return how an instruction was chased, as known at a moment, the last first."""
    told = {"instruction": instruction_id, "limit": limit, **(as_of or NOW).parameters()}
    return sql.records(_LIST, told)
