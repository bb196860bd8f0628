"""Holidays of the business calendars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from core.money import is_currency
from refdata.calendars import FIRM
from refdata.identifiers import is_mic
from refdata.kinds.base import Field, Kind, RowFault


class Holidays(Kind):
    """`calendar` is a currency, a MIC or FIRM."""

    code = "holidays"
    subject = "holiday"
    table = "refdata_holiday"
    key = ("calendar", "date")
    fields = {
        "calendar": Field(str, "text"),
        "date": Field(date, "date"),
        "name": Field(str, "text", default=""),
    }
    filters = {"calendar": "t.calendar = %s", "date": "t.date = %s::date"}
    example = {"calendar": FIRM, "date": "2026-12-24", "name": "Christmas Eve, office closed"}

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        code = row["calendar"]
        if code != FIRM and not is_currency(code) and not is_mic(code):
            yield RowFault("calendar", "A currency (ISO 4217), a MIC (ISO 10383) or FIRM.")


HOLIDAYS = Holidays()
