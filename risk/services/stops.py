"""Stops: one party, trader, book, instrument or source is blocked at once, and lifted by two people.

A stop holds what is captured (the check STOPPED), takes back what was validated and not sealed, keeps it from being
sealed, and pulls back the batches that nobody has claimed yet.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor, record
from core.http.problem import Fault, Problem, not_found
from core.models import Proposal
from core.text import text_faults
from risk.checks.stopped import CONCERNS, STOPPED
from risk.models import Stop
from trades.lifecycle import State, move_trades
from trades.services.guards import hold_back_anew
from trades.services.recheck import recheck_trades
from trades.services.release import held_because

SUBJECT = "stop"
KIND = "stop.lift"
AT_ONCE = 20_000  # trades taken back, or sent on, in one transaction; what is left follows with the next turn
_NAMED_BY = {"PARTY": "refdata_party", "BOOK": "refdata_book", "INSTRUMENT": "refdata_instrument"}
_KEY_LENGTH_MAX = 64

_MAKE = """
INSERT INTO risk_stop (kind, key, reason, made_by, made_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (kind, key) WHERE lifted_at IS NULL DO NOTHING RETURNING id
"""


def make_stop(*, kind: str, key: str, reason: str, actor: Actor, now: datetime) -> int:
    """Stop a party, trader, book, instrument or source by its code, at once; return the stop's id.

    Problem 422 naming what is wrong with the kind, the key or the reason; 409 when it is stopped already.
    """
    faults = [*_kind_faults(kind, key), *text_faults(reason, pointer="/reason")]
    if faults:
        raise Problem(422, "invalid", "This cannot be stopped.", faults=faults)
    with transaction.atomic():
        made = sql.row(_MAKE, [kind, key, reason.strip(), actor.name, now])
        if made is None:
            raise Problem(409, "stopped-already", f"The {kind.lower()} {key} is stopped already.")
        stop_id = int(made[0])
        data = {"kind": kind, "key": key}
        record(
            type="stop.made",
            subject=SUBJECT,
            ids=[stop_id],
            actor=actor,
            at=now,
            reason=reason.strip(),
            data=data,
        )
        _enforce(actor, now)
    return stop_id


def _kind_faults(kind: str, key: str) -> list[Fault]:
    faults = []
    if kind not in Stop.Kind.values:
        faults.append(Fault("/kind", f"One of {', '.join(Stop.Kind.values)}.", "unknown"))
    if not key or len(key) > _KEY_LENGTH_MAX or "\0" in key:
        faults.append(Fault("/key", f"A code of 1 to {_KEY_LENGTH_MAX} characters.", "missing"))
    elif (table := _NAMED_BY.get(kind)) and not sql.row(f"SELECT 1 FROM {table} WHERE code = %s", [key]):
        faults.append(Fault("/key", f"There is no {kind.lower()} of this code.", "unknown"))
    return faults


def propose_lift(
    *,
    stop_id: int,
    reason: str,
    user: AbstractBaseUser | None,
    actor: Actor,
    now: datetime,
    client_id: int | None = None,
) -> int:
    """Propose to lift a stop; return the proposal's id. The maker is a person or an API client.

    Problem 404 for an unknown stop, 409 when it is lifted already or a proposal waits, 422 without a reason.
    """
    with transaction.atomic():
        stop = _locked(stop_id)
        return four_eyes.propose(
            kind=KIND,
            subject=SUBJECT,
            subject_id=stop_id,
            content={"kind": stop.kind, "key": stop.key, "reason": stop.reason},
            user=user,
            client_id=client_id,
            reason=reason,
            now=now,
            actor=actor,
        )


def _locked(stop_id: int) -> Stop:
    stop = Stop.objects.select_for_update().filter(id=stop_id).first()
    if stop is None:
        raise not_found("stop")
    if stop.lifted_at is not None:
        raise Problem(409, "lifted-already", "The stop is lifted already.")
    return stop


def apply_lift(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Lift a stop that two people want lifted: what it alone held is checked again, and its batches are free."""
    stop = _locked(proposal.subject_id)
    stop.lifted_at = at
    stop.save(update_fields=["lifted_at"])
    data = {"kind": stop.kind, "key": stop.key}
    record(
        type="stop.lifted",
        subject=SUBJECT,
        ids=[stop.id],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data=data,
    )
    _enforce(actor, at)


def enforce_stops(*, now: datetime, actor: Actor) -> int:
    """Take back and send on what the stops in force, and those lifted, have left undone; return how many trades.

    A check that was under way when a stop was made may have let a trade of it pass: it goes no further, because
    no seal takes it, and is held here.
    """
    with transaction.atomic():
        if not sql.row(_OPEN) and not _no_longer_stopped():
            return 0
        return _enforce(actor, now)


_OPEN = "SELECT 1 FROM risk_stop WHERE lifted_at IS NULL LIMIT 1"
_PLACED = f"""
SELECT DISTINCT b.trade_id FROM (
    SELECT v.trade_id, v.trader, v.source, v.counterparty_ref, v.book_ref, p.code AS party_code, k.code AS book_code,
           coalesce(i.code, v.instrument_ref) AS instrument_code
    FROM {{relation}} r
    JOIN trades_state t ON t.trade_id = r.trade_id
    JOIN trades_version v ON v.trade_id = t.trade_id AND v.version = t.version
    LEFT JOIN refdata_party p ON p.id = v.counterparty_id
    LEFT JOIN refdata_book k ON k.id = v.book_id
    LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
) b JOIN risk_stop s ON {CONCERNS} ORDER BY b.trade_id
"""


def stopped_among(relation: str) -> list[int]:
    """Return the trades of a relation (SQL with a column trade_id) that a stop in force concerns."""
    if not sql.row(_OPEN):
        return []
    return [trade_id for (trade_id,) in sql.rows(_PLACED.format(relation=relation))]


_VALIDATED = f"(SELECT trade_id FROM trades_state WHERE state = {State.VALIDATED.value})"


def _enforce(actor: Actor, now: datetime) -> int:
    hold_back_anew(at=now, actor=actor)  # before any trade is locked: it waits for a seal that is under way
    stopped = stopped_among(_VALIDATED)[:AT_ONCE]
    back = move_trades(
        trade_ids=stopped,
        source=State.VALIDATED,
        target=State.CAPTURED,
        at=now,
        actor=actor,
        reason="stopped",
    )
    free = _no_longer_stopped()[:AT_ONCE]
    again = recheck_trades(trade_ids=free, reason="a stop was lifted", actor=actor, now=now) if free else []
    return len(back) + len(again)


def _no_longer_stopped() -> list[int]:
    """Return the trades that a stop holds which is lifted, and no other stop, nor a question to people."""
    held = held_because("%(code)s = ANY(e.codes)", code=STOPPED.code)
    if not held:
        return []
    still = set(stopped_among(f"(SELECT unnest('{sql.array_literal(held)}'::bigint[]) AS trade_id)"))
    return [trade_id for trade_id in held if trade_id not in still]
