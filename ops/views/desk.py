"""The desk beyond single exceptions: what they wait for, by cause, and one action on many of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from core import ids
from core.clock import business_date, utc_now
from core.http.problem import Problem
from ops.desk import asked_of, choices, right_for
from ops.permissions import Right, may
from ops.shell import Shown, actor, denied, needs, person, posted, show
from ops.views.exceptions import Place
from trades.selectors import desk
from trades.selectors.straight_through import MAX_DAYS, straight_through
from trades.services.desk import ACTIONS, MAX_ITEMS, Result, act_on_exceptions


@needs(Right.READ_EXCEPTIONS)
def causes(request: HttpRequest) -> HttpResponse:
    """Show what open exceptions wait for, the commonest cause first."""
    now = utc_now()
    return show(request, "ops/causes.html", {"groups": desk.groups(now=now)}, screen="causes", now=now)


@needs(Right.READ_EXCEPTIONS)
def through(request: HttpRequest) -> HttpResponse:
    """Show the straight-through rate of some trade dates, today's unless told, and where trades were lost."""
    now = utc_now()
    first, last, wrong = _days(request, business_date(now))
    found = straight_through(first=first, last=last)
    context = {"found": found, "first": first, "last": last, "wrong": wrong, "losses": _LOSSES}
    return show(request, "ops/straight_through.html", context, screen="straight-through", now=now)


_LOSSES = (("check", "By check"), ("source", "By source"), ("party", "By counterparty"))


def _days(request: HttpRequest, today: date) -> tuple[date, date, str]:
    """Return the first and the last day asked for, and what is wrong with them: then they are today."""
    try:
        first, last = (date.fromisoformat(request.GET.get(name) or str(today)) for name in ("from", "to"))
    except ValueError:
        return today, today, "Write the days as 2026-11-23."
    if not 0 <= (last - first).days < MAX_DAYS:
        return today, today, f"The last day comes after the first, and there are at most {MAX_DAYS}."
    return first, last, ""


@posted("exceptions")
@needs(Right.READ_EXCEPTIONS)
def bulk(request: HttpRequest) -> HttpResponse:
    """Take an action on chosen exceptions through its steps: ask what it needs, preview it, do it."""
    action, step = request.POST.get("action", ""), request.POST.get("step", "choose")
    place = Place.of(request.POST)
    if action not in ACTIONS:
        return HttpResponseRedirect(place.url("exceptions"), status=303)
    if not may(request.user, right_for(action)):
        return denied(request, right_for(action))
    now = utc_now()
    chosen, more = _chosen(request, place, now)
    context: dict[str, Any] = {"chosen": chosen, "more": more, "place": place, "action": action, "step": step}
    if not chosen:
        return _show(request, context, now)
    try:
        if step in {"preview", "do"} or not ACTIONS[action].fields:
            results = act_on_exceptions(
                exception_ids=chosen,
                asked=asked_of(request, action),
                actor=actor(request),
                now=now,
                dry_run=step != "do",
            )
            context |= {"results": _shown(results, done=step == "do"), "counts": _counts(results)}
    except Problem as problem:
        context |= {"problem": Shown.of(problem), "step": "choose"}
    return _show(request, context, now)


def _chosen(request: HttpRequest, place: Place, now: datetime) -> tuple[list[int], bool]:
    """Return the exceptions that are meant, and whether a list has more than can be done at once."""
    if request.POST.get("which") == "all" and not request.POST.get("chosen"):
        return desk.ids_of(
            view=place.view, narrowing=place.narrowing, user_id=person(request).id, now=now, most=MAX_ITEMS
        )
    references = [*request.POST.getlist("ids"), *request.POST.get("chosen", "").split()]
    numbers = [ids.database_id(ids.EXCEPTION, each) for each in references]
    return list(dict.fromkeys(each for each in numbers if each is not None)), False


def _shown(results: list[Result], *, done: bool) -> list[dict[str, Any]]:
    """Return results with what they are about, those that were refused first."""
    marks = {} if done else {"DONE": "TO_DO"}
    rows = desk.items_of([each.exception_id for each in results])
    shown = [
        {
            "result": each,
            "row": rows.get(each.exception_id),
            "mark": f"RESULT_{marks.get(each.outcome, each.outcome)}",
        }
        for each in results
    ]
    return sorted(shown, key=lambda each: each["result"].outcome == "DONE")


def _counts(results: list[Result]) -> dict[str, int]:
    found = dict.fromkeys(("DONE", "UNCHANGED", "REFUSED", "UNKNOWN"), 0)
    for each in results:
        found[each.outcome] += 1
    return found


def _show(request: HttpRequest, context: dict[str, Any], now: datetime) -> HttpResponse:
    place: Place = context["place"]
    problem = context.get("problem")
    shown = {
        **context,
        **choices(),
        "title": ACTIONS[context["action"]].title,
        "fields": ACTIONS[context["action"]].fields,
        "most": MAX_ITEMS,
        "chosen_refs": " ".join(ids.public_id(ids.EXCEPTION, each) for each in context["chosen"]),
        "parameters": place.parameters(),
        "back": place.url("exceptions"),
        "typed": request.POST,
    }
    return show(request, "ops/bulk.html", shown, screen="bulk", now=now, status=422 if problem else 200)
