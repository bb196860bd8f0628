"""One trade: its economics, where it stands and whose move it is, and everything that happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.as_of import AsOf
from core.clock import utc_now
from core.http.problem import Problem
from ops.as_of import clock, where
from ops.permissions import Right
from ops.shell import Shown, actor, needs, posted, show
from settlement.accruals import accruals_of
from settlement.cut_offs import cut_offs_around
from settlement.holds import holds_of_trade
from settlement.invoices import invoices_of
from settlement.open_records import moves_of_trade
from settlement.selectors import obligations_of
from settlement.services.cancellation import cancel_again
from trades.lifecycle import State
from trades.models import ExceptionItem
from trades.selectors import timeline
from trades.selectors.confirmations import list_confirmations
from trades.selectors.exceptions import exceptions_of
from trades.services.allocation import is_divisible
from trades.services.confirmation_policy import unconfirmed_among
from trades.services.recheck import recheck_trades
from trades.services.versions import trade_etag
from trades.work_items import kinds

ENDED = frozenset({State.SETTLED, State.CANCELLED})  # nothing can be changed any more
_WAY = (
    State.CAPTURED,
    State.VALIDATED,
    State.INSTRUCTED,
    State.HANDED_OFF,
    State.ACKNOWLEDGED,
    State.SETTLED,
)

# Where a trade stands in each state, in one sentence.
MOVES = {
    State.CAPTURED: "The checks run next, by themselves.",
    State.EXCEPTION: "Held until its exception is worked.",
    State.VALIDATED: "Waits for its batches to be sealed at the cut-off.",
    State.INSTRUCTED: "Sealed; the back office claims the batches next.",
    State.HANDED_OFF: "The back office has it and answers next.",
    State.ACKNOWLEDGED: "Accepted; waits for the settlement reports.",
    State.SETTLED: "Settled. Nothing is left to do.",
    State.CANCELLED: "Cancelled. Nothing is left to do.",
    State.ALLOCATED: "Divided: its parts are checked and settle instead of it.",
}
_RECHECKABLE = (State.EXCEPTION, State.VALIDATED)
_DIVIDED = frozenset({State.ALLOCATED, State.CANCELLED})  # what may have parts


@dataclass(frozen=True)
class Step:
    """One step of the way: done, now, or ahead."""

    label: str
    place: str


def steps(state: State) -> list[Step]:
    """Return the way of a trade as far as it has come. A held trade stands where the checks do."""
    if state == State.CANCELLED:
        return [Step("captured", "done"), Step("cancelled", "now")]
    if state == State.ALLOCATED:
        return [Step("captured", "done"), Step("allocated", "now")]
    here = _WAY.index(State.VALIDATED if state == State.EXCEPTION else state)
    found = []
    for place, each in enumerate(_WAY):
        label = "exception" if state == State.EXCEPTION and place == here else str(each.label)
        done = place < here or state == State.SETTLED
        found.append(Step(label, "done" if done else "now" if place == here else "ahead"))
    return found


def trade_id_of(ref: str) -> int:
    """Return the trade id behind a reference in an address, or raise 404."""
    found = ids.database_id(ids.TRADE, ref)
    if found is None:
        raise Http404
    return found


@needs(Right.READ_TRADES)
def trade(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one trade."""
    return show_trade(request, trade_id_of(ref))


@posted("trade")
@needs(Right.REPAIR)
def trade_recheck(request: HttpRequest, ref: str) -> HttpResponse:
    """Send a trade through the checks again."""
    trade_id = trade_id_of(ref)
    try:
        moved = recheck_trades(
            trade_ids=[trade_id], reason=request.POST.get("reason", ""), actor=actor(request), now=utc_now()
        )
    except Problem as problem:
        return show_trade(request, trade_id, problem=problem)
    if moved:
        messages.success(request, f"{ref} goes through the checks again.")
    else:
        messages.error(request, f"{ref} has moved on meanwhile and was not re-checked.")
    return HttpResponseRedirect(reverse("trade", args=[ref]), status=303)


@posted("trade")
@needs(Right.CHANGE)
def trade_cancel_again(request: HttpRequest, ref: str) -> HttpResponse:
    """Send the cancellations that the back office rejected once more."""
    trade_id = trade_id_of(ref)
    try:
        cancel_again(
            trade_id=trade_id, reason=request.POST.get("reason", ""), actor=actor(request), now=utc_now()
        )
    except Problem as problem:
        return show_trade(request, trade_id, problem=problem)
    messages.success(request, "The next batch asks the back office again.")
    return HttpResponseRedirect(reverse("trade", args=[ref]), status=303)


def show_trade(request: HttpRequest, trade_id: int, *, problem: Problem | None = None) -> HttpResponse:
    """Show a trade, with the problem that its form met with, if any."""
    now, as_of = clock(request), where(request)
    found = timeline.trade(trade_id, as_of)
    if found is None:
        raise Http404
    exceptions = timeline.exceptions(trade_id) if as_of is None else exceptions_of(trade_id, as_of)
    legs = obligations_of(trade_id, as_of=as_of)
    known = cut_offs_around(now.date())
    charges = accruals_of(trade_id, as_of=as_of)
    billable = found["side"] == "SELL" or charges
    state = State(found["state"])
    context: dict[str, Any] = {
        "trade": found,
        "reference": ids.public_id(ids.TRADE, trade_id),
        "record_mark": trade_etag(found["version"], found["changed_at"]),
        "move": MOVES[state],
        "moves": moves_of_trade(trade_id, now=now, cut_offs=known) if as_of is None else [],
        "steps": steps(state),
        "held": state == State.EXCEPTION,
        "open_exception": next((each for each in exceptions if each.closed_at is None), None),
        "exceptions": exceptions,
        "exception_kinds": {code: each.title for code, each in kinds().items()},
        "findings": timeline.findings(trade_id, as_of),
        "legs": legs,
        "holds": holds_of_trade(trade_id, as_of=as_of) if state not in ENDED else [],
        "charges": charges,
        "invoices": invoices_of(trade_id) if billable and as_of is None else [],
        "can_cancel_again": as_of is None
        and any(leg["cancellation_processing"] == "REJECTED" and leg["recalled_for_it"] for leg in legs),
        "versions": _versions(trade_id, found["version"]),
        "entries": _line_of_time(trade_id, exceptions, legs, as_of),
        "can_recheck": state in _RECHECKABLE,
        "parts": timeline.parts(trade_id, as_of) if state in _DIVIDED else [],
        **_possible(found, now_is=as_of is None),
        **(_confirmed(trade_id, state) if as_of is None else {}),
        "problem": Shown.of(problem) if problem else None,
        "typed": request.POST,
    }
    status = problem.status if problem else 200
    return show(request, "ops/trade.html", context, screen="trade", now=now, status=status, known=known)


def _line_of_time(
    trade_id: int, exceptions: list[ExceptionItem], legs: list[dict[str, Any]], as_of: AsOf | None
) -> list[timeline.Entry]:
    """Return what happened to a trade, to its exceptions, batches and instructions, the newest first."""
    entries = timeline.timeline(trade_id, exception_ids=[each.id for each in exceptions], as_of=as_of)
    batches = sorted({leg["batch_id"] for leg in legs if leg["batch_id"]})
    if batches:
        entries += timeline.events_beside(subject="batch", ids=batches, as_of=as_of)
    instructions = sorted({leg["instruction_id"] for leg in legs if leg["instruction_id"]})
    if instructions:
        beside = timeline.events_beside(subject="instruction", ids=instructions, as_of=as_of)
        entries += [each for each in beside if each.kind == "instruction.chased"]
    return sorted(entries, key=lambda each: (each.at, each.event_id), reverse=True)


def _confirmed(trade_id: int, state: State) -> dict[str, Any]:
    """Return what the counterparty says of a trade, and whether it must say so before the trade is sealed."""
    waits = state in {State.CAPTURED, State.EXCEPTION, State.VALIDATED}
    confirmations = list_confirmations(trade_id=trade_id)
    agrees = any(each["status"] in {"MATCHED", "CANCELLED"} for each in confirmations)
    return {
        "confirmations": confirmations,
        "can_remind": state not in {*ENDED, State.ALLOCATED} and not agrees,
        "unconfirmed": waits and bool(unconfirmed_among(f"(SELECT {trade_id} AS trade_id)")),
        "tells_of_confirmation": True,
    }


def _possible(found: dict[str, Any], *, now_is: bool) -> dict[str, bool]:
    """Return which changes the page offers: an allocated block is amended with its allocation, a part goes with it."""
    state = State(found["state"])
    open_ = now_is and state not in ENDED
    alone = found["block_id"] is None
    return {
        "can_amend": open_ and state != State.ALLOCATED,
        "can_cancel": open_ and alone,
        "can_hold": open_ and state != State.ALLOCATED,
        "can_allocate": open_ and alone and is_divisible(found["product"]),
    }


def _versions(trade_id: int, last: int) -> list[dict[str, Any]]:
    """Return the versions of a trade up to one, the newest first, each with what it changed."""
    versions = timeline.versions(trade_id, last=last)
    return [
        {"version": after, "changes": timeline.changes(before, after) if before else []}
        for before, after in zip([None, *versions], versions, strict=False)
    ][::-1]
