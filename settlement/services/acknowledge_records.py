"""Answers to the lines of a batch: of instructions, or of the records that other apps have registered.

An accepted record is done with. A rejected one is sealed again on a later day, and is work until that is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.contents import Content, content_of
from core.http.authentication import Client
from core.http.problem import not_found
from core.ids import BATCH as REFERENCE
from core.ids import public_id
from settlement.record_work import RECORDS
from settlement.services._batch_rows import BATCH
from settlement.services.acknowledge import (
    ACCEPTED,
    REJECTED,
    Answer,
    Control,
    Result,
    acknowledge_instructions,
    all_answered,
    compare_totals,
)
from settlement.services.claim import end_claim, hold_batch, require_claim
from trades.services.exceptions import NewException, close_exceptions_about, open_exceptions
from trades.work_items import About

SEEN_WITHIN = timedelta(days=1)

_CHANNEL = "SELECT channel_id FROM settlement_batch WHERE id = %s"


def acknowledge_lines(
    *,
    batch_id: int,
    answers: Sequence[Answer],
    control: Control,
    client: Client,
    actor: Actor,
    now: datetime,
) -> list[Result]:
    """Take the client's answers to lines of a batch it has claimed; one result each, in their order.

    As `acknowledge_instructions`, which it is for a batch of instructions; of one with records the answers name these.
    """
    found = sql.row(_CHANNEL, [batch_id])
    if found is None:
        raise not_found("settlement batch")
    acknowledge = acknowledge_instructions if content_of(found[0]) is None else _acknowledge_records
    return acknowledge(
        batch_id=batch_id, answers=answers, control=control, client=client, actor=actor, now=now
    )


_ANSWERED = """
SELECT record_id, line, attempt, status, reason, asset, quantities, channel FROM settlement_record
WHERE batch_id = %s AND record_id = ANY(%s) ORDER BY line FOR UPDATE
"""


def _acknowledge_records(
    *,
    batch_id: int,
    answers: Sequence[Answer],
    control: Control,
    client: Client,
    actor: Actor,
    now: datetime,
) -> list[Result]:
    with transaction.atomic():
        hold_batch(batch_id)
        claim_id = require_claim(batch_id=batch_id, client=client, now=now)
        ((channel,),) = sql.rows(_CHANNEL, [batch_id])
        content = content_of(channel)
        assert content is not None  # noqa: S101 - whoever calls has looked
        wanted = [answer.instruction_id for answer in answers if answer.prefix == content.prefix]
        known = {row["record_id"]: row for row in sql.records(_ANSWERED, [batch_id, wanted])}
        compare_totals(
            control,
            len(answers),
            [
                (row["asset"], direction, quantity)
                for row in known.values()
                for direction, quantity in zip(content.directions, row["quantities"], strict=True)
            ],
        )
        results = [_judge(answer, known, content) for answer in answers]
        news = [
            answer
            for answer, result in zip(answers, results, strict=True)
            if result.status == 200 and known[answer.instruction_id]["status"] == "SEALED"
        ]
        if news:
            _apply(batch_id, news, content, actor, now)
            if all_answered(batch_id):
                end_claim(claim_id=claim_id, now=now)
    return results


def _judge(answer: Answer, known: Mapping[int, Mapping[str, Any]], content: Content) -> Result:
    row = known.get(answer.instruction_id) if answer.prefix == content.prefix else None
    if row is None:
        return Result(answer.instruction_id, 404, "There is no such record in this batch.", answer.prefix)
    before = (row["status"], row["reason"])
    if before[0] != "SEALED" and before != (answer.status, answer.reason):
        said = " ".join(each for each in before if each)
        return Result(answer.instruction_id, 409, f"It was answered {said} before.", answer.prefix)
    return Result(answer.instruction_id, 200, prefix=answer.prefix)


_APPLY = """
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::bigint[], %(statuses)s::text[], %(reasons)s::text[]) AS g(id, status, reason)
), answered AS (
    UPDATE settlement_record r
    SET status = given.status, reason = given.reason, answered_at = %(now)s,
        answered_xid = pg_current_xact_id()::text::bigint
    FROM given WHERE r.batch_id = %(batch)s AND r.record_id = given.id
    RETURNING given.status
)
UPDATE settlement_batch_state
SET accepted = accepted + (SELECT count(*) FROM answered WHERE status = 'ACCEPTED'),
    settled = settled + (SELECT count(*) FROM answered WHERE status = 'ACCEPTED'),
    rejected = rejected + (SELECT count(*) FROM answered WHERE status = 'REJECTED'),
    changed_at = %(now)s
WHERE batch_id = %(batch)s
"""
# Earlier batches whose rejected records have come to be accepted, all of them, by a later attempt.
_WORKED_OFF = """
WITH RECURSIVE earlier AS (
    SELECT batch_id FROM settlement_record WHERE again_in = %(batch)s
    UNION SELECT r.batch_id FROM earlier e JOIN settlement_record r ON r.again_in = e.batch_id
)
SELECT e.batch_id FROM earlier e WHERE NOT EXISTS (
    SELECT FROM settlement_record r WHERE r.batch_id = e.batch_id AND r.status = 'REJECTED' AND NOT EXISTS (
        SELECT FROM settlement_record n
        WHERE n.channel = r.channel AND n.record_id = r.record_id AND n.status = 'ACCEPTED'))
ORDER BY 1
"""


def _apply(batch_id: int, news: Sequence[Answer], content: Content, actor: Actor, now: datetime) -> None:
    sql.run(
        _APPLY,
        {
            "batch": batch_id,
            "ids": [answer.instruction_id for answer in news],
            "statuses": [answer.status for answer in news],
            "reasons": [answer.reason for answer in news],
            "now": now,
        },
    )
    accepted = [answer for answer in news if answer.status == ACCEPTED]
    rejected = {
        public_id(content.prefix, each.instruction_id): each.reason
        for each in news
        if each.status == REJECTED
    }
    record(
        type="batch.acknowledged",
        subject=BATCH,
        ids=[batch_id],
        actor=actor,
        at=now,
        data={"accepted": len(accepted), "rejected": rejected},
    )
    if rejected:
        _open_work(batch_id, content, actor, now)
    if accepted:
        done = [each for (each,) in sql.rows(_WORKED_OFF, {"batch": batch_id})]
        close_exceptions_about(
            subject=BATCH,
            subject_ids=done,
            kind=RECORDS,
            resolution="accepted in a later batch",
            closed_by=actor,
            at=now,
        )


_REJECTED = """
SELECT b.sequence, count(*), min(r.reason) FROM settlement_record r JOIN settlement_batch b ON b.id = r.batch_id
WHERE r.batch_id = %s AND r.status = 'REJECTED' GROUP BY b.sequence
"""


def _open_work(batch_id: int, content: Content, actor: Actor, now: datetime) -> None:
    """Have somebody look at what was rejected of a batch: one item, however many records that are."""
    ((sequence, count, reason),) = sql.rows(_REJECTED, [batch_id])
    item = NewException(
        trade_id=None,
        about=About(BATCH, batch_id),
        kind=RECORDS,
        codes=[RECORDS],
        summary=f"{count:,} of {content.title} batch {sequence} ({public_id(REFERENCE, batch_id)}) were rejected,"
        f" the first reason being {reason}.",
        deadline=now + SEEN_WITHIN,
        causes=[f"{RECORDS} {content.code} {reason}"],
    )
    open_exceptions(items=[item], at=now, actor=actor)
