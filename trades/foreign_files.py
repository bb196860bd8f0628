"""Reading a foreign file: its rows, grouped, mapped to typed messages, each with the lines it came from.

Every row of the file comes out of here exactly once: in a message, or with the reason why it is in none.
Memory is bounded by one group of rows; what must be remembered of the whole file is kept in a temporary
database on disk.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO

import msgspec

from core.money import ZERO
from refdata.services import KINDS
from trades.mapping import FileMapping, Row, Scope, Unmapped
from trades.products._reading import Unreadable, read_message
from trades.products.base import Message

GROUP_ROWS_MAX = 5_001  # one more than an order may have lines: such a group is refused, not held
LINE_LENGTH_MAX = 4 * 1024 * 1024
_NOT_TEXT = "\udc80", "\udcff"  # how bytes that are no text of the file's encoding are read


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row: its first and last line in the file, and its columns or what is wrong with it."""

    lines: tuple[int, int]
    columns: Row
    fault: str = ""


@dataclass(slots=True)
class Read:
    """What came of one row or group: a message, or the reason why there is none.

    lines: first and last line in the file; rows: how many rows; control: the control sums by currency.
    """

    lines: tuple[int, int]
    rows: int
    message: Message | None = None
    reason: str = ""
    control: dict[str, Decimal] = field(default_factory=dict)

    def where(self) -> str:
        """Return the lines in words."""
        first, last = self.lines
        return f"line {first}" if first == last else f"lines {first} to {last}"


class Unusable(Exception):  # noqa: N818
    """The file as a whole does not fit the mapping."""


class Seen:
    """Remembers texts on disk, with the line on which each came first."""

    def __init__(self) -> None:
        # An empty name is a database that SQLite keeps in memory while small, and on disk when it grows.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA cache_size = -32768")  # KiB
        self._database.execute("CREATE TABLE seen (text TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self._database.execute("BEGIN")  # never committed: one transaction writes least

    def first(self, text: str, line: int) -> int | None:
        """Remember a text; return the line it was first seen on, or None when this is the first time."""
        added = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (text, line))
        if added.rowcount:
            return None
        (known,) = self._database.execute("SELECT line FROM seen WHERE text = ?", (text,)).fetchone()
        return int(known)

    def close(self) -> None:
        """Forget everything."""
        self._database.close()


def read_rows(stream: BinaryIO, mapping: FileMapping) -> Iterator[FileRow]:
    """Yield the rows of a file; Unusable when its columns are not those that the mapping knows."""
    lines = _text_lines(stream, mapping.encoding)
    rows = _csv_rows(lines, mapping) if mapping.format == "csv" else _json_rows(lines, mapping)
    for row in rows:
        bad = [name for name, text in row.columns.items() if text and _undecodable(text)]
        if bad:
            yield FileRow(row.lines, {}, f"{', '.join(bad)}: not {mapping.encoding} text")
        else:
            yield row


def _text_lines(stream: BinaryIO, encoding: str) -> Iterator[str]:
    text = io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline="")
    try:
        while line := text.readline(LINE_LENGTH_MAX):
            if len(line) == LINE_LENGTH_MAX:
                raise Unusable(f"a line has more than {LINE_LENGTH_MAX:,} characters")
            yield line
    finally:
        text.detach()  # the stream is the caller's to close


def _undecodable(text: str) -> bool:
    low, high = _NOT_TEXT
    return any(low <= each <= high for each in text)


def _csv_rows(lines: Iterator[str], mapping: FileMapping) -> Iterator[FileRow]:
    reader = csv.reader(lines, delimiter=mapping.delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise Unusable(f"the first line is not CSV: {error}") from None
    _verify_columns(header, mapping)
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield FileRow((first, reader.line_num), {}, f"not CSV: {error}")
            continue
        if not cells:
            continue  # an empty line is no row
        where = (first, reader.line_num)
        if len(cells) == len(header):
            yield FileRow(where, dict(zip(header, cells, strict=True)))
        else:
            yield FileRow(where, {}, f"{len(cells)} columns instead of {len(header)}")


def _verify_columns(header: Sequence[str], mapping: FileMapping) -> None:
    """Nothing is dropped silently: a column is used or named under `ignore`; one that is used is there."""
    repeated = sorted({name for name in header if header.count(name) > 1})
    faults = [f"the column {name} comes twice" for name in repeated]
    faults += [f"there is no column {name}" for name in sorted(mapping.columns - set(header))]
    faults += [
        f"the column {name} is not used; name it under `ignore` if that is meant"
        for name in header
        if name not in mapping.columns
    ]
    if faults:
        raise Unusable("; ".join(faults))


def _json_rows(lines: Iterator[str], mapping: FileMapping) -> Iterator[FileRow]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            document = json.loads(line, parse_float=str, parse_int=str)
        except (json.JSONDecodeError, RecursionError) as error:
            yield FileRow((number, number), {}, f"not JSON: {error}")
            continue
        if not isinstance(document, dict):
            yield FileRow((number, number), {}, "not a JSON object")
            continue
        columns = dict(_flat(document))
        unused = sorted(set(columns) - mapping.columns)
        fault = f"not used, nor named under `ignore`: {', '.join(unused)}" if unused else ""
        yield FileRow((number, number), columns, fault)


def _flat(document: dict[str, Any], above: str = "") -> Iterator[tuple[str, str | None]]:
    """Yield the texts of a document; `a.b` is b inside of a, `a.0` the first of the list a."""
    for name, value in document.items():
        path = f"{above}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{path}.")
        elif isinstance(value, list):
            yield from _flat({str(at): each for at, each in enumerate(value)}, f"{path}.")
        elif isinstance(value, bool):
            yield path, str(value).lower()
        else:
            yield path, value


@dataclass(slots=True)
class _Group:
    """Rows that make one message. Beyond GROUP_ROWS_MAX they are counted, not held."""

    key: str | None
    lines: tuple[int, int]
    rows: list[Row]
    count: int = 1
    fault: str = ""

    def add(self, row: FileRow) -> None:
        self.lines = (self.lines[0], row.lines[1])
        self.count += 1
        if len(self.rows) < GROUP_ROWS_MAX:
            self.rows.append(row.columns)


def read_messages(stream: BinaryIO, *, mapping: FileMapping, source: str = "") -> Iterator[Read]:
    """Yield what the rows of a file come to, in order. `source` goes before the mapping's own."""
    seen = Seen()
    try:
        for group in _groups(read_rows(stream, mapping), mapping):
            yield _read_group(group, mapping, source or mapping.source, seen)
    finally:
        seen.close()


def _groups(rows: Iterator[FileRow], mapping: FileMapping) -> Iterator[_Group]:
    """Gather rows that follow each other and have the same key.

    A broken row stands alone. The groups beside it may lack it, so they are refused with it: an order is
    captured whole or not at all.
    """
    group: _Group | None = None
    broken = 0
    for row in rows:
        key, fault = _key(row, mapping)
        if group is not None and key is not None and key == group.key:
            group.add(row)
            continue
        if group is not None:
            if fault and mapping.group_by is not None:
                group.fault = group.fault or _beside(row.lines[0])
            yield group
        if not fault and broken and mapping.group_by is not None:
            fault = _beside(broken)
        broken = row.lines[0] if key is None and fault else 0
        group = _Group(key, row.lines, [row.columns], fault=fault)
    if group is not None:
        yield group


def _key(row: FileRow, mapping: FileMapping) -> tuple[str | None, str]:
    """Return what groups a row, and what is wrong with it. Rows of a mapping without groups have no key."""
    if row.fault or mapping.group_by is None:
        return None, row.fault
    try:
        key = mapping.group_by(Scope(row.columns, [row.columns]))
    except Unmapped as error:
        return None, f"group_by: {error}"
    return key, "" if key is not None else "there is nothing to group the row by"


def _beside(line: int) -> str:
    return f"line {line} beside it cannot be read and may belong to it"


def _read_group(group: _Group, mapping: FileMapping, source: str, seen: Seen) -> Read:
    read = Read(group.lines, group.count)
    try:
        if group.fault:
            raise Unmapped(group.fault)
        _verify_same(group, mapping)
        scope = Scope(group.rows[0], group.rows)
        document = {"source": source, **mapping.fields(scope)}
        _settle_repeats(document, mapping, group.lines[0], seen)
        read.message = read_message(msgspec.json.encode(document))
        read.control = _control(group, mapping)
    except Unmapped as error:
        read.message, read.reason = None, str(error)
    except Unreadable as error:
        read.reason = "; ".join(f"{fault.pointer} {fault.detail}".strip() for fault in error.faults)
    return read


def _verify_same(group: _Group, mapping: FileMapping) -> None:
    for name in mapping.same:
        found = {row.get(name) or "" for row in group.rows}
        if len(found) > 1:
            raise Unmapped(f"{name} differs within {group.key}: {', '.join(sorted(found))}")


def _settle_repeats(document: dict[str, Any], mapping: FileMapping, line: int, seen: Seen) -> None:
    """Give a reference that came before a number, or refuse it: two deals never share one silently."""
    reference = document.get("source_ref")
    if not isinstance(reference, str):
        return  # reading the message says so
    earlier = seen.first(reference, line)
    if earlier is None:
        return
    if not mapping.number_repeats:
        raise Unmapped(f"source_ref {reference} came before on line {earlier}")
    number = 2
    while seen.first(f"{reference}#{number}", line) is not None:
        number += 1
    document["source_ref"] = f"{reference}#{number}"


def _control(group: _Group, mapping: FileMapping) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    if mapping.control is not None:
        for row in group.rows:
            scope = Scope(row, group.rows)
            amount, currency = mapping.control.amount(scope), mapping.control.currency(scope)
            if amount is not None:
                sums[currency] = sums.get(currency, ZERO) + amount
    return sums


@dataclass(frozen=True, slots=True)
class ReferenceRead:
    """A row of reference data that the file implies, or the reason why it cannot be made."""

    kind: str
    lines: tuple[int, int]
    fields: dict[str, Any]
    reason: str = ""


def read_reference_rows(stream: BinaryIO, *, mapping: FileMapping) -> Iterator[ReferenceRead]:
    """Yield the reference data that the rows of a file imply: each once, as its first row says.

    Rows that cannot be read at all are left to the import itself, which names them.
    """
    seen = Seen()
    try:
        for row in read_rows(stream, mapping):
            if not row.fault:
                yield from _references_of(row, mapping, seen)
    finally:
        seen.close()


def _references_of(row: FileRow, mapping: FileMapping, seen: Seen) -> Iterator[ReferenceRead]:
    scope = Scope(row.columns, [row.columns])
    for each in mapping.refdata:
        try:
            if not each.when(scope):
                continue
            fields = each.fields(scope)
        except Unmapped as error:
            if seen.first(f"{each.kind} {error}", row.lines[0]) is None:
                yield ReferenceRead(each.kind, row.lines, {}, str(error))
            continue
        identity = json.dumps([each.kind, *(fields.get(name) for name in KINDS[each.kind].key)])
        if seen.first(identity, row.lines[0]) is None:
            yield ReferenceRead(each.kind, row.lines, fields)
