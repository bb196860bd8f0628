"""Watch lists and restricted lists: parties, instruments and countries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from refdata.identifiers import countries
from refdata.kinds.base import Field, Kind, RowFault, one_of
from refdata.models import WatchEntry


class WatchLists(Kind):
    """`key` is the code or LEI of a party, the code of an instrument, or a country; it need not be known yet.

    A `measure` of RESTRICTED holds every deal, WATCHED points it out.
    """

    code = "watch-lists"
    subject = "watch-entry"
    table = "refdata_watch_entry"
    key = ("list", "subject", "key", "valid_from")
    fields = {
        "list": Field(str, "text"),
        "subject": Field(str, "text"),
        "key": Field(str, "text"),
        "measure": Field(str, "text"),
        "note": Field(str, "text", default=""),
        "valid_from": Field(date, "date"),
        "valid_to": Field(date, "date", default=None),
    }
    filters = {"list": "t.list = %s", "subject": "t.subject = %s", "key": "t.key = %s"}
    example = {
        "list": "RESEARCH-BLACKOUT",
        "subject": "INSTRUMENT",
        "key": "US0378331005",
        "measure": "WATCHED",
        "note": "Our analyst publishes on Thursday.",
        "valid_from": "2026-11-16",
        "valid_to": "2026-11-27",
    }

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        yield from one_of("subject", row["subject"], WatchEntry.Subject.values)
        yield from one_of("measure", row["measure"], WatchEntry.Measure.values)
        if row["subject"] == WatchEntry.Subject.COUNTRY and row["key"] not in countries():
            yield RowFault("key", "ISO 3166-1 lists no such country.", "unknown")
        if row["valid_to"] is not None and row["valid_to"] < row["valid_from"]:
            yield RowFault("valid_to", "The last day comes before the first.")


WATCH_LISTS = WatchLists()
