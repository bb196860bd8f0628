"""What the back office has in hand is not changed behind its back."""

from __future__ import annotations

from core import sql
from core.ids import BATCH, INSTRUCTION, public_id

_LIVE = """
SELECT i.id, i.batch_id
FROM settlement_obligation o
JOIN settlement_instruction i ON i.id = o.instruction_id
JOIN settlement_instruction_state s ON s.instruction_id = i.id AND s.processing <> 'REJECTED'
WHERE o.trade_id = %s AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = i.id)
ORDER BY i.id LIMIT 1
"""


def live_at_the_back_office(trade_id: int) -> str:
    """Return which instruction of a trade is sealed and not rejected, as a reason; empty when none is."""
    found = sql.row(_LIVE, [trade_id])
    if found is None:
        return ""
    instruction, batch = public_id(INSTRUCTION, found[0]), public_id(BATCH, found[1])
    return f"Instruction {instruction} of batch {batch} is at the back office."
