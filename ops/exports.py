"""Lists as files: the rows of a list with the columns that somebody sees, as CSV, JSON or XLSX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from tempfile import TemporaryFile
from typing import IO, Any

import xlsxwriter
from django.conf import settings
from django.db import transaction

from core import sql
from core.audit import Actor, encode, record
from core.http.problem import Problem
from core.sight import as_seen
from core.wording import as_the_code_says
from ops.lists._cells import Row, Value
from ops.lists.base import Asked, Column, Listed
from ops.saved_views import Content
from trades.selectors.blotter import TooBroad

ROWS_MAX = 10_000  # that leave at once; more are made in the background
TOO_MANY = "too-many"
_CHUNK = 500  # rows that leave together
_BYTES = 64 * 1024
# With what a spreadsheet takes text for something to compute: at its beginning, and behind what it may take for the
# end of a cell or row, as where lists are written with semicolons and a comma is only a decimal point.
_FORMULA = re.compile(r"(?:^|(?<=[;\t\r\n|]))(?=[=+\-@\t\r])")
_EXACT_DIGITS = 15  # that a spreadsheet's number keeps


@dataclass(frozen=True)
class Format:
    """A form of file: its media type, and how rows become its bytes."""

    media_type: str
    write: Callable[[Export], Iterator[bytes]]


@dataclass(frozen=True)
class Export:
    """What leaves: a list with its filter, the columns shown, and the rows, `at` a moment. Its rows are read once."""

    listed: Listed
    content: Content
    shown: Sequence[Column]
    rows: Iterable[Row]
    at: datetime

    def heads(self) -> list[str]:
        """Return the heads as on the page; moments are told in UTC."""
        return [_head(each) for each in self.shown]

    def values(self) -> Iterator[list[Value]]:
        """Yield the values of each row."""
        for row in self.rows:
            with as_the_code_says():  # whoever reads it: a file is the same for all
                told = [each.cell.value(row) for each in self.shown]
            yield told


def _head(column: Column) -> str:
    if column.zoned:
        return f"{column.title} (UTC)"
    return f"{column.title} ({settings.BASE_CURRENCY})" if column.base else column.title


def gather(*, listed: Listed, content: Content, shown: Sequence[Column], asked: Asked) -> tuple[Export, int]:
    """Read the rows of a list in their order, and return how many. Problem 422, `too-many`, above ROWS_MAX, and when
    too many records would be looked through.
    """
    rows: list[Row] = []
    try:
        with transaction.atomic(), as_seen():  # lists may read by a cursor
            for some in listed.pages(asked):
                rows += some
                if len(rows) > ROWS_MAX:
                    break
    except (TooBroad, sql.TookTooLong):
        raise _too_many("This looks through too many records.") from None
    if len(rows) > ROWS_MAX:
        raise _too_many(f"There are more than {ROWS_MAX:,} {listed.title}.")
    return Export(listed, content, shown, rows, asked.now), len(rows)


def _too_many(title: str) -> Problem:
    detail = "Narrow the filter, or have the file made in the background. Nothing was sent."
    return Problem(422, TOO_MANY, title, detail=detail)


def tell(export: Export, form: str, *, rows: int, user_id: int, actor: Actor) -> None:
    """Write to the log who takes which list away, and how many rows of it."""
    record(
        type="list.exported",
        subject="user",
        ids=[user_id],
        actor=actor,
        at=export.at,
        data={
            "list": export.listed.code,
            "format": form,
            "rows": rows,
            "filter": export.content.parameters,
            "columns": [each.code for each in export.shown],
        },
    )


def plain(value: Value) -> str:
    """Return a value as text with all its digits; moments in UTC."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def harmless(text: str) -> str:
    """Return text of which no spreadsheet takes any part for a formula."""
    return _FORMULA.sub("'", text)


def _csv(export: Export) -> Iterator[bytes]:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(export.heads())
    for number, values in enumerate(export.values(), start=1):
        writer.writerow([harmless(each) if isinstance(each, str) else plain(each) for each in values])
        if number % _CHUNK == 0:
            yield _taken(out)
    yield _taken(out)


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode()


def _json(export: Export) -> Iterator[bytes]:
    columns = [
        {"code": each.code, "title": head} for each, head in zip(export.shown, export.heads(), strict=True)
    ]
    told = {
        "list": export.listed.code,
        "at": plain(export.at),
        "filter": export.content.parameters,
        "columns": columns,
    }
    yield encode(told)[:-1].encode() + b',"items":['
    codes = [each.code for each in export.shown]
    some: list[str] = []
    for number, values in enumerate(export.values()):
        item = {
            code: value if value is None or isinstance(value, (int, str)) else plain(value)
            for code, value in zip(codes, values, strict=True)
        }
        some.append(("," if number else "") + encode(item))
        if len(some) == _CHUNK:
            yield "".join(some).encode()
            some = []
    yield "".join([*some, "]}"]).encode()


def _xlsx(export: Export) -> Iterator[bytes]:
    with TemporaryFile() as file:
        _write_book(export, file)
        file.seek(0)
        while part := file.read(_BYTES):
            yield part


def _write_book(export: Export, file: IO[bytes]) -> None:
    # Row by row into a file of its own: no more than a row is in memory.
    book = xlsxwriter.Workbook(file, {"constant_memory": True})
    sheet = book.add_worksheet(export.listed.title.capitalize()[:31])
    sheet.freeze_panes(1, 1)
    forms: dict[str, Any] = {}

    def form(pattern: str) -> Any:
        if pattern not in forms:  # the workbook keeps every one that it makes
            forms[pattern] = book.add_format({"num_format": pattern})
        return forms[pattern]

    sheet.write_row(0, 0, export.heads(), book.add_format({"bold": True}))
    for number, values in enumerate(export.values(), start=1):
        for place, value in enumerate(values):
            _write_cell(sheet, number, place, value, form)
    book.close()


def _write_cell(sheet: Any, number: int, place: int, value: Value, form: Callable[[str], Any]) -> None:
    if value is None:
        return
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None)
        sheet.write_datetime(number, place, moment, form("yyyy-mm-dd hh:mm:ss"))
    elif isinstance(value, date):
        sheet.write_datetime(number, place, value, form("yyyy-mm-dd"))
    elif isinstance(value, (Decimal, int)) and _fits(value):
        digits = -min(0, int(Decimal(value).as_tuple().exponent))
        sheet.write_number(number, place, value, form("0" + ("." + "0" * digits if digits else "")))
    else:  # text is never taken for a formula here
        sheet.write_string(number, place, plain(value))


def _fits(value: Decimal | int) -> bool:
    return len(Decimal(value).as_tuple().digits) <= _EXACT_DIGITS


FORMATS: dict[str, Format] = {
    "csv": Format("text/csv; charset=utf-8", _csv),
    "json": Format("application/json", _json),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _xlsx),
}


def parts(export: Export, form: str) -> Iterable[bytes]:
    """Return the bytes of a file, part by part. form: one of FORMATS."""
    return FORMATS[form].write(export)
