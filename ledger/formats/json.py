"""JSON: an object whose `lines` are objects of the fields, all texts; of cash also `balances`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from core.http.problem import Fault, unreadable
from ledger.formats.base import Found, Raw, StatementFormat
from ledger.kinds.base import Kind

_MEMBERS = {"lines", "balances"}


def _read(body: bytes, kind: Kind) -> Found:
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable([Fault("", str(error), "malformed")]) from None
    given = document.get("lines") if isinstance(document, dict) else None
    if not isinstance(given, list):
        raise unreadable([Fault("/lines", "A list of lines.", "missing" if given is None else "type")])
    balances = document.get("balances", [])
    found = Found((), [Fault(f"/{name}", "There is no such field.") for name in document.keys() - _MEMBERS])
    if not isinstance(balances, list) or (balances and not kind.balances):
        found.faults.append(Fault("/balances", "A list, of a statement of cash only.", "type"))
        return found
    found.lines = [*_lines(given, found), *_balances(balances, found)]
    return found


def _lines(given: list[Any], found: Found) -> Iterator[Raw]:
    for at, each in enumerate(given):
        place = f"/lines/{at}"
        if (values := _texts(each, place, found)) is not None:
            yield Raw(place, at + 1, values)


def _balances(given: list[Any], found: Found) -> Iterator[Raw]:
    for at, each in enumerate(given):
        place = f"/balances/{at}"
        values = _texts(each, place, found)
        if values is None:
            continue
        of = {name: values.get(name) for name in ("account", "currency")}
        for name in ("opening", "closing"):
            if values.get(name) is not None:
                yield Raw(place, at + 1, {**of, "amount": values[name]}, name.upper())


def _texts(each: Any, place: str, found: Found) -> Mapping[str, str | None] | None:
    """Return the fields of an object, which are texts or absent; None, with a fault, for anything else."""
    if not isinstance(each, dict):
        found.faults.append(Fault(place, "An object.", "type"))
        return None
    bent = [name for name, value in each.items() if value is not None and not isinstance(value, str)]
    found.faults += [
        Fault(f"{place}/{name}", "A text, also of numbers: 1250.50 is not exact.", "type") for name in bent
    ]
    return None if bent else each


JSON = StatementFormat(code="JSON", title="JSON", media_types=("application/json",), read=_read)
