"""Cut-offs, to the second, also on the days when the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from refdata.calendars import BusinessCalendar
from settlement.cut_off import cut_off, last_value_date_past, local_moment

WEEKDAYS = BusinessCalendar()


@pytest.mark.parametrize(
    ("day", "at", "zone", "expected"),
    [
        # Europe/London: summer time ended on 2026-10-25 at 02:00, begins on 2027-03-28 at 01:00.
        ("2026-10-24", "18:00", "Europe/London", "2026-10-24T17:00:00"),
        ("2026-10-25", "18:00", "Europe/London", "2026-10-25T18:00:00"),
        ("2027-03-27", "18:00", "Europe/London", "2027-03-27T18:00:00"),
        ("2027-03-28", "18:00", "Europe/London", "2027-03-28T17:00:00"),
        # The hour that comes twice, and the hour that is left out.
        ("2026-10-25", "01:30", "Europe/London", "2026-10-25T00:30:00"),
        ("2027-03-28", "01:30", "Europe/London", "2027-03-28T01:00:00"),
        ("2027-03-28", "01:00", "Europe/London", "2027-03-28T01:00:00"),
        ("2027-03-28", "00:59:59", "Europe/London", "2027-03-28T00:59:59"),
        # New York: ended on 2026-11-01, begins on 2027-03-14.
        ("2026-11-01", "01:30", "America/New_York", "2026-11-01T05:30:00"),
        ("2027-03-14", "02:30", "America/New_York", "2027-03-14T07:00:00"),
        ("2026-11-02", "17:00", "America/New_York", "2026-11-02T22:00:00"),
        ("2026-10-30", "17:00", "America/New_York", "2026-10-30T21:00:00"),
        # Sydney, in the other hemisphere; Tokyo, without any change; Lord Howe, half an hour.
        ("2026-10-04", "02:30", "Australia/Sydney", "2026-10-03T16:00:00"),
        ("2027-04-04", "02:30", "Australia/Sydney", "2027-04-03T15:30:00"),
        ("2026-10-04", "15:00", "Asia/Tokyo", "2026-10-04T06:00:00"),
        ("2026-10-04", "02:15", "Australia/Lord_Howe", "2026-10-03T15:30:00"),
    ],
)
def test_a_local_time_is_the_first_moment_at_which_the_clocks_show_it_or_later(day, at, zone, expected):
    found = local_moment(date.fromisoformat(day), time.fromisoformat(at), zone)

    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    wall = datetime.combine(date.fromisoformat(day), time.fromisoformat(at))
    tz = ZoneInfo(zone)
    assert found.astimezone(tz).replace(tzinfo=None) >= wall
    assert (found - timedelta(seconds=1)).astimezone(tz).replace(tzinfo=None) < wall


@pytest.mark.parametrize(
    ("value_date", "lead_days", "expected"),
    [
        ("2026-11-25", 0, "2026-11-25"),  # a Wednesday
        ("2026-11-25", 1, "2026-11-24"),
        ("2026-11-25", 3, "2026-11-20"),  # over a weekend
        ("2026-11-28", 0, "2026-11-27"),  # a Saturday: the last business day before
        ("2026-11-30", 1, "2026-11-27"),
        ("2026-12-28", 1, "2026-12-24"),  # Christmas Day is a Friday
    ],
)
def test_the_lead_is_counted_in_business_days(value_date, lead_days, expected):
    calendar = BusinessCalendar(frozenset({date(2026, 12, 25)}))
    found = cut_off(
        value_date=date.fromisoformat(value_date),
        at=time(18),
        zone="UTC",
        lead_days=lead_days,
        calendar=calendar,
    )
    assert found == datetime.combine(date.fromisoformat(expected), time(18), UTC)


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York", "Asia/Tokyo", "Pacific/Auckland"])
@pytest.mark.parametrize("lead_days", [0, 1, 2])
@pytest.mark.parametrize("around", ["2026-10-23", "2026-10-30", "2027-03-12", "2027-03-26", "2027-04-02"])
def test_a_value_date_is_past_from_the_second_of_its_cut_off_on(zone, lead_days, around):
    rules = {"at": time(17, 30), "zone": zone, "lead_days": lead_days, "calendar": WEEKDAYS}
    for days in range(6):
        value_date = WEEKDAYS.add_business_days(date.fromisoformat(around), days)
        moment = cut_off(value_date=value_date, **rules)
        assert last_value_date_past(now=moment, **rules) >= value_date
        assert last_value_date_past(now=moment - timedelta(seconds=1), **rules) < value_date


def test_cut_offs_never_fall_as_value_dates_rise():
    days = [date(2026, 10, 1) + timedelta(days=n) for n in range(250)]
    moments = [
        cut_off(value_date=day, at=time(2, 30), zone="Europe/Berlin", lead_days=1, calendar=WEEKDAYS)
        for day in days
    ]
    assert moments == sorted(moments)
