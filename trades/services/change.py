"""Changes: amendments, cancellations and allocations of deals, any number at once. An amendment and a cancellation
make the next version of their trade, an allocation makes the parts of a block.

Messages that carry the front office's own count of versions (`source_version`) end in the same state in
whichever order they come: each is kept once, and applied at its place in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
from django.conf import settings

from core import four_eyes, sql
from core.audit import Actor, encode
from core.http.problem import Fault, Problem, not_found
from core.ids import TRADE, public_id
from core.money import format_amount, format_number
from trades.lifecycle import State, lock_trades, move_trades
from trades.products import PRODUCTS
from trades.products._reading import Unreadable
from trades.products.base import COLUMNS, Context, Message, Terms
from trades.services.allocation import (
    Part,
    divided,
    part_ids,
    parts_of,
    read_parts,
    refuse,
    refuse_apart,
)
from trades.services.amendment import amended, amended_terms
from trades.services.capture import capture_parts, context_of
from trades.services.exceptions import close_exceptions
from trades.services.findings import MOOT, clear_findings
from trades.services.kept import Kept, Standing, early_changes, look_again, mark_applied, messages_of
from trades.services.policy import Policies
from trades.services.supersession import Cause, follow, refusals, succeed
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
_ALLOCATED_FROM = _CANCELLED_FROM = (State.CAPTURED, *_AMENDED_FROM, State.ALLOCATED)
_FROM: Mapping[Cause, Sequence[State]] = {
    "AMEND": _AMENDED_FROM,
    "CANCEL": _CANCELLED_FROM,
    "ALLOCATE": _ALLOCATED_FROM,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What is asked of one trade.

    changes: a JSON merge patch of its message (AMEND; ALLOCATE, where the terms change with it); items: what is asked
    of each part (ALLOCATE), see `allocation.Part`; source_version: the front office's count, None when it is changed
    here; if_match: the ETags of which the trade must have one, None when it does not matter.
    message_id: the kept message that this is, when it was kept before its deal came. amount: what is at stake, as
    whoever asks typed it in.
    """

    kind: Cause
    trade_id: int
    reason: str
    changes: Mapping[str, Any] | None = None
    source_version: int | None = None
    effective_at: datetime | None = None
    if_match: Sequence[str] | None = None
    message_id: int | None = None
    items: Sequence[Any] | None = None
    amount: str = ""


class Outcome(Enum):
    """What became of a change."""

    CHANGED = "CHANGED"
    REPEATED = "REPEATED"  # it had been done before
    OUTDATED = "OUTDATED"  # what the trade says is newer
    REFUSED = "REFUSED"


@dataclass(slots=True)
class Changed:
    """The result for one change: the trade's version now and what differs in it, or why it was refused.

    parts: the references of the parts that an allocation has made, by their trades.
    """

    outcome: Outcome
    trade_id: int
    version: int = 0
    told: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None
    parts: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Next:
    """A change that can be made: the version to be stored.

    leaving: the parts of a block that go with it, or in whose place others come; asked, division: what is asked of
    these, and their terms; joined: their trades.
    """

    place: int
    change: Change
    row: Mapping[str, Any]
    source_version: int | None
    kept: Kept | None = None
    message: Message | None = None
    moved: bool = False
    terms: Terms | None = None
    told: dict[str, Any] = field(default_factory=dict)
    leaving: Sequence[Mapping[str, Any]] = ()
    asked: Sequence[Part] = ()
    division: Sequence[Terms] = ()
    joined: Sequence[int] = ()

    @property
    def base_amounts(self) -> list[Decimal | None]:
        """Return what the trade is worth as it stands and, if its terms change, then, in base currency."""
        return [self.row["base_amount"], *([self.terms.base_amount] if self.terms else [])]

    @property
    def next_version(self) -> int:
        """Return the version that the trade has then: an allocation alone makes none."""
        makes_none = self.change.kind == "ALLOCATE" and self.terms is None
        return int(self.row["version"]) + (0 if makes_none else 1)


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
    rows, parts = _lock_current(list(changes.values()))
    said = _said(changes.values(), rows)
    fixed = refusals([*rows, *(part["trade_id"] for each in parts.values() for part in each)])
    policies = None if approved else Policies.in_force()
    results: dict[int, Changed] = {}
    ready: list[_Next] = []
    for place, change in changes.items():
        row = rows.get(change.trade_id)
        try:
            told = said.get(change.trade_id, _Said())
            found = _prepare(place, change, row, told, fixed, parts.get(change.trade_id, ()))
        except Problem as problem:
            results[place] = Changed(
                Outcome.REFUSED, change.trade_id, row["version"] if row else 0, problem=problem
            )
            continue
        if isinstance(found, _Next):
            ready.append(found)
        else:
            results[place] = found
    ready = _enrich(ready, at, results, policies)
    _store(ready, actor, at)
    for each in ready:
        results[each.place] = Changed(
            Outcome.CHANGED,
            each.change.trade_id,
            each.next_version,
            each.told,
            parts={
                trade_id: terms.source_ref for trade_id, terms in zip(each.joined, each.division, strict=True)
            },
        )
    return results


# A cancellation repeats the terms where they are; only what is amended is read whole.
_IDENTITY = ("source", "source_ref", "source_version", "base_amount")
_CURRENT = """
SELECT v.trade_id, v.version, v.recorded_at, s.state, s.changed_at, s.checked_version, s.block_id, {columns}
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.trade_id = ANY(%s)
"""


def _lock_current(
    changes: Sequence[Change],
) -> tuple[dict[int, dict[str, Any]], dict[int, list[dict[str, Any]]]]:
    """Lock the trades of changes; return the current versions of those that exist, with their states, and, by block,
    those of the parts that go with a block."""
    trade_ids = sorted({change.trade_id for change in changes})
    blocks = sorted({change.trade_id for change in changes if change.kind != "AMEND"})
    before = {each for parts in part_ids(blocks).values() for each in parts}
    lock_trades(sorted({*trade_ids, *before}))
    rows = _current(trade_ids, whole=any(change.kind != "CANCEL" for change in changes))
    allocated = [each for each in blocks if each in rows and rows[each]["state"] == State.ALLOCATED]
    if not allocated:
        return rows, {}
    # Whoever allocated a block meanwhile had its lock: the parts made then are the newest trades.
    found = part_ids(allocated)
    if newer := {each for parts in found.values() for each in parts} - before:
        lock_trades(sorted(newer))
    return rows, parts_of(list(found))


def _current(trade_ids: Sequence[int], *, whole: bool) -> dict[int, dict[str, Any]]:
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
    parts: Sequence[Mapping[str, Any]],
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
    refuse(change.kind, row, parts, fixed)
    current = row["source_version"]
    count = current if sent is None else max(sent, current or sent)
    found = _Next(place, change, row, count, None if sent is None else said.under(sent), leaving=parts)
    if change.kind == "ALLOCATE":
        found.asked = _asked(change)
    if change.kind == "AMEND" or change.changes:
        found.message, found.moved = _patched(change, row, said, count)
    return found


def _asked(change: Change) -> list[Part]:
    parts, faults = read_parts(change.items)
    if faults:
        raise Problem(422, "invalid", "The trade cannot be allocated like this.", faults=faults)
    return parts


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


def _enrich(
    ready: Sequence[_Next], at: datetime, results: dict[int, Changed], policies: Policies | None
) -> list[_Next]:
    """Enrich what is amended, and the parts that are asked for; what cannot be, or needs two people, is a refusal."""
    messages = [each.message for each in ready if each.message is not None]
    context = context_of(messages, at=at) if messages else None
    going = []
    for each in ready:
        try:
            if each.message is not None and context is not None:
                _enrich_one(each, context)
            if each.change.kind == "ALLOCATE":
                each.division = divided(_block(each), each.asked, at)
            if policies and policies.need_two(
                each.change.kind, each.row, each.leaving, amounts=each.base_amounts
            ):
                raise _needs_approval()
        except Problem as problem:
            results[each.place] = Changed(
                Outcome.REFUSED, each.change.trade_id, each.row["version"], problem=problem
            )
        else:
            going.append(each)
    return going


def _enrich_one(each: _Next, context: Context) -> None:
    """Enrich what is amended; what would change nothing is refused, unless a new count comes with it."""
    terms, differing = _terms(each, context)
    if not differing and each.change.source_version is None:
        raise Problem(422, "nothing-changed", "Nothing would change.")
    refuse_apart(each.row, differing)
    each.terms, each.told = terms, _told(each.row, terms, differing)


def _block(each: _Next) -> Mapping[str, Any]:
    """Return what a block says when it is divided: its version, with the terms that change with it."""
    if each.terms is None:
        return each.row
    terms = msgspec.structs.asdict(each.terms)
    written = {name: sql.json_value(encode(terms[name])) for name in ("fees", "terms")}
    return {**each.row, **terms, **written}


def _terms(each: _Next, context: Context) -> tuple[Terms, dict[str, Any]]:
    assert each.message is not None  # noqa: S101 - the caller has looked
    terms = amended_terms(each.row, each.message, each.moved, context)
    differing = differing_columns(each.row, terms)
    differing.pop("source_version", None)
    return terms, differing


# Amounts of money, with the column that has their currency.
_CURRENCY_OF = {"gross_amount": "currency", "net_amount": "currency", "contra_amount": "contra_currency"}


def _told(row: Mapping[str, Any], terms: Terms, differing: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an amendment changes, by the pointer of the message, before and after.

    An amount has its currency beside it on both sides: that may be what is amended.
    """
    product = PRODUCTS[row["product"]]
    told = {}
    for name, value in differing.items():
        if name in _UNTOLD:
            continue
        pointer = product.pointer(name)
        was = _currency(name, pointer, row.get)
        becomes = _currency(name, pointer, lambda column: getattr(terms, column))
        told[pointer] = {"before": _plain(row[name], was), "after": _plain(value, becomes)}
        if was or becomes:
            told[pointer] |= {"before_currency": was, "after_currency": becomes}
    return told


def _currency(name: str, pointer: str, at: Callable[[str], Any]) -> str | None:
    """Return the currency of an amount, None of whatever is none. at: returns a column of the version."""
    if name == "base_amount":
        return str(settings.BASE_CURRENCY)
    if name == "quantity" and pointer.endswith("/amount"):  # an exchange of currencies: the quantity is money
        return str(at("currency"))
    return at(_CURRENCY_OF[name]) if name in _CURRENCY_OF else None


def _plain(value: Any, currency: str | None) -> Any:
    """Return a value as people write it: money with its currency's digits, other numbers without needless zeros."""
    if not isinstance(value, Decimal):
        return value
    return format_amount(value, currency) if currency else format_number(value)


def _store(ready: Sequence[_Next], actor: Actor, at: datetime) -> None:
    """Store the versions and all that follows from them."""
    if not ready:
        return
    allocations = [each for each in ready if each.change.kind == "ALLOCATE"]
    for each in allocations:
        _join(each, actor, at)
    _keep_messages([each for each in ready if each.kept is None], actor, at)
    mark_applied([each.kept.id for each in ready if each.kept is not None])
    going = [*ready, *_leaving(ready)]
    cancellations = [each for each in going if each.change.kind == "CANCEL"]
    restated = [each for each in ready if each.terms is not None]
    copy_versions(versions=[_version(each, at) for each in restated], cause="AMEND", at=at)
    repeat_versions(versions=[_version(each, at) for each in cancellations], cause="CANCEL", at=at)
    _tell(restated, actor, at)
    _point([each for each in (*restated, *cancellations) if not _moves(each)], at)
    _void_proposals(going, actor, at)
    _close_refusals(
        [each for each in ready if each.kept and each.kept.standing is Standing.REFUSED], actor, at
    )
    amendments = [each for each in ready if each.change.kind == "AMEND"]
    groups: tuple[tuple[Cause, list[_Next], State], ...] = (
        ("AMEND", amendments, State.CAPTURED),
        ("CANCEL", cancellations, State.CANCELLED),
        ("ALLOCATE", allocations, State.ALLOCATED),
    )
    for cause, group, target in groups:
        live = [each for each in group if each.row["state"] != State.CANCELLED]
        _move([each for each in live if _moves(each)], target, actor, at)
        if cause != "AMEND":
            _close(live, _CLOSING[cause], actor, at)
        follow(trade_ids=sorted(each.change.trade_id for each in live), cause=cause, at=at, actor=actor)
    _count_no_more([each.change.trade_id for each in allocations])


def _join(each: _Next, actor: Actor, at: datetime) -> None:
    """Capture the parts of a block, which count for what they take the place of."""
    leaving = each.leaving or [each.row]
    each.joined = capture_parts(
        block_id=each.change.trade_id,
        parts=each.division,
        counted=any(row["checked_version"] for row in leaving),
        actor=actor,
        at=at,
    )
    succeed(leaving=[row["trade_id"] for row in leaving], joining=each.joined, at=at)


def _leaving(ready: Sequence[_Next]) -> list[_Next]:
    """Return the cancellations of the parts that go with a block, or in whose place others come."""
    return [
        _Next(-1, Change("CANCEL", part["trade_id"], each.change.reason), part, part["source_version"])
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
    return each.row["state"] in _FROM[each.change.kind]


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


def _move(moving: Sequence[_Next], target: State, actor: Actor, at: datetime) -> None:
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


def _close(gone: Sequence[_Next], how: str, actor: Actor, at: datetime) -> None:
    """Close what is open of cancelled or allocated trades: nothing about them needs doing any more."""
    clear_findings(trade_ids=[each.change.trade_id for each in gone], closing=MOOT, at=at)
    by_reason: dict[str, list[int]] = {}
    for each in gone:
        by_reason.setdefault(each.change.reason, []).append(each.change.trade_id)
    for reason, trade_ids in by_reason.items():
        close_exceptions(trade_ids=trade_ids, resolution=f"{how}: {reason}", closed_by=actor, at=at)
