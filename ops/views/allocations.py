"""Allocate one trade: the rows of its parts, what they leave over, what would come of it, and its confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Fault, Problem
from core.money import ZERO, format_number
from ops import effects
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, show
from ops.views.trade import trade_id_of
from trades.lifecycle import State
from trades.selectors import timeline
from trades.services.allocation import is_divisible
from trades.services.change import Change
from trades.services.single_change import Answered, change_trade
from trades.services.versions import trade_etag

MAX_ROWS = 200  # on a form; the API takes more parts
_FIRST, _MORE = 3, 5
_NAMES = ("counterparty", "book", "quantity", "source_ref")


@dataclass(frozen=True)
class Row:
    """One row of the form: what is typed by name, and what is wrong with it."""

    number: int
    typed: dict[str, str]
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Tell whether nothing is typed in it."""
        return not any(self.typed.values())

    def item(self) -> dict[str, str]:
        """Return what it asks of a part."""
        return {name: value for name, value in self.typed.items() if value}


@needs(Right.CHANGE)
def allocate(request: HttpRequest, ref: str) -> HttpResponse:
    """Show the form, with more rows where asked; with a preview of what follows; or allocate as previewed."""
    trade_id = trade_id_of(ref)
    if request.method != "POST":
        return _show(request, trade_id, rows=_present(trade_id))
    rows, step = _typed(request), request.POST.get("step")
    if step not in {"preview", "confirm"}:
        return _show(request, trade_id, rows=[*rows, *_blank(len(rows), _MORE)][:MAX_ROWS])
    asked = Change(
        kind="ALLOCATE",
        trade_id=trade_id,
        reason=request.POST.get("reason", "").strip(),
        items=[row.item() for row in rows if not row.empty],
        if_match=[request.POST.get("etag", "")],
    )
    try:
        answered = change_trade(
            change=asked,
            actor=actor(request),
            now=utc_now(),
            dry_run=step == "preview",
            user=person(request),
        )
    except Problem as problem:
        return _show(request, trade_id, rows=_faulty(rows, problem.faults), problem=problem)
    if step == "preview":
        return _show(request, trade_id, rows=rows, foreseen=answered)
    if answered.proposal_id is not None:
        said = f"{ids.public_id(ids.PROPOSAL, answered.proposal_id)} waits for a second person."
    else:
        said = f"{ref} is allocated to {len(answered.parts)} parts; the checks look at them."
    messages.success(request, said)
    return HttpResponseRedirect(reverse("trade", args=[ref]), status=303)


def _present(trade_id: int) -> list[Row]:
    """Return the rows of a form just opened: the parts that there are, else empty ones."""
    parts = timeline.parts(trade_id)[:MAX_ROWS]
    rows = [
        Row(
            number,
            {
                "counterparty": part["counterparty_ref"],
                "book": part["book_ref"],
                "quantity": format_number(part["quantity"]) or "",
                "source_ref": "",
            },
        )
        for number, part in enumerate(parts)
    ]
    return rows or _blank(0, _FIRST)


def _blank(first: int, count: int) -> list[Row]:
    return [Row(number, dict.fromkeys(_NAMES, "")) for number in range(first, first + count)]


def _typed(request: HttpRequest) -> list[Row]:
    """Return the rows that were sent, as many as the form had."""
    rows = []
    for number in range(MAX_ROWS):
        if f"quantity.{number}" not in request.POST:
            break
        typed = {name: request.POST.get(f"{name}.{number}", "").strip() for name in _NAMES}
        rows.append(Row(number, typed))
    return rows


def _shown(problem: Problem, rows: Sequence[Row]) -> Shown:
    """Return a problem whose faults of a part name its row."""
    shown = Shown.of(problem)
    asked = [row for row in rows if not row.empty]
    named = []
    for fault in shown.faults:
        place = _place(fault)
        name = fault.pointer if place is None else f"/part {asked[place[0]].number + 1} {place[1]}"
        named.append(replace(fault, pointer=name))
    return replace(shown, faults=named)


def _place(fault: Fault) -> tuple[int, str] | None:
    """Return the part that a fault points to, counted from 0, and the name of its field; None for any other fault."""
    steps = fault.pointer.split("/")[1:]
    if len(steps) < 2 or steps[0] != "items" or not steps[1].isdecimal():
        return None
    return int(steps[1]), steps[2] if len(steps) > 2 else "counterparty"


def _faulty(rows: Sequence[Row], faults: Sequence[Fault]) -> list[Row]:
    """Return rows with the faults that point to them; the service has only seen those that are not empty."""
    asked = [row for row in rows if not row.empty]
    for fault in faults:
        if (place := _place(fault)) is not None:
            asked[place[0]].faults[place[1]] = fault.detail
    return list(rows)


def _left(quantity: Decimal | None, rows: Sequence[Row]) -> Decimal:
    """Return what the rows leave over of the block; what is no number counts for nothing."""
    left = quantity or ZERO
    for row in rows:
        try:
            number = Decimal(row.typed["quantity"] or "0")
        except InvalidOperation:
            continue
        left -= number if number.is_finite() and abs(number.adjusted()) < 30 else ZERO
    return left


def _show(
    request: HttpRequest,
    trade_id: int,
    *,
    rows: Sequence[Row],
    problem: Problem | None = None,
    foreseen: Answered | None = None,
) -> HttpResponse:
    found = timeline.trade(trade_id)
    if found is None:
        raise Http404
    # After a form that came too late, the next one is about the trade as it is now.
    etag = trade_etag(found["version"], found["changed_at"])
    state = State(found["state"])
    context: dict[str, Any] = {
        "trade": found,
        "reference": ids.public_id(ids.TRADE, trade_id),
        "etag": etag if problem is not None and problem.status == 412 else request.POST.get("etag", etag),
        "typed": request.POST,
        "form_rows": rows,
        "more": len(rows) < MAX_ROWS,
        "left": _left(found["quantity"], rows),
        "again": state == State.ALLOCATED,
        "allocable": state not in {State.SETTLED, State.CANCELLED}
        and found["block_id"] is None
        and is_divisible(found["product"]),
        "problem": _shown(problem, rows) if problem else None,
        "foreseen": foreseen,
        "rows": effects.rows(foreseen.effects) if foreseen else [],
    }
    status = problem.status if problem else 200
    return show(request, "ops/allocate.html", context, screen="allocate", now=utc_now(), status=status)
