"""Acknowledgements: the consumer's answer to each instruction, all of a request or nothing of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from django.db import transaction

from core import sql, work
from core.audit import Actor, record
from core.http.authentication import Client
from core.http.problem import Fault, Problem
from core.ids import INSTRUCTION, public_id
from core.money import ZERO, format_number
from core.wake import wake_on_commit
from settlement.services._batch_rows import BATCH
from settlement.services.advance import TASK
from settlement.services.cancellation import cancel_originals
from settlement.services.claim import end_claim, hold_batch, require_claim
from settlement.services.reject import reject_trades

MAX_ITEMS = 10_000
ACCEPTED: Literal["ACCEPTED"] = "ACCEPTED"
REJECTED: Literal["REJECTED"] = "REJECTED"

Totals = Mapping[str, Mapping[str, Decimal]]


@dataclass(frozen=True)
class Answer:
    """What the consumer says of one instruction, or of a record of another app, as `prefix` tells. A rejection has a
    reason code, an acceptance none."""

    instruction_id: int
    status: Literal["ACCEPTED", "REJECTED"]
    reason: str = ""
    prefix: str = INSTRUCTION


@dataclass(frozen=True)
class Control:
    """The consumer's own count and sums of what it answers: asset → direction → quantity."""

    count: int
    totals: Totals


@dataclass(frozen=True)
class Result:
    """What became of one item: 200 taken (or the same as before), 404 not of this batch, 409 contradicts."""

    instruction_id: int
    status: int
    detail: str = ""
    prefix: str = INSTRUCTION


_ANSWERED = """
SELECT s.instruction_id, s.processing, s.processing_reason, s.settlement, i.asset, i.direction, i.quantity
FROM settlement_instruction_state s JOIN settlement_instruction i ON i.id = s.instruction_id
WHERE s.instruction_id = ANY(%s) AND s.batch_id = %s
ORDER BY s.instruction_id FOR UPDATE OF s
"""


def acknowledge_instructions(
    *,
    batch_id: int,
    answers: Sequence[Answer],
    control: Control,
    client: Client,
    actor: Actor,
    now: datetime,
) -> list[Result]:
    """Take the client's answers to instructions of a batch it has claimed; one result each, in their order.

    `control` is compared with the count and sums of the instructions answered, whatever the answer: a
    difference is Problem 422 and nothing is applied. Problem 404 for an unknown batch, 409 without the
    client's open claim. The same answer again changes nothing; a contradicting one is refused by itself. A
    rejection puts every trade behind it into the exceptions. The claim ends with the last answer of the batch.

    answers: each instruction at most once, at most MAX_ITEMS.
    """
    with transaction.atomic():
        hold_batch(batch_id)
        claim_id = require_claim(batch_id=batch_id, client=client, now=now)
        wanted = [answer.instruction_id for answer in answers if answer.prefix == INSTRUCTION]
        known = {row["instruction_id"]: row for row in sql.records(_ANSWERED, [wanted, batch_id])}
        compare_totals(
            control,
            len(answers),
            [(row["asset"], row["direction"], row["quantity"]) for row in known.values()],
        )
        results = [
            _judge(answer, known.get(answer.instruction_id) if answer.prefix == INSTRUCTION else None)
            for answer in answers
        ]
        news = [
            answer
            for answer, result in zip(answers, results, strict=True)
            if result.status == 200 and known[answer.instruction_id]["processing"] == "SEALED"
        ]
        if news:
            _apply(batch_id, news, actor, now)
            if all_answered(batch_id):
                end_claim(claim_id=claim_id, now=now)
    return results


def _judge(answer: Answer, row: Mapping[str, Any] | None) -> Result:
    if row is None:
        return Result(
            answer.instruction_id, 404, "There is no such instruction in this batch.", answer.prefix
        )
    before = (row["processing"], row["processing_reason"])
    if before[0] != "SEALED" and before != (answer.status, answer.reason):
        said = " ".join(each for each in before if each)
        return Result(answer.instruction_id, 409, f"It was answered {said} before.")
    if answer.status == REJECTED and row["settlement"] in {"SETTLED", "PARTIAL"}:
        return Result(answer.instruction_id, 409, f"It was reported {row['settlement']} before.")
    return Result(answer.instruction_id, 200)


def compare_totals(control: Control, count: int, rows: Iterable[tuple[str, str, Decimal]]) -> None:
    """Raise Problem 422 that names every total which is not ours. A total that is left out counts as 0.

    rows: asset, direction and quantity of what is answered.
    """
    ours: dict[tuple[str, str], Decimal] = {}
    for asset, direction, quantity in rows:
        ours[asset, direction] = ours.get((asset, direction), ZERO) + quantity
    theirs = {
        (asset, direction): quantity
        for asset, by_direction in control.totals.items()
        for direction, quantity in by_direction.items()
    }
    faults = [
        Fault(
            f"/control_totals/totals/{_escape(asset)}/{_escape(direction)}",
            f"{format_number(ours.get((asset, direction), ZERO))} is expected,"
            f" not {format_number(theirs.get((asset, direction), ZERO))}.",
            "differs",
        )
        for asset, direction in sorted(ours.keys() | theirs.keys())
        if ours.get((asset, direction), ZERO) != theirs.get((asset, direction), ZERO)
    ]
    if control.count != count:
        faults.insert(
            0, Fault("/control_totals/count", f"{count} is expected, not {control.count}.", "differs")
        )
    if faults:
        title = "The control totals differ; nothing was applied."
        raise Problem(422, "control-totals-differ", title, faults=faults)


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


# What nets to nothing, and a cancellation, is settled once it is accepted: nobody moves anything. What a cancellation
# was accepted of is done with, and so is what is accepted only afterwards. What was reported settled counts already.
_APPLY = """
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::bigint[], %(statuses)s::text[], %(reasons)s::text[]) AS g(id, status, reason)
), reported AS (
    INSERT INTO settlement_status_report (instruction_id, kind, reason, reported_by, reported_at)
    SELECT id, status, reason, %(actor)s, %(now)s FROM given ORDER BY id
), answered AS (
    UPDATE settlement_instruction_state s
    SET processing = given.status, processing_reason = given.reason, changed_at = %(now)s,
        settlement = CASE WHEN given.status = 'ACCEPTED' AND s.settlement <> 'CANCELLED'
                               AND (i.direction = 'NIL' OR i.cancels IS NOT NULL) THEN 'SETTLED'
                          ELSE s.settlement END
    FROM given JOIN settlement_instruction i ON i.id = given.id
    JOIN settlement_instruction_state before ON before.instruction_id = given.id
    WHERE s.instruction_id = given.id
    RETURNING given.status, given.status = 'ACCEPTED' AND (
        s.settlement = 'CANCELLED' OR s.settlement = 'SETTLED' AND before.settlement <> 'SETTLED') AS settled
)
UPDATE settlement_batch_state
SET accepted = accepted + (SELECT count(*) FROM answered WHERE status = 'ACCEPTED'),
    rejected = rejected + (SELECT count(*) FROM answered WHERE status = 'REJECTED'),
    settled = settled + (SELECT count(*) FROM answered WHERE settled),
    changed_at = %(now)s
WHERE batch_id = %(batch_id)s
"""


def _apply(batch_id: int, news: Sequence[Answer], actor: Actor, now: datetime) -> None:
    """Store answers that are new, and let the trades follow: rejected ones at once, the others by their task."""
    sql.run(
        _APPLY,
        {
            "ids": [answer.instruction_id for answer in news],
            "statuses": [answer.status for answer in news],
            "reasons": [answer.reason for answer in news],
            "actor": actor.name,
            "now": now,
            "batch_id": batch_id,
        },
    )
    accepted = [answer.instruction_id for answer in news if answer.status == ACCEPTED]
    rejected = {answer.instruction_id: answer.reason for answer in news if answer.status == REJECTED}
    if accepted:
        cancel_originals(accepted, actor, now)
        work.enqueue(TASK, accepted)
        wake_on_commit(TASK)
    if rejected:
        reject_trades(batch_id=batch_id, reasons=rejected, actor=actor, now=now)
    record(
        type="batch.acknowledged",
        subject=BATCH,
        ids=[batch_id],
        actor=actor,
        at=now,
        data={
            "accepted": len(accepted),
            "rejected": {public_id(INSTRUCTION, each): reason for each, reason in rejected.items()},
        },
    )


def all_answered(batch_id: int) -> bool:
    """Tell whether every line of a batch is answered."""
    return bool(
        sql.row(
            "SELECT 1 FROM settlement_batch_state WHERE batch_id = %s AND accepted + rejected = instruction_count",
            [batch_id],
        )
    )
