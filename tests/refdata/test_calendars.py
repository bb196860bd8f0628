"""Business days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refdata.calendars import BusinessCalendar, calendars_for, union
from refdata.holiday_sources import CODES, closing_days
from tests.refdata.conftest import load

CHRISTMAS = BusinessCalendar(frozenset({date(2026, 12, 25), date(2026, 12, 28)}))

days = st.dates(date(2020, 1, 1), date(2030, 12, 31))
calendars = st.frozensets(days, max_size=40).map(BusinessCalendar)
counts = st.integers(-60, 60)


class TestAddingBusinessDays:
    @pytest.mark.parametrize(
        ("day", "n", "expected"),
        [
            ("2026-12-24", 0, "2026-12-24"),
            ("2026-12-25", 0, "2026-12-29"),
            ("2026-12-24", 1, "2026-12-29"),
            ("2026-12-24", 2, "2026-12-30"),
            ("2026-12-29", -1, "2026-12-24"),
            ("2026-12-26", 1, "2026-12-29"),
            ("2026-12-26", -1, "2026-12-24"),
            ("2026-12-18", 2, "2026-12-22"),
        ],
    )
    def test_skips_weekends_and_holidays(self, day: str, n: int, expected: str) -> None:
        found = CHRISTMAS.add_business_days(date.fromisoformat(day), n)

        assert found == date.fromisoformat(expected)

    @given(calendars, days, counts)
    def test_ends_on_a_business_day(self, calendar: BusinessCalendar, day: date, n: int) -> None:
        assert calendar.is_business_day(calendar.add_business_days(day, n))

    @given(calendars, days, st.integers(1, 60))
    def test_counts_exactly_the_open_days_passed(self, calendar: BusinessCalendar, day: date, n: int) -> None:
        end = calendar.add_business_days(day, n)
        passed = [day + timedelta(days=at) for at in range(1, (end - day).days + 1)]

        assert sum(map(calendar.is_business_day, passed)) == n

    @given(calendars, days, counts)
    def test_can_be_undone_from_a_business_day(self, calendar: BusinessCalendar, day: date, n: int) -> None:
        start = calendar.add_business_days(day, 0)

        assert calendar.add_business_days(calendar.add_business_days(start, n), -n) == start

    @given(calendars, days, st.integers(1, 30), st.integers(1, 30))
    def test_goes_on_where_it_stopped(
        self, calendar: BusinessCalendar, day: date, first: int, second: int
    ) -> None:
        stop = calendar.add_business_days(day, first)

        assert calendar.add_business_days(stop, second) == calendar.add_business_days(day, first + second)


class TestAUnion:
    @given(st.lists(calendars, max_size=4), days)
    def test_is_open_when_all_are(self, each: list[BusinessCalendar], day: date) -> None:
        weekday = day.weekday() < 5

        assert union(each).is_business_day(day) == (
            weekday and all(calendar.is_business_day(day) for calendar in each)
        )


@pytest.mark.django_db
class TestCalendarsOfCodes:
    def test_know_their_holidays_in_one_query(self, django_assert_num_queries) -> None:
        load(
            "holidays",
            {"calendar": "USD", "date": "2026-11-26", "name": "Thanksgiving Day"},
            {"calendar": "XLON", "date": "2026-12-28"},
            {"calendar": "XLON", "date": "2027-12-27"},
            {"calendar": "EUR", "date": "2026-12-25"},
        )

        with django_assert_num_queries(1):
            found = calendars_for(
                codes=["USD", "XLON", "FIRM"], first=date(2026, 11, 1), last=date(2026, 12, 31)
            )

        assert found == {
            "USD": BusinessCalendar(frozenset({date(2026, 11, 26)})),
            "XLON": BusinessCalendar(frozenset({date(2026, 12, 28)})),
            "FIRM": BusinessCalendar(),
        }


@pytest.mark.filterwarnings("ignore")  # the exchange library is a step behind pandas
class TestClosingDays:
    @pytest.mark.parametrize(
        ("code", "year", "expected"),
        [
            ("EUR", 2026, "01-01 04-03 04-06 05-01 12-25"),
            ("GBP", 2026, "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28"),
            ("XETR", 2026, "01-01 04-03 04-06 05-01 12-24 12-25 12-31"),
            (
                "XNYS",
                2026,
                "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
            ),
        ],
    )
    def test_are_the_published_ones(self, code: str, year: int, expected: str) -> None:
        found = closing_days(code=code, first_year=year, last_year=year)

        assert " ".join(f"{day:%m-%d}" for day in found) == expected

    def test_leave_fedwire_open_on_the_friday_before_a_holiday_on_saturday(self) -> None:
        found = closing_days(code="USD", first_year=2026, last_year=2026)

        assert date(2026, 7, 3) not in found
        assert date(2026, 10, 12) in found

    def test_of_every_code_are_weekdays_of_the_years_asked_for(self) -> None:
        for code in CODES:
            found = closing_days(code=code, first_year=2026, last_year=2027)

            assert found, code
            assert all(day.weekday() < 5 and day.year in {2026, 2027} for day in found), code
