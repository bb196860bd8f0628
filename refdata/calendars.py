"""Business days: weekends and holidays of currencies, markets and the firm itself.

A calendar's code is a currency (ISO 4217; EUR is TARGET), a market (ISO 10383 MIC) or FIRM.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from core import sql

FIRM = "FIRM"
DOLLAR = "USD"
# Of these pairs with the dollar, a holiday of the dollar counts on the days before spot too.
DOLLAR_COUNTS = frozenset({"ARS", "CLP", "MXN"})
_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """Saturdays, Sundays and some holidays are closed; every other day is a business day."""

    holidays: frozenset[date] = frozenset()

    def is_business_day(self, day: date) -> bool:
        """Tell whether the calendar is open on a day."""
        return day.weekday() < _SATURDAY and day not in self.holidays

    def add_business_days(self, day: date, n: int) -> date:
        """Return the n-th business day after a day, or before it when n is negative.

        The day itself is never counted, whether it is a business day or not. With n = 0 the answer is the
        day itself when it is a business day, else the next one.
        """
        if n == 0:
            while not self.is_business_day(day):
                day += _DAY
            return day
        step = _DAY if n > 0 else -_DAY
        left = abs(n)
        while left:
            day += step
            if self.is_business_day(day):
                left -= 1
        return day


def union(calendars: Iterable[BusinessCalendar]) -> BusinessCalendar:
    """Return the calendar that is open only when all of them are."""
    return BusinessCalendar(frozenset().union(*(each.holidays for each in calendars)))


def settles_on(*, trade_date: date, days: int, between: BusinessCalendar, last: BusinessCalendar) -> date:
    """Return the date that lies a number of business days after a trade date.

    between: decides which of the days before the last one count; last: must be open on the date itself. They are the
    same calendar but for foreign exchange. With 0 days it is the trade date, or the next day that is open.
    `refdata_settles()` is the same in SQL.
    """
    day = trade_date if days <= 1 else between.add_business_days(trade_date, days - 1)
    return last.add_business_days(day, min(days, 1))


def pair(one: str, other: str) -> str:
    """Return the name of a pair of currencies: both codes, in the order of the alphabet."""
    return f"{min(one, other)}/{max(one, other)}"


def spot_calendars(one: str, other: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the calendars that count the days up to a pair's spot date, and those open on it.

    The market's rule: a holiday of the dollar alone does not move spot from the days before it (but for pairs with
    some Latin American currencies), and no pair settles on one, also where neither currency is the dollar.
    """
    currencies = tuple(sorted({one, other}))
    counted = tuple(code for code in currencies if code != DOLLAR or not DOLLAR_COUNTS.isdisjoint(currencies))
    return counted, tuple(sorted({*currencies, DOLLAR}))


_HOLIDAYS = """
SELECT calendar, date FROM refdata_holiday WHERE calendar = ANY(%s) AND date BETWEEN %s AND %s
"""


def calendars_for(*, codes: Collection[str], first: date, last: date) -> dict[str, BusinessCalendar]:
    """Return each code's calendar, which knows the holidays from `first` to `last` inclusive, in one query.

    A code without holidays, also an unknown one, is closed on weekends only.
    """
    return calendars_of(codes, sql.rows(_HOLIDAYS, [list(codes), first, last]))


def calendars_of(codes: Iterable[str], holidays: Iterable[tuple[str, date]]) -> dict[str, BusinessCalendar]:
    """Return the calendar of each code, given the holidays as (code, day)."""
    days: dict[str, set[date]] = {code: set() for code in codes}
    for code, day in holidays:
        days[code].add(day)
    return {code: BusinessCalendar(frozenset(each)) for code, each in days.items()}
