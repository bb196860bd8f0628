"""One batch: what was sealed, who had it, what became of it, and its recall."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.contents import content_of
from core.http.problem import Fault, Problem
from ops import selectors
from ops.as_of import clock, where
from ops.permissions import Right, may
from ops.shell import Shown, actor, needs, person, posted, show
from ops.tie_out import tie_out
from settlement.holds import held_among
from settlement.models import Batch
from settlement.open_records import moves_of_instructions
from settlement.records import records_of
from settlement.selectors import (
    instructions_of,
    manifest_of,
    read_batch,
    recalls_of_batch,
    withheld_since,
)
from settlement.services.recall_asked import RECALLED, REFUSED, REQUESTED
from settlement.services.recall_batch import recall_batch
from settlement.services.recall_line import recall_instruction
from settlement.services.release import propose_release

_INSTRUCTIONS_SHOWN = 100


@needs(Right.READ_BATCHES)
def batch(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one batch with its instructions and the gross legs behind each."""
    return _show(request, ref)


@posted("batch")
@needs(Right.RECALL)
def recall(request: HttpRequest, ref: str) -> HttpResponse:
    """Recall a batch that nobody has claimed, or ask whoever has for it."""
    number = ids.database_id(ids.BATCH, ref)
    if number is None:
        raise Http404
    try:
        state = recall_batch(
            batch_id=number, reason=request.POST.get("reason", ""), actor=actor(request), now=utc_now()
        )
    except Problem as problem:
        if problem.status == 404:
            raise Http404 from None
        return _show(request, ref, problem=problem, failed="recall")
    told = "Recalled; what was in it waits to be sealed anew." if state == RECALLED else "Asked for it back."
    messages.success(request, told)
    return HttpResponseRedirect(reverse("batch", args=[ref]), status=303)


@posted("batch")
@needs(Right.RECALL)
def recall_line(request: HttpRequest, ref: str) -> HttpResponse:
    """Recall one instruction of a batch that nobody has claimed, or ask whoever has for it."""
    line = ids.database_id(ids.INSTRUCTION, request.POST.get("instruction", "").strip())
    try:
        if line is None:
            fault = Fault("/instruction", "A reference such as ins_4S7H.", "invalid")
            raise Problem(422, "invalid", "The instruction was not recalled.", faults=[fault])
        state = recall_instruction(
            instruction_id=line, reason=request.POST.get("reason", ""), actor=actor(request), now=utc_now()
        )
    except Problem as problem:
        return _show(request, ref, problem=problem, failed="recall-line")
    told = "Recalled; a later batch cancels it." if state == RECALLED else "Asked for it back."
    messages.success(request, told)
    return HttpResponseRedirect(reverse("batch", args=[ref]), status=303)


@posted("batch")
@needs(Right.PROPOSE_RELEASE)
def ask_release(request: HttpRequest, ref: str) -> HttpResponse:
    """Ask a second person to release a batch."""
    number = ids.database_id(ids.BATCH, ref)
    if number is None:
        raise Http404
    try:
        propose_release(
            batch_id=number,
            count=request.POST.get("count", ""),
            reason=request.POST.get("reason", ""),
            user=person(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        if problem.status == 404:
            raise Http404 from None
        return _show(request, ref, problem=problem, failed="release")
    messages.success(request, "Asked for; somebody else releases it on the screen of approvals.")
    return HttpResponseRedirect(reverse("batch", args=[ref]), status=303)


def _show(
    request: HttpRequest, ref: str, *, problem: Problem | None = None, failed: str = ""
) -> HttpResponse:
    now, as_of = clock(request), where(request)
    number = ids.database_id(ids.BATCH, ref)
    found = None if number is None else selectors.batch(number, as_of)
    if found is None:
        raise Http404
    after = request.GET.get("after", "0")
    kind = content_of(found.channel_id)
    read = instructions_of if kind is None else records_of
    lines = read(
        found.id,
        after_line=int(after[:9]) if after.isdecimal() else 0,
        limit=_INSTRUCTIONS_SHOWN + 1,
        as_of=as_of,
    )
    more = len(lines) > _INSTRUCTIONS_SHOWN
    del lines[_INSTRUCTIONS_SHOWN:]
    rows = lines if kind is None else []
    legs = selectors.gross_legs([each["id"] for each in rows])
    moves = {} if as_of else moves_of_instructions([each["id"] for each in rows], now=now)
    row = read_batch(found.id, as_of=as_of) or {}
    context = {
        "batch": found,
        "reference": ids.public_id(ids.BATCH, found.id),
        "totals": _totals(found.control_totals),
        "manifest": manifest_of(found.id),
        "claims": selectors.claims(found.id, as_of),
        "withheld_at": withheld_since(found.id, at=now),
        "instructions": [(each, legs[each["id"]], moves.get(each["id"])) for each in rows],
        "records": kind,
        "record_lines": [] if kind is None else lines,
        "more": more,
        "first_line": lines[0]["line"] if lines else 0,
        "last_line": lines[-1]["line"] if lines else 0,
        "first_page": after == "0",
        "legs_shown": selectors.LEGS_SHOWN,
        "problem": Shown.of(problem) if problem else None,
        "failed": failed,
        "typed": request.POST if problem else {},
        "line": request.POST.get("instruction", "") if problem else request.GET.get("recall", ""),
        "held": held_among([each["id"] for each in rows], as_of=as_of),
        **_standing(request, found, row),
        "tie_out": tie_out(
            batch_id=found.id,
            stated=found.instruction_count,
            control_totals=found.control_totals,
            answers=row,
        ),
    }
    status = problem.status if problem else 200
    return show(request, "ops/batch.html", context, screen="batch", now=now, status=status)


def _standing(request: HttpRequest, found: Batch, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether the batch is released and recalled, and what the person may ask for: only in the present."""
    as_of = where(request)
    asked = recalls_of_batch(found.id) if as_of is None else []
    waits = row.get("to_release") and row["released_at"] is None and row["recalled_at"] is None
    pending = selectors.pending_release_of(found.id) if waits and as_of is None else None
    return {
        "waits_for_release": waits,
        "release_amount": row.get("release_amount"),
        "released_at": row.get("released_at"),
        "asked_release": pending,
        "may_ask_release": waits
        and as_of is None
        and pending is None
        and may(request.user, Right.PROPOSE_RELEASE),
        "recalled_at": row.get("recalled_at"),
        "recalls": asked,
        "may_recall": as_of is None
        and may(request.user, Right.RECALL)
        and all(each["state"] == REFUSED for each in asked if each["instruction_id"] is None),
        "may_recall_lines": as_of is None
        and content_of(found.channel_id) is None
        and may(request.user, Right.RECALL)
        and row.get("recalled_at") is None
        and not any(each["state"] == REQUESTED for each in asked if each["instruction_id"] is None),
    }


def _totals(control_totals: dict[str, dict[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the control totals as rows: asset, direction, count, sum."""
    return [
        {"asset": asset, "direction": direction, "count": each["count"], "sum": Decimal(each["sum"])}
        for asset, directions in sorted(control_totals.items())
        for direction, each in sorted(directions.items())
    ]
