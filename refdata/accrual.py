"""Accrued interest of a bond with fixed coupons, exact to the last digit.

QuantLib knows how days are counted and on which dates coupons fall; it counts whole days. The amount is a ratio of
integers that `decimal` computes, so that no binary fraction comes near money. Rules: ISDA 2006 definitions, section
4.16, and ICMA rule 251 for ACT/ACT.ICMA. The days go to the settlement date as agreed. A first period that is
shorter than the others accrues from the dated date; longer ones and ex-coupon periods are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any

import QuantLib as ql  # noqa: N813 - the name it goes by

# The names of FpML's day count fractions, and how QuantLib counts their days.
_COUNTERS: Mapping[str, Callable[[Any], Any]] = {
    "30/360": lambda _: ql.Thirty360(ql.Thirty360.BondBasis),
    "30E/360": lambda _: ql.Thirty360(ql.Thirty360.EurobondBasis),
    "30E/360.ISDA": lambda maturity: ql.Thirty360(ql.Thirty360.ISDA, maturity),
    "ACT/ACT.ICMA": lambda _: ql.ActualActual(ql.ActualActual.ISMA),
    "ACT/360": lambda _: ql.Actual360(),
    "ACT/365.FIXED": lambda _: ql.Actual365Fixed(),
}
DAY_COUNTS = tuple(_COUNTERS)
FREQUENCIES = (1, 2, 3, 4, 6, 12)
FIRST_DAY, LAST_DAY = date(1950, 1, 1), date(2199, 12, 31)
_ICMA = "ACT/ACT.ICMA"
_YEARS = {"ACT/365.FIXED": 365}
_YEAR = 360


@dataclass(frozen=True, slots=True)
class Coupons:
    """What a bond pays: `coupon_rate` in per cent a year, `coupon_frequency` times a year (None: it pays none)."""

    coupon_rate: Decimal
    coupon_frequency: int | None
    day_count: str
    end_of_month: bool
    dated_date: date
    maturity: date


@dataclass(frozen=True, slots=True)
class Accrual:
    """How much interest has accrued: `days` of a year that has `year` of them (ICMA: coupons × days of a period)."""

    days: int
    year: int

    def amount(self, nominal: Decimal, coupon_rate: Decimal) -> Decimal:
        """Return the interest accrued on a nominal amount at a rate in per cent a year, unrounded."""
        return nominal * coupon_rate * self.days / (100 * self.year)


@lru_cache(maxsize=50_000)
def accrual(coupons: Coupons, on: date) -> Accrual:
    """Return what has accrued by a settlement date: nothing before the dated date and from the maturity on."""
    if not coupons.coupon_rate or not coupons.dated_date < on < coupons.maturity:
        return Accrual(0, _YEAR)
    day, maturity, dated = (ql.Date.from_date(each) for each in (on, coupons.maturity, coupons.dated_date))
    first, last = _period(coupons, day)
    counter = _COUNTERS[coupons.day_count](maturity)
    days = counter.dayCount(max(first, dated), day)
    if coupons.day_count == _ICMA:
        return Accrual(days, (coupons.coupon_frequency or 1) * counter.dayCount(first, last))
    return Accrual(days, _YEARS.get(coupons.day_count, _YEAR))


@lru_cache(maxsize=50_000)
def earned(coupons: Coupons, on: date) -> Decimal:
    """Return the interest that 100 of nominal has earned from the dated date to a day, paid out or still accruing.

    It only ever grows, until the maturity; a coupon that is paid changes nothing.
    """
    if not coupons.coupon_rate or on <= coupons.dated_date:
        return Decimal(0)
    end, dated = ql.Date.from_date(min(on, coupons.maturity)), ql.Date.from_date(coupons.dated_date)
    counter = _COUNTERS[coupons.day_count](ql.Date.from_date(coupons.maturity))
    dates = list(_schedule(coupons).dates())
    total = Decimal(0)
    for first, last in pairwise(dates):
        start, stop = max(first, dated), min(last, end)
        if start < stop:
            days, year = counter.dayCount(start, stop), _YEARS.get(coupons.day_count, _YEAR)
            if coupons.day_count == _ICMA:
                year = (coupons.coupon_frequency or 1) * counter.dayCount(first, last)
            total += Accrual(days, year).amount(Decimal(100), coupons.coupon_rate)
    return total


def _period(coupons: Coupons, day: ql.Date) -> tuple[ql.Date, ql.Date]:
    """Return the first day of the coupon period a day lies in and the day its coupon is paid, as if it were whole."""
    schedule = _schedule(coupons)
    return schedule.previousDate(day + 1), schedule.nextDate(day + 1)


@lru_cache(maxsize=5_000)
def _schedule(coupons: Coupons) -> ql.Schedule:
    """Return the dates of the coupons counted back from the maturity, to one whole period before the dated date."""
    tenor = ql.Period(12 // (coupons.coupon_frequency or 1), ql.Months)
    return ql.Schedule(
        ql.Date.from_date(coupons.dated_date) - ql.Period(2, ql.Years),
        ql.Date.from_date(coupons.maturity),
        tenor,
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        coupons.end_of_month,
    )
