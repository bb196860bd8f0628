"""Which days currencies and markets are closed, from two libraries: `holidays` and `exchange_calendars`.

Only Mondays to Fridays are given: a business calendar is closed on weekends anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import holidays

_SATURDAY = 5


def _settlement(system: str) -> Callable[[range], Mapping[date, str]]:
    """Return the closing days of a central bank's settlement system."""
    return lambda years: holidays.financial_holidays(system, years=years)


def _country(code: str, **options: Any) -> Callable[[range], Mapping[date, str]]:
    """Return the closing days of a country's banks, its public holidays where they are the same."""
    return lambda years: holidays.country_holidays(code, years=years, language="en_US", **options)


CURRENCIES: dict[str, Callable[[range], Mapping[date, str]]] = {
    "EUR": _settlement("XECB"),  # TARGET
    "USD": _settlement("XFED"),  # Fedwire: no Friday in lieu of a Saturday
    "GBP": _country("GB", subdiv="ENG"),
    "JPY": _country("JP", categories=("public", "bank")),
    "CHF": _country("CH", subdiv="ZH"),
    "AUD": _country("AU", subdiv="NSW"),
    "CAD": _country("CA", subdiv="ON"),
    "CZK": _country("CZ"),
    "DKK": _country("DK"),
    "HKD": _country("HK"),
    "HUF": _country("HU"),
    "MXN": _country("MX"),
    "NOK": _country("NO"),
    "NZD": _country("NZ"),
    "PLN": _country("PL"),
    "SEK": _country("SE"),
    "SGD": _country("SG"),
    "TRY": _country("TR"),
    "ZAR": _country("ZA"),
}
# Singapore is left out: the library learns its holidays one year at a time.
# fmt: off
MARKETS = (
    "XAMS", "XASX", "XBRU", "XCSE", "XDUB", "XETR", "XFRA", "XHEL", "XHKG", "XLIS", "XLON", "XMAD",
    "XMIL", "XNAS", "XNYS", "XOSL", "XPAR", "XSTO", "XSWX", "XTKS", "XTSE", "XWAR", "XWBO",
)
# fmt: on
CODES = (*CURRENCIES, *MARKETS)


def closing_days(*, code: str, first_year: int, last_year: int) -> dict[date, str]:
    """Return the weekdays on which a currency or market is closed, with their names, both years inclusive.

    Raises KeyError for a code that is not in CODES, ValueError for years the library does not cover.
    """
    if code in MARKETS:
        return _market_days(code, date(first_year, 1, 1), date(last_year, 12, 31))
    found = CURRENCIES[code](range(first_year, last_year + 1))
    return {
        day: name
        for day, name in sorted(found.items())
        if day.weekday() < _SATURDAY and first_year <= day.year <= last_year
    }


def _market_days(mic: str, first: date, last: date) -> dict[date, str]:
    import exchange_calendars  # brings pandas: a second that only this look-up should pay

    calendar = exchange_calendars.get_calendar(mic, start=first.isoformat(), end=last.isoformat())
    sessions = {session.date() for session in calendar.sessions}
    names = _market_names(calendar, first, last)
    weekdays = [
        day
        for offset in range((last - first).days + 1)
        if (day := first + timedelta(days=offset)).weekday() < _SATURDAY
    ]
    return {day: names.get(day, "Market closed") for day in weekdays if day not in sessions}


def _market_names(calendar: Any, first: date, last: date) -> dict[date, str]:
    if calendar.regular_holidays is None:
        return {}
    named = calendar.regular_holidays.holidays(first.isoformat(), last.isoformat(), return_name=True)
    return {moment.date(): name for moment, name in named.items()}
