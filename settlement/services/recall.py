"""Settlement's part in changes of trades: what was sealed is cancelled and replaced in later batches.

A sealed batch is never touched. A change recalls the instructions that have a leg which it changes: each is cancelled
by an instruction of a later batch, the legs of other trades that were netted in it wait to be netted anew, and
those of the changed trades are instructed again once the checks let them pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core import sql
from core.audit import Actor, record
from core.ids import BATCH, INSTRUCTION, TRADE, public_id
from core.money import format_number
from settlement.services._sealing import rests_sql, standing_legs_sql
from settlement.services.report import close_fails
from trades.lifecycle import LIVE_STATES, SUBJECT, State
from trades.services.supersession import Cause, Follower

_LIVE = """
live AS MATERIALIZED (
    SELECT o.trade_id, o.leg, o.asset_kind, o.asset, o.direction, o.quantity, o.value_date, o.instruction_id,
           i.counterparty_id, i.entity_id, s.settlement, i.batch_id
    FROM settlement_obligation o
    JOIN settlement_instruction i ON i.id = o.instruction_id
    JOIN settlement_instruction_state s ON s.instruction_id = o.instruction_id
    WHERE o.trade_id = ANY(%(ids)s::bigint[]) AND s.processing <> 'REJECTED'
      AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = o.instruction_id)
)
"""
# Also what is recalled since, but for the part that had settled.
_SETTLED = """
SELECT o.trade_id, min(o.instruction_id)
FROM settlement_obligation o
JOIN settlement_instruction_state s ON s.instruction_id = o.instruction_id AND s.processing <> 'REJECTED'
LEFT JOIN settlement_recall r ON r.instruction_id = o.instruction_id
WHERE o.trade_id = ANY(%(ids)s::bigint[])
  AND (r.instruction_id IS NULL AND s.settlement IN ('SETTLED', 'PARTIAL') OR r.remainder IS NOT NULL)
GROUP BY o.trade_id
"""


def settled_in_part(trade_ids: Sequence[int]) -> dict[int, str]:
    """Return why trades cannot be changed any more: an instruction that they have a leg in is settled, or begun."""
    return {
        trade_id: f"Instruction {public_id(INSTRUCTION, instruction_id)} is settled, in whole or in part."
        for trade_id, instruction_id in sql.rows(_SETTLED, {"ids": list(trade_ids)})
    }


_ANY_LIVE = f"WITH {_LIVE} SELECT 1 FROM live LIMIT 1"
# Whoever recalls an instruction first does it; another change waits for that and finds it done. Of a pair that settles
# as delivery versus payment both are recalled, or neither.
_STORE = """, paired AS (
    SELECT t.trade_id, i.linked_id AS instruction_id
    FROM touched t
    JOIN settlement_instruction i ON i.id = t.instruction_id
    JOIN settlement_instruction_state s ON s.instruction_id = i.linked_id AND s.processing <> 'REJECTED'
)
INSERT INTO settlement_recall (instruction_id, cause_ids, recalled_at, recalled_by)
SELECT instruction_id, array_agg(DISTINCT trade_id ORDER BY trade_id), %(at)s, %(actor)s
FROM (SELECT * FROM touched UNION ALL SELECT * FROM paired) AS both_of_pairs
GROUP BY instruction_id ORDER BY instruction_id
ON CONFLICT (instruction_id) DO NOTHING RETURNING instruction_id
"""
_RECALL_ALL = f"WITH {_LIVE}, touched AS (SELECT trade_id, instruction_id FROM live) {_STORE}"
# Legs that the new version obliges to as the old one did stay where they are, with all of their parts.
_RECALL_CHANGED = f"""
WITH {_LIVE}, {{standing}}, touched AS (
    SELECT l.trade_id, l.instruction_id
    FROM (SELECT *, sum(quantity) OVER (PARTITION BY trade_id, leg) AS whole FROM live) AS l
    LEFT JOIN standing n ON n.trade_id = l.trade_id AND n.leg = l.leg AND n.asset_kind = l.asset_kind
        AND n.asset = l.asset AND n.direction = l.direction AND n.quantity = l.whole
        AND n.value_date = l.value_date AND n.counterparty_id = l.counterparty_id AND n.entity_id = l.entity_id
    WHERE n.trade_id IS NULL
) {_STORE}
"""
# A trade that is cancelled or allocated obliges to nothing any more.
_NO_LEGS = f"{State.CANCELLED.value}, {State.ALLOCATED.value}"
_WAIT = """
INSERT INTO settlement_obligation
    (trade_id, leg, attempt, part, version, instruction_id, asset_kind, asset, direction, quantity, value_date)
SELECT w.trade_id, w.leg, (
           SELECT max(a.attempt) + 1 FROM settlement_obligation a WHERE a.trade_id = w.trade_id AND a.leg = w.leg
       ), row_number() OVER (PARTITION BY w.trade_id, w.leg ORDER BY w.attempt, w.part) - 1, w.version, NULL,
       w.asset_kind, w.asset, w.direction, w.quantity, w.value_date
FROM ({waiting}) AS w ORDER BY w.trade_id, w.leg
RETURNING trade_id
"""
# The legs of the other trades wait, as their next attempt, for the next seal.
_NET_ANEW = _WAIT.format(
    waiting=f"""
SELECT o.trade_id, o.leg, o.attempt, o.part, s.version, o.asset_kind, o.asset, o.direction, o.quantity, o.value_date
FROM settlement_instruction i
CROSS JOIN LATERAL (SELECT DISTINCT trade_id FROM unnest(i.trade_ids) AS u(trade_id)) AS behind
JOIN settlement_obligation o ON o.trade_id = behind.trade_id AND o.instruction_id = i.id
JOIN trades_state s ON s.trade_id = o.trade_id AND s.state NOT IN ({_NO_LEGS})
WHERE i.id = ANY(%(recalled)s::bigint[]) AND o.trade_id <> ALL(%(ids)s::bigint[])
  AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = i.id AND r.remainder IS NOT NULL)
"""
)
_REST_ANEW = _WAIT.format(waiting=rests_sql("i.id = ANY(%(recalled)s::bigint[])"))


def recall_instructions(trade_ids: Sequence[int], cause: Cause, at: datetime, actor: Actor) -> None:
    """Recall what trades were instructed with and their new version no longer says, in the caller's transaction.

    The caller has locked the trades. Nothing is recalled twice.
    """
    ids = list(trade_ids)
    if sql.row(_ANY_LIVE, {"ids": ids}) is None:
        return
    statement = _RECALL_ALL if cause != "AMEND" else _RECALL_CHANGED.format(standing=standing_legs_sql())
    recalled = [each for (each,) in sql.rows(statement, {"ids": ids, "at": at, "actor": actor.name})]
    if not recalled:
        return
    net_anew(recalled, except_of=ids, at=at, actor=actor)
    close_fails(recalled, resolution="recalled", actor=actor, now=at)


_LINKED = "SELECT linked_id FROM settlement_instruction WHERE id = ANY(%s) AND linked_id IS NOT NULL"


def linked_instructions(instruction_ids: Sequence[int]) -> list[int]:
    """Return the instructions against which others settle as delivery versus payment."""
    return sorted(linked for (linked,) in sql.rows(_LINKED, [list(instruction_ids)]))


_RECALL_LINKED = """
INSERT INTO settlement_recall (instruction_id, cause_ids, recalled_at, recalled_by)
SELECT i.linked_id, %(causes)s::bigint[], %(at)s, %(actor)s
FROM settlement_instruction i
JOIN settlement_instruction_state s ON s.instruction_id = i.linked_id
WHERE i.id = ANY(%(ids)s::bigint[]) AND i.cancels IS NULL AND s.processing <> 'REJECTED'
  AND s.settlement NOT IN ('SETTLED', 'PARTIAL')
ORDER BY i.linked_id
ON CONFLICT (instruction_id) DO NOTHING RETURNING instruction_id
"""


def recall_linked(
    instruction_ids: Sequence[int], *, causes: Sequence[int] = (), at: datetime, actor: Actor
) -> list[int]:
    """Recall what is linked to instructions that will not be done, in the caller's transaction; return its ids.

    causes: the trades that must be instructed anew by their next version. The legs of the others wait to be netted
    anew, when the caller says so.
    """
    given = {"ids": list(instruction_ids), "causes": sorted(causes), "at": at, "actor": actor.name}
    recalled = sorted(each for (each,) in sql.rows(_RECALL_LINKED, given))
    close_fails(recalled, resolution="recalled", actor=actor, now=at)
    return recalled


def net_anew(
    recalled: Sequence[int],
    *,
    except_of: Sequence[int] = (),
    at: datetime,
    actor: Actor,
    reason: str = "",
) -> None:
    """Let the legs of recalled instructions wait for the next seal, but those of some trades, which are instructed
    again by their own next version. In the transaction of the recall, which the log is told of here."""
    given = {"ids": list(except_of), "recalled": list(recalled)}
    netted_anew = [*sql.rows(_NET_ANEW, given), *sql.rows(_REST_ANEW, given)]
    record(
        type="instruction.recalled",
        subject="instruction",
        ids=sorted(recalled),
        actor=actor,
        at=at,
        reason=reason,
    )
    record(
        type="trade.renetted",
        subject=SUBJECT,
        ids=sorted({trade_id for (trade_id,) in netted_anew}),
        actor=actor,
        at=at,
        data={"instructions": [public_id(INSTRUCTION, each) for each in sorted(recalled)[:100]]},
    )


_LEGS = f"""
WITH {{standing}}
SELECT n.trade_id, n.leg, n.direction, n.asset, n.quantity, n.value_date
FROM standing n JOIN trades_state s ON s.trade_id = n.trade_id
WHERE s.state = ANY(ARRAY[{", ".join(str(state.value) for state in LIVE_STATES)}]) ORDER BY n.trade_id, n.leg
"""
_RECALLED = """
SELECT DISTINCT i.id, i.batch_id, i.channel, i.asset, i.direction, i.quantity, i.value_date, i.gross_count,
       (SELECT array_agg(DISTINCT u.trade_id ORDER BY u.trade_id) FROM unnest(i.trade_ids) AS u(trade_id)
        WHERE u.trade_id <> ALL(%(ids)s::bigint[])) AS others
FROM settlement_obligation o
JOIN settlement_instruction i ON i.id = o.instruction_id
JOIN settlement_recall r ON r.instruction_id = i.id
WHERE o.trade_id = ANY(%(ids)s::bigint[]) ORDER BY i.id
"""


def legs_of(trade_ids: Sequence[int], _: datetime) -> dict[str, Any]:
    """Return what trades oblige to by their current versions, by trade and leg; nothing once they are cancelled."""
    return {
        f"{public_id(TRADE, trade_id)} {leg}": {
            "direction": direction,
            "asset": asset,
            "quantity": format_number(quantity),
            "value_date": value_date.isoformat(),
        }
        for trade_id, leg, direction, asset, quantity, value_date in sql.rows(
            _LEGS.format(standing=standing_legs_sql()), {"ids": list(trade_ids)}
        )
    }


def recalls_of(trade_ids: Sequence[int], _: datetime) -> dict[str, Any]:
    """Return the recalled instructions that trades have, or had, a leg in, and whose legs are netted anew with it."""
    return {
        public_id(INSTRUCTION, row["id"]): {
            "batch": public_id(BATCH, row["batch_id"]),
            "channel": row["channel"],
            "direction": row["direction"],
            "asset": row["asset"],
            "quantity": format_number(row["quantity"]),
            "value_date": row["value_date"].isoformat(),
            "legs": row["gross_count"],
            "netted_anew": [public_id(TRADE, each) for each in row["others"] or ()],
        }
        for row in sql.records(_RECALLED, {"ids": list(trade_ids)})
    }


FOLLOWER = Follower(
    refuse=settled_in_part,
    act=recall_instructions,
    looks={"legs": legs_of, "recalled_instructions": recalls_of},
)
