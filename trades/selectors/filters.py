"""The filter of trades as people and systems write it: texts by name, read into what the blotter looks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from core import ids
from refdata.models import Book, Party
from trades.lifecycle import State
from trades.selectors import blotter

NAMES = ("q", "status", "counterparty", "book", "product", "source", "from", "to")
_NAMES_MATCHED = 20


def read_filter(given: Mapping[str, str]) -> tuple[blotter.Filter, dict[str, str]]:
    """Return the filter that texts by NAMES ask for, and by name what cannot be understood, which filters nothing.

    status: the name of a state in any case. counterparty: a code, an LEI or part of a name. from, to: trade dates.
    q: a reference, ours or the front office's, which overrides the rest.
    """
    texts = {name: given.get(name, "") for name in NAMES}
    faults: dict[str, str] = {}
    wanted = blotter.Filter(
        state=_state(texts["status"], faults),
        product=texts["product"],
        source=texts["source"],
        traded_from=_date("from", texts["from"], faults),
        traded_to=_date("to", texts["to"], faults),
        book_id=_book(texts["book"], faults),
        **_counterparty(texts["counterparty"]),
    )
    if texts["q"]:
        wanted = blotter.with_ids(wanted, _references(texts["q"]))
    return wanted, faults


def _state(text: str, faults: dict[str, str]) -> State | None:
    if not text:
        return None
    if text.upper() not in State.__members__:
        faults["status"] = f"There is no status “{text}”."
        return None
    return State[text.upper()]


def _date(name: str, text: str, faults: dict[str, str]) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults[name] = "Write a date as 2026-11-23."
        return None


def _book(code: str, faults: dict[str, str]) -> int | None:
    if not code:
        return None
    found = Book.objects.filter(code=code).values_list("id", flat=True).first()
    if found is None:
        faults["book"] = f"There is no book “{code}”."
    return found


def _counterparty(text: str) -> dict[str, Any]:
    """Resolve what was typed: a code or LEI exactly, else part of a name; unknown ones as they were sent."""
    if not text:
        return {}
    code = text.split(" ", 1)[0]
    exact = Party.objects.filter(code__in={text, code, code.upper()}).values_list("id", flat=True)[:1]
    found = list(exact) or list(Party.objects.filter(lei=text.upper()).values_list("id", flat=True))
    if not found:
        names = Party.objects.filter(name__icontains=text).order_by("id")
        found = list(names.values_list("id", flat=True)[:_NAMES_MATCHED])
    return {"counterparty_ids": tuple(found)} if found else {"counterparty_ref": text}


def _references(text: str) -> list[int]:
    number = ids.database_id(ids.TRADE, text)
    return [number] if number is not None else blotter.find_reference(text)
