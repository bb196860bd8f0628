"""Accrued interest: published and hand-computed examples of every day count, and what must always hold."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refdata.accrual import DAY_COUNTS, FREQUENCIES, Accrual, Coupons, accrual, earned

NOMINAL = Decimal(1_000_000)


def bond(day_count: str, rate: str = "6", frequency: int | None = 2, **changes) -> Coupons:
    given = {"dated_date": date(2003, 11, 15), "maturity": date(2013, 11, 15), "end_of_month": False}
    return Coupons(Decimal(rate), frequency, day_count, **{**given, **changes})


# ISDA's worked examples: first day, last day, and the days by 30/360, 30E/360 and 30E/360.ISDA.
@pytest.mark.parametrize(
    ("dated", "on", "days"),
    [
        (date(2007, 1, 15), date(2007, 1, 30), (15, 15, 15)),
        (date(2007, 1, 15), date(2007, 2, 15), (30, 30, 30)),
        (date(2007, 9, 30), date(2008, 3, 31), (180, 180, 180)),
        (date(2007, 9, 30), date(2007, 10, 31), (30, 30, 30)),
        (date(2007, 1, 15), date(2007, 1, 31), (16, 15, 15)),
        (date(2007, 1, 31), date(2007, 2, 28), (28, 28, 30)),
        (date(2006, 8, 31), date(2007, 2, 28), (178, 178, 180)),
        (date(2007, 2, 14), date(2007, 2, 28), (14, 14, 16)),
        (date(2008, 2, 29), date(2008, 3, 31), (32, 31, 30)),
    ],
)
def test_the_days_of_the_three_30_360_rules_are_those_of_isdas_examples(dated, on, days):
    counted = tuple(
        accrual(bond(rule, frequency=1, dated_date=dated, maturity=date(2027, dated.month, 10)), on).days
        for rule in ("30/360", "30E/360", "30E/360.ISDA")
    )
    assert counted == days


def test_a_us_treasury_note_accrues_by_the_actual_days_of_its_half_year():
    # 6 % of 15 November, bought for 10 January 2004: 56 of 182 days of half a coupon.
    found = accrual(bond("ACT/ACT.ICMA"), date(2004, 1, 10))
    assert found == Accrual(56, 2 * 182)
    assert found.amount(NOMINAL, Decimal(6)) == NOMINAL * 3 / 100 * 56 / 182


def test_the_first_short_period_of_the_icma_example_accrues_by_the_whole_period_it_is_part_of():
    # ISDA's memorandum on ACT/ACT of 1998: 10 % a year, from 1 February to 1 July 1999 within a year of 365 days.
    of = bond("ACT/ACT.ICMA", "10", 1, dated_date=date(1999, 2, 1), maturity=date(2000, 7, 1))
    assert accrual(of, date(1999, 6, 30)) == Accrual(149, 365)
    assert accrual(of, date(1999, 7, 1)) == Accrual(0, 366)


def test_a_half_years_coupon_is_whole_however_many_days_it_has():
    # ISDA's memorandum: 1 November 2003 to 1 May 2004 has 182 days, and is half a year.
    of = bond("ACT/ACT.ICMA", dated_date=date(2003, 11, 1), maturity=date(2013, 11, 1))
    assert accrual(of, date(2004, 4, 30)) == Accrual(181, 364)
    assert accrual(of, date(2004, 5, 1)).days == 0


@pytest.mark.parametrize(
    ("day_count", "days", "year", "amount"),
    [
        ("30/360", 55, 360, "9166.67"),
        ("30E/360", 55, 360, "9166.67"),
        ("30E/360.ISDA", 55, 360, "9166.67"),
        ("ACT/ACT.ICMA", 56, 364, "9230.77"),
        ("ACT/360", 56, 360, "9333.33"),
        ("ACT/365.FIXED", 56, 365, "9205.48"),
    ],
)
def test_each_day_count_makes_its_own_amount_of_the_same_days(day_count, days, year, amount):
    found = accrual(bond(day_count), date(2004, 1, 10))
    assert (found.days, found.year) == (days, year)
    assert round(found.amount(NOMINAL, Decimal(6)), 2) == Decimal(amount)


@pytest.mark.parametrize(("end_of_month", "days"), [(True, 10), (False, 11)])
def test_coupons_of_a_month_end_follow_their_month_where_the_bond_says_so(end_of_month, days):
    of = bond(
        "ACT/ACT.ICMA",
        dated_date=date(2020, 6, 30),
        maturity=date(2030, 6, 30),
        end_of_month=end_of_month,
    )
    assert accrual(of, date(2027, 1, 10)).days == days


def test_nothing_accrues_without_a_coupon_before_the_dated_date_or_from_the_maturity_on():
    assert accrual(bond("30/360", "0", None), date(2004, 1, 10)).days == 0
    for day in (date(2003, 11, 14), date(2003, 11, 15), date(2013, 11, 15), date(2020, 1, 1)):
        assert accrual(bond("30/360"), day).days == 0


DAYS = st.integers(1, 3_000).map(lambda n: date(2003, 11, 15) + timedelta(days=n))


@given(day_count=st.sampled_from(DAY_COUNTS), frequency=st.sampled_from(FREQUENCIES), on=DAYS)
def test_never_more_than_one_coupon_has_accrued(day_count, frequency, on):
    found = accrual(bond(day_count, "12", frequency), on)
    coupon = NOMINAL * 12 / 100 / frequency
    spare = {"ACT/360": Decimal(366) / 360, "ACT/365.FIXED": Decimal(184 * 2) / 365}.get(
        day_count, Decimal(1)
    )
    slack = (
        NOMINAL * 12 / 100 * 3 / 360
    )  # actual days of a month may be three more than a twelfth of the year
    assert 0 <= found.amount(NOMINAL, Decimal(12)) <= coupon * spare + slack


@given(day_count=st.sampled_from(DAY_COUNTS), on=DAYS)
def test_a_day_later_no_less_has_accrued_unless_a_coupon_was_paid(day_count, on):
    of = bond(day_count)
    today, tomorrow = accrual(of, on), accrual(of, on + timedelta(days=1))
    assert tomorrow.days >= today.days or tomorrow.days == 0


@pytest.mark.parametrize(
    ("day_count", "on", "amount"),
    [
        ("30/360", date(2003, 11, 15), "0"),
        ("30/360", date(2004, 5, 15), "3"),  # the first coupon is paid: earned, and accrues no more
        ("30/360", date(2004, 11, 15), "6"),
        ("ACT/ACT.ICMA", date(2013, 11, 15), "60"),
        ("ACT/ACT.ICMA", date(2020, 1, 1), "60"),  # nothing after the maturity
        ("ACT/360", date(2004, 5, 15), "3.033333"),  # 182 days
    ],
)
def test_what_is_earned_is_every_coupon_with_what_accrues(day_count, on, amount):
    assert round(earned(bond(day_count), on), 6) == Decimal(amount)


@given(day_count=st.sampled_from(["30/360", "30E/360", "ACT/ACT.ICMA", "ACT/360", "ACT/365.FIXED"]), on=DAYS)
def test_a_day_later_no_less_is_earned_whatever_was_paid(day_count, on):
    assert earned(bond(day_count), on + timedelta(days=1)) >= earned(bond(day_count), on)


@given(day_count=st.sampled_from(["30/360", "ACT/ACT.ICMA", "ACT/360"]), on=DAYS)
def test_what_is_earned_less_what_accrues_is_whole_coupons(day_count, on):
    of = bond(day_count)
    paid = earned(of, on) - accrual(of, on).amount(Decimal(100), of.coupon_rate)
    before = [earned(of, day) for day in coupon_days() if day <= on]
    assert round(paid - (before[-1] if before else 0), 15) == 0


def coupon_days() -> list[date]:
    """Return the days on which the bond of these tests pays."""
    return [date(2003, 11, 15)] + [date(year, month, 15) for year in range(2004, 2013) for month in (5, 11)]
