"""The consumer's answer to what operations want back of it: a batch, or one instruction."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.http.authentication import Client
from core.http.problem import Problem, not_found
from core.text import text_faults
from settlement.services._batch_rows import BATCH
from settlement.services.claim import hold_batch
from settlement.services.recall_asked import RECALLED, REFUSED, REQUESTED
from settlement.services.recall_batch import require_batch_recallable, take_back_batch
from settlement.services.recall_line import hold_batches, require_recallable, take_back, tell

_OF_REQUEST = "SELECT batch_id, instruction_id, client_id FROM settlement_batch_recall WHERE id = %s"
_ANSWERED = "SELECT state FROM settlement_batch_recall WHERE id = %s"
_ANSWER = """
UPDATE settlement_batch_recall SET state = %s, answered_by = %s, answered_at = %s, answer_reason = %s WHERE id = %s
"""
_CHANGED_AWAY = "SELECT 1 FROM settlement_recall WHERE instruction_id = %s"


def answer_recall(
    *, recall_id: int, consents: bool, reason: str, client: Client, actor: Actor, now: datetime
) -> str:
    """Take the consumer's answer to a request; return RECALLED or REFUSED. The same answer again changes nothing.

    With its consent the batch or the instruction is recalled at once; the claim of a batch ends. Problem 422 for a
    refusal without a reason, 404 for a request that is not the client's to answer, 409 when it was answered otherwise,
    or when something of it has settled meanwhile.
    """
    if faults := text_faults(reason, pointer="/reason", required=not consents):
        raise Problem(422, "invalid", "The answer was not taken.", faults=faults)
    wanted = RECALLED if consents else REFUSED
    with transaction.atomic():
        of = sql.row(_OF_REQUEST, [recall_id])
        if of is None or of[2] != client.id:
            raise not_found("recall")
        batch_id, instruction_id, _ = of
        hold_batch(batch_id) if instruction_id is None else hold_batches([instruction_id])
        ((state,),) = sql.rows(_ANSWERED, [recall_id])
        if state == wanted:
            return wanted
        if state != REQUESTED:
            raise Problem(409, "already-answered", f"The request was answered before: {state}.")
        if consents:
            _recall(batch_id, instruction_id, reason, actor, now)
        sql.run(_ANSWER, [wanted, actor.name, now, reason.strip(), recall_id])
        _tell(batch_id, instruction_id, consents, reason, actor, now)
    return wanted


def _recall(batch_id: int, instruction_id: int | None, reason: str, actor: Actor, now: datetime) -> None:
    if instruction_id is None:
        require_batch_recallable(batch_id)
        take_back_batch(batch_id, actor, now)
    elif (
        sql.row(_CHANGED_AWAY, [instruction_id]) is None
    ):  # else a change of a trade has recalled it meanwhile
        require_recallable(instruction_id)
        take_back([instruction_id], actor=actor, now=now, reason=reason)


def _tell(
    batch_id: int, instruction_id: int | None, consents: bool, reason: str, actor: Actor, now: datetime
) -> None:
    if instruction_id is not None:
        if not consents:  # its recall is told where it happens
            tell("instruction.recall_refused", instruction_id, reason, actor, now)
        return
    event = "batch.recalled" if consents else "batch.recall_refused"
    record(type=event, subject=BATCH, ids=[batch_id], actor=actor, at=now, reason=reason.strip())
