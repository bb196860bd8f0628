"""A small JSON object as the body of a request, read field by field: every fault is named, with its pointer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from core.http.moments import read_moment
from core.http.problem import Fault, Problem, unreadable

MAX_BYTES = 64 * 1024
_DECIMAL_LENGTH_MAX = 40
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class JsonBody:
    """The fields of a JSON object, read one by one; what is wrong with any of them is raised together."""

    def __init__(self, body: bytes, *, known: tuple[str, ...], most: int = MAX_BYTES) -> None:
        self.faults: list[Fault] = []
        if len(body) > most:
            raise Problem(413, "too-large", f"This request is at most {most:,} bytes.")
        try:
            document: Any = msgspec.json.decode(body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable([Fault("", str(error), "malformed")]) from None
        if not isinstance(document, dict):
            raise unreadable([Fault("", "A JSON object.", "type")])
        self.given: Mapping[str, Any] = document
        self.faults += [
            Fault(f"/{_escape(name)}", "There is no such field.", "unknown-field")
            for name in document
            if name not in known
        ]

    def _value(self, name: str, required: bool) -> Any:
        value = self.given.get(name)
        if value is None and required:
            self.faults.append(Fault(f"/{name}", "This field is required.", "missing"))
        return value

    def text(self, name: str, *, required: bool = False, max_length: int = 2_000) -> str | None:
        """Return a text without NUL, None when it is not given."""
        value = self._value(name, required)
        if value is None:
            return None
        if not isinstance(value, str) or "\0" in value or not 0 < len(value) <= max_length:
            self.faults.append(Fault(f"/{name}", f"A text of 1 to {max_length} characters.", "type"))
            return None
        return value

    def texts(self, name: str) -> list[str] | None:
        """Return a list of texts, None when it is not given."""
        value = self.given.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self.faults.append(Fault(f"/{name}", "A list of texts.", "type"))
            return None
        return value

    def flag(self, name: str) -> bool | None:
        """Return true or false, None when it is not given."""
        value = self.given.get(name)
        if value is None or isinstance(value, bool):
            return value
        self.faults.append(Fault(f"/{name}", "Either true or false.", "type"))
        return None

    def seconds(self, name: str, *, default: timedelta, most: timedelta) -> timedelta:
        """Return a number of seconds as a length of time."""
        value = self.given.get(name)
        if value is None:
            return default
        top = int(most.total_seconds())
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= top:
            self.faults.append(Fault(f"/{name}", f"A whole number of seconds, 0 to {top}.", "type"))
            return default
        return timedelta(seconds=value)

    def whole(self, name: str) -> int | None:
        """Return a whole number, None when it is not given."""
        value = self.given.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        self.faults.append(Fault(f"/{name}", "A whole number.", "type"))
        return None

    def decimal(self, name: str, *, required: bool = False) -> Decimal | None:
        """Return a decimal, which is a string or a whole number in JSON, None when it is not given."""
        value = self._value(name, required)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return Decimal(value)
        if isinstance(value, str) and len(value) <= _DECIMAL_LENGTH_MAX and _NUMBER.fullmatch(value):
            return Decimal(value)
        self.faults.append(Fault(f"/{name}", 'A decimal as a string, such as "1250.50".', "type"))
        return None

    def day(self, name: str, *, required: bool = False) -> date | None:
        """Return a date (ISO 8601), None when it is not given."""
        value = self._value(name, required)
        if value is None:
            return None
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            self.faults.append(Fault(f"/{name}", "A date such as 2026-11-23.", "type"))
        return None

    def moment(self, name: str) -> datetime | None:
        """Return a moment (RFC 3339) in UTC, None when it is not given."""
        value = self._value(name, False)
        if value is None:
            return None
        try:
            return read_moment(value)
        except (AttributeError, ValueError):
            self.faults.append(Fault(f"/{name}", "A moment such as 2026-11-23T18:00:00Z.", "type"))
        return None

    def check(self) -> None:
        """Raise Problem 400 with every fault that was found."""
        if self.faults:
            raise unreadable(self.faults)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
