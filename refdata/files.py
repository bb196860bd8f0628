"""Rows from text: CSV, JSON and NDJSON, read so that no decimal ever becomes a float."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from refdata.services import Unreadable

_decoder = msgspec.json.Decoder(float_hook=Decimal)


class BrokenFile(Exception):  # noqa: N818
    """The text as a whole cannot be split into rows; the message says why."""


def rows_of_csv(data: bytes) -> list[Any]:
    """Return the rows of a CSV text with a header line: cells trimmed, empty ones None.

    UTF-8, with or without a byte order mark. A line with too many or too few cells is an Unreadable row.
    Raises BrokenFile for another encoding, broken quotes or a header with repeated or empty names.
    """
    return [row for _, row in numbered_rows_of_csv(data)[1]]


def numbered_rows_of_csv(data: bytes) -> tuple[list[str], list[tuple[int, Any]]]:
    """Return the header of a CSV text, and as `rows_of_csv` its rows, each with the line of the file it ends on."""
    try:
        lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip() for name in next(lines, [])]
        if not header or "" in header or len(set(header)) < len(header):
            raise BrokenFile("The first line must name every column once.")
        return header, [
            (lines.line_num, _row_of_cells(header, cells)) for cells in lines if any(map(str.strip, cells))
        ]
    except UnicodeDecodeError:
        raise BrokenFile("The text is not UTF-8.") from None
    except csv.Error as error:
        raise BrokenFile(f"The text is not CSV: {error}.") from None


def _row_of_cells(header: list[str], cells: list[str]) -> dict[str, str | None] | Unreadable:
    if len(cells) != len(header):
        return Unreadable(f"{len(cells)} cells under a header of {len(header)}.")
    return {name: cell.strip() or None for name, cell in zip(header, cells, strict=True)}


def rows_of_json(data: bytes) -> list[Any]:
    """Return the rows of `{"items": […]}` or of a bare array. Raises BrokenFile for anything else."""
    try:
        document = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BrokenFile(f"The text is not JSON: {error}.") from None
    if isinstance(document, dict) and list(document) == ["items"]:
        document = document["items"]
    if not isinstance(document, list):
        raise BrokenFile('Send {"items": […]}.')
    return document


def rows_of_ndjson(data: bytes) -> list[Any]:
    """Return one row per line that is not empty; a broken line is an Unreadable row."""
    return [_row_of_line(line) for line in data.split(b"\n") if line.strip()]


def _row_of_line(line: bytes) -> Any:
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return Unreadable(f"The line is not JSON: {error}.")


_READERS: dict[str, Callable[[bytes], list[Any]]] = {
    ".csv": rows_of_csv,
    ".json": rows_of_json,
    ".ndjson": rows_of_ndjson,
    ".jsonl": rows_of_ndjson,
}


def numbered_rows(name: str, data: bytes) -> list[tuple[int, Any]]:
    """Return the rows of a text that is called like a file, each with the line of CSV that it ends on, or its place.

    Raises BrokenFile, also for an unknown suffix.
    """
    suffix = Path(name).suffix.lower()
    if suffix == ".csv":
        return numbered_rows_of_csv(data)[1]
    return list(enumerate(_reader_of(Path(name))(data), start=1))


def rows_of_file(path: Path) -> list[Any]:
    """Return the rows of a file, read by its suffix. Raises BrokenFile, also for an unknown suffix."""
    return _reader_of(path)(path.read_bytes())


def _reader_of(path: Path) -> Callable[[bytes], list[Any]]:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BrokenFile(f"{path.name}: use one of {', '.join(_READERS)}.")
    return reader


def chunks(rows: list[Any], size: int) -> Iterator[list[Any]]:
    """Yield the rows in order, at most `size` at a time."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
