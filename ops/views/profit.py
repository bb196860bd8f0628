"""P&L: what days, months and years came to, explained, and behind each figure its trades, prices and rates."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from core.clock import business_date, utc_now
from core.http.problem import Problem
from ledger.selectors import profit as told
from ledger.selectors import profit_figures as figures
from ledger.selectors import profit_review as review
from ops.permissions import Right
from ops.shell import Shown, needs, show
from ops.waterfall import WIDTH_OF_A_STEP, waterfall

SPANS = ("day", "month", "year")
_BY = {
    "book": "Book", "desk": "Desk", "trader": "Trader", "instrument": "Instrument", "counterparty": "Customer",
    "product": "Product", "currency": "Currency",
}  # fmt: skip
_SHOWN = 200
_TRADES_SHOWN = 100
_BOOKS_SHOWN = 500
_TEXT_MAX = 200
_CAME_SHOWN = 10
_RUN_DIGITS = 9
# An intraday figure follows the trades within a minute, and prices within ten: amber at twice that, red at five times.
_LAG, _LAG_OF_PRICES = timedelta(minutes=1), timedelta(minutes=10)


@needs(Right.READ_PROFIT)
def profit(request: HttpRequest) -> HttpResponse:
    """Show what a day, its month or its year came to, by whatever is chosen."""
    return show_profit(request, request.GET)


def show_profit(
    request: HttpRequest, asked: Mapping[str, str], *, problem: Problem | None = None, failed: str = ""
) -> HttpResponse:
    """Show what is asked for; after a form that failed, with its problem. failed: which form it was."""
    now = utc_now()
    typed = _typed(asked)
    day, fault = read_day(typed["day"])
    day = day or figures.latest_day(until=business_date(now)) or business_date(now)
    span = typed["span"] if typed["span"] in SPANS else "day"
    by = typed["by"] if typed["by"] in _BY else "book"
    context: dict[str, Any] = {
        "day": day, "span": span, "by": by, "fault": fault, "groups": _BY, "spans": SPANS,
        "kept": {"day": day.isoformat(), "span": span, "by": by},
        "problem": Shown.of(problem) if problem else None, "failed": failed, "reason": asked.get("reason", ""),
        **(_of_day(day, by, typed["run"], now) if span == "day" else _of_period(day, span, by, now)),
    }  # fmt: skip
    _mark(context)
    if total := context.get("total"):
        context["steps"] = waterfall([(name, total[name]) for name in told.PARTS])
        context["width"] = WIDTH_OF_A_STEP * len(context["steps"])
        context["parts"] = told.PARTS
    status = problem.status if problem else 200
    return show(request, "ops/profit.html", context, screen="profit", now=now, status=status)


@needs(Right.READ_PROFIT)
def behind(request: HttpRequest) -> HttpResponse:
    """Show what one figure of a run is the sum of: positions with prices and rates, and the trades of one of them."""
    typed = _typed(request.GET)
    day, _ = read_day(typed["day"])
    run = _run(day, typed["run"]) if day else None
    if run is None or typed["by"] not in _BY:
        raise Http404
    rows = figures.positions_behind(run_id=run["id"], by=typed["by"], name=typed["name"], limit=_SHOWN + 1)
    chosen = next((row for row in rows if typed["of"] == _place(row)), rows[0] if rows else None)
    trades: list[dict[str, Any]] = []
    more: int | None = None
    if chosen is not None:
        trades, more = told.trades_behind(
            run_id=run["id"],
            book_id=chosen["book_id"],
            instrument_id=chosen["instrument_id"],
            after=read_number(typed["after"]) or 0,
            limit=_TRADES_SHOWN,
        )
    context = {
        "run": run,
        "by": typed["by"],
        "title": _BY[typed["by"]],
        "name": typed["name"],
        "rows": [{**row, "place": _place(row)} for row in rows[:_SHOWN]],
        "is_cut": len(rows) > _SHOWN,
        "shown": _SHOWN,
        "chosen": chosen,
        "place": chosen and _place(chosen),
        "trades": trades,
        "more": more,
        "parts": told.PARTS,
        "kept": {
            "day": run["day"].isoformat(),
            "run": str(run["number"]),
            "by": typed["by"],
            "name": typed["name"],
        },
    }
    return show(request, "ops/profit_behind.html", context, screen="profit_behind", now=utc_now())


def _mark(context: dict[str, Any]) -> None:
    """Mark the row whose form failed, so that it shows what was typed."""
    for each in context.get("flags", ()):
        each["here"] = context["failed"] == f"flag {each['id']}"
    for each in context.get("books", ()):
        each["here"] = context["failed"] == f"book {each['book']}"


def _of_day(day: date, by: str, number: str, now: datetime) -> dict[str, Any]:
    run = _run(day, number)
    if run is None:
        return {"run": None}
    flags = figures.flags_of(run_id=run["id"])
    rows = told.explain(run_id=run["id"], by=by)
    runs = told.runs_of(day)
    books = review.books_of(run=run, limit=_BOOKS_SHOWN + 1)
    is_newest = run["id"] == runs[0]["id"]
    can_be_signed = is_newest and run["kind"] == "CLOSE"
    came = review.trades_after(run_id=run["id"], limit=_CAME_SHOWN, at_a_glance=True) if can_be_signed else []
    return {
        "run": run,
        "kept_of_run": {"day": day.isoformat(), "run": str(run["number"]), "by": by},
        "standing": _standing(run, now),
        "flags": flags,
        "rows": rows[: figures.ROWS_MAX],
        "rows_cut": len(rows) > figures.ROWS_MAX,
        "total": told.total_of(run_id=run["id"]),
        "currencies": figures.currencies_of(run_id=run["id"]),
        "runs": runs,
        "is_newest": is_newest,
        "can_be_signed": can_be_signed,
        "came": sorted(each["trade_id"] for each in came),
        "books": books[:_BOOKS_SHOWN],
        "books_cut": len(books) > _BOOKS_SHOWN,
        "books_shown": _BOOKS_SHOWN,
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1),
    }


def _of_period(day: date, span: str, by: str, now: datetime) -> dict[str, Any]:
    first, last = _period(day, span)
    until = min(last, business_date(now) - timedelta(days=1))  # today may still come
    days = told.days_between(first=first, last=last)
    missing = figures.days_missing(first=first, last=until) if until >= first else []
    rows = figures.explain_between(first=first, last=last, by=by) if days else []
    return {
        "first": first,
        "last": last,
        "days": days,
        "missing": missing,
        "rows": rows[: figures.ROWS_MAX],
        "rows_cut": len(rows) > figures.ROWS_MAX,
        "total": figures.total_between(first=first, last=last) if days else None,
        "open_flags": sum(each["open_flags"] for each in days),
        "before": first - timedelta(days=1),
        "after": last + timedelta(days=1),
    }


def _period(day: date, span: str) -> tuple[date, date]:
    if span == "year":
        return date(day.year, 1, 1), date(day.year, 12, 31)
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])


def _standing(run: dict[str, Any], now: datetime) -> dict[str, str]:
    """Return how fresh the figures of a run are: a colour, and why where it is not green."""
    if run["kind"] != "INTRADAY":
        return {"colour": "green", "icon": "check-circle", "word": "end of day"}
    if run["day"] != business_date(now):
        return {"colour": "amber", "icon": "alert", "word": "this day was not told to its end"}
    has_moved, age = figures.moved_since(run_id=run["id"]), now - run["as_at"]
    lag = _LAG if has_moved else _LAG_OF_PRICES
    why = "trades have moved since" if has_moved else "prices may have moved since"
    if age > 5 * lag:
        return {"colour": "red", "icon": "stop", "word": why}
    if age > 2 * lag:
        return {"colour": "amber", "icon": "alert", "word": why}
    return {"colour": "green", "icon": "check", "word": "intraday"}


def _run(day: date, number: str) -> dict[str, Any] | None:
    return told.find_run(day=day, number=read_number(number, _RUN_DIGITS))


def _place(row: dict[str, Any]) -> str:
    return f"{row['book_id']}.{row['instrument_id']}.{row['currency']}"


def read_number(text: str, digits: int = 18) -> int | None:
    """Return the number that was typed, of up to so many digits; None where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def _typed(asked: Mapping[str, str]) -> dict[str, str]:
    names = ("span", "day", "by", "run", "name", "of", "after")
    return {name: asked.get(name, "").replace("\0", "").strip()[:_TEXT_MAX] for name in names}


def read_day(text: str) -> tuple[date | None, str]:
    """Return the day that was typed, and what is wrong with it."""
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        return None, "Write the day as 2026-11-23."
    return (None, "A year from 1900 to 2199.") if found and not 1900 <= found.year < 2200 else (found, "")
