"""CSV: a head with the names of the fields, then a line for each record. Of cash, `type` may say OPENING or CLOSING."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from core.http.problem import Fault, unreadable
from ledger.formats.base import Found, Raw, StatementFormat
from ledger.kinds.base import Kind

TYPE = "type"  # of a line: ENTRY unless it says otherwise
ENTRIES = ("ENTRY", "OPENING", "CLOSING")
_LINE_MAX = 10_000  # characters


def _read(body: bytes, kind: Kind) -> Found:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise unreadable([Fault("", "The file must be in UTF-8.", "malformed")]) from None
    delimiter = ";" if text[:_LINE_MAX].partition("\n")[0].count(";") else ","
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        head = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise unreadable([Fault("/lines/1", f"{error}.", "malformed")]) from None
    known = {*kind.names, *([TYPE] if kind.balances else [])}
    faults = [
        Fault(f"/lines/1/{name or at}", "There is no such field.", "unknown-field")
        for at, name in enumerate(head, 1)
        if name not in known
    ]
    faults += [
        Fault(f"/lines/1/{each.name}", "This column is required.", "missing")
        for each in kind.fields
        if each.required and each.name not in head
    ]
    if len(set(head)) < len(head):
        faults.append(Fault("/lines/1", "A column stands here twice.", "twice"))
    found = Found((), faults)
    if not faults:
        found.lines = _lines(reader, head, found)
    return found


def _lines(reader: Iterator[list[str]], head: list[str], found: Found) -> Iterator[Raw]:
    counted = reader
    while True:
        try:
            cells = next(counted, None)
        except csv.Error as error:
            raise unreadable([Fault(f"/lines/{_number(reader)}", f"{error}.", "malformed")]) from None
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        number = _number(reader)
        place = f"/lines/{number}"
        if len(cells) != len(head):
            raise unreadable(
                [Fault(place, f"This line has {len(cells)} cells where the head has {len(head)}.", "cells")]
            )
        values: dict[str, str | None] = dict(zip(head, cells, strict=True))
        entry = (values.pop(TYPE, None) or "ENTRY").strip().upper()
        if entry not in ENTRIES:
            raise unreadable([Fault(f"{place}/{TYPE}", f"One of {', '.join(ENTRIES)}.", "unknown")])
        yield Raw(place, number, values, entry)


def _number(reader: Iterator[list[str]]) -> int:
    """Return the number of the line of the file on which the reader stands."""
    return int(reader.line_num)  # type: ignore[attr-defined]


CSV = StatementFormat(code="CSV", title="CSV", media_types=("text/csv",), read=_read)
