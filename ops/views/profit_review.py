"""What people do about P&L: tell a day to its end, accept flags, adjust, and prepare its sign-off book by book."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from core.clock import business_date, utc_now
from core.http.problem import Fault, Problem, not_found
from ledger.models import ProfitRun
from ledger.selectors.profit_review import list_adjustments
from ledger.services.profit_adjustments import Adjustment, propose_adjustment
from ledger.services.profit_flags import accept_flag
from ledger.services.profit_run import tell_profit
from ledger.services.profit_sign_off import propose_sign_off
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, posted, show

_SHOWN = 200
_NOT_SO = "This cannot be done like this."


@posted("profit")
@needs(Right.PREPARE_PROFIT)
def tell(request: HttpRequest) -> HttpResponse:
    """Tell a day to its end, or tell it again and say why."""
    day, now = _day(request, "day"), utc_now()
    if day > business_date(now):
        raise Problem(422, "invalid", _NOT_SO, faults=[Fault("/day", "This day has not come yet.", "range")])
    tell_profit(
        day=day, kind=ProfitRun.Kind.CLOSE, now=now, actor=actor(request), reason=request.POST.get("reason", "")
    )
    messages.success(request, f"{day} has been told to its end.")
    return _back(day)


@posted("profit")
@needs(Right.PREPARE_PROFIT)
def accept(request: HttpRequest) -> HttpResponse:
    """Accept one flagged price or rate of a day."""
    day, flag = _day(request, "day"), request.POST.get("flag", "")
    if not (flag.isascii() and flag.isdigit() and len(flag) < 19):
        raise not_found("flag")
    accept_flag(
        day=day, price_id=int(flag), reason=request.POST.get("reason", ""), now=utc_now(), actor=actor(request)
    )
    messages.success(request, "The flag is accepted, for this run.")
    return _back(day)


@posted("profit")
@needs(Right.PREPARE_PROFIT)
def sign_off(request: HttpRequest) -> HttpResponse:
    """Prepare the sign-off of a book, of the very run that is shown."""
    day, run = _day(request, "day"), request.POST.get("run", "")
    if not (run.isascii() and run.isdigit() and len(run) < 10):
        raise not_found("run")
    propose_sign_off(
        day=day,
        run=int(run),
        book=request.POST.get("book", "").replace("\0", ""),
        reason=request.POST.get("reason", ""),
        user=person(request),
        now=utc_now(),
        actor=actor(request),
    )
    messages.success(request, "The sign-off is prepared. Somebody else must sign.")
    return _back(day)


@needs(Right.READ_PROFIT)
def adjustments(request: HttpRequest) -> HttpResponse:
    """Show the adjustments, and the form to propose one, or propose what the form says."""
    now, problem = utc_now(), None
    if request.method == "POST":
        if not Right.PREPARE_PROFIT.name.lower() in _rights(request):
            raise Problem(403, "forbidden", "Your role reads adjustments; others propose them.")
        try:
            _propose(request, now)
        except Problem as error:
            problem = error
        else:
            messages.success(request, "The adjustment is proposed. Somebody else must approve it.")
            return HttpResponseRedirect(reverse("profit_adjustments"), status=303)
    context = {
        "rows": list_adjustments(limit=_SHOWN),
        "shown": _SHOWN,
        "today": business_date(now),
        "typed": request.POST,
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/profit_adjustments.html", context, screen="profit_adjustments", now=now, status=status)
