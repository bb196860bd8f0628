"""Calendars: holidays, settlement cycles, cut-offs and channels, changed by two people who see what that comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from core.audit import encode
from core.clock import utc_now
from core.http.problem import Problem
from ops import selectors
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, show
from ops.stale import SHOWN, Settled, came_late, keep, stale
from settlement.calendars import list_calendar, stored_row
from settlement.services.calendar_change import (
    KIND,
    OF,
    Change,
    Foreseen,
    foresee,
    foresee_proposal,
    propose_calendar_change,
)

_SHOWN = 200
TABS = (
    ("holidays", "Holidays"),
    ("settlement-cycles", "Settlement cycles"),
    ("cut-offs", "Cut-offs"),
    ("channels", "Channels"),
)
# The fields of each kind, with their labels, in the order of the form.
FIELDS: dict[str, tuple[tuple[str, str], ...]] = {
    "holidays": (
        ("calendar", "Calendar: a currency, a MIC or FIRM"),
        ("date", "Date"),
        ("name", "Name"),
    ),
    "settlement-cycles": (
        ("product", "Product"),
        ("market", "Market: a MIC, a currency, a pair or *"),
        ("days", "Business days"),
        ("valid_from", "First trade date"),
        ("valid_to", "Last trade date, or none"),
    ),
    "cut-offs": (
        ("channel", "Channel"),
        ("market", "Market (MIC) or *"),
        ("currency", "Currency or *"),
        ("zone", "Time zone"),
        ("time", "Local time"),
        ("lead_days", "Business days before"),
        ("valid_from", "First value date"),
        ("valid_to", "Last value date, or none"),
    ),
    "channels": (
        ("channel", "Channel"),
        ("cut_off_zone", "Time zone"),
        ("cut_off_time", "Local time"),
        ("lead_days", "Business days before"),
        ("release_from", "Batches are released by two people from, in base currency"),
        ("hold_release_from", "Held counterparties are released by two people from, in base currency"),
    ),
}
_WHOLE = {"days", "lead_days"}
_EMPTY_IS_NONE = {"valid_to", "release_from", "hold_release_from"}


@needs(Right.READ_CALENDARS)
def calendars(request: HttpRequest) -> HttpResponse:
    """Show the rows of a kind, of all or of one calendar, product or channel, and what awaits a second person."""
    now = utc_now()
    kind, of = _kind(request.GET), _text(request.GET, "of")
    rows = list_calendar(kind=kind, of=of, most=_SHOWN + 1)
    context = {
        "kind": kind,
        "tabs": TABS,
        "fields": FIELDS[kind],
        "of": of,
        "of_name": OF[kind],
        "rows": [(number, [row[name] for name, _ in FIELDS[kind]]) for number, row in rows[:_SHOWN]],
        "shown": _SHOWN,
        "more": len(rows) > _SHOWN,
        "pending": [each for each in selectors.pending_proposals() if each["kind"] == KIND],
    }
    return show(request, "ops/calendars.html", context, screen="calendars", now=now)


@needs(Right.PROPOSE_CALENDAR)
def calendar_change(request: HttpRequest) -> HttpResponse:
    """Propose a new row, another one in the place of one, or a holiday's withdrawal."""
    given = request.POST if request.method == "POST" else request.GET
    kind, withdrawn = _kind(given), _text(given, "what") == "withdraw"
    if request.method != "POST":
        return _show(request, kind, stored_row(kind=kind, number=_text(given, "row")), withdrawn)
    typed = {name: _text(request.POST, name) for name, _ in FIELDS[kind]}
    change = Change(kind, [_row(typed)], withdrawn and kind == "holidays")
    stored = stored_row(kind=kind, number=_text(request.POST, "row"))
    late = came_late(request, present=stored, typed=typed, labels=dict(FIELDS[kind])) if stored else None
    if late is not None:
        return _show(request, kind, late.values, withdrawn, problem=stale(), late=late)
    now = utc_now()
    try:
        if "show" in request.POST:
            return _show(request, kind, typed, withdrawn, foreseen=foresee(change=change, now=now))
        propose_calendar_change(
            change=change,
            reason=_text(request.POST, "reason"),
            user=person(request),
            actor=actor(request),
            now=now,
        )
    except Problem as problem:
        return _show(request, kind, typed, withdrawn, problem=problem)
    messages.success(request, "The change is proposed. Somebody else must approve it.")
    query = urlencode({"kind": kind, "of": typed[OF[kind]]})
    return HttpResponseRedirect(f"{reverse('calendars')}?{query}", status=303)


def _show(
    request: HttpRequest,
    kind: str,
    typed: Mapping[str, Any],
    withdrawn: bool,
    *,
    problem: Problem | None = None,
    foreseen: Foreseen | None = None,
    late: Settled | None = None,
) -> HttpResponse:
    opened = request.method != "POST" or late is not None
    given = request.POST if request.method == "POST" else request.GET
    stored = stored_row(kind=kind, number=_text(given, "row")) if opened else {}
    shown = Shown.of(problem) if problem else None
    faults = {fault.pointer.rpartition("/")[2] for fault in problem.faults} if problem else set()
    context = {
        "row": _text(given, "row"),
        "shown": keep(stored) if opened else _text(request.POST, SHOWN),
        "moved": late.moved if late else [],
        "kind": kind,
        "title": dict(TABS)[kind],
        "withdrawn": withdrawn and kind == "holidays",
        "fields": [
            (name, label, typed.get(name, ""), name in faults, _input(name)) for name, label in FIELDS[kind]
        ],
        "of": typed.get(OF[kind], ""),
        "reason": _text(request.POST, "reason"),
        "reason_is_wrong": "reason" in faults,
        "foreseen": foreseen,
        "problem": shown,
    }
    status = problem.status if problem else 200
    return show(
        request, "ops/calendar_change.html", context, screen="calendar_change", now=utc_now(), status=status
    )


def _input(name: str) -> str:
    """Return the type of a field's input."""
    return "date" if name == "date" or name.startswith("valid_") else "text"


def _row(typed: Mapping[str, str]) -> dict[str, Any]:
    """Return what was typed as the loader takes it: what is no whole number stays as it is, to be refused."""
    row: dict[str, Any] = {}
    for name, text in typed.items():
        if name in _WHOLE and text.isascii() and text.isdecimal() and len(text) < 6:
            row[name] = int(text)
        else:
            row[name] = None if name in _EMPTY_IS_NONE and not text else text
    return row


def told(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the screens show of a proposal: what it comes to now, or why it cannot be carried out any more.

    `seen` is what an approval's form gives back of it; `then` what it was when it was proposed, where it is other now.
    """
    now = foresee_proposal(content=content, now=utc_now())
    if isinstance(now, Problem):
        return {"refused": Shown.of(now), "then": content["effect"]}
    seen = encode(now.effect.summary())
    other = msgspec.json.decode(seen) != content["effect"]
    return {"foreseen": now, "seen": seen, "then": content["effect"] if other else None}


def _kind(given: Mapping[str, Any]) -> str:
    kind = _text(given, "kind")
    return kind if kind in FIELDS else TABS[0][0]


def _text(given: Mapping[str, Any], name: str) -> str:
    return str(given.get(name, "")).replace("\0", "").strip()
