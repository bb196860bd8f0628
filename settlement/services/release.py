"""Release: above an amount that is data of the channel, a sealed batch leaves only when two people let it go.

Whoever asks and whoever approves both type how many instructions it has: so nobody releases ten thousand who
meant ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor, record
from core.http.problem import Fault, Problem, not_found
from core.models import Proposal

KIND = "release_batch"
_SUBJECT = "batch"

# A trade counts with its whole amount, whichever of its legs is in the batch. What is not known counts as too much.
_HOLD_BACK = """
INSERT INTO settlement_release (batch_id, amount)
SELECT b.id, worth.amount
FROM settlement_batch b
JOIN settlement_channel c ON c.code = b.channel_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN bool_and(v.base_amount IS NOT NULL) THEN sum(abs(v.base_amount)) END AS amount
    FROM (SELECT DISTINCT unnest(trade_ids) AS trade_id FROM settlement_instruction WHERE batch_id = b.id) AS behind
    JOIN trades_state s ON s.trade_id = behind.trade_id
    JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
) AS worth
WHERE b.id = ANY(%s) AND c.release_from IS NOT NULL AND (worth.amount IS NULL OR worth.amount >= c.release_from)
ORDER BY b.id RETURNING batch_id
"""


def hold_for_release(*, batch_ids: Sequence[int], actor: Actor, now: datetime) -> list[int]:
    """Hold back the new batches that their channels let go only by two people; return their ids. In the seal."""
    held = [batch_id for (batch_id,) in sql.rows(_HOLD_BACK, [list(batch_ids)])]
    record(type="batch.awaits_release", subject=_SUBJECT, ids=held, actor=actor, at=now)
    return held


_HELD = """
SELECT b.channel_id, b.sequence, b.value_date, b.instruction_count, b.sha256, r.amount
FROM settlement_batch b
JOIN settlement_batch_state s ON s.batch_id = b.id
JOIN settlement_release r ON r.batch_id = b.id
WHERE b.id = %s AND s.released_at IS NULL AND s.recalled_at IS NULL
"""
_LOCK = "SELECT 1 FROM settlement_batch WHERE id = %s FOR NO KEY UPDATE"


def propose_release(
    *, batch_id: int, count: str, reason: str, user: AbstractBaseUser, actor: Actor, now: datetime
) -> int:
    """Ask a second person to release a batch; return the proposal's id.

    count: of its instructions, as it was typed. Problem 404 for an unknown batch, 409 when it does not wait to be
    released or was asked for already, 422 without a reason or with another count.
    """
    with transaction.atomic():
        if sql.row(_LOCK, [batch_id]) is None:
            raise not_found("settlement batch")
        found = sql.row(_HELD, [batch_id])
        if found is None:
            raise Problem(409, "not-awaiting-release", "The batch does not wait to be released.")
        channel, sequence, value_date, instruction_count, sha256, amount = found
        _require_count(count, instruction_count)
        return four_eyes.propose(
            kind=KIND,
            subject=_SUBJECT,
            subject_id=batch_id,
            content={
                "channel": channel,
                "sequence": sequence,
                "value_date": value_date.isoformat(),
                "instruction_count": instruction_count,
                "sha256": sha256,
                "amount": four_eyes.amount_text(amount),
            },
            user=user,
            reason=reason,
            now=now,
            actor=actor,
        )


def _require_count(typed: str, count: int) -> None:
    """Raise Problem 422 unless the count of instructions was typed as it is."""
    if typed.replace(",", "").strip() == str(count):
        return
    missing = not typed.strip()
    why = "Type in how many instructions it has." if missing else "This is not how many instructions it has."
    fault = Fault("/count", why, "missing" if missing else "mismatch")
    raise Problem(422, "invalid", "The batch is not released like this.", faults=[fault])


def approve_release(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime, typed: str = ""
) -> Proposal:
    """Release a batch as somebody else has asked. typed: the count of its instructions.

    Problem 422 with another count, 409 when the batch does not wait any more; else as `four_eyes.approve`.
    """
    with transaction.atomic():
        proposal = four_eyes.approve(
            proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=KIND
        )
        _require_count(typed, proposal.content["instruction_count"])
    return proposal


def lock_batch(batch_id: int) -> None:
    """Lock the batch that a proposal is about, before the proposal itself."""
    sql.row(_LOCK, [batch_id])


_RELEASE = """
UPDATE settlement_batch_state SET released_at = %s, changed_at = %s WHERE batch_id = %s AND recalled_at IS NULL
"""


def apply_release(proposal: Proposal, actor: Actor, now: datetime) -> None:
    """Let the batch go, in the transaction of the approval. Problem 409 when it is recalled by now."""
    if not sql.run(_RELEASE, [now, now, proposal.subject_id]):
        raise Problem(409, "batch-recalled", "The batch is recalled by now.")
    record(
        type="batch.release_approved",
        subject=_SUBJECT,
        ids=[proposal.subject_id],
        actor=actor,
        at=now,
        reason=proposal.reason,
    )


_PENDING = (
    "SELECT id FROM core_proposal WHERE kind = %s AND subject = %s AND subject_id = %s AND state = 'PENDING'"
)


def void_release(*, batch_id: int, actor: Actor, now: datetime) -> None:
    """Void what was asked for a batch that is recalled."""
    waiting = [each for (each,) in sql.rows(_PENDING, [KIND, _SUBJECT, batch_id])]
    four_eyes.void(proposal_ids=waiting, reason="the batch is recalled", now=now, actor=actor)
