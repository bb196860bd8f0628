"""Changes: amendments and cancellations of deals, any number at once, each as the next version of its trade.

Messages that carry the front office's own count of versions (`source_version`) end in the same state in
whichever order they come: each is kept once, and applied at its place in that order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from core import four_eyes, sql
from core.audit import Actor, encode
from core.http.problem import Fault, Problem, not_found
from core.money import format_amount, format_number
from trades.lifecycle import State, lock_trades, move_trades
from trades.products import PRODUCTS
from trades.products._reading import Unreadable
from trades.products.base import COLUMNS, Context, Message, Terms
from trades.services.amendment import amended, amended_terms
from trades.services.capture import context_of
from trades.services.exceptions import close_exceptions
from trades.services.findings import MOOT, clear_findings
from trades.services.kept import Kept, Standing, early_changes, look_again, mark_applied, messages_of
from trades.services.policy import Policies
from trades.services.supersession import Cause, follow, refusals
from trades.services.versions import (
    NextVersion,
    copy_versions,
    differing_columns,
    repeat_versions,
    trade_etag,
)

AMEND_EVENT = "trade.amended"
NEEDS_APPROVAL = "needs-approval"
VOIDED = "the trade has changed"
_UNTOLD = {"source_version", "duplicate_key", "counterparty_id", "book_id", "instrument_id"}
# Where an amended trade goes back to the checks from; one that waits for them already stays.
_AMENDED_FROM = (State.EXCEPTION, State.VALIDATED, State.INSTRUCTED, State.HANDED_OFF, State.ACKNOWLEDGED)
_CANCELLED_FROM = (State.CAPTURED, *_AMENDED_FROM)


@dataclass(frozen=True, slots=True)
class Change:
    """What is asked of one trade.

    changes: a JSON merge patch of its message (AMEND only); source_version: the front office's count, None when
    it is changed here; if_match: the ETags of which the trade must have one, None when it does not matter.
    message_id: the kept message that this is, when it was kept before its deal came.
    """

    kind: Cause
    trade_id: int
    reason: str
    changes: Mapping[str, Any] | None = None
    source_version: int | None = None
    effective_at: datetime | None = None
    if_match: Sequence[str] | None = None
    message_id: int | None = None


class Outcome(Enum):
    """What became of a change."""

    CHANGED = "CHANGED"
    REPEATED = "REPEATED"  # it had been done before
    OUTDATED = "OUTDATED"  # what the trade says is newer
    REFUSED = "REFUSED"


@dataclass(slots=True)
class Changed:
    """The result for one change: the trade's version now and what differs in it, or why it was refused."""

    outcome: Outcome
    trade_id: int
    version: int = 0
    told: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None


@dataclass(slots=True)
class _Next:
    """A change that can be made: the version to be stored."""

    place: int
    change: Change
    row: Mapping[str, Any]
    source_version: int | None
    kept: Kept | None = None
    message: Message | None = None
    moved: bool = False
    terms: Terms | None = None
    told: dict[str, Any] = field(default_factory=dict)


def change_trades(
    *, changes: Sequence[Change], actor: Actor, at: datetime, approved: bool = False
) -> list[Changed]:
    """Make changes in the caller's transaction and return one result each, in their order.

    Nothing is raised for a change that is refused: its result has the Problem. `approved`: two people agree
    already. Several changes of one trade are made one after the other.
    """
    results: dict[int, Changed] = {}
    for round_ in _rounds(changes):
        results.update(_change_once(round_, actor, at, approved))
    return [results[place] for place in range(len(changes))]


def _rounds(changes: Sequence[Change]) -> Iterator[dict[int, Change]]:
    """Yield changes by their place, each trade at most once in a round, in the order of the changes."""
    rest = dict(enumerate(changes))
    while rest:
        seen: set[int] = set()
        now: dict[int, Change] = {}
        for place, change in rest.items():
            if change.trade_id not in seen:
                seen.add(change.trade_id)
                now[place] = change
        yield now
        rest = {place: change for place, change in rest.items() if place not in now}


def _change_once(
    changes: Mapping[int, Change], actor: Actor, at: datetime, approved: bool
) -> dict[int, Changed]:
    rows = _lock_current(
        sorted({change.trade_id for change in changes.values()}),
        whole=any(change.kind == "AMEND" for change in changes.values()),
    )
    said = _said(changes.values(), rows)
    fixed = refusals(list(rows))
    policies = None if approved else Policies.in_force()
    results: dict[int, Changed] = {}
    ready: list[_Next] = []
    for place, change in changes.items():
        row = rows.get(change.trade_id)
        try:
            found = _prepare(place, change, row, said.get(change.trade_id, _Said()), fixed)
            if (
                isinstance(found, _Next)
                and policies
                and policies.need_two(change.kind, rows[change.trade_id])
            ):
                raise _needs_approval()
        except Problem as problem:
            results[place] = Changed(
                Outcome.REFUSED, change.trade_id, row["version"] if row else 0, problem=problem
            )
            continue
        if isinstance(found, _Next):
            ready.append(found)
        else:
            results[place] = found
    ready = _enrich(ready, at, results)
    _store(ready, actor, at)
    for each in ready:
        results[each.place] = Changed(
            Outcome.CHANGED, each.change.trade_id, each.row["version"] + 1, each.told
        )
    return results


# A cancellation repeats the terms where they are; only what is amended is read whole.
_IDENTITY = ("source", "source_ref", "source_version", "base_amount")
_CURRENT = """
SELECT v.trade_id, v.version, v.recorded_at, s.state, s.changed_at, {columns}
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.trade_id = ANY(%s)
"""


def _lock_current(trade_ids: Sequence[int], *, whole: bool) -> dict[int, dict[str, Any]]:
    """Lock trades and return the current versions of those that exist, with their states."""
    lock_trades(trade_ids)
    columns = ", ".join(_column(name) for name in (COLUMNS if whole else _IDENTITY))
    found = sql.records(_CURRENT.format(columns=columns), [list(trade_ids)])
    for row in found if whole else ():
        row["fees"], row["terms"] = sql.json_value(row["fees"]), sql.json_value(row["terms"])
    return {row["trade_id"]: row for row in found}


def _column(name: str) -> str:
    """Return SQL for a column; numbers as short as a front office sends them, which is what is read at a glance."""
    return f"trim_scale(v.{name}) AS {name}" if name in {"quantity", "price"} else f"v.{name}"


@dataclass(frozen=True)
class _Said:
    """What the front office said of a deal: the count under which it first came, and the changes that were kept."""

    own: int | None = None
    kept: Sequence[Kept] = ()

    def under(self, number: int | None) -> Kept | None:
        """Return the change that was kept under a number."""
        return next((each for each in self.kept if each.source_version == number), None)

    def applied(self, kind: Cause) -> list[Kept]:
        """Return the changes of a kind that have been made, in the front office's order."""
        return [each for each in self.kept if each.kind == kind and each.standing is Standing.APPLIED]


_FIRST = "SELECT trade_id, source_version FROM trades_version WHERE trade_id = ANY(%s) AND version = 1"


def _said(changes: Iterable[Change], rows: Mapping[int, Mapping[str, Any]]) -> dict[int, _Said]:
    """Return what was said of the trades that are changed under a count of versions."""
    deals = {
        change.trade_id: (row["source"], row["source_ref"])
        for change in changes
        if change.source_version is not None and (row := rows.get(change.trade_id)) is not None
    }
    if not deals:
        return {}
    own = dict(sql.rows(_FIRST, [sorted(deals)]))
    kept = messages_of(sorted(deals.values()))
    return {trade_id: _Said(own[trade_id], kept.get(deal, ())) for trade_id, deal in deals.items()}


def _prepare(
    place: int,
    change: Change,
    row: Mapping[str, Any] | None,
    said: _Said,
    fixed: Mapping[int, str],
) -> _Next | Changed:
    """Return the version that a change makes, or the result when it makes none; Problem when it is refused."""
    if row is None:
        raise not_found("trade")
    _match(change, row)
    if change.source_version is not None and (done := _done_before(change, row, said)) is not None:
        return done
    state, sent = row["state"], change.source_version
    if state == State.CANCELLED:
        if change.kind == "CANCEL" and sent is not None:
            return Changed(Outcome.REPEATED, change.trade_id, row["version"])
        if not _belongs_before_the_end(sent, said):
            raise Problem(
                409, "cancelled", "The trade is cancelled.", detail="Nothing can be changed of it any more."
            )
    if state == State.SETTLED:
        raise Problem(409, "settled", "The trade is settled.", detail="What is settled can only be reversed.")
    if change.trade_id in fixed:
        raise Problem(409, "settled", "The trade is settled in part.", detail=fixed[change.trade_id])
    current = row["source_version"]
    count = current if sent is None else max(sent, current or sent)
    found = _Next(place, change, row, count, None if sent is None else said.under(sent))
    if change.kind == "AMEND":
        found.message, found.moved = _patched(change, row, said, count)
    return found


def _belongs_before_the_end(number: int | None, said: _Said) -> bool:
    """Tell whether an amendment under a number was sent before the cancellation of its deal."""
    called_off = said.applied("CANCEL")
    return number is not None and bool(called_off) and number <= called_off[0].source_version


def _match(change: Change, row: Mapping[str, Any]) -> None:
    if change.if_match is None:
        return
    etag = trade_etag(row["version"], row["changed_at"])
    if etag not in change.if_match:
        raise Problem(
            412,
            "stale-version",
            "The trade has changed in the meantime.",
            detail=f"The current version is {row['version']}.",
            headers={"ETag": etag},
            extra={"version": row["version"], "etag": etag},
        )


def _done_before(change: Change, row: Mapping[str, Any], said: _Said) -> Changed | None:
    """Return the result of a message that came before, or that is older than the deal as it first came.

    One that could not be made when its deal came is tried again.
    """
    same, number = said.under(change.source_version), change.source_version
    if same is not None and same.id != change.message_id:
        changes = None if change.changes is None else sql.json_value(encode(change.changes))
        if (same.kind, same.changes) != (change.kind, changes):
            raise Problem(
                409,
                "source-version-conflict",
                f"Version {number} of the deal was sent before, with other content.",
                faults=[Fault("/source_version", "Every change has a number of its own.", "conflict")],
            )
        if same.standing in {Standing.APPLIED, Standing.WAITING}:
            return Changed(Outcome.REPEATED, change.trade_id, row["version"])
    if said.own is not None and number is not None and number <= said.own:
        return Changed(Outcome.OUTDATED, change.trade_id, row["version"])
    return None


def _patched(change: Change, row: Mapping[str, Any], said: _Said, count: int | None) -> tuple[Message, bool]:
    """Return the amended message. What was sent under higher numbers and came earlier is applied again on top."""
    patches = [change.changes or {}]
    if (number := change.source_version) is not None:
        patches += [each.changes for each in said.applied("AMEND") if each.source_version > number]
    try:
        return amended(row, patches, count)
    except Unreadable as error:
        raise Problem(422, "invalid", "The trade cannot be amended like this.", faults=error.faults) from None


def needs_approval(problem: Problem | None) -> bool:
    """Tell whether a change was refused only because two people must agree to it."""
    return problem is not None and problem.code == NEEDS_APPROVAL


def _needs_approval() -> Problem:
    return Problem(
        409,
        NEEDS_APPROVAL,
        "This change needs two people.",
        detail="Ask for it by itself: it waits for approval.",
    )


def _enrich(ready: Sequence[_Next], at: datetime, results: dict[int, Changed]) -> list[_Next]:
    """Enrich what is amended; what would change nothing is a refusal, unless a new count comes with it."""
    messages = [each.message for each in ready if each.message is not None]
    context = context_of(messages, at=at) if messages else None
    going = []
    for each in ready:
        if each.message is None or context is None:
            going.append(each)
            continue
        each.terms, differing = _terms(each, context)
        if differing or each.change.source_version is not None:
            each.told = _told(each.row, each.terms, differing)
            going.append(each)
        else:
            problem = Problem(422, "nothing-changed", "Nothing would change.")
            results[each.place] = Changed(
                Outcome.REFUSED, each.change.trade_id, each.row["version"], problem=problem
            )
    return going


def _terms(each: _Next, context: Context) -> tuple[Terms, dict[str, Any]]:
    assert each.message is not None  # noqa: S101 - the caller has looked
    terms = amended_terms(each.row, each.message, each.moved, context)
    differing = differing_columns(each.row, terms)
    differing.pop("source_version", None)
    return terms, differing


# Amounts of money, with the column that has their currency.
_CURRENCY_OF = {"gross_amount": "currency", "net_amount": "currency", "contra_amount": "contra_currency"}


def _told(row: Mapping[str, Any], terms: Terms, differing: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an amendment changes, by the pointer of the message, before and after."""
    product = PRODUCTS[row["product"]]
    told = {}
    for name, value in differing.items():
        if name in _UNTOLD:
            continue
        currency = _CURRENCY_OF.get(name, "")
        before = _plain(row[name], row[currency] if currency else None)
        after = _plain(value, getattr(terms, currency) if currency else None)
        told[product.pointer(name)] = {"before": before, "after": after}
    return told


def _plain(value: Any, currency: str | None) -> Any:
    """Return a value as people write it: money with its currency's digits, other numbers without needless zeros."""
    if not isinstance(value, Decimal):
        return value
    return format_amount(value, currency) if currency else format_number(value)


def _store(ready: Sequence[_Next], actor: Actor, at: datetime) -> None:
    """Store the versions and all that follows from them."""
    if not ready:
        return
    amendments = [each for each in ready if each.change.kind == "AMEND"]
    cancellations = [each for each in ready if each.change.kind == "CANCEL"]
    _keep_messages([each for each in ready if each.kept is None], actor, at)
    mark_applied([each.kept.id for each in ready if each.kept is not None])
    copy_versions(versions=[_version(each, at) for each in amendments], cause="AMEND", at=at)
    repeat_versions(versions=[_version(each, at) for each in cancellations], cause="CANCEL", at=at)
    _tell(amendments, actor, at)
    _point([each for each in amendments if not _moves(each)], at)
    _void_proposals(ready, actor, at)
    _close_refusals(
        [each for each in ready if each.kept and each.kept.standing is Standing.REFUSED], actor, at
    )
    for cause, group, sources, target in (
        ("AMEND", amendments, _AMENDED_FROM, State.CAPTURED),
        ("CANCEL", cancellations, _CANCELLED_FROM, State.CANCELLED),
    ):
        live = [each for each in group if each.row["state"] != State.CANCELLED]
        _move(live, sources, target, actor, at)
        if cause == "CANCEL":
            _close(live, actor, at)
        follow(
            trade_ids=sorted(each.change.trade_id for each in live),
            cause="AMEND" if cause == "AMEND" else "CANCEL",
            at=at,
            actor=actor,
        )


_KEEP = """
INSERT INTO trades_change_message
    (source, source_ref, source_version, kind, changes, reason, effective_at, actor, received_at)
SELECT source, source_ref, source_version, kind, changes, reason, effective_at, %s, %s
FROM jsonb_to_recordset(%s::jsonb) AS m(source text, source_ref text, source_version int, kind text, changes jsonb,
                                        reason text, effective_at timestamptz)
"""


def _keep_messages(ready: Sequence[_Next], actor: Actor, at: datetime) -> None:
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


def _version(each: _Next, at: datetime) -> NextVersion:
    return NextVersion(
        each.change.trade_id,
        each.row["version"] + 1,
        each.row["recorded_at"],
        each.change.effective_at or at,
        each.source_version,
        each.terms,
    )


def _moves(each: _Next) -> bool:
    """Tell whether a change takes its trade to another state, with which it gets its next version."""
    return each.row["state"] in (_AMENDED_FROM if each.change.kind == "AMEND" else _CANCELLED_FROM)


# The move of a cancelled trade writes its event; that of an amended one is its amendment's.
_TELL = """
INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason, data)
SELECT %(at)s, pg_current_xact_id()::text::bigint, %(event)s, 'trade', trade_id, version, %(actor)s,
       %(request_id)s, reason, told::jsonb
FROM unnest(%(ids)s::bigint[], %(versions)s::int[], %(reasons)s::text[], %(told)s::text[])
    AS g(trade_id, version, reason, told) ORDER BY trade_id
"""


def _tell(amendments: Sequence[_Next], actor: Actor, at: datetime) -> None:
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


def _point(staying: Sequence[_Next], at: datetime) -> None:
    """Point the states of trades that stay where they are at their new versions."""
    if staying:
        sql.run(_POINT, [at, sorted(each.change.trade_id for each in staying)])


_PENDING = """
SELECT id, subject_id FROM core_proposal
WHERE subject = 'trade' AND subject_id = ANY(%s) AND state = 'PENDING' ORDER BY id
"""


def _void_proposals(ready: Sequence[_Next], actor: Actor, at: datetime) -> None:
    """Void whatever waits for a second person of trades that have changed; an early change is looked at again."""
    found = sql.rows(_PENDING, [[each.change.trade_id for each in ready]])
    if found:
        four_eyes.void(proposal_ids=[each for each, _ in found], reason=VOIDED, now=at, actor=actor)
        look_again([trade_id for _, trade_id in found])


def _close_refusals(again: Sequence[_Next], actor: Actor, at: datetime) -> None:
    """Close the work items of changes that could not be made before and are made now."""
    trade_ids = {each.change.trade_id for each in again}
    if trade_ids:
        left = {trade_id for trade_id, *_ in early_changes(sorted(trade_ids), Standing.REFUSED)}
        close_exceptions(
            trade_ids=sorted(trade_ids - left), kinds=["CHANGE"], resolution="applied", closed_by=actor, at=at
        )


def _move(live: Sequence[_Next], sources: Sequence[State], target: State, actor: Actor, at: datetime) -> None:
    groups: dict[tuple[int, str], list[int]] = {}
    for each in live:
        groups.setdefault((each.row["state"], each.change.reason), []).append(each.change.trade_id)
    for source in sources:
        for (state, reason), trade_ids in groups.items():
            if state == source:
                move_trades(
                    trade_ids=sorted(trade_ids),
                    source=source,
                    target=target,
                    at=at,
                    actor=actor,
                    reason=reason,
                    locked=True,
                    superseded=True,
                )


def _close(cancelled: Sequence[_Next], actor: Actor, at: datetime) -> None:
    """Close what is open of cancelled trades: nothing about them needs doing any more."""
    clear_findings(trade_ids=[each.change.trade_id for each in cancelled], closing=MOOT, at=at)
    by_reason: dict[str, list[int]] = {}
    for each in cancelled:
        by_reason.setdefault(each.change.reason, []).append(each.change.trade_id)
    for reason, trade_ids in by_reason.items():
        close_exceptions(trade_ids=trade_ids, resolution=f"cancelled: {reason}", closed_by=actor, at=at)
