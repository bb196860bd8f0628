"""Status reports: what became of an instruction, in whichever order and however often it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from django.db import transaction

from core import sql, work
from core.audit import Actor
from core.ids import INSTRUCTION, public_id
from core.wake import wake_on_commit
from settlement.selectors import cut_offs_to_come
from settlement.services.advance import TASK, trades_behind
from trades.lifecycle import lock_trades
from trades.services.exceptions import NewException, close_exceptions, open_exceptions

MAX_ITEMS = 10_000
CODE = "SETTLEMENT_FAILED"
Kind = Literal["SETTLED", "PARTIAL", "FAILED"]

# What is further along wins over what is less far, whichever was told last.
PRECEDENCE = ("PENDING", "FAILED", "PARTIAL", "SETTLED")


@dataclass(frozen=True)
class Report:
    """What is told of one instruction. PARTIAL has the quantity settled so far, FAILED a reason code."""

    instruction_id: int
    kind: Kind
    reason: str = ""
    quantity: Decimal | None = None


@dataclass(frozen=True)
class Standing:
    """How an instruction settles. `reasons`: every reason of a fail that was told, also before it settled."""

    settlement: str
    reasons: frozenset[str]
    settled_quantity: Decimal


@dataclass(frozen=True)
class Result:
    """What became of one item: 200 taken (or nothing new), 404 unknown, 409 was rejected, 422 quantity."""

    instruction_id: int
    status: int
    detail: str = ""
    settlement: str = ""


def settle(standing: Standing, report: Report, *, whole: Decimal) -> Standing:
    """Return how an instruction over a `whole` quantity stands after a report.

    The further of the two settlements, all reasons, the larger quantity: so neither the order of reports nor
    a repetition changes where it ends. SETTLED is final.
    """
    quantity = {"SETTLED": whole, "PARTIAL": report.quantity, "FAILED": None}[report.kind]
    return Standing(
        max(standing.settlement, report.kind, key=PRECEDENCE.index),
        standing.reasons | ({report.reason} if report.reason else frozenset()),
        standing.settled_quantity if quantity is None else max(standing.settled_quantity, quantity),
    )


_STANDING = """
SELECT s.instruction_id, s.batch_id, s.processing, s.settlement, s.settlement_reason, s.settled_quantity, i.quantity,
       i.cancels, EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = i.id) AS recalled
FROM settlement_instruction_state s JOIN settlement_instruction i ON i.id = s.instruction_id
WHERE s.instruction_id = ANY(%s) ORDER BY s.instruction_id FOR UPDATE OF s
"""


def report_status(*, reports: Sequence[Report], actor: Actor, now: datetime) -> list[Result]:
    """Take what is told of instructions; one result each, in their order.

    A fail opens an exception on every trade behind the instruction, its settlement closes it. An instruction
    may be reported on before it is acknowledged, but not once it was rejected. At most MAX_ITEMS.
    """
    with transaction.atomic():
        ids = sorted({report.instruction_id for report in reports})
        rows = {row["instruction_id"]: row for row in sql.records(_STANDING, [ids])}
        before = {each: _standing(row) for each, row in rows.items()}
        after = dict(before)
        results = []
        taken: list[Report] = []
        for report in reports:
            row = rows.get(report.instruction_id)
            status, detail = _judge(report, row)
            if row is not None and status == 200:
                taken.append(report)
                after[report.instruction_id] = settle(
                    after[report.instruction_id], report, whole=row["quantity"]
                )
            results.append(Result(report.instruction_id, status, detail))
        _keep(taken, actor, now)
        changed = {each: after[each] for each in after if after[each] != before[each]}
        if changed:
            _apply(changed, before, rows, actor, now)
    return [
        Result(each.instruction_id, each.status, each.detail, after[each.instruction_id].settlement)
        if each.status == 200
        else each
        for each in results
    ]


def _standing(row: Mapping[str, Any]) -> Standing:
    reasons = frozenset(row["settlement_reason"].split(", ")) - {""}
    return Standing(row["settlement"], reasons, row["settled_quantity"])


def _judge(report: Report, row: Mapping[str, Any] | None) -> tuple[int, str]:
    if row is None:
        return 404, "There is no such instruction."
    if row["processing"] == "REJECTED":
        return 409, "It was rejected: nothing can settle."
    if row["settlement"] == "CANCELLED":
        return 409, "It was cancelled: nothing can settle."
    if row["cancels"] is not None:
        return 409, "It is a cancellation: it is accepted or rejected, and nothing settles."
    if report.kind == "PARTIAL" and not 0 < (report.quantity or 0) < row["quantity"]:
        return 422, "A partial quantity is more than nothing and less than the whole."
    return 200, ""


_KEEP = """
INSERT INTO settlement_status_report (instruction_id, kind, reason, quantity, reported_by, reported_at)
SELECT DISTINCT ON (g.id, g.kind, g.reason, g.quantity) g.id, g.kind, g.reason, g.quantity, %s, %s
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::numeric[]) AS g(id, kind, reason, quantity)
WHERE NOT EXISTS (
    SELECT 1 FROM settlement_status_report r
    WHERE r.instruction_id = g.id AND r.kind = g.kind AND r.reason = g.reason
      AND r.quantity IS NOT DISTINCT FROM g.quantity
)
"""


def _keep(taken: Sequence[Report], actor: Actor, now: datetime) -> None:
    """Store reports as they came; word for word the same again is no news."""
    if taken:
        sql.run(
            _KEEP,
            [
                actor.name,
                now,
                [report.instruction_id for report in taken],
                [report.kind for report in taken],
                [report.reason for report in taken],
                [report.quantity for report in taken],
            ],
        )


_STORE = """
UPDATE settlement_instruction_state s
SET settlement = g.settlement, settlement_reason = g.reason, settled_quantity = g.quantity, changed_at = %(now)s
FROM unnest(%(ids)s::bigint[], %(settlements)s::text[], %(reasons)s::text[], %(quantities)s::numeric[])
     AS g(id, settlement, reason, quantity)
WHERE s.instruction_id = g.id
"""
# The batches' rows are locked in their order before any is touched.
_COUNT = """
WITH held AS MATERIALIZED (
    SELECT batch_id FROM settlement_batch_state WHERE batch_id = ANY(%(ids)s::bigint[]) ORDER BY batch_id FOR UPDATE
)
UPDATE settlement_batch_state b SET settled = b.settled + n.count, changed_at = %(now)s
FROM (SELECT batch_id, count(*)::int FROM unnest(%(ids)s::bigint[]) AS u(batch_id) GROUP BY batch_id) AS n
JOIN held USING (batch_id)
WHERE b.batch_id = n.batch_id
"""


def _apply(
    changed: Mapping[int, Standing],
    before: Mapping[int, Standing],
    rows: Mapping[int, Mapping[str, Any]],
    actor: Actor,
    now: datetime,
) -> None:
    """Store where instructions stand now, and let trades and exceptions follow."""
    sql.run(
        _STORE,
        {
            "now": now,
            "ids": list(changed),
            "settlements": [each.settlement for each in changed.values()],
            "reasons": [", ".join(sorted(each.reasons)) for each in changed.values()],
            "quantities": [each.settled_quantity for each in changed.values()],
        },
    )
    settled = [
        each
        for each, standing in changed.items()
        if standing.settlement == "SETTLED" != before[each].settlement
    ]
    if settled:
        sql.run(_COUNT, {"ids": [rows[each]["batch_id"] for each in settled], "now": now})
        work.enqueue(TASK, settled)
        wake_on_commit(TASK)
    failed = [
        each
        for each, standing in changed.items()
        if standing.settlement != "SETTLED"
        and standing.reasons > before[each].reasons
        and not rows[each]["recalled"]
    ]
    recovered = [each for each in settled if changed[each].reasons]
    lock_trades(trades_behind([*failed, *recovered]))
    _open_fails({each: changed[each] for each in failed}, actor, now)
    close_fails(recovered, resolution="settled", actor=actor, now=now)


_BEHIND = """
SELECT DISTINCT ON (u.trade_id) u.trade_id, i.id AS instruction_id, v.base_amount, b.channel_id
FROM settlement_instruction i JOIN settlement_batch b ON b.id = i.batch_id
CROSS JOIN LATERAL unnest(i.trade_ids) AS u(trade_id)
JOIN trades_state s ON s.trade_id = u.trade_id
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE i.id = ANY(%s)
ORDER BY u.trade_id, i.id
"""


def _open_fails(failed: Mapping[int, Standing], actor: Actor, now: datetime) -> None:
    if not failed:
        return
    # What settles next leaves by the next cut-off: by then somebody must have done something about it.
    deadlines = cut_offs_to_come(now=now)
    items = []
    for trade_id, instruction_id, base_amount, channel in sql.rows(_BEHIND, [list(failed)]):
        reasons = ", ".join(sorted(failed[instruction_id].reasons))
        summary = f"Settlement of {public_id(INSTRUCTION, instruction_id)} failed: {reasons}"
        items.append(NewException(trade_id, "FAIL", [CODE], summary, base_amount, deadlines[channel]))
    open_exceptions(items=items, at=now, actor=actor)


# A trade stays in the queue while another of its instructions has failed and not settled since.
_WHOLE_AGAIN = """
SELECT t.trade_id FROM unnest(%s::bigint[]) AS t(trade_id)
WHERE NOT EXISTS (
    SELECT 1 FROM settlement_obligation o
    JOIN settlement_instruction_state s ON s.instruction_id = o.instruction_id
    WHERE o.trade_id = t.trade_id AND s.processing <> 'REJECTED' AND s.settlement <> 'SETTLED'
      AND s.settlement_reason <> ''
      AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = s.instruction_id)
)
"""


def close_fails(instruction_ids: Sequence[int], *, resolution: str, actor: Actor, now: datetime) -> None:
    """Close the fails of the trades behind instructions that fail no longer, unless another one still does.

    In the caller's transaction, which has locked these trades.
    """
    if not instruction_ids:
        return
    whole = [trade_id for (trade_id,) in sql.rows(_WHOLE_AGAIN, [trades_behind(instruction_ids)])]
    close_exceptions(trade_ids=whole, kinds=["FAIL"], resolution=resolution, closed_by=actor, at=now)
