"""Business days."""

from datetime import date, timedelta

from bench.peers.naive.models import Holiday

SATURDAY = 6


def is_business_day(day: date, calendars: list[str]) -> bool:
    """Tell whether all of the calendars are open on a day."""
    if day.isoweekday() >= SATURDAY:
        return False
    return not Holiday.objects.filter(calendar__in=calendars, date=day).exists()


def add_business_days(day: date, count: int, calendars: list[str]) -> date:
    """Return the day `count` business days later."""
    while count:
        day += timedelta(days=1)
        if is_business_day(day, calendars):
            count -= 1
    return day
