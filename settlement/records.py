"""Reads of batches whose lines are records of other apps. Nothing here writes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

import msgspec

from core import sql
from core.as_of import HAPPENED, AsOf
from core.contents import Content, content_of
from core.ids import public_id
from core.money import format_number
from settlement.selectors import content

_DECODER = msgspec.json.Decoder(dict[str, Any])
_ANSWERED = f"r.answered_at IS NOT NULL AND core_known(r.answered_xid, r.answered_at, {HAPPENED})"
_RECORDS = """
SELECT r.batch_id, r.line, r.channel, r.record_id, r.attempt, r.asset, r.quantities,
       CASE WHEN {answered} THEN r.status ELSE 'SEALED' END AS status,
       CASE WHEN {answered} THEN r.reason ELSE '' END AS reason,
       CASE WHEN {answered} THEN r.answered_at END AS answered_at,
       {again} AS again_in
FROM settlement_record r
WHERE r.batch_id = %(batch_id)s AND r.line > %(after)s ORDER BY r.line LIMIT %(limit)s
"""


def records_of(
    batch_id: int, *, after_line: int = 0, limit: int, as_of: AsOf | None = None
) -> list[dict[str, Any]]:
    """Return records of a batch after a line, with what the back office has said of them, or had; as `reference` their
    public ids, as `sums` their quantities by direction. again_in: the batch of their next attempt, in the present."""
    statement = _RECORDS.format(
        answered="true" if as_of is None else _ANSWERED,
        again="r.again_in" if as_of is None else "NULL::bigint",
    )
    rows = sql.records(
        statement,
        {
            **(as_of.parameters() if as_of else {}),
            "batch_id": batch_id,
            "after": after_line,
            "limit": limit,
        },
    )
    return [_told(row, content_of(row["channel"])) for row in rows]


def _told(row: dict[str, Any], kind: Content | None) -> dict[str, Any]:
    directions = kind.directions if kind else ()
    prefix = kind.prefix if kind else "rec"
    return {
        **row,
        "reference": public_id(prefix, row["record_id"]),
        "sums": dict(zip(directions, row["quantities"], strict=False)),
    }


def record_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said of a record as JSON-ready data."""
    return {
        "record": row["reference"],
        "line": row["line"],
        "attempt": row["attempt"],
        "asset": row["asset"],
        "totals": {direction: format_number(amount) for direction, amount in row["sums"].items()},
        "processing": row["status"],
        "processing_reason": row["reason"],
        "recalled": row["status"] == "RECALLED",
    }


def as_csv(batch_id: int, kind: Content) -> Iterator[bytes]:
    """Yield the records of a batch as CSV (RFC 4180, in UTF-8), a run of lines at a time; the first row names the
    columns."""
    yield _written([[name for name, _ in kind.columns]])
    for page in content(batch_id):
        yield _written([row for line in page.splitlines() for row in kind.rows(_DECODER.decode(line))])


def _written(rows: list[Any]) -> bytes:
    out = StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
