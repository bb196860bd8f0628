"""Claims: a consumer's lease on a batch while it works. One at a time, free again when it runs out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from core import sql, work
from core.audit import Actor, record
from core.http.authentication import Client
from core.http.problem import Fault, Problem, not_found
from core.wake import wake_on_commit
from settlement.services._batch_rows import BATCH
from settlement.services.advance import TASK

MIN_LEASE_SECONDS, MAX_LEASE_SECONDS = 10, 3600


@dataclass(frozen=True)
class Claim:
    """A lease that holds now. `is_new`: not merely extended."""

    id: int
    batch_id: int
    client_name: str
    claimed_at: datetime
    expires_at: datetime
    is_new: bool


# Claims and acknowledgements of one batch wait for each other at its row.
_HOLD = "SELECT id FROM settlement_batch WHERE id = %s FOR NO KEY UPDATE"
_OPEN = """
SELECT id, client_id, client_name, claimed_at, expires_at FROM settlement_batch_claim
WHERE batch_id = %s AND ended_at IS NULL
"""
_EXTEND = "UPDATE settlement_batch_claim SET expires_at = %s WHERE id = %s"
_END = "UPDATE settlement_batch_claim SET ended_at = %s WHERE id = %s"
_MAKE = """
INSERT INTO settlement_batch_claim (batch_id, client_id, client_name, claimed_at, expires_at)
VALUES (%s, %s, %s, %s, %s) RETURNING id
"""
_WITHHELD = """
SELECT 1 FROM settlement_withholding w JOIN settlement_batch_state s ON s.batch_id = w.batch_id
WHERE w.batch_id = %s AND w.ended_at IS NULL AND s.claimed_at IS NULL
"""
_UNRELEASED = """
SELECT 1 FROM settlement_release r JOIN settlement_batch_state s ON s.batch_id = r.batch_id
WHERE r.batch_id = %s AND s.released_at IS NULL
"""
_RECALLED = "SELECT 1 FROM settlement_batch_state WHERE batch_id = %s AND recalled_at IS NOT NULL"
_FIRST = """
UPDATE settlement_batch_state SET claimed_at = %(now)s, changed_at = %(now)s
WHERE batch_id = %(batch_id)s AND claimed_at IS NULL
"""


def claim_batch(*, batch_id: int, client: Client, lease_seconds: int, actor: Actor, now: datetime) -> Claim:
    """Give a client the lease of a batch, or extend the one it has to `lease_seconds` from now.

    Of many at once exactly one gets it. With the first claim ever the trades behind the batch move on.
    Problem 404 for an unknown batch, 409 with Retry-After while another client holds it, 409 once it is
    recalled, and while it is withheld and nobody has ever had it, 422 for a lease not between MIN_LEASE_SECONDS and
    MAX_LEASE_SECONDS.
    """
    expires_at = _end_of(lease_seconds, now)
    with transaction.atomic():
        hold_batch(batch_id)
        _require_not_recalled(batch_id)
        found = sql.row(_OPEN, [batch_id])
        if found and found[4] > now:
            if found[1] != client.id:
                raise _held_by_another(found[2], found[4], now)
            sql.run(_EXTEND, [expires_at, found[0]])
            return Claim(found[0], batch_id, client.name, found[3], expires_at, is_new=False)
        if found:
            sql.run(_END, [found[4], found[0]])
        else:
            require_free(batch_id=batch_id)
        made = sql.row(_MAKE, [batch_id, client.id, client.name, now, expires_at])
        assert made is not None  # noqa: S101 - the statement returns its row
        _note(batch_id, "batch.claimed", actor, now, {"lease_seconds": lease_seconds})
        if sql.run(_FIRST, {"now": now, "batch_id": batch_id}):
            _hand_off(batch_id)
    return Claim(made[0], batch_id, client.name, now, expires_at, is_new=True)


# Whose answers are complete is done with; what somebody holds, or works on at this moment, is passed over.
_NEXT = """
SELECT b.id FROM settlement_batch_state s JOIN settlement_batch b ON b.id = s.batch_id
WHERE s.instruction_count > s.accepted + s.rejected AND s.recalled_at IS NULL AND b.channel_id = %(channel)s
  AND NOT EXISTS (
      SELECT FROM settlement_batch_claim c
      WHERE c.batch_id = s.batch_id AND c.ended_at IS NULL AND c.expires_at > %(now)s)
  AND (s.released_at IS NOT NULL OR NOT EXISTS (
      SELECT FROM settlement_release r WHERE r.batch_id = s.batch_id))
  AND (s.claimed_at IS NOT NULL OR NOT EXISTS (
      SELECT FROM settlement_withholding w WHERE w.batch_id = s.batch_id AND w.ended_at IS NULL))
ORDER BY s.batch_id LIMIT 1 FOR NO KEY UPDATE OF b SKIP LOCKED
"""


def claim_next(*, channel: str, client: Client, lease_seconds: int, actor: Actor, now: datetime) -> Claim:
    """Give a client the lease of the channel's first batch that is not done and that nobody holds.

    Of any number of consumers at once no two get the same. One that was given up, or whose lease has run out before
    all was answered, comes before later ones. Problem 404 when none waits, 422 for a lease out of bounds.
    """
    _end_of(lease_seconds, now)
    with transaction.atomic():
        # Who claimed it after the statement looked, and has ended by now, is seen once the batch is locked: look again.
        while (found := sql.row(_NEXT, {"channel": channel, "now": now})) is not None:
            held = sql.row(_OPEN, [found[0]])
            if (held is None or held[4] <= now) and sql.row(_RECALLED, [found[0]]) is None:
                return claim_batch(
                    batch_id=found[0], client=client, lease_seconds=lease_seconds, actor=actor, now=now
                )
    title = f"No batch of {channel} waits to be claimed."
    raise Problem(404, "nothing-to-claim", title, headers={"Retry-After": "5"})


_OF_CLAIM = "SELECT batch_id, client_id FROM settlement_batch_claim WHERE id = %s"


def extend_claim(*, claim_id: int, client: Client, lease_seconds: int, actor: Actor, now: datetime) -> Claim:
    """Let a client's open lease last until `lease_seconds` from now, never less long than it does.

    Unlike a claim it never begins a lease anew: a consumer that was too slow learns that others may have the batch by
    now. Problem 404 for an unknown claim or another client's, 409 when it has ended, 422 for a lease out of bounds.
    """
    expires_at = _end_of(lease_seconds, now)
    with transaction.atomic():
        of = sql.row(_OF_CLAIM, [claim_id])
        if of is None or of[1] != client.id:
            raise not_found("claim")
        hold_batch(of[0])
        found = sql.row(_OPEN, [of[0]])
        if found is None or found[0] != claim_id or found[4] <= now:
            raise Problem(
                409, "claim-ended", "The claim has ended: claim the batch anew, if nobody else has."
            )
        expires_at = max(expires_at, found[4])
        sql.run(_EXTEND, [expires_at, claim_id])
    return Claim(claim_id, of[0], client.name, found[3], expires_at, is_new=False)


def _end_of(lease_seconds: int, now: datetime) -> datetime:
    """Return when a lease that begins now ends; Problem 422 when it is out of bounds."""
    if not MIN_LEASE_SECONDS <= lease_seconds <= MAX_LEASE_SECONDS:
        bounds = f"A whole number from {MIN_LEASE_SECONDS} to {MAX_LEASE_SECONDS}."
        fault = Fault("/lease_seconds", bounds, "range")
        raise Problem(422, "lease-out-of-range", "A lease cannot last that long.", faults=[fault])
    return now + timedelta(seconds=lease_seconds)


def release_batch(*, batch_id: int, client: Client, actor: Actor, now: datetime) -> bool:
    """End the client's own lease; tell whether it had one. Problem 404 for an unknown batch."""
    with transaction.atomic():
        hold_batch(batch_id)
        found = sql.row(_OPEN, [batch_id])
        if not found or found[1] != client.id or found[4] <= now:
            return False
        sql.run(_END, [now, found[0]])
        _note(batch_id, "batch.released", actor, now, None)
    return True


def require_free(*, batch_id: int) -> None:
    """Raise Problem 409 while a batch is withheld, since it has trades that must not leave, before it is released, and
    once it is recalled."""
    _require_not_recalled(batch_id)
    if sql.row(_UNRELEASED, [batch_id]):
        why = "Its amount asks for two people, who have not let it go yet."
        raise Problem(409, "batch-not-released", "The batch is not released.", detail=why)
    if sql.row(_WITHHELD, [batch_id]):
        why = "It has trades that are stopped. It can be claimed once the stop is lifted."
        raise Problem(409, "batch-withheld", "The batch is withheld.", detail=why)


def _require_not_recalled(batch_id: int) -> None:
    if sql.row(_RECALLED, [batch_id]):
        raise Problem(409, "batch-recalled", "The batch was recalled: nothing in it must be done.")


def hold_batch(batch_id: int) -> None:
    """Lock a batch for the caller's transaction; Problem 404 when there is none."""
    if sql.row(_HOLD, [batch_id]) is None:
        raise not_found("settlement batch")


def require_claim(*, batch_id: int, client: Client, now: datetime) -> int:
    """Return the id of the client's open lease on a batch that is held; Problem 409 when it has none."""
    found = sql.row(_OPEN, [batch_id])
    if found and found[4] > now:
        if found[1] == client.id:
            return int(found[0])
        raise _held_by_another(found[2], found[4], now)
    raise Problem(409, "not-claimed", "Claim the batch first: there is no open claim of this client.")


def end_claim(*, claim_id: int, now: datetime) -> None:
    """End a lease whose work is done."""
    sql.run(_END, [now, claim_id])


def _held_by_another(name: str, expires_at: datetime, now: datetime) -> Problem:
    seconds = max(1, math.ceil((expires_at - now).total_seconds()))
    return Problem(
        409,
        "claimed-by-another",
        f"The batch is claimed by {name} until {expires_at.isoformat()}.",
        headers={"Retry-After": str(seconds)},
    )


def _hand_off(batch_id: int) -> None:
    """Queue the batch's instructions for the task that moves the trades behind them on."""
    found = sql.rows("SELECT id FROM settlement_instruction WHERE batch_id = %s ORDER BY line", [batch_id])
    work.enqueue(TASK, [instruction_id for (instruction_id,) in found])
    wake_on_commit(TASK)


def _note(batch_id: int, event: str, actor: Actor, now: datetime, data: object) -> None:
    record(type=event, subject=BATCH, ids=[batch_id], actor=actor, at=now, data=data)
