"""The breaks of all reconciliations; and one: both sides, what comes near, and the form to have two people match it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import four_eyes, ids, sql
from core.clock import business_date, utc_now
from core.http.problem import Fault, Problem, not_found
from ledger.breaks_work import BREAK_KIND, SUBJECT, side_by_side
from ledger.selectors import reconciliations as selectors
from ledger.services.forced import KIND, Condition, propose_forced_match
from ops.arrangement import arrange, seen_first
from ops.lists.breaks import BREAKS, wanted_of
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, posted, show

_LASTS = timedelta(days=30)  # unless another day is chosen
_SHOWN = 100
_OTHERS = 50  # open breaks that may be matched with it
_ITEM = """
SELECT id FROM trades_exception WHERE trade_id IS NULL AND subject = %s AND subject_id = %s AND kind = %s
ORDER BY closed_at IS NOT NULL, id DESC LIMIT 1
"""


@needs(Right.READ_RECONCILIATIONS)
def breaks(request: HttpRequest) -> HttpResponse:
    """Show the breaks of every reconciliation, or of one, the newest first."""
    arranged = arrange(request, BREAKS)
    if (first := seen_first(request, arranged)) is not None:
        return first
    view, code = wanted_of(request.GET.dict())
    before = request.GET.get("before", "")
    rows = selectors.page_of_breaks(
        code=code,
        is_open=view == "open",
        before=int(before) if before.isascii() and before.isdecimal() and len(before) <= 18 else None,
        limit=_SHOWN + 1,
    )
    typed = {
        name: text for name, text in (("view", view), ("reconciliation", code)) if text and text != "open"
    }
    context = {
        "arranged": arranged,
        "rows": rows[:_SHOWN],
        "more": rows[_SHOWN - 1]["id"] if len(rows) > _SHOWN else None,
        "is_first": not before,
        "view": view,
        "code": code,
        "codes": [each["code"] for each in selectors.newest_versions()],
        "parameters": typed | arranged.kept,
        "tabs": (("open", "Open"), ("closed", "Closed")),
    }
    return show(request, "ops/breaks.html", context, screen="breaks", now=utc_now())


@needs(Right.READ_RECONCILIATIONS)
def break_(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one break."""
    return _show(request, _found(ref))


@posted("break")
@needs(Right.PROPOSE_MATCH)
def match(request: HttpRequest, ref: str) -> HttpResponse:
    """Propose that the break, and others that were chosen, belong together."""
    found = _found(ref)
    try:
        condition, others = _typed(request)
        proposal_id = propose_forced_match(
            break_ids=[found["id"], *others],
            condition=condition,
            reason=request.POST.get("reason", ""),
            typed=request.POST.get("amount", ""),
            user=person(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, found, problem=problem)
    messages.success(request, f"{ids.public_id(ids.PROPOSAL, proposal_id)} waits for a second person.")
    return HttpResponseRedirect(reverse("break", args=[ref]), status=303)


def _found(ref: str) -> dict[str, Any]:
    number = ids.database_id(ids.BREAK, ref)
    found = selectors.read_break(number) if number else None
    if found is None:
        raise not_found("break")
    return found


def _typed(request: HttpRequest) -> tuple[Condition, list[int]]:
    """Return the condition of the form, and the breaks chosen beside; Problem 422 for what is no day or number."""
    typed, faults = request.POST, list[Fault]()
    until, most = business_date(utc_now()), None
    try:
        until = date.fromisoformat(typed.get("until", "").strip())
    except ValueError:
        faults.append(Fault("/until", "A date such as 2026-12-31.", "type"))
    text = typed.get("difference_max", "").strip()
    try:
        most = Decimal(text) if text else None
    except InvalidOperation:
        most = Decimal("NaN")
    if most is not None and not most.is_finite():
        faults.append(Fault("/difference_max", "A decimal number, such as 12.50.", "type"))
    others = [ids.database_id(ids.BREAK, each) for each in typed.getlist("others")]
    if None in others:
        faults.append(Fault("/others", "Choose open breaks of this reconciliation.", "unknown"))
    if faults:
        raise Problem(422, "invalid", "These cannot be matched so.", faults=faults)
    unchanged = typed.get("theirs_unchanged", "on") == "on"
    return Condition(until, most, unchanged), [each for each in others if each is not None]


def _show(request: HttpRequest, found: dict[str, Any], *, problem: Problem | None = None) -> HttpResponse:
    now = utc_now()
    item = sql.row(_ITEM, [SUBJECT, found["id"], BREAK_KIND])
    differing = {each["field"]: each["tolerance"] for each in found["differences"]}
    others = selectors.breaks_by_money(reconciliation_id=found["reconciliation_id"], limit=_OTHERS)
    amount = four_eyes.amount_text(found["base_amount"])
    usual = {"until": (business_date(now) + _LASTS).isoformat(), "theirs_unchanged": "on"}
    context = {
        "found": found,
        "reference": ids.public_id(ids.BREAK, found["id"]),
        "fields": [(name, own, other, differing.get(name)) for name, own, other in side_by_side(found)],
        "steps": selectors.steps_of(found["id"]),
        "forced": selectors.forced_of(found["id"]),
        "exception": ids.public_id(ids.EXCEPTION, item[0]) if item else "",
        "others": [each for each in others if each["id"] != found["id"]],
        "pending_id": selectors.pending_proposals(KIND, SUBJECT).get(found["id"]),
        "to_type": four_eyes.to_type(kind=KIND, amount=amount),
        "form": request.POST if problem else usual,
        "chosen": request.POST.getlist("others") if problem else [],
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/break.html", context, screen="break", now=now, status=status)
