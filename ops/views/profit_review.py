"""What people do about P&L: tell a day to its end, accept flags, adjust, and prepare its sign-off book by book."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from core.clock import business_date, utc_now
from core.http.problem import Fault, Problem
from core.ids import PROPOSAL, public_id
from ledger.models import ProfitRun
from ledger.selectors.profit_review import list_adjustments
from ledger.services.profit_adjustments import Adjustment, propose_adjustment
from ledger.services.profit_flags import accept_flag
from ledger.services.profit_run import tell_profit
from ledger.services.profit_sign_off import propose_sign_off
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, posted, show
from ops.views.profit import read_day, read_number, show_profit

_SHOWN = 200
_RUN_MAX = 2**31 - 1
_OLDEST = timedelta(days=366)  # a day before anything was ever told would begin the record anew
_NOT_SO = "This cannot be done like this."
_FIELDS = ("book", "instrument", "currency", "amount", "valid_from", "reverses_on", "reason")


@posted("profit")
@needs(Right.PREPARE_PROFIT)
def tell(request: HttpRequest) -> HttpResponse:
    """Tell a day to its end, or tell it again and say why."""
    now, reason = utc_now(), request.POST.get("reason", "")
    try:
        day = _day(request)
        if not business_date(now) - _OLDEST <= day <= business_date(now):
            raise _invalid(Fault("/day", "A day of the last year, up to today.", "range"))
        tell_profit(day=day, kind=ProfitRun.Kind.CLOSE, now=now, actor=actor(request), reason=reason)
    except Problem as problem:
        return show_profit(request, request.POST, problem=problem, failed="tell")
    return _done(request, f"{day} has been told to its end.")


@posted("profit")
@needs(Right.PREPARE_PROFIT)
def accept(request: HttpRequest) -> HttpResponse:
    """Accept one flagged price or rate of a day."""
    flag, reason = request.POST.get("flag", ""), request.POST.get("reason", "")
    try:
        day, price_id = _day(request), _number(flag, "flag")
        accept_flag(day=day, price_id=price_id, reason=reason, now=utc_now(), actor=actor(request))
    except Problem as problem:
        return show_profit(request, request.POST, problem=problem, failed=f"flag {flag}")
    return _done(request, "The flag is accepted, for this run.")


@posted("profit")
@needs(Right.PREPARE_PROFIT)
def sign_off(request: HttpRequest) -> HttpResponse:
    """Prepare the sign-off of a book, of the very run that is shown."""
    book, reason = request.POST.get("book", "").replace("\0", ""), request.POST.get("reason", "")
    try:
        proposal_id = propose_sign_off(
            day=_day(request),
            run=_number(request.POST.get("run", ""), "run"),
            book=book,
            reason=reason,
            user=person(request),
            now=utc_now(),
            actor=actor(request),
        )
    except Problem as problem:
        return show_profit(request, request.POST, problem=problem, failed=f"book {book}")
    return _done(request, f"{public_id(PROPOSAL, proposal_id)} waits for a second person to sign.")


@needs(Right.READ_PROFIT)
def adjustments(request: HttpRequest) -> HttpResponse:
    """Show the adjustments, and the form to propose one."""
    return _show_adjustments(request)


@posted("profit_adjustments")
@needs(Right.PREPARE_PROFIT)
def adjust(request: HttpRequest) -> HttpResponse:
    """Propose the adjustment that the form says."""
    try:
        proposal_id = propose_adjustment(
            adjustment=_adjustment(request),
            reason=request.POST.get("reason", ""),
            user=person(request),
            now=utc_now(),
            actor=actor(request),
        )
    except Problem as problem:
        return _show_adjustments(request, problem=problem)
    messages.success(request, f"{public_id(PROPOSAL, proposal_id)} waits for a second person.")
    return HttpResponseRedirect(reverse("profit_adjustments"), status=303)


def _show_adjustments(request: HttpRequest, *, problem: Problem | None = None) -> HttpResponse:
    now = utc_now()
    rows = list_adjustments(limit=_SHOWN + 1)
    typed = {name: request.POST.get(name, "") for name in _FIELDS}
    context = {
        "rows": rows[:_SHOWN],
        "is_cut": len(rows) > _SHOWN,
        "shown": _SHOWN,
        "today": business_date(now),
        "typed": typed,
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(
        request, "ops/profit_adjustments.html", context, screen="profit_adjustments", now=now, status=status
    )


def _adjustment(request: HttpRequest) -> Adjustment:
    """Return the adjustment of the form; Problem 422 naming every field that is no amount or day."""
    typed = {name: request.POST.get(name, "").replace("\0", "").strip() for name in _FIELDS}
    faults = list[Fault]()
    try:
        amount = Decimal(typed["amount"].replace(",", ""))
    except InvalidOperation:
        faults.append(
            Fault("/amount", "An amount such as 1250.00, with - before what is taken away.", "type")
        )
        amount = Decimal(0)
    days = {}
    for name in ("valid_from", "reverses_on"):
        found, _ = read_day(typed[name])
        if found is None:
            faults.append(Fault(f"/{name}", "A day such as 2026-11-23.", "type"))
        days[name] = found or date.min
    if faults:
        raise _invalid(*faults)
    return Adjustment(
        book=typed["book"],
        instrument=typed["instrument"],
        currency=typed["currency"].upper(),
        amount=amount,
        **days,
    )


def _day(request: HttpRequest) -> date:
    found, fault = read_day(request.POST.get("day", "").strip())
    if found is None:
        raise _invalid(Fault("/day", fault or "A day such as 2026-11-23.", "type"))
    return found


def _number(text: str, name: str) -> int:
    found = read_number(text)
    if found is None or (name == "run" and found > _RUN_MAX):
        raise _invalid(Fault(f"/{name}", "Choose one that is shown.", "type"))
    return found


def _invalid(*faults: Fault) -> Problem:
    return Problem(422, "invalid", _NOT_SO, faults=faults)


def _done(request: HttpRequest, words: str) -> HttpResponse:
    messages.success(request, words)
    kept = {name: request.POST[name] for name in ("day", "by") if request.POST.get(name)}
    return HttpResponseRedirect(f"{reverse('profit')}?{urlencode(kept)}", status=303)
