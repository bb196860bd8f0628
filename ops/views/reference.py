"""Reference data: the rows of each kind as they are stored, narrowed by what the kind can be found by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from core.clock import utc_now
from core.http.cursor import encode_cursor, numbers_of
from core.wording import say
from ops.permissions import Right
from ops.selectors import pending_proposals
from ops.shell import needs, show
from refdata.changes import KIND as CHANGE
from refdata.kinds.base import Kind
from refdata.lists import list_rows
from refdata.services import KINDS

PAGE = 50
_LONGEST = 128
# What has no screen of its own, in the order of the tabs.
TABS = (
    ("parties", "Parties"),
    ("instruments", "Instruments"),
    ("books", "Books"),
    ("close-prices", "Prices"),
    ("fx-rates", "FX rates"),
    ("agreements", "Agreements"),
    ("netting-agreements", "Netting agreements"),
    ("mandates", "Mandates"),
    ("maximum-sizes", "Maximum sizes"),
    ("standard-costs", "Standard costs"),
    ("penalty-rates", "Penalty rates"),
    ("billing-terms", "Billing terms"),
    ("watch-lists", "Watch lists"),
)
_FIRST = TABS[0][0]


@needs(Right.READ_REFERENCE)
def reference(request: HttpRequest) -> HttpResponse:
    """Show a page of one kind of reference data."""
    kind = kind_in(request.GET)
    typed, faults = read(kind, request.GET)
    known = {name: text for name, text in typed.items() if name not in faults}
    after = numbers_of(request.GET.get("after", ""))
    start = after[0] if after and len(after) == 1 else 0
    rows = list_rows(kind=kind, filters=known, after=start, limit=PAGE + 1)
    more = len(rows) > PAGE
    context: dict[str, Any] = {
        "tabs": TABS,
        "kind": kind,
        "title": dict(TABS)[kind.code],
        "fields": [(name, _is_number(kind, name)) for name in kind.fields],
        "filters": [(name, typed.get(name, ""), kind.fields[name].type is date) for name in kind.filters],
        "rows": [
            (address(kind, row), [(shown(value), _is_number(kind, name)) for name, value in row.items()])
            for _, row in rows[:PAGE]
        ],
        "typed": typed,
        "faults": faults,
        "parameters": {"kind": kind.code, **typed},
        "later": start > 0,
        "pending": sum(each["kind"] == CHANGE for each in pending_proposals()),
        "next": encode_cursor((rows[PAGE - 1][0],)) if more else "",
    }
    return show(request, "ops/reference.html", context, screen="reference", now=utc_now())


def read(kind: Kind, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what was typed into the filters of a kind, and what of it cannot be read, by filter."""
    texts = {name: given.get(name, "").replace("\0", "").strip()[:_LONGEST] for name in kind.filters}
    typed = {name: text for name, text in texts.items() if text}
    faults = {
        name: "Write the date as 2026-11-23."
        for name, text in typed.items()
        if kind.fields[name].type is date and not _is_date(text)
    }
    return typed, faults


def kind_in(given: Mapping[str, str]) -> Kind:
    """Return the kind that an address or a form names; the first where it names none of those here."""
    code = given.get("kind", _FIRST)
    return KINDS[code if code in dict(TABS) else _FIRST]


def address(kind: Kind, row: Mapping[str, Any], page: str = "reference_row") -> str:
    """Return where a row is shown, or changed, by its key."""
    return f"{reverse(page)}?{urlencode({'kind': kind.code, **{name: row[name] for name in kind.key}})}"


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_number(kind: Kind, name: str) -> bool:
    return kind.fields[name].type in (Decimal, int)


def shown(value: Any) -> Any:
    """Return a value as people read it: yes and no where it is either."""
    if isinstance(value, bool):
        return say("yes" if value else "no")
    return value
