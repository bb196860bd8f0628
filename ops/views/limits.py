"""Limits: how much of each is used and by what, room that is reserved, what is stopped, and who decides on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from core import ids
from core.clock import business_date, utc_now
from core.http.problem import Fault, Problem
from ops import utilisations
from ops.permissions import ROLES, Right
from ops.shell import Shown, actor, needs, person, posted, show
from ops.stale import SHOWN, Settled, came_late, keep, stale
from ops.trend import trends
from risk import selectors as risk
from risk.checks._composition import DIMENSIONS
from risk.measures import MEASURES
from risk.models import Limit, Stop
from risk.services.drill_down import trades_using
from risk.services.limits import limits_in_force
from risk.services.stops import make_stop, propose_lift
from risk.services.terms import Terms, propose_temporary_excess, propose_terms

_MEMBERS_SHOWN = 50
_WAITS = "Somebody else must approve it."


@needs(Right.READ_LIMITS)
def limits(request: HttpRequest) -> HttpResponse:
    """Show the limits in force with their most used members, reservations and stops."""
    return _show(request)


def _show(
    request: HttpRequest, problem: Problem | None = None, *, failed: dict[str, int] | None = None
) -> HttpResponse:
    now = utc_now()
    pending = utilisations.pending(now=now)
    found = utilisations.utilisations(now=now, top=_MEMBERS_SHOWN)
    known = trends([(limit["id"], each["key"]) for limit in found for each in limit["members"]], now=now)
    for limit in found:
        for each in limit["members"]:
            each["trend"] = known.get((limit["id"], each["key"]))
    context = {
        "limits": found,
        "shown": _MEMBERS_SHOWN,
        "pending": pending,
        "waiting": {each["subject_id"] for each in pending if each["kind"] == "stop.lift"},
        "reservations": risk.reservations_held(),
        "excesses": risk.excesses_in_force(at=now),
        "wrong": risk.wrong_figures(),
        "stop_kinds": Stop.Kind.choices,
        "problem": Shown.of(problem) if problem else None,
        "failed": failed,
        "typed": request.POST if problem else {},
    }
    status = problem.status if problem else 200
    return show(request, "ops/limits.html", context, screen="limits", now=now, status=status)


@needs(Right.READ_LIMITS)
def member(request: HttpRequest) -> HttpResponse:
    """Show the trades that one member of a limit counts."""
    return _show_member(request)


def _show_member(request: HttpRequest, problem: Problem | None = None) -> HttpResponse:
    now = utc_now()
    given = request.POST if problem else request.GET
    code, key = given.get("limit", ""), given.get("key", "").replace("\0", "")
    limit = next((each for each in limits_in_force(at=now) if each.code == code), None)
    if limit is None:
        raise Http404
    trades, more = trades_using(limit=limit, key=key)
    context = {
        "trend": trends([(limit.id, key)], now=now).get((limit.id, key)),
        "limit": Limit.objects.get(id=limit.id),
        "hard": limit.hard_of(key),
        "measure": limit.declared,
        "key": key,
        "trades": trades,
        "more": more,
        "problem": Shown.of(problem) if problem else None,
        "typed": request.POST if problem else {},
    }
    status = problem.status if problem else 200
    return show(request, "ops/limit_member.html", context, screen="limit", now=now, status=status)


@posted("limits")
@needs(Right.PROPOSE_LIMIT)
def excess(request: HttpRequest) -> HttpResponse:
    """Propose that a member of a limit may use more for a while."""
    form = _Form(request.POST)
    try:
        amount, hours = form.decimal("amount"), form.whole("hours")
        form.check()
        propose_temporary_excess(
            code=form.text("limit"),
            key=form.text("key"),
            amount=amount or Decimal(0),
            hours=hours or 0,
            reason=form.text("reason"),
            user=person(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show_member(request, problem)
    messages.success(request, f"The excess is proposed. {_WAITS}")
    where = urlencode({"limit": form.text("limit"), "key": form.text("key")})
    return HttpResponseRedirect(f"{reverse('limit_member')}?{where}", status=303)


@needs(Right.PROPOSE_LIMIT)
def limit_terms(request: HttpRequest) -> HttpResponse:
    """Propose a new limit, or other terms for one that there is."""
    if request.method != "POST":
        found = Limit.objects.filter(code=request.GET.get("code", "").replace("\0", "")).first()
        first = {"valid_from": business_date(utc_now()).isoformat(), "floor": "0"}
        return _show_terms(request, _typed(Terms.of(found)) if found else first)
    late = _came_late(request)
    if late is not None:
        return _show_terms(request, late.values, stale(), late)
    try:
        terms, reason = _terms(request.POST)
        propose_terms(terms=terms, reason=reason, user=person(request), actor=actor(request), now=utc_now())
    except Problem as problem:
        return _show_terms(request, request.POST, problem)
    messages.success(request, f"The limit is proposed. {_WAITS}")
    return HttpResponseRedirect(reverse("limits"), status=303)


# What a limit's form says, by its fields.
_LABELS = {
    "name": "Name", "measure": "Measure", "dimensions": "Kept by", "members": "Only for these members",
    "warn": "Warning", "hard": "Hard", "currency": "Currency", "floor": "Silent up to", "valid_from": "First day",
    "valid_to": "Last day", "excess_max": "At most on top", "excess_hours": "For at most, hours",
    "approver_role": "Approved by",
}  # fmt: skip


def _stored(given: Mapping[str, str]) -> dict[str, str]:
    """Return what the form of a limit shows of it now; nothing where there is none."""
    found = Limit.objects.filter(code=given.get("code", "").replace("\0", "").strip()).first()
    return {name: str(value) for name, value in _typed(Terms.of(found)).items()} if found else {}


def _came_late(request: HttpRequest) -> Settled | None:
    """Return how the form goes on of a limit that has other terms by now."""
    typed = {name: value.strip() for name, value in request.POST.dict().items()}
    return came_late(request, present=_stored(typed), typed=typed, labels=_LABELS)


def _show_terms(
    request: HttpRequest,
    typed: Mapping[str, Any],
    problem: Problem | None = None,
    late: Settled | None = None,
) -> HttpResponse:
    opened = request.method != "POST" or late is not None
    context = {
        "shown": keep(_stored(typed)) if opened else request.POST.get(SHOWN, ""),
        "moved": late.moved if late else [],
        "typed": typed,
        "measures": [(code, measure.title) for code, measure in MEASURES.items()],
        "dimensions": list(DIMENSIONS),
        "role_names": ROLES,
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/limit_terms.html", context, screen="limit_terms", now=utc_now(), status=status)


def _typed(terms: Terms) -> dict[str, Any]:
    content = terms.content()
    lists = {name: ", ".join(content[name]) for name in ("dimensions", "members")}
    return {name: "" if value is None else value for name, value in {**content, **lists}.items()}


def _terms(given: Mapping[str, Any]) -> tuple[Terms, str]:
    """Return the terms that a form has, and the reason; Problem 422 with every fault of what was typed."""
    form = _Form(given)
    hard, valid_from = form.decimal("hard", required=True), form.day("valid_from", required=True)
    parts: dict[str, Any] = {name: form.decimal(name) for name in ("warn", "excess_max")}
    parts |= {name: form.text(name) for name in ("code", "name", "measure", "currency", "approver_role")}
    parts |= {name: form.list(name) for name in ("dimensions", "members")}
    parts |= {
        "floor": form.decimal("floor") or Decimal(0),
        "valid_to": form.day("valid_to"),
        "excess_hours": form.whole("excess_hours"),
    }
    form.check()
    return Terms(**parts, hard=hard or Decimal(0), valid_from=valid_from or date.min), form.text("reason")


@posted("limits")
@needs(Right.STOP)
def stop(request: HttpRequest) -> HttpResponse:
    """Stop a party, trader, book, instrument or source at once."""
    form = _Form(request.POST)
    try:
        make_stop(
            kind=form.text("kind"),
            key=form.text("key"),
            reason=form.text("reason"),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, problem)
    messages.success(request, f"Stopped: {form.text('kind').lower()} {form.text('key')}.")
    return HttpResponseRedirect(f"{reverse('limits')}#stops", status=303)


@posted("limits")
@needs(Right.PROPOSE_LIMIT)
def lift(request: HttpRequest, ref: str) -> HttpResponse:
    """Propose to lift a stop."""
    stop_id = ids.database_id(ids.STOP, ref)
    if stop_id is None:
        raise Http404
    reason = _Form(request.POST).text("reason")
    try:
        propose_lift(
            stop_id=stop_id, reason=reason, user=person(request), actor=actor(request), now=utc_now()
        )
    except Problem as problem:
        return _show(request, problem, failed={"stop": stop_id})
    messages.success(request, f"The lifting is proposed. {_WAITS}")
    return HttpResponseRedirect(f"{reverse('limits')}#pending", status=303)


class _Form:
    """What was typed, read field by field; what is wrong with any of it is raised together."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._faults: list[Fault] = []

    def text(self, name: str) -> str:
        return str(self._given.get(name, "")).replace("\0", "").strip()

    def list(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())

    def decimal(self, name: str, *, required: bool = False) -> Decimal | None:
        text = self.text(name).replace(",", "").replace(" ", "")
        if not text:
            self._require(name, required)
            return None
        try:
            return Decimal(text[:40])
        except InvalidOperation:
            self._faults.append(Fault(f"/{name}", "A number such as 1,250.50.", "type"))
            return None

    def whole(self, name: str) -> int | None:
        text = self.text(name)
        if not text or (text.isascii() and text.isdecimal() and len(text) <= 9):
            return int(text) if text else None
        self._faults.append(Fault(f"/{name}", "A whole number.", "type"))
        return None

    def day(self, name: str, *, required: bool = False) -> date | None:
        text = self.text(name)
        if not text:
            self._require(name, required)
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            self._faults.append(Fault(f"/{name}", "A date such as 2026-11-23.", "type"))
            return None

    def _require(self, name: str, required: bool) -> None:
        if required:
            self._faults.append(Fault(f"/{name}", "This is required.", "missing"))

    def check(self) -> None:
        """Raise Problem 422 with every fault that was found."""
        if self._faults:
            raise Problem(422, "bent-form", "This cannot be proposed.", faults=self._faults)
