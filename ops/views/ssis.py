"""SSIs: where parties want cash, securities and goods; new, changed and ended by two people who see what re-routes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import msgspec
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from core.audit import encode
from core.clock import business_date, utc_now
from core.http.problem import Problem
from ops import selectors
from ops.arrangement import arrange, seen_first
from ops.lists.ssis import SSIS
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, show
from ops.stale import SHOWN, Settled, came_late, keep, stale
from refdata.lists import list_ssis, ssi_of
from refdata.models import Ssi
from settlement.services.ssi_change import KIND, Foreseen, foresee, foresee_proposal, propose_ssi_change
from trades.products import PRODUCTS

_SHOWN = 200
_ANY = "*"
FIELDS = (
    "party", "kind", "key", "product", "currency", "market", "book", "account", "agent_bic", "place_of_settlement",
    "delivery_address", "valid_from", "valid_to",
)  # fmt: skip


@needs(Right.READ_SSIS)
def ssis(request: HttpRequest) -> HttpResponse:
    """Show the SSIs of every party, or of one, and what changes of them await a second person."""
    now = utc_now()
    arranged = arrange(request, SSIS)
    if (first := seen_first(request, arranged)) is not None:
        return first
    party = _text(request.GET, "party")
    found = list_ssis(party=party, on=business_date(now), most=_SHOWN + 1)
    context = {
        "arranged": arranged,
        "rows": found[:_SHOWN],
        "shown": _SHOWN,
        "more": len(found) > _SHOWN,
        "party": party,
        "pending": [each for each in selectors.pending_proposals() if each["kind"] == KIND],
    }
    return show(request, "ops/ssis.html", context, screen="ssis", now=now)


@needs(Right.PROPOSE_SSI)
def ssi_change(request: HttpRequest) -> HttpResponse:
    """Propose a new SSI, one that takes the place of another from a day on, or the end of one."""
    given = request.POST if request.method == "POST" else request.GET
    stored = _stored(_text(given, "ssi"))
    ending = stored is not None and _text(given, "what") == "end"
    if request.method != "POST":
        return _show(request, _first(stored, given), stored, ending)
    typed = {name: _text(request.POST, name) for name in (*FIELDS, "reason")}
    late = None if stored is None else came_late(request, present=_shown(stored), typed=typed, labels=_LABELS)
    if late is not None:
        return _show(request, late.values, stored, ending, problem=stale(), late=late)
    rows = _rows(typed, stored, ending)
    now = utc_now()
    try:
        if "show" in request.POST:
            return _show(request, typed, stored, ending, foreseen=foresee(rows=rows, now=now))
        propose_ssi_change(
            rows=rows, reason=typed["reason"], user=person(request), actor=actor(request), now=now
        )
    except Problem as problem:
        return _show(request, typed, stored, ending, problem=problem)
    messages.success(request, "The change is proposed. Somebody else must approve it.")
    return HttpResponseRedirect(f"{reverse('ssis')}?{urlencode({'party': rows[-1]['party']})}", status=303)


def _show(
    request: HttpRequest,
    typed: Mapping[str, Any],
    stored: Mapping[str, Any] | None,
    ending: bool,
    *,
    problem: Problem | None = None,
    foreseen: Foreseen | None = None,
    late: Settled | None = None,
) -> HttpResponse:
    opened = request.method != "POST" or late is not None
    context = {
        "shown": keep(_shown(stored)) if stored and opened else request.POST.get(SHOWN, ""),
        "moved": late.moved if late else [],
        "typed": typed,
        "stored": stored,
        "ssi": _text(request.POST or request.GET, "ssi"),
        "ending": ending,
        "kinds": Ssi.Kind.choices,
        "products": list(PRODUCTS),
        "foreseen": foreseen,
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/ssi_change.html", context, screen="ssi_change", now=utc_now(), status=status)


def told(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the screens show of a proposal: what it re-routes now, or why it cannot be carried out any more.

    `seen` is what an approval's form gives back of it; `then` what it was when it was proposed, where it is other now.
    """
    now = foresee_proposal(content=content, now=utc_now())
    if isinstance(now, Problem):
        return {"refused": Shown.of(now), "then": content["effect"]}
    seen = encode(now.effect.summary())
    other = msgspec.json.decode(seen) != content["effect"]
    return {"foreseen": now, "seen": seen, "then": content["effect"] if other else None}


# What the form of an SSI that there is says of it, by its fields.
_LABELS = {
    "account": "Account",
    "agent_bic": "Agent",
    "place_of_settlement": "Place of settlement",
    "delivery_address": "Delivery address",
    "valid_to": "Last day",
}


def _shown(stored: Mapping[str, Any]) -> dict[str, str]:
    return {name: "" if stored[name] in (None, _ANY) else str(stored[name]) for name in _LABELS}


def _first(stored: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    today = business_date(utc_now())
    if stored is None:
        return {"party": _text(given, "party"), "kind": "CASH", "valid_from": today.isoformat()}
    typed = {name: "" if stored[name] in (None, _ANY) else stored[name] for name in FIELDS}
    return typed | {"valid_from": today.isoformat(), "key": stored["key"]}


def _rows(typed: Mapping[str, str], stored: Mapping[str, Any] | None, ending: bool) -> list[dict[str, Any]]:
    """Return the rows to load: with one that takes another's place, the end of that."""
    if stored is not None and ending:
        return [{**stored, "valid_to": typed["valid_to"] or None}]
    row: dict[str, Any] = {name: typed[name] for name in FIELDS} | {"valid_to": typed["valid_to"] or None}
    if row["kind"] != Ssi.Kind.CASH:
        row["key"] = row["key"] or _ANY
    if stored is None:
        return [row]
    place = {name: stored[name] for name in FIELDS[:7]}
    begins = _day(typed["valid_from"])
    if begins is None or begins <= date.fromisoformat(stored["valid_from"]):
        return [{**row, **place}]
    return [{**stored, "valid_to": (begins - timedelta(days=1)).isoformat()}, {**row, **place}]


def _stored(number: str) -> dict[str, Any] | None:
    if not number:
        return None
    found = ssi_of(int(number)) if number.isascii() and number.isdecimal() and len(number) < 19 else None
    if found is None:
        raise Http404
    return found


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _text(given: Mapping[str, Any], name: str) -> str:
    return str(given.get(name, "")).replace("\0", "").strip()
