"""The calendar of obligations: what is owed on each value date, and the legs and instructions behind each figure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse

from core import sql
from core.clock import business_date, utc_now
from core.http.cursor import encode_cursor, numbers_of
from ops.lists.open_records import read_date
from ops.permissions import Right
from ops.shell import needs, show
from ops.views.settlement import TABS
from settlement.obligations import (
    DIRECTIONS,
    MEANINGS,
    MOST,
    Day,
    Line,
    Page,
    Standing,
    WantedObligations,
    read_page,
)

DAYS = 10
LINES = 15  # of a day among others; alone it shows all
PAGE = 50
_LONGEST = 128
_FIELDS = ("from", "value_date", "day", "asset", "direction", "standing")


@needs(Right.READ_BATCHES)
def calendar(request: HttpRequest) -> HttpResponse:
    """Show some days of the calendar, or one; with a figure chosen, a page of what is behind it."""
    now = utc_now()
    typed = _typed(request.GET)
    dates = {name: read_date(typed.get(name, "")) for name in ("from", "value_date", "day")}
    wanted = _wanted(dates["day"], typed)
    after = numbers_of(request.GET.get("after", ""))
    after = after if after and len(after) == 3 else None
    page, too_broad = Page([], None, []), False
    try:
        page = read_page(
            now=now,
            since=dates["from"],
            only=dates["value_date"],
            days=DAYS,
            wanted=wanted,
            after=after,
            limit=PAGE + 1,
        )
    except sql.TookTooLong:
        too_broad = True
    alone = dates["value_date"] is not None
    context = {
        "tabs": TABS,
        "typed": typed,
        "standings": MEANINGS.items(),
        "days": [_shown(day, typed, alone=alone, now=now) for day in page.days],
        "next": page.following and page.following.isoformat(),
        "most": MOST,
        "listed": _listed(wanted, page.rows, later=after is not None) if wanted and not too_broad else {},
        "too_broad": too_broad,
    }
    return show(request, "ops/settlement_calendar.html", context, screen="settlement", now=now)


def _typed(given: Mapping[str, str]) -> dict[str, str]:
    """Return what of an address was understood; the rest chooses nothing."""
    texts = {name: given.get(name, "").replace("\0", "").strip()[:_LONGEST] for name in _FIELDS}
    known = {
        **{name: read_date(texts[name]) is not None for name in ("from", "value_date", "day")},
        "direction": texts["direction"] in DIRECTIONS,
        "standing": texts["standing"] in Standing.__members__,
    }
    return {name: text for name, text in texts.items() if text and known.get(name, True)}


def _shown(day: Day, typed: Mapping[str, str], *, alone: bool, now: datetime) -> dict[str, Any]:
    """Return a day as the page shows it; each line has a cell for each standing, empty where there is none."""
    lines = day.lines if alone else day.lines[:LINES]
    iso = day.value_date.isoformat()
    return {
        "value_date": day.value_date,
        "is_late": day.is_late,
        "is_today": day.value_date == business_date(now),
        "more": len(day.lines) - len(lines) + day.lines_left_off,
        "alone": alone,
        "lines": [
            {
                "line": line,
                "chosen": (iso, line.asset, line.direction)
                == tuple(typed.get(name) for name in ("day", "asset", "direction")),
                "cells": _cells(line, day),
            }
            for line in lines
        ],
    }


def _cells(line: Line, day: Day) -> list[dict[str, Any]]:
    return [
        {"standing": standing, "figure": line.figures.get(standing), "at_least": standing in day.at_least}
        for standing in Standing
    ]


def _wanted(day: date | None, typed: Mapping[str, str]) -> WantedObligations | None:
    """Return what the chosen figure is of, None when none is chosen."""
    if day is None:
        return None
    standing = Standing(typed["standing"]) if "standing" in typed else None
    return WantedObligations(day, typed.get("asset", ""), typed.get("direction", ""), standing)


def _listed(wanted: WantedObligations, found: list[dict[str, Any]], *, later: bool) -> dict[str, Any]:
    """Return a page of what is behind the figure that is chosen. later: it is not the first one."""
    rows = found[:PAGE]
    return {
        "rows": rows,
        "day": wanted.value_date,
        "next": encode_cursor(rows[-1]["at"]) if len(found) > PAGE else "",
        "later": later,
        "totals": _totals(rows),
    }


def _totals(rows: list[dict[str, Any]]) -> list[tuple[str, str, Decimal]]:
    """Return what a page adds up to by currency and direction."""
    totals: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        if row["asset_kind"] == "CASH":
            key = (row["asset"], row["direction"])
            totals[key] = totals.get(key, Decimal(0)) + row["quantity"]
    return [(asset, direction, total) for (asset, direction), total in sorted(totals.items())]
