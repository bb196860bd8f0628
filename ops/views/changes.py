"""Amend or cancel one trade: the form, what it would come to, and its confirmation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Problem
from ops import effects
from ops.permissions import Right
from ops.repair_form import form_context
from ops.shell import Shown, actor, chooses, needs, person, show
from ops.views.trade import ENDED, trade_id_of
from trades.lifecycle import State
from trades.selectors import timeline
from trades.services.amendment import FIELD_PREFIX, patch_of
from trades.services.change import Change
from trades.services.single_change import Answered, change_trade
from trades.services.supersession import Cause
from trades.services.versions import trade_etag

_PART = re.compile(r"(Line \d+|Near leg|Far leg):? ")
_KINDS: dict[str, Cause] = {"amend": "AMEND", "cancel": "CANCEL"}


@needs(Right.CHANGE)
def change(request: HttpRequest, ref: str, what: str) -> HttpResponse:
    """Show the form; with a preview of what follows; or make the change that was previewed."""
    kind, trade_id = _KINDS.get(what), trade_id_of(ref)
    if kind is None:
        raise Http404
    if request.method != "POST":
        return _show(request, trade_id, kind)
    confirmed = request.POST.get("step") == "confirm"
    try:
        asked = _asked(request, trade_id, kind)
        answered = change_trade(
            change=asked, actor=actor(request), now=utc_now(), dry_run=not confirmed, user=person(request)
        )
    except Problem as problem:
        wrong_amount = any(fault.pointer == "/amount" for fault in problem.faults)
        foreseen = _foreseen(request, asked) if wrong_amount else None
        return _show(request, trade_id, kind, problem=problem, foreseen=foreseen)
    if not confirmed:
        return _show(request, trade_id, kind, foreseen=answered)
    if answered.proposal_id is not None:
        messages.success(
            request, f"{ids.public_id(ids.PROPOSAL, answered.proposal_id)} waits for a second person."
        )
    elif kind == "CANCEL":
        messages.success(request, f"{ref} is cancelled.")
    else:
        messages.success(
            request, f"Stored as version {answered.changed.version}; the checks look at it again."
        )
    return HttpResponseRedirect(reverse("trade", args=[ref]), status=303)


def _foreseen(request: HttpRequest, asked: Change) -> Answered:
    return change_trade(change=asked, actor=actor(request), now=utc_now(), dry_run=True, user=person(request))


chooses("what", dict.fromkeys(_KINDS, (Right.CHANGE,)), change)


def _asked(request: HttpRequest, trade_id: int, kind: Cause) -> Change:
    changes = None
    if kind == "AMEND":
        typed = {
            name.removeprefix(FIELD_PREFIX): value.strip()
            for name, value in request.POST.dict().items()
            if name.startswith(FIELD_PREFIX)
        }
        changes = patch_of(trade_id=trade_id, typed=typed)
    return Change(
        kind=kind,
        trade_id=trade_id,
        reason=request.POST.get("reason", "").strip(),
        changes=changes,
        if_match=[request.POST.get("etag", "")],
        amount=request.POST.get("amount", ""),
    )


def _show(
    request: HttpRequest,
    trade_id: int,
    kind: Cause,
    *,
    problem: Problem | None = None,
    foreseen: Answered | None = None,
) -> HttpResponse:
    found = timeline.trade(trade_id)
    if found is None:
        raise Http404
    typed = request.POST
    # After a form that came too late, the next one is about the trade as it is now.
    etag = trade_etag(found["version"], found["changed_at"])
    seen = typed.get("etag", etag) if problem is None or problem.status != 412 else etag
    shown = form_context(typed.dict(), trade_id, version=_seen(typed)) if kind == "AMEND" else {"fields": []}
    context: dict[str, Any] = {
        "trade": found,
        "reference": ids.public_id(ids.TRADE, trade_id),
        "record_mark": etag,
        "kind": kind,
        "what": "amend" if kind == "AMEND" else "cancel",
        **shown,
        "seen_version": found["version"],
        "groups": _groups(shown["fields"]),
        "etag": seen,
        "typed": typed,
        "changeable": State(found["state"]) not in ENDED,
        "problem": Shown.of(problem) if problem else None,
        "foreseen": foreseen,
        "told": foreseen.changed.told if foreseen else {},
        "rows": effects.rows(foreseen.effects) if foreseen else [],
    }
    status = problem.status if problem else 200
    return show(request, "ops/change.html", context, screen="change", now=utc_now(), status=status)


def _seen(typed: Mapping[str, str]) -> int | None:
    """Return the version that a form shows, by its ETag; None for one just opened, 0 where it names none."""
    if not typed:
        return None
    text = typed.get("etag", "").strip('"').partition("-")[0]
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _groups(fields: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return fields by the part of the deal that they belong to, named once; without a name, those of all of it."""
    groups: list[tuple[str, list[dict[str, Any]]]] = []
    for each in fields:
        label: str = each["field"].label
        part = _PART.match(label)
        name = part[1] if part else ""
        if not groups or groups[-1][0] != name:
            groups.append((name, []))
        shown = label[part.end() :].capitalize() if part else label
        groups[-1][1].append({**each, "label": shown})
    return groups
