"""The statements of a hold: what it keeps out of a seal, what it takes out of batches, what it keeps back."""

from __future__ import annotations

from core import sql
from settlement.models import CHANNEL_OF
from settlement.services._sealing import ELSEWHERE, NOW, legs_of_sql
from trades.lifecycle import LIVE_STATES

_CHANNEL = "CASE {kind} " + " ".join(f"WHEN '{k}' THEN '{c}'" for k, c in CHANNEL_OF.items()) + " END"
ANY = "SELECT 1 FROM settlement_hold WHERE ended_at IS NULL LIMIT 1"


def kept_sql(legs: str) -> str:
    """Return SQL for the relations `hold`, the holds in force, and `kept`: the legs of a relation that they concern.

    legs: has trade_id, leg, asset_kind, asset, counterparty_id and against. Of a delivery versus payment both legs are
    kept, whichever is held.
    """
    return f"""
        hold AS MATERIALIZED (SELECT * FROM settlement_hold WHERE ended_at IS NULL), held AS MATERIALIZED (
            SELECT l.trade_id, l.leg FROM hold h JOIN {legs} l ON h.kind = 'TRADE' AND l.trade_id = h.subject_id
            UNION
            SELECT o.trade_id, o.leg FROM hold h
            JOIN settlement_instruction i ON h.kind = 'INSTRUCTION' AND i.id = h.subject_id
            CROSS JOIN LATERAL (SELECT DISTINCT trade_id FROM unnest(i.trade_ids) AS u(trade_id)) AS behind
            JOIN settlement_obligation o ON o.trade_id = behind.trade_id AND o.instruction_id = i.id
            UNION
            SELECT l.trade_id, l.leg FROM hold h
            JOIN {legs} l ON h.kind = 'COUNTERPARTY' AND l.counterparty_id = h.subject_id
                AND h.channel = {_CHANNEL.format(kind="l.asset_kind")} AND h.asset IN ('', l.asset)
        ), kept AS (
            SELECT trade_id, leg FROM held
            UNION
            SELECT o.trade_id, o.leg FROM held h
            JOIN {legs} l ON l.trade_id = h.trade_id AND l.leg = h.leg AND l.against <> ''
            JOIN {legs} o ON o.trade_id = l.trade_id AND o.leg <> l.leg AND o.against <> ''
        )"""


# Legs that the trade's own instruction brings stay undone, as those of another channel do: the trade stays VALIDATED.
# Those that have waited go on waiting.
_KEEP_BACK = f"""
WITH {kept_sql("seal_leg")}, waiting AS (
    DELETE FROM seal_leg l USING kept h WHERE l.waited AND l.trade_id = h.trade_id AND l.leg = h.leg
)
UPDATE seal_leg l SET part = {ELSEWHERE} FROM kept h
WHERE NOT l.waited AND l.part = {NOW} AND l.trade_id = h.trade_id AND l.leg = h.leg
"""


def keep_back_held() -> None:
    """Keep the legs that are held out of the seal under way: nothing else waits for them."""
    if sql.row(ANY):
        sql.run(_KEEP_BACK)


_TOUCHED = {
    "TRADE": "i.id IN (SELECT o.instruction_id FROM settlement_obligation o WHERE o.trade_id = %(subject)s)",
    "INSTRUCTION": "i.id = %(subject)s",
    "COUNTERPARTY": """i.counterparty_id = %(subject)s AND i.channel = %(channel)s AND %(asset)s IN ('', i.asset)
      AND s.instruction_count > s.accepted + s.rejected""",
}


def sealed_sql(kind: str) -> str:
    """Return SQL for the unanswered instructions that a hold of a kind concerns, by id, and whether somebody has each:
    then only that consumer's consent brings it back."""
    return f"""
        SELECT i.id, s.claimed_at IS NOT NULL
        FROM settlement_batch_state s
        JOIN settlement_instruction i ON i.batch_id = s.batch_id
        JOIN settlement_instruction_state t ON t.instruction_id = i.id
        WHERE {_TOUCHED[kind]} AND s.recalled_at IS NULL AND i.cancels IS NULL AND t.processing = 'SEALED'
          AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = i.id)
        ORDER BY i.id
    """


STILL_UNCLAIMED = """
SELECT i.id FROM settlement_instruction i JOIN settlement_batch_state s ON s.batch_id = i.batch_id
WHERE i.id = ANY(%s) AND s.claimed_at IS NULL AND s.recalled_at IS NULL ORDER BY i.id
"""

# A trade counts with its whole amount, whichever of its legs is held. What is not known, or too many to look at,
# counts as too much.
KEPT_BACK = f"""
WITH current AS MATERIALIZED (
    SELECT v.* FROM trades_state s
    JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
    WHERE s.state IN ({", ".join(str(state.value) for state in LIVE_STATES)}) AND v.counterparty_id = %(party)s
    ORDER BY s.trade_id DESC LIMIT %(most)s
), {legs_of_sql("current")}, held AS (
    SELECT DISTINCT l.trade_id FROM leg l
    WHERE {_CHANNEL.format(kind="l.asset_kind")} = %(channel)s AND %(asset)s IN ('', l.asset) AND NOT EXISTS (
        SELECT FROM settlement_obligation o
        JOIN settlement_instruction_state s ON s.instruction_id = o.instruction_id AND s.processing <> 'REJECTED'
        WHERE o.trade_id = l.trade_id AND o.leg = l.leg
          AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = o.instruction_id))
)
SELECT count(*), CASE WHEN (SELECT count(*) FROM current) < %(most)s AND count(*) = count(c.base_amount)
                      THEN coalesce(sum(abs(c.base_amount)), 0) END
FROM held JOIN current c USING (trade_id)
"""
