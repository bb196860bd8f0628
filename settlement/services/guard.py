"""What the back office has in hand is not changed behind its back."""

from __future__ import annotations

from collections.abc import Sequence

from core import sql
from core.ids import BATCH, INSTRUCTION, public_id

_LIVE = """
SELECT DISTINCT ON (o.trade_id) o.trade_id, i.id, i.batch_id
FROM settlement_obligation o
JOIN settlement_instruction i ON i.id = o.instruction_id
JOIN settlement_instruction_state s ON s.instruction_id = i.id AND s.processing <> 'REJECTED'
WHERE o.trade_id = ANY(%s)
  AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = i.id AND r.remainder IS NULL)
ORDER BY o.trade_id, i.id
"""


def live_at_the_back_office(trade_ids: Sequence[int]) -> dict[int, str]:
    """Return which instruction of each trade is sealed and not rejected, as a reason; the others are left out."""
    return {
        trade_id: f"Instruction {public_id(INSTRUCTION, instruction)} of batch {public_id(BATCH, batch)}"
        " is at the back office."
        for trade_id, instruction, batch in sql.rows(_LIVE, [list(trade_ids)])
    }
