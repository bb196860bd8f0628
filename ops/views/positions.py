"""Positions: what the trades add up to, and for each what it is the sum of, down to the trade versions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from core.as_of import NOW
from core.money import ZERO
from ledger.selectors.positions import Place, Which, list_entries, list_lots, list_movements, list_positions
from ledger.services.lot_policies import policy_on
from ops.as_of import as_at, clock, where
from ops.permissions import Right
from ops.shell import needs, show
from refdata.models import Book, Instrument

_SHOWN = 200
_CODE_MAX = 100
_FILTERS = ("book", "instrument", "currency", "party", "on")
_NAMES = {"opens_short": "Opens shorts", "with_fees": "Fees in the cost", "cancelled": "Called off"}


@needs(Right.READ_POSITIONS)
def positions(request: HttpRequest) -> HttpResponse:
    """Show positions by book, instrument and currency, cash first."""
    typed = _typed(request)
    which, (on, fault) = _which(typed), _day(typed["on"])
    rows = list_positions(
        which=which,
        as_of=where(request) or NOW,
        on=on,
        after=_place(request.GET.get("after", "")),
        limit=_SHOWN + 1,
    )
    last = rows[_SHOWN - 1] if len(rows) > _SHOWN else None
    context = {
        "rows": [{**row, "open": row["traded"] - row["settled"]} for row in rows[:_SHOWN]],
        "typed": typed,
        "narrowed": {name: text for name, text in typed.items() if text},
        "fault": fault,
        "more": last and f"{last['book_id']}.{last['instrument_id']}.{last['currency']}",
        "is_first": not request.GET.get("after"),
    }
    return show(request, "ops/positions.html", context, screen="positions", now=clock(request))


@needs(Right.READ_POSITIONS)
def position(request: HttpRequest, book: str, currency: str) -> HttpResponse:
    """Show one position: by counterparty, its open lots and what became of others, and the entries behind it."""
    typed = _typed(request)
    instrument = Instrument.objects.filter(code=typed["instrument"]).first() if typed["instrument"] else None
    known = Book.objects.filter(code=book[:_CODE_MAX].replace("\0", "")).first()
    if known is None or (typed["instrument"] and instrument is None):
        raise Http404
    on, fault = _day(typed["on"])
    as_of, present = where(request) or NOW, as_at(request) is None and on is None
    which = Which(book=known.code, instrument=typed["instrument"], currency=currency.replace("\0", ""))
    entries = list_entries(
        which=which, as_of=as_of, on=on, after=_entry(request.GET.get("after", "")), limit=_SHOWN + 1
    )
    parties = list_positions(which=which, by_party=True, as_of=as_of, on=on, limit=_SHOWN)
    with_lots = instrument is not None and present
    lots = list_lots(which=which, limit=_SHOWN) if with_lots else []
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
        "with_lots": with_lots,
        "movements": list_movements(which=which, limit=_SHOWN) if with_lots else [],
        "policy": policy_on(known.code, clock(request).date()),
        "entries": entries[:_SHOWN],
        "shown": _SHOWN,
        "more": last and f"{last['effective_date']}.{last['id']}",
    }
    return show(request, "ops/position.html", context, screen="position", now=clock(request))


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
    return {name: request.GET.get(name, "").replace("\0", "").strip()[:_CODE_MAX] for name in _FILTERS}


def _which(typed: Mapping[str, str]) -> Which:
    given: dict[str, str | None] = {
        name: typed[name] or None for name in ("book", "instrument", "currency", "party")
    }
    if typed["instrument"].lower() == "cash":
        given["instrument"] = ""
    return Which(**given)


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
