"""Business days: weekends and holidays of currencies, markets and the firm itself.

A calendar's code is a currency (ISO 4217; EUR is TARGET), a market (ISO 10383 MIC) or FIRM.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from core import sql

FIRM = "FIRM"
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
