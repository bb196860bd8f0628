"""What of settlement somebody sees who sees some books only: the legs of their trades and where these have come.

An instruction may net trades of several desks. It is seen with a trade of one's own in it, and how much it is over
only where it has no other; a batch is seen for its place and its day.
"""

from __future__ import annotations

from core.sight import ALL, Seen, declare
from trades.sight import of_own_trade

_OF_TRADE = of_own_trade("t.trade_id")


def _some(instruction: str) -> str:
    return f"EXISTS (SELECT FROM unnest({instruction}.trade_ids) u(id) WHERE {of_own_trade('u.id')})"


def _every(instruction: str) -> str:
    return f"NOT EXISTS (SELECT FROM unnest({instruction}.trade_ids) u(id) WHERE NOT {of_own_trade('u.id')})"


def _only_all(column: str) -> str:
    return f"CASE WHEN {_every('t')} THEN t.{column} END"


def _of_instruction(condition: str = _some("i")) -> str:
    return f"EXISTS (SELECT FROM settlement_instruction i WHERE i.id = t.instruction_id AND {condition})"


def _of_batch(column: str) -> str:
    return f"EXISTS (SELECT FROM settlement_instruction i WHERE i.batch_id = {column} AND {_some('i')})"


_UNTOLD = "NULL::bigint"


def declare_all() -> None:
    """Declare it. Invoices, attestations and what does not tie out are of the whole firm."""
    declare(
        {
            "settlement_channel": ALL,
            "settlement_obligation": _OF_TRADE,
            "settlement_fee_accrual": _OF_TRADE,
            "settlement_instruction": Seen(
                _some("t"),
                hides={
                    "quantity": _only_all("quantity"),
                    "gross_count": _only_all("gross_count"),
                    "trade_ids": (
                        f"ARRAY(SELECT u.id FROM unnest(t.trade_ids) u(id) WHERE {of_own_trade('u.id')})"
                    ),
                },
            ),
            "settlement_instruction_state": Seen(
                _of_instruction(),
                hides={
                    "settled_quantity": f"CASE WHEN {_of_instruction(_every('i'))} THEN t.settled_quantity END"
                },
            ),
            "settlement_recall": _of_instruction(),
            "settlement_status_report": _of_instruction(_every("i")),
            "settlement_chase": _of_instruction(_every("i")),
            "settlement_penalty": _of_instruction(_every("i")),
            "settlement_batch": Seen(
                _of_batch("t.id"),
                hides={
                    "instruction_count": _UNTOLD,
                    "trade_count": _UNTOLD,
                    "control_totals": "NULL::jsonb",
                    "byte_count": _UNTOLD,
                },
            ),
            "settlement_batch_state": _of_batch("t.batch_id"),
            "settlement_batch_progress": _of_batch("t.batch_id"),
            "settlement_batch_claim": _of_batch("t.batch_id"),
            "settlement_withholding": _of_batch("t.batch_id"),
            "settlement_hold": (
                f"t.kind = 'COUNTERPARTY' OR t.kind = 'TRADE' AND {of_own_trade('t.subject_id')}"
                " OR t.kind = 'INSTRUCTION' AND EXISTS (SELECT FROM settlement_instruction i"
                f" WHERE i.id = t.subject_id AND {_some('i')})"
            ),
        }
    )
