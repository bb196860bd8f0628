"""The journal: what stands on each account, the entries behind it down to trade version and price, and closed books."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.as_of import NOW
from core.clock import utc_now
from core.http.problem import Fault, Problem
from core.money import ZERO
from ledger.selectors import journal as selectors
from ledger.services.periods import KIND, propose_closing
from ops.arrangement import arrange, seen_first
from ops.as_of import as_at, clock, where
from ops.lists.journal_entries import FILTERS, JOURNAL_ENTRIES, postings_of, which_of
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, posted, show

_SHOWN = 200
_CODE_MAX = 100
_FILTERS = ("entity", "currency", "first", "last")


@needs(Right.READ_JOURNAL)
def journal(request: HttpRequest) -> HttpResponse:
    """Show the trial balance by entity and currency, and how far the books of each entity are closed."""
    return _show(request)


@needs(Right.READ_JOURNAL)
def entries(request: HttpRequest) -> HttpResponse:
    """Show the entries behind a balance, or those of a trade."""
    arranged = arrange(request, JOURNAL_ENTRIES)
    if (first := seen_first(request, arranged)) is not None:
        return first
    typed = _typed(request, FILTERS)
    which, fault = which_of(typed)
    rows = selectors.list_by_day(
        which=which, as_of=where(request) or NOW, after=_after(request.GET.get("after", "")), limit=_SHOWN + 1
    )
    last = rows[_SHOWN - 1] if len(rows) > _SHOWN else None
    context = {
        "arranged": arranged,
        "entries": len(rows[:_SHOWN]),
        "rows": postings_of(rows[:_SHOWN]),
        "typed": typed,
        "narrowed": {name: text for name, text in typed.items() if text} | arranged.kept,
        "fault": fault,
        "more": last and f"{last['posting_date']}.{last['id']}",
    }
    return show(request, "ops/journal_entries.html", context, screen="journal_entries", now=clock(request))


@posted("journal")
@needs(Right.PROPOSE_JOURNAL)
def close(request: HttpRequest) -> HttpResponse:
    """Propose to close the books of an entity up to a day."""
    try:
        through, fault = _day(request.POST.get("closed_through", "").strip())
        if through is None:
            faults = [Fault("/closed_through", fault or "This is required.", "type" if fault else "missing")]
            raise Problem(422, "invalid", "The books cannot be closed so.", faults=faults)
        propose_closing(
            entity=request.POST.get("entity", ""),
            through=through,
            reason=request.POST.get("reason", ""),
            user=person(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, problem=problem)
    messages.success(request, "The closing is proposed. Somebody else must approve it.")
    return HttpResponseRedirect(reverse("journal"), status=303)


def _show(request: HttpRequest, *, problem: Problem | None = None) -> HttpResponse:
    typed = _typed(request, _FILTERS)
    which, fault = which_of(typed)
    rows = selectors.trial_balance(
        entity=which.entity,
        currency=which.currency,
        first=which.first,
        last=which.last,
        as_of=where(request) or NOW,
    )
    context = {
        "blocks": [
            (entity, currency, told := list(each), _totals(told))
            for (entity, currency), each in groupby(rows, lambda row: (row["entity"], row["currency"]))
        ],
        "books": selectors.list_books(kind=KIND) if as_at(request) is None else [],
        "typed": typed,
        "narrowed": {name: text for name, text in typed.items() if text},
        "fault": fault,
        "sent": request.POST if problem else {},
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/journal.html", context, screen="journal", now=clock(request), status=status)


def _totals(rows: list[dict[str, Any]]) -> dict[str, Decimal]:
    names = ("opening", "debit", "credit", "closing")
    return {name: sum((row[name] for row in rows), ZERO) for name in names}


def compared(content: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what a proposal about books or accounts changes: what, as it is, as it would be."""
    if "closed_through" in content:
        return [("Books closed through", content["closed_before"] or "never", content["closed_through"])]
    return [(each["account"], _called(each["before"]), _called(each)) for each in content["accounts"]]


def _called(said: Mapping[str, str]) -> str:
    return f"{said['number'] or 'no number'}, {said['name']}"


def _typed(request: HttpRequest, names: tuple[str, ...]) -> dict[str, str]:
    return {name: request.GET.get(name, "").replace("\0", "").strip()[:_CODE_MAX] for name in names}


def _day(text: str) -> tuple[date | None, str]:
    """Return the day that was typed, and what is wrong with it."""
    try:
        return (date.fromisoformat(text) if text else None), ""
    except ValueError:
        return None, "Write the day as 2026-11-23."


def _after(text: str) -> tuple[date, int] | None:
    """Return the entry after which a page begins; None for an address that was bent."""
    day, _, number = text.rpartition(".")
    found, fault = _day(day)
    if found is None or fault or not number.isdecimal() or len(number) > 18:
        return None
    return found, int(number)
