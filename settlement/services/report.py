"""Status reports: what became of an instruction, in whichever order and however often it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from core import sql, work
from core.audit import Actor
from core.ids import INSTRUCTION, public_id
from core.money import format_number
from core.wake import wake_on_commit
from settlement.cut_offs import cut_offs_to_come
from settlement.models import CHANNEL_OF
from settlement.services.advance import TASK, trades_behind
from settlement.services.invoice import queue_billing
from settlement.services.standing import SETTLEMENT, Report, Standing, settle
from trades.lifecycle import lock_trades
from trades.services.exceptions import NewException, close_exceptions, open_exceptions

MAX_ITEMS = 10_000
CODE = "SETTLEMENT_FAILED"


@dataclass(frozen=True)
class Result:
    """What became of one item: 200 taken (or nothing new), 404 unknown, 409 was rejected, 422 quantity."""

    instruction_id: int
    status: int
    detail: str = ""
    standing: Standing | None = None

    @property
    def settlement(self) -> str:
        """How the instruction settles after the item, or nothing where it was not taken."""
        return self.standing.settlement if self.standing else ""


_STANDING = """
SELECT s.instruction_id, s.batch_id, s.processing, s.settlement, s.settlement_reason, s.settled_quantity, s.matching,
       s.matching_reason, s.cancellation, s.cancellation_reason, i.quantity,
       i.channel, i.cancels, r.instruction_id IS NOT NULL AS recalled, r.remainder
FROM settlement_instruction_state s JOIN settlement_instruction i ON i.id = s.instruction_id
LEFT JOIN settlement_recall r ON r.instruction_id = i.id
WHERE s.instruction_id = ANY(%s) ORDER BY s.instruction_id FOR UPDATE OF s
"""


def report_status(*, reports: Sequence[Report], actor: Actor, now: datetime) -> list[Result]:
    """Take what is told of instructions; one result each, in their order.

    A fail, and a cancellation that nobody asked for, opens an exception on every trade behind the instruction; its
    settlement closes it. An instruction may be reported on before it is acknowledged, but not once it was rejected.
    At most MAX_ITEMS.
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
                taken.append(report.resolved(whole=row["quantity"]))
                after[report.instruction_id] = settle(
                    after[report.instruction_id], report, whole=row["quantity"]
                )
            results.append(Result(report.instruction_id, status, detail))
        _keep(taken, actor, now)
        changed = {each: after[each] for each in after if after[each] != before[each]}
        if changed:
            _apply(changed, before, rows, actor, now)
    return [
        Result(each.instruction_id, each.status, each.detail, after[each.instruction_id])
        if each.status == 200
        else each
        for each in results
    ]


def _standing(row: Mapping[str, Any]) -> Standing:
    return Standing(
        row["settlement"],
        _reasons(row["settlement_reason"]),
        row["settled_quantity"],
        row["matching"],
        _reasons(row["matching_reason"]),
        row["cancellation"],
        _reasons(row["cancellation_reason"]),
    )


def _reasons(text: str) -> frozenset[str]:
    return frozenset(text.split(", ")) - {""}


def _text(reasons: frozenset[str]) -> str:
    return ", ".join(sorted(reasons))


def _judge(report: Report, row: Mapping[str, Any] | None) -> tuple[int, str]:
    if row is None:
        return 404, "There is no such instruction."
    if row["processing"] == "REJECTED":
        return 409, "It was rejected: nothing can settle."
    said = report.resolved(whole=row["quantity"])
    if row["settlement"] == "CANCELLED" and said.kind in SETTLEMENT:
        return 409, "It was cancelled: nothing can settle."
    if row["cancels"] is not None:
        return 409, "It is a cancellation: it is accepted or rejected, and nothing settles."
    if said.kind == "PARTIAL" and not 0 < (said.quantity or 0) < row["quantity"]:
        return 422, "A partial quantity is more than nothing and less than the whole."
    if (
        row["remainder"] is not None
        and said.settled(whole=row["quantity"]) > row["quantity"] - row["remainder"]
    ):
        return 409, "What was left of it is recalled: nothing more of it can settle."
    if not report.adds_up(whole=row["quantity"]):
        return 422, "What has settled and what remains do not make the whole."
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
SET settlement = g.settlement, settlement_reason = g.reason, settled_quantity = g.quantity, matching = g.matching,
    matching_reason = g.matching_reason, cancellation = g.cancellation, cancellation_reason = g.cancellation_reason,
    changed_at = %(now)s
FROM unnest(%(ids)s::bigint[], %(settlements)s::text[], %(reasons)s::text[], %(quantities)s::numeric[],
            %(matchings)s::text[], %(matching_reasons)s::text[], %(cancellations)s::text[],
            %(cancellation_reasons)s::text[])
     AS g(id, settlement, reason, quantity, matching, matching_reason, cancellation, cancellation_reason)
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


def _store(changed: Mapping[int, Standing], now: datetime) -> None:
    standings = list(changed.values())
    sql.run(
        _STORE,
        {
            "now": now,
            "ids": list(changed),
            "settlements": [each.settlement for each in standings],
            "reasons": [_text(each.reasons) for each in standings],
            "quantities": [each.settled_quantity for each in standings],
            "matchings": [each.matching for each in standings],
            "matching_reasons": [_text(each.matching_reasons) for each in standings],
            "cancellations": [each.cancellation for each in standings],
            "cancellation_reasons": [_text(each.cancellation_reasons) for each in standings],
        },
    )


def _apply(
    changed: Mapping[int, Standing],
    before: Mapping[int, Standing],
    rows: Mapping[int, Mapping[str, Any]],
    actor: Actor,
    now: datetime,
) -> None:
    """Store where instructions stand now, and let trades and exceptions follow."""
    _store(changed, now)
    settled = [
        each
        for each, standing in changed.items()
        if standing.settlement == "SETTLED" != before[each].settlement
    ]
    if settled:
        sql.run(_COUNT, {"ids": [rows[each]["batch_id"] for each in settled], "now": now})
        work.enqueue(TASK, settled)
        wake_on_commit(TASK)
    delivered = [
        each
        for each, standing in changed.items()
        if rows[each]["channel"] == CHANNEL_OF["GOODS"]
        and standing.settled_quantity > before[each].settled_quantity
    ]
    queue_billing(trades_behind(delivered))
    failed = [
        each
        for each, standing in changed.items()
        if standing.settlement != "SETTLED"
        and (standing.reasons > before[each].reasons or standing.failing > before[each].failing)
        and not rows[each]["recalled"]
    ]
    recovered = [each for each in settled if changed[each].failing]
    lock_trades(trades_behind([*failed, *recovered]))
    _open_fails({each: changed[each] for each in failed}, actor, now)
    close_fails(recovered, resolution="settled", actor=actor, now=now)


_BEHIND = """
SELECT DISTINCT ON (u.trade_id) u.trade_id, i.id AS instruction_id, v.base_amount, i.channel, i.asset
FROM settlement_instruction i
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
    behind = sql.rows(_BEHIND, [list(failed)])
    deadlines = cut_offs_to_come({(channel, asset) for *_, channel, asset in behind}, now=now)
    items = []
    for trade_id, instruction_id, base_amount, channel, asset in behind:
        summary = _summary(instruction_id, failed[instruction_id])
        items.append(NewException(trade_id, "FAIL", [CODE], summary, base_amount, deadlines[channel, asset]))
    open_exceptions(items=items, at=now, actor=actor)


def _summary(instruction_id: int, standing: Standing) -> str:
    what = public_id(INSTRUCTION, instruction_id)
    if standing.settled_quantity:
        what = f"what is left of {what}, {format_number(standing.settled_quantity)} being settled,"
    if standing.reasons:
        return f"Settlement of {what} failed: {_text(standing.reasons)}"
    why = _text(standing.cancellation_reasons)
    return f"The back office cancelled {what}".removesuffix(",") + (f": {why}" if why else "")


# A trade stays in the queue while another of its instructions has failed and not settled since.
_WHOLE_AGAIN = """
SELECT t.trade_id FROM unnest(%s::bigint[]) AS t(trade_id)
WHERE NOT EXISTS (
    SELECT 1 FROM settlement_obligation o
    JOIN settlement_instruction_state s ON s.instruction_id = o.instruction_id
    WHERE o.trade_id = t.trade_id AND s.processing <> 'REJECTED' AND s.settlement <> 'SETTLED'
      AND (s.settlement_reason <> '' OR s.cancellation = 'COMPLETED')
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
