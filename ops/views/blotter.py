"""The blotter: every trade, by filters that stand in the address."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core import ids
from ops.as_of import as_at, clock, where
from ops.permissions import Right
from ops.shell import needs, show
from refdata.models import Book, Party
from trades.lifecycle import State
from trades.products import PRODUCTS
from trades.selectors import blotter as trades

TABS = (
    ("", "All"),
    ("exception", "Held"),
    ("captured", "To check"),
    ("validated", "To seal"),
    ("handed_off", "With the back office"),
    ("settled", "Settled"),
)
_FIELDS = ("q", "status", "counterparty", "book", "product", "source", "from", "to", "sort", "size")
_PARTIES_OFFERED = 500
_NAMES_MATCHED = 20


@dataclass
class Query:
    """The address of a blotter page, read: what was typed, what it means, and what cannot be read of it."""

    typed: dict[str, str]
    wanted: trades.Filter
    sort: str = "-captured"
    size: int = 50
    number: int = 1
    after: trades.Key | None = None
    before: trades.Key | None = None
    faults: dict[str, str] = field(default_factory=dict)
    chips: list[tuple[str, str, str]] = field(default_factory=list)


@needs(Right.READ_TRADES)
def blotter(request: HttpRequest) -> HttpResponse:
    """Show a page of the blotter."""
    now, as_of = clock(request), where(request)
    query = read(request)
    page, too_broad = trades.Page([], more=False), False
    try:
        page = trades.page(
            query.wanted,
            sort=query.sort,
            size=query.size,
            number=query.number,
            after=query.after,
            before=query.before,
            as_of=as_of,
        )
    except trades.TooBroad:
        too_broad = True
    context = {
        "query": query,
        "rows": page.rows,
        "too_broad": too_broad,
        "searched_to": page.searched_to,
        "totals": totals(page.rows),
        "turns": turns(query, page),
        "tabs": TABS,
        "products": sorted(PRODUCTS),
        "states": [state.name.lower() for state in State],
        "sources": trades.sources(),
        "books": list(Book.objects.order_by("code").values_list("code", flat=True)[:_PARTIES_OFFERED]),
        "parties": list(Party.objects.order_by("code").values_list("code", "name")[:_PARTIES_OFFERED]),
        "first_run": not page.rows and not query.chips and not query.typed and as_of is None,
        "max_page": trades.MAX_PAGE,
        "sizes": trades.PAGE_SIZES,
        "total": count(query) if "count" in request.GET else None,
    }
    return show(request, "ops/blotter.html", context, screen="blotter", now=now)


@needs(Right.READ_TRADES)
def blotter_count(request: HttpRequest) -> HttpResponse:
    """Answer how many trades the filter matches, as the piece of the footer that says so."""
    return render(request, "ops/parts/blotter_count.html", {"total": count(read(request))})


def count(query: Query) -> int:
    """Return how many trades a query matches, up to the cap; -1 when that takes too long to say."""
    try:
        return trades.count(query.wanted)
    except trades.TooBroad:
        return -1


def read(request: HttpRequest) -> Query:
    """Read the address; what cannot be understood is a fault beside its field and filters nothing."""
    given = {name: request.GET.get(name, "").replace("\0", "").strip()[:128] for name in _FIELDS}
    query = Query({name: value for name, value in given.items() if value}, trades.Filter())
    parts = {
        "state": _state(query, given["status"]),
        "product": given["product"],
        "source": given["source"],
        "traded_from": _date(query, "from", given["from"]),
        "traded_to": _date(query, "to", given["to"]),
        "book_id": _book(query, given["book"]),
        **_counterparty(given["counterparty"]),
    }
    query.wanted = trades.Filter(**parts)
    if given["q"]:
        query.wanted = trades.with_ids(query.wanted, _references(given["q"]))
    query.chips = [
        (name, label, given[name])
        for name, label in _CHIPS.items()
        if given[name] and name not in query.faults
    ]
    sorts = trades.SORTS if as_at(request) is None else trades.SORTS_AS_OF
    default = "-trade_date" if (given["from"] or given["to"]) and "-trade_date" in sorts else "-captured"
    query.sort = given["sort"] if given["sort"] in sorts else default
    query.size = int(given["size"]) if given["size"] in map(str, trades.PAGE_SIZES) else 50
    number = request.GET.get("page", "1")
    query.number = max(1, int(number[:9])) if number.isdecimal() else 1
    query.after = _key(request.GET.get("after", ""), query.sort)
    query.before = _key(request.GET.get("before", ""), query.sort)
    if query.after is None and query.before is None:
        query.number = min(query.number, trades.MAX_PAGE)
    return query


_CHIPS = {
    "q": "Reference",
    "status": "Status",
    "counterparty": "Counterparty",
    "book": "Book",
    "product": "Product",
    "source": "Source",
    "from": "Traded from",
    "to": "Traded to",
}


def _state(query: Query, text: str) -> State | None:
    if not text:
        return None
    if text.upper() not in State.__members__:
        query.faults["status"] = f"There is no status “{text}”."
        return None
    return State[text.upper()]


def _date(query: Query, name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        query.faults[name] = "Write a date as 2026-11-23."
        return None


def _book(query: Query, code: str) -> int | None:
    if not code:
        return None
    found = Book.objects.filter(code=code).values_list("id", flat=True).first()
    if found is None:
        query.faults["book"] = f"There is no book “{code}”."
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
    return [number] if number is not None else trades.find_reference(text)


def _key(text: str, sort: str) -> trades.Key | None:
    """Read a key: `trd_…`, behind a trade date where the sort has one: `2026-11-23.trd_…`."""
    day, _, ref = text.rpartition(".")
    trade_id = ids.database_id(ids.TRADE, ref)
    if trade_id is None:
        return None
    if not sort.endswith("trade_date"):
        return trades.Key(trade_id)
    try:
        return trades.Key(trade_id, date.fromisoformat(day))
    except ValueError:
        return None


def _key_text(row: dict[str, Any], sort: str) -> str:
    ref = ids.public_id(ids.TRADE, row["trade_id"])
    return f"{row['trade_date']}.{ref}" if sort.endswith("trade_date") else ref


def turns(query: Query, page: trades.Page) -> dict[str, dict[str, str | int]]:
    """Return the parameters that lead to the first, previous and next page, where there is one."""
    backwards = query.before is not None and query.after is None
    follows = page.more if not backwards else True
    precedes = page.more if backwards else query.number > 1
    found: dict[str, dict[str, str | int]] = {}
    if page.rows and follows:
        found["next"] = {"after": _key_text(page.rows[-1], query.sort), "page": query.number + 1}
    elif page.searched_to is not None:
        found["older"] = {"after": ids.public_id(ids.TRADE, page.searched_to), "page": query.number + 1}
    if page.rows and precedes and query.number > 1:
        found["previous"] = {"before": _key_text(page.rows[0], query.sort), "page": query.number - 1}
    if query.number > 1:
        found["first"] = {}
    return found


def totals(rows: list[dict[str, Any]]) -> list[tuple[str, int, Decimal, Decimal]]:
    """Return by currency what a page buys and sells: currency, trades, net bought, net sold.

    An allocated block buys and sells nothing beside its parts.
    """
    counts: dict[str, int] = defaultdict(int)
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["state"] == State.ALLOCATED:
            continue
        counts[row["currency"]] += 1
        sums[row["currency"], row["side"]] += row["net_amount"]
    return [
        (currency, counts[currency], sums[currency, "BUY"], sums[currency, "SELL"])
        for currency in sorted(counts)
    ]
