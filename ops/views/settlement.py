"""Settlement: whose move everything unfinished is, grouped by who must act, down to the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse

from core import sql
from core.clock import utc_now
from core.http.cursor import encode_cursor, numbers_of
from ops.arrangement import arrange, seen_first
from ops.lists.open_records import FILTERS, OPEN_RECORDS, read_wanted
from ops.permissions import Right
from ops.shell import needs, show
from refdata.models import Book, Party
from settlement.models import CHANNELS
from settlement.moves.base import Mover
from settlement.moves.table import RULES
from settlement.open_records import MOST, Group, Wanted, count_open, list_open

TABS = (("settlement", "Whose move"), ("settlement_calendar", "Calendar"), ("settlement_fails", "Fails"))
AGE_WORDS = {
    "under-1h": "under 1 h",
    "1h-1d": "1 h to 1 d",
    "1d-3d": "1 to 3 d",
    "3d-7d": "3 to 7 d",
    "over-7d": "over 7 d",
}
PAGE = 50
_OFFERED = 500
_MONEY_SHOWN = 2


@dataclass
class Moves:
    """The rows of the table that one mover has, and what they come to; `capped`: at least so much."""

    mover: Mover
    groups: list[Group] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many records."""
        return sum(each.count for each in self.groups)

    @property
    def capped(self) -> bool:
        """Whether there are more than were counted."""
        return any(each.capped for each in self.groups)


@needs(Right.READ_BATCHES)
def settlement(request: HttpRequest) -> HttpResponse:
    """Show who must act on what is unfinished; with a filter by mover or row, the records too."""
    now = utc_now()
    arranged = arrange(request, OPEN_RECORDS)
    if (first := seen_first(request, arranged)) is not None:
        return first
    wanted, typed = read_wanted(request.GET)
    by_mover: dict[Mover, Moves] = {}
    listed: dict[str, Any] = {}
    too_broad = False
    try:
        for group in count_open(wanted=_without_choice(wanted), now=now):
            by_mover.setdefault(group.rule.mover, Moves(group.rule.mover)).groups.append(group)
        listed = _listed(request, wanted, typed, now)
    except sql.TookTooLong:
        too_broad = True
    context: dict[str, Any] = {
        "arranged": arranged,
        "tabs": TABS,
        "movers": [by_mover[each] for each in Mover if each in by_mover],
        "typed": typed,
        "parameters": typed | arranged.kept,
        "narrows": any(name in typed for name in FILTERS if name not in {"mover", "rule"}),
        "ages": AGE_WORDS,
        "channels": CHANNELS,
        "books": list(Book.objects.order_by("code").values_list("code", flat=True)[:_OFFERED]),
        "parties": list(Party.objects.order_by("code").values_list("code", "name")[:_OFFERED]),
        "most": MOST,
        "money_shown": _MONEY_SHOWN,
        "listed": listed,
        "too_broad": too_broad,
    }
    return show(request, "ops/settlement.html", context, screen="settlement", now=now)


def _without_choice(wanted: Wanted) -> Wanted:
    """Return the filter of the overview, which keeps every mover in sight whichever is chosen."""
    return Wanted(
        age=wanted.age,
        channel=wanted.channel,
        party=wanted.party,
        book=wanted.book,
        value_date=wanted.value_date,
        asset=wanted.asset,
        due=wanted.due,
    )


def _listed(request: HttpRequest, wanted: Wanted, typed: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """Return a page of the records that are chosen, nothing when none are."""
    if not typed:
        return {}
    after = numbers_of(request.GET.get("after", ""))
    after = after if after and len(after) == 2 else None
    rows = list_open(wanted=wanted, now=now, after=after, limit=PAGE + 1)
    more = len(rows) > PAGE
    del rows[PAGE:]
    return {
        "rows": rows,
        "title": _title(wanted),
        "can_chase": any(row["can_chase"] for row in rows),
        "next": encode_cursor(rows[-1]["at"]) if more else "",
        "later": after is not None,
        "totals": _totals(rows),
    }


def _title(wanted: Wanted) -> str:
    if wanted.rule:
        title = RULES[wanted.rule][1].title
        return title[:1].upper() + title[1:]
    if wanted.due and not wanted.mover:
        return "To chase today"
    return f"Waits for {wanted.mover.value}" if wanted.mover else "Open records"


def _totals(rows: list[dict[str, Any]]) -> list[tuple[str, Decimal]]:
    """Return what is open on a page, by currency."""
    totals: dict[str, Decimal] = {}
    for row in rows:
        if row["is_money"] and row["quantity"] is not None:
            totals[row["asset"]] = totals.get(row["asset"], Decimal(0)) + row["quantity"]
    return sorted(totals.items())
