"""Changes: amendments, cancellations and allocations of deals, any number at once. An amendment and a cancellation
make the next version of their trade, an allocation makes the parts of a block.

Messages that carry the front office's own count of versions (`source_version`) end in the same state in
whichever order they come: each is kept once, and applied at its place in that order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from core import sql
from core.audit import Actor, encode
from core.beside import Beside
from core.http.problem import Fault, Problem, not_found
from trades.lifecycle import State, lock_trades
from trades.products._reading import Unreadable
from trades.products.base import COLUMNS, Asked, Context, Message, Terms
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
from trades.services.capture import look_up
from trades.services.change_request import Change, Changed, Outcome, Ready
from trades.services.change_store import finish, store_versions
from trades.services.difference import differing_columns, told
from trades.services.kept import Kept, Standing, messages_of
from trades.services.policy import Policies
from trades.services.supersession import Cause, refusals
from trades.services.versions import (
    trade_etag,
)

__all__ = ["NEEDS_APPROVAL", "Change", "Changed", "Outcome", "change_trades", "needs_approval"]

NEEDS_APPROVAL = "needs-approval"
RUN = 1_000  # changes in one run


def change_trades(
    *, changes: Sequence[Change], actor: Actor, at: datetime, approved: bool = False
) -> list[Changed]:
    """Make changes in the caller's transaction and return one result each, in their order.

    Nothing is raised for a change that is refused: its result has the Problem. `approved`: two people agree
    already. Several changes of one trade are made one after the other, and so are those of a block and its parts.
    """
    results: dict[int, Changed] = {}
    for round_ in _rounds(changes):
        results.update(_change_once(round_, actor, at, approved))
    return [results[place] for place in range(len(changes))]


def _rounds(changes: Sequence[Change]) -> Iterator[dict[int, Change]]:
    """Yield changes by their place, in their order: in a round each trade at most once, and no part beside its block,
    whose change may take it along."""
    blocks = _blocks_of(changes)
    rest = dict(enumerate(changes))
    while rest:
        seen: set[int] = set()  # the trades of changes that are made in this round, or put off
        seen_parts_of: set[int | None] = set()
        now: dict[int, Change] = {}
        for place, change in rest.items():
            trade_id, block_id = change.trade_id, blocks.get(change.trade_id)
            if not {trade_id, block_id} & seen and trade_id not in seen_parts_of:
                now[place] = change
            seen.add(trade_id)
            seen_parts_of.add(block_id)
        yield now
        rest = {place: change for place, change in rest.items() if place not in now}


_BLOCKS = "SELECT trade_id, block_id FROM trades_state WHERE trade_id = ANY(%s) AND block_id IS NOT NULL"


def _blocks_of(changes: Sequence[Change]) -> dict[int, int]:
    """Return the blocks of the trades that are parts, where changes of blocks and of parts can meet: an amendment
    alone takes no other trade along."""
    if len(changes) < 2 or all(change.kind == "AMEND" for change in changes):
        return {}
    return dict(sql.rows(_BLOCKS, [sorted({change.trade_id for change in changes})]))


def _change_once(
    changes: Mapping[int, Change], actor: Actor, at: datetime, approved: bool
) -> dict[int, Changed]:
    """Make changes of different trades, by their place. While a run of them is stored, the next is looked at."""
    parts = _lock(changes.values())
    policies = None if approved else Policies.in_force()
    results: dict[int, Changed] = {}
    ready: list[Ready] = []
    going: list[Ready] = []
    context = Context.empty()
    with Beside() as beside:
        for run in _runs(changes):
            beside.wait()
            known = _Known.of(run.values(), parts)
            if going:
                beside.start(partial(store_versions, going, actor, at))
            able = _prepare_all(run, known, results)
            asked = Asked.of([each.message for each in able if each.message is not None])
            missing = asked.beyond(context.asked)
            if missing or any(each.change.kind == "ALLOCATE" for each in able):
                beside.wait()
            if missing:
                context.add(look_up(missing, at=at), missing)
            going = _enrich(able, context, at, results, policies)
            ready += going
    store_versions(going, actor, at)
    finish(ready, actor, at)
    results.update((each.place, _made(each)) for each in ready)
    return results


def _runs(changes: Mapping[int, Change]) -> Iterator[dict[int, Change]]:
    """Yield changes by their place in runs: each is small enough to stay at hand while it is worked on."""
    places = list(changes)
    for first in range(0, len(places), RUN):
        yield {place: changes[place] for place in places[first : first + RUN]}


def _prepare_all(changes: Mapping[int, Change], known: _Known, results: dict[int, Changed]) -> list[Ready]:
    """Return the changes that can be made; what cannot, or need not, has its result."""
    able = []
    for place, change in changes.items():
        row = known.rows.get(change.trade_id)
        try:
            found = _prepare(place, change, row, known)
        except Problem as problem:
            results[place] = _refused(change, row, problem)
            continue
        if isinstance(found, Ready):
            able.append(found)
        else:
            results[place] = found
    return able


def _refused(change: Change, row: Mapping[str, Any] | None, problem: Problem) -> Changed:
    return Changed(Outcome.REFUSED, change.trade_id, row["version"] if row else 0, problem=problem)


def _made(each: Ready) -> Changed:
    parts = {trade_id: terms.source_ref for trade_id, terms in zip(each.joined, each.division, strict=True)}
    return Changed(Outcome.CHANGED, each.change.trade_id, each.next_version, each.told, parts=parts)


def _lock(changes: Collection[Change]) -> dict[int, list[dict[str, Any]]]:
    """Lock the trades of changes; return the parts that go with a block, by block."""
    blocks = sorted({change.trade_id for change in changes if change.kind != "AMEND"})
    before = {each for parts in part_ids(blocks).values() for each in parts}
    lock_trades(sorted({*(change.trade_id for change in changes), *before}))
    # Whoever allocated a block meanwhile had its lock: the parts made then are the newest trades.
    found = part_ids(blocks)
    if newer := {each for parts in found.values() for each in parts} - before:
        lock_trades(sorted(newer))
    return parts_of(list(found)) if found else {}


# A cancellation repeats the terms where they are; only what is amended is read whole.
_IDENTITY = ("source", "source_ref", "source_version", "base_amount")
_CURRENT = """
SELECT v.trade_id, v.version, v.recorded_at, s.state, s.changed_at, s.checked_version, s.block_id, {columns}
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.trade_id = ANY(%s)
"""


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


_NOTHING_SAID = _Said()
_FIRST = "SELECT trade_id, source_version FROM trades_version WHERE trade_id = ANY(%s) AND version = 1"


def _said(changes: Collection[Change], rows: Mapping[int, Mapping[str, Any]]) -> dict[int, _Said]:
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


@dataclass(frozen=True, slots=True)
class _Known:
    """What changes are judged by, by trade.

    rows: the current versions of those that exist, with their states; said: what the front office said of them;
    fixed: why those that cannot be changed are fixed; parts: those that go with a block.
    """

    rows: Mapping[int, dict[str, Any]]
    said: Mapping[int, _Said]
    fixed: Mapping[int, str]
    parts: Mapping[int, Sequence[Mapping[str, Any]]]

    @classmethod
    def of(cls, changes: Collection[Change], parts: Mapping[int, Sequence[Mapping[str, Any]]]) -> _Known:
        """Read what is known of the trades of changes, which are locked, and of their parts."""
        trade_ids = sorted(change.trade_id for change in changes)
        rows = _current(trade_ids, whole=any(change.kind != "CANCEL" for change in changes))
        going_along = (part["trade_id"] for each in trade_ids for part in parts.get(each, ()))
        return cls(rows, _said(changes, rows), refusals([*rows, *going_along]), parts)


def _prepare(place: int, change: Change, row: Mapping[str, Any] | None, known: _Known) -> Ready | Changed:
    """Return the version that a change makes, or the result when it makes none; Problem when it is refused."""
    if row is None:
        raise not_found("trade")
    _match(change, row)
    said, parts = known.said.get(change.trade_id, _NOTHING_SAID), known.parts.get(change.trade_id, ())
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
    if change.trade_id in known.fixed:
        raise Problem(409, "settled", "The trade is settled in part.", detail=known.fixed[change.trade_id])
    refuse(change.kind, row, parts, known.fixed)
    current = row["source_version"]
    count = current if sent is None else max(sent, current or sent)
    found = Ready(place, change, row, count, None if sent is None else said.under(sent), leaving=parts)
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
    able: Sequence[Ready],
    context: Context,
    at: datetime,
    results: dict[int, Changed],
    policies: Policies | None,
) -> list[Ready]:
    """Enrich what is amended, and the parts that are asked for; what cannot be, or needs two people, is a refusal."""
    going = []
    for each in able:
        try:
            if each.message is not None:
                _enrich_one(each, context)
            if each.change.kind == "ALLOCATE":
                each.division = divided(_block(each), each.asked, at)
            if policies and policies.need_two(
                each.change.kind, each.row, each.leaving, amounts=each.base_amounts
            ):
                raise _needs_approval()
        except Problem as problem:
            results[each.place] = _refused(each.change, each.row, problem)
        else:
            going.append(each)
    return going


def _enrich_one(each: Ready, context: Context) -> None:
    """Enrich what is amended; what would change nothing is refused, unless a new count comes with it."""
    terms, differing = _terms(each, context)
    if not differing and each.change.source_version is None:
        raise Problem(422, "nothing-changed", "Nothing would change.")
    refuse_apart(each.row, differing)
    each.terms, each.told = terms, told(each.row, terms, differing)


def _block(each: Ready) -> Mapping[str, Any]:
    """Return what a block says when it is divided: its version, with the terms that change with it."""
    if each.terms is None:
        return each.row
    terms = msgspec.structs.asdict(each.terms)
    written = {name: sql.json_value(encode(terms[name])) for name in ("fees", "terms")}
    return {**each.row, **terms, **written}


def _terms(each: Ready, context: Context) -> tuple[Terms, dict[str, Any]]:
    assert each.message is not None  # noqa: S101 - the caller has looked
    terms = amended_terms(each.row, each.message, each.moved, context)
    differing = differing_columns(each.row, terms)
    differing.pop("source_version", None)
    return terms, differing
