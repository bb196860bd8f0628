"""Valuation: how old prices and rates may be, and what articles cost. Two people change either."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from core.clock import business_date, utc_now
from core.http.problem import Fault, Problem
from ledger.selectors.valuation import list_costs, list_rules
from ledger.services.valuation import DAYS_MAX, KIND, Cost, Rule, propose_cost, propose_rule
from ops import selectors
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, posted, show
from ops.views.profit import read_day, read_number

_SHOWN = 200
_TEXT_MAX = 100
_DAYS_DIGITS = 4
_FIELDS = ("code", "days", "instrument", "valid_from", "cost", "currency")
_NOT_SO = "Things cannot be valued like this."


@needs(Right.READ_PROFIT)
def valuation(request: HttpRequest) -> HttpResponse:
    """Show the rules and costs, and the forms to propose others."""
    return _show(request)


@posted("valuation")
@needs(Right.PREPARE_PROFIT)
def propose(request: HttpRequest) -> HttpResponse:
    """Propose the rule or the cost that a form says."""
    of_cost = request.POST.get("what") == "cost"
    try:
        if of_cost:
            _propose_cost(request)
        else:
            _propose_rule(request)
    except Problem as problem:
        return _show(request, problem=problem, failed="cost" if of_cost else "rule")
    messages.success(request, "The change is proposed. Somebody else must approve it.")
    kept = {"article": _typed(request)["instrument"]} if of_cost else {}
    where = f"?{urlencode(kept)}" if kept else ""
    return HttpResponseRedirect(f"{reverse('valuation')}{where}", status=303)


def _propose_rule(request: HttpRequest) -> None:
    typed = _typed(request)
    days = read_number(typed["days"], _DAYS_DIGITS)
    if days is None:
        raise _invalid(Fault("/days", f"A whole number from 0 to {DAYS_MAX}.", "type"))
    propose_rule(
        rule=Rule(typed["code"], days),
        reason=request.POST.get("reason", ""),
        user=person(request),
        actor=actor(request),
        now=utc_now(),
    )


def _propose_cost(request: HttpRequest) -> None:
    typed, faults = _typed(request), list[Fault]()
    day, _ = read_day(typed["valid_from"])
    if day is None:
        faults.append(Fault("/valid_from", "A day such as 2026-11-23.", "type"))
    try:
        cost = Decimal(typed["cost"].replace(",", ""))
    except InvalidOperation:
        cost = Decimal("NaN")
    if not cost.is_finite():
        faults.append(Fault("/cost", "An amount such as 4.10.", "type"))
    if faults:
        raise _invalid(*faults)
    propose_cost(
        cost=Cost(typed["instrument"], day or date.min, cost, typed["currency"].upper()),
        reason=request.POST.get("reason", ""),
        user=person(request),
        actor=actor(request),
        now=utc_now(),
    )


def _show(request: HttpRequest, *, problem: Problem | None = None, failed: str = "") -> HttpResponse:
    now = utc_now()
    article = request.GET.get("article", "").replace("\0", "").strip()[:_TEXT_MAX]
    costs = list_costs(article=article, limit=_SHOWN + 1)
    context = {
        "rules": list_rules(),
        "article": article,
        "costs": costs[:_SHOWN],
        "is_cut": len(costs) > _SHOWN,
        "shown": _SHOWN,
        "today": business_date(now),
        "typed": _typed(request),
        "failed": failed,
        "days_max": DAYS_MAX,
        "pending": [each for each in selectors.pending_proposals() if each["kind"] == KIND],
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/valuation.html", context, screen="valuation", now=now, status=status)


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "").replace("\0", "").strip()[:_TEXT_MAX] for name in _FIELDS}


def _invalid(*faults: Fault) -> Problem:
    return Problem(422, "invalid", _NOT_SO, faults=faults)
