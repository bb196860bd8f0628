"""The clock, read only at the edges (views, tasks, commands) and passed inwards."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from django.conf import settings


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def business_date(now: datetime) -> date:
    """Return the business date at a moment, in the operator's zone."""
    return now.astimezone(ZoneInfo(settings.BUSINESS_TIME_ZONE)).date()


def day_begins(on: date) -> datetime:
    """Return the moment at which a business date begins, in the operator's zone."""
    return datetime.combine(on, time.min, ZoneInfo(settings.BUSINESS_TIME_ZONE))
