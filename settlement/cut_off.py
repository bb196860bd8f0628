"""Cut-offs: the moment at which a channel stops waiting for what is due on a value date."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from refdata.calendars import BusinessCalendar

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
HORIZON = timedelta(days=60)  # how far ahead a passed cut-off is looked for, and holidays are known


def local_moment(day: date, at: time, zone: str) -> datetime:
    """Return in UTC the first moment of a day at which the zone's clocks show a time or a later one.

    Where the hour comes twice that is its first coming; where it is left out, the moment of the jump.
    """
    tz = ZoneInfo(zone)
    wanted = datetime.combine(day, at)
    late = wanted.replace(tzinfo=tz, fold=0).astimezone(UTC)
    if late.astimezone(tz).replace(tzinfo=None) == wanted:
        return late
    early = wanted.replace(tzinfo=tz, fold=1).astimezone(UTC)
    while late - early > _SECOND:  # the clocks jump between the two
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle.astimezone(tz).replace(tzinfo=None) < wanted:
            early = middle
        else:
            late = middle
    return late


def cut_off(*, value_date: date, at: time, zone: str, lead_days: int, calendar: BusinessCalendar) -> datetime:
    """Return in UTC the cut-off for a value date: `at` in the zone, `lead_days` business days before it.

    With 0 lead days it is the value date itself, or the last business day before one that is closed.
    """
    if lead_days == 0 and calendar.is_business_day(value_date):
        day = value_date
    else:
        day = calendar.add_business_days(value_date, -max(lead_days, 1))
    return local_moment(day, at, zone)


def last_value_date_past(
    *, now: datetime, at: time, zone: str, lead_days: int, calendar: BusinessCalendar
) -> date:
    """Return the latest value date whose cut-off has passed. Cut-offs never fall as value dates rise."""
    today = now.astimezone(ZoneInfo(zone)).date()
    dates: Iterable[date] = (today + _DAY * n for n in range(HORIZON.days, -HORIZON.days, -1))
    for value_date in dates:
        moment = cut_off(value_date=value_date, at=at, zone=zone, lead_days=lead_days, calendar=calendar)
        if moment <= now:
            return value_date
    return today - HORIZON
