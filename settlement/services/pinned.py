"""Pinned SSIs: an instruction keeps the pair it was sealed with. Where that is no longer the choice, somebody looks.

Whoever changes SSIs queues them, in the same transaction; a worker makes the choice anew for what is sealed and not
settled, and opens a work item on the trades behind what differs. The item closes by itself once the pair is the choice
again, or once its instruction is recalled, rejected or settled. Everything may run twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from core import sql, work
from core.audit import Actor
from core.ids import INSTRUCTION, public_id
from core.wake import wake_on_commit
from refdata.ssi_choice import NARROWINGS, chosen_sql
from settlement.services.seal import wait_for_seals
from trades.services.exceptions import NewException, close_exceptions, open_exceptions

TASK = "settlement.watch_pins"
ITEM = "STALE_SSI"
CODE = "SSI_SUPERSEDED"
RESOLUTION = "the SSI it was sealed with is the choice again, or the instruction is done with"
SSIS_AT_ONCE = 1_000
TRADES_AT_ONCE = 2_000

_ALIKE = ", ".join(("asset_kind", "ssi_key", "value_date", *NARROWINGS))
# What may still be done by the back office. A cancellation repeats what it cancels, so it has nothing to choose.
_UNDONE = """s.processing <> 'REJECTED' AND s.settlement NOT IN ('SETTLED', 'CANCELLED') AND i.cancels IS NULL
      AND i.direction <> 'NIL' AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = i.id)"""
_OF_PARTIES = f"""
    SELECT i.* FROM settlement_instruction_state s JOIN settlement_instruction i ON i.id = s.instruction_id
    WHERE (i.counterparty_id = ANY(%(parties)s::bigint[]) OR i.entity_id = ANY(%(parties)s::bigint[])) AND {_UNDONE}
"""
_OF_TRADES = f"""
    SELECT DISTINCT ON (i.id) i.*
    FROM settlement_obligation o
    JOIN settlement_instruction i ON i.id = o.instruction_id
    JOIN settlement_instruction_state s ON s.instruction_id = i.id
    WHERE o.trade_id = ANY(%(trades)s::bigint[]) AND {_UNDONE}
"""


def _stale(pinned: str) -> str:
    """Return SQL for the relation `stale`: legs whose instruction of `pinned` has another pair than is chosen now."""
    return f"""
WITH pinned AS MATERIALIZED ({pinned}), leg AS MATERIALIZED (
    SELECT o.trade_id, p.id AS instruction_id, p.counterparty_id, p.entity_id, p.our_ssi_id, p.their_ssi_id,
           o.asset_kind, o.value_date, v.product, v.currency, v.base_amount, coalesce(k.code, '') AS book,
           coalesce(deal.market, '') AS market,
           CASE o.asset_kind WHEN 'CASH' THEN o.asset WHEN 'GOODS' THEN '*' ELSE coalesce(i.market, '') END AS ssi_key
    FROM pinned p
    CROSS JOIN LATERAL (SELECT DISTINCT u.trade_id FROM unnest(p.trade_ids) AS u(trade_id)) AS behind
    JOIN settlement_obligation o ON o.trade_id = behind.trade_id AND o.instruction_id = p.id
    JOIN trades_version v ON v.trade_id = o.trade_id AND v.version = o.version
    LEFT JOIN refdata_book k ON k.id = v.book_id
    LEFT JOIN refdata_instrument deal ON deal.id = v.instrument_id
    LEFT JOIN refdata_instrument i ON o.asset_kind = 'SECURITY' AND i.code = o.asset
), chosen AS MATERIALIZED (
    SELECT n.*, {chosen_sql("n")} AS ssi_id
    FROM (SELECT counterparty_id AS party_id, {_ALIKE} FROM leg UNION SELECT entity_id, {_ALIKE} FROM leg) AS n
), stale AS (
    SELECT l.*
    FROM leg l
    JOIN (SELECT party_id AS entity_id, {_ALIKE}, ssi_id FROM chosen) ours USING (entity_id, {_ALIKE})
    JOIN (SELECT party_id AS counterparty_id, {_ALIKE}, ssi_id FROM chosen) theirs USING (counterparty_id, {_ALIKE})
    WHERE (l.our_ssi_id, l.their_ssi_id) IS DISTINCT FROM (ours.ssi_id, theirs.ssi_id)
)
"""


_NEW = f"""{_stale(_OF_PARTIES)}
SELECT trade_id, min(instruction_id), count(DISTINCT instruction_id), max(base_amount)
FROM stale
WHERE NOT EXISTS (
    SELECT FROM trades_exception e
    WHERE e.trade_id = stale.trade_id AND e.kind = '{ITEM}' AND e.closed_at IS NULL)
GROUP BY trade_id ORDER BY trade_id LIMIT {TRADES_AT_ONCE}
"""
_STILL = f"{_stale(_OF_TRADES)} SELECT DISTINCT trade_id FROM stale"
_OPEN = f"""
SELECT trade_id FROM trades_exception
WHERE kind = '{ITEM}' AND closed_at IS NULL AND trade_id > %s ORDER BY trade_id LIMIT {TRADES_AT_ONCE}
"""


def note_ssis(kind: str, row_ids: Sequence[int]) -> None:
    """Queue new or changed SSIs, in the transaction that writes them."""
    if kind == "ssis":
        work.enqueue(TASK, row_ids)
        wake_on_commit(TASK)


def watch_queued(*, now: datetime, actor: Actor) -> int:
    """Look at what is sealed for the parties of queued SSIs; return how many SSIs were looked at.

    At most TRADES_AT_ONCE items are opened in a transaction; while there are more, the SSIs stay queued. No seal goes
    on beside it: one that has chosen already is waited for, one that comes later chooses by the new rows.
    """
    with transaction.atomic():
        claimed = work.claim(TASK, limit=SSIS_AT_ONCE, now=now)
        if not claimed:
            return claimed.put_back
        if claimed.deadly:
            work.set_aside(claimed)
            return len(claimed.subject_ids)
        wait_for_seals()
        parties = sql.rows(
            "SELECT DISTINCT party_id FROM refdata_ssi WHERE id = ANY(%s)", [claimed.subject_ids]
        )
        found = sql.rows(_NEW, {"parties": [party_id for (party_id,) in parties]})
        open_exceptions(
            items=[
                NewException(trade_id, ITEM, [CODE], _summary(*rest), risk) for trade_id, *rest, risk in found
            ],
            at=now,
            actor=actor,
        )
        if len(found) == TRADES_AT_ONCE:
            work.enqueue(TASK, claimed.subject_ids)
        work.finish(claimed)
    return len(claimed.subject_ids)


def close_answered(*, now: datetime, actor: Actor) -> int:
    """Close the items of trades whose instructions are right again or done with; return how many were closed."""
    closed, after = 0, 0
    while open_now := [trade_id for (trade_id,) in sql.rows(_OPEN, [after])]:
        with transaction.atomic():
            still = {trade_id for (trade_id,) in sql.rows(_STILL, {"trades": open_now})}
            closed += close_exceptions(
                trade_ids=[trade_id for trade_id in open_now if trade_id not in still],
                kinds=[ITEM],
                resolution=RESOLUTION,
                closed_by=actor,
                at=now,
            )
        after = open_now[-1]
    return closed


def _summary(instruction_id: int, count: int) -> str:
    others = f" and {count - 1} more" if count > 1 else ""
    return (
        f"{public_id(INSTRUCTION, instruction_id)}{others}: sealed with an SSI that is no longer the choice"
    )
