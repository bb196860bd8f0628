"""What surrounds every screen: navigation, search, the day, the next cut-off; and what it asks of a view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from core.audit import Actor, request_id_var
from core.clock import business_date, utc_now
from core.http.problem import Fault, Problem
from core.notifications import unread
from ops import selectors, tour
from ops.as_of import SCREENS, as_at, clock, without_prefix
from ops.help import help_of
from ops.permissions import Right, desks_of, has_role_for, holders, may, rights_of, roles_of
from ops.preferences import Preferences, preferences_of
from risk.selectors import stops_in_force
from settlement.cut_offs import CutOffs

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
_METHODS = ("GET", "HEAD", "POST")


@dataclass(frozen=True)
class Destination:
    """One entry of the navigation: `g` and `key` go there."""

    name: str
    title: str
    key: str
    right: Right


DESTINATIONS = (
    Destination("today", "Today", "t", Right.READ_TRADES),
    Destination("blotter", "Blotter", "b", Right.READ_TRADES),
    Destination("exceptions", "Exceptions", "e", Right.READ_EXCEPTIONS),
    Destination("approvals", "Approvals", "v", Right.READ_APPROVALS),
    Destination("batches", "Batches", "s", Right.READ_BATCHES),
    Destination("settlement", "Settlement", "w", Right.READ_BATCHES),
    Destination("positions", "Positions", "o", Right.READ_POSITIONS),
    Destination("profit", "P&L", "p", Right.READ_PROFIT),
    Destination("corporate_actions", "Corporate actions", "k", Right.READ_POSITIONS),
    Destination("confirmations", "Confirmations", "m", Right.READ_CONFIRMATIONS),
    Destination("journal", "Journal", "j", Right.READ_JOURNAL),
    Destination("explore", "Explore", "x", Right.READ_TRADES),
    Destination("limits", "Limits", "l", Right.READ_LIMITS),
    Destination("checks", "Checks", "c", Right.READ_CHECKS),
    Destination("fees", "Fees", "f", Right.READ_FEES),
    Destination("invoices", "Invoices", "n", Right.READ_INVOICES),
    Destination("reconciliations", "Reconciliation", "r", Right.READ_RECONCILIATIONS),
    Destination("reference", "Reference data", "u", Right.READ_REFERENCE),
    Destination("ssis", "SSIs", "d", Right.READ_SSIS),
    Destination("calendars", "Calendars", "y", Right.READ_CALENDARS),
    Destination("integrations", "Integrations", "i", Right.READ_INTEGRATIONS),
    Destination("people", "People", "h", Right.READ_PEOPLE),
    Destination("audit", "Audit", "a", Right.READ_AUDIT),
)

# The keys that a screen adds to those of the shell, for its help.
SCREEN_KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "today": (("n", "Take the next exception"),),
    "blotter": (
        ("j k", "Next, previous row"),
        ("Enter", "Open the row"),
        ("Space", "Glance at the row"),
        ("x", "Choose the row"),
        ("a", "What to do with the chosen"),
        ("r", "Show new rows"),
        ("f", "Go to the filters"),
    ),
    "trade_bulk": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("Esc", "Back to the blotter")),
    "bulk_runs": (
        ("j k", "Next, previous row"),
        ("Enter", "Open the row"),
        ("Esc", "Back to the exceptions"),
    ),
    "bulk_run": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("Esc", "Back to the list")),
    "trade": (("e", "Work its exception"), ("j k", "Next, previous part"), ("Esc", "Back to the blotter")),
    "change": (("Esc", "Back to the trade"),),
    "allocate": (("Esc", "Back to the trade"),),
    "exceptions": (
        ("j k", "Next, previous row"),
        ("Enter", "Open the row"),
        ("Space", "Glance at the row"),
        ("x", "Choose the row"),
        ("a", "What to do with the chosen"),
        ("r", "Show new rows"),
        ("n", "Take the next exception"),
    ),
    "causes": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("Esc", "Back to the exceptions")),
    "straight-through": (("Esc", "Back to the exceptions"),),
    "bulk": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("Esc", "Back to the exceptions")),
    "exception": (
        ("j k", "Next, previous exception of the list"),
        ("m", "Assign to me"),
        ("c", "Write a comment"),
        ("z", "Take back what you did last"),
        ("e", "Go to the repair"),
        ("n", "Take the next exception"),
        ("Esc", "Back to the list"),
    ),
    "batches": (("j k", "Next, previous row"), ("Enter", "Open the row")),
    "settlement": (
        ("j k", "Next, previous row"),
        ("Enter", "Open the row"),
        ("x", "Choose the row"),
        ("a", "Chase the chosen"),
        ("f", "Go to the filters"),
    ),
    "chase": (
        ("j k", "Next, previous row"),
        ("Enter", "Open the instruction"),
        ("f", "Go to the form"),
        ("Esc", "Back to settlement"),
    ),
    "batch": (("j k", "Next, previous row"), ("Esc", "Back to the batches")),
    "holds": (("j k", "Next, previous row"), ("Enter", "Open what is held"), ("Esc", "Back to the batches")),
    "checks": (("j k", "Next, previous row"), ("Enter", "Open the row")),
    "check": (("j k", "Next, previous version"), ("Esc", "Back to the checks")),
    "back_test": (("j k", "Next, previous row"), ("Enter", "Open the trade"), ("Esc", "Back to the check")),
    "fees": (("j k", "Next, previous row"), ("Enter", "Open the row")),
    "fee_rule": (("j k", "Next, previous version"), ("Esc", "Back to the fees")),
    "invoices": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("f", "Go to the filters")),
    "invoice": (("j k", "Next, previous line"), ("Enter", "Open the trade"), ("Esc", "Back to the invoices")),
    "positions": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("f", "Go to the filters")),
    "position": (
        ("j k", "Next, previous row"),
        ("Enter", "Open the trade"),
        ("Esc", "Back to the positions"),
    ),
    "profit": (
        ("j k", "Next, previous row"),
        ("Enter", "Open what is behind the row"),
        ("f", "Go to the day"),
    ),
    "margins": (
        ("j k", "Next, previous row"),
        ("Enter", "Open what is behind the row"),
        ("f", "Go to the filters"),
    ),
    "valuation": (
        ("j k", "Next, previous row"),
        ("Enter", "Open the orders of the row"),
        ("f", "Go to the filters"),
    ),
    "profit_adjustments": (("j k", "Next, previous row"), ("Esc", "Back to the P&L")),
    "profit_behind": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("Esc", "Back to the P&L")),
    "lot_policy": (("Esc", "Back to the positions"),),
    "journal": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("f", "Go to the filters")),
    "journal_entries": (
        ("j k", "Next, previous row"),
        ("Enter", "Open the trade"),
        ("Esc", "Back to the journal"),
    ),
    "corporate_actions": (("j k", "Next, previous row"),),
    "integrations": (("j k", "Next, previous row"), ("Enter", "Open the row")),
    "webhook": (("j k", "Next, previous row"), ("Esc", "Back to the integrations")),
    "audit": (("j k", "Next, previous row"), ("Enter", "Open the subject"), ("f", "Go to the filters")),
    "people": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("f", "Go to the filters")),
    "person": (("Esc", "Back to the people"),),
    "explore": (("f", "Go to the days"),),
    "limits": (("j k", "Next, previous row"), ("Enter", "Open the row")),
    "limit": (
        ("j k", "Next, previous row"),
        ("Enter", "Open the trade"),
        ("f", "Go to the request for more"),
        ("Esc", "Back to the limits"),
    ),
    "limit_terms": (("Esc", "Back to the limits"),),
    "confirmations": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("f", "Go to the filters")),
    "confirmation": (
        ("j k", "Next, previous near miss"),
        ("Enter", "Open the trade"),
        ("Esc", "Back to the confirmations"),
    ),
    "confirmation_link": (("Esc", "Back to the trade"),),
    "confirmation_policies": (
        ("j k", "Next, previous row"),
        ("Enter", "Change the row"),
        ("Esc", "Back to the confirmations"),
    ),
    "confirmation_upload": (("Esc", "Back to the confirmations"),),
    "reconciliations": (("j k", "Next, previous row"), ("Enter", "Open the row")),
    "reconciliation": (
        ("j k", "Next, previous break"),
        ("Enter", "Open the break"),
        ("Esc", "Back to the reconciliations"),
    ),
    "reconciliation_run": (
        ("j k", "Next, previous break"),
        ("Enter", "Open the break"),
        ("Esc", "Back to the reconciliation"),
    ),
    "reconciliation_upload": (("Esc", "Back to the reconciliations"),),
    "breaks": (
        ("j k", "Next, previous row"),
        ("Enter", "Open the row"),
        ("f", "Go to the filters"),
        ("Esc", "Back to the reconciliations"),
    ),
    "break": (("Esc", "Back to the reconciliation"),),
    "reference": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("f", "Go to the filters")),
    "reference_row": (
        ("j k", "Next, previous proposal"),
        ("Enter", "Open the proposal"),
        ("Esc", "Back to the list"),
    ),
    "reference_change": (("Esc", "Back to the row"),),
    "reference_upload": (("Esc", "Back to the list"),),
    "reference_proposal": (
        ("j k", "Next, previous row"),
        ("Enter", "Open the row"),
        ("Esc", "Back to the list"),
    ),
    "ssis": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("f", "Go to the filters")),
    "ssi_change": (("Esc", "Back to the SSIs"),),
    "calendars": (("j k", "Next, previous row"), ("Enter", "Open the row"), ("f", "Go to the filters")),
    "calendar_change": (("Esc", "Back to the calendars"),),
    "view_save": (("Esc", "Back to the list"),),
    "export_large": (("Esc", "Back to the list"),),
    "notifications": (("j k", "Next, previous row"), ("Enter", "Open what it is about")),
    "exports": (("j k", "Next, previous row"), ("Enter", "Open the list")),
    "approvals": (("j k", "Next, previous row"), ("Enter", "Open what it is about")),
}
_ALWAYS = {"Enter", "Esc"}  # the browser's own: no choice switches them off
_OPERATIONS_CAN_ASK = "Ask an administrator for one of these roles if you need it for your work."


def actor(request: HttpRequest) -> Actor:
    """Return the person behind a request as the actor of what happens in it."""
    return Actor(f"user:{request.user.get_username()}", request_id_var.get())


def person(request: HttpRequest) -> User:
    """Return who is behind a request that `needs` has let in."""
    return cast(User, request.user)


def surroundings(
    request: HttpRequest, *, screen: str, now: datetime, known: CutOffs | None = None
) -> dict[str, Any]:
    """Return what the shell's template shows beside the screen. known: the cut-offs, where these have been read."""
    cut_offs = selectors.cut_offs(now=now, known=known)
    here = _here(request)
    moment = as_at(request)
    section = _SECTIONS.get(screen, screen)
    rights = rights_of(request.user)
    return {
        "screen": screen,
        "here": here,
        "as_at": moment,
        "as_at_local": now.astimezone(preferences_of(request).tzinfo).strftime("%Y-%m-%dT%H:%M:%S"),
        "present": without_prefix(here),
        "section": section,
        "help": help_of(screen, section),
        "tour": tour.place(preferences_of(request).tour, screen=screen, rights=rights),
        "tour_first": tour.first(rights),
        "now": now,
        "business_date": business_date(now),
        "preferences": preferences_of(request),
        "zone_name": now.astimezone(preferences_of(request).tzinfo).strftime("%Z"),
        "next_cut_off": cut_offs[0] if cut_offs and moment is None else None,
        "cut_offs": cut_offs,
        "environment": settings.ENVIRONMENT,
        "base_currency": settings.BASE_CURRENCY,
        "destinations": [each for each in DESTINATIONS if may(request.user, each.right)],
        "rights": rights if moment is None else _rights_to_read(request),
        "roles": sorted(roles_of(request.user)),
        "desks": desks_of(request.user),
        "screen_keys": _keys(screen, preferences_of(request)),
        "bell": bell_of(request) if moment is None and request.user.is_authenticated else None,
        "stops": stops_in_force() if moment is None and request.user.is_authenticated else [],
    }


def _keys(screen: str, preferences: Preferences) -> list[tuple[str, str]]:
    """Return the keys of a screen that are not switched off."""
    return [each for each in SCREEN_KEYS.get(screen, ()) if preferences.keys == "on" or each[0] in _ALWAYS]


@dataclass(frozen=True)
class Bell:
    """How many notifications whoever looks has not read; `seen` changes whenever that does."""

    count: int
    seen: str


def bell_of(request: HttpRequest) -> Bell:
    """Return the bell as it is shown to whoever looks."""
    count, last = unread(person(request).pk)
    return Bell(count, f"{count}.{last}")


def rights_shown(request: HttpRequest, *, now: datetime) -> dict[str, Any]:
    """Return what the template of a part of a present page needs that is loaded by itself."""
    preferences = preferences_of(request)
    return {
        "now": now,
        "preferences": preferences,
        "zone_name": now.astimezone(preferences.tzinfo).strftime("%Z"),
        "base_currency": settings.BASE_CURRENCY,
        "rights": rights_of(request.user),
        "as_at": None,
    }


def _rights_to_read(request: HttpRequest) -> dict[str, bool]:
    """Return the rights that somebody has who looks at the past: there nothing can be done."""
    return {name: has and name.startswith("read_") for name, has in rights_of(request.user).items()}


def _here(request: HttpRequest) -> str:
    """Return the address to come back to: after a form that failed, the one of the page it stood on."""
    if request.method == "GET":
        return request.get_full_path()
    came_from = urlsplit(request.headers.get("Referer", ""))
    if came_from.netloc != request.get_host():
        return "/"
    return came_from._replace(scheme="", netloc="", fragment="").geturl()


_SECTIONS = {
    "trade": "blotter",
    "change": "blotter",
    "allocate": "blotter",
    "exception": "exceptions",
    "causes": "exceptions",
    "straight-through": "exceptions",
    "bulk": "exceptions",
    "bulk_run": "exceptions",
    "bulk_runs": "exceptions",
    "trade_bulk": "blotter",
    "batch": "batches",
    "holds": "batches",
    "chase": "settlement",
    "webhook": "integrations",
    "person": "people",
    "reference_row": "reference",
    "reference_change": "reference",
    "reference_upload": "reference",
    "reference_proposal": "reference",
    "ssi_change": "ssis",
    "reconciliation": "reconciliations",
    "reconciliation_run": "reconciliations",
    "reconciliation_upload": "reconciliations",
    "break": "reconciliations",
    "breaks": "reconciliations",
    "confirmation": "confirmations",
    "confirmation_upload": "confirmations",
    "confirmation_link": "confirmations",
    "confirmation_policies": "confirmations",
    "calendar_change": "calendars",
    "check": "checks",
    "fee_rule": "fees",
    "invoice": "invoices",
    "position": "positions",
    "lot_policy": "positions",
    "profit_behind": "profit",
    "margins": "profit",
    "valuation": "profit",
    "profit_adjustments": "profit",
    "journal_entries": "journal",
    "back_test": "checks",
    "limit": "limits",
    "limit_terms": "limits",
}
# Those whose address names a record; a list below another screen's has none.
_PARTS = {"explore_data": "data"}  # of others' addresses
_OF_RECORDS = _SECTIONS.keys() - {
    "holds",
    "chase",
    "confirmation_policies",
    "profit_behind",
    "margins",
    "valuation",
    "profit_adjustments",
    "journal_entries",
    "breaks",
}


def show(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    screen: str,
    now: datetime,
    status: int = 200,
    known: CutOffs | None = None,
) -> HttpResponse:
    """Render a screen inside the shell. known: the cut-offs, where the screen has read them."""
    return render(
        request,
        template,
        {**surroundings(request, screen=screen, now=now, known=known), **context},
        status=status,
    )


def needs(right: Right) -> Callable[[View[P]], View[P]]:
    """Let only people with a right into a view; anybody else sees which role has it.

    A Problem that the view lets through becomes an error page of the same status.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method not in _METHODS:
                return HttpResponseNotAllowed(_METHODS)
            if not may(request.user, right):
                return denied(request, right)
            if as_at(request) is not None and (refusal := _read_only(request)):
                return refusal
            try:
                return view(request, *args, **kwargs)
            except Problem as problem:
                return failed(request, problem)

        guarded.right = right  # type: ignore[attr-defined]
        return login_required(guarded)

    return decorate


def _read_only(request: HttpRequest) -> HttpResponse | None:
    """Answer what cannot be done or seen as of a moment; None for a screen that can."""
    if request.method not in {"GET", "HEAD"}:
        return failed(request, Problem(405, "read-only", "The past is read only. Nothing was changed."))
    name = (request.resolver_match and request.resolver_match.url_name) or ""
    if name in SCREENS:
        return None
    titles = {each.name: each.title for each in DESTINATIONS}
    context = {"title": titles.get(name, "")}
    return show(request, "ops/present_only.html", context, screen=name, now=clock(request))


def posted(screen: str) -> Callable[[View[P]], View[P]]:
    """Let only forms into a view; whoever asks for its address otherwise is led to the screen of the form.

    A form that failed leaves its own address in the browser, so reloading must lead somewhere.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method != "POST":
                part = "ref" if screen in _OF_RECORDS else _PARTS.get(screen)
                record = {part: str(kwargs[part])} if part else {}
                return HttpResponseRedirect(reverse(screen, kwargs=record))
            return view(request, *args, **kwargs)

        guarded.form_of = screen  # type: ignore[attr-defined]
        return guarded

    return decorate


def chooses(
    parameter: str, rights: Mapping[str, tuple[Right, ...]], view: Callable[..., HttpResponse]
) -> None:
    """Declare that a part of a view's address decides which right it takes: any of these by the part's value."""
    view.chosen = (parameter, rights)  # type: ignore[attr-defined]


def denied(request: HttpRequest, right: Right) -> HttpResponse:
    """Answer 403 with the roles that have the right."""
    limited = desks_of(request.user) is not None and has_role_for(request.user, right)
    context = {
        "right": right.value,
        "holders": holders(right),
        "advice": _OPERATIONS_CAN_ASK,
        "of_the_firm": limited,
    }
    return show(request, "ops/denied.html", context, screen="denied", now=utc_now(), status=403)


def failed(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Answer a Problem as a page."""
    if problem.status == 404:
        raise Http404(problem.title)
    context = {"problem": Shown.of(problem)}
    return show(request, "ops/problem.html", context, screen="problem", now=utc_now(), status=problem.status)


@dataclass(frozen=True)
class Shown:
    """A problem as a form shows it: every fault, and by field."""

    title: str
    detail: str
    faults: list[Fault]
    by_field: dict[str, str]

    @classmethod
    def of(cls, problem: Problem) -> Shown:
        """Return the form's view of a problem."""
        by_field: dict[str, str] = {}
        for fault in problem.faults:
            field = _field(fault.pointer)
            by_field[field] = f"{by_field[field]} {fault.detail}" if field in by_field else fault.detail
        return cls(problem.title, problem.detail, list(problem.faults), by_field)


def _field(pointer: str) -> str:
    """Return the field of a form that a pointer names: its last part, or the list whose member that part counts."""
    *around, last = pointer.rpartition(":")[2].split("/")
    return around[-1] if last.isdigit() and around and around[-1] else last


def next_url(request: HttpRequest, fallback: str) -> str:
    """Return the address a form asks to go to afterwards, when it is one of ours."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return fallback
