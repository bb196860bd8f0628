"""P&L: what days, months and years came to, explained, and behind each figure its trades, prices and rates."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from core.clock import business_date, utc_now
from ledger.selectors import profit as told
from ledger.selectors import profit_figures as figures
from ops.permissions import Right
from ops.shell import needs, show
from ops.waterfall import WIDTH_OF_A_STEP, waterfall

SPANS = ("day", "month", "year")
_BY = {
    "book": "Book", "desk": "Desk", "trader": "Trader", "instrument": "Instrument", "counterparty": "Customer",
    "product": "Product", "currency": "Currency",
}  # fmt: skip
_SHOWN = 200
_TRADES_SHOWN = 100
_TEXT_MAX = 200
# An intraday figure follows the trades within a minute, and prices within ten: amber at twice that, red at five times.
_LAG, _LAG_OF_PRICES = timedelta(minutes=1), timedelta(minutes=10)


@needs(Right.READ_PROFIT)
def profit(request: HttpRequest) -> HttpResponse:
    """Show what a day, its month or its year came to, by whatever is chosen."""
    now = utc_now()
    typed = _typed(request)
    day, fault = _day(typed["day"])
    day = day or figures.latest_day(until=business_date(now)) or business_date(now)
    span = typed["span"] if typed["span"] in SPANS else "day"
    by = typed["by"] if typed["by"] in _BY else "book"
    context: dict[str, Any] = {
        "day": day, "span": span, "by": by, "fault": fault, "groups": _BY, "spans": SPANS,
        "kept": {"day": day.isoformat(), "span": span, "by": by},
        **(_of_day(day, by, typed["run"], now) if span == "day" else _of_period(day, span, by, now)),
    }  # fmt: skip
    if total := context.get("total"):
        context["steps"] = waterfall([(name, total[name]) for name in told.PARTS])
        context["width"] = WIDTH_OF_A_STEP * len(context["steps"])
        context["parts"] = told.PARTS
    return show(request, "ops/profit.html", context, screen="profit", now=now)


@needs(Right.READ_PROFIT)
def behind(request: HttpRequest) -> HttpResponse:
    """Show what one figure of a run is the sum of: positions with prices and rates, and the trades of one of them."""
    typed = _typed(request)
    day, _ = _day(typed["day"])
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
            after=_number(typed["after"]) or 0,
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


def _of_day(day: date, by: str, number: str, now: datetime) -> dict[str, Any]:
    run = _run(day, number)
    if run is None:
        return {"run": None}
    flags = figures.flags_of(run_id=run["id"])
    rows = told.explain(run_id=run["id"], by=by)
    return {
        "run": run,
        "kept_of_run": {"day": day.isoformat(), "run": str(run["number"]), "by": by},
        "standing": _standing(run, now),
        "flags": flags,
        "rows": rows[: figures.ROWS_MAX],
        "rows_cut": len(rows) > figures.ROWS_MAX,
        "total": told.total_of(run_id=run["id"]),
        "currencies": figures.currencies_of(run_id=run["id"]),
        "runs": told.runs_of(day),
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
    return told.find_run(day=day, number=_number(number))


def _place(row: dict[str, Any]) -> str:
    return f"{row['book_id']}.{row['instrument_id']}.{row['currency']}"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _typed(request: HttpRequest) -> dict[str, str]:
    names = ("span", "day", "by", "run", "name", "of", "after")
    return {name: request.GET.get(name, "").replace("\0", "").strip()[:_TEXT_MAX] for name in names}


def _day(text: str) -> tuple[date | None, str]:
    """Return the day that was typed, and what is wrong with it."""
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        return None, "Write the day as 2026-11-23."
    return (None, "A year from 1900 to 2199.") if found and not 1900 <= found.year < 2200 else (found, "")
