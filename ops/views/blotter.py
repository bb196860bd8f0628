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
from ops.arrangement import arrange, seen_first
from ops.as_of import as_at, clock, where
from ops.bulk import EXPORTS, actions_of
from ops.demo import is_offered
from ops.lists.trades import TRADES, usual_sort
from ops.live import answer, is_asked, mark_of
from ops.permissions import Right
from ops.shell import needs, show
from refdata.models import Book, Party
from trades.lifecycle import State
from trades.products import PRODUCTS
from trades.selectors import blotter as trades
from trades.selectors.filters import NAMES, read_filter

TABS = (
    ("", "All"),
    ("exception", "Held"),
    ("captured", "To check"),
    ("validated", "To seal"),
    ("handed_off", "With the back office"),
    ("settled", "Settled"),
)
_FIELDS = (*NAMES, "sort", "size")
_PARTIES_OFFERED = 500


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
    arranged = arrange(request, TRADES, sort=query.sort)
    if (first := seen_first(request, arranged)) is not None:
        return first
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
    actions = [*actions_of(request, TRADES), *EXPORTS.items()] if as_of is None else []
    mark = mark_of(page.rows)
    slow = not query.wanted.indexed or query.sort.endswith("trade_date")
    if is_asked(request):
        if too_broad:
            return HttpResponse(status=503)  # the page keeps what it has, and says as of when
        shown = {"rows": page.rows, "arranged": arranged, "actions": actions, "slow": slow}
        return answer(request, "ops/parts/blotter_live.html", shown, mark=mark, now=now)
    first_run = not page.rows and not query.chips and not request.GET and as_of is None
    context = {
        "query": query,
        "arranged": arranged,
        "mark": mark,
        "slow": slow,
        "parameters": query.typed | arranged.kept,
        "sorts": trades.SORTS if as_of is None else trades.SORTS_AS_OF,
        "rows": page.rows,
        "too_broad": too_broad,
        "searched_to": page.searched_to,
        "totals": totals(page.rows),
        "turns": turns(query, page),
        "actions": actions,
        "tabs": TABS,
        "products": sorted(PRODUCTS),
        "states": [state.name.lower() for state in State],
        "sources": trades.sources(),
        "books": list(Book.objects.order_by("code").values_list("code", flat=True)[:_PARTIES_OFFERED]),
        "parties": list(Party.objects.order_by("code").values_list("code", "name")[:_PARTIES_OFFERED]),
        "first_run": first_run,
        "demo_is_offered": first_run and is_offered(),
        "root": request.build_absolute_uri("/").rstrip("/"),
        "max_page": trades.MAX_PAGE,
        "sizes": trades.PAGE_SIZES,
        "counted": "count" in request.GET,
        "found": count(query) if "count" in request.GET else None,
    }
    return show(request, "ops/blotter.html", context, screen="blotter", now=now)


@needs(Right.READ_TRADES)
def blotter_count(request: HttpRequest) -> HttpResponse:
    """Answer how many trades the filter matches and what they add up to, as the pieces of the footer that say so."""
    context = {"found": count(read(request)), "beside": True}
    return render(request, "ops/parts/blotter_count.html", context)


def count(query: Query) -> trades.Totals | None:
    """Return how many trades a query matches and their totals, up to the cap; None when that takes too long."""
    try:
        return trades.totals(query.wanted)
    except trades.TooBroad:
        return None


def read(request: HttpRequest) -> Query:
    """Read the address; what cannot be understood is a fault beside its field and filters nothing."""
    given = {name: request.GET.get(name, "").replace("\0", "").strip()[:128] for name in _FIELDS}
    query = Query({name: value for name, value in given.items() if value}, trades.Filter())
    query.wanted, query.faults = read_filter(given)
    query.chips = [
        (name, label, given[name])
        for name, label in _CHIPS.items()
        if given[name] and name not in query.faults
    ]
    sorts = trades.SORTS if as_at(request) is None else trades.SORTS_AS_OF
    usual = usual_sort(given)
    default = usual if usual in sorts else "-captured"
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


def totals(rows: list[dict[str, Any]]) -> list[trades.Total]:
    """Return by currency what a page buys and sells, as `trades.totals` does of all that match."""
    counts: dict[str, int] = defaultdict(int)
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["state"] == State.ALLOCATED:
            continue
        counts[row["currency"]] += 1
        sums[row["currency"], row["side"]] += row["net_amount"]
    return [
        trades.Total(currency, counts[currency], sums[currency, "BUY"], sums[currency, "SELL"])
        for currency in sorted(counts)
    ]
