"""The storing of changes: the versions that they make, what the log tells of them, and all that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from core import four_eyes, sql
from core.audit import Actor, encode
from core.ids import TRADE, public_id
from trades.lifecycle import State, move_trades
from trades.services.capture import capture_parts
from trades.services.change_request import Change, Ready
from trades.services.exceptions import close_exceptions
from trades.services.findings import MOOT, clear_findings
from trades.services.kept import Standing, early_changes, look_again, mark_applied
from trades.services.supersession import Cause, follow, is_room_held, succeed
from trades.services.versions import NextVersion, copy_versions, repeat_versions

AMEND_EVENT = "trade.amended"
VOIDED = "the trade has changed"
# Where an amended trade goes back to the checks from; one that waits for them already stays.
_AMENDED_FROM = (State.EXCEPTION, State.VALIDATED, State.INSTRUCTED, State.HANDED_OFF, State.ACKNOWLEDGED)
_ALLOCATED_FROM = _CANCELLED_FROM = (State.CAPTURED, *_AMENDED_FROM, State.ALLOCATED)
_FROM: Mapping[Cause, Sequence[State]] = {
    "AMEND": _AMENDED_FROM,
    "CANCEL": _CANCELLED_FROM,
    "ALLOCATE": _ALLOCATED_FROM,
}


def store_versions(ready: Sequence[Ready], actor: Actor, at: datetime) -> None:
    """Store the versions that amendments and cancellations make, in the caller's transaction, and tell the log of
    amendments. An allocation's are stored when it is finished. The caller has locked the trades.
    """
    _store_versions([each for each in ready if each.change.kind != "ALLOCATE"], actor, at)


def _store_versions(ready: Sequence[Ready], actor: Actor, at: datetime) -> None:
    restated = [each for each in ready if each.terms is not None]
    cancellations = [each for each in (*ready, *_leaving(ready)) if each.change.kind == "CANCEL"]
    copy_versions(versions=[_version(each, at) for each in restated], cause="AMEND", at=at)
    repeat_versions(versions=[_version(each, at) for each in cancellations], cause="CANCEL", at=at)
    _tell(restated, actor, at)
    _point([each for each in (*restated, *cancellations) if not _moves(each)], at)


def finish(ready: Sequence[Ready], actor: Actor, at: datetime) -> None:
    """Do all that follows from changes whose versions are stored: allocations make their parts, trades move, what
    waits for the old versions is void."""
    if not ready:
        return
    allocations = [each for each in ready if each.change.kind == "ALLOCATE"]
    for each in allocations:
        _join(each, actor, at)
    _store_versions(allocations, actor, at)
    _keep_messages([each for each in ready if each.kept is None], actor, at)
    mark_applied([each.kept.id for each in ready if each.kept is not None])
    going = [*ready, *_leaving(ready)]
    _void_proposals(going, actor, at)
    _close_refusals(
        [each for each in ready if each.kept and each.kept.standing is Standing.REFUSED], actor, at
    )
    groups: tuple[tuple[Cause, State], ...] = (
        ("AMEND", State.CAPTURED),
        ("CANCEL", State.CANCELLED),
        ("ALLOCATE", State.ALLOCATED),
    )
    for cause, target in groups:
        live = [each for each in going if each.change.kind == cause and each.row["state"] != State.CANCELLED]
        _move([each for each in live if _moves(each)], target, actor, at)
        if cause != "AMEND":
            _close(live, _CLOSING[cause], actor, at)
        follow(trade_ids=sorted(each.change.trade_id for each in live), cause=cause, at=at, actor=actor)
    _count_no_more([each.change.trade_id for each in allocations])


def _join(each: Ready, actor: Actor, at: datetime) -> None:
    """Capture the parts of a block, which count for what they take the place of: what counted already, or what had
    room held for it until its check."""
    leaving = each.leaving or [each.row]
    leaving_ids = [row["trade_id"] for row in leaving]
    counted = any(row["checked_version"] for row in leaving) or is_room_held(trade_ids=leaving_ids)
    each.joined = capture_parts(
        block_id=each.change.trade_id,
        parts=each.division,
        counted=counted,
        actor=actor,
        at=at,
    )
    succeed(leaving=leaving_ids, joining=each.joined, at=at)


def _leaving(ready: Sequence[Ready]) -> list[Ready]:
    """Return the cancellations of the parts that go with a block, or in whose place others come."""
    return [
        Ready(-1, Change("CANCEL", part["trade_id"], each.change.reason), part, part["source_version"])
        for each in ready
        for part in each.leaving
    ]


def _count_no_more(block_ids: Sequence[int]) -> None:
    """Note of allocated trades that limits carry nothing of them any more: their parts count."""
    if block_ids:
        sql.run("UPDATE trades_state SET checked_version = NULL WHERE trade_id = ANY(%s)", [list(block_ids)])


_KEEP = """
INSERT INTO trades_change_message
    (source, source_ref, source_version, kind, changes, reason, effective_at, actor, received_at)
SELECT source, source_ref, source_version, kind, changes, reason, effective_at, %s, %s
FROM jsonb_to_recordset(%s::jsonb) AS m(source text, source_ref text, source_version int, kind text, changes jsonb,
                                        reason text, effective_at timestamptz)
"""


def _keep_messages(ready: Sequence[Ready], actor: Actor, at: datetime) -> None:
    messages = [
        {
            "source": each.row["source"],
            "source_ref": each.row["source_ref"],
            "source_version": each.change.source_version,
            "kind": each.change.kind,
            "changes": each.change.changes,
            "reason": each.change.reason,
            "effective_at": each.change.effective_at,
        }
        for each in ready
        if each.change.source_version is not None
    ]
    if messages:
        sql.run(_KEEP, [actor.name, at, encode(messages)])


def _version(each: Ready, at: datetime) -> NextVersion:
    return NextVersion(
        each.change.trade_id,
        each.row["version"] + 1,
        each.row["recorded_at"],
        each.change.effective_at or at,
        each.source_version,
        each.terms,
    )


def _moves(each: Ready) -> bool:
    """Tell whether a change takes its trade to another state, with which it gets its next version."""
    return each.row["state"] in _FROM[each.change.kind]


# The move of a cancelled trade writes its event; that of an amended one is its amendment's.
_TELL = """
INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason, data)
SELECT %(at)s, pg_current_xact_id()::text::bigint, %(event)s, 'trade', trade_id, version, %(actor)s,
       %(request_id)s, reason, told::jsonb
FROM unnest(%(ids)s::bigint[], %(versions)s::int[], %(reasons)s::text[], %(told)s::text[])
    AS g(trade_id, version, reason, told) ORDER BY trade_id
"""


def _tell(amendments: Sequence[Ready], actor: Actor, at: datetime) -> None:
    """Tell the log of amendments."""
    if amendments:
        sql.run(
            _TELL,
            {
                "ids": [each.change.trade_id for each in amendments],
                "versions": [each.row["version"] + 1 for each in amendments],
                "reasons": [each.change.reason for each in amendments],
                "told": [encode(each.told) for each in amendments],
                "at": at,
                "event": AMEND_EVENT,
                "actor": actor.name,
                "request_id": actor.request_id,
            },
        )


_POINT = """
UPDATE trades_state SET version = version + 1, changed_at = %s, changed_xid = pg_current_xact_id()::text::bigint
WHERE trade_id = ANY(%s)
"""


def _point(staying: Sequence[Ready], at: datetime) -> None:
    """Point the states of trades that stay where they are at their new versions."""
    if staying:
        sql.run(_POINT, [at, sorted(each.change.trade_id for each in staying)])


_PENDING = """
SELECT id, subject_id FROM core_proposal
WHERE subject = 'trade' AND subject_id = ANY(%s) AND state = 'PENDING' ORDER BY id
"""


def _void_proposals(ready: Sequence[Ready], actor: Actor, at: datetime) -> None:
    """Void whatever waits for a second person of trades that have changed; an early change is looked at again."""
    found = sql.rows(_PENDING, [[each.change.trade_id for each in ready]])
    if found:
        four_eyes.void(proposal_ids=[each for each, _ in found], reason=VOIDED, now=at, actor=actor)
        look_again([trade_id for _, trade_id in found])


def _close_refusals(again: Sequence[Ready], actor: Actor, at: datetime) -> None:
    """Close the work items of changes that could not be made before and are made now."""
    trade_ids = {each.change.trade_id for each in again}
    if trade_ids:
        left = {trade_id for trade_id, *_ in early_changes(sorted(trade_ids), Standing.REFUSED)}
        close_exceptions(
            trade_ids=sorted(trade_ids - left), kinds=["CHANGE"], resolution="applied", closed_by=actor, at=at
        )


def _move(moving: Sequence[Ready], target: State, actor: Actor, at: datetime) -> None:
    groups: dict[tuple[int, str, tuple[int, ...], bool], list[int]] = {}
    for each in moving:
        superseded = each.next_version != each.row["version"]
        told = (each.row["state"], each.change.reason, tuple(each.joined), superseded)
        groups.setdefault(told, []).append(each.change.trade_id)
    for (state, reason, joined, superseded), trade_ids in sorted(groups.items()):
        move_trades(
            trade_ids=sorted(trade_ids),
            source=State(state),
            target=target,
            at=at,
            actor=actor,
            reason=reason,
            data={"parts": [public_id(TRADE, each) for each in joined]} if joined else None,
            locked=True,
            superseded=superseded,
        )


# What the exceptions of trades say that are no trades of their own any more.
_CLOSING: Mapping[Cause, str] = {"CANCEL": "cancelled", "ALLOCATE": "allocated"}


def _close(gone: Sequence[Ready], how: str, actor: Actor, at: datetime) -> None:
    """Close what is open of cancelled or allocated trades: nothing about them needs doing any more."""
    clear_findings(trade_ids=[each.change.trade_id for each in gone], closing=MOOT, at=at)
    by_reason: dict[str, list[int]] = {}
    for each in gone:
        by_reason.setdefault(each.change.reason, []).append(each.change.trade_id)
    for reason, trade_ids in by_reason.items():
        close_exceptions(trade_ids=trade_ids, resolution=f"{how}: {reason}", closed_by=actor, at=at)
