"""Positions: what the trades add up to, and for each what it is the sum of, down to the trade versions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from core.as_of import NOW, AsOf
from core.clock import business_date, utc_now
from core.http.problem import Fault, Problem
from core.money import ZERO
from ledger.selectors.actions import pending_of
from ledger.selectors.lots import list_lots, list_movements
from ledger.selectors.positions import Place, Which, list_entries, list_positions
from ledger.services.lot_policies import KIND as POLICY
from ledger.services.lot_policies import METHODS, PolicyTerms, policy_on, propose_policy
from ops.arrangement import arrange, seen_first
from ops.as_of import clock, where
from ops.lists.positions import FILTERS, POSITIONS, which_of
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, show
from refdata.models import Book, Instrument

_SHOWN = 200
_CODE_MAX = 100
_NAMES = {"opens_short": "Opens shorts", "with_fees": "Fees in the cost", "cancelled": "Called off"}


@needs(Right.READ_POSITIONS)
def positions(request: HttpRequest) -> HttpResponse:
    """Show positions by book, instrument and currency, cash first."""
    arranged = arrange(request, POSITIONS)
    if (first := seen_first(request, arranged)) is not None:
        return first
    typed = _typed(request)
    on, fault = _day(typed["on"])
    rows = list_positions(
        which=which_of(typed),
        as_of=where(request) or NOW,
        on=on,
        after=_place(request.GET.get("after", "")),
        limit=_SHOWN + 1,
    )
    last = rows[_SHOWN - 1] if len(rows) > _SHOWN else None
    context = {
        "arranged": arranged,
        "rows": rows[:_SHOWN],
        "typed": typed,
        "narrowed": {name: text for name, text in typed.items() if text},
        "parameters": {name: text for name, text in typed.items() if text} | arranged.kept,
        "fault": fault,
        "more": last and f"{last['book_id']}.{last['instrument_id']}.{last['currency']}",
        "is_first": not request.GET.get("after"),
    }
    return show(request, "ops/positions.html", context, screen="positions", now=clock(request))


@needs(Right.READ_POSITIONS)
def position(request: HttpRequest, book: str, currency: str) -> HttpResponse:
    """Show one position: by counterparty, its open lots and what became of others, and the entries behind it."""
    return _show(request, book, currency)


@needs(Right.PROPOSE_POSITION)
def policy(request: HttpRequest, book: str) -> HttpResponse:
    """Show how a book counts its lots and the form to have it count otherwise, or propose what the form says."""
    known = Book.objects.filter(code=book[:_CODE_MAX].replace("\0", "")).first()
    if known is None:
        raise Http404
    now, problem = utc_now(), None
    if request.method == "POST":
        try:
            _propose(request, known.code, now)
        except Problem as error:
            problem = error
        else:
            messages.success(request, "The change is proposed. Somebody else must approve it.")
            return HttpResponseRedirect(
                f"{reverse('positions')}?{urlencode({'book': known.code})}", status=303
            )
    context = {
        "book": known,
        "policy": policy_on(known.code, business_date(now)),
        "methods": METHODS,
        "typed": request.POST,
        "pending_id": pending_of(POLICY).get(known.code),
        "today": business_date(now).isoformat(),
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/lot_policy.html", context, screen="lot_policy", now=now, status=status)


def _propose(request: HttpRequest, book: str, now: datetime) -> None:
    day, fault = _day(request.POST.get("valid_from", "").strip())
    if day is None:
        faults = [Fault("/valid_from", fault or "This is required.", "type" if fault else "missing")]
        raise Problem(422, "invalid", "This cannot be how a book counts.", faults=faults)
    terms = PolicyTerms(
        method=request.POST.get("method", ""),
        opens_short=request.POST.get("opens_short") == "yes",
        with_fees=request.POST.get("with_fees") == "yes",
    )
    propose_policy(
        book=book,
        terms=terms,
        valid_from=day,
        reason=request.POST.get("reason", ""),
        user=person(request),
        actor=actor(request),
        now=now,
    )


def _show(request: HttpRequest, book: str, currency: str) -> HttpResponse:
    typed = _typed(request)
    instrument = Instrument.objects.filter(code=typed["instrument"]).first() if typed["instrument"] else None
    known = Book.objects.filter(code=book[:_CODE_MAX].replace("\0", "")).first()
    if known is None or (typed["instrument"] and instrument is None):
        raise Http404
    on, fault = _day(typed["on"])
    as_of = where(request) or NOW
    which = Which(book=known.code, instrument=typed["instrument"], currency=currency.replace("\0", ""))
    entries = list_entries(
        which=which, as_of=as_of, on=on, after=_entry(request.GET.get("after", "")), limit=_SHOWN + 1
    )
    parties = list_positions(which=which, by_party=True, as_of=as_of, on=on, limit=_SHOWN)
    lots, movements, too_many = _lots(which, as_of, on) if instrument else ([], [], "")
    last = entries[_SHOWN - 1] if len(entries) > _SHOWN else None
    context = {
        "book": known,
        "instrument": instrument,
        "currency": which.currency,
        "typed": typed,
        "narrowed": {name: typed[name] for name in ("instrument", "on") if typed[name]},
        "fault": fault,
        "parties": parties,
        "traded": sum((row["traded"] for row in parties), ZERO),
        "settled": sum((row["settled"] for row in parties), ZERO),
        "lots": lots,
        "cost": sum((row["cost"] for row in lots), ZERO),
        "with_lots": instrument is not None and not too_many,
        "too_many": too_many,
        "movements": movements,
        "policy": policy_on(known.code, business_date(clock(request))),
        "entries": entries[:_SHOWN],
        "shown": _SHOWN,
        "more": last and f"{last['effective_date']}.{last['id']}",
    }
    return show(request, "ops/position.html", context, screen="position", now=clock(request))


def _lots(
    which: Which, as_of: AsOf, on: date | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    """Return the open lots of a position, what became of lots, and why neither can be told."""
    try:
        return (
            list_lots(which=which, as_of=as_of, on=on, limit=_SHOWN),
            list_movements(which=which, as_of=as_of, on=on, limit=_SHOWN),
            "",
        )
    except Problem as problem:
        return [], [], f"{problem.title} {problem.detail}"


def compared(content: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what a proposal about positions changes: what, as it is, as it would be."""
    before, after = content["before"] or {}, content["after"]
    return [
        (_NAMES.get(name, name.replace("_", " ").capitalize()), _words(before.get(name)), _words(each))
        for name, each in after.items()
        if before.get(name) != each and not (content["before"] is None and each in (None, "", False))
    ]


def _words(value: Any) -> str:
    if value in (None, ""):
        return "—"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET.get(name, "").replace("\0", "").strip()[:_CODE_MAX] for name in FILTERS}


def _day(text: str) -> tuple[date | None, str]:
    """Return the day that was typed, and what is wrong with it."""
    try:
        return (date.fromisoformat(text) if text else None), ""
    except ValueError:
        return None, "Write the day as 2026-11-23."


def _place(text: str) -> Place | None:
    """Return the place after which a page begins; None for an address that was bent."""
    book, _, rest = text.partition(".")
    instrument, _, currency = rest.partition(".")
    if not (book.isdecimal() and instrument.isdecimal() and currency.isalnum() and len(text) < _CODE_MAX):
        return None
    place = int(book), int(instrument), currency, 0
    return place if max(place[:2]) < 1 << 63 else None


def _entry(text: str) -> tuple[date, int] | None:
    """Return the entry after which a page begins; None for an address that was bent."""
    day, _, number = text.rpartition(".")
    found, fault = _day(day)
    if found is None or fault or not number.isdecimal() or len(number) > 18:
        return None
    return found, int(number)
